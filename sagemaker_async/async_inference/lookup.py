"""One look at S3 for the result of an invocation: the output first, then the failure.

A missing object is "not yet". S3 says 403 instead of 404 to callers without s3:ListBucket, so that a 403 means "not
yet, or never allowed": `ResultAccessDeniedError`. Every other answer of S3 is an `UnexpectedClientError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from sagemaker_async.aws.s3.client import S3Client
from sagemaker_async.aws.s3.uris import parse_s3_uri
from sagemaker_async.errors import (
    AccessDeniedError,
    NoSuchKeyError,
    ResultAccessDeniedError,
    ServiceError,
    UnexpectedClientError,
)

__all__ = ["Denied", "Locations", "Outcome", "Status", "look", "status_of"]

Denied = Literal["raise", "wait"]
"""What a 403 means while waiting: an error, or "not yet"."""
Status = Literal["InProgress", "Completed", "Failed"]
"""How far an invocation is; ``InProgress`` may also be one that failed and left no object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locations:
    """Where the objects of an invocation will be."""

    output: str
    failure: str | None = None
    """None when the endpoint has no S3FailurePath."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found."""

    failed: bool
    body: bytes = field(repr=False)
    content_type: str


@dataclass(slots=True)
class Counter:
    """How many requests were made."""

    requests: int = 0


async def look(
    s3: S3Client,
    locations: Locations,
    *,
    denied: Denied,
    max_bytes: int | None,
    timeout: float | None,
    counter: Counter,
) -> tuple[Outcome | None, str | None]:
    """Return the outcome, None if there is none yet; and the location that a 403 hides, if `denied` is ``wait``.

    Args:
        s3: the client.
        locations: where to look.
        denied: whether a 403 is an error.
        max_bytes: the largest body to read; None: `Config.max_response_bytes`.
        timeout: seconds for the head of each answer, over all attempts; None: the session's limits.
        counter: counts the requests.

    Raises:
        ResultAccessDeniedError: S3 says 403, and that is an error.
        UnexpectedClientError: S3 answered with another error.
        ResponseTooLargeError: the body is larger.
        CallError, CredentialsError: S3 could not be asked.
    """
    hidden: str | None = None
    for failed, location in ((False, locations.output), (True, locations.failure)):
        if location is None:
            continue
        bucket, key = parse_s3_uri(location)
        try:
            async with _translated(location):
                counter.requests += 1
                async with await s3.get_object(bucket=bucket, key=key, timeout=timeout) as found:
                    body = await found.read(limit=max_bytes)
                    content_type = found.content_type or "application/octet-stream"
                    return Outcome(failed=failed, body=body, content_type=content_type), None
        except NoSuchKeyError:
            continue
        except ResultAccessDeniedError:
            if denied == "raise":
                raise
            hidden = hidden or location
    return None, hidden


async def status_of(s3: S3Client, locations: Locations, *, timeout: float | None = None) -> Status:
    """Return how far an invocation is, by HEAD requests, which read no result.

    Raises:
        SageMakerAsyncError: as `look`.
    """
    found: tuple[tuple[Status, str | None], ...] = (("Completed", locations.output), ("Failed", locations.failure))
    for status, location in found:
        if location is None:
            continue
        bucket, key = parse_s3_uri(location)
        try:
            async with _translated(location):
                await s3.head_object(bucket=bucket, key=key, timeout=timeout)
        except NoSuchKeyError:
            continue
        return status
    return "InProgress"


@asynccontextmanager
async def _translated(location: str) -> AsyncIterator[None]:
    try:
        yield
    except NoSuchKeyError:
        raise
    except ServiceError as error:
        # HEAD has no body and so no code of S3's; others name what else is wrong, such as an unknown key.
        if isinstance(error, AccessDeniedError) and (error.code == "AccessDenied" or error.operation == "HeadObject"):
            raise ResultAccessDeniedError(location) from error
        if error.retryable:
            raise
        raise UnexpectedClientError(str(error)) from error
