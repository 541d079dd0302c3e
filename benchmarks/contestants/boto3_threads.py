"""boto3 in a pool of threads, as services that have an event loop call it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import boto3
from botocore.config import Config

from . import Told

MOST_THREADS = 64
"""More of them make it slower."""


class Boto3Threads:
    def __init__(self, client: Any, options: dict[str, Any], executor: ThreadPoolExecutor) -> None:
        self.client = client
        self.options = options
        self.executor = executor
        self.hosting: Any = None

    async def invoke(self, endpoint: str, body: bytes) -> int:
        def call() -> int:
            return len(self.client.invoke_endpoint(EndpointName=endpoint, Body=body)["Body"].read())

        return await asyncio.get_running_loop().run_in_executor(self.executor, call)

    async def stream(self, endpoint: str, body: bytes, on_first: Told = None, on_head: Told = None) -> int:
        def call() -> int:
            response = self.client.invoke_endpoint_with_response_stream(EndpointName=endpoint, Body=body)
            if on_head is not None:
                on_head()
            events = 0
            for _ in response["Body"]:
                if on_first is not None and not events:
                    on_first()
                events += 1
            return events

        return await asyncio.get_running_loop().run_in_executor(self.executor, call)

    async def describe(self) -> str:
        if self.hosting is None:
            self.hosting = boto3.client("sagemaker", **self.options)

        def call() -> str:
            return str(self.hosting.describe_endpoint(EndpointName="benchmark")["EndpointStatus"])

        return await asyncio.get_running_loop().run_in_executor(self.executor, call)


@asynccontextmanager
async def opened(url: str, connections: int) -> AsyncIterator[Boto3Threads]:
    options: dict[str, Any] = {
        "region_name": "us-east-1",
        "endpoint_url": url,
        "aws_access_key_id": "AKIDEXAMPLE",
        "aws_secret_access_key": "secret",
        "aws_session_token": "t" * 300,
        "config": Config(max_pool_connections=connections),
    }
    with ThreadPoolExecutor(min(connections, MOST_THREADS)) as executor:
        yield Boto3Threads(boto3.client("sagemaker-runtime", **options), options, executor)
