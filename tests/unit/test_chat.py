"""`Predictor.chat`: what is sent, what is refused before that, and the result of whole answers and of streams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from sagemaker_async import Predictor, Session
from sagemaker_async.deserializers import CSVDeserializer
from sagemaker_async.dialects import TokenResult
from sagemaker_async.errors import (
    ConfigurationError,
    DeserializationError,
    InBandError,
    ModelError,
    RequestValidationError,
    SerializationError,
    StreamDecodeError,
)
from sagemaker_async.local import InvocationRequest, LocalSageMaker, ModelResponse
from sagemaker_async.local.endpoints import Endpoint
from sagemaker_async.predictor.stream import PredictionStream
from sagemaker_async.serializers import CSVSerializer

FIXTURES = {
    fixture["name"]: fixture
    for fixture in json.loads((Path(__file__).parents[1] / "vectors" / "dialects.json").read_text())
}
STREAMED = FIXTURES["openai chat, vLLM: reasoning_content, text, then two tool calls in pieces"]
WHOLE = FIXTURES["openai chat, vLLM: an answer that was not streamed"]
HELLO = [{"role": "user", "content": "Hello?"}]
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}


class Container:
    """A container that answers as one that speaks OpenAI's schema does, or with what it is told."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, Any], InvocationRequest]] = []
        self.answer: bytes | None = None

    def __call__(self, body: bytes, request: InvocationRequest) -> ModelResponse:
        fields = json.loads(body)
        self.requests.append((fields, request))
        if self.answer is not None:
            return ModelResponse(self.answer, "application/json")
        if not fields["stream"]:
            return ModelResponse(WHOLE["payload"].encode(), "application/json")
        return ModelResponse(self.sliced(STREAMED["payload"].encode()), "text/event-stream")

    async def sliced(self, payload: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(payload), 50):
            yield payload[start : start + 50]


@pytest.fixture
def container() -> Container:
    return Container()


@pytest.fixture
def endpoint(local: LocalSageMaker, container: Container) -> Endpoint:
    return local.add_endpoint("chat", container)


@pytest.fixture
def predictor(endpoint: Endpoint, session: Session) -> Predictor[Any]:
    return Predictor(endpoint.name, session, CSVSerializer(), CSVDeserializer())


async def test_a_whole_answer_is_a_typed_result(predictor: Predictor[Any], container: Container) -> None:
    answer = await predictor.chat(HELLO, tools=[TOOL], max_tokens=5, temperature=None)
    assert type(answer) is TokenResult
    assert answer.to_dict() == WHOLE["result"]
    assert [call.parsed for call in answer.tool_calls] == [{"city": "Zürich 🌧", "days": 2}, {}]
    assert answer.last_record["id"] == "c"
    ((fields, request),) = container.requests
    assert fields == {"messages": HELLO, "tools": [TOOL], "stream": False, "max_tokens": 5, "temperature": None}
    assert (request.content_type, request.accept) == ("application/json", "application/json")


async def test_a_stream_gives_tokens_and_grows_into_the_same_kind_of_result(
    predictor: Predictor[Any], container: Container, session: Session
) -> None:
    stream = predictor.chat(HELLO, stream=True, stream_options={"include_usage": True})
    assert isinstance(stream, PredictionStream)
    assert container.requests == []
    tokens = [token async for token in stream]
    assert stream.result.to_dict() == STREAMED["result"]
    assert "".join(token.text for token in tokens) == stream.result.text
    fields, _ = container.requests[0]
    assert fields == {"messages": HELLO, "stream": True, "stream_options": {"include_usage": True}}
    assert session.connections_in_use == 0


async def test_awaiting_a_stream_opens_it(predictor: Predictor[Any]) -> None:
    stream = await predictor.chat(HELLO, stream=True)
    assert (await stream.result()).to_dict() == STREAMED["result"]


async def test_a_conversation_goes_on_with_the_answers_message(predictor: Predictor[Any], container: Container) -> None:
    answer = await predictor.chat(HELLO, stream=True).result()
    result = {"role": "tool", "tool_call_id": answer.tool_calls[0].id, "content": "rain"}
    await predictor.chat([*HELLO, answer.message, result])
    fields, _ = container.requests[1]
    assert fields["messages"] == [*HELLO, STREAMED["result"]["choices"][0]["message"], result]


async def test_the_predictor_stays_as_it_is(predictor: Predictor[Any]) -> None:
    serializer, deserializer = predictor.serializer, predictor.deserializer
    await predictor.chat(HELLO)
    assert (predictor.serializer, predictor.deserializer) == (serializer, deserializer)
    assert (predictor.content_type, predictor.accept) == ("text/csv", ("text/csv",))


