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
`SerializationError`. Nothing here knows what the headers mean. This module offers the whole codec, of which messages
are in `sagemaker_async.aws.eventstream.messages` and headers in `sagemaker_async.aws.eventstream.headers`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from zlib import crc32

from sagemaker_async.errors import (
    EventStreamError,
    HeaderError,
    MessageChecksumError,
    MessageLengthError,
    PreludeChecksumError,
    TruncatedStreamError,
)

from .headers import Byte, HeaderValue, Int, Long, Short, Timestamp, decode_headers, encode_headers
from .messages import (
    CRC,
    MAX_HEADERS_LENGTH,
    MAX_PAYLOAD_LENGTH,
    OVERHEAD,
    PRELUDE,
    Message,
    encode_message,
)

__all__ = [
    "MAX_HEADERS_LENGTH",
    "MAX_PAYLOAD_LENGTH",
    "Byte",
    "Decoder",
    "ExpectedHeaders",
    "HeaderValue",
    "Int",
    "Long",
    "Message",
    "Run",
    "Short",
    "Timestamp",
    "decode_headers",
    "encode_headers",
    "encode_message",
]

_PRELUDE_LENGTH = PRELUDE.size
_crc_at = CRC.unpack_from
_UNDELIVERED_LIMIT = 1024

# A stream repeats a handful of header blocks; what a hostile one can make a decoder remember stays at 64 KiB of keys.
_REMEMBERED_BLOCKS = 64
_REMEMBERED_BLOCK_LENGTH = 1024

# Heads (prelude and header block) differ by the payload's length as well, of which tokens have a few dozen. SageMaker's
# have some 90 bytes; a hostile stream is held to 64 KiB of keys again. What decoders share has no more heads than there
# are lengths to this limit, and is never forgotten: no stream can drive another's heads out.
_REMEMBERED_HEADS = 256
_REMEMBERED_HEAD_LENGTH = 256
_SHARED_PAYLOAD_LENGTH = 1024


_Head = tuple[Mapping[str, HeaderValue], int, int]
"""Of prelude and header block: the headers, the length of the whole message, the checksum so far."""

Run = tuple[Mapping[str, HeaderValue], list[bytes]]
"""Messages in a row that have one headers object: that, and their payloads."""


class ExpectedHeaders:
    """Header blocks that a service is known to send, and the heads seen of them: shared by the decoders of its streams.

    The streams of a service repeat the same few heads, which each decoder would else learn and keep for itself. No
    stream can make it grow beyond these blocks, before payloads of up to 1 KiB.

    Args:
        blocks: what `encode_headers` makes of the headers, the likeliest first.
    """

    __slots__ = ("_blocks", "_first_head_length", "_heads")

    def __init__(self, *blocks: bytes) -> None:
        self._blocks = {block: decode_headers(block) for block in blocks}
        self._heads: dict[bytes, _Head] = {}
        self._first_head_length = _PRELUDE_LENGTH + len(blocks[0] if blocks else b"")

    def __getitem__(self, block: bytes) -> Mapping[str, HeaderValue]:
        """The one `headers` object of all messages with this block."""
        return self._blocks[block]


_NOTHING_EXPECTED = ExpectedHeaders()


