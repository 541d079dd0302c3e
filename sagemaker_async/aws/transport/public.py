"""`PublicTransport`: requests by nothing but aiohttp's public interface, for an aiohttp whose insides have changed.

It keeps the promises of the package at the price of speed. As no look into a kept connection is possible, it keeps
none: each request has a connection of its own, so that no answer can be another's, and no connection is ever stale. As
it cannot be told how a connection ended, an answer that has no length of its own is not accepted as whole.

Three things are weaker: a `ConnectTimeoutError` names no phase; what came just before a connection broke is lost with
it; and an answer that a peer sends before it was asked is taken for the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import warnings
from collections.abc import Callable, Mapping

import aiohttp
from yarl import URL

from sagemaker_async.aws.http import ChunkCallback, HTTPRequest, HTTPResponse, Sign
from sagemaker_async.config import Timeouts
from sagemaker_async.errors import (
    ChunkTimeoutError,
    ConnectionLostError,
    ConnectTimeoutError,
    FirstByteTimeoutError,
    ResponseTooLargeError,
    SageMakerAsyncError,
    SessionClosedError,
)

from .facts import ConnectionFacts, running_loop
from .places import Places
from .through_session import Proxy, SlicedBody, headers_of, opened_session
from .translation import (
    PROXY_AUTHENTICATION_REQUIRED,
    cause_of,
    closed_meanwhile,
    is_cancelled,
    proxy_wants_credentials,
    translated,
)
from .upload import keeping_error

__all__ = ["PublicTransport"]

_BODILESS_STATUSES = frozenset({204, 304})


class PublicTransport:
    """See the module's docstring; its arguments are those of `AiohttpTransport`, of which `keepalive` has no effect."""

    def __init__(
        self,
        *,
        max_connections: int,
        keepalive: float,  # noqa: ARG002 - there is nothing to keep
        max_waiting: int | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy_for: Callable[[str], str | None] = lambda origin: None,  # noqa: ARG005
    ) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._places = Places(max_connections, max_waiting, self.loop)
        connector = aiohttp.TCPConnector(limit=0, force_close=True, ssl=True if ssl_context is None else ssl_context)
        self._session = opened_session(connector)
        self._proxy_for = proxy_for
        self.under_way: set[aiohttp.ClientResponse] = set()
        """Answers whose connections are still in use."""
        self.closed: bool = False

    @property
    def in_use(self) -> int:
        """How many connections are in use, those being made included."""
        return len(self._places)

    async def send(
        self,
        request: HTTPRequest,
        timeouts: Timeouts,
        on_chunk_sent: ChunkCallback | None = None,
        sign: Sign | None = None,
    ) -> HTTPResponse:
        """See `SigningTransport.send`."""
        if self.closed:
            raise closed_meanwhile()
        place = self._places.take() or await self._places.wait(timeouts.pool)
        facts = ConnectionFacts(timeouts)
        response: _PublicResponse | None = None
        failure: BaseException
        try:
            url = self._proxy_for(request.origin)
            proxy = None if url is None else Proxy.of(url)
            facts.proxied = proxy is not None
            if sign is not None:
                request = sign(request)
            answer = await self._answer(request, proxy, facts, on_chunk_sent)
        except asyncio.CancelledError:
            if facts.callback_error is not None:
                failure = facts.callback_error
            elif not self.closed or is_cancelled():
                raise
            else:
                failure = closed_meanwhile()
        except Exception as error:  # noqa: BLE001 - the seam: whatever it is becomes ours
            failure = facts.callback_error or self._translated(error, timeouts, facts)
            if facts.callback_error is None:
                failure.__cause__ = cause_of(error)
        else:
            response = _PublicResponse(answer, request.method, timeouts, self, place.free)
            if proxy is None or response.status != PROXY_AUTHENTICATION_REQUIRED:
                place.answering = True
                return response
            response.close()
            failure = proxy_wants_credentials()
        finally:
            if response is None:
                place.free()
        raise failure  # not in the handler, see AiohttpTransport.send

    async def _answer(
        self, request: HTTPRequest, proxy: Proxy | None, facts: ConnectionFacts, on_chunk_sent: ChunkCallback | None
    ) -> aiohttp.ClientResponse:
        timeouts = facts.timeouts
        async with asyncio.timeout(None) as limit:

            def begin_to_wait() -> None:
                if timeouts.first_byte is not None:
                    limit.reschedule(self.loop.time() + timeouts.first_byte)

            body: SlicedBody | None = None
            if request.body or request.method not in {"GET", "HEAD", "DELETE"}:
                callback = on_chunk_sent and keeping_error(on_chunk_sent, facts)
                body = SlicedBody(request.body, timeouts.first_byte, callback if request.body else None, begin_to_wait)
            elif timeouts.first_byte is not None and timeouts.connect is not None:
                limit.reschedule(self.loop.time() + timeouts.connect + timeouts.first_byte)
            try:
                return await self._session.request(
                    request.method,
                    URL(request.origin + request.target, encoded=True),
                    data=body,
                    headers=headers_of(request, proxy),
                    proxy=proxy and proxy.url,
                    proxy_headers=proxy and proxy.headers,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, connect=timeouts.connect, sock_read=timeouts.first_byte),
                )
            except aiohttp.ConnectionTimeoutError:
                seconds = timeouts.connect or 0.0
                raise ConnectTimeoutError(
                    f"no connection within {seconds:g} s (Timeouts.connect); check the network, the proxy and the "
                    "endpoint's host name, or allow more time",
                    seconds,
                    "DNS, TCP or TLS",
                ) from None

    def _translated(self, error: Exception, timeouts: Timeouts, facts: ConnectionFacts) -> SageMakerAsyncError:
        if type(error) is TimeoutError and timeouts.first_byte is not None and not self.closed:
            return FirstByteTimeoutError(
                f"the request was sent and no answer began within {timeouts.first_byte:g} s (Timeouts.first_byte)",
                timeouts.first_byte,
            )
        return translated(error, timeouts, facts, closed=self.closed)

    async def close(self) -> None:
        """See `Transport.close`."""
        self.closed = True
        self._places.close()
        self._release_answers()
        await asyncio.shield(asyncio.ensure_future(self._session.close()))

    def abandon(self) -> None:
        """Close every connection when the event loop was closed before, and `close` cannot be awaited any more."""
        self.closed = True
        self._places.close()
        self._release_answers()
        self._session.detach()

    def _release_answers(self) -> None:
        for answer in list(self.under_way):
            self.under_way.discard(answer)
            release(answer, self.loop)

    def __del__(self) -> None:
        if getattr(self, "closed", True):
            return
        warnings.warn(
            "the session was never closed: use it inside 'async with', or await its close()",
            ResourceWarning,
            stacklevel=2,
            source=self,
        )
        self.abandon()


