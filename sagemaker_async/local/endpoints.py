"""The endpoints of an embedded SageMaker: what they run, what they count, and what goes wrong on them.

Counters change on the event loop of the embedded SageMaker and may be read from any thread. `Endpoint.until` and
`Endpoint.wait_until` wait for a condition over them without polling and without sleeping.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

from sagemaker_async.errors import ConfigurationError

from .faults import FaultScript
from .gate import Signal
from .models import Model

__all__ = ["REAL_TIME_BODY_LIMIT", "AsyncInvocation", "Endpoint"]

REAL_TIME_BODY_LIMIT = 26_214_400
"""Bytes a real-time endpoint accepts."""


class Endpoint:
    """One endpoint; made by `LocalSageMaker.add_endpoint`.

    Attributes:
        name: its name.
        variants: names of its production variants; the first is invoked unless the request targets another.
        body_limit: bytes its two synchronous routes accept.
        faults: what goes wrong with the next requests.
        requests: how many requests came for it, refused ones included.
        invocations: how many times the model was run.
        open_streams: how many response streams are under way.
        completed_streams: how many response streams were sent to their end.
        abandoned_streams: how many response streams the client left before their end.
        stalled: how many requests wait in a scripted `Stall`.
    """

    def __init__(
        self,
        name: str,
        model: Model,
        *,
        variants: Sequence[str],
        body_limit: int,
        async_output: str,
        async_failure: str,
    ) -> None:
        for label, location in (("async_output", async_output), ("async_failure", async_failure)):
            if not location.startswith("s3://") or not location[5:].strip("/"):
                raise ConfigurationError(f"{label} must look like s3://bucket/prefix, got {location!r}")
        if not variants or isinstance(variants, str):
            raise ConfigurationError(f"variants must name at least one production variant, got {variants!r}")
        self.name: Final = name
        self.model: Final = model
        self.variants: Final = tuple(variants)
        self.body_limit: Final = body_limit
        self.async_output: Final = async_output.rstrip("/")
        self.async_failure: Final = async_failure.rstrip("/")
        self.faults: Final = FaultScript()
        self.requests = 0
        self.invocations = 0
        self.open_streams = 0
        self.completed_streams = 0
        self.abandoned_streams = 0
        self.stalled = 0
        self._signal = Signal()

    def __repr__(self) -> str:
        return f"<Endpoint {self.name!r}: {self.requests} requests, {self.invocations} invocations>"

    def changed(self) -> None:
        """Tell those who wait that a counter changed."""
        self._signal.changed()

    async def until(self, condition: Callable[[Endpoint], bool], timeout: float = 5.0) -> None:
        """Return once `condition` holds for this endpoint, e.g. ``lambda e: e.abandoned_streams == 1``; from any loop.

        Raises:
            TimeoutError: it did not hold within `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            await asyncio.wrap_future(self._signal.when(lambda: condition(self)))

    def wait_until(self, condition: Callable[[Endpoint], bool], timeout: float = 5.0) -> None:
        """Do the same as `until`, blocking the calling thread, which must not be the embedded SageMaker's own.

        Raises:
            TimeoutError: it did not hold within `timeout` seconds.
        """
        self._signal.when(lambda: condition(self)).result(timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncInvocation:
    """One accepted InvokeEndpointAsync; its result also goes to `LocalSageMaker.objects`."""

    endpoint_name: str
    inference_id: str
    output_location: str
    failure_location: str
    done: Future[bool] = field(default_factory=Future, repr=False, compare=False)
    """Finished with True when the output was written, with False when the failure was."""

    def wait(self, timeout: float = 5.0) -> bool:
        """Block until the model has run and return whether it succeeded.

        Raises:
            TimeoutError: it did not within `timeout` seconds.
        """
        return self.done.result(timeout)

    async def finished(self, timeout: float = 5.0) -> bool:
        """Wait until the model has run and return whether it succeeded; from any event loop.

        Raises:
            TimeoutError: it did not within `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            return await asyncio.shield(asyncio.wrap_future(self.done))
