"""Running the work of serializers and deserializers off the event loop when it is large.

A serializer or deserializer whose class sets ``offload = True`` allows a thread to run it; classes without that
attribute always run on the loop, because nobody promised that they are thread-safe. Work under `OFFLOAD_BYTES` runs on
the loop as well: there the hop to a thread costs more than it saves. Reading a file may block whatever its size, so
data with `read()` always goes to the thread.

A thread frees the loop as far as the work releases the interpreter lock. Python-level loops (CSV and JSON-Lines rows,
numpy's text reader) and pandas' parser do; one call of `json` or `orjson` holds it for as long as it takes, so that on
interpreters with a lock a large JSON body still delays the loop by its own parsing time. Measured with 10 MB: the loop
stood still for all of json's 140 ms, for 73 of CSV's 320 ms, for 2 of pandas' 80 ms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .bases import BodyStream, Deserializer, RequestBody, Serializer

__all__ = ["OFFLOAD_BYTES", "deserialize_off_loop", "estimated_size", "serialize_off_loop"]

T = TypeVar("T")

OFFLOAD_BYTES = 1 << 20
"""Bodies and data of at least this many bytes (1 MiB, some 5 to 50 ms of parsing) are worth a thread."""

_NUMBER_BYTES = 8
_SAMPLED_ITEMS = 64
_MAX_DEPTH = 6


def estimated_size(data: object) -> int | None:
    """Return roughly how many bytes `data` holds, in constant time; None when that cannot be told cheaply.

    Exact for str (characters), bytes, arrays and anything else with `nbytes`; data frames without their strings; lists
    and mappings are judged by their first items.
    """
    return _estimated_size(data, _MAX_DEPTH)


def _estimated_size(data: object, depth: int) -> int | None:
    if isinstance(data, str | bytes | bytearray):
        return len(data)
    if data is None or isinstance(data, int | float):
        return _NUMBER_BYTES
    nbytes = getattr(data, "nbytes", None)
    if isinstance(nbytes, int):
        return nbytes
    memory_usage = getattr(data, "memory_usage", None)
    if callable(memory_usage):
        usage = memory_usage()
        return int(usage.sum()) if hasattr(usage, "sum") else int(usage)
    if isinstance(data, Mapping):
        return _extrapolated(data.values(), len(data), depth)
    if isinstance(data, list | tuple):
        return _extrapolated(data, len(data), depth)
    if type(data).__module__.startswith("scipy.sparse"):
        return getattr(getattr(data, "data", None), "nbytes", None)
    return None


def _extrapolated(items: Any, count: int, depth: int) -> int | None:
    if count == 0:
        return 0
    if depth == 0:
        return None
    sizes = [_estimated_size(item, depth - 1) for item in islice(items, 1 if depth < _MAX_DEPTH else _SAMPLED_ITEMS)]
    known = [size for size in sizes if size is not None]
    return sum(known) * count // len(sizes) if known else None


async def serialize_off_loop(serializer: Serializer, data: Any) -> RequestBody:
    """Return `serializer.serialize(data)`, run in a thread when it is large or reads a file and the class allows it.

    `data` must not be changed until this returns. A cancelled caller does not wait for the thread, which finishes by
    itself.
    """
    if getattr(serializer, "offload", False):
        blocks = getattr(serializer, "reads_files", False) or hasattr(data, "read")
        if blocks or (estimated_size(data) or 0) >= OFFLOAD_BYTES:
            return await asyncio.to_thread(serializer.serialize, data)
    return serializer.serialize(data)


async def deserialize_off_loop(
    deserializer: Deserializer[T], stream: BodyStream, content_type: str, size: int | None
) -> T:
    """Return `deserializer.deserialize(stream, content_type)`, run in a thread if it is large and the class allows it.

    Args:
        deserializer: the object that parses.
        stream: the body, complete in memory or in a file.
        content_type: the response's Content-Type.
        size: the body's length in bytes; None is taken as large.
    """
    if getattr(deserializer, "offload", False) and (size is None or size >= OFFLOAD_BYTES):
        return await asyncio.to_thread(deserializer.deserialize, stream, content_type)
    return deserializer.deserialize(stream, content_type)
