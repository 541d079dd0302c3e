"""Waiting until something has become, or is gone: the rules as a table, and the one loop that follows them.

Polls begin a second after the call and come ever more slowly, until they are `WaitRules.interval` apart; each delay is
shortened at random, so that many who wait do not ask at once. AccessDenied is tolerated for five minutes, because new
permissions take that long to arrive; throttling is tolerated throughout.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import (
    AccessDeniedError,
    CapacityError,
    ConfigurationError,
    ResourceNotFound,
    ThrottlingError,
    TotalTimeoutError,
    UnexpectedStatusException,
    ValidationError,
    WaiterTimeoutError,
)

if TYPE_CHECKING:
    from sagemaker_async.aws.shapes.models import ResponseShape

__all__ = ["WAIT_RULES", "OnProgress", "Pace", "WaitRules", "kind_of_failure", "wait"]

FIRST_DELAY = 1.0
"""Seconds between the call and the first poll."""
GROWTH = 1.5
"""How many times longer each delay is than the one before."""
ACCESS_DENIED_SECONDS = 300.0
"""How long AccessDenied is tolerated."""

OnProgress = Callable[[Any], Awaitable[object] | object]
"""Gets each description as it comes; may be ``async``."""

_NO_CAPACITY = r"CapacityError|InsufficientInstanceCapacity|insufficient \S*\s?capacity"


class WaitRules(NamedTuple):
    """What is waited for, and what tells that it has come."""

    name: str
    """botocore's name of the waiter, or ours in the same spelling."""
    operation: str
    """What is polled."""
    status: str
    """The member of the answer that says how far it is."""
    success: frozenset[str] = frozenset()
    """The statuses that are waited for; empty when the resource is to disappear."""
    failure: frozenset[str] = frozenset()
    """The statuses from which it cannot get there any more."""
    in_progress: frozenset[str] | None = None
    """The statuses on the way; None: all others."""
    interval: float = 30.0
    """Seconds between polls, once the delay has grown; botocore's ``Delay``."""
    attempts: int = 60
    """botocore's ``MaxAttempts``, for waiters that are given a ``WaiterConfig``."""

    @property
    def python_name(self) -> str:
        """The name in snake_case, such as ``endpoint_in_service``."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.name).lower()


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often to look, and for how long."""

    interval: float
    """The longest time between polls, in seconds."""
    limit: float | None = 3600.0
    """Seconds for the whole wait; None: for ever."""
    jitter: float = 0.2
    """The largest part of a delay that chance takes away, from 0 to 1."""
    attempts: int | None = None
    """The number of polls, as botocore counts them: the first at once, the others `interval` apart, which may be 0.
    None: as many as there is time for, with delays that grow from a second on."""

    def __post_init__(self) -> None:
        for name, value in (("interval", self.interval), ("limit", self.limit)):
            if value == 0 and name == "interval" and self.attempts is not None and _is_number(value):
                continue
            if value is not None and not (_is_number(value) and 0 < value < math.inf):
                raise ConfigurationError(f"{name} must be a finite number of seconds, more than 0, got {value!r}")
        if not (_is_number(self.jitter) and 0 <= self.jitter <= 1):
            raise ConfigurationError(f"jitter must be a number from 0 to 1, got {self.jitter!r}")

    def delay(self, poll: int, uniform: float) -> float:
        """Return the seconds before a poll, counted from 0; `uniform` is a random number in [0, 1)."""
        if self.attempts is not None:
            return self.interval if poll else 0.0
        # Beyond some 60 steps every interval is reached, and powers would only overflow.
        longest = min(self.interval, FIRST_DELAY * GROWTH ** min(poll, 60))
        return longest * (1 - self.jitter * uniform)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


async def wait(
    rules: WaitRules,
    resource: str,
    describe: Callable[[float | None], Awaitable[ResponseShape]],
    pace: Pace,
    *,
    on_progress: OnProgress | None = None,
    timing: Timing,
) -> ResponseShape | None:
    """Poll until what is waited for has come.

    Args:
        rules: what is waited for.
        resource: the name of what is waited for, for messages.
        describe: returns the description; gets the seconds that are left, or None.
        pace: how often, and for how long.
        on_progress: gets each description.
        timing: where time and chance come from.

    Returns:
        The last description; None when it is gone and that was waited for.

    Raises:
        UnexpectedStatusException: it has failed or reached another final status; `CapacityError` when it failed for
            lack of capacity.
        WaiterTimeoutError: the limit passed.
        CallError: it could not be described.
    """
    started = timing.monotonic()
    status: str | None = None
    reason: str | None = None
    poll = 0
    while True:
        delay = pace.delay(poll, timing.uniform())
        left = _left(pace, started, timing)
        if (left is not None and left <= 0) or poll == pace.attempts:
            raise _too_late(rules, resource, pace, status, reason)
        if delay:
            await timing.sleep(delay if left is None else min(delay, left))
        poll += 1
        elapsed = timing.monotonic() - started
        left = _left(pace, started, timing)
        try:
            description = await describe(max(left, FIRST_DELAY) if left is not None else None)
        except TotalTimeoutError:
            if left is None:
                raise
            raise _too_late(rules, resource, pace, status, reason) from None
        except (ValidationError, ResourceNotFound):
            if rules.success:
                raise
            return None
        except AccessDeniedError as error:
            if elapsed > ACCESS_DENIED_SECONDS:
                raise
            reason = error.message
            continue
        except ThrottlingError:
            continue
        status = str(description.get(rules.status))
        reason = description.get("FailureReason")
        if on_progress is not None and inspect.isawaitable(observed := on_progress(description)):
            await observed
        if status in rules.success:
            return description
        if status in rules.failure or (rules.in_progress is not None and status not in rules.in_progress):
            raise _unexpected(rules, resource, status, reason)


