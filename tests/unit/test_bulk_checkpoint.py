"""The checkpoint: whole or not there, locked, of this input and these settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sagemaker_async.bulk.checkpoint import Checkpoint, Finished, Manifest
from sagemaker_async.errors import ConfigurationError

MANIFEST = Manifest(input={"bytes": 7, "blake2b": "ab"}, settings={"target": "m", "fields": ["a", "b"], "header": True})


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "c")
    assert checkpoint.read() is None
    checkpoint.write(replace(MANIFEST, settings={"long": "x" * 1000}))
    checkpoint.write(MANIFEST)
    checkpoint.close()
    checkpoint.close()
    again = Checkpoint(tmp_path / "c")
    assert again.read() == MANIFEST
    again.close()


def test_a_checkpoint_that_is_cut_anywhere_says_nothing(tmp_path: Path) -> None:
    whole = MANIFEST.encoded()
    assert Manifest.decoded(whole) == MANIFEST
    assert [Manifest.decoded(whole[:cut]) for cut in range(len(whole))] == [None] * len(whole)


@pytest.mark.parametrize(
    "contents", [b"{}\n", b"[{}\n", b'{"version": 2}\n', b'{"version": 1}\n', b"\xff}\n", b"[" * 100_000 + b"}\n"]
)
def test_what_no_run_has_written_says_nothing(contents: bytes) -> None:
    assert Manifest.decoded(contents) is None


def test_a_checkpoint_that_says_nothing_does_not_stay(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "c")
    checkpoint.close()
    assert list(tmp_path.iterdir()) == []
    checkpoint = Checkpoint(tmp_path / "c")
    checkpoint.write(MANIFEST)
    checkpoint.clear()
    checkpoint.close()
    assert list(tmp_path.iterdir()) == []


def test_one_run_at_a_time_holds_a_checkpoint(tmp_path: Path) -> None:
    first = Checkpoint(tmp_path / "c")
    first.write(MANIFEST)
    with pytest.raises(ConfigurationError, match="another run holds"):
        Checkpoint(tmp_path / "c")
    first.close()
    second = Checkpoint(tmp_path / "c")
    assert second.read() == MANIFEST
    second.close()


def test_a_checkpoint_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        Checkpoint(tmp_path)


def test_another_input_is_refused_with_both() -> None:
    MANIFEST.check_same(MANIFEST, "out")
    other = replace(MANIFEST, input={"bytes": 8, "blake2b": "ab"})
    with pytest.raises(ConfigurationError, match=r"another input: it was bytes 7, .* is now bytes 8, "):
        other.check_same(MANIFEST, "out")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"target": "n", "fields": ["a", "b"], "header": True}, r"target='m', and this one has 'n'"),
        ({"target": "m", "fields": ["b", "a"], "header": True}, r"fields=\['a', 'b'\]"),
        ({"target": "m", "fields": ["a", "b"]}, "header=True, and this one has None"),
        ({"target": "m", "fields": ["a", "b"], "header": True, "more": 1}, "more=None, and this one has 1"),
    ],
)
def test_other_settings_are_refused_with_both(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        replace(MANIFEST, settings=settings).check_same(MANIFEST, "out")


def test_finished_records_are_kept_in_bits() -> None:
    finished = Finished()
    indices = [0, 7, 8, 1_000_000, 3, 8]
    for index in indices:
        finished.add(index)
    assert finished.count == 5
    assert [index for index in range(1_000_100) if index in finished] == sorted(set(indices))
    assert 10**12 not in finished
