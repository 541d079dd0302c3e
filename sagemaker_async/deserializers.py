"""Response bodies to Python objects: the SDK's deserializers, under their names, constructors and accepted types.

A deserializer has `ACCEPT`, a tuple of content types, and `deserialize(stream, content_type)`; any object of that shape
will do (`Deserializer`), and the SDK's own instances fit. The stream is bytes or an object with `read()`, and is closed
when it was read (`StreamDeserializer` hands it over open). Content types are compared without their parameters and
without regard to case.

A body that cannot be read raises `DeserializationError`, which names the problem and its place without quoting the body
(but numpy and pandas show the one value they stumbled over); a wrong option raises `ConfigurationError`, a missing
optional package `MissingExtraError` in the constructor. Optional packages are imported when a class that needs
them is constructed.

Results are those of sagemaker 2.257.7, which the same recorded outcomes as for serializers hold us to, except that

- CSV keeps the newlines of quoted fields, and nothing but a line end ends a line (the SDK: any of `str.splitlines`);
- a byte order mark before JSON, blank lines between JSON Lines and parameters of the content type are skipped;
- an array is not made up: a body without values, CSV that lacks values or has other text than numbers where the dtype
  wants numbers (numpy makes that NaN, -1 or False), JSON objects, and null without a dtype are refused;
- an .npz archive is read under its own content type alone, and is read in full.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pydantic_core import ValidationError

from . import _lazy
from .codecs.arrays import NumpyDeserializer, PandasDeserializer, RecordDeserializer, TorchTensorDeserializer
from .codecs.bases import (
    BaseDeserializer,
    BodyStream,
    Deserializer,
    SimpleBaseDeserializer,
    check_encoding,
    described,
    read_body,
)
from .codecs.csv_rows import CSVDeserializer
from .codecs.json_codec import JSONCodec, JSONLibrary, decode_text
from .codecs.offload import OFFLOAD_BYTES, deserialize_off_loop
from .codecs.recordio import Record
from .errors import ConfigurationError, DeserializationError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = [
    "OFFLOAD_BYTES",
    "BaseDeserializer",
    "BodyStream",
    "BytesDeserializer",
    "CSVDeserializer",
    "Deserializer",
    "JSONDeserializer",
    "JSONLinesDeserializer",
    "NumpyDeserializer",
    "PandasDeserializer",
    "PydanticDeserializer",
    "Record",
    "RecordDeserializer",
    "SimpleBaseDeserializer",
    "StreamDeserializer",
    "StringDeserializer",
    "TorchTensorDeserializer",
    "deserialize_off_loop",
]

T = TypeVar("T")

_SHOWN_PROBLEMS = 5


class BytesDeserializer(SimpleBaseDeserializer[bytes]):
    """Returns the body as bytes."""

    def deserialize(self, stream: bytes | BodyStream, content_type: str) -> bytes:  # noqa: ARG002
        """Return the body."""
        return read_body(stream)


class StreamDeserializer(SimpleBaseDeserializer[tuple[BodyStream, str]]):
    """Hands over the open stream and the content type; closing the stream is the caller's part."""

    def deserialize(self, stream: bytes | BodyStream, content_type: str) -> tuple[BodyStream, str]:
        """Return the stream, unread, and the content type."""
        if isinstance(stream, bytes | bytearray | memoryview):
            return io.BytesIO(stream), content_type
        return stream, content_type


class StringDeserializer(SimpleBaseDeserializer[str]):
    """Returns the body as str.

    Args:
        encoding: the body's text encoding.
        accept: the content types to ask for.
        errors: what to do with invalid bytes, as `bytes.decode` knows it (``strict``, ``replace``, ``ignore``, ...).
    """

    offload = True

    def __init__(
        self, encoding: str = "UTF-8", accept: str | tuple[str, ...] = "application/json", *, errors: str = "strict"
    ) -> None:
        super().__init__(accept)
        check_encoding(encoding, errors)
        self.encoding = encoding
        self.errors = errors

    def deserialize(self, stream: bytes | BodyStream, content_type: str) -> str:
        """Return the decoded body.

        Raises:
            DeserializationError: the body is not of the encoding and `errors` is ``strict``.
        """
        return decode_text(read_body(stream), described(content_type), self.encoding, self.errors)


