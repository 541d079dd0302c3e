"""The channel: opened once, on one event loop, and closed for good."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sagemaker_async.aws import channel as module
from sagemaker_async.aws.channel import Channel
from sagemaker_async.aws.client import ServiceClient
from sagemaker_async.aws.interceptors import ConnectionPool, Interceptor
from sagemaker_async.config import Config, Credentials, Timeouts
from sagemaker_async.errors import (
    ConfigurationError,
    NoRegionError,
    RequestValidationError,
    SessionClosedError,
    WrongEventLoopError,
)
from sagemaker_async.runtime.operations import INVOKE_ENDPOINT, SAGEMAKER_RUNTIME

Start = Callable[..., Awaitable[Any]]


def config(**fields: Any) -> Config:
    return Config(
        **{"region": "us-east-1", "credentials": Credentials("A", "s"), "endpoint_url": "http://127.0.0.1:9", **fields}
    )


async def test_nothing_is_opened_before_the_first_call() -> None:
    channel = Channel(config())
    channel.check_usable()
    assert (channel.connections_in_use, channel.closed, channel.origin(SAGEMAKER_RUNTIME)) == (0, False, "")
    await channel.close()
    assert channel.closed


async def test_concurrent_first_calls_share_one_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    resolved = 0
    real = module.resolve_settings

    async def counted(*args: Any, **options: Any) -> Any:
        nonlocal resolved
        resolved += 1
        return await real(*args, **options)

    monkeypatch.setattr(module, "resolve_settings", counted)
    channel = Channel(config())
    pipelines = await asyncio.gather(*(channel.pipeline(SAGEMAKER_RUNTIME) for _ in range(5)))
    assert len({id(each) for each in pipelines}) == 1
    assert resolved == 1
    assert channel.origin(SAGEMAKER_RUNTIME) == "http://127.0.0.1:9"
    assert channel.common_headers["User-Agent"].startswith("sagemaker-async/")
    await channel.close()


class Hanging:
    """Hangs on a channel; its close waits for `go_on`, and raises `failure`."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def close(self) -> None:
        self.begun.set()
        await self.go_on.wait()
        if self.failure is not None:
            raise self.failure


async def test_a_caller_of_close_that_is_cancelled_leaves_nothing_open_that_hangs_on_the_channel() -> None:
    closed = asyncio.Event()

    class Transport:
        stubbed = False
        in_use = 0

        async def send(self, *args: Any, **options: Any) -> Any:
            raise NotImplementedError

        async def close(self) -> None:
            closed.set()

    channel = Channel(config(transport=Transport()))
    await channel.pipeline(SAGEMAKER_RUNTIME)
    hanging = channel.attached(Hanging, Hanging)
    closing = asyncio.create_task(channel.close())
    await hanging.begun.wait()
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()
    hanging.go_on.set()
    await asyncio.wait_for(closed.wait(), timeout=10)
    await channel.close()


async def test_what_hangs_on_a_channel_and_fails_to_close_keeps_nothing_else_open() -> None:
    channel = Channel(config())
    await channel.pipeline(SAGEMAKER_RUNTIME)

    class Other(Hanging):
        pass

    ill, well = Hanging(ZeroDivisionError()), Other()
    for each in (ill, well):
        channel.attached(type(each), lambda each=each: each)
        each.go_on.set()
    with pytest.raises(ZeroDivisionError):
        await channel.close()
    assert well.begun.is_set()
    assert channel.closed
    with pytest.raises(SessionClosedError):
        channel.attached(Hanging, Hanging)


async def test_what_is_closed_with_a_channel_may_close_the_channel_itself() -> None:
    told: list[str] = []

    class Watching(Interceptor):
        async def closed(self, pool: ConnectionPool) -> None:
            await channel.close()
            told.append("interceptor")

    class Nested:
        async def close(self) -> None:
            await channel.close()
            told.append("nested")

    channel = Channel(config(interceptors=[Watching()]))
    await channel.pipeline(SAGEMAKER_RUNTIME)
    channel.attached(Nested, Nested)
    await asyncio.wait_for(channel.close(), timeout=10)
    assert told == ["nested", "interceptor"]


