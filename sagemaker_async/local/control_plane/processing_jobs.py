"""Processing jobs, which monitoring executions run as: DescribeProcessingJob.

No job ever runs here: the jobs are those that `LocalSageMaker.add_processing_job` added, and those that the executions
of monitoring schedules name.
"""

from __future__ import annotations

from collections.abc import Mapping

from .account import Account, Operation
from .records import Fields, Kind, Record, Table

__all__ = ["ProcessingJobs"]

_CLUSTER: Fields = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}}
_ENDED = frozenset({"Completed", "Failed", "Stopped"})
_STATUS_OF_EXECUTION = {"Pending": "InProgress", "CompletedWithViolations": "Completed"}


class ProcessingJobs:
    """The processing jobs of an account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        kind = Kind(name="processing-job", label="job", missing="Could not find requested job with name: {name}")
        self.table: Table[Record] = account.plain_table(kind)
        self.tables: tuple[Table[Record]] = (self.table,)
        self.operations: Mapping[str, Operation] = {"DescribeProcessingJob": self.describe}

    def add(self, name: str, status: str, members: Fields) -> str:
        """Add a job and return its ARN; raises `Refusal` when the name is taken."""
        state = self._account.state
        registry = f"{state.account_id}.dkr.ecr.{state.region}.amazonaws.com"
        image = {"ImageUri": f"{registry}/sagemaker-model-monitor-analyzer"}
        fields = {"ProcessingResources": _CLUSTER, "AppSpecification": image, **members}
        return self.table.add(name, fields, status=status).arn

    def add_of_execution(self, arn: str, execution_status: str, members: Fields) -> None:
        """Add the job of a monitoring execution, unless there is one of that name."""
        name = arn.rpartition("/")[2]
        if name not in self.table:
            self.add(name, _STATUS_OF_EXECUTION.get(execution_status, execution_status), members)

    def describe(self, request: Fields) -> Fields:
        """DescribeProcessingJob."""
        record = self.table.get(request["ProcessingJobName"])
        return {
            **record.fields,
            "ProcessingJobName": record.name,
            "ProcessingJobArn": record.arn,
            "ProcessingJobStatus": record.status,
            "CreationTime": record.created,
            "LastModifiedTime": record.modified,
            "ProcessingStartTime": record.created,
            "ProcessingEndTime": record.modified if record.status in _ENDED else None,
        }
