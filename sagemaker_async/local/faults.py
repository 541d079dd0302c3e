"""Faults that a test can script, per endpoint; each request consumes one entry of the script.

    endpoint.faults.extend([Throttle(), None, (PartSize(1), TcpWrites(1)), CutFrame(after_parts=2)])

An entry is one fault, a tuple of faults that act together, or None for a request without faults. It is consumed when
the request arrives, whatever follows. `FaultScript.always` sets what happens after the last entry.

Faults are frozen values. Parts are the payload parts of a response stream, counted as they are sent (after
`PartSize` has cut them); a fault that comes after more parts than the stream has acts at its end. On the two routes
without a stream, the body of the answer counts as two parts of equal length, so ``after_parts=1`` means its middle.
Only `SlowFirstByte` waits for a time; it does so with the ``sleep`` of `LocalSageMaker`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from sagemaker_async.errors import ConfigurationError

from .gate import Gate

__all__ = [
    "NO_FAULTS",
    "CloseOnOversize",
    "CutFrame",
    "DropConnection",
    "Fault",
    "FaultScript",
    "InStreamError",
    "NotAnEventStream",
    "PartSize",
    "Plan",
    "Positioned",
    "Reset",
    "ScriptEntry",
    "SlowFirstByte",
    "Stall",
    "Status",
    "TcpWrites",
    "Throttle",
    "UnknownEvent",
    "UnmodeledError",
    "WrongChecksum",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one request."""


# --- instead of the model ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status(Fault):
    """Answer with an error instead of running the model."""

    status: int
    """The HTTP status, 400 to 599."""
    error_type: str | None = None
    """AWS's error code, such as ``ServiceUnavailable``; None sends no ``x-amzn-ErrorType``, as gateways do."""
    message: str | None = "Scripted by the embedded SageMaker."
    """The message in the JSON body; None becomes JSON's null."""
    headers: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Further response headers, such as ``{"x-amz-retry-after": "250"}``."""
    body: bytes | None = field(default=None, kw_only=True)
    """Replaces the JSON body, for a gateway's HTML."""
    content_type: str = field(default="application/json", kw_only=True)

    def __post_init__(self) -> None:
        if not 400 <= self.status <= 599:
            raise ConfigurationError(f"Status.status must be from 400 to 599, got {self.status!r}")
        if not isinstance(self.error_type, str | None):
            raise ConfigurationError(
                "Status.error_type must be AWS's code, such as 'ServiceUnavailable', or None, got "
                f"{type(self.error_type).__name__}; the body goes into body="
            )


@dataclass(frozen=True, slots=True)
class Throttle(Fault):
    """Answer that the caller sends too many requests."""

    status: int = 400
    """400 or 429; AWS uses both."""
    retry_after_ms: int | None = field(default=None, kw_only=True)
    """Sent as ``x-amz-retry-after``, in milliseconds."""
    null_message: bool = field(default=False, kw_only=True)
    """Answer as SageMaker sometimes does: 400 with the body ``{"message": null}`` and no error code."""


@dataclass(frozen=True, slots=True)
class NotAnEventStream(Fault):
    """Answer 200 with a body that is not an event stream."""

    body: bytes = b"<html>An intermediary answers.</html>"
    content_type: str = "text/html"


# --- time and the connection ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SlowFirstByte(Fault):
    """Wait between the end of the model's work and the first byte of the answer."""

    seconds: float

    def __post_init__(self) -> None:
        if not self.seconds >= 0:
            raise ConfigurationError(f"SlowFirstByte.seconds must be 0 or more, got {self.seconds!r}")


@dataclass(frozen=True, slots=True)
class Reset(Fault):
    """Reset the connection (TCP RST) without answering."""

    when: Literal["before_read", "after_read", "after_model"] = "before_read"
    """Before the body is read, after it was read but before the model runs, or after the model ran."""

    def __post_init__(self) -> None:
        if self.when not in ("before_read", "after_read", "after_model"):
            raise ConfigurationError(
                f"Reset.when must be 'before_read', 'after_read' or 'after_model', got {self.when!r}"
            )


@dataclass(frozen=True, slots=True)
class CloseOnOversize(Fault):
    """Close the connection without an answer on a body over the endpoint's limit, while the client still sends it.

    SageMaker does this on large bodies instead of refusing them (aws/amazon-sagemaker-examples#519). Other requests
    are answered: ``endpoint.faults.always(CloseOnOversize())``.
    """


@dataclass(frozen=True, slots=True)
class PartSize(Fault):
    """Cut the model's output into payload parts of this many bytes, across lines, characters and records."""

    size: int = 1

    def __post_init__(self) -> None:
        _check_positive("PartSize.size", self.size)


@dataclass(frozen=True, slots=True)
class TcpWrites(Fault):
    """Pass the body of the answer to TCP in writes of this many bytes, each one HTTP chunk when the body is chunked."""

    size: int = 1

    def __post_init__(self) -> None:
        _check_positive("TcpWrites.size", self.size)


# --- at a place in the answer -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Positioned(Fault):
    """A fault that acts between two parts of the answer."""

    after_parts: int | None = 0
    """How many parts are sent before; None means the end of the stream."""

    def __post_init__(self) -> None:
        if self.after_parts is not None and self.after_parts < 0:
            raise ConfigurationError(
                f"{type(self).__name__}.after_parts must be 0 or more, or None, got {self.after_parts!r}"
            )


