"""The bar of a mapping: on a terminal, and nothing elsewhere."""

from __future__ import annotations

import io
import sys

import pytest

from sagemaker_async.errors import MissingExtraError
from sagemaker_async.predictor.outcome import Progress
from sagemaker_async.predictor.progress_bar import ProgressBar

HALF = Progress(
    done=500, failed=3, retried=1, in_flight=8, concurrency=8, pace=42.0, seconds=10.0, total=1000
)  # fmt: skip


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "160")
    terminal = Terminal()
    bar = ProgressBar(terminal)
    bar.show(HALF)
    bar.close()
    bar.close()
    shown = terminal.getvalue()
    assert "500" in shown
    assert "50/s, 3 failed, 8 under way, paced to 42/s, 10 s left" in shown


def test_what_is_no_terminal_is_left_alone() -> None:
    stream = io.StringIO()
    bar = ProgressBar(stream)
    bar.show(HALF)
    bar.close()
    assert stream.getvalue() == ""


def test_without_rich_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    with pytest.raises(MissingExtraError, match=r"sagemaker-async\[cli\]"):
        ProgressBar()
