"""How answers are validated: by pydantic's engine, with a schema that is read off the fields of a response's model.

It validates as the model does. Pydantic itself would first look for plugins in all that is installed, and then take
longer for the schema, because it has to be ready for any annotation (benchmarks/README.md). Fields of answers are of
few kinds: scalars, lists and dicts, other models, each of which may be None, and what a mark in ``Annotated`` makes of
its type. A model that has any other kind is built by pydantic, as all models are when somebody asks for what they do
not need before, such as `model_dump`. Pure.
"""

from __future__ import annotations

import datetime as dt
import functools
import types
import typing
from collections.abc import Sequence
from typing import Any

import pydantic
from pydantic_core import CoreSchema, SchemaValidator, core_schema

__all__ = ["response_validator"]

_SCALARS: dict[Any, CoreSchema] = {
    str: core_schema.str_schema(),
    int: core_schema.int_schema(),
    float: core_schema.float_schema(),
    bool: core_schema.bool_schema(),
    bytes: core_schema.bytes_schema(),
    dt.datetime: core_schema.datetime_schema(),
}


class _OtherKindError(Exception):
    """A field is of a kind that pydantic has to build."""


@functools.cache
def response_validator(shape: type[pydantic.BaseModel]) -> SchemaValidator:
    """Return what makes an instance of `shape` of the members of an answer. Blocks the first time.

    Args:
        shape: the model of a response; it takes both spellings, keeps what it does not know, and has no validators but
            those in its fields' annotations.
    """
    try:
        return SchemaValidator(_model(shape), core_schema.CoreConfig(hide_input_in_errors=True))
    except _OtherKindError:
        shape.model_rebuild()
        return typing.cast("SchemaValidator", shape.__pydantic_validator__)


@functools.cache
def _model(shape: type[pydantic.BaseModel]) -> CoreSchema:
    fields = {}
    for name, info in shape.model_fields.items():
        schema = _marked(info.annotation, info.metadata)
        if not info.is_required():
            schema = core_schema.with_default_schema(
                schema, default=info.default, default_factory=typing.cast("Any", info.default_factory)
            )
        names = [[info.alias], [name]] if info.alias is not None else None
        fields[name] = core_schema.model_field(schema, validation_alias=typing.cast("Any", names))
    members = core_schema.model_fields_schema(fields, model_name=shape.__name__, extra_behavior="allow")
    return core_schema.model_schema(shape, members)


def _marked(annotation: Any, marks: Sequence[Any]) -> CoreSchema:
    """Return the schema of an annotation with these marks, the innermost first."""
    if not marks:
        return _schema(annotation)
    *inner, mark = marks
    if not hasattr(mark, "__get_pydantic_core_schema__"):
        raise _OtherKindError
    schema: CoreSchema = mark.__get_pydantic_core_schema__(annotation, lambda source: _marked(source, inner))
    return schema


def _schema(annotation: Any) -> CoreSchema:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None:
        if annotation in _SCALARS:
            return _SCALARS[annotation]
        if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
            return _model(annotation)
    elif origin is typing.Annotated:
        return _marked(arguments[0], arguments[1:])
    elif origin is list:
        return core_schema.list_schema(_schema(arguments[0]))
    elif origin is dict:
        return core_schema.dict_schema(_schema(arguments[0]), _schema(arguments[1]))
    elif origin in (typing.Union, types.UnionType) and len(arguments) == 2 and types.NoneType in arguments:
        return core_schema.nullable_schema(_schema(arguments[arguments[0] is types.NoneType]))
    raise _OtherKindError
