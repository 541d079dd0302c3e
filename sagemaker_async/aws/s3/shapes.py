"""Request and response models of S3's operations.

Requests have the fields that inference needs, and no others of S3's. Header values are limited to printable ASCII,
because that is all an HTTP header field carries (RFC 9110 section 5.5).

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import datetime as dt
import re
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from sagemaker_async.aws.shapes.models import RequestShape, ResponseShape

from .uris import BUCKET_PATTERN, MAX_KEY_BYTES

__all__ = [
    "AbortMultipartUploadRequest",
    "AbortMultipartUploadResponse",
    "CompleteMultipartUploadRequest",
    "CompleteMultipartUploadResponse",
    "CreateMultipartUploadRequest",
    "CreateMultipartUploadResponse",
    "DeleteObjectRequest",
    "DeleteObjectResponse",
    "GetObjectRequest",
    "GetObjectResponse",
    "HeadBucketRequest",
    "HeadBucketResponse",
    "HeadObjectRequest",
    "HeadObjectResponse",
    "ListObjectsV2Request",
    "ListObjectsV2Response",
    "ObjectSummary",
    "PutObjectRequest",
    "PutObjectResponse",
    "UploadPartRequest",
    "UploadPartResponse",
]

# --- requests --------------------------------------------------------------------------------------------------------


def _broken(rule: str) -> PydanticCustomError:
    return PydanticCustomError("s3_rule", "{rule}", {"rule": rule})


def _key(key: str) -> str:
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        raise _broken("holds a lone surrogate, which UTF-8 cannot encode; decode the text correctly") from None
    if length > MAX_KEY_BYTES:
        raise _broken(f"may have {MAX_KEY_BYTES} bytes of UTF-8, has {length}")
    return key


def _user_metadata(metadata: dict[str, str]) -> dict[str, str]:
    for name, value in metadata.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9a-zA-Z-]+", name):
            raise _broken(f"has the name {name[:50]!r}; names take letters, digits and hyphens, as HTTP's do")
        if not (value.isascii() and value.isprintable()):
            raise _broken(f"has under {name!r} a value that is not printable ASCII, which is all that a header carries")
        if value != value.strip():
            raise _broken(f"has under {name!r} a value with spaces around it, which a header loses")
    size = sum(len(name) + len(value) for name, value in metadata.items())
    if size > _MAX_USER_METADATA:
        raise _broken(f"may have {_MAX_USER_METADATA} characters in all, has {size}")
    if len({name.lower() for name in metadata}) != len(metadata):
        raise _broken("has two names that differ in case alone, which are one to S3")
    return metadata


_MAX_USER_METADATA = 2048


def _text(pattern: str, max_length: int, words: str | None = None) -> Any:
    return Field(strict=True, max_length=max_length, pattern=rf"\A({pattern})\z", description=words)


_BUCKET_WORDS = "is a bucket's name: 3 or more lower-case letters, digits, dots and hyphens, such as my-bucket"
_RANGE_WORDS = "is a range of bytes, such as bytes=0-99, bytes=100- or bytes=-10"

Bucket = Annotated[str, _text(BUCKET_PATTERN, 255, _BUCKET_WORDS)]
Key = Annotated[str, Field(strict=True, min_length=1), AfterValidator(_key)]
HeaderText = Annotated[str, _text(r"[!-~][ -~]*", 1024)]
Account = Annotated[str, _text(r"[0-9]{12}", 12)]
Range = Annotated[str, _text(r"bytes=([0-9]{1,19}-[0-9]{0,19}|-[0-9]{1,19})", 50)]
_Text = Annotated[str, Field(strict=True)]
UserMetadata = Annotated[dict[_Text, _Text], AfterValidator(_user_metadata)]
Encryption = Literal["AES256", "aws:kms", "aws:kms:dsse"]


class _BucketRequest(RequestShape):
    bucket: Bucket = Field(alias="Bucket")
    expected_bucket_owner: Account | None = Field(
        default=None, alias="ExpectedBucketOwner", description="is an account's id of 12 digits"
    )


class _ObjectRequest(_BucketRequest):
    key: Key = Field(alias="Key")


class HeadObjectRequest(_ObjectRequest):
    """What `HeadObject` takes."""

    if_match: HeaderText | None = Field(default=None, alias="IfMatch")
    checksum_mode: Literal["ENABLED"] | None = Field(default=None, alias="ChecksumMode")


class GetObjectRequest(HeadObjectRequest):
    """What `GetObject` takes."""

    range: Range | None = Field(default=None, alias="Range", description=_RANGE_WORDS)


class _NewObjectRequest(_ObjectRequest):
    content_type: HeaderText | None = Field(default=None, alias="ContentType")
    server_side_encryption: Encryption | None = Field(default=None, alias="ServerSideEncryption")
    sse_kms_key_id: HeaderText | None = Field(default=None, alias="SSEKMSKeyId", repr=False)
    user_metadata: UserMetadata | None = Field(default=None, alias="Metadata", repr=False)


class PutObjectRequest(_NewObjectRequest):
    """What `PutObject` takes, beside the body."""

    checksum_algorithm: Literal["CRC32"] | None = Field(default=None, alias="ChecksumAlgorithm")
    checksum_crc32: HeaderText | None = Field(default=None, alias="ChecksumCRC32")


class CreateMultipartUploadRequest(_NewObjectRequest):
    """What `CreateMultipartUpload` takes."""

    checksum_algorithm: Literal["CRC32"] | None = Field(default=None, alias="ChecksumAlgorithm")
    checksum_type: Literal["FULL_OBJECT"] | None = Field(default=None, alias="ChecksumType")


class _UploadRequest(_ObjectRequest):
    upload_id: str = Field(alias="UploadId")


class UploadPartRequest(_UploadRequest):
    """What `UploadPart` takes, beside the body."""

    part_number: Annotated[int, Field(ge=1, le=10_000)] = Field(alias="PartNumber")
    checksum_algorithm: Literal["CRC32"] | None = Field(default=None, alias="ChecksumAlgorithm")
    checksum_crc32: HeaderText | None = Field(default=None, alias="ChecksumCRC32")


class CompleteMultipartUploadRequest(_UploadRequest):
    """What `CompleteMultipartUpload` takes, beside the list of parts."""

    checksum_crc32: HeaderText | None = Field(default=None, alias="ChecksumCRC32")
    checksum_type: Literal["FULL_OBJECT"] | None = Field(default=None, alias="ChecksumType")
    object_size: int | None = Field(default=None, alias="MpuObjectSize")


class AbortMultipartUploadRequest(_UploadRequest):
    """What `AbortMultipartUpload` takes."""


class HeadBucketRequest(_BucketRequest):
    """What `HeadBucket` takes."""


class DeleteObjectRequest(_ObjectRequest):
    """What `DeleteObject` takes."""


class ListObjectsV2Request(_BucketRequest):
    """What `ListObjectsV2` takes."""

    prefix: Annotated[str, Field(strict=True), AfterValidator(_key)] | None = Field(default=None, alias="Prefix")
    start_after: Annotated[str, Field(strict=True), AfterValidator(_key)] | None = Field(
        default=None, alias="StartAfter"
    )
    max_keys: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = Field(default=None, alias="MaxKeys")
    continuation_token: str | None = Field(default=None, alias="ContinuationToken")


# --- responses -------------------------------------------------------------------------------------------------------


def _http_date(value: object) -> object:
    if isinstance(value, str):
        try:
            return parsedate_to_datetime(value)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return value


HTTPDate = Annotated[dt.datetime | None, BeforeValidator(_http_date)]


class HeadObjectResponse(ResponseShape):
    """What S3 says of an object."""

    content_length: int = Field(alias="ContentLength")
    """The size in bytes."""
    content_type: str | None = Field(default=None, alias="ContentType")
    etag: str | None = Field(default=None, alias="ETag")
    """With its quotes, as `if_match` takes it; it changes with the content."""
    last_modified: HTTPDate = Field(default=None, alias="LastModified")
    user_metadata: dict[str, str] = Field(default_factory=dict, alias="Metadata", repr=False)
    """What whoever wrote the object said of it (``x-amz-meta-...``), by lower-case names."""
    version_id: str | None = Field(default=None, alias="VersionId")
    server_side_encryption: str | None = Field(default=None, alias="ServerSideEncryption")
    sse_kms_key_id: str | None = Field(default=None, alias="SSEKMSKeyId", repr=False)
    checksum_crc32: str | None = Field(default=None, alias="ChecksumCRC32")
    """In base64; of an object that was uploaded in parts it may be one of the parts' checksums, and end in ``-N``."""
    checksum_type: str | None = Field(default=None, alias="ChecksumType")


