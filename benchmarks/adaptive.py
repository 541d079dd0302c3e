"""How the adapting limit of `Predictor.map` settles on a real socket: ``python -m benchmarks.adaptive --rate 200``.

The canned server takes so many requests a second, and twice as many from halfway on; it refuses the others as SageMaker
does. Printed are, for every five seconds, what it took and refused, and what was to be shown: settled within 10 % of
what it takes, under 2 % refused, no record lost, and the doubled rate reached within 30 s.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
import urllib.request
from collections.abc import Iterator
from typing import NamedTuple

from sagemaker_async import Credentials, Predictor, Session

from .measure import canned_server

SETTLED = 15
"""Seconds after which it is to have settled."""
FOLLOWED = 30
"""Seconds after which it is to have followed."""


class Shown(NamedTuple):
    """What came of one run; rates in requests per second."""

    rate: int
    counts: list[list[int]]
    """Requests taken and refused, for each second."""
    records: int
    """That were read,"""
    answered: int
    """and answered."""

    def taken(self, since: int, until: int) -> float:
        """Return the requests a second that were taken."""
        return sum(taken for taken, _ in self.counts[since:until]) / max(until - since, 1)

    def refused(self, since: int, until: int) -> float:
        """Return the part of requests that was refused."""
        refused = sum(refused for _, refused in self.counts[since:until])
        return refused / max(refused + sum(taken for taken, _ in self.counts[since:until]), 1)


async def mapped(url: str, endpoint: str, seconds: float) -> tuple[int, int]:
    """Map records for so many seconds; return how many were read and how many answered."""
    read = 0

    def records() -> Iterator[bytes]:
        nonlocal read
        for number in itertools.count():
            read += 1
            yield b"%d" % number

    answered = 0
    until = time.monotonic() + seconds
    options = {"region": "us-east-1", "endpoint_url": url, "credentials": Credentials("AKIDEXAMPLE", "secret")}
    async with Session(**options) as session:  # type: ignore[arg-type]
        outcomes = Predictor(endpoint, session).map(records(), on_error="return")
        async for outcome in outcomes:
            answered += outcome.ok
            if time.monotonic() >= until:
                outcomes.stop()
    return read, answered


def run(rate: int, milliseconds: int, seconds: int) -> Shown:
    """Run against a server of its own."""
    endpoint = f"q{rate}-d{milliseconds}-x{seconds // 2}"
    with canned_server() as server:
        read, answered = asyncio.run(mapped(server.url, endpoint, seconds))
        with urllib.request.urlopen(f"{server.url}/counts") as counts:
            return Shown(rate, json.load(counts)[endpoint], read, answered)


def main() -> None:
    """Run as the module's docstring says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adaptive", description=__doc__)
    parser.add_argument("--rate", type=int, default=200, help="requests per second that the endpoint takes (200)")
    parser.add_argument("--milliseconds", type=int, default=50, help="how long it takes for one (50)")
    parser.add_argument("--seconds", type=int, default=90, help="for how long; the rate doubles at half of it (90)")
    options = parser.parse_args()
    shown = run(options.rate, options.milliseconds, options.seconds)
    half = options.seconds // 2
    for second in range(0, options.seconds, 5):
        part = shown.refused(second, second + 5)
        print(f"{second:4} s  {shown.taken(second, second + 5):8.1f} taken a second  {part:6.2%} refused")
    print(f"takes {options.rate} a second: {shown.taken(SETTLED, half):.1f} from second {SETTLED} to {half}")
    print(f"refused in that time: {shown.refused(SETTLED, half):.2%}")
    after = min(half + FOLLOWED, options.seconds - 5)
    print(f"takes {2 * options.rate} from second {half}: {shown.taken(after, options.seconds):.1f} from second {after}")
    print(f"records read: {shown.records}, answered: {shown.answered}")


if __name__ == "__main__":
    main()