@pytest.mark.parametrize("stream", [False, True])
async def test_options_of_the_call_are_not_fields_of_the_body(
    predictor: Predictor[Any], container: Container, stream: bool
) -> None:
    called: Any = predictor.chat(
        HELLO, stream=stream, session_id="s", prefix_aware_id="p", timeout=5, initial_args={"CustomAttributes": "a"}
    )
    await called
    if stream:
        await called.aclose()
    fields, request = container.requests[0]
    assert set(fields) == {"messages", "stream"}
    assert (request.headers["X-Amzn-SageMaker-Custom-Attributes"], request.session_id) == ("a", "s")


class TestFailures:
    async def test_a_failure_after_200_says_where(self, predictor: Predictor[Any], container: Container) -> None:
        container.answer = b'{"error": {"message": "too long", "code": 400}}'
        with pytest.raises(InBandError, match="too long") as caught:
            await predictor.chat(HELLO)
        assert (caught.value.code, caught.value.resource) == (400, "chat")
        assert caught.value.request_id

    @pytest.mark.parametrize(
        "answer", [b"", b"<html>", b'[{"generated_text": "a"}]', b'{"choices": ["x"]}', b"{", b'{"choices": []}']
    )
    async def test_an_answer_in_another_schema_is_no_chat(
        self, predictor: Predictor[Any], container: Container, answer: bytes
    ) -> None:
        container.answer = answer
        with pytest.raises(DeserializationError, match="is not a chat completion") as caught:
            await predictor.chat(HELLO)
        assert (caught.value.body, caught.value.resource) == (answer, "chat")
        assert caught.value.request_id

    async def test_a_stream_in_another_schema_is_named(self, predictor: Predictor[Any], container: Container) -> None:
        container.answer = b'{"token": {"id": 1, "text": "a", "logprob": 0}, "generated_text": "a"}'
        with pytest.raises(StreamDecodeError, match="pass dialect='tgi'"):
            await predictor.chat(HELLO, stream=True).result()

    async def test_the_containers_error_is_raised(self, session: Session, local: LocalSageMaker) -> None:
        local.add_endpoint("failing", lambda body: 1 / 0)
        with pytest.raises(ModelError):
            await Predictor("failing", session).chat(HELLO)

    @pytest.mark.parametrize("stream", [False, True])
    async def test_what_json_cannot_hold_is_refused(
        self, predictor: Predictor[Any], container: Container, stream: bool
    ) -> None:
        with pytest.raises(SerializationError):
            await predictor.chat(HELLO, stream=stream, stop={1})  # type: ignore[call-overload]
        assert container.requests == []

    async def test_a_large_answer_is_whole(self, predictor: Predictor[Any], container: Container) -> None:
        text = "é" * 1_500_000
        container.answer = json.dumps({"choices": [{"message": {"content": text}}]}, ensure_ascii=False).encode()
        answer = await predictor.chat(HELLO)
        assert (answer.text == text, answer.truncated) == (True, False)

    async def test_an_answer_of_many_small_things_is_whole(
        self, predictor: Predictor[Any], container: Container
    ) -> None:
        calls = [{"function": {"name": "f"}}] * 300
        container.answer = json.dumps({"choices": [{"message": {"tool_calls": calls}}]}).encode()
        answer = await predictor.chat(HELLO)
        assert (len(answer.tool_calls), answer.tool_calls[-1].name, answer.truncated) == (300, "f", False)


