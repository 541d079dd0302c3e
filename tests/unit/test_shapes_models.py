"""The base classes of shapes, and pydantic's complaints in our words."""

from __future__ import annotations

import pickle
from typing import Annotated, Any

import pytest
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.shapes.models import (
    AnsweredShape,
    RequestShape,
    ResponseShape,
    aws_names,
    validate_request,
)
from sagemaker_async.errors import Attempt, FieldProblem, RequestValidationError

LETTERS = r"\A[a-z]*\z"


class Inner(RequestShape):
    deep_name: str = Field(alias="DeepName", max_length=3)


class Request(RequestShape):
    name: str = Field(alias="Name", min_length=2, max_length=5, pattern=LETTERS, description="takes letters")
    secret: str | None = Field(
        default=None, alias="Secret", max_length=3, pattern=LETTERS, description="takes letters", repr=False
    )
    count: int | None = Field(default=None, alias="Count", ge=1, le=9, strict=True)
    inner: Inner | None = Field(default=None, alias="Inner")
    inners: list[Inner] | None = Field(default=None, alias="Inners")

    @model_validator(mode="after")
    def _not_both(self) -> Request:
        if self.count is not None and self.inner is not None:
            raise PydanticCustomError("exclusive", "give count or inner, not both", {"field": "inner"})
        return self


def problems(**values: Any) -> tuple[FieldProblem, ...]:
    with pytest.raises(RequestValidationError) as caught:
        validate_request(Request, "Operate", values)
    return caught.value.problems


@pytest.mark.parametrize("values", [{"name": "abc", "count": 3}, {"Name": "abc", "Count": 3}])
def test_both_spellings_are_taken(values: dict[str, Any]) -> None:
    shape = validate_request(Request, "Operate", values)
    assert (shape.name, shape.count) == ("abc", 3)


@pytest.mark.parametrize(
    ("values", "field", "aws_name", "rule"),
    [
        ({}, "name", "Name", "is required"),
        ({"name": "a"}, "name", "Name", "must have at least 2 characters, has 1"),
        ({"name": "abcdef"}, "name", "Name", "must have at most 5 characters, has 6"),
        ({"Name": "a1c"}, "name", "Name", "takes letters; got 'a1c'"),
        ({"name": "a\r\nb"}, "name", "Name", "takes letters; it holds a line break at position 1"),
        (
            {"name": "ab\u00e9"},
            "name",
            "Name",
            "takes letters; it holds a non-ASCII character (U+00E9) at position 2",
        ),
        ({"name": "ab\x07"}, "name", "Name", "takes letters; it holds a control character (U+0007) at position 2"),
        ({"name": 3}, "name", "Name", "must be a str, got int"),
        ({"name": "abc", "count": 0}, "count", "Count", "must be at least 1, got 0"),
        ({"name": "abc", "count": 10}, "count", "Count", "must be at most 9, got 10"),
        ({"name": "abc", "count": "3"}, "count", "Count", "must be an int, got str"),
        ({"name": "abc", "secret": "abcd"}, "secret", "Secret", "must have at most 3 characters, has 4"),
        ({"name": "abc", "secret": "a1"}, "secret", "Secret", "takes letters; it has 2 characters"),
        ({"name": "abc", "nmae": 1}, "nmae", "nmae", "is not a field of Operate; did you mean name?"),
        ({"name": "abc", "Cuont": 1}, "Cuont", "Cuont", "is not a field of Operate; did you mean Count?"),
        ({"name": "abc", "zzz": 1}, "zzz", "zzz", "is not a field of Operate"),
        ({"name": "abc", "Name": "abc"}, "name", "Name", "is given twice, as name and as Name; give it once"),
        (
            {"name": "abc", "inner": {"deep_name": "abcd"}},
            "inner.deep_name",
            "Inner.DeepName",
            "must have at most 3 characters, has 4",
        ),
        ({"name": "abc", "inners": [{}]}, "inners.0.deep_name", "Inners.0.DeepName", "is required"),
        (
            {"name": "abc", "inner": {"deep_nmae": "a", "deep_name": "a"}},
            "inner.deep_nmae",
            "Inner.deep_nmae",
            "is not a field of inner; did you mean deep_name?",
        ),
        ({"name": "abc", "count": 1, "inner": {"deep_name": "a"}}, "inner", "Inner", "give count or inner, not both"),
    ],
)
def test_a_broken_rule_is_named_in_words(values: dict[str, Any], field: str, aws_name: str, rule: str) -> None:
    assert problems(**values) == (FieldProblem(field, aws_name, rule),)


def test_all_broken_rules_are_listed_at_once() -> None:
    with pytest.raises(RequestValidationError) as caught:
        validate_request(Request, "Operate", {"count": 0, "nope": 1})
    assert [problem.field for problem in caught.value.problems] == ["name", "count", "nope"]
    assert str(caught.value) == (
        "Operate: name (Name): is required; count (Count): must be at least 1, got 0; "
        "nope: is not a field of Operate. Nothing was sent."
    )


