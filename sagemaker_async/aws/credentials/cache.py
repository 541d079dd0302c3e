"""Credentials kept from use to use and renewed ahead of their expiration.

Refresh policy
--------------
Credentials pass through three phases, counted back from their expiration:

* *fresh*: calls get them at once.
* *advisory*, the last 15 minutes: calls still get them at once; the first call starts a refresh in the background. If
  it fails, the credentials stay in use, a warning is logged, and the next try comes a tenth of the phase (30 s) later.
* *mandatory*, the last 10 minutes: calls wait for a refresh and raise if it fails. (These are botocore's numbers.)

Credentials that live for less than an hour have shorter phases in proportion: a quarter and a sixth of the life that
was left when they were fetched, so that even credentials that live for one minute are not fetched for every call.

At most one refresh is under way at any time, and every call that needs its outcome waits for it. Cancelling one waiting
call affects neither the others nor the refresh.

Credentials without an expiration are kept until AWS refuses them (`refresh`); when `keep_unexpiring` is false, they are
fetched for each call. Fixed credentials with an expiration are used until then.

A cache belongs to the event loop it runs on. A refresh that another loop left behind (in a forked child, or a second
``asyncio.run``) is abandoned and a new one started; the credentials themselves are kept.
"""

from __future__ import annotations

import asyncio
import copy
import datetime
import inspect
import logging
import math
from typing import TypeAlias

from sagemaker_async.aws.frames import forget_frames
from sagemaker_async.aws.timing import SYSTEM_TIMING, Timing
from sagemaker_async.config import Credentials, CredentialSource
from sagemaker_async.errors import (
    CredentialsError,
    CredentialsExpiredError,
    SageMakerAsyncError,
    SessionClosedError,
)

__all__ = ["ADVISORY_SECONDS", "MANDATORY_SECONDS", "CredentialCache", "KeepsUnexpiring"]

ADVISORY_SECONDS = 15 * 60.0
"""How long before their expiration credentials are refreshed in the background."""
MANDATORY_SECONDS = 10 * 60.0
"""How long before their expiration calls wait for fresh ones."""

_Flight: TypeAlias = "asyncio.Task[Credentials | SageMakerAsyncError]"
"""A refresh under way; it returns its error, so that asyncio does not report one that nobody waits for any more."""

_logger = logging.getLogger(__name__)


class KeepsUnexpiring:
    """Marks a source whose credentials, when they have no expiration, are long-lived: good until AWS refuses them."""

    __slots__ = ()


