"""Inference routers, from both sides: the client's two operations, and what the embedded SageMaker does with them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from sagemaker_async import Predictor, RetryConfig, Session, Timeouts, bulk
from sagemaker_async.deserializers import JSONDeserializer
from sagemaker_async.errors import (
    ConfigurationError,
    ConflictException,
    ModelError,
    ModelNotReadyException,
    RequestValidationError,
    ResourceInUse,
    ResourceNotFound,
    ServiceUnavailable,
    ValidationError,
)
from sagemaker_async.local import InvocationRequest, LocalSageMaker, ModelFailure, ModelResponse, Status, Throttle
from sagemaker_async.local.control_plane.rules import ServiceRules
from sagemaker_async.local.endpoints import Endpoint
from sagemaker_async.serializers import JSONSerializer

ROLE = "arn:aws:iam::123456789012:role/hosting"
PREFIX = "arn:aws:sagemaker:us-east-1:123456789012"
ELSEWHERE = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/first"
OUTPUT = {"S3OutputPath": "s3://bucket/out/", "S3FailurePath": "s3://bucket/failed"}


@pytest.fixture
async def session(local: LocalSageMaker) -> AsyncIterator[Session]:
    """A session that repeats nothing: what is repeated here is the router's doing."""
    async with Session(**local.client_options, retry=RetryConfig(max_attempts=1)) as session:
        yield session


def arn(endpoint: str) -> str:
    return f"{PREFIX}:endpoint/{endpoint}"


def answering(name: str) -> Callable[[bytes], str]:
    return lambda body: f"{name} got {body.decode()}"


@pytest.fixture
def endpoints(local: LocalSageMaker) -> list[Endpoint]:
    return [local.add_endpoint(name, answering(name)) for name in ("first", "second", "third")]


async def routed(session: Session, *arns: str, name: str = "router", **target: Any) -> str:
    """Create a router with one target, and return its ARN."""
    destinations = [{"ResourceArn": each} for each in arns]
    created = await session.hosting.create_inference_router(
        inference_router_name=name, routing_targets=[{"Name": "default", "Destinations": destinations, **target}]
    )
    return created.inference_router_arn


async def invoke(session: Session, body: bytes = b"hello", **fields: Any) -> Any:
    given = {"inference_router_name": "router", "routing_target_name": "default", "body": body, **fields}
    return await session.routers.invoke_inference_router(**given)


# --- invoking ---------------------------------------------------------------------------------------------------------


async def test_a_request_goes_to_the_first_destination(session: Session, endpoints: list[Endpoint]) -> None:
    await routed(session, arn("first"), arn("second"))
    response = await invoke(session, content_type="text/plain")
    assert response.body == b"first got hello"
    assert response.content_type == "text/plain"
    assert response.invoked_routed_resource_arn == arn("first")
    assert response.routing_reason == "local-preferred"
    assert response.invoked_production_variant == "AllTraffic"


async def test_all_fields_travel(local: LocalSageMaker, session: Session) -> None:
    seen: list[InvocationRequest] = []

    def model(body: bytes, request: InvocationRequest) -> ModelResponse:
        seen.append(request)
        return ModelResponse(body, "text/csv", custom_attributes="from the model")

    local.add_endpoint("first", model)
    await routed(session, arn("first"))
    response = await invoke(
        session,
        ContentType="text/a",
        accept="text/b",
        custom_attributes="to the model",
        inference_id="id-1",
        prefix_aware_id="prefix-1",
    )
    assert response.custom_attributes == "from the model"
    request = seen[0]
    assert (request.content_type, request.accept) == ("text/a", "text/b")
    assert (request.custom_attributes, request.inference_id, request.prefix_aware_id) == (
        "to the model",
        "id-1",
        "prefix-1",
    )


@pytest.mark.parametrize("fault", [Throttle(), Status(503, "ServiceUnavailable"), Status(500)])
async def test_a_destination_that_fails_is_replaced_once(
    session: Session, endpoints: list[Endpoint], fault: Any
) -> None:
    await routed(session, *map(arn, ("first", "second", "third")))
    endpoints[0].faults.append(fault)
    response = await invoke(session)
    assert (response.body, response.routing_reason) == (b"second got hello", "failover")
    assert [endpoint.requests for endpoint in endpoints] == [1, 1, 0]


