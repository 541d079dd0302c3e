"""The OpenTelemetry interceptor: which spans and measurements a call leaves, and what they never hold."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import aws_attributes, cloud_attributes, rpc_attributes
from opentelemetry.semconv._incubating.metrics import rpc_metrics
from opentelemetry.semconv.attributes import error_attributes, http_attributes, server_attributes, url_attributes
from opentelemetry.semconv.metrics import http_metrics
from opentelemetry.trace import SpanKind, StatusCode

from sagemaker_async import Predictor, Session
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.interceptors import AttemptOutcome, CallContext, StreamSummary
from sagemaker_async.aws.timing import Timing
from sagemaker_async.aws.transport.stub import StubTransport
from sagemaker_async.config import RetryConfig, Timeouts
from sagemaker_async.errors import (
    Attempt,
    CallError,
    ConnectError,
    ConnectionLostError,
    MissingExtraError,
    ModelStreamError,
    ServiceUnavailable,
    StreamIncomplete,
    TotalTimeoutError,
)
from sagemaker_async.integrations.opentelemetry import OpenTelemetry
from sagemaker_async.runtime.stub import StubResponse

UNAVAILABLE = StubResponse.error("ServiceUnavailable", "answer-canary", status=503)
REQUEST_ID = "00000000-0000-4000-8000-000000000000"
CALL = "SageMaker Runtime.InvokeEndpoint"
STREAM = "SageMaker Runtime.InvokeEndpointWithResponseStream"


class Telemetry:
    """An interceptor and what it exported."""

    def __init__(self, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])
        self.interceptor = OpenTelemetry(tracer_provider=self.tracers, meter_provider=self.meters, **options)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def span(self, name: str) -> ReadableSpan:
        (span,) = (span for span in self.spans if span.name == name)
        return span

    @property
    def attempts(self) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == "POST"]

    def points(self, name: str) -> list[Any]:
        data = self.reader.get_metrics_data()
        found = [] if data is None else data.resource_metrics
        metrics = (metric for each in found for scope in each.scope_metrics for metric in scope.metrics)
        return [point for metric in metrics if metric.name == name for point in metric.data.data_points]

    def point(self, name: str) -> Any:
        (point,) = self.points(name)
        return point

    def session(self, *answers: Any, **options: Any) -> Session:
        options = {"region": "eu-west-1", "retry": RetryConfig(max_attempts=3, base_delay=0), **options}
        return Session(transport=StubTransport(*answers), interceptors=[self.interceptor], **options)

    async def invoke(self, *answers: Any, **options: Any) -> None:
        async with self.session(*answers, **options) as session:
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"question")


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    telemetry = Telemetry()
    yield telemetry
    telemetry.meters.shutdown()
    telemetry.tracers.shutdown()


async def test_a_call_is_a_client_span_by_the_conventions_of_aws_sdks(telemetry: Telemetry) -> None:
    await telemetry.invoke(StubResponse(headers={"x-amz-id-2": "extended"}))

    span = telemetry.span(CALL)
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes == {
        rpc_attributes.RPC_SYSTEM: "aws-api",
        rpc_attributes.RPC_SERVICE: "SageMaker Runtime",
        rpc_attributes.RPC_METHOD: "InvokeEndpoint",
        cloud_attributes.CLOUD_REGION: "eu-west-1",
        server_attributes.SERVER_ADDRESS: "runtime.sagemaker.eu-west-1.amazonaws.com",
        server_attributes.SERVER_PORT: 443,
        aws_attributes.AWS_REQUEST_ID: REQUEST_ID,
        aws_attributes.AWS_EXTENDED_REQUEST_ID: "extended",
        "sagemaker_async.resource": "e",
        "sagemaker_async.attempts": 1,
    }


async def test_an_attempt_is_a_child_span_by_the_conventions_of_http(telemetry: Telemetry) -> None:
    await telemetry.invoke(UNAVAILABLE, StubResponse())

    first, second = telemetry.attempts
    call = telemetry.span(CALL)
    assert call.attributes is not None
    assert call.attributes["sagemaker_async.attempts"] == 2
    for span in (first, second):
        assert span.kind is SpanKind.CLIENT
        assert span.parent is not None
        assert span.parent.span_id == call.context.span_id
    assert second.attributes == {
        http_attributes.HTTP_REQUEST_METHOD: "POST",
        url_attributes.URL_FULL: "https://runtime.sagemaker.eu-west-1.amazonaws.com/endpoints/e/invocations",
        "http.request.body.size": 8,
        server_attributes.SERVER_ADDRESS: "runtime.sagemaker.eu-west-1.amazonaws.com",
        server_attributes.SERVER_PORT: 443,
        http_attributes.HTTP_REQUEST_RESEND_COUNT: 1,
        http_attributes.HTTP_RESPONSE_STATUS_CODE: 200,
        aws_attributes.AWS_REQUEST_ID: REQUEST_ID,
    }
    assert first.attributes is not None
    assert http_attributes.HTTP_REQUEST_RESEND_COUNT not in first.attributes
    assert first.attributes[http_attributes.HTTP_RESPONSE_STATUS_CODE] == 503
    assert first.attributes[error_attributes.ERROR_TYPE] == "503"
    assert (first.status.status_code, second.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)


async def test_the_call_is_a_child_of_the_callers_span_which_stays_current(telemetry: Telemetry) -> None:
    with telemetry.tracers.get_tracer("caller").start_as_current_span("caller") as caller:
        await telemetry.invoke(StubResponse())
        assert trace.get_current_span() is caller

    call = telemetry.span(CALL)
    assert call.parent is not None
    assert call.parent.span_id == caller.get_span_context().span_id
    assert len({span.context.trace_id for span in telemetry.spans}) == 1


async def test_calls_at_the_same_time_keep_to_their_own_parents(telemetry: Telemetry) -> None:
    tracer = telemetry.tracers.get_tracer("caller")

    async with telemetry.session(*[StubResponse()] * 10) as session:

        async def caller() -> None:
            with tracer.start_as_current_span("caller"):
                await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")

        await asyncio.gather(*(caller() for _ in range(10)))

    parents = {span.context.span_id for span in telemetry.spans if span.name == "caller"}
    calls = [span for span in telemetry.spans if span.name == CALL]
    assert {span.parent.span_id for span in calls if span.parent} == parents
    assert {span.parent.span_id for span in telemetry.attempts if span.parent} == {
        span.context.span_id for span in calls
    }


@pytest.mark.parametrize(
    ("answer", "call_type", "attempt_type", "words"),
    [
        (UNAVAILABLE, "ServiceUnavailable", "503", None),
        (StubResponse(502, b"<html>answer-canary"), "GatewayError", "502", None),
        (ConnectError("no route to host"), "ConnectError", "ConnectError", "no route to host"),
        (ConnectionLostError("gone"), "ConnectionLostError", "ConnectionLostError", "gone"),
    ],
)
async def test_a_failure_is_its_type_and_only_our_own_words(
    telemetry: Telemetry, answer: Any, call_type: str, attempt_type: str, words: str | None
) -> None:
    with pytest.raises(CallError):
        await telemetry.invoke(answer, retry=RetryConfig(max_attempts=1))

    for span, error_type in ((telemetry.span(CALL), call_type), (telemetry.attempts[0], attempt_type)):
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == words
        assert span.attributes is not None
        assert span.attributes[error_attributes.ERROR_TYPE] == error_type
        assert "canary" not in span.to_json()
    assert telemetry.point(rpc_metrics.RPC_CLIENT_CALL_DURATION).attributes["error.type"] == call_type


async def test_a_call_that_runs_out_of_time_ends_its_spans(telemetry: Telemetry) -> None:
    retry = RetryConfig(max_attempts=3, backoff=lambda _: 30.0)

    with pytest.raises(TotalTimeoutError):
        await telemetry.invoke(UNAVAILABLE, retry=retry, timeouts=Timeouts(total=0.02))

    span = telemetry.span(CALL)
    assert span.attributes is not None
    assert span.attributes[error_attributes.ERROR_TYPE] == "TotalTimeoutError"
    assert len(telemetry.attempts) == 1


@pytest.fixture
def context() -> CallContext:
    return CallContext("sts", "GetCallerIdentity", None, "http://localhost:8080", "us-east-1", "id")


REQUEST = HTTPRequest("POST", "http://localhost:8080", "/", {}, b"")


def test_an_abandoned_call_ends_its_spans_with_the_kind_of_error(telemetry: Telemetry, context: CallContext) -> None:
    otel = telemetry.interceptor
    otel.before_call(context, REQUEST)
    otel.before_attempt(context, REQUEST)

    otel.abandoned(context, asyncio.CancelledError())

    assert [span.name for span in telemetry.spans] == ["POST", "STS.GetCallerIdentity"]
    for span in telemetry.spans:
        assert span.attributes is not None
        assert span.attributes[error_attributes.ERROR_TYPE] == "CancelledError"
        assert span.attributes[server_attributes.SERVER_PORT] == 8080
    assert context.state == {}


def test_a_call_that_never_began_leaves_nothing(telemetry: Telemetry, context: CallContext) -> None:
    telemetry.interceptor.abandoned(context, ValueError())

    assert telemetry.spans == ()


# --- streams ----------------------------------------------------------------------------------------------------------


async def test_a_streams_span_stays_open_to_its_end_and_counts_it(telemetry: Telemetry) -> None:
    async with (
        telemetry.session(StubResponse.stream([b"one", b"three"])) as session,
        session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"") as response,
    ):
        assert [span.name for span in telemetry.spans] == ["POST"]
        async for _ in response.body:
            pass

    span = telemetry.span(STREAM)
    assert span.attributes is not None
    assert span.attributes["sagemaker_async.stream.events"] == 2
    assert span.attributes["sagemaker_async.stream.bytes"] == 8
    assert span.status.status_code is StatusCode.UNSET
    (event,) = span.events
    assert event.name == "sagemaker_async.stream.first_event"
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.start_time - 1_000_000 <= event.timestamp <= span.end_time
    for name, total in (("events", 2), ("bytes", 8)):
        assert telemetry.point(f"sagemaker_async.client.stream.{name}").sum == total
    first_event = telemetry.point("sagemaker_async.client.time_to_first_event").sum
    assert 0 <= first_event <= telemetry.point(rpc_metrics.RPC_CLIENT_CALL_DURATION).sum


async def test_a_stream_that_is_left_at_once_is_not_a_failure(telemetry: Telemetry) -> None:
    async with (
        telemetry.session(StubResponse.stream([b"one"])) as session,
        session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b""),
    ):
        pass

    span = telemetry.span(STREAM)
    assert span.status.status_code is StatusCode.UNSET
    assert span.events == ()
    assert telemetry.points("sagemaker_async.client.time_to_first_event") == []


@pytest.mark.parametrize(
    ("failure", "error_type"),
    [
        (ModelStreamError("answer-canary", "StreamBroken"), "StreamBroken"),
        (ConnectionLostError("answer-canary"), "StreamConnectionError"),
    ],
)
async def test_a_stream_that_fails_is_a_failed_span_without_the_models_words(
    telemetry: Telemetry, failure: Exception, error_type: str
) -> None:
    async with (
        telemetry.session(StubResponse.stream([b"one", failure])) as session,
        session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"") as response,
    ):
        assert await response.body.next_parts() == [b"one"]
        with pytest.raises(type(failure)):
            await response.body.next_parts()

    span = telemetry.span(STREAM)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert span.attributes is not None
    assert span.attributes[error_attributes.ERROR_TYPE] == error_type
    assert "canary" not in span.to_json()


# --- metrics ----------------------------------------------------------------------------------------------------------


async def test_durations_follow_the_conventions(telemetry: Telemetry) -> None:
    await telemetry.invoke(UNAVAILABLE, StubResponse())

    call = telemetry.point(rpc_metrics.RPC_CLIENT_CALL_DURATION)
    server = {"server.address": "runtime.sagemaker.eu-west-1.amazonaws.com", "server.port": 443}
    resource = {"sagemaker_async.resource": "e"}
    assert call.attributes == {
        rpc_attributes.RPC_SYSTEM_NAME: "aws-api",
        rpc_attributes.RPC_METHOD: "SageMaker Runtime/InvokeEndpoint",
        **server,
        **resource,
    }
    assert call.count == 1
    assert 0.01 in call.explicit_bounds
    attempts = telemetry.points(http_metrics.HTTP_CLIENT_REQUEST_DURATION)
    common = {"http.request.method": "POST", **server, **resource}
    assert [dict(point.attributes) for point in attempts] == [
        {**common, "http.response.status_code": 503, "error.type": "503"},
        {**common, "http.response.status_code": 200},
    ]
    assert sum(point.sum for point in attempts) <= call.sum


def test_durations_go_by_the_clocks_that_were_given(context: CallContext) -> None:
    seconds = [10.0]
    telemetry = Telemetry(timing=Timing(clock=lambda: 1_700_000_000.5, monotonic=lambda: seconds[0]))
    otel = telemetry.interceptor
    attempt = Attempt(1, 1.0, 2.0, "200")

    otel.before_call(context, REQUEST)
    seconds[0] += 1
    otel.before_attempt(context, REQUEST)
    seconds[0] += 2
    otel.after_attempt(AttemptOutcome(context, attempt, 200, {}, None, streaming=True))
    otel.after_call(AttemptOutcome(context, attempt, 200, {}, None, streaming=True))
    seconds[0] += 4
    otel.after_stream(StreamSummary(context, 3, 30, time_to_first_event=3.25, duration=7.0, error=None))

    assert telemetry.point(http_metrics.HTTP_CLIENT_REQUEST_DURATION).sum == 2
    assert telemetry.point("sagemaker_async.client.time_to_first_byte").sum == 3
    assert telemetry.point(rpc_metrics.RPC_CLIENT_CALL_DURATION).sum == 7
    (event,) = telemetry.span("STS.GetCallerIdentity").events
    assert event.timestamp == 1_700_000_003_750_000_000
    telemetry.meters.shutdown()
    telemetry.tracers.shutdown()


async def test_attempts_and_the_time_to_the_first_byte_are_measured(telemetry: Telemetry) -> None:
    await telemetry.invoke(UNAVAILABLE, UNAVAILABLE, StubResponse())

    assert telemetry.point("sagemaker_async.client.attempts").sum == 3
    first_byte = telemetry.point("sagemaker_async.client.time_to_first_byte")
    assert 0 <= first_byte.sum <= telemetry.point(rpc_metrics.RPC_CLIENT_CALL_DURATION).sum


async def test_a_failed_call_has_no_time_to_the_first_byte(telemetry: Telemetry) -> None:
    with pytest.raises(ServiceUnavailable):
        await telemetry.invoke(UNAVAILABLE, retry=RetryConfig(max_attempts=1))

    assert telemetry.points("sagemaker_async.client.time_to_first_byte") == []


async def test_the_tokens_of_streams_that_are_read_as_tokens_are_measured(telemetry: Telemetry) -> None:
    tokens = [b'{"token": {"id": %d, "text": "answer-canary"}}\n' % number for number in range(3)]
    answers = [StubResponse.stream(tokens), StubResponse.stream(tokens[:2]), StubResponse.stream(tokens)]
    async with telemetry.session(*answers) as session:
        predictor: Predictor[bytes] = Predictor("e", session)
        await predictor.predict_stream(b"").tokens(allow_incomplete=True).collect()
        with pytest.raises(StreamIncomplete):
            await predictor.predict_stream(b"").tokens().collect()
        await predictor.predict_stream(b"").lines().collect()

    point = telemetry.point("sagemaker_async.client.stream.tokens")
    assert (point.count, point.sum) == (2, 5)
    assert point.attributes == {
        rpc_attributes.RPC_SYSTEM_NAME: "aws-api",
        rpc_attributes.RPC_METHOD: "SageMaker Runtime/InvokeEndpointWithResponseStream",
        "server.address": "runtime.sagemaker.eu-west-1.amazonaws.com",
        "server.port": 443,
        "sagemaker_async.resource": "e",
    }


async def test_connections_in_use_are_those_of_all_open_sessions(telemetry: Telemetry) -> None:
    in_use = "sagemaker_async.client.connections_in_use"
    answers = [StubResponse.stream([b"x"])] * 2
    async with telemetry.session(*answers) as one, telemetry.session(*answers) as other:
        calls = [
            session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"")
            for session in (one, one, other)
        ]
        streams = [(await call).body for call in calls]
        assert telemetry.point(in_use).value == 3
        for stream in streams:
            await stream.aclose()
        assert telemetry.point(in_use).value == 0

    assert telemetry.interceptor._pools == {}


# --- context and packaging --------------------------------------------------------------------------------------------


async def test_the_context_is_not_sent_unless_asked_for(telemetry: Telemetry) -> None:
    session = telemetry.session(StubResponse())
    async with session:
        await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")
        (request,) = session.config.transport.requests  # type: ignore[union-attr]

    assert "traceparent" not in request.headers


async def test_the_context_that_is_sent_is_the_attempts_and_is_not_signed() -> None:
    telemetry = Telemetry(inject_context=True)
    session = telemetry.session(UNAVAILABLE, StubResponse())
    async with session:
        await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")
        requests = session.config.transport.requests  # type: ignore[union-attr]

    sent = [request.headers["traceparent"].split("-")[1:3] for request in requests]
    assert sent == [[f"{s.context.trace_id:032x}", f"{s.context.span_id:016x}"] for s in telemetry.attempts]
    assert all("traceparent" not in request.headers["Authorization"] for request in requests)
    telemetry.meters.shutdown()


async def test_without_an_sdk_nothing_is_recorded_and_calls_work() -> None:
    stub = StubTransport(UNAVAILABLE, StubResponse(body=b"answer"))
    retry = RetryConfig(max_attempts=2, base_delay=0)
    async with Session(transport=stub, retry=retry, interceptors=[OpenTelemetry()]) as session:
        response = await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")

    assert response.body == b"answer"


def test_an_old_api_without_bucket_advice_is_accepted() -> None:
    class OldMeter:
        def __init__(self) -> None:
            self.names: list[str] = []

        def create_histogram(self, name: str, unit: str = "", description: str = "") -> None:
            self.names.append(name)

        def create_observable_up_down_counter(self, *_: object) -> None: ...

    class OldProvider:
        def __init__(self) -> None:
            self.meter = OldMeter()

        def get_meter(self, *_: object, **__: object) -> OldMeter:
            return self.meter

    provider = OldProvider()
    OpenTelemetry(meter_provider=provider)  # type: ignore[arg-type]

    assert rpc_metrics.RPC_CLIENT_CALL_DURATION in provider.meter.names


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    with pytest.raises(MissingExtraError, match=r"pip install 'sagemaker-async\[opentelemetry\]'"):
        OpenTelemetry()


def test_importing_the_module_imports_nothing_of_opentelemetry() -> None:
    program = (
        "import sys; import sagemaker_async.integrations.opentelemetry; "
        "print([name for name in sys.modules if name.split('.')[0] == 'opentelemetry'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
