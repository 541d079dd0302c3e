"""`Pace`, on a clock that is set by hand."""

from __future__ import annotations

import pytest

from sagemaker_async.cli.pace import Pace, duration


def paced(*times: float) -> Pace:
    """A pace whose request is sent at the first time, and whose records come at the others."""
    clock = iter(times)
    pace = Pace(lambda: next(clock))
    for _ in times[1:]:
        pace.mark()
    return pace


def test_nothing_is_known_before_the_first_record() -> None:
    pace = paced(10.0)
    assert (pace.count, pace.to_first, pace.rate, pace.total) == (0, None, None, 0.0)


def test_one_record_has_a_time_and_no_rate() -> None:
    pace = paced(10.0, 10.5)
    assert (pace.count, pace.to_first, pace.rate, pace.total) == (1, 0.5, None, 0.5)


def test_the_rate_is_that_after_the_first_record() -> None:
    pace = paced(10.0, 15.0, 15.5, 16.0)
    assert (pace.count, pace.to_first, pace.rate, pace.total) == (3, 5.0, 2.0, 6.0)


def test_records_at_the_same_time_have_no_rate() -> None:
    assert paced(0.0, 1.0, 1.0).rate is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0 ms"), (0.0005, "0.5 ms"), (0.02, "20 ms"), (0.9994, "999 ms"), (1.5, "1.50 s")]
)
def test_durations_are_in_milliseconds_up_to_a_second(seconds: float, text: str) -> None:
    assert duration(seconds) == text
