"""`MapOptions`: how many records are under way at once, how fast, for how long, and who is informed. Values only."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypedDict, Unpack, cast, get_args

from sagemaker_async.config import check_count, check_flag, check_seconds
from sagemaker_async.errors import ConfigurationError

from .outcome import Progress

__all__ = ["MapFields", "MapOptions", "OnError"]

OnError = Literal["raise", "return"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MapOptions:
    """The options of `Predictor.map`, of bulk runs and of scoring on a cluster, which all take the same ones.

    Raises:
        ConfigurationError: an option is wrong.
    """

    concurrency: int | None = None
    """How many requests are under way at once: never more, and no fewer while there are records. None adapts: it grows
    while that helps, and falls when the endpoint throttles, answers 503 or takes longer to begin its answers."""
    max_concurrency: int | None = None
    """What an adapting `concurrency` never exceeds. None: the size of the session's pool (`Config.max_connections`),
    which is 128."""
    ordered: bool = True
    """Whether outcomes come in the order of their records. False gives each as soon as it is ready. In order, a slow
    record holds up the outcomes behind it; at most four times `concurrency` records are worked on meanwhile."""
    on_error: OnError = "raise"
    """``raise`` ends at the first record that fails, with its error, and drops the requests under way. ``return`` gives
    the error as an outcome and continues."""
    id: Callable[[Any], Any] | None = None
    """Returns your own id of a record, for `Outcome.id`. None: `Outcome.id` is the index."""
    rate: float | None = None
    """The most requests per second, evenly spaced, for an endpoint that others need too. Repeated requests count; those
    that the session itself repeats do not. None: no limit."""
    total_timeout: float | None = None
    """Seconds for all records together. When they are over, the requests under way are dropped, and after the outcomes
    that are ready (in order, with gaps where something was dropped) `MapTimeoutError` is raised. None: no limit."""
    retry_for: float = 300.0
    """For how many seconds a record that the endpoint refuses (throttling, 503, a container that says 429 or 503, no
    connection) is sent again, beyond the session's own attempts. 0: not at all. What may have been processed is never
    sent again."""
    on_progress: Callable[[Progress], object] | None = None
    """Is called when records are finished, at most ten times a second, and at the end. It must not block; what it
    raises ends the mapping."""
    progress_bar: bool = False
    """Show a bar on stderr (extra ``cli``: rich); nothing is shown when stderr is not a terminal."""
    total: int | None = None
    """How many records there are, for progress. None: their `len()`, if they have one."""

    def __post_init__(self) -> None:
        for name in ("concurrency", "max_concurrency"):
            if getattr(self, name) is not None:
                check_count(getattr(self, name), name, " or None")
        if self.concurrency is not None and self.max_concurrency is not None:
            raise ConfigurationError(
                f"concurrency={self.concurrency} is fixed, so max_concurrency={self.max_concurrency} has no "
                "effect: leave one of them out"
            )
        if self.on_error not in get_args(OnError):
            raise ConfigurationError(f"on_error must be 'raise' or 'return', got {self.on_error!r}")
        for name in ("ordered", "progress_bar"):
            check_flag(getattr(self, name), name)
        for name in ("id", "on_progress"):
            if getattr(self, name) is not None and not callable(getattr(self, name)):
                raise ConfigurationError(f"{name} must be a callable or None, got {getattr(self, name)!r}")
        check_seconds(self.total_timeout, "total_timeout")
        check_seconds(self.retry_for, "retry_for", zero_allowed=True, optional=False)
        if self.rate is not None and (
            isinstance(self.rate, bool) or not isinstance(self.rate, int | float) or not 0 < self.rate < math.inf
        ):
            raise ConfigurationError(f"rate must be a number of requests per second, more than 0, got {self.rate!r}")
        if self.total is not None and (
            isinstance(self.total, bool) or not isinstance(self.total, int) or self.total < 0
        ):
            raise ConfigurationError(f"total must be a whole number of records, 0 or more, or None, got {self.total!r}")

    def fields(self) -> MapFields:
        """Return the options as keyword arguments."""
        return cast("MapFields", {field.name: getattr(self, field.name) for field in fields(self)})

    def with_fields(self, **changes: Unpack[MapFields]) -> MapOptions:
        """Return a copy with some options replaced.

        Raises:
            ConfigurationError: there is no such option, or its value is wrong.
        """
        known = [field.name for field in fields(self)]
        for name in changes:
            if name not in known:
                raise ConfigurationError(f"there is no option {name!r}; there are {', '.join(known)}")
        return replace(self, **changes)


class MapFields(TypedDict, total=False):
    """The fields of `MapOptions`, for typed keyword arguments; a test keeps the two equal."""

    concurrency: int | None
    max_concurrency: int | None
    ordered: bool
    on_error: OnError
    id: Callable[[Any], Any] | None
    rate: float | None
    total_timeout: float | None
    retry_for: float
    on_progress: Callable[[Progress], object] | None
    progress_bar: bool
    total: int | None
