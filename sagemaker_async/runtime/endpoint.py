"""How SageMaker Runtime's hosts are called (https://docs.aws.amazon.com/general/latest/gr/sagemaker.html)."""

from __future__ import annotations

from sagemaker_async.aws.endpoints import EndpointRules

__all__ = ["RUNTIME"]

RUNTIME = EndpointRules(
    service="sagemaker-runtime",
    signing_name="sagemaker",
    prefix="runtime.sagemaker",
    fips_prefix="runtime.sagemaker-fips",
    fips_prefixes={"aws": "runtime-fips.sagemaker", "aws-us-gov": "runtime.sagemaker"},
)
"""The data plane: InvokeEndpoint and its relatives."""
