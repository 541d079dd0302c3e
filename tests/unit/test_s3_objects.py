"""`S3Object`: read whole, in pieces or not at all; broken off, resumed, replaced, corrupted; and never held on to."""

from __future__ import annotations

import asyncio
import base64
import gc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from sagemaker_async import Credentials, RetryConfig, Session, StubResponse, StubTransport
from sagemaker_async.aws.s3.objects import PROGRESS
from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import (
    ChecksumMismatchError,
    ConcurrentReadError,
    ConnectionLostError,
    NoSuchKeyError,
    PreconditionFailedError,
    ResponseError,
    ResponseTooLargeError,
    StreamClosedError,
)

OBJECT = {"bucket": "my-bucket", "key": "k"}
CONTENT = bytes(range(256))
CUT = ConnectionLostError("cut")


def crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def whole(*chunks: Any, size: int = len(CONTENT), etag: str = '"e"', **headers: str) -> StubResponse:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return StubResponse(200, chunks, {"Content-Length": str(size), "ETag": etag, **fields})


def rest(first: int, *chunks: Any, last: int = len(CONTENT) - 1, total: int = len(CONTENT)) -> StubResponse:
    headers = {"Content-Length": str(last - first + 1), "ETag": '"e"', "Content-Range": f"bytes {first}-{last}/{total}"}
    return StubResponse(206, chunks, headers)


def error(status: int, code: str) -> StubResponse:
    return StubResponse(status, f"<Error><Code>{code}</Code><Message>words</Message></Error>".encode())


def session_of(stub: StubTransport, attempts: int = 3, **options: Any) -> Session:
    """Return a session whose waits take no time; `stub.waited` lists them."""
    session = Session(transport=stub, retry=RetryConfig(max_attempts=attempts), **options)
    stub.waited = []  # type: ignore[attr-defined]

    async def sleep(seconds: float) -> None:
        stub.waited.append(seconds)  # type: ignore[attr-defined]

    session.channel.timing = Timing(sleep=sleep, uniform=lambda: 0.5)
    return session


async def test_chunks_come_as_they_are_and_the_connection_goes_at_the_end() -> None:
    stub = StubTransport(whole(CONTENT[:100], CONTENT[100:], x_amz_checksum_crc32=crc32(CONTENT)))
    async with session_of(stub) as session:
        got = await session.s3.get_object(**OBJECT)
        assert stub.in_use == 1
        assert "open" in repr(got)
        assert [chunk async for chunk in got] == [CONTENT[:100], CONTENT[100:]]
        assert stub.in_use == 0
        assert "ended, 256 of 256" in repr(got)
        assert await got.read() == b""
        await got.aclose()


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=10-19", 10, 19), ("bytes=250-", 250, 255), ("bytes=-6", 250, 255), ("bytes=0-0", 0, 0)],
)
async def test_a_range_is_read_and_its_rest_after_a_break(asked: str, first: int, last: int) -> None:
    wanted = CONTENT[first : last + 1]
    stub = StubTransport(rest(first, wanted[:1], CUT, last=last), rest(first + 1, wanted[1:], last=last))
    if first == last:
        stub = StubTransport(rest(first, wanted, last=last))
    async with session_of(stub) as session, await session.s3.get_object(**OBJECT, range=asked) as got:
        assert got.content_length == len(wanted)
        assert await got.read() == wanted
    assert stub.requests[0].headers["Range"] == asked
    assert [request.headers["Range"] for request in stub.requests[1:]] == [f"bytes={first + 1}-{last}"] * (first < last)


@pytest.mark.parametrize(
    "answer",
    [
        whole(CONTENT),
        StubResponse(206, CONTENT, {"Content-Length": "256"}),
        StubResponse(206, CONTENT, {"Content-Length": "256", "Content-Range": "bytes 0-9/256"}),
        StubResponse(206, CONTENT, {"Content-Length": "256", "Content-Range": "bytes */256"}),
    ],
)
async def test_an_answer_that_is_not_the_range_is_an_error(answer: StubResponse) -> None:
    stub = StubTransport(answer)
    async with session_of(stub) as session:
        with pytest.raises(ResponseError, match="range"):
            await session.s3.get_object(**OBJECT, range="bytes=0-255")
        assert stub.in_use == 0


