"""What inference routers of an embedded SageMaker pass requests on to: targets, and the destinations of each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from .endpoints import Endpoint

__all__ = ["Destination", "Place", "RouterTarget"]


class Place(NamedTuple):
    """Where a destination is."""

    endpoint: Endpoint
    component: str | None
    ready: bool
    """Whether it has copies."""


@dataclass(frozen=True, slots=True)
class Destination:
    """An endpoint or an inference component."""

    arn: str

    def find(self, endpoints: Mapping[str, Endpoint], arn_prefix: str) -> Place | None:
        """Return where it is; ARNs are in lower case, names need not be.

        Args:
            endpoints: where it is looked for, all of one account and region.
            arn_prefix: what begins the ARNs of these.
        """
        wanted = self.arn.lower()
        for endpoint in endpoints.values():
            if f"{arn_prefix}:endpoint/{endpoint.name}".lower() == wanted:
                return Place(endpoint, None, True)
            for component, variant in endpoint.components.items():
                if f"{arn_prefix}:inference-component/{component}".lower() == wanted:
                    return Place(endpoint, component, variant.model is not None)
        return None


@dataclass(frozen=True, slots=True)
class RouterTarget:
    """One routing target."""

    name: str
    destinations: Sequence[Destination]
    async_output: str | None
    """Where the results of asynchronous requests go; None: it takes none."""
    async_failure: str | None

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """Return the target that CreateInferenceRouter describes so."""
        output = (fields.get("AsyncInferenceConfig") or {}).get("OutputConfig") or {}
        destinations = [Destination(each["ResourceArn"]) for each in fields["Destinations"]]
        return cls(fields["Name"], destinations, output.get("S3OutputPath"), output.get("S3FailurePath"))
