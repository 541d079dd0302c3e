"""The rest-json protocol as values: shapes to requests, answers to responses and errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from multidict import CIMultiDict
from pydantic import Field

from sagemaker_async.aws.endpoints import EndpointRules
from sagemaker_async.aws.protocols import (
    body_excerpt,
    build_request,
    error_facts,
    parse_response,
    request_id,
    service_error,
)
from sagemaker_async.aws.retries import RetryRules
from sagemaker_async.aws.shapes.deferred import DeferredShapes
from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.shapes.models import RequestShape, ResponseShape, fields_of
from sagemaker_async.aws.shapes.operation import Operation, Service
from sagemaker_async.errors import (
    AccessDeniedError,
    ExpiredTokenError,
    GatewayError,
    InternalFailure,
    ModelError,
    ResponseError,
    ServiceError,
    ServiceUnavailable,
    SignatureError,
    ThrottlingError,
    ValidationError,
)


class Ask(RequestShape):
    name: str = Field(alias="Name")
    part: str | None = Field(default=None, alias="Part")
    kind: str | None = Field(default=None, alias="Kind")
    count: int | None = Field(default=None, alias="Count")


class Answer(ResponseShape):
    place: str | None = Field(default=None, alias="Place")
    id: str | None = Field(default=None, alias="Id")


class Blob(ResponseShape):
    body: bytes = Field(alias="Body")


SERVICE = Service(
    name="service",
    endpoint_rules=EndpointRules(service="service", signing_name="service", prefix="service", fips_prefix="fips"),
    retry_rules=RetryRules(null_message_is_throttling=True),
    errors={"Shared": ValidationError},
)
OPERATION = Operation(
    name="Ask",
    service=SERVICE,
    path="/things/{name}/parts/{part}",
    shapes=DeferredShapes.of(Ask, Answer),
    request_headers={"kind": "X-Kind", "count": "X-Count"},
    response_headers={"Place": "X-Place"},
    errors={"ModelError": ModelError},
)
BLOB = Operation(
    name="Fetch", service=SERVICE, path="/", shapes=DeferredShapes.of(Ask, Blob), response_body="Body", method="GET"
)
METADATA = ResponseMetadata("id", 200, {}, ())


def built(**fields: Any) -> Any:
    return build_request(
        OPERATION, fields_of(Ask(Name="n", **fields)), "https://service.example", "", {"User-Agent": "a"}
    )


# --- requests --------------------------------------------------------------------------------------------------------


def test_fields_go_to_the_path_and_the_headers_and_the_body_is_left_to_the_client() -> None:
    request = built(Part="p", Kind="k", Count=3)
    assert request == (
        "POST",
        "https://service.example",
        "/things/n/parts/p",
        {"User-Agent": "a", "X-Kind": "k", "X-Count": "3"},
        b"",
    )


def test_headers_come_in_the_tables_order_whatever_the_order_given() -> None:
    assert list(built(Count=3, Kind="k", Part="p").headers) == ["User-Agent", "X-Kind", "X-Count"]


@pytest.mark.parametrize(
    ("part", "encoded"),
    [("a/b", "a%2Fb"), ("..", ".."), ("a b?#%", "a%20b%3F%23%25"), ("h\u00e9", "h%C3%A9"), ("~-._", "~-._")],
)
def test_path_segments_are_encoded_once(part: str, encoded: str) -> None:
    assert built(Part=part).target == f"/things/n/parts/{encoded}"


def test_what_is_not_given_is_not_sent() -> None:
    request = built(Part="p")
    assert (request.headers, request.body) == ({"User-Agent": "a"}, b"")


def test_a_base_path_comes_first_and_the_common_headers_are_not_changed() -> None:
    common = {"User-Agent": "a"}
    request = build_request(OPERATION, fields_of(Ask(Name="n", Part="p", Kind="k")), "https://h", "/base", common)
    assert (request.target, common) == ("/base/things/n/parts/p", {"User-Agent": "a"})


# --- responses -------------------------------------------------------------------------------------------------------


def test_response_fields_come_from_headers_and_the_json_body() -> None:
    headers = CIMultiDict({"x-place": "there"})
    answer = parse_response(OPERATION, headers, b'{"Id": "1", "New": [1]}', METADATA)
    assert (answer.place, answer.id, answer.metadata) == ("there", "1", METADATA)
    assert answer.model_extra == {"New": [1]}


def test_an_empty_body_is_an_empty_object() -> None:
    assert parse_response(OPERATION, {}, b"", METADATA).id is None


def test_a_body_field_is_the_body_as_it_came() -> None:
    assert parse_response(BLOB, {}, b"\x00\xff", METADATA).body == b"\x00\xff"


def test_a_member_cannot_pass_for_what_this_package_adds() -> None:
    answer = parse_response(OPERATION, {}, b'{"metadata": 1, "error": "oops", "Id": "1"}', METADATA)
    assert (answer.metadata, answer.error) == (METADATA, None)


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'"text"', b"\xff\xfe", b"[" * 100_000, b"null"])
def test_a_body_that_is_no_json_object_is_a_response_error_that_shows_it(body: bytes) -> None:
    with pytest.raises(ResponseError, match="Ask answers a JSON object; this is") as caught:
        parse_response(OPERATION, {}, body, METADATA)
    assert caught.value.status == 200
    assert len(str(caught.value)) < 400


def test_a_field_of_the_wrong_type_is_a_response_error_that_names_it() -> None:
    with pytest.raises(ResponseError, match="the answer's Id is missing or of the wrong type"):
        parse_response(OPERATION, {}, b'{"Id": {"secret": 1}}', METADATA)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "empty"),
        (b"<html>\r\n\x1b[2J", "'<html>   [2J'"),
        (b"\xff", "'\N{REPLACEMENT CHARACTER}'"),
        (b"x" * 201, f"'{'x' * 200}'..."),
    ],
)
def test_a_foreign_body_is_shown_bounded_and_printable(body: bytes, text: str) -> None:
    assert body_excerpt(body) == text


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({"x-amzn-requestid": "a"}, "a"), ({"X-Amz-Request-Id": "b"}, "b"), ({}, None)],
)
def test_the_request_id_is_found_under_either_name(headers: dict[str, str], expected: str | None) -> None:
    assert request_id(CIMultiDict(headers)) == expected


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "members", "code"),
    [
        ("Name", {}, "Name"),
        ("Name:http://internal.amazon.com/coral/com.amazon.coral.service/", {}, "Name"),
        ("aws.protocol#Name:http://x", {}, "Name"),
        (None, {"__type": "com.amazon#Name"}, "Name"),
        (None, {"code": "Name"}, "Name"),
        (None, {"Code": "Name"}, "Name"),
        ("Name", {"__type": "Other"}, "Name"),
        (None, {"code": 404}, None),
        (None, {}, None),
        ("", {"code": ""}, None),
    ],
)
def test_the_code_is_found_and_stripped(header: str | None, members: dict[str, Any], code: str | None) -> None:
    headers = {} if header is None else {"X-Amzn-ErrorType": header}
    assert error_facts(CIMultiDict(headers), json.dumps(members).encode()).code == code


@pytest.mark.parametrize(
    ("body", "message", "null"),
    [
        (b'{"Message": "m"}', "m", False),
        (b'{"message": "m"}', "m", False),
        (b'{"message": null}', None, True),
        (b'{"Message": null}', None, True),
        (b"{}", None, False),
        (b"", None, False),
        (b"null", None, False),
        (b"<html>", None, False),
        (b"\xff", None, False),
        (b'{"message": 3}', None, False),
        (b"[" * 100_000, None, False),
    ],
)
def test_the_message_is_found_and_null_is_told_from_missing(body: bytes, message: str | None, null: bool) -> None:
    facts = error_facts({}, body)
    assert (facts.message, facts.null_message) == (message, null)


def failure(status: int, code: str | None = None, body: bytes = b'{"Message": "m"}', **headers: str) -> ServiceError:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if code is not None:
        fields["x-amzn-ErrorType"] = code
    return service_error(OPERATION, status, CIMultiDict(fields), body)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (424, "ModelError", ModelError),
        (400, "Shared", ValidationError),
        (400, "ThrottlingException", ThrottlingError),
        (502, "ThrottlingException", ThrottlingError),
        (403, "ExpiredTokenException", ExpiredTokenError),
        (403, "InvalidSignatureException", SignatureError),
        (403, "UnrecognizedClientException", SignatureError),
        (400, "AccessDeniedException", AccessDeniedError),
        (403, "Unheard", AccessDeniedError),
        (403, None, AccessDeniedError),
        (413, None, ValidationError),
        (429, None, ThrottlingError),
        (500, None, InternalFailure),
        (502, None, GatewayError),
        (503, "Unheard", ServiceUnavailable),
        (504, None, GatewayError),
        (418, "Unheard", ServiceError),
        (302, None, ServiceError),
    ],
)
def test_the_code_decides_before_the_status(status: int, code: str | None, kind: type[ServiceError]) -> None:
    error = failure(status, code)
    assert type(error) is kind
    assert error.status == status


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((400, "Shared"), "HTTP 400 Shared: m"),
        ((503,), "HTTP 503: m"),
        ((503, "X", b""), "HTTP 503 X: X; the body is empty"),
        ((502, None, b"<h1>Bad Gateway</h1>"), "HTTP 502: no AWS error; the body is '<h1>Bad Gateway</h1>'"),
        ((400, "Shared", b'{"a": 1}'), "HTTP 400 Shared: Shared without a message"),
        ((400, None, b'{"message": null}'), "HTTP 400 ThrottlingException: an error without a message"),
    ],
)
def test_the_message_says_what_came(arguments: tuple[Any, ...], message: str) -> None:
    assert str(failure(*arguments)) == message


def test_an_operation_that_nothing_there_knows_points_to_the_url() -> None:
    assert "check that the endpoint URL leads to this service" in failure(404, "UnknownOperationException", b"").message
    said = failure(400, "UnknownOperationException", b'{"message": "Not offered."}').message
    assert said == "Not offered."


def test_a_body_that_was_too_large_is_explained() -> None:
    message = failure(413, None, b"").message
    assert "larger than this service takes" in message
    assert "Config.max_body_bytes" in message


def test_null_in_the_place_of_a_message_is_throttling_at_400_alone() -> None:
    disguised = failure(400, None, b'{"message": null}')
    assert (type(disguised), disguised.code, disguised.null_message) == (ThrottlingError, "ThrottlingException", True)
    assert type(failure(404, None, b'{"message": null}')) is ServiceError


def test_facts_of_the_answer_are_on_the_error() -> None:
    body = json.dumps(
        {"Message": "m", "OriginalStatusCode": 500, "OriginalMessage": "boom", "LogStreamArn": "arn:x"}
    ).encode()
    error = failure(424, "ModelError", body, x_amzn_RequestId="id", x_amz_retry_after="250")
    assert isinstance(error, ModelError)
    assert (error.code, error.error_message, error.request_id, error.retry_after) == ("ModelError", "m", "id", 0.25)
    assert (error.original_status_code, error.original_message, error.log_stream_arn) == (500, "boom", "arn:x")
    assert error.fields["OriginalMessage"] == "boom"
