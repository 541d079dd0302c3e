"""`SageMakerRuntimeClient`: the three operations on the wire, their answers and errors, and the call that streams."""

from __future__ import annotations

import asyncio
import gc
import inspect
import io
import json
import pydoc
import re
import subprocess
import sys
import typing
import warnings
import weakref
from collections.abc import Coroutine
from typing import Any, ClassVar

import pytest

from sagemaker_async import (
    Config,
    ModelStreamError,
    PayloadPart,
    Predictor,
    RetryConfig,
    SageMakerRuntimeClient,
    Session,
    StubResponse,
    StubTransport,
    Timeouts,
)
from sagemaker_async.aws.eventstream import encode_message
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.errors import (
    AccessDeniedError,
    CallError,
    ConfigurationError,
    ConnectionLostError,
    InternalDependencyException,
    InternalFailure,
    ModelError,
    ModelNotReadyException,
    NotAnEventStreamError,
    RequestValidationError,
    ServiceError,
    ServiceUnavailable,
    SessionClosedError,
    SignatureError,
    StreamClosedError,
    StreamConnectionError,
    StreamConsumedError,
    ThrottlingError,
    UnmodeledStreamError,
    ValidationError,
)
from sagemaker_async.local import LocalSageMaker, NotAnEventStream, Stall, Status, TcpWrites
from sagemaker_async.runtime import replay
from sagemaker_async.runtime.client import ResponseStreamCall
from sagemaker_async.runtime.shapes import (
    InvokeEndpointAsyncResponse,
    InvokeEndpointResponse,
    InvokeEndpointWithResponseStreamResponse,
)

X = "X-Amzn-SageMaker-"

INVOKE: dict[str, tuple[str, Any]] = {
    "content_type": ("Content-Type", "text/csv"),
    "accept": ("Accept", "application/json"),
    "custom_attributes": (X + "Custom-Attributes", "trace=1"),
    "target_model": (X + "Target-Model", "model.tar.gz"),
    "target_variant": (X + "Target-Variant", "variant-1"),
    "target_container_hostname": (X + "Target-Container-Hostname", "host-1"),
    "inference_id": (X + "Inference-Id", "id 1"),
    "enable_explanations": (X + "Enable-Explanations", "`true`"),
    "inference_component_name": (X + "Inference-Component", "component-1"),
    "session_id": (X + "Session-Id", "NEW_SESSION"),
    "prefix_aware_id": (X + "Prefix-Aware-Id", "prefix 1"),
}
STREAM: dict[str, tuple[str, Any]] = {
    **{name: INVOKE[name] for name in INVOKE if name not in ("target_model", "enable_explanations")},
    "accept": (X + "Accept", "application/json"),
    "session_id": (X + "Session-Id", "session-1"),
}
ASYNC: dict[str, tuple[str, Any]] = {
    "content_type": (X + "Content-Type", "text/csv"),
    "accept": (X + "Accept", "application/json"),
    "custom_attributes": (X + "Custom-Attributes", "trace=1"),
    "inference_id": (X + "Inference-Id", "id 1"),
    "input_location": (X + "InputLocation", "s3://bucket/key"),
    "s3_output_path_extension": (X + "S3OutputPathExtension", "team/run"),
    "filename": (X + "Filename", "input.csv"),
    "request_ttl_seconds": (X + "RequestTTLSeconds", 60),
    "invocation_timeout_seconds": (X + "InvocationTimeoutSeconds", 3600),
}
ROUTES = [
    ("invoke_endpoint", "invocations", INVOKE, b"data"),
    ("invoke_endpoint_with_response_stream", "invocations-response-stream", STREAM, b"data"),
    ("invoke_endpoint_async", "async-invocations", ASYNC, None),
]


def answer(request: HTTPRequest) -> StubResponse:
    if request.target.endswith("invocations-response-stream"):
        return StubResponse.stream([b"one", b"two"])
    if request.target.endswith("async-invocations"):
        return StubResponse.json({"InferenceId": "1"}, status=202)
    return StubResponse(200, b"answer")


@pytest.fixture
def stub() -> StubTransport:
    return StubTransport(otherwise=answer)


