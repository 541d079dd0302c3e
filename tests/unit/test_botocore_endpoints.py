"""What `aws.botocore_endpoints` refuses, in words of this package; its answers are in tests/differential."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from sagemaker_async.aws.endpoints import Endpoint
from sagemaker_async.aws.endpoints.botocore_rules import RuleSet, resolve_with_botocore
from sagemaker_async.errors import ConfigurationError


@pytest.fixture(scope="module")
def s3() -> RuleSet:
    return RuleSet("s3")


def test_a_bucket_is_resolved_to_its_own_host(s3: RuleSet) -> None:
    assert s3.resolve("eu-west-1", Bucket="my-bucket") == Endpoint(
        origin="https://my-bucket.s3.eu-west-1.amazonaws.com",
        signing_region="eu-west-1",
        signing_name="s3",
        double_encoding=False,
    )


def test_a_path_style_bucket_becomes_the_base_path(s3: RuleSet) -> None:
    endpoint = s3.resolve("eu-west-1", Bucket="my-bucket", ForcePathStyle=True)

    assert (endpoint.origin, endpoint.base_path) == ("https://s3.eu-west-1.amazonaws.com", "/my-bucket")


def test_a_custom_endpoint_is_a_parameter(s3: RuleSet) -> None:
    endpoint = s3.resolve("us-east-1", Bucket="b-1", ForcePathStyle=True, Endpoint="http://127.0.0.1:9000")

    assert (endpoint.origin, endpoint.base_path) == ("http://127.0.0.1:9000", "/b-1")


def test_the_signing_name_comes_from_the_service_when_the_rules_do_not_say() -> None:
    endpoint = resolve_with_botocore("sagemaker-runtime", "us-east-1")

    assert (endpoint.signing_name, endpoint.signing_region) == ("sagemaker", "us-east-1")
    assert endpoint.double_encoding


def test_rules_name_the_region_that_signs_for_a_global_service() -> None:
    assert resolve_with_botocore("iam", "eu-west-1").signing_region == "us-east-1"


@pytest.mark.parametrize(
    ("service", "nearest"), [("sagmaker", "sagemaker"), ("S3", "s3"), ("", "s3"), ("../../etc", "")]
)
def test_an_unknown_service_is_refused_with_the_nearest_name(service: str, nearest: str) -> None:
    with pytest.raises(ConfigurationError, match="knows no service") as caught:
        RuleSet(service)
    if nearest:
        assert "did you mean" in str(caught.value)
    if len(service) > 2 and nearest:
        assert repr(nearest) in str(caught.value)


def test_a_partition_without_s3_fips_is_refused_with_the_remedy(s3: RuleSet) -> None:
    with pytest.raises(ConfigurationError, match="AWS_USE_FIPS_ENDPOINT") as caught:
        s3.resolve("cn-north-1", use_fips=True)
    for word in ("s3", "cn-north-1", "aws-cn", "FIPS"):
        assert word in str(caught.value)


def test_a_service_whose_rules_have_no_fips_is_not_called_without_it() -> None:
    rules = RuleSet("pricing-plan-manager")

    assert rules.resolve("us-east-1").origin.startswith("https://")
    with pytest.raises(ConfigurationError, match="has no FIPS endpoints"):
        rules.resolve("us-east-1", use_fips=True)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"Bukket": "b"}, "no parameter 'Bukket'"),
        ({"Bucket": 5}, "wrong type"),
        ({"Bucket": "arn:aws:s3::123456789012:accesspoint:mfzwi23gnjvgw.mrap"}, "sigv4a"),
        ({"Bucket": "mine--use1-az1--x-s3"}, "sigv4-s3express"),
        ({"Bucket": "arn:aws:s3:us-east-1"}, "no such endpoint"),
    ],
)
def test_parameters_that_lead_nowhere_are_refused(s3: RuleSet, parameters: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        s3.resolve("us-east-1", **parameters)


@pytest.mark.parametrize("region", ["", "us-east-1.evil.example", "us-east-1\n"])
def test_a_region_that_is_no_host_label_is_refused(s3: RuleSet, region: str) -> None:
    with pytest.raises(ConfigurationError, match="region"):
        s3.resolve(region)


def test_one_rule_set_serves_several_threads(s3: RuleSet) -> None:
    buckets = [f"bucket-{n}" for n in range(64)]

    with ThreadPoolExecutor(8) as pool:
        origins = list(pool.map(lambda bucket: s3.resolve("us-west-2", Bucket=bucket).origin, buckets))

    assert origins == [f"https://{bucket}.s3.us-west-2.amazonaws.com" for bucket in buckets]
