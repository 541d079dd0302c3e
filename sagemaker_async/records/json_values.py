r"""JSON values out of slices: one per line, or one after the other.

Values are what `json.loads` makes of them (so ``NaN`` and ``Infinity``, which models do send, are floats). A byte order
mark at the very beginning is skipped (RFC 8259, section 8.1).
"""

from __future__ import annotations

import functools
import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from typing import Any, Final

from sagemaker_async import _lazy
from sagemaker_async.errors import MissingExtraError, RecordTooLongError, StreamDecodeError, StreamIncomplete

from ._bounds import MAX_BUFFER, UNDELIVERED_LIMIT, check_limit, faulty
from .lines import LineSplitter

__all__ = ["UNREADABLE", "JSONLinesSplitter", "JSONSplitter", "Loads", "fastest_loads", "load_json", "plain_loads"]


Loads = Callable[[bytes | bytearray], Any]
"""Reads JSON in UTF-8; raises ValueError or RecursionError for what it cannot read, which `load_json` then looks at."""

UNREADABLE: Final = object()
"""Stands for what a `Loads` could not read."""

_raw_decode = json.JSONDecoder().raw_decode


def plain_loads(source: bytes | bytearray) -> Any:
    """Return what JSON without white space around it holds, faster than `json.loads` does."""
    text = source.decode()
    value, end = _raw_decode(text)
    if end != len(text):
        raise ValueError("more than one value")
    return value


@functools.cache
def fastest_loads() -> Loads:
    """Return orjson's function where that is installed, else the standard library's way.

    They differ only in integers of more than 64 bits, which orjson reads as floats.
    """
    try:
        loads: Loads = _lazy.optional("orjson", "reading JSON faster").loads
    except MissingExtraError:
        return plain_loads
    return loads


def load_json(source: bytes | bytearray | str, record: str, *, ended: bool) -> Any:
    """Return the value that `source` holds.

    Args:
        source: JSON, in UTF-8 where it is bytes.
        record: what it is, for the message: ``line 3``.
        ended: whether the stream ended before the record did.

    Raises:
        StreamDecodeError: it is not JSON.
        StreamIncomplete: the same, when `ended`.
    """
    try:
        return json.loads(source if isinstance(source, str) else source.decode())
    except RecursionError:
        reason = "it is nested too deeply"
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at character {error.pos + 1} of {len(error.doc)}"
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 at byte {error.start + 1} of {len(source)}"
    except ValueError:
        reason = "it holds a number with too many digits"
    source = source.encode() if isinstance(source, str) else source
    if ended:
        raise faulty(StreamIncomplete(f"the stream ended inside {record}: {reason}"), source)
    raise faulty(StreamDecodeError(f"{record} is not JSON: {reason}"), source)


class JSONLinesSplitter:
    """Split slices into the values of JSON lines; blank lines are skipped.

    Args:
        max_buffer: the most bytes one line may hold.

    Raises:
        ConfigurationError: `max_buffer` is wrong.
    """

    __slots__ = ("_lines", "_number")

    def __init__(self, *, max_buffer: int = MAX_BUFFER) -> None:
        self._lines = LineSplitter(max_buffer=max_buffer)
        self._number = 0

    @property
    def undelivered(self) -> bytes:
        """The beginning of the line under way."""
        return self._lines.undelivered

    def feed(self, data: bytes, /) -> Iterator[Any]:
        """Give the values of the lines that `data` completes.

        Raises:
            RecordTooLongError: a line exceeds `max_buffer`.
            StreamDecodeError: a line is not JSON.
        """
        for line in self._lines.feed(data):
            yield from self._values(line)

    def finish(self) -> Iterator[Any]:
        """Give the value of the last line when no line end came after it.

        Raises:
            StreamIncomplete: that is not complete JSON.
        """
        for line in self._lines.finish():
            yield from self._values(line, ended=True)

    def _values(self, line: bytes, *, ended: bool = False) -> Iterator[Any]:
        self._number += 1
        if self._number == 1:
            line = line.removeprefix(BOM_UTF8)
        if line and not line.isspace():
            yield load_json(line, f"line {self._number}", ended=ended)


