"""The splitters and the iterators over them: the same records and the same error however the payload is cut.

The first byte of an input chooses the options, the second the size of the slices; the rest is the payload.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

from sagemaker_async.errors import InBandError, RecordTooLongError, StreamDecodeError, StreamError, StreamIncomplete
from sagemaker_async.iterators import (
    JSONIterator,
    JSONLinesIterator,
    LineIterator,
    SSEIterator,
    StreamIterator,
    TextIterator,
    TokenIterator,
)
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
from sagemaker_async.records.dialects import DIALECTS

from .target import Check, Target, plain, vectors

__all__ = ["TARGETS"]

_BOUNDS: tuple[dict[str, Any], ...] = ({}, {"max_buffer": 16}, {"max_buffer": 3})
_LINE_OPTIONS = tuple({"line_ends": ends, **bound} for ends in ("lf", "crlf", "any") for bound in _BOUNDS)
_SSE_OPTIONS = tuple({"deliver_unterminated": deliver, **bound} for deliver in (False, True) for bound in _BOUNDS)
_TEXT_OPTIONS = tuple(
    {"errors": errors} for errors in ("strict", "replace", "ignore", "backslashreplace", "surrogateescape")
)
_TOKEN_OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    *({"dialect": name} for name in DIALECTS),
    {"allow_incomplete": True},
    {"max_buffer": 64},
    {"keep_partial": 3},
)

Outcome = tuple[list[Any], type[StreamError] | None, str]


def checked(
    splitter: Callable[..., Splitter[Any]],
    iterator: Callable[..., StreamIterator[Any]],
    options: tuple[dict[str, Any], ...],
    errors: tuple[type[StreamError], ...],
    promise: Callable[[bytes, dict[str, Any], Outcome], None],
    *,
    joined: bool = False,
) -> Check:
    """Return the check of one splitter.

    Args:
        splitter: makes it.
        iterator: makes the iterator over it.
        options: what both are made with.
        errors: what may be raised.
        promise: takes payload, options and outcome, and asserts what else holds of them.
        joined: whether records are text in the pieces it came in, which count as joined together.
    """

    def outcome(options: dict[str, Any], slices: list[bytes]) -> Outcome:
        made = splitter(**options)
        records: list[Any] = []
        try:
            for data in slices:
                records.extend(made.feed(data))
                assert len(made.undelivered) <= 1024
            records.extend(made.finish())
        except errors as error:
            assert len(error.undelivered) <= 1024
            return _joined(records, joined), type(error), error.message
        return _joined(records, joined), None, ""

    def check(data: bytes) -> None:
        if len(data) < 2:
            return
        chosen, size, payload = options[data[0] % len(options)], data[1] or 1, data[2:]
        whole = outcome(chosen, [payload])
        for length in {1, size}:
            slices = [payload[at : at + length] for at in range(0, len(payload), length)]
            # By their repr: NaN is not equal to itself, and 1 is to True.
            assert repr(outcome(chosen, slices)) == repr(whole), length
            assert repr(_iterated(iterator, chosen, slices, joined)) == repr(whole), length
        promise(payload, chosen, whole)

    return check


def _joined(records: list[Any], joined: bool) -> list[Any]:
    if joined and records and (isinstance(records[0], str) or getattr(records[0], "raw", 0) is None):
        return ["".join(map(str, records))]
    return records


def _iterated(
    iterator: Callable[..., StreamIterator[Any]], options: dict[str, Any], slices: list[bytes], joined: bool
) -> Outcome:
    """Read an iterator to its end; nothing in it waits, so that no event loop is needed."""

    async def events() -> AsyncIterator[bytes]:
        for data in slices:
            yield data

    records: list[Any] = []

    async def read() -> None:
        async with iterator(events(), **options) as opened:
            async for record in opened:
                records.append(record)  # noqa: PERF401 - those before an error count

    try:
        read().send(None)
    except StopIteration:
        return _joined(records, joined), None, ""
    except StreamError as error:
        assert error.bytes_received <= sum(map(len, slices))
        return _joined(records, joined), type(error), error.message
    raise AssertionError("the iterator waits for something")


# --- what else holds -------------------------------------------------------------------------------------------------


def _lines(payload: bytes, options: dict[str, Any], outcome: Outcome) -> None:
    lines, error, _ = outcome
    ends = options["line_ends"]
    expected = payload.splitlines() if ends == "any" else payload.removesuffix(b"\n").split(b"\n") if payload else []
    if ends == "crlf":
        # A carriage return goes with the line feed behind it; the last line may have none.
        expected = [line.removesuffix(b"\r") for line in expected[:-1]] + [
            line.removesuffix(b"\r") if payload.endswith(b"\n") else line for line in expected[-1:]
        ]
    assert lines == expected[: len(lines)]
    assert len(lines) == len(expected) or error is RecordTooLongError
    assert all(len(line) <= options.get("max_buffer", len(line)) for line in lines)


def _text(payload: bytes, options: dict[str, Any], outcome: Outcome) -> None:
    (text,), error = outcome[0] or [""], outcome[1]
    try:
        expected = payload.decode(errors=options["errors"])
    except UnicodeDecodeError as invalid:
        assert error is (StreamIncomplete if invalid.reason == "unexpected end of data" else StreamDecodeError)
        expected = payload[: invalid.start].decode()
    else:
        assert error is None
    assert text == expected


def _json_lines(payload: bytes, options: dict[str, Any], outcome: Outcome) -> None:
    values, error, _ = outcome
    if error is None:
        lines = payload.removeprefix(codecs.BOM_UTF8).split(b"\n")
        expected = [json.loads(line.decode()) for line in lines if line and not line.isspace()]
        assert repr(values) == repr(expected)


def _json(payload: bytes, options: dict[str, Any], outcome: Outcome) -> None:
    values, error, _ = outcome
    if error is None:
        rest = payload.removeprefix(codecs.BOM_UTF8).decode()
        expected = []
        while rest := rest.lstrip(" \t\r\n"):
            value, end = json.JSONDecoder().raw_decode(rest)
            expected.append(value)
            rest = rest[end:]
        assert repr(values) == repr(expected)


def _events(payload: bytes, options: dict[str, Any], outcome: Outcome) -> None:
    events, error, _ = outcome
    expected = _events_of(payload, deliver_unterminated=options["deliver_unterminated"])
    assert events == expected[: len(events)]
    assert len(events) == len(expected) or error is RecordTooLongError


def _events_of(payload: bytes, *, deliver_unterminated: bool) -> list[ServerSentEvent]:
    """Read server-sent events as the WHATWG's text says it, over the whole payload at once."""
    events: list[ServerSentEvent] = []
    data: list[str] = []
    kind, last_id, retry = "", "", None
    lines = payload.removeprefix(codecs.BOM_UTF8).splitlines(keepends=True)
    if deliver_unterminated:
        lines.append(b"\n")
    elif lines and not lines[-1].endswith((b"\n", b"\r")):
        lines.pop()
    for line in lines:
        name, _, value = line.rstrip(b"\r\n").decode(errors="replace").partition(":")
        value = value.removeprefix(" ")
        if not line.rstrip(b"\r\n"):
            if data:
                events.append(ServerSentEvent("\n".join(data), kind or "message", last_id, retry))
                retry = None
            data, kind = [], ""
        elif name == "data":
            data.append(value)
        elif name == "event":
            kind = value
        elif name == "id" and "\0" not in value:
            last_id = value
        elif name == "retry" and value.isascii() and value.isdigit() and len(value) <= 18:
            retry = int(value)
    return events


