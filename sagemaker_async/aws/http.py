"""The HTTP request and response that travel between the layers of the request path.

Values only: nothing here sends, signs or parses. `HTTPRequest.target` is already percent-encoded; nobody encodes it
again, so the target that is signed is the one that is sent (RFC 9112 section 3.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

__all__ = ["HTTPRequest", "HTTPResponse"]


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

    async def read(self) -> bytes:
        """Read the whole body and give the connection back; raises `TransportError`."""
        ...

    async def read_chunk(self) -> bytes:
        """Read what has arrived, at least one byte; ``b""`` is the body's own end; raises `TransportError`."""
        ...

    def close(self) -> None:
        """Let go of the connection: closed when the body is unread; idempotent, from any thread, never raises."""
        ...