@pytest.fixture
def client(stub: StubTransport) -> SageMakerRuntimeClient:
    return SageMakerRuntimeClient(transport=stub)


def own_headers(request: HTTPRequest) -> dict[str, str]:
    common = ("amz-sdk-", "x-amz-", "authorization", "user-agent", "host", "content-length")
    return {name: value for name, value in request.headers.items() if not name.lower().startswith(common)}


def aws_spelling(name: str) -> str:
    special = {
        "request_ttl_seconds": "RequestTTLSeconds",
        "s3_output_path_extension": "S3OutputPathExtension",
    }
    return special.get(name) or "".join(word.capitalize() for word in name.split("_"))


class TestRequests:
    @pytest.mark.parametrize("spelling", [str, aws_spelling], ids=["python", "aws"])
    @pytest.mark.parametrize(("method", "route", "fields", "body"), ROUTES)
    async def test_every_field_goes_into_its_header(
        self,
        client: SageMakerRuntimeClient,
        stub: StubTransport,
        method: str,
        route: str,
        fields: Any,
        body: Any,
        spelling: Any,
    ) -> None:
        given = {spelling(name): value for name, (_, value) in fields.items()}
        await getattr(client, method)(
            **{spelling("endpoint_name"): "my-endpoint"}, **({spelling("body"): body} if body else {}), **given
        )
        (request,) = stub.requests
        assert (request.method, request.target) == ("POST", f"/endpoints/my-endpoint/{route}")
        assert request.body == (body or b"")
        assert own_headers(request) == {header: str(value) for header, value in fields.values()}

    @pytest.mark.parametrize(("method", "route", "fields", "body"), ROUTES)
    async def test_nothing_is_sent_for_fields_that_were_not_given_or_are_none(
        self, client: SageMakerRuntimeClient, stub: StubTransport, method: str, route: str, fields: Any, body: Any
    ) -> None:
        nothing = dict.fromkeys(fields)
        await getattr(client, method)(**{**nothing, "endpoint_name": "my-endpoint", "body": b"data"})
        assert own_headers(stub.requests[0]) == {}
        assert stub.requests[0].body == b"data"

    @pytest.mark.parametrize(
        ("body", "sent"),
        [
            (b"bytes", b"bytes"),
            (bytearray(b"array"), b"array"),
            (memoryview(b"view")[1:3], b"ie"),
            ("zwölf", "zwölf".encode()),
            (io.BytesIO(b"file"), b"file"),
            (b"", b""),
            ("", b""),
        ],
        ids=["bytes", "bytearray", "memoryview", "str", "file", "empty bytes", "empty str"],
    )
    async def test_bodies_of_all_kinds(
        self, client: SageMakerRuntimeClient, stub: StubTransport, body: Any, sent: bytes
    ) -> None:
        for method in ("invoke_endpoint", "invoke_endpoint_async", "invoke_endpoint_with_response_stream"):
            if method == "invoke_endpoint_async" and not sent:
                continue  # an empty body is none there, and refused: see test_runtime_shapes.py
            if hasattr(body, "seek"):
                body.seek(0)
            await getattr(client, method)(endpoint_name="e", body=body)
            assert stub.requests[-1].body == sent

    async def test_a_buffer_changed_during_the_call_does_not_change_what_is_sent(self) -> None:
        body = bytearray(b"before")

        def change(request: HTTPRequest) -> StubResponse:
            body[:] = b"after!"
            return StubResponse.error("ServiceUnavailable", status=503)

        stub = StubTransport(change, otherwise=StubResponse(200, b""))
        async with SageMakerRuntimeClient(transport=stub) as client:
            with pytest.raises(ServiceUnavailable):
                await client.invoke_endpoint(endpoint_name="e", body=body)
        assert stub.requests[0].body == b"before"

    async def test_a_timeout_must_be_a_positive_number_of_seconds_or_timeouts(
        self, client: SageMakerRuntimeClient, stub: StubTransport
    ) -> None:
        for timeout in (0, -1, float("nan"), "5", True):
            with pytest.raises(ConfigurationError, match="timeout"):
                await client.invoke_endpoint(endpoint_name="e", body=b"", timeout=timeout)  # type: ignore[arg-type]
            with pytest.raises(ConfigurationError, match="timeout"):
                client.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"", timeout=timeout)  # type: ignore[arg-type]
        assert not stub.requests
        await client.invoke_endpoint(endpoint_name="e", body=b"", timeout=5)
        await client.invoke_endpoint(endpoint_name="e", body=b"", timeout=Timeouts(first_byte=1))


