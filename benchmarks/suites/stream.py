"""`Predictor.predict_stream`: one stream, as fast as it can be read. CPU per event, events a second.

The server writes 64 KB at a time, so that every read finds a full buffer and no contestant waits: what is measured is
HTTP's chunks and the events in them, and not how many reads it takes.
"""

from __future__ import annotations

import itertools

from benchmarks.measure import TLS, Result, Run, compare

__all__ = ["run"]

CONTESTANTS = ("ours", "aiohttp", "aiohttp + crc32", "aiobotocore", "boto3 in threads", "AWS SDK for JavaScript")
SIZES = {"100 B": (100, 20_000, (1, 10, 100)), "4 KB": (4096, 8000, (1, 10, 100)), "64 KB": (65_536, 1200, (1, 10))}
"""Bytes of a part, events of a round, how many of them in one chunk."""


def run(run: Run) -> list[Result]:
    """Return one result for each size, number of events in a chunk, loop and kind of connection, TLS first."""
    results: list[Result] = []
    for tls, (size, (part, full, counts)) in itertools.product((True, False), SIZES.items()):
        for per_chunk in counts:
            for loop in run.loops:
                events = run.operations(full, per_chunk) // per_chunk * per_chunk
                scenario = {
                    "kind": "stream",
                    "endpoint": f"s{events}-b{part}-c{per_chunk}-i0-d0",
                    "warm_up": f"s{max(events // 10, per_chunk)}-b{part}-c{per_chunk}-i0-d0",
                    "events": events,
                    "streams": 1,
                }
                result = Result("stream", f"{TLS if tls else ''}{size} parts, {per_chunk} a chunk, {loop}", "event")
                results.append(compare(run, result, CONTESTANTS, scenario, loop, tls=tls))
    return results
