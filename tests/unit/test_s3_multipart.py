"""Uploads in parts: which parts, in what order, how many at once; and what is left when one fails or is cancelled."""

from __future__ import annotations

import asyncio
import base64
import re
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async import RetryConfig, Session, StubResponse, StubTransport
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.s3 import parts
from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import (
    ConfigurationError,
    ConnectionLostError,
    RequestValidationError,
    ResponseError,
    S3AccessDeniedError,
    ServiceError,
    UploadSourceError,
)

OBJECT = {"bucket": "my-bucket", "key": "k"}
PART = 10


def crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def error(status: int, code: str) -> StubResponse:
    return StubResponse(status, f"<Error><Code>{code}</Code><Message>words</Message></Error>".encode())


class FakeS3:
    """Takes uploads in parts, and answers what `faults` says first, by what a request is for."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.parts: dict[int, bytes] = {}
        self.objects: dict[str, bytes] = {}
        self.uploads = 0
        self.faults: dict[str, list[Any]] = {}
        self.completions: list[bytes] = []
        self.requests: list[HTTPRequest] = []

    def __call__(self, request: HTTPRequest) -> Any:
        self.requests.append(request)
        query = request.target.partition("?")[2]
        number = re.search(r"partNumber=(\d+)", query)
        if query == "uploads=":
            name = "create"
        elif number:
            name = f"part {number[1]}"
        elif "uploadId=" in query:
            name = {"POST": "complete", "DELETE": "abort"}[request.method]
        else:
            name = "put"
        self.log.append(name)
        if faults := self.faults.get(name):
            fault = faults.pop(0)
            return fault(request) if callable(fault) else fault
        return getattr(self, name.split()[0])(request, int(number[1]) if number else 0)

    def create(self, request: HTTPRequest, number: int) -> StubResponse:
        self.uploads += 1
        body = "<InitiateMultipartUploadResult><UploadId>u/+1</UploadId></InitiateMultipartUploadResult>"
        return StubResponse(200, body.encode())

    def part(self, request: HTTPRequest, number: int) -> StubResponse:
        assert "uploadId=u%2F%2B1" in request.target
        if (checksum := request.headers.get("x-amz-checksum-crc32")) is not None:
            assert checksum == crc32(request.body)
        self.parts[number] = request.body
        return StubResponse(200, b"", {"ETag": f'"{number}&"'})

    def complete(self, request: HTTPRequest, number: int) -> StubResponse:
        self.completions.append(request.body)
        self.uploads -= 1
        self.objects["k"] = b"".join(body for _, body in sorted(self.parts.items()))
        assert request.headers["x-amz-mp-object-size"] == str(len(self.objects["k"]))
        body = "<CompleteMultipartUploadResult><ETag>&quot;e-2&quot;</ETag></CompleteMultipartUploadResult>"
        return StubResponse(200, body.encode())

    def abort(self, request: HTTPRequest, number: int) -> StubResponse:
        self.uploads -= 1
        self.parts.clear()
        return StubResponse(204)

    def put(self, request: HTTPRequest, number: int) -> StubResponse:
        self.objects["k"] = request.body
        return StubResponse(200, b"", {"ETag": '"e"'})


@pytest.fixture
def s3() -> FakeS3:
    return FakeS3()


def session_of(s3: FakeS3, **options: Any) -> Session:
    session = Session(transport=StubTransport(otherwise=s3), retry=RetryConfig(max_attempts=3), **options)

    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    session.channel.timing = Timing(sleep=sleep)
    session.s3.part_bytes = PART
    return session


async def chunked(body: bytes, step: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), step):
        yield body[start : start + step]


BODIES: dict[str, Callable[[bytes, Path], Any]] = {
    "bytes": lambda body, path: body,
    "bytearray": lambda body, path: bytearray(body),
    "memoryview": lambda body, path: memoryview(body),
    "file": lambda body, path: path,
    "chunks of 1": lambda body, path: chunked(body, 1),
    "chunks of 7": lambda body, path: chunked(body, 7),
    "chunks of 25": lambda body, path: chunked(body, 25),
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART, 5 * PART + 3])
async def test_every_kind_of_body_arrives_whole(s3: FakeS3, kind: str, size: int, tmp_path: Path) -> None:
    body = bytes(number % 251 for number in range(size))
    path = tmp_path / "file"
    path.write_bytes(body)
    async with session_of(s3) as session:
        written = await session.s3.put_object(**OBJECT, body=BODIES[kind](body, path))
    assert s3.objects == {"k": body}
    assert written.etag == ('"e-2"' if size > PART else '"e"')
    assert s3.uploads == 0
    expected = -(-size // PART)
    assert sorted(s3.log) == (["put"] if expected < 2 else sorted(
        ["create", "complete", *(f"part {number}" for number in range(1, expected + 1))]
    ))  # fmt: skip


async def test_what_s3_is_told_of_the_object_its_parts_and_the_whole(s3: FakeS3) -> None:
    body = bytes(25)
    async with session_of(s3) as session:
        await session.s3.put_object(
            **OBJECT,
            body=body,
            content_type="text/csv",
            user_metadata={"who": "me"},
            server_side_encryption="AES256",
            expected_bucket_owner="1" * 12,
        )
    create, *sent, complete = s3.requests
    assert create.headers["Content-Type"] == "text/csv"
    assert create.headers["x-amz-meta-who"] == "me"
    assert create.headers["x-amz-server-side-encryption"] == "AES256"
    assert create.headers["x-amz-checksum-algorithm"] == "CRC32"
    assert create.headers["x-amz-checksum-type"] == complete.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    assert complete.headers["x-amz-checksum-crc32"] == crc32(body)
    assert all(request.headers["x-amz-sdk-checksum-algorithm"] == "CRC32" for request in sent)
    assert {request.headers["x-amz-expected-bucket-owner"] for request in s3.requests} == {"1" * 12}
    assert s3.completions[0].decode().partition(">")[2] == (
        f'<Part><ETag>"1&amp;"</ETag><ChecksumCRC32>{crc32(bytes(10))}</ChecksumCRC32><PartNumber>1</PartNumber></Part>'
        f'<Part><ETag>"2&amp;"</ETag><ChecksumCRC32>{crc32(bytes(10))}</ChecksumCRC32><PartNumber>2</PartNumber></Part>'
        f'<Part><ETag>"3&amp;"</ETag><ChecksumCRC32>{crc32(bytes(5))}</ChecksumCRC32><PartNumber>3</PartNumber></Part>'
        "</CompleteMultipartUpload>"
    )


async def test_no_checksums_travel_where_they_are_not_wanted(s3: FakeS3) -> None:
    async with session_of(s3, request_checksum_calculation="when_required") as session:
        await session.s3.put_object(**OBJECT, body=bytes(25))
    assert s3.objects == {"k": bytes(25)}
    assert not [name for request in s3.requests for name in request.headers if "checksum" in name]
    assert b"Checksum" not in s3.completions[0]


async def test_a_part_that_fails_is_sent_again_by_itself(s3: FakeS3) -> None:
    s3.faults = {
        "create": [error(503, "SlowDown")],
        "part 2": [ConnectionLostError("cut"), error(500, "InternalError")],
        "part 3": [error(400, "BadDigest")],
        "complete": [error(200, "InternalError"), ConnectionLostError("cut")],
    }
    async with session_of(s3) as session:
        written = await session.s3.put_object(**OBJECT, body=chunked(bytes(range(25)), 3))
    assert s3.objects == {"k": bytes(range(25))}
    assert len(written.metadata.attempts) == 3
    assert [s3.log.count(name) for name in ("create", "part 1", "part 2", "part 3", "complete", "abort")] == [
        2, 1, 3, 2, 3, 0
    ]  # fmt: skip


@pytest.mark.parametrize("there", ["it", "another", "nothing"])
async def test_a_completion_whose_answer_was_lost_is_found_out(s3: FakeS3, there: str) -> None:
    def completed_and_lost(request: HTTPRequest) -> Exception:
        s3.complete(request, 0)
        return ConnectionLostError("cut")

    size, etag = (25, '"e-3"') if there == "it" else (25, '"e-2"')
    head = StubResponse(200, b"", {"Content-Length": str(size), "ETag": etag, "x-amz-checksum-crc32": crc32(bytes(25))})
    s3.faults = {
        "complete": [completed_and_lost, error(404, "NoSuchUpload")],
        "put": [StubResponse(404) if there == "nothing" else head],
        "abort": [error(404, "NoSuchUpload")],
    }
    async with session_of(s3) as session:
        upload = session.s3.put_object(**OBJECT, body=bytes(25))
        if there == "it":
            assert (await upload).etag == '"e-3"'
            assert "abort" not in s3.log
        else:
            with pytest.raises(ServiceError, match="NoSuchUpload"):
                await upload


async def test_an_upload_that_is_gone_before_it_is_completed_is_an_error(s3: FakeS3) -> None:
    s3.faults = {"complete": [error(404, "NoSuchUpload")], "abort": [error(404, "NoSuchUpload")]}
    async with session_of(s3) as session:
        with pytest.raises(ServiceError, match=r"CompleteMultipartUpload .* NoSuchUpload"):
            await session.s3.put_object(**OBJECT, body=bytes(25))


async def test_an_error_that_comes_with_status_200_is_an_error(s3: FakeS3) -> None:
    s3.faults = {"complete": [error(200, "InternalError")] * 3}
    async with session_of(s3) as session:
        with pytest.raises(ServiceError, match="CompleteMultipartUpload on 's3://my-bucket/k': HTTP 500 InternalError"):
            await session.s3.put_object(**OBJECT, body=bytes(25))
    assert s3.log[-1] == "abort"


@pytest.mark.parametrize("name", ["part 1", "part 3", "complete"])
async def test_an_upload_that_fails_is_aborted(s3: FakeS3, name: str) -> None:
    s3.faults = {name: [error(403, "AccessDenied")]}
    async with session_of(s3) as session:
        with pytest.raises(S3AccessDeniedError, match="it needs s3:PutObject"):
            await session.s3.put_object(**OBJECT, body=bytes(35))
        assert len(asyncio.all_tasks()) == 1
    assert s3.log[-1] == "abort"
    assert (s3.uploads, s3.objects) == (0, {})


async def test_an_upload_that_is_not_begun_is_not_aborted(s3: FakeS3) -> None:
    s3.faults = {"create": [error(403, "AccessDenied")]}
    async with session_of(s3) as session:
        with pytest.raises(S3AccessDeniedError):
            await session.s3.put_object(**OBJECT, body=bytes(35))
    assert s3.log == ["create"]


async def test_parts_that_could_not_be_deleted_are_warned_of(s3: FakeS3, caplog: pytest.LogCaptureFixture) -> None:
    s3.faults = {"part 1": [error(403, "AccessDenied")], "abort": [error(403, "AccessDenied")]}
    async with session_of(s3) as session:
        with pytest.raises(S3AccessDeniedError, match="UploadPart"):
            await session.s3.put_object(**OBJECT, body=bytes(35))
    assert (
        "the upload of s3://my-bucket/k failed, and its parts could not be deleted (S3AccessDeniedError)" in caplog.text
    )


class Failed(Exception):
    """What an iterable of the user's raises."""


