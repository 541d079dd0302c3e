"""Sending answers, with the faults that act while they are sent.

`send_body` answers the routes without a stream, `EventStreamAnswer` the one with a stream, and `PlainAnswer` the one
whose stream is the container's own. All end the handling of the request when a fault drops the connection:
`drop_connection` raises `asyncio.CancelledError`, as aiohttp itself does when the client of a handler has left.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from typing import NoReturn

from aiohttp import web

from sagemaker_async.aws.eventstream import encode_headers, encode_message
from sagemaker_async.errors import InternalStreamFailure, ModelStreamError, StreamError

from .endpoints import Endpoint
from .faults import (
    CutFrame,
    DropConnection,
    InStreamError,
    PartSize,
    Positioned,
    Reset,
    SlowFirstByte,
    Stall,
    TcpWrites,
    UnknownEvent,
    UnmodeledError,
    WrongChecksum,
)
from .models import ModelFailure, close_parts
from .state import Exchange, LocalState

__all__ = ["EventStreamAnswer", "PlainAnswer", "before_answer", "drop_connection", "send_body"]

_PAYLOAD_PART = encode_headers(
    {":event-type": "PayloadPart", ":content-type": "application/octet-stream", ":message-type": "event"}
)
_LINGER_ZERO = struct.pack("ii", 1, 0)


def drop_connection(request: web.BaseRequest, *, reset: bool) -> NoReturn:
    """Close the connection, by a TCP RST at once or by a FIN after the written bytes, and end the handler."""
    transport = request.transport
    if transport is not None:
        if reset:
            # With a linger time of 0, closing a socket sends RST instead of FIN.
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
            transport.abort()
        else:
            transport.close()
    raise asyncio.CancelledError("a scripted fault dropped the connection")


async def before_answer(exchange: Exchange, endpoint: Endpoint, state: LocalState) -> None:
    """Apply the faults between the model's work and the first byte of the answer."""
    for fault in exchange.plan.faults:
        if isinstance(fault, Reset) and fault.when == "after_model":
            drop_connection(exchange.request, reset=True)
        if isinstance(fault, SlowFirstByte):
            await state.sleep(fault.seconds)
        if isinstance(fault, Stall) and fault.after_parts is None:
            await _stall(fault, endpoint)


async def _stall(fault: Stall, endpoint: Endpoint) -> None:
    endpoint.stalled += 1
    endpoint.changed()
    try:
        await fault.gate.wait()
    finally:
        endpoint.stalled -= 1
        endpoint.changed()


async def send_body(
    exchange: Exchange, endpoint: Endpoint, body: bytes, headers: dict[str, str], *, status: int = 200
) -> web.StreamResponse:
    """Answer with a whole body."""
    plan = exchange.plan
    if not plan.faults:
        return web.Response(status=status, body=body, headers=headers)
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(body)
    pending = [fault for fault in plan.positioned() if isinstance(fault, Stall | DropConnection)]
    await response.prepare(exchange.request)
    half = (len(body) + 1) // 2
    for number, part in enumerate((body[:half], body[half:], b"")):
        while pending and (number == 2 or (pending[0].after_parts is not None and pending[0].after_parts <= number)):
            fault = pending.pop(0)
            if isinstance(fault, DropConnection):
                drop_connection(exchange.request, reset=fault.reset)
            if isinstance(fault, Stall):
                await _stall(fault, endpoint)
        await _write(response, part, plan.first(TcpWrites))
    await response.write_eof()
    return response


async def _write(response: web.StreamResponse, data: bytes, writes: TcpWrites | None) -> None:
    if writes is None:
        if data:
            await response.write(data)
        return
    for piece in _pieces(data, writes.size):
        await response.write(piece)
        await asyncio.sleep(0)


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


