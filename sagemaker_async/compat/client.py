"""`Client`: the operations, pages and waiters of one service, as aiobotocore's clients have them.

It stands in front of `Session.runtime` and `Session.hosting`, which check, sign, send, repeat and read. This module
only converts what goes in, comes out and is raised, by botocore's model of the service.

- `invoke_endpoint` and `invoke_endpoint_with_response_stream` do not use pydantic's models; neither does a `Predictor`.
- All operations of the control plane go through `SageMakerClient.call`, which takes and returns what is on the wire, so
  every operation that the installed botocore knows is there.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, NoReturn, Self, cast

from botocore import xform_name
from botocore.client import ClientMeta
from botocore.config import Config as BotocoreConfig
from botocore.errorfactory import ClientExceptionsFactory
from botocore.exceptions import OperationNotPageableError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import ResponseParserError
from botocore.validate import validate_parameters
from botocore.waiter import AcceptorConfig, WaiterModel

from sagemaker_async.aws.endpoints.partitions import partition_of
from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.errors import (
    ConfigurationError,
    SageMakerAsyncError,
)
from sagemaker_async.hosting.operations import SAGEMAKER, items_of, with_token
from sagemaker_async.hosting.unmodelled import UnmodelledResponse
from sagemaker_async.hosting.waiters import rules_named
from sagemaker_async.runtime.operations import (
    INVOKE_ENDPOINT,
    INVOKE_ENDPOINT_ASYNC,
    INVOKE_ENDPOINT_WITH_RESPONSE_STREAM,
    SAGEMAKER_RUNTIME,
)
from sagemaker_async.session import Session

from .bodies import EventStream, StreamingBody
from .failures import Exceptions, Model, botocore_error, raise_from
from .forms import Forms
from .pages import Paginator
from .waiting import Waiter

__all__ = ["SERVICES", "Client", "Description", "Hooks", "description_of"]

SERVICES = {service.name: service for service in (SAGEMAKER, SAGEMAKER_RUNTIME)}

Fields = Mapping[str, Any]


class Description(NamedTuple):
    """What botocore's model says about a service."""

    model: Model
    exceptions: Exceptions
    operations: Mapping[str, str]
    """AWS's names of the operations by those of the methods."""
    acceptors: Mapping[str, Sequence[AcceptorConfig]]
    """What ends each of botocore's waiters, by the waiter's name."""


@functools.cache
def description_of(service: str) -> Description:
    """Return what botocore knows about a service; reads large files the first time, so call it in a thread."""
    loader = Loader()
    model = ServiceModel(loader.load_service_model(service, "service-2"), service_name=service)
    exceptions = ClientExceptionsFactory().create_client_exceptions(model)
    acceptors: dict[str, Sequence[AcceptorConfig]] = {}
    if service == SAGEMAKER.name:
        waiters = WaiterModel(loader.load_service_model(service, "waiters-2"))
        acceptors = {name: waiters.get_waiter(name).acceptors for name in waiters.waiter_names}
    return Description(model, exceptions, {xform_name(name): name for name in model.operation_names}, acceptors)


