"""Every exception this package raises, in one tree.

    SageMakerAsyncError
    ├── ConfigurationError (ValueError)         an option, variable or file is wrong
    │   ├── NoRegionError
    │   └── MissingExtraError (ImportError)     an optional dependency is not installed
    ├── CredentialsError                        credentials could not be had
    │   ├── NoCredentialsError
    │   ├── CredentialsConfigurationError (ConfigurationError)
    │   └── CredentialsExpiredError
    ├── UsageError (RuntimeError)               the object cannot do that now
    │   ├── SessionClosedError
    │   ├── WrongEventLoopError
    │   ├── StreamConsumedError
    │   ├── StreamClosedError
    │   └── ConcurrentReadError
    ├── RequestValidationError (ValueError)     the request breaks a rule; nothing was sent
    ├── UnexpectedStatusException (ValueError)  what was waited for came to another end; the SDK's name
    │   └── CapacityError                       because AWS has no capacity for it
    ├── WaiterTimeoutError (TimeoutError)       what was waited for did not come in time
    ├── ModelsNotDeletedError                   some of a predictor's models could not be deleted
    ├── UnknownMonitoringTypeError (TypeError)  a monitoring schedule is of a type that is not known
    ├── SerializationError (ValueError)         an object cannot become a request body
    ├── DeserializationError (ValueError)       a response body cannot become an object
    └── CallError                               a call was begun and failed
        ├── TransportError                      no HTTP response came
        │   ├── ConnectError                    nothing was sent
        │   │   ├── DNSError
        │   │   ├── TLSError
        │   │   └── ProxyError
        │   ├── ConnectionLostError             the request may have been processed
        │   └── TransportTimeoutError (TimeoutError)
        │       ├── PoolTimeoutError
        │       ├── ConnectTimeoutError
        │       ├── FirstByteTimeoutError
        │       ├── ChunkTimeoutError
        │       └── TotalTimeoutError
        ├── ResponseError                       an HTTP response came, and is not what AWS promises
        │   └── NotAnEventStreamError
        ├── ServiceError                        AWS answered with an error
        │   ├── ThrottlingError
        │   │   └── ModelNotReadyException
        │   ├── ValidationError
        │   ├── ResourceNotFound
        │   ├── ResourceInUse
        │   ├── ResourceLimitExceeded
        │   ├── ConflictException
        │   ├── ModelError                      the model's container answered with an error
        │   ├── InternalFailure
        │   ├── ServiceUnavailable
        │   ├── InternalDependencyException
        │   ├── GatewayError                    a proxy or load balancer answered in its place
        │   ├── AccessDeniedError
        │   └── SignatureError
        │       └── ExpiredTokenError
        └── StreamError                         a response stream failed after it began
            ├── EventStreamError                the bytes are no valid event stream
            │   ├── PreludeChecksumError
            │   ├── MessageChecksumError
            │   ├── MessageLengthError
            │   ├── HeaderError
            │   └── TruncatedStreamError
            ├── StreamConnectionError           the connection failed; also a ConnectionLostError
            ├── StreamStalledError              silence for too long; also a ChunkTimeoutError
            ├── RecordError                     the payload is not what the iterator reads
            │   ├── RecordTooLongError          a line, value or event exceeds the limit of what is buffered
            │   ├── StreamDecodeError           invalid UTF-8 or JSON, or a record of an unknown form; a ValueError
            │   └── StreamIncomplete            a clean end, but inside a record or before the finish reason
            ├── InBandError                     the model reported a failure in the place of a record
            ├── ModelStreamError                an event; see below
            │   ├── ModelInvocationTimeExceeded the model took longer than SageMaker allows
            │   └── StreamBroken                the connection to the model's container broke
            ├── InternalStreamFailure           an event; see below
            └── UnmodeledStreamError

Errors carry facts as attributes, and policy (retries, HTTP statuses of an embedding service) reads those facts,
never class names. `ModelStreamError` and `InternalStreamFailure` are both events and exceptions: the low-level
event stream *yields* them as its last event, the iterators above it *raise* them. Every instance is made per
occurrence, pickles, and holds no reference to sockets, requests or credentials.

This module imports nothing from the package, so that every other module may import it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self
from urllib.parse import quote

__all__ = [
    "AccessDeniedError",
    "Attempt",
    "CallError",
    "CapacityError",
    "ChunkTimeoutError",
    "ConcurrentReadError",
    "ConfigurationError",
    "ConflictException",
    "ConnectError",
    "ConnectTimeoutError",
    "ConnectionLostError",
    "CredentialsConfigurationError",
    "CredentialsError",
    "CredentialsExpiredError",
    "DNSError",
    "DeserializationError",
    "EventStreamError",
    "ExpiredTokenError",
    "FieldProblem",
    "FirstByteTimeoutError",
    "GatewayError",
    "HeaderError",
    "InBandError",
    "InternalDependencyException",
    "InternalFailure",
    "InternalStreamFailure",
    "MessageChecksumError",
    "MessageLengthError",
    "MissingExtraError",
    "ModelError",
    "ModelInvocationTimeExceeded",
    "ModelNotReadyException",
    "ModelStreamError",
    "ModelsNotDeletedError",
    "NoCredentialsError",
    "NoRegionError",
    "NotAnEventStreamError",
    "PoolTimeoutError",
    "PreludeChecksumError",
    "ProxyError",
    "RecordError",
    "RecordTooLongError",
    "RequestValidationError",
    "ResourceInUse",
    "ResourceLimitExceeded",
    "ResourceNotFound",
    "ResponseError",
    "SageMakerAsyncError",
    "SerializationError",
    "ServiceError",
    "ServiceUnavailable",
    "SessionClosedError",
    "SignatureError",
    "StreamBroken",
    "StreamClosedError",
    "StreamConnectionError",
    "StreamConsumedError",
    "StreamDecodeError",
    "StreamError",
    "StreamIncomplete",
    "StreamStalledError",
    "TLSError",
    "ThrottlingError",
    "TotalTimeoutError",
    "TransportError",
    "TransportTimeoutError",
    "TruncatedStreamError",
    "UnexpectedStatusException",
    "UnknownMonitoringTypeError",
    "UnmodeledStreamError",
    "UsageError",
    "ValidationError",
    "WaiterTimeoutError",
    "WrongEventLoopError",
]


class SageMakerAsyncError(Exception):
    """The root of every exception this package raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Rebuilt from the message and the attributes, so that subclasses may have any constructor and still pickle.
        return _rebuild, (type(self), self.args, self.__dict__.copy())


