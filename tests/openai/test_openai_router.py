"""OpenAI's own clients, and LiteLLM where it is installed, against `openai_router` over endpoints of all six dialects.

The router is served by uvicorn. Each endpoint answers as its container would, with `tests/vectors/dialects.json` in
slices; what clients make of it must be what `predict_stream(...).tokens().result()` makes of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import openai
import pytest
import uvicorn
from fastapi import FastAPI
from openai import AsyncOpenAI

from sagemaker_async import Predictor, RetryConfig, Session
from sagemaker_async.integrations.fastapi import OpenAIModel, openai_router
from sagemaker_async.local import InvocationRequest, LocalSageMaker, Stall, Throttle

FIXTURES: dict[str, dict[str, Any]] = {
    fixture["name"]: fixture
    for fixture in json.loads((Path(__file__).parents[1] / "vectors" / "dialects.json").read_text())
}
MESSAGES: Any = [{"role": "user", "content": "How is the sea?"}]
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


class Dialect(NamedTuple):
    """One of the six, and how its container is asked."""

    fixture: str
    takes: Any = "messages"
    reason: str = "stop"


DIALECTS = {
    "openai-chat": Dialect("openai chat, server-sent events"),
    "openai-chat-lmi": Dialect("openai chat, LMI json lines"),
    "openai-chat-tools": Dialect("openai chat, tool call", reason="tool_calls"),
    "openai-completions": Dialect("openai completions", "prompt"),
    "tgi": Dialect("tgi", "inputs"),
    "lmi": Dialect("lmi json lines", "inputs", "length"),
    "jumpstart": Dialect("jumpstart, one list", "inputs"),
    "raw": Dialect("raw text", lambda request: as_prompt(request["messages"])),
}


def as_prompt(messages: Any) -> str:
    return "".join(f"<{message['role']}>{message['content']}" for message in messages)


async def sliced(payload: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(payload), 5):
        yield payload[start : start + 5]


def container(fixture: str) -> Callable[[bytes, InvocationRequest], AsyncIterator[bytes]]:
    """Return a model that streams a fixture to those who stream, and to others as well."""
    payload = FIXTURES[fixture]["payload"].encode()
    return lambda body, request: sliced(payload)


class Server(uvicorn.Server):
    """uvicorn, which leaves the signals of the test's process alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class World(NamedTuple):
    local: LocalSageMaker
    session: Session
    url: str
    client: AsyncOpenAI


@pytest.fixture
async def world(local: LocalSageMaker) -> AsyncIterator[World]:
    """The router over all dialects, on uvicorn, and OpenAI's client of it."""
    async with Session(**local.client_options, retry=RetryConfig(max_attempts=1)) as session:
        models = {}
        for name, dialect in DIALECTS.items():
            local.add_endpoint(f"private-{name}", container(dialect.fixture))
            prompt = None if dialect.takes == "messages" else as_prompt
            models[name] = OpenAIModel(Predictor(f"private-{name}", session), takes=dialect.takes, prompt=prompt)
        app = FastAPI()
        app.include_router(openai_router(models=models))
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=2))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        async with AsyncOpenAI(base_url=url, api_key="unused", max_retries=0) as client:
            yield World(local, session, url, client)
        server.should_exit = True
        await running
        assert session.connections_in_use == 0


class Said(NamedTuple):
    """What a client made of an answer."""

    text: str
    calls: list[tuple[str, str, str]]
    reason: str | None
    usage: tuple[int, int] | None


async def directly(world: World, name: str) -> Said:
    """Return what this package's own client makes of the answer, in OpenAI's words."""
    result = await Predictor(f"private-{name}", world.session).predict_stream(b"{}").tokens().result()
    usage = result.usage and (result.usage.get("prompt_tokens", 0), result.usage["completion_tokens"])
    calls = [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in _calls(result.message)]
    return Said(result.text, calls, DIALECTS[name].reason, usage)


def _calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = message.get("tool_calls", [])
    return calls


