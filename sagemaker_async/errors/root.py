"""The root of every exception, and how all of them pickle."""

from __future__ import annotations

from typing import Any


class SageMakerAsyncError(Exception):
    """The root of every exception this package raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Rebuilt from the message and the attributes, so that subclasses may have any constructor and still pickle.
        return _rebuild, (type(self), self.args, self.__dict__.copy())


def _rebuild(kind: type[SageMakerAsyncError], args: tuple[Any, ...], state: dict[str, Any]) -> SageMakerAsyncError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error
