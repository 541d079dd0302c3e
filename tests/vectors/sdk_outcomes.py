"""Inputs of the grid of ``sdk_grid.json``, and what a class makes of them, in words that JSON can hold.

For the recorder, which runs beside the SDK, and for the test, which runs beside this package: neither is imported here.
"""

from __future__ import annotations

import io
import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse


def build(spec: dict[str, Any]) -> Any:
    """Return the object that ``{"as": kind, "of": JSON value, "dtype": name or None}`` describes."""
    kind, of, dtype = spec["as"], spec.get("of"), spec.get("dtype")
    match kind:
        case "value":
            return of
        case "tuple" | "set":
            return {"tuple": tuple, "set": set}[kind](of)
        case "tuples":
            return [tuple(row) for row in of]
        case "range":
            return range(*of)
        case "bytes":
            return bytes.fromhex(of)
        case "text file":
            return io.StringIO(of)
        case "binary file":
            return io.BytesIO(bytes.fromhex(of))
        case "array":
            return np.array(of, dtype=dtype)
        case "arrays":
            return [np.array(row, dtype=dtype) for row in of]
        case "scalars":
            return [np.array(each)[()] for each in of]
        case "series":
            return pd.Series(of, dtype=dtype)
        case "series with labels":
            return pd.Series(of, index=[f"row {number}" for number in range(len(of))])
        case "many series":
            return [pd.Series(row) for row in of]
        case "index":
            return pd.Index(of, dtype=dtype)
        case "pandas array":
            return pd.array(of, dtype=dtype)
        case "frame":
            return pd.DataFrame(of, dtype=dtype)
        case "members":
            return {name: build(each) for name, each in of.items()}
        case "elements":
            return [build(each) for each in of]
        case _ if kind.startswith("sparse "):
            return sparse.coo_array(np.array(of, dtype=dtype)).asformat(kind.removeprefix("sparse "))
    raise ValueError(kind)


def shown(value: Any) -> Any:
    """Return a description of an outcome that JSON can hold, and that is equal for equal outcomes."""
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": str(value.dtype), "shape": list(value.shape)}
    if isinstance(value, pd.DataFrame):
        names = ["object" if each == "str" else str(each) for each in value.dtypes]  # pandas 2 and 3
        return {"frame": json.loads(value.to_json(orient="split")), "dtypes": names}
    if sparse.issparse(value):
        return {"sparse": value.toarray().tolist(), "format": value.format, "dtype": str(value.dtype)}
    if hasattr(value, "features") and hasattr(value, "label"):
        values = {name: {key: _tensor(each) for key, each in getattr(value, name).items()} for name in _MAPS}
        return {"uid": value.uid, "metadata": value.metadata, **values}
    if isinstance(value, list):
        return [shown(each) for each in value]
    if isinstance(value, dict | np.lib.npyio.NpzFile):
        return {name: shown(each) for name, each in value.items()}
    return value


_MAPS = ("features", "label")


def _tensor(value: Any) -> dict[str, Any] | None:
    for name in ("float32_tensor", "float64_tensor", "int32_tensor"):
        tensor = getattr(value, name)
        if tensor is not None and (tensor.values or tensor.keys or tensor.shape):
            return {name: [list(tensor.values), list(tensor.keys), list(tensor.shape)]}
    return None


def outcome(work: Any) -> dict[str, Any]:
    """Return what a function returned or raised, as a part of a case."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = work()
            if isinstance(value, io.BytesIO):  # as the SDK's RecordSerializer returns it
                value = value.getvalue()
        except Exception as error:  # noqa: BLE001 - whatever the SDK raises is what is recorded
            return {"error": type(error).__name__}
        if isinstance(value, str):
            return {"text": str(value)}
        return {"hex": bytes(value).hex()} if isinstance(value, bytes) else {"value": shown(value)}


def run(module: Any, case: dict[str, Any]) -> dict[str, Any]:
    """Return the outcome of a case with the classes of a module."""
    codec = getattr(module, case["class"])(**case.get("options", {}))
    if "body" in case:
        body = bytes.fromhex(case["body"]["hex"]) if "hex" in case["body"] else case["body"]["text"].encode()
        return outcome(lambda: codec.deserialize(io.BytesIO(body), case["content_type"]))
    data = build(case["input"])
    if case["class"] == "SparseMatrixSerializer":  # zip files differ with the compressor; what counts is the matrix
        return outcome(lambda: sparse.load_npz(io.BytesIO(codec.serialize(data))))
    return outcome(lambda: codec.serialize(data))
