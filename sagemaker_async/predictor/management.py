"""`HostedEndpoint`: what a `Predictor` does in the control plane: look at its endpoint, update it, delete it.

The methods, their parameters and the order of their calls are the SageMaker Python SDK's (``sagemaker.predictor``,
version 2). Where the SDK loses things on an update (shadow variants, VPC, network isolation, role, metrics, tags past
the 50th) they are kept here. Those about inference components are in `components`.

What the methods need of the control plane is imported by the first call, in a thread: most programs only predict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sagemaker_async import _lazy
from sagemaker_async.errors import ModelsNotDeletedError, SageMakerAsyncError, ValidationError
from sagemaker_async.session import Session

from .sticky import StatefulCalls

if TYPE_CHECKING:
    from sagemaker_async.hosting import answers, waiting

    from . import changes, lineage, monitors, updates, values
else:
    answers, waiting = map(_lazy.later, ("hosting.answers", "hosting.waiting"))
    changes, lineage, monitors, updates, values = map(
        _lazy.later,
        ("predictor.changes", "predictor.lineage", "predictor.monitors", "predictor.updates", "predictor.values"),
    )

__all__ = ["HostedEndpoint"]


class HostedEndpoint(StatefulCalls):
    """An endpoint, and optionally one inference component on it, in the control plane.

    The names of its configuration and of its models are remembered once they were asked for, as in the SDK.

    Args:
        endpoint_name: the endpoint.
        sagemaker_session: the session to use.
        component_name: the inference component; None or empty: the endpoint's models are its variants' own.
    """

    def __init__(self, endpoint_name: str, sagemaker_session: Session, component_name: str | None = None) -> None:
        super().__init__(endpoint_name, sagemaker_session, component_name)
        self._endpoint_config_name: str | None = None

    # --- looking ------------------------------------------------------------------------------------------------------

    async def list_monitors(self) -> list[monitors.Monitor]:
        """Return the monitoring schedules of the endpoint, each with its job definition and tags.

        Raises:
            UnknownMonitoringTypeError: a schedule is of a type that is not known.
            CallError: a call failed.
        """
        hosting = await self._hosting()
        await _lazy.load("predictor.monitors")
        return await monitors.list_monitors(hosting, self.endpoint_name)

    async def endpoint_context(self) -> lineage.EndpointContext | None:
        """Return what SageMaker's lineage knows about the endpoint; None if it knows nothing.

        Raises:
            ConfigurationError: there is no such endpoint.
            CallError: a call failed.
        """
        hosting = await self._hosting()
        await _lazy.load("predictor.lineage")
        endpoint = await updates.existing_endpoint(hosting, self.endpoint_name)
        return await lineage.endpoint_context(hosting, endpoint.endpoint_arn)

    # --- updating -----------------------------------------------------------------------------------------------------

    async def update_endpoint(
        self,
        initial_instance_count: int | None = None,
        instance_type: str | None = None,
        accelerator_type: str | None = None,
        model_name: str | None = None,
        tags: Mapping[str, str] | Sequence[Mapping[str, str]] | None = None,
        kms_key: str | None = None,
        data_capture_config_dict: Mapping[str, Any] | values.DataCaptureConfig | None = None,
        max_instance_count: int | None = None,
        min_instance_count: int | None = None,
        wait: bool = True,
        *,
        interval: float | None = None,
        limit: float | None = 3600.0,
        jitter: float = 0.2,
        on_progress: waiting.OnProgress | None = None,
    ) -> None:
        """Move the endpoint to a copy of its configuration with the changes given here.

        Any of the first four arguments replaces all production variants by a new one, ``AllTraffic``; what is not
        given stays as it is. Empty texts, lists and mappings count as not given, as in the SDK.

        Args:
            initial_instance_count: how many instances; needed for a new variant.
            instance_type: such as ``ml.m5.large``; needed for a new variant.
            accelerator_type: an Elastic Inference accelerator.
            model_name: the model; None: the endpoint's only one. A predictor with a component ignores it: its variant
                has no model, and `update_predictor` changes the component's.
            tags: the new configuration's; a mapping, or a list as AWS takes it. None or empty: the old one's.
            kms_key: encrypts the instances' storage.
            data_capture_config_dict: a `DataCaptureConfig`, or the structure of this name as AWS takes it.
            max_instance_count: to which a new variant is scaled out.
            min_instance_count: to which a new variant is scaled in.
            wait: whether to wait until the endpoint is in service.
            interval: the longest time between polls in seconds; None: 30 for endpoints, 20 for inference components.
            limit: seconds for the whole wait; None: for ever.
            jitter: the largest part of each delay between polls that chance takes away, from 0 to 1.
            on_progress: gets each description as it comes; may be ``async``.

        Raises:
            ConfigurationError: arguments are missing or contradict each other, or there is no such endpoint.
            RequestValidationError: the new configuration breaks one of AWS's rules.
            UnexpectedStatusException: the update failed, or was rolled back; `CapacityError` for lack of capacity. The
                message names the configuration that was created, and what removes it.
            WaiterTimeoutError: it took longer than `limit`; it may still succeed.
            CallError: a call failed.
        """
        await self._hosting()
        await _lazy.load("predictor.changes")
        plan = updates.waiting_for("EndpointInService", interval, limit, jitter, on_progress)
        new_tags = None if tags is None else changes.tag_list(tags) or None
        variant = changes.new_variant(
            initial_instance_count=initial_instance_count,
            instance_type=instance_type,
            accelerator_type=accelerator_type,
            model_name=model_name,
            max_instance_count=max_instance_count,
            min_instance_count=min_instance_count,
            hosts_components=bool(self.component_name),
        )
        capture = await self._capture_fields(data_capture_config_dict)
        while True:  # ends, unless others update the endpoint again and again meanwhile
            model_names = await self._get_model_names()
            members: dict[str, Any] = {"KmsKeyId": kms_key or None, "DataCaptureConfig": capture or None}
            if variant is not None:
                if not self.component_name:
                    model_names = [model_name or changes.only_model(model_names)]
                    variant["ModelName"] = model_names[0]
                members["ProductionVariants"] = [variant]
            old_config = await self._get_endpoint_config_name()
            update = updates.EndpointUpdate(
                endpoint_name=self.endpoint_name,
                old_config=old_config,
                new_config=values.name_from_base(old_config),
                changes=changes.given(members),
                tags=new_tags,
            )
            if await self._perform(update, plan if wait else None):
                self._model_names = model_names
                return

    async def update_data_capture_config(
        self,
        data_capture_config: values.DataCaptureConfig | Mapping[str, Any] | None,
        *,
        wait: bool = True,
        interval: float | None = None,
        limit: float | None = 3600.0,
        jitter: float = 0.2,
        on_progress: waiting.OnProgress | None = None,
    ) -> None:
        """Move the endpoint to a copy of its configuration with another data capture.

        Args:
            data_capture_config: what is captured; None or an empty mapping keeps what there is.
            wait: whether to wait until the endpoint is in service.
            interval: how to wait, as for `update_endpoint`.
            limit: as for `update_endpoint`.
            jitter: as for `update_endpoint`.
            on_progress: as for `update_endpoint`.

        Raises:
            SageMakerAsyncError: as `update_endpoint`.
        """
        hosting = await self._hosting()
        await _lazy.load("predictor.changes")
        plan = updates.waiting_for("EndpointInService", interval, limit, jitter, on_progress)
        members = changes.given({"DataCaptureConfig": await self._capture_fields(data_capture_config) or None})
        performed = False
        while not performed:
            endpoint = await updates.existing_endpoint(hosting, self.endpoint_name)
            update = updates.EndpointUpdate(
                endpoint_name=self.endpoint_name,
                old_config=endpoint.endpoint_config_name or "",
                new_config=values.name_from_base(self.endpoint_name),
                changes=members,
            )
            performed = await self._perform(update, plan if wait else None)

    async def enable_data_capture(
        self,
        *,
        wait: bool = True,
        interval: float | None = None,
        limit: float | None = 3600.0,
        jitter: float = 0.2,
        on_progress: waiting.OnProgress | None = None,
    ) -> None:
        """Capture a fifth of the traffic into the default bucket: ``DataCaptureConfig(True)``.

        The arguments are those of `update_data_capture_config`.

        Raises:
            SageMakerAsyncError: as `update_endpoint`; and `CredentialsError`, as `Session.default_bucket`.
        """
        await _lazy.load("predictor.values")
        await self.update_data_capture_config(
            values.DataCaptureConfig(True),
            wait=wait,
            interval=interval,
            limit=limit,
            jitter=jitter,
            on_progress=on_progress,
        )

    async def disable_data_capture(
        self,
        *,
        wait: bool = True,
        interval: float | None = None,
        limit: float | None = 3600.0,
        jitter: float = 0.2,
        on_progress: waiting.OnProgress | None = None,
    ) -> None:
        """Stop capturing: ``DataCaptureConfig(False)``.

        The arguments are those of `update_data_capture_config`.

        Raises:
            SageMakerAsyncError: as `enable_data_capture`.
        """
        await _lazy.load("predictor.values")
        await self.update_data_capture_config(
            values.DataCaptureConfig(False),
            wait=wait,
            interval=interval,
            limit=limit,
            jitter=jitter,
            on_progress=on_progress,
        )

    # --- deleting -----------------------------------------------------------------------------------------------------

    async def delete_endpoint(self, delete_endpoint_config: bool = True) -> None:
        """Delete the endpoint's configuration, then the endpoint; its models stay, see `delete_model`.

        If the configuration is gone already, the endpoint, which costs money, is still deleted.

        Args:
            delete_endpoint_config: whether to delete the configuration as well.

        Raises:
            ConfigurationError, ValidationError: there is no such endpoint: the first when its configuration is deleted
                as well, and therefore asked for.
            CallError: a call failed.
        """
        hosting = await self._hosting()
        if delete_endpoint_config:
            name = await self._get_endpoint_config_name()
            try:
                await answers.answer_or_raise(hosting.delete_endpoint_config(endpoint_config_name=name))
            except ValidationError as error:
                if not updates.is_missing(error):
                    raise
        await answers.answer_or_raise(hosting.delete_endpoint(endpoint_name=self.endpoint_name))

    async def delete_predictor(
        self,
        wait: bool = False,
        *,
        interval: float | None = None,
        limit: float | None = 3600.0,
        jitter: float = 0.2,
        on_progress: waiting.OnProgress | None = None,
    ) -> None:
        """Delete the inference component; a predictor without one deletes the endpoint and its configuration.

        Args:
            wait: whether to wait until it is gone.
            interval: how to wait, as for `update_endpoint`.
            limit: as for `update_endpoint`.
            jitter: as for `update_endpoint`.
            on_progress: as for `update_endpoint`.

        Raises:
            ConfigurationError, ValidationError: there is no such endpoint or component; as `delete_endpoint`.
            UnexpectedStatusException: it could not be deleted.
            WaiterTimeoutError: it took longer than `limit`.
            CallError: a call failed.
        """
        hosting = await self._hosting()
        rules = "InferenceComponentDeleted" if self.component_name else "EndpointDeleted"
        plan = updates.waiting_for(rules, interval, limit, jitter, on_progress)
        if not self.component_name:
            await self.delete_endpoint()
            resource = {"EndpointName": self.endpoint_name}
        else:
            resource = {"InferenceComponentName": self.component_name}
            await answers.answer_or_raise(
                hosting.delete_inference_component(inference_component_name=self.component_name)
            )
        if wait:
            await plan.wait(hosting, resource)

    async def delete_model(self) -> None:
        """Delete the models behind the endpoint, or the one behind the inference component.

        All are tried; those that could not be deleted are tried again by the next call.

        Raises:
            ConfigurationError: there is no such endpoint or component.
            ModelsNotDeletedError: some could not be deleted; `failures` says which and why.
            CallError: the models could not be determined.
        """
        hosting = await self._hosting()
        failures: dict[str, SageMakerAsyncError] = {}
        for name in await self._get_model_names():
            try:
                await answers.answer_or_raise(hosting.delete_model(model_name=name))
            except SageMakerAsyncError as error:
                failures[name] = error
        self._model_names = list(failures)
        if failures:
            raise ModelsNotDeletedError(failures)

    # --- what they share ----------------------------------------------------------------------------------------------

    async def _get_endpoint_config_name(self) -> str:
        if self._endpoint_config_name is None:
            endpoint = await updates.existing_endpoint(await self._hosting(), self.endpoint_name)
            self._endpoint_config_name = endpoint.endpoint_config_name
        return self._endpoint_config_name or ""

    async def _get_model_names(self) -> list[str]:
        if self._model_names is None:
            hosting = await self._hosting()
            if self.component_name:
                component = await updates.existing_component(hosting, self.component_name)
                every = [*(component.specifications or ()), component.specification]
                named = [specification.model_name for specification in every if specification is not None]
            else:
                config_name = await self._get_endpoint_config_name()
                call = hosting.describe_endpoint_config(endpoint_config_name=config_name)
                named = [variant.model_name for variant in (await answers.answer_or_raise(call)).production_variants]
            self._model_names = list(dict.fromkeys(name for name in named if name is not None))
        return self._model_names

    async def _capture_fields(self, config: values.DataCaptureConfig | Mapping[str, Any] | None) -> Any:
        if not isinstance(config, values.DataCaptureConfig):
            return config
        # Nobody is asked for the account when it is not needed.
        session = self.sagemaker_session
        bucket_of = config.sagemaker_session or session
        return config.request_fields(await bucket_of.default_bucket() if config.destination_s3_uri is None else "")

    async def _perform(self, update: updates.EndpointUpdate, plan: updates.Waiting | None) -> bool:
        """Return whether the update was made; it was not when the endpoint runs another configuration meanwhile."""
        self._endpoint_config_name = self._model_names = None
        try:
            await update.perform(await self._hosting(), plan)
        except updates.ConfigurationMoved:
            return False
        self._endpoint_config_name = update.new_config
        return True
