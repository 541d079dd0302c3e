"""boto3's ``sagemaker`` client, unchanged, against the control plane: models, configurations, endpoints, components."""

from __future__ import annotations

import base64
import datetime
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError
from botocore.model import OperationModel, Shape

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.signing import Signer
from sagemaker_async.config import Credentials
from sagemaker_async.errors import ModelStreamError
from sagemaker_async.local import LocalSageMaker, ModelFailure, ThreadedLocalSageMaker

pytestmark = pytest.mark.usefixtures("clean_environment")

ROLE = "arn:aws:iam::123456789012:role/hosting"
PREFIX = "arn:aws:sagemaker:us-east-1:123456789012"
NO_DELAY = {"Delay": 0, "MaxAttempts": 2}

Clients = Callable[..., Any]


def conforms(value: Any, shape: Shape, path: str) -> None:
    """Fail unless an answer has all required members of its shape and no others."""
    assert value is not None, path
    if shape.type_name == "structure":
        assert set(value) <= set(shape.members), path
        assert set(shape.required_members) <= set(value), path
        for name, member in value.items():
            conforms(member, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for member in value:
            conforms(member, shape.member, f"{path}[]")
    elif shape.type_name == "timestamp":
        assert isinstance(value, int | float), path
    elif shape.enum if shape.type_name == "string" else False:
        assert value in shape.enum, path


def check_answer(operation_model: OperationModel, response_dict: dict[str, Any], **_: Any) -> None:
    assert "x-amzn-errortype" not in {name.lower() for name in response_dict["headers"]}
    if response_dict["status_code"] == 200 and operation_model.output_shape is not None:
        conforms(json.loads(response_dict["body"]), operation_model.output_shape, operation_model.name)


@pytest.fixture(scope="module")
def sdk() -> boto3.Session:
    return boto3.Session()


@pytest.fixture
def clients(sdk: boto3.Session) -> Iterator[Clients]:
    made: list[Any] = []

    def client(local: ThreadedLocalSageMaker, service: str = "sagemaker", **config: Any) -> Any:
        once = Config(retries={"total_max_attempts": 1, "mode": "standard"}, **config)
        made.append(sdk.client(service, config=once, **local.boto3_options))  # type: ignore[call-overload]
        if service == "sagemaker":
            made[-1].meta.events.register("before-parse.sagemaker", check_answer)
        return made[-1]

    yield client
    for client_ in made:
        client_.close()


@pytest.fixture
def local() -> Iterator[ThreadedLocalSageMaker]:
    with LocalSageMaker.in_thread() as local:
        yield local


@pytest.fixture
def stepped() -> Iterator[ThreadedLocalSageMaker]:
    with LocalSageMaker.in_thread(
        transition_times={"Endpoint": 60, "InferenceComponent": 30}, stepped_clock=True
    ) as it:
        yield it


@pytest.fixture
def sm(local: ThreadedLocalSageMaker, clients: Clients) -> Any:
    return clients(local)


@pytest.fixture
def runtime(local: ThreadedLocalSageMaker, clients: Clients) -> Any:
    return clients(local, "sagemaker-runtime")


def variant(name: str = "AllTraffic", model: str | None = "m", **fields: Any) -> dict[str, Any]:
    given = {"VariantName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1, **fields}
    return given if model is None else {**given, "ModelName": model}


def create_model(sm: Any, name: str = "m", image: str = "img", **fields: Any) -> None:
    sm.create_model(ModelName=name, PrimaryContainer={"Image": image}, ExecutionRoleArn=ROLE, **fields)


def create_endpoint(sm: Any, *variants: dict[str, Any], name: str = "e", config: str = "c", **fields: Any) -> None:
    sm.create_endpoint_config(EndpointConfigName=config, ProductionVariants=variants or [variant()], **fields)
    sm.create_endpoint(EndpointName=name, EndpointConfigName=config)


def refusal(call: Callable[[], Any], code: str = "ValidationException") -> str:
    with pytest.raises(ClientError) as raised:
        call()
    error = raised.value.response["Error"]
    assert error["Code"] == code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return str(error["Message"])


def status(sm: Any, name: str = "e") -> str:
    return str(sm.describe_endpoint(EndpointName=name)["EndpointStatus"])


def invoked(runtime: Any, name: str = "e", **fields: Any) -> bytes:
    return bytes(runtime.invoke_endpoint(EndpointName=name, Body=b"in", **fields)["Body"].read())


# --- models and configurations ----------------------------------------------------------------------------------------


def test_a_model_is_created_described_listed_and_deleted(sm: Any) -> None:
    assert sm.create_model(
        ModelName="My-Model",
        PrimaryContainer={"Image": "img", "Environment": {"A": "1"}},
        ExecutionRoleArn=ROLE,
        EnableNetworkIsolation=True,
    )["ModelArn"] == (f"{PREFIX}:model/my-model")
    described = sm.describe_model(ModelName="my-model")
    assert described["ModelName"] == "My-Model"
    assert described["PrimaryContainer"] == {"Image": "img", "Environment": {"A": "1"}}
    assert described["EnableNetworkIsolation"] is True
    assert abs((datetime.datetime.now(datetime.UTC) - described["CreationTime"]).total_seconds()) < 60
    assert [model["ModelName"] for model in sm.list_models()["Models"]] == ["My-Model"]
    sm.delete_model(ModelName="My-Model")
    assert sm.list_models()["Models"] == []
    assert (
        refusal(lambda: sm.describe_model(ModelName="My-Model")) == f'Could not find model "{PREFIX}:model/my-model".'
    )
    assert refusal(lambda: sm.delete_model(ModelName="m")) == f'Could not find model "{PREFIX}:model/m".'


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "Exactly one of PrimaryContainer and Containers"),
        ({"PrimaryContainer": {"Image": "a"}, "Containers": [{"Image": "a"}]}, "Exactly one of PrimaryContainer"),
        ({"PrimaryContainer": {}}, "Exactly one of PrimaryContainer"),
        ({"Containers": [{"Image": "a"}, {"ContainerHostname": "b"}]}, "either Image or ModelPackageName"),
    ],
)
def test_a_model_without_its_containers_is_refused(sm: Any, fields: dict[str, Any], message: str) -> None:
    assert message in refusal(lambda: sm.create_model(ModelName="m", ExecutionRoleArn=ROLE, **fields))


