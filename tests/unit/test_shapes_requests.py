"""Requests are validated by pydantic's engine, strictly, with what was compiled from their models."""

from __future__ import annotations

import enum
import io
from typing import Any

import pytest

from sagemaker_async.aws.shapes.requests import CompiledRequest, RequestBody, RequestField, unchecked_fields
from sagemaker_async.errors import FieldProblem, RequestValidationError

NAME = {"type": "str", "max_length": 4, "pattern": r"\A([a-zA-Z0-9-]+)\z"}
REQUEST = CompiledRequest(
    RequestField("name", "Name", NAME, required=True),
    RequestField("note", "Note", {"type": "str", "max_length": 3}, header="X-Note", sensitive=True),
    RequestField("count", "Count", {"type": "int", "ge": 1, "le": 9}, header="X-Count"),
    RequestField("id", "Id", NAME, header="X-Id", words="is an id of yours"),
    body=RequestBody("body", "Body", required=True, sensitive=True),
)
EITHER = RequestBody("body", "Body", instead=("location", "Location"))


SURROGATE = "holds a lone surrogate, which UTF-8 cannot encode; decode the text correctly"


class Own(str):
    __slots__ = ()


class Choice(enum.StrEnum):
    ONE = "one"


def problems(**values: Any) -> tuple[FieldProblem, ...]:
    with pytest.raises(RequestValidationError) as caught:
        REQUEST.validated_fields("Operate", values)
    assert caught.value.__context__ is None
    return caught.value.problems


def test_the_tables_that_others_want_are_made_of_the_fields() -> None:
    assert REQUEST.names == {"name": "Name", "note": "Note", "count": "Count", "id": "Id", "body": "Body"}
    assert REQUEST.headers == {"note": "X-Note", "count": "X-Count", "id": "X-Id"}
    assert REQUEST.sensitive == {"Note", "Body"}


@pytest.mark.parametrize("values", [{"name": "ab", "count": 3}, {"Name": "ab", "Count": 3}, {"Name": "ab", "count": 3}])
def test_fields_in_either_spelling_are_returned_under_their_python_names(values: dict[str, Any]) -> None:
    assert REQUEST.validated_fields("Operate", values) == {"name": "ab", "count": 3}


@pytest.mark.parametrize("value", [Own("one"), Choice.ONE])
def test_a_str_of_another_class_becomes_a_plain_one(value: str) -> None:
    (validated,) = REQUEST.validated_fields("Operate", {"name": value}).values()
    assert (type(validated), validated) == (str, "one")


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"name": b"good"}, ("name", "Name", "must be a str, got bytes")),
        ({"name": bytearray(b"good")}, ("name", "Name", "must be a str, got bytearray")),
        ({"name": 7}, ("name", "Name", "must be a str, got int")),
        ({"name": "a", "count": "3"}, ("count", "Count", "must be an int, got str")),
        ({"name": "a", "count": 3.0}, ("count", "Count", "must be an int, got float")),
        ({"name": "a", "count": True}, ("count", "Count", "must be an int, got bool")),
        ({"name": "a b"}, ("name", "Name", "takes letters, digits and hyphens; got 'a b'")),
        ({"Name": "a b"}, ("name", "Name", "takes letters, digits and hyphens; got 'a b'")),
        ({"name": "a", "id": "a b"}, ("id", "Id", "is an id of yours; got 'a b'")),
        ({"name": "a", "note": "hunter2"}, ("note", "Note", "must have at most 3 characters, has 7")),
        ({"name": "a", "note": "\ud800"}, ("note", "Note", SURROGATE)),
        ({"name": "a", "Name": "a"}, ("name", "Name", "is given twice, as name and as Name; give it once")),
        ({"name": "a", "nmae": "a"}, ("nmae", "nmae", "is not a field of Operate; did you mean name?")),
        ({"name": "a", "Cuont": 1}, ("Cuont", "Cuont", "is not a field of Operate; did you mean Count?")),
        ({}, ("name", "Name", "is required")),
    ],
)
def test_a_broken_rule_is_named_in_words(values: dict[str, Any], problem: tuple[str, str, str]) -> None:
    assert problems(**values) == (FieldProblem(*problem),)


