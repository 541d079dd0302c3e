"""Request and response models of SageMaker Runtime; the rules of their fields are in `rules`.

See https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Runtime.html
"""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NamedTuple, Self, TypeVar

from pydantic import Field, SkipValidation, model_validator
from pydantic_core import PydanticCustomError

from sagemaker_async.aws.shapes.models import RequestShape, ResponseShape, limits
from sagemaker_async.errors import StreamError

from . import rules
from .events import InternalStreamFailure, ModelStreamError, PayloadPart, StreamEvent
from .stream import EventStream

__all__ = [
    "InvokeEndpointAsyncRequest",
    "InvokeEndpointAsyncResponse",
    "InvokeEndpointRequest",
    "InvokeEndpointResponse",
    "InvokeEndpointWithResponseStreamRequest",
    "InvokeEndpointWithResponseStreamResponse",
    "NewSession",
]


class Invocation(RequestShape):
    """What all three operations take."""

    endpoint_name: Annotated[str, limits(rules.ENDPOINT_NAME)] = Field(alias="EndpointName")
    content_type: Annotated[str | None, limits(rules.CONTENT_TYPE)] = Field(default=None, alias="ContentType")
    accept: Annotated[str | None, limits(rules.ACCEPT)] = Field(default=None, alias="Accept")
    custom_attributes: Annotated[str | None, limits(rules.CUSTOM_ATTRIBUTES)] = Field(
        default=None, alias="CustomAttributes", repr=False
    )
    inference_id: Annotated[str | None, limits(rules.INFERENCE_ID)] = Field(default=None, alias="InferenceId")


class InvokeEndpointWithResponseStreamRequest(Invocation):
    """What `InvokeEndpointWithResponseStream` takes."""

    body: bytes = Field(alias="Body", repr=False)
    target_variant: Annotated[str | None, limits(rules.TARGET_VARIANT)] = Field(default=None, alias="TargetVariant")
    target_container_hostname: Annotated[str | None, limits(rules.CONTAINER_HOSTNAME)] = Field(
        default=None, alias="TargetContainerHostname"
    )
    inference_component_name: Annotated[str | None, limits(rules.COMPONENT_NAME)] = Field(
        default=None, alias="InferenceComponentName"
    )
    session_id: Annotated[str | None, limits(rules.SESSION_ID)] = Field(default=None, alias="SessionId")
    prefix_aware_id: Annotated[str | None, limits(rules.PREFIX_AWARE_ID)] = Field(default=None, alias="PrefixAwareId")


class InvokeEndpointRequest(InvokeEndpointWithResponseStreamRequest):
    """What `InvokeEndpoint` takes: all that a stream takes, and more."""

    session_id: Annotated[str | None, limits(rules.SESSION_ID_OR_NEW)] = Field(default=None, alias="SessionId")
    target_model: Annotated[str | None, limits(rules.TARGET_MODEL)] = Field(default=None, alias="TargetModel")
    enable_explanations: Annotated[str | None, limits(rules.ENABLE_EXPLANATIONS)] = Field(
        default=None, alias="EnableExplanations"
    )


class InvokeEndpointAsyncRequest(Invocation):
    """What `InvokeEndpointAsync` takes."""

    body: bytes | None = Field(default=None, alias="Body", repr=False)
    input_location: Annotated[str | None, limits(rules.INPUT_LOCATION)] = Field(default=None, alias="InputLocation")
    s3_output_path_extension: Annotated[str | None, limits(rules.OUTPUT_PATH_EXTENSION)] = Field(
        default=None, alias="S3OutputPathExtension"
    )
    filename: Annotated[str | None, limits(rules.FILENAME)] = Field(default=None, alias="Filename")
    request_ttl_seconds: int | None = Field(default=None, alias="RequestTTLSeconds", ge=60, le=21600, strict=True)
    invocation_timeout_seconds: int | None = Field(
        default=None, alias="InvocationTimeoutSeconds", ge=1, le=3600, strict=True
    )

    @model_validator(mode="after")
    def _exactly_one_input(self) -> Self:
        if bool(self.body) == bool(self.input_location):  # an empty body is none, for it does not show on the wire
            given = "both" if self.body else "neither"
            raise PydanticCustomError(
                "exclusive",
                "give exactly one of body (inline, at most 128,000 bytes) and input_location; {given} was given",
                {"field": "input_location", "given": given},
            )
        return self


