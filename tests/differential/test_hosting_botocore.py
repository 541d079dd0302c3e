"""SageMaker hosting against botocore: what is generated, what is sent and what is read, and the tables beside it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import annotated_types
import botocore
import botocore.session
import pydantic
import pytest
from botocore import xform_name
from botocore.handlers import generate_idempotent_uuid
from botocore.model import ServiceModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagemaker_async.aws.protocols import build_request, parse_response
from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.shapes.models import aws_names, fields_of, validate_request
from sagemaker_async.hosting.enumerations import CLOSED
from sagemaker_async.hosting.generated import names, shapes
from sagemaker_async.hosting.generator import generate
from sagemaker_async.hosting.generator.patterns import translated
from sagemaker_async.hosting.operations import OPERATIONS, SAGEMAKER, modelled, unmodelled, with_token
from sagemaker_async.hosting.waiting import WAIT_RULES

METADATA = ResponseMetadata("id", 200, {}, ())
SERIALIZER = create_serializer("json", include_validation=True)
PARSER = create_parser("json")

VERSIONED = (
    r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?"
    r"([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)(\/[0-9]{1,9})?"
)
LINEAGE = (
    r"arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:"
    r"(experiment|experiment-trial-component|artifact|action|context)/.*"
)

ACCEPTED: dict[str, list[str]] = {
    r"(?!\s*$).+": ["a", " a ", "a/b?c#d"],
    r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)": ["", "team", "ä ö/1:2=3", "日本"],
    VERSIONED: [
        "package",
        "a-b/12",
        "arn:aws:sagemaker:us-east-1:123456789012:model-package/a-b/1",
        "a" * 63,
    ],
    r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:context\/)?([a-zA-Z0-9]([-_]*[a-zA-Z0-9]){0,119})": [
        "context",
        "a_-b",
        "arn:aws-cn:sagemaker:cn-north-1:123456789012:context/a",
    ],
    r"(https|s3)://([^/])/?(.*)": ["s3://bucket/key", "https://h/k?q#f"],
    r"(https|s3)://([^/]+)/?(.*)": ["s3://bucket", "s3://bucket/a/b", "https://host/k?q#f"],
    r".*": ["", "anything / ? #", "ä"],
    r".?P.*": ["P1D", "-PT1H"],
    r"/(?!.*\.\.)[a-zA-Z0-9/_.\-]+": ["/metrics", "/a.b/c", "/a.", "/."],
    r"[-0-9a-zA-Z]+": ["subnet-1", "-"],
    r"[A-Za-z0-9\.\-_]+": ["a.b-c_d"],
    r"[\S\s]*": ["", "a\r\nb", "\u2028"],
    r"[\S]+": ["123456789012.dkr.ecr.us-east-1.amazonaws.com/i:tag@sha256:1", "a/b?c#d"],
    r"[\s\S]+": ["a\nb", "x"],
    r"[\x21-\x7E]+": ["token-1", "!~/?#"],
    r"[a-zA-Z0-9-]+": ["a-b", "-"],
    r"[a-zA-Z0-9:/_-]*": ["", "arn:aws:kms:r:1:key/a_b"],
    r"[a-zA-Z0-9\-]+": ["a-b"],
    r"[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9+.])*": ["text/csv", "application/vnd.a+json"],
    r"[a-zA-Z0-9](-*[a-zA-Z0-9])*\/[a-zA-Z0-9](-*[a-zA-Z0-9.])*": ["text/csv", "application/json"],
    r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}": ["a", "a--b", "a" * 63],
    r"[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?": ["a", "a--b", "a" * 63],
    r"[a-zA-Z_][a-zA-Z0-9_]*": ["KEY", "_a1"],
    r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:.+": ["arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"],
    (
        r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{12}:(endpoint|inference-component)/"
        r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    ): [
        "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e",
        "arn:aws-cn:sagemaker:r:123456789012:inference-component/c",
    ],
    r"arn:aws[a-z-]*:sns:[a-z0-9-]*:[0-9]{12}:[a-zA-Z0-9_.-]+": ["arn:aws:sns:us-east-1:123456789012:topic"],
    r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+": ["arn:aws:iam::123456789012:role/service-role/R"],
    LINEAGE: [
        "arn:aws:sagemaker:us-east-1:123456789012:context/c",
    ],
    r"arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z0-9\-]{1,14}/.*": [
        "arn:aws:sagemaker:us-east-1:123456789012:reservation/r",
    ],
    r"arn:aws[a-z\-]*:sns:[a-z0-9\-]*:[0-9]{12}:[a-zA-Z0-9_.-]+": ["arn:aws:sns:us-east-1:123456789012:topic"],
    r"mig-[0-9]+g\.[0-9]+gb([+-][a-z0-9.]+)*": ["mig-1g.5gb", "mig-2g.20gb+me.1"],
}  # fmt: skip
"""Values that AWS accepts, by AWS's pattern."""

