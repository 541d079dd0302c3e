"""Secrets stay where they were put: canaries in credentials, proxy password and custom attributes show up nowhere else.

Calls succeed and fail in every way, with everything logged at DEBUG (the event loop's own slow callbacks, and aiohttp,
too), spans, metrics and datagrams kept, and the `repr` of every object taken that users hold.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import shlex
import socket
import sys
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sagemaker_async import Config, Predictor, Session
from sagemaker_async.aws.credentials import AssumeRole, ContainerCredentials, EnvironmentCredentials, Process
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.interceptors import AttemptOutcome, CallContext, ConnectionPool, Interceptor, StreamSummary
from sagemaker_async.config import Credentials, RetryConfig, Timeouts
from sagemaker_async.errors import (
    AccessDeniedError,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    CredentialsError,
    DNSError,
    ExpiredTokenError,
    FirstByteTimeoutError,
    GatewayError,
    InternalFailure,
    InternalStreamFailure,
    MessageChecksumError,
    ModelError,
    ModelStreamError,
    NotAnEventStreamError,
    PoolTimeoutError,
    ProxyError,
    RequestValidationError,
    SageMakerAsyncError,
    ServiceError,
    ServiceUnavailable,
    SessionClosedError,
    SignatureError,
    StreamConnectionError,
    StreamStalledError,
    ThrottlingError,
    TLSError,
    TotalTimeoutError,
    TruncatedStreamError,
    UnmodeledStreamError,
    ValidationError,
)
from sagemaker_async.integrations.client_side_monitoring import ClientSideMonitoring
from sagemaker_async.integrations.opentelemetry import OpenTelemetry
from sagemaker_async.local import (
    CutFrame,
    DropConnection,
    InStreamError,
    InvocationRequest,
    LocalSageMaker,
    ModelFailure,
    ModelResponse,
    NotAnEventStream,
    Reset,
    Stall,
    Status,
    Throttle,
    UnmodeledError,
    WrongChecksum,
)

SECRET = "SecretKeyCanary/7f3a+x"
TOKEN = "SessionTokenCanary/9c1b+y=="
PASSWORD = "ProxyPassword Canary:5d2e@z"
PROXY_USER = "proxy-user-canary"
ATTRIBUTES = "CustomAttributesCanary/1e8d"
BODY = b"RequestBodyCanary-4b6f"
OUTPUT = b"ModelOutputCanary-8a0c"

KEYS = Credentials("AKIDEXAMPLE", SECRET, TOKEN)
PROXY_LOGIN = f"{quote(PROXY_USER, safe='')}:{quote(PASSWORD, safe='')}"

SECRETS = [SECRET, TOKEN, PASSWORD, PROXY_USER, ATTRIBUTES]
BODIES = [BODY.decode(), OUTPUT.decode()]


def spellings(canary: str) -> set[str]:
    """Return the forms a text travels in: as it is, percent-encoded, in JSON and `repr`, in Base64."""
    login = f"{PROXY_USER}:{PASSWORD}" if canary == PASSWORD else canary
    return {
        canary,
        quote(canary),
        quote(canary, safe=""),
        json.dumps(canary)[1:-1],
        repr(canary)[1:-1],
        base64.b64encode(login.encode()).decode().rstrip("="),
    }


LOGIN = base64.b64encode(f"{PROXY_USER}:{PASSWORD}".encode()).decode()
IN_FRAMES = [SECRET, TOKEN, "Signature=", *sorted(spellings(PASSWORD)), PROXY_USER, LOGIN]
"""What no frame of an exception may hold. Request fields and bodies are the caller's own."""


class Onlooker(Interceptor):
    """Takes the `repr` of whatever interceptors are shown."""

    def __init__(self, show: Callable[[object], None]) -> None:
        self.show = show

    def opened(self, pool: ConnectionPool) -> None:
        self.show(pool)

    def before_call(self, call: CallContext, request: HTTPRequest) -> None:
        self.show(call)
        self.show(request)

    def abandoned(self, call: CallContext, error: BaseException) -> None:
        self.show(call)

    def after_attempt(self, outcome: AttemptOutcome) -> None:
        self.show(outcome)

    def after_call(self, outcome: AttemptOutcome) -> None:
        self.show(outcome)

    def after_stream(self, summary: StreamSummary) -> None:
        self.show(summary)


