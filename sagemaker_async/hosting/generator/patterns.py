"""Translates the patterns of AWS's models to whole-value patterns of pydantic's engine. Pure; used by `generate`.

AWS matches whole values with Java's engine; pydantic *searches* with Rust's, which knows no look-around. So:

* the pattern is anchored at both ends;
* ``.`` excludes every line terminator that Java's does, ``\\d`` and ``\\s`` are ASCII;
* a negated class excludes line breaks as well: AWS's ``[^/]`` is a bucket's name, which has none;
* the few patterns with look-around are written anew, each with a pattern that accepts the same values;
* anything else that Rust's engine would read differently is not translated, and the generator lists it.
"""

from __future__ import annotations

import re

__all__ = ["translated"]

_NAME_OR_ARN = r"(arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]*:[0-9]{12}:[a-z\-]*\/)?"

_REWRITTEN = {
    # Not blank: a look-ahead in AWS's words.
    r"(?!\s*$).+": r".*[^\x20\t\x0B\f\x{85}\x{2028}\x{2029}].*",
    # No two dots in a row.
    r"/(?!.*\.\.)[a-zA-Z0-9/_.\-]+": r"/((\.?[a-zA-Z0-9/_\-])+\.?|\.)",
    # No hyphen at the end of the name.
    _NAME_OR_ARN + r"([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)(\/[0-9]{1,9})?": _NAME_OR_ARN
    + r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\/[0-9]{1,9})?",
}

_PIECE = re.compile(r"\\p\{[A-Z][a-z]?\}|\\x\{[0-9]+\}|\\x[0-9A-F]{2}|\\.|\[\^|.", re.DOTALL)
_LOOK_AROUND = ("(?=", "(?!", "(?<", "(?>")
_OUTSIDE_CLASS = {
    ".": r"[^\n\r\x{85}\x{2028}\x{2029}]",
    r"\d": "[0-9]",
    r"\D": "[^0-9]",
    r"\s": r"[ \t\n\x0B\f\r]",
    r"\S": r"[^ \t\n\x0B\f\r]",
    r"\w": "[a-zA-Z0-9_]",
    r"\/": "/",
}
_INSIDE_CLASS = {r"\d": "0-9", r"\w": "a-zA-Z0-9_", r"\s": r" \t\n\x0B\f\r", r"\/": "/"}
_LITERAL_ESCAPES = frozenset(r"\.+*?()[]{}|^$-@=tnrfx")
_SHORTHANDS = {r"[\s\S]": "\0", r"[\S\s]": "\0", r"[\S]": r"\S"}
_ANYTHING = "(?s:.)"


def translated(pattern: str) -> str | None:
    r"""Return AWS's pattern as one that matches the same values in pydantic, or None when it has no translation.

    Args:
        pattern: as in the service model.

    Example:
        >>> translated("[a-z]+.*")
        '\\A(?:[a-z]+[^\\n\\r\\x{85}\\x{2028}\\x{2029}]*)\\z'
    """
    pattern = _REWRITTEN.get(pattern, pattern)
    if any(look in pattern for look in _LOOK_AROUND):
        return None
    pattern = pattern.removeprefix("^").removesuffix("$")
    for shorthand, plain in _SHORTHANDS.items():
        pattern = pattern.replace(shorthand, plain)
    parts: list[str] = []
    in_class = False
    for piece in _PIECE.findall(pattern):
        part = _part(piece, in_class)
        if part is None:
            return None
        if piece.startswith("["):
            in_class = True
        elif piece == "]":
            in_class = False
        parts.append(part)
    return rf"\A(?:{''.join(parts)})\z"


def _part(piece: str, in_class: bool) -> str | None:
    if piece == "\0":
        return _ANYTHING
    known = (_INSIDE_CLASS if in_class else _OUTSIDE_CLASS).get(piece)
    if known is not None:
        return known
    if piece.startswith(r"\p{"):
        return piece
    if piece.startswith("\\"):
        return piece if piece[1] in _LITERAL_ESCAPES else None
    if in_class:
        return rf"\{piece}" if piece in "[&~" else piece  # Rust reads these as nested classes and set operations
    return rf"{piece}\n\r" if piece == "[^" else piece
