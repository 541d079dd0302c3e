"""Client-side monitoring against botocore's: the same events field by field, and the same settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.monitoring import APICallAttemptEvent, APICallEvent, CSMSerializer, SocketPublisher

from sagemaker_async.aws import monitoring as ours
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.interceptors import AttemptOutcome, CallContext
from sagemaker_async.aws.monitoring import ClientSideMonitoring, monitoring_from
from sagemaker_async.aws.settings.sources import Sources, load_shared_files
from sagemaker_async.errors import Attempt, CallError, ConnectError, ConnectionLostError, ServiceError

ORIGIN = "https://runtime.sagemaker.eu-west-1.amazonaws.com"
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240101/eu-west-1/sagemaker/aws4_request, "
    "SignedHeaders=host, Signature=ab"
)
ANSWERED = {"x-amzn-requestid": "r-1", "x-amz-request-id": "r-2", "x-amz-id-2": "r-3", "content-type": "text/plain"}


class Case:
    """How one attempt of a call ended."""

    def __init__(
        self,
        status: int | None = 200,
        headers: dict[str, str] | None = None,
        error: CallError | None = None,
        user_agent: str = "agent/1.0",
        client_id: str = "my-application",
        last: bool = True,
    ) -> None:
        self.status = status
        self.headers = ANSWERED if headers is None and status is not None else headers
        self.error = error
        self.user_agent = user_agent
        self.client_id = client_id
        self.last = last


def refused(code: str = "ThrottlingException", message: str = "slow down", status: int = 429) -> ServiceError:
    error = ServiceError(message, status=status, code=code)
    error.retryable = status == 429
    return error


CASES = {
    "success": Case(),
    "success without request ids": Case(headers={}),
    "error": Case(400, error=refused("ValidationError", "no such endpoint", 400)),
    "throttled to the end": Case(429, error=refused()),
    "long code": Case(400, error=refused("C" * 129, "m", 400)),
    "long message": Case(400, error=refused("Code", "m" * 513, 400)),
    "message of just the length": Case(400, error=refused("Code", "m" * 512, 400)),
    "non-ASCII message": Case(400, error=refused("Code", "Möglich 😀", 400)),
    "connection error to the end": Case(None, error=ConnectError("no route")),
    "long connection error": Case(None, error=ConnectionLostError("x" * 600)),
    "long user agent": Case(user_agent="u" * 257),
    "empty user agent": Case(user_agent=""),
    "no client id": Case(client_id=""),
}


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that every clock shows."""
    seconds = [1_700_000_000.25]
    monkeypatch.setattr(ours.time, "monotonic", lambda: seconds[0])
    return seconds


def our_events(case: Case, now: list[float]) -> list[dict[str, Any]]:
    published: list[bytes] = []

    class Publisher:
        def publish(self, datagram: bytes) -> None:
            published.append(datagram)

    monitoring = ClientSideMonitoring(client_id=case.client_id, publisher=Publisher(), clock=lambda: now[0])
    call = CallContext("sagemaker-runtime", "InvokeEndpoint", "e", ORIGIN, "eu-west-1", "id", {}, "AKIDEXAMPLE")
    headers = {"User-Agent": case.user_agent, "amz-sdk-request": "attempt=1; max=1"}
    request = HTTPRequest("POST", ORIGIN, "/endpoints/e/invocations", headers, b"body")
    monitoring.before_call(call, request)
    now[0] += 0.125
    monitoring.before_attempt(call, request)
    now[0] += 0.5
    outcome = AttemptOutcome(call, Attempt(1, 0.125, 0.5, ""), case.status, case.headers, case.error)
    monitoring.after_attempt(outcome)
    now[0] += 0.25
    final = AttemptOutcome(call, outcome.attempt, None if case.error else case.status, None, case.error)
    monitoring.after_call(final)
    return [json.loads(datagram) for datagram in published]


def botocore_events(case: Case) -> list[dict[str, Any]]:
    call = APICallEvent("SageMaker Runtime", "InvokeEndpoint", 1_700_000_000_250, latency=875)
    call.retries_exceeded = case.error is not None and case.error.retryable
    attempt = call.new_api_call_attempt(1_700_000_000_375)
    attempt.latency = 500
    attempt.url = ORIGIN + "/endpoints/e/invocations"
    attempt.request_headers = {
        "User-Agent": case.user_agent,
        "Authorization": AUTHORIZATION,
        "X-Amz-Security-Token": "token-canary",
    }
    attempt.http_status_code = case.status
    attempt.response_headers = case.headers
    if isinstance(case.error, ServiceError):
        attempt.parsed_error = {"Code": case.error.code, "Message": case.error.error_message}
    elif case.error is not None:
        attempt.wire_exception = case.error
    serializer = CSMSerializer(case.client_id)
    events: list[APICallAttemptEvent | APICallEvent] = [attempt, call]
    return [json.loads(serializer.serialize(event)) for event in events]


@pytest.mark.parametrize("name", CASES)
def test_every_field_of_every_event_is_botocores_but_the_session_token(name: str, now: list[float]) -> None:
    case = CASES[name]
    if case.status is None:
        case.headers = None
    theirs = botocore_events(case)

    assert theirs[0].pop("SessionToken") == "token-canary"
    assert our_events(case, now) == theirs


def test_datagrams_are_written_alike(now: list[float]) -> None:
    case = CASES["non-ASCII message"]
    event = our_events(case, now)[0]

    assert json.dumps(event, separators=(",", ":")).isascii()
    assert ours.MAX_DATAGRAM_BYTES == SocketPublisher._MAX_MONITOR_EVENT_LENGTH


def test_client_ids_have_the_same_limit() -> None:
    ClientSideMonitoring(client_id="x" * CSMSerializer._MAX_CLIENT_ID_LENGTH)
    for refusing in (CSMSerializer, lambda text: ClientSideMonitoring(client_id=text)):
        with pytest.raises(ValueError, match="255"):
            refusing("x" * (CSMSerializer._MAX_CLIENT_ID_LENGTH + 1))


SETTINGS = [
    ({}, ""),
    ({"AWS_CSM_ENABLED": "true"}, ""),
    ({"AWS_CSM_ENABLED": "True", "AWS_CSM_HOST": "h", "AWS_CSM_PORT": "1", "AWS_CSM_CLIENT_ID": "c"}, ""),
    ({"AWS_CSM_ENABLED": "false"}, "csm_enabled = true"),
    ({}, "csm_enabled = true\ncsm_host = h\ncsm_port = 2\ncsm_client_id = c"),
    ({"AWS_CSM_PORT": "3"}, "csm_enabled = true\ncsm_port = 2"),
    ({}, "csm_enabled = false\ncsm_port = 2"),
]


@pytest.mark.parametrize(("environ", "profile"), SETTINGS)
def test_settings_are_botocores(
    environ: dict[str, str], profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text(f"[default]\n{profile}\n")
    surroundings = {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"), **environ}
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    session = botocore.session.Session()
    theirs = None
    if session.get_config_variable("csm_enabled"):
        theirs = tuple(session.get_config_variable(f"csm_{name}") for name in ("client_id", "host", "port"))

    monitoring = monitoring_from(Sources(surroundings, load_shared_files(surroundings).profile(None, "")))

    assert (monitoring and (monitoring.client_id, monitoring.host, monitoring.port)) == theirs
