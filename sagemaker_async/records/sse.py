"""Server-sent events out of slices, by the WHATWG's rules.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, "Parsing" and "Interpreting an event stream".
Lines end with CR, LF or CR LF; one byte order mark at the very beginning is skipped; invalid UTF-8 becomes U+FFFD; an
event is dispatched by a blank line, if it has a ``data`` line; one that no blank line ended is discarded.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import NamedTuple

from sagemaker_async.config import check_flag
from sagemaker_async.errors import RecordTooLongError

from ._bounds import MAX_BUFFER, UNDELIVERED_LIMIT
from .lines import LineSplitter

__all__ = ["SSESplitter", "ServerSentEvent"]

MAX_RETRY_DIGITS = 18
"""Longer reconnection times (over 30 million years) are ignored, as values that are not numbers are."""


class ServerSentEvent(NamedTuple):
    """One server-sent event."""

    data: str
    """The values of its ``data`` lines, joined by line feeds."""
    event: str = "message"
    """Its type."""
    id: str = ""
    """The stream's last event ID as of this event: it stays until another is set."""
    retry: int | None = None
    """The reconnection time in milliseconds that was set with this event or since the one before it, if any."""


class SSESplitter:
    """Split slices into server-sent events.

    Args:
        deliver_unterminated: whether an event that the end of the stream cut off is delivered by `finish`. The WHATWG's
            rules discard it; some model servers do not end their last event.
        max_buffer: the most bytes that one line, or the data of one event, may hold.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    __slots__ = (
        "_at_start",
        "_data",
        "_data_size",
        "_deliver_unterminated",
        "_event",
        "_last_id",
        "_lines",
        "_max_buffer",
        "_retry",
    )

    def __init__(self, *, deliver_unterminated: bool = False, max_buffer: int = MAX_BUFFER) -> None:
        check_flag(deliver_unterminated, "deliver_unterminated")
        self._lines = LineSplitter(max_buffer=max_buffer, line_ends="any")
        self._max_buffer = max_buffer
        self._deliver_unterminated = deliver_unterminated
        self._at_start = True
        self._data: list[bytes] = []
        self._data_size = 0
        self._event = b""
        self._last_id = b""
        self._retry: int | None = None

    @property
    def undelivered(self) -> bytes:
        """The beginning of the data of the event under way, and of the line under way."""
        return b"\n".join([*self._data, self._lines.undelivered])[:UNDELIVERED_LIMIT]

    def feed(self, data: bytes, /) -> Iterator[ServerSentEvent]:
        """Give the events that `data` completes.

        Raises:
            RecordTooLongError: a line, or the data of an event, exceeds `max_buffer`.
        """
        for line in self._lines.feed(data):
            if self._at_start:
                self._at_start = False
                line = line.removeprefix(BOM_UTF8)  # noqa: PLW2901
            if line:
                self._read_field(line)
            elif (event := self._dispatch()) is not None:
                yield event

    def finish(self) -> Iterator[ServerSentEvent]:
        """Give the event that the end cut off, if that was asked for."""
        if self._deliver_unterminated:
            for line in self._lines.finish():
                self._read_field(line.removeprefix(BOM_UTF8) if self._at_start else line)
            if (event := self._dispatch()) is not None:
                yield event

    def _read_field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._data_size += len(value) + 1
            if self._data_size > self._max_buffer + 1:
                raise RecordTooLongError("server-sent event", self._max_buffer)
        elif name == b"event":
            self._event = value
        elif name == b"id":
            if b"\0" not in value:
                self._last_id = value
        elif name == b"retry" and value.isdigit() and len(value) <= MAX_RETRY_DIGITS:
            self._retry = int(value)

    def _dispatch(self) -> ServerSentEvent | None:
        lines, event, retry = self._data, self._event, self._retry
        self._event = b""
        if not lines:
            return None
        self._data, self._data_size, self._retry = [], 0, None
        return ServerSentEvent(
            _text(lines[0] if len(lines) == 1 else b"\n".join(lines)),
            _text(event) if event else "message",
            _text(self._last_id) if self._last_id else "",
            retry,
        )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