class Evidence:
    """Everything that calls leave behind for others to read."""

    def __init__(self, caplog: pytest.LogCaptureFixture, frames: Any) -> None:
        self._caplog = caplog
        self._frames = frames
        self._held: list[str] = []
        self._shown: list[str] = []
        self._datagrams: list[bytes] = []
        self._spans = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self._metrics = InMemoryMetricReader()
        self.meters = MeterProvider([self._metrics])
        self.interceptors = (
            OpenTelemetry(tracer_provider=self.tracers, meter_provider=self.meters, inject_context=True),
            ClientSideMonitoring(publisher=self._datagrams.append),
            Onlooker(self.show),
        )

    def show(self, *objects: object) -> None:
        """Take what a program would print of some objects."""
        self._shown += [repr(each) for each in objects]

    def failure(self, error: BaseException, *, frames: bool = True) -> None:
        """Take what a program would print of an exception and all that it is chained to, and what their frames hold."""
        if frames:
            self._held += self._frames.holding(error)
        self._shown += ["".join(traceback.format_exception(error)), str(error), repr(error)]
        seen: BaseException | None = error
        while seen is not None:
            self._shown.append(repr(getattr(seen, "args", ())))
            seen = seen.__cause__ or seen.__context__

    @property
    def logs(self) -> str:
        formatter = logging.Formatter("%(name)s %(levelname)s %(message)s")
        return "\n".join(formatter.format(record) for record in self._caplog.records)

    @property
    def telemetry(self) -> str:
        spans = [span.to_json() for span in self._spans.get_finished_spans()]
        metrics = self._metrics.get_metrics_data()
        return "\n".join([*spans, metrics.to_json() if metrics is not None else ""])

    def check(self, *, calls: bool = True, sent: bool = True) -> None:
        """Assert that there is evidence, and no canary in it."""
        assert self._held == []
        datagrams = b"\n".join(self._datagrams).decode()
        shown = "\n".join(self._shown)
        for canary in SECRETS:
            for form in spellings(canary):
                for name, text in (
                    ("logs", self.logs),
                    ("telemetry", self.telemetry),
                    ("datagrams", datagrams),
                    ("reprs and tracebacks", shown),
                ):
                    assert form not in text, f"{canary} shows up in {name}"
        for body in BODIES:
            assert body not in self.logs
            assert body not in self.telemetry
        assert "Signature=" not in self.logs
        if calls:
            assert "sagemaker_async.calls INFO" in self.logs
            assert ("sagemaker_async.wire DEBUG" in self.logs) is sent
            assert "SageMaker Runtime." in self.telemetry
            assert '"Type":"ApiCall' in datagrams


@pytest.fixture
async def evidence(caplog: pytest.LogCaptureFixture, frames_of: Callable[..., Any]) -> AsyncIterator[Evidence]:
    caplog.set_level(logging.DEBUG)
    for name in ("aiohttp", "asyncio", "sagemaker_async"):
        caplog.set_level(logging.DEBUG, name)
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0
    evidence = Evidence(caplog, frames_of(IN_FRAMES))
    yield evidence
    evidence.meters.shutdown()
    evidence.tracers.shutdown()


@pytest.fixture
async def guarded() -> AsyncIterator[LocalSageMaker]:
    """An embedded SageMaker that only the canary credentials may call, and whose model hands the attributes back."""

    def model(body: bytes, request: InvocationRequest) -> ModelResponse:
        return ModelResponse([OUTPUT, OUTPUT], custom_attributes=request.custom_attributes)

    def failing(body: bytes) -> ModelResponse:
        raise ModelFailure(500, "the model broke")

    async with LocalSageMaker(credentials=KEYS) as server:
        server.add_endpoint("e", model)
        server.add_endpoint("failing", failing)
        yield server


@pytest.fixture
def open_session(guarded: LocalSageMaker, evidence: Evidence) -> Callable[..., Session]:
    def open_session(**options: Any) -> Session:
        defaults: dict[str, Any] = {
            **guarded.client_options,
            "interceptors": evidence.interceptors,
            "retry": RetryConfig(max_attempts=2, base_delay=0),
        }
        return Session(**{**defaults, **options})

    return open_session


async def invoke(session: Session, evidence: Evidence, endpoint: str = "e") -> None:
    response = await session.runtime.invoke_endpoint(endpoint_name=endpoint, body=BODY, custom_attributes=ATTRIBUTES)
    evidence.show(response, response.metadata, response.metadata.attempts)
    assert response.custom_attributes == ATTRIBUTES


