"""CRC32 as S3 writes it. Pure.

CRC32 is the one of S3's checksums that Python has (`zlib`). What S3 gives besides is passed over, as is a checksum of
the parts' checksums (``COMPOSITE``, its text ends in ``-N``), which says nothing of the content as a whole.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

from __future__ import annotations

import base64
import binascii

__all__ = ["crc32_of", "crc32_text"]


def crc32_text(crc: int) -> str:
    """Return a CRC32 as header fields carry it: base64 of its four bytes, the highest first."""
    return base64.b64encode(crc.to_bytes(4, "big")).decode()


def crc32_of(text: str | None, kind: str | None) -> int | None:
    """Return the CRC32 of a whole object, from its text and ``x-amz-checksum-type``; None when these give none."""
    if text is None or kind == "COMPOSITE":
        return None
    try:
        crc = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return int.from_bytes(crc, "big") if len(crc) == 4 else None
