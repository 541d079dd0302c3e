"""aiobotocore, as its documentation says to use it; and ours under its names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import Any

from . import Told
from .hand_written import characters_of


class Aiobotocore:
    def __init__(self, stack: AsyncExitStack, connections: int, url: str, session: Any, config: Any) -> None:
        self.stack = stack
        self.session = session
        self.options: dict[str, Any] = {
            "region_name": "us-east-1",
            "endpoint_url": url,
            "aws_access_key_id": "AKIDEXAMPLE",
            "aws_secret_access_key": "secret",
            "aws_session_token": "t" * 300,
            "config": config(max_pool_connections=connections),
        }
        self.runtime: Any = None
        self.hosting: Any = None

    async def client(self, service: str) -> Any:
        return await self.stack.enter_async_context(self.session.create_client(service, **self.options))

    async def invoke(self, endpoint: str, body: bytes) -> int:
        response = await self.runtime.invoke_endpoint(EndpointName=endpoint, Body=body)
        async with response["Body"] as stream:
            return len(await stream.read())

    async def stream(self, endpoint: str, body: bytes, on_first: Told = None, on_head: Told = None) -> int:
        response = await self.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=body)
        if on_head is not None:
            on_head()
        events = 0
        async for _ in response["Body"]:
            if on_first is not None and not events:
                on_first()
            events += 1
        return events

    async def tokens(self, endpoint: str, dialect: str) -> int:
        response = await self.runtime.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=b"{}")
        return await characters_of((event["PayloadPart"]["Bytes"] async for event in response["Body"]), dialect)

    async def describe(self) -> str:
        if self.hosting is None:
            self.hosting = await self.client("sagemaker")
        return str((await self.hosting.describe_endpoint(EndpointName="benchmark"))["EndpointStatus"])


@asynccontextmanager
async def opened(url: str, connections: int) -> AsyncIterator[Aiobotocore]:
    config, session = import_module("aiobotocore.config"), import_module("aiobotocore.session")
    async with _client(url, connections, session.get_session(), config.AioConfig) as contestant:
        yield contestant


@asynccontextmanager
async def compat(url: str, connections: int) -> AsyncIterator[Aiobotocore]:
    ours = import_module("sagemaker_async.compat.aiobotocore")
    async with _client(url, connections, ours.get_session(), ours.AioConfig) as contestant:
        yield contestant


@asynccontextmanager
async def _client(url: str, connections: int, session: Any, config: Any) -> AsyncIterator[Aiobotocore]:
    async with AsyncExitStack() as stack:
        contestant = Aiobotocore(stack, connections, url, session, config)
        contestant.runtime = await contestant.client("sagemaker-runtime")
        yield contestant