TAKES_LINE_BREAKS = {r"[\S\s]*", r"[\s\S]+"}
TAKES_ANYTHING_IN_A_LINE = {
    r"(?!\s*$).+", r"(https|s3)://([^/])/?(.*)", r"(https|s3)://([^/]+)/?(.*)", r".*", r".?P.*", r"[\S]+",
    r"[\x21-\x7E]+",
    r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:.+",
    LINEAGE,
    r"arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z0-9\-]{1,14}/.*",
    *TAKES_LINE_BREAKS,
}  # fmt: skip
TAKES_SLASHES_AT_THE_END = {
    r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", r"[a-zA-Z0-9:/_-]*", r"/(?!.*\.\.)[a-zA-Z0-9/_.\-]+",
    r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+", *TAKES_ANYTHING_IN_A_LINE,
}  # fmt: skip


SERVICE: ServiceModel = botocore.session.get_session().get_service_model("sagemaker")


def shapes_of(shape: Shape | None, found: dict[str, Any]) -> dict[str, Any]:
    if shape is None or shape.name in found:
        return found
    found[shape.name] = shape
    parts: list[Shape] = []
    if shape.type_name == "structure":
        parts = list(shape.members.values())
    elif shape.type_name == "list":
        parts = [shape.member]
    elif shape.type_name == "map":
        parts = [shape.key, shape.value]
    for part in parts:
        shapes_of(part, found)
    return found


INPUT_SHAPES: dict[str, Any] = {}
for operation_name in OPERATIONS:
    shapes_of(SERVICE.operation_model(operation_name).input_shape, INPUT_SHAPES)


# --- what is generated -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    return generate.generated()


def test_what_is_checked_in_is_what_the_generator_writes(generated: dict[str, str]) -> None:
    if botocore.__version__ == names.BOTOCORE_VERSION:
        paths = set(generate.GENERATED.rglob("*.py")) - {generate.GENERATED / "__init__.py"}
        checked_in = {str(path.relative_to(generate.GENERATED)): path.read_text(encoding="utf-8") for path in paths}
        assert checked_in == generated, "run python -m sagemaker_async.hosting.generator.generate"
    else:  # a newer botocore knows more; what is generated from it must still be Python
        for name, text in generated.items():
            compile(text, name, "exec")


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_member_of_botocores_version_is_there_with_its_bounds(name: str) -> None:
    operation = modelled(name)
    theirs = SERVICE.operation_model(name)
    for ours, shape in ((operation.request, theirs.input_shape), (operation.response, theirs.output_shape)):
        members = dict(shape.members) if shape is not None else {}
        known = set(aws_names(ours).values()) - {"metadata", "error"}
        if botocore.__version__ == names.BOTOCORE_VERSION:
            assert known == set(members)
        else:
            assert known <= set(members)
    for field in operation.request.model_fields.values():
        member = theirs.input_shape.members[field.alias]
        assert field.is_required() == (field.alias in theirs.input_shape.required_members)
        if field.is_required():
            expected = {key: member.metadata[key] for key in ("min", "max") if member.metadata.get(key)}
            assert {key: value for key, value in bounds(field).items() if value} == expected


