from __future__ import annotations

import asyncio
import inspect
import io
import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pydantic
import pytest

from sagemaker_async import deserializers
from sagemaker_async.deserializers import (
    OFFLOAD_BYTES,
    BaseDeserializer,
    BytesDeserializer,
    CSVDeserializer,
    Deserializer,
    JSONDeserializer,
    JSONLinesDeserializer,
    NumpyDeserializer,
    PandasDeserializer,
    PydanticDeserializer,
    RecordDeserializer,
    SimpleBaseDeserializer,
    StreamDeserializer,
    StringDeserializer,
    TorchTensorDeserializer,
    deserialize_off_loop,
)
from sagemaker_async.errors import ConfigurationError, DeserializationError, MissingExtraError


class Answer(pydantic.BaseModel):
    text: str
    score: float = 0.0


ACCEPTS: dict[Callable[..., SimpleBaseDeserializer[Any]], tuple[str, ...]] = {
    BytesDeserializer: ("*/*",),
    StreamDeserializer: ("*/*",),
    StringDeserializer: ("application/json",),
    JSONDeserializer: ("application/json",),
    JSONLinesDeserializer: ("application/jsonlines",),
    CSVDeserializer: ("text/csv",),
    NumpyDeserializer: ("application/x-npy",),
    PandasDeserializer: ("text/csv", "application/json"),
    RecordDeserializer: ("application/x-recordio-protobuf",),
}


def npy(array: Any, *, allow_pickle: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=allow_pickle)
    return buffer.getvalue()


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


# --- the contract ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ACCEPTS, ids=lambda kind: kind.__name__)
class TestEveryDeserializer:
    def test_asks_for_the_sdks_content_types(self, kind: Any) -> None:
        assert ACCEPTS[kind] == kind().ACCEPT

    def test_takes_the_sdks_arguments_by_position(self, kind: Any) -> None:
        parameters = inspect.signature(kind).parameters.values()
        positional = [parameter.name for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]
        others = {
            StringDeserializer: ["encoding", "accept"],
            CSVDeserializer: ["encoding", "accept"],
            NumpyDeserializer: ["dtype", "accept", "allow_pickle"],
        }
        assert positional == others.get(kind, ["accept"])

    def test_takes_one_or_several_other_types(self, kind: Any) -> None:
        deserializer = kind(accept="application/x-own")
        assert deserializer.ACCEPT == ("application/x-own",)
        deserializer.accept = ("a/b", "c/d")
        assert deserializer.ACCEPT == ("a/b", "c/d")

    @pytest.mark.parametrize("accept", [None, 5, (), (1,)])
    def test_refuses_other_values(self, kind: Any, accept: Any) -> None:
        with pytest.raises(ConfigurationError, match="accept must be a str"):
            kind(accept=accept)

    def test_fits_the_protocol_and_pickles(self, kind: Any) -> None:
        deserializer = pickle.loads(pickle.dumps(kind()))
        assert isinstance(deserializer, Deserializer)
        assert isinstance(deserializer, BaseDeserializer)
        assert kind.__name__ in deserializers.__all__


READERS: list[tuple[SimpleBaseDeserializer[Any], str, bytes]] = [
    (BytesDeserializer(), "", b"x"),
    (StringDeserializer(), "", b"x"),
    (JSONDeserializer(), "", b"1"),
    (JSONLinesDeserializer(), "", b"1"),
    (CSVDeserializer(), "", b"1"),
    (NumpyDeserializer(), "application/json", b"[1]"),
    (PandasDeserializer(), "text/csv", b"a\n1"),
    (RecordDeserializer(), "", b""),
    (PydanticDeserializer(int), "", b"1"),
]


