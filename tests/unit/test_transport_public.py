"""What is promised holds by aiohttp's public interface alone, whatever of its insides is missing."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from sagemaker_async import Predictor, Session, Timeouts
from sagemaker_async.aws import transport as module
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.transport import open_transport, seam
from sagemaker_async.aws.transport.public import PublicTransport
from sagemaker_async.errors import (
    ChunkTimeoutError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    DNSError,
    FirstByteTimeoutError,
    PoolFullError,
    PoolTimeoutError,
    ProxyError,
    ResponseError,
    ResponseTooLargeError,
    SessionClosedError,
    TLSError,
)
from sagemaker_async.local import LocalSageMaker

Start = Callable[..., Awaitable[Any]]
Answer = Callable[..., bytes]
SOON = 0.02


@pytest.fixture
async def transport() -> AsyncIterator[PublicTransport]:
    transport = PublicTransport(max_connections=1, keepalive=15, max_waiting=2)
    yield transport
    for _ in range(5):
        await asyncio.sleep(0)
    assert transport.in_use == 0
    assert not transport.under_way
    await transport.close()


def request(origin: str, body: bytes = b"abc", method: str = "POST", **headers: str) -> HTTPRequest:
    return HTTPRequest(method, origin, "/t", headers, body)


async def never(_: Any, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def begins_and(head: bytes, then: str) -> Callable[[Any, asyncio.StreamWriter], Awaitable[None]]:
    """Return what begins to answer, and then ends the connection, resets it or is silent."""

    async def answer(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        if then == "reset":
            writer.transport.abort()
        elif then == "close":
            writer.close()
        else:
            await asyncio.Event().wait()

    return answer


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_installed_aiohttp_has_all_that_is_used() -> None:
    assert seam.missing() == []


@pytest.mark.parametrize("use", seam.USES, ids=lambda use: use.what)
async def test_whatever_is_missing_requests_go_the_public_way_and_a_line_says_so_once(
    use: seam.Use, local: LocalSageMaker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    others = tuple(each for each in seam.USES if each is not use)
    monkeypatch.setattr(seam, "USES", (*others, use._replace(is_there=lambda: False)))
    local.add_endpoint("echo", lambda body: body)
    with caplog.at_level(logging.WARNING, logger="sagemaker_async"):
        async with Session(**local.client_options) as session:
            predictor = Predictor("echo", session)
            bodies = [b"%d" % number for number in range(20)]
            assert await asyncio.gather(*map(predictor.predict, bodies)) == bodies
            assert b"".join([part async for part in predictor.predict_stream(b"streamed")]) == b"streamed"
            assert isinstance(session.channel._opened.transport, PublicTransport)  # type: ignore[union-attr]
            assert session.connections_in_use == 0
    (line,) = [record.getMessage() for record in caplog.records if record.name == module.__name__]
    assert use.what in line
    assert use.purpose


def test_a_probe_notices_what_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    for use in seam.USES:
        assert use.is_there()
    monkeypatch.delattr("aiohttp.client_proto.ResponseHandler.should_close")
    (lacking,) = seam.missing()
    assert "should_close" in lacking.what


async def test_with_everything_there_connections_are_kept(raw_server: Start, http_answer: Answer) -> None:
    server = await raw_server(http_answer(200, b"x"))
    transport = open_transport(max_connections=1, keepalive=15)
    for _ in range(2):
        response = await transport.send(request(server.origin), Timeouts(), None, lambda request: request)
        assert await response.read() == b"x"
    assert server.connections == 1
    await transport.close()


# --- the promises -----------------------------------------------------------------------------------------------------


async def test_no_connection_is_used_twice_so_no_answer_is_anothers(
    raw_server: Start, http_answer: Answer, transport: PublicTransport
) -> None:
    server = await raw_server(http_answer(200, b"asked") + http_answer(200, b"unasked"))
    for _ in range(3):
        assert await (await transport.send(request(server.origin), Timeouts())).read() == b"asked"
    assert server.connections == 3


async def test_the_request_goes_out_as_it_is(
    raw_server: Start, http_answer: Answer, transport: PublicTransport
) -> None:
    server = await raw_server(http_answer())
    await (await transport.send(request(server.origin, x_a="1"), Timeouts(), None, lambda asked: asked)).read()
    names = [name for name, _ in server.requests[0].headers]
    assert [name for name in names if name != "Connection"] == ["Host", "x_a", "Content-Length"]
    assert server.requests[0].body == b"abc"


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Le"], ids=["nothing", "half a head"])
async def test_a_connection_that_is_lost_after_the_request_was_sent_is_ambiguous(
    raw_server: Start, transport: PublicTransport, head: bytes, then: str
) -> None:
    server = await raw_server(begins_and(head, then))
    with pytest.raises((ConnectionLostError, ResponseError)) as caught:
        await transport.send(request(server.origin), Timeouts())
    assert (caught.value.ambiguous, caught.value.stale, caught.value.not_sent) == (True, False, False)


@pytest.mark.parametrize("then", ["close", "reset"])
@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 10\r\n\r\npart", b"Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n", b"\r\npart"],
    ids=["length", "chunked", "neither"],
)
async def test_an_answer_that_is_cut_or_has_no_length_of_its_own_is_not_whole(
    raw_server: Start, transport: PublicTransport, head: bytes, then: str
) -> None:
    server = await raw_server(begins_and(b"HTTP/1.1 200 OK\r\n" + head, then))
    with pytest.raises(ConnectionLostError) as caught:
        await (await transport.send(request(server.origin), Timeouts())).read()
    assert caught.value.ambiguous


async def test_the_limit_on_the_head_is_not_restarted_by_what_drips_in(
    raw_server: Start, transport: PublicTransport
) -> None:
    async def drip(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            writer.write(b"x")
            await asyncio.sleep(0)

    server = await raw_server(drip)
    with pytest.raises((FirstByteTimeoutError, ResponseError)):
        await transport.send(request(server.origin), Timeouts(first_byte=SOON))


async def test_silence_has_its_limits(raw_server: Start, transport: PublicTransport) -> None:
    server = await raw_server(never, begins_and(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart", "stall"))
    with pytest.raises(FirstByteTimeoutError):
        await transport.send(request(server.origin), Timeouts(first_byte=SOON))
    response = await transport.send(request(server.origin), Timeouts(between_chunks=SOON))
    assert await response.read_chunk() == b"part"
    with pytest.raises(ChunkTimeoutError):
        await response.read_chunk()


async def test_the_pool_is_a_queue_with_its_limits(
    raw_server: Start, http_answer: Answer, transport: PublicTransport
) -> None:
    go_on = asyncio.Event()

    async def wait(_: Any, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(http_answer(200, b"x"))

    server = await raw_server(wait)

    async def call(limits: Timeouts) -> bytes:
        return await (await transport.send(request(server.origin), limits)).read()

    first = asyncio.create_task(call(Timeouts()))
    await asyncio.sleep(0)
    with pytest.raises(PoolTimeoutError) as caught:
        await call(Timeouts(pool=SOON))
    assert caught.value.not_sent
    others = [asyncio.create_task(call(Timeouts())) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(PoolFullError):
        await call(Timeouts())
    go_on.set()
    assert await asyncio.gather(first, *others) == [b"x"] * 3


async def test_a_large_answer_is_not_read_to_its_end(
    raw_server: Start, http_answer: Answer, transport: PublicTransport
) -> None:
    server = await raw_server(http_answer(200, b"x" * 1000))
    response = await transport.send(request(server.origin), Timeouts())
    with pytest.raises(ResponseTooLargeError):
        await response.read(999)


async def test_what_a_callback_raises_passes_as_it_is(
    raw_server: Start, http_answer: Answer, transport: PublicTransport
) -> None:
    server = await raw_server(http_answer())
    error = RuntimeError("the callback's own")

    def fail(*_: object) -> None:
        raise error

    with pytest.raises(RuntimeError) as caught:
        await transport.send(request(server.origin), Timeouts(), fail)
    assert caught.value is error


async def test_a_connection_that_is_refused_was_not_sent(transport: PublicTransport) -> None:
    with socket.socket() as bound:  # bound and not listening
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectError) as caught:
            await transport.send(request(f"http://127.0.0.1:{bound.getsockname()[1]}"), Timeouts())
    assert caught.value.not_sent


async def test_a_server_without_tls_is_a_tls_error(transport: PublicTransport) -> None:
    async def answer_in_clear(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer_in_clear, "127.0.0.1", 0)
    with pytest.raises(TLSError) as caught:
        await transport.send(request(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"), Timeouts())
    assert caught.value.not_sent
    server.close()


async def test_a_name_that_is_unknown_or_not_looked_up_in_time(
    transport: PublicTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()

    async def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def unanswered(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(loop, "getaddrinfo", unknown)
    with pytest.raises(DNSError):
        await transport.send(request("http://one.example"), Timeouts())
    monkeypatch.setattr(loop, "getaddrinfo", unanswered)
    with pytest.raises(ConnectTimeoutError) as caught:
        await transport.send(request("http://two.example"), Timeouts(connect=SOON))
    assert caught.value.not_sent


async def test_closing_ends_calls_and_answers(raw_server: Start) -> None:
    server = await raw_server(begins_and(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart", "stall"), never)
    transport = PublicTransport(max_connections=2, keepalive=15)
    response = await transport.send(request(server.origin), Timeouts())
    calls = [asyncio.create_task(transport.send(request(server.origin), Timeouts())) for _ in range(2)]
    async with asyncio.timeout(5):
        while len(server.requests) < 2:
            await asyncio.sleep(0)
        await transport.close()
        for outcome in await asyncio.gather(*calls, response.read_chunk(), return_exceptions=True):
            assert isinstance(outcome, SessionClosedError), outcome
    assert transport.in_use == 0


async def test_a_cancelled_call_leaves_nothing(raw_server: Start, transport: PublicTransport) -> None:
    server = await raw_server(never)
    call = asyncio.create_task(transport.send(request(server.origin), Timeouts()))
    async with asyncio.timeout(5):
        while not server.requests:
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert transport.in_use == 0


async def test_a_request_without_a_body_has_its_limits_too(raw_server: Start, transport: PublicTransport) -> None:
    async def drip(_: Any, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"HTTP/1.1 200 OK\r\nX: ")
            await asyncio.sleep(SOON / 4)

    server = await raw_server(drip)
    with pytest.raises(FirstByteTimeoutError):
        await transport.send(request(server.origin, b"", "GET"), Timeouts(connect=SOON, first_byte=SOON))


async def test_a_proxy_that_wants_credentials_is_not_asked_again(raw_server: Start, http_answer: Answer) -> None:
    server = await raw_server(http_answer(407, b"who are you?"))
    transport = PublicTransport(max_connections=1, keepalive=15, proxy_for=lambda origin: server.origin)
    for _ in range(2):  # each has its place freed
        with pytest.raises(ProxyError, match="wants credentials") as caught:
            await transport.send(request("http://one.example"), Timeouts(pool=1))
        assert caught.value.not_sent
        assert not caught.value.retryable
    assert (transport.in_use, transport.under_way) == (0, set())
    await transport.close()


async def test_one_that_is_closed_sends_nothing(raw_server: Start, http_answer: Answer) -> None:
    server = await raw_server(http_answer(200, b"x"))
    transport = PublicTransport(max_connections=1, keepalive=15)
    await transport.close()
    await transport.close()
    with pytest.raises(SessionClosedError):
        await transport.send(request(server.origin), Timeouts())
    assert not server.requests


async def test_one_that_was_never_closed_warns_and_ends_its_answers(raw_server: Start) -> None:
    server = await raw_server(begins_and(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart", "stall"))
    transport = PublicTransport(max_connections=1, keepalive=15)
    response = await transport.send(request(server.origin), Timeouts())
    assert server.open_connections == 1
    with pytest.warns(ResourceWarning, match="session was never closed: use it inside 'async with'"):
        transport.__del__()  # the answer refers to it, so that collecting garbage must take both
    with pytest.raises(SessionClosedError):
        await response.read_chunk()
    assert (transport.in_use, transport.under_way) == (0, set())
    transport.__del__()  # and says nothing more
