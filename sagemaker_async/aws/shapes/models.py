"""The pydantic base classes of requests and responses: the definition of what operations take and answer.

A request shape refuses what the service would refuse, before anything is sent. A response shape takes what comes:
unknown fields and unknown enumeration values are kept, because the service may be newer than this package.

Both spellings of a field are accepted on the way in: ``endpoint_name`` and AWS's ``EndpointName``.

Requests of most operations are validated by their models. Those of the hot ones, and those of scalars alone, are
validated by what generators wrote, see `requests`; for it, `InHeader` and `AsBody` say where a field travels. Answers
are validated by a schema that is read off their models, see `response_schema`.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple, Self, TypeVar

import pydantic
from pydantic_core import core_schema

from sagemaker_async.errors import CallError, FieldProblem, RequestValidationError
from sagemaker_async.errors.by_name import ByAWSName

from .metadata import ResponseMetadata
from .requests import converted_to
from .response_schema import response_validator
from .words import rule_of, unknown_field

__all__ = [
    "AnsweredShape",
    "AsBody",
    "AsItIs",
    "InHeader",
    "RequestShape",
    "ResponseShape",
    "aws_names",
    "fields_of",
    "python_names",
    "renamed",
    "validate_request",
]

_SHARED = pydantic.ConfigDict(
    frozen=True,
    defer_build=True,
    populate_by_name=True,
    protected_namespaces=(),
    hide_input_in_errors=True,
)


class InHeader(NamedTuple):
    """Marks a request's field, as ``Annotated[str, InHeader("Accept")]``: it travels in this header field."""

    name: str


class AsBody(NamedTuple):
    """Marks a request's field: it is the HTTP body."""

    instead: str | None = None
    """The field that may be given instead: exactly one of both must be."""


