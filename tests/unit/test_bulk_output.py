"""The file of the output: whole lines whatever happens, read back, and rid of lines."""

from __future__ import annotations

import asyncio
import errno
import threading
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async.bulk import output as output_module
from sagemaker_async.bulk.lines import Line, result_line
from sagemaker_async.bulk.output import Output, Scan, rewritten
from sagemaker_async.errors import ConfigurationError

LINES = [result_line(index, None, "x" * index, with_id=False) for index in range(6)]


def scanned(path: Path) -> tuple[list[int], int]:
    scan = Scan(path)
    found = [line.index for lines in scan.steps() for line, _ in lines]
    return found, scan.end


async def test_lines_are_appended_after_the_end_and_what_stood_there_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(LINES[0] + LINES[1][:-3])
    output = Output(path, len(LINES[0]))
    for line in LINES[2:]:
        await output.write(line)
    await output.close()
    await output.close()
    assert path.read_bytes() == LINES[0] + b"".join(LINES[2:])


async def test_what_stood_after_the_end_is_gone_also_where_nothing_is_written_over_it(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(LINES[0] + b"x" * 1000)
    output = Output(path, len(LINES[0]))
    await output.write(LINES[1])
    await output.close()
    assert path.read_bytes() == LINES[0] + LINES[1]


async def test_the_loop_runs_while_the_disk_writes_and_what_comes_meanwhile_goes_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, writes = threading.Event(), []

    def write(file: FileIO, data: bytes) -> None:
        writes.append(data)
        assert released.wait(20)
        file.write(data)

    monkeypatch.setattr(output_module, "write_all", write)
    output = Output(tmp_path / "out", 0)
    await output.write(LINES[0])
    while not writes:
        await asyncio.sleep(0)
    for line in LINES[1:]:
        await output.write(line)
    released.set()
    await output.close()
    assert writes == [LINES[0], b"".join(LINES[1:])]


async def test_a_writer_that_is_ahead_of_the_disk_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(output_module, "_MAX_PENDING", 100)
    monkeypatch.setattr(output_module, "write_all", lambda file, data: (released.wait(20), file.write(data)))
    output = Output(tmp_path / "out", 0)
    await output.write(LINES[0])
    await asyncio.sleep(0)
    writing = asyncio.ensure_future(output.write(b"x" * 101))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not writing.done()
    released.set()
    await writing
    await output.close()
    assert (tmp_path / "out").stat().st_size == len(LINES[0]) + 101


@pytest.mark.parametrize("room", range(0, 120, 7))
async def test_a_full_disk_leaves_whole_lines_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    left = room

    def write(file: FileIO, data: bytes) -> None:
        nonlocal left
        file.write(data[:left])
        if len(data) > left:
            left = 0
            raise OSError(errno.ENOSPC, "No space left on device")
        left -= len(data)

    monkeypatch.setattr(output_module, "write_all", write)
    output = Output(tmp_path / "out", 0)

    async def write_all_lines() -> None:
        try:
            for line in [*LINES, *LINES]:
                await output.write(line)
                await asyncio.sleep(0)
        finally:
            await output.close()

    with pytest.raises(OSError, match="No space left"):
        await write_all_lines()
    contents = (tmp_path / "out").read_bytes()
    assert b"".join([*LINES, *LINES]).startswith(contents)
    assert contents == b"" or contents.endswith(b"\n")
    assert len(contents) <= room
    assert room - len(contents) < max(map(len, LINES))


async def test_a_writer_that_is_cancelled_while_it_closes_has_written_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, begun = threading.Event(), threading.Event()

    def write(file: FileIO, data: bytes) -> None:
        begun.set()
        assert released.wait(20)
        file.write(data)

    monkeypatch.setattr(output_module, "write_all", write)
    output = Output(tmp_path / "out", 0)
    await output.write(LINES[0])
    closing = asyncio.ensure_future(output.close())
    while not begun.is_set():
        await asyncio.sleep(0)
    closing.cancel()
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.sleep(0)
    released.set()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert (tmp_path / "out").read_bytes() == LINES[0]


def test_an_output_that_is_cut_anywhere_has_its_whole_lines(tmp_path: Path) -> None:
    path, whole = tmp_path / "out", b"".join(LINES)
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        count = whole[:cut].count(b"\n")
        assert scanned(path) == (list(range(count)), sum(map(len, LINES[:count])))


def test_zeros_after_a_power_cut_are_cut_off(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(LINES[0] + LINES[1][:5] + bytes(4096))
    assert scanned(tmp_path / "out") == ([0], len(LINES[0]))


def test_a_line_of_others_is_refused_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(LINES[0] + b"\n" + LINES[1])
    with pytest.raises(ConfigurationError, match="line 2 of the output"):
        scanned(tmp_path / "out")


def test_a_large_output_is_read_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_module, "_STEP_BYTES", 50)
    (tmp_path / "out").write_bytes(b"".join(LINES))
    assert len(list(Scan(tmp_path / "out").steps())) >= 3
    assert scanned(tmp_path / "out") == (list(range(6)), sum(map(len, LINES)))


def test_lines_are_taken_out_in_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_module, "_STEP_BYTES", 50)
    path = tmp_path / "out"
    path.write_bytes(b"".join(LINES) + b'{"index": 9')

    def keep(line: Line) -> bool:
        return line.index % 2 == 0

    steps = rewritten(path, keep)
    *_, last = [(path.read_bytes(), step) for step in steps]
    assert path.read_bytes() == last[0] == LINES[0] + LINES[2] + LINES[4]
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_while_lines_are_taken_out_leaves_the_old_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_module, "_STEP_BYTES", 50)
    path = tmp_path / "out"
    path.write_bytes(b"".join(LINES))
    steps: Any = rewritten(path, lambda line: line.index == 5)
    next(steps)
    next(steps)
    steps.close()
    assert path.read_bytes() == b"".join(LINES)
    for _ in rewritten(path, lambda line: line.index == 5):
        pass
    assert path.read_bytes() == LINES[5]
