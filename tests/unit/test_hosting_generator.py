"""`hosting.generated.requests` says what the models say, of all requests of which literals can say it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagemaker_async.aws.shapes.models import fields_of, validate_request
from sagemaker_async.errors import RequestValidationError
from sagemaker_async.hosting.generated.requests import COMPILED
from sagemaker_async.hosting.operations import OPERATIONS, modelled
from sagemaker_async.runtime.generator import requests as from_models

REQUESTS = {name: modelled(name).request for name in OPERATIONS}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_request_is_there_just_if_literals_can_say_what_its_model_says(name: str) -> None:
    made: dict[str, Any] = {}
    try:
        exec(from_models.compiled({"REQUEST": REQUESTS[name]}), made)
    except ValueError:
        assert name not in COMPILED
    else:
        assert COMPILED[name].fields == made["REQUEST"].fields
        assert modelled(name).compiled is COMPILED[name]


def test_the_calls_that_programs_begin_with_are_there() -> None:
    assert {"DescribeEndpoint", "DescribeInferenceComponent", "DescribeModel", "DeleteEndpoint", "ListTags"} < {
        *COMPILED
    }


def outcome(validate: Any, *arguments: Any) -> Any:
    """Return the fields that are there, or what is said of those that break rules."""
    try:
        fields = validate(*arguments)
    except RequestValidationError as error:
        return [(problem.field, problem.aws_name, problem.rule) for problem in error.problems]
    fields = fields if isinstance(fields, dict) else fields_of(fields)
    return {name: value for name, value in fields.items() if value is not None}


VALUES = (
    st.text("aZ0-_ /.:\n\x00\u00e9", max_size=6) | st.text(max_size=70) | st.integers(-1, 101) | st.booleans()
    | st.floats() | st.binary(max_size=3) | st.lists(st.integers(), max_size=2)
    | st.sampled_from(["a" * 63, "a" * 64, "a" * 256, "a" * 257, "a" * 8193, "\ud800", "", "arn:aws:sagemaker:"])
)  # fmt: skip


@pytest.mark.parametrize("name", COMPILED)
def test_it_accepts_refuses_and_explains_as_the_model_does(name: str) -> None:
    compiled = COMPILED[name]

    @settings(max_examples=60, deadline=None, database=None)
    @given(st.dictionaries(st.sampled_from([*compiled.names, *compiled.names.values(), "nope", "Nope"]), VALUES))
    def check(values: dict[str, Any]) -> None:
        by_the_model = outcome(validate_request, REQUESTS[name], name, values)
        assert outcome(compiled.validated_fields, name, values) == by_the_model
        assert compiled.converted(values) == REQUESTS[name].converted(values)
        assert compiled.renamed(values) == REQUESTS[name].renamed(values)

    check()
