"""``sagemaker-async endpoints``: list and describe endpoints, and wait for one with a live status line."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

from sagemaker_async.session import Session

from .arguments import Commands, add_command, add_where
from .call import session_options
from .failures import printable
from .status_line import StatusLine, ticking

__all__ = ["add_parser", "run"]


def add_parser(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        "endpoints",
        help="list endpoints, describe one, or wait for one",
        description="List or describe endpoints, or wait for one to be in service.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    listing = add_command(
        actions, "list", "list endpoints", "Print one line per endpoint: its name, status and last change."
    )
    listing.add_argument("--name-contains", metavar="TEXT", help="only endpoints with this text in their name")
    listing.add_argument("--json", action="store_true", help="print SageMaker's summaries as a JSON array instead")
    listing.add_argument("--status", metavar="STATUS", help="only endpoints with this status, e.g. InService")
    describing = add_command(
        actions, "describe", "describe an endpoint", "Print SageMaker's description of an endpoint as JSON."
    )
    waiting = add_command(
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
        add_where(each, "time limit of each call in seconds, all attempts included")
    add_where(waiting, None)


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; returns the exit status, raises `SageMakerAsyncError`."""
    asyncio.run(_run(arguments))
    return 0


async def _run(arguments: argparse.Namespace) -> None:
    async with Session(**session_options(arguments)) as session:
        match arguments.action:
            case "list":
                await _list(session, arguments)
            case "describe":
                await _describe(session, arguments)
            case "wait":
                await _wait(session, arguments)


async def _list(session: Session, arguments: argparse.Namespace) -> None:
    """Print a line per endpoint: name, status, and when it was last changed; or the summaries as JSON."""
    endpoints = session.hosting.iter_endpoints(
        name_contains=arguments.name_contains,
        status_equals=arguments.status,
        sort_by="Name",
        sort_order="Ascending",
        timeout=arguments.timeout,
    )
    if arguments.json:
        summaries = [_json(endpoint) async for endpoint in endpoints]
        print(json.dumps(summaries, indent=2))
        return
    rows = [
        (endpoint.endpoint_name, endpoint.endpoint_status, f"{endpoint.last_modified_time:%Y-%m-%d %H:%M:%S} UTC")
        async for endpoint in endpoints
    ]
    if not rows:
        print("no endpoints found", file=sys.stderr)
        return
    names, statuses = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, status, modified in rows:
        print(printable(f"{name:<{names}}  {status:<{statuses}}  {modified}"))


async def _describe(session: Session, arguments: argparse.Namespace) -> None:
    """Print the description under AWS's names as JSON."""
    description = await session.hosting.describe_endpoint(endpoint_name=arguments.endpoint, timeout=arguments.timeout)
    print(json.dumps(_json(description), indent=2))


def _json(shape: Any) -> Any:
    """Return an answer, or a part of one, under AWS's names."""
    return shape.model_dump(mode="json", by_alias=True, exclude_unset=True)


async def _wait(session: Session, arguments: argparse.Namespace) -> None:
    """Wait until the endpoint is in service, or deleted, and show its status on standard error."""
    line = StatusLine(arguments.endpoint, sys.stderr)

    def show(description: Any) -> None:
        line.update(description.endpoint_status)

    wait = session.hosting.wait_until_deleted if arguments.deleted else session.hosting.wait_until_in_service
    async with ticking(line):
        await wait(
            endpoint_name=arguments.endpoint, interval=arguments.interval, limit=arguments.limit, on_progress=show
        )
        if arguments.deleted:
            line.update("deleted")
