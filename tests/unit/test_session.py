"""`Session`: options, one pool for all clients, and its end."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async import Config, Credentials, SageMakerRuntimeClient, Session, StubResponse, StubTransport, Timeouts
from sagemaker_async.errors import (
    ConfigurationError,
    NoCredentialsError,
    NoRegionError,
    SessionClosedError,
    WrongEventLoopError,
)
from sagemaker_async.local import LocalSageMaker, Stall

INVOKE: dict[str, Any] = {"endpoint_name": "echo", "body": b"hello"}


def test_fields_override_those_of_the_config() -> None:
    config = Config(region="us-east-1", max_connections=7)
    session = Session(config, region="eu-west-1")
    assert (session.config.region, session.config.max_connections) == ("eu-west-1", 7)
    assert config.region == "us-east-1"


def test_making_one_needs_no_event_loop_and_no_options() -> None:
    assert Session().config == Config()


def test_an_unknown_field_suggests_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'region'"):
        Session(regoin="us-east-1")  # type: ignore[call-arg]


@pytest.mark.parametrize("config", ["us-east-1", {"region": "us-east-1"}, {}, 0, object()])
def test_its_argument_must_be_a_config(config: Any) -> None:
    with pytest.raises(ConfigurationError, match="Config"):
        Session(config)


def test_its_argument_is_positional_only() -> None:
    with pytest.raises(ConfigurationError, match="config"):
        Session(config=Config())  # type: ignore[call-arg]


async def test_its_repr_tells_its_state_and_no_secret(session: Session) -> None:
    assert repr(session) == "<Session, 0 connections in use>"
    await session.close()
    assert repr(session) == "<Session, closed>"


async def test_closing_is_idempotent_and_final(local: LocalSageMaker) -> None:
    local.add_endpoint("echo", lambda body: body)
    async with Session(**local.client_options) as session:
        await session.runtime.invoke_endpoint(**INVOKE)
    await session.close()
    with pytest.raises(SessionClosedError, match="closed"):
        await session.runtime.invoke_endpoint(**INVOKE)
    with pytest.raises(SessionClosedError):
        await session.__aenter__()
    assert len(local.requests) == 1


async def test_the_session_is_closed_when_its_block_fails(local: LocalSageMaker) -> None:
    with pytest.raises(ZeroDivisionError):
        async with Session(**local.client_options) as session:
            raise ZeroDivisionError
    assert session.channel.closed


async def test_one_that_was_never_used_closes() -> None:
    session = Session()
    await session.close()
    assert session.connections_in_use == 0


async def test_clients_share_the_pool_and_leave_it_open(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("echo", lambda body: body)
    async with SageMakerRuntimeClient(session) as client:
        assert client.channel is session.channel
        assert (await client.invoke_endpoint(**INVOKE)).body == b"hello"
    assert (await session.runtime.invoke_endpoint(**INVOKE)).body == b"hello"


async def test_a_client_of_its_own_closes_its_pool(local: LocalSageMaker) -> None:
    local.add_endpoint("echo", lambda body: body)
    async with SageMakerRuntimeClient(**local.client_options) as client:
        assert (await client.invoke_endpoint(**INVOKE)).body == b"hello"
    await client.close()
    with pytest.raises(SessionClosedError):
        await client.invoke_endpoint(**INVOKE)
    async with SageMakerRuntimeClient(Config(**local.client_options), max_connections=1) as client:
        assert (await client.invoke_endpoint(**INVOKE)).body == b"hello"


def test_options_beside_a_shared_session_are_refused(session: Session) -> None:
    with pytest.raises(ConfigurationError, match="region"):
        SageMakerRuntimeClient(session, region="eu-west-1")


async def test_calls_and_open_streams_count_as_connections_in_use(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("echo", lambda body: body).faults.append(Stall(after_parts=1))
    async with session.runtime.invoke_endpoint_with_response_stream(**INVOKE):
        assert session.connections_in_use == 1
        assert "1 connections" in repr(session)
    assert session.connections_in_use == 0


async def test_closing_a_session_ends_its_open_streams_with_an_error(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("echo", lambda body: body)
    response = await session.runtime.invoke_endpoint_with_response_stream(**INVOKE)
    await session.close()
    with pytest.raises(SessionClosedError):
        async for _ in response.body:
            pass
    assert session.connections_in_use == 0


async def test_closing_a_session_ends_calls_under_way_with_an_error(local: LocalSageMaker, session: Session) -> None:
    started = asyncio.Event()

    async def model(body: bytes) -> bytes:
        started.set()
        await asyncio.Event().wait()
        return body

    local.add_endpoint("echo", model)
    call = asyncio.create_task(session.runtime.invoke_endpoint(**INVOKE))
    await started.wait()
    await session.close()
    with pytest.raises(SessionClosedError):
        await call


def test_another_event_loop_is_one_clear_error_and_closing_after_its_loop_is_none() -> None:
    stub = StubTransport(otherwise=StubResponse(200, b"hello"))
    session = Session(transport=stub)

    async def use() -> None:
        await session.runtime.invoke_endpoint(**INVOKE)

    asyncio.run(use())
    with pytest.raises(WrongEventLoopError, match="one Session per event loop"):
        asyncio.run(use())
    assert len(stub.requests) == 1
    asyncio.run(session.close())
    assert session.channel.closed


async def test_closing_from_another_running_loop_is_an_error(session: Session, local: LocalSageMaker) -> None:
    local.add_endpoint("echo", lambda body: body)
    await session.runtime.invoke_endpoint(**INVOKE)
    with pytest.raises(WrongEventLoopError):
        await asyncio.to_thread(lambda: asyncio.run(session.close()))
    assert (await session.runtime.invoke_endpoint(**INVOKE)).body == b"hello"


async def test_many_first_calls_at_once_open_one_pool(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("echo", lambda body: body)
    answers = await asyncio.gather(*(session.runtime.invoke_endpoint(**INVOKE) for _ in range(50)))
    assert {answer.body for answer in answers} == {b"hello"}


async def test_timeouts_of_a_call_win_over_those_of_the_session(local: LocalSageMaker, session: Session) -> None:
    async def model(body: bytes) -> bytes:
        await asyncio.Event().wait()
        return body

    local.add_endpoint("echo", model)
    for timeout in (0.01, Timeouts(total=0.01)):
        with pytest.raises(TimeoutError):
            await session.runtime.invoke_endpoint(**INVOKE, timeout=timeout)
    assert session.connections_in_use == 0


async def test_a_check_passes_with_region_and_credentials_sends_nothing_and_keeps_them() -> None:
    asked = 0

    class Source:
        async def get(self) -> Credentials:
            nonlocal asked
            asked += 1
            return Credentials("AKIDEXAMPLE", "secret", expiration=datetime.datetime(2999, 1, 1, tzinfo=datetime.UTC))

    stub = StubTransport(StubResponse())
    async with Session(transport=stub, credentials=Source()) as session:
        await session.check()
        assert (asked, stub.requests) == (1, [])
        await session.runtime.invoke_endpoint(**INVOKE)
    assert asked == 1


async def test_a_check_without_a_region_lists_where_it_was_looked_for(clean_environment: Path) -> None:
    async with Session(credentials=Credentials("AKIDEXAMPLE", "secret")) as session:
        with pytest.raises(NoRegionError, match="AWS_REGION"):
            await session.check()


async def test_a_check_without_credentials_says_so(clean_environment: Path) -> None:
    async with Session(region="us-east-1") as session:
        with pytest.raises(NoCredentialsError):
            await session.check()


async def test_a_check_of_a_closed_session_says_that_it_is_closed() -> None:
    session = Session(transport=StubTransport())
    await session.close()
    with pytest.raises(SessionClosedError):
        await session.check()
