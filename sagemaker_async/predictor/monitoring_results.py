"""What the runs of a monitoring schedule found: `MonitoringResults`, which a `Monitor` has.

A run is a processing job, and its output a folder in S3 with ``statistics.json`` and ``constraint_violations.json``.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from sagemaker_async import _lazy
from sagemaker_async.aws.s3.uris import parse_s3_uri
from sagemaker_async.errors import DeserializationError
from sagemaker_async.hosting.answers import answer_or_raise

if TYPE_CHECKING:
    from sagemaker_async.hosting.client import SageMakerClient
    from sagemaker_async.hosting.generated import shapes

__all__ = ["MonitoringResults", "ReadObject"]

ReadObject = Callable[[str], Awaitable[bytes]]
"""Returns the content of an S3 object, given its ``s3://bucket/key``."""

STATISTICS = "statistics.json"
VIOLATIONS = "constraint_violations.json"


class MonitoringResults(ABC):
    """The statistics and violations of a schedule's runs, under the SDK's names for the latest."""

    _hosting: SageMakerClient

    @abstractmethod
    async def executions(self) -> list[shapes.MonitoringExecutionSummary]:
        """Return all its runs, the latest first."""

    async def output_uri(self, execution: shapes.MonitoringExecutionSummary) -> str | None:
        """Return the folder in S3 with the output of a run; None for a run without a job.

        Raises:
            CallError: the job could not be described.
        """
        if execution.processing_job_arn is None:
            return None
        name = execution.processing_job_arn.rpartition("/")[2]
        job = await answer_or_raise(self._hosting.call("DescribeProcessingJob", {"ProcessingJobName": name}))
        for output in job.get("ProcessingOutputConfig", {}).get("Outputs", []):
            if uri := output.get("S3Output", {}).get("S3Uri"):
                return str(uri).rstrip("/")
        return None

    async def statistics(self, execution: shapes.MonitoringExecutionSummary, *, read: ReadObject | None = None) -> Any:
        """Return the statistics of a run; None for a run without output.

        Args:
            execution: the run, one of `executions`.
            read: reads the object from S3; None: the session's S3 client does.

        Raises:
            CallError: the job could not be described, or the object could not be read: a run that failed wrote none.
            DeserializationError: the object is not JSON.
        """
        return await self._result(execution, STATISTICS, read)

    async def constraint_violations(
        self, execution: shapes.MonitoringExecutionSummary, *, read: ReadObject | None = None
    ) -> Any:
        """Return the violations that a run found; arguments and errors as for `statistics`."""
        return await self._result(execution, VIOLATIONS, read)

    async def latest_monitoring_statistics(self, *, read: ReadObject | None = None) -> Any:
        """Return the statistics of the latest run with a job; None when there is none. Else as `statistics`."""
        return await self._latest(STATISTICS, read)

    async def latest_monitoring_constraint_violations(self, *, read: ReadObject | None = None) -> Any:
        """Return the violations of the latest run with a job; None when there is none. Else as `statistics`."""
        return await self._latest(VIOLATIONS, read)

    async def _latest(self, file: str, read: ReadObject | None) -> Any:
        for execution in await self.executions():
            if execution.processing_job_arn is not None:
                return await self._result(execution, file, read)
        return None

    async def _result(self, execution: shapes.MonitoringExecutionSummary, file: str, read: ReadObject | None) -> Any:
        folder = await self.output_uri(execution)
        if folder is None:
            return None
        content = await (self._from_s3 if read is None else read)(f"{folder}/{file}")
        try:
            return json.loads(content)
        except ValueError as error:
            raise DeserializationError(f"{folder}/{file} is not JSON: {error}") from None

    async def _from_s3(self, uri: str) -> bytes:
        s3 = (await _lazy.load("aws.s3.client")).S3Client(self._hosting)
        bucket, key = parse_s3_uri(uri)
        async with await s3.get_object(bucket=bucket, key=key) as found:
            content: bytes = await found.read()
            return content
