"""Client-side monitoring against botocore's: the same events, field by field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.monitoring import APICallAttemptEvent, APICallEvent, CSMSerializer, SocketPublisher

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.interceptors import AttemptOutcome, CallContext
from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import Attempt, CallError, ConnectError, ConnectionLostError, ServiceError
from sagemaker_async.integrations.client_side_monitoring import MAX_DATAGRAM_BYTES, ClientSideMonitoring

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


def our_datagrams(case: Case) -> list[bytes]:
    published: list[bytes] = []
    now = [1_700_000_000.25]
    timing = Timing(clock=lambda: now[0], monotonic=lambda: now[0])
    monitoring = ClientSideMonitoring(client_id=case.client_id, publisher=published.append, timing=timing)
    call = CallContext("sagemaker-runtime", "InvokeEndpoint", "e", ORIGIN, "eu-west-1", "id", {}, "AKIDEXAMPLE")
    headers = {"User-Agent": case.user_agent, "amz-sdk-request": "attempt=1; max=1"}
    request = HTTPRequest("POST", ORIGIN, "/endpoints/e/invocations", headers, b"body")
    monitoring.before_call(call, request)
    monitoring.before_attempt(call, request)
    now[0] += 0.625
    outcome = AttemptOutcome(call, Attempt(1, 0.125, 0.5, ""), case.status, case.headers, case.error)
    monitoring.after_attempt(outcome)
    now[0] += 0.25
    final = AttemptOutcome(call, outcome.attempt, None if case.error else case.status, None, case.error)
    monitoring.after_call(final)
    return published


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
def test_every_field_of_every_event_is_botocores_but_the_session_token(name: str) -> None:
    case = CASES[name]
    if case.status is None:
        case.headers = None
    theirs = botocore_events(case)

    assert theirs[0].pop("SessionToken") == "token-canary"
    assert [json.loads(datagram) for datagram in our_datagrams(case)] == theirs


def test_datagrams_are_written_alike() -> None:
    for datagram in our_datagrams(CASES["non-ASCII message"]):
        assert datagram.isascii()
        assert json.dumps(json.loads(datagram), separators=(",", ":")).encode() == datagram
    assert MAX_DATAGRAM_BYTES == SocketPublisher._MAX_MONITOR_EVENT_LENGTH


def test_client_ids_have_the_same_limit() -> None:
    ClientSideMonitoring(client_id="x" * CSMSerializer._MAX_CLIENT_ID_LENGTH)
    for refusing in (CSMSerializer, lambda text: ClientSideMonitoring(client_id=text)):
        with pytest.raises(ValueError, match="255"):
            refusing("x" * (CSMSerializer._MAX_CLIENT_ID_LENGTH + 1))
