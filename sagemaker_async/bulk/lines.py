"""The lines of the output: one JSON object for each record, ended by a line feed. Pure.

====================================================================================  ================================
``{"index": 0, "id": "a", "result": ...}``                                            the model's answer
``{"index": 1, "id": "b", "error": {"type": "ModelError", "message": ..., ...}}``     why there is none
====================================================================================  ================================

``index`` is the record's place in the input, from 0. ``id`` is there when a column of ids was named. An answer of bytes
is its text, or, when it is not UTF-8, ``result_base64``. An ``error`` has the fields `type`, `message` and `fault`:
``record`` when sending the same record again would fail again, ``endpoint`` when the record may succeed another time.
Where they are known, it also has `status`, `code`, `request_id`, `attempts` and `line`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sagemaker_async.codecs.json_codec import JSONCodec
from sagemaker_async.errors import (
    AsyncInferenceModelError,
    CallError,
    DeserializationError,
    InBandError,
    ModelError,
    ModelInvocationTimeExceeded,
    RecordTooLongError,
    RequestValidationError,
    ResponseTooLargeError,
    SerializationError,
    StreamDecodeError,
)

__all__ = ["Line", "MalformedRecord", "failure_line", "is_of_endpoint", "read_line", "result_line"]

_JSON = JSONCodec()


class MalformedRecord(Exception):
    """A record of the input that cannot be sent.

    Attributes:
        line: where it is in the input.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line


_OF_THE_RECORD = (
    AsyncInferenceModelError,
    DeserializationError,
    InBandError,
    MalformedRecord,
    ModelError,
    ModelInvocationTimeExceeded,
    RecordTooLongError,
    RequestValidationError,
    ResponseTooLargeError,
    SerializationError,
    StreamDecodeError,
)
"""What says something of the record, or of the answer to it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that was read back."""

    index: int
    result: Any
    error: Mapping[str, Any] | None

    @property
    def by_endpoint(self) -> bool:
        """Whether the record failed and may succeed another time."""
        return self.error is not None and self.error.get("fault") == "endpoint"


def is_of_endpoint(error: Exception) -> bool:
    """Return whether any record might have failed like this: the failure says nothing about the record, which may
    succeed another time."""
    return not isinstance(error, _OF_THE_RECORD)


def result_line(index: int, id: Any, result: Any, *, with_id: bool) -> bytes:  # noqa: A002 - the field's own name
    """Return the line of an answer.

    Raises:
        SerializationError: JSON cannot hold the answer.
    """
    name = "result"
    if isinstance(result, bytes | bytearray | memoryview):
        try:
            result = bytes(result).decode()
        except UnicodeDecodeError:
            name, result = "result_base64", base64.b64encode(result).decode()
    return _line({"index": index, **({"id": id} if with_id else {}), name: result})


def failure_line(index: int, id: Any, error: Exception, *, with_id: bool) -> bytes:  # noqa: A002
    """Return the line of a record that failed."""
    facts: dict[str, Any] = {
        "type": type(error).__name__,
        "message": str(error),
        "fault": "endpoint" if is_of_endpoint(error) else "record",
    }
    if isinstance(error, CallError):
        known = {
            "status": getattr(error, "status", None),
            "code": getattr(error, "code", None),
            "request_id": error.request_id,
            "attempts": len(error.attempts) or None,
        }
        facts |= {name: value for name, value in known.items() if isinstance(value, int | str)}
    elif isinstance(error, MalformedRecord):
        facts["line"] = error.line
    return _line({"index": index, **({"id": id} if with_id else {}), "error": facts})


def read_line(text: bytes) -> Line | None:
    """Return what a line says, without its line feed; None when it is not a line of an output."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    index = line.get("index") if isinstance(line, dict) else None
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        return None
    error = line.get("error")
    named = [name for name in ("result", "result_base64", "error") if name in line]
    if len(named) != 1 or not isinstance(error, dict | None) or (named == ["error"] and error is None):
        return None
    return Line(index, line.get("result"), error)


def _line(value: Mapping[str, Any]) -> bytes:
    text = _JSON.dumps(value)
    return (text if isinstance(text, bytes) else text.encode()) + b"\n"
