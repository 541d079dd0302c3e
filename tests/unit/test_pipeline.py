"""The loop of attempts against a scripted transport, with a clock, a sleep and random numbers of the test's own."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
from collections.abc import Callable
from email.utils import format_datetime
from typing import Any

import pytest
from multidict import CIMultiDict

from sagemaker_async.aws import call as call_module
from sagemaker_async.aws import pipeline as pipeline_module
from sagemaker_async.aws.credentials import CredentialCache
from sagemaker_async.aws.endpoints import Endpoint
from sagemaker_async.aws.http import HTTPRequest, Progress
from sagemaker_async.aws.interceptors import Interceptor
from sagemaker_async.aws.interceptors.chain import InterceptorChain
from sagemaker_async.aws.pipeline import HASH_OFF_LOOP_BYTES, Pipeline, Reply
from sagemaker_async.aws.retries import RetryRules
from sagemaker_async.aws.shapes.deferred import DeferredShapes
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.aws.timing import Timing
from sagemaker_async.config import Credentials, RetryConfig, Timeouts
from sagemaker_async.errors import (
    AccessDeniedError,
    CallError,
    ConnectionLostError,
    CredentialsError,
    DNSError,
    ExpiredTokenError,
    FirstByteTimeoutError,
    GatewayError,
    InternalDependencyException,
    InternalFailure,
    ModelError,
    ModelNotReadyException,
    NoCredentialsError,
    PoolTimeoutError,
    ServiceError,
    ServiceUnavailable,
    SessionClosedError,
    SignatureError,
    ThrottlingError,
    TotalTimeoutError,
    ValidationError,
)
from sagemaker_async.runtime.operations import (
    INVOKE_ENDPOINT,
    INVOKE_ENDPOINT_WITH_RESPONSE_STREAM,
    SAGEMAKER_RUNTIME,
)
from sagemaker_async.runtime.shapes import InvokeEndpointRequest, InvokeEndpointResponse

NOW = 1_800_000_000.0
ORIGIN = "https://runtime.sagemaker.us-east-1.amazonaws.com"
OLD = Credentials("AKIDOLD", "old-secret")
NEW = Credentials("AKIDNEW", "new-secret", "token")
DESCRIBE = Operation(
    name="Describe",
    service=SAGEMAKER_RUNTIME,
    path="/describe",
    shapes=DeferredShapes.of(InvokeEndpointRequest, InvokeEndpointResponse),
    repeatable=True,
)


class Clock:
    """Time that only passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.delays: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.delays.append(seconds)
        self.now += seconds


class ScriptedResponse:
    def __init__(self, status: int, body: bytes, headers: dict[str, str], cut: Exception | None = None) -> None:
        self.status = status
        self.headers = CIMultiDict(headers)
        self.closed = False
        self.was_read = False
        self._chunks: list[bytes | Exception] = [each for each in (body, cut) if each]

    async def read_chunk(self) -> bytes:
        self.was_read = True
        chunk = self._chunks.pop(0) if self._chunks else b""
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    async def read(self, limit: int | None = None) -> bytes:
        chunks = []
        while chunk := await self.read_chunk():
            chunks.append(chunk)
        return b"".join(chunks)

    def close(self) -> None:
        self.closed = True


class ScriptedTransport:
    """Answers from a list: a response, an exception to raise, or a function of the request; the last one ever after."""

    def __init__(self, *script: Any) -> None:
        self.script = script
        self.requests: list[HTTPRequest] = []
        self.timeouts: list[Timeouts] = []

    async def send(self, request: HTTPRequest, timeouts: Timeouts, on_chunk_sent: Any = None, sign: Any = None) -> Any:
        request = sign(request)
        self.requests.append(request)
        self.timeouts.append(timeouts)
        step = self.script[min(len(self.requests), len(self.script)) - 1]
        if callable(step):
            step = await step(request)
        if isinstance(step, Exception):
            raise step
        return step

    async def close(self) -> None: ...


class Source:
    """Gives credentials from a list, the last ones ever after; an exception is raised."""

    def __init__(self, *credentials: Credentials | Exception) -> None:
        self.credentials = credentials
        self.asked = 0

    async def get(self) -> Credentials:
        self.asked += 1
        given = self.credentials[min(self.asked, len(self.credentials)) - 1]
        if isinstance(given, Exception):
            raise given
        return given


