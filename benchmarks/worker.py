"""One contestant, one scenario, one fresh process: ``python -m benchmarks.worker CONTESTANT URL SCENARIO``.

The scenario is JSON, and so is what is printed: CPU and wall time per operation in microseconds, memory in bytes. CPU
is the process's own over the measured operations only; ``user`` and ``system`` are its two parts, of which the second
is the kernel's: on the loopback interface, waking the server counts for whoever writes to it.

Scenarios that repeat one operation are cut into turns: before each, an empty line is printed and one is waited for, so
that several contestants can take turns within the same moments, see `measure.in_turns`.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from .contestants import Client

PAGE = resource.getpagesize()
OPENED_AT_ONCE = 20
"""Of the slow streams."""
PASSES = 3
"""Over a flooded stream, in one process, of which the best counts."""
WARM_UP = 20
"""Streams that are read before times are taken."""
TURNS = 20
"""At most, in one process."""


def rss() -> int:
    """Return the memory the process holds now, in bytes."""
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * PAGE


class Stopwatch:
    """Counts CPU and wall time, in parts that begin with `start` and end with `stop`."""

    def __init__(self) -> None:
        self._taken = [0.0, 0.0, 0.0]

    def start(self) -> None:
        """Begin a part."""
        self._began = _times()

    def stop(self) -> None:
        """End the part."""
        ended = _times()
        parts = zip(self._taken, self._began, ended, strict=True)
        self._taken = [taken + end - begin for taken, begin, end in parts]

    def per(self, operations: int) -> dict[str, float]:
        """Return what each of so many operations took, in microseconds, and how many a second took."""
        user, system, wall = self._taken
        taken = {"cpu": user + system, "user": user, "system": system}
        each = {name: seconds / operations * 1e6 for name, seconds in taken.items()}
        return {**each, "throughput": operations / wall}


def _times() -> tuple[float, float, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime, usage.ru_stime, time.perf_counter()


Pause = Callable[[], object]
"""Returns when it is this contestant's turn."""


