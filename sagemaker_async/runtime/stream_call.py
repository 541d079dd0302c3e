"""`ResponseStreamCall`, the call of a response stream before it is sent; `StreamHead`, what its answer begins with."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from sagemaker_async import _lazy
from sagemaker_async.aws.http import HTTPResponse
from sagemaker_async.aws.protocols import body_excerpt, parse_response
from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.errors import CallError, NotAnEventStreamError, StreamConsumedError

from .stream import EventStream

if TYPE_CHECKING:
    from . import shapes
else:
    shapes = _lazy.later("runtime.shapes")

__all__ = ["ResponseStreamCall", "StreamHead", "is_event_stream", "not_an_event_stream"]

EVENT_STREAM = "application/vnd.amazon.eventstream"
EXCERPT_BYTES = 200
"""How much of an answer that is not an event stream its error shows,"""
EXCERPT_SECONDS = 1.0
"""and how long is waited for that much."""


class ResponseStreamCall(Coroutine[Any, Any, "shapes.InvokeEndpointWithResponseStreamResponse"]):
    """A checked call that sends when it is awaited, entered with ``async with``, or made a task; once.

    Left un-started it warns, as a coroutine does.

    Args:
        send: makes the call; called once.
    """

    __slots__ = ("__weakref__", "_coroutine", "_response", "_send")

    def __init__(
        self, send: Callable[[], Coroutine[Any, Any, shapes.InvokeEndpointWithResponseStreamResponse]]
    ) -> None:
        self._send = send
        self._coroutine: Coroutine[Any, Any, shapes.InvokeEndpointWithResponseStreamResponse] | None = None
        self._response: shapes.InvokeEndpointWithResponseStreamResponse | None = None

    def _begun(self) -> Coroutine[Any, Any, shapes.InvokeEndpointWithResponseStreamResponse]:
        if self._coroutine is not None:
            raise StreamConsumedError("this call was sent already; invoke the endpoint again for another")
        self._coroutine = self._send()
        return self._coroutine

    def __await__(self) -> Generator[Any, Any, shapes.InvokeEndpointWithResponseStreamResponse]:
        return self._begun().__await__()

    def send(self, value: Any, /) -> Any:
        """Run on to the next suspension, as `coroutine.send`."""
        return (self._coroutine or self._begun()).send(value)

    def throw(self, *exc_info: Any) -> Any:
        """Raise inside, as `coroutine.throw`."""
        return (self._coroutine or self._begun()).throw(*exc_info)

    def close(self) -> None:
        """Give up, as `coroutine.close`; a call that was never sent stays unsent."""
        (self._coroutine or self._begun()).close()

    async def __aenter__(self) -> shapes.InvokeEndpointWithResponseStreamResponse:
        self._response = await self._begun()
        return self._response

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        response, self._response = self._response, None
        if response is not None:
            await response.aclose()

    if not TYPE_CHECKING:  # type checkers know better what there is

        def __getattr__(self, name: str) -> NoReturn:
            raise AttributeError(
                f"this call has no {name!r} before it was sent: await it or enter it with 'async with', and use its "
                "response"
            )

    def __del__(self) -> None:
        if self._coroutine is None:
            warnings.warn(
                "invoke_endpoint_with_response_stream(...) was never awaited: nothing was sent",
                RuntimeWarning,
                stacklevel=2,
                source=self,
            )


class StreamHead:
    """The head of a streamed answer, without the model of it; `body` owns the connection."""

    __slots__ = ("_operation", "_response", "body", "metadata")

    def __init__(self, operation: Operation, body: EventStream, metadata: ResponseMetadata) -> None:
        self.body: EventStream = body
        self.metadata: ResponseMetadata = metadata
        self._operation = operation
        self._response: shapes.InvokeEndpointWithResponseStreamResponse | None = None

    def field(self, aws_name: str) -> str | None:
        """Return a field of the response by AWS's name."""
        return self.metadata.headers.get(self._operation.response_headers[aws_name])

    def response(self) -> shapes.InvokeEndpointWithResponseStreamResponse:
        """Return the model of it; imports that, if nobody has loaded it."""
        if self._response is None:
            self._response = parse_response(self._operation, self.metadata.headers, self.body, self.metadata)
        return self._response


def is_event_stream(response: HTTPResponse) -> bool:
    """Say whether a successful answer is what was asked for."""
    content_type = response.headers.get("Content-Type", "")
    return content_type == EVENT_STREAM or content_type.partition(";")[0].strip().lower() == EVENT_STREAM


async def _beginning(response: HTTPResponse) -> bytes:
    """Return the first bytes of a body, or what there is of them within a moment, and release the connection."""
    body = b""
    try:
        async with asyncio.timeout(EXCERPT_SECONDS):
            while len(body) <= EXCERPT_BYTES and (chunk := await response.read_chunk()):
                body += chunk
    except (CallError, TimeoutError):  # the error to report is that it is not an event stream, whatever comes after
        pass
    finally:
        response.close()
    return body


async def not_an_event_stream(response: HTTPResponse) -> NotAnEventStreamError:
    """Return the error for another answer, which shows its beginning; the connection is released."""
    content_type = response.headers.get("Content-Type", "no Content-Type")
    return NotAnEventStreamError(
        f"the answer is not an event stream but {content_type}: {body_excerpt(await _beginning(response))}; check that "
        "the endpoint URL leads to SageMaker Runtime",
        response.status,
    )