def bounds(field: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in field.metadata:
        match item:
            case annotated_types.MinLen(value) | annotated_types.Ge(value):
                found["min"] = value
            case annotated_types.MaxLen(value) | annotated_types.Le(value):
                found["max"] = value
    return found


def test_core_dumps_data_capture_and_container_configurations_are_modelled() -> None:
    assert "core_dump_config" in shapes.ProductionVariant.model_fields
    assert "core_dump_config" in shapes.ProductionVariantOutput.model_fields
    for shape in (shapes.CreateEndpointConfigRequest, shapes.DescribeEndpointConfigResponse):
        assert "data_capture_config" in shape.model_fields
    for shape in (shapes.CreateModelRequest, shapes.DescribeModelResponse):
        assert {"inference_execution_config", "vpc_config"} <= set(shape.model_fields)
    for container in (shapes.ContainerDefinition, shapes.ContainerDefinitionOutput):
        assert {"image_config", "multi_model_config"} <= set(container.model_fields)


@pytest.mark.parametrize("name", sorted(names.OPERATION_NAMES))
def test_idempotency_tokens_are_filled_in_where_botocore_does(name: str) -> None:
    model = SERVICE.operation_model(name)
    theirs: dict[str, Any] = {}
    generate_idempotent_uuid(theirs, model)
    ours = with_token(name, {})
    if botocore.__version__ == names.BOTOCORE_VERSION:
        assert set(ours) == set(theirs)
    assert unmodelled(name).repeatable or not ours
    for member, token in ours.items():
        rules = model.input_shape.members[member].metadata
        assert rules.get("min", 0) <= len(token) <= rules["max"]
        assert re.fullmatch(rules.get("pattern", ".*"), token)


ENUMS = {shape.name: shape for shape in INPUT_SHAPES.values() if shape.metadata.get("enum")}


@pytest.mark.parametrize("name", sorted(ENUMS))
def test_every_value_that_botocore_knows_passes_without_a_word(name: str, caplog: pytest.LogCaptureFixture) -> None:
    if botocore.__version__ != names.BOTOCORE_VERSION:
        pytest.skip("another botocore knows other values")
    adapter = pydantic.TypeAdapter(getattr(shapes, f"{name}Input"))
    values = ENUMS[name].metadata["enum"]
    assert [adapter.validate_python(value) for value in values] == values
    assert caplog.records == []
    if name in CLOSED:
        with pytest.raises(pydantic.ValidationError, match="must be one of"):
            adapter.validate_python("ANewerValue")
    else:
        assert adapter.validate_python("ANewerValue") == "ANewerValue"
        assert f"{name}: this version does not know the value 'ANewerValue'" in caplog.text


# --- patterns --------------------------------------------------------------------------------------------------------

PATTERNS = {shape.metadata["pattern"]: shape.name for shape in INPUT_SHAPES.values() if shape.metadata.get("pattern")}


def refused(pattern: str, value: str) -> bool:
    adapter = pydantic.TypeAdapter(pydantic.constr(pattern=translated(pattern)))  # type: ignore[misc]
    try:
        adapter.validate_python(value)
    except pydantic.ValidationError:
        return True
    return False


def test_the_table_of_accepted_values_covers_every_pattern() -> None:
    assert set(PATTERNS) <= set(ACCEPTED)


@pytest.mark.parametrize("pattern", ACCEPTED)
def test_a_translated_pattern_accepts_what_aws_accepts(pattern: str) -> None:
    assert [value for value in ACCEPTED[pattern] if refused(pattern, value)] == []


@pytest.mark.parametrize("pattern", ACCEPTED)
def test_a_translated_pattern_matches_whole_values(pattern: str) -> None:
    value = max(ACCEPTED[pattern], key=len)
    for character in "\r\n":
        assert refused(pattern, value + character) == (pattern not in TAKES_LINE_BREAKS), character
        assert refused(pattern, character + value) == (pattern not in TAKES_LINE_BREAKS), character
    for character in "?#":
        assert refused(pattern, value + character) == (pattern not in TAKES_ANYTHING_IN_A_LINE), character
    assert refused(pattern, value + "/") == (pattern not in TAKES_SLASHES_AT_THE_END)


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        (r"(?!\s*$).+", ""),
        (r"(?!\s*$).+", " \t "),
        (r"/(?!.*\.\.)[a-zA-Z0-9/_.\-]+", "/a/../b"),
        (r"/(?!.*\.\.)[a-zA-Z0-9/_.\-]+", "/.."),
        (r"/(?!.*\.\.)[a-zA-Z0-9/_.\-]+", "/"),
        (VERSIONED, "a-"),
        (VERSIONED, "a-/1"),
        (VERSIONED, "a" * 64),
        (r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "a/../b"),
        (r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "a-"),
        (r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+", "arn:aws:iam::١٢٣٤٥٦٧٨٩٠١٢:role/R"),
        (r"[\S]+", "a b"),
        (r"(https|s3)://([^/]+)/?(.*)", "s3://"),
        (r"(https|s3)://([^/]+)/?(.*)", "s3://bu\r\ncket/key"),
    ],
)
def test_a_translated_pattern_refuses_what_look_around_and_anchors_refuse(pattern: str, value: str) -> None:
    assert refused(pattern, value)