@pytest.mark.parametrize(("deserializer", "content_type", "body"), READERS, ids=lambda value: type(value).__name__)
class TestStreams:
    def test_the_stream_is_closed_when_read(self, deserializer: Any, content_type: str, body: bytes) -> None:
        stream = io.BytesIO(body)
        deserializer.deserialize(stream, content_type)
        assert stream.closed

    def test_the_stream_is_closed_when_reading_fails(self, deserializer: Any, content_type: str, body: bytes) -> None:
        class Broken(io.BytesIO):
            def read(self, *args: Any) -> bytes:
                raise ConnectionResetError

        stream = Broken()
        with pytest.raises(ConnectionResetError):
            deserializer.deserialize(stream, content_type)
        assert stream.closed

    def test_bytes_and_objects_without_close_do_as_well(
        self, deserializer: Any, content_type: str, body: bytes
    ) -> None:
        class Reader:
            def read(self) -> bytes:
                return body

        results = [deserializer.deserialize(given, content_type) for given in (body, memoryview(body), Reader())]
        assert str(results[0]) == str(results[1]) == str(results[2])

    def test_a_text_stream_is_refused(self, deserializer: Any, content_type: str, body: bytes) -> None:
        with pytest.raises(DeserializationError, match="returned str instead of bytes; open files in binary mode"):
            deserializer.deserialize(io.StringIO("1"), content_type)


def test_stream_deserializer_hands_the_open_stream_over() -> None:
    stream = io.BytesIO(b"x")
    assert StreamDeserializer().deserialize(stream, "a/b") == (stream, "a/b")
    assert not stream.closed


def test_stream_deserializer_makes_a_stream_of_bytes() -> None:
    stream, content_type = StreamDeserializer().deserialize(b"x", "a/b")
    assert (stream.read(), content_type) == (b"x", "a/b")


def test_any_object_with_accept_and_deserialize_is_a_deserializer() -> None:
    class Own:
        ACCEPT = ("text/x-own",)

        def deserialize(self, stream: Any, content_type: str) -> str:
            return stream.read().decode()

    assert isinstance(Own(), Deserializer)
    assert not isinstance(object(), Deserializer)


# --- text ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("errors", "text"), [("replace", "a\ufffdb"), ("ignore", "ab"), ("backslashreplace", r"a\xffb")]
)
def test_invalid_utf8_follows_the_error_policy(errors: str, text: str) -> None:
    assert StringDeserializer(errors=errors).deserialize(b"a\xffb", "text/plain") == text
    assert CSVDeserializer(errors=errors).deserialize(b"a\xffb", "text/csv") == [[text]]


@pytest.mark.parametrize("library", ["json", "orjson"])
@pytest.mark.parametrize(("errors", "text"), [("replace", "a\ufffdb"), ("ignore", "ab")])
def test_invalid_utf8_in_json_follows_the_error_policy(library: Any, errors: str, text: str) -> None:
    body = b'"a\xffb"'
    assert JSONDeserializer(errors=errors, library=library).deserialize(body, "") == text
    assert JSONLinesDeserializer(errors=errors, library=library).deserialize(body, "") == [text]


