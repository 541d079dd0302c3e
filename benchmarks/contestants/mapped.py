"""`Predictor.map`, as its guide says to use it; beside `ours`, which a loop of one's own calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from .ours import Ours
from .ours import opened as ours_opened


class Mapped:
    """Scores records with `map`, ordered or not, at a fixed concurrency or an adapting one."""

    def __init__(self, ours: Ours, **options: Any) -> None:
        self.ours = ours
        self.options = options

    async def score(self, endpoint: str, records: Iterable[bytes], concurrency: int) -> AsyncIterator[int]:
        options = {"concurrency": concurrency, **self.options}
        async for outcome in self.ours.predictors[endpoint].map(records, **options):
            assert outcome.result is not None
            yield len(outcome.result)


@asynccontextmanager
async def opened(url: str, connections: int, **options: Any) -> AsyncIterator[Mapped]:
    async with ours_opened(url, connections) as ours:
        yield Mapped(ours, **options)


unordered = partial(opened, ordered=False)
adaptive = partial(opened, concurrency=None)
