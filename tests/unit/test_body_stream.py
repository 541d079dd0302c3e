"""`invoke_endpoint(stream_body=True)`: the body as it comes, whole or an error, and its connection released."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sagemaker_async import Credentials, Session, StubResponse, StubTransport
from sagemaker_async.aws.interceptors import Interceptor
from sagemaker_async.errors import (
    ConcurrentReadError,
    ConnectionLostError,
    ModelError,
    StreamClosedError,
)

CALL: dict[str, Any] = {"endpoint_name": "e", "body": b"x", "stream_body": True}
REQUEST_ID = "00000000-0000-4000-8000-000000000000"


async def test_chunks_come_one_by_one_beside_the_fields_of_the_head() -> None:
    stub = StubTransport(StubResponse(200, [b"one", b"two"], {"Content-Type": "text/csv"}))
    async with Session(transport=stub) as session:
        response = await session.runtime.invoke_endpoint(**CALL)
        assert (response.content_type, response.metadata.request_id) == ("text/csv", REQUEST_ID)
        assert stub.in_use == 1
        assert [chunk async for chunk in response.body] == [b"one", b"two"]
        assert (stub.in_use, response.body.closed) == (0, True)
        assert await response.body.read() == b""


async def test_the_first_bytes_are_there_before_the_last_are_sent(
    raw_server: Callable[..., Awaitable[Any]],
) -> None:
    seen = asyncio.Event()

    async def halves(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        await seen.wait()
        writer.write(b"cd")
        await writer.drain()

    server = await raw_server(halves)
    keys = Credentials("AKIDEXAMPLE", "secret")
    async with Session(region="us-east-1", credentials=keys, endpoint_url=server.origin) as session:
        progress: list[tuple[bytes, int, int | None]] = []
        response = await session.runtime.invoke_endpoint(
            **CALL, on_chunk_received=lambda *so_far: progress.append(so_far)
        )
        async with response.body as body:
            assert await body.read_chunk() == b"ab"
            seen.set()
            assert await body.read() == b"cd"
        assert session.connections_in_use == 0
    assert progress == [(b"ab", 2, 4), (b"cd", 4, 4)]


async def test_a_body_that_breaks_off_raises_with_where_it_came_from() -> None:
    stub = StubTransport(StubResponse(200, [b"half", ConnectionLostError("gone")]))
    async with Session(transport=stub) as session:
        response = await session.runtime.invoke_endpoint(**CALL)
        assert await response.body.read_chunk() == b"half"
        with pytest.raises(ConnectionLostError, match=f"InvokeEndpoint on 'e': gone.*{REQUEST_ID}"):
            await response.body.read_chunk()
        assert stub.in_use == 0


async def test_leaving_early_lets_go_of_the_connection_and_reading_on_says_so() -> None:
    stub = StubTransport(StubResponse(200, [b"one", b"two"]))
    async with Session(transport=stub) as session:
        response = await session.runtime.invoke_endpoint(**CALL)
        async with response.body as body:
            await body.read_chunk()
        assert stub.in_use == 0
        with pytest.raises(StreamClosedError):
            await body.read_chunk()
        await response.aclose()


async def test_two_readers_are_refused() -> None:
    asked, gate = asyncio.Event(), asyncio.Event()

    class Slow:
        status = 200
        closed = False

        def __init__(self) -> None:
            self.headers: dict[str, str] = {}

        async def read_chunk(self) -> bytes:
            asked.set()
            await gate.wait()
            return b""

        def close(self) -> None:
            self.closed = True

    slow = Slow()

    class Transport(StubTransport):
        async def send(self, *_: Any) -> Any:
            return slow

    async with Session(transport=Transport()) as session:
        body = (await session.runtime.invoke_endpoint(**CALL)).body
        first = asyncio.create_task(body.read())
        await asked.wait()
        with pytest.raises(ConcurrentReadError):
            await body.read()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert slow.closed
        with pytest.raises(StreamClosedError):
            await body.read()


async def test_an_error_answer_raises_as_without_it_or_is_carried_by_the_response() -> None:
    failed = StubResponse.error("ModelError", "broken", status=424)
    async with Session(transport=StubTransport(failed)) as session:
        with pytest.raises(ModelError, match="broken"):
            await session.runtime.invoke_endpoint(**CALL)
    async with Session(transport=StubTransport(failed), raise_response_errors=False) as session:
        response = await session.runtime.invoke_endpoint(**CALL)
        assert isinstance(response.error, ModelError)
        with pytest.raises(ModelError):
            await response.body.read()


async def test_interceptors_hear_of_its_end_once_with_how_much_came() -> None:
    ends: list[tuple[int, BaseException | None]] = []

    class Watcher(Interceptor):
        def after_stream(self, summary: Any) -> None:
            ends.append((summary.bytes_received, summary.error))

    stub = StubTransport(StubResponse(200, [b"one", b"two"]))
    async with Session(transport=stub, interceptors=[Watcher()]) as session:
        response = await session.runtime.invoke_endpoint(**CALL)
        assert ends == []
        await response.body.read()
        response.body.close()
    assert ends == [(6, None)]


@pytest.mark.parametrize(("raised", "seen"), [(KeyError, KeyError), (StopAsyncIteration, RuntimeError)])
async def test_what_a_callback_raises_reaches_the_reader_with_the_connection_closed(
    raised: type[Exception], seen: type[Exception]
) -> None:
    def callback(*_: Any) -> None:
        raise raised

    stub = StubTransport(StubResponse(200, [b"one", b"two"]))
    async with Session(transport=stub) as session:
        response = await session.runtime.invoke_endpoint(**CALL, on_chunk_received=callback)
        with pytest.raises(seen):
            async for _ in response.body:
                pass
        assert stub.in_use == 0
