"""`stream_response`: a stream of predictions as the body of an HTTP response.

What it promises:

- no status is sent before the upstream's first record has come, so that throttles, outages and refused inputs are
  statuses instead of broken 200s;
- the upstream is closed as soon as the client has left, even before the first record and while either side is silent;
- a failure midway is reported within the stream where the format allows it; otherwise the connection is cut, so that a
  part is never mistaken for the whole answer;
- a client that reads slowly slows the upstream down: at most one record is under way;
- a server that cancels the response, as it does when it shuts down, still tells the client; while the endpoint awaits
  the first record, that needs `add_exception_handlers`;
- nothing is left behind: no task, no connection, whatever the order of events.

Disconnects are detected by listening on ASGI's ``receive`` while the response is sent. Starlette's `StreamingResponse`
does not do so if the server declares ASGI 2.4 or newer: it would notice only at the next message that it sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Self, TypeVar

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sagemaker_async.errors import ConfigurationError
from sagemaker_async.predictor.stream import PredictionStream
from sagemaker_async.records import ServerSentEvent

from .encoding import ENCODINGS, Encoding, Format, Usage
from .handlers import FAREWELL_SECONDS, problem_response, reported
from .openai_chunks import OpenAIEncoding, OpenAIFormat
from .problems import CANCELLED

__all__ = ["CLIENT_CLOSED_REQUEST", "StreamResponse", "disconnected", "ended", "listening", "stream_response"]

T = TypeVar("T")

CLIENT_CLOSED_REQUEST = 499
"""The status in logs of a request whose client left; the client never sees it."""
_END: Any = object()

listening: ContextVar[Receive | None] = ContextVar("sagemaker_async_listening", default=None)
"""ASGI's ``receive`` of the request under way, if a dependency of this package has set it."""


def stream_response(
    stream: AsyncIterable[T],
    *,
    format: Format | OpenAIFormat = "sse",  # noqa: A002 - the word for it
    encode: Callable[[T], object] | None = None,
    request: Request | None = None,
    heartbeat: float | None = 15.0,
    media_type: str | None = None,
    headers: Mapping[str, str] | None = None,
    background: BackgroundTask | None = None,
) -> StreamResponse:
    """Return a response whose body is a stream of predictions; await it, or return it as it is.

    When awaited, it opens the upstream and reads its first record, and errors are raised where they can be caught. When
    returned without ``await``, the same happens before the status is sent, and errors go to the application's handlers.

    Args:
        stream: what `Predictor.predict_stream` returns, or any other asynchronous iterable; the response closes it.
        format: ``sse`` (server-sent events), ``json-lines``, ``text``, or ``raw``: the bytes as they arrive; or
            ``openai``: tokens as the chunks of OpenAI's chat completions, and `OpenAIFormat` with the model's name.
        encode: turns a record into what is sent: a str, bytes, a `ServerSentEvent` or a value that JSON can represent.
        request: lets an awaited response notice a client that leaves before the first record; not needed with
            `PredictorDep` in the endpoint's parameters.
        heartbeat: seconds of silence after which a comment is sent; None: never. Only ``sse`` has comments.
        media_type: replaces the format's own; that of ``raw`` is the content type that the model declares.
        headers: further response headers; they win over ``Cache-Control: no-store, no-transform`` and
            ``X-Accel-Buffering: no``, which keep proxies from holding the answer back.
        background: what Starlette runs after the response.

    Raises:
        ConfigurationError: an option is wrong.
        SageMakerAsyncError: when awaited: opening the stream or reading its first record failed.

    Example:
        ::

            @app.post("/chat")
            async def chat(prompt: Prompt, predictor: LanguageModel):
                return await stream_response(predictor.predict_stream(prompt.model_dump()).tokens())
    """
    if format == "openai":
        format = OpenAIFormat()  # noqa: A001
    if not isinstance(format, OpenAIFormat) and format not in ENCODINGS:
        raise ConfigurationError(
            f"format must be one of {', '.join(ENCODINGS)}, openai, or an OpenAIFormat, got {format!r}"
        )
    if not isinstance(stream, AsyncIterable):
        raise ConfigurationError(
            f"stream_response takes a stream, such as predictor.predict_stream(...), not {type(stream).__name__}"
        )
    if heartbeat is not None and (isinstance(heartbeat, bool) or not heartbeat > 0):
        raise ConfigurationError(f"heartbeat must be more than 0 seconds, or None, got {heartbeat!r}")
    return StreamResponse(
        stream,
        OpenAIEncoding(format, stream) if isinstance(format, OpenAIFormat) else ENCODINGS[format],
        encode=encode,
        request=request,
        heartbeat=heartbeat,
        media_type=media_type,
        headers=headers,
        background=background,
    )