class TestAnswers:
    async def test_invoke_endpoint(self) -> None:
        headers = {
            "Content-Type": "text/csv",
            "x-Amzn-Invoked-Production-Variant": "variant-1",
            X + "Custom-Attributes": "trace=1",
            X + "New-Session-Id": "abc; Expires=2026-01-02T03:04:05Z",
            X + "Closed-Session-Id": "def",
        }
        async with SageMakerRuntimeClient(transport=StubTransport(StubResponse(200, b"1,2", headers))) as client:
            response = await client.invoke_endpoint(endpoint_name="e", body=b"")
        assert isinstance(response, InvokeEndpointResponse)
        assert (response.body, response.content_type) == (b"1,2", "text/csv")
        assert response.invoked_production_variant == "variant-1"
        assert response.custom_attributes == "trace=1"
        assert response.new_session is not None
        assert response.new_session.id == "abc"
        assert response.closed_session_id == "def"
        assert response.metadata.status == 200
        assert response.metadata.request_id
        assert response.metadata.headers["content-type"] == "text/csv"
        assert [attempt.outcome for attempt in response.metadata.attempts] == ["200"]

    async def test_the_body_is_returned_as_received(self) -> None:
        stub = StubTransport(StubResponse(200, b"\x1f\x8b...", {"Content-Encoding": "gzip"}))
        async with SageMakerRuntimeClient(transport=stub) as client:
            response = await client.invoke_endpoint(endpoint_name="e", body=b"")
        assert response.body == b"\x1f\x8b..."
        assert response.metadata.headers["Content-Encoding"] == "gzip"

    async def test_invoke_endpoint_async(self) -> None:
        headers = {X + "OutputLocation": "s3://b/out", X + "FailureLocation": "s3://b/failure"}
        stub = StubTransport(StubResponse.json({"InferenceId": "an-id", "New": 1}, status=202, headers=headers))
        async with SageMakerRuntimeClient(transport=stub) as client:
            response = await client.invoke_endpoint_async(endpoint_name="e", input_location="s3://b/in")
        assert isinstance(response, InvokeEndpointAsyncResponse)
        assert response.inference_id == "an-id"
        assert (response.output_location, response.failure_location) == ("s3://b/out", "s3://b/failure")
        assert response.metadata.status == 202

    async def test_a_stream(self) -> None:
        headers = {
            X + "Content-Type": "text/plain",
            X + "Custom-Attributes": "a",
            "x-Amzn-Invoked-Production-Variant": "v",
        }
        stub = StubTransport(StubResponse.stream([b"one", b"two"], headers=headers))
        async with SageMakerRuntimeClient(transport=stub) as client:
            response = await client.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"")
            assert isinstance(response, InvokeEndpointWithResponseStreamResponse)
            assert (response.content_type, response.custom_attributes) == ("text/plain", "a")
            assert response.invoked_production_variant == "v"
            assert [event async for event in response.body] == [PayloadPart(b"one"), PayloadPart(b"two")]
        assert stub.in_use == 0


