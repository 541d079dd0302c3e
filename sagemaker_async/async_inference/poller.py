"""`Poller`: the one task of a session that looks for the results of all the jobs that somebody waits for.

Each wait is looked after at once, then ever more slowly: a delay is half as long again as the one before, shortened at
random, up to the longest that the wait allows. So a result is found late by no more than a fraction of the time that it
took, and a long wait costs few requests. No more than `CONCURRENCY` looks are under way, none for longer than
`LONGEST_LOOK`; a wait that is due then queues, but no longer than its limit and `GRACE`.

S3 that cannot be reached, throttles or fails for the moment counts as "not yet" for `TROUBLE_SECONDS`; then the error
is raised. The task ends when nobody waits any more, and when the session is closed.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeAlias

from sagemaker_async.aws.channel import HasChannel
from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import CallError, SageMakerAsyncError, SessionClosedError, TotalTimeoutError

from .lookup import Counter, Outcome

__all__ = ["CONCURRENCY", "Look", "Pace", "Poller", "Watch"]

_log = logging.getLogger(__name__)

CONCURRENCY = 16
"""How many looks may be under way at once: enough for hundreds of results a second, a fraction of the pool."""
LONGEST_LOOK = 30.0
"""Seconds until a look has its answer or fails: one that hangs keeps others from looking."""
GRACE = 1.0
"""Seconds beyond the limit of a wait for its last look."""
FIRST_DELAY = 0.5
"""Seconds between the first look and the second."""
GROWTH = 1.5
"""How many times longer each delay is than the one before."""
JITTER = 0.2
"""The largest part of a delay that chance takes away."""
TROUBLE_SECONDS = 300.0
"""For how long passing failures of S3 are taken as "not yet"."""
WITH_NOTIFICATIONS = 4.0
"""How many times longer the longest delay is while a queue tells of completions."""
KNOWN_IDS = 100_000
"""How many inference ids are remembered, to tell this session's notifications from those of others."""

Look: TypeAlias = Callable[[float], Awaitable[tuple[Outcome | None, str | None]]]
"""Looks once, given the seconds that it may take; see `lookup.look`."""


class Pace:
    """How long to wait, and how often to look.

    Args:
        longest: the longest time between looks, in seconds.
        limit: seconds for the whole wait; None: for ever.
        looks: end after so many looks, with no delay between them; None: as many as there is time for.
    """

    __slots__ = ("limit", "longest", "looks")

    def __init__(self, *, longest: float, limit: float | None, looks: int | None = None) -> None:
        self.longest: float = longest
        self.limit: float | None = limit
        self.looks: int | None = looks


class Watch:
    """One wait for one job.

    Attributes:
        future: gets the outcome, or the error that ends the wait.
        hidden: the location for which S3 said 403 at the last look, when that is taken as "not yet".
    """

    __slots__ = (
        "deadline", "delay", "due", "future", "hidden", "inference_id", "look", "looks", "overdue", "pace", "poller",
        "task", "trouble", "woken",
    )  # fmt: skip

    def __init__(
        self,
        poller: Poller,
        look: Look,
        pace: Pace,
        inference_id: str | None,
        overdue: Callable[[Watch], SageMakerAsyncError],
        now: float,
    ) -> None:
        self.poller: Poller = poller
        self.look: Look = look
        self.pace: Pace = pace
        self.inference_id: str | None = inference_id
        self.overdue: Callable[[Watch], SageMakerAsyncError] = overdue
        self.due: float = now
        self.deadline: float | None = None if pace.limit is None else now + pace.limit
        self.delay: float = FIRST_DELAY
        self.looks: int = 0
        self.hidden: str | None = None
        self.trouble: float | None = None
        self.woken: bool = False
        self.task: asyncio.Task[None] | None = None
        self.future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def drop(self) -> set[asyncio.Task[None]]:
        """End the wait; return the tasks that end with it. Idempotent, also when the session is closed."""
        return self.poller.drop(self)

    async def end(self) -> None:
        """End the wait, and wait until nothing of it is left."""
        await self.poller.unwatch(self)


