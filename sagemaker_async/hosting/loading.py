"""Imports shapes and builds their models when an operation is first called: `load` blocks, so it runs in a thread.

The shapes are thousands of lines, of which a program uses a few dozen. Importing them takes about 0.1 s, building the
models of one operation some milliseconds; both happen once per process.
"""

from __future__ import annotations

import threading
from importlib import import_module

from sagemaker_async.aws.operation import Operation

from .operations import OPERATIONS, SAGEMAKER

__all__ = ["load", "loaded"]

_LOADED: dict[str, Operation] = {}
_LOADING = threading.Lock()


def loaded(name: str) -> Operation | None:
    """Return an operation with its shapes, if it has been loaded."""
    return _LOADED.get(name)


def load(name: str) -> Operation:
    """Return an operation with its shapes, their models built. Blocks the first time.

    Args:
        name: AWS's name of one of `OPERATIONS`.
    """
    with _LOADING:
        if name not in _LOADED:
            row = OPERATIONS[name]
            shapes = import_module(".shapes", __package__)
            operation = Operation(
                name=name,
                service=SAGEMAKER,
                request=getattr(shapes, row.request),
                response=getattr(shapes, row.response),
                resource=row.resource,
                repeatable=row.repeatable,
            )
            operation.request.model_rebuild()
            operation.response.model_rebuild()
            _LOADED[name] = operation
        return _LOADED[name]
