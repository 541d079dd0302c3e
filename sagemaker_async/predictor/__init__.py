"""One endpoint in the hands of a user: `Predictor`, its streams, and what it does in the control plane."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .predictor import DEFAULT_CONTENT_TYPE, Predictor

__all__ = [
    "DEFAULT_CONTENT_TYPE",
    "Predictor",
]

_HOMES = {
    "DEFAULT_CONTENT_TYPE": "predictor",
    "Predictor": "predictor",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import `Predictor` when it is asked for (PEP 562): who only needs `values` has no use for aiohttp."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        return value
