"""Errors as HTTP problems: what a client may know about a failure, and nothing more (RFC 9457).

`problem_of` maps any exception to a `Problem`: a status, a code for programs and a sentence for people, all from the
table below. It contains none of the error's own text, so endpoint names, URLs, account numbers, log addresses and the
container's messages stay on the server. Where a status depends on more than the kind of error, it depends on its
facts (`retry_after`, `status`, `original_status_code`, ...). Pure.

Source: RFC 9457 (problem details), RFC 9110 section 10.2.3 (Retry-After), RFC 6585 section 4 (429).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from sagemaker_async.errors import (
    AccessDeniedError,
    CallError,
    DeserializationError,
    FieldProblem,
    GatewayError,
    InBandError,
    InternalDependencyException,
    ModelError,
    ModelStreamError,
    NoCapacityError,
    PoolFullError,
    PoolTimeoutError,
    RecordError,
    RequestValidationError,
    ResponseError,
    ResponseTooLargeError,
    SageMakerAsyncError,
    SerializationError,
    ServiceError,
    ServiceUnavailable,
    SessionClosedError,
    SignatureError,
    StreamClosedError,
    StreamError,
    StreamIncomplete,
    StreamStalledError,
    ThrottlingError,
    TransportError,
    TransportTimeoutError,
    UsageError,
    ValidationError,
)
from sagemaker_async.predictor.capacity import lacks_capacity

__all__ = ["CANCELLED", "PROBLEMS", "Problem", "problem_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a client learns about a failure."""

    status: int
    """The HTTP status; within a stream that has begun, the status that it would have had."""
    code: str
    """For programs: ``throttled``, ``model_timeout``, ..."""
    detail: str
    """For people: one or two sentences, the same for every occurrence."""
    retry_after: int | None = None
    """Seconds to wait before the next try; None when it is not known whether waiting helps."""

    def body(self, instance: str) -> dict[str, Any]:
        """Return the members of the problem details object; `instance` is a URI that identifies the occurrence."""
        members: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
        }
        if self.retry_after is not None:
            members["retry_after"] = self.retry_after
        return members


_THROTTLED = Problem(
    status=429, code="throttled", detail="The model gets too many requests. Try again later.", retry_after=1
)
_BUSY = Problem(status=503, code="busy", detail="This service is busy. Try again shortly.", retry_after=1)
_CLOSING = Problem(status=503, code="shutting_down", detail="This service is shutting down. Try again.", retry_after=1)
_UNAVAILABLE = Problem(
    status=503, code="model_unavailable", detail="The model is unavailable at the moment. Try again later."
)
_TIMEOUT = Problem(status=504, code="model_timeout", detail="The model did not answer in time.")
_UNREACHABLE = Problem(status=502, code="model_unreachable", detail="The model could not be reached.")
_FAILED = Problem(status=502, code="model_failed", detail="The model failed to answer.")
_BROKEN_OFF = Problem(
    status=502, code="answer_broke_off", detail="The model's answer broke off before it was complete."
)
_UNREADABLE = Problem(status=502, code="answer_unreadable", detail="The model's answer could not be read.")
_INPUT_REFUSED = Problem(status=422, code="input_refused", detail="The model refused the input.")
_INPUT_INVALID = Problem(status=422, code="input_invalid", detail="The input is not valid for this model.")
_INPUT_TOO_LARGE = Problem(status=413, code="input_too_large", detail="The input is larger than the model accepts.")
_MISCONFIGURED = Problem(status=500, code="misconfigured", detail="This service is not set up correctly.")
_INTERNAL = Problem(status=500, code="internal_error", detail="This service failed.")
CANCELLED = Problem(
    status=503, code="cancelled", detail="The answer was ended before it was complete. Try again.", retry_after=1
)
"""The problem of a response that the server itself cancels, as it does when it shuts down."""

PROBLEMS = (
    _INPUT_TOO_LARGE,
    _INPUT_REFUSED,
    _INPUT_INVALID,
    _THROTTLED,
    _INTERNAL,
    _MISCONFIGURED,
    _FAILED,
    _UNREACHABLE,
    _BROKEN_OFF,
    _UNREADABLE,
    _BUSY,
    _CLOSING,
    _UNAVAILABLE,
    CANCELLED,
    _TIMEOUT,
)
"""All problems."""

_KINDS: tuple[tuple[tuple[type[Exception], ...], Problem], ...] = (
    ((ThrottlingError,), _THROTTLED),
    ((PoolFullError, PoolTimeoutError), _BUSY),
    ((SessionClosedError, StreamClosedError), _CLOSING),
    ((NoCapacityError, ServiceUnavailable, InternalDependencyException), _UNAVAILABLE),
    ((StreamStalledError, TransportTimeoutError), _TIMEOUT),
    ((SerializationError, RequestValidationError), _INPUT_INVALID),
    ((AccessDeniedError, SignatureError), _MISCONFIGURED),
    ((StreamIncomplete,), _BROKEN_OFF),
    ((RecordError, DeserializationError, ResponseError, ResponseTooLargeError), _UNREADABLE),
    ((ModelError, InBandError), _FAILED),
    ((StreamError,), _BROKEN_OFF),
    ((TransportError,), _UNREACHABLE),
    ((ServiceError, CallError), _FAILED),
    ((UsageError,), _INTERNAL),
    ((SageMakerAsyncError,), _MISCONFIGURED),
)
"""The first row with a class of the error applies; errors of other libraries are `_INTERNAL`."""

_STATUS_OF_CONTAINER = {400: _INPUT_REFUSED, 413: _INPUT_TOO_LARGE, 415: _INPUT_REFUSED, 422: _INPUT_REFUSED}
_STATUS_OF_CONTAINER |= {424: _FAILED, 429: _THROTTLED, 503: _UNAVAILABLE, 504: _TIMEOUT, 0: _TIMEOUT}


def problem_of(error: BaseException) -> Problem:
    """Return what a client may know about an error."""
    problem = _by_facts(error) or next((row for kinds, row in _KINDS if isinstance(error, kinds)), _INTERNAL)
    wait = error.retry_after if isinstance(error, CallError) else None
    return problem if wait is None else replace(problem, retry_after=max(1, math.ceil(wait)))


def _by_facts(error: BaseException) -> Problem | None:
    match error:
        case ModelError(original_status_code=int(status)):
            return _STATUS_OF_CONTAINER.get(status)
        case InBandError(error_type="validation" | "invalid_request_error"):
            return _INPUT_REFUSED
        case InBandError(code=int(status)) if status != 0:
            return _STATUS_OF_CONTAINER.get(status)
        case ModelStreamError(error_code="ModelInvocationTimeExceeded") | GatewayError(status=504):
            return _TIMEOUT
        case ValidationError() if lacks_capacity(error):
            return _UNAVAILABLE
        case ValidationError(status=413):
            return _INPUT_TOO_LARGE
        case RequestValidationError(problems=problems) if any(map(_limits_the_body, problems)):
            return _INPUT_TOO_LARGE
    return None


def _limits_the_body(problem: FieldProblem) -> bool:
    return problem.field == "body" and problem.rule.startswith("must have at most")
