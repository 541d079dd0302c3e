"""What the command line accepts: `make_parser`.

Only the standard library is used, because ``--help`` must answer at once.
"""

from __future__ import annotations

import argparse
from importlib import metadata
from typing import NamedTuple

__all__ = ["make_parser"]


class _Field(NamedTuple):
    """An option that sets a field of the request."""

    name: str
    metavar: str
    help: str

    @property
    def option(self) -> str:
        """Such as ``--target-model``."""
        return "--" + self.name.removesuffix("_name").replace("_", "-")


_FIELDS = (
    _Field("content_type", "TYPE", "media type of the body; default: application/json if it is JSON"),
    _Field("accept", "TYPE", "media type of the answer you want"),
    _Field("target_variant", "NAME", "production variant to call"),
    _Field("target_container_hostname", "NAME", "container of a multi-container endpoint"),
    _Field("inference_component_name", "NAME", "inference component to call"),
    _Field("inference_id", "ID", "id by which to find the request in captured data"),
    _Field("custom_attributes", "TEXT", "passed to the container unchanged"),
    _Field("session_id", "ID", "stateful session; with invoke, NEW_SESSION opens one"),
    _Field("prefix_aware_id", "ID", "requests with the same id go to the instance that has their prefix cached"),
)
_INVOKE_FIELDS = (
    *_FIELDS,
    _Field("target_model", "FILE", "model of a multi-model endpoint"),
    _Field("enable_explanations", "EXPRESSION", "whether Clarify explains the answer"),
)