def _rebuild(kind: type[SageMakerAsyncError], args: tuple[Any, ...], state: dict[str, Any]) -> SageMakerAsyncError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


# --- before anything is sent -----------------------------------------------------------------------------------------


class ConfigurationError(SageMakerAsyncError, ValueError):
    """An option, environment variable or configuration file is wrong; the message names it and the remedy."""


class NoRegionError(ConfigurationError):
    """No AWS region was found in any of the places that were looked in."""


class MissingExtraError(ConfigurationError, ImportError):
    """An optional dependency is missing; `extra` is the name to install: ``pip install 'sagemaker-async[extra]'``."""

    extra: str

    def __init__(self, extra: str, needed_for: str) -> None:
        super().__init__(f"{needed_for} needs an optional dependency: pip install 'sagemaker-async[{extra}]'")
        self.extra = extra


class CredentialsError(SageMakerAsyncError):
    """Credentials could not be obtained; the message names the source and the remedy, never a secret."""


class NoCredentialsError(CredentialsError):
    """No credentials were found in any of the places that were looked in."""


class CredentialsConfigurationError(CredentialsError, ConfigurationError):
    """A profile, file or variable that credentials come from is wrong; the message names it and the remedy."""


class CredentialsExpiredError(CredentialsError):
    """The credentials at hand have expired and could not be refreshed."""


class UsageError(SageMakerAsyncError, RuntimeError):
    """The object cannot do that in the state it is in."""


class SessionClosedError(UsageError):
    """The session was closed before or during the call."""


class WrongEventLoopError(UsageError):
    """A session is used from another event loop than the one it first ran on."""


class StreamConsumedError(UsageError):
    """A stream is iterated a second time."""


class StreamClosedError(UsageError):
    """A stream is used after it was closed."""


