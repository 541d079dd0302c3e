"""`stream_to_websocket`: a stream of predictions as messages of a WebSocket, with the promises of `stream_response`.

Each record is one text message, JSON as in the format ``json-lines``; ``{"done":true}`` says that the answer is
complete, ``{"error":{...}}``, with a problem details object, that it broke off, and ``{"event":"interrupted"}`` that a
message of the client ended it. Every answer has one of these three as its last message. The socket stays open for the
next answer.

A message that the client sends meanwhile ends the answer and is returned: it is the next question, or "stop".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from sagemaker_async.errors import ConfigurationError

from .encoding import ENCODINGS, Usage, json_text
from .handlers import problem_response, refuse, reported
from .problems import Problem
from .response import ended

__all__ = ["WebSocketOutcome", "stream_to_websocket"]

T = TypeVar("T")

_END: Any = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketOutcome:
    """How a stream to a WebSocket ended."""

    complete: bool
    """Whether the client was sent the whole answer."""
    problem: Problem | None = None
    """The failure that was reported to the client; None if there was none."""
    message: str | bytes | None = None
    """The client's message that ended the answer, or came at its end; None if the client sent nothing."""


_INTERRUPTED = WebSocketOutcome(complete=False)
_INTERRUPTED_MESSAGE = '{"event":"interrupted"}'


async def stream_to_websocket(
    websocket: WebSocket, stream: AsyncIterable[T], *, encode: Callable[[T], object] | None = None
) -> WebSocketOutcome:
    """Send a stream of predictions to the client, and return how it ended.

    A socket that was not accepted yet is accepted when the first record has come; a failure before that refuses the
    handshake with the status of the failure, if the server supports that.

    Args:
        websocket: the socket, accepted or not.
        stream: what `Predictor.predict_stream` returns, or any other asynchronous iterable; closed in any case.
        encode: turns a record into what is sent: a str or bytes, sent unchanged, or a value that JSON can represent.

    Raises:
        WebSocketDisconnect: the client has left; the upstream is closed.
        ConfigurationError: `stream` is not an asynchronous iterable.
    """
    if not isinstance(stream, AsyncIterable):
        raise ConfigurationError(
            f"stream_to_websocket takes a stream, such as predictor.predict_stream(...), not {type(stream).__name__}"
        )
    records = aiter(stream)
    incoming: asyncio.Task[Message] | None = None
    sending: asyncio.Task[tuple[WebSocketOutcome, str | None]] | None = None
    try:
        if websocket.client_state is WebSocketState.CONNECTING:
            await websocket.receive()
        incoming = asyncio.create_task(_receive(websocket))
        sending = asyncio.create_task(_send_records(websocket, stream, records, encode))
        await asyncio.wait({incoming, sending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, incoming):
            if task is not None:
                await ended(task)
        for closable in (stream, records):
            if (close := getattr(closable, "aclose", None)) is not None:
                await close()
    message = None if incoming.cancelled() else incoming.result()
    if message is not None and message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code") or 1005, message.get("reason"))
    # Sent here, where nothing cancels it, so that an answer never ends with two of these messages, or without one.
    outcome, last = (_INTERRUPTED, _INTERRUPTED_MESSAGE) if sending.cancelled() else sending.result()
    if last is not None:
        await websocket.send_text(last)
    if message is None:
        return outcome
    text = message.get("text")
    return WebSocketOutcome(
        complete=outcome.complete, problem=outcome.problem, message=text if text is not None else message.get("bytes")
    )


async def _receive(websocket: WebSocket) -> Message:
    return await websocket.receive()


async def _send_records(
    websocket: WebSocket,
    stream: AsyncIterable[Any],
    records: AsyncIterator[Any],
    encode: Callable[[Any], object] | None,
) -> tuple[WebSocketOutcome, str | None]:
    """Send the records; return how that ended, and the message that is to say so."""
    usage = Usage()
    try:
        record = await anext(records, _END)
        if websocket.application_state is WebSocketState.CONNECTING:
            await websocket.accept()
        while record is not _END:
            await _send(websocket, record, encode)
            usage.note(record)
            record = await anext(records, _END)
        if encode is None and (counts := usage.missing(stream)) is not None:
            await websocket.send_text(json_text(counts))
    except WebSocketDisconnect:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the client gets a problem
        problem, instance = reported(error)
        outcome = WebSocketOutcome(complete=False, problem=problem)
        if websocket.application_state is WebSocketState.CONNECTING:
            await refuse(websocket, problem, problem_response(problem, instance))
            return outcome, None
        return outcome, json_text({"error": problem.body(instance)})
    return WebSocketOutcome(complete=True), '{"done":true}'


async def _send(websocket: WebSocket, record: object, encode: Callable[[Any], object] | None) -> None:
    if encode is None:
        await websocket.send_text(ENCODINGS["json-lines"].record(record).decode().rstrip("\n"))
        return
    value = encode(record)
    if isinstance(value, bytes | bytearray | memoryview):
        await websocket.send_bytes(bytes(value))
    else:
        await websocket.send_text(value if isinstance(value, str) else json_text(value))