@pytest.mark.parametrize(
    ("asked", "came"),
    [
        (None, (0, 9)),
        (None, (0, 255)),
        ("bytes=0-9", (100, 109)),
        ("bytes=0-9", (0, 8)),
        ("bytes=0-9", (0, 10)),
        ("bytes=100-", (100, 254)),
        ("bytes=-10", (0, 9)),
    ],
)
async def test_a_part_that_was_not_asked_for_is_an_error(asked: str | None, came: tuple[int, int]) -> None:
    first, last = came
    stub = StubTransport(rest(first, CONTENT[first : last + 1], last=last))
    async with session_of(stub) as session:
        with pytest.raises(ResponseError, match="was asked for, and"):
            await session.s3.get_object(**OBJECT, range=asked)
        assert stub.in_use == 0


@pytest.mark.parametrize("asked", ["bytes=250-900", "bytes=-300"])
async def test_a_range_beyond_the_object_is_what_there_is_of_it(asked: str) -> None:
    first = 250 if asked.endswith("900") else 0
    async with session_of(StubTransport(rest(first, CONTENT[first:]))) as session:
        got = await session.s3.get_object(**OBJECT, range=asked)
        assert await got.read() == CONTENT[first:]


async def test_the_rest_of_another_object_is_an_error() -> None:
    other = rest(100, bytes(156))
    other.headers["ETag"] = '"other"'  # type: ignore[index]
    stub = StubTransport(whole(CONTENT[:100], CUT), other)
    async with session_of(stub) as session:
        got = await session.s3.get_object(**OBJECT)
        with pytest.raises(ResponseError, match=r"the ETag \"e\" was asked for, that of \"other\" came"):
            await got.read()
        assert stub.in_use == 0


async def test_an_object_that_is_closed_while_its_rest_is_asked_for_stays_closed() -> None:
    stub = StubTransport(whole(CONTENT[:100], CUT), rest(100, CONTENT[100:150], CONTENT[150:]))
    async with session_of(stub) as session:
        waiting, go_on = asyncio.Event(), asyncio.Event()

        async def sleep(_: float) -> None:
            waiting.set()
            await go_on.wait()

        session.channel.timing = Timing(sleep=sleep, uniform=lambda: 0.5)
        got = await session.s3.get_object(**OBJECT)
        assert await got.read_chunk() == CONTENT[:100]
        reading = asyncio.create_task(got.read_chunk())
        await waiting.wait()
        await got.aclose()
        go_on.set()
        with pytest.raises(StreamClosedError):
            await reading
        assert stub.in_use == 0


async def test_an_answer_without_a_length_is_an_error_and_lets_go_of_its_connection() -> None:
    stub = StubTransport(StubResponse(200, CONTENT))
    async with session_of(stub) as session:
        with pytest.raises(ResponseError, match="ContentLength is missing"):
            await session.s3.get_object(**OBJECT)
        assert stub.in_use == 0


# --- limits -----------------------------------------------------------------------------------------------------------


async def test_an_object_that_is_larger_than_the_limit_is_not_read() -> None:
    stub = StubTransport(whole(CONTENT), whole(CONTENT))
    async with session_of(stub) as session:
        got = await session.s3.get_object(**OBJECT)
        with pytest.raises(ResponseTooLargeError, match=r"on 's3://my-bucket/k'.*than the 255 bytes.*chunk by chunk"):
            await got.read(limit=255)
        assert stub.in_use == 0
        with pytest.raises(StreamClosedError):
            await got.read()
        async with await session.s3.get_object(**OBJECT) as again:
            assert await again.read(limit=256) == CONTENT


async def test_without_a_limit_of_its_own_that_of_the_session_counts() -> None:
    async with session_of(StubTransport(whole(CONTENT)), max_response_bytes=100) as session:
        got = await session.s3.get_object(**OBJECT)
        with pytest.raises(ResponseTooLargeError) as raised:
            await got.read()
        assert (raised.value.limit, raised.value.received) == (100, 0)


async def test_a_peer_that_sends_more_than_it_announced_is_stopped_at_the_limit() -> None:
    stub = StubTransport(whole(CONTENT, CONTENT))
    async with session_of(stub) as session:
        got = await session.s3.get_object(**OBJECT)
        with pytest.raises(ResponseTooLargeError):
            await got.read(limit=300)
        assert stub.in_use == 0


