"""`Timing`: the defaults are the machine's own clocks, and each of its sources can be replaced alone."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime

import pytest

from sagemaker_async.aws.timing import SYSTEM_TIMING, Timing


def test_the_clock_tells_the_time_of_day_in_seconds_since_1970() -> None:
    before = datetime.datetime.now(datetime.UTC).timestamp()
    now = SYSTEM_TIMING.clock()
    assert before - 1 <= now <= datetime.datetime.now(datetime.UTC).timestamp() + 1


def test_the_monotonic_clock_does_not_run_backwards() -> None:
    readings = [SYSTEM_TIMING.monotonic() for _ in range(100)]
    assert readings == sorted(readings)
    assert readings[-1] > readings[0]


def test_random_numbers_are_spread_from_0_up_to_1() -> None:
    drawn = [SYSTEM_TIMING.uniform() for _ in range(200)]
    assert all(0 <= number < 1 for number in drawn)
    assert min(drawn) < 0.5 < max(drawn)


async def test_sleep_lets_the_event_loop_run() -> None:
    ran = asyncio.Event()
    asyncio.get_running_loop().call_soon(ran.set)
    await SYSTEM_TIMING.sleep(0)
    assert ran.is_set()


def test_a_source_can_be_replaced_alone_and_only_at_construction() -> None:
    timing = Timing(clock=lambda: 5.0)
    assert timing.clock() == 5.0
    assert timing.monotonic is SYSTEM_TIMING.monotonic
    with pytest.raises(dataclasses.FrozenInstanceError):
        timing.clock = lambda: 6.0  # type: ignore[misc]
