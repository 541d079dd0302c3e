"""Client-side monitoring (CSM): a JSON datagram to AWS's monitoring agent for every call and every attempt.

`ClientSideMonitoring` is an interceptor, and `monitoring_from` makes it when the configuration, the environment or the
profile asks for it. The datagrams are those of AWS's SDKs, field by field: an ``ApiCallAttempt`` when an attempt has
ended, an ``ApiCall`` when the call has (for a stream, when its head has come). Two differences are meant:
``SessionToken`` is left out, because it is a secret; and ``MaxRetriesExceeded`` means what it says for connection
errors too, namely that the last attempt allowed has failed and the error was one to repeat.

Nothing here blocks or fails a call: the agent's host is looked up in a worker thread, datagrams are handed to a
non-blocking socket, and one that cannot be sent is dropped.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sagemaker_async.errors import CallError, ConfigurationError, ResponseError, ServiceError

from .http import HTTPRequest
from .interceptors import AttemptOutcome, CallContext, ConnectionPool, Interceptor
from .settings.sources import Found, Sources

__all__ = ["ClientSideMonitoring", "Publisher", "monitoring_from"]

logger = logging.getLogger(__name__)

MAX_DATAGRAM_BYTES = 8 * 1024
"""Longer ones are dropped, as the agent would."""
WAITING_DATAGRAMS = 64
"""How many are kept while the agent's host is looked up; the oldest give way."""

_CLIENT_ID_LENGTH = 255
_NAME_LENGTH = 128
"""Of error codes and exception names."""
_USER_AGENT_LENGTH = 256
_MESSAGE_LENGTH = 512
_RESPONSE_FIELDS = {
    "x-amzn-requestid": "XAmznRequestId",
    "x-amz-request-id": "XAmzRequestId",
    "x-amz-id-2": "XAmzId2",
}

Event = dict[str, Any]


class Publisher(Protocol):
    """Whatever takes the datagrams in place of a UDP socket."""

    def publish(self, datagram: bytes) -> None:
        """Take one datagram, JSON in UTF-8; called on the event loop, so it must not block."""
        ...


@dataclass(slots=True)
class _Watched:
    """What is kept of a call until it ends."""

    timestamp: int
    """Epoch time in milliseconds."""
    started: float
    attempts: int = 0
    attempt_timestamp: int | None = None
    """None between attempts."""
    attempt_started: float = 0.0
    max_attempts: int = 0
    user_agent: str = ""