def percentile(ordered: list[float], share: float) -> float:
    """Return the value that `share` of the ordered values do not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def invoke(client: Client, scenario: dict[str, Any], pause: Pause) -> dict[str, float]:
    """Predict over and over, so many at once; in each turn at least twice as many."""
    body = b"x" * scenario["body"]
    endpoint = scenario["endpoint"]
    latencies: list[float] = []

    async def run(operations: int, keep: bool) -> None:
        turns = iter(range(operations))

        async def caller() -> None:
            for _ in turns:
                begun = time.perf_counter()
                await client.invoke(endpoint, body)
                if keep:
                    latencies.append(time.perf_counter() - begun)

        await asyncio.gather(*(caller() for _ in range(scenario["concurrency"])))

    await run(max(scenario["concurrency"] * 3, scenario["operations"] // 10), keep=False)
    turns = max(1, min(TURNS, scenario["operations"] // (2 * scenario["concurrency"])))
    gc.collect()
    stopwatch = Stopwatch()
    for _ in range(turns):
        pause()
        stopwatch.start()
        await run(scenario["operations"] // turns, keep=True)
        stopwatch.stop()
    taken = stopwatch.per(len(latencies))
    latencies.sort()
    return {
        **taken,
        **{f"p{share}": percentile(latencies, share / 100) * 1e6 for share in (50, 90, 99)},
        "rss": rss(),
    }


async def stream(client: Client, scenario: dict[str, Any], pause: Pause) -> dict[str, float]:
    """Read so many streams at once, to their ends; some times, until the allocator has got used to their sizes."""
    endpoint = scenario["endpoint"]
    await asyncio.gather(*(client.stream(scenario["warm_up"], b"{}") for _ in range(scenario["streams"])))
    events = scenario["events"] * scenario["streams"]

    async def one_pass() -> None:
        await asyncio.gather(*(client.stream(endpoint, b"{}") for _ in range(scenario["streams"])))

    return {**await best_pass(one_pass, events, pause), "rss": rss()}


async def best_pass(one_pass: Callable[[], Awaitable[None]], operations: int, pause: Pause) -> dict[str, float]:
    """Make some passes, a turn each, and return what each of the operations took in the best of them."""
    passes: list[dict[str, float]] = []
    for _ in range(PASSES):
        gc.collect()
        stopwatch = Stopwatch()
        pause()
        stopwatch.start()
        await one_pass()
        stopwatch.stop()
        passes.append(stopwatch.per(operations))
    return min(passes, key=lambda taken: taken["cpu"])


async def slow(client: Client, scenario: dict[str, Any]) -> dict[str, float]:
    """Hold very many streams open on which little happens; memory is what those after the first tenth have added.

    They are opened some at a time, as a service's are: memory is that of streams, not of connections being made. The
    first ones are left out, for they are given what the imports have left over, and find pools to be made.
    """
    firsts: list[float] = []
    batch_begun = asyncio.Event()

    def on_first() -> None:
        firsts.append(time.perf_counter())
        if len(firsts) == len(readers):
            batch_begun.set()

    await client.stream(scenario["warm_up"], b"{}")
    gc.collect()
    readers: list[asyncio.Task[int]] = []
    opened_before, before = 0, rss()
    while (missing := scenario["streams"] - len(readers)) > 0:
        batch_begun.clear()
        for _ in range(min(OPENED_AT_ONCE, missing)):
            readers.append(asyncio.create_task(client.stream(scenario["endpoint"], b"{}", on_first)))  # noqa: PERF401
        await batch_begun.wait()
        if not opened_before and scenario["streams"] // 10 <= len(readers) < scenario["streams"]:
            gc.collect()
            opened_before, before = len(readers), rss()
    gc.collect()
    memory = (rss() - before) / (len(readers) - opened_before)
    cpu, wall = time.process_time(), time.perf_counter()
    passed = sum(int((wall - first) / scenario["interval"]) + 1 for first in firsts)
    await asyncio.gather(*readers)
    cpu = time.process_time() - cpu
    events = max(scenario["events"] * scenario["streams"] - passed, 1)  # a machine may be too slow to see any
    return {"cpu": cpu / events * 1e6, "memory": memory}


async def first(client: Client, scenario: dict[str, Any], pause: Pause) -> dict[str, float]:
    """Time from the call to the head of the answer, and to the first event, one stream after the other."""
    heads: list[float] = []
    events: list[float] = []
    clock = time.perf_counter
    operations = scenario["operations"]
    each = max(1, operations // TURNS)
    for turn in range(-WARM_UP, operations):
        if turn == 0:
            heads.clear()
            events.clear()
            gc.collect()
        if turn >= 0 and turn % each == 0:
            pause()
        begun = clock()
        await client.stream(
            scenario["endpoint"],
            b"{}",
            on_first=lambda begun=begun: events.append(clock() - begun),  # type: ignore[misc]
            on_head=lambda begun=begun: heads.append(clock() - begun),  # type: ignore[misc]
        )
    heads.sort()
    events.sort()
    figures = {f"p{share}": percentile(events, share / 100) * 1e6 for share in (50, 90, 99)}
    return {**figures, "head_p50": percentile(heads, 0.5) * 1e6}


async def tokens(client: Client, scenario: dict[str, Any], pause: Pause) -> dict[str, float]:
    """Read the text of one stream, token by token; some times, of which the best counts, as for `stream`."""
    await client.tokens(scenario["warm_up"], scenario["dialect"])

    async def one_pass() -> None:
        characters = await client.tokens(scenario["endpoint"], scenario["dialect"])
        if characters < scenario["tokens"] * len(" token"):
            raise RuntimeError(f"read {characters} characters of {scenario['tokens']} tokens")

    return await best_pass(one_pass, scenario["tokens"], pause)


async def describe(client: Client, scenario: dict[str, Any]) -> dict[str, float]:
    """Describe an endpoint over and over; the first call, which builds what it needs, is counted by itself.

    The process has predicted before: what both planes share (credentials, TLS, the pool) counts for neither.
    """
    await client.invoke(scenario["endpoint"], b"{}")
    cpu, wall = time.process_time(), time.perf_counter()
    await client.describe()
    first_call, first_wall = time.process_time() - cpu, time.perf_counter() - wall
    for _ in range(20):
        await client.describe()
    gc.collect()
    cpu = time.process_time()
    for _ in range(scenario["operations"]):
        await client.describe()
    cpu = time.process_time() - cpu
    return {"cpu": cpu / scenario["operations"] * 1e6, "first": first_call * 1e6, "first_wall": first_wall * 1e6}


async def bulk(client: Any, scenario: dict[str, Any]) -> dict[str, float]:
    """Score very many records; memory is how far its peak rose after the first tenth of them.

    A client with `score` does all of it. Another is called by what people write: a task for each record, a semaphore.
    """
    count, concurrency, endpoint = scenario["records"], scenario["concurrency"], scenario["endpoint"]
    records = (b"%0*d" % (scenario["body"], number) for number in range(count))
    score = getattr(client, "score", None) or partial(with_a_semaphore, client)
    await warmed(endpoint, score, concurrency)
    gc.collect()
    done, peak = 0, 0
    cpu, wall = time.process_time(), time.perf_counter()
    async for size in score(endpoint, records, concurrency):
        assert size == scenario["answer"]
        done += 1
        if done == count // 10:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if done != count:
        raise RuntimeError(f"{done} of {count} records were scored")
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * 1024
    return {"cpu": cpu / count * 1e6, "throughput": count / wall, "growth": growth, "rss": rss()}


async def warmed(endpoint: str, score: Any, concurrency: int) -> None:
    """Open the connections."""
    async for _ in score(endpoint, [b"{}"] * concurrency * 3, concurrency):
        pass


async def with_a_semaphore(client: Client, endpoint: str, records: Iterable[bytes], most: int) -> AsyncIterator[int]:
    """Yield what a loop with a semaphore gets, in the order in which it comes."""
    semaphore = asyncio.Semaphore(most)
    results: asyncio.Queue[int] = asyncio.Queue()
    tasks: set[asyncio.Task[None]] = set()

    async def one(record: bytes) -> None:
        try:
            results.put_nowait(await client.invoke(endpoint, record))
        finally:
            semaphore.release()

    for record in records:
        await semaphore.acquire()
        task = asyncio.create_task(one(record))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        while not results.empty():
            yield results.get_nowait()
    await asyncio.gather(*tasks)
    while not results.empty():
        yield results.get_nowait()


IN_TURNS = {"first": first, "invoke": invoke, "stream": stream, "tokens": tokens}
AT_ONCE = {"bulk": bulk, "describe": describe, "slow": slow}


async def measured(
    contestant: str, url: str, scenario: dict[str, Any], pause: Pause = lambda: None
) -> dict[str, float]:
    """Open the contestant and put it through the scenario."""
    if trick := scenario.get("without"):
        from .without import remove

        remove(trick)
    module, _, opened = contestant.partition(":")
    enter = getattr(importlib.import_module(f".contestants.{module}", __package__), opened or "opened")
    async with enter(url, scenario.get("connections", 128)) as client:
        kind = scenario["kind"]
        if kind in IN_TURNS:
            return await IN_TURNS[kind](client, scenario, pause)
        return await AT_ONCE[kind](client, scenario)


def _wait_for_turn() -> None:
    """Say that the next turn can begin, and wait until it may; see `measure.in_turns`."""
    print(flush=True)
    sys.stdin.readline()


def main() -> None:
    """Run as the module's docstring says."""
    contestant, url, text = sys.argv[1:]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    scenario = json.loads(text)
    if scenario.get("uvloop"):
        import uvloop

        result = uvloop.run(measured(contestant, url, scenario, _wait_for_turn))
    else:
        result = asyncio.run(measured(contestant, url, scenario, _wait_for_turn))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
