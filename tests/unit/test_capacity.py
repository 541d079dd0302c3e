"""Waiting for capacity: who sends, when, how often, and how each way out of the wait looks. No real time."""

from __future__ import annotations

import asyncio
import gc
import pickle
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from sagemaker_async import (
    CapacityProgress,
    Predictor,
    RetryConfig,
    Session,
    StubResponse,
    StubTransport,
    Timeouts,
    WaitForCapacity,
)
from sagemaker_async.config.http import HTTPRequest
from sagemaker_async.errors import (
    CallError,
    ConfigurationError,
    ConnectionLostError,
    ConnectTimeoutError,
    ModelError,
    ModelNotReadyException,
    NoCapacityError,
    SageMakerAsyncError,
    SessionClosedError,
    ThrottlingError,
    ValidationError,
)
from sagemaker_async.integrations.fastapi import problem_of
from sagemaker_async.predictor.capacity import _WaitingRooms, lacks_capacity

AWS_WORDS = (
    "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress "
    "(if configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API."
)
REFUSED = StubResponse.error("ValidationError", AWS_WORDS)
NOT_READY = StubResponse.error("ModelNotReadyException", "Model is not ready for inference.", status=429)


class Endpoint:
    """A transport: a component that has copies or not, and the calls that came, with their times."""

    stubbed = True

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.up = False
        self.refusal: StubResponse = REFUSED
        self.instead: list[Any] = []
        """What the next calls are answered with instead: a response, an exception, or a future to wait for first."""
        self.arrived: list[tuple[float, bytes]] = []
        self.served: list[bytes] = []
        """The bodies that a model has seen."""
        self.on_the_wire = self.most_on_the_wire = 0

    @property
    def in_use(self) -> int:
        return self.on_the_wire

    async def send(self, request: HTTPRequest, timeouts: Timeouts, on_chunk_sent: Any = None) -> Any:
        self.arrived.append((self.clock.now - 1000.0, bytes(request.body)))
        self.on_the_wire += 1
        self.most_on_the_wire = max(self.most_on_the_wire, self.on_the_wire)
        try:
            await asyncio.sleep(0)
            answer: Any = None
            if self.instead:
                answer = self.instead.pop(0)
                if isinstance(answer, asyncio.Future):
                    await answer
                    answer = None
            if isinstance(answer, Exception):
                raise answer
            if answer is None and not self.up:
                answer = self.refusal
            elif answer is None:
                self.served.append(bytes(request.body))
                streams = request.target.endswith("-response-stream")
                answer = StubResponse.stream([request.body]) if streams else StubResponse(200, request.body)
            return await StubTransport(answer).send(request, timeouts)
        finally:
            self.on_the_wire -= 1

    async def close(self) -> None:
        pass

    @property
    def times(self) -> list[float]:
        return [when for when, _ in self.arrived]


@pytest.fixture
def endpoint(clock: Any) -> Endpoint:
    return Endpoint(clock)


@pytest.fixture
async def session(endpoint: Endpoint, clock: Any) -> AsyncIterator[Session]:
    async with Session(transport=endpoint) as session:
        session.channel.timing = clock.timing
        await session.check()  # which reads settings in a thread
        yield session
    gc.collect()
    assert asyncio.all_tasks() == {asyncio.current_task()}


def patient(session: Session, **options: Any) -> Predictor[bytes]:
    return Predictor("llm", session, component_name="llama", capacity=WaitForCapacity(**options))


async def predict(predictor: Predictor[bytes], body: bytes) -> bytes:
    return await predictor.predict(body)


async def predict_full(predictor: Predictor[bytes], body: bytes) -> bytes:
    return (await predictor.predict_full(body)).answer


async def predict_stream(predictor: Predictor[bytes], body: bytes) -> bytes:
    return b"".join(await predictor.predict_stream(body).collect())


WAYS = [predict, predict_full, predict_stream]