class _PublicResponse:
    """An answer whose body is still to be read: the `HTTPResponse` of `PublicTransport`."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        method: str,
        timeouts: Timeouts,
        transport: PublicTransport,
        free: Callable[[], None],
    ) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response: aiohttp.ClientResponse | None = response
        self._timeouts = timeouts
        self._transport = transport
        self._free = free
        self._failure: SageMakerAsyncError | None = None
        self._ended = False
        self._has_its_own_end = (
            method == "HEAD"
            or response.status in _BODILESS_STATUSES
            or "Content-Length" in response.headers
            or "chunked" in response.headers.get("Transfer-Encoding", "").lower()
        )
        transport.under_way.add(response)

    async def read(self, limit: int | None = None) -> bytes:
        pieces: list[bytes] = []
        received = 0
        while piece := await self.read_chunk():
            pieces.append(piece)
            received += len(piece)
            if limit is not None and received > limit:
                self.close()
                raise ResponseTooLargeError(limit, received)
        return b"".join(pieces)

    async def read_chunk(self) -> bytes:
        if self._transport.closed:
            self.close()
        response = self._response
        if response is None:
            return self._end()
        seconds = self._timeouts.between_chunks
        try:
            async with asyncio.timeout(seconds):
                chunk = await response.content.readany()
        except BaseException as error:
            self.close()
            if not isinstance(error, Exception):
                raise
            self._failure = self._translated(error, seconds)
            return self._end()
        if chunk:
            return chunk
        self.close()
        if self._has_its_own_end:
            self._ended = True
        else:
            self._failure = ConnectionLostError(
                "the answer has no length of its own, and whether its connection ended in order cannot be told by "
                "aiohttp's public interface"
            )
        return self._end()

    def _end(self) -> bytes:
        if self._failure is not None:
            raise self._failure
        if self._ended:
            return b""
        if self._transport.closed:
            raise closed_meanwhile()
        raise SessionClosedError("the answer was closed before its body was read")

    def _translated(self, error: Exception, seconds: float | None) -> SageMakerAsyncError:
        failure: SageMakerAsyncError
        if type(error) is TimeoutError and seconds is not None:
            failure = ChunkTimeoutError(
                f"the answer began and then nothing came for {seconds:g} s (Timeouts.between_chunks); "
                "raise the limit for models that pause longer",
                seconds,
            )
        else:
            failure = translated(error, self._timeouts, None, closed=self._transport.closed)
        failure.__cause__ = cause_of(error)
        return failure

    def close(self) -> None:
        response, self._response = self._response, None
        if response is not None:
            self._transport.under_way.discard(response)
            release(response, self._transport.loop)
            self._free()

    def __del__(self) -> None:
        self.close()


def release(response: aiohttp.ClientResponse, loop: asyncio.AbstractEventLoop) -> None:
    """Close an answer of a loop, from any thread, and even when that loop was closed."""
    with contextlib.suppress(RuntimeError):  # the loop was closed
        if running_loop() is loop:
            response.close()
        else:
            loop.call_soon_threadsafe(response.close)
