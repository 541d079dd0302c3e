"""What botocore makes of an operation's values: by its own parsing, and by ours."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from botocore.model import DenormalizedStructureBuilder, OperationModel
from botocore.utils import parse_timestamp

from sagemaker_async.compat.client import description_of
from sagemaker_async.compat.forms import Forms, _converter


class Operation:
    """An operation whose request and answer have the same shape."""

    def __init__(self, **members: Any) -> None:
        self.input_shape = self.output_shape = DenormalizedStructureBuilder().with_members(members).build_model()


def forms(**members: Any) -> Forms:
    return Forms.of(Operation(**members))


def structure(**members: Any) -> dict[str, Any]:
    return {"type": "structure", "members": members}


MOMENT, BLOB, TEXT = {"type": "timestamp"}, {"type": "blob"}, {"type": "string"}


@pytest.mark.parametrize("value", [0, 1.5, 1_790_000_000.123, 951_782_400, "2026-01-02T03:04:05Z"])
def test_a_moment_is_the_one_that_botocore_makes(value: float | str) -> None:
    made = forms(At=MOMENT).answered({"At": value})["At"]
    assert made == parse_timestamp(value)
    assert made.utcoffset() == parse_timestamp(value).utcoffset()


def test_what_is_nested_is_converted_and_the_rest_is_left_alone() -> None:
    made = forms(
        Name=TEXT,
        Parts={"type": "list", "member": structure(At=MOMENT, Name=TEXT)},
        ByName={"type": "map", "key": TEXT, "value": BLOB},
        Names={"type": "list", "member": TEXT},
    )
    names = ["a"]
    answer = {"Name": "n", "Parts": [{"At": 0, "Name": "p", "New": 0}], "ByName": {"k": "YWI="}, "Names": names}
    converted = made.answered(answer)
    assert converted == {
        "Name": "n",
        "Parts": [{"At": dt.datetime(1970, 1, 1, tzinfo=dt.UTC), "Name": "p", "New": 0}],
        "ByName": {"k": b"ab"},
        "Names": names,
    }
    assert converted["Names"] is names
    assert answer["Parts"] == [{"At": 0, "Name": "p", "New": 0}]
    sent = made.sent({"Parts": [{"At": "1970-01-01T00:00:00Z"}], "ByName": {"k": "text", "b": b"bytes"}})
    assert sent == {
        "Parts": [{"At": dt.datetime(1970, 1, 1, tzinfo=dt.UTC)}],
        "ByName": {"k": b"text", "b": b"bytes"},
    }


@pytest.mark.parametrize("value", [{"Parts": 7}, {"Parts": None}, {"Parts": [7, None]}, {"At": None}, {}])
def test_what_is_of_another_kind_is_left_alone(value: dict[str, Any]) -> None:
    made = forms(At=MOMENT, Parts={"type": "list", "member": structure(At=MOMENT)})
    assert made.answered(value) == value


def test_what_has_nothing_to_convert_is_handed_on() -> None:
    value = {"Name": "n"}
    assert forms(Name=TEXT).answered(value) is value
    assert _converter(None, {}, ()) is None


def test_a_shape_that_holds_itself_is_converted_at_any_depth() -> None:
    model = description_of("sagemaker").model
    recursive: OperationModel = model.operation_model("Search")
    made = Forms.of(recursive)
    moment = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    nested = {"SubExpressions": [{"SubExpressions": [{"Filters": [{"Name": "a"}]}]}]}
    assert made.sent({"Resource": "Endpoint", "SearchExpression": nested}) == {
        "Resource": "Endpoint",
        "SearchExpression": nested,
    }
    found = made.answered({"Results": [{"Endpoint": {"CreationTime": moment.timestamp()}}]})
    assert found["Results"][0]["Endpoint"]["CreationTime"] == moment
