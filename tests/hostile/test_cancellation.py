"""Cancelled at every suspension: what is left behind, and whether the next call gets its own answer.

A scheduler runs a public coroutine and interferes at its n-th suspension, for n = 1, 2, ... until the coroutine gets
through before that. It interferes in three manners (the task is cancelled; a time limit passes; another task closes
what is being used) and at two moments: *asleep*, as the coroutine begins to wait, and *woken*, when what it waits for
is there and the coroutine has not taken it yet.

Afterwards nothing is in use, no task is left, nothing was warned of or left unretrieved, and the next call on the same
session gets its own answer. The embedded SageMaker runs on a thread, so that all tasks of the test's loop are the
client's.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gc
import itertools
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import aiohttp
import pytest

from sagemaker_async import (
    AsyncInferenceJob,
    AsyncPredictor,
    Credentials,
    Predictor,
    Session,
    WaitForCapacity,
)
from sagemaker_async.async_inference import as_completed
from sagemaker_async.aws.interceptors import ConnectionPool, Interceptor
from sagemaker_async.compat.aiobotocore import get_session
from sagemaker_async.errors import SessionClosedError, StreamClosedError
from sagemaker_async.hosting.waiting import Timing
from sagemaker_async.iterators import LineIterator
from sagemaker_async.local import LocalSageMaker, Stall, Status, ThreadedLocalSageMaker

from .interference import MANNERS, MOMENTS, check, each_suspension, interfered

LARGE = 4 << 20
"""Bytes that no socket takes at once, so that the upload waits for the peer."""
NUMBERS = itertools.count(1)
"""For what must be told apart from all else."""
ROLE = "arn:aws:iam::123456789012:role/hosting"
VARIANT = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


class World:
    """One session, what it calls, and the evidence of what is left behind."""

    def __init__(self, local: ThreadedLocalSageMaker) -> None:
        self.local = local
        self.session = Session()

    def payload(self, size: int = 0) -> bytes:
        """Return a payload that no other call has."""
        return f"payload {next(NUMBERS)};".encode().ljust(size, b".")

    async def open(self, *, used: bool, **options: Any) -> Session:
        """Make a session; `used` has it make a call, so that it is open and has a connection to reuse."""
        self.session = Session(**{**self.local.client_options, **options})
        self.session.hosting.timing = Timing(sleep=self._stepped)
        if used:
            await self.check_next_call()
        return self.session

    async def _stepped(self, seconds: float) -> None:
        self.local.step()
        await asyncio.sleep(0)

    async def passed(self, seconds: float) -> None:
        """Let time pass at once; `NUMBERS` is the clock."""
        for _ in range(int(seconds)):
            next(NUMBERS)
        await asyncio.sleep(0)

    async def check_next_call(self) -> None:
        payload = self.payload()
        assert await Predictor("echo", self.session).predict(payload) == payload

    async def settle(self) -> None:
        """Let everything that is under way come to its end, and assert that it has one."""
        for _ in range(2000):
            if self.session.connections_in_use == 0 and len(asyncio.all_tasks()) == 1:
                return
            await asyncio.sleep(0)
        await self._settle_with_the_server()

    async def _settle_with_the_server(self) -> None:
        # What is still under way waits for the server's thread: as it would for any server.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                while self.session.connections_in_use or len(asyncio.all_tasks()) > 1:
                    await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=0.01)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert (self.session.connections_in_use, others) == (0, set())


@pytest.fixture(scope="module")
def local() -> Iterator[ThreadedLocalSageMaker]:
    async def in_parts(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 4):
            yield body[start : start + 4]
        yield b"\n"

    async def in_tokens(body: bytes) -> AsyncIterator[bytes]:
        words = body.decode().split(" ")
        for number, word in enumerate(words, 1):
            token: dict[str, Any] = {"token": {"id": number, "text": word}}
            if number == len(words):
                token |= {"generated_text": "".join(words), "details": {"finish_reason": "length"}}
            yield json.dumps(token).encode() + b"\n"

    def completion(body: bytes) -> bytes:
        return json.dumps({"choices": [{"message": json.loads(body)["messages"][0]}]}).encode()

    with LocalSageMaker.in_thread(stepped_clock=True) as local:
        local.add_endpoint("echo", lambda body: body)
        local.add_endpoint("parts", in_parts)
        local.add_endpoint("tokens", in_tokens)
        local.add_endpoint("chat", completion)
        local.add_endpoint("stalling", lambda body: body).faults.always(Stall(after_parts=0))
        local.add_model("m", lambda body: body)
        yield local


@pytest.fixture
async def world(local: ThreadedLocalSageMaker) -> AsyncIterator[World]:
    """Fails when the loop was told of anything, such as an exception that was never retrieved."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    world = World(local)
    yield world
    await world.session.close()
    await world.settle()
    gc.collect()
    await asyncio.sleep(0)
    assert told == []