def test_names_are_taken_whatever_their_case(sm: Any) -> None:
    create_model(sm)
    create_endpoint(sm)
    taken = "Cannot create already existing"
    assert refusal(lambda: create_model(sm, "M")) == f'{taken} model "{PREFIX}:model/m".'
    assert (
        refusal(lambda: sm.create_endpoint_config(EndpointConfigName="C", ProductionVariants=[variant()]))
        == f'{taken} endpoint configuration "{PREFIX}:endpoint-config/c".'
    )
    assert (
        refusal(lambda: sm.create_endpoint(EndpointName="E", EndpointConfigName="c"))
        == f'{taken} endpoint "{PREFIX}:endpoint/e".'
    )


def test_an_endpoint_configuration_keeps_what_it_was_given(sm: Any) -> None:
    create_model(sm)
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 50,
        "DestinationS3Uri": "s3://bucket/capture",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    sm.create_endpoint_config(
        EndpointConfigName="c",
        ProductionVariants=[variant()],
        ShadowProductionVariants=[variant("shadow")],
        DataCaptureConfig=capture,
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://bucket/out"}},
    )
    described = sm.describe_endpoint_config(EndpointConfigName="c")
    assert described["ProductionVariants"] == [variant() | {"InitialVariantWeight": 1.0}]
    assert described["DataCaptureConfig"] == capture
    assert described["EndpointConfigArn"] == f"{PREFIX}:endpoint-config/c"
    assert [config["EndpointConfigName"] for config in sm.list_endpoint_configs()["EndpointConfigs"]] == ["c"]
    sm.delete_endpoint_config(EndpointConfigName="c")
    missing = f'Could not find endpoint configuration "{PREFIX}:endpoint-config/c".'
    assert refusal(lambda: sm.describe_endpoint_config(EndpointConfigName="c")) == missing


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ([variant(model="other")], "Could not find model"),
        ([variant(), variant()], "must be unique"),
        ([variant(ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 1})], "Exactly one of InstanceType"),
        ([{"VariantName": "a", "ModelName": "m"}], "Exactly one of InstanceType"),
        ([{"VariantName": "a", "ModelName": "m", "InstanceType": "ml.m5.large"}], "InitialInstanceCount"),
        ([variant(model=None)], "ExecutionRoleArn must be given"),
    ],
)
def test_a_configuration_with_impossible_variants_is_refused(sm: Any, variants: list[Any], message: str) -> None:
    create_model(sm)
    assert message in refusal(lambda: sm.create_endpoint_config(EndpointConfigName="c", ProductionVariants=variants))


def test_requests_that_break_the_service_model_are_refused_in_the_words_of_aws(
    local: ThreadedLocalSageMaker, clients: Clients
) -> None:
    sm = clients(local, parameter_validation=False)
    assert refusal(lambda: sm.describe_endpoint(EndpointName="a" * 64)) == (
        f"2 validation errors detected: Value '{'a' * 64}' at 'endpointName' failed to satisfy constraint: "
        "Member must have length less than or equal to 63; "
        f"Value '{'a' * 64}' at 'endpointName' failed to satisfy constraint: Member must satisfy regular expression "
        "pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )
    assert refusal(lambda: sm.create_endpoint(EndpointName="e")) == (
        "1 validation error detected: Value null at 'endpointConfigName' failed to satisfy constraint: "
        "Member must not be null"
    )
    message = refusal(
        lambda: sm.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant(InstanceType="huge")])
    )
    assert "Value 'huge' at 'productionVariants.1.member.instanceType' failed" in message
    assert "enum value set: [" in message
    message = refusal(lambda: sm.list_models(MaxResults="many"), "SerializationException")
    assert message == "STRING_VALUE can not be converted to an Integer"


# --- endpoints --------------------------------------------------------------------------------------------------------


def test_a_created_endpoint_is_in_service_at_the_next_call_and_serves(
    local: ThreadedLocalSageMaker, sm: Any, runtime: Any
) -> None:
    local.add_model("m", lambda body: body[::-1])
    create_model(sm)
    create_endpoint(sm)
    assert invoked(runtime) == b"ni"
    described = sm.describe_endpoint(EndpointName="e")
    assert described["EndpointStatus"] == "InService"
    assert described["EndpointConfigName"] == "c"
    assert described["EndpointArn"] == f"{PREFIX}:endpoint/e"
    (running,) = described["ProductionVariants"]
    assert running["DeployedImages"][0]["SpecifiedImage"] == "img"
    assert (running["CurrentWeight"], running["CurrentInstanceCount"]) == (1.0, 1)
    assert local.endpoints["e"].invocations == 1


def test_the_waiters_of_boto3_need_one_look_each(sm: Any) -> None:
    create_model(sm)
    create_endpoint(sm)
    sm.get_waiter("endpoint_in_service").wait(EndpointName="e")
    sm.delete_endpoint(EndpointName="e")
    sm.get_waiter("endpoint_deleted").wait(EndpointName="e")


