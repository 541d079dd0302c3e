"""`ResponseMetadata`: what travels beside a response's own fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sagemaker_async.errors import Attempt

__all__ = ["ResponseMetadata"]


@dataclass(frozen=True)
class ResponseMetadata:
    """What travels beside a response's own fields."""

    request_id: str | None
    """AWS's id of the request, for support cases."""
    status: int
    """The HTTP status."""
    headers: Mapping[str, str] = field(repr=False)
    """The header fields as they came; look-up ignores case."""
    attempts: tuple[Attempt, ...]
    """Every attempt of the call, the last one being the one that succeeded."""

    def by_aws_names(self) -> dict[str, Any]:
        """Return what botocore has as ``response["ResponseMetadata"]``."""
        return {
            "RequestId": self.request_id,
            "HTTPStatusCode": self.status,
            "HTTPHeaders": {name.lower(): value for name, value in self.headers.items()},
            "RetryAttempts": max(len(self.attempts) - 1, 0),
        }