_SPACE = re.compile(rb"[ \t\r\n]*")
# What holds no bracket: anything else, and whole strings. Stops at a bracket, or at the quote of a string without end.
_FLAT = re.compile(rb'(?:[^"{}\[\]]+|"[^"\\]*(?:\\.[^"\\]*)*")*', re.DOTALL)
_QUOTE_OR_BACKSLASH = re.compile(rb'["\\]')
_SCALAR = re.compile(rb'[^ \t\r\n"{}\[\]]*')
_QUOTE, _BACKSLASH, _OPENING, _CLOSING = b'"'[0], b"\\"[0], frozenset(b"{["), frozenset(b"}]")


def _end_of(pattern: re.Pattern[bytes], buffer: bytearray, at: int) -> int:
    found = pattern.match(buffer, at)
    return found.end() if found else at


class JSONSplitter:
    """Split slices into JSON values that follow each other, with or without white space between them.

    Numbers, ``true``, ``false`` and ``null`` need white space, a bracket or a quote after them: ``12`` is one number.

    Args:
        max_buffer: the most bytes one value may hold.
        loads: reads a value; what it cannot read is read as `json.loads` would.

    Raises:
        ConfigurationError: `max_buffer` is wrong.
    """

    __slots__ = ("_buffer", "_depth", "_in_string", "_in_value", "_loads", "_max_buffer", "_number", "_scanned")

    def __init__(self, *, max_buffer: int = MAX_BUFFER, loads: Loads = plain_loads) -> None:
        self._loads = loads
        self._max_buffer = check_limit("max_buffer", max_buffer)
        self._buffer = bytearray()  # begins with the value under way
        self._scanned = 0  # where to look on; past the buffer's end when the next byte is one that was escaped
        self._in_value = False
        self._in_string = False
        self._depth = 0  # of brackets
        self._number = 0

    @property
    def undelivered(self) -> bytes:
        """The beginning of the value under way."""
        return bytes(self._buffer[:UNDELIVERED_LIMIT])

    def feed(self, data: bytes, /) -> Iterator[Any]:
        """Give the values that `data` completes.

        Raises:
            RecordTooLongError: a value, complete or not, exceeds `max_buffer`.
            StreamDecodeError: a value is not JSON.
        """
        buffer = self._buffer
        buffer += data
        start = 0
        while True:
            if not self._in_value:
                start = self._scanned = _end_of(_SPACE, buffer, start)
                self._in_value = start < len(buffer)
            end = self._value_end(start)
            if end is None:
                break
            self._in_value = False
            yield from self._value(buffer[start:end])
            start = end
        del buffer[:start]
        self._scanned -= start
        if len(buffer) > self._max_buffer:
            raise RecordTooLongError("JSON value", self._max_buffer)

    def finish(self) -> Iterator[Any]:
        """Give the last value when only the end can end it, as with a number.

        Raises:
            StreamIncomplete: the end is inside a value.
        """
        rest = self._buffer
        self._buffer = bytearray()
        if rest:
            yield from self._value(rest, ended=True)

    def _value(self, source: bytearray, *, ended: bool = False) -> Iterator[Any]:
        if len(source) > self._max_buffer:
            raise faulty(RecordTooLongError("JSON value", self._max_buffer), source)
        if not self._number:
            source = source.removeprefix(BOM_UTF8)
        if source:
            self._number += 1
            try:
                value = self._loads(source)
            except (ValueError, RecursionError):
                value = UNREADABLE
            # Not in the handler: an error with another as its context would keep the frames of both, and the stream.
            yield load_json(source, f"JSON value {self._number}", ended=ended) if value is UNREADABLE else value

    def _value_end(self, start: int) -> int | None:
        """Look on in the value that begins at `start`; return where it ends, None when that is not received yet."""
        buffer = self._buffer
        size, at, depth = len(buffer), self._scanned, self._depth
        while at < size:
            if self._in_string:
                found = _QUOTE_OR_BACKSLASH.search(buffer, at)
                if found is None:
                    at = size
                elif buffer[found.start()] == _BACKSLASH:
                    at = found.end() + 1
                else:
                    at = found.end()
                    self._in_string = False
                    if not depth:
                        return at
                continue
            if depth:
                at = _end_of(_FLAT, buffer, at)
            elif at > start:
                at = _end_of(_SCALAR, buffer, at)
                if at < size:
                    return at
            if at == size:
                break
            byte = buffer[at]
            at += 1
            if byte == _QUOTE:
                self._in_string = True
            elif byte in _OPENING:
                depth += 1
            elif byte in _CLOSING:
                depth -= 1
                if depth <= 0:
                    self._depth = 0
                    return at
        self._scanned, self._depth = at, depth
        return None
