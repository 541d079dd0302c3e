"""What the command ``bulk`` makes of answers."""

from __future__ import annotations

from typing import Any

import pytest

from sagemaker_async.cli import bulk
from sagemaker_async.errors import DeserializationError


@pytest.mark.parametrize(
    ("body", "content_type", "several", "expected"),
    [
        (b'{"a": 1}', "application/json", False, {"a": 1}),
        (b"[1, 2]", "application/problem+json; charset=utf-8", True, [1, 2]),
        (b'{"a": 1}\n', "application/jsonlines", False, {"a": 1}),
        (b'{"a": 1}\n', "application/jsonlines", True, [{"a": 1}]),
        (b"1\n\n2\n", "application/x-ndjson", False, [1, 2]),
        (b"0.5,0.7\n", "text/csv", True, b"0.5,0.7\n"),
        (b"\xff", "application/octet-stream", False, b"\xff"),
    ],
)
def test_answers_are_read_by_their_content_type(body: bytes, content_type: str, several: bool, expected: Any) -> None:
    assert bulk._AnswerDeserializer(several=several).deserialize(body, content_type) == expected


def test_json_that_is_none_is_an_error_of_its_record() -> None:
    with pytest.raises(DeserializationError, match="not valid JSON"):
        bulk._AnswerDeserializer(several=False).deserialize(b"{", "application/json")