def _tokens(payload: bytes, options: dict[str, Any], outcome: Outcome) -> None:
    if outcome[0] and isinstance(outcome[0][0], str):
        return
    for index, token in enumerate(outcome[0]):
        assert token.index == index
        assert isinstance(token.text, str)
        assert isinstance(token.choice, int)
        assert isinstance(token.special, bool)
        assert isinstance(token.finish_reason, str | None)
        assert isinstance(token.reasoning, str)
        for piece in token.tool_calls:
            assert isinstance(piece.index, int)
            assert isinstance(piece.arguments, str)


# --- seeds -----------------------------------------------------------------------------------------------------------


def _with_options(payloads: Callable[[], Iterator[bytes]], count: int) -> Iterator[bytes]:
    for number, payload in enumerate(payloads()):
        yield bytes((number % count, 5)) + payload
    for number in range(count):
        yield bytes((number, 2)) + next(payloads())


def _line_payloads() -> Iterator[bytes]:
    yield b"one\ntwo\r\n\n\rthree\r\r\nlast"
    yield b"0123456789abcdef\n0123456789abcdefg\n"
    yield b"\n\n\n"


def _text_payloads() -> Iterator[bytes]:
    yield "Grüße 日本 🌍 \ufeff".encode()
    yield b"a\xffb\xe6\x97c\xed\xa0\x80\xf0\x9f"


