"""``sagemaker-async invoke``: one call, its whole answer."""

from __future__ import annotations

import argparse
import asyncio

from sagemaker_async.session import Session

from .call import read_body, request_fields, session_options
from .output import Output, print_metadata

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Make the call and print the answer; returns the exit status, raises `SageMakerAsyncError`."""
    output = Output(arguments.output)
    body = read_body(arguments.body)
    asyncio.run(_invoke(arguments, body, output))
    return 0


async def _invoke(arguments: argparse.Namespace, body: bytes, output: Output) -> None:
    async with Session(**session_options(arguments)) as session:
        response = await session.runtime.invoke_endpoint(timeout=arguments.timeout, **request_fields(arguments, body))
    if arguments.include:
        print_metadata(response)
    output.write_answer(response.body, response.content_type)
