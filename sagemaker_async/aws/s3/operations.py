"""S3 as a table: the operations that inference needs, where their fields travel, and which errors they know.

What the fields may hold is in `shapes`. Every operation may be repeated: an object that is written twice is the same
object, and an upload that is begun twice is at worst one that the bucket's lifecycle rules clear away.

Source: AWS's service model ``s3`` of 2006-03-01 (rest-xml, signing name ``s3``).
"""

from __future__ import annotations

from typing import Any

from sagemaker_async.aws.retries import RetryRules
from sagemaker_async.aws.shapes.deferred import DeferredShapes
from sagemaker_async.aws.shapes.operation import Operation, Service
from sagemaker_async.aws.signing import S3 as S3_SIGNING
from sagemaker_async.config.endpoints import EndpointRules
from sagemaker_async.errors import (
    NoSuchBucketError,
    NoSuchKeyError,
    PreconditionFailedError,
    S3AccessDeniedError,
    ServiceError,
)

__all__ = [
    "ABORT_MULTIPART_UPLOAD",
    "COMPLETE_MULTIPART_UPLOAD",
    "CREATE_MULTIPART_UPLOAD",
    "DELETE_OBJECT",
    "GET_OBJECT",
    "HEAD_BUCKET",
    "HEAD_OBJECT",
    "LIST_OBJECTS",
    "OPERATIONS",
    "PUT_OBJECT",
    "S3",
    "UPLOAD_PART",
]

S3 = Service(
    name="s3",
    endpoint_rules=EndpointRules(service="s3", signing_name="s3", prefix="s3", fips_prefix="s3-fips"),
    retry_rules=RetryRules(
        # The last two: what came was not what was sent, so it is sent once more.
        transient=frozenset({"InternalError", "BadDigest", "XAmzContentSHA256Mismatch"}),
    ),
    signing_rules=S3_SIGNING,
    protocol="rest-xml",
    errors={
        "AccessDenied": S3AccessDeniedError,
        "AllAccessDisabled": S3AccessDeniedError,
        "NoSuchBucket": NoSuchBucketError,
        "NoSuchKey": NoSuchKeyError,
        "PreconditionFailed": PreconditionFailedError,
    },
)

_SHAPES = f"{__package__}.shapes"
_STATUSES = {403: S3AccessDeniedError, 412: PreconditionFailedError}
_OWNER = {"expected_bucket_owner": "x-amz-expected-bucket-owner"}
_READ = {"if_match": "If-Match", "checksum_mode": "x-amz-checksum-mode", **_OWNER}
_WRITE = {
    "content_type": "Content-Type",
    "server_side_encryption": "x-amz-server-side-encryption",
    "sse_kms_key_id": "x-amz-server-side-encryption-aws-kms-key-id",
    "user_metadata": "x-amz-meta-",
    **_OWNER,
}
_CHECKSUM = {"checksum_algorithm": "x-amz-sdk-checksum-algorithm", "checksum_crc32": "x-amz-checksum-crc32"}
_OBJECT = {
    "ContentLength": "Content-Length",
    "ContentType": "Content-Type",
    "ETag": "ETag",
    "LastModified": "Last-Modified",
    "Metadata": "x-amz-meta-",
    "VersionId": "x-amz-version-id",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "ChecksumCRC32": "x-amz-checksum-crc32",
    "ChecksumType": "x-amz-checksum-type",
}
_WRITTEN = {
    "VersionId": "x-amz-version-id",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "ChecksumCRC32": "x-amz-checksum-crc32",
}
_UPLOAD = {"upload_id": "uploadId"}


def _operation(
    name: str, *, path: str = "/{key}", not_found: type[ServiceError] | None = None, **fields: Any
) -> Operation:
    """Return a row, whose answer may be an error whatever its status; S3's clients reckon with that everywhere.

    Args:
        name: AWS's name.
        path: that of an object, where nothing else is said.
        not_found: what a 404 without a code is, where answers have no body.
        fields: the others of `Operation`.
    """
    return Operation(
        name=name,
        service=S3,
        shapes=DeferredShapes(_SHAPES, name),
        path=path,
        repeatable=True,
        errors_by_status=_STATUSES if not_found is None else {404: not_found, **_STATUSES},
        **{"resource": "key", "sensitive": frozenset({"SSEKMSKeyId"}), "error_in_success": True, **fields},
    )


GET_OBJECT = _operation(
    "GetObject",
    method="GET",
    request_headers={"range": "Range", **_READ},
    response_headers={"ContentRange": "Content-Range", **_OBJECT},
    streaming=True,
)

HEAD_OBJECT = _operation(
    "HeadObject",
    method="HEAD",
    request_headers=_READ,
    response_headers=_OBJECT,
    not_found=NoSuchKeyError,
)

HEAD_BUCKET = _operation(
    "HeadBucket",
    method="HEAD",
    resource="bucket",
    path="/",
    request_headers=_OWNER,
    response_headers={"BucketRegion": "x-amz-bucket-region"},
    not_found=NoSuchBucketError,
)

PUT_OBJECT = _operation(
    "PutObject",
    method="PUT",
    request_headers={**_WRITE, **_CHECKSUM},
    response_headers={"ETag": "ETag", **_WRITTEN},
)

DELETE_OBJECT = _operation(
    "DeleteObject",
    method="DELETE",
    request_headers=_OWNER,
    response_headers={"VersionId": "x-amz-version-id"},
)

LIST_OBJECTS = _operation(
    "ListObjectsV2",
    method="GET",
    resource="bucket",
    path="/?list-type=2&encoding-type=url",
    request_headers=_OWNER,
    request_query={
        "prefix": "prefix",
        "start_after": "start-after",
        "max_keys": "max-keys",
        "continuation_token": "continuation-token",
    },
    error_in_success=False,  # it would be parsed twice, and is missed in the shape
)

CREATE_MULTIPART_UPLOAD = _operation(
    "CreateMultipartUpload",
    path="/{key}?uploads=",
    request_headers={
        **_WRITE,
        "checksum_algorithm": "x-amz-checksum-algorithm",
        "checksum_type": "x-amz-checksum-type",
    },
)

UPLOAD_PART = _operation(
    "UploadPart",
    method="PUT",
    request_headers={**_OWNER, **_CHECKSUM},
    request_query={"part_number": "partNumber", **_UPLOAD},
    response_headers={"ETag": "ETag"},
)

COMPLETE_MULTIPART_UPLOAD = _operation(
    "CompleteMultipartUpload",
    request_headers={
        **_OWNER,
        "checksum_crc32": "x-amz-checksum-crc32",
        "checksum_type": "x-amz-checksum-type",
        "object_size": "x-amz-mp-object-size",
    },
    request_query=_UPLOAD,
    response_headers=_WRITTEN,
)

ABORT_MULTIPART_UPLOAD = _operation(
    "AbortMultipartUpload",
    method="DELETE",
    request_headers=_OWNER,
    request_query=_UPLOAD,
)

OPERATIONS = (
    GET_OBJECT,
    HEAD_OBJECT,
    HEAD_BUCKET,
    PUT_OBJECT,
    DELETE_OBJECT,
    LIST_OBJECTS,
    CREATE_MULTIPART_UPLOAD,
    UPLOAD_PART,
    COMPLETE_MULTIPART_UPLOAD,
    ABORT_MULTIPART_UPLOAD,
)
