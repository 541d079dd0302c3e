"""Client-side monitoring: which events are sent when, and that it never gets in the way.

That the fields are AWS's is shown in ``tests/differential/test_client_side_monitoring_botocore.py``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async import Session
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.interceptors import CallContext, Interceptor
from sagemaker_async.aws.timing import Timing
from sagemaker_async.aws.transport.stub import StubTransport
from sagemaker_async.config import Credentials, RetryConfig, Timeouts
from sagemaker_async.errors import CallError, ConfigurationError, ConnectionLostError, TotalTimeoutError
from sagemaker_async.integrations.client_side_monitoring import ClientSideMonitoring
from sagemaker_async.runtime.stub import StubResponse

UNAVAILABLE = StubResponse.error("ServiceUnavailable", "later", status=503)
NOW = 1_700_000_000.5


class Published:
    """The datagrams that were published."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []

    def __call__(self, datagram: bytes) -> None:
        self.datagrams.append(datagram)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(datagram) for datagram in self.datagrams]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["Type"] == kind]


@pytest.fixture
def published() -> Published:
    return Published()


async def invoke(published: Published, *answers: Any, max_attempts: int = 3, **options: Any) -> None:
    monitoring = ClientSideMonitoring(client_id="me", publisher=published, timing=Timing(clock=lambda: NOW))
    retry = RetryConfig(max_attempts=max_attempts, base_delay=0)
    async with Session(transport=StubTransport(*answers), retry=retry, interceptors=[monitoring], **options) as session:
        await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")


async def test_a_call_is_an_event_per_attempt_and_one_for_the_call(published: Published) -> None:
    await invoke(published, UNAVAILABLE, StubResponse(), region="eu-west-1")

    first, second, call = published.events
    assert [event["Type"] for event in published.events] == ["ApiCallAttempt", "ApiCallAttempt", "ApiCall"]
    for event in published.events:
        assert (event["Version"], event["ClientId"]) == (1, "me")
        assert (event["Service"], event["Api"], event["Region"]) == ("SageMaker Runtime", "InvokeEndpoint", "eu-west-1")
        assert 1_700_000_000_500 <= event["Timestamp"] < 1_700_000_060_500
        assert event["UserAgent"].startswith("sagemaker")
    assert call["Timestamp"] == 1_700_000_000_500
    assert first["Timestamp"] <= second["Timestamp"]
    assert (first["HttpStatusCode"], first["AwsException"], first["AwsExceptionMessage"]) == (
        503,
        "ServiceUnavailable",
        "later",
    )
    assert second["HttpStatusCode"] == 200
    assert second["Fqdn"] == "runtime.sagemaker.eu-west-1.amazonaws.com"
    assert second["XAmznRequestId"] == "00000000-0000-4000-8000-000000000000"
    assert "AwsException" not in second
    assert (call["AttemptCount"], call["FinalHttpStatusCode"], call["MaxRetriesExceeded"]) == (2, 200, 0)
    assert "FinalAwsException" not in call
    assert 0 <= second["AttemptLatency"] <= call["Latency"]


@pytest.mark.parametrize(("attempts", "exceeded"), [(2, 1), (3, 0)])
async def test_max_retries_exceeded_says_that_the_last_attempt_allowed_failed(
    published: Published, attempts: int, exceeded: int
) -> None:
    refused = StubResponse.error("ValidationError", "no such endpoint")

    with pytest.raises(CallError):
        await invoke(published, UNAVAILABLE, *([UNAVAILABLE] if exceeded else [refused]), max_attempts=attempts)

    (call,) = published.of("ApiCall")
    assert call["MaxRetriesExceeded"] == exceeded
    assert call["FinalAwsException"] == ("ServiceUnavailable" if exceeded else "ValidationError")


async def test_a_connection_error_is_the_sdks_exception(published: Published) -> None:
    with pytest.raises(ConnectionLostError):
        await invoke(published, ConnectionLostError("gone"))

    attempt, call = published.events
    assert attempt["SdkException"] == call["FinalSdkException"] == "ConnectionLostError"
    assert "gone" in attempt["SdkExceptionMessage"]
    assert "HttpStatusCode" not in attempt
    assert "FinalHttpStatusCode" not in call


async def test_a_gateway_without_an_error_code_gives_its_status(published: Published) -> None:
    gateway = StubResponse(404, b"<html>", {"Content-Type": "text/html"})

    with pytest.raises(CallError):
        await invoke(published, gateway)

    assert published.of("ApiCallAttempt")[0]["AwsException"] == "404"


