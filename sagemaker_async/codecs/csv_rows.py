"""Rows of every kind as CSV (lists, arrays, series, data frames), and CSV as rows.

The classes are used from `sagemaker_async.serializers` and `sagemaker_async.deserializers`, whose contracts they share.
`csv_text` quotes where needed, writes no header, and puts newlines between rows. What CSV cannot hold, so that the text
would mislead the model (a dict, rows of differing length, nested fields, bytes), raises `SerializationError`. Neither
numpy nor pandas is imported: data of their classes exists only where they are imported already.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, MutableSequence, Sequence
from typing import Any

from sagemaker_async.errors import DeserializationError, SerializationError

from .bases import (
    BodyStream,
    SimpleBaseDeserializer,
    SimpleBaseSerializer,
    check_encoding,
    described,
    finished_body,
    read_body,
)
from .json_codec import decode_text

__all__ = ["CSVDeserializer", "CSVSerializer", "csv_text"]


class CSVSerializer(SimpleBaseSerializer):
    """Writes rows as CSV, quoted where needed, without a header, with newlines between rows.

    A flat list, tuple, 1-D array, series, index or array of pandas is one row; a list of these, a data frame (without
    its index) or a 2-D array is many; arrays of more dimensions are flattened to one row per first index. When a str is
    the first element of a flat one, its elements are finished rows (``np.array(["1,2,3", "4,5,6"])``); but a tuple of
    str, and a row of a 2-D array, hold fields.
    """

    offload = True

    def __init__(self, content_type: str = "text/csv") -> None:
        super().__init__(content_type)

    def serialize(self, data: Any) -> bytes | str:
        """Return text, bytes or a file's contents as they are, anything else as CSV text.

        Raises:
            SerializationError: there is nothing to write, rows differ in length, a field holds bytes or is nested, or
                `data` has no rows (a dict, a set).
        """
        if (body := finished_body(data)) is not None:
            return body
        return csv_text(data)


class CSVDeserializer(SimpleBaseDeserializer[list[list[str]]]):
    """Reads CSV as a list of rows of str; quoted fields may hold newlines.

    Args:
        encoding: the body's text encoding.
        accept: the content types to ask for.
        errors: what to do with invalid bytes, as `bytes.decode` knows it.
        strict: refuse wrong quoting (an open quote at the end, text after a closing one); False makes the best of it.
    """

    offload = True

    def __init__(
        self,
        encoding: str = "utf-8",
        accept: str | tuple[str, ...] = "text/csv",
        *,
        errors: str = "strict",
        strict: bool = True,
    ) -> None:
        super().__init__(accept)
        check_encoding(encoding, errors)
        self.encoding = encoding
        self.errors = errors
        self.strict = strict

    def deserialize(self, stream: bytes | BodyStream, content_type: str) -> list[list[str]]:
        """Return the rows; a blank line is an empty row, an empty body has none.

        Raises:
            DeserializationError: the body is not of the encoding, or is wrongly quoted.
        """
        what = described(content_type)
        text = decode_text(read_body(stream), what, self.encoding, self.errors)
        reader = csv.reader(io.StringIO(text, newline=""), strict=self.strict)
        try:
            return [row for row in reader]  # noqa: C416 - a Python-level loop lets other threads run
        except csv.Error as error:
            quoting = self.strict and "limit" not in str(error)
            hint = "; pass strict=False to make the best of wrong quoting" if quoting else ""
            raise DeserializationError(f"{what} is not valid CSV at line {reader.line_num}: {error}{hint}") from None


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
    if _is_instance(data, "numpy", "ndarray") and data.ndim > 1 and data.size:
        matrix = data.reshape(len(data), -1)
        return list(matrix) if _is_inexact_as_list(data) else matrix.tolist()
    values = _values(data)
    if not isinstance(values, Sequence):
        raise SerializationError(
            f"CSV takes a list of rows, one row, an array or a data frame, got {type(data).__name__}; "
            "make it a list, in the order of columns that the model expects"
        )
    if not values:
        raise SerializationError("there is nothing to send: the list of rows is empty")
    first = values[0]
    many = _is_row(first) or (isinstance(first, str) and isinstance(values, MutableSequence))
    return list(values) if many or isinstance(first, Mapping) else [values]


def _values(data: Any) -> Any:
    """Return the elements of a one-dimensional array, series, index or array of pandas as a list, others as they are.

    What is missing in pandas' own arrays is None, an empty field, as data frames write it; its text would be ``<NA>``.
    """
    if _is_instance(data, "numpy", "ndarray"):
        if data.size == 0:
            raise SerializationError(f"there is nothing to send: the array is empty (its shape is {data.shape})")
        if data.ndim == 0:
            raise SerializationError("CSV takes rows, got an array without dimensions; use array.reshape(1)")
        return list(data) if _is_inexact_as_list(data) else data.tolist()
    if _is_pandas_column(data):
        missing = sys.modules["pandas"].NA
        return [None if value is missing else value for value in data.tolist()]
    return data


def _is_inexact_as_list(array: Any) -> bool:
    # tolist() widens float32 to float64, whose text is longer (0.10000000149011612 for 0.1), and makes times integers.
    return array.dtype.kind in "mM" or (array.dtype.kind, array.dtype.itemsize) in {("f", 2), ("f", 4), ("c", 8)}


def _is_pandas_column(value: object) -> bool:
    return (
        _is_instance(value, "pandas", "Series")
        or _is_instance(value, "pandas", "Index")
        or _is_instance(value, "pandas.api.extensions", "ExtensionArray")
    )


def _is_row(value: object) -> bool:
    return (
        (isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview))
        or (_is_instance(value, "numpy", "ndarray") and getattr(value, "ndim", 0) > 0)
        or _is_pandas_column(value)
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
            if lines and isinstance(rows[0], str):
                raise SerializationError(
                    f"row {index} is of type {type(row).__name__}, where the first is a str, which is a finished row; "
                    "pass only such rows, or a list of fields for each row"
                )
            raise SerializationError(
                f"row {index} is of type {type(row).__name__}, where CSV needs a list of fields; "
                "for a dict, pass its values in the order of columns that the model expects"
            )
        if isinstance(row, list | tuple):
            fields: Any = row
        else:
            fields = row.ravel() if _is_instance(row, "numpy", "ndarray") else _values(row)
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