class ConcurrentReadError(UsageError):
    """Two tasks read from one stream at the same time."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One rule that one field of a request breaks."""

    field: str
    """The Python name, such as ``endpoint_name``; nested ones are dotted."""
    aws_name: str
    """AWS's name of the same field, such as ``EndpointName``."""
    rule: str
    """What is wrong and what to do, in words; never holds the value of a sensitive field."""


class RequestValidationError(SageMakerAsyncError, ValueError):
    """A request breaks the service's rules; all problems are listed and nothing was sent."""

    operation: str
    problems: tuple[FieldProblem, ...]

    def __init__(self, operation: str, problems: Sequence[FieldProblem]) -> None:
        listed = "; ".join(
            f"{p.field} ({p.aws_name}): {p.rule}" if p.aws_name != p.field else f"{p.field}: {p.rule}" for p in problems
        )
        super().__init__(f"{operation}: {listed}. Nothing was sent.")
        self.operation = operation
        self.problems = tuple(problems)


class UnexpectedStatusException(SageMakerAsyncError, ValueError):
    """What was waited for reached another status than it should; named as in the SageMaker SDK.

    Attributes:
        allowed_statuses: the statuses that were waited for; empty when it was to disappear.
        actual_status: the one it has.
        failure_reason: AWS's own words about why; None when it gave none.
    """

    def __init__(
        self, message: str, allowed_statuses: Sequence[str], actual_status: str, failure_reason: str | None = None
    ) -> None:
        super().__init__(message)
        self.allowed_statuses = list(allowed_statuses)
        self.actual_status = actual_status
        self.failure_reason = failure_reason


class CapacityError(UnexpectedStatusException):
    """It failed because AWS had no capacity for it: another instance type, region or time may have."""


class WaiterTimeoutError(SageMakerAsyncError, TimeoutError):
    """What was waited for did not come within the limit; it may still come.

    Attributes:
        seconds: the limit.
        last_status: the last status that was seen; None when there was none.
        failure_reason: AWS's own words in the last description; None when it gave none.
    """

    def __init__(
        self, message: str, seconds: float, last_status: str | None = None, failure_reason: str | None = None
    ) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.last_status = last_status
        self.failure_reason = failure_reason


class ModelsNotDeletedError(SageMakerAsyncError):
    """Some of a predictor's models could not be deleted; the others were.

    Attributes:
        failures: why not, by the model's name.
    """

    def __init__(self, failures: Mapping[str, SageMakerAsyncError]) -> None:
        failures = dict(failures)
        reasons = "".join(f"\n- {name}: {error}" for name, error in failures.items())
        super().__init__(
            f"One or more models cannot be deleted, please retry. \nFailed models: {', '.join(failures)}{reasons}"
        )
        self.failures = failures


class UnknownMonitoringTypeError(SageMakerAsyncError, TypeError):
    """A monitoring schedule is of a type that this package does not know; the message names it."""


class SerializationError(SageMakerAsyncError, ValueError):
    """An object cannot be turned into a request body."""


class DeserializationError(SageMakerAsyncError, ValueError):
    """A response body cannot be turned into an object."""


# --- calls -----------------------------------------------------------------------------------------------------------


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
    """Why the attempt was repeated when it was not for its outcome alone: ``"stale connection"``, ``"clock skew"``."""


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

    def _facts(self) -> list[str]:
        facts = [self.url] if self.url else []
        if self.request_id:
            facts.append(f"request id {self.request_id}")
        if len(self.attempts) > 1:
            facts.append(f"{len(self.attempts)} attempts")
        return facts

    def __str__(self) -> str:
        where = self.operation or ""
        if self.resource:
            where += f" on {self.resource!r}"
        facts = self._facts()
        words = self.message or type(self).__name__
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
    """No connection of the pool came free in time; nothing was sent."""

    limit = "pool"


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


class ResponseError(CallError):
    """An HTTP response came and is not what AWS promises; `status` is its status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NotAnEventStreamError(ResponseError):
    """The stream route answered with something else than an event stream; the message shows its first bytes."""


class ServiceError(CallError):
    """AWS answered with an error.

    Attributes:
        status: the HTTP status.
        code: AWS's error code, such as ``ThrottlingException``.
        error_message: AWS's own words, without what this package adds around them.
        fields: the error's members under AWS's names, as they came.
        null_message: whether the message is JSON ``null``, as SageMaker's throttling in disguise has it.
    """

    null_message: bool = False

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        error_message: str | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.error_message = error_message if error_message is not None else message
        self.fields = dict(fields or {})

    @property
    def outcome(self) -> str:
        """The HTTP status and AWS's error code."""
        return f"{self.status} {self.code}".rstrip()


