"""What `Config.transport` accepts: a `Transport`, with the HTTP request that it takes and the response that it returns.

Values only: nothing here sends, signs or parses. `HTTPRequest.target` is already percent-encoded and is never encoded
again, so the target that is signed is the one that is sent (RFC 9112 section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from .timing import Timeouts

__all__ = ["ChunkCallback", "HTTPRequest", "HTTPResponse", "Transport"]

ChunkCallback = Callable[[int, int | None], object]
"""Called with the number of bytes so far and the total, which is None while it is unknown."""


class HTTPRequest(NamedTuple):
    """One HTTP/1.1 request, complete except for its signature."""

    method: str
    origin: str
    """Scheme, host and port: ``https://runtime.sagemaker.us-east-1.amazonaws.com``."""
    target: str
    """Path and query, percent-encoded: ``/endpoints/name/invocations``."""
    headers: Mapping[str, str]
    """Header fields in the order in which they are sent; the transport adds Host and Content-Length."""
    body: bytes = b""

    def __repr__(self) -> str:
        what = f"{len(self.headers)} header fields, {len(self.body)} bytes"
        return f"<HTTPRequest {self.method} {self.origin}{self.target}, {what}>"


class HTTPResponse(Protocol):
    """The head of an answer, whose body is still to be read."""

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
            TransportError: the body is not complete.
            ResponseTooLargeError: it has more than `limit` bytes; the rest is not read.
        """
        ...

    async def read_chunk(self) -> bytes:
        """Read what has arrived, at least one byte; ``b""`` is the end of the body; raises `TransportError`."""
        ...

    def close(self) -> None:
        """Release the connection, which is closed if the body is unread; idempotent, from any thread, never raises."""
        ...


class Transport(Protocol):
    """Sends requests and receives answers instead of aiohttp; users may write one."""

    async def send(
        self, request: HTTPRequest, timeouts: Timeouts, on_chunk_sent: ChunkCallback | None = None
    ) -> HTTPResponse:
        """Send once and return when the head of the answer has come.

        Raises:
            TransportError: no answer came.
            ResponseError: the answer is not HTTP.
        """
        ...

    async def close(self) -> None:
        """Close every connection; idempotent."""
        ...

    @property
    def in_use(self) -> int:
        """How many answers are under way: neither read to their end nor closed."""
        ...
