"""Request and response models of inference routers.

The rules are those of AWS's model ``sagemaker-inference-router-runtime`` of 2026-01-01, as whole-value patterns;
see `sagemaker_async.runtime.shapes`, also for what a new field takes.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sagemaker_async.aws.shapes.models import AsBody, InHeader, RequestShape, ResponseShape
from sagemaker_async.runtime.shapes import (
    FILENAME,
    NAME,
    HeaderText,
    Identifier,
    InputLocation,
    InvocationTimeout,
    PathExtension,
    TimeToLive,
    text_field,
)

__all__ = [
    "InvokeInferenceRouterAsyncRequest",
    "InvokeInferenceRouterAsyncResponse",
    "InvokeInferenceRouterRequest",
    "InvokeInferenceRouterResponse",
]

_X = "X-Amzn-SageMaker-"

Name = Annotated[str, text_field(NAME, 63, 1)]
Filename = Annotated[str, text_field(FILENAME, 64, 1)]


class RouterInvocation(RequestShape):
    """What both operations take."""

    inference_router_name: Name = Field(alias="InferenceRouterName")
    routing_target_name: Annotated[Name, InHeader(_X + "Routing-Target-Name")] = Field(alias="RoutingTargetName")
    custom_attributes: Annotated[HeaderText | None, InHeader(_X + "Custom-Attributes")] = Field(
        None, alias="CustomAttributes", repr=False
    )
    inference_id: Annotated[Identifier | None, InHeader(_X + "Inference-Id")] = Field(None, alias="InferenceId")


class InvokeInferenceRouterRequest(RouterInvocation):
    """What `InvokeInferenceRouter` takes."""

    body: Annotated[bytes, AsBody()] = Field(alias="Body", repr=False)
    content_type: Annotated[HeaderText | None, InHeader("Content-Type")] = Field(None, alias="ContentType")
    accept: Annotated[HeaderText | None, InHeader("Accept")] = Field(None, alias="Accept")
    prefix_aware_id: Annotated[Identifier | None, InHeader(_X + "Prefix-Aware-Id")] = Field(None, alias="PrefixAwareId")


class InvokeInferenceRouterAsyncRequest(RouterInvocation):
    """What `InvokeInferenceRouterAsync` takes."""

    input_location: Annotated[InputLocation, InHeader(_X + "InputLocation")] = Field(alias="InputLocation")
    content_type: Annotated[HeaderText | None, InHeader(_X + "Content-Type")] = Field(None, alias="ContentType")
    accept: Annotated[HeaderText | None, InHeader(_X + "Accept")] = Field(None, alias="Accept")
    s3_output_path_extension: Annotated[PathExtension | None, InHeader(_X + "S3OutputPathExtension")] = Field(
        None, alias="S3OutputPathExtension"
    )
    filename: Annotated[Filename | None, InHeader(_X + "Filename")] = Field(None, alias="Filename")
    request_ttl_seconds: Annotated[TimeToLive | None, InHeader(_X + "RequestTTLSeconds")] = Field(
        None, alias="RequestTTLSeconds"
    )
    invocation_timeout_seconds: Annotated[InvocationTimeout | None, InHeader(_X + "InvocationTimeoutSeconds")] = Field(
        None, alias="InvocationTimeoutSeconds"
    )


class InvokeInferenceRouterResponse(ResponseShape):
    """What `InvokeInferenceRouter` answers."""

    body: bytes = Field(alias="Body", repr=False)
    content_type: str | None = Field(default=None, alias="ContentType")
    invoked_routed_resource_arn: str | None = Field(default=None, alias="InvokedRoutedResourceArn")
    """The endpoint or the inference component that answered."""
    routing_reason: str | None = Field(default=None, alias="RoutingReason")
    """Why that one: ``local-preferred``, ``capacity-available``, ``only-healthy`` or ``failover``."""
    invoked_production_variant: str | None = Field(default=None, alias="InvokedProductionVariant")
    custom_attributes: str | None = Field(default=None, alias="CustomAttributes", repr=False)


class InvokeInferenceRouterAsyncResponse(ResponseShape):
    """What `InvokeInferenceRouterAsync` answers: where the result will be, whichever destination makes it."""

    inference_id: str | None = Field(default=None, alias="InferenceId")
    output_location: str | None = Field(default=None, alias="OutputLocation")
    failure_location: str | None = Field(default=None, alias="FailureLocation")
