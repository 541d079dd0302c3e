"""`RoutedCalls`: what a `Predictor` calls, which is an endpoint or a target of an inference router.

What a router needs is imported by `of_router`: most programs call endpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sagemaker_async import _lazy
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.deserializers import Deserializer
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.runtime.operations import INVOKE_ENDPOINT
from sagemaker_async.serializers import Serializer
from sagemaker_async.session import Session

from .patient import WaitForCapacity

__all__ = ["RoutedCalls"]

P = TypeVar("P")


class RoutedCalls:
    """Mixed into `Predictor`."""

    _operation: Operation = INVOKE_ENDPOINT
    _routing_target: str | None = None
    """The target of the router that `endpoint_name` names; None: it names an endpoint."""

    @classmethod
    def of_router(
        cls: Callable[..., P],
        router: str,
        target: str,
        sagemaker_session: Session | None = None,
        serializer: Serializer | None = None,
        deserializer: Deserializer[Any] | None = None,
        *,
        content_type: str | None = None,
        accept: str | tuple[str, ...] | None = None,
        capacity: WaitForCapacity | None = None,
    ) -> P:
        """Return a predictor that calls an inference router instead of an endpoint.

        The router passes each request on to a destination of the target: an endpoint or an inference component that is
        healthy and has capacity. `predict` and `predict_full` work as with an endpoint; `Prediction.routed_to` and
        `Prediction.routing_reason` say who answered and why. Arguments that say where within an endpoint a request goes
        (``target_model``, ``target_variant``, ``component_name``, ``session_id``, ...) are refused: the destination
        decides. There are no streams, and what a `Predictor` does in the control plane works only with endpoints.

        Args:
            router: the router's name.
            target: the name of one of its routing targets.
            sagemaker_session: as for `Predictor`.
            serializer: as for `Predictor`.
            deserializer: as for `Predictor`.
            content_type: as for `Predictor`.
            accept: as for `Predictor`.
            capacity: as for `Predictor`; a router without capacity answers ModelNotReadyException.

        Raises:
            ConfigurationError: as for `Predictor`; or `target` is not a non-empty str.

        Example:
            ::

                predictor = Predictor.of_router("my-router", "default", session, JSONSerializer(), JSONDeserializer())
                answer = await predictor.predict({"inputs": "hello"})
        """
        if not isinstance(target, str) or not target:
            raise ConfigurationError(f"of_router needs the name of a routing target, a non-empty str, got {target!r}")
        predictor: Any = cls(
            router,
            sagemaker_session,
            serializer,
            deserializer,
            content_type=content_type,
            accept=accept,
            capacity=capacity,
        )
        predictor._operation = _lazy.module("runtime.routers.operations").INVOKE_INFERENCE_ROUTER
        predictor._routing_target = target
        routed: P = predictor
        return routed

    def _check_of_endpoint(self, what: str) -> None:
        """Raise `ConfigurationError` for what only endpoints have."""
        if self._routing_target is not None:
            raise ConfigurationError(f"an inference router has no {what}: make a Predictor for the endpoint itself")
