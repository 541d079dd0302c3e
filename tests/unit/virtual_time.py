"""An event loop whose clock jumps to the next timer instead of waiting: minutes of a program in moments, repeatably."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from sagemaker_async.aws.timing import Timing

__all__ = ["VirtualLoop", "run"]

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Nothing of it may wait for a socket."""

    def __init__(self) -> None:
        self.now = 0.0
        selector = selectors.DefaultSelector()
        select = selector.select

        def jump(timeout: float | None = None) -> Any:
            assert timeout is not None, "everything waits, and no timer is set: the program would stand still for ever"
            self.now += timeout
            return select(0)

        selector.select = jump  # type: ignore[method-assign]
        super().__init__(selector)

    def time(self) -> float:
        return self.now

    def timing(self, seed: int = 1) -> Timing:
        return Timing(clock=self.time, monotonic=self.time, uniform=random.Random(seed).random)


def run(program: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own; `asyncio.get_running_loop()` is a `VirtualLoop` in it."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(program)
