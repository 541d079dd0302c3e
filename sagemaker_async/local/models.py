"""What an endpoint runs: the values that a model receives and returns, and how each kind of model is called.

The kinds of models are listed at `sagemaker_async.local.as_model`.

Every exception of a model becomes a `ModelFailure`: the status and body that SageMaker would get from a container.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from sagemaker_async.errors import InternalStreamFailure, ModelStreamError

__all__ = [
    "CallableModel",
    "InvocationRequest",
    "Model",
    "ModelFailure",
    "ModelOutput",
    "ModelResponse",
    "close_parts",
    "content_type_of",
    "definite_type",
    "whole_body",
]

_log = logging.getLogger("sagemaker_async.local")


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationRequest:
    """The request that a model answers, besides its body; header fields that were not sent are None."""

    endpoint_name: str
    operation: str
    """``InvokeEndpoint``, ``InvokeEndpointWithResponseStream`` or ``InvokeEndpointAsync``; ``ChatCompletions`` for the
    OpenAI-compatible route, whose containers serve ``/v1/chat/completions`` for it."""
    body: bytes = field(repr=False)
    content_type: str | None = None
    accept: str | None = None
    custom_attributes: str | None = field(default=None, repr=False)
    target_model: str | None = None
    target_variant: str | None = None
    target_container_hostname: str | None = None
    inference_id: str | None = None
    enable_explanations: str | None = None
    component: str | None = None
    session_id: str | None = None
    """The id of the session, also when the client asked for a new one."""
    prefix_aware_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """All header fields as received; look-up ignores case."""

    @property
    def streaming(self) -> bool:
        """Whether the client asked for a response stream."""
        return self.operation == "InvokeEndpointWithResponseStream"


@dataclass(frozen=True, slots=True)
class ModelResponse:
    """A model's answer, for models that set more than the body."""

    body: bytes | str | Iterable[bytes | str] | AsyncIterable[bytes | str] = field(repr=False)
    """The whole body, or its parts."""
    content_type: str | None = None
    """None: the first definite type of the request's Accept, else the request's own content type."""
    custom_attributes: str | None = field(default=None, kw_only=True, repr=False)
    close_session: bool = field(default=False, kw_only=True)
    """Tell the client that its session is closed."""
    headers: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Further response headers, such as ``{"Content-Encoding": "gzip"}``; InvokeEndpoint only."""


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """A `ModelResponse` in the form that the server sends: its body is bytes, or an async iterator of bytes."""

    body: bytes | AsyncIterator[bytes] = field(repr=False)
    content_type: str | None = None
    custom_attributes: str | None = field(default=None, kw_only=True, repr=False)
    close_session: bool = field(default=False, kw_only=True)
    headers: Mapping[str, str] = field(default_factory=dict, kw_only=True)


class ModelFailure(Exception):
    """Raised by a model to answer with a status and body of its choice; the client gets a ModelError.

    SageMaker reports the status 0 when the container did not answer in time.

    Args:
        status: the container's HTTP status.
        message: the container's body.
        log_group_only: whether the error's LogStreamArn ends at the log group, as when no single instance failed.
    """

    def __init__(self, status: int, message: str, *, log_group_only: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.log_group_only = log_group_only

    def __reduce__(self) -> tuple[type[ModelFailure], tuple[int, str], dict[str, bool]]:
        return type(self), (self.status, self.message), {"log_group_only": self.log_group_only}


@runtime_checkable
class Model(Protocol):
    """The interface that every model is converted to."""

    async def invoke(self, request: InvocationRequest, executor: Executor) -> ModelOutput:
        """Run the model; code that blocks runs in the executor.

        Raises:
            ModelFailure: the model failed. Iterating over the parts may also raise `ModelStreamError` and
                `InternalStreamFailure`.
        """
        ...

    async def close(self) -> None:
        """Release the resources of the model; idempotent."""
        ...


class CallableModel:
    """A model that is a Python callable."""

    __slots__ = ("_function", "_on_the_loop", "_wants_request")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._wants_request = wants_request(function)
        # Calling any of these only creates an object; the work happens when it is awaited or iterated over.
        self._on_the_loop = any(
            is_kind(candidate)
            for candidate in (function, type(function).__call__)
            for is_kind in (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)
        )

    async def invoke(self, request: InvocationRequest, executor: Executor) -> ModelOutput:
        """Call the function; see `Model`."""
        arguments = (request.body, request) if self._wants_request else (request.body,)
        try:
            if self._on_the_loop:
                result = self._function(*arguments)
            else:
                result = await asyncio.wrap_future(executor.submit(_call, self._function, arguments))
            if inspect.isawaitable(result):
                result = await result
            return _normalized(result, executor)
        except Exception as error:
            raise _failure(error) from error

    async def close(self) -> None:
        """Do nothing: a callable holds no resources."""


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    try:
        return function(*arguments)
    except StopIteration as error:
        # A future cannot carry StopIteration, which would end the coroutine that awaits it.
        raise RuntimeError("the model raised StopIteration") from error


def wants_request(function: Callable[..., Any]) -> bool:
    """Return whether a model takes the request too: its second parameter is required or is named ``request``."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(positional) > 1 and (positional[1].default is inspect.Parameter.empty or positional[1].name == "request")


