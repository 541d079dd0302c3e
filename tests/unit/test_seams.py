"""The places where a program puts its own code or changes what the client does, through a session's public options."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import pytest

from sagemaker_async import Config, PayloadPart, Predictor, RetryConfig, Session, StubResponse, StubTransport, Timeouts
from sagemaker_async.aws.http import ChunkCallback, HTTPRequest, HTTPResponse
from sagemaker_async.aws.interceptors import AttemptOutcome, CallContext, Interceptor
from sagemaker_async.errors import (
    CallError,
    ConfigurationError,
    ModelStreamError,
    RequestValidationError,
    ThrottlingError,
    ValidationError,
)
from sagemaker_async.local import InStreamError, LocalSageMaker, Throttle

INVOKE: dict[str, Any] = {"endpoint_name": "echo", "body": b"hello"}


# --- interceptors ----------------------------------------------------------------------------------------------------


class Tagger(Interceptor):
    """Adds a header field to every attempt and notes what became of it."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def before_attempt(self, call: CallContext, request: HTTPRequest) -> HTTPRequest:
        return request._replace(headers={**request.headers, "X-Tag": call.operation})

    async def after_attempt(self, outcome: AttemptOutcome) -> None:
        self.outcomes.append(outcome.attempt.outcome)


async def test_what_an_interceptor_adds_is_signed_and_arrives_at_every_attempt(local: LocalSageMaker) -> None:
    """The embedded SageMaker would refuse a field of a signed request that was changed after it was signed."""
    local.add_endpoint("echo", lambda body: body).faults.append(Throttle())
    tagger = Tagger()
    async with Session(**local.client_options, interceptors=[tagger], retry=RetryConfig(base_delay=0)) as session:
        assert await Predictor("echo", session).predict(b"hello") == b"hello"
    assert tagger.outcomes == ["400 ThrottlingException", "200"]
    for request in local.requests:
        assert request.headers["X-Tag"] == "InvokeEndpoint"
        assert "x-tag" in request.headers["Authorization"]


# --- a transport of one's own ----------------------------------------------------------------------------------------


class Counting:
    """A transport around another one, as a program may write it."""

    def __init__(self, inner: StubTransport) -> None:
        self._inner = inner
        self.sent = 0
        self.closed = False

    @property
    def in_use(self) -> int:
        return self._inner.in_use

    async def send(
        self, request: HTTPRequest, timeouts: Timeouts, on_chunk_sent: ChunkCallback | None = None
    ) -> HTTPResponse:
        self.sent += 1
        return await self._inner.send(request, timeouts, on_chunk_sent)

    async def close(self) -> None:
        self.closed = True


async def test_any_object_with_send_and_close_carries_the_requests(local: LocalSageMaker) -> None:
    transport = Counting(StubTransport(StubResponse(200, b"hello")))
    async with Session(**local.client_options, transport=transport) as session:
        assert (await session.runtime.invoke_endpoint(**INVOKE)).body == b"hello"
    assert (transport.sent, transport.closed) == (1, True)
    assert not local.requests


# --- progress --------------------------------------------------------------------------------------------------------


