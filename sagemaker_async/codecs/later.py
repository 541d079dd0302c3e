"""Names of `arrays` that the modules users import have without importing it: PEP 562, made for them.

Arrays and records bring a dozen classes, and dataclasses are slow to make; most programs send JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["names_of_arrays"]


def names_of_arrays(namespace: dict[str, Any], *names: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module that has these names of `arrays` from their first use on.

    Args:
        namespace: the module's ``globals()``.
        names: what it takes over.
    """

    def take_over(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        value = namespace[name] = getattr(import_module(".arrays", __package__), name)
        return value

    return take_over
