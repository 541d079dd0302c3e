"""S3 URIs, and the rules for the names in them. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from sagemaker_async.errors import FieldProblem, RequestValidationError

__all__ = ["BUCKET_PATTERN", "MAX_KEY_BYTES", "S3Location", "parse_s3_uri"]

BUCKET_PATTERN = r"[a-zA-Z0-9][a-zA-Z0-9.\-_]{1,253}[a-zA-Z0-9]"
"""What S3's own clients let pass: names of today have 3 to 63 lower-case letters, digits, dots and hyphens, and some
old buckets of us-east-1 have others."""

MAX_KEY_BYTES = 1024
"""How long the UTF-8 of a key may be."""

_URI = re.compile(rf"s3://({BUCKET_PATTERN})/(.+)", re.DOTALL)


class S3Location(NamedTuple):
    """A bucket and a key in it."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def parse_s3_uri(uri: str) -> S3Location:
    """Return bucket and key of an S3 URI, ``s3://bucket/key``.

    The key is taken as it is: nothing in it is decoded or normalised, so ``%20``, ``//`` and ``..`` mean themselves.

    Raises:
        RequestValidationError: it is something else, or the key is longer than S3 allows.

    Example:
        >>> parse_s3_uri("s3://my-bucket/results/1.out")
        S3Location(bucket='my-bucket', key='results/1.out')
    """
    match = _URI.fullmatch(uri) if isinstance(uri, str) else None
    if match is None:
        raise _refusal(f"must be the S3 URI of an object, such as s3://my-bucket/path/name, got {_shown(uri)}")
    try:
        length = len(match[2].encode())
    except UnicodeEncodeError:
        raise _refusal("holds a lone surrogate, which UTF-8 cannot encode; decode the text correctly") from None
    if length > MAX_KEY_BYTES:
        raise _refusal(f"has a key of {length} bytes, and S3 takes {MAX_KEY_BYTES} at most")
    return S3Location(match[1], match[2])


def _shown(uri: object) -> str:
    if not isinstance(uri, str):
        return f"an object of type {type(uri).__name__}"
    return f"{uri[:100]!r}{'...' if len(uri) > 100 else ''}"


def _refusal(rule: str) -> RequestValidationError:
    return RequestValidationError("S3", [FieldProblem("uri", "uri", rule)])
