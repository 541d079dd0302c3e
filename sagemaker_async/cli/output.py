"""Where answers go: `Output` writes their bytes, `print_metadata` prints their metadata."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from sagemaker_async.errors import ConfigurationError

from .failures import printable

if TYPE_CHECKING:
    from sagemaker_async.runtime.shapes import InvokeEndpointResponse, InvokeEndpointWithResponseStreamResponse

__all__ = ["Output", "print_metadata"]


class Output:
    """Standard output, or a file; every write is flushed, so that a reader sees each token when it arrives.

    Bytes are written unchanged. On a terminal, a line break is added at the end if the answer does not end with one.
    The file is created when the context is entered, so that a failed call does not overwrite an older file.

    Args:
        path: the file; None and ``-`` mean standard output.

    Raises:
        ConfigurationError: the path is a directory, or its directory does not exist; or, on entering, the file cannot
            be written.
    """

    def __init__(self, path: str | None) -> None:
        self._path = Path(path) if path not in (None, "-") else None
        self._file: BinaryIO | None = None
        self._ends_line = True
        self.bytes_written: int = 0
        if self._path is not None and (self._path.is_dir() or not self._path.parent.is_dir()):
            raise ConfigurationError(f"--output {path!r} must be a file in an existing directory")

    @property
    def is_terminal(self) -> bool:
        """Whether the bytes go to a terminal."""
        return self._path is None and sys.stdout.isatty()

    def __enter__(self) -> Self:
        if self._path is None:
            self._file = sys.stdout.buffer
        else:
            try:
                self._file = self._path.open("wb")
            except OSError as error:
                raise ConfigurationError(f"--output {str(self._path)!r} cannot be written: {error.strerror}") from None
        return self

    def write(self, data: bytes) -> None:
        """Write and flush; raises `BrokenPipeError` when the reader has left."""
        assert self._file is not None
        if data:
            self._file.write(data)
            self._file.flush()
            self._ends_line = data.endswith(b"\n")
            self.bytes_written += len(data)

    def write_answer(self, body: bytes, content_type: str | None) -> None:
        """Write a whole answer; one that is not text is named, and not written, on a terminal."""
        if self.is_terminal and b"\0" in body:
            print(
                f"sagemaker-async: the answer is {len(body)} bytes of {content_type}, which is not text, so it is not "
                "printed on the terminal; use --output FILE or a pipe",
                file=sys.stderr,
            )
            return
        with self:
            self.write(body)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        file, self._file = self._file, None
        assert file is not None
        if self._path is not None:
            file.close()
        elif not self._ends_line and self.is_terminal:
            file.write(b"\n")
            file.flush()


def print_metadata(response: InvokeEndpointResponse | InvokeEndpointWithResponseStreamResponse) -> None:
    """Print request id, variant and other metadata on standard error, one ``name: value`` per line."""
    metadata = response.metadata
    rows = {
        "status": metadata.status,
        "request-id": metadata.request_id,
        "attempts": len(metadata.attempts),
        "content-type": response.content_type,
        "invoked-production-variant": response.invoked_production_variant,
        "custom-attributes": response.custom_attributes,
    }
    for name in ("new_session_id", "closed_session_id"):  # which streams do not have
        rows[name.replace("_", "-")] = getattr(response, name, None)
    for name, value in rows.items():
        if value is not None:
            print(f"{name}: {printable(str(value))}", file=sys.stderr)
