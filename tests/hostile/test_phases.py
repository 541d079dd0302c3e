"""Every cell of `outcomes.OUTCOMES`: a server that fails in one phase in one manner, and what the caller is told.

Only in the cells with silence and drip are the client's limits short, and only there does time pass, for the limits are
what is tested.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import NamedTuple

import pytest

from sagemaker_async import PayloadPart, Session, Timeouts
from sagemaker_async.errors import CallError

from .answers import EVENT_STREAM, chunk, description, echo_of, event, head, ok
from .calls import certificates, check_documented, session_for, settle, through_aiohttps_session
from .outcomes import ANSWER, DOCUMENT, MANNERS, OPERATIONS, OUTCOMES, PHASES, Outcome, document
from .server import HostileServer, Peer, Request, Script, Step
from .steps import Close, Drip, Forever, ReadRequest, Reset, Send, SendBelowTLS, Silence

LIMIT = 0.3
"""Seconds; the client's limits in cells with silence and drip."""
PAUSE = 0.005
"""Seconds between two bytes that drip: a limit that each of them restarted would never pass."""
GARBAGE = b"\x16\x03unasked \xff\r\n"
CHUNKED = b"Transfer-Encoding: chunked"


class Cell(NamedTuple):
    phase: str
    manner: str
    operation: str
    outcome: Outcome

    def __str__(self) -> str:
        return f"{self.phase}, {self.manner}, {self.operation}"


CELLS = [
    Cell(phase, manner, operation, outcome)
    for phase, manners in OUTCOMES.items()
    for manner, cells in manners.items()
    for operation, outcome in zip(OPERATIONS, cells, strict=True)
]


# --- what the server does --------------------------------------------------------------------------------------------


def parts_of(request: Request) -> tuple[bytes, bytes]:
    """Return the two halves of the body that answers a request; of a stream, its two events."""
    if request.target.endswith("invocations-response-stream"):
        return event(b"answer to "), event(request.body)
    body = description(request) if request.headers.get("x-amz-target") else echo_of(request.body)
    return body[:7], body[7:]


def head_of(request: Request, *fields: bytes) -> bytes:
    return head(EVENT_STREAM, *fields)  # of no consequence where there is no stream


def first_chunk(request: Request) -> bytes:
    return head_of(request, CHUNKED) + chunk(parts_of(request)[0])


def other_chunks(request: Request) -> bytes:
    return chunk(parts_of(request)[1]) + chunk(b"")


def second_part(request: Request) -> bytes:
    return parts_of(request)[1]


def whole(request: Request) -> bytes:
    return first_chunk(request) + other_chunks(request)


HALF = 5
"""Bytes of the second chunk, its size among them, that are sent before mid-frame."""


def damaged(request: Request) -> bytes:
    """Return the rest of a half-sent chunk: damaged where a checksum shows it, of a stream; else without its CRLF."""
    second = parts_of(request)[1]
    rest = other_chunks(request)[HALF:]
    if request.target.endswith("invocations-response-stream"):
        return rest.replace(second[-8:], bytes(8))
    return rest.replace(b"\r\n", b"..")


BEFORE: dict[str, tuple[Step, ...]] = {
    "connect": (),
    "TLS": (Peer.receive,),
    "request": (ReadRequest(),),
    "1xx": (ReadRequest(), Send(head(status=b"100 Continue"))),
    "head": (ReadRequest(), Send(b"HTTP/1.1 200 OK\r\nX-A: a")),
    "body": (ReadRequest(), Send(first_chunk)),
    "mid-frame": (ReadRequest(), Send(lambda request: first_chunk(request) + other_chunks(request)[:HALF])),
    "trailer": (ReadRequest(), Send(lambda request: whole(request)[:-2])),
    "open body": (ReadRequest(), Send(lambda request: head_of(request) + parts_of(request)[0])),
    "idle": (ReadRequest(), Send(whole)),
}


