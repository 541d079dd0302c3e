"""Where the input comes from: its fingerprint, and the copy of what cannot be read twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sagemaker_async.aws.s3.uris import S3Location
from sagemaker_async.bulk import inputs
from sagemaker_async.bulk.inputs import file_input, s3_input, stdin_input
from sagemaker_async.errors import ConfigurationError, ConnectionLostError

WHERE = S3Location("bucket", "key")


async def test_a_fingerprint_tells_any_two_contents_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "_STEP_BYTES", 10)
    path = tmp_path / "in"
    contents = [b"", b"a", b"a\n", b"a\nb", b"a" * 25, b"a" * 24 + b"b", b"b" + b"a" * 24, b"a" * 26]
    found = []
    for each in contents:
        path.write_bytes(each)
        found.append(await file_input(path))
    assert len({str(source.fingerprint) for source in found}) == len(contents)
    assert [source.lines for source in found] == [0, 1, 1, 2, 1, 1, 1, 1]


async def test_what_is_not_a_file_is_refused_and_a_pipe_is_pointed_to_standard_input(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("pipe", "- reads standard input"), (".", "not a regular file"), ("missing", "does not exist")):
        with pytest.raises(ConfigurationError, match=words):
            await file_input(tmp_path / name)


@pytest.fixture
def pipe() -> Any:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    with contextlib.suppress(OSError):  # a test has closed it
        os.close(writing)


async def test_standard_input_is_copied_once_and_known_again(tmp_path: Path, pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.write(writing, b'{"n": 1}\n{"n": 2}\n')
    os.close(writing)
    copy = tmp_path / "copy"
    first = await stdin_input(copy, None, descriptor=reading)
    assert copy.read_bytes() == b'{"n": 1}\n{"n": 2}\n'
    assert first.lines == 2
    again = await stdin_input(copy, first.fingerprint, descriptor=-1)
    assert again == first
    copy.write_bytes(b"other\n")
    assert (await stdin_input(copy, first.fingerprint, descriptor=-1)).fingerprint != first.fingerprint
    copy.unlink()
    with pytest.raises(ConfigurationError, match="is gone"):
        await stdin_input(copy, first.fingerprint, descriptor=-1)


async def test_standard_input_is_not_read_when_the_run_began_with_a_file(tmp_path: Path) -> None:
    begun = {"bytes": 1, "blake2b": "ab"}
    assert (await stdin_input(tmp_path / "copy", begun, descriptor=-1)).fingerprint != begun
    assert list(tmp_path.iterdir()) == []


async def test_a_copy_that_cannot_be_written_is_an_error(tmp_path: Path, pipe: tuple[int, int]) -> None:
    with pytest.raises(OSError, match="No such file"):
        await stdin_input(tmp_path / "missing" / "copy", None, descriptor=pipe[0])


async def test_whoever_is_cancelled_does_not_wait_for_a_silent_pipe(tmp_path: Path, pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    waiting = asyncio.ensure_future(stdin_input(tmp_path / "copy", None, descriptor=reading))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not (tmp_path / "copy").exists()
    os.close(writing)  # which ends the thread


class Bucket:
    """An object of S3, which may change and break off."""

    def __init__(self, content: bytes) -> None:
        self.content, self.etag = content, '"1"'
        self.downloads = 0
        self.breaks_after: int | None = None
        self.s3 = self

    async def head_object(self, *, bucket: str, key: str) -> Any:
        assert (bucket, key) == WHERE
        return SimpleNamespace(content_length=len(self.content), etag=self.etag)

    async def get_object(self, *, bucket: str, key: str, if_match: str) -> Any:
        assert (bucket, key, if_match) == (*WHERE, self.etag)
        self.downloads += 1
        return self

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chance = random.Random(1)
        at = 0
        while at < len(self.content):
            if self.breaks_after is not None and at >= self.breaks_after:
                raise ConnectionLostError("no")
            size = chance.randint(1, 9)
            yield self.content[at : at + size]
            at += size


async def test_an_object_is_downloaded_once_and_again_when_the_copy_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "_STEP_BYTES", 10)
    bucket: Any = Bucket(bytes(range(200)))
    copy = tmp_path / "copy"
    first = await s3_input(bucket, WHERE, copy, None)
    assert copy.read_bytes() == bucket.content
    assert first.fingerprint == {"object": "s3://bucket/key", "bytes": 200, "etag": '"1"'}
    assert await s3_input(bucket, WHERE, copy, first.fingerprint) == first
    assert bucket.downloads == 1
    copy.unlink()
    assert await s3_input(bucket, WHERE, copy, first.fingerprint) == first
    assert bucket.downloads == 2
    bucket.etag = '"2"'
    assert (await s3_input(bucket, WHERE, copy, first.fingerprint)).fingerprint != first.fingerprint
    assert bucket.downloads == 2


async def test_a_download_that_breaks_off_leaves_no_copy(tmp_path: Path) -> None:
    bucket: Any = Bucket(bytes(200))
    bucket.breaks_after = 100
    with pytest.raises(ConnectionLostError):
        await s3_input(bucket, WHERE, tmp_path / "copy", None)
    assert not (tmp_path / "copy").exists()
    bucket.breaks_after = None
    await s3_input(bucket, WHERE, tmp_path / "copy", None)
    assert (tmp_path / "copy").read_bytes() == bucket.content
