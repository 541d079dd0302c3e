"""Any payload, cut into any slices, gives the same records, and the same error, as uncut."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagemaker_async.errors import StreamError
from sagemaker_async.records import (
    JSONLinesSplitter,
    JSONSplitter,
    LineSplitter,
    ServerSentEvent,
    Splitter,
    SSESplitter,
    TextSplitter,
    TokenSplitter,
)

FIXTURES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "dialects.json").read_text())

SPLITTERS: dict[str, Callable[[], Splitter[Any]]] = {
    "lines": LineSplitter,
    "lines crlf": lambda: LineSplitter(line_ends="crlf"),
    "lines any": lambda: LineSplitter(line_ends="any"),
    "lines bounded": lambda: LineSplitter(max_buffer=5),
    "lines any bounded": lambda: LineSplitter(max_buffer=5, line_ends="any"),
    "json": JSONSplitter,
    "json bounded": lambda: JSONSplitter(max_buffer=8),
    "json lines": JSONLinesSplitter,
    "sse": SSESplitter,
    "sse unterminated": lambda: SSESplitter(deliver_unterminated=True),
    "sse bounded": lambda: SSESplitter(max_buffer=10),
    "tokens": TokenSplitter,
    "tokens tgi": lambda: TokenSplitter("tgi"),
}
TEXTS: dict[str, Callable[[], Splitter[str]]] = {
    "strict": TextSplitter,
    "replace": lambda: TextSplitter(errors="replace"),
    "ignore": lambda: TextSplitter(errors="ignore"),
    "backslashreplace": lambda: TextSplitter(errors="backslashreplace"),
    "surrogateescape": lambda: TextSplitter(errors="surrogateescape"),
}

# Payloads made of what means something to some framing, with noise between.
PIECES = st.sampled_from(
    [
        b"\n", b"\r", b"\r\n", b"\n\n", b"data:", b"data: ", b"event: error", b"id: 1", b"retry: 5", b":", b" ", b"\t",
        b"{", b"}", b"[", b"]", b'"', b"\\", b"\\u00e9", b",", b"1", b"null", b"[DONE]", b'{"a": "b"}', b"[1, [2]]",
        b'{"token": {"text": "x", "logprob": 0}}', b'{"generated_text": "y"}', b'{"error": "z"}', b'{"outputs": ["o"]}',
        b'{"choices": [{"text": "t", "finish_reason": "stop"}]}',
        "é".encode(), "日本".encode(), "🌍".encode(), b"\xef\xbb\xbf", b"\xff", b"\xe6\x97", b"\0",
    ]
)  # fmt: skip
PAYLOADS = st.lists(PIECES | st.binary(max_size=3), max_size=14).map(b"".join)


@st.composite
def slices_of(draw: st.DrawFn, payloads: st.SearchStrategy[bytes] = PAYLOADS) -> tuple[bytes, list[bytes]]:
    """Draw a payload, and slices that make it up, empty ones among them."""
    payload = draw(payloads)
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=12)))
    return payload, [payload[start:end] for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True)]


def outcome(splitter: Splitter[Any], slices: list[bytes]) -> tuple[list[Any], tuple[object, ...] | None]:
    """Return the records, and what is told of the error that ended them."""
    records: list[Any] = []
    try:
        for data in slices:
            records.extend(splitter.feed(data))
        records.extend(splitter.finish())
    except StreamError as error:
        return records, (type(error), error.message)
    return records, None


@pytest.mark.parametrize("name", SPLITTERS)
@settings(max_examples=150, deadline=None)
@given(case=slices_of())
def test_slices_give_the_records_and_the_error_of_the_whole(name: str, case: tuple[bytes, list[bytes]]) -> None:
    payload, slices = case
    make = SPLITTERS[name]
    whole = outcome(make(), [payload])
    parts = outcome(make(), slices)
    if getattr(whole[0][0] if whole[0] else None, "raw", 0) is None:  # plain text comes in the pieces it is cut into
        whole, parts = ("".join(map(str, whole[0])), whole[1]), ("".join(map(str, parts[0])), parts[1])  # type: ignore[assignment]
    assert repr(parts) == repr(whole)


@pytest.mark.parametrize("errors", TEXTS)
@settings(max_examples=150, deadline=None)
@given(case=slices_of())
def test_text_is_what_python_makes_of_the_whole(errors: str, case: tuple[bytes, list[bytes]]) -> None:
    payload, slices = case
    pieces, error = outcome(TEXTS[errors](), slices)
    assert "" not in pieces
    try:
        expected, invalid_at = payload.decode(errors=errors), None
    except UnicodeDecodeError as invalid:
        expected, invalid_at = payload[: invalid.start].decode(), invalid.start
    assert "".join(pieces) == expected
    assert (error is None) == (invalid_at is None)
    assert error == outcome(TEXTS[errors](), [payload])[1]


@settings(max_examples=200, deadline=None)
@given(case=slices_of())
def test_lines_are_those_that_splitting_the_whole_gives(case: tuple[bytes, list[bytes]]) -> None:
    payload, slices = case
    expected = payload.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert outcome(LineSplitter(), slices) == (expected, None)
    # Python splits bytes at exactly CR, LF and CR LF.
    assert outcome(LineSplitter(line_ends="any"), slices) == (payload.splitlines(), None)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), values=st.lists(JSON_VALUES, max_size=5), ascii_only=st.booleans())
def test_json_values_come_back_as_they_were(data: st.DataObject, values: list[Any], ascii_only: bool) -> None:
    texts = [json.dumps(value, ensure_ascii=ascii_only) for value in values]
    _, slices = data.draw(slices_of(st.just(encoded("\n".join(texts)))))
    assert outcome(JSONLinesSplitter(), slices) == (json.loads(f"[{','.join(texts)}]"), None)
    spaces = data.draw(st.lists(st.sampled_from([" ", "\n", "\r\n", "\t "]), min_size=len(texts), max_size=len(texts)))
    _, slices = data.draw(slices_of(st.just(encoded("".join(map("".join, zip(texts, spaces, strict=True)))))))
    assert outcome(JSONSplitter(), slices) == (json.loads(f"[{','.join(texts)}]"), None)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), values=st.lists(st.lists(JSON_VALUES, max_size=3) | st.text(), max_size=5))
def test_json_lists_and_strings_need_nothing_between_them(data: st.DataObject, values: list[Any]) -> None:
    _, slices = data.draw(slices_of(st.just("".join(map(json.dumps, values)).encode())))
    assert outcome(JSONSplitter(), slices) == (json.loads(json.dumps(values)), None)


def encoded(text: str) -> bytes:
    """Return UTF-8; what JSON text may hold and UTF-8 may not becomes a question mark."""
    return text.encode(errors="replace")


LINES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=10)


@settings(max_examples=200, deadline=None)
@given(
    data=st.data(),
    events=st.lists(st.tuples(st.lists(LINES, min_size=1, max_size=3), LINES), max_size=4),
    end=st.sampled_from(["\n", "\r", "\r\n"]),
    space=st.sampled_from(["", " "]),
)
def test_server_sent_events_come_back_as_they_were(
    data: st.DataObject, events: list[tuple[list[str], str]], end: str, space: str
) -> None:
    def field(name: str, value: str) -> str:
        # A value that itself begins with a space needs the one that is taken away.
        return f"{name}:{' ' if value.startswith(' ') else space}{value}{end}"

    text = "".join(
        field("event", kind) + "".join(field("data", line) for line in lines) + f": comment{end}{end}"
        for lines, kind in events
    )
    _, slices = data.draw(slices_of(st.just(text.encode())))
    expected = [ServerSentEvent("\n".join(lines), kind or "message") for lines, kind in events]
    assert outcome(SSESplitter(), slices) == (expected, None)


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture["name"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_dialect_reads_its_fixture_however_it_is_cut(fixture: dict[str, Any], data: st.DataObject) -> None:
    _, slices = data.draw(slices_of(st.just(fixture["payload"].encode())))
    splitter = TokenSplitter()
    tokens, error = outcome(splitter, slices)
    assert error is None
    assert (
        "".join(token.text for token in tokens if not (token.special or token.choice))
        == fixture["text"]
        == splitter.result.text
    )
    assert (splitter.result.finish_reason, splitter.result.usage) == (fixture["finish_reason"], fixture["usage"])
    assert splitter.dialect is not None
    assert splitter.dialect.name == fixture["dialect"]


@settings(max_examples=300, deadline=None)
@given(
    payload=PAYLOADS,
    dialect=st.sampled_from([None, "openai-chat", "openai-completions", "tgi", "lmi", "jumpstart", "raw"]),
)
def test_no_payload_makes_anything_but_tokens_or_a_documented_error(payload: bytes, dialect: str | None) -> None:
    outcome(TokenSplitter(dialect), [payload])


@settings(max_examples=300, deadline=None)
@given(
    record=JSON_VALUES
    | st.dictionaries(
        st.sampled_from(
            ["choices", "token", "outputs", "generated_text", "details", "error", "usage", "object", "index"]
        ),
        JSON_VALUES
        | st.lists(
            st.dictionaries(st.sampled_from(["delta", "text", "index", "logprobs", "finish_reason"]), JSON_VALUES)
        )
        | st.dictionaries(
            st.sampled_from(["text", "id", "logprob", "special", "finish_reason", "input_length"]), JSON_VALUES
        ),
    ),
    dialect=st.sampled_from([None, "openai-chat", "openai-completions", "tgi", "lmi", "jumpstart"]),
)
def test_no_record_makes_anything_but_tokens_or_a_documented_error(record: Any, dialect: str | None) -> None:
    tokens, _ = outcome(TokenSplitter(dialect), [b"data: " + encoded(json.dumps(record)) + b"\n\n"])
    assert all(isinstance(token.text, str) for token in tokens)
