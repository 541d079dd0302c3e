"""`openapi_responses`: what an endpoint can answer, for FastAPI's ``responses``."""

from __future__ import annotations

from collections import defaultdict
from http import HTTPStatus
from typing import Any

from sagemaker_async.errors import ConfigurationError

from .encoding import ENCODINGS, Format
from .handlers import PROBLEM_TYPE
from .openai_chunks import OpenAIEncoding
from .problems import PROBLEMS, Problem

__all__ = ["openapi_responses"]

_MEMBERS: dict[str, tuple[str, str]] = {
    "type": ("string", "about:blank: title and status describe the problem."),
    "title": ("string", "The status in words."),
    "status": ("integer", "The HTTP status; within a stream, the status that it would have had."),
    "detail": ("string", "What went wrong, for people."),
    "instance": ("string", "Identifies the occurrence, also in the server's log."),
    "code": ("string", "What went wrong, for programs."),
    "retry_after": ("integer", "Seconds to wait before the next try, where waiting helps."),
}
_STREAMS: dict[Format, str] = {
    "sse": "Server-sent events: one per record, `error` with a problem when the answer breaks off, `done` at the end.",
    "json-lines": 'JSON lines: one per record, `{"error": {...}}` with a problem when the answer breaks off.',
    "text": "The text as it is generated. An answer that breaks off ends without the end of the HTTP body.",
    "raw": "The model's bytes as they arrive. An answer that breaks off ends without the end of the HTTP body.",
    "openai": "OpenAI's chunks as server-sent events, `[DONE]` at the end; `error` when the answer breaks off.",
}


def openapi_responses(format: Format | None = None) -> dict[int | str, dict[str, Any]]:  # noqa: A002 - the word for it
    """Return a value for FastAPI's ``responses=``, of a route, a router or the application.

    Args:
        format: the format of `stream_response`, to describe the 200 as well; None: only the problems.

    Raises:
        ConfigurationError: the format does not exist.
    """
    responses: dict[int | str, dict[str, Any]] = {}
    if format is not None:
        if format not in _STREAMS:
            raise ConfigurationError(f"format must be one of {', '.join(_STREAMS)}, got {format!r}")
        encoding = OpenAIEncoding if format == "openai" else ENCODINGS[format]
        media_type = encoding.media_type.partition(";")[0]
        responses[200] = {
            "description": _STREAMS[format],
            "content": {media_type: {"schema": {"type": "string"}}},
        }
    by_status: defaultdict[int, list[Problem]] = defaultdict(list)
    for problem in PROBLEMS:
        by_status[problem.status].append(problem)
    for status, problems in sorted(by_status.items()):
        responses[status] = _described(status, problems)
    return responses


def _described(status: int, problems: list[Problem]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        name: {"type": kind, "description": description} for name, (kind, description) in _MEMBERS.items()
    }
    properties["code"]["enum"] = [problem.code for problem in problems]
    schema = {
        "type": "object",
        "title": "Problem",
        "properties": properties,
        "required": [name for name in _MEMBERS if name != "retry_after"],
    }
    response: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}. " + " ".join(problem.detail for problem in problems),
        "content": {PROBLEM_TYPE: {"schema": schema}},
    }
    if any(problem.retry_after is not None for problem in problems):
        response["headers"] = {
            "Retry-After": {"description": "Seconds to wait before the next try.", "schema": {"type": "integer"}}
        }
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        detail = {"type": "array", "items": {"type": "object"}}
        fastapis_own = {"type": "object", "title": "ValidationErrors", "properties": {"detail": detail}}
        response["description"] += " As application/json: the parameters or the body are not what the endpoint takes."
        response["content"]["application/json"] = {"schema": fastapis_own}
    return response
