"""How the fields of a request are checked: by pydantic's engine, with rules that were compiled from its model.

A `CompiledRequest` is what a generated module holds of a model: pydantic_core's schema of each field, as literals. It
validates as the model does and says what is wrong in the same words, and needs no model for it: importing pydantic and
building one model takes longer than all else that a first prediction imports (benchmarks/README.md).

`unchecked_fields` is for `Config.validate_params=False`.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pydantic_core import SchemaValidator, ValidationError

from sagemaker_async.errors import FieldProblem, RequestValidationError

from .body import Readable, body_bytes
from .words import given_twice, rule_of, unknown_field

__all__ = ["CompiledRequest", "RequestBody", "RequestField", "converted_to", "unchecked_fields"]


class RequestField(NamedTuple):
    """One field of a request."""

    name: str
    """Its name in Python."""
    aws_name: str
    schema: Mapping[str, Any]
    """Its rules, as a schema of pydantic_core; all are strict: no value is converted to the type."""
    required: bool = False
    header: str | None = None
    """The header field it travels in; None: it travels in the path."""
    sensitive: bool = False
    """Whether no message and no log may show its value."""
    words: str | None = None
    """Words for its pattern, where those of `words.pattern_words` do not say enough."""


class RequestBody(NamedTuple):
    """The field of a request that is the HTTP body: no rule of pydantic's, for it may still have to be read."""

    name: str
    """Its name in Python."""
    aws_name: str
    required: bool = False
    sensitive: bool = False
    instead: tuple[str, str] | None = None
    """Both names of the field that may be given instead: exactly one must be, and an empty body counts as none."""

    def problem(self, rule: str) -> FieldProblem:
        """Return what is wrong with the body."""
        return FieldProblem(self.name, self.aws_name, rule)

    def take(self, values: dict[str, Any], *, checked: bool) -> tuple[bytes | Readable | None, list[FieldProblem]]:
        """Take the body out of the fields of a request; return it, None if it is not given, and what is wrong with it.

        Args:
            values: the fields in either spelling, none of them None.
            checked: whether to apply more rules than that the body must be of a kind that can be sent.
        """
        given, by_aws_name = values.pop(self.name, None), values.pop(self.aws_name, None)
        twice = given is not None and by_aws_name is not None
        if by_aws_name is not None:
            given = by_aws_name
        body: bytes | Readable | None = None
        problems: list[FieldProblem] = []
        if given is not None:
            try:
                body = body_bytes(given)
            except (TypeError, ValueError) as error:
                problems.append(self.problem(str(error)))
        if not checked:
            return body, problems
        if twice:
            problems.append(given_twice(self.name, self.aws_name))
        if self.required and given is None:
            problems.append(self.problem("is required"))
        if self.instead is not None:
            other = any(name in values for name in self.instead)
            if other == (given is not None and body != b""):
                which = "both were" if other else "neither was"
                rule = f"give exactly one of {self.name} (inline) and {self.instead[0]}; {which} given"
                problems.append(FieldProblem(*self.instead, rule))
        return body, problems


class CompiledRequest:
    """What a request takes.

    Args:
        fields: all but the body.
        body: None where the request has none.
    """

    def __init__(self, *fields: RequestField, body: RequestBody | None = None) -> None:
        self.fields = fields
        self.body = body
        self.names: dict[str, str] = {field.name: field.aws_name for field in fields}
        """AWS's name of each field, by its Python name; the body's is the last."""
        self.headers: dict[str, str] = {field.name: field.header for field in fields if field.header is not None}
        """The header field that each field travels in, by the field's Python name."""
        self.sensitive: set[str] = {field.aws_name for field in fields if field.sensitive}
        """AWS's names of the fields that no message and no log may show."""
        if body is not None:
            self.names[body.name] = body.aws_name
            if body.sensitive:
                self.sensitive.add(body.aws_name)
        self._by_name = {field.name: field for field in fields}

    @functools.cached_property
    def _validator(self) -> SchemaValidator:
        """Made at the first request, for most programs send requests of one kind."""
        fields = {
            field.name: {
                "type": "typed-dict-field",
                "schema": field.schema,
                "required": field.required,
                "validation_alias": [[field.aws_name], [field.name]],
            }
            for field in self.fields
        }
        schema: Any = {
            "type": "typed-dict",
            "fields": fields,
            "extra_behavior": "forbid",
            "config": {"loc_by_alias": False, "strict": True},
        }
        return SchemaValidator(schema)

    def validated_fields(self, operation: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields by their Python names.

        Args:
            operation: AWS's name of the operation, for the error.
            values: all but the body, in either spelling, none of them None.

        Raises:
            RequestValidationError: listing every broken rule, and no sensitive value.
        """
        try:
            fields: dict[str, Any] = self._validator.validate_python(values)
        except ValidationError as error:
            problems = [self._problem(operation, values, complaint) for complaint in error.errors(include_url=False)]
        else:
            return fields
        raise RequestValidationError(operation, problems)

    def renamed(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return fields under AWS's names, checked or not; None drops out."""
        return {self.names.get(name, name): value for name, value in fields.items() if value is not None}

    def converted(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return fields, in either spelling, with numbers for text and text for numbers where those are wanted."""
        kinds = {
            name: _KINDS.get(field.schema["type"]) for field in self.fields for name in (field.name, field.aws_name)
        }
        return {name: converted_to(kinds.get(name), value) for name, value in values.items()}

    def _problem(self, operation: str, values: Mapping[str, Any], complaint: Mapping[str, Any]) -> FieldProblem:
        name = str(complaint["loc"][0])
        if complaint["type"] == "extra_forbidden":
            return unknown_field(name, self.names, values, operation)
        field = self._by_name.get(name)
        if field is None:
            return FieldProblem(name, name, rule_of(complaint))
        return FieldProblem(name, field.aws_name, rule_of(complaint, field.words, sensitive=field.sensitive))


_KINDS: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool}


def converted_to(kind: object, value: Any) -> Any:
    """Return a value as a str, int, float or bool, where its text says the same; anything else as it is.

    Numbers become text, and text that is a number in Python's or JSON's form a number; ``true`` and ``false`` are
    bools. What would lose something (1.5 as an int, a bool as a number) stays, and is refused by validation.
    """
    if isinstance(value, bool):
        return ("true" if value else "false") if kind is str else value
    if isinstance(value, int | float):
        if kind is str:
            return str(value)
        if kind is int and isinstance(value, float) and value.is_integer():
            return int(value)
        return float(value) if kind is float else value
    if isinstance(value, str):
        try:
            if kind is int and _WHOLE.fullmatch(value):
                return int(value)
            if kind is float and math.isfinite(number := float(value)):
                return number
        except ValueError:
            return value
        if kind is bool and value in ("true", "false"):
            return value == "true"
    return value


_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")


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
