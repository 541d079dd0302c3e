"""What every service client does with a call: check it, send it, make a response of the answer.

A call is checked in two steps, because a body may be a file: `ServiceClient.prepare` validates all fields at once,
never awaits, and raises before anything is sent; `ServiceClient.send` reads the body if that is still to be done, and
sends. Fields that obey the operation's plain rules are valid; of others its models decide, and say what is wrong.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
import math
from collections.abc import Mapping
from types import TracebackType
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
from .http import HTTPRequest, Progress
from .pipeline import Pipeline, Reply
from .protocols import build_request, load_protocol, parse_response
from .shapes.body import Readable, body_bytes, read_body
from .shapes.metadata import ResponseMetadata
from .shapes.operation import Operation
from .shapes.rules import unchecked_fields

__all__ = ["CallOptions", "ModelsWantedError", "PreparedCall", "ServiceClient"]

logger = logging.getLogger(__name__)


class CallOptions(NamedTuple):
    """What a caller may say of one call, beside its fields."""

    timeout: float | Timeouts | None = None
    """Seconds for the whole call, or limits of its own; None: the session's."""
    progress: Progress = Progress()
    """Who wants to know how far the bytes have got."""


class RequestHead:
    """What all calls with the same fields, but for the body, have in common: worked out once."""

    __slots__ = ("fields", "pipeline", "request")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields
        """The validated fields by Python names, with a stand-in for the body where an operation has one."""
        self.pipeline: Pipeline | None = None
        self.request: HTTPRequest | None = None
        """Made for `pipeline` at the first call, without the body where an operation has one."""


class ModelsWantedError(Exception):
    """The models have to say what is wrong with the fields, and are not imported yet; see `ServiceClient.prepare`."""


class PreparedCall(NamedTuple):
    """A call that has been checked and can be sent."""

    operation: Operation
    head: RequestHead
    body: bytes | Readable | None
    """For operations that have a body: the body, or what it has still to be read from; None when none was given."""
    options: CallOptions


_NO_OPTIONS = CallOptions()
_STR = frozenset({str})

_SOME_BODY = b"\0"
"""Stands for a body in a request's head: some body, which no rule about having one mistakes for none."""

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
        self._channel, self._owns_channel = channel_for(source, fields)
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
        if not operation.shapes.loaded:
            await asyncio.to_thread(_load, operation)

    def prepare(
        self,
        operation: Operation,
        fields: Mapping[str, Any],
        options: CallOptions = _NO_OPTIONS,
        *,
        may_import: bool = True,
    ) -> PreparedCall:
        """Check a call without sending it.

        Args:
            operation: what to call.
            fields: its fields, in Python's or AWS's spelling; those that are None count as not given.
            options: how to call it.
            may_import: whether to import the models, if they are not yet and have to say what is wrong. Who can wait
                says no, and calls again after `load`.

        Raises:
            RequestValidationError: listing everything that is wrong.
            ConfigurationError: the timeout is no positive number of seconds, or a callback cannot be called.
            ModelsWantedError: instead of importing them.
        """
        if options.timeout is not None or options.progress is not _NO_OPTIONS.progress:
            _check_options(options)
        values = {name: value for name, value in fields.items() if value is not None}
        if not self._channel.config.strict_params:
            values = _known_fields(operation, values)
        if operation.request_body is None:
            return PreparedCall(operation, RequestHead(self._fields(operation, values, may_import)), None, options)
        body: bytes | Readable | None = None
        problems: list[FieldProblem] = []
        stand_in: dict[str, bytes] = {}
        for name in _spellings(operation, operation.request_body):
            if name not in values:
                continue
            stand_in[name] = _SOME_BODY
            try:
                body = body_bytes(values.pop(name))
            except (TypeError, ValueError) as error:
                problems.append(_body_problem(operation, str(error)))
            else:
                if body == b"":
                    stand_in[name] = b""
        if isinstance(body, bytes):
            self._check_size(operation, body)
        return PreparedCall(operation, self._head(operation, values, stand_in, problems, may_import), body, options)

    def _head(
        self,
        operation: Operation,
        values: dict[str, Any],
        body: dict[str, bytes],
        problems: list[FieldProblem],
        may_import: bool,
    ) -> RequestHead:
        """Return the head of a call with these fields, a remembered one if there is.

        Services call the same endpoint with the same fields and ever new bodies. Remembering saves them validation and
        building, a tenth of a call's CPU time (benchmarks/README.md).
        """
        key: tuple[Any, ...] | None = None
        if not problems and _STR.issuperset(map(type, values.values())):
            # Not whether it is checked: that can only end, when the settings are read, and what obeys the rules stays.
            key = (operation, *body.items(), *values.items())
            if (head := self._heads.get(key)) is not None:
                return head
        try:
            fields = self._fields(operation, {**values, **body}, may_import)
        except RequestValidationError as error:
            problems.extend(error.problems)
        if problems:
            raise RequestValidationError(operation.name, problems)
        head = RequestHead(fields)
        if key is not None:
            if len(self._heads) >= REMEMBERED_HEADS:
                self._heads.clear()
            self._heads[key] = head
        return head

    def _fields(self, operation: Operation, values: Mapping[str, Any], may_import: bool) -> Mapping[str, Any]:
        """Return the fields of a request by Python names, checked if the configuration says so."""
        if not self._channel.validate_params:
            return unchecked_fields(operation.name, operation.names, values, operation.path_fields)
        if operation.rules is not None and (obeying := operation.rules.obeying(values)) is not None:
            return obeying
        if not may_import and not operation.shapes.loaded:
            raise ModelsWantedError
        from .shapes.models import fields_of, validate_request

        return fields_of(validate_request(operation.request, operation.name, values))

    async def perform(self, prepared: PreparedCall) -> Any:
        """Send a prepared call and return its response; with `Config.raise_response_errors` off, also for a failure.

        Raises:
            As `send`; and `ResponseError` when the answer is not what AWS promises.
        """
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
            from .shapes.models import aws_field

            fields = {aws_field(operation.response, operation.response_body): b""}
        return operation.response.model_construct(metadata=metadata, error=error, **fields)

    async def send(self, call: PreparedCall) -> Reply:
        """Send a prepared call.

        Raises:
            CallError: it failed.
            RequestValidationError: its body could not be read, or is too large.
            ConfigurationError, CredentialsError, UsageError: it could not be begun.
        """
        operation, head, body, options = call
        channel = self._channel
        try:
            pipeline = channel.open_pipeline(operation.service)
            if body is not None and not isinstance(body, bytes):
                body = await self._read(operation, body)
            if pipeline is None:
                pipeline = await channel.pipeline(operation.service)
            request = head.request
            if request is None or head.pipeline is not pipeline:
                origin, base_path = pipeline.endpoint.origin, pipeline.endpoint.base_path
                request = build_request(operation, head.fields, origin, base_path, channel.common_headers)
                head.request, head.pipeline = request, pipeline
            if operation.request_body is not None:
                request = HTTPRequest(request.method, request.origin, request.target, request.headers, body or b"")
            timeouts, timeout = channel.timeouts, options.timeout
            if timeout is not None:
                timeouts = timeout if isinstance(timeout, Timeouts) else dataclasses.replace(timeouts, total=timeout)
            return await pipeline.send(operation, request, timeouts, resource_of(call), options.progress)
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

    async def _read(self, operation: Operation, unread: Readable) -> bytes:
        try:
            body = await read_body(unread)
        except TypeError as error:
            raise RequestValidationError(operation.name, [_body_problem(operation, str(error))]) from None
        except ValueError as error:  # a closed file says so with it
            problem = _body_problem(operation, f"cannot be read: {error}")
            raise RequestValidationError(operation.name, [problem]) from None
        except OSError as error:
            problem = _body_problem(operation, f"cannot be read: {error.strerror or error}")
            raise RequestValidationError(operation.name, [problem]) from error
        self._check_size(operation, body)
        return body

    def _check_size(self, operation: Operation, body: bytes) -> None:
        limit = self._channel.config.max_body_bytes
        reason = "Config.max_body_bytes"
        if operation.max_body_bytes is not None and operation.max_body_bytes < limit:
            limit = operation.max_body_bytes
            reason = f"what {operation.name} takes inline; put larger inputs into S3"
        if len(body) > limit:
            problem = _body_problem(operation, f"must have at most {limit} bytes ({reason}), has {len(body)}")
            raise RequestValidationError(operation.name, [problem])


