"""Endpoints against botocore: its rule sets for every region, and what its clients really send and sign.

One known difference: botocore's clients pass through a second, older table (endpoints.json) that has no dual-stack
hosts in two isolated partitions, and refuse there what botocore's own rule sets answer. We follow the rule sets.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import product
from typing import Any

import botocore
import botocore.auth
import botocore.session
import pytest
from botocore.config import Config
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError, EndpointVariantError
from botocore.loaders import Loader

from sagemaker_async.aws.endpoints import STS, Endpoint, EndpointRules, resolve
from sagemaker_async.aws.endpoints.generator.partitions import TABLE, render
from sagemaker_async.aws.endpoints.partition_table import BOTOCORE_VERSION
from sagemaker_async.aws.endpoints.partitions import partition_of
from sagemaker_async.aws.endpoints.s3 import S3Endpoints
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.signing import S3, Signer, encode_path
from sagemaker_async.aws.sqs.operations import SQS_ENDPOINTS
from sagemaker_async.config import Credentials
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.hosting.endpoint import HOSTING
from sagemaker_async.runtime.endpoint import RUNTIME
from sagemaker_async.runtime.routers.operations import ROUTER_RUNTIME

PARTITIONS: dict[str, Any] = json.loads((files("botocore") / "data" / "partitions.json").read_text("utf-8"))
LEGACY: dict[str, Any] = json.loads((files("botocore") / "data" / "endpoints.json").read_text("utf-8"))

REGIONS = sorted({region for partition in PARTITIONS["partitions"] for region in partition["regions"]})
PSEUDO_REGIONS = sorted(
    {
        region
        for partition in LEGACY["partitions"]
        for service in ("runtime.sagemaker", "api.sagemaker", "sts", "s3")
        for region in partition["services"][service]["endpoints"]
    }
    - set(REGIONS)
)
NEW_REGIONS = [
    "us-new-9",
    "cn-new-9",
    "us-gov-new-9",
    "us-iso-new-9",
    "us-isob-new-9",
    "eu-isoe-new-9",
    "us-isof-new-9",
]
NEW_REGIONS += ["eusc-de-new-9", "eusc-fr-new-9", "mars-new-9", "unheard-of"]
VARIANTS = list(product((False, True), repeat=2))
REFUSED_BY_CLIENTS_ONLY = {"aws-iso-e", "aws-iso-f"}

TABLE_RULES = [RUNTIME, ROUTER_RUNTIME.endpoint_rules, HOSTING, STS, SQS_ENDPOINTS]
SERVICE_IDS = [rules.service for rules in TABLE_RULES]

Ask = Callable[[str, str, bool, bool], list[tuple[str, str, str]]]


def outcome(call: Callable[[], Any]) -> Any:
    """The value, or the word "refused": the two sides word their errors differently."""
    try:
        return call()
    except (ConfigurationError, EndpointProviderError):
        return "refused"


def test_the_table_is_what_the_generator_makes_of_this_botocore() -> None:
    rendered = render(PARTITIONS, botocore.__version__)

    compile(rendered, "partition_table.py", "exec")
    if botocore.__version__ == BOTOCORE_VERSION:
        assert TABLE.read_text("utf-8") == rendered


@pytest.mark.parametrize(("fips", "dualstack"), VARIANTS)
@pytest.mark.parametrize("rules", TABLE_RULES, ids=SERVICE_IDS)
def test_the_table_answers_like_the_rule_sets_everywhere(rules: EndpointRules, fips: bool, dualstack: bool) -> None:
    loader = Loader()
    provider = EndpointProvider(
        loader.load_service_model(rules.service, "endpoint-rule-set-1"), loader.load_data("partitions")
    )

    def theirs(region: str) -> tuple[str, str | None]:
        plain = region.replace("fips-", "").replace("-fips", "")
        answer = provider.resolve_endpoint(Region=plain, UseFIPS=fips or plain != region, UseDualStack=dualstack)
        schemes = answer.properties.get("authSchemes", [{}])
        return answer.url, schemes[0].get("signingRegion")

    differences = {}
    for region in REGIONS + PSEUDO_REGIONS + NEW_REGIONS:
        ours = outcome(lambda r=region: resolve(rules, r, use_fips=fips, use_dualstack=dualstack))
        expected = outcome(lambda r=region: theirs(r))
        if expected == "refused" or ours == "refused":
            same = expected == ours
        else:
            url, signing_region = expected
            same = ours.origin == url and signing_region in (None, ours.signing_region)
        if not same:
            differences[region] = (ours, expected)

    assert differences == {}
    assert len(REGIONS) > 50


class SentError(Exception):
    """Carries a request that botocore was about to send, so that it is not sent."""

    def __init__(self, request: Any) -> None:
        super().__init__(request.url)
        self.request = request


CALLS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "sagemaker-runtime": [("invoke_endpoint", {"EndpointName": "e", "Body": b""})],
    "sagemaker": [("list_endpoints", {})],
    "sts": [("get_caller_identity", {})],
    "sqs": [("list_queues", {})],
    "s3": [
        ("list_buckets", {}),
        ("head_bucket", {"Bucket": "plain-bucket"}),
        ("head_bucket", {"Bucket": "dotted.bucket"}),
    ],
}


@pytest.fixture(scope="module")
def botocore_sends() -> Iterator[Ask]:
    """Has a botocore client call, and returns the URL, signing region and signing name of each request."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        session = botocore.session.Session()
        session.set_credentials("AKIAEXAMPLE", "secret")

        def stop(request: Any, **kwargs: Any) -> None:
            raise SentError(request)

        session.register("before-send", stop)

        def ask(service: str, region: str, fips: bool, dualstack: bool) -> list[tuple[str, str, str]]:
            config = Config(use_fips_endpoint=fips, use_dualstack_endpoint=dualstack)
            client = session.create_client(service, region_name=region, config=config)
            answers = []
            for operation, arguments in CALLS[service]:
                with pytest.raises(SentError) as sent:
                    getattr(client, operation)(**arguments)
                request = sent.value.request
                authorization = request.headers["Authorization"].decode()
                scope = authorization.partition("Credential=")[2].partition(",")[0].split("/")
                answers.append((request.url, scope[2], scope[3]))
            return answers

        yield ask