def answer(status: int = 200, body: Any = b"ok", **headers: str) -> ScriptedResponse:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ScriptedResponse(status, content, {name.replace("_", "-"): value for name, value in headers.items()})


def error(status: int, code: str, message: str | None = "no", **headers: str) -> ScriptedResponse:
    return answer(status, {"Message": message}, x_amzn_ErrorType=code, **headers)


def lost(*, stale: bool = False) -> ConnectionLostError:
    failure = ConnectionLostError("the connection was lost")
    failure.stale = stale
    return failure


def http_date(timestamp: float) -> str:
    return format_datetime(datetime.datetime.fromtimestamp(timestamp, datetime.UTC), usegmt=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


Make = Callable[..., Pipeline]


@pytest.fixture
def make(clock: Clock) -> Make:
    def made(
        transport: ScriptedTransport,
        *,
        source: Source | None = None,
        now: Callable[[], float] = lambda: NOW,
        random: float = 0.5,
        interceptors: InterceptorChain | None = None,
        correct_clock_skew: bool = True,
        **retry: Any,
    ) -> Pipeline:
        return Pipeline(
            SAGEMAKER_RUNTIME,
            Endpoint(origin=ORIGIN, signing_region="us-east-1", signing_name="sagemaker"),
            transport,
            CredentialCache(source or Source(OLD)),
            retry=RetryConfig(**retry),
            interceptors=interceptors or InterceptorChain(()),
            correct_clock_skew=correct_clock_skew,
            timing=Timing(
                clock=now,
                monotonic=lambda: clock.monotonic(),
                sleep=lambda seconds: clock.sleep(seconds),
                uniform=lambda: random,
            ),
        )

    return made


async def send(
    pipeline: Pipeline, operation: Operation = INVOKE_ENDPOINT, body: bytes = b"body", timeouts: Timeouts | None = None
) -> Reply:
    request = HTTPRequest("POST", ORIGIN, "/endpoints/e/invocations", {"Content-Type": "text/plain"}, body)
    return await pipeline.send(operation, request, timeouts or Timeouts(), "e")


# --- success ---------------------------------------------------------------------------------------------------------


async def test_a_success_carries_its_body_request_id_headers_and_attempt(make: Make) -> None:
    reply = await send(make(ScriptedTransport(answer(200, b"answer", x_amzn_RequestId="id-1", X="y"))))
    assert reply.body == b"answer"
    assert (reply.metadata.request_id, reply.metadata.status, reply.metadata.headers["x"]) == ("id-1", 200, "y")
    assert reply.metadata.attempts == ((1, 0.0, 0.0, "200", None, None),)


async def test_a_stream_is_handed_over_unread(make: Make) -> None:
    response = answer(200, b"events")
    reply = await send(make(ScriptedTransport(response)), INVOKE_ENDPOINT_WITH_RESPONSE_STREAM)
    assert reply.response is response
    assert (reply.body, response.was_read, response.closed) == (b"", False, False)


async def test_the_requests_own_headers_target_and_body_are_sent_and_signed(make: Make) -> None:
    transport = ScriptedTransport(answer())
    await send(make(transport))
    (sent,) = transport.requests
    assert (sent.method, sent.origin, sent.target, sent.body) == ("POST", ORIGIN, "/endpoints/e/invocations", b"body")
    assert sent.headers["Content-Type"] == "text/plain"
    assert sent.headers["amz-sdk-request"] == "attempt=1; max=3"
    assert sent.headers["X-Amz-Date"] == "20270115T080000Z"
    assert "Credential=AKIDOLD/20270115/us-east-1/sagemaker/aws4_request" in sent.headers["Authorization"]
    assert "SignedHeaders=content-type;host;x-amz-date, " in sent.headers["Authorization"]


async def test_a_large_body_is_hashed_off_the_loop_to_the_same_signature(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = b"x" * HASH_OFF_LOOP_BYTES
    monkeypatch.setattr(call_module, "_invocation_id", lambda: "id")
    off_loop, on_loop = ScriptedTransport(answer()), ScriptedTransport(answer())
    await send(make(off_loop), body=body)
    monkeypatch.setattr(pipeline_module, "HASH_OFF_LOOP_BYTES", len(body) + 1)
    await send(make(on_loop), body=body)
    assert off_loop.requests[0].headers == on_loop.requests[0].headers


# --- retries ---------------------------------------------------------------------------------------------------------


async def test_retries_wait_as_the_policy_says_and_every_attempt_is_listed(make: Make, clock: Clock) -> None:
    transport = ScriptedTransport(error(503, "ServiceUnavailable"), error(400, "ThrottlingException"), answer())
    reply = await send(make(transport))
    assert clock.delays == [0.5 * 0.05, 0.5 * 2]
    assert reply.metadata.attempts == (
        (1, 0.0, 0.0, "503 ServiceUnavailable", 0.025, None),
        (2, 0.025, 0.0, "400 ThrottlingException", 1.0, None),
        (3, 1.025, 0.0, "200", None, None),
    )


async def test_each_attempt_is_signed_afresh_under_one_invocation_id(make: Make, clock: Clock) -> None:
    transport = ScriptedTransport(error(503, "ServiceUnavailable"), error(503, "ServiceUnavailable"), answer())
    await send(make(transport, now=lambda: NOW + 10 * len(transport.requests)))
    headers = [sent.headers for sent in transport.requests]
    assert [each["amz-sdk-request"] for each in headers] == [f"attempt={n}; max=3" for n in (1, 2, 3)]
    assert [each["X-Amz-Date"] for each in headers] == [f"20270115T0800{s}Z" for s in ("00", "10", "20")]
    assert len({each["Authorization"] for each in headers}) == 3
    assert len({each["amz-sdk-invocation-id"] for each in headers}) == 1


async def test_the_last_failure_is_raised_with_everything_known_about_the_call(make: Make) -> None:
    transport = ScriptedTransport(
        error(503, "ServiceUnavailable"),
        error(503, "ServiceUnavailable"),
        error(503, "ServiceUnavailable", "busy", x_amzn_RequestId="id-3", x_amz_retry_after="1500"),
    )
    with pytest.raises(ServiceUnavailable) as caught:
        await send(make(transport))
    failure = caught.value
    assert (failure.operation, failure.resource, failure.url) == ("InvokeEndpoint", "e", ORIGIN)
    assert (failure.request_id, failure.retry_after, failure.status) == ("id-3", 1.5, 503)
    assert [(each.number, each.outcome, each.delay) for each in failure.attempts] == [
        (1, "503 ServiceUnavailable", 0.025),
        (2, "503 ServiceUnavailable", 0.05),
        (3, "503 ServiceUnavailable", None),
    ]
    assert str(failure) == (
        f"InvokeEndpoint on 'e': HTTP 503 ServiceUnavailable: busy [{ORIGIN}, request id id-3, 3 attempts]"
    )


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (error(500, "InternalFailure"), InternalFailure),
        (error(503, "ServiceUnavailable"), ServiceUnavailable),
        (error(530, "InternalDependencyException"), InternalDependencyException),
        (error(429, "ModelNotReadyException"), ModelNotReadyException),
        (error(429, "TooManyRequestsException"), ThrottlingError),
        (answer(429, b""), ThrottlingError),
        (answer(400, {"message": None}), ThrottlingError),
        (DNSError("unknown host"), DNSError),
    ],
    ids=["500", "503", "530", "model not ready", "too many requests", "bare 429", "null message", "not sent"],
)
async def test_what_passes_by_itself_is_repeated(make: Make, failure: Any, raised: type[CallError]) -> None:
    async def again(_: HTTPRequest) -> Any:
        return copy_of(failure)

    transport = ScriptedTransport(again)
    with pytest.raises(raised) as caught:
        await send(make(transport))
    assert len(transport.requests) == 3
    assert caught.value.retryable