class TestErrors:
    @pytest.mark.parametrize(
        ("code", "status", "kind"),
        [
            ("ModelError", 424, ModelError),
            ("ModelNotReadyException", 429, ModelNotReadyException),
            ("InternalFailure", 500, InternalFailure),
            ("ServiceUnavailable", 503, ServiceUnavailable),
            ("InternalDependencyException", 530, InternalDependencyException),
            ("ValidationError", 400, ValidationError),
            ("ThrottlingException", 400, ThrottlingError),
            ("AccessDeniedException", 403, AccessDeniedError),
            ("InvalidSignatureException", 403, SignatureError),
            ("SomethingNew", 418, ServiceError),
            ("com.amazon#ValidationError:http://internal.amazon.com/", 400, ValidationError),
        ],
    )
    async def test_errors_are_typed_with_status_code_message_and_request_id(
        self, code: str, status: int, kind: type[ServiceError]
    ) -> None:
        stub = StubTransport(
            StubResponse.error(code, "what happened", status=status, headers={"x-amzn-RequestId": "an-id"})
        )
        async with SageMakerRuntimeClient(transport=stub) as client:
            with pytest.raises(kind) as caught:
                await client.invoke_endpoint(endpoint_name="my-endpoint", body=b"")
        error = caught.value
        assert type(error) is kind
        assert (error.status, error.code) == (status, code.partition(":")[0].rpartition("#")[2])
        assert error.error_message == "what happened"
        assert (error.operation, error.resource, error.request_id) == ("InvokeEndpoint", "my-endpoint", "an-id")
        for fact in ("what happened", "my-endpoint", "an-id", "InvokeEndpoint"):
            assert fact in str(error)

    async def test_a_model_error_has_the_containers_answer_and_where_its_logs_are(self) -> None:
        arn = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/e:log-stream:v/i-1"
        fields = {"OriginalStatusCode": 500, "OriginalMessage": "boom", "LogStreamArn": arn}
        stub = StubTransport(StubResponse.error("ModelError", "failed", status=424, fields=fields))
        async with SageMakerRuntimeClient(transport=stub) as client:
            with pytest.raises(ModelError) as caught:
                await client.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"")
        error = caught.value
        assert (error.original_status_code, error.original_message, error.log_stream_arn) == (500, "boom", arn)
        assert error.log_url is not None
        assert error.operation == "InvokeEndpointWithResponseStream"

    @pytest.mark.parametrize("method", ["invoke_endpoint", "invoke_endpoint_async"])
    async def test_disguised_throttling_is_throttling(self, method: str) -> None:
        stub = StubTransport(StubResponse(400, b'{"message": null}'))
        async with SageMakerRuntimeClient(transport=stub) as client:
            with pytest.raises(ThrottlingError):
                await getattr(client, method)(endpoint_name="e", body=b"x")


