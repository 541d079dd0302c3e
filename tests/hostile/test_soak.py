"""A short soak, and the judgement of long ones: leaks and losses are found, noise is not taken for them."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from .soak import ALLOWED, Account, Sample, after_warm_up, grown, soak, violations

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is read from /proc")

QUIET = [Sample(1_000 * number, 80 + number % 3 * 5, 1, 60_000 + number % 5, 70_000) for number in range(1, 21)]
SOUND = Account(
    calls=20_000, answered=19_200, left=40, samples=QUIET, server={"run_twice": 0, "runs": 19_500, "faults": 1_000}
)
SOUND.errors["ConnectionLostError"] = 760


async def test_every_call_is_accounted_for() -> None:
    account = await soak(900, 60, wave=240)
    account.samples = QUIET  # too few calls to judge by
    assert violations(account) == []
    assert account.calls == 960
    assert account.answered > 800
    assert account.left > 0
    assert account.errors.total() > 0


async def test_without_faults_every_call_is_answered() -> None:
    account = await soak(900, 60, faults=0, wave=240)
    assert account.errors == {}
    assert account.answered + account.left == account.calls == 960


def test_an_account_with_nothing_wrong_is_sound() -> None:
    assert violations(SOUND) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"wrong": 1, "answered": 19_199}, "1 calls got an answer that was not their own"),
        ({"server": {"run_twice": 2, "faults": 1_000}}, "2 requests were run twice"),
        ({"server": {"run_twice": 0, "faults": 700}}, "760 calls failed, of 700 faults"),
        ({"answered": 19_199}, "some calls are not accounted for"),
    ],
)
def test_what_is_wrong_with_the_calls_is_found(change: dict[str, object], words: str) -> None:
    assert violations(dataclasses.replace(SOUND, **change)) == [words]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("figure", "each"), [("descriptors", 0.002), ("tasks", 0.001), ("objects", 0.2), ("memory", 1.0)]
)
def test_a_leak_is_found(figure: str, each: float) -> None:
    leaking = [
        sample._replace(**{figure: getattr(sample, figure) + int(sample.calls * each)}) for sample in SOUND.samples
    ]
    (found,) = violations(dataclasses.replace(SOUND, samples=leaking))
    assert found.startswith(f"{figure} grew by")


def test_what_grows_before_things_have_their_size_is_no_leak() -> None:
    growing = [sample._replace(memory=min(sample.calls * 20, 100_000)) for sample in QUIET]
    assert grown(growing).memory > ALLOWED.memory
    assert violations(dataclasses.replace(SOUND, samples=growing)) == []
    assert len(after_warm_up(growing)) == 15
