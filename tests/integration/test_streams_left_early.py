"""A thousand streams, left early in every way: afterwards the pool holds no connection in use and no task is left."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from sagemaker_async import Predictor, Session
from sagemaker_async.iterators import ByteIterator, JSONLinesIterator, LineIterator
from sagemaker_async.local import LocalSageMaker, ThreadedLocalSageMaker

STREAMS = 1_000
AT_ONCE = 40
SEED = 20260601

LINES = b"".join(b'{"token": %d}\n' % number for number in range(40))


async def upper(event_stream: Any) -> AsyncIterator[bytes]:
    """A user's own iterator: an asynchronous generator."""
    async for event in event_stream:
        yield event.bytes.upper()


ITERATORS: list[Any] = [ByteIterator, LineIterator, JSONLinesIterator, upper]


@pytest.fixture
def server() -> Iterator[ThreadedLocalSageMaker]:
    """On a thread of its own, so that every task of this loop is the client's."""

    async def model(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 16):
            yield body[start : start + 16]
            await asyncio.sleep(0)

    with LocalSageMaker.in_thread() as local:
        local.add_endpoint("tokens", model)
        yield local


class Left(Exception):
    """Raised in the body of a loop."""


class Ways:
    """The ways to leave a stream, each of which must release its connection by itself."""

    def __init__(self, predictor: Predictor[bytes], chance: random.Random) -> None:
        self._predictor = predictor
        self._chance = chance

    def stream(self) -> Any:
        return self._predictor.predict_stream(LINES, iterator=self._chance.choice(ITERATORS))

    def records(self) -> int:
        return self._chance.randrange(1, 12)

    async def by_break(self) -> None:
        left = self.records()
        async for _ in self.stream():
            left -= 1
            if not left:
                break

    async def by_break_in_async_with(self) -> None:
        left = self.records()
        async with self.stream() as stream:
            async for _ in stream:
                left -= 1
                if not left:
                    break

    async def by_exception(self) -> None:
        left = self.records()
        with contextlib.suppress(Left):
            async for _ in self.stream():
                left -= 1
                if not left:
                    raise Left

    async def by_exception_in_async_with(self) -> None:
        with contextlib.suppress(Left):
            async with self.stream() as stream:
                await anext(stream)
                raise Left

    async def by_aclose(self) -> None:
        stream = await self.stream()
        await anext(stream)
        await stream.aclose()

    async def by_dropping_after_opening(self) -> None:
        await self.stream()

    async def by_dropping_half_read(self) -> None:
        stream = self.stream()
        for _ in range(self.records()):
            await anext(stream)

    async def by_cancellation_at_a_random_await(self) -> None:
        async def consume() -> None:
            async for _ in self.stream():
                await asyncio.sleep(0)

        await self._cancelled(consume())

    async def by_cancellation_in_async_with(self) -> None:
        async def consume() -> None:
            async with self.stream() as stream:
                async for _ in stream:
                    pass

        await self._cancelled(consume())

    async def by_cancelling_the_low_level_call(self) -> None:
        runtime = self._predictor.sagemaker_session.runtime

        async def consume() -> None:
            response = await runtime.invoke_endpoint_with_response_stream(endpoint_name="tokens", body=LINES)
            async for _ in response.body:
                pass

        await self._cancelled(consume())

    async def by_closing_from_another_task(self) -> None:
        stream = self.stream()

        async def consume() -> None:
            async for _ in stream:
                await asyncio.sleep(0)

        consumer = asyncio.create_task(consume())
        for _ in range(self._chance.randrange(30)):
            await asyncio.sleep(0)
        await stream.aclose()
        await asyncio.wait([consumer])
        consumer.exception()

    async def by_timeout(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._chance.random() * 0.01):
                async for _ in self.stream():
                    pass

    async def by_reading_to_the_end(self) -> None:
        async for _ in self.stream():
            pass

    async def _cancelled(self, work: Any) -> None:
        task = asyncio.create_task(work)
        for _ in range(self._chance.randrange(60)):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or task.exception() is None


async def quiet(session: Session) -> None:
    """Let what was set in motion come to rest; it takes a few turns of the loop and no time.

    Only the opening of the session, which goes on for other callers when the first one is cancelled, takes a thread.
    """
    opening = {task for task in asyncio.all_tasks() if task.get_name() == "sagemaker-async opening"}
    if opening:
        await asyncio.wait(opening)
    for _ in range(20):
        if session.connections_in_use == 0 and len(asyncio.all_tasks()) == 1:
            return
        await asyncio.sleep(0)


async def test_a_thousand_streams_left_in_every_way_leave_no_connection_and_no_task(
    server: ThreadedLocalSageMaker,
) -> None:
    chance = random.Random(SEED)
    taken: Counter[str] = Counter()
    async with Session(**server.client_options, max_connections=AT_ONCE) as session:
        ways = Ways(Predictor("tokens", session), chance)
        methods = [name for name in dir(Ways) if name.startswith("by_")]

        async def worker(count: int) -> None:
            for _ in range(count):
                name = chance.choice(methods)
                taken[name] += 1
                await getattr(ways, name)()

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(worker(STREAMS // AT_ONCE))
        await quiet(session)
        assert session.connections_in_use == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert sum(taken.values()) == STREAMS
        assert set(taken) == set(methods)

        parts = [part async for part in Predictor("tokens", session).predict_stream(LINES)]
        assert b"".join(parts) == LINES
    await server.endpoints["tokens"].until(lambda endpoint: endpoint.open_streams == 0)


@pytest.mark.parametrize("way", [name for name in dir(Ways) if name.startswith("by_")])
async def test_each_way_by_itself_lets_go(server: ThreadedLocalSageMaker, way: str) -> None:
    chance = random.Random(SEED)
    async with Session(**server.client_options) as session:
        ways = Ways(Predictor("tokens", session), chance)
        for _ in range(5):
            leave: Callable[[], Awaitable[None]] = getattr(ways, way)
            await leave()
            await quiet(session)
            assert session.connections_in_use == 0
            assert asyncio.all_tasks() == {asyncio.current_task()}