class RequestShape(pydantic.BaseModel):
    """What an operation takes.

    A field's `description` are words for its pattern, where those of `words.pattern_words` do not say enough;
    ``repr=False`` marks the field as sensitive.
    """

    model_config: ClassVar[pydantic.ConfigDict] = pydantic.ConfigDict(**_SHARED, extra="forbid")

    @classmethod
    def prepare_validation(cls) -> None:
        """Build what validates. Blocks the first time."""
        cls.model_rebuild()

    @classmethod
    def validated_fields(cls, operation: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of a request by Python names; see `validate_request`."""
        return fields_of(validate_request(cls, operation, values))

    @classmethod
    def converted(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return fields, in either spelling and of any depth, with numbers for text and text for numbers as wanted."""
        return _converted_fields(cls, values)

    @classmethod
    def renamed(cls, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return fields, checked or not, under AWS's names; see the function of this name."""
        return renamed(cls, fields)

    @classmethod
    def names_by_aws(cls) -> Mapping[str, str]:
        """Return AWS's name of each field, by its Python name."""
        return aws_names(cls)


class AsItIs:
    """Marks a field that is neither checked nor converted.

    `pydantic.SkipValidation` builds the type's schema all the same, which not every type has, and which for
    `ResponseMetadata` takes longer than for all else that most responses hold.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.any_schema()


class AnsweredShape(pydantic.BaseModel, ByAWSName):
    """An answer or a structure within one: unknown members are kept, and each is there by AWS's name of it as well."""

    model_config: ClassVar[pydantic.ConfigDict] = pydantic.ConfigDict(**_SHARED, extra="allow")

    def get(self, name: str, default: Any = None) -> Any:
        """Return a member by AWS's name of it, whether it is modelled or not; `default` when it is absent or None."""
        value = (self.model_extra or {}).get(name)
        if value is None and (python_name := python_names(type(self)).get(name)) is not None:
            value = self.__dict__.get(python_name)
        return default if value is None else value


class ResponseShape(AnsweredShape):
    """What an operation answers."""

    metadata: Annotated[ResponseMetadata, AsItIs] = pydantic.Field(exclude=True)
    """What travels beside the answer's own fields."""
    error: Annotated[CallError | None, AsItIs] = pydantic.Field(default=None, exclude=True, repr=False)
    """The failure of the call, with `Config.raise_response_errors` off; all other fields are empty then."""

    @classmethod
    def prepare_validation(cls) -> None:
        """Build what validates. Blocks the first time."""
        response_validator(cls)

    @classmethod
    def of_members(cls, members: Mapping[str, Any]) -> Self:
        """Return an answer with these members, in either spelling, as `model_validate` does.

        Raises:
            pydantic.ValidationError: a member is missing or of the wrong type.
        """
        answer: Self = response_validator(cls).validate_python(members)
        return answer

    def get(self, name: str, default: Any = None) -> Any:
        """Return a member by AWS's name of it, or ``ResponseMetadata`` as botocore has it; `default` when absent."""
        return self.metadata.by_aws_names() if name == "ResponseMetadata" else super().get(name, default)


S = TypeVar("S", bound=RequestShape)


def validate_request(shape: type[S], operation: str, values: Mapping[str, Any]) -> S:
    """Return `values` as a `shape`.

    Raises:
        RequestValidationError: listing every broken rule, with the value's length and never a sensitive value.
    """
    try:
        return shape.model_validate(values)
    except pydantic.ValidationError as error:
        complaints = error.errors(include_url=False)
        problems = [_problem(shape, operation, values, complaint) for complaint in complaints]
    raise RequestValidationError(operation, list(dict.fromkeys(problems)))


def fields_of(shape: RequestShape) -> dict[str, Any]:
    """Return the fields of a request by Python names, those that its model does not know among them."""
    return {**shape.__dict__, **(shape.model_extra or {})}


@functools.cache
def aws_names(shape: type[pydantic.BaseModel]) -> dict[str, str]:
    """Return AWS's name of each field of a shape, by its Python name."""
    return {name: info.alias or name for name, info in shape.model_fields.items()}


@functools.cache
def python_names(shape: type[pydantic.BaseModel]) -> dict[str, str]:
    """Return the Python name of each field of a shape, by AWS's name of it."""
    return {aws_name: name for name, aws_name in aws_names(shape).items()}


def renamed(shape: type[pydantic.BaseModel], members: Mapping[str, Any]) -> dict[str, Any]:
    """Return unchecked members of a shape under AWS's names, with the structures in them alike; None drops out."""
    names = aws_names(shape)
    nested, by_aws_name = _nested_shapes(shape), python_names(shape)
    result: dict[str, Any] = {}
    for key, value in members.items():
        if value is not None:
            inside = nested.get(by_aws_name.get(key, key))
            result[names.get(key, key)] = _renamed_within(inside, value) if inside is not None else value
    return result


def _renamed_within(shape: type[pydantic.BaseModel], value: Any) -> Any:
    if isinstance(value, Mapping):
        return renamed(shape, value)
    if isinstance(value, list | tuple):
        return [_renamed_within(shape, element) for element in value]
    return value


@functools.cache
def _nested_shapes(shape: type[pydantic.BaseModel]) -> dict[str, type[pydantic.BaseModel]]:
    """Return the structure that each field of a shape holds, alone or as elements, by the field's Python name."""
    found = {name: _nested_shape(info.annotation) for name, info in shape.model_fields.items()}
    return {name: nested for name, nested in found.items() if nested is not None}


def _converted_fields(shape: type[pydantic.BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    converted = dict(values)
    for name, value in values.items():
        if (found := _field_named(shape, name)) is not None:
            converted[name] = _converted(found[1].annotation, value)
    return converted


def _converted(annotation: Any, value: Any) -> Any:
    """Return a value as an annotation wants it, as far as `converted_to` can help."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _converted(arguments[0], value)
    if origin in (typing.Union, types.UnionType):
        wanted = [argument for argument in arguments if argument is not types.NoneType]
        return _converted(wanted[0], value) if len(wanted) == 1 else value
    if isinstance(value, Mapping):
        if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
            return _converted_fields(annotation, value)
        if origin is dict:
            return {key: _converted(arguments[1], member) for key, member in value.items()}
    if isinstance(value, list | tuple) and origin is list:
        return [_converted(arguments[0], member) for member in value]
    return converted_to(annotation, value)


def _problem(
    shape: type[pydantic.BaseModel], operation: str, values: Mapping[str, Any], complaint: Mapping[str, Any]
) -> FieldProblem:
    if not complaint["loc"]:  # a rule over several fields names the one to change
        name = str(complaint.get("ctx", {}).get("field", ""))
        return FieldProblem(name, aws_names(shape).get(name, name), rule_of(complaint))
    python_path, aws_path, info, holder = _field_at(shape, complaint["loc"])
    if complaint["type"] == "extra_forbidden":
        if holder is shape:
            return unknown_field(str(complaint["loc"][-1]), aws_names(shape), values, operation)
        owner, _, name = python_path.rpartition(".")
        return FieldProblem(python_path, aws_path, unknown_field(name, aws_names(holder), (), owner).rule)
    if info is None:
        return FieldProblem(python_path, aws_path, rule_of(complaint))
    return FieldProblem(python_path, aws_path, rule_of(complaint, info.description, sensitive=not info.repr))


def _field_at(
    shape: type[pydantic.BaseModel], loc: tuple[int | str, ...]
) -> tuple[str, str, pydantic.fields.FieldInfo | None, type[pydantic.BaseModel]]:
    """Return the dotted Python name, the dotted AWS name, the field at a pydantic location, and the shape that has it.

    The field is None where the location is not one.
    """
    python_path: list[str] = []
    aws_path: list[str] = []
    info: pydantic.fields.FieldInfo | None = None
    holder = shape
    inside: type[pydantic.BaseModel] | None = shape
    for step in loc:
        found = None
        if inside is not None and isinstance(step, str):
            holder = inside
            found = _field_named(inside, step)
        if found is None:
            python_path.append(str(step))
            aws_path.append(str(step))
            continue
        name, info = found
        python_path.append(name)
        aws_path.append(info.alias or name)
        inside = _nested_shape(info.annotation)
    return ".".join(python_path), ".".join(aws_path), info, holder


def _field_named(shape: type[pydantic.BaseModel], name: str) -> tuple[str, pydantic.fields.FieldInfo] | None:
    for python_name, info in shape.model_fields.items():
        if name in (python_name, info.alias):
            return python_name, info
    return None


def _nested_shape(annotation: Any) -> type[pydantic.BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return annotation
    for argument in typing.get_args(annotation):
        if nested := _nested_shape(argument):
            return nested
    return None
