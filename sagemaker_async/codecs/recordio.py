"""RecordIO-wrapped protobuf, the format of SageMaker's built-in algorithms, without protobuf.

Writes dense and sparse matrices byte for byte as the SageMaker SDK does, one record per row, and reads records of any
producer into `Record`. Writing needs numpy (and scipy for sparse matrices), reading needs nothing.

Framing: every record is the magic number 0xCED7230A and the payload's length, both little-endian uint32, then the
payload, padded with zeros to a multiple of four bytes. The payload is a protobuf message with these fields:

    Record  features = 1, label = 2: map<string, Value>   uid = 3, metadata = 4, configuration = 5: string
    Value   one of: float32_tensor = 2, float64_tensor = 3, int32_tensor = 7, bytes = 9
    tensor  values = 1 (float, double or int32), keys = 2 (uint64), shape = 3 (uint64), all packed
    bytes   value = 1: repeated bytes                     content_type = 2: string

Matrices are written as the feature `values`, labels as the label `values`. Sources:
https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html, https://protobuf.dev/programming-guides/encoding/

Arguments that cannot be written raise `SerializationError`, bytes that are not records `DeserializationError`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sagemaker_async import _lazy
from sagemaker_async.errors import DeserializationError, SerializationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Record", "RecordBytes", "Tensor", "Value", "decode_records", "encode_dense", "encode_sparse"]

_MAGIC = 0xCED7230A
_FRAME = struct.Struct("<II")

_FEATURES, _LABEL, _UID, _METADATA, _CONFIGURATION = 1, 2, 3, 4, 5
_VALUES, _KEYS, _SHAPE = 1, 2, 3
_BYTES_FIELD = 9
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5

TensorKind = Literal["float32", "float64", "int32"]
_TENSOR_FIELDS: dict[TensorKind, int] = {"float32": 2, "float64": 3, "int32": 7}
_TENSOR_KINDS = {number: kind for kind, number in _TENSOR_FIELDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """Numbers of a record: dense when `keys` is empty, else sparse."""

    kind: TensorKind
    """The type of `values`."""
    values: list[float] | list[int] = field(default_factory=list[float])
    """The numbers, row by row."""
    keys: list[int] = field(default_factory=list[int])
    """For a sparse tensor, where each value belongs."""
    shape: list[int] = field(default_factory=list[int])
    """The dimensions; empty for a vector as long as `values`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBytes:
    """Opaque contents of a record, such as images."""

    value: list[bytes] = field(default_factory=list[bytes])
    """The contents."""
    content_type: str = ""
    """Their type, when the producer said so."""


@dataclass(frozen=True, slots=True)
class Value:
    """One feature or label, under the names that protobuf's generated class has; at most one is not None."""

    content: Tensor | RecordBytes | None = None
    """What the value holds."""

    def _tensor(self, kind: TensorKind) -> Tensor | None:
        return self.content if isinstance(self.content, Tensor) and self.content.kind == kind else None

    @property
    def float32_tensor(self) -> Tensor | None:
        """The value as a tensor of 32-bit floats, if it is one."""
        return self._tensor("float32")

    @property
    def float64_tensor(self) -> Tensor | None:
        """The value as a tensor of 64-bit floats, if it is one."""
        return self._tensor("float64")

    @property
    def int32_tensor(self) -> Tensor | None:
        """The value as a tensor of 32-bit integers, if it is one."""
        return self._tensor("int32")

    @property
    def bytes(self) -> RecordBytes | None:
        """The value as opaque contents, if it is that."""
        return self.content if isinstance(self.content, RecordBytes) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record: what an algorithm says about one row of the request, or takes as one row."""

    features: dict[str, Value] = field(default_factory=dict)
    """The inputs by name; matrices have the one feature `values`."""
    label: dict[str, Value] = field(default_factory=dict)
    """The labels or predictions by name, such as `score` and `predicted_label`."""
    uid: str = ""
    """The producer's identifier of the record."""
    metadata: str = ""
    """Free text about the record."""
    configuration: str = ""
    """A JSON object with options for this record."""


# --- writing ---------------------------------------------------------------------------------------------------------


def encode_dense(array: NDArray[Any], labels: NDArray[Any] | None = None) -> bytes:
    """Return a two-dimensional array as records, one per row, each with its label if there are labels.

    Integers become 32-bit tensors, float16 and float32 32-bit floats, float64 64-bit floats.

    Raises:
        SerializationError: the array is not two-dimensional, a type or number does not fit, or there is not one label
            per row.
    """
    kind = _check_matrix(array, labels)
    rows = _packed_rows(array, kind, "the array")
    return b"".join(map(_record, [_features(kind, row, b"", b"") for row in rows], _label_fields(labels, len(array))))


