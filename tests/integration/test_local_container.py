"""Endpoints that forward to a running container."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from sagemaker_async.errors import ConfigurationError
from sagemaker_async.local import Container, LocalSageMaker

Call = Callable[..., Awaitable[Any]]
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    runners: list[web.ServerRunner] = []

    async def serve(handler: Handler) -> str:
        runner = web.ServerRunner(web.Server(handler, access_log=None, handler_cancellation=True), shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield serve
    for runner in runners:
        await runner.cleanup()


async def test_a_request_is_forwarded_as_sagemaker_does(local: LocalSageMaker, call: Call, serve: Any) -> None:
    seen: list[tuple[str, str, dict[str, str], bytes]] = []

    async def container(request: web.BaseRequest) -> web.StreamResponse:
        seen.append((request.method, request.path, dict(request.headers), await request.read()))
        return web.Response(
            body=b"out", content_type="text/csv", headers={"X-Amzn-SageMaker-Custom-Attributes": "answered"}
        )

    local.add_endpoint("box", await serve(container))
    attributes = {"X-Amzn-SageMaker-Custom-Attributes": "asked", "X-Amzn-SageMaker-Session-Id": "s"}
    answer = await call("box", body=b"in", headers={"Content-Type": "text/plain", **attributes})
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, b"out", "text/csv")
    assert answer.headers["X-Amzn-SageMaker-Custom-Attributes"] == "answered"
    ((method, path, headers, body),) = seen
    assert (method, path, body) == ("POST", "/invocations", b"in")
    assert headers["Content-Type"] == "text/plain"
    assert headers.items() >= attributes.items()
    assert not headers.keys() & {"Authorization", "X-Amz-Date", "User-Agent", "Accept-Encoding", "Accept"}


async def test_a_body_of_megabytes_is_forwarded(local: LocalSageMaker, call: Call, serve: Any) -> None:
    async def container(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        return web.Response(text=f"{len(body)} {request.headers['Content-Length']}")

    local.add_endpoint("box", await serve(container))
    assert (await call("box", body=bytes(3_000_000))).body == b"3000000 3000000"


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_containers_error_is_a_model_error(
    streamed: bool, local: LocalSageMaker, call: Call, serve: Any
) -> None:
    async def container(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=422, text="bad input")

    local.add_endpoint("box", await serve(container))
    answer = await call("box", "invocations-response-stream" if streamed else "invocations")
    assert (answer.status, answer.code) == (424, "ModelError")
    assert (answer.json["OriginalStatusCode"], answer.json["OriginalMessage"]) == (422, "bad input")


async def test_a_containers_stream_is_passed_on(local: LocalSageMaker, stream: Call, serve: Any) -> None:
    async def container(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for token in (b"data: a\n\n", b"data: b\n\n"):
            await response.write(token)
        return response

    local.add_endpoint("box", await serve(container))
    answer = await stream("box")
    assert answer.headers["X-Amzn-SageMaker-Content-Type"] == "text/event-stream"
    assert b"".join(answer.parts) == b"data: a\n\ndata: b\n\n"


async def test_a_container_that_breaks_off_breaks_the_stream(local: LocalSageMaker, stream: Call, serve: Any) -> None:
    async def container(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.close()
        return response

    local.add_endpoint("box", await serve(container))
    last = (await stream("box")).messages[-1]
    assert last.headers[":exception-type"] == "ModelStreamError"
    assert b"StreamBroken" in last.payload


async def test_a_container_that_is_not_there_is_a_model_error(local: LocalSageMaker, call: Call) -> None:
    local.add_endpoint("box", "http://127.0.0.1:1/invocations")
    answer = await call("box")
    assert (answer.status, answer.json["OriginalStatusCode"]) == (424, 0)
    assert "cannot be reached" in answer.json["OriginalMessage"]


async def test_a_container_that_is_too_slow_is_a_model_error_of_status_0(
    local: LocalSageMaker, call: Call, serve: Any
) -> None:
    async def container(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    model = Container(await serve(container), timeout=0.02)
    local.add_endpoint("box", model)
    answer = await call("box")
    assert (answer.status, answer.json["OriginalStatusCode"]) == (424, 0)
    assert "in time" in answer.json["OriginalMessage"]
    assert repr(model) == f"Container({model.url!r})"


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/invocations"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/invocations"),
        ("https://host/models/m/invoke", "https://host/models/m/invoke"),
    ],
)
async def test_the_path_is_invocations_unless_given(url: str, meant: str) -> None:
    assert Container(url).url == meant


@pytest.mark.parametrize("url", ["ftp://host", "host:8080", "http://", ""])
def test_what_is_not_a_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="must look like"):
        Container(url)
