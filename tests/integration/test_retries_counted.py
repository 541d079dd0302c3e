"""How often the model runs, counted on the server, when requests fail in scripted orders: what has to be paid for.

The rules: throttles and explicit failures are repeated, up to `max_attempts`. What may have been processed, because no
answer came or only a gateway's, is not, unless the caller says so; but for a pooled connection that turns out to be
closed, on which the request goes out once more, for free. A stream that was handed over is never begun again.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sagemaker_async import RetryConfig, Session, Timeouts
from sagemaker_async.errors import (
    Attempt,
    CallError,
    ConnectError,
    ConnectionLostError,
    FirstByteTimeoutError,
    GatewayError,
    InternalFailure,
    ServiceError,
    ServiceUnavailable,
    ThrottlingError,
    ValidationError,
)
from sagemaker_async.local import DropConnection, Fault, LocalSageMaker, Reset, Stall, Status, Throttle
from sagemaker_async.local.endpoints import Endpoint


class Failure(NamedTuple):
    """One way for a request to fail, and what the rules make of it."""

    name: str
    fault: Fault
    error: type[CallError]
    repeated: bool = False
    """Whether it is repeated whatever the caller says."""
    ambiguous: bool = False
    """Whether the request may have been processed, so that it is repeated when the caller says so."""
    runs: int = 0
    """How many times the model has run when the request fails so."""


FAILURES = (
    Failure("throttle", Throttle(), ThrottlingError, repeated=True),
    Failure("429", Throttle(429), ThrottlingError, repeated=True),
    Failure("null message", Throttle(null_message=True), ThrottlingError, repeated=True),
    Failure("model not ready", Status(429, "ModelNotReadyException"), ThrottlingError, repeated=True),
    Failure("500", Status(500, "InternalFailure"), InternalFailure, repeated=True),
    Failure("503", Status(503, "ServiceUnavailable"), ServiceUnavailable, repeated=True),
    Failure("a balancer's 503", Status(503, body=b"<html>"), ServiceUnavailable, repeated=True),
    Failure("530", Status(530, "InternalDependencyException"), ServiceError, repeated=True),
    Failure("502", Status(502), GatewayError, ambiguous=True),
    Failure("504", Status(504), GatewayError, ambiguous=True),
    Failure(
        "reset before the request was read",
        Reset("before_read"),
        ConnectionLostError,
        ambiguous=True,
    ),
    Failure(
        "reset after the request was read",
        Reset("after_read"),
        ConnectionLostError,
        ambiguous=True,
    ),
    Failure(
        "reset after the model ran",
        Reset("after_model"),
        ConnectionLostError,
        ambiguous=True,
        runs=1,
    ),
    Failure("stall", Stall(), FirstByteTimeoutError, ambiguous=True, runs=1),
    Failure("answer cut", DropConnection(), ConnectionLostError, ambiguous=True, runs=1),
    Failure("refusal", Status(400, "ValidationError"), ValidationError),
    Failure("model error", Status(424, "ModelError"), ServiceError),
)
BY_NAME = {failure.name: failure for failure in FAILURES}


def applies(failure: Failure, operation: str) -> bool:
    """The embedded SageMaker does not cut the answers of the asynchronous route: they are queued by then anyway."""
    return failure.name != "answer cut" or operation != "async"


class Expected(NamedTuple):
    requests: int
    runs: int
    error: type[CallError] | None


def expected(operation: str, script: list[Failure], retry: RetryConfig) -> Expected:
    """Return what the rules say of a call whose requests fail as scripted, and succeed once the script is used up."""
    runs = 0
    for requests, failure in enumerate(script, start=1):
        runs += failure.runs
        handed_over = operation == "stream" and failure.name == "answer cut"
        repeated = failure.repeated or (failure.ambiguous and retry.retry_ambiguous and not handed_over)
        if not repeated or requests == retry.max_attempts:
            return Expected(requests, runs, failure.error)
    return Expected(len(script) + 1, runs + 1, None)


async def _invoke(session: Session, name: str) -> tuple[Attempt, ...]:
    return (await session.runtime.invoke_endpoint(endpoint_name=name, body=b"hello")).metadata.attempts


async def _stream(session: Session, name: str) -> tuple[Attempt, ...]:
    async with session.runtime.invoke_endpoint_with_response_stream(endpoint_name=name, body=b"hello") as response:
        async for _ in response.body:
            pass
        return response.metadata.attempts


async def _queue(session: Session, name: str) -> tuple[Attempt, ...]:
    return (await session.runtime.invoke_endpoint_async(endpoint_name=name, body=b"hello")).metadata.attempts


OPERATIONS: dict[str, Callable[[Session, str], Awaitable[tuple[Attempt, ...]]]] = {
    "invoke": _invoke,
    "stream": _stream,
    "async": _queue,
}

every_operation = pytest.mark.parametrize("operation", OPERATIONS)


class Counted(NamedTuple):
    """What became of one call, by the server's count and by what the client tells."""

    requests: int
    runs: int
    error: CallError | None
    attempts: tuple[Attempt, ...]


