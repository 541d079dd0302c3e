"""`ControlPlane`: SageMaker's hosting operations on the memory of one embedded SageMaker.

`perform` runs one operation. The other methods serve tests that add something without a request (`add_model`,
`add_endpoint`, failures, monitoring executions, lineage). All of them hold the lock of `Transitions`, so that requests
on the event loop and calls from a test's thread do not interfere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import count
from typing import NamedTuple

from sagemaker_async.errors import ConfigurationError
from sagemaker_async.local.answers import Refusal
from sagemaker_async.local.endpoints import Deployment, Endpoint
from sagemaker_async.local.models import Model
from sagemaker_async.local.state import LocalState

from .account import Account, Failure, Family, Operation
from .endpoint_configs import EndpointConfigs
from .endpoints import Endpoints
from .inference_components import InferenceComponents
from .inference_routers import InferenceRouters
from .job_definitions import MONITORING_TYPES, JobDefinitions, minimal_definition
from .lineage import Lineage
from .models import Models
from .monitoring import Monitoring
from .processing_jobs import ProcessingJobs
from .records import Fields, Record, copied
from .saving import Resources
from .tags import Tags

__all__ = ["ControlPlane"]

_CAN_FAIL = frozenset(
    {
        "CreateEndpoint",
        "UpdateEndpoint",
        "UpdateEndpointWeightsAndCapacities",
        "DeleteEndpoint",
        "CreateInferenceComponent",
        "UpdateInferenceComponent",
        "UpdateInferenceComponentRuntimeConfig",
        "DeleteInferenceComponent",
        "CreateInferenceRouter",
        "UpdateInferenceRouter",
        "DeleteInferenceRouter",
        "CreateMonitoringSchedule",
        "UpdateMonitoringSchedule",
        "StartMonitoringSchedule",
        "StopMonitoringSchedule",
    }
)
_NAME_LENGTH = 63
_ON_INSTANCES: Fields = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
_SERVERLESS: Fields = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}


class _Generated(NamedTuple):
    """The model and configuration of an endpoint that `LocalSageMaker.add_endpoint` added."""

    model: Record
    config: Record
    runs: Model | None
    """None until the program that added it does so again, after a restart."""


class ControlPlane:
    """The control plane of one embedded SageMaker."""

    def __init__(self, state: LocalState) -> None:
        self._account = account = Account(state)
        self._lock = state.transitions.lock
        self._models = Models(account)
        self._configs = EndpointConfigs(account, self._models)
        self._endpoints = Endpoints(account, self._models, self._configs)
        self._components = InferenceComponents(account, self._models, self._endpoints)
        state.no_capacity = self._components.no_capacity
        self._routers = InferenceRouters(account)
        self._definitions = JobDefinitions(account)
        self._jobs = ProcessingJobs(account)
        self._monitoring = Monitoring(account, self._endpoints, self._definitions, self._jobs)
        self._lineage = Lineage(account)
        kept: Sequence[Family] = (
            self._models,
            self._configs,
            self._endpoints,
            self._components,
            self._routers,
            self._definitions,
            self._monitoring,
            self._jobs,
            self._lineage,
        )
        self._resources = Resources(
            account=account,
            models=self._models,
            configs=self._configs,
            endpoints=self._endpoints,
            components=self._components,
            routers=self._routers,
            definitions=self._definitions,
            monitoring=self._monitoring,
            jobs=self._jobs,
            lineage=self._lineage,
        )
        families: Sequence[Family] = (*kept, Tags(kept))
        self._generated: dict[str, _Generated] = {}
        self._restored: set[str] = set()
        """The restored endpoints that the program had added, and not its clients."""
        self._operations: Mapping[str, Operation] = {
            name: operation for family in families for name, operation in family.operations.items()
        }

    @property
    def operations(self) -> frozenset[str]:
        """The names of the supported operations."""
        return frozenset(self._operations)

    def perform(self, operation: str, request: Fields) -> Fields:
        """Run an operation on checked members and return the answer's members without nulls; raises `Refusal`."""
        with self._lock:
            refusal = self._account.next_refusal(operation)
            if refusal is not None:
                raise refusal
            answer: Fields = copied(self._operations[operation](request))
            return answer

    # --- models and endpoints -----------------------------------------------------------------------------------------

    def add_model(self, name_or_image: str, model: Model, spec: str | None = None) -> None:
        """Make a callable serve the model of this name, or the containers with this image; `spec` can be saved."""
        with self._lock:
            self._account.callables[name_or_image] = model
            self._account.specs.pop(name_or_image, None)
            if spec is not None:
                self._account.specs[name_or_image] = spec

    def add_endpoint(self, name: str, model: Model, deployment: Deployment, spec: str | None = None) -> Endpoint:
        """Put an endpoint in service, together with a model and an endpoint configuration.

        One that was restored, and has not been added since, is replaced, and keeps its age and its tags.

        Raises:
            ConfigurationError: the name is taken.
        """
        with self._lock:
            self._account.state.transitions.settle()
            before = self._endpoints.table.find(name)
            if name in self._restored:
                self._restored.discard(name)
                self._endpoints.forget(name)
            if name in self._endpoints.table:
                raise ConfigurationError(f"endpoint {name!r} already exists; call remove_endpoint({name!r}) first")
            self._remove_generated(name)
            tables = (self._models.table, self._configs.table)
            own = next(own for own in _candidates(name) if not any(own in table for table in tables))
            region, account_id = self._account.state.region, self._account.state.account_id
            image = f"{account_id}.dkr.ecr.{region}.amazonaws.com/{name.lower()}"
            record = self._models.table.add(own, {"PrimaryContainer": {"Image": image}})
            if self._account.callables.setdefault(own, model) is model and spec is not None:
                self._account.specs[own] = spec
            variants = [
                {
                    "VariantName": variant.name,
                    "ModelName": own,
                    "InitialVariantWeight": variant.weight,
                    **(_SERVERLESS if deployment.serverless else _ON_INSTANCES),
                }
                for variant in deployment.variants
            ]
            config = self._configs.table.add(own, {"ProductionVariants": variants, **_async_config(deployment)})
            self._generated[name] = _Generated(record, config, model)
            endpoint = self._endpoints.put_in_service(name, config, deployment)
            if before is not None:
                record = self._endpoints.table.get(name)
                record.created, record.tags = before.created, before.tags
            return endpoint

    def remove_endpoint(self, name: str) -> None:
        """Remove an endpoint at once, with its inference components, and the model and configuration made for it."""
        with self._lock:
            self._components.forget_those_of(name)
            self._endpoints.forget(name)
            self._remove_generated(name)
            self._restored.discard(name)

    def _remove_generated(self, name: str) -> None:
        generated = self._generated.pop(name, None)
        if generated is not None:
            self._models.table.remove(generated.model)
            self._configs.table.remove(generated.config)
            if self._account.callables.get(generated.model.name) is generated.runs:
                self._account.callables.pop(generated.model.name, None)
                self._account.specs.pop(generated.model.name, None)

    # --- over a restart -----------------------------------------------------------------------------------------------

    def saved(self) -> Fields:
        """Return the whole control plane as a JSON value; see `saving`."""
        state = self._account.state
        with self._lock:
            added = {name: each.model.name for name, each in self._generated.items()}
            content: Fields = {
                "region": state.region,
                "account_id": state.account_id,
                "models": dict(self._account.specs),
                "added_endpoints": added,
                **self._resources.saved(),
            }
            return deepcopy(content)

    def restore(self, saved: Fields) -> Mapping[str, str]:
        """Restore what `saved` returned, and return the URLs and paths of models, by model name or image.

        Raises:
            ConfigurationError: it is of another region or account.
            Refusal, LookupError, TypeError, ValueError, AttributeError: it is malformed.
        """
        state = self._account.state
        if (saved["region"], saved["account_id"]) != (state.region, state.account_id):
            raise ConfigurationError(
                f"the state is that of account {saved['account_id']} in region {saved['region']}, and this embedded "
                f"SageMaker is account {state.account_id} in {state.region}: name another file, or the same region"
            )
        with self._lock:
            self._resources.restore(saved)
            for name, own in saved["added_endpoints"].items():
                model, config = self._models.table.find(own), self._configs.table.find(own)
                if model is not None and config is not None:
                    self._generated[name] = _Generated(model, config, None)
                    self._restored.update([name] if name in self._endpoints.table else [])
        return {str(name): str(spec) for name, spec in saved["models"].items()}

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def fail_next(self, operation: str, reason: str, *, rollback: bool, times: int) -> None:
        """Make the changes that the next calls of an operation begin fail.

        Raises:
            ConfigurationError: the operation does not begin a change that could fail.
        """
        if operation not in _CAN_FAIL:
            raise ConfigurationError(f"fail_next takes one of {', '.join(sorted(_CAN_FAIL))}; got {operation!r}")
        with self._lock:
            self._account.failures[operation].extend([Failure(reason, rollback)] * times)

    def refuse_next(self, operation: str, refusal: Refusal, *, times: int) -> None:
        """Answer the next calls of an operation with an error, and do nothing.

        Raises:
            ConfigurationError: the operation does not exist.
        """
        if operation not in self._operations:
            raise ConfigurationError(f"the embedded SageMaker does not support the operation {operation!r}")
        with self._lock:
            self._account.refusals[operation].extend([refusal] * times)

    # --- what clients can only read -----------------------------------------------------------------------------------

    def add_job_definition(self, monitoring_type: str, name: str, endpoint_name: str, members: Fields) -> str:
        """Add a monitoring job definition and return its ARN; missing members get default values."""
        if monitoring_type not in MONITORING_TYPES:
            raise ConfigurationError(
                f"monitoring_type must be one of {', '.join(MONITORING_TYPES)}, got {monitoring_type!r}"
            )
        state = self._account.state
        bucket = f"s3://sagemaker-{state.region}-{state.account_id}"
        definition = minimal_definition(monitoring_type, endpoint_name, bucket, state) | members
        return self._put_in(f"Create{monitoring_type}JobDefinition", {"JobDefinitionName": name, **definition})

    def add_execution(self, schedule_name: str, status: str, scheduled_time: float | None, members: Fields) -> None:
        """Add an execution of a monitoring schedule."""
        with self._lock:
            self._account.state.transitions.settle()
            try:
                self._monitoring.add_execution(schedule_name, status, scheduled_time, members)
            except Refusal as refusal:
                raise ConfigurationError(refusal.message) from None

    def add_processing_job(self, name: str, status: str, members: Fields) -> str:
        """Add a processing job, and return its ARN."""
        with self._lock:
            try:
                return self._jobs.add(name, status, copied(members))
            except Refusal as refusal:
                raise ConfigurationError(refusal.message) from None

    def add_lineage(self, operation: str, members: Fields) -> str:
        """Run one of the operations that write lineage, and return the ARN of the new entity."""
        return self._put_in(operation, members)

    def _put_in(self, operation: str, members: Fields) -> str:
        with self._lock:
            try:
                answer = self._operations[operation](copied(members))
            except Refusal as refusal:
                raise ConfigurationError(refusal.message) from None
        return str(next(iter(answer.values())))


def _async_config(deployment: Deployment) -> Fields:
    """Return the AsyncInferenceConfig of an endpoint that takes only asynchronous calls."""
    options = deployment.asynchronous
    if options is None:
        return {}
    output = {"S3OutputPath": deployment.async_output, "S3FailurePath": deployment.async_failure}
    return {
        "AsyncInferenceConfig": {
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": options.concurrency},
            "OutputConfig": {name: value for name, value in output.items() if value is not None},
        }
    }


def _candidates(name: str) -> Iterator[str]:
    """Yield names for the model and configuration of an endpoint: its own name, then others in case it is taken."""
    yield name
    for number in count(2):
        suffix = f"-{number}"
        yield name[: _NAME_LENGTH - len(suffix)] + suffix