WRONG: list[tuple[Any, list[tuple[str, str]]]] = [
    (None, [("messages", "must be a list of at least one message, got None")]),
    ([], [("messages", "got an empty list")]),
    ("Hello?", [("messages", "got a value of type str")]),
    (HELLO[0], [("messages", "got a dict with the keys 'role', 'content'")]),
    (["Hello?"], [("messages[0]", "must be a mapping with role and content, got a value of type str")]),
    ([{"content": "a"}], [("messages[0].role", "got None")]),
    ([{"role": "", "content": "a"}], [("messages[0].role", "got an empty str")]),
    ([{"role": 5, "content": "a"}], [("messages[0].role", "got a value of type int")]),
    ([*HELLO, {"role": "user"}], [("messages[1].content", "is missing")]),
    ([{"role": "assistant"}], [("messages[0].content", "is missing")]),
    ([{"role": "assistant", "tool_calls": []}], [("messages[0].content", "is missing")]),
    ([{"role": "user", "content": 5}], [("messages[0].content", "must be a text or a list of parts")]),
    ([{"role": "user", "content": {}}], [("messages[0].content", "got an empty dict")]),
    ([{"role": "user", "content": ["a"]}], [("messages[0].content[0]", "must be a mapping with a type")]),
    ([{"role": "user", "content": [{"text": "a"}]}], [("messages[0].content[0]", "with the keys 'text'")]),
    ([{"role": "user", "content": [{"type": "text"}]}], [("messages[0].content[0].text", "got None")]),
    ([{"role": "tool", "content": "a"}], [("messages[0].tool_call_id", "must be a text, the id of the tool call")]),
    ([{"role": "assistant", "tool_calls": {"id": "c"}}], [("messages[0].tool_calls", "must be a list")]),
    ([{"role": "assistant", "tool_calls": ["f"]}], [("messages[0].tool_calls[0].function", "must be a mapping")]),
    (
        [{"role": "assistant", "tool_calls": [CALL, {"function": {"name": "f", "arguments": 5}}]}],
        [("messages[0].tool_calls[1].function.arguments", "must be a text that holds JSON, got a value of type int")],
    ),
    ([{}, 5], [("messages[0].role", "None"), ("messages[0].content", "is missing"), ("messages[1]", "of type int")]),
]
RIGHT: list[Any] = [
    HELLO,
    tuple(HELLO),
    [{"role": "system", "content": ""}, *HELLO],
    [{"role": "somebody", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {}}]}],
    [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": ""},
    ],
    [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}],
    [{"role": "assistant", "refusal": "No."}],
    [{"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}],
]


class TestShapes:
    @pytest.mark.parametrize(("messages", "problems"), WRONG, ids=repr)
    @pytest.mark.parametrize("stream", [False, True])
    async def test_messages_of_a_wrong_shape_are_refused_where_they_are_given(
        self, predictor: Predictor[Any], endpoint: Endpoint, messages: Any, problems: Any, stream: bool
    ) -> None:
        with pytest.raises(RequestValidationError, match="Nothing was sent") as caught:
            predictor.chat(messages, stream=stream)  # type: ignore[call-overload]
        assert [problem.field for problem in caught.value.problems] == [place for place, _ in problems]
        for problem, (_, rule) in zip(caught.value.problems, problems, strict=True):
            assert rule in problem.rule
        assert endpoint.requests == 0

    @pytest.mark.parametrize("messages", RIGHT, ids=repr)
    async def test_others_are_sent_as_they_are(
        self, predictor: Predictor[Any], container: Container, messages: Any
    ) -> None:
        await predictor.chat(messages)
        assert container.requests[0][0]["messages"] == list(messages)

    @pytest.mark.parametrize(
        ("tools", "place"),
        [
            (TOOL, "tools"),
            ("f", "tools"),
            (["f"], "tools[0]"),
            ([TOOL, {"function": {"name": "f"}}], "tools[1]"),
            ([{"type": "function"}], "tools[0].function"),
            ([{"type": "function", "function": {"parameters": {}}}], "tools[0].function"),
        ],
    )
    async def test_tools_of_a_wrong_shape_are_refused(
        self, predictor: Predictor[Any], endpoint: Endpoint, tools: Any, place: str
    ) -> None:
        with pytest.raises(RequestValidationError) as caught:
            predictor.chat(HELLO, tools=tools)
        assert [problem.field for problem in caught.value.problems] == [place]
        assert endpoint.requests == 0

    @pytest.mark.parametrize("tools", [[], [TOOL], [{"type": "web_search"}]])
    async def test_other_tools_are_sent(self, predictor: Predictor[Any], container: Container, tools: Any) -> None:
        await predictor.chat(HELLO, tools=tools)
        assert container.requests[0][0]["tools"] == tools

    async def test_what_was_said_is_in_no_message(self, predictor: Predictor[Any]) -> None:
        with pytest.raises(RequestValidationError) as caught:
            predictor.chat([{"role": "tool", "content": "secret"}, {"role": "user", "content": [["secret"]]}])
        assert "secret" not in str(caught.value)

    async def test_stream_is_true_or_false(self, predictor: Predictor[Any]) -> None:
        with pytest.raises(ConfigurationError, match="stream must be True or False, got 'yes'"):
            predictor.chat(HELLO, stream="yes")  # type: ignore[call-overload]

    async def test_a_mapping_that_json_does_not_know_is_refused(self, predictor: Predictor[Any]) -> None:
        with pytest.raises(SerializationError, match="mappingproxy"):
            await predictor.chat([MappingProxyType(HELLO[0])])
