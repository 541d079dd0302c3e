"""Record what the serializers and deserializers of the public SageMaker SDK make of a grid of inputs.

``sdk_grid.json`` was made by this script, in a virtual environment of its own::

    python3 -m venv sdk && sdk/bin/pip install 'sagemaker==2.257.7' scipy
    sdk/bin/python tests/vectors/record_sdk_grid.py

Each case names a class, the options of its constructor and an input, and has what came out: ``text``, ``hex`` (bytes),
``value`` (a description, see `sdk_outcomes.shown`) or ``error``, the exception's name.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sagemaker import base_deserializers, base_serializers
from sdk_outcomes import build, run

NAN, INF = float("nan"), float("inf")

ROWS: list[list[Any]] = [
    [],
    [1, 2, 3],
    [0.1, 1e-05, 1e22, -0.0],
    [NAN, INF],
    [True, False],
    [2**40, -1],
    ["1,2,3", "4,5,6"],
    ["a"],
    [""],
    ["b,c", "d", ""],
    ['say "hi"', "two\nlines", " padded "],
    ["Grüße", "漢字"],
    [1, "a,b", None],
    [1.5, "a,b", 'say "hi"', "two\nlines", "", None],
    ["a,b", 1],
    [None, 0.5],
]
TABLES: list[list[list[Any]]] = [
    [[]],
    [[1, 2], [3, 4]],
    [[0.1, 2.5]],
    [[NAN, 1.0], [INF, -1.0]],
    [["a,b", "c"], ["d", ""]],
    [["x"], [""]],
    [["a", "b c"], ["d", "e\rf"]],
    [[1, "a"], [None, 0.5]],
    [[True], [False]],
    [[1], [1, 2]],
]
CUBE = [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]


def spec(kind: str, of: Any, dtype: str | None = None) -> dict[str, Any]:
    return {"as": kind, "of": of} | ({"dtype": dtype} if dtype else {})


def csv_inputs() -> list[dict[str, Any]]:
    inputs = [spec(kind, row) for row in ROWS for kind in ("value", "tuple")]
    inputs += [spec("array", row, dtype) for row in ROWS for dtype in (None, "object", "str")]
    inputs += [spec("series", row, dtype) for row in ROWS for dtype in (None, "object", "category")]
    inputs += [spec("index", row, dtype) for row in ROWS for dtype in (None, "object")]
    inputs += [spec("pandas array", row) for row in ROWS]
    inputs += [spec("series with labels", row) for row in ROWS[1:8]]
    for dtype in ("string", "Int64", "Float64", "boolean"):
        of = {"string": ["1,2", None], "Int64": [1, None], "Float64": [0.5, None], "boolean": [True, None]}[dtype]
        inputs += [spec(kind, of, dtype) for kind in ("series", "index", "pandas array")]
    inputs += [spec("array", [0.1, 2], dtype) for dtype in ("float16", "float32", "float64", "int8", "uint8")]
    inputs += [spec("array", [[0.1, 2]], dtype) for dtype in ("float16", "float32", "complex64", "int16")]
    inputs += [spec("array", ["2020-01-02T03:04:05"], dtype) for dtype in ("M8[s]", "M8[ns]", "M8[D]")]
    inputs += [spec(kind, table) for table in TABLES for kind in ("value", "tuple", "tuples", "many series", "frame")]
    inputs += [spec("array", table, dtype) for table in TABLES for dtype in (None, "object", "str")]
    inputs += [spec("arrays", table) for table in TABLES]
    inputs += [spec("frame", {"a": [1, 2], "b": ["x", "y,z"]}), spec("frame", {"a": [0.5, None]})]
    inputs += [spec("array", [[0.1, 0.2], [1e-05, 30000000000.0]], dtype) for dtype in ("float32", "float64")]
    inputs += [spec("series", TABLES[1]), spec("index", TABLES[1]), spec("array", CUBE), spec("value", CUBE)]
    inputs += [spec("range", [3]), spec("set", [1, 2]), spec("value", {"a": 1}), spec("value", 5), spec("value", None)]
    inputs += [spec("value", "1,2\n3,4"), spec("value", ""), spec("bytes", b"1,2".hex())]
    inputs += [spec("text file", "1,2\n"), spec("binary file", b"1,2\n".hex()), spec("scalars", [1, 0.5, True])]
    return inputs


def json_inputs() -> list[dict[str, Any]]:
    inputs = [spec("value", each) for each in (*ROWS, *TABLES, {}, {"é": "\u2028"}, "text", 5, None, True)]
    inputs += [spec("tuple", row) for row in ROWS[1:4]]
    inputs += [spec("array", each) for each in (*ROWS[:-1], *TABLES[:-1], CUBE)]
    inputs += [spec("array", [0.1, 2], dtype) for dtype in ("float16", "float32", "int8", "bool")]
    inputs += [spec("members", {"inputs": spec("array", row), "n": spec("value", 1)}) for row in ROWS[1:8]]
    inputs += [spec("elements", [spec("array", [1, 2])]), spec("scalars", [1, 0.5]), spec("set", [1])]
    inputs += [spec("series", [1, 2]), spec("bytes", "ff"), spec("text file", '{"a": 1}'), spec("binary file", "7b7d")]
    return inputs


def lines_inputs() -> list[dict[str, Any]]:
    inputs = [spec("value", each) for each in (*ROWS, *TABLES, ["a", 1, {"b": [2]}], {"a": 1}, "1\n2", "", 5, None)]
    inputs += [spec("tuple", row) for row in ROWS[1:4]]
    inputs += [spec("array", [1, 2]), spec("array", [0.5, 1]), spec("arrays", [[1, 2]]), spec("range", [2])]
    inputs += [spec("bytes", b"1\n2".hex()), spec("text file", "1\n"), spec("binary file", "310a")]
    return inputs


def serializer_cases() -> list[dict[str, Any]]:
    cases = [{"class": "CSVSerializer", "input": each} for each in csv_inputs()]
    cases += [{"class": "JSONSerializer", "input": each} for each in json_inputs()]
    cases += [{"class": "JSONLinesSerializer", "input": each} for each in lines_inputs()]
    numbers = [*ROWS[:6], *TABLES[:4], CUBE]
    arrays = [spec("array", each, dtype) for each in numbers for dtype in (None, "float32")]
    arrays += [spec("value", each) for each in (*numbers, *ROWS[6:8], 5, {"a": 1})]
    arrays += [spec("tuple", [1, 2]), spec("array", ["a", "bc"]), spec("array", [None, 1]), spec("series", [1, 2])]
    cases += [{"class": "NumpySerializer", "input": each} for each in arrays]
    cases += [
        {"class": "NumpySerializer", "options": {"dtype": dtype}, "input": spec(kind, [1, 2])}
        for dtype in ("float32", "int8", "str")
        for kind in ("value", "array", "tuple")
    ]
    table = [[0.0, 1.5, 0.0], [2.0, 0.0, 0.0]]
    matrices = [spec(f"sparse {each}", table, dtype) for each in _LAYOUTS for dtype in ("float64", "float32", "int64")]
    matrices += [spec("array", [[1, 0]]), spec("value", [[1, 0]])]
    cases += [{"class": "SparseMatrixSerializer", "input": each} for each in matrices]
    records = [spec("array", each, dtype) for each in numbers for dtype in ("float64", "float32", "int64", "int32")]
    cases += [{"class": "RecordSerializer", "input": each} for each in (*records, spec("value", [1, 2]))]
    texts = [spec("value", "1 1:0.5"), spec("value", "Grüße"), spec("value", ""), spec("bytes", "3120"), *_OTHERS]
    for name in ("LibSVMSerializer", "StringSerializer"):
        cases += [{"class": name, "input": each} for each in (*texts, spec("text file", "1 1:1"))]
    data = [spec("bytes", "00ff"), spec("value", "/nowhere/at/all"), spec("members", {"data": spec("bytes", "01")})]
    cases += [{"class": "DataSerializer", "input": each} for each in (*data, *_OTHERS)]
    cases += [{"class": "IdentitySerializer", "input": each} for each in (spec("bytes", "00ff"), spec("value", "é"))]
    return cases


_LAYOUTS = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
_OTHERS = [spec("value", 5), spec("value", None), spec("value", [1]), spec("value", {"a": 1})]

TEXTS = ["", "plain", "Grüße 漢字", "line\nline\r\n", "\ufeffmarked", "nul\x00"]
CSVS = ["", "1,2,3", "1,2\n3,4", "1,2\n3,4\n", "1,2\r\n3,4\r\n", '"a,b",c\n', '"say ""hi""",x', "a\n\nb", "é,ü",
        " 1 , 2 ", "1,2\n3", ",", '"two\nlines",x', "a\x0bb,c", "# 1,2\n3,4", "nan,inf", "1.5,true",
        "x,y\n1,2\n3,4"]  # fmt: skip