def test_a_model_without_a_callable_is_in_service_and_answers_424_naming_it(
    local: ThreadedLocalSageMaker, sm: Any, runtime: Any
) -> None:
    create_model(sm, "nameless", "123.dkr.ecr/img:1")
    create_endpoint(sm, variant(model="nameless"))
    assert status(sm) == "InService"
    with pytest.raises(ClientError) as raised:
        invoked(runtime)
    response: Any = raised.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["Error"]["Code"] == "ModelError"
    assert "no callable was added for model 'nameless' or image '123.dkr.ecr/img:1'" in response["OriginalMessage"]
    assert response["LogStreamArn"] == "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/e"
    local.add_model("123.dkr.ecr/img:1", lambda body: b"by image")
    assert invoked(runtime) == b"by image"
    local.add_model("nameless", lambda body: b"by name")
    assert invoked(runtime) == b"by name"


def test_a_deleted_endpoint_cannot_be_invoked_and_its_configuration_stays(sm: Any, runtime: Any) -> None:
    create_model(sm)
    create_endpoint(sm)
    assert status(sm) == "InService"
    sm.delete_endpoint(EndpointName="e")
    message = refusal(lambda: invoked(runtime), "ValidationError")
    assert message == "Endpoint e of account 123456789012 not found."
    missing = f'Could not find endpoint "{PREFIX}:endpoint/e".'
    assert refusal(lambda: sm.describe_endpoint(EndpointName="e")) == missing
    assert refusal(lambda: sm.delete_endpoint(EndpointName="e")) == missing
    sm.describe_endpoint_config(EndpointConfigName="c")
    sm.create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert status(sm) == "InService"


def test_requests_are_spread_by_weight_and_a_targeted_variant_is_honoured(
    local: ThreadedLocalSageMaker, sm: Any, runtime: Any
) -> None:
    local.add_model("m", lambda body: b"m")
    local.add_model("n", lambda body: b"n")
    create_model(sm)
    create_model(sm, "n")
    create_endpoint(
        sm,
        variant("a", InitialVariantWeight=3),
        variant("b", "n"),
        ShadowProductionVariants=[variant("shadow", InitialVariantWeight=9)],
    )
    answers = [runtime.invoke_endpoint(EndpointName="e", Body=b"") for _ in range(8)]
    variants = [answer["InvokedProductionVariant"] for answer in answers]
    assert (variants.count("a"), variants.count("b")) == (6, 2)
    assert variants[:4] == variants[4:]
    assert [answer["Body"].read() for answer in answers] == [b"m" if name == "a" else b"n" for name in variants]
    assert invoked(runtime, TargetVariant="b") == b"n"
    assert "not found" in refusal(lambda: invoked(runtime, TargetVariant="shadow"), "ValidationError")


def test_weights_and_capacities_are_updated(local: ThreadedLocalSageMaker, sm: Any, runtime: Any) -> None:
    local.add_model("m", lambda body: b"m")
    create_model(sm)
    create_endpoint(sm, variant("a"), variant("b"))
    sm.update_endpoint_weights_and_capacities(
        EndpointName="e",
        DesiredWeightsAndCapacities=[
            {"VariantName": "a", "DesiredWeight": 0},
            {"VariantName": "b", "DesiredInstanceCount": 4},
        ],
    )
    first, second = sm.describe_endpoint(EndpointName="e")["ProductionVariants"]
    assert (first["CurrentWeight"], second["CurrentInstanceCount"]) == (0, 4)
    answers = [runtime.invoke_endpoint(EndpointName="e", Body=b"") for _ in range(3)]
    assert [answer["InvokedProductionVariant"] for answer in answers] == ["b", "b", "b"]
    assert [answer["Body"].read() for answer in answers] == [b"m", b"m", b"m"]  # else their connections stay open
    message = refusal(
        lambda: sm.update_endpoint_weights_and_capacities(
            EndpointName="e", DesiredWeightsAndCapacities=[{"VariantName": "z", "DesiredWeight": 1}]
        )
    )
    assert message == (
        f'The variant name(s) "z" is/are not present within endpoint configuration "{PREFIX}:endpoint-config/c".'
    )


def test_an_update_changes_what_runs_and_may_retain_weights(
    local: ThreadedLocalSageMaker, sm: Any, runtime: Any
) -> None:
    local.add_model("m", lambda body: b"old")
    local.add_model("n", lambda body: b"new")
    create_model(sm)
    create_model(sm, "n")
    create_endpoint(sm, variant("a", InitialInstanceCount=3, InitialVariantWeight=2))
    sm.create_endpoint_config(EndpointConfigName="d", ProductionVariants=[variant("a", "n")])
    assert invoked(runtime) == b"old"
    sm.update_endpoint(
        EndpointName="e",
        EndpointConfigName="d",
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredWeight"}],
        DeploymentConfig={"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}},
    )
    assert invoked(runtime) == b"new"
    described = sm.describe_endpoint(EndpointName="e")
    assert described["EndpointConfigName"] == "d"
    assert described["LastDeploymentConfig"] == {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}}
    (running,) = described["ProductionVariants"]
    assert (running["CurrentWeight"], running["CurrentInstanceCount"]) == (1.0, 3)
    sm.update_endpoint(EndpointName="e", EndpointConfigName="c", RetainDeploymentConfig=True)
    assert "LastDeploymentConfig" in sm.describe_endpoint(EndpointName="e")


def test_an_update_to_what_there_is_not_is_refused(sm: Any) -> None:
    create_model(sm)
    create_endpoint(sm)
    refused = refusal(lambda: sm.update_endpoint(EndpointName="e", EndpointConfigName="z"))
    assert refused == f'Could not find endpoint configuration "{PREFIX}:endpoint-config/z".'
    refused = refusal(lambda: sm.update_endpoint(EndpointName="z", EndpointConfigName="c"))
    assert refused == f'Could not find endpoint "{PREFIX}:endpoint/z".'
    assert status(sm) == "InService"


