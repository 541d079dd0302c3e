"""`parse_s3_uri`: bucket and key as they are, or a refusal that says what is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from sagemaker_async.aws.s3.uris import parse_s3_uri
from sagemaker_async.errors import RequestValidationError


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("s3://my-bucket/key", ("my-bucket", "key")),
        ("s3://my.bucket/a/b/c.out", ("my.bucket", "a/b/c.out")),
        ("s3://bucket//a/../%20+é\n", ("bucket", "/a/../%20+é\n")),
        ("s3://Old_Bucket/k", ("Old_Bucket", "k")),
        (f"s3://bucket/{'k' * 1024}", ("bucket", "k" * 1024)),
    ],
)
def test_bucket_and_key_are_returned_as_they_are(uri: str, location: tuple[str, str]) -> None:
    assert parse_s3_uri(uri) == location
    assert str(parse_s3_uri(uri)) == uri


@pytest.mark.parametrize(
    ("uri", "rule"),
    [
        ("", "must be the S3 URI of an object"),
        ("s3://", "must be the S3 URI of an object"),
        ("s3://bucket", "such as s3://my-bucket/path/name, got 's3://bucket'"),
        ("s3://bucket/", "must be the S3 URI of an object"),
        ("s3:///key", "must be the S3 URI of an object"),
        ("s3://../key", "must be the S3 URI of an object"),
        ("s3://b@evil/key", "must be the S3 URI of an object"),
        ("S3://bucket/key", "must be the S3 URI of an object"),
        ("https://bucket.s3.amazonaws.com/key", "must be the S3 URI of an object"),
        ("/tmp/file", "must be the S3 URI of an object"),
        (None, "got an object of type NoneType"),
        (b"s3://bucket/key", "got an object of type bytes"),
        ("s3://bucket/\ud800", "lone surrogate"),
        (f"s3://bucket/{'é' * 513}", "has a key of 1026 bytes, and S3 takes 1024 at most"),
        ("x" * 500, r"\.\.\."),
    ],
)
def test_what_is_no_s3_uri_is_refused(uri: Any, rule: str) -> None:
    with pytest.raises(RequestValidationError, match=rule):
        parse_s3_uri(uri)
