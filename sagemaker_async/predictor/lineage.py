"""Where an endpoint comes from: its lineage as a small object, which `Predictor.endpoint_context` returns.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/lineage-tracking-entities.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from sagemaker_async.hosting.answers import answer_or_raise
from sagemaker_async.hosting.client import SageMakerClient
from sagemaker_async.hosting.generated import shapes

__all__ = ["Direction", "EndpointContext", "endpoint_context"]

Direction: TypeAlias = Literal["Ascendants", "Descendants", "Both"]
"""Ascendants led to the endpoint; descendants resulted from it."""

MAX_DEPTH = 10
"""How many steps away from the endpoint to look."""

_PIPELINE_EXECUTION = "sagemaker:pipeline-execution-arn"
"""The tag that SageMaker Pipelines puts on the jobs it runs."""


@dataclass(frozen=True)
class EndpointContext:
    """An endpoint in SageMaker's lineage.

    All methods ask SageMaker, page after page, and raise `CallError` when a call fails. A `Vertex` has an ``arn``, a
    ``type`` such as ``DataSet``, and a ``lineage_type`` such as ``Artifact``.
    """

    context_name: str
    """Its name in the lineage."""
    context_arn: str
    """Its ARN in the lineage."""
    context_type: str | None
    """Such as ``Endpoint``."""
    source_uri: str | None
    """The endpoint's ARN."""
    properties: Mapping[str, str]
    """What was recorded about it, by name."""
    description: shapes.DescribeContextResponse = field(repr=False)
    """SageMaker's whole description of it."""
    _hosting: SageMakerClient = field(repr=False, compare=False)

    async def models(self) -> list[shapes.AssociationSummary]:
        """Return the models that were deployed to the endpoint; `destination_arn` of each is the model's artifact."""
        deployments = self._hosting.iter_associations(source_arn=self.context_arn, destination_type="ModelDeployment")
        return [
            model
            async for deployment in deployments
            async for model in self._hosting.iter_associations(
                source_arn=deployment.destination_arn, destination_type="Model"
            )
        ]

    async def dataset_artifacts(self, direction: Direction = "Ascendants") -> list[shapes.Vertex]:
        """Return the data sets."""
        return await self._query(direction, "Artifact", "DataSet")

    async def actions(self, direction: Direction = "Descendants") -> list[shapes.Vertex]:
        """Return the actions, such as deployments of models."""
        return await self._query(direction, "Action")

    async def trial_components(self, direction: Direction = "Ascendants") -> list[shapes.Vertex]:
        """Return the trial components: training, processing and transform jobs, and steps of experiments."""
        return await self._query(direction, "TrialComponent")

    async def processing_jobs(self, direction: Direction = "Ascendants") -> list[shapes.Vertex]:
        """Return the trial components of processing jobs."""
        return await self._query(direction, "TrialComponent", "SageMakerProcessingJob")

    async def transform_jobs(self, direction: Direction = "Ascendants") -> list[shapes.Vertex]:
        """Return the trial components of batch transform jobs."""
        return await self._query(direction, "TrialComponent", "SageMakerTransformJob")

    async def training_job_arns(self, direction: Direction = "Ascendants") -> list[str]:
        """Return the ARNs of the training jobs."""
        arns: list[str] = []
        for vertex in await self._query(direction, "TrialComponent", "SageMakerTrainingJob"):
            name = (vertex.arn or "").rpartition("/")[2]
            component = await answer_or_raise(
                self._hosting.call("DescribeTrialComponent", {"TrialComponentName": name})
            )
            source = component.get("Source") or {}
            if source.get("SourceArn"):
                arns.append(source["SourceArn"])
        return arns

    async def pipeline_execution_arn(self, direction: Direction = "Ascendants") -> str | None:
        """Return the ARN of the pipeline execution that trained the model; None if no pipeline did."""
        for arn in await self.training_job_arns(direction):
            async for tag in self._hosting.iter_tags(resource_arn=arn):
                if tag.key == _PIPELINE_EXECUTION:
                    return tag.value
        return None

    async def _query(
        self, direction: Direction, lineage_type: str, entity_type: str | None = None
    ) -> list[shapes.Vertex]:
        filters: dict[str, Any] = {"LineageTypes": [lineage_type]}
        if entity_type is not None:
            filters["Types"] = [entity_type]
        vertices = self._hosting.iter_lineage(
            start_arns=[self.context_arn],
            direction=direction,
            include_edges=False,
            filters=filters,
            max_depth=MAX_DEPTH,
        )
        return [vertex async for vertex in vertices]


async def endpoint_context(hosting: SageMakerClient, endpoint_arn: str) -> EndpointContext | None:
    """Return the lineage of an endpoint; None if there is none.

    Raises:
        CallError: a call failed.
    """
    contexts = [context async for context in hosting.iter_contexts(source_uri=endpoint_arn)]
    if not contexts:
        return None
    description = await answer_or_raise(hosting.describe_context(context_name=contexts[0].context_name or ""))
    return EndpointContext(
        context_name=description.context_name or "",
        context_arn=description.context_arn or "",
        context_type=description.context_type,
        source_uri=description.source.source_uri if description.source is not None else None,
        properties=description.properties or {},
        description=description,
        _hosting=hosting,
    )
