"""How many requests may be under way, and how many a second: decided from how the endpoint answers. Pure.

`AdaptiveLimit` gets what became of each request, and gives two limits:

- `limit`, the requests under way. It doubles in each *round* at first, then grows by a tenth (at least 1), as long as
  it is used and answers begin about as fast as they do with little load: more than that only waits in the endpoint's
  queue. It stays when they take 1.5 times as long, and falls when they take twice as long, or when requests meet an
  overload (503, a container's 429, no connection, no answer): by the part of the round's requests that did, at most by
  half. So a few failures that have nothing to do with load cost little, and an outage brings it to 1 within seconds.
- `pace`, the requests per second. There is none until the service throttles: throttling is about rates, and a number of
  requests under way is too coarse for it. Then it is 0.95 of the rate at which requests were answered, and doubles in
  every 2 s, because what was throttled first may have been a mere burst. From the second time on it follows CUBIC (RFC
  9438): back to the rate at the cut within 6 s, flat around it, then faster, to twice the rate after 22 s. It ends when
  it is of no use, at four times what is answered.

A round is half a second at least, and as many answers as may be under way. How fast answers begin with little load is
the least median of a round; every 30 s (and 20 rounds), one round runs at half the limit to learn it anew. When a cut
did not make answers faster, load was not the reason (longer prompts, say), and what is measured now counts as little
load.

Nothing here reads a clock: `now` and `began` are the caller's, in seconds. Nothing raises. Sources: the limits of
https://github.com/Netflix/concurrency-limits, which look at latencies; that answers of language models vary in length
is why medians of rounds, and times to the first byte where there are any, are compared here.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from statistics import median

from sagemaker_async.errors import ModelNotReadyException, ThrottlingError

__all__ = ["AdaptiveLimit", "Signal", "Spacing", "is_refusal", "signal_of"]

_INITIAL = 4
_ROUND_SECONDS = 0.5
_GROWTH = 1.1
_USED = 0.8
"""The part of the limit that must have been under way: a limit that nobody reaches says nothing."""
_SLOWER, _MUCH_SLOWER = 1.5, 2.0
_NOISE_SECONDS = 0.005
"""Differences below this are the event loop's and the scheduler's, not the endpoint's."""
_PROBE_SECONDS, _PROBE_ROUNDS = 30.0, 20
_HELPED = 0.9
_CUT_EVERY = 0.5
_DOUBLING_SECONDS = 15.9
"""After it is back at the rate at the cut, the pace doubles in this time."""
_FIRST_DOUBLING_SECONDS = 2.0
_CUT = 0.95
_DIP = 0.3684
"""The cube root of what a cut takes away: where CUBIC's curve begins."""
_USELESS = 4.0
_RATE_ANSWERS, _RATE_SECONDS, _RATE_LONGEST = 20, 1.0, 10.0
_SLICES = 4
"""Slices of a second in which answers are counted."""
_LATE_SECONDS = 0.02


class Signal(enum.Enum):
    """What a failed attempt says about the endpoint's load."""

    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    NEITHER = "neither"


def signal_of(error: Exception) -> Signal:
    """Return what an error says about load: by its kind if it is ours, by its attribute `retryable` if not."""
    if isinstance(error, ModelNotReadyException):
        return Signal.NEITHER
    if isinstance(error, ThrottlingError):
        return Signal.THROTTLED
    if getattr(error, "retryable", False) or _container_is_full(error):
        return Signal.OVERLOADED
    return Signal.NEITHER


def is_refusal(error: Exception) -> bool:
    """Return whether the request was certainly not processed, so that it may be sent again when there is room."""
    if getattr(error, "ambiguous", False):
        return False
    if isinstance(error, ThrottlingError) or _container_is_full(error):
        return True
    status, retryable = getattr(error, "status", None), getattr(error, "retryable", False)
    return bool(retryable and (status in (429, 503) or getattr(error, "not_sent", False)))


def _container_is_full(error: Exception) -> bool:
    """Text Generation Inference and others say 429 when their queue is full, which SageMaker makes a ModelError."""
    return getattr(error, "original_status_code", None) in (429, 503)


