"""Fixtures of the integration tests: signed requests to the embedded SageMaker without a client."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import json
import os
import ssl
import time
import traceback
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CoroutineType, FunctionType, GeneratorType, MethodType, ModuleType
from typing import Any

import aiohttp
import pytest
from yarl import URL

from sagemaker_async.aws.eventstream import Decoder, Message
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.signing import Signer
from sagemaker_async.config import Credentials
from sagemaker_async.local import LocalSageMaker


@dataclass
class Answer:
    """What came back, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return self.headers["x-amzn-ErrorType"].partition(":")[0]

    @property
    def messages(self) -> list[Message]:
        decoder = Decoder()
        messages = decoder.feed(self.body)
        decoder.close()
        return list(messages)

    @property
    def parts(self) -> list[bytes]:
        return [message.payload for message in self.messages if message.headers[":event-type"] == "PayloadPart"]


class RawClient:
    """Sends signed requests with plain aiohttp, so that nothing of our client is between test and wire."""

    def __init__(self, local: LocalSageMaker, session: aiohttp.ClientSession) -> None:
        self._local = local
        self._session = session

    async def open(
        self,
        name: str = "echo",
        route: str = "invocations",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "POST",
        target: str | None = None,
        timestamp: float | None = None,
        credentials: Credentials | None = None,
    ) -> aiohttp.ClientResponse:
        """Send a request and return the response with its body still to be read."""
        path = target or f"/endpoints/{name}/{route}"
        request = HTTPRequest(method, self._local.url, path, dict(headers or {}), body)
        signer = Signer(self._local.client_options["region"] or "", "sagemaker")
        signed = signer.sign(request, credentials or self._local.credentials, timestamp or time.time())
        url = URL(self._local.url + path, encoded=True)
        # aiohttp warns of large bodies that are plain bytes.
        data = io.BytesIO(body) if len(body) > 2**20 else body
        return await self._session.request(method, url, data=data, headers=signed)

    async def __call__(self, *args: Any, **options: Any) -> Answer:
        """Send a request and read the whole answer."""
        response = await self.open(*args, **options)
        return Answer(response.status, response.headers, await response.read())


@pytest.fixture
def raw_client() -> Callable[[LocalSageMaker], AbstractAsyncContextManager[RawClient]]:
    @asynccontextmanager
    async def raw_client(local: LocalSageMaker) -> AsyncIterator[RawClient]:
        skipped = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
        async with aiohttp.ClientSession(skip_auto_headers=skipped, auto_decompress=False) as session:
            yield RawClient(local, session)

    return raw_client


@pytest.fixture
async def call(
    local: LocalSageMaker, raw_client: Callable[[LocalSageMaker], AbstractAsyncContextManager[RawClient]]
) -> AsyncIterator[RawClient]:
    async with raw_client(local) as client:
        yield client


@pytest.fixture
def stream(call: RawClient) -> Callable[..., Awaitable[Answer]]:
    async def stream(name: str = "echo", body: bytes = b"", **options: Any) -> Answer:
        return await call(name, "invocations-response-stream", body, **options)

    return stream


SESSIONS_OWN = {
    *("Session", "SageMakerClient", "SageMakerRuntimeClient", "Predictor", "Config", "Settings", "Channel", "Pipeline"),
    *("Signer", "CredentialCache", "Credentials", "AiohttpTransport", "Connector", "ClientSession", "StubTransport"),
    *("AssumeRole", "CognitoIdentityProvider", "ContainerCredentials", "DefaultChain", "Process", "WebIdentity"),
}
"""Classes of what lives as long as the session, has masked secrets in its `repr`, and is the user's to hold."""

_DEPTH = 8


