"""`ServiceClient`: what is checked before a call is sent, and what is remembered of it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async import Config, SageMakerRuntimeClient, Session, StubResponse, StubTransport
from sagemaker_async.aws.client import REMEMBERED_HEADS, PreparedCall
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.interceptors import CallContext, Interceptor
from sagemaker_async.errors import ConfigurationError, RequestValidationError
from sagemaker_async.local import LocalSageMaker
from sagemaker_async.runtime.operations import INVOKE_ENDPOINT, INVOKE_ENDPOINT_ASYNC


@pytest.fixture
def stub() -> StubTransport:
    return StubTransport(otherwise=StubResponse(body=b"answer"))


@pytest.fixture
def client(stub: StubTransport) -> SageMakerRuntimeClient:
    return SageMakerRuntimeClient(transport=stub)


def prepared(client: SageMakerRuntimeClient, **fields: Any) -> PreparedCall:
    return client.prepare(INVOKE_ENDPOINT, {"endpoint_name": "e", "body": b"x", **fields})


def problems(client: SageMakerRuntimeClient, operation: Any, **fields: Any) -> dict[str, str]:
    with pytest.raises(RequestValidationError) as caught:
        client.prepare(operation, fields)
    assert caught.value.__context__ is None
    return {problem.field: problem.rule for problem in caught.value.problems}


# --- what is checked -------------------------------------------------------------------------------------------------


def test_a_prepared_call_says_what_it_is_on_and_holds_checked_fields_without_the_body(
    client: SageMakerRuntimeClient,
) -> None:
    call = client.prepare(INVOKE_ENDPOINT, {"EndpointName": "e", "Body": "text", "accept": None, "ContentType": "a/b"})
    assert (call.resource, call.body) == ("e", b"text")
    assert call.head.fields == {"endpoint_name": "e", "content_type": "a/b"}


def test_all_that_is_wrong_is_said_at_once_whether_it_is_the_body_or_a_field(client: SageMakerRuntimeClient) -> None:
    found = problems(client, INVOKE_ENDPOINT, endpoint_name=b"e", body=7, Body=b"", accept="\n", nope=1)
    assert list(found) == ["body", "endpoint_name", "accept", "nope"]
    assert found["endpoint_name"] == "must be a str, got bytes"
    assert found["body"] == "is given twice, as body and as Body; give it once"


def test_a_body_that_is_too_large_is_one_of_several_problems() -> None:
    client = SageMakerRuntimeClient(transport=StubTransport(), max_body_bytes=3)
    found = problems(client, INVOKE_ENDPOINT, endpoint_name="", body=b"1234")
    assert found["body"] == "must have at most 3 bytes (Config.max_body_bytes), has 4"
    assert set(found) == {"body", "endpoint_name"}


def test_a_body_is_required_even_when_the_same_fields_were_sent_with_one(client: SageMakerRuntimeClient) -> None:
    client.prepare(INVOKE_ENDPOINT, {"endpoint_name": "e", "body": b""})
    assert problems(client, INVOKE_ENDPOINT, endpoint_name="e") == {"body": "is required"}


def test_a_body_and_a_location_exclude_each_other_even_when_the_same_fields_were_sent_before(
    client: SageMakerRuntimeClient,
) -> None:
    only_location = {"endpoint_name": "e", "input_location": "s3://b/k"}
    client.prepare(INVOKE_ENDPOINT_ASYNC, only_location)
    client.prepare(INVOKE_ENDPOINT_ASYNC, {"endpoint_name": "e", "body": b"x"})
    exactly_one = "give exactly one of body (inline) and input_location"
    both = problems(client, INVOKE_ENDPOINT_ASYNC, **only_location, body=b"x")
    assert both == {"input_location": f"{exactly_one}; both were given"}
    for nothing in ({}, {"body": b""}, {"body": None}):
        neither = problems(client, INVOKE_ENDPOINT_ASYNC, endpoint_name="e", **nothing)
        assert neither == {"input_location": f"{exactly_one}; neither was given"}


async def test_a_file_without_content_is_no_input(client: SageMakerRuntimeClient, stub: StubTransport) -> None:
    with pytest.raises(RequestValidationError, match=r"body \(Body\): has nothing to read.* input_location"):
        await client.invoke_endpoint_async(endpoint_name="e", body=io.BytesIO())
    assert not stub.requests


# --- what is remembered ----------------------------------------------------------------------------------------------


def test_calls_that_differ_in_the_body_alone_share_a_head(client: SageMakerRuntimeClient) -> None:
    head = prepared(client).head
    for body in (b"", b"y", "text", io.BytesIO(b"file")):
        assert prepared(client, body=body).head is head
    others = [prepared(client, accept="a/b"), prepared(client, accept="a/c"), prepared(client, endpoint_name="f")]
    assert len({head, *(other.head for other in others)}) == 4
    assert client.prepare(INVOKE_ENDPOINT_ASYNC, {"endpoint_name": "e", "body": b"x"}).head is not head


async def test_calls_that_share_a_head_are_sent_each_with_its_body_and_signature(
    client: SageMakerRuntimeClient, stub: StubTransport
) -> None:
    for body in (b"one", b"two", b""):
        await client.invoke_endpoint(endpoint_name="e", body=body, accept="a/b")
    assert [request.body for request in stub.requests] == [b"one", b"two", b""]
    assert len({request.headers["Authorization"] for request in stub.requests}) == 3
    assert len({request.headers["Accept"] for request in stub.requests}) == 1


def test_numbers_that_are_equal_and_not_as_valid_are_not_taken_for_one_another(client: SageMakerRuntimeClient) -> None:
    fields = {"endpoint_name": "e", "input_location": "s3://b/k"}
    client.prepare(INVOKE_ENDPOINT_ASYNC, {**fields, "invocation_timeout_seconds": 1})
    for equal in (1.0, True):
        assert problems(client, INVOKE_ENDPOINT_ASYNC, **fields, invocation_timeout_seconds=equal)


def test_what_was_refused_is_refused_again(client: SageMakerRuntimeClient) -> None:
    for _ in range(2):
        assert problems(client, INVOKE_ENDPOINT, endpoint_name="no/name", body=b"")


def test_fields_that_vary_with_each_call_do_not_fill_the_memory(client: SageMakerRuntimeClient) -> None:
    for number in range(3 * REMEMBERED_HEADS):
        prepared(client, inference_id=str(number))
        assert len(client._heads) <= REMEMBERED_HEADS


class OfEachCall(Interceptor):
    """Adds a header field to each call, in the way that is documented and in place."""

    def __init__(self) -> None:
        self.calls = 0

    async def before_call(self, call: CallContext, request: HTTPRequest) -> HTTPRequest:
        with pytest.raises(TypeError):
            request.headers["X-Leak"] = "1"  # type: ignore[index]
        return request._replace(headers={**request.headers, f"X-Begun-{self.calls}": "1"})

    async def before_attempt(self, call: CallContext, request: HTTPRequest) -> HTTPRequest:
        self.calls += 1
        request.headers["X-Call"] = str(self.calls)  # type: ignore[index]
        return request


async def test_what_an_interceptor_does_to_one_call_does_not_show_in_the_next(stub: StubTransport) -> None:
    async with SageMakerRuntimeClient(transport=stub, interceptors=[OfEachCall()]) as client:
        for _ in range(3):
            await client.invoke_endpoint(endpoint_name="e", body=b"x")
    assert [request.headers["X-Call"] for request in stub.requests] == ["1", "2", "3"]
    for number, request in enumerate(stub.requests):
        assert [name for name in request.headers if name.startswith("X-Begun")] == [f"X-Begun-{number}"]
    assert all("x-call" in request.headers["Authorization"] for request in stub.requests)
    assert len({request.headers["Authorization"] for request in stub.requests}) == 3


async def test_checks_that_the_profile_turns_off_are_off_once_it_was_read(
    local: LocalSageMaker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    profile = tmp_path / "config"
    profile.write_text("[default]\nparameter_validation = false\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(profile))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    local.add_endpoint("e", lambda body: body)
    async with Session(**local.client_options) as session:
        too_long = {"endpoint_name": "e", "body": b"x", "enable_explanations": "a" * 65}
        with pytest.raises(RequestValidationError, match="enable_explanations"):
            await session.runtime.invoke_endpoint(**too_long)
        valid = {"endpoint_name": "e", "body": b"x", "accept": "a/b"}
        checked = session.runtime.prepare(INVOKE_ENDPOINT, valid)
        await session.runtime.send(checked)
        unchecked = session.runtime.prepare(INVOKE_ENDPOINT, too_long)
        assert unchecked.head.fields["enable_explanations"] == "a" * 65
        assert session.runtime.prepare(INVOKE_ENDPOINT, valid).head.fields == checked.head.fields


# --- what is shared --------------------------------------------------------------------------------------------------


def test_what_has_no_channel_cannot_be_shared() -> None:
    with pytest.raises(ConfigurationError, match="a client is made from a Session, a Config or nothing, not from str"):
        SageMakerRuntimeClient("us-east-1")  # type: ignore[arg-type]


def test_options_are_refused_where_a_session_is_shared() -> None:
    with pytest.raises(ConfigurationError, match="region: options belong to the session"):
        SageMakerRuntimeClient(Session(Config()), region="us-east-1")
