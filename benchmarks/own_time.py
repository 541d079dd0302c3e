"""Own time under cProfile, as shares: ``python -m benchmarks.own_time CONTESTANT URL SCENARIO``.

Prints two JSON objects in a list: package (of ours, module) to share, and function to share. What a function of C takes
counts for whoever called it, unless it belongs to a package itself. cProfile adds to every call of a function: the
order is to be trusted, the amounts are not; for those there are the cut-off points of the suite `profile`.
"""

from __future__ import annotations

import asyncio
import cProfile
import importlib
import json
import pstats
import re
import sys
import sysconfig
from collections import Counter
from pathlib import Path
from typing import Any, TypeAlias

from .measure import HERE

Function: TypeAlias = tuple[str, int, str]
"""As pstats has it: file, line, name."""

OURS = HERE.parent / "sagemaker_async"
STDLIB = Path(sysconfig.get_path("stdlib"))
PACKAGES = {
    **dict.fromkeys(("yarl", "multidict", "propcache", "frozenlist", "aiosignal"), "yarl, multidict"),
    **dict.fromkeys(("hashlib", "_hashlib", "hmac", "_sha256", "_sha2"), "hashlib, hmac"),
    **dict.fromkeys(("select", "selectors", "socket", "_socket"), "select, socket"),
    **dict.fromkeys(("asyncio", "_asyncio"), "asyncio"),
    "aiohttp": "aiohttp",
    "benchmarks": "the benchmark itself",
}
REST = "standard library, other"
_module_of_builtin = re.compile(r"(?:of '|method )(\w+)\.").search


async def profiled(contestant: str, url: str, scenario: dict[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    """Predict as the scenario `invoke` of a worker does, and return shares by package and by function."""
    opened = importlib.import_module(f".contestants.{contestant}", __package__).opened
    async with opened(url, scenario["connections"]) as client:
        body = b"x" * scenario["body"]

        async def call_all(operations: int) -> None:
            turns = iter(range(operations))

            async def caller() -> None:
                for _ in turns:
                    await client.invoke(scenario["endpoint"], body)

            await asyncio.gather(*(caller() for _ in range(scenario["concurrency"])))

        await call_all(scenario["operations"] // 10)
        profiler = cProfile.Profile()
        profiler.enable()
        await call_all(scenario["operations"])
        profiler.disable()
    packages: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for function, (_, _, own, _, callers) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        package = package_of(function)
        if package is not None:
            packages[package] += own
            functions[_label(function, package)] += own
            continue
        for caller, (_, _, share, _) in callers.items():
            owner = package_of(caller) or REST
            packages[owner] += share
            functions[_label(caller, owner)] += share
    return _shares(packages), _shares(functions)


def _shares(own_times: Counter[str]) -> dict[str, float]:
    total = own_times.total()
    return {name: own / total for name, own in own_times.most_common()}


def package_of(function: Function) -> str | None:
    """Return where a function belongs; None for one of C that belongs to whoever called it."""
    file, _, name = function
    if file == "~":
        found = _module_of_builtin(name)
        return PACKAGES.get(found[1]) if found else None
    path = Path(file)
    if path.is_relative_to(OURS):
        return f"sagemaker_async/{path.relative_to(OURS)}"
    if path.is_relative_to(HERE):
        return PACKAGES["benchmarks"]
    parts = path.parts
    if "site-packages" in parts:
        top = parts[parts.index("site-packages") + 1]
        return PACKAGES.get(top, top)
    top = path.relative_to(STDLIB).parts[0] if path.is_relative_to(STDLIB) else path.name
    return PACKAGES.get(top.removesuffix(".py"), REST)


def _label(function: Function, package: str) -> str:
    file, _, name = function
    if file == "~":
        return name.strip("<>")
    return f"{package} {name}" if package.endswith(".py") else f"{package}, {Path(file).name} {name}"


if __name__ == "__main__":
    print(json.dumps(asyncio.run(profiled(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))))
