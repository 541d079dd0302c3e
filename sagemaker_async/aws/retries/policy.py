"""Whether a failed attempt is repeated, and after how many seconds: AWS's retry modes as pure decisions.

One `RetryPolicy` serves all calls of a client, because they share its retry quota (and, in adaptive mode, its send
rate); a `CallState` is what one call carries from attempt to attempt:

    call = CallState()
    while wait := policy.acquire(now()):        # adaptive mode only; 0.0 otherwise
        await sleep(wait)
    ...                                         # an attempt
    policy.success(call, now())                 # the answer is a 2xx; otherwise:
    match policy.next(call, outcome, repeatable=False, random=random(), now=now()):
        case Retry(delay=delay): ...            # sleep, then the next attempt
        case Stop(): ...                        # raise

Rules common to all modes:

- An *ambiguous* outcome (the request may have been processed: no answer after it was sent, or only a gateway's 502 or
  504) is repeated like a transient one if the operation is `repeatable` or `RetryConfig.retry_ambiguous` is set.
- The peer did not read a request sent on a *stale* connection: it is sent again at once, once in a call, and neither
  `max_attempts` nor the quota counts that. With `RetryConfig.retry_stale=False`, and the second time, it is ambiguous.
- Clock skew and expired credentials are corrected and tried again at once, each once in a call. That counts as an
  attempt but takes nothing from the quota, because it does not burden the service. When no attempt is left, `Stop`
  carries the correction for the client's next call.
- So a call is attempted `max_attempts` times at most, and once more after a stale connection.

Modes: ``standard`` makes 3 attempts. Before retry `i`, counted from 0, it waits
``random * min(scale * 2**i, max_delay)`` with a scale of 1 s after throttling and 0.05 s otherwise; the header
``x-amz-retry-after`` raises that, by 5 s at most. A retry takes 5 (throttling) or 14 tokens from a quota of 500; if
there are not enough, the call fails at once. A success gives back what the call's last retry took, or 1. ``adaptive``
adds the send rate of `ratelimit`. ``legacy`` makes 5 attempts after ``random * min(2**i, max_delay)``, without a quota,
and ignores the header.

Sources: botocore 1.44.5 ``botocore/retries/``, whose delays and quota are the same under the same random numbers, and
the retry page of the AWS SDKs and Tools Reference Guide. botocore corrects neither clock nor credentials; the Ruby SDK
does, and counts those attempts as well.

Pure: no I/O, no clock, no randomness, no name of a particular service (those are in `RetryRules`). `now` is a monotonic
clock, in seconds. Only `ConfigurationError` is raised, for a wrong `RetryConfig.backoff` or `jitter`; exceptions of
those callables pass through. Not thread-safe: a client belongs to one event loop.
"""

from __future__ import annotations

import enum
import math
from typing import NamedTuple

from sagemaker_async.config import RetryConfig
from sagemaker_async.errors import ConfigurationError

from .outcomes import Kind, Outcome, RetryRules, classify, retry_after_seconds
from .ratelimit import SendRateLimiter

__all__ = ["CallState", "Retry", "RetryPolicy", "RetryQuota", "Stop", "StopReason"]

_MAX_OVER_DELAY = 5.0
_QUOTA = 500
_THROTTLING_COST = 5
_TRANSIENT_COST = 14
_UNRETRIED_SUCCESS = 1
_MAX_EXPONENT = 64
"""With larger exponents every delay has long reached its limit, and the powers of two would only overflow."""


class StopReason(enum.Enum):
    """Why the call is not attempted again."""

    FINAL = "not retryable"
    AMBIGUOUS = "may have been processed"
    MAX_ATTEMPTS = "no attempts left"
    QUOTA = "retry quota exhausted"


_WHY_NO_MORE = {
    StopReason.AMBIGUOUS: "not repeated: the service may have processed the request (RetryConfig.retry_ambiguous)",
    StopReason.QUOTA: "not repeated: the retry quota of this session is used up",
}
"""For `Attempt.note`; the other reasons show in the outcome and the number of attempts."""


class Retry(NamedTuple):
    """Try again after `delay` seconds."""

    delay: float
    note: str | None = None
    """For `Attempt.note`: the reason, when the outcome alone does not explain the retry."""
    refresh_credentials: bool = False
    """Discard the current credentials and get new ones first."""
    clock_offset: float | None = None
    """Seconds to add to the local clock from now on, instead of any earlier offset; None keeps the earlier one."""


class Stop(NamedTuple):
    """Raise the error. The corrections are for the client's next call."""

    reason: StopReason
    refresh_credentials: bool = False
    """As on `Retry`."""
    clock_offset: float | None = None
    """As on `Retry`."""

    @property
    def note(self) -> str | None:
        """For `Attempt.note`: why no attempt follows, when outcome and number of attempts do not explain it."""
        return _WHY_NO_MORE.get(self.reason)


class CallState:
    """What a call keeps from attempt to attempt; each call has its own."""

    attempts: int = 0
    """Failed attempts so far, not counting one lost to a stale connection."""
    quota_taken: int = 0
    """The tokens that the last retry took from the quota."""
    resent: bool = False
    clock_corrected: bool = False
    credentials_refreshed: bool = False


class RetryQuota:
    """Tokens that retries take and successes give back, so that clients do not answer an outage with a storm."""

    __slots__ = ("available",)

    available: int
    """Tokens left, from 0 to 500."""

    def __init__(self) -> None:
        self.available = _QUOTA

    def take(self, amount: int) -> bool:
        """Take `amount` tokens and return True, or take nothing and return False."""
        if amount > self.available:
            return False
        self.available -= amount
        return True

    def give_back(self, amount: int) -> None:
        """Put `amount` tokens back, up to the quota's size."""
        self.available = min(self.available + amount, _QUOTA)


