"""When resources change their state: at the next call, after some seconds, or when a test steps the clock.

`Transitions` keeps the scheduled changes. `settle` is called before each request is handled and makes the changes that
are due, so that nothing runs by itself and no timer is needed. A change that another one causes (RollingBack after
Updating) waits for the next `settle`, so that at least one call can see each state.

It has a clock of its own, which a test may step or stop; signatures are judged by the server's clock.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Mapping
from itertools import count
from typing import Final, TypeAlias

from sagemaker_async.errors import ConfigurationError

__all__ = ["TIMED_KINDS", "TransitionTimes", "Transitions"]

TransitionTimes: TypeAlias = float | Mapping[str, float]
"""Seconds that a change of state takes: for all kinds of resources, or by kind (see `TIMED_KINDS`)."""

TIMED_KINDS: Final = ("Endpoint", "InferenceComponent", "InferenceRouter", "MonitoringSchedule")
"""The kinds of resources that have states."""

_STEPPED_SECONDS = 1.0


class Transitions:
    """The scheduled changes.

    Args:
        clock: returns seconds since the epoch.
        times: how long changes take; kinds that a mapping leaves out change at the next call. None: at the next call,
            or with a stepped clock after one second.
        stepped: whether time stands still except at `step`.

    Attributes:
        lock: held while state is read or changed; requests and tests may come from different threads.

    Raises:
        ConfigurationError: a time is negative or not a number, or a kind is unknown.
    """

    def __init__(
        self, clock: Callable[[], float], times: TransitionTimes | None = None, *, stepped: bool = False
    ) -> None:
        self.lock: Final = threading.RLock()
        self._clock = clock
        self._stopped_at = clock() if stepped else None
        self._steps = 0.0
        self._times = _by_kind(times if times is not None else _STEPPED_SECONDS if stepped else 0.0)
        self._due: float | None = None
        self._pending: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def now(self) -> float:
        """Return seconds since the epoch by this clock, to the millisecond as AWS has them.

        While a change happens, it is the time at which the change was due, which may be long before it is noticed.
        """
        if self._due is not None:
            return self._due
        return round((self._clock() if self._stopped_at is None else self._stopped_at) + self._steps, 3)

    def step(self, seconds: float) -> None:
        """Advance the clock and make the changes that are due then.

        Raises:
            ConfigurationError: `seconds` is negative.
        """
        if seconds < 0:
            raise ConfigurationError(f"step() can only advance the clock: seconds must be 0 or more, got {seconds!r}")
        with self.lock:
            self._steps += seconds
            self.settle()

    def schedule(self, kind: str, change: Callable[[], None], seconds: float | None = None) -> None:
        """Schedule a change; it happens when it is due, at the next `settle` at the earliest.

        Args:
            kind: the kind of resource.
            change: what happens.
            seconds: how long it takes; None: as long as changes of this kind do.
        """
        with self.lock:
            due = self.now() + (self._times[kind] if seconds is None else seconds)
            heapq.heappush(self._pending, (due, next(self._numbers), change))

    def settle(self) -> None:
        """Make the changes that are due, the earliest first; costs nothing when none is scheduled."""
        if not self._pending:
            return
        with self.lock:
            due: list[tuple[float, int, Callable[[], None]]] = []
            now = self.now()
            while self._pending and self._pending[0][0] <= now:
                due.append(heapq.heappop(self._pending))
            try:
                for self._due, _, change in due:
                    change()
            finally:
                self._due = None


def _by_kind(times: TransitionTimes) -> dict[str, float]:
    given = times if isinstance(times, Mapping) else dict.fromkeys(TIMED_KINDS, times)
    for kind, seconds in given.items():
        if kind not in TIMED_KINDS:
            raise ConfigurationError(f"transition_times takes the kinds {', '.join(TIMED_KINDS)}, got {kind!r}")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
            raise ConfigurationError(f"transition_times must be seconds, 0 or more, got {seconds!r} for {kind}")
    return {kind: float(given.get(kind, 0.0)) for kind in TIMED_KINDS}
