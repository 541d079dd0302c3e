"""Monitoring job definitions: Create, Describe and Delete, for each of the four types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from sagemaker_async.aws.endpoints.partitions import partition_of
from sagemaker_async.local.state import LocalState

from .account import Account, Operation
from .records import Fields, Kind, Record, Table, copied

__all__ = ["MONITORING_TYPES", "JobDefinitions", "input_endpoint", "minimal_definition"]

MONITORING_TYPES: Final = ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")

_RESOURCES = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}}
_GROUND_TRUTH = {"ModelQuality", "ModelBias"}


class JobDefinitions:
    """The monitoring job definitions of an account."""

    def __init__(self, account: Account) -> None:
        self.by_type: Mapping[str, Table[Record]] = {
            monitoring_type: account.plain_table(
                Kind(
                    name=f"{_hyphenated(monitoring_type)}-job-definition",
                    label="Job Definition",
                    missing="{label} {arn} not found",
                    missing_code="ResourceNotFound",
                    taken="{label} {arn} already exists",
                    taken_code="ResourceInUse",
                )
            )
            for monitoring_type in MONITORING_TYPES
        }
        self.tables: tuple[Table[Record], ...] = tuple(self.by_type.values())
        verbs: Mapping[str, Callable[[str, Fields], Fields]] = {
            "Create": self.create,
            "Describe": self.describe,
            "Delete": self.delete,
        }
        self.operations: Mapping[str, Operation] = {
            f"{verb}{monitoring_type}JobDefinition": partial(method, monitoring_type)
            for monitoring_type in MONITORING_TYPES
            for verb, method in verbs.items()
        }

    def create(self, monitoring_type: str, request: Fields) -> Fields:
        """Create a definition of one type."""
        fields = {name: value for name, value in request.items() if name != "JobDefinitionName"}
        return {"JobDefinitionArn": self.by_type[monitoring_type].add(request["JobDefinitionName"], fields).arn}

    def describe(self, monitoring_type: str, request: Fields) -> Fields:
        """Describe a definition of one type."""
        record = self.by_type[monitoring_type].get(request["JobDefinitionName"])
        return {
            **record.fields,
            "JobDefinitionName": record.name,
            "JobDefinitionArn": record.arn,
            "CreationTime": record.created,
        }

    def delete(self, monitoring_type: str, request: Fields) -> Fields:
        """Delete a definition of one type."""
        table = self.by_type[monitoring_type]
        table.remove(table.get(request["JobDefinitionName"]))
        return {}


def input_endpoint(definition: Fields) -> str | None:
    """Return the endpoint whose data a definition reads, which may be of any of the four types or part of a
    schedule."""
    inputs: list[Any] = [definition.get(f"{monitoring_type}JobInput") for monitoring_type in MONITORING_TYPES]
    inputs += definition.get("MonitoringInputs") or ()
    for given in inputs:
        endpoint = (given or {}).get("EndpointInput")
        if endpoint:
            return str(endpoint["EndpointName"])
    return None


def minimal_definition(monitoring_type: str, endpoint_name: str, bucket: str, state: LocalState) -> Fields:
    """Return the members that a definition of one type must have, for data captured from an endpoint."""
    job_input: Fields = {"EndpointInput": {"EndpointName": endpoint_name, "LocalPath": "/opt/ml/processing/input"}}
    if monitoring_type in _GROUND_TRUTH:
        job_input["GroundTruthS3Input"] = {"S3Uri": f"{bucket}/ground-truth"}
    registry = f"{state.account_id}.dkr.ecr.{state.region}.amazonaws.com"
    application: Fields = {"ImageUri": f"{registry}/sagemaker-model-monitor-analyzer"}
    if monitoring_type in ("ModelBias", "ModelExplainability"):
        application["ConfigUri"] = f"{bucket}/analysis-config.json"
    if monitoring_type == "ModelQuality":
        application["ProblemType"] = "BinaryClassification"
    output = {"S3Output": {"S3Uri": f"{bucket}/monitoring", "LocalPath": "/opt/ml/processing/output"}}
    return {
        f"{monitoring_type}AppSpecification": application,
        f"{monitoring_type}JobInput": job_input,
        f"{monitoring_type}JobOutputConfig": {"MonitoringOutputs": [output]},
        "JobResources": copied(_RESOURCES),
        "RoleArn": f"arn:{partition_of(state.region).id}:iam::{state.account_id}:role/local-sagemaker",
    }


def _hyphenated(name: str) -> str:
    return "".join([f"-{letter.lower()}" if letter.isupper() else letter for letter in name]).lstrip("-")
