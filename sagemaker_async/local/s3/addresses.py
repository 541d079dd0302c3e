"""Which bucket and object a request to S3 names, and what its query asks for: `address_of`.

Both forms are read: ``/bucket/key`` (path style) at any name of the server, and ``/key`` at ``bucket.s3.localhost``
(virtual-host style). Pure.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

__all__ = ["Address", "address_of"]


class Address(NamedTuple):
    """What a request is about."""

    bucket: str
    """Empty for requests to S3 itself."""
    key: str
    """Decoded; empty for requests to a bucket."""
    query: dict[str, str]

    @property
    def url(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"


def address_of(host: str, target: str) -> Address:
    """Return what a request is about, from its Host field and its target as received."""
    path, _, query = target.partition("?")
    path = path.removeprefix("/")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    if name.endswith(".s3.localhost"):
        bucket, key = name.removesuffix(".s3.localhost"), path
    else:
        bucket, _, key = path.partition("/")
    return Address(unquote(bucket), unquote(key), dict(parse_qsl(query, keep_blank_values=True)))