async def gathered(chunks: Any) -> Said:
    """Return what a program makes of the chunks of OpenAI's client."""
    text, calls, reason, usage = "", {}, None, None
    async for chunk in chunks:
        if getattr(chunk, "usage", None) is not None:
            usage = (chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reason = choice.finish_reason or reason
            for piece in choice.delta.tool_calls or []:
                call = calls.setdefault(piece.index, ["", "", ""])
                for place, part in enumerate((piece.id, piece.function.name, piece.function.arguments)):
                    call[place] += part or ""
    return Said(text, [(each[0], each[1], each[2]) for each in calls.values()], reason, usage)


def of_message(answer: Any) -> Said:
    choice = answer.choices[0]
    calls = [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls or []]
    usage = (answer.usage.prompt_tokens, answer.usage.completion_tokens) if answer.usage else None
    return Said(choice.message.content or "", calls, choice.finish_reason, usage)


def tools_of(name: str) -> Any:
    return TOOLS if name.endswith("tools") else openai.NOT_GIVEN


@pytest.mark.parametrize("name", DIALECTS)
async def test_a_stream_of_every_dialect(world: World, name: str) -> None:
    chunks = await world.client.chat.completions.create(
        model=name, messages=MESSAGES, stream=True, stream_options={"include_usage": True}, tools=tools_of(name)
    )
    said = await gathered(chunks)
    assert said == await directly(world, name)
    assert said.text == FIXTURES[DIALECTS[name].fixture]["text"]
    assert bool(said.calls) == name.endswith("tools")


@pytest.mark.parametrize("name", DIALECTS)
async def test_a_whole_answer_of_every_dialect(world: World, name: str) -> None:
    answer = await world.client.chat.completions.create(model=name, messages=MESSAGES, tools=tools_of(name))
    assert answer.model == name
    assert of_message(answer) == await directly(world, name)


@pytest.mark.parametrize("name", ["openai-completions", "tgi", "lmi", "jumpstart"])
async def test_completions(world: World, name: str) -> None:
    expected = await directly(world, name)
    answer = await world.client.completions.create(model=name, prompt="The sea")
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == (expected.text, expected.reason)
    stream = await world.client.completions.create(model=name, prompt="The sea", stream=True)
    assert "".join([choice.text async for chunk in stream for choice in chunk.choices]) == expected.text


async def test_the_models(world: World) -> None:
    listed = await world.client.models.list()
    assert [model.id for model in listed.data] == list(DIALECTS)
    assert (await world.client.models.retrieve("tgi")).owned_by == "sagemaker"
    with pytest.raises(openai.NotFoundError, match="does not exist; the models are openai-chat, "):
        await world.client.models.retrieve("gpt-4o")


async def test_embeddings(world: World) -> None:
    world.local.add_endpoint("vectors", lambda body: b"[[0.5, 0.25]]")
    app = FastAPI()
    model = OpenAIModel(Predictor("vectors", world.session), takes="inputs")
    app.include_router(openai_router(models={"vectors": model}))
    httpx = pytest.importorskip("httpx2" if int(openai.__version__.partition(".")[0]) >= 3 else "httpx")
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app))
    async with AsyncOpenAI(base_url="http://app/v1", api_key="unused", http_client=http) as client:
        answer = await client.embeddings.create(model="vectors", input="a")
    assert answer.data[0].embedding == [0.5, 0.25]


async def test_what_is_refused_is_raised_as_openai_raises_it(world: World) -> None:
    create = world.client.chat.completions.create
    with pytest.raises(openai.NotFoundError, match="The model 'gpt-4o' does not exist") as unknown:
        await create(model="gpt-4o", messages=MESSAGES)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="does not take tools") as refused:
        await create(model="tgi", messages=MESSAGES, tools=TOOLS)
    assert (refused.value.param, refused.value.type) == ("tools", "invalid_request_error")
    assert world.local.requests == []


async def test_a_throttled_call_is_repeated_by_the_client_and_a_failed_one_is_not(world: World) -> None:
    client = world.client.with_options(max_retries=1)
    endpoint = world.local.script("private-openai-chat", [Throttle(429, retry_after_ms=1)])
    with pytest.raises(openai.RateLimitError) as caught:
        await world.client.chat.completions.create(model="openai-chat", messages=MESSAGES)
    assert caught.value.request_id
    requests = endpoint.requests

    def failing(body: bytes) -> bytes:
        raise RuntimeError("CUDA out of memory")

    world.local.remove_endpoint("private-openai-chat")
    failed = world.local.add_endpoint("private-openai-chat", failing)
    with pytest.raises(openai.InternalServerError, match="The model failed to answer"):
        await client.chat.completions.create(model="openai-chat", messages=MESSAGES)
    assert (requests, failed.requests) == (1, 1)


async def test_a_failure_within_a_stream_is_raised_by_the_client(world: World) -> None:
    world.local.remove_endpoint("private-tgi")

    async def failing(body: bytes) -> AsyncIterator[bytes]:
        yield FIXTURES["tgi"]["payload"].encode().partition(b"\n\n")[0] + b"\n\n"
        yield b'data:{"error": "CUDA out of memory", "error_type": "generation"}\n\n'

    world.local.add_endpoint("private-tgi", failing)
    with pytest.raises(openai.APIError, match="The model failed to answer"):
        await gathered(await world.client.chat.completions.create(model="tgi", messages=MESSAGES, stream=True))


async def test_a_client_that_leaves_lets_go_of_the_model(world: World) -> None:
    endpoint = world.local.script("private-tgi", [Stall(after_parts=40)])
    stream = await world.client.chat.completions.create(model="tgi", messages=MESSAGES, stream=True)
    async for _ in stream:
        break
    await endpoint.until(lambda endpoint: endpoint.stalled == 1)
    await stream.close()
    await endpoint.until(lambda endpoint: endpoint.stalled == 0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", DIALECTS)
async def test_litellm(world: World, name: str) -> None:
    litellm = pytest.importorskip("litellm")
    options: dict[str, Any] = {"base_url": world.url, "api_key": "unused", "model": f"openai/{name}"}
    if name.endswith("tools"):
        options["tools"] = TOOLS
    expected = await directly(world, name)
    said = of_message(await litellm.acompletion(messages=MESSAGES, **options))
    assert (said.text, said.calls, said.reason) == (expected.text, expected.calls, expected.reason)
    assert expected.usage is None or said.usage == expected.usage
    options["stream_options"] = {"include_usage": True}
    streamed = await gathered(await litellm.acompletion(messages=MESSAGES, stream=True, **options))
    assert (streamed.text, streamed.calls, streamed.reason) == (expected.text, expected.calls, expected.reason)
    assert expected.usage is None or streamed.usage == expected.usage