class TestStreamCall:
    def call(self, client: SageMakerRuntimeClient, **fields: Any) -> ResponseStreamCall:
        return client.invoke_endpoint_with_response_stream(**{"endpoint_name": "e", "body": b"", **fields})

    async def test_awaited(self, client: SageMakerRuntimeClient, stub: StubTransport) -> None:
        response = await self.call(client)
        assert stub.in_use == 1
        await response.aclose()
        await response.aclose()
        assert stub.in_use == 0

    async def test_entered(self, client: SageMakerRuntimeClient, stub: StubTransport) -> None:
        async with self.call(client) as response:
            async for event in response.body:
                assert event == PayloadPart(b"one")
                break
            assert stub.in_use == 1
        assert stub.in_use == 0

    async def test_left_by_an_exception(self, client: SageMakerRuntimeClient, stub: StubTransport) -> None:
        with pytest.raises(ZeroDivisionError):
            async with self.call(client):
                raise ZeroDivisionError
        assert stub.in_use == 0

    async def test_it_is_a_coroutine_that_task_groups_take(
        self, client: SageMakerRuntimeClient, stub: StubTransport
    ) -> None:
        call = self.call(client)
        assert isinstance(call, Coroutine)
        assert asyncio.iscoroutine(call)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(call)
            assert "ResponseStreamCall" in repr(task)
        assert [event async for event in task.result().body] == [PayloadPart(b"one"), PayloadPart(b"two")]

    async def test_gather_and_wait_for_take_it(self, client: SageMakerRuntimeClient, stub: StubTransport) -> None:
        responses = await asyncio.gather(self.call(client), self.call(client))
        responses.append(await asyncio.wait_for(self.call(client), 5))
        assert stub.in_use == 3
        for response in responses:
            await response.aclose()
        assert stub.in_use == 0

    async def test_it_validates_at_the_call_and_sends_nothing(
        self, client: SageMakerRuntimeClient, stub: StubTransport
    ) -> None:
        with pytest.raises(RequestValidationError):
            self.call(client, endpoint_name="no/name")
        self.call(client).close()
        assert not stub.requests

    async def test_what_the_response_has_is_asked_of_it_after_await(self, client: SageMakerRuntimeClient) -> None:
        call = self.call(client)
        with pytest.raises(AttributeError, match="this call has no 'body' before it was sent: await it"):
            call.body  # noqa: B018
        call.close()

    async def test_dropped_un_started_it_warns(self, client: SageMakerRuntimeClient, stub: StubTransport) -> None:
        call = self.call(client)
        with pytest.warns(RuntimeWarning, match="never awaited"):
            del call
        assert not stub.requests

    async def test_closed_un_started_it_does_not_warn_and_is_used_up(
        self, client: SageMakerRuntimeClient, stub: StubTransport
    ) -> None:
        call = self.call(client)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            call.close()
            call.close()
        with pytest.raises(StreamConsumedError):
            await call
        del call
        assert not stub.requests

    @pytest.mark.parametrize("again", ["await", "enter"])
    async def test_a_second_use_is_an_error(
        self, client: SageMakerRuntimeClient, stub: StubTransport, again: str
    ) -> None:
        call = self.call(client)
        await (await call).aclose()
        with pytest.raises(StreamConsumedError, match="sent already"):
            await (call if again == "await" else call.__aenter__())
        assert len(stub.requests) == 1

    async def test_a_task_cancelled_before_it_started_sends_nothing(
        self, client: SageMakerRuntimeClient, stub: StubTransport
    ) -> None:
        task = asyncio.create_task(self.call(client))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not stub.requests

    async def test_a_dropped_result_lets_go_of_its_connection(
        self, client: SageMakerRuntimeClient, stub: StubTransport
    ) -> None:
        task = asyncio.create_task(self.call(client))
        await task
        assert stub.in_use == 1
        gc.collect()
        gc.disable()
        try:
            del task
            await asyncio.sleep(0)  # the loop itself holds the task that has just woken this one
            assert stub.in_use == 0
        finally:
            gc.enable()

    async def test_a_dropped_call_is_freed_without_the_collector(self, client: SageMakerRuntimeClient) -> None:
        call = self.call(client)
        response = await call
        alive = weakref.ref(call)
        gc.collect()
        gc.disable()
        try:
            del call
            assert alive() is None
        finally:
            gc.enable()
        await response.aclose()

    async def test_cancelled_while_opening_it_lets_go(self, local: LocalSageMaker, session: Session) -> None:
        endpoint = local.add_endpoint("e", lambda body: body)
        endpoint.faults.append(Stall())
        task = asyncio.create_task(self.call(session.runtime))
        await endpoint.until(lambda e: e.stalled == 1)
        assert session.connections_in_use == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert session.connections_in_use == 0

    async def test_a_closed_client_is_told_when_it_is_awaited(self, client: SageMakerRuntimeClient) -> None:
        call = self.call(client)
        await client.close()
        with pytest.raises(SessionClosedError):
            await call

    async def test_what_is_no_event_stream_is_an_error_that_shows_its_beginning(
        self, local: LocalSageMaker, session: Session
    ) -> None:
        endpoint = local.add_endpoint("e", lambda body: body)
        endpoint.faults.append((NotAnEventStream(b"x" * 150 + b"y" * 50 + b"z" * 50, "text/html"), TcpWrites(10)))
        with pytest.raises(NotAnEventStreamError) as caught:
            await self.call(session.runtime)
        error = caught.value
        assert error.status == 200
        assert "text/html" in str(error)
        assert "x" * 150 + "y" * 50 in str(error)
        assert "z" not in str(error)
        assert (error.operation, error.resource) == ("InvokeEndpointWithResponseStream", "e")
        assert error.request_id
        assert len(error.attempts) == 1
        assert session.connections_in_use == 0

    @pytest.mark.parametrize("body", [[b"short", ConnectionLostError("gone")], [ConnectionLostError("gone")], []])
    async def test_what_is_no_event_stream_is_that_error_whatever_comes_after(self, body: list[Any]) -> None:
        async with SageMakerRuntimeClient(transport=StubTransport(StubResponse(200, body))) as client:
            with pytest.raises(NotAnEventStreamError, match="no Content-Type"):
                await self.call(client)

    async def test_a_content_type_with_parameters_is_still_an_event_stream(self) -> None:
        headers = {"Content-Type": "Application/VND.amazon.eventstream; charset=binary"}
        stub = StubTransport(StubResponse.stream([b"a"], headers=headers))
        async with SageMakerRuntimeClient(transport=stub) as client, self.call(client) as response:
            assert [event async for event in response.body] == [PayloadPart(b"a")]


