"""Stateful sessions with one instance behind an endpoint: opened, bound, closed, whatever happens in between."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sagemaker_async import Predictor, RetryConfig, Session
from sagemaker_async.deserializers import JSONDeserializer
from sagemaker_async.errors import ConfigurationError, ModelError, ResponseError, SessionClosedError, UsageError
from sagemaker_async.local import InvocationRequest, LocalSageMaker, ModelFailure, ModelResponse, Status
from sagemaker_async.local.endpoints import Endpoint
from sagemaker_async.serializers import JSONSerializer


class Stateful:
    """A container that remembers, for each session, what it was told."""

    def __init__(self) -> None:
        self.said: dict[str | None, list[Any]] = {}
        self.requests: list[InvocationRequest] = []
        self.closes_itself_on = ""

    async def __call__(self, body: bytes, request: InvocationRequest) -> ModelResponse:
        self.requests.append(request)
        data = json.loads(body)
        kind = data.get("requestType") if isinstance(data, dict) else None
        if kind == "NEW_SESSION":
            self.said[request.session_id] = []
            return ModelResponse("{}", "application/json")
        if request.session_id is not None and request.session_id not in self.said:
            raise ModelFailure(400, "unknown session")
        if kind == "CLOSE":
            del self.said[request.session_id]
            return ModelResponse("{}", "application/json", close_session=True)
        said = self.said.setdefault(request.session_id, [])
        said.append(data)
        return ModelResponse(json.dumps(said), "application/json", close_session=data == self.closes_itself_on)


@pytest.fixture
def model() -> Stateful:
    return Stateful()


@pytest.fixture
def endpoint(local: LocalSageMaker, model: Stateful) -> Endpoint:
    return local.add_endpoint("stateful", model)


@pytest.fixture
async def predictor(local: LocalSageMaker, endpoint: Endpoint) -> AsyncIterator[Predictor[Any]]:
    async with Session(**local.client_options, retry=RetryConfig(max_attempts=1)) as session:
        yield Predictor("stateful", session, JSONSerializer(), JSONDeserializer())


def kinds(model: Stateful) -> list[str]:
    return [json.loads(request.body).get("requestType") for request in model.requests if b"requestType" in request.body]


async def test_a_session_is_opened_bound_and_closed(predictor: Predictor[Any], model: Stateful) -> None:
    opened = predictor.session()
    async with opened as bound:
        assert bound.session_id == opened.id
        assert await bound.predict("one") == ["one"]
        assert (await bound.predict_full("two")).answer == ["one", "two"]
        async with bound.predict_stream("three") as parts:
            assert json.loads(b"".join([part async for part in parts])) == ["one", "two", "three"]
        assert model.said == {opened.id: ["one", "two", "three"]}
        assert opened.expires is not None
        assert opened.expires > datetime.datetime.now(datetime.UTC)
    assert model.said == {}
    assert kinds(model) == ["NEW_SESSION", "CLOSE"]
    assert len({request.session_id for request in model.requests}) == 1
    assert {request.content_type for request in model.requests} == {"application/json"}


async def test_the_predictor_itself_stays_unbound(predictor: Predictor[Any], model: Stateful) -> None:
    async with predictor.session() as bound:
        await predictor.predict("outside")
        await bound.predict("inside")
        assert predictor.session_id is None
    assert [request.session_id is None for request in model.requests] == [False, True, False, False]


async def test_sessions_of_one_predictor_are_apart(predictor: Predictor[Any]) -> None:
    async def talk(name: str) -> Any:
        async with predictor.session() as bound:
            await bound.predict(name)
            return await bound.predict(name)

    assert await asyncio.gather(*(talk(str(number)) for number in range(20))) == [[str(n)] * 2 for n in range(20)]


async def test_a_call_may_name_another_session(predictor: Predictor[Any]) -> None:
    async with predictor.session() as one, predictor.session() as other:
        await one.predict("from one", session_id=other.session_id)
        assert await other.predict("from other") == ["from one", "from other"]


async def test_the_component_of_the_predictor_is_asked(predictor: Predictor[Any], local: LocalSageMaker) -> None:
    predictor.component_name = "part"
    with pytest.raises(Exception, match="Inference Component"):
        async with predictor.session():
            pytest.fail("it cannot be opened")
    assert local.requests[-1].headers["X-Amzn-SageMaker-Inference-Component"] == "part"


class Told(Exception):
    pass


@pytest.mark.parametrize("error", [Told(), asyncio.CancelledError()])
async def test_it_is_closed_when_the_block_fails(
    predictor: Predictor[Any], model: Stateful, error: BaseException
) -> None:
    async def work() -> None:
        async with predictor.session() as bound:
            await bound.predict("one")
            raise error

    with pytest.raises(type(error)):
        await work()
    assert model.said == {}


async def test_it_is_closed_when_the_task_is_cancelled_in_a_call(local: LocalSageMaker, model: Stateful) -> None:
    waits = asyncio.Event()

    async def slow(body: bytes, request: InvocationRequest) -> ModelResponse:
        if b"wait" in body:
            waits.set()
            await asyncio.Event().wait()
        return await model(body, request)

    local.add_endpoint("slow", slow)

    async def work(predictor: Predictor[Any]) -> None:
        async with predictor.session() as bound:
            await bound.predict("wait")

    async with Session(**local.client_options) as session:
        task = asyncio.create_task(work(Predictor("slow", session, JSONSerializer(), JSONDeserializer())))
        await waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert session.connections_in_use == 0
    assert kinds(model) == ["NEW_SESSION", "CLOSE"]


async def test_what_is_called_after_its_end_is_refused_unsent(predictor: Predictor[Any], endpoint: Endpoint) -> None:
    async with predictor.session() as bound:
        pass
    requests = endpoint.requests
    with pytest.raises(UsageError, match="has been closed"):
        await bound.predict("late")
    with pytest.raises(UsageError, match="has been closed"):
        bound.predict_stream("late")
    assert endpoint.requests == requests


async def test_it_is_used_once(predictor: Predictor[Any]) -> None:
    opened = predictor.session()
    with pytest.raises(UsageError, match="not open yet"):
        opened.id  # noqa: B018
    async with opened:
        pass
    with pytest.raises(UsageError, match="used already"):
        async with opened:
            pytest.fail("it cannot be entered again")


async def test_one_that_the_container_has_closed_is_not_closed_again(
    predictor: Predictor[Any], model: Stateful
) -> None:
    model.closes_itself_on = "goodbye"
    async with predictor.session() as bound:
        await bound.predict("goodbye")
    assert kinds(model) == ["NEW_SESSION"]


async def test_a_close_that_fails_is_logged_and_hides_nothing(
    predictor: Predictor[Any], endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with predictor.session() as bound:
            await bound.predict("one")
            endpoint.faults.append(Status(503))
            raise Told

    with caplog.at_level(logging.WARNING), pytest.raises(Told):
        await work()
    assert ["could not be closed" in record.getMessage() for record in caplog.records] == [True]


async def test_a_session_of_ours_that_was_closed_inside_is_no_further_error(
    predictor: Predictor[Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with predictor.session():
        await predictor.sagemaker_session.close()
    assert "could not be closed" in caplog.text
    with pytest.raises(SessionClosedError):
        await predictor.predict("x")


async def test_closing_the_bound_predictor_leaves_the_session_to_its_owner(
    local: LocalSageMaker, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("AWS_ENDPOINT_URL", local.url),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", local.credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", local.credentials.secret_access_key),
    ):
        monkeypatch.setenv(name, value)
    async with Predictor("stateful", serializer=JSONSerializer(), deserializer=JSONDeserializer()) as owner:
        async with owner.session() as bound:
            await bound.close()
            assert await bound.predict("one") == ["one"]
        assert await owner.predict("two") == ["two"]


async def test_a_container_without_sessions_is_told_of(local: LocalSageMaker, predictor: Predictor[Any]) -> None:
    def refusing(body: bytes) -> bytes:
        raise ModelFailure(400, "what is a requestType?")

    local.add_endpoint("stateless", refusing)
    stateless = Predictor("stateless", predictor.sagemaker_session)
    with pytest.raises(ModelError, match="requestType"):
        async with stateless.session():
            pytest.fail("it cannot be opened")


async def test_an_answer_that_opens_none_is_an_error(local: LocalSageMaker, raw_server: Any, http_answer: Any) -> None:
    server = await raw_server(http_answer(200, b"{}"))
    async with Session(**{**local.client_options, "endpoint_url": server.origin}) as session:
        with pytest.raises(ResponseError, match="without opening a stateful session"):
            async with Predictor("e", session).session():
                pytest.fail("it cannot be opened")


async def test_the_bodies_are_the_callers_to_choose(predictor: Predictor[Any], model: Stateful) -> None:
    async with predictor.session(opening='{"requestType": "NEW_SESSION", "x": 1}', content_type="text/plain"):
        pass
    assert model.requests[0].body == b'{"requestType": "NEW_SESSION", "x": 1}'
    assert model.requests[0].content_type == "text/plain"


async def test_a_wrong_time_limit_is_refused_before_anything_is_sent(
    predictor: Predictor[Any], endpoint: Endpoint
) -> None:
    with pytest.raises(ConfigurationError):
        async with predictor.session(timeout=-1):
            pytest.fail("it cannot be opened")
    assert endpoint.requests == 0
