"""The notebook among the examples runs, in the environment that has its kernel."""

from __future__ import annotations

import pytest

from sagemaker_async.examples.__main__ import main


def test_the_notebook_runs_from_its_first_cell_to_its_last(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["notebook"]) == 0
    printed = capfd.readouterr().out
    assert "100 answers" in printed
