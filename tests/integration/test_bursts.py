"""More calls at once than there are connections, with default settings: normal use, in which nothing fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from sagemaker_async import Config, Credentials, Predictor, Session
from sagemaker_async.aws.channel import Channel
from sagemaker_async.aws.eventstream import encode_message
from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import PoolFullError
from sagemaker_async.runtime.client import SageMakerRuntimeClient

RawServers = Callable[..., Awaitable[Any]]
Answers = Callable[..., bytes]
KEYS = Credentials("AKIDEXAMPLE", "secret")
CONNECTIONS = Config().max_connections
CALLS = 10_000
STREAMS = 400
STREAM_SECONDS = 12
PART = encode_message({":message-type": "event", ":event-type": "PayloadPart"}, b"part")
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
async def advance(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the event loop's clock on, so that whatever is due by then happens at once."""
    loop = asyncio.get_running_loop()
    clock, passed = loop.time, 0.0

    def move(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    monkeypatch.setattr(loop, "time", lambda: clock() + passed)
    return move


async def test_ten_thousand_predictions_at_once_succeed(raw_server: RawServers, http_answer: Answers) -> None:
    asyncio.get_running_loop().set_debug(False)  # in which each of the tasks is created with a traceback
    server = await raw_server(http_answer(200, b"answer"))
    async with Session(region="us-east-1", credentials=KEYS, endpoint_url=server.origin) as session:
        predictor = Predictor("e", session)
        answers = await asyncio.gather(*(predictor.predict(b"x") for _ in range(CALLS)))
    assert answers == [b"answer"] * CALLS
    assert len(server.requests) == CALLS
    assert server.connections <= CONNECTIONS


async def test_streams_that_hold_every_connection_for_long_keep_nobody_from_theirs(
    raw_server: RawServers, advance: Callable[[float], None]
) -> None:
    begun, finishing = 0, asyncio.Event()
    all_taken = asyncio.Event()

    async def slow(_: Any, writer: asyncio.StreamWriter) -> None:
        nonlocal begun, finishing
        writer.write(STREAM_HEAD % (2 * len(PART)) + PART)
        begun += 1
        if begun % CONNECTIONS == 0 or begun == STREAMS:
            all_taken.set()
        await finishing.wait()
        writer.write(PART)
        await writer.drain()

    async def read(predictor: Predictor[Any]) -> bytes:
        return b"".join([part async for part in predictor.predict_stream(b"x")])

    server = await raw_server(slow)
    async with Session(region="us-east-1", credentials=KEYS, endpoint_url=server.origin) as session:
        predictor = Predictor("e", session)
        readers = [asyncio.create_task(read(predictor)) for _ in range(STREAMS)]
        while begun < STREAMS:
            await all_taken.wait()
            all_taken.clear()
            advance(STREAM_SECONDS)
            ended, finishing = finishing, asyncio.Event()
            ended.set()
        assert await asyncio.gather(*readers) == [b"partpart"] * STREAMS
    assert server.connections <= CONNECTIONS


@dataclass
class WallClock:
    now: float = 1_800_000_000.0  # 2027-01-15T08:00:00Z


async def test_a_request_that_waited_for_its_connection_is_signed_with_the_time_at_which_it_goes_out(
    raw_server: RawServers, http_answer: Answers
) -> None:
    wall, arrived, gate = WallClock(), asyncio.Event(), asyncio.Event()

    async def gated(_: Any, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await gate.wait()
        writer.write(http_answer(200, b"answer"))
        await writer.drain()

    server = await raw_server(gated)
    config = Config(region="us-east-1", credentials=KEYS, endpoint_url=server.origin, max_connections=1, max_waiting=1)

    class Shared:
        channel = Channel(config, Timing(clock=lambda: wall.now))

    client = SageMakerRuntimeClient(Shared())
    first = asyncio.create_task(client.invoke_endpoint(endpoint_name="e", body=b"1"))
    await arrived.wait()
    second = asyncio.create_task(client.invoke_endpoint(endpoint_name="e", body=b"2"))
    with pytest.raises(PoolFullError):  # so that the second one waits now
        await asyncio.create_task(client.invoke_endpoint(endpoint_name="e", body=b"3"))
    wall.now += 600
    gate.set()
    await asyncio.gather(first, second)
    await Shared.channel.close()
    assert [request.header("x-amz-date") for request in server.requests] == ["20270115T080000Z", "20270115T081000Z"]
