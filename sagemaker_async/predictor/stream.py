"""`PredictionStream`: what `Predictor.predict_stream` returns.

The life of one: *new* (checked and serialised, its iterator made, nothing sent), *open* (the head of the answer has
come), *closed*. The first use opens it: ``async for``, ``async with``, ``await stream.open()`` or ``await stream``. It
is iterated once, by one consumer; a second iteration, a second consumer and use after close are each their own error.

It releases its connection at its end, on any failure, on leaving ``async with``, by `aclose` (from another task as
well, which also ends an opening under way), when a read is cancelled, and when the last reference goes. So ``async
for`` over a stream without a name releases it at once when the loop is left early; a stream that has a name is best
used with ``async with``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, Unpack, cast

from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.errors import (
    ConcurrentReadError,
    StreamClosedError,
    StreamConsumedError,
    UsageError,
    WrongEventLoopError,
)
from sagemaker_async.iterators import (
    BufferOptions,
    JSONIterator,
    LineIterator,
    LineOptions,
    ServerSentEvent,
    SSEIterator,
    SSEOptions,
    StreamIterator,
    TextIterator,
    TextOptions,
    Token,
    TokenIterator,
    TokenOptions,
    TokenResult,
)
from sagemaker_async.runtime.stream_call import StreamHead

from .iterating import IteratorFactory, LateEventStream, iterator_over

if TYPE_CHECKING:
    from sagemaker_async.runtime.shapes import InvokeEndpointWithResponseStreamResponse

__all__ = ["PredictionStream", "StreamMetadata", "StreamResult"]

T = TypeVar("T")

R = TypeVar("R")


@dataclass(frozen=True)
class StreamMetadata(ResponseMetadata):
    """What the head of a streamed prediction says, besides its records."""

    content_type: str | None
    """What the container says the payload is, such as ``text/event-stream``."""
    variant: str | None
    """The production variant that answers."""


class PredictionStream(Generic[T]):
    """The records of one streamed prediction; see the module's docstring.

    Args:
        send: makes the call that opens the stream; called once.
        iterator: makes records of the event stream; called in this constructor.

    Raises:
        ConfigurationError: `iterator` is wrong, or one of the options bound to it.
    """

    __slots__ = (
        "__weakref__",
        "_closed",
        "_ended",
        "_event_stream",
        "_head",
        "_iterated",
        "_next_records",
        "_opener",
        "_reading",
        "_ready",
        "_records",
        "_records_closed",
        "_send",
        "_started",
    )

    def __init__(self, send: Callable[[], Awaitable[StreamHead]], iterator: IteratorFactory[T]) -> None:
        self._send: Callable[[], Awaitable[StreamHead]] | None = send
        self._head: StreamHead | None = None
        self._event_stream = LateEventStream()
        self._opener: asyncio.Task[Any] | None = None
        self._ready: list[T] = []
        """Records that the iterator has made and nobody has taken, the next one last."""
        self._iterated = False
        self._started = False
        self._reading = False
        self._ended = False
        self._closed = False
        self._records_closed = False
        self._read_with(iterator)

    def _read_with(self, make_iterator: IteratorFactory[T]) -> None:
        """Take the records from a new iterator over the event stream."""
        self._records = iterator_over(make_iterator, self._event_stream)
        self._next_records = _next_records_of(self._records)

    def __repr__(self) -> str:
        state = "closed" if self._closed or self._ended else "new" if self._head is None else "open"
        return f"<PredictionStream, {state}>"

    @property
    def response(self) -> InvokeEndpointWithResponseStreamResponse | None:
        """The head of the answer, once the stream is open, with the custom attributes among its fields.

        It is made on first access; the first access of a program imports its model.
        """
        return None if self._head is None else self._head.response()

    @property
    def metadata(self) -> StreamMetadata | None:
        """Variant, content type, request id, status, headers and attempts, once the stream is open."""
        if self._head is None:
            return None
        head = self._head.metadata
        return StreamMetadata(
            request_id=head.request_id,
            status=head.status,
            headers=head.headers,
            attempts=head.attempts,
            content_type=self._head.field("ContentType"),
            variant=self._head.field("InvokedProductionVariant"),
        )

    @property
    def result(self) -> StreamResult:
        """What the model has said so far, whole: ``.text``, ``.reasoning``, ``.tool_calls``, ``.usage``, ...

        Only streams of tokens have one. It grows while the stream is read, and stays available after the stream has
        ended or failed. ``await stream.result()`` reads what is left and returns the whole.

        Raises:
            UsageError: the stream is not read as tokens.

        Example:
            ::

                result = await predictor.predict_stream(request).tokens().result()
        """
        if not isinstance(self._records, TokenIterator):
            raise UsageError("only a stream of tokens has a result: choose predict_stream(...).tokens() before reading")
        return StreamResult(self._records.result, self)

    @property
    def records(self) -> Any:
        """The older name of `result`; for a stream of anything but tokens, the iterator that makes the records.

        None before the stream is open.
        """
        if self._head is None:
            return None
        return self._records.result if isinstance(self._records, TokenIterator) else self._records

    @property
    def partial(self) -> str:
        """The text so far, also after an error: with `text` and `tokens`, the first ``keep_partial`` characters."""
        return getattr(self._records, "text", "")

    def lines(self, **options: Unpack[LineOptions]) -> PredictionStream[bytes]:
        """Read the stream as lines, instead of what it was made to yield; see `LineIterator` for the options.

        Raises, as `text`, `json`, `sse` and `tokens` do:
            ConfigurationError: an option is wrong.
            StreamConsumedError: the stream is being read already.
        """
        return self._as(partial(LineIterator, **options))

    def text(self, **options: Unpack[TextOptions]) -> PredictionStream[str]:
        """Read the stream as text; see `TextIterator` for the options."""
        return self._as(partial(TextIterator, **options))

    def json(self, **options: Unpack[BufferOptions]) -> PredictionStream[Any]:
        """Read the stream as JSON values, one after the other or one a line; see `JSONIterator` for the options."""
        return self._as(partial(JSONIterator, **options))

    def sse(self, **options: Unpack[SSEOptions]) -> PredictionStream[ServerSentEvent]:
        """Read the stream as server-sent events; see `SSEIterator` for the options."""
        return self._as(partial(SSEIterator, **options))

    def tokens(self, **options: Unpack[TokenOptions]) -> PredictionStream[Token]:
        """Read the stream as tokens, whatever the container's dialect; see `TokenIterator` for the options."""
        return self._as(partial(TokenIterator, **options))

    def _as(self, make_iterator: IteratorFactory[R]) -> PredictionStream[R]:
        """Return this same stream with other records: one object owns the connection and closes it."""
        if self._iterated or self._started:
            raise StreamConsumedError("this stream is being read already; choose how to read it before reading")
        stream = cast("PredictionStream[R]", self)
        stream._read_with(make_iterator)
        return stream

    async def collect(self) -> list[T]:
        """Read all that is left into a list, and close the stream."""
        async with self:
            return [record async for record in self]

    async def open(self) -> Self:
        """Send the request, unless that was done, and return the stream when the head of the answer has come.

        Raises:
            CallError: the call failed; nothing of the stream is left open.
            StreamClosedError: the stream was closed.
            ConcurrentReadError: another task is opening it.
        """
        if self._closed:
            raise _closed_error()
        if self._opener is not None:
            raise ConcurrentReadError("two tasks open one stream at the same time; give each task its own")
        if self._head is None:
            self._head = await self._send_from(asyncio.current_task())
            self._event_stream.open(self._head.body)
        return self

    async def _send_from(self, opener: asyncio.Task[Any] | None) -> StreamHead:
        """Send the request; `aclose` cancels the task that does so, as `asyncio.timeout` would."""
        cancelling = opener.cancelling() if opener is not None else 0
        self._opener = opener
        send, self._send = self._send, None  # it holds the request, whose body may be large
        assert send is not None
        try:
            head = await send()
        except BaseException as error:
            interrupted, self._closed = self._closed, True
            only_by_us = interrupted and opener is not None and opener.uncancel() <= cancelling
            if only_by_us and isinstance(error, asyncio.CancelledError):
                raise _closed_while_opening() from None
            raise
        finally:
            self._opener = None
        if self._closed:  # but something swallowed the cancellation
            head.body.close()
            raise _closed_while_opening()
        return head

    def __await__(self) -> Generator[Any, Any, Self]:
        return self.open().__await__()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        if self._closed:
            raise _closed_error()
        if self._iterated:
            raise StreamConsumedError("a stream can be iterated once; call predict_stream again for another")
        self._iterated = True
        return self

    async def __anext__(self) -> T:
        if self._ready:  # most tokens come with others: these need no waiting and no further coroutine
            return self._ready.pop()
        if self._reading:
            raise ConcurrentReadError("two tasks read from one stream at the same time; give each task its own")
        if self._closed:
            raise _closed_error()
        if self._ended:
            raise StopAsyncIteration
        self._reading = self._started = True
        try:
            if self._head is None:
                try:
                    await self.open()
                except StopAsyncIteration as error:  # of a callback or an interceptor; it is not the end (PEP 479)
                    raise RuntimeError("opening the stream raised StopAsyncIteration") from error
            if self._next_records is None:
                return await anext(self._records)
            ready = await self._next_records()
            if self._closed:  # by another task, while an iterator of the user's own went on
                raise _closed_error()
            if not ready:
                raise StopAsyncIteration
            ready.reverse()
            self._ready = ready
            return ready.pop()
        except StopAsyncIteration:
            self._ended = True
            self._release_connection()
            raise
        except (ConcurrentReadError, WrongEventLoopError):  # the stream is unharmed, for who has it
            raise
        except BaseException:
            self._close()
            raise
        finally:
            self._reading = False

    async def aclose(self) -> None:
        """Release the connection and drop what was not read; idempotent."""
        if self._opener is not None and not self._closed:
            self._opener.cancel()
        try:
            self._close()
        finally:
            if not (self._reading or self._records_closed):
                self._records_closed = True
                if (close := getattr(self._records, "aclose", None)) is not None:
                    await close()

    def _close(self) -> None:
        self._closed = True
        self._ready.clear()
        self._release_connection()

    def _release_connection(self) -> None:
        if self._head is not None:
            self._head.body.close()

    def __del__(self) -> None:
        # This object owns the connection, even if something else still refers to the iterator or the event stream.
        self._release_connection()