def check_against_client(
    botocore_sends: Ask, service: str, regions: list[str], ours: Callable[..., list[Endpoint]]
) -> None:
    differences = {}
    for region, (fips, dualstack) in product(regions, VARIANTS):
        answers = outcome(lambda r=region, f=fips, d=dualstack: ours(r, use_fips=f, use_dualstack=d))
        try:
            expected = outcome(lambda r=region, f=fips, d=dualstack: botocore_sends(service, r, f, d))
        except EndpointVariantError:
            assert dualstack
            assert partition_of(region).id in REFUSED_BY_CLIENTS_ONLY
            continue
        if "refused" in (answers, expected):
            same = answers == expected
        else:
            same = all(
                f"{url}/".startswith(f"{answer.origin}{answer.base_path}/")
                and (answer.signing_region, answer.signing_name) == (signing_region, signing_name)
                for answer, (url, signing_region, signing_name) in zip(answers, expected, strict=True)
            )
        if not same:
            differences[region, fips, dualstack] = (answers, expected)
    assert differences == {}


@pytest.mark.parametrize("rules", [RUNTIME, STS], ids=["sagemaker-runtime", "sts"])
def test_the_table_agrees_with_what_clients_send_and_sign(botocore_sends: Ask, rules: EndpointRules) -> None:
    regions = [*REGIONS, "us-east-1-fips", "fips-us-west-2", *NEW_REGIONS]
    check_against_client(botocore_sends, rules.service, regions, lambda *a, **k: [resolve(rules, *a, **k)])


def test_the_control_plane_agrees_with_what_clients_send_and_sign(botocore_sends: Ask) -> None:
    # Its client takes long to build; the rule-set test above covers all regions, this one a region of each partition.
    regions = [partition["outputs"]["implicitGlobalRegion"] for partition in PARTITIONS["partitions"]]
    check_against_client(botocore_sends, "sagemaker", regions, lambda *a, **k: [resolve(HOSTING, *a, **k)])


@pytest.fixture(scope="module")
def s3() -> S3Endpoints:
    return S3Endpoints()


def test_s3_agrees_with_what_clients_send_and_sign(botocore_sends: Ask, s3: S3Endpoints) -> None:
    def ours(region: str, **options: bool) -> list[Endpoint]:
        return [s3.resolve(region, arguments.get("Bucket"), **options) for _, arguments in CALLS["s3"]]

    check_against_client(botocore_sends, "s3", [*REGIONS, *PSEUDO_REGIONS, *NEW_REGIONS], ours)


ACCESS_POINT = "arn:aws:s3:eu-west-1:123456789012:accesspoint/mine"


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "cn-north-1"])
@pytest.mark.parametrize(
    ("url", "style", "path_style"),
    [  # with neither URL nor style, botocore presigns for the global host and relies on a redirect
        (None, "path", True),
        (None, "virtual", False),
        ("http://127.0.0.1:9000", None, None),
        ("http://127.0.0.1:9000", "path", True),
        ("https://minio.example/base", "virtual", False),
    ],
)
def test_urls_of_objects_are_presigned_as_botocores_clients_do(
    s3: S3Endpoints,
    monkeypatch: pytest.MonkeyPatch,
    region: str,
    url: str | None,
    style: str | None,
    path_style: bool | None,
) -> None:
    now = datetime.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - botocore's own form: naive, in UTC
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now)
    config = Config(signature_version="s3v4", s3={"addressing_style": style} if style else None)
    keys = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "secret", "aws_session_token": "token"}
    client = botocore.session.Session().create_client("s3", region_name=region, endpoint_url=url, config=config, **keys)
    credentials = Credentials(*keys.values())

    for bucket, key in product(("my-bucket", "dotted.bucket"), ("a/b.json", "with space+%2F", "é//../ü", "~a=b&c?")):
        endpoint = s3.resolve(region, bucket, url=url, path_style=path_style)
        target = f"{endpoint.base_path}/{encode_path(key)}"
        signer = Signer(endpoint.signing_region, endpoint.signing_name, S3)
        ours = signer.presign(
            HTTPRequest("GET", endpoint.origin, target, {}),
            credentials,
            now.replace(tzinfo=datetime.UTC).timestamp(),
            expires=60,
        )
        theirs = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": key}, ExpiresIn=60)
        assert ours == theirs, (bucket, key)


@pytest.mark.parametrize("url", [None, "https://minio.example"])
def test_access_points_are_where_botocores_clients_find_them(s3: S3Endpoints, url: str | None) -> None:
    client = botocore.session.Session().create_client(
        "s3", region_name="eu-west-1", endpoint_url=url, aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="secret"
    )

    theirs = client.generate_presigned_url("get_object", {"Bucket": ACCESS_POINT, "Key": "k"})

    assert theirs.startswith(f"{s3.resolve('eu-west-1', ACCESS_POINT, url=url).origin}/k?")
