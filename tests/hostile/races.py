"""Races against hostile servers, counted: ``python -m tests.hostile.races`` prints the figures, the suite runs a few.

- *poisoned*: each connection brings an answer that nobody asked for, before, behind or some turns of the loop after its
  own; each following call must get its own answer.
- *ends*: the server reads a request, and 0 to 50 ms later resets or closes the connection; no request may be read
  twice.
- *keep-alive*: the server closes a kept connection while the client writes on it, see `closing_server`; no request may
  be read twice, and where the FIN was first, none may be lost.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from sagemaker_async import Session, Timeouts
from sagemaker_async.errors import SageMakerAsyncError

from .answers import echo, echo_of, ok
from .calls import certificates, check_documented, invoke, session_for
from .closing_server import closing_server
from .server import HostileServer, Peer, Script
from .steps import Close, ReadRequest, Reset, Send, SendUnasked, Serve

__all__ = ["Figures", "ends", "keepalive", "poisoned"]

PATIENT = Timeouts(pool=None, connect=60, first_byte=60, between_chunks=60)
MAX_DELAY = 0.05


@dataclass
class Figures:
    """What a race came to."""

    name: str
    calls: int = 0
    answered: int = 0
    """With their own answers."""
    shifted: int = 0
    """With other answers than their own."""
    failed: int = 0
    """With documented errors."""
    repeated: int = 0
    """Of those that were answered."""
    double_runs: int = 0
    """Requests that the server read more than once."""
    lost: int = 0
    """Calls that failed although it was certain that the server had not read them."""
    note: str = ""

    @property
    def clean(self) -> bool:
        """Whether nothing happened that must not."""
        return not (self.shifted or self.double_runs or self.lost)

    async def call(self, session: Session, body: bytes) -> bool:
        """Make a call, count how it ended, and return whether it was answered."""
        self.calls += 1
        try:
            response = await session.runtime.invoke_endpoint(endpoint_name="e", body=body)
        except SageMakerAsyncError as error:
            check_documented(error)
            self.failed += 1
            return False
        self.repeated += len(response.metadata.attempts) > 1
        if response.body == echo_of(body):
            self.answered += 1
        else:
            self.shifted += 1
        return True

    def __str__(self) -> str:
        return (
            f"{self.name:31}{self.calls:7,} calls: {self.answered:7,} answered ({self.repeated:,} at the second try), "
            f"{self.failed:6,} failed, "
            f"{self.shifted:3,} shifted, {self.double_runs:3,} run twice, {self.lost:3,} lost{self.note}"
        )


async def _at_once(count: int, concurrency: int, work: Callable[[int], Awaitable[object]]) -> None:
    """Do something for each number up to `count`, some at once."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await work(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(worker())


# --- poisoned connections --------------------------------------------------------------------------------------------

_UNASKED = ok(b"unasked")
_MAX_TURNS = 12


@dataclass
class _Poisoner:
    """Plays the scripts of poisoned connections."""

    pending: int = 0
    """How many connections have answered a request, and not yet sent what is unasked."""

    def script(self, number: int) -> Script:
        """Return the script of a connection: unasked is what comes before, with, or some turns after an answer."""
        kind = number % (_MAX_TURNS + 2)
        if kind == 0:
            return (SendUnasked(_UNASKED), partial(self._answer_and_more, 0))
        if kind == 1:
            return (ReadRequest(), Send(lambda request: echo(request) + _UNASKED), Serve(echo))
        return (partial(self._answer_and_more, kind),)

    async def _answer_and_more(self, first: int, peer: Peer) -> None:
        for number in itertools.count(first):
            request = await peer.read_request()
            self.pending += 1
            try:
                await peer.send(echo(request))
                await _turns(number % _MAX_TURNS)
                if peer.unasked:
                    await peer.send(_UNASKED)
            finally:
                self.pending -= 1


async def _turns(number: int) -> None:
    """Let the event loop run so many times."""
    for _ in range(number):
        await asyncio.sleep(0)


