"""The control plane's client: methods by row, any other operation by name, pages, and errors that say what to do."""

from __future__ import annotations

import base64
import inspect
import json
import pydoc
import typing
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sagemaker_async import RetryConfig, Session, StubResponse, StubTransport, production_variant
from sagemaker_async.aws.shapes.models import aws_names
from sagemaker_async.errors import (
    ConfigurationError,
    ConnectionLostError,
    RequestValidationError,
    ResourceInUse,
    ResourceLimitExceeded,
    ResourceNotFound,
    ResponseError,
    ServiceError,
    SessionClosedError,
    ValidationError,
)
from sagemaker_async.hosting.client import SageMakerClient
from sagemaker_async.hosting.generated import shapes
from sagemaker_async.hosting.generated.names import IDEMPOTENCY_TOKENS
from sagemaker_async.hosting.generator.generate import iterator_name
from sagemaker_async.hosting.generator.model import python_name
from sagemaker_async.hosting.operations import OPERATIONS, modelled
from sagemaker_async.hosting.unmodelled import UnmodelledResponse
from sagemaker_async.predictor.management import HostedEndpoint


@pytest.fixture
def stub() -> StubTransport:
    return StubTransport()


@pytest.fixture
async def hosting(stub: StubTransport) -> AsyncIterator[SageMakerClient]:
    async with Session(transport=stub) as session:
        yield session.hosting


def target(stub: StubTransport) -> str:
    return stub.requests[-1].headers["X-Amz-Target"]


def sent(stub: StubTransport) -> Any:
    return json.loads(stub.requests[-1].body)


def test_every_row_has_a_method_and_every_list_an_iterator() -> None:
    for row in OPERATIONS.values():
        assert inspect.iscoroutinefunction(getattr(SageMakerClient, python_name(row.name)))
        assert (row.items is not None) == hasattr(SageMakerClient, iterator_name(row))


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_method_names_every_field_of_its_operation(name: str) -> None:
    fields = set(aws_names(modelled(name).request))
    methods = [python_name(name)]
    if OPERATIONS[name].items is not None:
        methods.append(iterator_name(OPERATIONS[name]))
    for method in methods:
        parameters = inspect.signature(getattr(SageMakerClient, method)).parameters
        assert set(parameters) - {"self", "timeout", "aws_fields"} == fields
        assert all(parameters[field].kind is inspect.Parameter.KEYWORD_ONLY for field in fields)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_keywords_in_awss_spelling_are_all_of_its_fields(name: str) -> None:
    keywords = getattr(shapes, f"{name}Fields")
    assert set(keywords.__annotations__) == set(aws_names(modelled(name).request).values())


def public_methods(cls: type) -> list[Any]:
    return [value for name, value in inspect.getmembers(cls, callable) if not name.startswith("_")]


@pytest.mark.parametrize("method", [*public_methods(SageMakerClient), *public_methods(HostedEndpoint)])
def test_the_types_of_every_method_can_be_resolved(method: Any) -> None:
    hints = typing.get_type_hints(method)
    assert set(inspect.signature(method).parameters) - {"self"} <= set(hints)


def help_on(function: Any) -> str:
    return pydoc.render_doc(function, renderer=pydoc.plaintext).replace("'", "")  # Python 3.14 quotes no annotations


def test_help_shows_the_fields_and_their_types() -> None:
    text = help_on(SageMakerClient.create_endpoint_config)
    for field in ("endpoint_config_name: str", "production_variants: Sequence[", "kms_key_id: str | None = None"):
        assert field in text
    assert "API_CreateEndpointConfig.html" in text
    assert "limit: float | None = 3600.0" in help_on(HostedEndpoint.update_endpoint)


async def test_a_field_in_both_spellings_is_refused(hosting: SageMakerClient, stub: StubTransport) -> None:
    with pytest.raises(RequestValidationError, match="is given twice, as endpoint_name and as EndpointName"):
        await hosting.describe_endpoint(endpoint_name="e", EndpointName="e")
    assert stub.requests == []


