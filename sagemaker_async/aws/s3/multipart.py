"""An upload in parts: begun, sent a few parts at a time, and completed; or aborted, on every other way out.

Each part is a call of its own, which the pipeline repeats where need be. No more parts are in memory than are under
way, and the one that comes next. S3 compares the CRC32 of each part, and that of the whole object, with what came.

An upload that fails or is cancelled is aborted, because S3 keeps (and charges for) the parts of one that is neither
completed nor aborted. The abort is a task of its own, so that a caller who is cancelled again does not end it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.errors import SageMakerAsyncError, ServiceError

from .checksums import crc32_text
from .operations import (
    ABORT_MULTIPART_UPLOAD,
    COMPLETE_MULTIPART_UPLOAD,
    CREATE_MULTIPART_UPLOAD,
    HEAD_OBJECT,
    UPLOAD_PART,
)
from .parts import Part

if TYPE_CHECKING:
    from .shapes import PutObjectResponse

__all__ = ["Perform", "upload_in_parts"]

logger: logging.Logger = logging.getLogger(__name__)

Perform = Callable[[Operation, Mapping[str, Any], bytes | None], Awaitable[Any]]
"""Calls an operation with these fields and this body, and returns its response."""

Sent = dict[int, tuple[str, str | None]]
"""ETag and CRC32 of each part by its number."""

ABORT_SECONDS = 30.0
"""How long a caller whose upload failed waits for its parts to be deleted."""


async def upload_in_parts(
    perform: Perform,
    fields: Mapping[str, Any],
    parts: AsyncIterator[Part],
    *,
    parallel: int,
    checksums: bool,
    aborts: set[asyncio.Task[None]],
) -> PutObjectResponse:
    """Upload an object in parts.

    Args:
        perform: what calls S3.
        fields: of the object, as `PutObject` takes them.
        parts: what to upload.
        parallel: how many parts are under way at once.
        checksums: whether to send CRC32s.
        aborts: keeps the tasks that abort an upload while they run: the event loop alone would not.

    Raises:
        CallError: it failed; the upload was aborted.
        Exception: what `parts` raised; the upload was aborted.
    """
    begin = {**fields, "checksum_algorithm": "CRC32", "checksum_type": "FULL_OBJECT"} if checksums else fields
    created = await perform(CREATE_MULTIPART_UPLOAD, begin, None)
    upload = {name: fields.get(name) for name in ("bucket", "key", "expected_bucket_owner")}
    upload["upload_id"] = created.upload_id
    try:
        etags, last = await _send_all(perform, upload, parts, parallel, checksums)
        completed: PutObjectResponse = await _complete(perform, upload, etags, last, checksums)
    except BaseException:
        task = asyncio.create_task(_abort(perform, upload), name="sagemaker-async abort of an upload")
        aborts.add(task)
        task.add_done_callback(aborts.discard)
        await asyncio.shield(task)
        raise
    return completed


async def _send_all(
    perform: Perform, upload: Mapping[str, Any], parts: AsyncIterator[Part], parallel: int, checksums: bool
) -> tuple[Sent, Part]:
    """Send all parts; return ETag and checksum of each by its number, and the last one without its data."""
    sent: Sent = {}
    free = asyncio.Semaphore(parallel)

    async def send(part: Part) -> None:
        try:
            crc = crc32_text(part.crc) if checksums else None
            checksum = {"checksum_crc32": crc, "checksum_algorithm": "CRC32"} if crc else {}
            answer = await perform(UPLOAD_PART, {**upload, "part_number": part.number, **checksum}, part.data)
            sent[part.number] = (answer.etag, crc)
        finally:
            free.release()

    last: Part | None = None
    try:
        async with asyncio.TaskGroup() as group:
            await free.acquire()
            async for part in parts:
                group.create_task(send(part))
                last = part._replace(data=b"")
                del part
                await free.acquire()
    except BaseExceptionGroup as failures:
        failure = failures.exceptions[0]
    else:
        assert last is not None  # there is a part at least
        return sent, last
    # Not raised in the handler: the group and its other exceptions say nothing more.
    raise failure


async def _complete(perform: Perform, upload: Mapping[str, Any], etags: Sent, last: Part, checksums: bool) -> Any:
    """Complete the upload, and return a `PutObjectResponse`."""
    crc = crc32_text(last.crc_so_far) if checksums else None
    whole = {"checksum_crc32": crc, "checksum_type": "FULL_OBJECT"} if checksums else {}
    fields = {**upload, "object_size": last.size_so_far, **whole}
    refused: ServiceError
    try:
        return await perform(COMPLETE_MULTIPART_UPLOAD, fields, _list_of(etags))
    except ServiceError as error:
        if error.code != "NoSuchUpload" or len(error.attempts) == 1:
            raise
        refused = error
    # An attempt whose answer was lost may have completed it: then the object is there, in as many parts.
    read = {name: value for name, value in upload.items() if name != "upload_id"}
    try:
        head = await perform(HEAD_OBJECT, {**read, "checksum_mode": "ENABLED" if checksums else None}, None)
    except ServiceError:
        raise refused from None
    in_parts = str(head.etag).endswith(f'-{len(etags)}"')
    if not in_parts or head.content_length != last.size_so_far or head.checksum_crc32 not in (None, crc):
        raise refused
    return COMPLETE_MULTIPART_UPLOAD.response.model_construct(
        metadata=head.metadata,
        etag=head.etag,
        checksum_crc32=head.checksum_crc32,
        version_id=head.version_id,
        server_side_encryption=head.server_side_encryption,
    )


def _list_of(etags: Sent) -> bytes:
    lines = []
    for number, (etag, crc) in sorted(etags.items()):
        checksum = f"<ChecksumCRC32>{crc}</ChecksumCRC32>" if crc else ""
        lines.append(f"<Part><ETag>{escape(etag)}</ETag>{checksum}<PartNumber>{number}</PartNumber></Part>")
    namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'<CompleteMultipartUpload xmlns="{namespace}">{"".join(lines)}</CompleteMultipartUpload>'.encode()


async def _abort(perform: Perform, upload: Mapping[str, Any]) -> None:
    try:
        async with asyncio.timeout(ABORT_SECONDS):
            await perform(ABORT_MULTIPART_UPLOAD, upload, None)
    except (SageMakerAsyncError, TimeoutError) as error:
        logger.warning(
            "the upload of s3://%s/%s failed, and its parts could not be deleted (%s): they are kept, and cost, until "
            "a lifecycle rule of the bucket (AbortIncompleteMultipartUpload) deletes them",
            upload["bucket"],
            upload["key"],
            type(error).__name__,
        )
