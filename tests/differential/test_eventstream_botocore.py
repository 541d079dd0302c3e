"""The event stream beside botocore's `EventStreamBuffer`: what we encode it reads, and what it refuses we refuse.

The reverse does not hold, on purpose: botocore takes values that are cut short by the end of their header block.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any
from uuid import UUID
from zlib import crc32

from botocore.eventstream import EventStreamBuffer, ParserError
from hypothesis import given
from hypothesis import strategies as st

from sagemaker_async.aws.eventstream import (
    MAX_HEADERS_LENGTH,
    MAX_PAYLOAD_LENGTH,
    Decoder,
    HeaderValue,
    encode_message,
)
from sagemaker_async.errors import EventStreamError
from tests.properties.eventstream_messages import messages


def as_botocore_has_it(decoded: Mapping[str, HeaderValue]) -> dict[str, Any]:
    return {name: value.bytes if isinstance(value, UUID) else value for name, value in decoded.items()}


def framed(block: bytes, payload: bytes) -> bytes:
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    prelude += struct.pack(">I", crc32(prelude))
    message = prelude + block + payload
    return message + struct.pack(">I", crc32(message))


@given(messages)
def test_botocore_reads_what_we_encode(pairs):
    theirs = EventStreamBuffer()
    for message_headers, payload in pairs:
        theirs.add_data(encode_message(message_headers, payload))
    assert [(message.headers, message.payload) for message in theirs] == [
        (as_botocore_has_it(message_headers), payload) for message_headers, payload in pairs
    ]


@given(messages, st.integers(1, 300))
def test_both_read_the_same_messages_from_the_same_slices(pairs, size):
    stream = b"".join(encode_message(*pair) for pair in pairs)
    ours, theirs = Decoder(), EventStreamBuffer()
    for offset in range(0, len(stream), size):
        piece = stream[offset : offset + size]
        theirs.add_data(piece)
        assert [(as_botocore_has_it(found), payload) for found, payload in ours.feed(piece)] == [
            (message.headers, message.payload) for message in theirs
        ]
    ours.close()


header_like = st.lists(
    st.one_of(
        st.binary(max_size=8),
        st.builds(
            lambda name, kind, value: bytes((len(name),)) + name + bytes((kind,)) + value,
            st.binary(max_size=3),
            st.integers(0, 11),
            st.one_of(
                st.binary(max_size=16),
                st.binary(max_size=9).map(lambda value: struct.pack(">H", len(value)) + value),
            ),
        ),
    ),
    max_size=4,
).map(b"".join)


@given(header_like, st.binary(max_size=8))
def test_what_we_accept_of_arbitrary_header_blocks_botocore_reads_alike(block, payload):
    message = framed(block, payload)
    theirs = EventStreamBuffer()
    theirs.add_data(message)
    try:
        found, found_payload = Decoder().feed(message)[0]
    except EventStreamError:
        return
    read = theirs.next()
    assert as_botocore_has_it(found) == read.headers
    assert found_payload == read.payload == payload


def test_the_limits_are_botocores():
    at_limits = framed(b"", bytes(MAX_PAYLOAD_LENGTH))
    theirs = EventStreamBuffer()
    theirs.add_data(at_limits)
    assert len(theirs.next().payload) == len(Decoder().feed(at_limits)[0].payload) == MAX_PAYLOAD_LENGTH
    for headers_length, payload_length in ((MAX_HEADERS_LENGTH + 1, 0), (0, MAX_PAYLOAD_LENGTH + 1)):
        prelude = struct.pack(">II", 16 + headers_length + payload_length, headers_length)
        prelude += struct.pack(">I", crc32(prelude))
        theirs = EventStreamBuffer()
        theirs.add_data(prelude)
        for refuse in (theirs.next, lambda prelude=prelude: Decoder().feed(prelude)):
            try:
                refuse()
            except (ParserError, EventStreamError):
                continue
            raise AssertionError(f"{headers_length} bytes of headers and {payload_length} of payload were accepted")
