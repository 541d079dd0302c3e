"""Answers larger than what is kept of one: how far they are read, and what the next caller gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from sagemaker_async import Credentials, RetryConfig, Session
from sagemaker_async.errors import InternalFailure, ResponseTooLargeError
from sagemaker_async.local import LocalSageMaker

LIMIT = 10_000
KEPT_OF_AN_ERROR = 1 << 20
FIELDS: dict[str, Any] = {"endpoint_name": "e", "body": b"x"}
AT_ONCE = RetryConfig(max_attempts=2, base_delay=0)
TAKEN_BY_SOCKETS = 16 << 20
"""More than what the kernel's buffers on loopback hold of what nobody reads."""

Start = Callable[..., Awaitable[Any]]


@pytest.fixture(params=["straight", "through the session"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of a request; through aiohttp's session go those that somebody watches."""
    if request.param != "straight":
        original = aiohttp.ClientSession._request

        async def watched(self: aiohttp.ClientSession, *arguments: Any, **options: Any) -> Any:
            return await original(self, *arguments, **options)

        monkeypatch.setattr(aiohttp.ClientSession, "_request", watched)


pytestmark = pytest.mark.usefixtures("way")


class Endless:
    """Answers with a head and then without an end, and counts what it could send."""

    def __init__(self, status: int, *fields: str) -> None:
        self.sent = 0
        self._head = "\r\n".join((f"HTTP/1.1 {status} Status", *fields, "", "")).encode()
        self._chunked = "Transfer-Encoding: chunked" in fields

    async def __call__(self, request: object, writer: asyncio.StreamWriter) -> None:
        writer.write(self._head)
        piece = b"e" * 65_536
        frame = b"%x\r\n%s\r\n" % (len(piece), piece) if self._chunked else piece
        while True:
            writer.write(frame)
            await writer.drain()
            self.sent += len(piece)


CHUNKED = ("Transfer-Encoding: chunked",)
WITH_LENGTH = ("Content-Length: 1099511627776",)
TO_THE_END = ("Connection: close",)


def session_for(origin: str, **options: Any) -> Session:
    return Session(
        region="us-east-1", endpoint_url=origin, credentials=Credentials("AKID", "secret"), retry=AT_ONCE, **options
    )


async def fails_and_lets_go(call: Awaitable[object], session: Session, error: type[Exception]) -> Any:
    with pytest.raises(error) as caught:
        await call
    assert session.connections_in_use == 0
    return caught.value


@pytest.mark.parametrize("watched", [False, True], ids=["", "with a callback"])
@pytest.mark.parametrize("framing", [CHUNKED, WITH_LENGTH, TO_THE_END], ids=["chunked", "length", "to the end"])
async def test_an_answer_over_the_limit_is_not_read_on(
    raw_server: Start, http_answer: Callable[..., bytes], framing: tuple[str, ...], watched: bool
) -> None:
    endless = Endless(200, *framing)
    server = await raw_server(endless, http_answer(200, b"the next answer"))
    options = {"on_chunk_received": lambda received, total: None} if watched else {}
    async with session_for(server.origin, max_response_bytes=LIMIT) as session:
        call = session.runtime.invoke_endpoint(**FIELDS, **options)
        error = await fails_and_lets_go(call, session, ResponseTooLargeError)
        assert error.limit == LIMIT
        assert "Config.max_response_bytes" in str(error)
        assert len(error.attempts) == 1, "it is not worth repeating"
        assert (await session.runtime.invoke_endpoint(**FIELDS)).body == b"the next answer"
    assert endless.sent < TAKEN_BY_SOCKETS
    assert server.connections == 2


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
async def test_the_limit_is_the_last_size_that_is_read(
    raw_server: Start, http_answer: Callable[..., bytes], size: int
) -> None:
    server = await raw_server(http_answer(200, b"x" * size))
    async with session_for(server.origin, max_response_bytes=LIMIT) as session:
        call = session.runtime.invoke_endpoint(**FIELDS)
        if size > LIMIT:
            await fails_and_lets_go(call, session, ResponseTooLargeError)
        else:
            assert len((await call).body) == size


@pytest.mark.parametrize("operation", ["invoke_endpoint", "invoke_endpoint_with_response_stream"])
@pytest.mark.parametrize("framing", [CHUNKED, WITH_LENGTH, TO_THE_END], ids=["chunked", "length", "to the end"])
async def test_of_an_endless_error_the_beginning_is_kept(
    raw_server: Start, framing: tuple[str, ...], operation: str
) -> None:
    endless = Endless(500, *framing)
    server = await raw_server(endless)
    async with session_for(server.origin) as session:
        call = getattr(session.runtime, operation)(**FIELDS)
        error = await fails_and_lets_go(call, session, InternalFailure)
    assert error.status == 500
    assert len(str(error)) < 2000
    assert len(error.attempts) == 2
    assert endless.sent < 2 * (TAKEN_BY_SOCKETS + KEPT_OF_AN_ERROR)


async def test_a_stream_is_not_counted(local: LocalSageMaker) -> None:
    async def model(body: bytes) -> AsyncIterator[bytes]:
        for _ in range(4):
            yield b"x" * LIMIT

    local.add_endpoint("e", model)
    async with (
        Session(**local.client_options, max_response_bytes=LIMIT) as session,
        session.runtime.invoke_endpoint_with_response_stream(**FIELDS) as response,
    ):
        received = 0
        while parts := await response.body.next_parts():
            received += sum(map(len, parts))
    assert received == 4 * LIMIT
