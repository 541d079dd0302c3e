"""OpenTelemetry: a client span per call with a child per attempt, and metrics.

    Session(interceptors=[OpenTelemetry()])

Spans. The span of a call follows the AWS SDK conventions: ``SageMaker Runtime.InvokeEndpoint``, ``rpc.system``
``aws-api``, ``rpc.service``, ``rpc.method``, ``cloud.region``, ``aws.request_id``. It is a child of the caller's
current span. The span of a stream stays open until the stream has ended or was left, and gets an event at the first
event of the stream. The span of an attempt is a child of the call's span and follows the HTTP client conventions. Spans
are not made current, so a cancelled call leaves nothing behind in its task.

Metrics, each with the service, operation, server and resource:

- ``rpc.client.call.duration`` and ``http.client.request.duration``, seconds, per call and per attempt, with the
  attributes of the RPC and HTTP conventions; the duration of a stream is that to its end;
- ``sagemaker_async.client.attempts`` per call;
- ``sagemaker_async.client.time_to_first_byte`` per call that succeeded: seconds to the head of a stream's answer, or to
  the end of any other answer;
- ``sagemaker_async.client.time_to_first_event``, ``sagemaker_async.client.stream.events`` and
  ``sagemaker_async.client.stream.bytes`` per stream;
- ``sagemaker_async.client.stream.tokens`` per stream that is read as tokens: how many `TokenIterator` has read from it;
- ``sagemaker_async.client.connections_in_use``, over all sessions that are open.

Of the header fields only the request ids are recorded; bodies and credentials never are. Of an error, only its type,
AWS's code and, for transport errors, this package's own message are recorded: the text of a service or a model may
contain what users typed.

Needs the extra: ``pip install 'sagemaker-async[opentelemetry]'``. Nothing of OpenTelemetry is imported before
`OpenTelemetry` is constructed.

Sources: OpenTelemetry's semantic conventions, https://opentelemetry.io/docs/specs/semconv/cloud-providers/aws-sdk/,
https://opentelemetry.io/docs/specs/semconv/http/http-spans/, https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sagemaker_async import _lazy
from sagemaker_async._version import __version__
from sagemaker_async.aws.interceptors import AttemptOutcome, CallContext, ConnectionPool, Interceptor, StreamSummary
from sagemaker_async.aws.protocols import request_id
from sagemaker_async.aws.timing import SYSTEM_TIMING, Timing
from sagemaker_async.errors import ServiceError, StreamError, TransportError

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Histogram, Meter, MeterProvider, Observation
    from opentelemetry.trace import Span, TracerProvider

    from sagemaker_async.aws.http import HTTPRequest

__all__ = ["OpenTelemetry"]

Attributes = dict[str, str | int | float]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 60, 120, 300)
"""Bucket boundaries: those of the HTTP conventions, extended to the durations of models."""
_ATTEMPTS = (1, 2, 3, 4, 5, 10)
_COUNTS = (1, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)
_BYTES = (100, 1000, 10_000, 100_000, 1_000_000, 10_000_000)


@dataclass(slots=True)
class _WatchedAttempt:
    """What is kept of an attempt until its span ends."""

    span: Span
    started: float
    attributes: Attributes
    """The attributes of the attempt's metric."""


@dataclass(slots=True)
class _Watched:
    """What is kept of a call until its span ends."""

    span: Span
    started: float
    started_ns: int
    """The same moment as epoch time, for span events."""
    attributes: Attributes
    """The attributes of the call's metrics."""
    resource: Attributes
    """Those attributes that are not part of the RPC conventions."""
    attempt: _WatchedAttempt | None = None
    attempts: int = 0


