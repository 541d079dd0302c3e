"""`S3Client`: objects in and out of S3."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack
from urllib.parse import unquote_plus

from sagemaker_async.aws.call import Reply
from sagemaker_async.aws.channel import HasChannel
from sagemaker_async.aws.client import CallOptions, PreparedCall, ServiceClient
from sagemaker_async.aws.pipeline import Pipeline
from sagemaker_async.aws.protocols import parse_response
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.config import Config, ConfigFields, Timeouts, check_count
from sagemaker_async.errors import CallError, ResponseError, ServiceError

from .buckets import Buckets
from .checksums import crc32_text
from .multipart import upload_in_parts
from .objects import Origin, S3Object
from .operations import DELETE_OBJECT, GET_OBJECT, HEAD_BUCKET, HEAD_OBJECT, LIST_OBJECTS, OPERATIONS, PUT_OBJECT
from .parts import ObjectBody, Part, parts_of
from .regions import checked_region, is_elsewhere, region_in
from .uris import S3Location

if TYPE_CHECKING:
    from .shapes import (
        DeleteObjectResponse,
        GetObjectResponse,
        HeadObjectResponse,
        ListObjectsV2Response,
        ObjectSummary,
        PutObjectResponse,
    )

__all__ = ["ObjectBody", "S3Client"]

E = TypeVar("E", bound=CallError)


class S3Client(ServiceClient):
    """Amazon S3, as much of it as inference needs; ``session.s3``.

    Buckets are called where they are: by their own host, or in the path where the name cannot be part of a host's or
    the URL is a custom one (`Config.endpoint_urls`). A bucket that is in another region than the session is found and
    remembered. Each method takes `timeout`: seconds for each request that it makes, or a `Timeouts` of its own.

    All methods raise `RequestValidationError` before anything is sent when a field breaks S3's rules, and when the call
    fails `CallError` with its many kinds, also with `Config.raise_response_errors` off: `NoSuchKeyError`,
    `NoSuchBucketError`, `S3AccessDeniedError`, `PreconditionFailedError`.

    `expected_bucket_owner`, where it is given, is the account that must own the bucket; S3 refuses the call otherwise.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
    """

    operations = OPERATIONS

    part_bytes: int = 5 << 20
    """Larger bodies are uploaded in parts of this size; S3 takes 5 MiB to 5 GiB."""
    parallel_parts: int = 3
    """How many parts of a body are under way, and in memory, at once."""

    def __init__(self, source: HasChannel | Config | None = None, /, **fields: Unpack[ConfigFields]) -> None:
        super().__init__(source, **fields)
        self._buckets = Buckets(self._channel)
        self._aborts: set[asyncio.Task[None]] = set()

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
        fields = {
            "bucket": bucket,
            "key": key,
            "range": range,
            "if_match": if_match,
            "expected_bucket_owner": expected_bucket_owner,
            "checksum_mode": await self._checksum_mode(),
        }
        reply, pipeline = await self._send(GET_OBJECT, fields, None, timeout)
        try:
            head: GetObjectResponse = parse_response(GET_OBJECT, reply.metadata.headers, b"", reply.metadata)

            async def reopen(rest: str, etag: str) -> Reply:
                again = {**fields, "range": rest, "if_match": etag}
                return (await self._send(GET_OBJECT, again, None, timeout))[0]

            config = self._channel.config
            uri = str(S3Location(bucket, key))
            origin = Origin(uri, range, reopen, pipeline, self._channel.timing, config.max_response_bytes)
            return S3Object(head, reply, origin)
        except BaseException:
            reply.response.close()
            raise

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
        fields = {
            "bucket": bucket,
            "key": key,
            "if_match": if_match,
            "expected_bucket_owner": expected_bucket_owner,
            "checksum_mode": await self._checksum_mode(),
        }
        response: HeadObjectResponse = await self._perform(HEAD_OBJECT, fields, None, timeout)
        return response

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

        A body of more than 5 MiB (`part_bytes`) goes in parts, three at a time (`parallel_parts`), each of which is
        repeated by itself where need be; no more than those are held in memory. When the upload fails or is cancelled,
        its parts are deleted.

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
            UploadSourceError: the file changed meanwhile, or the iterable yields something else.
            NoSuchBucketError, S3AccessDeniedError: as their names say.
        """
        fields = {
            "bucket": bucket,
            "key": key,
            "content_type": content_type,
            "user_metadata": dict(user_metadata) if isinstance(user_metadata, Mapping) else user_metadata,
            "server_side_encryption": server_side_encryption,
            "sse_kms_key_id": sse_kms_key_id,
            "expected_bucket_owner": expected_bucket_owner,
        }
        check_count(self.part_bytes, "S3Client.part_bytes")
        check_count(self.parallel_parts, "S3Client.parallel_parts")
        await self.load(PUT_OBJECT)
        self.prepare(PUT_OBJECT, fields, CallOptions(timeout))  # before anything of the body is read
        checksums = (await self._channel.settings()).request_checksum_calculation == "when_supported"

        async def perform(operation: Operation, given: Mapping[str, Any], data: bytes | None) -> Any:
            return await self._perform(operation, given, data, timeout)

        response: PutObjectResponse
        async with contextlib.aclosing(parts_of(body, self.part_bytes)) as parts:
            first = await anext(parts)
            second = await anext(parts, None)
            if second is None:
                crc = {"checksum_crc32": crc32_text(first.crc), "checksum_algorithm": "CRC32"} if checksums else {}
                response = await perform(PUT_OBJECT, {**fields, **crc}, first.data)
            else:
                all_parts = _chained([first, second], parts)
                del first, second
                response = await upload_in_parts(
                    perform,
                    fields,
                    all_parts,
                    parallel=self.parallel_parts,
                    checksums=checksums,
                    aborts=self._aborts,
                )
        return response

    async def delete_object(
        self,
        *,
        bucket: str,
        key: str,
        expected_bucket_owner: str | None = None,
        timeout: float | Timeouts | None = None,
    ) -> DeleteObjectResponse:
        """Delete an object; succeeds as well when there is none."""
        fields = {"bucket": bucket, "key": key, "expected_bucket_owner": expected_bucket_owner}
        response: DeleteObjectResponse = await self._perform(DELETE_OBJECT, fields, None, timeout)
        return response

    async def list_objects(
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
        fields = {
            "bucket": bucket,
            "prefix": prefix,
            "start_after": start_after,
            "max_keys": page_size,
            "expected_bucket_owner": expected_bucket_owner,
        }
        token: str | None = None
        while True:
            page: ListObjectsV2Response = await self._perform(
                LIST_OBJECTS, {**fields, "continuation_token": token}, None, timeout
            )
            for summary in page.contents:
                if page.encoding_type == "url":
                    yield summary.model_copy(update={"key": unquote_plus(summary.key)})
                else:
                    yield summary
            if not page.is_truncated:
                return
            previous, token = token, page.next_continuation_token
            if not token or token == previous:
                words = "came twice in a row" if token else "is missing, though there are more objects"
                raise ResponseError(f"the NextContinuationToken {words}", page.metadata.status)

    async def _checksum_mode(self) -> str | None:
        settings = await self._channel.settings()
        return "ENABLED" if settings.response_checksum_validation == "when_supported" else None

    async def _perform(
        self, operation: Operation, fields: Mapping[str, Any], body: bytes | None, timeout: float | Timeouts | None
    ) -> Any:
        """Call an operation that answers with what fits into memory, and return its response."""
        reply, _ = await self._send(operation, fields, body, timeout)
        return parse_response(operation, reply.metadata.headers, reply.body, reply.metadata)

    async def _send(
        self, operation: Operation, fields: Mapping[str, Any], body: bytes | None, timeout: float | Timeouts | None
    ) -> tuple[Reply, Pipeline]:
        """Call an operation where the bucket is: where it was last, or once more where S3 says that it is."""
        self._channel.check_usable()
        await self.load(operation)
        call = self.prepare(operation, fields, CallOptions(timeout))._replace(body=body)
        bucket = call.head.fields["bucket"]
        pipeline = await self._buckets.pipeline(bucket)
        try:
            return await self.send(call, pipeline), pipeline
        except ServiceError as error:
            refused = _named(error, call)
            if not is_elsewhere(error):
                raise
        except CallError as error:
            _named(error, call)
            raise
        region = region_in(refused) or await self._asked_region(call, pipeline)
        current = pipeline.endpoint.signing_region
        if region is None or region == current:
            raise refused
        pipeline = await self._buckets.pipeline_in(bucket, checked_region(region, current, refused))
        try:
            reply = await self.send(call, pipeline)
        except CallError as error:
            if isinstance(error, ServiceError) and not is_elsewhere(error):
                self._buckets.remember(bucket, pipeline)
            _named(error, call)
            raise
        self._buckets.remember(bucket, pipeline)
        return reply, pipeline

    async def _asked_region(self, call: PreparedCall, pipeline: Pipeline) -> str | None:
        """Return the region that S3 names when it is asked for the bucket alone; None when it names none."""
        await self.load(HEAD_BUCKET)
        fields = {name: call.head.fields.get(name) for name in ("bucket", "expected_bucket_owner")}
        try:
            reply = await self.send(self.prepare(HEAD_BUCKET, fields, call.options), pipeline)
        except ServiceError as error:
            return region_in(error)
        except CallError:
            return None
        return reply.metadata.headers.get("x-amz-bucket-region")


def _named(error: E, call: PreparedCall) -> E:
    """Return an error that says which object the call was for, or which bucket."""
    fields = call.head.fields
    error.resource = str(S3Location(fields["bucket"], fields.get("key") or ""))
    return error


async def _chained(first: list[Part], others: AsyncIterator[Part]) -> AsyncIterator[Part]:
    while first:
        yield first.pop(0)
    async for part in others:
        yield part