@pytest.mark.parametrize(
    ("deserializer", "content_type"),
    [
        (StringDeserializer(), "text/plain"),
        (JSONDeserializer(), "application/json"),
        (JSONDeserializer(library="orjson"), "application/json"),
        (JSONLinesDeserializer(), "application/jsonlines"),
        (CSVDeserializer(), "text/csv"),
        (NumpyDeserializer(), "text/csv"),
        (NumpyDeserializer(), "application/json"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_invalid_utf8_is_an_error_that_names_the_byte(deserializer: Any, content_type: str) -> None:
    with pytest.raises(DeserializationError, match=r"(?i)not valid utf-8 at byte 1 of 3; pass errors='replace'"):
        deserializer.deserialize(b'"\xff"', content_type)


@pytest.mark.parametrize("encoding", ["nope", "base64", None])
def test_an_unknown_encoding_is_refused_at_once(encoding: Any) -> None:
    for kind in (StringDeserializer, CSVDeserializer):
        with pytest.raises(ConfigurationError, match="must name a text encoding"):
            kind(encoding)


def test_an_unknown_error_policy_is_refused_at_once() -> None:
    for kind in (StringDeserializer, CSVDeserializer, JSONDeserializer, JSONLinesDeserializer):
        with pytest.raises(ConfigurationError, match="must name an error handler"):
            kind(errors="nope")


def test_other_encodings_are_decoded() -> None:
    assert StringDeserializer("latin-1").deserialize(b"\xe9", "text/plain") == "é"
    with pytest.raises(DeserializationError, match="not valid utf-16 at byte 2 of 3"):
        StringDeserializer("utf-16").deserialize(b"abc", "text/plain")


# --- JSON ------------------------------------------------------------------------------------------------------------

LIBRARIES = pytest.mark.parametrize("library", ["json", "orjson"])


@LIBRARIES
@pytest.mark.parametrize("body", [b'{"a": [1, null]}', b'\xef\xbb\xbf{"a": [1, null]}\n'])
def test_json_is_read_with_or_without_byte_order_mark(library: Any, body: bytes) -> None:
    assert JSONDeserializer(library=library).deserialize(body, "application/json") == {"a": [1, None]}


@LIBRARIES
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "is empty where JSON was expected"),
        (b" \r\n", "is empty"),
        (b'{"key": secret}', "not valid JSON: .* at line 1, column 9"),
        (b"[1,\n2", "not valid JSON: .* at line 2"),
        (b"<html>", "line 1, column 1"),
        (b"1 2", "line 1, column 3"),
        (b"[" * 200_000, "nested too deeply|depth limit"),
        (b"1" * 5000, "cannot be read as JSON|not valid JSON"),
    ],
    ids=["empty", "blank", "word", "truncated", "html", "two", "deep", "huge-number"],
)
def test_json_errors_give_the_place_and_not_the_body(library: Any, body: bytes, problem: str) -> None:
    with pytest.raises(DeserializationError, match=problem) as caught:
        JSONDeserializer(library=library).deserialize(body, "text/html")
    assert "the response body (text/html)" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_json_accepts_nan_from_python_models_unless_told_otherwise() -> None:
    assert str(JSONDeserializer().deserialize(b"[NaN, -Infinity]", "")) == "[nan, -inf]"
    with pytest.raises(DeserializationError, match="holds NaN, which JSON does not know; pass allow_nan=True"):
        JSONDeserializer(allow_nan=False).deserialize(b"[NaN]", "")
    with pytest.raises(DeserializationError, match="not valid JSON"):
        JSONDeserializer(library="orjson").deserialize(b"[NaN]", "")


@LIBRARIES
def test_json_lines_skip_blank_lines_and_take_any_line_end(library: Any) -> None:
    body = b'{"a": 1}\r\n\r\n  \n"\xe2\x80\xa8"\n'
    assert JSONLinesDeserializer(library=library).deserialize(body, "") == [{"a": 1}, "\u2028"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "is empty where JSON Lines"),
        (b"\n\n", "is empty"),
        (b"1\n\n{\n", "line 3 of the response body .*not valid"),
    ],
)
def test_json_lines_errors_name_the_line(body: bytes, problem: str) -> None:
    with pytest.raises(DeserializationError, match=problem):
        JSONLinesDeserializer().deserialize(body, "application/jsonlines")


# --- pydantic --------------------------------------------------------------------------------------------------------


def test_pydantic_returns_the_model() -> None:
    answer = PydanticDeserializer(Answer).deserialize(b'{"text": "hi"}', "application/json")
    assert answer == Answer(text="hi")


def test_pydantic_takes_any_type_it_knows() -> None:
    assert PydanticDeserializer(list[Answer]).deserialize(b'[{"text": "hi"}]', "") == [Answer(text="hi")]
    assert PydanticDeserializer(int | None).deserialize(b"null", "") is None


