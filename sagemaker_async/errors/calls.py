"""What goes wrong with a call: no answer came, or one that is not what AWS promises."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Self

from .root import SageMakerAsyncError


class Attempt(NamedTuple):
    """One HTTP exchange (or the try at one) within a call."""

    number: int
    """Counted from 1."""
    started: float
    """Seconds since the call began."""
    duration: float
    """Seconds from the start of the attempt to its outcome."""
    outcome: str
    """``"200"``, ``"503 ServiceUnavailable"``, ``"ConnectionLostError"``, ..."""
    delay: float | None = None
    """Seconds waited before the next attempt; None when this was the last."""
    note: str | None = None
    """Why the attempt was repeated when it was not for its outcome alone (``"stale connection"``, ``"clock skew"``), or
    why the last one was not: ``"not repeated: the retry quota of this session is used up"``."""


class CallError(SageMakerAsyncError):
    """A call was begun and failed.

    Attributes:
        operation: AWS's name of the operation, such as ``InvokeEndpoint``.
        resource: what it was called on, such as the endpoint's name; None when it has none.
        url: scheme, host and port that were called.
        request_id: AWS's request id, None when no answer came.
        attempts: every attempt of the call, the last one being the one that failed.
        retryable: whether trying the same again later may help.
        ambiguous: whether the request may have been processed although no answer says so.
        not_sent: whether it is certain that nothing was sent.
        stale: whether a pooled connection turned out to have been closed before the request was read.
        retry_after: seconds the service asked to wait, None when it did not say.
    """

    retryable: bool = False
    ambiguous: bool = False
    not_sent: bool = False
    stale: bool = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.operation: str | None = None
        self.resource: str | None = None
        self.url: str | None = None
        self.request_id: str | None = None
        self.retry_after: float | None = None
        self.attempts: tuple[Attempt, ...] = ()

    def locate(self, operation: str, resource: str | None, url: str, request_id: str | None = None) -> Self:
        """Note where the call went, for the message; returns itself."""
        self.operation = operation
        self.resource = resource
        self.url = url
        self.request_id = request_id or self.request_id
        return self

    @property
    def outcome(self) -> str:
        """What `Attempt.outcome` says of an attempt that failed so: the status and code, or the exception's name."""
        return type(self).__name__

    @property
    def not_repeated(self) -> str | None:
        """Why no further attempt was made, when outcome and number of attempts do not explain it."""
        last = self.attempts[-1] if self.attempts else None
        return last.note if last is not None and last.delay is None else None

    def _facts(self) -> list[str]:
        facts = [self.url] if self.url else []
        if self.request_id:
            facts.append(f"request id {self.request_id}")
        if len(self.attempts) > 1:
            facts.append(f"{len(self.attempts)} attempts")
        if self.not_repeated:
            facts.append(self.not_repeated)
        return facts

    def _words(self) -> str:
        return self.message or type(self).__name__

    def __str__(self) -> str:
        where = self.operation or ""
        if self.resource:
            where += f" on {self.resource!r}"
        facts = self._facts()
        words = self._words()
        text = f"{where}: {words}" if where else words
        return f"{text} [{', '.join(facts)}]" if facts else text


class TransportError(CallError):
    """No HTTP response came."""

    retryable = True


class ConnectError(TransportError):
    """No connection could be made; nothing was sent."""

    not_sent = True


class DNSError(ConnectError):
    """The host name could not be resolved; nothing was sent."""


class TLSError(ConnectError):
    """The TLS handshake failed; nothing was sent."""


class ProxyError(ConnectError):
    """The HTTP proxy refused or failed; nothing was sent to AWS."""


class ConnectionLostError(TransportError):
    """The connection broke after the request was (partly) sent and before the answer was complete."""

    ambiguous = True


class TransportTimeoutError(TransportError, TimeoutError):
    """A time limit passed; `limit` names it as in `Timeouts`, `seconds` is its value."""

    limit: ClassVar[str]

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class PoolTimeoutError(TransportTimeoutError):
    """The queue for a connection stood still for too long; nothing was sent.

    Not repeated: the call would stand at the end of the same queue.
    """

    limit = "pool"
    retryable = False
    not_sent = True


class PoolFullError(TransportError):
    """As many calls wait for a connection as may (`Config.max_waiting`); nothing was sent, and it is not repeated."""

    retryable = False
    not_sent = True


class ConnectTimeoutError(TransportTimeoutError):
    """DNS, TCP and TLS together took too long; `phase` says which was under way; nothing was sent."""

    limit = "connect"
    not_sent = True

    def __init__(self, message: str, seconds: float, phase: str) -> None:
        super().__init__(message, seconds)
        self.phase = phase


class FirstByteTimeoutError(TransportTimeoutError):
    """The request was sent and no answer began in time."""

    limit = "first_byte"
    ambiguous = True


class ChunkTimeoutError(TransportTimeoutError):
    """An answer began, and then nothing came for too long."""

    limit = "between_chunks"
    ambiguous = True


class TotalTimeoutError(TransportTimeoutError):
    """The limit over all attempts and delays passed."""

    limit = "total"
    retryable = False
    ambiguous = True


class NoCapacityError(CallError, TimeoutError):
    """No copy of the model became ready within `WaitForCapacity.limit`; the model has not seen the call.

    `request_id`, `attempts` and the cause are those of the last refusal.

    Attributes:
        seconds: the limit.
        probes: how many calls were sent meanwhile to find out, each refused.
    """

    retryable = True

    def __init__(self, message: str, seconds: float, probes: int) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.probes = probes


class ResponseTooLargeError(CallError):
    """The answer's body is larger than `Config.max_response_bytes`; its connection was closed, and it was not kept.

    The call has taken effect, so repeating it would not help: the answer would be as large again.

    Attributes:
        limit: how many bytes were allowed.
        received: how many had come; less than `limit` when the head of the answer announced more than that.
    """

    def __init__(
        self,
        limit: int,
        received: int,
        *,
        remedy: str = "raise Config.max_response_bytes, or have the model answer with a stream",
    ) -> None:
        super().__init__(
            f"the answer is larger than the {limit} bytes that are kept of one, and was not read on after {received}; "
            f"{remedy}"
        )
        self.limit = limit
        self.received = received


class ResponseError(CallError):
    """An HTTP response came and is not what AWS promises; `status` is its status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotAnEventStreamError(ResponseError):
    """The stream route answered with something else than an event stream; the message shows its first bytes."""
