from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from sagemaker_async.codecs.recordio import Record, RecordBytes, Tensor, Value, decode_records
from sagemaker_async.deserializers import RecordDeserializer
from sagemaker_async.errors import DeserializationError, SerializationError
from sagemaker_async.serializers import RecordSerializer

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "recordio.json").read_text())

EVERY_FIELD = Record(
    features={"image": Value(RecordBytes(value=[b"\x89PNG", b""], content_type="image/png"))},
    label={
        "predicted_label": Value(Tensor(kind="float32", values=[1.0])),
        "score": Value(Tensor(kind="float32", values=[0.25, 0.75])),
    },
    uid="row-1",
    metadata='{"source": "tést"}',
    configuration='{"k": 1}',
)
KMEANS = Record(
    label={
        "closest_cluster": Value(Tensor(kind="float32", values=[3.0])),
        "distance_to_cluster": Value(Tensor(kind="float32", values=[0.5])),
    }
)
EXTREMES = Record(
    features={
        "values": Value(Tensor(kind="int32", values=[-1, 2**31 - 1], keys=[0, 2**64 - 1], shape=[2, 3])),
    }
)


def framed(payload: bytes) -> bytes:
    return struct.pack("<II", 0xCED7230A, len(payload)) + payload + bytes(-len(payload) % 4)


def values_record(value: bytes) -> bytes:
    """Return a framed record whose feature `values` is the protobuf message `value`, shorter than 128 bytes."""
    entry = b"\x0a\x06values\x12" + bytes([len(value)]) + value
    return framed(b"\x0a" + bytes([len(entry)]) + entry)


def tensor_of(body: bytes) -> Any:
    return decode_records(body)[0].features["values"].content


# --- byte-equal with the SDK -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", VECTORS["dense"] + VECTORS["sparse"], ids=lambda case: case["name"])
class TestRecordedMatrices:
    def matrix(self, case: dict[str, Any]) -> Any:
        array = np.array(case["rows"], dtype=case["dtype"])
        return sparse.csr_matrix(array) if case in VECTORS["sparse"] else array

    def labels(self, case: dict[str, Any]) -> Any:
        return None if case["labels"] is None else np.array(case["labels"], dtype=case["labels_dtype"])

    def test_are_written_byte_for_byte(self, case: dict[str, Any]) -> None:
        assert RecordSerializer().serialize(self.matrix(case), self.labels(case)).hex() == case["records"]

    def test_are_read_back(self, case: dict[str, Any]) -> None:
        records = RecordDeserializer().deserialize(io.BytesIO(bytes.fromhex(case["records"])), "")
        assert len(records) == len(case["rows"])
        rows = np.zeros((len(records), len(case["rows"][0])), dtype=case["dtype"])
        for row, record in zip(rows, records, strict=True):
            tensor = record.features["values"].content
            assert isinstance(tensor, Tensor)
            row[tensor.keys if tensor.shape else slice(None)] = tensor.values
        np.testing.assert_array_equal(rows, np.array(case["rows"], dtype=case["dtype"]))
        if case["labels"] is not None:
            labels = [record.label["values"].content.values[0] for record in records]  # type: ignore[union-attr]
            assert labels == case["labels"]


@pytest.mark.parametrize(
    ("name", "records"),
    [
        ("every field", [EVERY_FIELD]),
        ("two records", [KMEANS, EVERY_FIELD]),
        ("sparse int32 extremes", [EXTREMES]),
        ("empty record", [Record()]),
    ],
)
def test_records_of_protobuf_are_read(name: str, records: list[Record]) -> None:
    assert decode_records(bytes.fromhex(VECTORS["read"][name])) == records


def test_values_answer_to_protobufs_names() -> None:
    scores = EVERY_FIELD.label["score"]
    assert scores.float32_tensor is not None
    assert scores.float32_tensor.values == [0.25, 0.75]
    assert scores.float64_tensor is scores.int32_tensor is scores.bytes is None
    assert EVERY_FIELD.features["image"].bytes == RecordBytes(value=[b"\x89PNG", b""], content_type="image/png")


# --- what is written -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "same_as"),
    [
        (np.array([1.5, 2.5]), np.array([[1.5, 2.5]])),
        ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]])),
        ([1, 2], np.array([[1, 2]])),
        (np.array([[1, -2]], dtype="int8"), np.array([[1, -2]])),
        (np.array([[1, 2]], dtype=">i4"), np.array([[1, 2]])),
        (np.array([[1, 2]], dtype=">f4"), np.array([[1, 2]], dtype="float32")),
        (np.array([[0.5]], dtype="float16"), np.array([[0.5]], dtype="float32")),
        (np.arange(12.0).reshape(3, 4).T[::2], np.arange(12.0).reshape(3, 4).T[::2].copy()),
        (sparse.coo_matrix(([1.0, 2.0], ([0, 0], [1, 1])), shape=(1, 2)), sparse.csr_matrix([[0, 3.0]])),
    ],
    ids=["1-d", "lists", "list", "int8", "big-endian-int", "big-endian-float", "float16", "strides", "duplicates"],
)
def test_like_data_gives_the_same_records(data: Any, same_as: Any) -> None:
    assert RecordSerializer().serialize(data) == RecordSerializer().serialize(same_as)


