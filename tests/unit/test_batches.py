"""Several records in one request, and the answer taken apart."""

from __future__ import annotations

from typing import Any

import pytest

from sagemaker_async import Batch
from sagemaker_async.errors import ConfigurationError, DeserializationError, SerializationError
from sagemaker_async.predictor.batches import batch_for


@pytest.mark.parametrize(
    ("batch", "records", "joined"),
    [
        (Batch(size=3), ({"a": 1}, {"a": 2}), [{"a": 1}, {"a": 2}]),
        (Batch(size=3, form="lines"), (b"1,2", "3,4\r\n"), b"1,2\n3,4\n"),
        (Batch(size=3, form="instances"), ([1], [2]), {"instances": [[1], [2]]}),
        (Batch(size=3, form="instances", request_key="inputs"), ["x"], {"inputs": ["x"]}),
    ],
)
def test_records_are_joined(batch: Batch, records: Any, joined: Any) -> None:
    assert batch.join(records) == joined


@pytest.mark.parametrize(
    ("batch", "answer", "results"),
    [
        (Batch(size=2), [1, 2], [1, 2]),
        (Batch(size=2), ["x", None], ["x", None]),
        (Batch(size=2), b"0.5\n0.25\n", [b"0.5", b"0.25"]),
        (Batch(size=2), "0.5\r\n0.25", ["0.5", "0.25"]),
        (Batch(size=2, form="lines"), '"a\u2028b"\n"c"\n', ['"a\u2028b"', '"c"']),
        (Batch(size=2, form="instances"), {"predictions": [1, 2], "model": "m"}, [1, 2]),
        (Batch(size=2, form="instances"), [1, 2], [1, 2]),
        (Batch(size=2, form="instances", answer_key="scores"), {"scores": [1, 2]}, [1, 2]),
    ],
)
def test_answers_are_split(batch: Batch, answer: Any, results: list[Any]) -> None:
    assert list(batch.split(answer, 2)) == results


@pytest.mark.parametrize(
    ("batch", "answer", "words"),
    [
        (Batch(size=2), [1], "of 2 records has 1 results"),
        (Batch(size=2), [1, 2, 3], "of 2 records has 3 results"),
        (Batch(size=2), b"", "of 2 records has 0 results"),
        (Batch(size=2), b"1\n\n2\n", "of 2 records has 3 results"),
        (Batch(size=2), {"a": 1, "b": 2}, "is dict, not a list of results"),
        (Batch(size=2), 7, "is int, not a list"),
        (Batch(size=2), None, "is NoneType, not a list"),
        (Batch(size=2, form="instances"), {"outputs": [1, 2]}, "no 'predictions', it has 'outputs'"),
        (Batch(size=2, form="instances"), {"predictions": {"a": 1, "b": 2}}, "is dict, not a list"),
    ],
)
def test_an_answer_that_belongs_to_no_record_for_certain_is_refused(batch: Batch, answer: Any, words: str) -> None:
    with pytest.raises(DeserializationError, match=words):
        batch.split(answer, 2)


@pytest.mark.parametrize(("record", "words"), [(1, "str or bytes, got int"), (b"a\nb", "would make it two records")])
def test_a_record_that_is_not_one_line_is_refused(record: Any, words: str) -> None:
    with pytest.raises(SerializationError, match=words):
        Batch(size=2, form="lines").join([record])


@pytest.mark.parametrize(
    ("content_type", "serializes", "form"),
    [
        ("application/jsonlines", True, "rows"),
        ("application/jsonlines; charset=utf-8", False, "lines"),
        ("text/csv", True, "rows"),
        ("text/csv", False, "lines"),
        ("application/json", True, "instances"),
    ],
)
def test_a_number_leaves_the_form_to_the_content_type(content_type: str, serializes: bool, form: str) -> None:
    assert batch_for(8, content_type, serializes=serializes) == Batch(size=8, form=form)  # type: ignore[arg-type]


def test_none_and_a_batch_are_taken_as_they_are() -> None:
    assert batch_for(None, "image/png", serializes=True) is None
    assert batch_for(given := Batch(size=2), "image/png", serializes=True) is given


@pytest.mark.parametrize("given", [0, -1, 1.5, "8", True])
def test_what_is_no_number_of_records_is_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="batch must be a whole number of at least 1, a Batch, or None"):
        batch_for(given, "text/csv", serializes=True)


def test_a_content_type_that_does_not_say_how_needs_a_batch() -> None:
    with pytest.raises(ConfigurationError, match="into one request of 'image/png'; give batch=Batch"):
        batch_for(8, "image/png", serializes=True)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"size": 0}, "Batch.size must be"),
        ({"size": 2, "form": "xml"}, "one of rows, lines, instances, got 'xml'"),
        ({"size": 2, "answer_key": ""}, "Batch.answer_key must be a non-empty str"),
    ],
)
def test_wrong_fields_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Batch(**fields)