@dataclass(frozen=True, slots=True)
class Stall(Positioned):
    """Go silent until `release` is called, the client leaves or the server closes.

    ``Stall()`` does not send the head either; ``Stall(after_parts=0)`` sends the head and then nothing.
    """

    after_parts: int | None = None
    """How many parts are sent before the silence; None: not even the head."""
    gate: Gate = field(default_factory=Gate, kw_only=True, repr=False, compare=False)

    def release(self) -> None:
        """Let this and every later request with this fault continue; from any thread."""
        self.gate.open()


@dataclass(frozen=True, slots=True)
class DropConnection(Positioned):
    """Close the connection before the body's end: without the last chunk, or after too few bytes for Content-Length."""

    after_parts: int | None = 1
    reset: bool = field(default=False, kw_only=True)
    """Reset the connection (TCP RST) instead of closing it normally (FIN)."""


@dataclass(frozen=True, slots=True)
class CutFrame(Positioned):
    """Send the beginning of the next frame, then end the HTTP body normally."""

    after_parts: int | None = 1
    keep: int | None = field(default=None, kw_only=True)
    """How many bytes of the frame are sent; None: half of them."""

    def __post_init__(self) -> None:
        Positioned.__post_init__(self)
        if self.keep is not None:
            _check_positive("CutFrame.keep", self.keep)


@dataclass(frozen=True, slots=True)
class WrongChecksum(Fault):
    """Damage a checksum of one payload part; the stream continues after it."""

    part: int = 1
    """Which part, counted from 1."""
    which: Literal["message", "prelude"] = "message"

    def __post_init__(self) -> None:
        _check_positive("WrongChecksum.part", self.part)
        if self.which not in ("message", "prelude"):
            raise ConfigurationError(f"WrongChecksum.which must be 'message' or 'prelude', got {self.which!r}")


@dataclass(frozen=True, slots=True)
class InStreamError(Positioned):
    """Send an exception event and end the stream."""

    error_type: str = "ModelStreamError"
    """``ModelStreamError`` or ``InternalStreamFailure``; other names are sent unchanged."""
    code: str | None = None
    """ErrorCode, such as ``StreamBroken`` or ``ModelInvocationTimeExceeded``; None leaves it out."""
    message: str = "Scripted by the embedded SageMaker."
    after_parts: int | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class UnmodeledError(Positioned):
    """Send a message of type ``error`` and end the stream."""

    code: str = "InternalError"
    message: str = "Scripted by the embedded SageMaker."
    after_parts: int | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class UnknownEvent(Positioned):
    """Send an event of a type that no client knows; the stream continues after it."""

    event_type: str = "Heartbeat"
    payload: bytes = b"{}"
    after_parts: int | None = field(default=0, kw_only=True)


def _check_positive(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name} must be a whole number of at least 1, got {value!r}")


# --- scripts ----------------------------------------------------------------------------------------------------------

ScriptEntry: TypeAlias = Fault | tuple[Fault, ...] | None
F = TypeVar("F", bound=Fault)


class Plan:
    """The faults that act on one request."""

    __slots__ = ("faults",)

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults: tuple[Fault, ...] = faults

    def first(self, kind: type[F]) -> F | None:
        """Return the first fault of this kind."""
        for fault in self.faults:
            if isinstance(fault, kind):
                return fault
        return None

    def positioned(self) -> list[Positioned]:
        """Return the faults that act between parts, in the order in which they act."""
        found = [
            fault
            for fault in self.faults
            if isinstance(fault, Positioned) and not (isinstance(fault, Stall) and fault.after_parts is None)
        ]
        found.sort(key=lambda fault: float("inf") if fault.after_parts is None else fault.after_parts)
        return found


NO_FAULTS = Plan(())


class FaultScript:
    """The faults of an endpoint's next requests; may be changed from any thread."""

    __slots__ = ("_always", "_entries", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Plan] = deque()
        self._always = NO_FAULTS

    def __len__(self) -> int:
        """How many entries are still to be consumed."""
        return len(self._entries)

    def append(self, entry: ScriptEntry) -> None:
        """Add the entry of one request."""
        self._entries.append(_plan(entry))

    def extend(self, entries: Iterable[ScriptEntry]) -> None:
        """Add an entry for each of the next requests, in order."""
        self._entries.extend([_plan(entry) for entry in entries])

    def always(self, entry: ScriptEntry) -> None:
        """Set the faults of every request after the last entry; None removes them."""
        self._always = _plan(entry)

    def clear(self) -> None:
        """Remove all entries, and what `always` set."""
        with self._lock:
            self._entries.clear()
            self._always = NO_FAULTS

    def next(self) -> Plan:
        """Consume one entry and return its faults."""
        if not self._entries:
            return self._always
        with self._lock:
            return self._entries.popleft() if self._entries else self._always


def _plan(entry: ScriptEntry) -> Plan:
    if entry is None:
        return NO_FAULTS
    faults = entry if isinstance(entry, tuple) else (entry,)
    for fault in faults:
        if not isinstance(fault, Fault):
            raise ConfigurationError(
                f"a fault script holds faults, tuples of faults and None; got {type(fault).__name__}"
            )
    return Plan(faults)