async def test_a_used_up_retry_quota_is_named_in_the_error_the_attempt_and_the_log(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    async def busy(_: HTTPRequest) -> Any:
        return error(503, "ServiceUnavailable", "busy")

    caplog.set_level(logging.INFO, "sagemaker_async.calls")
    transport = ScriptedTransport(busy)
    pipeline = make(transport)
    why = "not repeated: the retry quota of this session is used up"
    failures = []
    while not failures or failures[-1].attempts[-1].note is None:
        with pytest.raises(ServiceUnavailable) as caught:
            await send(pipeline)
        failures.append(caught.value)
    repeated, spent = failures[-3], failures[-1]
    assert (len(repeated.attempts), repeated.attempts[-1].note) == (3, None)
    assert "not repeated" not in str(repeated)
    assert spent.attempts[-1].note == spent.not_repeated == why
    assert len(spent.attempts) < 3
    assert str(spent).endswith(f", {why}]")
    assert caplog.messages[-1].endswith(f"; {why}")
    assert why not in caplog.messages[0]


async def test_an_ambiguous_outcome_says_why_it_was_not_repeated_and_what_would(make: Make) -> None:
    with pytest.raises(ConnectionLostError) as caught:
        await send(make(ScriptedTransport(lost())))
    why = "not repeated: the service may have processed the request (RetryConfig.retry_ambiguous)"
    assert caught.value.attempts[-1].note == why
    assert why in str(caught.value)
    with pytest.raises(ConnectionLostError) as caught:
        await send(make(ScriptedTransport(lost()), retry_ambiguous=True))
    assert [attempt.note for attempt in caught.value.attempts] == [None, None, None]


@pytest.mark.parametrize(
    ("size", "failure", "explained"),
    [
        ((4 << 20) + 1, lost(), True),
        (4 << 20, lost(), False),
        ((4 << 20) + 1, FirstByteTimeoutError("no answer", 70), False),
        ((4 << 20) + 1, DNSError("unknown host"), False),
        ((4 << 20) + 1, answer(200, b"half"), False),
    ],
    ids=["large", "not large", "slow", "not sent", "answer begun"],
)
async def test_a_connection_lost_with_a_large_body_names_the_limits_and_ways_round_them(
    make: Make, size: int, failure: Any, explained: bool
) -> None:
    if isinstance(failure, ScriptedResponse):
        failure._chunks.append(lost())
    with pytest.raises(CallError) as caught:
        await send(make(ScriptedTransport(failure), max_attempts=1), body=b"x" * size)
    hint = (
        f"; the request's body has {size:,} bytes, and SageMaker closes the connection without an answer when a "
        "body exceeds the endpoint's limit (25 MB for real-time, 4 MB for serverless endpoints): send smaller batches, "
        "or use asynchronous inference"
    )
    assert (hint in str(caught.value)) == explained


def copy_of(step: Any) -> Any:
    if isinstance(step, Exception):
        return type(step)(*step.args)
    return ScriptedResponse(step.status, b"".join(step._chunks), dict(step.headers))


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (error(424, "ModelError"), ModelError),
        (error(400, "ValidationError"), ValidationError),
        (error(403, "AccessDeniedException"), AccessDeniedError),
        (error(403, "InvalidSignatureException"), SignatureError),
        (answer(413, b"too large"), ValidationError),
        (answer(404, b"<html>"), ServiceError),
        (answer(307, b"", Location="/elsewhere"), ServiceError),
        (answer(400, {"message": "no null"}), ServiceError),
        (PoolTimeoutError("full", 1.0), PoolTimeoutError),
    ],
    ids=["424", "validation", "denied", "signature", "413", "404", "redirect", "400", "pool"],
)
async def test_what_repeating_cannot_help_is_not_repeated(make: Make, failure: Any, raised: type[CallError]) -> None:
    transport = ScriptedTransport(failure)
    with pytest.raises(raised) as caught:
        await send(make(transport, retry_ambiguous=True))
    assert len(transport.requests) == len(caught.value.attempts) == 1


