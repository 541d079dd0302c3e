"""`runtime.generated` is what its generator makes of the models, and validates as they do."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path
from typing import Annotated, Any

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagemaker_async.aws.client import ServiceClient
from sagemaker_async.aws.shapes.models import AsBody, InHeader, RequestShape, aws_names, fields_of, validate_request
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.errors import RequestValidationError
from sagemaker_async.runtime import operations
from sagemaker_async.runtime.client import SageMakerRuntimeClient
from sagemaker_async.runtime.generated import requests, router_requests
from sagemaker_async.runtime.generator import requests as generator
from sagemaker_async.runtime.routers import operations as router_operations
from sagemaker_async.runtime.routers.client import InferenceRouterClient

OPERATIONS = {
    "invoke_endpoint": operations.INVOKE_ENDPOINT,
    "invoke_endpoint_with_response_stream": operations.INVOKE_ENDPOINT_WITH_RESPONSE_STREAM,
    "invoke_endpoint_async": operations.INVOKE_ENDPOINT_ASYNC,
    "invoke_inference_router": router_operations.INVOKE_INFERENCE_ROUTER,
    "invoke_inference_router_async": router_operations.INVOKE_INFERENCE_ROUTER_ASYNC,
}


@pytest.mark.parametrize("target", generator.TARGETS, ids=lambda path: path.stem)
def test_the_module_is_what_the_generator_makes_of_the_models(target: Path) -> None:
    assert target.read_text() == generator.compiled(generator.TARGETS[target]), f"run python -m {generator.__name__}"


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_each_field_travels_in_the_path_in_a_header_or_as_the_body(operation: Operation) -> None:
    assert operation.compiled is not None
    travelling = {*operation.path_fields, *operation.compiled.headers}
    body = [operation.request_body.name] if operation.request_body is not None else []
    assert {*travelling, *body} == set(operation.request.model_fields)
    assert len(operation.compiled.fields) == len(travelling)


def outcome(validate: typing.Callable[[], dict[str, Any]]) -> Any:
    """Return the fields that are there, or what is said of those that break rules."""
    try:
        return {name: value for name, value in validate().items() if value is not None}
    except RequestValidationError as error:
        return [(problem.field, problem.aws_name, problem.rule) for problem in error.problems]


LIKELY = st.text("aZ0-_ /.\n\x00\u00e9", max_size=6) | st.sampled_from(
    ["NEW_SESSION", "s3://b/k", "a" * 63, "a" * 64, "a" * 256, "a" * 257, "a" * 1024, "a" * 1025, "-", "\ud800", ""]
)
OTHERS = st.integers(-1, 21601) | st.booleans() | st.floats() | st.binary(max_size=3) | st.lists(st.integers())


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@given(data=st.data())
def test_it_accepts_refuses_and_explains_as_the_model_does(operation: Operation, data: st.DataObject) -> None:
    assert operation.compiled is not None
    body = operation.request_body.name if operation.request_body is not None else None
    names = [name for name in operation.request.model_fields if name != body]
    spellings = [*names, *(operation.names[name] for name in names), "nope", "Nope"]
    values = data.draw(st.dictionaries(st.sampled_from(spellings), LIKELY | OTHERS | st.text(max_size=70)))
    if data.draw(st.booleans()):
        values = {operation.names[name]: "e" for name in operation.path_fields} | values

    def by_the_model() -> dict[str, Any]:
        given = values if body is None else {**values, body: b""}
        fields = fields_of(validate_request(operation.request, operation.name, given))
        return {name: value for name, value in fields.items() if name != body}

    compiled = operation.compiled
    assert outcome(lambda: compiled.validated_fields(operation.name, values)) == outcome(by_the_model)


class Lax(RequestShape):
    name: str = pydantic.Field(alias="Name")


def plain(value: str) -> str:
    return value


class WithFunction(RequestShape):
    name: Annotated[str, pydantic.Field(strict=True), pydantic.AfterValidator(plain)] = pydantic.Field(alias="Name")


@pytest.mark.parametrize(("model", "reason"), [(Lax, "not strict"), (WithFunction, "not strict|cannot say")])
def test_what_a_literal_cannot_say_is_refused(model: type[RequestShape], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        generator.compiled({"OPERATION": model})


class Small(RequestShape):
    name: Annotated[str, pydantic.Field(strict=True, max_length=3)] = pydantic.Field(alias="Name", repr=False)
    kind: Annotated[Annotated[str, pydantic.Field(strict=True)] | None, InHeader("X-Kind")] = pydantic.Field(
        None, alias="Kind", description="is a kind"
    )
    body: Annotated[bytes | None, AsBody(instead="kind")] = pydantic.Field(None, alias="Body")


def test_a_model_becomes_one_row_for_each_field() -> None:
    made: dict[str, Any] = {}
    exec(generator.compiled({"SMALL": Small}), made)
    small = made["SMALL"]
    assert [tuple(field) for field in small.fields] == [
        ("name", "Name", {"type": "str", "max_length": 3}, True, None, True, None),
        ("kind", "Kind", {"type": "str"}, False, "X-Kind", False, "is a kind"),
    ]
    assert tuple(small.body) == ("body", "Body", False, False, ("kind", "Kind"))
    assert made["SmallAWSFields"].__annotations__.keys() == {"Name", "Kind", "Body"}


# --- the keywords of the methods -------------------------------------------------------------------------------------

OPTIONS = {"timeout", "on_chunk_sent", "on_chunk_received", "stream_body"}


def client_with(method: str) -> type[ServiceClient]:
    return InferenceRouterClient if "router" in method else SageMakerRuntimeClient


@pytest.mark.parametrize("method", OPERATIONS)
def test_the_keywords_of_a_method_are_the_fields_of_its_request(method: str) -> None:
    signature = inspect.signature(getattr(client_with(method), method))
    keywords = [each.name for each in signature.parameters.values() if each.kind is each.KEYWORD_ONLY]
    assert set(keywords) - OPTIONS == set(OPERATIONS[method].names)
    assert all(signature.parameters[name].default is None for name in keywords if name != "stream_body")


@pytest.mark.parametrize(
    ("method", "aws_fields"),
    [
        ("invoke_endpoint", requests.InvokeEndpointAWSFields),
        ("invoke_endpoint_with_response_stream", requests.InvokeEndpointWithResponseStreamAWSFields),
        ("invoke_endpoint_async", requests.InvokeEndpointAsyncAWSFields),
        ("invoke_inference_router", router_requests.InvokeInferenceRouterAWSFields),
        ("invoke_inference_router_async", router_requests.InvokeInferenceRouterAsyncAWSFields),
    ],
)
def test_a_field_has_the_same_type_in_both_spellings(method: str, aws_fields: Any) -> None:
    operation = OPERATIONS[method]
    hints = typing.get_type_hints(getattr(client_with(method), method))
    in_aws = typing.get_type_hints(aws_fields)
    assert hints["aws_fields"] == typing.Unpack[aws_fields]
    assert set(in_aws) == set(aws_names(operation.request).values())
    for name, aws_name in operation.names.items():
        assert hints[name] == in_aws[aws_name] | None, name
        optional = type(None) in typing.get_args(in_aws[aws_name])
        assert optional == (not operation.request.model_fields[name].is_required()), name
