"""The event-stream codec: errors and their facts, limits, slices, remembered header blocks, the encoder's refusals."""

from __future__ import annotations

import array
import pickle
import struct
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID
from zlib import crc32

import pytest

from sagemaker_async.aws.eventstream import (
    MAX_HEADERS_LENGTH,
    MAX_PAYLOAD_LENGTH,
    Byte,
    Decoder,
    ExpectedHeaders,
    Int,
    Long,
    Message,
    Short,
    Timestamp,
    decode_headers,
    encode_headers,
    encode_message,
)
from sagemaker_async.errors import (
    DeserializationError,
    HeaderError,
    MessageChecksumError,
    MessageLengthError,
    PreludeChecksumError,
    SerializationError,
    TruncatedStreamError,
)

PART_HEADERS = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}
PART_BLOCK = encode_headers(PART_HEADERS)
PART = encode_message(PART_HEADERS, b"some tokens")


def prelude(total_length: int, headers_length: int) -> bytes:
    lengths = struct.pack(">II", total_length, headers_length)
    return lengths + struct.pack(">I", crc32(lengths))


def framed(block: bytes, payload: bytes = b"") -> bytes:
    message = prelude(16 + len(block) + len(payload), len(block)) + block + payload
    return message + struct.pack(">I", crc32(message))


def damaged(message: bytes, offset: int) -> bytes:
    return message[:offset] + bytes((message[offset] ^ 0xFF,)) + message[offset + 1 :]


def decoded(stream: bytes) -> list[Message]:
    decoder = Decoder()
    messages = decoder.feed(stream)
    decoder.close()
    return messages


# --- malformed streams -----------------------------------------------------------------------------------------------


def test_a_failed_decoder_raises_a_new_instance_each_time_and_keeps_no_traceback():
    decoder = Decoder()
    raised = []
    for _ in range(3):
        with pytest.raises(PreludeChecksumError) as caught:
            decoder.feed(bytes(12))
        raised.append(caught.value)
    assert len({id(error) for error in raised}) == 3
    assert {str(error) for error in raised} == {str(decoder.error)}
    assert decoder.error.__traceback__ is None


def test_error_offsets_count_the_whole_stream_over_all_slices():
    decoder = Decoder()
    for offset in range(0, 3 * len(PART), 7):
        decoder.feed((PART * 3)[offset : offset + 7])
    with pytest.raises(PreludeChecksumError, match=f"byte {3 * len(PART)} of the stream"):
        decoder.feed(bytes(12))


@pytest.mark.parametrize(
    ("lengths", "problem"),
    [
        ((MAX_HEADERS_LENGTH + 17, MAX_HEADERS_LENGTH + 1), "announces 131073 bytes of headers; the limit is 131072"),
        ((16 + MAX_HEADERS_LENGTH - 1, MAX_HEADERS_LENGTH), "a message of 131087 bytes cannot hold 131072 bytes of"),
        ((25, 10), "a message of 25 bytes cannot hold 10 bytes of headers and 16 of frame"),
        ((16 + 10 + MAX_PAYLOAD_LENGTH + 1, 10), "announces a payload of 25165825 bytes; the limit is 25165824"),
    ],
)
def test_lengths_that_cannot_be_say_which_rule_they_break(lengths, problem):
    with pytest.raises(MessageLengthError, match=problem):
        Decoder().feed(prelude(*lengths))


def test_undelivered_bytes_are_bounded():
    with pytest.raises(PreludeChecksumError) as caught:
        Decoder().feed(b"<html>" + b"x" * 5000)
    assert caught.value.undelivered == b"<html>" + b"x" * 1018
    decoder = Decoder()
    decoder.feed(encode_message({}, bytes(5000))[:-1])
    with pytest.raises(TruncatedStreamError) as truncated:
        decoder.close()
    assert len(truncated.value.undelivered) == 1024


def test_errors_pickle_with_their_facts():
    with pytest.raises(HeaderError) as caught:
        Decoder().feed(framed(b"\x01a\x0a"))
    copied = pickle.loads(pickle.dumps(caught.value))
    assert str(copied) == str(caught.value)
    assert copied.undelivered == caught.value.undelivered


# --- the end of the stream -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [b"", PART, PART * 3], ids=["empty", "one message", "three messages"])
def test_close_at_the_end_of_a_message_is_silent_and_repeatable(stream):
    decoder = Decoder()
    decoder.feed(stream)
    decoder.close()
    decoder.close()
    assert decoder.error is None


@pytest.mark.parametrize(
    ("received", "expected"),
    [(5, "after 5 bytes of a prelude"), (12, f"after 12 bytes of {len(PART)}"), (20, f"after 20 bytes of {len(PART)}")],
)
def test_close_inside_a_message_says_how_much_of_it_came(received, expected):
    decoder = Decoder()
    decoder.feed(PART + PART[:received])
    for _ in range(2):
        with pytest.raises(TruncatedStreamError, match=f"{expected} .*byte {len(PART)} of the stream"):
            decoder.close()
        assert decoder.buffered == 0
    with pytest.raises(TruncatedStreamError):
        decoder.feed(PART)