# --- what is interfered with -----------------------------------------------------------------------------------------


async def predict(world: World) -> None:
    payload = world.payload()
    assert await Predictor("echo", world.session).predict(payload) == payload


async def invoke_with_a_large_body(world: World) -> None:
    payload = world.payload(LARGE)
    assert (await world.session.runtime.invoke_endpoint(endpoint_name="echo", body=payload)).body == payload


async def stream_opened(world: World) -> None:
    payload = world.payload()
    stream = await Predictor("parts", world.session).predict_stream(payload)
    await stream.aclose()


async def stream_read_to_its_end(world: World) -> None:
    payload = world.payload()
    assert b"".join(await Predictor("parts", world.session).predict_stream(payload).collect()) == payload + b"\n"


async def stream_left_early(world: World) -> None:
    payload = world.payload()
    async with Predictor("parts", world.session).predict_stream(payload) as stream:
        async for part in stream:
            assert part == payload[:4]
            break


async def stream_without_a_name(world: World) -> None:
    payload = world.payload()
    lines = [line async for line in Predictor("parts", world.session).predict_stream(payload, iterator=LineIterator)]
    assert lines == [payload]


async def tokens(world: World) -> None:
    payload = world.payload()
    async with Predictor("tokens", world.session).predict_stream(payload).tokens() as stream:
        texts = [token.text async for token in stream]
    assert " ".join(texts).encode() == payload


async def whole_message(world: World) -> None:
    words = world.payload(20).decode()
    result = await Predictor("tokens", world.session).predict_stream(words.encode()).tokens().result()
    assert result.text == words.replace(" ", "")


async def chat(world: World) -> None:
    payload = world.payload().decode()
    answer = await Predictor("chat", world.session).chat([{"role": "user", "content": payload}])
    assert answer.text == payload


async def low_level_stream(world: World) -> None:
    payload = world.payload()
    parts = []
    async with world.session.runtime.invoke_endpoint_with_response_stream(
        endpoint_name="parts", body=payload
    ) as response:
        async for event in response.body:
            parts.append(event.bytes)  # type: ignore[union-attr] # noqa: PERF401 - each event is a suspension
    assert b"".join(parts) == payload + b"\n"


async def low_level_stream_dispatched(world: World) -> None:
    payload = world.payload()
    parts: list[bytes] = []
    response = await world.session.runtime.invoke_endpoint_with_response_stream(endpoint_name="parts", body=payload)
    try:
        await response.dispatch(on_payload_part=lambda part: parts.append(part.bytes))
    finally:
        await response.aclose()
    assert b"".join(parts) == payload + b"\n"


async def call_that_is_retried(world: World) -> None:
    world.local.script("echo", [Status(500, "InternalFailure")])
    try:
        await predict(world)
    finally:
        world.local.endpoints["echo"].faults.clear()


async def call_that_waits_for_capacity(world: World) -> None:
    refusal = Status(400, "ValidationError", "Inference Component has no capacity to process this request. Wait.")
    world.local.script("echo", [refusal, refusal])
    world.session.channel.timing = Timing(monotonic=lambda: float(next(NUMBERS)), sleep=world.passed)
    payload = world.payload()
    try:
        predictor = Predictor("echo", world.session, capacity=WaitForCapacity(interval=30))
        assert await predictor.predict(payload) == payload
    finally:
        world.local.endpoints["echo"].faults.clear()


async def describe_endpoint(world: World) -> None:
    assert (await world.session.hosting.describe_endpoint(endpoint_name="echo")).endpoint_name == "echo"


async def pages(world: World) -> None:
    names = [each.endpoint_name async for each in world.session.hosting.iter_endpoints(max_results=1)]
    assert {"echo", "parts", "tokens", "stalling"} <= set(names)


