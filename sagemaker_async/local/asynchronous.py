"""Asynchronous endpoints: their options, their queue, and what becomes of a request that was accepted.

A request waits in the endpoint's queue until one of its places is free, for as long as its TTL allows; the model then
has its invocation timeout. The result is written to the output location, or a text to the failure location if there is
one. An endpoint without instances keeps its requests in the queue until it has some (scale to zero).

What the real service writes is documented only in part: a success is the container's body verbatim, and a failure is
the text that SageMaker's data log has for it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol, TypeVar

from sagemaker_async.errors import ConfigurationError

from .models import InvocationRequest, ModelFailure, ModelOutput, content_type_of, whole_body

__all__ = [
    "ANY_NUMBER",
    "DEFAULT_TIMEOUT",
    "DEFAULT_TTL",
    "AsyncInference",
    "AsyncInvocation",
    "InvocationQueue",
    "ObjectPlace",
    "Surroundings",
    "data_log_line",
    "run_invocation",
]

_log = logging.getLogger("sagemaker_async.local")

DEFAULT_TTL = 21_600
"""Seconds that a request may wait in the queue."""
DEFAULT_TIMEOUT = 900
"""Seconds that the model may take."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncInference:
    """How an asynchronous endpoint of the embedded SageMaker works: `LocalSageMaker.add_endpoint(asynchronous=...)`.

    Raises:
        ConfigurationError: a number is out of range.
    """

    concurrency: int = 4
    """How many requests each instance works on at once; AWS's MaxConcurrentInvocationsPerInstance."""
    instances: int = 1
    """How many instances it begins with; with 0, requests wait until `Endpoint.scale` gives it some."""
    delay: float | Callable[[], float] = 0.0
    """Seconds that each invocation takes before the model runs, or a callable that returns them."""
    failures: bool = True
    """Whether failures are written to the failure location; False is an endpoint without S3FailurePath."""
    notify: Callable[[dict[str, Any]], object] | None = None
    """Gets the message that SageMaker would publish to the success or error topic, once the object is there; called in
    a thread."""

    def __post_init__(self) -> None:
        for name, least in (("concurrency", 1), ("instances", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 1000:
                raise ConfigurationError(
                    f"AsyncInference.{name} must be a whole number from {least} to 1000, got {value!r}"
                )
        if not callable(self.delay) and not self.delay >= 0:
            raise ConfigurationError(f"AsyncInference.delay must be seconds, 0 or more, got {self.delay!r}")


class InvocationQueue:
    """The places of an endpoint, and those who wait for one, in the order in which they came.

    It may be used from any thread.

    Args:
        capacity: how many requests may run at once; None: any number.

    Attributes:
        running: how many run.
    """

    def __init__(self, capacity: int | None) -> None:
        self.running: int = 0
        self._capacity = capacity
        self._lock = threading.Lock()
        self._waiting: deque[Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many requests wait; AWS's metric ApproximateBacklogSize."""
        return len(self._waiting)

    def resize(self, capacity: int | None) -> None:
        """Change how many may run at once; those that run are not interrupted."""
        with self._lock:
            self._capacity = capacity
            self._admit()

    def enter(self) -> Future[None]:
        """Return what is done when there is a place; who does not want it any more calls `leave`."""
        place: Future[None] = Future()
        with self._lock:
            self._waiting.append(place)
            self._admit()
        return place

    def leave(self, place: Future[None]) -> None:
        """Give a place back, or stop waiting for one."""
        with self._lock:
            if place.done():
                self.running -= 1
            else:
                self._waiting.remove(place)
            self._admit()

    def _admit(self) -> None:
        while self._waiting and (self._capacity is None or self.running < self._capacity):
            self.running += 1
            self._waiting.popleft().set_result(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncInvocation:
    """One accepted InvokeEndpointAsync; its result also goes to `LocalSageMaker.objects`."""

    endpoint_name: str
    inference_id: str
    output_location: str
    failure_location: str | None
    """None for an endpoint without a failure path."""
    input_location: str | None = None
    ttl: int = DEFAULT_TTL
    """Seconds that it may wait in the queue."""
    timeout: int = DEFAULT_TIMEOUT
    """Seconds that the model may take."""
    done: Future[bool] = field(default_factory=Future, repr=False, compare=False)
    """Its result is True when the output was written, False when the invocation failed."""

    def wait(self, timeout: float = 5.0) -> bool:
        """Block until the model has run and return whether it succeeded.

        Raises:
            TimeoutError: the model did not finish within `timeout` seconds.
        """
        return self.done.result(timeout)

    async def finished(self, timeout: float = 5.0) -> bool:
        """Wait until the model has run and return whether it succeeded; on any event loop.

        Raises:
            TimeoutError: the model did not finish within `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            return await asyncio.shield(asyncio.wrap_future(self.done))


class ObjectPlace(Protocol):
    """Where inputs are read and results are written: the embedded SageMaker's own objects, or another S3."""

    async def read(self, url: str) -> bytes:
        """Return an object; raises `ModelFailure` when it cannot be had."""
        ...

    async def write(self, url: str, body: bytes, content_type: str) -> None:
        """Write an object."""
        ...


class _TooLate(Exception):
    """A limit passed."""


async def _within(seconds: float, sleep: Callable[[float], Awaitable[object]], work: Awaitable[T]) -> T:
    """Return what `work` returns, unless `sleep` ends first; raises `_TooLate` then."""
    limit, task = asyncio.ensure_future(sleep(seconds)), asyncio.ensure_future(work)
    try:
        await asyncio.wait({limit, task}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise _TooLate
    finally:
        both = [each for each in (limit, task) if not each.done()]
        for each in both:
            each.cancel()
        await asyncio.gather(*both, return_exceptions=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What running an invocation needs of the embedded SageMaker."""

    region: str
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]
    objects: ObjectPlace
    run: Callable[[InvocationRequest], Awaitable[ModelOutput]]
    changed: Callable[[], None]
    """Called when the queue or the number of running requests has changed."""


@asynccontextmanager
async def _place(queue: InvocationQueue, ttl: float, around: Surroundings) -> AsyncGenerator[None, None]:
    place = queue.enter()
    around.changed()
    try:
        if not place.done():
            await _within(ttl, around.sleep, asyncio.shield(asyncio.wrap_future(place)))
        yield
    finally:
        queue.leave(place)


async def run_invocation(
    invocation: AsyncInvocation,
    request: InvocationRequest,
    queue: InvocationQueue,
    options: AsyncInference,
    around: Surroundings,
) -> None:
    """Wait for a place, run the model, write the result or the failure, and set `AsyncInvocation.done`."""
    received = around.clock()
    try:
        written: tuple[str, str] | None = None
        reason = ""
        try:
            async with _place(queue, invocation.ttl, around):
                around.changed()
                body, content_type = await _answer(invocation, request, options, around)
                await around.objects.write(invocation.output_location, body, content_type)
                written = (invocation.output_location, content_type)
        except _TooLate:
            reason = f"The request expired in the queue: its time to live of {invocation.ttl} seconds passed."
        except ModelFailure as failure:
            reason = data_log_line(failure)
        except Exception:  # noqa: BLE001 - logged, and a failure for the waiting client, as on the other routes
            _log.exception("the embedded SageMaker failed on an async invocation of %s", invocation.endpoint_name)
            reason = "The embedded SageMaker failed."
        if written is None and invocation.failure_location is not None:
            await around.objects.write(invocation.failure_location, reason.encode(), "text/plain")
        if options.notify is not None:
            message = _notification(invocation, request, written, reason, received, around)
            await asyncio.to_thread(options.notify, message)
        invocation.done.set_result(written is not None)
    except asyncio.CancelledError:
        invocation.done.cancel()
        raise
    except Exception as error:  # noqa: BLE001 - whoever waits for the invocation gets it
        _log.exception("the result of an async invocation of %s could not be written", invocation.endpoint_name)
        invocation.done.set_exception(error)
    finally:
        around.changed()


async def _answer(
    invocation: AsyncInvocation, request: InvocationRequest, options: AsyncInference, around: Surroundings
) -> tuple[bytes, str]:
    """Return the model's answer and its content type; raises `ModelFailure`."""

    async def work() -> tuple[bytes, str]:
        delay = options.delay() if callable(options.delay) else options.delay
        if delay > 0:
            await around.sleep(delay)
        body = request.body
        if invocation.input_location is not None:
            body = await around.objects.read(invocation.input_location)
        output = await around.run(replace(request, body=body))
        return await whole_body(output), content_type_of(output, request)

    try:
        return await _within(invocation.timeout, around.sleep, work())
    except _TooLate:
        raise ModelFailure(0, "Your invocation timed out.") from None


def data_log_line(failure: ModelFailure, source: str = "primary") -> str:
    """Return how SageMaker's data log words the failure of a container, or of what else it names as the source."""
    side = "client" if 400 <= failure.status < 500 else "server"
    return f'Received {side} error ({failure.status}) from {source} with message "{failure.message}"'


def _notification(
    invocation: AsyncInvocation,
    request: InvocationRequest,
    written: tuple[str, str] | None,
    reason: str,
    received: float,
    around: Surroundings,
) -> dict[str, Any]:
    """Return the message to the success or error topic; that of an error as far as AWS documents it."""
    asked = {
        "contentType": request.content_type,
        "endpointName": invocation.endpoint_name,
        "inputLocation": invocation.input_location,
    }
    message: dict[str, Any] = {
        "awsRegion": around.region,
        "eventTime": _iso(around.clock()),
        "receivedTime": _iso(received),
        "invocationStatus": "Completed" if written else "Failed",
        "requestParameters": {name: value for name, value in asked.items() if value is not None},
    }
    if written:
        message["responseParameters"] = {"contentType": written[1], "outputLocation": written[0]}
    else:
        message["failureReason"] = f"ClientError: {reason}"
    return message | {
        "inferenceId": invocation.inference_id,
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"


ANY_NUMBER: Final = AsyncInference()
"""The options of an endpoint that takes all kinds of calls; its queue has no limit."""
