"""The control plane of the embedded SageMaker: models, endpoint configurations, endpoints and what belongs to them.

State is in memory and empty at the start. boto3's ``sagemaker`` client works with it unchanged, with AWS's names, ARNs,
error codes and states; an endpoint created here runs the callables that `LocalSageMaker.add_model` was given.

    service, sts                  requests in, answers out, in AWS's two protocols
    rules                         what a request may contain, by botocore's service model
    plane, seeding                all operations together, and what programs add directly
    models, endpoint_configs, endpoints, variants, inference_components, hosted_model
    tags, job_definitions, monitoring, processing_jobs, lineage
    listing, records, account     what they share
"""

from __future__ import annotations

from .plane import ControlPlane
from .seeding import Seeding
from .service import ControlPlaneService
from .sts import IdentityService

__all__ = ["ControlPlane", "ControlPlaneService", "IdentityService", "Seeding"]