async def poisoned(count: int, *, tls: bool = False, apart: bool = False) -> Figures:
    """Make calls until so many poisoned connections were used up; each follows on one that was poisoned before it.

    `apart` has each call wait until what is unasked is there. Else the two may meet on the way, and it is refused if it
    is read before the request is acknowledged. Over TLS, on uvloop, which writes at the end of its turn, and through
    aiohttp's session, which writes some time after it has chosen a connection, a few of 10,000 are read later.
    """
    figures = Figures("poisoned connections" + " over TLS" * tls)
    poisoner = _Poisoner()
    async with (
        HostileServer(poisoner.script, certificates().early if tls else None) as server,
        session_for(server.origin, timeouts=PATIENT, max_connections=4) as session,
    ):

        async def calls(worker: int) -> None:
            for number in range(4 * count):
                if len(server.peers) >= count:
                    break
                await figures.call(session, b"%d of %d" % (number, worker))
                if apart:
                    while poisoner.pending:
                        await asyncio.sleep(0)
                else:
                    await _turns(number % (3 * _MAX_TURNS))

        await asyncio.gather(*map(calls, range(1 if apart else 4)))
        figures.double_runs = sum(number - 1 for number in server.runs.values())
        figures.note = f"; {len(server.peers):,} connections"
    return figures


# --- ends after the request was read ---------------------------------------------------------------------------------


async def ends(count: int, *, tls: bool = False) -> Figures:
    """Have connections reset and closed 0 to 50 ms after a request was read, kept ones and new ones."""
    figures = Figures("ends after the request" + " over TLS" * tls)
    chance = random.Random(11)
    contexts = certificates()

    def script(number: int) -> Script:
        delay = 0.0 if chance.random() < 0.2 else chance.uniform(0, MAX_DELAY)

        async def wait(_: Peer) -> None:
            if delay:
                await asyncio.sleep(delay)

        kept = (ReadRequest(), Send(echo)) if number % 4 else ()
        return (*kept, ReadRequest(), wait, Reset() if number % 2 else Close())

    async with HostileServer(script, contexts.server if tls else None) as server:
        async with session_for(server.origin, timeouts=PATIENT, max_connections=128) as session:
            await _at_once(count, 128, lambda number: figures.call(session, b"%d" % number))
        figures.double_runs = sum(number - 1 for number in server.runs.values())
        figures.lost = count - len(server.runs)
    return figures


# --- keep-alive ------------------------------------------------------------------------------------------------------


async def keepalive(count: int, manner: str, *, tls: bool = False) -> Figures:
    """Have a kept connection end (`manner` is FIN or RST) while the next request is on its way, so many times."""
    figures = Figures(f"keep-alive, {manner}" + " over TLS" * tls)
    unanswered: set[str] = set()
    async with (
        closing_server(tls=tls) as server,
        session_for(server.origin, tls=server.trust, timeouts=PATIENT, max_connections=1) as session,
    ):
        for number in range(count):
            await invoke(session, f"warm {number} {manner}".encode())
            if not await figures.call(session, b"race %d" % number):
                unanswered.add(str(number))
    tally = server.tally
    races = {body: runs for body, runs in tally.runs.items() if body.startswith("race")}
    figures.double_runs = sum(runs - 1 for runs in races.values())
    if manner == "FIN":
        figures.lost = len(unanswered.intersection(tally.ended_first))
    figures.note = f"; the request was first {len(tally.ended_late):,} times"
    return figures


# --- the command -----------------------------------------------------------------------------------------------------


async def _run(races: list[Callable[[], Awaitable[Figures]]]) -> bool:
    """Run races one after the other; return whether all were clean."""
    clean = True
    for race in races:
        started = time.monotonic()
        figures = await race()
        print(f"{figures} ({time.monotonic() - started:.0f} s)", flush=True)  # noqa: T201
        clean = clean and figures.clean
    return clean


def main() -> None:
    """Run all races and print their figures; the exit status is 1 when one is not clean."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.races", description=__doc__)
    parser.add_argument("--poisoned", type=int, default=10_000, metavar="N", help="poisoned connections")
    parser.add_argument("--ends", type=int, default=10_000, metavar="N", help="resets and closes after the request")
    parser.add_argument("--keepalive", type=int, default=5_000, metavar="N", help="FIN and RST of kept ones, N each")
    parser.add_argument("--tls", action="store_true", help="over TLS")
    given = parser.parse_args()
    races: list[Callable[[], Awaitable[Figures]]] = [
        partial(poisoned, given.poisoned, tls=given.tls),
        partial(ends, given.ends, tls=given.tls),
        partial(keepalive, given.keepalive, "FIN", tls=given.tls),
        partial(keepalive, given.keepalive, "RST", tls=given.tls),
    ]
    sys.exit(0 if asyncio.run(_run(races)) else 1)


if __name__ == "__main__":
    main()