async def test_a_call_that_runs_out_of_time_while_waiting_publishes_itself(published: Published) -> None:
    monitoring = ClientSideMonitoring(publisher=published)
    retry = RetryConfig(max_attempts=3, backoff=lambda _: 30.0)
    options = {"retry": retry, "timeouts": Timeouts(total=0.02), "interceptors": [monitoring]}
    async with Session(transport=StubTransport(UNAVAILABLE), **options) as session:
        with pytest.raises(TotalTimeoutError):
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")

    (call,) = published.of("ApiCall")
    assert len(published.of("ApiCallAttempt")) == call["AttemptCount"] == 1
    assert call["FinalSdkException"] == "TotalTimeoutError"


@pytest.fixture
def context() -> CallContext:
    return CallContext("sts", "GetCallerIdentity", None, "https://sts.amazonaws.com", "us-east-1", "id")


REQUEST = HTTPRequest(
    "POST", "https://sts.amazonaws.com", "/", {"User-Agent": "x", "amz-sdk-request": "attempt=1; max=3"}
)


def test_an_abandoned_call_is_published_with_the_attempts_that_were_begun(
    published: Published, context: CallContext
) -> None:
    seconds = [10.0]
    monitoring = ClientSideMonitoring(publisher=published, timing=Timing(monotonic=lambda: seconds[0]))
    monitoring.before_call(context, REQUEST)
    monitoring.before_attempt(context, REQUEST)
    seconds[0] += 0.25

    monitoring.abandoned(context, asyncio.CancelledError())

    (call,) = published.events
    assert call["FinalSdkException"] == "CancelledError"
    assert (call["AttemptCount"], call["Latency"], call["MaxRetriesExceeded"]) == (1, 250, 0)


def test_a_call_that_was_abandoned_before_its_first_attempt_is_published(
    published: Published, context: CallContext
) -> None:
    monitoring = ClientSideMonitoring(publisher=published)
    monitoring.before_call(context, REQUEST)

    monitoring.abandoned(context, ValueError("no credentials"))

    (call,) = published.events
    assert (call["AttemptCount"], call["FinalSdkException"]) == (0, "ValueError")


def test_a_call_that_never_began_is_not_published(published: Published, context: CallContext) -> None:
    ClientSideMonitoring(publisher=published).abandoned(context, ValueError())

    assert published.events == []


async def test_a_call_that_an_earlier_interceptor_holds_up_beyond_its_time_limit_is_not_published(
    published: Published,
) -> None:
    class Stalling(Interceptor):
        async def before_call(self, call: CallContext, request: HTTPRequest) -> None:
            await asyncio.Event().wait()

    interceptors = [Stalling(), ClientSideMonitoring(publisher=published)]
    async with Session(transport=StubTransport(), interceptors=interceptors, timeouts=Timeouts(total=0.02)) as session:
        with pytest.raises(TotalTimeoutError):
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")

    assert published.events == []


async def test_an_attempt_that_the_time_limit_of_its_call_ends_is_only_counted(published: Published) -> None:
    class Silent(StubTransport):
        async def send(self, *_: Any) -> Any:
            await asyncio.Event().wait()

    interceptors = [ClientSideMonitoring(publisher=published)]
    async with Session(transport=Silent(), interceptors=interceptors, timeouts=Timeouts(total=0.02)) as session:
        with pytest.raises(TotalTimeoutError):
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")

    (call,) = published.events
    assert (call["Type"], call["AttemptCount"], call["FinalSdkException"]) == ("ApiCall", 1, "TotalTimeoutError")


async def test_the_access_key_is_published_and_no_secret_is(published: Published) -> None:
    await invoke(published, StubResponse(), credentials=Credentials("AKIDEXAMPLE", "hidden-key", "hidden-token"))

    attempt, call = published.events
    assert attempt["AccessKey"] == "AKIDEXAMPLE"
    assert "AccessKey" not in call
    assert "SessionToken" not in attempt
    assert b"hidden" not in b"".join(published.datagrams)


async def test_an_event_that_is_too_long_for_the_agent_is_dropped(published: Published) -> None:
    long = StubResponse(headers={"x-amz-id-2": "x" * 9000})

    await invoke(published, long)

    assert [event["Type"] for event in published.events] == ["ApiCall"]


