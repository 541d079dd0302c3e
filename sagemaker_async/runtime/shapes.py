"""Request and response models of SageMaker Runtime.

The rules are those of AWS's service model ``sagemaker-runtime`` of 2017-05-13, as whole-value patterns: AWS's own are
unanchored and would let ``a/../b`` or a line break through. Header values are limited to printable ASCII, because that
is all an HTTP header field carries (RFC 9110 section 5.5). See
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Runtime.html

Requests are validated by rules that are compiled from their models, `generated.requests`. A new field is one line here,
a run of ``python -m sagemaker_async.runtime.generator.requests``, and its keyword in `client`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from pydantic import Field

from sagemaker_async.aws.body_stream import BodyStream
from sagemaker_async.aws.shapes.models import AsBody, AsItIs, InHeader, RequestShape, ResponseShape
from sagemaker_async.errors import ConfigurationError, StreamError, UnmodeledStreamError

from .events import InternalStreamFailure, ModelStreamError, PayloadPart, StreamEvent
from .new_session import NewSession
from .stream import EventStream

__all__ = [
    "InvokeEndpointAsyncRequest",
    "InvokeEndpointAsyncResponse",
    "InvokeEndpointRequest",
    "InvokeEndpointResponse",
    "InvokeEndpointStreamedBodyResponse",
    "InvokeEndpointWithResponseStreamRequest",
    "InvokeEndpointWithResponseStreamResponse",
    "NewSession",
]

# --- requests --------------------------------------------------------------------------------------------------------

_X = "X-Amzn-SageMaker-"


def text_field(pattern: str, max_length: int, min_length: int | None = None) -> Any:
    """Return the rule of a text whose whole value matches `pattern`."""
    return Field(strict=True, min_length=min_length, max_length=max_length, pattern=rf"\A({pattern})\z")


def _seconds(least: int, most: int) -> Any:
    return Field(strict=True, ge=least, le=most)


NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"
_PRINTABLE = r"[!-~][ -~]*"
FILENAME = r"[a-zA-Z0-9][a-zA-Z0-9_-]*(\.[a-zA-Z0-9_-]*)?"

Name = Annotated[str, text_field(NAME, 63)]
ComponentName = Annotated[str, text_field(r"[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?", 63)]
HeaderText = Annotated[str, text_field(r"[ -~]*", 1024)]
Identifier = Annotated[str, text_field(_PRINTABLE, 64, 1)]
SessionId = Annotated[str, text_field(NAME, 256)]
SessionIdOrNew = Annotated[str, text_field(rf"NEW_SESSION|{NAME}", 256)]
TargetModel = Annotated[str, text_field(_PRINTABLE, 1024, 1)]
Explanations = Annotated[str, text_field(r"[ -~]*", 64, 1)]
InputLocation = Annotated[str, text_field(r"(https|s3)://[!-.0-~]+(/[ -~]*)?", 1024, 1)]
PathExtension = Annotated[str, text_field(r"[a-zA-Z0-9!_.*'()/-]+", 512, 1)]
Filename = Annotated[str, text_field(FILENAME, 32, 1)]
TimeToLive = Annotated[int, _seconds(60, 21600)]
InvocationTimeout = Annotated[int, _seconds(1, 3600)]


class Invocation(RequestShape):
    """What all three operations take."""

    endpoint_name: Name = Field(alias="EndpointName")
    content_type: Annotated[HeaderText | None, InHeader("Content-Type")] = Field(None, alias="ContentType")
    accept: Annotated[HeaderText | None, InHeader(_X + "Accept")] = Field(None, alias="Accept")
    custom_attributes: Annotated[HeaderText | None, InHeader(_X + "Custom-Attributes")] = Field(
        None, alias="CustomAttributes", repr=False
    )
    inference_id: Annotated[Identifier | None, InHeader(_X + "Inference-Id")] = Field(None, alias="InferenceId")


class InvokeEndpointWithResponseStreamRequest(Invocation):
    """What `InvokeEndpointWithResponseStream` takes."""

    body: Annotated[bytes, AsBody()] = Field(alias="Body", repr=False)
    target_variant: Annotated[Name | None, InHeader(_X + "Target-Variant")] = Field(None, alias="TargetVariant")
    target_container_hostname: Annotated[Name | None, InHeader(_X + "Target-Container-Hostname")] = Field(
        None, alias="TargetContainerHostname"
    )
    inference_component_name: Annotated[ComponentName | None, InHeader(_X + "Inference-Component")] = Field(
        None, alias="InferenceComponentName"
    )
    session_id: Annotated[SessionId | None, InHeader(_X + "Session-Id")] = Field(
        None,
        alias="SessionId",
        description="is an id from an earlier answer; a stream cannot open a session (NEW_SESSION)",
    )
    prefix_aware_id: Annotated[Identifier | None, InHeader(_X + "Prefix-Aware-Id")] = Field(None, alias="PrefixAwareId")


class InvokeEndpointRequest(InvokeEndpointWithResponseStreamRequest):
    """What `InvokeEndpoint` takes: all that a stream takes, and more."""

    accept: Annotated[HeaderText | None, InHeader("Accept")] = Field(None, alias="Accept")
    session_id: Annotated[SessionIdOrNew | None, InHeader(_X + "Session-Id")] = Field(
        None,
        alias="SessionId",
        description="is an id from an earlier answer, or NEW_SESSION to open a session",
    )
    target_model: Annotated[TargetModel | None, InHeader(_X + "Target-Model")] = Field(None, alias="TargetModel")
    enable_explanations: Annotated[Explanations | None, InHeader(_X + "Enable-Explanations")] = Field(
        None, alias="EnableExplanations"
    )


class InvokeEndpointAsyncRequest(Invocation):
    """What `InvokeEndpointAsync` takes."""

    body: Annotated[bytes | None, AsBody(instead="input_location")] = Field(None, alias="Body", repr=False)
    content_type: Annotated[HeaderText | None, InHeader(_X + "Content-Type")] = Field(None, alias="ContentType")
    input_location: Annotated[InputLocation | None, InHeader(_X + "InputLocation")] = Field(None, alias="InputLocation")
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


# --- responses -------------------------------------------------------------------------------------------------------

E = TypeVar("E")
Handler = Callable[[E], Awaitable[object] | object]


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
        """`new_session_id` in its two parts, ``{id}; Expires={yyyy-mm-ddThh:mm:ssZ}``; None if none was opened."""
        return NewSession.of(self.new_session_id) if self.new_session_id is not None else None


class InvokeEndpointStreamedBodyResponse(InvokeEndpointResponse):
    """What `InvokeEndpoint` answers with ``stream_body=True``; `body` is still to be read, and owns the connection."""

    body: Annotated[BodyStream, AsItIs] = Field(alias="Body", repr=False)  # type: ignore[assignment]  # asked for

    async def aclose(self) -> None:
        """Close the body and release its connection; idempotent."""
        await self.body.aclose()


class InvokeEndpointWithResponseStreamResponse(ResponseShape):
    """What `InvokeEndpointWithResponseStream` answers; `body` is still to be read, and owns the connection."""

    body: Annotated[EventStream, AsItIs] = Field(alias="Body", repr=False)
    content_type: str | None = Field(default=None, alias="ContentType")
    invoked_production_variant: str | None = Field(default=None, alias="InvokedProductionVariant")
    custom_attributes: str | None = Field(default=None, alias="CustomAttributes", repr=False)

    async def aclose(self) -> None:
        """Close the stream and release its connection; idempotent."""
        await self.body.aclose()

    async def dispatch(
        self,
        *,
        on_payload_part: Handler[PayloadPart] | None = None,
        on_model_stream_error: Handler[ModelStreamError] | None = None,
        on_internal_stream_failure: Handler[InternalStreamFailure] | None = None,
        on_error_event: Handler[UnmodeledStreamError] | None = None,
        on_event: Handler[StreamEvent] | None = None,
    ) -> None:
        """Read the stream to its end and hand each event to its handler, in order; handlers may be ``async``.

        Iterating `body` afterwards yields the same events again, and ends as the stream did; a stream of more than 16
        MiB is not kept for that.

        Args:
            on_payload_part: gets each `PayloadPart`.
            on_model_stream_error: gets a `ModelStreamError`.
            on_internal_stream_failure: gets an `InternalStreamFailure`.
            on_error_event: gets an `UnmodeledStreamError`, an error that AWS's model does not know.
            on_event: gets every event, including those of unknown types, before its own handler does.

        Raises:
            ConfigurationError: a handler cannot be called with one event; nothing was read.
            ModelStreamError, InternalStreamFailure, UnmodeledStreamError: the stream carried one for which there is no
                handler.
            StreamError: as iterating `body`.
        """
        handlers: dict[type, Handler[Any] | None] = {
            PayloadPart: _checked(on_payload_part, "on_payload_part"),
            ModelStreamError: _checked(on_model_stream_error, "on_model_stream_error"),
            InternalStreamFailure: _checked(on_internal_stream_failure, "on_internal_stream_failure"),
        }
        _checked(on_error_event, "on_error_event")
        _checked(on_event, "on_event")
        body = self.body
        failure: StreamError | None = None
        body.keep_events()
        try:
            async for event in body:
                own = next((handler for kind, handler in handlers.items() if isinstance(event, kind)), None)
                for handler in (on_event, own):
                    if handler is not None:
                        await _told(handler, event)
                if isinstance(event, StreamError) and own is None:
                    raise event
        except UnmodeledStreamError as error:
            failure = error
            if on_error_event is None:
                raise
            await _told(on_error_event, error)
        except StreamError as error:
            failure = error
            raise
        finally:
            body.replay_from_here(failure)
            await self.aclose()


async def _told(handler: Handler[Any], event: object) -> None:
    if inspect.isawaitable(result := handler(event)):
        await result


def _checked(handler: Handler[Any] | None, name: str) -> Handler[Any] | None:
    if handler is None:
        return None
    if callable(handler):
        try:
            inspect.signature(handler).bind(None)
        except ValueError:  # of C, without a signature
            return handler
        except TypeError:
            pass
        else:
            return handler
    raise ConfigurationError(f"{name} must be a callable that takes one event, got {handler!r}")


class InvokeEndpointAsyncResponse(ResponseShape):
    """What `InvokeEndpointAsync` answers: where the result will be."""

    inference_id: str | None = Field(default=None, alias="InferenceId")
    output_location: str | None = Field(default=None, alias="OutputLocation")
    failure_location: str | None = Field(default=None, alias="FailureLocation")
