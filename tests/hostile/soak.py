"""Predictions and streams for a long time, 64 at once, while all kinds of things go wrong: nothing is lost or left.

``python -m tests.hostile.soak`` makes 150,000 predictions and 3,000 streams, ``--seconds 120`` as many as fit into two
minutes; the exit status is 1 when something is wrong, which the table says.

- Every call is accounted for: its own answer, by content; or a documented error, of which there may be no more than
  faults; no request is run twice. One stream in ten is left early.
- What the process holds is constant: file descriptors, tasks, objects and memory are sampled between waves of calls,
  when nothing is under way, and fitted by a line. What that grows by over the run may not exceed `ALLOWED`.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import os
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sagemaker_async import Credentials, RetryConfig, Session, Timeouts
from sagemaker_async.errors import CallError

from .answers import echo_of
from .calls import check_documented
from .processes import child
from .soak_server import PARTS, credentials_at

__all__ = ["ALLOWED", "Account", "Sample", "grown", "soak", "violations"]

CONCURRENCY = 64
FAULTS = 0.05
WAVE = 2_000
"""Calls between two samples."""
WARM_UP = 0.25
"""The share of the samples that come before caches and pools have their size."""


class Sample(NamedTuple):
    """What the process holds between two waves."""

    calls: int
    """Calls made by then."""
    descriptors: int
    tasks: int
    objects: int
    """That the garbage collector tracks, after a collection."""
    memory: int
    """The resident set, in KiB, without what the C library keeps free."""


ALLOWED = Sample(0, descriptors=16, tasks=1, objects=2_000, memory=2 * 1024)
"""What may be grown by over a run, by the line fitted: noise, such as how many connections wait in the pool."""


@dataclass
class Account:
    """What became of the calls."""

    calls: int = 0
    answered: int = 0
    left: int = 0
    """Streams that were left early, by intent."""
    wrong: int = 0
    """Answers that were not the caller's own."""
    errors: Counter[str] = field(default_factory=Counter)
    samples: list[Sample] = field(default_factory=list)
    server: dict[str, int] = field(default_factory=dict)
    """What the server says of itself."""


class _Rotating:
    """A source of credentials that live for a few seconds."""

    async def get(self) -> Credentials:
        return credentials_at(time.time())


async def soak(
    predicts: int, streams: int, *, seconds: float | None = None, faults: float = FAULTS, wave: int = WAVE
) -> Account:
    """Make the calls, no more after `seconds`, of which a share meets faults; return the account of them."""
    account = Account()
    until = None if seconds is None else time.monotonic() + seconds
    share = streams / (predicts + streams)
    chance = random.Random(11)
    async with (
        child("soak_server", str(predicts * 2), str(streams * 2), str(faults)) as server,
        _session(server.told["origin"]) as session,
    ):
        numbers = iter(range(predicts + streams))
        while (until is None or time.monotonic() < until) and account.calls < predicts + streams:
            calls = iter([(number, chance.random() < share) for _, number in zip(range(wave), numbers, strict=False)])
            async with asyncio.TaskGroup() as group:
                for _ in range(CONCURRENCY):
                    group.create_task(_work(session, calls, account))
            assert session.connections_in_use == 0
            account.samples.append(_sample(account.calls))
    account.server = server.tally
    return account


def _session(origin: str) -> Session:
    return Session(
        region="us-east-1",
        endpoint_url=origin,
        credentials=_Rotating(),
        max_connections=CONCURRENCY,
        timeouts=Timeouts(pool=None, first_byte=5, between_chunks=5),
        retry=RetryConfig(base_delay=0.01, max_delay=0.05),
    )


async def _work(session: Session, calls: Iterator[tuple[int, bool]], account: Account) -> None:
    for number, streams in calls:
        account.calls += 1
        body = b"%016d" % number + bytes(number * 7919 % (100_000 if number % 100 == 0 else 4_000))
        try:
            if streams:
                answer = await _stream(session, body, leave=number % 10 == 0)
            else:
                answer = (await session.runtime.invoke_endpoint(endpoint_name="predict", body=body)).body
        except CallError as error:
            check_documented(error)
            account.errors[type(error).__name__] += 1
        else:
            if answer is None:
                account.left += 1
            elif answer == echo_of(body):
                account.answered += 1
            else:
                account.wrong += 1


