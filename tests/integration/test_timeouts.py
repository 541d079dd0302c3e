"""Every time limit from a session's or a call's options to its own error, and to a connection that is released."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from sagemaker_async import Predictor, RetryConfig, Session, Timeouts
from sagemaker_async.errors import (
    ChunkTimeoutError,
    ConnectTimeoutError,
    FirstByteTimeoutError,
    PoolTimeoutError,
    StreamStalledError,
    TotalTimeoutError,
    TransportTimeoutError,
)
from sagemaker_async.local import LocalSageMaker, PartSize, Stall, Throttle
from sagemaker_async.local.endpoints import Endpoint

pytestmark = pytest.mark.usefixtures("clean_environment")

SOON = 0.05
INVOKE: dict[str, Any] = {"endpoint_name": "echo", "body": b"hello, hello"}

Limited = Callable[..., Any]


@pytest.fixture
def endpoint(local: LocalSageMaker) -> Endpoint:
    return local.add_endpoint("echo", lambda body: body)


@pytest.fixture(params=["per client", "per call"])
def limited(request: pytest.FixtureRequest, local: LocalSageMaker) -> Limited:
    """Makes a session and the options of its calls, so that one of the two has the limits."""

    @contextlib.asynccontextmanager
    async def limited(limits: dict[str, float], **fields: Any) -> AsyncIterator[tuple[Session, dict[str, Any]]]:
        per_call = request.param == "per call"
        timeouts = Timeouts(**limits)  # type: ignore[arg-type]
        options: dict[str, Any] = {**local.client_options, "retry": RetryConfig(max_attempts=1), **fields}
        async with Session(**options, timeouts=Timeouts() if per_call else timeouts) as session:
            yield session, {"timeout": timeouts} if per_call else {}
            await asyncio.sleep(0)
            assert session.connections_in_use == 0

    return limited


def check(error: TransportTimeoutError, limit: str, remedy: str) -> None:
    """The error says which limit it was, how long it is, and what to try; and is what `except TimeoutError` catches."""
    assert isinstance(error, TimeoutError)
    assert (error.limit, error.seconds) == (limit, SOON)
    assert f"{SOON:g} s (Timeouts.{limit}" in str(error)
    assert re.search(remedy, str(error))
    assert error.attempts


async def test_pool(limited: Limited, endpoint: Endpoint) -> None:
    endpoint.faults.append(Stall(after_parts=0))
    async with limited({"pool": SOON}, max_connections=1) as (session, options):
        async with session.runtime.invoke_endpoint_with_response_stream(**INVOKE):
            with pytest.raises(PoolTimeoutError) as caught:
                await session.runtime.invoke_endpoint(**INVOKE, **options)
        check(caught.value, "pool", r"raise Config\.max_connections")
        assert (await session.runtime.invoke_endpoint(**INVOKE, timeout=Timeouts())).body == INVOKE["body"]
    assert endpoint.invocations == 2


async def test_connect_names_dns(limited: Limited, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unanswered(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unanswered)
    async with limited({"connect": SOON}, endpoint_url="http://service.example") as (session, options):
        with pytest.raises(ConnectTimeoutError, match="DNS was under way") as caught:
            await session.runtime.invoke_endpoint(**INVOKE, **options)
    check(caught.value, "connect", "check the network")
    assert caught.value.phase == "DNS"


@pytest.fixture
def full_listener() -> Iterator[str]:
    """A listener whose queue of connections is full, so that no further one is made."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def test_connect_names_tcp(limited: Limited, full_listener: str) -> None:
    async with limited({"connect": SOON}, endpoint_url=full_listener) as (session, options):
        with pytest.raises(ConnectTimeoutError, match="TCP was under way") as caught:
            await session.runtime.invoke_endpoint(**INVOKE, **options)
    check(caught.value, "connect", "check the network")
    assert caught.value.phase == "TCP"


async def test_connect_names_tls(limited: Limited, forwarder: Callable[..., Awaitable[str]]) -> None:
    async def silent(*_: object) -> None:
        await asyncio.Event().wait()

    origin = (await forwarder(silent)).replace("http:", "https:")
    async with limited({"connect": SOON}, endpoint_url=origin) as (session, options):
        with pytest.raises(ConnectTimeoutError, match="TLS was under way") as caught:
            await session.runtime.invoke_endpoint(**INVOKE, **options)
    check(caught.value, "connect", "check the network")
    assert caught.value.phase == "TLS"


