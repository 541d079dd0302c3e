"""What became of an attempt, and what that means for retries: `classify` turns an `Outcome` into a `Kind`.

An `Outcome` holds facts only. The sets of codes and statuses below are AWS's (botocore 1.44.5
``botocore/retries/standard.py``; the clock-skew codes are those of the Ruby and JavaScript SDKs), and `RetryRules`
brings what a service adds to them, for this module knows no service's name. What is done about each kind is up to
`policy`.

Two rules differ from botocore on purpose. A 502 or 504, or a connection lost after the request was sent, is
*ambiguous*: the request may have been processed. And clock skew and expired credentials are kinds of their own. A code
that says throttling goes before the status: the request was refused, even if a gateway passed that on with a 502.

Pure: no I/O, no clock, no randomness; nothing raises, whatever the texts of the headers are.
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
"""HTTP statuses of failures that pass by themselves and of which the service itself tells."""

AMBIGUOUS_STATUSES = frozenset({502, 504})
"""HTTP statuses of a gateway's failures, which pass as well; what became of the request behind it is unknown."""

TRANSIENT_CODES = frozenset({"InternalFailure", "RequestTimeout", "RequestTimeoutException", "ServiceUnavailable"})
"""AWS error codes of failures that pass by themselves, whatever the status."""

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
"""AWS error codes that ask to be called less often; a 429 counts without one."""

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
"""AWS error codes that a wrong clock causes, among other things: the response's ``Date`` decides."""

EXPIRED_CREDENTIALS_CODES = frozenset({"ExpiredToken", "ExpiredTokenException"})
"""AWS error codes of a session token that is past its time."""

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
    """The facts of one failed attempt that decide about the next.

    With a response: `status`, and of its body and headers what there is. Without: at most one of `not_sent`, `stale`
    and `ambiguous`; none of them means that repeating cannot help (the total time limit, a full pool).
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
    """The text of the header ``Date``; without it, no clock skew is seen."""
    wall_clock: float = 0.0
    """The local clock when the response came, in seconds since 1970, uncorrected."""
    applied_offset: float = 0.0
    """The clock offset the attempt was signed with, in seconds."""
    not_sent: bool = False
    """No connection was made: refused, DNS, TLS, proxy, or the connect time limit."""
    stale: bool = False
    """A connection from the pool turned out to be closed before the request was read."""
    ambiguous: bool = False
    """The request was sent, at least in part, and no answer says what became of it."""

    @property
    def clock_skew(self) -> float | None:
        """What `clock_offset` says of this outcome."""
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
    """Say what `outcome` means for retries, by AWS's rules and those of the service."""
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
    """Return the seconds to add to the local clock to have the server's, when they are more than 4 minutes apart.

    Args:
        server_date: the response's ``Date`` header (RFC 9110, section 5.6.7).
        wall_clock: the local clock when the response came, in seconds since 1970.
        applied_offset: what had been added to the local clock already when the request was signed.

    Returns:
        The offset to the uncorrected clock, so that calls that find it at the same time agree. None when the clock that
        the request was signed by is right, and when the header is missing or malformed.
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
