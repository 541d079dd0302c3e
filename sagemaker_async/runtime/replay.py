"""`Kept`: the events that ``dispatch`` has read of a response stream, for those who iterate afterwards."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Self

from sagemaker_async.errors import StreamClosedError, StreamConsumedError, StreamError

from .events import PayloadPart, StreamEvent

__all__ = ["Kept", "closed_early"]

KEPT_BYTES = 16 << 20
"""How much of a stream is kept to be iterated after ``dispatch``: as much as a record may hold."""


class Kept:
    """What was read, in its order."""

    __slots__ = ("_events", "_failure", "_room", "complete")

    def __init__(self) -> None:
        self.complete: bool = False
        """Whether `end` was called."""
        self._events: list[StreamEvent] | None = []
        self._failure: StreamError | None = None
        self._room = KEPT_BYTES

    def add(self, event: StreamEvent) -> None:
        """Keep an event, or nothing any more once there are too many bytes."""
        if isinstance(event, PayloadPart):
            self._room -= len(event.bytes)
        if self._events is not None and self._room >= 0:
            self._events.append(event)
        else:
            self._events = None

    def end(self, failure: StreamError | None) -> None:
        """Keep nothing more. What is iterated ends with `failure`; only the first call counts."""
        if not self.complete:
            self.complete = True
            self._failure = failure

    def replay(self, is_closed: Callable[[], bool]) -> AsyncIterator[StreamEvent]:
        """Return an iterator over what was kept, which ends with an error if the stream was closed early."""
        return _Replay(self._replayed(is_closed))

    def _replayed(self, is_closed: Callable[[], bool]) -> Iterator[StreamEvent]:
        if self._events is None:
            raise StreamConsumedError(
                f"dispatch has read this response stream, and kept none of it: it has more than {KEPT_BYTES} bytes"
            )
        yield from self._events
        if self._failure is not None and self._failure not in self._events:
            raise copy.copy(self._failure)
        if is_closed():
            raise closed_early()


class _Replay:
    """An asynchronous iterator over what is there already."""

    __slots__ = ("_events",)

    def __init__(self, events: Iterator[StreamEvent]) -> None:
        self._events = events

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        for event in self._events:
            return event
        raise StopAsyncIteration


def closed_early() -> StreamClosedError:
    """Return the error for a stream of which nothing more is there to be read."""
    return StreamClosedError("this response stream was closed before it was read to its end")