async def wait_until_in_service(world: World) -> None:
    hosting = world.session.hosting
    name = f"e{next(NUMBERS)}"
    with contextlib.suppress(Exception):
        await hosting.create_model(model_name="m", primary_container={"image": "i"}, execution_role_arn=ROLE)
    await hosting.create_endpoint_config(endpoint_config_name=name, production_variants=[VARIANT])
    await hosting.create_endpoint(endpoint_name=name, endpoint_config_name=name)
    assert (await hosting.wait_until_in_service(endpoint_name=name)).endpoint_status == "InService"


async def waiter(world: World) -> None:
    await world.session.hosting.get_waiter("endpoint_in_service").wait(EndpointName="echo")


async def update_endpoint(world: World) -> None:
    world.local.step(10)  # what an interrupted one has begun is over
    await Predictor("echo", world.session).update_endpoint(initial_instance_count=1, instance_type="ml.m5.xlarge")


async def job_submitted(world: World) -> None:
    predictor = AsyncPredictor(Predictor("echo", world.session), upload_to="s3://bucket/inputs", inline_bytes=0)
    assert (await predictor.predict_async(world.payload())).inference_id


async def jobs_awaited(world: World) -> None:
    payloads = {f"s3://bucket/{next(NUMBERS)}": world.payload() for _ in range(2)}
    world.local.objects.update(payloads)
    jobs = [AsyncInferenceJob(world.session, output_path=url) for url in payloads]
    assert await jobs[0] == payloads[jobs[0].output_path]
    async with contextlib.aclosing(as_completed(jobs)) as completed:
        async for job in completed:
            assert await job == payloads[job.output_path]


async def many_jobs(world: World) -> None:
    payloads = [world.payload() for _ in range(3)]
    async with AsyncPredictor(Predictor("echo", world.session)).map(payloads, concurrency=2) as outcomes:
        assert [outcome.result async for outcome in outcomes] == payloads


async def prediction_of_a_router(world: World) -> None:
    destination = {"ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/echo"}
    target = {"Name": "default", "Destinations": [destination]}
    with contextlib.suppress(Exception):
        await world.session.hosting.create_inference_router(inference_router_name="router", routing_targets=[target])
    world.local.step(10)
    payload = world.payload()
    assert await Predictor.of_router("router", "default", world.session).predict(payload) == payload


async def stateful_session(world: World) -> None:
    payload = world.payload()
    async with Predictor("echo", world.session).session() as bound:
        assert await bound.predict(payload) == payload


async def many_records(world: World) -> None:
    payloads = [world.payload() for _ in range(5)]
    async with Predictor("echo", world.session).map(payloads, concurrency=2) as outcomes:
        assert [outcome.result async for outcome in outcomes] == payloads


async def many_records_left_early(world: World) -> None:
    payloads = [world.payload() for _ in range(5)]
    async for outcome in Predictor("tokens", world.session).map(payloads, concurrency=2, stream=True):
        assert outcome.result == payloads[0].decode().replace(" ", "")
        break


async def compat_client(world: World) -> None:
    payload = world.payload()
    async with get_session().create_client("sagemaker-runtime", **world.local.boto3_options) as client:
        assert await (await client.invoke_endpoint(EndpointName="echo", Body=payload))["Body"].read() == payload
        response = await client.invoke_endpoint_with_response_stream(EndpointName="parts", Body=payload)
        async with response["Body"] as events:
            parts = [event["PayloadPart"]["Bytes"] async for event in events]
    assert b"".join(parts) == payload + b"\n"


async def compat_pages_and_waiter(world: World) -> None:
    async with get_session().create_client("sagemaker", **world.local.boto3_options) as client:
        pages = client.get_paginator("list_endpoints").paginate(PaginationConfig={"PageSize": 2, "MaxItems": 3})
        assert [len(page["Endpoints"]) async for page in pages] == [2, 1]
        await client.get_waiter("endpoint_in_service").wait(EndpointName="echo", WaiterConfig={"Delay": 0})


CALLS: list[Callable[[World], Coroutine[Any, Any, None]]] = [
    predict,
    invoke_with_a_large_body,
    stream_opened,
    stream_read_to_its_end,
    stream_left_early,
    stream_without_a_name,
    tokens,
    whole_message,
    chat,
    low_level_stream,
    low_level_stream_dispatched,
    call_that_is_retried,
    call_that_waits_for_capacity,
    many_records,
    many_records_left_early,
    describe_endpoint,
    pages,
    wait_until_in_service,
    waiter,
    update_endpoint,
    job_submitted,
    jobs_awaited,
    many_jobs,
    prediction_of_a_router,
    stateful_session,
    compat_client,
    compat_pages_and_waiter,
]
OF_ONE_REQUEST = [predict, tokens]


