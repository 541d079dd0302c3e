"""The response stream of one invocation: order, ends, failures, and when its connection is released."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sagemaker_async.aws.eventstream import encode_message
from sagemaker_async.errors import (
    CallError,
    ChunkTimeoutError,
    ConcurrentReadError,
    ConnectionLostError,
    EventStreamError,
    InternalStreamFailure,
    MessageChecksumError,
    ModelStreamError,
    SessionClosedError,
    StreamClosedError,
    StreamConnectionError,
    StreamConsumedError,
    StreamStalledError,
    TransportError,
    TruncatedStreamError,
    UnmodeledStreamError,
)
from sagemaker_async.runtime.events import PayloadPart, UnknownEvent
from sagemaker_async.runtime.stream import EventStream

PART = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}


def part(payload: bytes) -> bytes:
    return encode_message(PART, payload)


def failure(kind: str, **members: str) -> bytes:
    return encode_message({":message-type": "exception", ":exception-type": kind}, json.dumps(members).encode())


UNKNOWN = encode_message({":message-type": "event", ":event-type": "Heartbeat"}, b"{}")
UNMODELED = encode_message({":message-type": "error", ":error-code": "Oops", ":error-message": "it broke"})
MODEL_ERROR = failure("ModelStreamError", Message="broke", ErrorCode="StreamBroken")


class Body:
    """A response whose chunks are scripted: bytes, an exception (or its class) to raise, or a future; then the end."""

    status = 200

    def __init__(self, *script: bytes | Exception | type[CallError] | asyncio.Future[bytes]) -> None:
        self.headers: dict[str, str] = {}
        self.script = list(script)
        self.closed = 0

    async def read(self) -> bytes:
        raise NotImplementedError

    async def read_chunk(self) -> bytes:
        if not self.script:
            return b""
        item = self.script.pop(0)
        if isinstance(item, type):
            raise item("as scripted")
        if isinstance(item, Exception):
            raise item
        return await item if isinstance(item, asyncio.Future) else item

    def close(self) -> None:
        self.closed += 1


def opened(body: Body) -> EventStream:
    return EventStream(
        body,
        operation="InvokeEndpointWithResponseStream",
        resource="my-endpoint",
        url="http://127.0.0.1:1",
        request_id="an-id",
    )


async def by_events(stream: EventStream) -> tuple[list[bytes], Exception | None]:
    """Return the parts and the failure, whether it was yielded or raised."""
    parts: list[bytes] = []
    try:
        async for event in stream:
            if isinstance(event, Exception):
                return parts, event
            if isinstance(event, PayloadPart):
                parts.append(event.bytes)
    except CallError as error:
        return parts, error
    return parts, None


async def by_parts(stream: EventStream) -> tuple[list[bytes], Exception | None]:
    parts: list[bytes] = []
    try:
        while batch := await stream.next_parts():
            parts.extend(batch)
    except CallError as error:
        return parts, error
    return parts, None


both_ways = pytest.mark.parametrize("read", [by_events, by_parts])


class TestOrder:
    async def test_events_come_in_order_and_the_model_error_is_yielded_last(self) -> None:
        body = Body(part(b"a") + UNKNOWN, part(b"") + part(b"b"), MODEL_ERROR + part(b"after"))
        events = [event async for event in opened(body)]
        assert events[0] == PayloadPart(b"a")
        assert isinstance(events[1], UnknownEvent)
        assert events[2:4] == [PayloadPart(b""), PayloadPart(b"b")]
        assert isinstance(events[4], ModelStreamError)
        assert (events[4].error_code, events[4].message) == ("StreamBroken", "broke")
        assert len(events) == 5
        assert body.closed

    async def test_an_internal_stream_failure_is_yielded_last(self) -> None:
        events = [event async for event in opened(Body(part(b"a") + failure("InternalStreamFailure", Message="no")))]
        assert events[0] == PayloadPart(b"a")
        assert isinstance(events[1], InternalStreamFailure)

    async def test_an_error_event_knows_where_it_happened_and_after_how_much(self) -> None:
        *_, error = [event async for event in opened(Body(part(b"abc") + UNKNOWN + part(b"d"), MODEL_ERROR))]
        assert isinstance(error, ModelStreamError)
        assert (error.operation, error.resource) == ("InvokeEndpointWithResponseStream", "my-endpoint")
        assert (error.url, error.request_id) == ("http://127.0.0.1:1", "an-id")
        assert (error.events, error.bytes_received) == (3, 4)
        assert "an-id" in str(error)

    async def test_reading_by_parts_raises_what_iterating_yields(self) -> None:
        stream = opened(Body(part(b"a") + UNKNOWN + part(b"b") + MODEL_ERROR))
        assert await stream.next_parts() == [b"a", b"b"]
        with pytest.raises(ModelStreamError, match="broke"):
            await stream.next_parts()
        assert await stream.next_parts() == []

    async def test_reading_by_parts_skips_what_holds_only_unknown_events(self) -> None:
        stream = opened(Body(UNKNOWN, UNKNOWN + UNKNOWN, part(b"a"), UNKNOWN))
        assert await stream.next_parts() == [b"a"]
        assert await stream.next_parts() == []

    @both_ways
    async def test_a_clean_end_stays_an_end(self, read: Any) -> None:
        stream = opened(Body(part(b"a")))
        assert await read(stream) == ([b"a"], None)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        assert await stream.next_parts() == []

    @both_ways
    async def test_an_empty_body_is_an_empty_stream(self, read: Any) -> None:
        assert await read(opened(Body())) == ([], None)

    @both_ways
    async def test_it_does_not_matter_where_the_bytes_are_cut(self, read: Any) -> None:
        data = part(b"one") + UNKNOWN + part("zwölf".encode()) + MODEL_ERROR
        slicings = [
            [data],
            [data[at : at + 1] for at in range(len(data))],
            *([data[:at], data[at:]] for at in range(1, len(data))),
        ]
        for slices in slicings:
            parts, error = await read(opened(Body(*slices)))
            assert parts == [b"one", "zwölf".encode()]
            assert isinstance(error, ModelStreamError)

    @both_ways
    async def test_events_of_changing_headers_are_all_told_apart(self, read: Any) -> None:
        other = {":event-type": "PayloadPart", ":message-type": "event"}
        body = Body(part(b"a") + encode_message(other, b"b") + part(b"c") + UNKNOWN + part(b"d"))
        assert await read(opened(body)) == ([b"a", b"b", b"c", b"d"], None)


class TestFailures:
    @both_ways
    async def test_a_stream_cut_inside_a_message_is_an_error_at_every_offset(self, read: Any) -> None:
        data = part(b"one") + part(b"two")
        boundary = len(part(b"one"))
        for at in range(1, len(data)):
            parts, error = await read(opened(Body(data[:at])))
            assert parts == ([b"one"] if at >= boundary else [])
            if at == boundary:
                assert error is None
            else:
                assert isinstance(error, TruncatedStreamError)
                assert (error.resource, error.events) == ("my-endpoint", len(parts))
                assert error.undelivered == data[boundary if at > boundary else 0 : at]

    @both_ways
    async def test_a_wrong_checksum_is_raised_after_the_good_parts_before_it(self, read: Any) -> None:
        damaged = bytearray(part(b"bad"))
        damaged[-1] ^= 1
        body = Body(part(b"good") + bytes(damaged) + part(b"never"))
        parts, error = await read(opened(body))
        assert parts == [b"good"]
        assert isinstance(error, MessageChecksumError)
        assert error.events == 1
        assert body.closed

    @both_ways
    async def test_bytes_that_are_no_event_stream_are_an_error(self, read: Any) -> None:
        parts, error = await read(opened(Body(b"<html>An intermediary answers.</html>")))
        assert parts == []
        assert isinstance(error, EventStreamError)

    @both_ways
    async def test_an_unmodeled_error_is_raised_after_the_parts_before_it(self, read: Any) -> None:
        parts, error = await read(opened(Body(part(b"a") + UNMODELED)))
        assert parts == [b"a"]
        assert isinstance(error, UnmodeledStreamError)
        assert (error.code, error.message, error.events) == ("Oops", "it broke", 1)

    @both_ways
    async def test_a_lost_connection_is_a_stream_error_with_its_cause(self, read: Any) -> None:
        lost = ConnectionLostError("the connection was lost")
        body = Body(part(b"a"), lost)
        parts, error = await read(opened(body))
        assert parts == [b"a"]
        assert isinstance(error, StreamConnectionError)
        assert isinstance(error, ConnectionLostError)
        assert error.__cause__ is lost
        assert (error.request_id, error.events, error.bytes_received) == ("an-id", 1, 1)
        assert body.closed

    @both_ways
    async def test_silence_is_a_stream_error_that_names_the_limit(self, read: Any) -> None:
        _, error = await read(opened(Body(ChunkTimeoutError("nothing came", 2.5))))
        assert isinstance(error, StreamStalledError)
        assert isinstance(error, TimeoutError)
        assert error.seconds == 2.5
        assert "Timeouts.between_chunks" in str(error)

    @both_ways
    async def test_any_other_transport_error_says_where_it_happened(self, read: Any) -> None:
        parts, error = await read(opened(Body(part(b"a"), TransportError("something else"))))
        assert parts == [b"a"]
        assert isinstance(error, TransportError)
        assert "my-endpoint" in str(error)
        assert "an-id" in str(error)

    async def test_a_closed_session_is_its_own_error(self) -> None:
        with pytest.raises(SessionClosedError):
            await anext(opened(Body(SessionClosedError("the session was closed"))))

    async def test_a_failure_is_raised_once(self) -> None:
        stream = opened(Body(ConnectionLostError("lost")))
        with pytest.raises(StreamConnectionError):
            await anext(stream)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


class TestUse:
    async def test_a_second_iteration_is_an_error(self) -> None:
        stream = opened(Body(part(b"a")))
        async for _ in stream:
            pass
        with pytest.raises(StreamConsumedError, match="once"):
            aiter(stream)

    @pytest.mark.parametrize("method", ["__anext__", "next_parts"])
    async def test_a_second_consumer_is_an_error_and_the_first_goes_on(self, method: str) -> None:
        chunk: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        stream = opened(Body(chunk))
        first = asyncio.create_task(stream.next_parts())
        await asyncio.sleep(0)
        with pytest.raises(ConcurrentReadError):
            await getattr(stream, method)()
        chunk.set_result(part(b"a"))
        assert await first == [b"a"]

    async def test_reading_after_close_is_an_error_and_drops_what_was_not_read(self) -> None:
        body = Body(part(b"a") + part(b"b"))
        stream = opened(body)
        await anext(stream)
        await stream.aclose()
        await stream.aclose()
        assert stream.closed
        assert body.closed
        for _ in range(2):
            with pytest.raises(StreamClosedError):
                await anext(stream)
            with pytest.raises(StreamClosedError):
                await stream.next_parts()

    async def test_closing_after_the_end_keeps_the_end(self) -> None:
        stream = opened(Body(part(b"a")))
        assert [event async for event in stream] == [PayloadPart(b"a")]
        await stream.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    @pytest.mark.parametrize(
        "outcome",
        [
            lambda chunk: chunk.set_result(part(b"late")),
            lambda chunk: chunk.set_result(b""),
            lambda chunk: chunk.set_exception(ConnectionLostError("closed")),
        ],
        ids=["bytes", "end", "failure"],
    )
    @pytest.mark.parametrize("method", ["__anext__", "next_parts"])
    async def test_closing_while_a_task_reads_ends_the_read_with_an_error(
        self, method: str, outcome: Callable[[asyncio.Future[bytes]], None]
    ) -> None:
        chunk: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        stream = opened(Body(chunk, part(b"more")))
        reader = asyncio.create_task(getattr(stream, method)())
        await asyncio.sleep(0)
        await stream.aclose()
        outcome(chunk)
        with pytest.raises(StreamClosedError):
            await reader

    async def test_a_cancelled_read_closes_the_stream_for_part_of_it_may_be_lost(self) -> None:
        body = Body(asyncio.get_running_loop().create_future())
        stream = opened(body)
        reader = asyncio.create_task(stream.next_parts())
        await asyncio.sleep(0)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert body.closed
        with pytest.raises(StreamClosedError):
            await stream.next_parts()

    async def test_its_repr_tells_state_and_amount_and_no_content(self) -> None:
        stream = opened(Body(part(b"secret")))
        assert "open" in repr(stream)
        await anext(stream)
        assert "my-endpoint" in repr(stream)
        assert "1 events, 6 bytes" in repr(stream)
        assert "secret" not in repr(stream)
        await stream.aclose()
        assert "closed" in repr(stream)


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class TestReferences:
    @pytest.mark.parametrize(
        "script",
        [
            [part(b"a"), part(b"b")],
            [part(b"a") + MODEL_ERROR],
            [part(b"a") + UNMODELED],
            [part(b"a"), ConnectionLostError],
            [part(b"a") + b"garbage that is no message"],
            [part(b"a")],
        ],
        ids=["open", "model error", "unmodeled error", "lost", "malformed", "ended"],
    )
    @both_ways
    async def test_the_last_reference_frees_stream_and_response_without_the_collector(
        self, read: Any, script: list[Any]
    ) -> None:
        body = Body(*script)
        stream = opened(body)
        alive = [weakref.ref(stream), weakref.ref(body)]
        script = []
        with without_collector():
            outcome = await read(stream)
            del stream, body, outcome
            assert [ref() for ref in alive] == [None, None]

    async def test_a_stream_dropped_half_read_is_freed_without_the_collector(self) -> None:
        body = Body(part(b"a") + part(b"b"), part(b"c"))
        stream = opened(body)
        alive = [weakref.ref(stream), weakref.ref(body)]
        with without_collector():
            async for _ in stream:
                break
            del stream, body
            assert [ref() for ref in alive] == [None, None]