def _normalized(result: Any, executor: Executor) -> ModelOutput:
    if isinstance(result, bytes):
        return ModelOutput(result)
    response = result if isinstance(result, ModelResponse) else ModelResponse(result)
    return ModelOutput(
        _normalized_body(response.body, executor),
        response.content_type,
        custom_attributes=response.custom_attributes,
        close_session=response.close_session,
        headers=response.headers,
    )


def _normalized_body(body: Any, executor: Executor) -> bytes | AsyncIterator[bytes]:
    if isinstance(body, str | bytes | bytearray | memoryview):
        return _as_bytes(body)
    if isinstance(body, AsyncIterable):
        return _translated(aiter(body))
    if isinstance(body, Iterator | list | tuple):
        return _translated(_in_threads(iter(body), executor))
    raise TypeError(
        f"a model must return bytes, str, a ModelResponse or an iterator of parts, got {type(body).__name__}; "
        "encode it first, e.g. json.dumps(...)"
    )


def _as_bytes(part: object) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, str):
        return part.encode()
    if isinstance(part, bytearray | memoryview):
        return bytes(part)
    raise TypeError(f"a part of a model's answer must be bytes or str, got {type(part).__name__}")


async def _translated(parts: AsyncIterator[Any]) -> AsyncGenerator[bytes, None]:
    """Yield the parts as bytes; exceptions of the model become a `ModelFailure`, errors of a stream pass through."""
    try:
        async for part in parts:
            yield part if type(part) is bytes else _as_bytes(part)
    except (ModelStreamError, InternalStreamFailure):
        raise
    except Exception as error:
        raise _failure(error) from error
    finally:
        await close_parts(parts)


_END = object()


async def _in_threads(parts: Iterator[Any], executor: Executor) -> AsyncGenerator[Any, None]:
    """Yield the items of a synchronous iterator; each step runs in a thread, and it is closed when no step runs."""
    step: Future[Any] | None = None
    try:
        while True:
            step = executor.submit(next, parts, _END)
            part = await asyncio.wrap_future(step)
            if part is _END:
                return
            yield part
    finally:
        close = getattr(parts, "close", None)
        if close is not None and step is not None:
            if step.done():
                executor.submit(close)
            else:
                step.add_done_callback(lambda _: close())


def definite_type(accept: str | None) -> str | None:
    """Return the first media type of an Accept field that is not a range."""
    for media_type in (accept or "").split(","):
        if media_type.strip() and "*" not in media_type:
            return media_type.strip()
    return None


def content_type_of(output: ModelOutput, request: InvocationRequest) -> str:
    """Return the content type of an answer: the model's own, or one that the request accepts or has itself."""
    return output.content_type or definite_type(request.accept) or request.content_type or "application/octet-stream"


async def close_parts(parts: AsyncIterable[Any]) -> None:
    """Close an async iterator, if it can be closed."""
    close = getattr(parts, "aclose", None)
    if close is not None:
        await close()


def _failure(error: Exception) -> ModelFailure:
    if isinstance(error, ModelFailure):
        return error
    _log.error("the model raised %s", type(error).__name__, exc_info=error)
    return ModelFailure(500, f"{type(error).__name__}: {error}")


async def whole_body(response: ModelOutput) -> bytes:
    """Return the body with its parts joined; errors of a stream become failures of the model."""
    if isinstance(response.body, bytes):
        return response.body
    parts = response.body
    try:
        return b"".join([part async for part in parts])
    except (ModelStreamError, InternalStreamFailure) as error:
        raise ModelFailure(500, error.message) from error
    finally:
        await close_parts(parts)
