"""A component that is scaled to zero and back, in the embedded SageMaker, by whoever calls it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sagemaker_async import Predictor, Session, WaitForCapacity
from sagemaker_async.errors import ConfigurationError, NoCapacityError, ValidationError
from sagemaker_async.local import LocalSageMaker

ROLE = "arn:aws:iam::123456789012:role/hosting"
NO_COPIES = "Inference Component has no capacity to process this request"


async def add_component(session: Session) -> None:
    """Make the endpoint `llm` with the component `llama`, which runs the model `image`."""
    hosting = session.hosting
    variant = {"VariantName": "v", "InstanceType": "ml.g5.xlarge", "InitialInstanceCount": 1}
    await hosting.create_endpoint_config(
        endpoint_config_name="llm", production_variants=[variant], execution_role_arn=ROLE
    )
    await hosting.create_endpoint(endpoint_name="llm", endpoint_config_name="llm")
    await hosting.create_inference_component(
        inference_component_name="llama",
        endpoint_name="llm",
        variant_name="v",
        specification={"Container": {"Image": "image"}, "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024}},
        runtime_config={"CopyCount": 1},
    )
    await hosting.describe_inference_component(inference_component_name="llama")  # which is in service now


async def scale(session: Session, copies: int) -> None:
    await session.hosting.update_inference_component_runtime_config(
        inference_component_name="llama", desired_runtime_config={"CopyCount": copies}
    )


async def copies(session: Session) -> tuple[Any, Any, Any]:
    told = await session.hosting.describe_inference_component(inference_component_name="llama")
    assert told.runtime_config is not None
    config = told.runtime_config
    return told.inference_component_status, config.desired_copy_count, config.current_copy_count


class World:
    """An embedded SageMaker whose clock a client's waiting moves, and one session."""

    def __init__(self, local: LocalSageMaker, session: Session, clock: Any) -> None:
        self.local, self.session, self.clock = local, session, clock
        self.seen: list[bytes] = []
        session.channel.timing = clock.timing
        local.add_model("image", self.model)
        self.predictor = Predictor("llm", session, component_name="llama")

    def model(self, body: bytes) -> bytes:
        self.seen.append(body)
        return body

    async def pass_by(self, seconds: float) -> None:
        self.local.step(seconds)
        await self.clock.pass_by(seconds)

    async def idle(self, requests: int) -> None:
        """Wait until so many requests have been answered."""
        await self.local.endpoints["llm"].until(lambda endpoint: endpoint.requests >= requests)
        while self.session.connections_in_use:
            await asyncio.sleep(0)


@pytest.fixture
async def world(request: pytest.FixtureRequest, clock: Any) -> AsyncIterator[World]:
    seconds = getattr(request, "param", 60.0)
    async with (
        LocalSageMaker(scale_from_zero=seconds, stepped_clock=True, transition_times=0) as local,
        Session(**local.client_options) as session,
    ):
        world = World(local, session, clock)
        await add_component(session)
        yield world


async def test_two_refused_calls_within_a_minute_bring_a_copy_back(world: World) -> None:
    assert await world.predictor.predict(b"there") == b"there"
    await scale(world.session, 0)
    assert await copies(world.session) == ("InService", 0, 0)
    for _ in range(2):
        with pytest.raises(ValidationError, match=NO_COPIES):
            await world.predictor.predict(b"gone")
        await world.pass_by(59)
    assert await copies(world.session) == ("Updating", 1, 0)
    with pytest.raises(ValidationError, match=NO_COPIES):
        await world.predictor.predict(b"gone")
    await world.pass_by(1)
    assert await world.predictor.predict(b"back") == b"back"
    assert await copies(world.session) == ("InService", 1, 1)
    await scale(world.session, 0)
    with pytest.raises(ValidationError, match=NO_COPIES):
        await world.predictor.predict(b"gone again")
    assert world.seen == [b"there", b"back"]


async def test_calls_that_are_a_minute_apart_never_wake_it(world: World) -> None:
    await scale(world.session, 0)
    for _ in range(5):
        with pytest.raises(ValidationError, match=NO_COPIES):
            await world.predictor.predict(b"")
        await world.pass_by(60)
    assert await copies(world.session) == ("InService", 0, 0)


@pytest.mark.parametrize("world", [None], indirect=True)
async def test_without_a_policy_it_stays_at_zero(world: World) -> None:
    await scale(world.session, 0)
    predictor = Predictor("llm", world.session, component_name="llama", capacity=WaitForCapacity(limit=120))
    call = asyncio.create_task(predictor.predict(b""))
    for number in range(1, 13):
        await world.idle(requests=number)
        await world.pass_by(10)
    with pytest.raises(NoCapacityError, match=r"'llama' had no copies within 120 s .*NoCapacityInvocationFailures"):
        await call
    assert await copies(world.session) == ("InService", 0, 0)


@pytest.mark.parametrize(("callers", "streams"), [(200, False), (30, True)])
async def test_callers_meet_a_component_at_zero_copies(world: World, callers: int, streams: bool) -> None:
    await scale(world.session, 0)
    predictor = Predictor("llm", world.session, component_name="llama", capacity=WaitForCapacity())
    bodies = [b"%d" % number for number in range(callers)]

    async def call(body: bytes) -> bytes:
        if streams:
            return b"".join(await predictor.predict_stream(body).collect())
        return await predictor.predict(body)

    calls = [asyncio.create_task(call(body)) for body in bodies]
    for probes in range(6):
        await world.idle(requests=callers + probes)
        await world.pass_by(10)
    assert await asyncio.gather(*calls) == bodies
    assert sorted(world.seen) == sorted(bodies)
    assert world.local.endpoints["llm"].requests == callers + 5 + callers  # in vain, probes, served


@pytest.mark.parametrize("wrong", [-1, "60", True, float("inf")])
def test_wrong_seconds_are_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"LocalSageMaker\.scale_from_zero must be"):
        LocalSageMaker(scale_from_zero=wrong)