@pytest.mark.parametrize("operation", ["invoke", "stream"])
async def test_first_byte_names_the_minute_that_sagemaker_gives_a_model(
    limited: Limited, endpoint: Endpoint, operation: str
) -> None:
    endpoint.faults.append(Stall())
    async with limited({"first_byte": SOON}) as (session, options):
        runtime = session.runtime
        invoke: Any = runtime.invoke_endpoint
        if operation == "stream":
            invoke = runtime.invoke_endpoint_with_response_stream
        with pytest.raises(FirstByteTimeoutError) as caught:
            await invoke(**INVOKE, **options)
        assert (await session.runtime.invoke_endpoint(**INVOKE, timeout=Timeouts())).body == INVOKE["body"]
    check(caught.value, "first_byte", r"60 s.*response stream or asynchronous inference")
    assert caught.value.ambiguous


async def test_between_chunks_of_an_answer(limited: Limited, endpoint: Endpoint) -> None:
    endpoint.faults.append(Stall(after_parts=1))
    async with limited({"between_chunks": SOON}) as (session, options):
        with pytest.raises(ChunkTimeoutError) as caught:
            await session.runtime.invoke_endpoint(**INVOKE, **options)
    check(caught.value, "between_chunks", "raise the limit")


async def test_between_chunks_of_a_stream(limited: Limited, endpoint: Endpoint) -> None:
    endpoint.faults.append((PartSize(6), Stall(after_parts=1)))
    async with limited({"between_chunks": SOON}) as (session, options):
        stream = await Predictor("echo", session).predict_stream(INVOKE["body"], **options).open()
        assert await anext(aiter(stream)) == b"hello,"
        with pytest.raises(StreamStalledError) as caught:
            await anext(stream)
        assert isinstance(caught.value, ChunkTimeoutError)
        assert (caught.value.limit, caught.value.seconds) == ("between_chunks", SOON)
        assert re.search(r"0\.05 s \(Timeouts\.between_chunks\).*raise the limit", str(caught.value))
    await endpoint.until(lambda endpoint: endpoint.abandoned_streams == 1)


async def test_total_bounds_all_attempts_and_the_delays_between_them(limited: Limited, endpoint: Endpoint) -> None:
    endpoint.faults.always(Throttle())
    retry = RetryConfig(max_attempts=1000, backoff=lambda retry: 0.001 if retry < 3 else 3600.0)
    async with limited({"total": 1.0}, retry=retry) as (session, options):
        with pytest.raises(TotalTimeoutError, match=r"1 s \(Timeouts\.total.*4 attempts") as caught:
            await session.runtime.invoke_endpoint(**INVOKE, **options)
    assert [attempt.delay for attempt in caught.value.attempts] == [0.001, 0.001, 0.001, 3600.0]
    assert (endpoint.requests, endpoint.invocations) == (4, 0)


async def test_total_bounds_an_attempt(limited: Limited, endpoint: Endpoint) -> None:
    endpoint.faults.append(Stall())
    async with limited({"total": SOON}) as (session, options):
        with pytest.raises(TotalTimeoutError) as caught:
            await Predictor("echo", session).predict(b"hello", **options)
    check(caught.value, "total", "allow more")
    assert [attempt.outcome for attempt in caught.value.attempts] == ["TotalTimeoutError"]
    await endpoint.until(lambda endpoint: endpoint.stalled == 0)


async def test_a_number_is_the_total_of_one_call(session: Session, endpoint: Endpoint) -> None:
    predictor = Predictor("echo", session)
    endpoint.faults.extend([Stall(), Stall(), Stall()])
    for call in (
        predictor.predict(b"hello", timeout=SOON),
        predictor.predict_stream(b"hello", timeout=SOON).open(),
        session.runtime.invoke_endpoint_async(endpoint_name="echo", body=b"hello", timeout=SOON),
    ):
        with pytest.raises(TotalTimeoutError) as caught:
            await call
        assert caught.value.seconds == SOON
    assert session.connections_in_use == 0
    assert await predictor.predict(b"hello") == b"hello"


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "10", True])
async def test_a_timeout_of_a_call_that_is_no_time_is_refused(
    session: Session, endpoint: Endpoint, timeout: Any
) -> None:
    with pytest.raises(ValueError, match=r"timeout must be a finite number of seconds, more than 0"):
        await Predictor("echo", session).predict(b"hello", timeout=timeout)
    assert endpoint.requests == 0


@pytest.mark.parametrize(("keepalive", "kept"), [(0.01, 0), (60, 1)])
async def test_keepalive_is_how_long_an_idle_connection_is_kept(
    local: LocalSageMaker,
    raw_server: Callable[..., Awaitable[Any]],
    http_answer: Callable[..., bytes],
    keepalive: float,
    kept: int,
) -> None:
    server = await raw_server(http_answer(200, b"hello"))
    options: dict[str, Any] = {**local.client_options, "endpoint_url": server.origin}
    async with Session(**options, timeouts=Timeouts(keepalive=keepalive)) as session:
        await session.runtime.invoke_endpoint(**INVOKE)
        async with asyncio.timeout(5):
            while server.open_connections != kept:
                await asyncio.sleep(0)
        await session.runtime.invoke_endpoint(**INVOKE)
    assert server.connections == 2 - kept
