"""Known answers for the event stream: messages and bad ones, whole, in slices, with more behind them, and cut.

`eventstream.json` beside this file holds the bytes in hexadecimal and what they mean, or which error they are, and says
where each comes from.
"""

from __future__ import annotations

import collections
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sagemaker_async import errors
from sagemaker_async.aws.eventstream import (
    Byte,
    Decoder,
    HeaderValue,
    Int,
    Long,
    Message,
    Short,
    Timestamp,
    encode_message,
)

VECTORS = json.loads(Path(__file__).with_name("eventstream.json").read_text(encoding="utf-8"))
CLASSES = {
    "bool": bool,
    "byte": Byte,
    "short": Short,
    "integer": Int,
    "long": Long,
    "bytes": bytes.fromhex,
    "string": str,
    "timestamp": Timestamp,
    "uuid": UUID,
}


def expected_headers(vector: dict[str, Any]) -> dict[str, HeaderValue]:
    return {name: CLASSES[kind](value) for name, kind, value in vector["headers"]}


def assert_is(message: Message, vector: dict[str, Any]) -> None:
    headers = expected_headers(vector)
    assert list(message.headers.items()) == list(headers.items())
    assert [type(value) for value in message.headers.values()] == [type(value) for value in headers.values()]
    assert message.payload == bytes.fromhex(vector["payload"])
    assert type(message.payload) is bytes


def decode_to_the_end(stream: bytes) -> None:
    decoder = Decoder()
    decoder.feed(stream)
    decoder.close()


messages = pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda vector: vector["name"])
malformed = pytest.mark.parametrize("vector", VECTORS["malformed"], ids=lambda vector: vector["name"])
truncated = pytest.mark.parametrize("vector", VECTORS["truncated"], ids=lambda vector: vector["name"])
GOOD = bytes.fromhex(VECTORS["messages"][-1]["encoded"])


@messages
def test_decodes_whole(vector):
    decoder = Decoder()
    (message,) = decoder.feed(bytes.fromhex(vector["encoded"]))
    assert_is(message, vector)
    decoder.close()


@messages
def test_decodes_one_byte_at_a_time(vector):
    decoder = Decoder()
    encoded = bytes.fromhex(vector["encoded"])
    for offset in range(len(encoded) - 1):
        assert decoder.feed(encoded[offset : offset + 1]) == []
        assert decoder.buffered == offset + 1
    (message,) = decoder.feed(encoded[-1:])
    assert_is(message, vector)
    assert decoder.buffered == 0
    decoder.close()


@messages
def test_leaves_trailing_bytes_for_the_next_message(vector):
    encoded = bytes.fromhex(vector["encoded"])
    for trailing in range(1, len(encoded)):
        decoder = Decoder()
        (message,) = decoder.feed(encoded + encoded[:trailing])
        assert_is(message, vector)
        assert decoder.buffered == trailing
        (message,) = decoder.feed(encoded[trailing:])
        assert_is(message, vector)
        decoder.close()


@messages
def test_cut_at_any_offset_it_is_truncated_and_joined_again_it_is_whole(vector):
    encoded = bytes.fromhex(vector["encoded"])
    for cut in range(1, len(encoded)):
        decoder = Decoder()
        assert decoder.feed(encoded[:cut]) == []
        with pytest.raises(errors.TruncatedStreamError) as caught:
            decoder.close()
        assert caught.value.undelivered == encoded[:cut]

        decoder = Decoder()
        assert decoder.feed(encoded[:cut]) == []
        (message,) = decoder.feed(encoded[cut:])
        assert_is(message, vector)
        decoder.close()


@messages
def test_encodes_to_the_published_bytes(vector):
    assert encode_message(expected_headers(vector), bytes.fromhex(vector["payload"])).hex() == vector["encoded"]


def test_all_messages_decode_from_one_stream():
    stream = b"".join(bytes.fromhex(vector["encoded"]) for vector in VECTORS["messages"])
    decoder = Decoder()
    decoded = decoder.feed(stream)
    decoder.close()
    for message, vector in zip(decoded, VECTORS["messages"], strict=True):
        assert_is(message, vector)


@malformed
@pytest.mark.parametrize(
    "trailing", [b"", bytes(40), GOOD], ids=["alone", "zeros behind it", "a good message behind it"]
)
def test_malformed_raises_its_own_error_whole(vector, trailing):
    decoder = Decoder()
    encoded = bytes.fromhex(vector["encoded"]) + trailing
    with pytest.raises(errors.EventStreamError) as caught:
        decoder.feed(encoded)
    assert type(caught.value) is getattr(errors, vector["error"])
    assert caught.value.undelivered == encoded
    assert decoder.buffered == 0


@malformed
def test_malformed_raises_one_byte_at_a_time_at_the_byte_that_shows_it(vector):
    decoder = Decoder()
    encoded = bytes.fromhex(vector["encoded"])
    known_at = vector["known_at"]
    for offset in range(known_at - 1):
        assert decoder.feed(encoded[offset : offset + 1]) == []
    with pytest.raises(getattr(errors, vector["error"])):
        decoder.feed(encoded[known_at - 1 : known_at])
    assert decoder.buffered == 0


@malformed
def test_malformed_raises_when_cut_at_any_offset(vector):
    encoded = bytes.fromhex(vector["encoded"])
    for cut in range(1, len(encoded)):
        expected = vector["error"] if cut >= vector["known_at"] else "TruncatedStreamError"
        with pytest.raises(getattr(errors, expected)):
            decode_to_the_end(encoded[:cut])


@malformed
def test_malformed_raises_the_same_joined_again_from_any_two_pieces(vector):
    encoded = bytes.fromhex(vector["encoded"])
    for cut in range(1, vector["known_at"]):
        decoder = Decoder()
        assert decoder.feed(encoded[:cut]) == []
        with pytest.raises(getattr(errors, vector["error"])) as caught:
            decoder.feed(encoded[cut:])
        assert caught.value.undelivered == encoded


@malformed
def test_good_messages_before_a_malformed_one_are_delivered_first(vector):
    decoder = Decoder()
    encoded = bytes.fromhex(vector["encoded"])
    assert len(decoder.feed(GOOD + GOOD + encoded + GOOD)) == 2
    assert type(decoder.error) is getattr(errors, vector["error"])
    assert f"byte {2 * len(GOOD)} of the stream" in str(decoder.error)
    assert decoder.error.undelivered == (encoded + GOOD)[:1024]
    for use in (lambda: decoder.feed(GOOD), lambda: decoder.feed(b""), decoder.close):
        with pytest.raises(getattr(errors, vector["error"])):
            use()


@truncated
def test_truncated_raises_at_the_end_and_not_before(vector):
    encoded = bytes.fromhex(vector["encoded"])
    for cut in range(len(encoded)):
        decoder = Decoder()
        decoder.feed(encoded[:cut])
        decoder.feed(encoded[cut:])
        assert decoder.error is None
        with pytest.raises(errors.TruncatedStreamError) as caught:
            decoder.close()
        assert encoded.endswith(caught.value.undelivered)


def test_every_kind_of_error_has_its_vectors():
    counts = collections.Counter(vector["error"] for vector in VECTORS["malformed"])
    assert set(counts) == {"PreludeChecksumError", "MessageChecksumError", "MessageLengthError", "HeaderError"}
    assert sum(counts.values()) >= 31
