"""The results of a run: `Summary`, and the `Tally` that it is made from. Pure; the time is passed in."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sagemaker_async.records.dialects import recognise

from .lines import Line

__all__ = ["Summary", "Tally", "usage_of"]

_STEP = math.log(1.02)
"""Latencies are counted in steps of 2 %: a few hundred counters, whatever the number of records."""
_PERCENTILES = (50, 90, 99)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What came of a run."""

    complete: bool
    """Whether every record of the input has its line in the output."""
    records: int
    """How many records have a line, including those from earlier runs with the same output."""
    succeeded: int
    """How many of these have an answer."""
    errors: Mapping[str, int]
    """How many failed, by the error's type, the most frequent first."""
    usage: Mapping[str, int]
    """The sum of the tokens that the model reported, under OpenAI's names; empty when it reported none."""
    earlier: int
    """How many of the records were finished in earlier runs; the fields below cover only this run."""
    seconds: float
    """How long this run took."""
    retried: int
    """How many requests it made again because the endpoint had refused them, beyond those of the session itself."""
    latency: Mapping[str, float]
    """Seconds of a call, retries included: ``p50``, ``p90``, ``p99`` (to 2 %) and ``max``; empty without a call."""

    @property
    def failed(self) -> int:
        """How many records have an error in the output."""
        return sum(self.errors.values())

    @property
    def rate(self) -> float:
        """Records a second in this run."""
        return (self.records - self.earlier) / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        """Return the summary in words, one line for each matter."""
        of = "all records" if self.complete else "the run is not complete:"
        rows = [f"{of} {self.records:,} finished, {self.succeeded:,} with an answer, {self.failed:,} failed"]
        if self.earlier:
            rows.append(f"{self.earlier:,} of them in earlier runs")
        rows.append(f"{self.rate:,.1f} records/s over {self.seconds:,.1f} s, {self.retried:,} requests made again")
        if self.latency:
            rows.append(
                "latency " + ", ".join(f"{name} {value * 1000:,.1f} ms" for name, value in self.latency.items())
            )
        if self.errors:
            rows.append("errors " + ", ".join(f"{name} {count:,}" for name, count in self.errors.items()))
        if self.usage:
            rows.append("tokens " + ", ".join(f"{name} {count:,}" for name, count in self.usage.items()))
        return "\n".join(rows)


@dataclass(kw_only=True)
class Tally:
    """Counts outcomes."""

    records: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    usage: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    earlier: int = 0
    _latencies: Counter[int] = field(default_factory=Counter)
    _longest: float = 0.0

    @property
    def failed(self) -> int:
        """How many records failed."""
        return self.errors.total()

    def add_line(self, line: Line) -> None:
        """Count a line of an earlier run."""
        self.earlier += 1
        self.records += 1
        if line.error is not None:
            self.errors[str(line.error.get("type"))] += 1
        self.usage.update(usage_of(line.result))

    def add_result(self, result: Any) -> None:
        """Count an answer."""
        self.records += 1
        self.usage.update(usage_of(result))

    def add_error(self, kind: str) -> None:
        """Count a record that failed."""
        self.records += 1
        self.errors[kind] += 1

    def add_call(self, seconds: float) -> None:
        """Count a call."""
        self._latencies[math.ceil(math.log(max(seconds, 1e-6)) / _STEP)] += 1
        self._longest = max(self._longest, seconds)

    def summary(self, seconds: float, *, complete: bool) -> Summary:
        """Return what came of the run."""
        return Summary(
            complete=complete,
            records=self.records,
            succeeded=self.records - self.failed,
            errors=dict(self.errors.most_common()),
            usage=dict(self.usage),
            earlier=self.earlier,
            seconds=seconds,
            retried=self.retried,
            latency=self._percentiles(),
        )

    def _percentiles(self) -> dict[str, float]:
        total = self._latencies.total()
        found: dict[str, float] = {}
        seen = 0
        for step, count in sorted(self._latencies.items()):
            seen += count
            for percent in _PERCENTILES:
                if seen * 100 >= total * percent and f"p{percent}" not in found:
                    found[f"p{percent}"] = min(math.exp(step * _STEP), self._longest)
        return {**found, "max": self._longest} if found else {}


def usage_of(result: Any) -> Mapping[str, int]:
    """Return the token counts that an answer reports, in any dialect; empty when it reports none."""
    usage = getattr(result, "usage", None)
    record = result[0] if isinstance(result, list) and len(result) == 1 else result
    # Most answers report none, and are told by these two names at a fraction of the cost.
    reports = isinstance(record, dict) and ("usage" in record or "details" in record)
    if usage is None and reports and (dialect := recognise(record)) is not None:
        try:
            usage = next((delta.usage for delta in dialect.deltas(record) if delta.usage), None)
        except (LookupError, TypeError, ValueError, AttributeError):  # malformed: see Dialect.deltas
            return {}
    if not isinstance(usage, Mapping):
        return {}
    return {name: count for name, count in usage.items() if isinstance(count, int) and not isinstance(count, bool)}
