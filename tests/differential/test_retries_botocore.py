"""Retry decisions, delays, quota and send rate against botocore's own, step by step under the same random numbers.

Scripts of interleaved calls are played to both sides. Left out, because the rules differ on purpose (`tests/unit`
covers them): operations that may not be repeated after an ambiguous outcome, stale connections, clock skew and expired
credentials, what a service adds (`RetryRules`), `InternalFailure` and `ServiceUnavailable` with a status that does not
say so itself, and a 429 whose code is one of the operation's modelled errors.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import botocore
import botocore.loaders
import botocore.model
import pytest
from botocore import retryhandler
from botocore.exceptions import (
    CapacityNotAvailableError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.retries import adaptive, bucket, quota, standard, throttling
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sagemaker_async.aws.retries import (
    AMBIGUOUS_STATUSES,
    CLOCK_SKEW_CODES,
    EXPIRED_CREDENTIALS_CODES,
    THROTTLING_CODES,
    TRANSIENT_CODES,
    TRANSIENT_STATUSES,
    CallState,
    Outcome,
    Retry,
    RetryPolicy,
    RetryRules,
)
from sagemaker_async.aws.retries.ratelimit import SendRateLimiter
from sagemaker_async.config import RetryConfig

EXAMPLES = settings(max_examples=1000, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


# --- one outcome in the words of both sides --------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """What happens to one attempt of one of the calls that are under way."""

    call: int
    status: int | None
    code: str | None = None
    retry_after: str | None = None
    exception: Exception | None = None
    ours: Outcome | None = None
    random: float = 0.0
    pause: float = 0.0

    @property
    def succeeded(self) -> bool:
        return self.status == 200

    @property
    def outcome(self) -> Outcome:
        return self.ours or Outcome(status=self.status, code=self.code, retry_after=self.retry_after)

    @property
    def response(self) -> tuple[SimpleNamespace, dict[str, Any]] | None:
        if self.status is None:
            return None
        headers = {} if self.retry_after is None else {"x-amz-retry-after": self.retry_after}
        return SimpleNamespace(status_code=self.status, headers=headers), {"Error": {"Code": self.code or ""}}


@pytest.fixture(scope="module")
def operation() -> botocore.model.OperationModel:
    model = botocore.loaders.Loader().load_service_model("sagemaker-runtime", "service-2")
    return botocore.model.ServiceModel(model, "sagemaker-runtime").operation_model("InvokeEndpoint")


URL = {"endpoint_url": "https://example.com"}
FAILURES = [
    (EndpointConnectionError(**URL, error="refused"), Outcome(not_sent=True)),
    (ConnectTimeoutError(**URL), Outcome(not_sent=True)),
    (SSLError(**URL, error="no"), Outcome(not_sent=True)),
    (ProxyConnectionError(proxy_url="http://proxy", error="no"), Outcome(not_sent=True)),
    (ReadTimeoutError(**URL), Outcome(ambiguous=True)),
    (ConnectionClosedError(**URL), Outcome(ambiguous=True)),
    (RuntimeError("of no kind that repeating could help"), Outcome()),
]
FAILURE_TYPES = tuple(type(exception) for exception, _ in FAILURES)
MODELLED = {"InternalDependencyException", "ModelError", "ModelNotReadyException", "ValidationError"}
STATUS_SAYS_IT = {"InternalFailure", "ServiceUnavailable"}
CODES = [
    None,
    "AccessDeniedException",
    "SomethingElse",
    *sorted(MODELLED),
    *sorted(STATUS_SAYS_IT),
    *standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES,
    *standard.TransientRetryableChecker._TRANSIENT_ERROR_CODES,
]
STATUSES = [400, 403, 404, 408, 409, 424, 429, 500, 501, 502, 503, 504, 530]
headers = st.one_of(
    st.none(),
    st.none(),
    st.integers(-1000, 30_000).map(str),
    st.sampled_from(["", " 7 ", "+5", "1.5", "1e3", "soon", "9" * 400, "9" * 5000, "-0"]),
    st.text(max_size=6),
)


def shared_meaning(answer: tuple[int, str | None]) -> bool:
    status, code = answer
    if code in STATUS_SAYS_IT:
        return status in (500, 502, 503, 504)
    return not (status == 429 and code in MODELLED)


answers = st.tuples(st.sampled_from(STATUSES), st.sampled_from(CODES)).filter(shared_meaning)
randoms = st.floats(0, 1, exclude_max=True)
pauses = st.one_of(st.just(0.0), st.floats(0, 0.3), st.floats(0, 10))
calls = st.integers(0, 2)
answered = st.builds(
    lambda call, answer, retry_after, random, pause: Step(
        call, *answer, retry_after=retry_after, random=random, pause=pause
    ),
    calls, answers, headers, randoms, pauses,
)  # fmt: skip
failed = st.builds(
    lambda call, failure, random, pause: Step(
        call, None, exception=failure[0], ours=failure[1], random=random, pause=pause
    ),
    calls, st.sampled_from(FAILURES), randoms, pauses,
)  # fmt: skip
throttled = st.builds(
    lambda call, random, pause: Step(call, 400, "ThrottlingException", random=random, pause=pause),
    calls, randoms, pauses,
)  # fmt: skip
succeeded = st.builds(lambda call, pause: Step(call, 200, pause=pause), calls, pauses)
steps = st.one_of(answered, answered, failed, throttled, succeeded)
scripts = st.lists(steps, min_size=1, max_size=40)


def test_no_code_of_the_scripts_is_one_of_the_deliberate_differences() -> None:
    assert not (CLOCK_SKEW_CODES | EXPIRED_CREDENTIALS_CODES) & set(CODES)


def test_the_sets_of_codes_and_statuses_are_botocores() -> None:
    theirs = standard.TransientRetryableChecker
    assert set(standard.ThrottledRetryableChecker._THROTTLED_ERROR_CODES) == THROTTLING_CODES
    assert set(theirs._TRANSIENT_ERROR_CODES) | STATUS_SAYS_IT == TRANSIENT_CODES | {"PriorRequestNotComplete"}
    assert set(theirs._TRANSIENT_STATUS_CODES) == TRANSIENT_STATUSES | AMBIGUOUS_STATUSES


def test_the_modelled_errors_are_all_known_here(operation: botocore.model.OperationModel) -> None:
    assert {shape.name for shape in operation.error_shapes} == MODELLED | STATUS_SAYS_IT


# --- botocore's side -------------------------------------------------------------------------------------------------


class Clock:
    """The one clock of both sides; starts where half-second buckets do not."""

    def __init__(self) -> None:
        self.now = 12.34

    def current_time(self) -> float:
        return self.now


class Botocore:
    """The parts `botocore.retries` registers on a client, put together as it does, with our numbers for random ones."""

    def __init__(self, operation: botocore.model.OperationModel, max_attempts: int, clock: Clock) -> None:
        self.random = 0.0
        self.operation = operation
        adapter = standard.RetryEventAdapter()
        detector = standard.ThrottlingErrorDetector(adapter)
        self.quota = quota.RetryQuota()
        self.checker = standard.RetryQuotaChecker(self.quota, detector)
        self.handler = standard.RetryHandler(
            retry_policy=standard.RetryPolicy(
                standard.StandardRetryConditions(max_attempts),
                standard.ExponentialBackoff(
                    random=lambda: self.random, service_name="sagemaker-runtime", throttling_detector=detector
                ),
            ),
            retry_event_adapter=adapter,
            retry_quota=self.checker,
            service_name="sagemaker-runtime",
        )
        self.limiter = adaptive.ClientRateLimiter(
            throttling.CubicCalculator(starting_max_rate=0, start_time=clock.current_time()),
            adaptive.RateClocker(clock),
            bucket.TokenBucket(max_rate=1, clock=clock),
            detector,
            clock,
        )

    def event(self, step: Step, attempts: int, context: dict[str, Any]) -> dict[str, Any]:
        return {
            "response": step.response,
            "attempts": attempts,
            "operation": self.operation,
            "caught_exception": step.exception,
            "request_dict": {"context": context},
        }

    def next(self, step: Step, attempts: int, context: dict[str, Any]) -> float | None:
        """The delay, or None when the call ends."""
        self.random = step.random
        delay: float | None = self.handler.needs_retry(**self.event(step, attempts, context))
        return delay

    def success(self, step: Step, context: dict[str, Any]) -> None:
        assert step.response is not None
        self.checker.release_retry_quota(context, step.response[0])

    def acquire(self) -> float:
        """0.0 when a token was taken, else what `on_sending_request` would wait before it looks again."""
        if not self.limiter._enabled:
            return 0.0
        try:
            self.limiter._token_bucket.acquire(block=False)
        except CapacityNotAvailableError:
            return self.limiter._token_bucket._sleep_amount(1)
        return 0.0

    @property
    def send_rate(self) -> float | None:
        return self.limiter._token_bucket.max_rate if self.limiter._enabled else None


# --- the comparison --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["standard", "adaptive"])
def test_decisions_delays_quota_and_send_rate_are_botocores(
    operation: botocore.model.OperationModel, mode: Any
) -> None:
    # `drained` calls fail for good beforehand, so that a good part of the scripts runs into the end of the quota.
    @EXAMPLES
    @given(scripts, st.integers(1, 6), st.integers(0, 36))
    def compare(script: list[Step], max_attempts: int, drained: int) -> None:
        clock = Clock()
        theirs = Botocore(operation, max_attempts, clock)
        ours = RetryPolicy(RetryConfig(mode=mode, max_attempts=max_attempts), RetryRules(), now=clock.now)
        drain = Step(0, 503)
        for _ in range(drained):
            theirs.next(drain, 1, {})
            if mode == "adaptive":
                theirs.limiter.on_receiving_response(**theirs.event(drain, 1, {}))
            ours.next(CallState(), drain.outcome, repeatable=True, random=0.0, now=clock.now)
        states = [CallState() for _ in range(3)]
        contexts: list[dict[str, Any]] = [{} for _ in range(3)]
        attempts = [0, 0, 0]
        for step in script:
            clock.now += step.pause
            if mode == "adaptive":
                expected = theirs.acquire()
                assume(expected == 0 or expected > 1e-6)  # a shortage that is rounding: theirs waits, ours does not
                assert ours.acquire(clock.now) == expected
            attempts[step.call] += 1
            context = contexts[step.call]
            if mode == "adaptive":
                theirs.limiter.on_receiving_response(**theirs.event(step, attempts[step.call], context))
            if step.succeeded:
                theirs.success(step, context)
                ours.success(states[step.call], clock.now)
                delay = None
            else:
                delay = theirs.next(step, attempts[step.call], context)
                decision = ours.next(
                    states[step.call], step.outcome, repeatable=True, random=step.random, now=clock.now
                )
                assert (decision.delay if isinstance(decision, Retry) else None) == delay
            assert ours.available_quota == theirs.quota.available_capacity
            assert ours.send_rate == (theirs.send_rate if mode == "adaptive" else None)
            if delay is None:
                states[step.call], contexts[step.call], attempts[step.call] = CallState(), {}, 0

    compare()


@EXAMPLES
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["acquire", "acquire", "wait", "throttled", "answered", "answered"]),
            st.one_of(st.floats(0, 0.2), st.floats(0, 3), st.floats(0, 300)),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_send_rate_and_waits_are_botocores(script: list[tuple[str, float]]) -> None:
    clock = Clock()
    ours = SendRateLimiter(clock.now)
    throttles = mock.Mock()
    theirs = adaptive.ClientRateLimiter(
        throttling.CubicCalculator(starting_max_rate=0, start_time=clock.now),
        adaptive.RateClocker(clock),
        bucket.TokenBucket(max_rate=1, clock=clock),
        throttles,
        clock,
    )
    wait = 0.0
    for event, pause in script:
        clock.now += wait + 0.001 if event == "wait" else pause
        if event in ("throttled", "answered"):
            throttles.is_throttling_error.return_value = event == "throttled"
            theirs.on_receiving_response()
            ours.update(throttled=event == "throttled", now=clock.now)
        elif theirs._enabled:
            try:
                theirs._token_bucket.acquire(block=False)
                wait = 0.0
            except CapacityNotAvailableError:
                wait = theirs._token_bucket._sleep_amount(1)
            assume(wait == 0 or wait > 1e-6)
            assert ours.acquire(clock.now) == wait
        else:
            assert ours.acquire(clock.now) == 0.0
        assert ours.rate == (theirs._token_bucket.max_rate if theirs._enabled else None)


# --- legacy ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def legacy_rules() -> dict[str, Any]:
    """botocore's retry table with its references filled in, as `botocore.translate` does for a service."""
    table = json.loads((Path(botocore.__file__).parent / "data" / "_retry.json").read_text())
    default = table["retry"]["__default__"]
    default["policies"] = {name: table["definitions"][policy["$ref"]] for name, policy in default["policies"].items()}
    return {"__default__": default}


