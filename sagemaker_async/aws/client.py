"""What every service client does with a call: check it, send it, make a response of the answer.

A call is checked in two steps, because a body may be a file: `ServiceClient.prepare` validates all fields at once,
never awaits, and raises before anything is sent; `ServiceClient.send` reads the body if that is still to be done, and
sends.

What is worked out for a set of fields is remembered in one place: `ServiceClient` has one `http.RequestHead` for each,
with the checked fields and the request, and on it the layers below keep theirs (`signing.Signer`). The body is not a
part of it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, NamedTuple, Self, Unpack

from sagemaker_async.config import Config, ConfigFields, Timeouts
from sagemaker_async.errors import (
    CallError,
    ConfigurationError,
    FieldProblem,
    RequestValidationError,
    ResponseError,
    ServiceError,
)

from .channel import Channel, HasChannel
from .frames import forget_frames
from .http import NO_PROGRESS, HTTPRequest, Progress, ProgressCallback, RequestHead, progress_to
from .pipeline import Pipeline, Reply
from .protocols import build_request, load_protocol, parse_response
from .shapes.body import Readable, read_body
from .shapes.metadata import ResponseMetadata
from .shapes.operation import Operation
from .shapes.requests import RequestBody, unchecked_fields

__all__ = ["CallOptions", "PreparedCall", "ServiceClient", "call_options", "shared_channel"]

logger: logging.Logger = logging.getLogger(__name__)


class CallOptions(NamedTuple):
    """What a caller may say of one call, beside its fields."""

    timeout: float | Timeouts | None = None
    """Seconds for the whole call, or limits of its own; None: the session's."""
    progress: Progress = NO_PROGRESS
    """Who wants to know how far the bytes have got."""


class PreparedCall(NamedTuple):
    """A call that has been checked and can be sent."""

    operation: Operation
    head: RequestHead
    body: bytes | Readable | None
    """For operations that have a body: the body, or what it has still to be read from; None when none was given."""
    options: CallOptions

    @property
    def resource(self) -> str | None:
        """What the call is on, such as the endpoint's name."""
        return self.head.resource


_NO_OPTIONS = CallOptions()


def call_options(
    timeout: float | Timeouts | None,
    on_chunk_sent: ProgressCallback | None = None,
    on_chunk_received: ProgressCallback | None = None,
) -> CallOptions:
    """Return the options that the arguments of a public method stand for.

    Raises:
        ConfigurationError: a callback cannot be called as one.
    """
    if timeout is None and on_chunk_sent is None and on_chunk_received is None:
        return _NO_OPTIONS
    return CallOptions(timeout, progress_to(on_chunk_sent, on_chunk_received))


_STR = frozenset({str})

REMEMBERED_HEADS = 64
"""How many heads a client remembers; when there are more, fields that vary with each call are among them."""


