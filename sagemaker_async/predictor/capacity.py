"""`WaitForCapacity`: calls that wait while a model has no copies, for instance because it was scaled to zero.

What counts as "no copies" is an answer by which SageMaker says that no model has seen the call: ValidationError (400)
in the words of a component with zero copies, and ModelNotReadyException (429). The words must begin the message: what a
caller sent may be repeated further on in it. Nothing else is ever sent again here, least of all a call with an
ambiguous outcome.

Those who wait for the same component of the same endpoint (and the same variant and target model, or target of a
router, where a call names one) through the same session wait together. One of them at a time sends its own call as a
probe:

- refused: it goes on waiting; the next probe is due `WaitForCapacity.interval` seconds after this one was sent;
- answered: that caller has its answer, and all the others send theirs;
- failed in a way that says nothing of capacity (no answer, throttled) or cancelled: that caller leaves with its error,
  and another one sends the next probe when it is due;
- failed in any other way, for instance with an error of the model: there is capacity, or nothing left to wait for, so
  the others send their calls and find out for themselves.

Each caller waits in its own task and with its own limit, so cancelling one does not affect the others, and nothing runs
when nobody waits. A session that is closed ends the wait at once.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast
from weakref import WeakValueDictionary

from sagemaker_async.aws.channel import Channel
from sagemaker_async.aws.client import PreparedCall
from sagemaker_async.aws.shapes.body import Readable
from sagemaker_async.aws.timing import Timing
from sagemaker_async.config import check_seconds
from sagemaker_async.errors import (
    CallError,
    ConfigurationError,
    ModelNotReadyException,
    NoCapacityError,
    ServiceError,
    TransportError,
    ValidationError,
)

__all__ = ["CapacityProgress", "WaitForCapacity", "lacks_capacity"]

T = TypeVar("T")

NO_COPIES = "Inference Component has no capacity to process this request."
"""How the answer of a component with zero copies begins.

Source: https://aws.amazon.com/blogs/machine-learning/unlock-cost-savings-with-the-new-scale-down-to-zero-feature-in-amazon-sagemaker-inference/
"""

LONGEST_INTERVAL = 30.0
"""AWS's sample alarm, which wakes a component, takes two refused calls within a minute."""

_WITHIN_RESOURCE = ("inference_component_name", "target_variant", "target_model", "routing_target_name")
"""The fields that say which model of an endpoint or router is called."""