async def test_a_publisher_that_fails_does_not_fail_the_call(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Published):
        def __call__(self, datagram: bytes) -> None:
            raise RuntimeError("canary")

    caplog.set_level(logging.DEBUG, "sagemaker_async")

    await invoke(Broken(), StubResponse())

    assert "an event was not published: RuntimeError" in caplog.text
    assert "canary" not in caplog.text


# --- the socket -------------------------------------------------------------------------------------------------------


class Agent:
    """Listens where AWS's agent would."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(10)
        self.port: int = self.socket.getsockname()[1]

    def receive(self, count: int) -> list[str]:
        return [json.loads(self.socket.recv(65_536))["Type"] for _ in range(count)]


@pytest.fixture
def agent() -> Iterator[Agent]:
    agent = Agent()
    yield agent
    agent.socket.close()


async def test_the_agent_receives_datagrams(agent: Agent) -> None:
    monitoring = ClientSideMonitoring(port=agent.port)
    async with Session(transport=StubTransport(StubResponse()), interceptors=[monitoring]) as session:
        await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")

        assert await asyncio.to_thread(agent.receive, 2) == ["ApiCallAttempt", "ApiCall"]


async def test_one_monitoring_serves_several_sessions(agent: Agent) -> None:
    interceptors = [ClientSideMonitoring(port=agent.port)]
    async with Session(transport=StubTransport(StubResponse(), StubResponse()), interceptors=interceptors) as outer:
        await outer.runtime.invoke_endpoint(endpoint_name="e", body=b"")
        async with Session(transport=StubTransport(StubResponse()), interceptors=interceptors) as inner:
            await inner.runtime.invoke_endpoint(endpoint_name="e", body=b"")
        await outer.runtime.invoke_endpoint(endpoint_name="e", body=b"")

        assert await asyncio.to_thread(agent.receive, 6) == ["ApiCallAttempt", "ApiCall"] * 3


async def test_a_publisher_takes_the_datagrams_instead(agent: Agent, published: Published) -> None:
    monitoring = ClientSideMonitoring(port=agent.port, publisher=published)
    async with Session(transport=StubTransport(StubResponse()), interceptors=[monitoring]) as session:
        await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")

    assert len(published.events) == 2
    agent.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        agent.socket.recv(1)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_missing_agent_is_not_a_failure(host: str) -> None:
    closed = Agent()
    closed.socket.close()
    monitoring = ClientSideMonitoring(host=host, port=closed.port)
    async with Session(transport=StubTransport(otherwise=StubResponse()), interceptors=[monitoring]) as session:
        for _ in range(3):
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")


# --- options ----------------------------------------------------------------------------------------------------------


async def test_no_setting_of_environment_or_profile_turns_it_on(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(f"[default]\ncsm_enabled = true\ncsm_port = {agent.port}\n")
    for name, value in {"ENABLED": "perhaps", "PORT": str(agent.port), "CLIENT_ID": "me"}.items():
        monkeypatch.setenv(f"AWS_CSM_{name}", value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    transport = StubTransport(StubResponse())
    transport.stubbed = False
    keys = Credentials("AKIDEXAMPLE", "secret")
    async with Session(transport=transport, region="us-east-1", credentials=keys) as session:
        await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")

    agent.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        agent.socket.recv(1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_id", "x" * 256),
        ("client_id", 3),
        ("host", ""),
        ("host", "localhost"),
        ("host", 2_130_706_433),
        ("port", 0),
        ("port", 65_536),
        ("port", "1"),
        ("port", True),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it(field: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"^ClientSideMonitoring\.{field} must be "):
        ClientSideMonitoring(**{field: value})


def test_an_address_that_is_not_a_str_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="host must be an IP address"):
        ClientSideMonitoring(host=ipaddress.ip_address("127.0.0.1"))  # type: ignore[arg-type]


def test_a_wall_clock_that_jumps_back_leaves_the_latency_as_it_is(published: Published, context: CallContext) -> None:
    timing = Timing(clock=iter([1000.0, 1.0]).__next__, monotonic=iter([5.0, 5.25]).__next__)
    monitoring = ClientSideMonitoring(publisher=published, timing=timing)
    monitoring.before_call(context, HTTPRequest("POST", "https://service.invalid", "/", {}))
    monitoring.abandoned(context, ValueError())
    (call,) = published.events
    assert (call["Latency"], call["Timestamp"]) == (250, 1_000_000)
