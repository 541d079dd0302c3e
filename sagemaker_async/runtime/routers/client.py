"""`InferenceRouterClient`: the two operations of inference routers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, Unpack

from sagemaker_async import _lazy
from sagemaker_async.aws.call import Reply
from sagemaker_async.aws.client import PreparedCall, ServiceClient, call_options
from sagemaker_async.aws.http import ProgressCallback
from sagemaker_async.aws.pipeline import Pipeline
from sagemaker_async.aws.shapes.body import BodyLike
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.config import DefaultSeconds, Timeouts
from sagemaker_async.runtime.generated.router_requests import (
    InvokeInferenceRouterAsyncAWSFields,
    InvokeInferenceRouterAWSFields,
)

from .operations import INVOKE_INFERENCE_ROUTER, INVOKE_INFERENCE_ROUTER_ASYNC

if TYPE_CHECKING:
    from . import shapes
else:
    shapes = _lazy.later("runtime.routers.shapes")

__all__ = ["FIRST_BYTE_SECONDS", "InferenceRouterClient"]

FIRST_BYTE_SECONDS: Final = 170.0
"""How long an answer may take to begin, unless the session has a limit of its own: AWS's advice for routers."""


class InferenceRouterClient(ServiceClient):
    """The data plane of inference routers; `Session.routers`.

    A router is invoked instead of an endpoint. It holds routing targets, each a list of endpoints or inference
    components of any account and Region, and passes a request on to one that is healthy and has capacity. If that one
    fails before the model has answered, the router tries another, once. Each attempt may take 60 s, so that an answer
    may take longer than an endpoint's: where `Timeouts.first_byte` is left at its default, it is 170 s here.

    There is no response stream, and no OpenAI-compatible route. Routers themselves are created by `Session.hosting`.

    Fields, `timeout` and callbacks are as for `SageMakerRuntimeClient`, and so are the exceptions.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/inference-router.html
    """

    operations: ClassVar[tuple[Operation, ...]] = (INVOKE_INFERENCE_ROUTER, INVOKE_INFERENCE_ROUTER_ASYNC)

    async def send(self, call: PreparedCall, pipeline: Pipeline | None = None) -> Reply:
        """Send a prepared call, with the limits of a router."""
        await self._channel.pipeline(call.operation.service)  # from here on the session's limits are known
        timeout = call.options.timeout
        limits = timeout if isinstance(timeout, Timeouts) else self._channel.timeouts
        if isinstance(limits.first_byte, DefaultSeconds):
            limits = replace(limits, first_byte=FIRST_BYTE_SECONDS)
        if timeout is not None and not isinstance(timeout, Timeouts):
            limits = replace(limits, total=timeout)
        return await super().send(call._replace(options=call.options._replace(timeout=limits)), pipeline)

    async def invoke_inference_router(
        self,
        *,
        inference_router_name: str | None = None,
        routing_target_name: str | None = None,
        body: BodyLike | None = None,
        content_type: str | None = None,
        accept: str | None = None,
        custom_attributes: str | None = None,
        inference_id: str | None = None,
        prefix_aware_id: str | None = None,
        timeout: float | Timeouts | None = None,
        on_chunk_sent: ProgressCallback | None = None,
        on_chunk_received: ProgressCallback | None = None,
        **aws_fields: Unpack[InvokeInferenceRouterAWSFields],
    ) -> shapes.InvokeInferenceRouterResponse:
        """Get one inference from a destination of a router's target, and return its whole answer.

        Args:
            inference_router_name: the router; required.
            routing_target_name: which of its targets; required.
            body: the input, up to 6,291,456 bytes: bytes, bytearray, memoryview, str (sent as UTF-8) or a binary object
                with ``read()``; required.
            content_type: the media type of `body`.
            accept: the media type asked for.
            custom_attributes: what the container gets as ``X-Amzn-SageMaker-Custom-Attributes``, up to 1024 characters.
            inference_id: an id that data capture records with the inference.
            prefix_aware_id: routes requests with the same prefix to the same instance.
            timeout: see the class.
            on_chunk_sent: see the class.
            on_chunk_received: see the class.
            **aws_fields: the fields in AWS's spelling.

        Raises:
            ModelError: the model's container answered with an error.
            ModelNotReadyException: no destination had capacity after the last attempt, for instance because its
                components have no copies.
            ServiceUnavailable: no destination is available, or the chosen one did not answer.
            AccessDeniedError: the credentials may not invoke the router, or not all of its destinations.
            ValidationError: AWS refused the request, for instance because there is no such router.
        """
        fields = {
            "inference_router_name": inference_router_name,
            "routing_target_name": routing_target_name,
            "body": body,
            "content_type": content_type,
            "accept": accept,
            "custom_attributes": custom_attributes,
            "inference_id": inference_id,
            "prefix_aware_id": prefix_aware_id,
            **aws_fields,
        }
        options = call_options(timeout, on_chunk_sent, on_chunk_received)
        response: shapes.InvokeInferenceRouterResponse = await self.perform(
            self.prepare(INVOKE_INFERENCE_ROUTER, fields, options)
        )
        return response

    async def invoke_inference_router_async(
        self,
        *,
        inference_router_name: str | None = None,
        routing_target_name: str | None = None,
        input_location: str | None = None,
        content_type: str | None = None,
        accept: str | None = None,
        custom_attributes: str | None = None,
        inference_id: str | None = None,
        s3_output_path_extension: str | None = None,
        filename: str | None = None,
        request_ttl_seconds: int | None = None,
        invocation_timeout_seconds: int | None = None,
        timeout: float | Timeouts | None = None,
        **aws_fields: Unpack[InvokeInferenceRouterAsyncAWSFields],
    ) -> shapes.InvokeInferenceRouterAsyncResponse:
        """Queue one inference whose input is in S3, and return where the result will be.

        The locations stay the same when the router moves the request to another destination.

        Args:
            inference_router_name: the router; required.
            routing_target_name: which of its targets, one with an ``AsyncInferenceConfig``; required.
            input_location: where the input is, ``s3://bucket/key`` in the router's Region and account; required.
            content_type: the media type of the input.
            accept: the media type asked for.
            custom_attributes: what the container gets as ``X-Amzn-SageMaker-Custom-Attributes``, up to 1024 characters.
            inference_id: the id of the inference; SageMaker makes one if it is not given.
            s3_output_path_extension: comes after the target's output path, before the name of the result.
            filename: the name of the result in S3, up to 64 characters.
            request_ttl_seconds: seconds for which the request may wait, 60 to 21,600.
            invocation_timeout_seconds: seconds that the model may take, 1 to 3,600.
            timeout: see the class.
            **aws_fields: the fields in AWS's spelling.

        Raises:
            ValidationError, ServiceUnavailable, AccessDeniedError: as `invoke_inference_router`.
        """
        fields = {
            "inference_router_name": inference_router_name,
            "routing_target_name": routing_target_name,
            "input_location": input_location,
            "content_type": content_type,
            "accept": accept,
            "custom_attributes": custom_attributes,
            "inference_id": inference_id,
            "s3_output_path_extension": s3_output_path_extension,
            "filename": filename,
            "request_ttl_seconds": request_ttl_seconds,
            "invocation_timeout_seconds": invocation_timeout_seconds,
            **aws_fields,
        }
        call = self.prepare(INVOKE_INFERENCE_ROUTER_ASYNC, fields, call_options(timeout))
        response: shapes.InvokeInferenceRouterAsyncResponse = await self.perform(call)
        return response
