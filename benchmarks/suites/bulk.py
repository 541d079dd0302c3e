"""A million small records: `Predictor.map`, beside a loop with a semaphore over our client and over aiobotocore's.

``growth`` is how far the peak of memory rises from a tenth of the records to all of them. ``--scale`` says how many
there are; a loop over aiobotocore gets a twentieth of them, for its time a record does not depend on their number.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks.measure import Result, Run, compare, worker

__all__ = ["run"]

RECORDS = 1_000_000
CONCURRENCY = 64
OURS = {
    "map": "mapped",
    "map, unordered": "mapped:unordered",
    "map, adaptive": "mapped:adaptive",
    "semaphore over ours": "ours",
}
OTHERS = {"semaphore over aiobotocore": "aiobotocore_client"}


def run(run: Run) -> list[Result]:
    """Return one result, with as many records for each contestant as it needs."""
    result = Result("bulk", f"{run.operations(RECORDS, 100):,} records of 300 B, {CONCURRENCY} at once", "record")
    others = OTHERS if "aiobotocore" in run.commands else {}
    commands = {name: worker(module) for name, module in {**OURS, **others}.items()}
    every = replace(run, commands=commands)
    for names, share in ((OURS, 1), (others, 20)):
        scenario = {
            "kind": "bulk",
            "endpoint": "r300-d0",
            "body": 300,
            "answer": 300,
            "concurrency": CONCURRENCY,
            "connections": 128,
            "records": run.operations(RECORDS // share, 100),
        }
        compare(every, result, names, scenario)
    return [result]
