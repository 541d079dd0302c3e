"""The file of the output: appended to by `Output`, read back by `Scan`, rid of lines by `rewritten`.

A line is written in one piece with its line feed, so that a kill leaves whole lines and at most the beginning of one.
`Output` writes in a worker thread, one write at a time, with a short pause after each; what comes meanwhile goes into
the next one. So at a low rate each line is in the file at once, at a high one a write holds many, and a kill costs no
more than that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator
from io import FileIO
from pathlib import Path

from sagemaker_async.aws.timing import SYSTEM_TIMING
from sagemaker_async.errors import ConfigurationError

from .files import rewritten_name
from .lines import Line, read_line
from .steps import settled

__all__ = ["Output", "Scan", "rewritten", "write_all"]

_STEP_BYTES = 1 << 20
"""How much of a file is read in one step: a few milliseconds."""
_PAUSE = 0.005
"""Seconds between writes. A hop to a thread costs more than all else that is done for a record; a kill in the pause
costs the records that were finished in it."""
_MAX_PENDING = 4 << 20
"""How many bytes may wait for the disk before the run does; a disk that is slower than the endpoint slows it down."""


def write_all(file: FileIO, data: bytes) -> None:
    """Write all bytes; a file without a buffer may write a part of them and raise at the next."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]


class Scan:
    """Reads an output back.

    Attributes:
        end: where its last whole line ends; what comes after it is the beginning of a line that a kill cut.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.end: int = 0

    def steps(self) -> Iterator[list[tuple[Line, bytes]]]:
        """Yield the lines, read and as they are, some at a time.

        Raises:
            ConfigurationError: the file contains something else.
        """
        with self._path.open("rb") as file:
            found: list[tuple[Line, bytes]] = []
            size = 0
            for number, text in enumerate(file, 1):
                if not text.endswith(b"\n"):
                    break
                line = read_line(text)
                if line is None:
                    raise ConfigurationError(
                        f"line {number} of the output {str(self._path)!r} was not written by a run, or was changed; "
                        "start over with overwrite (--overwrite)"
                    )
                found.append((line, text))
                size += len(text)
                if size >= _STEP_BYTES:
                    self.end += size
                    yield found
                    found, size = [], 0
            self.end += size
            yield found


def rewritten(path: Path, keep: Callable[[Line], bool]) -> Iterator[None]:
    """Reduce an output to the lines to keep, step by step; a kill leaves the old file or the new one."""
    new = rewritten_name(path)
    with new.open("wb") as file:
        for lines in Scan(path).steps():
            file.write(b"".join(text for line, text in lines if keep(line)))
            yield
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    yield


class Output:
    """Appends lines to a file; `close` it.

    Args:
        path: the file, which is created when there is none.
        end: where to append; what comes after it is cut off.
        sleep: waits for a number of seconds.
    """

    def __init__(self, path: Path, end: int, sleep: Callable[[float], Awaitable[object]] = SYSTEM_TIMING.sleep) -> None:
        self._sleep = sleep
        self._pending = bytearray()
        self._idle = asyncio.Event()
        self._idle.set()
        self._failure: OSError | None = None
        self._writing: asyncio.Task[None] | None = None
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        self._file = open(descriptor, "r+b", buffering=0)  # noqa: PTH123, SIM115 - a descriptor, which `close` closes
        self._file.truncate(end)
        self._end = self._file.seek(end)

    async def write(self, line: bytes) -> None:
        """Append a line; returns at once, unless much waits for the disk.

        Raises:
            OSError: a write failed, this one or one before; the file ends with a whole line.
        """
        self._raise_failure()
        self._pending += line
        if self._writing is None:
            self._idle.clear()
            self._writing = asyncio.create_task(self._write())
        if len(self._pending) > _MAX_PENDING:
            await self._idle.wait()
            self._raise_failure()

    async def close(self) -> None:
        """Return when every line is on the disk; idempotent. A caller that is cancelled waits for that as well.

        Raises:
            OSError: a write failed.
        """
        await settled(self._close())

    async def _close(self) -> None:
        if self._file.closed:
            return
        await self._idle.wait()
        try:
            if self._failure is None:
                await asyncio.to_thread(os.fsync, self._file.fileno())
        finally:
            self._file.close()
        self._raise_failure()

    async def _write(self) -> None:
        try:
            while self._pending and self._failure is None:
                lines, self._pending = bytes(self._pending), bytearray()
                await asyncio.to_thread(self._append, lines)
                await self._sleep(_PAUSE)
        finally:
            self._writing = None
            self._idle.set()

    def _append(self, lines: bytes) -> None:
        try:
            write_all(self._file, lines)
            self._end += len(lines)
        except OSError as error:
            self._failure = error
            with contextlib.suppress(OSError):  # what cannot be cut off now is cut off by whoever resumes
                written = self._file.tell() - self._end
                self._end += lines.rfind(b"\n", 0, written) + 1
                self._file.truncate(self._end)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
