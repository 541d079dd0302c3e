"""What is written is read back, and whatever bytes come, only the documented error does."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from sagemaker_async.codecs.recordio import Tensor, decode_records
from sagemaker_async.deserializers import (
    CSVDeserializer,
    JSONDeserializer,
    JSONLinesDeserializer,
    NumpyDeserializer,
    PydanticDeserializer,
    RecordDeserializer,
    StringDeserializer,
)
from sagemaker_async.errors import DeserializationError, SerializationError
from sagemaker_async.serializers import (
    CSVSerializer,
    JSONLinesSerializer,
    JSONSerializer,
    NumpySerializer,
    RecordSerializer,
    StringSerializer,
    estimated_size,
)

quick = settings(max_examples=60, deadline=None)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)
MATRICES = npst.array_shapes(min_dims=2, max_dims=2, max_side=6)
RECORD_TYPES = st.sampled_from(["int64", "float32", "float64"])


def as_bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else body.encode()


def matrices(dtype: str) -> st.SearchStrategy[Any]:
    elements = st.integers(-(2**31), 2**31 - 1) if dtype == "int64" else None
    return npst.arrays(dtype, MATRICES, elements=elements)


@pytest.mark.parametrize("writer", ["json", "orjson"])
@pytest.mark.parametrize("reader", ["json", "orjson"])
@quick
@given(document=DOCUMENTS)
def test_json_round_trips_between_the_libraries(writer: Any, reader: Any, document: Any) -> None:
    body = as_bytes(JSONSerializer(library=writer).serialize(document))
    assert JSONDeserializer(library=reader).deserialize(body, "") == document


@pytest.mark.parametrize("library", ["json", "orjson"])
@quick
@given(documents=st.lists(DOCUMENTS, min_size=1))
def test_json_lines_round_trip(library: Any, documents: list[Any]) -> None:
    body = as_bytes(JSONLinesSerializer(library=library).serialize(documents))
    assert JSONLinesDeserializer(library=library).deserialize(body, "") == documents


@pytest.mark.parametrize("library", ["json", "orjson"])
@quick
@given(document=st.recursive(SCALARS | st.floats(), st.lists, max_leaves=10))
def test_both_libraries_refuse_the_same_documents(library: Any, document: Any) -> None:
    try:
        json.dumps(document, allow_nan=False)
    except ValueError:
        with pytest.raises(SerializationError, match="no NaN or Infinity"):
            JSONSerializer(library=library).serialize(document)
    else:
        JSONSerializer(library=library).serialize(document)


@quick
@given(
    rows=st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(TEXT, min_size=width, max_size=width), min_size=1))
)
def test_csv_round_trips_every_character(rows: list[list[str]]) -> None:
    body = as_bytes(CSVSerializer().serialize(rows))
    assert CSVDeserializer().deserialize(body, "text/csv") == rows
    assert list(csv.reader(io.StringIO(body.decode(), newline=""))) == rows


@quick
@given(array=RECORD_TYPES.flatmap(matrices))
def test_csv_of_an_array_is_the_csv_of_its_rows(array: Any) -> None:
    assert CSVSerializer().serialize(array) == CSVSerializer().serialize([list(row) for row in array])


@quick
@given(
    array=st.sampled_from(["int8", "uint64", "float16", "float64", "bool", "complex64", "<U3", ">i4", "M8[s]"]).flatmap(
        lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0))
    )
)
def test_numpy_round_trips(array: Any) -> None:
    back = NumpyDeserializer().deserialize(NumpySerializer().serialize(array), "application/x-npy")
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@quick
@given(array=RECORD_TYPES.flatmap(matrices), data=st.data())
def test_records_round_trip(array: Any, data: st.DataObject) -> None:
    labels = data.draw(
        st.none() | RECORD_TYPES.flatmap(matrices).map(lambda m: m[:1, :1].repeat(len(array), 0).ravel())
    )
    records = decode_records(RecordSerializer().serialize(array, labels))
    tensors = [record.features["values"].content for record in records]
    assert all(isinstance(tensor, Tensor) for tensor in tensors)
    np.testing.assert_array_equal(np.array([tensor.values for tensor in tensors], dtype=array.dtype), array)  # type: ignore[union-attr]
    if labels is not None:
        written = [record.label["values"].content.values[0] for record in records]  # type: ignore[union-attr]
        np.testing.assert_array_equal(np.array(written, dtype=labels.dtype), labels)


@quick
@given(text=TEXT)
def test_text_round_trips(text: str) -> None:
    assert StringDeserializer().deserialize(StringSerializer().serialize(text), "") == text


READERS = [
    (JSONDeserializer(), "application/json"),
    (JSONDeserializer(library="orjson", errors="replace"), "application/json"),
    (JSONLinesDeserializer(), "application/jsonlines"),
    (CSVDeserializer(), "text/csv"),
    (CSVDeserializer(strict=False, errors="ignore"), "text/csv"),
    (NumpyDeserializer(), "application/x-npy"),
    (NumpyDeserializer(), "application/x-npz"),
    (NumpyDeserializer(dtype="float32"), "application/json"),
    (NumpyDeserializer(), "text/csv"),
    (PydanticDeserializer(dict[str, int]), "application/json"),
    (RecordDeserializer(), "application/x-recordio-protobuf"),
]
NPY = NumpySerializer().serialize([[1.5, 2.5]])
SEEDS = [b"", NPY, RecordSerializer().serialize([[1, -2]], [3]), b'{"a": [1, null]}', b'1,"a\n"\n2,3\n']


@pytest.mark.parametrize(
    ("reader", "content_type"), READERS, ids=lambda v: v if isinstance(v, str) else type(v).__name__
)
@quick
@given(data=st.data())
def test_any_bytes_give_a_value_or_the_documented_error(reader: Any, content_type: str, data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(SEEDS)) or data.draw(st.binary(max_size=60)))
    for position in data.draw(st.lists(st.integers(0, max(len(body) - 1, 0)), max_size=3)):
        body[position : position + 1] = data.draw(st.binary(max_size=2))
    stream = io.BytesIO(bytes(body))
    with contextlib.suppress(DeserializationError):
        reader.deserialize(stream, content_type)
    assert stream.closed


@quick
@given(data=DOCUMENTS | npst.arrays("float32", npst.array_shapes()) | st.binary())
def test_the_estimated_size_of_data_is_a_size(data: Any) -> None:
    size = estimated_size(data)
    assert size is None or size >= 0
