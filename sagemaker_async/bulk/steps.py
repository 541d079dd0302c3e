"""`in_thread`: an iterator that blocks, taken step by step in a worker thread.

This is how files are read, hashed and checked: the event loop never waits for a disk, and a caller that is cancelled
waits for one step, not for the whole file. The next step is taken while the last one is used, so that nobody waits for
a disk that is fast enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Generator, Iterator
from typing import Any, Final, TypeVar

__all__ = ["in_thread", "settled"]

T = TypeVar("T")
R = TypeVar("R")
_END: Final = object()


async def in_thread(steps: Iterator[T]) -> AsyncGenerator[T, None]:
    """Yield what an iterator gives, each step in a thread, one at a time and one ahead; close a generator at the end.

    A caller that is cancelled or leaves waits for the step under way: a generator cannot be closed while it runs.
    """

    def take() -> asyncio.Task[Any]:
        return asyncio.ensure_future(asyncio.to_thread(next, steps, _END))

    ahead = take()
    try:
        while True:
            step = await settled(ahead)
            if step is _END:
                return
            ahead = take()
            yield step
    finally:
        try:
            await settled(asyncio.wait([ahead]))
        finally:
            if not ahead.cancelled():
                ahead.exception()  # of no interest to whoever leaves, and known to whoever was given it
            if isinstance(steps, Generator):
                steps.close()


async def settled(work: Awaitable[R]) -> R:
    """Return what is awaited; when the caller is cancelled, the cancellation is raised only after that has ended."""
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