@pytest.mark.parametrize("before", [0, 5, 15, 35])
async def test_what_the_iterable_raises_reaches_the_caller_as_it_is(s3: FakeS3, before: int) -> None:
    closed = []

    async def failing() -> AsyncIterator[bytes]:
        try:
            for _ in range(before):
                yield b"x"
            raise Failed
        finally:
            closed.append(True)

    async with session_of(s3) as session:
        with pytest.raises(Failed):
            await session.s3.put_object(**OBJECT, body=failing())
    assert (s3.uploads, s3.objects, closed) == (0, {}, [True])


@pytest.mark.parametrize("item", ["text", None, 1])
@pytest.mark.parametrize("before", [0, 35])
async def test_an_iterable_that_yields_no_bytes_is_refused(s3: FakeS3, item: Any, before: int) -> None:
    async def wrong() -> AsyncIterator[Any]:
        for _ in range(before):
            yield b"x"
        yield item

    async with session_of(s3) as session:
        with pytest.raises(UploadSourceError, match=f"yields {type(item).__name__}; it must yield bytes"):
            await session.s3.put_object(**OBJECT, body=wrong())
    assert (s3.uploads, s3.objects) == (0, {})


@pytest.mark.parametrize("change", ["longer", "shorter", "other content", "another file", "gone"])
async def test_a_file_that_changes_meanwhile_is_not_uploaded(s3: FakeS3, change: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(45))

    def changed(request: HTTPRequest) -> StubResponse:
        if change == "gone":
            path.unlink()
        elif change == "another file":
            (tmp_path / "new").write_bytes(bytes(45))
            (tmp_path / "new").rename(path)
        else:
            path.write_bytes({"longer": bytes(46), "shorter": bytes(30), "other content": b"x" * 45}[change])
        return s3.create(request, 0)

    s3.faults = {"create": [changed(request) for request in ()] or [None]}
    transport = s3

    def answer(request: HTTPRequest) -> Any:
        if request.target.endswith("?uploads="):
            transport.log.append("create")
            return changed(request)
        return transport(request)

    session = session_of(s3)
    session.channel.config.transport._otherwise = answer  # type: ignore[union-attr]
    async with session:
        words = "could not be read to its end" if change == "gone" else "changed while it was uploaded"
        with pytest.raises(UploadSourceError, match=words):
            await session.s3.put_object(**OBJECT, body=path)
    assert s3.log[-1] == "abort"
    assert (s3.uploads, s3.objects) == (0, {})