# Legacy mode knows fewer codes than the other two, and those only with a 400; ours keeps one classification for all.
LEGACY_ANSWERS = [
    (400, None),
    (400, "ProvisionedThroughputExceededException"),
    (400, "RequestThrottledException"),
    (400, "ThrottledException"),
    (400, "Throttling"),
    (400, "ThrottlingException"),
    (400, "ValidationError"),
    (403, "AccessDeniedException"),
    (424, "ModelError"),
    (429, None),
    (429, "ThrottlingException"),
    (500, "InternalFailure"),
    (502, None),
    (503, "ServiceUnavailable"),
    (504, None),
    (530, "InternalDependencyException"),
]


def test_the_legacy_default_is_five_attempts(legacy_rules: dict[str, Any]) -> None:
    ours = RetryPolicy(RetryConfig(mode="legacy"), RetryRules(), now=0.0)
    assert ours.max_attempts == legacy_rules["__default__"]["max_attempts"]


def test_legacy_decisions_and_delays_are_botocores(legacy_rules: dict[str, Any]) -> None:
    legacy_step = st.one_of(
        st.builds(
            lambda answer, retry_after, random: Step(0, *answer, retry_after=retry_after, random=random),
            st.sampled_from(LEGACY_ANSWERS), headers, randoms,
        ),
        st.builds(
            lambda failure, random: Step(0, None, exception=failure[0], ours=failure[1], random=random),
            st.sampled_from(FAILURES), randoms,
        ),
    )  # fmt: skip

    @EXAMPLES
    @given(st.lists(legacy_step, min_size=1, max_size=7), st.integers(1, 6))
    def compare(script: list[Step], max_attempts: int) -> None:
        rules = {"__default__": {**legacy_rules["__default__"], "max_attempts": max_attempts}}
        theirs = retryhandler.create_retry_handler(rules)
        ours = RetryPolicy(RetryConfig(mode="legacy", max_attempts=max_attempts), RetryRules(), now=0.0)
        call = CallState()
        for attempts, step in enumerate(script, 1):
            with mock.patch.object(retryhandler.random, "random", return_value=step.random):
                delay = None
                with contextlib.suppress(*FAILURE_TYPES):  # legacy mode raises what it does not retry
                    delay = theirs(attempts, step.response, step.exception, request_dict={"context": {}})
            decision = ours.next(call, step.outcome, repeatable=True, random=step.random, now=0.0)
            assert (decision.delay if isinstance(decision, Retry) else None) == delay
            if delay is None:
                break

    compare()
