from __future__ import annotations

import asyncio
import inspect
import io
import json
import pickle
import subprocess
import sys
import tempfile
import threading
from collections import namedtuple
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydantic
import pytest
from scipy import sparse

from sagemaker_async import serializers
from sagemaker_async.errors import ConfigurationError, MissingExtraError, SerializationError
from sagemaker_async.serializers import (
    OFFLOAD_BYTES,
    BaseSerializer,
    CSVSerializer,
    DataSerializer,
    IdentitySerializer,
    JSONLinesSerializer,
    JSONSerializer,
    LibSVMSerializer,
    NumpySerializer,
    PydanticSerializer,
    RecordSerializer,
    Serializer,
    SimpleBaseSerializer,
    SparseMatrixSerializer,
    StringSerializer,
    TorchTensorSerializer,
    estimated_size,
    serialize_off_loop,
)

NAN = float("nan")

CONTENT_TYPES = {
    IdentitySerializer: "application/octet-stream",
    JSONSerializer: "application/json",
    PydanticSerializer: "application/json",
    JSONLinesSerializer: "application/jsonlines",
    CSVSerializer: "text/csv",
    NumpySerializer: "application/x-npy",
    SparseMatrixSerializer: "application/x-npz",
    LibSVMSerializer: "text/libsvm",
    DataSerializer: "file-path/raw-bytes",
    StringSerializer: "text/plain",
    RecordSerializer: "application/x-recordio-protobuf",
}
EXTRAS = {
    "numpy": [NumpySerializer, RecordSerializer],
    "scipy": [SparseMatrixSerializer],
    "torch": [TorchTensorSerializer],
}


class Question(pydantic.BaseModel):
    text: str = pydantic.Field(serialization_alias="inputs")
    weight: float | None = None


# --- the contract ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CONTENT_TYPES, ids=lambda kind: kind.__name__)
class TestEverySerializer:
    def test_has_the_sdks_content_type(self, kind: type[SimpleBaseSerializer]) -> None:
        assert CONTENT_TYPES[kind] == kind().CONTENT_TYPE

    def test_takes_the_sdks_arguments_by_position(self, kind: type[SimpleBaseSerializer]) -> None:
        parameters = inspect.signature(kind).parameters.values()
        positional = [parameter.name for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]
        assert positional == (["dtype", "content_type"] if kind is NumpySerializer else ["content_type"])
        assert all(parameter.default is not parameter.empty for parameter in parameters)

    def test_takes_another_content_type(self, kind: type[SimpleBaseSerializer]) -> None:
        serializer = kind(content_type="application/x-own")
        assert serializer.CONTENT_TYPE == "application/x-own"
        serializer.content_type = "application/x-later"
        assert serializer.CONTENT_TYPE == "application/x-later"

    def test_refuses_a_content_type_that_is_no_str(self, kind: type[SimpleBaseSerializer]) -> None:
        with pytest.raises(ConfigurationError, match="content_type must be a str"):
            kind(content_type=None)  # type: ignore[arg-type]

    def test_fits_the_protocol_and_pickles(self, kind: type[SimpleBaseSerializer]) -> None:
        serializer = pickle.loads(pickle.dumps(kind()))
        assert isinstance(serializer, Serializer)
        assert isinstance(serializer, BaseSerializer)

    def test_is_exported(self, kind: type[SimpleBaseSerializer]) -> None:
        assert kind.__name__ in serializers.__all__


def test_any_object_with_content_type_and_serialize_is_a_serializer() -> None:
    class Own:
        CONTENT_TYPE = "text/x-own"

        def serialize(self, data: object) -> bytes:
            return repr(data).encode()

    assert isinstance(Own(), Serializer)
    assert not isinstance(object(), Serializer)


