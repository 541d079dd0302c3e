"""Monitoring schedules: Create, Describe, Update, Start, Stop, Delete, List, and their executions.

A schedule is Pending after each Create, Update and Start, then Scheduled, or Stopped if it was stopped before an
update. Monitoring jobs never run: the executions are those that `LocalSageMaker.add_monitoring_execution` added.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from .account import Account, Failure
from .endpoints import Endpoints
from .job_definitions import JobDefinitions, input_endpoint
from .listing import Listing
from .processing_jobs import ProcessingJobs
from .records import Fields, Kind, Record, Table, copied, refused

__all__ = ["Monitoring", "ScheduleRecord"]


@dataclass(slots=True, kw_only=True)
class ScheduleRecord(Record):
    """One monitoring schedule; its fields hold its MonitoringScheduleConfig, and the status after Pending."""

    endpoint_name: str | None
    """The endpoint whose data it reads."""
    monitoring_type: str
    executions: list[Record] = field(default_factory=list)
    """Oldest first; their fields are those of a MonitoringExecutionSummary."""


class Monitoring:
    """The monitoring schedules of an account."""

    def __init__(
        self, account: Account, endpoints: Endpoints, definitions: JobDefinitions, jobs: ProcessingJobs
    ) -> None:
        self._account = account
        self._endpoints = endpoints
        self._definitions = definitions
        self._jobs = jobs
        kind = Kind(
            name="monitoring-schedule",
            label="Monitoring Schedule",
            missing="{label} {arn} not found",
            missing_code="ResourceNotFound",
            taken="{label} {arn} already exists",
            taken_code="ResourceInUse",
        )
        self.table: Table[ScheduleRecord] = account.table(kind, ScheduleRecord)
        self.tables: tuple[Table[ScheduleRecord]] = (self.table,)
        self.executions: Table[Record] = account.plain_table(
            Kind(name="monitoring-execution", label="Monitoring Execution")
        )
        self._listing: Listing[ScheduleRecord] = Listing(
            operation="ListMonitoringSchedules",
            result="MonitoringScheduleSummaries",
            summary=_summary,
            filters={
                "EndpointName": lambda record, name: record.endpoint_name == name,
                "MonitoringTypeEquals": lambda record, monitoring_type: record.monitoring_type == monitoring_type,
                "MonitoringJobDefinitionName": lambda record, name: _definition_name(record) == name,
            },
        )
        self._execution_listing: Listing[Record] = Listing(
            operation="ListMonitoringExecutions",
            result="MonitoringExecutionSummaries",
            summary=_execution_summary,
            filters={
                "MonitoringScheduleName": lambda record, name: record.fields["MonitoringScheduleName"] == name,
                "EndpointName": lambda record, name: record.fields.get("EndpointName") == name,
                "MonitoringTypeEquals": lambda record, kind: record.fields.get("MonitoringType") == kind,
                "MonitoringJobDefinitionName": (
                    lambda record, name: record.fields.get("MonitoringJobDefinitionName") == name
                ),
                "ScheduledTimeAfter": lambda record, time: record.fields["ScheduledTime"] >= time,
                "ScheduledTimeBefore": lambda record, time: record.fields["ScheduledTime"] < time,
            },
            keys={"ScheduledTime": lambda record: record.fields["ScheduledTime"]},
        )
        self.operations: dict[str, Callable[[Fields], Fields]] = {
            "CreateMonitoringSchedule": self.create,
            "DescribeMonitoringSchedule": self.describe,
            "UpdateMonitoringSchedule": self.update,
            "StartMonitoringSchedule": self.start,
            "StopMonitoringSchedule": self.stop,
            "DeleteMonitoringSchedule": self.delete,
            "ListMonitoringSchedules": self.list_page,
            "ListMonitoringExecutions": self.list_executions,
        }

    # --- operations ---------------------------------------------------------------------------------------------------

    def create(self, request: Fields) -> Fields:
        """CreateMonitoringSchedule."""
        config = request["MonitoringScheduleConfig"]
        endpoint_name, monitoring_type = self._resolved(config)
        record = self.table.add(
            request["MonitoringScheduleName"],
            {"config": config, "Tags": request.get("Tags")},
            endpoint_name=endpoint_name,
            monitoring_type=monitoring_type,
        )
        self._begin(record, "CreateMonitoringSchedule", "Scheduled")
        return {"MonitoringScheduleArn": record.arn}

    def describe(self, request: Fields) -> Fields:
        """DescribeMonitoringSchedule."""
        record = self.table.get(request["MonitoringScheduleName"])
        latest = record.executions[-1] if record.executions else None
        members: Fields = {
            "MonitoringScheduleName": record.name,
            "MonitoringScheduleArn": record.arn,
            "MonitoringScheduleStatus": record.status,
            "MonitoringType": record.monitoring_type,
            "FailureReason": record.failure_reason,
            "CreationTime": record.created,
            "LastModifiedTime": record.modified,
            "MonitoringScheduleConfig": record.fields["config"],
            "EndpointName": record.endpoint_name,
            "LastMonitoringExecutionSummary": None if latest is None else _execution_summary(latest),
        }
        return members

    def update(self, request: Fields) -> Fields:
        """UpdateMonitoringSchedule."""
        record = self._idle(request)
        config = request["MonitoringScheduleConfig"]
        record.endpoint_name, record.monitoring_type = self._resolved(config)
        record.fields["config"] = copied(config)
        self._begin(record, "UpdateMonitoringSchedule", "Stopped" if record.status == "Stopped" else "Scheduled")
        return {"MonitoringScheduleArn": record.arn}

    def start(self, request: Fields) -> Fields:
        """StartMonitoringSchedule."""
        self._begin(self._idle(request), "StartMonitoringSchedule", "Scheduled")
        return {}

    def stop(self, request: Fields) -> Fields:
        """StopMonitoringSchedule."""
        self._begin(self._idle(request), "StopMonitoringSchedule", "Stopped")
        return {}

    def delete(self, request: Fields) -> Fields:
        """DeleteMonitoringSchedule; its executions go with it."""
        record = self._idle(request)
        self.table.remove(record)
        for execution in record.executions:
            self.executions.remove(execution)
        return {}

    def list_page(self, request: Fields) -> Fields:
        """ListMonitoringSchedules."""
        return self._listing.answer(self.table, request)

    def list_executions(self, request: Fields) -> Fields:
        """ListMonitoringExecutions."""
        return self._execution_listing.answer(self.executions, request)

    # --- for tests ----------------------------------------------------------------------------------------------------

    def add_execution(self, schedule_name: str, status: str, scheduled_time: float | None, fields: Fields) -> None:
        """Add an execution of a schedule; raises `Refusal` for an unknown schedule."""
        record = self.table.get(schedule_name)
        number = len(record.executions) + 1
        execution = self.executions.add(f"{record.name}/{number}", {}, status=status)
        execution.fields = {
            "MonitoringScheduleName": record.name,
            "ScheduledTime": execution.created if scheduled_time is None else scheduled_time,
            "MonitoringType": record.monitoring_type,
            "EndpointName": record.endpoint_name,
            "MonitoringJobDefinitionName": _definition_name(record),
            **fields,
        }
        record.executions.append(execution)
        if "ProcessingJobArn" in fields:
            of_job = {"MonitoringScheduleArn": record.arn, "FailureReason": fields.get("FailureReason")}
            self._jobs.add_of_execution(fields["ProcessingJobArn"], status, of_job)

    def resume(self, record: ScheduleRecord) -> None:
        """Begin the change again that was under way when a restored schedule was saved."""
        if record.status == "Pending":
            self._account.schedule(
                self.table,
                record,
                "MonitoringSchedule",
                partial(self._finish, record, record.fields.get("next_status", "Scheduled"), None),
            )

    # --- states -------------------------------------------------------------------------------------------------------

    def _resolved(self, config: Fields) -> tuple[str | None, str]:
        """Return the endpoint and the type of a schedule; raises `Refusal` when what it names does not exist."""
        inline = config.get("MonitoringJobDefinition")
        name = config.get("MonitoringJobDefinitionName")
        if bool(inline) == bool(name):
            raise refused("Exactly one of MonitoringJobDefinition and MonitoringJobDefinitionName must be given.")
        monitoring_type = config.get("MonitoringType")
        if name is not None:
            if monitoring_type is None:
                raise refused("MonitoringType must be given together with MonitoringJobDefinitionName.")
            definition = self._definitions.by_type[monitoring_type].get(name).fields
        else:
            definition = inline or {}
        endpoint_name = input_endpoint(definition)
        if endpoint_name is not None:
            self._endpoints.table.get(endpoint_name)
        return endpoint_name, monitoring_type or "DataQuality"

    def _idle(self, request: Fields) -> ScheduleRecord:
        record = self.table.get(request["MonitoringScheduleName"])
        if record.status == "Pending":
            raise refused(f"Monitoring schedule in status Pending can not be changed: {record.arn}")
        return record

    def _begin(self, record: ScheduleRecord, operation: str, status: str) -> None:
        failure = self._account.next_failure(operation)
        record.status = "Pending"
        record.fields["next_status"] = status
        record.failure_reason = None
        record.modified = self._account.now()
        change: Callable[[], None] = partial(self._finish, record, "Failed" if failure else status, failure)
        self._account.schedule(self.table, record, "MonitoringSchedule", change)

    def _finish(self, record: ScheduleRecord, status: str, failure: Failure | None) -> None:
        record.status = status
        record.failure_reason = failure.reason if failure else None
        record.modified = self._account.now()


def _definition_name(record: ScheduleRecord) -> str | None:
    name = record.fields["config"].get("MonitoringJobDefinitionName")
    return None if name is None else str(name)


def _summary(record: ScheduleRecord) -> Fields:
    return {
        "MonitoringScheduleName": record.name,
        "MonitoringScheduleArn": record.arn,
        "CreationTime": record.created,
        "LastModifiedTime": record.modified,
        "MonitoringScheduleStatus": record.status,
        "EndpointName": record.endpoint_name,
        "MonitoringJobDefinitionName": _definition_name(record),
        "MonitoringType": record.monitoring_type,
    }


def _execution_summary(record: Record) -> Fields:
    return {
        **record.fields,
        "MonitoringExecutionStatus": record.status,
        "CreationTime": record.created,
        "LastModifiedTime": record.modified,
    }