def test_all_broken_rules_are_listed_at_once() -> None:
    found = problems(name="a\n", note=7, count=0, id="", other=1)
    assert [problem.field for problem in found] == ["name", "note", "count", "id", "other"]


def test_a_name_that_is_not_a_str_is_refused_as_well() -> None:
    with pytest.raises(RequestValidationError, match="names are str"):
        REQUEST.validated_fields("Operate", {"name": "a", 1: 2})  # type: ignore[dict-item]


# --- the body --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["body", "Body"])
def test_the_body_is_taken_out_of_the_fields(name: str) -> None:
    assert REQUEST.body is not None
    values = {"name": "a", name: "text"}
    assert REQUEST.body.take(values, checked=True) == (b"text", [])
    assert values == {"name": "a"}


def test_a_file_is_taken_unread() -> None:
    file = io.BytesIO(b"content")
    assert EITHER.take({"body": file}, checked=True) == (file, [])
    assert file.read() == b"content"


@pytest.mark.parametrize(
    ("values", "rules"),
    [
        ({}, ["is required"]),
        ({"body": 7}, ["must be bytes, bytearray, memoryview, str or a binary object with read(), got int"]),
        ({"body": b"a", "Body": b"a"}, ["is given twice, as body and as Body; give it once"]),
        ({"body": b""}, []),
    ],
)
def test_what_is_wrong_with_a_body_that_is_required(values: dict[str, Any], rules: list[str]) -> None:
    assert REQUEST.body is not None
    _, found = REQUEST.body.take(values, checked=True)
    assert [problem.field for problem in found] == ["body"] * len(rules)
    assert all(problem.rule.startswith(rule) for problem, rule in zip(found, rules, strict=True))


@pytest.mark.parametrize("other", ["location", "Location"])
@pytest.mark.parametrize(
    ("body", "with_other", "rule"),
    [
        ({"body": b"a"}, False, None),
        ({}, True, None),
        ({"body": b""}, True, None),
        ({"Body": b"a"}, True, "give exactly one of body (inline) and location; both were given"),
        ({"body": ""}, False, "give exactly one of body (inline) and location; neither was given"),
        ({}, False, "give exactly one of body (inline) and location; neither was given"),
    ],
)
def test_exactly_one_of_a_body_and_what_may_be_given_instead(
    body: dict[str, Any], with_other: bool, rule: str | None, other: str
) -> None:
    _, found = EITHER.take({**body, **({other: "s3://b/k"} if with_other else {})}, checked=True)
    assert found == ([FieldProblem("location", "Location", rule)] if rule is not None else [])


def test_an_unchecked_body_must_still_be_of_a_kind_that_can_be_sent() -> None:
    assert REQUEST.body is not None
    assert REQUEST.body.take({}, checked=False) == (None, [])
    assert EITHER.take({"body": b"a", "Body": b"b", "location": "x"}, checked=False) == (b"b", [])
    assert REQUEST.body.take({"body": 7}, checked=False)[1]


# --- nothing checked -------------------------------------------------------------------------------------------------


def test_unchecked_fields_are_whatever_was_given_of_those_there_are_but_for_a_missing_part_of_the_path() -> None:
    names = {"name": "Name", "count": "Count"}
    values = {"Name": "1", "count": "many", "newer": 1}
    assert unchecked_fields("Operate", names, values, ["name"]) == {"name": "1", "count": "many"}
    assert unchecked_fields("Operate", {}, values, []) == values
    for wrong in ({}, {"name": ""}, {"Name": 3}):
        with pytest.raises(RequestValidationError, match="is required, as a non-empty str"):
            unchecked_fields("Operate", names, wrong, ["name"])


@pytest.mark.parametrize("segment", [".", ".."])
def test_an_unchecked_part_of_the_path_cannot_lead_to_another(segment: str) -> None:
    with pytest.raises(RequestValidationError, match="lead to another path"):
        unchecked_fields("Operate", {"name": "Name"}, {"name": segment}, ["name"])
    assert unchecked_fields("Operate", {"name": "Name"}, {"name": "..."}, ["name"]) == {"name": "..."}