AMBIGUOUS = [
    pytest.param(lambda: lost(), ConnectionLostError, id="lost"),
    pytest.param(lambda: FirstByteTimeoutError("silence", 70.0), FirstByteTimeoutError, id="first byte"),
    pytest.param(lambda: answer(502, b"<html>bad gateway"), GatewayError, id="502"),
    pytest.param(lambda: answer(504, b""), GatewayError, id="504"),
]


@pytest.mark.parametrize(("failure", "raised"), AMBIGUOUS)
@pytest.mark.parametrize(
    ("operation", "retry", "attempts"),
    [(INVOKE_ENDPOINT, {}, 1), (INVOKE_ENDPOINT, {"retry_ambiguous": True}, 3), (DESCRIBE, {}, 3)],
    ids=["invocation", "invocation when told to", "repeatable"],
)
async def test_the_ambiguous_is_repeated_only_where_that_is_harmless(
    make: Make,
    failure: Callable[[], Any],
    raised: type[CallError],
    operation: Operation,
    retry: dict[str, Any],
    attempts: int,
) -> None:
    async def again(_: HTTPRequest) -> Any:
        return failure()

    transport = ScriptedTransport(again)
    with pytest.raises(raised) as caught:
        await send(make(transport, **retry), operation)
    assert caught.value.ambiguous
    assert len(transport.requests) == attempts