# --- checksums --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunks", [(CONTENT,), (CONTENT[:1], CONTENT[1:]), (CONTENT[:99], CUT)])
async def test_what_came_is_compared_with_the_checksum_of_s3(chunks: Any) -> None:
    for expected, sound in ((crc32(CONTENT), True), (crc32(b"other"), False)):
        answers = [whole(*chunks, x_amz_checksum_crc32=expected, x_amz_checksum_type="FULL_OBJECT")]
        stub = StubTransport(*answers, *([rest(99, CONTENT[99:])] if CUT in chunks else []))
        async with session_of(stub) as session:
            got = await session.s3.get_object(**OBJECT)
            if sound:
                assert await got.read() == CONTENT
                continue
            with pytest.raises(ChecksumMismatchError, match="on 's3://my-bucket/k': the 256 bytes") as raised:
                await got.read()
            assert (raised.value.expected, raised.value.computed) == (expected, crc32(CONTENT))
            with pytest.raises(StreamClosedError, match="has failed before"):
                await got.read()
            assert stub.in_use == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_amz_checksum_crc64nvme": "AAAAAAAAAAA="},
        {"x_amz_checksum_crc32": "AAAAAA==-4"},
        {"x_amz_checksum_crc32": "AAAAAA==", "x_amz_checksum_type": "COMPOSITE"},
        {"x_amz_checksum_crc32": "not base64"},
        {"x_amz_checksum_crc32": "AAAA"},
    ],
)
async def test_a_checksum_that_says_nothing_of_the_whole_is_passed_over(headers: dict[str, str]) -> None:
    stub = StubTransport(whole(CONTENT, **headers))
    async with session_of(stub) as session, await session.s3.get_object(**OBJECT) as got:
        assert await got.read() == CONTENT


async def test_fewer_bytes_than_announced_are_an_error() -> None:
    async with session_of(StubTransport(whole(CONTENT, size=300))) as session:
        got = await session.s3.get_object(**OBJECT)
        with pytest.raises(ResponseError, match="256 bytes came of 300"):
            await got.read()


# --- breaks -----------------------------------------------------------------------------------------------------------


async def test_what_broke_off_is_read_on_if_the_object_is_still_the_same() -> None:
    stub = StubTransport(whole(CONTENT[:10], CUT), rest(10, CONTENT[10:200], CUT), rest(200, CONTENT[200:]))
    async with (
        session_of(stub) as session,
        await session.s3.get_object(**OBJECT, expected_bucket_owner="1" * 12) as got,
    ):
        assert await got.read() == CONTENT
        assert stub.in_use == 0
    _, second, third = stub.requests
    assert (second.headers["Range"], second.headers["If-Match"]) == ("bytes=10-255", '"e"')
    assert third.headers["Range"] == "bytes=200-255"
    assert {request.headers.get("x-amz-expected-bucket-owner") for request in stub.requests} == {"1" * 12}
    assert stub.waited == [0.025, 0.05]  # type: ignore[attr-defined]


async def test_a_break_before_the_first_byte_and_one_after_the_last_are_made_up_for() -> None:
    stub = StubTransport(whole(CUT), rest(0, CONTENT))
    async with session_of(stub) as session, await session.s3.get_object(**OBJECT) as got:
        assert await got.read() == CONTENT


@pytest.mark.parametrize("attempts", [1, 2, 4])
async def test_breaks_are_followed_as_often_as_attempts_are_made(attempts: int) -> None:
    stub = StubTransport(whole(CONTENT[:1], CUT), otherwise=lambda r: rest(int(r.headers["Range"][6:-4]), b"x", CUT))
    async with session_of(stub, attempts=attempts) as session:
        got = await session.s3.get_object(**OBJECT)
        with pytest.raises(ConnectionLostError, match="on 's3://my-bucket/k'"):
            await got.read()
        with pytest.raises(StreamClosedError):
            await got.read()
        assert stub.in_use == 0
    assert len(stub.requests) == attempts


async def test_after_progress_a_break_counts_as_the_first() -> None:
    piece = bytes(PROGRESS)
    size = 6 * PROGRESS

    def broken(request: Any) -> StubResponse:
        first = int(request.headers["Range"][6:].split("-")[0])
        return rest(first, piece, *([CUT] if first + PROGRESS < size else []), last=size - 1, total=size)

    stub = StubTransport(whole(piece, CUT, size=size), otherwise=broken)
    async with session_of(stub, attempts=2) as session, await session.s3.get_object(**OBJECT) as got:
        assert len(await got.read()) == size
    assert len(stub.requests) == 6


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(412, "PreconditionFailed"), PreconditionFailedError),
        (error(404, "NoSuchKey"), NoSuchKeyError),
        (whole(CONTENT), ResponseError),
        (rest(9, CONTENT[9:]), ResponseError),
        (rest(10, CONTENT[10:20], last=20), ResponseError),
        (StubResponse(206, b"x"), ResponseError),
    ],
)
async def test_what_is_not_the_rest_of_the_same_object_is_an_error(answer: StubResponse, kind: type[Exception]) -> None:
    stub = StubTransport(whole(CONTENT[:10], CUT), answer)
    async with session_of(stub) as session:
        got = await session.s3.get_object(**OBJECT)
        with pytest.raises(kind):
            await got.read()
        with pytest.raises(StreamClosedError):
            await got.read()
        assert stub.in_use == 0


