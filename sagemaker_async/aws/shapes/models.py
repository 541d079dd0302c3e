"""The pydantic base classes of requests and responses, and validation errors in our words.

A request shape refuses what the service would refuse, before anything is sent. A response shape takes what comes:
unknown fields and unknown enumeration values are kept, because the service may be newer than this package.

Both spellings of a field are accepted on the way in: ``endpoint_name`` and AWS's ``EndpointName``.
"""

from __future__ import annotations

import difflib
import functools
import typing
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import pydantic
from pydantic_core import core_schema

from sagemaker_async.errors import CallError, FieldProblem, RequestValidationError

from .metadata import ResponseMetadata
from .rules import Text

__all__ = ["RequestShape", "ResponseShape", "aws_field", "aws_names", "fields_of", "limits", "validate_request"]

_SHARED = pydantic.ConfigDict(
    frozen=True,
    defer_build=True,
    populate_by_name=True,
    protected_namespaces=(),
    hide_input_in_errors=True,
)


class RequestShape(pydantic.BaseModel):
    """What an operation takes. A field's `description` says its rule in words; ``repr=False`` marks it sensitive."""

    model_config = pydantic.ConfigDict(**_SHARED, extra="forbid")


class _AsItIs:
    """Marks a field that is neither checked nor converted.

    `pydantic.SkipValidation` builds the type's schema all the same, which for `ResponseMetadata` takes longer than for
    all else that most responses hold.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.any_schema()


class ResponseShape(pydantic.BaseModel):
    """What an operation answers."""

    model_config = pydantic.ConfigDict(**_SHARED, extra="allow", arbitrary_types_allowed=True)

    metadata: Annotated[ResponseMetadata, _AsItIs] = pydantic.Field(exclude=True)
    """What travels beside the answer's own fields."""
    error: Annotated[CallError | None, _AsItIs] = pydantic.Field(default=None, exclude=True, repr=False)
    """The failure of the call, with `Config.raise_response_errors` off; all other fields are empty then."""


def limits(rule: Text) -> Any:
    """Return a plain rule as the metadata of a model's field: ``Annotated[str, limits(RULE)]``."""
    return pydantic.Field(
        min_length=rule.min_length or None,
        max_length=rule.max_length,
        pattern=rf"\A({rule.pattern})\z",
        description=rule.words,
    )


S = TypeVar("S", bound=RequestShape)


def validate_request(shape: type[S], operation: str, values: Mapping[str, Any]) -> S:
    """Return `values` as a `shape`.

    Raises:
        RequestValidationError: listing every broken rule, with the value's length and never a sensitive value.
    """
    try:
        return shape.model_validate(values)
    except pydantic.ValidationError as error:
        details = error.errors(include_url=False)
        problems = [_problem(shape, values, detail) for detail in details]
    raise RequestValidationError(operation, list(dict.fromkeys(problems)))


def fields_of(shape: RequestShape) -> dict[str, Any]:
    """Return the fields of a request by Python names, those that its model does not know among them."""
    return {**shape.__dict__, **(shape.model_extra or {})}


@functools.cache
def aws_names(shape: type[pydantic.BaseModel]) -> dict[str, str]:
    """Return AWS's name of each field of a shape, by its Python name."""
    return {name: info.alias or name for name, info in shape.model_fields.items()}


@functools.cache
def aws_field(shape: type[pydantic.BaseModel], aws_name: str) -> str:
    """Return the Python name of a shape's field from AWS's."""
    return next(name for name, info in shape.model_fields.items() if aws_name in (info.alias, name))