async def test_a_missing_field_is_named(hosting: SageMakerClient, stub: StubTransport) -> None:
    with pytest.raises(RequestValidationError, match=r"endpoint_name \(EndpointName\): is required"):
        await hosting.describe_endpoint()
    assert stub.requests == []


def test_only_what_ends_the_same_when_done_twice_is_repeatable() -> None:
    not_repeatable = {row.name for row in OPERATIONS.values() if not row.repeatable}
    changing = {name for name in OPERATIONS if name.startswith(("Create", "Update", "Delete", "Start", "Stop"))}
    assert changing - {"DeleteTags", *IDEMPOTENCY_TOKENS} == not_repeatable


async def test_a_modelled_call_carries_a_token_as_others_do(hosting: SageMakerClient, stub: StubTransport) -> None:
    target = {"Name": "t", "Destinations": [{"ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"}]}
    router = {"inference_router_name": "r", "routing_targets": [target]}
    for given in ({}, {"client_token": "mine"}, {"ClientToken": "mine"}):
        stub.add(StubResponse.json({"InferenceRouterArn": "arn"}))
        await hosting.create_inference_router(**router, **given)  # type: ignore[arg-type]
    first, *others = [json.loads(request.body)["ClientToken"] for request in stub.requests]
    assert uuid.UUID(first)
    assert others == ["mine", "mine"]


async def test_a_call_is_sent_to_the_control_plane_and_its_answer_is_a_shape(
    hosting: SageMakerClient, stub: StubTransport
) -> None:
    stub.add(StubResponse.json({"EndpointName": "e", "EndpointStatus": "Newer", "CreationTime": 1.5e9}))
    response = await hosting.describe_endpoint(endpoint_name="e")
    assert (response.endpoint_name, response.endpoint_status, response.creation_time.year) == ("e", "Newer", 2017)
    assert response.metadata.status == 200
    assert stub.requests[0].origin == "https://api.sagemaker.us-east-1.amazonaws.com"
    assert "/sagemaker/aws4_request" in stub.requests[0].headers["Authorization"]
    assert (target(stub), sent(stub)) == ("SageMaker.DescribeEndpoint", {"EndpointName": "e"})


async def test_awss_spelling_is_accepted(hosting: SageMakerClient, stub: StubTransport) -> None:
    stub.add(StubResponse())
    response = await hosting.delete_endpoint(EndpointName="e")
    assert response.metadata.status == 200
    assert (target(stub), sent(stub)) == ("SageMaker.DeleteEndpoint", {"EndpointName": "e"})


async def test_a_configuration_can_be_created_from_one_that_was_described(
    hosting: SageMakerClient, stub: StubTransport
) -> None:
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.newer.1", "NewerMember": {"A": 1}}
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 20,
        "DestinationS3Uri": "s3://b/k",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    stub.add(
        StubResponse.json({"EndpointConfigName": "old", "ProductionVariants": [variant], "DataCaptureConfig": capture}),
        StubResponse.json({"EndpointConfigArn": "arn"}),
    )
    old = await hosting.describe_endpoint_config(endpoint_config_name="old")
    await hosting.create_endpoint_config(
        endpoint_config_name="new",
        production_variants=old.production_variants,
        data_capture_config=old.data_capture_config,
    )
    assert sent(stub) == {
        "EndpointConfigName": "new",
        "ProductionVariants": [variant],
        "DataCaptureConfig": capture,
    }


async def test_a_variant_of_the_sdks_with_a_core_dump_is_sent_as_it_is(
    hosting: SageMakerClient, stub: StubTransport
) -> None:
    stub.add(StubResponse.json({"EndpointConfigArn": "arn"}))
    variant = production_variant("m", "ml.m5.large", core_dump_config={"DestinationS3Uri": "s3://b/dumps"})
    await hosting.create_endpoint_config(endpoint_config_name="c", production_variants=[variant])
    assert sent(stub)["ProductionVariants"] == [variant]


