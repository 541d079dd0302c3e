"""`StatusLine`: what is going on, on one line of a terminal that is written over; elsewhere a line per change."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from .failures import printable

__all__ = ["StatusLine"]

_CLEAR = "\r\x1b[K"
"""Back to the beginning of the line, and erase it (ECMA-48 EL)."""


class StatusLine:
    """Shows a name, its status, and how long that has been going on.

    Args:
        name: what is watched.
        stream: where to; whether it is a terminal decides on the form.
        clock: returns seconds from any origin.
    """

    def __init__(self, name: str, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = printable(name)
        self._stream = stream
        self._clock = clock
        self._started = clock()
        self._status: str | None = None
        self.is_live = stream.isatty()

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
        return f"{self._name}  {printable(self._status or '')}  {minutes}:{seconds:02d}"

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
