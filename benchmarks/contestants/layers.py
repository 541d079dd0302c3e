"""Our request path cut off at several depths: no contestants, but what is between two of them is one layer.

Each name is an ``opened`` of its own, which a worker's command names as ``layers:transport``. What is sent is what a
`Predictor` sends, for it is recorded from one. The same cut-off points are there over a stub that answers at once: they
tell what a layer costs by itself, to a tenth of a microsecond. In company it costs more, for by the time an answer has
come the processor's caches hold something else.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import aiohttp

from sagemaker_async import Credentials, Predictor, Session, StubTransport
from sagemaker_async.aws.client import CallOptions
from sagemaker_async.aws.http import HTTPRequest, HTTPResponse, RequestHead
from sagemaker_async.aws.signing import Signer
from sagemaker_async.aws.transport import AiohttpTransport, Transport
from sagemaker_async.config import Timeouts
from sagemaker_async.runtime.operations import INVOKE_ENDPOINT
from sagemaker_async.runtime.stub import StubResponse

from . import Told
from .ours import Ours

CREDENTIALS = Credentials("AKIDEXAMPLE", "secret", "t" * 300)
TIMEOUTS = Timeouts()
FIELDS = {"ContentType": "application/octet-stream", "Accept": "*/*"}
"""What a predictor fills in besides endpoint and body."""


class Layer:
    """One cut-off point; see `Client`."""

    def __init__(
        self,
        *,
        invoke: Callable[[str, bytes], Awaitable[int]] | None = None,
        stream: Callable[[str, bytes, Told, Told], Awaitable[int]] | None = None,
    ) -> None:
        self.invoke = invoke
        self.stream = stream


class Answering(StubTransport):
    """Answers at once with 300 bytes, and keeps no request, of which there will be very many."""

    def __init__(self) -> None:
        super().__init__(otherwise=StubResponse(200, b"x" * 300, {"Content-Type": "application/octet-stream"}))

    async def send(self, request: HTTPRequest, *arguments: object) -> HTTPResponse:
        self.requests.clear()
        return await super().send(request, *arguments)  # type: ignore[arg-type]


class Requests(dict[str, HTTPRequest]):
    """The request of each endpoint, made from the one that was recorded; with a head, as a client has."""

    def __init__(self, recorded: HTTPRequest) -> None:
        super().__init__()
        self._recorded = recorded
        self.head = RequestHead({})

    def __missing__(self, endpoint: str) -> HTTPRequest:
        target = self._recorded.target.replace("/recorded/", f"/{endpoint}/")
        self[endpoint] = self._recorded._replace(target=target)
        return self[endpoint]


async def _recorded(url: str) -> tuple[Requests, Requests]:
    """Return what `predict` sends, and what `predict_stream` does."""
    stub = StubTransport(StubResponse(), StubResponse.stream([b"x"]))
    async with _session(url, 1, stub) as session:
        predictor = Predictor("recorded", session)
        await predictor.predict(b"x" * 300)
        await predictor.predict_stream(b"{}").collect()
    return Requests(stub.requests[0]), Requests(stub.requests[1])


def _session(url: str, connections: int, transport: Transport | None = None) -> Session:
    return Session(
        region="us-east-1",
        endpoint_url=url,
        credentials=CREDENTIALS,
        transport=transport,
        max_connections=connections,
    )


@asynccontextmanager
async def aiohttp_same_head(url: str, connections: int) -> AsyncIterator[Layer]:
    """Bare aiohttp with the header fields that we send."""
    calls, streams = await _recorded(url)
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def invoke(endpoint: str, body: bytes) -> int:
            request = calls[endpoint]
            async with session.post(request.origin + request.target, data=body, headers=request.headers) as response:
                return len(await response.read())

        async def stream(endpoint: str, body: bytes, on_first: Told = None, on_head: Told = None) -> int:
            request = streams[endpoint]
            chunks = 0
            async with session.post(request.origin + request.target, data=body, headers=request.headers) as response:
                if on_head is not None:
                    on_head()
                async for _ in response.content.iter_any():
                    if on_first is not None and not chunks:
                        on_first()
                    chunks += 1
            return chunks

        yield Layer(invoke=invoke, stream=stream)


@asynccontextmanager
async def transport(url: str, connections: int, *, stubbed: bool, signing: bool) -> AsyncIterator[Layer]:
    """A transport that is given ready requests, signed anew or as they are."""
    calls, streams = await _recorded(url)
    signer = Signer("us-east-1", "sagemaker")
    sender = Answering() if stubbed else AiohttpTransport(max_connections=connections, keepalive=TIMEOUTS.keepalive)

    def prepared(endpoint: str, requests: Requests) -> HTTPRequest:
        request = requests[endpoint]
        if not signing:
            return request
        headers = signer.sign(request, CREDENTIALS, time.time(), head=requests.head)
        return HTTPRequest(request.method, request.origin, request.target, headers, request.body)

    async def invoke(endpoint: str, body: bytes) -> int:  # noqa: ARG001
        response = await sender.send(prepared(endpoint, calls), TIMEOUTS)
        return len(await response.read())

    async def stream(endpoint: str, body: bytes, on_first: Told = None, on_head: Told = None) -> int:  # noqa: ARG001
        response = await sender.send(prepared(endpoint, streams), TIMEOUTS)
        if on_head is not None:
            on_head()
        chunks = 0
        while await response.read_chunk():
            if on_first is not None and not chunks:
                on_first()
            chunks += 1
        return chunks

    try:
        yield Layer(invoke=invoke, stream=stream)
    finally:
        await sender.close()


@asynccontextmanager
async def pipeline(url: str, connections: int, *, stubbed: bool) -> AsyncIterator[Layer]:
    """The pipeline, given a request that is ready but for its signature."""
    calls, _ = await _recorded(url)
    unsigned = Requests(_unsigned(calls["recorded"]))
    async with _session(url, connections, Answering() if stubbed else None) as session:
        runtime_pipeline = await session.channel.pipeline(INVOKE_ENDPOINT.service)

        async def invoke(endpoint: str, body: bytes) -> int:  # noqa: ARG001
            request, head = unsigned[endpoint], unsigned.head
            reply = await runtime_pipeline.send(INVOKE_ENDPOINT, request, TIMEOUTS, endpoint, head=head)
            return len(reply.body)

        yield Layer(invoke=invoke)


def _unsigned(request: HTTPRequest) -> HTTPRequest:
    own = ("authorization", "x-amz-", "amz-sdk-")
    headers = {name: value for name, value in request.headers.items() if not name.lower().startswith(own)}
    return request._replace(headers=headers)


@asynccontextmanager
async def client(url: str, connections: int, *, stubbed: bool) -> AsyncIterator[Layer]:
    """The runtime client, called as a predictor calls it, and its event stream."""
    async with _session(url, connections, Answering() if stubbed else None) as session:
        runtime = session.runtime

        async def invoke(endpoint: str, body: bytes) -> int:
            fields = {"EndpointName": endpoint, **FIELDS, "Body": body}
            return len((await runtime.send(runtime.prepare(INVOKE_ENDPOINT, fields, CallOptions(None)))).body)

        async def stream(endpoint: str, body: bytes, on_first: Told = None, on_head: Told = None) -> int:
            events = 0
            async with runtime.invoke_endpoint_with_response_stream(
                endpoint_name=endpoint, body=body, content_type=FIELDS["ContentType"], accept=FIELDS["Accept"]
            ) as response:
                if on_head is not None:
                    on_head()
                async for _ in response.body:
                    if on_first is not None and not events:
                        on_first()
                    events += 1
            return events

        yield Layer(invoke=invoke, stream=stream)


@asynccontextmanager
async def predictor(url: str, connections: int, *, stubbed: bool) -> AsyncIterator[Ours]:
    """The whole of ours."""
    async with _session(url, connections, Answering() if stubbed else None) as session:
        yield Ours(session)


ready = partial(transport, stubbed=False, signing=False)
signed = partial(transport, stubbed=False, signing=True)
sent = partial(pipeline, stubbed=False)
checked = partial(client, stubbed=False)
predicted = partial(predictor, stubbed=False)

stubbed_ready = partial(transport, stubbed=True, signing=False)
stubbed_signed = partial(transport, stubbed=True, signing=True)
stubbed_sent = partial(pipeline, stubbed=True)
stubbed_checked = partial(client, stubbed=True)
stubbed_predicted = partial(predictor, stubbed=True)
