"""The limits that adapt: rule by rule on plain values, and against endpoints that are simulated on a virtual clock."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagemaker_async import map_records
from sagemaker_async.errors import (
    ConnectError,
    ConnectionLostError,
    FirstByteTimeoutError,
    GatewayError,
    InternalFailure,
    ModelError,
    ModelNotReadyException,
    ServiceError,
    ServiceUnavailable,
    ThrottlingError,
    ValidationError,
)
from sagemaker_async.predictor.concurrency import AdaptiveLimit, Signal, Spacing, is_refusal, signal_of

from .virtual_time import VirtualLoop, run


def service(kind: type[ServiceError], status: int, **fields: Any) -> ServiceError:
    return kind("words", status=status, code=kind.__name__, fields=fields)


ERRORS: dict[str, tuple[Exception, Signal, bool]] = {
    "throttled": (service(ThrottlingError, 400), Signal.THROTTLED, True),
    "model not ready": (service(ModelNotReadyException, 429), Signal.NEITHER, True),
    "503": (service(ServiceUnavailable, 503), Signal.OVERLOADED, True),
    "500": (service(InternalFailure, 500), Signal.OVERLOADED, False),
    "a gateway's 504": (service(GatewayError, 504), Signal.OVERLOADED, False),
    "no connection": (ConnectError("refused"), Signal.OVERLOADED, True),
    "lost connection": (ConnectionLostError("lost"), Signal.OVERLOADED, False),
    "no first byte": (FirstByteTimeoutError("silence", 70.0), Signal.OVERLOADED, False),
    "a full container": (service(ModelError, 424, OriginalStatusCode=429), Signal.OVERLOADED, True),
    "a starting container": (service(ModelError, 424, OriginalStatusCode=503), Signal.OVERLOADED, True),
    "a failing container": (service(ModelError, 424, OriginalStatusCode=500), Signal.NEITHER, False),
    "no such endpoint": (service(ValidationError, 400), Signal.NEITHER, False),
    "another's error": (KeyError("x"), Signal.NEITHER, False),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_an_error_says_about_load_and_whether_its_request_may_be_sent_again(name: str) -> None:
    error, signal, refusal = ERRORS[name]
    assert (signal_of(error), is_refusal(error)) == (signal, refusal)


class TestSpacing:
    def test_requests_are_at_equal_distances(self) -> None:
        spacing, now, made = Spacing(), 10.0, []
        while len(made) < 5:
            wait = spacing.wait(4.0, now)
            if wait:
                now += wait
            else:
                made.append(now)
        assert [round(later - earlier, 6) for earlier, later in itertools.pairwise(made)] == [0.23, 0.25, 0.25, 0.25]

    def test_time_in_which_nobody_asked_is_not_made_up_for(self) -> None:
        spacing = Spacing()
        assert spacing.wait(10.0, 0.0) == 0.0
        assert sum(spacing.wait(10.0, 100.0) == 0.0 for _ in range(20)) == 1


# --- the decider, on plain values -------------------------------------------------------------------------------------


class Endpoint:
    """Feeds a decider rounds of equal answers."""

    def __init__(self, maximum: int = 64) -> None:
        self.now = 100.0
        self.limits = AdaptiveLimit(maximum, self.now)

    def round(self, seconds: float, *, in_flight: int | None = None, overloaded: int = 0, count: int = 100) -> int:
        """Answer `count` requests within a round, in so many seconds each; return the limit afterwards."""
        begun = self.now
        used = self.limits.limit if in_flight is None else in_flight
        self.now += 0.6
        for number in range(count):
            if number < overloaded:
                self.limits.failed(Signal.OVERLOADED, began=begun, now=self.now - 0.2, in_flight=used)
            else:
                self.limits.answered(seconds, began=begun, now=self.now - 0.2, in_flight=used)
        self.limits.answered(seconds, began=begun, now=self.now, in_flight=used)
        return self.limits.limit


def test_it_doubles_while_answers_are_as_fast_as_ever_up_to_the_maximum() -> None:
    endpoint = Endpoint(50)
    assert [endpoint.limits.limit, *(endpoint.round(0.1) for _ in range(5))] == [4, 8, 16, 32, 50, 50]


def test_it_starts_below_a_small_maximum() -> None:
    assert AdaptiveLimit(2, 0.0).limit == 2


def test_it_does_not_grow_when_it_is_not_used() -> None:
    endpoint = Endpoint()
    assert [endpoint.round(0.1, in_flight=2) for _ in range(5)] == [4] * 5


def test_once_answers_were_slower_it_grows_by_a_tenth() -> None:
    endpoint = Endpoint(1000)
    for _ in range(4):
        endpoint.round(0.1)
    assert endpoint.limits.limit == 64
    assert endpoint.round(0.17) == 64
    assert endpoint.round(0.1) == 70


def test_answers_that_take_twice_as_long_cut_it_and_faster_ones_keep_it() -> None:
    endpoint = Endpoint(1000)
    for _ in range(4):
        endpoint.round(0.1)
    assert endpoint.round(0.3) == int(64 * 1.5 / 2.95)
    assert endpoint.round(0.16) == int(64 * 1.5 / 2.95)


def test_a_cut_that_does_not_help_is_the_last_one() -> None:
    endpoint = Endpoint(1000)
    for _ in range(4):
        endpoint.round(0.1)
    cut = endpoint.round(0.3)
    # As slow with half as many: it is not load, and from now on 0.3 s is what is normal.
    assert endpoint.round(0.3) > cut
    assert endpoint.round(0.3) > cut + 1


def test_differences_of_a_few_milliseconds_are_noise() -> None:
    endpoint = Endpoint(1000)
    endpoint.round(0.0005)
    assert [endpoint.round(0.004) for _ in range(3)] == [16, 32, 64]


@pytest.mark.parametrize(("overloaded", "factor"), [(5, 0.95 * 1.1), (20, 0.8), (40, 0.6), (60, 0.5), (100, 0.5)])
def test_overload_cuts_it_by_the_part_of_requests_that_met_it(overloaded: int, factor: float) -> None:
    endpoint = Endpoint(1000)
    for _ in range(4):
        endpoint.round(0.1)
    assert endpoint.round(0.1, overloaded=overloaded) == pytest.approx(64 * factor, abs=1)


def test_a_few_failures_that_load_has_nothing_to_do_with_do_not_bring_it_down() -> None:
    endpoint = Endpoint(1000)
    for _ in range(4):
        endpoint.round(0.1)
    for _ in range(50):
        endpoint.round(0.1, overloaded=5)
    assert endpoint.limits.limit >= 64


def test_an_outage_brings_it_to_one_within_seconds() -> None:
    endpoint = Endpoint(1000)
    for _ in range(6):
        endpoint.round(0.1)
    for _ in range(9):
        endpoint.round(0.1, overloaded=100)
    assert endpoint.limits.limit == 1


def test_now_and_then_a_round_at_half_the_limit_learns_anew_how_fast_answers_are() -> None:
    endpoint = Endpoint(64)
    limits = [endpoint.round(0.1) for _ in range(60)]
    assert limits.count(32) == 2  # one on the way up
    assert limits[-1] == 64


def test_there_is_no_pace_before_the_service_throttles() -> None:
    endpoint = Endpoint()
    endpoint.round(0.1, overloaded=50)
    assert endpoint.limits.pace(endpoint.now) is None


def throttled_at(rate: int, times: int = 3) -> AdaptiveLimit:
    """Return a decider after four seconds of answers, which has met throttling at the end of each of the last."""
    limits = AdaptiveLimit(64, 0.0)
    for number in range(4 * rate):
        now = number / rate
        if (left := 4 - now) < times and left % 1 == 0:
            limits.failed(Signal.THROTTLED, began=now - 0.1, now=now, in_flight=4)
        limits.answered(0.1, began=now - 0.1, now=now, in_flight=4)
    limits.failed(Signal.THROTTLED, began=3.9, now=4.0, in_flight=4)
    return limits


@pytest.mark.parametrize("rate", [10, 100, 1000])
def test_throttling_sets_a_pace_below_what_was_answered_that_recovers_and_then_grows(rate: int) -> None:
    limits = throttled_at(rate)
    paces = [limits.pace(4.0 + seconds) for seconds in (0.0, 6.0, 12.0, 22.0)]
    assert paces == [pytest.approx(rate * factor, rel=0.06) for factor in (0.95, 1.0, 1.06, 2.0)]


def test_throttling_for_the_first_time_may_have_been_a_burst() -> None:
    limits = throttled_at(100, times=1)
    paces = [limits.pace(4.0 + seconds) for seconds in (0.0, 2.0, 4.0)]
    assert paces == [pytest.approx(100 * factor, rel=0.06) for factor in (0.95, 1.9, 3.8)]


def test_requests_made_before_the_cut_do_not_cut_again() -> None:
    limits = throttled_at(100)
    before = limits.pace(6.0)
    limits.failed(Signal.THROTTLED, began=3.99, now=6.0, in_flight=4)
    assert limits.pace(6.0) == before
    limits.failed(Signal.THROTTLED, began=4.5, now=6.0, in_flight=4)
    assert limits.pace(6.0) < before  # type: ignore[operator]


def test_a_pace_that_is_of_no_use_ends() -> None:
    limits = throttled_at(100)
    for second in range(5, 60):
        limits.answered(0.1, began=second - 0.1, now=float(second), in_flight=1)
    assert limits.pace(60.0) is None


@given(
    st.integers(1, 300),
    st.lists(
        st.tuples(
            st.sampled_from([None, *Signal]),
            st.floats(0, 5),
            st.floats(0, 20),
            st.integers(1, 300),
            st.one_of(st.none(), st.floats(0, 1e6)),
        ),
        max_size=200,
    ),
)
def test_whatever_happens_the_limits_are_limits(maximum: int, samples: list[Any]) -> None:
    now = 0.0
    limits = AdaptiveLimit(maximum, now)
    for signal, passed, ago, in_flight, seconds in samples:
        now += passed
        if signal is None:
            limits.answered(seconds, began=now - ago, now=now, in_flight=in_flight)
        else:
            limits.failed(signal, began=now - ago, now=now, in_flight=in_flight)
        assert 1 <= limits.limit <= maximum
        pace = limits.pace(now)
        assert pace is None or pace > 0


# --- the engine with it, against endpoints that are simulated ---------------------------------------------------------


class Throttles:
    """An endpoint that takes so many requests a second (a token bucket), each for some time, and refuses the others."""

    def __init__(self, rate: float, burst: float, seconds: float) -> None:
        self.rate, self.burst, self.seconds = rate, burst, seconds
        self.tokens, self.at = burst, 0.0
        self.requests: list[tuple[float, bool]] = []
        self.random = random.Random(1)

    async def __call__(self, record: int) -> int:
        now = asyncio.get_running_loop().time()
        self.tokens, self.at = min(self.burst, self.tokens + (now - self.at) * self.rate), now
        self.requests.append((now, self.tokens >= 1))
        if self.tokens < 1:
            raise service(ThrottlingError, 400)
        self.tokens -= 1
        await asyncio.sleep(self.seconds * self.random.uniform(0.7, 1.3))
        return record

    def doubles(self) -> None:
        self.rate, self.burst = self.rate * 2, self.burst * 2

    def taken(self, since: float, until: float) -> float:
        """Return the requests a second that were not refused."""
        return sum(ok for at, ok in self.requests if since <= at < until) / (until - since)

    def refused(self, since: float, until: float) -> float:
        """Return the part of requests that was refused."""
        between = [ok for at, ok in self.requests if since <= at < until]
        return between.count(False) / len(between)


class Queues:
    """An endpoint of so many places, which answers slower the more wait for one."""

    def __init__(self, places: int, seconds: float) -> None:
        self.places, self.seconds = places, seconds
        self.busy = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.answered: list[float] = []
        self.random = random.Random(1)

    async def __call__(self, record: int) -> int:
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        self.next()
        await turn
        await asyncio.sleep(self.seconds * self.random.uniform(0.7, 1.3))
        self.busy -= 1
        self.answered.append(asyncio.get_running_loop().time())
        self.next()
        return record

    def next(self) -> None:
        while self.waiting and self.busy < self.places:
            turn = self.waiting.popleft()
            if not turn.done():
                self.busy += 1
                turn.set_result(None)

    def doubles(self) -> None:
        self.places *= 2

    def taken(self, since: float, until: float) -> float:
        return sum(since <= at < until for at in self.answered) / (until - since)


async def scored(endpoint: Any, seconds: float, doubles_at: float, limits: list[int] | None = None) -> list[int]:
    """Map records without end for so many seconds; return the records of the outcomes."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.call_at(doubles_at, endpoint.doubles)
    outcomes = map_records(endpoint, itertools.count(), timing=loop.timing())
    loop.call_at(seconds, outcomes.stop)
    records = []
    async for outcome in outcomes:
        records.append(outcome.record)
        assert outcome.result == outcome.record
        if limits is not None:
            limits.append(outcomes.progress.concurrency)
    return records


