"""Monitoring schedules as objects: the calls that make them, what kind they are, and what can be done with them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sagemaker_async import Predictor, Session, StubResponse, StubTransport
from sagemaker_async.errors import (
    ConfigurationError,
    DeserializationError,
    NoSuchKeyError,
    ResourceNotFound,
    SageMakerAsyncError,
    UnknownMonitoringTypeError,
)
from sagemaker_async.local import LocalSageMaker
from sagemaker_async.predictor.monitors import Monitor, MonitorKind

ARN = "arn:aws:sagemaker:us-east-1:123456789012:monitoring-schedule/"
ANALYZER = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"


def inline(image: str) -> dict[str, Any]:
    return {
        "MonitoringInputs": [],
        "MonitoringOutputConfig": {"MonitoringOutputs": []},
        "MonitoringResources": {},
        "MonitoringAppSpecification": {"ImageUri": image},
        "RoleArn": "role",
    }


class Schedules:
    """Answers with monitoring schedules, and writes down what was asked."""

    def __init__(self) -> None:
        self.transport = StubTransport(otherwise=self._answer)
        self.configs: dict[str, dict[str, Any]] = {}
        self.sent: list[tuple[str, Any]] = []

    def _answer(self, request: Any) -> StubResponse:
        operation, members = request.headers["X-Amz-Target"].partition(".")[2], json.loads(request.body)
        self.sent.append((operation, members))
        if operation == "ListMonitoringSchedules":
            names = list(self.configs)
            shown = names[1:] if "NextToken" in members else names[:1]
            more = {"NextToken": "more"} if "NextToken" not in members and len(names) > 1 else {}
            summaries = [{"MonitoringScheduleName": name} for name in shown]
            return StubResponse.json({"MonitoringScheduleSummaries": summaries, **more})
        if operation == "DescribeMonitoringSchedule":
            name = members["MonitoringScheduleName"]
            config = self.configs[name]
            described = {
                "MonitoringScheduleName": name,
                "MonitoringScheduleArn": ARN + name,
                "MonitoringScheduleStatus": "Scheduled",
                "MonitoringType": config.get("MonitoringType"),
                "MonitoringScheduleConfig": config,
            }
            return StubResponse.json(described)
        if operation == "ListTags":
            return StubResponse.json({"Tags": [{"Key": "team", "Value": "a"}]})
        if operation.endswith("JobDefinition"):
            return StubResponse.json({"JobDefinitionName": members["JobDefinitionName"]})
        return StubResponse.json({})


@pytest.fixture
def schedules() -> Schedules:
    return Schedules()


@pytest.fixture
async def predictor(schedules: Schedules) -> AsyncIterator[Predictor[bytes]]:
    async with Session(transport=schedules.transport) as session:
        yield Predictor("e", session)


async def only(predictor: Predictor[bytes]) -> Monitor:
    (monitor,) = await predictor.list_monitors()
    return monitor


async def test_the_calls_in_order_over_all_pages(schedules: Schedules, predictor: Predictor[bytes]) -> None:
    schedules.configs = {
        "s1": {
            "MonitoringType": "ModelBias",
            "MonitoringJobDefinitionName": "d",
            "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
        },
        "s2": {"MonitoringJobDefinition": inline("own-image")},
    }
    bias, custom = await predictor.list_monitors()
    assert schedules.sent == [
        ("ListMonitoringSchedules", {"EndpointName": "e"}),
        ("ListMonitoringSchedules", {"EndpointName": "e", "NextToken": "more"}),
        ("DescribeMonitoringSchedule", {"MonitoringScheduleName": "s1"}),
        ("DescribeModelBiasJobDefinition", {"JobDefinitionName": "d"}),
        ("ListTags", {"ResourceArn": ARN + "s1"}),
        ("DescribeMonitoringSchedule", {"MonitoringScheduleName": "s2"}),
        ("ListTags", {"ResourceArn": ARN + "s2"}),
    ]
    assert (bias.name, bias.arn, bias.status, bias.schedule) == ("s1", ARN + "s1", "Scheduled", "cron(0 * ? * * *)")
    assert (bias.endpoint_name, bias.job_definition_name, bias.tags) == ("e", "d", {"team": "a"})
    assert bias.description.monitoring_schedule_name == "s1"
    assert (custom.kind, custom.schedule, custom.job_definition_name) == (MonitorKind.CUSTOM, None, None)
    assert custom.job_definition.role_arn == "role"


@pytest.mark.parametrize(
    ("config", "kind", "operation"),
    [
        ({"MonitoringType": "DataQuality"}, MonitorKind.DATA_QUALITY, "DescribeDataQualityJobDefinition"),
        ({"MonitoringType": "ModelQuality"}, MonitorKind.MODEL_QUALITY, "DescribeModelQualityJobDefinition"),
        ({"MonitoringType": "ModelBias"}, MonitorKind.MODEL_BIAS, "DescribeModelBiasJobDefinition"),
        (
            {"MonitoringType": "ModelExplainability"},
            MonitorKind.MODEL_EXPLAINABILITY,
            "DescribeModelExplainabilityJobDefinition",
        ),
    ],
)
async def test_every_kind_has_its_job_definition(
    schedules: Schedules, predictor: Predictor[bytes], config: Any, kind: MonitorKind, operation: str
) -> None:
    schedules.configs = {"s": config | {"MonitoringJobDefinitionName": "d"}}
    monitor = await only(predictor)
    assert monitor.kind is kind
    assert (operation, {"JobDefinitionName": "d"}) in schedules.sent


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (ANALYZER, MonitorKind.DATA_QUALITY),
        (f"{ANALYZER}:latest", MonitorKind.DATA_QUALITY),
        ("registry/own", MonitorKind.CUSTOM),
    ],
)
async def test_a_definition_in_the_schedule_is_told_by_its_image(
    schedules: Schedules, predictor: Predictor[bytes], image: str, kind: MonitorKind
) -> None:
    schedules.configs = {"s": {"MonitoringType": "DataQuality", "MonitoringJobDefinition": inline(image)}}
    assert (await only(predictor)).kind is kind


@pytest.mark.parametrize("monitoring_type", ["Newer", "Custom", None])
async def test_an_unknown_type_is_a_type_error(
    schedules: Schedules, predictor: Predictor[bytes], monitoring_type: str | None
) -> None:
    schedules.configs = {"s": {"MonitoringType": monitoring_type, "MonitoringJobDefinitionName": "d"}}
    with pytest.raises(TypeError, match=f"^Unknown monitoring type: {monitoring_type}$") as caught:
        await predictor.list_monitors()
    assert isinstance(caught.value, UnknownMonitoringTypeError)
    assert isinstance(caught.value, SageMakerAsyncError)


async def test_no_schedules(schedules: Schedules, predictor: Predictor[bytes]) -> None:
    assert await predictor.list_monitors() == []
    assert schedules.sent == [("ListMonitoringSchedules", {"EndpointName": "e"})]


async def test_a_schedule_through_its_life(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("e", lambda body: body)
    local.add_monitoring_job_definition("DataQuality", "d", endpoint_name="e")
    await session.hosting.create_monitoring_schedule(
        monitoring_schedule_name="s",
        monitoring_schedule_config={
            "schedule_config": {"schedule_expression": "cron(0 * ? * * *)"},
            "monitoring_job_definition_name": "d",
            "monitoring_type": "DataQuality",
        },
        tags=[{"Key": "team", "Value": "a"}],
    )
    for number in range(12):
        local.add_monitoring_execution("s", status="Completed", processing_job_arn=f"arn:aws:sagemaker:::job/{number}")
    (monitor,) = await Predictor("e", session).list_monitors()
    assert (monitor.kind, monitor.status, monitor.tags) == (MonitorKind.DATA_QUALITY, "Scheduled", {"team": "a"})
    assert monitor.job_definition_name == "d"
    assert repr(monitor).startswith("Monitor(name='s', arn='arn:aws:sagemaker:us-east-1:123456789012:monitoring-sched")
    executions = await monitor.executions()
    assert len(executions) == 12
    assert {each.monitoring_execution_status for each in executions} == {"Completed"}

    await monitor.stop()
    assert monitor.status == "Scheduled"
    stopped = await monitor.refresh()
    assert stopped.status == "Stopped"
    await stopped.start()
    assert (await monitor.refresh()).status == "Scheduled"
    await monitor.delete()
    with pytest.raises(ResourceNotFound):
        await monitor.refresh()


async def scheduled(local: LocalSageMaker, session: Session) -> Monitor:
    local.add_endpoint("e", lambda body: body)
    local.add_monitoring_job_definition("DataQuality", "d", endpoint_name="e")
    await session.hosting.create_monitoring_schedule(
        monitoring_schedule_name="s",
        monitoring_schedule_config={
            "schedule_config": {"schedule_expression": "cron(0 * ? * * *)"},
            "monitoring_job_definition_name": "d",
            "monitoring_type": "DataQuality",
        },
    )
    (monitor,) = await Predictor("e", session).list_monitors()
    return monitor


async def test_a_schedule_goes_by_the_sdks_names(local: LocalSageMaker, session: Session) -> None:
    monitor = await scheduled(local, session)
    local.add_monitoring_execution("s", status="Completed")
    assert [each.monitoring_execution_status for each in await monitor.list_executions()] == ["Completed"]
    await monitor.stop_monitoring_schedule()
    assert (await monitor.describe_schedule()).monitoring_schedule_status == "Stopped"
    await monitor.start_monitoring_schedule()
    assert (await monitor.describe_schedule()).monitoring_schedule_status == "Scheduled"
    later = await monitor.update_monitoring_schedule(schedule_cron_expression="cron(0 12 ? * * *)")
    assert (later.schedule, monitor.schedule) == ("cron(0 12 ? * * *)", "cron(0 * ? * * *)")
    await monitor.delete_monitoring_schedule()
    with pytest.raises(ResourceNotFound):
        await monitor.describe_schedule()


async def test_an_update_keeps_what_is_not_given(schedules: Schedules, predictor: Predictor[bytes]) -> None:
    definition = inline("own-image") | {
        "MonitoringInputs": [{"EndpointInput": {"EndpointName": "e", "LocalPath": "/in"}}],
        "MonitoringOutputConfig": {"MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://b/out", "LocalPath": "/out"}}]},
        "MonitoringResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
        },
        "RoleArn": "arn:aws:iam::123456789012:role/monitoring",
    }
    when = {"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT2H", "DataAnalysisEndTime": "-PT1H"}
    schedules.configs = {"s": {"MonitoringJobDefinition": definition, "ScheduleConfig": when}}
    monitor = await only(predictor)
    await monitor.update(data_analysis_start_time="-PT9H")
    sent = dict(schedules.sent)["UpdateMonitoringSchedule"]
    assert sent["MonitoringScheduleConfig"] == {
        "MonitoringJobDefinition": definition,
        "ScheduleConfig": when | {"DataAnalysisStartTime": "-PT9H"},
    }
    await monitor.update(job_definition_name="other")
    sent = [members for operation, members in schedules.sent if operation == "UpdateMonitoringSchedule"][-1]
    assert sent["MonitoringScheduleConfig"] == {"MonitoringJobDefinitionName": "other", "ScheduleConfig": when}


async def test_an_update_of_nothing_is_refused(schedules: Schedules, predictor: Predictor[bytes]) -> None:
    schedules.configs = {"s": {"MonitoringType": "ModelBias", "MonitoringJobDefinitionName": "d"}}
    monitor = await only(predictor)
    schedules.sent.clear()
    with pytest.raises(ConfigurationError, match="nothing to update: give schedule"):
        await monitor.update()
    assert not schedules.sent


class Bucket:
    """What there is in S3, as a function that reads."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects

    async def __call__(self, uri: str) -> bytes:
        return self.objects[uri]


