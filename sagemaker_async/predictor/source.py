"""`Source`: the records of a mapping, read as there is room for them.

Any number of tasks take from it; they read by turns. A task that waits for room, or for the next record, holds the
turn, so that the order in which tasks take records is that of the records. What the iterable raises ends the reading,
and is kept in `failure`: the records that were read before it are taken all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sized
from typing import Any

__all__ = ["Records", "Source", "count_of", "wake"]

Records = Iterable[Any] | AsyncIterable[Any]


class Source:
    """Records, and how far they were read; for the tasks of one event loop.

    Args:
        records: an iterable or an asynchronous iterable. `open` begins to read it, and nothing closes it.
        size: how many records are taken at once; the last time there may be fewer.
    """

    def __init__(self, records: Records, size: int) -> None:
        self.size: int = size
        self.read: int = 0
        """Records that were read."""
        self.exhausted: bool = False
        """Nothing more is read: the records are at their end, or the mapping is."""
        self.failure: Exception | None = None
        """What the iterable has raised."""
        self._records: Records | None = records
        self._next: Iterator[Any] | None = None
        self._anext: AsyncIterator[Any] | None = None
        self._turn = asyncio.Lock()
        self._room: asyncio.Future[None] | None = None
        self._reader: asyncio.Task[Any] | None = None
        """The task that waits for the next record of an asynchronous iterable; None once `stop` has cancelled it."""

    def open(self) -> None:
        """Ask the iterable for its iterator; what that raises is raised here."""
        records, self._records = self._records, None
        if isinstance(records, AsyncIterable):
            self._anext = aiter(records)
        else:
            assert records is not None
            self._next = iter(records)

    def take_now(self, has_room: Callable[[], bool]) -> list[Any] | None:
        """Do as `take` when that need not wait; return None when it must."""
        if self._next is not None and not self._turn.locked() and has_room():
            return self._read_now(self._next)
        return None

    async def take(self, has_room: Callable[[], bool]) -> list[Any]:
        """Return the next records; none at the end.

        Args:
            has_room: says whether more may be read. Who changes its answer calls `wake_reader`.
        """
        async with self._turn:
            while not has_room() and not self.exhausted:
                self._room = asyncio.get_running_loop().create_future()
                try:
                    await self._room
                finally:
                    self._room = None
            return self._read_now(self._next) if self._next is not None else await self._read_later()

    @property
    def waits_for_room(self) -> bool:
        """Whether a task waits until there is room."""
        return self._room is not None

    def wake_reader(self) -> None:
        """Have the task that waits for room look again."""
        wake(self._room)

    def end(self) -> None:
        """Read no more; the task that waits for room takes nothing."""
        self.exhausted = True
        self.wake_reader()

    def stop(self) -> None:
        """Read no more, and wait no longer for the next record of an asynchronous iterable."""
        reader, self._reader = self._reader, None  # it takes back one cancellation, not two
        if reader is not None:
            reader.cancel()
        self.end()

    def _read_now(self, source: Iterator[Any]) -> list[Any]:
        records: list[Any] = []
        try:
            while not self.exhausted and len(records) < self.size:
                records.append(next(source))
        except StopIteration:
            self.exhausted = True
        except Exception as error:  # noqa: BLE001 - it is the caller's, and raised after the outcomes of what came before
            self.exhausted, self.failure = True, error
        self.read += len(records)
        return records

    async def _read_later(self) -> list[Any]:
        records: list[Any] = []
        assert self._anext is not None
        self._reader = task = asyncio.current_task()
        try:
            while not self.exhausted and len(records) < self.size:
                records.append(await anext(self._anext))
        except StopAsyncIteration:
            self.exhausted = True
        except asyncio.CancelledError:
            if self._reader is not None or task is None or task.uncancel():
                raise  # it was not `stop` alone that cancelled
        except Exception as error:  # noqa: BLE001 - as in `_read_now`
            self.exhausted, self.failure = True, error
        finally:
            was_cancelled = self._reader is None
            self._reader = None
        if was_cancelled and task is not None and task.cancelling():
            await _take_back(task)
        self.read += len(records)
        return records


async def _take_back(task: asyncio.Task[Any]) -> None:
    """Undo the cancellation of the running task by `Source.stop`, which did not end what the task awaited.

    It is still to come when the iterable itself has called `stop`, and is over when the iterable has suppressed it.
    """
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0)
    if task.uncancel():
        raise asyncio.CancelledError  # it was not `stop` alone that cancelled


def count_of(records: Records) -> int | None:
    """Return how many records there are, if they say so."""
    if isinstance(records, Sized):
        with contextlib.suppress(Exception):  # that of a data loader may say that it has none
            return len(records)
    return None


def wake(waiting: asyncio.Future[None] | None) -> None:
    """Let whoever awaits this go on."""
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