async def _drip_the_handshake(peer: Peer) -> None:
    async def drip(data: bytes) -> None:
        for place in range(len(data)):
            await peer.send_below_tls(data[place : place + 1])
            await asyncio.sleep(PAUSE)

    await peer.handshake(drip)


DRIP: dict[str, tuple[Step, ...]] = {
    "connect": (Drip(ok(b"unasked")),),
    "TLS": (_drip_the_handshake,),
    "request": (Forever(Send(b"\r\n"), PAUSE),),
    "1xx": (Forever(Send(head(status=b"100 Continue")), PAUSE),),
    "head": (Forever(Send(b"a"), PAUSE),),
    "body": (Drip(other_chunks, PAUSE),),
    "mid-frame": (Drip(lambda request: other_chunks(request)[HALF:], PAUSE),),
    "trailer": (Forever(Drip(b"X-A: 1\r\n", PAUSE)),),
    "open body": (Drip(second_part, PAUSE), Close()),
    "idle": (Drip(ok(b"unasked")),),
}
BROKEN: dict[str, tuple[Step, ...]] = {
    "TLS": (SendBelowTLS(b"HTTP/1.1 400 Bad Request\r\n\r\n"),),
    "head": (Send(b"\r\nno field\r\n\r\n"),),
    "body": (Send(b"xyz\r\n\r\n"),),
    "mid-frame": (Send(damaged),),
    "trailer": (Send(b"\0\xff\r\n\r\n"),),
}
OTHERS: dict[str, tuple[Step, ...]] = {
    "RST": (Reset(),),
    "FIN": (Close(),),
    "cut": (Close(close_notify=False),),
    "half-close": (Peer.end,),
    "silence": (),
}


def failure(phase: str, manner: str) -> tuple[Step, ...]:
    """Return the steps that fail in a phase, once the connection has got there."""
    if manner == "drip":
        return DRIP[phase]
    if manner == "garbage":
        return BROKEN.get(phase, (Send(GARBAGE),))
    if phase == "open body":  # whether that is all of it is for the connection's end to say
        return (Send(second_part), *OTHERS[manner])
    return OTHERS[manner]


def while_idle(steps: tuple[Step, ...], idle: asyncio.Event, failed: asyncio.Event) -> Step:
    """Return the step that waits until the connection idles, fails, and tells the test."""

    async def fail(peer: Peer) -> None:
        await idle.wait()
        try:
            for step in steps:
                await step(peer)
        finally:
            failed.set()

    return fail


async def seen(_: Peer) -> None:
    """Let the client, on the same event loop, take what was sent before it fails."""
    await settle()


# --- what the client does --------------------------------------------------------------------------------------------


class Result(NamedTuple):
    ends: str
    tries: int


async def result_of(session: Session, operation: str, name: str) -> Result:
    """Make a call that is known by a name, and say how it ended and after how many attempts."""
    tries = 0
    try:
        if operation == "InvokeEndpoint":
            response = await session.runtime.invoke_endpoint(endpoint_name="e", body=name.encode())
            got, tries = response.body, len(response.metadata.attempts)
        elif operation == "DescribeEndpoint":
            described = await session.hosting.describe_endpoint(endpoint_name=name)
            got, tries = echo_of(described.endpoint_name.encode()), len(described.metadata.attempts)
        else:
            call = session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=name.encode())
            async with call as stream:
                tries = len(stream.metadata.attempts)
                got = b"".join([part.bytes async for part in stream.body if isinstance(part, PayloadPart)])
    except CallError as error:
        check_documented(error)
        return Result(type(error).__name__, tries or len(error.attempts))
    assert got == echo_of(name.encode()), "somebody else's answer"
    return Result(ANSWER, tries)


@contextmanager
def unreachable(manner: str) -> Iterator[str]:
    """Yield the origin of a port that refuses connections, or leaves them waiting: its queue of one is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening, ExitStack() as waiting:
        address = listening.getsockname()
        if manner == "RST":
            listening.close()
        else:
            for _ in range(2):
                client = waiting.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}"


class Way(NamedTuple):
    """How requests go. What is so over TLS on one of aiohttp's ways is so on the other."""

    over_tls: bool
    through_session: bool = False

    def __str__(self) -> str:
        return ("TLS" if self.over_tls else "plain") + ", through the session" * self.through_session


