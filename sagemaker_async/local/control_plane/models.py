"""Models: CreateModel, DescribeModel, DeleteModel, ListModels."""

from __future__ import annotations

from collections.abc import Callable

from .account import Account
from .hosted_model import HostedContainer, HostedModel
from .listing import Listing
from .records import Fields, Kind, Record, Table, copied, refused

__all__ = ["Models"]


class Models:
    """The models of an account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.table: Table[Record] = account.plain_table(Kind(name="model", label="model"))
        self.tables: tuple[Table[Record]] = (self.table,)
        self._listing: Listing[Record] = Listing(operation="ListModels", result="Models", summary=_summary)
        self.operations: dict[str, Callable[[Fields], Fields]] = {
            "CreateModel": self.create,
            "DescribeModel": self.describe,
            "DeleteModel": self.delete,
            "ListModels": self.list_page,
        }

    def create(self, request: Fields) -> Fields:
        """CreateModel."""
        name = request["ModelName"]
        if bool(request.get("PrimaryContainer")) == bool(request.get("Containers")):
            raise refused("Exactly one of PrimaryContainer and Containers must be given.")
        for container in _containers(request):
            if not container.get("Image") and not container.get("ModelPackageName"):
                raise refused("A container must have either Image or ModelPackageName.")
        fields = {key: value for key, value in request.items() if key != "ModelName"}
        return {"ModelArn": self.table.add(name, fields).arn}

    def describe(self, request: Fields) -> Fields:
        """DescribeModel."""
        record = self.table.get(request["ModelName"])
        fields: Fields = copied(record.fields)
        fields.setdefault("EnableNetworkIsolation", False)
        return {**fields, "ModelName": record.name, "ModelArn": record.arn, "CreationTime": record.created}

    def delete(self, request: Fields) -> Fields:
        """DeleteModel; endpoints that run the model continue to do so."""
        self.table.remove(self.table.get(request["ModelName"]))
        return {}

    def list_page(self, request: Fields) -> Fields:
        """ListModels."""
        return self._listing.answer(self.table, request)

    def images(self, name: str) -> list[str]:
        """Return the images of a model's containers; raises `Refusal` for an unknown model."""
        return [container["Image"] for container in _containers(self.table.get(name).fields) if "Image" in container]

    def hosted(self, name: str) -> HostedModel:
        """Return what serves a model; raises `Refusal` for an unknown model."""
        record = self.table.get(name)
        containers = [
            HostedContainer(container.get("Image"), container.get("ContainerHostname"))
            for container in _containers(record.fields)
        ]
        mode = record.fields.get("InferenceExecutionConfig", {}).get("Mode")
        return HostedModel(record.name, containers, self._account.callables, direct=mode == "Direct")


def _containers(fields: Fields) -> list[Fields]:
    primary = fields.get("PrimaryContainer")
    return [primary] if primary else fields.get("Containers") or []


def _summary(record: Record) -> Fields:
    return {"ModelName": record.name, "ModelArn": record.arn, "CreationTime": record.created}