def test_models_of_several_containers_run_in_a_row_or_directly(
    local: ThreadedLocalSageMaker, sm: Any, runtime: Any
) -> None:
    local.add_model("one", lambda body: iter([body, b"1"]))
    local.add_model("two", lambda body: body + b"2")
    containers = [{"Image": "one", "ContainerHostname": "first"}, {"Image": "two", "ContainerHostname": "second"}]
    sm.create_model(ModelName="serial", Containers=containers, ExecutionRoleArn=ROLE)
    sm.create_model(
        ModelName="direct",
        Containers=containers,
        InferenceExecutionConfig={"Mode": "Direct"},
        ExecutionRoleArn=ROLE,
    )
    create_endpoint(sm, variant(model="serial"))
    create_endpoint(sm, variant(model="direct"), name="f", config="d")
    assert invoked(runtime) == b"in12"
    assert invoked(runtime, "f", TargetContainerHostname="second") == b"in2"
    assert "no container with the hostname 'third'" in refusal_424(
        lambda: invoked(runtime, "f", TargetContainerHostname="third")
    )


def test_a_stream_that_breaks_off_between_containers_is_a_failure_of_the_model(
    local: ThreadedLocalSageMaker, sm: Any, runtime: Any
) -> None:
    def broken(body: bytes) -> Iterator[bytes]:
        yield body
        raise ModelStreamError("the first container broke off", "StreamBroken")

    local.add_model("one", broken)
    local.add_model("two", lambda body: body)
    sm.create_model(ModelName="serial", Containers=[{"Image": "one"}, {"Image": "two"}], ExecutionRoleArn=ROLE)
    create_endpoint(sm, variant(model="serial"))
    assert "the first container broke off" in refusal_424(lambda: invoked(runtime))
    assert "the first container broke off" in refusal_424(
        lambda: runtime.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"in")
    )


def refusal_424(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as raised:
        call()
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
    return str(raised.value.response["Error"]["Message"])


def test_the_configuration_says_where_async_results_go_and_what_is_captured(
    local: ThreadedLocalSageMaker, sm: Any, runtime: Any
) -> None:
    local.add_model("m", lambda body: body[::-1])
    create_model(sm)
    create_endpoint(
        sm,
        AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://b/out/", "S3FailurePath": "s3://b/bad"}},
        DataCaptureConfig={
            "InitialSamplingPercentage": 50,
            "DestinationS3Uri": "s3://b/capture",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        },
    )
    answer = runtime.invoke_endpoint_async(EndpointName="e", Body=b"in", Filename="x.out")
    assert answer["OutputLocation"] == "s3://b/out/x.out"
    assert answer["FailureLocation"].startswith("s3://b/bad/")
    assert local.async_invocations[-1].wait()
    assert local.objects["s3://b/out/x.out"] == b"ni"
    described = sm.describe_endpoint(EndpointName="e")
    assert described["AsyncInferenceConfig"]["OutputConfig"]["S3OutputPath"] == "s3://b/out/"
    assert described["DataCaptureConfig"] == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 50,
        "DestinationS3Uri": "s3://b/capture",
        "KmsKeyId": "",
    }


def test_a_serverless_endpoint_accepts_four_megabytes(local: ThreadedLocalSageMaker, sm: Any, runtime: Any) -> None:
    local.add_model("m", lambda body: b"ok")
    create_model(sm)
    serverless = {"MemorySizeInMB": 1024, "MaxConcurrency": 2}
    create_endpoint(sm, {"VariantName": "a", "ModelName": "m", "ServerlessConfig": serverless})
    message = refusal(lambda: runtime.invoke_endpoint(EndpointName="e", Body=bytes(4_194_305)), "ValidationError")
    assert re.fullmatch(r"Request [0-9a-f-]{36} has oversize body\.", message)
    sm.update_endpoint_weights_and_capacities(
        EndpointName="e",
        DesiredWeightsAndCapacities=[{"VariantName": "a", "ServerlessUpdateConfig": {"MaxConcurrency": 5}}],
    )
    (running,) = sm.describe_endpoint(EndpointName="e")["ProductionVariants"]
    assert running["CurrentServerlessConfig"] == {"MemorySizeInMB": 1024, "MaxConcurrency": 5}
    assert "CurrentInstanceCount" not in running


def test_faults_are_scripted_on_created_endpoints_too(local: ThreadedLocalSageMaker, sm: Any, runtime: Any) -> None:
    def model(body: bytes) -> bytes:
        raise ModelFailure(500, "bad", log_group_only=True)

    local.add_model("m", model)
    create_model(sm)
    create_endpoint(sm)
    local.script("e", [None])
    with pytest.raises(ClientError) as raised:
        invoked(runtime)
    response: Any = raised.value.response
    assert response["LogStreamArn"].endswith(":log-group:/aws/sagemaker/Endpoints/e")
    assert local.endpoints["e"].requests == 1


# --- endpoints that were added without a request ----------------------------------------------------------------------


def test_an_added_endpoint_is_described_like_a_created_one(
    local: ThreadedLocalSageMaker, sm: Any, runtime: Any
) -> None:
    local.add_endpoint("echo", lambda body: body, variants=("a", "b"))
    described = sm.describe_endpoint(EndpointName="echo")
    assert described["EndpointStatus"] == "InService"
    assert [running["VariantName"] for running in described["ProductionVariants"]] == ["a", "b"]
    config = sm.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    model = sm.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    assert model["PrimaryContainer"]["Image"].endswith("/echo")
    sm.create_endpoint(EndpointName="again", EndpointConfigName=config["EndpointConfigName"])
    assert invoked(runtime, "again") == b"in"
    local.remove_endpoint("echo")
    assert [endpoint["EndpointName"] for endpoint in sm.list_endpoints()["Endpoints"]] == ["again"]
    assert sm.list_models()["Models"] == []


