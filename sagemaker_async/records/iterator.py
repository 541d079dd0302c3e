"""What all iterators have in common: reading the event stream, order, failure and closing.

`StreamIterator` reads payload parts, has them split by a method of its subclass, and hands out the records one by one;
`ByteIterator`, which splits nothing, is here too, because streams are read with it by default.
`sagemaker_async.iterators` states what consumers may rely on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar, cast, runtime_checkable

from sagemaker_async.errors import CallError, ConfigurationError, StreamClosedError, StreamError
from sagemaker_async.runtime.events import PayloadPart, UnknownEvent

if TYPE_CHECKING:
    from . import Splitter

__all__ = ["ByteIterator", "SplitterIterator", "StreamIterator"]

T = TypeVar("T")


NO_EVENT_STREAM: Any = None
"""The event stream of ``LineIterator()``, which no iterator takes: Python's own message would not say what to do."""


class _PartSource(Protocol):
    async def next_parts(self) -> list[bytes]:
        """Return at least one payload part, or none at the clean end."""
        ...


@runtime_checkable
class _Locating(Protocol):
    def locate(self, error: StreamError) -> object:
        """Add the operation, the endpoint and the request id to an error."""
        ...


class _PartsOfEvents:
    """The payload parts of any async iterable of events or bytes."""

    __slots__ = ("_events",)

    def __init__(self, events: AsyncIterator[object]) -> None:
        self._events = events

    async def next_parts(self) -> list[bytes]:
        async for event in self._events:
            if isinstance(event, PayloadPart):
                return [event.bytes]
            if isinstance(event, (bytes, bytearray, memoryview)):
                return [bytes(event)]
            if isinstance(event, StreamError):
                try:
                    raise event
                finally:
                    del event
            if not isinstance(event, UnknownEvent):
                raise ConfigurationError(
                    f"event_stream must yield response stream events or bytes, not {type(event).__name__}"
                )
        return []


