"""What goes wrong with objects in S3, beside what goes wrong with any call."""

from __future__ import annotations

from .calls import CallError
from .service import AccessDeniedError, ResourceNotFound, ServiceError


class NoSuchKeyError(ResourceNotFound):
    """The bucket has no such object. Without the permission s3:ListBucket, S3 says `S3AccessDeniedError` instead."""

    def _words(self) -> str:
        # HeadObject has no body to say more in.
        return super()._words() if self.code else f"HTTP {self.status}: there is no such object, or no such bucket"


class NoSuchBucketError(ResourceNotFound):
    """There is no such bucket."""


class PreconditionFailedError(ServiceError):
    """The object is not, or no longer, the one that ``if_match`` names: it was replaced meanwhile."""


class S3AccessDeniedError(AccessDeniedError):
    """S3 refused a call: a permission is missing, or the bucket belongs to another account than was expected.

    To callers without s3:ListBucket, S3 answers so of an object that does not exist, too.

    Attributes:
        permission: what the call needs, such as ``s3:GetObject``; None where that is not known.
    """

    @property
    def permission(self) -> str | None:
        """The IAM action that the call needs."""
        return _PERMISSIONS.get(self.operation or "")

    def _words(self) -> str:
        words = super()._words() if self.code else f"HTTP {self.status}: access denied"
        if self.permission is None:
            return words
        words += f"; it needs {self.permission}"
        if self.operation in _KMS_PERMISSIONS:
            words += f" (and {_KMS_PERMISSIONS[self.operation]} for objects that are encrypted with a KMS key)"
        if self.permission == "s3:GetObject":
            words += "; without s3:ListBucket, S3 answers so of an object that does not exist, too"
        return words


_PERMISSIONS = {
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "CompleteMultipartUpload": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
    "PutObject": "s3:PutObject",
    "UploadPart": "s3:PutObject",
}
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html"""

_KMS_PERMISSIONS = {
    "CompleteMultipartUpload": "kms:Decrypt",
    "CreateMultipartUpload": "kms:GenerateDataKey",
    "GetObject": "kms:Decrypt",
    "HeadObject": "kms:Decrypt",
    "PutObject": "kms:GenerateDataKey",
    "UploadPart": "kms:Decrypt",
}


class UploadSourceError(CallError):
    """What was uploaded could not be read to its end as it was: a file changed, or an iterable yielded no bytes.

    No object was written, and an object that was there before is as it was.
    """


class ChecksumMismatchError(CallError):
    """What came is not what S3 has: the checksums differ. What was read of it before the end must be thrown away.

    Attributes:
        expected: the checksum that S3 gave, in base64.
        computed: that of the bytes that came.
    """

    retryable = True

    def __init__(self, message: str, expected: str, computed: str) -> None:
        super().__init__(message)
        self.expected = expected
        self.computed = computed