@pytest.mark.parametrize("way", WAYS)
async def test_a_call_is_sent_again_every_ten_seconds_until_there_is_a_copy(
    way: Callable[..., Awaitable[bytes]], session: Session, endpoint: Endpoint, clock: Any
) -> None:
    call = asyncio.create_task(way(patient(session), b"question"))  # type: ignore[arg-type]
    await clock.pass_by(59)
    assert endpoint.times == [0, 10, 20, 30, 40, 50]  # AWS's alarm needs two within a minute
    assert not call.done()
    endpoint.up = True
    await clock.pass_by(1)
    assert await call == b"question"
    assert endpoint.served == [b"question"]


async def test_two_hundred_callers_wait_together(session: Session, endpoint: Endpoint, clock: Any) -> None:
    predictor = patient(session)
    first = asyncio.create_task(predictor.predict(b"0"))
    await clock.settled()
    calls = [first, *[asyncio.create_task(WAYS[n % 3](predictor, b"%d" % n)) for n in range(1, 200)]]
    await clock.pass_by(35)
    assert endpoint.times == [0, 10, 20, 30]
    assert endpoint.most_on_the_wire == 1
    endpoint.up = True
    await clock.pass_by(4)
    assert len(endpoint.arrived) == 4
    await clock.pass_by(1)
    assert await asyncio.gather(*calls) == [b"%d" % n for n in range(200)]
    assert sorted(endpoint.served) == sorted(b"%d" % n for n in range(200))
    assert len(endpoint.arrived) == 4 + 200


async def test_callers_that_come_at_the_same_moment_probe_one_at_a_time_from_then_on(
    session: Session, endpoint: Endpoint, clock: Any
) -> None:
    predictors = [patient(session), patient(session)]
    calls = [asyncio.create_task(predictors[n % 2].predict(b"%d" % n)) for n in range(200)]
    await clock.settled()
    assert endpoint.times == [0] * 200
    endpoint.most_on_the_wire = 0
    await clock.pass_by(45)
    assert endpoint.times[200:] == [10, 20, 30, 40]
    assert endpoint.most_on_the_wire == 1
    endpoint.up = True
    await clock.pass_by(5)
    await asyncio.gather(*calls)
    assert len(endpoint.served) == len(set(endpoint.served)) == 200


async def test_a_slow_probe_is_not_joined_by_another(session: Session, endpoint: Endpoint, clock: Any) -> None:
    predictor = patient(session)
    calls = [asyncio.create_task(predictor.predict(b"%d" % n)) for n in range(5)]
    await clock.settled()
    slow: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    endpoint.instead = [slow]
    await clock.pass_by(40)
    assert endpoint.times[5:] == [10]
    slow.set_result(None)
    await clock.pass_by(0)
    assert endpoint.times[5:] == [10, 40]  # the next one was due long ago
    endpoint.up = True
    await clock.pass_by(10)
    await asyncio.gather(*calls)


async def test_endpoints_components_variants_and_models_are_waited_for_each_by_itself(
    session: Session, endpoint: Endpoint, clock: Any
) -> None:
    options: list[dict[str, Any]] = [{}, {"target_variant": "v"}, {"target_model": "m"}, {"component_name": "other"}]
    predictors = [patient(session), Predictor("other", session, capacity=WaitForCapacity())]
    calls = [asyncio.create_task(each.predict(b"", **given)) for each in predictors for given in options]
    await clock.pass_by(10)
    assert endpoint.times == [0] * 8 + [10] * 8
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)


async def test_a_model_that_is_not_ready_is_waited_for(session: Session, endpoint: Endpoint, clock: Any) -> None:
    endpoint.refusal = NOT_READY
    call = asyncio.create_task(patient(session).predict(b"question"))
    await clock.pass_by(19)
    assert endpoint.times == [0, 10]
    endpoint.up = True
    await clock.pass_by(1)
    assert await call == b"question"


