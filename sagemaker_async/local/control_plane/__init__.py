"""The control plane of the embedded SageMaker: models, endpoint configurations, endpoints and what belongs to them.

State is in memory and begins empty. boto3's ``sagemaker`` client works against it unchanged, with AWS's names, ARNs,
error codes and states; what an endpoint created here runs is what `LocalSageMaker.add_model` said.

    service, sts                  requests in, answers out, in AWS's two protocols
    rules                         what a request may hold, by botocore's service model
    plane, seeding                all operations together, and what programs put in besides
    models, endpoint_configs, endpoints, variants, inference_components, hosted_model
    tags, job_definitions, monitoring, lineage
    listing, records, account     what they share
"""

from __future__ import annotations

from .plane import ControlPlane
from .seeding import Seeding
from .service import ControlPlaneService
from .sts import IdentityService

__all__ = ["ControlPlane", "ControlPlaneService", "IdentityService", "Seeding"]