def test_own_serializers_derive_from_the_simple_base() -> None:
    class Upper(SimpleBaseSerializer):
        def serialize(self, data: str) -> bytes:
            return data.upper().encode()

    assert Upper("text/x-upper").CONTENT_TYPE == "text/x-upper"
    assert Upper().serialize("a") == b"A"
    assert Upper.offload is False


def test_identity_hands_anything_on() -> None:
    file = io.BytesIO(b"abc")
    assert IdentitySerializer().serialize(file) is file
    assert file.tell() == 0


# --- files -----------------------------------------------------------------------------------------------------------

FILE_TAKERS = [
    JSONSerializer,
    PydanticSerializer,
    JSONLinesSerializer,
    CSVSerializer,
    NumpySerializer,
    LibSVMSerializer,
]


@pytest.mark.parametrize("kind", FILE_TAKERS)
@pytest.mark.parametrize(("file", "body"), [(io.BytesIO, b"1,2"), (io.StringIO, "1,2")])
def test_a_file_is_sent_as_it_is(kind: type[SimpleBaseSerializer], file: Any, body: bytes | str) -> None:
    assert kind().serialize(file(body)) == body


@pytest.mark.parametrize("kind", [JSONLinesSerializer, CSVSerializer, LibSVMSerializer])
@pytest.mark.parametrize("make", [str, str.encode, lambda text: bytearray(text.encode()),
                                  lambda text: memoryview(text.encode())])  # fmt: skip
def test_text_and_bytes_of_any_kind_are_the_finished_body(kind: type[SimpleBaseSerializer], make: Any) -> None:
    body = kind().serialize(make("1 2:3"))
    assert body in ("1 2:3", b"1 2:3")


def test_a_file_that_cannot_be_read_is_an_error() -> None:
    with tempfile.TemporaryFile() as file:
        pass
    with pytest.raises(SerializationError, match=r"cannot be read: .*closed file"):
        CSVSerializer().serialize(file)


def test_an_asynchronous_file_is_refused_with_the_remedy() -> None:
    class AsyncFile:
        async def read(self) -> bytes:
            return b""

    with pytest.raises(SerializationError, match="await its read"):
        JSONSerializer().serialize(AsyncFile())


# --- JSON ------------------------------------------------------------------------------------------------------------

LIBRARIES = pytest.mark.parametrize("library", ["json", "orjson"])
Point = namedtuple("Point", "x y")  # noqa: PYI024


@LIBRARIES
@pytest.mark.parametrize(
    ("data", "value"),
    [
        ({"a": [{"b": np.arange(3)}]}, {"a": [{"b": [0, 1, 2]}]}),
        (np.float32(0.5), 0.5),
        ([np.int64(1), np.bool_(True), np.array(3)], [1, True, 3]),
        (np.arange(6).reshape(2, 3).T, [[0, 3], [1, 4], [2, 5]]),
        ({1: 2, None: 3}, {"1": 2, "null": 3}),
        ([None, "null"], [None, "null"]),
        (Point(1, 2), [1, 2]),
        (pd.Series([1, 2]), [1, 2]),
        ("é\u2028", "é\u2028"),
    ],
)
def test_json_holds_arrays_and_numpy_scalars_at_any_depth(library: Any, data: Any, value: Any) -> None:
    assert json.loads(JSONSerializer(library=library).serialize(data)) == value


@LIBRARIES
@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"a": [1, NAN]}, r"data\['a'\]\[1\] is one"),
        ({"a": np.array([[1, np.inf]])}, r"data\['a'\]\[0\]\[1\] is one"),
        (np.float32("nan"), "data is one"),
        ([None, -float("inf")], r"data\[1\] is one"),
        ({NAN: 1}, "a key of data is one"),
    ],
)
def test_json_refuses_nan_and_names_its_place(library: Any, data: Any, place: str) -> None:
    with pytest.raises(SerializationError, match=place):
        JSONSerializer(library=library).serialize(data)


def test_json_writes_nan_when_asked() -> None:
    assert JSONSerializer(allow_nan=True).serialize([NAN]) == "[NaN]"