NOT_REFUSALS: dict[str, Any] = {
    "an echo": StubResponse.error("ValidationError", f"1 validation error: Value '{AWS_WORDS}' at 'x' is too long"),
    "an echo by the model": StubResponse.error("ModelError", AWS_WORDS, status=424),
    "other words": StubResponse.error("ValidationError", "Endpoint llm of account 123456789012 not found."),
    "of another status": StubResponse.error("ThrottlingException", AWS_WORDS),
    "an ambiguous outcome": ConnectionLostError("gone"),
    "a gateway": StubResponse(504, b"<html>"),
    "a failure": StubResponse.error("InternalFailure", AWS_WORDS, status=500),
}


@pytest.mark.parametrize("answer", NOT_REFUSALS.values(), ids=NOT_REFUSALS)
@pytest.mark.parametrize("way", WAYS)
async def test_nothing_else_is_waited_for_or_sent_again(
    answer: Any, way: Callable[..., Awaitable[bytes]], session: Session, endpoint: Endpoint
) -> None:
    endpoint.instead = [answer]
    with pytest.raises(CallError) as caught:
        await way(patient(session), b"")
    assert not isinstance(caught.value, NoCapacityError)
    assert len(endpoint.arrived) == 1


async def test_without_capacity_the_refusal_is_raised(session: Session, endpoint: Endpoint) -> None:
    with pytest.raises(ValidationError, match="Inference Component has no capacity"):
        await Predictor("llm", session).predict(b"")
    with pytest.raises(ValidationError, match="Inference Component has no capacity"):
        await patient(session).predict(b"", capacity=False)
    with pytest.raises(ValidationError, match="Inference Component has no capacity"):
        await patient(session).predict_stream(b"", capacity=False).open()
    assert len(endpoint.arrived) == 3


async def test_a_call_may_wait_in_its_own_way(session: Session, endpoint: Endpoint, clock: Any) -> None:
    calls = [
        asyncio.create_task(Predictor("llm", session).predict(b"", capacity=WaitForCapacity(limit=5))),
        asyncio.create_task(patient(session).predict(b"", component_name="b", capacity=WaitForCapacity(interval=2))),
    ]
    await clock.pass_by(4)
    assert endpoint.times == [0, 0, 2, 4]
    await clock.pass_by(1)
    with pytest.raises(NoCapacityError, match="within 5 s"):
        await calls[0]
    calls[1].cancel()
    await asyncio.wait(calls)


async def test_at_the_limit_the_error_names_the_policy_that_may_be_missing(
    session: Session, endpoint: Endpoint, clock: Any
) -> None:
    predictor = patient(session, limit=35)
    early = asyncio.create_task(predictor.predict(b""))
    await clock.pass_by(20)
    late = asyncio.create_task(predictor.predict(b""))
    await clock.pass_by(15)
    with pytest.raises(NoCapacityError) as caught:
        await early
    error = pickle.loads(pickle.dumps(caught.value))
    text = str(error)
    assert "'llama' had no copies within 35 s" in text
    assert "3 calls were refused" in text
    for hint in ("NoCapacityInvocationFailures", "DesiredCopyCount", "UpdateInferenceComponentRuntimeConfig"):
        assert hint in text
    assert (error.seconds, error.probes, error.resource, error.operation) == (35, 3, "llm", "InvokeEndpoint")
    assert error.request_id
    assert error.retryable
    assert isinstance(error, TimeoutError)
    assert isinstance(caught.value.__cause__, ValidationError)
    assert problem_of(error).status == 503
    assert not late.done()  # its own limit counts
    await clock.pass_by(20)
    with pytest.raises(NoCapacityError):
        await late


async def test_the_limit_counts_while_a_probe_hangs(session: Session, endpoint: Endpoint, clock: Any) -> None:
    predictor = patient(session, limit=35)
    calls = [asyncio.create_task(predictor.predict(b"")) for _ in range(3)]
    await clock.settled()
    hanging: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    endpoint.instead = [hanging]
    await clock.pass_by(35)
    ended = [call for call in calls if call.done()]
    assert [type(call.exception()) for call in ended] == [NoCapacityError] * 2
    endpoint.up = True
    hanging.set_result(None)
    await asyncio.gather(*(set(calls) - set(ended)))


