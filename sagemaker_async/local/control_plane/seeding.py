"""`Seeding`: what a program puts into the control plane of an embedded SageMaker, besides what a client can create.

Monitoring jobs never run and lineage is never recorded here, so tests put in what their clients are to read. All
methods may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sagemaker_async.local.answers import Refusal
from sagemaker_async.local.as_model import ModelLike, as_model
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
        """Say what serves a model that CreateModel makes: now or later, on whatever endpoint.

        A model without one is put in service too, and answers with a ModelError (424) that names what is missing.

        Args:
            name_or_image: the model's name, which is looked at first, or its container's image. Of a model with several
                containers each can be given its own by image.
            model: as for `EmbeddedSageMaker.add_endpoint`; replaces the one added before.

        Raises:
            ConfigurationError: the model can be none.
        """
        served = as_model(model)
        self._models.append(served)
        self._control_plane.add_model(name_or_image, served)

    # --- time and failure ---------------------------------------------------------------------------------------------

    def step(self, seconds: float = 1.0) -> None:
        """Move on the time that changes of state and CreationTimes go by, and make happen what is due then.

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
        """Let what the next call of an operation begins end badly: ``local.fail_next("CreateEndpoint")``.

        The call itself succeeds. Then the resource becomes Failed with `reason` as its FailureReason; an endpoint that
        was updated goes by RollingBack to InService with what it ran before.

        Args:
            operation: CreateEndpoint, UpdateEndpoint, CreateInferenceComponent, CreateMonitoringSchedule, ...
            reason: the FailureReason.
            rollback: False makes an endpoint that was updated UpdateRollbackFailed.
            times: how many calls.

        Raises:
            ConfigurationError: the operation begins nothing that could fail.
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
        """Answer the next call of an operation with an error, as ``refuse_next("ListModels", "ThrottlingException")``.

        Args:
            operation: any operation of the control plane that is offered.
            code: AWS's error code, such as ``ResourceLimitExceeded`` or ``AccessDeniedException``.
            message: the error's message.
            status: its HTTP status.
            times: how many calls.

        Raises:
            ConfigurationError: there is no such operation.
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
            members: what its Create operation takes, by AWS's names; what is not given is made up.

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
            scheduled_time: when it was to start, with a time zone; None: now.
            failure_reason: why it failed.
            processing_job_arn: the job that ran.

        Raises:
            ConfigurationError: there is no such schedule.
        """
        members = {"FailureReason": failure_reason, "ProcessingJobArn": processing_job_arn}
        self._control_plane.add_execution(
            schedule_name,
            status,
            None if scheduled_time is None else scheduled_time.timestamp(),
            {name: value for name, value in members.items() if value is not None},
        )

    # --- lineage ------------------------------------------------------------------------------------------------------

    def add_context(
        self, name: str, *, context_type: str, source_uri: str, properties: Mapping[str, str] | None = None
    ) -> str:
        """Add a context, and return its ARN; raises `ConfigurationError` when the name is taken.

        Args:
            name: its name.
            context_type: such as ``Endpoint``.
            source_uri: what it stands for, such as an endpoint's ARN; ListContexts finds it by this.
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
            source_uri: what it stands for, such as an image or an S3 URL.
            artifact_type: such as ``Model``, ``DataSet`` or ``Image``.
            name: its name, which others may have too.
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
            source_uri: what it stands for, such as an endpoint's ARN.
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
            ConfigurationError: one of them is not there, or they are associated already.
        """
        members = {"SourceArn": source_arn, "DestinationArn": destination_arn, "AssociationType": association_type}
        self._control_plane.add_lineage("AddAssociation", members)
