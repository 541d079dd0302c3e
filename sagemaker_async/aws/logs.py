"""What is logged of a call: one line at INFO on ``sagemaker_async.calls``, heads at DEBUG on ``sagemaker_async.wire``.

A session with a logger of its own (`Config.logger`) has ``calls`` and ``wire`` below that instead.

Never logged: bodies, signatures, session tokens, proxy credentials, and the fields AWS marks as sensitive. Nothing is
formatted unless someone listens.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import NamedTuple

from sagemaker_async.errors import CallError

from .call import Call
from .http import HTTPRequest, HTTPResponse
from .shapes.metadata import ResponseMetadata
from .shapes.operation import Operation

__all__ = ["LOGGERS", "Loggers", "log_abandoned", "log_call", "log_request", "log_response"]


class Loggers(NamedTuple):
    """Where the calls of one session are logged."""

    calls: logging.Logger
    wire: logging.Logger

    @classmethod
    def below(cls, logger: logging.Logger) -> Loggers:
        """Return the loggers ``calls`` and ``wire`` below another."""
        return cls(logger.getChild("calls"), logger.getChild("wire"))


LOGGERS = Loggers(logging.getLogger("sagemaker_async.calls"), logging.getLogger("sagemaker_async.wire"))
"""Those of sessions that have none of their own."""

MASKED_HEADERS = frozenset({"authorization", "proxy-authorization", "x-amz-security-token", "set-cookie", "cookie"})


def log_call(call: Call, outcome: ResponseMetadata | CallError, loggers: Loggers = LOGGERS) -> None:
    """Log the one line of a call that has ended, or of a stream that has begun."""
    if not loggers.calls.isEnabledFor(logging.INFO):
        return
    if isinstance(outcome, CallError):
        result, why = outcome.outcome, outcome.not_repeated
    else:
        result, why = str(outcome.status), None
    _log(loggers.calls, call, result, len(outcome.attempts), outcome.request_id, why)


def log_abandoned(call: Call, error: BaseException, loggers: Loggers = LOGGERS) -> None:
    """Log the one line of a call that has ended without an outcome, such as a cancelled one."""
    if loggers.calls.isEnabledFor(logging.INFO):
        _log(loggers.calls, call, type(error).__name__, call.number, None)


def _log(
    logger: logging.Logger,
    call: Call,
    result: str,
    attempts: int,
    request_id: str | None,
    why_no_more: str | None = None,
) -> None:
    operation, resource = call.operation, call.resource
    logger.info(
        "%s: %s in %.3f s, %d attempt%s, request id %s%s",
        f"{operation.name} on {resource!r}" if resource else operation.name,
        result,
        call.timing.monotonic() - call.started,
        attempts,
        "" if attempts == 1 else "s",
        request_id,
        f"; {why_no_more}" if why_no_more else "",
    )


def log_request(operation: Operation, request: HTTPRequest, loggers: Loggers = LOGGERS) -> None:
    """Log the head of a request as it is sent."""
    if loggers.wire.isEnabledFor(logging.DEBUG):
        head = _head(request.headers, _sensitive_headers(operation))
        loggers.wire.debug(
            "> %s %s%s, %d bytes; %s", request.method, request.origin, request.target, len(request.body), head
        )


def log_response(operation: Operation, response: HTTPResponse, loggers: Loggers = LOGGERS) -> None:
    """Log the head of a response."""
    if loggers.wire.isEnabledFor(logging.DEBUG):
        loggers.wire.debug("< %d; %s", response.status, _head(response.headers, _sensitive_headers(operation)))


def _head(headers: Mapping[str, str], sensitive: frozenset[str]) -> str:
    return "; ".join(f"{name}: {'***' if name.lower() in sensitive else text}" for name, text in headers.items())


@functools.cache
def _sensitive_headers(operation: Operation) -> frozenset[str]:
    sensitive = operation.sensitive
    names = {header.lower() for name, header in operation.request_headers.items() if operation.names[name] in sensitive}
    names |= {header.lower() for name, header in operation.response_headers.items() if name in sensitive}
    return MASKED_HEADERS | names
