"""What FastAPI adds to the latency of a call; see `benchmarks.fastapi_latency`, which can be run alone as well."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from benchmarks.measure import Result, Run

__all__ = ["run"]


def run(run: Run) -> list[Result]:
    """Return one result, or none where FastAPI or uvicorn is not installed."""
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        print("left out: fastapi (fastapi or uvicorn is not installed)", file=sys.stderr)
        return []
    from benchmarks import fastapi_latency

    measured = fastapi_latency.run(run.operations(fastapi_latency.ROUNDS, 5))
    ways = {
        **measured,
        **{f"added by FastAPI to {name}": value for name, value in measured["added by FastAPI"].items()},
    }
    result = Result("fastapi", "one request at a time", "call")
    for name, values in ways.items():
        if isinstance(values, dict) and "p50_ms" in values:
            result.values[name] = {"p50": values["p50_ms"] * 1000, "p99": values["p99_ms"] * 1000}
    return [result]
