"""What travels between the layers of the request path; values only: nothing here sends, signs or parses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

from sagemaker_async.config.http import ChunkCallback, HTTPRequest, HTTPResponse

__all__ = ["ChunkCallback", "HTTPRequest", "HTTPResponse", "HeadedRequest", "Progress", "RequestHead", "Sign"]


class Progress(NamedTuple):
    """Who wants to know how far the bytes of a call have got; called on the event loop, so it must not block.

    What a callback raises ends the call and reaches the caller as it is, with the connection closed. In a stream, its
    StopAsyncIteration becomes the cause of a RuntimeError, because it would look like the stream's end.
    """

    on_chunk_sent: ChunkCallback | None = None
    """After each slice of the request's body was handed to the socket; again from the start at each attempt."""
    on_chunk_received: ChunkCallback | None = None
    """After each piece of the response's body has come."""


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


Sign = Callable[[HTTPRequest], HTTPRequest]
"""Returns a request with its signature, which is good for some minutes from then on."""
