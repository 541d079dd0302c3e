"""The places of a pool: who gets one when, who waits how long, and what becomes of those who leave."""

from __future__ import annotations

import asyncio
import collections
import statistics
from typing import Any

import pytest

from sagemaker_async import Session
from sagemaker_async.aws.transport.places import Place, Places
from sagemaker_async.errors import PoolFullError, PoolTimeoutError, SessionClosedError
from sagemaker_async.local import LocalSageMaker


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def taken(places: Places) -> Place:
    place = places.take()
    assert place is not None
    return place


async def test_there_are_as_many_as_was_said(fake_loop: Any) -> None:
    places = Places(2, None, fake_loop)
    first, second = taken(places), taken(places)
    assert places.take() is None
    assert len(places) == 2
    first.free()
    first.free()
    assert len(places) == 1
    second.free()
    assert taken(places)


async def test_a_freed_place_goes_to_whoever_has_waited_longest_and_not_past_the_line(fake_loop: Any) -> None:
    places = Places(1, None, fake_loop)
    held = taken(places)
    waiting = [asyncio.create_task(places.wait(None)) for _ in range(3)]
    await settle()
    for turn, waiter in enumerate(waiting):
        held.free()
        assert places.take() is None, "whoever let go of it does not get it again at once"
        held = await waiter
        assert [task.done() for task in waiting] == [number <= turn for number in range(3)]
    held.free()
    assert len(places) == 0


async def test_who_is_cancelled_in_the_moment_in_which_it_is_its_turn_passes_the_place_on(fake_loop: Any) -> None:
    places = Places(1, None, fake_loop)
    held = taken(places)
    first, second = (asyncio.create_task(places.wait(None)) for _ in range(2))
    await settle()
    held.free()
    first.cancel()
    await settle()
    assert first.cancelled()
    (await second).free()
    assert len(places) == 0


async def test_who_is_cancelled_while_waiting_leaves_the_line(fake_loop: Any) -> None:
    places = Places(1, None, fake_loop)
    held = taken(places)
    waiting = [asyncio.create_task(places.wait(10)) for _ in range(3)]
    await settle()
    waiting[0].cancel()
    await settle()
    assert (places.waiting, fake_loop.timers) == (2, 2)
    held.free()
    (await waiting[1]).free()
    (await waiting[2]).free()
    assert fake_loop.timers == 0


async def test_a_queue_that_moves_is_waited_in_however_long_it_takes(fake_loop: Any) -> None:
    places = Places(1, None, fake_loop)
    held = taken(places)
    waiting = [asyncio.create_task(places.wait(10)) for _ in range(20)]
    await settle()
    for waiter in waiting:
        fake_loop.go_on(9)
        held.free()
        held = await waiter
    assert fake_loop.now == 180


async def test_a_queue_that_stands_still_is_an_error_that_says_what_holds_the_places(fake_loop: Any) -> None:
    places = Places(2, None, fake_loop)
    taken(places).answering = True
    fake_loop.go_on(5)
    taken(places)
    waiting = [asyncio.create_task(places.wait(10)) for _ in range(2)]
    await settle()
    fake_loop.go_on(9.9)
    await settle()
    assert not any(task.done() for task in waiting)
    fake_loop.go_on(0.1)
    with pytest.raises(PoolTimeoutError) as caught:
        await waiting[0]
    assert (caught.value.not_sent, caught.value.retryable, caught.value.ambiguous) == (True, False, False)
    assert "within 10 s (Timeouts.pool)" in caught.value.message
    assert "nothing was sent" in caught.value.message
    assert "all 2 connections are in use: 1 by calls that await an answer, 1 by answers" in caught.value.message
    assert "the oldest for 15 s" in caught.value.message
    assert "this call waited 10 s, and 1 others wait too" in caught.value.message
    with pytest.raises(PoolTimeoutError):
        await waiting[1]


async def test_standing_still_is_counted_from_the_last_place_that_came_free(fake_loop: Any) -> None:
    places = Places(1, None, fake_loop)
    held = taken(places)
    first, second = (asyncio.create_task(places.wait(10)) for _ in range(2))
    await settle()
    fake_loop.go_on(8)
    held.free()
    await first
    fake_loop.go_on(9)
    await settle()
    assert not second.done()
    fake_loop.go_on(1)
    with pytest.raises(PoolTimeoutError):
        await second


async def test_more_than_may_wait_are_refused_at_once(fake_loop: Any) -> None:
    places = Places(1, 2, fake_loop)
    held = taken(places)
    waiting = [asyncio.create_task(places.wait(None)) for _ in range(2)]
    await settle()
    with pytest.raises(PoolFullError, match="2 calls wait for a connection already") as caught:
        await places.wait(None)
    assert (caught.value.not_sent, caught.value.retryable) == (True, False)
    held.free()
    (await waiting[0]).free()
    (await waiting[1]).free()


async def test_closing_sends_everybody_away(fake_loop: Any) -> None:
    places = Places(1, None, fake_loop)
    held = taken(places)
    waiting = [asyncio.create_task(places.wait(10)) for _ in range(2)]
    await settle()
    places.close()
    for waiter in waiting:
        with pytest.raises(SessionClosedError):
            await waiter
    with pytest.raises(SessionClosedError):
        await places.wait(None)
    assert places.take() is None
    held.free()
    assert (len(places), fake_loop.timers) == (0, 0)


async def test_forty_callers_on_four_connections_get_their_fair_share(local: LocalSageMaker) -> None:
    """Counted while all of them want more: nobody gets more than twice the median."""
    local.add_endpoint("echo", lambda body: body)
    served: collections.Counter[int] = collections.Counter()
    enough = asyncio.Event()

    async def caller(number: int, session: Session) -> None:
        while not enough.is_set():
            await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"x")
            served[number] += 1
            if served.total() == 800:
                enough.set()

    async with Session(**local.client_options, max_connections=4) as session:
        async with asyncio.TaskGroup() as group:
            for number in range(40):
                group.create_task(caller(number, session))
        shares = [served[number] for number in range(40)]
    assert max(shares) <= 2 * statistics.median(shares)
    assert min(shares) > 0
