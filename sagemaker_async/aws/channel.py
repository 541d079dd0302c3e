"""What the clients of one session share: configuration, event loop, connection pool, credentials.

A `Channel` does nothing until the first call; then it works out its settings off the event loop, opens the pool on the
running loop, and belongs to that loop from then on. One pipeline per service hangs on it, and lives as long as it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, TypeVar

from sagemaker_async import _lazy
from sagemaker_async.config import Config, Credentials, Timeouts
from sagemaker_async.errors import SessionClosedError, WrongEventLoopError

from .credentials import CredentialCache, credential_source
from .endpoints import Endpoint
from .interceptors import InterceptorChain
from .logs import LOGGERS, Loggers
from .pipeline import Pipeline
from .settings import Settings, read_settings, resolve_settings
from .settings.user_agent import user_agent
from .shapes.operation import Service
from .timing import SYSTEM_TIMING, Timing
from .transport import SigningBefore, SigningTransport, open_transport

__all__ = ["Channel", "HasChannel"]


class HasChannel(Protocol):
    """Whatever clients can share a channel with: a `Session`, or another client."""

    @property
    def channel(self) -> Channel:
        """The channel."""
        ...


class Attached(Protocol):
    """What hangs on a channel and is closed before it."""

    async def close(self) -> None:
        """End what is under way; idempotent."""
        ...


AttachedT = TypeVar("AttachedT", bound=Attached)


class _Opened(NamedTuple):
    """What all services of a session share, once it is open."""

    settings: Settings
    transport: SigningTransport
    credentials: CredentialCache
    interceptors: InterceptorChain


class Channel:
    """The shared way to AWS; see the module's docstring."""

    def __init__(self, config: Config, timing: Timing = SYSTEM_TIMING) -> None:
        self.timing = timing
        self._environ: dict[str, str] | None = None
        if getattr(config.transport, "stubbed", False):
            config, self._environ = _hermetic(config)
        self.config = config
        self.timeouts: Timeouts = config.timeouts
        self.validate_params: bool = config.validate_params
        self.common_headers: dict[str, str] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[_Opened] | None = None
        self._opened: _Opened | None = None
        self._pipelines: dict[str, Pipeline] = {}
        self._attached: dict[type, Any] = {}
        self._closed = False
        self._closing: asyncio.Task[None] | None = None

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def connections_in_use(self) -> int:
        """How many connections of the pool are in use now."""
        return self._opened.transport.in_use if self._opened is not None else 0

    def attached(self, kind: type[AttachedT], make: Callable[[], AttachedT]) -> AttachedT:
        """Return the one thing of its kind that hangs on this channel, and make it if there is none yet.

        Args:
            kind: its class.
            make: makes it; it is closed with the channel, before the pool is.

        Raises:
            SessionClosedError, WrongEventLoopError: as `check_usable`.
        """
        self.check_usable()
        if kind not in self._attached:
            self._attached[kind] = make()
        found: AttachedT = self._attached[kind]
        return found

    def check_usable(self) -> None:
        """Raise unless the channel can be used on the running event loop.

        Raises:
            SessionClosedError: it was closed.
            WrongEventLoopError: it belongs to another event loop.
        """
        if self._closed:
            raise _closed()
        if self._loop is not None and self._loop is not asyncio.get_running_loop():
            raise _wrong_event_loop()

    async def pipeline(self, service: Service) -> Pipeline:
        """Return the service's pipeline, opening what is not open yet.

        Raises:
            ConfigurationError: a setting is wrong, or there is no region.
            SessionClosedError, WrongEventLoopError: as `check_usable`.
        """
        return self.open_pipeline(service) or await self._open(service)

    def open_pipeline(self, service: Service) -> Pipeline | None:
        """Return the service's pipeline if it is open.

        Raises:
            SessionClosedError, WrongEventLoopError: as `check_usable`.
        """
        self.check_usable()
        return self._pipelines.get(service.name)

    async def settings(self) -> Settings:
        """Return what the session runs with, opening what is not open yet.

        Raises:
            ConfigurationError: a setting is wrong, or there is no region.
            SessionClosedError, WrongEventLoopError: as `check_usable`.
        """
        self.check_usable()
        return (self._opened or await self._shared()).settings

    async def pipeline_at(self, service: Service, endpoint: Endpoint) -> Pipeline:
        """Return a new pipeline, for a service that is in many places, such as S3; the caller keeps it.

        Raises:
            SageMakerAsyncError: as `settings`.
        """
        self.check_usable()
        return self._new_pipeline(self._opened or await self._shared(), service, endpoint)

    async def credentials(self, service: Service, rejected: Credentials | None = None) -> Credentials:
        """Return what calls of the service are signed with, from the cache unless they are about to expire.

        Args:
            service: the service.
            rejected: credentials that AWS has refused: the source is asked anew unless the cache has others by now.

        Raises:
            CredentialsError: there are none.
            ConfigurationError, SessionClosedError, WrongEventLoopError: as `pipeline`.
        """
        await self.pipeline(service)
        assert self._opened is not None  # there is a source from the first pipeline on
        cache = self._opened.credentials
        return await (cache.get() if rejected is None else cache.refresh(rejected))

    def endpoint(self, service: Service) -> Endpoint:
        """Return where a service is, without opening anything. Reads AWS's files unless something has been opened.

        Raises:
            ConfigurationError: a setting is wrong, or there is no region.
            SessionClosedError: as `check_usable`.
        """
        if self._closed:
            raise _closed()
        pipeline = self._pipelines.get(service.name)
        if pipeline is not None:
            return pipeline.endpoint
        settings = self._opened.settings if self._opened is not None else read_settings(self.config, self._environ)
        return settings.endpoint_for(service.endpoint_rules)

    def origin(self, service: Service) -> str:
        """Return where the service is, once its pipeline is open; for messages."""
        pipeline = self._pipelines.get(service.name)
        return pipeline.endpoint.origin if pipeline is not None else ""

    async def _open(self, service: Service) -> Pipeline:
        """Return the service's pipeline; what all services share is opened once, whoever asks for it first."""
        opened = self._opened or await self._shared()
        pipeline = self._pipelines.get(service.name)
        if pipeline is None:
            endpoint = opened.settings.endpoint_for(service.endpoint_rules)
            pipeline = self._pipelines[service.name] = self._new_pipeline(opened, service, endpoint)
        return pipeline

    def _new_pipeline(self, opened: _Opened, service: Service, endpoint: Endpoint) -> Pipeline:
        return Pipeline(
            service,
            endpoint,
            opened.transport,
            opened.credentials,
            retry=opened.settings.retry,
            interceptors=opened.interceptors,
            correct_clock_skew=self.config.correct_clock_skew,
            max_response_bytes=self.config.max_response_bytes,
            timing=self.timing,
            loggers=LOGGERS if self.config.logger is None else Loggers.below(self.config.logger),
        )

    async def _shared(self) -> _Opened:
        """Return what all services share, opening it if nobody does so already.

        A task of its own opens it: a caller that is cancelled meanwhile must not make the others begin again.
        """
        self._loop = asyncio.get_running_loop()
        opening = self._opening
        if opening is None or opening.done():
            opening = self._opening = asyncio.create_task(self._open_shared(), name="sagemaker-async opening")
            opening.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody may wait any more
        await asyncio.wait((opening,))
        self.check_usable()  # it may have been closed meanwhile
        if opening.cancelled():
            raise SessionClosedError("the opening of the session was cancelled; its event loop is shutting down")
        if (error := opening.exception()) is not None:
            raise copy.copy(error)  # each caller gets its own, because raising writes to the exception
        return opening.result()

    async def _open_shared(self) -> _Opened:
        settings = await resolve_settings(self.config, environ=self._environ)
        if self.config.credentials is None:
            await _lazy.load("aws.credentials.chain")  # in a thread, before `credential_source` wants it on the loop
        # Config.profile and not that of the settings: one that only the environment names has another rank there.
        credentials = credential_source(
            self.config.credentials, profile=self.config.profile, region=settings.region, timing=self.timing
        )
        self.timeouts = settings.timeouts
        self.validate_params = settings.validate_params
        agent = user_agent(settings.retry.mode or "standard", settings.user_agent_app_id)
        self.common_headers = {"User-Agent": agent}
        interceptors = InterceptorChain(self.config.interceptors)
        interceptors.opened(self)
        transport: SigningTransport
        if self.config.transport is not None:
            transport = SigningBefore(self.config.transport)
        else:
            transport = open_transport(
                max_connections=settings.max_connections,
                max_waiting=self.config.max_waiting,
                keepalive=settings.timeouts.keepalive,
                ssl_context=settings.ssl_context,
                proxy_for=settings.proxy_for,
            )
        self._opened = _Opened(settings, transport, credentials, interceptors)
        return self._opened

    async def close(self) -> None:
        """Close the pool and every stream that is still open; idempotent.

        The work is done by a task of its own: a caller that is cancelled leaves it running, and one that calls again
        waits for it.

        Raises:
            WrongEventLoopError: the channel belongs to another event loop that is still open.
        """
        running = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not running:
            if not self._loop.is_closed():
                raise _wrong_event_loop()
            self._closed = True
            if self._opened is not None:
                self._opened.transport.abandon()
            return
        self._closed = True
        self._pipelines.clear()
        if self._loop is None and not self._attached:  # nothing was opened
            return
        closing = self._closing
        if closing is not None and closing is asyncio.current_task():
            return  # what is being closed closes the session in its turn, and would wait for itself
        if closing is None or (closing.done() and (closing.cancelled() or closing.exception() is not None)):
            closing = self._closing = asyncio.create_task(self._close_shared(), name="sagemaker-async closing")
        await asyncio.shield(closing)

    async def _close_shared(self) -> None:
        async with contextlib.AsyncExitStack() as stack:  # what fails to close keeps nothing else open
            stack.push_async_callback(self._close_opened)
            for attached in self._attached.values():
                stack.push_async_callback(attached.close)
        self._attached.clear()

    async def _close_opened(self) -> None:
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
            await asyncio.wait((self._opening,))
        if self._opened is None:
            return
        _, transport, credentials, interceptors = self._opened
        try:
            await credentials.close()
        finally:
            try:
                await transport.close()
            finally:
                await interceptors.closed(self)


def _closed() -> SessionClosedError:
    return SessionClosedError("the session is closed; make a new Session and use it inside 'async with'")


def _wrong_event_loop() -> WrongEventLoopError:
    return WrongEventLoopError(
        "the session belongs to another event loop, where it was first used; make one Session per event loop "
        "(for instance inside the coroutine that asyncio.run gets)"
    )


def _hermetic(config: Config) -> tuple[Config, dict[str, str]]:
    """Return what a stubbed session runs with: stand-ins for what is unset, and an environment with nothing in it."""
    retry = config.retry
    if retry.max_attempts is None:
        retry = replace(retry, max_attempts=1)
    credentials = config.credentials
    if credentials is None:  # a source of the user's may be empty and still be one
        credentials = Credentials("AKIDSTUB", "stub", account_id="123456789012")
    config = config.with_fields(region=config.region or "us-east-1", credentials=credentials, retry=retry)
    return config, {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
