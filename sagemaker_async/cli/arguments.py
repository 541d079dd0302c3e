"""What the command line accepts: `make_parser`.

Built from the standard library alone, because ``--help`` must answer at once.
"""

from __future__ import annotations

import argparse
from importlib import metadata
from typing import NamedTuple

__all__ = ["make_parser"]


class _Field(NamedTuple):
    """A field of the request that an option gives."""

    name: str
    metavar: str
    help: str

    @property
    def option(self) -> str:
        """Such as ``--target-model``."""
        return "--" + self.name.removesuffix("_name").replace("_", "-")


_FIELDS = (
    _Field("content_type", "TYPE", "media type of the body; default: application/json if it is JSON"),
    _Field("accept", "TYPE", "media type wanted for the answer"),
    _Field("target_variant", "NAME", "production variant to ask"),
    _Field("target_container_hostname", "NAME", "container of a multi-container endpoint"),
    _Field("inference_component_name", "NAME", "inference component to ask"),
    _Field("inference_id", "ID", "id to find the request by in captured data"),
    _Field("custom_attributes", "TEXT", "handed to the container as it is"),
    _Field("session_id", "ID", "stateful session; with invoke, NEW_SESSION opens one"),
    _Field("prefix_aware_id", "ID", "requests with the same id go where their prefix is cached"),
)
_INVOKE_FIELDS = (
    *_FIELDS,
    _Field("target_model", "FILE", "model of a multi-model endpoint"),
    _Field("enable_explanations", "EXPRESSION", "whether Clarify explains the answer"),
)

