"""What travels between the layers of the request path; values only: nothing here sends, signs or parses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sagemaker_async.config.http import ChunkCallback, HTTPRequest, HTTPResponse
from sagemaker_async.errors import CallError, ConfigurationError

__all__ = [
    "NO_PROGRESS",
    "ChunkCallback",
    "ChunkListener",
    "HTTPRequest",
    "HTTPResponse",
    "Progress",
    "ProgressCallback",
    "RequestHead",
    "Sign",
    "progress_to",
]


ChunkListener = Callable[[bytes, int, int | None], object]
"""Called with a piece of a body, the number of bytes so far, and the total, which is None while it is unknown."""

ProgressCallback = ChunkListener | ChunkCallback
"""What users may give: a `ChunkListener`, or what takes the two numbers alone."""


class Progress(NamedTuple):
    """Who wants to know how far the bytes of a call have got; called on the event loop, so it must not block.

    What a callback raises ends the call and reaches the caller as it is, with the connection closed. In a stream, its
    StopAsyncIteration becomes the cause of a RuntimeError, because it would look like the stream's end.
    """

    on_chunk_sent: ChunkListener | None = None
    """After each slice of the request's body was handed to the socket; again from the start at each attempt."""
    on_chunk_received: ChunkListener | None = None
    """After each piece of the response's body has come."""
    on_attempt_failed: Callable[[CallError], bool] | None = None
    """After each attempt that failed. True: no other is made, because the caller itself will call again."""

    def on_sent_of(self, body: bytes) -> ChunkCallback | None:
        """Return what a transport calls while one attempt sends `body`: it knows how far it has got."""
        listener = self.on_chunk_sent
        if listener is None:
            return None
        before = 0

        def on_sent(so_far: int, total: int | None) -> None:
            nonlocal before
            piece, before = body[before:so_far], so_far
            listener(piece, so_far, total)

        return on_sent


NO_PROGRESS = Progress()


def progress_to(on_chunk_sent: ProgressCallback | None, on_chunk_received: ProgressCallback | None) -> Progress:
    """Return what tells these callbacks.

    Raises:
        ConfigurationError: one cannot be called with a piece and two numbers, nor with two numbers.
    """
    return Progress(_listener(on_chunk_sent, "on_chunk_sent"), _listener(on_chunk_received, "on_chunk_received"))


def _listener(callback: Any, name: str) -> ChunkListener | None:
    if callback is None:
        return None
    listener: ChunkListener = callback
    if callable(callback) and not inspect.iscoroutinefunction(callback):
        try:
            signature = inspect.signature(callback)
        except (TypeError, ValueError):  # of C, without a signature
            return listener
        if _takes(signature, 3):
            return listener
        if _takes(signature, 2):
            return lambda _, so_far, total: callback(so_far, total)
    raise ConfigurationError(
        f"{name} must be a callable (chunk, bytes so far, total or None), or (bytes so far, total or None), and not a "
        f"coroutine function, because it is not awaited; got {callback!r}"
    )


def _takes(signature: inspect.Signature, arguments: int) -> bool:
    try:
        signature.bind(*(None,) * arguments)
    except TypeError:
        return False
    return True


class RequestHead:
    """What all calls with the same fields have in common, worked out once: everything but the body.

    Services call the same endpoint with the same fields and ever new bodies. Each layer keeps here what it has worked
    out for the head, and none has a table of its own for it; what a layer keeps says itself what it is valid for.
    """

    __slots__ = ("fields", "pipeline", "request", "resource", "signature")

    def __init__(self, fields: Mapping[str, Any], resource: str | None = None) -> None:
        self.fields: Mapping[str, Any] = fields
        """The checked fields by Python names, without the body."""
        self.resource: str | None = resource
        """What the call is on, such as the endpoint's name; for messages."""
        self.request: HTTPRequest | None = None
        """Without the body, where the body is not made of fields."""
        self.pipeline: object | None = None
        """What `request` was made for."""
        self.signature: object | None = None
        """What signing keeps of it, see `signing.Signer`."""


Sign = Callable[[HTTPRequest], HTTPRequest]
"""Returns a request with its signature, which is good for some minutes from then on."""
