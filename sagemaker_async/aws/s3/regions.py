"""Where an answer of S3 says that a bucket is. Pure.

S3 answers a call in the wrong region with a redirect, or with an error that names the right one. The name comes from
the network and becomes part of a host's name and of a signature, so it has to be the name of a region of the same
partition: credentials are not valid in any other.

The rules are those of botocore's ``S3RegionRedirectorv2``.
"""

from __future__ import annotations

import re

from sagemaker_async.aws.endpoints.partitions import partition_of
from sagemaker_async.aws.protocols.rest_xml import BUCKET_REGION
from sagemaker_async.errors import ResponseError, ServiceError

__all__ = ["checked_region", "is_elsewhere", "region_in"]

_REDIRECTS = frozenset({301, 302, 307})
_CODES = frozenset({"PermanentRedirect", "IllegalLocationConstraintException"})


def is_elsewhere(error: ServiceError) -> bool:
    """Return whether an error may mean that the bucket is in another region."""
    if error.status in _REDIRECTS or error.code in _CODES:
        return True
    if error.code == "AuthorizationHeaderMalformed":
        return region_in(error) is not None
    # HeadObject and HeadBucket have no body to say more in.
    return error.status == 400 and not error.code and error.operation in ("HeadObject", "HeadBucket")


def region_in(error: ServiceError) -> str | None:
    """Return the region that an error names, unchecked; None when it names none."""
    for member in (BUCKET_REGION, "Region"):
        if region := error.fields.get(member):
            return str(region)
    return None


def checked_region(region: str, current: str, error: ServiceError) -> str:
    """Return `region` if it can be followed from the region `current`.

    Raises:
        ResponseError: it is not a region of the same partition.
    """
    partition = partition_of(current)
    if re.fullmatch(r"[a-z0-9-]{1,63}", region) and partition.has_region(region):
        return region
    refusal = ResponseError(
        f"the answer says that the bucket is in {region[:100]!r}, which is not a region of {current}'s partition "
        f"({partition.id}); the call was not repeated there, because its credentials are not meant for it",
        error.status,
    )
    refusal.attempts = error.attempts
    raise refusal.locate(error.operation or "", error.resource, error.url or "", error.request_id)
