"""The steps of scripts: what a hostile server reads, sends and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from .server import Peer, Request, Step

__all__ = [
    "Close",
    "Data",
    "Drip",
    "Forever",
    "HalfClose",
    "ReadHead",
    "ReadRequest",
    "Reset",
    "Send",
    "SendBelowTLS",
    "SendUnasked",
    "Serve",
    "Set",
    "Silence",
    "Wait",
]

Data = bytes | Callable[[Request], bytes]
"""What to send: bytes, or what makes them of the request that was read last."""


@dataclass(frozen=True)
class ReadHead:
    """Read a request up to the end of its head; the rest stays unread."""

    async def __call__(self, peer: Peer) -> None:
        await peer.read_head()


@dataclass(frozen=True)
class ReadRequest:
    """Read a whole request: a run of the model."""

    async def __call__(self, peer: Peer) -> None:
        await peer.read_request()


@dataclass(frozen=True)
class Send:
    """Send bytes in one piece."""

    data: Data

    async def __call__(self, peer: Peer) -> None:
        await peer.send(_made(self.data, peer))


@dataclass(frozen=True)
class SendUnasked:
    """Send bytes in one piece, unless the client has sent something that was not read yet."""

    data: bytes

    async def __call__(self, peer: Peer) -> None:
        if peer.unasked:
            await peer.send(self.data)


@dataclass(frozen=True)
class SendBelowTLS:
    """Send bytes in one piece, beside what TLS encrypts."""

    data: bytes

    async def __call__(self, peer: Peer) -> None:
        await peer.send_below_tls(self.data)


@dataclass(frozen=True)
class Drip:
    """Send bytes one by one, each in a segment of its own, and let the loop run in between.

    `seconds` passes between two bytes where a time limit of the client's is what is tested, else none.
    """

    data: Data
    seconds: float = 0

    async def __call__(self, peer: Peer) -> None:
        data = _made(self.data, peer)
        for place in range(len(data)):
            await peer.send(data[place : place + 1])
            await asyncio.sleep(self.seconds)


def _made(data: Data, peer: Peer) -> bytes:
    return data(peer.last_request) if callable(data) else data


@dataclass(frozen=True)
class Close:
    """End the connection in order: by a FIN, over TLS behind close_notify, unless told otherwise."""

    close_notify: bool = True

    async def __call__(self, peer: Peer) -> None:
        await peer.end(close_notify=self.close_notify)
        peer.close()


@dataclass(frozen=True)
class HalfClose:
    """End this side as `Close` does, and go on reading: requests that still come are runs of the model."""

    async def __call__(self, peer: Peer) -> None:
        await peer.end()
        while True:
            await peer.read_request()


@dataclass(frozen=True)
class Reset:
    """End the connection by an RST."""

    async def __call__(self, peer: Peer) -> None:
        peer.reset()


@dataclass(frozen=True)
class Silence:
    """Send nothing more; requests that come are read, and are runs of the model, until the client goes."""

    async def __call__(self, peer: Peer) -> None:
        while True:
            await peer.read_request()


@dataclass(frozen=True)
class Serve:
    """Answer every request that comes, until the client goes."""

    answer: Callable[[Request], bytes]

    async def __call__(self, peer: Peer) -> None:
        while True:
            await peer.send(self.answer(await peer.read_request()))


@dataclass(frozen=True)
class Forever:
    """Play a step again and again, until the client goes; `seconds` passes in between, see `Drip`."""

    step: Step
    seconds: float = 0

    async def __call__(self, peer: Peer) -> None:
        while True:
            await self.step(peer)
            await asyncio.sleep(self.seconds)


@dataclass(frozen=True)
class Wait:
    """Wait until the test sets an event."""

    event: asyncio.Event

    async def __call__(self, peer: Peer) -> None:
        await self.event.wait()


@dataclass(frozen=True)
class Set:
    """Tell the test that the script has come here."""

    event: asyncio.Event

    async def __call__(self, peer: Peer) -> None:
        self.event.set()
