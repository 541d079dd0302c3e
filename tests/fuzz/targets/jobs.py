"""What says that a job is one, or has completed; and what a client of the embedded S3 sends."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from sagemaker_async.async_inference.job_json import fields_of, job_json
from sagemaker_async.async_inference.notifications import inference_id_of
from sagemaker_async.errors import AsyncInferenceModelError, InvalidJobError
from sagemaker_async.local.answers import Refusal
from sagemaker_async.local.s3.chunked import decoded
from sagemaker_async.local.s3.uploads import Multipart

from .target import Target, plain

__all__ = ["TARGETS"]

_JOB = {
    "output_path": "s3://bucket/out",
    "failure_path": None,
    "endpoint_name": "e",
    "inference_id": "i",
    "submitted": 1.5,
    "ttl": 60,
    "timeout": 1,
}


def check_job(data: bytes) -> None:
    """A text is a job that is written as it was read, or refused; and so is one with any fields and a right digest."""
    texts = [data]
    try:
        content = json.loads(data)
        if isinstance(content, dict):
            texts.append(job_json({k: v for k, v in content.items() if k not in {"kind", "version"}}).encode())
    except (ValueError, RecursionError):
        pass
    for text in texts:
        try:
            fields = fields_of(text)
        except InvalidJobError:
            continue
        assert fields_of(job_json(fields)) == fields


def check_message(data: bytes) -> None:
    """A message of a queue names a job or nothing; the text of a failure may be anything."""
    text = data.decode("utf-8", "replace")
    found = inference_id_of(text)
    assert found is None or isinstance(found, str)
    error = AsyncInferenceModelError(text)
    assert error.original_status_code is None or error.original_message is not None


def check_upload(data: bytes) -> None:
    """What S3's clients send is decoded, or refused; what is decoded has the length that was announced."""
    length, _, body = data.partition(b"\n")
    announced = length.decode("latin-1")
    try:
        whole, _ = decoded(body, announced)
        assert str(len(whole)) == announced
    except Refusal:
        pass
    multipart = Multipart("s3://b/k", None, {})
    etags = [multipart.put(str(number), bytes([number])) for number in (1, 2)]
    text = body.decode("utf-8", "replace").replace("ETAG1", etags[0]).replace("ETAG2", etags[1])
    with contextlib.suppress(Refusal):
        multipart.completed(text)


def _jobs() -> Iterator[bytes]:
    yield job_json(_JOB).encode()
    yield json.dumps(_JOB).encode()
    yield json.dumps(_JOB | {"submitted": 10**30, "ttl": True, "output_path": "s3://b"}).encode()
    yield b"[" * 500


def _messages() -> Iterator[bytes]:
    message = json.dumps({"inferenceId": "i", "invocationStatus": "Completed"})
    yield message.encode()
    yield json.dumps({"Type": "Notification", "Message": message}).encode()
    yield b'Received server error (500) from primary with message "no"'


def _uploads() -> Iterator[bytes]:
    yield b"5\n5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    yield b"0\n0\r\n\r\n"
    yield (
        b"0\n<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>ETAG1</ETag></Part>"
        b"<Part><ETag>&quot;0&quot;</ETag><PartNumber>2</PartNumber></Part></CompleteMultipartUpload>"
    )


_JOB_WORDS = (*[f'"{name}": '.encode() for name in _JOB], b"s3://", b"null", b"1e999", b"\\ud800", b"true")
_MESSAGE_WORDS = (b'"inferenceId"', b'"Type": "Notification"', b'"Message": "', b"Received ", b" error (", b'message "')
_UPLOAD_WORDS = (
    b"\r\n", b";chunk-signature=", b"0\r\n", b"x-amz-checksum-crc32:", b"<Part>", b"</Part>", b"<PartNumber>",
    b"<ETag>", b"ETAG1", b"ETAG2", b"&quot;",
)  # fmt: skip

TARGETS = (
    Target(name="jobs", open=plain(check_job), seeds=_jobs, words=_JOB_WORDS),
    Target(name="messages", open=plain(check_message), seeds=_messages, words=_MESSAGE_WORDS),
    Target(name="uploads", open=plain(check_upload), seeds=_uploads, words=_UPLOAD_WORDS),
)