async def test_the_results_of_runs_are_read_from_where_their_jobs_put_them(
    local: LocalSageMaker, session: Session
) -> None:
    monitor = await scheduled(local, session)
    read = Bucket({"s3://b/new/statistics.json": b'{"version": 0.0}', "s3://b/new/constraint_violations.json": b"{"})
    assert await monitor.latest_monitoring_statistics(read=read) is None
    assert await monitor.latest_monitoring_constraint_violations(read=read) is None
    for name, uri in (("old", "s3://b/old"), ("new", "s3://b/new/")):
        output = {"OutputName": "out", "S3Output": {"S3Uri": uri, "LocalPath": "/out", "S3UploadMode": "Continuous"}}
        arn = local.add_processing_job(name, members={"ProcessingOutputConfig": {"Outputs": [output]}})
        local.add_monitoring_execution("s", status="CompletedWithViolations", processing_job_arn=arn)
    local.add_monitoring_execution("s", status="Failed", failure_reason="no data")
    assert await monitor.latest_monitoring_statistics(read=read) == {"version": 0.0}
    with pytest.raises(DeserializationError, match=r"s3://b/new/constraint_violations\.json is not JSON"):
        await monitor.latest_monitoring_constraint_violations(read=read)
    failed, newest, oldest = await monitor.executions()
    assert await monitor.statistics(newest, read=read) == {"version": 0.0}
    assert await monitor.statistics(failed, read=read) is None
    read.objects["s3://b/old/constraint_violations.json"] = b'{"violations": []}'
    assert await monitor.constraint_violations(oldest, read=read) == {"violations": []}


async def test_the_results_of_runs_are_read_through_the_session(local: LocalSageMaker, session: Session) -> None:
    monitor = await scheduled(local, session)
    output = {"OutputName": "out", "S3Output": {"S3Uri": "s3://bkt/a b", "LocalPath": "/o", "S3UploadMode": "EndOfJob"}}
    arn = local.add_processing_job("job", members={"ProcessingOutputConfig": {"Outputs": [output]}})
    local.add_monitoring_execution("s", status="Completed", processing_job_arn=arn)
    local.objects["s3://bkt/a b/statistics.json"] = b'{"version": 0.0}'
    assert await monitor.latest_monitoring_statistics() == {"version": 0.0}
    with pytest.raises(NoSuchKeyError):
        await monitor.latest_monitoring_constraint_violations()