def test_an_added_endpoint_is_updated_and_deleted_like_a_created_one(
    local: ThreadedLocalSageMaker, sm: Any, runtime: Any
) -> None:
    create_model(sm)
    sm.create_endpoint_config(EndpointConfigName="echo", ProductionVariants=[variant()])
    local.add_model("m", lambda body: b"m")
    local.add_endpoint("echo", lambda body: body)
    assert sm.describe_endpoint(EndpointName="echo")["EndpointConfigName"] == "echo-2"
    assert invoked(runtime, "echo") == b"in"
    sm.update_endpoint(EndpointName="echo", EndpointConfigName="echo")
    assert invoked(runtime, "echo") == b"m"
    sm.delete_endpoint(EndpointName="echo")
    assert "not found" in refusal(lambda: invoked(runtime, "echo"), "ValidationError")
    assert "echo" not in local.endpoints
    local.add_endpoint("echo", lambda body: b"third")
    assert invoked(runtime, "echo") == b"third"


# --- lists ------------------------------------------------------------------------------------------------------------


def test_endpoints_are_listed_filtered_sorted_and_paged(local: ThreadedLocalSageMaker, sm: Any) -> None:
    for name in ("one", "two", "three", "four"):
        local.add_endpoint(name, lambda body: body)

    def names(**request: Any) -> list[str]:
        return [endpoint["EndpointName"] for endpoint in sm.list_endpoints(**request)["Endpoints"]]

    assert names() == ["four", "three", "two", "one"]
    assert names(SortBy="Name", SortOrder="Ascending") == ["four", "one", "three", "two"]
    assert names(NameContains="O", SortBy="Name", SortOrder="Descending") == ["two", "one", "four"]
    assert names(StatusEquals="Failed") == []
    created = sm.describe_endpoint(EndpointName="one")["CreationTime"]
    assert len(names(CreationTimeAfter=created - datetime.timedelta(hours=1))) == 4
    assert names(LastModifiedTimeBefore=created - datetime.timedelta(hours=1)) == []
    pages = list(sm.get_paginator("list_endpoints").paginate(PaginationConfig={"PageSize": 3}, SortBy="Name"))
    assert [[endpoint["EndpointName"] for endpoint in page["Endpoints"]] for page in pages] == [
        ["two", "three", "one"],
        ["four"],
    ]


def test_a_token_survives_deletions_and_serves_no_other_request(local: ThreadedLocalSageMaker, sm: Any) -> None:
    for name in ("a", "b", "c", "d"):
        create_model(sm, name)
    page = sm.list_models(MaxResults=2, SortBy="Name", SortOrder="Ascending")
    sm.delete_model(ModelName="b")
    following = sm.list_models(NextToken=page["NextToken"], SortBy="Name", SortOrder="Ascending")
    assert [model["ModelName"] for model in following["Models"]] == ["c", "d"]
    assert "NextToken" not in following
    for request in ({"NextToken": page["NextToken"]}, {"NextToken": "x"}, {"NextToken": "eHg="}):
        assert "Invalid NextToken" in refusal(lambda request=request: sm.list_models(**request))
    assert "Invalid NextToken" in refusal(lambda: sm.list_endpoint_configs(NextToken=page["NextToken"]))


def test_a_token_of_the_clients_own_making_is_refused(sm: Any) -> None:
    for name in ("a", "b", "c"):
        create_model(sm, name)
    page = {"MaxResults": 2, "SortBy": "Name", "SortOrder": "Ascending"}
    checksum, _, number = json.loads(base64.urlsafe_b64decode(sm.list_models(**page)["NextToken"]))
    for content in (f"[{checksum}, {number}, {number}]", f"[{checksum}, null, null]", "[" * 5000):
        token = base64.urlsafe_b64encode(content.encode()).decode()
        assert "Invalid NextToken" in refusal(lambda token=token: sm.list_models(**page, NextToken=token))


# --- states -----------------------------------------------------------------------------------------------------------


def test_states_change_as_the_clock_is_stepped(stepped: ThreadedLocalSageMaker, clients: Clients) -> None:
    sm, runtime = clients(stepped), clients(stepped, "sagemaker-runtime")
    stepped.add_model("m", lambda body: b"m")
    create_model(sm)
    create_endpoint(sm)
    described = sm.describe_endpoint(EndpointName="e")
    assert described["EndpointStatus"] == "Creating"
    assert "ProductionVariants" not in described
    assert "not found" in refusal(lambda: invoked(runtime), "ValidationError")
    busy = f'Cannot update in-progress endpoint "{PREFIX}:endpoint/e".'
    assert refusal(lambda: sm.delete_endpoint(EndpointName="e")) == busy
    assert refusal(lambda: sm.update_endpoint(EndpointName="e", EndpointConfigName="c")) == busy
    with pytest.raises(WaiterError):
        sm.get_waiter("endpoint_in_service").wait(EndpointName="e", WaiterConfig=NO_DELAY)
    stepped.step(59)
    assert status(sm) == "Creating"
    stepped.step(1)
    assert invoked(runtime) == b"m"
    sm.update_endpoint(EndpointName="e", EndpointConfigName="c")
    described = sm.describe_endpoint(EndpointName="e")
    assert described["EndpointStatus"] == "Updating"
    assert described["PendingDeploymentSummary"]["ProductionVariants"][0]["InstanceType"] == "ml.m5.large"
    assert invoked(runtime) == b"m"
    stepped.step(60)
    described = sm.describe_endpoint(EndpointName="e")
    assert described["EndpointStatus"] == "InService"
    assert (described["LastModifiedTime"] - described["CreationTime"]).total_seconds() == 120
    sm.delete_endpoint(EndpointName="e")
    assert status(sm) == "Deleting"
    assert "not found" in refusal(lambda: invoked(runtime), "ValidationError")
    stepped.step(60)
    sm.get_waiter("endpoint_deleted").wait(EndpointName="e")


