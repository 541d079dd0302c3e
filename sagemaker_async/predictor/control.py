"""`EndpointControl`: the bodies of what a `Predictor` does in the control plane, with all that they import.

`EndpointView` and `HostedEndpoint` have the methods that users call, which say what they do, take and raise; they
import this module, and with it the control plane, in a thread when the first of them is called.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from sagemaker_async.errors import ConfigurationError, ModelsNotDeletedError, SageMakerAsyncError, ValidationError
from sagemaker_async.hosting.answers import answer_of
from sagemaker_async.hosting.client import SageMakerClient

from . import lineage, monitors
from .changes import component_changes, new_variant, only_model, tag_list
from .updates import (
    ConfigurationMoved,
    EndpointUpdate,
    WaitFields,
    Waiting,
    existing_endpoint,
    is_missing,
    waiting_for,
)
from .values import DataCaptureConfig, ResourceRequirements, name_from_base

if TYPE_CHECKING:
    from sagemaker_async.hosting.generated.fields import ListInferenceComponentsFields
    from sagemaker_async.hosting.generated.shapes import DescribeInferenceComponentResponse, InferenceComponentSummary

    from .view import EndpointView

__all__ = ["EndpointControl"]


class EndpointControl:
    """The control plane as one call of one endpoint's methods sees it; made for each, and remembers nothing itself.

    Each method is the body of the endpoint's method of the same name, and documented there.

    Args:
        endpoint: keeps the names of its configuration and models, which are read and written here alone.
    """

    def __init__(self, endpoint: EndpointView) -> None:
        self._endpoint = endpoint

    @property
    def _hosting(self) -> SageMakerClient:
        return self._endpoint.sagemaker_session.hosting

    # --- looking ------------------------------------------------------------------------------------------------------

    async def list_related_models(
        self, **fields: Unpack[ListInferenceComponentsFields]
    ) -> tuple[list[InferenceComponentSummary], str | None]:
        response = await answer_of(self._hosting.list_inference_components(**fields))
        return response.inference_components or [], response.next_token or None

    async def list_monitors(self) -> list[monitors.Monitor]:
        return await monitors.list_monitors(self._hosting, self._endpoint.endpoint_name)

    async def endpoint_context(self) -> lineage.EndpointContext | None:
        hosting = self._hosting
        endpoint = await existing_endpoint(hosting, self._endpoint.endpoint_name)
        return await lineage.endpoint_context(hosting, endpoint.endpoint_arn)

    # --- updating -----------------------------------------------------------------------------------------------------

    async def update_endpoint(
        self,
        initial_instance_count: int | None,
        instance_type: str | None,
        accelerator_type: str | None,
        model_name: str | None,
        tags: Mapping[str, str] | Sequence[Mapping[str, str]] | None,
        kms_key: str | None,
        data_capture_config_dict: Mapping[str, Any] | DataCaptureConfig | None,
        max_instance_count: int | None,
        min_instance_count: int | None,
        wait: bool,
        **waiting: Unpack[WaitFields],
    ) -> None:
        plan = waiting_for("EndpointInService", **waiting)
        new_tags = None if tags is None else tag_list(tags)
        variant = new_variant(
            initial_instance_count,
            instance_type,
            accelerator_type,
            model_name,
            max_instance_count,
            min_instance_count,
            hosts_components=self._endpoint.component_name is not None,
        )
        capture = await self._capture_fields(data_capture_config_dict)
        while True:  # ends, unless others update the endpoint again and again meanwhile
            model_names = await self._get_model_names()
            changes: dict[str, Any] = {"KmsKeyId": kms_key, "DataCaptureConfig": capture}
            if variant is not None:
                if self._endpoint.component_name is None:
                    model_names = [model_name or only_model(model_names)]
                    variant["ModelName"] = model_names[0]
                changes["ProductionVariants"] = [variant]
            old_config = await self._get_endpoint_config_name()
            try:
                await self._move(old_config, name_from_base(old_config), changes, new_tags, plan if wait else None)
            except ConfigurationMoved:
                continue
            self._endpoint._model_names = model_names
            return

    def data_capture(self, enable: bool) -> DataCaptureConfig:
        """Return what is captured by default, or nothing."""
        return DataCaptureConfig(enable)

    async def update_data_capture_config(
        self,
        data_capture_config: DataCaptureConfig | Mapping[str, Any] | None,
        wait: bool,
        **waiting: Unpack[WaitFields],
    ) -> None:
        plan = waiting_for("EndpointInService", **waiting)
        changes = {"DataCaptureConfig": await self._capture_fields(data_capture_config)}
        while True:
            name = self._endpoint.endpoint_name
            old_config = (await existing_endpoint(self._hosting, name)).endpoint_config_name or ""
            try:
                await self._move(old_config, name_from_base(name), changes, None, plan if wait else None)
            except ConfigurationMoved:
                continue
            return

    async def update_predictor(
        self,
        model_name: str | None,
        image_uri: str | None,
        model_data: str | None,
        env: Mapping[str, str] | None,
        model_data_download_timeout: int | None,
        container_startup_health_check_timeout: int | None,
        resources: ResourceRequirements | None,
        wait: bool,
        **waiting: Unpack[WaitFields],
    ) -> None:
        name = self._endpoint.component_name
        if name is None:
            raise ConfigurationError(
                "No inference component exists for the specified model. "
                "Ensure that you deployed the inference component, and try again."
            )
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
        await self._describe_component(name)
        resource = {"InferenceComponentName": name}
        await answer_of(self._hosting.invoke("UpdateInferenceComponent", resource | changes))
        self._endpoint._model_names = None
        if wait:
            await plan.wait(self._hosting, resource)

    # --- deleting -----------------------------------------------------------------------------------------------------

    async def delete_endpoint(self, delete_endpoint_config: bool) -> None:
        if delete_endpoint_config:
            name = await self._get_endpoint_config_name()
            try:
                await answer_of(self._hosting.delete_endpoint_config(endpoint_config_name=name))
            except ValidationError as error:
                if not is_missing(error):
                    raise
        await answer_of(self._hosting.delete_endpoint(endpoint_name=self._endpoint.endpoint_name))

    async def delete_predictor(
        self, delete_endpoint: Callable[[], Awaitable[None]], wait: bool, /, **waiting: Unpack[WaitFields]
    ) -> None:
        """Delete the component, or the endpoint by its own method, which a subclass may have overridden."""
        name = self._endpoint.component_name
        plan = waiting_for("EndpointDeleted" if name is None else "InferenceComponentDeleted", **waiting)
        if name is None:
            await delete_endpoint()
            resource = {"EndpointName": self._endpoint.endpoint_name}
        else:
            await answer_of(self._hosting.delete_inference_component(inference_component_name=name))
            resource = {"InferenceComponentName": name}
        if wait:
            await plan.wait(self._hosting, resource)

    async def delete_model(self) -> None:
        failures: dict[str, SageMakerAsyncError] = {}
        for name in await self._get_model_names():
            try:
                await answer_of(self._hosting.delete_model(model_name=name))
            except SageMakerAsyncError as error:
                failures[name] = error
        self._endpoint._model_names = list(failures)
        if failures:
            raise ModelsNotDeletedError(failures)

    # --- what they share ----------------------------------------------------------------------------------------------

    async def _get_endpoint_config_name(self) -> str:
        if self._endpoint._endpoint_config_name is None:
            endpoint = await existing_endpoint(self._hosting, self._endpoint.endpoint_name)
            self._endpoint._endpoint_config_name = endpoint.endpoint_config_name
        return self._endpoint._endpoint_config_name or ""

    async def _get_model_names(self) -> list[str]:
        if self._endpoint._model_names is None:
            if self._endpoint.component_name is not None:
                component = await self._describe_component(self._endpoint.component_name)
                every = [*(component.specifications or ()), component.specification]
                named = [specification.model_name for specification in every if specification is not None]
            else:
                config = await answer_of(
                    self._hosting.describe_endpoint_config(endpoint_config_name=await self._get_endpoint_config_name())
                )
                named = [variant.model_name for variant in config.production_variants]
            self._endpoint._model_names = list(dict.fromkeys(name for name in named if name is not None))
        return self._endpoint._model_names

    async def _describe_component(self, name: str) -> DescribeInferenceComponentResponse:
        try:
            return await answer_of(self._hosting.describe_inference_component(inference_component_name=name))
        except ValidationError as error:
            if not is_missing(error):
                raise
            raise ConfigurationError(
                f"Inference component with name '{name}' does not exist; please use an existing component name"
            ) from error

    async def _capture_fields(self, config: DataCaptureConfig | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        if not isinstance(config, DataCaptureConfig):
            return config
        # Nobody is asked for the account when it is not needed.
        session = self._endpoint.sagemaker_session
        return config.request_fields(await session.default_bucket() if config.destination_s3_uri is None else "")

    async def _move(
        self,
        old_config: str,
        new_config: str,
        changes: Mapping[str, Any],
        tags: Sequence[Mapping[str, str]] | None,
        waiting: Waiting | None,
    ) -> None:
        self._endpoint._endpoint_config_name = self._endpoint._model_names = None
        update = EndpointUpdate(
            endpoint_name=self._endpoint.endpoint_name,
            old_config=old_config,
            new_config=new_config,
            changes={name: value for name, value in changes.items() if value is not None},
            tags=tags,
        )
        await update.perform(self._hosting, waiting)
        self._endpoint._endpoint_config_name = new_config
