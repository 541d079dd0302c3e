"""``sagemaker-async submit``: work for an asynchronous endpoint, as a job to come back to."""

from __future__ import annotations

import argparse
import asyncio

from sagemaker_async.async_inference import AsyncPredictor
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.predictor import Predictor
from sagemaker_async.session import Session

from .arguments import BODY, FIELDS, Commands, Field, add_command, add_fields, add_where
from .call import content_type_of, read_body, session_options
from .output import Output
from .result import add_waiting, print_result

__all__ = ["add_parser", "run"]

_MAX_INPUT = 1 << 30
"""What SageMaker takes as the input of an asynchronous invocation."""
_SUBMIT_FIELDS = (
    *[field for field in FIELDS if field.name in {"content_type", "accept", "inference_id", "custom_attributes"}],
    Field("s3_output_path_extension", "PATH", "folder below the endpoint's output path"),
    Field("filename", "NAME", "name of the output object"),
)


def add_parser(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = add_command(
        commands,
        "submit",
        "submit work to an asynchronous endpoint",
        "Submit a request to an asynchronous endpoint, and print the job as one line of JSON, from which\n"
        f"'result' gets its result, also on another machine. A large body is put into S3 first.\n\n{BODY}",
        "examples:\n"
        "  sagemaker-async submit my-endpoint @video.mp4 --content-type video/mp4 > job.json\n"
        "  sagemaker-async result @job.json -o boxes.json\n"
        "  sagemaker-async submit my-endpoint --input s3://bucket/key --wait",
    )
    parser.add_argument("endpoint", metavar="ENDPOINT", help="name of the endpoint")
    parser.add_argument("body", metavar="BODY", nargs="?", help="what to send: text, @FILE or -")
    parser.add_argument("--input", metavar="S3-URI", help="where the input is in S3 already, instead of BODY")
    add_where(parser, "time limit of submitting in seconds, all attempts included")
    request = add_fields(parser, _SUBMIT_FIELDS)
    request.add_argument(
        "--ttl", dest="request_ttl_seconds", metavar="SECONDS", type=int, help="longest time in the queue (21600)"
    )
    request.add_argument(
        "--invocation-timeout",
        dest="invocation_timeout_seconds",
        metavar="SECONDS",
        type=int,
        help="longest time that the model may take (900)",
    )
    parser.add_argument("--wait", action="store_true", help="wait for the result and print it instead of the job")
    add_waiting(parser)
    names = [field.name for field in _SUBMIT_FIELDS]
    parser.set_defaults(fields=(*names, "request_ttl_seconds", "invocation_timeout_seconds"))


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
