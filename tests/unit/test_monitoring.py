"""Client-side monitoring: which events are sent when, by which settings, and that it never gets in the way.

That the fields are AWS's is shown in ``tests/differential/test_monitoring_botocore.py``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async import Config, Session
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.interceptors import CallContext
from sagemaker_async.aws.monitoring import ClientSideMonitoring, monitoring_from
from sagemaker_async.aws.settings.sources import Profile, Sources
from sagemaker_async.config import Credentials, RetryConfig, Timeouts
from sagemaker_async.errors import CallError, ConfigurationError, ConnectionLostError, TotalTimeoutError
from sagemaker_async.stub import StubResponse, StubTransport

UNAVAILABLE = StubResponse.error("ServiceUnavailable", "later", status=503)
NOW = 1_700_000_000.5


class Published:
    """A publisher that keeps the events."""

    def __init__(self) -> None:
        self.datagrams: list[bytes] = []

    def publish(self, datagram: bytes) -> None:
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
    monitoring = ClientSideMonitoring(client_id="me", publisher=published, clock=lambda: NOW)
    retry = RetryConfig(max_attempts=max_attempts, base_delay=0)
    stub = StubTransport(*answers)
    async with Session(transport=stub, retry=retry, client_side_monitoring=monitoring, **options) as session:
        await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")


async def test_a_call_is_an_event_per_attempt_and_one_for_the_call(published: Published) -> None:
    await invoke(published, UNAVAILABLE, StubResponse(), region="eu-west-1")

    first, second, call = published.events
    assert [event["Type"] for event in published.events] == ["ApiCallAttempt", "ApiCallAttempt", "ApiCall"]
    for event in published.events:
        assert (event["Version"], event["ClientId"]) == (1, "me")
        assert (event["Service"], event["Api"], event["Region"]) == ("SageMaker Runtime", "InvokeEndpoint", "eu-west-1")
        assert event["Timestamp"] == 1_700_000_000_500
        assert event["UserAgent"].startswith("sagemaker")
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
    options = {"retry": retry, "timeouts": Timeouts(total=0.02), "client_side_monitoring": monitoring}
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


def test_an_abandoned_call_publishes_the_attempt_under_way_and_itself(
    published: Published, context: CallContext
) -> None:
    monitoring = ClientSideMonitoring(publisher=published)
    monitoring.before_call(context, REQUEST)
    monitoring.before_attempt(context, REQUEST)

    monitoring.abandoned(context, asyncio.CancelledError())

    attempt, call = published.events
    assert attempt["SdkException"] == call["FinalSdkException"] == "CancelledError"
    assert (call["AttemptCount"], call["MaxRetriesExceeded"]) == (1, 0)
    assert context.state == {}


def test_a_call_that_was_abandoned_before_its_first_attempt_has_no_exception(
    published: Published, context: CallContext
) -> None:
    monitoring = ClientSideMonitoring(publisher=published)
    monitoring.before_call(context, REQUEST)

    monitoring.abandoned(context, ValueError("no credentials"))

    (call,) = published.events
    assert call["AttemptCount"] == 0
    assert not {"FinalSdkException", "Region", "UserAgent"} & set(call)


def test_a_call_that_never_began_is_not_published(published: Published, context: CallContext) -> None:
    ClientSideMonitoring(publisher=published).abandoned(context, ValueError())

    assert published.events == []


def test_the_access_key_is_told_and_the_session_token_is_not(published: Published, context: CallContext) -> None:
    monitoring = ClientSideMonitoring(publisher=published)
    context.access_key_id = "AKIDEXAMPLE"
    monitoring.before_call(context, REQUEST)
    monitoring.before_attempt(context, REQUEST)
    monitoring.abandoned(context, ValueError())

    attempt, call = published.events
    assert attempt["AccessKey"] == "AKIDEXAMPLE"
    assert "SessionToken" not in attempt
    assert "AccessKey" not in call


async def test_an_event_that_is_too_long_for_the_agent_is_dropped(published: Published) -> None:
    long = StubResponse(headers={"x-amz-id-2": "x" * 9000})

    await invoke(published, long)

    assert [event["Type"] for event in published.events] == ["ApiCall"]


async def test_a_publisher_that_fails_does_not_fail_the_call(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Published):
        def publish(self, datagram: bytes) -> None:
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


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_agent_receives_datagrams(agent: Agent, host: str) -> None:
    monitoring = ClientSideMonitoring(host=host, port=agent.port)
    async with Session(transport=StubTransport(StubResponse()), client_side_monitoring=monitoring) as session:
        await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")

        assert await asyncio.to_thread(agent.receive, 2) == ["ApiCallAttempt", "ApiCall"]


async def test_the_host_is_looked_up_in_a_thread_and_calls_do_not_wait_for_it(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, threads = threading.Event(), []
    look_up = socket.getaddrinfo

    def slow(*args: Any, **options: Any) -> Any:
        threads.append(threading.current_thread())
        assert found.wait(10)
        return look_up(*args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monitoring = ClientSideMonitoring(port=agent.port)
    async with Session(transport=StubTransport(StubResponse()), client_side_monitoring=monitoring) as session:
        await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")
        found.set()

        assert await asyncio.to_thread(agent.receive, 2) == ["ApiCallAttempt", "ApiCall"]
    assert threads
    assert threading.main_thread() not in threads


async def test_no_agent_is_no_failure() -> None:
    closed = Agent()
    closed.socket.close()
    monitoring = ClientSideMonitoring(port=closed.port)
    async with Session(transport=StubTransport(otherwise=StubResponse()), client_side_monitoring=monitoring) as session:
        for _ in range(3):
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")


async def test_a_host_that_does_not_exist_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monitoring = ClientSideMonitoring(host="nowhere.invalid")
    async with Session(transport=StubTransport(StubResponse()), client_side_monitoring=monitoring) as session:
        await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")
        await asyncio.get_running_loop().shutdown_default_executor()

    assert "client-side monitoring is off: no way to nowhere.invalid port 31000 (gaierror)" in caplog.text


async def test_the_socket_stays_open_until_the_last_session_closes(agent: Agent) -> None:
    monitoring = ClientSideMonitoring(port=agent.port)
    options: dict[str, Any] = {"client_side_monitoring": monitoring}
    async with Session(transport=StubTransport(StubResponse(), StubResponse()), **options) as outer:
        await outer.runtime.invoke_endpoint(endpoint_name="e", body=b"")
        async with Session(transport=StubTransport(StubResponse()), **options) as inner:
            await inner.runtime.invoke_endpoint(endpoint_name="e", body=b"")
        await outer.runtime.invoke_endpoint(endpoint_name="e", body=b"")

        assert await asyncio.to_thread(agent.receive, 6) == ["ApiCallAttempt", "ApiCall"] * 3
    assert monitoring._socket is not None
    assert monitoring._socket._socket is None


async def test_closing_while_the_host_is_looked_up_leaves_no_socket_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    found = threading.Event()
    look_up = socket.getaddrinfo

    def slow(*args: Any, **options: Any) -> Any:
        assert found.wait(10)
        return look_up(*args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monitoring = ClientSideMonitoring()
    async with Session(transport=StubTransport(StubResponse()), client_side_monitoring=monitoring) as session:
        await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")
    found.set()
    await asyncio.get_running_loop().shutdown_default_executor()

    assert monitoring._socket is not None
    assert monitoring._socket._socket is None


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def from_settings() -> Callable[..., ClientSideMonitoring | None]:
    def from_settings(
        configured: bool | ClientSideMonitoring | None = None,
        environ: dict[str, str] | None = None,
        profile: dict[str, str] | None = None,
    ) -> ClientSideMonitoring | None:
        sections = ((Path("config"), profile),) if profile else ()
        return monitoring_from(Sources(environ or {}, Profile("default", sections)), configured)

    return from_settings


ON = {"AWS_CSM_ENABLED": "true"}
PROFILE = {"csm_enabled": "true", "csm_client_id": "file", "csm_host": "far", "csm_port": "5"}


@pytest.mark.parametrize(
    ("configured", "environ", "profile", "expected"),
    [
        (None, {}, {}, None),
        (None, ON, {}, ("", "127.0.0.1", 31000)),
        (None, {}, PROFILE, ("file", "far", 5)),
        (None, {"AWS_CSM_ENABLED": "false"}, PROFILE, None),
        (None, {**ON, "AWS_CSM_CLIENT_ID": "e", "AWS_CSM_PORT": "6"}, PROFILE, ("e", "far", 6)),
        (None, {**ON, "AWS_CSM_HOST": "::1"}, {}, ("", "::1", 31000)),
        (True, {"AWS_CSM_ENABLED": "false", "AWS_CSM_PORT": "7"}, {}, ("", "127.0.0.1", 7)),
        (False, ON, PROFILE, None),
        (False, {"AWS_CSM_PORT": "not looked at"}, {}, None),
    ],
)
def test_configuration_wins_over_the_environment_and_that_over_the_profile(
    from_settings: Callable[..., ClientSideMonitoring | None],
    configured: bool | None,
    environ: dict[str, str],
    profile: dict[str, str],
    expected: tuple[str, str, int] | None,
) -> None:
    monitoring = from_settings(configured, environ, profile)

    assert (monitoring and (monitoring.client_id, monitoring.host, monitoring.port)) == expected


def test_one_of_ones_own_is_used_as_it_is(from_settings: Callable[..., ClientSideMonitoring | None]) -> None:
    own = ClientSideMonitoring(port=9)

    assert from_settings(own, {"AWS_CSM_ENABLED": "false"}) is own


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"AWS_CSM_ENABLED": "perhaps"}, "AWS_CSM_ENABLED"),
        ({**ON, "AWS_CSM_PORT": "http"}, "AWS_CSM_PORT"),
        ({**ON, "AWS_CSM_PORT": "0"}, "AWS_CSM_PORT"),
        ({**ON, "AWS_CSM_PORT": "65536"}, "AWS_CSM_PORT"),
        ({**ON, "AWS_CSM_CLIENT_ID": "x" * 256}, "AWS_CSM_CLIENT_ID"),
    ],
)
def test_a_wrong_setting_is_an_error_that_names_it(
    from_settings: Callable[..., ClientSideMonitoring | None], environ: dict[str, str], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        from_settings(None, environ)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_id", "x" * 256),
        ("client_id", 3),
        ("host", ""),
        ("port", 0),
        ("port", 65_536),
        ("port", "1"),
        ("port", True),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it(field: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"ClientSideMonitoring.{field}"):
        ClientSideMonitoring(**{field: value})


@pytest.mark.parametrize("value", ["true", 1, object()])
def test_config_refuses_what_is_no_monitoring(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="client_side_monitoring"):
        Config(client_side_monitoring=value)


async def test_a_session_follows_the_environment(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ENABLED": "true", "PORT": str(agent.port), "CLIENT_ID": "me"}.items():
        monkeypatch.setenv(f"AWS_CSM_{name}", value)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    transport = StubTransport(StubResponse())
    transport.stubbed = False
    keys = Credentials("AKIDEXAMPLE", "secret")
    async with Session(transport=transport, region="us-east-1", credentials=keys) as session:
        await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")

        assert await asyncio.to_thread(agent.receive, 2) == ["ApiCallAttempt", "ApiCall"]


def test_repr_says_where_events_go() -> None:
    assert (
        repr(ClientSideMonitoring(client_id="me"))
        == "ClientSideMonitoring(client_id='me', host='127.0.0.1', port=31000)"
    )
