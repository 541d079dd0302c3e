"""The one mechanism by which anything is imported later than `sagemaker_async` itself.

What a prediction and a stream need is imported at the top of its module. Deferred are only pydantic's models, botocore
and what runs it, the control plane and optional libraries: a process that only predicts has no use for them, and they
cost more to import than all the rest. No other module calls `importlib.import_module`, defines a module's
``__getattr__`` or imports inside a function.

===========  =========================================  ========================================================
`module`     a module of this package, at once          ``_lazy.module("predictor.updates")``
`load`       the same, in a thread if that takes time   ``await _lazy.load("hosting.operations")``
`later`      a stand-in for a module, until it is used  ``updates = _lazy.later("predictor.updates")``
`names`      names of a package, on first use           ``__getattr__, __dir__ = _lazy.names(__name__, {...})``
`library`    botocore or pydantic, at once              ``_lazy.library("botocore.session")``
`optional`   an optional library, at once               ``_lazy.optional("numpy", "NumpySerializer")``
===========  =========================================  ========================================================

A second request for a module costs a dictionary lookup.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

from .errors import MissingExtraError

__all__ = ["later", "library", "load", "module", "names", "optional"]

_ROOT = __package__
_LOADED: set[str] = set()
"""What `load` has seen imported to the end. `sys.modules` also holds modules whose import another thread has begun."""


def module(name: str) -> ModuleType:
    """Return a module of this package, importing it if need be; on an event loop use `load`.

    Args:
        name: the module's name below ``sagemaker_async``, such as ``predictor.updates``.
    """
    return library(f"{_ROOT}.{name}")


async def load(name: str) -> ModuleType:
    """Return a module of this package; one that is not imported yet is imported in a worker thread.

    A cancelled caller does not wait for the thread, which finishes the import.

    Args:
        name: the module's name below ``sagemaker_async``, such as ``hosting.operations``.
    """
    if name not in _LOADED:
        await asyncio.to_thread(module, name)
        _LOADED.add(name)
    return module(name)


class _Later:
    """Has the attributes of a module, which it imports when it is first asked for one."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(module(self._name), attribute)

    def __repr__(self) -> str:
        return f"<{_ROOT}.{self._name}, imported when it is used>"


def later(name: str) -> Any:
    """Return a stand-in for a module of this package, which is imported when an attribute of it is first wanted.

    It is for annotations that `typing.get_type_hints` must be able to resolve, and for code that has awaited `load`.
    Write the assignment in the ``else`` of ``if TYPE_CHECKING: from . import updates``, so that type checkers see the
    module itself.

    Args:
        name: the module's name below ``sagemaker_async``, such as ``predictor.updates``.
    """
    return _Later(name)


def names(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` (PEP 562) of a package that imports some names on their first use.

    Write the assignment under ``if not TYPE_CHECKING``, so that type checkers still notice misspelt names.

    Args:
        package: the package's ``__name__``.
        homes: each name with the module it is defined in, as for `module`.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    def directory() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, directory


def library(name: str) -> ModuleType:
    """Return a module of a dependency, such as ``botocore.session``, importing it if need be. Blocks the first time."""
    return import_module(name)


def optional(name: str, needed_for: str, *, extra: str | None = None) -> ModuleType:
    """Return a module of an optional library, importing it if need be. Blocks the first time.

    Args:
        name: the module's absolute name, such as ``numpy`` or ``scipy.sparse``.
        needed_for: what the user asked for, such as ``NumpySerializer``.
        extra: the extra that installs the library; None: it is named like the library.

    Raises:
        MissingExtraError: the library cannot be imported; the message names the extra.
    """
    top = name.partition(".")[0]
    try:
        library(top)
        return library(name)
    except ImportError as error:
        raise MissingExtraError(extra or top, needed_for) from error