class TestFiles:
    class Unreadable:
        def __init__(self, content: Any) -> None:
            self.content = content

        def read(self) -> Any:
            if isinstance(self.content, Exception):
                raise self.content
            return self.content

    @pytest.mark.parametrize(
        ("content", "message"),
        [("text", "binary mode"), (7, "int"), (None, "NoneType"), (PermissionError(13, "denied"), "denied")],
    )
    async def test_a_file_that_gives_no_bytes_is_an_error_and_nothing_is_sent(
        self, client: SageMakerRuntimeClient, stub: StubTransport, content: Any, message: str
    ) -> None:
        with pytest.raises(RequestValidationError, match=message):
            await client.invoke_endpoint(endpoint_name="e", body=self.Unreadable(content))
        with pytest.raises(RequestValidationError, match=message):
            await client.invoke_endpoint_with_response_stream(endpoint_name="e", body=self.Unreadable(content))
        assert not stub.requests

    async def test_a_file_is_read_once_and_replayed_for_retries(self, local: LocalSageMaker) -> None:
        endpoint = local.add_endpoint("e", lambda body: body)
        endpoint.faults.append(Status(503, "ServiceUnavailable"))
        options = Config(**local.client_options, retry=RetryConfig(base_delay=0))
        async with Session(options) as session:
            response = await session.runtime.invoke_endpoint(endpoint_name="e", body=io.BytesIO(b"content"))
        assert response.body == b"content"
        assert len(response.metadata.attempts) == 2
        assert [request.body_size for request in local.requests] == [7, 7]


