"""The production variants of an endpoint: their weights and capacities, desired and current, and their descriptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sagemaker_async.local.asynchronous import AsyncInference
from sagemaker_async.local.endpoints import REAL_TIME_BODY_LIMIT, SERVERLESS_BODY_LIMIT, Deployment, Variant

from .models import Models
from .records import Fields, Record

__all__ = ["VariantState", "deployment_of", "variants_of"]

_DESCRIBED_AS_GIVEN = ("ManagedInstanceScaling", "RoutingConfig")


@dataclass(slots=True)
class VariantState:
    """One production variant that runs or is about to run."""

    given: Fields
    """As in the endpoint configuration."""
    variant: Variant
    """The variant of the data plane; its weight is the configured one."""
    images: list[str]
    deployed: float
    """When its images were resolved, in seconds since the epoch."""
    weight: float
    desired_weight: float
    count: int | None
    """The number of instances; None for a serverless variant."""
    desired_count: int | None
    serverless: Fields | None
    desired_serverless: Fields | None

    def reach(self) -> None:
        """Make the desired weight and capacity the current ones."""
        self.weight, self.count, self.serverless = self.desired_weight, self.desired_count, self.desired_serverless

    def give_up(self) -> None:
        """Make the current weight and capacity the desired ones."""
        self.desired_weight, self.desired_count, self.desired_serverless = self.weight, self.count, self.serverless

    def ask(self, wanted: Fields) -> None:
        """Set the desired weight and capacity from UpdateEndpointWeightsAndCapacities."""
        self.desired_weight = float(wanted.get("DesiredWeight", self.desired_weight))
        self.desired_count = wanted.get("DesiredInstanceCount", self.desired_count)
        if self.desired_serverless is not None:
            self.desired_serverless = {**self.desired_serverless, **(wanted.get("ServerlessUpdateConfig") or {})}

    def summary(self) -> Fields:
        """Return a ProductionVariantSummary."""
        members: dict[str, Any] = {
            "VariantName": self.variant.name,
            "DeployedImages": [
                {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": self.deployed}
                for image in self.images
            ],
            "CurrentWeight": self.weight,
            "DesiredWeight": self.desired_weight,
            "CurrentInstanceCount": self.count,
            "DesiredInstanceCount": self.desired_count,
            "CurrentServerlessConfig": self.serverless,
            "DesiredServerlessConfig": self.desired_serverless,
            **{name: self.given.get(name) for name in _DESCRIBED_AS_GIVEN},
        }
        return members

    def pending_summary(self) -> Fields:
        """Return a PendingProductionVariantSummary."""
        instance_type = self.given.get("InstanceType")
        return self.summary() | ({"InstanceType": instance_type} if instance_type else {})


def variants_of(given: Sequence[Fields], models: Models, now: float) -> list[VariantState]:
    """Return the variants of a configuration; raises `Refusal` when one of their models does not exist."""
    variants = []
    for fields in given:
        model = fields.get("ModelName")
        weight = float(fields.get("InitialVariantWeight", 1.0))
        serverless = fields.get("ServerlessConfig")
        scaling = fields.get("ManagedInstanceScaling") or {}
        count = None if serverless else fields.get("InitialInstanceCount", scaling.get("MinInstanceCount", 1))
        variants.append(
            VariantState(
                given=fields,
                variant=Variant(fields["VariantName"], models.hosted(model) if model else None, weight),
                images=models.images(model) if model else [],
                deployed=now,
                weight=weight,
                desired_weight=weight,
                count=count,
                desired_count=count,
                serverless=serverless,
                desired_serverless=serverless,
            )
        )
    return variants


def deployment_of(config: Record, variants: Sequence[VariantState], bucket: str, **given: Any) -> Deployment:
    """Return the deployment for a configuration.

    Args:
        config: the endpoint configuration.
        variants: its production variants.
        bucket: where async results go unless the configuration says where: ``s3://name``.
        given: fields of the deployment, which win over what the configuration says.
    """
    given_async = config.fields.get("AsyncInferenceConfig")
    output = (given_async or {}).get("OutputConfig", {})
    serverless = any(state.serverless for state in variants)
    settings: Fields = {
        "async_output": output.get("S3OutputPath") or f"{bucket}/async-endpoint-outputs",
        "async_failure": output.get("S3FailurePath") or (None if given_async else f"{bucket}/async-endpoint-failures"),
        "asynchronous": None if given_async is None else _async_inference(given_async, variants),
        "body_limit": SERVERLESS_BODY_LIMIT if serverless else REAL_TIME_BODY_LIMIT,
        "serverless": serverless,
    }
    running = tuple([state.variant._replace(weight=state.weight) for state in variants])
    return Deployment(variants=running, **settings | given)


def _async_inference(given: Fields, variants: Sequence[VariantState]) -> AsyncInference:
    concurrency = given.get("ClientConfig", {}).get("MaxConcurrentInvocationsPerInstance")
    instances = sum(state.count or 0 for state in variants)
    return AsyncInference(instances=instances, **({} if concurrency is None else {"concurrency": concurrency}))
