"""The monitoring schedules of an endpoint as small objects: `Predictor.list_monitors` returns them.

A `Monitor` is what SageMaker said when it was asked; its methods ask again, or change the schedule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from sagemaker_async.errors import ConfigurationError, UnknownMonitoringTypeError
from sagemaker_async.hosting.answers import answer_or_raise
from sagemaker_async.hosting.client import SageMakerClient
from sagemaker_async.hosting.generated import shapes

from .monitoring_results import MonitoringResults

__all__ = ["Monitor", "MonitorKind", "list_monitors"]

_ANALYZER = "sagemaker-model-monitor-analyzer"
"""The repository of AWS's own image, with which a schedule's inline definition watches data quality."""


JobDefinition: TypeAlias = """(
    shapes.DescribeDataQualityJobDefinitionResponse | shapes.DescribeModelQualityJobDefinitionResponse
    | shapes.DescribeModelBiasJobDefinitionResponse | shapes.DescribeModelExplainabilityJobDefinitionResponse
    | shapes.MonitoringJobDefinitionOutput
)"""
"""What each run of a schedule does: a job definition of its own kind, or the one in the schedule itself."""


class MonitorKind(StrEnum):
    """What a schedule watches; the values are AWS's, except `CUSTOM`."""

    DATA_QUALITY = "DataQuality"
    MODEL_QUALITY = "ModelQuality"
    MODEL_BIAS = "ModelBias"
    MODEL_EXPLAINABILITY = "ModelExplainability"
    CUSTOM = "Custom"
    """What your own container watches; defined in the schedule itself."""


@dataclass(frozen=True)
class Monitor(MonitoringResults):
    """One monitoring schedule, as it was when it was asked for; its methods have the SDK's names as well."""

    name: str
    """The schedule's name."""
    arn: str
    """The schedule's ARN."""
    kind: MonitorKind
    """What it watches."""
    status: str
    """Pending, Failed, Scheduled or Stopped."""
    failure_reason: str | None
    """Why it failed."""
    endpoint_name: str
    """The endpoint whose captured data it reads."""
    schedule: str | None
    """When it runs: a cron expression, or ``NOW``."""
    job_definition_name: str | None
    """The name of its job definition; None when that is in the schedule itself."""
    job_definition: JobDefinition = field(repr=False)
    """What each run does."""
    description: shapes.DescribeMonitoringScheduleResponse = field(repr=False)
    """SageMaker's whole description of the schedule."""
    tags: Mapping[str, str]
    """The schedule's tags."""
    _hosting: SageMakerClient = field(repr=False, compare=False)

    async def executions(self) -> list[shapes.MonitoringExecutionSummary]:
        """Return all its runs, over all pages, in AWS's order: the latest first.

        Raises:
            CallError: a call failed.
        """
        return [
            execution
            async for execution in self._hosting.iter_monitoring_executions(monitoring_schedule_name=self.name)
        ]

    async def start(self) -> None:
        """Start the schedule after it was stopped.

        Raises:
            CallError: the call failed.
        """
        await answer_or_raise(self._hosting.start_monitoring_schedule(monitoring_schedule_name=self.name))

    async def stop(self) -> None:
        """Stop the schedule; a run under way continues.

        Raises:
            CallError: the call failed.
        """
        await answer_or_raise(self._hosting.stop_monitoring_schedule(monitoring_schedule_name=self.name))

    async def delete(self) -> None:
        """Delete the schedule; its job definition stays, because others may use it.

        Raises:
            CallError: the call failed.
        """
        await answer_or_raise(self._hosting.delete_monitoring_schedule(monitoring_schedule_name=self.name))

    async def update(
        self,
        schedule: str | None = None,
        *,
        job_definition_name: str | None = None,
        data_analysis_start_time: str | None = None,
        data_analysis_end_time: str | None = None,
    ) -> Monitor:
        """Change when the schedule runs, or what, and return it as it is then; what is not given stays.

        Args:
            schedule: a cron expression, or ``NOW`` to run once, at once.
            job_definition_name: the job definition of the runs from now on.
            data_analysis_start_time: with ``NOW``, the start of the data to analyse, such as ``-PT1H``.
            data_analysis_end_time: with ``NOW``, the end of the data to analyse.

        Raises:
            ConfigurationError: nothing was given to change.
            CallError: a call failed.
        """
        config = self.description.monitoring_schedule_config
        when = {
            "ScheduleExpression": schedule,
            "DataAnalysisStartTime": data_analysis_start_time,
            "DataAnalysisEndTime": data_analysis_end_time,
        }
        changed = {name: value for name, value in when.items() if value is not None}
        if not changed and job_definition_name is None:
            raise ConfigurationError(
                "there is nothing to update: give schedule, job_definition_name, or the times of the data to analyse"
            )
        fields: dict[str, Any] = {"MonitoringType": self.description.monitoring_type or config.monitoring_type}
        if changed or config.schedule_config is not None:
            fields["ScheduleConfig"] = config.schedule_config if not changed else {**self._when(), **changed}
        if job_definition_name is not None or config.monitoring_job_definition is None:
            fields["MonitoringJobDefinitionName"] = job_definition_name or self.job_definition_name
        else:
            fields["MonitoringJobDefinition"] = config.monitoring_job_definition
        await answer_or_raise(
            self._hosting.update_monitoring_schedule(
                monitoring_schedule_name=self.name, monitoring_schedule_config=fields
            )
        )
        return await self.refresh()

    def _when(self) -> dict[str, Any]:
        now = self.description.monitoring_schedule_config.schedule_config
        names = ("ScheduleExpression", "DataAnalysisStartTime", "DataAnalysisEndTime")
        return {} if now is None else {name: now[name] for name in names if name in now}

    async def update_monitoring_schedule(
        self,
        schedule_cron_expression: str | None = None,
        *,
        data_analysis_start_time: str | None = None,
        data_analysis_end_time: str | None = None,
    ) -> Monitor:
        """The same as `update`, under the SDK's name."""
        return await self.update(
            schedule_cron_expression,
            data_analysis_start_time=data_analysis_start_time,
            data_analysis_end_time=data_analysis_end_time,
        )

    async def describe_schedule(self) -> shapes.DescribeMonitoringScheduleResponse:
        """Return SageMaker's description of the schedule as it is now; raises as `refresh` does."""
        return (await self.refresh()).description

    async def refresh(self) -> Monitor:
        """Return the schedule as it is now.

        Raises:
            ResourceNotFound: it is gone.
            CallError: a call failed.
        """
        return await _monitor(self._hosting, self.name, self.endpoint_name)

    list_executions = executions
    start_monitoring_schedule = start
    stop_monitoring_schedule = stop
    delete_monitoring_schedule = delete


