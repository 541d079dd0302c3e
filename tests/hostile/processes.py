"""Servers in processes of their own, so that what is measured here is the client alone, and so that both run at once.

The server's module is run with ``python -m``. It tells on its standard output, a line of JSON each, what its caller
needs to reach it, and, when its standard input ends, its tally.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

__all__ = ["Child", "child", "tell"]

_MAX_LINE = 1 << 26


class Child:
    """A server's process.

    Attributes:
        told: what it said at its start.
        tally: what it said at its end; empty before.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self.tally: dict[str, Any] = {}


@asynccontextmanager
async def child(module: str, *arguments: str) -> AsyncIterator[Child]:
    """Run a module of this package; its tally is there when the block was left."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"tests.hostile.{module}", *arguments),
        cwd=Path(__file__).parents[2],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_MAX_LINE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        running = Child(json.loads(await process.stdout.readline()))
        yield running
        process.stdin.close()
        running.tally = json.loads(await process.stdout.readline())
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def tell(facts: dict[str, Any]) -> None:
    """Say a line to the caller, in the server's process."""
    print(json.dumps(facts), flush=True)  # noqa: T201
