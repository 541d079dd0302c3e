"""What is logged: one line a call at INFO, heads at DEBUG, and never a body or a secret."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import pytest

from sagemaker_async import Session
from sagemaker_async.aws.call import Call
from sagemaker_async.aws.http import NO_PROGRESS
from sagemaker_async.aws.logs import log_abandoned
from sagemaker_async.aws.timing import SYSTEM_TIMING
from sagemaker_async.aws.transport.stub import StubTransport
from sagemaker_async.config import Credentials, RetryConfig, Timeouts
from sagemaker_async.errors import ConnectionLostError, DNSError, NoCredentialsError, ServiceUnavailable
from sagemaker_async.runtime.operations import INVOKE_ENDPOINT
from sagemaker_async.runtime.stub import StubResponse

UNAVAILABLE = StubResponse.error("ServiceUnavailable", status=503)
REQUEST_ID = "00000000-0000-4000-8000-000000000000"


async def invoke(*answers: Any, max_attempts: int = 1, **fields: Any) -> None:
    retry = RetryConfig(max_attempts=max_attempts, base_delay=0)
    keys = Credentials("AKIDEXAMPLE", "secret-canary", "token-canary")
    async with Session(transport=StubTransport(*answers), retry=retry, credentials=keys) as session:
        await session.runtime.invoke_endpoint(endpoint_name="my-endpoint", body=b"body-canary", **fields)


def begun_call(**clocks: Any) -> Call:
    timing = dataclasses.replace(SYSTEM_TIMING, **clocks)
    return Call(INVOKE_ENDPOINT, "e", "https://service.invalid", Timeouts(), NO_PROGRESS, timing)


def lines(caplog: pytest.LogCaptureFixture, logger: str, level: int) -> list[str]:
    return [message for name, of, message in caplog.record_tuples if (name, of) == (logger, level)]


async def test_a_call_is_one_line_at_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sagemaker_async")

    await invoke(StubResponse())

    (line,) = lines(caplog, "sagemaker_async.calls", logging.INFO)
    assert line.startswith("InvokeEndpoint on 'my-endpoint': 200 in 0.")
    assert line.endswith(f" s, 1 attempt, request id {REQUEST_ID}")
    assert not lines(caplog, "sagemaker_async.wire", logging.DEBUG)


async def test_a_call_with_retries_is_one_line_still(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sagemaker_async")

    await invoke(UNAVAILABLE, StubResponse(), max_attempts=3)

    (line,) = lines(caplog, "sagemaker_async.calls", logging.INFO)
    assert ": 200 in " in line
    assert ", 2 attempts, " in line


@pytest.mark.parametrize(
    ("answer", "outcome", "request_id"),
    [
        (UNAVAILABLE, "503 ServiceUnavailable", REQUEST_ID),
        (DNSError("unknown host"), "DNSError", "None"),
    ],
)
async def test_a_failed_call_is_one_line_with_its_outcome(
    caplog: pytest.LogCaptureFixture, answer: Any, outcome: str, request_id: str
) -> None:
    caplog.set_level(logging.INFO, "sagemaker_async")

    with pytest.raises((ServiceUnavailable, DNSError)):
        await invoke(answer)

    (line,) = lines(caplog, "sagemaker_async.calls", logging.INFO)
    assert f": {outcome} in " in line
    assert line.endswith(f"request id {request_id}")


async def test_the_line_says_why_a_call_was_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sagemaker_async")

    with pytest.raises(ConnectionLostError):
        await invoke(ConnectionLostError("gone"), max_attempts=3)

    (line,) = lines(caplog, "sagemaker_async.calls", logging.INFO)
    assert "; not repeated: the service may have processed the request" in line


async def test_a_stream_is_one_line_when_it_begins(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sagemaker_async")
    async with (
        Session(transport=StubTransport(StubResponse.stream([b"x"]))) as session,
        session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"") as response,
    ):
        assert len(lines(caplog, "sagemaker_async.calls", logging.INFO)) == 1
        async for _ in response.body:
            pass

    assert len(lines(caplog, "sagemaker_async.calls", logging.INFO)) == 1


async def test_a_call_without_credentials_is_a_line(caplog: pytest.LogCaptureFixture) -> None:
    class Empty:
        async def get(self) -> Credentials:
            raise NoCredentialsError("canary")

    caplog.set_level(logging.INFO, "sagemaker_async")
    async with Session(transport=StubTransport(), credentials=Empty()) as session:
        with pytest.raises(NoCredentialsError):
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")

    (line,) = lines(caplog, "sagemaker_async.calls", logging.INFO)
    assert line.startswith("InvokeEndpoint on 'e': NoCredentialsError in 0.")
    assert ", 0 attempts, " in line


def test_an_abandoned_call_is_a_line_with_the_kind_of_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sagemaker_async")

    call = begun_call(monotonic=iter([100.0, 100.5, 101.0, 101.5]).__next__)
    call.begin_attempt()
    call.begin_attempt()
    log_abandoned(call, KeyboardInterrupt("canary"))

    assert lines(caplog, "sagemaker_async.calls", logging.INFO) == [
        "InvokeEndpoint on 'e': KeyboardInterrupt in 1.500 s, 2 attempts, request id None"
    ]


async def test_heads_are_logged_at_debug_and_bodies_are_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "sagemaker_async")

    await invoke(StubResponse(body=b"answer-canary"), content_type="text/csv")

    request, response = lines(caplog, "sagemaker_async.wire", logging.DEBUG)
    assert request.startswith("> POST https://runtime.sagemaker.")
    assert "/endpoints/my-endpoint/invocations, 11 bytes; " in request
    assert "Content-Type: text/csv" in request
    assert response.startswith("< 200; ")
    assert f"x-amzn-RequestId: {REQUEST_ID}" in response
    assert "canary" not in caplog.text


async def test_every_attempt_has_its_heads_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "sagemaker_async")

    await invoke(UNAVAILABLE, StubResponse(), max_attempts=2)

    assert [line[:5] for line in lines(caplog, "sagemaker_async.wire", logging.DEBUG)] == [
        *("> POS", "< 503"),
        *("> POS", "< 200"),
    ]


async def test_signatures_tokens_and_sensitive_fields_are_masked_in_heads(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "sagemaker_async")
    echoed = {"X-Amzn-SageMaker-Custom-Attributes": "attribute-canary", "Set-Cookie": "cookie-canary"}

    await invoke(StubResponse(headers=echoed), custom_attributes="attribute-canary")

    request, response = lines(caplog, "sagemaker_async.wire", logging.DEBUG)
    for name in ("Authorization", "X-Amz-Security-Token", "X-Amzn-SageMaker-Custom-Attributes"):
        assert f"{name.lower()}: ***" in request.lower()
    for name in echoed:
        assert f"{name.lower()}: ***" in response.lower()
    assert "canary" not in caplog.text
    assert "Signature" not in caplog.text


async def test_nothing_is_formatted_when_nobody_listens(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> str:
        raise AssertionError("formatted for nobody")

    monkeypatch.setattr("sagemaker_async.aws.logs._head", refuse)
    monkeypatch.setattr("sagemaker_async.aws.logs._log", refuse)
    caplog.set_level(logging.WARNING, "sagemaker_async")

    await invoke(StubResponse())
    log_abandoned(begun_call(), ValueError())


async def test_a_session_may_have_a_logger_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    mine = logging.getLogger("my_service.sagemaker")

    async with Session(transport=StubTransport(StubResponse(), UNAVAILABLE), logger=mine) as session:
        await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")
        with pytest.raises(ServiceUnavailable):
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")

    assert len(lines(caplog, "my_service.sagemaker.calls", logging.INFO)) == 2
    assert len(lines(caplog, "my_service.sagemaker.wire", logging.DEBUG)) == 4
    assert not lines(caplog, "sagemaker_async.calls", logging.INFO)
    assert not lines(caplog, "sagemaker_async.wire", logging.DEBUG)
