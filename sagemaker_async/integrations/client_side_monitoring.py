"""Client-side monitoring: a JSON datagram to AWS's monitoring agent for every attempt and every call.

    Session(interceptors=[ClientSideMonitoring(client_id="my-application")])

AWS has retired the service behind these datagrams (SDK Metrics), so nothing turns them on by itself, and
``AWS_CSM_ENABLED`` and its companions are not read. The fields are those of botocore's ``monitoring.py``: an
``ApiCallAttempt`` when an attempt has ended, an ``ApiCall`` when the call has (for a stream, when its head has come).
Three differences are intended: ``SessionToken`` is left out, because it is a secret; ``MaxRetriesExceeded`` is 1 for
connection errors too, when the last attempt allowed has failed with an error that could be retried; and the attempt
during which a call is cancelled is counted but not reported.

A datagram that cannot be sent is dropped: monitoring neither delays nor fails the calls it reports.
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

MAX_DATAGRAM_BYTES = 8 * 1024
"""The agent drops longer datagrams, so they are not sent."""

_HEADERS = {"x-amzn-requestid": "XAmznRequestId", "x-amz-request-id": "XAmzRequestId", "x-amz-id-2": "XAmzId2"}


@dataclass(slots=True)
class _Call:
    """A call under way."""

    timestamp: float
    started: float
    headers: Mapping[str, str]
    """The header fields of the last request."""
    attempts: int = 0
    reported: int = 0
    """How many of the attempts have been reported."""


class ClientSideMonitoring(Interceptor):
    """Reports every attempt and every call to AWS's monitoring agent.

    Args:
        client_id: a name for the application, up to 255 characters.
        host: the IP address of the agent. Host names are not accepted, because looking one up would block.
        port: the UDP port of the agent.
        publisher: called with each datagram (JSON in UTF-8) instead of sending it to `host` and `port`; called on the
            event loop, so it must not block.
        timing: the clocks of timestamps and latencies.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    def __init__(
        self,
        *,
        client_id: str = "",
        host: str = "127.0.0.1",
        port: int = 31000,
        publisher: Callable[[bytes], object] | None = None,
        timing: Timing = SYSTEM_TIMING,
    ) -> None:
        if not isinstance(client_id, str) or len(client_id) > 255:
            raise ConfigurationError("ClientSideMonitoring.client_id must be a str of at most 255 characters")
        try:
            ipaddress.ip_address(host if isinstance(host, str) else "")
        except ValueError:
            raise ConfigurationError(
                f"ClientSideMonitoring.host must be an IP address such as 127.0.0.1, got {host!r}"
            ) from None
        if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
            raise ConfigurationError(f"ClientSideMonitoring.port must be a whole number from 1 to 65535, got {port!r}")
        self._client_id = client_id
        self._address = (host, port)
        self._publish = publisher or self._send
        self._timing = timing

    def before_call(self, call: CallContext, request: HTTPRequest) -> None:
        """Note when the call begins."""
        call.state[self] = _Call(self._timing.clock(), self._timing.monotonic(), request.headers)

    def before_attempt(self, call: CallContext, request: HTTPRequest) -> None:
        """Count the attempt."""
        begun: _Call = call.state[self]
        begun.headers = request.headers
        begun.attempts += 1

    def after_attempt(self, outcome: AttemptOutcome) -> None:
        """Report the attempt."""
        call, attempt, headers = outcome.call, outcome.attempt, outcome.headers or {}
        begun: _Call = call.state[self]
        begun.reported = attempt.number
        facts = {"AttemptLatency": int(attempt.duration * 1000), "Fqdn": call.origin.partition("://")[2]}
        facts |= _sender(call, begun)
        if call.access_key_id is not None:
            facts["AccessKey"] = call.access_key_id
        facts |= {name: headers[header] for header, name in _HEADERS.items() if header in headers}
        self._report(
            "ApiCallAttempt", call, begun.timestamp + attempt.started, facts | _result(outcome.status, outcome.error)
        )

    def after_call(self, outcome: AttemptOutcome) -> None:
        """Report the call, and before it an attempt that the time limit of the whole call cut off."""
        begun: _Call | None = outcome.call.state.get(self)
        if begun is not None and outcome.attempt.number > begun.reported:
            self.after_attempt(outcome)
        self._report_call(outcome.call, outcome.status, outcome.error)

    def abandoned(self, call: CallContext, error: BaseException) -> None:
        """Report the call."""
        self._report_call(call, None, error)

    def _report_call(self, call: CallContext, status: int | None, error: BaseException | None) -> None:
        begun: _Call | None = call.state.pop(self, None)
        if begun is None:  # the call ended before it reached this interceptor
            return
        latency = int((self._timing.monotonic() - begun.started) * 1000)
        allowed = begun.headers.get("amz-sdk-request", "").rpartition("max=")[2]
        exhausted = allowed.isdecimal() and begun.attempts >= int(allowed)
        given_up = exhausted and isinstance(error, CallError) and error.retryable
        facts = {"AttemptCount": begun.attempts, "Latency": latency, "MaxRetriesExceeded": int(given_up)}
        if begun.attempts:
            facts |= _sender(call, begun)
            facts |= {f"Final{name}": value for name, value in _result(status, error).items()}
        self._report("ApiCall", call, begun.timestamp, facts)

    def _report(self, kind: str, call: CallContext, timestamp: float, facts: Mapping[str, Any]) -> None:
        event = {"Version": 1, "ClientId": self._client_id, "Type": kind, "Timestamp": int(timestamp * 1000)}
        event |= {"Service": call.service_id, "Api": call.operation, **facts}
        datagram = json.dumps(event, separators=(",", ":")).encode()
        if len(datagram) > MAX_DATAGRAM_BYTES:
            logger.debug("dropped an event of %d bytes; the agent takes %d", len(datagram), MAX_DATAGRAM_BYTES)
            return
        try:
            self._publish(datagram)
        except Exception as error:  # noqa: BLE001 - whatever a publisher raises must not fail the call
            logger.debug("an event was not published: %s", type(error).__name__)

    def _send(self, datagram: bytes) -> None:
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as agent:
            agent.setblocking(False)
            agent.sendto(datagram, self._address)


def _sender(call: CallContext, begun: _Call) -> dict[str, Any]:
    return {"UserAgent": begun.headers.get("User-Agent", "")[:256], "Region": call.region}


def _result(status: int | None, error: BaseException | None) -> dict[str, Any]:
    """Return the HTTP status, if there is one, and for a failure its class or AWS's code with the message."""
    if status is None and isinstance(error, ServiceError | ResponseError):
        status = error.status or None
    facts: dict[str, Any] = {} if status is None else {"HttpStatusCode": status}
    if isinstance(error, ServiceError) and error.status:
        code = error.code or str(error.status)
        facts |= {"AwsException": code[:128], "AwsExceptionMessage": error.error_message[:512]}
    elif error is not None:
        facts |= {"SdkException": type(error).__name__[:128], "SdkExceptionMessage": str(error)[:512]}
    return facts