def _left(pace: Pace, started: float, timing: Timing) -> float | None:
    return None if pace.limit is None else pace.limit - (timing.monotonic() - started)


def _goal(rules: WaitRules) -> str:
    return " or ".join(sorted(rules.success)) or "gone"


def kind_of_failure(reason: str | None) -> type[UnexpectedStatusException]:
    """Return the class of the error for a failure, by SageMaker's reason for it."""
    return CapacityError if re.search(_NO_CAPACITY, reason or "", re.IGNORECASE) else UnexpectedStatusException


def _unexpected(rules: WaitRules, resource: str, status: str, reason: str | None) -> UnexpectedStatusException:
    kind = kind_of_failure(reason)
    why = f"; SageMaker's reason: {reason}" if reason else "; SageMaker gives no reason"
    return kind(f"{resource!r} was to be {_goal(rules)} and is {status}{why}", sorted(rules.success), status, reason)


def _too_late(
    rules: WaitRules, resource: str, pace: Pace, status: str | None, reason: str | None
) -> WaiterTimeoutError:
    if pace.attempts is None:
        assert pace.limit is not None
        seconds, within, more = pace.limit, f"{pace.limit:g} s", "limit"
    else:
        seconds = pace.interval * (pace.attempts - 1)
        within, more = f"{pace.attempts} polls, {pace.interval:g} s apart", "MaxAttempts"
    seen = f"its last status was {status}" if status else "it could not be described yet"
    why = f" ({reason})" if reason else ""
    return WaiterTimeoutError(
        f"{resource!r} was to be {_goal(rules)} within {within}; {seen}{why}. It may still get there: "
        f"wait again, or raise {more}",
        seconds,
        status,
        reason,
    )


_ENDPOINT_UNDER_WAY = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})


def _job(name: str, operation: str, status: str, interval: float = 60.0, attempts: int = 60) -> WaitRules:
    return WaitRules(
        name=name,
        operation=operation,
        status=status,
        success=frozenset({"Completed", "Stopped"}),
        failure=frozenset({"Failed"}),
        interval=interval,
        attempts=attempts,
    )


def _image(name: str, operation: str, status: str, failure: str, success: frozenset[str] = frozenset()) -> WaitRules:
    return WaitRules(
        name=name, operation=operation, status=status, success=success, failure=frozenset({failure}), interval=60.0
    )


_FAILED = frozenset({"Failed"})
_CREATED = frozenset({"CREATED"})


def _notebook(name: str, *success: str) -> WaitRules:
    return WaitRules(
        name=name,
        operation="DescribeNotebookInstance",
        status="NotebookInstanceStatus",
        success=frozenset(success),
        failure=_FAILED,
    )


WAIT_RULES = {
    rules.name: rules
    for rules in (
        WaitRules(
            name="EndpointInService",
            operation="DescribeEndpoint",
            status="EndpointStatus",
            success=frozenset({"InService"}),
            in_progress=_ENDPOINT_UNDER_WAY,
            attempts=120,
        ),
        WaitRules(name="EndpointDeleted", operation="DescribeEndpoint", status="EndpointStatus", failure=_FAILED),
        WaitRules(
            name="InferenceComponentInService",
            operation="DescribeInferenceComponent",
            status="InferenceComponentStatus",
            success=frozenset({"InService"}),
            in_progress=frozenset({"Creating", "Updating", "Deleting"}),
            interval=20.0,
            attempts=180,
        ),
        WaitRules(
            name="InferenceComponentDeleted",
            operation="DescribeInferenceComponent",
            status="InferenceComponentStatus",
            failure=_FAILED,
            interval=20.0,
            attempts=180,
        ),
        _image("ImageCreated", "DescribeImage", "ImageStatus", "CREATE_FAILED", _CREATED),
        _image("ImageUpdated", "DescribeImage", "ImageStatus", "UPDATE_FAILED", _CREATED),
        _image("ImageDeleted", "DescribeImage", "ImageStatus", "DELETE_FAILED"),
        _image("ImageVersionCreated", "DescribeImageVersion", "ImageVersionStatus", "CREATE_FAILED", _CREATED),
        _image("ImageVersionDeleted", "DescribeImageVersion", "ImageVersionStatus", "DELETE_FAILED"),
        _notebook("NotebookInstanceInService", "InService"),
        _notebook("NotebookInstanceStopped", "Stopped"),
        _notebook("NotebookInstanceDeleted"),
        _job("ProcessingJobCompletedOrStopped", "DescribeProcessingJob", "ProcessingJobStatus"),
        _job("TrainingJobCompletedOrStopped", "DescribeTrainingJob", "TrainingJobStatus", 120.0, 180),
        _job("TransformJobCompletedOrStopped", "DescribeTransformJob", "TransformJobStatus"),
    )
}
"""The rules by the waiter's name: botocore's, and the two of inference components."""