JSONS = ["", " ", "1", '"text"', "null", "true", "[]", "{}", "[1, 2.5, null]", '{"a": [1, {"b": "é"}]}', "<html>",
         "[[1, 2], [3, 4]]", "[NaN, Infinity]", '"\\ud83c\\udf0d"', "1e400", "[1,]", "{'a': 1}", "[1] [2]", "\ufeff[1]",
         "123456789012345678901", '{"a": 1, "a": 2}', "[[1], [1, 2]]", '["a", "b"]', "[true, false]",
         "\n[1]\n"]  # fmt: skip
LINES = [
    "",
    "1",
    "1\n",
    "1\n2",
    '{"a": 1}\n{"a": 2}\n',
    "1\r\n2\r\n",
    "1\n\n2",
    '"é"\n',
    "[1]\n[2",
    "\n1",
    "1\n \n",
    "NaN",
]
COLUMNS = [
    '{"a": [1, 2], "b": ["x", "y"]}',
    '{"a": {"0": 1, "1": 2}}',
    '[{"a": 1}, {"a": 2.5}]',
    "[[1, 2], [3, 4]]",
    "{}",
    "[]",
]


def bodies(texts: list[str], content_type: str) -> list[dict[str, Any]]:
    return [{"body": {"text": text}, "content_type": content_type} for text in texts]


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def deserializer_cases() -> list[dict[str, Any]]:
    invalid = {"body": {"hex": "61ff62"}, "content_type": "text/plain"}
    cases = [{"class": "StringDeserializer"} | each for each in (*bodies(TEXTS, "text/plain"), invalid)]
    cases += [
        {"class": "StringDeserializer", "options": {"encoding": encoding}} | invalid
        for encoding in ("latin-1", "utf-16")
    ]
    cases += [{"class": "BytesDeserializer"} | each for each in (*bodies(TEXTS, "text/plain"), invalid)]
    cases += [{"class": "CSVDeserializer"} | each for each in (*bodies(CSVS, "text/csv"), invalid)]
    cases += [{"class": "CSVDeserializer", "options": {"encoding": "latin-1"}} | invalid]
    cases += [{"class": "JSONDeserializer"} | each for each in (*bodies(JSONS, "application/json"), invalid)]
    cases += [{"class": "JSONLinesDeserializer"} | each for each in (*bodies(LINES, "application/jsonlines"), invalid)]
    for dtype in (None, "float64", "int64", "str"):
        options = {"options": {"dtype": dtype}}
        both = bodies(CSVS, "text/csv") + bodies(JSONS, "application/json")
        cases += [{"class": "NumpyDeserializer"} | options | each for each in both]
    arrays = [np.array(each, dtype) for each in ([1, 2], [[0.5, 1]], CUBE) for dtype in ("i8", "f4", "f8", ">i2", "?")]
    arrays += [np.array(["a", "bc"]), np.array(5), np.zeros((0, 3)), np.array([1, None])]
    for array in arrays:
        body = {"body": {"hex": npy(array).hex()}, "content_type": "application/x-npy"}
        cases.append({"class": "NumpyDeserializer"} | body)
    damaged = (npy(np.arange(4))[:-3], b"", b"text", b"\x93NUMPY")
    cases += [
        {"class": "NumpyDeserializer", "body": {"hex": each.hex()}, "content_type": f"application/x-{kind}"}
        for each in (*damaged, npz(a=np.arange(3), b=np.ones((2, 2))))
        for kind in ("npy", "npz")
    ]
    cases += [{"class": "NumpyDeserializer"} | each for each in bodies(["1,2"], "text/html")]
    cases += [{"class": "NumpyDeserializer"} | each for each in bodies(["1,2"], "text/csv; charset=utf-8")]
    cases += [{"class": "PandasDeserializer"} | each for each in bodies(CSVS, "text/csv")]
    cases += [{"class": "PandasDeserializer"} | each for each in bodies(COLUMNS + JSONS[:3], "application/json")]
    cases += [{"class": "PandasDeserializer"} | each for each in bodies(["a\n1"], "text/html")]
    return cases