async def stream(session: Session, evidence: Evidence) -> None:
    call = session.runtime.invoke_endpoint_with_response_stream(
        endpoint_name="e", body=BODY, custom_attributes=ATTRIBUTES
    )
    evidence.show(call)
    async with call as response:
        evidence.show(call, response, response.body, response.metadata)
        while parts := await response.body.next_parts():
            del parts
        evidence.show(response.body)


async def predict(session: Session, evidence: Evidence) -> None:
    predictor = Predictor("e", session)
    evidence.show(predictor)
    await predictor.predict(BODY, custom_attributes=ATTRIBUTES)
    answer = predictor.predict_stream(BODY, custom_attributes=ATTRIBUTES)
    evidence.show(answer)
    async with answer:
        async for _ in answer:
            evidence.show(answer)


Way = Callable[[Session, Evidence], Awaitable[None]]


@pytest.mark.parametrize("way", [invoke, stream, predict])
async def test_calls_that_succeed(open_session: Callable[..., Session], evidence: Evidence, way: Way) -> None:
    async with open_session() as session:
        await way(session, evidence)
        evidence.show(session, session.config, session.runtime, session.channel, session.config.credentials)
        evidence.show(asyncio.current_task(), *asyncio.all_tasks())

    evidence.check()


def time_for(fault: object) -> Timeouts:
    """Return limits that nothing but a fault that stalls meets, however busy the machine is."""
    return Timeouts(first_byte=0.5, between_chunks=0.5) if isinstance(fault, Stall) else Timeouts()


@pytest.mark.parametrize("way", [invoke, stream])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Throttle(), ThrottlingError),
        (Throttle(null_message=True), ThrottlingError),
        (Status(400, "ValidationError"), ValidationError),
        (Status(403, "AccessDeniedException"), AccessDeniedError),
        (Status(403, "ExpiredTokenException"), ExpiredTokenError),
        (Status(500, "InternalFailure"), InternalFailure),
        (Status(503, "ServiceUnavailable"), ServiceUnavailable),
        (Status(502, body=b"<html>busy</html>", content_type="text/html"), GatewayError),
        (Reset("before_read"), ConnectionLostError),
        (Reset("after_read"), ConnectionLostError),
        (Stall(), FirstByteTimeoutError),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_calls_that_fail(
    guarded: LocalSageMaker,
    open_session: Callable[..., Session],
    evidence: Evidence,
    fault: Any,
    error: type[SageMakerAsyncError],
    way: Way,
) -> None:
    guarded.endpoints["e"].faults.extend([fault] * 3)
    async with open_session(timeouts=time_for(fault)) as session:
        with pytest.raises(error) as caught:
            await way(session, evidence)
        evidence.failure(caught.value)
        evidence.show(session)

    evidence.check()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (CutFrame(), TruncatedStreamError),
        (DropConnection(), StreamConnectionError),
        (DropConnection(reset=True), StreamConnectionError),
        (WrongChecksum(), MessageChecksumError),
        (InStreamError(code="StreamBroken"), ModelStreamError),
        (InStreamError("InternalStreamFailure"), InternalStreamFailure),
        (UnmodeledError(), UnmodeledStreamError),
        (NotAnEventStream(), NotAnEventStreamError),
        (Stall(after_parts=1), StreamStalledError),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_streams_that_fail(
    guarded: LocalSageMaker,
    open_session: Callable[..., Session],
    evidence: Evidence,
    fault: Any,
    error: type[SageMakerAsyncError],
) -> None:
    guarded.endpoints["e"].faults.append(fault)
    async with open_session(timeouts=time_for(fault)) as session:
        with pytest.raises(error) as caught:
            await stream(session, evidence)
        evidence.failure(caught.value)

    evidence.check()


async def test_a_model_that_fails(open_session: Callable[..., Session], evidence: Evidence) -> None:
    async with open_session() as session:
        with pytest.raises(ModelError) as caught:
            await invoke(session, evidence, "failing")
        evidence.failure(caught.value)

    evidence.check()


