"""A control plane as a JSON value, and back: what `LocalSageMaker(state=...)` keeps over a restart.

Kept are all resources and their tags, monitoring executions, lineage, and the models that are given by a URL or a path.
A model that is a Python callable cannot be kept. What ran it comes back and answers with a ModelError (424), which
names the call that is missing, until ``add_model`` or ``add_endpoint`` is called again. Scripted failures, faults,
counters, received requests and the objects of S3 are not kept.

A change of state under way when the state was saved (Creating, Updating, Deleting, ...) begins again, and succeeds; of
an update of an inference component, only the number of copies is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sagemaker_async.local.endpoints import Endpoint, Variant
from sagemaker_async.local.models import Model

from .account import Account
from .endpoint_configs import EndpointConfigs
from .endpoints import EndpointRecord, Endpoints, Release
from .hosted_model import HostedContainer, HostedModel
from .inference_components import InferenceComponents
from .inference_routers import InferenceRouters
from .job_definitions import JobDefinitions
from .lineage import Lineage
from .models import Models
from .monitoring import Monitoring
from .processing_jobs import ProcessingJobs
from .records import Fields, Table
from .variants import VariantState, deployment_of

__all__ = ["Resources"]

_VARIANT = tuple([field.name for field in fields(VariantState) if field.name != "variant"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The resources of one account, by family."""

    account: Account
    models: Models
    configs: EndpointConfigs
    endpoints: Endpoints
    components: InferenceComponents
    routers: InferenceRouters
    definitions: JobDefinitions
    monitoring: Monitoring
    jobs: ProcessingJobs
    lineage: Lineage

    def _plain(self) -> Mapping[str, Table[Any]]:
        """The tables whose records consist of what all records have."""
        tables: list[Table[Any]] = [self.models.table, self.configs.table, self.jobs.table, *self.definitions.tables]
        tables += [*self.lineage.tables, self.lineage.associations, self.monitoring.executions]
        return {table.kind.name: table for table in tables}

    # --- to JSON ------------------------------------------------------------------------------------------------------

    def saved(self) -> Fields:
        """Return everything as a JSON value."""
        return {
            "records": {name: [record.saved() for record in table] for name, table in self._plain().items()},
            "endpoints": [self._saved_endpoint(record) for record in self.endpoints.table],
            "inference_components": [
                {
                    **record.saved(),
                    "endpoint": record.endpoint.name,
                    "variant_name": record.variant_name,
                    "model": _saved_model(record.model),
                    "copies": record.copies,
                    "desired_copies": record.desired_copies,
                    "deployment_config": record.deployment_config,
                    "serves": record.endpoint.invocable is not None
                    and record.name in record.endpoint.invocable.components,
                }
                for record in self.components.table
            ],
            "inference_routers": [
                {**record.saved(), "serves": record.name in self.account.state.routers} for record in self.routers.table
            ],
            "monitoring_schedules": [
                {
                    **record.saved(),
                    "endpoint_name": record.endpoint_name,
                    "monitoring_type": record.monitoring_type,
                    "executions": [execution.name for execution in record.executions],
                }
                for record in self.monitoring.table
            ],
        }

    def _saved_endpoint(self, record: EndpointRecord) -> Fields:
        saved = record.saved() | {"running": _saved_release(record.running), "pending": _saved_release(record.pending)}
        if record.name in self.account.endpoints:
            deployment = self.account.endpoints[record.name].deployment
            saved["deployment"] = {name: getattr(deployment, name) for name in _DEPLOYMENT}
        return saved

    # --- from JSON ----------------------------------------------------------------------------------------------------

    def restore(self, saved: Fields) -> None:
        """Add everything that `saved` returned; raises `Refusal` or a built-in exception when it is malformed."""
        for name, table in self._plain().items():
            for record in saved["records"][name]:
                table.put(record)
        self.lineage.restored()
        for each in saved["endpoints"]:
            self._restore_endpoint(each)
        for each in saved["inference_components"]:
            record = self.components.table.put(
                each,
                endpoint=self.endpoints.table.get(each["endpoint"]),
                variant_name=each["variant_name"],
                model=self._model(each["model"]),
                copies=each["copies"],
                desired_copies=each["desired_copies"],
                deployment_config=each["deployment_config"],
            )
            self.components.resume(record, serves=each["serves"])
        for each in saved.get("inference_routers", ()):  # files of earlier versions have none
            self.routers.resume(self.routers.table.put(each), serves=each.get("serves", each["status"] == "InService"))
        for each in saved["monitoring_schedules"]:
            schedule = self.monitoring.table.put(
                each,
                endpoint_name=each["endpoint_name"],
                monitoring_type=each["monitoring_type"],
                executions=[self.monitoring.executions.get(name) for name in each["executions"]],
            )
            self.monitoring.resume(schedule)

    def _restore_endpoint(self, saved: Fields) -> None:
        running, pending = self._release(saved["running"]), self._release(saved["pending"])
        record = self.endpoints.table.put(saved, running=running, pending=pending)
        if saved.get("deployment") is not None and running is not None:
            deployment = deployment_of(running.config, running.variants, "s3://bucket", **saved["deployment"])
            record.invocable = self.account.endpoints[record.name] = Endpoint(record.name, deployment)
        self.endpoints.resume(record)

    def _release(self, saved: Fields | None) -> Release | None:
        if saved is None:
            return None
        config = self.configs.table.find(saved["config"]["name"])
        if config is None or config.created != saved["config"]["created"]:  # it was deleted, and the endpoint kept it
            config = self.configs.table.made(saved["config"])
        variants, shadows = ([self._variant(each) for each in saved[name]] for name in ("variants", "shadows"))
        return Release(config, variants, shadows, saved["started"], saved["deployment_config"])

    def _variant(self, saved: Fields) -> VariantState:
        variant = Variant(saved["name"], self._model(saved["model"]), saved["configured_weight"])
        return VariantState(variant=variant, **{name: saved[name] for name in _VARIANT})

    def _model(self, saved: Fields | None) -> Any:
        if saved is None:
            return None
        containers = [HostedContainer(image, hostname) for image, hostname in saved["containers"]]
        return HostedModel(saved["name"], containers, self.account.callables, direct=saved["direct"])


_DEPLOYMENT = ("async_output", "async_failure", "body_limit", "serverless")


def _saved_release(release: Release | None) -> Fields | None:
    if release is None:
        return None
    return {
        "config": release.config.saved(),
        "variants": [_saved_variant(variant) for variant in release.variants],
        "shadows": [_saved_variant(variant) for variant in release.shadows],
        "started": release.started,
        "deployment_config": release.deployment_config,
    }


def _saved_variant(state: VariantState) -> Fields:
    own = {"name": state.given.get("ModelName"), "containers": [[image, None] for image in state.images]}
    return {
        **{name: getattr(state, name) for name in _VARIANT},
        "name": state.variant.name,
        "configured_weight": state.variant.weight,
        "model": None if state.variant.model is None else _saved_model(state.variant.model, own | {"direct": False}),
    }


def _saved_model(model: Model, otherwise: Fields | None = None) -> Fields | None:
    """Return a created model; `otherwise` stands for one that the program added itself."""
    return model.saved() if isinstance(model, HostedModel) else otherwise