def test_pydantic_strict_takes_no_conversions() -> None:
    body = b'{"text": "hi", "score": "1.5"}'
    assert PydanticDeserializer(Answer).deserialize(body, "").score == 1.5
    with pytest.raises(DeserializationError, match="score: Input should be a valid number"):
        PydanticDeserializer(Answer, strict=True).deserialize(body, "")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "is empty"),
        (b"{", "the document: Invalid JSON"),
        (b"[]", "is not a valid Answer: the document: Input should be an object"),
        (b'{"text": 5, "score": "sesame"}', "text: Input should be a valid string; score: Input should be"),
    ],
)
def test_pydantic_errors_name_the_fields_and_no_values(body: bytes, problem: str) -> None:
    with pytest.raises(DeserializationError, match=problem) as caught:
        PydanticDeserializer(Answer).deserialize(body, "application/json")
    assert "sesame" not in str(caught.value)


def test_pydantic_errors_are_bounded() -> None:
    with pytest.raises(DeserializationError, match=r"4\.text: .* \(and 95 more\)"):
        PydanticDeserializer(list[Answer]).deserialize(b"[" + b'{"text":1},' * 99 + b'{"text":1}]', "")


def test_a_type_that_pydantic_does_not_know_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="pydantic cannot validate"):
        PydanticDeserializer(object())
    with pytest.raises(ConfigurationError, match="pydantic cannot validate 'Undefined'"):
        PydanticDeserializer("Undefined").deserialize(b"1", "")


# --- CSV -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b'a,"two\r\nlines"\r\n1,"say ""hi"""\r\n', [["a", "two\r\nlines"], ["1", 'say "hi"']]),
        (b"a\n\nb", [["a"], [], ["b"]]),
        (b"1,2\n3\n", [["1", "2"], ["3"]]),
        (b"", []),
        ("é\u2028x".encode(), [["é\u2028x"]]),
    ],
)
def test_csv_rows_keep_quoted_newlines(body: bytes, rows: list[list[str]]) -> None:
    assert CSVDeserializer().deserialize(body, "text/csv") == rows


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'1,2\n"abc', "at line 2: unexpected end of data; pass strict=False"),
        (b'"a"b,c', "at line 1: .*strict=False"),
        (b"x" * 140_000, r"field larger than field limit \(131072\)$"),
    ],
    ids=["open-quote", "after-quote", "field-limit"],
)
def test_csv_errors_name_the_line(body: bytes, problem: str) -> None:
    with pytest.raises(DeserializationError, match=problem):
        CSVDeserializer().deserialize(body, "text/csv")


def test_csv_can_be_lenient() -> None:
    assert CSVDeserializer(strict=False).deserialize(b'"a"b,c', "text/csv") == [["ab", "c"]]


# --- numpy -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (npy(np.array([[1, 2], [3, 4]])), "application/x-npy"),
        (npy(np.array([[1, 2], [3, 4]])), "Application/X-NPY; version=1"),
        (b"[[1, 2], [3, 4]]", "application/json; charset=utf-8"),
        (b"1,2\n3,4\n", "text/csv;charset=utf-8"),
    ],
)
def test_numpy_reads_every_format_whatever_the_parameters(body: bytes, content_type: str) -> None:
    array = NumpyDeserializer().deserialize(body, content_type)
    assert array.tolist() == [[1, 2], [3, 4]]
    assert NumpyDeserializer(dtype="float32").deserialize(body, content_type).dtype == np.float32


def test_numpy_arrays_can_be_changed() -> None:
    array = NumpyDeserializer().deserialize(npy(np.arange(3)), "application/x-npy")
    array += 1
    assert array.tolist() == [1, 2, 3]


def test_numpy_reads_archives_as_dict() -> None:
    arrays = NumpyDeserializer().deserialize(npz(a=np.arange(2), b=np.eye(2)), "application/x-npz")
    assert {name: array.tolist() for name, array in arrays.items()} == {"a": [0, 1], "b": [[1, 0], [0, 1]]}


def test_numpy_reads_null_as_nan_for_floats() -> None:
    assert np.isnan(NumpyDeserializer(dtype=float).deserialize(b"[null]", "application/json")).all()


