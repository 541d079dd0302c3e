"""Fixtures for the whole suite: an embedded SageMaker on the test's event loop, and a session that calls it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import heapq
import itertools
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import aiohttp
import pytest
from aioresponses import aioresponses
from hypothesis import settings

from sagemaker_async import Session
from sagemaker_async.aws.timing import Timing
from sagemaker_async.local import LocalSageMaker

# The same examples on every machine and every run; explore with --hypothesis-profile=explore.
settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("fixed")


def pytest_collection() -> None:
    """Let no garbage be collected while a million objects are made that stay."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.enable()


@pytest.fixture(autouse=True, scope="module")
def lean_garbage_collections() -> None:
    """Leave what lives already out of all later collections of garbage: imports, collected tests, botocore's models.

    Looking through it takes a third of the time of tests that collect garbage to see what is left.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
async def local() -> AsyncIterator[LocalSageMaker]:
    async with LocalSageMaker() as server:
        yield server


@pytest.fixture
async def session(local: LocalSageMaker) -> AsyncIterator[Session]:
    async with Session(**local.client_options) as session:
        yield session


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """Moto's AWS on loopback, with its S3, SQS and STS; one for all tests, so give what you make a name of its own."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No setting of this machine: no ``AWS_*`` or proxy variable, and an empty home, which is returned."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower() in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return home


class Clock:
    """Time that passes when `pass_by` is called."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._alarms: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    async def sleep(self, seconds: float) -> None:
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._alarms, (self.now + seconds, next(self._numbers), alarm))
        await alarm

    async def pass_by(self, seconds: float) -> None:
        """Let the time pass, from alarm to alarm, and all that follows from each happen."""
        until = self.now + seconds
        await self.settled()
        while self._alarms and self._alarms[0][0] <= until:
            self.now = self._alarms[0][0]
            while self._alarms and self._alarms[0][0] <= self.now:
                _, _, alarm = heapq.heappop(self._alarms)
                if not alarm.done():
                    alarm.set_result(None)
            await self.settled()
        self.now = until

    async def settled(self) -> None:
        """Let everything happen that waits for neither time nor the network."""
        for _ in range(30):
            await asyncio.sleep(0)

    @property
    def timing(self) -> Timing:
        return Timing(monotonic=lambda: self.now, sleep=self.sleep, uniform=lambda: 0.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


class RawRequest(NamedTuple):
    """One request as its bytes came from the socket."""

    raw: bytes
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for field, value in self.headers if field.lower() == name.lower()), None)


RawAnswer = bytes | Callable[[RawRequest, asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """A server on loopback that knows nothing of AWS: it keeps requests as bytes, and writes the answers it was given.

    Answers are used in order, the last one ever after; one that is a function writes (or does not) by itself.
    """

    def __init__(self, answers: tuple[RawAnswer, ...]) -> None:
        self.answers = answers
        self.requests: list[RawRequest] = []
        self.connections = 0
        self.open_connections = 0
        self.origin = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, tls: ssl.SSLContext | None) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        port = self._server.sockets[0].getsockname()[1]
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{port}"

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while not writer.is_closing():
                    request = await _read_request(reader)
                    self.requests.append(request)
                    answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
                    if isinstance(answer, bytes):
                        writer.write(answer)
                        await writer.drain()
                    else:
                        await answer(request, writer)
        finally:
            self.open_connections -= 1
            self._tasks.discard(task)
            writer.transport.abort()


async def _read_request(reader: asyncio.StreamReader) -> RawRequest:
    head = await reader.readuntil(b"\r\n\r\n")
    request_line, *lines = head[:-4].decode("latin-1").split("\r\n")
    method, target, _ = request_line.split(" ")
    headers = [(name, value.lstrip(" ")) for name, _, value in (line.partition(":") for line in lines)]
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
    body = await reader.readexactly(length)
    return RawRequest(head + body, method, target, headers, body)


@pytest.fixture
async def raw_server() -> AsyncIterator[Callable[..., Awaitable[RawServer]]]:
    """Starts servers: ``server = await raw_server(answer, ...)``, with `tls` for one that speaks TLS."""
    servers: list[RawServer] = []

    async def started(*answers: RawAnswer, tls: ssl.SSLContext | None = None) -> RawServer:
        servers.append(RawServer(answers))
        await servers[-1].start(tls)
        return servers[-1]

    yield started
    for server in servers:
        await server.stop()


@pytest.fixture(scope="session")
def http_answer() -> Callable[..., bytes]:
    """Makes the bytes of an answer: ``http_answer(200, b"body", {"Content-Type": "..."})``."""

    def answer(status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
        fields = {"Content-Length": str(len(body)), **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"HTTP/1.1 {status} Status\r\n{lines}\r\n".encode() + body

    return answer


@pytest.fixture
def mocked_aiohttp() -> Iterator[aioresponses]:
    """aioresponses, which lacks an argument that the responses of aiohttp 3.14 and later must have."""

    class Response(aiohttp.ClientResponse):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            accepts_writer = "stream_writer" in (aiohttp.ClientResponse.__init__.__kwdefaults__ or {}) or (
                "stream_writer" in aiohttp.ClientResponse.__init__.__code__.co_varnames
            )
            super().__init__(*args, **kwargs, **({"stream_writer": mock.Mock()} if accepts_writer else {}))

    with mock.patch("aioresponses.core.ClientResponse", Response), aioresponses() as mocked:
        yield mocked


class FakeLoop:
    """An event loop's clock and timers, which go on when the test says so, and its futures."""

    def __init__(self) -> None:
        self.now = 0.0
        self._timers: list[tuple[float, Callable[..., Any], tuple[Any, ...]]] = []
        self._loop = asyncio.get_running_loop()

    def time(self) -> float:
        return self.now

    def is_closed(self) -> bool:
        return False

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any) -> Any:
        timer = (when, callback, args)
        self._timers.append(timer)
        timers = self._timers

        class Handle:
            def cancel(self) -> None:
                if timer in timers:
                    timers.remove(timer)

        return Handle()

    @property
    def timers(self) -> int:
        return len(self._timers)

    def go_on(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [timer for timer in self._timers if timer[0] <= end]:
            timer = min(due, key=lambda each: each[0])
            self._timers.remove(timer)
            self.now = max(self.now, timer[0])
            timer[1](*timer[2])
        self.now = end

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


@pytest.fixture
async def fake_loop() -> FakeLoop:
    return FakeLoop()
