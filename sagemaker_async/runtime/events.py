"""The events of a response stream, and how an event-stream message becomes one.

A stream yields `PayloadPart` any number of times, then ends, or ends with one `ModelStreamError` or
`InternalStreamFailure` (from `sagemaker_async.errors`: exceptions that are yielded as values here and raised by the
iterators above). Types the service may add later arrive as `UnknownEvent`. Each answers to AWS's spelling as well, as
botocore's dicts do: ``event["PayloadPart"]["Bytes"]``, ``"ModelStreamError" in event``.

Source: AWS API reference, `InvokeEndpointWithResponseStream`_, and the event-stream conventions of ``:message-type``.

.. _InvokeEndpointWithResponseStream:
   https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from sagemaker_async.errors import (
    HeaderError,
    InternalStreamFailure,
    ModelInvocationTimeExceeded,
    ModelStreamError,
    StreamBroken,
    UnmodeledStreamError,
)
from sagemaker_async.errors.by_name import ByAWSName

if TYPE_CHECKING:
    from sagemaker_async.aws.eventstream import HeaderValue

__all__ = [
    "InternalStreamFailure",
    "ModelStreamError",
    "PayloadPart",
    "StreamEvent",
    "UnknownEvent",
    "event_of",
    "is_payload_part",
    "model_stream_error",
]


_Bytes = bytes  # for the class below, whose field has that name


class PayloadPart(ByAWSName):
    """An arbitrary slice of the container's answer; its boundaries have no meaning."""

    __slots__ = ("bytes",)
    __match_args__ = ("bytes",)

    bytes: _Bytes

    def __init__(self, bytes: _Bytes) -> None:  # noqa: A002 - AWS's own name of the field
        self.bytes = bytes

    def get(self, name: str, default: Any = None) -> Any:
        """Return ``{"Bytes": ...}`` for ``PayloadPart``."""
        return {"Bytes": self.bytes} if name == "PayloadPart" else default

    def __eq__(self, other: object) -> bool:
        return self.bytes == other.bytes if isinstance(other, PayloadPart) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.bytes)

    def __repr__(self) -> str:
        return f"PayloadPart(<{len(self.bytes)} bytes>)"


class UnknownEvent(ByAWSName):
    """An event of a type this version does not know; the iterators skip it."""

    __slots__ = ("event_type", "headers", "payload")
    __match_args__ = ("event_type", "headers", "payload")

    def __init__(self, event_type: str, headers: Mapping[str, HeaderValue], payload: bytes) -> None:
        self.event_type: str = event_type
        self.headers: Mapping[str, HeaderValue] = headers
        self.payload: bytes = payload

    def get(self, name: str, default: Any = None) -> Any:
        """Return the event's type for ``SDK_UNKNOWN_MEMBER``, which is what botocore makes of such events."""
        return {"name": self.event_type} if name == "SDK_UNKNOWN_MEMBER" else default

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UnknownEvent):
            return NotImplemented
        return (self.event_type, self.headers, self.payload) == (other.event_type, other.headers, other.payload)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"UnknownEvent({self.event_type!r}, <{len(self.payload)} bytes>)"


StreamEvent = PayloadPart | ModelStreamError | InternalStreamFailure | UnknownEvent


def is_payload_part(headers: Mapping[str, HeaderValue]) -> bool:
    """Return whether messages with these headers are payload parts."""
    return headers.get(":message-type") == "event" and headers.get(":event-type") == "PayloadPart"


def event_of(headers: Mapping[str, HeaderValue], payload: bytes) -> StreamEvent:
    """Return the event for a message with these headers and this payload.

    Raises:
        UnmodeledStreamError: its ``:message-type`` is ``error``, or it is an exception of an unknown type.
        HeaderError: it lacks the headers that say what kind it is.
    """
    kind = headers.get(":message-type")
    if kind == "event":
        event_type = _text(headers, ":event-type")
        if event_type == "PayloadPart":
            return PayloadPart(payload)
        return UnknownEvent(event_type, dict(headers), payload)
    if kind == "exception":
        exception_type = _text(headers, ":exception-type")
        members = _members(payload)
        if exception_type == "ModelStreamError":
            return model_stream_error(_message(members), members.get("ErrorCode"))
        if exception_type == "InternalStreamFailure":
            return InternalStreamFailure(_message(members))
        raise UnmodeledStreamError(exception_type, _message(members))
    if kind == "error":
        raise UnmodeledStreamError(str(headers.get(":error-code", "")), str(headers.get(":error-message", "")))
    raise HeaderError(f"an event's :message-type is {kind!r}; it must be event, exception or error")


def model_stream_error(message: str, code: object) -> ModelStreamError:
    """Return the exception for a `ModelStreamError` with this message and error code."""
    match code:
        case "ModelInvocationTimeExceeded":
            return ModelInvocationTimeExceeded(message)
        case "StreamBroken":
            return StreamBroken(message)
    return ModelStreamError(message, code if isinstance(code, str) else None)


def _text(headers: Mapping[str, HeaderValue], name: str) -> str:
    value = headers.get(name)
    if not isinstance(value, str):
        raise HeaderError(f"an event has no {name} header")
    return value


def _members(payload: bytes) -> Mapping[str, Any]:
    # An error must be reported even when its details are garbled: what is not a JSON object has no members.
    try:
        members = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}


def _message(members: Mapping[str, Any]) -> str:
    text = members.get("Message", members.get("message"))
    return text if isinstance(text, str) else ""
