"""What holds for every client, configuration and sequence of outcomes."""

from __future__ import annotations

import dataclasses
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from sagemaker_async.aws.retries import (
    CLOCK_SKEW_CODES,
    EXPIRED_CREDENTIALS_CODES,
    THROTTLING_CODES,
    TRANSIENT_CODES,
    CallState,
    Kind,
    Outcome,
    Retry,
    RetryPolicy,
    RetryRules,
    StopReason,
    classify,
    clock_offset,
    retry_after_seconds,
)
from sagemaker_async.aws.retries.ratelimit import SendRateLimiter
from sagemaker_async.config import RetryConfig

QUICK = settings(max_examples=300, deadline=None, database=None)
RULES = RetryRules(
    throttling=frozenset({"StillLoading"}),
    transient=frozenset({"DependencyFailed"}),
    transient_statuses=frozenset({530}),
    final=frozenset({"UsersOwnError"}),
    null_message_is_throttling=True,
)
SAFE_KINDS = {Kind.TRANSIENT, Kind.THROTTLING, Kind.CLOCK_SKEW, Kind.EXPIRED_CREDENTIALS}
DATE_SCRAPS = (
    "Mon",
    ",",
    "Jan",
    "-0000",
    "+9999999999999",
    "GMT",
    "0",
    "31",
    "1999",
    "99999",
    "00:00:00",
    "25:61",
    ":",
)

