"""`session.hosting.describe_endpoint` in a process that has predicted: the first call, which imports shapes or builds a
client, and those after it.
"""

from __future__ import annotations

from benchmarks.measure import Result, Run, compare

__all__ = ["run"]

CONTESTANTS = ("ours", "aiobotocore", "boto3 in threads")
PROCESSES = 4
"""In each round, of which the median counts: each has one first call."""


def run(run: Run) -> list[Result]:
    """Return one result for each loop; ``first`` is the CPU of the first call, ``first_wall`` its time."""
    scenario = {"kind": "describe", "endpoint": "r300-d0", "operations": run.operations(1000, 5)}
    return [
        compare(
            run,
            Result("hosting", f"DescribeEndpoint, {loop}", "call"),
            CONTESTANTS,
            scenario,
            loop,
            processes=PROCESSES,
        )
        for loop in run.loops
    ]
