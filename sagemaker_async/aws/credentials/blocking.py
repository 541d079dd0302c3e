"""Where botocore runs: in a thread of its own, with its exceptions made into ours.

The only module that knows how botocore holds credentials and what it raises. Nothing foreign gets past `translated`:
the exceptions of botocore, of the standard library's parsers and of sockets may carry a secret in their text or their
attributes (a JSON error holds the whole document, a parse error the offending line), so ours are raised without them
as cause or context and without the frames they came through, and repeat only text that is known to be free of secrets.

botocore is imported inside the functions: a program that never needs it does not pay for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sagemaker_async import _lazy
from sagemaker_async.aws.frames import forget_frames
from sagemaker_async.config import Credentials
from sagemaker_async.errors import ConfigurationError, CredentialsConfigurationError, CredentialsError

from .cache import KeepsUnexpiring

if TYPE_CHECKING:
    from botocore.session import Session

__all__ = [
    "ThreadedSource",
    "bounded",
    "class_names",
    "credentials_from_botocore",
    "credentials_from_metadata",
    "explained",
    "explained_sso",
    "new_credentials",
    "new_session",
    "run_in_thread",
    "selected_profile",
    "translated",
]

T = TypeVar("T")

_CONNECT_SECONDS, _READ_SECONDS = 5, 20
"""Limits of one HTTP exchange with STS, SSO or Cognito; botocore's own minute would hold up a refresh for too long."""


async def run_in_thread(function: Callable[[], T]) -> T:
    """Run blocking code in a new daemon thread and return its result.

    The loop's executor is not used: it may be full of the user's own work, and a program that hangs in it would keep
    the interpreter from exiting. When the caller is cancelled, the thread finishes and its result is dropped.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(deliver: Callable[[], None]) -> None:
        if not outcome.done():
            deliver()

    def run() -> None:
        try:
            deliver = partial(outcome.set_result, function())
        except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
            forget_frames(error)
            deliver = partial(outcome.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, deliver)

    threading.Thread(target=run, name="sagemaker-async credentials", daemon=True).start()
    return await outcome


class ThreadedSource(KeepsUnexpiring, ABC):
    """A credential source whose work blocks: `get` runs `_load` in a thread."""

    __slots__ = ()

    async def get(self) -> Credentials:
        """Return credentials, fetched anew; raises `CredentialsError`."""
        return await run_in_thread(self._load)

    @abstractmethod
    def _load(self) -> Credentials: ...


def selected_profile() -> str | None:
    """Return the profile of the environment; unlike in botocore, ``AWS_PROFILE`` wins over ``AWS_DEFAULT_PROFILE``."""
    return os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or None


def new_session(profile: str | None = None, region: str | None = None) -> Session:
    """Return a new botocore session, which shares nothing and reads the shared files anew.

    `profile` makes botocore ignore the credentials in the environment; a profile that only the environment names does
    not. Without a `region`, ``AWS_REGION`` is looked at before the places that botocore knows.
    """
    session: Session = _lazy.library("botocore.session").Session(profile=profile)
    settings = session.get_component("config_store")
    settings.set_config_variable("profile", profile or selected_profile())
    if region := region or os.environ.get("AWS_REGION"):
        settings.set_config_variable("region", region)
    session.set_default_client_config(
        _lazy.library("botocore.config").Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS)
    )
    return session


# --- values ----------------------------------------------------------------------------------------------------------


def new_credentials(
    where: str,
    access_key_id: Any,
    secret_access_key: Any,
    session_token: Any,
    expiration: str | datetime.datetime | None,
    account_id: str | None = None,
) -> Credentials:
    """Return the credentials found at `where`; raises `CredentialsConfigurationError` when they are malformed."""
    moment = _in_utc(expiration) if expiration is not None else None
    if expiration is not None and moment is None:
        raise CredentialsConfigurationError(
            f"{where}: the expiration must be an ISO 8601 time such as 2030-01-31T12:00:00Z"
        )
    try:
        return Credentials(
            access_key_id,
            secret_access_key,
            session_token or None,
            account_id=account_id or None,
            expiration=moment,
        )
    except ConfigurationError as error:
        raise CredentialsConfigurationError(f"{where}: {error}") from None


def _in_utc(moment: str | datetime.datetime) -> datetime.datetime | None:
    """Return a moment in UTC, which one without a zone is in; None for a malformed text, or one out of range in UTC."""
    try:
        if isinstance(moment, str):
            moment = datetime.datetime.fromisoformat(moment)
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)
        return aware.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return None


def credentials_from_botocore(loaded: Any, where: str) -> Credentials:
    """Return a plain value from botocore's self-refreshing object, so that only our refresh policy applies.

    Private names are read because every public one refreshes by botocore's policy (twice the calls, and a failure with
    credentials that live for less time than botocore's windows); if they are missing, the public ones are used.
    """
    frozen = getattr(loaded, "_frozen_credentials", None) or loaded.get_frozen_credentials()
    return new_credentials(
        where,
        frozen.access_key,
        frozen.secret_key,
        frozen.token,
        getattr(loaded, "_expiry_time", None),
        getattr(frozen, "account_id", None),
    )


def credentials_from_metadata(metadata: Mapping[str, Any], where: str) -> Credentials:
    """Return the credentials in the mapping that botocore's fetchers return."""
    return new_credentials(
        where,
        metadata["access_key"],
        metadata["secret_key"],
        metadata["token"],
        metadata["expiry_time"],
        metadata.get("account_id"),
    )


