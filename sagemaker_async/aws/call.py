"""`Call`: what one call carries through its attempts, and the facts it leaves on responses and errors."""

from __future__ import annotations

import random
from collections.abc import Mapping

from sagemaker_async.config import Timeouts
from sagemaker_async.errors import Attempt, CallError, ConnectionLostError, FirstByteTimeoutError

from .http import HTTPResponse, Progress, RequestHead
from .interceptors import AttemptOutcome, CallContext, InterceptorChain, StreamSummary
from .protocols import request_id
from .retries import CallState
from .shapes.metadata import ResponseMetadata
from .shapes.operation import Operation
from .timing import Timing

__all__ = ["Call", "Reply", "StreamWatcher"]


class Call:
    """One call under way; begins at its construction."""

    __slots__ = (
        "attempt_started",
        "attempts",
        "context",
        "head",
        "invocation_id",
        "number",
        "operation",
        "origin",
        "progress",
        "resource",
        "started",
        "state",
        "timeouts",
        "timing",
    )

    def __init__(
        self,
        operation: Operation,
        resource: str | None,
        origin: str,
        timeouts: Timeouts,
        progress: Progress,
        timing: Timing,
        head: RequestHead | None = None,
    ) -> None:
        self.operation: Operation = operation
        self.resource: str | None = resource
        self.origin: str = origin
        self.timeouts: Timeouts = timeouts
        self.progress: Progress = progress
        self.timing: Timing = timing
        self.head: RequestHead | None = head
        """What calls with the same fields have in common; None: nothing is remembered."""
        self.state: CallState = CallState()
        self.invocation_id: str = _invocation_id()
        self.attempts: list[Attempt] = []
        self.number: int = 0
        self.context: CallContext | None = None
        """For interceptors; None when there are none."""
        self.started: float = timing.monotonic()
        self.attempt_started: float = self.started

    def begin_attempt(self) -> None:
        """Start the clock of the next attempt."""
        self.number += 1
        self.attempt_started = self.timing.monotonic()

    def end_attempt(self, outcome: str, *, delay: float | None = None, note: str | None = None) -> None:
        """List the attempt that was begun."""
        begun = self.attempt_started
        self.attempts.append(
            Attempt(self.number, begun - self.started, self.timing.monotonic() - begun, outcome, delay, note)
        )

    def succeeded(self, response: HTTPResponse) -> ResponseMetadata:
        """Return the metadata of the call whose last attempt `response` answers."""
        self.end_attempt(str(response.status))
        headers = response.headers
        return ResponseMetadata(request_id(headers), response.status, headers, tuple(self.attempts))

    def failed(self, error: CallError, *, note: str | None = None, body_bytes: int = 0) -> CallError:
        """Return `error` with the facts of the whole call, the attempt under way included.

        Args:
            error: how the last attempt ended.
            note: why no other follows.
            body_bytes: the size of the body that went out, or was to.
        """
        if self.number > len(self.attempts):
            self.end_attempt(error.outcome, note=note)
        service = self.operation.service
        if isinstance(error, FirstByteTimeoutError):
            error.message += f"; {service.slow_answer_hint}"
        elif isinstance(error, ConnectionLostError) and error.ambiguous and service.large_body is not None:
            limit, hint = service.large_body
            if body_bytes > limit:
                error.message += f"; the request's body has {body_bytes:,} bytes, and {hint}"
        error.attempts = tuple(self.attempts)
        return error.locate(self.operation.name, self.resource, self.origin)

    def outcome(self, response: HTTPResponse | None, error: CallError | None = None) -> AttemptOutcome:
        """Return the last attempt for interceptors."""
        assert self.context is not None
        last = self.attempts[-1] if self.attempts else Attempt(0, 0.0, 0.0, error.outcome if error is not None else "")
        status: int | None = response.status if response is not None else None
        headers: Mapping[str, str] | None = response.headers if response is not None else None
        streaming = self.operation.streaming and error is None
        return AttemptOutcome(self.context, last, status, headers, error, streaming)


class Reply:
    """A successful answer: its body read, or for a stream still to be read from `response`."""

    __slots__ = ("body", "metadata", "response", "watcher")

    def __init__(self, response: HTTPResponse, body: bytes, metadata: ResponseMetadata) -> None:
        self.response: HTTPResponse = response
        self.body: bytes = body
        self.metadata: ResponseMetadata = metadata
        self.watcher: StreamWatcher | None = None
        """For a stream: who wants to know how it ends; None when nobody does."""


class StreamWatcher:
    """Tells the interceptors how a stream went, once: when `ended` is first called, or when it is dropped before.

    After that, how many tokens were made of it: at once if `counted` was called before, else when it is.
    """

    __slots__ = ("_context", "_ended", "_first_event", "_interceptors", "_started", "_timing", "_tokens")

    def __init__(self, interceptors: InterceptorChain, context: CallContext, started: float, timing: Timing) -> None:
        self._interceptors = interceptors
        self._context = context
        self._started = started
        self._timing = timing
        self._first_event: float | None = None
        self._ended = False
        self._tokens: int | None = None

    def __del__(self) -> None:
        self.ended(0, 0, None)

    def received(self) -> None:
        """Take notice that events have come."""
        if self._first_event is None:
            self._first_event = self._timing.monotonic() - self._started

    def ended(self, events: int, bytes_received: int, error: Exception | None) -> None:
        """Take notice that the stream ended or was left."""
        if self._ended:
            return
        self._ended = True
        duration = self._timing.monotonic() - self._started
        self._interceptors.after_stream(
            StreamSummary(self._context, events, bytes_received, self._first_event, duration, error)
        )
        if self._tokens is not None:
            self._interceptors.after_tokens(self._context, self._tokens)

    def counted(self, tokens: int) -> None:
        """Take notice of how many tokens were made of the stream, before its end or after; the first time counts."""
        if self._tokens is None:
            self._tokens = tokens
            if self._ended:
                self._interceptors.after_tokens(self._context, tokens)


def _invocation_id() -> str:
    """Return a random UUID (RFC 9562, version 4); `uuid.uuid4` makes an object first and asks the system each time."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
