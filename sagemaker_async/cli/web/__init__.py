"""``sagemaker-async demo --web``: a page on loopback that shows tokens as they arrive, and how users see failures.

The page calls an embedded SageMaker, or an endpoint of AWS (``--endpoint-name``). It needs the extra ``demo``. The
command ends with status 0 on Ctrl-C and SIGTERM, after it has ended the answers under way.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from sagemaker_async.cli.call import session_options
from sagemaker_async.cli.serving import serve_app, stopped_by_signals
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.local import LocalSageMaker
from sagemaker_async.session import Session

from .app import web_app
from .backends import Backend, aws_backend, embedded_backend

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["run", "serve_page"]

HOST = "127.0.0.1"


def run(arguments: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C or SIGTERM and return exit status 0.

    Raises:
        ConfigurationError: an option is wrong, or the port is taken.
    """
    if not 0 <= arguments.port <= 65_535:
        raise ConfigurationError(f"--port must be from 0 (any free one) to 65535, got {arguments.port}")
    if not arguments.token_delay >= 0:
        raise ConfigurationError(f"--token-delay must be 0 or more seconds, got {arguments.token_delay}")
    for option in ("chat", "region", "profile", "endpoint_url"):
        if getattr(arguments, option) and arguments.endpoint_name is None:
            raise ConfigurationError(f"--{option.replace('_', '-')} needs --endpoint-name")
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(arguments))
    return 0


async def _run(arguments: argparse.Namespace) -> None:
    stopped = stopped_by_signals()

    def ready(url: str) -> None:
        print(f"The page is at {url} - Ctrl-C stops it.", flush=True)

    if arguments.endpoint_name is not None:
        backend = aws_backend(arguments.endpoint_name, session_options(arguments), chat=arguments.chat)
        await serve_page(backend, arguments.port, ready, stopped)
        return
    async with LocalSageMaker() as local:
        await serve_page(embedded_backend(local, arguments.token_delay), arguments.port, ready, stopped)


async def serve_page(backend: Backend, port: int, ready: Callable[[str], object], stopped: asyncio.Event) -> None:
    """Serve the page until `stopped` is set; `ready` gets its URL.

    Raises:
        ConfigurationError: the port is taken.
    """
    app = web_app(backend)

    async def close() -> None:
        session: Session | None = getattr(app.state, "session", None)
        if session is not None:  # closing it ends the answers under way, so that the server need not wait for them
            await session.close()

    await serve_app(app, HOST, port, ready, stopped, close)
