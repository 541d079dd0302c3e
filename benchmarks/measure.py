"""Running contestants: fresh processes, interleaved rounds, the best of them.

Noise on a shared machine only ever adds, so the least CPU time of several interleaved runs is the closest to the truth,
and what counts is the ratio of two of them within one run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = [
    "HERE",
    "ROOT",
    "Result",
    "Run",
    "available",
    "canned_server",
    "compare",
    "environment",
    "loops_there_are",
    "output_of",
    "worker",
]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MORE_IS_BETTER = frozenset({"throughput", "events", "requests"})
"""Measurements of which the most of all rounds counts; of the others, the least does."""
WITHOUT_UVLOOP = frozenset({"AWS SDK for JavaScript", "boto3 in threads"})
"""Contestants that have no use for the event loop."""

Values = dict[str, float]


@dataclass
class Result:
    """What one scenario gave: contestant to measurement to value. Times are in microseconds, memory in bytes."""

    suite: str
    name: str
    unit: str
    """What ``cpu`` is per: ``call``, ``event``, ``process``."""
    values: dict[str, Values] = field(default_factory=dict)

    def ratio(self, contestant: str, baseline: str, measurement: str = "cpu") -> float | None:
        """Return how many times as much one took as the other; None when one is missing."""
        try:
            return self.values[contestant][measurement] / self.values[baseline][measurement]
        except (KeyError, ZeroDivisionError):
            return None

    def add(self, contestant: str, values: Values) -> None:
        """Add one round's values, of which the best of each measurement is kept."""
        best = self.values.setdefault(contestant, {})
        for measurement, value in values.items():
            pick: Callable[[float, float], float] = max if measurement in MORE_IS_BETTER else min
            best[measurement] = pick(best.get(measurement, value), value)


@dataclass(frozen=True)
class Run:
    """What all suites of one run share."""

    commands: dict[str, list[str]]
    """Contestant to the command that puts it through a scenario."""
    url: str
    """Where the canned server is."""
    server_pid: int
    rounds: int = 5
    scale: float = 1.0
    """How many of the operations of a scenario are made."""
    loops: tuple[str, ...] = ("asyncio",)

    def operations(self, full: int, least: int = 1) -> int:
        """Return how many operations to make of what would be a full number."""
        return max(least, int(full * self.scale))


@contextmanager
def canned_server() -> Iterator[tuple[str, int]]:
    """Run the canned server in a process of its own and give its URL and process id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(),
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        if not port:
            raise RuntimeError("the canned server did not start; run 'python -m benchmarks.server' to see why")
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def available() -> dict[str, list[str]]:
    """Return the contestants there are, and the commands that run them; say on stderr which are missing, and why."""
    found = {
        "ours": worker("ours"),
        "aiohttp": worker("bare_aiohttp"),
        "aiohttp + crc32": worker("aiohttp_crc"),
        "aiohttp + sha256": worker("aiohttp_sha256"),
        "raw socket": worker("raw_socket"),
    }
    for name, module, package in (
        ("aiobotocore", "aiobotocore_client", "aiobotocore"),
        ("boto3 in threads", "boto3_threads", "boto3"),
        ("openai-python", "openai_client", "openai"),
        ("ours, orjson", "ours:opened_with_orjson", "orjson"),
    ):
        if _importable(package):
            found[name] = worker(module)
        else:
            print(f"left out: {name} ({package} is not installed)", file=sys.stderr)
    node = shutil.which("node")
    if node is None:
        print("left out: AWS SDK for JavaScript (there is no node)", file=sys.stderr)
    elif not (HERE / "node_modules").exists():
        print("left out: AWS SDK for JavaScript (run 'npm install' in benchmarks/)", file=sys.stderr)
    else:
        found["AWS SDK for JavaScript"] = [node, str(HERE / "contestants" / "js_sdk.mjs")]
    return found


def loops_there_are() -> tuple[str, ...]:
    """Return the event loops that can be compared."""
    return ("asyncio", "uvloop") if _importable("uvloop") else ("asyncio",)


def _importable(package: str) -> bool:
    probe = subprocess.run([sys.executable, "-c", f"import {package}"], check=False, capture_output=True)
    return probe.returncode == 0


def worker(contestant: str) -> list[str]:
    """Return the command that runs a module of `contestants`, or ``module:opened`` when it has several."""
    return [sys.executable, "-m", "benchmarks.worker", contestant]


def environment() -> dict[str, str]:
    """Return the environment of contestants: nothing of AWS, of a proxy, or that makes an interpreter run otherwise."""
    kept_variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "NODE_"))
        and not name.lower().endswith("_proxy")
        and (not name.startswith("PYTHON") or name in {"PYTHONPATH", "PYTHONHOME"})
    }
    nowhere = str(HERE / "no-such-file")
    return {
        **kept_variables,
        "AWS_CONFIG_FILE": nowhere,
        "AWS_SHARED_CREDENTIALS_FILE": nowhere,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def compare(run: Run, result: Result, names: Iterable[str], scenario: dict[str, Any], loop: str = "asyncio") -> Result:
    """Put contestants through a scenario, in turns, and keep the best of each measurement.

    Each round begins with another of them, so that none always comes after the same one.
    """
    print(f"  {result.name}", file=sys.stderr, flush=True)
    there = [name for name in names if name in run.commands and not (loop == "uvloop" and name in WITHOUT_UVLOOP)]
    given = json.dumps({**scenario, "uvloop": loop == "uvloop"})
    for name in there:
        result.values.setdefault(name, {})  # in this order, whoever begins
    for turn in range(run.rounds):
        begins = turn % max(len(there), 1)
        for name in there[begins:] + there[:begins]:
            result.add(name, json.loads(output_of([*run.commands[name], run.url, given])))
    return result


def output_of(command: list[str], **variables: str) -> str:
    """Return what a command prints; raise with what it wrote to stderr when it fails."""
    process = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, env={**environment(), **variables}
    )
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)[:300]} failed: {process.stderr[-2000:]}")
    return process.stdout
