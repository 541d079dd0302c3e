"""Server-sent events, by the examples and rules of the WHATWG's specification."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async.errors import RecordTooLongError
from sagemaker_async.records import ServerSentEvent, SSESplitter

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "sse.json").read_text())


def events_of(slices: Iterable[bytes], **options: Any) -> list[ServerSentEvent]:
    splitter = SSESplitter(**options)
    events = [event for data in slices for event in splitter.feed(data)]
    return [*events, *splitter.finish()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_events_are_those_of_the_specification_wherever_the_payload_is_cut(case: dict[str, Any]) -> None:
    payload = case["payload"].encode()
    expected = [ServerSentEvent(**event) for event in case["events"]]
    assert events_of([payload]) == expected
    assert events_of(payload[at : at + 1] for at in range(len(payload))) == expected
    for at in range(len(payload)):
        assert events_of([payload[:at], payload[at:]]) == expected, at


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_line_ends_may_be_of_any_kind(case: dict[str, Any]) -> None:
    expected = [ServerSentEvent(**event) for event in case["events"]]
    lines = case["payload"].encode().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for end in (b"\r", b"\r\n", b"\n"):
        assert events_of([lines.replace(b"\n", end)]) == expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"data: a", ["a"]),
        (b"data: a\n", ["a"]),
        (b"data: a\r", ["a"]),
        (b"data: a\n\n", ["a"]),
        (b"data: a\n\ndata: b\ndata: c", ["a", "b\nc"]),
        (b"data", [""]),
        (b"dat", []),
        (b"event: x", []),
        (b": comment", []),
        (b"\xef\xbb\xbfdata: a", ["a"]),
        (b"", []),
    ],
)
def test_an_unterminated_event_is_delivered_once_if_asked_for(payload: bytes, expected: list[str]) -> None:
    for at in range(len(payload) + 1):
        events = events_of([payload[:at], payload[at:]], deliver_unterminated=True)
        assert [event.data for event in events] == expected


def test_an_event_is_given_as_soon_as_its_blank_line_begins() -> None:
    splitter = SSESplitter()
    assert list(splitter.feed(b"data: a\r\n\r")) == [ServerSentEvent("a")]
    assert list(splitter.feed(b"\ndata: b\r\n")) == []
    assert splitter.undelivered == b"b\n"
    assert list(splitter.feed(b"\r")) == [ServerSentEvent("b")]


def test_invalid_utf8_becomes_replacement_characters() -> None:
    payload = b"data: a\xffb\xe6\x97\ndata: \xf0\x9f\nevent: \xc3\nid: \x80\n\n"
    expected = [ServerSentEvent("a\ufffdb\ufffd\n\ufffd", "\ufffd", "\ufffd")]
    assert expected[0].data == payload.decode(errors="replace")[6:].split("\nevent")[0].replace("\ndata: ", "\n")
    for at in range(len(payload)):
        assert events_of([payload[:at], payload[at:]]) == expected


@pytest.mark.parametrize("digits", [19, 5000])
def test_an_absurdly_long_retry_is_ignored(digits: int) -> None:
    assert events_of([b"retry: " + b"9" * digits + b"\ndata: a\n\n"]) == [ServerSentEvent("a")]
    assert events_of([b"retry: " + b"9" * 18 + b"\ndata: a\n\n"]) == [ServerSentEvent("a", retry=10**18 - 1)]


def test_a_number_in_another_field_is_no_retry() -> None:
    assert events_of([b"again: 5\ndata: a\n\n"]) == [ServerSentEvent("a")]


def test_an_endless_line_is_refused() -> None:
    splitter = SSESplitter(max_buffer=100)
    with pytest.raises(RecordTooLongError, match=r"line exceeds max_buffer \(100 bytes\)"):
        list(splitter.feed(b"data: a\n\n:" + b"x" * 200))


def test_an_endless_event_is_refused_after_the_events_before_it() -> None:
    splitter = SSESplitter(max_buffer=100)
    events = iter(splitter.feed(b"data: a\n\n" + b"data: 12345\n" * 30))
    assert next(events) == ServerSentEvent("a")
    with pytest.raises(RecordTooLongError, match=r"event exceeds max_buffer \(100 bytes\)"):
        next(events)
    assert splitter.undelivered.startswith(b"12345\n12345\n")


def test_the_limit_is_on_one_event_and_not_on_the_stream() -> None:
    assert len(events_of([b"data: 12345\ndata: 6789\n\n" * 50], max_buffer=11)) == 50


@pytest.mark.parametrize("before", [b"", b"data: a\n\n"])
def test_the_data_of_an_event_may_fill_the_limit_and_no_more(before: bytes) -> None:
    lines = b"data:" + b"data:".join(b"%d\n" % number for number in range(10))  # ten digits and nine line feeds
    assert events_of([before + lines + b"\n"], max_buffer=19)[-1].data == "0\n1\n2\n3\n4\n5\n6\n7\n8\n9"
    with pytest.raises(RecordTooLongError, match="event exceeds"):
        events_of([before + lines + b"\n"], max_buffer=18)
