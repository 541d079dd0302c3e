"""What `Config.endpoint_resolver` accepts: an `EndpointResolver`, with the values that it takes and returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

from sagemaker_async.errors import ConfigurationError

from ._checks import check_endpoint_url, check_region

__all__ = ["Endpoint", "EndpointResolver", "EndpointRules"]


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
