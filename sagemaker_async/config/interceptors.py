"""Interceptors: small objects of the user that see every call, attempt and stream, in the order they were given.

Override what you need; a method may be plain or ``async`` unless it says otherwise. They run on the event loop, so they
must not block. An exception in an interceptor ends the call and reaches the caller unchanged, so one that only watches
should not raise. Within a stream, StopAsyncIteration becomes the cause of a RuntimeError, because it would look like
the stream's end; and an exception in a finaliser goes to `sys.unraisablehook`, because nobody can catch it. The methods
on the way out (`after_...`, `abandoned`, `closed`) run in the reverse order, as those of nested ``with`` blocks do.

A call that was begun ends in exactly one way: `after_call`, or `abandoned`. When `AttemptOutcome.streaming` is true
there, `after_stream` follows, and after it `after_tokens` if an iterator reads the stream as tokens.

Secrets: interceptors get requests before they are signed, so they see no signature, secret key or session token. They
do get the bodies, because they may need them; do not log them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sagemaker_async.errors import Attempt, CallError

from .http import HTTPRequest
from .services import SERVICE_IDS

__all__ = ["AttemptOutcome", "CallContext", "ConnectionPool", "Interceptor", "StreamSummary"]


class ConnectionPool(Protocol):
    """The connection pool that the calls of one session share."""

    @property
    def connections_in_use(self) -> int:
        """How many connections are in use now; may be read from any thread."""
        ...


@dataclass(slots=True, eq=False)
class CallContext:
    """The facts known about a call before its first attempt; all hooks of a call get the same object."""

    service: str
    """The service as `Config.endpoint_urls` names it, such as ``sagemaker-runtime``."""
    operation: str
    """AWS's name of the operation, such as ``InvokeEndpoint``."""
    resource: str | None
    """The resource that is called, such as the endpoint's name; None if the operation has none."""
    origin: str
    """Scheme, host and port that are called."""
    region: str
    """The region in the signature."""
    invocation_id: str
    """The id that all attempts of the call share, as sent in ``amz-sdk-invocation-id``."""
    state: dict[Any, Any] = field(default_factory=dict, repr=False)
    """Storage for interceptors, under keys of their own."""
    access_key_id: str | None = None
    """The public part of the credentials that sign the current attempt; None while it is unknown."""

    @property
    def service_id(self) -> str:
        """AWS's id of the service as its service model spells it, such as ``SageMaker Runtime``."""
        return SERVICE_IDS.get(self.service, self.service)


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """How one attempt ended."""

    call: CallContext
    attempt: Attempt
    status: int | None
    """The HTTP status; None when no response came."""
    headers: Mapping[str, str] | None = field(repr=False)
    """The response's header fields; None when no response came."""
    error: CallError | None
    """The failure; None when the attempt succeeded."""
    streaming: bool = False
    """Whether it succeeded with a stream that is still to be read: `Interceptor.after_stream` reports its end."""


@dataclass(frozen=True, slots=True)
class StreamSummary:
    """What a response stream had delivered when it ended or was left."""

    call: CallContext
    events: int
    bytes_received: int
    """Bytes of all payload parts together."""
    time_to_first_event: float | None
    """Seconds from the beginning of the call; None when no event came."""
    duration: float
    """Seconds from the beginning of the call to the end of the stream."""
    error: Exception | None
    """The error that ended the stream; None when the stream was complete or was left early."""


class Interceptor:
    """The base class of interceptors; its methods do nothing."""

    def opened(self, pool: ConnectionPool) -> None:
        """Called when a session's first call opens its pool; plain only. One interceptor may serve several sessions."""

    def closed(self, pool: ConnectionPool) -> Awaitable[None] | None:
        """Called when a session has closed its pool; release here what `opened` acquired for it."""

    def before_call(
        self, call: CallContext, request: HTTPRequest
    ) -> HTTPRequest | Awaitable[HTTPRequest | None] | None:
        """Called before the first attempt of a call; return another request to send that instead."""

    def before_attempt(
        self, call: CallContext, request: HTTPRequest
    ) -> HTTPRequest | Awaitable[HTTPRequest | None] | None:
        """Called before an attempt is signed; return another request to sign and send that instead."""

    def after_attempt(self, outcome: AttemptOutcome) -> Awaitable[None] | None:
        """Called after each attempt, the last one included."""

    def after_call(self, outcome: AttemptOutcome) -> Awaitable[None] | None:
        """Called after a call, with the outcome of its last attempt."""

    def abandoned(self, call: CallContext, error: BaseException) -> None:
        """Called when a call ends without an outcome: cancelled, without credentials, or by an interceptor's exception.

        Plain only. An attempt may have been under way, and `before_call` may not have been called.
        """

    def after_stream(self, summary: StreamSummary) -> None:
        """Called at the end of a response stream; plain only, because streams may end in a finaliser."""

    def after_tokens(self, call: CallContext, tokens: int) -> None:
        """Called with the number of tokens read from a response stream; plain only, as `after_stream`.

        At most once per stream, and after `after_stream`: when the iterator of the tokens has come to its end, failed,
        was closed, or was dropped after it had read something, and the stream has ended as well. Tokens that the
        iterator has made but the consumer has not taken are counted too.
        """
