"""Every scripted fault of the embedded SageMaker, seen from the wire, and how it ends and closes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from sagemaker_async import Session
from sagemaker_async.aws.eventstream import Decoder
from sagemaker_async.errors import (
    ConnectionLostError,
    MessageChecksumError,
    PreludeChecksumError,
    TruncatedStreamError,
)
from sagemaker_async.local import (
    CloseOnOversize,
    CutFrame,
    DropConnection,
    Endpoint,
    InStreamError,
    LocalSageMaker,
    NotAnEventStream,
    PartSize,
    Reset,
    SlowFirstByte,
    Stall,
    Status,
    TcpWrites,
    Throttle,
    UnknownEvent,
    UnmodeledError,
    WrongChecksum,
)

Call = Callable[..., Awaitable[Any]]
STREAM = "invocations-response-stream"


@pytest.fixture
def echo(local: LocalSageMaker) -> Endpoint:
    return local.add_endpoint("echo", lambda body: body)


@pytest.fixture
def words(local: LocalSageMaker) -> Endpoint:
    async def model(body: bytes) -> AsyncIterator[bytes]:
        for word in (b"one", b"two", b"three"):
            yield word

    return local.add_endpoint("words", model)


# --- instead of the model ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["invocations", STREAM, "async-invocations"])
@pytest.mark.parametrize(
    ("fault", "status", "code", "body"),
    [
        (Status(503, "ServiceUnavailable", "busy"), 503, "ServiceUnavailable", {"Message": "busy"}),
        (Status(429, "ModelNotReadyException", None), 429, "ModelNotReadyException", {"Message": None}),
        (Throttle(), 400, "ThrottlingException", {"message": "Rate exceeded"}),
        (Throttle(429), 429, "ThrottlingException", {"message": "Rate exceeded"}),
        (Throttle(null_message=True), 400, None, {"message": None}),
    ],
)
async def test_a_scripted_error_is_answered_once_and_the_model_does_not_run(
    route: str,
    fault: Status | Throttle,
    status: int,
    code: str | None,
    body: dict[str, str],
    local: LocalSageMaker,
    echo: Endpoint,
    call: Call,
) -> None:
    local.script("echo", [fault])
    answer = await call("echo", route, b"x")
    assert (answer.status, answer.json) == (status, body)
    assert answer.headers.get("x-amzn-ErrorType", "").partition(":")[0] == (code or "")
    assert echo.invocations == 0
    assert (await call("echo", route, b"x")).status in {200, 202}
    assert (echo.requests, len(echo.faults)) == (2, 0)


async def test_a_gateways_answer_can_be_imitated(echo: Endpoint, call: Call) -> None:
    echo.faults.append(Status(502, body=b"<html>", content_type="text/html", headers={"Via": "proxy"}))
    answer = await call("echo")
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (502, b"<html>", "text/html")
    assert answer.headers["Via"] == "proxy"
    assert "x-amzn-ErrorType" not in answer.headers


async def test_a_throttle_can_ask_to_wait(echo: Endpoint, call: Call) -> None:
    echo.faults.append(Throttle(retry_after_ms=250))
    assert (await call("echo")).headers["x-amz-retry-after"] == "250"


async def test_faults_of_always_follow_the_script(echo: Endpoint, call: Call) -> None:
    echo.faults.always(Throttle())
    echo.faults.extend([None, Status(500, "InternalFailure")])
    assert [(await call("echo")).status for _ in range(4)] == [200, 500, 400, 400]


async def test_a_refused_request_consumes_its_entry(echo: Endpoint, call: Call) -> None:
    echo.faults.append(Throttle())
    assert (await call("echo", timestamp=1.0)).code == "InvalidSignatureException"
    assert (await call("echo")).status == 200


@pytest.mark.parametrize("route", ["invocations", STREAM])
async def test_an_answer_may_be_no_event_stream(route: str, echo: Endpoint, call: Call) -> None:
    echo.faults.append(NotAnEventStream(b"<html>", "text/html"))
    answer = await call("echo", route)
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, b"<html>", "text/html")
    assert echo.invocations == 0


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["invocations", STREAM, "async-invocations"])
@pytest.mark.parametrize("also", [None, Throttle()])
async def test_the_first_byte_waits_as_long_as_scripted(route: str, also: Throttle | None, raw_client: Any) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with LocalSageMaker(sleep=sleep) as local, raw_client(local) as call:
        endpoint = local.add_endpoint("echo", lambda body: body)
        endpoint.faults.append((SlowFirstByte(2.5), also) if also else SlowFirstByte(2.5))
        answer = await call("echo", route, b"x")
        assert answer.status == (400 if also else 202 if route.startswith("async") else 200)
        assert waits[0] == 2.5
        assert len(waits) == 1 or route.startswith("async")  # whose run has a limit of its own, after the answer


@pytest.mark.parametrize("route", ["invocations", STREAM, "async-invocations"])
async def test_a_stall_sends_nothing_until_released(route: str, echo: Endpoint, call: Call) -> None:
    stall = Stall()
    echo.faults.append(stall)
    answering = asyncio.create_task(call("echo", route, b"x"))
    await echo.until(lambda endpoint: endpoint.stalled == 1)
    assert not answering.done()
    stall.release()
    assert (await answering).status in {200, 202}
    assert echo.stalled == 0


@pytest.mark.parametrize(
    ("after", "before"), [(0, []), (1, [b"one"]), (2, [b"one", b"two"]), (9, [b"one", b"two", b"three"])]
)
async def test_a_stall_within_a_stream_lets_the_parts_before_it_through(
    after: int, before: list[bytes], words: Endpoint, call: Any
) -> None:
    stall = Stall(after_parts=after)
    words.faults.append(stall)
    response = await call.open("words", STREAM)
    await words.until(lambda endpoint: endpoint.stalled == 1)
    assert response.status == 200
    decoder, parts = Decoder(), []
    while len(parts) < len(before):
        parts += [message.payload for message in decoder.feed(await response.content.readany())]
    assert parts == before
    stall.release()
    parts += [message.payload for message in decoder.feed(await response.read())]
    assert parts == [b"one", b"two", b"three"]


async def test_a_stall_within_a_plain_answer_comes_after_half_of_it(echo: Endpoint, call: Any) -> None:
    stall = Stall(after_parts=1)
    echo.faults.append(stall)
    response = await call.open("echo", body=b"abcde")
    await echo.until(lambda endpoint: endpoint.stalled == 1)
    assert response.headers["Content-Length"] == "5"
    assert await response.content.readany() == b"abc"
    stall.release()
    assert await response.read() == b"de"


# --- connections ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("when", "invocations"), [("before_read", 0), ("after_read", 0), ("after_model", 1)])
@pytest.mark.parametrize("route", ["invocations", STREAM])
async def test_a_reset_comes_before_the_model_or_after_it(
    route: str, when: Any, invocations: int, echo: Endpoint, call: Call
) -> None:
    echo.faults.append(Reset(when))
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, ConnectionResetError)):
        await call("echo", route, b"x")
    assert (echo.requests, echo.invocations) == (1, invocations)
    assert (await call("echo", route, b"x")).status == 200


async def test_a_reset_is_a_tcp_reset(local: LocalSageMaker, echo: Endpoint) -> None:
    echo.faults.append(Reset())
    reader, writer = await asyncio.open_connection("127.0.0.1", int(local.url.rpartition(":")[2]))
    writer.write(b"POST /endpoints/echo/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    with pytest.raises(ConnectionResetError):
        await writer.wait_closed()
    assert local.requests[0].body_size == 0


@pytest.mark.parametrize("framing", ["Content-Length: 1001", "Transfer-Encoding: chunked"])
async def test_an_oversize_body_closes_the_connection_unanswered(framing: str, local: LocalSageMaker) -> None:
    endpoint = local.add_endpoint("small", lambda body: body, body_limit=1000)
    endpoint.faults.always(CloseOnOversize())
    reader, writer = await asyncio.open_connection("127.0.0.1", int(local.url.rpartition(":")[2]))
    writer.write(f"POST /endpoints/small/invocations HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n".encode())
    if "chunked" in framing:
        writer.write(b"3e9\r\n" + bytes(1001))  # and no last chunk
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert [request.body_size for request in local.requests] == [1001]
    assert endpoint.invocations == 0


async def test_other_bodies_are_answered_where_oversize_ones_close_the_connection(
    local: LocalSageMaker, call: Any
) -> None:
    endpoint = local.add_endpoint("small", lambda body: body, body_limit=1000)
    endpoint.faults.always(CloseOnOversize())
    assert (await call("small", body=bytes(1000))).status == 200
    with pytest.raises(aiohttp.ClientConnectionError):
        await call("small", body=bytes(1001))
    assert (await call("small", body=bytes(1000))).status == 200


async def test_our_client_calls_an_oversize_body_a_lost_connection(local: LocalSageMaker) -> None:
    endpoint = local.add_endpoint("small", lambda body: body, body_limit=1_000_000)
    endpoint.faults.always(CloseOnOversize())
    async with Session(**local.client_options) as session:
        with pytest.raises(ConnectionLostError):
            await session.runtime.invoke_endpoint(endpoint_name="small", body=bytes(8_000_000))
        assert endpoint.invocations == 0
        answer = await session.runtime.invoke_endpoint(endpoint_name="small", body=b"small")
        assert answer.body == b"small"


@pytest.mark.parametrize("reset", [False, True])
async def test_a_dropped_stream_lacks_the_end_of_the_http_body(reset: bool, words: Endpoint, call: Any) -> None:
    words.faults.append(DropConnection(after_parts=1, reset=reset))
    response = await call.open("words", STREAM)
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientOSError, ConnectionResetError)):
        await response.read()
    await words.until(lambda endpoint: endpoint.open_streams == 0)
    assert (words.completed_streams, words.broken_streams, words.abandoned_streams) == (0, 1, 0)


@pytest.mark.parametrize(
    "fault",
    [InStreamError(), InStreamError(after_parts=1), UnmodeledError(), CutFrame(), CutFrame(None), WrongChecksum()],
    ids=repr,
)
async def test_a_stream_that_breaks_does_not_count_as_complete(fault: Any, words: Endpoint, call: Any) -> None:
    words.faults.append(fault)
    await (await call.open("words", STREAM)).read()
    await (await call.open("words", STREAM)).read()
    await words.until(lambda endpoint: endpoint.open_streams == 0)
    assert (words.completed_streams, words.broken_streams, words.abandoned_streams) == (1, 1, 0)


async def test_a_dropped_plain_answer_is_shorter_than_it_says(echo: Endpoint, call: Any) -> None:
    echo.faults.append(DropConnection())
    response = await call.open("echo", body=b"abcdef")
    assert response.headers["Content-Length"] == "6"
    assert await response.content.readexactly(3) == b"abc"
    with pytest.raises(aiohttp.ClientPayloadError):
        await response.read()


# --- frames -----------------------------------------------------------------------------------------------------------


async def test_parts_can_be_cut_to_single_bytes(words: Endpoint, stream: Call) -> None:
    words.faults.append(PartSize(1))
    assert (await stream("words")).parts == [bytes((byte,)) for byte in b"onetwothree"]


async def test_parts_can_be_cut_across_characters(local: LocalSageMaker, stream: Call) -> None:
    local.add_endpoint("text", lambda body: "née").faults.append(PartSize(2))
    assert (await stream("text")).parts == ["né".encode()[:2], "né".encode()[2:] + b"e"]


async def test_every_byte_can_be_a_tcp_write(local: LocalSageMaker, words: Endpoint, call: Any) -> None:
    words.faults.append((PartSize(2), TcpWrites(1)))
    response = await call.open("words", STREAM)
    pieces = []
    async for piece, _ in response.content.iter_chunks():
        pieces.append(piece)
    assert {len(piece) for piece in pieces} <= {0, 1}
    decoder = Decoder()
    messages = [message for piece in pieces for message in decoder.feed(piece)]
    decoder.close()
    assert b"".join(message.payload for message in messages) == b"onetwothree"


async def test_a_plain_answer_can_be_written_in_single_bytes(echo: Endpoint, call: Call) -> None:
    echo.faults.append(TcpWrites(1))
    answer = await call("echo", body=b"abc")
    assert (answer.body, answer.headers["Content-Length"]) == (b"abc", "3")


@pytest.mark.parametrize(("after", "whole"), [(0, []), (2, [b"one", b"two"]), (9, [b"one", b"two", b"three"])])
@pytest.mark.parametrize("keep", [None, 1, 11, 10**6])
async def test_a_cut_frame_ends_the_body_in_order_but_inside_a_frame(
    keep: int | None, after: int, whole: list[bytes], words: Endpoint, stream: Call
) -> None:
    words.faults.append(CutFrame(after, keep=keep))
    answer = await stream("words")
    decoder = Decoder()
    assert [message.payload for message in decoder.feed(answer.body)] == whole
    with pytest.raises(TruncatedStreamError):
        decoder.close()


@pytest.mark.parametrize(("which", "error"), [("message", MessageChecksumError), ("prelude", PreludeChecksumError)])
async def test_a_checksum_can_be_wrong(which: Any, error: type[Exception], words: Endpoint, stream: Call) -> None:
    words.faults.append(WrongChecksum(part=2, which=which))
    answer = await stream("words")
    decoder = Decoder()
    assert [message.payload for message in decoder.feed(answer.body)] == [b"one"]
    assert isinstance(decoder.error, error)


@pytest.mark.parametrize(("after", "parts"), [(None, [b"one", b"two", b"three"]), (0, []), (1, [b"one"])])
@pytest.mark.parametrize("code", [None, "StreamBroken"])
async def test_an_in_stream_error_ends_the_stream(
    code: str | None, after: int | None, parts: list[bytes], words: Endpoint, stream: Call
) -> None:
    words.faults.append(InStreamError("InternalStreamFailure", code, "no", after_parts=after))
    *before, last = (await stream("words")).messages
    assert [message.payload for message in before] == parts
    assert last.headers[":message-type"] == "exception"
    assert last.headers[":exception-type"] == "InternalStreamFailure"
    assert json.loads(last.payload) == {"Message": "no"} | ({"ErrorCode": code} if code else {})


async def test_an_unmodeled_error_is_all_headers(words: Endpoint, stream: Call) -> None:
    words.faults.append(UnmodeledError("Odd", "words", after_parts=1))
    first, last = (await stream("words")).messages
    assert first.payload == b"one"
    assert dict(last.headers) == {":message-type": "error", ":error-code": "Odd", ":error-message": "words"}


async def test_unknown_events_come_between_parts_and_the_stream_goes_on(words: Endpoint, stream: Call) -> None:
    words.faults.append((UnknownEvent("Late", b"z", after_parts=None), UnknownEvent(), UnknownEvent(after_parts=2)))
    messages = (await stream("words")).messages
    assert [message.headers[":event-type"] for message in messages] == [
        "Heartbeat",
        "PayloadPart",
        "PayloadPart",
        "Heartbeat",
        "PayloadPart",
        "Late",
    ]


async def test_faults_act_together_in_the_order_of_their_places(words: Endpoint, stream: Call) -> None:
    words.faults.append((InStreamError(after_parts=4), PartSize(2), UnknownEvent(after_parts=1)))
    answer = await stream("words")
    assert [message.payload[:3] for message in answer.messages] == [b"on", b"{}", b"e", b"tw", b"o", b'{"M']


# --- clients that leave, and closing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("busy", [False, True])
async def test_the_models_generator_is_closed_when_the_client_leaves(
    busy: bool, local: LocalSageMaker, call: Any
) -> None:
    closed = asyncio.Event()

    async def endless(body: bytes) -> AsyncIterator[bytes]:
        try:
            yield b"first"
            while busy:
                yield bytes(1000)
            await asyncio.Event().wait()
        finally:
            closed.set()

    endpoint = local.add_endpoint("endless", endless)
    response = await call.open("endless", STREAM)
    await response.content.readany()
    assert endpoint.open_streams == 1
    response.close()
    await endpoint.until(lambda e: e.abandoned_streams == 1)
    assert closed.is_set()
    assert (endpoint.open_streams, endpoint.completed_streams) == (0, 0)


async def test_a_client_that_leaves_a_stall_is_noticed(words: Endpoint, call: Any) -> None:
    words.faults.extend([Stall(), Stall(after_parts=1)])
    for abandoned in (0, 1):
        opening = asyncio.create_task(call.open("words", STREAM))
        await words.until(lambda endpoint: endpoint.stalled == 1)
        if abandoned:
            (await opening).close()
        else:
            opening.cancel()
        await words.until(lambda endpoint: endpoint.stalled == 0)
        await words.until(lambda endpoint, n=abandoned: endpoint.abandoned_streams == n)  # type: ignore[misc]
    assert words.open_streams == 0


async def test_an_asynchronous_model_is_cancelled_when_the_client_leaves(local: LocalSageMaker, call: Any) -> None:
    cancelled = asyncio.Event()

    async def slow(body: bytes) -> bytes:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return b""

    endpoint = local.add_endpoint("slow", slow)
    calling = asyncio.create_task(call("slow"))
    await endpoint.until(lambda e: e.invocations == 1)
    calling.cancel()
    async with asyncio.timeout(5):
        await cancelled.wait()


async def test_until_gives_up_after_its_timeout(echo: Endpoint) -> None:
    with pytest.raises(TimeoutError):
        await echo.until(lambda endpoint: endpoint.requests == 1, timeout=0.01)
