"""The demo's console with colours; the only module that imports `rich`, which the extra ``cli`` installs."""

from __future__ import annotations

from collections.abc import Sequence

import rich.console
from rich.table import Table
from rich.text import Text

from .console import Console

__all__ = ["RichConsole"]


class RichConsole(Console):
    """Colours, rules and aligned tables on a terminal."""

    def __init__(self, console: rich.console.Console | None = None) -> None:
        super().__init__()
        self._console = console or rich.console.Console(highlight=False)
        fancy = self._console.encoding.lower().startswith("utf")
        self._marks = ("✓", "✗") if fancy else ("ok", "FAILED")

    def write(self, text: str) -> None:
        self._console.print(Text(text, "cyan"), end="", soft_wrap=True)

    def heading(self, text: str) -> None:
        self._console.print()
        self._console.rule(Text(text, "bold"), align="left", style="dim")

    def say(self, text: str) -> None:
        self._console.print(Text(f"  {text}"), soft_wrap=True)

    def figures(self, rows: Sequence[tuple[str, str, str]]) -> None:
        table = Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(justify="right", style="bold green")
        table.add_column(style="dim")
        for name, value, remark in rows:
            table.add_row(Text(f"  {name}"), Text(value), Text(remark))
        self._console.print(table)

    def check(self, claim: str, passed: bool, evidence: str) -> None:
        mark = Text(self._marks[0], "bold green") if passed else Text(self._marks[1], "bold red")
        self._console.print(Text.assemble("  ", mark, "  ", claim), soft_wrap=True)
        self._console.print(Text(f"     {evidence}", "dim" if passed else "red"), soft_wrap=True)
