"""Endpoints by botocore's own rule sets, for S3 and for services that have no `EndpointRules` here.

Everything in this module blocks: it reads and evaluates rule sets of up to a megabyte. Call it in a thread, or keep one
`RuleSet` per service and call that in a thread. botocore is imported when it is first needed. The answers are
those of a botocore client with default options; anything else is chosen with rule-set parameters.

Raises nothing but `ConfigurationError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker_async.config import check_region
from sagemaker_async.errors import ConfigurationError

from .partitions import partition_of
from .rules import DUAL_STACK_REMEDY, FIPS_REMEDY, Endpoint, without_fips_marker

__all__ = ["RuleSet", "RuleSetParameter", "resolve_with_botocore"]

RuleSetParameter = str | bool | list[str]
"""What a rule set takes: text, a switch, or several texts."""


def resolve_with_botocore(
    service: str, region: str, *, use_fips: bool = False, use_dualstack: bool = False, **parameters: RuleSetParameter
) -> Endpoint:
    """Return the endpoint of any service botocore knows. Blocking: tens of milliseconds for S3.

    The same as ``RuleSet(service).resolve(region, ...)``.
    """
    return RuleSet(service).resolve(region, use_fips=use_fips, use_dualstack=use_dualstack, **parameters)


class RuleSet:
    """One service's endpoint rules, loaded from botocore. Thread-safe; the constructor blocks, and so does `resolve`.

    Args:
        service: botocore's name of the service, such as ``s3``.

    Raises:
        ConfigurationError: botocore knows no such service; the message names the nearest.
    """

    def __init__(self, service: str) -> None:
        from botocore.endpoint_provider import EndpointProvider
        from botocore.exceptions import DataNotFoundError, UnknownServiceError
        from botocore.loaders import Loader

        self.service = service
        self._loader = Loader()
        self._signing_name: str | None = None
        try:
            rules = self._loader.load_service_model(service, "endpoint-rule-set-1")
            self._provider = EndpointProvider(rules, self._loader.load_data("partitions"))
        except (UnknownServiceError, DataNotFoundError):
            raise ConfigurationError(self._unknown_service()) from None

    def resolve(
        self, region: str, *, use_fips: bool = False, use_dualstack: bool = False, **parameters: RuleSetParameter
    ) -> Endpoint:
        """Return the service's endpoint in a region.

        Args:
            region: such as ``us-east-1``; FIPS pseudo-regions mean the same as in `endpoints.resolve`.
            use_fips: the host with FIPS 140 validated TLS.
            use_dualstack: the host with IPv6 addresses. Services that have such hosts only take no notice.
            **parameters: the rule set's own, in its spelling: ``Bucket``, ``ForcePathStyle``, ``Accelerate``,
                ``UseGlobalEndpoint`` (on by default for S3 in us-east-1, as in botocore), ``Endpoint``, ...

        Raises:
            ConfigurationError: there is no such endpoint, the parameters are unknown or of the wrong type, or it wants
                signatures that this package does not make.
        """
        from botocore.exceptions import BotoCoreError

        check_region(region, "region")
        region, is_fips_region = without_fips_marker(region)
        use_fips = use_fips or is_fips_region
        known = self._provider.ruleset.parameters
        if unknown := sorted(set(parameters) - set(known)):
            raise ConfigurationError(
                f"the endpoint rules of {self.service} have no parameter {unknown[0]!r}; "
                f"they have {', '.join(sorted(known))}"
            )
        if use_fips and "UseFIPS" not in known:
            raise ConfigurationError(f"{self.service} has no FIPS endpoints: {FIPS_REMEDY}")
        given = {"Region": region, "UseFIPS": use_fips, "UseDualStack": use_dualstack}
        arguments = self._client_defaults(region) | {k: v for k, v in given.items() if k in known} | parameters
        try:
            answer = self._provider.resolve_endpoint(**arguments)
        except BotoCoreError as error:
            raise ConfigurationError(self._no_endpoint(region, use_fips, use_dualstack, error)) from None
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            raise ConfigurationError(
                f"the endpoint rules of {self.service} cannot be evaluated with {', '.join(sorted(arguments))}: "
                f"{type(error).__name__}; check the values of the parameters"
            ) from None
        scheme = self._sigv4_scheme(answer.properties)
        return Endpoint.from_url(
            answer.url,
            signing_region=scheme.get("signingRegion") or region,
            signing_name=scheme.get("signingName") or self._default_signing_name(),
            double_encoding=not scheme.get("disableDoubleEncoding", False),
            headers=tuple((name, values[0]) for name, values in answer.headers.items()),
        )

    def _client_defaults(self, region: str) -> dict[str, RuleSetParameter]:
        """What a botocore client with default options tells the rules beyond region and variants."""
        return {
            name: region == "us-east-1"
            for name, definition in self._provider.ruleset.parameters.items()
            if definition.builtin == "AWS::S3::UseGlobalEndpoint"
        }

    def _sigv4_scheme(self, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        schemes = properties.get("authSchemes")
        if not schemes:
            return {}
        for scheme in schemes:
            if scheme.get("name") == "sigv4":
                return scheme  # type: ignore[no-any-return]
        names = ", ".join(str(scheme.get("name")) for scheme in schemes)
        raise ConfigurationError(
            f"this endpoint of {self.service} wants signatures of the kind {names}; only sigv4 is made here. "
            "Use a resource that takes sigv4, or call it with boto3"
        )

    def _default_signing_name(self) -> str:
        if self._signing_name is None:
            metadata = self._loader.load_service_model(self.service, "service-2")["metadata"]
            self._signing_name = str(metadata.get("signingName") or metadata["endpointPrefix"])
        return self._signing_name

    def _unknown_service(self) -> str:
        from difflib import get_close_matches

        services = self._loader.list_available_services("endpoint-rule-set-1")
        nearest = get_close_matches(self.service, services, n=1, cutoff=0.0)
        return f"botocore knows no service {self.service!r}; did you mean {nearest[0]!r}?"

    def _no_endpoint(self, region: str, use_fips: bool, use_dualstack: bool, error: Exception) -> str:
        options = [name for name, on in (("FIPS", use_fips), ("dual-stack", use_dualstack)) if on]
        variant = f" with {' and '.join(options)}" if options else ""
        remedies = [remedy for on, remedy in ((use_fips, FIPS_REMEDY), (use_dualstack, DUAL_STACK_REMEDY)) if on]
        remedy = f"; {' or '.join(remedies)}, or use another region" if remedies else "; check its parameters"
        place = f"region {region} (partition {partition_of(region).id})"
        reason = str(error).rstrip(".")
        return f"{self.service} has no such endpoint in {place}{variant}. The service's rules say: {reason}{remedy}"