async def test_a_stale_connection_is_replaced_at_once_and_once(make: Make, clock: Clock) -> None:
    transport = ScriptedTransport(lost(stale=True), answer())
    reply = await send(make(transport, max_attempts=1))
    assert clock.delays == []
    assert [(each.outcome, each.delay, each.note) for each in reply.metadata.attempts] == [
        ("ConnectionLostError", 0.0, "stale connection"),
        ("200", None, None),
    ]
    again = ScriptedTransport(lost(stale=True), lost(stale=True), answer())
    with pytest.raises(ConnectionLostError):
        await send(make(again))
    assert len(again.requests) == 2


async def test_the_service_may_ask_for_a_longer_delay(make: Make, clock: Clock) -> None:
    await send(make(ScriptedTransport(error(503, "ServiceUnavailable", x_amz_retry_after="2000"), answer())))
    assert clock.delays == [2.0]


async def test_an_error_whose_body_breaks_off_is_still_that_error(make: Make) -> None:
    cut = ScriptedResponse(424, b'{"Message": "it br', {"x-amzn-ErrorType": "ModelError"}, cut=lost())
    with pytest.raises(ModelError, match="it br") as caught:
        await send(make(ScriptedTransport(cut), retry_ambiguous=True))
    assert caught.value.status == 424


async def test_a_success_whose_body_breaks_off_is_ambiguous(make: Make) -> None:
    cut = ScriptedResponse(200, b"half", {}, cut=lost())
    transport = ScriptedTransport(cut)
    with pytest.raises(ConnectionLostError):
        await send(make(transport))
    assert len(transport.requests) == 1


# --- the clock and the credentials -----------------------------------------------------------------------------------

SKEWED = {"status": 403, "code": "InvalidSignatureException", "message": "Signature expired"}


async def test_a_wrong_clock_is_corrected_once_and_stays_corrected(make: Make, clock: Clock) -> None:
    date = http_date(NOW + 3600)
    transport = ScriptedTransport(error(**SKEWED, Date=date), answer(), answer())
    pipeline = make(transport)
    reply = await send(pipeline)
    await send(pipeline)
    assert [sent.headers["X-Amz-Date"][9:] for sent in transport.requests] == ["080000Z", "090000Z", "090000Z"]
    assert reply.metadata.attempts[0].note == "clock skew"
    assert clock.delays == []


async def test_a_clock_that_is_refused_again_is_not_corrected_again(make: Make) -> None:
    transport = ScriptedTransport(
        error(**SKEWED, Date=http_date(NOW + 3600)), error(**SKEWED, Date=http_date(NOW + 7200)), answer()
    )
    with pytest.raises(SignatureError):
        await send(make(transport))
    assert len(transport.requests) == 2


@pytest.mark.parametrize("date", [None, "no date", http_date(NOW + 200)])
async def test_a_clock_that_is_right_is_left_alone(make: Make, date: str | None) -> None:
    headers = {} if date is None else {"Date": date}
    transport = ScriptedTransport(error(**SKEWED, **headers), answer())
    with pytest.raises(SignatureError):
        await send(make(transport))
    assert len(transport.requests) == 1


async def test_the_clock_is_not_corrected_when_that_is_off(make: Make) -> None:
    transport = ScriptedTransport(error(**SKEWED, Date=http_date(NOW + 3600)), answer())
    with pytest.raises(SignatureError):
        await send(make(transport, correct_clock_skew=False))
    assert len(transport.requests) == 1


async def test_without_an_attempt_left_the_next_call_has_the_corrected_clock(make: Make) -> None:
    transport = ScriptedTransport(error(**SKEWED, Date=http_date(NOW + 3600)), answer())
    pipeline = make(transport, max_attempts=1)
    with pytest.raises(SignatureError):
        await send(pipeline)
    await send(pipeline)
    assert transport.requests[1].headers["X-Amz-Date"] == "20270115T090000Z"


EXPIRED = {"status": 403, "code": "ExpiredTokenException", "message": "The security token is expired"}


