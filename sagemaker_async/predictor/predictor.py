"""`Predictor`: the SageMaker Python SDK's way to call one endpoint, made asynchronous.

Parameters, their order and their defaults are the SDK's (``sagemaker.predictor.Predictor``, version 2), so that code
moves over by adding ``await``. What it sends is what the SDK sends.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast, overload

from sagemaker_async.aws.call import Reply
from sagemaker_async.aws.client import CallOptions, call_options, shared_channel
from sagemaker_async.aws.http import ProgressCallback
from sagemaker_async.codecs.offload import deserialize_off_loop, serialize_off_loop
from sagemaker_async.config import Timeouts
from sagemaker_async.deserializers import BytesDeserializer, Deserializer
from sagemaker_async.errors import ConfigurationError, DeserializationError, InBandError
from sagemaker_async.records.iterator import ByteIterator
from sagemaker_async.runtime.operations import INVOKE_ENDPOINT_WITH_RESPONSE_STREAM
from sagemaker_async.serializers import IdentitySerializer, Serializer
from sagemaker_async.session import Session

from .chat import ChatEndpoint
from .fields import PreparesCalls
from .iterating import IteratorFactory, check_iterator
from .management import HostedEndpoint
from .many import MapsRecords
from .patient import Capacity, WaitForCapacity, check_capacity
from .prediction import Prediction
from .stream import PredictionStream

__all__ = ["Predictor"]

T = TypeVar("T")
R = TypeVar("R")

DEFAULT_CONTENT_TYPE = "application/octet-stream"


class Predictor(HostedEndpoint, ChatEndpoint, PreparesCalls, MapsRecords[R], Generic[R]):
    """Makes predictions with one endpoint, and updates, watches and deletes it; an asynchronous context manager.

    Args:
        endpoint_name: the endpoint.
        sagemaker_session: the session to use. None makes one that belongs to the predictor: `close` closes it.
        serializer: makes request bodies of data; the default sends bytes and str as they are.
        deserializer: makes objects of response bodies; the default returns bytes.
        component_name: the inference component to call, unless a call names another. None or empty: none.
        content_type: sent instead of the serializer's ``CONTENT_TYPE``.
        accept: asked for instead of the deserializer's ``ACCEPT``.
        capacity: makes calls wait while the model has no copies, as one scaled to zero; None: they fail at once.
        endpoint: deprecated name of `endpoint_name`.

    Raises:
        ConfigurationError: the session is not a `Session`, or a serializer or deserializer lacks what it needs.

    Example:
        ::

            async with Session(region="us-east-1") as session:
                predictor = Predictor("my-endpoint", session, JSONSerializer(), JSONDeserializer())
                answer = await predictor.predict({"inputs": "hello"})
    """

    @overload
    def __init__(
        self: Predictor[bytes],
        endpoint_name: str | None = None,
        sagemaker_session: Session | None = None,
        serializer: Serializer | None = None,
        deserializer: None = None,
        component_name: str | None = None,
        *,
        content_type: str | None = None,
        accept: str | tuple[str, ...] | None = None,
        capacity: WaitForCapacity | None = None,
        endpoint: str | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        endpoint_name: str | None = None,
        sagemaker_session: Session | None = None,
        serializer: Serializer | None = None,
        deserializer: Deserializer[R] = ...,
        component_name: str | None = None,
        *,
        content_type: str | None = None,
        accept: str | tuple[str, ...] | None = None,
        capacity: WaitForCapacity | None = None,
        endpoint: str | None = None,
    ) -> None: ...

    def __init__(
        self,
        endpoint_name: str | None = None,
        sagemaker_session: Session | None = None,
        serializer: Serializer | None = None,
        deserializer: Deserializer[Any] | None = None,
        component_name: str | None = None,
        *,
        content_type: str | None = None,
        accept: str | tuple[str, ...] | None = None,
        capacity: WaitForCapacity | None = None,
        endpoint: str | None = None,
    ) -> None:
        if endpoint is not None:
            warnings.warn("Predictor(endpoint=...) is now endpoint_name=...", DeprecationWarning, stacklevel=2)
            endpoint_name = endpoint_name or endpoint
        if not isinstance(endpoint_name, str) or not endpoint_name:
            raise ConfigurationError(f"Predictor needs an endpoint_name, a non-empty str, got {endpoint_name!r}")
        serializer = IdentitySerializer() if serializer is None else serializer
        deserializer = cast("Deserializer[R]", BytesDeserializer()) if deserializer is None else deserializer
        _check(serializer, "serializer", "serialize", "CONTENT_TYPE")
        _check(deserializer, "deserializer", "deserialize", "ACCEPT")
        if capacity is not None:
            check_capacity(capacity)
        if sagemaker_session is not None:
            shared_channel(sagemaker_session)
        self._owns_session = sagemaker_session is None
        super().__init__(endpoint_name, Session() if sagemaker_session is None else sagemaker_session, component_name)
        self.serializer: Serializer = serializer
        self.deserializer: Deserializer[R] = deserializer
        self.capacity: WaitForCapacity | None = capacity
        self._content_type = content_type
        self._accept = accept
        self._heads = {}

    def __repr__(self) -> str:
        return f"<Predictor of {self.endpoint_name!r}>"

    @property
    def endpoint(self) -> str:
        """Deprecated name of `endpoint_name`."""
        warnings.warn("Predictor.endpoint is now Predictor.endpoint_name", DeprecationWarning, stacklevel=2)
        return self.endpoint_name

    async def __aenter__(self) -> Self:
        self.sagemaker_session.channel.check_usable()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the session if it is the predictor's own; idempotent."""
        if self._owns_session:
            await self.sagemaker_session.close()

    async def predict(
        self,
        data: Any,
        initial_args: Mapping[str, Any] | None = None,
        target_model: str | None = None,
        target_variant: str | None = None,
        inference_id: str | None = None,
        custom_attributes: str | None = None,
        component_name: str | None = None,
        *,
        target_container_hostname: str | None = None,
        session_id: str | None = None,
        prefix_aware_id: str | None = None,
        enable_explanations: str | None = None,
        timeout: float | Timeouts | None = None,
        capacity: Capacity = None,
        on_chunk_sent: ProgressCallback | None = None,
        on_chunk_received: ProgressCallback | None = None,
    ) -> R:
        """Return the model's answer to `data`.

        Args:
            data: what the serializer takes.
            initial_args: further fields of the request, in AWS's spelling; the arguments here that are neither None nor
                empty win over them.
            target_model: the model of a multi-model endpoint.
            target_variant: the production variant.
            inference_id: an id that data capture records with the inference.
            custom_attributes: what the container gets as ``X-Amzn-SageMaker-Custom-Attributes``.
            component_name: the inference component, instead of the predictor's own.
            target_container_hostname: the container of a multi-container endpoint.
            session_id: the stateful session, or ``NEW_SESSION``; `session` opens, binds and closes one.
            prefix_aware_id: routes requests with the same id to the same instance, as long as it is not overloaded, so
                that what its container has cached is used again: the key-value cache of a long system prompt, of a
                document that many questions are about, or of a conversation. It helps on endpoints with two instances
                or more whose variant has the routing strategy ``PREFIX_AWARE``, and with prefixes of thousands of
                tokens. 1 to 64 printable characters, such as a conversation's id or a hash of the shared prefix.
                Without one, SageMaker compares the first bytes of the bodies, which must then be equal: the same order
                of keys, and the long part first.
            enable_explanations: a JMESPath expression that says which records to explain.
            timeout: seconds for the whole call over all attempts, or limits of its own.
            capacity: how to wait while the model has no copies; None: as the predictor does; False: not at all.
            on_chunk_sent: is told how the body goes out, as for `SageMakerRuntimeClient`.
            on_chunk_received: is told how the answer comes in.

        Raises:
            SerializationError: `data` cannot be serialised; nothing was sent.
            RequestValidationError: a field breaks a rule; nothing was sent.
            ModelError: the model's container answered with an error.
            NoCapacityError: the model had no copies for too long; only with `capacity`.
            CallError: the call failed in another way.
            DeserializationError: the answer cannot be deserialised; its `body` is the beginning of what came.
        """
        given = {
            "TargetModel": target_model,
            "TargetVariant": target_variant,
            "InferenceId": inference_id,
            "CustomAttributes": custom_attributes,
            "InferenceComponentName": component_name,
            "TargetContainerHostname": target_container_hostname,
            "SessionId": session_id,
            "PrefixAwareId": prefix_aware_id,
            "EnableExplanations": enable_explanations,
        }
        options = call_options(timeout, on_chunk_sent, on_chunk_received)
        answer, _ = await self._predicted(data, initial_args, given, options, capacity)
        return answer

    async def predict_full(
        self,
        data: Any,
        initial_args: Mapping[str, Any] | None = None,
        target_model: str | None = None,
        target_variant: str | None = None,
        inference_id: str | None = None,
        custom_attributes: str | None = None,
        component_name: str | None = None,
        *,
        target_container_hostname: str | None = None,
        session_id: str | None = None,
        prefix_aware_id: str | None = None,
        enable_explanations: str | None = None,
        timeout: float | Timeouts | None = None,
        capacity: Capacity = None,
        on_chunk_sent: ProgressCallback | None = None,
        on_chunk_received: ProgressCallback | None = None,
    ) -> Prediction[R]:
        """Do as `predict`, and return the answer with what surrounds it: custom attributes, variant, request id, ...

        Arguments and errors are those of `predict`.

        Example:
            ::

                prediction = await predictor.predict_full({"inputs": "hello"}, custom_attributes="trace=1")
                print(prediction.answer, prediction.variant, prediction.custom_attributes)
        """
        given = {
            "TargetModel": target_model,
            "TargetVariant": target_variant,
            "InferenceId": inference_id,
            "CustomAttributes": custom_attributes,
            "InferenceComponentName": component_name,
            "TargetContainerHostname": target_container_hostname,
            "SessionId": session_id,
            "PrefixAwareId": prefix_aware_id,
            "EnableExplanations": enable_explanations,
        }
        options = call_options(timeout, on_chunk_sent, on_chunk_received)
        answer, reply = await self._predicted(data, initial_args, given, options, capacity)
        headers = reply.metadata.headers
        said = {name: headers.get(header) for name, header in self._operation.response_headers.items()}
        return Prediction(
            answer=answer,
            content_type=said["ContentType"],
            custom_attributes=said["CustomAttributes"],
            variant=said["InvokedProductionVariant"],
            new_session_id=said.get("NewSessionId"),
            closed_session_id=said.get("ClosedSessionId"),
            routed_to=said.get("InvokedRoutedResourceArn"),
            routing_reason=said.get("RoutingReason"),
            request_id=reply.metadata.request_id,
            attempts=reply.metadata.attempts,
        )

    async def _predicted(
        self,
        data: Any,
        initial_args: Mapping[str, Any] | None,
        given: Mapping[str, Any],
        options: CallOptions,
        capacity: Capacity = None,
    ) -> tuple[R, Reply]:
        """Return the answer to `data`, deserialised, and as it came."""
        session = self.sagemaker_session
        client = session.runtime if self._routing_target is None else session.routers
        operation = self._operation
        send = self._patient(client.send, capacity)
        body = await serialize_off_loop(self.serializer, data)
        call = self._prepared(client, operation, body, initial_args, given, options)
        # Not through invoke_endpoint: of its response shape, nothing but body and content type would be used.
        reply = await send(call)
        metadata = reply.metadata
        if self._sticky is not None:
            self._sticky.note(metadata.headers)
        content_type = metadata.headers.get("Content-Type") or DEFAULT_CONTENT_TYPE
        try:
            stream = io.BytesIO(reply.body)
            answer = await deserialize_off_loop(self.deserializer, stream, content_type, len(reply.body))
        except (DeserializationError, InBandError) as error:
            origin = session.channel.origin(operation.service)
            error.locate(operation.name, call.resource, origin, metadata.request_id)
            error.attempts = metadata.attempts
            if isinstance(error, DeserializationError):
                error.keep_answer(metadata.status, content_type, reply.body)
            raise
        return answer, reply

    @overload
    def predict_stream(
        self,
        data: Any,
        initial_args: Mapping[str, Any] | None = None,
        target_variant: str | None = None,
        inference_id: str | None = None,
        custom_attributes: str | None = None,
        component_name: str | None = None,
        target_container_hostname: str | None = None,
        *,
        session_id: str | None = None,
        prefix_aware_id: str | None = None,
        timeout: float | Timeouts | None = None,
        capacity: Capacity = None,
        on_chunk_sent: ProgressCallback | None = None,
        on_chunk_received: ProgressCallback | None = None,
    ) -> PredictionStream[bytes]: ...

    @overload
    def predict_stream(
        self,
        data: Any,
        initial_args: Mapping[str, Any] | None = None,
        target_variant: str | None = None,
        inference_id: str | None = None,
        custom_attributes: str | None = None,
        component_name: str | None = None,
        target_container_hostname: str | None = None,
        iterator: IteratorFactory[T] = ...,
        *,
        session_id: str | None = None,
        prefix_aware_id: str | None = None,
        timeout: float | Timeouts | None = None,
        capacity: Capacity = None,
        on_chunk_sent: ProgressCallback | None = None,
        on_chunk_received: ProgressCallback | None = None,
    ) -> PredictionStream[T]: ...

    def predict_stream(
        self,
        data: Any,
        initial_args: Mapping[str, Any] | None = None,
        target_variant: str | None = None,
        inference_id: str | None = None,
        custom_attributes: str | None = None,
        component_name: str | None = None,
        target_container_hostname: str | None = None,
        iterator: IteratorFactory[Any] = ByteIterator,
        *,
        session_id: str | None = None,
        prefix_aware_id: str | None = None,
        timeout: float | Timeouts | None = None,
        capacity: Capacity = None,
        on_chunk_sent: ProgressCallback | None = None,
        on_chunk_received: ProgressCallback | None = None,
    ) -> PredictionStream[Any]:
        """Return the model's answer to `data` as a stream of records; nothing is sent before it is opened.

        Args:
            data: what the serializer takes; it is serialised at this call.
            initial_args: as for `predict`.
            target_variant: as for `predict`.
            inference_id: as for `predict`.
            custom_attributes: as for `predict`.
            component_name: as for `predict`.
            target_container_hostname: as for `predict`.
            iterator: makes records of the event stream; one of `sagemaker_async.iterators`, or your own.
            session_id: the stateful session.
            prefix_aware_id: as for `predict`.
            timeout: seconds up to the head of the answer, or limits of its own.
            capacity: as for `predict`; the wait is part of opening the stream.
            on_chunk_sent: as for `predict`.
            on_chunk_received: as for `predict`; the framing of events counts as well.

        Raises:
            ConfigurationError: `iterator` is not asynchronous.
            SerializationError: `data` cannot be serialised.
            RequestValidationError: a field breaks a rule.
            StreamError: while iterating: the stream failed; records before the failure were delivered.
            CallError: on opening: the call failed.

        Example:
            ::

                async with predictor.predict_stream({"inputs": "hello"}, iterator=LineIterator) as lines:
                    async for line in lines: ...
        """
        given = {
            "TargetVariant": target_variant,
            "InferenceId": inference_id,
            "CustomAttributes": custom_attributes,
            "InferenceComponentName": component_name,
            "TargetContainerHostname": target_container_hostname,
            "SessionId": session_id,
            "PrefixAwareId": prefix_aware_id,
        }
        options = call_options(timeout, on_chunk_sent, on_chunk_received)
        return self._stream(data, initial_args, given, options, iterator, capacity)

    def _stream(
        self,
        data: Any,
        initial_args: Mapping[str, Any] | None,
        given: Mapping[str, Any],
        options: CallOptions,
        iterator: IteratorFactory[T],
        capacity: Capacity = None,
    ) -> PredictionStream[T]:
        """Return the answer to `data` as a stream that is not open yet."""
        check_iterator(iterator)
        self._check_of_endpoint("response streams")
        body = self.serializer.serialize(data)
        client = self.sagemaker_session.runtime
        call = self._prepared(client, INVOKE_ENDPOINT_WITH_RESPONSE_STREAM, body, initial_args, given, options)
        return PredictionStream(partial(self._patient(client.open_stream, capacity), call), iterator)


def _check(value: object, name: str, method: str, attribute: str) -> None:
    if isinstance(value, type):
        raise ConfigurationError(f"{name} must be an instance: {value.__name__}(), not the class {value.__name__}")
    if not callable(getattr(value, method, None)) or not hasattr(value, attribute):
        raise ConfigurationError(
            f"{name} must have {method}(...) and {attribute}, as the classes of sagemaker_async.{name}s do; "
            f"{type(value).__name__} lacks one of them"
        )
