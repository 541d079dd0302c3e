"""What sagemaker_async sets out to reach, as ratios of two contestants in one run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .measure import Result

__all__ = ["TARGETS", "Standing", "Target", "standings"]


class Target(NamedTuple):
    """One ratio and its limit."""

    suite: str
    result: str
    """How the result's name begins."""
    measurement: str
    baseline: str
    limit: float
    aim: float | None = None
    """What would be better still."""


class Standing(NamedTuple):
    """A target and what was measured."""

    target: Target
    name: str
    ratio: float

    @property
    def reached(self) -> bool:
        return self.ratio <= self.target.limit


_ONE, _TEN = "100 B parts, 1 a chunk, asyncio", "100 B parts, 10 a chunk, asyncio"

TARGETS = (
    Target("invoke", "300 B, 32 at once, asyncio", "cpu", "aiohttp", 1.35, 1.15),
    Target("invoke", "300 B, 32 at once, asyncio", "cpu", "aiobotocore", 0.25),
    Target("stream", _TEN, "cpu", "aiobotocore", 0.18, 0.14),
    Target("stream", _ONE, "cpu", "aiobotocore", 0.26, 0.20),
    Target("stream", "64 KB parts, 1 a chunk, asyncio", "cpu", "aiohttp + crc32", 2.0),
    Target("tokens", "openai-chat, 1 a chunk", "cpu", "openai-python", 0.10, 0.06),
    Target("tokens", "openai-chat, 10 a chunk", "cpu", "openai-python", 0.10, 0.06),
    Target("cold_start", "", "wall", "aiohttp + pydantic", 1.20),
    Target("cold_start", "", "rss", "aiohttp + pydantic", 1.25),
    Target("cold_start", "", "wall", "boto3", 1.10),
    Target("cold_start", "", "wall", "aiobotocore", 0.75),
    Target("slow_streams", "1000 streams, asyncio", "memory", "aiohttp", 1.3),
    Target("first_event", "model takes 20 ms, asyncio", "p50", "aiohttp", 1.05),
    Target("first_event", "model takes 0 ms, asyncio", "p50", "aiohttp", 1.05),
)


def standings(results: Iterable[Result]) -> list[Standing]:
    """Return how ours stands on each target of which both sides were measured."""
    found: list[Standing] = []
    measured = list(results)
    for target in TARGETS:
        for result in measured:
            if result.suite == target.suite and result.name.startswith(target.result):
                ratio = result.ratio("ours", target.baseline, target.measurement)
                if ratio is not None:
                    found.append(Standing(target, result.name, ratio))
    return found
