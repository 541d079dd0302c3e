"""The HTTP request and response that travel between the layers of the request path.

Values only: nothing here sends, signs or parses. `HTTPRequest.target` is already percent-encoded; nobody encodes it
again, so the target that is signed is the one that is sent (RFC 9112 section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

__all__ = ["ChunkCallback", "HTTPRequest", "HTTPResponse", "Progress", "Sign"]

ChunkCallback = Callable[[int, int | None], object]
"""Called with the bytes so far and the total, which is None while it is not known."""


class Progress(NamedTuple):
    """Who wants to know how far the bytes of a call have got; called on the event loop, so it must not block.

    What a callback raises ends the call and reaches the caller as it is, with the connection closed. In a stream, its
    StopAsyncIteration becomes the cause of a RuntimeError, because it would look like the stream's end.
    """

    on_chunk_sent: ChunkCallback | None = None
    """After each slice of the request's body was handed to the socket; again from the start at each attempt."""
    on_chunk_received: ChunkCallback | None = None
    """After each piece of the response's body has come."""


class HTTPRequest(NamedTuple):
    """One HTTP/1.1 request, complete but for its signature."""

    method: str
    origin: str
    """Scheme, host and port: ``https://runtime.sagemaker.us-east-1.amazonaws.com``."""
    target: str
    """Path and query, percent-encoded: ``/endpoints/name/invocations``."""
    headers: Mapping[str, str]
    """Header fields in the order they are sent; Host and Content-Length are the transport's own."""
    body: bytes = b""

    def __repr__(self) -> str:
        what = f"{len(self.headers)} header fields, {len(self.body)} bytes"
        return f"<HTTPRequest {self.method} {self.origin}{self.target}, {what}>"


Sign = Callable[[HTTPRequest], HTTPRequest]
"""Returns a request with its signature, which is good for some minutes from then on."""


class HTTPResponse(Protocol):
    """The head of an answer, and its body still to be read."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields; look-up ignores case."""
        ...

    async def read(self, limit: int | None = None) -> bytes:
        """Read the whole body and give the connection back.

        Raises:
            TransportError: it did not come whole.
            ResponseTooLargeError: it has more than `limit` bytes; the rest is not read.
        """
        ...

    async def read_chunk(self) -> bytes:
        """Read what has arrived, at least one byte; ``b""`` is the body's own end; raises `TransportError`."""
        ...

    def close(self) -> None:
        """Let go of the connection: closed when the body is unread; idempotent, from any thread, never raises."""
        ...
