"""What holds for every event stream, whole, sliced, damaged or made of noise."""

from __future__ import annotations

import contextlib
import struct
from itertools import pairwise
from zlib import crc32

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sagemaker_async.aws.eventstream import (
    Decoder,
    ExpectedHeaders,
    HeaderValue,
    Message,
    Timestamp,
    decode_headers,
    encode_headers,
    encode_message,
)
from sagemaker_async.errors import DeserializationError, EventStreamError, HeaderError, TruncatedStreamError

from .eventstream_messages import headers, integers, messages

cuts = st.lists(st.integers(0, 2000), max_size=20)


def typed(decoded: list[Message]) -> list[tuple[list[tuple[str, type, HeaderValue]], bytes]]:
    return [
        ([(name, type(value), value) for name, value in message.headers.items()], message.payload)
        for message in decoded
    ]


def sliced(stream: bytes, offsets: list[int]) -> list[bytes]:
    edges = [0, *sorted(offset % (len(stream) + 1) for offset in offsets), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


def outcome(pieces: list[bytes]) -> tuple[list[Message], type[EventStreamError] | None]:
    """What a consumer gets out of a decoder: every message, then how it ended."""
    decoder = Decoder()
    received: list[Message] = []
    try:
        for piece in pieces:
            received += decoder.feed(piece)
        decoder.close()
    except EventStreamError as error:
        return received, type(error)
    return received, None


@given(messages, cuts)
def test_what_was_encoded_is_decoded_from_any_slices(pairs, offsets):
    stream = b"".join(encode_message(*pair) for pair in pairs)
    received, error = outcome(sliced(stream, offsets))
    assert error is None
    assert typed(received) == typed([Message(*pair) for pair in pairs])


@given(headers, st.binary(max_size=200))
def test_a_decoded_message_encodes_to_the_same_bytes(message_headers, payload):
    encoded = encode_message(message_headers, payload)
    (message,) = Decoder().feed(encoded)
    assert encode_message(message.headers, message.payload) == encoded
    assert encode_message(encode_headers(message.headers), message.payload) == encoded


@given(messages.filter(bool), st.data(), cuts)
def test_a_cut_stream_gives_its_whole_messages_and_then_is_truncated(pairs, data, offsets):
    encoded = [encode_message(*pair) for pair in pairs]
    stream = b"".join(encoded)
    cut = data.draw(st.integers(0, len(stream)))
    ends = [sum(map(len, encoded[: count + 1])) for count in range(len(encoded))]
    whole = sum(end <= cut for end in ends)
    received, error = outcome(sliced(stream[:cut], offsets))
    assert typed(received) == typed([Message(*pair) for pair in pairs[:whole]])
    assert error is (None if cut in (0, *ends) else TruncatedStreamError)


@given(messages.filter(bool), st.data(), cuts)
def test_a_flipped_bit_is_found_and_nothing_wrong_is_delivered(pairs, data, offsets):
    stream = bytearray(b"".join(encode_message(*pair) for pair in pairs))
    bit = data.draw(st.integers(0, 8 * len(stream) - 1))
    stream[bit // 8] ^= 1 << (bit % 8)
    received, error = outcome(sliced(bytes(stream), offsets))
    assert error is not None
    assert typed(received) == typed([Message(*pair) for pair in pairs])[: len(received)]


def with_prelude(total_length: int, headers_length: int, rest: bytes) -> bytes:
    lengths = struct.pack(">II", total_length, headers_length)
    return lengths + struct.pack(">I", crc32(lengths)) + rest


def framed(block: bytes, payload: bytes) -> bytes:
    message = with_prelude(16 + len(block) + len(payload), len(block), block + payload)
    return message + struct.pack(">I", crc32(message))


lengths = st.one_of(st.integers(0, 64), st.integers(0, 2**32 - 1))
noise = st.one_of(
    st.binary(max_size=400),
    st.builds(with_prelude, lengths, lengths, st.binary(max_size=100)),
    st.builds(framed, st.binary(max_size=40), st.binary(max_size=40)),
)


@given(st.lists(noise, max_size=4).map(b"".join), cuts)
@example(with_prelude(0, 0, b""), [])
@example(with_prelude(15, 0, b"\0" * 3), [])
@example(with_prelude(16, 1, b"\0" * 4), [])
@example(with_prelude(2**32 - 1, 2**32 - 1, b""), [])
def test_noise_raises_nothing_but_the_documented_errors_and_the_same_from_any_slices(stream, offsets):
    whole, sliced_up = outcome([stream]), outcome(sliced(stream, offsets))
    assert typed(whole[0]) == typed(sliced_up[0])
    assert whole[1] is sliced_up[1]


def standing(decoder: Decoder) -> tuple[int, tuple[type, str, bytes] | None]:
    """What a decoder says of itself: the bytes that wait, and its error with place and undelivered bytes."""
    error = decoder.error
    return decoder.buffered, None if error is None else (type(error), str(error), error.undelivered)


def assert_as_if_joined(pieces: list[bytes], expected: ExpectedHeaders | None = None) -> None:
    """After every piece, a decoder stands where a new one stands that is given all pieces so far at once."""
    decoder = Decoder(expected)
    received: list[Message] = []
    for count, piece in enumerate(pieces, 1):
        whole = Decoder()
        messages: list[Message] = []
        with contextlib.suppress(EventStreamError):
            received += decoder.feed(piece)
        with contextlib.suppress(EventStreamError):
            messages = whole.feed(b"".join(pieces[:count]))
        assert typed(received) == typed(messages)
        assert standing(decoder) == standing(whole)
        if decoder.error is not None:
            return
    ends = []
    for either in (decoder, whole if pieces else Decoder()):
        with contextlib.suppress(EventStreamError):
            either.close()
        ends.append(standing(either))
    assert ends[0] == ends[1]


PART = encode_message({":event-type": "PayloadPart", ":message-type": "event"}, b"some tokens")
LONG = encode_message({"other": True}, bytes(3000))
BAD_PRELUDE = PART[:11] + b"\xff" + PART[12:]
BAD_CHECKSUM = PART[:-1] + b"\xff"
BAD_LENGTHS = with_prelude(15, 0, b"\0\0\0")
BAD_HEADERS = framed(b"\x01a\x0a", b"xyz")
EDGES = (0, 1, 8, 11, 12, 13, 16, 20, len(PART) - 5, len(PART) - 4, len(PART) - 1, len(PART))
"""Where a slice may end in a message: at its ends, and in, at and after the prelude, the payload and the checksum."""


@pytest.mark.parametrize("behind", [b"", PART, LONG], ids=["nothing", "a known message", "a new one"])
@pytest.mark.parametrize(
    "message",
    [PART, LONG, encode_message({}), BAD_PRELUDE, BAD_CHECKSUM, BAD_LENGTHS, BAD_HEADERS],
    ids=["good", "long", "empty", "bad prelude", "bad checksum", "bad lengths", "bad headers"],
)
def test_a_message_in_three_slices_with_others_around_it_is_as_if_it_came_whole(message, behind):
    for first in EDGES:
        for second in EDGES:
            if first <= second <= len(message):
                pieces = [PART + message[:first], message[first:second], message[second:] + behind]
                assert_as_if_joined(pieces)
                assert_as_if_joined([*pieces[:2], message[second:], behind])


@given(
    st.lists(
        st.one_of(
            st.sampled_from([PART, LONG, BAD_PRELUDE, BAD_CHECKSUM, BAD_LENGTHS, BAD_HEADERS]),
            st.builds(encode_message, headers, st.binary(max_size=200)),
            noise,
        ),
        max_size=5,
    ).map(b"".join),
    st.lists(st.integers(0, 8000), max_size=20),
    st.booleans(),
)
def test_after_any_slice_a_decoder_stands_where_one_that_got_all_at_once_does(stream, offsets, expecting):
    expected = ExpectedHeaders(PART[12 : -len(b"some tokens") - 4]) if expecting else None
    assert_as_if_joined(sliced(stream, offsets), expected)


@given(messages, cuts)
def test_runs_are_the_messages_in_their_order(pairs, offsets):
    stream = b"".join(encode_message(*pair) for pair in pairs)
    by_messages, by_runs = Decoder(), Decoder()
    for piece in sliced(stream, offsets):
        runs = by_runs.feed_runs(piece)
        assert all(payloads for _, payloads in runs)
        flat = [Message(each, payload) for each, payloads in runs for payload in payloads]
        assert typed(flat) == typed(by_messages.feed(piece))


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=30),
            st.builds(
                lambda name, kind, value: bytes((len(name),)) + name + bytes((kind,)) + value,
                st.binary(max_size=3),
                st.integers(0, 10),
                st.binary(max_size=9).map(lambda value: struct.pack(">H", len(value)) + value) | st.binary(max_size=16),
            ),
        ),
        max_size=3,
    ).map(b"".join)
)
def test_an_arbitrary_header_block_is_malformed_or_encodes_to_itself(block):
    try:
        decoded = decode_headers(block)
    except HeaderError:
        return
    assert encode_headers(decoded) == block


@given(integers(Timestamp, 64))
@example(Timestamp(-62_135_596_800_000))
@example(Timestamp(253_402_300_799_999))
@example(Timestamp(253_402_300_800_000))
def test_a_timestamp_is_a_datetime_to_the_millisecond_or_says_that_it_cannot_be(timestamp):
    if -62_135_596_800_000 <= timestamp <= 253_402_300_799_999:
        assert Timestamp.from_datetime(timestamp.to_datetime()) == timestamp
    else:
        with pytest.raises(DeserializationError, match="1 to 9999"):
            timestamp.to_datetime()
