"""One request and the head of its answer, straight on a connection of aiohttp's pool.

aiohttp's connector, with its pool, DNS and TLS, and its protocol with the parser of answers are used as they are. What
lies between them, `ClientSession._request` with a request, a writer and a response of its own, is left out: cookies,
redirects, decompression, traces and the resending of requests are what we have no use for, and what a good part of a
call's CPU time and of a stream's memory goes into (benchmarks/README.md).

`session_is_plain` says when that would go unnoticed. When somebody mocks or watches aiohttp's session, requests go
through it, see `through_session`.
"""

from __future__ import annotations

import asyncio
import functools
from types import FunctionType
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

from sagemaker_async.aws.signing.canonical import host_header, signable_names

from .protocol import SWITCHING_PROTOCOLS
from .upload import begin_upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection

    from sagemaker_async.aws.http import ChunkCallback, HTTPRequest, Sign

    from .connector import Connector
    from .facts import ConnectionFacts
    from .places import Place
    from .protocol import ConnectionProtocol

__all__ = ["Answer", "Destination", "head_of", "send_straight", "session_is_plain"]

_FRAMING = frozenset({"content-length", "transfer-encoding"})
"""Header fields that say where a request ends, which is for the transport to say."""
_BODILESS = frozenset({"GET", "HEAD", "DELETE"})
"""Methods of which a request without a body sends no length."""
_NO_LIMITS = aiohttp.ClientTimeout(total=None)
"""Of aiohttp's own; the connector has ours."""


def session_is_plain() -> bool:
    """Return whether nobody would notice that requests do not go through aiohttp's session.

    Mocks such as aioresponses and VCR.py put something else in place of `ClientSession._request`. Instrumentation such
    as OpenTelemetry's and Sentry's wraps that, or the constructor, to which traces and middlewares are given.
    """
    session = aiohttp.ClientSession
    return _is_aiohttps(session._request) and _is_aiohttps(session.__init__)


def _is_aiohttps(function: object) -> bool:
    return type(function) is FunctionType and function.__globals__ is _GLOBALS


_GLOBALS = vars(aiohttp.client)


class Destination(aiohttp.ClientRequest):
    """Where the requests of one origin go, as aiohttp's connector wants to be told."""

    def __init__(self, origin: str, loop: asyncio.AbstractEventLoop) -> None:
        url = URL(origin)
        if url.scheme not in ("http", "https"):
            raise aiohttp.NonHttpUrlClientError(url)
        super().__init__("POST", url, loop=loop)

    @functools.cached_property
    def connection_key(self) -> ConnectionKey:
        """What connections are told apart by; aiohttp's works it out at each look."""
        return super().connection_key


class Answer:
    """An answer whose body is still to be read: what `Response` wants of an `aiohttp.ClientResponse`.

    The connection is let go of when the body has come to its end, read or not: kept, or closed if the peer has not
    taken the whole request by then.
    """

    __slots__ = ("_hold", "content", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], content: aiohttp.StreamReader, hold: _Hold) -> None:
        self.status: int = status
        self.headers: Mapping[str, str] = headers
        self.content: aiohttp.StreamReader = content
        self._hold = hold
        # What is called must not refer to this answer: dropped, it would wait for the garbage collector with its body.
        content.on_eof(hold.end)

    @property
    def connection(self) -> Connection | None:
        """The connection; None once it was let go of."""
        connection = self._hold.connection
        return connection if connection.protocol is not None else None

    def close(self) -> None:
        """Close the connection if it was not let go of yet, and tell whoever reads the body."""
        if self.content.exception() is None:
            self.content.set_exception(aiohttp.ClientConnectionError("Connection closed"))
        self._hold.close()


class _Hold:
    """What one request holds until its answer is released: a connection, a place in the pool, an upload."""

    __slots__ = ("connection", "place", "upload")

    def __init__(self, connection: Connection, place: Place) -> None:
        self.connection: Connection = connection
        self.place: Place = place
        self.upload: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Release them: the answer is whole."""
        if self.upload is not None and not self.upload.done():
            self.close()
            return
        self.connection.release()
        self.place.free()

    def close(self) -> None:
        """Release them and close the connection: the answer is not whole, or nobody wants the rest."""
        if self.upload is not None:
            self.upload.cancel()
        self.connection.close()
        self.place.free()


async def send_straight(
    connector: Connector,
    destination: Destination,
    request: HTTPRequest,
    facts: ConnectionFacts,
    place: Place,
    on_chunk_sent: ChunkCallback | None,
    sign: Sign | None,
) -> Answer:
    """Send a request and return when the head of its answer has come; interim answers (1xx) are passed over.

    The place is freed with the connection.

    Raises:
        Exception: of aiohttp, of the operating system, or `SageMakerAsyncError`; the connection is closed then.
    """
    connection = await connector.connect(destination, [], _NO_LIMITS)
    hold = _Hold(connection, place)
    try:
        if sign is not None:
            request = sign(request)
        head = head_of(request)
        protocol: ConnectionProtocol = connection.protocol
        protocol.set_response_params(
            skip_payload=request.method == "HEAD",
            read_until_eof=True,
            auto_decompress=False,
            read_timeout=facts.timeouts.first_byte,
        )
        hold.upload = begin_upload(protocol, head, request.body, facts, on_chunk_sent)
        message, content = await protocol.read()
        while 100 <= message.code < 200 and message.code != SWITCHING_PROTOCOLS:
            message, content = await protocol.read()
    except BaseException:
        hold.close()
        raise
    place.answering = True
    return Answer(message.code, message.headers, content, hold)


def head_of(request: HTTPRequest) -> bytes:
    """Return the request line and the header fields, with Host unless the request has its own, and the length.

    Raises:
        ValueError: the method, the target or a value holds CR, LF or NUL, and would be more than one line.
        RequestValidationError: the name of a header field is malformed.
        ConfigurationError: the origin names no host.
    """
    method, origin, target, headers, body = request
    values = (method, target, host_header(origin), *headers.values())
    together = "".join(values)
    if "\n" in together or "\r" in together or "\0" in together:
        raise ValueError("a header field or the target holds CR, LF or NUL")
    head = _head_form(tuple(headers)) % values
    if body or method not in _BODILESS:
        head = f"{head}Content-Length: {len(body)}\r\n\r\n"
    else:
        head += "\r\n"
    return head.encode()


@functools.lru_cache(maxsize=64)
def _head_form(names: tuple[str, ...]) -> str:
    """Return the form of heads with these fields, for ``%`` with method, target, Host and values.

    Made once for all requests alike. ``%.0s`` takes a value and shows nothing of it.
    """
    signable_names(names)
    fields = ["%.0s" if name.lower() in _FRAMING else f"{name.replace('%', '%%')}: %s\r\n" for name in names]
    host = "%.0s" if any(name.lower() == "host" for name in names) else "Host: %s\r\n"
    return f"%s %s HTTP/1.1\r\n{host}{''.join(fields)}"