class CapacityProgress(NamedTuple):
    """What `WaitForCapacity.on_progress` gets: how the wait for one component stands."""

    endpoint_name: str
    """The endpoint's name, or the router's."""
    component_name: str | None
    waited: float
    """Seconds since the first refusal."""
    waiting: int
    """How many callers wait."""
    probes: int
    """How many probes were sent since the first refusal; all of them were refused."""
    message: str
    """SageMaker's words in the last refusal."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WaitForCapacity:
    """Makes the calls of a `Predictor` wait while the model has no copies; see the module's docstring.

    The refused calls are also what wakes a component that was scaled to zero, if a scaling policy watches for them.
    `Predictor`'s `timeout` bounds each call that is sent, not the wait between them; an ``asyncio.timeout`` around the
    call bounds both.

    Example:
        ::

            predictor = Predictor("llm", session, component_name="llama", capacity=WaitForCapacity(limit=600))
            answer = await predictor.predict(data)  # the first call may take minutes

    Raises:
        ConfigurationError: an option is wrong.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
    """

    limit: float = 600.0
    """Seconds that a caller waits before `NoCapacityError`; raise it for large models, which load for long."""
    on_progress: Callable[[CapacityProgress], Awaitable[object] | object] | None = None
    """Is called after the first refusal and after each refused probe, once for all callers that wait with this object;
    may be ``async``. What it raises ends the call of one of them. Use it to show the wait, or to end it."""
    interval: float = 10.0
    """Seconds between probes, 30 at most; lower it for models that load quickly."""

    def __post_init__(self) -> None:
        check_seconds(self.limit, "WaitForCapacity.limit", optional=False)
        check_seconds(self.interval, "WaitForCapacity.interval", optional=False)
        if self.interval > LONGEST_INTERVAL:
            raise ConfigurationError(
                f"WaitForCapacity.interval must be {LONGEST_INTERVAL:g} s at most, got {self.interval!r}: AWS's alarm "
                "needs two refused calls within a minute, so rarer ones might never wake a component"
            )
        if self.on_progress is not None and not callable(self.on_progress):
            raise ConfigurationError(
                f"WaitForCapacity.on_progress must be a callable or None, got {type(self.on_progress).__name__}"
            )

    def around(
        self, send: Callable[[PreparedCall], Awaitable[T]], channel: Channel
    ) -> Callable[[PreparedCall], Awaitable[T]]:
        """Return `send`, which sends a prepared call, with waiting around it; for `Predictor`."""
        return partial(self._send, send, channel)

    async def _send(self, send: Callable[[PreparedCall], Awaitable[T]], channel: Channel, call: PreparedCall) -> T:
        key = (call.operation.resource, call.resource, *[call.head.fields.get(name) for name in _WITHIN_RESOURCE])
        deadline = channel.timing.monotonic() + self.limit
        if call.body is not None and not isinstance(call.body, bytes):
            call = call._replace(body=_ReadOnce(call.body))
        while True:
            rooms = channel.attached(_WaitingRooms, _WaitingRooms)
            room = rooms.get(key)
            probing = room is not None and await room.has_turn(self, deadline)
            try:
                answer = await send(_as_probe(call) if probing else call)
            except BaseException as error:
                if refused := lacks_capacity(error):
                    room = rooms.get(key)
                    if room is None or room.over:
                        room = rooms[key] = _WaitingRoom(call, channel.timing)
                    room.refused(cast("ServiceError", error))
                if probing and room is not None:
                    room.probed(over=not (refused or _says_nothing(error)))
                if not refused:
                    raise
            else:
                if probing and room is not None:
                    room.probed(over=True)
                return answer


class _ReadOnce:
    """A body that is read by the first call, and kept for those after it."""

    __slots__ = ("_body", "_content")

    def __init__(self, body: Readable) -> None:
        self._body = body
        self._content: bytes | None = None

    def read(self) -> bytes:
        """Return all of it."""
        if self._content is None:
            self._content = self._body.read()
        return self._content


class _WaitingRooms(WeakValueDictionary[tuple[Any, ...], "_WaitingRoom"]):
    """All rooms of one session, by what is waited for there, as long as anybody waits."""

    async def close(self) -> None:
        """Have all who wait send their calls, and so learn that the session is closed."""
        for room in list(self.values()):
            room.end()


class _WaitingRoom:
    """Those who wait for one component, and what they know of it."""

    __slots__ = (
        "__weakref__",
        "_component",
        "_probes",
        "_probing",
        "_refusal",
        "_resource",
        "_sent",
        "_since",
        "_sleepers",
        "_timing",
        "_told",
        "_waiting",
        "over",
    )

    def __init__(self, call: PreparedCall, timing: Timing) -> None:
        self.over = False
        """Whether there is nothing left to wait for."""
        self._resource = call.resource or ""
        self._component: str | None = call.head.fields.get("inference_component_name")
        self._timing = timing
        self._since = self._sent = timing.monotonic()
        """When the first refusal came, and when the last call was sent to find out."""
        self._probing = False
        self._probes = 0
        self._refusal: ServiceError
        self._told: dict[WaitForCapacity, int] = {}
        """How many probes each progress callback has been told of."""
        self._sleepers: set[asyncio.Future[None]] = set()
        self._waiting = 0

    def refused(self, refusal: ServiceError) -> None:
        """Take notice of a refusal, of a probe or of a caller that did not know yet."""
        self._refusal = copy.copy(refusal)  # without its traceback, which refers to the frames of who waits

    def probed(self, *, over: bool) -> None:
        """Take notice of how a probe ended, and let all who wait know."""
        self._probing = False
        self.over = self.over or over
        self._wake_all()

    def end(self) -> None:
        """Let all who wait know that there is nothing left to wait for."""
        self.over = True
        self._wake_all()

    async def has_turn(self, options: WaitForCapacity, deadline: float) -> bool:
        """Wait until the caller is to send its call; return whether that is as the probe.

        Raises:
            NoCapacityError: the deadline has passed.
        """
        self._waiting += 1
        try:
            while not self.over:
                now = self._timing.monotonic()
                if now >= deadline:
                    raise self._too_late(options)
                if options.on_progress is not None and self._told.get(options) != self._probes and not self._probing:
                    self._told[options] = self._probes
                    if inspect.isawaitable(observed := options.on_progress(self._progress(now))):
                        await observed
                    continue
                due = math.inf if self._probing else self._sent + options.interval
                if now >= due:
                    self._probing = True
                    self._sent = now
                    self._probes += 1
                    return True
                await self._sleep(min(due, deadline) - now)
            return False
        finally:
            self._waiting -= 1

    async def _sleep(self, seconds: float) -> None:
        """Sleep for some seconds, or until a probe has ended."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        alarm = asyncio.ensure_future(self._timing.sleep(seconds))
        alarm.add_done_callback(lambda _: _wake(woken))
        self._sleepers.add(woken)
        try:
            await woken
        finally:
            self._sleepers.discard(woken)
            alarm.cancel()
            await asyncio.wait((alarm,))  # so that no task is left behind

    def _wake_all(self) -> None:
        for sleeper in self._sleepers:
            _wake(sleeper)

    def _progress(self, now: float) -> CapacityProgress:
        return CapacityProgress(
            self._resource,
            self._component,
            now - self._since,
            self._waiting,
            self._probes,
            self._refusal.error_message,
        )

    def _too_late(self, options: WaitForCapacity) -> NoCapacityError:
        refusal, component = self._refusal, self._component
        if isinstance(refusal, ModelNotReadyException):
            what, remedy = "was not ready", _NOT_READY
        else:
            what, remedy = "had no copies", _NO_POLICY
        name = f"the inference component {component!r}" if component else "the model"
        error = NoCapacityError(
            f"{name} {what} within {options.limit:g} s (WaitForCapacity.limit), and {self._probes} calls were refused "
            f"meanwhile. {remedy}",
            options.limit,
            self._probes,
        )
        error.locate(refusal.operation or "", refusal.resource, refusal.url or "", refusal.request_id)
        error.attempts = refusal.attempts
        error.__cause__ = copy.copy(refusal)  # one each, because raising writes to an exception
        return error


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