@pytest.fixture(params=["straight", "through the session"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of a request; through aiohttp's session go those that somebody watches."""
    if request.param != "straight":
        original = aiohttp.ClientSession._request

        async def watched(self: aiohttp.ClientSession, *arguments: Any, **options: Any) -> Any:
            return await original(self, *arguments, **options)

        monkeypatch.setattr(aiohttp.ClientSession, "_request", watched)
    return str(request.param)


# --- calls -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("manner", ["cancel", "timeout"])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
async def test_a_call_on_a_session_that_is_in_use(world: World, call: Any, manner: str, moment: str) -> None:
    await world.open(used=True)
    for number in each_suspension():
        outcome = await interfered(call(world), number, moment, manner)
        await world.settle()
        check(outcome, manner)
        await world.check_next_call()
        if not outcome.reached:
            assert number > 1
            return


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("call", OF_ONE_REQUEST, ids=lambda call: call.__name__)
async def test_the_first_call_of_a_session(world: World, call: Any, manner: str, moment: str) -> None:
    for number in each_suspension():
        session = await world.open(used=False)
        outcome = await interfered(call(world), number, moment, manner, session.close)
        await world.settle()
        check(outcome, manner)
        if manner != "close":
            await world.check_next_call()
        await session.close()
        if not outcome.reached:
            return


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(
    "call", [predict, invoke_with_a_large_body, tokens, wait_until_in_service, job_submitted, jobs_awaited]
)
async def test_a_call_whose_session_is_closed(world: World, call: Any, moment: str) -> None:
    for number in each_suspension():
        session = await world.open(used=True)
        outcome = await interfered(call(world), number, moment, "close", session.close)
        await world.settle()
        check(outcome, "close")
        if not outcome.reached:
            return
        with pytest.raises(SessionClosedError):
            await world.check_next_call()


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kind", ["prediction", "tokens", "low-level"])
async def test_a_stream_that_another_task_closes(world: World, kind: str, moment: str) -> None:
    session = await world.open(used=True)
    for number in each_suspension():
        payload = world.payload()
        stream: Any
        if kind == "low-level":
            response = await session.runtime.invoke_endpoint_with_response_stream(endpoint_name="parts", body=payload)
            stream = response.body
        else:
            stream = Predictor("tokens", session).predict_stream(payload)
            stream = stream.tokens() if kind == "tokens" else stream

        async def read(stream: Any = stream) -> None:
            async for _ in stream:
                pass

        outcome = await interfered(read(), number, moment, "close", stream.aclose)
        await stream.aclose()
        await world.settle()
        check(outcome, "close")
        await world.check_next_call()
        if not outcome.reached:
            return


# --- others who wait -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("manner", ["cancel", "timeout"])
@pytest.mark.parametrize("released", ["before", "after"])
async def test_a_call_in_the_queue_for_a_connection(world: World, manner: str, moment: str, released: str) -> None:
    """One connection, which a stream holds; behind it the call that is interfered with, and another one."""
    session = await world.open(used=True, max_connections=1)
    for number in each_suspension():
        holder = await Predictor("stalling", session).predict_stream(world.payload())
        payload = world.payload()
        running = asyncio.create_task(interfered(predict(world), number, moment, manner))
        await asyncio.sleep(0)
        behind = asyncio.create_task(Predictor("echo", session).predict(payload))
        for _ in range(5 if released == "after" else 1):
            await asyncio.sleep(0)
        await holder.aclose()
        outcome = await running
        assert await asyncio.wait_for(behind, 5) == payload, "the place was not passed on"
        await world.settle()
        check(outcome, manner)
        await world.check_next_call()
        if not outcome.reached:
            return


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("manner", ["cancel", "timeout"])
async def test_a_first_call_beside_others(world: World, manner: str, moment: str) -> None:
    """The session is opened once, and the others get their answers."""

    class Source:
        asked = 0

        async def get(self) -> Credentials:
            self.asked += 1
            await asyncio.sleep(0)
            return world.local.credentials

    for number in each_suspension():
        source = Source()
        session = await world.open(used=False, credentials=source)
        payload = world.payload()
        running = asyncio.create_task(interfered(predict(world), number, moment, manner))
        other = asyncio.create_task(Predictor("echo", session).predict(payload))
        outcome = await running
        assert await asyncio.wait_for(other, 5) == payload
        await world.settle()
        check(outcome, manner)
        assert source.asked == 1
        await session.close()
        if not outcome.reached:
            return


def key_that_expires(number: int, *, hours: int) -> Credentials:
    expiration = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours)
    return Credentials(f"AKID{number}", "secret", expiration=expiration)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("manner", ["cancel", "timeout"])
async def test_a_refresh_of_credentials_that_others_wait_for(world: World, manner: str, moment: str) -> None:
    class Source:
        keys = 0

        async def get(self) -> Credentials:
            self.keys += 1
            for _ in range(3):
                await asyncio.sleep(0)
            world.local.accept_credentials(key := key_that_expires(self.keys, hours=24))
            return key

    source = Source()
    session = await world.open(used=True, credentials=source)
    for number in each_suspension():
        assert source.keys == number, "one refresh for all who wait for it"
        world.local.accept_credentials(key_that_expires(source.keys, hours=-1))  # says the service alone
        payload = world.payload()
        running = asyncio.create_task(interfered(predict(world), number, moment, manner))
        other = asyncio.create_task(Predictor("echo", session).predict(payload))
        outcome = await running
        assert await asyncio.wait_for(other, 5) == payload
        await world.settle()
        check(outcome, manner)
        await world.check_next_call()
        if not outcome.reached:
            return


# --- closing ---------------------------------------------------------------------------------------------------------


class Told(Interceptor):
    """Counts how often the session says that it was closed."""

    closings = 0

    def closed(self, pool: ConnectionPool) -> None:
        self.closings += 1


class SourceThatHangs:
    """Gives credentials once; nobody gets others."""

    def __init__(self, local: ThreadedLocalSageMaker) -> None:
        self._local = local
        self._keys = itertools.count()
        self.hangs = asyncio.Event()

    async def get(self) -> Credentials:
        number = next(self._keys)
        if number:
            self.hangs.set()
            await asyncio.Event().wait()
        self._local.accept_credentials(key := key_that_expires(number, hours=24))
        return key


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("manner", ["cancel", "timeout"])
@pytest.mark.parametrize("busy", ["unused", "opening", "idle", "calling", "streaming", "uploading", "refreshing"])
async def test_the_closing_of_a_session(world: World, busy: str, manner: str, moment: str) -> None:
    """It is closed, or can be closed again; and whoever was using it learns that."""
    for number in each_suspension():
        told = Told()
        options: dict[str, Any] = {"interceptors": [told]}
        if busy == "refreshing":
            options["credentials"] = source = SourceThatHangs(world.local)
        session = await world.open(used=busy not in ("unused", "opening"), **options)
        using: list[asyncio.Future[Any]] = []
        if busy in ("streaming", "refreshing"):
            stream = await Predictor("stalling", session).predict_stream(world.payload())
            using.append(asyncio.ensure_future(anext(stream)))
        if busy == "uploading":
            using.append(asyncio.create_task(invoke_with_a_large_body(world)))
        if busy in ("calling", "opening", "refreshing"):
            if busy == "refreshing":
                world.local.accept_credentials(key_that_expires(0, hours=-1))
            using.append(asyncio.create_task(predict(world)))
            if busy == "refreshing":
                await source.hangs.wait()
        await asyncio.sleep(0)
        outcome = await interfered(session.close(), number, moment, manner)
        check(outcome, manner)
        await session.close()
        assert session.channel.closed
        for each in using:
            with contextlib.suppress(SessionClosedError, StreamClosedError):
                await asyncio.wait_for(each, 5)
        await world.settle()
        assert told.closings in {"unused": (0,), "opening": (0, 1)}.get(busy, (1,))
        with pytest.raises(SessionClosedError):
            await world.check_next_call()
        if not outcome.reached:
            return


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("manner", ["cancel", "timeout"])
async def test_the_closing_of_a_stream(world: World, manner: str, moment: str) -> None:
    session = await world.open(used=True)
    for number in each_suspension():
        stream = Predictor("tokens", session).predict_stream(world.payload()).tokens()
        await anext(stream)
        outcome = await interfered(stream.aclose(), number, moment, manner)
        await world.settle()
        check(outcome, manner)
        await world.check_next_call()
        if not outcome.reached:
            return