@pytest.mark.parametrize(
    ("data", "labels", "problem"),
    [
        (np.zeros((0, 2)), None, r"array is empty \(its shape is \(0, 2\)\)"),
        (sparse.csr_matrix((0, 2)), None, "array is empty"),
        ([], None, "array is empty"),
        (np.zeros((1, 1, 1)), None, "takes a 2-D array, one row per record; this one is 3-D"),
        ({"a": 1}, None, "this one is 0-D"),
        ([[1], [1, 2]], None, "inhomogeneous"),
        ([["a"]], None, "no type for the array's dtype <U1"),
        ([[True]], None, "dtype bool"),
        ([[2**31]], None, "integers beyond 32 bits"),
        ([[-(2**31) - 1]], None, "integers beyond 32 bits"),
        (np.array([[2**64 - 1]], dtype="uint64"), None, "integers beyond 32 bits"),
        ([[1.5], [2.5]], [1], r"one label per row \(2\); its shape is \(1,\)"),
        ([[1.5, 2.5]], [1, 2], r"one label per row \(1\)"),
        ([[1.5]], [[1]], "1-D array"),
        ([[1.5]], ["a"], "no type for labels's dtype"),
        ([[1.5]], [2**40], "labels holds integers beyond"),
    ],
)
def test_what_records_cannot_hold_is_refused(data: Any, labels: Any, problem: str) -> None:
    with pytest.raises(SerializationError, match=problem):
        RecordSerializer().serialize(data, labels)


# --- what is read ----------------------------------------------------------------------------------------------------


def test_an_empty_body_has_no_records() -> None:
    assert decode_records(b"") == []


def test_numbers_need_not_be_packed() -> None:
    assert tensor_of(values_record(b"\x12\x0a\x0d\x00\x00\x80\x3f\x0d\x00\x00\x00\x40")).values == [1.0, 2.0]
    assert tensor_of(values_record(b"\x1a\x09\x09\x00\x00\x00\x00\x00\x00\xf0\x3f")).values == [1.0]
    assert tensor_of(values_record(b"\x3a\x04\x08\x01\x08\x7f")).values == [1, 127]


def test_a_repeated_tensor_is_merged_and_another_kind_replaces_it() -> None:
    one, two = b"\x3a\x03\x0a\x01\x01", b"\x3a\x03\x0a\x01\x02"
    assert tensor_of(values_record(one + two)).values == [1, 2]
    assert tensor_of(values_record(one + b"\x12\x06\x0a\x04\x00\x00\x80\x3f")) == Tensor(kind="float32", values=[1.0])


def test_unknown_fields_are_skipped() -> None:
    unknown = b"\x98\x06\x01" + b"\x9a\x06\x02xx" + b"\x9d\x06\x00\x00\x00\x00" + b"\x99\x06" + bytes(8)
    assert decode_records(framed(unknown + b"\x1a\x01u" + unknown)) == [Record(uid="u")]


@pytest.mark.parametrize("name", VECTORS["read"])
def test_truncation_is_noticed_at_every_byte(name: str) -> None:
    body = bytes.fromhex(VECTORS["read"][name])
    whole = decode_records(body)
    length = 8 + struct.unpack_from("<I", body, 4)[0]
    padded = length + -length % 4
    for cut in range(1, len(body)):
        if length <= cut <= padded:
            assert decode_records(body[:cut]) == whole[:1]  # only the first record's padding is missing
        elif cut < padded or len(whole) == 1:
            with pytest.raises(DeserializationError, match="RecordIO record 0 at byte 0 is cut off"):
                decode_records(body[:cut])


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"junk junk", "record 0 at byte 0 begins with 0x6b6e756a instead of 0xced7230a: not RecordIO"),
        (framed(b"") + b"\x0a\x23", "record 1 at byte 8 is cut off inside its 8-byte header"),
        (framed(b"\xff"), "not a valid protobuf Record: a varint is cut off"),
        (framed(b"\x80" * 10 + b"\x01"), "a varint is longer than 10 bytes"),
        (framed(b"\x0a\x05ab"), "field 1 is cut off: 5 bytes announced, 2 there"),
        (framed(b"\x1d\x00"), "field 3 is cut off: 4 bytes announced"),
        (framed(b"\x0b"), "field 1 has the unknown wire type 3"),
        (framed(b"\x00\x00"), "a field has the number 0"),
        (framed(b"\x1a\x01\xff"), "a text is not valid UTF-8"),
        (values_record(b"\x12\x05\x0a\x03abc"), "3 bytes of packed float32 are not a multiple of 4"),
        (values_record(b"\x3a\x03\x0a\x01\x80"), "a varint is cut off"),
    ],
)
def test_malformed_records_are_refused_with_their_place(body: bytes, problem: str) -> None:
    with pytest.raises(DeserializationError, match=problem):
        decode_records(body)