async def test_broken_rules_are_reported_all_at_once_and_nothing_is_sent(
    hosting: SageMakerClient, stub: StubTransport
) -> None:
    with pytest.raises(RequestValidationError) as caught:
        await hosting.create_endpoint_config(
            endpoint_config_name="a_b",
            production_variants=[{"variant_name": "v\r\n", "initial_instance_count": -1, "nope": 1}],
            Tags=[{"Key": "k" * 129}],
        )
    assert {(problem.field, problem.aws_name) for problem in caught.value.problems} == {
        ("endpoint_config_name", "EndpointConfigName"),
        ("production_variants.0.variant_name", "ProductionVariants.0.VariantName"),
        ("production_variants.0.initial_instance_count", "ProductionVariants.0.InitialInstanceCount"),
        ("production_variants.0.nope", "ProductionVariants.0.nope"),
        ("tags.0.key", "Tags.0.Key"),
        ("tags.0.value", "Tags.0.Value"),
    }
    assert stub.requests == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ResourceNotFound", ResourceNotFound),
        ("ResourceInUse", ResourceInUse),
        ("ResourceLimitExceeded", ResourceLimitExceeded),
        ("ValidationException", ValidationError),
        ("NewerException", ServiceError),
    ],
)
async def test_errors_are_awss_own_with_the_resource_named(
    hosting: SageMakerClient, stub: StubTransport, code: str, kind: type[ServiceError]
) -> None:
    stub.add(StubResponse(400, json.dumps({"__type": code, "Message": "because"}).encode()))
    with pytest.raises(kind, match=r"DescribeEndpoint on 'e'.*because") as caught:
        await hosting.describe_endpoint(endpoint_name="e")
    assert type(caught.value) is kind


async def test_a_closed_session_is_reported_before_anything_is_loaded() -> None:
    session = Session(transport=StubTransport())
    hosting = session.hosting
    await session.close()
    with pytest.raises(SessionClosedError):
        await hosting.list_associations()


async def test_the_client_works_on_its_own() -> None:
    stub = StubTransport(StubResponse.json({"Tags": []}))
    async with SageMakerClient(transport=stub) as client:
        assert (await client.list_tags(resource_arn="arn:aws:sagemaker:us-east-1:123456789012:model/m")).tags == []


def test_a_session_has_one_hosting_client() -> None:
    session = Session(transport=StubTransport())
    assert session.hosting is session.hosting


# --- rules over several fields ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{}, {"containers": []}, {"Containers": []}])
async def test_a_model_without_any_container_is_refused(
    hosting: SageMakerClient, stub: StubTransport, fields: dict[str, Any]
) -> None:
    with pytest.raises(RequestValidationError, match=r"primary_container.*needs at least one container"):
        await hosting.create_model(model_name="m", **fields)
    assert stub.requests == []


@pytest.mark.parametrize("named", [[0], [1, 2]])
async def test_hostnames_of_some_containers_only_are_refused(
    hosting: SageMakerClient, stub: StubTransport, named: list[int]
) -> None:
    containers = [{"Image": "i", **({"ContainerHostname": f"h{n}"} if n in named else {})} for n in range(3)]
    with pytest.raises(RequestValidationError, match="name all containers or none") as caught:
        await hosting.create_model(model_name="m", containers=containers)
    nameless = [n for n in range(3) if n not in named]
    assert [problem.field for problem in caught.value.problems] == [
        f"containers.{n}.container_hostname" for n in nameless
    ]
    assert stub.requests == []


@pytest.mark.parametrize(
    "fields",
    [
        {"PrimaryContainer": {"Image": "i"}},
        {"PrimaryContainer": {"Image": "i", "ContainerHostname": "h"}},
        {"Containers": [{"Image": "i"}, {"Image": "j"}]},
        {"Containers": [{"Image": "i", "ContainerHostname": "h"}, {"Image": "j", "ContainerHostname": "k"}]},
    ],
)
async def test_models_with_containers_are_created(
    hosting: SageMakerClient, stub: StubTransport, fields: dict[str, Any]
) -> None:
    stub.add(StubResponse.json({"ModelArn": "arn"}))
    await hosting.create_model(ModelName="m", **fields)
    assert sent(stub) == {"ModelName": "m", **fields}


