"""The HTTP request and response that travel between the layers of the request path.

Values only: nothing here sends, signs or parses. `HTTPRequest.target` is already percent-encoded; nobody encodes it
again, so the target that is signed is the one that is sent (RFC 9112 section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, Self

__all__ = ["ChunkCallback", "HTTPRequest", "HTTPResponse", "HeadedRequest", "Progress", "RequestHead"]

ChunkCallback = Callable[[int, int | None], object]
"""Called with the bytes so far and the total, which is None while it is not known."""


class Progress(NamedTuple):
    """Who wants to know how far the bytes of a call have got; called on the event loop, so it must not block."""

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


class RequestHead:
    """What all calls with the same fields have in common, worked out once: everything but the body.

    Services call the same endpoint with the same fields and ever new bodies. Each layer keeps here what it has worked
    out for the head, and none has a table of its own for it; what a layer keeps says itself what it is valid for.
    """

    __slots__ = ("fields", "pipeline", "request", "signature")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        """The checked fields by Python names, without the body."""
        self.request: HTTPRequest | None = None
        """Without the body, where the body is not made of fields."""
        self.pipeline: object | None = None
        """What `request` was made for."""
        self.signature: object | None = None
        """What signing keeps of it, see `signing.Signer`."""


class HeadedRequest(HTTPRequest):
    """A request that knows its head, so that the layers below find what they kept there; its copies do as well."""

    head: RequestHead

    @classmethod
    def of(cls, request: HTTPRequest, body: bytes, head: RequestHead) -> Self:
        """Return `request` with a body."""
        headed = cls(request.method, request.origin, request.target, request.headers, body)
        headed.head = head
        return headed

    def _replace(self, **fields: Any) -> Self:
        replaced = super()._replace(**fields)
        replaced.head = self.head
        return replaced


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
