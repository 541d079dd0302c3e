"""`ProgressBar`: how far a mapping has got, on stderr when that is a terminal (extra ``cli``: rich)."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from sagemaker_async import _lazy

from .outcome import Progress

__all__ = ["ProgressBar"]


class ProgressBar:
    """Shown from the first `show` to `close`.

    Args:
        stream: where it is shown. None: stderr.

    Raises:
        MissingExtraError: rich is not installed.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._rich = _lazy.optional("rich.progress", "progress_bar=True", extra="cli")
        self._console = _lazy.library("rich.console").Console(file=stream or sys.stderr)
        self._bar: Any = None
        self._task: Any = None

    def show(self, progress: Progress) -> None:
        """Show this."""
        if not self._console.is_terminal:
            return
        rich = self._rich
        if self._bar is None:
            self._bar = rich.Progress(
                rich.TextColumn("{task.completed:,.0f}"),
                rich.BarColumn(),
                rich.TextColumn("{task.fields[facts]}"),
                rich.TimeElapsedColumn(),
                console=self._console,
                auto_refresh=False,  # no thread: it is drawn when something has happened
            )
            self._task = self._bar.add_task("records", total=progress.total, facts="")
            self._bar.start()
        self._bar.update(self._task, completed=progress.done, facts=_facts(progress), refresh=True)

    def close(self) -> None:
        """Leave the last state on the terminal."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _facts(progress: Progress) -> str:
    facts = [f"{progress.rate:,.0f}/s", f"{progress.failed:,} failed", f"{progress.in_flight} under way"]
    if progress.pace is not None:
        facts.append(f"paced to {progress.pace:,.0f}/s")
    if progress.seconds_left is not None:
        facts.append(f"{progress.seconds_left:,.0f} s left")
    return ", ".join(facts)
