"""Time to the first byte (the head of the answer) and to the first event, one stream at a time, on a kept connection.

Two servers: one that answers at once, which shows what a client adds in microseconds; and one whose model takes 20 ms
to its first token, which shows what that is to a caller. One stream at a time, whatever the server does with a longer
head is part of the time: ``aiohttp, our head`` sends the header fields that we send.
"""

from __future__ import annotations

import itertools

from benchmarks.measure import TLS, Result, Run, compare

__all__ = ["run"]

CONTESTANTS = ("ours", "aiohttp", "aiohttp, our head", "aiobotocore", "boto3 in threads", "AWS SDK for JavaScript")
DELAYS_MS = {0: 1500, 20: 150}
"""What the model takes to its first token, and the streams of a round."""


def run(run: Run) -> list[Result]:
    """Return one result for each delay, loop and kind of connection, TLS first."""
    results: list[Result] = []
    for tls, (delay, full) in itertools.product((True, False), DELAYS_MS.items()):
        for loop in run.loops:
            scenario = {"kind": "first", "endpoint": f"s2-b100-c1-i0-d{delay}", "operations": run.operations(full, 5)}
            result = Result("first_event", f"{TLS if tls else ''}model takes {delay} ms, {loop}", "stream")
            results.append(compare(run, result, CONTESTANTS, scenario, loop, tls=tls))
    return results
