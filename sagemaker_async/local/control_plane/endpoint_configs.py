"""Endpoint configurations: CreateEndpointConfig, DescribeEndpointConfig, DeleteEndpointConfig, ListEndpointConfigs."""

from __future__ import annotations

from collections.abc import Callable

from .account import Account
from .listing import Listing
from .models import Models
from .records import Fields, Kind, Record, Table, copied, refused

__all__ = ["EndpointConfigs", "all_variants"]


class EndpointConfigs:
    """The endpoint configurations of an account."""

    def __init__(self, account: Account, models: Models) -> None:
        self._models = models
        self.table: Table[Record] = account.plain_table(Kind(name="endpoint-config", label="endpoint configuration"))
        self.tables: tuple[Table[Record]] = (self.table,)
        self._listing: Listing[Record] = Listing(
            operation="ListEndpointConfigs", result="EndpointConfigs", summary=_summary
        )
        self.operations: dict[str, Callable[[Fields], Fields]] = {
            "CreateEndpointConfig": self.create,
            "DescribeEndpointConfig": self.describe,
            "DeleteEndpointConfig": self.delete,
            "ListEndpointConfigs": self.list_page,
        }

    def create(self, request: Fields) -> Fields:
        """CreateEndpointConfig."""
        variants = all_variants(request)
        names = [variant["VariantName"] for variant in variants]
        if len(set(names)) < len(names):
            raise refused("The names of production variants and shadow production variants must be unique.")
        for variant in variants:
            self._check(variant, request)
        fields = {key: value for key, value in request.items() if key != "EndpointConfigName"}
        return {"EndpointConfigArn": self.table.add(request["EndpointConfigName"], fields).arn}

    def describe(self, request: Fields) -> Fields:
        """DescribeEndpointConfig."""
        record = self.table.get(request["EndpointConfigName"])
        fields: Fields = copied(record.fields)
        for variant in all_variants(fields):
            variant.setdefault("InitialVariantWeight", 1.0)
        return {
            **fields,
            "EndpointConfigName": record.name,
            "EndpointConfigArn": record.arn,
            "CreationTime": record.created,
        }

    def delete(self, request: Fields) -> Fields:
        """DeleteEndpointConfig; as on AWS, an endpoint may still use it, and then keeps its own copy."""
        self.table.remove(self.table.get(request["EndpointConfigName"]))
        return {}

    def list_page(self, request: Fields) -> Fields:
        """ListEndpointConfigs."""
        return self._listing.answer(self.table, request)

    def _check(self, variant: Fields, request: Fields) -> None:
        name = variant["VariantName"]
        on_instances = bool(variant.get("InstanceType") or variant.get("InstancePools"))
        if on_instances == bool(variant.get("ServerlessConfig")):
            raise refused(f'Exactly one of InstanceType and ServerlessConfig must be given for variant "{name}".')
        if on_instances and variant.get("InitialInstanceCount") is None and not variant.get("ManagedInstanceScaling"):
            raise refused(f'InitialInstanceCount must be given for variant "{name}".')
        if variant.get("ModelName") is not None:
            self._models.table.get(variant["ModelName"])
        elif not request.get("ExecutionRoleArn"):
            raise refused(
                f'ExecutionRoleArn must be given, as variant "{name}" has no ModelName and hosts inference components.'
            )


def all_variants(fields: Fields) -> list[Fields]:
    """Return the production variants of a configuration, followed by its shadow production variants."""
    return [*fields["ProductionVariants"], *(fields.get("ShadowProductionVariants") or ())]


def _summary(record: Record) -> Fields:
    return {"EndpointConfigName": record.name, "EndpointConfigArn": record.arn, "CreationTime": record.created}
