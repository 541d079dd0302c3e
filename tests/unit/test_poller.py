"""The one task that looks for results: when it looks, how many at once, and what it leaves behind."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sagemaker_async import Session, StubTransport
from sagemaker_async.async_inference.lookup import Outcome
from sagemaker_async.async_inference.poller import CONCURRENCY, LONGEST_LOOK, Pace, Poller, Watch
from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import (
    CallError,
    PollingTimeoutError,
    SageMakerAsyncError,
    SessionClosedError,
    TotalTimeoutError,
)

FOUND = Outcome(failed=False, body=b"x", content_type="text/plain")
Found = tuple[Outcome | None, str | None]


class FakeTime:
    def __init__(self, uniform: float = 0.0) -> None:
        self.now = 0.0
        self.timing = Timing(monotonic=lambda: self.now, sleep=self._sleep, uniform=lambda: uniform)

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def overdue(watch: Watch) -> SageMakerAsyncError:
    return PollingTimeoutError("too late", "s3://bkt/out", watch.pace.limit or 0)


def recorded(time: FakeTime, found_at: float = 1e9) -> tuple[list[float], Callable[[float | None], Awaitable[Found]]]:
    """Return the times of looks, and what looks."""
    looks: list[float] = []

    async def look(left: float | None) -> Found:
        looks.append(time.now)
        return (FOUND if time.now >= found_at else None), None

    return looks, look


async def wait(poller: Poller, look: Any, **pace: Any) -> Outcome:
    watch = poller.watch(look, Pace(**{"longest": 15.0, "limit": None, **pace}), overdue=overdue)
    try:
        return await watch.future
    finally:
        await watch.end()


async def test_delays_grow_by_half_up_to_the_longest() -> None:
    time = FakeTime()
    looks, look = recorded(time, found_at=40)
    assert await wait(Poller(time.timing), look, longest=5.0) == FOUND
    delays = [later - earlier for earlier, later in itertools.pairwise(looks)]
    assert looks[0] == 0
    assert delays[:6] == pytest.approx([0.5, 0.75, 1.125, 1.6875, 2.53125, 3.796875])
    assert set(delays[6:]) == {5.0}


async def test_chance_takes_away_a_fifth_at_most() -> None:
    time = FakeTime(uniform=0.9999999)
    looks, look = recorded(time, found_at=2)
    await wait(Poller(time.timing), look)
    assert looks[1] == pytest.approx(0.4)


async def test_the_last_look_is_at_the_limit() -> None:
    time = FakeTime()
    looks, look = recorded(time)
    with pytest.raises(PollingTimeoutError, match="too late"):
        await wait(Poller(time.timing), look, limit=10.0)
    assert looks[-1] == 10.0
    looks.clear()
    with pytest.raises(PollingTimeoutError):
        await wait(Poller(time.timing), look, limit=0.0)
    assert len(looks) == 1


async def test_looks_may_be_counted_instead() -> None:
    time = FakeTime()
    looks, look = recorded(time)
    with pytest.raises(PollingTimeoutError):
        await wait(Poller(time.timing), look, looks=3)
    assert looks == [0.0] * 3


async def test_looks_are_rarer_while_a_queue_tells() -> None:
    time = FakeTime()
    poller = Poller(time.timing)
    poller.listeners = 1
    looks, look = recorded(time, found_at=200)
    await wait(poller, look, longest=5.0)
    assert max(later - earlier for earlier, later in itertools.pairwise(looks)) == pytest.approx(20.0)


async def test_no_more_looks_are_under_way_than_there_may_be() -> None:
    gate = asyncio.Event()
    under_way, most = 0, 0

    async def look(left: float | None) -> Found:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await gate.wait()
        under_way -= 1
        return FOUND, None

    poller = Poller(Timing())
    waits = [asyncio.create_task(wait(poller, look)) for _ in range(5 * CONCURRENCY)]
    while under_way < CONCURRENCY:
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*waits) == [FOUND] * len(waits)
    assert most == CONCURRENCY
    assert poller.waiting == 0


async def test_one_that_hangs_delays_no_other() -> None:
    async def hangs(left: float | None) -> Found:
        await asyncio.Event().wait()
        raise AssertionError

    time = FakeTime()
    poller = Poller(time.timing)
    hanging = asyncio.create_task(wait(poller, hangs))
    _, look = recorded(time, found_at=30)
    assert await wait(poller, look) == FOUND
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)
    assert poller.waiting == 0


async def test_a_notification_that_comes_during_a_look_makes_another_at_once() -> None:
    entered, gate = asyncio.Event(), asyncio.Event()
    looks = 0

    async def look(left: float | None) -> Found:
        nonlocal looks
        looks += 1
        if looks == 1:
            entered.set()
            await gate.wait()
            return None, None
        return FOUND, None

    async def never(seconds: float) -> None:
        await asyncio.Event().wait()

    poller = Poller(Timing(sleep=never))
    watch = poller.watch(look, Pace(longest=15.0, limit=None), inference_id="mine", overdue=overdue)
    await entered.wait()
    poller.notify("other")
    poller.notify("mine")
    gate.set()
    assert await watch.future == FOUND
    await watch.end()
    assert "mine" in poller.known


async def test_whatever_a_look_raises_reaches_the_waiting() -> None:
    async def look(left: float | None) -> Found:
        raise LookupError("a bug")

    with pytest.raises(LookupError, match="a bug"):
        await wait(Poller(Timing()), look)


async def test_a_clock_that_fails_ends_the_waits() -> None:
    async def sleep(seconds: float) -> None:
        raise OSError("no clock")

    _, look = recorded(FakeTime())
    poller = Poller(Timing(sleep=sleep))
    with pytest.raises(OSError, match="no clock"):
        await wait(poller, look)
    assert poller.waiting == 0


async def test_trouble_that_passes_does_not_end_a_wait_and_trouble_that_stays_does() -> None:
    time = FakeTime()
    started = time.now

    async def look(left: float | None) -> Found:
        if not 100 <= time.now - started <= 110:
            error = CallError("throttled")
            error.retryable = True
            raise error
        return None, None

    with pytest.raises(CallError, match="throttled"):
        await wait(Poller(time.timing), look, longest=5.0)
    assert 390 <= time.now <= 430


async def test_the_task_ends_with_the_last_wait_and_another_begins_with_the_next() -> None:
    time = FakeTime()
    poller = Poller(time.timing)
    before = asyncio.all_tasks()
    for _ in range(3):
        _, look = recorded(time, found_at=time.now + 3)
        await wait(poller, look)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before


async def test_ids_are_remembered_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagemaker_async.async_inference.poller.KNOWN_IDS", 2)
    poller = Poller(Timing())
    for name in ("a", "b", None, "a", "c"):
        poller.remember(name)
    assert list(poller.known) == ["a", "c"]


async def test_a_session_has_one_and_closes_it() -> None:
    async with Session(transport=StubTransport()) as session:
        poller = Poller.of(session)
        assert Poller.of(session) is poller
        _, look = recorded(FakeTime())
        watch = poller.watch(look, Pace(longest=15.0, limit=None), overdue=overdue)
    with pytest.raises(SessionClosedError):
        await watch.future
    with pytest.raises(SessionClosedError):
        Poller.of(session)


async def test_a_limit_passes_in_line_behind_looks_that_hang() -> None:
    time = FakeTime()
    poller = Poller(time.timing)
    gate = asyncio.Event()

    async def hangs(left: float) -> Found:
        assert left == LONGEST_LOOK
        await gate.wait()
        return FOUND, None

    hanging = [asyncio.ensure_future(wait(poller, hangs)) for _ in range(CONCURRENCY)]
    for _ in range(5):
        await asyncio.sleep(0)
    looks, look = recorded(time)
    for limit in (5.0, 7.0):
        begun = time.now
        with pytest.raises(PollingTimeoutError):
            await wait(poller, look, limit=limit)
        assert limit <= time.now - begun <= limit + 1
    assert not looks
    gate.set()
    assert await asyncio.gather(*hanging) == [FOUND] * CONCURRENCY


async def test_a_last_look_without_an_answer_ends_the_wait_as_any_other() -> None:
    time = FakeTime()

    async def never(left: float) -> Found:
        time.now += left
        raise TotalTimeoutError("no answer within the limit", left)

    with pytest.raises(PollingTimeoutError):
        await wait(Poller(time.timing), never, limit=100.0)


async def test_the_limits_of_waits_that_ended_are_forgotten() -> None:
    time = FakeTime()
    poller = Poller(time.timing)
    _, look = recorded(time)
    lasting = asyncio.ensure_future(wait(poller, look, limit=1e9))
    await asyncio.sleep(0)
    for _ in range(300):
        await poller.watch(look, Pace(longest=15.0, limit=1e9), overdue=overdue).end()
    assert len(poller._limits) < 100
    lasting.cancel()
    await asyncio.wait([lasting])
