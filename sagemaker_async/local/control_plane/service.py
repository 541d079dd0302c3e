"""SageMaker's control plane on the wire: AWS's JSON 1.1 protocol.

A request is ``POST /`` with ``X-Amz-Target: SageMaker.{Operation}`` and its members as JSON; so is the answer, with
times as seconds since the epoch. An error is a 4xx or 5xx whose body holds ``__type`` and a message, which the errors
of the service model spell ``Message`` and the common ones ``message``, without an ``x-amzn-ErrorType``. See
https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, ClassVar, Final

from aiohttp import web

from sagemaker_async.local.answers import NOT_ADMITTED, Refusal
from sagemaker_async.local.faults import NO_FAULTS, Plan
from sagemaker_async.local.signatures import Verify, verify
from sagemaker_async.local.state import Exchange, LocalState

from .plane import ControlPlane
from .records import Fields
from .rules import ServiceRules

__all__ = ["ControlPlaneService"]

_BODY_LIMIT: Final = 1_048_576
_CONTENT_TYPE: Final = "application/x-amz-json-1.1"
_TARGET_PREFIX: Final = "SageMaker."
_READING: Final = ("Describe", "List", "Query")
_SIGNATURE_STATUS: Final = 403


class ControlPlaneService:
    """The control plane of the embedded SageMaker.

    Args:
        state: what all services share.
        plane: what performs the operations.
        save: called after each operation that may have changed something, before it is answered.
    """

    signing_name: Final = "sagemaker"
    verify: ClassVar[Verify] = staticmethod(verify)

    def __init__(self, state: LocalState, plane: ControlPlane, save: Callable[[], Awaitable[None]]) -> None:
        self._state = state
        self._save = save
        self._plane = plane
        self._rules: Future[ServiceRules] | None = None

    def match(self, request: web.BaseRequest, target: str) -> ControlPlaneCall | None:
        """Return the call for a request, None when it is for another API."""
        operation = request.headers.get("X-Amz-Target", "")
        if request.method != "POST" or target.partition("?")[0] != "/" or not operation.startswith(_TARGET_PREFIX):
            return None
        return ControlPlaneCall(self, operation.removeprefix(_TARGET_PREFIX))

    async def perform(self, operation: str, members: Fields) -> Fields:
        """Check a request and run it; raises `Refusal`."""
        rules = await self._loaded_rules()
        if operation not in self._plane.operations:
            raise Refusal(400, "UnknownOperationException", f"The embedded SageMaker does not support {operation}.")
        # An operation that is newer than the installed botocore is performed unchecked.
        answer = self._plane.perform(operation, rules.check(operation, members) if rules.knows(operation) else members)
        if not operation.startswith(_READING):
            await self._save()
        return answer

    async def _loaded_rules(self) -> ServiceRules:
        """Return the rules, read once and off the event loop."""
        if self._rules is None:
            self._rules = self._state.executor.submit(ServiceRules.load)
        if self._rules.done():
            return self._rules.result()
        return await asyncio.shield(asyncio.wrap_future(self._rules))


class ControlPlaneCall:
    """One request."""

    __slots__ = ("_operation", "_service", "body_limit", "plan")

    def __init__(self, service: ControlPlaneService, operation: str) -> None:
        self._service = service
        self._operation = operation
        self.body_limit: int = _BODY_LIMIT
        self.plan: Plan = NO_FAULTS

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        """Perform the operation."""
        if exchange.body_size > _BODY_LIMIT:
            raise Refusal(413, "RequestEntityTooLargeException", f"A request may have at most {_BODY_LIMIT} bytes.")
        try:
            members = json.loads(exchange.body or b"{}")
        except (ValueError, RecursionError):
            raise Refusal(400, "SerializationException", "The request is not JSON.") from None
        if not isinstance(members, dict):
            raise Refusal(400, "SerializationException", "The request must be a JSON object.")
        return _json_answer(await self._service.perform(self._operation, members), exchange.headers, 200)

    def refused(self, refusal: Refusal, headers: dict[str, str]) -> web.StreamResponse:
        """Return a refusal in the form of AWS's JSON services, where refusals of signatures have status 400."""
        of_signature = refusal.status == _SIGNATURE_STATUS and refusal.code != NOT_ADMITTED
        status = 400 if of_signature else refusal.status
        member = "message" if refusal.common else "Message"
        content = {"__type": refusal.code, member: refusal.message, **refusal.fields}
        return _json_answer(content, headers, status)


def _json_answer(content: Any, headers: dict[str, str], status: int) -> web.Response:
    return web.Response(
        status=status, body=json.dumps(content).encode(), headers={**headers, "Content-Type": _CONTENT_TYPE}
    )
