"""Waiting for endpoints and components: how often, for how long, and what is said when it goes wrong. No real time."""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from sagemaker_async import Session, StubResponse, StubTransport
from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import (
    AccessDeniedError,
    CapacityError,
    ConfigurationError,
    UnexpectedStatusException,
    ValidationError,
    WaiterTimeoutError,
)
from sagemaker_async.hosting.client import SageMakerClient
from sagemaker_async.hosting.waiting import WAIT_RULES, Pace

NOT_FOUND = StubResponse.error("ValidationException", 'Could not find endpoint "e".')
DENIED = StubResponse.error("AccessDeniedException", "not yet")
THROTTLED = StubResponse.error("ThrottlingException", "slow down")


def endpoint(status: str, reason: str | None = None) -> StubResponse:
    return StubResponse.json({"EndpointName": "e", "EndpointStatus": status, "FailureReason": reason})


def component(status: str) -> StubResponse:
    return StubResponse.json({"InferenceComponentName": "c", "InferenceComponentStatus": status})


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.delays: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.delays.append(seconds)
        self.now += seconds


@pytest.fixture
def stub() -> StubTransport:
    return StubTransport()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def hosting(stub: StubTransport, clock: Clock) -> AsyncIterator[SageMakerClient]:
    async with Session(transport=stub) as session:
        session.hosting.timing = Timing(sleep=clock.sleep, monotonic=lambda: clock.now, uniform=lambda: 0.0)
        yield session.hosting


async def test_polls_begin_after_a_second_and_grow_to_the_interval(
    hosting: SageMakerClient, stub: StubTransport, clock: Clock
) -> None:
    stub.add(*[endpoint("Creating")] * 12, endpoint("InService"))
    description = await hosting.wait_until_in_service(endpoint_name="e")
    assert description.endpoint_status == "InService"
    assert clock.delays[:3] == [1.0, 1.5, 2.25]
    assert clock.delays[-1] == 30.0
    assert clock.delays == sorted(clock.delays)


async def test_components_are_looked_at_more_often(hosting: SageMakerClient, stub: StubTransport, clock: Clock) -> None:
    stub.add(*[component("Creating")] * 12, component("InService"))
    description = await hosting.wait_until_in_service(inference_component_name="c")
    assert description.inference_component_status == "InService"
    assert clock.delays[-1] == 20.0


async def test_the_interval_is_an_argument(hosting: SageMakerClient, stub: StubTransport, clock: Clock) -> None:
    stub.add(*[endpoint("Creating")] * 3, endpoint("InService"))
    await hosting.wait_until_in_service(endpoint_name="e", interval=0.5)
    assert clock.delays == [0.5] * 4


async def test_chance_shortens_delays(hosting: SageMakerClient, stub: StubTransport, clock: Clock) -> None:
    hosting.timing = Timing(sleep=clock.sleep, monotonic=lambda: clock.now, uniform=lambda: 0.5)
    stub.add(endpoint("Creating"), endpoint("InService"))
    await hosting.wait_until_in_service(endpoint_name="e", jitter=0.4)
    assert clock.delays == pytest.approx([0.8, 1.2])


@pytest.mark.parametrize("status", ["Creating", "Updating", "SystemUpdating", "RollingBack"])
async def test_an_endpoint_under_way_is_waited_for(hosting: SageMakerClient, stub: StubTransport, status: str) -> None:
    stub.add(endpoint(status), endpoint("InService"))
    await hosting.wait_until_in_service(endpoint_name="e")
    assert stub.unused == 0


@pytest.mark.parametrize("status", ["Creating", "Updating", "Deleting"])
async def test_a_component_under_way_is_waited_for(hosting: SageMakerClient, stub: StubTransport, status: str) -> None:
    stub.add(component(status), component("InService"))
    await hosting.wait_until_in_service(inference_component_name="c")
    assert stub.unused == 0


@pytest.mark.parametrize("status", ["Failed", "OutOfService", "Deleting", "UpdateRollbackFailed"])
async def test_another_end_is_reported_with_awss_reason(
    hosting: SageMakerClient, stub: StubTransport, status: str
) -> None:
    stub.add(endpoint(status, "The container did not answer its ping."))
    with pytest.raises(UnexpectedStatusException, match=rf"to be InService and is {status}.*its ping") as caught:
        await hosting.wait_until_in_service(endpoint_name="e")
    error = caught.value
    assert type(error) is UnexpectedStatusException
    assert isinstance(error, ValueError)
    assert (error.allowed_statuses, error.actual_status) == (["InService"], status)
    assert error.failure_reason == "The container did not answer its ping."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    "reason",
    [
        "CapacityError: Unable to provision requested ML compute capacity",
        "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error.",
    ],
)
async def test_lack_of_capacity_is_its_own_error(hosting: SageMakerClient, stub: StubTransport, reason: str) -> None:
    stub.add(endpoint("Failed", reason))
    with pytest.raises(CapacityError) as caught:
        await hosting.wait_until_in_service(endpoint_name="e")
    assert caught.value.failure_reason == reason


