"""The endpoints of an embedded SageMaker: what they run, what they count, and their faults.

The data plane works on an `Endpoint`; its `Deployment` says what it runs and is replaced as a whole by an update.
Requests that do not target a variant are spread by the variants' weights, always in the same order.

Counters change on the event loop of the embedded SageMaker and may be read from any thread. `Endpoint.until` and
`Endpoint.wait_until` wait for a condition on them without polling and without sleeping.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from sagemaker_async.errors import ConfigurationError

from .asynchronous import AsyncInference, InvocationQueue
from .faults import FaultScript
from .gate import Signal
from .models import Model

__all__ = ["REAL_TIME_BODY_LIMIT", "SERVERLESS_BODY_LIMIT", "Deployment", "Endpoint", "Variant"]

REAL_TIME_BODY_LIMIT = 26_214_400
"""The largest body that a real-time endpoint accepts, in bytes."""
SERVERLESS_BODY_LIMIT = 4_194_304
"""The largest body that a serverless endpoint accepts, in bytes."""


class Variant(NamedTuple):
    """One production variant, or one inference component on it."""

    name: str
    """The variant's name."""
    model: Model | None
    """None for a variant that only hosts inference components."""
    weight: float = 1.0
    """Its share of the requests that do not target a variant, relative to the weights of the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What an endpoint runs.

    Raises:
        ConfigurationError: no variant is given, or a location is not an S3 URL.
    """

    variants: tuple[Variant, ...]
    async_output: str
    """``s3://bucket/prefix`` for the results of InvokeEndpointAsync."""
    async_failure: str | None
    """The same for its failures; None for an endpoint that does not write them."""
    asynchronous: AsyncInference | None = None
    """How an endpoint works that takes only asynchronous calls; None for one that takes all."""
    body_limit: int = REAL_TIME_BODY_LIMIT
    """The largest body that the two synchronous routes accept, in bytes."""
    serverless: bool = False
    """Whether it is a serverless endpoint, which refuses larger bodies in other words."""

    @property
    def async_capacity(self) -> int | None:
        """How many asynchronous requests it works on at once; None: any number."""
        options = self.asynchronous
        return None if options is None else options.concurrency * options.instances

    def __post_init__(self) -> None:
        for label in ("async_output", "async_failure"):
            location = getattr(self, label)
            if location is None and label == "async_failure":
                continue
            scheme, _, place = location.partition("://")
            if scheme not in ("s3", "https") or not place.strip("/"):
                raise ConfigurationError(f"{label} must look like s3://bucket/prefix, got {location!r}")
        if not self.variants:
            raise ConfigurationError("variants must name at least one production variant, got none")


class Endpoint:
    """One endpoint; made by `LocalSageMaker.add_endpoint`, or by CreateEndpoint.

    Attributes:
        name: its name.
        deployment: what it runs; see `deploy`.
        queue: the asynchronous requests that run and wait.
        components: the inference components in service on it, by name; empty unless CreateInferenceComponent was used.
        faults: the script of faults for the next requests.
        requests: how many requests it received, refused ones included.
        invocations: how many times the model was run.
        open_streams: how many response streams are under way.
        completed_streams: how many response streams were sent whole.
        broken_streams: how many response streams an error event or a fault ended, or a fault damaged.
        abandoned_streams: how many response streams the client left before their end.
        stalled: how many requests wait in a scripted `Stall`.
    """

    def __init__(self, name: str, deployment: Deployment) -> None:
        self.name: Final = name
        self.deployment: Deployment = deployment
        self.queue: Final = InvocationQueue(deployment.async_capacity)
        self.components: Final[dict[str, Variant]] = {}
        self.faults: Final = FaultScript()
        self.requests = 0
        self.invocations = 0
        self.open_streams = 0
        self.completed_streams = 0
        self.broken_streams = 0
        self.abandoned_streams = 0
        self.stalled = 0
        self._shares: dict[str, float] = {}
        self._signal = Signal()

    def __repr__(self) -> str:
        return f"<Endpoint {self.name!r}: {self.requests} requests, {self.invocations} invocations>"

    @property
    def variants(self) -> tuple[str, ...]:
        """The names of its production variants."""
        return tuple([variant.name for variant in self.deployment.variants])

    def deploy(self, deployment: Deployment) -> None:
        """Run something else from the next request on."""
        self.deployment = deployment
        self.queue.resize(deployment.async_capacity)

    def scale(self, instances: int) -> None:
        """Give an asynchronous endpoint another number of instances; with 0 its requests wait, as scaled to zero.

        Raises:
            ConfigurationError: the number is not from 0 to 1000, or the endpoint is not asynchronous.
        """
        options = self.deployment.asynchronous
        if options is None:
            raise ConfigurationError(
                f"endpoint {self.name!r} is not asynchronous: add it with asynchronous=True or an AsyncInference"
            )
        self.deploy(replace(self.deployment, asynchronous=replace(options, instances=instances)))
        self.changed()

    def next_variant(self) -> Variant:
        """Return the variant that the next untargeted request goes to.

        Smooth weighted round robin: of as many consecutive requests as the weights' sum, each variant gets its share.
        """
        variants = self.deployment.variants
        if len(variants) == 1:
            return variants[0]
        shares = {variant.name: self._shares.get(variant.name, 0.0) + variant.weight for variant in variants}
        chosen = max(variants, key=lambda variant: shares[variant.name])
        shares[chosen.name] -= sum([variant.weight for variant in variants])
        self._shares = shares
        return chosen

    def changed(self) -> None:
        """Notify the waiting callers that a counter changed."""
        self._signal.changed()

    async def until(self, condition: Callable[[Endpoint], bool], timeout: float = 5.0) -> None:
        """Return once `condition` holds for this endpoint, e.g. ``lambda e: e.abandoned_streams == 1``; on any loop.

        Raises:
            TimeoutError: it did not hold within `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            await asyncio.wrap_future(self._signal.when(lambda: condition(self)))

    def wait_until(self, condition: Callable[[Endpoint], bool], timeout: float = 5.0) -> None:
        """Do the same as `until`, but block the calling thread, which must not be that of the embedded SageMaker.

        Raises:
            TimeoutError: it did not hold within `timeout` seconds.
        """
        waiting = self._signal.when(lambda: condition(self))
        try:
            waiting.result(timeout)
        finally:
            waiting.cancel()
