"""What sagemaker_async sets out to reach, as ratios of two contestants in one run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .measure import TLS, Ratio, Result

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
    contestant: str = "ours"
    """Who is compared with the baseline; of a throughput, the one that is to have less of it."""


class Standing(NamedTuple):
    """A target and what was measured."""

    target: Target
    name: str
    ratio: Ratio

    @property
    def verdict(self) -> str:
        """``reached``, ``not reached``, or ``undecided`` while the limit lies within the spread."""
        if self.ratio.high <= self.target.limit:
            return "reached"
        return "undecided" if self.ratio.low <= self.target.limit else "not reached"


_ONE, _TEN = "100 B parts, 1 a chunk, asyncio", "100 B parts, 10 a chunk, asyncio"

TARGETS = (
    Target("invoke", "TLS, 300 B, 32 at once, asyncio", "cpu", "aiohttp", 1.00, 0.90),
    Target("invoke", "TLS, 300 B, 32 at once, asyncio", "cpu", "aiobotocore", 0.20, 0.15),
    Target("invoke", "300 B, 32 at once, asyncio", "cpu", "aiohttp", 0.90, 0.80),
    Target("invoke", "300 B, 32 at once, asyncio", "cpu", "aiobotocore", 0.20, 0.15),
    Target("invoke", "TLS, 300 B, 32 at once, uvloop", "cpu", "aiohttp", 1.05, 0.95),
    Target("invoke", "300 B, 32 at once, uvloop", "cpu", "aiohttp", 1.05, 0.95),
    Target("invoke", "TLS, 64 KB, 32 at once, asyncio", "cpu", "aiohttp + sha256", 1.05),
    Target("invoke", "TLS, 5 MB, 8 at once, asyncio", "cpu", "aiohttp + sha256", 1.05),
    Target("invoke", "TLS, 300 B, 256 at once, asyncio", "throughput", "ours", 1.00, contestant="aiohttp"),
    Target("stream", TLS + _TEN, "cpu", "aiobotocore", 0.15),
    Target("stream", TLS + _ONE, "cpu", "aiobotocore", 0.22),
    Target("stream", _TEN, "cpu", "aiobotocore", 0.15),
    Target("stream", _ONE, "cpu", "aiobotocore", 0.22),
    Target("stream", "64 KB parts, 1 a chunk, asyncio", "cpu", "aiohttp + crc32", 2.0),
    Target("tokens", "TLS, openai-chat, 1 a chunk, asyncio", "cpu", "openai-python", 0.08, 0.05),
    Target("tokens", "TLS, openai-chat, 10 a chunk, asyncio", "cpu", "openai-python", 0.08, 0.05),
    Target("tokens", "openai-chat, 1 a chunk, asyncio", "cpu", "openai-python", 0.08, 0.05),
    Target("tokens", "openai-chat, 10 a chunk, asyncio", "cpu", "openai-python", 0.08, 0.05),
    Target("bulk", "", "throughput", "ours, map", 1 / 0.9, contestant="ours"),
    Target("bulk", "", "throughput", "ours, map", 1 / 3, contestant="aiobotocore"),
    Target("openai_router", "", "cpu", "ours", 2.5, contestant="openai_router"),
    Target("compat", "300 B, 32 at once, asyncio", "cpu", "our client", 1.3),
    Target("compat", "300 B, 32 at once, asyncio", "cpu", "aiobotocore", 0.25),
    Target("compat", "100 B events, 1 a chunk, asyncio", "cpu", "our client", 1.3),
    Target("compat", "100 B events, 1 a chunk, asyncio", "cpu", "aiobotocore", 0.25),
    Target("compat", "DescribeEndpoint, asyncio", "cpu", "our client", 1.3),
    Target("compat", "DescribeEndpoint, asyncio", "cpu", "aiobotocore", 0.25),
    Target("cold_start", "", "cpu", "aiohttp + a pydantic model", 1.10),
    Target("cold_start", "", "wall", "aiohttp + pydantic", 1.20),
    Target("cold_start", "", "rss", "aiohttp + pydantic", 1.25),
    Target("cold_start", "", "wall", "boto3", 1.10, 1.00),
    Target("cold_start", "", "wall", "aiobotocore", 0.75),
    Target("hosting", "DescribeEndpoint, asyncio", "first", "aiobotocore", 1.00),
    Target("slow_streams", "TLS, 1000 streams, asyncio", "memory", "aiohttp", 0.6, 0.3),
    Target("slow_streams", "1000 streams, asyncio", "memory", "aiohttp", 1.1),
    Target("first_event", "TLS, model takes 0 ms, asyncio", "p50", "aiohttp", 1.05),
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
                ratio = result.ratio(target.contestant, target.baseline, target.measurement)
                if ratio is not None:
                    found.append(Standing(target, result.name, ratio))
    return found
