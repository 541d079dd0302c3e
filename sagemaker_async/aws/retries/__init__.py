"""When a call is repeated: how an attempt ended, whether another follows, and after which delay. Pure."""

from __future__ import annotations

from .outcomes import (
    AMBIGUOUS_STATUSES,
    CLOCK_SKEW_CODES,
    EXPIRED_CREDENTIALS_CODES,
    THROTTLING_CODES,
    TRANSIENT_CODES,
    TRANSIENT_STATUSES,
    Kind,
    Outcome,
    RetryRules,
    classify,
    clock_offset,
    retry_after_seconds,
)
from .policy import CallState, Retry, RetryPolicy, RetryQuota, Stop, StopReason

__all__ = [
    "AMBIGUOUS_STATUSES",
    "CLOCK_SKEW_CODES",
    "EXPIRED_CREDENTIALS_CODES",
    "THROTTLING_CODES",
    "TRANSIENT_CODES",
    "TRANSIENT_STATUSES",
    "CallState",
    "Kind",
    "Outcome",
    "Retry",
    "RetryPolicy",
    "RetryQuota",
    "RetryRules",
    "Stop",
    "StopReason",
    "classify",
    "clock_offset",
    "retry_after_seconds",
]
