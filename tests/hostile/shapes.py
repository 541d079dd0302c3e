"""Shapes of answers: what a server may send for, before, after and instead of the answer it was asked for.

Each is data: the steps of one connection up to the end of its first answer, what follows while the connection idles,
and what the first call makes of it. What later calls make of it is the same for all: each has its own answer.

Answers are written as templates: ``{body}`` is the model's answer to the request, ``{length}`` and ``{size}`` how many
bytes that has, in decimal and in hexadecimal.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from sagemaker_async import Timeouts

from .answers import chunk, echo, echo_of, head, ok
from .server import Request, Step
from .steps import Close, Drip, Forever, HalfClose, ReadRequest, Reset, Send, Silence

__all__ = ["SHAPES", "First", "Shape"]

PATIENT = Timeouts(first_byte=2, between_chunks=2)
SOON = Timeouts(first_byte=0.15, between_chunks=0.15)


class First(Enum):
    """What becomes of the call that a shape answers."""

    ANSWER = "its own answer"
    ERROR = "an error of sagemaker_async.errors"
    EITHER = "its own answer, or an error of sagemaker_async.errors"


ANSWER, ERROR, EITHER = First.ANSWER, First.ERROR, First.EITHER


@dataclass(frozen=True)
class Shape:
    """One shape of an answer."""

    name: str
    first: First
    steps: tuple[Step, ...]
    """What the server does on a connection, from the accept to the end of the first answer."""
    idle: bytes = b""
    """What it sends, in a segment of its own, when the first call has its answer."""
    settled: bool = True
    """Whether the client's event loop runs between `idle` and the next call, so that it has read it by then."""
    own: Callable[[bytes], bytes] = echo_of
    """The own answer to a body."""
    timeouts: Timeouts = PATIENT
    early: bool = False
    """Whether it begins before the request."""
    over_tls: First | None = None
    """What the first call makes of it over TLS, where that is something else."""


# --- what nobody asked for -------------------------------------------------------------------------------------------

UNASKED = {
    "a whole answer": ok(b"unasked"),
    "two whole answers": ok(b"unasked 1") + ok(b"unasked 2"),
    "a chunked answer": head(b"Transfer-Encoding: chunked") + chunk(b"unasked") + chunk(b""),
    "an error": ok(b'{"Message": "unasked"}', status=b"500 Internal Server Error"),
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
    "a head without its body": head(b"Content-Length: 20"),
    "a head that leaves its body to the connection's end": head(),
    "garbage": b"\x16\x03unasked \xff\r\n",
    "a lone CRLF": b"\r\n",
    "NUL bytes": b"\0\0\0",
    "an interim 100": head(status=b"100 Continue"),
    "an interim 103": head(b"Link: </style.css>", status=b"103 Early Hints"),
    "a 204": head(status=b"204 No Content"),
    "a 304 with a body": ok(b"unasked", status=b"304 Not Modified"),
    "a 408 that closes": ok(b"unasked", b"Connection: close", status=b"408 Request Timeout"),
}
EARLY = ("a whole answer", "half a head", "a head without its body", "garbage", "a lone CRLF", "an interim 100")


def _around_an_answer(name: str, unasked: bytes) -> list[Shape]:
    answer = (ReadRequest(), Send(echo))
    behind = (ReadRequest(), Send(lambda request: echo(request) + unasked))
    shapes = [
        Shape(f"its own answer and {name} in one segment", EITHER, behind),
        Shape(f"{name} while idle", ANSWER, answer, idle=unasked),
        Shape(f"{name} just before the next call", ANSWER, answer, idle=unasked, settled=False),
    ]
    if name in EARLY:
        early = (Send(unasked), ReadRequest(), Send(echo))
        shapes.append(Shape(f"{name} before the first request", EITHER, early, early=True))
    return shapes


# --- answers ---------------------------------------------------------------------------------------------------------


def _answer(
    name: str,
    first: First,
    template: bytes,
    *after: Step,
    own: Callable[[bytes], bytes] = echo_of,
    timeouts: Timeouts = PATIENT,
    over_tls: First | None = None,
) -> Shape:
    """Return the shape of an answer that is sent in one piece, and what comes after it."""

    def written(request: Request) -> bytes:
        body = echo_of(request.body)
        size = len(body)
        return template.replace(b"{length}", b"%d" % size).replace(b"{size}", b"%x" % size).replace(b"{body}", body)

    return Shape(name, first, (ReadRequest(), Send(written), *after), own=own, timeouts=timeouts, over_tls=over_tls)