def record_cases(module: Any) -> list[dict[str, Any]]:
    """Return cases of records, which the SDK's own serializer has written."""
    tables = [np.array(each, dtype) for each in ([[1, 2], [3, -4]], [[0.5]]) for dtype in ("i8", "f4", "f8")]
    written = [module.RecordSerializer().serialize(table).getvalue() for table in tables]
    damaged = [b"", written[0][:5], written[0][:-9], b"text", b"\0" * 12]
    return [
        {"class": "RecordDeserializer", "body": {"hex": each.hex()}, "content_type": "application/x-recordio-protobuf"}
        for each in (*written, *damaged)
    ]


def main() -> None:
    cases = [(base_serializers, case) for case in serializer_cases()]
    cases += [(base_deserializers, case) for case in deserializer_cases() + record_cases(base_serializers)]
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("sagemaker", "numpy", "pandas", "scipy")
    )
    recorded = []
    warnings.simplefilter("error")  # an input that pandas warns of will not be one for long
    for module, case in cases:
        try:
            if "input" in case:
                build(case["input"])
        except (TypeError, ValueError, OverflowError, Warning):
            continue  # there is no such input: numbers in an array of strings of pandas, ragged arrays
        recorded.append(case | run(module, case))
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in recorded)
    head = json.dumps({"made_with": f"{versions}, Python {sys.version.split()[0]}", "how": "record_sdk_grid.py"})[1:-1]
    Path(__file__).with_name("sdk_grid.json").write_text(f'{{{head}, "cases": [\n{lines}\n]}}\n', encoding="ascii")


if __name__ == "__main__":
    main()
