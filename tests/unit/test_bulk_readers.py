"""Records out of files: each format, what is malformed in it, and what is refused before a record is read."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from sagemaker_async.bulk import readers
from sagemaker_async.bulk.readers import Malformed, Record, format_of, open_reader
from sagemaker_async.errors import ConfigurationError


def read(path: Path, contents: bytes, form: Any = None, **options: Any) -> list[Record | Malformed]:
    path.write_bytes(contents)
    reader = open_reader(path, form or format_of(path.name), **options)
    try:
        return list(chain.from_iterable(reader.batches()))
    finally:
        reader.close()


def test_json_lines_are_any_values_with_their_lines(tmp_path: Path) -> None:
    contents = b'\xef\xbb\xbf{"a": 1}\r\n\n   \n[2]\n"three"\nnull'
    assert read(tmp_path / "in.jsonl", contents) == [
        Record(0, 1, {"a": 1}),
        Record(1, 4, [2]),
        Record(2, 5, "three"),
        Record(3, 6, None),
    ]


def test_a_malformed_line_of_json_is_given_in_its_place_with_its_number(tmp_path: Path) -> None:
    contents = b'1\n{"a": \n\xff\n' + b"[" * 100_000 + b"\nNaN\n2\n"
    first, *bad, last = read(tmp_path / "in.ndjson", contents)
    assert (first, last) == (Record(0, 1, 1), Record(5, 6, 2))
    assert [(each.index, each.line) for each in bad] == [(1, 2), (2, 3), (3, 4), (4, 5)]
    reasons = [each.reason for each in bad if isinstance(each, Malformed)]
    for reason, words in zip(reasons, ["not valid JSON", "utf-8", "nested too deeply", "NaN"], strict=True):
        assert words in reason


def test_a_line_longer_than_any_request_is_malformed_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MAX_LINE", 10)
    for form, begin in (("jsonl", b""), ("csv", b"a\n")):
        short, long, last = read(tmp_path / "in", begin + b"1234567890"[:9] + b"\n" + b"1" * 95 + b"\n7", form)
        assert isinstance(short, Record)
        assert isinstance(long, Malformed)
        assert isinstance(last, Record)
        assert "the line has more than" in long.reason
        assert long.line + 1 == last.line


def test_rows_of_csv_have_the_names_of_the_header(tmp_path: Path) -> None:
    contents = b'\xef\xbb\xbfid,text\r\n1,"two\nlines, ""quoted"""\r\n\r\n2,\r\n'
    assert read(tmp_path / "in.csv", contents) == [
        Record(0, 2, {"id": "1", "text": 'two\nlines, "quoted"'}),
        Record(1, 5, {"id": "2", "text": ""}),
    ]


def test_rows_of_csv_without_a_header_have_numbers_for_names(tmp_path: Path) -> None:
    assert read(tmp_path / "in.csv", b"\n1.5,2\n3,4\n", header=False) == [
        Record(0, 2, {"0": "1.5", "1": "2"}),
        Record(1, 3, {"0": "3", "1": "4"}),
    ]


def test_a_malformed_row_of_csv_is_given_in_its_place_with_its_number(tmp_path: Path) -> None:
    contents = b'a,b\n1,2\n1,2,3\n"x"y,2\n\xff,2\n' + b"1" * 200_000 + b',2\n3,4\n5,"open\n6,7\n'
    rows = read(tmp_path / "in.csv", contents)
    assert [row for row in rows if isinstance(row, Record)] == [
        Record(0, 2, {"a": "1", "b": "2"}),
        Record(5, 7, {"a": "3", "b": "4"}),
    ]
    bad = [row for row in rows if isinstance(row, Malformed)]
    assert [(row.index, row.line) for row in bad] == [(1, 3), (2, 4), (3, 5), (4, 6), (6, 8)]
    for row, words in zip(bad, ["3 fields", "not valid CSV", "UTF-8", "field limit", "through line 9"], strict=True):
        assert words in row.reason


def test_a_header_that_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'a' twice"):
        read(tmp_path / "in.csv", b"a,b,a\n1,2,3\n")
    with pytest.raises(ConfigurationError, match=r"line 1 .* cannot be read"):
        read(tmp_path / "in.csv", b'"a"b\n1\n')


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    assert read(tmp_path / "in.jsonl", b"") == []
    assert read(tmp_path / "in.csv", b"") == []


def test_parquet_is_read_by_rows(tmp_path: Path) -> None:
    table = pyarrow.table({"id": list(range(600)), "text": [str(n) for n in range(600)]})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet", row_group_size=200)
    reader = open_reader(tmp_path / "in.parquet", "parquet")
    batches = list(reader.batches())
    assert (reader.columns, reader.count(0)) == (("id", "text"), 600)
    reader.close()
    assert list(chain.from_iterable(batches)) == [Record(n, n + 1, {"id": n, "text": str(n)}) for n in range(600)]
    assert len(batches) > 1


@pytest.mark.parametrize("cut", [0, 3, 40, 0.5, 0.99])
def test_a_parquet_file_that_is_cut_is_refused_when_it_is_opened(tmp_path: Path, cut: float) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"id": list(range(600))}), tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    with pytest.raises(ConfigurationError, match="is not a Parquet file"):
        read(tmp_path / "in.parquet", whole[: int(cut * len(whole)) if 0 < cut < 1 else int(cut)])


def test_parquet_that_is_damaged_inside_names_the_row(tmp_path: Path) -> None:
    table = pyarrow.table({"id": [str(n) * 50 for n in range(2000)]})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet", row_group_size=500, compression="zstd")
    damaged = bytearray((tmp_path / "in.parquet").read_bytes())
    damaged[len(damaged) // 2 : len(damaged) // 2 + 200] = b"\xaa" * 200
    with pytest.raises(ConfigurationError, match=r"row \d+ of .* cannot be read"):
        read(tmp_path / "in.parquet", bytes(damaged))


def test_batches_are_bounded_by_number_and_by_bytes(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("1\n" * 1000 + (json.dumps("x" * 300_000) + "\n") * 8)
    reader = open_reader(path, "jsonl")
    sizes = [len(batch) for batch in reader.batches()]
    reader.close()
    assert sizes == [256, 256, 256, 232 + 4, 4]


@pytest.mark.parametrize(
    ("name", "form", "words"),
    [
        ("missing.jsonl", "jsonl", "does not exist"),
        (".", "csv", "is not a regular file"),
        ("in.jsonl", "xml", "must be one of jsonl, csv, parquet"),
    ],
)
def test_what_cannot_be_opened_is_refused(tmp_path: Path, name: str, form: Any, words: str) -> None:
    (tmp_path / "in.jsonl").write_text("1")
    with pytest.raises(ConfigurationError, match=words):
        open_reader(tmp_path / name, form)


def test_the_format_is_told_by_the_name() -> None:
    names = ["a.jsonl", "b.NDJSON", "c.csv", "s3://bucket/d.parquet", "e.pq", "f.json", "g"]
    assert [format_of(name) for name in names] == ["jsonl", "jsonl", "csv", "parquet", "parquet", None, None]


def test_parquet_that_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table([[1], [2]], names=["a", "a"]), tmp_path / "in.parquet")
    with pytest.raises(ConfigurationError, match=r"'a' twice; rename the columns$"):
        open_reader(tmp_path / "in.parquet", "parquet")


def test_a_byte_order_mark_alone_is_not_a_record(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b"\xef\xbb\xbf")
    reader = open_reader(tmp_path / "in.jsonl", "jsonl")
    assert list(reader.batches()) == []
    reader.close()
