"""`ObjectStore`: the objects of an embedded SageMaker by their URLs, with what S3 keeps beside their bytes.

It is a mutable mapping of ``s3://bucket/key`` to bytes. Methods may be called from any thread: each works on the one
dictionary with a single operation, or on a copy of it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field

from .models import ModelFailure

__all__ = ["DEFAULT_CONTENT_TYPE", "ObjectStore", "StoredObject"]

DEFAULT_CONTENT_TYPE = "binary/octet-stream"
"""What S3 says of objects that were put without a content type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object."""

    body: bytes = field(repr=False)
    etag: str
    """In its quotes, as in the header field."""
    modified: float
    """Seconds since the epoch."""
    content_type: str = DEFAULT_CONTENT_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further header fields to answer with: the user's metadata, and what else was put with it."""
    checksums: Mapping[str, str] = field(default_factory=dict)
    """Header fields with checksums, for those who ask for them."""


class ObjectStore(MutableMapping[str, bytes]):
    """The objects by URL.

    Args:
        clock: returns seconds since the epoch, for the dates of objects.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._objects: dict[str, StoredObject] = {}

    def __getitem__(self, url: str) -> bytes:
        return self._objects[url].body

    def __setitem__(self, url: str, body: bytes) -> None:
        self.put(url, body)

    def __delitem__(self, url: str) -> None:
        del self._objects[url]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._objects))

    def __len__(self) -> int:
        return len(self._objects)

    def __repr__(self) -> str:
        return f"<ObjectStore of {len(self)} objects>"

    def put(
        self,
        url: str,
        body: bytes,
        content_type: str | None = None,
        *,
        etag: str | None = None,
        headers: Mapping[str, str] | None = None,
        checksums: Mapping[str, str] | None = None,
    ) -> StoredObject:
        """Put an object, and return it.

        Args:
            url: ``s3://bucket/key``, the key as it is, not percent-encoded.
            body: its bytes.
            content_type: None or empty: S3's default.
            etag: None: the MD5 of the body, as S3 has it for objects that were put in one piece.
            headers: see `StoredObject`.
            checksums: see `StoredObject`.
        """
        stored = self._objects[url] = StoredObject(
            body=bytes(body),
            etag=etag or f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"',
            modified=self._clock(),
            content_type=content_type or DEFAULT_CONTENT_TYPE,
            headers=headers or {},
            checksums=checksums or {},
        )
        return stored

    def find(self, url: str) -> StoredObject | None:
        """Return an object; None when there is none."""
        return self._objects.get(url)

    async def read(self, url: str) -> bytes:
        """Return the input of an asynchronous invocation; raises `ModelFailure` when there is none."""
        body = self.get(url)
        if body is None:
            raise ModelFailure(404, f"there is no object at {url}")
        return body

    async def write(self, url: str, body: bytes, content_type: str) -> None:
        """Put the result of an asynchronous invocation."""
        self.put(url, body, content_type)

    def below(self, prefix: str) -> list[tuple[str, StoredObject]]:
        """Return the objects whose URLs begin with `prefix`, in the order of S3's lists: by the keys' UTF-8 bytes."""
        found = [(url, stored) for url, stored in list(self._objects.items()) if url.startswith(prefix)]
        return sorted(found, key=lambda each: each[0].encode("utf-8", "surrogatepass"))
