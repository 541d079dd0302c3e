"""`HostedEndpoint`: what a `Predictor` can do with its endpoint in the control plane: update it, and delete it.

The methods, their parameters and the order of their calls are the SageMaker Python SDK's (``sagemaker.predictor``,
version 2). Where the SDK loses things on an update (shadow variants, VPC, network isolation, role, metrics, tags past
the 50th) they are kept here.

Their bodies are those of `EndpointControl`, which is imported when the first of them is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from .view import EndpointView

if TYPE_CHECKING:
    from .updates import WaitFields
    from .values import DataCaptureConfig, ResourceRequirements

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
        control = await self._control()
        await control.update_endpoint(
            initial_instance_count,
            instance_type,
            accelerator_type,
            model_name,
            tags,
            kms_key,
            data_capture_config_dict,
            max_instance_count,
            min_instance_count,
            wait,
            **waiting,
        )

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
        control = await self._control()
        await control.update_data_capture_config(data_capture_config, wait, **waiting)

    async def enable_data_capture(self, *, wait: bool = True, **waiting: Unpack[WaitFields]) -> None:
        """Capture a fifth of the traffic into the default bucket: ``DataCaptureConfig(True)``.

        Raises:
            As `update_endpoint`; and `CredentialsError`, as `Session.default_bucket`.
        """
        control = await self._control()
        await self.update_data_capture_config(control.data_capture(True), wait=wait, **waiting)

    async def disable_data_capture(self, *, wait: bool = True, **waiting: Unpack[WaitFields]) -> None:
        """Capture nothing any more: ``DataCaptureConfig(False)``.

        Raises:
            As `enable_data_capture`.
        """
        control = await self._control()
        await self.update_data_capture_config(control.data_capture(False), wait=wait, **waiting)

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
        control = await self._control()
        await control.update_predictor(
            model_name,
            image_uri,
            model_data,
            env,
            model_data_download_timeout,
            container_startup_health_check_timeout,
            resources,
            wait,
            **waiting,
        )

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
        control = await self._control()
        await control.delete_endpoint(delete_endpoint_config)

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
        control = await self._control()
        await control.delete_predictor(self.delete_endpoint, wait, **waiting)

    async def delete_model(self) -> None:
        """Delete the models behind the endpoint, or the one behind the inference component.

        All are tried; those that could not be deleted are tried again by the next call.

        Raises:
            ConfigurationError: there is no such endpoint or component.
            ModelsNotDeletedError: some could not be deleted; `failures` says which and why.
            CallError: it could not be found out which models there are.
        """
        control = await self._control()
        await control.delete_model()
