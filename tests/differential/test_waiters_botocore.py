"""The waiters with aiobotocore's names beside botocore's own: the same answers end in the same message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError
from botocore.loaders import Loader
from botocore.waiter import NormalizedOperationMethod, Waiter, WaiterModel

from sagemaker_async import Session, StubResponse, StubTransport
from sagemaker_async.compat.client import Client, description_of
from sagemaker_async.hosting.operations import SAGEMAKER
from sagemaker_async.hosting.waiting import WAIT_RULES

MODEL = WaiterModel(Loader().load_service_model("sagemaker", "waiters-2"))
POLLS = 2

Answer = tuple[str | None, dict[str, Any]]
"""The code of an error, or None, and the body."""


def endings() -> Iterator[Any]:
    """Every waiter of botocore's: each failure that it knows, an error that it does not know, and no end at all."""
    for name in MODEL.waiter_names:
        rules = WAIT_RULES[name]
        pending = min(rules.in_progress or {"Pending"})
        failed: list[Answer] = [(None, {rules.status: status, "FailureReason": "no room"}) for status in rules.failure]
        if rules.success:
            failed.append(("ValidationException", {"message": "could not find it"}))
        failed.append(("InternalFailure", {"message": "not today"}))
        for answer in failed:
            yield pytest.param(name, [answer], id=f"{name}-{answer[0] or answer[1][rules.status]}")
        yield pytest.param(name, [(None, {rules.status: pending})] * POLLS, id=f"{name}-attempts")
    denied: Answer = ("AccessDeniedException", {"message": "not yet"})
    yield pytest.param("EndpointInService", [denied] * POLLS, id="EndpointInService-denied")


def botocores(name: str, answers: list[Answer], fields: dict[str, str]) -> WaiterError:
    script = iter(answers)

    def operation(**_: Any) -> dict[str, Any]:
        code, body = next(script)
        if code is not None:
            raise ClientError({"Error": {"Code": code, "Message": body["message"]}}, MODEL.get_waiter(name).operation)
        return body

    waiter = Waiter(name, MODEL.get_waiter(name), NormalizedOperationMethod(operation))
    with pytest.raises(WaiterError) as caught:
        waiter.wait(**fields, WaiterConfig={"Delay": 0, "MaxAttempts": POLLS})
    return caught.value


async def test_the_waiters_are_botocores_and_two_more() -> None:
    assert set(description_of("sagemaker").acceptors) == set(MODEL.waiter_names)
    assert set(WAIT_RULES) - set(MODEL.waiter_names) == {"InferenceComponentInService", "InferenceComponentDeleted"}


@pytest.mark.parametrize(("name", "answers"), list(endings()))
async def test_a_wait_that_fails_says_what_botocore_says(name: str, answers: list[Answer]) -> None:
    stub = StubTransport()
    for code, body in answers:
        stub.add(StubResponse.json(body) if code is None else StubResponse.error(code, body["message"]))
    description = description_of("sagemaker")
    shape = description.model.operation_model(MODEL.get_waiter(name).operation).input_shape
    fields = dict.fromkeys(shape.required_members, "name")
    async with Session(transport=stub) as session:
        await session.channel.pipeline(SAGEMAKER)
        client = Client(session, "sagemaker", description, None)
        waiter = client.get_waiter(WAIT_RULES[name].python_name)
        with pytest.raises(WaiterError) as caught:
            await waiter.wait(**fields, WaiterConfig={"Delay": 0, "MaxAttempts": POLLS})
    theirs = botocores(name, answers, fields)
    assert str(caught.value) == str(theirs)
    assert caught.value.kwargs == theirs.kwargs
    for key in theirs.last_response:
        assert caught.value.last_response[key] == theirs.last_response[key]


async def test_what_only_ours_fails_at_is_said_in_the_same_form() -> None:
    stub = StubTransport(StubResponse.json({"EndpointStatus": "OutOfService"}))
    async with Session(transport=stub) as session:
        await session.channel.pipeline(SAGEMAKER)
        client = Client(session, "sagemaker", description_of("sagemaker"), None)
        with pytest.raises(WaiterError, match=r'terminal failure state: .* expected path: "OutOfService"$') as caught:
            await client.get_waiter("endpoint_in_service").wait(EndpointName="e", WaiterConfig={"Delay": 0})
    assert "is OutOfService; SageMaker gives no reason" in str(caught.value.__cause__)
