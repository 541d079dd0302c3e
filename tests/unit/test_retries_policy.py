"""The retry decisions of a client, mode by mode and outcome by outcome."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from sagemaker_async.aws.retries import CallState, Outcome, Retry, RetryPolicy, RetryQuota, RetryRules, Stop, StopReason
from sagemaker_async.config import RetryConfig
from sagemaker_async.errors import ConfigurationError

UNAVAILABLE = Outcome(status=503)
THROTTLED = Outcome(status=400, code="ThrottlingException")
REFUSED = Outcome(status=400, code="ValidationError")
NOT_SENT = Outcome(not_sent=True)
STALE = Outcome(stale=True)
LOST = Outcome(ambiguous=True)
GATEWAY = Outcome(status=504)
EXPIRED = Outcome(status=403, code="ExpiredTokenException")
SKEWED = Outcome(
    status=403,
    code="InvalidSignatureException",
    date="Sun, 06 Nov 1994 08:49:37 GMT",
    wall_clock=784_111_777.0 - 600.0,
)


def policy(**fields: Any) -> RetryPolicy:
    return RetryPolicy(RetryConfig(**fields), RetryRules(), now=0.0)


def decide(
    policy: RetryPolicy, call: CallState, outcome: Outcome, *, repeatable: bool = False, random: float = 0.5
) -> Retry | Stop:
    return policy.next(call, outcome, repeatable=repeatable, random=random, now=0.0)


def decisions(policy: RetryPolicy, *outcomes: Outcome, **options: Any) -> list[Retry | Stop]:
    call = CallState()
    return [decide(policy, call, outcome, **options) for outcome in outcomes]


# --- modes and delays ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [None, "standard", "adaptive"])
def test_standard_and_adaptive_make_three_attempts(mode: str | None) -> None:
    assert decisions(policy(mode=mode), UNAVAILABLE, UNAVAILABLE, UNAVAILABLE) == [
        Retry(0.5 * 0.05),
        Retry(0.5 * 0.1),
        Stop(StopReason.MAX_ATTEMPTS),
    ]


def test_throttling_is_backed_off_from_a_second() -> None:
    assert decisions(policy(max_attempts=8), *[THROTTLED] * 8, random=0.75) == [
        *(Retry(0.75 * seconds) for seconds in (1, 2, 4, 8, 16, 20, 20)),
        Stop(StopReason.MAX_ATTEMPTS),
    ]


def test_the_scale_follows_the_latest_outcome_and_the_exponent_all_retries() -> None:
    assert decisions(policy(max_attempts=4), UNAVAILABLE, THROTTLED, NOT_SENT) == [
        Retry(0.5 * 0.05),
        Retry(0.5 * 2),
        Retry(0.5 * 0.2),
    ]


def test_legacy_makes_five_attempts_and_knows_neither_quota_nor_header() -> None:
    legacy = policy(mode="legacy")
    asked = Outcome(status=503, retry_after="4000")
    assert decisions(legacy, asked, asked, THROTTLED, asked, asked) == [
        Retry(0.5),
        Retry(1.0),
        Retry(2.0),
        Retry(4.0),
        Stop(StopReason.MAX_ATTEMPTS),
    ]
    assert legacy.available_quota == 500


def test_legacy_delays_are_bounded_too() -> None:
    assert decisions(policy(mode="legacy", max_attempts=8), *[THROTTLED] * 7, random=0.5)[-1] == Retry(10.0)


@pytest.mark.parametrize(("fields", "most"), [({}, 3), ({"mode": "legacy"}, 5), ({"max_attempts": 7}, 7)])
def test_max_attempts_is_public_for_the_request_header(fields: dict[str, Any], most: int) -> None:
    assert policy(**fields).max_attempts == most


def test_one_attempt_means_no_retry() -> None:
    assert decisions(policy(max_attempts=1), UNAVAILABLE) == [Stop(StopReason.MAX_ATTEMPTS)]


def test_base_delay_replaces_both_scales() -> None:
    assert decisions(policy(base_delay=3.0), UNAVAILABLE, THROTTLED) == [Retry(1.5), Retry(3.0)]


def test_base_delay_of_zero_means_no_delay() -> None:
    assert decisions(policy(base_delay=0.0), THROTTLED) == [Retry(0.0)]


def test_max_delay_bounds_the_delay() -> None:
    assert decisions(policy(max_delay=1.0), THROTTLED, THROTTLED, random=0.5) == [Retry(0.5), Retry(0.5)]


@pytest.mark.parametrize("none", [None, 0])
def test_without_a_max_delay_the_delay_grows_on(none: float | None) -> None:
    unbounded = policy(max_delay=none, base_delay=100, max_attempts=4)
    assert decisions(unbounded, THROTTLED, THROTTLED, random=0.5) == [Retry(50.0), Retry(100.0)]


def test_equal_jitter_keeps_at_least_half_of_the_delay() -> None:
    for random, delay in ((0.0, 0.5), (0.5, 0.75)):
        assert decisions(policy(jitter="equal"), THROTTLED, random=random) == [Retry(delay)]


def test_a_jitter_of_ones_own_gets_the_bounded_delay_and_returns_the_one_to_use() -> None:
    seen: list[float] = []

    def jitter(delay: float) -> float:
        seen.append(delay)
        return delay / 4

    own = policy(jitter=jitter, max_delay=1.5)
    assert decisions(own, THROTTLED, THROTTLED, random=0.9) == [Retry(0.25), Retry(0.375)]
    assert seen == [1.0, 1.5]


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, "1", None])
def test_jitter_that_returns_nonsense_is_named(seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"RetryConfig\.jitter must return a .*number of seconds.*, got "):
        decisions(policy(jitter=lambda delay: seconds), UNAVAILABLE)


def test_without_jitter_the_random_number_is_not_used() -> None:
    assert decisions(policy(jitter="none"), THROTTLED, THROTTLED, random=0.1) == [Retry(1.0), Retry(2.0)]


def test_the_thousandth_retry_still_has_a_delay() -> None:
    never = policy(mode="legacy", max_attempts=5000)
    call = CallState()
    delays = [decide(never, call, UNAVAILABLE) for _ in range(4000)]
    assert delays[-1] == Retry(10.0)


# --- x-amz-retry-after -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "delay"),
    [
        ("2500", 2.5),  # more than the delay: raised to it
        ("100", 0.5),  # less: kept
        ("60000", 5.5),  # far more: by 5 s at most
        ("-1", 0.5),
        ("1.5", 0.5),
        ("", 0.5),
    ],
)
def test_retry_after_raises_the_delay_within_bounds(header: str, delay: float) -> None:
    assert decisions(policy(), Outcome(status=429, retry_after=header)) == [Retry(delay)]


def test_retry_after_raises_an_own_backoff_too() -> None:
    assert decisions(policy(backoff=lambda retry: 1.0), Outcome(status=503, retry_after="3000")) == [Retry(3.0)]


# --- own back-off ----------------------------------------------------------------------------------------------------


def test_backoff_replaces_delay_limit_and_jitter() -> None:
    seen: list[int] = []

    def backoff(retry: int) -> float:
        seen.append(retry)
        return 30 + retry

    own = policy(backoff=backoff, max_attempts=4, max_delay=1.0)
    assert decisions(own, THROTTLED, UNAVAILABLE, THROTTLED) == [Retry(30.0), Retry(31.0), Retry(32.0)]
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("seconds", [0, 0.0, 0.001, 1e300])
def test_backoff_may_be_nothing_or_long(seconds: float) -> None:
    assert decisions(policy(backoff=lambda retry: seconds), UNAVAILABLE) == [Retry(seconds)]


@pytest.mark.parametrize("seconds", [-1, -0.001, math.nan, math.inf, 10**400, "1", None, True, [1.0]])
def test_backoff_that_returns_nonsense_is_named(seconds: object) -> None:
    broken = policy(backoff=lambda retry: seconds)
    with pytest.raises(ConfigurationError, match=r"RetryConfig\.backoff must return a .*number of seconds.*, got "):
        decisions(broken, UNAVAILABLE)


def test_an_error_of_the_backoff_itself_passes_through() -> None:
    def backoff(retry: int) -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        decisions(policy(backoff=backoff), UNAVAILABLE)


# --- the quota -------------------------------------------------------------------------------------------------------


def test_retries_take_from_the_quota_and_failures_give_nothing_back() -> None:
    client = policy()
    decisions(client, UNAVAILABLE, THROTTLED, UNAVAILABLE)
    assert client.available_quota == 500 - 14 - 5


def test_a_success_gives_back_what_its_last_retry_took() -> None:
    client = policy()
    decisions(client, UNAVAILABLE, REFUSED)
    call = CallState()
    decide(client, call, UNAVAILABLE)
    decide(client, call, THROTTLED)
    client.success(call, 0.0)
    assert client.available_quota == 500 - 14 - 14


def test_a_success_at_the_first_attempt_gives_back_one_up_to_the_full_quota() -> None:
    client = policy()
    client.success(CallState(), 0.0)
    assert client.available_quota == 500
    decisions(client, UNAVAILABLE)
    client.success(CallState(), 0.0)
    assert client.available_quota == 500 - 14 + 1


def test_without_quota_the_call_stops_at_once() -> None:
    client = policy()
    for _ in range(35):
        assert isinstance(decisions(client, UNAVAILABLE)[0], Retry)
    assert client.available_quota == 10
    assert decisions(client, UNAVAILABLE) == [Stop(StopReason.QUOTA)]
    assert client.available_quota == 10
    assert decisions(client, THROTTLED) == [Retry(0.5)]


def test_quota_takes_all_or_nothing() -> None:
    quota = RetryQuota()
    assert quota.take(500)
    assert not quota.take(1)
    quota.give_back(3)
    assert not quota.take(4)
    assert quota.available == 3


# --- ambiguous outcomes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [LOST, GATEWAY, Outcome(status=502)])
def test_an_ambiguous_outcome_is_not_repeated_unless_that_is_harmless_or_wanted(outcome: Outcome) -> None:
    client = policy()
    assert decisions(client, outcome) == [Stop(StopReason.AMBIGUOUS)]
    assert client.available_quota == 500
    assert decisions(client, outcome, repeatable=True) == [Retry(0.5 * 0.05)]
    assert client.available_quota == 500 - 14
    assert decisions(policy(retry_ambiguous=True), outcome) == [Retry(0.5 * 0.05)]


def test_unambiguous_outcomes_of_unrepeatable_operations_are_repeated() -> None:
    for outcome in (UNAVAILABLE, THROTTLED, NOT_SENT):
        assert isinstance(decisions(policy(), outcome, repeatable=False)[0], Retry)


def test_final_outcomes_of_repeatable_operations_are_not_repeated() -> None:
    assert decisions(policy(), REFUSED, repeatable=True) == [Stop(StopReason.FINAL)]


@pytest.mark.parametrize(
    ("reason", "note"),
    [
        (StopReason.AMBIGUOUS, r"^not repeated: the service may have processed .*retry_ambiguous"),
        (StopReason.QUOTA, r"^not repeated: the retry quota of this session is used up$"),
        (StopReason.FINAL, None),
        (StopReason.MAX_ATTEMPTS, None),
    ],
)
def test_a_stop_that_the_outcome_does_not_explain_has_a_note(reason: StopReason, note: str | None) -> None:
    said = Stop(reason).note
    assert said is None if note is None else re.search(note, said or "")


# --- stale connections -----------------------------------------------------------------------------------------------


def test_a_stale_connection_is_resent_at_once_and_for_free() -> None:
    client = policy()
    assert decisions(client, STALE, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE) == [
        Retry(0.0, "stale connection"),
        Retry(0.5 * 0.05),
        Retry(0.5 * 0.1),
        Stop(StopReason.MAX_ATTEMPTS),
    ]
    assert client.available_quota == 500 - 2 * 14


def test_a_stale_connection_is_resent_even_when_retries_are_off() -> None:
    assert decisions(policy(max_attempts=1), STALE, UNAVAILABLE) == [
        Retry(0.0, "stale connection"),
        Stop(StopReason.MAX_ATTEMPTS),
    ]


def test_a_second_stale_connection_in_one_call_is_ambiguous() -> None:
    assert decisions(policy(), STALE, STALE)[1] == Stop(StopReason.AMBIGUOUS)
    assert decisions(policy(), STALE, STALE, repeatable=True)[1] == Retry(0.5 * 0.05)


def test_without_retry_stale_a_stale_connection_is_ambiguous() -> None:
    assert decisions(policy(retry_stale=False), STALE) == [Stop(StopReason.AMBIGUOUS)]


# --- clock skew and credentials --------------------------------------------------------------------------------------


def test_expired_credentials_are_refreshed_once_a_call() -> None:
    client = policy()
    assert decisions(client, EXPIRED, EXPIRED) == [
        Retry(0.0, "expired credentials", refresh_credentials=True),
        Stop(StopReason.FINAL),
    ]
    assert client.available_quota == 500


def test_a_skewed_clock_is_corrected_once_a_call() -> None:
    client = policy()
    assert decisions(client, SKEWED, SKEWED) == [
        Retry(0.0, "clock skew", clock_offset=600.0),
        Stop(StopReason.FINAL),
    ]
    assert client.available_quota == 500


def test_corrections_use_up_attempts() -> None:
    assert decisions(policy(max_attempts=3), SKEWED, EXPIRED, UNAVAILABLE)[-1] == Stop(StopReason.MAX_ATTEMPTS)


@pytest.mark.parametrize(
    ("outcome", "stop"),
    [
        (EXPIRED, Stop(StopReason.MAX_ATTEMPTS, refresh_credentials=True)),
        (SKEWED, Stop(StopReason.MAX_ATTEMPTS, clock_offset=600.0)),
    ],
)
def test_without_an_attempt_left_the_correction_is_kept_for_the_next_call(outcome: Outcome, stop: Stop) -> None:
    assert decisions(policy(max_attempts=1), outcome) == [stop]


def test_a_corrected_call_that_succeeds_counts_as_unretried() -> None:
    client = policy()
    decisions(client, UNAVAILABLE)
    call = CallState()
    decide(client, call, SKEWED)
    client.success(call, 0.0)
    assert client.available_quota == 500 - 14 + 1


def test_corrections_need_no_quota() -> None:
    client = policy()
    while isinstance(decisions(client, UNAVAILABLE)[0], Retry):
        pass
    assert isinstance(decisions(client, EXPIRED)[0], Retry)


# --- the send rate ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["standard", "legacy"])
def test_only_adaptive_mode_limits_the_send_rate(mode: str) -> None:
    client = policy(mode=mode)
    decisions(client, THROTTLED)
    assert client.acquire(0.0) == 0.0
    assert client.send_rate is None


def test_adaptive_mode_limits_the_send_rate_after_throttling() -> None:
    client = policy(mode="adaptive")
    decisions(client, UNAVAILABLE, STALE, REFUSED)
    assert client.acquire(0.0) == 0.0
    decisions(client, THROTTLED)
    assert client.send_rate == 0.5
    assert client.acquire(0.0) == 2.0


def test_adaptive_mode_learns_from_successes() -> None:
    client = policy(mode="adaptive")
    decisions(client, THROTTLED)
    for tick in range(1, 200):
        client.success(CallState(), tick * 0.1)
    assert client.send_rate is not None
    assert client.send_rate > 5.0
