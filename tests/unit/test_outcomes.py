"""What each outcome of an attempt means for retries."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sagemaker_async.aws.retries import Kind, Outcome, RetryRules, classify, clock_offset, outcomes, retry_after_seconds

GENERAL = RetryRules()
SERVICE = RetryRules(
    throttling=frozenset({"StillLoading"}),
    transient=frozenset({"DependencyFailed"}),
    transient_statuses=frozenset({530}),
    final=frozenset({"UsersOwnError"}),
    null_message_is_throttling=True,
)
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
DATE_SECONDS = 784_111_777.0


@pytest.mark.parametrize("status", [500, 503])
def test_server_failures_are_transient(status: int) -> None:
    assert classify(Outcome(status=status), GENERAL) is Kind.TRANSIENT


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateways_answer_is_ambiguous(status: int) -> None:
    assert classify(Outcome(status=status), GENERAL) is Kind.AMBIGUOUS
    assert classify(Outcome(status=status, code="InternalFailure"), GENERAL) is Kind.AMBIGUOUS


@pytest.mark.parametrize("code", ["InternalFailure", "ServiceUnavailable", "RequestTimeout", "RequestTimeoutException"])
def test_transient_codes_count_whatever_the_status(code: str) -> None:
    assert classify(Outcome(status=400, code=code), GENERAL) is Kind.TRANSIENT


@pytest.mark.parametrize(
    "code",
    [
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
        "SlowDown",
        "PriorRequestNotComplete",
        "EC2ThrottledException",
    ],
)
@pytest.mark.parametrize("status", [400, 429, 502, 503])
def test_throttling_codes_count_whatever_the_status(code: str, status: int) -> None:
    assert classify(Outcome(status=status, code=code), GENERAL) is Kind.THROTTLING


def test_a_429_is_throttling_without_a_known_code() -> None:
    assert classify(Outcome(status=429), GENERAL) is Kind.THROTTLING
    assert classify(Outcome(status=429, code="Whatever"), GENERAL) is Kind.THROTTLING


@pytest.mark.parametrize(
    ("outcome", "general", "service"),
    [
        (Outcome(status=400, code="StillLoading"), Kind.FINAL, Kind.THROTTLING),
        (Outcome(status=400, code="DependencyFailed"), Kind.FINAL, Kind.TRANSIENT),
        (Outcome(status=530), Kind.FINAL, Kind.TRANSIENT),
        (Outcome(status=503, code="UsersOwnError"), Kind.TRANSIENT, Kind.FINAL),
        (Outcome(status=400, null_message=True), Kind.FINAL, Kind.THROTTLING),
        (Outcome(status=403, null_message=True), Kind.FINAL, Kind.FINAL),
        (Outcome(status=400), Kind.FINAL, Kind.FINAL),
    ],
)
def test_a_service_adds_its_own_rules(outcome: Outcome, general: Kind, service: Kind) -> None:
    assert classify(outcome, GENERAL) is general
    assert classify(outcome, SERVICE) is service


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ValidationError"),
        (424, "ModelError"),
        (403, "AccessDeniedException"),
        (403, "UnrecognizedClientException"),
        (403, "MissingAuthenticationTokenException"),
        (404, None),
        (501, None),
        (200, None),
    ],
)
def test_refusals_are_final(status: int, code: str | None) -> None:
    assert classify(Outcome(status=status, code=code), GENERAL) is Kind.FINAL


def test_failures_without_a_response_are_told_apart() -> None:
    assert classify(Outcome(not_sent=True), GENERAL) is Kind.TRANSIENT
    assert classify(Outcome(stale=True), GENERAL) is Kind.STALE
    assert classify(Outcome(ambiguous=True), GENERAL) is Kind.AMBIGUOUS
    assert classify(Outcome(), GENERAL) is Kind.FINAL


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException"])
def test_expired_tokens_are_a_kind_of_their_own(code: str) -> None:
    assert classify(Outcome(status=403, code=code), GENERAL) is Kind.EXPIRED_CREDENTIALS


@pytest.mark.parametrize(
    "code",
    [
        "RequestTimeTooSkewed",
        "RequestExpired",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "AuthFailure",
        "RequestInTheFuture",
    ],
)
def test_signature_refusals_are_clock_skew_only_when_the_date_says_so(code: str) -> None:
    refused = Outcome(status=403, code=code, date=DATE, wall_clock=DATE_SECONDS)
    assert classify(refused, GENERAL) is Kind.FINAL
    assert classify(refused._replace(wall_clock=DATE_SECONDS + 300), GENERAL) is Kind.CLOCK_SKEW
    assert classify(refused._replace(wall_clock=DATE_SECONDS - 300), GENERAL) is Kind.CLOCK_SKEW
    assert classify(refused._replace(wall_clock=0.0, date=None), GENERAL) is Kind.FINAL


def test_other_refusals_are_not_clock_skew_even_when_the_clock_is_wrong() -> None:
    assert classify(Outcome(status=403, code="AccessDenied", date=DATE), GENERAL) is Kind.FINAL


def test_clock_offset_is_reported_beyond_four_minutes() -> None:
    assert clock_offset(DATE, DATE_SECONDS - 240.0) is None
    assert clock_offset(DATE, DATE_SECONDS - 241.0) == 241.0
    assert clock_offset(DATE, DATE_SECONDS + 240.0) is None
    assert clock_offset(DATE, DATE_SECONDS + 241.0) == -241.0


def test_clock_offset_is_measured_from_the_uncorrected_clock() -> None:
    assert clock_offset(DATE, DATE_SECONDS - 1000.0, applied_offset=1000.0) is None
    assert clock_offset(DATE, DATE_SECONDS - 1000.0, applied_offset=500.0) == 1000.0
    assert clock_offset(DATE, DATE_SECONDS, applied_offset=1000.0) == 0.0


@pytest.fixture
def in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_new_york")
def test_a_date_without_zone_is_read_as_utc_and_one_with_a_zone_in_that_wherever_we_are() -> None:
    assert clock_offset("Sun, 06 Nov 1994 08:49:37 -0000", DATE_SECONDS - 600) == 600.0
    assert clock_offset("Sun, 06 Nov 1994 08:49:37", DATE_SECONDS - 600) == 600.0
    assert clock_offset("Sun, 06 Nov 1994 09:49:37 +0100", DATE_SECONDS - 600) == 600.0


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        " ",
        "yesterday",
        "Sun, 99 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 +99999999999999",
        "9" * 5000,
    ],
)
def test_a_missing_or_malformed_date_shows_no_skew(date: str | None) -> None:
    assert clock_offset(date, 0.0) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("0", 0.0),
        ("1500", 1.5),
        (" 250 ", 0.25),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", None),
        ("9" * 400, None),
        ("9" * 5000, None),
    ],
)
def test_retry_after_is_a_whole_number_of_milliseconds_or_ignored(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header) == seconds


def test_exported_names_exist() -> None:
    assert sorted(outcomes.__all__) == sorted(set(outcomes.__all__))
    assert all(hasattr(outcomes, name) for name in outcomes.__all__)
