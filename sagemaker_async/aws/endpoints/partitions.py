"""AWS's partitions (the commercial regions, China, GovCloud, the isolated ones), and which one a region belongs to.

Pure: the facts are in the generated `partition_table`, so neither botocore nor JSON is loaded. A region that is newer
than the table is placed by its partition's pattern, and one that no pattern matches counts as commercial, as in AWS's
own `aws.partition` rule (https://smithy.io/2.0/aws/rules-engine/library-functions.html).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .partition_table import PARTITION_ROWS

__all__ = ["PARTITIONS", "Partition", "partition_of"]


class Partition(NamedTuple):
    """A group of regions that share DNS suffixes and credentials, such as ``aws`` or ``aws-cn``."""

    id: str
    """As in ARNs: ``aws``, ``aws-cn``, ``aws-us-gov``, ..."""
    region_pattern: str
    """Regular expression that the whole names of its regions match."""
    dns_suffix: str
    """Such as ``amazonaws.com``."""
    dual_stack_dns_suffix: str
    """The same for hosts that have IPv6 addresses too, such as ``api.aws``."""
    supports_fips: bool
    """Whether it has hosts with FIPS 140 validated TLS."""
    supports_dual_stack: bool
    """Whether it has hosts with IPv6 addresses."""
    implicit_global_region: str
    """The region that signs for services without regions, such as ``us-east-1``."""
    regions: tuple[str, ...]
    """The regions known when the table was made, with the pseudo-region ``<id>-global``."""

    def has_region(self, region: str) -> bool:
        """Whether `region` is one of the known regions of this partition, or has a name like them."""
        return region in self.regions or re.fullmatch(self.region_pattern, region) is not None


PARTITIONS: tuple[Partition, ...] = tuple(Partition(*row) for row in PARTITION_ROWS)
"""Every partition, the commercial one first."""


def partition_of(region: str) -> Partition:
    """Return the partition of `region`; the commercial one (``aws``) for a name that fits no partition."""
    for partition in PARTITIONS:
        if partition.has_region(region):
            return partition
    return PARTITIONS[0]