async def call(local: LocalSageMaker, operation: str, script: list[Failure], retry: RetryConfig) -> Counted:
    """Make one call of a session of its own."""
    local.remove_endpoint("echo")
    endpoint: Endpoint = local.add_endpoint("echo", lambda body: body)
    endpoint.faults.extend([failure.fault for failure in script])
    timeouts = Timeouts(first_byte=0.2 if BY_NAME["stall"] in script else 30)
    error = None
    async with Session(**local.client_options, retry=retry, timeouts=timeouts) as session:
        try:
            attempts = await OPERATIONS[operation](session, "echo")
        except CallError as failure:
            error = failure
            attempts = failure.attempts
        assert session.connections_in_use == 0
    for invocation in local.async_invocations:
        await invocation.finished()
    return Counted(endpoint.requests, endpoint.invocations, error, attempts)


def check(counted: Counted, rules: Expected) -> None:
    assert (counted.requests, counted.runs) == (rules.requests, rules.runs)
    if rules.error is None:
        assert counted.error is None
    else:
        assert isinstance(counted.error, rules.error)
    if not (isinstance(counted.error, ConnectionLostError) and counted.attempts == ()):  # a stream lists no attempts
        assert [attempt.number for attempt in counted.attempts] == list(range(1, rules.requests + 1))


@pytest.mark.parametrize(
    ("operation", "name"),
    [(operation, failure.name) for operation in OPERATIONS for failure in FAILURES if applies(failure, operation)],
)
async def test_one_failure_is_repeated_or_not_as_the_rules_say(
    local: LocalSageMaker, operation: str, name: str
) -> None:
    retry = RetryConfig(base_delay=0, max_attempts=3)
    script = [BY_NAME[name]]
    check(await call(local, operation, script, retry), expected(operation, script, retry))


@every_operation
@given(
    script=st.lists(st.sampled_from(FAILURES), min_size=1, max_size=5),
    max_attempts=st.integers(1, 4),
    retry_ambiguous=st.booleans(),
    retry_stale=st.booleans(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_model_runs_as_often_as_the_rules_say(
    local: LocalSageMaker,
    operation: str,
    script: list[Failure],
    max_attempts: int,
    retry_ambiguous: bool,
    retry_stale: bool,
) -> None:
    script = [failure for failure in script if applies(failure, operation)]
    retry = RetryConfig(
        base_delay=0, max_attempts=max_attempts, retry_ambiguous=retry_ambiguous, retry_stale=retry_stale
    )
    check(await call(local, operation, script, retry), expected(operation, script, retry))


@every_operation
async def test_a_request_that_may_have_been_processed_is_paid_for_once(local: LocalSageMaker, operation: str) -> None:
    """The order that has cost people eight invocations for one."""
    failures = [failure for failure in FAILURES if failure.runs and applies(failure, operation)]
    for failure in failures:
        counted = await call(local, operation, [failure] * 8, RetryConfig(base_delay=0, max_attempts=8))
        assert (counted.requests, counted.runs) == (1, 1)
        assert counted.error is not None
        assert counted.error.ambiguous


@pytest.fixture
def unused_url() -> Iterator[str]:
    with socket.socket() as bound:  # bound and not listening: connections are refused
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@every_operation
async def test_what_was_not_sent_is_tried_again(local: LocalSageMaker, operation: str, unused_url: str) -> None:
    options = {**local.client_options, "endpoint_url": unused_url}
    async with Session(**options, retry=RetryConfig(base_delay=0)) as session:
        with pytest.raises(ConnectError, match="3 attempts") as caught:
            await OPERATIONS[operation](session, "echo")
    assert [attempt.outcome for attempt in caught.value.attempts] == ["ConnectError"] * 3