@pytest.mark.parametrize(
    ("dtype", "body", "value"),
    [
        (float, b"1,,3\n", [1.0, None, 3.0]),
        ("float32", b"1,2\n,4\n", [[1.0, 2.0], [None, 4.0]]),
        (str, b"a,,c\n", ["a", "", "c"]),
        (None, b"1,x\n2,\n", [(1, "x"), (2, "")]),
        (None, b"5\n", 5),
    ],
)
def test_numpy_reads_missing_values_of_csv_where_the_type_can_leave_them_out(
    dtype: Any, body: bytes, value: Any
) -> None:
    array = NumpyDeserializer(dtype=dtype).deserialize(body, "text/csv")
    assert type(array) is np.ndarray
    assert (np.where(np.isnan(array), None, array) if array.dtype.kind == "f" else array).tolist() == value


@pytest.mark.parametrize(
    ("dtype", "body", "problem"),
    [
        (None, b"1,,3\n", "lacks values .* with float, they are NaN"),
        (int, b"1,,3\n", "lacks values"),
        (None, b"a,,c\n", "lacks values"),
        (None, b"1,x\n,y\n", "lacks values"),
        (None, b"1.5,,x\n", "lacks values"),
        (float, b"1,a\n", "Cannot convert string 'a'"),
        (int, b"1.5\n", "Cannot convert string '1.5'"),
        (bool, b"1,2\n", "Cannot convert string '1'"),
        ("int8", b"300\n", "300 out of bounds for int8"),
    ],
)
def test_numpy_makes_nothing_up_in_csv(dtype: Any, body: bytes, problem: str) -> None:
    with pytest.raises(DeserializationError, match=problem):
        NumpyDeserializer(dtype=dtype).deserialize(body, "text/csv")


PICKLED = npy(np.array([None]), allow_pickle=True)


@pytest.mark.parametrize(
    ("body", "content_type", "problem"),
    [
        (b"", "application/x-npy", "is empty where an array"),
        (b"junk", "application/x-npy", "is not a .npy file"),
        (pickle.dumps([1]), "application/x-npy", "is not a .npy file"),
        (PICKLED, "application/x-npy", "holds pickled Python objects, .* allow_pickle=True if you trust it"),
        (npz(a=np.array([None])), "application/x-npz", "holds pickled Python objects"),
        (npy(np.arange(3)), "application/x-npz", "is not a .npz file"),
        (b"1,2\n3\n", "text/csv", r"Line #2 \(got 1 columns instead of 2\)"),
        (b"\n# nothing\n", "text/csv", "holds no values"),
        (b"[[1], [1, 2]]", "application/json", "inhomogeneous"),
        (b'{"a": [1]}', "application/json", "JSON object, where an array needs a list; use JSONDeserializer"),
        (b"[1, null]", "application/json", "with float, null is NaN"),
        (b"[1", "application/json", "not valid JSON"),
        (b"x", "text/html", "cannot read the content type 'text/html', only npy, npz, JSON and CSV"),
        (b"x", "", "cannot read the content type ''"),
    ],
)
def test_numpy_errors_name_the_problem(body: bytes, content_type: str, problem: str) -> None:
    with pytest.raises(DeserializationError, match=problem):
        NumpyDeserializer().deserialize(io.BytesIO(body), content_type)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(npy(np.arange(4)), "application/x-npy"), (npz(a=np.arange(4), b=np.eye(2)), "application/x-npz")],
    ids=["npy", "npz"],
)
def test_numpy_notices_truncation_at_every_byte(body: bytes, content_type: str) -> None:
    for length in range(len(body)):
        with pytest.raises(DeserializationError):
            NumpyDeserializer().deserialize(body[:length], content_type)


def test_numpy_refuses_a_header_that_is_no_python_literal() -> None:
    body = npy(np.arange(4)).replace(b"}", b" ", 1)
    with pytest.raises(DeserializationError, match="cannot be read as an array"):
        NumpyDeserializer().deserialize(body, "application/x-npy")


def test_numpy_refuses_a_header_that_promises_more_than_memory() -> None:
    body = npy(np.arange(4)).replace(b"(4,), }          ", b"(99999999999999,), }"[:20], 1)
    assert b"99999999999999" in body
    with pytest.raises(DeserializationError):
        NumpyDeserializer().deserialize(body, "application/x-npy")


