"""Names that the modules users import have without importing their homes: PEP 562, made for them.

CSV brings the standard library's module, arrays and records a dozen classes of our own; most programs send JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["later_names"]


def later_names(namespace: dict[str, Any], **homes: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module that has these names from their first use on.

    Args:
        namespace: the module's ``globals()``.
        homes: each name with the module of `codecs` that it comes from.
    """

    def take_over(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")
        value = namespace[name] = getattr(import_module(f".{homes[name]}", __package__), name)
        return value

    return take_over