def test_a_change_is_dated_when_it_happened_however_late_it_is_looked_at(
    stepped: ThreadedLocalSageMaker, clients: Clients
) -> None:
    sm = clients(stepped)
    stepped.add_model("m", lambda body: b"m")
    create_model(sm)
    create_endpoint(sm)
    stepped.step(3600)
    described = sm.describe_endpoint(EndpointName="e")
    assert (described["LastModifiedTime"] - described["CreationTime"]).total_seconds() == 60
    assert described["CreationTime"].microsecond % 1000 == 0


def test_a_scripted_failure_of_a_creation_is_told_with_its_reason(
    local: ThreadedLocalSageMaker, sm: Any, runtime: Any
) -> None:
    create_model(sm)
    local.fail_next("CreateEndpoint", "The ping failed.")
    create_endpoint(sm)
    with pytest.raises(WaiterError):
        sm.get_waiter("endpoint_in_service").wait(EndpointName="e")
    described = sm.describe_endpoint(EndpointName="e")
    assert (described["EndpointStatus"], described["FailureReason"]) == ("Failed", "The ping failed.")
    assert "not found" in refusal(lambda: invoked(runtime), "ValidationError")
    assert "Failed" in refusal(lambda: sm.update_endpoint(EndpointName="e", EndpointConfigName="c"))
    sm.delete_endpoint(EndpointName="e")
    sm.create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert status(sm) == "InService"


def test_a_failed_update_rolls_back_to_what_ran_before(local: ThreadedLocalSageMaker, sm: Any, runtime: Any) -> None:
    local.add_model("m", lambda body: b"old")
    create_model(sm)
    create_model(sm, "n")
    create_endpoint(sm)
    sm.create_endpoint_config(EndpointConfigName="d", ProductionVariants=[variant(model="n")])
    local.fail_next("UpdateEndpoint", "An alarm rang.")
    sm.update_endpoint(EndpointName="e", EndpointConfigName="d")
    assert status(sm) == "RollingBack"
    described = sm.describe_endpoint(EndpointName="e")
    assert (described["EndpointStatus"], described["FailureReason"]) == ("InService", "An alarm rang.")
    assert described["EndpointConfigName"] == "c"
    assert "PendingDeploymentSummary" not in described
    assert invoked(runtime) == b"old"
    local.fail_next("UpdateEndpoint", rollback=False)
    sm.update_endpoint(EndpointName="e", EndpointConfigName="d")
    assert status(sm) == "UpdateRollbackFailed"
    sm.update_endpoint(EndpointName="e", EndpointConfigName="c")
    described = sm.describe_endpoint(EndpointName="e")
    assert described["EndpointStatus"] == "InService"
    assert "FailureReason" not in described


def test_a_failed_rescaling_wants_what_it_had_and_a_failed_deletion_leaves_the_endpoint_failed(
    local: ThreadedLocalSageMaker, sm: Any
) -> None:
    create_model(sm)
    create_endpoint(sm)
    local.fail_next("UpdateEndpointWeightsAndCapacities")
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 9}]
    sm.update_endpoint_weights_and_capacities(EndpointName="e", DesiredWeightsAndCapacities=wanted)
    assert status(sm) == "RollingBack"
    (running,) = sm.describe_endpoint(EndpointName="e")["ProductionVariants"]
    assert (running["CurrentInstanceCount"], running["DesiredInstanceCount"]) == (1, 1)
    local.fail_next("DeleteEndpoint")
    sm.delete_endpoint(EndpointName="e")
    assert status(sm) == "Failed"


def test_an_operation_is_refused_as_scripted(local: ThreadedLocalSageMaker, sm: Any) -> None:
    local.refuse_next("ListModels", "ThrottlingException", "Rate exceeded", times=2)
    local.refuse_next("CreateEndpoint", "ResourceLimitExceeded", "No more.")
    for _ in range(2):
        assert refusal(sm.list_models, "ThrottlingException") == "Rate exceeded"
    assert sm.list_models()["Models"] == []
    with pytest.raises(sm.exceptions.ResourceLimitExceeded) as raised:
        sm.create_endpoint(EndpointName="e", EndpointConfigName="c")
    assert raised.value.response["Message"] == "No more."


# --- inference components ---------------------------------------------------------------------------------------------

REQUIREMENTS = {"MinMemoryRequiredInMb": 128, "NumberOfCpuCoresRequired": 1}


def component(name: str = "ic", copies: int = 1, **specification: Any) -> dict[str, Any]:
    return {
        "InferenceComponentName": name,
        "EndpointName": "e",
        "VariantName": "AllTraffic",
        "Specification": {"ComputeResourceRequirements": REQUIREMENTS, **(specification or {"ModelName": "m"})},
        "RuntimeConfig": {"CopyCount": copies},
    }


@pytest.fixture
def hosting(local: ThreadedLocalSageMaker, sm: Any) -> None:
    """An endpoint whose variant hosts inference components."""
    local.add_model("m", lambda body: b"m")
    create_model(sm)
    create_endpoint(sm, variant(model=None), ExecutionRoleArn=ROLE)


