"""`SageMakerRuntimeClient`: the three operations of SageMaker Runtime."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, Unpack, overload

from sagemaker_async import _lazy
from sagemaker_async.aws.body_stream import BodyStream
from sagemaker_async.aws.client import PreparedCall, ServiceClient, call_options
from sagemaker_async.aws.http import ProgressCallback
from sagemaker_async.aws.protocols import parse_response
from sagemaker_async.aws.shapes.body import BodyLike
from sagemaker_async.aws.shapes.deferred import DeferredShapes
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.config import Timeouts
from sagemaker_async.errors import CallError

from .generated.requests import (
    InvokeEndpointAsyncAWSFields,
    InvokeEndpointAWSFields,
    InvokeEndpointWithResponseStreamAWSFields,
)
from .operations import INVOKE_ENDPOINT, INVOKE_ENDPOINT_ASYNC, INVOKE_ENDPOINT_WITH_RESPONSE_STREAM
from .stream import EventStream
from .stream_call import ResponseStreamCall, StreamHead, is_event_stream, not_an_event_stream

if TYPE_CHECKING:
    from . import shapes
else:
    shapes = _lazy.later("runtime.shapes")

__all__ = ["ResponseStreamCall", "SageMakerRuntimeClient", "StreamHead"]

INVOKE_ENDPOINT_STREAMED_BODY = dataclasses.replace(
    INVOKE_ENDPOINT, shapes=DeferredShapes(f"{__package__}.shapes", "InvokeEndpointStreamedBody"), streaming=True
)
"""`InvokeEndpoint` whose body is left to be read by whoever gets the response."""


class SageMakerRuntimeClient(ServiceClient):
    """The data plane of SageMaker.

    Each method takes its fields as keywords, in Python's spelling (``endpoint_name``) or AWS's (``EndpointName``); one
    that is None counts as not given. Besides, each takes:

    - `timeout`: seconds for the whole call over all attempts, or a `Timeouts` of its own; None: the session's.
    - `on_chunk_sent` and `on_chunk_received`: are called on the event loop with each piece of the body that has gone or
      come, how many bytes that makes, and how many there are in all (None while not known). Those that take two
      arguments get the two numbers alone. They are not awaited.

    All raise `RequestValidationError` before anything is sent when a field breaks one of AWS's rules, and `CallError`
    with its many kinds when the call fails; see `sagemaker_async.errors`.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Runtime.html
    """

    operations: ClassVar[tuple[Operation, ...]] = (
        INVOKE_ENDPOINT,
        INVOKE_ENDPOINT_WITH_RESPONSE_STREAM,
        INVOKE_ENDPOINT_ASYNC,
    )

    @overload
    async def invoke_endpoint(
        self,
        *,
        endpoint_name: str | None = None,
        body: BodyLike | None = None,
        content_type: str | None = None,
        accept: str | None = None,
        custom_attributes: str | None = None,
        inference_id: str | None = None,
        target_variant: str | None = None,
        target_container_hostname: str | None = None,
        inference_component_name: str | None = None,
        session_id: str | None = None,
        prefix_aware_id: str | None = None,
        target_model: str | None = None,
        enable_explanations: str | None = None,
        stream_body: Literal[False] = False,
        timeout: float | Timeouts | None = None,
        on_chunk_sent: ProgressCallback | None = None,
        on_chunk_received: ProgressCallback | None = None,
        **aws_fields: Unpack[InvokeEndpointAWSFields],
    ) -> shapes.InvokeEndpointResponse: ...

    @overload
    async def invoke_endpoint(
        self,
        *,
        endpoint_name: str | None = None,
        body: BodyLike | None = None,
        content_type: str | None = None,
        accept: str | None = None,
        custom_attributes: str | None = None,
        inference_id: str | None = None,
        target_variant: str | None = None,
        target_container_hostname: str | None = None,
        inference_component_name: str | None = None,
        session_id: str | None = None,
        prefix_aware_id: str | None = None,
        target_model: str | None = None,
        enable_explanations: str | None = None,
        stream_body: Literal[True],
        timeout: float | Timeouts | None = None,
        on_chunk_sent: ProgressCallback | None = None,
        on_chunk_received: ProgressCallback | None = None,
        **aws_fields: Unpack[InvokeEndpointAWSFields],
    ) -> shapes.InvokeEndpointStreamedBodyResponse: ...

    async def invoke_endpoint(
        self,
        *,
        endpoint_name: str | None = None,
        body: BodyLike | None = None,
        content_type: str | None = None,
        accept: str | None = None,
        custom_attributes: str | None = None,
        inference_id: str | None = None,
        target_variant: str | None = None,
        target_container_hostname: str | None = None,
        inference_component_name: str | None = None,
        session_id: str | None = None,
        prefix_aware_id: str | None = None,
        target_model: str | None = None,
        enable_explanations: str | None = None,
        stream_body: bool = False,
        timeout: float | Timeouts | None = None,
        on_chunk_sent: ProgressCallback | None = None,
        on_chunk_received: ProgressCallback | None = None,
        **aws_fields: Unpack[InvokeEndpointAWSFields],
    ) -> shapes.InvokeEndpointResponse:
        """Get one inference from a model and return its whole answer.

        Args:
            endpoint_name: the endpoint; required.
            body: the input: bytes, bytearray, memoryview, str (sent as UTF-8) or a binary object with ``read()``;
                required.
            content_type: the media type of `body`.
            accept: the media type asked for.
            custom_attributes: what the container gets as ``X-Amzn-SageMaker-Custom-Attributes``, up to 1024 characters.
            inference_id: an id that data capture records with the inference.
            target_variant: the production variant to call, instead of one by the weights of the variants.
            target_container_hostname: the container of a multi-container endpoint.
            inference_component_name: the inference component to call.
            session_id: the stateful session, or ``NEW_SESSION`` to open one.
            prefix_aware_id: routes requests with the same prefix to the same instance.
            target_model: the model of a multi-model endpoint, relative to its model artifacts.
            enable_explanations: a JMESPath expression that says which records to explain.
            stream_body: hands out the body as it comes, for answers that are too large to hold or to wait for:
                ``response.body`` is a `BodyStream` then, to be read with ``async for`` inside ``async with``. It owns
                its connection, and `Config.max_response_bytes` does not bound it.
            timeout: see the class.
            on_chunk_sent: see the class.
            on_chunk_received: see the class.
            **aws_fields: the fields in AWS's spelling.

        Raises:
            ModelError: the model's container answered with an error.
            ModelNotReadyException: a multi-model endpoint was still loading the model after the last attempt.
            ValidationError: AWS refused the request, for instance because there is no such endpoint.
        """
        fields = {
            "endpoint_name": endpoint_name,
            "body": body,
            "content_type": content_type,
            "accept": accept,
            "custom_attributes": custom_attributes,
            "inference_id": inference_id,
            "target_variant": target_variant,
            "target_container_hostname": target_container_hostname,
            "inference_component_name": inference_component_name,
            "session_id": session_id,
            "prefix_aware_id": prefix_aware_id,
            "target_model": target_model,
            "enable_explanations": enable_explanations,
            **aws_fields,
        }
        options = call_options(timeout, on_chunk_sent, on_chunk_received)
        if stream_body:
            return await self._with_streamed_body(self.prepare(INVOKE_ENDPOINT_STREAMED_BODY, fields, options))
        response: shapes.InvokeEndpointResponse = await self.perform(self.prepare(INVOKE_ENDPOINT, fields, options))
        return response

    async def _with_streamed_body(self, call: PreparedCall) -> shapes.InvokeEndpointStreamedBodyResponse:
        operation = call.operation
        await self.load(operation)
        response: shapes.InvokeEndpointStreamedBodyResponse
        try:
            reply = await self.send(call)
        except CallError as failure:
            nothing = BodyStream(None, (operation.name, call.resource, "", None), failure=failure)
            response = self.response_or_raise(operation, failure, body=nothing)
            return response
        metadata = reply.metadata
        where = (operation.name, call.resource, self._channel.origin(operation.service), metadata.request_id)
        told = call.options.progress.on_chunk_received
        body = BodyStream(reply.response, where, watcher=reply.watcher, on_chunk_received=told)
        response = parse_response(operation, metadata.headers, body, metadata)
        return response

    def invoke_endpoint_with_response_stream(
        self,
        *,
        endpoint_name: str | None = None,
        body: BodyLike | None = None,
        content_type: str | None = None,
        accept: str | None = None,
        custom_attributes: str | None = None,
        inference_id: str | None = None,
        target_variant: str | None = None,
        target_container_hostname: str | None = None,
        inference_component_name: str | None = None,
        session_id: str | None = None,
        prefix_aware_id: str | None = None,
        timeout: float | Timeouts | None = None,
        on_chunk_sent: ProgressCallback | None = None,
        on_chunk_received: ProgressCallback | None = None,
        **aws_fields: Unpack[InvokeEndpointWithResponseStreamAWSFields],
    ) -> ResponseStreamCall:
        """Get one inference from a model as a stream of events.

        The fields are checked at this call; nothing is sent before what it returns is awaited or entered::

            async with client.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"...") as response:
                async for event in response.body: ...

        Args:
            endpoint_name: the endpoint; required.
            body: the input, as for `invoke_endpoint`; required.
            content_type: the media type of `body`.
            accept: the media type asked for.
            custom_attributes: what the container gets as ``X-Amzn-SageMaker-Custom-Attributes``, up to 1024 characters.
            inference_id: an id that data capture records with the inference.
            target_variant: the production variant to call, instead of one by the weights of the variants.
            target_container_hostname: the container of a multi-container endpoint.
            inference_component_name: the inference component to call.
            session_id: the stateful session, which `invoke_endpoint` has opened.
            prefix_aware_id: routes requests with the same prefix to the same instance.
            timeout: see the class; it bounds the call up to the head of the answer, not the stream.
            on_chunk_sent: see the class.
            on_chunk_received: see the class.
            **aws_fields: the fields in AWS's spelling.

        Raises:
            ModelError, ValidationError: as `invoke_endpoint`, once awaited.
            NotAnEventStreamError: what answered is something else than an event stream, once awaited.
        """
        fields = {
            "endpoint_name": endpoint_name,
            "body": body,
            "content_type": content_type,
            "accept": accept,
            "custom_attributes": custom_attributes,
            "inference_id": inference_id,
            "target_variant": target_variant,
            "target_container_hostname": target_container_hostname,
            "inference_component_name": inference_component_name,
            "session_id": session_id,
            "prefix_aware_id": prefix_aware_id,
            **aws_fields,
        }
        options = call_options(timeout, on_chunk_sent, on_chunk_received)
        call = self.prepare(INVOKE_ENDPOINT_WITH_RESPONSE_STREAM, fields, options)
        return ResponseStreamCall(partial(self._response_stream, call))

    async def invoke_endpoint_async(
        self,
        *,
        endpoint_name: str | None = None,
        input_location: str | None = None,
        body: BodyLike | None = None,
        content_type: str | None = None,
        accept: str | None = None,
        custom_attributes: str | None = None,
        inference_id: str | None = None,
        s3_output_path_extension: str | None = None,
        filename: str | None = None,
        request_ttl_seconds: int | None = None,
        invocation_timeout_seconds: int | None = None,
        timeout: float | Timeouts | None = None,
        on_chunk_sent: ProgressCallback | None = None,
        on_chunk_received: ProgressCallback | None = None,
        **aws_fields: Unpack[InvokeEndpointAsyncAWSFields],
    ) -> shapes.InvokeEndpointAsyncResponse:
        """Queue one inference whose input is in S3 or inline, and return where the result will be.

        Args:
            endpoint_name: the endpoint; required.
            input_location: where the input is, ``s3://bucket/key``; this or `body` is required, and not both.
            body: the input itself, up to 128,000 bytes, as for `invoke_endpoint`.
            content_type: the media type of the input.
            accept: the media type asked for.
            custom_attributes: what the container gets as ``X-Amzn-SageMaker-Custom-Attributes``, up to 1024 characters.
            inference_id: the id of the inference; SageMaker makes one if it is not given.
            s3_output_path_extension: comes after the endpoint's output path, before the name of the result.
            filename: the name of the result in S3.
            request_ttl_seconds: seconds for which the request may stand in the queue, 60 to 21,600.
            invocation_timeout_seconds: seconds that the model may take, 1 to 3,600.
            timeout: see the class.
            on_chunk_sent: see the class.
            on_chunk_received: see the class.
            **aws_fields: the fields in AWS's spelling.

        Raises:
            ValidationError: AWS refused the request.
        """
        fields = {
            "endpoint_name": endpoint_name,
            "input_location": input_location,
            "body": body,
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
        options = call_options(timeout, on_chunk_sent, on_chunk_received)
        call = self.prepare(INVOKE_ENDPOINT_ASYNC, fields, options)
        response: shapes.InvokeEndpointAsyncResponse = await self.perform(call)
        return response

    async def open_stream(self, call: PreparedCall) -> StreamHead:
        """Send a prepared call and return when the head of the event stream has come.

        Raises:
            CallError: as `invoke_endpoint_with_response_stream`; always, whatever `Config.raise_response_errors` says.
        """
        operation = call.operation
        reply = await self.send(call)
        response = reply.response
        where = (operation.name, call.resource, self._channel.origin(operation.service), reply.metadata.request_id)
        if not is_event_stream(response):
            error = await not_an_event_stream(response)
            error.attempts = reply.metadata.attempts
            if reply.watcher is not None:
                reply.watcher.ended(0, 0, error)
            raise error.locate(*where)
        body = EventStream(
            response, *where, watcher=reply.watcher, on_chunk_received=call.options.progress.on_chunk_received
        )
        return StreamHead(operation, body, reply.metadata)

    async def _response_stream(self, call: PreparedCall) -> shapes.InvokeEndpointWithResponseStreamResponse:
        await self.load(call.operation)
        response: shapes.InvokeEndpointWithResponseStreamResponse
        try:
            return (await self.open_stream(call)).response()
        except CallError as failure:
            response = self.response_or_raise(call.operation, failure, body=EventStream.failed(failure))
        return response
