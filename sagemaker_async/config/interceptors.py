"""Interceptors: small objects of the user that see every call, attempt and stream, in the order they were given.

Override what you need; a method may be plain or ``async`` unless it says otherwise. They run on the event loop, so they
must not block. What one raises ends the call and reaches the caller as it is: an interceptor that only watches should
not raise. Within a stream, StopAsyncIteration becomes the cause of a RuntimeError, because it would look like the
stream's end; and what is raised in a finaliser goes to `sys.unraisablehook`, because nothing could catch it. The ways
out (`after_...`, `abandoned`, `closed`) run in the reverse order, as those of nested ``with`` blocks do.

A call that was begun ends in exactly one way: `after_call`, or `abandoned`. When `AttemptOutcome.streaming` is true
there, `after_stream` follows, and after it `after_tokens` if an iterator reads the stream as tokens.

Secrets: requests are shown before they are signed, so no interceptor sees a signature, secret key or session token.
Bodies are shown, because an interceptor may need them; do not log them.
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
    """What the calls of one session share."""

    @property
    def connections_in_use(self) -> int:
        """How many connections are in use now; may be asked from any thread."""
        ...


@dataclass(slots=True, eq=False)
class CallContext:
    """What is known of a call before its first attempt; the same object for all of a call's hooks."""

    service: str
    """The service as `Config.endpoint_urls` names it, such as ``sagemaker-runtime``."""
    operation: str
    """AWS's name of the operation, such as ``InvokeEndpoint``."""
    resource: str | None
    """What it is called on, such as the endpoint's name."""
    origin: str
    """Scheme, host and port that are called."""
    region: str
    """The region the signature names."""
    invocation_id: str
    """The id that all attempts of the call share, as sent in ``amz-sdk-invocation-id``."""
    state: dict[Any, Any] = field(default_factory=dict, repr=False)
    """For interceptors to keep things in, under keys of their own."""
    access_key_id: str | None = None
    """The public part of the credentials the attempt under way is signed with; None while that is not known."""

    @property
    def service_id(self) -> str:
        """AWS's id of the service as its service model spells it, such as ``SageMaker Runtime``."""
        return SERVICE_IDS.get(self.service, self.service)


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """What became of one attempt."""

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
    """What a response stream had carried when it ended or was left."""

    call: CallContext
    events: int
    bytes_received: int
    """Bytes of all payload parts together."""
    time_to_first_event: float | None
    """Seconds from the beginning of the call; None when no event came."""
    duration: float
    """Seconds from the beginning of the call to the end of the stream."""
    error: Exception | None
    """What ended the stream; None when it ended well or was left early."""


class Interceptor:
    """The base of interceptors; every method does nothing."""

    def opened(self, pool: ConnectionPool) -> None:
        """Learn that a session's first call opens its pool; plain only. One interceptor may serve several sessions."""

    def closed(self, pool: ConnectionPool) -> Awaitable[None] | None:
        """Learn that a session closed its pool: what was acquired for it in `opened` can be released."""

    def before_call(
        self, call: CallContext, request: HTTPRequest
    ) -> HTTPRequest | Awaitable[HTTPRequest | None] | None:
        """See a call before its first attempt; return another request to send that instead."""

    def before_attempt(
        self, call: CallContext, request: HTTPRequest
    ) -> HTTPRequest | Awaitable[HTTPRequest | None] | None:
        """See an attempt before it is signed; return another request to sign and send that instead."""

    def after_attempt(self, outcome: AttemptOutcome) -> Awaitable[None] | None:
        """See what became of an attempt, the last one included."""

    def after_call(self, outcome: AttemptOutcome) -> Awaitable[None] | None:
        """See what became of the call: the outcome of its last attempt."""

    def abandoned(self, call: CallContext, error: BaseException) -> None:
        """See a call end without an outcome: cancelled, without credentials, or by what an interceptor raised.

        Plain only. An attempt may have been under way, and `before_call` may not have been reached.
        """

    def after_stream(self, summary: StreamSummary) -> None:
        """See the end of a response stream; plain only, because streams may end in a finaliser."""

    def after_tokens(self, call: CallContext, tokens: int) -> None:
        """See how many tokens were made of a response stream; plain only, as `after_stream`.

        At most once a stream, and after `after_stream`: when the iterator that makes them has come to its end, failed,
        was closed, or was dropped after it had read something, and the stream has ended as well. Tokens that it had
        made and the consumer did not take are counted too.
        """