@pytest.mark.parametrize("way", [invoke, stream])
async def test_a_refused_request_that_aws_repeats(
    guarded: LocalSageMaker, open_session: Callable[..., Session], evidence: Evidence, way: Way
) -> None:
    canonical = f"x-amz-security-token:{TOKEN}\nx-amzn-sagemaker-custom-attributes:{ATTRIBUTES}"
    said = f"It does not match.\n\nThe Canonical String for this request should have been\n'POST\n{canonical}'"
    guarded.endpoints["e"].faults.append(Status(403, "InvalidSignatureException", said))
    async with open_session() as session:
        with pytest.raises(ServiceError) as caught:
            await way(session, evidence)
        assert caught.value.error_message == "It does not match."
        evidence.failure(caught.value)
        evidence.show(caught.value.fields)

    evidence.check()


@pytest.mark.parametrize("way", [invoke, stream])
async def test_a_signature_that_is_refused(
    guarded: LocalSageMaker, open_session: Callable[..., Session], evidence: Evidence, way: Way
) -> None:
    guarded.accept_credentials(Credentials(KEYS.access_key_id, "another", TOKEN))
    async with open_session() as session:
        with pytest.raises(SignatureError) as caught:
            await way(session, evidence)
        evidence.failure(caught.value)

    evidence.check()


@pytest.mark.parametrize(
    ("origin", "error"),
    [("http://127.0.0.1:1", ConnectError), ("http://nowhere.invalid", DNSError), ("https://{host}", TLSError)],
)
async def test_an_endpoint_that_cannot_be_reached(
    guarded: LocalSageMaker,
    open_session: Callable[..., Session],
    evidence: Evidence,
    monkeypatch: pytest.MonkeyPatch,
    origin: str,
    error: type[SageMakerAsyncError],
) -> None:
    look_up = socket.getaddrinfo

    def without_network(host: Any, *args: Any, **options: Any) -> Any:
        if host == "nowhere.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", without_network)
    url = origin.format(host=urlsplit(guarded.url).netloc)
    async with open_session(endpoint_url=url) as session:
        with pytest.raises(error) as caught:
            await invoke(session, evidence)
        evidence.failure(caught.value)

    evidence.check(sent=False)


async def test_a_call_that_is_cancelled(
    guarded: LocalSageMaker, open_session: Callable[..., Session], evidence: Evidence
) -> None:
    stall = Stall()
    guarded.endpoints["e"].faults.append(stall)
    async with open_session() as session:
        task = asyncio.create_task(invoke(session, evidence))
        while not guarded.endpoints["e"].requests:
            await asyncio.sleep(0)
        evidence.show(task, session)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        evidence.failure(caught.value)

    evidence.check()


async def until_it_stalls(guarded: LocalSageMaker, limit: asyncio.Timeout) -> None:
    """Let a limit pass when the endpoint has the request and is silent."""
    await guarded.endpoints["e"].until(lambda endpoint: endpoint.stalled == 1)
    limit.reschedule(0)


@pytest.mark.parametrize("way", [invoke, stream, predict])
@pytest.mark.parametrize("after_parts", [None, 1], ids=["before the head", "after a part"])
async def test_a_call_that_its_callers_own_limit_ends(
    guarded: LocalSageMaker,
    open_session: Callable[..., Session],
    evidence: Evidence,
    way: Way,
    after_parts: int | None,
) -> None:
    guarded.endpoints["e"].faults.append(Stall(after_parts))

    async def limited() -> None:
        async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as group:
            group.create_task(until_it_stalls(guarded, limit))
            await way(session, evidence)

    async with open_session() as session:
        with pytest.raises(TimeoutError) as caught:
            await limited()
        assert isinstance(caught.value.__cause__, asyncio.CancelledError)
        evidence.failure(caught.value)

    evidence.check()


@pytest.mark.parametrize("way", [invoke, stream])
async def test_a_call_over_its_total_limit(
    guarded: LocalSageMaker, open_session: Callable[..., Session], evidence: Evidence, way: Way
) -> None:
    async with open_session() as session:
        await way(session, evidence)
        guarded.endpoints["e"].faults.append(Stall())
        with pytest.raises(TotalTimeoutError) as caught:
            await session.runtime.invoke_endpoint(endpoint_name="e", body=BODY, timeout=0.1)
        evidence.failure(caught.value)

    evidence.check()


async def test_a_call_that_gets_no_connection(
    guarded: LocalSageMaker, open_session: Callable[..., Session], evidence: Evidence
) -> None:
    guarded.endpoints["e"].faults.append(Stall())
    async with open_session(timeouts=Timeouts(pool=0.1), max_connections=1) as session:
        first = asyncio.create_task(invoke(session, evidence))
        await guarded.endpoints["e"].until(lambda endpoint: endpoint.stalled == 1)
        with pytest.raises(PoolTimeoutError) as caught:
            await invoke(session, evidence)
        evidence.failure(caught.value)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first

    evidence.check()


