"""A canned server, as fast as Python can be: it parses no more of a request than its length and its path.

The path says what is answered, so that no state has to be set up:

- ``/endpoints/r{bytes}-d{ms}/invocations``: a body of that many bytes, after that many milliseconds;
- ``/endpoints/s{parts}-b{bytes}-c{per chunk}-i{ms}-d{ms}/invocations-response-stream``: an event stream of that many
  parts of that many bytes, so many of them in each HTTP chunk, with so many milliseconds between chunks, after a delay;
  an interval of 0 floods the client: many chunks in one write, as fast as it reads;
- ``/endpoints/t-{dialect}-n{tokens}-c{per chunk}/invocations-response-stream``: the tokens of a model in one of the
  dialects of `payloads`, one record a part, flooded;
- ``/endpoints/q{rate}-d{ms}-x{seconds}/invocations``: two bytes after that many milliseconds, for so many requests a
  second (with as many saved up as come in a second) and twice as many once so many seconds have passed since the first;
  ``ThrottlingException`` for the others. ``GET /counts`` says how many were taken and refused in each second;
- ``/openai/t-{dialect}-n{tokens}-c{per chunk}/...``: the same records in the same HTTP chunks, without AWS's framing;
- ``X-Amz-Target: SageMaker.DescribeEndpoint`` on ``/``: a fixed description.

Run as ``python -m benchmarks.server FOLDER``; it prints two ports, for plain connections and for TLS, and writes
``authority.pem``, the authority that its certificate is of, to the folder. It runs on uvloop where that is installed;
the suite `server` measures what it can do.
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
import resource
import ssl
import sys
from pathlib import Path

import trustme

from sagemaker_async.aws.eventstream import encode_message

from .payloads import DIALECTS

INVOKE = re.compile(rb"/endpoints/r(\d+)-d(\d+)/invocations ")
STREAM = re.compile(rb"/endpoints/s(\d+)-b(\d+)-c(\d+)-i(\d+)-d(\d+)/invocations-response-stream ")
TOKENS = re.compile(rb"/endpoints/t-([a-z-]+)-n(\d+)-c(\d+)/invocations-response-stream ")
THROTTLED = re.compile(rb"/endpoints/(q(\d+)-d(\d+)-x(\d+))/invocations ")
BARE_TOKENS = re.compile(rb"/openai/t-([a-z-]+)-n(\d+)-c(\d+)/")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
PART_HEADERS = {
    ":event-type": "PayloadPart",
    ":content-type": "application/octet-stream",
    ":message-type": "event",
}
DESCRIPTION = json.dumps(
    {
        "EndpointName": "benchmark",
        "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/benchmark",
        "EndpointConfigName": "benchmark",
        "EndpointStatus": "InService",
        "CreationTime": 1.7e9,
        "LastModifiedTime": 1.7e9,
        "ProductionVariants": [{"VariantName": "AllTraffic", "CurrentWeight": 1.0, "CurrentInstanceCount": 1}],
    }
).encode()


@functools.cache
def answer(size: int) -> bytes:
    """Return a whole response with a body of `size` bytes."""
    return _response(b"application/octet-stream", b"x" * size)


def _response(content_type: bytes, body: bytes, status: bytes = b"200 OK") -> bytes:
    return (
        b"HTTP/1.1 %s\r\nContent-Type: %s\r\nx-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\n"
        b"x-Amzn-Invoked-Production-Variant: AllTraffic\r\nContent-Length: %d\r\n\r\n"
        % (status, content_type, len(body))
    ) + body


@functools.cache
def chunk(size: int, count: int) -> bytes:
    """Return one HTTP chunk with `count` events of `size` bytes."""
    return _chunk(b"x" * size, count)


def _chunk(part: bytes, count: int) -> bytes:
    return _bare_chunk(encode_message(PART_HEADERS, part) * count)


def _bare_chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


@functools.cache
def tokens(dialect: str, count: int) -> tuple[bytes, bytes]:
    """Return one HTTP chunk with `count` tokens, and the one that ends such a stream."""
    sample = DIALECTS[dialect]
    return _chunk(sample.token, count), _chunk(sample.end, 1)


@functools.cache
def bare_tokens(dialect: str, count: int) -> tuple[bytes, bytes]:
    """Return the same without AWS's framing."""
    sample = DIALECTS[dialect]
    return _bare_chunk(sample.token * count), _bare_chunk(sample.end)


_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
    b"x-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\nTransfer-Encoding: chunked\r\n\r\n"
)
STREAM_HEAD = _STREAM_HEAD % b"application/vnd.amazon.eventstream"
BARE_STREAM_HEAD = _STREAM_HEAD % b"text/event-stream"
WRITTEN_AT_ONCE = 65_536
"""Bytes of a flooded stream in one write, so that the client is what limits it, and finds its buffer full."""
STREAM_END = b"0\r\n\r\n"