def test_orjson_and_nan_contradict_each_other() -> None:
    with pytest.raises(ConfigurationError, match="orjson cannot write NaN"):
        JSONSerializer(allow_nan=True, library="orjson")


def test_an_unknown_json_library_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'json' or 'orjson', got 'ujson'"):
        JSONSerializer(library="ujson")  # type: ignore[arg-type]


def nested(depth: int) -> list[Any]:
    data: list[Any] = []
    for _ in range(depth):
        data = [data]
    return data


def cyclic() -> list[Any]:
    data: list[Any] = []
    data.append(data)
    return data


@LIBRARIES
@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"x", "base64"),
        ({1}, "pass a list"),
        (1j, "real and imaginary"),
        (pd.DataFrame({"a": [1]}), "to_dict"),
        (Question(text="x"), "PydanticSerializer"),
        (object(), "convert it to dict, list"),
        ({(1, 2): 3}, "cannot be written as JSON"),
        (cyclic(), "Circular reference|Recursion limit"),
        (nested(100_000), "nested too deeply|Recursion limit"),
    ],
    ids=["bytes", "set", "complex", "frame", "model", "object", "tuple-key", "cycle", "depth"],
)
def test_json_refuses_what_it_cannot_hold_with_the_remedy(library: Any, data: Any, problem: str) -> None:
    with pytest.raises(SerializationError, match=problem):
        JSONSerializer(library=library).serialize(data)


@LIBRARIES
def test_json_lines_writes_one_document_per_element(library: Any) -> None:
    body = JSONLinesSerializer(library=library).serialize(iter([{"a": np.arange(2)}, "x\ny"]))
    assert [json.loads(line) for line in body.splitlines()] == [{"a": [0, 1]}, "x\ny"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"a": 1}, "got one dict; wrap it in a list"),
        (5, "got one int"),
        ([], "no element"),
        ([1, NAN], "element 1: JSON has no NaN"),
    ],
)
def test_json_lines_refuses_what_has_no_lines(data: Any, problem: str) -> None:
    with pytest.raises(SerializationError, match=problem):
        JSONLinesSerializer().serialize(data)


@LIBRARIES
def test_pydantic_models_are_written_by_alias_at_any_depth(library: Any) -> None:
    serializer = PydanticSerializer(library=library)
    assert json.loads(serializer.serialize(Question(text="hi"))) == {"inputs": "hi", "weight": None}
    assert json.loads(serializer.serialize({"all": [Question(text="hi")]})) == {
        "all": [{"inputs": "hi", "weight": None}]
    }


def test_pydantic_options_choose_the_fields() -> None:
    serializer = PydanticSerializer(by_alias=False, exclude_none=True)
    assert json.loads(serializer.serialize(Question(text="hi"))) == {"text": "hi"}


def test_pydantic_refuses_nan_instead_of_writing_null() -> None:
    with pytest.raises(SerializationError, match=r"data\['weight'\] is one"):
        PydanticSerializer().serialize(Question(text="hi", weight=NAN))


@pytest.mark.parametrize("data", [object(), {"a": b"\xff"}, cyclic()], ids=["object", "bytes", "cycle"])
def test_pydantic_refuses_what_it_cannot_write(data: Any) -> None:
    with pytest.raises(SerializationError, match="cannot be written as JSON"):
        PydanticSerializer().serialize(data)


async def test_the_answer_of_a_call_that_was_not_awaited_is_refused_with_that_remedy() -> None:
    async def call() -> None: ...

    calling = call()
    with pytest.raises(SerializationError, match="coroutine objects cannot be written as JSON; await the call"):
        JSONSerializer().serialize({"inputs": calling})
    calling.close()