class TestDispatch:
    EVENTS: ClassVar[list[Any]] = [b"one", b"two", ModelStreamError("broke", "StreamBroken")]

    async def opened(self, stub: StubTransport, client: SageMakerRuntimeClient, events: list[Any]) -> Any:
        stub.add(StubResponse.stream(events))
        return await client.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"")

    async def test_each_event_goes_to_its_handlers_in_order(
        self, stub: StubTransport, client: SageMakerRuntimeClient
    ) -> None:
        seen: list[Any] = []

        async def later(event: ModelStreamError) -> None:
            await asyncio.sleep(0)
            seen.append(("error", event.error_code))

        response = await self.opened(stub, client, self.EVENTS)
        await response.dispatch(
            on_event=lambda event: seen.append(type(event).__name__),
            on_payload_part=lambda part: seen.append(part.bytes),
            on_model_stream_error=later,
        )
        assert seen == ["PayloadPart", b"one", "PayloadPart", b"two", "StreamBroken", ("error", "StreamBroken")]
        assert stub.in_use == 0

    async def test_an_error_that_nobody_handles_is_raised(
        self, stub: StubTransport, client: SageMakerRuntimeClient
    ) -> None:
        seen: list[bytes] = []
        response = await self.opened(stub, client, self.EVENTS)
        with pytest.raises(ModelStreamError, match="broke"):
            await response.dispatch(on_payload_part=lambda part: seen.append(part.bytes))
        assert seen == [b"one", b"two"]

    async def test_a_handler_that_raises_closes_the_stream(
        self, stub: StubTransport, client: SageMakerRuntimeClient
    ) -> None:
        response = await self.opened(stub, client, [b"one", b"two"])
        with pytest.raises(ZeroDivisionError):
            await response.dispatch(on_payload_part=lambda part: 1 // 0)
        assert stub.in_use == 0
        with pytest.raises(StreamClosedError):
            await anext(response.body)

    async def test_iterating_afterwards_replays_what_came(
        self, stub: StubTransport, client: SageMakerRuntimeClient
    ) -> None:
        response = await self.opened(stub, client, self.EVENTS)
        await response.dispatch(on_model_stream_error=lambda event: None)
        for _ in range(2):
            events = [event async for event in response.body]
            assert [type(event).__name__ for event in events] == ["PayloadPart", "PayloadPart", "StreamBroken"]

    async def test_a_stream_that_broke_breaks_in_its_replay_as_well(
        self, stub: StubTransport, client: SageMakerRuntimeClient
    ) -> None:
        response = await self.opened(stub, client, [b"one", ConnectionLostError("gone")])
        with pytest.raises(StreamConnectionError):
            await response.dispatch()
        replay = aiter(response.body)
        assert await anext(replay) == PayloadPart(b"one")
        with pytest.raises(StreamConnectionError):
            await anext(replay)

    async def test_a_replay_after_a_handler_that_raised_does_not_just_stop(
        self, stub: StubTransport, client: SageMakerRuntimeClient
    ) -> None:
        response = await self.opened(stub, client, [b"one", b"two"])
        with pytest.raises(ZeroDivisionError):
            await response.dispatch(on_payload_part=lambda part: 1 // 0)
        replay = aiter(response.body)
        assert await anext(replay) == PayloadPart(b"one")
        with pytest.raises(StreamClosedError):
            await anext(replay)

    async def test_what_is_kept_for_a_replay_is_bounded(
        self, stub: StubTransport, client: SageMakerRuntimeClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(replay, "KEPT_BYTES", 5)
        response = await self.opened(stub, client, [b"one", b"two"])
        await response.dispatch()
        with pytest.raises(StreamConsumedError, match="more than 5 bytes"):
            [event async for event in response.body]

    async def test_an_error_that_the_model_does_not_know_has_a_handler(
        self, stub: StubTransport, client: SageMakerRuntimeClient
    ) -> None:
        unknown = encode_message(
            {":message-type": "error", ":error-code": "Odd", ":error-message": "what is this?"}, b""
        )
        seen: list[Any] = []
        head = {"Content-Type": "application/vnd.amazon.eventstream"}
        for handled in (True, False):
            stub.add(StubResponse(200, unknown, head))
            response = await client.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"")
            if handled:
                await response.dispatch(on_error_event=seen.append)
            else:
                with pytest.raises(UnmodeledStreamError, match="what is this"):
                    await response.dispatch()
            with pytest.raises(UnmodeledStreamError):
                [event async for event in response.body]
        assert [error.code for error in seen] == ["Odd"]

    @pytest.mark.parametrize("handler", [7, lambda: None, lambda one, two: None])
    @pytest.mark.parametrize(
        "name",
        ["on_payload_part", "on_model_stream_error", "on_internal_stream_failure", "on_error_event", "on_event"],
    )
    async def test_handlers_are_checked_before_anything_is_read(
        self, stub: StubTransport, client: SageMakerRuntimeClient, name: str, handler: Any
    ) -> None:
        response = await self.opened(stub, client, [b"one"])
        with pytest.raises(ConfigurationError, match=f"{name} must be a callable that takes one event"):
            await response.dispatch(**{name: handler})
        assert [event async for event in response.body] == [PayloadPart(b"one")]


class TestErrorsAsResponses:
    """With `Config.raise_response_errors` off."""

    @pytest.mark.parametrize(("method", "route", "fields", "body"), ROUTES)
    async def test_what_the_service_answers_as_an_error_is_on_the_response(
        self, method: str, route: str, fields: Any, body: Any
    ) -> None:
        stub = StubTransport(StubResponse.error("ModelError", "failed", status=424))
        async with SageMakerRuntimeClient(transport=stub, raise_response_errors=False) as client:
            response = await getattr(client, method)(endpoint_name="e", body=b"data")
        assert isinstance(response.error, ServiceError)
        assert response.error.status == response.metadata.status == 424
        assert response.metadata.attempts

    async def test_reading_such_a_stream_raises_the_error_at_either_level(self) -> None:
        stub = StubTransport(otherwise=StubResponse.error("ModelError", "failed", status=424))
        async with Session(transport=stub, raise_response_errors=False) as session:
            response = await session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"")
            with pytest.raises(ModelError, match="failed"):
                await anext(response.body)
            with pytest.raises(ModelError, match="failed"):
                await Predictor("e", session).predict_stream(b"")


class TestProgress:
    async def test_what_goes_and_comes_is_told(self, local: LocalSageMaker, session: Session) -> None:
        local.add_endpoint("e", lambda body: body)
        sent: list[int] = []
        received: list[int] = []
        invoke = session.runtime.invoke_endpoint_with_response_stream
        async with invoke(
            endpoint_name="e",
            body=b"x" * 1000,
            on_chunk_sent=lambda count, total: sent.append(count),
            on_chunk_received=lambda count, total: received.append(count),
        ) as response:
            async for _ in response.body:
                pass
        assert sent[-1] == 1000
        assert received == sorted(received)
        assert received[-1] > 1000

    async def test_a_callback_that_raises_while_a_stream_is_read_closes_it(
        self, stub: StubTransport, client: SageMakerRuntimeClient
    ) -> None:
        response = await client.invoke_endpoint_with_response_stream(
            endpoint_name="e", body=b"", on_chunk_received=lambda count, total: 1 // 0
        )
        with pytest.raises(ZeroDivisionError):
            await anext(response.body)
        assert stub.in_use == 0
        with pytest.raises(StreamClosedError):
            await anext(response.body)


def test_error_members_keep_awss_names() -> None:
    error = ServiceError("text", status=400, code="SomethingNew", fields=json.loads('{"Message": "m", "New": 1}'))
    assert error.fields == {"Message": "m", "New": 1}
    assert isinstance(error, CallError)


PUBLIC = [name for name in dir(SageMakerRuntimeClient) if not name.startswith("_")]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_described_with_types_that_can_be_looked_up(name: str) -> None:
    value = getattr(SageMakerRuntimeClient, name)
    assert inspect.getdoc(value)
    function = value.fget if isinstance(value, property) else value
    if callable(function):
        parameters = inspect.signature(function).parameters
        assert set(typing.get_type_hints(function)) >= set(parameters) - {"self"}


@pytest.mark.parametrize("name", ["invoke_endpoint", "invoke_endpoint_with_response_stream", "invoke_endpoint_async"])
def test_help_shows_each_field_with_its_purpose(name: str) -> None:
    method = getattr(SageMakerRuntimeClient, name)
    text = pydoc.plain(pydoc.render_doc(method))
    for field in inspect.signature(method).parameters:
        if field != "self":
            assert re.search(rf"^ +\**{field}: \S", text, re.MULTILINE), field


LOOK_UP = """
import sys, typing
from sagemaker_async import SageMakerRuntimeClient
assert "pydantic" not in sys.modules
hints = typing.get_type_hints(SageMakerRuntimeClient.invoke_endpoint)
assert hints["return"].__name__ == "InvokeEndpointResponse", hints
"""


def test_types_can_be_looked_up_in_a_process_that_has_not_loaded_the_models() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOOK_UP], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


async def test_half_moved_code_reads_answers_and_events_by_awss_names(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("half-moved", lambda body: iter([body, b"!"]))
    response = await session.runtime.invoke_endpoint(EndpointName="half-moved", Body=b"hello", ContentType="text/csv")
    assert (response["Body"], response["ContentType"]) == (b"hello!", "text/csv")
    assert response["ResponseMetadata"]["RequestId"] == response.metadata.request_id
    assert "CustomAttributes" not in response
    streamed = await session.runtime.invoke_endpoint_with_response_stream(EndpointName="half-moved", Body=b"hello")
    parts = [event["PayloadPart"]["Bytes"] async for event in streamed["Body"] if "PayloadPart" in event]
    assert b"".join(parts) == b"hello!"
    described = await session.hosting.describe_endpoint(EndpointName="half-moved")
    assert described["EndpointStatus"] == described.endpoint_status == "InService"
    assert described["ProductionVariants"][0]["VariantName"] == described.production_variants[0].variant_name
