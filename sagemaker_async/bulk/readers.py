"""Records out of files: JSON Lines, CSV with or without a header, and Parquet.

`open_reader` opens a file and checks what can be checked before any record is read: that it can be opened, that its
format is known, the header of CSV, the schema of Parquet. The reader then gives batches, bounded by number and bytes.
A record that cannot be read becomes a `Malformed` with its line and the reason, and the records after it are read;
what breaks a whole file (a Parquet file that is cut) raises `ConfigurationError`.

Everything here blocks, and is meant for `steps.in_thread`.
"""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

from sagemaker_async import _lazy
from sagemaker_async.codecs.json_codec import JSONCodec
from sagemaker_async.config import MAX_BODY_BYTES
from sagemaker_async.errors import ConfigurationError, DeserializationError

__all__ = ["MAX_LINE", "Format", "Malformed", "Reader", "Record", "format_of", "open_reader"]

Format = Literal["jsonl", "csv", "parquet"]

MAX_LINE = 2 * MAX_BODY_BYTES
"""The most bytes of one line. What is sent of it must fit a request's body; the rest leaves room for what is not."""

_BATCH_RECORDS = 256
"""Enough that a hop to a thread costs little per record, and little enough to be read in a few milliseconds."""
_BATCH_BYTES = 1 << 20
"""Ends a batch of large records early."""
_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_BOM = b"\xef\xbb\xbf"
_JSON = JSONCodec()


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the input."""

    index: int
    """Its place among the records, from 0; malformed ones count."""
    line: int
    """The line at which it begins, from 1; of Parquet, the row."""
    value: Any


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that cannot be read."""

    index: int
    line: int
    reason: str


class Reader(ABC):
    """An open file of records.

    Attributes:
        columns: the names of its columns; None in JSON Lines, where each record has its own.
    """

    columns: tuple[str, ...] | None = None

    @abstractmethod
    def batches(self) -> Iterator[list[Record | Malformed]]:
        """Yield the records in their order, once, some at a time."""

    @abstractmethod
    def count(self, lines: int) -> int:
        """Return how many records there probably are in a file of so many lines; exact for Parquet."""

    @abstractmethod
    def close(self) -> None:
        """Close the file."""


def format_of(name: str) -> Format | None:
    """Return the format that a file's name ends with; None when it says nothing."""
    return _SUFFIXES.get(Path(name).suffix.lower())


def open_reader(path: Path, format: Format, *, header: bool = True) -> Reader:  # noqa: A002 - the field's own word
    """Open a file.

    Args:
        path: a regular file.
        format: what it holds.
        header: whether the first row of CSV names the columns; if not, they are called ``0``, ``1``, ...

    Raises:
        ConfigurationError: the file cannot be read, or is not of the format.
        MissingExtraError: Parquet needs the extra ``parquet``.
    """
    if format not in get_args(Format):
        raise ConfigurationError(f"the input's format must be one of {', '.join(get_args(Format))}; got {format!r}")
    try:
        if not path.is_file():
            problem = "is not a regular file" if path.exists() else "does not exist"
            raise ConfigurationError(f"the input {str(path)!r} {problem}")
        if format == "parquet":
            return _ParquetReader(path)
        file = path.open("rb")
    except OSError as error:
        raise ConfigurationError(f"the input {str(path)!r} cannot be read: {error.strerror}") from error
    try:
        return _JSONLinesReader(file) if format == "jsonl" else _CSVReader(file, path, header)
    except BaseException:
        file.close()
        raise