async def test_a_call_whose_session_is_closed(
    guarded: LocalSageMaker, open_session: Callable[..., Session], evidence: Evidence
) -> None:
    guarded.endpoints["e"].faults.append(Stall())
    async with open_session() as session:
        task = asyncio.create_task(invoke(session, evidence))
        await guarded.endpoints["e"].until(lambda endpoint: endpoint.stalled == 1)
    with pytest.raises(SessionClosedError) as caught:
        await task
    evidence.failure(caught.value)
    with pytest.raises(SessionClosedError) as caught:
        await invoke(session, evidence)
    evidence.failure(caught.value)

    evidence.check()


async def test_an_answer_that_breaks_off(
    guarded: LocalSageMaker, open_session: Callable[..., Session], evidence: Evidence
) -> None:
    guarded.endpoints["e"].faults.append(DropConnection())
    async with open_session() as session:
        with pytest.raises(ConnectionLostError) as caught:
            await invoke(session, evidence)
        evidence.failure(caught.value)

    evidence.check()


@pytest.mark.parametrize("way", [invoke, stream])
async def test_a_call_through_a_session_that_is_watched(
    guarded: LocalSageMaker,
    open_session: Callable[..., Session],
    evidence: Evidence,
    monkeypatch: pytest.MonkeyPatch,
    way: Way,
) -> None:
    request = aiohttp.ClientSession._request

    async def watched(self: aiohttp.ClientSession, *arguments: Any, **options: Any) -> Any:
        return await request(self, *arguments, **options)

    monkeypatch.setattr(aiohttp.ClientSession, "_request", watched)
    guarded.endpoints["e"].faults.append(Reset("after_read"))
    async with open_session() as session:
        with pytest.raises(ConnectionLostError) as caught:
            await way(session, evidence)
        evidence.failure(caught.value)
    async with open_session(endpoint_url="http://127.0.0.1:1") as session:
        with pytest.raises(ConnectError) as caught_too:
            await way(session, evidence)
        evidence.failure(caught_too.value)

    evidence.check()


@pytest.mark.parametrize("callback", ["on_chunk_sent", "on_chunk_received"])
@pytest.mark.parametrize("operation", ["invoke_endpoint", "invoke_endpoint_with_response_stream"])
@pytest.mark.parametrize("size", [10, 1 << 20])
async def test_a_callback_that_raises_shows_its_own_frame_and_none_of_ours(
    open_session: Callable[..., Session], evidence: Evidence, callback: str, operation: str, size: int
) -> None:
    def report(done: int, total: int | None) -> None:
        raise ValueError("the callback failed")

    async def call() -> None:
        answer = await getattr(session.runtime, operation)(
            endpoint_name="e", body=b"x" * size, custom_attributes=ATTRIBUTES, **{callback: report}
        )
        await anext(answer.body)

    async with open_session() as session:
        with pytest.raises(ValueError, match="the callback failed") as caught:
            await call()
        evidence.failure(caught.value)
        assert caught.traceback[-1].name == "report"

    evidence.check()


