"""JSON to and from bytes, through the standard library or orjson, with errors that say where and why.

`JSONCodec` takes Python values and gives JSON text, and the other way round. Arrays and numpy scalars are written at
any depth: whatever has `tolist()` is written as what that returns. It raises `SerializationError` for what JSON cannot
hold (NaN and infinities unless allowed, unknown types, cycles), `DeserializationError` for bytes that are not JSON, and
`MissingExtraError` when orjson is asked for and absent. It does no I/O, and no message quotes a body.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sagemaker_async import _lazy
from sagemaker_async.errors import ConfigurationError, DeserializationError, SerializationError

__all__ = ["JSONCodec", "JSONLibrary", "decode_text", "jsonable"]

JSONLibrary = Literal["json", "orjson"]
"""Which JSON implementation to use: ``json`` is the standard library's, ``orjson`` needs the extra of that name."""

_BOM = b"\xef\xbb\xbf"

_REMEDIES = {
    "bytes": "decode them to str, or base64-encode them",
    "bytearray": "decode them to str, or base64-encode them",
    "memoryview": "decode them to str, or base64-encode them",
    "set": "pass a list; a set has no order",
    "frozenset": "pass a list; a set has no order",
    "datetime": "pass its isoformat()",
    "date": "pass its isoformat()",
    "Decimal": "pass a float or a str",
    "complex": "pass its real and imaginary parts",
    "coroutine": "await the call that it comes from, and pass its result",
    "DataFrame": "pass frame.to_dict(orient=...) in the layout that the model expects",
}


def jsonable(value: Any) -> Any:
    """Return what JSON can hold for an array or another value with `tolist()`; raise TypeError with the remedy."""
    tolist = getattr(value, "tolist", None)
    if callable(tolist):
        return tolist()
    if isinstance(value, tuple):
        return list(value)
    name = type(value).__name__
    if hasattr(type(value), "model_dump"):
        remedy = "use PydanticSerializer, or pass its model_dump()"
    else:
        remedy = _REMEDIES.get(name, "convert it to dict, list, str, int, float, bool or None first")
    raise TypeError(f"{name} objects cannot be written as JSON; {remedy}")


@dataclass(frozen=True, kw_only=True)
class JSONCodec:
    """Writes and reads JSON in one configured way.

    Raises:
        ConfigurationError: for an unknown `library`, or one that is not installed (`MissingExtraError`).
    """

    library: JSONLibrary = "json"
    """``orjson`` is several times faster on large bodies; it needs the extra of that name."""
    allow_nan: bool = False
    """Write and read NaN and infinities, which RFC 8259 does not know and Python's json does; orjson cannot."""

    def __post_init__(self) -> None:
        if self.library == "orjson":
            _lazy.optional("orjson", "library='orjson'")
        elif self.library != "json":
            raise ConfigurationError(f"library must be 'json' or 'orjson', got {self.library!r}")

    def dumps(self, data: Any) -> str | bytes:
        """Return `data` as JSON text on one line: ASCII str from the standard library, UTF-8 bytes from orjson.

        Raises:
            SerializationError: JSON cannot hold the data; the message names the place and the remedy.
        """
        try:
            text = self._dumps(data)
        except RecursionError:
            raise SerializationError("the data is nested too deeply, or within itself, to be written as JSON") from None
        except (TypeError, ValueError) as error:
            reason = self._non_finite_problem(data) if type(error) is ValueError else None
            cause = error.__cause__ if isinstance(error.__cause__, TypeError) else error
            raise SerializationError(reason or f"the data cannot be written as JSON: {cause}") from None
        # orjson silently writes NaN as null; output without a null had no NaN.
        if isinstance(text, bytes) and b"null" in text and (problem := self._non_finite_problem(data)):
            raise SerializationError(problem)
        return text

    def _dumps(self, data: Any) -> str | bytes:
        if self.library == "json":
            encoder = _LENIENT_ENCODER if self.allow_nan else _STRICT_ENCODER
            return encoder.encode(data)
        orjson = _lazy.optional("orjson", "library='orjson'")
        options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
        options |= orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
        text: bytes = orjson.dumps(data, jsonable, options)
        return text

    def _non_finite_problem(self, data: Any) -> str | None:
        try:
            place = _find_non_finite(data, "data")
        except RecursionError:
            return None
        if place is None:
            return None
        remedy = "" if self.library == "orjson" else ", or pass allow_nan=True if the model reads them"
        return f"JSON has no NaN or Infinity, and {place} is one; replace it (None is written as null){remedy}"

    def loads(self, body: bytes, what: str, *, errors: str = "strict") -> Any:
        """Return the value that the UTF-8 JSON text `body` holds; a byte order mark is skipped.

        Args:
            body: the JSON text.
            what: what the body is, as the start of error messages: "the response body (text/html)".
            errors: what to do with invalid UTF-8, as `bytes.decode` knows it.

        Raises:
            DeserializationError: the body is empty or not JSON; the message gives the position, not the text.
        """
        if not body or body.isspace():
            raise DeserializationError(f"{what} is empty where JSON was expected")
        body = body.removeprefix(_BOM)
        try:
            return self._loads(body, what, errors)
        except json.JSONDecodeError as error:
            decode_text(body, what, "utf-8", errors)  # orjson calls wrong UTF-8 wrong JSON
            where = f"line {error.lineno}, column {error.colno} (character {error.pos})"
            raise DeserializationError(f"{what} is not valid JSON: {error.msg} at {where}") from None
        except RecursionError:
            raise DeserializationError(f"{what} is nested too deeply to be read as JSON") from None
        except DeserializationError:
            raise
        except ValueError as error:
            raise DeserializationError(f"{what} cannot be read as JSON: {error}") from None

    def _loads(self, body: bytes, what: str, errors: str) -> Any:
        if self.library == "orjson":
            text = body if errors == "strict" else decode_text(body, what, "utf-8", errors)
            return _lazy.optional("orjson", "library='orjson'").loads(text)
        text = decode_text(body, what, "utf-8", errors)
        return json.loads(text) if self.allow_nan else _STRICT_DECODER.decode(text)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"it holds {name}, which JSON does not know; pass allow_nan=True to accept it")


_STRICT_ENCODER = json.JSONEncoder(allow_nan=False, default=jsonable)
_LENIENT_ENCODER = json.JSONEncoder(allow_nan=True, default=jsonable)
_STRICT_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _find_non_finite(value: Any, place: str) -> str | None:
    if isinstance(value, float):
        return None if math.isfinite(value) else place
    if value is None or isinstance(value, str | bytes | int):
        return None
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(key, float) and not math.isfinite(key):
                return f"a key of {place}"
            if found := _find_non_finite(item, f"{place}[{key!r}]"):
                return found
        return None
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            if found := _find_non_finite(item, f"{place}[{index}]"):
                return found
        return None
    tolist = getattr(value, "tolist", None)
    return _find_non_finite(tolist(), place) if callable(tolist) else None


def decode_text(body: bytes, what: str, encoding: str, errors: str) -> str:
    """Return `body` as str, or raise `DeserializationError` that names the first bad byte's position."""
    try:
        return body.decode(encoding, errors)
    except UnicodeError as error:
        place = f" at byte {error.start} of {len(body)}" if isinstance(error, UnicodeDecodeError) else ""
        raise DeserializationError(
            f"{what} is not valid {encoding}{place}; pass errors='replace' to keep going, or another encoding"
        ) from None
