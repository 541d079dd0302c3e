"""The engine behind `Predictor.map`: any number of records through any asynchronous callable, a bounded number at once.

`map_records` takes records from an iterable as there is room for them, calls for each (or each batch), and gives an
`Outcome` for every record that it has read: none is dropped silently. What it promises:

- Never more than `concurrency` calls are under way, and never more than four times as many records (or batches) in
  hand: read, and their outcome not yet taken. A consumer that stops taking stops the reading.
- A record that the endpoint refuses (`is_refusal`) is sent again for `MapOptions.retry_for` seconds, with growing
  random delays (``random * min(0.5 * 2**n, 20)`` seconds, at least what the service asks for), and keeps its place.
- What goes wrong with one record is its outcome: `prepare`, `id`, serialisation, the call, an answer that does not fit
  its batch. What the iterable raises is raised after the outcomes of what was read before. What `on_progress` raises is
  raised at once.
- However it is left (its end, `aclose`, an error, a cancelled read, the last reference going), no task is left over.

Records come from an iterable or an asynchronous iterable; it is not closed here, because it belongs to the caller. One
that is not asynchronous is read on the event loop: if its `next` blocks (a file on a slow disk, a database), so does
the loop.

A mapping belongs to the event loop on which it is first read, and to one consumer.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack

from sagemaker_async.aws.timing import SYSTEM_TIMING, Timing
from sagemaker_async.errors import ConfigurationError

from .batches import Batch
from .caller import Watch, WatchedCall
from .engine import Engine
from .map_options import MapFields, MapOptions
from .outcome import Outcome, Progress
from .source import Records

__all__ = ["Outcomes", "Records", "Watch", "WatchedCall", "map_records", "map_watched"]

R = TypeVar("R")


def map_records(
    call: Callable[[Any], Awaitable[R]],
    records: Records,
    *,
    prepare: Callable[[Any], Any] | None = None,
    batch: Batch | None = None,
    timing: Timing = SYSTEM_TIMING,
    **options: Unpack[MapFields],
) -> Outcomes[R]:
    """Return the outcomes of `call` for each record, as an asynchronous iterator; see the module's docstring.

    Args:
        call: takes a record (what `prepare` made of it, or what `batch` joined), returns its answer.
        records: what to call it with; any iterable or asynchronous iterable, of any length.
        prepare: turns a record into what `call` takes. None: the record itself.
        batch: how several records go into one call. None: one does.
        timing: clocks, sleep and chance.
        options: fields of `MapOptions`.

    Raises:
        ConfigurationError: an argument is wrong.

    Example:
        ::

            async with map_records(predictor.predict, records, concurrency=64, on_error="return") as outcomes:
                async for outcome in outcomes:
                    print(outcome.index, outcome.result if outcome.ok else outcome.error)
    """
    if not callable(call):
        raise ConfigurationError(f"map_records takes an asynchronous callable, got {type(call).__name__}")

    async def watched(data: Any, _: Watch) -> R:
        return await call(data)

    return map_watched(
        watched, records, MapOptions().with_fields(**options), prepare=prepare, batch=batch, timing=timing
    )


def map_watched(
    call: WatchedCall[R],
    records: Records,
    options: MapOptions,
    *,
    prepare: Callable[[Any], Any] | None = None,
    batch: Batch | None = None,
    timing: Timing = SYSTEM_TIMING,
) -> Outcomes[R]:
    """Do the same as `map_records`, with a call that reports what happens to it while it is under way.

    Raises:
        ConfigurationError: an argument is wrong.
    """
    if isinstance(records, str | bytes | bytearray) or not isinstance(records, Iterable | AsyncIterable):
        raise ConfigurationError(
            f"records must be an iterable or an asynchronous iterable of records, got {type(records).__name__}"
        )
    if prepare is not None and not callable(prepare):
        raise ConfigurationError(f"prepare must be a callable or None, got {type(prepare).__name__}")
    if batch is not None and not isinstance(batch, Batch):
        raise ConfigurationError(f"batch must be a Batch or None, got {batch!r}")
    return Outcomes(Engine(call, records, options, prepare, batch, timing))


class Outcomes(Generic[R]):
    """The outcomes of a mapping: an asynchronous iterator and context manager; for one consumer.

    The first read starts it. ``async with`` ends it for certain when the loop is left early; so does dropping the last
    reference, which ``async for outcome in predictor.map(...)`` does.
    """

    __slots__ = ("__weakref__", "_engine")

    def __init__(self, engine: Engine[R]) -> None:
        self._engine = engine

    def __repr__(self) -> str:
        progress = self.progress
        return f"<Outcomes, {progress.done} done, {progress.failed} of them failed, {progress.in_flight} in flight>"

    @property
    def progress(self) -> Progress:
        """The progress so far."""
        return self._engine.progress()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[R]:
        """Return the next outcome.

        Raises:
            MapTimeoutError: `total_timeout` is over.
            StreamClosedError: the mapping was closed.
            ConcurrentReadError: another task is reading.
            Exception: with ``on_error="raise"``, a record's error; or what `records` or `on_progress` raised.
        """
        return await self._engine.next_outcome()

    def stop(self) -> None:
        """Read no more records, and drain: the outcomes of those already read still come, then the iterator ends.

        What the endpoint refuses from now on is not sent again. `aclose` drops them instead. May be called at any time
        on the event loop, also from `on_progress` and from a signal handler of the loop.
        """
        self._engine.stop()

    async def aclose(self) -> None:
        """Drop what is under way, and return when nothing is; idempotent."""
        await self._engine.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._engine.abandon()
