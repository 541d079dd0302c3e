"""``sagemaker-async demo``: a prediction, a stream and what can be verified, against an embedded SageMaker.

Everything except the model is real: requests are signed, cross a socket, and are checked by a server that does not
share the client's code. The figures are those of this run; the delay of the text model before each token is printed
beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from sagemaker_async import _lazy
from sagemaker_async._version import __version__
from sagemaker_async.deserializers import JSONDeserializer
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.iterators import TokenIterator
from sagemaker_async.local import LocalSageMaker, TextModel
from sagemaker_async.predictor import Predictor
from sagemaker_async.serializers import JSONSerializer
from sagemaker_async.session import Session

from .arguments import Commands, add_command, add_token_delay
from .checks import CHECKS, Stage, tried
from .console import Console, PlainConsole
from .pace import Pace, duration

__all__ = ["add_parser", "console_for", "run"]

_ENDPOINT = "text"
_SLOW_ENDPOINT = "text-slow"
_ECHO = "echo"
_WARM_CALLS = 20
_MOST_TOKENS = 4096


def add_parser(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = add_command(
        commands,
        "demo",
        "show a prediction, a stream and what is verified; no AWS account needed",
        "Start a SageMaker on this machine with a small text model, make a prediction, stream a completion token by\n"
        "token, and verify what this client promises. It needs neither an AWS account nor a network.",
    )
    parser.add_argument(
        "--prompt", default="The keeper", metavar="TEXT", help="text that the model continues (%(default)s)"
    )
    parser.add_argument(
        "--tokens", type=int, default=40, metavar="N", help="largest number of tokens to generate (%(default)s)"
    )
    parser.add_argument("--plain", action="store_true", help="no colours, even on a terminal")
    add_token_delay(parser)
    web = parser.add_argument_group("a page in the browser instead (needs the extra demo)")
    web.add_argument("--web", action="store_true", help="serve a page on this machine until Ctrl-C or SIGTERM")
    web.add_argument("--port", type=int, default=8000, help="port of the page, 0 for any free one (%(default)s)")
    web.add_argument("--endpoint-name", metavar="NAME", help="call an endpoint of AWS instead of one on this machine")
    web.add_argument(
        "--chat", action="store_true", help="that endpoint takes messages, as OpenAI's API, instead of inputs"
    )
    web.add_argument("--region", metavar="REGION", help="its AWS region, e.g. us-east-1")
    web.add_argument("--profile", metavar="NAME", help="profile of the shared AWS files")
    web.add_argument("--endpoint-url", metavar="URL", help="server to call instead of AWS's")


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration, or serve the page; returns 0 for success, else 1. Raises `SageMakerAsyncError`."""
    if arguments.web:
        web = _lazy.optional("sagemaker_async.cli.web", "sagemaker-async demo --web", extra="demo")
        status: int = web.run(arguments)
        return status
    for option in ("endpoint_name", "chat", "region", "profile", "endpoint_url"):
        if getattr(arguments, option):
            raise ConfigurationError(f"--{option.replace('_', '-')} is an option of the page: add --web")
    if not 1 <= arguments.tokens <= _MOST_TOKENS:
        raise ConfigurationError(f"--tokens must be from 1 to {_MOST_TOKENS}, got {arguments.tokens}")
    return asyncio.run(_demonstrate(arguments, console_for(plain=arguments.plain)))


def console_for(*, plain: bool) -> Console:
    """Return the console for this standard output: in colours on a terminal, where the extra ``cli`` is installed.

    Plain text is for files, pipes, terminals that are dumb or were told NO_COLOR (https://no-color.org), and `plain`.
    """
    wanted = not plain and sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    if wanted:
        try:
            console: Console = _lazy.module("cli.rich_console").RichConsole()
        except ImportError:
            return PlainConsole()
        return console
    return PlainConsole()


async def _demonstrate(arguments: argparse.Namespace, console: Console) -> int:
    began = time.perf_counter()
    request = {"inputs": arguments.prompt, "parameters": {"max_new_tokens": arguments.tokens}}
    console.heading(f"sagemaker_async {__version__}")
    async with LocalSageMaker() as local:
        local.add_endpoint(_ENDPOINT, TextModel())
        local.add_endpoint(_SLOW_ENDPOINT, TextModel(arguments.token_delay))
        local.add_endpoint(_ECHO, lambda body: body)
        console.say(f"A SageMaker listens on {local.url} and checks the signature of every request.")
        console.say("Its small text model writes nonsense, but it writes it token by token.")
        async with Session(**local.client_options) as session:
            predicted = await _predict(console, session, request)
            streamed = await _stream(console, session, request, arguments.token_delay)
            stage = Stage(
                local=local,
                session=session,
                endpoint=_ENDPOINT,
                echo=_ECHO,
                request=request,
                predicted=predicted,
                streamed=streamed,
            )
            passed = await _verify(console, stage)
    console.heading(f"{passed} of {len(CHECKS)} verified, {duration(time.perf_counter() - began)} in total")
    console.say("Next: sagemaker-async serve runs this SageMaker with your own models; see also --help.")
    return 0 if passed == len(CHECKS) else 1


async def _predict(console: Console, session: Session, request: Mapping[str, Any]) -> str:
    console.heading("Prediction: await predictor.predict(...)")
    predictor = Predictor(_ENDPOINT, session, JSONSerializer(), JSONDeserializer())
    times: list[float] = []
    for _ in range(1 + _WARM_CALLS):
        began = time.perf_counter()
        answer = await predictor.predict(request)
        times.append(time.perf_counter() - began)
    text: str = answer["generated_text"]
    _show(console, request["inputs"], text)
    console.figures(
        [
            ("first call", duration(times[0]), "connecting and first-time set-up included"),
            ("then", duration(statistics.median(times[1:])), f"median of {_WARM_CALLS} calls on the same connection"),
        ]
    )
    return text


def _show(console: Console, prompt: str, text: str) -> None:
    console.token(prompt)
    for word in re.findall(r"\s*\S+", text):
        console.token(word)
    console.end_tokens()


async def _stream(console: Console, session: Session, request: Mapping[str, Any], delay: float) -> str:
    console.heading("Stream: async for token in predictor.predict_stream(...)")
    predictor = Predictor(_SLOW_ENDPOINT, session, JSONSerializer())
    text = ""
    console.token(request["inputs"])
    pace = Pace(time.perf_counter)
    async with predictor.predict_stream({**request, "stream": True}, iterator=TokenIterator) as stream:
        async for token in stream:
            pace.mark()
            if not token.special:
                text += token.text
                console.token(token.text)
    console.end_tokens()
    wait = f"the model waits {duration(delay)} before each token" if delay else "the model does not wait"
    most = f"at most {1 / delay:.1f} with that delay" if delay else ""
    console.figures(
        [
            ("time to first token", _or_dash(pace.to_first, duration), wait),
            ("tokens", str(pace.count), f"in {duration(pace.total)}"),
            ("tokens/s", _or_dash(pace.rate, "{:.1f}".format), most),
        ]
    )
    return text


def _or_dash(value: float | None, text: Callable[[float], str]) -> str:
    return "-" if value is None else text(value)


async def _verify(console: Console, stage: Stage) -> int:
    console.heading("Verified in this run")
    passed = 0
    for check in CHECKS:
        outcome = await tried(check, stage)
        console.check(check.claim, outcome.passed, outcome.evidence)
        passed += outcome.passed
    return passed
