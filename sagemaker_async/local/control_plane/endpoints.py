"""Endpoints: Create, Describe, Update, UpdateWeightsAndCapacities, Delete and List, and the states between.

    CreateEndpoint     Creating -> InService, or Failed
    UpdateEndpoint     Updating -> InService, or RollingBack -> InService as before, or UpdateRollbackFailed
    DeleteEndpoint     Deleting -> gone, or Failed

The data plane follows at each step: an endpoint can be invoked from InService on, also while it is updated or rolled
back, but not while it is being deleted. While a change is under way, other changes are refused as AWS refuses them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from sagemaker_async.local.endpoints import Deployment, Endpoint

from .account import Account, Failure
from .endpoint_configs import EndpointConfigs
from .listing import Listing
from .models import Models
from .records import Fields, Kind, Record, Table, copied, refused
from .variants import VariantState, deployment_of, variants_of

__all__ = ["EndpointRecord", "Endpoints", "Release"]

_BUSY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
_COPIED_FROM_CONFIG = ("AsyncInferenceConfig", "ExplainerConfig", "MetricsConfig", "CrossRegionTrafficConfig")


@dataclass(slots=True)
class Release:
    """A configuration that runs or is about to run."""

    config: Record
    variants: list[VariantState]
    shadows: list[VariantState]
    started: float
    deployment_config: Fields | None = None


@dataclass(slots=True, kw_only=True)
class EndpointRecord(Record):
    """One endpoint."""

    pending: Release | None = None
    """What it is being created with or changed to."""
    running: Release | None = None
    """None before it is in service for the first time."""
    invocable: Endpoint | None = None
    """The endpoint of the data plane; None before it is in service for the first time."""
    components: set[str] = field(default_factory=set)
    """The names of its inference components, whatever their state."""


class Endpoints:
    """The endpoints of an account."""

    def __init__(self, account: Account, models: Models, configs: EndpointConfigs) -> None:
        self._account = account
        self._models = models
        self._configs = configs
        self.table: Table[EndpointRecord] = account.table(Kind(name="endpoint", label="endpoint"), EndpointRecord)
        self.tables: tuple[Table[EndpointRecord]] = (self.table,)
        self._listing: Listing[EndpointRecord] = Listing(
            operation="ListEndpoints", result="Endpoints", summary=_summary
        )
        self.operations: dict[str, Callable[[Fields], Fields]] = {
            "CreateEndpoint": self.create,
            "DescribeEndpoint": self.describe,
            "UpdateEndpoint": self.update,
            "UpdateEndpointWeightsAndCapacities": self.update_weights_and_capacities,
            "DeleteEndpoint": self.delete,
            "ListEndpoints": self.list_page,
        }

    # --- operations ---------------------------------------------------------------------------------------------------

    def create(self, request: Fields) -> Fields:
        """CreateEndpoint."""
        release = self._release(request["EndpointConfigName"])
        release.deployment_config = request.get("DeploymentConfig")
        fields = {"Tags": request.get("Tags")}
        record = self.table.add(request["EndpointName"], fields, status="Creating", pending=release)
        failure = self._account.next_failure("CreateEndpoint")
        self._later(record, partial(self._failed, record, failure) if failure else partial(self._deploy, record))
        return {"EndpointArn": record.arn}

    def describe(self, request: Fields) -> Fields:
        """DescribeEndpoint."""
        record = self.table.get(request["EndpointName"])
        release = record.running or record.pending
        assert release is not None
        members: Fields = {
            "EndpointName": record.name,
            "EndpointArn": record.arn,
            "EndpointConfigName": release.config.name,
            "EndpointStatus": record.status,
            "FailureReason": record.failure_reason,
            "CreationTime": record.created,
            "LastModifiedTime": record.modified,
            **{name: release.config.fields.get(name) for name in _COPIED_FROM_CONFIG},
            "DataCaptureConfig": _data_capture(release.config),
        }
        running, pending = record.running, record.pending
        if running is not None:
            members["ProductionVariants"] = [variant.summary() for variant in running.variants]
            members["ShadowProductionVariants"] = [variant.summary() for variant in running.shadows] or None
            members["LastDeploymentConfig"] = running.deployment_config
            if pending is not None:
                members["PendingDeploymentSummary"] = {
                    "EndpointConfigName": pending.config.name,
                    "ProductionVariants": [variant.pending_summary() for variant in pending.variants],
                    "StartTime": pending.started,
                }
        return members

    def update(self, request: Fields) -> Fields:
        """UpdateEndpoint."""
        record = self.table.get(request["EndpointName"])
        running = self._updatable(record)
        release = self._release(request["EndpointConfigName"])
        if record.components and any(variant.variant.model is not None for variant in release.variants):
            raise refused(
                f'Cannot update endpoint "{record.arn}" to variants with models: it has inference components.'
            )
        release.deployment_config = request.get("DeploymentConfig")
        if request.get("RetainDeploymentConfig"):
            release.deployment_config = running.deployment_config
        if request.get("RetainAllVariantProperties"):
            excluded = request.get("ExcludeRetainedVariantProperties") or ()
            _retain(release, running, {entry["VariantPropertyType"] for entry in excluded})
        record.pending = release
        self._begin_update(record, "UpdateEndpoint", partial(self._deploy, record))
        return {"EndpointArn": record.arn}

    def update_weights_and_capacities(self, request: Fields) -> Fields:
        """UpdateEndpointWeightsAndCapacities."""
        record = self.table.get(request["EndpointName"])
        running = self._updatable(record)
        variants = {variant.variant.name: variant for variant in running.variants}
        wanted = request["DesiredWeightsAndCapacities"]
        unknown = [entry["VariantName"] for entry in wanted if entry["VariantName"] not in variants]
        if unknown:
            raise refused(
                f'The variant name(s) "{", ".join(unknown)}" is/are not present within endpoint configuration '
                f'"{running.config.arn}".'
            )
        for entry in wanted:
            variants[entry["VariantName"]].ask(copied(entry))
        self._begin_update(record, "UpdateEndpointWeightsAndCapacities", partial(self._deploy, record))
        return {"EndpointArn": record.arn}

    def delete(self, request: Fields) -> Fields:
        """DeleteEndpoint; its configuration and models stay."""
        record = self.table.get(request["EndpointName"])
        self._check_idle(record)
        if record.components:
            raise refused(
                f'Cannot delete endpoint "{record.arn}" while it has inference components: '
                f"{', '.join(sorted(record.components))}. Delete them first."
            )
        self._account.endpoints.pop(record.name, None)
        record.status = "Deleting"
        record.modified = self._account.now()
        failure = self._account.next_failure("DeleteEndpoint")
        removed = partial(self.table.remove, record)
        self._later(record, partial(self._failed, record, failure) if failure else removed)
        return {}

    def list_page(self, request: Fields) -> Fields:
        """ListEndpoints."""
        return self._listing.answer(self.table, request)

    # --- for the rest of the embedded SageMaker -----------------------------------------------------------------------

    def put_in_service(self, name: str, config: Record, deployment: Deployment) -> Endpoint:
        """Add an endpoint that is in service at once and runs `deployment` instead of its configuration's models."""
        release = self._release(config.name)
        for state, variant in zip(release.variants, deployment.variants, strict=True):
            state.variant = variant
        record = self.table.add(name, {}, status="InService", running=release)
        record.invocable = self._account.endpoints[name] = Endpoint(name, deployment)
        return record.invocable

    def forget(self, name: str) -> None:
        """Remove an endpoint at once; an unknown name is ignored."""
        self._account.endpoints.pop(name, None)
        record = self.table.find(name)
        if record is not None and record.name == name:
            self.table.remove(record)

    def resume(self, record: EndpointRecord) -> None:
        """Begin the change of state again that was under way when a restored endpoint was saved."""
        changes = {
            "Creating": self._deploy,
            "Updating": self._deploy,
            "RollingBack": self._rolled_back,
            "Deleting": self.table.remove,
        }
        change = changes.get(record.status or "")
        if change is not None:
            self._later(record, partial(change, record))

    # --- states -------------------------------------------------------------------------------------------------------

    def _release(self, config_name: str) -> Release:
        config = self._configs.table.get(config_name)
        now = self._account.now()
        shadows = config.fields.get("ShadowProductionVariants") or ()
        return Release(
            config,
            variants_of(config.fields["ProductionVariants"], self._models, now),
            variants_of(shadows, self._models, now),
            now,
        )

    def _updatable(self, record: EndpointRecord) -> Release:
        self._check_idle(record)
        if record.status == "Failed" or record.running is None:
            raise refused(f'Cannot update endpoint "{record.arn}" in status Failed; it can only be deleted.')
        return record.running

    def _check_idle(self, record: EndpointRecord) -> None:
        if record.status in _BUSY:
            raise refused(f'Cannot update in-progress endpoint "{record.arn}".')

    def _begin_update(self, record: EndpointRecord, operation: str, done: Callable[[], None]) -> None:
        record.status = "Updating"
        record.failure_reason = None
        record.modified = self._account.now()
        failure = self._account.next_failure(operation)
        self._later(record, partial(self._roll_back, record, failure) if failure else done)

    def _later(self, record: EndpointRecord, change: Callable[[], None]) -> None:
        """Schedule a change, which is dropped if the endpoint has been removed by then."""
        self._account.schedule(self.table, record, "Endpoint", change)

    def _deploy(self, record: EndpointRecord) -> None:
        release = record.pending or record.running
        assert release is not None
        record.running, record.pending = release, None
        for variant in release.variants:
            variant.reach()
        state = self._account.state
        bucket = f"s3://sagemaker-{state.region}-{state.account_id}"
        deployment = deployment_of(release.config, release.variants, bucket)
        if record.invocable is None:
            record.invocable = Endpoint(record.name, deployment)
        record.invocable.deploy(deployment)
        self._account.endpoints[record.name] = record.invocable
        self._set(record, "InService")

    def _roll_back(self, record: EndpointRecord, failure: Failure) -> None:
        record.failure_reason = failure.reason
        if not failure.rollback:
            self._undo(record)
            self._set(record, "UpdateRollbackFailed")
            return
        self._set(record, "RollingBack")
        self._later(record, partial(self._rolled_back, record))

    def _rolled_back(self, record: EndpointRecord) -> None:
        self._undo(record)
        self._set(record, "InService")

    def _undo(self, record: EndpointRecord) -> None:
        record.pending = None
        assert record.running is not None
        for variant in record.running.variants:
            variant.give_up()

    def _failed(self, record: EndpointRecord, failure: Failure) -> None:
        record.failure_reason = failure.reason
        self._set(record, "Failed")

    def _set(self, record: EndpointRecord, status: str) -> None:
        record.status = status
        record.modified = self._account.now()


def _retain(release: Release, running: Release, excluded: set[str]) -> None:
    """Keep the weights and instance counts of remaining variants, except for the excluded kinds of properties."""
    before = {variant.variant.name: variant for variant in running.variants}
    for variant in release.variants:
        old = before.get(variant.variant.name)
        if old is None:
            continue
        if "DesiredWeight" not in excluded:
            variant.weight = variant.desired_weight = old.desired_weight
        if "DesiredInstanceCount" not in excluded and variant.count is not None and old.desired_count is not None:
            variant.count = variant.desired_count = old.desired_count


def _data_capture(config: Record) -> Fields | None:
    given = config.fields.get("DataCaptureConfig")
    if given is None:
        return None
    enabled = given.get("EnableCapture", True)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": given["InitialSamplingPercentage"],
        "DestinationS3Uri": given["DestinationS3Uri"],
        "KmsKeyId": given.get("KmsKeyId", ""),
    }


def _summary(record: EndpointRecord) -> Fields:
    return {
        "EndpointName": record.name,
        "EndpointArn": record.arn,
        "CreationTime": record.created,
        "LastModifiedTime": record.modified,
        "EndpointStatus": record.status,
    }
