"""`Pace`: how fast records arrive, measured with a clock that is passed in."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Pace", "duration"]


class Pace:
    """Records when each record arrives; make it when the request is sent.

    Args:
        clock: returns seconds since any moment, such as `time.perf_counter`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = clock()
        self._first: float | None = None
        self._last = self._started
        self.count: int = 0

    def mark(self) -> None:
        """Note that a record has arrived."""
        self._last = self._clock()
        self.count += 1
        if self._first is None:
            self._first = self._last

    @property
    def to_first(self) -> float | None:
        """Seconds from the request to the first record; None before the first record."""
        return None if self._first is None else self._first - self._started

    @property
    def total(self) -> float:
        """Seconds from the request to the latest record."""
        return self._last - self._started

    @property
    def rate(self) -> float | None:
        """Records per second after the first; None when they all arrived at once."""
        if self._first is None or self._last <= self._first:
            return None
        return (self.count - 1) / (self._last - self._first)


def duration(seconds: float) -> str:
    """Return a short duration in words, such as ``3.14 ms``."""
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"
