"""The forms that botocore gives to values of the control plane: moments are datetimes, blobs are bytes.

What has to be done for an operation is worked out from botocore's model once, so that most members are left alone.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from botocore.utils import parse_timestamp, parse_to_aware_datetime

__all__ = ["Forms"]

Convert = Callable[[Any], Any]


def _moment(value: Any) -> Any:
    """Return seconds since 1970, or a text, as a datetime in the local zone, as botocore does."""
    if isinstance(value, int | float):
        return dt.datetime.fromtimestamp(value, dt.UTC).astimezone()
    return parse_timestamp(value)


SENT: Mapping[str, Convert] = {
    "timestamp": parse_to_aware_datetime,
    "blob": lambda value: value.encode() if isinstance(value, str) else value,
}
"""What is done with a request's values by their kind; how they are written is the hosting client's affair."""

ANSWERED: Mapping[str, Convert] = {"timestamp": _moment, "blob": base64.b64decode}
"""The same for an answer's."""


class Forms(NamedTuple):
    """What is done with the values of one operation."""

    given: Any
    """botocore's shape of the request."""
    sent: Convert
    """Makes of a request what the hosting client takes."""
    answered: Convert
    """Makes of an answer's members what botocore gives."""

    @classmethod
    def of(cls, operation: Any) -> Forms:
        """Return the forms of an operation, from botocore's model of it."""
        sent = _converter(operation.input_shape, SENT, ()) or _unchanged
        answered = _converter(operation.output_shape, ANSWERED, ()) or _unchanged
        return cls(operation.input_shape, sent, answered)


def _unchanged(value: Any) -> Any:
    return value


def _converter(shape: Any, leaves: Mapping[str, Convert], within: tuple[str, ...]) -> Convert | None:
    """Return what converts a value of a shape; None when there is nothing to convert.

    Args:
        shape: botocore's shape; None for an operation that takes or answers nothing.
        leaves: what converts the kinds that are not nested.
        within: the names of the shapes that this one is in.
    """
    kind = None if shape is None else shape.type_name
    if kind not in ("structure", "list", "map"):
        return leaves.get(kind or "")
    if shape.name in within:  # it holds itself: what it takes is worked out when there is such a value
        return functools.partial(_converted, shape, leaves)
    inside = (*within, shape.name)
    if kind == "structure":
        found = {name: _converter(member, leaves, inside) for name, member in shape.members.items()}
        members = {name: convert for name, convert in found.items() if convert is not None}
        return (lambda value: _structure(members, value)) if members else None
    element = _converter(shape.member if kind == "list" else shape.value, leaves, inside)
    if element is None:
        return None
    if kind == "list":
        return lambda value: [element(each) for each in value] if isinstance(value, list | tuple) else value
    return lambda value: {k: element(v) for k, v in value.items()} if isinstance(value, Mapping) else value


def _converted(shape: Any, leaves: Mapping[str, Convert], value: Any) -> Any:
    return (_converter(shape, leaves, ()) or _unchanged)(value)


def _structure(members: Mapping[str, Convert], value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    converted = dict(value)
    for name in members.keys() & value.keys():
        if value[name] is not None:
            converted[name] = members[name](value[name])
    return converted
