"""Records as bytes in each format, and back again by the rules a client reads them with."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from sagemaker_async.dialects import Token, ToolCallDelta
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.integrations.fastapi.encoding import ENCODINGS, json_text
from sagemaker_async.integrations.fastapi.problems import PROBLEMS
from sagemaker_async.records import ServerSentEvent, SSESplitter, TokenSplitter


class Answer(BaseModel):
    text: str


TOOL_CALLS = [
    {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":'}}
]
USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


RECORDS: list[tuple[Any, Any]] = [
    (Token(" sea", 3), {"index": 3, "text": " sea"}),
    (
        Token("", 4, special=True, finish_reason="eos_token", choice=1, id=7, logprob=-0.5, raw={"internal": 1}),
        {"index": 4, "text": "", "finish_reason": "eos_token", "special": True, "choice": 1},
    ),
    (Token("", 0, reasoning="Hm", raw={"internal": 1}), {"index": 0, "text": "", "reasoning": "Hm"}),
    (Token("", 1, refusal="No"), {"index": 1, "text": "", "refusal": "No"}),
    (
        Token("", 2, tool_calls=[ToolCallDelta(0, "call_1", "weather", '{"city":'), ToolCallDelta(1, arguments="}")]),
        {"index": 2, "text": "", "tool_calls": [*TOOL_CALLS, {"index": 1, "function": {"arguments": "}"}}]},
    ),
    (
        Token("Hi", 0, raw={"choices": [{"message": {"content": "Hi"}}], "usage": USAGE}),
        {"index": 0, "text": "Hi", "usage": USAGE},
    ),
    (
        Token(".", 9, raw={"token": {"text": ".", "special": False}, "details": {"generated_tokens": 10}}),
        {"index": 9, "text": ".", "usage": {"completion_tokens": 10}},
    ),
    (Token("a", 0, raw={"choices": [None], "details": {"unknown": 1}}), {"index": 0, "text": "a"}),
    ("two\r\nlines \u2028", {"text": "two\r\nlines \u2028"}),
    ({"a": [1, None, "ü"]}, {"a": [1, None, "ü"]}),
    ({"a": [float("nan"), {"b": float("inf")}, (1.5,)]}, {"a": [None, {"b": None}, [1.5]]}),
    (None, None),
    (Answer(text="a"), {"text": "a"}),
    ([Answer(text="a")], [{"text": "a"}]),
    (b'{"line": 1}', {"line": 1}),
]


@pytest.mark.parametrize(("record", "expected"), RECORDS)
def test_records_survive_as_events_and_as_lines_of_json(record: Any, expected: Any) -> None:
    [event] = SSESplitter().feed(ENCODINGS["sse"].record(record))
    assert (event.event, json.loads(event.data)) == ("message", expected)
    line = ENCODINGS["json-lines"].record(record)
    assert line.count(b"\n") == 1
    assert json.loads(line) == expected


def tokens_of(*deltas: dict[str, Any]) -> list[Token]:
    choices = [{"index": place, "delta": delta} for place, delta in enumerate(deltas)]
    return list(TokenSplitter(allow_incomplete=True).feed(json.dumps({"choices": choices}).encode() + b"\n"))


WEATHER = {"name": "weather", "arguments": '{"city": 1}'}
SAID: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"reasoning_content": "Hm", "content": None, "refusal": None, "audio": [1]}, {"reasoning": "Hm"}),
    ({"reasoning": "Hm"}, {"reasoning": "Hm"}),
    ({"refusal": "No"}, {"refusal": "No"}),
    ({"tool_calls": TOOL_CALLS * 2}, {"tool_calls": TOOL_CALLS * 2}),
    ({"tool_calls": {"function": WEATHER}}, {"tool_calls": [{"index": 0, "function": WEATHER}]}),
    (
        {"tool_calls": [{"id": 7, "function": {"name": "weather", "arguments": {"city": 1}}}]},
        {"tool_calls": [{"index": 0, "id": "7", "type": "function", "function": WEATHER}]},
    ),
    ({"function_call": WEATHER}, {"tool_calls": [{"index": 0, "function": WEATHER}]}),
]


@pytest.mark.parametrize(("delta", "members"), SAID)
def test_what_a_model_says_besides_text_has_one_form_whatever_the_containers(
    delta: dict[str, Any], members: dict[str, Any]
) -> None:
    besides, plain = tokens_of(delta, {"content": "b"})
    assert json.loads(json_text(besides)) == {"index": 0, "text": "", **members}
    assert json.loads(json_text(plain)) == {"index": 1, "text": "b", "choice": 1}


@given(
    st.builds(
        ServerSentEvent,
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")),
        st.sampled_from(["message", "token", "error"]),
        st.text("abc0"),
        st.none() | st.integers(0, 10**6),
    )
)
def test_server_sent_events_are_passed_on_as_they_are(event: ServerSentEvent) -> None:
    assert list(SSESplitter().feed(ENCODINGS["sse"].record(event))) == [event]
    assert json.loads(ENCODINGS["json-lines"].record(event)).get("data", "") == event.data


@given(st.text())
def test_any_text_is_one_event(text: str) -> None:
    [event] = SSESplitter().feed(ENCODINGS["sse"].record(text))
    assert json.loads(event.data)["text"].encode("utf-8", "replace") == text.encode("utf-8", "replace")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (Token(" sea", 0), b" sea"),
        (Token("</s>", 1, special=True), b""),
        ("ü", "ü".encode()),
        ("\ud800", b"?"),
        (ServerSentEvent("data"), b"data"),
        (memoryview(b"abc"), b"abc"),
    ],
)
def test_text_is_what_a_reader_sees(record: Any, expected: bytes) -> None:
    assert ENCODINGS["text"].record(record) == expected


@pytest.mark.parametrize(("form", "record"), [("raw", Token("a", 0)), ("raw", {}), ("text", {}), ("text", 1)])
def test_a_record_without_a_place_in_the_format_is_refused_with_the_remedy(form: Any, record: Any) -> None:
    with pytest.raises(ConfigurationError, match="encode="):
        ENCODINGS[form].record(record)


@pytest.mark.parametrize("record", [object(), {"a": object()}, {1j: 1}])
def test_what_is_not_json_is_refused_with_the_remedy(record: Any) -> None:
    with pytest.raises(ConfigurationError, match="encode="):
        json_text(record)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.code)
def test_failures_are_events_of_their_own_type_and_lines_with_an_error(problem: Any) -> None:
    sse, lines = ENCODINGS["sse"].failure, ENCODINGS["json-lines"].failure
    assert sse is not None
    assert lines is not None
    [event] = SSESplitter().feed(sse(problem, "urn:uuid:0"))
    assert event.event == "error"
    assert json.loads(event.data) == json.loads(lines(problem, "urn:uuid:0"))["error"] == problem.body("urn:uuid:0")


def test_heartbeats_are_not_events() -> None:
    heartbeat = ENCODINGS["sse"].heartbeat
    assert heartbeat is not None
    assert list(SSESplitter().feed(heartbeat + ENCODINGS["sse"].end)) == [ServerSentEvent("{}", "done")]
    assert [form for form, encoding in ENCODINGS.items() if encoding.heartbeat is not None] == ["sse"]
