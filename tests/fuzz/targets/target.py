"""What a target is, and how inputs that are made of parts are read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Check", "Target", "plain", "split_head", "vectors"]

Check = Callable[[bytes], None]
"""Takes one input; what it raises is a defect."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that reads bytes of others."""

    name: str
    """Also the name of its corpus."""
    open: Callable[[], AbstractContextManager[Check]]
    """Prepares what all inputs share; on the way out it is put away."""
    seeds: Callable[[], Iterable[bytes]]
    """Inputs to begin with."""
    words: tuple[bytes, ...] = ()
    """What means something here, for mutations."""
    max_length: int = 1024
    """Bytes of the longest input to try: short inputs reach as much, and faster."""


def plain(check: Check) -> Callable[[], AbstractContextManager[Check]]:
    """Return the `Target.open` of a check that needs no preparation."""
    return lambda: contextlib.nullcontext(check)


def split_head(data: bytes) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return the first line, the fields and the body of an input that has the form of an HTTP message.

    Lines end with LF. Bytes are Latin-1, so that every input is a text; a line without a colon is a field without a
    value.
    """
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    fields = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return first, fields, body


def vectors(name: str) -> Any:
    """Return what a file of tests/vectors holds."""
    return json.loads((Path(__file__).parents[2] / "vectors" / f"{name}.json").read_text(encoding="utf-8"))
