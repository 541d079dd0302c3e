"""Interceptors: what they see, in which order, and what their answers change."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable
from typing import Any

import pytest

from sagemaker_async import Predictor, Session
from sagemaker_async.aws.call import StreamWatcher
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.interceptors import (
    AttemptOutcome,
    CallContext,
    ConnectionPool,
    Interceptor,
    StreamSummary,
)
from sagemaker_async.aws.interceptors.chain import InterceptorChain
from sagemaker_async.aws.timing import SYSTEM_TIMING
from sagemaker_async.aws.transport.stub import StubTransport
from sagemaker_async.config import Credentials, RetryConfig, Timeouts
from sagemaker_async.errors import (
    ConnectionLostError,
    ModelStreamError,
    NoCredentialsError,
    NotAnEventStreamError,
    ServiceUnavailable,
    StreamBroken,
    StreamConnectionError,
    StreamError,
    TotalTimeoutError,
    ValidationError,
)
from sagemaker_async.iterators import TokenIterator
from sagemaker_async.runtime.stub import StubResponse

NO_BACKOFF = RetryConfig(max_attempts=3, base_delay=0)
UNAVAILABLE = StubResponse.error("ServiceUnavailable", status=503)


class Recorder(Interceptor):
    """Notes every hook in a list that several may share."""

    def __init__(self, seen: list[tuple[str, Any]] | None = None, name: str = "") -> None:
        self.seen = [] if seen is None else seen
        self.prefix = f"{name}." if name else ""

    def note(self, hook: str, what: Any) -> None:
        self.seen.append((self.prefix + hook, what))

    @property
    def hooks(self) -> list[str]:
        return [hook for hook, _ in self.seen]

    def last(self, hook: str) -> Any:
        return next(what for name, what in reversed(self.seen) if name == self.prefix + hook)

    def opened(self, pool: ConnectionPool) -> None:
        self.note("opened", pool)

    def closed(self, pool: ConnectionPool) -> None:
        self.note("closed", pool)

    def before_call(self, call: CallContext, request: HTTPRequest) -> None:
        self.note("before_call", (call, request))

    def before_attempt(self, call: CallContext, request: HTTPRequest) -> None:
        self.note("before_attempt", (call, request))

    def after_attempt(self, outcome: AttemptOutcome) -> None:
        self.note("after_attempt", outcome)

    def after_call(self, outcome: AttemptOutcome) -> None:
        self.note("after_call", outcome)

    def abandoned(self, call: CallContext, error: BaseException) -> None:
        self.note("abandoned", (call, error))

    def after_stream(self, summary: StreamSummary) -> None:
        self.note("after_stream", summary)

    def after_tokens(self, call: CallContext, tokens: int) -> None:
        self.note("after_tokens", (call, tokens))


def session_with(*interceptors: Interceptor, answers: list[Any], **options: Any) -> Session:
    return Session(transport=StubTransport(*answers), interceptors=interceptors, retry=NO_BACKOFF, **options)


async def invoke(session: Session, body: bytes = b"question", **options: Any) -> Any:
    async with session:
        return await session.runtime.invoke_endpoint(endpoint_name="e", body=body, **options)


async def test_a_call_with_a_retry_passes_every_hook_in_order() -> None:
    recorder = Recorder()

    await invoke(session_with(recorder, answers=[UNAVAILABLE, StubResponse()]))

    attempt = ["before_attempt", "after_attempt"]
    assert recorder.hooks == ["opened", "before_call", *attempt, *attempt, "after_call", "closed"]


async def test_the_ways_out_run_in_reverse_order() -> None:
    seen: list[tuple[str, Any]] = []
    outer, inner = Recorder(seen, "outer"), Recorder(seen, "inner")

    await invoke(session_with(outer, inner, answers=[StubResponse()]))

    assert [hook for hook, _ in seen] == [
        *("outer.opened", "inner.opened"),
        *("outer.before_call", "inner.before_call"),
        *("outer.before_attempt", "inner.before_attempt"),
        *("inner.after_attempt", "outer.after_attempt"),
        *("inner.after_call", "outer.after_call"),
        *("inner.closed", "outer.closed"),
    ]


async def test_the_context_says_what_is_called_and_is_the_same_in_all_hooks_of_a_call() -> None:
    recorder = Recorder()

    await invoke(session_with(recorder, answers=[UNAVAILABLE, StubResponse()], region="eu-west-1"))

    call = recorder.last("before_call")[0]
    assert (call.service, call.service_id, call.operation) == (
        "sagemaker-runtime",
        "SageMaker Runtime",
        "InvokeEndpoint",
    )
    assert (call.resource, call.region) == ("e", "eu-west-1")
    assert call.origin == "https://runtime.sagemaker.eu-west-1.amazonaws.com"
    assert recorder.last("before_attempt")[1].headers["amz-sdk-invocation-id"] == call.invocation_id
    calls = [what[0] if hook.startswith("before") else what.call for hook, what in recorder.seen[1:-1]]
    assert all(each is call for each in calls)


async def test_an_outcome_holds_the_attempt_its_status_its_headers_and_its_error() -> None:
    recorder = Recorder()

    await invoke(session_with(recorder, answers=[UNAVAILABLE, StubResponse(headers={"x-mark": "7"})]))

    first, second = (what for hook, what in recorder.seen if hook == "after_attempt")
    assert (first.status, first.attempt.number, first.attempt.outcome) == (503, 1, "503 ServiceUnavailable")
    assert isinstance(first.error, ServiceUnavailable)
    assert first.attempt.delay == 0
    assert (second.status, second.error, second.headers["X-Mark"]) == (200, None, "7")
    assert second.attempt.number == 2
    assert recorder.last("after_call").attempt == second.attempt


async def test_an_attempt_without_an_answer_has_neither_status_nor_headers() -> None:
    recorder = Recorder()

    with pytest.raises(ConnectionLostError) as caught:
        await invoke(session_with(recorder, answers=[ConnectionLostError("gone")]))

    for hook in ("after_attempt", "after_call"):
        outcome = recorder.last(hook)
        assert (outcome.status, outcome.headers) == (None, None)
        assert outcome.error is caught.value


async def test_a_call_that_runs_out_of_time_between_attempts_still_ends() -> None:
    recorder = Recorder()
    stub = StubTransport(otherwise=UNAVAILABLE)
    retry = RetryConfig(max_attempts=3, backoff=lambda _: 30.0)

    with pytest.raises(TotalTimeoutError):
        await invoke(Session(transport=stub, interceptors=[recorder], retry=retry, timeouts=Timeouts(total=0.02)))

    outcome = recorder.last("after_call")
    assert recorder.hooks.count("after_attempt") == recorder.hooks.count("after_call") == 1
    assert isinstance(outcome.error, TotalTimeoutError)


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_cancelled_call_is_abandoned_and_nothing_else(streaming: bool) -> None:
    recorder = Recorder()
    sent = asyncio.Event()

    class Silent(StubTransport):
        async def send(self, *_: object) -> Any:
            sent.set()
            await asyncio.Event().wait()

    async with Session(transport=Silent(), interceptors=[recorder]) as session:
        runtime = session.runtime
        method = runtime.invoke_endpoint_with_response_stream if streaming else runtime.invoke_endpoint
        task = asyncio.create_task(method(endpoint_name="e", body=b""))
        await sent.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    call, error = recorder.last("abandoned")
    assert recorder.hooks == ["opened", "before_call", "before_attempt", "abandoned", "closed"]
    assert call is recorder.last("before_call")[0]
    assert isinstance(error, asyncio.CancelledError)


async def test_a_call_without_credentials_is_abandoned() -> None:
    class Empty:
        async def get(self) -> Credentials:
            raise NoCredentialsError("there are none")

    recorder = Recorder()
    with pytest.raises(NoCredentialsError) as caught:
        await invoke(session_with(recorder, answers=[], credentials=Empty()))

    assert recorder.hooks == ["opened", "before_call", "abandoned", "closed"]
    assert recorder.last("abandoned")[1] is caught.value


async def test_the_public_part_of_the_credentials_is_known_at_each_attempt() -> None:
    recorder = Recorder()

    await invoke(session_with(recorder, answers=[StubResponse()], credentials=Credentials("AKIDEXAMPLE", "secret")))

    assert recorder.last("before_attempt")[0].access_key_id == "AKIDEXAMPLE"


async def test_an_answer_that_is_no_event_stream_is_the_end_of_the_stream() -> None:
    recorder = Recorder()
    async with session_with(recorder, answers=[StubResponse(body=b"<html>")]) as session:
        with pytest.raises(NotAnEventStreamError) as caught:
            await session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"")
        summary = recorder.last("after_stream")

    assert summary.error is caught.value
    assert (summary.events, summary.time_to_first_event) == (0, None)
    assert recorder.hooks.count("after_stream") == 1


async def test_before_call_may_replace_the_request_for_all_attempts() -> None:
    class Shout(Interceptor):
        def before_call(self, call: CallContext, request: HTTPRequest) -> HTTPRequest:
            return request._replace(body=request.body.upper())

    stub = StubTransport(UNAVAILABLE, StubResponse())
    await invoke(Session(transport=stub, interceptors=[Shout()], retry=NO_BACKOFF))

    assert [request.body for request in stub.requests] == [b"QUESTION", b"QUESTION"]


async def test_what_before_attempt_returns_is_what_is_signed_and_sent_and_may_be_async() -> None:
    class Mark(Interceptor):
        async def before_attempt(self, call: CallContext, request: HTTPRequest) -> HTTPRequest:
            number = request.headers["amz-sdk-request"].partition(";")[0]
            return request._replace(headers={**request.headers, "X-Mark": number}, body=b"other")

    stub = StubTransport(UNAVAILABLE, StubResponse())
    recorder = Recorder()
    await invoke(Session(transport=stub, interceptors=[Mark(), recorder], retry=NO_BACKOFF))

    assert [request.headers["X-Mark"] for request in stub.requests] == ["attempt=1", "attempt=2"]
    assert all("x-mark" in request.headers["Authorization"] for request in stub.requests)
    assert {request.body for request in stub.requests} == {b"other"}
    assert recorder.last("before_attempt")[1].body == b"other"


async def test_no_interceptor_sees_a_signature_or_a_session_token() -> None:
    recorder = Recorder()
    keys = Credentials("AKIDEXAMPLE", "secret-canary", "token-canary")

    await invoke(session_with(recorder, answers=[StubResponse()], credentials=keys))

    for hook in ("before_call", "before_attempt"):
        headers = {name.lower(): text for name, text in recorder.last(hook)[1].headers.items()}
        assert not {"authorization", "x-amz-security-token"} & set(headers)
        assert "canary" not in repr(headers)


@pytest.mark.parametrize("hook", ["before_call", "before_attempt", "after_attempt", "after_call"])
async def test_what_an_interceptor_raises_reaches_the_caller_as_it_is(hook: str) -> None:
    stub = StubTransport(otherwise=StubResponse())
    failure = LookupError("mine")

    def fail(*_: object) -> None:
        raise failure

    broken = Interceptor()
    setattr(broken, hook, fail)

    with pytest.raises(LookupError) as caught:
        await invoke(Session(transport=stub, interceptors=[broken]))

    assert caught.value is failure
    assert stub.in_use == 0


@pytest.mark.parametrize(
    ("events", "leave", "error"),
    [
        ([b"one", b"three"], False, None),
        ([b"one", b"three"], True, None),
        ([b"one", b"three", ModelStreamError("broke", "StreamBroken")], False, StreamBroken),
        ([b"one", b"three", ConnectionLostError("gone")], False, StreamConnectionError),
    ],
    ids=["to its end", "left early", "failed by the model", "cut off"],
)
async def test_a_stream_is_summed_up_when_it_has_ended(
    events: list[Any], leave: bool, error: type[Exception] | None
) -> None:
    recorder = Recorder()
    async with (
        session_with(recorder, answers=[StubResponse.stream(events)]) as session,
        session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"") as response,
    ):
        assert recorder.last("after_call").streaming
        assert "after_stream" not in recorder.hooks
        with contextlib.suppress(StreamConnectionError):
            async for count, _ in aenumerate(response.body):
                if leave and count == 2:
                    break

    summary = recorder.last("after_stream")
    assert recorder.hooks.count("after_stream") == 1
    assert (summary.events, summary.bytes_received) == (2, 8)
    assert 0 <= summary.time_to_first_event <= summary.duration
    assert summary.call is recorder.last("after_call").call
    assert type(summary.error) is (error or type(None))


async def aenumerate(source: Any) -> Any:
    count = 0
    async for item in source:
        count += 1
        yield count, item


async def test_a_call_without_a_stream_is_not_streaming() -> None:
    recorder = Recorder()

    await invoke(session_with(recorder, answers=[StubResponse()]))

    assert not recorder.last("after_call").streaming
    assert "after_stream" not in recorder.hooks


async def test_a_refused_stream_is_not_streaming() -> None:
    recorder = Recorder()
    async with session_with(recorder, answers=[StubResponse.error("ValidationError")]) as session:
        with pytest.raises(ValidationError):
            await session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"")

    assert not recorder.last("after_call").streaming


@pytest.fixture
def context() -> CallContext:
    return CallContext("sts", "GetCallerIdentity", None, "https://h", "us-east-1", "id")


def test_a_stream_that_is_dropped_unread_is_summed_up_all_the_same(context: CallContext) -> None:
    recorder = Recorder()
    watcher = StreamWatcher(InterceptorChain([recorder]), context, 0.0, SYSTEM_TIMING)

    del watcher
    gc.collect()

    assert recorder.hooks == ["after_stream"]


def test_a_stream_ends_once(context: CallContext) -> None:
    recorder = Recorder()
    watcher = StreamWatcher(InterceptorChain([recorder]), context, 0.0, SYSTEM_TIMING)

    watcher.ended(3, 30, None)
    watcher.ended(4, 40, None)
    del watcher
    gc.collect()

    assert [(summary.events, summary.bytes_received) for _, summary in recorder.seen] == [(3, 30)]


@pytest.mark.parametrize("ended_before", [True, False])
def test_the_tokens_of_a_stream_are_told_once_and_after_its_end(context: CallContext, ended_before: bool) -> None:
    seen: list[tuple[str, Any]] = []
    watcher = StreamWatcher(
        InterceptorChain([Recorder(seen, "outer"), Recorder(seen, "inner")]), context, 0.0, SYSTEM_TIMING
    )

    if ended_before:
        watcher.ended(3, 30, None)
        watcher.counted(7)
    else:
        watcher.counted(7)
        assert seen == []
        watcher.ended(3, 30, None)
    watcher.counted(8)
    del watcher
    gc.collect()

    assert [hook for hook, _ in seen] == [
        *("inner.after_stream", "outer.after_stream"),
        *("inner.after_tokens", "outer.after_tokens"),
    ]
    assert seen[-1][1] == (context, 7)


TOKENS = [b'{"token": {"id": 1, "text": "a"}}\n', b'{"token": {"id": 2, "text": "b"}}\n']
LAST_TOKEN = b'{"token": {"id": 3, "text": "c"}, "generated_text": "abc", "details": {"finish_reason": "length"}}\n'


@pytest.mark.parametrize(
    ("events", "take", "tokens"),
    [
        ([*TOKENS, LAST_TOKEN], 4, 3),
        ([*TOKENS, LAST_TOKEN], 1, 1),
        (TOKENS, 4, 2),
        ([*TOKENS, ModelStreamError("broke", "StreamBroken")], 4, 2),
        ([*TOKENS, b"no JSON"], 4, 2),
        ([*TOKENS, ConnectionLostError("gone")], 4, 2),
    ],
    ids=["to its end", "left early", "incomplete", "failed by the model", "malformed", "cut off"],
)
@pytest.mark.parametrize("closing", [True, False], ids=["closed", "dropped"])
async def test_the_tokens_of_a_prediction_are_counted_however_it_ends(
    events: list[Any], take: int, tokens: int, closing: bool
) -> None:
    recorder = Recorder()
    async with session_with(recorder, answers=[StubResponse.stream(events)]) as session:
        stream = await Predictor("e", session).predict_stream(b"").tokens()
        with contextlib.suppress(StreamError, StopAsyncIteration):
            for _ in range(take):
                await anext(stream)
        if closing:
            await stream.aclose()
        del stream

        assert recorder.hooks[-2:] == ["after_stream", "after_tokens"]
        assert recorder.hooks.count("after_tokens") == 1
        assert recorder.last("after_tokens") == (recorder.last("after_stream").call, tokens)


async def test_a_stream_that_is_read_as_something_else_has_no_tokens() -> None:
    recorder = Recorder()
    async with session_with(recorder, answers=[StubResponse.stream([b"one"])]) as session:
        stream = await Predictor("e", session).predict_stream(b"", iterator=TokenIterator)
        assert await stream.lines().collect() == [b"one"]

    assert "after_stream" in recorder.hooks
    assert "after_tokens" not in recorder.hooks


def test_abandoned_calls_are_told_to_all_in_reverse(context: CallContext) -> None:
    seen: list[tuple[str, Any]] = []

    InterceptorChain([Recorder(seen, "outer"), Recorder(seen, "inner")]).abandoned(context, KeyboardInterrupt())

    assert [hook for hook, _ in seen] == ["inner.abandoned", "outer.abandoned"]


def test_the_base_does_nothing(context: CallContext) -> None:
    base = Interceptor()
    request = HTTPRequest("POST", "https://h", "/", {})
    hooks: list[Callable[[], object]] = [
        lambda: base.before_call(context, request),
        lambda: base.before_attempt(context, request),
        lambda: base.abandoned(context, ValueError()),
    ]

    assert [hook() for hook in hooks] == [None] * len(hooks)


async def test_a_session_that_was_never_used_is_neither_opened_nor_closed() -> None:
    recorder = Recorder()

    async with session_with(recorder, answers=[]):
        pass

    assert recorder.seen == []


async def test_an_interceptor_learns_how_many_connections_are_in_use() -> None:
    recorder = Recorder()
    async with session_with(recorder, answers=[StubResponse.stream([b"x"])]) as session:
        async with session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b""):
            pool = recorder.last("opened")
            assert pool.connections_in_use == 1
        assert pool.connections_in_use == 0


def test_a_context_of_a_service_that_is_not_known_keeps_its_name() -> None:
    assert CallContext("other", "Op", None, "https://h", "r", "id").service_id == "other"


def test_no_header_shows_in_the_repr_of_an_outcome(context: CallContext) -> None:
    from sagemaker_async.errors import Attempt

    context.state["key"] = "canary"
    outcome = AttemptOutcome(context, Attempt(1, 0.0, 0.1, "200"), 200, {"x-custom": "canary"}, None)

    assert "canary" not in repr(outcome)
