"""The demo's console, plain and with rich: both say the same, and nothing but terminals gets colours."""

from __future__ import annotations

import io
import re
import sys

import pytest
import rich.console

from sagemaker_async.cli.console import Console, PlainConsole
from sagemaker_async.cli.demo import console_for
from sagemaker_async.cli.rich_console import RichConsole


class Terminal(io.StringIO):
    """A standard output that a person looks at."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def everything(console: Console) -> None:
    console.heading("Title [bold]")
    console.say("a paragraph [red]with brackets[/red]")
    console.figures([("tokens/s", "49.5", "at most 50"), ("n", "2", "")])
    console.check("it holds", True, "seen")
    console.check("it does not", False, "not seen")


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make standard output a terminal; to be called by the test itself, for pytest sets it anew after the fixtures."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stdout = Terminal()
    monkeypatch.setattr(sys, "stdout", stdout)
    return stdout


def test_plain_text_is_aligned_and_without_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    everything(PlainConsole())
    assert capsys.readouterr().out == (
        "\nTitle [bold]\n"
        "  a paragraph [red]with brackets[/red]\n"
        "  tokens/s  49.5  at most 50\n"
        "  n            2\n"
        "  ok      it holds\n          seen\n"
        "  FAILED  it does not\n          not seen\n"
    )


def test_rich_says_the_same_in_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    everything(RichConsole())
    coloured = terminal.getvalue()
    text = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert coloured != text
    for said in ("Title [bold]", "a paragraph [red]with brackets[/red]", "tokens/s", "49.5", "at most 50"):
        assert said in text
    assert re.search(r"✓\s+it holds\s+seen", text)
    assert re.search(r"✗\s+it does not\s+not seen", text)


def test_rich_needs_no_characters_that_the_terminal_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console = RichConsole(rich.console.Console(file=stream, force_terminal=True, highlight=False))
    console.check("it holds", True, "seen")
    stream.flush()
    assert b"ok" in stream.buffer.getvalue()


def test_plain_text_escapes_what_the_output_cannot_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    PlainConsole().say("海")
    assert stdout.buffer.getvalue() == b"  \\u6d77\n"


def test_tokens_break_at_the_margin_and_keep_their_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    console = PlainConsole()
    for token in ("One", " two", " three", " four", ",", " five"):
        console.token(token)
    console.end_tokens()
    assert capsys.readouterr().out == "  One two three\n  four, five\n"


def test_a_terminal_gets_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch)
    assert isinstance(console_for(plain=False), RichConsole)


@pytest.mark.parametrize(
    ("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), (None, None)], ids=["NO_COLOR", "dumb", "--plain"]
)
def test_who_wants_no_colours_gets_none(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, value: str | None
) -> None:
    on_terminal(monkeypatch)
    if variable is not None and value is not None:
        monkeypatch.setenv(variable, value)
    assert isinstance(console_for(plain=variable is None), PlainConsole)


def test_only_a_terminal_gets_colours(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(console_for(plain=False), PlainConsole)


def test_without_rich_a_terminal_gets_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch)
    monkeypatch.delitem(sys.modules, "sagemaker_async.cli.rich_console", raising=False)
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert isinstance(console_for(plain=False), PlainConsole)
