"""Errors as answers: `add_exception_handlers` answers every error of this package with a problem details object.

Each occurrence gets a URI of its own (``instance``), which the client gets and which the log has with the facts: the
kind of error, operation, endpoint, request id and number of attempts. Neither gets the text of a service or a model,
which may contain what somebody typed. For errors in the application itself (500), the log has the traceback.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from contextlib import suppress
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState

from sagemaker_async.errors import CallError, SageMakerAsyncError

from .problems import CANCELLED, Problem, problem_of

__all__ = ["FAREWELL_SECONDS", "PROBLEM_TYPE", "add_exception_handlers", "problem_response", "reported"]

PROBLEM_TYPE = "application/problem+json"
FAREWELL_SECONDS = 1.0
"""How long a cancelled request may take to tell its client."""
CLOSE_INTERNAL_ERROR = 1011
CLOSE_TRY_AGAIN_LATER = 1013

_logger = logging.getLogger("sagemaker_async.integrations.fastapi")


def add_exception_handlers(app: Starlette) -> None:
    """Make an application answer errors of this package with their statuses, as ``application/problem+json``.

    429 and 503 bring Retry-After where waiting helps. Errors of other libraries are left alone, and so is FastAPI's own
    422 for requests that do not fit the endpoint's parameters. A request that the server cancels before its answer has
    begun, as it does when it shuts down, is answered 503, whatever it was waiting for; servers would answer 500.

    Args:
        app: a FastAPI or Starlette application.
    """
    app.add_exception_handler(SageMakerAsyncError, _handle)
    app.add_middleware(_CancelledIsUnavailable)


async def _handle(connection: HTTPConnection, error: Exception) -> Response:
    problem, instance = reported(error)
    response = problem_response(problem, instance)
    if isinstance(connection, WebSocket):
        await refuse(connection, problem, response)
    return response


class _CancelledIsUnavailable:
    """The application, which answers requests that are cancelled before their answer; the cancellation continues."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except asyncio.CancelledError as error:
            if not started:
                response = problem_response(*reported(error, CANCELLED))
                with suppress(OSError, TimeoutError):  # the client may have left, or not read
                    async with asyncio.timeout(FAREWELL_SECONDS):
                        await response(scope, receive, send)
            raise


async def refuse(websocket: WebSocket, problem: Problem, response: Response) -> None:
    """Answer the handshake with the response if that is still possible, otherwise close the socket."""
    if websocket.application_state is WebSocketState.DISCONNECTED:
        return
    accepted = websocket.application_state is WebSocketState.CONNECTED
    if not accepted and "websocket.http.response" in websocket.scope.get("extensions", {}):
        await websocket.send_denial_response(response)
        return
    code = CLOSE_INTERNAL_ERROR if problem.retry_after is None else CLOSE_TRY_AGAIN_LATER
    await websocket.close(code, problem.code)


def problem_response(problem: Problem, instance: str) -> Response:
    """Return a problem as an HTTP response."""
    headers = {"Cache-Control": "no-store"}
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    return Response(json.dumps(problem.body(instance)), problem.status, headers, PROBLEM_TYPE)


def reported(error: BaseException, problem: Problem | None = None) -> tuple[Problem, str]:
    """Log an error, and return its problem for the client and the URI that both contain."""
    problem = problem or problem_of(error)
    instance = uuid.uuid4().urn
    facts = [type(error).__name__]
    if isinstance(error, CallError):
        facts += [f"{error.operation} on {error.resource}", f"request id {error.request_id}"]
        if error.attempts:
            facts.append("1 attempt" if len(error.attempts) == 1 else f"{len(error.attempts)} attempts")
    at_fault = problem.status == HTTPStatus.INTERNAL_SERVER_ERROR
    _logger.log(
        logging.ERROR if at_fault else logging.WARNING,
        "%d %s (%s): %s",
        problem.status,
        problem.code,
        instance,
        ", ".join(facts),
        exc_info=error if at_fault else None,
    )
    return problem, instance
