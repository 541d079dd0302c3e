r"""Records in the form that clients read: `ENCODINGS`, one per format. Pure.

=============== ======================================= ============================= =======================
format          a record                                a failure midway              the end
=============== ======================================= ============================= =======================
``sse``         a server-sent event                     event ``error``, a problem    event ``done``
``json-lines``  a line of JSON                          ``{"error": {a problem}}``    the end of the body
``text``        its text                                the connection is cut         the end of the body
``raw``         its bytes                               the connection is cut         the end of the body
``openai``      OpenAI's chunk (`openai_chunks`)        ``{"error": ...}``            ``[DONE]``
=============== ======================================= ============================= =======================

The first two formats write a record as follows:

- a `Token`: ``{"index": 0, "text": " sea"}``, and ``finish_reason``, ``special``, ``choice``, ``reasoning``,
  ``refusal`` and ``tool_calls`` unless they are defaults; pieces of tool calls are as in OpenAI's chunks; where the
  record has them, ``usage``, the token counts so far under OpenAI's names;
- token counts that came without a token, as OpenAI's do: ``{"text": "", "usage": {...}}``, before the end;
- str: ``{"text": ...}``, because line ends and leading spaces would not survive otherwise;
- a `ServerSentEvent`: itself, and no ``done`` follows the model's own events; as a line of JSON, its fields;
- bytes: one line, assumed to be text that the model addressed to the client, such as JSON;
- all other values: JSON; NaN and the infinities, which JSON does not have, become null.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel

from sagemaker_async.dialects import Token, ToolCallDelta, recognise
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.records import ServerSentEvent

from .problems import Problem

__all__ = ["ENCODINGS", "Encoding", "Format", "Usage", "json_text"]

Format: TypeAlias = Literal["sse", "json-lines", "text", "raw", "openai"]

_line_ends = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How one format is written."""

    media_type: str
    record: Callable[[Any], bytes]
    """Returns the bytes of a record; raises `ConfigurationError` when the format cannot represent it."""
    failure: Callable[[Problem, str], bytes] | None = None
    """Returns the message of a failure, given its problem and URI; None: the format cannot represent failures."""
    end: bytes = b""
    """Sent at the end of a complete answer."""
    is_json: bool = False
    """Whether records are JSON, which has room for more than text."""
    heartbeat: bytes | None = None
    """Sent to keep a silent connection alive, and ignored by clients; None: the format has nothing that clients
    ignore."""


def json_text(value: object) -> str:
    """Return a record as JSON; see the module's docstring."""
    value = _jsonable(value)
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_jsonable_within)
    except TypeError as error:
        raise ConfigurationError(f"a record cannot be written as JSON ({error}); give encode=... to do it") from error
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), default=_jsonable_within)


def _jsonable(value: object) -> object:
    if isinstance(value, Token):
        members: dict[str, object] = {"index": value.index, "text": value.text}
        if value.finish_reason is not None:
            members["finish_reason"] = value.finish_reason
        if value.special:
            members["special"] = True
        if value.choice:
            members["choice"] = value.choice
        if value.reasoning:
            members["reasoning"] = value.reasoning
        if value.refusal:
            members["refusal"] = value.refusal
        if value.tool_calls:
            members["tool_calls"] = [_tool_call(piece) for piece in value.tool_calls]
        if (usage := _usage_with(value)) is not None:
            members["usage"] = usage
        return members
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, ServerSentEvent):
        return {name: field for name, field in value._asdict().items() if field not in ("", None)}
    return _jsonable_within(value) if isinstance(value, BaseModel) else value


def _tool_call(piece: ToolCallDelta) -> dict[str, object]:
    names = {"id": piece.id, "type": "function"} if piece.id is not None else {}
    function = {"name": piece.name} if piece.name is not None else {}
    return {"index": piece.index, **names, "function": {**function, "arguments": piece.arguments}}


def _usage_with(token: Token) -> Mapping[str, Any] | None:
    """Return the token counts in the record that a token came from."""
    record = token.raw
    if not isinstance(record, Mapping) or not (record.get("usage") or record.get("details")):
        return None
    dialect = recognise(record)
    try:
        counts = [delta.usage for delta in dialect.deltas(record) if delta.usage] if dialect is not None else []
    except (LookupError, TypeError, ValueError, AttributeError):  # a record of a dialect of the user's own
        counts = []
    return counts[-1] if counts else None


class Usage:
    """The token counts of one stream: which of them the client has, and which came without a token."""

    __slots__ = ("_sent",)

    def __init__(self) -> None:
        self._sent: Mapping[str, Any] | None = None

    def note(self, record: object) -> None:
        """Note a record that the client is sent."""
        if isinstance(record, Token):
            self._sent = _usage_with(record) or self._sent

    def missing(self, stream: object) -> dict[str, object] | None:
        """Return the record for the counts that the client does not have at the end of a stream; None without any."""
        usage = getattr(getattr(stream, "records", stream), "usage", None)
        return {"text": "", "usage": usage} if usage and usage != self._sent else None


def _jsonable_within(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"it holds a {type(value).__name__}")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(member) for member in value]
    return value


def _line(record: bytes | bytearray | memoryview) -> str:
    return bytes(record).decode("utf-8", "replace")


def _event(data: str, event: str = "", event_id: str = "", retry: int | None = None) -> bytes:
    lines = [f"event: {event}"] if event and event != "message" else []
    if event_id:
        lines.append(f"id: {event_id}")
    if retry is not None:
        lines.append(f"retry: {retry}")
    lines.extend(f"data: {line}" for line in _line_ends.split(data))
    return ("\n".join(lines) + "\n\n").encode("utf-8", "replace")


def _sse(record: object) -> bytes:
    if isinstance(record, ServerSentEvent):
        return _event(record.data, record.event, record.id, record.retry)
    if isinstance(record, bytes | bytearray | memoryview):
        return _event(_line(record))
    return f"data: {json_text(record)}\n\n".encode("utf-8", "replace")


def _sse_failure(problem: Problem, instance: str) -> bytes:
    return _event(json_text(problem.body(instance)), "error")


def _json_line(record: object) -> bytes:
    text = _line(record) if isinstance(record, bytes | bytearray | memoryview) else json_text(record)
    return f"{text}\n".encode("utf-8", "replace")


def _json_line_failure(problem: Problem, instance: str) -> bytes:
    return _json_line({"error": problem.body(instance)})


def _text(record: object) -> bytes:
    if isinstance(record, Token):
        return b"" if record.special else record.text.encode("utf-8", "replace")
    if isinstance(record, str):
        return record.encode("utf-8", "replace")
    if isinstance(record, ServerSentEvent):
        return record.data.encode("utf-8", "replace")
    return _raw(record)


def _raw(record: object) -> bytes:
    if isinstance(record, bytes | bytearray | memoryview):
        return bytes(record)
    if isinstance(record, str):
        return record.encode("utf-8", "replace")
    raise ConfigurationError(
        f"this format cannot represent a {type(record).__name__}: choose 'sse' or 'json-lines', or give encode=..."
    )


ENCODINGS: Mapping[Format, Encoding] = {
    "sse": Encoding(
        media_type="text/event-stream",
        record=_sse,
        failure=_sse_failure,
        end=_event("{}", "done"),
        is_json=True,
        heartbeat=b": heartbeat\n\n",
    ),
    "json-lines": Encoding(media_type="application/jsonl", record=_json_line, failure=_json_line_failure, is_json=True),
    "text": Encoding(media_type="text/plain; charset=utf-8", record=_text),
    "raw": Encoding(media_type="application/octet-stream", record=_raw),
}
"""How each format is written."""
