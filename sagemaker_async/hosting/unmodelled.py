"""The shapes of operations that have none of their own: fields and answers as they are, under AWS's names."""

from __future__ import annotations

from typing import Any, ClassVar

import pydantic

from sagemaker_async.aws.shapes.models import RequestShape, ResponseShape

__all__ = ["UnmodelledRequest", "UnmodelledResponse"]


class UnmodelledRequest(RequestShape):
    """Fields under AWS's names; the only rule is that they can be sent as JSON."""

    model_config: ClassVar[pydantic.ConfigDict] = pydantic.ConfigDict(extra="allow")


class UnmodelledResponse(ResponseShape):
    """What an operation without shapes answers: its members by AWS's names, ``response["TrainingJobStatus"]``.

    Nothing is converted: timestamps are seconds since 1970, as they came.
    """

    @property
    def members(self) -> dict[str, Any]:
        """All members of the answer."""
        return dict(self.model_extra or {})
