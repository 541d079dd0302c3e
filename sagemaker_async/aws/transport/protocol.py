"""One connection: aiohttp's protocol, with the promises about answers that aiohttp does not make.

- *Answers never shift.* Bytes that arrive while no request is under way belong to no answer, and close the connection.
  Bytes left in the parser or the socket after a request are found by `untouched` before the next request is written.
  An answer whose first segment acknowledges nothing of the request was sent before the request arrived, and is
  refused.
- *Stale means proven.* `proves_unread` says whether it is certain that the peer cannot have read the request: nothing
  of it left this machine, or the connection's orderly end (FIN) came, no byte before it, and the peer's kernel had not
  acknowledged any of the request (Linux: `TCP_INFO`).
- *Whole or an error.* An answer that ends with the connection is whole only after an orderly end: FIN, and over TLS
  the peer's close_notify (RFC 9112, section 9.8).
- *Limits limit.* `first_byte` runs until the whole head is there, whatever drips in between; an interim answer (1xx)
  restarts it once. `between_chunks` counts payload only. What is not payload is bounded.

It adds no I/O of its own to a request but one `poll` and one `getsockopt`, neither of which waits.
"""

from __future__ import annotations

import asyncio
import math
import select
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import EMPTY_PAYLOAD

from .tls import TLSLayer

__all__ = ["ConnectionProtocol"]

MAX_HEAD = 1 << 18
"""How many bytes of one answer may be no payload: its heads, interim ones included, and the framing of its chunks."""

FRAMING_PER_BYTE = 16
"""And how many more for each byte of payload: a chunk of one byte takes five."""

SWITCHING_PROTOCOLS = 101

_TCP_INFO = getattr(socket, "TCP_INFO", None)
_INFO_SIZE = 128
_BYTES_ACKED = 120
"""``tcpi_bytes_acked``, 8 bytes of Linux' ``struct tcp_info`` (linux/tcp.h) since Linux 4.1. Linux counts the SYN, so
it is never 0; it is on kernels that have the field and do not count."""

_POLLED = 0x0001 | 0x0002 | 0x2000  # POLLIN, POLLPRI, POLLRDHUP; errors and hang-ups are told unasked