async def test_no_more_parts_are_under_way_than_may_be() -> None:
    s3 = FakeS3()
    release = asyncio.Event()
    under_way = most = 0

    class Slow(StubTransport):
        async def send(self, request: HTTPRequest, *others: Any, **options: Any) -> Any:
            nonlocal under_way, most
            if "partNumber" in request.target:
                under_way += 1
                most = max(most, under_way)
                if under_way == 3:
                    release.set()
                await release.wait()
                under_way -= 1
            return await super().send(request, *others, **options)

    yielded = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal yielded
        for _ in range(12):
            yielded += 1
            assert yielded - len(s3.parts) <= 5  # those under way, the one to come, and the one that is asked for
            yield bytes(PART)

    async with Session(transport=Slow(otherwise=s3)) as session:
        session.s3.part_bytes = PART
        await session.s3.put_object(**OBJECT, body=body())
    assert (most, len(s3.objects["k"])) == (3, 120)


async def test_a_body_with_more_parts_than_s3_takes_is_refused_or_cut_larger(
    s3: FakeS3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(parts, "MAX_PARTS", 4)
    path = tmp_path / "file"
    path.write_bytes(bytes(101))
    async with session_of(s3) as session:
        for body in (path, bytes(101)):
            await session.s3.put_object(**OBJECT, body=body)
            assert len(s3.objects["k"]) == 101
            assert len(s3.parts) == 4
        with pytest.raises(UploadSourceError, match="more than 4 parts of 10 bytes"):
            await session.s3.put_object(**OBJECT, body=chunked(bytes(101), 10))
    assert s3.uploads == 0


async def test_a_file_that_cannot_be_read_is_refused_before_anything_is_sent(s3: FakeS3, tmp_path: Path) -> None:
    async with session_of(s3) as session:
        with pytest.raises(RequestValidationError, match="Nothing was sent"):
            await session.s3.put_object(**OBJECT, body=tmp_path / "none")
    assert s3.log == []


async def test_an_iterable_is_closed_when_its_upload_fails(s3: FakeS3) -> None:
    s3.faults["part 1"] = [error(403, "AccessDenied")]
    closed = False

    async def body() -> AsyncIterator[bytes]:
        nonlocal closed
        try:
            while True:
                yield bytes(PART)
        finally:
            await asyncio.sleep(0)
            closed = True

    async with session_of(s3) as session:
        with pytest.raises(S3AccessDeniedError):
            await session.s3.put_object(**OBJECT, body=body())
        assert closed


async def test_slices_with_gaps_are_uploaded_as_the_bytes_that_they_show(s3: FakeS3) -> None:
    async def body() -> AsyncIterator[memoryview]:
        yield memoryview(b"a-b-c-")[::2]

    async with session_of(s3) as session:
        await session.s3.put_object(**OBJECT, body=body())
    assert s3.objects == {"k": b"abc"}


@pytest.mark.parametrize("name", ["part_bytes", "parallel_parts"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "8"])
async def test_parts_of_no_size_and_no_parts_at_once_are_refused(s3: FakeS3, name: str, value: Any) -> None:
    async with session_of(s3) as session:
        setattr(session.s3, name, value)
        with pytest.raises(ConfigurationError, match=f"S3Client.{name} must be a whole number"):
            await session.s3.put_object(**OBJECT, body=chunked(bytes(50), 7))
    assert s3.log == []


async def test_an_upload_without_an_id_is_an_error_and_nothing_is_deleted(s3: FakeS3) -> None:
    answer = b"<InitiateMultipartUploadResult><UploadId></UploadId></InitiateMultipartUploadResult>"
    s3.faults["create"] = [StubResponse(200, answer)]
    async with session_of(s3) as session:
        with pytest.raises(ResponseError, match="UploadId is missing"):
            await session.s3.put_object(**OBJECT, body=bytes(50))
    assert s3.log == ["create"]


@pytest.mark.parametrize("answer", [b"", b"<html><body>Welcome</body></html>"])
async def test_a_completion_that_is_not_confirmed_is_an_error(s3: FakeS3, answer: bytes) -> None:
    s3.faults["complete"] = [StubResponse(200, answer)]
    async with session_of(s3) as session:
        with pytest.raises(ResponseError, match="ETag is missing"):
            await session.s3.put_object(**OBJECT, body=bytes(50))
    assert s3.log[-1] == "abort"
