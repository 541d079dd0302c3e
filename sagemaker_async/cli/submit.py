"""``sagemaker-async submit``: work for an asynchronous endpoint, as a job to come back to."""

from __future__ import annotations

import argparse
import asyncio

from sagemaker_async.async_inference import AsyncPredictor
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.predictor import Predictor
from sagemaker_async.session import Session

from .call import content_type_of, read_body, session_options
from .output import Output
from .result import print_result

__all__ = ["run"]

_MAX_INPUT = 1 << 30
"""What SageMaker takes as the input of an asynchronous invocation."""


def run(arguments: argparse.Namespace) -> int:
    """Submit, and print the job, or wait for its result; returns the exit status, raises `SageMakerAsyncError`."""
    if arguments.input is not None and arguments.body is not None:
        raise ConfigurationError("give BODY or --input, not both")
    output = Output(arguments.output)
    body = None if arguments.input is not None else read_body(arguments.body, _MAX_INPUT)
    asyncio.run(_submit(arguments, body, output))
    return 0


async def _submit(arguments: argparse.Namespace, body: bytes | None, output: Output) -> None:
    given = {name: value for name in arguments.fields if (value := getattr(arguments, name)) is not None}
    content_type = given.pop("content_type", None) or content_type_of(body or b"")
    async with Session(**session_options(arguments)) as session:
        plain = Predictor(arguments.endpoint, session, content_type=content_type, accept=given.pop("accept", None))
        job = await AsyncPredictor(plain).predict_async(body, arguments.input, timeout=arguments.timeout, **given)
        if arguments.wait:
            await print_result(job, arguments, output)
        else:
            with output:
                output.write(job.to_json().encode() + b"\n")