LONG = b"y" * (1 << 20)
LENGTH = b"Content-Length: {length}"
CLOSE = b"Connection: close"
WHOLE = head(LENGTH) + b"{body}"
TO_THE_END = head() + b"{body}"
TRUNCATED = head(b"Content-Length: 99") + b"{body}"
CODING = b"Transfer-Encoding: chunked"
CHUNKED = head(CODING)
ONE_CHUNK = b"{size}\r\n{body}\r\n"
LAST = b"0\r\n\r\n"
OLD = b"HTTP/1.0"
INTERIM = UNASKED["an interim 100"]
UPGRADE = (b"Upgrade: websocket", b"Connection: upgrade")
NO_NOTIFY = Close(close_notify=False)

LENGTHS = [
    _answer("the same length twice", EITHER, head(LENGTH, LENGTH) + b"{body}"),
    _answer("two lengths, the longer first", ERROR, head(b"Content-Length: 99", LENGTH) + b"{body}"),
    _answer("two lengths, the shorter first", ERROR, head(b"Content-Length: 2", LENGTH) + b"{body}"),
    _answer("two lengths in one field", ERROR, head(b"Content-Length: 2, {length}") + b"{body}"),
    _answer("a length with a plus", ERROR, head(b"Content-Length: +{length}") + b"{body}"),
    _answer("a negative length", ERROR, head(b"Content-Length: -{length}") + b"{body}"),
    _answer("a length in hexadecimal", ERROR, head(b"Content-Length: 0x{size}") + b"{body}"),
    _answer("an empty length", ERROR, head(b"Content-Length:") + b"{body}"),
    _answer("a length beyond 64 bits", ERROR, head(b"Content-Length: 99999999999999999999") + b"{body}"),
    _answer("a length in other digits", ERROR, head("Content-Length: ١١".encode()) + b"{body}"),
    _answer("a length with a space inside", ERROR, head(b"Content-Length: 1 1") + b"{body}"),
    _answer("a length with a space before the colon", EITHER, head(b"Content-Length : {length}") + b"{body}"),
    _answer("a length in lower case", ANSWER, head(b"content-length: {length}") + b"{body}"),
    _answer("a length in upper case", ANSWER, head(b"CONTENT-LENGTH: {length}") + b"{body}"),
    _answer("a folded length", EITHER, head(b"Content-Length:\r\n {length}") + b"{body}"),
    _answer("a length shorter than the body", EITHER, head(b"Content-Length: 6") + b"{body}", own=lambda _: b"answer"),
    _answer("a length of more than comes, then FIN", ERROR, TRUNCATED, Close()),
    _answer("a length of more than comes, then RST", ERROR, TRUNCATED, Reset()),
    _answer("a length of more than comes, then half-close", ERROR, TRUNCATED, HalfClose()),
    _answer("a length without a body, as to HEAD", ERROR, head(LENGTH), timeouts=SOON),
]  # fmt: skip

ENDS = [
    _answer("no length, then FIN", ANSWER, TO_THE_END, Close()),
    _answer("no length, then RST", ERROR, TO_THE_END, Reset()),
    _answer("no length, then half-close", ANSWER, TO_THE_END, HalfClose()),
    _answer("no length and keep-alive, then FIN", ANSWER, head(b"Connection: keep-alive") + b"{body}", Close()),
    _answer("no length, then FIN, no close_notify", ANSWER, TO_THE_END, NO_NOTIFY, over_tls=ERROR),
    _answer("HTTP/1.0 without a length, then FIN", ANSWER, head(version=OLD) + b"{body}", Close()),
    _answer("HTTP/1.0 without a length, then RST", ERROR, head(version=OLD) + b"{body}", Reset()),
    _answer("HTTP/1.0, then FIN, no close_notify", ANSWER, head(version=OLD) + b"{body}", NO_NOTIFY, over_tls=ERROR),
    _answer("HTTP/1.0 with a length", ANSWER, head(LENGTH, version=OLD) + b"{body}"),
    _answer("HTTP/1.0 that keeps alive", ANSWER, head(LENGTH, b"Connection: keep-alive", version=OLD) + b"{body}"),
    _answer("an answer that closes, then FIN", ANSWER, head(LENGTH, CLOSE) + b"{body}", Close()),
    _answer("an answer that closes, then FIN, no close_notify", ANSWER, head(LENGTH, CLOSE) + b"{body}", NO_NOTIFY),
    _answer("an answer that closes, then RST", EITHER, head(LENGTH, CLOSE) + b"{body}", Reset()),
    _answer("an answer that closes, and does not", ANSWER, head(LENGTH, CLOSE) + b"{body}"),
    _answer("an answer that closes, and another", EITHER, head(LENGTH, CLOSE) + b"{body}" + UNASKED["a whole answer"]),
    _answer(
        "an answer that closes and keeps alive", ANSWER, head(LENGTH, b"Connection: close, keep-alive") + b"{body}"
    ),
    _answer("half a head, then FIN", ERROR, UNASKED["half a head"], Close()),
    _answer("half a head, then silence", ERROR, UNASKED["half a head"], Silence(), timeouts=SOON),
    Shape("no answer, then FIN", ERROR, (ReadRequest(), Close())),
    Shape("no answer, then RST", ERROR, (ReadRequest(), Reset())),
]