async def test_a_destination_that_is_not_there_is_passed_over(session: Session, endpoints: list[Endpoint]) -> None:
    await routed(session, ELSEWHERE, arn("gone"), arn("third"))
    response = await invoke(session)
    assert (response.body, response.routing_reason) == (b"third got hello", "only-healthy")
    described = await session.hosting.describe_inference_router(inference_router_name="router")
    statuses = [each.routing_status for each in described.routing_targets[0].destinations]
    assert statuses == ["Unroutable", "Unroutable", "Routable"]


async def test_errors_are_the_classes_of_sagemaker_runtime(local: LocalSageMaker, session: Session) -> None:
    def model(body: bytes) -> bytes:
        raise ModelFailure(418, "no coffee")

    local.add_endpoint("first", model)
    await routed(session, arn("first"))
    await routed(session, arn("gone"), name="empty")
    with pytest.raises(ModelError) as told:
        await invoke(session)
    assert (told.value.original_status_code, told.value.original_message) == (418, "no coffee")
    with pytest.raises(ServiceUnavailable) as unavailable:
        await invoke(session, inference_router_name="empty")
    assert unavailable.value.code == "ServiceUnavailableException"
    with pytest.raises(ValidationError, match="Inference router nowhere of account") as unknown:
        await invoke(session, inference_router_name="nowhere")
    assert (unknown.value.code, len(unknown.value.attempts)) == ("ValidationException", 1)
    with pytest.raises(ValidationError, match="Routing target other"):
        await invoke(session, routing_target_name="other")