class ConnectionProtocol(ResponseHandler):
    """See the module's docstring.

    Attributes:
        asked: whether a request is under way; between two requests, nothing may arrive.
        refusal: why the connection was closed on our side, in words; empty unless it was.
    """

    # Slots, for with aiohttp's own there are more attributes than instances of a class can share the keys of: without
    # them, each open stream would hold 2 KiB more.
    __slots__ = (
        "_acked",
        "_acknowledged",
        "_between",
        "_fires_at",
        "_first_byte",
        "_head_came",
        "_interim_came",
        "_limit_at",
        "_orderly_end",
        "_payload_bytes",
        "_poll",
        "_received",
        "_rested",
        "_room",
        "_timer_handle",
        "_tls",
        "_unread",
        "asked",
        "refusal",
    )
    _poll: Callable[[int], object]
    _acknowledged: Callable[[], bytes | None]

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.asked: bool = False
        self.refusal: str = ""
        self._rested = False
        self._received = self._payload_bytes = 0
        self._head_came = self._interim_came = False
        self._first_byte: float | None = None
        self._between: float | None = None
        self._acked: bytes | None = None
        self._unread = self._orderly_end = False
        self._room: asyncio.Future[None] | None = None
        self._timer_handle: asyncio.TimerHandle | None = None
        self._fires_at = math.inf
        self._limit_at: float | None = None
        self._tls: TLSLayer | None = None

    # --- the life of a connection -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        self._poll = _poll_of(connection)
        self._acknowledged = _acknowledged_of(connection)
        self._acked = self._acknowledged()
        tls = transport.get_extra_info("ssl_object")
        self._tls = None if tls is None else TLSLayer(transport, tls)

    def set_response_params(self, *, read_timeout: float | None = None, **params: Any) -> None:
        """Begin a request, of which nothing has been written yet: bytes that arrive from now on are its answer."""
        super().set_response_params(read_timeout=None, **params)
        self.asked = True
        self._received = self._payload_bytes = 0
        self._head_came = self._interim_came = False
        self._first_byte = read_timeout
        self._between = None
        if "skip_payload" not in params:  # aiohttp's own CONNECT to a proxy, of which it tells after it has written
            self._acked = None

    def rest(self) -> None:
        """End a request: nothing may arrive from now on."""
        self.asked = False
        self._rested = True
        self._limit_at = None
        self._payload = None  # its reader has it whole, and must not learn what becomes of the next answer

    def is_connected(self) -> bool:
        """Whether the connection can take a request; aiohttp's pool asks before it hands one out."""
        return super().is_connected() and (self.asked or not self._rested or self.untouched())

    def untouched(self) -> bool:
        """Whether nothing has come since the last request was over, in the parser, the TLS layer or the socket."""
        if self._reading_paused or self.should_close:
            return False
        parser, self._parser = self._parser, None
        if parser is not None:
            try:
                if parser.feed_eof() is not None:  # the beginning of another answer
                    return False
            except Exception:  # noqa: BLE001 - likewise, and not even a good one
                return False
        if self._tls is not None and self._tls.holds_back():
            return False
        return not self._poll(0)

    def readable(self) -> bool:
        """Whether something lies in the socket that the loop has not read yet, the connection's end included."""
        return bool(self._poll(0))

    def eof_received(self) -> None:
        self._orderly_end = self._tls is None or self._tls.closed_by_peer()
        self._unread = self.asked and not self._received and self._nothing_acknowledged()
        super().eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        payload = self._payload
        if payload is not None and not payload.is_eof() and not self._orderly_end:
            # aiohttp takes any end for the end of an answer without a length.
            how = str(exc) or type(exc).__name__ if exc is not None else "no close_notify came"
            payload.set_exception(aiohttp.ClientPayloadError(f"the connection did not end in order: {how}"))
        super().connection_lost(exc)
        self._limit_at = None
        if self._timer_handle is not None:
            self._timer_handle.cancel()
        if self._room is not None and not self._room.done():
            self._room.set_result(None)

    @property
    def proves_unread(self) -> bool:
        """Whether it is certain that the peer has not read the request, now that the connection is lost."""
        return self._unread and not self._received

    def note_unsent(self) -> None:
        """Take notice that nothing of the request left this machine."""
        self._unread = True

    # --- what comes ---------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if not data:  # aiohttp's way of going on with bytes that it held back
            if self.asked:
                super().data_received(data)
            return
        if not self.asked:
            self._refuse("the peer sent something that nobody had asked for")
            return
        if not self._received and self._nothing_acknowledged():
            self._received = len(data)
            self._refuse("an answer began before the request had arrived")
            return
        self._received += len(data)
        if self._tls is not None:
            self._tls.saw(len(data))
        super().data_received(data)
        payload = self._payload
        payload_bytes = 0
        if payload is not None and payload is not EMPTY_PAYLOAD:
            payload_bytes = payload.total_bytes
            if payload_bytes != self._payload_bytes:
                self._payload_bytes = payload_bytes
                if self._between is not None:
                    self._limit_at = self._loop.time() + self._between
        if self._received - payload_bytes > MAX_HEAD + FRAMING_PER_BYTE * payload_bytes and self.asked:
            self._refuse(f"the answer has more than {MAX_HEAD} bytes beside its payload")

    def _nothing_acknowledged(self) -> bool:
        """Whether the peer's kernel has acknowledged nothing since the last answer began; not known means no.

        That answer acknowledged the request before this one, so what is acknowledged since is of this one.
        """
        acked = self._acked
        if acked is None:
            return False
        self._acked = self._acknowledged()
        return self._acked == acked

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Take the head of an answer from the parser."""
        message = data[0]
        code = message.code
        if not self.asked or self._head_came:
            self._should_close = True  # a second answer to one request
            return
        if 100 <= code < 200 and code != SWITCHING_PROTOCOLS:
            if not self._interim_came and self._limit_at is not None:
                self._limit(self._first_byte)
            self._interim_came = True
        else:
            self._head_came = True
            self._limit_at = None
            if "Transfer-Encoding" in message.headers and not message.chunked:
                self._refuse("the answer has a transfer coding that was not asked for")
                return
        super().feed_data(data, size)

    def _refuse(self, why: str) -> None:
        """Close the connection because of what the peer sent, and fail whoever waits for the answer."""
        self.refusal = why
        self.set_exception(HttpProcessingError(code=0, message=why))
        if self.transport is not None:
            self.transport.abort()

    def set_exception(self, exc: Any, *args: Any) -> None:
        super().set_exception(exc, *args)
        # aiohttp fails only the wait for a head; a reader of the body would wait for ever. Malformed bytes fail the
        # reader too; a failed upload does not, because the answer may outlive it: there the limit on silence goes on.
        if self._payload is not None and isinstance(exc, HttpProcessingError):
            self._payload.set_exception(aiohttp.ClientPayloadError(exc.message))

    # --- limits -------------------------------------------------------------------------------------------------------

    # A connection has one timer, which looks when it fires whether a limit has passed. aiohttp cancels a timer and
    # makes another at each read, which a slow stream pays for every event.

    def start_timeout(self) -> None:
        """Begin to wait for the head of the answer: the request has gone out."""
        if self.asked and not self._head_came:
            self._limit(self._first_byte)

    def watch_payload(self, seconds: float | None) -> None:
        """Limit the silence between two pieces of payload from now on."""
        self._between = seconds or None
        if self._payload is not None and not self._payload.is_eof() and not self._reading_paused:
            self._limit(self._between)

    def pause_reading(self) -> None:
        super().pause_reading()
        self._limit_at = None  # the reader pauses now, not the peer

    def resume_reading(self, *args: Any, **kwargs: Any) -> None:
        if not self._reading_paused:  # aiohttp calls this for every piece that is read, and would ask its parser
            return
        super().resume_reading(*args, **kwargs)
        if self.asked and self._head_came and not self._reading_paused:
            self._limit(self._between)

    def _limit(self, seconds: float | None) -> None:
        if not seconds:
            self._limit_at = None
            return
        self._limit_at = time = self._loop.time() + seconds
        if self._timer_handle is None or time < self._fires_at:
            self._watch_until(time)

    def _watch_until(self, time: float) -> None:
        if self._timer_handle is not None:
            self._timer_handle.cancel()
        self._fires_at = time
        self._timer_handle = self._loop.call_at(time, self._look)

    def _look(self) -> None:
        self._timer_handle = None
        if self._limit_at is None:
            return
        if self._loop.time() < self._limit_at:
            self._watch_until(self._limit_at)
            return
        self._limit_at = None
        silence = aiohttp.SocketTimeoutError("nothing came")
        self.set_exception(silence)
        if self._payload is not None:
            self._payload.set_exception(silence)

    # --- what goes out ------------------------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Wait until the transport takes more.

        Raises:
            ClientConnectionResetError: the connection was lost.
        """
        if self.transport is None:
            raise aiohttp.ClientConnectionResetError("Connection lost")
        if not self.writing_paused:
            return
        if self._room is None or self._room.done():
            self._room = self._loop.create_future()
        await asyncio.shield(self._room)
        if self.transport is None:
            raise aiohttp.ClientConnectionResetError("Connection lost")

    _drain_helper = drain
    """aiohttp's leaves a future behind whose exception nobody looks at when the wait was cancelled."""

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._room is not None and not self._room.done():
            self._room.set_result(None)


def _acknowledged_of(connection: Any) -> Callable[[], bytes | None]:
    """Return a function that counts what the peer's kernel has acknowledged on a socket; None where it cannot tell."""
    getsockopt = getattr(connection, "_sock", connection).getsockopt

    def acknowledged() -> bytes | None:
        count: bytes = getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _INFO_SIZE)[_BYTES_ACKED:]
        return count

    try:
        count = acknowledged()
    except (OSError, TypeError):
        count = None
    return acknowledged if count is not None and len(count) == 8 and any(count) else lambda: None


def _poll_of(connection: Any) -> Callable[[int], object]:
    """Return a function that says, if called with 0, whether a socket has something to read, its end included."""
    descriptor = connection.fileno()
    if not hasattr(select, "poll"):
        return lambda seconds: select.select([descriptor], [], [descriptor], seconds)[0]
    poll = select.poll()
    poll.register(descriptor, _POLLED)
    return poll.poll
