"""The quick check of fields: what it lets pass is what the models let pass, and it lets pass all that is in order."""

from __future__ import annotations

from typing import Any

import annotated_types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagemaker_async.aws.shapes.models import fields_of, validate_request
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.aws.shapes.rules import Blob, FieldRules, Text, unchecked_fields
from sagemaker_async.errors import RequestValidationError
from sagemaker_async.runtime.operations import INVOKE_ENDPOINT, INVOKE_ENDPOINT_WITH_RESPONSE_STREAM

OPERATIONS = [INVOKE_ENDPOINT, INVOKE_ENDPOINT_WITH_RESPONSE_STREAM]
RULES = FieldRules(
    {
        "name": Text("Name", r"[a-z]+|NEW", "takes letters", min_length=2, max_length=4, required=True),
        "note": Text("Note", r".*", "takes anything", max_length=3),
        "body": Blob("Body"),
    }
)


@pytest.mark.parametrize(
    "values", [{"name": "ab"}, {"Name": "ab"}, {"name": "NEW", "Note": "", "body": b""}, {"body": b"x", "Name": "abcd"}]
)
def test_fields_that_obey_are_returned_under_their_python_names(values: dict[str, Any]) -> None:
    assert RULES.obeying(values) == {name.lower(): value for name, value in values.items()}


class OwnText(str):
    """A str of another class, whose methods may say what they like."""

    __slots__ = ()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"note": "a"},
        {"name": "a"},
        {"name": "abcde"},
        {"name": "ab\n"},
        {"name": "NEWab"},
        {"name": b"ab"},
        {"name": OwnText("ab")},
        {"name": "ab", "Name": "ab"},
        {"name": "ab", "other": "x"},
        {"name": "ab", "note": None},
        {"name": "ab", "body": "text"},
        {"name": "ab", "body": bytearray(b"x")},
    ],
)
def test_whatever_is_not_plainly_in_order_is_left_to_the_models(values: dict[str, Any]) -> None:
    assert RULES.obeying(values) is None


def accepted_by_the_model(operation: Operation, values: dict[str, Any]) -> dict[str, Any] | None:
    try:
        fields = fields_of(validate_request(operation.request, operation.name, values))
    except RequestValidationError:
        return None
    return {name: value for name, value in fields.items() if value is not None}


NAMES = ["endpoint_name", "SessionId", "accept", "TargetModel", "inference_component_name", "CustomAttributes", "nope"]
LIKELY = st.text("aZ0-_ /.\n\x00\u00e9", max_size=6) | st.sampled_from(
    ["NEW_SESSION", "a" * 63, "a" * 64, "a" * 1025, "-"]
)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
@given(values=st.dictionaries(st.sampled_from(NAMES), LIKELY | st.text(max_size=70)), body=st.binary(max_size=3))
def test_texts_pass_the_quick_check_exactly_when_they_pass_the_model(
    operation: Operation, values: dict[str, Any], body: bytes
) -> None:
    assert operation.rules is not None
    values = (
        {"EndpointName": "e", "body": body, **values} if "endpoint_name" not in values else {**values, "body": body}
    )
    accepted = accepted_by_the_model(operation, values)
    assert operation.rules.obeying(values) == accepted
    # So a head that was remembered while requests were checked is right when they no longer are.
    if accepted is not None:
        assert unchecked_fields(operation.name, operation.names, values, operation.path_fields) == accepted


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_the_rules_are_those_of_the_model_field_by_field(operation: Operation) -> None:
    assert operation.rules is not None
    models = {name: info.alias for name, info in operation.request.model_fields.items()}
    assert operation.rules.names == models
    for name, info in operation.request.model_fields.items():
        longest = [each.max_length for each in info.metadata if isinstance(each, annotated_types.MaxLen)]
        filler = {"endpoint_name": "e", "body": b""}
        for length in range(max(longest, default=0) + 2 if name != "body" else 0):
            values = {**filler, name: "a" * length}
            expected = accepted_by_the_model(operation, values)
            assert (operation.rules.obeying(values) is None) == (expected is None), (name, length)


def test_unchecked_fields_are_whatever_was_given_of_those_there_are_but_for_a_missing_part_of_the_path() -> None:
    names = {"name": "Name", "count": "Count"}
    values = {"Name": "1", "count": "many", "newer": 1}
    assert unchecked_fields("Operate", names, values, ["name"]) == {"name": "1", "count": "many"}
    assert unchecked_fields("Operate", {}, values, []) == values
    for values in ({}, {"name": ""}, {"Name": 3}):
        with pytest.raises(RequestValidationError, match="is required, as a non-empty str"):
            unchecked_fields("Operate", names, values, ["name"])