# --- what is sent ----------------------------------------------------------------------------------------------------


def texts(shape: Any) -> st.SearchStrategy[str]:
    if shape.metadata.get("enum"):
        newer = [] if shape.name in CLOSED else ["ANewerValue"]
        return st.sampled_from([*shape.metadata["enum"], *newer])
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 40)
    pattern = shape.metadata.get("pattern")
    if pattern is None:
        return st.text(min_size=low, max_size=max(low, min(high, 20)))
    return st.sampled_from([value for value in ACCEPTED[pattern] if low <= len(value) <= high])


@st.composite
def inputs(draw: st.DrawFn, shape: Any, constrained: bool = True) -> tuple[Any, Any]:
    """Return a value for botocore and the same for us, where structures may be in Python's spelling."""
    limits = shape.metadata if constrained else {}
    match shape.type_name:
        case "structure":
            theirs: dict[str, Any] = {}
            ours: dict[str, Any] = {}
            python_spelling = draw(st.booleans())
            for name, member in shape.members.items():
                if name in shape.required_members or draw(st.integers(0, 3)) == 0:
                    value, same = draw(inputs(member))
                    theirs[name] = value
                    field = {"Json": "json_"}.get(name, xform_name(name))
                    ours[field if python_spelling else name] = same
            return theirs, ours
        case "list":
            low = limits.get("min", 0)
            pairs = [draw(inputs(shape.member)) for _ in range(draw(st.integers(low, max(low, 2))))]
            pairs = pairs[: limits.get("max", 2)]
            return [a for a, _ in pairs], [b for _, b in pairs]
        case "map":
            size = draw(st.integers(limits.get("min", 0), 2))
            items = {draw(inputs(shape.key))[0]: draw(inputs(shape.value))[0] for _ in range(size)}
            return items, items
        case "string":
            value: Any = draw(texts(shape))
        case "integer" | "long":
            low = limits.get("min", 0)
            value = draw(st.integers(low, limits.get("max", low + 1000)))
        case "float" | "double":
            value = draw(st.floats(limits.get("min", -1e6), 1e6, allow_nan=False) | st.integers(1, 1000))
        case "boolean":
            value = draw(st.booleans())
        case "timestamp":
            value = draw(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
            value = value.replace(tzinfo=draw(st.sampled_from([None, UTC])))
        case _:
            raise AssertionError(shape.type_name)
    return value, value


QUICK = settings(
    max_examples=40,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


@pytest.mark.parametrize("name", OPERATIONS)
def test_random_inputs_serialise_as_botocores(name: str) -> None:
    operation = modelled(name)
    model = SERVICE.operation_model(name)

    @QUICK
    @given(inputs(model.input_shape))
    def check(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
        theirs, ours = pair
        expected = SERIALIZER.serialize_to_request(theirs, model)
        request = build_request(
            operation, fields_of(validate_request(operation.request, name, ours)), "https://host", "", {}
        )
        assert json.loads(request.body) == json.loads(expected["body"])
        assert (request.method, request.target) == (expected["method"], expected["url_path"])
        assert dict(request.headers) == expected["headers"]

    check()


# --- what is read ----------------------------------------------------------------------------------------------------


@st.composite
def outputs(draw: st.DrawFn, shape: Any) -> Any:
    """Return a value as it comes in JSON."""
    match shape.type_name:
        case "structure":
            return {
                name: draw(outputs(member))
                for name, member in shape.members.items()
                if name in shape.required_members or draw(st.integers(0, 2)) == 0
            }
        case "list":
            return [draw(outputs(shape.member)) for _ in range(draw(st.integers(0, 2)))]
        case "map":
            return {draw(st.text(max_size=5)): draw(outputs(shape.value)) for _ in range(draw(st.integers(0, 2)))}
        case "string":
            known = shape.metadata.get("enum") or []
            return draw(st.sampled_from([*known, "ANewerValue"]) | st.text(max_size=20))
        case "integer" | "long":
            return draw(st.integers(-(2**31), 2**31))
        case "float" | "double":
            return draw(st.floats(-1e9, 1e9, allow_nan=False))
        case "boolean":
            return draw(st.booleans())
        case "timestamp":
            return draw(st.integers(0, 4_000_000_000_000)) / 1000
    raise AssertionError(shape.type_name)


@pytest.mark.parametrize("name", OPERATIONS)
def test_random_outputs_parse_as_botocores(name: str) -> None:
    operation = modelled(name)
    shape = SERVICE.operation_model(name).output_shape

    @QUICK
    @given(outputs(shape) if shape is not None else st.just({}))
    def check(members: dict[str, Any]) -> None:
        body = json.dumps(members).encode()
        expected = PARSER.parse({"status_code": 200, "headers": {}, "body": body}, shape)
        expected.pop("ResponseMetadata", None)
        response = parse_response(operation, {}, body, METADATA)
        assert response.model_dump(by_alias=True, exclude_unset=True) == expected

    check()


# --- tables ----------------------------------------------------------------------------------------------------------


def test_the_service_is_the_models() -> None:
    metadata = SERVICE.metadata
    assert (SAGEMAKER.target_prefix, SAGEMAKER.endpoint_rules.signing_name) == ("SageMaker", "sagemaker")
    assert (metadata["targetPrefix"], metadata["signingName"], metadata["jsonVersion"]) == (
        "SageMaker",
        "sagemaker",
        "1.1",
    )


def test_every_error_of_the_modelled_operations_has_its_class() -> None:
    errors = {shape.name for name in OPERATIONS for shape in SERVICE.operation_model(name).error_shapes}
    assert errors <= set(SAGEMAKER.errors)


def test_what_answers_in_pages_is_what_botocore_pages_and_query_lineage() -> None:
    client = botocore.session.get_session().create_client("sagemaker", region_name="us-east-1")
    theirs = {name for name in SERVICE.operation_names if client.can_paginate(xform_name(name))}
    assert theirs - set(names.ITEMS) == set() or botocore.__version__ != names.BOTOCORE_VERSION
    assert set(names.ITEMS) - theirs <= {"QueryLineage"}
    paged = {row.name for row in OPERATIONS.values() if row.items is not None}
    assert paged == {
        name
        for name in OPERATIONS
        if (shape := SERVICE.operation_model(name).output_shape) is not None and "NextToken" in shape.members
    }


def test_every_waiter_of_botocore_is_there_with_its_operation_and_statuses() -> None:
    loader = botocore.session.get_session().get_component("data_loader")
    theirs = loader.load_service_model("sagemaker", "waiters-2")["waiters"]
    assert set(theirs) <= set(WAIT_RULES)
    for name, waiter in theirs.items():
        rules = WAIT_RULES[name]
        statuses: dict[str, set[str]] = {"success": set(), "failure": set()}
        for acceptor in waiter["acceptors"]:
            if acceptor["matcher"] == "path":
                assert acceptor["argument"] == rules.status
                statuses[acceptor["state"]].add(acceptor["expected"])
        assert rules.operation == waiter["operation"]
        assert (rules.interval, rules.attempts) == (waiter["delay"], waiter["maxAttempts"])
        assert rules.success == statuses["success"]
        assert rules.failure == statuses["failure"] or (rules.in_progress and not rules.failure)
        assert rules.in_progress is None or not rules.in_progress & statuses["failure"]
