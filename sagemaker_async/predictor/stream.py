"""`PredictionStream`: what `Predictor.predict_stream` returns.

The life of one: *new* (checked and serialised, nothing sent), *open* (the head of the answer has come), *closed*. The
first use opens it: ``async for``, ``async with``, ``await stream.open()`` or ``await stream``. It is iterated once, by
one consumer; a second iteration, a second consumer and use after close are each their own error.

It lets go of its connection at its end, on any failure, on leaving ``async with``, by `aclose` (from another task as
well, which also ends an opening under way), when a read is cancelled, and when the last reference goes. So ``async
for`` over a stream without a name lets go at once when the loop is left early; a stream that has a name is best used
with ``async with``.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, Unpack, cast

from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.errors import ConcurrentReadError, ConfigurationError, StreamClosedError, StreamConsumedError
from sagemaker_async.records.iterator import StreamIterator

if TYPE_CHECKING:
    from sagemaker_async.iterators import (
        BufferOptions,
        LineOptions,
        ServerSentEvent,
        SSEOptions,
        TextOptions,
        Token,
        TokenOptions,
    )
    from sagemaker_async.runtime.client import StreamHead
    from sagemaker_async.runtime.shapes import InvokeEndpointWithResponseStreamResponse

__all__ = ["IteratorFactory", "PredictionStream", "StreamMetadata", "check_iterator"]

T = TypeVar("T")

R = TypeVar("R")

IteratorFactory = Callable[[Any], AsyncIterable[T]]
"""An iterator class or factory: takes the event stream, returns an asynchronous iterable of records."""

_ITERATORS = "sagemaker_async.iterators"
"""Imported in a thread when the first stream is opened, if nobody did before: a prediction has no use for it."""


@dataclass(frozen=True)
class StreamMetadata(ResponseMetadata):
    """What the head of a streamed prediction tells, beside its records."""

    content_type: str | None
    """What the container says the payload is, such as ``text/event-stream``."""
    variant: str | None
    """The production variant that answers."""


class PredictionStream(Generic[T]):
    """The records of one streamed prediction; see the module's docstring.

    Args:
        send: makes the call that opens the stream; called once.
        iterator: makes records of the event stream; see `check_iterator`.
    """

    __slots__ = (
        "__weakref__",
        "_closed",
        "_ended",
        "_head",
        "_iterated",
        "_make_iterator",
        "_opener",
        "_read",
        "_reading",
        "_ready",
        "_records",
        "_send",
        "_started",
    )

    def __init__(self, send: Callable[[], Awaitable[StreamHead]], iterator: IteratorFactory[T]) -> None:
        self._send: Callable[[], Awaitable[StreamHead]] | None = send
        self._make_iterator = iterator
        self._head: StreamHead | None = None
        self._records: AsyncIterator[T] | None = None
        self._read: AsyncIterator[T] | None = None
        self._opener: asyncio.Task[Any] | None = None
        self._ready: list[T] = []
        self._iterated = False
        self._started = False
        self._reading = False
        self._ended = False
        self._closed = False

    def __repr__(self) -> str:
        state = "closed" if self._closed or self._ended else "new" if self._head is None else "open"
        return f"<PredictionStream, {state}>"

    @property
    def response(self) -> InvokeEndpointWithResponseStreamResponse | None:
        """The head of the answer, once the stream is open, with the custom attributes among its fields.

        It is made when it is first asked for, and the first one of a program has its model imported.
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
    def records(self) -> Any:
        """The iterator that makes the records, once the stream is open, for what it knows beside them.

        With `tokens`: ``.text``, ``.finish_reason`` and ``.usage``. It stays when the stream has ended.
        """
        return self._read

    @property
    def partial(self) -> str:
        """The text so far, also after an error: with `text` and `tokens`, the first ``keep_partial`` characters."""
        return getattr(self._read, "text", "")

    def lines(self, **options: Unpack[LineOptions]) -> PredictionStream[bytes]:
        """Read the stream as lines, instead of what it was made to yield; see `LineIterator` for the options."""
        return self._as(partial(_made, "LineIterator", options))

    def text(self, **options: Unpack[TextOptions]) -> PredictionStream[str]:
        """Read the stream as text; see `TextIterator` for the options."""
        return self._as(partial(_made, "TextIterator", options))

    def json(self, **options: Unpack[BufferOptions]) -> PredictionStream[Any]:
        """Read the stream as JSON values, one after the other or one a line; see `JSONIterator` for the options."""
        return self._as(partial(_made, "JSONIterator", options))

    def sse(self, **options: Unpack[SSEOptions]) -> PredictionStream[ServerSentEvent]:
        """Read the stream as server-sent events; see `SSEIterator` for the options."""
        return self._as(partial(_made, "SSEIterator", options))

    def tokens(self, **options: Unpack[TokenOptions]) -> PredictionStream[Token]:
        """Read the stream as tokens, whatever the container's dialect; see `TokenIterator` for the options."""
        return self._as(partial(_made, "TokenIterator", options))

    def _as(self, make_iterator: IteratorFactory[R]) -> PredictionStream[R]:
        """Return this very stream, with other records: there is one connection, and one that closes it."""
        if self._iterated or self._started:
            raise StreamConsumedError("this stream is being read already; say how to read it before reading it")
        stream = cast("PredictionStream[R]", self)
        stream._make_iterator = make_iterator
        if stream._head is not None:
            stream._make_records()
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
            try:
                self._make_records()
            except BaseException:
                self._let_go()
                raise
        return self

    def _make_records(self) -> None:
        assert self._head is not None
        records = self._make_iterator(self._head.body)
        if isinstance(records, StreamIterator):
            self._ready = records._ready
            self._records = self._read = records
        else:
            self._records = self._read = _records_of(records, self._make_iterator)

    async def _send_from(self, opener: asyncio.Task[Any] | None) -> StreamHead:
        """Send the request; `aclose` cancels the task that does so, as `asyncio.timeout` would."""
        cancelling = opener.cancelling() if opener is not None else 0
        self._opener = opener
        send, self._send = self._send, None  # for it holds the request, whose body may be large
        assert send is not None
        try:
            if _ITERATORS not in sys.modules:
                await asyncio.to_thread(import_module, _ITERATORS)
            head = await send()
        except BaseException as error:
            interrupted, self._closed = self._closed, True
            only_by_us = interrupted and opener is not None and opener.uncancel() <= cancelling
            if only_by_us and isinstance(error, asyncio.CancelledError):
                raise _closed_while_opening() from None
            raise
        finally:
            self._opener = None
        if self._closed:  # and the cancellation was swallowed on its way
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
        if self._ready:  # most tokens come in company: these need no waiting and no further coroutine
            return self._ready.pop()
        if self._reading:
            raise ConcurrentReadError("two tasks read from one stream at the same time; give each task its own")
        if self._closed:
            raise _closed_error()
        if self._ended:
            raise StopAsyncIteration
        self._reading = self._started = True
        try:
            if self._records is None:
                try:
                    await self.open()
                except StopAsyncIteration as error:  # of a callback or an interceptor; it is not the end (PEP 479)
                    raise RuntimeError("opening the stream raised StopAsyncIteration") from error
            return await cast("AsyncIterator[T]", self._records).__anext__()
        except StopAsyncIteration:
            self._ended = True
            self._disconnect()
            raise
        except ConcurrentReadError:  # another task opens the stream, which is none of the stream's fault
            raise
        except BaseException:
            self._let_go()
            raise
        finally:
            self._reading = False

    async def aclose(self) -> None:
        """Let go of the connection and drop what was not read; idempotent."""
        if self._opener is not None and not self._closed:
            self._opener.cancel()
        try:
            self._let_go()
        finally:
            records = self._records
            if records is not None and not self._reading:
                self._records = None
                if (close := getattr(records, "aclose", None)) is not None:
                    await close()

    def _let_go(self) -> None:
        self._closed = True
        self._disconnect()

    def _disconnect(self) -> None:
        if self._head is not None:
            self._head.body.close()

    def __del__(self) -> None:
        # The connection is this object's, whoever else holds on to the iterator or the event stream beneath.
        self._disconnect()


