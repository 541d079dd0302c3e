"""Inference routers: Create, Describe, Update, Delete and List, and the states between.

    CreateInferenceRouter    Creating -> InService, or Failed
    UpdateInferenceRouter    Updating -> InService, or Failed, which leaves in force what was before
    DeleteInferenceRouter    Deleting -> gone, or Failed

A destination need not exist: it is looked up when a request comes (`sagemaker_async.local.router_runtime`), and is then
Routable or Unroutable. What other accounts and Regions hold is not here, and so it is always Unroutable.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sagemaker_async.local.answers import Refusal
from sagemaker_async.local.destinations import Destination, RouterTarget

from .account import Account, Failure
from .listing import Listing
from .records import Fields, Kind, Record, Table, copied, refused

__all__ = ["InferenceRouters"]

_BUSY = frozenset({"Creating", "Updating", "Deleting"})
_WANTED = "WantedRoutingTargets"
"""The field with the targets that an update under way puts in force."""


class InferenceRouters:
    """The inference routers of an account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        kind = Kind(
            name="inference-router",
            label="inference router",
            missing_code="ResourceNotFound",
            taken_code="ResourceAlreadyExists",
        )
        self.table: Table[Record] = account.plain_table(kind)
        self.tables: tuple[Table[Record]] = (self.table,)
        self._listing: Listing[Record] = Listing(
            operation="ListInferenceRouters", result="InferenceRouters", summary=_summary
        )
        self.operations: dict[str, Callable[[Fields], Fields]] = {
            "CreateInferenceRouter": self.create,
            "DescribeInferenceRouter": self.describe,
            "UpdateInferenceRouter": self.update,
            "DeleteInferenceRouter": self.delete,
            "ListInferenceRouters": self.list_page,
        }

    # --- operations ---------------------------------------------------------------------------------------------------

    def create(self, request: Fields) -> Fields:
        """CreateInferenceRouter; a repeated request with the same token is answered as the first one."""
        name, token = request["InferenceRouterName"], request.get("ClientToken")
        existing = self.table.find(name)
        if existing is not None and token is not None and existing.fields.get("ClientToken") == token:
            return {"InferenceRouterArn": existing.arn}
        _check(request["RoutingTargets"])
        fields = {key: value for key, value in request.items() if key != "InferenceRouterName"}
        record = self.table.add(name, fields, status="Creating")
        self._change(record, "CreateInferenceRouter", partial(self._serve, record))
        return {"InferenceRouterArn": record.arn}

    def describe(self, request: Fields) -> Fields:
        """DescribeInferenceRouter."""
        record = self.table.get(request["InferenceRouterName"])
        targets = copied(record.fields["RoutingTargets"])
        for target in targets:
            target.setdefault("RoutingPreference", "LocalRegionFirst")
            for destination in target["Destinations"]:
                found = Destination(destination["ResourceArn"]).find(self._account.endpoints, self._account.arn_prefix)
                destination["RoutingStatus"] = "Unroutable" if found is None else "Routable"
        return {
            **_summary(record),
            "RoutingTargets": targets,
            "Status": record.status,
            "StatusReason": record.failure_reason,
        }

    def update(self, request: Fields) -> Fields:
        """UpdateInferenceRouter, which replaces all targets."""
        record = self._idle(request)
        _check(request["RoutingTargets"])
        record.status = "Updating"
        record.fields[_WANTED] = copied(request["RoutingTargets"])
        self._change(record, "UpdateInferenceRouter", partial(self._serve, record))
        return {"InferenceRouterArn": record.arn}

    def delete(self, request: Fields) -> Fields:
        """DeleteInferenceRouter; its destinations stay."""
        record = self._idle(request)
        self._account.state.routers.pop(record.name, None)
        record.status = "Deleting"
        self._change(record, "DeleteInferenceRouter", partial(self.table.remove, record))
        return {}

    def list_page(self, request: Fields) -> Fields:
        """ListInferenceRouters."""
        return self._listing.answer(self.table, request)

    # --- states -------------------------------------------------------------------------------------------------------

    def resume(self, record: Record, *, serves: bool) -> None:
        """Put a restored router in force if it was, and begin the change again that was under way."""
        if serves:
            self._put_in_force(record)
        if record.status == "Deleting":
            self._change(record, "DeleteInferenceRouter", partial(self.table.remove, record))
        elif record.status in _BUSY:
            self._change(record, "UpdateInferenceRouter", partial(self._serve, record))

    def _idle(self, request: Fields) -> Record:
        record = self.table.get(request["InferenceRouterName"])
        if record.status in _BUSY:
            raise Refusal(400, "ConflictException", f'Inference router "{record.arn}" is in status {record.status}.')
        return record

    def _change(self, record: Record, operation: str, done: Callable[[], None]) -> None:
        failure = self._account.next_failure(operation)
        record.failure_reason = None
        record.modified = self._account.now()
        change = partial(self._failed, record, failure) if failure else done
        self._account.schedule(self.table, record, "InferenceRouter", change)

    def _serve(self, record: Record) -> None:
        record.fields["RoutingTargets"] = record.fields.pop(_WANTED, record.fields["RoutingTargets"])
        self._put_in_force(record)
        record.status = "InService"
        record.modified = self._account.now()

    def _put_in_force(self, record: Record) -> None:
        self._account.state.routers[record.name] = {
            target["Name"]: RouterTarget.of(target) for target in record.fields["RoutingTargets"]
        }

    def _failed(self, record: Record, failure: Failure) -> None:
        record.fields.pop(_WANTED, None)
        record.status = "Failed"
        record.failure_reason = failure.reason
        record.modified = self._account.now()


def _check(targets: list[Fields]) -> None:
    names = [target["Name"] for target in targets]
    if len(set(names)) < len(names):
        raise refused("The names of routing targets must be distinct.")
    for target in targets:
        components = [d for d in target["Destinations"] if ":inference-component/" in d["ResourceArn"]]
        if target.get("AsyncInferenceConfig") and components:
            raise refused(f"Routing target {target['Name']} is asynchronous: its destinations must be endpoints.")


def _summary(record: Record) -> Fields:
    return {
        "InferenceRouterName": record.name,
        "InferenceRouterArn": record.arn,
        "CreationTime": record.created,
        "LastModifiedTime": record.modified,
    }
