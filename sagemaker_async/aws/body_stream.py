"""`BodyStream`: the body of one answer as it comes, for operations that answer with something large.

It owns the connection, and releases it at the end, on any failure, when a read is cancelled, by `aclose`, and when
its last reference goes. A body that breaks off raises; it never just stops. Single use, one consumer, on the event loop
that has opened it.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Self

from sagemaker_async.aws.frames import forget_frames
from sagemaker_async.errors import CallError, ConcurrentReadError, StreamClosedError, WrongEventLoopError

if TYPE_CHECKING:
    from sagemaker_async.aws.call import StreamWatcher
    from sagemaker_async.aws.http import ChunkListener, HTTPResponse

__all__ = ["BodyStream", "check_event_loop"]


class BodyStream:
    """An asynchronous iterator over the bytes of one answer, and an asynchronous context manager.

    Args:
        response: where the bytes come from; owned from now on.
        where: for messages: the operation, what it was called on, where, and AWS's id of the request.
        watcher: learns how the body ends.
        on_chunk_received: is called with each piece, how many bytes have come, and the total if the answer says it.
        failure: raised by the first read, of a call that failed before there was a body.
    """

    def __init__(
        self,
        response: HTTPResponse | None,
        where: tuple[str, str | None, str, str | None],
        *,
        watcher: StreamWatcher | None = None,
        on_chunk_received: ChunkListener | None = None,
        failure: CallError | None = None,
    ) -> None:
        self._response = response
        self._loop = asyncio.get_running_loop()
        self._where = where
        self._watcher = watcher
        self._on_chunk_received = on_chunk_received
        self._failure = failure
        length = response.headers.get("Content-Length", "") if response is not None else ""
        self._total = int(length) if length.isascii() and length.isdigit() else None
        self._reading = False
        self._closed = False
        self._chunks = 0
        self._bytes_received = 0

    def __repr__(self) -> str:
        state = "closed" if self._closed else "ended" if self._response is None else "open"
        return f"<BodyStream of {self._where[1]!r}, {state}, {self._bytes_received} bytes>"

    @property
    def closed(self) -> bool:
        """Whether the connection was released."""
        return self._response is None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if chunk := await self.read_chunk():
            return chunk
        raise StopAsyncIteration

    async def read(self) -> bytes:
        """Return what is left of the body; raises what `read_chunk` raises."""
        chunks = []
        while chunk := await self.read_chunk():
            chunks.append(chunk)
        return b"".join(chunks)

    async def read_chunk(self) -> bytes:
        """Return what has arrived, at least one byte; ``b""`` at the end of the body.

        Raises:
            ConnectionLostError, ChunkTimeoutError: the body broke off.
            StreamClosedError: it was closed before its end.
            ConcurrentReadError: another task is reading it.
            WrongEventLoopError: another event loop has opened it, where it can still be read.
        """
        if self._closed:
            raise StreamClosedError("this body was closed before it was read to its end")
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        if self._response is None:
            return b""
        if self._reading:
            raise ConcurrentReadError("two tasks read from one body; give each its own, or share a queue")
        check_event_loop(self._loop)
        self._reading = True
        try:
            chunk = await self._response.read_chunk()
        except CallError as error:
            forget_frames(error)
            self._stop(error.locate(*self._where))
            raise
        except BaseException as error:  # cancelled, mostly: part of the body may be lost
            forget_frames(error)
            self.close()
            raise
        finally:
            self._reading = False
        if not chunk:
            self._stop(None)
            return b""
        if self._watcher is not None:
            self._watcher.received()
        self._chunks += 1
        self._bytes_received += len(chunk)
        if self._on_chunk_received is not None:
            self._tell(self._on_chunk_received, chunk)
        return chunk

    def _tell(self, on_chunk_received: ChunkListener, chunk: bytes) -> None:
        try:
            on_chunk_received(chunk, self._bytes_received, self._total)
        except StopAsyncIteration as error:
            self.close()
            raise RuntimeError("on_chunk_received raised StopAsyncIteration") from error
        except BaseException:
            self.close()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Drop what is not read yet and release the connection; idempotent."""
        self.close()

    def close(self) -> None:
        """Do as `aclose`, at once and from any thread."""
        if self._response is not None:
            self._closed = True
            self._stop(None)

    def _stop(self, error: Exception | None) -> None:
        response, self._response = self._response, None
        if response is not None:
            response.close()
        if self._watcher is not None:
            self._watcher.ended(self._chunks, self._bytes_received, error)

    def __del__(self) -> None:
        self.close()


def check_event_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Raise `WrongEventLoopError` when a stream that `loop` has opened is read on another one."""
    if loop is not asyncio.get_running_loop():
        raise WrongEventLoopError(
            "this stream belongs to the event loop that opened it, and is read on another one; read it there "
            "(asyncio.run_coroutine_threadsafe), or open one here with a Session of this loop"
        )
