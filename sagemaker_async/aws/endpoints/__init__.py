"""Where a service is: hosts, what signatures name, and AWS's partitions."""

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