async def test_components_without_copies_are_not_ready_until_they_have_some(
    local: LocalSageMaker, session: Session
) -> None:
    hosting = session.hosting
    local.add_model("m", lambda body, request: f"{request.component}")
    await hosting.create_model(model_name="m", primary_container={"Image": "image"}, execution_role_arn=ROLE)
    variant = {"VariantName": "v", "InstanceType": "ml.g5.xlarge", "InitialInstanceCount": 1}
    await hosting.create_endpoint_config(
        endpoint_config_name="c", production_variants=[variant], execution_role_arn=ROLE
    )
    await hosting.create_endpoint(endpoint_name="hosts", endpoint_config_name="c")
    for name in ("one", "two"):
        await hosting.create_inference_component(
            inference_component_name=name,
            endpoint_name="hosts",
            variant_name="v",
            specification={"ModelName": "m", "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024}},
            runtime_config={"CopyCount": 0},
        )
    await routed(session, f"{PREFIX}:inference-component/one", f"{PREFIX}:inference-component/two")
    with pytest.raises(ModelNotReadyException) as caught:
        await invoke(session)
    assert caught.value.status == 429
    await hosting.update_inference_component_runtime_config(
        inference_component_name="two", desired_runtime_config={"CopyCount": 1}
    )
    response = await invoke(session)
    assert (response.body, response.routing_reason) == (b"two", "capacity-available")


async def test_what_cannot_be_is_refused_before_anything_is_sent(local: LocalSageMaker, session: Session) -> None:
    for fields, words in [
        ({"inference_router_name": "a/b"}, "InferenceRouterName"),
        ({"routing_target_name": "x" * 64}, "RoutingTargetName"),
        ({"routing_target_name": None}, "RoutingTargetName"),
        ({"body": None}, "Body"),
        ({"body": bytes(6_291_457)}, "6291456"),
        ({"SessionId": "s"}, "SessionId"),
        ({"TargetVariant": "v"}, "TargetVariant"),
    ]:
        with pytest.raises(RequestValidationError, match=words):
            await invoke(session, **fields)
    assert not local.requests


async def test_an_answer_may_take_170_seconds_unless_the_session_says_otherwise(
    session: Session, local: LocalSageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.add_endpoint("first", lambda body: body)
    await routed(session, arn("first"))
    used: list[Timeouts] = []
    for options in ({}, {"timeouts": Timeouts(first_byte=20)}, {"timeouts": Timeouts(connect=2)}):
        async with Session(**local.client_options, **options) as other:  # type: ignore[arg-type]
            pipeline = await other.channel.pipeline(other.routers.operations[0].service)
            send = pipeline.send

            async def noted(operation: Any, request: Any, timeouts: Timeouts, *rest: Any) -> Any:
                used.append(timeouts)
                return await send(operation, request, timeouts, *rest)  # noqa: B023

            monkeypatch.setattr(pipeline, "send", noted)
            await invoke(other)
            await invoke(other, timeout=9)
            await invoke(other, timeout=Timeouts(first_byte=5))
    assert [(each.first_byte, each.total) for each in used] == [
        (170, None), (170, 9), (5, None), (20, None), (20, 9), (5, None), (170, None), (170, 9), (5, None),
    ]  # fmt: skip
    assert used[-3].connect == 2


# --- asynchronous inference -------------------------------------------------------------------------------------------


async def test_an_asynchronous_request_goes_where_the_target_says(
    local: LocalSageMaker, session: Session, endpoints: list[Endpoint]
) -> None:
    await routed(session, arn("first"), AsyncInferenceConfig={"OutputConfig": OUTPUT})
    local.objects["s3://bucket/in"] = b"input"
    response = await session.routers.invoke_inference_router_async(
        inference_router_name="router",
        routing_target_name="default",
        input_location="s3://bucket/in",
        inference_id="id-1",
        s3_output_path_extension="more",
        filename="x" * 60 + ".out",
    )
    assert response.inference_id == "id-1"
    assert response.output_location == f"s3://bucket/out/more/{'x' * 60}.out"
    assert response.failure_location is not None
    assert response.failure_location.startswith("s3://bucket/failed/")
    await local.async_invocations[0].finished()
    assert local.objects[response.output_location] == b"first got input"


async def test_a_target_without_an_output_takes_no_asynchronous_requests(
    session: Session, endpoints: list[Endpoint]
) -> None:
    await routed(session, arn("first"))
    with pytest.raises(ValidationError, match="not configured for asynchronous"):
        await session.routers.invoke_inference_router_async(
            inference_router_name="router", routing_target_name="default", input_location="s3://b/k"
        )


# --- the control plane ------------------------------------------------------------------------------------------------


async def test_a_router_comes_changes_and_goes(session: Session, endpoints: list[Endpoint]) -> None:
    hosting = session.hosting
    assert await routed(session, arn("first")) == f"{PREFIX}:inference-router/router"
    described = await hosting.describe_inference_router(inference_router_name="router")
    assert (described.status, described.inference_router_name) == ("InService", "router")
    assert described.routing_targets[0].routing_preference == "LocalRegionFirst"
    target = {"Name": "default", "Destinations": [{"ResourceArn": arn("second")}]}
    await hosting.update_inference_router(inference_router_name="router", routing_targets=[target])
    assert (await invoke(session)).body == b"second got hello"
    assert [each.inference_router_name async for each in hosting.iter_inference_routers()] == ["router"]
    await hosting.delete_inference_router(inference_router_name="router")
    with pytest.raises(ValidationError):
        await invoke(session)
    with pytest.raises(ResourceNotFound):
        await hosting.describe_inference_router(inference_router_name="router")


async def test_states_and_conflicts(endpoints: list[Endpoint]) -> None:
    async with LocalSageMaker(stepped_clock=True) as local, Session(**local.client_options) as session:
        local.add_endpoint("first", answering("first"))
        hosting = session.hosting

        async def status() -> str:
            return str((await hosting.describe_inference_router(inference_router_name="router")).status)

        await routed(session, arn("first"))
        assert await status() == "Creating"
        with pytest.raises(ValidationError):
            await invoke(session)
        with pytest.raises(ConflictException):
            await hosting.delete_inference_router(inference_router_name="router")
        with pytest.raises(ResourceInUse):
            await routed(session, arn("first"))
        local.step()
        assert await status() == "InService"
        local.fail_next("UpdateInferenceRouter", "no destination answers")
        target = {"Name": "other", "Destinations": [{"ResourceArn": arn("first")}]}
        await hosting.update_inference_router(inference_router_name="router", routing_targets=[target])
        assert await status() == "Updating"
        assert (await invoke(session)).body == b"first got hello"
        local.step()
        described = await hosting.describe_inference_router(inference_router_name="router")
        assert (described.status, described.status_reason) == ("Failed", "no destination answers")
        await hosting.delete_inference_router(inference_router_name="router")
        assert await status() == "Deleting"
        local.step()
        with pytest.raises(ResourceNotFound):
            await status()


async def test_a_creation_that_is_repeated_with_its_token_is_one(
    local: LocalSageMaker, session: Session, endpoints: list[Endpoint]
) -> None:
    target = {"Name": "default", "Destinations": [{"ResourceArn": arn("first")}]}
    for _ in range(2):
        await session.hosting.create_inference_router(
            inference_router_name="router", routing_targets=[target], client_token="token-1"
        )
    with pytest.raises(ResourceInUse):
        await session.hosting.create_inference_router(inference_router_name="router", routing_targets=[target])


async def test_a_botocore_that_knows_no_routers_is_enough(
    session: Session, endpoints: list[Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of botocore, the embedded SageMaker takes the rules of requests alone; the client takes nothing."""
    monkeypatch.setattr(ServiceRules, "knows", lambda self, operation: "Router" not in operation)
    monkeypatch.setattr(ServiceRules, "check", lambda self, operation, members: pytest.fail("it has no rules"))
    await routed(session, arn("first"))
    described = await session.hosting.describe_inference_router(inference_router_name="router")
    assert described.status == "InService"
    assert (await invoke(session)).body == b"first got hello"


@pytest.mark.parametrize(
    ("targets", "error"),
    [
        ([], RequestValidationError),
        ([{"Name": "a", "Destinations": []}], RequestValidationError),
        ([{"Name": "a", "Destinations": [{"ResourceArn": "arn:aws:s3:::bucket/with/a/key"}]}], RequestValidationError),
        ([{"Name": "a", "Destinations": [{"ResourceArn": arn("first")}]}] * 2, ValidationError),
        (
            [
                {
                    "Name": "a",
                    "Destinations": [{"ResourceArn": f"{PREFIX}:inference-component/part"}],
                    "AsyncInferenceConfig": {"OutputConfig": OUTPUT},
                }
            ],
            ValidationError,
        ),
    ],
)
async def test_targets_that_cannot_be_are_refused(session: Session, targets: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        await session.hosting.create_inference_router(inference_router_name="router", routing_targets=targets)


async def test_routers_are_kept_over_a_restart(tmp_path: Any) -> None:
    file = tmp_path / "state.json"
    for creates in (True, False):
        async with LocalSageMaker(state=file) as local, Session(**local.client_options) as session:
            local.add_endpoint("first", answering("first"))
            if creates:
                await routed(session, arn("first"))
                await session.hosting.describe_inference_router(inference_router_name="router")
            assert (await invoke(session)).body == b"first got hello"


async def test_what_is_in_force_and_what_is_wanted_are_kept_over_a_restart(tmp_path: Any) -> None:
    options: Any = {"state": tmp_path / "state.json", "transition_times": 60, "stepped_clock": True}
    second = {"Name": "default", "Destinations": [{"ResourceArn": arn("second")}]}
    for restarts in range(4):
        async with LocalSageMaker(**options) as local, Session(**local.client_options) as session:
            for name in ("first", "second"):
                local.add_endpoint(name, answering(name))
            if restarts == 0:
                await routed(session, arn("first"))
                local.step(60)
                local.fail_next("UpdateInferenceRouter")
            assert (await invoke(session)).body == (b"second" if restarts == 3 else b"first") + b" got hello"
            if restarts < 2:  # the first update fails, the second is under way at the restart
                await session.hosting.update_inference_router(inference_router_name="router", routing_targets=[second])
            if restarts in (0, 2):
                local.step(60)
                await session.hosting.delete_tags(resource_arn=arn("first"), tag_keys=["none"])  # has it saved


def test_boto3_speaks_with_the_embedded_routers() -> None:
    with LocalSageMaker.in_thread() as local:
        local.add_endpoint("first", answering("first"))
        options: Any = local.boto3_options
        target = {"Name": "default", "Destinations": [{"ResourceArn": arn("first")}]}
        hosting = boto3.client("sagemaker", **options)
        hosting.create_inference_router(InferenceRouterName="router", RoutingTargets=[target])
        runtime = boto3.client("sagemaker-inference-router-runtime", **options)
        answer = runtime.invoke_inference_router(
            InferenceRouterName="router", RoutingTargetName="default", Body=b"hello", ContentType="text/plain"
        )
        assert answer["Body"].read() == b"first got hello"
        assert answer["RoutingReason"] == "local-preferred"
        with pytest.raises(runtime.exceptions.ValidationException):
            runtime.invoke_inference_router(InferenceRouterName="other", RoutingTargetName="default", Body=b"hello")


# --- Predictor.of_router ----------------------------------------------------------------------------------------------


async def test_a_predictor_of_a_router(local: LocalSageMaker, session: Session) -> None:
    endpoint = local.add_endpoint("first", lambda body: body)
    await routed(session, arn("first"))
    predictor = Predictor.of_router("router", "default", session, JSONSerializer(), JSONDeserializer())
    assert await predictor.predict({"inputs": "hello"}) == {"inputs": "hello"}
    prediction = await predictor.predict_full([1, 2], custom_attributes="c", prefix_aware_id="p")
    assert (prediction.answer, prediction.variant) == ([1, 2], "AllTraffic")
    assert (prediction.routed_to, prediction.routing_reason) == (arn("first"), "local-preferred")
    assert prediction.new_session_id is None
    assert endpoint.invocations == 2
    assert local.requests[-1].headers["X-Amzn-SageMaker-Prefix-Aware-Id"] == "p"


async def test_a_prediction_of_an_endpoint_was_not_routed(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("first", lambda body: body)
    prediction = await Predictor("first", session).predict_full(b"x")
    assert (prediction.routed_to, prediction.routing_reason) == (None, None)


async def test_a_predictor_of_a_router_refuses_what_only_endpoints_have(
    local: LocalSageMaker, session: Session
) -> None:
    predictor = Predictor.of_router("router", "default", session)
    for fields in ({"target_model": "m"}, {"target_variant": "v"}, {"component_name": "c"}, {"session_id": "s"}):
        with pytest.raises(RequestValidationError, match="InvokeInferenceRouter"):
            await predictor.predict(b"x", **fields)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="no response streams"):
        predictor.predict_stream(b"x")
    with pytest.raises(ConfigurationError, match="no stateful sessions"):
        predictor.session()
    for call in (
        predictor.delete_endpoint,
        predictor.delete_predictor,
        predictor.delete_model,
        predictor.endpoint_context,
        predictor.list_monitors,
        predictor.list_related_models,
        predictor.update_endpoint,
        predictor.disable_data_capture,
    ):
        with pytest.raises(ConfigurationError, match="an inference router has no"):
            await call()
    assert not local.requests


@pytest.mark.parametrize("target", ["", None, 1])
def test_a_predictor_of_no_target_is_refused(target: Any) -> None:
    with pytest.raises(ConfigurationError, match="routing target"):
        Predictor.of_router("router", target, Session(region="us-east-1"))


async def test_many_calls_at_once_fail_over_without_losing_one(session: Session, endpoints: list[Endpoint]) -> None:
    await routed(session, arn("first"), arn("second"))
    endpoints[0].faults.extend([Throttle(), None] * 50)
    answers = await asyncio.gather(*(invoke(session, b"%d" % number) for number in range(100)))
    assert [each.body.rpartition(b" ")[2] for each in answers] == [b"%d" % number for number in range(100)]
    assert (endpoints[0].invocations, endpoints[1].invocations) == (50, 50)


async def test_many_records_go_through_a_router(local: LocalSageMaker, session: Session, tmp_path: Path) -> None:
    endpoint = local.add_endpoint("first", lambda body: body)
    await routed(session, arn("first"))
    predictor = Predictor.of_router("router", "default", session, JSONSerializer(), JSONDeserializer())
    assert [outcome.result async for outcome in predictor.map([1, 2, 3], concurrency=2)] == [1, 2, 3]
    with pytest.raises(ConfigurationError, match="no response streams"):
        predictor.map([1], stream=True)
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("4\n5\n")
    summary = await bulk.run(predictor, source, out, ordered=True)
    assert (summary.succeeded, endpoint.invocations) == (2, 5)
    assert [json.loads(line)["result"] for line in out.read_text().splitlines()] == [4, 5]
    for other in (
        Predictor.of_router("router", "other", session, JSONSerializer(), JSONDeserializer()),
        Predictor("router", session, JSONSerializer(), JSONDeserializer()),
    ):
        with pytest.raises(ConfigurationError, match="routing_target='default'"):
            await bulk.run(other, source, out, ordered=True, resume=True)
