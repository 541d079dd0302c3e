"""What of a record is sent, and what its id is."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from sagemaker_async.bulk.selection import Selected, Selection
from sagemaker_async.errors import ConfigurationError

RECORD = {"id": "a", "x": 1, "y": 2, "body": {"inputs": "hello"}}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Selected(None, RECORD)),
        ({"id_field": "id"}, Selected("a", {"x": 1, "y": 2, "body": {"inputs": "hello"}})),
        ({"id_field": "id", "fields": ("y", "x")}, Selected("a", {"y": 2, "x": 1})),
        ({"id_field": "x", "fields": ("x", "y"), "as_row": True}, Selected(1, (1, 2))),
        ({"id_field": "id", "payload_field": "body"}, Selected("a", {"inputs": "hello"})),
        ({"payload_field": "x", "as_row": True}, Selected(None, 1)),
    ],
)
def test_what_is_sent_is_what_was_chosen(options: Any, expected: Selected) -> None:
    assert Selection(**options).of(RECORD) == expected


def test_columns_keep_the_order_in_which_they_were_named() -> None:
    assert list(Selection(fields=("y", "id", "x")).of(RECORD).payload) == ["y", "id", "x"]


@pytest.mark.parametrize("value", ["text", [1, 2], None, 3])
def test_a_value_without_fields_is_sent_as_it_is_unless_a_field_is_needed(value: Any) -> None:
    assert Selection(as_row=True).of(value) == Selected(None, value)
    assert Selection(id_field="id").of(value).problem == "it is not an object with the field 'id'"


def test_a_record_without_a_field_says_which_and_keeps_its_id() -> None:
    assert Selection(id_field="id", fields=("x", "z", "w")).of(RECORD) == Selected(
        "a", None, "it has no field 'z', 'w'"
    )
    assert Selection(id_field="key").of(RECORD).problem == "it has no field 'key'"


def test_an_id_that_json_cannot_hold_exactly_is_its_text() -> None:
    ids = ["text", 7, None, 1.5, dt.date(2026, 1, 2)]
    assert [Selection(id_field="id").of({"id": each}).id for each in ids] == ["text", 7, None, "1.5", "2026-01-02"]


def test_a_missing_column_is_refused_with_those_that_there_are() -> None:
    selection = Selection(id_field="id", payload_field="body")
    selection.check(("body", "id", "more"))
    with pytest.raises(ConfigurationError, match=r"no column 'id', 'body'; its columns are 'a', 'b'"):
        selection.check(("a", "b"))
    with pytest.raises(ConfigurationError, match="its columns are none"):
        selection.check(())


@pytest.mark.parametrize("options", [{"fields": ()}, {"fields": ("a",), "payload_field": "b"}])
def test_options_that_contradict_each_other_are_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError):
        Selection(**options)
