"""Where a service is: from a region and two options to scheme, host, and the names in the signature's scope.

Pure, and without botocore: a service says how its hosts are named (`EndpointRules`), and `resolve` adds the facts of
the region's partition. The answers equal those of botocore's endpoint rule sets in every region. The hosts of
S3 follow from more than that; they are resolved by `s3`, which blocks.

Any callable with the signature of `resolve` is an `EndpointResolver`, so a program may use one of its own.

Raises nothing but `ConfigurationError`.
"""

from __future__ import annotations

from sagemaker_async.config import check_region
from sagemaker_async.config.endpoints import Endpoint, EndpointResolver, EndpointRules
from sagemaker_async.errors import ConfigurationError

from .partitions import Partition, partition_of

__all__ = ["STS", "Endpoint", "EndpointResolver", "EndpointRules", "check_custom_endpoint", "resolve"]

FIPS_REMEDY = "unset use_fips_endpoint (AWS_USE_FIPS_ENDPOINT)"
DUAL_STACK_REMEDY = "unset use_dualstack_endpoint (AWS_USE_DUALSTACK_ENDPOINT)"


STS = EndpointRules(
    service="sts",
    signing_name="sts",
    prefix="sts",
    fips_prefix="sts-fips",
    fips_prefixes={"aws-us-gov": "sts"},
    global_hosts={"aws-global": "sts.amazonaws.com"},
)
"""AWS Security Token Service: always the regional host, botocore's default since `sts_regional_endpoints` changed to
``regional``; the global host is used for the pseudo-region ``aws-global`` alone."""


def resolve(rules: EndpointRules, region: str, *, use_fips: bool = False, use_dualstack: bool = False) -> Endpoint:
    """Return the endpoint of a service in a region.

    Args:
        rules: how the service's hosts are named.
        region: such as ``us-east-1``. It need not be known. The old FIPS pseudo-regions (``us-east-1-fips``,
            ``fips-us-east-1``) mean the region with `use_fips`, as in botocore.
        use_fips: the host with FIPS 140 validated TLS.
        use_dualstack: the host with IPv6 addresses.

    Raises:
        ConfigurationError: `region` cannot be part of a host name, or its partition has no such hosts.
    """
    check_region(region, "region")
    region, is_fips_region = without_fips_marker(region)
    use_fips = use_fips or is_fips_region
    partition = partition_of(region)
    _check_supported(partition, region, use_fips=use_fips, use_dualstack=use_dualstack)
    global_host = rules.global_hosts.get(region)
    if global_host is not None and not use_fips and not use_dualstack:
        host = global_host
    else:
        prefix = rules.fips_prefix if use_fips else rules.prefix
        if use_fips and not use_dualstack:
            prefix = rules.fips_prefixes.get(partition.id, prefix)
        host = f"{prefix}.{region}.{partition.dual_stack_dns_suffix if use_dualstack else partition.dns_suffix}"
    return Endpoint(
        origin=f"https://{host}",
        signing_region=region if global_host is None else partition.implicit_global_region,
        signing_name=rules.signing_name,
    )


def check_custom_endpoint(source: str, *, use_fips: bool, use_dualstack: bool) -> None:
    """Raise `ConfigurationError` when a custom endpoint is combined with FIPS or dual-stack.

    The two options choose among AWS's own hosts and cannot change a given one, so AWS's rule sets refuse the
    combination. (botocore's clients drop the options instead, and send the request without FIPS or IPv6.)

    Args:
        source: where the custom endpoint was set, such as ``Config.endpoint_url``, for the message.
        use_fips: whether FIPS is asked for.
        use_dualstack: whether dual-stack is asked for.
    """
    for wanted, name, remedy in (
        (use_fips, "FIPS", FIPS_REMEDY),
        (use_dualstack, "dual-stack", DUAL_STACK_REMEDY),
    ):
        if wanted:
            raise ConfigurationError(
                f"{source} is a custom endpoint, which cannot be combined with {name}: "
                f"drop the URL, or {remedy} and give the {name} host itself"
            )


def without_fips_marker(region: str) -> tuple[str, bool]:
    """Return the region that a FIPS pseudo-region stands for, and whether `region` was a pseudo-region."""
    plain = region.replace("fips-", "").replace("-fips", "")
    return plain, plain != region


def _check_supported(partition: Partition, region: str, *, use_fips: bool, use_dualstack: bool) -> None:
    lacking = []
    if use_fips and not partition.supports_fips:
        lacking.append(("FIPS", FIPS_REMEDY))
    if use_dualstack and not partition.supports_dual_stack:
        lacking.append(("dual-stack", DUAL_STACK_REMEDY))
    if lacking:
        names = " or ".join(name for name, _ in lacking)
        remedies = " and ".join(remedy for _, remedy in lacking)
        raise ConfigurationError(
            f"partition {partition.id} (region {region}) has no {names} endpoints: {remedies}, or use another region"
        )
