"""boto3's ``sagemaker`` client against the control plane: monitoring, its job definitions and executions, lineage."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import OperationModel

from sagemaker_async.errors import ConfigurationError
from sagemaker_async.local import LocalSageMaker, ThreadedLocalSageMaker

pytestmark = pytest.mark.usefixtures("clean_environment")

PREFIX = "arn:aws:sagemaker:us-east-1:123456789012"
TYPES = ["DataQuality", "ModelQuality", "ModelBias", "ModelExplainability"]


def check_members(operation_model: OperationModel, response_dict: dict[str, Any], **_: Any) -> None:
    """Fail unless a successful answer has all required members of its shape and no unknown ones."""
    shape = operation_model.output_shape
    if response_dict["status_code"] == 200 and shape is not None:
        members = json.loads(response_dict["body"])
        assert set(shape.required_members) <= set(members) <= set(shape.members)
        for name, value in members.items():
            if shape.members[name].type_name == "list":
                for item in value:
                    assert set(shape.members[name].member.required_members) <= set(item)
                    assert set(item) <= set(shape.members[name].member.members)


@pytest.fixture(scope="module")
def sdk() -> boto3.Session:
    return boto3.Session()


@pytest.fixture
def local() -> Iterator[ThreadedLocalSageMaker]:
    with LocalSageMaker.in_thread() as local:
        local.add_endpoint("e", lambda body: body)
        yield local


def client_of(sdk: boto3.Session, local: ThreadedLocalSageMaker) -> Any:
    client = sdk.client(  # type: ignore[call-overload]
        "sagemaker", config=Config(retries={"total_max_attempts": 1, "mode": "standard"}), **local.boto3_options
    )
    client.meta.events.register("before-parse.sagemaker", check_members)
    return client


@pytest.fixture
def sm(sdk: boto3.Session, local: ThreadedLocalSageMaker) -> Iterator[Any]:
    client = client_of(sdk, local)
    yield client
    client.close()


def refusal(call: Callable[[], Any], code: str) -> str:
    with pytest.raises(ClientError) as raised:
        call()
    assert raised.value.response["Error"]["Code"] == code
    return str(raised.value.response["Error"]["Message"])


# --- job definitions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("monitoring_type", TYPES)
def test_a_job_definition_of_each_type_is_put_in_and_described(
    local: ThreadedLocalSageMaker, sm: Any, monitoring_type: Any
) -> None:
    arn = local.add_monitoring_job_definition(monitoring_type, "d", endpoint_name="e")
    snake = {
        "DataQuality": "data_quality",
        "ModelQuality": "model_quality",
        "ModelBias": "model_bias",
        "ModelExplainability": "model_explainability",
    }[monitoring_type]
    describe = getattr(sm, f"describe_{snake}_job_definition")
    described = describe(JobDefinitionName="d")
    assert described["JobDefinitionArn"] == arn
    assert arn == f"{PREFIX}:{snake.replace('_', '-')}-job-definition/d"
    assert described[f"{monitoring_type}JobInput"]["EndpointInput"]["EndpointName"] == "e"
    # What was made up for it is what its Create operation takes.
    members = {
        name: value
        for name, value in described.items()
        if name not in ("JobDefinitionArn", "CreationTime", "ResponseMetadata", "JobDefinitionName")
    }
    create = getattr(sm, f"create_{snake}_job_definition")
    create(JobDefinitionName="copy", **members)
    assert describe(JobDefinitionName="copy")["RoleArn"] == described["RoleArn"]
    assert refusal(lambda: create(JobDefinitionName="copy", **members), "ResourceInUse").endswith("already exists")
    getattr(sm, f"delete_{snake}_job_definition")(JobDefinitionName="copy")
    assert refusal(lambda: describe(JobDefinitionName="copy"), "ResourceNotFound").endswith("not found")


def test_an_impossible_job_definition_is_a_configuration_error(local: ThreadedLocalSageMaker) -> None:
    with pytest.raises(ConfigurationError, match="monitoring_type must be one of DataQuality"):
        local.add_monitoring_job_definition("Quality", "d")  # type: ignore[arg-type]
    local.add_monitoring_job_definition("DataQuality", "d")
    with pytest.raises(ConfigurationError, match="already exists"):
        local.add_monitoring_job_definition("DataQuality", "d")


# --- schedules --------------------------------------------------------------------------------------------------------


def schedule(monitoring_type: str = "DataQuality", name: str = "d") -> dict[str, Any]:
    return {
        "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
        "MonitoringJobDefinitionName": name,
        "MonitoringType": monitoring_type,
    }


@pytest.fixture
def scheduled(local: ThreadedLocalSageMaker, sm: Any) -> None:
    local.add_monitoring_job_definition("DataQuality", "d", endpoint_name="e")
    sm.create_monitoring_schedule(MonitoringScheduleName="s", MonitoringScheduleConfig=schedule())


def status(sm: Any) -> str:
    return str(sm.describe_monitoring_schedule(MonitoringScheduleName="s")["MonitoringScheduleStatus"])


@pytest.mark.usefixtures("scheduled")
def test_a_schedule_is_created_stopped_updated_started_and_deleted(sm: Any) -> None:
    described = sm.describe_monitoring_schedule(MonitoringScheduleName="s")
    assert described["MonitoringScheduleStatus"] == "Scheduled"
    assert described["MonitoringScheduleArn"] == f"{PREFIX}:monitoring-schedule/s"
    assert (described["EndpointName"], described["MonitoringType"]) == ("e", "DataQuality")
    assert described["MonitoringScheduleConfig"] == schedule()
    sm.stop_monitoring_schedule(MonitoringScheduleName="s")
    assert status(sm) == "Stopped"
    sm.update_monitoring_schedule(
        MonitoringScheduleName="s",
        MonitoringScheduleConfig=schedule() | {"ScheduleConfig": {"ScheduleExpression": "NOW"}},
    )
    assert status(sm) == "Stopped"
    sm.start_monitoring_schedule(MonitoringScheduleName="s")
    assert status(sm) == "Scheduled"
    sm.delete_monitoring_schedule(MonitoringScheduleName="s")
    missing = f"Monitoring Schedule {PREFIX}:monitoring-schedule/s not found"
    for call in (
        sm.describe_monitoring_schedule,
        sm.start_monitoring_schedule,
        sm.stop_monitoring_schedule,
        sm.delete_monitoring_schedule,
    ):
        assert refusal(lambda call=call: call(MonitoringScheduleName="s"), "ResourceNotFound") == missing


@pytest.mark.usefixtures("scheduled")
def test_schedules_are_listed_by_endpoint_type_definition_and_status(local: ThreadedLocalSageMaker, sm: Any) -> None:
    local.add_monitoring_job_definition("ModelBias", "bias", endpoint_name="e")
    sm.create_monitoring_schedule(MonitoringScheduleName="t", MonitoringScheduleConfig=schedule("ModelBias", "bias"))

    def names(**request: Any) -> list[str]:
        listed = sm.list_monitoring_schedules(SortBy="Name", SortOrder="Ascending", **request)
        return [summary["MonitoringScheduleName"] for summary in listed["MonitoringScheduleSummaries"]]

    assert names(EndpointName="e") == ["s", "t"]
    assert names(EndpointName="other") == []
    assert names(MonitoringTypeEquals="ModelBias") == ["t"]
    assert names(MonitoringJobDefinitionName="d") == ["s"]
    assert names(StatusEquals="Scheduled", NameContains="t") == ["t"]


def test_a_schedule_for_what_there_is_not_is_refused(local: ThreadedLocalSageMaker, sm: Any) -> None:
    def create(config: dict[str, Any], code: str) -> str:
        return refusal(
            lambda: sm.create_monitoring_schedule(MonitoringScheduleName="s", MonitoringScheduleConfig=config), code
        )

    assert create(schedule(), "ResourceNotFound").endswith("data-quality-job-definition/d not found")
    local.add_monitoring_job_definition("DataQuality", "d", endpoint_name="gone")
    assert create(schedule(), "ValidationException") == f'Could not find endpoint "{PREFIX}:endpoint/gone".'
    assert "Exactly one of" in create({}, "ValidationException")
    assert "MonitoringType" in create({"MonitoringJobDefinitionName": "d"}, "ValidationException")


def test_a_schedule_with_a_definition_of_its_own_knows_its_endpoint(sm: Any) -> None:
    local_path = "/opt/ml/processing"
    definition = {
        "MonitoringInputs": [{"EndpointInput": {"EndpointName": "e", "LocalPath": local_path}}],
        "MonitoringOutputConfig": {
            "MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://b/out", "LocalPath": local_path}}]
        },
        "MonitoringResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "MonitoringAppSpecification": {"ImageUri": "img"},
        "RoleArn": "arn:aws:iam::123456789012:role/monitoring",
    }
    sm.create_monitoring_schedule(
        MonitoringScheduleName="s", MonitoringScheduleConfig={"MonitoringJobDefinition": definition}
    )
    described = sm.describe_monitoring_schedule(MonitoringScheduleName="s")
    assert (described["EndpointName"], described["MonitoringType"]) == ("e", "DataQuality")


@pytest.mark.usefixtures("scheduled")
def test_a_scripted_failure_of_a_schedule_is_told_with_its_reason(local: ThreadedLocalSageMaker, sm: Any) -> None:
    local.fail_next("StartMonitoringSchedule", "no quota")
    sm.start_monitoring_schedule(MonitoringScheduleName="s")
    described = sm.describe_monitoring_schedule(MonitoringScheduleName="s")
    assert (described["MonitoringScheduleStatus"], described["FailureReason"]) == ("Failed", "no quota")


def test_a_schedule_is_pending_for_as_long_as_said(sdk: boto3.Session) -> None:
    with LocalSageMaker.in_thread(transition_times={"MonitoringSchedule": 5}, stepped_clock=True) as local:
        local.add_endpoint("e", lambda body: body)
        local.add_monitoring_job_definition("DataQuality", "d", endpoint_name="e")
        sm = client_of(sdk, local)
        sm.create_monitoring_schedule(MonitoringScheduleName="s", MonitoringScheduleConfig=schedule())
        assert status(sm) == "Pending"
        message = refusal(lambda: sm.delete_monitoring_schedule(MonitoringScheduleName="s"), "ValidationException")
        assert message.startswith("Monitoring schedule in status Pending")
        local.step(5)
        assert status(sm) == "Scheduled"
        sm.close()


@pytest.mark.usefixtures("scheduled")
def test_executions_are_put_in_and_listed(local: ThreadedLocalSageMaker, sm: Any) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    local.add_monitoring_execution("s", scheduled_time=noon)
    local.add_monitoring_execution("s", status="Failed", scheduled_time=noon - timedelta(hours=1), failure_reason="no")

    def times(**request: Any) -> list[int]:
        listed = sm.list_monitoring_executions(SortBy="ScheduledTime", SortOrder="Ascending", **request)
        return [summary["ScheduledTime"].astimezone(UTC).hour for summary in listed["MonitoringExecutionSummaries"]]

    assert times(MonitoringScheduleName="s") == [11, 12]
    assert times(StatusEquals="Failed") == [11]
    assert times(ScheduledTimeAfter=noon) == [12]
    assert times(ScheduledTimeBefore=noon, EndpointName="e", MonitoringJobDefinitionName="d") == [11]
    assert times(MonitoringTypeEquals="ModelBias") == []
    pages = list(sm.get_paginator("list_monitoring_executions").paginate(PaginationConfig={"PageSize": 1}))
    assert [page["MonitoringExecutionSummaries"][0]["MonitoringExecutionStatus"] for page in pages] == [
        "Failed",
        "Completed",
    ]
    latest = sm.describe_monitoring_schedule(MonitoringScheduleName="s")["LastMonitoringExecutionSummary"]
    assert (latest["MonitoringExecutionStatus"], latest["FailureReason"]) == ("Failed", "no")
    sm.delete_monitoring_schedule(MonitoringScheduleName="s")
    assert times() == []
    with pytest.raises(ConfigurationError, match="not found"):
        local.add_monitoring_execution("s")


@pytest.mark.usefixtures("scheduled")
def test_the_processing_job_of_an_execution_is_described(local: ThreadedLocalSageMaker, sm: Any) -> None:
    arn = f"{PREFIX}:processing-job/of-the-execution"
    local.add_monitoring_execution("s", status="CompletedWithViolations", processing_job_arn=arn)
    local.add_monitoring_execution("s", status="Failed", processing_job_arn=arn)  # the first one counts
    described = sm.describe_processing_job(ProcessingJobName="of-the-execution")
    assert (described["ProcessingJobArn"], described["ProcessingJobStatus"]) == (arn, "Completed")
    assert described["MonitoringScheduleArn"] == f"{PREFIX}:monitoring-schedule/s"
    assert described["ProcessingEndTime"] >= described["ProcessingStartTime"]


def test_processing_jobs_are_put_in_and_described(local: ThreadedLocalSageMaker, sm: Any) -> None:
    running = local.add_processing_job("j", status="InProgress", members={"Environment": {"a": "b"}})
    described = sm.describe_processing_job(ProcessingJobName="j")
    assert (described["ProcessingJobArn"], described["Environment"]) == (running, {"a": "b"})
    assert "ProcessingEndTime" not in described
    missing = refusal(lambda: sm.describe_processing_job(ProcessingJobName="k"), "ValidationException")
    assert missing == "Could not find requested job with name: k"
    with pytest.raises(ConfigurationError, match="already existing"):
        local.add_processing_job("j")


# --- lineage ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def graph(local: ThreadedLocalSageMaker) -> dict[str, str]:
    """data -> model -> deployment -> endpoint, and a trial component that produced the model."""
    arns = {
        "data": local.add_artifact("s3://b/data", artifact_type="DataSet", name="data"),
        "model": local.add_artifact("s3://b/model", artifact_type="Model", properties={"stage": "prod"}),
        "deployment": local.add_action("deploy", action_type="ModelDeployment", source_uri="arn:endpoint"),
        "endpoint": local.add_context("ctx", context_type="Endpoint", source_uri=f"{PREFIX}:endpoint/e"),
        "trial": f"{PREFIX}:experiment-trial-component/train",
    }
    local.add_association(arns["data"], arns["model"], "ContributedTo")
    local.add_association(arns["trial"], arns["model"], "Produced")
    local.add_association(arns["model"], arns["deployment"])
    local.add_association(arns["deployment"], arns["endpoint"])
    return arns


def test_contexts_are_listed_by_source_and_described_by_name_or_arn(
    local: ThreadedLocalSageMaker, sm: Any, graph: dict[str, str]
) -> None:
    local.add_context("Other", context_type="Team", source_uri="x", properties={"a": "b"})
    (found,) = sm.list_contexts(SourceUri=f"{PREFIX}:endpoint/e")["ContextSummaries"]
    assert (found["ContextName"], found["ContextArn"]) == ("ctx", graph["endpoint"])
    assert [item["ContextName"] for item in sm.list_contexts(ContextType="Team")["ContextSummaries"]] == ["Other"]
    pages = sm.get_paginator("list_contexts").paginate(SortBy="Name", PaginationConfig={"PageSize": 1})
    assert [page["ContextSummaries"][0]["ContextName"] for page in pages] == ["Other", "ctx"]
    described = sm.describe_context(ContextName=f"{PREFIX}:context/Other")
    assert described["Properties"] == {"a": "b"}
    assert sm.describe_context(ContextName="Other")["ContextArn"] == f"{PREFIX}:context/Other"
    message = refusal(lambda: sm.describe_context(ContextName="z"), "ResourceNotFound")
    assert message == f"Context '{PREFIX}:context/z' does not exist."
    with pytest.raises(ConfigurationError, match="Context with name"):
        local.add_context("ctx", context_type="Team", source_uri="x")


def test_artifacts_and_actions_are_listed_by_source_and_type(
    local: ThreadedLocalSageMaker, sm: Any, graph: dict[str, str]
) -> None:
    (data,) = sm.list_artifacts(SourceUri="s3://b/data")["ArtifactSummaries"]
    assert (data["ArtifactArn"], data["ArtifactName"], data["ArtifactType"]) == (graph["data"], "data", "DataSet")
    (model,) = sm.list_artifacts(ArtifactType="Model")["ArtifactSummaries"]
    assert (model["ArtifactArn"], "ArtifactName" in model) == (graph["model"], False)
    local.add_action("test", action_type="Test", source_uri="x", status="Failed")
    pages = sm.get_paginator("list_actions").paginate(
        SortBy="Name", SortOrder="Descending", PaginationConfig={"PageSize": 1}
    )
    assert [page["ActionSummaries"][0]["ActionName"] for page in pages] == ["test", "deploy"]
    (failed,) = sm.list_actions(ActionType="Test")["ActionSummaries"]
    assert (failed["Status"], failed["Source"]) == ("Failed", {"SourceUri": "x"})


def test_associations_are_listed_by_their_ends_and_types(sm: Any, graph: dict[str, str]) -> None:
    def sources(**request: Any) -> set[str]:
        return {item["SourceArn"] for item in sm.list_associations(**request)["AssociationSummaries"]}

    assert sources(DestinationArn=graph["model"]) == {graph["data"], graph["trial"]}
    assert sources(AssociationType="Produced") == {graph["trial"]}
    assert sources(SourceType="DataSet") == {graph["data"]}
    (edge,) = sm.list_associations(SourceArn=graph["data"])["AssociationSummaries"]
    assert (edge["SourceName"], edge["DestinationType"]) == ("data", "Model")
    ordered = sm.list_associations(SortBy="DestinationType", SortOrder="Ascending")["AssociationSummaries"]
    assert [edge.get("DestinationType") for edge in ordered] == ["Endpoint", "Model", "Model", "ModelDeployment"]


def test_lineage_is_queried_by_direction_depth_and_filters(sm: Any, graph: dict[str, str]) -> None:
    names = {arn: name for name, arn in graph.items()}

    def reached(**request: Any) -> list[str]:
        start = {"StartArns": [graph["model"]], **request}
        return [names[vertex["Arn"]] for vertex in sm.query_lineage(**start)["Vertices"]]

    assert set(reached()) == {"data", "trial", "deployment", "endpoint"}
    assert reached(Direction="Descendants") == ["deployment", "endpoint"]
    assert reached(Direction="Descendants", MaxDepth=1) == ["deployment"]
    assert reached(Direction="Ascendants") == ["data", "trial"]
    assert reached(Filters={"LineageTypes": ["Action"]}) == ["deployment"]
    assert reached(Filters={"Types": ["Endpoint"]}) == ["endpoint"]
    assert reached(StartArns=[], Filters={"Properties": {"stage": "prod"}}) == ["model"]
    assert reached(Filters={"CreatedAfter": datetime(2999, 1, 1, tzinfo=UTC)}) == []
    first = sm.query_lineage(StartArns=[graph["model"]], MaxResults=3)
    following = sm.query_lineage(StartArns=[graph["model"]], MaxResults=3, NextToken=first["NextToken"])
    assert (len(first["Vertices"]), len(following["Vertices"])) == (3, 1)
    _, *place = json.loads(base64.urlsafe_b64decode(first["NextToken"]))
    assert place == [3, 0]
    for start in (-1, "x", None, 1.5):
        token = base64.urlsafe_b64encode(json.dumps([crc32(b"QueryLineage"), start, 0]).encode()).decode()
        assert "Invalid NextToken" in refusal(
            lambda token=token: sm.query_lineage(NextToken=token), "ValidationException"
        )
    assert len(first["Edges"]) == 4
    without = sm.query_lineage(StartArns=[graph["model"]], IncludeEdges=False)
    assert (without["Edges"], len(without["Vertices"])) == ([], 4)
    vertex = sm.query_lineage(StartArns=[graph["data"]], MaxDepth=1)["Vertices"]
    assert vertex == [{"Arn": graph["model"], "Type": "Model", "LineageType": "Artifact"}]
    missing = f"{PREFIX}:artifact/none"
    assert missing in refusal(lambda: sm.query_lineage(StartArns=[missing]), "ResourceNotFound")


def test_lineage_is_written_by_clients_too(sm: Any) -> None:
    context = sm.create_context(ContextName="c", ContextType="Team", Source={"SourceUri": "x"})["ContextArn"]
    action = sm.create_action(ActionName="a", ActionType="t", Source={"SourceUri": "x"})["ActionArn"]
    artifact = sm.create_artifact(ArtifactType="Model", Source={"SourceUri": "x"})["ArtifactArn"]
    sm.add_association(SourceArn=artifact, DestinationArn=action)
    answer = sm.add_association(SourceArn=action, DestinationArn=context, AssociationType="Produced")
    assert answer["DestinationArn"] == context
    assert len(sm.query_lineage(StartArns=[artifact])["Vertices"]) == 2
    unknown = f"{PREFIX}:context/none"
    message = refusal(lambda: sm.add_association(SourceArn=unknown, DestinationArn=action), "ResourceNotFound")
    assert unknown in message
    sm.add_tags(ResourceArn=context, Tags=[{"Key": "k", "Value": "v"}])
    assert sm.list_tags(ResourceArn=context)["Tags"] == [{"Key": "k", "Value": "v"}]
