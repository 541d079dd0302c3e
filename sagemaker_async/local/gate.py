"""Waiting across threads without polling: `Gate`, and `Signal` for conditions on counters.

The embedded SageMaker runs on one event loop; the test that controls it may run on the same loop, on another, or in a
plain thread. Both classes may be used from any of them at any time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future

__all__ = ["Gate", "Signal"]


class Gate:
    """Makes tasks wait until it is opened; it stays open."""

    __slots__ = ("_lock", "_open", "_waiting")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = False
        self._waiting: set[Future[None]] = set()

    def open(self) -> None:
        """Let all tasks pass, now and later; from any thread; idempotent."""
        with self._lock:
            self._open = True
            waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if future.set_running_or_notify_cancel():
                future.set_result(None)

    async def wait(self) -> None:
        """Return once the gate is open."""
        with self._lock:
            if self._open:
                return
            future: Future[None] = Future()
            self._waiting.add(future)
        try:
            await asyncio.wrap_future(future)
        finally:
            with self._lock:
                self._waiting.discard(future)


class Signal:
    """Tells waiting callers that something changed, so that each can check its condition."""

    __slots__ = ("_lock", "_waiting")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Callable[[], bool], Future[None]]] = []

    def changed(self) -> None:
        """Let every waiting caller check its condition; costs nothing when nobody waits."""
        if not self._waiting:
            return
        with self._lock:
            self._waiting = [entry for entry in self._waiting if not _settled(*entry)]

    def when(self, condition: Callable[[], bool]) -> Future[None]:
        """Return a future that is done once `condition` holds or raises; it is checked again after every change."""
        future: Future[None] = Future()
        with self._lock:
            if not _settled(condition, future):
                self._waiting.append((condition, future))
        return future


def _settled(condition: Callable[[], bool], future: Future[None]) -> bool:
    if future.cancelled():
        return True
    try:
        if not condition():
            return False
        if future.set_running_or_notify_cancel():
            future.set_result(None)
    except Exception as error:  # noqa: BLE001 - the waiting caller gets it
        if future.set_running_or_notify_cancel():
            future.set_exception(error)
    return True
