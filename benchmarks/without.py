"""Takes one trick of the request path away, in this process, so that what it is worth can be measured.

Reaches into private parts on purpose; the suite `tricks` and a test notice when they have moved.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from sagemaker_async.aws import client, eventstream, transport
from sagemaker_async.prediction_stream import PredictionStream

__all__ = ["CALLS", "STREAMS", "remove"]


class _Forgetful(dict[Any, Any]):
    """A dict in which nothing is ever found."""

    def get(self, key: object, default: object = None) -> Any:  # noqa: ARG002
        return default


def _request_heads() -> None:
    made = client.ServiceClient.__init__

    def init(self: Any, *args: Any, **fields: Any) -> None:
        made(self, *args, **fields)
        self._heads = _Forgetful()

    client.ServiceClient.__init__ = init  # type: ignore[method-assign]


def _headers_whole() -> None:
    transport._Headers.__bool__ = lambda self: len(self) > 0  # type: ignore[method-assign]


def _header_names() -> None:
    transport._field_name = lambda name: name  # type: ignore[assignment]


def _event_heads() -> None:
    eventstream._REMEMBERED_HEAD_LENGTH = 0


def _ready_queue() -> None:
    made = PredictionStream._make_records

    def make_records(self: Any) -> None:
        made(self)
        self._ready = deque()

    PredictionStream._make_records = make_records  # type: ignore[method-assign]


CALLS: dict[str, Callable[[], None]] = {
    "request heads remembered": _request_heads,
    "header fields handed over whole": _headers_whole,
    "names of header fields made once": _header_names,
}
"""What speeds up a call."""
STREAMS: dict[str, Callable[[], None]] = {
    "event heads remembered": _event_heads,
    "records taken from the iterator's queue": _ready_queue,
}
"""What speeds up an event."""


def remove(trick: str) -> None:
    """Take a trick away for the rest of the process's life."""
    {**CALLS, **STREAMS}[trick]()