async def test_expired_credentials_are_refreshed_once(make: Make, clock: Clock) -> None:
    source = Source(OLD, NEW)
    transport = ScriptedTransport(error(**EXPIRED), answer())
    reply = await send(make(transport, source=source))
    assert ["AKIDOLD" in sent.headers["Authorization"] for sent in transport.requests] == [True, False]
    assert transport.requests[1].headers["X-Amz-Security-Token"] == "token"
    assert (reply.metadata.attempts[0].note, source.asked, clock.delays) == ("expired credentials", 2, [])


async def test_credentials_that_are_expired_again_are_an_error(make: Make) -> None:
    source = Source(OLD, NEW, OLD)
    transport = ScriptedTransport(error(**EXPIRED), error(**EXPIRED))
    with pytest.raises(ExpiredTokenError) as caught:
        await send(make(transport, source=source))
    assert (len(transport.requests), len(caught.value.attempts)) == (2, 2)


async def test_without_an_attempt_left_the_next_call_has_refreshed_credentials(make: Make) -> None:
    transport = ScriptedTransport(error(**EXPIRED), answer())
    pipeline = make(transport, source=Source(OLD, NEW), max_attempts=1)
    with pytest.raises(ExpiredTokenError):
        await send(pipeline)
    await send(pipeline)
    assert "AKIDNEW" in transport.requests[1].headers["Authorization"]


async def test_without_an_attempt_left_a_refresh_that_fails_does_not_hide_the_error(make: Make) -> None:
    transport = ScriptedTransport(error(**EXPIRED))
    with pytest.raises(ExpiredTokenError):
        await send(make(transport, source=Source(OLD, NoCredentialsError("none")), max_attempts=1))


async def test_credentials_that_cannot_be_refreshed_are_an_error(make: Make) -> None:
    transport = ScriptedTransport(error(**EXPIRED))
    with pytest.raises(CredentialsError):
        await send(make(transport, source=Source(OLD, NoCredentialsError("none"))))


async def test_without_credentials_nothing_is_sent(make: Make) -> None:
    transport = ScriptedTransport(answer())
    with pytest.raises(NoCredentialsError):
        await send(make(transport, source=Source(NoCredentialsError("none"))))
    assert transport.requests == []


# --- limits ----------------------------------------------------------------------------------------------------------


async def test_the_total_limit_spans_attempts_and_lists_the_one_under_way(make: Make) -> None:
    async def never(_: HTTPRequest) -> Any:
        await asyncio.Event().wait()

    transport = ScriptedTransport(error(503, "ServiceUnavailable"), never)
    with pytest.raises(TotalTimeoutError, match=r"Timeouts\.total") as caught:
        await send(make(transport), timeouts=Timeouts(total=0.02))
    failure = caught.value
    assert (failure.seconds, failure.operation, failure.ambiguous) == (0.02, "InvokeEndpoint", True)
    assert [each.outcome for each in failure.attempts] == ["503 ServiceUnavailable", "TotalTimeoutError"]