class StreamResult(TokenResult):
    """The `TokenResult` of a stream, which can be read to its end from here."""

    __slots__ = ("_stream",)

    def __init__(self, result: TokenResult, stream: PredictionStream[Any]) -> None:
        super().__init__(result._gathered)
        self._stream = stream

    async def __call__(self) -> TokenResult:
        """Read what is left of the stream, which releases its connection, and return the whole result.

        Raises:
            CallError: the call failed, or the stream; what came before is in `PredictionStream.result`.
            StreamClosedError: the stream was closed before its end.
            ConcurrentReadError: another task reads it.
        """
        while not self._stream._ended:  # whatever fails closes the stream, unless another task has it
            await anext(self._stream, None)
        return TokenResult(self._gathered)


def _next_records_of(records: AsyncIterator[T]) -> Callable[[], Awaitable[list[T]]] | None:
    """Return the iterator's `StreamIterator.next_records`; None for one that has records one by one alone."""
    if isinstance(records, StreamIterator) and type(records).__anext__ is StreamIterator.__anext__:
        return records.next_records
    return None


def _closed_while_opening() -> StreamClosedError:
    return StreamClosedError("this stream was closed while it was being opened")


def _closed_error() -> StreamClosedError:
    return StreamClosedError("this stream was closed; call predict_stream again for another")
