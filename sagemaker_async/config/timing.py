"""How long to wait, and when to try again: `Timeouts` and `RetryConfig`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal, get_args

from sagemaker_async.errors import ConfigurationError

from ._checks import check_count, check_flag, check_seconds

__all__ = ["RETRY_MODES", "DefaultSeconds", "RetryConfig", "RetryMode", "Timeouts"]


class DefaultSeconds(float):
    """A default number of seconds, which another default may replace; equal to the plain number."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Time limits, in seconds; None means no limit, except for `keepalive`.

    Each but that one has its own exception under `TransportTimeoutError`.
    """

    pool: float | None = 60.0
    """How long the queue for a connection may stand still: seconds in which none came free at all. A burst that is
    larger than `Config.max_connections` queues for as long as that takes; streams that nobody closes are noticed."""
    connect: float | None = DefaultSeconds(5.0)
    """DNS, TCP and TLS together. Raise it across continents or through slow proxies. When it is left out,
    `Config.defaults_mode` may replace it by another number."""
    first_byte: float | None = DefaultSeconds(70.0)
    """From the last byte sent to the first byte of the answer. SageMaker gives a model 60 s; lower it for fast
    models. When it is left out, it is 170 s for inference routers, which may try a second destination."""
    between_chunks: float | None = 60.0
    """Silence within an answer. Raise it for models that pause for long between tokens."""
    keepalive: float = 15.0
    """How long an idle connection is kept. Keep it below the idle limit of any load balancer on the way, which would
    otherwise close connections that are about to be used. It must be a number; to keep connections for long, use a
    large one."""
    total: float | None = None
    """All attempts and the delays between them, up to the complete answer (for a stream: up to its first byte).
    Set it where callers do not wait longer than that. None: no limit but the others."""

    def __post_init__(self) -> None:
        for f in fields(self):
            check_seconds(getattr(self, f.name), f"Timeouts.{f.name}", optional=f.name != "keepalive")


RetryMode = Literal["standard", "adaptive", "legacy"]
RETRY_MODES: tuple[RetryMode, ...] = get_args(RetryMode)
Jitter = Literal["full", "equal", "none"]
_JITTERS: tuple[Jitter, ...] = get_args(Jitter)


@dataclass(frozen=True, kw_only=True)
class RetryConfig:
    """When and how often a failed attempt is repeated; AWS's standard mode by default."""

    mode: RetryMode | None = None
    """``standard``; ``adaptive``, which also limits how often attempts are sent while the service throttles, for batch
    work that shares one endpoint; or ``legacy``, botocore's old mode: 5 attempts, no retry quota, delays of 1 s, 2 s,
    4 s before jitter. None: `AWS_RETRY_MODE`, then the profile's ``retry_mode``, then standard."""
    max_attempts: int | None = None
    """All attempts, the first included; 1 turns retries off. Raise it for work that may wait. None:
    `AWS_MAX_ATTEMPTS`, then the profile's ``max_attempts``, then 3 (legacy mode: 5)."""
    base_delay: float | None = None
    """Scale of the back-off, in seconds: the delay before the first retry, which doubles with each, before jitter.
    Lower it where a retry is cheap and latency counts. None: 0.05 after transient errors and 1 after throttling; in
    legacy mode 1 after either."""
    max_delay: float | None = 20.0
    """Upper limit of one back-off delay, in seconds; lower it where callers do not wait that long. None and 0: no
    limit, as in AWS's client for Ruby."""
    jitter: Jitter | Callable[[float], float] = "full"
    """How chance spreads retries, so that clients do not retry in step. ``full``: each delay is multiplied by a random
    number in [0, 1); ``equal``: by one in [0.5, 1), for a delay that is never near 0; ``none``: by 1. Or a callable
    that takes the delay and returns the one to use, in seconds."""
    backoff: Callable[[int], float] | None = None
    """A back-off of your own: takes the retry's number (from 0), returns seconds; replaces delay, limit and jitter."""
    retry_ambiguous: bool = False
    """Repeat invocations whose outcome is unknown. Only for models that may run twice without harm or cost."""
    retry_stale: bool = True
    """Send once more, at once and for free, when the peer has closed a pooled connection before it read the request.
    False makes that an error, for programs that count what is sent."""
    adaptive_wait_to_fill: bool = True
    """In adaptive mode, wait until the rate limit allows an attempt; False raises `ThrottlingError` at
    once instead, for callers that would rather fail than wait."""

    def __post_init__(self) -> None:
        if self.mode not in (None, *RETRY_MODES):
            raise ConfigurationError(f"RetryConfig.mode must be 'standard', 'adaptive' or 'legacy', got {self.mode!r}")
        if self.max_attempts is not None:
            check_count(self.max_attempts, "RetryConfig.max_attempts", " (1 = no retries)")
        check_seconds(self.base_delay, "RetryConfig.base_delay", zero_allowed=True)
        check_seconds(self.max_delay, "RetryConfig.max_delay", zero_allowed=True)
        if not callable(self.jitter) and self.jitter not in _JITTERS:
            raise ConfigurationError(
                "RetryConfig.jitter must be 'full', 'equal', 'none', or a callable that takes the delay and returns "
                f"seconds, got {self.jitter!r}"
            )
        if self.backoff is not None and not callable(self.backoff):
            raise ConfigurationError(
                "RetryConfig.backoff must be a callable that takes the retry's number and returns seconds"
            )
        for name in ("retry_ambiguous", "retry_stale", "adaptive_wait_to_fill"):
            check_flag(getattr(self, name), f"RetryConfig.{name}")
        if self.backoff is not None and self.base_delay is not None:
            raise ConfigurationError("RetryConfig.backoff replaces base_delay: remove one or the other")
