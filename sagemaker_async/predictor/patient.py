"""`PatientCalls`: where a `Predictor` decides whether a call waits for capacity; how it waits is in `capacity`.

That is imported by those who wait, not by a plain prediction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from sagemaker_async.aws.client import PreparedCall
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.session import Session

if TYPE_CHECKING:
    from .capacity import WaitForCapacity

    Capacity: TypeAlias = WaitForCapacity | Literal[False] | None
    """What a call says of it: how to wait; None: as the predictor does; False: not at all."""
else:
    WaitForCapacity = Capacity = Any

__all__ = ["Capacity", "PatientCalls", "WaitForCapacity", "check_capacity"]

T = TypeVar("T")


class PatientCalls:
    """Mixed into `Predictor`."""

    sagemaker_session: Session
    capacity: WaitForCapacity | None = None
    """How calls wait while the model has no copies; None: they fail at once."""

    def _patient(
        self, send: Callable[[PreparedCall], Awaitable[T]], capacity: Capacity = None
    ) -> Callable[[PreparedCall], Awaitable[T]]:
        """Return `send` with the waiting around it that the call asks for, or else the predictor.

        Raises:
            ConfigurationError: `capacity` is something else.
        """
        waiting = self.capacity if capacity is None else capacity
        if waiting is None or waiting is False:
            return send
        check_capacity(waiting)
        return waiting.around(send, self.sagemaker_session.channel)


def check_capacity(capacity: object) -> None:
    """Raise `ConfigurationError` unless `capacity` is a `WaitForCapacity`."""
    if not callable(getattr(capacity, "around", None)) or isinstance(capacity, type):
        raise ConfigurationError(
            f"capacity must be WaitForCapacity(limit=...), got {capacity!r}; None waits as the predictor does, "
            "and False in a call does not wait"
        )
