"""Applications that commands serve on this machine: until a signal, and only for admitted requests. Needs uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import uuid
from collections.abc import Awaitable, Callable, Iterator

import uvicorn
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from sagemaker_async.errors import ConfigurationError
from sagemaker_async.integrations.fastapi import Problem
from sagemaker_async.integrations.fastapi.handlers import problem_response
from sagemaker_async.local.admission import Admission

__all__ = ["Admitted", "serve_app", "stopped_by_signals"]

_GRACE_SECONDS = 1
"""How long answers under way may continue after Ctrl-C."""


def stopped_by_signals() -> asyncio.Event:
    """Return an event that Ctrl-C and SIGTERM set."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


async def serve_app(
    app: ASGIApp,
    host: str,
    port: int,
    ready: Callable[[str], object],
    stopped: asyncio.Event,
    close: Callable[[], Awaitable[object]],
) -> None:
    """Serve an application until `stopped` is set; `ready` gets its URL, and `close` ends the answers under way.

    Raises:
        ConfigurationError: the port is taken.
    """
    # asyncio turns Nagle's algorithm off only for sockets made with IPPROTO_TCP, unlike those of create_server.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise ConfigurationError(
            f"cannot listen on {host} port {port}: {error.strerror or error}; --port 0 takes any free port"
        ) from error
    config = uvicorn.Config(
        app, log_level="error", lifespan="on", timeout_graceful_shutdown=_GRACE_SECONDS, access_log=False
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    waiting = asyncio.create_task(stopped.wait())
    try:
        ready(f"http://{host}:{listening.getsockname()[1]}/")
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        await close()
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """uvicorn's server, which leaves signals to the command."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Admitted:
    """An application for admitted requests; others are refused with problem details that say why."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (why := self._admission.refusal(Headers(scope=scope))) is not None:
            problem = Problem(status=403, code="not_admitted", detail=why)
            await problem_response(problem, uuid.uuid4().urn)(scope, receive, send)
            return
        await self._app(scope, receive, send)
