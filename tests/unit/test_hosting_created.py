"""Endpoint configurations that SageMaker cannot find yet: calls are repeated for a while, and nothing is deleted."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sagemaker_async import Predictor, Session, StubResponse, StubTransport, production_variant
from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import ValidationError
from sagemaker_async.hosting.client import SageMakerClient
from sagemaker_async.hosting.created import LAG_SECONDS

VARIANTS = [production_variant("m", "ml.m5.large")]


class Lagging:
    """A control plane that finds no configuration before it is `lag` seconds old."""

    def __init__(self, lag: float) -> None:
        self.lag = lag
        self.now = 1000.0
        self.delays: list[float] = []
        self.created: dict[str, float] = {"old": -math.inf}
        self.running = "old"
        self.operations: list[str] = []
        self.refusal = 'Could not find endpoint configuration "arn:aws:sagemaker:us-east-1:1:endpoint-config/{name}".'
        self.transport = StubTransport(otherwise=self.answer)

    async def sleep(self, seconds: float) -> None:
        self.delays.append(seconds)
        self.now += seconds

    @property
    def timing(self) -> Timing:
        return Timing(sleep=self.sleep, monotonic=lambda: self.now, uniform=lambda: 0.0)

    def answer(self, request: Any) -> StubResponse:
        operation = request.headers["X-Amz-Target"].partition(".")[2]
        self.operations.append(operation)
        name = json.loads(request.body).get("EndpointConfigName")
        if operation == "CreateEndpointConfig":
            self.created[name] = self.now
            return StubResponse.json({"EndpointConfigArn": "arn"})
        if operation == "DeleteEndpointConfig":
            del self.created[name]
        elif name == "unknown" or (name is not None and self.now < self.created[name] + self.lag):
            return StubResponse.error("ValidationException", self.refusal.format(name=name))
        elif operation == "UpdateEndpoint":
            self.running = name
        elif operation == "DescribeEndpoint":
            return StubResponse.json(
                {"EndpointName": "e", "EndpointStatus": "InService", "EndpointConfigName": self.running}
            )
        return StubResponse.json(
            {"EndpointConfigName": name, "EndpointConfigArn": "arn", "ProductionVariants": VARIANTS}
        )


@pytest.fixture
def plane() -> Lagging:
    return Lagging(4.0)


@pytest.fixture
async def hosting(plane: Lagging) -> AsyncIterator[SageMakerClient]:
    async with Session(transport=plane.transport) as session:
        session.hosting.timing = plane.timing
        yield session.hosting


async def create(hosting: SageMakerClient, name: str = "new") -> None:
    await hosting.create_endpoint_config(endpoint_config_name=name, production_variants=VARIANTS)


@pytest.mark.parametrize("method", ["create_endpoint", "update_endpoint", "describe_endpoint_config"])
async def test_a_configuration_that_was_just_created_is_asked_for_again(
    plane: Lagging, hosting: SageMakerClient, method: str
) -> None:
    await create(hosting)
    fields = {} if method.startswith("describe") else {"endpoint_name": "e"}
    await getattr(hosting, method)(endpoint_config_name="new", **fields)
    assert plane.delays == [0.5, 1.0, 2.0, 4.0]
    assert len(plane.operations) == 6


async def test_a_configuration_that_never_appears_is_missing_when_the_time_is_up(
    plane: Lagging, hosting: SageMakerClient
) -> None:
    plane.lag = 3600.0
    await create(hosting)
    with pytest.raises(ValidationError, match="Could not find endpoint configuration"):
        await hosting.create_endpoint(endpoint_name="e", endpoint_config_name="new")
    assert sum(plane.delays) == LAG_SECONDS
    operations = len(plane.operations)
    with pytest.raises(ValidationError):
        await hosting.create_endpoint(endpoint_name="e", endpoint_config_name="new")
    assert len(plane.operations) == operations + 1


async def test_a_configuration_that_others_created_is_missing_at_once(plane: Lagging, hosting: SageMakerClient) -> None:
    await create(hosting)
    with pytest.raises(ValidationError):
        await hosting.create_endpoint(endpoint_name="e", endpoint_config_name="unknown")
    assert plane.delays == []


async def test_a_configuration_that_was_deleted_again_is_missing_at_once(
    plane: Lagging, hosting: SageMakerClient
) -> None:
    await create(hosting)
    await hosting.delete_endpoint_config(endpoint_config_name="new")
    plane.created["new"] = plane.now
    with pytest.raises(ValidationError):
        await hosting.create_endpoint(endpoint_name="e", endpoint_config_name="new")
    assert plane.delays == []


async def test_another_refusal_is_raised_at_once(plane: Lagging, hosting: SageMakerClient) -> None:
    await create(hosting)
    plane.refusal = "Cannot create already existing endpoint"
    with pytest.raises(ValidationError, match="already existing"):
        await hosting.create_endpoint(endpoint_name="e", endpoint_config_name="new")
    assert plane.delays == []


async def test_the_time_of_the_call_bounds_the_repetitions(plane: Lagging, hosting: SageMakerClient) -> None:
    await create(hosting)
    with pytest.raises(ValidationError):
        await hosting.create_endpoint(endpoint_name="e", endpoint_config_name="new", timeout=2)
    assert plane.delays == [0.5, 1.0]


async def test_responses_that_carry_errors_are_repeated_too(plane: Lagging) -> None:
    async with Session(transport=plane.transport, raise_response_errors=False) as session:
        session.hosting.timing = plane.timing
        await create(session.hosting)
        response = await session.hosting.create_endpoint(endpoint_name="e", endpoint_config_name="new")
        assert response.error is None
        plane.lag = 3600.0
        response = await session.hosting.create_endpoint(endpoint_name="e", endpoint_config_name="new")
        assert isinstance(response.error, ValidationError)


@pytest.mark.parametrize("lag", [4.0, 3600.0])
async def test_an_update_keeps_its_configuration_while_it_waits(lag: float) -> None:
    plane = Lagging(lag)
    async with Session(transport=plane.transport) as session:
        session.hosting.timing = plane.timing
        predictor = Predictor("e", session)
        if lag < LAG_SECONDS:
            await predictor.update_endpoint(kms_key="key", tags={"a": "1"})
            await predictor.update_endpoint(kms_key="other", tags={"a": "1"})  # the first one's may be read too soon
            assert "DeleteEndpointConfig" not in plane.operations
            assert plane.running in plane.created
        else:
            with pytest.raises(ValidationError, match="Could not find endpoint configuration"):
                await predictor.update_endpoint(kms_key="key", tags={"a": "1"})
            first = plane.operations.index("UpdateEndpoint")
            assert plane.operations[first:] == ["UpdateEndpoint"] * 6 + ["DeleteEndpointConfig"]
            assert plane.running == "old"
