"""Whatever a server sends: a call gets its own answer or a documented error, and so do the two that follow it.

Answers echo their requests, so that one that reaches another caller shows by its content. The first connection, or
every connection, plays the shape; then the server answers what it reads, as one that knows nothing of what it sent.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest

from sagemaker_async import Session
from sagemaker_async.errors import SageMakerAsyncError

from .answers import echo, echo_of
from .calls import TLS, check_documented, invoke, session_for, settle
from .server import HostileServer, Script
from .shapes import SHAPES, First, Shape
from .steps import Send, Serve, Set, Wait


class Mode(NamedTuple):
    """How often the server misbehaves, and how many connections the pool may have."""

    always: bool
    max_connections: int


MODES = {
    "once, one connection": Mode(always=False, max_connections=1),
    "always, many connections": Mode(always=True, max_connections=128),
}


async def outcome(session: Session, body: bytes) -> bytes | SageMakerAsyncError:
    """Return the answer to a body, or the documented error in its place."""
    try:
        return await invoke(session, body)
    except SageMakerAsyncError as error:
        check_documented(error)
        return error


def check(shape: Shape, body: bytes, got: bytes | SageMakerAsyncError, expected: First) -> None:
    """Check what became of a call that the shape answered."""
    if isinstance(got, bytes):
        assert got == shape.own(body), "somebody else's answer"
        assert expected is not First.ERROR, "what is broken was taken for an answer"
    else:
        assert expected is not First.ANSWER, f"a good answer was refused: {got!r}"


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
async def test_every_call_gets_its_own_answer_or_a_documented_error(
    shape: Shape, mode: Mode, way: str, tls: TLS | None
) -> None:
    idle, sent = asyncio.Event(), asyncio.Event()

    def script(number: int) -> Script:
        steps = list(shape.steps) if number == 0 or mode.always else []
        if steps and shape.idle:
            steps += [Wait(idle), Send(shape.idle), Set(sent)]
        return [*steps, Serve(echo)]

    async def let_idle() -> None:
        if shape.idle:
            idle.set()
            await sent.wait()
            idle.clear()
            sent.clear()
            if shape.settled:
                await settle()

    context = tls and (tls.early if shape.early else tls.server)
    expected = (shape.over_tls if tls else None) or shape.first
    async with (
        asyncio.timeout(10),
        HostileServer(script, context) as server,
        session_for(server.origin, timeouts=shape.timeouts, max_connections=mode.max_connections) as session,
    ):
        check(shape, b"first", await outcome(session, b"first"), expected)
        assert bool(server.peers[0].sent_unasked) is shape.early
        await let_idle()
        for body in (b"second", b"third"):
            connections = len(server.peers)
            got = await outcome(session, body)
            if mode.always and len(server.peers) > connections:
                check(shape, body, got, expected)
                await let_idle()
            else:
                assert got == echo_of(body)
        assert session.connections_in_use == 0
    assert set(server.runs.values()) <= {1}, "a request was sent twice"
