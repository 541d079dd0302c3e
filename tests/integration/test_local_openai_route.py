"""The embedded SageMaker's OpenAI-compatible route, as any HTTP client sees it."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from sagemaker_async import Session
from sagemaker_async.integrations.openai import OpenAITokens, openai_base_url
from sagemaker_async.local import (
    CutFrame,
    InvocationRequest,
    LocalSageMaker,
    ModelFailure,
    ModelResponse,
    Status,
    Throttle,
    UnknownEvent,
)

NO_COPIES = (
    "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress "
    "(if configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API."
)
ROLE = "arn:aws:iam::123456789012:role/hosting"
Post = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]


@pytest.fixture
async def post(local: LocalSageMaker, session: Session) -> AsyncIterator[Post]:
    """Posts to the route of an endpoint: ``await post("e", "component", body=..., headers=...)``."""
    tokens = OpenAITokens(session)

    async with aiohttp.ClientSession() as client:

        async def posted(
            endpoint: str, component: str | None = None, *, body: bytes = b"{}", headers: dict[str, str] | None = None
        ) -> tuple[int, dict[str, str], bytes]:
            url = openai_base_url(session, endpoint, component) + "/chat/completions"
            fields = {"Authorization": f"Bearer {await tokens()}", **(headers or {})}
            async with client.post(url, data=body, headers=fields) as response:
                return response.status, dict(response.headers), await response.read()

        yield posted


def error_in(body: bytes) -> tuple[str, str, str]:
    content = json.loads(body)
    assert set(content) == {"error"}
    assert set(content["error"]) == {"message", "type", "code"}
    return content["error"]["message"], content["error"]["type"], content["error"]["code"]


async def with_component(session: Session, name: str, copies: int) -> None:
    hosting = session.hosting
    await hosting.create_model(model_name="m", primary_container={"Image": "image"}, execution_role_arn=ROLE)
    variant = {"VariantName": "v", "InstanceType": "ml.g5.xlarge", "InitialInstanceCount": 1}
    await hosting.create_endpoint_config(
        endpoint_config_name="c", production_variants=[variant], execution_role_arn=ROLE
    )
    await hosting.create_endpoint(endpoint_name="hosts", endpoint_config_name="c")
    await hosting.create_inference_component(
        inference_component_name=name,
        endpoint_name="hosts",
        variant_name="v",
        specification={"ModelName": "m", "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024}},
        runtime_config={"CopyCount": copies},
    )


async def test_body_and_answer_are_passed_on_as_they_are(local: LocalSageMaker, post: Post) -> None:
    seen: list[InvocationRequest] = []

    def model(body: bytes, request: InvocationRequest) -> ModelResponse:
        seen.append(request)
        return ModelResponse(b'{"what": "ever"}', "application/json")

    local.add_endpoint("e", model)
    body = b'{"model": "", "messages": "not a list", "unknown": 1'
    status, headers, answer = await post("e", body=body, headers={"Content-Type": "application/json"})
    assert (status, headers["Content-Type"], answer) == (200, "application/json", b'{"what": "ever"}')
    assert (seen[0].body, seen[0].operation, seen[0].component) == (body, "ChatCompletions", None)


async def test_a_component_is_named_by_the_path(local: LocalSageMaker, session: Session, post: Post) -> None:
    local.add_model("m", lambda body, request: f"{request.component} of {request.endpoint_name}")
    await with_component(session, "part", copies=1)
    assert (await post("hosts", "part"))[2] == b"part of hosts"
    status, _, body = await post("hosts", "other")
    assert (status, error_in(body)[1:]) == (400, ("invalid_request_error", "validation_error"))


async def test_a_component_without_copies(local: LocalSageMaker, session: Session, post: Post) -> None:
    local.add_model("m", lambda body: body)
    await with_component(session, "asleep", copies=0)
    status, _, body = await post("hosts", "asleep")
    assert status == 400
    assert error_in(body) == (
        NO_COPIES,
        "invalid_request_error",
        "validation_error",
    )


async def test_the_component_header_is_refused(local: LocalSageMaker, post: Post) -> None:
    endpoint = local.add_endpoint("e", lambda body: body)
    status, _, body = await post("e", headers={"X-Amzn-SageMaker-Inference-Component": "part"})
    assert (status, error_in(body)[1:]) == (400, ("invalid_request_error", "validation_error"))
    assert endpoint.invocations == 0


async def test_a_plain_signature_is_refused(local: LocalSageMaker, session: Session) -> None:
    endpoint = local.add_endpoint("e", lambda body: body)
    await session.runtime.invoke_endpoint(endpoint_name="e", body=b"{}")
    signed = {
        name: value
        for name, value in local.requests[-1].headers.items()
        if name.lower() in ("authorization", "x-amz-date")
    }
    url = openai_base_url(session, "e") + "/chat/completions"
    async with aiohttp.ClientSession() as client, client.post(url, data=b"{}", headers=signed) as response:
        assert response.status == 403
        assert error_in(await response.read())[2] == "access_denied"
    async with aiohttp.ClientSession() as client, client.post(url, data=b"{}") as response:
        assert response.status == 401
        assert error_in(await response.read())[2] == "unauthorized"
    assert endpoint.invocations == 1


async def test_a_bearer_token_is_good_for_this_route_alone(local: LocalSageMaker, session: Session) -> None:
    endpoint = local.add_endpoint("e", lambda body: body)
    fields = {"Authorization": f"Bearer {await OpenAITokens(session)()}"}
    url = f"{local.url}/endpoints/e/invocations"
    async with aiohttp.ClientSession() as client, client.post(url, data=b"{}", headers=fields) as response:
        assert response.status == 403
    assert endpoint.invocations == 0


@pytest.mark.parametrize("wrong", [-3600, 3600])
async def test_where_the_machines_clock_is_wrong_tokens_are_dated_by_the_services(wrong: int) -> None:
    async with LocalSageMaker(clock=lambda: time.time() + wrong) as local, Session(**local.client_options) as session:
        local.add_endpoint("e", lambda body: body)
        tokens, url = OpenAITokens(session), openai_base_url(session, "e") + "/chat/completions"

        async def status() -> int:
            fields = {"Authorization": f"Bearer {await tokens()}"}
            async with aiohttp.ClientSession() as client, client.post(url, data=b"{}", headers=fields) as response:
                return response.status

        assert await status() == 401
        await session.runtime.invoke_endpoint(endpoint_name="e", body=b"{}")
        assert await status() == 200


@pytest.mark.parametrize(("said", "status"), [(400, 400), (404, 404), (422, 422), (500, 500), (0, 500)])
async def test_an_error_of_the_container(local: LocalSageMaker, post: Post, said: int, status: int) -> None:
    def model(body: bytes) -> bytes:
        raise ModelFailure(said, '{"error": "with \\"quotes\\""}')

    local.add_endpoint("e", model)
    found, _, body = await post("e")
    message, kind, code = error_in(body)
    assert (found, kind, code) == (status, "server_error", "model_error")
    side = "client" if 400 <= said < 500 else "server"
    assert message.startswith(f"Received {side} error ({said}) from ")
    assert ' with message "{"error": "with \\"quotes\\""}". See https://us-east-1.console.aws.amazon.com/' in message
    assert message.endswith(" in account 123456789012 for more information.")


async def test_an_unknown_endpoint(post: Post) -> None:
    status, headers, body = await post("nowhere")
    assert status == 400
    assert error_in(body) == (
        "Endpoint nowhere of account 123456789012 not found.",
        "invalid_request_error",
        "validation_error",
    )
    assert "x-amzn-RequestId" in headers


async def test_parts_are_sent_as_they_are_and_counted(local: LocalSageMaker, post: Post) -> None:
    async def model(body: bytes) -> AsyncIterator[bytes]:
        for part in (b"data: on", b"e\n\n", b"data: two\n\n"):
            yield part

    endpoint = local.add_endpoint("e", model)
    status, headers, body = await post("e")
    assert (status, headers["Content-Type"], body) == (200, "text/event-stream", b"data: one\n\ndata: two\n\n")
    assert (endpoint.open_streams, endpoint.completed_streams) == (0, 1)


async def test_a_failure_after_the_first_part_ends_the_stream_with_an_error(local: LocalSageMaker, post: Post) -> None:
    async def model(body: bytes) -> AsyncIterator[bytes]:
        yield b"data: one\n\n"
        raise ModelFailure(500, "out of memory")

    endpoint = local.add_endpoint("e", model)
    status, _, body = await post("e")
    first, error, rest = body.split(b"\n\n")
    assert (status, first, rest) == (200, b"data: one", b"")
    assert error_in(error.removeprefix(b"data: ")) == ("out of memory", "server_error", "model_error")
    assert endpoint.broken_streams == 1


async def test_a_failure_before_the_first_part_is_a_status(local: LocalSageMaker, post: Post) -> None:
    async def model(body: bytes) -> AsyncIterator[bytes]:
        raise ModelFailure(429, "busy")
        yield b""

    local.add_endpoint("e", model)
    assert (await post("e"))[0] == 429


async def test_faults_act_on_this_route_as_well(local: LocalSageMaker, post: Post) -> None:
    async def model(body: bytes) -> AsyncIterator[bytes]:
        for part in (b"data: one\n\n", b"data: two\n\n"):
            yield part

    endpoint = local.add_endpoint("e", model)
    endpoint.faults.extend([Throttle(), Status(503), CutFrame(after_parts=1, keep=5), UnknownEvent(after_parts=1)])
    status, _, body = await post("e")
    assert (status, error_in(body)[2]) == (429, "throttling")
    assert (await post("e"))[0] == 503
    assert (await post("e"))[2] == b"data: one\n\ndata:"
    assert (await post("e"))[2] == b"data: one\n\nevent: Heartbeat\ndata: {}\n\ndata: two\n\n"


async def test_other_paths_and_methods_are_no_part_of_it(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("e", lambda body: body)
    base = openai_base_url(session, "e")
    async with aiohttp.ClientSession() as client:
        for method, path in [("POST", "/completions"), ("POST", "/embeddings"), ("GET", "/models")]:
            async with client.request(method, base + path) as response:
                assert response.status == 404
        async with client.get(base + "/chat/completions") as response:
            assert response.status == 404


async def test_a_container_is_asked_at_its_own_chat_path(
    local: LocalSageMaker, post: Post, raw_server: Any, http_answer: Any
) -> None:
    container = await raw_server(http_answer(200, b"{}", {"Content-Type": "application/json"}))
    local.add_endpoint("e", f"{container.origin}/invocations")
    assert (await post("e"))[2] == b"{}"
    assert [request.target for request in container.requests] == ["/v1/chat/completions"]
