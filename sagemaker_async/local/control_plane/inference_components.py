"""Inference components: Create, Describe, Update, UpdateRuntimeConfig, Delete and List, and the states between.

    CreateInferenceComponent                 Creating -> InService, or Failed
    UpdateInferenceComponent[RuntimeConfig]  Updating -> InService, or Failed, which leaves running what ran before
    DeleteInferenceComponent                 Deleting -> gone, or Failed

A component runs on a variant without a model of its own, and is invoked by its name. An adapter, whose specification
names a base component, runs what its base runs.

A component may be scaled to zero copies, by UpdateInferenceComponentRuntimeConfig. With ``scale_from_zero`` the second
refused invocation within a minute gives it a copy again, as the alarm and step-scaling policy of AWS's sample do:
https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from sagemaker_async.local.endpoints import Variant
from sagemaker_async.local.models import Model

from .account import Account, Failure
from .endpoints import EndpointRecord, Endpoints
from .hosted_model import HostedContainer, HostedModel
from .listing import Listing
from .models import Models
from .records import Fields, Kind, Record, Table, copied, refused

__all__ = ["ComponentRecord", "InferenceComponents"]

_BUSY = frozenset({"Creating", "Updating", "Deleting"})
_ALARM_SECONDS = 60.0
_ALARM_THRESHOLD = 1
"""The alarm goes off when more invocations than this were refused within its period."""


@dataclass(slots=True, kw_only=True)
class ComponentRecord(Record):
    """One inference component; its fields hold the specification in force."""

    endpoint: EndpointRecord
    variant_name: str
    model: Model
    """What serves the specification in force."""
    copies: int | None = None
    """How many copies run; None for an adapter, which has no copies of its own."""
    desired_copies: int | None = None
    deployment_config: Fields | None = None
    refused: list[float] = field(default_factory=list)
    """When invocations were refused for want of copies, within the last minute."""


class InferenceComponents:
    """The inference components of an account."""

    def __init__(self, account: Account, models: Models, endpoints: Endpoints) -> None:
        self._account = account
        self._models = models
        self._endpoints = endpoints
        kind = Kind(name="inference-component", label="inference component")
        self.table: Table[ComponentRecord] = account.table(kind, ComponentRecord)
        self.tables: tuple[Table[ComponentRecord]] = (self.table,)
        self._listing: Listing[ComponentRecord] = Listing(
            operation="ListInferenceComponents",
            result="InferenceComponents",
            summary=_summary,
            filters={
                "EndpointNameEquals": lambda record, name: record.endpoint.name == name,
                "VariantNameEquals": lambda record, name: record.variant_name == name,
            },
        )
        self.operations: dict[str, Callable[[Fields], Fields]] = {
            "CreateInferenceComponent": self.create,
            "DescribeInferenceComponent": self.describe,
            "UpdateInferenceComponent": self.update,
            "UpdateInferenceComponentRuntimeConfig": self.update_runtime_config,
            "DeleteInferenceComponent": self.delete,
            "ListInferenceComponents": self.list_page,
        }

    # --- operations ---------------------------------------------------------------------------------------------------

    def create(self, request: Fields) -> Fields:
        """CreateInferenceComponent."""
        endpoint = self._endpoints.table.get(request["EndpointName"])
        specifications = _specifications(request)
        if not specifications:
            raise refused("Exactly one of Specification and Specifications must be given.")
        base = specifications[0].get("BaseInferenceComponentName")
        copies = None if base else _copies(request.get("RuntimeConfig"))
        variant_name = self._variant_name(request, endpoint, base)
        record = self.table.add(
            request["InferenceComponentName"],
            {name: request.get(name) for name in ("Specification", "Specifications", "Tags")},
            status="Creating",
            endpoint=endpoint,
            variant_name=variant_name,
            model=self._hosted(specifications),
            copies=None if base else 0,
            desired_copies=copies,
        )
        endpoint.components.add(record.name)
        self._change(record, "CreateInferenceComponent", partial(self._serve, record))
        return {"InferenceComponentArn": record.arn}

    def describe(self, request: Fields) -> Fields:
        """DescribeInferenceComponent."""
        record = self.table.get(request["InferenceComponentName"])
        members: Fields = {
            **_summary(record),
            "FailureReason": record.failure_reason,
            "LastDeploymentConfig": record.deployment_config,
        }
        if "Specification" in record.fields:
            members["Specification"] = _described(record.fields["Specification"], record)
        else:
            members["Specifications"] = [_described(given, record) for given in record.fields["Specifications"]]
        if record.desired_copies is not None:
            members["RuntimeConfig"] = {
                "DesiredCopyCount": record.desired_copies,
                "CurrentCopyCount": record.copies,
            }
        return members

    def update(self, request: Fields) -> Fields:
        """UpdateInferenceComponent."""
        record = self._updatable(request)
        specifications = _specifications(request)
        fields = {name: request[name] for name in ("Specification", "Specifications") if request.get(name)}
        if "Specification" in fields:
            specifications = [_merged(_specifications(record.fields)[0], fields["Specification"])]
            fields["Specification"] = specifications[0]
        model = self._hosted(specifications) if specifications else record.model
        if request.get("RuntimeConfig"):
            _check_has_copies(record)
            record.desired_copies = _copies(request["RuntimeConfig"])
        record.status = "Updating"

        def updated() -> None:
            if fields:
                record.fields = dict(copied(fields))
                record.model = model
            record.deployment_config = copied(request.get("DeploymentConfig"))
            self._serve(record)

        self._change(record, "UpdateInferenceComponent", updated)
        return {"InferenceComponentArn": record.arn}

    def update_runtime_config(self, request: Fields) -> Fields:
        """UpdateInferenceComponentRuntimeConfig."""
        record = self._updatable(request)
        _check_has_copies(record)
        record.desired_copies = _copies(request["DesiredRuntimeConfig"])
        record.status = "Updating"
        self._change(record, "UpdateInferenceComponentRuntimeConfig", partial(self._serve, record))
        return {"InferenceComponentArn": record.arn}

    def delete(self, request: Fields) -> Fields:
        """DeleteInferenceComponent."""
        record = self.table.get(request["InferenceComponentName"])
        self._check_idle(record)
        adapters = [
            other.name
            for other in self.table
            if any(given.get("BaseInferenceComponentName") == record.name for given in _specifications(other.fields))
        ]
        if adapters:
            raise refused(
                f'Cannot delete inference component "{record.arn}" while {", ".join(adapters)} is based on it.'
            )
        if record.endpoint.invocable is not None:
            record.endpoint.invocable.components.pop(record.name, None)
        record.status = "Deleting"
        self._change(record, "DeleteInferenceComponent", partial(self._remove, record))
        return {}

    def list_page(self, request: Fields) -> Fields:
        """ListInferenceComponents."""
        return self._listing.answer(self.table, request)

    def forget_those_of(self, endpoint_name: str) -> None:
        """Remove the components of an endpoint at once."""
        for record in self.table:
            if record.endpoint.name == endpoint_name:
                self._remove(record)

    def resume(self, record: ComponentRecord, *, serves: bool) -> None:
        """Put a restored component in service if it was, and begin the change again that was under way."""
        record.endpoint.components.add(record.name)
        if serves and record.endpoint.invocable is not None:
            model = None if record.copies == 0 else record.model
            record.endpoint.invocable.components[record.name] = Variant(record.variant_name, model)
        if record.status in ("Creating", "Updating"):
            self._account.schedule(self.table, record, "InferenceComponent", partial(self._serve, record))
        elif record.status == "Deleting":
            self._account.schedule(self.table, record, "InferenceComponent", partial(self._remove, record))

    def no_capacity(self, name: str) -> None:
        """Count an invocation that was refused for want of copies, and scale out if that is due."""
        account = self._account
        seconds = account.state.scale_from_zero
        with account.state.transitions.lock:
            record = self.table.find(name)
            if seconds is None or record is None or record.status in _BUSY:
                return
            now = account.now()
            record.refused = [*(when for when in record.refused if now - when < _ALARM_SECONDS), now]
            if len(record.refused) > _ALARM_THRESHOLD:
                record.refused = []
                record.desired_copies = 1
                record.status = "Updating"
                self._change(record, "UpdateInferenceComponentRuntimeConfig", partial(self._serve, record), seconds)

    # --- states -------------------------------------------------------------------------------------------------------

    def _variant_name(self, request: Fields, endpoint: EndpointRecord, base: str | None) -> str:
        """Return the variant to run on; raises `Refusal` unless a variant hosts components."""
        if endpoint.running is None or endpoint.status not in ("InService", "Updating"):
            raise refused(f'Endpoint "{endpoint.arn}" is in status {endpoint.status}; it must be InService.')
        hosting = [variant.variant.name for variant in endpoint.running.variants if variant.variant.model is None]
        if not hosting:
            raise refused(
                "Invalid request provided: Inference Components are not supported in this Endpoint. "
                "Please make sure this endpoint can deploy inference components."
            )
        if base is not None:
            return self.table.get(base).variant_name
        name = request.get("VariantName")
        if name is None:
            raise refused("VariantName must be given for an inference component without a base inference component.")
        if name not in hosting:
            raise refused(f'The variant name(s) "{name}" is/are not present within endpoint "{endpoint.arn}".')
        return str(name)

    def _hosted(self, specifications: list[Fields]) -> Model:
        """Return what serves a component; raises `Refusal` when its model or base component does not exist."""
        given = specifications[0]
        if given.get("ModelName") is not None:
            return self._models.hosted(given["ModelName"])
        image = (given.get("Container") or {}).get("Image")
        if image is None and given.get("BaseInferenceComponentName") is not None:
            return self.table.get(given["BaseInferenceComponentName"]).model
        if image is None:
            raise refused("A specification must have ModelName, Container.Image or BaseInferenceComponentName.")
        return HostedModel(None, [HostedContainer(image)], self._account.callables)

    def _updatable(self, request: Fields) -> ComponentRecord:
        record = self.table.get(request["InferenceComponentName"])
        self._check_idle(record)
        return record

    def _check_idle(self, record: ComponentRecord) -> None:
        if record.status in _BUSY:
            raise refused(f'Cannot update in-progress inference component "{record.arn}".')

    def _change(
        self, record: ComponentRecord, operation: str, done: Callable[[], None], seconds: float | None = None
    ) -> None:
        failure = self._account.next_failure(operation)
        record.failure_reason = None
        record.modified = self._account.now()
        change = partial(self._failed, record, failure) if failure else done
        self._account.schedule(self.table, record, "InferenceComponent", change, seconds)

    def _serve(self, record: ComponentRecord) -> None:
        record.copies = record.desired_copies
        record.status = "InService"
        record.modified = self._account.now()
        if record.endpoint.invocable is not None:
            model = None if record.copies == 0 else record.model
            record.endpoint.invocable.components[record.name] = Variant(record.variant_name, model)

    def _remove(self, record: ComponentRecord) -> None:
        self.table.remove(record)
        record.endpoint.components.discard(record.name)

    def _failed(self, record: ComponentRecord, failure: Failure) -> None:
        record.desired_copies = record.copies
        record.status = "Failed"
        record.failure_reason = failure.reason
        record.modified = self._account.now()


def _specifications(fields: Fields) -> list[Fields]:
    single = fields.get("Specification")
    several = fields.get("Specifications") or []
    if single and several:
        raise refused("Exactly one of Specification and Specifications must be given.")
    return [single] if single else several


def _merged(current: Fields, given: Fields) -> Fields:
    """Return a specification with what an update gives, and the rest as it was: what runs, or the resources alone."""
    kept = dict(current)
    if given.get("ModelName"):
        kept.pop("Container", None)
    elif (given.get("Container") or {}).get("Image"):
        kept.pop("ModelName", None)
    return {**kept, **given}


def _copies(runtime_config: Fields | None) -> int:
    if not runtime_config:
        raise refused("RuntimeConfig must be given for an inference component without a base inference component.")
    return int(runtime_config["CopyCount"])


def _check_has_copies(record: ComponentRecord) -> None:
    if record.copies is None:
        raise refused("An inference component with a base inference component has no copies of its own.")


def _described(given: Fields, record: ComponentRecord) -> Fields:
    described: Fields = copied(given)
    container = described.get("Container")
    if container is not None:
        image = container.pop("Image", None)
        if image is not None:
            container["DeployedImage"] = {
                "SpecifiedImage": image,
                "ResolvedImage": image,
                "ResolutionTime": record.created,
            }
    return described


def _summary(record: ComponentRecord) -> Fields:
    return {
        "InferenceComponentName": record.name,
        "InferenceComponentArn": record.arn,
        "EndpointName": record.endpoint.name,
        "EndpointArn": record.endpoint.arn,
        "VariantName": record.variant_name,
        "InferenceComponentStatus": record.status,
        "CreationTime": record.created,
        "LastModifiedTime": record.modified,
    }
