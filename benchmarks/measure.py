"""Running contestants: fresh processes, interleaved rounds, their medians.

What counts is the ratio of two contestants within one run: of their medians, with the spread of the ratios of the
single rounds. In a round, all contestants are there at once and work in turns of some milliseconds, one at a time:
what slows the machine down for a while slows all of them. The canned server has a core of its own where there are
two: a server that must be woken on the core of its client punishes the client that waits least.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

__all__ = [
    "HERE",
    "ROOT",
    "TLS",
    "Ratio",
    "Result",
    "Run",
    "Server",
    "available",
    "canned_server",
    "compare",
    "environment",
    "in_turns",
    "loops_there_are",
    "output_of",
    "worker",
]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TLS = "TLS, "
"""What begins the names of results over TLS."""
WITHOUT_UVLOOP = frozenset({"AWS SDK for JavaScript", "boto3 in threads"})
"""Contestants that have no use for the event loop."""

Values = dict[str, float]


class Ratio(NamedTuple):
    """How many times as much one contestant took as another."""

    value: float
    """The ratio of their medians."""
    low: float
    high: float
    """Between these two lie the middle half of the ratios of single rounds."""


@dataclass
class Result:
    """What one scenario gave: contestant to measurement to value. Times are in microseconds, memory in bytes."""

    suite: str
    name: str
    unit: str
    """What ``cpu`` is per: ``call``, ``event``, ``process``."""
    values: dict[str, Values] = field(default_factory=dict)
    """The medians of all rounds."""
    rounds: dict[str, list[Values]] = field(default_factory=dict)

    def ratio(self, contestant: str, baseline: str, measurement: str = "cpu") -> Ratio | None:
        """Return how many times as much one took as the other; None when one is missing."""
        try:
            value = self.values[contestant][measurement] / self.values[baseline][measurement]
            pairs = zip(self.rounds.get(contestant, ()), self.rounds.get(baseline, ()), strict=False)
            ratios = [one[measurement] / other[measurement] for one, other in pairs]
        except (KeyError, ZeroDivisionError):
            return None
        quarters = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else [value]
        return Ratio(value, min(value, quarters[0]), max(value, quarters[-1]))

    def add(self, contestant: str, values: Values) -> None:
        """Add one round's values."""
        rounds = self.rounds.setdefault(contestant, [])
        rounds.append(values)
        self.values[contestant] = {
            name: statistics.median(each[name] for each in rounds if name in each)
            for name in dict.fromkeys(name for each in rounds for name in each)
        }


class Server(NamedTuple):
    """The canned server that runs."""

    url: str
    tls_url: str
    authority: str
    """The file with the authority that its certificate is of."""
    pid: int

    @property
    def trust(self) -> dict[str, str]:
        """The variables by which contestants are told of the authority."""
        return dict.fromkeys(("AWS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"), self.authority)


@dataclass(frozen=True)
class Run:
    """What all suites of one run share."""

    commands: dict[str, list[str]]
    """Contestant to the command that puts it through a scenario."""
    server: Server
    rounds: int = 5
    scale: float = 1.0
    """How many of the operations of a scenario are made."""
    loops: tuple[str, ...] = ("asyncio",)
    only: str = ""
    """What the names of results must hold to be compared."""

    @property
    def url(self) -> str:
        """Where the canned server is, without TLS."""
        return self.server.url

    def operations(self, full: int, least: int = 1) -> int:
        """Return how many operations to make of what would be a full number."""
        return max(least, int(full * self.scale))


@contextmanager
def canned_server() -> Iterator[Server]:
    """Run the canned server in a process of its own."""
    cores, _ = split_cores()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [*_pinned(cores), sys.executable, "-m", "benchmarks.server", folder],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(),
        )
        assert process.stdout is not None
        try:
            ports = process.stdout.readline().split()
            if not ports:
                raise RuntimeError("the canned server did not start; run 'python -m benchmarks.server .' to see why")
            plain, tls = (f"127.0.0.1:{port}" for port in ports)
            yield Server(f"http://{plain}", f"https://{tls}", str(Path(folder) / "authority.pem"), process.pid)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def split_cores() -> tuple[set[int], set[int]]:
    """Return the cores of the canned server and those of contestants; empty sets where there is one for both."""
    cores = sorted(os.sched_getaffinity(0))
    return ({cores[-1]}, set(cores[:-1])) if len(cores) > 1 else (set(), set())


def _pinned(cores: set[int]) -> list[str]:
    """Return what begins a command that keeps to these cores."""
    return ["taskset", "--cpu-list", ",".join(map(str, sorted(cores)))] if cores and shutil.which("taskset") else []


