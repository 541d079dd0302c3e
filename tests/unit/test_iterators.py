"""The iterators over response streams: order, failure, closing, options; what they read is in the splitters' tests."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import json
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sagemaker_async import iterators
from sagemaker_async.errors import (
    ConcurrentReadError,
    ConfigurationError,
    InBandError,
    InternalStreamFailure,
    ModelStreamError,
    RecordTooLongError,
    StreamBroken,
    StreamClosedError,
    StreamDecodeError,
    StreamError,
    StreamIncomplete,
    TotalTimeoutError,
    TruncatedStreamError,
)
from sagemaker_async.iterators import (
    BaseIterator,
    ByteIterator,
    JSONIterator,
    JSONLinesIterator,
    LineIterator,
    ServerSentEvent,
    SSEIterator,
    StreamIterator,
    TextIterator,
    TokenIterator,
    handle_stream_errors,
)
from sagemaker_async.runtime.events import PayloadPart, UnknownEvent

SSE_EMPTY = ServerSentEvent("")
BUILT_IN = [
    ByteIterator,
    LineIterator,
    TextIterator,
    JSONLinesIterator,
    JSONIterator,
    SSEIterator,
    TokenIterator,
]


class Events:
    """An event stream that yields what it is given, and counts how often it is closed."""

    def __init__(self, *events: object) -> None:
        self.events = list(events)
        self.closed = 0

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> object:
        if not self.events:
            raise StopAsyncIteration
        event = self.events.pop(0)
        return PayloadPart(event) if isinstance(event, bytes) else event

    async def aclose(self) -> None:
        self.closed += 1


class Parts(Events):
    """The same with the fast path: batches of parts, then an error or the clean end."""

    async def next_parts(self) -> list[bytes]:
        if not self.events:
            return []
        if isinstance(self.events[0], BaseException):
            raise self.events.pop(0)  # type: ignore[misc]
        return self.events.pop(0)  # type: ignore[return-value]

    async def __anext__(self) -> object:
        raise AssertionError("the fast path was there to be used")


async def collect(iterator: AsyncIterator[Any]) -> tuple[list[Any], Exception | None]:
    records: list[Any] = []
    try:
        async for record in iterator:
            records.append(record)  # noqa: PERF401 - what came before an error is what matters
    except Exception as error:  # noqa: BLE001 - whatever it raises is the outcome
        return records, error
    return records, None


@pytest.mark.parametrize(
    ("iterator", "parts", "records"),
    [
        (ByteIterator, [b"a", b"", b"b\nc"], [b"a", b"", b"b\nc"]),
        (LineIterator, [b"a\nb", b"", b"c\r\n", b"\nd"], [b"a", b"bc\r", b"", b"d"]),
        (functools.partial(LineIterator, line_ends="crlf"), [b"a\r", b"\nb"], [b"a", b"b"]),
        (TextIterator, ["é".encode()[:1], "é".encode()[1:] + b"x"], ["éx"]),
        (functools.partial(TextIterator, errors="replace"), [b"a\xff"], ["a\ufffd"]),
        (JSONLinesIterator, [b'{"a":', b"1}\n\n[2", b"]"], [{"a": 1}, [2]]),
        (JSONIterator, [b'{"a":', b"1}[2", b"]3"], [{"a": 1}, [2], 3]),
        (SSEIterator, [b"data: a\r", b"\n\r\nda", b"ta: b\n\ndata: c\n"], [ServerSentEvent("a"), ServerSentEvent("b")]),
        (functools.partial(SSEIterator, deliver_unterminated=True), [b"data: c"], [ServerSentEvent("c")]),
    ],
)
class TestRecords:
    async def test_from_events_with_unknown_ones_skipped(
        self, iterator: Callable[..., AsyncIterator[Any]], parts: list[bytes], records: list[Any]
    ) -> None:
        events: list[object] = [UnknownEvent("New", {}, b"x\n")]
        for part in parts:
            events += [part, UnknownEvent("New", {}, b"x\n")]
        assert await collect(iterator(Events(*events))) == (records, None)

    async def test_from_plain_bytes(
        self, iterator: Callable[..., AsyncIterator[Any]], parts: list[bytes], records: list[Any]
    ) -> None:
        async def source() -> AsyncIterator[bytes | bytearray | memoryview]:
            for kind, part in zip((bytes, bytearray, memoryview, bytes), parts, strict=False):
                yield kind(part)

        assert await collect(iterator(source())) == (records, None)

    async def test_from_batches_of_parts(
        self, iterator: Callable[..., AsyncIterator[Any]], parts: list[bytes], records: list[Any]
    ) -> None:
        assert await collect(iterator(Parts(parts))) == (records, None)

    async def test_the_end_is_the_end(
        self, iterator: Callable[..., AsyncIterator[Any]], parts: list[bytes], records: list[Any]
    ) -> None:
        stream = iterator(Events(*parts))
        await collect(stream)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


class TestTokenIterator:
    @staticmethod
    def sse(*records: object) -> bytes:
        return b"".join(b"data:" + json.dumps(record).encode() + b"\n\n" for record in records)

    @staticmethod
    def tgi(text: str, **more: object) -> dict[str, object]:
        return {"token": {"id": 1, "text": text, "logprob": -1.0, "special": False}, **more}

    async def test_the_results_are_there_after_the_end(self) -> None:
        details = {"finish_reason": "length", "generated_tokens": 2, "input_length": 3}
        payload = self.sse(self.tgi("Grü"), self.tgi("ße", generated_text="Grüße", details=details))
        tokens = TokenIterator(Events(payload[:50], payload[50:]))
        assert (tokens.dialect, tokens.usage, tokens.finish_reason) == (None, None, None)
        assert [token.text async for token in tokens] == ["Grü", "ße"]
        assert (tokens.dialect, tokens.text, tokens.text_truncated) == ("tgi", "Grüße", False)
        assert tokens.finish_reason == "length"
        assert tokens.usage == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}

    async def test_an_in_band_error_comes_after_the_tokens_with_their_text(self) -> None:
        payload = self.sse(self.tgi("Once"), self.tgi(" upon"), {"error": "CUDA", "error_type": "generation"})
        stream = Events(payload)
        tokens, error = await collect(TokenIterator(stream))
        assert [token.text for token in tokens] == ["Once", " upon"]
        assert isinstance(error, InBandError)
        assert error.partial == "Once upon"
        assert (error.events, error.bytes_received) == (1, len(payload))
        assert stream.closed == 1

    async def test_every_stream_error_brings_the_text_so_far(self) -> None:
        for failure in (ModelStreamError("m", "StreamBroken"), InternalStreamFailure("i")):
            _, error = await collect(TokenIterator(Events(self.sse(self.tgi("Once")) + b"data: {", failure)))
            assert error is failure
            assert failure.partial == "Once"
            assert failure.undelivered == b"data: {"

    async def test_a_missing_finish_reason_is_an_error_unless_allowed(self) -> None:
        payload = self.sse(self.tgi("Once"))
        _, error = await collect(TokenIterator(Events(payload)))
        assert isinstance(error, StreamIncomplete)
        assert error.partial == "Once"
        tokens, error = await collect(TokenIterator(Events(payload), allow_incomplete=True))
        assert [token.text for token in tokens] == ["Once"]
        assert error is None

    async def test_the_dialect_may_be_given(self) -> None:
        tokens = TokenIterator(Events(b'{"token": "raw"}'), dialect="raw")
        assert [token.text async for token in tokens] == ['{"token": "raw"}']

    async def test_partial_text_is_bounded(self) -> None:
        payload = self.sse(self.tgi("abc"), self.tgi("def"))
        _, error = await collect(TokenIterator(Events(payload), keep_partial=4))
        assert isinstance(error, StreamIncomplete)
        assert error.partial == "abcd"

    def test_an_unknown_dialect_is_refused_at_once(self) -> None:
        with pytest.raises(ConfigurationError, match="did you mean 'tgi'"):
            TokenIterator(Events(), dialect="tgii")


class TestFailures:
    @pytest.mark.parametrize(
        "make", [Events, lambda *events: Parts(*([e] if isinstance(e, bytes) else e for e in events))]
    )
    @pytest.mark.parametrize("failure", [ModelStreamError("broke", "StreamBroken"), InternalStreamFailure("oops")])
    async def test_in_stream_errors_are_raised_once_after_the_records_before_them(
        self, make: Callable[..., Events], failure: StreamError
    ) -> None:
        stream = make(b"one\ntwo\nthr", failure)
        lines = LineIterator(stream)
        records, error = await collect(lines)
        assert records == [b"one", b"two"]
        assert error is failure
        assert failure.undelivered == b"thr"
        assert failure.partial is None
        assert stream.closed
        with pytest.raises(StopAsyncIteration):
            await anext(lines)

    async def test_errors_of_the_stream_keep_their_own_facts(self) -> None:
        failure = TruncatedStreamError("cut")
        failure.locate("InvokeEndpointWithResponseStream", "e", "https://x")
        failure.events, failure.bytes_received, failure.undelivered = 7, 70, b"frame"
        _, error = await collect(LineIterator(Parts([b"a\n"], failure)))
        assert error is failure
        assert (failure.events, failure.bytes_received, failure.undelivered) == (7, 70, b"frame")

    async def test_errors_of_ones_own_are_located_by_the_stream_beneath(self) -> None:
        class Located(Parts):
            def locate(self, error: StreamError) -> None:
                error.locate("InvokeEndpointWithResponseStream", "my-endpoint", "https://x", "req-1")

        _, error = await collect(JSONLinesIterator(Located([b"1\n", b"oops\n"])))
        assert isinstance(error, StreamDecodeError)
        assert (error.resource, error.request_id, error.events, error.bytes_received) == ("my-endpoint", "req-1", 2, 7)
        assert "my-endpoint" in str(error)

    async def test_a_call_that_fails_otherwise_ends_the_iterator_too(self) -> None:
        lines = LineIterator(Parts([b"a\nb"], TotalTimeoutError("too long", 1.0)))
        records, error = await collect(lines)
        assert records == [b"a"]
        assert isinstance(error, TotalTimeoutError)
        with pytest.raises(StopAsyncIteration):
            await anext(lines)

    async def test_a_second_consumer_does_not_end_it_for_the_first(self) -> None:
        lines = LineIterator(Parts(ConcurrentReadError("two tasks"), [b"a\n"]))
        with pytest.raises(ConcurrentReadError):
            await anext(lines)
        assert await anext(lines) == b"a"

    @pytest.mark.parametrize(
        ("iterator", "payload", "records", "kind"),
        [
            (functools.partial(LineIterator, max_buffer=3), b"abc\nabcdef", [b"abc"], RecordTooLongError),
            (functools.partial(JSONIterator, max_buffer=3), b"[1]    [23]", [[1]], RecordTooLongError),
            (functools.partial(SSEIterator, max_buffer=5), b"data\n\n:12345", [SSE_EMPTY], RecordTooLongError),
            (JSONIterator, b"[1] nope ", [[1]], StreamDecodeError),
            (JSONIterator, b"[1] [2", [[1]], StreamIncomplete),
            (JSONLinesIterator, b"1\nnope\n", [1], StreamDecodeError),
            (TextIterator, b"ab\xff", ["ab"], StreamDecodeError),
            (TextIterator, b"ab\xc3", ["ab"], StreamIncomplete),
        ],
    )  # fmt: skip
    async def test_a_fault_in_the_payload_comes_after_the_records_before_it_and_closes_the_stream(
        self, iterator: Callable[..., AsyncIterator[Any]], payload: bytes, records: list[Any], kind: type[StreamError]
    ) -> None:
        for stream in (Events(payload), Parts([payload])):
            got, error = await collect(iterator(stream))
            assert got == records
            assert type(error) is kind
            assert error.undelivered
            assert (error.events, error.bytes_received) == (1, len(payload))
            assert stream.closed == 1

    async def test_the_undelivered_tail_is_bounded(self) -> None:
        failure = ModelStreamError()
        await collect(LineIterator(Events(b"x" * 100_000, failure)))
        assert failure.undelivered == b"x" * 1024

    async def test_text_errors_bring_the_text_so_far(self) -> None:
        failure = ModelStreamError("broke")
        await collect(TextIterator(Events(b"Gr\xc3", b"\xbc\xc3", failure)))
        assert (failure.partial, failure.undelivered) == ("Grü", b"\xc3")
        _, error = await collect(TextIterator(Events(b"abcdef", b"\xff"), keep_partial=3))
        assert isinstance(error, StreamDecodeError)
        assert error.partial == "abc"

    async def test_an_endless_line_is_refused_before_it_is_received(self) -> None:
        class Endless(Parts):
            sent = 0

            async def next_parts(self) -> list[bytes]:
                self.sent += 1
                return [b"x" * 1000]

        stream = Endless()
        _, error = await collect(LineIterator(stream, max_buffer=10_000))
        assert isinstance(error, RecordTooLongError)
        assert stream.sent == 11
        assert stream.closed


class TestArguments:
    @pytest.mark.parametrize("iterator", BUILT_IN)
    @pytest.mark.parametrize("stream", [None, b"bytes", 5, [b"a"], iter(())])
    def test_what_is_no_async_iterable_is_refused(self, iterator: Callable[[object], object], stream: object) -> None:
        with pytest.raises(ConfigurationError, match="event_stream must be an async iterable"):
            iterator(stream)

    @pytest.mark.parametrize("iterator", BUILT_IN)
    def test_an_iterator_without_a_stream_says_how_it_is_passed(self, iterator: Any) -> None:
        advice = rf"pass the class, iterator={iterator.__name__}, and options with functools.partial"
        with pytest.raises(ConfigurationError, match=advice):
            iterator()

    async def test_a_call_in_the_place_of_a_stream_is_to_be_awaited(self) -> None:
        async def call() -> None: ...

        calling = call()
        with pytest.raises(ConfigurationError, match="the call was not awaited: await it, and pass the `body`"):
            LineIterator(calling)  # type: ignore[arg-type]
        calling.close()

    def test_a_response_in_the_place_of_a_stream_has_one(self) -> None:
        response = SimpleNamespace(body=Events(b"a"))
        with pytest.raises(ConfigurationError, match="not SimpleNamespace; pass its `body`"):
            LineIterator(response)  # type: ignore[arg-type]

    @pytest.mark.parametrize("event", ["text", 5, None, {"PayloadPart": {"Bytes": b"a"}}])
    async def test_events_of_another_kind_are_refused(self, event: object) -> None:
        with pytest.raises(ConfigurationError, match="must yield response stream events or bytes"):
            await anext(LineIterator(Events(event)))

    @pytest.mark.parametrize(
        ("iterator", "options"),
        [
            (LineIterator, {"max_buffer": 0}),
            (LineIterator, {"line_ends": "\n"}),
            (TextIterator, {"errors": "loose"}),
            (TextIterator, {"keep_partial": -1}),
            (JSONLinesIterator, {"max_buffer": "1"}),
            (JSONIterator, {"max_buffer": 0}),
            (SSEIterator, {"max_buffer": 0}),
            (TokenIterator, {"max_buffer": 0}),
            (TokenIterator, {"keep_partial": None}),
        ],
    )
    def test_a_wrong_option_is_refused_by_name(self, iterator: Callable[..., object], options: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError, match=next(iter(options))):
            iterator(Events(), **options)


class TestClosing:
    @pytest.mark.parametrize("iterator", BUILT_IN)
    async def test_closing_closes_the_stream_beneath_and_drops_what_is_ready(
        self, iterator: Callable[[object], Any]
    ) -> None:
        stream = Events(b"{}\n{}\n{}\n")
        records = iterator(stream)
        await records.aclose()
        await records.aclose()
        assert stream.closed == 2
        with pytest.raises(StreamClosedError, match=f"this {type(records).__name__} was closed"):
            await anext(records)

    async def test_records_that_were_ready_are_gone_after_closing(self) -> None:
        lines = LineIterator(Events(b"a\nb\nc\n"))
        assert await anext(lines) == b"a"
        await lines.aclose()
        with pytest.raises(StreamClosedError):
            await anext(lines)

    async def test_async_with_closes_on_any_exit(self) -> None:
        stream = Events(b"a\nb\n")

        async def consume() -> None:
            async with LineIterator(stream) as lines:
                async for _ in lines:
                    raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await consume()
        assert stream.closed == 1

    async def test_an_async_generator_beneath_is_closed(self) -> None:
        closed = asyncio.Event()

        class Source:
            async def __aiter__(self) -> AsyncIterator[bytes]:
                try:
                    yield b"a\n"
                    yield b"b\n"
                finally:
                    closed.set()

        async with LineIterator(Source()) as lines:
            assert await anext(lines) == b"a"
        assert closed.is_set()

    async def test_an_iterable_that_cannot_be_closed_is_left_alone(self) -> None:
        class Bare:
            def __aiter__(self) -> Bare:
                return self

            async def __anext__(self) -> bytes:
                raise StopAsyncIteration

        async with LineIterator(Bare()) as lines:
            assert [line async for line in lines] == []

    async def test_a_cancelled_read_loses_no_record(self) -> None:
        arrived = asyncio.Event()

        class Slow(Parts):
            async def next_parts(self) -> list[bytes]:
                if not arrived.is_set():
                    await arrived.wait()
                return await super().next_parts()

        lines = LineIterator(Slow([b"a\nb\n"]))
        reading = asyncio.ensure_future(anext(lines))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        arrived.set()
        assert await collect(lines) == ([b"a", b"b"], None)


class Counting(Parts):
    """An event stream that wants to know how many tokens were made of it."""

    def __init__(self, *events: object) -> None:
        super().__init__(*events)
        self.counts: list[int] = []

    def count_tokens(self, tokens: int) -> None:
        self.counts.append(tokens)


class TestCountOfTokens:
    @pytest.mark.parametrize(
        "end",
        [
            [],
            [[b"\xff"]],
            [ModelStreamError("broke")],
            [TotalTimeoutError("too long", 1.0)],
        ],
        ids=["clean", "malformed", "failed by the model", "out of time"],
    )
    async def test_is_told_to_the_stream_once_at_the_end(self, end: list[object]) -> None:
        stream = Counting([b"a", b"b"], [b"c"], *end)
        tokens = TokenIterator(stream, dialect="raw")
        records, _ = await collect(tokens)
        assert stream.counts == [len(records)]
        await tokens.aclose()
        del tokens
        assert stream.counts == [2]

    @pytest.mark.parametrize("closing", [True, False], ids=["closed", "dropped"])
    async def test_has_those_that_nobody_took_when_the_iterator_is_left(self, closing: bool) -> None:
        stream = Counting([b'{"generated_text": "a"}\n' * 3], [b'{"generated_text": "b"}\n'])
        tokens = TokenIterator(stream, dialect="jumpstart")
        await anext(tokens)
        assert stream.counts == []
        if closing:
            await tokens.aclose()
        del tokens
        assert stream.counts == [3]

    async def test_of_an_unread_iterator_is_none_until_it_is_closed(self) -> None:
        stream = Counting([b"a"])
        TokenIterator(stream)
        assert stream.counts == []
        await TokenIterator(stream).aclose()
        assert stream.counts == [0]

    @pytest.mark.parametrize("iterator", [each for each in BUILT_IN if each is not TokenIterator])
    async def test_is_no_concern_of_other_iterators(self, iterator: Callable[[object], Any]) -> None:
        stream = Counting([b"{}\n"])
        await collect(iterator(stream))
        assert stream.counts == []


@pytest.fixture
def no_cyclic_gc() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_cyclic_gc")
@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("iterator", BUILT_IN)
@pytest.mark.parametrize(
    "payload", [b"{", b'{"generated_text": "a"}\n' * 3, b"1\n\xff\n", b"data: {}\n\n: x\n", b"\xc3"]
)
@pytest.mark.parametrize("failure", [None, ModelStreamError])
async def test_dropping_an_iterator_releases_the_stream_at_once(
    iterator: Callable[[object], AsyncIterator[Any]], payload: bytes, failure: type[StreamError] | None, fast: bool
) -> None:
    async def consume() -> list[weakref.ref[Any]]:
        # Its error is kept by no variable here: from Python 3.12 on, an error's frames refer to this one, their caller.
        ended = Parts([payload]) if fast else Events(payload)
        if failure is not None:
            ended.events.append(failure("broke"))
        left = Parts([payload], [payload]) if fast else Events(payload, payload)
        await collect(iterator(ended))
        with contextlib.suppress(StreamError, StopAsyncIteration):
            await anext(iterator(left))
        return [weakref.ref(ended), weakref.ref(left)]

    assert [reference() for reference in await consume()] == [None, None]


class TestOnesOwn:
    class Words(StreamIterator[str]):
        """Words, as a user might write it."""

        def __init__(self, event_stream: Any, *, stop: str = "") -> None:
            super().__init__(event_stream)
            self.stop = stop
            self.rest = ""

        def split(self, data: bytes) -> Iterable[str]:
            *words, self.rest = (self.rest + data.decode()).split(" ")
            for word in words:
                if word == self.stop:
                    raise ValueError(word)
                yield word

        def finish(self) -> Iterable[str]:
            return [self.rest] if self.rest else []

    @pytest.mark.parametrize("stream", [Events(b"a b", b"c d"), Parts([b"a b", b"c d"])])
    async def test_split_and_finish_are_all_that_is_needed(self, stream: Events) -> None:
        assert await collect(self.Words(stream)) == (["a", "bc", "d"], None)

    async def test_split_is_called_once_per_part(self) -> None:
        class Sizes(StreamIterator[int]):
            def split(self, data: bytes) -> Iterable[int]:
                return [len(data)]

        assert await collect(Sizes(Parts([b"a", b"", b"bc"]))) == ([1, 0, 2], None)

    async def test_whatever_it_raises_comes_after_the_records_before_it(self) -> None:
        stream = Events(b"a b stop c ")
        words, error = await collect(self.Words(stream, stop="stop"))
        assert words == ["a", "b"]
        assert isinstance(error, ValueError)
        assert stream.closed == 1

    def test_without_split_it_cannot_be_made(self) -> None:
        class Nothing(StreamIterator[str]):
            pass

        with pytest.raises(TypeError, match="split"):
            Nothing(Events())  # type: ignore[abstract]


def test_the_public_names_are_these() -> None:
    assert iterators.__all__ == [
        "BaseIterator",
        "ByteIterator",
        "JSONIterator",
        "JSONLinesIterator",
        "LineIterator",
        "SSEIterator",
        "ServerSentEvent",
        "StreamIterator",
        "TextIterator",
        "Token",
        "TokenIterator",
        "TokenResult",
        "handle_stream_errors",
    ]
    assert all(hasattr(iterators, name) for name in iterators.__all__)


# --- the SDK's names --------------------------------------------------------------------------------------------------


class Upper(BaseIterator[str]):
    """As one writes it for the SDK, but for `async` and `await`."""

    async def __anext__(self) -> str:
        event = await anext(self.event_stream)
        handle_stream_errors(event)
        return event["PayloadPart"]["Bytes"].decode().upper()  # type: ignore[no-any-return]


async def test_an_iterator_with_the_sdks_base_reads_events() -> None:
    upper = Upper(Events(PayloadPart(b"a"), PayloadPart(b"b")).__aiter__())
    assert [text async for text in upper] == ["A", "B"]
    with pytest.raises(StopAsyncIteration):
        await anext(upper)


async def test_an_iterator_with_the_sdks_base_raises_what_the_stream_carried() -> None:
    upper = Upper(Events(PayloadPart(b"a"), ModelStreamError("no", "Odd")).__aiter__())
    assert await anext(upper) == "A"
    with pytest.raises(ModelStreamError, match="no"):
        await anext(upper)


@pytest.mark.parametrize("stream", [None, [PayloadPart(b"a")]])
def test_the_sdks_base_refuses_what_is_no_stream(stream: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"predict_stream\(iterator=Upper\) makes the iterator"):
        Upper(stream)


@pytest.mark.parametrize("kind", BUILT_IN)
def test_every_iterator_counts_as_one_of_the_sdks_base(kind: type) -> None:
    assert issubclass(kind, BaseIterator)


@pytest.mark.parametrize(
    ("chunk", "error", "code"),
    [
        ({"ModelStreamError": {"Message": "no", "ErrorCode": "StreamBroken"}}, StreamBroken, "StreamBroken"),
        ({"ModelStreamError": {"Message": "no"}}, ModelStreamError, None),
        ({"InternalStreamFailure": {"Message": "no"}}, InternalStreamFailure, None),
        (InternalStreamFailure("no"), InternalStreamFailure, None),
        (ModelStreamError("no", "Odd"), ModelStreamError, "Odd"),
    ],
)
def test_errors_among_events_are_raised(chunk: Any, error: type[StreamError], code: str | None) -> None:
    with pytest.raises(error) as caught:
        handle_stream_errors(chunk)
    assert caught.value.message == "no"
    assert getattr(caught.value, "error_code", None) == code


@pytest.mark.parametrize("chunk", [PayloadPart(b"a"), {"PayloadPart": {"Bytes": b"a"}}, UnknownEvent("N", {}, b"")])
def test_other_events_are_no_errors(chunk: Any) -> None:
    handle_stream_errors(chunk)
