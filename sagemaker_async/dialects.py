"""What models say: the dialects of containers, and what one of your own is made of; see `records.dialects`."""

from __future__ import annotations

from .records.dialects import (
    DIALECTS,
    Delta,
    Dialect,
    Record,
    Token,
    dialect_named,
    in_band_error,
    recognise,
    reports_error,
)

__all__ = [
    "DIALECTS",
    "Delta",
    "Dialect",
    "Record",
    "Token",
    "dialect_named",
    "in_band_error",
    "recognise",
    "reports_error",
]