class ThrottlingError(ServiceError):
    """The service asks to be called less often."""

    retryable = True


class ModelNotReadyException(ThrottlingError):
    """A multi-model endpoint is still loading the model (HTTP 429); later attempts usually succeed."""


class ValidationError(ServiceError):
    """The service refused the request as invalid: an unknown endpoint, a body too large, a bad field."""


class ResourceNotFound(ServiceError):
    """There is no such resource. (Of unknown endpoints, components and models AWS says `ValidationError` instead.)"""


class ResourceInUse(ServiceError):
    """The resource exists already, or something else uses it."""


class ResourceLimitExceeded(ServiceError):
    """The account's quota for such resources is used up; Service Quotas raises it, waiting does not."""


class ConflictException(ServiceError):
    """Someone else changed the resource at the same time."""


class ModelError(ServiceError):
    """The model's container answered with an error (HTTP 424); it is never retried.

    Attributes:
        original_status_code: the status the container answered with.
        original_message: the body the container answered with.
        log_stream_arn: the CloudWatch log stream of the container.
    """

    @property
    def original_status_code(self) -> int | None:
        """The status the container answered with."""
        return self.fields.get("OriginalStatusCode")

    @property
    def original_message(self) -> str | None:
        """The body the container answered with."""
        return self.fields.get("OriginalMessage")

    @property
    def log_stream_arn(self) -> str | None:
        """The ARN of the container's CloudWatch log stream."""
        return self.fields.get("LogStreamArn")

    @property
    def log_url(self) -> str | None:
        """The CloudWatch console page of the log stream, or of its group where AWS names no more; None without one."""
        return _cloudwatch_url(self.log_stream_arn) if self.log_stream_arn else None


class InternalFailure(ServiceError):
    """The service failed (HTTP 500)."""

    retryable = True


class ServiceUnavailable(ServiceError):
    """The service is unavailable (HTTP 503)."""

    retryable = True


class GatewayError(ServiceError):
    """A gateway between here and the service answered (HTTP 502 or 504); the request may have been processed."""

    retryable = True
    ambiguous = True


class InternalDependencyException(ServiceError):
    """Something the service depends on failed (HTTP 530)."""

    retryable = True


class AccessDeniedError(ServiceError):
    """The credentials are not allowed to do this."""


class SignatureError(ServiceError):
    """AWS refused the signature: missing, malformed, of an unknown key, of a wrong secret, or out of time."""


class ExpiredTokenError(SignatureError):
    """The session token has expired."""


def _cloudwatch_url(arn: str) -> str | None:
    # arn:{partition}:logs:{region}:{account}:log-group:{group}[:log-stream:{stream}]
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "logs" or not parts[5].startswith("log-group:"):
        return None
    group, _, stream = parts[5].removeprefix("log-group:").partition(":log-stream:")
    domains = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}
    domain = domains.get(parts[1], "console.aws.amazon.com")
    region = parts[3]

    def encoded(text: str) -> str:
        # The console's own fragment encoding: percent-encode twice and write "%" as "$".
        return quote(quote(text, safe=""), safe="").replace("%", "$")

    page = f"https://{region}.{domain}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/"
    page += encoded(group.removesuffix(":*"))
    return f"{page}/log-events/{encoded(stream)}" if stream else page


# --- streams ---------------------------------------------------------------------------------------------------------


class StreamError(CallError):
    """A response stream failed after it began; nothing is retried then.

    Attributes:
        events: how many events came before the failure.
        bytes_received: how many payload bytes they held.
        undelivered: bytes that came after the last complete event or record and were not delivered (bounded).
        partial: the text delivered before the failure (bounded), when a text or token iterator raises it; else None.
    """

    def __init__(self, message: str) -> None:
        CallError.__init__(self, message)  # not super(): some subclasses are transport errors as well
        self.events = 0
        self.bytes_received = 0
        self.undelivered = b""
        self.partial: str | None = None

    def _facts(self) -> list[str]:
        received = [f"after {self.events} events, {self.bytes_received} bytes"] if self.operation else []
        return received + super()._facts()


