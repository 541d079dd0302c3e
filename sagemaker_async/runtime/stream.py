"""The response stream of one invocation: `EventStream`, which owns the connection it is read from.

What is yielded, in order: every `PayloadPart`, `UnknownEvent`, and as the last one a `ModelStreamError` or
`InternalStreamFailure` if the service sent one. What is raised, after everything that came before it was yielded:
`UnmodeledStreamError`; `EventStreamError` and its kind for bytes that are not an event stream, or that end inside a
message; `StreamConnectionError` when the connection ends before the HTTP body does; `StreamStalledError` after too long
a silence. A stream never just stops.

An exception from a user's callback or interceptor within a read is raised by that read unchanged, once, whatever its
class; the connection has been closed by then. A StopAsyncIteration of theirs would look like the stream's end: it
becomes the cause of a RuntimeError, as PEP 479 has it for generators.

The connection is released at the end, on any failure, when a read is cancelled, by `aclose`, and when the last
reference to the stream goes, from whichever thread that happens. Single use, one consumer, on the event loop that has
opened it: a read on another one raises `WrongEventLoopError`, and the stream can still be read on its own loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Self

from sagemaker_async.aws.body_stream import check_event_loop
from sagemaker_async.aws.eventstream import Decoder, ExpectedHeaders, Run, encode_headers
from sagemaker_async.aws.frames import forget_frames
from sagemaker_async.errors import (
    CallError,
    ChunkTimeoutError,
    ConcurrentReadError,
    ConnectionLostError,
    SageMakerAsyncError,
    StreamConnectionError,
    StreamConsumedError,
    StreamError,
    StreamStalledError,
)

from .events import PayloadPart, StreamEvent, event_of, is_payload_part
from .replay import Kept, closed_early

if TYPE_CHECKING:
    from sagemaker_async.aws.call import StreamWatcher
    from sagemaker_async.aws.eventstream import HeaderValue
    from sagemaker_async.aws.http import ChunkListener, HTTPResponse

__all__ = ["EventStream"]

_PAYLOAD_PART = encode_headers(
    {":event-type": "PayloadPart", ":content-type": "application/octet-stream", ":message-type": "event"}
)
_EXPECTED = ExpectedHeaders(_PAYLOAD_PART)
_PART_HEADERS = _EXPECTED[_PAYLOAD_PART]


class EventStream:
    """An asynchronous iterator over the events of one response stream; see the module's docstring.

    Args:
        response: where the bytes come from; owned from now on.
        operation: for messages: AWS's name of the operation,
        resource: what it was called on,
        url: where,
        request_id: and AWS's id of it.
        watcher: learns how the stream ends, and how many tokens were made of it.
        on_chunk_received: is called with each piece that came and how many bytes have come, framing included.
    """

    __slots__ = (
        "__weakref__",
        "_bytes_received",
        "_chunk_bytes",
        "_closed",
        "_decoder",
        "_ended",
        "_events",
        "_failure",
        "_iterated",
        "_kept",
        "_loop",
        "_on_chunk_received",
        "_only_parts",
        "_part_headers",
        "_queue",
        "_reading",
        "_response",
        "_watcher",
        "_where",
    )

    def __init__(
        self,
        response: HTTPResponse | None,
        operation: str,
        resource: str | None,
        url: str,
        request_id: str | None,
        *,
        watcher: StreamWatcher | None = None,
        on_chunk_received: ChunkListener | None = None,
    ) -> None:
        self._response = response
        self._loop = asyncio.get_running_loop()
        self._watcher = watcher
        self._on_chunk_received = on_chunk_received
        self._chunk_bytes = 0
        self._where = (operation, resource, url, request_id)
        self._decoder = Decoder(_EXPECTED)
        # Payload parts wait here as bare bytes, for most consumers want no more; other events as themselves.
        # A list, for few events wait at a time, and an empty deque keeps room for 64 in every open stream.
        self._queue: list[Any] = []
        self._only_parts = True
        self._part_headers = _PART_HEADERS  # whatever has the same ones needs no second look
        self._failure: SageMakerAsyncError | None = None
        self._ended = False
        self._closed = False
        self._reading = False
        self._iterated = False
        self._kept: Kept | None = None
        self._events = 0
        self._bytes_received = 0

    @classmethod
    def failed(cls, error: CallError) -> Self:
        """Return the stream of a call that failed before there was one: reading it raises the call's error."""
        stream = cls(None, error.operation or "", error.resource, error.url or "", error.request_id)
        stream._ended = True
        stream._failure = error
        return stream

    def __repr__(self) -> str:
        state = "closed" if self._closed else "ended" if self._ended else "open"
        return f"<EventStream of {self._where[1]!r}, {state}, {self._events} events, {self._bytes_received} bytes>"

    @property
    def closed(self) -> bool:
        """Whether the connection has been released."""
        return self._closed or self._ended

    def keep_events(self) -> None:
        """Keep what iterating yields from now on, for `replay_from_here`; for ``dispatch``."""
        if self._kept is None and not self._iterated:
            self._kept = Kept()

    def replay_from_here(self, failure: StreamError | None) -> None:
        """Let iterating yield what was kept; it ends with `failure`, if that was not an event, or as the stream did."""
        if self._kept is not None:
            self._kept.end(failure)

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        if self._kept is not None and self._kept.complete:
            return self._kept.replay(lambda: self._closed)
        if self._iterated:
            raise StreamConsumedError("a response stream can be iterated once; invoke the endpoint again for another")
        self._iterated = True
        return self

    async def __anext__(self) -> StreamEvent:
        while not self._queue:
            if self._ended:
                raise self._end() or StopAsyncIteration
            reading = self._begin_read()
            try:
                self._received(await reading)
            except BaseException as error:
                if not self._noted(error):
                    raise
        queued = self._queue.pop(0)
        event: StreamEvent = PayloadPart(queued) if isinstance(queued, bytes) else queued
        if self._kept is not None:
            self._kept.add(event)
        return event

    async def next_parts(self) -> list[bytes]:
        """Return the payload parts that have come, at least one, waiting if necessary; none at the clean end.

        The fast way to read a stream: unknown events are skipped, and `ModelStreamError` and `InternalStreamFailure`
        are raised once the parts before them were returned. Raises what iterating raises.
        """
        while True:
            if self._queue:
                if self._only_parts:
                    parts: list[bytes] = self._queue
                    self._queue = []
                    return parts
                if selected := self._parts_before_an_error():
                    return selected
            elif self._ended:
                error = self._end()
                if error is None:
                    return []
                try:
                    raise error
                finally:
                    del error  # a frame that refers to its own exception would be a reference cycle
            else:
                reading = self._begin_read()
                try:
                    self._received(await reading)
                except BaseException as failure:
                    if not self._noted(failure):
                        raise

    def _parts_before_an_error(self) -> list[bytes]:
        """Take the parts out of a queue with other events in it; raise an error that is its first event."""
        parts: list[bytes] = []
        queue = self._queue
        while queue:
            event = queue[0]
            if isinstance(event, StreamError):
                if parts:
                    return parts
                queue.clear()
                try:
                    raise event
                finally:
                    del event
            queue.pop(0)
            if isinstance(event, bytes):
                parts.append(event)
        self._only_parts = True
        return parts

    async def aclose(self) -> None:
        """Drop what is not read yet and release the connection; idempotent."""
        self.close()

    def close(self) -> None:
        """The same as `aclose`, at once and from any thread."""
        if not self._ended:
            self._closed = True
            self._queue.clear()
            self._stop(None)

    def _stop(self, error: Exception | None) -> None:
        """Release the connection: nothing more will be read."""
        self._ended = True
        response, self._response = self._response, None
        if response is not None:
            response.close()
        if self._watcher is not None:
            self._watcher.ended(self._events, self._bytes_received, error)

    def __del__(self) -> None:
        self.close()

    def _end(self) -> SageMakerAsyncError | None:
        """Return what ended the stream, once: a failure, or None at its clean end (and ever after)."""
        if self._closed:
            return closed_early()
        failure, self._failure = self._failure, None
        return failure

    # What `__anext__` and `next_parts` do to read once is in three parts rather than in a coroutine of its own, whose
    # frame every open stream would hold while it waits.

    def _begin_read(self) -> Coroutine[Any, Any, bytes]:
        """Return what reads once; `_received` or `_noted` must follow."""
        if self._reading:
            raise ConcurrentReadError("two tasks read from one response stream; give each its own, or share a queue")
        check_event_loop(self._loop)
        assert self._response is not None
        self._reading = True
        return self._response.read_chunk()

    def _received(self, chunk: bytes) -> None:
        """Queue the events that came, and note the stream's end or failure behind them."""
        self._reading = False
        if chunk and self._on_chunk_received is not None:
            self._chunk_bytes += len(chunk)
            try:
                self._on_chunk_received(chunk, self._chunk_bytes, None)
            except StopAsyncIteration as error:
                raise RuntimeError("on_chunk_received raised StopAsyncIteration") from error
        if self._ended:  # closed by another task while this one waited
            return
        decoder = self._decoder
        try:
            if chunk:
                self._take(decoder.feed_runs(chunk))
                if (malformed := decoder.error) is not None:
                    self._fail(malformed)
            else:
                decoder.close()
                self._stop(None)
        except StreamError as error:
            if self._ended:  # it is an interceptor's, which was told of the end
                raise
            self._fail(error)

    def _noted(self, error: BaseException) -> bool:
        """Note how reading failed, and return True; close the stream when it is the reader's own affair."""
        forget_frames(error)
        if not self._reading:  # `_received` was reached: this is what a callback or an interceptor raised
            self.close()
            return False
        self._reading = False
        if isinstance(error, CallError):
            self._fail(_while_streaming(error))
        elif isinstance(error, SageMakerAsyncError):
            self._fail(error)
        else:  # cancelled, mostly: part of the stream may be lost, so it cannot be continued
            self.close()
            return False
        return True

    def _take(self, runs: list[Run]) -> None:
        if runs and self._watcher is not None:
            self._watcher.received()
        for headers, payloads in runs:
            if headers is not self._part_headers and not is_payload_part(headers):
                if not self._take_others(headers, payloads):
                    return
                continue
            self._part_headers = headers
            self._events += len(payloads)
            self._bytes_received += sum(map(len, payloads))
            if self._queue:
                self._queue += payloads
            else:
                self._queue = payloads

    def _take_others(self, headers: Mapping[str, HeaderValue], payloads: list[bytes]) -> bool:
        """Queue events that are not payload parts; return whether more may follow them."""
        for payload in payloads:
            event = event_of(headers, payload)
            self._only_parts = False
            self._queue.append(event)
            if isinstance(event, StreamError):
                self.locate(event)
                self._stop(event)
                return False
            self._events += 1
        return True

    def _fail(self, error: SageMakerAsyncError) -> None:
        """Keep what is to be raised when everything before it was yielded."""
        if self._ended:
            return
        if isinstance(error, StreamError):
            self.locate(error)
        elif isinstance(error, CallError):
            error.locate(*self._where)
        self._failure = error
        self._stop(error)

    def locate(self, error: StreamError) -> None:
        """Note on an error where the stream is from and what it had carried; for the iterators above."""
        error.locate(*self._where)
        error.events = self._events
        error.bytes_received = self._bytes_received

    def count_tokens(self, tokens: int) -> None:
        """Note how many tokens the iterator above made of the stream, for interceptors.

        The stream may have ended by then; if not, interceptors hear of its end first. Only the first call counts.
        """
        if self._watcher is not None:
            self._watcher.counted(tokens)


def _while_streaming(error: CallError) -> CallError:
    """Return the stream error that a transport error is, once the stream is under way."""
    failure: StreamError
    if isinstance(error, ChunkTimeoutError):
        failure = StreamStalledError(
            f"nothing came for {error.seconds:g} s (Timeouts.between_chunks) although the stream had not ended; "
            "raise the limit for models that pause longer between tokens",
            error.seconds,
        )
    elif isinstance(error, ConnectionLostError):
        failure = StreamConnectionError(f"the connection ended before the stream did ({error.message})")
    else:
        return error
    failure.__cause__ = error
    return failure