@pytest.mark.parametrize("hook", ["before_call", "before_attempt", "after_attempt", "after_call"])
async def test_an_interceptor_that_raises_shows_its_own_frame_and_none_of_ours(
    open_session: Callable[..., Session], evidence: Evidence, hook: str
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("the interceptor failed")

    failing = Interceptor()
    setattr(failing, hook, fail)
    async with open_session(interceptors=(*evidence.interceptors, failing)) as session:
        with pytest.raises(ValueError, match="the interceptor failed") as caught:
            await invoke(session, evidence)
        evidence.failure(caught.value)
        assert caught.traceback[-1].name == "fail"

    evidence.check(calls=False)


# --- what never gets as far as a call ---------------------------------------------------------------------------------


@pytest.mark.parametrize("attributes", [ATTRIBUTES + "\r\nX-Injected: 1", ATTRIBUTES + "\u2603", ATTRIBUTES * 100])
async def test_attributes_that_are_refused(
    open_session: Callable[..., Session], evidence: Evidence, attributes: str
) -> None:
    async with open_session() as session:
        with pytest.raises(RequestValidationError) as caught:
            await session.runtime.invoke_endpoint(endpoint_name="e", body=BODY, custom_attributes=attributes)
        evidence.failure(caught.value)

    evidence.check(calls=False)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Credentials("AKID", SECRET + "\n"),
        lambda: Credentials("AKID", SECRET, TOKEN + "\n"),
        lambda: Config(credentials=(SECRET, TOKEN)),  # type: ignore[arg-type]
        lambda: Config(proxy=f"ftp://{PROXY_LOGIN}@proxy:8080"),
        lambda: Config(proxy=f"http://{PROXY_LOGIN}@proxy:port"),
        lambda: Config(proxy=f"http://{PROXY_LOGIN}@"),
        lambda: Config(proxy=f"{PROXY_LOGIN}@proxy:port"),
    ],
)
async def test_options_that_are_refused(evidence: Evidence, make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make()
    evidence.failure(caught.value, frames=False)  # what a constructor is given is in the hands of who calls it

    evidence.check(calls=False)


async def test_a_proxy_of_the_environment_that_is_refused(
    open_session: Callable[..., Session], evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"ftp://{PROXY_LOGIN}@proxy:8080")
    monkeypatch.setenv("no_proxy", "")
    async with open_session() as session:
        with pytest.raises(ConfigurationError) as caught:
            await invoke(session, evidence)
        evidence.failure(caught.value)

    evidence.check(calls=False)


async def test_a_source_of_credentials_that_fails(open_session: Callable[..., Session], evidence: Evidence) -> None:
    class Broken:
        token = TOKEN

        async def get(self) -> Credentials:
            raise CredentialsError("the vault is closed")

    async with open_session(credentials=Broken()) as session:
        with pytest.raises(CredentialsError) as caught:
            await invoke(session, evidence)
        evidence.failure(caught.value)
        evidence.show(session.config)

    evidence.check(calls=False)


def printing(text: str) -> Process:
    return Process(f"{sys.executable} -c 'import sys; sys.stdout.write(sys.argv[1])' {shlex.quote(text)}")


@pytest.mark.parametrize(
    "source",
    [
        printing(json.dumps({"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": SECRET})[:-1]),
        printing(json.dumps({"Version": 1, "AccessKeyId": "AKID", "SecretAccessKey": SECRET, "Expiration": "soon"})),
        printing(json.dumps({"Version": 2, "AccessKeyId": "AKID", "SecretAccessKey": SECRET})),
        Process(f"{sys.executable} -c 'raise SystemExit(1)' {SECRET}"),
        AssumeRole("arn:aws:iam::123456789012:role/r", KEYS, region="us-east-1", endpoint_url="http://127.0.0.1:1"),
        ContainerCredentials(full_uri="http://127.0.0.1:1/", authorization_token=TOKEN),
    ],
    ids=lambda source: type(source).__name__,
)
async def test_sources_of_ours_that_fail(
    open_session: Callable[..., Session],
    evidence: Evidence,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    source: Any,
) -> None:
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    caplog.set_level(logging.INFO, "botocore")  # at DEBUG it shows what it signs, as it does everywhere
    async with open_session(credentials=source) as session:
        with pytest.raises(CredentialsError) as caught:
            await invoke(session, evidence)
        evidence.failure(caught.value)
        with pytest.raises(CredentialsError) as caught:
            await session.channel.credentials(session.runtime.operations[0].service)
        evidence.failure(caught.value)
    with pytest.raises(CredentialsError) as caught:
        await source.get()
    evidence.failure(caught.value)

    evidence.check(calls=False)


@pytest.mark.parametrize("expiration", ["soon", "2001-01-01T00:00:00Z"])
async def test_an_environment_that_is_refused(
    open_session: Callable[..., Session], evidence: Evidence, monkeypatch: pytest.MonkeyPatch, expiration: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", expiration)
    async with open_session(credentials=None) as session:
        with pytest.raises(CredentialsError) as caught:
            await invoke(session, evidence)
        evidence.failure(caught.value)
    if expiration == "soon":
        with pytest.raises(CredentialsError) as caught:
            await EnvironmentCredentials().get()
        evidence.failure(caught.value)

    evidence.check(calls=False)


async def test_a_file_that_is_refused(
    open_session: Callable[..., Session], evidence: Evidence, clean_environment: Path
) -> None:
    (clean_environment / ".aws" / "credentials").write_text(f"[default]\naws_secret_access_key = {SECRET}\n{TOKEN}\n")
    async with open_session(credentials=None, profile="default") as session:
        with pytest.raises(SageMakerAsyncError) as caught:
            await invoke(session, evidence)
        evidence.failure(caught.value)

    evidence.check(calls=False)


async def test_a_source_of_the_users_that_raises_shows_its_own_frame(
    open_session: Callable[..., Session], evidence: Evidence
) -> None:
    class Vault:
        async def get(self) -> Credentials:
            raise LookupError("no such path")

    async with open_session(credentials=Vault()) as session:
        with pytest.raises(CredentialsError) as caught:
            await invoke(session, evidence)
        evidence.failure(caught.value)
    cause = caught.value.__cause__
    assert isinstance(cause, LookupError)
    assert [entry.name for entry in traceback.extract_tb(cause.__traceback__)] == ["get"]

    evidence.check(calls=False)


def test_objects_that_hold_secrets(caplog: pytest.LogCaptureFixture, frames_of: Callable[..., Any]) -> None:
    evidence = Evidence(caplog, frames_of(IN_FRAMES))
    config = Config(credentials=KEYS, proxy=f"http://{PROXY_LOGIN}@proxy:8080")
    evidence.show(KEYS, config, Session(config), Session(config).runtime)
    evidence.meters.shutdown()

    evidence.check(calls=False)
    assert "http://***@proxy:8080" in repr(config)


# --- through a proxy --------------------------------------------------------------------------------------------------


@pytest.fixture
def logins() -> Iterator[list[str | None]]:
    """What proxies were shown as their login: the canaries were in play."""
    seen: list[str | None] = []
    yield seen
    login = base64.b64encode(f"{PROXY_USER}:{PASSWORD}".encode()).decode()
    assert seen
    assert set(seen) == {f"Basic {login}"}


@pytest.mark.parametrize("way", [invoke, stream])
async def test_a_proxy_that_works(
    guarded: LocalSageMaker,
    open_session: Callable[..., Session],
    evidence: Evidence,
    raw_server: Callable[..., Awaitable[Any]],
    logins: list[str | None],
    way: Way,
) -> None:
    behind = urlsplit(guarded.url)

    async def forward(request: Any, writer: asyncio.StreamWriter) -> None:
        logins.append(request.header("Proxy-Authorization"))
        reader, onward = await asyncio.open_connection(behind.hostname, behind.port)
        fields = [(name, text) for name, text in request.headers if not name.lower().startswith("proxy-")]
        head = "".join(f"{name}: {text}\r\n" for name, text in [*fields, ("Connection", "close")])
        target = request.target.removeprefix(guarded.url)
        onward.write(f"{request.method} {target} HTTP/1.1\r\n{head}\r\n".encode() + request.body)
        with contextlib.closing(onward):
            writer.write(await reader.read())
            while data := await reader.read(65_536):
                writer.write(data)
        writer.close()

    proxy = await raw_server(forward)
    address = urlsplit(proxy.origin).netloc
    async with open_session(proxy=f"http://{PROXY_LOGIN}@{address}") as session:
        await way(session, evidence)
        evidence.show(session, session.config, session.channel)

    evidence.check()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_refuses_the_login(
    open_session: Callable[..., Session],
    evidence: Evidence,
    raw_server: Callable[..., Awaitable[Any]],
    http_answer: Callable[..., bytes],
    logins: list[str | None],
    scheme: str,
) -> None:
    proxy = await raw_server(http_answer(407, b"<html>log in</html>", {"Proxy-Authenticate": "Basic realm=x"}))
    address = urlsplit(proxy.origin).netloc
    async with open_session(
        proxy=f"http://{PROXY_LOGIN}@{address}", endpoint_url=f"{scheme}://sagemaker.invalid"
    ) as session:
        with pytest.raises(ProxyError) as caught:
            await invoke(session, evidence)
        evidence.failure(caught.value)
    logins += [request.header("Proxy-Authorization") for request in proxy.requests]

    evidence.check()


async def test_a_proxy_that_cannot_be_reached(open_session: Callable[..., Session], evidence: Evidence) -> None:
    async with open_session(proxy=f"http://{PROXY_LOGIN}@127.0.0.1:1") as session:
        with pytest.raises(ProxyError) as caught:
            await invoke(session, evidence)
        evidence.failure(caught.value)

    evidence.check()
