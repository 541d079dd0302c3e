"""What `Predictor.map` gives back: an `Outcome` for each record, and `Progress` for those who watch. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = ["Outcome", "Progress"]

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[R]):
    """What became of one record: either `result` or `error`."""

    index: int
    """The record's place in what was given, counted from 0."""
    record: Any
    """The record itself."""
    id: Any
    """What the option `id` made of the record; its `index` without that option."""
    result: R | None
    """The answer; None when there is an `error`."""
    error: Exception | None
    """Why there is no answer; None when there is one."""
    attempts: int
    """How many requests were made for the record, including those that the session repeated by itself; 0 when the
    record could not be sent at all. Records of one batch share their requests."""
    latency: float
    """Seconds from the first request to the answer or the error, including delays between attempts."""

    @property
    def ok(self) -> bool:
        """Whether there is an answer, even if the answer is None."""
        return self.error is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a mapping."""

    done: int
    """Records that are finished, successful or not."""
    failed: int
    """Those of them that ended with an error."""
    retried: int
    """Requests that were made again because the endpoint had refused them."""
    in_flight: int
    """Requests under way."""
    concurrency: int
    """How many may be under way now."""
    pace: float | None
    """Requests per second that the endpoint seems to take; None as long as it has not throttled, or with a fixed
    `concurrency`."""
    seconds: float
    """Since the first record was read."""
    total: int | None
    """How many records there are; None when it is unknown."""

    @property
    def rate(self) -> float:
        """Finished records per second, from the beginning."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """The time that the rest will take at this rate; None when it is unknown."""
        return None if self.total is None or not self.rate else max(self.total - self.done, 0) / self.rate