def test_a_sensitive_value_is_nowhere_in_the_error() -> None:
    with pytest.raises(RequestValidationError) as caught:
        validate_request(Request, "Operate", {"name": "abc", "secret": "hunter2"})
    assert "hunter2" not in str(caught.value) + repr(caught.value) + repr(caught.value.__dict__)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "hunter2" not in repr(validate_request(Request, "Operate", {"name": "abc", "secret": "abc"}))


def test_requests_are_frozen() -> None:
    shape = validate_request(Request, "Operate", {"name": "abc"})
    with pytest.raises(ValueError, match="frozen"):
        shape.name = "other"


def test_aws_names_are_by_python_name() -> None:
    assert aws_names(Inner) == {"deep_name": "DeepName"}


class Response(ResponseShape):
    name: str | None = Field(default=None, alias="Name")


def test_responses_keep_what_they_do_not_know() -> None:
    metadata = ResponseMetadata("id", 200, {"A": "b"}, ())
    response = Response.model_validate({"Name": "n", "Newer": {"a": 1}, "metadata": metadata})
    assert (response.name, response.model_extra, response.metadata.request_id) == ("n", {"Newer": {"a": 1}}, "id")


def test_metadata_shows_no_headers_in_its_repr_and_pickles() -> None:
    metadata = ResponseMetadata("id", 200, {"Set-Cookie": "secret"}, ())
    assert "secret" not in repr(metadata)
    assert pickle.loads(pickle.dumps(metadata)) == metadata


class _Nested(RequestShape):
    inner: dict[str, str] | None = Field(default=None, alias="Inner")
    entries: list[str] | None = Field(default=None, alias="Entries", min_length=1, max_length=2)
    flag: bool | None = Field(default=None, alias="Flag", strict=True)
    names: list[Annotated[str, Field(pattern=r"\A([a-zA-Z0-9-]+)\z")]] | None = Field(default=None, alias="Names")


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"entries": "a"}, "must be a list, got str"),
        ({"entries": []}, "must have at least 1 entry, has 0"),
        ({"entries": ["a", "b", "c"]}, "must have at most 2 entries, has 3"),
        ({"inner": 3}, "must be a mapping, got int"),
        ({"flag": "yes"}, "must be a bool, got str"),
        ({"names": ["a", "b c"]}, "takes letters, digits and hyphens; got 'b c'"),
    ],
)
def test_containers_of_the_wrong_kind_or_size_are_refused_in_our_words(fields: dict[str, object], rule: str) -> None:
    with pytest.raises(RequestValidationError) as caught:
        validate_request(_Nested, "Op", fields)
    assert [problem.rule for problem in caught.value.problems] == [rule]


def test_a_question_ends_without_a_full_stop() -> None:
    with pytest.raises(RequestValidationError, match=r"did you mean entries\? Nothing was sent\.$"):
        validate_request(_Nested, "Op", {"entrie": ["a"]})


# --- answers by AWS's names -------------------------------------------------------------------------------------------


class Part(AnsweredShape):
    part_name: str | None = Field(None, alias="PartName")


class Answer(ResponseShape):
    total_count: int | None = Field(None, alias="TotalCount")
    missing: str | None = Field(None, alias="Missing")
    parts: list[Part] | None = Field(None, alias="Parts")


def answered(**members: Any) -> Answer:
    attempts = (Attempt(1, 0.0, 0.1, "503", 0.05), Attempt(2, 0.2, 0.1, "200"))
    metadata = ResponseMetadata("id", 200, {"X-Amzn-RequestId": "id"}, attempts)
    return Answer.model_validate({"metadata": metadata, **members})


def test_an_answer_has_its_members_by_awss_names() -> None:
    answer = answered(TotalCount=0, Parts=[{"PartName": "a", "NewMember": 1}], Newer="b")
    assert (answer["TotalCount"], answer["Newer"]) == (0, "b")
    assert (answer["Parts"][0]["PartName"], answer["Parts"][0]["NewMember"]) == ("a", 1)
    assert answer.get("Newer") == "b"
    assert "TotalCount" in answer
    assert "PartName" in answer["Parts"][0]


@pytest.mark.parametrize("name", ["Missing", "missing", "Other", "total_count", ""])
def test_what_was_not_answered_is_absent(name: str) -> None:
    answer = answered(TotalCount=1)
    assert name not in answer
    assert answer.get(name) is None
    assert answer.get(name, 7) == 7
    with pytest.raises(KeyError, match=f"^'{name}'$"):
        answer[name]


def test_the_metadata_is_there_as_botocore_has_it() -> None:
    assert answered()["ResponseMetadata"] == {
        "RequestId": "id",
        "HTTPStatusCode": 200,
        "HTTPHeaders": {"x-amzn-requestid": "id"},
        "RetryAttempts": 1,
    }