class ServiceClient:
    """The base of the clients; an asynchronous context manager.

    Args:
        source: a session or client to share pool and credentials with, or a `Config`. None makes a channel of its own.
        fields: fields of `Config`, which win over those of a `Config` given as `source`.

    Raises:
        ConfigurationError: a field is wrong, or fields were given together with something to share.
    """

    operations: ClassVar[tuple[Operation, ...]] = ()
    """The operations of the service, as a table."""

    def __init__(self, source: HasChannel | Config | None = None, /, **fields: Unpack[ConfigFields]) -> None:
        if source is None or isinstance(source, Config):
            self._channel, self._owns_channel = Channel((source or Config()).with_fields(**fields)), True
        else:
            self._channel, self._owns_channel = shared_channel(source), False
            if fields:
                raise ConfigurationError(
                    f"{', '.join(fields)}: options belong to the session that is shared; set them on it, or give no "
                    "session"
                )
        self._heads: dict[tuple[Any, ...], RequestHead] = {}

    @property
    def channel(self) -> Channel:
        """What this client shares with others."""
        return self._channel

    async def __aenter__(self) -> Self:
        self._channel.check_usable()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the pool, unless it is shared and belongs to the session; idempotent."""
        if self._owns_channel:
            await self._channel.close()

    async def load(self, operation: Operation) -> None:
        """Import what an operation's models and protocol need, in a thread; once per process."""
        if not operation.loaded:
            await asyncio.to_thread(_load, operation)

    def prepare(
        self, operation: Operation, fields: Mapping[str, Any], options: CallOptions = _NO_OPTIONS
    ) -> PreparedCall:
        """Check a call without sending it.

        Requests of operations that are not compiled are checked by their models: `load` these before, off the loop.

        Args:
            operation: what to call.
            fields: its fields, in Python's or AWS's spelling; those that are None count as not given.
            options: how to call it.

        Raises:
            RequestValidationError: listing everything that is wrong.
            ConfigurationError: the timeout is not a positive number of seconds.
        """
        if options.timeout is not None:
            _check_timeout(options.timeout)
        values = {name: value for name, value in fields.items() if value is not None}
        if not self._channel.config.strict_params:
            values = _known_fields(operation, values)
        if self._channel.config.convert_params:
            values = operation.converted(values)
        if operation.request_body is None:
            return PreparedCall(operation, _new_head(operation, self._checked(operation, values)), None, options)
        body, problems = operation.request_body.take(values, checked=self._channel.validate_params)
        if isinstance(body, bytes):
            problems += self._oversize(operation, operation.request_body, body)
        return PreparedCall(operation, self._head(operation, values, problems), body, options)

    def prepare_again(
        self, operation: Operation, head: RequestHead, body: object, options: CallOptions = _NO_OPTIONS
    ) -> PreparedCall:
        """Do as `prepare`, for the fields of an earlier call of this client: only the body is another.

        Args:
            operation: what to call; one of whose fields is the body, and required.
            head: of the earlier call.
            body: the value of that field; None counts as not given.
            options: how to call it.

        Raises:
            RequestValidationError, ConfigurationError: as `prepare`.
        """
        if options.timeout is not None:
            _check_timeout(options.timeout)
        field = operation.request_body
        assert field is not None
        values = {} if body is None else {field.name: body}
        taken, problems = field.take(values, checked=self._channel.validate_params)
        if isinstance(taken, bytes):
            problems += self._oversize(operation, field, taken)
        if problems:
            raise RequestValidationError(operation.name, problems)
        return PreparedCall(operation, head, taken, options)

    def _head(self, operation: Operation, values: dict[str, Any], problems: list[FieldProblem]) -> RequestHead:
        """Return the head of a call with these fields, a remembered one if there is.

        Remembering saves validation and building (benchmarks/README.md). Only fields that are str are remembered:
        other values may be equal and not be as valid, such as 1, 1.0 and True. Whether fields are checked need not be
        remembered: it changes once at most, when the profile turns checks off, and what was checked may be sent then.

        Raises:
            RequestValidationError: for `problems` and those of the fields.
        """
        key: tuple[Any, ...] | None = None
        if not problems and _STR.issuperset(map(type, values.values())):
            key = (operation, *values.items())
            if (head := self._heads.get(key)) is not None:
                return head
        fields: Mapping[str, Any] = {}
        try:
            fields = self._checked(operation, values)
        except RequestValidationError as error:
            problems = [*problems, *error.problems]
        if problems:
            raise RequestValidationError(operation.name, problems)
        head = _new_head(operation, fields)
        if key is not None:
            if len(self._heads) >= REMEMBERED_HEADS:
                self._heads.clear()
            self._heads[key] = head
        return head

    def _checked(self, operation: Operation, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields of a request by Python names, checked if the configuration says so."""
        if not self._channel.validate_params:
            return unchecked_fields(operation.name, operation.names, values, operation.path_fields)
        return operation.validated_fields(values)

    async def perform(self, prepared: PreparedCall) -> Any:
        """Send a prepared call and return its response; with `Config.raise_response_errors` off, also for a failure.

        The models are loaded before.

        Raises:
            SageMakerAsyncError: as `send`; and `ResponseError` when the answer is not what AWS promises.
        """
        await self.load(prepared.operation)
        try:
            reply = await self.send(prepared)
            return parse_response(prepared.operation, reply.metadata.headers, reply.body, reply.metadata)
        except CallError as error:
            return self.response_or_raise(prepared.operation, error)

    def response_or_raise(self, operation: Operation, error: CallError, **fields: Any) -> Any:
        """Return a response that carries `error`, when that is what the configuration says; raise it otherwise."""
        if self._channel.config.raise_response_errors:
            raise error
        status = error.status if isinstance(error, ServiceError | ResponseError) else 0
        metadata = ResponseMetadata(error.request_id, status, {}, error.attempts)
        if operation.response_body is not None and not fields:
            fields = {operation.response_body: b""}
        return operation.response.model_construct(metadata=metadata, error=error, **fields)

    async def send(self, call: PreparedCall, pipeline: Pipeline | None = None) -> Reply:
        """Send a prepared call.

        Args:
            call: what to send.
            pipeline: where to, for a service that is in many places; None: where the service is.

        Raises:
            CallError: it failed.
            RequestValidationError: its body could not be read, or is too large.
            ConfigurationError, CredentialsError, UsageError: it could not be begun.
        """
        operation, head, body, options = call
        channel = self._channel
        try:
            if pipeline is None:
                pipeline = channel.open_pipeline(operation.service)
            else:
                channel.check_usable()
            if body is not None and not isinstance(body, bytes):
                assert operation.request_body is not None
                body = await self._read(operation, operation.request_body, body)
            if pipeline is None:
                pipeline = await channel.pipeline(operation.service)
            request = head.request
            if request is None or head.pipeline is not pipeline:
                origin, base_path = pipeline.endpoint.origin, pipeline.endpoint.base_path
                request = build_request(operation, head.fields, origin, base_path, channel.common_headers)
                # Read-only: what an interceptor changed in place would show in later calls too.
                request = request._replace(headers=MappingProxyType(request.headers))
                head.request, head.pipeline = request, pipeline
            if operation.request_body is not None or body is not None:
                request = HTTPRequest(request.method, request.origin, request.target, request.headers, body or b"")
            timeouts, timeout = channel.timeouts, options.timeout
            if timeout is not None:
                timeouts = timeout if isinstance(timeout, Timeouts) else dataclasses.replace(timeouts, total=timeout)
            return await pipeline.send(operation, request, timeouts, head.resource, options.progress, head)
        except BaseException as error:
            forget_frames(error)  # the seam: below it are the signature, the session token, the proxy's login
            raise

    def can_paginate(self, operation_name: str) -> bool:
        """Return whether an operation answers in pages, as boto3's method of this name does.

        Raises:
            ConfigurationError: there is no such operation.
        """
        self._operation_named(operation_name)
        return False

    def get_paginator(self, operation_name: str) -> object:
        """Return what iterates over the pages of an operation, as boto3's method of this name does.

        Raises:
            ConfigurationError: there is no such operation, or it does not answer in pages.
        """
        self._operation_named(operation_name)
        raise ConfigurationError(f"{operation_name} does not answer in pages: call it, and there is the whole answer")

    @property
    def waiter_names(self) -> list[str]:
        """The names `get_waiter` knows."""
        return []

    def get_waiter(self, waiter_name: str) -> object:
        """Return what waits for something, as boto3's method of this name does.

        Raises:
            ConfigurationError: there is no such waiter.
        """
        raise ConfigurationError(f"there is no waiter {waiter_name!r}: this service has none")

    def _operation_named(self, name: str) -> Operation:
        wanted = name.replace("_", "").lower()
        for operation in self.operations:
            if operation.name.lower() == wanted:
                return operation
        known = ", ".join(operation.name for operation in self.operations)
        raise ConfigurationError(f"there is no operation {name!r}; this client has {known}")

    async def _read(self, operation: Operation, field: RequestBody, unread: Readable) -> bytes:
        try:
            body = await read_body(unread)
        except TypeError as error:
            raise RequestValidationError(operation.name, [field.problem(str(error))]) from None
        except ValueError as error:  # a closed file says so with it
            raise RequestValidationError(operation.name, [field.problem(f"cannot be read: {error}")]) from None
        except OSError as error:
            problem = field.problem(f"cannot be read: {error.strerror or error}")
            raise RequestValidationError(operation.name, [problem]) from error
        problems = self._oversize(operation, field, body)
        if not body and field.instead is not None and self._channel.validate_params:
            problems.append(field.problem(f"has nothing to read; give one that has, or {field.instead[0]} instead"))
        if problems:
            raise RequestValidationError(operation.name, problems)
        return body

    def _oversize(self, operation: Operation, field: RequestBody, body: bytes) -> list[FieldProblem]:
        limit = self._channel.config.max_body_bytes
        reason = "Config.max_body_bytes"
        if operation.max_body_bytes is not None and operation.max_body_bytes < limit:
            limit = operation.max_body_bytes
            reason = f"what {operation.name} takes inline; put larger inputs into S3"
        if len(body) <= limit:
            return []
        return [field.problem(f"must have at most {limit} bytes ({reason}), has {len(body)}")]


def _load(operation: Operation) -> None:
    load_protocol(operation.service.protocol)
    operation.load()


def _new_head(operation: Operation, fields: Mapping[str, Any]) -> RequestHead:
    return RequestHead(fields, fields.get(operation.resource) if operation.resource is not None else None)


def _known_fields(operation: Operation, values: dict[str, Any]) -> dict[str, Any]:
    known: set[str] = set()
    known.update(*operation.names.items())
    unknown = [name for name in values if name not in known]
    if unknown:
        logger.warning("%s has no field %s; ignored (Config.strict_params is off)", operation.name, ", ".join(unknown))
    return {name: value for name, value in values.items() if name in known}


def _check_timeout(timeout: object) -> None:
    if isinstance(timeout, Timeouts):
        return
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < math.inf:
        raise ConfigurationError(
            f"timeout must be a finite number of seconds, more than 0, or a Timeouts, got {timeout!r}"
        )


def shared_channel(source: HasChannel) -> Channel:
    """Return the channel of a session or a client.

    Raises:
        ConfigurationError: it has none.
    """
    channel = getattr(source, "channel", None)
    if isinstance(channel, Channel):
        return channel
    raise ConfigurationError(f"a client is made from a Session, a Config or nothing, not from {type(source).__name__}")
