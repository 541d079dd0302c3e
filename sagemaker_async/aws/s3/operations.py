"""S3 as a table: the operations that inference needs, where their fields travel, and which errors they know.

What the fields may hold is in `shapes`. Every operation may be repeated: an object that is written twice is the same
object, and an upload that is begun twice is at worst one that the bucket's lifecycle rules clear away.

Source: AWS's service model ``s3`` of 2006-03-01 (rest-xml, signing name ``s3``).
"""

from __future__ import annotations

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

GET_OBJECT = Operation(
    name="GetObject",
    service=S3,
    method="GET",
    resource="key",
    path="/{key}",
    shapes=DeferredShapes(_SHAPES, "GetObject"),
    request_headers={"range": "Range", **_READ},
    response_headers={"ContentRange": "Content-Range", **_OBJECT},
    sensitive=frozenset({"SSEKMSKeyId"}),
    streaming=True,
    repeatable=True,
    errors_by_status=_STATUSES,
)

HEAD_OBJECT = Operation(
    name="HeadObject",
    service=S3,
    method="HEAD",
    resource="key",
    path="/{key}",
    shapes=DeferredShapes(_SHAPES, "HeadObject"),
    request_headers=_READ,
    response_headers=_OBJECT,
    sensitive=frozenset({"SSEKMSKeyId"}),
    repeatable=True,
    errors_by_status={404: NoSuchKeyError, **_STATUSES},
)

HEAD_BUCKET = Operation(
    name="HeadBucket",
    service=S3,
    method="HEAD",
    resource="bucket",
    request_headers=_OWNER,
    shapes=DeferredShapes(_SHAPES, "HeadBucket"),
    response_headers={"BucketRegion": "x-amz-bucket-region"},
    repeatable=True,
    errors_by_status={404: NoSuchBucketError, **_STATUSES},
)

PUT_OBJECT = Operation(
    name="PutObject",
    service=S3,
    method="PUT",
    resource="key",
    path="/{key}",
    shapes=DeferredShapes(_SHAPES, "PutObject"),
    request_headers={**_WRITE, **_CHECKSUM},
    response_headers={"ETag": "ETag", **_WRITTEN},
    sensitive=frozenset({"SSEKMSKeyId"}),
    repeatable=True,
    errors_by_status=_STATUSES,
)

DELETE_OBJECT = Operation(
    name="DeleteObject",
    service=S3,
    method="DELETE",
    resource="key",
    path="/{key}",
    shapes=DeferredShapes(_SHAPES, "DeleteObject"),
    request_headers=_OWNER,
    response_headers={"VersionId": "x-amz-version-id"},
    repeatable=True,
    errors_by_status=_STATUSES,
)

LIST_OBJECTS = Operation(
    name="ListObjectsV2",
    service=S3,
    method="GET",
    resource="bucket",
    path="/?list-type=2&encoding-type=url",
    shapes=DeferredShapes(_SHAPES, "ListObjectsV2"),
    request_headers=_OWNER,
    request_query={
        "prefix": "prefix",
        "start_after": "start-after",
        "max_keys": "max-keys",
        "continuation_token": "continuation-token",
    },
    repeatable=True,
    errors_by_status=_STATUSES,
)

CREATE_MULTIPART_UPLOAD = Operation(
    name="CreateMultipartUpload",
    service=S3,
    resource="key",
    path="/{key}?uploads=",
    shapes=DeferredShapes(_SHAPES, "CreateMultipartUpload"),
    request_headers={
        **_WRITE,
        "checksum_algorithm": "x-amz-checksum-algorithm",
        "checksum_type": "x-amz-checksum-type",
    },
    sensitive=frozenset({"SSEKMSKeyId"}),
    repeatable=True,
    errors_by_status=_STATUSES,
)

UPLOAD_PART = Operation(
    name="UploadPart",
    service=S3,
    method="PUT",
    resource="key",
    path="/{key}",
    shapes=DeferredShapes(_SHAPES, "UploadPart"),
    request_headers={**_OWNER, **_CHECKSUM},
    request_query={"part_number": "partNumber", **_UPLOAD},
    response_headers={"ETag": "ETag"},
    repeatable=True,
    errors_by_status=_STATUSES,
)

COMPLETE_MULTIPART_UPLOAD = Operation(
    name="CompleteMultipartUpload",
    service=S3,
    resource="key",
    path="/{key}",
    shapes=DeferredShapes(_SHAPES, "CompleteMultipartUpload"),
    request_headers={
        **_OWNER,
        "checksum_crc32": "x-amz-checksum-crc32",
        "checksum_type": "x-amz-checksum-type",
        "object_size": "x-amz-mp-object-size",
    },
    request_query=_UPLOAD,
    response_headers=_WRITTEN,
    repeatable=True,
    error_in_success=True,
    errors_by_status=_STATUSES,
)

ABORT_MULTIPART_UPLOAD = Operation(
    name="AbortMultipartUpload",
    service=S3,
    method="DELETE",
    resource="key",
    path="/{key}",
    shapes=DeferredShapes(_SHAPES, "AbortMultipartUpload"),
    request_headers=_OWNER,
    request_query=_UPLOAD,
    repeatable=True,
    errors_by_status=_STATUSES,
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
