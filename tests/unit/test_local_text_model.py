"""The text model of the demonstration: deterministic, in the text-generation dialect, never at a loss."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from sagemaker_async.errors import ConfigurationError
from sagemaker_async.local.models import InvocationRequest, ModelFailure
from sagemaker_async.local.text_model import TextModel

MODEL = TextModel()


async def run(content: Any, model: TextModel = MODEL) -> list[bytes]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    response = await model(body, InvocationRequest(endpoint_name="t", operation="InvokeEndpoint", body=body))
    if isinstance(response.body, str):
        return [response.body.encode()]
    return [part async for part in response.body]  # type: ignore[union-attr,misc]


async def generated(inputs: str, **parameters: Any) -> dict[str, Any]:
    return json.loads((await run({"inputs": inputs, "parameters": parameters}))[0])  # type: ignore[no-any-return]


async def streamed(inputs: str, **parameters: Any) -> list[dict[str, Any]]:
    events = await run({"inputs": inputs, "parameters": parameters, "stream": True})
    assert all(event.startswith(b"data:") and event.endswith(b"\n\n") for event in events)
    return [json.loads(event[len(b"data:") :]) for event in events]


@pytest.mark.parametrize(
    "prompt", ["The keeper", "the boats have", "no word of this is known", "", "...", "日本語 \ud800"]
)
async def test_any_prompt_is_continued_and_always_the_same_way(prompt: str) -> None:
    first = await generated(prompt, max_new_tokens=20)
    assert first["generated_text"]
    assert await generated(prompt, max_new_tokens=20) == first


@pytest.mark.parametrize("most", [1, 2, 17])
async def test_no_more_than_max_new_tokens_are_generated(most: int) -> None:
    details = (await generated("The lighthouse", max_new_tokens=most))["details"]
    assert details["generated_tokens"] == most
    assert details["finish_reason"] == "length"


async def test_the_tokens_of_a_stream_make_up_the_text_of_the_plain_answer() -> None:
    plain = await generated("The city", max_new_tokens=30)
    records = await streamed("The city", max_new_tokens=30)
    assert "".join(r["token"]["text"] for r in records if not r["token"]["special"]) == plain["generated_text"]
    assert records[-1]["generated_text"] == plain["generated_text"]
    assert records[-1]["details"] == plain["details"]
    assert all(r["generated_text"] is None and r["details"] is None for r in records[:-1])
    assert [r["index"] for r in records] == list(range(1, len(records) + 1))
    assert all(math.exp(r["token"]["logprob"]) <= 1 for r in records)


async def test_a_natural_end_is_a_special_token_and_says_so() -> None:
    records = [await streamed("that is", max_new_tokens=4096, seed=seed) for seed in range(3)]
    for stream in records:
        assert stream[-1]["token"] == {**stream[-1]["token"], "id": 0, "text": "</s>", "special": True}
        assert stream[-1]["details"]["finish_reason"] == "eos_token"
        assert "</s>" not in stream[-1]["generated_text"]


async def test_a_stop_sequence_ends_the_text() -> None:
    answer = await generated("The keeper", max_new_tokens=200, stop=["."])
    assert answer["generated_text"].endswith(".")
    assert answer["details"]["finish_reason"] == "stop_sequence"


async def test_another_seed_tells_another_story() -> None:
    texts = {(await generated("The", max_new_tokens=30, seed=seed))["generated_text"] for seed in range(5)}
    assert len(texts) > 1


async def test_ids_stand_for_the_same_text_everywhere() -> None:
    texts: dict[int, set[str]] = {}
    for token in MODEL.generate("The", max_new_tokens=300):
        texts.setdefault(token.id, set()).add(token.text)
    assert all(len(found) == 1 for found in texts.values())


async def test_the_delay_is_waited_before_each_token() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    body = {"inputs": "The", "parameters": {"max_new_tokens": 3}, "stream": True}
    assert len(await run(body, TextModel(0.25, sleep=sleep))) == 3
    assert waits == [0.25] * 3


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        [],
        {},
        {"inputs": 3},
        {"inputs": "x", "parameters": []},
        {"inputs": "x", "parameters": {"max_new_tokens": 0}},
        {"inputs": "x", "parameters": {"max_new_tokens": 5000}},
        {"inputs": "x", "parameters": {"max_new_tokens": True}},
        {"inputs": "x", "parameters": {"seed": "a"}},
        {"inputs": "x", "parameters": {"stop": "."}},
        {"inputs": "x", "parameters": {"stop": [""]}},
    ],
)
async def test_a_bad_request_is_refused_as_the_dialect_does(content: Any) -> None:
    with pytest.raises(ModelFailure) as failure:
        await run(content)
    assert failure.value.status == 422
    assert json.loads(failure.value.message)["error_type"] == "validation"


def test_it_learns_from_another_text() -> None:
    tokens = list(TextModel(text="one two three").generate("one", max_new_tokens=9))
    assert [token.text for token in tokens] == [" two", " three", "</s>"]
    assert all(token.logprob == 0 for token in tokens)


@pytest.mark.parametrize("options", [{"delay": -1}, {"text": "too short"}])
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"TextModel\."):
        TextModel(**options)
