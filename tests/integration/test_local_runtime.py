"""The three runtime routes of the embedded SageMaker, seen from the wire."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from sagemaker_async.config import Credentials
from sagemaker_async.errors import ConfigurationError, InternalStreamFailure, ModelStreamError
from sagemaker_async.local import InvocationRequest, LocalSageMaker, ModelFailure, ModelResponse

Call = Callable[..., Awaitable[Any]]


def echo(body: bytes) -> bytes:
    return body


# --- InvokeEndpoint ---------------------------------------------------------------------------------------------------


async def test_an_invocation_returns_what_the_model_returns(local: LocalSageMaker, call: Call) -> None:
    endpoint = local.add_endpoint("echo", echo)
    answer = await call("echo", body=b"\x00\xff", headers={"Content-Type": "application/x-npy"})
    assert (answer.status, answer.body) == (200, b"\x00\xff")
    assert answer.headers["Content-Type"] == "application/x-npy"
    assert answer.headers["x-Amzn-Invoked-Production-Variant"] == "AllTraffic"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", answer.headers["x-amzn-RequestId"])
    assert abs((parsedate_to_datetime(answer.headers["Date"]) - datetime.now(UTC)).total_seconds()) < 5
    assert (endpoint.requests, endpoint.invocations) == (1, 1)


async def test_the_model_sees_every_field_of_the_request(local: LocalSageMaker, call: Call) -> None:
    seen: list[InvocationRequest] = []
    local.add_endpoint("echo", lambda body, request: seen.append(request) or b"", variants=("a", "b"))
    prefix = "X-Amzn-SageMaker-"
    answer = await call(
        "echo",
        body=b"in",
        headers={
            "Content-Type": "text/csv",
            "Accept": "application/json",
            prefix + "Custom-Attributes": "trace=1",
            prefix + "Target-Model": "m.tar.gz",
            prefix + "Target-Variant": "b",
            prefix + "Target-Container-Hostname": "host",
            prefix + "Inference-Id": "id 1",
            prefix + "Enable-Explanations": "`true`",
            prefix + "Session-Id": "session",
            prefix + "Prefix-Aware-Id": "prefix",
            "X-Own": "1",
        },
    )
    assert answer.headers["x-Amzn-Invoked-Production-Variant"] == "b"
    assert answer.headers["Content-Type"] == "application/json"
    (request,) = seen
    assert request.headers["x-own"] == "1"
    assert request == InvocationRequest(
        endpoint_name="echo",
        operation="InvokeEndpoint",
        body=b"in",
        content_type="text/csv",
        accept="application/json",
        custom_attributes="trace=1",
        target_model="m.tar.gz",
        target_variant="b",
        target_container_hostname="host",
        inference_id="id 1",
        enable_explanations="`true`",
        session_id="session",
        prefix_aware_id="prefix",
        headers=request.headers,
    )


async def test_a_response_object_sets_the_header_fields(local: LocalSageMaker, call: Call) -> None:
    response = ModelResponse("x", "text/html", custom_attributes="a=1", headers={"Content-Encoding": "gzip"})
    local.add_endpoint("echo", lambda body: response)
    answer = await call("echo")
    assert answer.headers["Content-Type"] == "text/html"
    assert answer.headers["X-Amzn-SageMaker-Custom-Attributes"] == "a=1"
    assert answer.headers["Content-Encoding"] == "gzip"


async def test_a_streaming_model_is_joined_on_the_plain_route(local: LocalSageMaker, call: Call) -> None:
    local.add_endpoint("echo", lambda body: iter([b"a", b"", b"b"]))
    assert (await call("echo")).body == b"ab"


async def test_a_compressed_body_reaches_the_model_as_it_was_sent(local: LocalSageMaker, call: Call) -> None:
    local.add_endpoint("echo", echo)
    answer = await call("echo", body=b"not really gzip", headers={"Content-Encoding": "gzip"})
    assert answer.body == b"not really gzip"


@pytest.mark.parametrize(
    ("error", "status", "message", "side"),
    [
        (ValueError("no"), 500, "ValueError: no", "server"),
        (ModelFailure(400, '{"error": "x"}'), 400, '{"error": "x"}', "client"),
        (ModelFailure(0, "timed out"), 0, "timed out", "server"),
        (ModelStreamError("broken", "StreamBroken"), 500, "broken", "server"),
    ],
)
async def test_a_model_that_raises_is_a_model_error_with_all_its_fields(
    error: Exception, status: int, message: str, side: str, local: LocalSageMaker, call: Call
) -> None:
    def parts(body: bytes) -> Iterator[bytes]:
        yield b"part"
        raise error

    local.add_endpoint("bad", parts)
    answer = await call("bad")
    assert (answer.status, answer.code) == (424, "ModelError")
    assert answer.json["OriginalStatusCode"] == status
    assert answer.json["OriginalMessage"] == message
    assert answer.json["LogStreamArn"].startswith(
        "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/bad:log-stream:AllTraffic/"
    )
    assert answer.json["Message"] == (
        f'Received {side} error ({status}) from primary with message "{message}". See https://us-east-1.console.aws.'
        "amazon.com/cloudwatch/home?region=us-east-1#logEventViewer:group=/aws/sagemaker/Endpoints/bad "
        "in account 123456789012 for more information."
    )


# --- refusals ---------------------------------------------------------------------------------------------------------


async def test_an_unknown_endpoint_is_refused_in_aws_words(call: Call) -> None:
    answer = await call("nobody")
    assert (answer.status, answer.code) == (400, "ValidationError")
    assert answer.headers["x-amzn-ErrorType"].startswith("ValidationError:http://")
    assert answer.json == {"Message": "Endpoint nobody of account 123456789012 not found."}
    assert answer.headers["x-amzn-RequestId"]


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/endpoints/echo/other"),
        ("POST", "/endpoints/echo"),
        ("POST", "/endpoints/a/b/invocations"),
        ("GET", "/endpoints/echo/invocations"),
        ("POST", "/"),
        ("GET", "/ping"),
    ],
)
async def test_an_unknown_route_is_an_unknown_operation(
    method: str, target: str, local: LocalSageMaker, call: Call
) -> None:
    local.add_endpoint("echo", echo)
    answer = await call(method=method, target=target)
    assert (answer.status, answer.code) == (404, "UnknownOperationException")


@pytest.mark.parametrize(
    ("route", "name", "value", "member"),
    [
        ("invocations", "X-Amzn-SageMaker-Custom-Attributes", "a" * 1025, "customAttributes"),
        ("invocations", "X-Amzn-SageMaker-Target-Model", "a" * 1025, "targetModel"),
        ("invocations", "X-Amzn-SageMaker-Inference-Id", "a" * 65, "inferenceId"),
        ("invocations", "X-Amzn-SageMaker-Inference-Id", "", "inferenceId"),
        ("invocations", "X-Amzn-SageMaker-Target-Variant", "a_b", "targetVariant"),
        ("invocations", "X-Amzn-SageMaker-Target-Container-Hostname", "-a", "targetContainerHostname"),
        ("invocations", "X-Amzn-SageMaker-Inference-Component", "a-", "inferenceComponentName"),
        ("invocations", "X-Amzn-SageMaker-Session-Id", "OLD_SESSION", "sessionId"),
        ("invocations", "Content-Type", "a" * 1025, "contentType"),
        ("invocations", "Accept", "a" * 1025, "accept"),
        ("invocations-response-stream", "X-Amzn-SageMaker-Session-Id", "NEW_SESSION", "sessionId"),
        ("invocations-response-stream", "X-Amzn-SageMaker-Accept", "a" * 1025, "accept"),
        ("async-invocations", "X-Amzn-SageMaker-InputLocation", "http://b/k", "inputLocation"),
        ("async-invocations", "X-Amzn-SageMaker-S3OutputPathExtension", "s3:x", "s3OutputPathExtension"),
        ("async-invocations", "X-Amzn-SageMaker-Filename", "a.b.c", "filename"),
        ("async-invocations", "X-Amzn-SageMaker-RequestTTLSeconds", "59", "requestTTLSeconds"),
        ("async-invocations", "X-Amzn-SageMaker-RequestTTLSeconds", "6" * 5000, "requestTTLSeconds"),
        ("async-invocations", "X-Amzn-SageMaker-InvocationTimeoutSeconds", "1h", "invocationTimeoutSeconds"),
    ],
)
async def test_a_field_out_of_range_is_refused_by_name_and_without_its_value(
    route: str, name: str, value: str, member: str, local: LocalSageMaker, call: Call
) -> None:
    endpoint = local.add_endpoint("echo", echo)
    answer = await call("echo", route, b"in", {name: value})
    assert (answer.status, answer.code) == (400, "ValidationError")
    assert answer.json["Message"].startswith(
        f"1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must "
    )
    assert "aaaa" not in answer.json["Message"]
    assert (endpoint.requests, endpoint.invocations) == (1, 0)


@pytest.mark.parametrize("name", ["a" * 64, "a_b", "-a", "a%20b", "a%2Fb"])
async def test_an_impossible_endpoint_name_is_refused(name: str, call: Call) -> None:
    answer = await call(name)
    assert (answer.status, answer.code) == (400, "ValidationError")
    assert "endpointName" in answer.json["Message"]


async def test_an_unknown_variant_is_refused(local: LocalSageMaker, call: Call) -> None:
    local.add_endpoint("echo", echo)
    answer = await call("echo", headers={"X-Amzn-SageMaker-Target-Variant": "other"})
    assert (answer.status, answer.code) == (400, "ValidationError")


@pytest.mark.parametrize(
    ("route", "limit", "refusal"),
    [
        ("invocations", 26_214_400, {"message": "HTTP content length exceeded 26214400 bytes."}),
        ("invocations-response-stream", 26_214_400, {"message": "HTTP content length exceeded 26214400 bytes."}),
        (
            "async-invocations",
            128_000,
            {"Message": "Request body of 128001 bytes exceeds the limit of 128000 bytes."},
        ),
    ],
)
async def test_a_body_beyond_the_limit_is_refused_and_one_at_it_is_not(
    route: str, limit: int, refusal: dict[str, str], local: LocalSageMaker, call: Call
) -> None:
    endpoint = local.add_endpoint("echo", lambda body: b"")
    answer = await call("echo", route, bytes(limit + 1))
    assert (answer.status, answer.json) == (413, refusal)
    assert ("x-amzn-ErrorType" in answer.headers) is (route == "async-invocations")
    assert endpoint.invocations == 0
    assert (await call("echo", route, bytes(limit))).status in {200, 202}
    assert [request.body_size for request in local.requests] == [limit + 1, limit]


@pytest.mark.parametrize("route", ["invocations", "invocations-response-stream"])
async def test_a_serverless_endpoint_takes_less_and_says_so_in_its_own_words(
    route: str, local: LocalSageMaker, call: Call
) -> None:
    local.add_endpoint("small", lambda body: b"", serverless=True)
    answer = await call("small", route, bytes(4_194_305))
    assert (answer.status, answer.code) == (400, "ValidationError")
    assert answer.json == {"Message": f"Request {answer.headers['x-amzn-RequestId']} has oversize body."}
    assert (await call("small", route, bytes(4_194_304))).status == 200


async def test_an_endpoint_may_have_a_limit_of_its_own(local: LocalSageMaker, call: Call) -> None:
    local.add_endpoint("small", echo, body_limit=10)
    assert (await call("small", body=bytes(11))).json == {"message": "HTTP content length exceeded 10 bytes."}
    assert (await call("small", body=bytes(10))).status == 200


@pytest.mark.parametrize("credentials", [Credentials("NOBODY", "x"), Credentials("LOCALSAGEMAKER", "wrong")])
@pytest.mark.parametrize("route", ["invocations", "invocations-response-stream", "async-invocations"])
async def test_every_route_verifies_signatures(
    route: str, credentials: Credentials, local: LocalSageMaker, call: Call
) -> None:
    endpoint = local.add_endpoint("echo", echo)
    answer = await call("echo", route, b"in", credentials=credentials)
    assert answer.status == 403
    assert answer.code in {"UnrecognizedClientException", "InvalidSignatureException"}
    assert list(answer.json) == ["message"]
    assert endpoint.invocations == 0


async def test_a_request_without_signature_is_refused(local: LocalSageMaker) -> None:
    local.add_endpoint("echo", echo)
    async with aiohttp.ClientSession() as session, session.post(f"{local.url}/endpoints/echo/invocations") as response:
        assert response.status == 403
        assert response.headers["x-amzn-ErrorType"].startswith("MissingAuthenticationTokenException:")


async def test_an_old_signature_is_refused_and_the_date_tells_the_clock(local: LocalSageMaker, call: Call) -> None:
    local.add_endpoint("echo", echo)
    answer = await call("echo", timestamp=time.time() - 400)
    assert (answer.status, answer.code) == (403, "InvalidSignatureException")
    assert answer.json["message"].startswith("Signature expired: ")


async def test_credentials_can_be_exchanged_while_it_runs(local: LocalSageMaker, call: Call) -> None:
    local.add_endpoint("echo", echo)
    local.refuse_credentials(local.credentials.access_key_id)
    assert (await call("echo")).code == "UnrecognizedClientException"
    local.accept_credentials(local.credentials)
    assert (await call("echo")).status == 200


async def test_the_clock_that_judges_and_dates_can_be_set(raw_client: Any) -> None:
    credentials = Credentials("A", "b", "c")
    async with (
        LocalSageMaker(clock=lambda: 1e9, region="eu-west-1", credentials=credentials) as local,
        raw_client(local) as call,
    ):
        local.add_endpoint("echo", echo)
        answer = await call("echo", timestamp=1e9)
        assert (answer.status, answer.headers["Date"]) == (200, "Sun, 09 Sep 2001 01:46:40 GMT")


# --- sessions ---------------------------------------------------------------------------------------------------------


async def test_sessions_are_opened_kept_and_closed(local: LocalSageMaker, call: Call) -> None:
    sessions: list[str | None] = []

    def model(body: bytes, request: InvocationRequest) -> ModelResponse:
        sessions.append(request.session_id)
        return ModelResponse(b"", close_session=body == b"bye")

    local.add_endpoint("chat", model)
    name = "X-Amzn-SageMaker-Session-Id"
    opened = await call("chat", headers={name: "NEW_SESSION"})
    session_id, _, expires = opened.headers["X-Amzn-SageMaker-New-Session-Id"].partition("; Expires=")
    assert datetime.strptime(expires, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) > datetime.now(UTC)
    kept = await call("chat", headers={name: session_id})
    closed = await call("chat", body=b"bye", headers={name: session_id})
    assert sessions == [session_id] * 3
    assert closed.headers["X-Amzn-SageMaker-Closed-Session-Id"] == session_id
    assert "X-Amzn-SageMaker-Closed-Session-Id" not in kept.headers
    assert "X-Amzn-SageMaker-New-Session-Id" not in kept.headers


# --- InvokeEndpointWithResponseStream ---------------------------------------------------------------------------------


async def test_each_item_of_a_generator_is_one_payload_part(local: LocalSageMaker, stream: Call) -> None:
    async def tokens(body: bytes, request: InvocationRequest) -> AsyncIterator[bytes | str]:
        assert request.streaming
        yield body
        yield "é"
        yield b""
        yield b"end"

    endpoint = local.add_endpoint("echo", tokens)
    answer = await stream("echo", b"in", headers={"X-Amzn-SageMaker-Accept": "text/plain"})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/vnd.amazon.eventstream"
    assert answer.headers["X-Amzn-SageMaker-Content-Type"] == "text/plain"
    assert answer.headers["x-Amzn-Invoked-Production-Variant"] == "AllTraffic"
    assert answer.parts == [b"in", "é".encode(), b"", b"end"]
    assert dict(answer.messages[0].headers) == {
        ":event-type": "PayloadPart",
        ":content-type": "application/octet-stream",
        ":message-type": "event",
    }
    assert (endpoint.open_streams, endpoint.completed_streams, endpoint.abandoned_streams) == (0, 1, 0)


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        (lambda body: body, [b"in"]),
        (lambda body: ModelResponse(iter(["a", "b"]), custom_attributes="x"), [b"a", b"b"]),
        (lambda body: iter(()), []),
        (lambda body: b"", [b""]),
    ],
)
async def test_any_model_can_be_streamed(
    model: Callable[[bytes], Any], parts: list[bytes], local: LocalSageMaker, stream: Call
) -> None:
    local.add_endpoint("echo", model)
    assert (await stream("echo", b"in")).parts == parts


async def test_a_part_arrives_before_the_next_is_made(local: LocalSageMaker, call: Any) -> None:
    go_on = asyncio.Event()

    async def tokens(body: bytes) -> AsyncIterator[bytes]:
        yield b"first"
        await go_on.wait()
        yield b"second"

    endpoint = local.add_endpoint("echo", tokens)
    response = await call.open("echo", "invocations-response-stream")
    first = await response.content.readany()
    assert b"first" in first
    assert endpoint.open_streams == 1
    go_on.set()
    assert b"second" in await response.read()


async def test_a_failure_before_the_first_part_is_a_model_error(local: LocalSageMaker, stream: Call) -> None:
    async def tokens(body: bytes) -> AsyncIterator[bytes]:
        raise ValueError("early")
        yield b""

    local.add_endpoint("bad", tokens)
    answer = await stream("bad")
    assert (answer.status, answer.code) == (424, "ModelError")
    assert answer.json["OriginalMessage"] == "ValueError: early"


@pytest.mark.parametrize("parts", [[], [b"one"]])
@pytest.mark.parametrize(
    ("error", "name", "members"),
    [
        (
            ModelStreamError("late", "ModelInvocationTimeExceeded"),
            "ModelStreamError",
            {"Message": "late", "ErrorCode": "ModelInvocationTimeExceeded"},
        ),
        (ModelStreamError("late"), "ModelStreamError", {"Message": "late"}),
        (InternalStreamFailure("late"), "InternalStreamFailure", {"Message": "late"}),
    ],
)
async def test_stream_errors_of_the_model_become_exception_events(
    error: Exception,
    name: str,
    members: dict[str, str],
    parts: list[bytes],
    local: LocalSageMaker,
    stream: Call,
) -> None:
    async def tokens(body: bytes) -> AsyncIterator[bytes]:
        for part in parts:
            yield part
        raise error

    local.add_endpoint("bad", tokens)
    answer = await stream("bad")
    assert answer.status == 200
    *before, last = answer.messages
    assert [message.payload for message in before] == parts
    assert dict(last.headers) == {
        ":exception-type": name,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    assert json.loads(last.payload) == members


async def test_any_other_late_failure_is_a_broken_stream(local: LocalSageMaker, stream: Call) -> None:
    def tokens(body: bytes) -> Iterator[bytes]:
        yield b"one"
        raise ValueError("late")

    local.add_endpoint("bad", tokens)
    last = (await stream("bad")).messages[-1]
    assert last.headers[":exception-type"] == "ModelStreamError"
    assert json.loads(last.payload) == {"Message": "ValueError: late", "ErrorCode": "StreamBroken"}


# --- InvokeEndpointAsync ----------------------------------------------------------------------------------------------


async def test_an_inline_async_invocation_leaves_its_result_among_the_objects(
    local: LocalSageMaker, call: Call
) -> None:
    seen: list[InvocationRequest] = []
    local.add_endpoint("echo", lambda body, request: seen.append(request) or body[::-1])
    headers = {"X-Amzn-SageMaker-Content-Type": "text/csv", "X-Amzn-SageMaker-Inference-Id": "mine"}
    answer = await call("echo", "async-invocations", b"abc", headers)
    assert (answer.status, answer.json) == (202, {"InferenceId": "mine"})
    output = answer.headers["X-Amzn-SageMaker-OutputLocation"]
    assert re.fullmatch(r"s3://sagemaker-us-east-1-123456789012/async-endpoint-outputs/[0-9a-f-]{36}\.out", output)
    (invocation,) = local.async_invocations
    assert await invocation.finished()
    assert (invocation.inference_id, invocation.output_location) == ("mine", output)
    assert dict(local.objects) == {output: b"cba"}
    assert (seen[0].content_type, seen[0].inference_id, seen[0].operation) == (
        "text/csv",
        "mine",
        "InvokeEndpointAsync",
    )


async def test_the_input_may_lie_among_the_objects(local: LocalSageMaker, call: Call) -> None:
    local.add_endpoint("echo", echo, async_output="s3://out/put/", async_failure="s3://fail")
    local.objects["s3://in/put"] = b"stored"
    answer = await call(
        "echo",
        "async-invocations",
        headers={
            "X-Amzn-SageMaker-InputLocation": "s3://in/put",
            "X-Amzn-SageMaker-S3OutputPathExtension": "a/b",
            "X-Amzn-SageMaker-Filename": "result.json",
        },
    )
    assert answer.headers["X-Amzn-SageMaker-OutputLocation"] == "s3://out/put/a/b/result.json"
    assert answer.headers["X-Amzn-SageMaker-FailureLocation"].startswith("s3://fail/")
    assert await local.async_invocations[0].finished()
    assert local.objects["s3://out/put/a/b/result.json"] == b"stored"


@pytest.mark.parametrize("location", [None, "s3://in/missing"])
async def test_a_failed_async_invocation_leaves_its_reason_at_the_failure_location(
    location: str | None, local: LocalSageMaker, call: Call
) -> None:
    def model(body: bytes) -> bytes:
        raise ModelFailure(400, "no")

    local.add_endpoint("bad", model)
    headers = {"X-Amzn-SageMaker-InputLocation": location} if location else {}
    answer = await call("bad", "async-invocations", b"" if location else b"x", headers)
    assert answer.status == 202
    assert not await local.async_invocations[0].finished()
    assert b"Received client error" in local.objects[answer.headers["X-Amzn-SageMaker-FailureLocation"]]
    assert answer.headers["X-Amzn-SageMaker-OutputLocation"] not in local.objects


@pytest.mark.parametrize(("body", "headers"), [(b"", {}), (b"x", {"X-Amzn-SageMaker-InputLocation": "s3://b/k"})])
async def test_exactly_one_of_body_and_location_must_be_given(
    body: bytes, headers: dict[str, str], local: LocalSageMaker, call: Call
) -> None:
    local.add_endpoint("echo", echo)
    answer = await call("echo", "async-invocations", body, headers)
    assert (answer.status, answer.code) == (400, "ValidationError")
    assert not local.async_invocations


class Broken:
    """A model class with a bug."""

    async def invoke(self, request: InvocationRequest, executor: object) -> Any:
        raise LookupError("bug")

    async def close(self) -> None:
        pass


async def test_a_bug_in_a_custom_model_class_ends_an_async_invocation(
    local: LocalSageMaker, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    local.add_endpoint("broken", Broken())
    answer = await call("broken", "async-invocations", b"x")
    assert not await local.async_invocations[0].finished()
    assert b"failed" in local.objects[answer.headers["X-Amzn-SageMaker-FailureLocation"]]
    assert "LookupError" in caplog.text


async def test_an_async_invocation_that_takes_too_long_fails(raw_client: Any) -> None:
    async def endless(body: bytes) -> bytes:
        await asyncio.Event().wait()
        return body

    limits: list[float] = []

    async def sleep(seconds: float) -> None:
        limits.append(seconds)

    async with LocalSageMaker(sleep=sleep) as local, raw_client(local) as call:
        local.add_endpoint("slow", endless)
        for header in ({}, {"X-Amzn-SageMaker-InvocationTimeoutSeconds": "5"}):
            answer = await call("slow", "async-invocations", b"x", header)
            assert not await local.async_invocations[-1].finished()
            assert b"timed out" in local.objects[answer.headers["X-Amzn-SageMaker-FailureLocation"]]
    assert limits == [900, 5]


# --- the rest ---------------------------------------------------------------------------------------------------------


async def test_a_bug_in_a_custom_model_class_is_an_internal_failure(
    local: LocalSageMaker, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    local.add_endpoint("broken", Broken())
    answer = await call("broken")
    assert (answer.status, answer.code) == (500, "InternalFailure")
    assert "bug" not in answer.json["Message"]
    assert "LookupError" in caplog.text


async def test_what_a_model_raises_is_logged_with_its_traceback(
    local: LocalSageMaker, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    local.add_endpoint("bad", lambda body: body[0])
    await call("bad", body=b"")
    assert "the model raised IndexError" in caplog.text
    assert "Traceback" in caplog.text


async def test_requests_are_recorded_without_their_bodies(local: LocalSageMaker, call: Call) -> None:
    local.add_endpoint("echo", echo)
    answers = [await call("echo", body=b"abc"), await call(method="GET", target="/x?y=1")]
    recorded = local.requests
    assert [(r.method, r.target, r.body_size) for r in recorded] == [
        ("POST", "/endpoints/echo/invocations", 3),
        ("GET", "/x?y=1", 0),
    ]
    assert [r.request_id for r in recorded] == [a.headers["x-amzn-RequestId"] for a in answers]
    assert recorded[0].headers["authorization"].startswith("AWS4-HMAC-SHA256 ")


@pytest.mark.parametrize("name", ["", "-a", "a_b", "a" * 64, "a/b"])
async def test_an_endpoint_with_an_impossible_name_is_refused(name: str, local: LocalSageMaker) -> None:
    with pytest.raises(ConfigurationError, match="1 to 63 letters"):
        local.add_endpoint(name, echo)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"variants": ()}, "variants"), ({"variants": "a"}, "variants"), ({"async_output": "/tmp"}, "async_output")],
)
async def test_endpoint_options_that_cannot_be_are_refused(
    options: dict[str, Any], words: str, local: LocalSageMaker
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        local.add_endpoint("echo", echo, **options)


async def test_a_name_is_given_once_until_its_endpoint_is_removed(local: LocalSageMaker, call: Call) -> None:
    local.add_endpoint("echo", echo)
    with pytest.raises(ConfigurationError, match="already"):
        local.add_endpoint("echo", echo)
    local.remove_endpoint("echo")
    local.remove_endpoint("echo")
    assert (await call("echo")).status == 400
    local.add_endpoint("echo", lambda body: b"new")
    assert (await call("echo")).body == b"new"


async def test_a_script_for_an_unknown_endpoint_is_refused(local: LocalSageMaker) -> None:
    with pytest.raises(ConfigurationError, match="no endpoint 'echo'"):
        local.script("echo", [])


async def test_a_client_that_expects_100_continue_gets_it(local: LocalSageMaker) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(local.url.rpartition(":")[2]))
    writer.write(
        b"POST /endpoints/e/invocations HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"ok")
    assert (await reader.readline()).startswith(b"HTTP/1.1 403 ")
    writer.close()
    await writer.wait_closed()


async def test_a_target_in_absolute_form_is_understood(local: LocalSageMaker) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(local.url.rpartition(":")[2]))
    writer.write(b"POST http://x/endpoints/e/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 403 ")
    assert local.requests[0].target == "/endpoints/e/invocations"
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_leaves_inside_its_request_does_no_harm(local: LocalSageMaker, call: Call) -> None:
    local.add_endpoint("echo", echo)
    client = socket.create_connection(("127.0.0.1", int(local.url.rpartition(":")[2])))
    client.sendall(b"POST /endpoints/echo/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
    await local.endpoints["echo"].until(lambda endpoint: endpoint.requests == 1)
    client.close()
    assert (await call("echo", body=b"next")).body == b"next"
