"""SageMaker's OpenAI-compatible route, from the side of the service.

``POST /endpoints/{endpoint}/openai/v1/chat/completions``, with ``/inference-components/{component}`` before ``/openai``
for a component, which no header can name. Who calls is decided by a bearer token (`bearer_tokens`). The request is the
container's, unread; so is the answer: a whole body, or parts as they come, without AWS's event stream around them.
Errors, those of SageMaker itself included, are ``{"error": {"message", "type", "code"}}``.

The paths and the envelope are those of the real route, and so are the texts and statuses for a failing container, an
unknown endpoint and a component without copies. How it answers wrong tokens and throttling, and how the stream of a
failing container ends, is not known: what comes here then is ours.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-openai-compatible.html
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import replace
from typing import Any, ClassVar, Final
from urllib.parse import unquote

from aiohttp import web

from sagemaker_async.errors import InternalStreamFailure, ModelStreamError, StreamError

from .answers import Refusal, json_answer
from .bearer_tokens import verify
from .endpoints import Endpoint, Variant
from .faults import Status, Throttle
from .models import InvocationRequest, ModelFailure, close_parts
from .operations import CHAT_COMPLETIONS, PREFIX, invalid
from .runtime import RuntimeCall
from .signatures import Verify
from .state import Exchange, LocalState
from .transmission import PlainAnswer, before_answer, send_body

__all__ = ["OpenAIService"]

_route_of = re.compile(r"/endpoints/([^/]+)(?:/inference-components/([^/]+))?/openai/v1/chat/completions").fullmatch
_COMPONENT_HEADER: Final = PREFIX + "Inference-Component"
_KINDS: Final = {
    "ModelError": ("server_error", "model_error"),
    "ValidationError": ("invalid_request_error", "validation_error"),
    "AccessDeniedException": ("invalid_request_error", "access_denied"),
    "UnauthorizedException": ("invalid_request_error", "unauthorized"),
    "ThrottlingException": ("rate_limit_error", "throttling"),
}
"""The type and the code of each error; the first two are those of the real route."""
_OTHER: Final = ("server_error", "internal_failure")


class OpenAIService:
    """The OpenAI-compatible route of the embedded SageMaker."""

    signing_name: Final = "sagemaker"
    verify: ClassVar[Verify] = staticmethod(verify)

    def __init__(self, state: LocalState) -> None:
        self._state = state

    def match(self, request: web.BaseRequest, target: str) -> OpenAICall | None:
        """Return the call for a request, None when it is for another API."""
        route = _route_of(target.partition("?")[0]) if request.method == "POST" else None
        if route is None:
            return None
        return OpenAICall(self._state, unquote(route[1]), unquote(route[2]) if route[2] is not None else None)


class OpenAICall(RuntimeCall):
    """One request to the route."""

    __slots__ = ("_component",)

    def __init__(self, state: LocalState, name: str, component: str | None) -> None:
        super().__init__(state, CHAT_COMPLETIONS, name)
        self._component = component

    def refused(self, refusal: Refusal, headers: dict[str, str]) -> web.StreamResponse:
        """Return a refusal in OpenAI's envelope."""
        kind, code = _KINDS.get(refusal.code, _OTHER)
        return json_answer(_envelope(refusal.message, kind, code), headers, status=refusal.status)

    def _request(self, exchange: Exchange) -> InvocationRequest:
        if _COMPONENT_HEADER in exchange.request.headers:
            raise invalid(f"{_COMPONENT_HEADER} is not supported here; name the component in the path.")
        return replace(super()._request(exchange), component=self._component)

    def _scripted(self, fault: Status | Throttle, headers: dict[str, str]) -> web.StreamResponse:
        if isinstance(fault, Throttle):
            return self.refused(Refusal(429, "ThrottlingException", "Rate exceeded"), headers)
        if fault.body is not None:
            return super()._scripted(fault, headers)
        return self.refused(
            Refusal(fault.status, fault.error_type or "", fault.message or ""), {**headers, **fault.headers}
        )

    async def _perform(
        self, exchange: Exchange, endpoint: Endpoint, request: InvocationRequest, variant: Variant
    ) -> web.StreamResponse:
        first: bytes | StreamError | None
        try:
            response = await self._run(endpoint, request, variant)
            if isinstance(response.body, bytes):
                headers = {**exchange.headers, "Content-Type": response.content_type or "application/json"}
                headers.update(response.headers)
                await before_answer(exchange, endpoint, self._state)
                return await send_body(exchange, endpoint, response.body, headers)
            parts = response.body
            # The head waits for the first part: until then a failure is still an HTTP status.
            first = await anext(parts, None)
        except ModelFailure as failure:
            raise self._failed(endpoint, request, failure) from failure
        except (ModelStreamError, InternalStreamFailure) as error:
            first = error
        try:
            await before_answer(exchange, endpoint, self._state)
        except BaseException:
            await close_parts(parts)
            raise
        headers = {**exchange.headers, "Content-Type": response.content_type or "text/event-stream"}
        return await OpenAIAnswer(exchange, endpoint, headers).send(first, parts)

    def _failed(self, endpoint: Endpoint, request: InvocationRequest, failure: ModelFailure) -> Refusal:
        status = failure.status if 400 <= failure.status < 600 else 500
        return Refusal(status, "ModelError", self._words_of(str(uuid.uuid4()), endpoint, request, failure))


class OpenAIAnswer(PlainAnswer):
    """An answer in parts; what breaks it off is one more server-sent event."""

    __slots__ = ()

    def _exception(self, error_type: str, message: str, code: str | None) -> bytes:  # noqa: ARG002 - all are alike
        return b"data: " + json.dumps(_envelope(message, *_KINDS["ModelError"])).encode() + b"\n\n"


def _envelope(message: str, kind: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "code": code}}
