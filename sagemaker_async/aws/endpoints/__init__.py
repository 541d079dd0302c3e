"""Where a service is: its hosts, the names in its signatures' scope, and AWS's partitions."""

from __future__ import annotations

from .rules import STS, Endpoint, EndpointResolver, EndpointRules, check_custom_endpoint, resolve

__all__ = [
    "STS",
    "Endpoint",
    "EndpointResolver",
    "EndpointRules",
    "check_custom_endpoint",
    "resolve",
]
