"""Interceptors: seams at which a program sees every call and attempt, and may change what is sent."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .interceptor import AttemptOutcome, CallContext, ConnectionPool, Interceptor, StreamSummary

__all__ = [
    "AttemptOutcome",
    "CallContext",
    "ConnectionPool",
    "Interceptor",
    "StreamSummary",
]

_HOMES = {
    "AttemptOutcome": "interceptor",
    "CallContext": "interceptor",
    "ConnectionPool": "interceptor",
    "Interceptor": "interceptor",
    "StreamSummary": "interceptor",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import what interceptors are written with when it is asked for (PEP 562): most sessions have none."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        return value
