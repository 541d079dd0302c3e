"""What came of a run: counts, percentiles, tokens, and the words for them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from sagemaker_async.bulk.lines import Line
from sagemaker_async.bulk.summary import Tally, usage_of


def test_percentiles_are_right_to_two_percent_and_the_longest_is_exact() -> None:
    chance = random.Random(7)
    seconds = [chance.lognormvariate(-3, 1.5) for _ in range(5000)]
    tally = Tally()
    for each in seconds:
        tally.add_call(each)
    latency = tally.summary(1.0, complete=True).latency
    ranked = sorted(seconds)
    for percent in (50, 90, 99):
        exact = ranked[len(ranked) * percent // 100 - 1]
        assert exact <= latency[f"p{percent}"] <= exact * 1.021
    assert latency["max"] == max(seconds)


def test_one_call_is_all_percentiles_and_none_has_none() -> None:
    tally = Tally()
    assert tally.summary(0.0, complete=True).latency == {}
    tally.add_call(0.25)
    assert tally.summary(1.0, complete=True).latency == {"p50": 0.25, "p90": 0.25, "p99": 0.25, "max": 0.25}


def test_a_call_that_took_no_time_counts() -> None:
    tally = Tally()
    tally.add_call(0.0)
    assert tally.summary(1.0, complete=True).latency["max"] == 0.0


def test_records_of_earlier_runs_count_for_all_but_the_rate() -> None:
    tally = Tally()
    tally.add_line(Line(0, {"choices": [], "usage": {"prompt_tokens": 5}}, None))
    tally.add_line(Line(1, None, {"type": "ModelError"}))
    for _ in range(6):
        tally.add_result({"choices": [], "usage": {"prompt_tokens": 2}})
    tally.add_error("ModelError")
    tally.add_error("ThrottlingError")
    tally.retried = 3
    summary = tally.summary(4.0, complete=False)
    assert (summary.records, summary.succeeded, summary.failed, summary.earlier) == (10, 7, 3, 2)
    assert list(summary.errors.items()) == [("ModelError", 2), ("ThrottlingError", 1)]
    assert summary.usage == {"prompt_tokens": 17}
    assert summary.rate == 2.0
    words = str(summary)
    for part in (
        "not complete: 10 finished, 7 with an answer, 3 failed",
        "2 of them in earlier runs",
        "2.0 records/s over 4.0 s, 3 requests made again",
        "errors ModelError 2, ThrottlingError 1",
        "tokens prompt_tokens 17",
    ):
        assert part in words


@pytest.mark.parametrize(
    ("result", "usage"),
    [
        (
            {
                "object": "chat.completion",
                "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "details": {"cached": 1}},
            },
            {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
        ),
        ([{"generated_text": "hi", "details": {"generated_tokens": 4}}], {"completion_tokens": 4}),
        ({"generated_text": "hi", "details": {"generated_tokens": 4, "input_length": 2}},
         {"prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6}),
        ({"generated_text": "hi", "details": "broken"}, {}),
        ({"choices": [{"text": "hi"}], "usage": {"prompt_tokens": "many", "total_tokens": True}}, {}),
        ({"choices": 7, "usage": {"prompt_tokens": 1}}, {}),
        ({"predictions": [1, 2]}, {}),
        ([{"a": 1}, {"b": 2}], {}),
        ("text", {}),
        (None, {}),
    ],
)  # fmt: skip
def test_tokens_are_found_in_each_dialect_and_nothing_is_made_up(result: Any, usage: dict[str, int]) -> None:
    assert usage_of(result) == usage
