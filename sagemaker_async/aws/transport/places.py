"""The places of a connection pool, and the queue for them.

A place is taken for one request and freed when its answer has been released. There are as many places as there may be
open connections. A caller that finds all places taken, or others waiting, joins the queue: a freed place goes to the
caller that has waited longest, never past the queue to the caller that freed it.

A burst that is larger than the pool is normal use. The limit is therefore not on how long one caller waits, but on how
long the queue stands still, counted from the last moment at which any place was freed. A queue that moves is not a
failure; streams that somebody forgot to close are, and the error says what holds the places.

No I/O: it knows an event loop's clock and futures, and nothing of connections.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from sagemaker_async.errors import PoolFullError, PoolTimeoutError, SessionClosedError

__all__ = ["Place", "Places"]


class Place:
    """One place, from `Places.take` or `Places.wait` until `free`.

    Attributes:
        taken_at: the loop's time when it was taken.
        answering: whether the answer has begun, so that what holds the place is its reader.
    """

    __slots__ = ("_places", "answering", "taken_at")

    def __init__(self, places: Places, now: float) -> None:
        self._places = places
        self.taken_at: float = now
        self.answering: bool = False

    def free(self) -> None:
        """Give the place to the next caller in the queue, or back to the pool; idempotent."""
        self._places._free(self)


class _Waiter(asyncio.Future[Place]):
    """A caller in the queue."""

    handle: asyncio.TimerHandle | None = None
    seconds: float
    came_at: float


class Places:
    """All places of one pool, on one event loop.

    Args:
        limit: how many there are.
        max_waiting: how many callers may wait; None: any number.
        loop: the event loop.
    """

    def __init__(self, limit: int, max_waiting: int | None, loop: asyncio.AbstractEventLoop) -> None:
        self._limit = limit
        self._max_waiting = max_waiting
        self._loop = loop
        self._taken: dict[Place, None] = {}  # in the order in which they were taken
        self._waiting: OrderedDict[_Waiter, None] = OrderedDict()
        self._moved_at = loop.time()
        self._closed = False

    def __len__(self) -> int:
        """How many are taken."""
        return len(self._taken)

    @property
    def waiting(self) -> int:
        """How many callers wait."""
        return len(self._waiting)

    def take(self) -> Place | None:
        """Return a place if one is free and nobody waits for it; None otherwise."""
        if self._waiting or len(self._taken) >= self._limit or self._closed:
            return None
        return self._handed_out()

    async def wait(self, seconds: float | None) -> Place:
        """Return a place as soon as it is this caller's turn.

        Args:
            seconds: how long the queue may stand still; None: for ever.

        Raises:
            PoolTimeoutError: no place was freed for that long.
            PoolFullError: too many wait already.
            SessionClosedError: the pool was closed, before or meanwhile.
        """
        if self._closed:
            raise _closed()
        if self._max_waiting is not None and (waiting := self.waiting) >= self._max_waiting:
            raise PoolFullError(
                f"{waiting} calls wait for a connection already (Config.max_waiting); {self._holders()}; try again "
                "later, or raise Config.max_connections"
            )
        waiter = _Waiter()
        waiter.came_at = self._loop.time()
        if seconds is not None:
            waiter.seconds = seconds
            waiter.handle = self._loop.call_at(waiter.came_at + seconds, self._look, waiter)
        self._waiting[waiter] = None
        try:
            return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                waiter.result().free()  # cancelled in the moment in which it was its turn: the next one's turn then
            raise
        finally:
            self._waiting.pop(waiter, None)
            if waiter.handle is not None:
                waiter.handle.cancel()

    def close(self) -> None:
        """Fail all callers in the queue; places that are taken may be freed later; idempotent."""
        self._closed = True
        while self._waiting:
            waiter, _ = self._waiting.popitem()
            if not waiter.done() and not self._loop.is_closed():
                waiter.set_exception(_closed())

    def _handed_out(self) -> Place:
        place = Place(self, self._loop.time())
        self._taken[place] = None
        return place

    def _free(self, place: Place) -> None:
        if place not in self._taken:
            return
        del self._taken[place]
        if not self._waiting:
            return
        self._moved_at = self._loop.time()
        while self._waiting:
            waiter, _ = self._waiting.popitem(last=False)
            if not waiter.done():
                waiter.set_result(self._handed_out())
                return

    def _look(self, waiter: _Waiter) -> None:
        """See, when a waiter's limit may have passed, whether the queue has moved meanwhile."""
        if waiter.done():
            return
        limit = max(waiter.came_at, self._moved_at) + waiter.seconds
        if limit > self._loop.time():
            waiter.handle = self._loop.call_at(limit, self._look, waiter)
            return
        waited = self._loop.time() - waiter.came_at
        del self._waiting[waiter]
        waiter.set_exception(
            PoolTimeoutError(
                f"no connection came free within {waiter.seconds:g} s (Timeouts.pool), so nothing was sent; "
                f"{self._holders()}; this call waited {waited:.3g} s, and {self.waiting} others wait too. Close "
                "streams that are no longer read, raise Config.max_connections, or bound the burst with a semaphore or "
                "Config.max_waiting",
                waiter.seconds,
            )
        )

    def _holders(self) -> str:
        """Say what holds the places."""
        reading = sum(place.answering for place in self._taken)
        oldest = next(iter(self._taken), None)
        since = f", the oldest for {self._loop.time() - oldest.taken_at:.3g} s" if oldest is not None else ""
        return (
            f"all {self._limit} connections are in use: {len(self._taken) - reading} by calls that await an answer, "
            f"{reading} by answers that are being read, such as open streams{since}"
        )


def _closed() -> SessionClosedError:
    return SessionClosedError("the session was closed while the call was under way")