class ClientSideMonitoring(Interceptor):
    """Tells AWS's monitoring agent, or a `Publisher`, of every call and attempt.

    Args:
        client_id: a name for the application, up to 255 characters.
        host: where the agent listens.
        port: its UDP port.
        publisher: takes the datagrams in place of a socket to `host` and `port`.
        clock: the time of day in seconds since the epoch.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    def __init__(
        self,
        *,
        client_id: str = "",
        host: str = "127.0.0.1",
        port: int = 31000,
        publisher: Publisher | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        _check_client_id(client_id, "ClientSideMonitoring.client_id")
        if not isinstance(host, str) or not host:
            raise ConfigurationError(f"ClientSideMonitoring.host must be a host name or address, got {host!r}")
        if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
            raise ConfigurationError(f"ClientSideMonitoring.port must be a whole number from 1 to 65535, got {port!r}")
        self.client_id = client_id
        self.host = host
        self.port = port
        self._socket = _AgentSocket(host, port) if publisher is None else None
        self._publisher: Publisher = publisher or self._socket  # type: ignore[assignment] # one of them is there
        self._clock = clock
        self._pools: set[int] = set()

    def __repr__(self) -> str:
        return f"ClientSideMonitoring(client_id={self.client_id!r}, host={self.host!r}, port={self.port})"

    def opened(self, pool: ConnectionPool) -> None:
        """Open the socket, in a worker thread; needs a running event loop."""
        self._pools.add(id(pool))
        if self._socket is not None:
            self._socket.open()

    def closed(self, pool: ConnectionPool) -> None:
        """Close the socket with the last session."""
        self._pools.discard(id(pool))
        if self._socket is not None and not self._pools:
            self._socket.close()

    def before_call(self, call: CallContext, request: HTTPRequest) -> None:
        """Start the clocks of the call."""
        call.state[self] = _Watched(self._milliseconds(), time.monotonic(), user_agent=_user_agent(request))

    def before_attempt(self, call: CallContext, request: HTTPRequest) -> None:
        """Start the clocks of the attempt."""
        watched = _watched(call, self)
        if watched is None:
            return
        watched.attempts += 1
        watched.attempt_timestamp = self._milliseconds()
        watched.attempt_started = time.monotonic()
        watched.user_agent = _user_agent(request)
        allowed = request.headers.get("amz-sdk-request", "").rpartition("max=")[2]
        watched.max_attempts = int(allowed) if allowed.isascii() and allowed.isdigit() else 0

    def after_attempt(self, outcome: AttemptOutcome) -> None:
        """Publish the attempt."""
        watched = _watched(outcome.call, self)
        if watched is not None:
            self._attempt_ended(outcome.call, watched, outcome, outcome.error)

    def after_call(self, outcome: AttemptOutcome) -> None:
        """Publish the call, and before it the attempt that a time limit of the whole call cut off."""
        watched = _watched(outcome.call, self)
        if watched is not None:
            self._attempt_ended(outcome.call, watched, outcome, outcome.error)
            self._call_ended(outcome.call, watched, outcome.status, outcome.error)

    def abandoned(self, call: CallContext, error: BaseException) -> None:
        """Publish the call, and before it the attempt that was under way."""
        watched = _watched(call, self)
        if watched is not None:
            self._attempt_ended(call, watched, None, error)
            self._call_ended(call, watched, None, error)

    def _attempt_ended(
        self, call: CallContext, watched: _Watched, outcome: AttemptOutcome | None, error: BaseException | None
    ) -> None:
        if watched.attempt_timestamp is None:
            return
        event = self._event("ApiCallAttempt", call, watched.attempt_timestamp)
        event["AttemptLatency"] = _milliseconds_since(watched.attempt_started)
        event["Fqdn"] = call.origin.partition("://")[2]
        event["UserAgent"] = watched.user_agent
        event["Region"] = call.region
        if call.access_key_id is not None:
            event["AccessKey"] = call.access_key_id
        status = _status(outcome.status if outcome is not None else None, error)
        if status is not None:
            event["HttpStatusCode"] = status
        if outcome is not None and outcome.headers is not None:
            for header, name in _RESPONSE_FIELDS.items():
                if (value := outcome.headers.get(header)) is not None:
                    event[name] = value
        event.update(_failure(error))
        watched.attempt_timestamp = None
        self._publish(event)

    def _call_ended(
        self, call: CallContext, watched: _Watched, status: int | None, error: BaseException | None
    ) -> None:
        del call.state[self]
        event = self._event("ApiCall", call, watched.timestamp)
        event["AttemptCount"] = watched.attempts
        event["Latency"] = _milliseconds_since(watched.started)
        exceeded = isinstance(error, CallError) and error.retryable and watched.attempts >= watched.max_attempts > 0
        event["MaxRetriesExceeded"] = int(exceeded)
        if watched.attempts:
            event["Region"] = call.region
            event["UserAgent"] = watched.user_agent
            if (final := _status(status, error)) is not None:
                event["FinalHttpStatusCode"] = final
            event.update((f"Final{name}", value) for name, value in _failure(error).items())
        self._publish(event)

    def _event(self, kind: str, call: CallContext, timestamp: int) -> Event:
        return {
            "Version": 1,
            "ClientId": self.client_id,
            "Type": kind,
            "Service": call.service_id,
            "Api": call.operation,
            "Timestamp": timestamp,
        }

    def _publish(self, event: Event) -> None:
        datagram = json.dumps(event, separators=(",", ":")).encode()
        if len(datagram) > MAX_DATAGRAM_BYTES:
            logger.debug("an event of %d bytes is longer than %d and was dropped", len(datagram), MAX_DATAGRAM_BYTES)
            return
        try:
            self._publisher.publish(datagram)
        except Exception as error:  # noqa: BLE001 - a user's publisher; monitoring must not fail what it monitors
            logger.debug("an event was not published: %s", type(error).__name__)

    def _milliseconds(self) -> int:
        return int(self._clock() * 1000)


def monitoring_from(
    sources: Sources, configured: bool | ClientSideMonitoring | None = None
) -> ClientSideMonitoring | None:
    """Return the client-side monitoring that is asked for; None when none is.

    Args:
        sources: environment and profile: ``AWS_CSM_ENABLED``, ``AWS_CSM_CLIENT_ID``, ``AWS_CSM_HOST``, ``AWS_CSM_PORT``
            and the profile's keys ``csm_enabled`` and so on.
        configured: `Config.client_side_monitoring`, which wins over them.

    Raises:
        ConfigurationError: a setting that counts is wrong.
    """
    if isinstance(configured, ClientSideMonitoring):
        return configured
    enabled = configured
    if enabled is None:
        found = sources.find("AWS_CSM_ENABLED", "csm_enabled")
        enabled = found is not None and found.flag()
    if not enabled:
        return None
    client_id = sources.find("AWS_CSM_CLIENT_ID", "csm_client_id") or Found("", "")
    _check_client_id(client_id.text, client_id.source)
    host = sources.find("AWS_CSM_HOST", "csm_host") or Found("127.0.0.1", "")
    port = sources.find("AWS_CSM_PORT", "csm_port") or Found("31000", "")
    number = port.count()
    if number > 65535:
        raise ConfigurationError(f"{port.source} must be a port, from 1 to 65535, got {port.text!r}")
    return ClientSideMonitoring(client_id=client_id.text, host=host.text, port=number)


class _AgentSocket:
    """A UDP socket to the agent, which opens in a worker thread; usable from any thread."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._lock = threading.Lock()
        self._is_open = False
        self._socket: socket.socket | None = None
        self._address: Any = None
        self._waiting: deque[bytes] = deque(maxlen=WAITING_DATAGRAMS)

    def open(self) -> None:
        with self._lock:
            if self._is_open:
                return
            self._is_open = True
        asyncio.get_running_loop().run_in_executor(None, self._connect)

    def close(self) -> None:
        with self._lock:
            self._is_open = False
            self._waiting.clear()
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def publish(self, datagram: bytes) -> None:
        with self._lock:
            if self._socket is not None:
                self._send(self._socket, datagram)
            elif self._is_open:
                self._waiting.append(datagram)

    def _connect(self) -> None:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)
            # UDP does not tell where nobody listens, and AWS's agents listen on IPv4.
            family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
            opened = socket.socket(family, kind, protocol)
        except (OSError, UnicodeError) as error:
            logger.warning(
                "client-side monitoring is off: no way to %s port %d (%s)", self._host, self._port, type(error).__name__
            )
            return
        opened.setblocking(False)
        with self._lock:
            if not self._is_open or self._socket is not None:
                opened.close()
                return
            self._socket = opened
            self._address = address
            while self._waiting:
                self._send(opened, self._waiting.popleft())

    def _send(self, opened: socket.socket, datagram: bytes) -> None:
        try:
            opened.sendto(datagram, self._address)
        except OSError as error:
            logger.debug("an event was not sent: %s", type(error).__name__)


