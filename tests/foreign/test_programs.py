"""Programs of other libraries print the same with their import changed to ours, and after a move all the way."""

from __future__ import annotations

import pytest

from .running import OURS, PROGRAMS, chapter, hash_of, output_of, recording_of, source_of, with_our_import


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_of_aiobotocore_prints_the_same_with_its_import_changed(name: str) -> None:
    program, empty = source_of(name), name == "managing"
    theirs = output_of(program, empty=empty)
    assert len(theirs.splitlines()) > 10
    assert output_of(with_our_import(program), empty=empty) == theirs


def test_a_program_of_aioboto3_prints_what_was_recorded_of_it_with_its_import_changed() -> None:
    assert output_of(with_our_import(source_of("with_aioboto3"))) == recording_of("with_aioboto3")["printed"]


@pytest.mark.parametrize("name", [*PROGRAMS, "with_aioboto3"])
def test_nothing_but_the_import_is_changed(name: str) -> None:
    theirs = source_of(name).splitlines()
    ours = with_our_import(source_of(name)).splitlines()
    assert len([line for line in theirs if line]) >= (50 if name in PROGRAMS else 30)
    changed = [line for line in theirs if line not in ours]
    assert changed == next(text.splitlines() for text in OURS if text in source_of(name))
    assert len([line for line in ours if line not in theirs]) == 1


@pytest.mark.parametrize("name", ["with_aioboto3", "From the SageMaker SDK"])
def test_what_was_recorded_is_of_the_program_as_it_is(name: str) -> None:
    assert recording_of(name)["program"] == hash_of(source_of(name))


def test_the_guides_program_of_aiobotocore_prints_the_same_on_both_ways() -> None:
    before, after = chapter("From aiobotocore")
    theirs = output_of(before)
    assert len(theirs.splitlines()) == 4
    assert output_of(with_our_import(before)) == theirs
    assert output_of(after) == theirs


def test_the_guides_program_of_boto3_prints_the_same_after_the_move() -> None:
    before, after = chapter("From boto3 in threads")
    theirs = output_of(before)
    assert len(theirs.splitlines()) == 4
    assert output_of(after) == theirs


def test_the_guides_program_of_the_sdk_prints_the_same_after_the_move() -> None:
    _, after = chapter("From the SageMaker SDK")
    theirs = recording_of("From the SageMaker SDK")["printed"]
    assert len(theirs.splitlines()) == 6
    assert output_of(after) == theirs
