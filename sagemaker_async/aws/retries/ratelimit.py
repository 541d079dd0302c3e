"""The client-side send rate of adaptive retries: how long an attempt has to wait before it may be sent.

`SendRateLimiter` lets every attempt pass until the service throttles for the first time. From then on attempts take
tokens from a bucket whose fill rate follows CUBIC: it is cut to 0.7 of the rate at which throttling began, then raised
again, slowly near that rate and faster the longer nothing is throttled, but never above twice the measured rate. The
figures are AWS's (botocore 1.44.5, ``botocore/retries/adaptive.py``, ``bucket.py``, ``throttling.py``); the growth
curve is that of RFC 9438.

Pure: `now` is always the caller's monotonic clock, in seconds, and must not run backwards. Nothing here waits: the
caller sleeps for the time that `acquire` returns and asks again. Nothing raises.
"""

from __future__ import annotations

import math

__all__ = ["CubicRate", "MeasuredRate", "SendRateLimiter", "TokenBucket"]

_MIN_RATE = 0.5
_BETA = 0.7
_SCALE = 0.4
_SMOOTHING = 0.8
_BUCKETS_PER_SECOND = 2.0
_MAX_RATE_OVER_MEASURED = 2.0
_ROUNDING = 1e-9
"""A smaller part of a token that is missing is a rounding error: waiting for it might not move the clock."""


class SendRateLimiter:
    """The send rate of one client."""

    __slots__ = ("_bucket", "_cubic", "_enabled", "_measured")

    def __init__(self, now: float) -> None:
        self._enabled = False
        self._measured = MeasuredRate(now)
        self._cubic = CubicRate(now)
        self._bucket = TokenBucket(1.0, now)

    @property
    def rate(self) -> float | None:
        """Attempts per second that may be sent; None as long as the service has not throttled."""
        return self._bucket.rate if self._enabled else None

    def acquire(self, now: float) -> float:
        """Take one attempt's token.

        Returns:
            0.0 when the attempt may be sent. Otherwise nothing was taken, and the result is the seconds until a token
            will be available at the current rate; ask again after that time.
        """
        return self._bucket.acquire(now) if self._enabled else 0.0

    def update(self, *, throttled: bool, now: float) -> None:
        """Record the outcome of an attempt, whatever it is; `throttled` says whether it was throttling."""
        measured = self._measured.record(now)
        if throttled:
            rate = self._cubic.cut(min(measured, self._bucket.rate) if self._enabled else measured, now)
            self._enabled = True
        else:
            rate = self._cubic.grown(now)
        self._bucket.set_rate(min(rate, _MAX_RATE_OVER_MEASURED * measured), now)


class TokenBucket:
    """A bucket that fills at `rate` tokens per second and holds the tokens of one second (but at least one)."""

    __slots__ = ("_capacity", "_filled_at", "_tokens", "rate")

    rate: float
    """Tokens per second, at least 0.5."""

    def __init__(self, rate: float, now: float) -> None:
        self._tokens = 0.0
        self._filled_at = now
        self.rate = max(rate, _MIN_RATE)
        self._capacity = max(rate, 1.0)

    def acquire(self, now: float) -> float:
        """Take a token and return 0.0, or take nothing and return the seconds until a token will be available."""
        self._fill(now)
        shortage = 1.0 - self._tokens
        if shortage > _ROUNDING:
            return shortage / self.rate
        self._tokens = max(self._tokens - 1.0, 0.0)
        return 0.0

    def set_rate(self, rate: float, now: float) -> None:
        """Change the rate from `now` on; earlier tokens stay, up to the new capacity."""
        self._fill(now)
        self.rate = max(rate, _MIN_RATE)
        self._capacity = max(rate, 1.0)

    def _fill(self, now: float) -> None:
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self.rate)
        self._filled_at = now


class CubicRate:
    """The rate that CUBIC allows: a cubic curve over the time since the last throttling, flat near the rate then."""

    __slots__ = ("_cut_at", "_rate_at_cut", "_seconds_to_recover")

    def __init__(self, now: float) -> None:
        self._cut_at = now
        self._rate_at_cut = 0.0
        self._seconds_to_recover = 0.0

    def cut(self, rate: float, now: float) -> float:
        """Return the rate after throttling at `rate`."""
        self._cut_at = now
        self._rate_at_cut = rate
        self._seconds_to_recover = ((rate * (1 - _BETA)) / _SCALE) ** (1 / 3.0)
        return rate * _BETA

    def grown(self, now: float) -> float:
        """Return the rate at `now` if nothing was throttled since the last cut."""
        return _SCALE * (now - self._cut_at - self._seconds_to_recover) ** 3 + self._rate_at_cut


class MeasuredRate:
    """Outcomes per second, counted in buckets of half a second and smoothed exponentially."""

    __slots__ = ("_bucket_start", "_count", "_rate")

    def __init__(self, now: float) -> None:
        self._bucket_start: float = math.floor(now)
        self._count = 0
        self._rate = 0.0

    def record(self, now: float) -> float:
        """Count one outcome and return the measured rate, which changes when a bucket ends."""
        bucket = math.floor(now * _BUCKETS_PER_SECOND) / _BUCKETS_PER_SECOND
        self._count += 1
        if bucket > self._bucket_start:
            rate = self._count / (bucket - self._bucket_start)
            self._rate = rate * _SMOOTHING + self._rate * (1 - _SMOOTHING)
            self._count = 0
            self._bucket_start = bucket
        return self._rate
