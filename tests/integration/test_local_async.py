"""Asynchronous endpoints of the embedded SageMaker: queue, limits, results, failures, scale to zero."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import boto3
import pytest

from sagemaker_async.errors import ConfigurationError
from sagemaker_async.local import AsyncInference, LocalSageMaker, ModelFailure

X = "X-Amzn-SageMaker-"
ASYNC = "async-invocations"


class Clock:
    """Sleeps end when the test lets the time pass."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.25
        self._numbers = itertools.count()
        self._sleeping: list[tuple[float, int, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleeping, (self.now + seconds, next(self._numbers), future))
        await future

    async def advance(self, seconds: float) -> None:
        self.now += seconds
        while self._sleeping and self._sleeping[0][0] <= self.now:
            _, _, future = heapq.heappop(self._sleeping)
            if not future.done():
                future.set_result(None)
        for _ in range(10):  # the tasks that were woken run, and those that they wake
            await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def local(clock: Clock) -> AsyncIterator[LocalSageMaker]:
    async with LocalSageMaker(sleep=clock.sleep) as local:
        yield local


@pytest.fixture
async def call(
    local: LocalSageMaker, raw_client: Callable[..., AbstractAsyncContextManager[Any]]
) -> AsyncIterator[Any]:
    async with raw_client(local) as client:
        yield client


async def test_an_asynchronous_endpoint_takes_only_asynchronous_calls(local: LocalSageMaker, call: Any) -> None:
    endpoint = local.add_endpoint("e", lambda body: body[::-1], asynchronous=True)
    for route in ("invocations", "invocations-response-stream"):
        answer = await call("e", route, b"abc")
        assert (answer.status, answer.code) == (400, "ValidationError")
    assert endpoint.invocations == 0
    answer = await call("e", ASYNC, b"abc", {X + "Content-Type": "text/csv"})
    assert await local.async_invocations[0].finished()
    stored = local.objects.find(answer.headers[X + "OutputLocation"])
    assert stored is not None
    assert (stored.body, stored.content_type) == (b"cba", "text/csv")


async def test_a_failure_is_worded_as_in_the_data_log(local: LocalSageMaker, call: Any) -> None:
    def model(body: bytes) -> bytes:
        raise ModelFailure(int(body), "out of memory")

    local.add_endpoint("e", model, asynchronous=True)
    for status, side in ((500, "server"), (400, "client")):
        answer = await call("e", ASYNC, str(status).encode())
        assert not await local.async_invocations[-1].finished()
        text = local.objects[answer.headers[X + "FailureLocation"]].decode()
        assert text == f'Received {side} error ({status}) from primary with message "out of memory"'


async def test_without_a_failure_path_a_failure_leaves_nothing(local: LocalSageMaker, call: Any) -> None:
    def model(body: bytes) -> bytes:
        raise ModelFailure(500, "no")

    local.add_endpoint("e", model, asynchronous=AsyncInference(failures=False))
    answer = await call("e", ASYNC, b"x")
    assert answer.status == 202
    assert X + "FailureLocation" not in answer.headers
    assert not await local.async_invocations[0].finished()
    assert not local.objects


async def test_no_more_run_at_once_than_there_are_places(local: LocalSageMaker, call: Any) -> None:
    gates = {name: asyncio.Event() for name in "abcde"}

    async def model(body: bytes) -> bytes:
        await gates[body.decode()].wait()
        return body

    endpoint = local.add_endpoint("e", model, asynchronous=AsyncInference(concurrency=2))
    for name in gates:
        await call("e", ASYNC, name.encode())
    await endpoint.until(lambda e: e.invocations == 2)
    assert (endpoint.queue.running, endpoint.queue.waiting) == (2, 3)
    gates["b"].set()
    await endpoint.until(lambda e: e.invocations == 3)
    assert (endpoint.queue.running, endpoint.queue.waiting) == (2, 2)
    for gate in gates.values():
        gate.set()
    assert all([await invocation.finished() for invocation in local.async_invocations])
    assert (endpoint.queue.running, endpoint.queue.waiting) == (0, 0)


async def test_an_invocation_takes_as_long_as_it_was_told_to(local: LocalSageMaker, call: Any, clock: Clock) -> None:
    delays = iter([5.0, 3.0])
    endpoint = local.add_endpoint("e", lambda body: body, asynchronous=AsyncInference(delay=lambda: next(delays)))
    for _ in range(2):
        await call("e", ASYNC, b"x")
    await endpoint.until(lambda e: e.queue.running == 2)
    await clock.advance(2.9)
    assert endpoint.invocations == 0
    await clock.advance(0.1)
    assert await local.async_invocations[1].finished()
    assert not local.async_invocations[0].done.done()
    await clock.advance(2)
    assert await local.async_invocations[0].finished()


async def test_a_request_expires_in_the_queue(local: LocalSageMaker, call: Any, clock: Clock) -> None:
    endpoint = local.add_endpoint("e", lambda body: body, asynchronous=AsyncInference(instances=0))
    brief = await call("e", ASYNC, b"x", {X + "RequestTTLSeconds": "60"})
    await call("e", ASYNC, b"x")
    await endpoint.until(lambda e: e.queue.waiting == 2)
    await clock.advance(60)
    assert not await local.async_invocations[0].finished()
    assert b"60 seconds" in local.objects[brief.headers[X + "FailureLocation"]]
    assert (endpoint.invocations, endpoint.queue.waiting) == (0, 1)
    await clock.advance(21_600)
    assert not await local.async_invocations[1].finished()


async def test_requests_wait_while_there_is_no_instance(local: LocalSageMaker, call: Any) -> None:
    endpoint = local.add_endpoint("e", lambda body: body, asynchronous=AsyncInference(concurrency=1))
    endpoint.scale(0)
    for _ in range(3):
        assert (await call("e", ASYNC, b"x")).status == 202
    await endpoint.until(lambda e: e.queue.waiting == 3)
    assert endpoint.invocations == 0
    await asyncio.to_thread(endpoint.scale, 2)  # as a test on another thread does
    assert all([await invocation.finished() for invocation in local.async_invocations])


async def test_a_model_that_takes_too_long_fails_and_gives_its_place_back(
    local: LocalSageMaker, call: Any, clock: Clock
) -> None:
    async def model(body: bytes) -> bytes:
        if body == b"endless":
            await asyncio.Event().wait()
        return body

    endpoint = local.add_endpoint("e", model, asynchronous=AsyncInference(concurrency=1))
    slow = await call("e", ASYNC, b"endless", {X + "InvocationTimeoutSeconds": "30"})
    await call("e", ASYNC, b"x")
    await endpoint.until(lambda e: e.invocations == 1)
    await clock.advance(30)
    assert not await local.async_invocations[0].finished()
    assert b"Your invocation timed out." in local.objects[slow.headers[X + "FailureLocation"]]
    assert await local.async_invocations[1].finished()


async def test_what_would_be_published_is_handed_to_the_program(
    raw_client: Callable[..., AbstractAsyncContextManager[Any]], clock: Clock
) -> None:
    messages: list[dict[str, Any]] = []

    def model(body: bytes) -> bytes:
        if body == b"bad":
            raise ModelFailure(500, "no")
        return body

    async with LocalSageMaker(sleep=clock.sleep) as local, raw_client(local) as call:
        local.add_endpoint("e", model, asynchronous=AsyncInference(notify=messages.append), async_output="s3://b/out")
        local.objects["s3://b/in"] = b"good"
        located = {X + "InputLocation": "s3://b/in", X + "Inference-Id": "one", X + "Content-Type": "text/plain"}
        answer = await call("e", ASYNC, b"", located)
        assert await local.async_invocations[0].finished()
        await call("e", ASYNC, b"bad", {X + "Inference-Id": "two"})
        assert not await local.async_invocations[1].finished()
    success, failure = messages
    for message in messages:
        for time in ("eventTime", "receivedTime"):
            assert message.pop(time).endswith("Z")
    assert success == {
        "awsRegion": "us-east-1",
        "invocationStatus": "Completed",
        "requestParameters": {"contentType": "text/plain", "endpointName": "e", "inputLocation": "s3://b/in"},
        "responseParameters": {"contentType": "text/plain", "outputLocation": answer.headers[X + "OutputLocation"]},
        "inferenceId": "one",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    assert (failure["invocationStatus"], failure["inferenceId"]) == ("Failed", "two")
    assert "responseParameters" not in failure
    json.dumps(messages)


def test_the_control_plane_makes_asynchronous_endpoints() -> None:
    with LocalSageMaker.in_thread() as local:
        sm = boto3.client("sagemaker", **local.boto3_options)
        runtime = boto3.client("sagemaker-runtime", **local.boto3_options)
        local.add_model("m", lambda body: body[::-1])
        sm.create_model(
            ModelName="m", PrimaryContainer={"Image": "i"}, ExecutionRoleArn="arn:aws:iam::123456789012:role/r"
        )
        variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
        sm.create_endpoint_config(
            EndpointConfigName="c",
            ProductionVariants=[variant],
            AsyncInferenceConfig={
                "OutputConfig": {"S3OutputPath": "s3://b/out"},
                "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 3},
            },
        )
        sm.create_endpoint(EndpointName="e", EndpointConfigName="c")
        sm.describe_endpoint(EndpointName="e")
        endpoint = local.endpoints["e"]
        assert endpoint.deployment.async_capacity == 6
        answer = runtime.invoke_endpoint_async(EndpointName="e", Body=b"abc")
        assert "FailureLocation" not in answer  # there is no S3FailurePath
        assert local.async_invocations[0].wait()
        assert local.objects[answer["OutputLocation"]] == b"cba"
        with pytest.raises(runtime.exceptions.ValidationError):
            runtime.invoke_endpoint(EndpointName="e", Body=b"abc")

        wanted = {"VariantName": "v", "DesiredInstanceCount": 0}
        sm.update_endpoint_weights_and_capacities(EndpointName="e", DesiredWeightsAndCapacities=[wanted])
        sm.describe_endpoint(EndpointName="e")
        runtime.invoke_endpoint_async(EndpointName="e", Body=b"abc")
        endpoint.wait_until(lambda e: e.queue.waiting == 1)
        wanted = {"VariantName": "v", "DesiredInstanceCount": 1}
        sm.update_endpoint_weights_and_capacities(EndpointName="e", DesiredWeightsAndCapacities=[wanted])
        sm.describe_endpoint(EndpointName="e")
        assert local.async_invocations[1].wait()

        local.add_endpoint("added", lambda body: body, asynchronous=True)
        described = sm.describe_endpoint(EndpointName="added")["AsyncInferenceConfig"]
        assert described["ClientConfig"] == {"MaxConcurrentInvocationsPerInstance": 4}
        assert set(described["OutputConfig"]) == {"S3OutputPath", "S3FailurePath"}
        for client in (sm, runtime):
            client.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"concurrency": 0}, "concurrency"), ({"instances": 1.5}, "instances"), ({"delay": -1}, "delay")],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"AsyncInference.{message} must be"):
        AsyncInference(**options)


async def test_what_contradicts_is_refused(local: LocalSageMaker) -> None:
    with pytest.raises(ConfigurationError, match="failures=False"):
        local.add_endpoint("e", bytes, asynchronous=AsyncInference(failures=False), async_failure="s3://b/f")
    with pytest.raises(ConfigurationError, match="not asynchronous"):
        local.add_endpoint("e", bytes).scale(0)


async def test_closing_ends_what_waits_in_the_queue(raw_client: Any) -> None:
    before = asyncio.all_tasks()
    local = LocalSageMaker()
    await local.start()
    endpoint = local.add_endpoint("e", bytes, asynchronous=AsyncInference(instances=0))
    async with raw_client(local) as call:
        await call("e", ASYNC, b"x")
        await endpoint.until(lambda e: e.queue.waiting == 1)
        await local.close()
    assert local.async_invocations[0].done.cancelled()
    assert asyncio.all_tasks() == before
    assert endpoint.queue.waiting == 0
