"""The endpoints of Amazon S3, by botocore's own rule set, because a table of prefixes cannot express S3's rules.

Everything here blocks: the rule set is loaded once and evaluated for each answer, which takes milliseconds. Make one
`S3Endpoints` and call it in a worker thread. Requests to these endpoints are signed with the rules `aws.signing.S3`.

Raises nothing but `ConfigurationError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker_async import _lazy
from sagemaker_async.config import check_endpoint_url, check_region
from sagemaker_async.errors import ConfigurationError

from .partitions import partition_of
from .rules import DUAL_STACK_REMEDY, FIPS_REMEDY, Endpoint, without_fips_marker

__all__ = ["S3Endpoints"]


class S3Endpoints:
    """Where buckets are; the answers are those of a botocore client with default options. Thread-safe."""

    def __init__(self) -> None:
        """Load the rule set; blocks for tens of milliseconds."""
        loader = _lazy.library("botocore.loaders").Loader()
        rules = loader.load_service_model("s3", "endpoint-rule-set-1")
        provider = _lazy.library("botocore.endpoint_provider").EndpointProvider
        self._provider = provider(rules, loader.load_data("partitions"))

    def resolve(
        self,
        region: str,
        bucket: str | None = None,
        *,
        path_style: bool | None = None,
        url: str | None = None,
        use_fips: bool = False,
        use_dualstack: bool = False,
    ) -> Endpoint:
        """Return the endpoint of a bucket, or of S3 itself.

        Args:
            region: such as ``us-east-1``; FIPS pseudo-regions mean the same as in `endpoints.resolve`.
            bucket: the bucket's name or an access point's ARN; None for operations without a bucket.
            path_style: whether the bucket goes into `Endpoint.base_path`, as names that cannot be part of a host's name
                do in any case. None: only at a custom URL.
            url: a custom URL of S3, such as ``http://127.0.0.1:9000``.
            use_fips: the host with FIPS 140 validated TLS.
            use_dualstack: the host with IPv6 addresses.

        Raises:
            ConfigurationError: S3 has no such endpoint, or it wants signatures that this package does not make.
        """
        check_region(region, "region")
        region, is_fips_region = without_fips_marker(region)
        use_fips = use_fips or is_fips_region
        if url is not None:
            check_endpoint_url(url, "the custom URL of S3")
        if bucket is not None and not (isinstance(bucket, str) and bucket and bucket.isprintable()):
            raise ConfigurationError(f"the bucket must be a name or the ARN of an access point, got {bucket!r}")
        if path_style is None:
            path_style = url is not None and not (bucket or "").startswith("arn:")
        try:
            answer = self._provider.resolve_endpoint(
                Region=region,
                Bucket=bucket,
                ForcePathStyle=path_style,
                Endpoint=url,
                UseFIPS=use_fips,
                UseDualStack=use_dualstack,
                UseGlobalEndpoint=region == "us-east-1",  # as botocore's clients
            )
        except _lazy.library("botocore.exceptions").BotoCoreError as error:
            raise ConfigurationError(_no_endpoint(region, use_fips, use_dualstack, error)) from None
        scheme = _sigv4_scheme(answer.properties)
        return Endpoint.from_url(
            answer.url, signing_region=scheme.get("signingRegion") or region, signing_name=scheme["signingName"]
        )


def _sigv4_scheme(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    schemes: list[Mapping[str, Any]] = properties["authSchemes"]
    for scheme in schemes:
        if scheme["name"] == "sigv4":
            return scheme
    names = ", ".join(str(scheme["name"]) for scheme in schemes)
    raise ConfigurationError(
        f"this endpoint of S3 wants signatures of the kind {names}, and only sigv4 is supported. "
        "Use a bucket or access point that takes sigv4, or call it with boto3"
    )


def _no_endpoint(region: str, use_fips: bool, use_dualstack: bool, error: Exception) -> str:
    options = [name for name, on in (("FIPS", use_fips), ("dual-stack", use_dualstack)) if on]
    variant = f" with {' and '.join(options)}" if options else ""
    remedies = [remedy for on, remedy in ((use_fips, FIPS_REMEDY), (use_dualstack, DUAL_STACK_REMEDY)) if on]
    remedy = f"; {' or '.join(remedies)}, or use another region" if remedies else "; check the bucket"
    place = f"region {region} (partition {partition_of(region).id})"
    reason = str(error).rstrip(".")
    return f"S3 has no such endpoint in {place}{variant}. The service's rules say: {reason}{remedy}"