async def test_progress_of_a_large_body_is_told_both_ways(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("echo", lambda body: body)
    sent: list[tuple[bytes, int, int | None]] = []
    received: list[tuple[bytes, int, int | None]] = []
    body = b"x" * 1_000_000
    response = await session.runtime.invoke_endpoint(
        endpoint_name="echo",
        body=body,
        on_chunk_sent=lambda *progress: sent.append(progress),
        on_chunk_received=lambda *progress: received.append(progress),
    )
    assert response.body == body
    for progress in (sent, received):
        assert len(progress) > 1
        assert [so_far for _, so_far, _ in progress] == list(accumulate(len(chunk) for chunk, _, _ in progress))
        assert b"".join(chunk for chunk, _, _ in progress) == body
        assert progress[-1][1:] == (1_000_000, 1_000_000)


async def test_progress_of_a_stream_has_no_total(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("echo", lambda body: body)
    received: list[tuple[bytes, int, int | None]] = []
    async with session.runtime.invoke_endpoint_with_response_stream(
        **INVOKE, on_chunk_received=lambda *progress: received.append(progress)
    ) as response:
        assert [event async for event in response.body] == [PayloadPart(b"hello")]
    assert received
    assert all(total is None for _, _, total in received)


async def test_callbacks_that_take_two_arguments_get_the_numbers_alone() -> None:
    seen: list[tuple[int, int | None]] = []

    def numbers(so_far: int, total: int | None) -> None:
        seen.append((so_far, total))

    stub = StubTransport(StubResponse(200, b"answer", {"Content-Length": "6"}))
    async with Session(transport=stub) as session:
        await session.runtime.invoke_endpoint(**INVOKE, on_chunk_sent=numbers, on_chunk_received=numbers)
    assert seen == [(5, 5), (6, 6)]


async def coroutine(chunk: bytes, so_far: int, total: int | None) -> None: ...


@pytest.mark.parametrize("callback", [7, lambda: None, lambda a: None, lambda a, b, c, d: None, coroutine])
@pytest.mark.parametrize("name", ["on_chunk_sent", "on_chunk_received"])
async def test_callbacks_that_cannot_be_told_are_refused_before_anything_is_sent(name: str, callback: Any) -> None:
    stub = StubTransport()
    async with Session(transport=stub) as session:
        with pytest.raises(ConfigurationError, match=rf"{name} must be a callable \(chunk, bytes so far, total"):
            await session.runtime.invoke_endpoint(**INVOKE, **{name: callback})
    assert stub.requests == []


# --- streams by handlers ---------------------------------------------------------------------------------------------


async def test_dispatch_hands_each_event_to_its_handler(local: LocalSageMaker, session: Session) -> None:
    endpoint = local.add_endpoint("echo", lambda body: body)
    endpoint.faults.extend([None, InStreamError("ModelStreamError", "StreamBroken")])
    parts: list[bytes] = []
    failures: list[str | None] = []

    async def on_failure(error: ModelStreamError) -> None:
        failures.append(error.error_code)

    for _ in range(2):
        response = await session.runtime.invoke_endpoint_with_response_stream(**INVOKE)
        await response.dispatch(on_payload_part=lambda part: parts.append(part.bytes), on_model_stream_error=on_failure)
    assert (parts, failures) == ([b"hello", b"hello"], ["StreamBroken"])
    assert session.connections_in_use == 0


# --- errors as values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["invoke_endpoint", "invoke_endpoint_async"])
async def test_a_failure_may_be_a_value_on_the_response(local: LocalSageMaker, operation: str) -> None:
    endpoint = local.add_endpoint("echo", lambda body: body)
    endpoint.faults.extend([Throttle(), Throttle()])
    options: dict[str, Any] = {**local.client_options, "retry": RetryConfig(base_delay=0, max_attempts=2)}
    async with Session(**options, raise_response_errors=False) as session:
        call = getattr(session.runtime, operation)
        failed = await call(**INVOKE)
        assert isinstance(failed.error, ThrottlingError)
        assert failed.metadata.status == 400
        assert len(failed.metadata.attempts) == 2
        assert (await call(**INVOKE)).error is None


async def test_a_stream_that_failed_to_open_carries_its_error(local: LocalSageMaker) -> None:
    async with Session(**local.client_options, raise_response_errors=False) as session:
        async with session.runtime.invoke_endpoint_with_response_stream(**INVOKE) as response:
            assert isinstance(response.error, ValidationError)
            with pytest.raises(ValidationError):
                await anext(aiter(response.body))
        assert session.connections_in_use == 0


async def test_a_call_without_an_answer_is_a_value_too_and_wrong_input_is_not() -> None:
    stub = StubTransport(otherwise=CallError("no answer"))
    async with Session(transport=stub, raise_response_errors=False) as session:
        response = await session.runtime.invoke_endpoint(**INVOKE)
        assert response.error is not None
        assert (response.metadata.status, response.body) == (0, b"")
        with pytest.raises(RequestValidationError):
            await session.runtime.invoke_endpoint(endpoint_name="", body=b"")


async def test_predict_has_no_response_to_put_an_error_on_and_raises(local: LocalSageMaker) -> None:
    async with Session(**local.client_options, raise_response_errors=False) as session:
        predictor = Predictor("no-such-endpoint", session)
        with pytest.raises(ValidationError):
            await predictor.predict(b"hello")
        with pytest.raises(ValidationError):
            await predictor.predict_stream(b"hello").collect()


# --- parameters ------------------------------------------------------------------------------------------------------


async def test_without_validation_the_service_decides(local: LocalSageMaker) -> None:
    local.add_endpoint("echo", lambda body: body)
    request = {**INVOKE, "inference_id": "x" * 65}
    async with Session(**local.client_options) as session:
        with pytest.raises(RequestValidationError, match="inference_id"):
            await session.runtime.invoke_endpoint(**request)
    assert not local.requests
    async with Session(**local.client_options, validate_params=False) as session:
        with pytest.raises(ValidationError):
            await session.runtime.invoke_endpoint(**request)
    assert len(local.requests) == 1


@pytest.mark.parametrize("way", ["straight", "through a proxy"])
@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("../other/invocations?x=", "..%2Fother%2Finvocations%3Fx%3D"),
        ("/", "%2F"),
        ("...", "..."),
        ("a?b=c&d", "a%3Fb%3Dc%26d"),
        ("a#b", "a%23b"),
        ("100%", "100%25"),
        ("%2e%2e", "%252e%252e"),
        ("a%2Fb", "a%252Fb"),
        ("a b+c;d:e@f", "a%20b%2Bc%3Bd%3Ae%40f"),
        ("a\r\nHost: x", "a%0D%0AHost%3A%20x"),
        ("\\..\\", "%5C..%5C"),
        ("\u00e4\u65e5\U0001f600", "%C3%A4%E6%97%A5%F0%9F%98%80"),
        ("{endpoint_name}", "%7Bendpoint_name%7D"),
    ],
)
async def test_without_validation_a_name_stays_one_segment_of_the_path(
    local: LocalSageMaker, name: str, segment: str, way: str
) -> None:
    through = {"proxy": local.url} if way != "straight" else {}
    async with Session(**local.client_options, validate_params=False, **through) as session:
        with pytest.raises(ValidationError, match="'endpointName' failed to satisfy"):  # its signature is right
            await session.runtime.invoke_endpoint(endpoint_name=name, body=b"")
    assert [request.target for request in local.requests] == [f"/endpoints/{segment}/invocations"]


