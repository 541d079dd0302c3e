"""What is uploaded, cut into parts: bytes, a file by its path, or an asynchronous iterable of bytes.

Each part is made when it is asked for, off the event loop, with its CRC32 and that of all bytes up to its end; nothing
is held between two parts. A file is opened for each part anew, so that nobody who is cancelled leaves one open; when it
is not the same file of the same length and time of change any more, that is an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import zlib
from collections.abc import AsyncGenerator, AsyncIterable
from pathlib import Path
from typing import NamedTuple

from sagemaker_async.errors import FieldProblem, RequestValidationError, UploadSourceError

__all__ = ["MAX_PARTS", "ObjectBody", "Part", "parts_of"]

ObjectBody = bytes | bytearray | memoryview | Path | AsyncIterable[bytes]
"""What can be uploaded: bytes, a file by its path, or what yields bytes."""

MAX_PARTS = 10_000
"""How many parts S3 makes one object of."""


class Part(NamedTuple):
    """A piece of what is uploaded."""

    number: int
    """Counted from 1."""
    data: bytes
    crc: int
    """The CRC32 of `data`."""
    crc_so_far: int
    """The CRC32 of all bytes up to the end of this part."""
    size_so_far: int


async def parts_of(body: ObjectBody, part_bytes: int) -> AsyncGenerator[Part, None]:
    """Yield a body in parts of `part_bytes` and a last one of what is left; an empty body is one empty part.

    The parts are larger where a body of known size would have more than `MAX_PARTS`.

    Raises:
        RequestValidationError: at the first part: it is of another kind, or the file cannot be read.
        UploadSourceError: at a later one: the file changed, or the iterable yields something else than bytes.
    """
    pieces: AsyncGenerator[bytes, None]
    if isinstance(body, bytes | bytearray | memoryview):
        pieces = _of_bytes(bytes(body), part_bytes)
    elif isinstance(body, Path):
        pieces = _of_file(body, part_bytes)
    elif isinstance(body, AsyncIterable):
        pieces = _of_iterable(body, part_bytes)
    else:
        raise _refusal(
            "must be bytes, a pathlib.Path or an asynchronous iterable of bytes, "
            f"got {type(body).__name__}{'; encode it first' if isinstance(body, str) else ''}"
        )
    number = crc_so_far = size = 0
    async with contextlib.aclosing(pieces):  # at once, and with it the iterable that it reads
        async for data in pieces:
            number += 1
            size += len(data)
            if number > MAX_PARTS:
                raise UploadSourceError(
                    f"the body has more than {MAX_PARTS} parts of {part_bytes:,} bytes, which S3 does not take; give a "
                    "file, whose size is known, or set a larger S3Client.part_bytes"
                )
            crc, crc_so_far = await asyncio.to_thread(_checksums, data, crc_so_far)
            part = [Part(number, data, crc, crc_so_far, size)]
            del data
            yield part.pop()  # not held here while it is under way
    if not number:
        yield Part(1, b"", 0, 0, 0)


def _checksums(data: bytes, crc_so_far: int) -> tuple[int, int]:
    return zlib.crc32(data), zlib.crc32(data, crc_so_far)


def _part_bytes(size: int, part_bytes: int) -> int:
    return max(part_bytes, -(-size // MAX_PARTS))


async def _of_bytes(body: bytes, part_bytes: int) -> AsyncGenerator[bytes, None]:
    step = _part_bytes(len(body), part_bytes)
    for start in range(0, len(body), step):
        yield body[start : start + step]


async def _of_file(path: Path, part_bytes: int) -> AsyncGenerator[bytes, None]:
    try:
        identity, size = await asyncio.to_thread(_inspect, path)
        step = _part_bytes(size, part_bytes)
        # Made here and used for every part: what a thread allocates, the C library may keep for that thread.
        buffer = memoryview(bytearray(min(step, size)))
        await asyncio.to_thread(_read, path, identity, 0, buffer)
    except OSError as error:
        raise _refusal(f"the file {str(path)!r} cannot be read: {error.strerror or error}") from error
    if size:
        yield bytes(buffer)
    try:
        for start in range(step, size, step):
            piece = buffer[: size - start]
            await asyncio.to_thread(_read, path, identity, start, piece)
            yield bytes(piece)
    except OSError as error:
        raise UploadSourceError(
            f"the file {str(path)!r} could not be read to its end: {error.strerror or error}"
        ) from error


_Identity = tuple[int, int, int, int]


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _inspect(path: Path) -> tuple[_Identity, int]:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe would block whoever opens it
        raise OSError("it is not a regular file; yield its bytes from an asynchronous iterable instead")
    return _identity(status), status.st_size


def _read(path: Path, identity: _Identity, start: int, buffer: memoryview) -> None:
    with path.open("rb") as file:
        file.seek(start)
        read = file.readinto(buffer)
        now = _identity(os.fstat(file.fileno()))
    if now != identity or read != len(buffer):
        raise UploadSourceError(
            f"the file {str(path)!r} changed while it was uploaded: it had {identity[2]:,} bytes and has {now[2]:,}, "
            "or another content; upload a copy that nobody writes to"
        )


async def _of_iterable(chunks: AsyncIterable[bytes], part_bytes: int) -> AsyncGenerator[bytes, None]:
    iterator = aiter(chunks)
    gathered = bytearray()
    try:
        async for chunk in iterator:
            if not isinstance(chunk, bytes | bytearray | memoryview):
                raise UploadSourceError(f"the body yields {type(chunk).__name__}; it must yield bytes")
            view = memoryview(chunk if isinstance(chunk, bytes | bytearray) else bytes(chunk))
            while view:
                room = part_bytes - len(gathered)
                gathered += view[:room]
                view = view[room:]
                if len(gathered) == part_bytes:
                    part = [bytes(gathered)]
                    gathered.clear()
                    yield part.pop()  # not held here while it is under way
        if gathered:
            yield bytes(gathered)
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


def _refusal(rule: str) -> RequestValidationError:
    return RequestValidationError("PutObject", [FieldProblem("body", "Body", rule)])