@pytest.mark.usefixtures("hosting")
def test_inference_components_are_invoked_by_their_names(local: ThreadedLocalSageMaker, sm: Any, runtime: Any) -> None:
    local.add_model("img", lambda body: b"by image")
    created = sm.create_inference_component(**component())
    assert created["InferenceComponentArn"] == f"{PREFIX}:inference-component/ic"
    sm.create_inference_component(**component("other", Container={"Image": "img"}))
    assert invoked(runtime, InferenceComponentName="ic") == b"m"
    assert invoked(runtime, InferenceComponentName="other") == b"by image"
    assert refusal(lambda: invoked(runtime), "ValidationError").startswith(
        "Inference Component Name header is required"
    )
    assert "not found" in refusal(lambda: invoked(runtime, InferenceComponentName="z"), "ValidationError")
    described = sm.describe_inference_component(InferenceComponentName="other")
    assert described["InferenceComponentStatus"] == "InService"
    assert described["RuntimeConfig"] == {"DesiredCopyCount": 1, "CurrentCopyCount": 1}
    assert described["Specification"]["Container"]["DeployedImage"]["SpecifiedImage"] == "img"
    listed = sm.list_inference_components(EndpointNameEquals="e", VariantNameEquals="AllTraffic", NameContains="ic")
    assert [item["InferenceComponentName"] for item in listed["InferenceComponents"]] == ["ic"]
    assert sm.list_inference_components(StatusEquals="Failed")["InferenceComponents"] == []


@pytest.mark.usefixtures("hosting")
def test_a_component_without_copies_has_no_capacity(sm: Any, runtime: Any) -> None:
    sm.create_inference_component(**component(copies=0))
    message = refusal(lambda: invoked(runtime, InferenceComponentName="ic"), "ValidationError")
    assert message.startswith("Inference Component has no capacity to process this request.")
    sm.update_inference_component_runtime_config(InferenceComponentName="ic", DesiredRuntimeConfig={"CopyCount": 2})
    assert invoked(runtime, InferenceComponentName="ic") == b"m"
    described = sm.describe_inference_component(InferenceComponentName="ic")
    assert described["RuntimeConfig"] == {"DesiredCopyCount": 2, "CurrentCopyCount": 2}


@pytest.mark.usefixtures("hosting")
def test_a_component_is_updated_or_keeps_what_it_ran(local: ThreadedLocalSageMaker, sm: Any, runtime: Any) -> None:
    local.add_model("n", lambda body: b"n")
    create_model(sm, "n")
    sm.create_inference_component(**component())
    new = {"ModelName": "n", "ComputeResourceRequirements": REQUIREMENTS}
    local.fail_next("UpdateInferenceComponent", "no room")
    sm.update_inference_component(InferenceComponentName="ic", Specification=new)
    described = sm.describe_inference_component(InferenceComponentName="ic")
    assert (described["InferenceComponentStatus"], described["FailureReason"]) == ("Failed", "no room")
    assert invoked(runtime, InferenceComponentName="ic") == b"m"
    sm.update_inference_component(InferenceComponentName="ic", Specification=new, RuntimeConfig={"CopyCount": 3})
    assert invoked(runtime, InferenceComponentName="ic") == b"n"
    described = sm.describe_inference_component(InferenceComponentName="ic")
    assert described["Specification"]["ModelName"] == "n"
    assert described["RuntimeConfig"]["CurrentCopyCount"] == 3


@pytest.mark.usefixtures("hosting")
def test_components_are_deleted_before_their_bases_and_endpoints(sm: Any, runtime: Any) -> None:
    sm.create_inference_component(**component())
    sm.create_inference_component(
        InferenceComponentName="adapter",
        EndpointName="e",
        Specification={
            "BaseInferenceComponentName": "ic",
            "Container": {"ArtifactUrl": "s3://b/adapter.tar.gz"},
        },
    )
    assert invoked(runtime, InferenceComponentName="adapter") == b"m"
    assert sm.describe_inference_component(InferenceComponentName="adapter")["VariantName"] == "AllTraffic"
    assert "adapter" in refusal(lambda: sm.delete_endpoint(EndpointName="e"))
    assert "adapter is based on it" in refusal(lambda: sm.delete_inference_component(InferenceComponentName="ic"))
    sm.delete_inference_component(InferenceComponentName="adapter")
    sm.delete_inference_component(InferenceComponentName="ic")
    assert "not found" in refusal(lambda: invoked(runtime, InferenceComponentName="ic"), "ValidationError")
    missing = f'Could not find inference component "{PREFIX}:inference-component/ic".'
    assert refusal(lambda: sm.describe_inference_component(InferenceComponentName="ic")) == missing
    sm.delete_endpoint(EndpointName="e")
    sm.get_waiter("endpoint_deleted").wait(EndpointName="e")


@pytest.mark.usefixtures("hosting")
def test_components_that_cannot_be_are_refused(local: ThreadedLocalSageMaker, sm: Any) -> None:
    local.add_endpoint("plain", lambda body: body)
    assert "not supported in this Endpoint" in refusal(
        lambda: sm.create_inference_component(**component() | {"EndpointName": "plain"})
    )
    assert "z" in refusal(lambda: sm.create_inference_component(**component() | {"VariantName": "z"}))
    assert "Could not find model" in refusal(lambda: sm.create_inference_component(**component(ModelName="z")))
    bare = {name: value for name, value in component().items() if name != "Specification"}
    assert "Specification" in refusal(lambda: sm.create_inference_component(**bare))
    local.fail_next("CreateInferenceComponent", "no room")
    sm.create_inference_component(**component())
    described = sm.describe_inference_component(InferenceComponentName="ic")
    assert (described["InferenceComponentStatus"], described["FailureReason"]) == ("Failed", "no room")
    assert refusal(lambda: sm.create_inference_component(**component())).startswith("Cannot create already existing")