CHUNKS = [
    _answer("chunks", ANSWER, CHUNKED + ONE_CHUNK + LAST),
    _answer("chunks, and bytes behind them", EITHER, CHUNKED + ONE_CHUNK + LAST + b"unasked"),
    _answer("chunks, and more behind the last", EITHER, CHUNKED + ONE_CHUNK + LAST + chunk(b"unasked") + LAST),
    _answer("chunks with leading zeros", ANSWER, CHUNKED + b"000{size}\r\n{body}\r\n000\r\n\r\n"),
    _answer("chunks with extensions", ANSWER, CHUNKED + b'{size};a="b"\r\n{body}\r\n0;c\r\n\r\n'),
    _answer("chunks with an extension of 1 MiB", ERROR, CHUNKED + b"{size};a=" + LONG + b"\r\n{body}\r\n" + LAST),
    _answer("chunks with trailers", ANSWER, CHUNKED + ONE_CHUNK + b"0\r\nX-A: 1\r\nX-B: 2\r\n\r\n"),
    _answer("chunks with a length as trailer", EITHER, CHUNKED + ONE_CHUNK + b"0\r\nContent-Length: 2\r\n\r\n"),
    _answer("chunks with a trailer of 1 MiB", ERROR, CHUNKED + ONE_CHUNK + b"0\r\nX-A: " + LONG + b"\r\n\r\n"),
    _answer("chunks with 100,000 trailers", ERROR, CHUNKED + ONE_CHUNK + b"0\r\n" + b"X-A: 1\r\n" * 100_000 + b"\r\n"),
    _answer("chunks with a broken trailer", ERROR, CHUNKED + ONE_CHUNK + b"0\r\n\0\xff\r\n\r\n"),
    _answer("a chunk without its CRLF", ERROR, CHUNKED + b"{size}\r\n{body}" + LAST),
    _answer("a chunk longer than its size", ERROR, CHUNKED + b"2\r\n{body}\r\n" + LAST),
    _answer("a chunk's size in letters", ERROR, CHUNKED + b"xyz\r\n{body}\r\n" + LAST),
    _answer("a negative size of a chunk", ERROR, CHUNKED + b"-{size}\r\n{body}\r\n" + LAST),
    _answer("a plus before a chunk's size", ERROR, CHUNKED + b"+{size}\r\n{body}\r\n" + LAST),
    _answer("0x before a chunk's size", ERROR, CHUNKED + b"0x{size}\r\n{body}\r\n" + LAST),
    _answer("a space behind a chunk's size", EITHER, CHUNKED + b"{size} \r\n{body}\r\n" + LAST),
    _answer("an empty size of a chunk", ERROR, CHUNKED + b"\r\n{body}\r\n" + LAST),
    _answer("a chunk's size beyond 64 bits", ERROR, CHUNKED + b"fffffffffffffffff\r\n{body}\r\n" + LAST),
    _answer("chunks whose lines end with LF", EITHER, CHUNKED + b"{size}\n{body}\n0\n\n"),
    _answer("chunks without the last, then FIN", ERROR, CHUNKED + ONE_CHUNK, Close()),
    _answer("chunks without the last CRLF, then FIN", ERROR, CHUNKED + ONE_CHUNK + b"0\r\n", Close()),
    _answer("chunks without the last, then RST", ERROR, CHUNKED + ONE_CHUNK, Reset()),
    _answer("chunks and a length", EITHER, head(b"Content-Length: 3", CODING) + ONE_CHUNK + LAST),
    _answer("chunked twice", EITHER, head(CODING + b", chunked") + ONE_CHUNK + LAST),
    _answer("chunked, and then another coding", ERROR, head(CODING + b", rot13") + ONE_CHUNK + LAST, Close()),
    _answer("another coding, and a length", ERROR, head(LENGTH, b"Transfer-Encoding: rot13") + b"{body}", Close()),
    _answer("chunks in HTTP/1.0", EITHER, head(CODING, version=OLD) + ONE_CHUNK + LAST, Close()),
]  # fmt: skip

