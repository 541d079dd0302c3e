"""How the body of a request goes out: in slices, each of which the peer has to take within a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

import aiohttp

from sagemaker_async.aws.http import ChunkCallback
from sagemaker_async.errors import FirstByteTimeoutError

from .facts import ConnectionFacts

if TYPE_CHECKING:
    from .protocol import ConnectionProtocol

__all__ = ["SLICED_FROM", "WRITE_SIZE", "begin_upload", "keeping_error", "taken"]

WRITE_SIZE = 1 << 18
"""Bodies go out in slices of this many bytes, so that a large one does not hold up the event loop."""

SLICED_FROM = 1 << 16
"""Smaller bodies go out with the head, in one piece."""


async def taken(written: Awaitable[None], seconds: float | None, sent: int, total: int) -> None:
    """Wait for the peer to take what was written.

    Args:
        written: done when it has.
        seconds: the limit, `Timeouts.first_byte`.
        sent: bytes of the body that it had taken before; for the message.
        total: bytes of the body.

    Raises:
        FirstByteTimeoutError: it did not.
    """
    try:
        async with asyncio.timeout(seconds) as limit:
            await written
    except TimeoutError:
        if seconds is None or not limit.expired():
            raise
        raise FirstByteTimeoutError(
            f"the request's body was not taken: {sent} of its {total} bytes were sent, and then no more "
            f"for {seconds:g} s (Timeouts.first_byte); check the network, or raise the limit",
            seconds,
        ) from None


def keeping_error(on_chunk_sent: ChunkCallback, facts: ConnectionFacts) -> ChunkCallback:
    """Return a callback that keeps what the user's raises, so that it can be raised to the caller as it is."""

    def callback(sent: int, total: int | None) -> None:
        try:
            on_chunk_sent(sent, total)
        except BaseException as error:
            facts.callback_error = error
            raise

    return callback


def begin_upload(
    protocol: ConnectionProtocol,
    head: bytes,
    body: bytes,
    facts: ConnectionFacts,
    on_chunk_sent: ChunkCallback | None,
) -> asyncio.Task[None] | None:
    """Write a request as far as the socket takes it, and return the task that writes the rest, if there is any.

    The limit on the wait for the answer begins when the peer has taken the whole body; a failure of the task is raised
    by the protocol's `read`.

    Args:
        protocol: whose connection the request goes out on.
        head: the request's head.
        body: and its body.
        facts: the limits, among them how long the peer may take none of it.
        on_chunk_sent: called after each slice.

    Raises:
        OSError: the connection was lost.
    """
    if len(body) < SLICED_FROM and (on_chunk_sent is None or not body):
        _write_first(protocol, head + body)
        protocol.start_timeout()
        return None
    upload = _Upload(protocol, body, facts.timeouts.first_byte, on_chunk_sent and keeping_error(on_chunk_sent, facts))
    if upload.write(head):
        protocol.start_timeout()
        return None
    return asyncio.get_running_loop().create_task(upload.finish())


def _writable(protocol: ConnectionProtocol) -> asyncio.Transport:
    transport = protocol.transport
    if transport is None or transport.is_closing():
        raise aiohttp.ClientConnectionResetError(protocol.refusal or "the peer closed it")
    return transport


def _write_first(protocol: ConnectionProtocol, data: bytes) -> None:
    """Write the beginning of a request; when that fails at once, nothing of it has left this machine."""
    try:
        transport = _writable(protocol)
        transport.write(data)
        if transport.is_closing():  # asyncio notes a failure so, and tells of it later
            raise aiohttp.ClientConnectionResetError("the peer had closed it")
    except ConnectionError:
        protocol.note_unsent()
        raise


class _Upload:
    """A large body on its way out, or one whose way is watched."""

    __slots__ = ("_body", "_on_chunk_sent", "_protocol", "_seconds", "_written")

    def __init__(
        self, protocol: ConnectionProtocol, body: bytes, seconds: float | None, on_chunk_sent: ChunkCallback | None
    ) -> None:
        self._protocol = protocol
        self._body = memoryview(body)
        self._seconds = seconds
        self._on_chunk_sent = on_chunk_sent
        self._written = 0

    def write(self, head: bytes = b"") -> bool:
        """Write slices, the first one behind the head, until the socket has enough for now; return whether it was all.

        Raises:
            OSError: the connection was lost.
        """
        body = self._body
        total = len(body)
        while self._written < total and not self._protocol.writing_paused:
            piece = body[self._written : self._written + WRITE_SIZE]
            self._written += len(piece)
            if head:
                _write_first(self._protocol, b"".join((head, piece)))
                head = b""
            else:
                _writable(self._protocol).write(piece)
            if self._on_chunk_sent is not None:
                self._on_chunk_sent(self._written, total)
        return self._written == total and not self._protocol.writing_paused

    async def finish(self) -> None:
        """Write the rest as the peer takes it."""
        protocol = self._protocol
        try:
            all_written = False
            while not all_written:
                sent = self._written - _writable(protocol).get_write_buffer_size()
                await taken(protocol.drain(), self._seconds, max(sent, 0), len(self._body))
                all_written = self.write()
        except asyncio.CancelledError:
            protocol.set_exception(aiohttp.ClientConnectionError("the upload was cancelled"))
            raise
        except BaseException as error:
            protocol.set_exception(error)  # the seam is where it is raised again
            if not isinstance(error, Exception):
                raise
        else:
            protocol.start_timeout()
        finally:
            self._body = memoryview(b"")  # the exception that is kept keeps this object
