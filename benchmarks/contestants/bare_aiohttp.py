"""aiohttp alone, with default settings, unsigned: the floor of everything built on it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from . import Told


class BareAiohttp:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def invoke(self, endpoint: str, body: bytes) -> int:
        async with self.session.post(f"{self.url}/endpoints/{endpoint}/invocations", data=body) as response:
            return len(await response.read())

    async def stream(self, endpoint: str, body: bytes, on_first: Told = None, on_head: Told = None) -> int:
        chunks = 0
        url = f"{self.url}/endpoints/{endpoint}/invocations-response-stream"
        async with self.session.post(url, data=body) as response:
            if on_head is not None:
                on_head()
            async for _ in response.content.iter_any():
                if on_first is not None and not chunks:
                    on_first()
                chunks += 1
        return chunks


@asynccontextmanager
async def opened(url: str, connections: int) -> AsyncIterator[BareAiohttp]:
    trusting = ssl.create_default_context() if url.startswith("https:") else True
    connector = aiohttp.TCPConnector(limit=connections, ssl=trusting)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield BareAiohttp(session, url)
