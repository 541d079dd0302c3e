"""A server in a process of its own that ends kept connections at the moment the client writes on them again.

It answers every request at once. One whose body is ``warm <number> <manner>`` has it close the connection afterwards,
by ``FIN`` or ``RST``, after about as long as the client takes to send its next request: a little later when the
connection before this one was closed too early for the two to meet, a little earlier when the request was first. So the
end and the request cross each other on the way, which takes two processes; it is the kernel's timing that is tested.

`closing_server` runs it.
"""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import trustme

from .processes import Child, child, tell

__all__ = ["ClosingServer", "Tally", "closing_server"]

_LINGER_ZERO = struct.pack("ii", 1, 0)
_BYTES_RECEIVED = slice(128, 136)
"""``tcpi_bytes_received`` of Linux' ``struct tcp_info``."""
_STEP, _SPREAD = 0.00002, 0.0001
"""Seconds by which the aim is corrected after each connection, and around it at which connections are closed."""


@dataclass
class Tally:
    """What the server saw."""

    runs: Counter[str] = field(default_factory=Counter)
    """How often each body was read whole."""
    ended_first: list[str] = field(default_factory=list)
    """The numbers of the connections that were ended before anything of the next request had come."""
    ended_late: list[str] = field(default_factory=list)
    """Of those that were closed with the next request in hand, which counts as read."""


class _Server:
    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.tally = Tally()
        self._tls = tls
        self._aim = 0.0
        self._random = random.Random(11)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]

    def serve(self) -> None:
        while True:
            sock, _ = self._listening.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError), sock:  # the client went
                if self._tls is None:
                    self._converse(sock)
                else:
                    with self._tls.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False) as secured:
                        self._converse(secured)

    def _converse(self, sock: socket.socket) -> None:
        buffer = b""
        while True:
            body, buffer = self._read(sock.recv, buffer)
            received = _bytes_received(sock)  # before the answer, for the next request may follow it at once
            answer = b"answer to " + body
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
            if not body.startswith(b"warm"):
                continue
            _, number, manner = body.decode().split()
            time.sleep(max(self._aim + self._random.uniform(-_SPREAD, _SPREAD), 0))
            self._close(sock, number, manner, received, buffer)
            return

    def _read(self, receive: Callable[[int], bytes], buffer: bytes) -> tuple[bytes, bytes]:
        """Read a request, which counts as a run; return its body and what came behind it."""
        while b"\r\n\r\n" not in buffer:
            buffer += self._more(receive)
        head, _, buffer = buffer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        while len(buffer) < length:
            buffer += self._more(receive)
        body = buffer[:length]
        self.tally.runs[body.decode()] += 1
        return body, buffer[length:]

    @staticmethod
    def _more(receive: Callable[[int], bytes]) -> bytes:
        data = receive(1 << 16)
        if not data:
            raise ConnectionError("the client ended the connection")
        return data

    def _close(self, sock: socket.socket, number: str, manner: str, received: int, buffer: bytes) -> None:
        if manner == "FIN" and isinstance(sock, ssl.SSLSocket):
            sock.setblocking(False)
            with contextlib.suppress(ssl.SSLError):  # it wants the client's close_notify as well
                sock.unwrap()
            sock.setblocking(True)
        if manner == "FIN":
            # Not `close`, after which the socket cannot be asked any more. To the client it is the same: what comes
            # from now on is answered by an RST, and not acknowledged. And not SSLSocket's, which forgets its TLS.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
        if _bytes_received(sock) != received:
            self._aim = max(self._aim - _STEP, 0)
            self.tally.ended_late.append(number)
            self._read(sock.recv, buffer)
        else:
            self._aim += _STEP
            self.tally.ended_first.append(number)
        if manner == "RST":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        sock.close()


def _bytes_received(sock: socket.socket) -> int:
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136)
    return int.from_bytes(info[_BYTES_RECEIVED], sys.byteorder)


def _main() -> None:
    tls, trust = None, ""
    if "--tls" in sys.argv:
        authority = trustme.CA()
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        trust = authority.cert_pem.bytes().decode()
    server = _Server(tls)
    threading.Thread(target=server.serve, daemon=True).start()
    scheme = "http" if tls is None else "https"
    tell({"origin": f"{scheme}://127.0.0.1:{server.port}", "trust": trust})
    sys.stdin.read()
    tell(vars(server.tally))


# --- the caller's side -----------------------------------------------------------------------------------------------


class ClosingServer(NamedTuple):
    """The server's process."""

    process: Child

    @property
    def origin(self) -> str:
        """Scheme, address and port."""
        return str(self.process.told["origin"])

    @property
    def trust(self) -> ssl.SSLContext:
        """The context that trusts it."""
        return ssl.create_default_context(cadata=self.process.told["trust"] or None)

    @property
    def tally(self) -> Tally:
        """What it saw, once it was left."""
        return Tally(**self.process.tally)


@asynccontextmanager
async def closing_server(*, tls: bool = False) -> AsyncIterator[ClosingServer]:
    """Run the server in a process of its own."""
    async with child("closing_server", *["--tls"] * tls) as process:
        yield ClosingServer(process)


if __name__ == "__main__":
    _main()