def available() -> dict[str, list[str]]:
    """Return the contestants there are, and the commands that run them; say on stderr which are missing, and why."""
    found = {
        "ours": worker("ours"),
        "aiohttp": worker("bare_aiohttp"),
        "aiohttp, our head": worker("layers:aiohttp_same_head"),
        "aiohttp + crc32": worker("aiohttp_crc"),
        "aiohttp + sha256": worker("aiohttp_sha256"),
        "raw socket": worker("raw_socket"),
    }
    for name, module, package in (
        ("aiobotocore", "aiobotocore_client", "aiobotocore"),
        ("boto3 in threads", "boto3_threads", "boto3"),
        ("openai-python", "openai_client", "openai"),
        ("ours, orjson", "ours:opened_with_orjson", "orjson"),
        ("openai_router", "openai_router", "fastapi"),
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
        if not name.startswith(("AWS_", "NODE_", "SSL_"))
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


def compare(
    run: Run,
    result: Result,
    names: Iterable[str],
    scenario: dict[str, Any],
    loop: str = "asyncio",
    *,
    tls: bool = False,
    lacking: dict[str, dict[str, str]] | None = None,
    processes: int = 1,
) -> Result:
    """Put contestants through a scenario, in turns, and keep what each round gave.

    Each round begins with another of them, so that none always comes after the same one.

    Args:
        run: what all suites share.
        result: where the rounds are kept.
        names: the contestants; those that are not there are passed over.
        scenario: what they do.
        loop: the event loop they do it on.
        tls: whether over TLS.
        lacking: contestant to what its scenario has besides: the trick that it goes without.
        processes: of each contestant in a round, of which the median counts; for what a process does but once.
    """
    if run.only not in result.name:
        return result
    print(f"  {result.name}", file=sys.stderr, flush=True)
    there = [name for name in names if name in run.commands and not (loop == "uvloop" and name in WITHOUT_UVLOOP)]
    given = {
        name: json.dumps({**scenario, **(lacking or {}).get(name, {}), "uvloop": loop == "uvloop"}) for name in there
    }
    for name in there:
        result.values.setdefault(name, {})  # in this order, whoever begins
    url, variables = (run.server.tls_url, run.server.trust) if tls else (run.url, {})
    for turn in range(run.rounds):
        begins = turn % max(len(there), 1)
        commands = {name: [*run.commands[name], url, given[name]] for name in there[begins:] + there[:begins]}
        medians = Result("", "", "")
        for _ in range(processes):
            for name, values in in_turns(commands, **variables).items():
                medians.add(name, values)
        for name, values in medians.values.items():
            result.add(name, values)
    return result


def in_turns(commands: dict[str, list[str]], **variables: str) -> dict[str, Values]:
    """Run commands that work in turns, and return what each has measured.

    A command prints an empty line and waits for one before each of its turns, and its figures as JSON in the end. Until
    its first turn, while it warms up, and when it takes none, it runs alone as well.
    """
    figures: dict[str, Values] = {}
    with ExitStack() as stack:
        waiting: dict[str, _Contestant] = {}
        for name, command in commands.items():
            waiting[name] = contestant = stack.enter_context(_Contestant(command, variables))
            contestant.warm_up()
        while waiting:
            for name, contestant in list(waiting.items()):
                if (values := contestant.turn()) is not None:
                    figures[name] = values
                    del waiting[name]
    return figures


class _Contestant:
    """A process that works in turns; it is ended on leaving."""

    def __init__(self, command: list[str], variables: dict[str, str]) -> None:
        self._command = command
        self._variables = variables

    def __enter__(self) -> Self:
        _, cores = split_cores()
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [*_pinned(cores), *self._command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env={**environment(), **self._variables},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def warm_up(self) -> None:
        """Wait until it waits for its first turn, or has done without."""
        self._said = self._read()

    def turn(self) -> Values | None:
        """Let it work for a turn; return its figures when it is done."""
        if not self._said.strip():
            assert self._process.stdin is not None
            with suppress(BrokenPipeError):  # it has died, and what it said of that is read next
                self._process.stdin.write("\n")
                self._process.stdin.flush()
            self._said = self._read()
        if not self._said.strip():
            return None
        figures: Values = json.loads(self._said)  # before the wait, for who says something else may not be done
        if self._process.wait():  # its end must not fall into the turn of another
            raise self._failure()
        return figures

    def _read(self) -> str:
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            raise self._failure()
        return line

    def _failure(self) -> RuntimeError:
        self._errors.seek(0)
        return RuntimeError(f"{' '.join(self._command)[:300]} failed: {self._errors.read()[-2000:]}")


def output_of(command: list[str], **variables: str) -> str:
    """Return what a command prints; raise with what it wrote to stderr when it fails."""
    _, cores = split_cores()
    process = subprocess.run(
        [*_pinned(cores), *command],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**environment(), **variables},
    )
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)[:300]} failed: {process.stderr[-2000:]}")
    return process.stdout
