"""The embedded SageMaker in a process of its own, with faults, for `soak`.

Its models echo, and count how often each request was run. It accepts the credentials that `credentials_at` gives, each
until they expire.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator

from sagemaker_async import Credentials
from sagemaker_async.local import (
    CutFrame,
    DropConnection,
    InStreamError,
    LocalSageMaker,
    NotAnEventStream,
    Reset,
    SlowFirstByte,
    Stall,
    Status,
    Throttle,
    UnknownEvent,
    UnmodeledError,
    WrongChecksum,
)
from sagemaker_async.local.faults import Fault

from .answers import echo_of
from .processes import tell

__all__ = ["PARTS", "credentials_at", "parts_of"]

PARTS = 8
"""Events of a stream."""
SLOT = 2.0
"""Seconds between two credentials; each live for one to two of these."""
_SLOTS = 5_400

RARE = 40
"""How much rarer than others those faults are that cost seconds."""
PREDICT_FAULTS: tuple[Fault, ...] = (
    Throttle(429),
    Throttle(null_message=True),
    Status(500, "InternalFailure"),
    Status(503, "ServiceUnavailable"),
    Status(502, body=b"<html>bad gateway</html>", content_type="text/html"),
    Status(424, "ModelError"),
    Reset("before_read"),
    Reset("after_read"),
    Reset("after_model"),
    DropConnection(),
    DropConnection(reset=True),
    SlowFirstByte(0.05),
)
STREAM_FAULTS: tuple[Fault, ...] = (
    Throttle(429),
    Status(503, "ServiceUnavailable"),
    Reset("after_read"),
    Reset("after_model"),
    DropConnection(after_parts=3),
    DropConnection(after_parts=3, reset=True),
    CutFrame(after_parts=3),
    WrongChecksum(part=4),
    InStreamError(after_parts=3),
    UnmodeledError(after_parts=3),
    UnknownEvent(after_parts=3),
    NotAnEventStream(),
)


def credentials_at(moment: float) -> Credentials:
    """Return the credentials that a source gives at a moment, in seconds since the epoch."""
    slot = int(moment / SLOT)
    expiration = datetime.datetime.fromtimestamp((slot + 2) * SLOT, datetime.UTC)
    return Credentials(f"AKIDSOAK{slot}", f"secret{slot}", f"token{slot}", expiration=expiration)


def parts_of(body: bytes) -> list[bytes]:
    """Return the payload parts of the stream that answers a body."""
    answer = echo_of(body)
    size = -(-len(answer) // PARTS)
    return [answer[start : start + size] for start in range(0, len(answer), size)]


def _plan(
    requests: int, faults: tuple[Fault, ...], stall: Stall, share: float, chance: random.Random
) -> list[Fault | None]:
    """Return what so many requests meet."""
    choices = [*faults * RARE, stall]
    return [chance.choice(choices) if chance.random() < share else None for _ in range(requests)]


async def _serve(predicts: int, streams: int, share: float) -> None:
    runs: Counter[bytes] = Counter()

    async def predict(body: bytes) -> bytes:
        runs[body[:16]] += 1
        return echo_of(body)

    async def stream(body: bytes) -> AsyncIterator[bytes]:
        runs[body[:16]] += 1
        for part in parts_of(body):
            yield part
            await asyncio.sleep(0)

    chance = random.Random(11)
    planned = {
        "predict": _plan(predicts, PREDICT_FAULTS, Stall(), share, chance),
        "stream": _plan(streams, STREAM_FAULTS, Stall(after_parts=3), share, chance),
    }
    async with LocalSageMaker() as local:
        now = time.time()
        for slot in range(-3, _SLOTS):
            local.accept_credentials(credentials_at(now + slot * SLOT))
        endpoints = {
            "predict": local.add_endpoint("predict", predict),
            "stream": local.add_endpoint("stream", stream),
        }
        for name, faults in planned.items():
            endpoints[name].faults.extend(faults)
        tell({"origin": local.url})
        await asyncio.to_thread(sys.stdin.read)
        met = [planned[name][: len(planned[name]) - len(endpoint.faults)] for name, endpoint in endpoints.items()]
        tell(
            {
                "run_twice": sum(number > 1 for number in runs.values()),
                "runs": runs.total(),
                "faults": sum(fault is not None for faults in met for fault in faults),
                "requests": sum(endpoint.requests for endpoint in endpoints.values()),
            }
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("predicts", type=int)
    parser.add_argument("streams", type=int)
    parser.add_argument("share", type=float)
    asyncio.run(_serve(**vars(parser.parse_args())))