class Throttled:
    """What an endpoint takes: a token bucket that holds the tokens of a second."""

    def __init__(self, rate: int, doubles_after: int, now: float) -> None:
        self.rate = self.tokens = float(rate)
        self.begun = self.filled = now
        self.doubles_after = doubles_after
        self.counts: list[list[int]] = []
        """Requests taken and refused, for each second."""

    def takes(self, now: float) -> bool:
        """Return whether one more request is taken, and count it."""
        second = int(now - self.begun)
        rate = self.rate * (2 if second >= self.doubles_after else 1)
        self.tokens, self.filled = min(rate, self.tokens + (now - self.filled) * rate), now
        taken = self.tokens >= 1
        self.tokens -= taken
        while len(self.counts) <= second:
            self.counts.append([0, 0])
        self.counts[second][not taken] += 1
        return taken


THROTTLED_ENDPOINTS: dict[bytes, Throttled] = {}
REFUSAL = _response(
    b"application/json\r\nx-amzn-ErrorType: ThrottlingException", b'{"message": "Rate exceeded"}', b"400 Bad Request"
)


class Connection(asyncio.Protocol):
    """One connection; requests are answered in order."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self.loop = asyncio.get_running_loop()
        self.received = bytearray()
        self.wanted = 0
        self.writable = asyncio.Event()
        self.writable.set()

    def data_received(self, data: bytes) -> None:
        self.received += data
        if len(self.received) < self.wanted:
            return
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.received[: end + 2])
            length = LENGTH.search(head)
            self.wanted = end + 4 + (int(length[1]) if length else 0)
            if len(self.received) < self.wanted:
                return
            del self.received[: self.wanted]
            self.wanted = 0
            self.respond(head)

    def respond(self, head: bytes) -> None:
        if found := INVOKE.search(head):
            self.after(int(found[2]), self.transport.write, answer(int(found[1])))
        elif found := STREAM.search(head):
            parts, size, per_chunk, interval, delay = map(int, found.groups())
            self.after(delay, self.stream, parts // per_chunk, chunk(size, per_chunk), b"", interval / 1000)
        elif found := TOKENS.search(head):
            data, end = tokens(found[1].decode(), int(found[3]))
            self.stream(int(found[2]) // int(found[3]), data, end, 0)
        elif found := THROTTLED.search(head):
            name, rate, delay, doubles_after = found[1], *map(int, found.groups()[1:])
            now = self.loop.time()
            endpoint = THROTTLED_ENDPOINTS.setdefault(name, Throttled(rate, doubles_after, now))
            if endpoint.takes(now):
                self.after(delay, self.transport.write, answer(2))
            else:
                self.transport.write(REFUSAL)
        elif head.startswith(b"GET /counts "):
            counts = {name.decode(): endpoint.counts for name, endpoint in THROTTLED_ENDPOINTS.items()}
            self.transport.write(_response(b"application/json", json.dumps(counts).encode()))
        elif found := BARE_TOKENS.search(head):
            data, end = bare_tokens(found[1].decode(), int(found[3]))
            self.stream(int(found[2]) // int(found[3]), data, end, 0, BARE_STREAM_HEAD)
        else:
            self.transport.write(_response(b"application/x-amz-json-1.1", DESCRIPTION))

    def after(self, milliseconds: int, action: object, *arguments: object) -> None:
        if milliseconds:
            self.loop.call_later(milliseconds / 1000, action, *arguments)  # type: ignore[arg-type]
        else:
            action(*arguments)  # type: ignore[operator]

    def stream(self, chunks: int, data: bytes, end: bytes, interval: float, head: bytes = STREAM_HEAD) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(head)
        if interval:
            self.paced(chunks, data, interval)
        else:
            task = self.loop.create_task(self.flooded(chunks, data, end))
            task.add_done_callback(lambda done: done.exception())

    def paced(self, chunks: int, data: bytes, interval: float) -> None:
        if self.transport.is_closing():
            return
        if chunks == 0:
            self.transport.write(STREAM_END)
            return
        self.transport.write(data)
        self.loop.call_later(interval, self.paced, chunks - 1, data, interval)

    async def flooded(self, chunks: int, data: bytes, end: bytes) -> None:
        at_once = max(1, WRITTEN_AT_ONCE // len(data))
        block = data * at_once
        for _ in range(chunks // at_once):
            self.transport.write(block)
            await self.writable.wait()
        self.transport.write(data * (chunks % at_once) + end + STREAM_END)

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.writable.set()


def tls_of(authority_file: Path) -> ssl.SSLContext:
    """Return how a server on the loopback interface does TLS, and write its authority to a file."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(authority_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


async def serve(folder: Path) -> None:
    """Serve until killed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    loop = asyncio.get_running_loop()
    tls = tls_of(folder / "authority.pem")
    plain = await loop.create_server(Connection, "127.0.0.1", 0, backlog=2048)
    secure = await loop.create_server(Connection, "127.0.0.1", 0, backlog=2048, ssl=tls)
    print(*(server.sockets[0].getsockname()[1] for server in (plain, secure)), flush=True)
    await asyncio.gather(plain.serve_forever(), secure.serve_forever())


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(Path(sys.argv[1])))
    else:
        uvloop.run(serve(Path(sys.argv[1])))
