"""How the SageMaker control plane's hosts are called (https://docs.aws.amazon.com/general/latest/gr/sagemaker.html)."""

from __future__ import annotations

from sagemaker_async.aws.endpoints import EndpointRules

__all__ = ["HOSTING"]

HOSTING = EndpointRules(
    service="sagemaker",
    signing_name="sagemaker",
    prefix="api.sagemaker",
    fips_prefix="api.sagemaker-fips",
    fips_prefixes={"aws": "api-fips.sagemaker", "aws-us-gov": "api-fips.sagemaker"},
)
"""The control plane: CreateEndpoint, DescribeEndpoint and the rest."""