# --- CSV -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (((1, 2), (3, 4)), "1,2\n3,4"),
        ([np.array([0.1, 2], dtype="float32"), [3, 4]], "0.1,2.0\n3,4"),
        (range(3), "0,1,2"),
        (pd.Series([0.5, 1], index=[7, 8]), "0.5,1.0"),
        ([pd.Series([1, 2]), pd.Series([3, 4])], "1,2\n3,4"),
        ([[None, True, np.int64(3), Decimal("4.5"), np.str_("t")]], ",True,3,4.5,t"),
        (b"raw,1", b"raw,1"),
        (np.array(["1,2,3", "4,5,6"]), "1,2,3\n4,5,6"),
        (np.array(["1,2,3", "4,5,6"], dtype=object), "1,2,3\n4,5,6"),
        (np.array([1, "a,b", None], dtype=object), '1,"a,b",'),
        (np.array([["a,b", "c"]], dtype=object), '"a,b",c'),
        (np.array([(1, 2.5)], dtype="i4,f8"), "1,2.5"),
        (np.array(["2020-01-02T03:04"], dtype="M8[ns]"), "2020-01-02T03:04:00.000000000"),
        (pd.Series(["1,2,3", "4,5,6"], index=["a", "b"]), "1,2,3\n4,5,6"),
        (pd.Series(["1,2", "3,4"], dtype=object), "1,2\n3,4"),
        (pd.Series(["1,2", "3,4"], dtype="category"), "1,2\n3,4"),
        (pd.Series([[1, 2], [3, 4]]), "1,2\n3,4"),
        (pd.Series([1, None, 3], dtype="Int64"), "1,,3"),
        (pd.Index([1, 2]), "1,2"),
        (pd.Index(["1,2", "3,4"]), "1,2\n3,4"),
        (pd.MultiIndex.from_tuples([(1, 2), (3, 4)]), "1,2\n3,4"),
        (pd.array(["1,2", "3,4"], dtype="string"), "1,2\n3,4"),
        (pd.array([1, None], dtype="Int64"), "1,"),
        ([pd.Index([1, 2]), pd.array([3, None], dtype="Int64")], "1,2\n3,"),
        ([["two\r\nlines", 'a "quote"']], '"two\r\nlines","a ""quote"""'),
    ],
)
def test_csv_takes_rows_of_every_kind(data: Any, text: str | bytes) -> None:
    assert CSVSerializer().serialize(data) == text


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ([], "list of rows is empty"),
        ([[]], "row 0 is empty"),
        ([[1], []], "row 1 is empty"),
        (np.zeros((0, 3)), r"array is empty \(its shape is \(0, 3\)\)"),
        (np.array(1), "without dimensions"),
        (pd.DataFrame(), "data frame is empty"),
        ({"a": 1}, "got dict"),
        ({1, 2}, "got set"),
        (5, "got int"),
        (None, "got NoneType"),
        ([{"a": 1}], "row 0 is of type dict"),
        ([[1, 2], 3], "row 1 is of type int"),
        ([[1, 2], [3]], "row 1 has 1 fields where the rows before it have 2"),
        ([np.arange(2), np.arange(3)], "row 1 has 3 fields"),
        ([b"1,2"], "row 0 has a field of type bytes"),
        ([[1], [{"a": 1}]], "row 1 has a field of type dict"),
        ([[[1], [2]]], "row 0 has a field of type list"),
        (np.array([[b"x"]]), "row 0 has a field of type bytes"),
        (np.array([[(1, 2)]], dtype="i4,i4"), "row 0 has a field of type tuple"),
        (np.array(["1,2", 3], dtype=object), "row 1 is of type int, where the first is a str, which is a finished row"),
        (pd.Series(["1,2", None], dtype="string"), "row 1 is of type NoneType, where the first is a str"),
        (pd.Series([], dtype=float), "list of rows is empty"),
    ],
)
def test_csv_refuses_what_has_no_regular_rows(data: Any, problem: str) -> None:
    with pytest.raises(SerializationError, match=problem):
        CSVSerializer().serialize(data)


# --- arrays ----------------------------------------------------------------------------------------------------------


