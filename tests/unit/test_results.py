"""Whole messages: how they grow, what they hold after a failure, how tool calls are put together, and their bounds."""

from __future__ import annotations

import json
import pickle
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async.dialects import Delta, Dialect, Token, TokenLogprob, TokenResult, ToolCall, ToolCallDelta
from sagemaker_async.errors import InBandError, StreamDecodeError, StreamError, StreamIncomplete, ToolArgumentsError
from sagemaker_async.records import TokenSplitter
from sagemaker_async.records.json_values import fastest_loads
from sagemaker_async.records.results import Gathered

FIXTURES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "dialects.json").read_text())
WHOLE = {fixture["name"]: fixture for fixture in FIXTURES if "result" in fixture}


def read(payload: bytes, **options: Any) -> tuple[TokenResult, list[Token], StreamError | None]:
    splitter = TokenSplitter(**options)
    tokens: list[Token] = []
    try:
        tokens.extend(splitter.feed(payload))
        tokens.extend(splitter.finish())
    except StreamError as error:
        return splitter.result, tokens, error
    return splitter.result, tokens, None


def chunk(finish_reason: str | None = None, index: int = 0, **delta: Any) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason}
    return b"data: " + json.dumps({"object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"


def call(name: str | None, arguments: Any, index: int | None = 0, **fields: Any) -> dict[str, Any]:
    place = {} if index is None else {"index": index}
    return {**place, **fields, "function": {"name": name, "arguments": arguments}}


@pytest.fixture(params=["orjson", "json"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Reads records with orjson, and as if that were not installed."""
    if request.param == "json":
        monkeypatch.setitem(sys.modules, "orjson", None)
    else:
        pytest.importorskip("orjson")
    fastest_loads.cache_clear()
    yield request.param
    fastest_loads.cache_clear()


class TestVectors:
    @pytest.mark.parametrize("name", WHOLE)
    def test_both_json_libraries_give_the_same(self, library: str, name: str) -> None:
        fixture = WHOLE[name]
        result, tokens, error = read(fixture["payload"].encode())
        assert error is None
        assert (fastest_loads().__module__ == "orjson") == (library == "orjson")
        assert result.to_dict() == fixture["result"]
        assert "".join(token.reasoning for token in tokens if not token.choice) == result.reasoning
        pieces = [piece.arguments for token in tokens if not token.choice for piece in token.tool_calls]
        assert "".join(pieces) == "".join(each.arguments for each in result.tool_calls)

    @pytest.mark.parametrize("name", WHOLE)
    def test_what_came_before_a_break_is_the_beginning_of_the_whole(self, name: str) -> None:
        fixture = WHOLE[name]
        payload = fixture["payload"].encode()
        whole, _, _ = read(payload)
        for end in range(0, len(payload), 3):
            part, tokens, _ = read(payload[:end], dialect=fixture["dialect"])
            assert whole.text.startswith(part.text)
            assert whole.reasoning.startswith(part.reasoning)
            assert whole.refusal.startswith(part.refusal)
            assert whole.logprobs[: len(part.logprobs)] == part.logprobs
            for ours, theirs in zip(part.tool_calls, whole.tool_calls, strict=False):
                assert (ours.id, ours.name) == (theirs.id, theirs.name)
                assert theirs.arguments.startswith(ours.arguments)
            assert part.text == "".join(token.text for token in tokens if not (token.special or token.choice))

    def test_every_dialect_is_among_them(self) -> None:
        dialects = {fixture["dialect"] for fixture in WHOLE.values()}
        assert dialects == {"openai-chat", "openai-completions", "tgi", "lmi", "jumpstart", "raw"}
        for container in ("vLLM", "SGLang", "Nova", "tgi chat", "lmi chat"):
            assert any(container in name and "call" in json.dumps(WHOLE[name]["result"]) for name in WHOLE), container


@pytest.mark.parametrize(
    ("given", "kind", "by_orjson"),
    [(b"NaN", float, float), (b"123456789012345678901234567890", int, float), (rb'"\ud800"', str, str)],
)
def test_what_orjson_does_not_read_is_read_all_the_same(
    library: str, given: bytes, kind: type, by_orjson: type
) -> None:
    payload = b'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}], "x": %s}\n\n' % given
    result, _, error = read(payload)
    assert (error, result.text) == (None, "a")
    assert type(result.last_record["x"]) is (by_orjson if library == "orjson" else kind)


@pytest.mark.parametrize("data", [b"oops", b'{"a": 1} {"b"', b"\xff", b"[" * 100_000])
def test_what_no_library_reads_is_the_same_error(library: str, data: bytes) -> None:
    result, tokens, error = read(chunk(content="a") + b"data: " + data + b"\n\n" + chunk(content="b"))
    assert type(error) is StreamDecodeError
    assert error.undelivered
    assert ([token.text for token in tokens], result.text) == (["a"], "a")


class TestToolCalls:
    def test_pieces_are_joined_by_index_whatever_comes_between(self) -> None:
        result, tokens, _ = read(
            chunk(tool_calls=[call("f", '{"a"', 0, id="x"), call("g", "[", 1, id="y")])
            + chunk(content="and", tool_calls=[call(None, "1]", 1)])
            + chunk("tool_calls", tool_calls=[call(None, ":1}", 0)])
        )
        assert result.tool_calls == (ToolCall("x", "f", '{"a":1}'), ToolCall("y", "g", "[1]"))
        assert [each.parsed for each in result.tool_calls] == [{"a": 1}, [1]]
        assert result.finish_reason == "tool_calls"
        assert [len(token.tool_calls) for token in tokens] == [2, 1, 1]
        assert tokens[0].tool_call == ToolCallDelta(0, "x", "f", '{"a"')
        assert tokens[1].tool_call == ToolCallDelta(1, None, None, "1]")

    def test_a_token_without_any_has_none(self) -> None:
        _, (token,), _ = read(chunk("stop", content="a"))
        assert (token.tool_call, token.tool_calls, token.reasoning) == (None, (), "")

    def test_the_order_is_that_of_the_index(self) -> None:
        result, _, _ = read(chunk("stop", tool_calls=[call("b", "", 1), call("a", "", 0)]))
        assert [each.name for each in result.tool_calls] == ["a", "b"]

    @pytest.mark.parametrize(("arguments", "expected"), [("", {}), (" \n", {}), ("null", None), ("{}", {})])
    def test_no_arguments_are_an_empty_object(self, arguments: str, expected: object) -> None:
        assert ToolCall("x", "f", arguments).parsed == expected

    @pytest.mark.parametrize("arguments", ["{", '{"city": secret', "[" * 100_000])
    def test_arguments_that_are_not_json_stay_text_and_raise_an_error_of_their_own(self, arguments: str) -> None:
        result, _, error = read(chunk("tool_calls", tool_calls=[call("f", arguments, id="x")]))
        assert error is None
        assert result.tool_calls[0].arguments == arguments
        with pytest.raises(ToolArgumentsError, match="the tool call 'f' are not JSON") as caught:
            result.tool_calls[0].parsed  # noqa: B018
        assert (caught.value.name, caught.value.arguments) == ("f", arguments)
        assert "secret" not in str(caught.value)
        assert pickle.loads(pickle.dumps(caught.value)).arguments == arguments

    @pytest.mark.parametrize(
        "calls",
        ["x", 5, [None], [5], [{"function": "x"}], [call(5, "")], [call("f", "", "0")], [[]]],
        ids=repr,
    )
    def test_malformed_ones_are_a_documented_error(self, calls: Any) -> None:
        _, tokens, error = read(chunk(content="a") + chunk(tool_calls=calls))
        assert type(error) is StreamDecodeError
        assert [token.text for token in tokens] == ["a"]

    @pytest.mark.parametrize("depth", [100, 600, 900, 990])
    def test_an_object_nested_as_deep_as_can_be_read_is_text_or_a_documented_error(
        self, library: str, depth: int
    ) -> None:
        nested = b'{"a": ' * depth + b"1" + b"}" * depth
        payload = b'{"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": %s}}]}}]}' % nested
        result, _, error = read(payload, allow_incomplete=True)
        if error is None:
            assert result.tool_calls[0].arguments == nested.decode()
        else:
            assert type(error) is StreamDecodeError
            assert depth > 100

    def test_arguments_do_not_show_in_a_repr(self) -> None:
        assert "secret" not in repr(ToolCall("x", "f", "secret"))
        result, _, _ = read(chunk("stop", content="secret"))
        assert "secret" not in repr(result)
        assert "secret" not in repr(result.choices[0])


class TestResult:
    def test_it_grows_as_tokens_come_and_is_one_object(self) -> None:
        splitter = TokenSplitter()
        result = splitter.result
        assert (result.choices, result.text, result.finish_reason, result.usage, result.dialect) == (
            (),
            "",
            None,
            None,
            None,
        )
        list(splitter.feed(chunk(reasoning="Hm")))
        assert (result.reasoning, result.text, result.dialect) == ("Hm", "", "openai-chat")
        list(splitter.feed(chunk(content="a")))
        list(splitter.feed(chunk("stop", content="b")))
        assert (result.reasoning, result.text, result.finish_reason) == ("Hm", "ab", "stop")
        assert splitter.result is result

    def test_choices_are_told_apart_and_in_order(self) -> None:
        result, _, _ = read(
            chunk(index=1, content="x") + chunk(index=0, content="a") + chunk("stop", index=1, reasoning="r") +
            chunk("length", index=0)
        )  # fmt: skip
        first, second = result.choices
        assert (first.index, first.text, first.finish_reason) == (0, "a", "length")
        assert (second.index, second.text, second.reasoning, second.finish_reason) == (1, "x", "r", "stop")

    def test_without_a_first_choice_its_properties_are_empty(self) -> None:
        result, _, _ = read(chunk("stop", index=2, content="x"))
        assert (result.text, result.tool_calls, result.finish_reason, len(result.choices)) == ("", (), None, 1)

    @pytest.mark.parametrize(
        "failure",
        [
            b'data: {"error": {"message": "out of memory"}}\n\n',
            b"event: error\ndata: gone\n\n",
            b"data: oops\n\n",
            b"data: {",
        ],
    )
    def test_after_a_failure_it_holds_what_came(self, failure: bytes) -> None:
        payload = chunk(reasoning="Hm") + chunk(content="a") + chunk(tool_calls=[call("f", '{"x', id="i")]) + failure
        result, _, error = read(payload)
        assert isinstance(error, InBandError | StreamDecodeError | StreamIncomplete)
        assert (result.reasoning, result.text) == ("Hm", "a")
        assert result.tool_calls == (ToolCall("i", "f", '{"x'),)
        assert result.finish_reason is None

    def test_the_message_goes_into_the_next_request(self) -> None:
        result, _, _ = read(chunk("tool_calls", content="Look", tool_calls=[call("f", "{}")]))
        assert result.message == {
            "role": "assistant",
            "content": "Look",
            "tool_calls": [{"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        }
        assert read(chunk("stop", content=""))[0].message == {"role": "assistant", "content": ""}

    def test_the_usage_is_the_last_that_came(self) -> None:
        usage = b'data: {"choices": [], "usage": {"total_tokens": %d}}\n\n'
        result, _, _ = read(chunk("stop", content="a") + usage % 1 + usage % 2)
        assert result.usage == {"total_tokens": 2}
        assert result.last_record == {"choices": [], "usage": {"total_tokens": 2}}
        assert len(result.choices) == 1

    def test_calls_that_come_one_after_the_other_without_a_number_are_told_apart_by_their_ids(self) -> None:
        pieces = [
            {"id": "x", "function": {"name": "f", "arguments": ""}},
            {"id": "y", "function": {"name": "g", "arguments": '{"a"'}},
            {"function": {"arguments": ":1}"}},
        ]
        chunks = [chunk(tool_calls=[piece]) for piece in pieces]
        result, tokens, _ = read(b"".join(chunks) + chunk("stop"))
        assert result.tool_calls == (ToolCall("x", "f", ""), ToolCall("y", "g", '{"a":1}'))
        assert [piece.index for token in tokens for piece in token.tool_calls] == [0, 1, 1]

    def test_pieces_without_a_number_that_repeat_the_id_belong_to_the_call_that_has_it(self) -> None:
        pieces = [
            {"id": "x", "function": {"name": "f", "arguments": '{"a":'}},
            {"id": "x", "function": {"arguments": "1}"}},
            {"id": "y", "function": {"name": "g", "arguments": '{"b":'}},
            {"id": "y", "function": {"arguments": "2}"}},
        ]
        result, tokens, _ = read(b"".join(chunk(tool_calls=[piece]) for piece in pieces) + chunk("stop"))
        assert result.tool_calls == (ToolCall("x", "f", '{"a":1}'), ToolCall("y", "g", '{"b":2}'))
        assert [piece.index for token in tokens for piece in token.tool_calls] == [0, 0, 1, 1]

    def test_another_name_without_number_and_id_begins_another_call(self) -> None:
        pieces = [{"function": {"name": name, "arguments": "{}"}} for name in "fgh"]
        result, tokens, _ = read(b"".join(chunk(tool_calls=[piece]) for piece in pieces) + chunk("stop"))
        assert [(call.name, call.arguments) for call in result.tool_calls] == [("f", "{}"), ("g", "{}"), ("h", "{}")]
        assert [piece.index for token in tokens for piece in token.tool_calls] == [0, 1, 2]

    @pytest.mark.parametrize(("named", "ids"), [(True, ()), (True, (None, None, "y")), (False, ("x", None, "y"))])
    def test_pieces_without_a_number_go_to_the_last_call_unless_they_contradict_it(
        self, named: bool, ids: tuple[str | None, ...]
    ) -> None:
        functions = [
            {"name": "f", "arguments": "{}"},
            {"name": "g", "arguments": '{"a":'},
            {"name": "g", "arguments": "1}"} if named else {"arguments": "1}"},
        ]
        pieces = [{"function": each, "id": ids[number] if ids else None} for number, each in enumerate(functions)]
        result, tokens, _ = read(b"".join(chunk(tool_calls=[piece]) for piece in pieces) + chunk("stop"))
        assert [(call.name, call.arguments) for call in result.tool_calls] == [("f", "{}"), ("g", '{"a":1}')]
        assert [piece.index for token in tokens for piece in token.tool_calls] == [0, 1, 1]

    def test_a_further_call_without_a_number_does_not_go_to_one_that_has_its_number(self) -> None:
        numbered = [{"index": index, "id": name, "function": {"name": name}} for index, name in ((1, "g"), (0, "f"))]
        further = {"id": "h", "function": {"name": "h", "arguments": "{}"}}
        result, _, _ = read(b"".join(chunk(tool_calls=[piece]) for piece in [*numbered, further]) + chunk("stop"))
        assert {call.id: call.arguments for call in result.tool_calls} == {"f": "", "g": "", "h": "{}"}

    def test_pieces_of_several_calls_without_numbers_go_by_their_ids(self) -> None:
        first = [{"id": name, "function": {"name": name, "arguments": "{"}} for name in "fg"]
        second = [{"id": name, "function": {"arguments": "}"}} for name in "fg"]
        result, _, _ = read(chunk(tool_calls=first) + chunk(tool_calls=second) + chunk("stop"))
        assert result.tool_calls == (ToolCall("f", "f", "{}"), ToolCall("g", "g", "{}"))

    def test_pieces_without_number_and_id_that_repeat_the_name_are_one_call(self) -> None:
        pieces = [{"name": "f", "arguments": '{"a":'}, {"name": "f", "arguments": "1}"}]
        result, _, _ = read(b"".join(chunk(function_call=piece) for piece in pieces) + chunk("stop"))
        assert result.tool_calls == (ToolCall("call_0", "f", '{"a":1}'),)

    @pytest.mark.parametrize("names", [("tool_calls", "function_call"), ("function_call", "tool_calls")], ids=repr)
    def test_a_call_in_both_forms_keeps_its_id(self, names: tuple[str, str]) -> None:
        function = {"name": "f", "arguments": "{}"}
        forms = {"tool_calls": [{"index": 0, "id": "x", "function": function}], "function_call": function}
        result = read(chunk("stop", **{name: forms[name] for name in names}))[0]
        assert result.tool_calls == (ToolCall("x", "f", "{}"),)

    def test_it_compares_by_what_it_holds_and_pickles(self) -> None:
        one, other = read(chunk("stop", content="a"))[0], read(chunk("stop", content="a"))[0]
        assert one == other
        assert one != read(chunk("stop", content="b"))[0]
        assert one != "a"
        assert pickle.loads(pickle.dumps(one)) == one

    def test_a_dialect_of_ones_own_may_bring_all_of_it(self) -> None:
        delta = Delta(
            "a", reasoning="r", refusal="n", tool_calls=[ToolCallDelta(name="f")], logprobs=[TokenLogprob("a", -1.0)],
            finish_reason="stop",
        )  # fmt: skip
        result, (token,), _ = read(b"{}", dialect=Dialect(name="own", recognises=bool, deltas=lambda _: [delta]))
        assert (result.text, result.reasoning, result.refusal, result.logprobs) == ("a", "r", "n", (("a", -1.0, None),))
        assert (token.reasoning, token.tool_call, result.dialect) == ("r", ToolCallDelta(name="f"), "own")

    @pytest.mark.parametrize(
        "wrong",
        [{"reasoning": 5}, {"refusal": None}, {"tool_calls": 5}, {"tool_calls": [{}]}, {"logprobs": [(1,)]}],
        ids=repr,
    )
    def test_a_dialect_of_ones_own_that_brings_other_types_is_refused(self, wrong: dict[str, Any]) -> None:
        own = Dialect(name="own", recognises=bool, deltas=lambda _: [Delta("a", **wrong)])
        assert type(read(b"{}", dialect=own)[2]) is StreamDecodeError

    @pytest.mark.parametrize("value", [{"effort": "high"}, 5, ["x"]])
    def test_what_is_no_text_where_reasoning_may_be_stays_in_the_record(self, value: Any) -> None:
        result, (token,), error = read(chunk("stop", content="a", reasoning=value))
        assert (error, result.reasoning, token.reasoning) == (None, "", "")
        assert token.raw["choices"][0]["delta"]["reasoning"] == value

    def test_what_a_message_holds_under_other_names_stays_in_the_record(self) -> None:
        result, (token,), error = read(chunk("stop", audio={"data": "UklGRg=="}, reasoning="hm"))
        assert (error, result.text, result.reasoning) == (None, "", "hm")
        assert token.raw["choices"][0]["delta"]["audio"] == {"data": "UklGRg=="}


class TestBounds:
    def test_a_call_without_a_number_is_not_looked_for_among_all_others(self) -> None:
        compared = 0

        class Id(str):
            __slots__ = ()
            __hash__ = str.__hash__

            def __eq__(self, other: object) -> bool:
                nonlocal compared
                compared += 1
                return super().__eq__(other)

        gathered = Gathered(1 << 20)
        for number in [*range(100), *range(100)]:
            gathered.add(Delta(tool_calls=[ToolCallDelta(0, Id(number), "f", "{}", numbered=False)]), 0)
        assert [call.arguments for call in TokenResult(gathered).tool_calls] == ["{}{}"] * 100
        assert compared < 1000

    def test_the_first_choices_text_and_all_else_have_room_for_as_much(self) -> None:
        payload = chunk(content="abc", reasoning="12") + chunk(index=1, content="xyz") + chunk("stop", content="def")
        result, tokens, _ = read(payload, keep_partial=4)
        assert (result.text, result.text_truncated, result.truncated) == ("abcd", True, True)
        assert result.reasoning == "12"
        assert len(result.choices) == 1  # for a second there is no room
        assert [token.text for token in tokens] == ["abc", "xyz", "def"]
        assert read(payload)[0].truncated is False

    @pytest.mark.parametrize(
        "piece",
        [
            {"reasoning": "x" * 10},
            {"refusal": "x" * 10},
            {"tool_calls": [call("f", "x" * 10)]},
            {"content": "x" * 10},
        ],
        ids=lambda piece: next(iter(piece)),
    )
    def test_endless_streams_are_kept_up_to_the_limit(self, piece: dict[str, Any]) -> None:
        splitter = TokenSplitter(keep_partial=1000)
        for _ in range(1000):
            list(splitter.feed(chunk(**piece)))
        held = json.dumps(splitter.result.to_dict())
        assert 900 < len(held) < 2000
        assert splitter.result.truncated

    @pytest.mark.parametrize("kind", ["choices", "calls", "log probabilities"])
    def test_endless_empty_things_are_kept_up_to_the_limit(self, kind: str) -> None:
        splitter = TokenSplitter(keep_partial=1000)
        for number in range(1000):
            if kind == "choices":
                list(splitter.feed(chunk("stop", index=number)))
            elif kind == "calls":
                list(splitter.feed(chunk(tool_calls=[call("f", "", number)])))
            else:
                choice = {
                    "index": 0,
                    "delta": {"content": "a"},
                    "logprobs": {"content": [{"token": "a", "logprob": 0}]},
                }
                list(splitter.feed(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"))
        result = splitter.result
        assert len(result.choices) <= 16
        assert len(result.tool_calls) <= 16
        assert len(result.logprobs) <= 125
        assert result.truncated

    @pytest.mark.parametrize("kind", ["id", "name", "token"])
    def test_long_names_are_kept_up_to_the_limit_whenever_they_come(self, kind: str) -> None:
        splitter = TokenSplitter(keep_partial=100_000)
        long = "x" * 10_000
        for number in range(100):
            if kind == "token":
                logprobs = {"content": [{"token": long, "logprob": 0}]}
                record = {"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": logprobs}]}
                list(splitter.feed(b"data: " + json.dumps(record).encode() + b"\n\n"))
                continue
            list(splitter.feed(chunk(tool_calls=[{"index": number, "function": {"arguments": ""}}])))
            piece = {"id": long} if kind == "id" else {"function": {"name": long}}
            list(splitter.feed(chunk(tool_calls=[{"index": number, **piece}])))
        assert 90_000 < len(json.dumps(splitter.result.to_dict())) < 120_000
        assert splitter.result.truncated

    def test_what_is_held_is_a_few_times_the_text_and_not_more(self) -> None:
        splitter = TokenSplitter()
        piece = chunk(tool_calls=[call(None, "x" * 1000)])
        list(splitter.feed(piece))
        tracemalloc.start()
        try:
            for _ in range(500):
                list(splitter.feed(piece))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(splitter.result.tool_calls[0].arguments) == 501 * 1000
        assert peak < 1_000_000
