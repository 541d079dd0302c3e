"""The output of the demo: `Console`, and its plain form; `rich_console.RichConsole` formats it for a terminal.

Plain text is for files, pipes, dumb terminals, the variable NO_COLOR (https://no-color.org), ``--plain``, and
environments without the extra ``cli``. Both consoles print the same text.
"""

from __future__ import annotations

import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence

__all__ = ["Console", "PlainConsole"]


class Console(ABC):
    """Prints the parts of a demonstration, and flushes each at once."""

    def __init__(self) -> None:
        self._width = min(shutil.get_terminal_size((100, 24)).columns, 120)
        self._column = 0

    @abstractmethod
    def heading(self, text: str) -> None:
        """Print the title of a section."""

    @abstractmethod
    def say(self, text: str) -> None:
        """Print a paragraph."""

    @abstractmethod
    def figures(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Print rows of a name, a value and a remark."""

    @abstractmethod
    def check(self, claim: str, passed: bool, evidence: str) -> None:
        """Print a claim, whether it was verified or refuted, and the evidence."""

    @abstractmethod
    def write(self, text: str) -> None:
        """Print a piece of a line."""

    def token(self, text: str) -> None:
        """Print a token after the previous one; a token that would cross the margin begins a new line."""
        if self._column == 0 or self._column + len(text) > self._width - 2:
            self.write("\n  " if self._column else "  ")
            self._column = 2
            text = text.lstrip()
        self.write(text)
        self._column += len(text)

    def end_tokens(self) -> None:
        """End the line that tokens were printed on."""
        self.write("\n")
        self._column = 0


class PlainConsole(Console):
    """Prints text without colours on standard output; characters that cannot be encoded are escaped."""

    def write(self, text: str) -> None:
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()

    def heading(self, text: str) -> None:
        self.write(f"\n{text}\n")

    def say(self, text: str) -> None:
        self.write(f"  {text}\n")

    def figures(self, rows: Sequence[tuple[str, str, str]]) -> None:
        names, values = (max(len(row[column]) for row in rows) for column in (0, 1))
        for name, value, remark in rows:
            self.write(f"  {name:<{names}}  {value:>{values}}  {remark}".rstrip() + "\n")

    def check(self, claim: str, passed: bool, evidence: str) -> None:
        self.write(f"  {'ok    ' if passed else 'FAILED'}  {claim}\n          {evidence}\n")