class PlainAnswer:
    """One answer in parts: its head, the parts as they are, and its end.

    Args:
        exchange: the request.
        endpoint: counts the streams.
        headers: the head's fields.
    """

    __slots__ = ("_broken", "_dropped", "_endpoint", "_exchange", "_pending", "_response", "_writes")

    def __init__(self, exchange: Exchange, endpoint: Endpoint, headers: dict[str, str]) -> None:
        self._exchange = exchange
        self._endpoint = endpoint
        self._broken = False
        """Whether what was sent is not a whole answer: an error event ended it, or a fault damaged it."""
        self._dropped = False
        self._response = web.StreamResponse(headers=headers)
        self._pending: list[Positioned] = exchange.plan.positioned()
        self._writes = exchange.plan.first(TcpWrites)

    async def send(self, first: bytes | StreamError | None, rest: AsyncIterator[bytes]) -> web.StreamResponse:
        """Send head, parts and end; closes `rest` in any case.

        Args:
            first: the first part, or the error that came instead of it; None: the stream has no parts.
            rest: the other parts.
        """
        endpoint = self._endpoint
        endpoint.open_streams += 1
        endpoint.changed()
        try:
            await self._response.prepare(self._exchange.request)
            await self._send_parts(first, rest)
            await self._response.write_eof()
        except asyncio.CancelledError:
            endpoint.broken_streams += 1 if self._dropped else 0
            endpoint.abandoned_streams += 0 if self._dropped else 1
            raise
        except ConnectionError:
            endpoint.abandoned_streams += 1
            raise
        else:
            endpoint.broken_streams += 1 if self._broken else 0
            endpoint.completed_streams += 0 if self._broken else 1
        finally:
            endpoint.open_streams -= 1
            try:
                await close_parts(rest)
            finally:
                endpoint.changed()
        return self._response

    async def _send_parts(self, first: bytes | StreamError | None, rest: AsyncIterator[bytes]) -> None:
        plan = self._exchange.plan
        cut = plan.first(PartSize)
        damage = plan.first(WrongChecksum)
        sent = 0
        try:
            if isinstance(first, StreamError):
                raise first
            part = first
            while part is not None:
                for piece in (part,) if cut is None else _pieces(part, cut.size):
                    frame = self._frame(piece)
                    if self._pending and await self._ended_by_fault(sent, frame):
                        self._broken = True
                        return
                    sent += 1
                    if damage is not None and damage.part == sent and frame:
                        self._broken = True
                        frame = _damaged(frame, damage)
                    await self._write(frame)
                part = await anext(rest, None)
        except (ModelFailure, ModelStreamError, InternalStreamFailure) as error:
            self._broken = True
            await self._write(self._exception_of(error))
            return
        if await self._ended_by_fault(None, self._frame(b"")):
            self._broken = True

    async def _ended_by_fault(self, sent: int | None, next_frame: bytes) -> bool:
        """Apply the faults after `sent` parts (None: all that are left); return True when one ended the stream."""
        pending = self._pending
        while pending:
            fault = pending[0]
            if sent is not None and (fault.after_parts is None or fault.after_parts > sent):
                return False
            del pending[0]
            match fault:
                case Stall():
                    await _stall(fault, self._endpoint)
                case DropConnection():
                    self._dropped = True
                    drop_connection(self._exchange.request, reset=fault.reset)
                case CutFrame():
                    keep = fault.keep if fault.keep is not None else len(next_frame) // 2
                    await self._write(next_frame[: max(0, min(keep, len(next_frame) - 1))])
                    return True
                case InStreamError():
                    await self._write(self._exception(fault.error_type, fault.message, fault.code))
                    return True
                case UnmodeledError():
                    await self._write(self._error(fault.code, fault.message))
                    return True
                case UnknownEvent():
                    await self._write(self._event(fault.event_type, fault.payload))
        return False

    async def _write(self, frame: bytes) -> None:
        if self._writes is None:
            await self._response.write(frame)
        else:
            await _write(self._response, frame, self._writes)

    def _exception_of(self, error: ModelFailure | ModelStreamError | InternalStreamFailure) -> bytes:
        match error:
            case ModelFailure():
                return self._exception("ModelStreamError", error.message, "StreamBroken")
            case ModelStreamError():
                return self._exception("ModelStreamError", error.message, error.error_code)
        return self._exception("InternalStreamFailure", error.message, None)

    # --- what is written ----------------------------------------------------------------------------------------------

    def _frame(self, part: bytes) -> bytes:
        return part

    def _exception(self, error_type: str, message: str, code: str | None) -> bytes:  # noqa: ARG002
        """Return what an error of the model is; by default nothing, so that the answer just ends."""
        return b""

    def _error(self, code: str, message: str) -> bytes:
        return self._exception(code, message, code)

    def _event(self, event_type: str, payload: bytes) -> bytes:
        return b"event: " + event_type.encode() + b"\ndata: " + payload + b"\n\n"


class EventStreamAnswer(PlainAnswer):
    """One response stream: each part is an event of AWS's event stream."""

    __slots__ = ()

    def __init__(self, exchange: Exchange, endpoint: Endpoint, headers: dict[str, str]) -> None:
        super().__init__(exchange, endpoint, {**headers, "Content-Type": "application/vnd.amazon.eventstream"})

    def _frame(self, part: bytes) -> bytes:
        return encode_message(_PAYLOAD_PART, part)

    def _exception(self, error_type: str, message: str, code: str | None) -> bytes:
        members = {"Message": message} if code is None else {"Message": message, "ErrorCode": code}
        return encode_message(
            {":exception-type": error_type, ":content-type": "application/json", ":message-type": "exception"},
            json.dumps(members).encode(),
        )

    def _error(self, code: str, message: str) -> bytes:
        return encode_message({":message-type": "error", ":error-code": code, ":error-message": message})

    def _event(self, event_type: str, payload: bytes) -> bytes:
        return encode_message(
            {":event-type": event_type, ":content-type": "application/json", ":message-type": "event"}, payload
        )


def _damaged(frame: bytes, damage: WrongChecksum) -> bytes:
    # The prelude's checksum is in bytes 8 to 11, the message's in the last four.
    place = 11 if damage.which == "prelude" else len(frame) - 1
    return frame[:place] + bytes((frame[place] ^ 0xFF,)) + frame[place + 1 :]
