"""SageMaker Runtime's three routes, from the side of the service.

`RuntimeService.match` recognises a route; the `RuntimeCall` that it returns consumes the endpoint's next scripted
faults, validates the request, runs the model and answers. The fields of each route are in
`sagemaker_async.local.operations`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncGenerator
from dataclasses import replace
from functools import partial
from typing import ClassVar, Final
from urllib.parse import unquote

from aiohttp import web

from sagemaker_async.aws.endpoints.partitions import partition_of
from sagemaker_async.errors import InternalStreamFailure, ModelStreamError, StreamError

from .answers import Refusal, json_answer, json_refusal, scripted_answer
from .asynchronous import (
    ANY_NUMBER,
    DEFAULT_TIMEOUT,
    DEFAULT_TTL,
    AsyncInvocation,
    Surroundings,
    data_log_line,
    run_invocation,
)
from .endpoints import REAL_TIME_BODY_LIMIT, Endpoint, Variant
from .faults import NO_FAULTS, NotAnEventStream, Plan, Reset, Status, Throttle
from .models import InvocationRequest, ModelFailure, ModelOutput, close_parts, content_type_of, whole_body
from .operations import (
    ASYNC_BODY_LIMIT,
    OPERATIONS,
    PREFIX,
    Operation,
    async_fields,
    check_endpoint_name,
    invalid,
    invocation_request,
)
from .signatures import Verify, verify
from .state import Exchange, LocalState
from .transmission import EventStreamAnswer, before_answer, drop_connection, send_body

__all__ = ["RuntimeCall", "RuntimeService"]

_route_of = re.compile(r"/endpoints/([^/]+)/([a-z-]+)").fullmatch
_SESSION_SECONDS = 1200.0
_NO_COMPONENT_NAMED = (
    "Inference Component Name header is required for endpoints to which you plan to deploy inference components. "
    "Please include Inference Component Name header or consider using SageMaker models."
)
_NO_COMPONENTS_HERE = (
    "Inference Component Name header is not allowed for endpoints to which you dont plan to deploy inference "
    "components. Please remove the Inference Component Name header and try again."
)
_NO_COPIES = (
    "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress "
    "(if configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API."
)


class RuntimeService:
    """The data plane of the embedded SageMaker."""

    signing_name: Final = "sagemaker"
    verify: ClassVar[Verify] = staticmethod(verify)

    def __init__(self, state: LocalState) -> None:
        self._state = state

    def match(self, request: web.BaseRequest, target: str) -> RuntimeCall | None:
        """Return the call for a request, None when it is for another API."""
        route = _route_of(target.partition("?")[0]) if request.method == "POST" else None
        operation = OPERATIONS.get(route[2]) if route else None
        if route is None or operation is None:
            return None
        return RuntimeCall(self._state, operation, unquote(route[1]))


class RuntimeCall:
    """One request to one of the routes."""

    __slots__ = ("_endpoint", "_name", "_operation", "_state", "async_paths", "body_limit", "plan")

    def __init__(self, state: LocalState, operation: Operation, name: str) -> None:
        self._state = state
        self._operation = operation
        self._name = name
        self._endpoint = endpoint = state.endpoints.get(name)
        self.plan: Plan = NO_FAULTS
        self.async_paths: tuple[str | None, str | None] = (None, None)
        """Where an inference router has results and failures go; None: where the endpoint has them go."""
        self.body_limit: int = REAL_TIME_BODY_LIMIT
        if endpoint is not None:
            endpoint.requests += 1
            endpoint.changed()
            self.plan = endpoint.faults.next()
            self.body_limit = endpoint.deployment.body_limit
        if operation.name == "InvokeEndpointAsync":
            self.body_limit = ASYNC_BODY_LIMIT

    def refused(self, refusal: Refusal, headers: dict[str, str]) -> web.StreamResponse:
        """Return a refusal as REST-JSON."""
        return json_refusal(refusal, headers)

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        """Validate the request, run the model, answer."""
        check_endpoint_name(self._name)
        if exchange.body_size > self.body_limit:
            raise self._oversize(exchange)
        return await self.serve(exchange, self._request(exchange))

    def _request(self, exchange: Exchange) -> InvocationRequest:
        """Return the request's fields; raises `Refusal` when one breaks a rule."""
        return invocation_request(self._operation, self._name, exchange.request.headers, exchange.body)

    async def serve(self, exchange: Exchange, request: InvocationRequest) -> web.StreamResponse:
        """Run the model on a request that was checked, and answer."""
        endpoint = self._endpoint
        if endpoint is None:
            raise invalid(f"Endpoint {self._name} of account {self._state.account_id} not found.")
        if endpoint.deployment.asynchronous is not None and not self._operation.name.endswith("Async"):
            raise invalid(f"Endpoint {self._name} is asynchronous and takes only InvokeEndpointAsync.")
        variant = self._chosen_variant(endpoint, request)
        if self.plan.faults:
            scripted = await self._instead_of_the_model(exchange, endpoint)
            if scripted is not None:
                return scripted
        return await self._perform(exchange, endpoint, request, variant)

    async def _perform(
        self, exchange: Exchange, endpoint: Endpoint, request: InvocationRequest, variant: Variant
    ) -> web.StreamResponse:
        match self._operation.name:
            case "InvokeEndpoint" | "InvokeInferenceRouter":
                return await self._invoke(exchange, endpoint, request, variant)
            case "InvokeEndpointWithResponseStream":
                return await self._stream(exchange, endpoint, request, variant)
        return await self._invoke_async(exchange, endpoint, request, variant)

    def _oversize(self, exchange: Exchange) -> Refusal:
        """Return SageMaker's refusal of a body over the limit, as clients report it, which depends on the endpoint."""
        if self._operation.name == "InvokeEndpointAsync":
            size = exchange.body_size
            return Refusal(
                413, "ValidationError", f"Request body of {size} bytes exceeds the limit of {self.body_limit} bytes."
            )
        if self._endpoint is not None and self._endpoint.deployment.serverless:
            # https://github.com/aws/sagemaker-python-sdk/issues/4271
            return invalid(f"Request {exchange.headers['x-amzn-RequestId']} has oversize body.")
        # https://github.com/aws/sagemaker-python-sdk/issues/171
        return Refusal(413, "", f"HTTP content length exceeded {self.body_limit} bytes.", common=True)

    def _chosen_variant(self, endpoint: Endpoint, request: InvocationRequest) -> Variant:
        """Return the variant or inference component that a request goes to.

        Raises:
            Refusal: the variant or component that it names does not exist; or it names a component although the
                endpoint's variants have models, or does not name one although they are for components.
        """
        target = request.target_variant
        if target is not None and target not in endpoint.variants:
            raise invalid(f"Variant {target} of endpoint {endpoint.name} not found.")
        variants = endpoint.deployment.variants
        if request.component is not None:
            component = endpoint.components.get(request.component)
            if component is not None:
                if component.model is None:
                    self._state.no_capacity(request.component)
                return _serving(component, _NO_COPIES)
            if all(variant.model is not None for variant in variants):
                raise invalid(_NO_COMPONENTS_HERE)
            raise invalid(f"Inference Component {request.component} of endpoint {endpoint.name} not found.")
        if target is None:
            return _serving(endpoint.next_variant(), _NO_COMPONENT_NAMED)
        return _serving(next(variant for variant in variants if variant.name == target), _NO_COMPONENT_NAMED)

    async def _instead_of_the_model(self, exchange: Exchange, endpoint: Endpoint) -> web.StreamResponse | None:
        for fault in exchange.plan.faults:
            if isinstance(fault, Reset) and fault.when == "after_read":
                drop_connection(exchange.request, reset=True)
            if isinstance(fault, Status | Throttle):
                await before_answer(exchange, endpoint, self._state)
                return self._scripted(fault, exchange.headers)
            if isinstance(fault, NotAnEventStream):
                await before_answer(exchange, endpoint, self._state)
                headers = {**exchange.headers, "Content-Type": fault.content_type}
                return await send_body(exchange, endpoint, fault.body, headers)
        return None

    def _scripted(self, fault: Status | Throttle, headers: dict[str, str]) -> web.StreamResponse:
        return scripted_answer(fault, headers)

    async def _run(self, endpoint: Endpoint, request: InvocationRequest, variant: Variant) -> ModelOutput:
        assert variant.model is not None
        endpoint.invocations += 1
        endpoint.changed()
        return await variant.model.invoke(request, self._state.executor)

    async def _invoke(
        self, exchange: Exchange, endpoint: Endpoint, request: InvocationRequest, variant: Variant
    ) -> web.StreamResponse:
        headers = exchange.headers
        if request.session_id == "NEW_SESSION":
            request = replace(request, session_id=str(uuid.uuid4()))
            expires = self._state.iso_date(_SESSION_SECONDS)
            headers[PREFIX + "New-Session-Id"] = f"{request.session_id}; Expires={expires}"
        try:
            response = await self._run(endpoint, request, variant)
            body = await whole_body(response)
        except ModelFailure as failure:
            raise self._model_error(endpoint, request, variant, failure) from failure
        headers["Content-Type"] = content_type_of(response, request)
        if response.close_session and request.session_id is not None:
            headers[PREFIX + "Closed-Session-Id"] = request.session_id
        _describe(variant, response, headers)
        headers.update(response.headers)
        await before_answer(exchange, endpoint, self._state)
        return await send_body(exchange, endpoint, body, headers)

    async def _stream(
        self, exchange: Exchange, endpoint: Endpoint, request: InvocationRequest, variant: Variant
    ) -> web.StreamResponse:
        first: bytes | StreamError | None
        try:
            response = await self._run(endpoint, request, variant)
            parts = _one_part(response.body) if isinstance(response.body, bytes) else response.body
            # The head waits for the first part: until then a failure is still an HTTP status.
            first = await anext(parts, None)
        except ModelFailure as failure:
            raise self._model_error(endpoint, request, variant, failure) from failure
        except (ModelStreamError, InternalStreamFailure) as error:
            first = error
        headers = exchange.headers
        headers[PREFIX + "Content-Type"] = content_type_of(response, request)
        _describe(variant, response, headers)
        try:
            await before_answer(exchange, endpoint, self._state)
        except BaseException:
            await close_parts(parts)
            raise
        return await EventStreamAnswer(exchange, endpoint, headers).send(first, parts)

    async def _invoke_async(
        self, exchange: Exchange, endpoint: Endpoint, request: InvocationRequest, variant: Variant
    ) -> web.StreamResponse:
        fields = async_fields(self._operation, exchange.request.headers)
        if (fields.input_location is None) == (not exchange.body):
            raise invalid("Exactly one of Body and InputLocation must be given.")
        name = str(uuid.uuid4())
        output, failure = self.async_paths
        deployment = endpoint.deployment
        failure = failure or deployment.async_failure
        place = [
            (output or deployment.async_output).rstrip("/"),
            (fields.output_extension or "").strip("/"),
            fields.filename or f"{name}.out",
        ]
        invocation = AsyncInvocation(
            endpoint_name=endpoint.name,
            inference_id=request.inference_id or str(uuid.uuid4()),
            output_location="/".join(filter(None, place)),
            failure_location=None if failure is None else f"{failure.rstrip('/')}/{name}-error.out",
            input_location=fields.input_location,
            ttl=fields.ttl or DEFAULT_TTL,
            timeout=fields.timeout or DEFAULT_TIMEOUT,
        )
        state = self._state
        state.keep(invocation)
        around = Surroundings(
            region=state.region,
            clock=state.clock,
            sleep=state.sleep,
            objects=state.async_objects,
            run=partial(self._run, endpoint, variant=variant),
            changed=endpoint.changed,
        )
        options = deployment.asynchronous or ANY_NUMBER
        state.spawn(run_invocation(invocation, request, endpoint.queue, options, around))
        headers = exchange.headers
        headers[PREFIX + "OutputLocation"] = invocation.output_location
        if invocation.failure_location is not None:
            headers[PREFIX + "FailureLocation"] = invocation.failure_location
        await before_answer(exchange, endpoint, state)
        return json_answer({"InferenceId": invocation.inference_id}, headers, status=202)

    def _model_error(
        self, endpoint: Endpoint, request: InvocationRequest, variant: Variant, failure: ModelFailure
    ) -> Refusal:
        region, account = self._state.region, self._state.account_id
        group = _log_group(endpoint, request)
        log_arn = f"arn:{partition_of(region).id}:logs:{region}:{account}:log-group:{group}"
        if not failure.log_group_only:
            log_arn += f":log-stream:{variant.name}/i-00000000000000000"
        return Refusal(
            424,
            "ModelError",
            self._words_of("primary", endpoint, request, failure),
            fields={
                "ErrorCode": "CLIENT_ERROR_FROM_MODEL" if _is_clients(failure) else "INTERNAL_FAILURE_FROM_MODEL",
                "LogStreamArn": log_arn,
                "OriginalMessage": failure.message,
                "OriginalStatusCode": failure.status,
            },
        )

    def _words_of(self, source: str, endpoint: Endpoint, request: InvocationRequest, failure: ModelFailure) -> str:
        """Return SageMaker's words for a failure of the model, which repeat the container's body as it is."""
        region, account = self._state.region, self._state.account_id
        return (
            f"{data_log_line(failure, source)}. "
            f"See https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
            f"#logEventViewer:group={_log_group(endpoint, request)} in account {account} for more information."
        )


def _is_clients(failure: ModelFailure) -> bool:
    return 400 <= failure.status < 500


def _log_group(endpoint: Endpoint, request: InvocationRequest) -> str:
    if request.component in endpoint.components:
        return f"/aws/sagemaker/InferenceComponents/{request.component}"
    return f"/aws/sagemaker/Endpoints/{endpoint.name}"


def _describe(variant: Variant, response: ModelOutput, headers: dict[str, str]) -> None:
    headers["x-Amzn-Invoked-Production-Variant"] = variant.name
    if response.custom_attributes is not None:
        headers[PREFIX + "Custom-Attributes"] = response.custom_attributes


def _serving(variant: Variant, otherwise: str) -> Variant:
    if variant.model is None:
        raise invalid(otherwise)
    return variant


async def _one_part(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
