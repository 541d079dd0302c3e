"""What a client is told of each error: the status, and nothing of the error's own words."""

from __future__ import annotations

import inspect
import json
from http import HTTPStatus
from typing import Any

import pytest

from sagemaker_async import errors
from sagemaker_async.integrations.fastapi import Problem, openapi_responses, problem_of
from sagemaker_async.integrations.fastapi.handlers import problem_response, reported
from sagemaker_async.integrations.fastapi.problems import PROBLEMS

SECRET = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/secret"


def bare(kind: type[errors.SageMakerAsyncError]) -> errors.SageMakerAsyncError:
    """Return an error of any kind, with a secret wherever it has a place for one."""
    error = kind.__new__(kind)
    if isinstance(error, errors.CallError):
        errors.CallError.__init__(error, SECRET)
        error.locate("InvokeEndpoint", SECRET, f"https://{SECRET}", SECRET)
    error.args = (SECRET,)
    error.__dict__.update(
        {"status": 500, "code": SECRET, "fields": {"OriginalMessage": SECRET}, "error_code": None, "error_type": None}
        | {"operation": "InvokeEndpoint", "problems": (), "error_message": SECRET}
    )
    return error


ALL = [
    kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and issubclass(kind, errors.SageMakerAsyncError) and kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_is_a_problem_that_leaks_nothing(
    kind: type[errors.SageMakerAsyncError], caplog: pytest.LogCaptureFixture
) -> None:
    problem, instance = reported(bare(kind))
    response = problem_response(problem, instance)
    assert 400 <= response.status_code < 600
    assert SECRET.encode() not in bytes(response.body)
    assert SECRET not in str(response.headers)
    members = json.loads(bytes(response.body))
    assert members["title"] == HTTPStatus(problem.status).phrase
    assert response.headers["content-type"] == "application/problem+json"
    assert instance in caplog.text
    assert kind.__name__ in caplog.text


STATUSES: list[tuple[type[errors.SageMakerAsyncError], int, str]] = [
    (errors.ThrottlingError, 429, "throttled"),
    (errors.ModelNotReadyException, 429, "throttled"),
    (errors.PoolTimeoutError, 503, "busy"),
    (errors.ServiceUnavailable, 503, "model_unavailable"),
    (errors.InternalDependencyException, 503, "model_unavailable"),
    (errors.SessionClosedError, 503, "shutting_down"),
    (errors.FirstByteTimeoutError, 504, "model_timeout"),
    (errors.ConnectTimeoutError, 504, "model_timeout"),
    (errors.TotalTimeoutError, 504, "model_timeout"),
    (errors.StreamStalledError, 504, "model_timeout"),
    (errors.DNSError, 502, "model_unreachable"),
    (errors.ConnectionLostError, 502, "model_unreachable"),
    (errors.StreamConnectionError, 502, "answer_broke_off"),
    (errors.TruncatedStreamError, 502, "answer_broke_off"),
    (errors.ModelStreamError, 502, "answer_broke_off"),
    (errors.StreamIncomplete, 502, "answer_broke_off"),
    (errors.StreamDecodeError, 502, "answer_unreadable"),
    (errors.DeserializationError, 502, "answer_unreadable"),
    (errors.NotAnEventStreamError, 502, "answer_unreadable"),
    (errors.ResponseTooLargeError, 502, "answer_unreadable"),
    (errors.ModelError, 502, "model_failed"),
    (errors.InternalFailure, 502, "model_failed"),
    (errors.ValidationError, 502, "model_failed"),
    (errors.SerializationError, 422, "input_invalid"),
    (errors.RequestValidationError, 422, "input_invalid"),
    (errors.AccessDeniedError, 500, "misconfigured"),
    (errors.ExpiredTokenError, 500, "misconfigured"),
    (errors.NoCredentialsError, 500, "misconfigured"),
    (errors.NoRegionError, 500, "misconfigured"),
    (errors.ConcurrentReadError, 500, "internal_error"),
]


@pytest.mark.parametrize(("kind", "status", "code"), STATUSES, ids=lambda value: getattr(value, "__name__", None))
def test_the_kind_of_error_decides(kind: type[errors.SageMakerAsyncError], status: int, code: str) -> None:
    problem = problem_of(bare(kind))
    assert (problem.status, problem.code) == (status, code)


@pytest.mark.parametrize(
    ("original", "status"),
    [(400, 422), (413, 413), (422, 422), (429, 429), (503, 503), (504, 504), (0, 504), (500, 502), (403, 502)],
)
def test_the_containers_own_status_decides_where_it_says_whose_fault_it_is(original: int, status: int) -> None:
    error = errors.ModelError("x", status=424, code="ModelError", fields={"OriginalStatusCode": original})
    assert problem_of(error).status == status


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InBandError("x", code=429), 429),
        (errors.InBandError("x", code=424, error_type="generation"), 502),
        (errors.InBandError("x", error_type="validation"), 422),
        (errors.InBandError("x", code="rate_limited"), 502),
        (errors.ModelStreamError("x", "ModelInvocationTimeExceeded"), 504),
        (errors.ModelStreamError("x", "StreamBroken"), 502),
        (errors.GatewayError("x", status=504, code=""), 504),
        (errors.GatewayError("x", status=502, code=""), 502),
        (errors.ValidationError("x", status=413, code=""), 413),
        (KeyError("x"), 500),
    ],
)
def test_other_facts_decide_where_they_say_more(error: Exception, status: int) -> None:
    assert problem_of(error).status == status


