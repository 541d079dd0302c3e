"""Where a run keeps its files: `RunFiles`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sagemaker_async.aws.s3.uris import S3Location, parse_s3_uri
from sagemaker_async.errors import ConfigurationError

__all__ = ["RunFiles", "location_of", "rewritten_name"]


def location_of(name: str | Path) -> S3Location | None:
    """Return the object of S3 that an input or output is; None when it is a path.

    Raises:
        RequestValidationError: it begins with ``s3://`` and is not an object.
    """
    return parse_s3_uri(name) if isinstance(name, str) and name.startswith("s3://") else None


def rewritten_name(output: Path) -> Path:
    """Return where an output is written anew before it is replaced."""
    return output.with_name(f"{output.name}.new")


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """The files of a run; all are beside its output, or, when that is an object of S3, in a directory of the user's."""

    name: str
    """The output as it was given, for messages."""
    output: Path
    """What lines are appended to."""
    location: S3Location | None
    """Where the output is uploaded when it is complete; None: nowhere."""

    @property
    def checkpoint(self) -> Path:
        """The checkpoint."""
        return self.output.with_name(f"{self.output.name}.checkpoint")

    @property
    def copy(self) -> Path:
        """The copy of an input that cannot be read twice."""
        return self.output.with_name(f"{self.output.name}.input")

    def check_apart(self, input: Path) -> None:  # noqa: A002 - the field's own word
        """Check that an input is none of these files, which are written and removed.

        Raises:
            ConfigurationError: it is.
        """
        for path in (self.output, self.checkpoint, self.copy, rewritten_name(self.output)):
            if path.exists() and input.exists() and input.samefile(path):
                raise ConfigurationError(
                    f"the input {str(input)!r} is a file that this run writes, {str(path)!r}: choose another output"
                )

    @classmethod
    def of(cls, output: str | Path, work_dir: str | Path | None) -> RunFiles:
        """Return the files of an output.

        Raises:
            ConfigurationError: the output cannot be a file there.
            RequestValidationError: it is a wrong URI.
        """
        location = location_of(output)
        if location is not None:
            path = Path(work_dir or ".") / (Path(location.key).name or "output")
        elif work_dir is not None:
            raise ConfigurationError("work_dir is for outputs in S3; the files of others are beside the output")
        else:
            path = Path(output)
            if path.is_symlink():  # the file that it names is appended to and replaced, never the link
                path = path.resolve()
        if not path.parent.is_dir():
            raise ConfigurationError(f"the directory of {str(path)!r} does not exist: make it first")
        if not path.name or (path.exists() and not path.is_file()):
            raise ConfigurationError(
                f"the output {str(path)!r} must be a regular file, which a resumed run can read back"
            )
        return cls(name=str(output), output=path, location=location)
