"""Pure splitters: bytes cut anywhere go in, records come out.

A payload part is an arbitrary slice of the container's response, so lines, characters, JSON values, server-sent events
and tokens are all put together here, one module each, and nowhere else. Every splitter has the same four members:

- ``feed(data)`` takes the next slice and returns the records it completes;
- ``finish()`` is called once, after a clean end, and returns what the end itself completes;
- ``undelivered`` is the beginning of the record under way, for error reports;
- it is bounded: what a record may hold is limited, and more raises `RecordTooLongError`.

What `feed` and `finish` return must be consumed before the next call. When a record is at fault they give all records
before it and then raise, so the outcome does not depend on where the slices were cut. After an error a splitter is of
no further use. The work is linear in the bytes, however small the slices.

Nothing here awaits, reads a clock, or knows SageMaker.
"""

from __future__ import annotations

from ._bounds import MAX_BUFFER, UNDELIVERED_LIMIT, Splitter
from .json_values import JSONLinesSplitter, JSONSplitter
from .lines import LineEnds, LineSplitter
from .sse import ServerSentEvent, SSESplitter
from .text import KEEP_PARTIAL, DecodeErrors, KeptText, Room, TextSplitter
from .tokens import TokenSplitter

__all__ = [
    "KEEP_PARTIAL",
    "MAX_BUFFER",
    "UNDELIVERED_LIMIT",
    "DecodeErrors",
    "JSONLinesSplitter",
    "JSONSplitter",
    "KeptText",
    "LineEnds",
    "LineSplitter",
    "Room",
    "SSESplitter",
    "ServerSentEvent",
    "Splitter",
    "TextSplitter",
    "TokenSplitter",
]
