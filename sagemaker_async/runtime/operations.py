"""SageMaker Runtime as a table: three operations, and their errors.

What a request's fields may hold and where they travel is in `shapes`, compiled into `generated.requests`.

Source: AWS's service model ``sagemaker-runtime`` of 2017-05-13 (rest-json, signing name ``sagemaker``).
"""

from __future__ import annotations

from sagemaker_async.aws.retries import RetryRules
from sagemaker_async.aws.shapes.deferred import DeferredShapes
from sagemaker_async.aws.shapes.operation import Operation, Service
from sagemaker_async.errors import (
    InternalDependencyException,
    InternalFailure,
    ModelError,
    ModelNotReadyException,
    ServiceUnavailable,
    ValidationError,
)

from .endpoint import RUNTIME
from .generated import requests

__all__ = ["INVOKE_ENDPOINT", "INVOKE_ENDPOINT_ASYNC", "INVOKE_ENDPOINT_WITH_RESPONSE_STREAM", "SAGEMAKER_RUNTIME"]

SAGEMAKER_RUNTIME = Service(
    name="sagemaker-runtime",
    endpoint_rules=RUNTIME,
    retry_rules=RetryRules(
        throttling=frozenset({"ModelNotReadyException"}),
        transient=frozenset({"InternalDependencyException"}),
        transient_statuses=frozenset({530}),
        final=frozenset({"ModelError", "ValidationError"}),
        null_message_is_throttling=True,
    ),
    slow_answer_hint=(
        "SageMaker itself gives a model 60 s to answer: for longer work use a response stream or asynchronous inference"
    ),
    large_body=(
        4 << 20,
        (
            "SageMaker closes the connection without an answer when a body exceeds the endpoint's limit (25 MB for "
            "real-time, 4 MB for serverless endpoints): send smaller batches, or use asynchronous inference, which "
            "takes inputs of up to 1 GB from S3"
        ),
    ),
    errors={
        "InternalFailure": InternalFailure,
        "ServiceUnavailable": ServiceUnavailable,
        "ValidationError": ValidationError,
    },
)

_SHAPES = f"{__package__}.shapes"
_SAGEMAKER = "X-Amzn-SageMaker-"
_VARIANT = "x-Amzn-Invoked-Production-Variant"

INVOKE_ENDPOINT = Operation(
    name="InvokeEndpoint",
    service=SAGEMAKER_RUNTIME,
    path="/endpoints/{endpoint_name}/invocations",
    resource="endpoint_name",
    shapes=DeferredShapes(_SHAPES, "InvokeEndpoint"),
    compiled=requests.INVOKE_ENDPOINT,
    response_headers={
        "ContentType": "Content-Type",
        "InvokedProductionVariant": _VARIANT,
        "CustomAttributes": _SAGEMAKER + "Custom-Attributes",
        "NewSessionId": _SAGEMAKER + "New-Session-Id",
        "ClosedSessionId": _SAGEMAKER + "Closed-Session-Id",
    },
    response_body="Body",
    errors={
        "InternalDependencyException": InternalDependencyException,
        "ModelError": ModelError,
        "ModelNotReadyException": ModelNotReadyException,
    },
)

INVOKE_ENDPOINT_WITH_RESPONSE_STREAM = Operation(
    name="InvokeEndpointWithResponseStream",
    service=SAGEMAKER_RUNTIME,
    path="/endpoints/{endpoint_name}/invocations-response-stream",
    resource="endpoint_name",
    shapes=DeferredShapes(_SHAPES, "InvokeEndpointWithResponseStream"),
    compiled=requests.INVOKE_ENDPOINT_WITH_RESPONSE_STREAM,
    response_headers={
        "ContentType": _SAGEMAKER + "Content-Type",
        "InvokedProductionVariant": _VARIANT,
        "CustomAttributes": _SAGEMAKER + "Custom-Attributes",
    },
    response_body="Body",
    streaming=True,
    errors={"ModelError": ModelError},
)

INVOKE_ENDPOINT_ASYNC = Operation(
    name="InvokeEndpointAsync",
    service=SAGEMAKER_RUNTIME,
    path="/endpoints/{endpoint_name}/async-invocations",
    resource="endpoint_name",
    shapes=DeferredShapes(_SHAPES, "InvokeEndpointAsync"),
    compiled=requests.INVOKE_ENDPOINT_ASYNC,
    response_headers={
        "OutputLocation": _SAGEMAKER + "OutputLocation",
        "FailureLocation": _SAGEMAKER + "FailureLocation",
    },
    max_body_bytes=128_000,
)