async def test_the_limit_reached_says_the_last_status_and_reason(
    hosting: SageMakerClient, stub: StubTransport, clock: Clock
) -> None:
    stub.add(*[endpoint("Updating", "warming up")] * 4)
    with pytest.raises(WaiterTimeoutError, match=r"within 5 s; its last status was Updating \(warming up\)") as caught:
        await hosting.wait_until_in_service(endpoint_name="e", limit=5)
    error = caught.value
    assert isinstance(error, TimeoutError)
    assert (error.seconds, error.last_status, error.failure_reason) == (5, "Updating", "warming up")
    assert clock.now - 1000 == 5
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


async def test_without_a_limit_there_is_no_end(hosting: SageMakerClient, stub: StubTransport, clock: Clock) -> None:
    stub.add(*[endpoint("Creating")] * 500, endpoint("InService"))
    await hosting.wait_until_in_service(endpoint_name="e", limit=None)
    assert clock.now - 1000 > 3600


async def test_progress_is_observed_by_functions_and_coroutines(hosting: SageMakerClient, stub: StubTransport) -> None:
    seen: list[str] = []

    async def later(description: Any) -> None:
        seen.append(description.endpoint_status)

    def observe(description: Any) -> None:
        seen.append(description.endpoint_status)

    for on_progress in (observe, later):
        stub.add(endpoint("Creating"), endpoint("InService"))
        await hosting.wait_until_in_service(endpoint_name="e", on_progress=on_progress)
    assert seen == ["Creating", "InService"] * 2


async def test_access_denied_is_tolerated_for_five_minutes(
    hosting: SageMakerClient, stub: StubTransport, clock: Clock
) -> None:
    stub.add(DENIED, DENIED, endpoint("InService"), *[DENIED] * 40)
    await hosting.wait_until_in_service(endpoint_name="e")
    began = clock.now
    with pytest.raises(AccessDeniedError):
        await hosting.wait_until_in_service(endpoint_name="e")
    assert 300 < clock.now - began < 335


async def test_throttling_is_tolerated_at_every_poll_and_each_waits_its_delay(
    hosting: SageMakerClient, stub: StubTransport, clock: Clock
) -> None:
    stub.add(THROTTLED, THROTTLED, endpoint("Creating"), THROTTLED, endpoint("InService"))
    description = await hosting.wait_until_in_service(endpoint_name="e")
    assert description.endpoint_status == "InService"
    assert len(stub.requests) == 5
    assert clock.delays == [1.0, 1.5, 2.25, 3.375, 5.0625]


async def test_throttling_does_not_outlast_the_limit(
    hosting: SageMakerClient, stub: StubTransport, clock: Clock
) -> None:
    stub.add(*[THROTTLED] * 3)
    with pytest.raises(WaiterTimeoutError, match="within 4 s; it could not be described yet"):
        await hosting.wait_until_in_service(endpoint_name="e", limit=4)
    assert len(stub.requests) == 3
    assert clock.now - 1000 == 4


async def test_what_does_not_exist_is_not_waited_for(hosting: SageMakerClient, stub: StubTransport) -> None:
    stub.add(NOT_FOUND)
    with pytest.raises(ValidationError):
        await hosting.wait_until_in_service(endpoint_name="e")


async def test_a_deleted_endpoint_is_one_that_cannot_be_found(hosting: SageMakerClient, stub: StubTransport) -> None:
    stub.add(endpoint("InService"), endpoint("Deleting"), NOT_FOUND)
    await hosting.wait_until_deleted(endpoint_name="e")
    stub.add(component("Deleting"), NOT_FOUND)
    await hosting.wait_until_deleted(inference_component_name="c")
    assert stub.unused == 0


async def test_a_deletion_that_fails_is_reported(hosting: SageMakerClient, stub: StubTransport) -> None:
    stub.add(endpoint("Failed", "in use"))
    with pytest.raises(UnexpectedStatusException, match=r"'e' was to be gone and is Failed.*in use"):
        await hosting.wait_until_deleted(endpoint_name="e")


async def test_responses_that_carry_errors_are_waited_for_all_the_same(stub: StubTransport, clock: Clock) -> None:
    stub.add(endpoint("Deleting"), NOT_FOUND)
    async with Session(transport=stub, raise_response_errors=False) as session:
        session.hosting.timing = Timing(sleep=clock.sleep, monotonic=lambda: clock.now, uniform=lambda: 0.0)
        await session.hosting.wait_until_deleted(endpoint_name="e")
    assert stub.unused == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "neither was given"),
        ({"endpoint_name": "e", "inference_component_name": "c"}, "both was given"),
        ({"endpoint_name": "e", "interval": 0}, "interval must be"),
        ({"endpoint_name": "e", "limit": -1}, "limit must be"),
        ({"endpoint_name": "e", "limit": float("inf")}, "limit must be"),
        ({"endpoint_name": "e", "jitter": 2}, "jitter must be"),
        ({"endpoint_name": "e", "on_progress": 1}, "on_progress must be"),
    ],
)
async def test_wrong_arguments_are_refused_before_anything_is_sent(
    hosting: SageMakerClient, stub: StubTransport, arguments: dict[str, Any], message: str
) -> None:
    for wait in (hosting.wait_until_in_service, hosting.wait_until_deleted):
        untyped: Callable[..., Any] = wait
        with pytest.raises(ConfigurationError, match=message):
            await untyped(**arguments)
    assert stub.requests == []