@pytest.mark.parametrize("name", ["", ".", "..", "\ud800", None, 5, b"echo"])
async def test_without_validation_what_cannot_be_one_segment_is_refused(local: LocalSageMaker, name: Any) -> None:
    async with Session(**local.client_options, validate_params=False) as session:
        for call in (session.runtime.invoke_endpoint, session.runtime.invoke_endpoint_async):
            with pytest.raises(RequestValidationError):
                await call(endpoint_name=name)
        with pytest.raises(RequestValidationError):
            await session.runtime.invoke_endpoint_with_response_stream(endpoint_name=name, body=b"")
    assert not local.requests


@pytest.mark.parametrize("value", ["line\r\nbreak: yes", "nul\0"])
async def test_without_validation_a_header_still_cannot_be_smuggled_in(local: LocalSageMaker, value: str) -> None:
    local.add_endpoint("echo", lambda body: body)
    async with Session(**local.client_options, validate_params=False) as session:
        with pytest.raises(RequestValidationError):
            await session.runtime.invoke_endpoint(**INVOKE, inference_id=value)
    assert not local.requests


async def test_unknown_keywords_are_refused_unless_told_otherwise(
    local: LocalSageMaker, caplog: pytest.LogCaptureFixture
) -> None:
    local.add_endpoint("echo", lambda body: body)
    request: Mapping[str, Any] = {**INVOKE, "TargetFlavour": "vanilla"}
    async with Session(**local.client_options) as session:
        with pytest.raises(RequestValidationError, match="TargetFlavour"):
            await session.runtime.invoke_endpoint(**request)
    async with Session(**local.client_options, strict_params=False) as session:
        with caplog.at_level(logging.WARNING, logger="sagemaker_async"):
            assert (await session.runtime.invoke_endpoint(**request)).body == b"hello"
    assert "TargetFlavour" in caplog.text
    assert "vanilla" not in caplog.text


