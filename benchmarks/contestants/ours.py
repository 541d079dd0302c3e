"""sagemaker_async, as its README says to use it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

from sagemaker_async import Credentials, Predictor, Session
from sagemaker_async.records.json_values import fastest_loads

from . import Told


class Predictors(dict[str, Predictor[bytes]]):
    """One for each endpoint, made when it is first asked for."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    def __missing__(self, endpoint: str) -> Predictor[bytes]:
        self[endpoint] = Predictor(endpoint, self.session)
        return self[endpoint]


class Ours:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.predictors = Predictors(session)

    async def invoke(self, endpoint: str, body: bytes) -> int:
        return len(await self.predictors[endpoint].predict(body))

    async def stream(self, endpoint: str, body: bytes, on_first: Told = None, on_head: Told = None) -> int:
        events = 0
        stream = self.predictors[endpoint].predict_stream(body)
        if on_head is not None:
            await stream.open()
            on_head()
        async for _ in stream:
            if on_first is not None and not events:
                on_first()
            events += 1
        return events

    async def tokens(self, endpoint: str, dialect: str) -> int:  # noqa: ARG002 - it recognises the dialect
        characters = 0
        async for token in self.predictors[endpoint].predict_stream(b"{}").tokens():
            characters += len(token.text)
        return characters

    async def describe(self) -> str:
        return str((await self.session.hosting.describe_endpoint(endpoint_name="benchmark")).endpoint_status)


class OurClient(Ours):
    """The session's own client, which a predictor and the compat client are faces of."""

    async def invoke(self, endpoint: str, body: bytes) -> int:
        return len((await self.session.runtime.invoke_endpoint(endpoint_name=endpoint, body=body)).body)

    async def stream(self, endpoint: str, body: bytes, on_first: Told = None, on_head: Told = None) -> int:
        events = 0
        async with self.session.runtime.invoke_endpoint_with_response_stream(
            endpoint_name=endpoint, body=body
        ) as response:
            if on_head is not None:
                on_head()
            async for _ in response.body:
                if on_first is not None and not events:
                    on_first()
                events += 1
        return events


@asynccontextmanager
async def opened(url: str, connections: int, kind: type[Ours] = Ours) -> AsyncIterator[Ours]:
    with without_orjson():  # `opened_with_orjson` is a contestant of its own
        async with opened_with_orjson(url, connections, kind) as ours:
            yield ours


@contextmanager
def without_orjson() -> Iterator[None]:
    """Have records read as where orjson is not installed."""
    there = sys.modules.get("orjson")
    sys.modules["orjson"] = None  # type: ignore[assignment]
    fastest_loads.cache_clear()
    try:
        yield
    finally:
        del sys.modules["orjson"]
        if there is not None:
            sys.modules["orjson"] = there
        fastest_loads.cache_clear()


@asynccontextmanager
async def opened_with_orjson(url: str, connections: int, kind: type[Ours] = Ours) -> AsyncIterator[Ours]:
    credentials = Credentials("AKIDEXAMPLE", "secret", "t" * 300)
    async with Session(
        region="us-east-1", endpoint_url=url, credentials=credentials, max_connections=connections
    ) as session:
        yield kind(session)


client = partial(opened, kind=OurClient)
