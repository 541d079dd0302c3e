"""Requests are checked before anything is sent: whole values, in both spellings, with errors that say what to do."""

from __future__ import annotations

import datetime as dt
import typing
from typing import Any

import pydantic
import pytest

from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.shapes.models import RequestShape, aws_names, validate_request
from sagemaker_async.errors import RequestValidationError
from sagemaker_async.runtime.generated import requests
from sagemaker_async.runtime.shapes import (
    InvokeEndpointAsyncRequest,
    InvokeEndpointAsyncResponse,
    InvokeEndpointRequest,
    InvokeEndpointResponse,
    InvokeEndpointWithResponseStreamRequest,
)

METADATA = ResponseMetadata("id", 200, {}, ())

COMPILED = {
    InvokeEndpointRequest: requests.INVOKE_ENDPOINT,
    InvokeEndpointWithResponseStreamRequest: requests.INVOKE_ENDPOINT_WITH_RESPONSE_STREAM,
    InvokeEndpointAsyncRequest: requests.INVOKE_ENDPOINT_ASYNC,
}
"""What decides; that it decides as the models do is shown in ``test_runtime_generator.py``."""


def validated(shape: type[RequestShape], **fields: Any) -> dict[str, Any]:
    """Return the checked fields of a request with these fields beside the required one."""
    return COMPILED[shape].validated_fields("TheOperation", {"endpoint_name": "my-endpoint", **fields})


def refusal(shape: type[RequestShape], **fields: Any) -> RequestValidationError:
    with pytest.raises(RequestValidationError) as caught:
        validated(shape, **fields)
    return caught.value


NAMES = ["a", "A1", "my-endpoint", "a--b", "0", "a" * 63]
NO_NAMES = ["", "-a", "a-", "a_b", "a.b", "a b", "../b", "a/../b", "a/b", "a?b", "a#b", "a%2Fb", "é", "a" * 64]
PRINTABLE = ["a", "with space", "a/b?c#d", "!~", "a" * 64]
NO_PRINTABLE = ["", " leading", "a\tb", "\x7f", "é", "a" * 1025]
HEADER = ["", "application/json", "text/csv; header=absent", "a/b?c#d", " ", "a" * 64]
NO_HEADER = ["a\tb", "\x00", "\x7f", "é", "日本", "\u2028", "a" * 1025]

RULES: dict[type[RequestShape], dict[str, tuple[list[str], list[str]]]] = {
    InvokeEndpointRequest: {
        "endpoint_name": (NAMES, NO_NAMES),
        "content_type": (HEADER, NO_HEADER),
        "accept": (["*/*", "text/csv, application/json", *HEADER], NO_HEADER),
        "custom_attributes": (["trace=1", *HEADER], NO_HEADER),
        "inference_id": (PRINTABLE, [*NO_PRINTABLE, "a" * 65]),
        "target_model": (["model.tar.gz", "path/to/model.tar.gz", *PRINTABLE, "a" * 1024], NO_PRINTABLE),
        "target_variant": (NAMES, NO_NAMES),
        "target_container_hostname": (NAMES, NO_NAMES),
        "inference_component_name": (NAMES, NO_NAMES),
        "session_id": (["NEW_SESSION", "abc-1", "a" * 256], ["", "new_session", "NEW_SESSION ", "a b", "a" * 257]),
        "prefix_aware_id": (PRINTABLE, [*NO_PRINTABLE, "a" * 65]),
        "enable_explanations": (["`true`", "[0]"], ["", "a" * 65, *NO_HEADER]),
    },
    InvokeEndpointWithResponseStreamRequest: {
        "endpoint_name": (NAMES, NO_NAMES),
        "content_type": (HEADER, NO_HEADER),
        "accept": (HEADER, NO_HEADER),
        "custom_attributes": (HEADER, NO_HEADER),
        "inference_id": (PRINTABLE, [*NO_PRINTABLE, "a" * 65]),
        "target_variant": (NAMES, NO_NAMES),
        "target_container_hostname": (NAMES, NO_NAMES),
        "inference_component_name": (NAMES, NO_NAMES),
        "session_id": (["abc-1", "a" * 256], ["", "NEW_SESSION", "a" * 257]),
        "prefix_aware_id": (PRINTABLE, [*NO_PRINTABLE, "a" * 65]),
    },
    InvokeEndpointAsyncRequest: {
        "endpoint_name": (NAMES, NO_NAMES),
        "content_type": (HEADER, NO_HEADER),
        "accept": (HEADER, NO_HEADER),
        "custom_attributes": (HEADER, NO_HEADER),
        "inference_id": (PRINTABLE, [*NO_PRINTABLE, "a" * 65]),
        "input_location": (
            ["s3://bucket/key", "s3://bucket", "s3://b/a b/c?d#e", "https://host/path?query", "s3://b/" + "k" * 1017],
            ["", "key", "http://host/", "s3:/bucket", "s3://", "s3:///key", "s3://b/é", "s3://b/" + "k" * 1018],
        ),
        "s3_output_path_extension": (
            ["a", "team/run-1", "(a)!_.*'", "a" * 512],
            ["", "s3://bucket", "https://host", "a b", "a?b", "a#b", "a:b", "é", "a" * 513],
        ),
        "filename": (
            ["a", "input.csv", "a-b_c.json", "a.", "a" * 32],
            ["", ".csv", "a.b.c", "a/b", "a?b", "a#b", "-a", "_a", "a b", "é", "a" * 33],
        ),
    },
}
BROKEN_BY_LINE_ENDS = ["a\n", "a\r", "a\r\nX-Injected: 1", "\na", "\ra", "s3://b/k\n", "s3://b/k\r\n"]