def encode_sparse(matrix: Any, labels: NDArray[Any] | None = None) -> bytes:
    """Return a two-dimensional sparse scipy matrix as records, one per row, as `encode_dense` otherwise.

    Stored zeros are written, absent ones are not; duplicate entries are summed.

    Raises:
        SerializationError: as `encode_dense`.
    """
    kind = _check_matrix(matrix, labels)
    csr = matrix.tocsr()
    shape = _encode_varint(csr.shape[1])
    spans = [slice(start, end) for start, end in pairwise(csr.indptr.tolist())]
    rows = _packed_rows((csr.data[span] for span in spans), kind, "the matrix")
    keys = (_pack_varints(csr.indices[span]) for span in spans)
    features = [_features(kind, row, key, shape) for row, key in zip(rows, keys, strict=True)]
    return b"".join(map(_record, features, _label_fields(labels, csr.shape[0])))


def _check_matrix(matrix: Any, labels: Any) -> TensorKind:
    if len(matrix.shape) != 2:
        raise SerializationError(
            f"RecordIO-protobuf takes a 2-D array, one row per record; this one is {len(matrix.shape)}-D"
        )
    if labels is not None and (len(labels.shape) != 1 or labels.shape[0] != matrix.shape[0]):
        raise SerializationError(
            f"labels must be a 1-D array with one label per row ({matrix.shape[0]}); its shape is {labels.shape}"
        )
    return _tensor_kind(matrix.dtype, "the array")


def _tensor_kind(dtype: Any, what: str) -> TensorKind:
    if dtype.kind in "iu":
        return "int32"
    if dtype.kind == "f" and dtype.itemsize <= 4:
        return "float32"
    if dtype.kind == "f" and dtype.itemsize == 8:
        return "float64"
    raise SerializationError(
        f"RecordIO-protobuf has no type for {what}'s dtype {dtype}; convert it with astype to int32, float32 or float64"
    )


def _packed_rows(rows: Any, kind: TensorKind, what: str) -> Iterator[bytes]:
    if kind == "int32":
        return (_pack_int32(row, what) for row in rows)
    dtype = "<f4" if kind == "float32" else "<f8"
    return (row.astype(dtype, copy=False).tobytes() for row in rows)


def _pack_int32(row: Any, what: str) -> bytes:
    if row.size and (int(row.min()) < -(2**31) or int(row.max()) >= 2**31):
        raise SerializationError(f"{what} holds integers beyond 32 bits, which RecordIO-protobuf lacks; use float64")
    return _pack_varints(row.astype("int64"))


def _pack_varints(numbers: Any) -> bytes:
    """Return integers as varints, negative ones in two's complement of 64 bits, as protobuf's int32 has them."""
    np = _lazy.optional("numpy", "RecordSerializer")
    unsigned = numbers.astype("int64").view("uint64")
    lengths = np.searchsorted(np.uint64(1) << np.arange(7, 70, 7, dtype="uint64"), unsigned, side="right") + 1
    position = np.arange(10)
    groups = (unsigned[:, None] >> (7 * position).astype("uint64") & np.uint64(0x7F)).astype("uint8")
    groups |= (position < lengths[:, None] - 1).astype("uint8") << 7
    packed: bytes = groups[position < lengths[:, None]].tobytes()
    return packed


def _encode_varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _delimited(number: int, content: bytes) -> bytes:
    return _encode_varint(number << 3 | _DELIMITED) + _encode_varint(len(content)) + content


def _map_entry(number: int, kind: TensorKind, tensor: bytes | None) -> bytes:
    value = b"" if tensor is None else _delimited(_TENSOR_FIELDS[kind], tensor)
    return _delimited(number, _delimited(1, b"values") + _delimited(2, value))


def _features(kind: TensorKind, values: bytes, keys: bytes, shape: bytes) -> bytes:
    parts = ((_VALUES, values), (_KEYS, keys), (_SHAPE, shape))
    return _map_entry(_FEATURES, kind, b"".join(_delimited(number, part) for number, part in parts if part))


def _label_fields(labels: Any, rows: int) -> list[bytes]:
    if labels is None:
        return [b""] * rows
    kind = _tensor_kind(labels.dtype, "labels")
    packed = _packed_rows(labels[:, None], kind, "labels")
    return [_map_entry(_LABEL, kind, _delimited(_VALUES, number)) for number in packed]


def _record(features: bytes, label: bytes) -> bytes:
    length = len(features) + len(label)
    return b"".join((_FRAME.pack(_MAGIC, length), features, label, bytes(-length % 4)))


# --- reading ---------------------------------------------------------------------------------------------------------


class _MalformedError(Exception):
    """The payload is not a Record message; translated where the record's number is known."""


def decode_records(body: bytes) -> list[Record]:
    """Return the records of `body`, in order; an empty body has none. Unknown protobuf fields are skipped.

    Raises:
        DeserializationError: the framing or a record is malformed or cut off; the message says where.
    """
    records: list[Record] = []
    position = 0
    while position < len(body):
        where = f"RecordIO record {len(records)} at byte {position}"
        if len(body) - position < _FRAME.size:
            raise DeserializationError(f"{where} is cut off inside its {_FRAME.size}-byte header")
        magic, length = _FRAME.unpack_from(body, position)
        if magic != _MAGIC:
            raise DeserializationError(f"{where} begins with {magic:#010x} instead of {_MAGIC:#x}: not RecordIO")
        start = position + _FRAME.size
        if length > len(body) - start:
            raise DeserializationError(f"{where} is cut off: {length} bytes announced, {len(body) - start} there")
        try:
            records.append(_decode_record(body[start : start + length]))
        except _MalformedError as error:
            raise DeserializationError(f"{where} is not a valid protobuf Record: {error}") from None
        position = start + length + -length % 4
    return records