def check_iterator(make_iterator: object) -> None:
    """Raise `ConfigurationError` when it can be told beforehand that `make_iterator` makes no asynchronous iterator."""
    if isinstance(make_iterator, type):
        wrong = not issubclass(make_iterator, AsyncIterable)
    else:
        wrong = (
            not callable(make_iterator)
            or inspect.isgeneratorfunction(make_iterator)
            or inspect.iscoroutinefunction(make_iterator)
        )
    if wrong:
        raise ConfigurationError(
            "iterator must be a class of sagemaker_async.iterators such as LineIterator, a subclass of StreamIterator, "
            "or an asynchronous generator function that takes the event stream; "
            f"{_name_of(make_iterator)} is not asynchronously iterable"
        )


def _made(name: str, options: Mapping[str, Any], event_stream: object) -> AsyncIterable[Any]:
    """Return an iterator of `sagemaker_async.iterators` over an event stream."""
    records: AsyncIterable[Any] = getattr(import_module(_ITERATORS), name)(event_stream, **options)
    return records


def _records_of(records: AsyncIterable[T], make_iterator: object) -> AsyncIterator[T]:
    if isinstance(records, AsyncIterable):
        return aiter(records)
    raise ConfigurationError(
        f"iterator {_name_of(make_iterator)} made a {type(records).__name__}, which is not asynchronously iterable; "
        "subclass sagemaker_async.iterators.StreamIterator"
    )


def _name_of(make_iterator: object) -> str:
    return getattr(make_iterator, "__name__", None) or f"a {type(make_iterator).__name__}"


def _closed_while_opening() -> StreamClosedError:
    return StreamClosedError("this stream was closed while it was being opened")


def _closed_error() -> StreamClosedError:
    return StreamClosedError("this stream was closed; call predict_stream again for another")
