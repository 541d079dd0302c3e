"""Making the iterator of a `PredictionStream`, which happens before there is an event stream.

So wrong options are refused at the line that gave them. An iterator is made over a `LateEventStream`, which becomes the
event stream when the `PredictionStream` is opened.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, NoReturn, TypeVar

from sagemaker_async.errors import ConfigurationError, StreamError, UsageError
from sagemaker_async.runtime.events import StreamEvent
from sagemaker_async.runtime.stream import EventStream

__all__ = ["IteratorFactory", "LateEventStream", "check_iterator", "iterator_over"]

T = TypeVar("T")

IteratorFactory = Callable[[Any], AsyncIterable[T]]
"""An iterator class or factory: takes the event stream, returns an asynchronous iterable of records."""


def check_iterator(make_iterator: object) -> None:
    """Raise `ConfigurationError` when `make_iterator` clearly does not make an asynchronous iterator."""
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


def iterator_over(make_iterator: IteratorFactory[T], event_stream: object) -> AsyncIterator[T]:
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


class LateEventStream:
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
