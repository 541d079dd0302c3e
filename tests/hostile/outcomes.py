"""What becomes of a call when its connection fails in some phase in some manner: the table, as data and as a document.

``python -m tests.hostile.outcomes`` writes the document, `OUTCOMES.md`; a test fails when it is stale. The server of a
cell misbehaves in the same way on every connection, so that an outcome shows how often a call was tried.

The rules behind the table, from which no cell departs: an invocation is repeated when nothing of it was sent, or on
proof that the peer cannot have read it, and at no other time; DescribeEndpoint may be processed twice, so that it is
repeated; an answer is whole at its own end, and without a length only at the orderly end of the connection.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["DOCUMENT", "MANNERS", "OPERATIONS", "OUTCOMES", "PHASES", "Outcome", "document"]

DOCUMENT = Path(__file__).parent / "OUTCOMES.md"

ANSWER = "its own answer"


class Outcome(NamedTuple):
    """What the documented outcome of one call is."""

    ends: str
    """`ANSWER`, or the name of an error of `sagemaker_async.errors`."""
    tries: int
    """How many attempts were made."""
    runs: int
    """How many of them the server read whole: runs of the model."""

    def __str__(self) -> str:
        ends = self.ends if self.ends == ANSWER else f"`{self.ends}`"
        return f"{ends}; tried {_times(self.tries)}, read {_times(self.runs)}"


def _times(number: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(number, f"{number} times")


PHASES = {
    "connect": "Before the request: the connection is refused or not accepted, or the server acts before it reads.",
    "TLS": "In the handshake, when the client's first message has come.",
    "request": "The request was read whole, and nothing was sent.",
    "1xx": "An interim answer was sent.",
    "head": "Half a head was sent.",
    "body": "Some chunks were sent, of a stream the first event.",
    "mid-frame": "Half a chunk was sent, of a stream half an event.",
    "trailer": "All of the body was sent, its end was not.",
    "open body": "A body was sent whose end is the connection's.",
    "idle": "The connection waits in the pool, after an answer; the outcome is that of the next call.",
}

MANNERS = {
    "RST": "The connection is reset.",
    "FIN": "It is closed in order, over TLS with close_notify.",
    "cut": "It is closed by a FIN alone; over TLS, where that is no orderly end.",
    "half-close": "The server ends its side in order, and still reads.",
    "silence": "Nothing more is sent.",
    "drip": "What follows is sent byte by byte, without end unless it is a body; of no answer, empty lines.",
    "garbage": "Bytes are sent that mean nothing there.",
}

OPERATIONS = ("InvokeEndpoint", "InvokeEndpointWithResponseStream", "DescribeEndpoint")


def _alike(ends: str, tries: int, runs: int) -> tuple[Outcome, ...]:
    return (Outcome(ends, tries, runs),) * 3


def _ambiguous(ends: str, stream: str | None = None) -> tuple[Outcome, ...]:
    """Return the outcomes of what may have been processed: only DescribeEndpoint is repeated."""
    return Outcome(ends, 1, 1), Outcome(stream or ends, 1, 1), Outcome(ends, 3, 3)


_REFUSED = _alike("ConnectError", 3, 0)
_NOT_SENT = _alike("ConnectionLostError", 3, 0)
_NO_CONNECTION = _alike("ConnectTimeoutError", 3, 0)
_NO_TLS = _alike("TLSError", 3, 0)
_LOST = _ambiguous("ConnectionLostError")
_NO_HEAD = _ambiguous("FirstByteTimeoutError")
_NOT_HTTP = _ambiguous("ResponseError")
_CUT_OFF = _ambiguous("ConnectionLostError", "StreamConnectionError")
_STALLED = _ambiguous("ChunkTimeoutError", "StreamStalledError")
_DAMAGED = _ambiguous("ConnectionLostError", "MessageChecksumError")
_WELL = _alike(ANSWER, 1, 1)

OUTCOMES: dict[str, dict[str, tuple[Outcome, ...]]] = {
    "connect": {
        "RST": _REFUSED,
        "FIN": _NOT_SENT,
        "half-close": _NOT_SENT,
        "silence": _NO_CONNECTION,
        "drip": _NOT_SENT,
        "garbage": _NOT_SENT,
    },
    "TLS": {
        "RST": _NO_TLS,
        "FIN": _NO_TLS,
        "half-close": _NO_TLS,
        "silence": _NO_CONNECTION,
        "drip": _NO_CONNECTION,
        "garbage": _NO_TLS,
    },
    **{
        phase: {
            "RST": _LOST,
            "FIN": _LOST,
            "cut": _LOST,
            "half-close": _LOST,
            "silence": _NO_HEAD,
            "drip": _NO_HEAD,
            "garbage": _NOT_HTTP,
        }
        for phase in ("request", "1xx", "head")
    },
    "body": {
        "RST": _CUT_OFF,
        "FIN": _CUT_OFF,
        "cut": _CUT_OFF,
        "half-close": _CUT_OFF,
        "silence": _STALLED,
        "drip": _WELL,
        "garbage": _CUT_OFF,
    },
    "mid-frame": {
        "RST": _CUT_OFF,
        "FIN": _CUT_OFF,
        "cut": _CUT_OFF,
        "half-close": _CUT_OFF,
        "silence": _STALLED,
        "drip": _WELL,
        "garbage": _DAMAGED,
    },
    "trailer": {
        "RST": _CUT_OFF,
        "FIN": _CUT_OFF,
        "cut": _CUT_OFF,
        "half-close": _CUT_OFF,
        "silence": _STALLED,
        "drip": _STALLED,
        "garbage": _CUT_OFF,
    },
    "open body": {
        "RST": _CUT_OFF,
        "FIN": _WELL,
        "cut": _CUT_OFF,
        "half-close": _WELL,
        "silence": _STALLED,
        "drip": _WELL,
    },
    "idle": {
        "RST": _WELL,
        "FIN": _WELL,
        "cut": _WELL,
        "half-close": _WELL,
        "silence": (*_NO_HEAD[:2], Outcome(ANSWER, 2, 2)),
        "drip": _WELL,
        "garbage": _WELL,
    },
}
"""By phase and manner, in the order of `OPERATIONS`. Garbage in an open body is that body: nothing tells them apart."""


def document() -> str:
    """Return the table as Markdown."""
    lines = [
        "# What becomes of a call whose connection fails",
        "",
        "Generated by `python -m tests.hostile.outcomes`, checked cell by cell by `tests/hostile/test_phases.py`.",
        "The server misbehaves in the same way on every connection, so that each outcome shows how often the call was",
        "tried, and how often the server read the request: runs of the model.",
        "Errors are those of `sagemaker_async.errors`; attempts are AWS's standard mode's three.",
        "",
        "| Phase | |",
        "|---|---|",
        *(f"| {phase} | {words} |" for phase, words in PHASES.items()),
        "",
        "| Manner | |",
        "|---|---|",
        *(f"| {manner} | {words} |" for manner, words in MANNERS.items()),
        "",
        f"| Phase | Manner | {' | '.join(OPERATIONS)} |",
        "|---|---|---|---|---|",
        *(
            f"| {phase} | {manner} | {' | '.join(map(str, cells))} |"
            for phase, manners in OUTCOMES.items()
            for manner, cells in manners.items()
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    DOCUMENT.write_text(document())
