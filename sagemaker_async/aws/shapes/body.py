"""Request bodies: what users may hand in, and the one immutable value that is signed and sent.

``str`` becomes UTF-8. A mutable buffer is copied, so that changing it during the call cannot part what was signed from
what is sent. A binary object with ``read()`` is read once, in a worker thread, and kept, so that every attempt sends
the same bytes.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import Protocol, runtime_checkable

__all__ = ["BodyLike", "Readable", "body_bytes", "read_body"]


@runtime_checkable
class Readable(Protocol):
    """A binary object, such as an open file."""

    def read(self) -> bytes:
        """Return all that is left."""
        ...


BodyLike = bytes | bytearray | memoryview | str | Readable

_DOCUMENTS = (dict, list, tuple, int, float)
"""What people hand in who forgot to serialise."""


def body_bytes(body: object) -> bytes | Readable:
    """Return the bytes of a body, or the object itself when it has still to be read.

    Raises:
        TypeError: it is not of a kind in `BodyLike`; the message lists them.
        ValueError: it is a str that UTF-8 cannot encode, or a memoryview that was released.
    """
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        try:
            return body.encode()
        except UnicodeEncodeError as error:
            position = error.start
        # Not raised in the handler: the encoding error holds the whole text.
        raise ValueError(
            f"holds a lone surrogate at position {position}, which UTF-8 cannot encode; decode it correctly"
        )
    if isinstance(body, bytearray | memoryview):
        return bytes(body)
    if isinstance(body, Readable):
        return body
    remedy = "; serialise it first, for instance with a JSON serializer" if isinstance(body, _DOCUMENTS) else ""
    raise TypeError(
        f"must be bytes, bytearray, memoryview, str or a binary object with read(), got {type(body).__name__}{remedy}"
    )


async def read_body(body: Readable) -> bytes:
    """Read a body off the event loop.

    Raises:
        TypeError: ``read()`` returned something else than bytes.
        OSError: the file cannot be read.
        ValueError: the file is closed.
    """
    content: object = await asyncio.to_thread(body.read)
    if isinstance(content, bytes):
        return content
    if isinstance(content, bytearray | memoryview):
        return bytes(content)
    if isinstance(content, str):
        raise TypeError("is a text object: open the file in binary mode ('rb')")
    if inspect.iscoroutine(content):
        content.close()
        raise TypeError("has an asynchronous read(): give what it returns, body=await file.read()")
    raise TypeError(f"has a read() that returns {type(content).__name__}; it must return bytes")