async def test_a_model_that_never_gets_ready_has_its_own_advice(
    session: Session, endpoint: Endpoint, clock: Any
) -> None:
    endpoint.refusal = NOT_READY
    call = asyncio.create_task(Predictor("mme", session, capacity=WaitForCapacity(limit=5)).predict(b""))
    await clock.pass_by(5)
    with pytest.raises(NoCapacityError, match=r"the model was not ready within 5 s.*still be loading"):
        await call


async def test_progress_is_told_once_for_those_who_share_the_callback(
    session: Session, endpoint: Endpoint, clock: Any
) -> None:
    shared: list[CapacityProgress] = []
    own: list[CapacityProgress] = []

    async def told(progress: CapacityProgress) -> None:
        await asyncio.sleep(0)
        own.append(progress)

    predictor = patient(session, on_progress=shared.append)
    calls = [asyncio.create_task(predictor.predict(b"")) for _ in range(20)]
    calls.append(asyncio.create_task(predictor.predict(b"", capacity=WaitForCapacity(on_progress=told))))
    await clock.pass_by(25)
    endpoint.up = True
    await clock.pass_by(5)
    await asyncio.gather(*calls)
    assert [(each.probes, each.waited) for each in shared] == [(0, 0), (1, 10), (2, 20)]
    assert [(each.probes, each.waited) for each in own] == [(0, 0), (1, 10), (2, 20)]
    assert shared[1].waiting >= 20
    assert (shared[0].endpoint_name, shared[0].component_name, shared[0].message) == ("llm", "llama", AWS_WORDS)


async def test_what_the_callback_raises_ends_one_call(session: Session, endpoint: Endpoint, clock: Any) -> None:
    def enough(progress: CapacityProgress) -> None:
        if progress.probes == 1:
            raise LookupError("enough")

    predictor = patient(session, on_progress=enough)
    calls = [asyncio.create_task(predictor.predict(b"")) for _ in range(3)]
    await clock.pass_by(15)
    assert [type(call.exception()) for call in calls if call.done()] == [LookupError]
    endpoint.up = True
    await clock.pass_by(5)
    assert [type(result) for result in await asyncio.gather(*calls, return_exceptions=True)].count(bytes) == 2


async def test_a_cancelled_waiter_does_not_stop_the_others(session: Session, endpoint: Endpoint, clock: Any) -> None:
    predictor = patient(session)
    calls = [asyncio.create_task(predictor.predict(b"%d" % n)) for n in range(10)]
    await clock.pass_by(15)
    for call in calls[:9]:
        call.cancel()
    await clock.settled()
    endpoint.up = True
    await clock.pass_by(5)
    assert calls[9].result() == b"9"


async def test_a_cancelled_prober_does_not_stop_the_others(session: Session, endpoint: Endpoint, clock: Any) -> None:
    predictor = patient(session)
    calls = [asyncio.create_task(predictor.predict(b"%d" % n)) for n in range(10)]
    await clock.settled()
    endpoint.instead = [asyncio.get_running_loop().create_future()]
    await clock.pass_by(12)
    _, prober = endpoint.arrived[-1]
    calls[int(prober)].cancel()
    await clock.pass_by(7)
    assert endpoint.times[10:] == [10]
    endpoint.up = True
    await clock.pass_by(1)
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(answer) for answer in answers].count(bytes) == 9
    assert endpoint.times[10:12] == [10, 20]


SAYS_NOTHING = {
    "lost": (ConnectionLostError("gone"), ConnectionLostError),
    "not connected": (ConnectTimeoutError("no", 5, "tcp"), ConnectTimeoutError),
    "throttled": (StubResponse.error("ThrottlingException", "slow down", status=429), ThrottlingError),
    "a gateway": (StubResponse(502, b""), SageMakerAsyncError),
}


