"""Whatever SageMaker answers survives a round trip, and whatever callers hand in is sent or refused in our words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagemaker_async.aws.protocols import build_request, parse_response
from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.shapes.models import fields_of, validate_request
from sagemaker_async.errors import RequestValidationError, ResponseError
from sagemaker_async.hosting.operations import OPERATIONS, modelled
from sagemaker_async.hosting.waiting import Pace

METADATA = ResponseMetadata("id", 200, {}, ())
QUICK = settings(max_examples=60, deadline=None, database=None)

SCALARS = st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)
UNKNOWN = st.dictionaries(st.text(min_size=1).map(lambda name: f"Newer{name}"), DOCUMENTS, max_size=3)


@QUICK
@given(UNKNOWN, UNKNOWN, st.text())
def test_unknown_members_and_values_survive_a_round_trip(top: Any, nested: Any, status: str) -> None:
    members = {
        **top,
        "EndpointStatus": status,
        "ProductionVariants": [{**nested, "VariantName": "v"}],
    }
    response = parse_response(modelled("DescribeEndpoint"), {}, json.dumps(members).encode(), METADATA)
    assert response.model_dump(by_alias=True, exclude_unset=True) == members


@QUICK
@given(UNKNOWN, UNKNOWN)
def test_what_was_answered_is_sent_back_unchanged(variant: Any, routing: Any) -> None:
    variant = {
        **variant,
        "VariantName": "v",
        "ModelName": "m",
        "InstanceType": "ml.newer",
        "RoutingConfig": {**routing, "RoutingStrategy": "NEWER"},
    }
    members = {"ProductionVariants": [variant]}
    old = parse_response(modelled("DescribeEndpointConfig"), {}, json.dumps(members).encode(), METADATA)
    operation = modelled("CreateEndpointConfig")
    fields = {"endpoint_config_name": "new", "production_variants": old.production_variants}
    request = build_request(
        operation, fields_of(validate_request(operation.request, "C", fields)), "https://host", "", {}
    )
    assert json.loads(request.body)["ProductionVariants"] == [variant]


@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_comes_is_a_response_or_a_response_error(name: str) -> None:
    operation = modelled(name)
    aliases = [field.alias for field in operation.response.model_fields.values() if field.alias]

    @settings(max_examples=15, deadline=None, database=None)
    @given(st.dictionaries(st.sampled_from([*aliases, "Newer"]), st.none() | DOCUMENTS, max_size=4) | DOCUMENTS)
    def check(body: Any) -> None:
        try:
            response = parse_response(operation, {}, json.dumps(body).encode(), METADATA)
        except ResponseError:
            return
        assert response.metadata is METADATA

    check()


@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_is_handed_in_is_sent_or_refused_in_our_words(name: str) -> None:
    operation = modelled(name)
    names = list(operation.request.model_fields)

    @settings(max_examples=15, deadline=None, database=None)
    @given(st.dictionaries(st.sampled_from([*names, "nope"]), DOCUMENTS | st.binary() | st.builds(object), max_size=4))
    def check(fields: dict[str, Any]) -> None:
        try:
            shape = validate_request(operation.request, name, fields)
            body = build_request(operation, fields_of(shape), "https://host", "", {}).body
        except RequestValidationError:
            return
        assert isinstance(json.loads(body), dict)

    check()


@QUICK
@given(st.floats(0.001, 1e6), st.floats(0, 1), st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_delays_stay_within_the_interval_and_the_jitter(
    interval: float, jitter: float, poll: int, uniform: float
) -> None:
    pace = Pace(interval=interval, jitter=jitter)
    whole = pace.delay(poll, 0.0)
    assert 0 < whole <= interval
    assert whole <= pace.delay(poll + 1, 0.0)
    assert whole * (1 - jitter) <= pace.delay(poll, uniform) <= whole
