"""The limits that all splitters share, and how they report a fault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from sagemaker_async.errors import ConfigurationError, StreamError

__all__ = ["MAX_BUFFER", "UNDELIVERED_LIMIT", "Splitter", "check_limit", "faulty", "records_then_error"]

MAX_BUFFER = 16 * 1024 * 1024
"""Bytes that one record may hold unless told otherwise: far above any line or event a model sends on purpose, and low
enough that a hundred runaway streams at once still fit the memory of a small host."""

UNDELIVERED_LIMIT = 1024
"""Bytes of an unfinished or faulty record that an error keeps: enough to see what it was."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
E = TypeVar("E", bound=StreamError)


class Splitter(Protocol[T_co]):
    """What every splitter offers; the package's docstring states the contract."""

    def feed(self, data: bytes, /) -> Iterable[T_co]:
        """Take the next slice and return the records it completes."""
        ...

    def finish(self) -> Iterable[T_co]:
        """Return what the clean end of the bytes completes."""
        ...

    @property
    def undelivered(self) -> bytes:
        """The first `UNDELIVERED_LIMIT` bytes of the record under way."""
        ...


def check_limit(name: str, value: int, *, minimum: int = 1) -> int:
    """Return `value`, or raise `ConfigurationError` when it is not an int of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ConfigurationError(f"{name} must be an int of at least {minimum}, got {value!r}")
    return value


def faulty(error: E, record: bytes | bytearray) -> E:
    """Return `error` with the beginning of the record at fault as its `undelivered`.

    It is for ``raise faulty(...)``: a frame with a variable for the error that it raises would be a reference cycle,
    and would keep alive the stream that the consumer has dropped.
    """
    error.undelivered = bytes(record[:UNDELIVERED_LIMIT])
    return error


def records_then_error(records: Iterable[T], error: Exception) -> Iterator[T]:
    """Yield `records`, then raise `error`."""
    yield from records
    try:
        raise error
    finally:
        del error
