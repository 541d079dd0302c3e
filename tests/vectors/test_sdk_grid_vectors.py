"""Serializers and deserializers beside the SageMaker SDK's, over the grid that `record_sdk_grid.py` has recorded.

Every outcome is the SDK's, but for the cases of ``sdk_differences.json``, which holds ours and the reason; where both
refuse, our error is a documented one. Whoever changes an outcome on purpose lists it there.
"""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async import deserializers, serializers

HERE = Path(__file__).parent
RUN = runpy.run_path(str(HERE / "sdk_outcomes.py"))["run"]
GRID = json.loads((HERE / "sdk_grid.json").read_text())["cases"]
DIFFERENCES = json.loads((HERE / "sdk_differences.json").read_text())
OUTCOMES = ("text", "hex", "value", "error")


def given(case: dict[str, Any]) -> dict[str, Any]:
    """Return a case without its outcome."""
    return {name: value for name, value in case.items() if name not in (*OUTCOMES, "ours")}


def key(case: dict[str, Any]) -> str:
    return json.dumps(given(case), sort_keys=True)


SDKS = {key(case): {name: case[name] for name in OUTCOMES if name in case} for case in GRID}
OURS = {key(case): case["ours"] for row in DIFFERENCES for case in row["cases"]}


@pytest.mark.parametrize("case", GRID, ids=[f"{number} {case['class']}" for number, case in enumerate(GRID)])
def test_the_outcome_is_the_sdks_or_a_listed_difference(case: dict[str, Any]) -> None:
    found = RUN(deserializers if "body" in case else serializers, given(case))
    expected = OURS.get(key(case), SDKS[key(case)])
    if sys.version_info >= (3, 13) and found != expected and case["class"] == "CSVSerializer" and "text" in expected:
        # Its csv module quotes a lone CR, for the SDK as for us.
        expected = {"text": re.sub(r'(?<=[,\n])([^",\n]*\r[^",\n]*)', r'"\1"', expected["text"])}
    if "error" in expected:
        assert found == {"error": "DeserializationError" if "body" in case else "SerializationError"}
    else:
        # As text, in which NaN equals NaN and 1.0 is not 1.
        assert json.dumps(found) == json.dumps(expected)


def test_the_grid_is_several_hundred_different_cases_of_every_class() -> None:
    assert len(SDKS) == len(GRID) >= 800
    named = {each for each in (*serializers.__all__, *deserializers.__all__) if each.lower().endswith("serializer")}
    bases = {"Serializer", "Deserializer", *(each for each in named if "Base" in each)}
    others = {"PydanticSerializer", "PydanticDeserializer", "StreamDeserializer"}  # not the SDK's; nothing to compare
    torch = {"TorchTensorSerializer", "TorchTensorDeserializer"}
    assert {case["class"] for case in GRID} == named - bases - others - torch


@pytest.mark.parametrize("row", DIFFERENCES, ids=lambda row: row["reason"])
def test_a_difference_is_one(row: dict[str, Any]) -> None:
    assert row["cases"]
    for case in row["cases"]:
        assert json.dumps(SDKS[key(case)]) != json.dumps(case["ours"])
        assert not ("error" in SDKS[key(case)] and "error" in case["ours"])
