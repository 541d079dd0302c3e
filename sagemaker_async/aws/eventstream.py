"""The binary event stream, ``application/vnd.amazon.eventstream``: bytes to messages and back.

A message is a prelude (total length u32, headers length u32, CRC-32 of those 8 bytes), a block of headers, a payload,
and the CRC-32 of everything before it, all big-endian.
https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html

`Decoder` takes the stream in slices of any size and gives back the messages they complete. It always checks both
checksums, judges a message by its prelude as soon as those 12 bytes are there, and holds no more than one message of
legal size between two calls. Malformed bytes raise `EventStreamError`'s subclasses and nothing else:

- `PreludeChecksumError`, `MessageChecksumError`: a CRC-32 is wrong; the prelude's is checked before its lengths count;
- `MessageLengthError`: the two lengths contradict each other, or exceed `MAX_HEADERS_LENGTH` or `MAX_PAYLOAD_LENGTH`;
- `HeaderError`: a header is cut short, of an unknown type, not UTF-8, or there twice;
- `TruncatedStreamError`: the stream ended inside a message.

`encode_message` is the inverse: a decoded message encodes to the bytes it came from. What cannot be encoded raises
`SerializationError`. Nothing here knows what the headers mean; their codec, which this module offers as well, is
`sagemaker_async.aws.eventstream_headers`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from sagemaker_async.errors import (
    EventStreamError,
    HeaderError,
    MessageChecksumError,
    MessageLengthError,
    PreludeChecksumError,
    SerializationError,
    TruncatedStreamError,
)

from .eventstream_headers import (
    Byte,
    HeaderValue,
    Int,
    Long,
    Short,
    Timestamp,
    decode_headers,
    encode_headers,
)

__all__ = [
    "MAX_HEADERS_LENGTH",
    "MAX_PAYLOAD_LENGTH",
    "Byte",
    "Decoder",
    "HeaderValue",
    "Int",
    "Long",
    "Message",
    "Short",
    "Timestamp",
    "decode_headers",
    "encode_headers",
    "encode_message",
]

MAX_HEADERS_LENGTH = 128 * 1024
"""The longest header block, in bytes: the limit of AWS's own SDKs."""

MAX_PAYLOAD_LENGTH = 24 * 1024 * 1024
"""The longest payload, in bytes: the limit of AWS's own SDKs."""

_PRELUDE = Struct(">III")
_PRELUDE_LENGTH = _PRELUDE.size
_CRC = Struct(">I")
_OVERHEAD = _PRELUDE_LENGTH + _CRC.size
_UNDELIVERED_LIMIT = 1024

# A stream repeats a handful of header blocks; what a hostile one can make a decoder remember stays at 64 KiB of keys.
_REMEMBERED_BLOCKS = 64
_REMEMBERED_BLOCK_LENGTH = 1024

# Heads (prelude and header block) differ by the payload's length as well, of which tokens have a few dozen. SageMaker's
# have some 90 bytes; a hostile stream is held to 64 KiB of keys again.
_REMEMBERED_HEADS = 256
_REMEMBERED_HEAD_LENGTH = 256


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
    lengths = _PRELUDE.pack(_OVERHEAD + len(block) + len(payload), len(block), 0)[:8]
    prelude_crc = crc32(lengths)
    head = _CRC.pack(prelude_crc) + block
    # A CRC-32 continues where another ended: the prelude's is the message's own after its first 8 bytes.
    return b"".join((lengths, head, payload, _CRC.pack(crc32(payload, crc32(head, prelude_crc)))))


