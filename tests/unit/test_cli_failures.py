"""What failed commands say, and with which status they end."""

from __future__ import annotations

import pytest

from sagemaker_async.cli.failures import description, exit_status, printable
from sagemaker_async.errors import (
    Attempt,
    ConfigurationError,
    ConnectError,
    CredentialsConfigurationError,
    CredentialsExpiredError,
    FieldProblem,
    ModelError,
    NoCredentialsError,
    NoRegionError,
    RequestValidationError,
    SageMakerAsyncError,
    ServiceUnavailable,
    TruncatedStreamError,
)

ARN = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/sagemaker/Endpoints/e:log-stream:AllTraffic/i-1"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConfigurationError("x"), 2),
        (NoRegionError("x"), 2),
        (NoCredentialsError("x"), 2),
        (CredentialsConfigurationError("x"), 2),
        (RequestValidationError("InvokeEndpoint", [FieldProblem("body", "Body", "is required")]), 2),
        (CredentialsExpiredError("x"), 1),
        (ConnectError("x"), 1),
        (ModelError("x", status=424, code="ModelError"), 1),
        (TruncatedStreamError("x"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_wrong_here_is_2_and_what_fails_elsewhere_is_1(error: SageMakerAsyncError, status: int) -> None:
    assert exit_status(error) == status


def test_a_failed_call_names_endpoint_request_id_and_each_attempt() -> None:
    error = ServiceUnavailable("no", status=503, code="ServiceUnavailable")
    error.locate("InvokeEndpoint", "my-endpoint", "https://example.com", "id-1")
    error.attempts = (Attempt(1, 0, 1, "503 ServiceUnavailable", 0.1), Attempt(2, 1.1, 1, "503 ServiceUnavailable"))
    text = description(error)
    assert "InvokeEndpoint on 'my-endpoint': HTTP 503 ServiceUnavailable: no" in text
    assert "request id id-1, 2 attempts" in text
    assert text.endswith("Attempts: 1. 503 ServiceUnavailable; 2. 503 ServiceUnavailable.")


def test_a_single_attempt_is_not_listed() -> None:
    error = ConnectError("refused")
    error.attempts = (Attempt(1, 0, 1, "ConnectError"),)
    assert description(error) == "ConnectError: refused"


def test_a_model_error_links_to_the_log() -> None:
    error = ModelError("failed", status=424, code="ModelError", fields={"LogStreamArn": ARN})
    assert f"The container's log: {error.log_url}" in description(error)
    assert error.log_url is not None


def test_a_model_error_without_a_log_has_no_link() -> None:
    assert description(ModelError("failed", status=424, code="ModelError")) == "HTTP 424 ModelError: failed"


def test_a_message_cannot_steer_the_terminal() -> None:
    error = ModelError("red \x1b[31m and \r back\nnext \x9b2J", status=424, code="ModelError")
    assert description(error) == "HTTP 424 ModelError: red \\x1b[31m and \\r back\nnext \\x9b2J"


def test_letters_of_any_language_stay() -> None:
    assert printable("grün 海 🌊") == "grün 海 🌊"