@pytest.mark.parametrize(("failure", "kind"), SAYS_NOTHING.values(), ids=SAYS_NOTHING)
async def test_a_probe_that_says_nothing_costs_one_caller(
    failure: Any, kind: type[Exception], session: Session, endpoint: Endpoint, clock: Any
) -> None:
    predictor = patient(session)
    calls = [asyncio.create_task(predictor.predict(b"%d" % n)) for n in range(5)]
    await clock.settled()
    endpoint.instead = [failure]
    await clock.pass_by(15)
    failed = [call for call in calls if call.done()]
    assert len(failed) == 1
    assert isinstance(failed[0].exception(), kind)
    endpoint.up = True
    await clock.pass_by(5)
    assert endpoint.times[5:7] == [10, 20]
    assert len(endpoint.served) == 4
    await asyncio.gather(*calls, return_exceptions=True)


SAYS_MORE = {
    "the model failed on this input": (StubResponse.error("ModelError", "no", status=424), ModelError),
    "the endpoint is gone": (StubResponse.error("ValidationError", "Endpoint llm not found."), ValidationError),
    "a bug": (LookupError("bug"), LookupError),
}


@pytest.mark.parametrize(("failure", "kind"), SAYS_MORE.values(), ids=SAYS_MORE)
async def test_a_probe_that_got_another_answer_ends_the_wait(
    failure: Any, kind: type[Exception], session: Session, endpoint: Endpoint, clock: Any
) -> None:
    predictor = patient(session)
    calls = [asyncio.create_task(predictor.predict(b"%d" % n)) for n in range(5)]
    await clock.settled()
    endpoint.instead = [failure]
    endpoint.up = True
    await clock.pass_by(10)
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == sorted([kind.__name__] + ["bytes"] * 4)


async def test_capacity_that_goes_again_is_waited_for_again(session: Session, endpoint: Endpoint, clock: Any) -> None:
    predictor = patient(session, limit=35)
    calls = [asyncio.create_task(predictor.predict(b"%d" % n)) for n in range(3)]
    await clock.settled()
    endpoint.instead = [StubResponse(200, b"lucky")]
    await clock.pass_by(25)
    assert [call.result() for call in calls if call.done()] == [b"lucky"]
    assert endpoint.times[3:] == [10, 10, 10, 20]
    await clock.pass_by(10)  # the limit is of the whole call
    assert [type(call.exception()) for call in calls if call.exception()] == [NoCapacityError] * 2


async def test_a_session_that_is_closed_ends_the_wait_at_once(session: Session, endpoint: Endpoint, clock: Any) -> None:
    predictor = patient(session)
    calls = [asyncio.create_task(way(predictor, b"")) for way in WAYS for _ in range(3)]
    calls.append(asyncio.create_task(predictor.predict(b"", component_name="other")))
    await clock.settled()
    await session.close()
    await clock.settled()
    assert [type(call.exception()) for call in calls if call.done()] == [SessionClosedError] * 10
    assert len(endpoint.arrived) == 10


async def test_a_refusal_that_comes_while_the_session_closes_is_not_waited_out(
    session: Session, endpoint: Endpoint, clock: Any
) -> None:
    slow: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    endpoint.instead = [slow]
    call = asyncio.create_task(patient(session).predict(b""))
    await clock.settled()
    await session.close()
    slow.set_result(None)
    await clock.settled()
    assert isinstance(call.exception(), SessionClosedError)


async def test_a_stream_that_is_closed_while_it_waits_stops_waiting(
    session: Session, endpoint: Endpoint, clock: Any
) -> None:
    stream = patient(session).predict_stream(b"")
    opening = asyncio.ensure_future(stream.open())
    await clock.pass_by(15)
    await stream.aclose()
    with pytest.raises(SageMakerAsyncError, match="closed while it was being opened"):
        await opening
    await clock.pass_by(100)
    assert endpoint.times == [0, 10]


async def test_nothing_is_kept_when_nobody_waits_any_more(session: Session, endpoint: Endpoint, clock: Any) -> None:
    gc.disable()
    try:
        call = asyncio.create_task(patient(session, limit=15).predict(b""))
        await clock.pass_by(15)
        with pytest.raises(NoCapacityError):
            await call
        del call
        assert list(session.channel.attached(_WaitingRooms, _WaitingRooms)) == []
    finally:
        gc.enable()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"limit": 0}, "limit must be more than 0"),
    ({"limit": None}, "limit must be a number"),
    ({"interval": 31}, "interval must be 30 s at most, got 31"),
    ({"interval": float("nan")}, "interval must be a number"),
    ({"on_progress": 1}, "on_progress must be a callable or None, got int"),
]


