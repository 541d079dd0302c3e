"""Request and response shapes of SageMaker Runtime.

Constraints are those of AWS's service model ``sagemaker-runtime`` of 2017-05-13, as whole-value patterns: AWS's own are
unanchored and would let ``a/../b`` or a line break through. Header values are limited to printable ASCII, because that
is all an HTTP header field carries (RFC 9110 section 5.5). See
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Runtime.html
"""

from __future__ import annotations

import datetime as dt
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Self, TypedDict, TypeVar

from pydantic import ConfigDict, Field, SkipValidation, model_validator
from pydantic_core import PydanticCustomError

from sagemaker_async.aws.body import BodyLike
from sagemaker_async.aws.shapes import RequestShape, ResponseShape
from sagemaker_async.errors import StreamError

from .events import InternalStreamFailure, ModelStreamError, PayloadPart, StreamEvent
from .stream import EventStream

__all__ = [
    "InvokeEndpointAsyncFields",
    "InvokeEndpointAsyncRequest",
    "InvokeEndpointAsyncResponse",
    "InvokeEndpointFields",
    "InvokeEndpointRequest",
    "InvokeEndpointResponse",
    "InvokeEndpointWithResponseStreamFields",
    "InvokeEndpointWithResponseStreamRequest",
    "InvokeEndpointWithResponseStreamResponse",
    "NewSession",
]

NAME = r"\A[a-zA-Z0-9](-*[a-zA-Z0-9])*\z"
NAME_RULE = "takes letters, digits and inner hyphens"
COMPONENT = r"\A[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?\z"
HEADER = r"\A[ -~]*\z"
HEADER_RULE = "takes printable ASCII, because it travels in an HTTP header"
PRINTABLE = r"\A[!-~][ -~]*\z"
PRINTABLE_RULE = "takes printable ASCII that does not begin with a space, because it travels in an HTTP header"
SESSION_RULE = "is an id that an earlier answer named, or NEW_SESSION where a session is to be opened"
STREAM_SESSION_RULE = "is an id that an earlier answer named; streams cannot open a session (NEW_SESSION)"
SESSION = r"\A(NEW_SESSION|[a-zA-Z0-9](-*[a-zA-Z0-9])*)\z"
LOCATION = r"\A(https|s3)://[!-.0-~]+(/[ -~]*)?\z"
LOCATION_RULE = "is the location of the input, s3://bucket/key or https://..., percent-encoded where it is not ASCII"
EXTENSION = r"\A[a-zA-Z0-9!_.*'()/-]+\z"
EXTENSION_RULE = "takes letters, digits and !_.*'()/-, and no scheme such as s3:"
FILENAME = r"\A[a-zA-Z0-9][a-zA-Z0-9_-]*(\.[a-zA-Z0-9_-]*)?\z"
FILENAME_RULE = "takes letters, digits, hyphens, underscores and at most one dot, and begins with a letter or digit"


BUILT = ConfigDict(defer_build=False)
"""Built at import: building the first model reads files, where pydantic looks for plugins, and a call would do it on
the event loop. The models of the other operations are built at their first call, in about 1 ms."""


class Invocation(RequestShape):
    """What all three operations take."""

    endpoint_name: str = Field(alias="EndpointName", max_length=63, pattern=NAME, description=NAME_RULE)
    content_type: str | None = Field(
        default=None, alias="ContentType", max_length=1024, pattern=HEADER, description=HEADER_RULE
    )
    accept: str | None = Field(default=None, alias="Accept", max_length=1024, pattern=HEADER, description=HEADER_RULE)
    custom_attributes: str | None = Field(
        default=None, alias="CustomAttributes", max_length=1024, pattern=HEADER, description=HEADER_RULE, repr=False
    )
    inference_id: str | None = Field(
        default=None, alias="InferenceId", min_length=1, max_length=64, pattern=PRINTABLE, description=PRINTABLE_RULE
    )


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


class InvokeEndpointWithResponseStreamRequest(Invocation):
    """What `InvokeEndpointWithResponseStream` takes."""

    body: bytes = Field(alias="Body", repr=False)
    target_variant: str | None = Field(
        default=None, alias="TargetVariant", max_length=63, pattern=NAME, description=NAME_RULE
    )
    target_container_hostname: str | None = Field(
        default=None, alias="TargetContainerHostname", max_length=63, pattern=NAME, description=NAME_RULE
    )
    inference_component_name: str | None = Field(
        default=None, alias="InferenceComponentName", max_length=63, pattern=COMPONENT, description=NAME_RULE
    )
    session_id: str | None = Field(
        default=None, alias="SessionId", max_length=256, pattern=NAME, description=STREAM_SESSION_RULE
    )
    prefix_aware_id: str | None = Field(
        default=None, alias="PrefixAwareId", min_length=1, max_length=64, pattern=PRINTABLE, description=PRINTABLE_RULE
    )


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


class InvokeEndpointRequest(InvokeEndpointWithResponseStreamRequest):
    """What `InvokeEndpoint` takes: all that a stream takes, and more."""

    model_config = BUILT

    session_id: str | None = Field(
        default=None, alias="SessionId", max_length=256, pattern=SESSION, description=SESSION_RULE
    )
    target_model: str | None = Field(
        default=None, alias="TargetModel", min_length=1, max_length=1024, pattern=PRINTABLE, description=PRINTABLE_RULE
    )
    enable_explanations: str | None = Field(
        default=None, alias="EnableExplanations", min_length=1, max_length=64, pattern=HEADER, description=HEADER_RULE
    )


class InvokeEndpointFields(InvokeEndpointWithResponseStreamFields, total=False):
    """The keywords of `InvokeEndpoint`, in Python's spelling and in AWS's."""

    target_model: str | None
    enable_explanations: str | None
    TargetModel: str | None
    EnableExplanations: str | None


class InvokeEndpointAsyncRequest(Invocation):
    """What `InvokeEndpointAsync` takes."""

    body: bytes | None = Field(default=None, alias="Body", repr=False)
    input_location: str | None = Field(
        default=None, alias="InputLocation", min_length=1, max_length=1024, pattern=LOCATION, description=LOCATION_RULE
    )
    s3_output_path_extension: str | None = Field(
        default=None,
        alias="S3OutputPathExtension",
        min_length=1,
        max_length=512,
        pattern=EXTENSION,
        description=EXTENSION_RULE,
    )
    filename: str | None = Field(
        default=None, alias="Filename", min_length=1, max_length=32, pattern=FILENAME, description=FILENAME_RULE
    )
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

    model_config = BUILT

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