_BODY = """\
BODY is text, @FILE for the contents of a file, or - for standard input; without
it, standard input is read unless it is a terminal. Region, credentials and
endpoint URL come from AWS's environment variables and profiles, unless options
set them.
"""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="sagemaker-async",
        description="Amazon SageMaker inference from the command line.",
        epilog="Exit status: 0 success, 1 the call failed, 2 wrong usage or configuration (nothing was sent), "
        "130 interrupted.\nNew here? sagemaker-async demo needs no AWS account.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"sagemaker-async {metadata.version('sagemaker-async')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_invoke(commands)
    _add_stream(commands)
    _add_endpoints(commands)
    _add_serve(commands)
    _add_openai(commands)
    _add_demo(commands)
    return parser


_Commands = argparse._SubParsersAction  # argparse has no public name for what add_subparsers returns


def _command(
    commands: _Commands[argparse.ArgumentParser], name: str, summary: str, description: str, epilog: str = ""
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-v", "--verbose", action="count", default=0, help="log to standard error; twice for details")
    return parser


def _add_invoke(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "invoke",
        "call an endpoint and print its whole answer",
        f"Call an endpoint and print its whole answer, byte for byte.\n\n{_BODY}",
        "examples:\n"
        '  sagemaker-async invoke my-endpoint \'{"inputs": "hello"}\'\n'
        "  sagemaker-async invoke my-endpoint @image.jpg --content-type image/jpeg -o answer.json\n"
        "  cat rows.csv | sagemaker-async invoke my-endpoint --content-type text/csv -i",
    )
    _add_call(parser, _INVOKE_FIELDS, "time limit of the whole call in seconds, all attempts included")


def _add_stream(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "stream",
        "call an endpoint and print its answer as it arrives",
        f"Call an endpoint with a response stream and print the parts as they arrive.\n\n{_BODY}",
        "examples:\n"
        '  sagemaker-async stream my-llm \'{"inputs": "hello", "stream": true}\' --tokens --stats\n'
        "  sagemaker-async stream my-llm --chat 'Why is the sky blue?'\n"
        "  sagemaker-async stream my-llm @request.json --lines | grep data:",
    )
    _add_call(parser, _FIELDS, "time limit in seconds until the answer begins, all attempts included")
    form = parser.add_argument_group("what is printed")
    forms = form.add_mutually_exclusive_group()
    forms.add_argument(
        "--raw", dest="form", action="store_const", const="raw", help="the bytes as they arrive (default)"
    )
    forms.add_argument("--lines", dest="form", action="store_const", const="lines", help="whole lines only")
    forms.add_argument(
        "--tokens", dest="form", action="store_const", const="tokens", help="the text a language model generates"
    )
    forms.add_argument(
        "--chat",
        dest="form",
        action="store_const",
        const="chat",
        help="the same, of a model that takes messages as OpenAI's API does; BODY is what you say, or JSON: a list of "
        "messages, or a whole request. What the model thinks first goes to standard error",
    )
    form.add_argument(
        "--dialect",
        metavar="NAME",
        help="the format of the tokens: openai-chat, tgi, lmi, ...; detected if not given",
    )
    form.add_argument(
        "--stats", action="store_true", help="at the end, print time to first part and rate on standard error"
    )
    parser.set_defaults(form="raw")


def _add_call(parser: argparse.ArgumentParser, fields: tuple[_Field, ...], timeout: str) -> None:
    parser.add_argument("endpoint", metavar="ENDPOINT", help="name of the endpoint")
    parser.add_argument("body", metavar="BODY", nargs="?", help="what to send: text, @FILE or -")
    _add_where(parser, timeout)
    request = parser.add_argument_group("the request")
    for field in fields:
        request.add_argument(field.option, dest=field.name, metavar=field.metavar, help=field.help)
    answer = parser.add_argument_group("the answer")
    answer.add_argument("-o", "--output", metavar="FILE", help="write the answer to a file")
    answer.add_argument(
        "-i", "--include", action="store_true", help="print request id, content type, variant, ... on standard error"
    )
    parser.set_defaults(fields=tuple(field.name for field in fields))


def _add_where(parser: argparse.ArgumentParser, timeout: str | None) -> None:
    where = parser.add_argument_group("where to send it")
    where.add_argument("--region", metavar="REGION", help="AWS region, e.g. us-east-1")
    where.add_argument("--profile", metavar="NAME", help="profile of the shared AWS files")
    where.add_argument("--endpoint-url", metavar="URL", help="server to call instead of AWS's")
    if timeout is not None:
        where.add_argument("--timeout", metavar="SECONDS", type=float, help=timeout)


def _add_endpoints(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "endpoints",
        help="list endpoints, describe one, or wait for one",
        description="List or describe endpoints, or wait for one to be in service.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    listing = _command(
        actions, "list", "list endpoints", "Print one line per endpoint: its name, status and last change."
    )
    listing.add_argument("--name-contains", metavar="TEXT", help="only endpoints with this text in their name")
    listing.add_argument("--json", action="store_true", help="print SageMaker's summaries as a JSON array instead")
    listing.add_argument("--status", metavar="STATUS", help="only endpoints with this status, e.g. InService")
    describing = _command(
        actions, "describe", "describe an endpoint", "Print SageMaker's description of an endpoint as JSON."
    )
    waiting = _command(
        actions,
        "wait",
        "wait until an endpoint is in service",
        "Wait until an endpoint is in service, and show its status on standard error meanwhile.\n"
        "The exit status is 1 if the endpoint failed or --limit passed.",
    )
    for each in (describing, waiting):
        each.add_argument("endpoint", metavar="ENDPOINT", help="name of the endpoint")
    waiting.add_argument("--deleted", action="store_true", help="wait until the endpoint is deleted instead")
    waiting.add_argument(
        "--limit", type=float, default=3600.0, metavar="SECONDS", help="longest time to wait (%(default)g)"
    )
    waiting.add_argument("--interval", type=float, metavar="SECONDS", help="longest time between polls (30)")
    for each in (listing, describing):
        _add_where(each, "time limit of each call in seconds, all attempts included")
    _add_where(waiting, None)


def _add_listening(parser: argparse.ArgumentParser, *, port: int) -> None:
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=port, help="port to listen on, 0 for any free one (%(default)s)")
    parser.add_argument("--allow-remote", action="store_true", help="permit addresses that other machines can reach")
    parser.add_argument(
        "--allow-host",
        dest="allowed_hosts",
        metavar="NAME",
        action="append",
        default=[],
        help="a further host name by which clients call it, such as its name in Docker Compose; can be repeated",
    )


def _add_serve(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
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
    _add_listening(parser, port=8080)
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
    _add_token_delay(parser)


def _add_openai(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
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
    _add_listening(parser, port=8000)
    parser.add_argument(
        "--api-key-env", metavar="VARIABLE", help="environment variable with the key that clients must send as theirs"
    )
    _add_where(parser, None)


def _add_demo(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
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
    _add_token_delay(parser)
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


def _add_token_delay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--token-delay",
        type=float,
        default=0.02,
        metavar="SECONDS",
        help="pause of the text model before each token, so that streaming is visible (%(default)s)",
    )