class StreamResponse(Response):
    """The response that `stream_response` returns; see the module's docstring.

    Attributes:
        client_disconnected: whether the client is known to have left before the end.
    """

    def __init__(
        self,
        stream: AsyncIterable[Any],
        encoding: Encoding | OpenAIEncoding,
        *,
        encode: Callable[[Any], object] | None,
        request: Request | None,
        heartbeat: float | None,
        media_type: str | None,
        headers: Mapping[str, str] | None,
        background: BackgroundTask | None,
    ) -> None:
        self.client_disconnected: bool = False
        self.status_code = 200
        self.background = background
        self.media_type: str = media_type or encoding.media_type
        given = {name.lower() for name in headers or ()}
        self._content_type_is_open = encoding is ENCODINGS["raw"] and media_type is None and "content-type" not in given
        kept = {"cache-control": "no-store, no-transform", "x-accel-buffering": "no"}
        self.init_headers({**{name: value for name, value in kept.items() if name not in given}, **(headers or {})})
        self._stream = stream
        self._encoding = encoding
        self._encode = encode
        self._request = request
        self._heartbeat = heartbeat if encoding.heartbeat is not None else None
        self._records: AsyncIterator[Any] | None = None
        self._first: bytes | None = None
        self._adds_end = True
        self._usage = Usage()

    def __await__(self) -> Generator[Any, Any, Self]:
        return self._awaited().__await__()

    async def _awaited(self) -> Self:
        receive = self._request.receive if self._request is not None else listening.get()
        gone = asyncio.create_task(disconnected(receive)) if receive is not None else None
        try:
            await self._open(gone)
        finally:
            if gone is not None:
                await ended(gone)
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response; Starlette calls this."""
        client = _Client(send)
        gone = asyncio.create_task(disconnected(receive))
        try:
            if not self.client_disconnected:
                await self._open(gone)
            if not self.client_disconnected:
                await self._send(client, gone)
        except asyncio.CancelledError:
            if not gone.done():
                await self._close()
                await self._say_cancelled(client)
            raise
        finally:
            await ended(gone)
            await self._close()
        if self.client_disconnected and not client.started:
            await Response(status_code=CLIENT_CLOSED_REQUEST)(scope, receive, send)
        if self.background is not None:
            await self.background()

    async def _open(self, gone: asyncio.Task[None] | None) -> None:
        """Wait for the first record, or for the client to leave."""
        if self._records is not None:
            return
        self._records = aiter(self._stream)
        opening = asyncio.create_task(self._next())
        try:
            await asyncio.wait({opening} if gone is None else {opening, gone}, return_when=asyncio.FIRST_COMPLETED)
            self.client_disconnected = not opening.done()
        finally:
            await ended(opening)
            if opening.cancelled() or opening.exception() is not None:
                await self._close()
        if not self.client_disconnected:
            self._first = opening.result()
            head = self._stream.metadata if isinstance(self._stream, PredictionStream) else None
            if self._content_type_is_open and head is not None and head.content_type:
                self.headers["content-type"] = head.content_type

    async def _next(self) -> bytes | None:
        """Return the next record as bytes; None at the end."""
        assert self._records is not None
        record = await anext(self._records, _END)
        if record is _END:
            return None
        self._usage.note(record)
        value = record if self._encode is None else self._encode(record)
        if isinstance(value, ServerSentEvent):
            self._adds_end = False
        return self._encoding.record(value)

    def _end(self) -> bytes:
        """Return what follows the last record: the token counts that came without a token, and the format's end."""
        counts = self._usage.missing(self._stream) if self._encode is None and self._encoding.is_json else None
        last = b"" if counts is None else self._encoding.record(counts)
        return last + (self._encoding.end if self._adds_end else b"")

    async def _send(self, client: _Client, gone: asyncio.Task[None]) -> None:
        """Send everything while watching for the client to leave and for silence."""
        sending = asyncio.create_task(self._send_records(client))
        try:
            await self._watch(client, sending, gone)
        finally:
            await ended(sending)
        if sending.cancelled():
            self.client_disconnected = True
        else:
            sending.result()

    async def _watch(self, client: _Client, sending: asyncio.Task[None], gone: asyncio.Task[None]) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            wait = None if self._heartbeat is None else max(0.0, client.last_sent + self._heartbeat - clock())
            done, _ = await asyncio.wait({sending, gone}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return
            if client.busy:  # it does not read what there is
                client.last_sent = clock()
            elif clock() >= client.last_sent + (self._heartbeat or 0) and self._encoding.heartbeat is not None:
                try:
                    await client.body(self._encoding.heartbeat)
                except _ClientGoneError:
                    return

    async def _send_records(self, client: _Client) -> None:
        try:
            await client.start(self.status_code, self.raw_headers)
            data = self._first
            self._first = None
            try:
                while data is not None:
                    if data:
                        await client.body(data)
                    data = await self._next()
            except _ClientGoneError:
                raise
            except Exception as error:
                problem, instance = reported(error)
                if self._encoding.failure is None:
                    raise
                await client.body(self._encoding.failure(problem, instance), more=False)
            else:
                await client.body(self._end(), more=False)
        except _ClientGoneError:
            self.client_disconnected = True

    async def _say_cancelled(self, client: _Client) -> None:
        """Tell the client that the server ends the response, if that is possible at once."""
        if client.ended:
            return
        problem, instance = CANCELLED, reported(asyncio.CancelledError(), CANCELLED)[1]
        with suppress(_ClientGoneError, TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                if not client.started:
                    response = problem_response(problem, instance)
                    await client.start(response.status_code, response.raw_headers)
                    await client.body(bytes(response.body), more=False)
                elif self._encoding.failure is not None:
                    await client.body(self._encoding.failure(problem, instance), more=False)

    async def _close(self) -> None:
        """Close the upstream; idempotent."""
        for closable in (self._stream, self._records):
            if (close := getattr(closable, "aclose", None)) is not None:
                await close()


class _ClientGoneError(Exception):
    """ASGI's ``send`` reports that the client has left."""


class _Client:
    """ASGI's ``send``, one message at a time."""

    __slots__ = ("_lock", "_send", "ended", "last_sent", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lock = asyncio.Lock()
        self.started = False
        self.ended = False
        self.last_sent = asyncio.get_running_loop().time()

    @property
    def busy(self) -> bool:
        return self._lock.locked()

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.started = True
        await self._message({"type": "http.response.start", "status": status, "headers": headers})

    async def body(self, data: bytes, *, more: bool = True) -> None:
        self.ended = self.ended or not more
        await self._message({"type": "http.response.body", "body": data, "more_body": more})

    async def _message(self, message: dict[str, Any]) -> None:
        async with self._lock:
            try:
                await self._send(message)
            except OSError as error:
                raise _ClientGoneError from error
        self.last_sent = asyncio.get_running_loop().time()


async def disconnected(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def ended(task: asyncio.Task[Any]) -> None:
    """Cancel a task that has not ended, and wait until it has; the caller handles its result."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
