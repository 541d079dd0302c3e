"""Lines out of slices.

A line is given without its end. Empty lines are kept; a last line without an end is given once, by `finish`; after a
final line end no further, empty line follows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from sagemaker_async.errors import ConfigurationError, RecordTooLongError

from ._bounds import MAX_BUFFER, UNDELIVERED_LIMIT, check_limit, faulty, records_then_error

__all__ = ["LineEnds", "LineSplitter"]

LineEnds = Literal["lf", "crlf", "any"]
"""What ends a line: ``lf`` a line feed; ``crlf`` a line feed, and a carriage return before it goes as well;
``any`` a line feed, a carriage return, or both (as in server-sent events): a lone CR ends its line at once."""


class LineSplitter:
    """Split slices into lines.

    Args:
        max_buffer: the most bytes one line may hold, its end not counted (a CR that comes before an LF is, unless
            `line_ends` is ``any``).
        line_ends: what ends a line.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    __slots__ = ("_after_cr", "_line_ends", "_max_buffer", "_pending")

    def __init__(self, *, max_buffer: int = MAX_BUFFER, line_ends: LineEnds = "lf") -> None:
        if line_ends not in get_args(LineEnds):
            raise ConfigurationError(f"line_ends must be one of {', '.join(get_args(LineEnds))}; got {line_ends!r}")
        self._max_buffer = check_limit("max_buffer", max_buffer)
        self._line_ends = line_ends
        self._pending = bytearray()
        self._after_cr = False

    @property
    def undelivered(self) -> bytes:
        """The first `UNDELIVERED_LIMIT` bytes of the line under way."""
        return bytes(self._pending[:UNDELIVERED_LIMIT])

    def feed(self, data: bytes, /) -> Iterable[bytes]:
        """Return the lines that `data` completes.

        Raises:
            RecordTooLongError: a line, complete or not, exceeds `max_buffer`; the lines before it are given first.
        """
        if self._line_ends == "any":
            data = self._with_lf_only(data)
        pending = self._pending
        buffered = len(pending) + len(data)
        lines = data.split(b"\n")
        tail = lines.pop()
        if lines and pending:
            pending += lines[0]
            lines[0] = bytes(pending)
            pending.clear()
        pending += tail
        if buffered > self._max_buffer:
            return self._bounded(lines)
        return self._without_cr(lines)

    def finish(self) -> Iterable[bytes]:
        """Return the last line when no line end came after it."""
        if not self._pending:
            return []
        line = bytes(self._pending)
        self._pending.clear()
        return [line]

    def _with_lf_only(self, data: bytes) -> bytes:
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _without_cr(self, lines: list[bytes]) -> list[bytes]:
        if self._line_ends == "crlf":
            return [line.removesuffix(b"\r") for line in lines]
        return lines

    def _bounded(self, lines: list[bytes]) -> Iterable[bytes]:
        limit = self._max_buffer
        for number, line in enumerate(lines):
            if len(line) > limit:
                error = faulty(RecordTooLongError("line", limit), line)
                return records_then_error(self._without_cr(lines[:number]), error)
        if len(self._pending) > limit:
            return records_then_error(self._without_cr(lines), RecordTooLongError("line", limit))
        return self._without_cr(lines)
