"""``sagemaker-async openai``: endpoints of SageMaker for clients of OpenAI's API, until Ctrl-C or SIGTERM.

Anyone who reaches it can use the models with this machine's AWS credentials. So it listens only on loopback unless
``--allow-remote`` confirms other addresses, refuses the requests that a browser sends for other sites, and with
``--api-key-env`` asks for a key. It needs the extra ``demo``.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress

from sagemaker_async import _lazy
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.local.admission import is_loopback

from .arguments import Commands, add_command, add_listening, add_where

__all__ = ["add_parser", "run"]


def add_parser(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = add_command(
        commands,
        "openai",
        "serve endpoints of AWS to clients of OpenAI's API",
        "Serve endpoints of AWS to clients of OpenAI's API (openai-python, LiteLLM, LangChain, ...), with this\n"
        "machine's AWS credentials, until Ctrl-C or SIGTERM. It needs the extra demo.",
        "examples:\n"
        "  sagemaker-async openai --model my-llm=my-endpoint --region us-east-1\n"
        "  sagemaker-async openai --model llama=my-endpoint/llama-component --wait-for-capacity 600\n"
        "  sagemaker-async openai --model tgi=my-tgi --takes inputs --prompt templates:llama\n"
        "  OPENAI_BASE_URL=http://127.0.0.1:8000/v1 OPENAI_API_KEY=unused python my_program.py",
    )
    parser.add_argument(
        "--model",
        dest="models",
        metavar="NAME=ENDPOINT",
        action="append",
        required=True,
        help="a model's name for clients and its endpoint, or ENDPOINT/COMPONENT; can be repeated",
    )
    parser.add_argument(
        "--takes",
        choices=("messages", "prompt", "inputs"),
        default="messages",
        help="what the containers take: messages or prompt as OpenAI's API, or inputs as TGI and LMI (%(default)s)",
    )
    parser.add_argument(
        "--prompt",
        metavar="MODULE:CALLABLE",
        help="makes a prompt of a chat's messages, where containers take no messages",
    )
    parser.add_argument(
        "--wait-for-capacity",
        metavar="SECONDS",
        type=float,
        help="wait so long for a component that was scaled to zero, instead of failing at once",
    )
    add_listening(parser, port=8000)
    parser.add_argument(
        "--api-key-env", metavar="VARIABLE", help="environment variable with the key that clients must send as theirs"
    )
    add_where(parser, None)


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM and return exit status 0; raises `ConfigurationError`."""
    if not arguments.allow_remote and not is_loopback(arguments.host):
        raise ConfigurationError(
            f"--host {arguments.host} can be reached from other machines, and anyone who does can use your models; "
            "add --allow-remote if you intend that, and --api-key-env"
        )
    if not 0 <= arguments.port <= 65_535:
        raise ConfigurationError(f"--port must be from 0 (any free one) to 65535, got {arguments.port}")
    openai_app = _lazy.optional("sagemaker_async.cli.openai_app", "sagemaker-async openai", extra="demo")
    with suppress(KeyboardInterrupt):
        asyncio.run(openai_app.serve(arguments))
    return 0