async def test_a_first_caller_that_is_cancelled_does_not_make_the_others_begin_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolved = 0
    go_on = asyncio.Event()
    real = module.resolve_settings

    async def slow(*args: Any, **options: Any) -> Any:
        nonlocal resolved
        resolved += 1
        await go_on.wait()
        return await real(*args, **options)

    monkeypatch.setattr(module, "resolve_settings", slow)
    channel = Channel(config())
    first, second = (asyncio.create_task(channel.pipeline(SAGEMAKER_RUNTIME)) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait((first,))
    go_on.set()
    assert await second is await channel.pipeline(SAGEMAKER_RUNTIME)
    assert (first.cancelled(), resolved) == (True, 1)
    await channel.close()


async def test_it_says_what_calls_are_signed_with() -> None:
    keys = Credentials("A", "s")
    channel = Channel(config(credentials=keys))
    assert await channel.credentials(SAGEMAKER_RUNTIME) == keys
    await channel.close()
    with pytest.raises(SessionClosedError):
        await channel.credentials(SAGEMAKER_RUNTIME)


async def test_a_closed_channel_stays_closed() -> None:
    channel = Channel(config())
    await channel.pipeline(SAGEMAKER_RUNTIME)
    await channel.close()
    await channel.close()
    with pytest.raises(SessionClosedError):
        await channel.pipeline(SAGEMAKER_RUNTIME)


async def test_closing_while_it_opens_ends_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()
    real = module.resolve_settings

    async def slow(*args: Any, **options: Any) -> Any:
        started.set()
        await go_on.wait()
        return await real(*args, **options)

    monkeypatch.setattr(module, "resolve_settings", slow)
    channel = Channel(config())
    opening = asyncio.create_task(channel.pipeline(SAGEMAKER_RUNTIME))
    await started.wait()
    await channel.close()
    go_on.set()
    with pytest.raises(SessionClosedError):
        await opening


async def test_a_wrong_setting_is_raised_at_every_call_until_it_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    channel = Channel(config(region=None))
    for _ in range(2):
        with pytest.raises(NoRegionError):
            await channel.pipeline(SAGEMAKER_RUNTIME)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert (await channel.pipeline(SAGEMAKER_RUNTIME)).endpoint.signing_region == "eu-west-1"
    await channel.close()


def test_another_event_loop_is_refused_while_the_first_is_open() -> None:
    channel = Channel(config())
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(channel.pipeline(SAGEMAKER_RUNTIME))
        for call in (channel.pipeline(SAGEMAKER_RUNTIME), channel.close()):
            with pytest.raises(WrongEventLoopError, match="one Session per event loop"):
                second.run(call)
        first.run(channel.close())


def test_it_can_be_closed_from_another_loop_once_its_own_is_gone() -> None:
    channel = Channel(config())
    with asyncio.Runner(debug=True) as runner:
        runner.run(channel.pipeline(SAGEMAKER_RUNTIME))
    asyncio.run(channel.close())
    assert channel.closed
    del channel
    gc.collect()


# --- the base of the clients -----------------------------------------------------------------------------------------


async def test_clients_share_the_channel_of_what_they_are_given_and_leave_it_open() -> None:
    owner = ServiceClient(config())
    async with ServiceClient(owner) as sharer:
        assert sharer.channel is owner.channel
    assert not owner.channel.closed
    await owner.close()
    assert owner.channel.closed


async def test_fields_win_over_those_of_the_config() -> None:
    client = ServiceClient(config(), region="eu-west-1")
    assert client.channel.config.region == "eu-west-1"
    await client.close()


def test_options_cannot_be_given_together_with_something_to_share() -> None:
    with pytest.raises(ConfigurationError, match="region: options belong to the session"):
        ServiceClient(ServiceClient(config()), region="eu-west-1")
    with pytest.raises(ConfigurationError, match="not from str"):
        ServiceClient("session")  # type: ignore[arg-type]


@pytest.mark.parametrize("timeout", [0, -1, True, "3", float("nan"), float("inf")])
def test_a_timeout_that_is_none_is_refused_before_anything_is_sent(timeout: Any) -> None:
    from sagemaker_async.aws.client import CallOptions

    with pytest.raises(ConfigurationError, match="timeout must be a finite number of seconds"):
        ServiceClient(config()).prepare(INVOKE_ENDPOINT, {"endpoint_name": "e", "body": b""}, CallOptions(timeout))


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("\ud800", "lone surrogate"),
        (3, "must be bytes"),
        (b"x" * 11, r"must have at most 10 bytes \(Config\.max_body_bytes\), has 11"),
    ],
)
def test_a_wrong_body_is_refused_before_anything_is_sent(body: Any, rule: str) -> None:
    client = ServiceClient(config(max_body_bytes=10))
    with pytest.raises(RequestValidationError, match=rule) as caught:
        client.prepare(INVOKE_ENDPOINT, {"endpoint_name": "e", "body": body})
    assert [problem.aws_name for problem in caught.value.problems] == ["Body"]


@pytest.mark.parametrize(
    ("failure", "rule"),
    [
        (FileNotFoundError(2, "No such file or directory"), "cannot be read: No such file"),
        (ValueError("read of closed file"), "cannot be read: read of closed file"),
        (None, "must return bytes"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(failure: Exception | None, rule: str) -> None:
    class Broken:
        def read(self) -> Any:
            if failure is not None:
                raise failure

    client = ServiceClient(config())
    with pytest.raises(RequestValidationError, match=rule):
        await client.send(client.prepare(INVOKE_ENDPOINT, {"endpoint_name": "e", "body": Broken()}))
    await client.close()


async def test_a_call_may_have_limits_of_its_own(raw_server: Start) -> None:
    from sagemaker_async.aws.client import CallOptions
    from sagemaker_async.errors import FirstByteTimeoutError, TotalTimeoutError

    async def never(*_: Any) -> None:
        await asyncio.Event().wait()

    server = await raw_server(never)
    fields = {"endpoint_name": "e", "body": b""}
    async with ServiceClient(config(endpoint_url=server.origin)) as client:
        with pytest.raises(TotalTimeoutError):
            await client.send(client.prepare(INVOKE_ENDPOINT, fields, CallOptions(0.02)))
        with pytest.raises(FirstByteTimeoutError):
            await client.send(client.prepare(INVOKE_ENDPOINT, fields, CallOptions(Timeouts(first_byte=0.02))))
        assert client.channel.connections_in_use == 0
