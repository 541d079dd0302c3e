"""Lineage as an object: what it asks, over all pages, and what the embedded SageMaker's graph answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from sagemaker_async import Predictor, Session, StubResponse, StubTransport
from sagemaker_async.local import LocalSageMaker
from sagemaker_async.predictor.lineage import EndpointContext

PREFIX = "arn:aws:sagemaker:us-east-1:123456789012"
CONTEXT = f"{PREFIX}:context/ctx"
COMPONENT = f"{PREFIX}:experiment-trial-component/job-aws-training-job"
TRAINING_JOB = f"{PREFIX}:training-job/job"


class Graph:
    """Answers lineage queries with two pages, and writes down what was asked."""

    def __init__(self) -> None:
        self.transport = StubTransport(otherwise=self._answer)
        self.sent: list[tuple[str, Any]] = []
        self.tags = [{"Key": "sagemaker:pipeline-execution-arn", "Value": "execution"}]
        self.source: dict[str, Any] = {"SourceArn": TRAINING_JOB}

    def _answer(self, request: Any) -> StubResponse:
        operation, members = request.headers["X-Amz-Target"].partition(".")[2], json.loads(request.body)
        self.sent.append((operation, members))
        match operation:
            case "DescribeEndpoint":
                return StubResponse.json({"EndpointName": "e", "EndpointArn": f"{PREFIX}:endpoint/e"})
            case "ListContexts":
                return StubResponse.json({"ContextSummaries": [{"ContextName": "ctx", "ContextArn": CONTEXT}]})
            case "DescribeContext":
                source = {"SourceUri": f"{PREFIX}:endpoint/e"}
                properties = {"a": "1"}
                return StubResponse.json(
                    {"ContextName": "ctx", "ContextArn": CONTEXT, "Source": source, "Properties": properties}
                )
            case "QueryLineage":
                vertex = {"Arn": COMPONENT, "Type": "T", "LineageType": "L"}
                more = {} if "NextToken" in members else {"NextToken": "more"}
                return StubResponse.json({"Vertices": [vertex] if more else [], **more})
            case "DescribeTrialComponent":
                return StubResponse.json({"TrialComponentName": "x", "Source": self.source})
            case "ListAssociations":
                return StubResponse.json({"AssociationSummaries": [{"DestinationArn": f"{PREFIX}:action/deployed"}]})
            case "ListTags":
                return StubResponse.json({"Tags": self.tags})
        raise AssertionError(operation)


@pytest.fixture
def graph() -> Graph:
    return Graph()


async def context_of(session: Session) -> EndpointContext:
    context = await Predictor("e", session).endpoint_context()
    assert context is not None
    return context


@pytest.mark.parametrize(
    ("query", "direction", "filters"),
    [
        (EndpointContext.dataset_artifacts, "Ascendants", {"LineageTypes": ["Artifact"], "Types": ["DataSet"]}),
        (EndpointContext.actions, "Descendants", {"LineageTypes": ["Action"]}),
        (EndpointContext.trial_components, "Ascendants", {"LineageTypes": ["TrialComponent"]}),
        (
            EndpointContext.processing_jobs,
            "Ascendants",
            {"LineageTypes": ["TrialComponent"], "Types": ["SageMakerProcessingJob"]},
        ),
        (
            EndpointContext.transform_jobs,
            "Ascendants",
            {"LineageTypes": ["TrialComponent"], "Types": ["SageMakerTransformJob"]},
        ),
    ],
)
@pytest.mark.parametrize("chosen", [None, "Both"])
async def test_every_query_goes_ten_steps_over_all_pages(
    graph: Graph, query: Callable[..., Any], direction: str, filters: Any, chosen: str | None
) -> None:
    async with Session(transport=graph.transport) as session:
        context = await context_of(session)
        graph.sent.clear()
        (vertex,) = await (query(context) if chosen is None else query(context, chosen))
    assert (vertex.arn, vertex.type, vertex.lineage_type) == (COMPONENT, "T", "L")
    first = {
        "StartArns": [CONTEXT],
        "Direction": chosen or direction,
        "IncludeEdges": False,
        "Filters": filters,
        "MaxDepth": 10,
    }
    assert graph.sent == [("QueryLineage", first), ("QueryLineage", first | {"NextToken": "more"})]


async def test_training_jobs_are_what_trial_components_come_from(graph: Graph) -> None:
    async with Session(transport=graph.transport) as session:
        context = await context_of(session)
        assert await context.training_job_arns() == [TRAINING_JOB]
        assert graph.sent[-3][1]["Filters"] == {"LineageTypes": ["TrialComponent"], "Types": ["SageMakerTrainingJob"]}
        assert graph.sent[-1] == ("DescribeTrialComponent", {"TrialComponentName": "job-aws-training-job"})
        assert await context.pipeline_execution_arn() == "execution"
        assert graph.sent[-1] == ("ListTags", {"ResourceArn": TRAINING_JOB})
        graph.tags.clear()
        assert await context.pipeline_execution_arn() is None
        graph.source = {}
        assert await context.training_job_arns() == []


async def test_models_are_found_by_their_deployments(graph: Graph) -> None:
    async with Session(transport=graph.transport) as session:
        (model,) = await (await context_of(session)).models()
    assert model.destination_arn == f"{PREFIX}:action/deployed"
    assert graph.sent[-2:] == [
        ("ListAssociations", {"SourceArn": CONTEXT, "DestinationType": "ModelDeployment"}),
        ("ListAssociations", {"SourceArn": f"{PREFIX}:action/deployed", "DestinationType": "Model"}),
    ]


async def test_what_is_known_of_the_context(graph: Graph) -> None:
    async with Session(transport=graph.transport) as session:
        context = await context_of(session)
    assert (context.context_name, context.context_arn, context.context_type) == ("ctx", CONTEXT, None)
    assert (context.source_uri, context.properties) == (f"{PREFIX}:endpoint/e", {"a": "1"})
    assert context.description.context_arn == CONTEXT


async def test_a_context_without_source_and_properties(graph: Graph) -> None:
    graph.transport.add(
        StubResponse.json({"EndpointArn": f"{PREFIX}:endpoint/e"}),
        StubResponse.json({"ContextSummaries": [{"ContextName": "ctx"}]}),
        StubResponse.json({"ContextName": "ctx"}),
    )
    async with Session(transport=graph.transport) as session:
        context = await context_of(session)
    assert (context.source_uri, context.properties, context.context_arn) == (None, {}, "")


async def test_the_graph_of_the_embedded_sagemaker(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("e", lambda body: body)
    endpoint = await session.hosting.describe_endpoint(endpoint_name="e")
    context_arn = local.add_context("ctx", context_type="Endpoint", source_uri=endpoint.endpoint_arn)
    data = [local.add_artifact(f"s3://b/{n}", artifact_type="DataSet") for n in range(12)]
    model_package = local.add_artifact("package", artifact_type="ModelPackage")
    deployments = [
        local.add_action(f"deployment-{n}", action_type="ModelDeployment", source_uri=endpoint.endpoint_arn)
        for n in range(2)
    ]
    models = [local.add_artifact(f"model-{n}", artifact_type="Model", name=f"m{n}") for n in range(2)]
    for each in data:
        local.add_association(each, model_package, "ContributedTo")
    local.add_association(model_package, context_arn, "ContributedTo")
    for deployment, model in zip(deployments, models, strict=True):
        local.add_association(context_arn, deployment)
        local.add_association(deployment, model, "Produced")

    context = await context_of(session)
    assert {model.destination_arn for model in await context.models()} == set(models)
    assert {vertex.arn for vertex in await context.dataset_artifacts()} == set(data)
    assert {vertex.arn for vertex in await context.actions()} == set(deployments)
    assert await context.trial_components() == []
    assert await context.pipeline_execution_arn() is None


async def test_an_endpoint_without_lineage_has_none(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("e", lambda body: body)
    assert await Predictor("e", session).endpoint_context() is None