class Frames:
    """What the frames that exceptions keep hold in their local variables, as debuggers and error reporters show them.

    Looked through are containers, functions' closures, coroutines, and objects of this package and of the libraries it
    stands on. Left out are the frames of the test, for a user's own variables are the user's; and what lives as long
    as the session (`SESSIONS_OWN`), which every frame with a client or a predictor reaches.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets = secrets

    def holding(self, error: BaseException) -> list[str]:
        """Return where a secret is held, as ``file:line in function: path to the value``."""
        found: list[str] = []
        seen_errors: set[int] = set()
        errors: list[BaseException | None] = [error]
        while errors:
            each = errors.pop()
            if each is None or id(each) in seen_errors:
                continue
            seen_errors.add(id(each))
            errors += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
            for frame, line in traceback.walk_tb(each.__traceback__):
                path = Path(frame.f_code.co_filename)
                if path.is_relative_to(Path(__file__).parents[1]) or "pytest" in path.parts:
                    continue
                where = f"{type(each).__name__}: {path.name}:{line} in {frame.f_code.co_name}"
                seen: dict[int, object] = {}
                for name, value in list(frame.f_locals.items()):
                    found += [f"{where}: {place}" for place in self._within(value, name, seen, _DEPTH)]
        return found

    def _within(self, value: Any, place: str, seen: dict[int, object], depth: int) -> Iterator[str]:
        if isinstance(value, str | bytes | bytearray | memoryview):
            text = value if isinstance(value, str) else bytes(value).decode("latin-1")
            if any(secret in text for secret in self._secrets):
                yield place
            return
        if depth == 0 or id(value) in seen or isinstance(value, int | float | type | ModuleType | None):
            return
        seen[id(value)] = value  # which keeps it, so that its id stays its own
        for name, part in _parts_of(value):
            yield from self._within(part, f"{place}.{name}", seen, depth - 1)


def _parts_of(value: Any) -> Iterable[tuple[str, Any]]:
    kind = type(value)
    if kind.__name__ in SESSIONS_OWN or isinstance(value, os._Environ | BaseException | asyncio.AbstractEventLoop):
        return
    if isinstance(value, Mapping):
        for key, item in list(value.items()):
            yield "key", key
            yield str(key)[:30], item
    elif isinstance(value, list | tuple | set | frozenset | deque):
        for at, item in enumerate(list(value)):
            yield str(at), item
    elif isinstance(value, FunctionType):
        for cell, name in zip(value.__closure__ or (), value.__code__.co_freevars, strict=True):
            with contextlib.suppress(ValueError):  # an empty cell
                yield name, cell.cell_contents
    elif isinstance(value, MethodType):
        yield "__self__", value.__self__
    elif isinstance(value, functools.partial):
        yield from (("func", value.func), ("args", value.args), ("keywords", value.keywords))
    elif isinstance(value, CoroutineType | GeneratorType):
        frame = value.cr_frame if isinstance(value, CoroutineType) else value.gi_frame
        if frame is not None:
            yield from frame.f_locals.items()
    elif kind.__module__.partition(".")[0] in {"sagemaker_async", "aiohttp", "multidict", "yarl", "botocore"}:
        yield from getattr(value, "__dict__", {}).items()
        for name in {name for base in kind.__mro__ for name in _slots(base)}:
            if not name.startswith("__"):
                with contextlib.suppress(AttributeError):
                    yield name, getattr(value, name)


def _slots(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


@pytest.fixture(scope="session")
def frames_of() -> Callable[[Collection[str]], Frames]:
    """Makes what looks into the frames of exceptions: ``frames_of(secrets).holding(error)``."""
    return Frames


class Forwarder:
    """A server on loopback that hands the bytes of its connections on, after a beginning of its own if it has one."""

    def __init__(self) -> None:
        self.connections = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, begin: Callable[..., Awaitable[tuple[str, int] | None]], tls: ssl.SSLContext | None) -> str:
        """Listen; `begin` gets a connection's reader and writer and returns where to connect it to, None to hang up."""
        self._begin = begin
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        return f"{'https' if tls else 'http'}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

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
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                target = await self._begin(reader, writer)
                if target is not None:
                    await _joined(reader, writer, *await asyncio.open_connection(*target))
        finally:
            self._tasks.discard(task)
            writer.transport.abort()


async def _joined(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    far_reader: asyncio.StreamReader,
    far_writer: asyncio.StreamWriter,
) -> None:
    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()

    copies = [asyncio.create_task(copy(reader, far_writer)), asyncio.create_task(copy(far_reader, writer))]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in copies:
            each.cancel()
        await asyncio.gather(*copies, return_exceptions=True)
        far_writer.transport.abort()


@pytest.fixture
async def forwarder() -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Starts servers that hand connections on: ``origin = await forwarder(begin, tls=context)``, see `Forwarder`."""
    started: list[Forwarder] = []

    async def start(
        begin: Callable[..., Awaitable[tuple[str, int] | None]], *, tls: ssl.SSLContext | None = None
    ) -> str:
        started.append(Forwarder())
        return await started[-1].start(begin, tls)

    yield start
    for each in started:
        await each.stop()


@pytest.fixture
def tls_front(
    forwarder: Callable[..., Awaitable[str]],
) -> Callable[[LocalSageMaker, ssl.SSLContext], Awaitable[str]]:
    """Puts TLS before an embedded SageMaker and returns the ``https://`` origin."""

    async def tls_front(local: LocalSageMaker, tls: ssl.SSLContext) -> str:
        behind = URL(local.url)

        async def begin(*_: object) -> tuple[str, int]:
            return str(behind.host), int(behind.port or 0)

        return await forwarder(begin, tls=tls)

    return tls_front
