"""From the arguments of ``invoke`` and ``stream`` to a call: the options of the session, the body, the fields."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from sagemaker_async.config import MAX_BODY_BYTES, ConfigFields
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.predictor.chat import chat_request

__all__ = ["chat_body", "content_type_of", "read_body", "request_fields", "session_options"]


def session_options(arguments: argparse.Namespace) -> ConfigFields:
    """Return the options of the `Session`."""
    return {
        "region": arguments.region,
        "profile": arguments.profile,
        "endpoint_url": arguments.endpoint_url,
    }


def request_fields(arguments: argparse.Namespace, body: bytes) -> dict[str, Any]:
    """Return the fields of the request; those of a stream are a part of those of an invocation."""
    fields: dict[str, Any] = {"endpoint_name": arguments.endpoint, "body": body}
    fields |= {name: value for name in arguments.fields if (value := getattr(arguments, name)) is not None}
    fields.setdefault("content_type", content_type_of(body))
    return fields


def chat_body(given: bytes) -> bytes:
    """Return the body of a chat whose answer is streamed.

    Args:
        given: what the user says; or JSON: a list of messages, or an object with ``messages`` and other fields.

    Raises:
        RequestValidationError: messages or tools are of a wrong shape.
        ConfigurationError: the text is not UTF-8.
    """
    try:
        value = json.loads(given)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, list):
        value = {"messages": value}
    elif not isinstance(value, dict) or "messages" not in value:
        try:
            value = {"messages": [{"role": "user", "content": given.decode()}]}
        except UnicodeDecodeError:
            raise ConfigurationError("what is said in a chat must be UTF-8, or JSON; convert it first") from None
    return json.dumps(chat_request(**{**value, "stream": True})).encode()


def content_type_of(body: bytes) -> str:
    """Return ``application/json`` when the body is JSON (RFC 8259), else ``application/octet-stream``."""
    try:
        json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return "application/octet-stream"
    return "application/json"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def read_body(given: str | None, limit: int | None = None) -> bytes:
    """Return the body that an argument stands for: text, ``@FILE``, or standard input for ``-`` and None.

    `limit` is the most bytes that are accepted; None: what a synchronous endpoint accepts.

    Raises:
        ConfigurationError: the body is missing, cannot be read, or is larger than any endpoint accepts.
    """
    limit = MAX_BODY_BYTES if limit is None else limit
    if given is not None and given.startswith("@"):
        try:
            with Path(given[1:]).open("rb") as file:
                return _read(file, given[1:], limit)
        except OSError as error:
            raise ConfigurationError(f"the body cannot be read from {given[1:]!r}: {error.strerror}") from None
    if given not in (None, "-"):
        return os.fsencode(given)
    if given is None and sys.stdin.isatty():
        raise ConfigurationError("the body is missing: give text, @FILE, or - to type it and end with Ctrl-D")
    body = _read(sys.stdin.buffer, "standard input", limit)
    if given is None and not body:
        raise ConfigurationError(
            "the body is missing: no argument gives it and standard input is empty; give '' for an empty body"
        )
    return body


def _read(file: BinaryIO, name: str, limit: int) -> bytes:
    body = file.read(limit + 1)
    if len(body) > limit:
        raise ConfigurationError(
            f"the body from {name} has more than {limit} bytes, which no endpoint accepts; send a smaller one"
        )
    return body
