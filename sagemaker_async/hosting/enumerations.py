"""What is done about a value of an enumeration that botocore's model does not know.

SageMaker may know values that this version does not, so such a value is sent, and a warning of this module's logger
(``sagemaker_async.hosting.enumerations``) names the nearest known one. The enumerations in `CLOSED` stand for a choice
that is complete; there an unknown value is a mistake and refused.
"""

from __future__ import annotations

import difflib
import logging
from typing import Any

from pydantic_core import PydanticCustomError, core_schema

__all__ = ["CLOSED", "OneOf"]

logger: logging.Logger = logging.getLogger(__name__)

CLOSED = frozenset({"CaptureMode", "InferenceExecutionMode"})
"""The enumerations to which SageMaker is not expected to add: which sides of a call are captured, and whether the
containers of a model are called one after the other or one by one."""


class OneOf:
    """Marks a text in a request, as ``Annotated[str, OneOf("SortOrder", "Ascending", "Descending")]``.

    Args:
        name: AWS's name of the enumeration.
        values: the values that botocore's model knows.
    """

    def __init__(self, name: str, *values: str) -> None:
        self.name = name
        self.values: frozenset[str] = frozenset(values)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, core_schema.str_schema(strict=True))

    def _checked(self, value: str) -> str:
        if value not in self.values:
            if self.name in CLOSED:
                rule = f"must be one of {', '.join(sorted(self.values))}, got {value!r}{self._remedy(value)}"
                raise PydanticCustomError("one_of", "{rule}", {"rule": rule})
            logger.warning(
                "%s: this version does not know the value %r%s It is sent as is",
                self.name,
                value,
                self._remedy(value) or ".",
            )
        return value

    def _remedy(self, value: str) -> str:
        by_lower_case = {known.lower(): known for known in sorted(self.values)}
        near = difflib.get_close_matches(value.lower(), by_lower_case, n=1)
        return f"; did you mean {by_lower_case[near[0]]!r}?" if near else ""
