"""Hosts, signing facts and refusals of `aws.endpoints`, without botocore."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from sagemaker_async.aws.endpoints import (
    STS,
    Endpoint,
    EndpointResolver,
    EndpointRules,
    check_custom_endpoint,
    resolve,
)
from sagemaker_async.aws.endpoints import rules as endpoints
from sagemaker_async.aws.endpoints.generator.partitions import render
from sagemaker_async.aws.endpoints.partition_table import PARTITION_ROWS
from sagemaker_async.aws.endpoints.partitions import PARTITIONS, partition_of
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.hosting.endpoint import HOSTING
from sagemaker_async.runtime.endpoint import RUNTIME


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("us-east-1", "aws"),
        ("eu-central-1", "aws"),
        ("us-newplace-7", "aws"),
        ("aws-global", "aws"),
        ("cn-north-1", "aws-cn"),
        ("cn-newplace-3", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("aws-us-gov-global", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eu-isoe-west-1", "aws-iso-e"),
        ("us-isof-south-1", "aws-iso-f"),
        ("eusc-de-east-1", "aws-eusc"),
        ("mars-olympus-1", "aws"),
        ("xxus-east-1", "aws"),
        ("cn-north-1x", "aws"),
    ],
)
def test_a_region_is_placed_by_name_then_by_pattern_then_as_commercial(region: str, partition: str) -> None:
    assert partition_of(region).id == partition


def test_every_region_of_the_table_belongs_to_its_own_partition() -> None:
    assert len(PARTITIONS) == len(PARTITION_ROWS) == len({partition.id for partition in PARTITIONS})
    for partition in PARTITIONS:
        assert partition.implicit_global_region in partition.regions
        for region in partition.regions:
            assert partition_of(region) is partition


# The hosts of https://docs.aws.amazon.com/general/latest/gr/sagemaker.html and .../sts.html
@pytest.mark.parametrize(
    ("rules", "region", "fips", "dualstack", "host"),
    [
        (RUNTIME, "us-east-1", False, False, "runtime.sagemaker.us-east-1.amazonaws.com"),
        (RUNTIME, "us-east-1", True, False, "runtime-fips.sagemaker.us-east-1.amazonaws.com"),
        (RUNTIME, "us-east-1", False, True, "runtime.sagemaker.us-east-1.api.aws"),
        (RUNTIME, "us-east-1", True, True, "runtime.sagemaker-fips.us-east-1.api.aws"),
        (RUNTIME, "us-gov-west-1", True, False, "runtime.sagemaker.us-gov-west-1.amazonaws.com"),
        (RUNTIME, "cn-north-1", False, False, "runtime.sagemaker.cn-north-1.amazonaws.com.cn"),
        (HOSTING, "eu-west-1", False, False, "api.sagemaker.eu-west-1.amazonaws.com"),
        (HOSTING, "us-gov-west-1", True, False, "api-fips.sagemaker.us-gov-west-1.amazonaws.com"),
        (STS, "eu-west-1", False, False, "sts.eu-west-1.amazonaws.com"),
        (STS, "us-east-1", False, False, "sts.us-east-1.amazonaws.com"),
        (STS, "us-east-1", True, False, "sts-fips.us-east-1.amazonaws.com"),
        (STS, "us-gov-east-1", True, False, "sts.us-gov-east-1.amazonaws.com"),
    ],
)
def test_hosts_are_those_of_the_aws_reference(
    rules: EndpointRules, region: str, fips: bool, dualstack: bool, host: str
) -> None:
    endpoint = resolve(rules, region, use_fips=fips, use_dualstack=dualstack)

    assert endpoint == Endpoint(
        origin=f"https://{host}", signing_region=region, signing_name=rules.signing_name, base_path=""
    )


def test_the_global_sts_host_is_signed_for_the_global_region() -> None:
    assert resolve(STS, "aws-global") == Endpoint(
        origin="https://sts.amazonaws.com", signing_region="us-east-1", signing_name="sts"
    )
    assert resolve(STS, "aws-global", use_fips=True).signing_region == "us-east-1"


@pytest.mark.parametrize("pseudo_region", ["us-west-2-fips", "fips-us-west-2"])
def test_a_fips_pseudo_region_means_the_region_with_fips(pseudo_region: str) -> None:
    assert resolve(RUNTIME, pseudo_region) == resolve(RUNTIME, "us-west-2", use_fips=True)


@pytest.mark.parametrize(
    "region",
    ["", "us-east-1.evil.example", "us-east-1/", "us-east-1\r\n", "us east 1", "-us", "ü-1", "a" * 64, "fips-"],
)
def test_a_region_that_is_not_a_host_label_is_refused(region: str) -> None:
    with pytest.raises(ConfigurationError, match="region"):
        resolve(RUNTIME, region)


@pytest.mark.parametrize(
    ("fips", "dualstack", "words"),
    [
        (True, False, ["no FIPS endpoints", "AWS_USE_FIPS_ENDPOINT"]),
        (False, True, ["no dual-stack endpoints", "AWS_USE_DUALSTACK_ENDPOINT"]),
        (True, True, ["no FIPS or dual-stack endpoints", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"]),
    ],
)
def test_a_partition_without_the_variant_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, fips: bool, dualstack: bool, words: list[str]
) -> None:
    bare = PARTITIONS[0]._replace(id="aws-bare", supports_fips=False, supports_dual_stack=False)
    monkeypatch.setattr(endpoints, "partition_of", lambda region: bare)

    with pytest.raises(ConfigurationError) as caught:
        resolve(RUNTIME, "us-bare-1", use_fips=fips, use_dualstack=dualstack)

    for word in ["aws-bare", "us-bare-1", *words]:
        assert word in str(caught.value)
    assert resolve(RUNTIME, "us-bare-1").origin == "https://runtime.sagemaker.us-bare-1.amazonaws.com"


def test_a_partition_refuses_only_the_variant_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    no_dual_stack = PARTITIONS[0]._replace(supports_dual_stack=False)
    monkeypatch.setattr(endpoints, "partition_of", lambda region: no_dual_stack)

    assert "runtime-fips." in resolve(RUNTIME, "us-east-1", use_fips=True).origin
    with pytest.raises(ConfigurationError, match="no dual-stack endpoints") as caught:
        resolve(RUNTIME, "us-east-1", use_fips=True, use_dualstack=True)
    assert "AWS_USE_FIPS_ENDPOINT" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "origin", "base_path"),
    [
        ("https://gateway.example.com", "https://gateway.example.com", ""),
        ("https://gateway.example.com/", "https://gateway.example.com", ""),
        ("http://127.0.0.1:8080/a/b/", "http://127.0.0.1:8080", "/a/b"),
        ("http://[::1]:8080/a%20b", "http://[::1]:8080", "/a%20b"),
    ],
)
def test_a_url_becomes_origin_and_base_path(url: str, origin: str, base_path: str) -> None:
    endpoint = Endpoint.from_url(url, signing_region="us-east-1", signing_name="sts")

    assert (endpoint.origin, endpoint.base_path) == (origin, base_path)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"origin": "gateway.example.com"}, "Endpoint.origin"),
        ({"origin": "https://gateway.example.com/"}, "Endpoint.origin"),
        ({"origin": "https://gateway.example.com/a"}, "base_path"),
        ({"origin": "https://user:secret@gateway.example.com"}, "Endpoint.origin"),
        ({"base_path": "a"}, "Endpoint.base_path"),
        ({"base_path": "/a/"}, "Endpoint.base_path"),
        ({"base_path": "/a?b"}, "Endpoint.base_path"),
        ({"signing_region": ""}, "Endpoint.signing_region"),
        ({"signing_region": "us/east"}, "Endpoint.signing_region"),
        ({"signing_name": ""}, "Endpoint.signing_name"),
    ],
)
def test_an_impossible_endpoint_is_refused_by_its_constructor(changes: dict[str, str], named: str) -> None:
    fields = {"origin": "https://gateway.example.com", "signing_region": "us-east-1", "signing_name": "sts"}

    with pytest.raises(ConfigurationError, match=named) as caught:
        Endpoint(**(fields | changes))  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("fips", "dualstack", "remedy"),
    [(True, False, "AWS_USE_FIPS_ENDPOINT"), (False, True, "AWS_USE_DUALSTACK_ENDPOINT"), (True, True, "FIPS")],
)
def test_a_custom_endpoint_excludes_fips_and_dual_stack(fips: bool, dualstack: bool, remedy: str) -> None:
    with pytest.raises(ConfigurationError, match=remedy) as caught:
        check_custom_endpoint("Config.endpoint_url", use_fips=fips, use_dualstack=dualstack)
    assert "Config.endpoint_url" in str(caught.value)


def test_a_custom_endpoint_without_variants_is_accepted() -> None:
    check_custom_endpoint("Config.endpoint_url", use_fips=False, use_dualstack=False)


def test_resolve_and_a_users_own_function_are_both_resolvers() -> None:
    def through_gateway(
        rules: EndpointRules, region: str, *, use_fips: bool = False, use_dualstack: bool = False
    ) -> Endpoint:
        if rules.service == "sts":
            return resolve(rules, region, use_fips=use_fips, use_dualstack=use_dualstack)
        return Endpoint.from_url(
            f"https://gateway.example.com/{rules.service}", signing_region=region, signing_name=rules.signing_name
        )

    resolvers: list[EndpointResolver] = [resolve, through_gateway]

    assert [resolver(RUNTIME, "us-east-1").origin for resolver in resolvers] == [
        "https://runtime.sagemaker.us-east-1.amazonaws.com",
        "https://gateway.example.com",
    ]
    assert resolvers[0](STS, "us-east-1") == resolvers[1](STS, "us-east-1")


def test_the_generator_writes_a_row_for_each_partition() -> None:
    facts = {
        "regionRegex": r"^zz\-\w+\-\d+$",
        "outputs": {
            "dnsSuffix": "amazonaws.zz",
            "dualStackDnsSuffix": "api.zz",
            "implicitGlobalRegion": "zz-one-1",
            "supportsDualStack": False,
            "supportsFIPS": True,
        },
    }
    partitions = [
        {"id": "aws-zz", "regions": {"zz-two-1": {}, "zz-one-1": {}}, **facts},
        {"id": "aws-y", "regions": {"y": {}}, **facts},
    ]

    source = render({"partitions": partitions}, "9.9.9")

    values = {
        node.target.id if isinstance(node, ast.AnnAssign) else node.targets[0].id: ast.literal_eval(node.value)  # type: ignore[union-attr,arg-type]
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign | ast.AnnAssign)
    }
    common = (r"^zz\-\w+\-\d+$", "amazonaws.zz", "api.zz", True, False, "zz-one-1")
    assert values["BOTOCORE_VERSION"] == "9.9.9"
    assert values["PARTITION_ROWS"] == (("aws-zz", *common, ("zz-one-1", "zz-two-1")), ("aws-y", *common, ("y",)))


def test_resolving_does_not_load_botocore() -> None:
    program = (
        "import sys\n"
        "from sagemaker_async.aws.endpoints import STS, resolve\n"
        "import sagemaker_async.aws.endpoints.s3\n"
        "resolve(STS, 'us-east-1', use_fips=True)\n"
        "print('botocore' in sys.modules)\n"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "False"
