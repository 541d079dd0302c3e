"""The kept inputs of all targets, run once more: nothing but documented errors, and every promise of the target."""

from __future__ import annotations

import pytest

from . import corpus
from .targets import TARGETS, Target


@pytest.mark.timeout(60)
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_kept_inputs_and_seeds_break_nothing(target: Target) -> None:
    kept = dict(corpus.inputs(target))
    assert kept, f"there is no corpus: python -m tests.fuzz {target.name} --seconds 60"
    broken = {}
    with target.open() as check:
        for name, data in [*kept.items(), *((f"seed {number}", data) for number, data in enumerate(target.seeds()))]:
            try:
                check(data)
            except Exception as error:  # noqa: BLE001 - whatever escapes is what is looked for
                broken[name] = f"{type(error).__name__}: {error}"
    assert not broken


def test_the_corpus_is_small_and_all_of_it_is_of_a_target() -> None:
    assert sum(file.stat().st_size for file in corpus.DIRECTORY.rglob("*") if file.is_file()) < 500_000
    assert {directory.name for directory in corpus.DIRECTORY.iterdir()} == set(TARGETS)
