"""aiohttp's connector with our protocol, and one limit on making a connection."""

from __future__ import annotations

import asyncio
import contextlib
import encodings.idna  # noqa: F401 - the ssl module wants it for host names, and would import it on the event loop
import functools
import socket
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from sagemaker_async.errors import ConnectTimeoutError

from .facts import current_connection
from .protocol import ConnectionProtocol

__all__ = ["Connector", "disconnect", "keep_read_buffers"]


TURNS_TO_READ = 8
"""How many turns of the event loop a new connection gets to read what came before it was asked; one is enough."""


@functools.cache
def keep_read_buffers() -> None:
    """Have the C library keep the memory that asyncio reads into, where it would map and unmap it at each read.

    asyncio takes 256 KiB for each read, whatever comes. glibc maps blocks of 128 KiB and more one by one, until one has
    been freed: from then on it takes blocks of up to that size from its heap (mallopt(3), M_MMAP_THRESHOLD).

    This affects the whole process, and is done once in it, for good: all blocks of up to 1 MiB, whoever asks for them,
    come from the heap, whose free memory goes back to the system only from its end and beyond 2 MiB (M_TRIM_THRESHOLD).
    What it costs is that the process may keep those 2 MiB, and free blocks that lie below one in use, for whoever asks
    next. It is harmless: every program that frees a block of 1 MiB at some time has the same, and who has set either
    threshold keeps theirs. The block freed here is never touched, so it takes no memory. Other C libraries take no
    notice.
    """
    bytearray(_FREED_ONCE)


_FREED_ONCE = 1 << 20


class Connector(aiohttp.TCPConnector):
    """aiohttp's connector without a limit of its own, with one for DNS, TCP and TLS together.

    How many connections there are is the business of `Places`. aiohttp does not tell a pooled connection from a new
    one; overriding these few steps is far cheaper than tracing every request.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(limit=0, **options)
        factory: Any = functools.partial(ConnectionProtocol, loop=self._loop)
        self._factory = factory

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        connection: Any = await super().connect(req, traces, timeout)
        facts = current_connection.get()
        protocol: ConnectionProtocol = connection.protocol
        facts.protocol = protocol
        facts.reused = not facts.phase
        if facts.reused:
            return connection
        try:
            # What a new connection brings before it is asked is nobody's answer, or of TLS (session tickets): the loop
            # is let read it, and the protocol tells the two apart.
            for _ in range(TURNS_TO_READ):
                if not protocol.readable():
                    break
                await asyncio.sleep(0)
            if not protocol.is_connected():
                protocol.note_unsent()
                raise aiohttp.ClientConnectionResetError(protocol.refusal or "the peer closed it")
        except BaseException:
            connection.close()
            raise
        return connection

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:
        facts = current_connection.get()
        facts.phase = "DNS"
        seconds = facts.timeouts.connect
        try:
            async with asyncio.timeout(seconds) as limit:
                protocol = await super()._create_connection(req, traces, timeout)
        except TimeoutError:
            if not limit.expired() or seconds is None:
                raise
            raise ConnectTimeoutError(
                f"no connection within {seconds:g} s (Timeouts.connect); {facts.phase} was under way; check the "
                "network, the proxy and the endpoint's host name, or allow more time",
                seconds,
                facts.phase,
            ) from None
        facts.phase = "connected"
        return protocol

    async def _wrap_create_connection(self, *args: Any, **kwargs: Any) -> Any:
        facts = current_connection.get()
        facts.phase = "TCP"
        factory, *others = args

        def made() -> Any:  # asyncio calls the factory when TCP is connected
            facts.phase = "TLS" if kwargs.get("ssl") else "CONNECT through the proxy"
            return factory()

        return await super()._wrap_create_connection(made, *others, **kwargs)

    async def _start_tls_connection(self, *args: Any, **kwargs: Any) -> Any:
        current_connection.get().phase = "TLS"
        return await super()._start_tls_connection(*args, **kwargs)

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        transport = protocol.transport
        if transport is not None and _unsent(transport):
            # The peer has not taken the whole request: no other may follow it, and closing would wait until it has.
            transport.abort()
            should_close = True
        super()._release(key, protocol, should_close=should_close)
        protocol.rest()

    def cut_uploads(self) -> None:
        """End the connections whose peers have not taken what was written: closing them would wait until they have."""
        for protocol in list(self._acquired):
            transport = getattr(protocol, "transport", None)
            if transport is not None and _unsent(transport):
                transport.abort()

    def abandon(self) -> None:
        """Let go of every connection after the loop was closed."""
        for protocol in self._taken():
            if (transport := getattr(protocol, "transport", None)) is not None:
                disconnect(transport)

    def drop(self) -> None:
        """Let go of every connection on the loop's thread, where nobody awaits `close`."""
        for protocol in self._taken():
            protocol.close()

    def _taken(self) -> list[ResponseHandler]:
        pooled = [protocol for connections in self._conns.values() for protocol, _ in connections]
        protocols = [*pooled, *self._acquired]
        self._conns.clear()
        self._acquired.clear()
        self._closed = True
        return protocols


def _unsent(transport: asyncio.Transport) -> int:
    """Return how many bytes the peer has not taken yet."""
    try:
        return transport.get_write_buffer_size()
    except AttributeError:  # asyncio's TLS transport has no buffer any more once it is closed
        return 0


def disconnect(transport: asyncio.BaseTransport) -> None:
    """End a connection whose loop was closed: asyncio cannot schedule its end any more, so it is called directly."""
    with contextlib.suppress(OSError, TypeError):  # uvloop's sockets cannot; it closed them with the loop
        transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(RuntimeError):  # the loop is closed; noted as closing all the same
        transport.abort()  # type: ignore[attr-defined]
    tls = getattr(transport, "_ssl_protocol", None)
    plain: Any = transport if tls is None else tls._transport
    with contextlib.suppress(RuntimeError, AttributeError):  # as above; and other loops than asyncio's
        plain._call_connection_lost(None)
