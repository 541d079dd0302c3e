"""Iterators in a thread: step by step, closed at the end, and waited for by whoever is cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from sagemaker_async.bulk.steps import in_thread, settled


async def test_each_step_runs_in_a_thread_and_the_generator_is_closed() -> None:
    threads, closed = set(), []

    def steps() -> Iterator[int]:
        try:
            for number in range(5):
                threads.add(threading.current_thread())
                yield number
        finally:
            closed.append(True)

    assert [number async for number in in_thread(steps())] == list(range(5))
    assert threading.main_thread() not in threads
    assert closed == [True]
    async with aclosing(in_thread(steps())) as numbers:
        assert await anext(numbers) == 0
    assert closed == [True, True]


async def test_a_step_ahead_that_fails_is_of_no_interest_to_whoever_has_left() -> None:
    def steps() -> Iterator[int]:
        yield 1
        raise OSError("no")

    async with aclosing(in_thread(steps())) as numbers:
        assert await anext(numbers) == 1


async def test_the_next_step_is_taken_while_the_last_is_used_and_no_more_than_that() -> None:
    taken: list[int] = []

    def steps() -> Iterator[int]:
        for number in range(9):
            taken.append(number)
            yield number

    async with aclosing(in_thread(steps())) as numbers:
        assert await anext(numbers) == 0
        while len(taken) < 2:
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert taken == [0, 1]


async def test_what_a_step_raises_is_raised() -> None:
    def steps() -> Iterator[int]:
        yield 1
        raise OSError("no")

    numbers = in_thread(steps())
    assert await anext(numbers) == 1
    with pytest.raises(OSError, match="no"):
        await anext(numbers)


async def test_values_that_end_other_loops_are_values() -> None:
    assert [value async for value in in_thread(iter([None, False, StopIteration]))] == [None, False, StopIteration]


async def test_a_cancelled_reader_waits_for_the_step_and_then_the_generator_is_closed() -> None:
    begun, go_on, closed = threading.Event(), threading.Event(), []

    def steps() -> Iterator[int]:
        try:
            begun.set()
            assert go_on.wait(20)
            yield 1
        finally:
            closed.append(True)

    async def read() -> None:
        async for _ in in_thread(steps()):
            raise AssertionError

    reading = asyncio.ensure_future(read())
    while not begun.is_set():
        await asyncio.sleep(0)
    for _ in range(3):
        reading.cancel()
        await asyncio.sleep(0)
    assert not reading.done()
    assert not closed
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await asyncio.sleep(0)
    assert closed == [True]


async def test_a_failure_nobody_waits_for_any_more_is_not_complained_about() -> None:
    go_on = asyncio.Event()

    async def work() -> None:
        await go_on.wait()
        raise OSError("no")

    waiting = asyncio.ensure_future(settled(work()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
