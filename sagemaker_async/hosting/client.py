"""`SageMakerClient`: the control plane of SageMaker.

pydantic is not imported here: `Session.hosting` imports this module where it is first asked for, which may be on the
event loop. The shapes of an operation are imported by its first call, in a thread.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

from sagemaker_async import _lazy
from sagemaker_async.aws.client import CallOptions, PreparedCall, ServiceClient
from sagemaker_async.aws.timing import SYSTEM_TIMING, Timing
from sagemaker_async.config import Timeouts
from sagemaker_async.errors import ConfigurationError, RequestValidationError, ValidationError

from .answers import answer_or_raise
from .created import CreatedConfigs
from .generated import shapes
from .generated.methods import HostingMethods
from .operations import OPERATIONS, aws_operation_name, items_of, modelled, unmodelled, with_token
from .pages import Pages
from .paginators import Paginator
from .rules import broken_rules
from .waiters import Waiter, rules_named
from .waiting import WAIT_RULES, OnProgress, Pace, WaitRules, wait

if TYPE_CHECKING:
    from sagemaker_async.aws.shapes import models

    from . import unmodelled as wire
else:
    models = _lazy.later("aws.shapes.models")
    wire = _lazy.later("hosting.unmodelled")

__all__ = ["SageMakerClient"]


class SageMakerClient(HostingMethods, ServiceClient):
    """The control plane of SageMaker: models, endpoints, inference components, tags, monitoring, lineage.

    Each method takes its fields as keywords, in Python's spelling (``endpoint_name``) or AWS's (``EndpointName``), and
    `timeout`: seconds for the whole call over all attempts, or a `Timeouts` of its own. Structures may be given as
    mappings in either spelling, as classes of `sagemaker_async.hosting.generated.shapes`, or as what an
    earlier call answered.
    Each method that lists one page has a sibling that iterates over all of them: `list_endpoints`, `iter_endpoints`.
    Operations without a method go through `call`.

    A value of an enumeration that this version does not know is sent, with a warning in the log that names the nearest
    known one; see `sagemaker_async.hosting.enumerations`, also for the two in which it is refused.

    SageMaker may not find an endpoint configuration for some seconds after its creation. Calls on one that this client
    created are repeated then; see `sagemaker_async.hosting.created`.

    All raise `RequestValidationError` before anything is sent when fields break AWS's rules, and `CallError` with its
    many kinds when the call fails; see `sagemaker_async.errors`.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Operations_Amazon_SageMaker_Service.html
    """

    timing: Timing = SYSTEM_TIMING
    """Where waiting, for a state or before a call is repeated here, takes time and chance from."""

    async def invoke(self, name: str, fields: Mapping[str, Any], timeout: float | Timeouts | None = None) -> Any:
        """Call a modelled operation by AWS's name; the methods are this with types."""
        self._channel.check_usable()
        operation = modelled(name)
        await self.load(operation)
        prepared = self.prepare(operation, with_token(name, fields), CallOptions(timeout))
        if self._channel.validate_params and (problems := broken_rules(name, prepared.head.fields)):
            raise RequestValidationError(name, problems)
        return await self._performed(name, prepared)

    async def _performed(self, name: str, prepared: PreparedCall) -> Any:
        """Perform a call, again and again while it is refused for a configuration that was created a moment ago."""
        fields, created, monotonic = prepared.head.fields, self._created_configs, self.timing.monotonic
        started, total = monotonic(), self._total(prepared.options.timeout)
        repetition = 0
        while True:
            refused: Exception | None = None
            try:
                response = await self.perform(prepared)
                error = response.error
            except ValidationError as raised:
                error = refused = raised
            if error is None:
                created.note(name, fields, monotonic())
                return response
            delay = created.delay(name, fields, error, repetition, monotonic())
            if delay is None or (total is not None and monotonic() + delay - started >= total):
                if refused is not None:
                    raise refused
                return response
            repetition += 1
            await self.timing.sleep(delay)

    def _total(self, timeout: float | Timeouts | None) -> float | None:
        timeouts = self._channel.timeouts if timeout is None else timeout
        return timeouts.total if isinstance(timeouts, Timeouts) else timeouts

    @functools.cached_property
    def _created_configs(self) -> CreatedConfigs:
        return CreatedConfigs()

    async def call(
        self,
        operation: str,
        fields: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float | Timeouts | None = None,
        newer: bool = False,
    ) -> wire.UnmodelledResponse:
        """Call any operation of SageMaker, with fields and an answer as they are on the wire.

        Where the operation takes an idempotency token (``ClientToken``, ``ClientRequestToken``) and none is given, the
        call gets one of its own, the same for all its attempts, as with boto3; such a call may therefore be repeated
        when nobody knows whether it was carried out.

        Args:
            operation: its name, such as ``DescribeTrainingJob``.
            fields: its fields under AWS's names. Datetimes become seconds since 1970, bytes become base64.
            timeout: as for all methods.
            newer: send it even though this version knows no operation of that name.

        Raises:
            ConfigurationError: there is no such operation (the message suggests the nearest), or `fields` is not a
                mapping.
            RequestValidationError: a value cannot be sent as JSON.
        """
        name = operation if newer else aws_operation_name(operation)
        if fields is not None and not isinstance(fields, Mapping):
            raise ConfigurationError(
                f"the fields of {name} must be a mapping of AWS's names to values, got {type(fields).__name__}"
            )
        self._channel.check_usable()
        called = unmodelled(name)
        await self.load(called)
        prepared = self.prepare(called, with_token(name, fields or {}), CallOptions(timeout))
        response: wire.UnmodelledResponse = await self.perform(prepared)
        return response

    # --- pages -------------------------------------------------------------------------------------------------------

    def pages(self, name: str, fields: Mapping[str, Any], timeout: float | Timeouts | None = None) -> Pages[Any, Any]:
        """Iterate over all that an operation lists, modelled or not, by AWS's name of it; see `Pages`.

        Raises:
            ConfigurationError: it does not answer in pages.
        """

        async def fetch(page_fields: Mapping[str, Any]) -> Any:
            return await self._describe(name, page_fields, timeout)

        return Pages(fetch, self._items(name), fields)

    def can_paginate(self, operation_name: str) -> bool:
        """Return whether an operation answers in pages, as boto3's method of this name does.

        Raises:
            ConfigurationError: there is no such operation.
        """
        return items_of(aws_operation_name(operation_name)) is not None

    def get_paginator(self, operation_name: str) -> Paginator:
        """Return what iterates over the pages of an operation, for code written for boto3; see `Paginator`.

        Raises:
            ConfigurationError: there is no such operation, or it does not answer in pages.
        """
        name = aws_operation_name(operation_name)
        items = self._items(name)

        async def fetch(page_fields: Mapping[str, Any]) -> Any:
            return await self._describe(name, page_fields, None)

        return Paginator(fetch, items)

    def _items(self, name: str) -> str:
        items = items_of(name)
        if items is None:
            raise ConfigurationError(f"{name} does not answer in pages: one call returns the whole answer")
        return items

    async def _describe(self, name: str, fields: Mapping[str, Any], timeout: float | Timeouts | None) -> Any:
        if name in OPERATIONS:
            return await self.invoke(name, fields, timeout)
        return await self.call(name, fields, timeout=timeout)

    # --- waiting -----------------------------------------------------------------------------------------------------

    @overload
    async def wait_until_in_service(
        self,
        *,
        endpoint_name: str,
        interval: float | None = None,
        limit: float | None = 3600.0,
        jitter: float = 0.2,
        on_progress: OnProgress | None = None,
    ) -> shapes.DescribeEndpointResponse: ...

    @overload
    async def wait_until_in_service(
        self,
        *,
        inference_component_name: str,
        interval: float | None = None,
        limit: float | None = 3600.0,
        jitter: float = 0.2,
        on_progress: OnProgress | None = None,
    ) -> shapes.DescribeInferenceComponentResponse: ...

    async def wait_until_in_service(
        self,
        *,
        endpoint_name: str | None = None,
        inference_component_name: str | None = None,
        interval: float | None = None,
        limit: float | None = 3600.0,
        jitter: float = 0.2,
        on_progress: OnProgress | None = None,
    ) -> Any:
        """Wait until an endpoint or an inference component is in service, and return its description.

        Args:
            endpoint_name: the endpoint to wait for; or
            inference_component_name: the component to wait for.
            interval: the longest time between polls in seconds; None: 30 for endpoints, 20 for components. The first
                poll comes after one second.
            limit: seconds for the whole wait; None: for ever.
            jitter: the largest part of each delay that chance takes away, from 0 to 1.
            on_progress: gets each description as it comes; may be ``async``.

        Raises:
            UnexpectedStatusException: it has failed; `failure_reason` is SageMaker's own. `CapacityError` when it
                failed for lack of capacity.
            WaiterTimeoutError: the limit passed.
            ValidationError: there is no such endpoint or component.
        """
        rules, resource = _waited_for("InService", endpoint_name, inference_component_name)
        pace = Pace(interval=rules.interval if interval is None else interval, limit=limit, jitter=jitter)
        return await self.wait(rules, resource, pace, on_progress)

    async def wait_until_deleted(
        self,
        *,
        endpoint_name: str | None = None,
        inference_component_name: str | None = None,
        interval: float | None = None,
        limit: float | None = 3600.0,
        jitter: float = 0.2,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Wait until an endpoint or an inference component is gone; the arguments are `wait_until_in_service`'s.

        Raises:
            UnexpectedStatusException: it could not be deleted.
            WaiterTimeoutError: the limit passed.
        """
        rules, resource = _waited_for("Deleted", endpoint_name, inference_component_name)
        pace = Pace(interval=rules.interval if interval is None else interval, limit=limit, jitter=jitter)
        await self.wait(rules, resource, pace, on_progress)

    async def wait(
        self,
        rules: WaitRules,
        resource: Mapping[str, Any],
        pace: Pace,
        on_progress: OnProgress | None = None,
    ) -> models.ResponseShape | None:
        """Wait by a row of `WAIT_RULES`; the other ways to wait are this with names.

        Args:
            rules: what is waited for.
            resource: the fields that name it.
            pace: how often to look, and for how long.
            on_progress: gets each description.

        Raises:
            SageMakerAsyncError: as `wait_until_in_service`.
        """
        if on_progress is not None and not callable(on_progress):
            raise ConfigurationError(f"on_progress must be a callable that takes a description, got {on_progress!r}")

        async def describe(left: float | None) -> models.ResponseShape:
            total = self._channel.timeouts.total
            seconds = left if left is None or total is None else min(left, total)
            response: models.ResponseShape = await answer_or_raise(self._describe(rules.operation, resource, seconds))
            return response

        name = str(next(iter(resource.values()), ""))
        return await wait(rules, name, describe, pace, on_progress=on_progress, timing=self.timing)

    @property
    def waiter_names(self) -> list[str]:
        """The names `get_waiter` knows, in Python's spelling."""
        return [rules.python_name for rules in WAIT_RULES.values()]

    def get_waiter(self, waiter_name: str) -> Waiter:
        """Return a waiter by botocore's name of it, ``endpoint_in_service`` or ``EndpointInService``; see `Waiter`.

        Raises:
            ConfigurationError: there is no such waiter.
        """
        return Waiter(self.wait, rules_named(waiter_name))


def _waited_for(end: str, endpoint_name: str | None, component_name: str | None) -> tuple[WaitRules, dict[str, str]]:
    if (endpoint_name is None) == (component_name is None):
        given = "neither" if endpoint_name is None else "both"
        raise ConfigurationError(
            f"give exactly one of endpoint_name and inference_component_name to wait for; {given} was given"
        )
    if endpoint_name is not None:
        return WAIT_RULES[f"Endpoint{end}"], {"EndpointName": endpoint_name}
    assert component_name is not None
    return WAIT_RULES[f"InferenceComponent{end}"], {"InferenceComponentName": component_name}
