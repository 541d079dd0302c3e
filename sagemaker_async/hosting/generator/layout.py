"""Lays out generated Python in lines of at most `WIDTH` characters; several short pieces share a line. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["WIDTH", "Name", "arguments", "head", "imports", "packed", "quoted", "text_of_words", "words"]

WIDTH = 120


class Name(str):
    """A name in the text of a program, where other texts become literals."""

    __slots__ = ()


def head(summary: str, details: str, notice: str, *, strings: bool = True) -> str:
    """Return the beginning of a module.

    Args:
        summary: the first line of its docstring.
        details: what else the docstring says.
        notice: says what it was generated from.
        strings: whether annotations stay strings; those of pydantic's models are evaluated faster where they stand.
    """
    middle = f"\n\n{details}" if details else ""
    future = "from __future__ import annotations\n\n" if strings else ""
    return f'"""{summary}{middle}\n\n{notice}\n"""\n\n# fmt: off\n\n{future}'


def imports(module: str, names: Iterable[str], indent: str = "") -> str:
    """Return the import of these names from a module; nothing when there are none."""
    every = sorted(names)
    if not every:
        return ""
    line = f"{indent}from {module} import {', '.join(every)}\n"
    return line if len(line) <= WIDTH + 1 else packed(f"{indent}from {module} import (", every, ")")


def quoted(value: str) -> str:
    """Return a text as a literal."""
    return f'"{value}"'


def arguments(given: Mapping[str, Any]) -> list[str]:
    """Return keyword arguments, and one called ``default`` as the first and positional; patterns as raw literals."""
    return [f"{'' if name == 'default' else f'{name}='}{_literal(name, value)}" for name, value in given.items()]


def _literal(name: str, value: Any) -> str:
    if isinstance(value, Name):
        return str(value)
    if name == "pattern":
        return f'r"{value}"'
    return f'"{value}"' if isinstance(value, str) else repr(value)


def packed(before: str, parts: Iterable[str], after: str) -> str:
    """Return ``before part, part after`` on one line, or on as many as it takes, with the parts indented.

    Args:
        before: what comes first, with the opening bracket.
        parts: what stands between the brackets.
        after: what comes last, with the closing bracket.
    """
    parts = list(parts)
    line = f"{before}{', '.join(parts)}{after}"
    if len(line) <= WIDTH:
        return f"{line}\n"
    indent = " " * (len(before) - len(before.lstrip()))
    return f"{before}\n{_filled(f'{indent}    ', [f'{part},' for part in parts])}{indent}{after}\n"


def text_of_words(parts: Iterable[str]) -> str:
    """Return a literal that ``split()`` makes these words of."""
    return f'"""\n{_filled("    ", list(parts))}"""'


def _filled(indent: str, parts: list[str]) -> str:
    lines: list[str] = []
    line = ""
    for part in parts:
        if line and len(indent) + len(line) + 1 + len(part) > WIDTH:
            lines.append(line)
            line = ""
        line = f"{line} {part}" if line else part
    return "".join(f"{indent}{line}\n" for line in [*lines, line])


def words(text: str) -> set[str]:
    """Return the identifiers in the text of a program; those within literals on one line are left out."""
    return set(re.findall(r"[A-Za-z_]\w*", re.sub(r'"[^"\n]*"', "", text)))
