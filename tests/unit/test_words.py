"""Every pattern has its rule in words, and every complaint of pydantic's reads as one of ours."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import pytest

from sagemaker_async.aws.shapes.words import given_twice, pattern_words, rule_of, unknown_field
from sagemaker_async.errors import FieldProblem
from sagemaker_async.hosting import generated
from sagemaker_async.runtime.generated import requests

HYPHENS = Annotated[str, pydantic.Field(pattern=r"\A([a-zA-Z0-9-]+)\z")]
NAMES = {"endpoint_name": "EndpointName", "body": "Body"}


def patterns() -> set[str]:
    """Return all patterns that a request's field may have."""
    found = {
        node.value.value
        for path in Path(generated.__path__[0]).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.keyword) and node.arg == "pattern" and isinstance(node.value, ast.Constant)
    }
    assert len(found) > 20
    for request in (requests.INVOKE_ENDPOINT, requests.INVOKE_ENDPOINT_ASYNC):
        found |= {field.schema["pattern"] for field in request.fields if "pattern" in field.schema and not field.words}
    return found


@pytest.mark.parametrize("pattern", sorted(patterns()))
def test_every_pattern_has_words(pattern: str) -> None:
    words = pattern_words(pattern)
    assert words.startswith(("takes ", "is "))
    assert "must match" not in words


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"\A([a-zA-Z0-9](-*[a-zA-Z0-9])*)\z", "takes letters, digits and inner hyphens"),
        (r"\A(?:[a-zA-Z0-9-]+)\z", "takes letters, digits and hyphens"),
        (
            r"\A(?:arn:aws[a-z\-]*:iam::[0-9]{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+)\z",
            "is an ARN such as arn:aws:iam::123456789012:role/...",
        ),
        (
            r"\A(?:arn:aws[a-z\-]*:sns:[a-z0-9\-]*:[0-9]{12}:[a-zA-Z0-9_.-]+)\z",
            "is an ARN such as arn:aws:sns:us-east-1:123456789012:...",
        ),
        (
            r"\A(?:(arn:aws[a-z\-]*:sns:[a-z0-9\-]*:[0-9]{12}:context/)?([a-z]{0,119}))\z",
            "is a name, or an ARN such as arn:aws:sns:us-east-1:123456789012:context/...",
        ),
        (r"\A(?:[a-c]{3})\z", "must match the pattern [a-c]{3}"),
    ],
)
def test_the_words_are_those_of_the_pattern(pattern: str, words: str) -> None:
    assert pattern_words(pattern) == words


@pytest.mark.parametrize(
    ("kind", "value", "rule"),
    [
        (Annotated[str, pydantic.Field(min_length=2)], "a", "must have at least 2 characters, has 1"),
        (Annotated[str, pydantic.Field(min_length=1)], "", "must have at least 1 character, has 0"),
        (Annotated[str, pydantic.Field(max_length=1)], "abc", "must have at most 1 character, has 3"),
        (Annotated[list[int], pydantic.Field(min_length=1)], [], "must have at least 1 entry, has 0"),
        (Annotated[list[int], pydantic.Field(max_length=2)], [1, 2, 3], "must have at most 2 entries, has 3"),
        (Annotated[int, pydantic.Field(ge=1)], 0, "must be at least 1, got 0"),
        (Annotated[int, pydantic.Field(le=1)], 2, "must be at most 1, got 2"),
        (pydantic.StrictStr, b"a", "must be a str, got bytes"),
        (HYPHENS, "\ud800", "holds a lone surrogate, which UTF-8 cannot encode; decode the text correctly"),
        (pydantic.StrictInt, "1", "must be an int, got str"),
        (pydantic.StrictBool, 1, "must be a bool, got int"),
        (pydantic.StrictFloat, "1", "must be a float, got str"),
        (list[int], 7, "must be a list, got int"),
        (dict[str, int], 7, "must be a mapping, got int"),
        (HYPHENS, "a b", "takes letters, digits and hyphens; got 'a b'"),
        (HYPHENS, "", "takes letters, digits and hyphens; it is empty"),
        (HYPHENS, "a\r\n", "takes letters, digits and hyphens; it holds a line break at position 1"),
        (HYPHENS, "a\x00", "takes letters, digits and hyphens; it holds a control character (U+0000) at position 1"),
        (HYPHENS, "\u00e9", "takes letters, digits and hyphens; it holds a non-ASCII character (U+00E9) at position 0"),
        (Literal["a"], "b", "input should be 'a'"),
    ],
)
def test_a_complaint_in_words(kind: Any, value: object, rule: str) -> None:
    with pytest.raises(pydantic.ValidationError) as caught:
        pydantic.TypeAdapter(kind).validate_python(value)
    (complaint,) = caught.value.errors()
    assert rule_of(complaint).startswith(rule)


@pytest.mark.parametrize(
    "complaint",
    [
        {"type": "string_pattern_mismatch", "input": "hunter2", "ctx": {"pattern": "[0-9]"}},
        {"type": "string_too_long", "input": "hunter2", "ctx": {"max_length": 3}},
        {"type": "string_type", "input": b"hunter2"},
        {"type": "greater_than_equal", "input": "hunter2", "ctx": {"ge": 3}},
        {"type": "less_than_equal", "input": "hunter2", "ctx": {"le": 3}},
    ],
)
def test_a_sensitive_value_is_not_shown(complaint: dict[str, Any]) -> None:
    assert "hunter2" not in rule_of(complaint, sensitive=True)


def test_a_field_may_have_words_of_its_own() -> None:
    complaint = {"type": "string_pattern_mismatch", "input": "a b", "ctx": {"pattern": "[0-9]"}}
    assert rule_of(complaint, "is a number") == "is a number; got 'a b'"


def test_a_missing_value_and_a_name_that_is_not_a_str() -> None:
    assert rule_of({"type": "missing", "input": {}}) == "is required"
    assert rule_of({"type": "invalid_key", "input": 1}) == "is not the name of a field: names are str"


@pytest.mark.parametrize(
    ("name", "given", "problem"),
    [
        ("endpoint_nam", (), ("endpoint_nam", "is not a field of Invoke; did you mean endpoint_name?")),
        ("EndpointNam", (), ("EndpointNam", "is not a field of Invoke; did you mean EndpointName?")),
        ("zzz", (), ("zzz", "is not a field of Invoke")),
        ("Body", ("body", "Body"), ("body", "is given twice, as body and as Body; give it once")),
    ],
)
def test_an_unknown_field_and_one_given_twice(name: str, given: tuple[str, ...], problem: tuple[str, str]) -> None:
    found = unknown_field(name, NAMES, given, "Invoke")
    assert (found.field, found.rule) == problem
    assert given_twice("body", "Body") == FieldProblem(
        "body", "Body", "is given twice, as body and as Body; give it once"
    )