@pytest.mark.parametrize(("options", "words"), WRONG)
def test_wrong_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        WaitForCapacity(**options)


async def test_what_is_not_a_wait_for_capacity_is_refused_before_anything_is_sent(
    session: Session, endpoint: Endpoint
) -> None:
    wrong: Any
    for wrong in (True, 600, WaitForCapacity):
        with pytest.raises(ConfigurationError, match=r"capacity must be WaitForCapacity\(limit=...\), got"):
            Predictor("llm", session, capacity=wrong)
        with pytest.raises(ConfigurationError, match="capacity must be"):
            await Predictor("llm", session).predict(b"", capacity=wrong)
        with pytest.raises(ConfigurationError, match="capacity must be"):
            Predictor("llm", session).predict_stream(b"", capacity=wrong)
    assert endpoint.arrived == []


def test_the_error_of_a_model_that_is_not_ready_is_a_refusal() -> None:
    assert lacks_capacity(ModelNotReadyException("", status=429, code="ModelNotReadyException"))
    assert not lacks_capacity(TimeoutError(AWS_WORDS))


async def test_a_probe_is_one_attempt_and_takes_nothing_of_the_retry_quota(endpoint: Endpoint, clock: Any) -> None:
    endpoint.refusal = NOT_READY
    async with Session(transport=endpoint, retry=RetryConfig(max_attempts=3)) as session:
        session.channel.timing = clock.timing
        await session.check()
        call = asyncio.create_task(patient(session, limit=700).predict(b""))
        await clock.pass_by(595)
        assert len(endpoint.arrived) == 3 + 59  # the first call is repeated as always
        endpoint.instead = [StubResponse.error("InternalFailure", "oops", status=500)]
        endpoint.up = True
        await clock.pass_by(5)
        assert await call == b""  # a probe that fails in another way is repeated as always


async def test_calls_of_a_router_wait_as_well(session: Session, endpoint: Endpoint, clock: Any) -> None:
    endpoint.refusal = NOT_READY
    told: list[CapacityProgress] = []
    waiting = WaitForCapacity(on_progress=told.append)
    calls = [
        asyncio.create_task(Predictor.of_router("r", target, session, capacity=waiting).predict(b"question"))
        for target in ("a", "a", "b")
    ]
    await clock.pass_by(15)
    assert len(endpoint.arrived) == 3 + 2  # each target has its own probes
    assert {progress.endpoint_name for progress in told} == {"r"}
    endpoint.up = True
    await clock.pass_by(5)
    assert await asyncio.gather(*calls) == [b"question"] * 3


@pytest.mark.parametrize("seed", range(3))
async def test_whoever_leaves_and_whatever_is_answered_the_others_get_what_is_theirs(
    seed: int, session: Session, endpoint: Endpoint, clock: Any
) -> None:
    chance = random.Random(seed)
    predictor = patient(session, limit=1000, interval=chance.choice([10, 20, 30]))
    first = asyncio.create_task(predictor.predict(b"0"))
    await clock.settled()
    calls = [first, *[asyncio.create_task(chance.choice(WAYS)(predictor, b"%d" % n)) for n in range(1, 50)]]
    leaving = chance.sample(range(50), 40)
    left: set[int] = set()
    hanging: list[asyncio.Future[None]] = []

    def answer() -> Any:
        match chance.randrange(6):
            case 0:
                hanging.append(asyncio.get_running_loop().create_future())
                return hanging[-1]
            case 1:
                return ConnectionLostError("gone")
            case 2:
                return StubResponse.error("ThrottlingException", "slow down", status=429)
            case 3:
                return NOT_READY
        return REFUSED

    while leaving:
        endpoint.instead = [answer()]
        await clock.pass_by(chance.uniform(0, 40))
        assert endpoint.on_the_wire <= 1
        for _ in range(min(len(leaving), chance.randrange(10))):
            number = leaving.pop()
            if not calls[number].done():
                left.add(number)
                calls[number].cancel()
        await clock.settled()
        assert all(calls[number].done() for number in left)
        for future in hanging:
            if chance.random() < 0.5 and not future.done():
                future.set_result(None)
    assert endpoint.most_on_the_wire == 1
    assert endpoint.served == []
    endpoint.instead = []
    endpoint.up = True
    for future in hanging:
        if not future.done():
            future.set_result(None)
    await clock.pass_by(31)
    answers = dict(enumerate(await asyncio.gather(*calls, return_exceptions=True)))
    answered = {number: answer for number, answer in answers.items() if isinstance(answer, bytes)}
    assert answered == {number: b"%d" % number for number in answered}
    assert sorted(endpoint.served) == sorted(answered.values())
    failed = [answer for answer in answers.values() if isinstance(answer, Exception)]
    assert {type(error) for error in failed} <= {ConnectionLostError, ThrottlingError}
    assert left == {number for number, answer in answers.items() if isinstance(answer, asyncio.CancelledError)}
    assert answered