class Decoder:
    """Turns the slices of an event stream into its messages; one decoder per stream.

    Good messages are never lost to a bad one behind them: `feed` returns them, and the error is in `error` at once and
    is raised by every later `feed` and `close`. Deliver what `feed` returned, then look at `error`. When there is
    nothing to return, `feed` itself raises. An error's `undelivered` has the bad message's first bytes, at most 1 KiB.

    Header blocks are recognised by their bytes: while the decoder remembers a block (64 of them, of up to 1 KiB, then
    it forgets them all and begins anew), messages with that block have the *same* `headers` object. So
    ``message.headers is previous.headers`` proves equal headers, at the price of a pointer comparison, for whoever
    keeps a reference to the previous ones; ``is not`` proves nothing.
    """

    __slots__ = ("_blocks", "_failure", "_head_length", "_heads", "_needed", "_offset", "_pending")

    def __init__(self) -> None:
        self._pending = bytearray()  # of the message under way
        self._needed = _PRELUDE_LENGTH  # how long _pending must be before another look at it is worth it
        self._offset = 0  # of _pending in the stream
        self._blocks: dict[bytes, Mapping[str, HeaderValue]] = {}
        # Prelude and headers of messages that were good, with what follows from them: bytes seen before need no second
        # look, and the checksum of the whole continues from theirs. Saves a third of an event (benchmarks/README.md).
        self._heads: dict[bytes, tuple[Mapping[str, HeaderValue], int, int]] = {}
        self._head_length = _PRELUDE_LENGTH  # of the latest message, which the next is likely to have as well
        # Never raised itself, only its copies: a raised error refers to the frames it came through, and they to us.
        self._failure: EventStreamError | None = None

    @property
    def buffered(self) -> int:
        """How many bytes wait for the rest of their message; 0 after an error."""
        return len(self._pending)

    @property
    def error(self) -> EventStreamError | None:
        """What made this decoder fail, as a new instance each time; None while all is well."""
        return None if self._failure is None else copy.copy(self._failure)

    def feed(self, data: bytes | bytearray | memoryview) -> list[Message]:
        """Take the next slice of the stream, of any size, and return the messages that it completes.

        Raises:
            EventStreamError: one of its subclasses, when the stream is malformed and no good message is left to return;
                see the class.
            TypeError: `data` is no bytes.
        """
        if self._failure is not None:
            raise copy.copy(self._failure)
        if not isinstance(data, bytes):
            data = bytes(memoryview(data))
        pending = self._pending
        if pending:
            if len(pending) + len(data) < self._needed:
                pending += data
                return []
            data = b"".join((pending, data))
            pending.clear()

        messages: list[Message] = []
        heads = self._heads
        head_length = self._head_length
        available = len(data)
        start = 0
        try:
            while True:
                head = data[start : start + head_length]  # at the end of the data it may be a shorter one
                known = heads.get(head)
                if known is None:
                    message = self._with_new_head(data, start)
                    if message is None:
                        break
                    messages.append(message)
                    head_length = self._head_length
                    start += head_length + len(message.payload) + 4
                    continue
                headers, payload_length, head_crc = known
                payload_start = start + len(head)
                payload_end = payload_start + payload_length
                if payload_end + 4 > available:
                    self._needed = payload_end + 4 - start
                    break
                payload = data[payload_start:payload_end]
                if crc32(payload, head_crc) != _CRC.unpack_from(data, payload_end)[0]:
                    raise MessageChecksumError(f"the checksum of a message is wrong{self._at(start)}")
                # Straight to tuple's constructor: half the cost of Message(...), once per token of every stream.
                messages.append(tuple.__new__(Message, (headers, payload)))
                start = payload_end + 4
        except EventStreamError as error:
            error.undelivered = data[start : start + _UNDELIVERED_LIMIT]
            self._failure = copy.copy(error)
            if messages:
                return messages
            raise
        if start < available:
            pending += memoryview(data)[start:]
        self._offset += start
        return messages

    def close(self) -> None:
        """Say that the stream has ended; at the end of a message this changes nothing.

        Raises:
            TruncatedStreamError: the stream ended inside a message.
            EventStreamError: the error that `feed` found, when the decoder has failed.
        """
        if self._failure is None and self._pending:
            expected = f"of {self._needed}" if self._needed > _PRELUDE_LENGTH else "of a prelude"
            failure = TruncatedStreamError(
                f"the stream ended inside a message, after {len(self._pending)} bytes {expected}{self._at(0)}"
            )
            failure.undelivered = bytes(self._pending[:_UNDELIVERED_LIMIT])
            self._failure = failure
            self._pending.clear()
        if self._failure is not None:
            raise copy.copy(self._failure)

    def _with_new_head(self, data: bytes, start: int) -> Message | None:
        """Return a message whose head has not been seen, and remember that; None when more bytes are needed."""
        available = len(data) - start
        if available < _PRELUDE_LENGTH:
            self._needed = _PRELUDE_LENGTH
            return None
        total_length, headers_length, prelude_crc = _PRELUDE.unpack_from(data, start)
        if crc32(data[start : start + 8]) != prelude_crc:
            raise PreludeChecksumError(f"the checksum of a prelude is wrong{self._at(start)}")
        payload_length = total_length - headers_length - _OVERHEAD
        if headers_length > MAX_HEADERS_LENGTH or not 0 <= payload_length <= MAX_PAYLOAD_LENGTH:
            raise MessageLengthError(_length_problem(total_length, headers_length) + self._at(start))
        if available < total_length:
            self._needed = total_length
            return None
        # The CRC-32 of the whole message continues from the prelude's, which has just been verified.
        headers_end = start + _PRELUDE_LENGTH + headers_length
        payload_end = headers_end + payload_length
        head_crc = crc32(data[start + 8 : headers_end], prelude_crc)
        payload = data[headers_end:payload_end]
        if crc32(payload, head_crc) != _CRC.unpack_from(data, payload_end)[0]:
            raise MessageChecksumError(f"the checksum of a message is wrong{self._at(start)}")
        block = data[start + _PRELUDE_LENGTH : headers_end]
        headers = self._blocks.get(block)
        if headers is None:
            headers = self._new_headers(block, start)
        self._head_length = _PRELUDE_LENGTH + headers_length
        if self._head_length <= _REMEMBERED_HEAD_LENGTH:
            if len(self._heads) >= _REMEMBERED_HEADS:
                self._heads.clear()
            self._heads[data[start:headers_end]] = headers, payload_length, head_crc
        return Message(headers, payload)

    def _new_headers(self, block: bytes, start: int) -> Mapping[str, HeaderValue]:
        try:
            headers = decode_headers(block)
        except HeaderError as error:
            raise HeaderError(f"{error.message}{self._at(start)}") from None
        if len(block) <= _REMEMBERED_BLOCK_LENGTH:
            if len(self._blocks) >= _REMEMBERED_BLOCKS:
                self._blocks.clear()
            self._blocks[block] = headers
        return headers

    def _at(self, start: int) -> str:
        return f" (the message begins at byte {self._offset + start} of the stream)"


def _length_problem(total_length: int, headers_length: int) -> str:
    if headers_length > MAX_HEADERS_LENGTH:
        return f"a message announces {headers_length} bytes of headers; the limit is {MAX_HEADERS_LENGTH}"
    payload_length = total_length - headers_length - _OVERHEAD
    if payload_length < 0:
        return (
            f"a message of {total_length} bytes cannot hold {headers_length} bytes of headers and {_OVERHEAD} of frame"
        )
    return f"a message announces a payload of {payload_length} bytes; the limit is {MAX_PAYLOAD_LENGTH}"
