"""`Prediction`: an answer with what surrounds it, as `Predictor.predict_full` returns it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sagemaker_async.errors import Attempt

__all__ = ["Prediction"]

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Prediction(Generic[R]):
    """One prediction: what `Predictor.predict` returns, and what the response's head says."""

    answer: R = field(repr=False)
    """The deserialised body."""
    content_type: str | None
    """What the container says the body is, such as ``application/json``."""
    custom_attributes: str | None = field(repr=False)
    """What the container answered as ``X-Amzn-SageMaker-Custom-Attributes``, such as the id of a trace."""
    variant: str | None
    """The production variant that answered."""
    new_session_id: str | None
    """The stateful session that the call opened, with its expiration; None if it opened none."""
    closed_session_id: str | None
    """The stateful session that the call closed; None if it closed none."""
    routed_to: str | None = None
    """The ARN of the endpoint or the component that an inference router has passed the request on to; see
    `Predictor.of_router`."""
    routing_reason: str | None = None
    """Why the router chose it: ``local-preferred``, ``capacity-available``, ``only-healthy`` or ``failover``."""
    request_id: str | None
    """AWS's id of the request, for support cases."""
    attempts: tuple[Attempt, ...]
    """Every attempt of the call, the last one being the one that succeeded."""