# --- errors ----------------------------------------------------------------------------------------------------------


def translated(function: Callable[[], T], explain: Callable[[Exception], CredentialsError]) -> T:
    """Return what `function` returns; raise the error that `explain` makes of an exception of `function`.

    Our own `CredentialsError` passes unchanged.
    """
    try:
        return function()
    except CredentialsError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever botocore lets through is translated here
        failure = explain(error)
    # Raised outside the handler, so that the foreign error is not even the context of ours.
    raise failure


def class_names(error: Exception) -> set[str]:
    """Return the names of the error's classes, by which botocore's exceptions are recognised without importing it."""
    return {kind.__name__ for kind in type(error).__mro__}


_REACH = (
    "check the network, the region and the proxy, and AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_STS and "
    "AWS_ENDPOINT_URL_SSO if they are set"
)

_REMEDIES = {
    "LoginError": "sign in again: aws login",
    "NoRegionError": "set Config.region, AWS_REGION or the profile's region",
    "ConnectionError": _REACH,
    "HTTPClientError": _REACH,
}
"""What to do, by the name of botocore's exception; for the others, the source has a remedy of its own."""

_WRONG_SETTINGS = {"InvalidConfigError", "PartialCredentialsError", "InfiniteLoopConfigError", "ProfileNotFound"}


def explained(error: Exception, where: str, remedy: str) -> CredentialsError:
    """Return a `CredentialsError` that says what failed at `where` and what to do about it.

    Only messages of botocore and of `OSError` are repeated, up to 300 characters. Of other exceptions only the class is
    named, because their text may contain the data that they failed on.
    """
    names = class_names(error)
    if "ConfigParseError" in names:
        return _bad_file(error)
    for name in names & _REMEDIES.keys():
        remedy = _REMEDIES[name]
    facts: Mapping[str, Any] = getattr(error, "kwargs", {})
    if isinstance(error, ConfigurationError) or names & {"BotoCoreError", "ClientError"} or isinstance(error, OSError):
        said = bounded(str(facts.get("error_msg") or error))
    else:
        said = f"unusable answer ({type(error).__name__})"
    kind = CredentialsConfigurationError if names & _WRONG_SETTINGS else CredentialsError
    return kind(f"{where}: {said.rstrip('.')}; {remedy}")


_SSO_TOKEN_ERRORS = {"UnauthorizedSSOTokenError", "SSOTokenLoadError", "TokenRetrievalError"}


def explained_sso(error: Exception, where: str, sign_in: str, remedy: str) -> CredentialsError:
    """As `explained`; if the cached token (or its file) is the problem, the remedy is the command `sign_in`."""
    names = class_names(error)
    if names & _SSO_TOKEN_ERRORS or not names & {"BotoCoreError", "ClientError"}:
        remedy = f"sign in again: {sign_in}"
    return explained(error, where, remedy)


def _bad_file(error: Exception) -> CredentialsConfigurationError:
    facts: Mapping[str, Any] = getattr(error, "kwargs", {})
    cause = facts.get("error")
    lines = [number for number, _ in getattr(cause, "errors", ())] or [getattr(cause, "lineno", None)]
    place = f", line {lines[0]}," if lines[0] else ""
    return CredentialsConfigurationError(
        f"{facts.get('path')}{place} cannot be read as an AWS config file; correct it: UTF-8 text, "
        "each [section] once, and under it lines of the form name = value"
    )


def bounded(text: str, limit: int = 300) -> str:
    """Return the text on one line, cut to `limit` characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: 4 * limit]).split())
    return line if len(line) <= limit else f"{line[:limit]}..."