async def test_the_total_limit_ends_a_delay(make: Make, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forever(seconds: float) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(clock, "sleep", forever)
    with pytest.raises(TotalTimeoutError) as caught:
        await send(make(ScriptedTransport(error(503, "ServiceUnavailable"))), timeouts=Timeouts(total=0.3))
    assert [each.outcome for each in caught.value.attempts] == ["503 ServiceUnavailable"]


async def test_cancelling_the_call_is_no_timeout(make: Make) -> None:
    async def never(_: HTTPRequest) -> Any:
        await asyncio.Event().wait()

    task = asyncio.create_task(send(make(ScriptedTransport(never)), timeouts=Timeouts(total=10)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_adaptive_mode_waits_for_its_own_rate(make: Make, clock: Clock) -> None:
    pipeline = make(ScriptedTransport(error(400, "ThrottlingException"), answer()), mode="adaptive")
    reply = await send(pipeline)
    assert len(clock.delays) > 1, "the back-off, and the wait for a token"
    assert len(reply.metadata.attempts) == 2


async def test_adaptive_mode_raises_instead_when_told_so(make: Make) -> None:
    transport = ScriptedTransport(error(400, "ThrottlingException"), answer())
    with pytest.raises(ThrottlingError, match="adaptive_wait_to_fill") as caught:
        await send(make(transport, mode="adaptive", adaptive_wait_to_fill=False, base_delay=0.0))
    failure = caught.value
    assert (failure.code, failure.status, failure.not_sent) == ("ClientRateLimit", 0, True)
    assert failure.retry_after
    assert failure.retry_after > 0
    assert [each.outcome for each in failure.attempts] == ["400 ThrottlingException"]
    assert (failure.operation, failure.url) == ("InvokeEndpoint", ORIGIN)


async def test_closing_the_session_ends_the_call(make: Make) -> None:
    transport = ScriptedTransport(SessionClosedError("closed"))
    with pytest.raises(SessionClosedError):
        await send(make(transport))
    assert len(transport.requests) == 1


async def test_calls_of_one_pipeline_share_the_retry_quota(make: Make) -> None:
    async def unavailable(_: HTTPRequest) -> Any:
        return error(503, "ServiceUnavailable")

    transport = ScriptedTransport(unavailable)
    pipeline = make(transport, max_attempts=100)
    with pytest.raises(ServiceUnavailable):
        await send(pipeline)
    spent = len(transport.requests)
    assert spent == 1 + 500 // 14
    with pytest.raises(ServiceUnavailable):
        await send(pipeline)
    assert len(transport.requests) == spent + 1


# --- letting go ------------------------------------------------------------------------------------------------------


async def test_a_callback_that_raises_lets_go_of_the_answer(make: Make) -> None:
    def broken(chunk: bytes, received: int, total: int | None) -> None:
        raise ZeroDivisionError

    response = answer(200, b"body")
    request = HTTPRequest("POST", ORIGIN, "/", {}, b"")
    with pytest.raises(ZeroDivisionError):
        await make(ScriptedTransport(response)).send(
            INVOKE_ENDPOINT, request, Timeouts(), progress=Progress(on_chunk_received=broken)
        )
    assert response.closed


@pytest.mark.parametrize("hook", ["after_attempt", "after_call"])
async def test_an_interceptor_that_raises_lets_go_of_the_stream_and_is_not_retried(make: Make, hook: str) -> None:
    class Broken(Interceptor):
        pass

    def broken(self: Broken, outcome: Any) -> None:
        raise DNSError("raised by the interceptor")

    setattr(Broken, hook, broken)
    response = answer(200, b"events")
    transport = ScriptedTransport(response)
    with pytest.raises(DNSError):
        await send(make(transport, interceptors=InterceptorChain([Broken()])), INVOKE_ENDPOINT_WITH_RESPONSE_STREAM)
    assert (response.closed, len(transport.requests)) == (True, 1)


async def test_progress_of_the_download_ends_with_the_total(make: Make) -> None:
    seen: list[tuple[bytes, int, int | None]] = []
    response = ScriptedResponse(200, b"12345", {"Content-Length": "5"})
    request = HTTPRequest("POST", ORIGIN, "/", {}, b"")
    progress = Progress(on_chunk_received=lambda *at: seen.append(at))
    reply = await make(ScriptedTransport(response)).send(INVOKE_ENDPOINT, request, Timeouts(), progress=progress)
    assert (reply.body, seen) == (b"12345", [(b"12345", 5, 5)])


async def test_each_attempt_tells_of_the_pieces_of_its_own_upload(make: Make) -> None:
    seen: list[tuple[bytes, int, int | None]] = []

    class Sliced(ScriptedTransport):
        async def send(
            self, request: HTTPRequest, timeouts: Timeouts, on_chunk_sent: Any = None, sign: Any = None
        ) -> Any:
            on_chunk_sent(2, 3)
            on_chunk_sent(3, 3)
            return await super().send(request, timeouts, on_chunk_sent, sign)

    request = HTTPRequest("POST", ORIGIN, "/", {}, b"abc")
    progress = Progress(on_chunk_sent=lambda *at: seen.append(at))
    pipeline = make(Sliced(error(503, "ServiceUnavailable"), answer()))
    await pipeline.send(INVOKE_ENDPOINT, request, Timeouts(), progress=progress)
    assert seen == [(b"ab", 2, 3), (b"c", 3, 3)] * 2


def test_the_runtimes_rules_are_what_these_tests_are_about() -> None:
    rules = SAGEMAKER_RUNTIME.retry_rules
    assert isinstance(rules, RetryRules)
    assert rules.null_message_is_throttling
    assert not INVOKE_ENDPOINT.repeatable
