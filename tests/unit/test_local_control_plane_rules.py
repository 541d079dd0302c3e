"""The checks of requests against a service model, on a small model of the tests' own and on botocore's."""

from __future__ import annotations

from typing import Any

import pytest

from sagemaker_async.local.answers import Refusal
from sagemaker_async.local.control_plane.rules import ServiceRules

SHAPES: dict[str, Any] = {
    "Request": {
        "type": "structure",
        "required": ["Name"],
        "members": {
            "Name": {"shape": "Name"},
            "Count": {"shape": "Count"},
            "Share": {"shape": "Share"},
            "Flag": {"shape": "Flag"},
            "When": {"shape": "When"},
            "Items": {"shape": "Items"},
            "Labels": {"shape": "Labels"},
            "Kind": {"shape": "Kind"},
            "Secret": {"shape": "Secret"},
            "Odd": {"shape": "Odd"},
            "Word": {"shape": "Word"},
        },
    },
    "Name": {"type": "string", "min": 2, "max": 4, "pattern": "[a-z]+"},
    "Count": {"type": "integer", "min": 1, "max": 9},
    "Share": {"type": "float", "min": 0},
    "Flag": {"type": "boolean"},
    "When": {"type": "timestamp"},
    "Items": {"type": "list", "min": 1, "max": 2, "member": {"shape": "Item"}},
    "Item": {"type": "structure", "required": ["Key"], "members": {"Key": {"shape": "Name"}}},
    "Labels": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Name"}},
    "Kind": {"type": "string", "enum": ["A", "B"]},
    "Secret": {"type": "string", "sensitive": True, "max": 2},
    "Odd": {"type": "string", "pattern": r"[\p{Punct}]+"},
    "Word": {"type": "string", "pattern": r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"},
}
FAILED = "failed to satisfy constraint: Member must"
RULES = ServiceRules({"operations": {"Do": {"input": {"shape": "Request"}}}, "shapes": SHAPES})
GOOD = {"Name": "abc"}


def refusal(**members: Any) -> Refusal:
    with pytest.raises(Refusal) as raised:
        RULES.check("Do", GOOD | members)
    assert raised.value.status == 400
    return raised.value


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"Name": None}, f"Value null at 'name' {FAILED} not be null"),
        ({"Name": "a"}, f"Value 'a' at 'name' {FAILED} have length greater than or equal to 2"),
        ({"Name": "abcde"}, "Member must have length less than or equal to 4"),
        ({"Name": "ab1"}, f"Value 'ab1' at 'name' {FAILED} satisfy regular expression pattern: [a-z]+"),
        ({"Name": "ab\n"}, "regular expression pattern"),
        ({"Count": 0}, f"Value '0' at 'count' {FAILED} have value greater than or equal to 1"),
        ({"Count": 10}, "Member must have value less than or equal to 9"),
        ({"Share": -0.5}, "Value '-0.5' at 'share'"),
        ({"Items": []}, f"Value '[]' at 'items' {FAILED} have length greater"),
        ({"Items": [{"Key": "ab"}, {}]}, "Value null at 'items.2.member.key'"),
        ({"Items": [{"Key": "A"}] * 3}, "Member must have length less than or equal to 2"),
        ({"Labels": {"ab": "x"}}, "Value 'x' at 'labels.ab.member'"),
        ({"Labels": {"x": "ab"}}, "Value 'x' at 'labels.key'"),
        ({"Kind": "C"}, f"Value 'C' at 'kind' {FAILED} satisfy enum value set: [A, B]"),
        ({"Word": "a;b"}, "Value 'a;b' at 'word'"),
    ],
)  # fmt: skip
def test_a_broken_constraint_is_told_in_the_words_of_aws(members: dict[str, Any], problem: str) -> None:
    refused = refusal(**members)
    assert refused.code == "ValidationException"
    assert problem in refused.message


def test_all_broken_constraints_are_counted_and_listed() -> None:
    message = refusal(Name=None, Count=0, Kind="C").message
    assert message.startswith("3 validation errors detected: Value null at 'name'")
    assert message.count("; ") == 2


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"Name": 1}, "NUMBER_VALUE can not be converted to a String"),
        ({"Count": "1"}, "STRING_VALUE can not be converted to an Integer"),
        ({"Count": True}, "TRUE_VALUE can not be converted to an Integer"),
        ({"Count": 1.5}, "NUMBER_VALUE can not be converted to an Integer"),
        ({"Share": float("nan")}, "NUMBER_VALUE can not be converted to a Float"),
        ({"When": float("inf")}, "NUMBER_VALUE can not be converted to a Timestamp"),
        ({"Flag": 0}, "NUMBER_VALUE can not be converted to a Boolean"),
        ({"When": "2026-01-01"}, "STRING_VALUE can not be converted to a Timestamp"),
        ({"Items": {}}, "START_OBJECT can not be converted to a List"),
        ({"Items": [None]}, "NULL_VALUE can not be converted to a Structure"),
        ({"Labels": []}, "START_ARRAY can not be converted to a Map"),
    ],
)
def test_a_value_of_another_json_type_is_a_serialization_exception(members: dict[str, Any], message: str) -> None:
    refused = refusal(**members)
    assert (refused.code, refused.message) == ("SerializationException", message)


def test_the_value_of_a_sensitive_member_is_not_told() -> None:
    message = refusal(Secret="hidden").message
    assert "Value at 'secret' failed" in message
    assert "hidden" not in message


def test_known_members_pass_unknown_ones_and_nulls_are_left_out() -> None:
    members = {**GOOD, "Share": 1, "When": 1.5, "Flag": False, "Word": "Größe 1", "Labels": {"ab": "cd"}}
    given = {**members, "Unknown": 1, "Count": None, "Items": [{"Key": "ab", "Other": 2}]}
    assert RULES.check("Do", given) == {**members, "Items": [{"Key": "ab"}]}


def test_a_pattern_that_python_cannot_express_is_not_checked() -> None:
    assert RULES.check("Do", GOOD | {"Odd": "letters"})["Odd"] == "letters"


def test_botocores_model_knows_the_operations_of_hosting() -> None:
    rules = ServiceRules.load()
    assert rules.knows("CreateEndpoint")
    assert not rules.knows("CreateNothing")
    assert rules.check("DescribeModel", {"ModelName": "a-b"}) == {"ModelName": "a-b"}
    with pytest.raises(Refusal, match="pattern"):
        rules.check("DescribeEndpoint", {"EndpointName": "a/../b"})
