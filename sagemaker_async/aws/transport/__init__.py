"""The one place where bytes leave and arrive: `AiohttpTransport` over one aiohttp session.

What it promises to the layers above:

- The target, the header fields and the body it is given are the ones that go out; it adds Host and Content-Length and
  nothing else: no cookies, no redirects, no decompression, no proxy or ``.netrc`` from the environment.
- It raises `TransportError` and its kind, `ResponseError` when what answers is no HTTP, or `SessionClosedError`. No
  exception of aiohttp passes; `translated` is the seam, and it is total.
- Every response is let go of: when its body ends, by `close()` from any thread and at any time, when it is dropped, and
  at the latest when the transport closes. A body that was not read to its end costs its connection.

One transport belongs to one event loop. It sends once: aiohttp's own resending is switched off, for retrying is the
business of the pipeline, which knows what may be repeated.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import ssl
import warnings
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import aiohttp
from aiohttp.payload import Payload
from multidict import CIMultiDict, istr
from yarl import URL

from sagemaker_async.aws.canonical import host_header
from sagemaker_async.aws.http import ChunkCallback, HTTPRequest, HTTPResponse
from sagemaker_async.config import Timeouts
from sagemaker_async.errors import FirstByteTimeoutError, SageMakerAsyncError

from .connector import ConnectionFacts, Connector, current_connection, running_loop
from .response import Response
from .translation import (
    PROXY_AUTHENTICATION_REQUIRED,
    cause_of,
    closed_meanwhile,
    proxy_wants_credentials,
    translated,
)

__all__ = ["AiohttpTransport", "Transport", "translated"]

_WRITE_SIZE = 1 << 18
"""Bodies go out in slices of this many bytes, so that a large one does not hold up the event loop."""

_SLICED_FROM = 1 << 16
"""From this size on aiohttp waits for the peer to take a body, so that the wait has to have a limit."""

_SKIPPED_HEADERS = CIMultiDict(dict.fromkeys(("Accept", "Accept-Encoding", "Content-Type", "User-Agent")))
"""What aiohttp would add unasked."""


class Transport(Protocol):
    """Whatever carries a request and brings the answer; `AiohttpTransport` is the one that uses the network."""

    async def send(
        self, request: HTTPRequest, timeouts: Timeouts, on_chunk_sent: ChunkCallback | None = None
    ) -> HTTPResponse:
        """Send once and return when the head of the answer has come.

        Raises:
            TransportError: no answer came.
            ResponseError: what came is no HTTP.
        """
        ...

    async def close(self) -> None:
        """Close every connection; idempotent."""
        ...

    @property
    def in_use(self) -> int:
        """How many answers are under way: neither read to their end nor closed."""
        ...


class AiohttpTransport:
    """A pool of connections of one event loop; construct it while that loop runs.

    Args:
        max_connections: size of the pool.
        keepalive: seconds an idle connection is kept.
        ssl_context: how TLS connections are made; None is aiohttp's default, which trusts the system's authorities.
        proxy_for: returns the proxy of an origin, or None; asked once per origin.
    """

    def __init__(
        self,
        *,
        max_connections: int,
        keepalive: float,
        ssl_context: ssl.SSLContext | None = None,
        proxy_for: Callable[[str], str | None] = lambda origin: None,  # noqa: ARG005
    ) -> None:
        self._connector = Connector(
            limit=max_connections,
            keepalive_timeout=keepalive,
            enable_cleanup_closed=False,
            ssl=True if ssl_context is None else ssl_context,
        )
        self._proxy_for = proxy_for
        self._proxies: dict[str, _Proxy | None] = {}
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            request_class=_Request,
            raise_for_status=False,
        )
        self._session._retry_connection = False
        self._open: weakref.WeakSet[Response] = weakref.WeakSet()
        self.closed = False

    @property
    def in_use(self) -> int:
        """How many connections are in use, those being made included."""
        return len(self._connector._acquired)

    async def send(
        self, request: HTTPRequest, timeouts: Timeouts, on_chunk_sent: ChunkCallback | None = None
    ) -> HTTPResponse:
        """See `Transport.send`."""
        try:
            proxy = self._proxies[request.origin]
        except KeyError:
            proxy = self._proxies[request.origin] = _proxy_of(self._proxy_for(request.origin))
        headers = _headers_of(request, proxy)
        connection = ConnectionFacts(timeouts, headers, proxied=proxy is not None)
        token = current_connection.set(connection)
        try:
            response = await self._session._request(
                request.method,
                URL(request.origin + request.target, encoded=True),
                data=payload_of(request, timeouts, on_chunk_sent),
                headers=headers,
                proxy=proxy and proxy.url,
                proxy_headers=proxy and proxy.headers,
                allow_redirects=False,
                timeout=_client_timeout(timeouts.first_byte),
            )
        except asyncio.CancelledError:
            if not self.closed or _is_cancelled():
                raise
            failure: SageMakerAsyncError = closed_meanwhile()  # aiohttp cancels those who wait when it is closed
        except Exception as error:  # noqa: BLE001 - the seam: whatever it is becomes ours
            failure = translated(error, timeouts, connection, closed=self.closed)
            failure.__cause__ = cause_of(error)
        else:
            wrapped = Response(response, timeouts, self)
            if proxy is None or response.status != PROXY_AUTHENTICATION_REQUIRED:
                if response.connection is not None:  # gone already when the whole answer came at once
                    self._open.add(wrapped)
                return wrapped
            wrapped.close()
            failure = proxy_wants_credentials()
        finally:
            current_connection.reset(token)
            connection.forget_headers()
        # Not raised in the handler: aiohttp's exceptions hold the request with its signature and token, and must not
        # even be the context of ours.
        raise failure

    async def close(self) -> None:
        """See `Transport.close`."""
        self.closed = True
        for response in list(self._open):
            response.close()
        await asyncio.shield(self._session.close())

    def abandon(self) -> None:
        """Close every connection when the event loop was closed before, and `close` cannot be awaited any more."""
        self.closed = True
        for response in list(self._open):
            response.close()
        self._connector.abandon()
        self._session.detach()

    def __del__(self) -> None:
        if getattr(self, "closed", True):
            return
        warnings.warn(  # in our words: aiohttp would name objects of its own, to the loop's exception handler as well
            "the session was never closed: use it inside 'async with', or await its close()",
            ResourceWarning,
            stacklevel=2,
            source=self,
        )
        loop = self._connector._loop
        try:
            if running_loop() is loop:
                self._connector.drop()
            else:
                loop.call_soon_threadsafe(self._connector.drop)
        except RuntimeError:  # the loop was closed
            self._connector.abandon()
        self._connector._closed = True
        self._session.detach()


class _Request(aiohttp.ClientRequest):
    """aiohttp's request with the header fields it is given, Host among them, and none that come and go in between."""

    skip_auto_headers = _SKIPPED_HEADERS  # what aiohttp before 3.12 reads

    def update_headers(self, headers: Any) -> None:
        connection = current_connection.get()
        self.headers = connection.sent = CIMultiDict(connection.headers)
        if headers:  # from the session's own instrumentation, such as a trace context
            self.headers.update(headers)

    def update_auto_headers(self, skip_auto_headers: Any) -> None:  # noqa: ARG002
        self._skip_auto_headers = _SKIPPED_HEADERS