async def test_without_validation_no_rule_is_checked(stub: StubTransport) -> None:
    stub.add(StubResponse.json({"ModelArn": "arn"}))
    async with Session(transport=stub, validate_params=False) as session:
        await session.hosting.create_model(model_name="m")
    assert sent(stub) == {"ModelName": "m"}


async def test_an_environment_may_be_as_large_as_sagemaker_takes_it(
    hosting: SageMakerClient, stub: StubTransport
) -> None:
    stub.add(StubResponse.json({"ModelArn": "arn"}))
    longest = {"K" * 1024: "v" * 1024} | {f"K{n}": "" for n in range(99)}
    await hosting.create_model(model_name="m", primary_container={"Image": "i", "Environment": longest})
    for environment in (longest | {"L": ""}, {"K" * 1025: ""}, {"K": "v" * 1025}):
        with pytest.raises(RequestValidationError, match="environment"):
            await hosting.create_model(model_name="m", primary_container={"Image": "i", "Environment": environment})
    assert len(stub.requests) == 1


# --- enumerations ----------------------------------------------------------------------------------------------------


async def test_an_unknown_value_is_sent_with_a_warning_that_names_the_nearest(
    hosting: SageMakerClient, stub: StubTransport, caplog: pytest.LogCaptureFixture
) -> None:
    stub.add(DONE, DONE)
    await hosting.create_model(model_name="m", primary_container={"Image": "i", "Mode": "multimodel"})
    assert sent(stub)["PrimaryContainer"]["Mode"] == "multimodel"
    await hosting.list_endpoints(sort_order="Zigzag")
    assert sent(stub) == {"SortOrder": "Zigzag"}
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "ContainerMode: this version does not know the value 'multimodel'; did you mean 'MultiModel'? It is sent as is",
        "OrderKey: this version does not know the value 'Zigzag'. It is sent as is",
    ]


async def test_known_values_draw_no_warning(
    hosting: SageMakerClient, stub: StubTransport, caplog: pytest.LogCaptureFixture
) -> None:
    stub.add(DONE)
    execution = {"Mode": "Direct"}
    containers = [{"Image": "i", "Mode": "SingleModel"}]
    await hosting.create_model(model_name="m", containers=containers, inference_execution_config=execution)
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


async def test_an_unknown_value_of_a_closed_enumeration_is_refused(
    hosting: SageMakerClient, stub: StubTransport
) -> None:
    with pytest.raises(RequestValidationError) as caught:
        await hosting.create_model(
            model_name="m", containers=[{"Image": "i"}], inference_execution_config={"Mode": "DIRECT"}
        )
    (problem,) = caught.value.problems
    assert (problem.field, problem.aws_name) == ("inference_execution_config.mode", "InferenceExecutionConfig.Mode")
    assert problem.rule == "must be one of Direct, Serial, got 'DIRECT'; did you mean 'Direct'?"
    capture = {
        "InitialSamplingPercentage": 1,
        "DestinationS3Uri": "s3://b/k",
        "CaptureOptions": [{"CaptureMode": "Imput{x}"}],
    }
    with pytest.raises(RequestValidationError, match=r"CaptureMode.* got 'Imput\{x\}'; did you mean 'Input'"):
        await hosting.create_endpoint_config(
            endpoint_config_name="c",
            production_variants=[production_variant("m", "ml.m5.large")],
            data_capture_config=capture,
        )
    assert stub.requests == []


@pytest.mark.parametrize("value", [b"Direct", 1, ["Direct"]])
async def test_a_value_that_is_not_a_text_is_refused(hosting: SageMakerClient, value: Any) -> None:
    with pytest.raises(RequestValidationError, match=r"sort_order.*must be a str"):
        await hosting.list_endpoints(sort_order=value)


# --- operations without shapes ---------------------------------------------------------------------------------------


