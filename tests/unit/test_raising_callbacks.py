"""What users' own code raises within a stream reaches the reader as it is, once, with the connection closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from sagemaker_async import Predictor, Session, StubResponse, StubTransport
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.interceptors import CallContext, Interceptor, StreamSummary
from sagemaker_async.errors import (
    ConnectionLostError,
    ModelStreamError,
    RecordError,
    SageMakerAsyncError,
    StreamClosedError,
    StreamDecodeError,
    TransportError,
    UsageError,
)
from sagemaker_async.iterators import StreamIterator, Token, TokenIterator

TOKENS = [b'{"token": {"id": 1, "text": "a"}}\n', b'{"token": {"id": 2, "text": "b"}}\n']


class Interrupt(BaseException):
    """Something that no handler of ``Exception`` sees."""


RAISED: list[BaseException] = [
    ValueError("mine"),
    TimeoutError("mine"),
    ConnectionLostError("mine"),
    TransportError("mine"),
    ModelStreamError("mine"),
    StreamDecodeError("mine"),
    UsageError("mine"),
    SageMakerAsyncError("mine"),
    asyncio.CancelledError("mine"),
    KeyboardInterrupt("mine"),
    SystemExit("mine"),
    Interrupt("mine"),
    StopIteration("mine"),
    StopAsyncIteration("mine"),
]

ENDS = (StopIteration, StopAsyncIteration)

whatever_is_raised = pytest.mark.parametrize("raised", RAISED, ids=lambda error: type(error).__name__)


@pytest.fixture(autouse=True)
def _unused() -> None:
    """The same objects serve all tests, each of which looks for them as they were."""
    for error in RAISED:
        error.__traceback__ = error.__cause__ = error.__context__ = None
        if isinstance(error, SageMakerAsyncError):
            error.__dict__.update(type(error)("mine").__dict__)


def check(seen: BaseException, raised: BaseException) -> None:
    """Assert that what was seen is what was raised; of what would look like an end, the error that it caused."""
    if isinstance(raised, ENDS):
        assert type(seen) is RuntimeError
        assert seen.__cause__ is raised
    else:
        assert seen is raised
        assert "mine" in str(seen)


async def by_events(stream: Any) -> None:
    async for _ in stream:
        pass


async def into(records: list[Any], stream: AsyncIterator[Any]) -> None:
    async for record in stream:
        records.append(record)  # noqa: PERF401 - those before an error count


async def by_parts(stream: Any) -> None:
    while await stream.next_parts():
        pass


both_ways = pytest.mark.parametrize("read", [by_events, by_parts])


class Raising(Interceptor):
    """Raises in one hook."""

    def __init__(self, hook: str, error: BaseException) -> None:
        self._hook = hook
        self._error = error
        self.told: list[str] = []

    def _reached(self, hook: str) -> None:
        self.told.append(hook)
        if hook == self._hook:
            raise self._error

    def before_call(self, call: CallContext, request: HTTPRequest) -> None:
        self._reached("before_call")

    def before_attempt(self, call: CallContext, request: HTTPRequest) -> None:
        self._reached("before_attempt")

    def after_stream(self, summary: StreamSummary) -> None:
        self._reached("after_stream")

    def after_tokens(self, call: CallContext, tokens: int) -> None:
        self._reached("after_tokens")


def answering(*events: Any) -> StubTransport:
    return StubTransport(StubResponse.stream(events), otherwise=StubResponse.stream([b"the next"]))


async def next_call_is_answered(session: Session) -> None:
    assert await Predictor("e", session).predict_stream(b"").collect() == [b"the next"]


class TestOnChunkReceived:
    @both_ways
    @whatever_is_raised
    async def test_it_raises_through_once_and_the_connection_is_closed(self, raised: BaseException, read: Any) -> None:
        stub = answering(b"one", b"two")
        calls: list[int] = []

        def on_chunk_received(received: int, total: int | None) -> None:
            calls.append(received)
            if len(calls) == 2:
                raise raised

        async with Session(transport=stub) as session:
            response = await session.runtime.invoke_endpoint_with_response_stream(
                endpoint_name="e", body=b"", on_chunk_received=on_chunk_received
            )
            with pytest.raises(BaseException) as caught:
                await read(response.body)
            check(caught.value, raised)
            assert len(calls) == 2
            assert response.body.closed
            assert stub.in_use == 0
            with pytest.raises(StreamClosedError):
                await response.body.next_parts()
            await next_call_is_answered(session)

    @whatever_is_raised
    async def test_an_iterator_above_hands_it_on(self, raised: BaseException) -> None:
        def on_chunk_received(received: int, total: int | None) -> None:
            raise raised

        stub = answering(*TOKENS)
        async with Session(transport=stub) as session:
            response = await session.runtime.invoke_endpoint_with_response_stream(
                endpoint_name="e", body=b"", on_chunk_received=on_chunk_received
            )
            with pytest.raises(BaseException) as caught:
                await by_events(TokenIterator(response.body))
            check(caught.value, raised)
            assert stub.in_use == 0


class TestInterceptorsOfStreams:
    @both_ways
    @whatever_is_raised
    async def test_at_the_clean_end(self, raised: BaseException, read: Any) -> None:
        interceptor, stub = Raising("after_stream", raised), answering(b"one")
        async with Session(transport=stub, interceptors=[interceptor]) as session:
            response = await session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"")
            with pytest.raises(BaseException) as caught:
                await read(response.body)
            assert stub.in_use == 0
            assert interceptor.told.count("after_stream") == 1
        if type(raised) is StopIteration:  # raised in a coroutine by a plain function: Python's own RuntimeError
            assert type(caught.value) is RuntimeError
        else:
            check(caught.value, raised)

    @both_ways
    @pytest.mark.parametrize(
        "failure", [ConnectionLostError("gone"), ModelStreamError("broke"), b"no event stream"], ids=type
    )
    @whatever_is_raised
    async def test_when_the_stream_fails(
        self, raised: BaseException, failure: BaseException | bytes, read: Any
    ) -> None:
        interceptor, stub = Raising("after_stream", raised), answering(b"one", failure)
        if isinstance(failure, bytes):
            stub = StubTransport(
                StubResponse(200, [failure * 9], {"Content-Type": "application/vnd.amazon.eventstream"})
            )
        async with Session(transport=stub, interceptors=[interceptor]) as session:
            response = await session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"")
            with pytest.raises(BaseException) as caught:
                await read(response.body)
            check(caught.value, raised)
            assert stub.in_use == 0
            assert interceptor.told.count("after_stream") == 1

    @whatever_is_raised
    async def test_when_a_prediction_is_left_early(self, raised: BaseException) -> None:
        interceptor, stub = Raising("after_stream", raised), answering(*TOKENS)
        async with Session(transport=stub, interceptors=[interceptor]) as session:
            stream = await Predictor("e", session).predict_stream(b"").tokens()
            await anext(stream)
            with pytest.raises(BaseException) as caught:
                await stream.aclose()
            check(caught.value, raised)
            assert stub.in_use == 0
            await stream.aclose()
            assert interceptor.told == ["before_call", "before_attempt", "after_stream", "after_tokens"]

    @pytest.mark.parametrize("failure", [None, ConnectionLostError("gone"), b"no JSON"], ids=type)
    @whatever_is_raised
    async def test_when_the_tokens_are_counted(self, raised: BaseException, failure: Exception | bytes | None) -> None:
        interceptor = Raising("after_tokens", raised)
        stub = answering(*TOKENS, *([] if failure is None else [failure]))
        async with Session(transport=stub, interceptors=[interceptor]) as session:
            tokens: list[Token] = []
            with pytest.raises(BaseException) as caught:
                await into(tokens, Predictor("e", session).predict_stream(b"").tokens(allow_incomplete=True))
            check(caught.value, raised)
            assert stub.in_use == 0
            if isinstance(raised, Exception):
                assert [token.text for token in tokens] == ["a", "b"], "they came before it"

    @pytest.mark.parametrize("hook", ["before_call", "before_attempt"])
    @whatever_is_raised
    async def test_before_the_stream_when_its_first_read_opens_it(self, raised: BaseException, hook: str) -> None:
        stub = answering(b"one")
        async with Session(transport=stub, interceptors=[Raising(hook, raised)]) as session:
            stream = Predictor("e", session).predict_stream(b"")
            with pytest.raises(BaseException) as caught:
                await by_events(stream)
            assert stub.in_use == 0
            assert stub.requests == []
        if type(raised) is StopIteration:
            assert type(caught.value) is RuntimeError
        else:
            check(caught.value, raised)


class Splitting(StreamIterator[bytes]):
    """Raises in one of its methods."""

    raising = ""
    error: BaseException = ValueError()

    def _reached(self, method: str) -> None:
        if method == self.raising:
            raise self.error

    def split(self, data: bytes, /) -> Iterable[bytes]:
        if data == b"two":
            self._reached("split")
        if data == b"three":
            return self._generated()
        return [data]

    def _generated(self) -> Iterable[bytes]:
        yield b"three"
        self._reached("in a generator")
        if self.raising == "describe":
            raise RecordError("to be described")

    def finish(self) -> Iterable[bytes]:
        self._reached("finish")
        return []

    def describe(self, error: Any, /) -> None:
        self._reached("describe")


class TestRecordsOfOnesOwn:
    @pytest.mark.parametrize(
        ("method", "before"),
        [
            ("split", [b"one"]),
            ("in a generator", [b"one", b"two", b"three"]),
            ("finish", [b"one", b"two", b"three", b"four"]),
            ("describe", [b"one", b"two", b"three"]),
        ],
    )
    @pytest.mark.parametrize("way", ["iterator", "prediction"])
    @whatever_is_raised
    async def test_it_comes_after_the_records_before_it_and_an_interrupt_at_once(
        self, raised: BaseException, way: str, method: str, before: list[bytes]
    ) -> None:
        class Mine(Splitting):
            raising = method
            error = raised

        stub = answering(b"one", b"two", b"three", b"four")
        async with Session(transport=stub) as session:
            stream: AsyncIterator[bytes]
            if way == "prediction":
                stream = Predictor("e", session).predict_stream(b"", iterator=Mine)
            else:
                response = await session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"")
                stream = Mine(response.body)
            records: list[bytes] = []
            with pytest.raises(BaseException) as caught:
                await into(records, stream)
            if type(raised) is StopIteration and method == "in a generator":
                assert type(caught.value) is RuntimeError  # Python's own
            else:
                check(caught.value, raised)
            assert stub.in_use == 0
            if isinstance(raised, Exception):
                assert records == before
            else:
                assert records == before[: 1 if method == "split" else 2 if method != "finish" else 4]
                with pytest.raises(StreamClosedError):
                    await anext(stream)
            await next_call_is_answered(session)