_BODY = """\
BODY is text, @FILE for the contents of a file, or - for standard input; left
out, standard input is read unless it is a terminal. What the options leave open
(region, credentials, endpoint URL) comes from AWS's environment variables and
profiles.
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
    _add_demo(commands)
    return parser


_Commands = argparse._SubParsersAction  # argparse gives what add_subparsers returns no public name


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
        "ask an endpoint and print its whole answer",
        f"Ask an endpoint and print its whole answer, byte for byte.\n\n{_BODY}",
        "examples:\n"
        '  sagemaker-async invoke my-endpoint \'{"inputs": "hello"}\'\n'
        "  sagemaker-async invoke my-endpoint @image.jpg --content-type image/jpeg -o answer.json\n"
        "  cat rows.csv | sagemaker-async invoke my-endpoint --content-type text/csv -i",
    )
    _add_call(parser, _INVOKE_FIELDS, "seconds for the whole call, all attempts included")


def _add_stream(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "stream",
        "ask an endpoint and print its answer as it comes",
        f"Ask an endpoint for a response stream and print its parts as they come.\n\n{_BODY}",
        "examples:\n"
        '  sagemaker-async stream my-llm \'{"inputs": "hello", "stream": true}\' --tokens --stats\n'
        "  sagemaker-async stream my-llm @request.json --lines | grep data:",
    )
    _add_call(parser, _FIELDS, "seconds until the answer begins, all attempts included")
    form = parser.add_argument_group("what is printed")
    forms = form.add_mutually_exclusive_group()
    forms.add_argument("--raw", dest="form", action="store_const", const="raw", help="the bytes as they come (default)")
    forms.add_argument("--lines", dest="form", action="store_const", const="lines", help="whole lines only")
    forms.add_argument(
        "--tokens", dest="form", action="store_const", const="tokens", help="the text a language model generates"
    )
    form.add_argument(
        "--dialect",
        metavar="NAME",
        help="how tokens are written: openai-chat, tgi, lmi, ...; recognised if not given",
    )
    form.add_argument("--stats", action="store_true", help="at the end, time to first part and rate on standard error")
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
    where = parser.add_argument_group("where to")
    where.add_argument("--region", metavar="REGION", help="AWS region, e.g. us-east-1")
    where.add_argument("--profile", metavar="NAME", help="profile of the shared AWS files")
    where.add_argument("--endpoint-url", metavar="URL", help="server to call in place of AWS's")
    if timeout is not None:
        where.add_argument("--timeout", metavar="SECONDS", type=float, help=timeout)


def _add_endpoints(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "endpoints",
        help="list endpoints, describe one, or wait for one",
        description="Look at endpoints, or wait for one to be in service.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    listing = _command(
        actions, "list", "list endpoints", "Print a line per endpoint: its name, status and last change."
    )
    listing.add_argument("--name-contains", metavar="TEXT", help="only those with this in their name")
    listing.add_argument("--status", metavar="STATUS", help="only those in this status, e.g. InService")
    describing = _command(
        actions, "describe", "describe an endpoint", "Print what SageMaker says of an endpoint, as JSON."
    )
    waiting = _command(
        actions,
        "wait",
        "wait until an endpoint is in service",
        "Wait until an endpoint is in service, and show its status on standard error meanwhile.\n"
        "Ends with status 1 when it failed, or --limit passed.",
    )
    for each in (describing, waiting):
        each.add_argument("endpoint", metavar="ENDPOINT", help="name of the endpoint")
    waiting.add_argument("--deleted", action="store_true", help="wait until it is gone instead")
    waiting.add_argument(
        "--limit", type=float, default=3600.0, metavar="SECONDS", help="how long to wait at most (%(default)g)"
    )
    waiting.add_argument("--interval", type=float, metavar="SECONDS", help="longest time between looks (30)")
    for each in (listing, describing):
        _add_where(each, "seconds for each call, all attempts included")
    _add_where(waiting, None)


def _add_serve(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "serve",
        "run a SageMaker on this machine",
        "Run a SageMaker on this machine, with your models as endpoints, until Ctrl-C or SIGTERM.\n"
        "It speaks SageMaker's own protocol and checks signatures: this client, boto3 and curl can call it.",
        "SPEC is a model directory or file with inference.py, module:callable, the URL of a container\n"
        "(http://127.0.0.1:8000/invocations), or one of the built-in models text and echo.\n\n"
        "examples:\n"
        "  sagemaker-async serve\n"
        "  sagemaker-async serve --port 0 --endpoint my-model=./model --endpoint other=app:predict",
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on, 0 for any free one (%(default)s)")
    parser.add_argument("--region", default="us-east-1", help="region requests must be signed for (%(default)s)")
    parser.add_argument(
        "--endpoint",
        dest="endpoints",
        metavar="NAME=SPEC",
        action="append",
        help="an endpoint and its model; may be repeated (default: text=text and echo=echo)",
    )
    parser.add_argument("--allow-remote", action="store_true", help="permit addresses that other machines can reach")
    parser.add_argument(
        "--allow-host",
        dest="allowed_hosts",
        metavar="NAME",
        action="append",
        default=[],
        help="a further host name that clients call it by, such as its name in Docker Compose; may be repeated",
    )
    _add_token_delay(parser)


def _add_demo(commands: _Commands[argparse.ArgumentParser]) -> None:
    parser = _command(
        commands,
        "demo",
        "see a prediction, a stream and what is verified; no AWS account needed",
        "Start a SageMaker on this machine with a small text model, make a prediction, stream a completion token by\n"
        "token, and verify what this client promises. Needs no AWS account and no network; ends by itself.",
    )
    parser.add_argument("--prompt", default="The keeper", metavar="TEXT", help="what the model continues (%(default)s)")
    parser.add_argument("--tokens", type=int, default=40, metavar="N", help="most tokens to generate (%(default)s)")
    parser.add_argument("--plain", action="store_true", help="no colours, also on a terminal")
    _add_token_delay(parser)
    web = parser.add_argument_group("a page in the browser, instead (needs the extra demo)")
    web.add_argument("--web", action="store_true", help="serve a page on this machine until Ctrl-C or SIGTERM")
    web.add_argument("--port", type=int, default=8000, help="port of the page, 0 for any free one (%(default)s)")
    web.add_argument("--endpoint-name", metavar="NAME", help="ask an endpoint of AWS's, not one on this machine")
    web.add_argument("--chat", action="store_true", help="that endpoint takes OpenAI's messages rather than inputs")
    web.add_argument("--region", metavar="REGION", help="its AWS region, e.g. us-east-1")
    web.add_argument("--profile", metavar="NAME", help="profile of the shared AWS files")
    web.add_argument("--endpoint-url", metavar="URL", help="server to call in place of AWS's")


def _add_token_delay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--token-delay",
        type=float,
        default=0.02,
        metavar="SECONDS",
        help="what the text model waits before each token, so that streaming can be seen (%(default)s)",
    )