async def test_any_operation_can_be_called_by_name(hosting: SageMakerClient, stub: StubTransport) -> None:
    stub.add(StubResponse.json({"TrainingJobStatus": "InProgress", "CreationTime": 1.5}))
    response = await hosting.call("DescribeTrainingJob", {"TrainingJobName": "j", "Nested": {"a_b": [1]}})
    assert isinstance(response, UnmodelledResponse)
    assert response["TrainingJobStatus"] == "InProgress"
    assert response.members == {"TrainingJobStatus": "InProgress", "CreationTime": 1.5}
    assert (response.get("Nope"), "TrainingJobStatus" in response, "Nope" in response) == (None, True, False)
    assert target(stub) == "SageMaker.DescribeTrainingJob"
    assert sent(stub) == {"TrainingJobName": "j", "Nested": {"a_b": [1]}}


@pytest.mark.parametrize("name", ["DescribeTraningJob", "describe_trainingjobs"])
async def test_an_unknown_operation_is_refused_with_the_nearest(
    hosting: SageMakerClient, stub: StubTransport, name: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"did you mean DescribeTrainingJob\?"):
        await hosting.call(name)
    assert stub.requests == []


async def test_an_operation_newer_than_this_version_is_sent_when_asked(
    hosting: SageMakerClient, stub: StubTransport
) -> None:
    stub.add(StubResponse.json({}))
    await hosting.call("DescribeWhatComesNext", newer=True)
    assert target(stub) == "SageMaker.DescribeWhatComesNext"


async def test_fields_that_are_no_mapping_are_refused(hosting: SageMakerClient, stub: StubTransport) -> None:
    fields: Any = ["TrainingJobName"]
    with pytest.raises(ConfigurationError, match=r"fields of DescribeTrainingJob must be a mapping .*, got list"):
        await hosting.call("DescribeTrainingJob", fields)
    assert stub.requests == []


async def test_fields_that_are_no_json_are_refused(hosting: SageMakerClient, stub: StubTransport) -> None:
    with pytest.raises(RequestValidationError, match=r"A\.b\.0: cannot be sent as JSON: it is of type set"):
        await hosting.call("DescribeTrainingJob", {"A": {"b": [{1}]}})
    assert stub.requests == []


@pytest.fixture
async def retrying(stub: StubTransport) -> AsyncIterator[SageMakerClient]:
    async with Session(transport=stub, retry=RetryConfig(max_attempts=3, base_delay=0)) as session:
        yield session.hosting


LOST = ConnectionLostError("the connection was lost")
DONE = StubResponse.json({})


async def test_all_attempts_of_a_call_carry_one_idempotency_token(
    retrying: SageMakerClient, stub: StubTransport
) -> None:
    stub.add(LOST, StubResponse.error("InternalFailure", "again", status=504), DONE, DONE)
    await retrying.call("StartPipelineExecution", {"PipelineName": "p"})
    await retrying.call("StartPipelineExecution", {"PipelineName": "p"})
    tokens = [json.loads(request.body)["ClientRequestToken"] for request in stub.requests]
    assert len(tokens) == 4
    assert len(set(tokens[:3])) == 1
    assert tokens[3] != tokens[0]
    assert {uuid.UUID(token).version for token in tokens} == {4}


async def test_a_given_idempotency_token_is_sent_and_the_fields_stay_as_they_were(
    retrying: SageMakerClient, stub: StubTransport
) -> None:
    stub.add(LOST, DONE, DONE)
    given = {"PipelineName": "p", "ClientRequestToken": "t" * 32}
    await retrying.call("DeletePipeline", given)
    assert [json.loads(request.body) for request in stub.requests] == [given, given]
    fields = {"PipelineName": "p", "ClientRequestToken": None}
    await retrying.call("DeletePipeline", fields)
    assert uuid.UUID(sent(stub)["ClientRequestToken"])
    assert fields["ClientRequestToken"] is None


