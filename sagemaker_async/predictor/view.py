"""`EndpointView`: what a `Predictor` can find out about its endpoint in the control plane; nothing is changed.

The methods and their parameters are the SageMaker Python SDK's (``sagemaker.predictor``, version 2). Their bodies
are those of `EndpointControl`, which the first of them imports in a thread, since most programs only predict.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from importlib import import_module
from typing import TYPE_CHECKING

from sagemaker_async.session import Session

if TYPE_CHECKING:
    from sagemaker_async.hosting.generated.shapes import InferenceComponentSummary, ListInferenceComponentsResponse
    from sagemaker_async.hosting.pagination import Pages

    from . import lineage, monitors
    from .control import EndpointControl

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
        self._control_class: type[EndpointControl] | None = None

    async def _control(self) -> EndpointControl:
        """Return what has the bodies of the methods, once that and all that it needs is imported."""
        if self._control_class is None:
            control = await asyncio.to_thread(import_module, ".control", __package__)
            self._control_class = control.EndpointControl
        return self._control_class(self)

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
        control = await self._control()
        return await control.list_related_models(
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
        control = await self._control()
        return await control.list_monitors()

    async def endpoint_context(self) -> lineage.EndpointContext | None:
        """Return what SageMaker's lineage knows of the endpoint; None if that is nothing.

        Raises:
            ConfigurationError: there is no such endpoint.
            CallError: a call failed.
        """
        control = await self._control()
        return await control.endpoint_context()