class Client:
    """A client of SageMaker Runtime or of SageMaker, with a method for each of the service's operations.

    Args:
        session: what it sends with; closed with the client. The service's pipeline is open.
        service: ``sagemaker-runtime`` or ``sagemaker``.
        description: botocore's description of the service.
        config: what the program configured it with, for ``meta.config``.
    """

    def __init__(self, session: Session, service: str, description: Description, config: BotocoreConfig | None) -> None:
        self._session = session
        self._description = description
        self._validate = session.config.validate_params
        self._forms: dict[str, Forms] = {}
        self.exceptions: Exceptions = description.exceptions
        pipeline = session.channel.open_pipeline(SERVICES[service])
        assert pipeline is not None
        where = pipeline.endpoint
        region = BotocoreConfig(region_name=session.config.region or where.signing_region)
        self.meta: ClientMeta = ClientMeta(
            events=cast("Any", Hooks()),
            client_config=config.merge(region) if config is not None else region,
            endpoint_url=where.origin + where.base_path,
            service_model=description.model,
            method_to_api_mapping=dict(description.operations),
            partition=partition_of(where.signing_region).id,
        )

    def __getattr__(self, name: str) -> Callable[..., Awaitable[dict[str, Any]]]:
        operation = None if name.startswith("_") else self._description.operations.get(name)
        if operation is None:
            kind = self.__dict__["_description"].model.service_id if "_description" in self.__dict__ else "client"
            raise AttributeError(f"{kind!r} client has no attribute {name!r}")
        send = _RUNTIME.get(operation, Client._control)

        async def method(*args: object, **fields: Any) -> dict[str, Any]:
            if args:
                raise TypeError(f"{name}() only accepts keyword arguments.")
            try:
                return await send(self, operation, fields)
            except SageMakerAsyncError as error:
                raise_from(self._translated(operation, fields, error), error)

        method.__name__ = method.__qualname__ = name
        self.__dict__[name] = method  # found before this the next time
        return method

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._description.operations})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; idempotent."""
        await self._session.close()

    def _translated(self, operation: str, fields: Fields, error: SageMakerAsyncError) -> Exception:
        return botocore_error(error, self._description.model, operation, fields, self.exceptions)

    # --- operations --------------------------------------------------------------------------------------------------

    async def _invoke(self, operation: str, fields: Fields) -> dict[str, Any]:  # noqa: ARG002 - the senders' signature
        runtime = self._session.runtime
        reply = await runtime.send(runtime.prepare(INVOKE_ENDPOINT, fields))
        response = _head(INVOKE_ENDPOINT, reply.metadata)
        response["Body"] = StreamingBody(reply.body)
        return response

    async def _stream(self, operation: str, fields: Fields) -> dict[str, Any]:
        runtime = self._session.runtime
        head = await runtime.open_stream(runtime.prepare(INVOKE_ENDPOINT_WITH_RESPONSE_STREAM, fields))
        response = _head(INVOKE_ENDPOINT_WITH_RESPONSE_STREAM, head.metadata)
        response["Body"] = EventStream(head.body, functools.partial(self._translated, operation, {}))
        return response

    async def _invoke_async(self, operation: str, fields: Fields) -> dict[str, Any]:  # noqa: ARG002
        runtime = self._session.runtime
        response = await runtime.perform(runtime.prepare(INVOKE_ENDPOINT_ASYNC, fields))
        members = {"InferenceId": response.inference_id, **response.model_extra}
        given = {name: value for name, value in members.items() if value is not None}
        return _head(INVOKE_ENDPOINT_ASYNC, response.metadata) | given

    async def _control(self, operation: str, fields: Fields) -> dict[str, Any]:
        response, members = await self._answered(operation, fields)
        return {**members, "ResponseMetadata": response.metadata.by_aws_names()}

    async def _answered(
        self, operation: str, fields: Fields, timeout: float | None = None
    ) -> tuple[UnmodelledResponse, dict[str, Any]]:
        """Return what an operation of the control plane answers, and its members as botocore gives them."""
        forms = self._forms.get(operation)
        if forms is None:
            forms = self._forms[operation] = Forms.of(self._description.model.operation_model(operation))
        fields = with_token(operation, fields)
        if self._validate:
            validate_parameters(fields, forms.given)
        response = await self._session.hosting.call(operation, forms.sent(fields), timeout=timeout, newer=True)
        try:
            return response, forms.answered(response.members)
        except (ValueError, TypeError, OverflowError, OSError) as error:
            raise ResponseParserError(f"{operation} answered with a value of the wrong type: {error}") from error

    # --- pages and waiters -------------------------------------------------------------------------------------------

    def can_paginate(self, operation_name: str) -> bool:
        """Return whether an operation, by its method's name, answers in pages.

        Raises:
            KeyError: there is no such operation.
        """
        operation = self.meta.method_to_api_mapping[operation_name]
        return self.meta.service_model.service_name == SAGEMAKER.name and items_of(operation) is not None

    def get_paginator(self, operation_name: str) -> Paginator:
        """Return what iterates over the pages of an operation, by its method's name.

        Raises:
            KeyError: there is no such operation.
            OperationNotPageableError: it does not answer in pages.
        """
        operation = self.meta.method_to_api_mapping[operation_name]
        items = items_of(operation)
        if items is None or not self.can_paginate(operation_name):
            raise OperationNotPageableError(operation_name=operation_name)
        return Paginator(functools.partial(self._page, operation), items)

    async def _page(self, operation: str, fields: Fields) -> UnmodelledResponse:
        try:
            response, members = await self._answered(operation, fields)
        except SageMakerAsyncError as error:
            raise_from(self._translated(operation, fields, error), error)
        return response.model_copy(update=members)

    @property
    def waiter_names(self) -> list[str]:
        """What `get_waiter` knows: botocore's waiters, and those of inference components."""
        return sorted(self._waiting_client.waiter_names)

    def get_waiter(self, waiter_name: str) -> Waiter:
        """Return what waits for something, by its name, such as ``endpoint_in_service``.

        Raises:
            ValueError: there is no such waiter.
        """
        if waiter_name not in self.waiter_names:
            raise ValueError(f"Waiter does not exist: {waiter_name}")
        rules = rules_named(waiter_name)
        ask = functools.partial(self._answered, rules.operation)
        translated = functools.partial(self._translated, rules.operation)
        acceptors = self._description.acceptors.get(rules.name, ())
        return Waiter(rules, acceptors, ask, translated, self.meta.service_model, self._session.hosting.timing)

    @property
    def _waiting_client(self) -> Any:
        control = self.meta.service_model.service_name == SAGEMAKER.name
        return self._session.hosting if control else self._session.runtime


_RUNTIME: Mapping[str, Callable[[Client, str, Fields], Awaitable[dict[str, Any]]]] = {
    INVOKE_ENDPOINT.name: Client._invoke,
    INVOKE_ENDPOINT_WITH_RESPONSE_STREAM.name: Client._stream,
    INVOKE_ENDPOINT_ASYNC.name: Client._invoke_async,
}
"""What sends the operations of SageMaker Runtime; `Client._control` sends all others."""


class Hooks:
    """Stands in for botocore's event emitter and refuses hooks, because code that registers one relies on its being
    called."""

    def register(self, event_name: str, *_: object, **__: object) -> NoReturn:
        """Refuse a hook by the name of its event.

        Raises:
            ConfigurationError: always.
        """
        raise ConfigurationError(
            f"there are no event hooks here, and {event_name!r} would never be called; what sees and changes requests "
            "is an Interceptor (sagemaker_async.aws.interceptors) of a Session of ours"
        )

    register_first: Callable[..., NoReturn] = register
    register_last: Callable[..., NoReturn] = register
    unregister: Callable[..., NoReturn] = register


def _head(operation: Operation, metadata: ResponseMetadata) -> dict[str, Any]:
    """Return what the header fields of an answer say."""
    response: dict[str, Any] = {"ResponseMetadata": metadata.by_aws_names()}
    headers = metadata.headers
    for name, header in operation.response_headers.items():
        if (value := headers.get(header)) is not None:
            response[name] = value
    return response
