"""The clients that are compared.

Each module has ``opened(url, connections)``, an asynchronous context manager of a `Client`. `js_sdk.mjs` is the odd one
out: AWS's SDK for JavaScript, which takes the same scenarios and prints the same measurements as `benchmarks.worker`.
`raw_socket` is no contestant: it asks no more of itself than it must, to find out what the server can do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["Client", "Told"]

Told = Callable[[], object] | None
"""Called when something has happened that is measured."""


class Client(Protocol):
    """What a contestant can do; one that has no way to do a thing leaves it out."""

    async def invoke(self, endpoint: str, body: bytes) -> int:
        """Make one prediction and return the length of its answer."""
        ...

    async def stream(self, endpoint: str, body: bytes, on_first: Told = None, on_head: Told = None) -> int:
        """Read one response stream to its end and return how many events (or chunks) it had.

        `on_head` is called when the head of the answer has come, `on_first` at the first event.
        """
        ...

    async def tokens(self, endpoint: str, dialect: str) -> int:
        """Read the text of one response stream token by token and return how many characters it had."""
        ...

    async def describe(self) -> str:
        """Describe one endpoint and return its status."""
        ...
