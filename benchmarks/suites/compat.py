"""What aiobotocore's names cost: our client under them, "ours" here, beside the session's own and aiobotocore."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.measure import Result, Run, compare, worker

__all__ = ["run"]

CONTESTANTS = ("ours", "our client", "aiobotocore")
EVENTS = 20_000


def run(run: Run) -> list[Result]:
    """Return a result for predictions, one for the events of a stream, and one for the control plane, on each loop."""
    own = {"ours": worker("aiobotocore_client:compat"), "our client": worker("ours:client")}
    run = replace(run, commands={**run.commands, **own})
    events = run.operations(EVENTS, 10)
    scenarios = {
        "300 B, 32 at once": (
            "call",
            {
                "kind": "invoke",
                "endpoint": "r300-d0",
                "body": 300,
                "concurrency": 32,
                "connections": 100,
                "operations": run.operations(4000, 32),
            },
        ),
        "100 B events, 1 a chunk": (
            "event",
            {
                "kind": "stream",
                "endpoint": f"s{events}-b100-c1-i0-d0",
                "warm_up": "s200-b100-c1-i0-d0",
                "events": events,
                "streams": 1,
            },
        ),
        "DescribeEndpoint": (
            "call",
            {"kind": "describe", "endpoint": "r300-d0", "operations": run.operations(1000, 5)},
        ),
    }
    return [
        compare(run, Result("compat", f"{name}, {loop}", unit), CONTESTANTS, scenario, loop)
        for name, (unit, scenario) in scenarios.items()
        for loop in run.loops
    ]
