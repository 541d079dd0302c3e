"""From the body of an answer to a response shape: what all protocols do with it. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import ValidationError

from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.errors import ResponseError

__all__ = ["body_excerpt", "json_object", "validated"]

_EXCERPT_BYTES = 200

ObjectHook = Callable[[dict[str, Any]], Any]


def json_object(
    operation: Operation, body: bytes, status: int, object_hook: ObjectHook | None = None
) -> dict[str, Any]:
    """Return the members of a body that is a JSON object; an empty body has none.

    Raises:
        ResponseError: the body is something else.
    """
    try:
        members = json.loads(body, object_hook=object_hook) if body else {}
    except (ValueError, RecursionError):
        members = None
    if isinstance(members, dict):
        for own in ("metadata", "error"):
            members.pop(own, None)
        return members
    raise ResponseError(f"{operation.name} answers a JSON object; this is {body_excerpt(body)}", status)


def validated(operation: Operation, fields: Mapping[str, Any], status: int) -> Any:
    """Return the operation's response shape with these fields.

    Raises:
        ResponseError: a field is missing or of the wrong type.
    """
    try:
        return operation.response.of_members(fields)
    except ValidationError as error:
        wrong = ", ".join(sorted({".".join(map(str, detail["loc"])) for detail in error.errors()}))
    raise ResponseError(f"the answer's {wrong} is missing or of the wrong type", status)


def body_excerpt(body: bytes) -> str:
    """Return the first bytes of a body as printable text, for messages about answers that are not AWS's."""
    text = body[:_EXCERPT_BYTES].decode("utf-8", "replace")
    dots = "..." if len(body) > _EXCERPT_BYTES else ""
    return f"{''.join(c if c.isprintable() else ' ' for c in text)!r}{dots}" if body else "empty"
