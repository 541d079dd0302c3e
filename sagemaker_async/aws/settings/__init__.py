"""What a session runs with: options completed from environment, shared files and defaults."""

from __future__ import annotations

from .resolve import Settings, read_settings, resolve_settings

__all__ = [
    "Settings",
    "read_settings",
    "resolve_settings",
]