def cases(accepted: bool) -> list[Any]:
    return [
        pytest.param(shape, field, value, id=f"{shape.__name__}-{field}-{value[:20]!a}-{len(value)}")
        for shape, rules in RULES.items()
        for field, (good, bad) in rules.items()
        for value in (good if accepted else [*bad, *BROKEN_BY_LINE_ENDS])
    ]


def annotations(annotation: Any) -> list[Any]:
    """Return an annotation and all that is nested in it."""
    return [annotation, *(deeper for each in typing.get_args(annotation) for deeper in annotations(each))]


def test_the_rules_cover_every_text_field() -> None:
    for shape, rules in RULES.items():
        texts = {
            name
            for name, field in shape.model_fields.items()
            if any(annotation is str for annotation in annotations(field.annotation))
        }
        assert set(rules) == texts


@pytest.mark.parametrize(("shape", "field", "value"), cases(accepted=True))
def test_what_aws_accepts_is_accepted(shape: type[RequestShape], field: str, value: str) -> None:
    assert validated(shape, **{field: value})[field] == value


@pytest.mark.parametrize(("shape", "field", "value"), cases(accepted=False))
def test_what_breaks_a_rule_is_refused_naming_the_field(shape: type[RequestShape], field: str, value: str) -> None:
    error = refusal(shape, **{field: value})
    assert {(p.field, p.aws_name) for p in error.problems} == {(field, aws_names(shape)[field])}
    assert "TheOperation" in str(error)
    assert "Nothing was sent" in str(error)


@pytest.mark.parametrize(
    ("field", "accepted", "refused"),
    [
        ("request_ttl_seconds", [60, 21600], [59, 21601, 0, -1, "60", 60.5, True, b"60"]),
        ("invocation_timeout_seconds", [1, 3600], [0, 3601, "1", 1.5, True]),
    ],
)
def test_seconds_are_whole_numbers_within_their_limits(field: str, accepted: list[int], refused: list[Any]) -> None:
    for value in accepted:
        assert validated(InvokeEndpointAsyncRequest, **{field: value})[field] == value
    for value in refused:
        assert refusal(InvokeEndpointAsyncRequest, **{field: value}).problems[0].field == field