def _decode_record(payload: bytes) -> Record:
    maps: dict[int, dict[str, Value]] = {_FEATURES: {}, _LABEL: {}}
    texts = {_UID: "", _METADATA: "", _CONFIGURATION: ""}
    for number, content in _fields(payload):
        if number in maps and isinstance(content, bytes):
            name, value = _decode_map_entry(content)
            maps[number][name] = value
        elif number in texts and isinstance(content, bytes):
            texts[number] = _text(content)
    return Record(
        features=maps[_FEATURES],
        label=maps[_LABEL],
        uid=texts[_UID],
        metadata=texts[_METADATA],
        configuration=texts[_CONFIGURATION],
    )


def _decode_map_entry(entry: bytes) -> tuple[str, Value]:
    name, value = "", b""
    for number, content in _fields(entry):
        if number == 1 and isinstance(content, bytes):
            name = _text(content)
        elif number == 2 and isinstance(content, bytes):
            value += content  # protobuf merges repeated messages, which is the same as parsing them in a row
    return name, _decode_value(value)


def _decode_value(message: bytes) -> Value:
    chosen, parts = 0, b""
    for number, content in _fields(message):
        if isinstance(content, bytes) and (number in _TENSOR_KINDS or number == _BYTES_FIELD):
            parts = parts + content if number == chosen else content
            chosen = number
    if chosen == _BYTES_FIELD:
        return Value(_decode_bytes(parts))
    return Value(_decode_tensor(_TENSOR_KINDS[chosen], parts) if chosen else None)


def _decode_bytes(message: bytes) -> RecordBytes:
    contents: list[bytes] = []
    content_type = ""
    for number, content in _fields(message):
        if number == 1 and isinstance(content, bytes):
            contents.append(content)
        elif number == 2 and isinstance(content, bytes):
            content_type = _text(content)
    return RecordBytes(value=contents, content_type=content_type)


def _decode_tensor(kind: TensorKind, message: bytes) -> Tensor:
    values: list[Any] = []
    keys: list[int] = []
    shape: list[int] = []
    for number, content in _fields(message):
        if number == _VALUES:
            values.extend(_int32s(content) if kind == "int32" else _floats(kind, content))
        elif number == _KEYS:
            keys.extend(_varints(content))
        elif number == _SHAPE:
            shape.extend(_varints(content))
    return Tensor(kind=kind, values=values, keys=keys, shape=shape)


def _floats(kind: TensorKind, content: bytes | int | _Fixed) -> tuple[float, ...]:
    letter, width = ("f", 4) if kind == "float32" else ("d", 8)
    if isinstance(content, int):
        return ()
    packed = content.content if isinstance(content, _Fixed) else content
    if len(packed) % width:
        raise _MalformedError(f"{len(packed)} bytes of packed {kind} are not a multiple of {width}")
    return struct.unpack(f"<{len(packed) // width}{letter}", packed)


def _int32s(content: bytes | int | _Fixed) -> list[int]:
    return [(number & 0xFFFFFFFF ^ 0x80000000) - 0x80000000 for number in _varints(content)]


def _varints(content: bytes | int | _Fixed) -> list[int]:
    if isinstance(content, int):
        return [content]
    if isinstance(content, _Fixed):
        return []
    if content.isascii():
        return list(content)  # all below 0x80: one byte each
    numbers = []
    position = 0
    while position < len(content):
        number, position = _varint(content, position)
        numbers.append(number)
    return numbers


class _Fixed(NamedTuple):
    """The contents of a field of the wire type fixed32 or fixed64: one number."""

    content: bytes


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int | _Fixed]]:
    """Yield each field's number and contents: bytes (length-delimited), int (varint) or `_Fixed`."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise _MalformedError("a field has the number 0")
        if wire_type == _VARINT:
            content, position = _varint(message, position)
            yield number, content
            continue
        if wire_type == _DELIMITED:
            length, position = _varint(message, position)
        elif wire_type in (_FIXED32, _FIXED64):
            length = 4 if wire_type == _FIXED32 else 8
        else:
            raise _MalformedError(f"field {number} has the unknown wire type {wire_type}")
        end = position + length
        if end > len(message):
            raise _MalformedError(
                f"field {number} is cut off: {length} bytes announced, {len(message) - position} there"
            )
        chunk = message[position:end]
        yield number, chunk if wire_type == _DELIMITED else _Fixed(chunk)
        position = end


def _varint(buffer: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if position >= len(buffer):
            raise _MalformedError("a varint is cut off")
        byte = buffer[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
        if shift == 70:
            raise _MalformedError("a varint is longer than 10 bytes")


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _MalformedError("a text is not valid UTF-8") from None