@functools.lru_cache(maxsize=64)
def _client_timeout(first_byte: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_read=first_byte)


class _Proxy(NamedTuple):
    """An HTTP proxy, with its credentials apart from its URL, which appears in messages."""

    url: str
    headers: dict[str, str]


@functools.lru_cache(maxsize=64)
def _field_names(names: tuple[str, ...]) -> tuple[istr, ...]:
    """Return names as aiohttp wants them, which else makes them for each request and keeps them: 1 KB a stream."""
    return tuple(map(istr, names))


class _Headers(dict[str, str]):
    """Header fields that the request takes over whole.

    To aiohttp's session they look like none, or it would copy them one by one (benchmarks/README.md).
    """

    def __bool__(self) -> bool:
        return False


def _headers_of(request: HTTPRequest, proxy: _Proxy | None) -> _Headers:
    """Return what goes out: Host as it was signed (aiohttp would not lower its case), and what the request has.

    Without TLS there is no CONNECT, and the proxy reads its own from here.
    """
    given = request.headers
    headers = _Headers() if "Host" in given or "host" in given else _Headers(Host=host_header(request.origin))
    headers.update(zip(_field_names(tuple(given)), given.values(), strict=True))
    if proxy is not None and not request.origin.startswith("https:"):
        headers |= proxy.headers
    return headers


def _proxy_of(url: str | None) -> _Proxy | None:
    if url is None:
        return None
    proxy = URL(url)
    if proxy.user is None and proxy.password is None:
        return _Proxy(url, {})
    secret = f"{proxy.user or ''}:{proxy.password or ''}".encode()
    headers = {"Proxy-Authorization": f"Basic {base64.b64encode(secret).decode()}"}
    return _Proxy(str(proxy.with_user(None)), headers)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def payload_of(request: HTTPRequest, timeouts: Timeouts, on_chunk_sent: ChunkCallback | None) -> bytes | Payload | None:
    body = request.body
    if len(body) >= _SLICED_FROM or (on_chunk_sent is not None and body):
        return _SlicedBody(body, timeouts.first_byte, on_chunk_sent)
    return body if body or request.method not in {"GET", "HEAD", "DELETE"} else None


class _SlicedBody(Payload):
    """A body that is written in slices, each of which the peer has to take within a limit."""

    _value: bytes

    def __init__(self, value: bytes, seconds: float | None, on_chunk_sent: ChunkCallback | None) -> None:
        super().__init__(value, content_type="application/octet-stream")
        self._size = len(value)
        self._seconds = seconds
        self._on_chunk_sent = on_chunk_sent

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._value.decode(encoding, errors)

    async def write(self, writer: Any) -> None:
        view = memoryview(self._value)
        for start in range(0, len(view), _WRITE_SIZE):
            try:
                async with asyncio.timeout(self._seconds) as limit:
                    await writer.write(view[start : start + _WRITE_SIZE])
            except TimeoutError:
                if self._seconds is None or not limit.expired():
                    raise
                raise FirstByteTimeoutError(
                    f"the request's body was not taken: {start} of its {len(view)} bytes were sent, and then no more "
                    f"for {self._seconds:g} s (Timeouts.first_byte); check the network, or raise the limit",
                    self._seconds,
                ) from None
            if self._on_chunk_sent is not None:
                self._on_chunk_sent(min(start + _WRITE_SIZE, len(view)), len(view))

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:  # noqa: ARG002
        await self.write(writer)
