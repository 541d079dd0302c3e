"""The long way of a request: through aiohttp's session, for proxies, and where somebody mocks or watches it."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import aiohttp
from aiohttp.payload import Payload
from yarl import URL

from sagemaker_async.aws.http import ChunkCallback, HTTPRequest, Sign
from sagemaker_async.aws.signing.canonical import host_header

from .facts import ConnectionFacts
from .places import Place
from .upload import SLICED_FROM, WRITE_SIZE, keeping_error, taken

__all__ = ["Proxy", "SlicedBody", "headers_of", "opened_session", "send_through_session"]

ADDED_UNASKED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""What aiohttp would add."""


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


def opened_session(connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
    """Return a session that adds nothing to requests, follows no redirect, and sends once."""
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        raise_for_status=False,
        skip_auto_headers=ADDED_UNASKED,
    )
    session._retry_connection = False
    return session


async def send_through_session(
    session: aiohttp.ClientSession,
    proxy: Proxy | None,
    request: HTTPRequest,
    facts: ConnectionFacts,
    place: Place,
    on_chunk_sent: ChunkCallback | None,
    sign: Sign | None,
) -> aiohttp.ClientResponse:
    """Send a request and return when the head of its answer has come.

    The place is freed with the connection.

    Raises:
        Exception: of aiohttp, of the operating system, or `SageMakerAsyncError`.
    """
    if sign is not None:
        request = sign(request)
    response = await session.request(
        request.method,
        URL(request.origin + request.target, encoded=True),
        data=_payload_of(request, facts, on_chunk_sent),
        headers=headers_of(request, proxy),
        proxy=proxy and proxy.url,
        proxy_headers=proxy and proxy.headers,
        allow_redirects=False,
        timeout=_client_timeout(facts.timeouts.first_byte),
    )
    if response.connection is None:
        place.free()
    else:
        place.answering = True
        response.connection.add_callback(place.free)
    return response


@functools.lru_cache(maxsize=64)
def _client_timeout(first_byte: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_read=first_byte)


def headers_of(request: HTTPRequest, proxy: Proxy | None) -> dict[str, str]:
    """Return what goes out: Host as it was signed (aiohttp would not lower its case), and what the request has.

    Without TLS there is no CONNECT, and the proxy reads its own from here.
    """
    given = request.headers
    headers = {} if "Host" in given or "host" in given else {"Host": host_header(request.origin)}
    headers.update(given)
    if proxy is not None and not request.origin.startswith("https:"):
        headers |= proxy.headers
    return headers


def _payload_of(
    request: HTTPRequest, facts: ConnectionFacts, on_chunk_sent: ChunkCallback | None
) -> bytes | Payload | None:
    body = request.body
    if len(body) >= SLICED_FROM or (on_chunk_sent is not None and body):
        return SlicedBody(body, facts.timeouts.first_byte, on_chunk_sent and keeping_error(on_chunk_sent, facts))
    return body if body or request.method not in {"GET", "HEAD", "DELETE"} else None


class SlicedBody(Payload):
    """A body that is written in slices, each of which the peer has to take within a limit."""

    _value: bytes

    def __init__(
        self,
        value: bytes,
        seconds: float | None,
        on_chunk_sent: ChunkCallback | None,
        on_taken: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(value, content_type="application/octet-stream")
        self._size = len(value)
        self._seconds = seconds
        self._on_chunk_sent = on_chunk_sent
        self._on_taken = on_taken

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._value.decode(encoding, errors)

    async def write(self, writer: Any) -> None:
        view = memoryview(self._value)
        for start in range(0, len(view), WRITE_SIZE):
            await taken(writer.write(view[start : start + WRITE_SIZE]), self._seconds, start, len(view))
            if self._on_chunk_sent is not None:
                self._on_chunk_sent(min(start + WRITE_SIZE, len(view)), len(view))
        if self._on_taken is not None:
            self._on_taken()

    async def write_with_length(self, writer: Any, content_length: int | None) -> None:  # noqa: ARG002
        await self.write(writer)
