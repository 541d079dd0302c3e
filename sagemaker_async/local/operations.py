"""SageMaker Runtime's operations from the side of the service: rows of a table, and the checks of their fields.

`OPERATIONS` maps the last segment of a route to an operation; `invocation_request` and `async_fields` read a request's
header fields and raise the ValidationError (`Refusal`) that the service answers with. The patterns are those of the
service model, matched against the whole value. The table is deliberately not shared with the client, so that a mistake
in one is found by the other. Source:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Runtime.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .answers import Refusal
from .models import InvocationRequest

__all__ = [
    "ASYNC_BODY_LIMIT",
    "CHAT_COMPLETIONS",
    "OPERATIONS",
    "PREFIX",
    "ROUTER_OPERATIONS",
    "AsyncFields",
    "Operation",
    "async_fields",
    "check_endpoint_name",
    "invalid",
    "invocation_request",
]

ASYNC_BODY_LIMIT = 128_000
"""The largest inline body that InvokeEndpointAsync accepts, in bytes."""
PREFIX = "X-Amzn-SageMaker-"
"""The prefix of SageMaker's own header fields."""

_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"
_PRINTABLE = r"[!-~][ -~]*"
_ASCII = r"[ -~]*"


@dataclass(frozen=True, slots=True)
class _Field:
    attribute: str
    """Its name in `InvocationRequest` or `AsyncFields`."""
    header: str
    member: str
    min_length: int
    max_length: int
    is_valid: Callable[[str], object]
    pattern: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation."""

    name: str
    content_type: str
    """The header field that describes the request's body."""
    accept: str
    fields: tuple[_Field, ...]
    filename_length: int = 32
    """The longest Filename that it accepts."""


def _field(attribute: str, header: str, member: str, lengths: tuple[int, int], pattern: str) -> _Field:
    return _Field(attribute, PREFIX + header, member, *lengths, re.compile(pattern).fullmatch, pattern)


_CUSTOM_ATTRIBUTES = _field("custom_attributes", "Custom-Attributes", "customAttributes", (0, 1024), _ASCII)
_INFERENCE_ID = _field("inference_id", "Inference-Id", "inferenceId", (1, 64), _PRINTABLE)
_ROUTED = (
    _CUSTOM_ATTRIBUTES,
    _INFERENCE_ID,
    _field("target_variant", "Target-Variant", "targetVariant", (0, 63), _NAME),
    _field("target_container_hostname", "Target-Container-Hostname", "targetContainerHostname", (0, 63), _NAME),
    _field(
        "component", "Inference-Component", "inferenceComponentName", (0, 63), r"[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?"
    ),
    _field("prefix_aware_id", "Prefix-Aware-Id", "prefixAwareId", (1, 64), _PRINTABLE),
)

OPERATIONS = {
    "invocations": Operation(
        "InvokeEndpoint",
        "Content-Type",
        "Accept",
        (
            *_ROUTED,
            _field("target_model", "Target-Model", "targetModel", (1, 1024), _PRINTABLE),
            _field("enable_explanations", "Enable-Explanations", "enableExplanations", (1, 64), _ASCII),
            _field("session_id", "Session-Id", "sessionId", (0, 256), rf"NEW_SESSION|{_NAME}"),
        ),
    ),
    "invocations-response-stream": Operation(
        "InvokeEndpointWithResponseStream",
        "Content-Type",
        PREFIX + "Accept",
        (*_ROUTED, _field("session_id", "Session-Id", "sessionId", (0, 256), _NAME)),
    ),
    "async-invocations": Operation(
        "InvokeEndpointAsync", PREFIX + "Content-Type", PREFIX + "Accept", (_CUSTOM_ATTRIBUTES, _INFERENCE_ID)
    ),
}
"""Maps the last segment of a route to its operation."""

CHAT_COMPLETIONS = Operation("ChatCompletions", "Content-Type", "Accept", ())
"""The OpenAI-compatible route, which passes on its body alone."""

ROUTER_OPERATIONS = {
    "invocations": Operation(
        "InvokeInferenceRouter",
        "Content-Type",
        "Accept",
        (
            _CUSTOM_ATTRIBUTES,
            _INFERENCE_ID,
            _field("prefix_aware_id", "Prefix-Aware-Id", "prefixAwareId", (1, 64), _PRINTABLE),
        ),
    ),
    "async-invocations": Operation(
        "InvokeInferenceRouterAsync",
        PREFIX + "Content-Type",
        PREFIX + "Accept",
        (_CUSTOM_ATTRIBUTES, _INFERENCE_ID),
        filename_length=64,
    ),
}
"""The same for inference routers."""

