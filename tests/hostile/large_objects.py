"""A large object up to S3 and down again, with connections cut on the way: whole, and in a memory that stays small.

``python -m tests.hostile.large_objects`` moves 200 MiB, once from a file and once from an asynchronous iterable,
against a server in a process of its own. That cuts every fourth part of the uploads once, and the downloads after every
20 MiB. What was measured is printed as JSON; the exit status is 1 when a byte is wrong, when nothing was cut, or when
the peak of the resident memory grew by 38 MiB (40 MB) or more. Linux alone has that peak (``/proc``).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sagemaker_async import Credentials, Session

from .processes import child

__all__ = ["ALLOWED_MIB", "measure", "violations"]

ALLOWED_MIB = 38
"""40 MB."""
PIECE = 1 << 20
PLACE = {"bucket": "my-bucket"}


def piece(number: int) -> bytes:
    """Return 1 MiB that no other number has."""
    return hashlib.sha256(number.to_bytes(8, "big")).digest() * (PIECE // 32)


def peak_kib() -> int:
    """Return the most memory that was resident since `forget_peak`."""
    return next(
        int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


async def pieces(mebibytes: int) -> AsyncIterator[bytes]:
    for number in range(mebibytes):
        yield piece(number)


async def measure(mebibytes: int, part_mebibytes: int, cut_after_mebibytes: int, parallel: int) -> dict[str, Any]:
    """Move an object of this size; return figures."""
    expected = hashlib.sha256()
    figures: dict[str, Any] = {"mebibytes": mebibytes}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "object"
        with path.open("wb") as file:
            for number in range(mebibytes):
                file.write(piece(number))
                expected.update(piece(number))
        cuts = ("--cut-every", "4", "--cut-after", str(cut_after_mebibytes << 20))
        async with (
            child("object_server", *cuts) as server,
            Session(
                region="us-east-1", endpoint_urls={"s3": server.told["url"]}, credentials=Credentials("A", "s")
            ) as session,
        ):
            session.s3.part_bytes = part_mebibytes << 20
            session.s3.parallel_parts = parallel
            await session.s3.put_object(**PLACE, key="small", body=b"warm")
            async with await session.s3.get_object(**PLACE, key="small") as got:
                await got.read()
            for name, body in (("file", path), ("iterable", pieces(mebibytes))):
                figures[name] = {
                    "up": await _measured(session.s3.put_object(**PLACE, key=name, body=body)),
                    "down": await _measured(_download(session, name)),
                }
                figures[name]["whole"] = figures[name]["down"].pop("value") == expected.hexdigest()
                figures[name]["up"].pop("value")
            figures["connections_left"] = session.connections_in_use
    figures["server"] = server.tally
    return figures


async def _measured(call: Any) -> dict[str, Any]:
    forget_peak()
    before, started = peak_kib(), time.perf_counter()
    value = await call
    seconds = time.perf_counter() - started
    return {"seconds": round(seconds, 2), "growth_mib": round((peak_kib() - before) / 1024, 1), "value": value}


async def _download(session: Session, key: str) -> str:
    found = hashlib.sha256()
    async with await session.s3.get_object(**PLACE, key=key) as got:
        async for chunk in got:
            found.update(chunk)
    return found.hexdigest()


def violations(figures: dict[str, Any]) -> list[str]:
    """Return what is wrong, in words."""
    wrong = []
    for name in ("file", "iterable"):
        if not figures[name]["whole"]:
            wrong.append(f"{name}: what came down is not what went up")
        for way in ("up", "down"):
            growth = figures[name][way]["growth_mib"]
            if growth >= ALLOWED_MIB:
                wrong.append(f"{name}, {way}: memory grew by {growth} MiB, and may by less than {ALLOWED_MIB}")
    server = figures["server"]
    wrong += [f"nothing was cut: {name}" for name in ("uploads_cut", "downloads_cut") if not server[name]]
    if server["wrong"] or server["left"] or figures["connections_left"]:
        wrong.append(f"wrong checksums, uploads or connections that were left: {server}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mebibytes", type=int, default=200)
    parser.add_argument("--part-mebibytes", type=int, default=5)
    parser.add_argument("--cut-after-mebibytes", type=int, default=20)
    parser.add_argument("--parallel", type=int, default=3)
    arguments = parser.parse_args()
    figures = asyncio.run(
        measure(arguments.mebibytes, arguments.part_mebibytes, arguments.cut_after_mebibytes, arguments.parallel)
    )
    wrong = violations(figures)
    print(json.dumps({**figures, "wrong": wrong}, indent=1))  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
