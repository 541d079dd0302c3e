"""What a response has as its ``Body``: `StreamingBody` and `EventStream`, with the methods of aiobotocore's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self

from botocore.exceptions import ResponseStreamingError

from sagemaker_async.errors import SageMakerAsyncError, StreamError
from sagemaker_async.runtime import stream
from sagemaker_async.runtime.events import PayloadPart

from .failures import raise_from

__all__ = ["EventStream", "StreamingBody"]

CHUNK = 1024
"""What aiobotocore reads at a time."""


class _Closing:
    """``async with`` over what has `close`."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Do as `close`."""
        self.close()


class StreamingBody(_Closing):
    """The body of an answer, read as a file.

    The whole body has come before the call returns, so it need not be closed, and a body that breaks off is an error of
    the call.
    """

    __slots__ = ("_body", "_closed", "_position")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._position = 0
        self._closed = False

    async def read(self, amt: int | None = None) -> bytes:
        """Return `amt` bytes, or fewer at the end; all that is left for None or a negative number.

        Raises:
            ResponseStreamingError: the body was closed.
        """
        if self._closed:
            raise ResponseStreamingError(error="the body was closed")
        begin, end = self._position, len(self._body)
        self._position = end if amt is None or amt < 0 else min(begin + amt, end)
        return self._body[begin : self._position]

    async def readinto(self, b: bytearray) -> int:
        """Read into a buffer and return the number of bytes."""
        chunk = await self.read(len(b))
        b[: len(chunk)] = chunk
        return len(chunk)

    async def readlines(self) -> list[bytes]:
        """Return the lines that are left, without their ends."""
        return [line async for line in self.iter_lines()]

    async def iter_lines(self, chunk_size: int = CHUNK, keepends: bool = False) -> AsyncIterator[bytes]:  # noqa: ARG002 - aiobotocore's signature
        """Yield the lines that are left."""
        for line in (await self.read()).splitlines(keepends):
            yield line

    async def iter_chunks(self, chunk_size: int = CHUNK) -> AsyncIterator[bytes]:
        """Yield what is left in slices of `chunk_size` bytes."""
        while chunk := await self.read(chunk_size):
            yield chunk

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.iter_chunks()

    async def __anext__(self) -> bytes:
        if chunk := await self.read(CHUNK):
            return chunk
        raise StopAsyncIteration

    def readable(self) -> bool:
        """Return whether something is left."""
        return self._position < len(self._body)

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._position

    def close(self) -> None:
        """Drop what was not read; idempotent."""
        self._closed = self._closed or self.readable()
        self._body = b""


class EventStream(_Closing):
    """The events of a response stream as dicts; its connection is released at the end, on any failure and by `close`.

    Iterating raises `EventStreamError` for ``ModelStreamError`` and ``InternalStreamFailure``, as botocore does, and
    `ResponseStreamingError` or `ReadTimeoutError` for a stream that broke off, which botocore may take for a complete
    one.

    Args:
        events: the stream of the runtime client.
        translated: makes botocore's exception of ours.
    """

    __slots__ = ("_events", "_translated")

    def __init__(self, events: stream.EventStream, translated: Callable[[SageMakerAsyncError], Exception]) -> None:
        self._events = events
        self._translated = translated

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        return self

    async def __anext__(self) -> dict[str, Any]:
        try:
            event = await anext(self._events)
        except SageMakerAsyncError as error:
            raise_from(self._translated(error), error)
        if isinstance(event, PayloadPart):
            return {"PayloadPart": {"Bytes": event.bytes}}
        if isinstance(event, StreamError):
            raise_from(self._translated(event), event)
        return {"SDK_UNKNOWN_MEMBER": event["SDK_UNKNOWN_MEMBER"]}

    def close(self) -> None:
        """Drop what was not read and release the connection; idempotent."""
        self._events.close()
