"""What a run does before its first record and after its last: refuse what cannot work, begin, deliver.

Nothing of an earlier run is touched before everything has been checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sagemaker_async.aws.s3.uris import S3Location
from sagemaker_async.errors import (
    ConfigurationError,
    NoSuchKeyError,
    RunStoppedError,
    S3AccessDeniedError,
    SageMakerAsyncError,
)
from sagemaker_async.session import Session

from .checkpoint import Checkpoint, Manifest
from .files import RunFiles, location_of
from .inputs import STDIN, Input, file_input, s3_input, stdin_input
from .summary import Summary

__all__ = ["begin", "check_output", "finish", "found_input", "opened_checkpoint"]


@asynccontextmanager
async def opened_checkpoint(files: RunFiles, *, resume: bool, overwrite: bool) -> AsyncGenerator[Checkpoint, None]:
    """Give the checkpoint of a run that may begin or continue; hold its lock."""
    exists = files.output.exists()
    if exists and not (resume or overwrite):
        raise ConfigurationError(
            f"the output {str(files.output)!r} exists: resume=True (--resume) continues its run, overwrite=True "
            "(--overwrite) starts over"
        )
    if exists and resume and not files.checkpoint.exists():
        raise ConfigurationError(
            f"the output {str(files.output)!r} has no checkpoint ({str(files.checkpoint)!r}), so nobody knows "
            "which run it belongs to; choose another output, or start over with overwrite=True (--overwrite)"
        )
    checkpoint = await asyncio.to_thread(Checkpoint, files.checkpoint)
    try:
        yield checkpoint
    finally:
        await asyncio.to_thread(checkpoint.close)


async def check_output(files: RunFiles, begun: Manifest | None, session: Session | None, *, overwrite: bool) -> None:
    """Check that the run does not overwrite an output without being told to."""
    if overwrite or begun is not None:
        return
    if files.output.exists() and files.output.stat().st_size:
        raise ConfigurationError(
            f"the checkpoint {str(files.checkpoint)!r} is incomplete, and the output is not empty; choose another "
            "output, or start over with overwrite=True (--overwrite)"
        )
    if files.location is not None and session is not None:
        try:
            await session.s3.head_object(bucket=files.location.bucket, key=files.location.key)
        except NoSuchKeyError:
            await _check_bucket(session, files.location)
            return
        raise ConfigurationError(
            f"the output {files.name!r} exists, and there is no checkpoint of it here: overwrite=True (--overwrite) "
            "starts over and replaces it"
        )


async def _check_bucket(session: Session, location: S3Location) -> None:
    """Check that there is the bucket, while nothing has been paid for: of an object that is missing, S3 does not say.

    Raises:
        NoSuchBucketError: there is none.
    """
    listed = session.s3.list_objects(bucket=location.bucket, prefix=location.key, page_size=1)
    with suppress(S3AccessDeniedError):  # who may write objects need not be allowed to list them
        await anext(listed, None)


async def found_input(
    input: str | Path,  # noqa: A002
    files: RunFiles,
    begun: Manifest | None,
    session: Session | None,
) -> Input:
    fingerprint = None if begun is None else begun.input
    if input == STDIN:
        return await stdin_input(files.copy, fingerprint)
    location = location_of(input)
    if location is not None:
        if location == files.location:
            raise ConfigurationError(f"the input and the output are the same object, {input}: choose another output")
        assert session is not None
        return await s3_input(session, location, files.copy, fingerprint)
    await asyncio.to_thread(files.check_apart, Path(input))
    return await file_input(Path(input))


def begin(files: RunFiles, checkpoint: Checkpoint, manifest: Manifest) -> None:
    """Write the checkpoint of a new run; what was there before is gone first, so that no kill mixes the two."""
    try:
        files.output.unlink(missing_ok=True)
        checkpoint.write(manifest)
    except OSError as error:
        raise ConfigurationError(
            f"the checkpoint {str(files.checkpoint)!r} cannot be written: {error.strerror}"
        ) from error


async def finish(
    files: RunFiles,
    found: Input,
    checkpoint: Checkpoint,
    session: Session | None,
    summary: Summary,
) -> None:
    """Upload a complete output, and remove the files that are no longer needed: all of them, when no record failed."""
    if files.location is not None:
        assert session is not None
        try:
            await session.s3.put_object(
                bucket=files.location.bucket,
                key=files.location.key,
                body=files.output,
                content_type="application/jsonlines",
            )
        except SageMakerAsyncError as error:
            raise RunStoppedError(
                f"every record is finished, but the output {str(files.output)!r} could not be uploaded to "
                f"{files.name!r}: {error}; the same run with resume=True (--resume) uploads it",
                summary,
            ) from error
    if summary.failed:
        return
    if found.path == files.copy:  # else it is a file of the user's
        files.copy.unlink(missing_ok=True)
    if files.location is not None:
        # In this order: an output without a checkpoint is refused, a checkpoint without an output begins anew.
        await asyncio.to_thread(checkpoint.clear)
        files.output.unlink(missing_ok=True)
