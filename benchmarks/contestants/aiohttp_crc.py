"""aiohttp, and a CRC-32 of every byte: the floor of anything that has to check a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from zlib import crc32

import aiohttp

from . import Told
from .bare_aiohttp import BareAiohttp


class AiohttpCRC(BareAiohttp):
    async def stream(self, endpoint: str, body: bytes, on_first: Told = None, on_head: Told = None) -> int:
        chunks = state = 0
        url = f"{self.url}/endpoints/{endpoint}/invocations-response-stream"
        async with self.session.post(url, data=body) as response:
            if on_head is not None:
                on_head()
            async for data in response.content.iter_any():
                if on_first is not None and not chunks:
                    on_first()
                state = crc32(data, state)
                chunks += 1
        return chunks


@asynccontextmanager
async def opened(url: str, connections: int) -> AsyncIterator[AiohttpCRC]:
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield AiohttpCRC(session, url)