_MEDIA_TYPES = {
    header: _Field("", header, member, 0, 1024, re.compile(_ASCII).fullmatch, _ASCII)
    for header, member in (
        ("Content-Type", "contentType"),
        ("Accept", "accept"),
        (PREFIX + "Content-Type", "contentType"),
        (PREFIX + "Accept", "accept"),
    )
}
_ASYNC_TEXTS = (
    _field("input_location", "InputLocation", "inputLocation", (1, 1024), r"(https|s3)://([^/]+)/?(.*)"),
    _field(
        "output_extension",
        "S3OutputPathExtension",
        "s3OutputPathExtension",
        (1, 512),
        r"(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+",
    ),
    _field("filename", "Filename", "filename", (1, 32), r"(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9-_.]*"),
)
_ASYNC_SECONDS = (
    ("ttl", "RequestTTLSeconds", "requestTTLSeconds", 60, 21_600),
    ("timeout", "InvocationTimeoutSeconds", "invocationTimeoutSeconds", 1, 3_600),
)
_is_endpoint_name = re.compile(_NAME).fullmatch


class AsyncFields(NamedTuple):
    """The fields that only asynchronous operations take; those that were not sent are None."""

    input_location: str | None = None
    output_extension: str | None = None
    filename: str | None = None
    ttl: int | None = None
    """How many seconds the request may wait in the queue."""
    timeout: int | None = None
    """How many seconds the model may take."""


def invocation_request(
    operation: Operation, endpoint_name: str, headers: Mapping[str, str], body: bytes
) -> InvocationRequest:
    """Return the fields of a request; raises `Refusal` when one breaks a rule."""
    fields: dict[str, Any] = {}
    for field in operation.fields:
        value = headers.get(field.header)
        if value is not None:
            fields[field.attribute] = _checked(field, value)
    for attribute, header in (("content_type", operation.content_type), ("accept", operation.accept)):
        value = headers.get(header)
        if value is not None:
            fields[attribute] = _checked(_MEDIA_TYPES[header], value)
    return InvocationRequest(
        endpoint_name=endpoint_name, operation=operation.name, body=body, headers=headers, **fields
    )


def async_fields(operation: Operation, headers: Mapping[str, str]) -> AsyncFields:
    """Return the further fields of an asynchronous request; raises `Refusal` when one breaks a rule."""
    fields: dict[str, Any] = {}
    for field in _ASYNC_TEXTS:
        value = headers.get(field.header)
        if value is not None:
            longest = operation.filename_length if field.attribute == "filename" else field.max_length
            fields[field.attribute] = _checked(replace(field, max_length=longest), value)
    for attribute, header, member, least, most in _ASYNC_SECONDS:
        value = headers.get(PREFIX + header)
        if value is None:
            continue
        # Python converts no more than 4,300 digits.
        seconds = int(value) if value.isascii() and value.isdigit() and len(value) < 20 else 0
        if not least <= seconds <= most:
            raise _constraint(member, f"Member must be a whole number from {least} to {most}")
        fields[attribute] = seconds
    return AsyncFields(**fields)


def check_endpoint_name(name: str) -> None:
    """Raise `Refusal` unless `name` can be the name of an endpoint."""
    if len(name) > 63:
        raise _constraint("endpointName", "Member must have length less than or equal to 63")
    if not _is_endpoint_name(name):
        raise _constraint("endpointName", f"Member must satisfy regular expression pattern: ^{_NAME}")


def invalid(message: str) -> Refusal:
    """Return a ValidationError."""
    return Refusal(400, "ValidationError", message)


def _checked(field: _Field, value: str) -> str:
    if len(value) > field.max_length:
        raise _constraint(field.member, f"Member must have length less than or equal to {field.max_length}")
    if len(value) < field.min_length:
        raise _constraint(field.member, f"Member must have length greater than or equal to {field.min_length}")
    if not field.is_valid(value):
        raise _constraint(field.member, f"Member must satisfy regular expression pattern: {field.pattern}")
    return value


def _constraint(member: str, rule: str) -> Refusal:
    return invalid(f"1 validation error detected: Value at '{member}' failed to satisfy constraint: {rule}")
