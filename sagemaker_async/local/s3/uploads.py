"""Multipart uploads: what has been begun and not yet completed."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from sagemaker_async.local.answers import Refusal

__all__ = ["Multipart", "Uploads"]

MIN_PART_BYTES = 5 << 20
"""The least that every part but the last must have."""
_MAX_PARTS = 10_000

_number = re.compile(r"<PartNumber>\s*(\d{1,5})\s*</PartNumber>")
_etag = re.compile(r"<ETag>\s*(?:\"|&quot;|&#34;)?([0-9a-f]+)(?:\"|&quot;|&#34;)?\s*</ETag>")


@dataclass(slots=True)
class Multipart:
    """One upload."""

    url: str
    content_type: str | None
    headers: Mapping[str, str]
    parts: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    """ETag without quotes, and bytes, by number."""

    def put(self, number: str, body: bytes) -> str:
        """Keep a part, and return its ETag."""
        if not (number.isascii() and number.isdigit() and 1 <= int(number[:6]) <= _MAX_PARTS):
            raise Refusal(400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        self.parts[int(number)] = (etag, body)
        return f'"{etag}"'

    def completed(self, listed: str) -> tuple[bytes, str]:
        """Return the whole object and its ETag, from the XML that lists the parts.

        Raises:
            Refusal: the list is malformed, out of order, or names what was not uploaded; or a part is too small.
        """
        numbers: list[int] = []
        for match in listed.split("<Part>")[1:]:
            number, etag = _number.search(match), _etag.search(match)
            if number is None or etag is None:
                raise Refusal(400, "MalformedXML", "The XML you provided was not well-formed.")
            if self.parts.get(int(number[1]), ("", b""))[0] != etag[1]:
                raise Refusal(400, "InvalidPart", "One or more of the specified parts could not be found.")
            numbers.append(int(number[1]))
        if not numbers:
            raise Refusal(400, "MalformedXML", "The XML you provided was not well-formed.")
        if numbers != sorted(set(numbers)):
            raise Refusal(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
        if any(len(self.parts[number][1]) < MIN_PART_BYTES for number in numbers[:-1]):
            raise Refusal(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
        whole = b"".join([self.parts[number][1] for number in numbers])
        digests = b"".join([bytes.fromhex(self.parts[number][0]) for number in numbers])
        return whole, f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(numbers)}"'


class Uploads:
    """The uploads under way, by id."""

    def __init__(self) -> None:
        self._uploads: dict[str, Multipart] = {}

    def begin(self, url: str, content_type: str | None, headers: Mapping[str, str]) -> str:
        """Begin an upload, and return its id."""
        name = uuid.uuid4().hex
        self._uploads[name] = Multipart(url, content_type, headers)
        return name

    def get(self, name: str, url: str) -> Multipart:
        """Return an upload; raises `Refusal` when there is none of this id for this object."""
        upload = self._uploads.get(name)
        if upload is None or upload.url != url:
            raise Refusal(404, "NoSuchUpload", "The specified upload does not exist.")
        return upload

    def end(self, name: str) -> None:
        """Forget an upload."""
        self._uploads.pop(name, None)