async def list_monitors(hosting: SageMakerClient, endpoint_name: str) -> list[Monitor]:
    """Return the monitoring schedules of an endpoint.

    Raises:
        UnknownMonitoringTypeError: a schedule is of a type that is not known.
        CallError: a call failed.
    """
    schedules = [schedule async for schedule in hosting.iter_monitoring_schedules(endpoint_name=endpoint_name)]
    return [await _monitor(hosting, schedule.monitoring_schedule_name, endpoint_name) for schedule in schedules]


async def _monitor(hosting: SageMakerClient, name: str, endpoint_name: str) -> Monitor:
    description = await answer_or_raise(hosting.describe_monitoring_schedule(monitoring_schedule_name=name))
    config = description.monitoring_schedule_config
    inline = config.monitoring_job_definition
    kind = _kind(description.monitoring_type or config.monitoring_type, inline)
    definition_name = config.monitoring_job_definition_name
    definition: JobDefinition
    if inline is not None:
        definition = inline
    else:
        fields: dict[str, Any] = {"JobDefinitionName": definition_name}
        definition = await answer_or_raise(hosting.invoke(f"Describe{kind}JobDefinition", fields))
    tags = {tag.key: tag.value async for tag in hosting.iter_tags(resource_arn=description.monitoring_schedule_arn)}
    return Monitor(
        name=name,
        arn=description.monitoring_schedule_arn,
        kind=kind,
        status=description.monitoring_schedule_status,
        failure_reason=description.failure_reason,
        endpoint_name=description.endpoint_name or endpoint_name,
        schedule=config.schedule_config.schedule_expression if config.schedule_config is not None else None,
        job_definition_name=definition_name,
        job_definition=definition,
        description=description,
        tags=tags,
        _hosting=hosting,
    )


def _kind(monitoring_type: str | None, inline: shapes.MonitoringJobDefinitionOutput | None) -> MonitorKind:
    if inline is not None and monitoring_type not in (MonitorKind.MODEL_BIAS, MonitorKind.MODEL_EXPLAINABILITY):
        repository = inline.monitoring_app_specification.image_uri.rpartition("/")[2].partition(":")[0]
        return MonitorKind.DATA_QUALITY if repository == _ANALYZER else MonitorKind.CUSTOM
    if monitoring_type is None or monitoring_type not in set(MonitorKind) - {MonitorKind.CUSTOM}:
        raise UnknownMonitoringTypeError(f"Unknown monitoring type: {monitoring_type}")
    return MonitorKind(monitoring_type)
