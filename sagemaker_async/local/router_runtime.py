"""The data plane of inference routers, from the side of the service: InvokeInferenceRouter and its asynchronous form.

A router passes a request on to the first destination of the target that is there and has copies; when that one answers
with throttling or 5xx before its model did, to the next one, once. What it passes on to is an endpoint of this embedded
SageMaker, with its counters and its fault script. Errors have the names of the router's own service model: a component
without copies is a ModelNotReadyException (429) here, and a ValidationError (400) at its endpoint.

The wording of "not found" is ours. Source: AWS's service model ``sagemaker-inference-router-runtime`` of 2026-01-01.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import ClassVar, Final
from urllib.parse import unquote

from aiohttp import web

from .answers import Refusal, json_refusal
from .destinations import RouterTarget
from .faults import NO_FAULTS, Plan
from .models import InvocationRequest
from .operations import PREFIX, ROUTER_OPERATIONS, Operation, check_endpoint_name, invalid, invocation_request
from .runtime import RuntimeCall
from .signatures import Verify, verify
from .state import Exchange, LocalState

__all__ = ["RouterRuntimeService"]

_route_of = re.compile(r"/inference-routers/([^/]+)/([a-z-]+)").fullmatch
_BODY_LIMIT: Final = 6_291_456
_ATTEMPTS: Final = 2
_TARGET: Final = PREFIX + "Routing-Target-Name"
_NAMES: Final = {"ValidationError": "ValidationException", "ServiceUnavailable": "ServiceUnavailableException"}
_NOT_READY: Final = "No destination of routing target {} has capacity to process this request."


class RouterRuntimeService:
    """The data plane of the embedded SageMaker's inference routers."""

    signing_name: Final = "sagemaker"
    verify: ClassVar[Verify] = staticmethod(verify)

    def __init__(self, state: LocalState) -> None:
        self._state = state

    def match(self, request: web.BaseRequest, target: str) -> RouterCall | None:
        """Return the call for a request, None when it is for another API."""
        route = _route_of(target.partition("?")[0]) if request.method == "POST" else None
        operation = ROUTER_OPERATIONS.get(route[2]) if route else None
        if route is None or operation is None:
            return None
        return RouterCall(self._state, operation, unquote(route[1]))


class RouterCall:
    """One request to a router."""

    __slots__ = ("_name", "_operation", "_state", "body_limit", "plan")

    def __init__(self, state: LocalState, operation: Operation, name: str) -> None:
        self._state = state
        self._operation = operation
        self._name = name
        self.body_limit: int = _BODY_LIMIT
        self.plan: Plan = NO_FAULTS

    def refused(self, refusal: Refusal, headers: dict[str, str]) -> web.StreamResponse:
        """Return a refusal as REST-JSON, under the names that the router's service model has."""
        code = _NAMES.get(refusal.code, refusal.code)
        named = Refusal(refusal.status, code, refusal.message, fields=refusal.fields, common=refusal.common)
        return json_refusal(named, headers)

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        """Validate the request, choose a destination, let it answer."""
        check_endpoint_name(self._name)
        if exchange.body_size > _BODY_LIMIT:
            raise Refusal(413, "ValidationException", f"The body may have at most {_BODY_LIMIT} bytes.")
        request = invocation_request(self._operation, "", exchange.request.headers, exchange.body)
        target = self._target(exchange)
        if self._operation.name == "InvokeInferenceRouter":
            if not exchange.body:
                raise invalid("The body must not be empty.")
        elif target.async_output is None:
            raise invalid(f"Routing target {target.name} is not configured for asynchronous inference.")
        return await self._passed_on(exchange, request, target)

    def _target(self, exchange: Exchange) -> RouterTarget:
        targets = self._state.routers.get(self._name)
        if targets is None:
            raise invalid(f"Inference router {self._name} of account {self._state.account_id} not found.")
        name = exchange.request.headers.get(_TARGET)
        if not name:
            raise invalid("RoutingTargetName must be given.")
        if name not in targets:
            raise invalid(f"Routing target {name} of inference router {self._name} not found.")
        return targets[name]

    async def _passed_on(
        self, exchange: Exchange, request: InvocationRequest, target: RouterTarget
    ) -> web.StreamResponse:
        state = self._state
        places = [(each, each.find(state.endpoints, state.arn_prefix)) for each in target.destinations]
        healthy = [(each, place) for each, place in places if place is not None]
        if not healthy:
            raise Refusal(503, "ServiceUnavailable", f"No destination of routing target {target.name} is available.")
        ready = [(each, place) for each, place in healthy if place.ready]
        if not ready:
            raise Refusal(429, "ModelNotReadyException", _NOT_READY.format(target.name))
        reason = "local-preferred" if ready[0] == healthy[0] else "capacity-available"
        if len(healthy) == 1 < len(places):
            reason = "only-healthy"
        chosen = ready[:_ATTEMPTS]
        for destination, place in chosen:
            last = destination is chosen[-1][0]
            call = RuntimeCall(self._state, self._operation, place.endpoint.name)
            call.async_paths = (target.async_output, target.async_failure)
            headers = {
                **exchange.headers,
                PREFIX + "Invoked-Routed-Resource-Arn": destination.arn,
                PREFIX + "Invoked-Routing-Reason": reason,
            }
            passed = replace(request, endpoint_name=place.endpoint.name, component=place.component)
            try:
                response = await call.serve(replace(exchange, plan=call.plan, headers=headers), passed)
            except Refusal as refusal:
                if last or not _is_retryable(refusal.status, refusal.code):
                    raise
            else:
                if (
                    last
                    or response.prepared
                    or not _is_retryable(response.status, response.headers.get("x-amzn-ErrorType", ""))
                ):
                    return response
            reason = "failover"
        raise AssertionError("the last destination answers or raises")


def _is_retryable(status: int, code: str) -> bool:
    return status == 429 or status >= 500 or code.startswith("Throttling")