@pytest.mark.parametrize(
    ("rate", "burst", "seconds"), [(20, 20, 0.2), (40, 4, 0.1), (40, 4, 1.0), (60, 60, 0.02)], ids=str
)
def test_it_settles_on_what_an_endpoint_takes_and_follows_when_that_doubles(
    rate: float, burst: float, seconds: float
) -> None:
    endpoint = Throttles(rate, burst, seconds)
    records = run(scored(endpoint, 90, doubles_at=50))
    assert records == list(range(len(records)))  # none is lost, though some were refused
    assert endpoint.taken(15, 50) == pytest.approx(rate, rel=0.1)
    assert endpoint.refused(15, 50) < 0.02
    assert endpoint.taken(80, 90) == pytest.approx(2 * rate, rel=0.1)


@pytest.mark.parametrize(("places", "seconds"), [(5, 0.1), (12, 0.4)], ids=str)
def test_it_uses_all_places_of_an_endpoint_and_lets_few_requests_queue(places: int, seconds: float) -> None:
    endpoint = Queues(places, seconds)
    limits: list[int] = []
    run(scored(endpoint, 90, doubles_at=45, limits=limits))
    most = places / seconds
    assert endpoint.taken(10, 45) == pytest.approx(most, rel=0.1)
    assert max(limits[: len(limits) // 4]) <= 4 * places
    assert endpoint.taken(75, 90) == pytest.approx(2 * most, rel=0.1)
    assert max(limits) <= 8 * places
