"""`EndpointView`: what a `Predictor` can find out about its endpoint in the control plane; nothing is changed.

The methods and their parameters are the SageMaker Python SDK's (``sagemaker.predictor``, version 2). What they need is
imported in a thread by the first of them, since most programs only predict; the imports inside them find it there.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from importlib import import_module
from typing import TYPE_CHECKING

from .errors import ConfigurationError, ValidationError
from .session import Session

if TYPE_CHECKING:
    from . import lineage, monitors
    from .hosting.client import SageMakerClient
    from .hosting.pagination import Pages
    from .hosting.shapes import (
        DescribeInferenceComponentResponse,
        InferenceComponentSummary,
        ListInferenceComponentsResponse,
    )

__all__ = ["EndpointView"]

Moment = dt.datetime | float | str
"""A datetime (without a zone: in UTC), seconds since 1970, or an ISO 8601 text."""


class EndpointView:
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
        self._is_control_plane_imported = False

    async def _hosting(self) -> SageMakerClient:
        """Return the client of the control plane, once all that the methods need is imported."""
        if not self._is_control_plane_imported:
            await asyncio.to_thread(_import_control_plane)
            self._is_control_plane_imported = True
        return self.sagemaker_session.hosting

    async def list_related_models(
        self,
        variant_name_equals: str | None = None,
        name_contains: str | None = None,
        creation_time_after: Moment | None = None,
        creation_time_before: Moment | None = None,
        last_modified_time_after: Moment | None = None,
        last_modified_time_before: Moment | None = None,
        status_equals: str | None = None,
        sort_order: str | None = None,
        sort_by: str | None = None,
        max_results: int | None = None,
        next_token: str | None = None,
    ) -> tuple[list[InferenceComponentSummary], str | None]:
        """Return one page of the inference components on the endpoint, and the token of the next page if there is one.

        Args:
            variant_name_equals: only those on this variant.
            name_contains: only those whose name contains this.
            creation_time_after: only those created after this moment.
            creation_time_before: only those created before this moment.
            last_modified_time_after: only those modified after this moment.
            last_modified_time_before: only those modified before this moment.
            status_equals: only those in this status.
            sort_order: ``Ascending`` or ``Descending``.
            sort_by: ``Name``, ``CreationTime`` or ``Status``.
            max_results: the most on a page, from 1 to 100.
            next_token: what the page before this one returned.

        Raises:
            RequestValidationError: an argument breaks a rule of AWS's; nothing was sent.
            CallError: the call failed.
        """
        hosting = await self._hosting()
        from .hosting.answers import answer_of

        response = await answer_of(
            hosting.list_inference_components(
                endpoint_name_equals=self.endpoint_name,
                variant_name_equals=variant_name_equals,
                name_contains=name_contains,
                creation_time_after=creation_time_after,
                creation_time_before=creation_time_before,
                last_modified_time_after=last_modified_time_after,
                last_modified_time_before=last_modified_time_before,
                status_equals=status_equals,
                sort_order=sort_order,
                sort_by=sort_by,
                max_results=max_results,
                next_token=next_token,
            )
        )
        return response.inference_components or [], response.next_token or None

    def iter_related_models(
        self,
        *,
        variant_name_equals: str | None = None,
        name_contains: str | None = None,
        creation_time_after: Moment | None = None,
        creation_time_before: Moment | None = None,
        last_modified_time_after: Moment | None = None,
        last_modified_time_before: Moment | None = None,
        status_equals: str | None = None,
        sort_order: str | None = None,
        sort_by: str | None = None,
    ) -> Pages[ListInferenceComponentsResponse, InferenceComponentSummary]:
        """Iterate over all inference components on the endpoint, asking for page after page; see `Pages`.

        The arguments are those of `list_related_models`.
        """
        return self.sagemaker_session.hosting.iter_inference_components(
            endpoint_name_equals=self.endpoint_name,
            variant_name_equals=variant_name_equals,
            name_contains=name_contains,
            creation_time_after=creation_time_after,
            creation_time_before=creation_time_before,
            last_modified_time_after=last_modified_time_after,
            last_modified_time_before=last_modified_time_before,
            status_equals=status_equals,
            sort_order=sort_order,
            sort_by=sort_by,
        )

    async def list_monitors(self) -> list[monitors.Monitor]:
        """Return the monitoring schedules of the endpoint, each with its job definition and tags.

        Raises:
            UnknownMonitoringTypeError: a schedule is of a type that is not known.
            CallError: a call failed.
        """
        hosting = await self._hosting()
        from . import monitors

        return await monitors.list_monitors(hosting, self.endpoint_name)

    async def endpoint_context(self) -> lineage.EndpointContext | None:
        """Return what SageMaker's lineage knows of the endpoint; None if that is nothing.

        Raises:
            ConfigurationError: there is no such endpoint.
            CallError: a call failed.
        """
        hosting = await self._hosting()
        from . import endpoint_update, lineage

        endpoint = await endpoint_update.existing_endpoint(hosting, self.endpoint_name)
        return await lineage.endpoint_context(hosting, endpoint.endpoint_arn)

    # --- what is remembered -------------------------------------------------------------------------------------------

    async def _get_endpoint_config_name(self) -> str:
        if self._endpoint_config_name is None:
            hosting = await self._hosting()
            from .endpoint_update import existing_endpoint

            endpoint = await existing_endpoint(hosting, self.endpoint_name)
            self._endpoint_config_name = endpoint.endpoint_config_name
        return self._endpoint_config_name or ""

    async def _get_model_names(self) -> list[str]:
        if self._model_names is None:
            if self.component_name is not None:
                component = await self._describe_component(self.component_name)
                every = [*(component.specifications or ()), component.specification]
                named = [specification.model_name for specification in every if specification is not None]
            else:
                name = await self._get_endpoint_config_name()
                hosting = await self._hosting()
                from .hosting.answers import answer_of

                config = await answer_of(hosting.describe_endpoint_config(endpoint_config_name=name))
                named = [variant.model_name for variant in config.production_variants]
            self._model_names = list(dict.fromkeys(name for name in named if name is not None))
        return self._model_names

    async def _describe_component(self, name: str) -> DescribeInferenceComponentResponse:
        hosting = await self._hosting()
        from .endpoint_update import is_missing
        from .hosting.answers import answer_of

        try:
            return await answer_of(hosting.describe_inference_component(inference_component_name=name))
        except ValidationError as error:
            if not is_missing(error):
                raise
            raise ConfigurationError(
                f"Inference component with name '{name}' does not exist; please use an existing component name"
            ) from error


def _import_control_plane() -> None:
    for module in ("endpoint_changes", "endpoint_update", "hosting.client", "lineage", "monitors"):
        import_module(f".{module}", __package__)
