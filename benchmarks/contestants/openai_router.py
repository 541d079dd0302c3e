"""`openai_router` in front of our client, as an ASGI application that is called without a server.

What an HTTP server costs is the server's affair; what it is sent is counted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from sagemaker_async import Session
from sagemaker_async.integrations.fastapi import OpenAIModel, openai_router

from . import ours


class Router:
    def __init__(self, session: Session) -> None:
        self.predictors = ours.Predictors(session)

    async def tokens(self, endpoint: str, dialect: str) -> int:
        app = FastAPI()
        model = OpenAIModel(self.predictors[endpoint], takes=lambda request: request, dialect=dialect)
        app.include_router(openai_router(models={"m": model}))
        body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "?"}]}).encode()
        requests = [{"type": "http.request", "body": body, "more_body": False}]
        characters = 0
        left = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if requests:
                return requests.pop()
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            nonlocal characters
            characters += len(message.get("body", b""))

        await app(
            {
                "type": "http",
                "asgi": {"version": "3.0", "spec_version": "2.4"},
                "http_version": "1.1",
                "method": "POST",
                "scheme": "http",
                "path": "/v1/chat/completions",
                "raw_path": b"/v1/chat/completions",
                "query_string": b"",
                "headers": [(b"content-type", b"application/json")],
            },
            receive,
            send,
        )
        return characters


@asynccontextmanager
async def opened(url: str, connections: int) -> AsyncIterator[Router]:
    async with ours.opened(url, connections) as client:
        yield Router(client.session)
