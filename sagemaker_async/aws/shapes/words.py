"""What is wrong with a request, in our words: one table for patterns, one function for pydantic's complaints.

Used by `requests`, whose validators are compiled, and by `models`, so that a rule reads the same wherever it is
broken. Pure, and free of pydantic: a complaint is the mapping that `ValidationError.errors` gives.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Container, Mapping
from typing import Any

from sagemaker_async.errors import FieldProblem

__all__ = ["given_twice", "pattern_words", "rule_of", "unknown_field"]

_LINE = r"[^\n\r\x{85}\x{2028}\x{2029}]"
_NAME = "takes letters, digits and inner hyphens"
_WITH_HYPHENS = "takes letters, digits and hyphens"
_MEDIA_TYPE = "is a media type, such as text/csv"
_LOCATION = "is a location, s3://bucket/key or https://..."

_WORDS = {
    r"[a-zA-Z0-9](-*[a-zA-Z0-9])*": _NAME,
    r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}": _NAME,
    r"[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?": _NAME,
    r"[a-zA-Z0-9-]+": _WITH_HYPHENS,
    r"[a-zA-Z0-9\-]+": _WITH_HYPHENS,
    r"[-0-9a-zA-Z]+": _WITH_HYPHENS,
    r"[A-Za-z0-9\.\-_]+": "takes letters, digits, dots, hyphens and underscores",
    r"[a-zA-Z_][a-zA-Z0-9_]*": "takes letters, digits and underscores, and does not begin with a digit",
    r"[a-zA-Z0-9:/_-]*": "takes letters, digits, colons, slashes, underscores and hyphens",
    r"[a-zA-Z0-9][a-zA-Z0-9_-]*(\.[a-zA-Z0-9_-]*)?": (
        "takes letters, digits, hyphens, underscores and at most one dot, and begins with a letter or digit"
    ),
    r"[a-zA-Z0-9!_.*'()/-]+": "takes letters, digits and !_.*'()/-, and no scheme such as s3:",
    r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)": "takes letters, digits, spaces and _.:/=+-@",
    r"[ -~]*": "takes printable ASCII, because it travels in an HTTP header",
    r"[!-~][ -~]*": "takes printable ASCII that does not begin with a space, because it travels in an HTTP header",
    r"[\x21-\x7E]+": "takes printable ASCII without spaces",
    r"(?s:.)*": "takes any text",
    r"(?s:.)+": "takes any text, but not an empty one",
    rf"{_LINE}*": "takes one line of text",
    rf"{_LINE}*[^\n\r\x20\t\x0B\f\x{{85}}\x{{2028}}\x{{2029}}]{_LINE}*": "takes one line of text that is not blank",
    r"[^ \t\n\x0B\f\r]+": "takes text without spaces and line breaks",
    r"[a-zA-Z0-9](-*[a-zA-Z0-9])*/[a-zA-Z0-9](-*[a-zA-Z0-9.])*": _MEDIA_TYPE,
    r"[a-zA-Z0-9](-*[a-zA-Z0-9])*/[a-zA-Z0-9](-*[a-zA-Z0-9+.])*": _MEDIA_TYPE,
    rf"(https|s3)://([^\n\r/])/?({_LINE}*)": _LOCATION,
    rf"(https|s3)://([^\n\r/]+)/?({_LINE}*)": _LOCATION,
    r"(https|s3)://[!-.0-~]+(/[ -~]*)?": f"{_LOCATION}, percent-encoded where it is not ASCII",
    r"/((\.?[a-zA-Z0-9/_\-])+\.?|\.)": (
        "is a path that begins with a slash, of letters, digits and _-./, without two dots in a row"
    ),
    r"mig-[0-9]+g\.[0-9]+gb([+-][a-z0-9.]+)*": "is the name of a MIG partition, such as mig-1g.5gb",
    rf"{_LINE}?P{_LINE}*": "is an ISO 8601 duration, such as -P1D",
}
"""The words for each pattern but those of ARNs, whose parts say them. The patterns are without their anchors."""

_ARN = r"arn:aws\[a-z\\?-\]\*:(?P<service>[a-z]+):(?P<region>\[[^]]+\][*+])?:\[0-9\]\{12\}:(?P<resource>.*)"
_RESOURCE_KIND = r"\(?([a-z-]+)[|/]"


def pattern_words(pattern: str) -> str:
    r"""Return the rule that a pattern of a request's field is, in words that follow the field's name.

    Args:
        pattern: as pydantic's engine gets it, with its anchors: ``\A(...)\z``.

    Example:
        >>> pattern_words(r"\A(?:[a-zA-Z0-9-]+)\z")
        'takes letters, digits and hyphens'
    """
    bare = pattern.removeprefix(r"\A(").removeprefix("?:").removesuffix(r")\z")
    if bare in _WORDS:
        return _WORDS[bare]
    if arn := re.search(_ARN, bare):
        kind = re.match(_RESOURCE_KIND, arn["resource"])
        region = "us-east-1" if arn["region"] else ""
        example = f"arn:aws:{arn['service']}:{region}:123456789012:{f'{kind[1]}/' if kind else ''}..."
        return f"is a name, or an ARN such as {example}" if arn.start() else f"is an ARN such as {example}"
    return f"must match the pattern {bare}"


def rule_of(complaint: Mapping[str, Any], words: str | None = None, *, sensitive: bool = False) -> str:
    """Return the rule that a complaint of pydantic's is about, and how the value breaks it.

    Args:
        complaint: an element of `ValidationError.errors`.
        words: the field's own words for its pattern, instead of the table's.
        sensitive: whether the value must not be shown.
    """
    value = complaint["input"]
    context = complaint.get("ctx", {})
    given = "" if sensitive else f", got {value!r}"
    match complaint["type"]:
        case "missing":
            return "is required"
        case "string_pattern_mismatch":
            return _pattern_rule(words or pattern_words(context["pattern"]), value, sensitive)
        case "string_too_short":
            return f"must have at least {_counted(context['min_length'], 'character')}, has {len(value)}"
        case "string_too_long":
            return f"must have at most {_counted(context['max_length'], 'character')}, has {len(value)}"
        case "string_unicode":
            return "holds a lone surrogate, which UTF-8 cannot encode; decode the text correctly"
        case "greater_than_equal":
            return f"must be at least {context['ge']}{given}"
        case "less_than_equal":
            return f"must be at most {context['le']}{given}"
        case "too_short":
            return f"must have at least {_counted(context['min_length'], 'entry')}, has {len(value)}"
        case "too_long":
            return f"must have at most {_counted(context['max_length'], 'entry')}, has {len(value)}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"must be a mapping, got {type(value).__name__}"
        case kind if kind in _TYPES:
            return f"must be {_TYPES[kind]}, got {type(value).__name__}"
        case "invalid_key":
            return "is not the name of a field: names are str"
    message: str = complaint["msg"]
    return message[0].lower() + message[1:]


_TYPES = {
    "string_type": "a str",
    "int_type": "an int",
    "bool_type": "a bool",
    "float_type": "a float",
    "list_type": "a list",
}


def unknown_field(name: str, names: Mapping[str, str], given: Container[str], owner: str) -> FieldProblem:
    """Return the problem of a field that is not known, or that is given in both spellings.

    Args:
        name: as it was given.
        names: AWS's name of each field there is, by its Python name.
        given: all names that were given.
        owner: what has no such field, such as the operation.
    """
    for python_name, aws_name in names.items():
        if name in (python_name, aws_name) and python_name in given and aws_name in given:
            return given_twice(python_name, aws_name)
    near = difflib.get_close_matches(name, list(names if name[:1].islower() else names.values()), n=1)
    remedy = f"; did you mean {near[0]}?" if near else ""
    return FieldProblem(name, name, f"is not a field of {owner}{remedy}")


def given_twice(python_name: str, aws_name: str) -> FieldProblem:
    """Return the problem of a field that is given in both spellings."""
    return FieldProblem(python_name, aws_name, f"is given twice, as {python_name} and as {aws_name}; give it once")


def _counted(number: int, noun: str) -> str:
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"


def _pattern_rule(words: str, value: str, sensitive: bool) -> str:
    if flaw := _flawed_character(value):
        return f"{words}; {flaw}"
    if not value:
        return f"{words}; it is empty"
    return f"{words}; " + (f"it has {_counted(len(value), 'character')}" if sensitive else f"got {value!r}")


def _flawed_character(value: str) -> str | None:
    for position, character in enumerate(value):
        if character in "\r\n":
            return f"it holds a line break at position {position}"
        if not character.isascii():
            return f"it holds a non-ASCII character (U+{ord(character):04X}) at position {position}"
        if not character.isprintable():
            return f"it holds a control character (U+{ord(character):04X}) at position {position}"
    return None
