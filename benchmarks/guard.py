"""A guard against regressions: the ratios of this run beside those that were stored.

``python -m benchmarks --store`` writes the ratios of all targets that the run measured to `stored.json`, and leaves the
others there as they are; ``--check`` fails when one of this run lies above its stored spread by more than its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from .measure import HERE, Ratio
from .targets import Standing

__all__ = ["STORED", "regressions", "store"]

STORED = HERE / "stored.json"


def _name(standing: Standing) -> str:
    target = standing.target
    return f"{target.suite}: {standing.name}, {target.measurement}, {target.contestant} of {target.baseline}"


def store(standings: Iterable[Standing], file: Path = STORED) -> None:
    """Store the ratios of a run."""
    kept = json.loads(file.read_text()) if file.exists() else {}
    kept.update({_name(standing): standing.ratio._asdict() for standing in standings})
    file.write_text(json.dumps(dict(sorted(kept.items())), indent=2) + "\n", encoding="utf-8")


def regressions(standings: Iterable[Standing], file: Path = STORED) -> list[str]:
    """Return a line for each ratio whose spread lies wholly above the stored one.

    Raises:
        SystemExit: nothing was stored.
    """
    if not file.exists():
        sys.exit(f"there is nothing to compare with: --store writes {file.name}")
    kept = {name: Ratio(**values) for name, values in json.loads(file.read_text()).items()}
    found: list[str] = []
    for standing in standings:
        before = kept.get(_name(standing))
        if before is not None and standing.ratio.low > before.high:
            found.append(
                f"{_name(standing)}: {standing.ratio.value:.3f} (from {standing.ratio.low:.3f}), "
                f"stored {before.value:.3f} (to {before.high:.3f})"
            )
    return found
