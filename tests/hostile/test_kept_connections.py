"""An answer that is whole has let go of its connection: what its caller does with it does not touch the next call."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from .answers import EVENT_STREAM, chunk, echo, echo_of, event, head
from .calls import TLS, invoke, session_for, settle
from .server import HostileServer, Request
from .steps import ReadRequest, Send, Set, Wait

PARTS = 300


def stream(request: Request) -> bytes:
    """Return a stream of many events, small enough that it is there before anybody reads it."""
    parts = b"".join(chunk(event(b"%d" % number)) for number in range(PARTS))
    return head(EVENT_STREAM, b"Transfer-Encoding: chunked") + parts + chunk(b"")


async def read(response: Any) -> None:
    assert [part.bytes async for part in response.body] == [b"%d" % number for number in range(PARTS)]


async def close(response: Any) -> None:
    await response.aclose()


async def read_some_and_close(response: Any) -> None:
    await anext(aiter(response.body))
    await response.aclose()


async def drop(response: Any) -> None:
    del response
    gc.collect()


@pytest.mark.parametrize("manner", [read, close, read_some_and_close, drop])
async def test_a_call_is_not_touched_by_the_reader_of_the_answer_before_it(
    manner: Callable[[Any], Awaitable[None]], tls: TLS | None, way: str
) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()
    script = (ReadRequest(), Send(stream), ReadRequest(), Set(asked), Wait(answer), Send(echo))
    async with (
        asyncio.timeout(10),
        HostileServer(lambda _: script, tls and tls.server) as server,
        session_for(server.origin) as session,
    ):
        response = await session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"first")
        await settle()
        call = asyncio.create_task(invoke(session, b"second"))
        await asked.wait()
        held = [response]
        del response
        await manner(held.pop())
        await settle()
        answer.set()
        assert await call == echo_of(b"second")
        assert len(server.peers) == 1
