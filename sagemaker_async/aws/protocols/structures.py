"""The structures and scalars that JSON documents nest: base classes and types of generated shapes. Pure.

A structure that travels both ways has two classes. The one for requests refuses what the service would refuse; the one
for responses, named with `OUTPUT` behind it, takes what comes. What was answered can be sent back as it is: where a
request takes a ``ProductionVariant``, it takes a ``ProductionVariantOutput`` as well, and members that the service has
and this package does not know travel along.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import pydantic
from pydantic_core import PydanticCustomError

from sagemaker_async.aws.shapes.models import AnsweredShape, aws_names

__all__ = ["ABSENT", "OUTPUT", "RequestStructure", "RequestTimestamp", "ResponseStructure", "Timestamp"]

ABSENT: Any = None
"""What a member that AWS always sends reads as, where an answer lacks it all the same."""

OUTPUT = "Output"
"""What is appended to AWS's name of a structure for the response class of one that requests have as well."""


class ResponseStructure(AnsweredShape):
    """A structure within an answer; unknown members are kept under AWS's names."""


class RequestStructure(pydantic.BaseModel):
    """A structure within a request, from an instance, a mapping in either spelling, or what was answered before."""

    model_config: ClassVar[pydantic.ConfigDict] = pydantic.ConfigDict(
        frozen=True,
        defer_build=True,
        populate_by_name=True,
        protected_namespaces=(),
        hide_input_in_errors=True,
        extra="forbid",
    )

    _newer: dict[str, Any] = pydantic.PrivateAttr(default_factory=dict)

    @property
    def newer_members(self) -> Mapping[str, Any]:
        """Members that came with an answer and that this package does not know, under AWS's names."""
        return self._newer

    @pydantic.model_validator(mode="wrap")
    @classmethod
    def _from_what_was_given(
        cls, value: Any, handler: pydantic.ModelWrapValidatorHandler[RequestStructure]
    ) -> RequestStructure:
        if isinstance(value, Mapping):
            for python_name, aws_name in aws_names(cls).items():
                if python_name != aws_name and python_name in value and aws_name in value:
                    raise PydanticCustomError(
                        "twice",
                        "has a member twice, as {python_name} and as {aws_name}; give it once",
                        {"python_name": python_name, "aws_name": aws_name},
                    )
            return handler({name: member for name, member in value.items() if member is not None})
        if not isinstance(value, ResponseStructure) or type(value).__name__ != cls.__name__ + OUTPUT:
            return handler(value)
        known = {name: value.__dict__[name] for name in value.model_fields_set if name in cls.model_fields}
        shape = handler({name: member for name, member in known.items() if member is not None})
        shape._newer = dict(value.model_extra or {})
        return shape


def _moment(value: object) -> object:
    """Return an aware datetime: JSON has seconds since 1970, people have datetimes and ISO 8601 texts.

    One without a zone is in UTC, as botocore has it.
    """
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = _from_text(str(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return dt.datetime.fromtimestamp(value, dt.UTC)
        except (ValueError, OverflowError, OSError):
            raise _no_moment() from None
    if isinstance(value, dt.datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
    raise _no_moment()


def _from_text(text: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise _no_moment() from None


def _no_moment() -> PydanticCustomError:
    return PydanticCustomError("moment", "must be a datetime, seconds since 1970, or an ISO 8601 text")


Timestamp = Annotated[dt.datetime, pydantic.BeforeValidator(_moment)]
"""A moment in an answer: an aware datetime, in UTC."""

RequestTimestamp = Annotated[dt.datetime, pydantic.BeforeValidator(_moment)]
"""A moment in a request: a datetime (without a zone: in UTC), seconds since 1970, or an ISO 8601 text."""