codes = st.sampled_from(
    [
        *sorted(THROTTLING_CODES | TRANSIENT_CODES | CLOCK_SKEW_CODES | EXPIRED_CREDENTIALS_CODES),
        *("StillLoading", "DependencyFailed", "UsersOwnError", "ValidationError"),
    ]
)
dates = st.sampled_from(["Sun, 06 Nov 1994 08:49:37 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "never"])
responses = st.builds(
    Outcome,
    status=st.integers(200, 599) | st.sampled_from([400, 403, 429, 500, 502, 503, 504, 530]),
    code=st.none() | codes,
    null_message=st.booleans(),
    retry_after=st.none() | st.integers(-10, 100_000).map(str) | st.text(max_size=5),
    date=st.none() | dates,
    wall_clock=st.floats(0, 4e9),
    applied_offset=st.floats(-1e9, 1e9),
)
failures = st.sampled_from([Outcome(not_sent=True), Outcome(stale=True), Outcome(ambiguous=True), Outcome()])
outcomes = st.one_of(responses, failures)
configs = st.builds(
    RetryConfig,
    mode=st.sampled_from([None, "standard", "adaptive", "legacy"]),
    max_attempts=st.none() | st.integers(1, 8),
    base_delay=st.none() | st.floats(0, 100),
    max_delay=st.floats(0.001, 100),
    jitter=st.sampled_from(["full", "equal", "none"]),
    retry_ambiguous=st.booleans(),
    retry_stale=st.booleans(),
)
randoms = st.floats(0, 1, exclude_max=True)
pauses = st.floats(0, 5)


@QUICK
@given(configs, st.lists(outcomes, min_size=12, max_size=12), st.booleans(), randoms)
def test_a_call_never_makes_more_attempts_than_it_may(
    config: RetryConfig, script: list[Outcome], repeatable: bool, random: float
) -> None:
    policy = RetryPolicy(config, RULES, now=0.0)
    call = CallState()
    attempts = 1
    resent = 0
    for outcome in script:
        decision = policy.next(call, outcome, repeatable=repeatable, random=random, now=0.0)
        if not isinstance(decision, Retry):
            break
        attempts += 1
        resent += decision.note == "stale connection"
    assert resent <= config.retry_stale
    assert attempts <= policy.max_attempts + resent


@QUICK
@given(configs, st.lists(outcomes, max_size=12), st.booleans(), randoms)
def test_delays_stay_within_their_bounds(
    config: RetryConfig, script: list[Outcome], repeatable: bool, random: float
) -> None:
    policy = RetryPolicy(config, RULES, now=0.0)
    call = CallState()
    for outcome in script:
        decision = policy.next(call, outcome, repeatable=repeatable, random=random, now=0.0)
        if isinstance(decision, Retry):
            raised = outcome.retry_after is not None and config.mode != "legacy"
            assert config.max_delay is not None
            assert 0 <= decision.delay <= config.max_delay + (5 if raised else 0)


@QUICK
@given(configs, st.lists(st.tuples(st.integers(0, 3), st.none() | outcomes, pauses), max_size=80), randoms)
def test_the_quota_is_never_negative_nor_above_its_capacity_and_grows_by_success_alone(
    config: RetryConfig, script: list[tuple[int, Outcome | None, float]], random: float
) -> None:
    policy = RetryPolicy(config, RULES, now=0.0)
    calls = [CallState() for _ in range(4)]
    now = 0.0
    for number, outcome, pause in script:
        now += pause
        before = policy.available_quota
        if outcome is None:
            policy.success(calls[number], now)
            calls[number] = CallState()
            assert policy.available_quota >= before
        elif isinstance(policy.next(calls[number], outcome, repeatable=True, random=random, now=now), Retry):
            assert before - policy.available_quota in (0, 5, 14)
        else:
            calls[number] = CallState()
            assert policy.available_quota == before
        assert 0 <= policy.available_quota <= 500


@QUICK
@given(configs, st.lists(outcomes, max_size=8), randoms)
def test_what_may_have_been_processed_is_repeated_only_where_that_was_allowed(
    config: RetryConfig, script: list[Outcome], random: float
) -> None:
    config = dataclasses.replace(config, retry_ambiguous=False)
    policy = RetryPolicy(config, RULES, now=0.0)
    call = CallState()
    for outcome in script:
        decision = policy.next(call, outcome, repeatable=False, random=random, now=0.0)
        kind = classify(outcome, RULES)
        if kind is Kind.AMBIGUOUS:
            assert not isinstance(decision, Retry)
            assert decision.reason is StopReason.AMBIGUOUS
        elif isinstance(decision, Retry):
            assert kind in SAFE_KINDS or (kind is Kind.STALE and config.retry_stale)


@QUICK
@given(configs, st.lists(outcomes, max_size=8), randoms)
def test_final_outcomes_are_never_repeated(config: RetryConfig, script: list[Outcome], random: float) -> None:
    policy = RetryPolicy(config, RULES, now=0.0)
    call = CallState()
    for outcome in script:
        decision = policy.next(call, outcome, repeatable=True, random=random, now=0.0)
        if classify(outcome, RULES) is Kind.FINAL:
            assert not isinstance(decision, Retry)
            assert decision.reason is StopReason.FINAL


@QUICK
@given(st.lists(st.tuples(st.sampled_from(["acquire", "throttled", "answered"]), pauses), max_size=100))
def test_the_send_rate_lets_no_more_pass_than_it_says(script: list[tuple[str, float]]) -> None:
    limiter = SendRateLimiter(0.0)
    limiter.update(throttled=True, now=0.0)
    now = 0.0
    budget = 0.0
    for event, pause in script:
        now += pause
        assert limiter.rate is not None
        assert limiter.rate >= 0.5
        budget += pause * limiter.rate
        if event != "acquire":
            limiter.update(throttled=event == "throttled", now=now)
            continue
        wait = limiter.acquire(now)
        assert 0 <= wait <= 2.0
        if wait == 0.0:
            budget -= 1.0
            assert budget >= -1e-6
        else:
            assert limiter.acquire(now + wait) == 0.0
            budget += wait * limiter.rate - 1.0
            now += wait


@QUICK
@given(st.text(), st.floats(0, 4e9), st.floats(-1e9, 1e9))
def test_no_header_text_raises(text: str, wall_clock: float, applied: float) -> None:
    offset = clock_offset(text, wall_clock, applied)
    assert offset is None or abs(offset - applied) > 240
    seconds = retry_after_seconds(text)
    assert seconds is None or (seconds >= 0 and math.isfinite(seconds))


@QUICK
@given(st.lists(st.sampled_from(DATE_SCRAPS)))
def test_no_scrap_of_a_date_raises(scraps: list[str]) -> None:
    clock_offset(" ".join(scraps), 0.0)
    clock_offset("".join(scraps), 0.0)