# --- slices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [bytes, bytearray, memoryview, lambda data: memoryview(data[::-1])[::-1]],
    ids=["bytes", "bytearray", "memoryview", "backwards"],
)
def test_takes_any_bytes_and_keeps_nothing_of_a_mutable_one(kind):
    decoder = Decoder()
    data = bytearray(PART + PART[:30])
    (first,) = decoder.feed(kind(data))
    data[:] = bytes(len(data))
    (second,) = decoder.feed(kind(PART[30:]))
    assert first == second == Message(PART_HEADERS, b"some tokens")
    assert type(first.payload) is bytes
    decoder.close()


def test_a_bytearray_can_be_resized_after_it_was_fed():
    data = bytearray(PART + PART[:40])
    decoder = Decoder()
    decoder.feed(data)
    data.clear()
    assert len(decoder.feed(PART[40:])) == 1


@pytest.mark.parametrize("data", ["text", None, 5, [1, 2]])
def test_feeding_no_bytes_is_a_type_error(data):
    with pytest.raises(TypeError):
        Decoder().feed(data)


def test_an_empty_slice_changes_nothing():
    decoder = Decoder()
    assert decoder.feed(b"") == []
    assert decoder.feed(PART[:20]) == []
    assert decoder.feed(b"") == []
    assert decoder.buffered == 20
    assert len(decoder.feed(PART[20:])) == 1


def test_one_slice_may_end_a_message_hold_others_and_begin_another():
    decoder = Decoder()
    assert decoder.feed(PART[:33]) == []
    assert len(decoder.feed(PART[33:] + PART * 3 + PART[:5])) == 4
    assert decoder.buffered == 5
    assert len(decoder.feed(PART[5:])) == 1
    assert decoder.buffered == 0


@pytest.mark.parametrize("begun", range(1, 17))
def test_a_slice_that_ends_a_prelude_may_hold_more_than_its_message(begun):
    small = encode_message({}, b"")
    decoder = Decoder()
    assert decoder.feed(PART + small[:begun])[1:] == ([] if begun < 16 else [({}, b"")])
    assert len(decoder.feed(small[begun:] + small + PART * 2)) == (4 if begun < 16 else 3)
    with pytest.raises(PreludeChecksumError, match=f"byte {3 * len(PART) + 32} of the stream"):
        decoder.feed(bytes(12))


def test_a_message_at_both_limits_is_decoded():
    value = b"v" * 65535
    block = encode_headers({"a": value, "b": value[: MAX_HEADERS_LENGTH - 65535 - 10]})
    assert len(block) == MAX_HEADERS_LENGTH
    (message,) = Decoder().feed(encode_message(block, bytes(MAX_PAYLOAD_LENGTH)))
    assert message.headers["a"] == value
    assert len(message.payload) == MAX_PAYLOAD_LENGTH


def test_the_work_for_a_large_message_in_small_slices_grows_with_its_size_only():
    message = encode_message(PART_HEADERS, bytes(1 << 20))
    slices = [message[offset : offset + 1024] for offset in range(0, len(message), 1024)]
    decoder = Decoder()
    messages = []
    allocated = 0
    tracemalloc.start()
    try:
        for piece in slices:
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            messages += decoder.feed(piece)
            allocated += tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert len(messages) == 1
    # Joining what is there at every slice would allocate 512 times the message.
    assert allocated < 5 * len(message)


def test_checksums_of_a_large_message_in_small_slices_are_computed_once(monkeypatch):
    message = encode_message(PART_HEADERS, bytes(1 << 16))
    summed = 0

    def counting(data, value=0):
        nonlocal summed
        summed += len(data)
        return crc32(data, value)

    monkeypatch.setattr("sagemaker_async.aws.eventstream.decoder.crc32", counting)
    decoder = Decoder()
    for offset in range(0, len(message), 64):
        decoder.feed(message[offset : offset + 64])
    decoder.close()
    assert summed == 8 + (8 + len(message) - 8 - 4)  # the prelude when first seen; then it and all behind it


def test_of_a_large_slice_only_the_message_under_way_is_joined_with_what_is_there():
    messages = encode_message(PART_HEADERS, bytes(1 << 16)) * 16
    begun, rest = messages[:100], messages[100:]
    decoder = Decoder()
    decoder.feed(begun)
    tracemalloc.start()
    try:
        runs = decoder.feed_runs(rest)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(len(payloads) for _, payloads in runs) == 16
    # The payloads, and the first message once more; all of the slice once more would be 32.
    assert peak < 18 * (1 << 16)


