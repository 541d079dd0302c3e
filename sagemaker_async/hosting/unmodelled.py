"""Calling operations that have no shapes here: fields and answers as they are, under AWS's names."""

from __future__ import annotations

import difflib
from typing import Any

import pydantic

from sagemaker_async.aws.deferred import DeferredShapes
from sagemaker_async.aws.operation import Operation
from sagemaker_async.aws.shapes import RequestShape, ResponseShape
from sagemaker_async.errors import ConfigurationError

from .names import BOTOCORE_VERSION, ITEMS, OPERATION_NAMES
from .operations import SAGEMAKER

__all__ = ["UnmodelledResponse", "aws_operation_name", "items_of", "unmodelled"]

_READING = ("Describe", "Get", "List", "Search", "Query", "BatchDescribe", "BatchGet")


class UnmodelledRequest(RequestShape):
    """Fields under AWS's names, unchecked but for being JSON."""

    model_config = pydantic.ConfigDict(extra="allow")


class UnmodelledResponse(ResponseShape):
    """What an operation without shapes answers: its members by AWS's names, ``response["TrainingJobStatus"]``.

    Nothing is converted: timestamps are seconds since 1970, as they came.
    """

    @property
    def members(self) -> dict[str, Any]:
        """All that was answered."""
        return dict(self.model_extra or {})

    def __getitem__(self, name: str) -> Any:
        return (self.model_extra or {})[name]

    def __contains__(self, name: object) -> bool:
        return name in (self.model_extra or {})

    def get(self, name: str, default: Any = None) -> Any:
        """Return a member, or `default` when it was not answered."""
        return (self.model_extra or {}).get(name, default)


_SHAPES = DeferredShapes(__name__, "Unmodelled")


def unmodelled(name: str) -> Operation:
    """Return the operation of AWS's name `name`, without checking that there is one."""
    return Operation(
        name=name,
        service=SAGEMAKER,
        shapes=_SHAPES,
        repeatable=name.startswith(_READING),
    )


def aws_operation_name(name: str) -> str:
    """Return AWS's name of an operation from that or the Python one, ``ListModels`` or ``list_models``.

    Raises:
        ConfigurationError: there is no such operation; the message suggests the nearest.
    """
    if name in OPERATION_NAMES:
        return name
    wanted = str(name).replace("_", "").lower()
    by_lower_case = {known.lower(): known for known in OPERATION_NAMES}
    if wanted in by_lower_case:
        return by_lower_case[wanted]
    near = difflib.get_close_matches(wanted, by_lower_case, n=1)
    suggestion = f"; did you mean {by_lower_case[near[0]]}?" if near else ""
    raise ConfigurationError(
        f"SageMaker has no operation {name!r} that this version knows (botocore {BOTOCORE_VERSION}'s){suggestion}"
    )


def items_of(name: str) -> str | None:
    """Return AWS's name of the list that an operation answers a page of; None when it does not answer in pages."""
    return ITEMS.get(name)