class Poller:
    """Looks for results; made by `of`, one for each session.

    Args:
        timing: where time and chance come from.

    Attributes:
        timing: may be replaced by a test.
        counter: how many requests were made of S3.
        listeners: how many queues tell of completions.
        known: the inference ids of this session's jobs, the latest `KNOWN_IDS`.
    """

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.counter: Counter = Counter()
        self.listeners = 0
        self.known: OrderedDict[str, None] = OrderedDict()
        self._watches: set[Watch] = set()
        self._line: list[tuple[float, int, Watch]] = []
        self._limits: list[tuple[float, int, Watch]] = []
        self._numbers = count()
        self._looking: set[asyncio.Task[None]] = set()
        self._wake: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, session: HasChannel) -> Poller:
        """Return the poller of a session.

        Raises:
            SessionClosedError, WrongEventLoopError: the session cannot be used here.
        """
        channel = session.channel
        return channel.attached(cls, lambda: cls(channel.timing))

    @property
    def waiting(self) -> int:
        """How many waits there are."""
        return len(self._watches)

    def remember(self, inference_id: str | None) -> None:
        """Note that an inference id is one of this session's."""
        if inference_id is not None:
            self.known[inference_id] = None
            self.known.move_to_end(inference_id)
            while len(self.known) > KNOWN_IDS:
                self.known.popitem(last=False)

    # --- waits --------------------------------------------------------------------------------------------------------

    def watch(
        self,
        look: Look,
        pace: Pace,
        *,
        inference_id: str | None = None,
        overdue: Callable[[Watch], SageMakerAsyncError],
    ) -> Watch:
        """Begin a wait; whoever begins one ends it with `Watch.end`.

        Args:
            look: looks once.
            pace: how long to wait, and how often to look.
            inference_id: by which a notification names the job.
            overdue: returns the error for a wait whose limit has passed.
        """
        watch = Watch(self, look, pace, inference_id, overdue, self.timing.monotonic())
        self.remember(inference_id)
        self._watches.add(watch)
        if watch.deadline is not None:
            if len(self._limits) > 2 * len(self._watches) + 64:  # most of these waits have ended
                self._limits = [entry for entry in self._limits if entry[2] in self._watches]
                heapq.heapify(self._limits)
            heapq.heappush(self._limits, (watch.deadline + GRACE, next(self._numbers), watch))
        self._stand_in_line(watch)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="sagemaker-async poller")
        return watch

    async def unwatch(self, *watches: Watch) -> None:
        """End waits, and wait until nothing of them is left; idempotent."""
        if ended := self.drop(*watches):
            await asyncio.wait(ended)

    def drop(self, *watches: Watch) -> set[asyncio.Task[None]]:
        """End waits; return the tasks that end with them. Idempotent."""
        ended: set[asyncio.Task[None]] = set()
        for watch in watches:
            self._watches.discard(watch)
            if not watch.future.cancel() and not watch.future.cancelled():
                watch.future.exception()  # nobody may have asked for it, and asyncio would complain
            if watch.task is not None:
                watch.task.cancel()
                ended.add(watch.task)
        if not self._watches and self._task is not None:
            self._line.clear()
            self._limits.clear()
            self._task.cancel()
            ended.add(self._task)
            self._task = None  # who waits next has another one
        self._go_on()
        return ended

    def notify(self, inference_id: str) -> None:
        """Look at once for the job with this inference id."""
        for watch in self._watches:
            if watch.inference_id == inference_id:
                watch.woken = True
                watch.delay = FIRST_DELAY
                if watch.task is None:
                    watch.due = self.timing.monotonic()
                    self._stand_in_line(watch)

    async def close(self) -> None:
        """End all waits with `SessionClosedError`, and the task; idempotent."""
        watches = list(self._watches)
        for watch in watches:
            if not watch.future.done():
                error = SessionClosedError("the session was closed while this job was awaited; await it in another one")
                watch.future.set_exception(error)
        await self.unwatch(*watches)

    # --- the task -----------------------------------------------------------------------------------------------------

    def _stand_in_line(self, watch: Watch) -> None:
        heapq.heappush(self._line, (watch.due, next(self._numbers), watch))
        self._go_on()

    def _go_on(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def _run(self) -> None:
        try:
            while self._watches:
                self._wake = asyncio.get_running_loop().create_future()
                await self._pause(self._begin_looks())
        except Exception as error:  # noqa: BLE001 - of a clock that is not the machine's; nobody may wait for ever
            for watch in self._watches:
                _settle(watch, error)

    def _begin_looks(self) -> float | None:
        """Begin what is due, and return the seconds until the next look; None when something else must happen first."""
        now = self.timing.monotonic()
        while self._line:
            due, _, watch = self._line[0]
            if watch not in self._watches or watch.task is not None or watch.due != due:
                heapq.heappop(self._line)  # ended, looking, or in line again
                continue
            if due > now:
                return due - now
            if len(self._looking) >= CONCURRENCY:
                return self._end_overdue(now)
            heapq.heappop(self._line)
            watch.woken = False
            watch.task = asyncio.get_running_loop().create_task(self._look(watch), name="sagemaker-async look")
            self._looking.add(watch.task)
        return None

    def _end_overdue(self, now: float) -> float | None:
        """End waits in line whose limit has passed; return the seconds until the next limit."""
        while self._limits:
            due, _, watch = self._limits[0]
            if watch in self._watches and due > now:
                return due - now
            heapq.heappop(self._limits)
            if watch in self._watches and watch.task is None:
                self._end_late(watch)
        return None

    def _end_late(self, watch: Watch) -> None:
        _settle(watch, watch.overdue(watch))
        self._watches.discard(watch)

    async def _pause(self, seconds: float | None) -> None:
        assert self._wake is not None
        if seconds is None:
            await self._wake
            return
        sleep: asyncio.Future[object] = asyncio.ensure_future(self.timing.sleep(seconds))
        try:
            await asyncio.wait((self._wake, sleep), return_when=asyncio.FIRST_COMPLETED)
            if sleep.done():
                sleep.result()
        finally:
            sleep.cancel()
            await asyncio.wait((sleep,))

    async def _look(self, watch: Watch) -> None:
        task = watch.task
        assert task is not None
        now = self.timing.monotonic()
        try:
            left = LONGEST_LOOK if watch.deadline is None else max(watch.deadline - now, GRACE)
            outcome, watch.hidden = await watch.look(min(left, LONGEST_LOOK))
            watch.trouble = None
        except SageMakerAsyncError as error:
            outcome = None
            if not self._passes(watch, error):
                _settle(watch, error)
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            outcome = None
            _settle(watch, error)
        finally:
            watch.task = None
            self._looking.discard(task)
            self._go_on()
        if outcome is not None and not watch.future.done():
            watch.future.set_result(outcome)
        if watch.future.done():
            self._watches.discard(watch)
        else:
            self._look_again(watch)

    def _passes(self, watch: Watch, error: SageMakerAsyncError) -> bool:
        """Return whether a failure may be gone at the next look."""
        if not (isinstance(error, TotalTimeoutError) or (isinstance(error, CallError) and error.retryable)):
            return False
        now = self.timing.monotonic()
        watch.trouble = now if watch.trouble is None else watch.trouble
        _log.info("looking for a result failed, and will be repeated: %s", error)
        return now - watch.trouble < TROUBLE_SECONDS or (watch.deadline is not None and now >= watch.deadline)

    def _look_again(self, watch: Watch) -> None:
        now = self.timing.monotonic()
        watch.looks += 1
        too_late = watch.deadline is not None and now >= watch.deadline
        if watch.looks == watch.pace.looks or (too_late and watch.pace.looks is None):
            self._end_late(watch)
            return
        if watch.pace.looks is not None or watch.woken:
            watch.due = now
        else:
            longest = watch.pace.longest * (WITH_NOTIFICATIONS if self.listeners else 1)
            delay = min(watch.delay, longest)
            watch.delay = delay * GROWTH
            watch.due = now + delay * (1 - JITTER * self.timing.uniform())
            if watch.deadline is not None:
                watch.due = min(watch.due, watch.deadline)
        self._stand_in_line(watch)


def _settle(watch: Watch, error: Exception) -> None:
    if not watch.future.done():
        watch.future.set_exception(error)