# --- headers ---------------------------------------------------------------------------------------------------------


def test_equal_header_blocks_share_one_headers_object():
    decoder = Decoder()
    other = encode_message({**PART_HEADERS, ":event-type": "Other"}, b"")
    first, second, third, fourth = decoder.feed(PART + other + PART + other)
    assert first.headers is third.headers
    assert second.headers is fourth.headers
    assert first.headers is not second.headers
    assert decoder.feed(PART)[0].headers is first.headers


def test_decoders_do_not_share_headers():
    assert Decoder().feed(PART)[0].headers is not Decoder().feed(PART)[0].headers


def test_decoders_share_the_headers_that_both_expect():
    expected = ExpectedHeaders(PART_BLOCK)
    other = encode_message({**PART_HEADERS, ":event-type": "Other"}, b"")
    decoders = [Decoder(expected), Decoder(expected)]
    (first, unexpected), (second, unexpected_as_well) = [decoder.feed(PART + other) for decoder in decoders]
    assert first.headers is second.headers is expected[PART_BLOCK]
    assert unexpected == unexpected_as_well
    assert unexpected.headers is not unexpected_as_well.headers


@pytest.mark.parametrize("length", [0, 1, 1024, 1025, 70_000])
def test_what_is_expected_is_decoded_as_anything_else(length):
    expected = ExpectedHeaders(PART_BLOCK)
    stream = encode_message(PART_HEADERS, bytes(length)) + encode_message({"a": True}, b"x") + PART
    for _ in range(2):
        for at in (0, 5, 12, 40, len(stream) // 2, len(stream) - 1):
            decoder, alone = Decoder(expected), Decoder()
            assert decoder.feed(stream[:at]) + decoder.feed(stream[at:]) == alone.feed(stream)
            decoder.close()


@pytest.mark.parametrize("damage", [9, 20, len(PART) - 8, len(PART) - 1])
def test_what_is_expected_is_checked_as_anything_else(damage):
    expected = ExpectedHeaders(PART_BLOCK)
    Decoder(expected).feed(PART)
    with pytest.raises((PreludeChecksumError, MessageChecksumError)) as caught:
        Decoder(expected).feed(damaged(PART, damage))
    with pytest.raises(type(caught.value)):
        Decoder().feed(damaged(PART, damage))


def test_no_stream_can_make_others_forget_or_remember_without_bounds():
    expected = ExpectedHeaders(PART_BLOCK)
    Decoder(expected).feed(PART)
    known = dict(expected._heads)
    hostile = Decoder(expected)
    for number in range(500):
        hostile.feed(encode_message({**PART_HEADERS, "number": Int(number)}, b""))
        hostile.feed(encode_message(PART_HEADERS, bytes(2000 + number)))
    assert expected._heads == known
    for length in range(3000):
        Decoder(expected).feed(encode_message(PART_BLOCK, bytes(length)))
    assert known.items() <= expected._heads.items()
    assert len(expected._heads) == 1025
    assert [*Decoder(expected).feed(PART)] == [Message(PART_HEADERS, b"some tokens")]


def test_decoded_headers_are_read_only():
    (message,) = Decoder().feed(PART)
    with pytest.raises(TypeError):
        message.headers[":event-type"] = "Other"
    with pytest.raises(AttributeError):
        message.payload = b""


def test_ever_new_header_blocks_are_decoded_and_forgotten():
    decoder = Decoder()
    (first,) = decoder.feed(PART)
    tracemalloc.start()
    try:
        for number in range(2000):
            (message,) = decoder.feed(encode_message({"number": Int(number), "padding": b"x" * 900}))
            assert message.headers["number"] == number
        del message
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 64 * 4096
    (last,) = decoder.feed(PART)
    assert last == first


def test_what_a_decoder_remembers_is_bounded_and_forgotten_all_at_once():
    decoder = Decoder()
    for number in range(600):
        decoder.feed(encode_message({"number": Int(number)}))
        assert len(decoder._heads) == number % 256 + 1
        assert len(decoder._blocks) == number % 64 + 1


def test_large_header_blocks_are_not_kept():
    decoder = Decoder()
    large = encode_message({"large": b"x" * 2000})
    first, second = decoder.feed(large + large)
    assert first == second
    assert first.headers is not second.headers


def test_every_header_type_has_its_own_class():
    headers = {
        "true": True,
        "false": False,
        "byte": Byte(-128),
        "short": Short(-32768),
        "int": Int(-(2**31)),
        "long": Long(2**63 - 1),
        "bytes": b"\x00\xff",
        "string": "漢字",
        "timestamp": Timestamp(1_700_000_000_123),
        "uuid": UUID("12345678-1234-5678-1234-567812345678"),
        "": "an empty name",
    }
    found = decode_headers(encode_headers(headers))
    assert dict(found) == headers
    assert [type(value) for value in found.values()] == [type(value) for value in headers.values()]


@pytest.mark.parametrize(
    ("kind", "bits"), [(Byte, 8), (Short, 16), (Int, 32), (Long, 64), (Timestamp, 64)], ids=lambda value: str(value)
)
def test_integers_keep_to_their_width(kind, bits):
    limit = 2 ** (bits - 1)
    assert kind(limit - 1) == limit - 1
    assert kind(-limit) == -limit
    for number in (limit, -limit - 1):
        with pytest.raises(SerializationError, match=f"{kind.__name__} must be between {-limit} and {limit - 1}"):
            kind(number)
    with pytest.raises(TypeError):
        kind(1.5)
    assert repr(kind(-5)) == f"{kind.__name__}(-5)"
    copied = pickle.loads(pickle.dumps(kind(7)))
    assert (type(copied), copied) == (kind, 7)


def test_timestamps_convert_from_any_time_zone():
    when = datetime(2026, 1, 2, 3, 4, 5, 678_999, tzinfo=timezone(timedelta(hours=2)))
    timestamp = Timestamp.from_datetime(when)
    assert timestamp == 1_767_315_845_678
    assert timestamp.to_datetime() == when.replace(microsecond=678_000)
    assert timestamp.to_datetime().tzinfo is UTC


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_a_timestamp_beyond_what_a_datetime_holds_is_refused(number):
    with pytest.raises(DeserializationError, match="outside the years 1 to 9999"):
        Timestamp(number).to_datetime()


def test_a_naive_datetime_is_no_timestamp():
    with pytest.raises(SerializationError, match="aware datetime"):
        Timestamp.from_datetime(datetime(2026, 1, 2))  # noqa: DTZ001


# --- encoding --------------------------------------------------------------------------------------------------------

UNENCODABLE = {
    "name beyond 255 bytes": ({"é" * 128: True}, "256 bytes in UTF-8; at most 255"),
    "name no str": ({b"name": True}, "a header name must be a str, got bytes"),
    "name a lone surrogate": ({"\ud800": True}, "lone surrogate"),
    "value a lone surrogate": ({"name": "\ud800"}, "'name' has a lone surrogate"),
    "string beyond 65535 bytes": ({"name": "é" * 32768}, "'name' has 65536 bytes; at most 65535"),
    "bytes beyond 65535 bytes": ({"name": bytes(65536)}, "'name' has 65536 bytes; at most 65535"),
    "plain int": ({"name": 5}, "'name' is a plain int.*Byte, Short, Int or Long"),
    "datetime": ({"name": datetime(2026, 1, 1, tzinfo=UTC)}, "Timestamp.from_datetime"),
    "float": ({"name": 1.5}, "'name' is a float; a header is"),
    "None": ({"name": None}, "'name' is a NoneType; a header is"),
    "headers beyond their limit": ({str(n): bytes(65535) for n in range(2)} | {"n": b"xyz"}, "the headers have 131088"),
}


@pytest.mark.parametrize(("headers", "message"), UNENCODABLE.values(), ids=UNENCODABLE)
def test_headers_that_cannot_be_encoded_say_why(headers, message):
    with pytest.raises(SerializationError, match=message):
        encode_message(headers)


def test_names_and_values_at_their_limits_are_encoded():
    headers = {"n" * 255: "v" * 65535}
    (message,) = Decoder().feed(encode_message(headers))
    assert message == Message(headers, b"")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_bytes_are_a_payload(kind):
    assert encode_message(PART_HEADERS, kind(b"some tokens")) == PART


def test_a_payload_counts_in_bytes_whatever_its_items():
    numbers = array.array("d", [1.0, 2.0])
    (message,) = Decoder().feed(encode_message({}, memoryview(numbers)))
    assert message.payload == numbers.tobytes()


@pytest.mark.parametrize("payload", ["text", 5, None])
def test_a_payload_of_no_bytes_is_refused(payload):
    with pytest.raises(SerializationError, match="a payload must be bytes"):
        encode_message({}, payload)


def test_limits_hold_for_the_encoder_too():
    with pytest.raises(SerializationError, match="send it in parts"):
        encode_message({}, bytes(MAX_PAYLOAD_LENGTH + 1))
    with pytest.raises(SerializationError, match="a message takes 131072"):
        encode_message(bytes(MAX_HEADERS_LENGTH + 1))


def test_a_ready_header_block_is_framed_as_it_is():
    assert encode_message(encode_headers(PART_HEADERS), b"some tokens") == PART
    assert encode_message(b"\x01a\x0a", b"x") == framed(b"\x01a\x0a", b"x")


def test_the_repr_of_a_message_does_not_show_its_payload():
    assert repr(Message({"a": Byte(1)}, b"secret")) == "Message(headers={'a': Byte(1)}, payload=<6 bytes>)"
