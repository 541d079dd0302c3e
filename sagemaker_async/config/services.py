"""The services of AWS that this package calls."""

from __future__ import annotations

__all__ = ["SERVICES", "SERVICE_IDS"]

SERVICES = ("sagemaker-runtime", "sagemaker-inference-router-runtime", "sagemaker", "s3", "sqs", "sts")
"""The services that `Config.endpoint_urls` accepts, by botocore's names."""

SERVICE_IDS = {
    "sagemaker-runtime": "SageMaker Runtime",
    "sagemaker-inference-router-runtime": "SageMaker Inference Router Runtime",
    "sagemaker": "SageMaker",
    "s3": "S3",
    "sqs": "SQS",
    "sts": "STS",
}
"""AWS's id of each service, as used in telemetry."""
