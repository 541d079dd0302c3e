"""The kept corpus: inputs in files, and which of many are worth keeping.

An input is kept when it runs a pair of lines, one after the other, that no smaller kept one runs, or runs it twice as
often. That is measured with `sys.settrace`, so that it needs no tool, and counts what runs in the target's own thread.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import sagemaker_async

from .targets import Check, Target

__all__ = ["DIRECTORY", "inputs", "keep", "minimised"]

DIRECTORY = Path(__file__).with_name("corpus")
_PACKAGE = str(Path(sagemaker_async.__file__).parent)
Feature = tuple[CodeType, int, int, int]
"""Two lines of a function that ran one after the other, and how often: 1, 2 to 3, 4 to 7, ..."""
TraceFunction = Callable[[FrameType, str, Any], Any]
_TARGET_BYTES = 40_000
"""What the inputs of one target may take together."""


def inputs(target: Target) -> Iterator[tuple[str, bytes]]:
    """Yield the kept inputs of a target with their names."""
    for file in sorted((DIRECTORY / target.name).glob("*")):
        yield file.name, file.read_bytes()


def keep(target: Target, found: Iterable[bytes]) -> int:
    """Put inputs in the place of the kept ones; return how many."""
    directory = DIRECTORY / target.name
    directory.mkdir(parents=True, exist_ok=True)
    names = set()
    for data in found:
        name = hashlib.sha256(data).hexdigest()[:16]
        (directory / name).write_bytes(data)
        names.add(name)
    for file in directory.iterdir():
        if file.name not in names:
            file.unlink()
    return len(names)


def minimised(target: Target, candidates: Iterable[bytes]) -> list[bytes]:
    """Return those of the candidates that reach something of their own, the smaller first, up to a total size."""
    reached: set[Feature] = set()
    kept: list[bytes] = []
    room = _TARGET_BYTES
    with target.open() as check:
        for data in sorted(set(candidates), key=lambda data: (len(data), data)):
            features = _reached_by(check, data)
            if not features <= reached and len(data) <= room:
                reached |= features
                kept.append(data)
                room -= len(data)
    return kept


def _reached_by(check: Check, data: bytes) -> set[Feature]:
    counts: Counter[tuple[CodeType, int, int]] = Counter()
    last: dict[FrameType, int] = {}

    def in_frame(frame: FrameType, event: str, _argument: object) -> TraceFunction:
        if event == "line":
            counts[frame.f_code, last.get(frame, 0), frame.f_lineno] += 1
            last[frame] = frame.f_lineno
        elif event == "return":
            last.pop(frame, None)
        return in_frame

    def at_call(frame: FrameType, _event: str, _argument: object) -> TraceFunction | None:
        return in_frame if frame.f_code.co_filename.startswith(_PACKAGE) else None

    sys.settrace(at_call)
    try:
        check(data)
    finally:
        sys.settrace(None)
    return {(*pair, count.bit_length()) for pair, count in counts.items()}
