"""Header blocks of event-stream messages: named, typed values to bytes and back.

A header is a name (u8 length, UTF-8), a type (u8) and a value, big-endian. Each of the ten types has its own class
here, so that what was decoded encodes to the same bytes: ``bool`` (types 0 true, 1 false), `Byte` (2), `Short` (3),
`Int` (4), `Long` (5), ``bytes`` (6, u16 length), ``str`` (7, u16 length), `Timestamp` (8) and ``uuid.UUID`` (9).
https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html

`decode_headers` raises `HeaderError` and nothing else, `encode_headers` `SerializationError`. Nothing here knows what a
header means; `sagemaker_async.aws.eventstream` frames the blocks.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from struct import Struct
from struct import error as struct_error
from types import MappingProxyType
from typing import ClassVar, Self, TypeAlias
from uuid import UUID

from sagemaker_async.errors import DeserializationError, HeaderError, SerializationError

__all__ = [
    "Byte",
    "HeaderValue",
    "Int",
    "Long",
    "Short",
    "Timestamp",
    "decode_headers",
    "encode_headers",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Integer(int):
    """A signed integer that knows how wide it is on the wire."""

    __slots__ = ()
    _kind: ClassVar[int]
    _layout: ClassVar[Struct]

    def __new__(cls, value: int) -> Self:
        limit = 1 << (8 * cls._layout.size - 1)
        number = operator.index(value)
        if not -limit <= number < limit:
            raise SerializationError(f"{cls.__name__} must be between {-limit} and {limit - 1}, got {number}")
        return super().__new__(cls, number)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({int(self)})"


class Byte(_Integer):
    """An 8-bit signed integer; more than that raises `SerializationError`."""

    __slots__ = ()
    _kind = 2
    _layout = Struct(">b")


class Short(_Integer):
    """A 16-bit signed integer; more than that raises `SerializationError`."""

    __slots__ = ()
    _kind = 3
    _layout = Struct(">h")


class Int(_Integer):
    """A 32-bit signed integer; more than that raises `SerializationError`."""

    __slots__ = ()
    _kind = 4
    _layout = Struct(">i")


class Long(_Integer):
    """A 64-bit signed integer; more than that raises `SerializationError`."""

    __slots__ = ()
    _kind = 5
    _layout = Struct(">q")


class Timestamp(_Integer):
    """Milliseconds since 1970-01-01T00:00:00Z, 64 bits wide: far more than a `datetime` can hold."""

    __slots__ = ()
    _kind = 8
    _layout = Struct(">q")

    @classmethod
    def from_datetime(cls, when: datetime) -> Self:
        """Take an aware `datetime`, rounded down to milliseconds; a naive one raises `SerializationError`."""
        if when.utcoffset() is None:
            raise SerializationError("a Timestamp needs an aware datetime, e.g. datetime.now(UTC)")
        return cls((when - _EPOCH) // timedelta(milliseconds=1))

    def to_datetime(self) -> datetime:
        """Return the aware `datetime` in UTC; outside the years 1 to 9999 raises `DeserializationError`."""
        try:
            return _EPOCH + timedelta(milliseconds=int(self))
        except OverflowError:
            raise DeserializationError(f"{self!r} is outside the years 1 to 9999 that a datetime can hold") from None


HeaderValue: TypeAlias = bool | Byte | Short | Int | Long | bytes | str | Timestamp | UUID
"""A header's value; its class says which of the wire's types it has, ``bool`` standing for two of them."""

_TRUE, _FALSE, _BYTES, _STRING, _UUID = 0, 1, 6, 7, 9
_INTEGERS: dict[int, type[Byte | Short | Int | Long | Timestamp]] = {
    integer._kind: integer for integer in (Byte, Short, Int, Long, Timestamp)
}
_VALUE_LENGTH = Struct(">H")
_UUID_LENGTH = 16


def decode_headers(block: bytes) -> Mapping[str, HeaderValue]:
    """Return the headers of a header block, in their order, as a read-only mapping.

    Raises:
        HeaderError: a header is cut short, of an unknown type, not UTF-8, or there twice.
    """
    headers: dict[str, HeaderValue] = {}
    position = 0
    try:
        while position < len(block):
            raw_name, type_at = _take(block, position + 1, block[position])
            name = str(raw_name, "utf-8")
            if name in headers:
                raise HeaderError(f"the header {name!r} is there twice")
            headers[name], position = _decode_value(block[type_at], block, type_at + 1)
    except (IndexError, struct_error):
        raise HeaderError(f"the header block ends inside its header number {len(headers) + 1}") from None
    except UnicodeDecodeError:
        raise HeaderError(f"header number {len(headers) + 1} is not UTF-8") from None
    return MappingProxyType(headers)


def _decode_value(kind: int, block: bytes, start: int) -> tuple[HeaderValue, int]:
    """Return the value that starts there and where it ends; IndexError or struct.error when it is cut short."""
    if kind in (_STRING, _BYTES):
        (length,) = _VALUE_LENGTH.unpack_from(block, start)
        value, end = _take(block, start + _VALUE_LENGTH.size, length)
        return (str(value, "utf-8") if kind == _STRING else value), end
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, start
    if kind == _UUID:
        value, end = _take(block, start, _UUID_LENGTH)
        return UUID(bytes=value), end
    integer = _INTEGERS.get(kind)
    if integer is None:
        raise HeaderError(f"the header type {kind} is unknown; known are 0 to 9")
    (number,) = integer._layout.unpack_from(block, start)
    return integer(number), start + integer._layout.size


def _take(block: bytes, start: int, length: int) -> tuple[bytes, int]:
    end = start + length
    if end > len(block):
        raise IndexError
    return block[start:end], end


def encode_headers(headers: Mapping[str, HeaderValue]) -> bytes:
    """Return the header block of `headers`, in their order.

    Raises:
        SerializationError: a name exceeds 255 bytes of UTF-8, or a value 65,535 bytes; or a value is of no header type.
            A plain ``int`` is of none: wrap it in the width it shall have.
    """
    parts: list[bytes] = []
    for name, value in headers.items():
        if not isinstance(name, str):
            raise SerializationError(f"a header name must be a str, got {type(name).__name__}")
        try:
            raw = name.encode()
            if len(raw) > 255:
                raise SerializationError(
                    f"a header name has {len(raw)} bytes in UTF-8; at most 255 fit: {name[:32]!r}..."
                )
            parts += (bytes((len(raw),)), raw, _encode_value(name, value))
        except UnicodeEncodeError:
            raise SerializationError(f"the header {name!r} has a lone surrogate, which UTF-8 cannot express") from None
    return b"".join(parts)


def _encode_value(name: str, value: HeaderValue) -> bytes:
    match value:
        case str():
            return _encode_sized(name, _STRING, value.encode())
        case bytes():
            return _encode_sized(name, _BYTES, value)
        case bool():
            return bytes((_TRUE if value else _FALSE,))
        case _Integer():
            return bytes((value._kind,)) + value._layout.pack(value)
        case UUID():
            return bytes((_UUID,)) + value.bytes
        case int():
            raise SerializationError(
                f"the header {name!r} is a plain int, whose width is unknown: use Byte, Short, Int or Long"
            )
        case datetime():
            raise SerializationError(f"the header {name!r} is a datetime: use Timestamp.from_datetime(...)")
    raise SerializationError(
        f"the header {name!r} is a {type(value).__name__}; "
        "a header is a bool, Byte, Short, Int, Long, bytes, str, Timestamp or UUID"
    )


def _encode_sized(name: str, kind: int, value: bytes) -> bytes:
    if len(value) > 0xFFFF:
        raise SerializationError(
            f"the value of the header {name!r} has {len(value)} bytes; at most 65535 fit: put it into the payload"
        )
    return bytes((kind,)) + _VALUE_LENGTH.pack(len(value)) + value