class TestMessages:
    def test_a_value_that_is_too_long_is_told_with_limit_and_length(self) -> None:
        rule = refusal(InvokeEndpointRequest, endpoint_name="a" * 70).problems[0].rule
        assert "63" in rule
        assert "70" in rule

    def test_a_line_break_is_named_with_its_position(self) -> None:
        assert "line break at position 2" in str(refusal(InvokeEndpointRequest, target_variant="ab\r\n"))

    def test_a_non_ascii_character_is_named_with_its_position(self) -> None:
        assert "U+00E9" in str(refusal(InvokeEndpointRequest, accept="caf\u00e9"))

    def test_a_missing_field_is_required(self) -> None:
        with pytest.raises(RequestValidationError, match=r"endpoint_name \(EndpointName\): is required"):
            requests.INVOKE_ENDPOINT.validated_fields("InvokeEndpoint", {"accept": "*/*"})

    def test_all_problems_are_listed_at_once(self) -> None:
        error = refusal(InvokeEndpointRequest, endpoint_name="", accept="\n", inference_id="")
        assert {p.field for p in error.problems} == {"endpoint_name", "accept", "inference_id"}

    @pytest.mark.parametrize("spelling", ["custom_attributes", "CustomAttributes"])
    @pytest.mark.parametrize("value", ["secret-1\n", "secret-1\u00e9", "secret-1" * 200])
    def test_a_sensitive_value_is_never_shown(self, spelling: str, value: str) -> None:
        error = refusal(InvokeEndpointRequest, **{spelling: value})
        assert "secret" not in str(error)
        assert "secret" not in repr(error.problems)
        assert error.__cause__ is None
        assert error.__context__ is None

    def test_a_value_of_the_wrong_type_names_both_types(self) -> None:
        assert "must be a str, got int" in str(refusal(InvokeEndpointRequest, target_variant=7))

    @pytest.mark.parametrize(
        ("given", "meant"), [("target_varient", "target_variant"), ("TargetVarient", "TargetVariant")]
    )
    def test_an_unknown_field_suggests_the_nearest_in_the_same_spelling(self, given: str, meant: str) -> None:
        assert f"did you mean {meant}?" in str(refusal(InvokeEndpointRequest, **{given: "a"}))

    def test_a_field_of_another_operation_is_unknown(self) -> None:
        assert "is not a field of TheOperation" in str(
            refusal(InvokeEndpointWithResponseStreamRequest, target_model="m")
        )

    def test_a_field_given_in_both_spellings_is_an_error(self) -> None:
        assert "twice" in str(refusal(InvokeEndpointRequest, EndpointName="other"))

    def test_a_stream_says_that_it_opens_no_session(self) -> None:
        assert "NEW_SESSION" in str(refusal(InvokeEndpointWithResponseStreamRequest, session_id="NEW_SESSION"))


@pytest.mark.parametrize("shape", RULES)
def test_both_spellings_make_the_same_request(shape: type[RequestShape]) -> None:
    given = {name: good[0] for name, (good, _) in RULES[shape].items()}
    names = aws_names(shape)
    in_aws = COMPILED[shape].validated_fields("Op", {names[name]: value for name, value in given.items()})
    assert COMPILED[shape].validated_fields("Op", given) == in_aws == given


@pytest.mark.parametrize("shape", RULES)
def test_requests_are_frozen_and_do_not_show_their_body(shape: type[RequestShape]) -> None:
    fields = {"endpoint_name": "e", "body": b"{}", "custom_attributes": "secret-1"}
    request: Any = validate_request(shape, "TheOperation", fields)
    assert "secret" not in repr(request)
    assert "{}" not in repr(request)
    with pytest.raises(pydantic.ValidationError):
        request.endpoint_name = "other"


class TestResponses:
    def test_unknown_fields_are_kept(self) -> None:
        answer = InvokeEndpointAsyncResponse.model_validate(
            {"InferenceId": "1", "SomethingNew": {"a": 1}, "metadata": METADATA}
        )
        assert answer.inference_id == "1"
        assert answer.model_extra == {"SomethingNew": {"a": 1}}

    def test_a_response_does_not_show_body_and_custom_attributes(self) -> None:
        answer = InvokeEndpointResponse(body=b"secret", custom_attributes="secret", metadata=METADATA)
        assert "secret" not in repr(answer)

    @pytest.mark.parametrize(
        ("new_session_id", "parts"),
        [
            (
                "abc-1; Expires=2026-01-02T03:04:05Z",
                ("abc-1", dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
            ),
            ("abc-1;Expires=2026-01-02T03:04:05Z", ("abc-1", dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC))),
            ("abc-1", ("abc-1", None)),
            ("abc-1; Expires=never", ("abc-1", None)),
            ("abc-1; Other=2026-01-02T03:04:05Z", ("abc-1", None)),
            (None, None),
        ],
    )
    def test_a_new_session_is_offered_in_its_two_parts(self, new_session_id: str | None, parts: Any) -> None:
        answer = InvokeEndpointResponse(body=b"", new_session_id=new_session_id, metadata=METADATA)
        assert answer.new_session == parts
