"""Server-sent events out of slices, by the WHATWG's rules.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html, "Parsing" and "Interpreting an event stream".
Lines end with CR, LF or CR LF; one byte order mark at the very beginning is skipped; invalid UTF-8 becomes U+FFFD; an
event is dispatched by a blank line, if it has a ``data`` line; one that no blank line ended is discarded.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sagemaker_async.config import check_flag
from sagemaker_async.errors import RecordTooLongError

from ._bounds import MAX_BUFFER, UNDELIVERED_LIMIT
from .lines import LineSplitter

__all__ = ["EventDataSplitter", "SSESplitter", "ServerSentEvent"]

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


class EventDataSplitter:
    """Split slices into the data of server-sent events, as bytes: what `SSESplitter` is made of.

    Args:
        deliver_unterminated: as for `SSESplitter`.
        max_buffer: as for `SSESplitter`.

    Attributes:
        event: the type of the event whose data was given last; empty when it has none.
        last_id: the stream's last event ID as of that event.
        retry: the reconnection time in milliseconds that was set with it or since the one before it, if any.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    __slots__ = (
        "_at_start",
        "_data",
        "_data_size",
        "_deliver_unterminated",
        "_event",
        "_id",
        "_lines",
        "_max_buffer",
        "_retry",
        "event",
        "last_id",
        "retry",
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
        self._id = b""
        self._retry: int | None = None
        self.event: bytes = b""
        self.last_id: bytes = b""
        self.retry: int | None = None

    @property
    def undelivered(self) -> bytes:
        """The beginning of the data of the event under way, and of the line under way."""
        return b"\n".join([*self._data, self._lines.undelivered])[:UNDELIVERED_LIMIT]

    def feed(self, data: bytes, /) -> Iterator[bytes]:
        """Give the data of the events that `data` completes.

        Raises:
            RecordTooLongError: a line, or the data of an event, exceeds `max_buffer`.
        """
        return self._dispatched(self._lines.feed(data))

    def finish(self) -> Iterator[bytes]:
        """Give the data of the event that the end cut off, if that was asked for."""
        if self._deliver_unterminated:
            yield from self._dispatched([*self._lines.finish(), b""])

    def _dispatched(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        for line in lines:
            if self._at_start:
                self._at_start = False
                line = line.removeprefix(BOM_UTF8)  # noqa: PLW2901
            if line:
                self._read_field(line)
            elif self._data:
                data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                self._data.clear()
                self._data_size = 0
                self.event = self._event
                self._event = b""
                self.retry, self._retry = self._retry, None
                self.last_id = self._id
                yield data
            else:
                self._event = b""

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
                self._id = value
        elif name == b"retry" and value.isdigit() and len(value) <= MAX_RETRY_DIGITS:
            self._retry = int(value)


class SSESplitter:
    """Split slices into server-sent events.

    Args:
        deliver_unterminated: whether an event that the end of the stream cut off is delivered by `finish`. The WHATWG's
            rules discard it; some model servers do not end their last event.
        max_buffer: the most bytes that one line, or the data of one event, may hold.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    __slots__ = ("_events",)

    def __init__(self, *, deliver_unterminated: bool = False, max_buffer: int = MAX_BUFFER) -> None:
        self._events = EventDataSplitter(deliver_unterminated=deliver_unterminated, max_buffer=max_buffer)

    @property
    def undelivered(self) -> bytes:
        """The beginning of the data of the event under way, and of the line under way."""
        return self._events.undelivered

    def feed(self, data: bytes, /) -> Iterator[ServerSentEvent]:
        """Give the events that `data` completes.

        Raises:
            RecordTooLongError: a line, or the data of an event, exceeds `max_buffer`.
        """
        return map(self._event, self._events.feed(data))

    def finish(self) -> Iterator[ServerSentEvent]:
        """Give the event that the end cut off, if that was asked for."""
        return map(self._event, self._events.finish())

    def _event(self, data: bytes) -> ServerSentEvent:
        """Return the event that this is the data of."""
        events = self._events
        return ServerSentEvent(
            _text(data),
            _text(events.event) if events.event else "message",
            _text(events.last_id) if events.last_id else "",
            events.retry,
        )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
