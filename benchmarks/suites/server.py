"""What the canned server can do: the CPU it spends, asked by a client that does nothing, is its ceiling.

One contestant is never measured against a server that is busier than itself: the figures of the other suites are to be
read beside these.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import Result, Run, compare
from benchmarks.worker import PASSES

__all__ = ["run"]


def run(run: Run) -> list[Result]:
    """Return the server's CPU per request and per event, and how many of them one second of it can hold."""
    calls = run.operations(40_000)
    results = [
        _measured(run, Result("server", "300 B, 32 at once", "call"), calls, {
            "kind": "invoke", "endpoint": "r300-d0", "body": 300, "concurrency": 32, "operations": calls,
        })
    ]  # fmt: skip
    for per_chunk in (1, 10, 100):
        events = run.operations(100_000) * per_chunk
        scenario = {
            "kind": "stream",
            "endpoint": f"s{events}-b100-c{per_chunk}-i0-d0",
            "warm_up": f"s100-b100-c{per_chunk}-i0-d0",
            "events": events,
            "streams": 1,
        }
        results.append(_measured(run, Result("server", f"100 B parts, {per_chunk} a chunk", "event"), events, scenario))
    return results


def _measured(run: Run, result: Result, operations: int, scenario: dict[str, object]) -> Result:
    loop = run.loops[-1]
    once = replace(run, rounds=1)
    for _ in range(run.rounds):
        before = _cpu_of(run.server.pid)
        compare(once, result, ["raw socket"], scenario, loop)
        passes = PASSES if scenario["kind"] == "stream" else 1
        cpu = (_cpu_of(run.server.pid) - before) / operations / passes
        if cpu:
            result.add("canned server", {"cpu": cpu * 1e6, "throughput": 1 / cpu})
    return result


def _cpu_of(pid: int) -> float:
    """Return the CPU time that a process has used, in seconds; the kernel tells it in hundredths."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
