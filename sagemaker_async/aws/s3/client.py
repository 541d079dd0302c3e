"""`S3Client`: objects in and out of S3."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sagemaker_async.aws.client import ServiceClient
from sagemaker_async.config import Timeouts

from .objects import S3Object

if TYPE_CHECKING:
    from .shapes import DeleteObjectResponse, HeadObjectResponse, ObjectSummary, PutObjectResponse

__all__ = ["ObjectBody", "S3Client"]

ObjectBody = bytes | bytearray | memoryview | Path | AsyncIterable[bytes]
"""What can be uploaded: bytes, a file by its path, or what yields bytes."""


class S3Client(ServiceClient):
    """Amazon S3, as much of it as inference needs; ``session.s3``.

    Buckets are called where they are: by their own host, or in the path where the name cannot be part of a host's or
    the URL is a custom one (`Config.endpoint_urls`). A bucket that is in another region than the session is found and
    remembered. Each method takes `timeout`: seconds for each request that it makes, or a `Timeouts` of its own.

    All methods raise `RequestValidationError` before anything is sent when a field breaks S3's rules, and when the call
    fails `CallError` with its many kinds, also with `Config.raise_response_errors` off: `NoSuchKeyError`,
    `NoSuchBucketError`, `S3AccessDeniedError`, `PreconditionFailedError`.

    `expected_bucket_owner`, where it is given, is the account that must own the bucket; S3 refuses the call otherwise.
    """

    async def get_object(
        self,
        *,
        bucket: str,
        key: str,
        range: str | None = None,  # noqa: A002 - AWS's name
        if_match: str | None = None,
        expected_bucket_owner: str | None = None,
        timeout: float | Timeouts | None = None,
    ) -> S3Object:
        """Begin to read an object; its content is read from what this returns::

            async with await session.s3.get_object(bucket="b", key="k") as obj:
                content = await obj.read(limit=1 << 20)

        Args:
            bucket: the bucket's name.
            key: the object's key, as it is: nothing in it is normalised.
            range: which bytes, such as ``bytes=0-99``, ``bytes=100-`` or ``bytes=-10`` (the last ten).
            if_match: the ETag that the object must have.
            expected_bucket_owner: the account that must own the bucket.
            timeout: as for all methods.

        Raises:
            NoSuchKeyError, NoSuchBucketError: there is none.
            S3AccessDeniedError: not allowed; or, without s3:ListBucket, there is none.
            PreconditionFailedError: it has another ETag than `if_match`.
        """
        raise NotImplementedError

    async def head_object(
        self,
        *,
        bucket: str,
        key: str,
        if_match: str | None = None,
        expected_bucket_owner: str | None = None,
        timeout: float | Timeouts | None = None,
    ) -> HeadObjectResponse:
        """Return what S3 says of an object: size, type, ETag.

        Raises:
            NoSuchKeyError: there is no such object, or no such bucket: S3 does not say which.
            S3AccessDeniedError, PreconditionFailedError: as `get_object`.
        """
        raise NotImplementedError

    async def put_object(
        self,
        *,
        bucket: str,
        key: str,
        body: ObjectBody,
        content_type: str | None = None,
        user_metadata: Mapping[str, str] | None = None,
        server_side_encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = None,
        sse_kms_key_id: str | None = None,
        expected_bucket_owner: str | None = None,
        timeout: float | Timeouts | None = None,
    ) -> PutObjectResponse:
        """Write an object; one that is there already is replaced, once the whole of the new one has come.

        A body of more than 8 MiB goes in parts, a few at a time, each of which is repeated by itself where need be. No
        more than those parts are held in memory. When the upload fails or is cancelled, its parts are deleted.

        Args:
            bucket: the bucket's name.
            key: the object's key, as it is: nothing in it is normalised.
            body: bytes, the path of a file, or an asynchronous iterable of bytes.
            content_type: the media type of the body.
            user_metadata: what to keep beside the object (``x-amz-meta-...``): ASCII, 2,048 characters in all.
            server_side_encryption: how S3 encrypts the object; None: as the bucket says.
            sse_kms_key_id: the KMS key for it.
            expected_bucket_owner: the account that must own the bucket.
            timeout: as for all methods.

        Raises:
            RequestValidationError: also when the file cannot be read.
            BodyChangedError: the file changed its length meanwhile.
            NoSuchBucketError, S3AccessDeniedError: as their names say.
        """
        raise NotImplementedError

    async def delete_object(
        self,
        *,
        bucket: str,
        key: str,
        expected_bucket_owner: str | None = None,
        timeout: float | Timeouts | None = None,
    ) -> DeleteObjectResponse:
        """Delete an object; succeeds as well when there is none."""
        raise NotImplementedError

    def list_objects(
        self,
        *,
        bucket: str,
        prefix: str | None = None,
        start_after: str | None = None,
        page_size: int | None = None,
        expected_bucket_owner: str | None = None,
        timeout: float | Timeouts | None = None,
    ) -> AsyncIterator[ObjectSummary]:
        """Iterate over the objects of a bucket in the order of their keys, asked for page after page::

            async for summary in session.s3.list_objects(bucket="b", prefix="results/"):
                print(summary.key, summary.size)

        Args:
            bucket: the bucket's name.
            prefix: what the keys begin with.
            start_after: the key after which to begin.
            page_size: how many are asked for at once, 1 to 1,000, the default.
            expected_bucket_owner: the account that must own the bucket.
            timeout: as for all methods.
        """
        raise NotImplementedError