def _problem(shape: type[pydantic.BaseModel], values: Mapping[str, Any], detail: Any) -> FieldProblem:
    python_name, aws_name, info = _field_at(shape, detail["loc"])
    value = detail["input"]
    context = detail.get("ctx", {})
    if not detail["loc"]:  # a rule over several fields names the one to change
        python_name = str(context.get("field", ""))
        aws_name = aws_names(shape).get(python_name, python_name)
    match detail["type"]:
        case "missing":
            rule = "is required"
        case "extra_forbidden":
            rule = _unknown(shape, values, detail["loc"])
        case "string_too_short":
            rule = f"must have at least {context['min_length']} characters, has {len(value)}"
        case "string_too_long":
            rule = f"must have at most {context['max_length']} characters, has {len(value)}"
        case "string_pattern_mismatch":
            rule = _pattern_rule(value, info)
        case "greater_than_equal":
            rule = f"must be at least {context['ge']}, got {value!r}"
        case "less_than_equal":
            rule = f"must be at most {context['le']}, got {value!r}"
        case "string_type":
            rule = f"must be a str, got {type(value).__name__}"
        case "int_type":
            rule = f"must be an int, got {type(value).__name__}"
        case "bool_type":
            rule = f"must be a bool, got {type(value).__name__}"
        case "float_type":
            rule = f"must be a float, got {type(value).__name__}"
        case "list_type":
            rule = f"must be a list, got {type(value).__name__}"
        case "dict_type" | "model_type" | "model_attributes_type":
            rule = f"must be a mapping, got {type(value).__name__}"
        case "too_short":
            rule = f"must have at least {context['min_length']} entries, has {len(value)}"
        case "too_long":
            rule = f"must have at most {context['max_length']} entries, has {len(value)}"
        case _:
            message: str = detail["msg"]
            rule = message[0].lower() + message[1:]
    return FieldProblem(python_name, aws_name, rule)


def _pattern_rule(value: str, info: pydantic.fields.FieldInfo | None) -> str:
    words = (info.description if info else None) or "has a form that AWS refuses"
    if flaw := _flawed_character(value):
        return f"{words}; {flaw}"
    if not value:
        return f"{words}; it is empty"
    shown = f"it has {len(value)} characters" if info is None or not info.repr else f"got {value!r}"
    return f"{words}; {shown}"


def _flawed_character(value: str) -> str | None:
    for position, character in enumerate(value):
        if character in "\r\n":
            return f"it holds a line break at position {position}"
        if not character.isascii():
            return f"it holds a non-ASCII character (U+{ord(character):04X}) at position {position}"
        if not character.isprintable():
            return f"it holds a control character (U+{ord(character):04X}) at position {position}"
    return None


def _unknown(shape: type[pydantic.BaseModel], values: Mapping[str, Any], loc: tuple[int | str, ...]) -> str:
    name = str(loc[-1])
    if len(loc) == 1:
        for python_name, aws_name in aws_names(shape).items():
            if name in (python_name, aws_name) and python_name in values and aws_name in values:
                return f"is given twice, as {python_name} and as {aws_name}; give it once"
    names = aws_names(_shape_at(shape, loc[:-1]) or shape)
    spelling = names if name[:1].islower() else names.values()
    near = difflib.get_close_matches(name, list(spelling), n=1)
    return f"is no field of this operation; did you mean {near[0]}?" if near else "is no field of this operation"


def _field_at(
    shape: type[pydantic.BaseModel], loc: tuple[int | str, ...]
) -> tuple[str, str, pydantic.fields.FieldInfo | None]:
    """Return the dotted Python name, the dotted AWS name and the field that a pydantic location points at."""
    python_path: list[str] = []
    aws_path: list[str] = []
    info: pydantic.fields.FieldInfo | None = None
    inside: type[pydantic.BaseModel] | None = shape
    for step in loc:
        found = _field_named(inside, step) if inside is not None and isinstance(step, str) else None
        if found is None:
            python_path.append(str(step))
            aws_path.append(str(step))
            continue
        name, info = found
        python_path.append(name)
        aws_path.append(info.alias or name)
        inside = _nested_shape(info.annotation)
    return ".".join(python_path), ".".join(aws_path), info


def _field_named(shape: type[pydantic.BaseModel], name: str) -> tuple[str, pydantic.fields.FieldInfo] | None:
    for python_name, info in shape.model_fields.items():
        if name in (python_name, info.alias):
            return python_name, info
    return None


def _shape_at(shape: type[pydantic.BaseModel], loc: tuple[int | str, ...]) -> type[pydantic.BaseModel] | None:
    inside: type[pydantic.BaseModel] | None = shape
    for step in loc:
        if isinstance(step, int) or inside is None:
            continue
        found = _field_named(inside, step)
        inside = _nested_shape(found[1].annotation) if found else None
    return inside


def _nested_shape(annotation: Any) -> type[pydantic.BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        if nested := _nested_shape(argument):
            return nested
    return None
