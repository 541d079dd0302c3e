"""SageMaker hosting as a table: which operations are modelled, and what is particular about each.

A row names its operation; the shapes follow from the name (``DescribeEndpointRequest``, ``DescribeEndpointResponse``)
and are not imported here, because a call needs only a few of the hundreds there are: the client imports those of an
operation with its first call, off the event loop. Adding an operation is adding a row and running ``python -m
sagemaker_async.hosting.generator.generate``.

When it is not known whether a call was carried out, it may be repeated if it only reads, or if it tags, which ends
the same however often it is done. Creating, updating, starting, stopping and deleting must not be repeated: the second
attempt is answered with an error ("already existing", "could not find"), which would report as failed what succeeded.
Those that take an idempotency token may be repeated, because every attempt of a call carries the same one.

All others of SageMaker's operations are known by name alone (`unmodelled`), from botocore's list of them.
"""

from __future__ import annotations

import difflib
import functools
import re
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from sagemaker_async.aws.retries import RetryRules
from sagemaker_async.aws.shapes.deferred import DeferredShapes
from sagemaker_async.aws.shapes.operation import Operation, Service
from sagemaker_async.errors import (
    ConfigurationError,
    ConflictException,
    InternalFailure,
    ResourceInUse,
    ResourceLimitExceeded,
    ResourceNotFound,
    ServiceUnavailable,
    ValidationError,
)

from .endpoint import HOSTING
from .generated.names import BOTOCORE_VERSION, IDEMPOTENCY_TOKENS, ITEMS, OPERATION_NAMES
from .generated.requests import COMPILED

__all__ = [
    "FAMILIES",
    "OPERATIONS",
    "SAGEMAKER",
    "HostingOperation",
    "aws_operation_name",
    "items_of",
    "modelled",
    "unmodelled",
    "with_token",
]

SAGEMAKER = Service(
    name="sagemaker",
    endpoint_rules=HOSTING,
    retry_rules=RetryRules(),
    protocol="json-rpc",
    target_prefix="SageMaker",
    errors={
        "ConflictException": ConflictException,
        "InternalFailure": InternalFailure,
        "ResourceAlreadyExists": ResourceInUse,
        "ResourceInUse": ResourceInUse,
        "ResourceLimitExceeded": ResourceLimitExceeded,
        "ResourceNotFound": ResourceNotFound,
        "ServiceUnavailable": ServiceUnavailable,
        "ValidationError": ValidationError,
        "ValidationException": ValidationError,
    },
)


class HostingOperation(NamedTuple):
    """One operation of SageMaker hosting."""

    name: str
    """AWS's name, such as ``DescribeEndpoint``."""
    purpose: str
    """What it does, as the first line of its method's docstring."""
    resource: str | None = None
    """The request field that names what the call is on, for messages."""
    items: str | None = None
    """AWS's name of the list that an answer holds one page of; None when it does not answer in pages."""
    repeatable: bool = False
    """Whether it may be repeated when nobody knows whether it was done."""

    @property
    def request(self) -> str:
        """The name of its request shape."""
        return f"{self.name}Request"

    @property
    def response(self) -> str:
        """The name of its response shape."""
        return f"{self.name}Response"


def _reads(name: str, purpose: str, resource: str | None = None, *, items: str | None = None) -> HostingOperation:
    return HostingOperation(name, purpose, resource, items, repeatable=True)


_writes = HostingOperation

