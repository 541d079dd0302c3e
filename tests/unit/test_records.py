"""The splitters of lines, text and JSON: plain values in and out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from sagemaker_async.errors import (
    ConfigurationError,
    RecordTooLongError,
    StreamDecodeError,
    StreamError,
    StreamIncomplete,
)
from sagemaker_async.records import (
    JSONLinesSplitter,
    JSONSplitter,
    KeptText,
    LineSplitter,
    Room,
    Splitter,
    SSESplitter,
    TextSplitter,
    TokenSplitter,
)


def outcome(splitter: Splitter[Any], slices: Iterable[bytes]) -> tuple[list[Any], StreamError | None]:
    """Return the records, and the error that ended them."""
    records: list[Any] = []
    try:
        for data in slices:
            records.extend(splitter.feed(data))
        records.extend(splitter.finish())
    except StreamError as error:
        return records, error
    return records, None


def cuts(payload: bytes) -> list[list[bytes]]:
    """Return the payload whole, in single bytes, cut in two at every offset, and with empty slices between."""
    single = [payload[at : at + 1] for at in range(len(payload))]
    return [
        [payload],
        single,
        [b"", *(part for byte in single for part in (byte, b""))],
        *([payload[:at], payload[at:]] for at in range(len(payload) + 1)),
    ]


def assert_records(make: Callable[[], Splitter[Any]], payload: bytes, expected: list[Any]) -> None:
    for slices in cuts(payload):
        assert outcome(make(), slices) == (expected, None), slices


def assert_error(
    make: Callable[[], Splitter[Any]], payload: bytes, expected: list[Any], kind: type[StreamError]
) -> StreamError:
    for slices in cuts(payload):
        records, error = outcome(make(), slices)
        assert records == expected, slices
        assert type(error) is kind, slices
    assert error is not None
    return error


class TestLines:
    @pytest.mark.parametrize(
        ("payload", "lines"),
        [
            (b"", []),
            (b"\n", [b""]),
            (b"a", [b"a"]),
            (b"a\n", [b"a"]),
            (b"a\nb", [b"a", b"b"]),
            (b"a\n\n\nb\n\n", [b"a", b"", b"", b"b", b""]),
            (b"a\r\nb\r", [b"a\r", b"b\r"]),
            ("zwölf\n日本\n".encode(), ["zwölf".encode(), "日本".encode()]),
        ],
    )
    def test_lines_end_at_line_feeds_wherever_the_payload_is_cut(self, payload: bytes, lines: list[bytes]) -> None:
        assert_records(LineSplitter, payload, lines)

    @pytest.mark.parametrize(
        ("payload", "lines"),
        [
            (b"a\r\nb\nc\r\n", [b"a", b"b", b"c"]),
            (b"a\r\r\n\r\n", [b"a\r", b""]),
            (b"a\rb", [b"a\rb"]),
            (b"a\r", [b"a\r"]),
        ],
    )
    def test_crlf_removes_one_carriage_return_before_the_line_feed(self, payload: bytes, lines: list[bytes]) -> None:
        assert_records(lambda: LineSplitter(line_ends="crlf"), payload, lines)

    @pytest.mark.parametrize(
        ("payload", "lines"),
        [
            (b"a\rb\nc\r\nd", [b"a", b"b", b"c", b"d"]),
            (b"a\r\r\n\n\r", [b"a", b"", b"", b""]),
            (b"\r\n\r\n", [b"", b""]),
            (b"a\n\rb", [b"a", b"", b"b"]),
            (b"\na", [b"", b"a"]),
        ],
    )
    def test_any_ends_lines_at_cr_lf_and_both(self, payload: bytes, lines: list[bytes]) -> None:
        assert_records(lambda: LineSplitter(line_ends="any"), payload, lines)

    def test_a_lone_carriage_return_ends_its_line_at_once(self) -> None:
        splitter = LineSplitter(line_ends="any")
        assert list(splitter.feed(b"a\r")) == [b"a"]
        assert list(splitter.feed(b"")) == []
        assert list(splitter.feed(b"\nb\n")) == [b"b"]

    def test_the_limit_is_on_one_line_and_not_on_the_stream(self) -> None:
        assert_records(lambda: LineSplitter(max_buffer=3), b"abc\n" * 5 + b"abc", [b"abc"] * 6)

    @pytest.mark.parametrize("end", [b"", b"\n", b"\nabc\n"])
    def test_a_longer_line_is_refused_after_the_lines_before_it(self, end: bytes) -> None:
        error = assert_error(
            lambda: LineSplitter(max_buffer=3), b"abc\n\nabcd" + end, [b"abc", b""], RecordTooLongError
        )
        assert "max_buffer (3 bytes)" in str(error)

    def test_an_endless_line_is_refused_at_the_limit_and_not_later(self) -> None:
        splitter = LineSplitter(max_buffer=1000)
        for _ in range(1000):
            assert list(splitter.feed(b"x")) == []
        with pytest.raises(RecordTooLongError):
            list(splitter.feed(b"x"))
        assert splitter.undelivered.startswith(b"xxx")

    def test_unknown_line_ends_are_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="line_ends must be one of lf, crlf, any"):
            LineSplitter(line_ends="cr")  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [LineSplitter, JSONLinesSplitter, JSONSplitter, SSESplitter, TokenSplitter])
@pytest.mark.parametrize("limit", [0, -1, True, 1.5, None, "1"])
def test_a_limit_that_is_no_positive_int_is_refused(make: Callable[..., object], limit: object) -> None:
    with pytest.raises(ConfigurationError, match="max_buffer must be an int of at least 1"):
        make(max_buffer=limit)


class TestText:
    @staticmethod
    def text(errors: Any, slices: list[bytes]) -> str:
        pieces, error = outcome(TextSplitter(errors=errors), slices)
        assert error is None
        assert "" not in pieces
        return "".join(pieces)

    @pytest.mark.parametrize("errors", ["strict", "replace", "ignore", "backslashreplace", "surrogateescape"])
    def test_characters_survive_any_cut(self, errors: str) -> None:
        text = "a é 日本 🌍\r\n\ufeff\0"
        for slices in cuts(text.encode()):
            assert self.text(errors, slices) == text

    @pytest.mark.parametrize("errors", ["replace", "ignore", "backslashreplace", "surrogateescape"])
    @pytest.mark.parametrize("payload", [b"a\xffb", b"\xe6\x97", b"\xf0\x9f\x8cx", b"\xed\xa0\x80", b"ok\xc3"])
    def test_lenient_policies_do_as_python_does_to_the_whole(self, errors: str, payload: bytes) -> None:
        for slices in cuts(payload):
            assert self.text(errors, slices) == payload.decode(errors=errors)

    @pytest.mark.parametrize("payload", [b"ab\xff\xfe cd", b"ab\xed\xa0\x80", b"ab\xf0\x9f\x8cx"])
    def test_strict_raises_after_the_text_before_the_fault(self, payload: bytes) -> None:
        for slices in cuts(payload):
            pieces, error = outcome(TextSplitter(), slices)
            assert "".join(pieces) == "ab"
            assert isinstance(error, StreamDecodeError)
            assert "not UTF-8 at byte 2" in str(error)
            assert error.undelivered[:1] == payload[2:3]

    def test_strict_raises_when_the_end_cuts_a_character(self) -> None:
        for slices in cuts("ab日".encode()[:-1]):
            pieces, error = outcome(TextSplitter(), slices)
            assert "".join(pieces) == "ab"
            assert isinstance(error, StreamIncomplete)
            assert error.undelivered == "日".encode()[:-1]

    @pytest.mark.parametrize("errors", ["xmlcharrefreplace", "nonsense", None, ""])
    def test_an_unknown_policy_is_refused(self, errors: Any) -> None:
        with pytest.raises(ConfigurationError, match="errors must be one of strict, replace"):
            TextSplitter(errors=errors)

    def test_kept_text_stops_at_its_limit_and_says_so(self) -> None:
        kept = KeptText(Room(5))
        kept.add("abc")
        assert (str(kept), kept.truncated) == ("abc", False)
        kept.add("de")
        assert (str(kept), kept.truncated) == ("abcde", False)
        kept.add("fg")
        kept.add("h")
        assert (str(kept), kept.truncated) == ("abcde", True)

    def test_no_text_needs_to_be_kept(self) -> None:
        splitter = TextSplitter(keep_partial=0)
        assert list(splitter.feed(b"abc")) == ["abc"]
        assert splitter.text == ""


JSON_PAYLOADS: list[tuple[str, list[Any]]] = [
    ("", []),
    (" \r\n\t ", []),
    ('{"a": 1}', [{"a": 1}]),
    ('{"a":1}{"b":[2]}[3,[4]][]{}', [{"a": 1}, {"b": [2]}, [3, [4]], [], {}]),
    ('\n{"a":"}{"} \r\n {"b":"]\\"["}\n', [{"a": "}{"}, {"b": ']"['}]),
    ('{"a\\\\":"\\\\"}{"\\"":"\\\\\\""}', [{"a\\": "\\"}, {'"': '\\"'}]),
    ('"one""two" "thr\\"ee"', ["one", "two", 'thr"ee']),
    ("1 -2.5e3\ttrue\nfalse null 0", [1, -2500.0, True, False, None, 0]),
    ('12"a"3[4]5{"b":6}7', [12, "a", 3, [4], 5, {"b": 6}, 7]),
    ('{"日":"本🌍\\u00e9"}"é"', [{"日": "本🌍é"}, "é"]),
    ('\ufeff{"a":1}\n', [{"a": 1}]),
    ("\ufeff 1", [1]),
    ('{\n "a": [\n  1\n ]\n}\n{\n}', [{"a": [1]}, {}]),
]


class TestJSON:
    @pytest.mark.parametrize(("text", "values"), JSON_PAYLOADS)
    def test_values_follow_each_other_with_or_without_white_space(self, text: str, values: list[Any]) -> None:
        assert_records(JSONSplitter, text.encode(), values)

    def test_a_value_is_given_as_soon_as_its_last_byte_is_there(self) -> None:
        splitter = JSONSplitter()
        assert list(splitter.feed(b'{"a": "x')) == []
        assert list(splitter.feed(b'y"}')) == [{"a": "xy"}]
        assert splitter.undelivered == b""

    def test_not_a_number_and_infinity_are_floats(self) -> None:
        values, error = outcome(JSONSplitter(), [b"[NaN, Infinity]-Infinity "])
        assert error is None
        assert math.isnan(values[0][0])
        assert (values[0][1], values[1]) == (math.inf, -math.inf)

    @pytest.mark.parametrize(
        "fault",
        [
            b'{"a": }', b"{]", b"}", b"]x", b"nope ", b"truefalse ", b"01 ", b"1,2 ", b"? ", b'{"a":1,}', b'"\n"',
            b"\xff ", b'{"a":"\xff"}', b"1" * 5000 + b" ",
        ],
        ids=lambda fault: repr(fault[:12]),
    )  # fmt: skip
    def test_what_is_not_json_is_an_error_after_the_values_before_it(self, fault: bytes) -> None:
        whole, single = [b"{} " + fault], [b"{} ", *(fault[at : at + 1] for at in range(len(fault)))]
        for slices in (whole, single):
            values, error = outcome(JSONSplitter(), slices)
            assert values == [{}]
            assert type(error) is StreamDecodeError
            assert str(error).startswith("JSON value 2 is not JSON: ")
            assert fault.startswith(error.undelivered[:1])

    def test_too_deep_a_nesting_is_a_documented_error(self) -> None:
        _, error = outcome(JSONSplitter(), [b"[" * 200_000 + b"]" * 200_000])
        assert type(error) is StreamDecodeError
        assert "nested too deeply" in str(error)

    @pytest.mark.parametrize("cut", [b'{"a"', b"[1, ", b'"abc', b"tru", b"-", b'{"a": "\\', b"\xe2"])
    def test_an_end_inside_a_value_is_an_error(self, cut: bytes) -> None:
        error = assert_error(JSONSplitter, b"[0]" + cut, [[0]], StreamIncomplete)
        assert error.undelivered == cut

    def test_the_limit_is_on_one_value_and_not_on_the_stream(self) -> None:
        assert_records(lambda: JSONSplitter(max_buffer=4), b"[12] " * 5 + b"     1234", [[12]] * 5 + [1234])

    @pytest.mark.parametrize("value", [b"[123]", b"12345", b'"abc"', b'"abcdefgh'])
    def test_a_longer_value_is_refused(self, value: bytes) -> None:
        assert_error(lambda: JSONSplitter(max_buffer=4), b"[] " + value, [[]], RecordTooLongError)

    def test_an_endless_value_is_refused_at_the_limit_and_not_later(self) -> None:
        splitter = JSONSplitter(max_buffer=1000)
        assert list(splitter.feed(b'"' + b"x" * 999)) == []
        with pytest.raises(RecordTooLongError, match="JSON value"):
            list(splitter.feed(b"x"))
        assert splitter.undelivered.startswith(b'"xxx')


class TestJSONLines:
    @pytest.mark.parametrize(
        ("payload", "values"),
        [
            (b"", []),
            (b'{"a":1}\n{"b":2}\n', [{"a": 1}, {"b": 2}]),
            (b'{"a":1}\r\n\r\n \n[2]', [{"a": 1}, [2]]),
            ('\ufeff"日"\n1\nnull'.encode(), ["日", 1, None]),
            (b"\xef\xbb\xbf\n1", [1]),
        ],
    )
    def test_each_line_is_a_value_and_blank_lines_are_skipped(self, payload: bytes, values: list[Any]) -> None:
        assert_records(JSONLinesSplitter, payload, values)

    @pytest.mark.parametrize("line", [b"{", b"{} {}", b"\xff", b"nope"])
    def test_a_line_that_is_not_json_is_named(self, line: bytes) -> None:
        error = assert_error(JSONLinesSplitter, b"1\n\n" + line + b"\n2\n", [1], StreamDecodeError)
        assert "line 3 is not JSON" in str(error)
        assert error.undelivered == line

    def test_a_last_line_that_the_end_cut_is_incomplete(self) -> None:
        error = assert_error(JSONLinesSplitter, b'1\n{"a":', [1], StreamIncomplete)
        assert error.undelivered == b'{"a":'

    def test_a_longer_line_is_refused(self) -> None:
        assert_error(lambda: JSONLinesSplitter(max_buffer=4), b"1234\n12345\n", [1234], RecordTooLongError)


class TestWorkIsLinear:
    SIZE = 200_000

    @pytest.mark.parametrize(
        ("make", "before", "unit"),
        [
            (LineSplitter, b"", b"x"),
            (lambda: LineSplitter(line_ends="any"), b"", b"x"),
            (JSONSplitter, b'["', b"x"),
            (JSONSplitter, b'["', b"\\\\"),
            (JSONSplitter, b"[", b"[],"),
            (JSONSplitter, b"", b"1"),
            (JSONSplitter, b"", b" "),
            (TextSplitter, b"", b"\xf0\x9f\x8c\x8d"),
            (SSESplitter, b"", b"data:\n"),
            (lambda: TokenSplitter("tgi"), b"", b" "),
            (lambda: TokenSplitter("tgi"), b":", b"x"),
        ],
    )
    def test_bytes_one_by_one_are_looked_at_a_bounded_number_of_times(
        self, make: Callable[[], Splitter[Any]], before: bytes, unit: bytes
    ) -> None:
        payload = before + unit * (self.SIZE // len(unit))
        splitter = make()
        begun = time.process_time()
        for at in range(len(payload)):
            for _ in splitter.feed(payload[at : at + 1]):
                pass
        # Linear work takes some 0.1 s; if every byte looked at all those before it, it would be many seconds.
        assert time.process_time() - begun < 2
