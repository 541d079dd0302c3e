"""Models that are imported and built when they are first wanted, which a process that only predicts never does.

pydantic and thousands of lines of shapes are what a first call would pay for most. Whoever may not block runs `load` in
a thread, once per process.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from sagemaker_async import _lazy

if TYPE_CHECKING:
    from .models import RequestShape, ResponseShape

__all__ = ["DeferredShape", "DeferredShapes"]

_LOADING = threading.Lock()

M = TypeVar("M", bound="RequestShape | ResponseShape")


class DeferredShape(Generic[M]):
    """One model.

    Args:
        module: the absolute name of the module it is in.
        name: its own name.
    """

    __slots__ = ("_module", "_name", "_shape")

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name
        self._shape: type[M] | None = None

    @property
    def loaded(self) -> bool:
        """Whether `load` has nothing left to do."""
        return self._shape is not None

    def load(self) -> type[M]:
        """Return the model, ready to validate. Blocks the first time."""
        if self._shape is not None:
            return self._shape
        with _LOADING:
            if self._shape is None:
                shape: type[M] = getattr(_lazy.library(self._module), self._name)
                shape.prepare_validation()
                self._shape = shape
        return self._shape


class DeferredShapes:
    """The request and response models of one operation.

    Args:
        module: the absolute name of the module they are in, as ``{name}Request`` and ``{name}Response``.
        name: AWS's name of the operation.
    """

    __slots__ = ("request", "response")

    def __init__(self, module: str, name: str) -> None:
        self.request: DeferredShape[RequestShape] = DeferredShape(module, f"{name}Request")
        self.response: DeferredShape[ResponseShape] = DeferredShape(module, f"{name}Response")

    @classmethod
    def of(cls, request: type[RequestShape], response: type[ResponseShape]) -> DeferredShapes:
        """Return shapes that need no import."""
        shapes = cls(request.__module__, "")
        shapes.request._shape = request
        shapes.response._shape = response
        return shapes