def _check_client_id(client_id: str, source: str) -> None:
    if not isinstance(client_id, str) or len(client_id) > _CLIENT_ID_LENGTH:
        raise ConfigurationError(f"{source} must be a str of at most {_CLIENT_ID_LENGTH} characters")


def _watched(call: CallContext, monitoring: ClientSideMonitoring) -> _Watched | None:
    watched: _Watched | None = call.state.get(monitoring)
    return watched


def _user_agent(request: HTTPRequest) -> str:
    return request.headers.get("User-Agent", "")[:_USER_AGENT_LENGTH]


def _milliseconds_since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)


def _status(status: int | None, error: BaseException | None) -> int | None:
    if status is None and isinstance(error, ServiceError | ResponseError):
        return error.status or None
    return status


def _failure(error: BaseException | None) -> Event:
    """Return what is said of a failure: AWS's own code and words, or the exception's where AWS did not answer."""
    if error is None:
        return {}
    if isinstance(error, ServiceError) and error.status:
        return {
            "AwsException": (error.code or str(error.status))[:_NAME_LENGTH],
            "AwsExceptionMessage": error.error_message[:_MESSAGE_LENGTH],
        }
    return {
        "SdkException": type(error).__name__[:_NAME_LENGTH],
        "SdkExceptionMessage": str(error)[:_MESSAGE_LENGTH],
    }
