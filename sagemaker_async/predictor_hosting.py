"""`HostedEndpoint`: what a `Predictor` can do with its endpoint in the control plane, beside making predictions.

The methods, their parameters and the order of their calls are the SageMaker Python SDK's (``sagemaker.predictor``,
version 2). Where the SDK loses things on an update (shadow variants, VPC, network isolation, role, metrics, tags past
the 50th) they are kept here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from . import lineage, monitors
from .endpoint_update import (
    ConfigurationMoved,
    EndpointUpdate,
    WaitFields,
    Waiting,
    existing_endpoint,
    is_missing,
    waiting_for,
)
from .endpoint_values import (
    DataCaptureConfig,
    ResourceRequirements,
    name_from_base,
    production_variant,
    tag_list,
)
from .errors import ConfigurationError, ModelsNotDeletedError, SageMakerAsyncError, ValidationError
from .hosting.answers import answer_of
from .session import Session

if TYPE_CHECKING:
    from .hosting.client import SageMakerClient
    from .hosting.pagination import Pages
    from .hosting.shapes import InferenceComponentSummary, ListInferenceComponentsResponse

__all__ = ["HostedEndpoint"]

Moment = dt.datetime | float | str
"""A datetime (without a zone: in UTC), seconds since 1970, or an ISO 8601 text."""


class HostedEndpoint:
    """An endpoint, and optionally one inference component on it.

    The names of its configuration and of its models are remembered once they were asked for, as in the SDK.

    Args:
        endpoint_name: the endpoint.
        sagemaker_session: the session to use.
        component_name: the inference component; None: the endpoint's models are its variants' own.
    """

    def __init__(self, endpoint_name: str, sagemaker_session: Session, component_name: str | None = None) -> None:
        self.endpoint_name = endpoint_name
        self.component_name = component_name
        self.sagemaker_session = sagemaker_session
        self._endpoint_config_name: str | None = None
        self._model_names: list[str] | None = None

    @property
    def _hosting(self) -> SageMakerClient:
        return self.sagemaker_session.hosting

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
        plan = waiting_for("EndpointInService", **waiting)
        changes: dict[str, Any] = {"KmsKeyId": kms_key, "DataCaptureConfig": None}
        new_tags = None if tags is None else tag_list(tags)
        new_variant = any(x is not None for x in (initial_instance_count, instance_type, accelerator_type, model_name))
        if new_variant and (instance_type is None or initial_instance_count is None):
            raise ConfigurationError(
                "Missing initial_instance_count and/or instance_type. Provided values: "
                f"initial_instance_count={initial_instance_count}, instance_type={instance_type}, "
                f"accelerator_type={accelerator_type}, model_name={model_name}."
            )
        scaling = {"MaxInstanceCount": max_instance_count, "MinInstanceCount": min_instance_count}
        scaling = {name: count for name, count in scaling.items() if count is not None}
        if scaling and not new_variant:
            raise ConfigurationError(
                "max_instance_count and min_instance_count are for a new variant: give initial_instance_count and "
                "instance_type as well"
            )
        capture = await self._capture_fields(data_capture_config_dict)
        while True:  # ends, unless others update the endpoint again and again meanwhile
            model_names = await self._get_model_names()
            if new_variant:
                model = None if self.component_name is not None else model_name or _only(model_names)
                variant = production_variant(
                    model,
                    instance_type,
                    initial_instance_count,
                    accelerator_type=accelerator_type,
                    managed_instance_scaling=scaling or None,
                )
                if model is None:
                    del variant["InitialVariantWeight"]
                else:
                    model_names = [model]
                changes["ProductionVariants"] = [variant]
            old_config = await self._get_endpoint_config_name()
            try:
                await self._move(
                    EndpointUpdate(
                        endpoint_name=self.endpoint_name,
                        old_config=old_config,
                        new_config=name_from_base(old_config),
                        changes=_given(changes | {"DataCaptureConfig": capture}),
                        tags=new_tags,
                    ),
                    plan if wait else None,
                )
            except ConfigurationMoved:
                continue
            self._model_names = model_names
            return