async def test_refusals_between_successes_are_waited_out_each(session: Session, endpoint: Endpoint, clock: Any) -> None:
    predictor = patient(session)
    calls = [asyncio.create_task(predictor.predict(b"%d" % n)) for n in range(20)]
    await clock.settled()
    endpoint.up = True
    for _ in range(25):
        endpoint.instead = [REFUSED if n % 2 else None for n in range(40)]
        await clock.pass_by(10)
    assert await asyncio.gather(*calls) == [b"%d" % n for n in range(20)]
    assert len(endpoint.served) == len(set(endpoint.served)) == 20


class Once:
    """A body that can be read once, as a pipe."""

    def __init__(self, content: bytes) -> None:
        self.left = [content]

    def read(self) -> bytes:
        return self.left.pop() if self.left else b""


@pytest.mark.parametrize("way", WAYS)
async def test_a_body_that_can_be_read_once_is_sent_whole_by_each_probe(
    way: Callable[..., Awaitable[bytes]], session: Session, endpoint: Endpoint, clock: Any
) -> None:
    bodies = [b"a" * 5, b"b" * 7]
    calls = [asyncio.create_task(way(patient(session), Once(body))) for body in bodies]  # type: ignore[arg-type]
    while len(endpoint.arrived) < 2:  # a thread reads them
        await asyncio.sleep(0)
    for probe in (3, 4):
        await clock.pass_by(10)
        while len(endpoint.arrived) < probe or endpoint.on_the_wire:
            await asyncio.sleep(0)
    endpoint.up = True
    await clock.pass_by(10)
    assert await asyncio.gather(*calls) == bodies
    assert {body for _, body in endpoint.arrived} == set(bodies)


async def test_a_chat_waits_as_well(session: Session, endpoint: Endpoint, clock: Any) -> None:
    messages = [{"role": "user", "content": "How is the sea?"}]
    predictor = Predictor("llm", session)
    call = asyncio.create_task(predictor.chat(messages, capacity=WaitForCapacity()))
    await clock.pass_by(15)
    assert endpoint.times == [0, 10]
    endpoint.instead = [StubResponse.json({"choices": [{"message": {"content": "calm"}, "finish_reason": "stop"}]})]
    await clock.pass_by(5)
    assert (await call).text == "calm"


async def test_opening_a_stateful_session_waits_as_well(session: Session, endpoint: Endpoint, clock: Any) -> None:
    async def hold() -> str | None:
        async with patient(session).session() as bound:
            return bound.session_id

    call = asyncio.create_task(hold())
    await clock.pass_by(15)
    assert endpoint.times == [0, 10]
    endpoint.instead = [StubResponse(200, b"", {"X-Amzn-SageMaker-New-Session-Id": "s1; Expires=2026-01-01T00:00:00Z"})]
    endpoint.up = True
    await clock.pass_by(5)
    assert await call == "s1"
