"""Rules of request fields as plain values, for a check that costs next to nothing. Pure.

The models in `models` decide what is valid, and say what is wrong with the rest. What obeys all of its plain rules is
valid without them, so that a call whose fields are in order needs no model: neither its time nor its import
(benchmarks/README.md). The models take their limits from these very rules (`shapes.limits`).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sagemaker_async.errors import FieldProblem, RequestValidationError

__all__ = ["Blob", "FieldRules", "Text", "unchecked_fields"]


class Text:
    """What a field of text takes.

    Args:
        aws_name: AWS's name of the field.
        pattern: what the whole value matches, in the regular expressions that Python and Rust share.
        words: the same in words.
        max_length: in characters.
        min_length: in characters.
        required: whether there is no call without it.
    """

    __slots__ = ("aws_name", "max_length", "min_length", "pattern", "required", "words")

    def __init__(
        self, aws_name: str, pattern: str, words: str, *, max_length: int, min_length: int = 0, required: bool = False
    ) -> None:
        self.aws_name = aws_name
        self.pattern = pattern
        self.words = words
        self.max_length = max_length
        self.min_length = min_length
        self.required = required

    def accepts(self, value: object) -> bool:
        """Return whether a value obeys."""
        return (
            type(value) is str
            and self.min_length <= len(value) <= self.max_length
            and _compiled(self.pattern).fullmatch(value) is not None
        )


class Blob:
    """A field of bytes, whose size is the client's to check.

    Args:
        aws_name: AWS's name of the field.
        required: whether there is no call without it.
    """

    __slots__ = ("aws_name", "required")

    def __init__(self, aws_name: str, *, required: bool = False) -> None:
        self.aws_name = aws_name
        self.required = required

    def accepts(self, value: object) -> bool:
        """Return whether a value obeys."""
        return type(value) is bytes


class FieldRules:
    """The rules of all fields of a request.

    Args:
        rules: by the fields' Python names.
    """

    __slots__ = ("_by_name", "_required", "names")

    def __init__(self, rules: Mapping[str, Text | Blob]) -> None:
        self.names = {name: rule.aws_name for name, rule in rules.items()}
        """AWS's name of each field, by its Python name."""
        self._required = [name for name, rule in rules.items() if rule.required]
        self._by_name = {spelling: (name, rule) for name, rule in rules.items() for spelling in (name, rule.aws_name)}

    def obeying(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the values by Python names when all rules are obeyed; None says nothing about what is wrong, if any.

        Args:
            values: in either spelling, none of them None.
        """
        fields: dict[str, Any] = {}
        for spelling, value in values.items():
            name, rule = self._by_name.get(spelling, _UNKNOWN)
            if name in fields or not rule.accepts(value):
                return None
            fields[name] = value
        return fields if all(name in fields for name in self._required) else None


def unchecked_fields(
    operation: str, names: Mapping[str, str], values: Mapping[str, Any], required: Iterable[str]
) -> dict[str, Any]:
    """Return fields by Python names without checking them, but for `required` ones: without these there is no URL.

    Whatever else these are, they are percent-encoded and stay one segment of the path. ``.`` and ``..`` cannot: even
    percent-encoded, who normalises the path on the way leads it elsewhere (RFC 3986 sections 5.2.4 and 6.2.2.2).

    Args:
        operation: AWS's name of the operation, for the error.
        names: AWS's name of each field, by its Python name; fields of other names are left out. An
            operation of which none are known has what is given.
        values: in either spelling.
        required: the Python names of fields that must be there.

    Raises:
        RequestValidationError: a required field is missing, is not a non-empty str, or is ``.`` or ``..``.
    """
    python_names = {aws_name: name for name, aws_name in names.items()}
    fields = {python_names.get(name, name): value for name, value in values.items()}
    if names:
        fields = {name: value for name, value in fields.items() if name in names}
    problems = [
        FieldProblem(name, names[name], "is required, as a non-empty str")
        if not isinstance(fields.get(name), str) or not fields[name]
        else FieldProblem(name, names[name], "must not be '.' or '..', which lead to another path")
        for name in required
        if not isinstance(fields.get(name), str) or fields[name] in ("", ".", "..")
    ]
    if problems:
        raise RequestValidationError(operation, problems)
    return fields


class _Nothing:
    """What a field that does not exist takes."""

    def accepts(self, value: object) -> bool:  # noqa: ARG002
        return False


_UNKNOWN = ("", _Nothing())


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern compiled: when it is first wanted, for some programs want one or two of them."""
    return re.compile(pattern)
