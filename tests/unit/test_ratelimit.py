"""The send rate of adaptive retries, on a clock of plain numbers."""

from __future__ import annotations

import pytest

from sagemaker_async.aws.retries.ratelimit import CubicRate, MeasuredRate, SendRateLimiter, TokenBucket


def test_nothing_is_limited_before_the_first_throttle() -> None:
    limiter = SendRateLimiter(0.0)
    for tick in range(50):
        assert limiter.acquire(tick * 0.01) == 0.0
        limiter.update(throttled=False, now=tick * 0.01)
    assert limiter.rate is None


def test_throttling_cuts_the_rate_to_0_7_of_what_was_measured() -> None:
    limiter = SendRateLimiter(0.0)
    for tick in range(1, 100):
        limiter.update(throttled=False, now=tick * 0.05)
    limiter.update(throttled=True, now=5.0)
    assert limiter.rate == pytest.approx(0.7 * 20, rel=0.02)


def test_a_second_throttle_cuts_the_limited_rate_and_not_a_higher_measured_one() -> None:
    limiter = SendRateLimiter(0.0)
    for tick in range(1, 100):
        limiter.update(throttled=False, now=tick * 0.05)
    limiter.update(throttled=True, now=5.0)
    first = limiter.rate
    limiter.update(throttled=True, now=5.01)
    assert first is not None
    assert limiter.rate == pytest.approx(0.7 * first)


def test_the_rate_never_exceeds_twice_the_measured_one() -> None:
    limiter = SendRateLimiter(0.0)
    limiter.update(throttled=True, now=0.0)
    for tick in range(1, 1000):
        limiter.update(throttled=False, now=tick * 0.25)
    assert limiter.rate == pytest.approx(2 * 4.0)


def test_tokens_flow_in_at_one_a_second_until_the_first_outcome() -> None:
    limiter = SendRateLimiter(0.0)
    limiter.update(throttled=True, now=0.25)
    assert limiter.rate == 0.5
    assert limiter.acquire(0.25) == (1 - 0.25) / 0.5


def test_until_the_first_throttle_tokens_flow_in_at_a_rate_that_grows_from_nothing() -> None:
    limiter = SendRateLimiter(0.0)
    for tick in range(1, 21):
        limiter.update(throttled=False, now=tick * 0.1)
    limiter.update(throttled=True, now=3.0)
    # By then it was 0.4 * 2.0**3 tokens a second: more than the one second's worth that stays at the lower rate.
    rate = limiter.rate
    assert rate is not None
    assert 1 < rate < 3.2
    assert [limiter.acquire(3.0) for _ in range(2)] == [0.0, pytest.approx((2 - rate) / rate)]
    limiter = SendRateLimiter(0.0)
    limiter.update(throttled=False, now=0.6)
    limiter.update(throttled=True, now=1.0)  # half a token a second is the least
    assert limiter.acquire(1.0) == pytest.approx((1 - 0.6 - 0.4 * 0.5) / (limiter.rate or 0))


def test_the_rate_never_falls_below_half_an_attempt_a_second() -> None:
    limiter = SendRateLimiter(0.0)
    for tick in range(100):
        limiter.update(throttled=True, now=tick * 10.0)
    assert limiter.rate == 0.5


def test_a_waiter_that_asks_again_after_the_wait_gets_the_token() -> None:
    limiter = SendRateLimiter(0.0)
    for tick in range(1, 100):
        limiter.update(throttled=False, now=tick * 0.1)
    now = 10.1
    limiter.update(throttled=True, now=now)
    rate = limiter.rate
    assert rate is not None
    while limiter.acquire(now) == 0.0:
        pass
    started = now
    for _ in range(1000):
        now += limiter.acquire(now)
        assert limiter.acquire(now) == 0.0
    assert now - started == pytest.approx(1000 / rate, abs=1 / rate)


def test_a_refused_attempt_takes_no_token() -> None:
    bucket = TokenBucket(2.0, 0.0)
    assert bucket.acquire(0.0) == 0.5
    assert bucket.acquire(0.0) == 0.5
    assert bucket.acquire(0.25) == 0.25
    assert bucket.acquire(0.5) == 0.0
    assert bucket.acquire(0.5) == 0.5


def test_tokens_gather_for_one_second_at_most() -> None:
    bucket = TokenBucket(3.0, 0.0)
    assert [bucket.acquire(100.0) for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(1 / 3)]


def test_a_slow_bucket_holds_one_token() -> None:
    bucket = TokenBucket(0.5, 0.0)
    assert bucket.acquire(100.0) == 0.0
    assert bucket.acquire(100.0) == 2.0
    bucket.set_rate(0.6, 200.0)
    assert bucket.acquire(300.0) == 0.0
    assert bucket.acquire(300.0) == pytest.approx(1 / 0.6)


def test_a_new_rate_applies_to_the_time_from_then_on() -> None:
    bucket = TokenBucket(1.0, 0.0)
    bucket.set_rate(10.0, 0.5)
    assert bucket.acquire(0.5) == pytest.approx(0.05)


def test_a_lower_rate_lowers_what_is_gathered() -> None:
    bucket = TokenBucket(10.0, 0.0)
    bucket.set_rate(2.0, 100.0)
    assert [bucket.acquire(100.0) for _ in range(3)] == [0.0, 0.0, 0.5]


def test_a_shortage_of_rounding_is_a_token() -> None:
    bucket = TokenBucket(1.0, 0.0)
    assert bucket.acquire(1.0 - 1e-12) == 0.0
    assert bucket.acquire(1.0 - 1e-12) == 1.0


def test_cubic_comes_back_to_the_rate_it_was_cut_at_and_then_exceeds_it() -> None:
    cubic = CubicRate(0.0)
    assert cubic.cut(10.0, 100.0) == 7.0
    seconds_to_recover = (10.0 * 0.3 / 0.4) ** (1 / 3)
    assert cubic.grown(100.0) == pytest.approx(7.0)
    assert cubic.grown(100.0 + seconds_to_recover / 2) == pytest.approx(10.0 - 3.0 / 8)
    assert cubic.grown(100.0 + seconds_to_recover) == pytest.approx(10.0)
    assert cubic.grown(100.0 + 2 * seconds_to_recover) == pytest.approx(13.0)


def test_the_measured_rate_moves_when_a_half_second_ends() -> None:
    measured = MeasuredRate(0.0)
    assert [measured.record(0.1 * tick) for tick in range(5)] == [0.0] * 5
    assert measured.record(0.5) == pytest.approx(0.8 * 12)
    assert measured.record(0.9) == pytest.approx(0.8 * 12)
    assert measured.record(1.5) == pytest.approx(0.8 * 2 + 0.2 * 0.8 * 12)
