"""``sagemaker-async invoke``: one call, its whole answer."""

from __future__ import annotations

import argparse
import asyncio

from sagemaker_async.session import Session

from .arguments import BODY, INVOKE_FIELDS, Commands, add_call, add_command
from .call import read_body, request_fields, session_options
from .output import Output, print_metadata

__all__ = ["add_parser", "run"]


def add_parser(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = add_command(
        commands,
        "invoke",
        "call an endpoint and print its whole answer",
        f"Call an endpoint and print its whole answer, byte for byte.\n\n{BODY}",
        "examples:\n"
        '  sagemaker-async invoke my-endpoint \'{"inputs": "hello"}\'\n'
        "  sagemaker-async invoke my-endpoint @image.jpg --content-type image/jpeg -o answer.json\n"
        "  cat rows.csv | sagemaker-async invoke my-endpoint --content-type text/csv -i",
    )
    add_call(parser, INVOKE_FIELDS, "time limit of the whole call in seconds, all attempts included")


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