E = TypeVar("E")
Handler = Callable[[E], Awaitable[object] | object]


class NewSession(NamedTuple):
    """A stateful session the endpoint opened: the two parts of ``NewSessionId``."""

    id: str
    """What to send as `session_id` in the requests that belong to the session."""
    expires: dt.datetime | None
    """When it ends, in UTC; None when the answer did not say."""


class InvokeEndpointResponse(ResponseShape):
    """What `InvokeEndpoint` answers."""

    body: bytes = Field(alias="Body", repr=False)
    content_type: str | None = Field(default=None, alias="ContentType")
    invoked_production_variant: str | None = Field(default=None, alias="InvokedProductionVariant")
    custom_attributes: str | None = Field(default=None, alias="CustomAttributes", repr=False)
    new_session_id: str | None = Field(default=None, alias="NewSessionId")
    closed_session_id: str | None = Field(default=None, alias="ClosedSessionId")

    @property
    def new_session(self) -> NewSession | None:
        """`new_session_id` in its two parts, ``{id}; Expires={yyyy-mm-ddThh:mm:ssZ}``; None when there is none."""
        if self.new_session_id is None:
            return None
        session_id, _, rest = self.new_session_id.partition(";")
        name, _, text = rest.strip().partition("=")
        expires = None
        if name == "Expires":
            try:
                expires = dt.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
            except ValueError:
                expires = None
        return NewSession(session_id, expires)


class InvokeEndpointWithResponseStreamResponse(ResponseShape):
    """What `InvokeEndpointWithResponseStream` answers; `body` is still to be read, and owns the connection."""

    body: SkipValidation[EventStream] = Field(alias="Body", repr=False)
    content_type: str | None = Field(default=None, alias="ContentType")
    invoked_production_variant: str | None = Field(default=None, alias="InvokedProductionVariant")
    custom_attributes: str | None = Field(default=None, alias="CustomAttributes", repr=False)

    async def aclose(self) -> None:
        """Close the stream and let go of its connection; idempotent."""
        await self.body.aclose()

    async def dispatch(
        self,
        *,
        on_payload_part: Handler[PayloadPart] | None = None,
        on_model_stream_error: Handler[ModelStreamError] | None = None,
        on_internal_stream_failure: Handler[InternalStreamFailure] | None = None,
        on_event: Handler[StreamEvent] | None = None,
    ) -> None:
        """Read the stream to its end and hand each event to its handler, in order; handlers may be ``async``.

        Args:
            on_payload_part: gets each `PayloadPart`.
            on_model_stream_error: gets a `ModelStreamError`.
            on_internal_stream_failure: gets an `InternalStreamFailure`.
            on_event: gets every event, those of unknown types included, before its own handler does.

        Raises:
            ModelStreamError, InternalStreamFailure: the stream carried one, and nobody handles it.
            StreamError: as iterating `body`.
        """
        handlers: tuple[tuple[type, Handler[Any] | None], ...] = (
            (PayloadPart, on_payload_part),
            (ModelStreamError, on_model_stream_error),
            (InternalStreamFailure, on_internal_stream_failure),
        )
        try:
            async for event in self.body:
                own = next((handler for kind, handler in handlers if isinstance(event, kind)), None)
                for handler in (on_event, own):
                    if handler is not None and inspect.isawaitable(result := handler(event)):
                        await result
                if isinstance(event, StreamError) and own is None:
                    raise event
        finally:
            await self.aclose()


class InvokeEndpointAsyncResponse(ResponseShape):
    """What `InvokeEndpointAsync` answers: where the result will be."""

    inference_id: str | None = Field(default=None, alias="InferenceId")
    output_location: str | None = Field(default=None, alias="OutputLocation")
    failure_location: str | None = Field(default=None, alias="FailureLocation")
