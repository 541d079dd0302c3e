"""A million small records: `Predictor.map`, beside loops with a semaphore over our client (``ours``) and aiobotocore's.

The million is for memory: ``growth`` is how far its peak rises from a tenth of the records to all of them. Speed is
compared over a twentieth of them, for it does not depend on their number. ``--scale`` says how many a million are.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks.measure import Result, Run, compare, worker

__all__ = ["run"]

RECORDS = 1_000_000
CONCURRENCY = 64
CONTESTANTS = {
    "ours, map": "mapped",
    "ours, map unordered": "mapped:unordered",
    "ours, map adaptive": "mapped:adaptive",
    "ours": "ours",
    "aiobotocore": "aiobotocore_client",
}


def run(run: Run) -> list[Result]:
    """Return two results: the memory of all records, and the speed of a part of them."""
    commands = {name: worker(module) for name, module in CONTESTANTS.items() if name in run.commands or "," in name}
    every = replace(run, commands=commands)
    results: list[Result] = []
    for part, names in ((1, ("ours, map", "ours, map adaptive")), (20, CONTESTANTS)):
        records = run.operations(RECORDS // part, 100)
        scenario = {
            "kind": "bulk",
            "endpoint": "r300-d0",
            "body": 300,
            "answer": 300,
            "concurrency": CONCURRENCY,
            "connections": 128,
            "records": records,
        }
        result = Result("bulk", f"{records:,} records of 300 B, {CONCURRENCY} at once", "record")
        results.append(compare(replace(every, rounds=1) if part == 1 else every, result, names, scenario))
    return results
