"""Who the caller is: the query protocol, and an answer that is kept for as long as the credentials are."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from sagemaker_async import Credentials, Session, StubResponse, StubTransport
from sagemaker_async.aws.protocols import parse_response, service_error
from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.sts import GET_CALLER_IDENTITY, CallerIdentity
from sagemaker_async.errors import (
    AccessDeniedError,
    ExpiredTokenError,
    GatewayError,
    ResponseError,
    ServiceError,
    SignatureError,
)

METADATA = ResponseMetadata("id", 200, {}, ())
IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>arn:aws:iam::123456789012:user/A&amp;B</Arn>
    <UserId>AIDA</UserId>
    <Account>123456789012</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata><RequestId>01234567</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>"""
REFUSAL = b"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error><Type>Sender</Type><Code>%s</Code><Message>no</Message></Error><RequestId>1</RequestId>
</ErrorResponse>"""

KEYS = Credentials("AKID", "secret")


def session_with(transport: StubTransport, **fields: Any) -> Session:
    return Session(transport=transport, **{"credentials": KEYS, **fields})


async def test_the_account_is_asked_for_with_a_form_and_once() -> None:
    stub = StubTransport(StubResponse(200, IDENTITY))
    async with session_with(stub) as session:
        identity = CallerIdentity(session)
        assert await identity.account_id() == "123456789012"
        assert await identity.account_id() == "123456789012"
    [request] = stub.requests
    assert (request.method, request.target, request.body) == (
        "POST",
        "/",
        b"Action=GetCallerIdentity&Version=2011-06-15",
    )
    assert request.origin == "https://sts.us-east-1.amazonaws.com"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded; charset=utf-8"
    assert "/us-east-1/sts/aws4_request" in request.headers["Authorization"]


async def test_each_session_asks_about_its_own_credentials() -> None:

    stub = StubTransport(
        StubResponse(200, IDENTITY), StubResponse(200, IDENTITY.replace(b"123456789012", b"210987654321"))
    )
    async with session_with(stub) as first, session_with(stub, credentials=Credentials("B", "s")) as second:
        assert await CallerIdentity(first).account_id() == "123456789012"
        assert await CallerIdentity(second).account_id() == "210987654321"


async def test_credentials_that_know_their_account_are_not_asked_about() -> None:
    stub = StubTransport()
    async with session_with(stub, credentials=Credentials("A", "s", account_id="111122223333")) as session:
        assert await CallerIdentity(session).account_id() == "111122223333"
    assert stub.requests == []


async def test_a_failure_is_raised_even_when_responses_carry_errors() -> None:
    stub = StubTransport(StubResponse(403, REFUSAL % b"AccessDenied"))
    async with session_with(stub, raise_response_errors=False) as session:
        with pytest.raises(AccessDeniedError, match="no"):
            await CallerIdentity(session).account_id()


def test_an_answer_is_read_with_its_entities() -> None:
    response = parse_response(GET_CALLER_IDENTITY, {}, IDENTITY, METADATA)
    assert (response.account, response.user_id, response.arn) == (
        "123456789012",
        "AIDA",
        "arn:aws:iam::123456789012:user/A&B",
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<a>",
        b"\xff\xfe",
        b"<GetCallerIdentityResponse/>",
        IDENTITY.replace(b"Account>", b"Other>"),
        b'<!DOCTYPE a [<!ENTITY b "123">]><a>&b;</a>',
        IDENTITY[:-5],
    ],
)
def test_what_is_no_such_answer_is_a_response_error(body: bytes) -> None:
    with pytest.raises(ResponseError):
        parse_response(GET_CALLER_IDENTITY, {}, body, METADATA)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (b"AccessDenied", AccessDeniedError),
        (b"ExpiredToken", ExpiredTokenError),
        (b"InvalidClientTokenId", SignatureError),
        (b"Strange", ServiceError),
    ],
)
def test_errors_are_read_from_xml(code: bytes, kind: type) -> None:
    error = service_error(GET_CALLER_IDENTITY, 400, {"x-amzn-RequestId": "1"}, REFUSAL % code)
    assert type(error) is kind
    assert (error.code, error.error_message, error.request_id) == (code.decode(), "no", "1")


@pytest.mark.timeout(20)
def test_xml_takes_time_and_memory_in_proportion_to_its_size() -> None:
    nested = b"<a>" * 10_000 + b"</a>" * 10_000
    tracemalloc.start()
    try:
        service_error(GET_CALLER_IDENTITY, 400, {}, nested)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 * len(nested)
    # The parser hands out the text of an element line by line; two megabytes joined anew with each would be minutes.
    lines = b"x\n" * 1_000_000
    error = service_error(GET_CALLER_IDENTITY, 400, {}, REFUSAL.replace(b"no", lines) % b"SlowDown")
    assert error.error_message == lines.decode().rstrip()


def test_an_error_that_is_not_xml_is_what_its_status_says() -> None:
    assert type(service_error(GET_CALLER_IDENTITY, 502, {}, b"bad gateway <")) is GatewayError
