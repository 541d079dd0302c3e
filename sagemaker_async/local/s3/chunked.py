"""``aws-chunked``: the encoding of uploads whose checksum or signatures come with or after the bytes.

    {hex size}[;chunk-signature={64 hex}] CRLF {bytes} CRLF ... 0[;chunk-signature=...] CRLF [{trailer}: {value} CRLF]

Pure. Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sagemaker_async.local.answers import Refusal

__all__ = ["decoded"]

_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?\r\n")
_TRAILER = re.compile(rb"([A-Za-z0-9-]+):[ \t]*([^\r\n]*?)[ \t]*\r?\n")


def decoded(
    body: bytes, length: str | None, check_chunk: Callable[[bytes, str], None] | None = None
) -> tuple[bytes, dict[str, str]]:
    """Return what was encoded, and the trailers by lower-case names.

    Args:
        body: the encoded body.
        length: the field ``x-amz-decoded-content-length``, which must be there and right.
        check_chunk: gets each chunk and its signature, the last, empty one included; None: signatures are not expected.

    Raises:
        Refusal: the encoding is broken, or the length wrong.
    """
    chunks: list[bytes] = []
    place = 0
    while True:
        head = _CHUNK.match(body, place)
        if head is None or (check_chunk is not None and head[2] is None):
            raise _broken()
        size, place = int(head[1], 16), head.end()
        chunk = body[place : place + size]
        if len(chunk) < size:
            raise _broken()
        if check_chunk is not None:
            check_chunk(chunk, head[2].decode())
        place += size
        if size == 0:
            break
        if body[place : place + 2] != b"\r\n":
            raise _broken()
        chunks.append(chunk)
        place += 2
    trailers: dict[str, str] = {}
    while (trailer := _TRAILER.match(body, place)) is not None:
        trailers[trailer[1].decode().lower()] = trailer[2].decode("latin-1")
        place = trailer.end()
    if body[place:] not in (b"", b"\r\n"):
        raise _broken()
    whole = b"".join(chunks)
    if length != str(len(whole)):
        raise Refusal(
            400, "IncompleteBody", "You did not provide the number of bytes specified by x-amz-decoded-content-length."
        )
    return whole, trailers


def _broken() -> Refusal:
    return Refusal(400, "InvalidRequest", "The body is not a valid aws-chunked encoding.")
