"""Messages of an event stream: what one is, its layout and its limits, and from values to bytes.

`encode_message` raises `SerializationError` and nothing else. The way back is `sagemaker_async.aws.eventstream`, which
offers what is here as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from sagemaker_async.errors import SerializationError

from .headers import HeaderValue, encode_headers

__all__ = ["CRC", "MAX_HEADERS_LENGTH", "MAX_PAYLOAD_LENGTH", "OVERHEAD", "PRELUDE", "Message", "encode_message"]

MAX_HEADERS_LENGTH = 128 * 1024
"""The longest header block, in bytes: the limit of AWS's own SDKs."""

MAX_PAYLOAD_LENGTH = 24 * 1024 * 1024
"""The longest payload, in bytes: the limit of AWS's own SDKs."""

PRELUDE = Struct(">III")
"""The lengths of the message and of its headers, and the checksum of the two."""

CRC = Struct(">I")
"""The checksum of all that is before it."""

OVERHEAD = PRELUDE.size + CRC.size
"""The bytes of a message that are neither headers nor payload."""


class Message(NamedTuple):
    """One message of an event stream, also good as the pair ``headers, payload``."""

    headers: Mapping[str, HeaderValue]
    """Read-only when decoded, and then often one object for many messages: see `Decoder`."""
    payload: bytes

    def __repr__(self) -> str:
        return f"Message(headers={dict(self.headers)!r}, payload=<{len(self.payload)} bytes>)"


def encode_message(headers: Mapping[str, HeaderValue] | bytes, payload: bytes | bytearray | memoryview = b"") -> bytes:
    """Return the bytes of one message.

    Args:
        headers: the headers; or the block that `encode_headers` made of them, which is then taken as it is, for the
            many messages of a stream that share theirs.
        payload: at most `MAX_PAYLOAD_LENGTH` bytes.

    Raises:
        SerializationError: the headers or the payload break a rule or a limit.
    """
    block = headers if isinstance(headers, bytes) else encode_headers(headers)
    if len(block) > MAX_HEADERS_LENGTH:
        raise SerializationError(f"the headers have {len(block)} bytes; a message takes {MAX_HEADERS_LENGTH}")
    if not isinstance(payload, bytes):
        if not isinstance(payload, bytearray | memoryview):
            raise SerializationError(f"a payload must be bytes, got {type(payload).__name__}: encode it first")
        payload = bytes(payload)
    if len(payload) > MAX_PAYLOAD_LENGTH:
        raise SerializationError(
            f"the payload has {len(payload)} bytes; a message takes {MAX_PAYLOAD_LENGTH}: send it in parts"
        )
    lengths = PRELUDE.pack(OVERHEAD + len(block) + len(payload), len(block), 0)[:8]
    prelude_crc = crc32(lengths)
    head = CRC.pack(prelude_crc) + block
    # A CRC-32 continues where another ended: the prelude's is the message's own after its first 8 bytes.
    return b"".join((lengths, head, payload, CRC.pack(crc32(payload, crc32(head, prelude_crc)))))
