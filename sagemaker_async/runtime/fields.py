"""The keywords of SageMaker Runtime's operations, for type checkers: each field in Python's spelling and in AWS's."""

from __future__ import annotations

from typing import TypedDict

from sagemaker_async.aws.shapes.body import BodyLike

__all__ = ["InvokeEndpointAsyncFields", "InvokeEndpointFields", "InvokeEndpointWithResponseStreamFields"]


class InvocationFields(TypedDict, total=False):
    """The keywords all three operations take, in Python's spelling and in AWS's."""

    endpoint_name: str
    content_type: str | None
    accept: str | None
    custom_attributes: str | None
    inference_id: str | None
    EndpointName: str
    ContentType: str | None
    Accept: str | None
    CustomAttributes: str | None
    InferenceId: str | None


class InvokeEndpointWithResponseStreamFields(InvocationFields, total=False):
    """The keywords of `InvokeEndpointWithResponseStream`, in Python's spelling and in AWS's."""

    body: BodyLike
    target_variant: str | None
    target_container_hostname: str | None
    inference_component_name: str | None
    session_id: str | None
    prefix_aware_id: str | None
    Body: BodyLike
    TargetVariant: str | None
    TargetContainerHostname: str | None
    InferenceComponentName: str | None
    SessionId: str | None
    PrefixAwareId: str | None


class InvokeEndpointFields(InvokeEndpointWithResponseStreamFields, total=False):
    """The keywords of `InvokeEndpoint`, in Python's spelling and in AWS's."""

    target_model: str | None
    enable_explanations: str | None
    TargetModel: str | None
    EnableExplanations: str | None


class InvokeEndpointAsyncFields(InvocationFields, total=False):
    """The keywords of `InvokeEndpointAsync`, in Python's spelling and in AWS's."""

    body: BodyLike | None
    input_location: str | None
    s3_output_path_extension: str | None
    filename: str | None
    request_ttl_seconds: int | None
    invocation_timeout_seconds: int | None
    Body: BodyLike | None
    InputLocation: str | None
    S3OutputPathExtension: str | None
    Filename: str | None
    RequestTTLSeconds: int | None
    InvocationTimeoutSeconds: int | None
