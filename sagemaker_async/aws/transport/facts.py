"""What one request learns about its connection while it is under way."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Protocol

from sagemaker_async.config import Timeouts

__all__ = ["ConnectionFacts", "HasEvidence", "current_connection", "running_loop"]


class HasEvidence(Protocol):
    """A connection that can tell what became of the request on it."""

    @property
    def proves_unread(self) -> bool:
        """Whether it is certain that the peer has not read the request."""
        ...

    @property
    def refusal(self) -> str:
        """Why the connection was closed on our side; empty unless it was."""
        ...


class ConnectionFacts:
    """What is known of the connection of one request, as far as it has got."""

    proxied: bool = False
    """Whether it goes to a proxy, so that the host that is looked up is the proxy's."""
    phase: str = ""
    """How far the making of a connection has got; empty for one from the pool."""
    protocol: HasEvidence | None = None
    """The connection, once the request has it."""
    reused: bool = False
    """Whether it carried requests before."""
    callback_error: BaseException | None = None
    """What the user's `on_chunk_sent` raised."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.timeouts: Timeouts = timeouts

    @property
    def being_made(self) -> bool:
        """Whether the connection is not there yet, so that nothing can have been sent on it."""
        return bool(self.phase) and self.protocol is None

    @property
    def proves_unread(self) -> bool:
        """Whether it is certain that the peer has not read the request."""
        return self.protocol is not None and self.protocol.proves_unread

    @property
    def refusal(self) -> str:
        """Why the connection was closed on our side; empty unless it was."""
        return self.protocol.refusal if self.protocol is not None else ""


current_connection: ContextVar[ConnectionFacts] = ContextVar("sagemaker_async_connection")


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop that runs in this thread, if one does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