FAMILIES: Mapping[str, tuple[HostingOperation, ...]] = {
    "models": (
        _writes("CreateModel", "Create a model: its containers, artifacts and role.", "model_name"),
        _reads("DescribeModel", "Return what a model is made of.", "model_name"),
        _writes("DeleteModel", "Delete a model; its artifacts stay.", "model_name"),
        _reads("ListModels", "Return one page of the models.", items="Models"),
    ),
    "endpoint_configs": (
        _writes("CreateEndpointConfig", "Create an endpoint configuration.", "endpoint_config_name"),
        _reads("DescribeEndpointConfig", "Return an endpoint configuration.", "endpoint_config_name"),
        _writes("DeleteEndpointConfig", "Delete an endpoint configuration.", "endpoint_config_name"),
        _reads("ListEndpointConfigs", "Return one page of the endpoint configurations.", items="EndpointConfigs"),
    ),
    "endpoints": (
        _writes(
            "CreateEndpoint", "Begin to create an endpoint; `wait_until_in_service` waits for it.", "endpoint_name"
        ),
        _reads("DescribeEndpoint", "Return the state of an endpoint.", "endpoint_name"),
        _writes("UpdateEndpoint", "Begin to move an endpoint to another configuration.", "endpoint_name"),
        _writes(
            "UpdateEndpointWeightsAndCapacities",
            "Begin to change the weights or the instance counts of an endpoint's variants.",
            "endpoint_name",
        ),
        _writes("DeleteEndpoint", "Begin to delete an endpoint; `wait_until_deleted` waits for it.", "endpoint_name"),
        _reads("ListEndpoints", "Return one page of the endpoints.", items="Endpoints"),
    ),
    "inference_components": (
        _writes("CreateInferenceComponent", "Begin to create an inference component.", "inference_component_name"),
        _reads("DescribeInferenceComponent", "Return the state of an inference component.", "inference_component_name"),
        _writes("UpdateInferenceComponent", "Begin to update an inference component.", "inference_component_name"),
        _writes(
            "UpdateInferenceComponentRuntimeConfig",
            "Begin to change the number of an inference component's copies.",
            "inference_component_name",
        ),
        _writes("DeleteInferenceComponent", "Begin to delete an inference component.", "inference_component_name"),
        _reads("ListInferenceComponents", "Return one page of the inference components.", items="InferenceComponents"),
    ),
    "inference_routers": (
        _writes(
            "CreateInferenceRouter",
            "Begin to create an inference router: named targets, each with its destinations.",
            "inference_router_name",
            repeatable=True,
        ),
        _reads("DescribeInferenceRouter", "Return the targets and the state of a router.", "inference_router_name"),
        _writes(
            "UpdateInferenceRouter",
            "Begin to replace all targets of a router; it takes effect in about two minutes.",
            "inference_router_name",
        ),
        _writes("DeleteInferenceRouter", "Begin to delete a router; its destinations stay.", "inference_router_name"),
        _reads("ListInferenceRouters", "Return one page of the inference routers.", items="InferenceRouters"),
    ),
    "tags": (
        _writes("AddTags", "Add tags to a resource, or give those it has new values.", "resource_arn", repeatable=True),
        _reads("ListTags", "Return one page of a resource's tags.", "resource_arn", items="Tags"),
        _writes("DeleteTags", "Remove tags from a resource.", "resource_arn", repeatable=True),
    ),
    "monitoring": (
        _writes("CreateMonitoringSchedule", "Create a monitoring schedule.", "monitoring_schedule_name"),
        _reads("DescribeMonitoringSchedule", "Return a monitoring schedule.", "monitoring_schedule_name"),
        _writes("UpdateMonitoringSchedule", "Replace the configuration of a schedule.", "monitoring_schedule_name"),
        _writes("StartMonitoringSchedule", "Start a stopped monitoring schedule.", "monitoring_schedule_name"),
        _writes("StopMonitoringSchedule", "Stop a monitoring schedule.", "monitoring_schedule_name"),
        _writes("DeleteMonitoringSchedule", "Delete a monitoring schedule.", "monitoring_schedule_name"),
        _reads(
            "ListMonitoringSchedules",
            "Return one page of the monitoring schedules.",
            items="MonitoringScheduleSummaries",
        ),
        _reads(
            "ListMonitoringExecutions", "Return one page of the monitoring jobs.", items="MonitoringExecutionSummaries"
        ),
        _reads("DescribeDataQualityJobDefinition", "Return a data quality monitoring job.", "job_definition_name"),
        _reads("DescribeModelQualityJobDefinition", "Return a model quality monitoring job.", "job_definition_name"),
        _reads("DescribeModelBiasJobDefinition", "Return a model bias monitoring job.", "job_definition_name"),
        _reads("DescribeModelExplainabilityJobDefinition", "Return an explainability job.", "job_definition_name"),
    ),
    "lineage": (
        _reads("ListContexts", "Return one page of the lineage contexts.", items="ContextSummaries"),
        _reads("DescribeContext", "Return a lineage context.", "context_name"),
        _reads("ListAssociations", "Return one page of the lineage associations.", items="AssociationSummaries"),
        _reads("QueryLineage", "Return one page of what a lineage entity is connected with.", items="Vertices"),
    ),
}
"""The rows by what they are about; the modules of `generated.shapes` are named after it."""

OPERATIONS = {row.name: row for rows in FAMILIES.values() for row in rows}
"""The rows by AWS's name of the operation."""


@functools.cache
def modelled(name: str) -> Operation:
    """Return the operation of a row, its shapes not loaded yet."""
    row = OPERATIONS[name]
    return Operation(
        name=name,
        service=SAGEMAKER,
        shapes=DeferredShapes(f"{__package__}.generated.shapes", name),
        compiled=COMPILED.get(name),
        resource=row.resource,
        repeatable=row.repeatable,
    )


_UNMODELLED = DeferredShapes(f"{__package__}.unmodelled", "Unmodelled")
_READING = ("Describe", "Get", "List", "Search", "Query", "BatchDescribe", "BatchGet")


@functools.lru_cache(maxsize=64)
def unmodelled(name: str) -> Operation:
    """Return the operation of AWS's name `name`, whether there is one or not, with fields as they are on the wire."""
    harmless = name.startswith(_READING) or name in IDEMPOTENCY_TOKENS
    return Operation(name=name, service=SAGEMAKER, shapes=_UNMODELLED, repeatable=harmless)


def with_token(name: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a call, in either spelling, with an idempotency token where the operation has one.

    The token is a random UUID, as botocore's, unless the caller gave one. All attempts of the call carry it, so that
    SageMaker carries out but one of them.
    """
    token = IDEMPOTENCY_TOKENS.get(name)
    if token is None:
        return fields
    python_name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", token).lower()
    if fields.get(token) is not None or fields.get(python_name) is not None:
        return fields
    return {**fields, token: str(uuid.uuid4())}


def aws_operation_name(name: str) -> str:
    """Return AWS's name of an operation from that or the Python one, ``ListModels`` or ``list_models``.

    Raises:
        ConfigurationError: there is no such operation; the message suggests the nearest.
    """
    if name in OPERATION_NAMES:
        return name
    wanted = str(name).replace("_", "").lower()
    by_lower_case = {known.lower(): known for known in OPERATION_NAMES}
    if wanted in by_lower_case:
        return by_lower_case[wanted]
    near = difflib.get_close_matches(wanted, by_lower_case, n=1)
    suggestion = f"; did you mean {by_lower_case[near[0]]}?" if near else ""
    raise ConfigurationError(
        f"this version knows no operation {name!r} of SageMaker (its list is that of botocore {BOTOCORE_VERSION})"
        f"{suggestion}"
    )


def items_of(name: str) -> str | None:
    """Return AWS's name of the list that an operation answers a page of; None when it does not answer in pages."""
    return ITEMS.get(name)