def test_numpy_converts_to_the_dtype_asked_for() -> None:
    body = NumpySerializer(dtype="float32").serialize(np.array([1.5, 2.5]))
    array = np.load(io.BytesIO(body))  # type: ignore[arg-type]
    assert array.dtype == np.float32
    assert array.tolist() == [1.5, 2.5]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ([], "array is empty"),
        (np.zeros((2, 0)), r"its shape is \(2, 0\)"),
        ([[1], [1, 2]], "inhomogeneous"),
        ({"a": 1}, "the dict becomes an array of Python objects"),
        (np.array([None]), "would have to be pickled"),
        (pd.DataFrame({"a": ["x"], "b": [1]}), "the DataFrame becomes"),
    ],
    ids=["empty", "no-columns", "ragged", "dict", "objects", "frame"],
)
def test_numpy_refuses_empty_ragged_and_object_arrays(data: Any, problem: str) -> None:
    with pytest.raises(SerializationError, match=problem):
        NumpySerializer().serialize(data)


def test_numpy_pickles_when_it_is_asked_to_and_warns() -> None:
    with pytest.warns(UserWarning, match=r"allow_pickle=True.*runs whatever code a request brings") as caught:
        serializer = NumpySerializer(allow_pickle=True)
    assert caught[0].filename == __file__
    body = serializer.serialize(np.array([{"a": 1}, None]))
    assert np.load(io.BytesIO(body), allow_pickle=True).tolist() == [{"a": 1}, None]  # type: ignore[arg-type]
    assert serializer.serialize([1, 2]) == NumpySerializer().serialize([1, 2])
    with pytest.raises(SerializationError, match="cannot be pickled"):
        serializer.serialize(np.array([lambda: None, 1]))


def test_numpy_refuses_a_flag_that_is_not_one() -> None:
    flag: Any = "yes"
    with pytest.raises(ConfigurationError, match=r"NumpySerializer\.allow_pickle must be True or False"):
        NumpySerializer(allow_pickle=flag)


def test_numpy_refuses_numbers_that_the_dtype_does_not_hold() -> None:
    with pytest.raises(SerializationError, match="300 out of bounds for int8"):
        NumpySerializer(dtype="int8").serialize([300])


@pytest.mark.parametrize("layout", ["csr", "csc", "coo", "bsr", "dia"])
def test_sparse_matrices_round_trip_through_scipy(layout: str) -> None:
    matrix = sparse.random_array((5, 7), density=0.4, format=layout, rng=np.random.default_rng(1))
    back = sparse.load_npz(io.BytesIO(SparseMatrixSerializer().serialize(matrix)))
    assert back.format == layout
    assert (back.toarray() == matrix.toarray()).all()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (np.eye(2), "got ndarray"),
        (sparse.lil_matrix((2, 2)), "no 'lil' layout"),
        (sparse.csr_matrix((0, 3)), r"matrix is empty \(its shape is \(0, 3\)\)"),
    ],
)
def test_sparse_refuses_other_matrices(data: Any, problem: str) -> None:
    with pytest.raises(SerializationError, match=problem):
        SparseMatrixSerializer().serialize(data)


# --- text and files --------------------------------------------------------------------------------------------------


