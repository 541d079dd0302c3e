"""Lays out generated Python as ruff formats it, so that what is checked in passes the same checks as the rest. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = [
    "WIDTH",
    "Name",
    "all_names",
    "annotation",
    "arguments",
    "head",
    "in_import_order",
    "quoted",
    "words",
    "wrapped",
]

WIDTH = 120


class Name(str):
    """A name in the text of a program, where other texts become literals."""

    __slots__ = ()


def head(summary: str, details: str, notice: str, directive: str = "") -> str:
    """Return the beginning of a module: docstring, directives for ruff, future import."""
    middle = f"\n\n{details}" if details else ""
    return f'"""{summary}{middle}\n\n{notice}\n"""\n\n{directive}from __future__ import annotations\n\n'


def all_names(names: Iterable[str]) -> str:
    """Return the assignment of ``__all__``."""
    return "".join(wrapped("__all__ = [", map(quoted, in_import_order(names, ignore_case=False)), "]"))


def in_import_order(names: Iterable[str], *, ignore_case: bool = True) -> list[str]:
    """Return names as ruff sorts them in imports: constants first, and numbers by their value."""

    def key(name: str) -> tuple[bool, list[tuple[bool, int, str]]]:
        pieces = re.findall(r"\d+|\D", name.lower() if ignore_case else name)
        numbers = [(not piece.isdigit(), int(piece) if piece.isdigit() else 0, piece) for piece in pieces]
        return not (name.isupper() and len(name) > 1), numbers

    return sorted(names, key=key)


def quoted(value: str) -> str:
    """Return a text as a literal."""
    return f'"{value}"'


def arguments(given: Mapping[str, Any]) -> list[str]:
    """Return keyword arguments; patterns as raw literals, names as they are."""

    def shown(name: str, value: Any) -> str:
        if isinstance(value, Name):
            return str(value)
        if name == "pattern":
            return f'r"{value}"'
        return f'"{value}"' if isinstance(value, str) else repr(value)

    return [f"{name}={shown(name, value)}" for name, value in given.items()]


def wrapped(before: str, parts: Iterable[str], after: str, brackets: str = "", *, comma: bool = True) -> Iterable[str]:
    """Yield lines of ``before part, part after``: on one if it fits, else indented, else one part a line.

    Args:
        before: what comes first, with the opening bracket unless `brackets` has one.
        parts: what stands between the brackets.
        after: what comes last, with the closing bracket unless `brackets` has one.
        brackets: an opening and a closing bracket that are needed only when it does not fit on one line.
        comma: whether the parts, when they do not fit on one line, are put on one each at once.
    """
    parts = list(parts)
    if not parts:
        return
    indent = " " * (len(before) - len(before.lstrip()))
    line = f"{before}{', '.join(parts)}{after}"
    if len(line) <= WIDTH:
        yield f"{line}\n"
        return
    opening, closing = (brackets[0], brackets[1]) if brackets else ("", "")
    yield f"{before}{opening}\n"
    inner = f"{indent}    {', '.join(parts)}"
    if not comma and len(inner) <= WIDTH:
        yield f"{inner}\n"
    else:
        for part in parts:
            yield f"{indent}    {part},\n"
    yield f"{indent}{closing}{after}\n"


def words(text: str) -> set[str]:
    """Return the identifiers in a text, and what looks like one."""
    return set("".join(c if c.isalnum() or c == "_" else " " for c in text).split())


def annotation(name: str, kind: str) -> str:
    """Return the line that annotates an attribute of a class."""
    line = f"    {name}: {kind}\n"
    return line if len(line) <= WIDTH + 1 else f"    {name}: (\n        {kind}\n    )\n"
