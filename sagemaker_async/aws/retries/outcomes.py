"""How an attempt ended, and what that means for retries: `classify` turns an `Outcome` into a `Kind`.

An `Outcome` holds facts only. The sets of codes and statuses below are AWS's (botocore 1.44.5
``botocore/retries/standard.py``; the clock-skew codes are those of the Ruby and JavaScript SDKs). This module does not
know any service: `RetryRules` holds what a service adds to the sets. `policy` decides what follows each kind.

Two rules differ from botocore on purpose. A 502 or 504, or a connection lost after the request was sent, is
*ambiguous*: the request may have been processed. And clock skew and expired credentials are kinds of their own. A
throttling code takes precedence over the status: the request was refused, even if a gateway answers with a 502.

Pure: no I/O, no clock, no randomness. Nothing here raises, whatever text the headers hold.
"""

from __future__ import annotations

import datetime
import enum
from email.utils import parsedate_to_datetime
from typing import NamedTuple

__all__ = [
    "AMBIGUOUS_STATUSES",
    "CLOCK_SKEW_CODES",
    "EXPIRED_CREDENTIALS_CODES",
    "THROTTLING_CODES",
    "TRANSIENT_CODES",
    "TRANSIENT_STATUSES",
    "Kind",
    "Outcome",
    "RetryRules",
    "classify",
    "clock_offset",
    "retry_after_seconds",
]

TRANSIENT_STATUSES = frozenset({500, 503})
"""HTTP statuses of temporary failures that the service itself reports."""

AMBIGUOUS_STATUSES = frozenset({502, 504})
"""HTTP statuses of temporary failures that a gateway reports; whether the request was processed is unknown."""

TRANSIENT_CODES = frozenset({"InternalFailure", "RequestTimeout", "RequestTimeoutException", "ServiceUnavailable"})
"""AWS error codes of temporary failures, whatever the status."""

THROTTLING_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""AWS error codes that ask the client to call less often; a 429 needs no such code."""

CLOCK_SKEW_CODES = frozenset(
    {
        "AuthFailure",
        "InvalidSignatureException",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)
"""AWS error codes that a wrong clock can cause, among other things; the response's ``Date`` decides whether it did."""

EXPIRED_CREDENTIALS_CODES = frozenset({"ExpiredToken", "ExpiredTokenException"})
"""AWS error codes of a session token that has expired."""

_MAX_CLOCK_SKEW = 240.0


class RetryRules(NamedTuple):
    """What a service adds to AWS's general rules; codes are bare, without namespace."""

    throttling: frozenset[str] = frozenset()
    """Further error codes that count as throttling."""
    transient: frozenset[str] = frozenset()
    """Further error codes that count as transient."""
    transient_statuses: frozenset[int] = frozenset()
    """Further HTTP statuses that count as transient."""
    final: frozenset[str] = frozenset()
    """Error codes that are never retried, whatever the status."""
    null_message_is_throttling: bool = False
    """Whether a 400 whose message is JSON ``null`` is throttling in disguise."""


class Outcome(NamedTuple):
    """The facts about a failed attempt on which the next one depends.

    With a response: `status`, and the fields of its body and headers that are present. Without a response: at most one
    of `not_sent`, `stale` and `ambiguous`; if all are False, repeating cannot help (total time limit, full pool).
    """

    status: int | None = None
    """The HTTP status; None when no response came."""
    code: str | None = None
    """AWS's error code without namespace, such as ``ThrottlingException``."""
    null_message: bool = False
    """Whether the error's message is JSON ``null``."""
    retry_after: str | None = None
    """The text of the header ``x-amz-retry-after``."""
    date: str | None = None
    """The text of the header ``Date``; without it, clock skew is not detected."""
    wall_clock: float = 0.0
    """The local clock when the response came, in seconds since 1970, uncorrected."""
    applied_offset: float = 0.0
    """The clock offset the attempt was signed with, in seconds."""
    not_sent: bool = False
    """The connection could not be made: refused, DNS, TLS, proxy, or the connect time limit."""
    stale: bool = False
    """The peer had closed a connection of the pool before it read the request."""
    ambiguous: bool = False
    """The request was sent, at least in part, and no answer says whether it was processed."""

    @property
    def clock_skew(self) -> float | None:
        """The `clock_offset` of this outcome."""
        return clock_offset(self.date, self.wall_clock, self.applied_offset)


class Kind(enum.Enum):
    """What an outcome means for retries."""

    TRANSIENT = "transient"
    THROTTLING = "throttling"
    CLOCK_SKEW = "clock skew"
    EXPIRED_CREDENTIALS = "expired credentials"
    STALE = "stale connection"
    AMBIGUOUS = "ambiguous"
    FINAL = "final"


def classify(outcome: Outcome, rules: RetryRules) -> Kind:
    """Return what `outcome` means for retries, by AWS's rules and those of the service."""
    if outcome.stale:
        return Kind.STALE
    if outcome.not_sent:
        return Kind.TRANSIENT
    status, code = outcome.status, outcome.code
    if code is not None:
        if code in rules.final:
            return Kind.FINAL
        if code in THROTTLING_CODES or code in rules.throttling:
            return Kind.THROTTLING
        if code in EXPIRED_CREDENTIALS_CODES:
            return Kind.EXPIRED_CREDENTIALS
        if code in CLOCK_SKEW_CODES and outcome.clock_skew is not None:
            return Kind.CLOCK_SKEW
    if status == 429 or (status == 400 and outcome.null_message and rules.null_message_is_throttling):
        return Kind.THROTTLING
    if outcome.ambiguous or status in AMBIGUOUS_STATUSES:
        return Kind.AMBIGUOUS
    if status in TRANSIENT_STATUSES or status in rules.transient_statuses:
        return Kind.TRANSIENT
    if code in TRANSIENT_CODES or code in rules.transient:
        return Kind.TRANSIENT
    return Kind.FINAL


def retry_after_seconds(header: str | None) -> float | None:
    """Return the seconds that the header ``x-amz-retry-after`` (milliseconds) asks for; None without a valid one."""
    if header is None:
        return None
    try:
        seconds = int(header) / 1000.0
    except (ValueError, OverflowError):
        return None
    return seconds if seconds >= 0 else None


def clock_offset(server_date: str | None, wall_clock: float, applied_offset: float = 0.0) -> float | None:
    """Return the seconds to add to the local clock to get the server's, if they are more than 4 minutes apart.

    Args:
        server_date: the response's ``Date`` header (RFC 9110, section 5.6.7).
        wall_clock: the local clock when the response came, in seconds since 1970.
        applied_offset: the offset that the request was signed with.

    Returns:
        The offset to the uncorrected clock, so that calls that compute it at the same time agree. None when the clock
        that the request was signed with is right, or the header is missing or malformed.
    """
    if server_date is None:
        return None
    try:
        date = parsedate_to_datetime(server_date)
        if date.tzinfo is None:
            date = date.replace(tzinfo=datetime.UTC)
        offset = date.timestamp() - wall_clock
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return offset if abs(offset - applied_offset) > _MAX_CLOCK_SKEW else None