class OpenTelemetry(Interceptor):
    """Traces and measures every call of the sessions it is given to. Sessions can share one.

    Args:
        tracer_provider: where spans go; None is the global provider.
        meter_provider: where metrics go; None is the global provider.
        inject_context: send the trace context to AWS with the global propagator (``traceparent``, and ``baggage`` if
            there is any). Off by default, because SageMaker does not promise to pass it to the model, and baggage may
            be private. These header fields are not signed, so that proxies may change them.
        timing: the clocks of the metrics and of the event at a stream's first event; spans go by OpenTelemetry's own.

    Raises:
        MissingExtraError: opentelemetry-api is not installed.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        inject_context: bool = False,
        timing: Timing = SYSTEM_TIMING,
    ) -> None:
        metrics, propagate, trace = (
            _lazy.optional(f"opentelemetry.{part}", "OpenTelemetry()") for part in ("metrics", "propagate", "trace")
        )
        self._timing = timing
        self._trace = trace
        self._observation = metrics.Observation
        self._inject = propagate.inject if inject_context else None
        self._tracer = trace.get_tracer("sagemaker_async", __version__, tracer_provider)
        self._pools: dict[int, weakref.ref[ConnectionPool]] = {}
        meter = metrics.get_meter("sagemaker_async", __version__, meter_provider)
        ours = "sagemaker_async.client."
        self._call_duration = _histogram(
            meter, "rpc.client.call.duration", "s", "Duration of calls, streams included.", _SECONDS
        )
        self._attempt_duration = _histogram(
            meter, "http.client.request.duration", "s", "Duration of single attempts.", _SECONDS
        )
        self._attempts = _histogram(meter, ours + "attempts", "{attempt}", "Attempts of a call.", _ATTEMPTS)
        self._first_byte = _histogram(
            meter, ours + "time_to_first_byte", "s", "From the call's beginning to its answer.", _SECONDS
        )
        self._first_event = _histogram(
            meter, ours + "time_to_first_event", "s", "From the call's beginning to the stream's first event.", _SECONDS
        )
        self._events = _histogram(meter, ours + "stream.events", "{event}", "Events of a stream.", _COUNTS)
        self._bytes = _histogram(meter, ours + "stream.bytes", "By", "Payload bytes of a stream.", _BYTES)
        self._tokens = _histogram(meter, ours + "stream.tokens", "{token}", "Tokens made of a stream.", _COUNTS)
        meter.create_observable_up_down_counter(
            ours + "connections_in_use", [self._connections_in_use], "{connection}", "Connections in use now."
        )

    def opened(self, pool: ConnectionPool) -> None:
        """Measure the pool from now on."""
        self._pools[id(pool)] = weakref.ref(pool)

    def closed(self, pool: ConnectionPool) -> None:
        """Measure the pool no longer."""
        self._pools.pop(id(pool), None)

    def before_call(self, call: CallContext, request: HTTPRequest) -> None:  # noqa: ARG002
        """Start the call's span, as a child of the current one."""
        resource = _resource(call)
        attributes: Attributes = {
            "rpc.system": "aws-api",
            "rpc.service": call.service_id,
            "rpc.method": call.operation,
            "cloud.region": call.region,
            **_server(call.origin),
            **resource,
        }
        span = self._tracer.start_span(
            f"{call.service_id}.{call.operation}", kind=self._trace.SpanKind.CLIENT, attributes=attributes
        )
        call.state[self] = _Watched(
            span, self._timing.monotonic(), int(self._timing.clock() * 1e9), _measured(call), resource
        )

    def before_attempt(self, call: CallContext, request: HTTPRequest) -> HTTPRequest | None:
        """Start the attempt's span, and inject its context if that is wanted."""
        watched = self._watched(call)
        if watched is None:
            return None
        server = _server(request.origin)
        attributes: Attributes = {
            "http.request.method": request.method,
            "url.full": request.origin + request.target,
            "http.request.body.size": len(request.body),
            **server,
        }
        if watched.attempts:
            attributes["http.request.resend_count"] = watched.attempts
        watched.attempts += 1
        span = self._tracer.start_span(
            request.method, self._trace.set_span_in_context(watched.span), self._trace.SpanKind.CLIENT, attributes
        )
        measured: Attributes = {"http.request.method": request.method, **server, **watched.resource}
        watched.attempt = _WatchedAttempt(span, self._timing.monotonic(), measured)
        if self._inject is None:
            return None
        headers = dict(request.headers)
        self._inject(headers, self._trace.set_span_in_context(span))
        return request._replace(headers=headers)

    def after_attempt(self, outcome: AttemptOutcome) -> None:
        """End the attempt's span."""
        watched = self._watched(outcome.call)
        if watched is not None:
            self._end_attempt(watched, outcome.status, outcome.headers, outcome.error)

    def after_call(self, outcome: AttemptOutcome) -> None:
        """End the call's span, unless a stream follows."""
        watched = self._watched(outcome.call)
        if watched is None:
            return
        self._end_attempt(watched, None, None, outcome.error)  # cut off by the time limit of the whole call
        headers, error = outcome.headers, outcome.error
        _note_request(watched.span, headers, error.request_id if error is not None else None)
        if error is None:
            self._first_byte.record(self._timing.monotonic() - watched.started, watched.attributes)
        if not outcome.streaming:
            self._end_call(outcome.call, watched, error)

    def abandoned(self, call: CallContext, error: BaseException) -> None:
        """End the open spans of the call."""
        watched = self._watched(call)
        if watched is not None:
            self._end_attempt(watched, None, None, error)
            self._end_call(call, watched, error)

    def after_stream(self, summary: StreamSummary) -> None:
        """End the span of a call whose stream has ended, in whichever thread that happens."""
        watched = self._watched(summary.call)
        if watched is None:
            return
        span, attributes = watched.span, watched.attributes
        span.set_attribute("sagemaker_async.stream.events", summary.events)
        span.set_attribute("sagemaker_async.stream.bytes", summary.bytes_received)
        if summary.time_to_first_event is not None:
            at = watched.started_ns + int(summary.time_to_first_event * 1e9)
            span.add_event("sagemaker_async.stream.first_event", timestamp=at)
            self._first_event.record(summary.time_to_first_event, attributes)
        self._events.record(summary.events, attributes)
        self._bytes.record(summary.bytes_received, attributes)
        self._end_call(summary.call, watched, summary.error)

    def after_tokens(self, call: CallContext, tokens: int) -> None:
        """Record the number of tokens of a stream; its span has already ended."""
        self._tokens.record(tokens, _measured(call))

    def _watched(self, call: CallContext) -> _Watched | None:
        watched: _Watched | None = call.state.get(self)
        return watched

    def _end_attempt(
        self,
        watched: _Watched,
        status: int | None,
        headers: Mapping[str, str] | None,
        error: BaseException | None,
    ) -> None:
        attempt, watched.attempt = watched.attempt, None
        if attempt is None:
            return
        span, attributes, error_type = attempt.span, attempt.attributes, None
        if status is not None:
            attributes["http.response.status_code"] = status
            span.set_attribute("http.response.status_code", status)
        _note_request(span, headers, None)
        if error is not None:
            error_type = str(status) if status is not None and status >= 400 else type(error).__name__
            attributes["error.type"] = error_type
        self._attempt_duration.record(self._timing.monotonic() - attempt.started, attributes)
        self._end(span, error, error_type)

    def _end_call(self, call: CallContext, watched: _Watched, error: BaseException | None) -> None:
        del call.state[self]
        watched.span.set_attribute("sagemaker_async.attempts", watched.attempts)
        attributes = watched.attributes
        self._attempts.record(watched.attempts, attributes)
        error_type = None
        if error is not None:
            code = error.code if isinstance(error, ServiceError) else ""
            error_type = code or type(error).__name__
            attributes = {**attributes, "error.type": error_type}
        self._call_duration.record(self._timing.monotonic() - watched.started, attributes)
        self._end(watched.span, error, error_type)

    def _end(self, span: Span, error: BaseException | None, error_type: str | None) -> None:
        if error_type is not None:
            own_words = (
                error.message if isinstance(error, TransportError) and not isinstance(error, StreamError) else None
            )
            span.set_attribute("error.type", error_type)
            span.set_status(self._trace.StatusCode.ERROR, own_words)
        span.end()

    def _connections_in_use(self, options: CallbackOptions) -> Iterable[Observation]:  # noqa: ARG002
        pools = [reference() for reference in list(self._pools.values())]
        return [self._observation(sum(pool.connections_in_use for pool in pools if pool is not None))]


def _histogram(meter: Meter, name: str, unit: str, description: str, boundaries: Sequence[float]) -> Histogram:
    try:
        return meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=boundaries)
    except TypeError:  # opentelemetry-api before 1.30 takes no advice
        return meter.create_histogram(name, unit, description)


def _server(origin: str) -> Attributes:
    parts = urlsplit(origin)
    return {
        "server.address": parts.hostname or "",
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
    }


def _resource(call: CallContext) -> Attributes:
    return {} if call.resource is None else {"sagemaker_async.resource": call.resource}


def _measured(call: CallContext) -> Attributes:
    """Return the attributes of the call's metrics."""
    return {
        "rpc.system.name": "aws-api",
        "rpc.method": f"{call.service_id}/{call.operation}",
        **_server(call.origin),
        **_resource(call),
    }


def _note_request(span: Span, headers: Mapping[str, str] | None, known: str | None) -> None:
    if headers is not None:
        known = request_id(headers)
        if (extended := headers.get("x-amz-id-2")) is not None:
            span.set_attribute("aws.extended_request_id", extended)
    if known is not None:
        span.set_attribute("aws.request_id", known)
