"""`StatusLine`: a status on one line of a terminal, overwritten at each change; elsewhere one line per change."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import TextIO

from .failures import printable

__all__ = ["StatusLine", "ticking"]

_CLEAR = "\r\x1b[K"
"""Back to the beginning of the line, and erase it (ECMA-48 EL)."""
_COLUMNS = 80
"""The assumed width of a terminal that does not report its width."""
_CUT = "..."
_TICK = 1.0
"""Seconds between updates of the time."""


class StatusLine:
    """Shows a name, its status, and the time since the beginning.

    Args:
        name: the name of what is watched.
        stream: where the line goes; the form depends on whether it is a terminal.
        clock: returns seconds since any moment.

    On a terminal that is too narrow, the beginning of the name is cut off: a line that wraps cannot be overwritten.
    """

    def __init__(self, name: str, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = printable(name)
        self._stream = stream
        self._clock = clock
        self._started = clock()
        self._status: str | None = None
        self.is_live: bool = stream.isatty() and os.environ.get("TERM") != "dumb"

    def update(self, status: str) -> None:
        """Show a status that was just received."""
        changed, self._status = status != self._status, status
        if self.is_live:
            self.refresh()
        elif changed:
            self._write(f"{self._text()}\n")

    def refresh(self) -> None:
        """Show the time that has passed since the beginning; only on a terminal, and only after the first status."""
        if self.is_live and self._status is not None:
            self._write(f"{_CLEAR}{self._text()}")

    def close(self) -> None:
        """Show the last status and the time again, and end the line."""
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


@contextlib.asynccontextmanager
async def ticking(line: StatusLine) -> AsyncIterator[None]:
    """Update the time on a live line, and end the line when the context is left in any way."""

    async def tick() -> None:
        while True:
            await asyncio.sleep(_TICK)
            line.refresh()

    task = asyncio.create_task(tick()) if line.is_live else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
        line.close()


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _COLUMNS
    except OSError:
        return _COLUMNS