class StreamIterator(ABC, Generic[T]):
    """The base of all iterators, and of your own: override `split`, and `finish` when the end completes something.

    Args:
        event_stream: the response stream, or any async iterable of its events or of bytes.

    Raises:
        ConfigurationError: `event_stream` is not an async iterable, or yields something else.
        StreamError: from iteration; see the module's docstring.

    Example:
        A class that yields blocks of 4 bytes::

            class Blocks(StreamIterator[bytes]):
                rest = b""

                def split(self, data: bytes) -> Iterable[bytes]:
                    data = self.rest + data
                    whole = len(data) // 4 * 4
                    self.rest = data[whole:]
                    return [data[at : at + 4] for at in range(0, whole, 4)]

                def finish(self) -> Iterable[bytes]:
                    return [self.rest] if self.rest else []
    """

    def __init__(self, event_stream: AsyncIterable[object] = NO_EVENT_STREAM) -> None:
        self._event_stream: object = event_stream
        if hasattr(event_stream, "next_parts"):  # isinstance of a protocol takes 12 us of each stream's first event
            self._source = cast("_PartSource", event_stream)
        elif isinstance(event_stream, AsyncIterable):
            events = aiter(event_stream)
            self._source = _PartsOfEvents(events)
            if not hasattr(event_stream, "aclose"):
                self._event_stream = events
        else:
            raise ConfigurationError(
                "event_stream must be an async iterable of response stream events, not "
                f"{type(event_stream).__name__}{_remedy(type(self).__name__, event_stream)}"
            )
        # A list, because an empty deque keeps room for 64 records in every open stream.
        self._ready: list[T] = []
        """Records that have been made and not been delivered, the next one last."""
        self._failure: Exception | None = None
        self._ended = False
        self._closed = False
        self._parts_received = 0
        self._bytes_received = 0

    @abstractmethod
    def split(self, data: bytes, /) -> Iterable[T]:
        """Return the records that the next slice completes.

        Called once per payload part, in order. It may be a generator, and it may raise: what it gave before that is
        delivered first. StopIteration and StopAsyncIteration become the cause of a RuntimeError, because they would
        look like the end of the stream (PEP 479).
        """

    def finish(self) -> Iterable[T]:
        """Return what the stream's clean end completes; raise `StreamIncomplete` when it ended too early."""
        return ()

    def describe(self, error: StreamError, /) -> None:
        """Add what this iterator knows to an error about to be raised, such as `StreamError.undelivered`."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if not self._ready:
            records = await self.next_records()
            if not records:
                raise StopAsyncIteration
            records.reverse()
            self._ready = records
        return self._ready.pop()

    async def next_records(self) -> list[T]:
        """Return the records that are ready, in their order: at least one, waiting if need be; none at the clean end.

        What comes over the network together is returned together, which costs less than one `anext` for each record.
        `PredictionStream` reads this way.

        Raises:
            StreamError: the stream failed; the records before the failure have been returned.
            StreamClosedError: the iterator was closed.
        """
        if not self._ready and self._closed:
            raise StreamClosedError(f"this {type(self).__name__} was closed")
        while not self._ready and not self._ended:
            try:
                parts = await self._source.next_parts()
            except CallError as failure:
                self._keep(failure)
            else:
                try:
                    self._receive(parts)
                except BaseException:  # an interrupt, which does not wait until the records before it are delivered
                    await self.aclose()
                    raise
            if self._failure is not None:
                await self._close_event_stream()  # which is of no more use
        if self._ready:
            records, self._ready = self._ready, []
            records.reverse()
            return records
        error, self._failure = self._failure, None
        if error is None:
            return []
        if isinstance(error, StopIteration | StopAsyncIteration):
            raise RuntimeError(
                f"{type(self).__name__} raised {type(error).__name__} while splitting the stream"
            ) from error
        try:
            raise error
        finally:
            del error  # a frame that refers to its own exception would be a reference cycle

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Drop what is not delivered yet and close the stream beneath; idempotent."""
        self._closed = self._ended = True
        self._failure = None
        self._ready.clear()
        await self._close_event_stream()

    async def _close_event_stream(self) -> None:
        close = getattr(self._event_stream, "aclose", None)
        if close is not None:
            await close()

    def _receive(self, parts: list[bytes]) -> None:
        """Split parts, or note the end; note what fails on the way. Nothing is ready when this is called."""
        try:
            if parts:
                self._parts_received += len(parts)
                self._take(parts)
            else:
                self._ready.extend(self.finish())
                self._ended = True
        except Exception as error:  # noqa: BLE001 - whatever a user's own split raises comes after the records before it
            if isinstance(error, StreamError):
                # It may have to wait here for a while, and its traceback refers to this iterator. It tells nothing new.
                error.__traceback__ = None
            self._keep(error)
        self._ready.reverse()

    def _keep(self, error: Exception) -> None:
        """Keep the error, or what a subclass raises as it describes it, until the records before it are delivered."""
        try:
            self._fail(error)
        except Exception as worse:  # noqa: BLE001 - it is raised in the other's place
            self._failure = worse

    def _fail(self, error: Exception) -> None:
        """Keep the error until the records before it are delivered."""
        self._ended = True
        self._failure = error
        if isinstance(error, StreamError):
            if error.operation is None:
                self._locate(error)
            self.describe(error)

    def _locate(self, error: StreamError) -> None:
        """Add what was received, and what was called, to an error that does not come from the stream beneath."""
        error.events, error.bytes_received = self._parts_received, self._bytes_received
        if isinstance(self._event_stream, _Locating):
            self._event_stream.locate(error)

    def _take(self, parts: list[bytes]) -> None:
        for part in parts:
            self._bytes_received += len(part)
            self._ready.extend(self.split(part))


def _remedy(name: str, event_stream: object) -> str:
    if event_stream is None:
        return (
            f"; predict_stream makes the iterator itself: pass the class, iterator={name}, and options with "
            f"functools.partial({name}, ...)"
        )
    if isinstance(event_stream, Awaitable):
        return "; the call was not awaited: await it, and pass the `body` of its response"
    return "; pass its `body`" if isinstance(getattr(event_stream, "body", None), AsyncIterable) else ""


class ByteIterator(StreamIterator[bytes]):
    """Yield the bytes of each payload part as it came; the boundaries of parts are arbitrary."""

    def split(self, data: bytes, /) -> Iterable[bytes]:
        return (data,)

    def _take(self, parts: list[bytes]) -> None:
        self._bytes_received += sum(map(len, parts))
        self._ready.extend(parts)


class SplitterIterator(StreamIterator[T]):
    """An iterator over what a splitter of `sagemaker_async.records` makes."""

    def __init__(self, event_stream: AsyncIterable[object], splitter: Splitter[T]) -> None:
        super().__init__(event_stream)
        self._splitter = splitter

    def split(self, data: bytes, /) -> Iterable[T]:
        return self._splitter.feed(data)

    def finish(self) -> Iterable[T]:
        return self._splitter.finish()

    def describe(self, error: StreamError, /) -> None:
        # Errors of the splitter bring the record at fault with them.
        error.undelivered = error.undelivered or self._splitter.undelivered

    def _take(self, parts: list[bytes]) -> None:
        # Splitters do not care where slices are cut, so that parts received together are split together.
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._bytes_received += len(data)
        self._ready.extend(self.split(data))