class EventStreamError(StreamError):
    """The bytes are no valid ``application/vnd.amazon.eventstream``."""


class PreludeChecksumError(EventStreamError):
    """The CRC-32 of a message's prelude is wrong."""


class MessageChecksumError(EventStreamError):
    """The CRC-32 of a whole message is wrong."""


class MessageLengthError(EventStreamError):
    """A message's lengths contradict each other or exceed the limits."""


class HeaderError(EventStreamError):
    """A message's header block is malformed, or lacks or misuses a header every message must have."""


class TruncatedStreamError(EventStreamError):
    """The stream ended inside a message."""


class StreamConnectionError(StreamError, ConnectionLostError):
    """The connection failed while the stream was under way, before the HTTP body's own end."""


class StreamStalledError(StreamError, ChunkTimeoutError):
    """The stream stayed silent for longer than `Timeouts.between_chunks`."""

    def __init__(self, message: str, seconds: float) -> None:
        StreamError.__init__(self, message)
        self.seconds = seconds


class RecordError(StreamError):
    """The stream arrived, but its payload is not what the iterator reads."""


class RecordTooLongError(RecordError):
    """A record exceeds the limit of what is buffered.

    Raise the iterator's `max_buffer` if such records are meant; read with `ByteIterator` if they have no bound.

    Attributes:
        record: what is too long: ``line``, ``JSON value``, ``event``, ...
        limit: the most bytes it may hold.
    """

    def __init__(self, record: str, limit: int) -> None:
        super().__init__(f"a {record} exceeds max_buffer ({limit} bytes); raise that if the {record} is meant")
        self.record = record
        self.limit = limit


class StreamDecodeError(RecordError, ValueError):
    """The payload holds invalid UTF-8 or JSON, or a record that the dialect in use does not know.

    `undelivered` is the beginning of the record at fault. What came before it was delivered.
    """


class StreamIncomplete(RecordError):
    """The stream ended without an error, and too early: inside a record, or before the model said it had finished.

    `partial` holds the text so far; asking the model again, or with it to go on from, is up to the caller.
    """


class InBandError(StreamError):
    """The model's container reported a failure as a record of its stream, after HTTP 200.

    Attributes:
        code: the container's error code, such as 424 or ``rate_limited``; None when it gave none.
        error_type: the container's kind of error, such as ``generation``; None when it gave none.
    """

    def __init__(self, message: str, *, code: str | int | None = None, error_type: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.error_type = error_type

    def _facts(self) -> list[str]:
        given = (("container's code", self.code), ("type", self.error_type))
        return [f"{name} {value}" for name, value in given if value is not None] + super()._facts()


class ModelStreamError(StreamError):
    """The model's stream broke: an event, and an exception; of a subclass when the service says why.

    What came before it was delivered, and nothing is repeated by itself. Ask again, or go on with what there is:
    text and token iterators keep it in `partial`.

    Attributes:
        error_code: ``ModelInvocationTimeExceeded``, ``StreamBroken``, another, or None when the service sent none.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_ModelStreamError.html
    """

    def __init__(self, message: str = "", error_code: str | None = None) -> None:
        super().__init__(message)
        self.error_code = error_code

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} (error code {self.error_code})" if self.error_code else text


class ModelInvocationTimeExceeded(ModelStreamError):
    """The model had not finished its answer when the time was up that SageMaker gives one invocation.

    The same request will probably fail again. Ask for less at a time (fewer new tokens, a shorter prompt) or go on from
    `partial`; a faster instance type helps, more instances do when requests queue up in the container. Asynchronous
    inference gives a model up to an hour.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message, "ModelInvocationTimeExceeded")


class StreamBroken(ModelStreamError):
    """The connection over which the model's container sent its answer was reset or closed.

    Mostly the container crashed, ran out of memory or was replaced: its CloudWatch logs tell. Another instance may be
    well, so that asking again often helps; if the same request breaks off every time, the model cannot bear it.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message, "StreamBroken")


class InternalStreamFailure(StreamError):
    """The service failed while streaming: an event, and an exception. Ask again; AWS Support takes the `request_id`."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)


class UnmodeledStreamError(StreamError):
    """The stream carried a ``:message-type`` of ``error``; `code` and `message` are its headers'."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} (error code {self.code})"
