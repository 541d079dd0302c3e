"""Gates and signals work across threads and event loops."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sagemaker_async.local.gate import Gate, Signal


async def test_an_open_gate_lets_through_at_once() -> None:
    gate = Gate()
    gate.open()
    gate.open()
    waiting = asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    assert waiting.done()


async def test_a_gate_opened_in_another_thread_frees_all_who_wait() -> None:
    gate = Gate()
    waiting = [asyncio.create_task(gate.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    threading.Thread(target=gate.open).start()
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)


async def test_who_gives_up_waiting_at_a_gate_leaves_the_others_waiting() -> None:
    gate = Gate()
    first, second = asyncio.create_task(gate.wait()), asyncio.create_task(gate.wait())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert not second.done()
    gate.open()
    async with asyncio.timeout(5):
        await second


def test_a_signal_asks_again_after_every_change() -> None:
    signal, counts = Signal(), [0]
    future = signal.when(lambda: counts[0] == 2)
    for _ in range(2):
        assert not future.done()
        counts[0] += 1
        signal.changed()
    assert future.done()
    signal.changed()


def test_a_condition_that_holds_already_is_done_at_once() -> None:
    assert Signal().when(lambda: True).done()


def test_a_condition_that_raises_does_so_for_who_waits_and_nobody_else() -> None:
    signal, broken = Signal(), [False]

    def condition() -> bool:
        return bool(1 / 0) if broken[0] else False

    future = signal.when(condition)
    broken[0] = True
    signal.changed()
    with pytest.raises(ZeroDivisionError):
        future.result(0)


def test_a_cancelled_wait_is_forgotten() -> None:
    signal, asked = Signal(), [0]

    def condition() -> bool:
        asked[0] += 1
        return False

    signal.when(condition).cancel()
    signal.changed()
    signal.changed()
    assert asked[0] == 1
