"""`in_thread`: an iterator that blocks, taken step by step in a worker thread.

Files are read, hashed and checked so: the event loop never waits for a disk, and whoever is cancelled waits for one
step, not for the whole file.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterator
from typing import Any, Final, TypeVar

__all__ = ["in_thread", "settled"]

T = TypeVar("T")
R = TypeVar("R")
_END: Final = object()


async def in_thread(steps: Iterator[T]) -> AsyncGenerator[T, None]:
    """Yield what an iterator gives, each step in a thread, one at a time; a generator is closed at the end.

    A cancelled caller waits for the step under way, because a generator cannot be closed while it runs.
    """
    try:
        while True:
            step = await settled(asyncio.to_thread(next, steps, _END))
            if step is _END:
                return
            yield step  # type: ignore[misc]
    finally:
        if isinstance(steps, Generator):
            steps.close()


async def settled(work: Coroutine[Any, Any, R]) -> R:
    """Return what a coroutine returns; a caller that is cancelled is so only when the coroutine has ended."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # of no interest to whoever has left
        raise cancelled
    return task.result()
