"""``sagemaker-async result``: the result of a job that ``submit`` printed."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from sagemaker_async.async_inference import AsyncInferenceJob
from sagemaker_async.session import Session

from .arguments import Commands, add_command, add_where
from .call import read_body, session_options
from .output import Output
from .status_line import StatusLine, ticking

__all__ = ["add_parser", "add_waiting", "print_result", "run"]

_MAX_JOB = 1 << 16
"""More bytes than any job has."""


def add_parser(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = add_command(
        commands,
        "result",
        "wait for the result of a submitted job, and print it",
        "Wait for the result of a job that 'submit' printed, and print it, byte for byte. The exit status is 1 if the\n"
        "invocation failed, or if there was no result within --limit.",
    )
    parser.add_argument("job", metavar="JOB", nargs="?", help="the job: its JSON, @FILE or - for standard input")
    parser.add_argument("--status", action="store_true", help="do not wait: print InProgress, Completed or Failed")
    add_where(parser, None)
    add_waiting(parser)


def add_waiting(parser: argparse.ArgumentParser) -> None:
    """Add the options of `print_result`."""
    waiting = parser.add_argument_group("the result")
    waiting.add_argument(
        "--limit", type=float, metavar="SECONDS", help="longest time to wait; default: until nothing can come any more"
    )
    waiting.add_argument("--max-bytes", type=int, metavar="N", help="largest result to read")
    waiting.add_argument(
        "--denied-is-not-yet",
        dest="denied",
        action="store_const",
        const="wait",
        default="raise",
        help="keep waiting when S3 answers 403, as it does for a missing object without s3:ListBucket",
    )
    waiting.add_argument("-o", "--output", metavar="FILE", help="write the result to a file")


def run(arguments: argparse.Namespace) -> int:
    """Wait for a job and print its result; returns the exit status, raises `SageMakerAsyncError`."""
    output = Output(arguments.output)
    text = read_body(arguments.job, _MAX_JOB)
    asyncio.run(_result(arguments, text.strip(), output))
    return 0


async def _result(arguments: argparse.Namespace, text: bytes, output: Output) -> None:
    async with Session(**session_options(arguments)) as session:
        job = AsyncInferenceJob.from_json(text, session)
        if arguments.status:
            print(await job.status())
        else:
            await print_result(job, arguments, output)


async def print_result(job: AsyncInferenceJob[Any], arguments: argparse.Namespace, output: Output) -> None:
    """Wait for a job, with its status on standard error, and write its result; raises as `AsyncInferenceJob.wait`."""
    line = StatusLine(job.inference_id or job.output_path, sys.stderr)
    async with ticking(line):
        line.update("InProgress")
        body = await job.wait(limit=arguments.limit, max_bytes=arguments.max_bytes, denied=arguments.denied)
        line.update("Completed")
    output.write_answer(body, "application/octet-stream")