class GetObjectResponse(HeadObjectResponse):
    """What S3 says of an object that it sends."""

    content_range: str | None = Field(default=None, alias="ContentRange")


class PutObjectResponse(ResponseShape):
    """What S3 says of an object that was written."""

    etag: str | None = Field(default=None, alias="ETag")
    """With its quotes, as `if_match` takes it."""
    checksum_crc32: str | None = Field(default=None, alias="ChecksumCRC32")
    version_id: str | None = Field(default=None, alias="VersionId")
    server_side_encryption: str | None = Field(default=None, alias="ServerSideEncryption")


class CreateMultipartUploadResponse(ResponseShape):
    """What `CreateMultipartUpload` answers."""

    upload_id: str = Field(alias="UploadId", min_length=1)
    """Not empty: a request without it would mean the object itself, and an abort delete that."""


class UploadPartResponse(ResponseShape):
    """What `UploadPart` answers."""

    etag: str = Field(alias="ETag")


class CompleteMultipartUploadResponse(PutObjectResponse):
    """What `CompleteMultipartUpload` answers."""

    etag: str = Field(alias="ETag")
    """Always there: an answer without it is not S3's, or is empty."""


class AbortMultipartUploadResponse(ResponseShape):
    """What `AbortMultipartUpload` answers: nothing."""


class HeadBucketResponse(ResponseShape):
    """What `HeadBucket` answers."""

    bucket_region: str | None = Field(default=None, alias="BucketRegion")


class DeleteObjectResponse(ResponseShape):
    """What `DeleteObject` answers; the same whether there was an object."""

    version_id: str | None = Field(default=None, alias="VersionId")


class ObjectSummary(BaseModel):
    """One object of a list."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, populate_by_name=True, extra="allow")

    key: str = Field(alias="Key")
    size: int = Field(alias="Size")
    etag: str | None = Field(default=None, alias="ETag")
    last_modified: dt.datetime | None = Field(default=None, alias="LastModified")


class ListObjectsV2Response(ResponseShape):
    """One page of what `ListObjectsV2` answers."""

    is_truncated: bool = Field(alias="IsTruncated")
    """Whether there are more pages. Always there: an answer without it is not S3's, or is empty."""
    contents: list[ObjectSummary] = Field(default_factory=list, alias="Contents")
    next_continuation_token: str | None = Field(default=None, alias="NextContinuationToken")
    encoding_type: str | None = Field(default=None, alias="EncodingType")
    """``url`` where the keys are percent-encoded, as was asked for: XML cannot hold all that a key can."""
