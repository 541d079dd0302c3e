"""`DeferredShapes`: the models of an operation, imported and built when they are first wanted.

pydantic and thousands of lines of shapes are what a first call would pay for most. Whoever may not block runs `load` in
a thread, once per process.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sagemaker_async import _lazy

if TYPE_CHECKING:
    from .models import RequestShape, ResponseShape

__all__ = ["DeferredShapes"]

_LOADING = threading.Lock()


class DeferredShapes:
    """The request and response models of one operation.

    Args:
        module: where they are, as ``{name}Request`` and ``{name}Response``.
        name: AWS's name of the operation.
    """

    __slots__ = ("_module", "_name", "_shapes")

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name
        self._shapes: tuple[type[RequestShape], type[ResponseShape]] | None = None

    @classmethod
    def of(cls, request: type[RequestShape], response: type[ResponseShape]) -> DeferredShapes:
        """Return shapes that need no import."""
        deferred = cls(request.__module__, request.__name__)
        deferred._shapes = request, response
        return deferred

    @property
    def loaded(self) -> bool:
        """Whether `load` has nothing left to do."""
        return self._shapes is not None

    def load(self) -> tuple[type[RequestShape], type[ResponseShape]]:
        """Return both, their models built. Blocks the first time."""
        if self._shapes is not None:
            return self._shapes
        with _LOADING:
            if self._shapes is None:
                module = _lazy.library(self._module)
                request: type[RequestShape] = getattr(module, f"{self._name}Request")
                response: type[ResponseShape] = getattr(module, f"{self._name}Response")
                request.model_rebuild()
                response.model_rebuild()
                self._shapes = request, response
        return self._shapes
