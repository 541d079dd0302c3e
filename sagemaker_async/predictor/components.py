"""`HostedComponents`: what a `Predictor` does with the inference components on its endpoint.

The methods and their parameters are the SageMaker Python SDK's (``sagemaker.predictor``, version 2). What they need of
the control plane is imported by the first call, in a thread: most programs only predict.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_async import _lazy
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.session import Session

from .routing import RoutedCalls

if TYPE_CHECKING:
    from sagemaker_async.hosting import answers, client, pages, waiting
    from sagemaker_async.hosting.generated import shapes

    from . import changes, updates, values
else:
    answers, client, pages, waiting, shapes = map(
        _lazy.later,
        ("hosting.answers", "hosting.client", "hosting.pages", "hosting.waiting", "hosting.generated.shapes"),
    )
    changes, updates, values = map(_lazy.later, ("predictor.changes", "predictor.updates", "predictor.values"))

__all__ = ["HostedComponents"]

Moment = dt.datetime | float | str
"""A datetime (without a zone: in UTC), seconds since 1970, or an ISO 8601 text."""


class HostedComponents(RoutedCalls):
    """The inference components on an endpoint, one of which may be the predictor's own.

    Args:
        endpoint_name: the endpoint.
        sagemaker_session: the session to use.
        component_name: the inference component; None or empty: the endpoint's models are its variants' own.
    """

    def __init__(self, endpoint_name: str, sagemaker_session: Session, component_name: str | None = None) -> None:
        self.endpoint_name = endpoint_name
        self.component_name = component_name
        self.sagemaker_session = sagemaker_session
        self._model_names: list[str] | None = None
        """The models behind the endpoint or the component; None: not asked for since they changed."""

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
    ) -> tuple[list[shapes.InferenceComponentSummary], str | None]:
        """Return one page of the inference components on the endpoint, and the token of the next page if there is one.

        Empty texts count as not given, as in the SDK.

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
            RequestValidationError: an argument breaks one of AWS's rules; nothing was sent.
            CallError: the call failed.
        """
        hosting = await self._hosting()
        call = hosting.list_inference_components(
            endpoint_name_equals=self.endpoint_name,
            variant_name_equals=variant_name_equals or None,
            name_contains=name_contains or None,
            creation_time_after=creation_time_after,
            creation_time_before=creation_time_before,
            last_modified_time_after=last_modified_time_after,
            last_modified_time_before=last_modified_time_before,
            status_equals=status_equals or None,
            sort_order=sort_order or None,
            sort_by=sort_by or None,
            max_results=max_results,
            next_token=next_token or None,
        )
        page = await answers.answer_or_raise(call)
        return page.inference_components or [], page.next_token or None

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
    ) -> pages.Pages[shapes.ListInferenceComponentsResponse, shapes.InferenceComponentSummary]:
        """Iterate over all inference components on the endpoint, asking for page after page; see `Pages`.

        The arguments are those of `list_related_models`.
        """
        return self.sagemaker_session.hosting.iter_inference_components(
            endpoint_name_equals=self.endpoint_name,
            variant_name_equals=variant_name_equals or None,
            name_contains=name_contains or None,
            creation_time_after=creation_time_after,
            creation_time_before=creation_time_before,
            last_modified_time_after=last_modified_time_after,
            last_modified_time_before=last_modified_time_before,
            status_equals=status_equals or None,
            sort_order=sort_order or None,
            sort_by=sort_by or None,
        )

    async def update_predictor(
        self,
        model_name: str | None = None,
        image_uri: str | None = None,
        model_data: str | Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        model_data_download_timeout: int | None = None,
        container_startup_health_check_timeout: int | None = None,
        resources: values.ResourceRequirements | None = None,
        *,
        wait: bool = True,
        interval: float | None = None,
        limit: float | None = 3600.0,
        jitter: float = 0.2,
        on_progress: waiting.OnProgress | None = None,
    ) -> None:
        """Update the inference component.

        Empty texts and mappings count as not given, as in the SDK.

        Args:
            model_name: the model to run; or
            image_uri: the container to run, with
            model_data: the S3 URL of its model artifacts, or ``{"S3DataSource": {"S3Uri": ...}}``, and
            env: its environment.
            model_data_download_timeout: seconds for the download of the model.
            container_startup_health_check_timeout: seconds for the container to answer its first ping.
            resources: what each copy gets, and how many copies there are; None leaves both as they are. May be given
                alone. Without ``memory``, which SageMaker requires beside accelerators and CPUs, it stays as it is.
            wait: whether to wait until the component is in service.
            interval: how to wait, as for `update_endpoint`.
            limit: as for `update_endpoint`.
            jitter: as for `update_endpoint`.
            on_progress: as for `update_endpoint`.

        Raises:
            ConfigurationError: the predictor has no component, there is no such component, both a model and a container
                are given, or nothing at all.
            UnexpectedStatusException: the update failed; `CapacityError` for lack of capacity.
            WaiterTimeoutError: it took longer than `limit`; it may still succeed.
            CallError: a call failed.
        """
        if not self.component_name:
            raise ConfigurationError(
                "No inference component exists for the specified model. "
                "Ensure that you deployed the inference component, and try again."
            )
        hosting = await self._hosting()
        await _lazy.load("predictor.changes")
        plan = updates.waiting_for("InferenceComponentInService", interval, limit, jitter, on_progress)
        members = changes.component_changes(
            model_name=model_name,
            image_uri=image_uri,
            model_data=model_data,
            env=env,
            model_data_download_timeout=model_data_download_timeout,
            container_startup_health_check_timeout=container_startup_health_check_timeout,
            resources=resources,
        )
        component = await updates.existing_component(hosting, self.component_name)
        members = changes.with_memory(members, component.specification)
        resource = {"InferenceComponentName": self.component_name}
        await answers.answer_or_raise(hosting.invoke("UpdateInferenceComponent", resource | members))
        self._model_names = None
        if wait:
            await plan.wait(hosting, resource)

    async def _hosting(self) -> client.SageMakerClient:
        """Return the control plane's client; it and `updates` are imported in a thread by the first call.

        Raises:
            ConfigurationError: the predictor is of something that is not an endpoint.
        """
        self._check_of_endpoint("endpoint configuration, models or monitors")
        await _lazy.load("predictor.updates")
        return self.sagemaker_session.hosting