class _LineReader(Reader):
    """Reads a text file line by line; the formats say what a line is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._number = 0

    def close(self) -> None:
        self._file.close()

    def count(self, lines: int) -> int:
        return lines

    def batches(self) -> Iterator[list[Record | Malformed]]:
        records: list[Record | Malformed] = []
        begin = self._file.tell()
        for index, (line, value, problem) in enumerate(self._values()):
            records.append(Record(index, line, value) if problem is None else Malformed(index, line, problem))
            if len(records) == _BATCH_RECORDS or self._file.tell() - begin >= _BATCH_BYTES:
                yield records
                records, begin = [], self._file.tell()
        if records:
            yield records

    @abstractmethod
    def _values(self) -> Iterator[tuple[int, Any, str | None]]:
        """Yield the line, the value, and what is wrong with it or None."""

    def _lines(self) -> Iterator[bytes | None]:
        """Yield the lines with their ends, and None for one that is too long; `_number` is that of the last."""
        while line := self._file.readline(MAX_LINE + 1):
            self._number += 1
            if self._number == 1:
                line = line.removeprefix(_BOM)
            if len(line) <= MAX_LINE:
                yield line
                continue
            while not line.endswith(b"\n") and (line := self._file.readline(MAX_LINE)):
                pass
            yield None


_TOO_LONG = f"the line has more than {MAX_LINE} bytes; a request takes at most {MAX_BODY_BYTES}"


class _JSONLinesReader(_LineReader):
    def _values(self) -> Iterator[tuple[int, Any, str | None]]:
        for line in self._lines():
            if line is None:
                yield self._number, None, _TOO_LONG
            elif line.strip():
                try:
                    yield self._number, _JSON.loads(line, "the line"), None
                except DeserializationError as error:
                    yield self._number, None, error.message


class _CSVReader(_LineReader):
    def __init__(self, file: BinaryIO, path: Path, header: bool) -> None:
        super().__init__(file)
        self._problem: str | None = None
        self._rows = csv.reader(self._text(), strict=True)
        first = line, row, problem = self._row()
        if problem is not None:
            raise ConfigurationError(f"line {line} of {str(path)!r}, its first row, cannot be read: {problem}")
        names = row or []
        self._first = None if header else first
        if not header:
            names = [str(number) for number in range(len(names))]
        self.columns = _distinct(names, path, ", or pass header=False (--no-header) if the first row is a record")

    def count(self, lines: int) -> int:
        return max(lines - (self._first is None), 0)

    def _text(self) -> Iterator[str]:
        for line in self._lines():
            if line is None:
                self._problem = _TOO_LONG
                yield "\n"
                continue
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                self._problem = f"it is not valid UTF-8 at byte {error.start} of the line"
                yield line.decode("utf-8", "replace")

    def _row(self) -> tuple[int, list[str] | None, str | None]:
        """Return the line, the next row that is not blank, and what is wrong with it; None for the row at the end."""
        while True:
            self._problem = None
            line = self._number + 1
            try:
                row = next(self._rows)
            except StopIteration:
                return line, None, None
            except csv.Error as error:
                through = f" (it was read through line {self._number})" if self._number > line else ""
                return line, [], f"it is not valid CSV: {error}{through}"
            if row or self._problem:
                return line, row, self._problem

    def _values(self) -> Iterator[tuple[int, Any, str | None]]:
        names = self.columns or ()
        line, row, problem = self._first or self._row()
        while row is not None:
            if problem is None and len(row) != len(names):
                problem = f"the row has {len(row)} fields where the first has {len(names)}"
            yield line, None if problem else dict(zip(names, row, strict=True)), problem
            line, row, problem = self._row()


class _ParquetReader(Reader):
    def __init__(self, path: Path) -> None:
        parquet = _lazy.optional("pyarrow.parquet", "reading Parquet", extra="parquet")
        self._errors = (_lazy.optional("pyarrow", "reading Parquet", extra="parquet").ArrowException, OSError)
        self._path = path
        try:
            self._file = parquet.ParquetFile(path)
        except self._errors as error:
            raise ConfigurationError(f"the input {str(path)!r} is not a Parquet file: {error}") from error
        try:
            self.columns = _distinct(self._file.schema_arrow.names, path)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        self._file.close()

    def count(self, lines: int) -> int:  # noqa: ARG002 - the file says it
        rows: int = self._file.metadata.num_rows
        return rows

    def batches(self) -> Iterator[list[Record | Malformed]]:
        read = 0
        try:
            for table in self._file.iter_batches(batch_size=_BATCH_RECORDS):
                rows = table.to_pylist()
                records: list[Record | Malformed] = [Record(read + n, read + n + 1, row) for n, row in enumerate(rows)]
                read += len(records)
                yield records
        except self._errors as error:
            raise ConfigurationError(f"row {read + 1} of {str(self._path)!r} cannot be read: {error}") from error


def _distinct(names: list[str], path: Path, more: str = "") -> tuple[str, ...]:
    """Return the names of columns; of two with one name, a record would have only the last."""
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigurationError(
            f"{str(path)!r} has the column {', '.join(map(repr, twice))} twice; rename the columns{more}"
        )
    return tuple(names)
