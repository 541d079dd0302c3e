"""Moving an endpoint to a copy of its configuration in which some members differ.

The old configuration is carried over as a whole: every member that ``CreateEndpointConfig`` takes, and all tags but
AWS's own. A new configuration whose update never began is removed again; when an update began and failed, the error
says which configuration it leaves behind and what removes it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagemaker_async.errors import (
    CallError,
    ConfigurationError,
    SageMakerAsyncError,
    ServiceError,
    ValidationError,
    WaiterTimeoutError,
)
from sagemaker_async.hosting.answers import answer_or_raise
from sagemaker_async.hosting.client import SageMakerClient
from sagemaker_async.hosting.generated import shapes
from sagemaker_async.hosting.waiting import WAIT_RULES, OnProgress, Pace, WaitRules, kind_of_failure

__all__ = [
    "CARRIED_OVER",
    "ConfigurationMoved",
    "EndpointUpdate",
    "Waiting",
    "existing_component",
    "existing_endpoint",
    "is_missing",
    "waiting_for",
    "was_refused",
]

logger: logging.Logger = logging.getLogger(__name__)

CARRIED_OVER = (
    "ProductionVariants",
    "ShadowProductionVariants",
    "DataCaptureConfig",
    "KmsKeyId",
    "AsyncInferenceConfig",
    "ExplainerConfig",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
    "MetricsConfig",
    "CrossRegionTrafficConfig",
)
"""The members of an endpoint configuration without its name and tags."""


@dataclass(frozen=True)
class Waiting:
    """A wait whose options were checked, and which has not begun."""

    rules: WaitRules
    pace: Pace
    on_progress: OnProgress | None

    async def wait(self, hosting: SageMakerClient, resource: Mapping[str, Any]) -> Any:
        """Wait, and return the last description; raises as `SageMakerClient.wait_until_in_service`."""
        return await hosting.wait(self.rules, resource, self.pace, self.on_progress)


def waiting_for(
    rules_name: str, interval: float | None, limit: float | None, jitter: float, on_progress: OnProgress | None
) -> Waiting:
    """Return a wait by a row of `WAIT_RULES`, its options checked: a wrong one is found before anything is changed.

    Args:
        rules_name: the name of the row.
        interval: the longest time between polls in seconds; None: the row's.
        limit: seconds for the whole wait; None: for ever.
        jitter: the largest part of each delay that chance takes away, from 0 to 1.
        on_progress: gets each description as it comes; may be ``async``.

    Raises:
        ConfigurationError: a number is out of range, or `on_progress` cannot be called.
    """
    rules = WAIT_RULES[rules_name]
    if on_progress is not None and not callable(on_progress):
        raise ConfigurationError(f"on_progress must be a callable that takes a description, got {on_progress!r}")
    pace = Pace(interval=rules.interval if interval is None else interval, limit=limit, jitter=jitter)
    return Waiting(rules, pace, on_progress)


class ConfigurationMoved(Exception):
    """The endpoint runs another configuration than the one that was to be carried over: start over with that one."""


@dataclass(frozen=True, kw_only=True)
class EndpointUpdate:
    """One update of one endpoint."""

    endpoint_name: str
    old_config: str
    """The configuration that is carried over."""
    new_config: str
    """The name of the one to be made."""
    changes: dict[str, Any]
    """The members of the new configuration that differ from the old one's, under AWS's names."""
    tags: Sequence[Mapping[str, str]] | None = None
    """The new configuration's tags; None: the old one's."""

    async def perform(self, hosting: SageMakerClient, waiting: Waiting | None) -> None:
        """Create the configuration, move the endpoint to it, and wait for it unless `waiting` is None.

        Raises:
            ConfigurationMoved: the endpoint does not run `old_config`; nothing was changed.
            ConfigurationError: there is no such endpoint.
            UnexpectedStatusException: the update failed, or was rolled back; `CapacityError` for lack of capacity.
            WaiterTimeoutError: the wait's limit passed.
            CallError: a call failed.
        """
        await self._create_config(hosting)
        asked = False
        try:
            running = (await existing_endpoint(hosting, self.endpoint_name)).endpoint_config_name
            if running not in (None, self.old_config):
                raise ConfigurationMoved
            asked = True
            await answer_or_raise(
                hosting.update_endpoint(endpoint_name=self.endpoint_name, endpoint_config_name=self.new_config)
            )
        except (SageMakerAsyncError, ConfigurationMoved) as error:
            if asked and not was_refused(error):
                self._say_what_is_left(error)
            else:
                await self._remove_config(hosting, error)
            raise
        if waiting is not None:
            await self._wait(hosting, waiting)

    async def _create_config(self, hosting: SageMakerClient) -> None:
        old = await answer_or_raise(hosting.describe_endpoint_config(endpoint_config_name=self.old_config))
        if old.model_extra:
            logger.warning(
                "%s of the endpoint configuration %r is unknown to this version and not carried over",
                ", ".join(old.model_extra),
                self.old_config,
            )
        fields = {name: old.get(name) for name in CARRIED_OVER} | self.changes
        tags: Sequence[Any] | None = self.tags
        if tags is None:
            every = hosting.iter_tags(resource_arn=old.endpoint_config_arn)
            tags = [tag async for tag in every if not tag.key.lower().startswith("aws:")]
        await answer_or_raise(
            hosting.invoke(
                "CreateEndpointConfig", {"EndpointConfigName": self.new_config, **fields, "Tags": tags or None}
            )
        )

    async def _remove_config(self, hosting: SageMakerClient, reason: Exception) -> None:
        """Remove the new configuration, which nothing uses; if that fails, add it to the message of `reason`."""
        try:
            await answer_or_raise(hosting.delete_endpoint_config(endpoint_config_name=self.new_config))
        except SageMakerAsyncError as error:
            logger.warning(
                "the endpoint configuration %r, which nothing uses, could not be deleted: %s", self.new_config, error
            )
            self._say_what_is_left(reason)

    async def _wait(self, hosting: SageMakerClient, waiting: Waiting) -> None:
        try:
            description = await waiting.wait(hosting, {"EndpointName": self.endpoint_name})
            running = description.endpoint_config_name
            if running not in (None, self.new_config):
                reason = description.failure_reason
                why = f"SageMaker's reason: {reason}" if reason else "SageMaker gives no reason"
                raise kind_of_failure(reason)(
                    f"the update of {self.endpoint_name!r} was rolled back: it is in service with the endpoint "
                    f"configuration {running!r}; {why}",
                    ["InService"],
                    "RollingBack",
                    reason,
                )
        except SageMakerAsyncError as error:
            self._say_what_is_left(error)
            raise

    def _say_what_is_left(self, error: Exception) -> None:
        unless = (
            "; if the update still succeeds, keep it; otherwise " if isinstance(error, WaiterTimeoutError) else ". "
        )
        sentence = (
            f"The endpoint configuration {self.new_config!r} was created for this update{unless}"
            f"session.hosting.delete_endpoint_config(endpoint_config_name={self.new_config!r}) removes it"
        )
        if isinstance(error, CallError):
            error.message = f"{error.message.rstrip('.')}. {sentence}"
        else:
            error.args = (f"{str(error).rstrip('.')}. {sentence}", *error.args[1:])


def was_refused(error: Exception) -> bool:
    """Return whether an update certainly did not begin."""
    if isinstance(error, ServiceError):
        # After a 500 that was retried, "in progress" may mean this very update.
        earlier = all(attempt.outcome.startswith("4") for attempt in error.attempts)
        return 400 <= error.status < 500 and earlier
    return not isinstance(error, CallError) or error.not_sent


async def existing_endpoint(hosting: SageMakerClient, endpoint_name: str) -> shapes.DescribeEndpointResponse:
    """Return the description of an endpoint.

    Raises:
        ConfigurationError: there is no such endpoint; the words are the SDK's.
        CallError: it could not be described for another reason.
    """
    try:
        return await answer_or_raise(hosting.describe_endpoint(endpoint_name=endpoint_name))
    except ValidationError as error:
        if not is_missing(error):
            raise
        raise ConfigurationError(
            f"Endpoint with name '{endpoint_name}' does not exist; please use an existing endpoint name"
        ) from error


async def existing_component(
    hosting: SageMakerClient, component_name: str
) -> shapes.DescribeInferenceComponentResponse:
    """Return the description of an inference component.

    Raises:
        ConfigurationError: there is no such component.
        CallError: it could not be described for another reason.
    """
    try:
        return await answer_or_raise(hosting.describe_inference_component(inference_component_name=component_name))
    except ValidationError as error:
        if not is_missing(error):
            raise
        raise ConfigurationError(
            f"Inference component with name '{component_name}' does not exist; please use an existing component name"
        ) from error


def is_missing(error: ValidationError) -> bool:
    """Return whether the service refused a request because what it names does not exist."""
    return "could not find" in error.error_message.lower()