async def test_what_takes_no_idempotency_token_gets_none_and_is_not_repeated(
    retrying: SageMakerClient, stub: StubTransport
) -> None:
    stub.add(LOST, DONE)
    with pytest.raises(ConnectionLostError):
        await retrying.call("CreateTrainingJob", {"TrainingJobName": "j"})
    assert [json.loads(request.body) for request in stub.requests] == [{"TrainingJobName": "j"}]


# --- pages -----------------------------------------------------------------------------------------------------------

FIRST = StubResponse.json({"Endpoints": [{"EndpointName": "a"}, {"EndpointName": "b"}], "NextToken": "t1"})
EMPTY = StubResponse.json({"Endpoints": [], "NextToken": "t2"})
LAST = StubResponse.json({"Endpoints": [{"EndpointName": "c"}]})


async def test_all_items_come_page_after_page(hosting: SageMakerClient, stub: StubTransport) -> None:
    stub.add(FIRST, EMPTY, LAST)
    names = [endpoint.endpoint_name async for endpoint in hosting.iter_endpoints(status_equals="InService")]
    assert names == ["a", "b", "c"]
    assert [json.loads(request.body) for request in stub.requests] == [
        {"StatusEquals": "InService"},
        {"StatusEquals": "InService", "NextToken": "t1"},
        {"StatusEquals": "InService", "NextToken": "t2"},
    ]


async def test_one_call_is_one_page(hosting: SageMakerClient, stub: StubTransport) -> None:
    stub.add(FIRST)
    page = await hosting.list_endpoints(max_results=2)
    assert (len(page.endpoints), page.next_token) == (2, "t1")


async def test_pages_can_be_had_as_they_come(hosting: SageMakerClient, stub: StubTransport) -> None:
    stub.add(FIRST, LAST)
    assert [page.next_token async for page in hosting.iter_endpoints(next_token="t0").pages()] == ["t1", None]
    assert [json.loads(request.body) for request in stub.requests] == [{"NextToken": "t0"}, {"NextToken": "t1"}]


async def test_nothing_more_is_asked_for_than_is_looked_at(hosting: SageMakerClient, stub: StubTransport) -> None:
    stub.add(FIRST)
    pages = hosting.iter_endpoints()
    assert stub.requests == []
    async for endpoint in pages:
        assert endpoint.endpoint_name == "a"
        break
    assert len(stub.requests) == 1


async def test_an_endless_list_is_an_error(hosting: SageMakerClient, stub: StubTransport) -> None:
    stub.add(FIRST, FIRST)
    with pytest.raises(ResponseError, match="twice in a row"):
        [endpoint async for endpoint in hosting.iter_endpoints()]


async def test_a_failed_page_is_raised_even_when_responses_carry_errors() -> None:
    stub = StubTransport(FIRST, StubResponse.error("ValidationException", "no"))
    async with Session(transport=stub, raise_response_errors=False) as session:
        with pytest.raises(ValidationError):
            [endpoint async for endpoint in session.hosting.iter_endpoints()]


async def test_lineage_is_iterated_by_vertices(hosting: SageMakerClient, stub: StubTransport) -> None:
    stub.add(StubResponse.json({"Vertices": [{"Arn": "a"}], "Edges": []}))
    assert [vertex.arn async for vertex in hosting.iter_lineage(max_depth=10)] == ["a"]


@pytest.mark.parametrize("name", ["list_endpoints", "ListEndpoints"])
async def test_a_paginator_is_boto3s(hosting: SageMakerClient, stub: StubTransport, name: str) -> None:
    stub.add(FIRST, LAST)
    paginator = hosting.get_paginator(name)
    config = {"PageSize": 2, "StartingToken": "t0"}
    pages = [page async for page in paginator.paginate(StatusEquals="InService", PaginationConfig=config)]
    assert [len(page.endpoints) for page in pages] == [2, 1]
    assert [json.loads(request.body) for request in stub.requests] == [
        {"StatusEquals": "InService", "MaxResults": 2, "NextToken": "t0"},
        {"StatusEquals": "InService", "MaxResults": 2, "NextToken": "t1"},
    ]