class CredentialCache:
    """Keeps the credentials of a source and renews them by the module's policy; itself a `CredentialSource`.

    Args:
        source: called when the cache is empty, before its credentials expire, and after AWS refused them.
        advisory: length of the advisory phase in seconds.
        mandatory: length of the mandatory phase in seconds, at most `advisory`.
        keep_unexpiring: whether credentials without an expiration are kept.
        name: what errors call the source; None: its class.
        timing: whose `clock` says when credentials expire.
    """

    def __init__(
        self,
        source: CredentialSource,
        *,
        advisory: float = ADVISORY_SECONDS,
        mandatory: float = MANDATORY_SECONDS,
        keep_unexpiring: bool = True,
        name: str | None = None,
        timing: Timing = SYSTEM_TIMING,
    ) -> None:
        self._source = source
        self._source_name = name or type(source).__name__
        self._clock = timing.clock
        self._advisory = advisory
        self._mandatory = mandatory
        self._keep_unexpiring = keep_unexpiring
        self._credentials: Credentials | None = None
        self._refresh_at = -math.inf
        self._required_at = -math.inf
        self._pause = 0.0
        self._flight: _Flight | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"CredentialCache({self._source_name})"

    def fresh(self, now: float) -> Credentials | None:
        """Return credentials that need no waiting at the time `now`, else None; must be called on the event loop.

        In the advisory phase it starts the refresh in the background.
        """
        if now < self._refresh_at:
            return self._credentials
        if now >= self._required_at:
            return None
        self._refresh_at = min(now + self._pause, self._required_at)
        if self._flight_under_way() is None:
            self._started_flight().add_done_callback(self._log_failure)
        return self._credentials

    async def get(self) -> Credentials:
        """Return credentials that are valid now.

        Raises:
            CredentialsExpiredError: the credentials have expired and could not be renewed.
            CredentialsError: none were found, or they are about to expire and could not be renewed.
            SessionClosedError: the cache was closed before or meanwhile.
        """
        credentials = self.fresh(self._clock())
        return credentials if credentials is not None else await self._landed()

    async def refresh(self, rejected: Credentials) -> Credentials:
        """Return credentials other than those that AWS refused, if the source has others by now.

        Returns at once when the cache already holds others. The result may equal `rejected`, when the source gives the
        same credentials again. Raises the same errors as `get`.
        """
        if self._credentials == rejected:
            self._refresh_at = self._required_at = -math.inf
            return await self._landed()
        return await self.get()

    async def close(self) -> None:
        """Forget the credentials and cancel a refresh; calls waiting for it get `SessionClosedError`. Idempotent."""
        self._closed = True
        self._credentials = None
        self._refresh_at = self._required_at = -math.inf
        if (flight := self._flight_under_way()) is not None:
            flight.cancel()
            await asyncio.wait((flight,))

    async def _landed(self) -> Credentials:
        if self._closed:
            raise SessionClosedError("the session was closed, and its credentials were dropped")
        flight = self._flight_under_way() or self._started_flight()
        # Not awaited directly: cancelling one waiting call must not cancel the refresh of the others.
        await asyncio.wait((flight,))
        if flight.cancelled():
            if self._closed:
                raise SessionClosedError("the session was closed while credentials were being fetched")
            raise CredentialsError(f"{self._source_name}: the refresh of the credentials was cancelled; try again")
        outcome = flight.result()
        if isinstance(outcome, Credentials):
            return outcome
        raise self._failure(outcome)

    def _flight_under_way(self) -> _Flight | None:
        flight = self._flight
        if flight is None or flight.done() or flight.get_loop() is not asyncio.get_running_loop():
            return None
        return flight

    def _started_flight(self) -> _Flight:
        flight = self._flight = asyncio.create_task(self._fetch(), name="sagemaker-async credentials")
        return flight

    async def _fetch(self) -> Credentials | SageMakerAsyncError:
        try:
            coming: object = self._source.get()
            if not inspect.isawaitable(coming):
                raise CredentialsError(
                    f"the get() of the credential source {self._source_name} is not asynchronous: "
                    "write 'async def get(self)'"
                )
            credentials: Credentials = await coming
            self._keep(credentials)
        except SageMakerAsyncError as error:
            forget_frames(error)
            return error
        except Exception as error:  # noqa: BLE001 - a user's source may raise anything; only our errors may escape
            failure = CredentialsError(f"the credential source {self._source_name} raised {type(error).__name__}")
            failure.__cause__ = error
            forget_frames(failure)
            return failure
        return credentials

    def _keep(self, credentials: Credentials) -> None:
        if not isinstance(credentials, Credentials):
            raise CredentialsError(
                f"the credential source {self._source_name} returned {type(credentials).__name__}; "
                "its get() must return sagemaker_async.Credentials"
            )
        if credentials.expiration is None:
            refresh_at = required_at = math.inf if self._keep_unexpiring else -math.inf
        else:
            now, expires_at = self._clock(), credentials.expiration.timestamp()
            life = expires_at - now
            if life <= 0:
                raise CredentialsExpiredError(
                    f"{self._source_name} gave credentials that expired at {_utc(expires_at)} "
                    f"(it is {_utc(now)} by this machine's clock); renew them where they come from, "
                    "or give the session a source that can"
                )
            refresh_at = expires_at - min(self._advisory, life / 4)
            required_at = expires_at - min(self._mandatory, life / 6)
        if self._closed:
            return
        self._credentials = credentials
        self._refresh_at = refresh_at
        self._required_at = required_at
        self._pause = (required_at - refresh_at) / 10 if math.isfinite(refresh_at) else 0.0

    def _failure(self, error: SageMakerAsyncError) -> SageMakerAsyncError:
        """Return the error for one waiting call: each gets a copy, because raising writes to the exception."""
        held = self._credentials
        if (
            held is not None
            and held.expiration is not None
            and held.expiration.timestamp() <= self._clock()
            and not isinstance(error, CredentialsExpiredError)
        ):
            expired = CredentialsExpiredError(
                f"the credentials expired at {_utc(held.expiration.timestamp())} and could not be renewed: {error}"
            )
            expired.__cause__ = error
            return expired
        own = copy.copy(error)
        own.__cause__ = error.__cause__
        return own

    def _log_failure(self, flight: _Flight) -> None:
        if not flight.cancelled() and isinstance(failure := flight.result(), SageMakerAsyncError):
            _logger.warning("credentials could not be renewed early; the current ones stay in use: %s", failure)


def _utc(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")
