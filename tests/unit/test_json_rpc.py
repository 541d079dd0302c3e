"""AWS's JSON 1.1 protocol: one path, the operation in a header field, JSON objects both ways."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pydantic
import pytest

from sagemaker_async.aws.endpoints import EndpointRules
from sagemaker_async.aws.protocols import build_request, parse_response, service_error
from sagemaker_async.aws.protocols.structures import (
    RequestStructure,
    RequestTimestamp,
    ResponseStructure,
    Timestamp,
)
from sagemaker_async.aws.retries import RetryRules
from sagemaker_async.aws.shapes.deferred import DeferredShapes
from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.shapes.models import (
    RequestShape,
    ResponseShape,
    fields_of,
    validate_request,
)
from sagemaker_async.aws.shapes.operation import Operation, Service
from sagemaker_async.aws.shapes.requests import unchecked_fields
from sagemaker_async.errors import (
    AccessDeniedError,
    RequestValidationError,
    ResourceNotFound,
    ResponseError,
    ServiceError,
    ThrottlingError,
)


class Leaf(RequestStructure):
    name: str = pydantic.Field(alias="Name", max_length=5)
    count: int | None = pydantic.Field(default=None, alias="Count")


class LeafOutput(ResponseStructure):
    name: str = pydantic.Field(default=None, alias="Name")  # type: ignore[assignment]
    count: int | None = pydantic.Field(default=None, alias="Count")


class OtherOutput(ResponseStructure):
    name: str | None = pydantic.Field(default=None, alias="Name")


class ThingRequest(RequestShape):
    leaf: Leaf | None = pydantic.Field(default=None, alias="Leaf")
    leaves: list[Leaf] | None = pydantic.Field(default=None, alias="Leaves")
    by_name: dict[str, str] | None = pydantic.Field(default=None, alias="ByName")
    at: RequestTimestamp | None = pydantic.Field(default=None, alias="At")
    data: bytes | None = pydantic.Field(default=None, alias="Data")


class ThingResponse(ResponseShape):
    leaf: LeafOutput | None = pydantic.Field(default=None, alias="Leaf")
    at: Timestamp | None = pydantic.Field(default=None, alias="At")
    status: str = pydantic.Field(default=None, alias="Status")  # type: ignore[assignment]


SERVICE = Service(
    name="things",
    endpoint_rules=EndpointRules(service="things", signing_name="things", prefix="things", fips_prefix="things-fips"),
    retry_rules=RetryRules(),
    protocol="json-rpc",
    target_prefix="Things_2017",
    errors={"ResourceNotFound": ResourceNotFound},
)
OPERATION = Operation(name="MakeThing", service=SERVICE, shapes=DeferredShapes.of(ThingRequest, ThingResponse))
METADATA = ResponseMetadata("id", 200, {}, ())


def sent(**fields: Any) -> Any:
    shape = validate_request(ThingRequest, "MakeThing", fields)
    return json.loads(build_request(OPERATION, fields_of(shape), "https://host", "", {}).body)


def answered(members: Any) -> Any:
    return parse_response(OPERATION, {}, json.dumps(members).encode(), METADATA)


def test_a_request_names_its_operation_in_a_header_field_and_goes_to_one_path() -> None:
    shape = validate_request(ThingRequest, "MakeThing", {})
    request = build_request(OPERATION, fields_of(shape), "https://host", "/base", {"User-Agent": "us"})
    assert request == (
        "POST",
        "https://host",
        "/base/",
        {"User-Agent": "us", "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Things_2017.MakeThing"},
        b"{}",
    )


def test_both_spellings_and_instances_are_sent_alike() -> None:
    expected = {"Leaf": {"Name": "a", "Count": 1}, "Leaves": [{"Name": "b"}]}
    assert sent(leaf={"name": "a", "count": 1}, leaves=[{"Name": "b"}]) == expected
    assert sent(Leaf={"Name": "a", "Count": 1}, Leaves=({"name": "b", "count": None},)) == expected
    assert sent(leaf=Leaf(name="a", count=1), leaves=[Leaf(Name="b")]) == expected  # type: ignore[call-arg]


def test_keys_of_maps_are_sent_as_they_are() -> None:
    assert sent(by_name={"leaf": "x", "by_name": "y"}) == {"ByName": {"leaf": "x", "by_name": "y"}}


def test_what_was_answered_can_be_sent_back_with_members_nobody_knows() -> None:
    leaf = answered({"Leaf": {"Name": "a", "Newer": {"X": [1]}}}).leaf
    assert sent(leaf=leaf, leaves=[leaf]) == {
        "Leaf": {"Name": "a", "Newer": {"X": [1]}},
        "Leaves": [{"Name": "a", "Newer": {"X": [1]}}],
    }


def test_what_was_answered_is_checked_when_it_is_sent_back() -> None:
    with pytest.raises(RequestValidationError, match=r"leaf\.name \(Leaf\.Name\): must have at most 5 characters"):
        sent(leaf=LeafOutput(Name="too long"))


def test_a_structure_of_another_kind_is_refused() -> None:
    with pytest.raises(RequestValidationError, match="leaf"):
        sent(leaf=OtherOutput(Name="a"))


def test_a_member_given_twice_is_refused() -> None:
    with pytest.raises(RequestValidationError, match="twice, as name and as Name; give it once"):
        sent(leaf={"name": "a", "Name": "a"})


def test_every_broken_rule_is_listed_under_both_names() -> None:
    with pytest.raises(RequestValidationError) as caught:
        sent(leaf={"count": 1}, leaves=[{"name": "a"}, {"nope": 1, "Name": "much too long"}])
    assert [(problem.field, problem.aws_name) for problem in caught.value.problems] == [
        ("leaf.name", "Leaf.Name"),
        ("leaves.1.name", "Leaves.1.Name"),
        ("leaves.1.nope", "Leaves.1.nope"),
    ]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (dt.datetime(2017, 7, 14, 2, 40, tzinfo=dt.UTC), 1_500_000_000),
        (dt.datetime(2017, 7, 14, 2, 40), 1_500_000_000),  # noqa: DTZ001 - UTC, as botocore has it
        (dt.datetime(2017, 7, 14, 4, 40, tzinfo=dt.timezone(dt.timedelta(hours=2))), 1_500_000_000),
        (dt.datetime(2017, 7, 14, 2, 40, 0, 500_000, tzinfo=dt.UTC), 1_500_000_000.5),
        (dt.datetime(1969, 12, 31, 23, 59, 59, tzinfo=dt.UTC), -1),
        (1_500_000_000, 1_500_000_000),
        ("2017-07-14T02:40:00Z", 1_500_000_000),
        ("1500000000", 1_500_000_000),
    ],
)
def test_moments_are_sent_as_seconds(given: Any, seconds: float) -> None:
    assert sent(at=given) == {"At": seconds}


@pytest.mark.parametrize("given", ["soon", object(), True, float("nan"), 1e300])
def test_what_is_no_moment_is_refused(given: Any) -> None:
    with pytest.raises(RequestValidationError, match="must be a datetime"):
        sent(at=given)


def test_blobs_are_base64() -> None:
    assert sent(data=b"\x00\xff") == {"Data": "AP8="}


def test_unchecked_requests_are_renamed_all_the_same() -> None:
    values = {"leaf": {"name": "much too long"}, "Leaves": [{"Name": "a", "nope": 1}]}
    fields = unchecked_fields("MakeThing", OPERATION.names, values, ())
    request = build_request(OPERATION, fields, "https://host", "", {})
    assert json.loads(request.body) == {"Leaf": {"Name": "much too long"}, "Leaves": [{"Name": "a", "nope": 1}]}


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ({1, 2}, "it is of type set"),
        (float("inf"), "it is inf"),
        ({"deep": [object()]}, "it is of type object"),
        ({1: "a"}, "has a key that is not a str but of type int"),
    ],
)
def test_unchecked_values_that_are_no_json_are_refused_with_their_place(value: Any, rule: str) -> None:
    fields = unchecked_fields("MakeThing", OPERATION.names, {"by_name": value}, ())
    with pytest.raises(RequestValidationError, match=rule) as caught:
        build_request(OPERATION, fields, "https://host", "", {})
    assert caught.value.problems[0].field.startswith("ByName")


def test_moments_come_back_aware() -> None:
    assert answered({"At": 1_500_000_000.25}).at == dt.datetime(2017, 7, 14, 2, 40, 0, 250_000, tzinfo=dt.UTC)
    assert answered({"At": "2017-07-14T02:40:00Z"}).at == dt.datetime(2017, 7, 14, 2, 40, tzinfo=dt.UTC)


def test_null_means_absent_at_every_depth() -> None:
    response = answered({"At": None, "Status": None, "Leaf": {"Name": None, "New": {"a": None}}})
    assert (response.at, response.status, response.leaf.name) == (None, None, None)
    assert response.leaf.model_extra == {"New": {}}


def test_unknown_members_and_values_survive_a_round_trip() -> None:
    members = {"Status": "Newer", "Leaf": {"Name": "a", "New": [1]}, "More": {"b": 2.5}}
    assert answered(members).model_dump(by_alias=True, exclude_unset=True) == members


def test_an_empty_answer_has_no_members() -> None:
    response = parse_response(OPERATION, {}, b"", METADATA)
    assert response.metadata is METADATA
    assert response.status is None


def test_members_called_as_our_own_change_nothing() -> None:
    response = answered({"metadata": {"a": 1}, "error": "x", "Status": "S"})
    assert (response.metadata, response.error, response.status) == (METADATA, None, "S")


@pytest.mark.parametrize("body", [b"[]", b"<html>", b"\xff\xfe", b"1", b"[" * 100_000])
def test_what_is_no_object_is_a_response_error(body: bytes) -> None:
    with pytest.raises(ResponseError):
        parse_response(OPERATION, {}, body, METADATA)


@pytest.mark.parametrize("members", [{"At": "x"}, {"Leaf": 1}, {"Leaf": {"Count": "many"}}, {"At": 1e400}])
def test_members_of_the_wrong_type_are_a_response_error(members: Any) -> None:
    with pytest.raises(ResponseError, match=r"At|Leaf"):
        answered(members)


@pytest.mark.parametrize(
    ("body", "kind", "code", "message"),
    [
        (b'{"__type":"ResourceNotFound","Message":"no"}', ResourceNotFound, "ResourceNotFound", "no"),
        (
            b'{"__type":"com.amazonaws.things#ResourceNotFound","message":"no"}',
            ResourceNotFound,
            "ResourceNotFound",
            "no",
        ),
        (b'{"__type":"ThrottlingException","message":"slow"}', ThrottlingError, "ThrottlingException", "slow"),
        (b'{"__type":"AccessDeniedException","Message":"no"}', AccessDeniedError, "AccessDeniedException", "no"),
        (b'{"__type":"Strange","message":"?"}', ServiceError, "Strange", "?"),
    ],
)
def test_an_error_is_the_class_of_its_type(body: bytes, kind: type, code: str, message: str) -> None:
    error = service_error(OPERATION, 400, {}, body)
    assert type(error) is kind
    assert (error.code, error.error_message, error.status) == (code, message, 400)