async def test_max_items_cuts_the_page_and_the_list_goes_on_from_there(
    hosting: SageMakerClient, stub: StubTransport
) -> None:
    stub.add(FIRST, FIRST, LAST)
    paginator = hosting.get_paginator("list_endpoints")
    pages = paginator.paginate(PaginationConfig={"MaxItems": "1"})
    assert [[item.endpoint_name for item in page.endpoints] async for page in pages] == [["a"]]
    rest = await paginator.paginate(PaginationConfig={"StartingToken": pages.resume_token}).build_full_result()
    assert [item.endpoint_name for item in rest["Endpoints"]] == ["b", "c"]
    assert "NextToken" not in rest
    assert [json.loads(request.body) for request in stub.requests] == [{}, {}, {"NextToken": "t1"}]


async def test_a_paginator_asks_for_no_page_beyond_max_items(hosting: SageMakerClient, stub: StubTransport) -> None:
    stub.add(FIRST)
    pages = hosting.get_paginator("list_endpoints").paginate(PaginationConfig={"MaxItems": 2})
    assert len([page async for page in pages]) == 1
    assert json.loads(base64.b64decode(pages.resume_token or "")) == {"NextToken": "t1"}


async def test_a_list_that_began_at_a_token_of_the_operation_goes_on_at_that_page(
    hosting: SageMakerClient, stub: StubTransport
) -> None:
    stub.add(FIRST)
    result = hosting.get_paginator("list_endpoints").paginate(NextToken="t0", PaginationConfig={"MaxItems": 1})
    token = (await result.build_full_result())["NextToken"]
    assert json.loads(base64.b64decode(token)) == {"NextToken": "t0", "boto_truncate_amount": 1}


async def test_pages_of_operations_without_shapes_are_cut_too(hosting: SageMakerClient, stub: StubTransport) -> None:
    stub.add(StubResponse.json({"TrainingJobSummaries": [{"TrainingJobName": "a"}, {"TrainingJobName": "b"}]}))
    pages = hosting.get_paginator("list_training_jobs").paginate(PaginationConfig={"MaxItems": 1})
    assert [page["TrainingJobSummaries"] async for page in pages] == [[{"TrainingJobName": "a"}]]


async def test_a_full_result_without_a_page_is_an_error_even_when_responses_carry_errors() -> None:
    stub = StubTransport(FIRST, StubResponse.error("ValidationException", "no"))
    async with Session(transport=stub, raise_response_errors=False) as session:
        with pytest.raises(ValidationError):
            await session.hosting.get_paginator("list_endpoints").paginate().build_full_result()


async def test_operations_without_shapes_have_pages_too(hosting: SageMakerClient, stub: StubTransport) -> None:
    summaries = {"TrainingJobSummaries": [{"TrainingJobName": "j"}]}
    stub.add(StubResponse.json({**summaries, "NextToken": "t"}), StubResponse.json(summaries))
    found = [job["TrainingJobName"] async for job in hosting.pages("ListTrainingJobs", {})]
    assert found == ["j", "j"]


def test_what_has_no_pages_says_so() -> None:
    hosting = Session(transport=StubTransport()).hosting
    assert hosting.can_paginate("list_models")
    assert hosting.can_paginate("list_training_jobs")
    assert not hosting.can_paginate("describe_endpoint")
    with pytest.raises(ConfigurationError, match="does not answer in pages"):
        hosting.get_paginator("describe_endpoint")
    with pytest.raises(ConfigurationError, match=r"did you mean ListModels\?"):
        hosting.can_paginate("list_modells")


@pytest.mark.parametrize(
    "config",
    [{"PageSize": 0}, {"MaxItems": "x"}, {"MaxItems": True}, {"MaxItems": -1}, {"Size": 1}, {"StartingToken": 1}],
)
def test_a_wrong_pagination_config_is_refused(config: dict[str, Any]) -> None:
    hosting = Session(transport=StubTransport()).hosting
    with pytest.raises(ConfigurationError, match="PaginationConfig"):
        hosting.get_paginator("list_models").paginate(PaginationConfig=config)
