"""``sagemaker-async serve``: the embedded SageMaker in a process of its own, until Ctrl-C or SIGTERM.

Its credentials are public, so an address that other machines can reach is refused unless ``--allow-remote`` confirms
it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import signal
from contextlib import suppress

from sagemaker_async.errors import ConfigurationError
from sagemaker_async.local import LocalSageMaker
from sagemaker_async.local.admission import is_loopback

from .arguments import Commands, add_command, add_listening, add_token_delay
from .models import named_model

__all__ = ["add_parser", "run"]

_DEFAULT_ENDPOINTS = ("text=text", "echo=echo")
_REQUEST = '{"inputs": "The keeper"}'
_STREAM_REQUEST = '{"inputs": "The keeper", "stream": true}'


def add_parser(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = add_command(
        commands,
        "serve",
        "run a SageMaker on this machine",
        "Run a SageMaker on this machine, with your models as endpoints, until Ctrl-C or SIGTERM.\n"
        "It implements SageMaker's own protocol and checks signatures: this client, boto3 and curl can call it.",
        "SPEC is a model directory or an inference script, module:callable, the URL of a container\n"
        "(http://127.0.0.1:8000/invocations), or one of the built-in models text and echo.\n\n"
        "examples:\n"
        "  sagemaker-async serve\n"
        "  sagemaker-async serve --port 0 --endpoint my-model=./model --endpoint other=app:predict\n"
        "  sagemaker-async serve --model my-model=./model --state sagemaker.json   # endpoints that clients create",
    )
    add_listening(parser, port=8080)
    parser.add_argument("--region", default="us-east-1", help="region that requests must be signed for (%(default)s)")
    parser.add_argument(
        "--endpoint",
        dest="endpoints",
        metavar="NAME=SPEC",
        action="append",
        help="an endpoint and its model; can be repeated (default: text=text and echo=echo)",
    )
    parser.add_argument(
        "--model",
        dest="models",
        metavar="NAME=SPEC",
        action="append",
        default=[],
        help="what runs a model that clients create, by the model's name or its container's image; can be repeated",
    )
    parser.add_argument(
        "--state", metavar="FILE", help="keep what clients create in this file, so that it is there after a restart"
    )
    add_token_delay(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM and return exit status 0; raises `ConfigurationError`."""
    if not arguments.allow_remote and not is_loopback(arguments.host):
        raise ConfigurationError(
            f"--host {arguments.host} can be reached from other machines, and anyone who does can run your models; "
            "add --allow-remote if you intend that"
        )
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments))
    return 0


async def _serve(arguments: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    local = LocalSageMaker(
        host=arguments.host,
        allowed_hosts=arguments.allowed_hosts,
        port=arguments.port,
        region=arguments.region,
        state=arguments.state,
    )
    for given in arguments.models:
        local.add_model(*named_model(given, arguments.token_delay, option="--model"))
    given_endpoints = arguments.endpoints or _DEFAULT_ENDPOINTS
    for given in given_endpoints:
        name, model = named_model(given, arguments.token_delay)
        local.add_endpoint(name, model)
    try:
        await local.start()
    except OSError as error:
        reason = error.strerror or error
        raise ConfigurationError(
            f"cannot listen on {arguments.host} port {arguments.port}: {reason}; --port 0 takes any free port"
        ) from error
    try:
        print(_instructions(local, "--tokens" if given_endpoints[0].endswith("=text") else "--raw"), flush=True)
        await stopped.wait()
    finally:
        await local.close()


def _instructions(local: LocalSageMaker, form: str) -> str:
    """Return commands for another terminal that call the first endpoint; `form` is an option of ``stream``."""
    credentials, options, variables = local.credentials, local.boto3_options, local.environment
    export = "set" if os.name == "nt" else "export"
    names = list(local.endpoints)
    name = names[0]
    arguments = ", ".join(f"{option}={value!r}" for option, value in options.items())
    user = f"{credentials.access_key_id}:{credentials.secret_access_key}"
    region = options["region_name"]
    call = f'EndpointName="{name}", ContentType="application/json", Body={_REQUEST.encode()!r}'
    lines = [
        f"SageMaker listens on {local.url} (region {region}); endpoints: {', '.join(names)}. Ctrl-C stops it.",
        "",
        "In another terminal, with credentials that are valid only here:",
        *(f"  {export} {variable}={value}" for variable, value in variables.items()),
        f"  sagemaker-async stream {name} {shlex.quote(_STREAM_REQUEST)} {form}",
        "",
        "With boto3:",
        f'  client = boto3.client("sagemaker-runtime", {arguments})',
        f'  client.invoke_endpoint({call})["Body"].read()',
        "",
        "With curl:",
        f"  curl --aws-sigv4 aws:amz:{region}:sagemaker --user {user} \\",
        f"    --json {shlex.quote(_REQUEST)} {local.url}/endpoints/{name}/invocations",
    ]
    return "\n".join(lines)