class RetryPolicy:
    """The retry decisions of one client.

    Args:
        config: `RetryConfig.mode` None means standard; `RetryConfig.max_attempts` None means 3, or 5 in legacy mode.
        rules: what the client's service adds to AWS's rules.
        now: the monotonic clock, in seconds.
    """

    __slots__ = ("_config", "_legacy", "_limiter", "_quota", "_rules", "max_attempts")

    max_attempts: int
    """How many attempts a call may have, not counting one lost to a stale connection."""

    def __init__(self, config: RetryConfig, rules: RetryRules, *, now: float) -> None:
        self._config = config
        self._rules = rules
        self._legacy = config.mode == "legacy"
        self.max_attempts = config.max_attempts or (5 if self._legacy else 3)
        self._quota = RetryQuota()
        self._limiter = SendRateLimiter(now) if config.mode == "adaptive" else None

    @property
    def available_quota(self) -> int:
        """Tokens left in the retry quota, from 0 to 500."""
        return self._quota.available

    @property
    def send_rate(self) -> float | None:
        """Attempts per second that adaptive mode allows; None without a limit."""
        return self._limiter.rate if self._limiter is not None else None

    def acquire(self, now: float) -> float:
        """Ask to send an attempt; return 0.0 if it may be sent now, else the seconds to wait before asking again.

        If `RetryConfig.adaptive_wait_to_fill` is False, the caller raises instead of waiting.
        """
        return self._limiter.acquire(now) if self._limiter is not None else 0.0

    def success(self, call: CallState, now: float) -> None:
        """Record that an attempt of `call` was answered with a 2xx."""
        if self._limiter is not None:
            self._limiter.update(throttled=False, now=now)
        self._quota.give_back(call.quota_taken or _UNRETRIED_SUCCESS)

    def next(self, call: CallState, outcome: Outcome, *, repeatable: bool, random: float, now: float) -> Retry | Stop:
        """Decide what follows a failed attempt of `call`.

        Args:
            call: the call's state; it is updated.
            outcome: how the attempt ended.
            repeatable: whether the operation may be processed twice without harm.
            random: a random number in [0, 1).
            now: the monotonic clock, in seconds.

        Raises:
            ConfigurationError: `RetryConfig.backoff` or `jitter` did not return a finite number of seconds >= 0.
        """
        kind = classify(outcome, self._rules)
        if self._limiter is not None:
            self._limiter.update(throttled=kind is Kind.THROTTLING, now=now)
        if kind is Kind.STALE:
            if self._config.retry_stale and not call.resent:
                call.resent = True
                return Retry(0.0, note=kind.value)
            kind = Kind.AMBIGUOUS
        call.attempts += 1
        if kind is Kind.FINAL:
            return Stop(StopReason.FINAL)
        if kind is Kind.AMBIGUOUS and not (repeatable or self._config.retry_ambiguous):
            return Stop(StopReason.AMBIGUOUS)
        if kind is Kind.CLOCK_SKEW or kind is Kind.EXPIRED_CREDENTIALS:
            return self._corrected(call, kind, outcome)
        if call.attempts >= self.max_attempts:
            return Stop(StopReason.MAX_ATTEMPTS)
        if not self._legacy:
            cost = _THROTTLING_COST if kind is Kind.THROTTLING else _TRANSIENT_COST
            if not self._quota.take(cost):
                return Stop(StopReason.QUOTA)
            call.quota_taken = cost
        return Retry(self._delay(kind, call.attempts - 1, outcome, random))

    def _corrected(self, call: CallState, kind: Kind, outcome: Outcome) -> Retry | Stop:
        offset = None
        refresh = kind is Kind.EXPIRED_CREDENTIALS
        if refresh:
            again = call.credentials_refreshed
            call.credentials_refreshed = True
        else:
            again = call.clock_corrected
            call.clock_corrected = True
            offset = outcome.clock_skew
        if again:
            return Stop(StopReason.FINAL)
        if call.attempts >= self.max_attempts:
            return Stop(StopReason.MAX_ATTEMPTS, refresh, offset)
        return Retry(0.0, kind.value, refresh, offset)

    def _delay(self, kind: Kind, retry: int, outcome: Outcome, random: float) -> float:
        config = self._config
        if config.backoff is not None:
            delay = _checked_seconds(config.backoff(retry), "backoff")
        else:
            scale = config.base_delay
            if scale is None:
                scale = 1.0 if self._legacy or kind is Kind.THROTTLING else 0.05
            delay = scale * 2.0 ** min(retry, _MAX_EXPONENT)
            if config.max_delay:
                delay = min(delay, config.max_delay)
            if callable(config.jitter):
                delay = _checked_seconds(config.jitter(delay), "jitter")
            elif config.jitter == "full":
                delay *= random
            elif config.jitter == "equal":
                delay *= (1 + random) / 2
        if not self._legacy and (asked := retry_after_seconds(outcome.retry_after)) is not None:
            return max(delay, min(asked, delay + _MAX_OVER_DELAY))
        return delay


def _checked_seconds(returned: object, option: str) -> float:
    if isinstance(returned, bool) or not isinstance(returned, int | float):
        raise ConfigurationError(f"RetryConfig.{option} must return a number of seconds, got {type(returned).__name__}")
    try:
        seconds = float(returned)
    except OverflowError:
        seconds = math.inf
    if not 0 <= seconds < math.inf:
        raise ConfigurationError(f"RetryConfig.{option} must return a finite number of seconds >= 0, got {seconds}")
    return seconds
