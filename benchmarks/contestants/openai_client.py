"""openai-python, as its documentation says to stream a completion: plain server-sent events, without AWS's framing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from openai import AsyncOpenAI


class OpenAI:
    def __init__(self, url: str) -> None:
        self.url = url

    async def tokens(self, endpoint: str, dialect: str) -> int:
        characters = 0
        client = AsyncOpenAI(base_url=f"{self.url}/openai/{endpoint}", api_key="secret", max_retries=0)
        async with client:
            if dialect == "openai-completions":
                completions = await client.completions.create(model="m", prompt="zero", stream=True)
                async for completion in completions:
                    characters += len(completion.choices[0].text)
                return characters
            messages = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "zero"}], stream=True
            )
            async for message in messages:
                characters += len(message.choices[0].delta.content or "")
        return characters


@asynccontextmanager
async def opened(url: str, connections: int) -> AsyncIterator[OpenAI]:  # noqa: ARG001 - one stream at a time is read
    yield OpenAI(url)
