"""How the embedded SageMaker starts and closes, on a loop and in a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from sagemaker_async.config import Credentials
from sagemaker_async.errors import ConfigurationError, UsageError
from sagemaker_async.local import LocalSageMaker, Stall

STREAM = "invocations-response-stream"


async def hanging_stream(body: bytes) -> AsyncIterator[bytes]:
    yield b"first"
    await asyncio.Event().wait()


async def hanging(body: bytes) -> bytes:
    await asyncio.Event().wait()
    return b""


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


async def test_closing_ends_what_is_under_way_and_leaves_no_task(raw_client: Any) -> None:
    before = asyncio.all_tasks()
    local = LocalSageMaker()
    await local.start()
    stream, plain = local.add_endpoint("stream", hanging_stream), local.add_endpoint("plain", hanging)
    stalled = local.add_endpoint("stalled", lambda body: body)
    stalled.faults.append(Stall())
    async with raw_client(local) as call:
        response = await call.open("stream", STREAM)
        await response.content.readany()
        calls = [asyncio.create_task(call(name)) for name in ("plain", "stalled")]
        await call("plain", "async-invocations", b"x")
        await plain.until(lambda endpoint: endpoint.invocations == 2)
        await stalled.until(lambda endpoint: endpoint.stalled == 1)
        async with asyncio.timeout(4):
            await local.close()
        for failed in (response.read(), *calls):
            with pytest.raises(Exception, match=r".*"):
                await failed
    await asyncio.gather(*(asyncio.all_tasks() - before), return_exceptions=True)
    assert asyncio.all_tasks() == before
    assert (stream.open_streams, stalled.stalled) == (0, 0)
    assert local.async_invocations[0].done.cancelled()
    await local.close()


async def test_idle_connections_do_not_delay_closing(raw_client: Any) -> None:
    local = LocalSageMaker()
    await local.start()
    local.add_endpoint("echo", lambda body: body)
    async with raw_client(local) as call:
        await call("echo")
        async with asyncio.timeout(2):
            await local.close()


async def test_nothing_can_be_asked_of_one_that_does_not_run() -> None:
    local = LocalSageMaker()
    local.add_endpoint("echo", lambda body: body)
    for attribute in ("url", "client_options", "boto3_options"):
        with pytest.raises(UsageError, match="not running"):
            getattr(local, attribute)
    async with local:
        assert local.url
        with pytest.raises(UsageError, match="running already"):
            await local.start()
    with pytest.raises(UsageError, match="not running"):
        _ = local.url
    with pytest.raises(UsageError, match="closed"):
        await local.start()


async def test_it_says_how_to_reach_it() -> None:
    credentials = Credentials("KEY", "secret", "token")
    async with LocalSageMaker(region="eu-west-1", credentials=credentials) as local:
        host, _, port = local.url.rpartition(":")
        assert (host, int(port) > 0) == ("http://127.0.0.1", True)
        assert local.client_options == {
            "region": "eu-west-1",
            "endpoint_url": local.url,
            "credentials": credentials,
        }
        assert local.boto3_options == {
            "region_name": "eu-west-1",
            "endpoint_url": local.url,
            "aws_access_key_id": "KEY",
            "aws_secret_access_key": "secret",
            "aws_session_token": "token",
        }
        assert "secret" not in repr(local)


async def test_the_default_credentials_name_an_account() -> None:
    async with LocalSageMaker() as local:
        assert local.credentials.account_id == "123456789012"
        assert "aws_session_token" not in local.boto3_options


async def test_a_taken_port_is_an_os_error_on_the_loop_and_in_a_thread() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            await LocalSageMaker(port=port).start()
        with pytest.raises(OSError, match="in use"):
            LocalSageMaker.in_thread(port=port).start()


@pytest.mark.parametrize("options", [{"port": -1}, {"port": 65_536}, {"port": True}, {"region": "no region"}])
@pytest.mark.parametrize("make", [LocalSageMaker, LocalSageMaker.in_thread])
def test_options_out_of_range_are_refused(make: Callable[..., Any], options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        make(**options)


def test_the_threaded_form_runs_and_ends_with_its_block() -> None:
    with LocalSageMaker.in_thread() as local:
        url = local.url
        assert status_of(url) == 404
        assert any(thread.name == "local-sagemaker" for thread in threading.enumerate())
    assert not any(thread.name == "local-sagemaker" for thread in threading.enumerate())
    with pytest.raises(OSError, match="refused"):
        status_of(url)
    local.close()


def test_the_threaded_form_is_closed_from_any_thread_and_only_once() -> None:
    local = LocalSageMaker.in_thread()
    local.close()
    local.start()
    threads = [threading.Thread(target=local.close) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert not any(thread.name == "local-sagemaker" for thread in threading.enumerate())
    local.close()


async def test_the_threaded_form_can_be_steered_from_another_loop(raw_client: Any) -> None:
    with LocalSageMaker.in_thread() as local:
        endpoint = local.add_endpoint("stream", hanging_stream)
        stall = Stall()
        local.add_endpoint("echo", lambda body: body).faults.append(stall)
        async with raw_client(local) as call:
            response = await call.open("stream", STREAM)
            await endpoint.until(lambda e: e.open_streams == 1)
            response.close()
            await endpoint.until(lambda e: e.abandoned_streams == 1)
            calling = asyncio.create_task(call("echo", body=b"x"))
            await local.endpoints["echo"].until(lambda e: e.stalled == 1)
            stall.release()
            assert (await calling).body == b"x"
            local.add_endpoint("late", lambda body: b"late")
            assert (await call("late")).body == b"late"


def test_waiting_can_block_a_thread() -> None:
    with LocalSageMaker.in_thread() as local:
        endpoint = local.add_endpoint("echo", lambda body: body)
        with pytest.raises(TimeoutError):
            endpoint.wait_until(lambda e: e.requests == 1, timeout=0.01)
        caller = threading.Thread(target=lambda: post(f"{local.url}/endpoints/echo/invocations"))
        caller.start()
        endpoint.wait_until(lambda e: e.requests == 1)
        caller.join(5)
        assert endpoint.invocations == 0


def test_a_condition_that_was_given_up_is_not_asked_again() -> None:
    with LocalSageMaker.in_thread() as local:
        endpoint = local.add_endpoint("echo", lambda body: body)
        asked: list[int] = []
        with pytest.raises(TimeoutError):
            endpoint.wait_until(lambda e: asked.append(e.requests) or False, timeout=0.01)
        post(f"{local.url}/endpoints/echo/invocations")
        endpoint.wait_until(lambda e: e.requests == 1)
        assert asked == [0]


def post(url: str) -> int:
    return status_of(urllib.request.Request(url, data=b"x", method="POST"))  # type: ignore[arg-type]