def test_data_reads_the_file_at_a_path(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(b"\x89PNG")
    serializer = DataSerializer()
    assert [serializer.serialize(data) for data in (str(path), path, b"\x89PNG", {"data": str(path)})] == [
        b"\x89PNG"
    ] * 4


@pytest.mark.parametrize(
    ("kind", "data", "problem"),
    [
        (DataSerializer, "/nonexistent/file", "No such file"),
        (DataSerializer, "a\0b", "null byte"),
        (DataSerializer, 5, "got int"),
        (StringSerializer, b"x", "got bytes"),
        (StringSerializer, "ab\ud800", "character 2 of the str is a lone surrogate"),
        (LibSVMSerializer, [1], "got list"),
    ],
)
def test_text_serializers_refuse_other_data(kind: type[SimpleBaseSerializer], data: Any, problem: str) -> None:
    with pytest.raises(SerializationError, match=problem):
        kind().serialize(data)


# --- optional packages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("extra", "kind"), [(extra, kind) for extra, kinds in EXTRAS.items() for kind in kinds])
def test_an_absent_package_is_named_by_its_extra(
    monkeypatch: pytest.MonkeyPatch, extra: str, kind: type[SimpleBaseSerializer]
) -> None:
    monkeypatch.setitem(sys.modules, extra, None)
    with pytest.raises(MissingExtraError, match=rf"{kind.__name__} needs .*sagemaker-async\[{extra}\]") as caught:
        kind()
    assert caught.value.extra == extra


def test_absent_orjson_is_named_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "orjson", None)
    assert JSONSerializer().serialize([1]) == "[1]"
    with pytest.raises(MissingExtraError, match=r"sagemaker-async\[orjson\]"):
        JSONSerializer(library="orjson")


def test_nothing_optional_is_imported_until_a_class_needs_it() -> None:
    program = """
import sys
from sagemaker_async.serializers import CSVSerializer, JSONSerializer, JSONLinesSerializer
from sagemaker_async.deserializers import CSVDeserializer, JSONDeserializer, RecordDeserializer
assert CSVSerializer().serialize([[1, 2]]) == "1,2"
assert JSONSerializer().serialize({"a": 1}) == '{"a": 1}'
assert JSONDeserializer().deserialize(b"[1]", "") == [1] and RecordDeserializer().deserialize(b"", "") == []
print([name for name in ("numpy", "pandas", "scipy", "torch", "orjson") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- off the loop ----------------------------------------------------------------------------------------------------


class Spy(SimpleBaseSerializer):
    offload = True

    def serialize(self, data: Any) -> str:
        return threading.current_thread().name


@pytest.mark.parametrize(
    ("data", "size"),
    [
        ("abc", 3),
        (b"abc", 3),
        (np.zeros((10, 10)), 800),
        (pd.Series(np.zeros(10)), 80),
        (5, 8),
        ([], 0),
        ([1.5] * 1000, 8000),
        ([[1, 2, 3]] * 1000, 24_000),
        ({"a": np.zeros(100), "b": "xyz"}, 803),
        (sparse.csr_matrix(np.eye(10)), 80),
        (object(), None),
        ([object()], None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_estimated_size_is_cheap_and_near(data: Any, size: int | None) -> None:
    assert estimated_size(data) == size


def test_estimated_size_of_a_frame_is_its_memory() -> None:
    assert estimated_size(pd.DataFrame({"a": np.zeros(1000)})) == pytest.approx(8000, rel=0.05)


def test_estimated_size_of_a_cycle_ends() -> None:
    assert estimated_size(cyclic()) is None


async def test_large_data_is_serialised_in_a_thread() -> None:
    here = threading.current_thread().name
    assert await serialize_off_loop(Spy(), b"x") == here
    assert await serialize_off_loop(Spy(), bytes(OFFLOAD_BYTES)) != here
    assert await serialize_off_loop(Spy(), io.BytesIO(b"x")) != here


async def test_files_named_by_path_are_read_in_a_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"x")
    threads: list[str] = []
    monkeypatch.setattr(Path, "read_bytes", lambda self: threads.append(threading.current_thread().name) or b"x")
    assert await serialize_off_loop(DataSerializer(), str(path)) == b"x"
    assert threads != [threading.current_thread().name]


async def test_users_own_serializers_stay_on_the_loop() -> None:
    class Own:
        CONTENT_TYPE = "text/plain"

        def serialize(self, data: Any) -> str:
            asyncio.get_running_loop()
            return "ran on the loop"

    assert await serialize_off_loop(Own(), bytes(OFFLOAD_BYTES)) == "ran on the loop"
