"""The data plane of inference routers as a table: two operations, and their errors.

AWS names some of the errors differently from SageMaker Runtime's (``ValidationException``,
``ServiceUnavailableException``); the exceptions are the same.

Source: AWS's service model ``sagemaker-inference-router-runtime`` of 2026-01-01 (rest-json).
"""

from __future__ import annotations

from sagemaker_async.aws.endpoints import EndpointRules
from sagemaker_async.aws.retries import RetryRules
from sagemaker_async.aws.shapes.deferred import DeferredShapes
from sagemaker_async.aws.shapes.operation import Operation, Service
from sagemaker_async.errors import (
    AccessDeniedError,
    InternalDependencyException,
    InternalFailure,
    ModelError,
    ModelNotReadyException,
    ServiceError,
    ServiceUnavailable,
    ThrottlingError,
    ValidationError,
)
from sagemaker_async.runtime.generated import router_requests as requests

__all__ = ["INVOKE_INFERENCE_ROUTER", "INVOKE_INFERENCE_ROUTER_ASYNC", "ROUTER_RUNTIME"]

ROUTER_RUNTIME = Service(
    name="sagemaker-inference-router-runtime",
    endpoint_rules=EndpointRules(
        service="sagemaker-inference-router-runtime",
        signing_name="sagemaker",
        prefix="inferencerouter-runtime.sagemaker",
        fips_prefix="inferencerouter-runtime.sagemaker-fips",
    ),
    retry_rules=RetryRules(
        throttling=frozenset({"ModelNotReadyException"}),
        transient=frozenset({"InternalDependencyException", "RequestTimeoutException"}),
        transient_statuses=frozenset({530}),
        final=frozenset({"ModelError", "ValidationException"}),
        null_message_is_throttling=True,
    ),
    slow_answer_hint=(
        "a router gives a model 60 s, and tries another destination once: for longer work use its asynchronous "
        "inference, and with limits of your own let Timeouts.first_byte be at least 170"
    ),
    errors={
        "AccessDeniedException": AccessDeniedError,
        "InternalFailure": InternalFailure,
        "RequestTimeoutException": ServiceError,
        "ServiceUnavailableException": ServiceUnavailable,
        "ThrottlingException": ThrottlingError,
        "ValidationException": ValidationError,
    },
)

_SHAPES = f"{__package__}.shapes"
_SAGEMAKER = "X-Amzn-SageMaker-"

INVOKE_INFERENCE_ROUTER = Operation(
    name="InvokeInferenceRouter",
    service=ROUTER_RUNTIME,
    path="/inference-routers/{inference_router_name}/invocations",
    resource="inference_router_name",
    shapes=DeferredShapes(_SHAPES, "InvokeInferenceRouter"),
    compiled=requests.INVOKE_INFERENCE_ROUTER,
    response_headers={
        "ContentType": "Content-Type",
        "InvokedRoutedResourceArn": _SAGEMAKER + "Invoked-Routed-Resource-Arn",
        "RoutingReason": _SAGEMAKER + "Invoked-Routing-Reason",
        "InvokedProductionVariant": "X-Amzn-Invoked-Production-Variant",
        "CustomAttributes": _SAGEMAKER + "Custom-Attributes",
    },
    response_body="Body",
    max_body_bytes=6_291_456,
    errors={
        "InternalDependencyException": InternalDependencyException,
        "ModelError": ModelError,
        "ModelNotReadyException": ModelNotReadyException,
    },
)

INVOKE_INFERENCE_ROUTER_ASYNC = Operation(
    name="InvokeInferenceRouterAsync",
    service=ROUTER_RUNTIME,
    path="/inference-routers/{inference_router_name}/async-invocations",
    resource="inference_router_name",
    shapes=DeferredShapes(_SHAPES, "InvokeInferenceRouterAsync"),
    compiled=requests.INVOKE_INFERENCE_ROUTER_ASYNC,
    response_headers={
        "OutputLocation": _SAGEMAKER + "OutputLocation",
        "FailureLocation": _SAGEMAKER + "FailureLocation",
    },
)
