"""What serves a model that CreateModel made: the callables that were added for it, looked up at each invocation.

A callable added under the model's name serves the whole model. Otherwise each container is served by the callable added
under its image: the only container; the container that a request targets, when they are invoked directly; or all
containers in a row, each of which gets the answer of the one before. See
https://docs.aws.amazon.com/sagemaker/latest/dg/multi-container-endpoints.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, NamedTuple

from sagemaker_async.local.models import InvocationRequest, Model, ModelFailure, ModelOutput, whole_body

__all__ = ["HostedContainer", "HostedModel"]


class HostedContainer(NamedTuple):
    """One container of a model."""

    image: str | None
    hostname: str | None = None
    """Its name in TargetContainerHostname."""


class HostedModel:
    """A model, given by its name and containers.

    Args:
        name: the model's name; None for a container that an inference component specifies itself.
        containers: its containers, in the order in which they run.
        callables: the added callables, by model name or image; later additions count too.
        direct: whether a request targets one container.
    """

    def __init__(
        self,
        name: str | None,
        containers: Sequence[HostedContainer],
        callables: Mapping[str, Model],
        *,
        direct: bool = False,
    ) -> None:
        self._name = name
        self._containers = tuple(containers)
        self._callables = callables
        self._direct = direct

    def __repr__(self) -> str:
        return f"HostedModel({self._name!r})"

    def saved(self) -> dict[str, Any]:
        """Return its arguments, except for the callables, as a JSON value."""
        return {"name": self._name, "containers": [list(each) for each in self._containers], "direct": self._direct}

    async def invoke(self, request: InvocationRequest, executor: Executor) -> ModelOutput:
        """Run the callable; see `Model`. If there is none, the failure names what is missing."""
        named = self._callables.get(self._name) if self._name is not None else None
        if named is not None:
            return await named.invoke(request, executor)
        *before, last = [self._serving(container) for container in self._chosen(request)]
        for model in before:
            output = await model.invoke(request, executor)
            content_type = output.content_type or request.content_type
            request = replace(request, body=await whole_body(output), content_type=content_type)
        return await last.invoke(request, executor)

    async def close(self) -> None:
        """Do nothing: the embedded SageMaker closes the callables."""

    def _chosen(self, request: InvocationRequest) -> Sequence[HostedContainer]:
        if not self._direct:
            return self._containers
        target = request.target_container_hostname
        chosen = [container for container in self._containers if container.hostname == target]
        if not chosen:
            raise ModelFailure(404, f"there is no container with the hostname {target!r}", log_group_only=True)
        return chosen

    def _serving(self, container: HostedContainer) -> Model:
        model = self._callables.get(container.image) if container.image is not None else None
        if model is None:
            known = [f"model {self._name!r}"] * (self._name is not None) + [f"image {container.image!r}"] * (
                container.image is not None
            )
            key = self._name if self._name is not None else container.image
            raise ModelFailure(
                500,
                f"no callable was added for {' or '.join(known)}; add one with local.add_model({key!r}, callable), "
                f"or sagemaker-async serve --model {key}=SPEC",
                log_group_only=True,
            )
        return model
