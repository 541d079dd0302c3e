"""The checksums of S3: as header fields and trailers of uploads, verified before an object is kept.

CRC32C and CRC64NVME are computed in Python, some MB a second, because the standard library has neither; the others by
it. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from functools import cache

from sagemaker_async.local.answers import Refusal

__all__ = ["PREFIX", "verified_checksums"]

PREFIX = "x-amz-checksum-"
"""Of the header fields that carry checksums."""


@cache
def _table(polynomial: int) -> tuple[int, ...]:
    values = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)  # noqa: PLW2901 - the usual form of a CRC
        values.append(value)
    return tuple(values)


def _reflected_crc(body: bytes, polynomial: int, width: int) -> bytes:
    table, crc = _table(polynomial), (1 << width) - 1
    for byte in body:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return (crc ^ ((1 << width) - 1)).to_bytes(width // 8, "big")


_DIGESTS: Mapping[str, Callable[[bytes], bytes]] = {
    "crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "crc32c": lambda body: _reflected_crc(body, 0x82F63B78, 32),
    "crc64nvme": lambda body: _reflected_crc(body, 0x9A6C9329AC4BC9B5, 64),
    "sha1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "sha256": lambda body: hashlib.sha256(body).digest(),
}


def verified_checksums(body: bytes, fields: Mapping[str, str]) -> dict[str, str]:
    """Return the checksums that came with an upload, as header fields.

    Args:
        body: what arrived, decoded.
        fields: the header fields and trailers, by lower-case names.

    Raises:
        Refusal: one of them does not fit the body.
    """
    checksums = {}
    for algorithm, digest in _DIGESTS.items():
        given = fields.get(PREFIX + algorithm)
        if given is None:
            continue
        if given != base64.b64encode(digest(body)).decode():
            raise Refusal(
                400, "BadDigest", f"The {algorithm.upper()} you specified did not match the calculated checksum."
            )
        checksums[PREFIX + algorithm] = given
    given = fields.get("content-md5")
    if given is not None and given != base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode():
        raise Refusal(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
    return checksums
