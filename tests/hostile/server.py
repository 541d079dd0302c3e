"""A raw server that plays a script per connection: bytes, ends, resets and silence, exactly where the script says.

It stands on bare sockets, and on an `ssl.SSLObject` over two memory buffers where it speaks TLS, so that what leaves
the machine is the script's affair alone: a segment per `Send`, a FIN or an RST, a TLS connection that ends with or
without close_notify. It runs on the event loop of whoever started it. On loopback what was sent is in the other side's
socket when the call returns, so that tests need no waiting: they await an event that the script sets.

A script is a sequence of steps. A step is an ``async`` callable that takes the `Peer`, this side of one connection.
What happened is kept per connection (`Peer`) and over all of them (`HostileServer.runs`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple, Self

__all__ = ["HostileServer", "Peer", "Request", "Script", "Step"]

_READ_SIZE = 1 << 16
_LINGER_ZERO = struct.pack("ii", 1, 0)


class Request(NamedTuple):
    """One request as it was read; `body` is empty while only the head was."""

    method: str
    target: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes = b""


NO_REQUEST = Request("", "", {})


class Peer:
    """The server's side of one connection.

    Attributes:
        number: which connection it is, counted from 0.
        requests: those that were read whole.
        bytes_received: what came, below TLS.
        sent_unasked: whether, at the first byte that was sent, none of a request had come.
        closed: whether a step has ended the connection.
        left: how the client went: ``"end"`` (FIN; over TLS close_notify), ``"end without close_notify"``, ``"reset"``;
            None while it stays.
    """

    def __init__(self, sock: socket.socket, number: int, tls: ssl.SSLContext | None, runs: Counter[bytes]) -> None:
        self.number = number
        self.requests: list[Request] = []
        self.bytes_received = 0
        self.sent_unasked: bool | None = None
        self.closed = False
        self.left: str | None = None
        self._socket = sock
        self._runs = runs
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = None if tls is None else tls.wrap_bio(self._incoming, self._outgoing, server_side=True)

    @property
    def last_request(self) -> Request:
        """The request that was read last."""
        return self.requests[-1] if self.requests else NO_REQUEST

    # --- below TLS ---

    async def receive(self) -> bytes:
        """Return the next bytes of the socket; none when the client ended its side."""
        try:
            data = await self._loop.sock_recv(self._socket, _READ_SIZE)
        except OSError:
            self.left = "reset"
            raise
        self.bytes_received += len(data)
        return data

    async def send_below_tls(self, data: bytes) -> None:
        """Send bytes as they are, in one segment if they fit."""
        try:
            await self._loop.sock_sendall(self._socket, data)
        except OSError:
            self.left = "reset"
            raise

    async def handshake(self, flush: Callable[[bytes], Awaitable[None]] | None = None) -> None:
        """Do the server's part of the TLS handshake; `flush` sends its bytes in some other way."""
        assert self._tls is not None
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await (flush or self.send_below_tls)(self._outgoing.read())
                await self._feed()
            else:
                await (flush or self.send_below_tls)(self._outgoing.read())
                return

    async def _feed(self) -> None:
        if data := await self.receive():
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    # --- what a script uses ---

    async def read(self) -> bytes:
        """Return the next bytes of the client's; none when it ended its side."""
        while self._tls is not None:
            try:
                if data := self._tls.read(_READ_SIZE):
                    return data
                self.left = "end"
                return b""
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed()
            except ssl.SSLZeroReturnError:
                self.left = "end"
                return b""
            except ssl.SSLEOFError:
                self.left = "end without close_notify"
                return b""
        data = await self.receive()
        if not data:
            self.left = "end"
        return data

    async def _flush(self) -> None:
        if data := self._outgoing.read():
            await self.send_below_tls(data)

    async def send(self, data: bytes) -> None:
        """Send bytes, over TLS in one record if they fit."""
        if self.sent_unasked is None:
            self.sent_unasked = not self.requests and self.unasked
        if self._tls is not None:
            self._tls.write(data)
            data = self._outgoing.read()
        await self.send_below_tls(data)

    @property
    def unasked(self) -> bool:
        """Whether nothing has come since the last request was read, so that what is sent now is unasked for."""
        try:
            return not self._buffer and not self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False

    async def read_head(self) -> Request:
        """Read the head of a request; raises `ConnectionError` when the client leaves before its end."""
        while b"\r\n\r\n" not in self._buffer:
            await self._read_more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        request_line, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = request_line.split(" ")
        fields = [line.partition(":") for line in lines]
        return Request(method, target, {name.lower(): value.strip() for name, _, value in fields})

    async def read_request(self) -> Request:
        """Read a whole request, which counts as a run of the model; raises as `read_head`."""
        request = await self.read_head()
        length = int(request.headers.get("content-length", "0"))
        while len(self._buffer) < length:
            await self._read_more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        request = request._replace(body=body)
        self.requests.append(request)
        self._runs[body] += 1
        return request

    async def _read_more(self) -> None:
        data = await self.read()
        if not data:
            raise ConnectionError(f"the client left ({self.left})")
        self._buffer += data

    async def end(self, *, close_notify: bool = True) -> None:
        """End this side: over TLS by close_notify, unless told otherwise, then by a FIN."""
        if self._tls is not None and close_notify:
            with contextlib.suppress(ssl.SSLError):  # it wants the client's as well
                self._tls.unwrap()
            await self._flush()
        with contextlib.suppress(OSError):  # the client was first
            self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End the connection by an RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.close()

    def close(self) -> None:
        """Let go of the socket: the system sends a FIN, or an RST when not all was read that came."""
        self.closed = True
        self._socket.close()


Step = Callable[[Peer], Awaitable[object]]
Script = Sequence[Step]


@dataclass
class HostileServer:
    """Plays a script for every connection; use it as ``async with HostileServer(lambda number: [...]) as server``.

    A script ends when its steps do, when one of them ends the connection, or when the client goes; then the connection
    is closed. Whatever else a step raises is raised where the server is left.
    """

    script: Callable[[int], Script]
    """Returns the script of a connection, counted from 0."""
    tls: ssl.SSLContext | None = None
    handshake: bool = True
    """Whether the TLS handshake is done before the script begins; else `Peer.handshake` is the script's affair."""
    peers: list[Peer] = field(default_factory=list, init=False)
    """Every connection that was accepted."""
    runs: Counter[bytes] = field(default_factory=Counter, init=False)
    """How often each body of a request was read whole."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _failures: list[Exception] = field(default_factory=list, init=False)

    @property
    def origin(self) -> str:
        """Scheme, address and port."""
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def requests(self) -> list[Request]:
        """All requests that were read whole, by connection."""
        return [request for peer in self.peers for request in peer.requests]

    async def __aenter__(self) -> Self:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._socket.setblocking(False)
        self._accepting = asyncio.create_task(self._accept())
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        tasks = [self._accepting, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._socket.close()
        if self._failures and exc is None:
            raise self._failures[0]

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(self._socket)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(sock, len(self.peers), self.tls, self.runs)
            self.peers.append(peer)
            task = asyncio.create_task(self._play(peer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _play(self, peer: Peer) -> None:
        try:
            if self.tls is not None and self.handshake:
                await peer.handshake()
            for step in self.script(peer.number):
                await step(peer)
                if peer.closed:
                    break
        except OSError:  # the client went; ssl.SSLError is one as well
            pass
        except Exception as error:  # noqa: BLE001 - raised where the server is left
            self._failures.append(error)
        finally:
            peer.close()
