"""A scheduler that interferes with a coroutine at its n-th suspension; see `test_cancellation`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from sagemaker_async.errors import SessionClosedError, StreamClosedError

__all__ = ["MANNERS", "MOMENTS", "Outcome", "check", "each_suspension", "interfered"]

MANNERS = ("cancel", "timeout", "close")
MOMENTS = ("asleep", "woken")
MOST_SUSPENSIONS = 500
"""Far more than any of these coroutines has."""


class Interfered:
    """Awaits a coroutine, and calls `interfere` at its n-th suspension."""

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], number: int, moment: str, interfere: Callable[[], object]
    ) -> None:
        self._steps = coroutine.__await__()
        self._number = number
        self._moment = moment
        self._interfere = interfere
        self.suspensions = 0

    @property
    def reached(self) -> bool:
        """Whether there was an n-th suspension."""
        return self.suspensions >= self._number

    def __await__(self) -> Generator[Any, Any, Any]:
        resume: Callable[[Any], Any] = self._steps.send
        value: Any = None
        while True:
            try:
                awaited = resume(value)
            except StopIteration as end:
                return end.value
            self.suspensions += 1
            if self.suspensions == self._number:
                if self._moment == "woken" and awaited is not None:
                    # Before the task adds its own callback, so that this one comes first.
                    awaited.add_done_callback(lambda _: self._interfere())
                else:
                    self._interfere()
            try:
                value = yield awaited
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's
                resume, value = self._steps.throw, error
            else:
                resume = self._steps.send


@dataclass
class Outcome:
    """How a coroutine that was interfered with came out."""

    reached: bool
    """Whether there was an n-th suspension."""
    error: BaseException | None = None


async def interfered(
    coroutine: Coroutine[Any, Any, Any],
    number: int,
    moment: str,
    manner: str,
    close: Callable[[], Awaitable[object]] | None = None,
) -> Outcome:
    """Run a coroutine in a task, interfere at its n-th suspension, and return when both have ended."""
    loop = asyncio.get_running_loop()
    limit = asyncio.timeout(None)
    closing: list[asyncio.Task[Any]] = []

    def interfere() -> None:
        if manner == "cancel":
            task.cancel()
        elif manner == "timeout":
            limit.reschedule(loop.time() - 1)
        else:
            assert close is not None
            closing.append(asyncio.ensure_future(close()))  # type: ignore[arg-type]

    running = Interfered(coroutine, number, moment, interfere)

    async def within_the_limit() -> None:
        async with limit:
            await running

    task = asyncio.create_task(within_the_limit())
    await asyncio.wait({task})
    for each in closing:
        await each
    outcome = Outcome(running.reached)
    if task.cancelled():
        outcome.error = asyncio.CancelledError()
    else:
        outcome.error = task.exception()
    return outcome


def check(outcome: Outcome, manner: str) -> None:
    """Assert that what was interfered with ended as that says; with a limit or a closing, it may be done just before.

    A cancellation reaches its coroutine, and nobody may swallow it.
    """
    expected: dict[str, tuple[type[BaseException], ...]] = {
        "cancel": (asyncio.CancelledError,),
        "timeout": (TimeoutError,),
        "close": (SessionClosedError, StreamClosedError),
    }
    assert outcome.error is None or isinstance(outcome.error, expected[manner]), outcome.error
    if manner == "cancel" or not outcome.reached:
        assert (outcome.error is not None) == outcome.reached


def each_suspension() -> Iterator[int]:
    yield from range(1, MOST_SUSPENSIONS)
    raise AssertionError("it never got through")
