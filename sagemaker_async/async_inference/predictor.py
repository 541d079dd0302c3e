"""`AsyncPredictor`: the SageMaker Python SDK's way to call an asynchronous endpoint, made asynchronous.

Parameters, their order and their defaults are the SDK's (``sagemaker.predictor_async``, version 2). A small payload
goes in the request itself; a larger one to S3 first, as in the SDK.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack

from sagemaker_async import _lazy
from sagemaker_async.aws.client import CallOptions
from sagemaker_async.aws.s3.uris import S3Location, parse_s3_uri
from sagemaker_async.aws.shapes.body import body_bytes, read_body
from sagemaker_async.codecs.offload import serialize_off_loop
from sagemaker_async.config import Timeouts
from sagemaker_async.deserializers import Deserializer
from sagemaker_async.errors import ConfigurationError, ResponseError, SerializationError
from sagemaker_async.predictor import Predictor
from sagemaker_async.predictor.fields import invocation_fields
from sagemaker_async.predictor.management import HostedEndpoint
from sagemaker_async.runtime.operations import INVOKE_ENDPOINT_ASYNC
from sagemaker_async.serializers import Serializer

from .job import DEFAULT_TIMEOUT, DEFAULT_TTL
from .poller import Poller
from .response import AsyncInferenceResponse
from .waiter_config import WaiterConfig

if TYPE_CHECKING:
    from sagemaker_async.predictor.batches import Batch
    from sagemaker_async.predictor.map_options import MapFields
    from sagemaker_async.predictor.mapping import Outcomes, Records, Watch

__all__ = ["INLINE_BYTES", "AsyncPredictor"]

R = TypeVar("R")

INLINE_BYTES = 128_000
"""The largest payload that InvokeEndpointAsync takes in the request itself."""
_DEFAULT_WAITER = WaiterConfig()
_ABOUT_INPUT = frozenset({"Body", "InputLocation"})
_AWS_NAMES = INVOKE_ENDPOINT_ASYNC.names


class AsyncPredictor(HostedEndpoint, Generic[R]):
    """Makes predictions with an asynchronous endpoint; its other methods are those of `Predictor`'s control plane.

    Args:
        predictor: says which endpoint, session, serializer and deserializer. You still have to close it.
        name: what the keys of uploaded inputs begin with; None: the endpoint's name.
        upload_to: ``s3://bucket/prefix`` for inputs; None: ``async-endpoint-inputs`` in the session's default bucket,
            ``sagemaker-{region}-{account}``, which must exist.
        inline_bytes: the largest payload to send in the request itself; 0 uploads every payload, as the SDK does.

    Raises:
        ConfigurationError: an argument is not what it should be, or the predictor names an inference component, which
            asynchronous endpoints do not have.

    Example:
        ::

            predictor = Predictor("my-endpoint", session, JSONSerializer(), JSONDeserializer())
            job = await AsyncPredictor(predictor).predict_async({"inputs": "hello"})
            result = await job
    """

    def __init__(
        self,
        predictor: Predictor[R],
        name: str | None = None,
        *,
        upload_to: str | None = None,
        inline_bytes: int = INLINE_BYTES,
    ) -> None:
        if not isinstance(predictor, Predictor):
            raise ConfigurationError(f"AsyncPredictor takes a Predictor, got {type(predictor).__name__}")
        if name is not None and not (isinstance(name, str) and re.fullmatch(r"[^\s/][^\n]{0,254}", name)):
            raise ConfigurationError(f"name must be a str of 1 to 255 characters for keys in S3, got {name!r}")
        if upload_to is not None:
            parse_s3_uri(f"{upload_to}/name" if isinstance(upload_to, str) else upload_to)
        if isinstance(inline_bytes, bool) or not isinstance(inline_bytes, int) or not 0 <= inline_bytes <= INLINE_BYTES:
            raise ConfigurationError(
                f"inline_bytes must be a whole number from 0 to {INLINE_BYTES}, SageMaker's limit, got {inline_bytes!r}"
            )
        super().__init__(predictor.endpoint_name, predictor.sagemaker_session, predictor.component_name)
        self.predictor = predictor
        self.name = name
        self._upload_to = upload_to
        self._inline_bytes = inline_bytes
        self._check_target()

    def __repr__(self) -> str:
        return f"<AsyncPredictor of {self.endpoint_name!r}>"

    @property
    def serializer(self) -> Serializer:
        """The predictor's."""
        return self.predictor.serializer

    @serializer.setter
    def serializer(self, serializer: Serializer) -> None:
        self.predictor.serializer = serializer

    @property
    def deserializer(self) -> Deserializer[R]:
        """The predictor's."""
        return self.predictor.deserializer

    @deserializer.setter
    def deserializer(self, deserializer: Deserializer[R]) -> None:
        self.predictor.deserializer = deserializer

    async def predict(
        self,
        data: Any = None,
        input_path: str | None = None,
        initial_args: Mapping[str, Any] | None = None,
        inference_id: str | None = None,
        waiter_config: WaiterConfig = _DEFAULT_WAITER,
        *,
        custom_attributes: str | None = None,
        s3_output_path_extension: str | None = None,
        filename: str | None = None,
        request_ttl_seconds: int | None = None,
        invocation_timeout_seconds: int | None = None,
        timeout: float | Timeouts | None = None,
    ) -> R:
        """Submit a request, wait for its result, and return it.

        The arguments are those of `predict_async`, and:

        Args:
            data: as for `predict_async`.
            input_path: as for `predict_async`.
            initial_args: as for `predict_async`.
            inference_id: as for `predict_async`.
            waiter_config: how long to wait; 15 minutes by default, as in the SDK.
            custom_attributes: as for `predict_async`.
            s3_output_path_extension: as for `predict_async`.
            filename: as for `predict_async`.
            request_ttl_seconds: as for `predict_async`.
            invocation_timeout_seconds: as for `predict_async`.
            timeout: as for `predict_async`.

        Raises:
            SageMakerAsyncError: as `predict_async`, and as `AsyncInferenceJob.wait`.
        """
        if not isinstance(waiter_config, WaiterConfig):
            raise ConfigurationError("waiter_config should be a WaiterConfig object")
        job = await self.predict_async(
            data,
            input_path,
            initial_args,
            inference_id,
            custom_attributes=custom_attributes,
            s3_output_path_extension=s3_output_path_extension,
            filename=filename,
            request_ttl_seconds=request_ttl_seconds,
            invocation_timeout_seconds=invocation_timeout_seconds,
            timeout=timeout,
        )
        return await job.get_result(waiter_config)

    async def predict_async(
        self,
        data: Any = None,
        input_path: str | None = None,
        initial_args: Mapping[str, Any] | None = None,
        inference_id: str | None = None,
        *,
        custom_attributes: str | None = None,
        s3_output_path_extension: str | None = None,
        filename: str | None = None,
        request_ttl_seconds: int | None = None,
        invocation_timeout_seconds: int | None = None,
        timeout: float | Timeouts | None = None,
    ) -> AsyncInferenceResponse[R]:
        """Submit a request, and return the job to await, which is also the SDK's `AsyncInferenceResponse`.

        Args:
            data: what the serializer takes. It goes in the request if it is small and there is no `input_path`.
            input_path: the S3 URI of the input; with `data` as well, where to put it, as in the SDK.
            initial_args: further fields of the request, in AWS's spelling; arguments here win over them.
            inference_id: by which to find the request in notifications and captured data; None: SageMaker makes one up.
            custom_attributes: what the container gets as ``X-Amzn-SageMaker-Custom-Attributes``.
            s3_output_path_extension: what SageMaker adds to the endpoint's S3OutputPath.
            filename: the name of the output object.
            request_ttl_seconds: how long the request may wait in the queue, 60 to 21,600 seconds.
            invocation_timeout_seconds: how long the model may take, 1 to 3,600 seconds.
            timeout: seconds for submitting, or limits of its own, for each of the upload and the request.

        Raises:
            ConfigurationError: there is neither `data` nor `input_path`, or `initial_args` has an input too.
            RequestValidationError: `input_path` is not an S3 URI, or a field breaks a rule; nothing was sent.
            SerializationError: `data` cannot be serialised; nothing was sent.
            CallError: the upload or the request failed.
        """
        if data is None and input_path is None:
            raise ConfigurationError("Please provide input data or input Amazon S3 location to use async prediction")
        self._check_target()
        place = None if input_path is None else parse_s3_uri(input_path)
        given = {
            "InferenceId": inference_id,
            "CustomAttributes": custom_attributes,
            "S3OutputPathExtension": s3_output_path_extension,
            "Filename": filename,
            "RequestTTLSeconds": request_ttl_seconds,
            "InvocationTimeoutSeconds": invocation_timeout_seconds,
        }
        fields = self._fields(initial_args, given)
        options = CallOptions(timeout)
        self._check_sendable(fields | ({} if input_path is None else {"InputLocation": input_path}), options)
        if data is None:
            fields["InputLocation"] = input_path
        else:
            body = await self._serialized(data)
            if place is None and 0 < len(body) <= self._inline_bytes:
                fields["Body"] = body
            else:
                fields["InputLocation"] = str(await self._upload(body, place, fields["ContentType"], timeout))
        return await self._submit(fields, options)

    def map(
        self,
        records: Records,
        *,
        prepare: Callable[[Any], Any] | None = None,
        batch: int | Batch | None = None,
        initial_args: Mapping[str, Any] | None = None,
        timeout: float | Timeouts | None = None,
        **options: Unpack[MapFields],
    ) -> Outcomes[Any]:
        """Return the answers to many records, as `Predictor.map` does; each is submitted, and its job awaited.

        `concurrency` is the number of jobs that are awaited at once. A refused submission is repeated; an accepted one
        never is.

        Args:
            records: as for `Predictor.map`.
            prepare: as for `Predictor.map`.
            batch: as for `Predictor.map`.
            initial_args: further fields of each request, as for `predict_async`.
            timeout: as for `predict_async`.
            options: fields of `MapOptions`.

        Raises:
            ConfigurationError, RequestValidationError: an argument is wrong.

        Example:
            ::

                async for outcome in asynchronous.map(records, concurrency=500, on_error="return"):
                    print(outcome.index, outcome.result if outcome.ok else outcome.error)
        """
        self._check_target()
        self._check_sendable(self._fields(initial_args, {}), CallOptions(timeout))

        async def scored(data: Any, watch: Watch) -> R:
            job = await self.predict_async(data, None, initial_args, timeout=timeout)
            watch.answer_began()  # how long the job waits in the queue says nothing of what may be submitted
            return await job

        outcomes: Outcomes[Any] = _lazy.module("predictor.many").map_calls(
            self.predictor, scored, records, prepare=prepare, batch=batch, **options
        )
        return outcomes

    def _check_target(self) -> None:
        self.predictor._check_of_endpoint("AsyncPredictor")
        if self.predictor.component_name:
            raise ConfigurationError(
                f"the predictor names the inference component {self.predictor.component_name!r}, which "
                "InvokeEndpointAsync does not take: use a Predictor without component_name"
            )

    def _fields(self, initial_args: Mapping[str, Any] | None, given: Mapping[str, Any]) -> dict[str, Any]:
        predictor = self.predictor
        fields = invocation_fields(
            initial_args,
            _AWS_NAMES,
            {"EndpointName": predictor.endpoint_name},
            predictor.content_type,
            predictor.accept,
            given,
        )
        if twice := sorted(_ABOUT_INPUT & set(fields)):
            raise ConfigurationError(f"initial_args has {twice[0]}: give data or input_path instead")
        return fields

    def _check_sendable(self, fields: Mapping[str, Any], options: CallOptions) -> None:
        """Check everything but the input, before anything is uploaded."""
        client = self.sagemaker_session.runtime
        client.prepare(INVOKE_ENDPOINT_ASYNC, {"InputLocation": "s3://bucket/key", **fields}, options)

    async def _serialized(self, data: Any) -> bytes:
        serialized = await serialize_off_loop(self.serializer, data)
        try:
            body = body_bytes(serialized)
            return body if isinstance(body, bytes) else await read_body(body)
        except (TypeError, ValueError) as error:
            raise SerializationError(f"what the serializer returned {error}") from error
        except OSError as error:
            raise SerializationError(f"the input cannot be read: {error.strerror or error}") from error

    async def _upload(
        self, body: bytes, place: S3Location | None, content_type: str, timeout: float | Timeouts | None
    ) -> S3Location:
        """Put an input into S3, and return where it is."""
        session = self.sagemaker_session
        owner: str | None = None
        if place is None:
            values = await _lazy.load("predictor.values")
            folder = values.name_from_base(self.name or self.endpoint_name)
            moment = values.name_from_base("", 64).removeprefix("-")
            prefix = self._upload_to
            if prefix is None:
                owner = await session.account_id()
                prefix = f"s3://{await session.default_bucket()}/async-endpoint-inputs"
            place = parse_s3_uri(f"{prefix.rstrip('/')}/{folder}/{moment}-{uuid.uuid4()}")
        await session.s3.put_object(
            bucket=place.bucket,
            key=place.key,
            body=body,
            content_type=content_type,
            expected_bucket_owner=owner,
            timeout=timeout,
        )
        return place

    async def _submit(self, fields: Mapping[str, Any], options: CallOptions) -> AsyncInferenceResponse[R]:
        session = self.sagemaker_session
        client = session.runtime
        response = await client.perform(client.prepare(INVOKE_ENDPOINT_ASYNC, fields, options))
        if response.error is not None:
            raise response.error
        if response.output_location is None:
            raise ResponseError("the answer has no X-Amzn-SageMaker-OutputLocation", response.metadata.status).locate(
                INVOKE_ENDPOINT_ASYNC.name,
                fields["EndpointName"],
                session.channel.origin(INVOKE_ENDPOINT_ASYNC.service),
                response.metadata.request_id,
            )
        job = AsyncInferenceResponse(self, response.output_location, response.failure_location)
        job.endpoint_name = fields["EndpointName"]
        job.inference_id = response.inference_id
        job.ttl = fields.get("RequestTTLSeconds", DEFAULT_TTL)
        job.timeout = fields.get("InvocationTimeoutSeconds", DEFAULT_TIMEOUT)
        Poller.of(session).remember(job.inference_id)
        return job