STATUSES = [
    _answer("three interim answers before its own", ANSWER, INTERIM * 2 + UNASKED["an interim 103"] + WHOLE),
    _answer("an interim answer with a length", EITHER, head(b"Content-Length: 9", status=b"100 Continue") + WHOLE),
    Shape("interim answers without end", ERROR, (ReadRequest(), Forever(Send(INTERIM))), timeouts=SOON),
    _answer("101 Switching Protocols", ERROR, head(*UPGRADE, status=b"101 Switching Protocols") + b"{body}"),
    _answer("200 with an upgrade", EITHER, head(LENGTH, *UPGRADE) + b"{body}"),
    _answer("204 with a body", EITHER, head(LENGTH, status=b"204 No Content") + b"{body}", own=lambda _: b""),
    _answer("205 with a body", EITHER, head(LENGTH, status=b"205 Reset Content") + b"{body}"),
    _answer("304 with a body", ERROR, head(LENGTH, status=b"304 Not Modified") + b"{body}"),
    _answer("a redirect", ERROR, ok(b"", b"Location: http://127.0.0.1:1/", status=b"307 Temporary Redirect")),
    _answer("a status of two digits", ERROR, head(LENGTH, status=b"20 OK") + b"{body}"),
    _answer("a status of four digits", ERROR, head(LENGTH, status=b"2000 OK") + b"{body}"),
    _answer("a status without a reason", ANSWER, head(LENGTH, status=b"200") + b"{body}"),
    _answer("a status of 999", ERROR, head(LENGTH, status=b"999 Strange") + b"{body}"),
    _answer("a status line of 1 MiB", ERROR, head(LENGTH, status=b"200 " + LONG) + b"{body}"),
    _answer("another protocol", ERROR, head(LENGTH, version=b"ICY") + b"{body}"),
    _answer("HTTP/2.0 in words", EITHER, head(LENGTH, version=b"HTTP/2.0") + b"{body}"),
    _answer("HTTP/0.9", ERROR, b"{body}", Close()),
    _answer("frames of HTTP/2", ERROR, b"\0\0\x12\x04\0\0\0\0\0" + bytes(18)),
    _answer("a TLS alert", ERROR, b"\x15\x03\x01\0\x02\x02\x28", Close()),
]  # fmt: skip

FIELDS = [
    _answer("an empty line before the head", EITHER, b"\r\n" + WHOLE),
    _answer("a folded field", EITHER, head(b"X-A: 1\r\n 2", LENGTH) + b"{body}"),
    _answer("lines that end with LF", EITHER, WHOLE.replace(b"\r\n", b"\n")),
    _answer("lines that end with CR", ERROR, WHOLE.replace(b"\r\n", b"\r"), Close()),
    _answer("a field without a colon", ERROR, head(LENGTH, b"broken") + b"{body}"),
    _answer("a field without a name", ERROR, head(LENGTH, b": x") + b"{body}"),
    _answer("a NUL in a field's value", EITHER, head(LENGTH, b"X-A: a\0b") + b"{body}"),
    _answer("a NUL in a field's name", ERROR, head(LENGTH, b"X\0A: a") + b"{body}"),
    _answer("bytes above 127 in a value", ANSWER, head(LENGTH, b"X-A: \xe4\xff") + b"{body}"),
    _answer("a field of 1 MiB", ERROR, head(LENGTH, b"X-A: " + LONG) + b"{body}"),
    _answer("100,000 fields", ERROR, head(LENGTH, *[b"X-A: 1"] * 100_000) + b"{body}"),
]


def _gzip(body: bytes) -> bytes:
    return gzip.compress(echo_of(body), mtime=0)


BODIES = [
    Shape(
        "a body in gzip",
        ANSWER,
        (ReadRequest(), Send(lambda request: ok(_gzip(request.body), b"Content-Encoding: gzip"))),
        own=_gzip,
    ),
    _answer("a body that says it is in gzip", ANSWER, head(LENGTH, b"Content-Encoding: gzip") + b"{body}"),
    Shape("an answer byte by byte", ANSWER, (ReadRequest(), Drip(echo))),
]

SHAPES: tuple[Shape, ...] = (
    *[shape for name, unasked in UNASKED.items() for shape in _around_an_answer(name, unasked)],
    *LENGTHS,
    *ENDS,
    *CHUNKS,
    *STATUSES,
    *FIELDS,
    *BODIES,
)