# --- boto3's names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["invoke_endpoint", "InvokeEndpoint", "invoke_endpoint_async"])
def test_the_data_plane_has_no_pages_and_says_so(name: str) -> None:
    runtime = Session(Config()).runtime
    assert runtime.can_paginate(name) is False
    with pytest.raises(ConfigurationError, match="does not answer in pages"):
        runtime.get_paginator(name)


def test_the_data_plane_has_no_waiters_and_says_so() -> None:
    runtime = Session(Config()).runtime
    assert runtime.waiter_names == []
    with pytest.raises(ConfigurationError, match="endpoint_in_service"):
        runtime.get_waiter("endpoint_in_service")


def test_an_operation_that_does_not_exist_is_named() -> None:
    with pytest.raises(ConfigurationError, match="invoke_endpoints"):
        Session(Config()).runtime.can_paginate("invoke_endpoints")


# --- conversion ------------------------------------------------------------------------------------------------------

QUEUED: dict[str, Any] = {"endpoint_name": "e", "input_location": "s3://b/k"}


async def test_values_are_converted_at_any_depth_when_told_so() -> None:
    stub = StubTransport(StubResponse(), StubResponse.json({"EndpointConfigArn": "arn:aws:sagemaker:us-east-1:1:e/e"}))
    async with Session(transport=stub, convert_params=True) as session:
        numbers: dict[str, Any] = {"inference_id": 42, "request_ttl_seconds": "90"}
        await session.runtime.invoke_endpoint_async(**QUEUED, **numbers)
        fields: dict[str, Any] = {
            "endpoint_config_name": 7,
            "ProductionVariants": [{"VariantName": 1, "ModelName": "m", "initial_instance_count": "2"}],
            "enable_network_isolation": "true",
            "tags": ({"Key": "build", "Value": 1.5},),
        }
        await session.hosting.create_endpoint_config(**fields)
    queued, created = stub.requests
    assert queued.headers["X-Amzn-SageMaker-Inference-Id"] == "42"
    assert queued.headers["X-Amzn-SageMaker-RequestTTLSeconds"] == "90"
    sent = json.loads(created.body)
    assert (sent["EndpointConfigName"], sent["EnableNetworkIsolation"]) == ("7", True)
    assert sent["ProductionVariants"] == [{"VariantName": "1", "ModelName": "m", "InitialInstanceCount": 2}]
    assert sent["Tags"] == [{"Key": "build", "Value": "1.5"}]


@pytest.mark.parametrize(
    ("convert", "value"), [(False, "90"), (True, "ninety"), (True, 90.5), (True, True), (True, "9")]
)
async def test_what_says_something_else_is_refused_as_without_conversion(convert: bool, value: Any) -> None:
    async with Session(transport=StubTransport(), convert_params=convert) as session:
        with pytest.raises(RequestValidationError, match="request_ttl_seconds"):
            await session.runtime.invoke_endpoint_async(**QUEUED, request_ttl_seconds=value)
