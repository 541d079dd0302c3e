"""Where the input comes from, and how it is recognised: a local file, an object in S3, standard input.

What cannot be read again from its beginning at any time is copied beside the output before the first record is sent:
standard input is gone once it was read, and a download does not survive hours of waiting for a model. So every run
reads a local file, and a resumed one the same.

=================  =============================  =======================================================
input              read from                      known again by (`Input.fingerprint`)
=================  =============================  =======================================================
a path             the file                       its size and the BLAKE2 hash of its contents
``s3://...``       a copy, downloaded as a        bucket, key, size and ETag, which changes with the
                   stream                         content; the object is asked for them each time
``-``              a copy of standard input       size and hash of the copy; a resumed run reads only that
=================  =============================  =======================================================
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import AsyncIterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sagemaker_async.aws.s3.uris import S3Location
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.session import Session

from .steps import in_thread, settled

__all__ = ["STDIN", "Input", "file_input", "s3_input", "stdin_input"]

STDIN = "-"
_STEP_BYTES = 16 << 20
"""How much is hashed, or taken from S3 or standard input, before the event loop or the disk has its turn."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """An input that can be read from its beginning at any time."""

    path: Path
    """The file to read."""
    fingerprint: Mapping[str, Any]
    """What a resumed run recognises it by."""
    lines: int
    """How many it has, for progress."""


async def file_input(path: Path) -> Input:
    """Return a local file as an input; all of it is read once, for its hash.

    Raises:
        ConfigurationError: it cannot be read.
    """
    hashed = hashlib.blake2b(digest_size=16)
    size = lines = 0
    try:
        async for step_bytes, step_lines in in_thread(_hash(path, hashed)):
            size += step_bytes
            lines += step_lines
    except OSError as error:
        raise ConfigurationError(f"the input {str(path)!r} cannot be read: {error.strerror}") from error
    return Input(path=path, fingerprint={"bytes": size, "blake2b": hashed.hexdigest()}, lines=lines)


def _hash(path: Path, hashed: Any) -> Iterator[tuple[int, int]]:
    """Yield the bytes and the lines of each step."""
    if not path.is_file():  # a pipe would be empty when the records are read
        problem = "is not a regular file; - reads standard input" if path.exists() else "does not exist"
        raise ConfigurationError(f"the input {str(path)!r} {problem}")
    last = b"\n"
    with path.open("rb") as file:
        while data := file.read(_STEP_BYTES):
            hashed.update(data)
            last = data[-1:]
            yield len(data), data.count(b"\n")
    yield 0, last != b"\n"


async def s3_input(session: Session, location: S3Location, copy: Path, begun: Mapping[str, Any] | None) -> Input:
    """Return an object of S3 as an input, downloaded unless the copy of it is there.

    Args:
        session: whose S3 client to use.
        location: the object.
        copy: where to keep it.
        begun: the fingerprint of the run that the copy belongs to; None when it belongs to none.

    Raises:
        CallError: S3 refused it, or could not be asked.
        OSError: the copy cannot be written.
    """
    head = await session.s3.head_object(bucket=location.bucket, key=location.key)
    fingerprint = {"object": str(location), "bytes": head.content_length, "etag": head.etag}
    if begun is not None and dict(begun) != fingerprint:
        return Input(path=copy, fingerprint=fingerprint, lines=0)  # the copy is that of another input
    if begun is None or not await asyncio.to_thread(copy.exists):
        content = await session.s3.get_object(bucket=location.bucket, key=location.key, if_match=head.etag)
        async with content:
            await _download(content, copy)
    return replace(await file_input(copy), fingerprint=fingerprint)


async def stdin_input(copy: Path, begun: Mapping[str, Any] | None, *, descriptor: int = 0) -> Input:
    """Return standard input as an input: read to its end, unless a run has begun with the copy of it.

    Args:
        copy: where to keep it.
        begun: the fingerprint of the run that the copy belongs to; None when it belongs to none.
        descriptor: of the file to read.

    Raises:
        ConfigurationError: the copy that a run began with is gone.
        OSError: the copy cannot be written.
    """
    if begun is None:
        part = _part_of(copy)
        await _copied(descriptor, part)
        part.replace(copy)
    elif _OF_STDIN not in begun:
        return Input(path=copy, fingerprint=_FROM_STDIN, lines=0)
    elif not await asyncio.to_thread(copy.exists):
        raise ConfigurationError(
            f"the copy {str(copy)!r} of the standard input that the run began with is gone; it is removed when every "
            "record has its answer. To start over, use overwrite (--overwrite)"
        )
    found = await file_input(copy)
    return replace(found, fingerprint={**_FROM_STDIN, **found.fingerprint})


_OF_STDIN = "copy"
_FROM_STDIN = {_OF_STDIN: "of standard input"}


async def _download(chunks: AsyncIterable[bytes], copy: Path) -> None:
    part = _part_of(copy)
    file = await asyncio.to_thread(part.open, "wb")
    try:
        pending = bytearray()
        async for chunk in chunks:
            pending += chunk
            if len(pending) >= _STEP_BYTES:
                await settled(asyncio.to_thread(file.write, bytes(pending)))
                pending.clear()
        await settled(asyncio.to_thread(file.write, pending))
    finally:
        await settled(asyncio.to_thread(file.close))
    part.replace(copy)


async def _copied(descriptor: int, path: Path) -> None:
    """Copy what a descriptor gives up to its end. Whoever is cancelled leaves at once; the thread stays."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def tell(error: BaseException | None) -> None:
        if not done.done():
            done.set_result(None) if error is None else done.set_exception(error)

    def copy() -> None:
        problem: BaseException | None = None
        try:
            with path.open("wb") as file:
                while data := os.read(descriptor, _STEP_BYTES):
                    file.write(data)
        except OSError as error:
            problem = error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, problem)

    # Not asyncio's threads: the interpreter waits for those at its end, and this one may wait for a keyboard.
    threading.Thread(target=copy, name="sagemaker_async.bulk stdin", daemon=True).start()
    await done


def _part_of(copy: Path) -> Path:
    return copy.with_name(f"{copy.name}.part")
