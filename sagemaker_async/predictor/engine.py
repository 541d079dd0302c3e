"""`Engine`: a mapping under way; what it promises is stated in `mapping`.

Workers, tasks as many as may call at once, each take a record (or those of a batch) from the `Source`, have the
`Caller` call for it, and take the next. A record's `index` is its place in what was read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import ConcurrentReadError, MapTimeoutError, StreamClosedError

from .batches import Batch
from .caller import Answers, Caller, WatchedCall
from .map_options import MapOptions
from .outcome import Outcome, Progress
from .progress_bar import ProgressBar
from .source import Records, Source, count_of, wake

__all__ = ["Engine"]

R = TypeVar("R")

_IN_HAND = 4
"""Records (or batches) in hand for each request that may be under way: room behind a slow one, when order matters."""
_TELL_EVERY = 0.1
"""Seconds between two calls of `on_progress`: often enough for an eye, and no burden on a million records."""


class Engine(Generic[R]):
    """A mapping under way. Its tasks refer to it, and not to `Outcomes`, which therefore can go while they run."""

    def __init__(
        self,
        call: WatchedCall[R],
        records: Records,
        options: MapOptions,
        prepare: Callable[[Any], Any] | None,
        batch: Batch | None,
        timing: Timing,
    ) -> None:
        self._now = timing.monotonic
        self._caller = Caller(call, options, prepare, batch, timing)
        self._options = options
        self._timing = timing
        self._total = count_of(records) if options.total is None else options.total
        self._source = Source(records, 1 if batch is None else batch.size)
        self._bar = ProgressBar() if options.progress_bar else None
        self._ready: deque[Outcome[R]] = deque()
        """Outcomes that may be taken."""
        self._early: dict[int, list[Outcome[R]]] = {}
        """With `ordered`: those that must wait for others, by the index of their first record."""
        self._due = 0
        """The index of the first record whose outcome is not ready."""
        self._taken = 0
        """Outcomes that were taken."""
        self._done = self._failed = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers = self._idle = 0
        """Tasks that take records, and those of them that have none."""
        self._consumer: asyncio.Future[None] | None = None
        self._expiry: asyncio.Task[None] | None = None
        self._ended = False
        """The consumer has been told so."""
        self._failure: BaseException | None = None
        """What is raised when no outcome is left."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = self._told = 0.0

    # --- the consumer's side ------------------------------------------------------------------------------------------

    async def next_outcome(self) -> Outcome[R]:
        if self._consumer is not None:
            raise ConcurrentReadError(
                "two tasks read from one mapping at the same time; let one task read, and pass the outcomes on"
            )
        if self._loop is None and not self._caller.closed:
            self._start()
        while not self._ready:
            if self._ended:
                raise StopAsyncIteration
            if self._caller.closed and self._failure is None:
                raise StreamClosedError("this mapping was closed; the outcomes that it had not delivered are gone")
            if not self._tasks:
                self._end()
                continue
            assert self._loop is not None
            self._consumer = self._loop.create_future()
            try:
                await self._consumer
            except BaseException:
                self.drop()
                raise
            finally:
                self._consumer = None
        outcome = self._ready.popleft()
        self._taken += 1
        if self._source.waits_for_room and self._has_room():
            self._source.wake_reader()
        if outcome.error is not None and self._options.on_error == "raise":
            self.drop()
            raise _raisable(outcome)
        return outcome

    def progress(self) -> Progress:
        now = self._now()
        return Progress(
            done=self._done,
            failed=self._failed,
            retried=self._caller.retried,
            in_flight=self._caller.in_flight,
            concurrency=self._caller.limit,
            pace=self._caller.pace(now),
            seconds=now - self._started if self._loop is not None else 0.0,
            total=self._total,
        )

    def _start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._started = self._now()
        self._source.open()
        self._caller.start(self._started)
        if self._options.total_timeout is not None:
            self._expiry = self._loop.create_task(self._expire(self._options.total_timeout))
        self._add_workers()

    def _end(self) -> None:
        """Finish when nothing is under way and nothing is left to be taken; raise what there is to raise."""
        self._ended = True
        failure, self._failure = self._failure, None
        try:
            if failure is not None:
                raise failure
            if self._options.on_progress is not None:
                self._options.on_progress(self.progress())
        finally:
            self._stop_watching()

    # --- ways out -----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        self._caller.stopped = True
        self._source.stop()

    def drop(self) -> None:
        """Cancel what is under way, and forget what was not taken."""
        self._ready.clear()
        self._early.clear()
        self._cancel()

    async def close(self) -> None:
        if not self._ended:
            self.drop()
        if others := self._tasks - {asyncio.current_task()}:
            await asyncio.wait(others)

    def abandon(self) -> None:
        """Drop all, from whichever thread the last reference goes."""
        if self._loop is not None and not (self._ended or self._caller.closed):
            with contextlib.suppress(RuntimeError):  # the loop is closed: its tasks are gone
                self._loop.call_soon_threadsafe(self.drop)

    def _cancel(self) -> None:
        self._caller.closed = True
        self._source.end()
        for task in self._tasks:
            task.cancel()
        self._stop_watching()
        wake(self._consumer)

    def _fail(self, failure: BaseException) -> None:
        """Drop all, and have `failure` raised."""
        self._failure = self._failure or failure
        self.drop()

    def _stop_watching(self) -> None:
        expiry, self._expiry = self._expiry, None
        if expiry is not None:
            expiry.cancel()
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.show(self.progress())
            bar.close()

    async def _expire(self, seconds: float) -> None:
        await self._timing.sleep(seconds)
        self._expiry = None
        self._failure = MapTimeoutError(
            f"not all records were done within total_timeout={seconds:g} s: {self._done} are, "
            f"{self._source.read - self._done} under way were dropped, and the rest were not read",
            seconds,
        )
        for index in sorted(self._early):  # they are done, and what they waited for does not come any more
            self._ready.extend(self._early[index])
        self._early.clear()
        self._cancel()

    # --- workers ------------------------------------------------------------------------------------------------------

    def _add_workers(self) -> None:
        """Start a worker when all have a record and one more may call; it starts the next one in turn."""
        if not self._idle and self._workers < self._caller.limit and not self._source.exhausted:
            assert self._loop is not None
            self._workers += 1
            self._idle += 1
            task = self._loop.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._worker_ended)

    def _worker_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            if not self._caller.closed:
                self._fail(RuntimeError("a task of the mapping was cancelled, and not by the mapping"))
        elif (error := task.exception()) is not None:
            self._fail(error)
        if not self._tasks:
            wake(self._consumer)

    async def _work(self) -> None:
        while self._workers <= self._caller.limit:
            records = self._source.take_now(self._has_room)
            if records is None:
                records = await self._source.take(self._has_room)
            self._failure = self._failure or self._source.failure
            if not records:
                break
            index = self._source.read - len(records)
            self._idle -= 1
            self._add_workers()
            answers = await self._caller.call_for(records)
            self._add_workers()  # more may call now
            self._finish(records, index, answers)
            self._idle += 1
            # What came in together goes out together: fewer turns of the loop, and of the peer's (benchmarks, `bulk`).
            await asyncio.sleep(0)
        self._workers -= 1
        self._idle -= 1
        self._add_workers()  # one that was counted on may have been this one

    def _has_room(self) -> bool:
        return self._source.read - self._taken < _IN_HAND * self._caller.limit * self._source.size

    def _finish(self, records: list[Any], index: int, answers: Answers) -> None:
        """Give the outcomes of these records."""
        outcomes: list[Outcome[R]] = []
        results, error, unprepared, *sent = answers
        results = iter(results)
        for offset, record in enumerate(records):
            own_id: Any = index + offset
            was_sent = offset not in unprepared
            own_error = error if was_sent else unprepared[offset]
            result = next(results) if own_error is None else None
            if self._options.id is not None:
                try:
                    own_id = self._options.id(record)
                except Exception as failure:  # noqa: BLE001 - it is this record's error
                    own_error = error or failure
            sending = sent if was_sent else (0, 0.0)
            outcomes.append(Outcome(index + offset, record, own_id, None if own_error else result, own_error, *sending))
            self._failed += own_error is not None
        self._done += len(records)
        if not self._options.ordered:
            self._ready.extend(outcomes)
        elif index == self._due:
            self._ready.extend(outcomes)
            self._due += len(outcomes)
            while self._early and (later := self._early.pop(self._due, None)) is not None:
                self._ready.extend(later)
                self._due += len(later)
        else:
            self._early[index] = outcomes
        if self._ready:
            wake(self._consumer)
        if self._bar is not None or self._options.on_progress is not None:
            self._tell()

    def _tell(self) -> None:
        """Tell those who watch, unless they were told a moment ago."""
        now = self._now()
        if now - self._told < _TELL_EVERY:
            return
        self._told = now
        if self._bar is not None:
            self._bar.show(self.progress())
        if self._options.on_progress is not None:
            try:
                self._options.on_progress(self.progress())
            except Exception as error:  # noqa: BLE001 - raised where the outcomes are read
                self._fail(error)


def _raisable(outcome: Outcome[Any]) -> Exception:
    """Return a record's error with a note that says which record it is."""
    error = outcome.error
    assert error is not None
    if isinstance(error, StopAsyncIteration):  # it would look like the end of the records (PEP 479)
        raised = RuntimeError("the call raised StopAsyncIteration")
        raised.__cause__ = error
        error = raised
    error.add_note(f"record {outcome.index}" + ("" if outcome.id == outcome.index else f", id {outcome.id!r}"))
    return error
