"""Durable runs over many records: `run`, and its `Summary`. GUIDE.md beside this file shows them."""

from __future__ import annotations

from .scorer import OnMalformed, Target
from .scoring import run
from .summary import Summary

__all__ = ["OnMalformed", "Summary", "Target", "run"]
