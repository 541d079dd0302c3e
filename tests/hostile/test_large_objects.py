"""Large objects of S3, small: the judgement of `large_objects`, and uploads and downloads that are interfered with."""

from __future__ import annotations

import asyncio
import copy
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async import Credentials, Session
from sagemaker_async.errors import SessionClosedError, StreamClosedError

from .interference import MOMENTS, check, each_suspension, interfered
from .large_objects import ALLOWED_MIB, violations
from .object_server import ObjectServer

PART = 1 << 16
BODY = bytes(range(256)) * 1024  # four parts
SOUND = {
    way: {"up": {"growth_mib": 20.0}, "down": {"growth_mib": 1.0}, "whole": True} for way in ("file", "iterable")
} | {"connections_left": 0, "server": {"uploads_cut": 1, "downloads_cut": 1, "wrong": 0, "left": 0}}  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process's memory is read from /proc")
def test_24_mebibytes_go_up_and_down_whole_in_a_small_memory_though_connections_are_cut() -> None:
    arguments = ["--mebibytes", "24", "--cut-after-mebibytes", "7"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.large_objects", *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout)
    assert figures["server"]["uploads_cut"] == 2
    assert figures["server"]["downloads_cut"] == 6


def test_the_judgement_finds_what_is_wrong() -> None:
    assert violations(SOUND) == []
    for place, value, words in (
        (("file", "whole"), False, "is not what went up"),
        (("iterable", "up", "growth_mib"), ALLOWED_MIB, "memory grew"),
        (("file", "down", "growth_mib"), 100.0, "memory grew"),
        (("server", "uploads_cut"), 0, "nothing was cut"),
        (("server", "wrong"), 1, "wrong checksums"),
        (("server", "left"), 1, "left"),
        (("connections_left",), 1, "left"),
    ):
        figures: Any = copy.deepcopy(SOUND)
        *holders, last = place
        holder = figures
        for name in holders:
            holder = holder[name]
        holder[last] = value
        (wrong,) = violations(figures)
        assert words in wrong


# --- interfered with --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    with ObjectServer().running() as server:
        yield server


@pytest.fixture
async def session(server: ObjectServer) -> AsyncIterator[Session]:
    async with session_of(server) as session:
        yield session


def session_of(server: ObjectServer) -> Session:
    session = Session(region="us-east-1", endpoint_urls={"s3": server.url}, credentials=Credentials("A", "s"))
    session.s3.part_bytes = PART
    return session


async def chunks() -> AsyncIterator[bytes]:
    for start in range(0, len(BODY), 50_000):
        await asyncio.sleep(0)
        yield BODY[start : start + 50_000]


async def upload(session: Session) -> None:
    await session.s3.put_object(bucket="my-bucket", key="up", body=chunks())


async def download(session: Session) -> None:
    async with await session.s3.get_object(bucket="my-bucket", key="there") as got:
        assert await got.read() == BODY


async def settle(session: Session) -> None:
    """Wait until nothing is under way."""
    async with asyncio.timeout(5):
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
    assert session.connections_in_use == 0


CALLS = pytest.mark.parametrize("call", [upload, download], ids=lambda call: call.__name__)


@CALLS
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_call_that_is_cancelled_leaves_no_task_no_connection_and_no_upload(
    server: ObjectServer, session: Session, call: Any, moment: str
) -> None:
    server.objects = {"/my-bucket/there": BODY}
    await call(session)
    server.objects.pop("/my-bucket/up", None)
    for number in each_suspension():
        outcome = await interfered(call(session), number, moment, "cancel")
        await settle(session)
        check(outcome, "cancel")
        assert outcome.reached or call is not upload or server.objects["/my-bucket/up"] == BODY
        # An upload whose id had not come yet cannot be aborted; there is one for each time that happened.
        await download(session)
        if not outcome.reached:
            assert number > 1
            break
    left = [parts for parts in server.uploads.values() if parts]
    assert left == []
    assert len(server.uploads) <= 8
    server.uploads.clear()


@CALLS
async def test_a_call_whose_session_is_closed_ends_with_it(server: ObjectServer, call: Any) -> None:
    server.objects = {"/my-bucket/there": BODY}
    for number in range(1, 400, 3):
        session = session_of(server)
        await session.s3.head_object(bucket="my-bucket", key="there")
        outcome = await interfered(call(session), number, "asleep", "close", session.close)
        await settle(session)
        assert outcome.error is None or isinstance(outcome.error, SessionClosedError | StreamClosedError), outcome.error
        await session.close()
        if not outcome.reached:
            assert number > 1
            break
    server.uploads.clear()
