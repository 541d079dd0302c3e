"""`Predictor.predict`, bytes in and as many bytes out: CPU per call, calls a second, latencies, memory."""

from __future__ import annotations

import itertools

from benchmarks.measure import TLS, Result, Run, compare

__all__ = ["run"]

CONTESTANTS = ("ours", "aiohttp", "aiohttp + sha256", "aiobotocore", "boto3 in threads", "AWS SDK for JavaScript")
SIZES = {
    "300 B": (300, 4000, (1, 32, 256)),
    "64 KB": (64 * 1024, 1500, (1, 32, 256)),
    "5 MB": (5_000_000, 48, (1, 8)),
}
"""Bytes, operations of a round, how many of them at once."""


def run(run: Run) -> list[Result]:
    """Return one result for each size, concurrency, loop and kind of connection, TLS first."""
    results: list[Result] = []
    for tls, (size, (body, full, concurrencies)) in itertools.product((True, False), SIZES.items()):
        for concurrency in concurrencies:
            for loop in run.loops:
                scenario = {
                    "kind": "invoke",
                    "endpoint": f"r{body}-d0",
                    "body": body,
                    "concurrency": concurrency,
                    "connections": max(concurrency, 100),
                    "operations": run.operations(full, concurrency),
                }
                result = Result("invoke", f"{TLS if tls else ''}{size}, {concurrency} at once, {loop}", "call")
                results.append(compare(run, result, CONTESTANTS, scenario, loop, tls=tls))
    return results
