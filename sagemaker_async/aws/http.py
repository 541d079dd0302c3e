"""What travels between the layers of the request path; values only: nothing here sends, signs or parses."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sagemaker_async.config.http import ChunkCallback, HTTPRequest, HTTPResponse

__all__ = ["ChunkCallback", "HTTPRequest", "HTTPResponse", "Progress", "Sign"]


class Progress(NamedTuple):
    """Who wants to know how far the bytes of a call have got; called on the event loop, so it must not block.

    What a callback raises ends the call and reaches the caller as it is, with the connection closed. In a stream, its
    StopAsyncIteration becomes the cause of a RuntimeError, because it would look like the stream's end.
    """

    on_chunk_sent: ChunkCallback | None = None
    """After each slice of the request's body was handed to the socket; again from the start at each attempt."""
    on_chunk_received: ChunkCallback | None = None
    """After each piece of the response's body has come."""


Sign = Callable[[HTTPRequest], HTTPRequest]
"""Returns a request with its signature, which is good for some minutes from then on."""