def resource_of(call: PreparedCall) -> str | None:
    """Return what a call is on, such as the endpoint's name."""
    name = call.operation.resource
    resource: str | None = call.head.fields.get(name) if name is not None else None
    return resource


def _load(operation: Operation) -> None:
    load_protocol(operation.service.protocol)
    operation.shapes.load()


def _known_fields(operation: Operation, values: dict[str, Any]) -> dict[str, Any]:
    known: set[str] = set()
    known.update(*operation.names.items())
    unknown = [name for name in values if name not in known]
    if unknown:
        logger.warning("%s has no field %s; ignored (Config.strict_params is off)", operation.name, ", ".join(unknown))
    return {name: value for name, value in values.items() if name in known}


def _check_options(options: CallOptions) -> None:
    for name, callback in zip(Progress._fields, options.progress, strict=True):
        if callback is not None and not callable(callback):
            raise ConfigurationError(f"{name} must be a callable (bytes so far, total or None), got {callback!r}")
    timeout = options.timeout
    if timeout is None or isinstance(timeout, Timeouts):
        return
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < math.inf:
        raise ConfigurationError(
            f"timeout must be a finite number of seconds, more than 0, or a Timeouts, got {timeout!r}"
        )


def channel_for(source: HasChannel | Config | None, fields: ConfigFields) -> tuple[Channel, bool]:
    """Return the channel a client is to use, and whether it is the client's own to close."""
    if source is None or isinstance(source, Config):
        return Channel((source or Config()).with_fields(**fields)), True
    channel = getattr(source, "channel", None)
    if not isinstance(channel, Channel):
        raise ConfigurationError(
            f"a client is made from a Session, a Config or nothing, not from {type(source).__name__}"
        )
    if fields:
        raise ConfigurationError(
            f"{', '.join(fields)}: options belong to the session that is shared; set them on it, or give no session"
        )
    return channel, False


@functools.cache
def _spellings(operation: Operation, field: str) -> tuple[str, str]:
    return field, operation.names[field]


def _body_problem(operation: Operation, rule: str) -> FieldProblem:
    assert operation.request_body is not None
    return FieldProblem(*_spellings(operation, operation.request_body), rule)
