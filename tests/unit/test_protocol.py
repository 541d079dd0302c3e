"""One connection: what counts as an answer, what proves that a request was not read, what limits limit."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import aiohttp
import pytest

from sagemaker_async.aws.transport.protocol import MAX_HEAD, ConnectionProtocol

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection:
    """A connection whose kernel, clock and peer are the test's."""

    def __init__(self, loop: Any, peer: socket.socket, ours: socket.socket, tls: Any = None) -> None:
        self.loop = loop
        self.peer = peer
        self.acknowledged = 1
        sock = mock.Mock(spec=["fileno", "getsockopt", "setsockopt", "family", "type", "proto"])
        sock.fileno = ours.fileno
        sock.getsockopt = lambda *_: bytes(120) + self.acknowledged.to_bytes(8, "little")
        self.transport = mock.create_autospec(asyncio.Transport, instance=True)
        self.transport.get_extra_info.side_effect = {"socket": sock, "ssl_object": tls}.get
        self.transport.is_closing.return_value = False
        self.transport.get_write_buffer_size.return_value = 0
        self.protocol = ConnectionProtocol(loop=loop)
        self.protocol.connection_made(self.transport)

    def ask(self, first_byte: float | None = None, *, arrived: bool = True) -> None:
        """Send a request, which reaches the peer's kernel or not."""
        self.protocol.set_response_params(
            skip_payload=False, read_until_eof=True, auto_decompress=False, read_timeout=first_byte
        )
        self.protocol.start_timeout()
        self.acknowledged += 100 if arrived else 0

    def come(self, data: bytes) -> None:
        self.protocol.data_received(data)

    async def head(self) -> Any:
        return await self.protocol.read()

    @property
    def refused(self) -> bool:
        return bool(self.transport.abort.called)


@pytest.fixture
def connected(fake_loop: Any) -> Iterator[Callable[..., Connection]]:
    pairs: list[socket.socket] = []

    def made(**options: Any) -> Connection:
        pairs.extend(pair := socket.socketpair())
        return Connection(fake_loop, *pair, **options)

    yield made
    for each in pairs:
        each.close()


Connected = Callable[..., Connection]


# --- answers never shift ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("used", [False, True], ids=["a new connection", "one between two requests"])
@pytest.mark.parametrize("unasked", [HEAD + b"ok", b"HTTP/1.1 2", b"\r\n", b"\0"])
async def test_what_nobody_asked_for_closes_the_connection(connected: Connected, used: bool, unasked: bytes) -> None:
    connection = connected()
    if used:
        connection.ask()
        connection.come(HEAD + b"ok")
        await connection.head()
        connection.protocol.rest()
        assert connection.protocol.is_connected()
    connection.come(unasked)
    assert connection.refused
    assert "nobody had asked for" in connection.protocol.refusal


@pytest.mark.parametrize(
    "left", [HEAD + b"ok", b"HTTP/1.1 200 OK\r\nConte", b"H"], ids=["an answer", "half a head", "a letter"]
)
async def test_a_connection_with_something_left_behind_an_answer_is_not_used_again(
    connected: Connected, left: bytes
) -> None:
    connection = connected()
    connection.ask()
    connection.come(HEAD + b"ok" + left)
    message, payload = await connection.head()
    assert (message.code, await payload.read()) == (200, b"ok")
    connection.protocol.rest()
    assert not connection.protocol.is_connected()


@pytest.mark.parametrize("how", ["bytes", "end"])
async def test_a_connection_with_something_in_the_socket_is_not_used_again(connected: Connected, how: str) -> None:
    connection = connected()
    connection.ask()
    connection.come(HEAD + b"ok")
    await connection.head()
    connection.protocol.rest()
    assert connection.protocol.is_connected()
    if how == "bytes":
        connection.peer.send(b"x")
    else:
        connection.peer.shutdown(socket.SHUT_WR)
    assert not connection.protocol.is_connected()


async def test_a_connection_with_something_in_the_tls_layer_is_not_used_again(connected: Connected) -> None:
    tls = mock.create_autospec(ssl.SSLObject, instance=True)
    tls.pending.return_value = 0
    connection = connected(tls=tls)
    connection.ask()
    connection.come(HEAD + b"ok")
    await connection.head()
    connection.protocol.rest()
    assert connection.protocol.is_connected()
    tls.pending.return_value = 1
    assert not connection.protocol.is_connected()


async def test_an_answer_that_acknowledges_nothing_of_the_request_is_refused(connected: Connected) -> None:
    connection = connected()
    for arrived in (True, False):
        connection.ask(arrived=arrived)
        connection.come(HEAD + b"ok")
        if arrived:
            await connection.head()
            connection.protocol.rest()
    assert connection.refused
    assert connection.protocol.refusal == "an answer began before the request had arrived"


async def test_where_the_kernel_does_not_count_nothing_is_concluded(connected: Connected) -> None:
    connection = connected()
    connection.acknowledged = 0
    connection.protocol.connection_made(connection.transport)
    connection.ask(arrived=False)
    connection.protocol.eof_received()
    assert not connection.protocol.proves_unread
    connection.come(HEAD + b"ok")
    assert (await connection.head())[0].code == 200


