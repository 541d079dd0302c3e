"""Sockets and canned requests: what is left of a client when it does nothing. Measures the server, not itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from . import Told

HEAD = b"POST /endpoints/%s/%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


class Connection(asyncio.Protocol):
    """One connection, which is told the length of an answer's body or reads it from its head."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[None] | None = None
        self.received = bytearray()
        self.streaming = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment]

    def ask(self, request: bytes, streaming: bool) -> asyncio.Future[None]:
        self.answered = asyncio.get_running_loop().create_future()
        self.streaming = streaming
        self.received.clear()
        self.transport.write(request)
        return self.answered

    def data_received(self, data: bytes) -> None:
        received = self.received
        if self.streaming:
            received[:] = received[-4:] + data[-5:]
            complete = received.endswith(b"0\r\n\r\n")
        else:
            received += data
            end = received.find(b"\r\n\r\n")
            length = received.rfind(b"Content-Length: ", 0, end)
            complete = end > 0 and len(received) == end + 4 + int(received[length + 16 : end])
        if complete and self.answered is not None and not self.answered.done():
            self.answered.set_result(None)


class RawSocket:
    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.idle: list[Connection] = []

    async def _ask(self, request: bytes, streaming: bool) -> None:
        if self.idle:
            connection = self.idle.pop()
        else:
            _, connection = await asyncio.get_running_loop().create_connection(Connection, self.host, self.port)
        await connection.ask(request, streaming)
        self.idle.append(connection)

    async def invoke(self, endpoint: str, body: bytes) -> int:
        await self._ask(HEAD % (endpoint.encode(), b"invocations", len(body)) + body, streaming=False)
        return 0

    async def stream(
        self,
        endpoint: str,
        body: bytes,
        on_first: Told = None,  # noqa: ARG002
        on_head: Told = None,  # noqa: ARG002
    ) -> int:
        await self._ask(HEAD % (endpoint.encode(), b"invocations-response-stream", len(body)) + body, streaming=True)
        return 0


@asynccontextmanager
async def opened(url: str, connections: int) -> AsyncIterator[RawSocket]:  # noqa: ARG001
    parts = urlsplit(url)
    client = RawSocket(str(parts.hostname), int(parts.port or 80))
    try:
        yield client
    finally:
        for connection in client.idle:
            connection.transport.abort()
