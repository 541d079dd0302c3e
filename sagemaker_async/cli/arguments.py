"""What several commands accept, and how a command is added; what one command accepts is in its own module."""

from __future__ import annotations

import argparse
from typing import NamedTuple, TypeAlias

__all__ = [
    "BODY",
    "FIELDS",
    "INVOKE_FIELDS",
    "Commands",
    "Field",
    "add_call",
    "add_command",
    "add_fields",
    "add_listening",
    "add_token_delay",
    "add_where",
]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What `argparse.ArgumentParser.add_subparsers` returns; argparse has no public name for it."""


class Field(NamedTuple):
    """An option that sets a field of the request."""

    name: str
    metavar: str
    help: str

    @property
    def option(self) -> str:
        """Such as ``--target-model``."""
        return "--" + self.name.removesuffix("_name").replace("_", "-")


FIELDS = (
    Field("content_type", "TYPE", "media type of the body; default: application/json if it is JSON"),
    Field("accept", "TYPE", "media type of the answer you want"),
    Field("target_variant", "NAME", "production variant to call"),
    Field("target_container_hostname", "NAME", "container of a multi-container endpoint"),
    Field("inference_component_name", "NAME", "inference component to call"),
    Field("inference_id", "ID", "id by which to find the request in captured data"),
    Field("custom_attributes", "TEXT", "passed to the container unchanged"),
    Field("session_id", "ID", "stateful session; with invoke, NEW_SESSION opens one"),
    Field("prefix_aware_id", "ID", "requests with the same id go to the instance that has their prefix cached"),
)
"""The fields of an invocation whose answer is streamed."""

INVOKE_FIELDS = (
    *FIELDS,
    Field("target_model", "FILE", "model of a multi-model endpoint"),
    Field("enable_explanations", "EXPRESSION", "whether Clarify explains the answer"),
)
"""The fields of an invocation whose answer comes whole."""

BODY = """\
BODY is text, @FILE for the contents of a file, or - for standard input; without
it, standard input is read unless it is a terminal. Region, credentials and
endpoint URL come from AWS's environment variables and profiles, unless options
set them.
"""
"""A paragraph of the help of commands that take a body."""


def add_command(
    commands: Commands, name: str, summary: str, description: str, epilog: str = ""
) -> argparse.ArgumentParser:
    """Return the parser of a new command; `summary` is its line in the list of commands."""
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


def add_call(parser: argparse.ArgumentParser, fields: tuple[Field, ...], timeout: str) -> None:
    """Add what ``invoke`` and ``stream`` have in common; `timeout` is the help of ``--timeout``."""
    parser.add_argument("endpoint", metavar="ENDPOINT", help="name of the endpoint")
    parser.add_argument("body", metavar="BODY", nargs="?", help="what to send: text, @FILE or -")
    add_where(parser, timeout)
    add_fields(parser, fields)
    answer = parser.add_argument_group("the answer")
    answer.add_argument("-o", "--output", metavar="FILE", help="write the answer to a file")
    answer.add_argument(
        "-i", "--include", action="store_true", help="print request id, content type, variant, ... on standard error"
    )


def add_where(parser: argparse.ArgumentParser, timeout: str | None) -> None:
    """Add the options of the session, and ``--timeout`` with this help unless it is None."""
    where = parser.add_argument_group("where to send it")
    where.add_argument("--region", metavar="REGION", help="AWS region, e.g. us-east-1")
    where.add_argument("--profile", metavar="NAME", help="profile of the shared AWS files")
    where.add_argument("--endpoint-url", metavar="URL", help="server to call instead of AWS's")
    if timeout is not None:
        where.add_argument("--timeout", metavar="SECONDS", type=float, help=timeout)


def add_fields(parser: argparse.ArgumentParser, fields: tuple[Field, ...]) -> argparse._ArgumentGroup:
    """Add an option for each field, and return their group; ``arguments.fields`` are the names of the fields."""
    request = parser.add_argument_group("the request")
    for field in fields:
        request.add_argument(field.option, dest=field.name, metavar=field.metavar, help=field.help)
    parser.set_defaults(fields=tuple(field.name for field in fields))
    return request


def add_listening(parser: argparse.ArgumentParser, *, port: int) -> None:
    """Add the options of a command that listens, by default on this port."""
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


def add_token_delay(parser: argparse.ArgumentParser) -> None:
    """Add the option that slows the text model down."""
    parser.add_argument(
        "--token-delay",
        type=float,
        default=0.02,
        metavar="SECONDS",
        help="pause of the text model before each token, so that streaming is visible (%(default)s)",
    )
