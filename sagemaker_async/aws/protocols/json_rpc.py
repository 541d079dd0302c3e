"""AWS's JSON protocols, 1.0 and 1.1: one path, the operation named in a header field, JSON objects both ways. Pure.

Timestamps are seconds since 1970, with fractions where they have any; blobs are base64; JSON ``null`` means that a
member is absent.

Source: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

from __future__ import annotations

import base64
import calendar
import datetime as dt
import json
import math
from collections.abc import Mapping
from typing import Any

import pydantic

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.shapes.models import renamed
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.errors import FieldProblem, RequestValidationError

from .answers import json_object, validated
from .errors import error_facts
from .structures import RequestStructure

__all__ = ["build_request", "error_facts", "parse_response"]


def build_request(
    operation: Operation, fields: Mapping[str, Any], origin: str, base_path: str, common_headers: Mapping[str, str]
) -> HTTPRequest:
    """Return the request of one call, complete but for what each attempt adds.

    Raises:
        RequestValidationError: a value that nobody has checked cannot be JSON; all such are listed.
    """
    headers = {
        **common_headers,
        "Content-Type": f"application/x-amz-json-{operation.service.json_version}",
        "X-Amz-Target": f"{operation.service.target_prefix}.{operation.name}",
    }
    body = json.dumps(_document(operation, fields), separators=(",", ":")).encode()
    return HTTPRequest("POST", origin, base_path + operation.path, headers, body)


def parse_response(operation: Operation, headers: Mapping[str, str], body: Any, metadata: ResponseMetadata) -> Any:  # noqa: ARG001 - the protocols' common signature
    """Return the operation's response shape; see the package's function of this name."""
    members = json_object(operation, body, metadata.status, _without_nulls)
    members.pop("error", None)
    return validated(operation, {**members, "metadata": metadata}, metadata.status)


def _without_nulls(members: dict[str, Any]) -> dict[str, Any]:
    if None in members.values():
        return {name: value for name, value in members.items() if value is not None}
    return members


def _document(operation: Operation, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request as what `json.dumps` takes, under AWS's names."""
    problems: list[FieldProblem] = []
    document = _members(operation.renamed(fields), "", problems)
    if problems:
        raise RequestValidationError(operation.name, problems)
    return document


def _members(members: Mapping[str, Any], path: str, problems: list[FieldProblem]) -> dict[str, Any]:
    return {name: _json(value, f"{path}{name}", problems) for name, value in members.items()}


def _structure(shape: pydantic.BaseModel, path: str, problems: list[FieldProblem]) -> dict[str, Any]:
    members = renamed(type(shape), {**shape.__dict__, **(shape.model_extra or {})})
    if isinstance(shape, RequestStructure):
        members |= shape.newer_members
    return _members(members, path, problems)


def _json(value: Any, path: str, problems: list[FieldProblem]) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, pydantic.BaseModel):
        return _structure(value, f"{path}.", problems)
    if isinstance(value, Mapping):
        wrong = next((key for key in value if not isinstance(key, str)), None)
        if wrong is not None:
            problems.append(FieldProblem(path, path, f"has a key that is not a str but of type {type(wrong).__name__}"))
            return None
        return {key: _json(member, f"{path}.{key}", problems) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_json(element, f"{path}.{position}", problems) for position, element in enumerate(value)]
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
        seconds = calendar.timegm(aware.utctimetuple())
        # Divided once, so that it is rounded once: equal moments must be equal numbers.
        return (seconds * 1_000_000 + aware.microsecond) / 1_000_000 if aware.microsecond else seconds
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    what = repr(value) if isinstance(value, float) else f"of type {type(value).__name__}"
    problems.append(FieldProblem(path, path, f"cannot be sent as JSON: it is {what}"))
    return None
