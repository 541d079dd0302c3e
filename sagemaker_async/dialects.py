"""What models say: dialects of containers, what one of your own is made of, and whole messages; see `records`."""

from __future__ import annotations

from .records.dialects import (
    DIALECTS,
    Delta,
    Dialect,
    Record,
    Token,
    TokenLogprob,
    ToolCallDelta,
    dialect_named,
    in_band_error,
    recognise,
    reports_error,
)
from .records.results import Choice, TokenResult, ToolCall

__all__ = [
    "DIALECTS",
    "Choice",
    "Delta",
    "Dialect",
    "Record",
    "Token",
    "TokenLogprob",
    "TokenResult",
    "ToolCall",
    "ToolCallDelta",
    "dialect_named",
    "in_band_error",
    "recognise",
    "reports_error",
]
