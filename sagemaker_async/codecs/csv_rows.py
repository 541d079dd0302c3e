"""Rows of every kind as CSV: lists, arrays, series, data frames.

`csv_text` quotes where needed, writes no header, and puts newlines between rows. What CSV cannot hold, so that the text
would mislead the model (a dict, rows of differing length, nested fields, bytes), raises `SerializationError`. Neither
numpy nor pandas is imported: nobody can hold an instance of a class whose module was never imported.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from sagemaker_async.errors import SerializationError

__all__ = ["csv_text"]


def csv_text(data: Any) -> str:
    """Return a row, rows or a data frame as CSV.

    Raises:
        SerializationError: there is nothing to write, rows differ in length, a field holds bytes or is nested, or
            `data` has no rows.
    """
    if _is_instance(data, "pandas", "DataFrame"):
        if data.empty:
            raise SerializationError("there is nothing to send: the data frame is empty")
        text: str = data.to_csv(header=False, index=False, lineterminator="\n")
        return text
    return "\n".join(_csv_lines(_rows(data)))


def _is_instance(data: object, module: str, name: str) -> bool:
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(data, kind)


def _rows(data: Any) -> list[Any]:
    if _is_instance(data, "numpy", "ndarray"):
        return _array_rows(data)
    if _is_instance(data, "pandas", "Series"):
        return [data.tolist()]
    if not isinstance(data, Sequence):
        raise SerializationError(
            f"CSV takes a list of rows, one row, an array or a data frame, got {type(data).__name__}; "
            "make it a list, in the order of columns that the model expects"
        )
    if not data:
        raise SerializationError("there is nothing to send: the list of rows is empty")
    first = data[0]
    many = _is_row(first) or (isinstance(first, str) and isinstance(data, list)) or isinstance(first, Mapping)
    return list(data) if many else [data]


def _array_rows(array: Any) -> list[Any]:
    if array.size == 0:
        raise SerializationError(f"there is nothing to send: the array is empty (its shape is {array.shape})")
    if array.ndim == 0:
        raise SerializationError("CSV takes rows, got an array without dimensions; use array.reshape(1)")
    matrix = array.reshape(1, -1) if array.ndim == 1 else array.reshape(len(array), -1)
    # tolist() widens float32 and float16 to float64, whose text is longer: 0.10000000149011612 for 0.1.
    narrow = array.dtype.kind == "f" and array.dtype.itemsize < 8
    return list(matrix) if narrow else matrix.tolist()


def _is_row(value: object) -> bool:
    return (
        (isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview))
        or (_is_instance(value, "numpy", "ndarray") and getattr(value, "ndim", 0) > 0)
        or _is_instance(value, "pandas", "Series")
    )


def _csv_lines(rows: list[Any]) -> list[str]:
    lines: list[str] = []
    writer = csv.writer(_Lines(lines))
    width = None
    plain: set[type] = set()
    for index, row in enumerate(rows):
        if isinstance(row, str):
            lines.append(row)
            continue
        if not _is_row(row):
            raise SerializationError(
                f"row {index} is of type {type(row).__name__}, where CSV needs a list of fields; "
                "for a dict, pass its values in the order of columns that the model expects"
            )
        fields = row.ravel() if _is_instance(row, "numpy", "ndarray") else row
        if len(fields) == 0:
            raise SerializationError(f"row {index} is empty; there is nothing to send")
        if width is not None and len(fields) != width:
            raise SerializationError(
                f"row {index} has {len(fields)} fields where the rows before it have {width}; "
                "pad the short rows, or send rows of each length by themselves"
            )
        width = len(fields)
        kinds = set(map(type, fields))
        if not kinds <= plain:
            _check_field_types(kinds, index)
            plain |= kinds
        writer.writerow(fields)
    return lines


def _check_field_types(kinds: set[type], row: int) -> None:
    # csv writes the str() of whatever it is given: "b'x'", "{'a': 1}", "[1, 2]".
    for kind in kinds:
        if hasattr(kind, "__len__") and not issubclass(kind, str):
            raise SerializationError(
                f"row {row} has a field of type {kind.__name__}, where CSV holds text and numbers; "
                "decode bytes, and flatten or leave out what is nested"
            )


class _Lines:
    """The file that a csv writer writes to: collects each row without its line end."""

    def __init__(self, lines: list[str]) -> None:
        self._append = lines.append

    def write(self, line: str) -> None:
        self._append(line[:-2])
