"""What `S3Endpoints` answers and refuses; that its answers are botocore's is shown in tests/differential."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sagemaker_async.aws.endpoints import Endpoint
from sagemaker_async.aws.endpoints.s3 import S3Endpoints
from sagemaker_async.errors import ConfigurationError


@pytest.fixture(scope="module")
def s3() -> S3Endpoints:
    return S3Endpoints()


def test_a_bucket_has_a_host_of_its_own(s3: S3Endpoints) -> None:
    assert s3.resolve("eu-west-1", "my-bucket") == Endpoint(
        origin="https://my-bucket.s3.eu-west-1.amazonaws.com", signing_region="eu-west-1", signing_name="s3"
    )


@pytest.mark.parametrize(
    ("bucket", "options", "origin", "base_path"),
    [
        ("my-bucket", {"path_style": True}, "https://s3.eu-west-1.amazonaws.com", "/my-bucket"),
        ("Old_Bucket", {}, "https://s3.eu-west-1.amazonaws.com", "/Old_Bucket"),
        ("Old_Bucket", {"path_style": False}, "https://s3.eu-west-1.amazonaws.com", "/Old_Bucket"),
        ("b-1", {"url": "http://127.0.0.1:9000"}, "http://127.0.0.1:9000", "/b-1"),
        ("b-1", {"url": "http://s3.test:9000/base/", "path_style": False}, "http://b-1.s3.test:9000", "/base"),
        (None, {"url": "http://127.0.0.1:9000"}, "http://127.0.0.1:9000", ""),
        ("b-1", {"use_dualstack": True}, "https://b-1.s3.dualstack.eu-west-1.amazonaws.com", ""),
    ],
)
def test_a_bucket_stands_in_the_path_where_it_must_or_is_asked_to(
    s3: S3Endpoints, bucket: str | None, options: dict[str, Any], origin: str, base_path: str
) -> None:
    endpoint = s3.resolve("eu-west-1", bucket, **options)

    assert (endpoint.origin, endpoint.base_path) == (origin, base_path)


def test_the_region_of_an_access_point_signs(s3: S3Endpoints) -> None:
    endpoint = s3.resolve("us-east-1", "arn:aws:s3:eu-west-1:123456789012:accesspoint/mine")

    assert endpoint.origin == "https://mine-123456789012.s3-accesspoint.eu-west-1.amazonaws.com"
    assert (endpoint.signing_region, endpoint.signing_name) == ("eu-west-1", "s3")


def test_a_partition_without_fips_is_refused_with_the_remedy(s3: S3Endpoints) -> None:
    with pytest.raises(ConfigurationError, match="AWS_USE_FIPS_ENDPOINT") as caught:
        s3.resolve("cn-north-1", use_fips=True)
    for word in ("S3", "cn-north-1", "aws-cn", "FIPS"):
        assert word in str(caught.value)


def test_a_fips_pseudo_region_is_the_region_with_fips(s3: S3Endpoints) -> None:
    assert s3.resolve("us-west-2-fips", "b-1").origin == "https://b-1.s3-fips.us-west-2.amazonaws.com"


@pytest.mark.parametrize(
    ("bucket", "options", "words"),
    [
        ("arn:aws:s3::123456789012:accesspoint:mfzwi23gnjvgw.mrap", {}, "sigv4a, and only sigv4 is supported"),
        ("mine--use1-az1--x-s3", {}, "sigv4-s3express, and only sigv4 is supported"),
        ("arn:aws:s3:us-east-1", {}, "no such endpoint .*not a valid ARN; check the bucket"),
        ("b-1", {"url": "http://127.0.0.1:9000", "use_fips": True}, "custom endpoint .*unset use_fips_endpoint"),
        ("b-1", {"url": "127.0.0.1:9000"}, "^the custom URL of S3 has no http or https scheme"),
        (5, {}, "^the bucket must be a name or the ARN of an access point, got 5$"),
        ("", {}, "^the bucket must be a name or the ARN of an access point, got ''$"),
        ("\ud800", {}, "^the bucket must be a name"),
        ("b\n", {}, "^the bucket must be a name"),
    ],
)
def test_what_leads_nowhere_is_refused(s3: S3Endpoints, bucket: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        s3.resolve("us-east-1", bucket, **options)


@pytest.mark.parametrize("region", ["", "us-east-1.evil.example", "us-east-1\n"])
def test_a_region_that_is_not_a_host_label_is_refused(s3: S3Endpoints, region: str) -> None:
    with pytest.raises(ConfigurationError, match="region"):
        s3.resolve(region)


def test_one_rule_set_serves_several_threads(s3: S3Endpoints) -> None:
    buckets = [f"bucket-{n}" for n in range(64)]

    with ThreadPoolExecutor(8) as pool:
        origins = list(pool.map(lambda bucket: s3.resolve("us-west-2", bucket).origin, buckets))

    assert origins == [f"https://{bucket}.s3.us-west-2.amazonaws.com" for bucket in buckets]
