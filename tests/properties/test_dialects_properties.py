"""Whatever dialect a stream is read as, its answer is all there, or an error says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagemaker_async.errors import StreamDecodeError, StreamError, StreamIncomplete
from sagemaker_async.records import TokenSplitter
from sagemaker_async.records.dialects import ALIASES, DIALECTS

FIXTURES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "vectors" / "dialects.json").read_text())
NAMES = [*DIALECTS, *ALIASES]


def read(slices: list[bytes], dialect: str, *, allow_incomplete: bool) -> tuple[str, StreamError | None]:
    splitter = TokenSplitter(dialect, allow_incomplete=allow_incomplete)
    try:
        for data in slices:
            list(splitter.feed(data))
        list(splitter.finish())
    except StreamError as error:
        return splitter.result.text, error
    return splitter.result.text, None


def expected(fixture: dict[str, Any], dialect: str) -> str:
    """Return the text; as `raw`, the payload itself is the text."""
    text: str = fixture["payload"] if ALIASES.get(dialect, dialect) == "raw" else fixture["text"]
    return text


@pytest.mark.parametrize("allow_incomplete", [False, True])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture["name"])
def test_a_dialect_reads_the_whole_text_or_says_that_it_does_not_fit(
    fixture: dict[str, Any], name: str, allow_incomplete: bool
) -> None:
    payload = fixture["payload"].encode()
    for slices in ([payload], [payload[at : at + 1] for at in range(len(payload))]):
        text, error = read(slices, name, allow_incomplete=allow_incomplete)
        if error is None:
            assert text == expected(fixture, name)
            continue
        assert text == ""
        if type(error) is StreamIncomplete:  # plain text that looks like a comment of server-sent events
            assert payload.lstrip().startswith(b":")
            assert "dialect='raw'" in str(error)
            continue
        assert type(error) is StreamDecodeError
        assert error.undelivered
        assert repr(DIALECTS[ALIASES.get(name, name)].name) in str(error)
        assert f"dialect={fixture['dialect']!r}" in str(error)


@given(data=st.data())
def test_streams_of_several_records_never_lose_text_in_silence(data: st.DataObject) -> None:
    pieces = data.draw(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=4))
    build = data.draw(st.sampled_from([_chat, _completion, _token, _generated, _output]))
    ends = data.draw(st.sampled_from(["", "data: [DONE]\n\n"]))
    payload = "".join(f"data: {json.dumps(build(piece))}\n\n" for piece in pieces) + ends
    for name in NAMES:
        text, error = read([payload.encode()], name, allow_incomplete=True)
        if error is None:
            assert text == (payload if ALIASES.get(name, name) == "raw" else "".join(pieces))


def _chat(piece: str) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": piece}}]}


def _completion(piece: str) -> dict[str, Any]:
    return {"choices": [{"text": piece}]}


def _token(piece: str) -> dict[str, Any]:
    return {"token": {"text": piece}, "generated_text": ""}


def _generated(piece: str) -> dict[str, Any]:
    return {"generated_text": piece}


def _output(piece: str) -> dict[str, Any]:
    return {"outputs": [piece]}
