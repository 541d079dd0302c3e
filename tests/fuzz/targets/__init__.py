"""The targets, by name."""

from __future__ import annotations

from . import answers, embedded, frames, jobs, records, settings
from .target import Check, Target

__all__ = ["TARGETS", "Check", "Target"]

TARGETS: dict[str, Target] = {
    target.name: target for module in (frames, records, answers, settings, embedded, jobs) for target in module.TARGETS
}
