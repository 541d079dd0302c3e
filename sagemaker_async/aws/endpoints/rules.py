"""Where a service is: from a region and two options to scheme, host, and the names in the signature's scope.

Pure, and without botocore: a service says how its hosts are named (`EndpointRules`), and `resolve` adds the facts of
the region's partition. The answers equal those of botocore's endpoint rule sets in every region. The hosts of
S3 follow from more than that; they are resolved by `s3`, which blocks.

Any callable with the signature of `resolve` is an `EndpointResolver`, so a program may use one of its own.

Raises nothing but `ConfigurationError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

from sagemaker_async.config import check_endpoint_url, check_region
from sagemaker_async.errors import ConfigurationError

from .partitions import Partition, partition_of

__all__ = ["STS", "Endpoint", "EndpointResolver", "EndpointRules", "check_custom_endpoint", "resolve"]

FIPS_REMEDY = "unset use_fips_endpoint (AWS_USE_FIPS_ENDPOINT)"
DUAL_STACK_REMEDY = "unset use_dualstack_endpoint (AWS_USE_DUALSTACK_ENDPOINT)"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A resolved endpoint: where requests go, and which region and service their signatures name."""

    origin: str
    """Scheme, host and, unless it is the scheme's own, port: ``https://sts.eu-west-1.amazonaws.com``."""
    base_path: str = ""
    """Percent-encoded path before that of each request; empty, or with a leading slash and no trailing one."""
    signing_region: str
    """The region in the credential scope; usually, but not always, the region that was asked for."""
    signing_name: str
    """The service in the credential scope."""

    def __post_init__(self) -> None:
        check_endpoint_url(self.origin, "Endpoint.origin")
        if self.origin.count("/") != 2:
            raise ConfigurationError(
                f"Endpoint.origin must be scheme, host and port only, got {self.origin!r}; a path goes into base_path"
            )
        if self.base_path:
            check_endpoint_url(self.origin + self.base_path, "Endpoint.base_path")
            if self.base_path[0] != "/" or self.base_path[-1] == "/":
                raise ConfigurationError(
                    f"Endpoint.base_path must start with a slash and end without one, got {self.base_path!r}"
                )
        check_region(self.signing_region, "Endpoint.signing_region")
        if not isinstance(self.signing_name, str) or not self.signing_name:
            raise ConfigurationError(f"Endpoint.signing_name must be a non-empty str, got {self.signing_name!r}")

    @classmethod
    def from_url(cls, url: str, *, signing_region: str, signing_name: str) -> Endpoint:
        """Return the endpoint at `url`, split into `origin` and `base_path`.

        Args:
            url: ``http(s)://host[:port][/path]``.
            signing_region: see the field of this name.
            signing_name: see the field of this name.

        Raises:
            ConfigurationError: the URL does not have that form.
        """
        check_endpoint_url(url, "the endpoint's URL")
        scheme, _, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        return cls(
            origin=f"{scheme}://{authority}",
            base_path=(slash + path).rstrip("/"),
            signing_region=signing_region,
            signing_name=signing_name,
        )


class EndpointRules(NamedTuple):
    """How a service's hosts are named. Each is ``<prefix>.<region>.<suffix of the partition>``."""

    service: str
    """botocore's name of the service, such as ``sts``."""
    signing_name: str
    """The service in the credential scope, such as ``sts``."""
    prefix: str
    """The host's first labels, such as ``sts``."""
    fips_prefix: str
    """The same with FIPS, such as ``sts-fips``."""
    fips_prefixes: Mapping[str, str] = MappingProxyType({})
    """Maps a partition's id to the prefix used there instead with FIPS, unless dual-stack is asked for as well."""
    global_hosts: Mapping[str, str] = MappingProxyType({})
    """Maps a pseudo-region to its whole host, used without FIPS and dual-stack; the partition's global region signs."""


class EndpointResolver(Protocol):
    """Decides where a service is. Called once per service and session, on the event loop, so it must not block.

    `rules.service` names the service; `resolve`, the default, can serve the services that it does not decide about::

        def through_gateway(rules, region, *, use_fips=False, use_dualstack=False):
            if rules.service == "sts":
                return resolve(rules, region, use_fips=use_fips, use_dualstack=use_dualstack)
            return Endpoint.from_url(
                f"https://gateway.example.com/{rules.service}", signing_region=region, signing_name=rules.signing_name
            )
    """

    def __call__(
        self, rules: EndpointRules, region: str, *, use_fips: bool = False, use_dualstack: bool = False
    ) -> Endpoint:
        """Return the endpoint; raise `ConfigurationError` when the service has no endpoint there."""
        ...


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
