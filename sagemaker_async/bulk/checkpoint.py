"""What makes a run durable: the checkpoint file, and what is finished according to the output.

The output is the only record of what is finished: a line is appended for each record that has an outcome, and a line
that ends with its line feed is finished. So there are no two files that could contradict each other after a kill. The
checkpoint beside the output says which input, which settings and which callable the lines belong to; it is written, and
on the disk, before the output is created, and does not change any more.

==============================  =====================================  =============================================
killed                          leaves                                 and a resumed run
==============================  =====================================  =============================================
while the checkpoint is written a beginning of it, no output           starts
while a line is written         whole lines and the beginning of one   cuts that off, and scores its record again
while failed lines are removed  the old output, or the new one         removes them, or has nothing to remove
==============================  =====================================  =============================================

`Checkpoint` holds a lock on its file (`flock`, where the system has it) for as long as the run lasts, so that two runs
never write one output; the lock of a killed process is gone with it. Everything here blocks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sagemaker_async.errors import ConfigurationError

from .output import write_all

try:
    import fcntl
except ImportError:  # there is none on Windows, where nothing keeps a second run away
    fcntl = None  # type: ignore[assignment]

__all__ = ["Checkpoint", "Finished", "Manifest"]

_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What the lines of an output belong to."""

    input: Mapping[str, Any]
    """The fingerprint of the input; see `inputs`."""
    settings: Mapping[str, Any]
    """Whatever decides what a line says: the endpoint, the columns, the serializer, the order."""

    def encoded(self) -> bytes:
        """Return the contents of a checkpoint file."""
        return json.dumps({"version": _VERSION, **asdict(self)}, indent=1).encode() + b"\n"

    @classmethod
    def decoded(cls, contents: bytes) -> Manifest | None:
        """Return what the contents of a checkpoint file say; None when they are not whole."""
        if not contents.endswith(b"}\n"):
            return None
        try:
            fields = json.loads(contents)
        except (ValueError, RecursionError):
            return None
        if not isinstance(fields, dict) or fields.pop("version", None) != _VERSION:
            return None
        if set(fields) != {"input", "settings"} or not all(isinstance(value, dict) for value in fields.values()):
            return None
        return cls(**fields)

    def check_same(self, begun: Manifest, output: str) -> None:
        """Check that this run may continue the one that began with these values.

        Raises:
            ConfigurationError: the input or a setting differs.
        """
        if dict(self.input) != dict(begun.input):
            raise ConfigurationError(
                f"the checkpoint of {output!r} belongs to another input: it was {_described(begun.input)}, and is now "
                f"{_described(self.input)}; give the same input as before, or start over with overwrite (--overwrite)"
            )
        for name in {**begun.settings, **self.settings}:
            was, now = begun.settings.get(name), self.settings.get(name)
            if was != now:
                raise ConfigurationError(
                    f"the checkpoint of {output!r} belongs to a run with {name}={was!r}, and this one has {now!r}; "
                    "give the value that it began with, or start over with overwrite (--overwrite)"
                )


def _described(fingerprint: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in fingerprint.items())


class Checkpoint:
    """The checkpoint file of a run, open and locked.

    Args:
        path: the file; it is created when there is none.

    Raises:
        ConfigurationError: another run holds it, or it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # Not "r+b" and then "x+b": two runs that begin at once must end up with one file, and so with one lock.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            raise ConfigurationError(f"the checkpoint {str(path)!r} cannot be opened: {error.strerror}") from error
        self._file = open(descriptor, "r+b", buffering=0)  # noqa: PTH123, SIM115 - a descriptor, which `close` closes
        try:
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise ConfigurationError(f"another run holds the checkpoint {str(path)!r}: wait for it or end it") from None

    def read(self) -> Manifest | None:
        """Return what the run began with; None when no run has."""
        self._file.seek(0)
        return Manifest.decoded(self._file.read())

    def write(self, manifest: Manifest) -> None:
        """Begin a run: return when its checkpoint is on the disk."""
        self.clear()
        write_all(self._file, manifest.encoded())
        os.fsync(self._file.fileno())

    def clear(self) -> None:
        """Make the checkpoint say again that no run has begun."""
        self._file.seek(0)
        self._file.truncate()

    def close(self) -> None:
        """Release the lock; a checkpoint that says nothing is removed. Idempotent."""
        if not self._file.closed:
            if not self._file.seek(0, os.SEEK_END):
                with suppress(OSError):  # before the lock goes, where the system lets it
                    self.path.unlink()
            self._file.close()


class Finished:
    """Which records have a line in the output: one bit each, so that a hundred million take 12 MB.

    Attributes:
        count: how many there are.
    """

    def __init__(self) -> None:
        self._bits = bytearray()
        self.count: int = 0

    def __contains__(self, index: int) -> bool:
        byte = index >> 3
        return byte < len(self._bits) and bool(self._bits[byte] >> (index & 7) & 1)

    def add(self, index: int) -> None:
        """Note that a record has its line."""
        if index not in self:
            byte = index >> 3
            if byte >= len(self._bits):
                self._bits.extend(bytes(byte + 1 - len(self._bits)))
            self._bits[byte] |= 1 << (index & 7)
            self.count += 1