def _json_payloads() -> Iterator[bytes]:
    yield b'{"a": [1, 2.5e3, null, true], "b": "\\u00e9\\"\\\\"}\n[]\n"s"\n12\n'
    yield b'\xef\xbb\xbf{"a":{"b":[{}]}}[1]"x" 1 NaN -Infinity'
    yield b'{"a": '
    yield b"]}"
    yield b'"\\ud800" "' + "é".encode() + b'"'


def _sse_payloads() -> Iterator[bytes]:
    for row in vectors("sse"):
        yield row["payload"].encode()


def _token_payloads() -> Iterator[bytes]:
    for row in vectors("dialects"):
        yield row["payload"].encode()[:900]
    yield b'{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"total_tokens":1}}'
    yield (
        b'{"token":{"id":1,"text":"a","logprob":-0.1,"special":false},"generated_text":"a","details":{"finish_reason":'
        b'"length","generated_tokens":1,"input_length":2}}'
    )
    yield b'data: {"error":{"message":"no","code":400,"type":"bad"}}\n\n'
    yield b'event: error\ndata: {"object":"error","message":"no"}\n\n'
    yield b'{"outputs":["a","b"]}\n{"outputs":"c"}'
    yield b'[{"generated_text":"a"},{"generated_text":"b"}]'
    yield b": comment\n\ndata: [DONE]\n\n"
    yield b'{"choices":[{"index":"a","delta":{"content":"x"},"finish_reason":["stop"]}],"usage":[1]}'
    yield (
        b'{"token":{"id":"1","text":"a","logprob":"b"},"index":0,"details":{"finish_reason":{},"generated_tokens":[]}}'
    )


_JSON_WORDS = (b'{"', b'":', b'"}', b"[", b"]", b"\\u00e9", b"\\ud800", b"null", b"true", b"1e5", b"NaN", b"\n")
_SSE_WORDS = (b"data:", b"event:", b"id:", b"retry:", b"\n\n", b"\r\n", b": ", b"\xef\xbb\xbf", b"[DONE]", b"error")
_TOKEN_WORDS = (
    *_JSON_WORDS,
    *_SSE_WORDS,
    *(
        f'"{name}"'.encode()
        for name in (
            "choices", "delta", "message", "content", "text", "finish_reason", "index", "logprobs", "token_logprobs",
            "usage", "token", "id", "logprob", "log_prob", "special", "special_token", "generated_text", "details",
            "generated_tokens", "input_length", "prompt_tokens", "outputs", "error", "error_type", "object", "code",
            "reasoning", "reasoning_content", "refusal", "tool_calls", "function_call", "function", "name", "arguments",
            "tokens", "top_logprobs", "top_tokens",
        )
    ),
)  # fmt: skip

_JSON_ERRORS = (StreamDecodeError, StreamIncomplete, RecordTooLongError)
_TOKEN_ERRORS = (*_JSON_ERRORS, InBandError)


def _target(
    name: str,
    splitter: Callable[..., Splitter[Any]],
    iterator: Callable[..., StreamIterator[Any]],
    options: tuple[dict[str, Any], ...],
    errors: tuple[type[StreamError], ...],
    promise: Callable[[bytes, dict[str, Any], Outcome], None],
    payloads: Callable[[], Iterator[bytes]],
    words: tuple[bytes, ...] = (),
) -> Target:
    check = checked(splitter, iterator, options, errors, promise, joined=name in ("text", "tokens"))
    return Target(name=name, open=plain(check), seeds=partial(_with_options, payloads, len(options)), words=words)


TARGETS = (
    _target(
        "lines", LineSplitter, LineIterator, _LINE_OPTIONS, (RecordTooLongError,), _lines, _line_payloads, (b"\r\n",)
    ),
    _target(
        "text", TextSplitter, TextIterator, _TEXT_OPTIONS, (StreamDecodeError, StreamIncomplete), _text, _text_payloads
    ),
    _target(
        "json-lines",
        JSONLinesSplitter,
        JSONLinesIterator,
        _BOUNDS,
        _JSON_ERRORS,
        _json_lines,
        _json_payloads,
        _JSON_WORDS,
    ),
    _target("json", JSONSplitter, JSONIterator, _BOUNDS, _JSON_ERRORS, _json, _json_payloads, _JSON_WORDS),
    _target("sse", SSESplitter, SSEIterator, _SSE_OPTIONS, (RecordTooLongError,), _events, _sse_payloads, _SSE_WORDS),
    _target(
        "tokens", TokenSplitter, TokenIterator, _TOKEN_OPTIONS, _TOKEN_ERRORS, _tokens, _token_payloads, _TOKEN_WORDS
    ),
)
