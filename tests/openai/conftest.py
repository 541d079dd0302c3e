"""A container that speaks OpenAI's chat schema."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from sagemaker_async.local import InvocationRequest, ModelFailure, ModelResponse

WORDS = ["The sea", " was", " calm."]
CALL = {"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Turin"}'}}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


class ChatContainer:
    """Answers as vLLM does; keeps the bodies that it has been sent."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.requests: list[InvocationRequest] = []
        self.on_call: Callable[[], None] = lambda: None

    async def __call__(self, body: bytes, request: InvocationRequest) -> ModelResponse:
        fields = json.loads(body)
        self.bodies.append(fields)
        self.requests.append(request)
        self.on_call()
        if not fields.get("messages"):
            raise ModelFailure(400, json.dumps({"error": {"message": "messages is empty", "code": 400}}))
        tools = bool(fields.get("tools"))
        if fields.get("stream"):
            include_usage = (fields.get("stream_options") or {}).get("include_usage", False)
            return ModelResponse(events(tools=tools, usage=include_usage), "text/event-stream")
        message: dict[str, Any] = {"role": "assistant", "content": None if tools else "".join(WORDS)}
        if tools:
            message["tool_calls"] = [CALL]
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if tools else "stop"}
        answer = {"object": "chat.completion", "choices": [choice], "usage": USAGE, **HEAD}
        return ModelResponse(json.dumps(answer), "application/json")


HEAD = {"id": "chatcmpl-1", "created": 1767225600, "model": "served"}


async def events(*, tools: bool, usage: bool) -> AsyncIterator[bytes]:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if tools:
        function = {"name": "weather", "arguments": ""}
        deltas.append({"tool_calls": [{"index": 0, "id": "call-1", "type": "function", "function": function}]})
        pieces = ('{"city": ', '"Turin"}')
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
    else:
        deltas += [{"content": word} for word in WORDS]
    chunks = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if tools else "stop"}]})
    if usage:
        chunks.append({"choices": [], "usage": USAGE})
    for chunk in chunks:
        yield b"data: " + json.dumps({"object": "chat.completion.chunk", **chunk, **HEAD}).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


@pytest.fixture
def container() -> ChatContainer:
    return ChatContainer()
