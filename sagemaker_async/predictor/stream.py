"""`PredictionStream`: what `Predictor.predict_stream` returns.

The life of one: *new* (checked and serialised, its iterator made, nothing sent), *open* (the head of the answer has
come), *closed*. The first use opens it: ``async for``, ``async with``, ``await stream.open()`` or ``await stream``. It
is iterated once, by one consumer; a second iteration, a second consumer and use after close are each their own error.

It releases its connection at its end, on any failure, on leaving ``async with``, by `aclose` (from another task as
well, which also ends an opening under way), when a read is cancelled, and when the last reference goes. So ``async
for`` over a stream without a name releases it at once when the loop is left early; a stream that has a name is best
used with ``async with``.

Iterators are made before there is an event stream, so that wrong options are refused at the line that gave them. They
are made over a `_LateEventStream`, which becomes the event stream when the `PredictionStream` is opened.
"""

from __future__ import annotations

import asyncio
import difflib
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Generator
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar, Unpack, cast

from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.errors import (
    ConcurrentReadError,
    ConfigurationError,
    StreamClosedError,
    StreamConsumedError,
    StreamError,
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
from sagemaker_async.runtime.client import StreamHead
from sagemaker_async.runtime.events import StreamEvent
from sagemaker_async.runtime.stream import EventStream

if TYPE_CHECKING:
    from sagemaker_async.runtime.shapes import InvokeEndpointWithResponseStreamResponse

__all__ = ["IteratorFactory", "PredictionStream", "StreamMetadata", "StreamResult", "check_iterator"]

T = TypeVar("T")

R = TypeVar("R")

IteratorFactory = Callable[[Any], AsyncIterable[T]]
"""An iterator class or factory: takes the event stream, returns an asynchronous iterable of records."""


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
        self._event_stream = _LateEventStream()
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
        self._records = _made(make_iterator, self._event_stream)
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
        """Read what is left of the stream, which lets go of its connection, and return the whole result.

        Raises:
            CallError: the call failed, or the stream; what came before is in `PredictionStream.result`.
            StreamClosedError: the stream was closed before its end.
            ConcurrentReadError: another task reads it.
        """
        while not self._stream._ended:  # whatever fails closes the stream, unless another task has it
            await anext(self._stream, None)
        return TokenResult(self._gathered)


class _LateEventStream:
    """The event stream of a prediction before and after it is opened: what its iterator is made over."""

    __slots__ = ("next_parts", "opened")

    def __init__(self) -> None:
        self.opened: EventStream | None = None
        self.next_parts: Callable[[], Awaitable[list[bytes]]] = _not_open

    def open(self, event_stream: EventStream) -> None:
        self.opened = event_stream
        self.next_parts = event_stream.next_parts

    @property
    def closed(self) -> bool:
        return self.opened is not None and self.opened.closed

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self if self.opened is None else aiter(self.opened)

    def __anext__(self) -> Awaitable[StreamEvent]:
        return _not_open() if self.opened is None else anext(self.opened)

    def locate(self, error: StreamError) -> None:
        if self.opened is not None:
            self.opened.locate(error)

    def count_tokens(self, tokens: int) -> None:
        if self.opened is not None:
            self.opened.count_tokens(tokens)

    def close(self) -> None:
        if self.opened is not None:
            self.opened.close()

    async def aclose(self) -> None:
        self.close()


def _not_open() -> NoReturn:
    raise UsageError(
        "this iterator's event stream is not open yet: read the stream that predict_stream returned, which opens it"
    )


def check_iterator(make_iterator: object) -> None:
    """Raise `ConfigurationError` when it is clear beforehand that `make_iterator` does not make an asynchronous
    iterator."""
    if isinstance(make_iterator, type):
        wrong = not issubclass(make_iterator, AsyncIterable)
    else:
        wrong = (
            not callable(make_iterator)
            or inspect.isgeneratorfunction(make_iterator)
            or inspect.iscoroutinefunction(make_iterator)
        )
    if isinstance(make_iterator, AsyncIterable) and not callable(make_iterator):
        name = type(make_iterator).__name__
        raise ConfigurationError(
            f"iterator is an instance, made over another stream: pass its class, iterator={name}, with options "
            f"functools.partial({name}, ...); predict_stream makes its own over its event stream"
        )
    if wrong:
        raise ConfigurationError(
            "iterator must be a class of sagemaker_async.iterators such as LineIterator, a subclass of StreamIterator, "
            "or an asynchronous generator function that takes the event stream; "
            f"{_name_of(make_iterator)} is not asynchronously iterable"
        )


def _made(make_iterator: IteratorFactory[T], event_stream: object) -> AsyncIterator[T]:
    """Return a new iterator over an event stream.

    Raises:
        ConfigurationError: it is not asynchronous, or cannot be made with the arguments bound to it.
    """
    try:
        records = make_iterator(event_stream)
    except TypeError as error:
        if (problem := _wrong_arguments(make_iterator, event_stream)) is None:
            raise
        raise ConfigurationError(problem) from error
    if isinstance(records, AsyncIterable):
        return aiter(records)
    if inspect.iscoroutine(records):
        records.close()
    raise ConfigurationError(
        f"iterator {_name_of(make_iterator)} made a {type(records).__name__}, which is not asynchronously iterable; "
        "subclass sagemaker_async.iterators.StreamIterator"
    )


def _next_records_of(records: AsyncIterator[T]) -> Callable[[], Awaitable[list[T]]] | None:
    """Return the iterator's `StreamIterator.next_records`; None for one that has records one by one alone."""
    if isinstance(records, StreamIterator) and type(records).__anext__ is StreamIterator.__anext__:
        return records.next_records
    return None


def _wrong_arguments(make_iterator: Callable[..., object], event_stream: object) -> str | None:
    """Say what is wrong with the arguments of a call that failed; None when they fit the signature."""
    function: Callable[..., object] = make_iterator
    options: dict[str, object] = {}
    while isinstance(function, partial):
        options = {**function.keywords, **options}
        function = function.func
    name = _name_of(function)
    try:
        parameters = list(inspect.signature(function).parameters.values())[1:]
    except (TypeError, ValueError):
        return None
    known = [each.name for each in parameters if each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD)]
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters)
    for option in options:
        if option not in known and not takes_any:
            nearest = difflib.get_close_matches(option, known, n=1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else "."
            return f"{name} has no option {option!r}{hint} Its options are {', '.join(known) or 'none'}"
    try:
        inspect.signature(make_iterator).bind(event_stream)
    except (TypeError, ValueError) as error:
        return f"iterator {name} cannot be called with the event stream alone: {error}"
    return None


def _name_of(make_iterator: object) -> str:
    while isinstance(make_iterator, partial):
        make_iterator = make_iterator.func
    return getattr(make_iterator, "__name__", None) or f"a {type(make_iterator).__name__}"


def _closed_while_opening() -> StreamClosedError:
    return StreamClosedError("this stream was closed while it was being opened")


def _closed_error() -> StreamClosedError:
    return StreamClosedError("this stream was closed; call predict_stream again for another")