async def test_an_object_without_an_etag_is_not_read_on() -> None:
    answer = StubResponse(200, [CONTENT[:9], CUT], {"Content-Length": "256"})
    stub = StubTransport(answer)
    async with session_of(stub) as session:
        got = await session.s3.get_object(**OBJECT)
        with pytest.raises(ConnectionLostError):
            await got.read()
    assert len(stub.requests) == 1


async def test_the_rest_is_asked_for_with_all_of_the_pipelines_attempts() -> None:
    stub = StubTransport(
        whole(CONTENT[:10], CUT), error(503, "SlowDown"), error(500, "InternalError"), rest(10, CONTENT[10:])
    )
    async with session_of(stub) as session, await session.s3.get_object(**OBJECT) as got:
        assert await got.read() == CONTENT


async def test_a_real_connection_that_is_cut_is_made_up_for(
    raw_server: Callable[..., Awaitable[Any]], http_answer: Callable[..., bytes]
) -> None:
    body = CONTENT * 4096

    async def first(request: Any, writer: asyncio.StreamWriter) -> None:
        headers = {"Content-Length": str(len(body)), "ETag": '"e"', "x-amz-checksum-crc32": crc32(body)}
        writer.write(http_answer(200, b"", headers) + body[:700_001])
        await writer.drain()
        writer.close()

    async def second(request: Any, writer: asyncio.StreamWriter) -> None:
        begin = int(request.header("Range")[6:].split("-")[0])
        content_range = f"bytes {begin}-{len(body) - 1}/{len(body)}"
        writer.write(http_answer(206, body[begin:], {"ETag": '"e"', "Content-Range": content_range}))
        await writer.drain()

    server = await raw_server(first, second)
    options: Any = {"region": "us-east-1", "endpoint_urls": {"s3": server.origin}, "credentials": Credentials("A", "s")}
    async with Session(**options) as session, await session.s3.get_object(**OBJECT) as got:
        assert await got.read() == body
        assert session.connections_in_use == 0
    assert server.requests[1].header("Range") == f"bytes=700001-{len(body) - 1}"


# --- who reads, and who releases the connection -----------------------------------------------------------------------


async def test_leaving_early_lets_go_of_the_connection() -> None:
    stub = StubTransport(whole(CONTENT), whole(CONTENT), whole(CONTENT))
    async with session_of(stub) as session:
        async with await session.s3.get_object(**OBJECT):
            pass
        assert stub.in_use == 0
        got = await session.s3.get_object(**OBJECT)
        async for _ in got:
            break
        await got.aclose()
        with pytest.raises(StreamClosedError):
            await got.read_chunk()
        dropped: Any = await session.s3.get_object(**OBJECT)
        assert stub.in_use == 1
        del dropped
        gc.collect()
        assert stub.in_use == 0


async def test_nobody_reads_while_the_rest_is_asked_for_and_a_cancelled_reader_closes_it() -> None:
    stub = StubTransport(whole(CONTENT[:10], CUT), rest(10, CONTENT[10:]))
    async with session_of(stub) as session:
        waiting = asyncio.Event()

        async def sleep(_: float) -> None:
            waiting.set()
            await asyncio.Event().wait()

        session.channel.timing = Timing(sleep=sleep, uniform=lambda: 0.5)
        got = await session.s3.get_object(**OBJECT)
        reader = asyncio.create_task(got.read())
        await waiting.wait()
        with pytest.raises(ConcurrentReadError):
            await got.read()
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        with pytest.raises(StreamClosedError):
            await got.read()
        assert (stub.in_use, len(stub.requests)) == (0, 1)


async def test_an_object_can_be_uploaded_as_it_is_read() -> None:
    stub = StubTransport(whole(CONTENT[:7], CONTENT[7:]), StubResponse(200, b"", {"ETag": '"f"'}))
    async with session_of(stub) as session, await session.s3.get_object(**OBJECT) as got:
        body: AsyncIterator[bytes] = aiter(got)
        assert (await session.s3.put_object(bucket="my-bucket", key="copy", body=body)).etag == '"f"'
    assert stub.requests[1].body == CONTENT
