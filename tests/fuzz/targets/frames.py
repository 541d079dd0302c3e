"""The event stream's decoder: the same messages and the same error however the bytes are cut, and the way back."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from zlib import crc32

from sagemaker_async.aws.eventstream import Decoder, ExpectedHeaders, Message, decode_headers, encode_message
from sagemaker_async.errors import EventStreamError, HeaderError, StreamError
from sagemaker_async.runtime.events import event_of

from .target import Target, plain, vectors

__all__ = ["TARGETS"]

_BETWEEN_FRAMES = b"\xff\xfe"
_BLOCKS = [
    encoded[12:][: int.from_bytes(encoded[4:8])]
    for encoded in (bytes.fromhex(row["encoded"]) for row in vectors("eventstream")["messages"])
]
_EXPECTED = ExpectedHeaders(*_BLOCKS[-12:])
"""Some of the seeds' header blocks, so that both ways to know a head are gone."""

Outcome = tuple[list[Message], type[EventStreamError] | None, str, bytes]


def check_stream(data: bytes) -> None:
    """Decode raw bytes, or frames whose checksums are right: the first byte says which."""
    mode, stream = data[:1], data[1:]
    if mode and mode[0] & 1:
        stream = b"".join(_framed(part) for part in stream.split(_BETWEEN_FRAMES))
        stream = stream[: -(mode[0] >> 1 & 3) or None]
    messages, error, text, undelivered = whole = _outcome(Decoder(), [stream])
    assert len(undelivered) <= 1024
    for size in (1, 7, max(1, len(stream) // 2)):
        for decoder in (Decoder(), Decoder(_EXPECTED)):
            again = _outcome(decoder, [stream[at : at + size] for at in range(0, len(stream), size)])
            assert again[:3] == whole[:3], size
            assert _types(again[0]) == _types(messages)
            assert undelivered.startswith(again[3])
    encoded = b"".join(encode_message(*message) for message in messages)
    assert stream.startswith(encoded)
    assert encoded == stream or error is not None
    assert (error is None) == (text == "")
    for message in messages:
        try:
            event_of(*message)
        except StreamError:
            continue


def check_headers(data: bytes) -> None:
    """Decode a header block alone."""
    try:
        headers = decode_headers(data)
    except HeaderError:
        return
    assert encode_message(headers)[12:-4] == data


def _framed(part: bytes) -> bytes:
    """Return a message with good checksums: of a part, the first byte says how long its header block is."""
    length = min(part[0], len(part) - 1) if part else 0
    prelude = struct.pack(">II", 15 + max(1, len(part)), length)
    message = prelude + struct.pack(">I", crc32(prelude)) + part[1:]
    return message + struct.pack(">I", crc32(message))


def _outcome(decoder: Decoder, slices: list[bytes]) -> Outcome:
    messages: list[Message] = []
    try:
        for data in slices:
            messages += decoder.feed(data)
            assert decoder.buffered <= sum(map(len, slices))
        decoder.close()
    except EventStreamError as error:
        assert type(decoder.error) is type(error)
        assert decoder.buffered == 0
        return messages, type(error), error.message, error.undelivered
    assert decoder.error is None
    return messages, None, "", b""


def _types(messages: list[Message]) -> list[list[type]]:
    return [[type(value) for value in message.headers.values()] for message in messages]


def _streams() -> Iterator[bytes]:
    rows = vectors("eventstream")
    for kind in ("messages", "malformed", "truncated"):
        for row in rows[kind]:
            encoded = bytes.fromhex(row["encoded"])
            yield b"\0" + encoded
            if kind == "messages":
                headers_length = int.from_bytes(encoded[4:8])
                part = bytes((headers_length & 0xFF,)) + encoded[12:-4]
                yield b"\1" + part + _BETWEEN_FRAMES + part


_WORDS = (
    b":message-type\x07\0\x05event",
    b":message-type\x07\0\x09exception",
    b":message-type\x07\0\x05error",
    b":event-type\x07\0\x0bPayloadPart",
    b":exception-type\x07\0\x10ModelStreamError",
    b":exception-type\x07\0\x15InternalStreamFailure",
    b'{"Message":"m","ErrorCode":"StreamBroken"}',
    _BETWEEN_FRAMES,
)

TARGETS = (
    Target(name="stream", open=plain(check_stream), seeds=_streams, words=_WORDS, max_length=512),
    Target(name="headers", open=plain(check_headers), seeds=lambda: _BLOCKS, words=_WORDS[:6], max_length=256),
)
