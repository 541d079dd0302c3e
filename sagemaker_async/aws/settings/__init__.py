"""What a session runs with: options completed from environment, shared files and defaults."""

from __future__ import annotations

from .resolve import Settings, resolve_settings

__all__ = [
    "Settings",
    "resolve_settings",
]
