"""What each trick of the request path is worth: ours beside ours without it, see `benchmarks.without`."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.measure import Result, Run, compare
from benchmarks.without import CALLS, CHECKS, STREAMS

__all__ = ["run"]


def run(run: Run) -> list[Result]:
    """Return a result for calls and one for events; each contestant is named after the trick it lacks."""
    events = run.operations(40_000, 10) // 10 * 10
    call = {
        "kind": "invoke",
        "endpoint": "r300-d0",
        "body": 300,
        "concurrency": 32,
        "operations": run.operations(4000, 32),
    }
    stream = {
        "kind": "stream",
        "endpoint": f"s{events}-b100-c10-i0-d0",
        "warm_up": "s1000-b100-c10-i0-d0",
        "events": events,
        "streams": 1,
    }
    return [
        _compared(run, Result("tricks", "300 B, 32 at once", "call"), call, [*CALLS, *CHECKS]),
        _compared(run, Result("tricks", "100 B parts, 10 a chunk", "event"), stream, list(STREAMS)),
    ]


def _compared(run: Run, result: Result, scenario: dict[str, object], tricks: list[str]) -> Result:
    lacking = {f"without {trick}": {"without": trick} for trick in tricks}
    ours = run.commands["ours"]
    every = replace(run, commands=dict.fromkeys(["ours", *lacking], ours))
    return compare(every, result, every.commands, scenario, lacking=lacking)
