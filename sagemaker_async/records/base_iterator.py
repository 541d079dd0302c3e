"""The SageMaker SDK's names for iterators of one's own: `BaseIterator` and `handle_stream_errors`, asynchronous.

They are for code that moves over. A new iterator is simpler, and safe from cut records, as a `StreamIterator`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, Self, TypeVar

from sagemaker_async.errors import ConfigurationError, StreamError
from sagemaker_async.runtime.events import InternalStreamFailure, model_stream_error

from .iterator import NO_EVENT_STREAM, StreamIterator

__all__ = ["BaseIterator", "handle_stream_errors"]

T = TypeVar("T")


class BaseIterator(ABC, Generic[T]):
    """The SDK's base of iterators: `event_stream` gives the events, and `__anext__` of the subclass makes records.

    All iterators of this package count as its subclasses, as all of the SDK's do.

    Args:
        event_stream: the response stream; each ``await anext(self.event_stream)`` gives one event.

    Example:
        ::

            class Upper(BaseIterator[str]):
                async def __anext__(self) -> str:
                    event = await anext(self.event_stream)
                    handle_stream_errors(event)
                    return event["PayloadPart"]["Bytes"].decode().upper()
    """

    def __init__(self, event_stream: Any = NO_EVENT_STREAM) -> None:
        if not hasattr(event_stream, "__anext__"):
            raise ConfigurationError(
                "event_stream must be an asynchronous iterator of response stream events, not "
                f"{type(event_stream).__name__}; predict_stream(iterator={type(self).__name__}) makes the iterator"
            )
        self.event_stream = event_stream

    def __aiter__(self) -> Self:
        return self

    @abstractmethod
    async def __anext__(self) -> T:
        """Return the next record; raise StopAsyncIteration at the end, which the event stream does by itself."""


BaseIterator.register(StreamIterator)  # type: ignore[type-abstract]  # it is the base of those that count


def handle_stream_errors(chunk: Any) -> None:
    """Raise the error that an event is, if it is one; the SDK's function of this name.

    Args:
        chunk: an event of ours, or a dict of botocore's.

    Raises:
        ModelStreamError, InternalStreamFailure: the event is one.
    """
    if isinstance(chunk, StreamError):
        raise chunk
    if "ModelStreamError" in chunk:
        members = chunk["ModelStreamError"]
        raise model_stream_error(members.get("Message", ""), members.get("ErrorCode"))
    if "InternalStreamFailure" in chunk:
        raise InternalStreamFailure(chunk["InternalStreamFailure"].get("Message", ""))