def test_numpy_loads_pickled_objects_only_when_told() -> None:
    assert NumpyDeserializer(allow_pickle=True).deserialize(PICKLED, "application/x-npy").tolist() == [None]


# --- pandas ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"a,b\n1,x\n", "text/csv; charset=utf-8"),
        (b'{"a": {"0": 1}, "b": {"0": "x"}}', "Application/JSON"),
        (b'[{"a": 1, "b": "x"}]', "application/json"),
    ],
)
def test_pandas_reads_frames(body: bytes, content_type: str) -> None:
    frame = PandasDeserializer().deserialize(io.BytesIO(body), content_type)
    pd.testing.assert_frame_equal(frame, pd.DataFrame({"a": [1], "b": ["x"]}), check_dtype=False)


@pytest.mark.parametrize(
    ("body", "content_type", "problem"),
    [
        (b"", "text/csv", "is empty where a table"),
        (b"a,b\n1,2\n1,2,3\n", "text/csv", "Expected 2 fields in line 3, saw 3"),
        (b"a\n\xff", "text/csv", "utf-8"),
        (b"{", "application/json", "cannot be read as a table"),
        (b"5", "application/json", "cannot be read as a table"),
        (b'{"a": 1}', "application/json", "cannot be read as a table"),
        (b"x", "text/html", "cannot read the content type 'text/html', only CSV and JSON"),
    ],
)
def test_pandas_errors_name_the_problem(body: bytes, content_type: str, problem: str) -> None:
    with pytest.raises(DeserializationError, match=problem):
        PandasDeserializer().deserialize(io.BytesIO(body), content_type)


# --- optional packages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "kind"),
    [("numpy", NumpyDeserializer), ("pandas", PandasDeserializer), ("torch", TorchTensorDeserializer)],
)
def test_an_absent_package_is_named_by_its_extra(monkeypatch: pytest.MonkeyPatch, extra: str, kind: Any) -> None:
    monkeypatch.setitem(sys.modules, extra, None)
    with pytest.raises(MissingExtraError, match=rf"{kind.__name__} needs .*sagemaker-async\[{extra}\]") as caught:
        kind()
    assert caught.value.extra == extra


# --- off the loop ----------------------------------------------------------------------------------------------------


class Spy(SimpleBaseDeserializer[str]):
    offload = True

    def deserialize(self, stream: Any, content_type: str) -> str:
        return threading.current_thread().name


@pytest.mark.parametrize(
    ("size", "in_thread"), [(0, False), (OFFLOAD_BYTES - 1, False), (OFFLOAD_BYTES, True), (None, True)]
)
async def test_large_bodies_are_parsed_in_a_thread(size: int | None, in_thread: bool) -> None:
    name = await deserialize_off_loop(Spy(), io.BytesIO(), "", size)
    assert (name != threading.current_thread().name) is in_thread


async def test_users_own_deserializers_stay_on_the_loop() -> None:
    class Own:
        ACCEPT = ("*/*",)

        def deserialize(self, stream: Any, content_type: str) -> str:
            asyncio.get_running_loop()
            return "ran on the loop"

    assert await deserialize_off_loop(Own(), io.BytesIO(), "", OFFLOAD_BYTES) == "ran on the loop"


async def test_errors_come_out_of_the_thread() -> None:
    with pytest.raises(DeserializationError, match="not valid JSON"):
        await deserialize_off_loop(JSONDeserializer(), io.BytesIO(b"{"), "application/json", OFFLOAD_BYTES)


def test_a_deserializer_used_by_itself_knows_of_no_call() -> None:
    with pytest.raises(DeserializationError, match=r"not valid JSON: .* \(character 0\)$") as caught:
        JSONDeserializer().deserialize(b"<html>", "text/html")
    error = caught.value
    assert (error.operation, error.url, error.request_id, error.attempts) == (None, None, None, ())
    assert (error.status, error.content_type, error.body) == (None, None, b"")