class Spacing:
    """Requests at equal distances in time (the generic cell rate algorithm)."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = 0.0

    def wait(self, rate: float, now: float) -> float:
        """Return the seconds until the next request at `rate` may be made; 0.0: it may now, and counts as made.

        Who is late by at most 20 ms, as timers are, may catch up.
        """
        due = max(self._next, now - _LATE_SECONDS)
        if due > now:
            return due - now
        self._next = due + 1.0 / rate
        return 0.0


class AdaptiveLimit:
    """The limits towards one endpoint; see the module's docstring.

    Args:
        maximum: what `limit` never exceeds.
        now: the time on the caller's monotonic clock.
    """

    def __init__(self, maximum: int, now: float) -> None:
        self._maximum = maximum
        self._limit = float(min(_INITIAL, maximum))
        self._doubling = True
        self._round_began = now
        self._times: list[float] = []
        self._overloaded = 0
        self._most_in_flight = 0
        self._little_load: float | None = None
        """The median time of a round with little load, in seconds."""
        self._learned_at = now
        self._rounds = 0
        """Since `_little_load` was learned."""
        self._cut_from: float | None = None
        """The median that made the last round cut the limit."""
        self._limit_before_probe: float | None = None
        self._rate = _AnswerRate()
        self._pace_at_cut: float | None = None
        self._cut_at = now
        self._pace_doubling = True
        self._answered = self._throttles = 0
        """Since the cut."""
        self._last_time = 0.0

    @property
    def limit(self) -> int:
        """How many requests may be under way: from 1 to the maximum."""
        return int(self._limit)

    def pace(self, now: float) -> float | None:
        """Return how many requests may be made per second at this moment; None: any number."""
        if self._pace_at_cut is None:
            return None
        if self._pace_doubling:
            return self._pace_at_cut * _CUT * math.exp2(min((now - self._cut_at) / _FIRST_DOUBLING_SECONDS, 64.0))
        # CUBIC's curve over the rate at the cut, so that slow and fast endpoints recover within the same time.
        recovered = (now - self._cut_at) / _DOUBLING_SECONDS - _DIP
        return self._pace_at_cut * (1 + recovered * recovered * recovered)

    def answered(self, seconds: float | None, *, began: float, now: float, in_flight: int) -> None:
        """Take notice of an answer.

        Args:
            seconds: until the answer began; None: it says nothing about the endpoint, for instance after a retry.
            began: when the request was made.
            now: the time.
            in_flight: how many requests were under way, this one included.
        """
        self._rate.count(now)
        self._answered += began >= self._cut_at
        if self._pace_at_cut is not None:
            self._limit_pace(now)
        if began >= self._round_began:
            self._most_in_flight = max(self._most_in_flight, in_flight)
            if seconds is not None:
                self._times.append(seconds)
            self._end_round(now)

    def failed(self, signal: Signal, *, began: float, now: float, in_flight: int) -> None:
        """Take notice of an attempt that failed; arguments as for `answered`."""
        if signal is Signal.THROTTLED:
            self._throttled(began, now)
        elif signal is Signal.OVERLOADED and began >= self._round_began:
            self._most_in_flight = max(self._most_in_flight, in_flight)
            self._overloaded += 1
            self._end_round(now)

    # --- the pace -----------------------------------------------------------------------------------------------------

    def _throttled(self, began: float, now: float) -> None:
        pace = self.pace(now)
        if pace is not None and began < self._cut_at:
            return  # it was made at the pace before
        self._throttles += 1
        seconds = now - self._cut_at
        if pace is not None and seconds < max(_CUT_EVERY, 4 * self._last_time):
            return  # what was cut has not shown yet
        taken = self._rate.per_second(now)
        if pace is not None:
            # What is refused is so at once, and what is answered takes its time.
            answered = self._answered * seconds / (seconds - self._last_time)
            of_pace = pace * answered / (answered + self._throttles)
            # While the pace doubles, the rate of the last second lags behind.
            taken = min(max(taken, of_pace) if self._pace_doubling else min(taken, of_pace), pace)
            self._pace_doubling = False
        # One request at a time is not what the service complains of.
        self._pace_at_cut = max(taken, 1.0 / max(self._last_time, _ROUND_SECONDS))
        self._cut_at = now
        self._answered = self._throttles = 0

    def _limit_pace(self, now: float) -> None:
        """Do without a pace that is far above what is answered: something else limits the requests."""
        pace = self.pace(now)
        if pace is not None and now - self._cut_at > _RATE_LONGEST and pace > _USELESS * self._rate.per_second(now):
            self._pace_at_cut = None
            self._pace_doubling = True

    # --- the limit ----------------------------------------------------------------------------------------------------

    def _end_round(self, now: float) -> None:
        count = len(self._times) + self._overloaded
        if now - self._round_began < _ROUND_SECONDS or count < min(self.limit, self._most_in_flight) or count < 3:
            return
        overloaded = self._overloaded / count
        typical = median(self._times) if self._times else None
        used = self._most_in_flight >= _USED * self.limit
        self._round_began, self._overloaded, self._most_in_flight = now, 0, 0
        self._times = []
        self._rounds += 1
        if typical is not None:
            self._last_time = typical
        if self._limit_before_probe is not None:
            self._after_probe(typical, now)
        slower = self._slower(typical, now)
        limit = self._limit
        if overloaded:
            self._doubling = False
            limit *= max(0.5, 1 - overloaded)
        if slower > _SLOWER or overloaded > 0.5:
            self._doubling = False
        if slower > _MUCH_SLOWER:
            limit *= max(0.5, _SLOWER / slower)
            self._cut_from = typical
        elif slower <= _SLOWER and used and overloaded <= _GROWTH - 1:
            limit = limit * 2 if self._doubling else max(limit * _GROWTH, limit + (not overloaded))
        self._limit = min(max(limit, 1.0), float(self._maximum))
        if typical is not None and self._rounds >= _PROBE_ROUNDS and now - self._learned_at >= _PROBE_SECONDS:
            self._limit_before_probe = self._limit
            self._limit = max(self._limit / 2, 1.0)

    def _slower(self, typical: float | None, now: float) -> float:
        """Return how many times as long as with little load answers take to begin."""
        if typical is None:
            return 1.0
        cut_from, self._cut_from = self._cut_from, None
        not_helped = cut_from is not None and typical > _HELPED * cut_from
        if self._little_load is None or typical < self._little_load or not_helped:
            self._learn(typical, now)
        assert self._little_load is not None
        return max(typical - _NOISE_SECONDS, self._little_load) / self._little_load

    def _after_probe(self, typical: float | None, now: float) -> None:
        assert self._limit_before_probe is not None
        self._limit, self._limit_before_probe = self._limit_before_probe, None
        if typical is not None:
            self._learn(typical, now)

    def _learn(self, typical: float, now: float) -> None:
        self._little_load = max(typical, 1e-6)
        self._learned_at, self._rounds = now, 0


class _AnswerRate:
    """Answers per second, counted over a second at least, and over up to ten for the sake of twenty answers."""

    __slots__ = ("_slices",)

    def __init__(self) -> None:
        self._slices: deque[tuple[int, int]] = deque(maxlen=int(_RATE_LONGEST * _SLICES))
        """A quarter of a second and how many answers came in it, the last one first."""

    def count(self, now: float) -> None:
        number = int(now * _SLICES)
        if self._slices and self._slices[0][0] == number:
            self._slices[0] = (number, self._slices[0][1] + 1)
        else:
            self._slices.appendleft((number, 1))

    def per_second(self, now: float) -> float:
        """Return the rate of late."""
        answers = 0
        seconds = 1.0 / _SLICES
        for number, count in self._slices:
            back = now - number / _SLICES
            if back > _RATE_LONGEST or (back > _RATE_SECONDS + 1.0 / _SLICES and answers >= _RATE_ANSWERS):
                break
            answers += count
            seconds = max(back, 1.0 / _SLICES)
        return answers / seconds
