"""Very many streams open at once, an event of 100 B on each twice a second: memory per stream, CPU per event.

boto3 is left out: it would need as many threads. Memory is what each stream after the first tenth adds to the process's
resident memory, so that what the interpreter has left over from importing, or makes once, counts for nobody.
"""

from __future__ import annotations

import itertools

from benchmarks.measure import TLS, Result, Run, compare

__all__ = ["run"]

CONTESTANTS = ("ours", "aiohttp", "aiobotocore")
STREAMS = 1000
LEAST_SCALE = 0.2
"""From here on there are all of them, for it is their number that matters."""
EVENTS = 12
INTERVAL_MS = 500


def run(run: Run) -> list[Result]:
    """Return one result for each loop and kind of connection, TLS first."""
    streams = STREAMS if run.scale >= LEAST_SCALE else run.operations(STREAMS, 2)
    results: list[Result] = []
    for tls, loop in itertools.product((True, False), run.loops):
        scenario = {
            "kind": "slow",
            "endpoint": f"s{EVENTS}-b100-c1-i{INTERVAL_MS}-d0",
            "warm_up": "s10-b100-c1-i0-d0",
            "events": EVENTS,
            "interval": INTERVAL_MS / 1000,
            "streams": streams,
            "connections": streams,
        }
        result = Result("slow_streams", f"{TLS if tls else ''}{streams} streams, {loop}", "event")
        results.append(compare(run, result, CONTESTANTS, scenario, loop, tls=tls))
    return results
