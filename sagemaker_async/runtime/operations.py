"""SageMaker Runtime as a table: three operations, where each field goes, and which errors they know.

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
from .rules import INVOKE_ENDPOINT_RULES, RESPONSE_STREAM_RULES, SENSITIVE

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
    rules=INVOKE_ENDPOINT_RULES,
    sensitive=SENSITIVE,
    request_headers={
        "content_type": "Content-Type",
        "accept": "Accept",
        "custom_attributes": _SAGEMAKER + "Custom-Attributes",
        "target_model": _SAGEMAKER + "Target-Model",
        "target_variant": _SAGEMAKER + "Target-Variant",
        "target_container_hostname": _SAGEMAKER + "Target-Container-Hostname",
        "inference_id": _SAGEMAKER + "Inference-Id",
        "enable_explanations": _SAGEMAKER + "Enable-Explanations",
        "inference_component_name": _SAGEMAKER + "Inference-Component",
        "session_id": _SAGEMAKER + "Session-Id",
        "prefix_aware_id": _SAGEMAKER + "Prefix-Aware-Id",
    },
    request_body="body",
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
    rules=RESPONSE_STREAM_RULES,
    sensitive=SENSITIVE,
    request_headers={
        "content_type": "Content-Type",
        "accept": _SAGEMAKER + "Accept",
        "custom_attributes": _SAGEMAKER + "Custom-Attributes",
        "target_variant": _SAGEMAKER + "Target-Variant",
        "target_container_hostname": _SAGEMAKER + "Target-Container-Hostname",
        "inference_id": _SAGEMAKER + "Inference-Id",
        "inference_component_name": _SAGEMAKER + "Inference-Component",
        "session_id": _SAGEMAKER + "Session-Id",
        "prefix_aware_id": _SAGEMAKER + "Prefix-Aware-Id",
    },
    request_body="body",
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
    sensitive=SENSITIVE,
    request_headers={
        "content_type": _SAGEMAKER + "Content-Type",
        "accept": _SAGEMAKER + "Accept",
        "custom_attributes": _SAGEMAKER + "Custom-Attributes",
        "inference_id": _SAGEMAKER + "Inference-Id",
        "input_location": _SAGEMAKER + "InputLocation",
        "s3_output_path_extension": _SAGEMAKER + "S3OutputPathExtension",
        "filename": _SAGEMAKER + "Filename",
        "request_ttl_seconds": _SAGEMAKER + "RequestTTLSeconds",
        "invocation_timeout_seconds": _SAGEMAKER + "InvocationTimeoutSeconds",
    },
    request_body="body",
    response_headers={
        "OutputLocation": _SAGEMAKER + "OutputLocation",
        "FailureLocation": _SAGEMAKER + "FailureLocation",
    },
    max_body_bytes=128_000,
)
