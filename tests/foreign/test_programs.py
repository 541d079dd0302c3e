"""Programs written for aiobotocore and aioboto3 print the same with nothing but their import changed to ours."""

from __future__ import annotations

import pytest

from .running import OURS, PROGRAMS, RECORDED, output_of, source_of


@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_of_aiobotocore_prints_the_same_with_its_import_changed(name: str) -> None:
    theirs = await output_of(name, ours=False)
    assert len(theirs.splitlines()) > 10
    assert await output_of(name, ours=True) == theirs


async def test_a_program_of_aioboto3_prints_what_was_recorded_of_it_with_its_import_changed() -> None:
    assert await output_of("with_aioboto3", ours=True) == RECORDED.read_text()


@pytest.mark.parametrize("name", [*PROGRAMS, "with_aioboto3"])
def test_nothing_but_the_import_is_changed(name: str) -> None:
    theirs, ours = source_of(name, ours=False), source_of(name, ours=True)
    assert len(theirs.splitlines()) >= (50 if name in PROGRAMS else 30)
    changed = [line for line in theirs.splitlines() if line not in ours.splitlines()]
    assert changed == next(text.splitlines() for text in OURS if text in theirs)
    assert [line for line in ours.splitlines() if "sagemaker_async" in line] == [
        line for line in ours.splitlines() if line not in theirs.splitlines()
    ]