class JSONDeserializer(SimpleBaseDeserializer[Any]):
    """Reads one JSON document.

    Args:
        accept: the content types to ask for.
        errors: what to do with invalid UTF-8, as `bytes.decode` knows it (``strict``, ``replace``, ``ignore``, ...).
        allow_nan: accept NaN and infinities, which models written in Python send; orjson never does.
        library: ``json`` of the standard library, or ``orjson`` (extra `orjson`), faster on large bodies.
    """

    offload = True

    def __init__(
        self,
        accept: str | tuple[str, ...] = "application/json",
        *,
        errors: str = "strict",
        allow_nan: bool = True,
        library: JSONLibrary = "json",
    ) -> None:
        super().__init__(accept)
        check_encoding("utf-8", errors)
        self.errors = errors
        self._codec = JSONCodec(library=library, allow_nan=allow_nan)

    def deserialize(self, stream: bytes | BodyStream, content_type: str) -> Any:
        """Return the value that the JSON document holds.

        Raises:
            DeserializationError: the body is empty or not JSON.
        """
        return self._codec.loads(read_body(stream), described(content_type), errors=self.errors)


class JSONLinesDeserializer(SimpleBaseDeserializer[list[Any]]):
    """Reads JSON Lines: one document per line; blank lines are skipped.

    Args:
        accept: the content types to ask for.
        errors: as for `JSONDeserializer`.
        allow_nan: as for `JSONDeserializer`.
        library: as for `JSONDeserializer`.
    """

    offload = True

    def __init__(
        self,
        accept: str | tuple[str, ...] = "application/jsonlines",
        *,
        errors: str = "strict",
        allow_nan: bool = True,
        library: JSONLibrary = "json",
    ) -> None:
        super().__init__(accept)
        check_encoding("utf-8", errors)
        self.errors = errors
        self._codec = JSONCodec(library=library, allow_nan=allow_nan)

    def deserialize(self, stream: bytes | BodyStream, content_type: str) -> list[Any]:
        """Return the value of every line.

        Raises:
            DeserializationError: the body is empty, or a line is not JSON; lines are counted from 1.
        """
        what = described(content_type)
        body = read_body(stream)
        values = [
            self._codec.loads(line, f"line {number} of {what}", errors=self.errors)
            for number, line in enumerate(body.split(b"\n"), 1)
            if line and not line.isspace()
        ]
        if not values:
            raise DeserializationError(f"{what} is empty where JSON Lines were expected")
        return values


class PydanticDeserializer(SimpleBaseDeserializer[T]):
    """Reads JSON and validates it as a pydantic model, or as any type that pydantic knows, such as ``list[Item]``.

    Args:
        model: the type of the result.
        accept: the content types to ask for.
        strict: take values of exactly the declared types; None leaves that to the model.

    Raises:
        ConfigurationError: pydantic cannot make a schema of `model`.

    Example:
        >>> class Answer(pydantic.BaseModel):
        ...     generated_text: str
        >>> PydanticDeserializer(Answer).deserialize(b'{"generated_text": "hi"}', "application/json")
        Answer(generated_text='hi')
    """

    offload = True

    @overload
    def __init__(
        self, model: type[T], accept: str | tuple[str, ...] = "application/json", *, strict: bool | None = None
    ) -> None: ...

    @overload
    def __init__(
        self: PydanticDeserializer[Any],
        model: Any,
        accept: str | tuple[str, ...] = "application/json",
        *,
        strict: bool | None = None,
    ) -> None: ...

    def __init__(
        self, model: Any, accept: str | tuple[str, ...] = "application/json", *, strict: bool | None = None
    ) -> None:
        super().__init__(accept)
        pydantic = _lazy.library("pydantic")
        try:
            self._adapter: TypeAdapter[T] = pydantic.TypeAdapter(model)
        except (pydantic.PydanticUserError, NameError, TypeError) as error:
            raise _no_schema(model, error) from error
        self._model = model
        self.strict = strict

    def deserialize(self, stream: bytes | BodyStream, content_type: str) -> T:
        """Return the validated object.

        Raises:
            DeserializationError: the body is empty, not JSON, or not what the model says; wrong fields are named, their
                values are not.
        """
        what = described(content_type)
        body = read_body(stream)
        if not body or body.isspace():
            raise DeserializationError(f"{what} is empty where JSON was expected")
        try:
            return self._adapter.validate_json(body, strict=self.strict)
        except _lazy.library("pydantic").PydanticUserError as error:
            # A name in the model's annotations is still undefined.
            raise _no_schema(self._model, error) from error
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
            named = [
                f"{'.'.join(map(str, p['loc'])) or 'the document'}: {p['msg']}" for p in problems[:_SHOWN_PROBLEMS]
            ]
            more = f" (and {len(problems) - len(named)} more)" if len(problems) > len(named) else ""
            raise DeserializationError(f"{what} is not a valid {error.title}: {'; '.join(named)}{more}") from None


def _no_schema(model: object, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"pydantic cannot validate {model!r}: {str(error).splitlines()[0]}")
