"""Checking a request's members against botocore's service model, and refusing it in AWS's words.

`ServiceRules.check` takes an operation and the JSON of a request and raises the `Refusal` that SageMaker's front end
answers with: SerializationException for a value of the wrong JSON type, otherwise one ValidationException that lists
every broken constraint. Members that the model does not know are left out, because the service ignores them. Patterns
are matched against the whole value; the few that Python's engine cannot express are not checked.

The model is large (some 3,200 shapes, a fifth of a second to read): load it once, off the event loop.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Self

from sagemaker_async import _lazy
from sagemaker_async.local.answers import Refusal

from .records import Fields, refused

__all__ = ["ServiceRules"]

_JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}
_TYPE_NAMES = {
    "string": "a String",
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "double": "a Double",
    "timestamp": "a Timestamp",
    "boolean": "a Boolean",
    "list": "a List",
    "map": "a Map",
    "structure": "a Structure",
}
_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s", r"\p{Alnum}": "a-zA-Z0-9"}


class ServiceRules:
    """The rules of SageMaker's requests.

    Args:
        description: botocore's description of the service: its operations and shapes.
    """

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._operations: Mapping[str, Any] = description["operations"]
        self._shapes: Mapping[str, Any] = description["shapes"]

    @classmethod
    def load(cls) -> Self:
        """Read botocore's model of SageMaker; blocks for some tenths of a second."""
        return cls(_lazy.library("botocore.loaders").Loader().load_service_model("sagemaker", "service-2"))

    def knows(self, operation: str) -> bool:
        """Whether SageMaker has this operation."""
        return operation in self._operations

    def check(self, operation: str, members: Fields) -> Fields:
        """Return the members that the operation knows, without nulls; raises `Refusal` when they break its rules."""
        shape = self._operations[operation]["input"]["shape"]
        problems = list(self._problems(shape, members, ""))
        if problems:
            counted = "1 validation error" if len(problems) == 1 else f"{len(problems)} validation errors"
            raise refused(f"{counted} detected: {'; '.join(problems)}")
        known: Fields = self._known(shape, members)
        return known

    def _known(self, name: str, value: Any) -> Any:
        shape = self._shapes[name]
        if shape["type"] == "structure":
            return {
                inner: self._known(member["shape"], value[inner])
                for inner, member in shape["members"].items()
                if value.get(inner) is not None
            }
        if shape["type"] == "list":
            return [self._known(shape["member"]["shape"], member) for member in value]
        return value

    def _problems(self, name: str, value: Any, path: str) -> Iterator[str]:
        shape = self._shapes[name]
        kind: str = shape["type"]
        is_boolean = isinstance(value, bool) and kind != "boolean"
        is_of_type: bool = isinstance(value, _JSON_TYPES[kind])
        is_finite = not isinstance(value, float) or math.isfinite(value)  # Python reads NaN and Infinity as JSON
        if not is_of_type or is_boolean or not is_finite:
            raise Refusal(400, "SerializationException", f"{_token(value)} can not be converted to {_TYPE_NAMES[kind]}")
        for rule in _broken(shape, value):
            quoted = "" if shape.get("sensitive") else f" {_quoted(value)}"
            yield f"Value{quoted} at '{path}' failed to satisfy constraint: {rule}"
        if kind == "structure":
            yield from self._structure_problems(shape, value, path)
        elif kind == "list":
            for number, member in enumerate(value, 1):
                yield from self._problems(shape["member"]["shape"], member, f"{path}.{number}.member")
        elif kind == "map":
            for key, member in value.items():
                yield from self._problems(shape["key"]["shape"], key, f"{path}.key")
                yield from self._problems(shape["value"]["shape"], member, f"{path}.{key}.member")

    def _structure_problems(self, shape: Mapping[str, Any], value: Fields, path: str) -> Iterator[str]:
        required = shape.get("required", ())
        for name, member in shape["members"].items():
            inner = f"{path}.{_lowered(name)}" if path else _lowered(name)
            given = value.get(name)
            if given is not None:
                yield from self._problems(member["shape"], given, inner)
            elif name in required:
                yield f"Value null at '{inner}' failed to satisfy constraint: Member must not be null"


def _broken(shape: Mapping[str, Any], value: Any) -> Iterator[str]:
    least, most = shape.get("min"), shape.get("max")
    if shape["type"] in ("string", "list", "map"):
        if most is not None and len(value) > most:
            yield f"Member must have length less than or equal to {most}"
        if least is not None and len(value) < least:
            yield f"Member must have length greater than or equal to {least}"
    else:
        if most is not None and value > most:
            yield f"Member must have value less than or equal to {most}"
        if least is not None and value < least:
            yield f"Member must have value greater than or equal to {least}"
    if "enum" in shape and value not in shape["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]"
    if "pattern" in shape:
        pattern = _compiled(shape["pattern"])
        if pattern is not None and not pattern.fullmatch(value):
            yield f"Member must satisfy regular expression pattern: {shape['pattern']}"


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    for theirs, ours in _CLASSES.items():
        pattern = pattern.replace(theirs, ours)
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _lowered(name: str) -> str:
    return name[0].lower() + name[1:]


def _quoted(value: object) -> str:
    if isinstance(value, dict):
        return "'{" + ", ".join(f"{key}={member}" for key, member in value.items()) + "}'"
    if isinstance(value, list):
        return f"'[{', '.join(map(str, value))}]'"
    return f"'{value}'"


def _token(value: object) -> str:
    """Return the front end's word for the type of a JSON value."""
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    names = {str: "STRING_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE", list: "START_ARRAY", dict: "START_OBJECT"}
    return names.get(type(value), "NULL_VALUE")
