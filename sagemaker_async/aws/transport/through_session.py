"""The long way of a request: through aiohttp's session, for proxies, and where somebody mocks or watches it."""

from __future__ import annotations

import base64
import functools
from typing import Any, NamedTuple

import aiohttp
from aiohttp.payload import Payload
from multidict import CIMultiDict, istr
from yarl import URL

from sagemaker_async.aws.http import ChunkCallback, HTTPRequest
from sagemaker_async.aws.signing import host_header
from sagemaker_async.config import Timeouts

from .connector import ConnectionFacts, Connector, current_connection
from .upload import SLICED_FROM, WRITE_SIZE, taken

__all__ = ["Proxy", "opened_session", "send_through_session"]

_SKIPPED_HEADERS = CIMultiDict(dict.fromkeys(("Accept", "Accept-Encoding", "Content-Type", "User-Agent")))
"""What aiohttp would add unasked."""


class Proxy(NamedTuple):
    """An HTTP proxy, with its credentials apart from its URL, which appears in messages."""

    url: str
    headers: dict[str, str]

    @classmethod
    def of(cls, url: str) -> Proxy:
        """Return the proxy at a URL with its credentials."""
        proxy = URL(url)
        if proxy.user is None and proxy.password is None:
            return cls(url, {})
        secret = f"{proxy.user or ''}:{proxy.password or ''}".encode()
        headers = {"Proxy-Authorization": f"Basic {base64.b64encode(secret).decode()}"}
        return cls(str(proxy.with_user(None)), headers)


def opened_session(connector: Connector) -> aiohttp.ClientSession:
    """Return a session that adds nothing to requests, follows no redirect, and sends once."""
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        request_class=_Request,
        raise_for_status=False,
    )
    session._retry_connection = False
    return session


async def send_through_session(
    session: aiohttp.ClientSession,
    proxy: Proxy | None,
    request: HTTPRequest,
    facts: ConnectionFacts,
    on_chunk_sent: ChunkCallback | None,
) -> aiohttp.ClientResponse:
    """Send a request and return when the head of its answer has come.

    Raises:
        Exception: of aiohttp, of the operating system, or `SageMakerAsyncError`.
    """
    timeouts = facts.timeouts
    facts.headers = headers = _headers_of(request, proxy)
    try:
        return await session._request(
            request.method,
            URL(request.origin + request.target, encoded=True),
            data=_payload_of(request, timeouts, on_chunk_sent),
            headers=headers,
            proxy=proxy and proxy.url,
            proxy_headers=proxy and proxy.headers,
            allow_redirects=False,
            timeout=_client_timeout(timeouts.first_byte),
        )
    finally:
        facts.forget_headers()


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


@functools.lru_cache(maxsize=64)
def _field_names(names: tuple[str, ...]) -> tuple[istr, ...]:
    """Return names as aiohttp wants them, which else makes them for each request and keeps them: 1 KB a stream."""
    return tuple(map(istr, names))


class _Headers(dict[str, str]):
    """Header fields that the request takes over whole.

    To aiohttp's session they look like none, or it would copy them one by one.
    """

    def __bool__(self) -> bool:
        return False


def _headers_of(request: HTTPRequest, proxy: Proxy | None) -> _Headers:
    """Return what goes out: Host as it was signed (aiohttp would not lower its case), and what the request has.

    Without TLS there is no CONNECT, and the proxy reads its own from here.
    """
    given = request.headers
    headers = _Headers() if "Host" in given or "host" in given else _Headers(Host=host_header(request.origin))
    headers.update(zip(_field_names(tuple(given)), given.values(), strict=True))
    if proxy is not None and not request.origin.startswith("https:"):
        headers |= proxy.headers
    return headers


def _payload_of(
    request: HTTPRequest, timeouts: Timeouts, on_chunk_sent: ChunkCallback | None
) -> bytes | Payload | None:
    body = request.body
    if len(body) >= SLICED_FROM or (on_chunk_sent is not None and body):
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
        for start in range(0, len(view), WRITE_SIZE):
            await taken(writer.write(view[start : start + WRITE_SIZE]), self._seconds, start, len(view))
            if self._on_chunk_sent is not None:
                self._on_chunk_sent(min(start + WRITE_SIZE, len(view)), len(view))

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:  # noqa: ARG002
        await self.write(writer)
