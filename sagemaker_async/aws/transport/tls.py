"""The TLS layer of one connection: what it holds back, how the peer ended it, and how much memory it reads into.

asyncio gives each TLS connection a buffer of 256 KiB to read into, which an open stream of small events holds for its
whole life. Here a connection begins with `LITTLE`, one TLS record, and gets asyncio's own size back with the first read
that fills it: large answers are read in as few reads as ever. Where the loop shows no buffer (uvloop), nothing is done.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

__all__ = ["LITTLE", "TLSLayer"]

LITTLE = 1 << 14
"""Bytes of the buffer that a connection begins with: the largest TLS record (RFC 8446, section 5.1)."""

_FULL = LITTLE // 2
"""A read of more than this may have filled the buffer: what is left of a record waits for its rest."""


class TLSLayer:
    """What lies between a connection's protocol and its socket.

    Args:
        transport: of the connection.
        tls: its ``ssl_object``.
    """

    __slots__ = ("_asyncios", "_incoming", "_much", "_tls")

    def __init__(self, transport: asyncio.BaseTransport, tls: ssl.SSLObject) -> None:
        self._tls = tls
        asyncios: Any = getattr(transport, "_ssl_protocol", None)
        self._asyncios = asyncios
        self._incoming: ssl.MemoryBIO | None = getattr(asyncios, "_incoming", None)
        self._much = 0
        if all(hasattr(asyncios, name) for name in ("max_size", "_ssl_buffer", "_ssl_buffer_view")):
            self._much = asyncios.max_size
            asyncios.max_size = LITTLE
            asyncios._ssl_buffer = bytearray(LITTLE)
            asyncios._ssl_buffer_view = memoryview(asyncios._ssl_buffer)

    def saw(self, size: int) -> None:
        """Take notice of a read of so many bytes: asyncio makes its buffer as large as it may be before the next."""
        if self._much and size > _FULL:
            self._asyncios.max_size = self._much
            self._much = 0

    def holds_back(self) -> bool:
        """Whether something came that was not handed on: decrypted bytes, or a part of a record."""
        return bool(self._tls.pending() or (self._incoming is not None and self._incoming.pending))

    def closed_by_peer(self) -> bool:
        """Whether the peer ended TLS by its own word (close_notify), and not just the TCP connection beneath."""
        try:
            return not self._tls.read(1)
        except ssl.SSLZeroReturnError:
            return True
        except (ssl.SSLError, OSError, ValueError):
            return False