def test_components_take_their_own_time(stepped: ThreadedLocalSageMaker, clients: Clients) -> None:
    sm = clients(stepped)
    create_model(sm)
    create_endpoint(sm, variant(model=None), ExecutionRoleArn=ROLE)
    assert "must be InService" in refusal(lambda: sm.create_inference_component(**component()))
    stepped.step(60)
    sm.create_inference_component(**component())
    described = sm.describe_inference_component(InferenceComponentName="ic")
    assert described["InferenceComponentStatus"] == "Creating"
    assert described["RuntimeConfig"] == {"DesiredCopyCount": 1, "CurrentCopyCount": 0}
    busy = f'Cannot update in-progress inference component "{PREFIX}:inference-component/ic".'
    assert refusal(lambda: sm.delete_inference_component(InferenceComponentName="ic")) == busy
    stepped.step(30)
    described = sm.describe_inference_component(InferenceComponentName="ic")
    assert described["InferenceComponentStatus"] == "InService"


# --- tags, identity, signatures ---------------------------------------------------------------------------------------


def test_tags_are_added_listed_and_deleted(local: ThreadedLocalSageMaker, sm: Any) -> None:
    create_model(sm, Tags=[{"Key": "team", "Value": "a"}])
    arn = f"{PREFIX}:model/m"
    added = sm.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "b"}, {"Key": "größe", "Value": ""}])
    assert added["Tags"] == [{"Key": "team", "Value": "b"}, {"Key": "größe", "Value": ""}]
    sm.delete_tags(ResourceArn=arn, TagKeys=["team", "none"])
    pages = list(sm.get_paginator("list_tags").paginate(ResourceArn=arn))
    assert [page["Tags"] for page in pages] == [[{"Key": "größe", "Value": ""}]]
    assert "Could not find" in refusal(lambda: sm.list_tags(ResourceArn=f"{PREFIX}:model/z"))
    assert "reserved" in refusal(lambda: sm.add_tags(ResourceArn=arn, Tags=[{"Key": "aws:x", "Value": ""}]))
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    assert "at most 50" in refusal(lambda: sm.add_tags(ResourceArn=arn, Tags=many))


@pytest.mark.parametrize(("body", "said"), [(b"{", "is not JSON"), (b"[" * 100_000, "is not JSON"), (b"[]", "object")])
async def test_a_body_that_is_not_a_json_object_is_refused(body: bytes, said: str) -> None:
    async with LocalSageMaker() as local, aiohttp.ClientSession() as session:
        request = HTTPRequest("POST", local.url, "/", {"X-Amz-Target": "SageMaker.ListModels"}, body)
        signed = Signer("us-east-1", "sagemaker").sign(request, local.credentials, time.time())
        async with session.post(local.url, data=body, headers=signed) as answer:
            assert answer.status == 400
            refused = await answer.json(content_type=None)
    assert refused["__type"] == "SerializationException"
    assert said in str(refused)


@pytest.mark.usefixtures("hosting")
def test_an_endpoint_that_the_program_removes_takes_its_components_with_it(
    local: ThreadedLocalSageMaker, sm: Any
) -> None:
    local.add_model("img", lambda body: b"other")
    create_endpoint(sm, variant(model=None), name="kept", config="c2", ExecutionRoleArn=ROLE)
    sm.describe_endpoint(EndpointName="kept")
    sm.create_inference_component(**component())
    sm.create_inference_component(**component("other") | {"EndpointName": "kept"})
    local.remove_endpoint("e")
    listed = sm.list_inference_components()["InferenceComponents"]
    assert [item["InferenceComponentName"] for item in listed] == ["other"]


def test_the_caller_is_told_who_it_is(local: ThreadedLocalSageMaker, clients: Clients) -> None:
    identity = clients(local, "sts").get_caller_identity()
    assert identity["Account"] == "123456789012"
    assert identity["Arn"] == "arn:aws:iam::123456789012:user/local-sagemaker"


def test_the_caller_has_a_role_when_its_credentials_are_temporary(clients: Clients) -> None:
    with LocalSageMaker.in_thread(credentials=Credentials("AKID", "secret", "token")) as local:
        identity = clients(local, "sts").get_caller_identity()
    assert identity["Account"] == "123456789012"
    assert identity["Arn"] == "arn:aws:sts::123456789012:assumed-role/local-sagemaker/session"
    assert identity["UserId"].endswith(":session")


def test_an_unknown_action_of_sts_is_refused_in_xml_whatever_its_name(
    local: ThreadedLocalSageMaker, clients: Clients
) -> None:
    sts = clients(local, "sts")
    sts.meta.events.register("before-call.sts", lambda params, **_: params["body"].update(Action="a\0<\x1f\ufffe"))
    with pytest.raises(ClientError) as raised:
        sts.get_caller_identity()
    error = raised.value.response["Error"]
    assert error["Code"] == "InvalidAction"
    assert "operation a\ufffd<\ufffd\ufffd for" in error["Message"]


def test_wrong_signatures_are_refused_in_each_protocol(local: ThreadedLocalSageMaker, clients: Clients) -> None:
    sm, sts = clients(local), clients(local, "sts")
    local.refuse_credentials(local.credentials.access_key_id)
    assert refusal(sm.list_models, "UnrecognizedClientException").startswith("The security token")
    with pytest.raises(ClientError) as raised:
        sts.get_caller_identity()
    assert raised.value.response["Error"]["Code"] == "InvalidClientTokenId"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_operations_that_are_not_offered_are_named(sm: Any) -> None:
    message = refusal(sm.list_training_jobs, "UnknownOperationException")
    assert message == "The embedded SageMaker does not support ListTrainingJobs."


def test_another_region_has_its_own_arns(clients: Clients) -> None:
    with LocalSageMaker.in_thread(region="cn-north-1") as local:
        sm = clients(local)
        create_model(sm)
        arn = sm.describe_model(ModelName="m")["ModelArn"]
        assert arn == "arn:aws-cn:sagemaker:cn-north-1:123456789012:model/m"
