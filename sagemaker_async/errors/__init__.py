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
    ├── MapTimeoutError (TimeoutError)          not all records were done in time
    ├── ModelsNotDeletedError                   some of a predictor's models could not be deleted
    ├── RunStoppedError                         a bulk run stopped before its end; it can be resumed
    ├── UnknownMonitoringTypeError (TypeError)  a monitoring schedule is of a type that is not known
    ├── ToolArgumentsError (ValueError)         a model's tool call has arguments that are not JSON
    ├── SerializationError (ValueError)         an object cannot become a request body
    ├── AsyncInferenceError                     of asynchronous inference; the SDK's names
    │   ├── ObjectNotExistedError               there is no result yet, or it has vanished
    │   ├── PollingTimeoutError (TimeoutError)  no result came in time
    │   ├── AsyncInferenceModelError            the invocation failed; the text of the failure object
    │   ├── UnexpectedClientError               S3 answered with an error
    │   │   └── ResultAccessDeniedError         403: not there yet, or not for these credentials
    │   ├── WaitCancelledError                  `AsyncInferenceJob.cancel_wait` ended the wait
    │   └── InvalidJobError (ValueError)        a text is not a job, or not as it was written
    └── CallError                               a call was begun and failed
        ├── TransportError                      no HTTP response came
        │   ├── ConnectError                    nothing was sent
        │   │   ├── DNSError
        │   │   ├── TLSError
        │   │   └── ProxyError
        │   ├── ConnectionLostError             the request may have been processed
        │   ├── PoolFullError                   nothing was sent: too many calls wait for a connection
        │   └── TransportTimeoutError (TimeoutError)
        │       ├── PoolTimeoutError
        │       ├── ConnectTimeoutError
        │       ├── FirstByteTimeoutError
        │       ├── ChunkTimeoutError
        │       └── TotalTimeoutError
        ├── NoCapacityError (TimeoutError)      no copy of the model became ready in time
        ├── ResponseTooLargeError               the answer is larger than `Config.max_response_bytes`
        ├── ChecksumMismatchError               what came is not what S3 has
        ├── UploadSourceError                   a file changed while it was uploaded
        ├── DeserializationError (ValueError)   a response body cannot become an object
        ├── ResponseError                       an HTTP response came, and is not what AWS promises
        │   └── NotAnEventStreamError
        ├── ServiceError                        AWS answered with an error
        │   ├── ThrottlingError
        │   │   └── ModelNotReadyException
        │   ├── ValidationError
        │   ├── ResourceNotFound
        │   │   ├── NoSuchKeyError
        │   │   └── NoSuchBucketError
        │   ├── ResourceInUse
        │   ├── ResourceLimitExceeded
        │   ├── ConflictException
        │   ├── ModelError                      the model's container answered with an error
        │   ├── InternalFailure
        │   ├── ServiceUnavailable
        │   ├── InternalDependencyException
        │   ├── GatewayError                    a proxy or load balancer answered in its place
        │   ├── AccessDeniedError
        │   │   └── S3AccessDeniedError
        │   ├── PreconditionFailedError
        │   └── SignatureError
        │       └── ExpiredTokenError
        └── StreamError                         a response stream failed after it began
            ├── EventStreamError                the bytes are not a valid event stream
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

