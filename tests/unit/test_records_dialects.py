"""Tokens of every dialect: recognised, given, cut anywhere, broken off, and failing in-band."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async.errors import (
    ConfigurationError,
    InBandError,
    RecordTooLongError,
    StreamDecodeError,
    StreamError,
    StreamIncomplete,
)
from sagemaker_async.records import TokenSplitter
from sagemaker_async.records.dialects import (
    ALIASES,
    DIALECTS,
    Delta,
    Dialect,
    Token,
    dialect_named,
    in_band_error,
    recognise,
    reports_error,
)
from sagemaker_async.records.results import TokenResult
from sagemaker_async.records.tokens import framing_of

FIXTURES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "dialects.json").read_text())
TERMINATED = [
    fixture
    for fixture in FIXTURES
    if DIALECTS[fixture["dialect"]].terminated and not fixture["name"].startswith("lmi outputs")
]


def run(
    slices: Iterable[bytes], dialect: str | Dialect | None = None, **options: Any
) -> tuple[list[Token], StreamError | None, TokenSplitter]:
    splitter = TokenSplitter(dialect, **options)
    tokens: list[Token] = []
    try:
        for data in slices:
            tokens.extend(splitter.feed(data))
        tokens.extend(splitter.finish())
    except StreamError as error:
        return tokens, error, splitter
    return tokens, None, splitter


def sse(*records: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(record).encode() + b"\n\n" for record in records)


def assert_reads(fixture: dict[str, Any], slices: Iterable[bytes], dialect: str | None) -> TokenResult:
    tokens, error, splitter = run(slices, dialect)
    assert error is None
    if fixture["tokens"] is not None:
        assert [token.text for token in tokens] == fixture["tokens"]
    assert "".join(token.text for token in tokens if not (token.special or token.choice)) == fixture["text"]
    assert [token.index for token in tokens] == list(range(len(tokens)))
    assert splitter.dialect is DIALECTS[fixture["dialect"]]
    assert splitter.result.text == fixture["text"]
    assert splitter.result.finish_reason == fixture["finish_reason"]
    assert splitter.result.usage == fixture["usage"]
    return splitter.result


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture["name"])
class TestFixtures:
    def test_dialect_and_framing_are_recognised_wherever_the_payload_is_cut(self, fixture: dict[str, Any]) -> None:
        payload = fixture["payload"].encode()
        whole = assert_reads(fixture, [payload], None)
        assert whole.to_dict() == fixture.get("result", whole.to_dict())
        assert assert_reads(fixture, (payload[at : at + 1] for at in range(len(payload))), None) == whole
        for at in range(len(payload)):
            assert assert_reads(fixture, [payload[:at], payload[at:]], None) == whole

    def test_the_dialect_may_be_given(self, fixture: dict[str, Any]) -> None:
        payload = fixture["payload"].encode()
        assert_reads(fixture, [payload], fixture["dialect"])
        assert_reads(fixture, (payload[at : at + 1] for at in range(len(payload))), fixture["dialect"])

    def test_a_payload_that_breaks_off_gives_a_part_of_the_text_and_no_other_error_than_documented(
        self, fixture: dict[str, Any]
    ) -> None:
        payload = fixture["payload"].encode()
        for at in range(len(payload)):
            tokens, error, splitter = run([payload[:at]], fixture["dialect"])
            assert fixture["text"].startswith(splitter.result.text)
            assert (
                "".join(token.text for token in tokens if not (token.special or token.choice)) == splitter.result.text
            )
            assert error is None or type(error) is StreamIncomplete


@pytest.mark.parametrize("fixture", TERMINATED, ids=lambda fixture: fixture["name"])
def test_a_clean_end_before_the_model_has_finished_is_incomplete(fixture: dict[str, Any]) -> None:
    payload = fixture["payload"].encode()
    silent = [at for at in range(len(payload)) if run([payload[:at]], fixture["dialect"])[1] is None]
    # What ends quietly has all of the text: only line ends, a usage record or [DONE] can be missing then.
    for at in silent:
        assert run([payload[:at]], fixture["dialect"])[2].result.text == fixture["text"]
    assert len(silent) < len(payload) / 2


def chat(content: str, finish_reason: str | None = None, **fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason, **fields}
    return {"object": "chat.completion.chunk", "choices": [choice]}


class TestIncomplete:
    def test_the_error_says_so_and_names_the_remedy(self) -> None:
        tokens, error, splitter = run([sse(chat("a"), chat("b"))])
        assert [token.text for token in tokens] == ["a", "b"]
        assert type(error) is StreamIncomplete
        assert "allow_incomplete=True" in str(error)
        assert splitter.result.text == "ab"

    def test_it_is_no_error_when_allowed(self) -> None:
        _, error, splitter = run([sse(chat("a"), chat("b"))], allow_incomplete=True)
        assert error is None
        assert (splitter.result.text, splitter.result.finish_reason) == ("ab", None)

    @pytest.mark.parametrize("allow_incomplete", [False, True])
    @pytest.mark.parametrize("cut", [b'data: {"choices": [', b'data: {"choices": [\n', b"data: [DO"])
    def test_an_unterminated_event_that_is_no_complete_json_is_an_error_in_any_case(
        self, cut: bytes, allow_incomplete: bool
    ) -> None:
        tokens, error, _ = run([sse(chat("a")) + cut], allow_incomplete=allow_incomplete)
        assert [token.text for token in tokens] == ["a"]
        assert type(error) is StreamIncomplete
        assert "the stream ended inside a server-sent event" in str(error)
        assert error.undelivered == cut.removeprefix(b"data: ").rstrip()

    def test_done_without_a_line_end_is_an_end(self) -> None:
        assert run([sse(chat("a")) + b"data: [DONE]"])[1] is None

    def test_server_sent_events_without_any_record_are_incomplete(self) -> None:
        assert type(run([b": ping\n\n: ping\n\n"])[1]) is StreamIncomplete

    @pytest.mark.parametrize("dialect", ["tgi", "openai-chat", "lmi"])
    @pytest.mark.parametrize("payload", [b"", b" \r\n", b"\xef\xbb"])
    def test_no_payload_at_all_is_incomplete_in_a_given_dialect(self, dialect: str, payload: bytes) -> None:
        assert type(run([payload], dialect)[1]) is StreamIncomplete

    @pytest.mark.parametrize("dialect", [None, "raw", "jumpstart"])
    def test_no_payload_is_no_text_where_nothing_says_that_a_stream_is_complete(self, dialect: str | None) -> None:
        tokens, error, splitter = run([b"", b""], dialect)
        assert (tokens, error, splitter.result.text) == ([], None, "")


class TestInBandErrors:
    CASES = (
        ({"error": {"message": "out of memory", "code": 500, "type": "server"}}, "out of memory", 500, "server"),
        ({"error": "Input too long", "error_type": "validation"}, "Input too long", None, "validation"),
        ({"object": "error", "message": "bad", "type": "Bad", "param": None, "code": 400}, "bad", 400, "Bad"),
        ({"code": 424, "message": "invoke handler failure", "error": "details"}, "details", 424, None),
        ({"error": {"code": "rate_limited"}}, "{'code': 'rate_limited'}", "rate_limited", None),
        ({"error": {}, "error_type": "generation"}, "it gave no message", None, "generation"),
        ({"error": True, "message": ["odd"], "code": [1], "type": 5}, "['odd']", None, None),
    )  # fmt: skip

    @pytest.mark.parametrize(("record", "message", "code", "error_type"), CASES)
    def test_every_documented_form_is_one(
        self, record: dict[str, Any], message: str, code: object, error_type: str | None
    ) -> None:
        assert reports_error(record)
        error = in_band_error(record)
        assert error.message == f"the model reported an error: {message}"
        assert (error.code, error.error_type) == (code, error_type)

    def test_the_message_shows_code_and_type(self) -> None:
        text = str(in_band_error({"error": "x", "code": 424, "error_type": "generation"}))
        assert "424" in text
        assert "generation" in text

    def test_a_long_message_is_cut(self) -> None:
        assert len(in_band_error({"error": "x" * 1_000_000}).message) < 5000

    @pytest.mark.parametrize("record", [{"error": None, "token": {}}, {"error": ""}, {"object": "text_completion"}, {}])
    def test_a_record_without_failure_is_none(self, record: dict[str, Any]) -> None:
        assert not reports_error(record)

    @pytest.mark.parametrize("record", [case[0] for case in CASES])
    @pytest.mark.parametrize("framing", ["sse", "json"])
    @pytest.mark.parametrize("dialect", [None, "openai-chat"])
    def test_it_is_raised_after_the_tokens_before_it_and_never_yielded(
        self, record: dict[str, Any], framing: str, dialect: str | None
    ) -> None:
        records = [chat("one"), chat(" two"), record]
        payload = sse(*records) if framing == "sse" else "\n".join(map(json.dumps, records)).encode()
        for slices in ([payload], [payload[at : at + 1] for at in range(len(payload))]):
            tokens, error, splitter = run(slices, dialect)
            assert [token.text for token in tokens] == ["one", " two"]
            assert type(error) is InBandError
            assert splitter.result.text == "one two"

    @pytest.mark.parametrize("record", [case[0] for case in CASES])
    def test_it_is_raised_as_the_first_record_too(self, record: dict[str, Any]) -> None:
        for payload in (sse(record), json.dumps(record).encode(), json.dumps([record]).encode()):
            tokens, error, _ = run([payload])
            assert tokens == []
            assert type(error) is InBandError

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ('{"message": "overloaded", "code": 503}', "overloaded"),
            ('{"error": {"message": "overloaded"}}', "overloaded"),
            ("overloaded", "overloaded"),
            ("[1]", "[1]"),
            ("", "it gave no message"),
        ],
    )
    def test_an_event_of_type_error_is_one_whatever_its_data(self, data: str, message: str) -> None:
        tokens, error, splitter = run([sse(chat("a")) + f"event: error\ndata: {data}\n\n".encode()])
        assert [token.text for token in tokens] == ["a"]
        assert type(error) is InBandError
        assert error.message.endswith(message)
        assert splitter.result.text == "a"

    def test_the_finish_reason_error_is_one(self) -> None:
        failed = {
            "token": {"id": -1, "text": "", "log_prob": -1, "special_token": True},
            "generated_text": "",
            "details": {"finish_reason": "error", "generated_tokens": None, "inputs": None},
        }
        tokens, error, splitter = run([json.dumps({"token": {"id": 1, "text": "a", "log_prob": 0}}).encode(), b"\n",
                                       json.dumps(failed).encode()])  # fmt: skip
        assert [token.text for token in tokens] == ["a"]
        assert type(error) is InBandError
        assert splitter.result.text == "a"

    def test_the_text_that_comes_with_it_is_delivered(self) -> None:
        tokens, error, splitter = run([sse(chat("a"), chat("b", "error"))])
        assert [token.text for token in tokens] == ["a", "b"]
        assert type(error) is InBandError
        assert splitter.result.text == "ab"


class TestTokens:
    def test_tgi_tokens_carry_id_log_probability_and_special(self) -> None:
        record = {"index": 1, "token": {"id": 2, "text": "</s>", "logprob": -0.5, "special": True},
                  "generated_text": "", "details": {"finish_reason": "eos_token", "generated_tokens": 1}}  # fmt: skip
        tokens, error, splitter = run([sse(record)])
        assert error is None
        assert tokens == [Token("</s>", 0, 2, -0.5, True, "eos_token", record, 0)]
        assert splitter.result.text == ""

    def test_lmi_tokens_carry_id_and_log_probability(self) -> None:
        record = {"token": {"id": 304, "text": "Deep ", "log_prob": -0.05}, "generated_text": "Deep "}
        tokens, _, splitter = run([json.dumps(record).encode()])
        assert tokens == [Token("Deep ", 0, 304, -0.05, False, None, record, 0)]
        assert splitter.dialect is DIALECTS["lmi"]

    @pytest.mark.parametrize(
        ("logprobs", "expected"),
        [
            ({"content": [{"token": "a", "logprob": -0.5}]}, -0.5),
            ([{"content": [{"token": "a", "logprob": -0.5}]}], -0.5),
            ({"content": [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1}]}, None),
            ({"content": []}, None),
            ({"content": None}, None),
            ({"tokens": ["a"], "token_logprobs": [-0.5]}, -0.5),
            ([{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1}], None),
            ("none", None),
            (None, None),
        ],
    )
    def test_openai_log_probabilities_are_those_of_a_single_token(self, logprobs: Any, expected: float | None) -> None:
        tokens, error, _ = run([sse(chat("a", "stop", logprobs=logprobs))])
        assert (error, [token.text for token in tokens]) == (None, ["a"])
        assert tokens[0].logprob == expected

    def test_several_choices_are_told_apart_and_the_text_is_the_first_ones(self) -> None:
        def record(choice: int, text: str, finish_reason: str | None = None) -> dict[str, Any]:
            return {"choices": [{"index": choice, "text": text, "finish_reason": finish_reason}]}

        tokens, _, splitter = run(
            [sse(record(0, "a"), record(1, "x"), record(0, "b", "stop"), record(1, "y", "length"))]
        )
        assert [(token.choice, token.text) for token in tokens] == [(0, "a"), (1, "x"), (0, "b"), (1, "y")]
        assert (splitter.result.text, splitter.result.finish_reason) == ("ab", "stop")

    @pytest.mark.parametrize("nothing", ["", None, [], {}, 0, False])
    def test_nothing_in_the_place_of_an_index_a_finish_reason_or_the_usage_is_none(self, nothing: Any) -> None:
        choice = {"index": nothing, "delta": {"content": "a"}, "finish_reason": nothing}
        tokens, error, splitter = run([sse({"choices": [choice], "usage": nothing}, chat("b", "stop"))])
        assert error is None
        assert tokens[0] == Token("a", 0, raw=tokens[0].raw)
        assert tokens[0].finish_reason is None
        assert (splitter.result.finish_reason, splitter.result.usage) == ("stop", None)

    def test_a_list_of_generated_texts_gives_one_choice_each(self) -> None:
        tokens, _, splitter = run([b'[{"generated_text": "a"}, {"generated_text": "b"}]'])
        assert [(token.choice, token.text) for token in tokens] == [(0, "a"), (1, "b")]
        assert splitter.result.text == "a"

    def test_a_token_prints_as_its_text(self) -> None:
        assert f"{Token('abc', 0)}" == "abc"

    def test_the_text_that_is_kept_is_bounded(self) -> None:
        tokens, _, splitter = run([sse(chat("abc"), chat("def", "stop"))], keep_partial=4)
        assert [token.text for token in tokens] == ["abc", "def"]
        assert (splitter.result.text, splitter.result.text_truncated) == ("abcd", True)


class TestMalformed:
    @pytest.mark.parametrize("records", [[{"predictions": [1]}], [{}], [{"type": "ping"}, chat("a", "stop")]])
    def test_a_first_record_of_no_known_dialect_is_refused(self, records: list[Any]) -> None:
        for payload in (sse(*records), "\n".join(map(json.dumps, records)).encode()):
            tokens, error, _ = run([payload])
            assert tokens == []
            assert type(error) is StreamDecodeError
            assert "none of the known dialects" in str(error)
            assert "dialect='raw'" in str(error)
            assert error.undelivered == json.dumps(records[0]).encode()

    @pytest.mark.parametrize(
        ("dialect", "record"),
        [
            ("openai-chat", {"choices": 5}),
            ("openai-chat", {"choices": ["x"]}),
            ("openai-chat", {"choices": [{"delta": "x"}]}),
            ("openai-chat", {"choices": [{"delta": {"content": ["x"]}}]}),
            ("openai-chat", {"choices": [{"delta": {"content": "x"}, "index": "1"}]}),
            ("openai-chat", {"choices": [{"delta": {"content": "x"}, "finish_reason": ["stop"]}]}),
            ("openai-chat", {"choices": [{"delta": {"content": "x"}}], "usage": [1]}),
            ("openai-chat", {"choices": [{"delta": {"content": "x"}, "logprobs": {"content": 5}}]}),
            ("tgi", {"token": "x"}),
            ("tgi", {"token": {"text": None}}),
            ("tgi", {"token": {"text": 5}}),
            ("tgi", {"token": {"text": "x"}, "details": "x"}),
            ("tgi", {"details": {"input_length": "x", "generated_tokens": 1}}),
            ("lmi", {"outputs": 5}),
            ("lmi", {"outputs": [None]}),
            ("jumpstart", {}),
            ("jumpstart", {"generated_text": None}),
        ],
    )
    def test_a_record_that_does_not_fit_the_dialect_is_a_documented_error(self, dialect: str, record: Any) -> None:
        tokens, error, _ = run([sse(record)], dialect)
        assert tokens == []
        assert type(error) is StreamDecodeError
        assert dialect in str(error)

    @pytest.mark.parametrize("value", ["text", 5, None, True, [[{"generated_text": "a"}]], ["a"]])
    def test_a_record_that_is_no_object_is_refused(self, value: Any) -> None:
        _, error, _ = run([sse(value)])
        assert type(error) is StreamDecodeError
        assert "must be an object" in str(error)

    def test_an_event_whose_data_is_not_json_is_refused(self) -> None:
        tokens, error, _ = run([sse(chat("a")) + b"data: oops\n\n"])
        assert [token.text for token in tokens] == ["a"]
        assert type(error) is StreamDecodeError
        assert error.undelivered == b"oops"

    def test_plain_text_in_a_dialect_of_records_is_refused(self) -> None:
        _, error, _ = run([b"Once upon a time"], "tgi")
        assert type(error) is StreamDecodeError
        assert "neither server-sent events nor JSON" in str(error)
        assert error.undelivered == b"Once upon a time"

    @pytest.mark.parametrize("allow_incomplete", [False, True])
    @pytest.mark.parametrize("name", ["tgi", "lmi"])
    def test_an_openai_stream_read_as_another_dialect_is_refused_at_its_first_record(
        self, name: str, allow_incomplete: bool
    ) -> None:
        for end in (b"data: [DONE]\n\n", b""):
            tokens, error, _ = run([sse(chat("a"), chat("b")) + end], name, allow_incomplete=allow_incomplete)
            assert tokens == []
            assert type(error) is StreamDecodeError
            assert "pass dialect='openai-chat'" in str(error)
            assert error.undelivered == json.dumps(chat("a")).encode()

    def test_a_stream_of_no_known_dialect_is_refused_at_its_end_when_a_dialect_was_given(self) -> None:
        tokens, error, _ = run([sse({"predictions": ["an answer"]}) + b"data: [DONE]\n\n"], "tgi")
        assert tokens == []
        assert type(error) is StreamDecodeError
        assert error.undelivered == b'{"predictions": ["an answer"]}'

    def test_a_record_of_no_dialect_before_those_of_the_given_one_is_no_fault(self) -> None:
        tokens, error, splitter = run([sse({"type": "ping"}, chat("a", "stop"))], "openai-chat")
        assert error is None
        assert ([token.text for token in tokens], splitter.result.text) == (["a"], "a")

    def test_a_dialect_of_ones_own_decides_what_it_leaves_out(self) -> None:
        quiet = Dialect(name="tgi", recognises=lambda _: False, deltas=lambda _: [Delta(silent=True, finished=True)])
        assert run([sse(chat("a"))], quiet)[:2] == ([], None)

    def test_an_endless_record_is_refused(self) -> None:
        for payload in (b'{"token": "' + b"x" * 200, b"data: " + b"x" * 200):
            _, error, _ = run([payload], max_buffer=100)
            assert type(error) is RecordTooLongError


class TestNames:
    @pytest.mark.parametrize("name", [*DIALECTS, *ALIASES, "TGI", "openai_chat", "LMI"])
    def test_names_and_aliases_are_known_in_any_case(self, name: str) -> None:
        assert dialect_named(name) in DIALECTS.values()

    @pytest.mark.parametrize("name", ["", "tgl", "openai chat", "llama"])
    def test_an_unknown_name_is_refused_with_all_that_are_known(self, name: str) -> None:
        with pytest.raises(ConfigurationError, match="unknown dialect") as caught:
            TokenSplitter(name)
        for known in DIALECTS:
            assert known in str(caught.value)

    def test_the_nearest_name_is_suggested(self) -> None:
        with pytest.raises(ConfigurationError, match="did you mean 'jumpstart'"):
            dialect_named("jumpstrat")

    def test_what_is_neither_name_nor_dialect_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="dialect must be a name, a Dialect or None, got int"):
            TokenSplitter(5)  # type: ignore[arg-type]

    def test_every_alias_names_a_dialect(self) -> None:
        assert set(ALIASES.values()) <= set(DIALECTS)
        assert not set(ALIASES) & set(DIALECTS)

    @pytest.mark.parametrize(
        ("record", "name"),
        [
            ({"object": "chat.completion.chunk", "choices": []}, "openai-chat"),
            ({"object": "chat.completion", "choices": [{"text": "a"}]}, "openai-chat"),
            ({"choices": [{"delta": {}}]}, "openai-chat"),
            ({"choices": [{"message": {}}]}, "openai-chat"),
            ({"choices": [None, {"index": 1}, {"delta": {}}]}, "openai-chat"),
            ({"object": "text_completion", "choices": []}, "openai-completions"),
            ({"choices": [{"text": "a"}]}, "openai-completions"),
            ({"choices": {"delta": {}}}, "openai-completions"),
            ({"object": "chat.completion", "choices": None}, "openai-completions"),
            ({"object": "chat.completion", "token": {"text": "a", "special": False}}, "tgi"),
            ({"token": {"text": "a", "logprob": 0}}, "tgi"),
            ({"token": {"text": "a"}, "index": 1}, "tgi"),
            ({"token": {"text": "a"}}, "lmi"),
            ({"token": "a", "outputs": ["a"]}, "lmi"),
            ({"outputs": "a"}, "lmi"),
            ({"outputs": {}, "generated_text": "a"}, "jumpstart"),
        ],
    )
    def test_a_dialect_is_recognised_by_the_least_that_tells_it(self, record: dict[str, Any], name: str) -> None:
        assert recognise(record) is DIALECTS[name]

    def test_no_dialect_recognises_what_it_does_not_know(self) -> None:
        for record in ({}, {"choices": None}, {"token": 1}, {"outputs": 1}, {"generated_text": 1}, {"x": {}}):
            dialect = recognise(record)
            assert dialect is None or dialect.name == "openai-completions"


def test_a_dialect_of_ones_own_is_a_few_lines() -> None:
    shouting = Dialect(
        name="shouting",
        recognises=lambda record: "say" in record,
        deltas=lambda record: [Delta(record["say"].upper(), finish_reason=record.get("why"))],
    )
    tokens, error, splitter = run([b'{"say": "a"}{"say": "b", "why": "tired"}'], shouting)
    assert error is None
    assert [token.text for token in tokens] == ["A", "B"]
    assert (splitter.result.text, splitter.result.finish_reason) == ("AB", "tired")
    assert type(run([b'{"say": 5}'], shouting)[1]) is StreamDecodeError


@pytest.mark.parametrize(
    ("payload", "framing"),
    [
        (b"data: x", "sse"),
        (b"data:x", "sse"),
        (b"event: x", "sse"),
        (b"\n\nid: 1", "sse"),
        (b": ping\n\nretry: 1", "sse"),
        (b"\xef\xbb\xbfdata: x", "sse"),
        (b'{"a"', "json"),
        (b'\n [ { "a"', "json"),
        (b"{}", "json"),
        (b"\xef\xbb\xbf[{}", "json"),
        (b"dataset", "text"),
        (b"data", "text"),
        (b"", "text"),
        (b" ", "text"),
        (b"\xef\xbb", "text"),
        (b": said he", "text"),
        (b": said he\nand left", "text"),
        (b"{x}", "text"),
        (b"[1, 2]", "text"),
        (b"{", "json"),
        (b"[ {", "json"),
        (b": ping\n\n", "sse"),
        (b": ping\n\nda", "sse"),
    ],
)
def test_the_framing_is_the_same_once_it_is_told(payload: bytes, framing: str) -> None:
    answers = {framing_of(payload[:at]) for at in range(len(payload) + 1)} - {None}
    assert answers <= {framing}
    assert framing_of(payload, final=True) == framing
