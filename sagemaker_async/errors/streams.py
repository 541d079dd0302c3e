"""What goes wrong with a response stream after it began."""

from __future__ import annotations

from typing import Any

from .by_name import ByAWSName
from .calls import CallError, ChunkTimeoutError, ConnectionLostError


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
        events = f"{self.events} event{'s'[: self.events != 1]}"
        received = [f"after {events}, {self.bytes_received} bytes"] if self.operation else []
        return received + super()._facts()


class EventStreamError(StreamError):
    """The bytes are not a valid ``application/vnd.amazon.eventstream``."""


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


class ModelStreamError(StreamError, ByAWSName):
    """The model's stream broke: an event, and an exception; of a subclass when the service says why.

    What came before it was delivered, and nothing is repeated by itself. Ask again, or go on with what there is:
    text and token iterators keep it in `partial`.

    Attributes:
        error_code: ``ModelInvocationTimeExceeded``, ``StreamBroken``, another, or None when the service sent none.
        code: the same, under the name that all other service errors have it by.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_ModelStreamError.html
    """

    def __init__(self, message: str = "", error_code: str | None = None) -> None:
        super().__init__(message)
        self.error_code = error_code

    @property
    def code(self) -> str | None:
        """The same as `error_code`."""
        return self.error_code

    def get(self, name: str, default: Any = None) -> Any:
        """Return the event's members for ``ModelStreamError``, as botocore has them in a dict."""
        if name != "ModelStreamError":
            return default
        code = {} if self.error_code is None else {"ErrorCode": self.error_code}
        return {"Message": self.message, **code}

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


class InternalStreamFailure(StreamError, ByAWSName):
    """The service failed while streaming: an event, and an exception. Ask again; AWS Support takes the `request_id`."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the event's members for ``InternalStreamFailure``, as botocore has them in a dict."""
        return {"Message": self.message} if name == "InternalStreamFailure" else default


class UnmodeledStreamError(StreamError):
    """The stream carried a ``:message-type`` of ``error``; `code` and `message` are its headers'."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text} (error code {self.code})"
