"""`HostedEndpoint`: what a `Predictor` can do with its endpoint in the control plane: update it, and delete it.

The methods, their parameters and the order of their calls are the SageMaker Python SDK's (``sagemaker.predictor``,
version 2). Where the SDK loses things on an update (shadow variants, VPC, network isolation, role, metrics, tags past
the 50th) they are kept here.

As in `endpoint_view`, what the methods need is imported when one of them is first called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from .endpoint_view import EndpointView
from .errors import ConfigurationError, ModelsNotDeletedError, SageMakerAsyncError, ValidationError

if TYPE_CHECKING:
    from .endpoint_update import WaitFields, Waiting
    from .endpoint_values import DataCaptureConfig, ResourceRequirements

__all__ = ["HostedEndpoint"]


class HostedEndpoint(EndpointView):
    """An endpoint, and optionally one inference component on it, to be looked at, updated and deleted.

    The arguments are those of `EndpointView`.
    """

    # --- updating -----------------------------------------------------------------------------------------------------

    async def update_endpoint(
        self,
        initial_instance_count: int | None = None,
        instance_type: str | None = None,
        accelerator_type: str | None = None,
        model_name: str | None = None,
        tags: Mapping[str, str] | Sequence[Mapping[str, str]] | None = None,
        kms_key: str | None = None,
        data_capture_config_dict: Mapping[str, Any] | DataCaptureConfig | None = None,
        max_instance_count: int | None = None,
        min_instance_count: int | None = None,
        wait: bool = True,
        **waiting: Unpack[WaitFields],
    ) -> None:
        """Move the endpoint to a copy of its configuration with the changes given here.

        Any of the first four arguments replaces all production variants by a new one, ``AllTraffic``; what is not
        given stays as it is.

        Args:
            initial_instance_count: how many instances; needed for a new variant.
            instance_type: such as ``ml.m5.large``; needed for a new variant.
            accelerator_type: an Elastic Inference accelerator.
            model_name: the model; None: the endpoint's only one. Of a predictor with a component without meaning: its
                variant has no model, and `update_predictor` changes the component's.
            tags: the new configuration's; a mapping, or a list as AWS takes it. None: the old one's.
            kms_key: encrypts the instances' storage.
            data_capture_config_dict: a `DataCaptureConfig`, or the structure of this name as AWS takes it.
            max_instance_count: to which a new variant is scaled out.
            min_instance_count: to which a new variant is scaled in.
            wait: whether to wait until the endpoint is in service.
            waiting: how; see `WaitFields`.

        Raises:
            ConfigurationError: arguments are missing or contradict each other, or there is no such endpoint.
            RequestValidationError: the new configuration breaks a rule of AWS's.
            UnexpectedStatusException: the update failed, or was rolled back; `CapacityError` for lack of capacity. The
                message names the configuration that was created, and what removes it.
            WaiterTimeoutError: it took longer than `limit`; it may still succeed.
            CallError: a call failed.
        """
        await self._hosting()
        from .endpoint_changes import new_variant, only_model, tag_list
        from .endpoint_update import ConfigurationMoved, waiting_for
        from .endpoint_values import name_from_base

        plan = waiting_for("EndpointInService", **waiting)
        new_tags = None if tags is None else tag_list(tags)
        variant = new_variant(
            initial_instance_count,
            instance_type,
            accelerator_type,
            model_name,
            max_instance_count,
            min_instance_count,
            hosts_components=self.component_name is not None,
        )
        capture = await self._capture_fields(data_capture_config_dict)
        while True:  # ends, unless others update the endpoint again and again meanwhile
            model_names = await self._get_model_names()
            changes: dict[str, Any] = {"KmsKeyId": kms_key, "DataCaptureConfig": capture}
            if variant is not None:
                if self.component_name is None:
                    model_names = [model_name or only_model(model_names)]
                    variant["ModelName"] = model_names[0]
                changes["ProductionVariants"] = [variant]
            old_config = await self._get_endpoint_config_name()
            try:
                await self._move(old_config, name_from_base(old_config), changes, new_tags, plan if wait else None)
            except ConfigurationMoved:
                continue
            self._model_names = model_names
            return

    async def update_data_capture_config(
        self,
        data_capture_config: DataCaptureConfig | Mapping[str, Any] | None,
        *,
        wait: bool = True,
        **waiting: Unpack[WaitFields],
    ) -> None:
        """Move the endpoint to a copy of its configuration with another data capture.

        Args:
            data_capture_config: what is captured; None keeps what there is.
            wait: whether to wait until the endpoint is in service.
            waiting: how; see `WaitFields`.

        Raises:
            As `update_endpoint`.
        """
        hosting = await self._hosting()
        from .endpoint_update import ConfigurationMoved, existing_endpoint, waiting_for
        from .endpoint_values import name_from_base

        plan = waiting_for("EndpointInService", **waiting)
        changes = {"DataCaptureConfig": await self._capture_fields(data_capture_config)}
        while True:
            endpoint = await existing_endpoint(hosting, self.endpoint_name)
            old_config = endpoint.endpoint_config_name or ""
            try:
                await self._move(old_config, name_from_base(self.endpoint_name), changes, None, plan if wait else None)
            except ConfigurationMoved:
                continue
            return

    async def enable_data_capture(self, *, wait: bool = True, **waiting: Unpack[WaitFields]) -> None:
        """Capture a fifth of the traffic into the default bucket: ``DataCaptureConfig(True)``.

        Raises:
            As `update_endpoint`; and `CredentialsError`, as `Session.default_bucket`.
        """
        await self._hosting()
        from .endpoint_values import DataCaptureConfig

        await self.update_data_capture_config(DataCaptureConfig(True), wait=wait, **waiting)

    async def disable_data_capture(self, *, wait: bool = True, **waiting: Unpack[WaitFields]) -> None:
        """Capture nothing any more: ``DataCaptureConfig(False)``.

        Raises:
            As `enable_data_capture`.
        """
        await self._hosting()
        from .endpoint_values import DataCaptureConfig

        await self.update_data_capture_config(DataCaptureConfig(False), wait=wait, **waiting)

    async def update_predictor(
        self,
        model_name: str | None = None,
        image_uri: str | None = None,
        model_data: str | None = None,
        env: Mapping[str, str] | None = None,
        model_data_download_timeout: int | None = None,
        container_startup_health_check_timeout: int | None = None,
        resources: ResourceRequirements | None = None,
        *,
        wait: bool = True,
        **waiting: Unpack[WaitFields],
    ) -> None:
        """Update the inference component.

        Args:
            model_name: the model to run; or
            image_uri: the container to run, with
            model_data: the S3 URL of its model artifacts, and
            env: its environment.
            model_data_download_timeout: seconds for the download of the model.
            container_startup_health_check_timeout: seconds for the container to answer its first ping.
            resources: what each copy gets, and how many copies there are; None leaves both as they are.
            wait: whether to wait until the component is in service.
            waiting: how; see `WaitFields`.

        Raises:
            ConfigurationError: the predictor has no component, there is no such component, both a model and a container
                are given, or nothing at all.
            UnexpectedStatusException: the update failed; `CapacityError` for lack of capacity.
            WaiterTimeoutError: it took longer than `limit`; it may still succeed.
            CallError: a call failed.
        """
        if self.component_name is None:
            raise ConfigurationError(
                "No inference component exists for the specified model. "
                "Ensure that you deployed the inference component, and try again."
            )
        hosting = await self._hosting()
        from .endpoint_changes import component_changes
        from .endpoint_update import waiting_for
        from .hosting.answers import answer_of

        plan = waiting_for("InferenceComponentInService", **waiting)
        changes = component_changes(
            model_name,
            image_uri,
            model_data,
            env,
            model_data_download_timeout,
            container_startup_health_check_timeout,
            resources,
        )
        await self._describe_component(self.component_name)
        resource = {"InferenceComponentName": self.component_name}
        await answer_of(hosting.invoke("UpdateInferenceComponent", resource | changes))
        self._model_names = None
        if wait:
            await plan.wait(hosting, resource)

    # --- deleting -----------------------------------------------------------------------------------------------------

    async def delete_endpoint(self, delete_endpoint_config: bool = True) -> None:
        """Delete the endpoint, and before it its configuration; its models stay, see `delete_model`.

        A configuration that is gone already is no obstacle: the endpoint, which costs, is deleted all the same.

        Args:
            delete_endpoint_config: whether to delete the configuration as well.

        Raises:
            ConfigurationError, ValidationError: there is no such endpoint, as its description or its deletion told.
            CallError: a call failed.
        """
        hosting = await self._hosting()
        from .endpoint_update import is_missing
        from .hosting.answers import answer_of

        if delete_endpoint_config:
            name = await self._get_endpoint_config_name()
            try:
                await answer_of(hosting.delete_endpoint_config(endpoint_config_name=name))
            except ValidationError as error:
                if not is_missing(error):
                    raise
        await answer_of(hosting.delete_endpoint(endpoint_name=self.endpoint_name))

    async def delete_predictor(self, wait: bool = False, **waiting: Unpack[WaitFields]) -> None:
        """Delete the inference component; of a predictor without one, the endpoint and its configuration.

        Args:
            wait: whether to wait until it is gone.
            waiting: how; see `WaitFields`.

        Raises:
            ConfigurationError, ValidationError: there is no such endpoint or component; as `delete_endpoint`.
            UnexpectedStatusException: it could not be deleted.
            WaiterTimeoutError: it took longer than `limit`.
            CallError: a call failed.
        """
        hosting = await self._hosting()
        from .endpoint_update import waiting_for
        from .hosting.answers import answer_of

        name = self.component_name
        plan = waiting_for("EndpointDeleted" if name is None else "InferenceComponentDeleted", **waiting)
        if name is None:
            await self.delete_endpoint()
        else:
            await answer_of(hosting.delete_inference_component(inference_component_name=name))
        if wait:
            resource = {"EndpointName": self.endpoint_name} if name is None else {"InferenceComponentName": name}
            await plan.wait(hosting, resource)

    async def delete_model(self) -> None:
        """Delete the models behind the endpoint, or the one behind the inference component.

        All are tried; those that could not be deleted are tried again by the next call.

        Raises:
            ConfigurationError: there is no such endpoint or component.
            ModelsNotDeletedError: some could not be deleted; `failures` says which and why.
            CallError: it could not be found out which models there are.
        """
        hosting = await self._hosting()
        from .hosting.answers import answer_of

        failures: dict[str, SageMakerAsyncError] = {}
        for name in await self._get_model_names():
            try:
                await answer_of(hosting.delete_model(model_name=name))
            except SageMakerAsyncError as error:
                failures[name] = error
        self._model_names = list(failures)
        if failures:
            raise ModelsNotDeletedError(failures)

    # --- changing the configuration -----------------------------------------------------------------------------------

    async def _move(
        self,
        old_config: str,
        new_config: str,
        changes: Mapping[str, Any],
        tags: Sequence[Mapping[str, str]] | None,
        waiting: Waiting | None,
    ) -> None:
        hosting = await self._hosting()
        from .endpoint_update import EndpointUpdate

        self._endpoint_config_name = self._model_names = None
        update = EndpointUpdate(
            endpoint_name=self.endpoint_name,
            old_config=old_config,
            new_config=new_config,
            changes={name: value for name, value in changes.items() if value is not None},
            tags=tags,
        )
        await update.perform(hosting, waiting)
        self._endpoint_config_name = new_config

    async def _capture_fields(self, config: DataCaptureConfig | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        from .endpoint_values import DataCaptureConfig

        if not isinstance(config, DataCaptureConfig):
            return config
        # Nobody is asked for the account when it is not needed.
        bucket = await self.sagemaker_session.default_bucket() if config.destination_s3_uri is None else ""
        return config.request_fields(bucket)