_NO_POLICY = (
    "Refused calls add copies only if a scaling policy says so: check that the component is a scalable target of "
    "Application Auto Scaling (sagemaker:inference-component:DesiredCopyCount) with a step-scaling policy, and that an "
    "alarm on the metric NoCapacityInvocationFailures of this InferenceComponentName triggers it; the scaling "
    "activities and the component's FailureReason tell whether copies were tried and could not start. Without a "
    "policy, set the number of copies by UpdateInferenceComponentRuntimeConfig. If copies only take longer, raise the "
    "limit"
)
_NOT_READY = "It may still be loading: raise the limit, or look into the container's log"


def _as_probe(call: PreparedCall) -> PreparedCall:
    """Return a call that is sent once for each probe: AWS's retries take ModelNotReadyException for throttling."""
    progress = call.options.progress
    given = progress.on_attempt_failed

    def on_attempt_failed(error: CallError) -> bool:
        is_left = given is not None and given(error)
        return is_left or isinstance(error, ModelNotReadyException)

    progress = progress._replace(on_attempt_failed=on_attempt_failed)
    return call._replace(options=call.options._replace(progress=progress))


def lacks_capacity(error: BaseException) -> bool:
    """Return whether an error says that no copy of the model is there, so that none has seen the call."""
    if isinstance(error, ModelNotReadyException):
        return True
    return isinstance(error, ValidationError) and error.error_message.startswith(NO_COPIES)


def _says_nothing(error: BaseException) -> bool:
    """Return whether the failure of a probe tells nothing of capacity: no answer, only a busy service's, cancelled."""
    if isinstance(error, CallError):
        return isinstance(error, TransportError) or error.retryable
    return not isinstance(error, Exception)
