"""``sagemaker-async openai``: endpoints of SageMaker for clients of OpenAI's API, until Ctrl-C or SIGTERM.

Whoever reaches it uses the models with this machine's AWS credentials. So it listens on loopback unless
``--allow-remote`` confirms more, refuses the requests that a browser sends for other sites, and with ``--api-key-env``
asks for a key. It needs the extra ``demo``.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress

from sagemaker_async import _lazy
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.local.admission import is_loopback

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM and return exit status 0; raises `ConfigurationError`."""
    if not arguments.allow_remote and not is_loopback(arguments.host):
        raise ConfigurationError(
            f"--host {arguments.host} can be reached from other machines, and anyone who does can use your models; "
            "add --allow-remote if you intend that, and --api-key-env"
        )
    if not 0 <= arguments.port <= 65_535:
        raise ConfigurationError(f"--port must be from 0 (any free one) to 65535, got {arguments.port}")
    door = _lazy.optional("sagemaker_async.cli.openai_door", "sagemaker-async openai", extra="demo")
    with suppress(KeyboardInterrupt):
        asyncio.run(door.serve(arguments))
    return 0
