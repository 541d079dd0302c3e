"""``sagemaker-async result``: what has become of a job that ``submit`` printed."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from sagemaker_async.async_inference import AsyncInferenceJob
from sagemaker_async.session import Session

from .call import read_body, session_options
from .output import Output
from .status_line import StatusLine, ticking

__all__ = ["print_result", "run"]

_MAX_JOB = 1 << 16
"""More bytes than any job has."""


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
