"""The operations and shapes of SageMaker Runtime and of inference routers against botocore's models, member by member.

Differences on purpose, each with its reason in `DIFFERENCES`; anything else is a failure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import botocore.session
import pytest
from botocore.model import OperationModel, ServiceModel

from sagemaker_async.aws.shapes.models import aws_names
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.errors import InternalStreamFailure, ModelStreamError
from sagemaker_async.runtime import operations
from sagemaker_async.runtime.routers import operations as router_operations

OPERATIONS = {
    operation.name: operation
    for table in (operations, router_operations)
    for operation in vars(table).values()
    if isinstance(operation, Operation)
}
SERVICES = ("sagemaker-runtime", "sagemaker-inference-router-runtime")

DIFFERENCES: dict[tuple[str, str], tuple[Any, Any]] = {
    # The model's 6 MiB are stale: real-time endpoints take 25 MB. Config.max_body_bytes is the limit.
    ("InvokeEndpoint", "Body.max"): (6_291_456, None),
    ("InvokeEndpointWithResponseStream", "Body.max"): (6_291_456, None),
    # The limit of an inline body is the operation's, so that its message can say what to do instead.
    ("InvokeEndpointAsync", "Body.max"): (128_000, None),
    ("InvokeInferenceRouter", "Body.max"): (6_291_456, None),
}


@pytest.fixture(scope="module")
def services() -> dict[str, ServiceModel]:
    session = botocore.session.get_session()
    return {name: session.get_service_model(name) for name in SERVICES}


@pytest.fixture(params=sorted(OPERATIONS))
def pair(request: pytest.FixtureRequest, services: dict[str, ServiceModel]) -> tuple[Operation, OperationModel]:
    ours = OPERATIONS[request.param]
    return ours, services[ours.service.name].operation_model(request.param)


def test_every_operation_of_the_models_is_in_the_tables_but_those_over_http_2(
    services: dict[str, ServiceModel],
) -> None:
    names = [name for service in services.values() for name in service.operation_names]
    assert set(OPERATIONS) == {name for name in names if "Bidirectional" not in name}


def test_method_path_and_payload_are_the_models(pair: tuple[Operation, OperationModel]) -> None:
    ours, theirs = pair
    names = aws_names(ours.request)
    assert ours.method == theirs.http["method"]
    assert ours.path.format(**{name: f"{{{aws}}}" for name, aws in names.items()}) == theirs.http["requestUri"]
    body = ours.request_body
    assert (body.aws_name if body is not None else None) == theirs.input_shape.serialization.get("payload")
    assert ours.streaming == theirs.has_event_stream_output


def test_request_members_go_where_the_model_says(pair: tuple[Operation, OperationModel]) -> None:
    ours, theirs = pair
    names = aws_names(ours.request)
    headers = {names[field]: header for field, header in ours.request_headers.items()}
    expected = {
        name: member.serialization["name"]
        for name, member in theirs.input_shape.members.items()
        if member.serialization.get("location") == "header"
    }
    assert headers == expected
    in_the_path = {
        name for name, member in theirs.input_shape.members.items() if member.serialization.get("location") == "uri"
    }
    assert in_the_path == {names[field] for field in ours.path_fields}
    assert set(names.values()) == set(theirs.input_shape.members)


def constraints(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bounds of a field's schema under botocore's names."""
    bounds = {"min_length": "min", "ge": "min", "max_length": "max", "le": "max"}
    return {bounds[rule]: value for rule, value in schema.items() if rule in bounds}


def test_request_bounds_and_requirements_are_the_models(pair: tuple[Operation, OperationModel]) -> None:
    ours, theirs = pair
    assert ours.compiled is not None
    differences = {}
    for field in ours.compiled.fields:
        member = theirs.input_shape.members[field.aws_name]
        bounds = constraints(field.schema)
        for bound in ("min", "max"):
            limit = member.metadata.get(bound) or None  # a least length of 0 is none
            if limit != bounds.get(bound):
                differences[ours.name, f"{field.aws_name}.{bound}"] = (limit, bounds.get(bound))
    body = ours.request_body
    if body is not None and (limit := theirs.input_shape.members[body.aws_name].metadata.get("max")):
        differences[ours.name, f"{body.aws_name}.max"] = (limit, None)
    for each in (*ours.compiled.fields, *([body] if body is not None else [])):
        assert each.required == (each.aws_name in theirs.input_shape.required_members), each.aws_name
        sensitive = theirs.input_shape.members[each.aws_name].metadata.get("sensitive", False)
        assert each.sensitive == sensitive == (each.aws_name in ours.sensitive), each.aws_name
    assert differences == {key: value for key, value in DIFFERENCES.items() if key[0] == ours.name}


def test_every_text_that_travels_in_a_header_has_a_pattern(pair: tuple[Operation, OperationModel]) -> None:
    ours, theirs = pair
    assert ours.compiled is not None
    for field in ours.compiled.fields:
        if theirs.input_shape.members[field.aws_name].type_name != "string":
            continue
        assert field.schema["pattern"].startswith(r"\A("), field.name
        assert field.schema["pattern"].endswith(r")\z"), field.name


@pytest.mark.parametrize("name", ["InvokeEndpointAsync", "InvokeInferenceRouter"])
def test_the_limit_of_other_bodies_is_the_models(services: dict[str, ServiceModel], name: str) -> None:
    ours = OPERATIONS[name]
    members = services[ours.service.name].operation_model(name).input_shape.members
    assert ours.max_body_bytes == members["Body"].metadata["max"]


def test_response_members_come_from_where_the_model_says(pair: tuple[Operation, OperationModel]) -> None:
    ours, theirs = pair
    expected = {
        name: member.serialization["name"]
        for name, member in theirs.output_shape.members.items()
        if member.serialization.get("location") == "header"
    }
    assert dict(ours.response_headers) == expected
    names = set(aws_names(ours.response).values()) - {"metadata", "error"}
    assert names == set(theirs.output_shape.members)
    assert ours.response_body == theirs.output_shape.serialization.get("payload") or ours.streaming
    for field in ours.response.model_fields.values():
        member = theirs.output_shape.members.get(field.alias or "")
        if member is not None and member.metadata.get("sensitive"):
            assert not field.repr, field.alias
            assert field.alias in ours.sensitive, field.alias


def test_errors_are_the_models_each_with_its_members(pair: tuple[Operation, OperationModel]) -> None:
    ours, theirs = pair
    known = {**ours.service.errors, **ours.errors}
    expected = {shape.name for shape in theirs.error_shapes}
    in_the_stream = {ModelStreamError.__name__, InternalStreamFailure.__name__}
    assert set(known) == expected - in_the_stream
    for shape in theirs.error_shapes:
        for member in shape.members:
            snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in member).strip("_")
            attribute = {"message": "error_message"}.get(snake, snake)
            kind = known.get(shape.name) or (
                ModelStreamError if shape.name == "ModelStreamError" else InternalStreamFailure
            )
            instance = (
                kind("text", status=400, code=shape.name) if shape.name in known else kind("text")  # type: ignore[call-arg]
            )
            assert hasattr(instance, attribute) or hasattr(instance, snake), (shape.name, member)
