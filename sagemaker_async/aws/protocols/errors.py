"""From an answer with an error status to the exception it is: what all protocols share, and how the JSON ones say it.

Pure.

A code is looked up in the operation's table, then the service's, then AWS's common errors; without a known code the
status decides, for then a gateway answered, mostly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sagemaker_async.aws.retries import (
    CLOCK_SKEW_CODES,
    EXPIRED_CREDENTIALS_CODES,
    THROTTLING_CODES,
    retry_after_seconds,
)
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.errors import (
    AccessDeniedError,
    ExpiredTokenError,
    GatewayError,
    InternalFailure,
    ServiceError,
    ServiceUnavailable,
    SignatureError,
    ThrottlingError,
    ValidationError,
)

from .answers import body_excerpt

__all__ = ["ErrorFacts", "error_facts", "error_of", "request_id"]

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

UNKNOWN_OPERATION = "UnknownOperationException"
"""What AWS calls a method and path that it does not know."""

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


class ErrorFacts(NamedTuple):
    """What an error answer says."""

    code: str | None
    """Without ``namespace#`` before it and ``:uri`` behind it; None when the answer names none."""
    message: str | None
    null_message: bool
    """The message is there, and is JSON ``null``."""
    fields: Mapping[str, Any]


def error_facts(headers: Mapping[str, str], body: bytes) -> ErrorFacts:
    """Return what an error answer of a JSON protocol says; an answer that is not AWS's says nothing."""
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


def error_of(
    operation: Operation, status: int, headers: Mapping[str, str], body: bytes, facts: ErrorFacts
) -> ServiceError:
    """Return the exception that an answer with an error status is, from what was read of it."""
    kind = _error_class(operation, status, facts)
    said = _without_request(facts.message)
    if said:
        message = said
    elif facts.fields:
        message = f"{facts.code or 'an error'} without a message"
    else:
        message = f"{facts.code or 'no AWS error'}; the body is {body_excerpt(body)}"
    if status == 413:
        message += "; the request's body is larger than this service takes (Config.max_body_bytes can refuse it unsent)"
    if facts.code == UNKNOWN_OPERATION and not said:
        message += "; check that the endpoint URL leads to this service, and the path in it if it has one"
    code = facts.code or ("ThrottlingException" if kind is ThrottlingError else "")
    error = kind(
        message,
        status=status,
        code=code,
        error_message=said,
        fields={name: _without_request(value) for name, value in facts.fields.items()},
    )
    error.null_message = facts.null_message
    error.request_id = request_id(headers)
    error.retry_after = retry_after_seconds(headers.get("x-amz-retry-after"))
    return error


def _without_request(said: Any) -> Any:
    """Return what AWS says without the request it repeats when it refuses a signature: that has the session token."""
    return said.partition("The Canonical String for this request")[0].rstrip() if isinstance(said, str) else said


def _error_class(operation: Operation, status: int, facts: ErrorFacts) -> type[ServiceError]:
    service = operation.service
    for table in (operation.errors, service.errors, COMMON_ERRORS):
        if (kind := table.get(facts.code or "")) is not None:
            return kind
    if status == 400 and facts.null_message and service.retry_rules.null_message_is_throttling:
        return ThrottlingError
    return operation.errors_by_status.get(status) or ERRORS_BY_STATUS.get(status, ServiceError)


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return AWS's id of the request, for support cases."""
    for name in REQUEST_ID_HEADERS:
        if (value := headers.get(name)) is not None:
            return value
    return None