WAYS = (Way(over_tls=False), Way(over_tls=True), Way(over_tls=False, through_session=True))


def concerns(way: Way, cell: Cell) -> bool:
    """Return whether there is such a cell on a way: before TLS all is the same, and only TLS can be cut."""
    if way.over_tls:
        return cell.phase != "connect"
    return cell.phase != "TLS" and cell.manner != "cut"


def takes_time(cell: Cell) -> bool:
    """Return whether a limit has to pass, or a body to drip for longer than a limit."""
    return cell.manner == "silence" or (cell.manner == "drip" and cell.phase not in ("connect", "idle"))


async def outcome_of(cell: Cell, way: Way) -> Outcome:
    """Play a cell, and return what became of the call."""
    phase, manner, operation, _ = cell
    connect = (
        LIMIT if cell.phase in ("connect", "TLS") else 10.0
    )  # a busy machine connects late, and that is another try
    limits = Timeouts(connect=connect, first_byte=LIMIT, between_chunks=LIMIT) if takes_time(cell) else Timeouts()
    if phase == "connect" and manner in ("RST", "silence"):
        with unreachable(manner) as origin:
            async with session_for(origin, timeouts=limits) as session:
                return Outcome(*await result_of(session, operation, "call"), runs=0)
    idle, failed = asyncio.Event(), asyncio.Event()
    steps = failure(phase, manner)
    if phase == "idle":
        steps = (while_idle(steps, idle, failed),)
    script: Script = (*BEFORE[phase], seen, *steps, Silence()) if phase != "connect" else (*steps, Silence())
    tls = certificates().server if way.over_tls else None
    async with (
        HostileServer(lambda _: script, tls, handshake=phase != "TLS") as server,
        session_for(server.origin, timeouts=limits) as session,
    ):
        if phase == "idle":
            assert (await result_of(session, operation, "warm")).ends == ANSWER
            idle.set()
            await failed.wait()
            idle.clear()
        ends, tries = await result_of(session, operation, "call")
        assert session.connections_in_use == 0
    return Outcome(ends, tries, runs=sum(number for body, number in server.runs.items() if b"call" in body))


def on_a_way(way: Way) -> AbstractContextManager[None]:
    return through_aiohttps_session() if way.through_session else nullcontext()


@pytest.mark.parametrize(
    ("way", "cell"),
    [(way, cell) for way in WAYS for cell in CELLS if concerns(way, cell) and not takes_time(cell)],
    ids=str,
)
async def test_a_call_ends_as_documented(way: Way, cell: Cell) -> None:
    async with asyncio.timeout(20):
        with on_a_way(way):
            assert str(await outcome_of(cell, way)) == str(cell.outcome)


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("phase", PHASES)
async def test_calls_end_as_documented_that_a_limit_ends(way: Way, phase: str) -> None:
    """All cells of a phase at once, for they wait."""
    cells = [cell for cell in CELLS if cell.phase == phase and concerns(way, cell) and takes_time(cell)]
    async with asyncio.timeout(20):
        with on_a_way(way):
            outcomes = await asyncio.gather(*[outcome_of(cell, way) for cell in cells])
    assert [f"{cell}: {outcome}" for cell, outcome in zip(cells, outcomes, strict=True)] == [
        f"{cell}: {cell.outcome}" for cell in cells
    ]


def test_every_phase_and_manner_has_its_outcomes() -> None:
    assert list(OUTCOMES) == list(PHASES)
    for phase, manners in OUTCOMES.items():
        missing = {"connect": {"cut"}, "TLS": {"cut"}, "open body": {"garbage"}}.get(phase, set())
        assert list(manners) == [manner for manner in MANNERS if manner not in missing]


def test_the_document_says_what_is_tested() -> None:
    assert DOCUMENT.read_text() == document(), "run: python -m tests.hostile.outcomes"
