"""The lines of the output: what they hold, whose fault a failure is, and what is not a line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sagemaker_async.bulk.lines import MalformedRecord, failure_line, read_line, result_line
from sagemaker_async.errors import (
    Attempt,
    ConnectionLostError,
    CredentialsError,
    DeserializationError,
    InBandError,
    ModelError,
    SageMakerAsyncError,
    SerializationError,
    ServiceUnavailable,
    StreamIncomplete,
    ThrottlingError,
    ValidationError,
)


def service_error(kind: Any, status: int) -> Any:
    return kind("no", status=status, code=kind.__name__)


def test_an_answer_has_its_index_and_the_id_that_was_asked_for() -> None:
    assert result_line(3, "a", {"é": [1.5, None]}, with_id=True) == (
        b'{"index": 3, "id": "a", "result": {"\\u00e9": [1.5, null]}}\n'
    )
    assert result_line(3, None, None, with_id=False) == b'{"index": 3, "result": null}\n'
    assert result_line(3, None, "x", with_id=True) == b'{"index": 3, "id": null, "result": "x"}\n'


def test_an_answer_of_bytes_is_text_or_base64() -> None:
    assert json.loads(result_line(0, None, "é\n".encode(), with_id=False))["result"] == "é\n"
    assert json.loads(result_line(0, None, memoryview(b"\xff\x00"), with_id=False)) == {
        "index": 0,
        "result_base64": "/wA=",
    }


def test_an_answer_that_json_cannot_hold_is_refused() -> None:
    for answer in (float("nan"), object(), {1, 2}):
        with pytest.raises(SerializationError):
            result_line(0, None, answer, with_id=False)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (service_error(ModelError, 424), "record"),
        (DeserializationError("no"), "record"),
        (SerializationError("no"), "record"),
        (InBandError("no"), "record"),
        (service_error(ThrottlingError, 429), "endpoint"),
        (service_error(ServiceUnavailable, 503), "endpoint"),
        (service_error(ValidationError, 400), "endpoint"),
        (ConnectionLostError("no"), "endpoint"),
        (StreamIncomplete("no"), "endpoint"),
        (CredentialsError("no"), "endpoint"),
        (OSError("no"), "endpoint"),
    ],
)
def test_a_failure_is_of_the_record_or_of_the_endpoint(error: Exception, fault: str) -> None:
    line = read_line(failure_line(7, "id", error, with_id=True))
    assert line is not None
    assert line.error is not None
    assert (line.index, line.error["type"], line.error["fault"]) == (7, type(error).__name__, fault)
    assert line.by_endpoint == (fault == "endpoint")


def test_a_failure_of_a_call_has_its_facts() -> None:
    error = service_error(ModelError, 424)
    error.request_id = "r-1"
    error.attempts = (Attempt(1, 0.0, 0.1, "503", 0.1), Attempt(2, 0.2, 0.1, "424"))
    facts = json.loads(failure_line(0, None, error, with_id=False))["error"]
    assert {name: facts[name] for name in ("status", "code", "request_id", "attempts")} == {
        "status": 424,
        "code": "ModelError",
        "request_id": "r-1",
        "attempts": 2,
    }
    assert "no" in facts["message"]
    assert set(json.loads(failure_line(0, None, SageMakerAsyncError("no"), with_id=False))["error"]) == {
        "type",
        "message",
        "fault",
    }


def test_a_malformed_record_has_its_line() -> None:
    line = read_line(failure_line(4, None, MalformedRecord(17, "it has no field 'a'"), with_id=False))
    assert line is not None
    assert line.error == {
        "type": "MalformedRecord",
        "message": "line 17: it has no field 'a'",
        "fault": "record",
        "line": 17,
    }


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[1]",
        b'{"index": "1", "result": 1}',
        b'{"index": true, "result": 1}',
        b'{"index": -1, "result": 1}',
        b'{"index": 1}',
        b'{"index": 1, "result": 1, "error": {}}',
        b'{"index": 1, "error": null}',
        b'{"index": 1, "error": "text"}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_no_run_has_written_is_not_a_line(text: bytes) -> None:
    assert read_line(text) is None


def test_a_line_that_is_cut_anywhere_is_not_a_line() -> None:
    text = result_line(12, "id", {"a": [1, "}"]}, with_id=True)
    assert [read_line(text[:end]) for end in range(len(text) - 1)] == [None] * (len(text) - 1)
