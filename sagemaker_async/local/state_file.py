"""`StateFile`: the file in which an embedded SageMaker keeps its control plane over a restart.

It is JSON with a version, and is replaced as a whole: a crash leaves the old or the new one. Only its owner can read
it, because the environments of models may hold secrets. What it keeps is stated in
`sagemaker_async.local.control_plane.saving`.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sagemaker_async.errors import ConfigurationError

__all__ = ["VERSION", "StateFile"]

VERSION: Final = 1
"""The version of the format that is written; older ones are read as well."""
_KIND: Final = "sagemaker-async embedded SageMaker"


class StateFile:
    """One state file.

    Args:
        path: the file; it need not exist, but its directory must.

    Raises:
        ConfigurationError: the path is a directory, or its directory does not exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path: Final = Path(path).absolute()
        self._lock = threading.Lock()
        if self.path.is_dir() or not self.path.parent.is_dir():
            raise ConfigurationError(f"state must be a file in an existing directory, got {str(path)!r}")

    def read(self) -> dict[str, Any] | None:
        """Return what was written; None when there is no file.

        Raises:
            ConfigurationError: the file cannot be read, is malformed, or was written by a newer version.
        """
        try:
            content = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(f"the state file {self.path} cannot be read: {error.strerror or error}") from error
        except (ValueError, RecursionError) as error:
            raise self.malformed(f"it is not JSON ({error})") from error
        if not isinstance(content, dict) or content.get("kind") != _KIND:
            raise self.malformed(f"it does not have the kind {_KIND!r}")
        version = content.get("version")
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise self.malformed(f"its version is {version!r}")
        if version > VERSION:
            raise ConfigurationError(
                f"the state file {self.path} has version {version}, and this sagemaker-async reads up to {VERSION}: "
                "upgrade sagemaker-async, or name another file"
            )
        return content

    def malformed(self, why: str) -> ConfigurationError:
        """Return the error for content that cannot be used."""
        return ConfigurationError(
            f"{self.path} is not a state file of the embedded SageMaker: {why}. Name another file, or move this one "
            "away to begin without it"
        )

    def write(self, content: Callable[[], dict[str, Any]]) -> None:
        """Replace the file by what `content` returns; blocks, from any thread, and one after the other.

        Raises:
            OSError: it cannot be written; the old file is left as it was.
        """
        with self._lock:  # so that later content is not overwritten by earlier content
            text = json.dumps({"kind": _KIND, "version": VERSION, **content()}, indent=1)
            descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(name, self.path)  # noqa: PTH105 - name is a str
            except BaseException:
                with suppress(OSError):
                    os.unlink(name)  # noqa: PTH108
                raise
