"""`openai_router` over the embedded SageMaker, as its HTTP: what the container is sent, and what the client gets."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, HTTPException, Request

from sagemaker_async import Predictor, RetryConfig, Session, Timeouts
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.integrations.fastapi import OpenAIFormat, OpenAIModel, openai_router, stream_response
from sagemaker_async.local import (
    CutFrame,
    Endpoint,
    InStreamError,
    InvocationRequest,
    LocalSageMaker,
    ModelFailure,
    ModelResponse,
    Stall,
    Status,
    Throttle,
)

FIXTURES: dict[str, dict[str, Any]] = {
    fixture["name"]: fixture
    for fixture in json.loads((Path(__file__).parents[1] / "vectors" / "dialects.json").read_text())
}
MESSAGES = [{"role": "user", "content": "How is the sea?"}]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
REASONS = {"eos_token": "stop", None: "stop"}


def as_prompt(messages: Any) -> str:
    return "".join(f"<{message['role']}>{message['content']}" for message in messages)


class World:
    """An application with the router, what it calls, and what its containers have been sent."""

    def __init__(self, local: LocalSageMaker, session: Session) -> None:
        self.local, self.session = local, session
        self.models: dict[str, Any] = {}
        self.seen: list[InvocationRequest] = []
        self.app = FastAPI()

    def add(self, name: str, container: Callable[..., Any], **options: Any) -> Endpoint:
        """Add the endpoint `private-{name}` and serve it as `name`."""

        def noted(body: bytes, request: InvocationRequest) -> Any:
            self.seen.append(request)
            return container(json.loads(body) if body[:1] == b"{" else body)

        endpoint = self.local.add_endpoint(f"private-{name}", noted)
        self.models[name] = OpenAIModel(Predictor(f"private-{name}", self.session), **options)
        return endpoint

    def add_fixture(self, fixture: str, **options: Any) -> Endpoint:
        return self.add("m", lambda _: sliced(FIXTURES[fixture]["payload"].encode()), **options)

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.body) for request in self.seen]

    def client(self, **options: Any) -> httpx.AsyncClient:
        self.app.include_router(openai_router(models=self.models), **options)
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://app/v1")

    async def post(self, path: str, **fields: Any) -> httpx.Response:
        async with self.client() as client:
            return await client.post(path, json=fields)

    async def chat(self, **fields: Any) -> httpx.Response:
        return await self.post("/chat/completions", **{"model": "m", "messages": MESSAGES, **fields})

    async def chunks(self, path: str = "/chat/completions", **fields: Any) -> list[Any]:
        """Return the chunks of a stream that is complete."""
        fields = {"model": "m", "stream": True, "messages": MESSAGES, "prompt": "The sea", **fields}
        response = await self.post(path, **fields)
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        *events, done, nothing = response.text.split("\n\n")
        assert (done, nothing) == ("data: [DONE]", "")
        return [json.loads(event.removeprefix("data: ")) for event in events]


async def sliced(payload: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(payload), 7):
        yield payload[start : start + 7]


@pytest.fixture
async def world(local: LocalSageMaker) -> AsyncIterator[World]:
    async with Session(**local.client_options, retry=RetryConfig(max_attempts=1), timeouts=Timeouts()) as session:
        yield World(local, session)
        assert session.connections_in_use == 0


def text_of(chunks: list[Any]) -> str:
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fixture", FIXTURES)
async def test_every_dialect_streams_as_openais_chunks(world: World, fixture: str) -> None:
    world.add_fixture(fixture, takes=lambda request: b"", dialect=FIXTURES[fixture]["dialect"])
    expected = FIXTURES[fixture]
    chunks = await world.chunks(stream_options={"include_usage": True})
    assert {(chunk["object"], chunk["model"]) for chunk in chunks} == {("chat.completion.chunk", "m")}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    first = [choice for choice in choices if choice["index"] == 0]
    assert "".join(choice["delta"].get("content") or "" for choice in first) == expected["text"]
    reasons = [choice["finish_reason"] for choice in first if choice["finish_reason"]]
    assert reasons == [REASONS.get(expected["finish_reason"], expected["finish_reason"])]
    indexes = {choice["index"] for choice in choices}
    for index in indexes:
        of_one = [choice for choice in choices if choice["index"] == index]
        assert [place for place, choice in enumerate(of_one) if "role" in choice["delta"]] == [0]
        assert [place for place, choice in enumerate(of_one) if choice["finish_reason"]] == [len(of_one) - 1]
    counts = [chunk["usage"] for chunk in chunks if not chunk["choices"]]
    full = {"prompt_tokens": 0, "total_tokens": (expected["usage"] or {}).get("completion_tokens")}
    assert counts == ([{**full, **expected["usage"]}] if expected["usage"] else [])


@pytest.mark.parametrize("fixture", ["openai completions", "tgi", "lmi json lines", "jumpstart, one list", "raw text"])
async def test_completions_stream_as_completions(world: World, fixture: str) -> None:
    world.add_fixture(fixture, takes=lambda request: b"")
    chunks = await world.chunks("/completions")
    assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    assert "".join(choice["text"] for chunk in chunks for choice in chunk["choices"]) == FIXTURES[fixture]["text"]
    assert chunks[-1]["choices"][0]["finish_reason"] in ("stop", "length")
    assert all(chunk["choices"] for chunk in chunks)  # nobody asked for the counts


WHOLE: dict[str, tuple[bytes, str, str, Any]] = {
    "openai-chat": (
        (
            b'{"id":"c1","object":"chat.completion","created":5,"model":"private","system_fingerprint":"fp","choices":[{'
            b'"index":0,"message":{"role":"assistant","content":"calm","refusal":null},"finish_reason":"length"}],'
            b'"usage":{"prompt_tokens":2,"completion_tokens":1,"total_tokens":3}}'
        ),
        "calm",
        "length",
        {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3},
    ),
    "openai-completions": (
        (
            b'{"object":"text_completion","choices":[{"index":0,"text":"calm","finish_reason":"stop"}],'
            b'"usage":{"prompt_tokens":2,"completion_tokens":1,"total_tokens":3}}'
        ),
        "calm",
        "stop",
        {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3},
    ),
    "tgi": (
        b'[{"generated_text":"calm","details":{"finish_reason":"eos_token","generated_tokens":1,"tokens":[]}}]',
        "calm",
        "stop",
        {"prompt_tokens": 0, "completion_tokens": 1, "total_tokens": 1},
    ),
    "lmi": (
        b'{"generated_text":"calm","details":{"finish_reason":"length","generated_tokens":1}}',
        "calm",
        "length",
        {"prompt_tokens": 0, "completion_tokens": 1, "total_tokens": 1},
    ),
    "jumpstart": (b'[{"generated_text":"calm"}]', "calm", "stop", None),
    "raw": (b"calm", "calm", "stop", None),
}


@pytest.mark.parametrize("kind", ["chat", "completions"])
@pytest.mark.parametrize(("answer", "text", "reason", "usage"), WHOLE.values(), ids=WHOLE)
async def test_every_dialect_answers_as_openais_object(
    world: World, answer: bytes, text: str, reason: str, usage: Any, kind: str
) -> None:
    world.add("m", lambda _: answer, takes=lambda request: b"")
    path = "/chat/completions" if kind == "chat" else "/completions"
    given = (await world.post(path, model="m", messages=MESSAGES, prompt="The sea")).json()
    [choice] = given["choices"]
    said = choice["message"]["content"] if kind == "chat" else choice["text"]
    assert (said, choice["finish_reason"], given.get("usage")) == (text, reason, usage)
    assert (given["model"], choice["index"]) == ("m", 0)
    assert given["object"] == ("chat.completion" if kind == "chat" else "text_completion")
    assert given["id"]
    assert isinstance(given["created"], int)


async def test_what_a_container_of_openais_schema_says_besides_is_kept(world: World) -> None:
    world.add("m", lambda _: WHOLE["openai-chat"][0])
    given = (await world.chat()).json()
    assert (given["id"], given["created"], given["system_fingerprint"]) == ("c1", 5, "fp")
    assert "private" not in json.dumps(given)


def events(*choices: dict[str, Any]) -> bytes:
    records = [{"object": "chat.completion.chunk", "model": "private", "choices": [choice]} for choice in choices]
    return b"".join(b"data: %s\n\n" % json.dumps(record).encode() for record in records) + b"data: [DONE]\n\n"


async def test_tool_calls_and_reasoning_are_passed_on_in_pieces(world: World) -> None:
    def piece(**call: Any) -> dict[str, Any]:
        return {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}

    payload = events(
        {"index": 0, "delta": {"role": "assistant", "reasoning_content": "Let me see."}, "finish_reason": None},
        piece(index=0, id="c1", type="function", function={"name": "weather", "arguments": ""}),
        piece(index=0, function={"arguments": '{"city": "T'}),
        piece(index=0, function={"arguments": 'urin"}'}),
        piece(index=1, function={"name": "tides", "arguments": "{}"}),
        piece(index=1, function={"name": "tides", "arguments": ""}),
        piece(index=2, id="c3"),
        piece(index=2, function={"name": "waves"}),
        {"index": 0, "delta": {"tool_calls": [{"index": n, "function": {"arguments": " "}} for n in (2, 1)]}},
        {"index": 0, "delta": {"refusal": "no", "annotations": [1]}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": "tool_calls"},
    )
    world.add("m", lambda _: sliced(payload))
    chunks = await world.chunks(tools=TOOLS, temperature=0.5, stream_options={"x": 1})
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas == [
        {"role": "assistant", "content": "", "reasoning_content": "Let me see."},
        {
            "tool_calls": [
                {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": "T'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": 'urin"}'}}]},
        {
            "tool_calls": [
                {"index": 1, "id": "call_1", "type": "function", "function": {"name": "tides", "arguments": "{}"}}
            ]
        },
        {"tool_calls": [{"index": 1, "function": {"arguments": ""}}]},
        {"tool_calls": [{"index": 2, "id": "c3", "type": "function", "function": {"name": "", "arguments": ""}}]},
        {"tool_calls": [{"index": 2, "function": {"name": "waves", "arguments": ""}}]},
        {"tool_calls": [{"index": n, "function": {"arguments": " "}} for n in (2, 1)]},
        {"refusal": "no", "annotations": [1]},
        {},
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert world.bodies == [
        {"messages": MESSAGES, "tools": TOOLS, "temperature": 0.5, "stream": True, "stream_options": {"x": 1}}
        | {"prompt": "The sea"}
    ]
    assert world.seen[0].content_type == "application/json"


async def test_several_choices_and_log_probabilities_are_kept_apart(world: World) -> None:
    logprobs = {"content": [{"token": "b", "logprob": -0.5, "bytes": [98], "top_logprobs": []}]}
    payload = events(
        {"index": 0, "delta": {"content": "a"}, "finish_reason": None},
        {"index": 1, "delta": {"content": "b"}, "logprobs": logprobs, "finish_reason": None},
        {"index": 0, "delta": {"content": "a"}, "finish_reason": None},
        {"index": 1, "delta": {"content": ""}, "finish_reason": "length"},
    )
    world.add("m", lambda _: sliced(payload))
    choices = [choice for chunk in await world.chunks(n=2) for choice in chunk["choices"]]
    assert [(choice["index"], choice["delta"], choice["finish_reason"]) for choice in choices] == [
        (0, {"role": "assistant", "content": "a"}, None),
        (1, {"role": "assistant", "content": "b"}, None),
        (0, {"content": "a"}, None),
        (1, {}, "length"),
        (0, {}, "stop"),  # which the model did not say, but ended
    ]
    assert [choice["logprobs"] for choice in choices] == [None, logprobs, None, None, None]


async def test_numbers_and_characters_that_json_does_not_have_do_not_break_the_answer(world: World) -> None:
    logprobs = {"content": [{"token": "b", "logprob": float("-inf")}]}
    payload = events(
        {"index": 0, "delta": {"content": "a\ud800\u2028"}, "finish_reason": None},
        {"index": 0, "delta": {"content": "\udfff"}, "finish_reason": None},
        {"index": 0, "delta": {"content": "b"}, "logprobs": logprobs, "finish_reason": "stop"},
    )
    world.add("m", lambda _: sliced(payload))
    chunks = await world.chunks()
    assert text_of(chunks) == "a?\u2028?b"
    assert chunks[-1]["choices"][0]["logprobs"] == {"content": [{"token": "b", "logprob": None}]}


# --- requests --------------------------------------------------------------------------------------------------------


async def test_a_container_that_takes_messages_gets_the_request_without_the_model(world: World) -> None:
    world.add("m", lambda _: WHOLE["openai-chat"][0])
    await world.chat(max_tokens=5, custom={"a": [1]})
    assert world.bodies == [{"messages": MESSAGES, "max_tokens": 5, "custom": {"a": [1]}}]
    assert (world.seen[0].endpoint_name, world.seen[0].operation) == ("private-m", "InvokeEndpoint")


async def test_a_container_may_be_sent_the_name_of_its_model(world: World) -> None:
    world.add("m", lambda _: WHOLE["openai-chat"][0], model="served")
    await world.chat()
    assert world.bodies == [{"messages": MESSAGES, "model": "served"}]


async def test_fields_of_the_call_cannot_be_smuggled_in(world: World) -> None:
    world.add("m", lambda _: WHOLE["openai-chat"][0])
    smuggled = {"component_name": "c", "initial_args": {"TargetVariant": "v"}, "timeout": 1, "endpoint_name": "e"}
    await world.chat(**smuggled)
    assert world.bodies == [{"messages": MESSAGES, **smuggled}]
    assert (world.seen[0].component, world.seen[0].target_variant) == (None, None)


async def test_tgi_and_lmi_get_a_prompt_and_parameters(world: World) -> None:
    world.add("m", lambda _: WHOLE["tgi"][0], takes="inputs", prompt=as_prompt)
    await world.chat(
        max_completion_tokens=5, temperature=0, top_p=0.9, seed=1, stop="END", user="u", frequency_penalty=0.5, top_k=3
    )
    await world.chat(temperature=0.5, stop=["A", "B"], n=1, response_format={"type": "text"}, tools=[])
    await world.post("/completions", model="m", prompt=["The sea"], max_tokens=7)
    always = {"details": True, "return_full_text": False}
    assert [body["parameters"] for body in world.bodies] == [
        always
        | {"max_new_tokens": 5, "do_sample": False, "top_p": 0.9, "seed": 1, "top_k": 3, "frequency_penalty": 0.5}
        | {"stop": ["END"], "stop_sequences": ["END"]},
        always | {"do_sample": True, "temperature": 0.5, "stop": ["A", "B"], "stop_sequences": ["A", "B"]},
        always | {"max_new_tokens": 7},
    ]
    chat = "<user>How is the sea?"
    assert [(body["inputs"], body["stream"]) for body in world.bodies] == [
        (chat, False),
        (chat, False),
        ("The sea", False),
    ]


async def test_completions_schema_gets_a_prompt(world: World) -> None:
    world.add("m", lambda _: WHOLE["openai-completions"][0], takes="prompt", prompt=as_prompt)
    await world.chat(max_completion_tokens=5, top_p=0.5, tool_choice="auto")
    await world.post("/completions", model="m", prompt=["a", "b"], n=2)
    assert world.bodies == [
        {"prompt": "<user>How is the sea?", "max_tokens": 5, "top_p": 0.5},
        {"prompt": ["a", "b"], "n": 2},
    ]


async def test_a_callable_makes_what_any_other_container_takes(world: World) -> None:
    world.add("m", lambda _: b"calm", takes=lambda request: as_prompt(request["messages"]))
    assert (await world.chat()).json()["choices"][0]["message"]["content"] == "calm"
    assert (world.seen[0].body, world.seen[0].content_type) == (b"<user>How is the sea?", "application/octet-stream")


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "no messages": ({}, {"messages": []}, "messages", "messages must be a list of at least one message"),
    "messages of a wrong shape": ({}, {"messages": [{"role": "user"}]}, "messages[0].content", "is missing"),
    "tools of a wrong shape": ({}, {"tools": [1]}, "tools[0]", "must be a mapping with a type"),
    "stream that is no boolean": ({}, {"stream": "yes"}, "stream", "must be true or false"),
    "tools where there are none": ({"tools": False}, {"tools": TOOLS}, "tools", "this model does not take tools"),
    "tools for a text model": (
        {"takes": "inputs", "prompt": as_prompt},
        {"tools": TOOLS},
        "tools",
        "does not take tools",
    ),
    "functions for a text model": (
        {"takes": "prompt", "prompt": as_prompt},
        {"functions": [{}]},
        "functions",
        "does not take functions",
    ),
    "a chat without a prompt form": ({"takes": "inputs"}, {}, "messages", "use /v1/completions"),
    "two answers of a text model": (
        {"takes": "inputs", "prompt": as_prompt},
        {"n": 2},
        "n",
        "does not support what n asks for",
    ),
    "a schema for a text model": (
        {"takes": "inputs", "prompt": as_prompt},
        {"response_format": {"type": "json_object"}},
        "response_format",
        "does not support what response_format asks for",
    ),
}


@pytest.mark.parametrize(("options", "fields", "param", "words"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_work_is_refused_before_anything_is_sent(
    world: World, options: dict[str, Any], fields: dict[str, Any], param: str, words: str
) -> None:
    world.add("m", lambda _: b"", **options)
    response = await world.chat(**fields)
    error = response.json()["error"]
    assert response.status_code == 400
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert words in error["message"]
    assert world.local.requests == []


@pytest.mark.parametrize("prompt", [None, "", [], 5, {"a": 1}])
async def test_a_completion_needs_a_prompt(world: World, prompt: Any) -> None:
    world.add("m", lambda _: b"")
    response = await world.post("/completions", model="m", prompt=prompt)
    assert (response.status_code, response.json()["error"]["param"]) == (400, "prompt")


@pytest.mark.parametrize("path", ["/chat/completions", "/completions", "/embeddings"])
async def test_an_unknown_model_is_told_with_those_that_there_are(world: World, path: str) -> None:
    world.add("m", lambda _: b"")
    world.add("other", lambda _: b"")
    response = await world.post(path, model="gpt-4o", messages=MESSAGES, prompt="x", input="x")
    assert response.status_code == 404
    error = response.json()["error"]
    assert error["message"] == "The model 'gpt-4o' does not exist; the models are m, other."
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", "model", "model_not_found")
    assert (await world.post(path, messages=MESSAGES)).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_json_object_is_refused(world: World, body: bytes) -> None:
    world.add("m", lambda _: b"")
    async with world.client() as client:
        response = await client.post("/chat/completions", content=body)
    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith("the body must be")


async def test_a_body_that_no_model_takes_is_refused_before_it_is_read_to_its_end(world: World) -> None:
    async with Session(**world.local.client_options, max_body_bytes=1000) as session:
        world.models["m"] = Predictor("private-m", session)
        sent = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal sent
            yield b'{"model": "m", "x": "'
            while True:
                sent += 1
                assert sent < 100
                yield b"a" * 100

        async with world.client() as client:
            response = await client.post("/chat/completions", content=endless())
    assert (response.status_code, response.json()["error"]["code"]) == (413, "input_too_large")
    assert sent < 15


async def test_a_model_of_an_inference_router_does_not_stream(world: World) -> None:
    world.models["m"] = Predictor.of_router("private", "default", world.session)
    response = await world.chat(stream=True)
    assert (response.status_code, response.json()["error"]["param"]) == (400, "stream")
    assert "private" not in response.text


# --- failures --------------------------------------------------------------------------------------------------------

SECRET = "account 123456789012 says no"
NO_COPIES = "Inference Component has no capacity to process this request."
FAILURES: dict[str, tuple[Any, int, str, str]] = {
    "throttled": (Throttle(429, retry_after_ms=2000), 429, "rate_limit_error", "true"),
    "no copies": (Status(400, "ValidationError", f"{NO_COPIES} {SECRET}"), 503, "server_error", "false"),
    "unavailable": (Status(503, "ServiceUnavailable", SECRET), 503, "server_error", "false"),
    "refused by the model": (ModelFailure(400, SECRET), 400, "invalid_request_error", "false"),
    "not understood by the model": (ModelFailure(422, SECRET), 400, "invalid_request_error", "false"),
    "failed": (ModelFailure(500, SECRET), 502, "server_error", "false"),
    "not authorised": (Status(403, "AccessDeniedException", SECRET), 500, "server_error", "false"),
}


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(("failure", "status", "kind", "retry"), FAILURES.values(), ids=FAILURES)
async def test_failures_come_in_openais_envelope(
    world: World, failure: Any, status: int, kind: str, retry: str, streams: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def model(_: Any) -> bytes:
        raise failure

    endpoint = world.add("m", model)
    if not isinstance(failure, ModelFailure):
        endpoint.faults.always(failure)
    with caplog.at_level(logging.WARNING, "sagemaker_async.integrations.fastapi"):
        response = await world.chat(stream=streams)
    error = response.json()["error"]
    assert (response.status_code, error["type"]) == (status, kind)
    assert set(error) == {"message", "type", "param", "code"}
    assert SECRET not in response.text
    assert "private" not in response.text
    assert response.headers["x-should-retry"] == retry
    assert response.headers["x-request-id"] in caplog.text
    if failure == FAILURES["throttled"][0]:
        assert response.headers["retry-after"] == "2"


def raising(_: Any) -> str:
    raise LookupError(SECRET)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("options", [{"takes": "inputs", "prompt": raising}, {"takes": raising}])
async def test_what_a_callable_of_the_application_raises_is_told_in_openais_envelope(
    world: World, options: dict[str, Any], streams: bool, caplog: pytest.LogCaptureFixture
) -> None:
    world.add("m", lambda _: b"", **options)
    response = await world.chat(stream=streams)
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal_error")
    assert SECRET not in response.text
    assert response.headers["x-should-retry"] == "false"
    assert response.headers["x-request-id"] in caplog.text
    assert "LookupError" in caplog.text


async def test_a_callable_of_the_application_may_refuse_a_request(world: World) -> None:
    def strict(_: Any) -> str:
        raise HTTPException(409, "The roles must alternate.")

    world.add("m", lambda _: b"", takes="inputs", prompt=strict)
    response = await world.chat()
    assert (response.status_code, response.json()["error"]["message"]) == (409, "The roles must alternate.")
    assert response.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "options", [{"takes": "inputs", "prompt": lambda _: [1, 2, 3]}, {"takes": lambda request: None}]
)
async def test_what_is_not_a_prompt_is_never_sent(world: World, options: dict[str, Any]) -> None:
    world.add("m", lambda _: b"calm", **options)
    response = await world.chat()
    assert (response.status_code, response.json()["error"]["code"]) == (500, "misconfigured")
    assert world.local.requests == []


@pytest.mark.parametrize("fault", [InStreamError(after_parts=30), CutFrame(after_parts=30)])
async def test_an_answer_that_breaks_off_ends_with_an_error_and_not_as_if_it_were_complete(
    world: World, fault: Any
) -> None:
    world.add_fixture("tgi", takes="inputs", prompt=as_prompt).faults.always(fault)
    response = await world.chat(stream=True)
    *chunks, last, nothing = response.text.split("\n\n")
    error = json.loads(last.removeprefix("data: "))["error"]
    assert (error["type"], error["code"], nothing) == ("server_error", "answer_broke_off", "")
    assert "[DONE]" not in response.text
    assert all(chunk.startswith("data: {") for chunk in chunks)


async def test_a_stream_that_just_stops_is_told(world: World) -> None:
    payload = events({"index": 0, "delta": {"content": "a"}, "finish_reason": None}).removesuffix(b"data: [DONE]\n\n")
    world.add("m", lambda _: sliced(payload))
    response = await world.chat(stream=True)
    assert "answer_broke_off" in response.text
    assert "[DONE]" not in response.text


async def test_an_answer_that_cannot_be_read_is_told(world: World) -> None:
    world.add("m", lambda _: b'{"surprise": 1}')
    response = await world.chat()
    assert (response.status_code, response.json()["error"]["code"]) == (502, "answer_unreadable")


@pytest.mark.parametrize("streams", [False, True])
async def test_a_client_that_leaves_lets_go_of_the_model(world: World, streams: bool) -> None:
    endpoint = world.add_fixture("tgi", takes="inputs", prompt=as_prompt)
    endpoint.faults.always(Stall(after_parts=4) if streams else Stall())
    world.app.include_router(openai_router(models=world.models))
    body = json.dumps({"model": "m", "messages": MESSAGES, "stream": streams}).encode()
    left = asyncio.Event()
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "headers": []}
    scope |= {"path": "/v1/chat/completions", "raw_path": b"", "query_string": b"", "scheme": "http"}
    answering = asyncio.create_task(world.app(scope, receive, send))
    await endpoint.until(lambda endpoint: endpoint.stalled == 1)
    left.set()
    await answering
    assert world.session.connections_in_use == 0
    await endpoint.until(lambda endpoint: endpoint.stalled == 0)
    assert not any(message.get("body", b"").endswith(b"[DONE]\n\n") for message in sent)


CUT = (
    b'data: {"choices":[{"index":0,"delta":{"content":"\xc3\xbc"},"finish_reason":null}]}\r\n\r\n'
    b': comment\n\ndata: {"choices":[{"index":0,"delta":{"content":"!"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


async def test_wherever_the_containers_stream_is_cut_the_client_sees_all_of_it_or_an_error(world: World) -> None:
    cut = [0, False]

    async def parts() -> AsyncIterator[bytes]:
        at, ends = cut
        if CUT[:at]:
            yield CUT[:at]
        if not ends and CUT[at:]:
            yield CUT[at:]

    world.add("m", lambda _: parts())
    async with world.client() as client:
        whole: Any = None
        for ends in (False, True):
            for at in range(0, len(CUT) + 1, 3 if ends else 20):
                cut[:] = at, ends
                response = await client.post(
                    "/chat/completions", json={"model": "m", "messages": MESSAGES, "stream": True}
                )
                *events, last, nothing = response.text.split("\n\n") if response.status_code == 200 else ("", "", "")
                texts = [json.loads(event[6:])["choices"][0]["delta"].get("content") for event in events if event]
                whole = whole or texts
                assert nothing == ""
                if last == "data: [DONE]":
                    assert not ends or b'"stop"}]}' in CUT[:at]
                    assert texts == whole == ["ü", "!"]
                else:
                    assert ends
                    assert texts == whole[: len(texts)]
                    assert "answer_broke_off" in response.text, (at, response.text)


@pytest.mark.parametrize("way", ["is seen to leave", "cannot be written to"])
async def test_a_client_may_leave_at_every_chunk(world: World, way: str) -> None:
    endpoint = world.add_fixture("tgi", takes="inputs", prompt=as_prompt)
    world.app.include_router(openai_router(models=world.models))
    body = json.dumps({"model": "m", "messages": MESSAGES, "stream": True}).encode()
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "headers": []}
    scope |= {"path": "/v1/chat/completions", "raw_path": b"", "query_string": b"", "scheme": "http"}

    async def answered(leave_at: int) -> list[Any]:
        left = asyncio.Event()
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if len(sent) == leave_at:
                if way == "cannot be written to":
                    raise OSError
                left.set()
                for _ in range(20):
                    await asyncio.sleep(0)
            sent.append(message)

        await world.app(scope, receive, send)
        return sent

    whole = await answered(-1)
    assert whole[-1]["body"].endswith(b"[DONE]\n\n")
    for leave_at in range(len(whole) - 1):
        sent = await answered(leave_at)
        assert world.session.connections_in_use == 0
        assert not any(message.get("body", b"").endswith(b"[DONE]\n\n") for message in sent)
    assert endpoint.requests == len(whole)


async def test_requests_at_once_on_one_predictor_do_not_mix(world: World) -> None:
    async def echo(text: str) -> AsyncIterator[bytes]:
        for event in (
            {"index": 0, "delta": {"content": text}, "finish_reason": None},
            {"index": 0, "delta": {}, "finish_reason": "stop"},
        ):
            yield b"data: %s\n\n" % json.dumps({"choices": [event]}).encode()
            await asyncio.sleep(0)

    def container(request: Any) -> Any:
        text = request["messages"][0]["content"] if "messages" in request else request["prompt"]
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return echo(text) if request.get("stream") else json.dumps({"choices": [choice]})

    world.add("m", container)
    world.models["other"] = world.models["m"].predictor

    async with world.client() as client:

        async def ask(number: int) -> str:
            fields = {"model": ("m", "other")[number % 2], "stream": number % 3 == 0}
            messages = [{"role": "user", "content": f"question {number}"}]
            response = await client.post("/chat/completions", json={**fields, "messages": messages})
            return response.text

        answers = await asyncio.gather(*(ask(number) for number in range(60)))
    assert all(answer.count(f'"question {number}"') == 1 for number, answer in enumerate(answers))
    assert all(answer.count("question") == 1 for answer in answers)


async def test_a_client_that_leaves_while_it_sends_is_not_a_failure_of_the_service(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.add("m", lambda _: b"")
    world.app.include_router(openai_router(models=world.models))
    messages = [{"type": "http.disconnect"}, {"type": "http.request", "body": b'{"model":', "more_body": True}]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return messages.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "headers": []}
    scope |= {"path": "/v1/chat/completions", "raw_path": b"", "query_string": b"", "scheme": "http"}
    await world.app(scope, receive, send)
    assert sent[0]["status"] == 499
    assert caplog.records == []


# --- the rest --------------------------------------------------------------------------------------------------------


async def test_the_models_are_listed(world: World) -> None:
    world.add("m", lambda _: b"")
    world.models["org/model"] = Predictor("private-m", world.session)
    async with world.client() as client:
        listed = (await client.get("/models")).json()
        one = (await client.get("/models/org/model")).json()
        none = await client.get("/models/none")
    assert listed["object"] == "list"
    assert [(each["id"], each["object"], each["owned_by"]) for each in listed["data"]] == [
        ("m", "model", "sagemaker"),
        ("org/model", "model", "sagemaker"),
    ]
    assert one == listed["data"][1]
    assert (none.status_code, none.json()["error"]["code"]) == (404, "model_not_found")


async def test_the_router_may_be_mounted_anywhere(world: World) -> None:
    world.add("m", lambda _: WHOLE["openai-chat"][0])
    app = FastAPI()
    app.include_router(openai_router(models=world.models, prefix=""), prefix="/llm/v2")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app/llm/v2") as client:
        answer = await client.post("/chat/completions", json={"model": "m", "messages": MESSAGES})
        assert answer.json()["choices"][0]["message"]["content"] == "calm"
        assert (await client.get("/models/m")).json()["id"] == "m"


async def test_embeddings_of_openais_schema_are_passed_on(world: World) -> None:
    given = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "private"}
    world.add("m", lambda _: json.dumps(given | {"usage": {"prompt_tokens": 4, "total_tokens": 4}}))
    answer = (await world.post("/embeddings", model="m", input=["a"], encoding_format="float")).json()
    assert (answer["data"], answer["model"], answer["usage"]["prompt_tokens"]) == (given["data"], "m", 4)
    assert world.bodies == [{"input": ["a"], "encoding_format": "float"}]


@pytest.mark.parametrize("answer", [[[0.5, 1], [0.25, -1]], {"embeddings": [[0.5, 1], [0.25, -1]]}])
@pytest.mark.parametrize("form", ["float", "base64"])
async def test_embeddings_of_other_containers_become_openais(world: World, answer: Any, form: str) -> None:
    world.add("m", lambda _: json.dumps(answer), takes="inputs")
    given = (await world.post("/embeddings", model="m", input=["a", "b"], encoding_format=form)).json()
    vectors = [each["embedding"] for each in given["data"]]
    if form == "base64":
        vectors = [list(struct.unpack("<2f", base64.b64decode(vector))) for vector in vectors]
    assert vectors == [[0.5, 1], [0.25, -1]]
    assert [each["index"] for each in given["data"]] == [0, 1]
    assert world.bodies == [{"inputs": ["a", "b"]}]


@pytest.mark.parametrize("answer", [{}, "no", [["x"]], None, [True], [1e300], [10**400]])
async def test_what_are_no_embeddings_is_told(world: World, answer: Any) -> None:
    world.add("m", lambda _: json.dumps(answer))
    response = await world.post("/embeddings", model="m", input="a", encoding_format="base64")
    assert (response.status_code, response.json()["error"]["code"]) == (502, "answer_unreadable")


@pytest.mark.parametrize("given", [None, "", [], 5])
async def test_embeddings_need_an_input(world: World, given: Any) -> None:
    world.add("m", lambda _: b"")
    response = await world.post("/embeddings", model="m", input=given)
    assert (response.status_code, response.json()["error"]["param"]) == (400, "input")


async def test_dependencies_of_the_application_guard_the_router(world: World) -> None:
    def check(authorization: Annotated[str, Header()] = "") -> None:
        if authorization != "Bearer key":
            raise HTTPException(401)

    world.add("m", lambda _: WHOLE["openai-chat"][0])
    async with world.client(dependencies=[Depends(check)]) as client:
        fields = {"model": "m", "messages": MESSAGES}
        assert (await client.post("/chat/completions", json=fields)).status_code == 401
        assert (await client.get("/models")).status_code == 401
        granted = await client.post("/chat/completions", json=fields, headers={"authorization": "Bearer key"})
        assert granted.status_code == 200


async def test_a_route_of_ones_own_may_stream_openais_chunks(world: World) -> None:
    world.add_fixture("tgi")
    app = FastAPI()

    @app.post("/default")
    async def default(request: Request) -> Any:
        stream = Predictor("private-m", world.session).predict_stream(b"{}").tokens()
        return await stream_response(stream, format="openai", request=request)

    @app.post("/named")
    async def named(request: Request) -> Any:
        stream = Predictor("private-m", world.session).predict_stream(b"{}").tokens()
        form = OpenAIFormat(model="mine", kind="completions", include_usage=True)
        return await stream_response(stream, format=form, request=request)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        default_text = (await client.post("/default")).text
        named_text = (await client.post("/named")).text
    assert default_text.endswith("data: [DONE]\n\n")
    assert '"model":"model"' in default_text
    assert '"usage"' not in default_text
    assert '"model":"mine"' in named_text
    assert '"usage":{"prompt_tokens":7,"completion_tokens":4,"total_tokens":11}' in named_text


async def asynchronous(_: Any) -> str:
    return ""


WRONG: list[tuple[Callable[[Any], object], str]] = [
    (lambda predictor: openai_router(models={}), "at least one"),
    (lambda predictor: openai_router(models=predictor), 'takes models={"my-llm": predictor}'),
    (lambda predictor: openai_router(models={"m": "endpoint"}), "a Predictor or an OpenAIModel, not str"),  # type: ignore[dict-item]
    (lambda predictor: OpenAIModel(predictor, takes="text"), "takes must be one of"),  # type: ignore[arg-type]
    (lambda predictor: OpenAIModel(predictor, prompt="x"), "prompt must be a callable"),  # type: ignore[arg-type]
    (lambda predictor: OpenAIModel(predictor, prompt=asynchronous), "prompt must be an ordinary function"),  # type: ignore[arg-type]
    (lambda predictor: OpenAIModel(predictor, takes=asynchronous), "takes must be an ordinary function"),
    (lambda predictor: openai_router(models={"": predictor}), "names of models must be non-empty texts"),
    (lambda predictor: openai_router(models={1: predictor}), "names of models must be non-empty texts"),  # type: ignore[dict-item]
    (lambda predictor: openai_router(models={"m": predictor}, prefix="v1"), "prefix must begin with /"),
    (lambda predictor: openai_router(models={"m": predictor}, prefix="/v1/"), "prefix must begin with / and not end"),
    (lambda predictor: OpenAIFormat(kind="text"), "kind must be 'chat' or 'completions'"),  # type: ignore[arg-type]
    (lambda predictor: stream_response(events, format="jsonl"), "openai, or an OpenAIFormat, got 'jsonl'"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("make", "words"), WRONG)
async def test_wrong_options_are_refused(world: World, make: Callable[[Any], object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words.replace("{", r"\{")):
        make(Predictor("e", world.session))


async def test_what_is_no_token_cannot_be_a_chunk(world: World) -> None:
    world.add_fixture("tgi")
    stream = Predictor("private-m", world.session).predict_stream(b"{}").lines()
    with pytest.raises(ConfigurationError, match=r"made of tokens, not of bytes: use predict_stream\(\.\.\.\)\.tokens"):
        await stream_response(stream, format="openai")


async def test_a_chat_model_that_answers_a_stream_at_once_is_streamed_in_one_chunk(world: World) -> None:
    world.add("m", lambda _: ModelResponse(WHOLE["openai-chat"][0], "application/json"))
    chunks = await world.chunks()
    assert text_of(chunks) == "calm"
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
