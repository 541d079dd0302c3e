"""aiohttp's connector with limits of its own, and what one request learns about its connection."""

from __future__ import annotations

import asyncio
import contextlib
import encodings.idna  # noqa: F401 - the ssl module wants it for host names, and would import it on the event loop
import functools
import math
import socket
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict

from sagemaker_async.config import Timeouts
from sagemaker_async.errors import ConnectTimeoutError, PoolTimeoutError

__all__ = ["ConnectionFacts", "Connector", "current_connection", "disconnect", "keep_read_buffers", "running_loop"]

STALE_MARGIN = 0.020
"""Seconds on top of a connection's own TCP connect time within which a close by the peer means it was stale."""


_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


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


class ConnectionFacts:
    """What is known of the connection of one request, as far as it has got."""

    __slots__ = ("connect_time", "handed_out", "headers", "phase", "proxied", "reused", "sent", "timeouts")

    def __init__(self, timeouts: Timeouts, headers: Mapping[str, str] = _NO_HEADERS, *, proxied: bool = False) -> None:
        self.timeouts = timeouts
        self.proxied = proxied
        """Whether it goes to a proxy, so that the host that is looked up is the proxy's."""
        self.headers = headers
        """What is to be sent, for the request that aiohttp makes on the way."""
        self.sent: CIMultiDict[str] | None = None
        """What is sent, which aiohttp keeps as long as the answer."""
        self.phase = ""
        self.reused = False
        self.connect_time = 0.0
        self.handed_out: float | None = None

    def forget_headers(self) -> None:
        """Let go of the header fields, the signature and the token among them, once the head of the answer has come.

        A connection that was made on the way refers to this object for life, and an answer to the request.
        """
        self.headers = _NO_HEADERS
        if self.sent is not None:
            self.sent.clear()

    @property
    def being_made(self) -> bool:
        """Whether the connection is not there yet, so that nothing can have been sent on it."""
        return bool(self.phase) and self.handed_out is None

    def stale(self, now: float) -> bool:
        """Whether a close by the peer that was seen `now` came before the peer can have answered the request."""
        return self.reused and self.handed_out is not None and now - self.handed_out <= self.connect_time + STALE_MARGIN


current_connection: ContextVar[ConnectionFacts] = ContextVar("sagemaker_async_connection")


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class _Protocol(ResponseHandler):
    """aiohttp's protocol of one connection, with what the connector notes on it and one failure passed on.

    Its limit on silence has one timer, which looks when it fires whether there was silence. aiohttp cancels a timer and
    makes another at each read, which a slow stream pays for every event.
    """

    __slots__ = ("_fires_at", "_silent_until", "connect_time")

    connect_time: float
    """Seconds TCP took to connect."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._fires_at = math.inf
        self._silent_until: float | None = None

    def _reschedule_timeout(self) -> None:
        seconds = self._read_timeout
        if not seconds:
            self._silent_until = None
            return
        self._silent_until = limit = self._loop.time() + seconds
        if self._read_timeout_handle is None or limit < self._fires_at:
            self._watch_until(limit)

    def _watch_until(self, time: float) -> None:
        super()._drop_timeout()
        self._fires_at = time
        self._read_timeout_handle = self._loop.call_at(time, self._look)

    def _look(self) -> None:
        self._read_timeout_handle = None
        limit = self._silent_until
        if limit is None:
            return
        if self._loop.time() < limit:
            self._watch_until(limit)
        else:
            self._silent_until = None
            self._on_read_timeout()

    def _drop_timeout(self) -> None:
        self._silent_until = None

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        super()._drop_timeout()

    def set_exception(self, exc: Any, *args: Any) -> None:
        silent_until = self._silent_until
        super().set_exception(exc, *args)
        if self._payload is None:
            return
        # aiohttp tells only those who wait for a head; who reads the body would wait for ever. Of malformed bytes they
        # are told, and where the request's body failed, which the answer may outlive, their limit on silence goes on.
        if isinstance(exc, HttpProcessingError):
            self._payload.set_exception(aiohttp.ClientPayloadError(exc.message))
        else:
            self._silent_until = silent_until


class Connector(aiohttp.TCPConnector):
    """aiohttp's connector, with a limit of its own for the wait for the pool and one for DNS, TCP and TLS together.

    aiohttp has one limit for both and does not tell a pooled connection from a new one; overriding these few steps is
    far cheaper than tracing every request.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        factory: Any = functools.partial(_Protocol, loop=self._loop)
        self._factory = factory

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        connection = await super().connect(req, traces, timeout)
        facts = current_connection.get()
        if not facts.phase:
            facts.reused = True
            protocol: Any = connection.protocol
            facts.connect_time = protocol.connect_time
        facts.handed_out = self._loop.time()
        return connection

    async def _wait_for_available_connection(self, key: Any, traces: Any) -> None:
        seconds = current_connection.get().timeouts.pool
        try:
            async with asyncio.timeout(seconds) as limit:
                await super()._wait_for_available_connection(key, traces)
        except TimeoutError:
            if not limit.expired() or seconds is None:
                raise
            raise PoolTimeoutError(
                f"no connection came free within {seconds:g} s (Timeouts.pool): all {self._limit} are in use; "
                "raise Config.max_connections, close streams that are no longer read, or call less at once",
                seconds,
            ) from None

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> Any:
        facts = current_connection.get()
        facts.phase = "DNS"
        seconds = facts.timeouts.connect
        try:
            async with asyncio.timeout(seconds) as limit:
                protocol: Any = await super()._create_connection(req, traces, timeout)
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
        protocol.connect_time = facts.connect_time
        return protocol

    async def _wrap_create_connection(self, *args: Any, **kwargs: Any) -> Any:
        facts = current_connection.get()
        facts.phase = "TCP"
        started = self._loop.time()
        factory, *others = args

        def made() -> Any:  # asyncio calls the factory when TCP is connected
            facts.phase = "TLS" if kwargs.get("ssl") else "CONNECT through the proxy"
            facts.connect_time = self._loop.time() - started
            return factory()

        return await super()._wrap_create_connection(made, *others, **kwargs)

    async def _start_tls_connection(self, *args: Any, **kwargs: Any) -> Any:
        current_connection.get().phase = "TLS"
        return await super()._start_tls_connection(*args, **kwargs)

    def _release(self, key: Any, protocol: Any, *, should_close: bool = False) -> None:
        transport = protocol.transport
        if transport is not None and transport.get_write_buffer_size():
            # The peer has not taken the whole request: no other may follow it, and closing would wait until it has.
            transport.abort()
            should_close = True
        super()._release(key, protocol, should_close=should_close)
        protocol._payload = None  # whoever still reads it has it whole, and is not told how the next answer fares

    def cut_uploads(self) -> None:
        """End the connections whose peers have not taken what was written: closing them would wait until they have."""
        for protocol in list(self._acquired):
            transport = getattr(protocol, "transport", None)
            if transport is not None and transport.get_write_buffer_size():
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