This package imports nothing from the rest, so that every other module may import it; its modules are its own affair.
"""

from __future__ import annotations

from .asynchronous import (
    AsyncInferenceError,
    AsyncInferenceModelError,
    InvalidJobError,
    ObjectNotExistedError,
    PollingTimeoutError,
    ResultAccessDeniedError,
    UnexpectedClientError,
    WaitCancelledError,
)
from .calls import (
    Attempt,
    CallError,
    ChunkTimeoutError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    DNSError,
    FirstByteTimeoutError,
    NoCapacityError,
    NotAnEventStreamError,
    PoolFullError,
    PoolTimeoutError,
    ProxyError,
    ResponseError,
    ResponseTooLargeError,
    TLSError,
    TotalTimeoutError,
    TransportError,
    TransportTimeoutError,
)
from .preparation import (
    CapacityError,
    ConcurrentReadError,
    ConfigurationError,
    CredentialsConfigurationError,
    CredentialsError,
    CredentialsExpiredError,
    DeserializationError,
    FieldProblem,
    MapTimeoutError,
    MissingExtraError,
    ModelsNotDeletedError,
    NoCredentialsError,
    NoRegionError,
    RequestValidationError,
    RunStoppedError,
    SerializationError,
    SessionClosedError,
    StreamClosedError,
    StreamConsumedError,
    ToolArgumentsError,
    UnexpectedStatusException,
    UnknownMonitoringTypeError,
    UsageError,
    WaiterTimeoutError,
    WrongEventLoopError,
)
from .root import (
    SageMakerAsyncError,
)
from .service import (
    AccessDeniedError,
    ConflictException,
    ExpiredTokenError,
    GatewayError,
    InternalDependencyException,
    InternalFailure,
    ModelError,
    ModelNotReadyException,
    ResourceInUse,
    ResourceLimitExceeded,
    ResourceNotFound,
    ServiceError,
    ServiceUnavailable,
    SignatureError,
    ThrottlingError,
    ValidationError,
)
from .storage import (
    ChecksumMismatchError,
    NoSuchBucketError,
    NoSuchKeyError,
    PreconditionFailedError,
    S3AccessDeniedError,
    UploadSourceError,
)
from .streams import (
    EventStreamError,
    HeaderError,
    InBandError,
    InternalStreamFailure,
    MessageChecksumError,
    MessageLengthError,
    ModelInvocationTimeExceeded,
    ModelStreamError,
    PreludeChecksumError,
    RecordError,
    RecordTooLongError,
    StreamBroken,
    StreamConnectionError,
    StreamDecodeError,
    StreamError,
    StreamIncomplete,
    StreamStalledError,
    TruncatedStreamError,
    UnmodeledStreamError,
)

__all__ = [
    "AccessDeniedError",
    "AsyncInferenceError",
    "AsyncInferenceModelError",
    "Attempt",
    "CallError",
    "CapacityError",
    "ChecksumMismatchError",
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
    "InvalidJobError",
    "MapTimeoutError",
    "MessageChecksumError",
    "MessageLengthError",
    "MissingExtraError",
    "ModelError",
    "ModelInvocationTimeExceeded",
    "ModelNotReadyException",
    "ModelStreamError",
    "ModelsNotDeletedError",
    "NoCapacityError",
    "NoCredentialsError",
    "NoRegionError",
    "NoSuchBucketError",
    "NoSuchKeyError",
    "NotAnEventStreamError",
    "ObjectNotExistedError",
    "PollingTimeoutError",
    "PoolFullError",
    "PoolTimeoutError",
    "PreconditionFailedError",
    "PreludeChecksumError",
    "ProxyError",
    "RecordError",
    "RecordTooLongError",
    "RequestValidationError",
    "ResourceInUse",
    "ResourceLimitExceeded",
    "ResourceNotFound",
    "ResponseError",
    "ResponseTooLargeError",
    "ResultAccessDeniedError",
    "RunStoppedError",
    "S3AccessDeniedError",
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
    "ToolArgumentsError",
    "TotalTimeoutError",
    "TransportError",
    "TransportTimeoutError",
    "TruncatedStreamError",
    "UnexpectedClientError",
    "UnexpectedStatusException",
    "UnknownMonitoringTypeError",
    "UnmodeledStreamError",
    "UploadSourceError",
    "UsageError",
    "ValidationError",
    "WaitCancelledError",
    "WaiterTimeoutError",
    "WrongEventLoopError",
]

for _name in __all__:  # tracebacks name the place that users import from
    globals()[_name].__module__ = __name__
