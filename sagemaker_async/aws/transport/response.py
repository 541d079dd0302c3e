"""An answer whose body is still to be read, and how its connection is let go of."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import aiohttp

from sagemaker_async.config import Timeouts
from sagemaker_async.errors import (
    ChunkTimeoutError,
    ResponseTooLargeError,
    SageMakerAsyncError,
    SessionClosedError,
)

from .connector import disconnect
from .facts import running_loop
from .protocol import ConnectionProtocol
from .translation import cause_of, closed_meanwhile, translated

if TYPE_CHECKING:
    from .straight import Answer

__all__ = ["Response", "release"]


class Owner(Protocol):
    """What an answer needs of the transport it came through."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that the connection belongs to."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the transport was closed."""
        ...

    @property
    def under_way(self) -> set[Answer | aiohttp.ClientResponse]:
        """The answers whose connections are still in use."""
        ...


class Response:
    """An answer whose body is still to be read: the `HTTPResponse` of `AiohttpTransport`."""

    __slots__ = ("_ended", "_failure", "_response", "_timeouts", "_transport", "headers", "status")

    def __init__(self, response: Answer | aiohttp.ClientResponse, timeouts: Timeouts, transport: Owner) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response: Answer | aiohttp.ClientResponse | None = response
        self._timeouts = timeouts
        self._transport = transport
        self._failure: SageMakerAsyncError | None = None
        self._ended = False
        connection = response.connection
        if connection is not None:  # gone already when the whole answer came at once
            transport.under_way.add(response)
            if isinstance(protocol := connection.protocol, ConnectionProtocol):
                protocol.watch_payload(timeouts.between_chunks)

    async def read(self, limit: int | None = None) -> bytes:
        response = self._readable()
        if response is None:
            return self._end()
        content = response.content
        if limit is not None and not content.is_eof() and self._announced() > limit:
            self.close()
            raise ResponseTooLargeError(limit, 0)
        try:
            if content.is_eof():
                body = content.read_nowait()
            else:
                pieces: list[bytes] = []
                received = 0
                while piece := await content.readany():
                    pieces.append(piece)
                    received += len(piece)
                    if limit is not None and received > limit:
                        break
                body = b"".join(pieces)
        except BaseException as error:
            self.close()
            if not isinstance(error, Exception):
                raise
            self._failure = self._translated(error)
            return self._end()  # not in the handler, see AiohttpTransport.send
        if limit is not None and len(body) > limit:
            self.close()
            raise ResponseTooLargeError(limit, len(body))
        self._ended_with(response)
        return body

    async def read_chunk(self) -> bytes:
        response = self._readable()
        if response is None:
            return self._end()
        try:
            chunk = await response.content.readany()
        except BaseException as error:
            # aiohttp raises at once, and what had arrived before the failure would be lost.
            chunk = _unread(response) if isinstance(error, Exception) else b""
            self.close()
            if not isinstance(error, Exception):
                raise
            self._failure = self._translated(error)
        else:
            if not chunk:
                self._ended_with(response)
            return chunk
        return chunk or self._end()

    def _announced(self) -> int:
        length = self.headers.get("Content-Length", "")
        return int(length) if length.isascii() and length.isdigit() else 0

    def _ended_with(self, response: Answer | aiohttp.ClientResponse) -> None:
        """Take notice that the body has been read to its end."""
        self._forget(response)
        self._ended = True
        if response.connection is not None:  # the peer answered without taking the whole request
            response.close()

    def _readable(self) -> Answer | aiohttp.ClientResponse | None:
        if self._transport.closed:
            self.close()
        return self._response

    def _forget(self, response: Answer | aiohttp.ClientResponse) -> None:
        self._response = None
        self._transport.under_way.discard(response)

    def _end(self) -> bytes:
        """Return the body's own end; raise when it has not come."""
        if self._failure is not None:
            raise self._failure
        if self._ended:
            return b""
        if self._transport.closed:
            raise closed_meanwhile()
        raise SessionClosedError("the answer was closed before its body was read")

    def _translated(self, error: Exception) -> SageMakerAsyncError:
        timeouts = self._timeouts
        failure: SageMakerAsyncError
        if isinstance(error, aiohttp.SocketTimeoutError) and timeouts.between_chunks is not None:
            failure = ChunkTimeoutError(
                f"the answer began and then nothing came for {timeouts.between_chunks:g} s (Timeouts.between_chunks); "
                "raise the limit for models that pause longer",
                timeouts.between_chunks,
            )
        else:
            failure = translated(error, timeouts, None, closed=self._transport.closed)
        failure.__cause__ = cause_of(error)
        return failure

    def close(self) -> None:
        if (response := self._response) is not None:
            self._forget(response)
            release(response, self._transport.loop)

    def __del__(self) -> None:
        if self._response is not None:
            self.close()


def release(response: Answer | aiohttp.ClientResponse, loop: asyncio.AbstractEventLoop) -> None:
    """Close an answer of a loop, from any thread, and even when that loop was closed."""
    if loop.is_closed():
        _disconnect(response)
    elif running_loop() is loop:
        response.close()
    else:
        try:
            loop.call_soon_threadsafe(response.close)
        except RuntimeError:  # the loop was closed since
            _disconnect(response)


def _unread(response: Answer | aiohttp.ClientResponse) -> bytes:
    content = response.content
    return content._read_nowait(-1) if content._buffer else b""


def _disconnect(response: Answer | aiohttp.ClientResponse) -> None:
    """End the connection of an answer whose loop is gone, and keep aiohttp's finalisers from warning of it."""
    if isinstance(response, aiohttp.ClientResponse):
        response._closed = True
    if (connection := response.connection) is None:
        return
    protocol, connection._protocol = connection._protocol, None
    if protocol is not None and protocol.transport is not None:
        connection._connector._acquired.discard(protocol)
        disconnect(protocol.transport)
