"""The rest-json protocol: a request shape becomes an HTTP request, an HTTP response becomes a response or an error.

Pure: values in, values out; nothing here awaits, sends, signs or reads a clock. An HTTP response that breaks the
protocol raises `ResponseError`, whatever bytes it holds.

Source: https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pydantic

from sagemaker_async.errors import (
    AccessDeniedError,
    ExpiredTokenError,
    GatewayError,
    InternalFailure,
    ResponseError,
    ServiceError,
    ServiceUnavailable,
    SignatureError,
    ThrottlingError,
    ValidationError,
)

from .canonical import encode_segment
from .http import HTTPRequest
from .operation import Operation
from .outcomes import CLOCK_SKEW_CODES, EXPIRED_CREDENTIALS_CODES, THROTTLING_CODES, retry_after_seconds
from .shapes import RequestShape, ResponseMetadata

__all__ = ["build_request", "parse_response", "service_error"]

REQUEST_ID_HEADERS = ("x-amzn-RequestId", "x-amz-request-id")

COMMON_ERRORS: dict[str, type[ServiceError]] = {
    **dict.fromkeys(THROTTLING_CODES, ThrottlingError),
    **dict.fromkeys(CLOCK_SKEW_CODES, SignatureError),
    **dict.fromkeys(EXPIRED_CREDENTIALS_CODES, ExpiredTokenError),
    "AccessDenied": AccessDeniedError,
    "AccessDeniedException": AccessDeniedError,
    "NotAuthorized": AccessDeniedError,
    "OptInRequired": AccessDeniedError,
    "UnauthorizedOperation": AccessDeniedError,
    "IncompleteSignature": SignatureError,
    "IncompleteSignatureException": SignatureError,
    "InvalidClientTokenId": SignatureError,
    "MissingAuthenticationToken": SignatureError,
    "MissingAuthenticationTokenException": SignatureError,
    "UnrecognizedClientException": SignatureError,
}
"""AWS's errors that any operation may answer.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/CommonErrors.html
"""

ERRORS_BY_STATUS: dict[int, type[ServiceError]] = {
    403: AccessDeniedError,
    413: ValidationError,
    429: ThrottlingError,
    500: InternalFailure,
    502: GatewayError,
    503: ServiceUnavailable,
    504: GatewayError,
}
"""What an answer without a known error code is: a gateway's, mostly."""

_SHOWN_BYTES = 200


def build_request(
    operation: Operation, shape: RequestShape, origin: str, base_path: str, common_headers: Mapping[str, str]
) -> HTTPRequest:
    """Return the request of one call, complete but for what each attempt adds."""
    headers = dict(common_headers)
    given = shape.__dict__
    for field, name in operation.request_headers.items():
        value = given.get(field)
        if value is not None:
            headers[name] = value if isinstance(value, str) else str(value)
    body = given[operation.request_body] if operation.request_body is not None else b""
    target = base_path + _PLACEHOLDER.sub(lambda match: encode_segment(given[match[1]]), operation.path)
    return HTTPRequest(operation.method, origin, target, headers, body or b"")


_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def parse_response(operation: Operation, headers: Mapping[str, str], body: Any, metadata: ResponseMetadata) -> Any:
    """Return the operation's response shape.

    Args:
        operation: whose answer it is.
        headers: the response's header fields.
        body: its body as bytes, or what stands for it (an event stream).
        metadata: goes into the shape as it is.

    Raises:
        ResponseError: the answer lacks what it must have, or the body is no JSON object where it must be one.
    """
    fields: dict[str, Any] = {"metadata": metadata}
    for field, header in operation.response_headers.items():
        if (value := headers.get(header)) is not None:
            fields[field] = value
    if operation.response_body is not None:
        fields[operation.response_body] = body
    else:
        fields |= _json_object(operation, body, metadata.status)
    try:
        return operation.response.model_validate(fields)
    except pydantic.ValidationError as error:
        wrong = ", ".join(sorted({".".join(map(str, detail["loc"])) for detail in error.errors()}))
    raise ResponseError(f"the answer's {wrong} is missing or of the wrong type", metadata.status)


def _json_object(operation: Operation, body: bytes, status: int) -> dict[str, Any]:
    try:
        members = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        members = None
    if isinstance(members, dict):
        members.pop("metadata", None)
        return members
    raise ResponseError(f"{operation.name} answers a JSON object; this is {shown(body)}", status)


def shown(body: bytes) -> str:
    """Return the first bytes of a body as printable text, for messages about answers that are not AWS's."""
    text = body[:_SHOWN_BYTES].decode("utf-8", "replace")
    dots = "..." if len(body) > _SHOWN_BYTES else ""
    return f"{''.join(c if c.isprintable() else ' ' for c in text)!r}{dots}" if body else "empty"


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """What an error answer says."""

    code: str | None
    """Without ``namespace#`` before it and ``:uri`` behind it; None when the answer names none."""
    message: str | None
    null_message: bool
    """The message is there, and is JSON ``null``."""
    fields: Mapping[str, Any]


def error_facts(headers: Mapping[str, str], body: bytes) -> ErrorFacts:
    """Return what an error answer says; an answer that is not AWS's says nothing."""
    try:
        parsed = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        parsed = {}
    members: dict[str, Any] = parsed if isinstance(parsed, dict) else {}
    raw_code = headers.get("x-amzn-ErrorType") or members.get("__type") or members.get("code") or members.get("Code")
    code = raw_code.partition(":")[0].rpartition("#")[2].strip() if isinstance(raw_code, str) else None
    message = None
    null_message = False
    for name in ("Message", "message"):
        if name in members:
            null_message = members[name] is None
            message = members[name] if isinstance(members[name], str) else None
            break
    return ErrorFacts(code or None, message, null_message, members)


def service_error(operation: Operation, status: int, headers: Mapping[str, str], body: bytes) -> ServiceError:
    """Return the exception that an answer with an error status is."""
    facts = error_facts(headers, body)
    kind = _error_class(operation, status, facts)
    if facts.message:
        message = facts.message
    elif facts.fields:
        message = f"{facts.code or 'an error'} without a message"
    else:
        message = f"{facts.code or 'no AWS error'}; the body is {shown(body)}"
    if status == 413:
        message += "; the request's body is larger than this service takes (Config.max_body_bytes can refuse it unsent)"
    code = facts.code or ("ThrottlingException" if kind is ThrottlingError else "")
    error = kind(
        f"HTTP {status} {code}: {message}" if code else f"HTTP {status}: {message}",
        status=status,
        code=code,
        error_message=facts.message,
        fields=facts.fields,
    )
    error.null_message = facts.null_message
    error.request_id = request_id(headers)
    error.retry_after = retry_after_seconds(headers.get("x-amz-retry-after"))
    return error


def _error_class(operation: Operation, status: int, facts: ErrorFacts) -> type[ServiceError]:
    service = operation.service
    for table in (operation.errors, service.errors, COMMON_ERRORS):
        if (kind := table.get(facts.code or "")) is not None:
            return kind
    if status == 400 and facts.null_message and service.retry_rules.null_message_is_throttling:
        return ThrottlingError
    return ERRORS_BY_STATUS.get(status, ServiceError)


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return AWS's id of the request, for support cases."""
    for name in REQUEST_ID_HEADERS:
        if (value := headers.get(name)) is not None:
            return value
    return None