class Decoder:
    """Turns the slices of an event stream into its messages; one decoder per stream.

    Good messages are never lost to a bad one behind them: `feed` returns them, and the error is in `error` at once and
    is raised by every later `feed` and `close`. Deliver what `feed` returned, then look at `error`. When there is
    nothing to return, `feed` itself raises. An error's `undelivered` has the bad message's first bytes, at most 1 KiB.

    Header blocks are recognised by their bytes: while the decoder remembers a block (64 of them, of up to 1 KiB, then
    it forgets them all and begins anew), messages with that block have the *same* `headers` object. So
    ``message.headers is previous.headers`` proves equal headers, at the price of a pointer comparison, for whoever
    keeps a reference to the previous ones; ``is not`` proves nothing.

    Args:
        expected: the headers that this stream probably has, shared with other decoders; None means that it is not
            known what they are.
    """

    __slots__ = ("_blocks", "_expected", "_failure", "_head_length", "_heads", "_needed", "_offset", "_pending")

    def __init__(self, expected: ExpectedHeaders | None = None) -> None:
        if expected is None:
            expected = _NOTHING_EXPECTED
        self._pending = bytearray()  # of the message under way
        self._needed = _PRELUDE_LENGTH  # how long _pending must be before another look at it is worth it
        self._offset = 0  # of _pending in the stream
        self._expected = expected
        self._blocks: dict[bytes, Mapping[str, HeaderValue]] | None = None  # those that were not expected
        # Prelude and headers of messages that were good, with what follows from them: bytes seen before need no second
        # look, and the checksum of the whole continues from theirs. Saves a third of an event (benchmarks/README.md).
        # They are the shared ones until a message comes along that may not be remembered there.
        self._heads = expected._heads
        self._head_length = expected._first_head_length  # of the latest message, which the next is likely to have too
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
            TypeError: `data` is not a bytes-like object.
        """
        return [Message(headers, payload) for headers, payloads in self.feed_runs(data) for payload in payloads]

    def feed_runs(self, data: bytes | bytearray | memoryview) -> list[Run]:
        """Do as `feed`, but make no object of each message, which costs as much as its checksum."""
        if self._failure is not None:
            raise copy.copy(self._failure)
        if not isinstance(data, bytes):
            data = bytes(memoryview(data))
        runs: list[Run] = []
        try:
            start = self._complete(data, runs) if self._pending else 0
            if not self._pending:
                self._decode(data, start, runs)
        except EventStreamError as error:
            self._failure = copy.copy(error)
            self._pending.clear()
            if runs:
                return runs
            raise
        return runs

    def close(self) -> None:
        """Say that the stream has ended; at the end of a message this changes nothing.

        Raises:
            TruncatedStreamError: the stream ended inside a message.
            EventStreamError: the error that `feed` found, when the decoder has failed.
        """
        if self._pending:
            expected = f"of {self._needed}" if self._needed > _PRELUDE_LENGTH else "of a prelude"
            failure = TruncatedStreamError(
                f"the stream ended inside a message, after {len(self._pending)} bytes {expected}{self._at(0)}"
            )
            failure.undelivered = bytes(self._pending[:_UNDELIVERED_LIMIT])
            self._failure = failure
            self._pending.clear()
        if self._failure is not None:
            raise copy.copy(self._failure)

    def _complete(self, data: bytes, runs: list[Run]) -> int:
        """Add to the message under way what it lacks, and decode it when that is all; return how much that took.

        Only what it lacks: a slice may hold megabytes more, which to join with it would be to copy.
        """
        message: bytes | bytearray = self._pending
        pending = self._pending
        taken = 0
        try:
            if len(pending) < _PRELUDE_LENGTH:
                taken = min(_PRELUDE_LENGTH - len(pending), len(data))
                pending += data[:taken]
                if len(pending) < _PRELUDE_LENGTH:
                    return taken
                self._needed, _, _ = self._lengths(pending, 0)
            end = taken + self._needed - len(pending)
            if end > len(data):
                pending += memoryview(data)[taken:]
                return len(data)
            message = b"".join((pending, memoryview(data)[taken:end]))
            pending.clear()
            taken = end
            self._decode(message, 0, runs)
        except EventStreamError as error:
            behind = data[taken : taken + _UNDELIVERED_LIMIT]
            error.undelivered = bytes(message[:_UNDELIVERED_LIMIT] + behind)[:_UNDELIVERED_LIMIT]
            raise
        self._offset -= end  # to where `data` begins
        return end

    def _decode(self, data: bytes, start: int, runs: list[Run]) -> None:
        """Add the messages that begin at `start`, and keep what is there of the one behind them."""
        heads = self._heads
        head_length = self._head_length
        available = len(data)
        run_headers: Mapping[str, HeaderValue] | None = None
        payloads: list[bytes] = []
        self._needed = _PRELUDE_LENGTH
        try:
            while start < available:
                payload_start = start + head_length
                # Where the data ends, this may be a head that is shorter, and known: its message is not complete then.
                known = heads.get(data[start:payload_start])
                if known is None:
                    message = self._with_new_head(data, start)
                    if message is None:
                        break
                    headers, payload = message
                    heads = self._heads
                    head_length = self._head_length
                    end = start + head_length + len(payload) + 4
                else:
                    headers, total_length, head_crc = known
                    end = start + total_length
                    if end > available:
                        self._needed = total_length
                        break
                    payload = data[payload_start : end - 4]
                    if crc32(payload, head_crc) != _crc_at(data, end - 4)[0]:
                        raise MessageChecksumError(f"the checksum of a message is wrong{self._at(start)}")
                if headers is not run_headers:
                    run_headers, payloads = headers, []
                    runs.append((headers, payloads))
                payloads.append(payload)
                start = end
        except EventStreamError as error:
            error.undelivered = data[start : start + _UNDELIVERED_LIMIT]
            raise
        if start < available:
            self._pending += memoryview(data)[start:]
        self._offset += start

    def _lengths(self, data: bytes | bytearray, start: int) -> tuple[int, int, int]:
        """Return what a prelude says, once it was checked: the message's length, its headers', and its own checksum."""
        total_length, headers_length, prelude_crc = PRELUDE.unpack_from(data, start)
        if crc32(data[start : start + 8]) != prelude_crc:
            raise PreludeChecksumError(f"the checksum of a prelude is wrong{self._at(start)}")
        payload_length = total_length - headers_length - OVERHEAD
        if headers_length > MAX_HEADERS_LENGTH or not 0 <= payload_length <= MAX_PAYLOAD_LENGTH:
            raise MessageLengthError(_length_problem(total_length, headers_length) + self._at(start))
        return total_length, headers_length, prelude_crc

    def _with_new_head(self, data: bytes, start: int) -> tuple[Mapping[str, HeaderValue], bytes] | None:
        """Return headers and payload of a message whose head was not known, and is now; None when bytes are missing."""
        available = len(data) - start
        if available < _PRELUDE_LENGTH:
            return None
        total_length, headers_length, prelude_crc = self._lengths(data, start)
        if available < total_length:
            self._needed = total_length
            return None
        # The CRC-32 of the whole message continues from the prelude's, which has just been verified.
        headers_start = start + _PRELUDE_LENGTH
        headers_end = headers_start + headers_length
        payload_end = start + total_length - 4
        head_crc = crc32(data[start + 8 : headers_end], prelude_crc)
        payload = data[headers_end:payload_end]
        if crc32(payload, head_crc) != _crc_at(data, payload_end)[0]:
            raise MessageChecksumError(f"the checksum of a message is wrong{self._at(start)}")
        block = data[headers_start:headers_end]
        headers = self._expected._blocks.get(block)
        shareable = headers is not None and len(payload) <= _SHARED_PAYLOAD_LENGTH
        if headers is None:
            headers = self._unexpected_headers(block, start)
        self._head_length = _PRELUDE_LENGTH + headers_length
        if self._head_length <= _REMEMBERED_HEAD_LENGTH:
            if self._heads is self._expected._heads:
                if not shareable:
                    self._heads = {}
            elif len(self._heads) >= _REMEMBERED_HEADS:
                self._heads.clear()
            self._heads[data[start:headers_end]] = headers, total_length, head_crc
        return headers, payload

    def _unexpected_headers(self, block: bytes, start: int) -> Mapping[str, HeaderValue]:
        if self._blocks is None:
            self._blocks = {}
        headers = self._blocks.get(block)
        if headers is not None:
            return headers
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
    payload_length = total_length - headers_length - OVERHEAD
    if payload_length < 0:
        return (
            f"a message of {total_length} bytes cannot hold {headers_length} bytes of headers and {OVERHEAD} of frame"
        )
    return f"a message announces a payload of {payload_length} bytes; the limit is {MAX_PAYLOAD_LENGTH}"