async def test_a_second_answer_to_one_request_is_nobodys(connected: Connected) -> None:
    connection = connected()
    connection.ask()
    connection.come(HEAD + b"ok" + b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
    assert (await connection.head())[0].code == 200
    assert connection.protocol.should_close
    assert len(connection.protocol) == 0


# --- stale means proven -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrived", "received", "orderly", "proven"),
    [
        (False, b"", True, True),
        (True, b"", True, False),
        (False, b"", False, False),
        (True, INTERIM, True, False),
        (True, b"HTTP/1.1 2", True, False),
    ],
    ids=["FIN, nothing acknowledged", "FIN, acknowledged", "RST", "an interim answer", "half a head"],
)
async def test_that_a_request_was_not_read_is_proven_by_an_orderly_end_that_does_not_acknowledge_it(
    connected: Connected, arrived: bool, received: bytes, orderly: bool, proven: bool
) -> None:
    connection = connected()
    connection.ask(arrived=arrived)
    if received:
        connection.come(received)
    if orderly:
        connection.protocol.eof_received()
    connection.protocol.connection_lost(None if orderly else ConnectionResetError())
    assert connection.protocol.proves_unread is proven


async def test_what_was_said_of_one_request_is_not_said_of_the_next(connected: Connected) -> None:
    connection = connected()
    connection.ask()
    connection.come(HEAD + b"ok")
    await connection.head()
    connection.protocol.rest()
    connection.protocol.eof_received()
    assert not connection.protocol.proves_unread


# --- whole or an error ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["FIN", "reset", "no close_notify", "close_notify"])
async def test_an_answer_without_a_length_is_whole_only_after_an_orderly_end(connected: Connected, how: str) -> None:
    tls = None
    if "close" in how:
        tls = mock.create_autospec(ssl.SSLObject, instance=True)
        tls.read.side_effect = [b""] if how == "close_notify" else ssl.SSLWantReadError()
    connection = connected(tls=tls)
    connection.ask()
    connection.come(b"HTTP/1.1 200 OK\r\n\r\nall of it")
    _, payload = await connection.head()
    if how != "reset":
        connection.protocol.eof_received()
    connection.protocol.connection_lost(ConnectionResetError() if how == "reset" else None)
    if how in ("FIN", "close_notify"):
        assert await payload.read() == b"all of it"
    else:
        with pytest.raises(aiohttp.ClientPayloadError, match="did not end in order"):
            await payload.read()


@pytest.mark.parametrize("coding", [b"gzip", b"chunked, gzip"])
async def test_a_transfer_coding_that_nobody_asked_for_is_refused(connected: Connected, coding: bytes) -> None:
    connection = connected()
    connection.ask()
    connection.come(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + coding + b"\r\n\r\n")
    assert connection.refused


# --- limits limit -----------------------------------------------------------------------------------------------------


async def test_the_limit_on_the_head_runs_whatever_drips_in(connected: Connected, fake_loop: Any) -> None:
    connection = connected()
    connection.ask(10)
    for byte in HEAD[:20]:
        fake_loop.go_on(0.45)
        connection.come(bytes([byte]))
    assert connection.protocol.exception() is None
    fake_loop.go_on(1)
    with pytest.raises(aiohttp.SocketTimeoutError):
        await connection.head()


async def test_an_interim_answer_may_be_waited_for_once(connected: Connected, fake_loop: Any) -> None:
    connection = connected()
    connection.ask(10)
    fake_loop.go_on(9)
    connection.come(INTERIM)
    fake_loop.go_on(9)
    assert connection.protocol.exception() is None
    connection.come(INTERIM)
    assert connection.protocol.exception() is None
    fake_loop.go_on(1)
    assert isinstance(connection.protocol.exception(), aiohttp.SocketTimeoutError)


async def test_the_limit_on_silence_counts_payload_alone(connected: Connected, fake_loop: Any) -> None:
    connection = connected()
    connection.ask(10)
    connection.come(CHUNKED)
    _, payload = await connection.head()
    connection.protocol.watch_payload(10)
    for _ in range(3):
        fake_loop.go_on(9)
        connection.come(b"1\r\nx\r\n")
    connection.come(b"1;")
    fake_loop.go_on(9)
    connection.come(b"drip")
    assert payload.exception() is None
    fake_loop.go_on(1)
    assert isinstance(payload.exception(), aiohttp.SocketTimeoutError)


async def test_a_reader_who_pauses_is_no_silence_of_the_peer(connected: Connected, fake_loop: Any) -> None:
    connection = connected()
    connection.ask(10)
    connection.come(CHUNKED)
    _, payload = await connection.head()
    connection.protocol.watch_payload(10)
    connection.protocol.pause_reading()
    fake_loop.go_on(100)
    assert payload.exception() is None
    connection.protocol.resume_reading()
    fake_loop.go_on(10)
    assert isinstance(payload.exception(), aiohttp.SocketTimeoutError)


@pytest.mark.parametrize(
    ("begin", "endless"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"".join(b"X-%d: y\r\n" % number for number in range(50))),
        (b"", INTERIM * 50),
        (CHUNKED + b"1\r\nx\r\n1", b";extension=1" * 50),
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"".join(b"X-%d: y\r\n" % number for number in range(50))),
    ],
    ids=["fields", "interim answers", "a chunk's extension", "trailers"],
)
async def test_what_is_not_payload_is_bounded(connected: Connected, begin: bytes, endless: bytes) -> None:
    connection = connected()
    connection.ask()
    if begin:
        connection.come(begin)
    came = 0
    while not connection.protocol.exception() and not connection.transport.close.called:
        connection.come(endless)
        came += len(endless)
        assert came < MAX_HEAD + 64 * 1024


async def test_a_large_body_in_small_chunks_is_not_bounded(connected: Connected) -> None:
    connection = connected()
    connection.ask()
    connection.come(CHUNKED)
    _, payload = await connection.head()
    for _ in range(2000):
        connection.come(b"1\r\nx\r\n" * 100)
        payload.read_nowait()
    assert payload.exception() is None
    assert not connection.refused
