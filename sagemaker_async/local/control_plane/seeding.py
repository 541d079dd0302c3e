"""`Seeding`: what a program adds to the control plane of an embedded SageMaker, besides what a client can create.

Monitoring jobs never run and lineage is never recorded here, so tests add what their clients read. All methods may be
called from any thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sagemaker_async.local.answers import Refusal
from sagemaker_async.local.as_model import ModelLike, as_model, spec_of
from sagemaker_async.local.models import Model
from sagemaker_async.local.state import LocalState

from .plane import ControlPlane

__all__ = ["AssociationType", "MonitoringType", "Seeding"]

MonitoringType: TypeAlias = Literal["DataQuality", "ModelQuality", "ModelBias", "ModelExplainability"]
AssociationType: TypeAlias = Literal["ContributedTo", "AssociatedWith", "DerivedFrom", "Produced", "SameAs"]


class Seeding:
    """Mixed into `EmbeddedSageMaker`."""

    _control_plane: ControlPlane
    _state: LocalState
    _models: list[Model]

    def add_model(self, name_or_image: str, model: ModelLike) -> None:
        """Set what serves a model that CreateModel creates, before or after this call, on every endpoint.

        A model without a callable can be put in service too, and answers with a ModelError (424) that says so.

        Args:
            name_or_image: the model's name, which takes precedence, or its container's image. The containers of one
                model can each have a callable of their own, by image.
            model: as for `EmbeddedSageMaker.add_endpoint`; replaces the one that was added before.

        Raises:
            ConfigurationError: `model` cannot be a model.
        """
        served = as_model(model)
        self._models.append(served)
        self._control_plane.add_model(name_or_image, served, spec_of(model))

    # --- time and failure ---------------------------------------------------------------------------------------------

    def step(self, seconds: float = 1.0) -> None:
        """Advance the clock of state changes and CreationTimes, and make the changes that are due then.

        Raises:
            ConfigurationError: `seconds` is negative.
        """
        self._state.transitions.step(seconds)

    def fail_next(
        self,
        operation: str,
        reason: str = "Scripted by the embedded SageMaker.",
        *,
        rollback: bool = True,
        times: int = 1,
    ) -> None:
        """Make the change that the next call of an operation begins fail: ``local.fail_next("CreateEndpoint")``.

        The call itself succeeds. Then the resource becomes Failed with `reason` as its FailureReason; an endpoint that
        was updated becomes RollingBack and then InService with what it ran before.

        Args:
            operation: CreateEndpoint, UpdateEndpoint, CreateInferenceComponent, CreateMonitoringSchedule, ...
            reason: the FailureReason.
            rollback: False makes the status of an updated endpoint UpdateRollbackFailed.
            times: how many calls.

        Raises:
            ConfigurationError: the operation does not begin a change that could fail.
        """
        self._control_plane.fail_next(operation, reason, rollback=rollback, times=times)

    def refuse_next(
        self,
        operation: str,
        code: str,
        message: str = "Scripted by the embedded SageMaker.",
        *,
        status: int = 400,
        times: int = 1,
    ) -> None:
        """Answer the next call of an operation with an error: ``refuse_next("ListModels", "ThrottlingException")``.

        Args:
            operation: any supported operation of the control plane.
            code: AWS's error code, such as ``ResourceLimitExceeded`` or ``AccessDeniedException``.
            message: the error's message.
            status: its HTTP status.
            times: how many calls.

        Raises:
            ConfigurationError: the operation does not exist.
        """
        refusal = Refusal(status, code, message, common=code.endswith("Exception"))
        self._control_plane.refuse_next(operation, refusal, times=times)

    # --- monitoring ---------------------------------------------------------------------------------------------------

    def add_monitoring_job_definition(
        self,
        monitoring_type: MonitoringType,
        name: str,
        *,
        endpoint_name: str = "endpoint",
        members: Mapping[str, Any] | None = None,
    ) -> str:
        """Add a monitoring job definition, and return its ARN.

        Args:
            monitoring_type: which of the four Describe operations finds it.
            name: its name.
            endpoint_name: whose captured data it reads.
            members: members of its Create operation, by AWS's names; missing ones get default values.

        Raises:
            ConfigurationError: the type is unknown, or the name taken.
        """
        return self._control_plane.add_job_definition(monitoring_type, name, endpoint_name, dict(members or {}))

    def add_monitoring_execution(
        self,
        schedule_name: str,
        *,
        status: str = "Completed",
        scheduled_time: datetime | None = None,
        failure_reason: str | None = None,
        processing_job_arn: str | None = None,
    ) -> None:
        """Add an execution of a monitoring schedule, for ListMonitoringExecutions.

        Args:
            schedule_name: the schedule.
            status: Pending, Completed, CompletedWithViolations, InProgress, Failed, Stopping or Stopped.
            scheduled_time: when it was scheduled, with a time zone; None: now.
            failure_reason: why it failed.
            processing_job_arn: the job that ran; it is added if there is none, so that it can be described.

        Raises:
            ConfigurationError: the schedule does not exist.
        """
        members = {"FailureReason": failure_reason, "ProcessingJobArn": processing_job_arn}
        self._control_plane.add_execution(
            schedule_name,
            status,
            None if scheduled_time is None else round(scheduled_time.timestamp(), 3),
            {name: value for name, value in members.items() if value is not None},
        )

    def add_processing_job(
        self, name: str, *, status: str = "Completed", members: Mapping[str, Any] | None = None
    ) -> str:
        """Add a processing job for DescribeProcessingJob, and return its ARN.

        Args:
            name: its name.
            status: InProgress, Completed, Failed, Stopping or Stopped.
            members: members of DescribeProcessingJob's answer, by AWS's names; required ones get default values.

        Raises:
            ConfigurationError: the name is taken.
        """
        return self._control_plane.add_processing_job(name, status, dict(members or {}))

    # --- lineage ------------------------------------------------------------------------------------------------------

    def add_context(
        self, name: str, *, context_type: str, source_uri: str, properties: Mapping[str, str] | None = None
    ) -> str:
        """Add a context, and return its ARN; raises `ConfigurationError` when the name is taken.

        Args:
            name: its name.
            context_type: such as ``Endpoint``.
            source_uri: what it represents, such as an endpoint's ARN; ListContexts can search for it.
            properties: its properties.
        """
        return self._control_plane.add_lineage(
            "CreateContext",
            {
                "ContextName": name,
                "ContextType": context_type,
                "Source": {"SourceUri": source_uri},
                "Properties": dict(properties or {}),
            },
        )

    def add_artifact(
        self,
        source_uri: str,
        *,
        artifact_type: str,
        name: str | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> str:
        """Add an artifact, and return its ARN.

        Args:
            source_uri: what it represents, such as an image or an S3 URL.
            artifact_type: such as ``Model``, ``DataSet`` or ``Image``.
            name: its name, which need not be unique.
            properties: its properties.
        """
        return self._control_plane.add_lineage(
            "CreateArtifact",
            {
                "ArtifactName": name,
                "ArtifactType": artifact_type,
                "Source": {"SourceUri": source_uri},
                "Properties": dict(properties or {}),
            },
        )

    def add_action(self, name: str, *, action_type: str, source_uri: str, status: str = "Completed") -> str:
        """Add an action, and return its ARN; raises `ConfigurationError` when the name is taken.

        Args:
            name: its name.
            action_type: such as ``ModelDeployment``.
            source_uri: what it represents, such as an endpoint's ARN.
            status: Unknown, InProgress, Completed, Failed, Stopping or Stopped.
        """
        members = {
            "ActionName": name,
            "ActionType": action_type,
            "Source": {"SourceUri": source_uri},
            "Status": status,
        }
        return self._control_plane.add_lineage("CreateAction", members)

    def add_association(
        self, source_arn: str, destination_arn: str, association_type: AssociationType = "AssociatedWith"
    ) -> None:
        """Add an association between two contexts, artifacts, actions or trial components.

        Raises:
            ConfigurationError: one of them does not exist, or they are already associated.
        """
        members = {"SourceArn": source_arn, "DestinationArn": destination_arn, "AssociationType": association_type}
        self._control_plane.add_lineage("AddAssociation", members)
