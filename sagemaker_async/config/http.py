"""What `Config.transport` accepts: a `Transport`, and the HTTP request and response that it takes and gives.

Values only: nothing here sends, signs or parses. `HTTPRequest.target` is already percent-encoded and is not encoded
again, so the target that is signed is the one that is sent (RFC 9112 section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from .timing import Timeouts

__all__ = ["ChunkCallback", "HTTPRequest", "HTTPResponse", "Transport"]

ChunkCallback = Callable[[int, int | None], object]
"""Called with the bytes so far and the total, which is None while it is not known."""


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
        """Release the connection, and close it when the body is unread; idempotent, from any thread, never raises."""
        ...


class Transport(Protocol):
    """Whatever carries a request and brings the answer, in place of aiohttp; what users may write."""

    async def send(
        self, request: HTTPRequest, timeouts: Timeouts, on_chunk_sent: ChunkCallback | None = None
    ) -> HTTPResponse:
        """Send once and return when the head of the answer has come.

        Raises:
            TransportError: no answer came.
            ResponseError: what came is not HTTP.
        """
        ...

    async def close(self) -> None:
        """Close every connection; idempotent."""
        ...

    @property
    def in_use(self) -> int:
        """How many answers are under way: neither read to their end nor closed."""
        ...
