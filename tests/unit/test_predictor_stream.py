"""`PredictionStream`: how it opens, that it is used once, and that it releases its connection on every way out.

Connections are real: `session.connections_in_use` counts them, against an embedded SageMaker whose stalled streams
hold them until the client leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import json
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any

import pytest

from sagemaker_async import ModelStreamError, Predictor, Session
from sagemaker_async.errors import (
    ConcurrentReadError,
    ConfigurationError,
    InBandError,
    InternalStreamFailure,
    ModelInvocationTimeExceeded,
    StreamBroken,
    StreamClosedError,
    StreamConnectionError,
    StreamConsumedError,
    StreamError,
    StreamIncomplete,
    TruncatedStreamError,
    UsageError,
    ValidationError,
)
from sagemaker_async.iterators import (
    BaseIterator,
    ByteIterator,
    JSONIterator,
    JSONLinesIterator,
    LineIterator,
    SSEIterator,
    StreamIterator,
    TextIterator,
    TokenIterator,
    TokenResult,
)
from sagemaker_async.local import (
    CutFrame,
    DropConnection,
    InStreamError,
    LocalSageMaker,
    PartSize,
    Stall,
    Status,
    UnknownEvent,
)
from sagemaker_async.local.endpoints import Endpoint
from sagemaker_async.predictor.stream import PredictionStream

LINES = b"one\ntwo\nthree"
CHAT = (
    b'{"choices": [{"delta": {"reasoning": "Hm"}}]}\n'
    b'{"choices": [{"delta": {"content": "a"}}]}\n'
    b'{"choices": [{"delta": {"content": "b"}, "finish_reason": "stop"}]}\n'
)


@pytest.fixture
def endpoint(local: LocalSageMaker) -> Endpoint:
    return local.add_endpoint("echo", lambda body: body)


@pytest.fixture
def predictor(endpoint: Endpoint, session: Session) -> Predictor[bytes]:
    return Predictor(endpoint.name, session)


@pytest.fixture
def stalled(endpoint: Endpoint, predictor: Predictor[bytes]) -> Callable[..., PredictionStream[Any]]:
    """Make streams that send one part per byte, then hold their connection in silence after `after_parts` parts."""

    def stream(data: bytes = LINES, iterator: Any = LineIterator, *, after_parts: int | None = 8) -> Any:
        endpoint.faults.append((PartSize(1), Stall(after_parts=after_parts)))
        return predictor.predict_stream(data, iterator=iterator)

    return stream


async def collect(stream: PredictionStream[Any], records: list[Any]) -> None:
    """Append what comes, up to a failure."""
    async for record in stream:
        records.append(record)  # noqa: PERF401 - those before a failure are wanted as well


async def settled() -> None:
    """Let what is ready run."""
    for _ in range(3):
        await asyncio.sleep(0)


class TestForms:
    async def test_async_for(self, predictor: Predictor[bytes], session: Session) -> None:
        lines = [line async for line in predictor.predict_stream(LINES, iterator=LineIterator)]
        assert lines == [b"one", b"two", b"three"]
        assert session.connections_in_use == 0

    async def test_an_iterator_with_the_sdks_base(self, predictor: Predictor[bytes], session: Session) -> None:
        class Sizes(BaseIterator[int]):
            async def __anext__(self) -> int:
                return len((await anext(self.event_stream))["PayloadPart"]["Bytes"])

        assert sum([size async for size in predictor.predict_stream(LINES, iterator=Sizes)]) == len(LINES)
        assert session.connections_in_use == 0

    async def test_async_with(self, predictor: Predictor[bytes], session: Session) -> None:
        async with predictor.predict_stream(LINES) as stream:
            assert isinstance(stream, PredictionStream)
            assert [part async for part in stream] == [LINES]
        assert session.connections_in_use == 0

    async def test_open(self, predictor: Predictor[bytes], endpoint: Endpoint) -> None:
        stream = predictor.predict_stream(LINES)
        assert (await stream.open()) is stream
        assert (await stream.open()) is stream
        assert [part async for part in stream] == [LINES]
        assert endpoint.requests == 1

    async def test_await(self, predictor: Predictor[bytes], endpoint: Endpoint) -> None:
        stream = await predictor.predict_stream(LINES)
        assert endpoint.requests == 1
        assert [part async for part in stream] == [LINES]

    async def test_all_of_them_in_a_row_are_one_request(self, predictor: Predictor[bytes], endpoint: Endpoint) -> None:
        stream = predictor.predict_stream(LINES)
        assert await stream is stream
        async with stream as entered:
            assert entered is stream
            assert [part async for part in entered] == [LINES]
        assert endpoint.requests == 1

    async def test_anext_alone_opens_it(self, predictor: Predictor[bytes]) -> None:
        stream = predictor.predict_stream(LINES)
        assert await anext(stream) == LINES

    async def test_nothing_is_sent_before_it_is_opened(self, predictor: Predictor[bytes], endpoint: Endpoint) -> None:
        stream = predictor.predict_stream(LINES)
        aiter(stream)
        await settled()
        assert endpoint.requests == 0

    async def test_the_head_of_the_answer_can_be_seen_once_it_is_open(self, predictor: Predictor[bytes]) -> None:
        stream = predictor.predict_stream(LINES)
        assert stream.response is stream.metadata is None
        assert repr(stream) == "<PredictionStream, new>"
        async with stream:
            assert stream.response is not None
            assert stream.response.invoked_production_variant == "AllTraffic"
            assert stream.metadata is not None
            assert (stream.metadata.status, len(stream.metadata.attempts)) == (200, 1)
            assert stream.metadata.variant == "AllTraffic"
            assert stream.metadata.content_type == stream.response.content_type == "application/octet-stream"
            assert stream.metadata.headers == stream.response.metadata.headers
            assert repr(stream) == "<PredictionStream, open>"
        assert repr(stream) == "<PredictionStream, closed>"
        assert stream.metadata.request_id


class TestViews:
    @pytest.mark.parametrize(
        ("view", "data", "records"),
        [
            (lambda stream: stream.lines(), b"a\n\nb", [b"a", b"", b"b"]),
            (lambda stream: stream.lines(line_ends="crlf"), b"a\r\nb", [b"a", b"b"]),
            (lambda stream: stream.text(), "zwölf".encode(), ["zwölf"]),
            (lambda stream: stream.json(), b'{"a": 1} [2]', [{"a": 1}, [2]]),
        ],
    )
    @pytest.mark.parametrize("opened", [False, True])
    async def test_the_records_can_be_chosen_before_the_first_is_read(
        self, predictor: Predictor[bytes], view: Any, data: bytes, records: list[Any], opened: bool
    ) -> None:
        stream = predictor.predict_stream(data)
        if opened:
            await stream
        viewed = view(stream)
        assert viewed is stream
        assert [record async for record in viewed] == records

    async def test_server_sent_events(self, predictor: Predictor[bytes]) -> None:
        (event,) = await predictor.predict_stream(b"event: x\ndata: 1\n\n").sse().collect()
        assert (event.event, event.data) == ("x", "1")

    async def test_tokens_and_what_their_iterator_knows_beside_them(self, predictor: Predictor[bytes]) -> None:
        stream = predictor.predict_stream(b"plain words").tokens(dialect="raw")
        assert stream.records is None
        assert "".join([token.text async for token in stream]) == "plain words"
        assert stream.records.text == stream.partial == "plain words"

    async def test_the_result_grows_while_tokens_are_read(self, predictor: Predictor[bytes]) -> None:
        stream = predictor.predict_stream(CHAT).tokens()
        assert (stream.result.text, stream.result.choices) == ("", ())
        async with stream:
            texts = [stream.result.text async for _ in stream]
        assert texts[-1] == stream.result.text == stream.partial == "ab"
        assert (stream.result.reasoning, stream.result.finish_reason) == ("Hm", "stop")
        assert stream.records == stream.result

    async def test_the_result_can_be_waited_for(self, predictor: Predictor[bytes], session: Session) -> None:
        result = await predictor.predict_stream(CHAT).tokens().result()
        assert type(result) is TokenResult
        assert (result.text, result.reasoning, result.finish_reason) == ("ab", "Hm", "stop")
        assert session.connections_in_use == 0

    @pytest.mark.parametrize("tokens", [0, 1, 2, 3])
    async def test_the_result_can_be_waited_for_after_a_part_was_read(
        self, predictor: Predictor[bytes], tokens: int
    ) -> None:
        stream = predictor.predict_stream(CHAT).tokens()
        async for token in stream:
            if token.index == tokens:
                break
        assert (await stream.result()).text == "ab"
        assert (await stream.result()).text == "ab"

    async def test_the_result_of_a_stream_that_was_closed_midway_is_what_came(
        self, predictor: Predictor[bytes]
    ) -> None:
        async with predictor.predict_stream(CHAT).tokens() as stream:
            await anext(stream)
        with pytest.raises(StreamClosedError):
            await stream.result()
        assert stream.result.reasoning == "Hm"

    async def test_a_second_task_that_waits_for_the_result_does_not_disturb_the_first(
        self, endpoint: Endpoint, session: Session
    ) -> None:
        stall = Stall(after_parts=100)
        endpoint.faults.append((PartSize(1), stall))
        stream = await Predictor(endpoint.name, session).predict_stream(CHAT).tokens()
        first = asyncio.ensure_future(stream.result())
        await settled()
        with pytest.raises(ConcurrentReadError):
            await stream.result()
        stall.release()
        assert (await first).text == "ab"
        assert session.connections_in_use == 0

    async def test_after_a_failure_the_result_holds_what_came(self, endpoint: Endpoint, session: Session) -> None:
        endpoint.faults.append((PartSize(1), CutFrame(after_parts=len(CHAT) - 60)))
        stream = Predictor(endpoint.name, session).predict_stream(CHAT).tokens()
        with pytest.raises(TruncatedStreamError):
            await stream.result()
        assert (stream.result.reasoning, stream.result.text, stream.result.finish_reason) == ("Hm", "a", None)
        assert session.connections_in_use == 0

    async def test_a_result_keeps_no_connection_once_it_is_dropped(
        self, stalled: Callable[..., PredictionStream[Any]], session: Session
    ) -> None:
        stream = await stalled(CHAT, TokenIterator, after_parts=100)
        result = stream.result
        assert session.connections_in_use == 1
        del stream
        assert session.connections_in_use == 1  # the result can still be waited for
        del result
        await settled()
        assert session.connections_in_use == 0

    @pytest.mark.parametrize("view", [lambda stream: stream, lambda stream: stream.lines()])
    async def test_a_stream_that_is_not_of_tokens_has_no_result(self, predictor: Predictor[bytes], view: Any) -> None:
        with pytest.raises(UsageError, match=r"choose predict_stream\(\.\.\.\)\.tokens\(\)"):
            view(predictor.predict_stream(LINES)).result  # noqa: B018

    async def test_records_of_other_streams_are_their_iterator(self, predictor: Predictor[bytes]) -> None:
        async with predictor.predict_stream(LINES).lines() as stream:
            assert isinstance(stream.records, LineIterator)

    async def test_collect_reads_all_and_closes(self, predictor: Predictor[bytes], session: Session) -> None:
        stream = predictor.predict_stream(LINES).lines()
        assert await stream.collect() == [b"one", b"two", b"three"]
        assert session.connections_in_use == 0
        with pytest.raises(StreamClosedError):
            await stream.collect()

    @pytest.mark.parametrize("begin", [anext, lambda stream: asyncio.sleep(0, aiter(stream))])
    async def test_it_is_too_late_once_reading_has_begun(self, predictor: Predictor[bytes], begin: Any) -> None:
        stream = predictor.predict_stream(b"one\ntwo", iterator=LineIterator)
        await begin(stream)
        with pytest.raises(StreamConsumedError, match="before reading"):
            stream.text()


class TestSingleUse:
    async def test_a_second_iteration_is_an_error_after_the_end(self, predictor: Predictor[bytes]) -> None:
        stream = predictor.predict_stream(LINES)
        async for _ in stream:
            pass
        with pytest.raises(StreamConsumedError, match="predict_stream again"):
            async for _ in stream:
                pass
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    async def test_a_second_iteration_is_an_error_after_a_break(
        self, stalled: Callable[..., PredictionStream[bytes]]
    ) -> None:
        async with stalled() as stream:
            async for _ in stream:
                break
            with pytest.raises(StreamConsumedError):
                async for _ in stream:
                    pass

    @pytest.mark.parametrize("use", [aiter, PredictionStream.open, anext, PredictionStream.__aenter__])
    async def test_use_after_close_is_an_error(self, predictor: Predictor[bytes], use: Any) -> None:
        stream = predictor.predict_stream(LINES)
        async with stream:
            pass
        await stream.aclose()

        async def used() -> None:
            result = use(stream)
            if isinstance(result, Awaitable):
                await result

        with pytest.raises(StreamClosedError, match="closed"):
            await used()

    async def test_one_closed_before_it_was_opened_sends_nothing(
        self, predictor: Predictor[bytes], endpoint: Endpoint
    ) -> None:
        stream = predictor.predict_stream(LINES)
        await stream.aclose()
        with pytest.raises(StreamClosedError):
            await stream
        assert endpoint.requests == 0

    async def test_closing_drops_records_that_have_arrived(self, predictor: Predictor[bytes]) -> None:
        stream = predictor.predict_stream(LINES, iterator=LineIterator)
        assert await anext(stream) == b"one"
        await stream.aclose()
        with pytest.raises(StreamClosedError):
            await anext(stream)

    async def test_two_consumers_are_an_error_and_the_first_goes_on(
        self, predictor: Predictor[bytes], endpoint: Endpoint
    ) -> None:
        fault = Stall(after_parts=4)
        endpoint.faults.append((PartSize(1), fault))
        stream = predictor.predict_stream(LINES, iterator=LineIterator)
        assert await anext(stream) == b"one"
        first = asyncio.create_task(anext(stream))  # type: ignore[arg-type]
        await endpoint.until(lambda e: e.stalled == 1)
        with pytest.raises(ConcurrentReadError, match="at the same time"):
            await anext(stream)
        fault.release()
        assert await first == b"two"
        assert [line async for line in stream] == [b"three"]

    async def test_two_openers_are_an_error_and_the_first_goes_on(
        self, predictor: Predictor[bytes], endpoint: Endpoint
    ) -> None:
        fault = Stall()
        endpoint.faults.append(fault)
        stream = predictor.predict_stream(LINES)
        opening = asyncio.create_task(stream.open())
        await endpoint.until(lambda e: e.stalled == 1)
        for second in (stream.open, stream.__anext__, stream.__aenter__):
            with pytest.raises(ConcurrentReadError):
                await second()
        fault.release()
        assert await opening is stream
        assert [part async for part in stream] == [LINES]


class TestLeaving:
    async def test_break_with_no_other_reference_lets_go_at_once(
        self, stalled: Callable[..., PredictionStream[bytes]], session: Session, endpoint: Endpoint
    ) -> None:
        async for _ in stalled():
            assert session.connections_in_use == 1
            break
        assert session.connections_in_use == 0
        await endpoint.until(lambda e: e.abandoned_streams == 1)

    async def test_an_exception_in_the_loop_lets_go_at_once(
        self, stalled: Callable[..., PredictionStream[bytes]], session: Session
    ) -> None:
        async def consume() -> None:
            async for _ in stalled():
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError) as caught:
            await consume()
        assert session.connections_in_use == 0
        assert caught.value.__traceback__ is not None

    async def test_leaving_async_with_lets_go_although_it_has_a_name(
        self, stalled: Callable[..., PredictionStream[bytes]], session: Session
    ) -> None:
        async with stalled() as stream:
            async for _ in stream:
                break
            assert session.connections_in_use == 1
        assert session.connections_in_use == 0

    async def test_aclose_lets_go_and_is_idempotent(
        self, stalled: Callable[..., PredictionStream[bytes]], session: Session
    ) -> None:
        stream = await stalled()
        assert session.connections_in_use == 1
        await stream.aclose()
        assert session.connections_in_use == 0
        await stream.aclose()

    async def test_dropping_the_last_reference_lets_go(
        self, stalled: Callable[..., PredictionStream[bytes]], session: Session
    ) -> None:
        stream = await stalled()
        assert session.connections_in_use == 1
        del stream
        assert session.connections_in_use == 0

    async def test_a_cancelled_read_lets_go_and_the_stream_is_closed(
        self, stalled: Callable[..., PredictionStream[bytes]], session: Session, endpoint: Endpoint
    ) -> None:
        stream = await stalled()
        assert [await anext(stream), await anext(stream)] == [b"one", b"two"]
        reader = asyncio.create_task(anext(stream))  # type: ignore[arg-type]
        await endpoint.until(lambda e: e.stalled == 1)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert session.connections_in_use == 0
        with pytest.raises(StreamClosedError):
            await anext(stream)

    async def test_a_cancelled_opening_lets_go_and_the_stream_is_closed(
        self, stalled: Callable[..., PredictionStream[bytes]], session: Session, endpoint: Endpoint
    ) -> None:
        stream = stalled(after_parts=None)
        opening = asyncio.create_task(stream.open())
        await endpoint.until(lambda e: e.stalled == 1)
        assert session.connections_in_use == 1
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert session.connections_in_use == 0
        with pytest.raises(StreamClosedError):
            await stream.open()

    async def test_closing_while_another_task_reads_ends_its_read_with_an_error(
        self, stalled: Callable[..., PredictionStream[bytes]], session: Session, endpoint: Endpoint
    ) -> None:
        stream = await stalled(after_parts=0)
        reader = asyncio.create_task(anext(stream))  # type: ignore[arg-type]
        await endpoint.until(lambda e: e.stalled == 1)
        await stream.aclose()
        assert session.connections_in_use == 0
        with pytest.raises(StreamClosedError):
            await reader

    async def test_closing_while_another_task_opens_ends_the_opening_with_an_error(
        self, stalled: Callable[..., PredictionStream[bytes]], session: Session, endpoint: Endpoint
    ) -> None:
        stream = stalled(after_parts=None)
        opening = asyncio.create_task(stream.open())
        await endpoint.until(lambda e: e.stalled == 1)
        await stream.aclose()
        await stream.aclose()
        with pytest.raises(StreamClosedError, match="while it was being opened"):
            await opening
        assert not opening.cancelling()
        assert session.connections_in_use == 0

    async def test_a_cancellation_beside_a_close_stays_a_cancellation(
        self, stalled: Callable[..., PredictionStream[bytes]], session: Session, endpoint: Endpoint
    ) -> None:
        stream = stalled(after_parts=None)
        opening = asyncio.create_task(stream.open())
        await endpoint.until(lambda e: e.stalled == 1)
        await stream.aclose()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert session.connections_in_use == 0

    async def test_closing_an_opening_whose_cancellation_is_swallowed_still_lets_go(
        self, stalled: Callable[..., PredictionStream[bytes]], session: Session, endpoint: Endpoint
    ) -> None:
        endpoint.faults.append(Stall(after_parts=0))
        invoke = functools.partial(
            session.runtime.invoke_endpoint_with_response_stream, endpoint_name=endpoint.name, body=b""
        )

        async def send() -> Any:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return await invoke()

        stream: PredictionStream[bytes] = PredictionStream(send, ByteIterator)  # type: ignore[arg-type]
        opening = asyncio.create_task(stream.open())
        await settled()
        await stream.aclose()
        with pytest.raises(StreamClosedError):
            await opening
        assert session.connections_in_use == 0

    async def test_wait_for_and_timeouts_release_the_connection(
        self, stalled: Callable[..., PredictionStream[bytes]], session: Session
    ) -> None:
        async def consume() -> None:
            async with asyncio.timeout(0.01), stalled(after_parts=0) as stream:
                await collect(stream, [])

        with pytest.raises(TimeoutError):
            await consume()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stalled(after_parts=None).open(), 0.01)
        assert session.connections_in_use == 0

    async def test_the_finaliser_works_from_another_thread(
        self, stalled: Callable[..., PredictionStream[bytes]], session: Session, endpoint: Endpoint
    ) -> None:
        streams = [await stalled()]
        assert session.connections_in_use == 1
        await asyncio.to_thread(streams.clear)
        await endpoint.until(lambda e: e.abandoned_streams == 1)
        await settled()
        assert session.connections_in_use == 0

    def test_the_finaliser_works_after_the_loop_closed(self) -> None:
        with LocalSageMaker.in_thread() as local:
            endpoint = local.add_endpoint("echo", lambda body: body)
            endpoint.faults.append(Stall(after_parts=0))

            async def leave_open() -> tuple[Session, PredictionStream[bytes]]:
                session = Session(**local.client_options)
                return session, await Predictor("echo", session).predict_stream(b"data")

            session, stream = asyncio.run(leave_open())
            del stream
            endpoint.wait_until(lambda e: e.abandoned_streams == 1)
            asyncio.run(session.close())


class TestFailures:
    async def test_an_in_stream_error_comes_after_the_records_before_it(
        self, predictor: Predictor[bytes], endpoint: Endpoint, session: Session
    ) -> None:
        endpoint.faults.append(InStreamError(code="StreamBroken", message="broke", after_parts=1))
        lines: list[bytes] = []
        with pytest.raises(ModelStreamError, match="broke") as caught:
            await collect(predictor.predict_stream(b"one\ntwo\nthr", iterator=LineIterator), lines)
        assert lines == [b"one", b"two"]
        assert caught.value.error_code == "StreamBroken"
        assert caught.value.undelivered == b"thr"
        assert (caught.value.resource, caught.value.events) == ("echo", 1)
        assert session.connections_in_use == 0

    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            (InStreamError(code="ModelInvocationTimeExceeded", after_parts=1), ModelInvocationTimeExceeded),
            (InStreamError(code="StreamBroken", after_parts=1), StreamBroken),
            (InStreamError("InternalStreamFailure", after_parts=1), InternalStreamFailure),
            (CutFrame(after_parts=1), TruncatedStreamError),
            (DropConnection(after_parts=1), StreamConnectionError),
        ],
    )
    @pytest.mark.parametrize(
        ("view", "text"),
        [
            (lambda stream: stream.text(), "Grüße "),
            (lambda stream: stream.tokens(dialect="raw"), "Grüße "),
            (lambda stream: stream.tokens(dialect="raw", keep_partial=3), "Grü"),
            (lambda stream: stream.lines(), ""),
        ],
    )
    async def test_the_text_so_far_stays_after_an_error(
        self, predictor: Predictor[bytes], endpoint: Endpoint, fault: Any, kind: type[StreamError], view: Any, text: str
    ) -> None:
        endpoint.faults.append((PartSize(8), fault))
        stream = view(predictor.predict_stream("Grüße an alle".encode()))
        with pytest.raises(kind) as caught:
            await collect(stream, [])
        assert stream.partial == (caught.value.partial or "") == text
        assert (caught.value.events, caught.value.bytes_received) == (1, 8)

    async def test_an_in_band_error_leaves_the_text_so_far(self, predictor: Predictor[bytes]) -> None:
        records = [{"outputs": ["Once upon"]}, {"error": "out of memory", "code": 424}]
        stream = predictor.predict_stream("\n".join(map(json.dumps, records)).encode()).tokens()
        with pytest.raises(InBandError, match="out of memory") as caught:
            await stream.collect()
        assert stream.partial == caught.value.partial == "Once upon"
        assert caught.value.code == 424

    @pytest.mark.parametrize(
        ("fault", "kind"),
        [(CutFrame(after_parts=2), TruncatedStreamError), (DropConnection(after_parts=2), StreamConnectionError)],
    )
    async def test_a_stream_that_is_cut_is_an_error(
        self, predictor: Predictor[bytes], endpoint: Endpoint, session: Session, fault: Any, kind: type[Exception]
    ) -> None:
        endpoint.faults.append((PartSize(4), fault))
        records: list[bytes] = []
        stream = predictor.predict_stream(b"aaaabbbbcccc")
        with pytest.raises(kind):
            await collect(stream, records)
        assert records == [b"aaaa", b"bbbb"]
        assert session.connections_in_use == 0
        with pytest.raises(StreamClosedError):
            await anext(stream)

    async def test_a_call_that_fails_closes_the_stream(
        self, predictor: Predictor[bytes], endpoint: Endpoint, session: Session
    ) -> None:
        endpoint.faults.append(Status(400, "ValidationError", "no"))
        stream = predictor.predict_stream(LINES)
        with pytest.raises(ValidationError, match="no"):
            await stream.open()
        with pytest.raises(StreamClosedError):
            await anext(stream)
        assert session.connections_in_use == 0

    async def test_the_first_iteration_raises_what_opening_raises(
        self, predictor: Predictor[bytes], endpoint: Endpoint
    ) -> None:
        endpoint.faults.always(Status(400, "ValidationError", "no"))
        with pytest.raises(ValidationError):
            async for _ in predictor.predict_stream(LINES):
                pass

    async def test_unknown_events_are_skipped(self, predictor: Predictor[bytes], endpoint: Endpoint) -> None:
        endpoint.faults.append(UnknownEvent())
        assert [part async for part in predictor.predict_stream(LINES)] == [LINES]

    async def test_records_that_cannot_be_read_release_it_as_well(
        self, predictor: Predictor[bytes], session: Session
    ) -> None:
        values: list[Any] = []
        with pytest.raises(StreamIncomplete):
            await collect(predictor.predict_stream(b'{"a": 1}\n{"a"', iterator=JSONLinesIterator), values)
        assert values == [{"a": 1}]
        assert session.connections_in_use == 0


async def upper(event_stream: Any) -> AsyncIterator[str]:
    async for event in event_stream:
        yield event.bytes.decode().upper()


async def first_only(event_stream: Any) -> AsyncIterator[bytes]:
    async for event in event_stream:
        yield event.bytes
        return


class Pairs(StreamIterator[bytes]):
    def split(self, data: bytes, /) -> Iterable[bytes]:
        return [data[at : at + 2] for at in range(0, len(data), 2)]


class TestIterators:
    async def test_an_async_generator_function(self, predictor: Predictor[bytes]) -> None:
        assert [text async for text in predictor.predict_stream(b"abc", iterator=upper)] == ["ABC"]

    async def test_a_subclass_of_stream_iterator(self, predictor: Predictor[bytes]) -> None:
        assert [pair async for pair in predictor.predict_stream(b"abc", iterator=Pairs)] == [b"ab", b"c"]

    async def test_a_partial_and_a_lambda(self, predictor: Predictor[bytes]) -> None:
        partial = functools.partial(LineIterator, line_ends="crlf")
        assert [line async for line in predictor.predict_stream(b"a\r\nb", iterator=partial)] == [b"a", b"b"]
        made = predictor.predict_stream(b"a\nb", iterator=lambda events: LineIterator(events, max_buffer=5))
        assert [line async for line in made] == [b"a", b"b"]

    async def test_an_iterator_that_ends_early_ends_the_stream_and_lets_go(
        self, stalled: Callable[..., PredictionStream[bytes]], session: Session
    ) -> None:
        stream = stalled(iterator=first_only)
        assert [part async for part in stream] == [b"o"]
        assert session.connections_in_use == 0
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    async def test_dropping_a_stream_with_a_generator_lets_go_at_once_and_leaves_no_task(self) -> None:
        with LocalSageMaker.in_thread() as local:
            local.add_endpoint("echo", lambda body: body).faults.append((PartSize(1), Stall(after_parts=2)))
            async with Session(**local.client_options) as session:
                async for _ in Predictor("echo", session).predict_stream(LINES, iterator=upper):
                    break
                assert session.connections_in_use == 0
                await settled()
                assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_closing_ends_a_generator(self, stalled: Callable[..., PredictionStream[bytes]]) -> None:
        ended = []

        async def watched(event_stream: Any) -> AsyncIterator[bytes]:
            try:
                async for event in event_stream:
                    yield event.bytes
            finally:
                ended.append(True)

        async with stalled(iterator=watched) as stream:
            async for _ in stream:
                break
            assert not ended
        assert ended

    async def test_closing_while_a_task_reads_through_a_generator(
        self, stalled: Callable[..., PredictionStream[str]], session: Session, endpoint: Endpoint
    ) -> None:
        stream = await stalled(iterator=upper, after_parts=0)
        reader = asyncio.create_task(anext(stream))  # type: ignore[arg-type]
        await endpoint.until(lambda e: e.stalled == 1)
        await stream.aclose()
        with pytest.raises(StreamClosedError):
            await reader
        assert session.connections_in_use == 0

    async def test_records_that_an_iterator_makes_after_the_stream_was_closed_are_not_delivered(
        self, stalled: Callable[..., PredictionStream[bytes]], endpoint: Endpoint
    ) -> None:
        async def with_last_words(event_stream: Any) -> AsyncIterator[bytes]:
            try:
                async for event in event_stream:
                    yield event.bytes
            except StreamClosedError:
                yield b"last\nwords\n"

        stream = await stalled(iterator=lambda events: LineIterator(with_last_words(events)), after_parts=0)
        reader = asyncio.create_task(anext(stream))  # type: ignore[arg-type]
        await endpoint.until(lambda e: e.stalled == 1)
        await stream.aclose()
        for reading in (reader, anext(stream)):
            with pytest.raises(StreamClosedError):
                await reading

    async def test_an_iterator_sees_whether_the_event_stream_is_closed_and_can_close_it(
        self, predictor: Predictor[bytes], session: Session
    ) -> None:
        seen: list[bool] = []

        async def one(event_stream: Any) -> AsyncIterator[bytes]:
            async for event in event_stream:
                seen.append(event_stream.closed)
                event_stream.close()
                seen.append(event_stream.closed)
                yield event.bytes
                return

        async def never(event_stream: Any) -> AsyncIterator[bytes]:
            seen.append(event_stream.closed)
            yield b""

        assert await predictor.predict_stream(LINES, iterator=one).collect() == [LINES]
        assert session.connections_in_use == 0
        stream = predictor.predict_stream(LINES, iterator=never)
        await anext(aiter(stream._records))
        assert seen == [False, True, False]

    @pytest.mark.parametrize(
        "iterator",
        [
            7,
            "LineIterator",
            list,
            type("Old", (), {"__init__": lambda self, events: None, "__iter__": iter, "__next__": lambda self: b""}),
            ByteIterator(upper(None)),
        ],
        ids=["int", "str", "list", "sync class", "instance"],
    )
    async def test_what_is_no_async_iterator_is_refused_at_the_call(
        self, predictor: Predictor[bytes], endpoint: Endpoint, iterator: Any
    ) -> None:
        with pytest.raises(ConfigurationError, match="iterator"):
            predictor.predict_stream(LINES, iterator=iterator)
        assert endpoint.requests == 0

    async def test_an_instance_in_the_place_of_an_iterator_class_is_explained(
        self, predictor: Predictor[bytes]
    ) -> None:
        with pytest.raises(
            ConfigurationError, match=r"an instance, made over another stream: .* iterator=LineIterator"
        ):
            predictor.predict_stream(LINES, iterator=LineIterator(upper(None)))  # type: ignore[call-overload]

    async def test_functions_that_make_no_async_iterator_are_refused_at_the_call(
        self, predictor: Predictor[bytes]
    ) -> None:
        def generator(events: Any) -> Iterator[bytes]:
            yield b""

        async def coroutine(events: Any) -> list[bytes]:
            return []

        for iterator in (generator, coroutine, functools.partial(generator), functools.partial(coroutine)):
            with pytest.raises(ConfigurationError, match="asynchronous"):
                predictor.predict_stream(LINES, iterator=iterator)  # type: ignore[call-overload]

    @pytest.mark.parametrize("factory", [lambda events: iter([b""]), lambda events: None, lambda events: unwanted()])
    async def test_a_factory_that_makes_something_else_is_refused_at_the_call(
        self, predictor: Predictor[bytes], endpoint: Endpoint, factory: Any
    ) -> None:
        with pytest.raises(ConfigurationError, match="asynchronously iterable"):
            predictor.predict_stream(LINES, iterator=factory)
        assert endpoint.requests == 0

    async def test_a_factory_that_does_not_take_the_event_stream_is_refused_at_the_call(
        self, predictor: Predictor[bytes]
    ) -> None:
        with pytest.raises(ConfigurationError, match="cannot be called with the event stream alone: too many"):
            predictor.predict_stream(LINES, iterator=lambda: upper(None))  # type: ignore[misc, arg-type]

    @pytest.mark.parametrize("error", [ZeroDivisionError, TypeError])
    async def test_what_a_factory_raises_reaches_the_caller_at_the_call(
        self, predictor: Predictor[bytes], endpoint: Endpoint, error: type[Exception]
    ) -> None:
        def broken(events: Any) -> Any:
            raise error

        with pytest.raises(error):
            predictor.predict_stream(LINES, iterator=broken)
        assert endpoint.requests == 0

    async def test_an_iterator_with_an_anext_of_its_own_is_read_through_it(self, predictor: Predictor[bytes]) -> None:
        class Numbered(StreamIterator[Any]):
            number = 0

            def split(self, data: bytes, /) -> Iterable[Any]:
                return data.split()

            async def __anext__(self) -> Any:
                word = await super().__anext__()
                self.number += 1
                return self.number, word

        records = await predictor.predict_stream(b"a b c", iterator=Numbered).collect()
        assert records == [(1, b"a"), (2, b"b"), (3, b"c")]

    async def test_an_iterator_that_asks_for_events_in_its_constructor(self, predictor: Predictor[bytes]) -> None:
        class Early:
            def __init__(self, event_stream: Any) -> None:
                self.events = aiter(event_stream)

            def __aiter__(self) -> Any:
                return self

            async def __anext__(self) -> Any:
                return (await anext(self.events)).bytes

        assert await predictor.predict_stream(LINES, iterator=Early).collect() == [LINES]

    async def test_an_iterator_read_before_the_stream_is_open_says_what_to_read(
        self, predictor: Predictor[bytes], endpoint: Endpoint
    ) -> None:
        made: list[LineIterator] = []

        def lines(event_stream: Any) -> LineIterator:
            made.append(LineIterator(event_stream))
            return made[0]

        stream = predictor.predict_stream(LINES, iterator=lines)
        with pytest.raises(UsageError, match="read the stream that predict_stream returned"):
            await anext(made[0])
        assert endpoint.requests == 0
        assert await stream.collect() == LINES.split()


async def unwanted() -> list[bytes]:
    return []


WRONG_OPTIONS: list[tuple[Callable[[Any], Any], type[Any], dict[str, Any], str]] = [
    (PredictionStream.tokens, TokenIterator, {"dialect": "typo"}, "unknown dialect 'typo'. Known are djl, .*vllm"),
    (PredictionStream.tokens, TokenIterator, {"dialect": "open-ai"}, "did you mean 'openai'"),
    (PredictionStream.tokens, TokenIterator, {"allow_incomplete": "no"}, "allow_incomplete must be True or False"),
    (PredictionStream.tokens, TokenIterator, {"keep_partial": -1}, "keep_partial must be an int of at least 0"),
    (PredictionStream.text, TextIterator, {"errors": "x"}, "errors must be one of strict, replace, .*; got 'x'"),
    (PredictionStream.sse, SSEIterator, {"max_buffer": -1}, "max_buffer must be an int of at least 1, got -1"),
    (PredictionStream.sse, SSEIterator, {"deliver_unterminated": 1}, "deliver_unterminated must be True or False"),
    (PredictionStream.json, JSONIterator, {"max_buffer": 2.5}, "max_buffer must be an int of at least 1, got 2.5"),
    (PredictionStream.lines, LineIterator, {"line_ends": "LF"}, "line_ends must be one of lf, crlf, any; got 'LF'"),
    (
        PredictionStream.lines,
        LineIterator,
        {"line_end": "lf"},
        "LineIterator has no option 'line_end'; did you mean 'line_ends'. Its options are max_buffer, line_ends",
    ),
    (PredictionStream.json, JSONIterator, {"x": 1}, "JSONIterator has no option 'x'. Its options are max_buffer"),
]


class TestWrongOptions:
    @pytest.mark.parametrize(("method", "iterator", "options", "message"), WRONG_OPTIONS)
    async def test_are_refused_when_the_method_is_called(
        self,
        predictor: Predictor[bytes],
        endpoint: Endpoint,
        method: Callable[..., Any],
        iterator: type[Any],
        options: dict[str, Any],
        message: str,
    ) -> None:
        with pytest.raises(ConfigurationError, match=message):
            method(predictor.predict_stream(LINES), **options)
        with pytest.raises(ConfigurationError, match=message):
            predictor.predict_stream(LINES, iterator=functools.partial(iterator, **options))
        with pytest.raises(ConfigurationError, match=message):
            predictor.predict_stream(LINES, iterator=functools.partial(functools.partial(iterator), **options))
        assert endpoint.requests == 0

    async def test_leave_an_open_stream_as_it_was(self, predictor: Predictor[bytes]) -> None:
        async with predictor.predict_stream(LINES).lines() as stream:
            with pytest.raises(ConfigurationError, match="unknown dialect"):
                stream.tokens(dialect="typo")
            assert await stream.collect() == LINES.split()


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class TestReferences:
    @pytest.mark.parametrize("iterator", [ByteIterator, LineIterator, JSONLinesIterator, upper])
    async def test_a_dropped_stream_is_freed_without_the_collector(
        self, stalled: Callable[..., PredictionStream[Any]], session: Session, iterator: Any
    ) -> None:
        stream = await stalled(b"1\n2\n3", iterator, after_parts=3)
        assert stream.response is not None
        alive = [weakref.ref(stream), weakref.ref(stream.response.body)]
        await anext(stream)
        with without_collector():
            del stream
            assert session.connections_in_use == 0
            await settled()
            assert [ref() for ref in alive] == [None, None]

    async def test_after_an_exception_in_the_loop(
        self, stalled: Callable[..., PredictionStream[bytes]], session: Session
    ) -> None:
        alive: list[weakref.ref[Any]] = []

        async def consume() -> None:
            stream = await stalled()
            assert stream.response is not None
            alive.extend([weakref.ref(stream), weakref.ref(stream.response.body)])
            async for _ in stream:
                raise ZeroDivisionError

        with without_collector():
            with contextlib.suppress(ZeroDivisionError):
                await consume()
            assert session.connections_in_use == 0
            assert [ref() for ref in alive] == [None, None]

    @pytest.mark.parametrize("iterator", [ByteIterator, LineIterator, upper])
    async def test_after_a_model_stream_error(
        self, predictor: Predictor[bytes], endpoint: Endpoint, session: Session, iterator: Any
    ) -> None:
        endpoint.faults.append(InStreamError(code="StreamBroken"))
        alive: list[weakref.ref[Any]] = []

        async def consume() -> None:
            stream = await predictor.predict_stream(LINES, iterator=iterator)
            assert stream.response is not None
            alive.extend([weakref.ref(stream), weakref.ref(stream.response.body)])
            async for _ in stream:
                pass

        with without_collector():
            with contextlib.suppress(ModelStreamError, AttributeError):  # `upper` does not look at the type of events
                await consume()
                pytest.fail("no error")
            assert session.connections_in_use == 0
            await settled()
            assert [ref() for ref in alive] == [None, None]
