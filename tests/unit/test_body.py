"""Request bodies: what is taken, what is refused in which words, and what is read where."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async.aws.shapes.body import Readable, body_bytes, read_body


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"bytes", b"bytes"),
        (bytearray(b"array"), b"array"),
        (memoryview(b"view"), b"view"),
        (memoryview(b"a-b-c-")[::2], b"abc"),
        ("h\u00e9 \U0001f600", "h\u00e9 \U0001f600".encode()),
        ("", b""),
        (b"", b""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_buffers_and_text_become_bytes(body: object, expected: bytes) -> None:
    assert body_bytes(body) == expected


def test_a_mutable_buffer_is_copied() -> None:
    buffer = bytearray(b"before")
    copied = body_bytes(buffer)
    buffer[:] = b"after!"
    assert copied == b"before"


def test_bytes_are_not_copied() -> None:
    body = b"x" * 100
    assert body_bytes(body) is body


def test_an_object_with_read_is_left_for_later() -> None:
    file = io.BytesIO(b"x")
    assert body_bytes(file) is file
    assert isinstance(file, Readable)


@pytest.mark.parametrize("body", [None, 1, {"a": 1}, ["x"], object()], ids=lambda body: type(body).__name__)
def test_other_kinds_are_refused_and_named(body: object) -> None:
    with pytest.raises(TypeError, match=rf"must be bytes, .*got {type(body).__name__}"):
        body_bytes(body)


def test_text_that_utf_8_cannot_encode_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="lone surrogate at position 7") as caught:
        body_bytes("secret \ud800")
    assert caught.value.__context__ is None
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("document", [{"inputs": "x"}, [1, 2], (1, 2), 7, 0.5], ids=lambda d: type(d).__name__)
def test_a_document_that_was_not_serialised_is_refused_with_the_remedy(document: Any) -> None:
    with pytest.raises(TypeError, match=rf"got {type(document).__name__}; serialise it first, for instance"):
        body_bytes(document)


def test_a_generator_is_refused() -> None:
    with pytest.raises(TypeError, match=r"binary object with read\(\), got generator$"):
        body_bytes(chunk for chunk in (b"x",))


def test_a_released_view_is_refused() -> None:
    view = memoryview(b"x")
    view.release()
    with pytest.raises(ValueError, match="released"):
        body_bytes(view)


class Source:
    def __init__(self, content: Any) -> None:
        self.content = content
        self.threads: list[threading.Thread] = []

    def read(self) -> Any:
        self.threads.append(threading.current_thread())
        return self.content


@pytest.mark.parametrize("content", [b"x", bytearray(b"x"), memoryview(b"x")], ids=lambda c: type(c).__name__)
async def test_a_file_is_read_once_off_the_event_loop(content: Any) -> None:
    source = Source(content)
    assert await read_body(source) == b"x"
    assert len(source.threads) == 1
    assert source.threads[0] is not threading.current_thread()


async def test_a_file_is_read_from_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "body"
    path.write_bytes(b"skipped body")
    with path.open("rb") as file:
        file.seek(8)
        assert await read_body(file) == b"body"


async def test_a_text_file_is_refused_with_the_remedy() -> None:
    with pytest.raises(TypeError, match="binary mode"):
        await read_body(io.StringIO("text"))  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [None, 3])
async def test_a_read_that_returns_no_bytes_is_refused(content: object) -> None:
    with pytest.raises(TypeError, match="must return bytes"):
        await read_body(Source(content))


async def test_an_asynchronous_read_is_refused_with_the_remedy() -> None:
    class Asynchronous:
        async def read(self) -> bytes:
            return b"x"

    with pytest.raises(TypeError, match=r"body=await file\.read\(\)"):
        await read_body(Asynchronous())  # type: ignore[arg-type]


async def test_a_closed_file_is_a_value_error() -> None:
    file = io.BytesIO(b"x")
    file.close()
    with pytest.raises(ValueError, match="closed file"):
        await read_body(file)