def test_delays_never_overflow_and_never_exceed_the_interval() -> None:
    pace = Pace(interval=30.0)
    assert pace.delay(10_000, 0.0) == 30.0
    assert all(0 < pace.delay(poll, 0.999) <= 30 for poll in range(100))


# --- boto3's waiters -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["endpoint_in_service", "EndpointInService"])
async def test_a_waiter_is_boto3s(hosting: SageMakerClient, stub: StubTransport, clock: Clock, name: str) -> None:
    stub.add(endpoint("Creating"), endpoint("InService"))
    waiter = hosting.get_waiter(name)
    await waiter.wait(EndpointName="e", WaiterConfig={"Delay": 7, "MaxAttempts": 3})
    assert waiter.name == "EndpointInService"
    assert clock.delays == [7]


async def test_a_waiter_gives_up_after_its_attempts(
    hosting: SageMakerClient, stub: StubTransport, clock: Clock
) -> None:
    stub.add(*[endpoint("Creating")] * 3)
    with pytest.raises(WaiterTimeoutError, match=r"within 3 polls, 7 s apart; its last status was Creating.* MaxAtt"):
        await hosting.get_waiter("endpoint_in_service").wait(
            EndpointName="e", WaiterConfig={"Delay": 7, "MaxAttempts": 3}
        )
    assert stub.unused == 0
    assert clock.delays == [7, 7]


async def test_polls_are_counted_however_long_each_takes(
    hosting: SageMakerClient, stub: StubTransport, clock: Clock
) -> None:
    def slowly(status: str) -> Callable[[Any], StubResponse]:
        def answer(request: Any) -> StubResponse:
            clock.now += 3600
            return endpoint(status)

        return answer

    stub.add(slowly("Creating"), slowly("Creating"), slowly("InService"))
    config = {"Delay": 1, "MaxAttempts": 3}
    await hosting.get_waiter("endpoint_in_service").wait(EndpointName="e", WaiterConfig=config)
    assert stub.unused == 0


@pytest.mark.parametrize(
    ("config", "delays"),
    [({"MaxAttempts": 3}, [30, 30]), ({"MaxAttempts": 1}, []), ({"Delay": 0, "MaxAttempts": 3}, [])],
)
async def test_without_a_delay_it_is_botocores_and_it_may_be_none_at_all(
    hosting: SageMakerClient, stub: StubTransport, clock: Clock, config: dict[str, Any], delays: list[float]
) -> None:
    stub.add(*[endpoint("Creating")] * config["MaxAttempts"])
    with pytest.raises(WaiterTimeoutError):
        await hosting.get_waiter("endpoint_in_service").wait(EndpointName="e", WaiterConfig=config)
    assert stub.unused == 0
    assert clock.delays == delays


async def test_without_a_number_of_polls_it_is_botocores(
    hosting: SageMakerClient, stub: StubTransport, clock: Clock
) -> None:
    stub.add(*[endpoint("Deleting")] * 60)
    with pytest.raises(WaiterTimeoutError):
        await hosting.get_waiter("endpoint_deleted").wait(EndpointName="e", WaiterConfig={"Delay": 5})
    assert clock.delays == [5] * 59


async def test_waiters_for_operations_without_shapes_work_too(hosting: SageMakerClient, stub: StubTransport) -> None:
    stub.add(
        StubResponse.json({"TrainingJobStatus": "InProgress"}),
        StubResponse.json({"TrainingJobStatus": "Failed", "FailureReason": "out of memory"}),
    )
    with pytest.raises(UnexpectedStatusException, match="out of memory"):
        await hosting.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName="j")


def test_the_waiters_are_listed_and_a_wrong_name_is_told_the_nearest() -> None:
    hosting = Session(transport=StubTransport()).hosting
    assert len(hosting.waiter_names) == len(WAIT_RULES)
    for name in hosting.waiter_names:
        assert hosting.get_waiter(name).name in WAIT_RULES
    with pytest.raises(ConfigurationError, match=r"did you mean endpoint_in_service\?"):
        hosting.get_waiter("endpoint_in_servise")


@pytest.mark.parametrize(
    "config", [{"MaxAttempts": 0}, {"MaxAttempts": "3"}, {"Delay": -1}, {"Delay": "1"}, {"Delays": 1}]
)
async def test_a_wrong_waiter_config_is_refused(hosting: SageMakerClient, config: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        await hosting.get_waiter("endpoint_deleted").wait(EndpointName="e", WaiterConfig=config)