@pytest.mark.parametrize(
    ("field", "rule", "status"),
    [
        ("body", "must have at most 10 bytes (Config.max_body_bytes), has 11", 413),
        ("body", "cannot be read", 422),
        ("target_variant", "must have at most 63 characters", 422),
    ],
)
def test_a_body_over_the_limit_is_413(field: str, rule: str, status: int) -> None:
    problem = errors.FieldProblem(field, field.title(), rule)
    assert problem_of(errors.RequestValidationError("InvokeEndpoint", [problem])).status == status


@pytest.mark.parametrize(("wait", "seconds"), [(None, 1), (0.0, 1), (0.2, 1), (2.1, 3)])
def test_retry_after_is_whole_seconds_and_at_least_one(wait: float | None, seconds: int) -> None:
    error = errors.ThrottlingError("x", status=429, code="ThrottlingException")
    error.retry_after = wait
    problem = problem_of(error)
    assert problem.retry_after == seconds
    assert problem_response(problem, "urn:uuid:0").headers["retry-after"] == str(seconds)


def test_the_log_has_the_traceback_of_what_is_wrong_in_the_application_only(caplog: pytest.LogCaptureFixture) -> None:
    reported(errors.ConfigurationError("set the region"))
    assert "set the region" in caplog.text
    caplog.clear()
    reported(errors.ModelError("what somebody typed", status=424, code="ModelError"))
    assert "what somebody typed" not in caplog.text


@pytest.mark.parametrize(("count", "words"), [(1, "1 attempt"), (3, "3 attempts")])
def test_the_log_has_the_facts(caplog: pytest.LogCaptureFixture, count: int, words: str) -> None:
    error = errors.ThrottlingError("what somebody typed", status=429, code="ThrottlingException")
    error.operation, error.resource, error.request_id = "InvokeEndpoint", "my-endpoint", "id-1"
    error.attempts = tuple(
        errors.Attempt(number=number, started=0.0, duration=0.1, outcome="429") for number in range(1, count + 1)
    )
    _, instance = reported(error)
    assert caplog.messages == [
        f"429 throttled ({instance}): ThrottlingError, InvokeEndpoint on my-endpoint, request id id-1, {words}"
    ]


@pytest.mark.parametrize("form", [None, "sse", "json-lines", "text", "raw"])
def test_openapi_documents_every_problem_there_is(form: Any) -> None:
    responses = openapi_responses(form)
    documented: set[str] = set()
    for status, response in responses.items():
        if status != 200:
            schema = response["content"]["application/problem+json"]["schema"]
            documented |= set(schema["properties"]["code"]["enum"])
            assert set(schema["required"]) <= set(schema["properties"])
    assert documented == {problem.code for problem in PROBLEMS}
    assert (200 in responses) == (form is not None)
    assert "Retry-After" in responses[429]["headers"]
    assert "application/json" in responses[422]["content"]


def test_openapi_refuses_a_format_there_is_not() -> None:
    with pytest.raises(errors.ConfigurationError, match="sse, json-lines, text, raw"):
        openapi_responses("xml")  # type: ignore[arg-type]


def test_problems_have_codes_of_their_own() -> None:
    assert len({problem.code for problem in PROBLEMS}) == len(PROBLEMS)
    assert all(isinstance(problem, Problem) for problem in PROBLEMS)
