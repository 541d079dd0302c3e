"""The one place where bytes leave and arrive.

What a transport promises to the layers above:

- The target, the header fields and the body it is given are the ones that go out; it adds Host and Content-Length and
  nothing else: no cookies, no redirects, no decompression, no proxy or ``.netrc`` from the environment.
- It raises `TransportError` and its kind, `ResponseError` when what answers is not HTTP, or `SessionClosedError`. No
  exception of aiohttp passes; `translated` is the seam, and it is total. What a callback raises passes as it is.
- Each answer is the answer to its request, and whole or an error; see `protocol`.
- Every response is let go of: when its body ends, by `close()` from any thread and at any time, when it is dropped, and
  at the latest when the transport closes. A body that was not read to its end costs its connection.

One transport belongs to one event loop. It sends once, for retrying is the business of the pipeline, which knows what
may be repeated.
"""

from __future__ import annotations

import logging
from typing import Any, Protocol

import aiohttp

from sagemaker_async.aws.http import ChunkCallback, HTTPRequest, HTTPResponse, Sign
from sagemaker_async.config import Timeouts
from sagemaker_async.config.http import Transport

from .public import PublicTransport
from .seam import missing
from .translation import translated

if not missing():
    from .pooled import AiohttpTransport

__all__ = ["AiohttpTransport", "SigningBefore", "SigningTransport", "Transport", "open_transport", "translated"]

logger: logging.Logger = logging.getLogger(__name__)


class SigningTransport(Protocol):
    """What the pipeline sends through: a transport that has the request signed when it has a connection for it."""

    async def send(
        self, request: HTTPRequest, timeouts: Timeouts, on_chunk_sent: ChunkCallback | None, sign: Sign
    ) -> HTTPResponse:
        """Do as `Transport.send` with what `sign` makes of the request.

        Args:
            request: what to send.
            timeouts: the limits.
            on_chunk_sent: called after each slice of the body; what it raises is raised as it is.
            sign: called when the request need not wait any more, for a signature is good for minutes.
        """
        ...

    async def close(self) -> None:
        """See `Transport.close`."""
        ...

    def abandon(self) -> None:
        """Let go of every connection when the event loop was closed before, and `close` cannot be awaited any more."""
        ...

    @property
    def in_use(self) -> int:
        """See `Transport.in_use`."""
        ...


class SigningBefore:
    """A user's `Transport` as a `SigningTransport`: it gets requests that are signed already."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def in_use(self) -> int:
        """See `Transport.in_use`."""
        return self._transport.in_use

    async def send(
        self, request: HTTPRequest, timeouts: Timeouts, on_chunk_sent: ChunkCallback | None, sign: Sign
    ) -> HTTPResponse:
        """See `SigningTransport.send`."""
        return await self._transport.send(sign(request), timeouts, on_chunk_sent)

    async def close(self) -> None:
        """See `Transport.close`."""
        await self._transport.close()

    def abandon(self) -> None:
        """Do nothing: what a user's transport holds is its own to let go of."""


def open_transport(**options: Any) -> SigningTransport:
    """Return what carries requests over the network; call it while the event loop runs.

    Args:
        options: of `AiohttpTransport`.
    """
    if lacking := missing():
        logger.warning(
            "aiohttp %s lacks %s, which sagemaker_async uses: requests go through aiohttp's public interface, which is "
            "slower (a connection for each request); please report it, or install another aiohttp",
            aiohttp.__version__,
            "; ".join(use.what for use in lacking),
        )
        return PublicTransport(**options)
    return AiohttpTransport(**options)