async def _stream(session: Session, body: bytes, *, leave: bool) -> bytes | None:
    """Return what the stream carried; None when it was left."""
    parts: list[bytes] = []
    call = session.runtime.invoke_endpoint_with_response_stream(endpoint_name="stream", body=body)
    async with call as response:
        async for event in response.body:
            if part := getattr(event, "bytes", None):  # else an event of a kind that is not known
                parts.append(part)
                if leave and len(parts) == PARTS // 2:
                    return None
            elif isinstance(event, CallError):
                raise event
    return b"".join(parts)


# --- what is left over -----------------------------------------------------------------------------------------------


def _sample(calls: int) -> Sample:
    gc.collect()
    _give_back_free_memory()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    memory = pages * resource.getpagesize() // 1024
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - pathlib keeps one open itself
    return Sample(calls, descriptors, len(asyncio.all_tasks()), len(gc.get_objects()), memory)


def _give_back_free_memory() -> None:
    """Have the C library give free memory back to the system, so that what is left is in use.

    Else its heap grows by some 40 bytes a call for a long time, of which nothing is in use.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):  # glibc's
        library.malloc_trim(0)


def grown(samples: Sequence[Sample]) -> Sample:
    """Return by how much each figure grew from the first to the last sample, on the line that fits them best."""
    calls = [sample.calls for sample in samples]
    mean = sum(calls) / len(calls)
    spread = sum((each - mean) ** 2 for each in calls) or 1
    slopes = [
        sum((x - mean) * y for x, y in zip(calls, values, strict=True)) / spread
        for values in zip(*samples, strict=True)
    ]
    span = calls[-1] - calls[0]
    return Sample(*(round(slope * span) for slope in slopes))


def after_warm_up(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return the samples from which on things should be constant."""
    return samples[int(len(samples) * WARM_UP) :]


def violations(account: Account) -> list[str]:
    """Return what is wrong, in words."""
    server = account.server
    failed = account.errors.total()
    growth = grown(after_warm_up(account.samples))
    found = [
        (account.wrong, f"{account.wrong} calls got an answer that was not their own"),
        (server["run_twice"], f"{server['run_twice']} requests were run twice"),
        (failed > server["faults"], f"{failed} calls failed, of {server['faults']} faults"),
        (account.answered + account.left + account.wrong + failed != account.calls, "some calls are not accounted for"),
        *(
            (by > allowed, f"{name} grew by {by}, allowed is {allowed}")
            for name, by, allowed in zip(Sample._fields[1:], growth[1:], ALLOWED[1:], strict=True)
        ),
    ]
    return [words for wrong, words in found if wrong]


# --- the command -----------------------------------------------------------------------------------------------------


def _print(account: Account, seconds: float) -> None:
    samples = after_warm_up(account.samples)
    growth = grown(samples)
    failed = f"{account.errors.total():,} failed of {account.server['faults']:,} faults"
    print(f"{account.calls:,} calls in {seconds:.0f} s: {account.answered:,} answered, {failed}")  # noqa: T201
    print(f"{account.left:,} streams left early, {dict(account.errors.most_common())}")  # noqa: T201
    print(f"\n{'':12}{'first':>10}{'last':>10}{'grown by':>10}{'allowed':>10}")  # noqa: T201
    for name, *values in zip(Sample._fields, samples[0], samples[-1], growth, ALLOWED, strict=True):
        print(f"{name:12}" + "".join(f"{value:10,}" for value in values))  # noqa: T201


def main() -> None:
    """Run the soak and print its table; the exit status is 1 when something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.soak", description=__doc__)
    parser.add_argument("--predicts", type=int, default=150_000)
    parser.add_argument("--streams", type=int, default=3_000)
    parser.add_argument("--seconds", type=float, help="make no more calls after this time")
    given = parser.parse_args()
    started = time.monotonic()
    account = asyncio.run(soak(given.predicts, given.streams, seconds=given.seconds))
    _print(account, time.monotonic() - started)
    wrong = violations(account)
    print("\n" + ("\n".join(wrong) or "nothing wrong"))  # noqa: T201
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
