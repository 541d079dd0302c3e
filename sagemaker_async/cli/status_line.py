"""`StatusLine`: what is going on, on one line of a terminal that is written over; elsewhere a line per change."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TextIO

from .failures import printable

__all__ = ["StatusLine"]

_CLEAR = "\r\x1b[K"
"""Back to the beginning of the line, and erase it (ECMA-48 EL)."""
_COLUMNS = 80
"""How wide a terminal is taken to be that does not say."""
_CUT = "..."


class StatusLine:
    """Shows a name, its status, and how long that has been going on.

    Args:
        name: what is watched.
        stream: where to; whether it is a terminal decides on the form.
        clock: returns seconds from any origin.

    On a terminal that is too narrow, the beginning of the name gives way: a line that wraps cannot be written over.
    """

    def __init__(self, name: str, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = printable(name)
        self._stream = stream
        self._clock = clock
        self._started = clock()
        self._status: str | None = None
        self.is_live = stream.isatty() and os.environ.get("TERM") != "dumb"

    def update(self, status: str) -> None:
        """Show a status that was just seen."""
        changed, self._status = status != self._status, status
        if self.is_live:
            self.refresh()
        elif changed:
            self._write(f"{self._text()}\n")

    def refresh(self) -> None:
        """Show the time that has passed since; only on a terminal, and once there is a status."""
        if self.is_live and self._status is not None:
            self._write(f"{_CLEAR}{self._text()}")

    def close(self) -> None:
        """End the line, with what it says last."""
        if self.is_live and self._status is not None:
            self.refresh()
            self._write("\n")

    def _text(self) -> str:
        minutes, seconds = divmod(int(self._clock() - self._started), 60)
        text = f"{self._name}  {printable(self._status or '')}  {minutes}:{seconds:02d}"
        room = _columns(self._stream) - 1  # the cursor needs the last column
        if not self.is_live or len(text) <= room:
            return text
        return f"{_CUT}{text[len(text) - room + len(_CUT) :]}" if room > len(_CUT) else text[:room]

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _COLUMNS
    except OSError:
        return _COLUMNS
