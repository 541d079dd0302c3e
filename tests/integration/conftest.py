"""Fixtures of the integration tests: signed requests to the embedded SageMaker without a client."""

from __future__ import annotations

import io
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from yarl import URL

from sagemaker_async.aws.eventstream import Decoder, Message
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.sigv4 import Signer
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
