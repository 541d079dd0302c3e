"""Client-side monitoring: botocore's datagrams (``monitoring.py``) to AWS's agent, without the session token.

AWS has retired the service behind them (SDK Metrics), so no setting turns them on. An attempt that does not end by
itself, but with its call, is counted and not reported. A datagram that cannot be sent is dropped.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.interceptors import AttemptOutcome, CallContext, Interceptor
from sagemaker_async.aws.timing import SYSTEM_TIMING, Timing
from sagemaker_async.errors import CallError, ConfigurationError, ResponseError, ServiceError

__all__ = ["ClientSideMonitoring"]

logger: logging.Logger = logging.getLogger(__name__)

MAX_DATAGRAM_BYTES = 8 * 1024  # the agent drops longer ones
_HEADERS = {"x-amzn-requestid": "XAmznRequestId", "x-amz-request-id": "XAmzRequestId", "x-amz-id-2": "XAmzId2"}


@dataclass(slots=True)
class _Call:
    timestamp: float
    started: float
    headers: Mapping[str, str]
    """Those of the last request."""
    attempts: int = 0


@dataclass(kw_only=True, eq=False)
class ClientSideMonitoring(Interceptor):
    """Reports every attempt and every call; raises `ConfigurationError` when a field is wrong."""

    client_id: str = ""
    """A name for the application, up to 255 characters."""
    host: str = "127.0.0.1"
    """The agent's IP address; not a host name, because looking one up would block."""
    port: int = 31000
    """The agent's UDP port."""
    publisher: Callable[[bytes], object] | None = None
    """Called on the event loop with each datagram (JSON in UTF-8), which is not sent then; it must not block."""
    timing: Timing = SYSTEM_TIMING
    """The clocks of timestamps and latencies."""

    def __post_init__(self) -> None:
        if not isinstance(self.client_id, str) or len(self.client_id) > 255:
            raise ConfigurationError("ClientSideMonitoring.client_id must be a str of at most 255 characters")
        try:
            ipaddress.ip_address(self.host if isinstance(self.host, str) else repr(self.host))
        except ValueError as error:
            raise ConfigurationError(f"ClientSideMonitoring.host must be an IP address: {error}") from None
        if isinstance(self.port, bool) or not isinstance(self.port, int) or not 0 < self.port < 65536:
            raise ConfigurationError(
                f"ClientSideMonitoring.port must be a whole number from 1 to 65535, got {self.port!r}"
            )

    def before_call(self, call: CallContext, request: HTTPRequest) -> None:
        """Note when the call begins."""
        call.state[self] = _Call(self.timing.clock(), self.timing.monotonic(), request.headers)

    def before_attempt(self, call: CallContext, request: HTTPRequest) -> None:
        """Count the attempt."""
        begun: _Call = call.state[self]
        begun.headers = request.headers
        begun.attempts += 1

    def after_attempt(self, outcome: AttemptOutcome) -> None:
        """Report the attempt."""
        call, headers = outcome.call, outcome.headers or {}
        facts = {"AttemptLatency": int(outcome.attempt.duration * 1000), "Fqdn": call.origin.partition("://")[2]}
        if call.access_key_id is not None:
            facts["AccessKey"] = call.access_key_id
        facts |= {name: headers[header] for header, name in _HEADERS.items() if header in headers}
        facts |= _result(outcome.status, outcome.error)
        self._report("ApiCallAttempt", call, outcome.attempt.started, facts)

    def after_call(self, outcome: AttemptOutcome) -> None:
        """Report the call."""
        self._report_call(outcome.call, outcome.status, outcome.error)

    def abandoned(self, call: CallContext, error: BaseException) -> None:
        """Report the call."""
        self._report_call(call, None, error)

    def _report_call(self, call: CallContext, status: int | None, error: BaseException | None) -> None:
        begun: _Call | None = call.state.get(self)
        if begun is None:  # it ended in an earlier interceptor
            return
        last = begun.headers.get("amz-sdk-request", "").endswith(f"max={begun.attempts}")
        facts = {"AttemptCount": begun.attempts, "Latency": int((self.timing.monotonic() - begun.started) * 1000)}
        facts["MaxRetriesExceeded"] = int(last and isinstance(error, CallError) and error.retryable)
        self._report("ApiCall", call, 0.0, facts | {f"Final{k}": v for k, v in _result(status, error).items()})

    def _report(self, kind: str, call: CallContext, started: float, facts: dict[str, Any]) -> None:
        begun: _Call = call.state[self]
        event = {"Version": 1, "ClientId": self.client_id, "Type": kind, "Service": call.service_id}
        event |= {"Api": call.operation, "Timestamp": int((begun.timestamp + started) * 1000), "Region": call.region}
        event |= {"UserAgent": begun.headers.get("User-Agent", "")[:256], **facts}
        datagram = json.dumps(event, separators=(",", ":")).encode()
        try:
            if len(datagram) <= MAX_DATAGRAM_BYTES:
                (self.publisher or self._send)(datagram)
        except Exception as error:  # noqa: BLE001 - it must not fail the call
            logger.debug("an event was not published: %s", type(error).__name__)

    def _send(self, datagram: bytes) -> None:
        with socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET, socket.SOCK_DGRAM) as agent:
            agent.setblocking(False)
            agent.sendto(datagram, (self.host, self.port))


def _result(status: int | None, error: BaseException | None) -> dict[str, Any]:
    """Return the HTTP status, if there is one, and for a failure its class or AWS's code with the message."""
    if isinstance(error, ServiceError | ResponseError):
        status = error.status
    facts: dict[str, Any] = {"HttpStatusCode": status} if status else {}
    if isinstance(error, ServiceError) and status:
        facts |= {"AwsException": (error.code or str(status))[:128], "AwsExceptionMessage": error.error_message[:512]}
    elif error is not None:
        facts |= {"SdkException": type(error).__name__[:128], "SdkExceptionMessage": str(error)[:512]}
    return facts
