"""aiohttp, and a SHA-256 of the body: the floor of anything that signs what it sends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

import aiohttp

from .bare_aiohttp import BareAiohttp


class AiohttpSHA256(BareAiohttp):
    async def invoke(self, endpoint: str, body: bytes) -> int:
        headers = {"X-Amz-Content-Sha256": sha256(body).hexdigest()}
        url = f"{self.url}/endpoints/{endpoint}/invocations"
        async with self.session.post(url, data=body, headers=headers) as response:
            return len(await response.read())


@asynccontextmanager
async def opened(url: str, connections: int) -> AsyncIterator[AiohttpSHA256]:
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield AiohttpSHA256(session, url)
