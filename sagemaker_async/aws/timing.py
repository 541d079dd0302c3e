"""`Timing`: where time and chance come from, as one object that is passed to whatever needs them.

No other module of the client reads a clock, sleeps or draws a random number by itself. A test passes a `Timing` of its
own and so decides what time it is, how long a wait takes, and what chance brings.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

__all__ = ["SYSTEM_TIMING", "Timing"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Clocks, sleep and randomness; the defaults are the machine's own."""

    clock: Callable[[], float] = time.time
    """The time of day, in seconds since 1970 UTC: for signatures, expirations and timestamps. It may jump."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds since an arbitrary moment, never decreasing: for durations, limits and rates."""
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    """Waits for a number of seconds without blocking the event loop."""
    uniform: Callable[[], float] = random.random
    """Returns a random number in [0, 1), for jitter."""


SYSTEM_TIMING = Timing()
"""The machine's own clocks, sleep and randomness: the default wherever a `Timing` is accepted."""
