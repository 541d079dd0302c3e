"""Python objects to request bodies: the SDK's serializers, under their names, constructors and content types.

A serializer has `CONTENT_TYPE` and `serialize(data)`, which returns bytes, str (sent as UTF-8) or a binary object with
`read()`; any object of that shape will do (`Serializer`), and the SDK's own instances fit. Data that cannot be
serialised raises `SerializationError`, a wrong option `ConfigurationError`, a missing optional package
`MissingExtraError` in the constructor. Optional packages are imported when a class that needs them is constructed.

Data with `read()` is taken as the finished body by every class but `IdentitySerializer`, which hands it on unread:
it is read once, and whether it holds what the content type says is the caller's affair.

Content types and outputs are those of sagemaker 2.257.7, which nearly 900 recorded outcomes hold us to, except that

- what no model can mean is refused instead of being sent: data without elements, rows of CSV that differ in length or
  have nested fields, NaN as JSON (unless ``allow_nan=True``), a dict as CSV or JSON Lines, arrays that need pickle;
- in CSV, what is missing in arrays of pandas is an empty field, as in data frames, not the text ``<NA>``; a tuple of
  rows is rows, not the `repr` of each; a series is read by position, whatever its labels;
- bytes are the finished body of CSV, JSON Lines and LibSVM; the SDK writes their numbers, or refuses them;
- JSON may hold arrays, numpy's scalars and series at any depth, RecordIO lists and every integer or float that fits;
- the dtype of `NumpySerializer` counts for arrays and tuples as well as for lists.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

from pydantic_core import PydanticSerializationError, to_jsonable_python

from .codecs.arrays import NumpySerializer, RecordSerializer, SparseMatrixSerializer, TorchTensorSerializer
from .codecs.bases import (
    BaseSerializer,
    BinaryReader,
    RequestBody,
    Serializer,
    SimpleBaseSerializer,
    finished_body,
    read_file,
)
from .codecs.csv_rows import CSVSerializer
from .codecs.json_codec import JSONCodec, JSONLibrary, jsonable
from .codecs.offload import OFFLOAD_BYTES, estimated_size, serialize_off_loop
from .errors import ConfigurationError, SerializationError

__all__ = [
    "OFFLOAD_BYTES",
    "BaseSerializer",
    "BinaryReader",
    "CSVSerializer",
    "DataSerializer",
    "IdentitySerializer",
    "JSONLinesSerializer",
    "JSONSerializer",
    "LibSVMSerializer",
    "NumpySerializer",
    "PydanticSerializer",
    "RecordSerializer",
    "RequestBody",
    "Serializer",
    "SimpleBaseSerializer",
    "SparseMatrixSerializer",
    "StringSerializer",
    "TorchTensorSerializer",
    "estimated_size",
    "serialize_off_loop",
]


class IdentitySerializer(SimpleBaseSerializer):
    """Sends the data as it is: bytes, str (as UTF-8) or a binary file."""

    def __init__(self, content_type: str = "application/octet-stream") -> None:
        super().__init__(content_type)

    def serialize(self, data: Any) -> RequestBody:
        """Return `data` unchanged."""
        body: RequestBody = data
        return body


class JSONSerializer(SimpleBaseSerializer):
    """Writes JSON; arrays and numpy scalars may appear at any depth, and a file is sent as it is.

    Args:
        content_type: the Content-Type of requests.
        allow_nan: write NaN and infinities as Python does, for models that read them; False raises.
        library: ``json`` of the standard library, or ``orjson`` (extra `orjson`), faster on large data.
    """

    offload = True

    def __init__(
        self, content_type: str = "application/json", *, allow_nan: bool = False, library: JSONLibrary = "json"
    ) -> None:
        super().__init__(content_type)
        self._codec = _json_writer(library, allow_nan)

    def serialize(self, data: Any) -> bytes | str:
        """Return `data` as JSON text: str, or bytes from orjson.

        Raises:
            SerializationError: JSON cannot hold the data.
        """
        if hasattr(data, "read"):
            return read_file(data)
        return self._codec.dumps(data)


class PydanticSerializer(JSONSerializer):
    """Writes pydantic models as JSON: one model, or lists, dicts and dataclasses of them at any depth.

    Args:
        content_type: the Content-Type of requests.
        by_alias: use the fields' aliases, which are usually the names the model's container knows.
        exclude_none: leave out fields that are None.
        allow_nan: as for `JSONSerializer`.
        library: as for `JSONSerializer`.
    """

    def __init__(
        self,
        content_type: str = "application/json",
        *,
        by_alias: bool = True,
        exclude_none: bool = False,
        allow_nan: bool = False,
        library: JSONLibrary = "json",
    ) -> None:
        super().__init__(content_type, allow_nan=allow_nan, library=library)
        self.by_alias = by_alias
        self.exclude_none = exclude_none

    def serialize(self, data: Any) -> bytes | str:
        """Return `data` as JSON text: str, or bytes from orjson.

        Raises:
            SerializationError: JSON cannot hold the data.
        """
        if hasattr(data, "read"):
            return read_file(data)
        return self._codec.dumps(self._plain(data))

    def _plain(self, data: Any) -> Any:
        try:
            return to_jsonable_python(
                data,
                by_alias=self.by_alias,
                exclude_none=self.exclude_none,
                inf_nan_mode="constants",
                fallback=jsonable,
            )
        except (PydanticSerializationError, TypeError, ValueError, RecursionError) as error:
            raise SerializationError(f"the data cannot be written as JSON: {error}") from None


class JSONLinesSerializer(SimpleBaseSerializer):
    """Writes an iterable as JSON Lines: one document per element, newlines between them.

    Args:
        content_type: the Content-Type of requests.
        allow_nan: as for `JSONSerializer`.
        library: as for `JSONSerializer`.
    """

    offload = True

    def __init__(
        self, content_type: str = "application/jsonlines", *, allow_nan: bool = False, library: JSONLibrary = "json"
    ) -> None:
        super().__init__(content_type)
        self._codec = _json_writer(library, allow_nan)

    def serialize(self, data: Any) -> bytes | str:
        """Return text, bytes or a file's contents as they are, anything iterable as one line per element.

        Raises:
            SerializationError: there is no element, JSON cannot hold one, or `data` is a dict or not iterable.
        """
        if (body := finished_body(data)) is not None:
            return body
        if isinstance(data, Mapping) or not isinstance(data, Iterable):
            raise SerializationError(
                f"JSON Lines takes an iterable of documents, got one {type(data).__name__}; wrap it in a list"
            )
        lines: list[str | bytes] = []
        for index, element in enumerate(data):
            try:
                lines.append(self._codec.dumps(element))
            except SerializationError as error:
                raise SerializationError(f"element {index}: {error}") from None
        if not lines:
            raise SerializationError("there is no element to send as JSON Lines")
        if isinstance(lines[0], bytes):
            return b"\n".join(cast("list[bytes]", lines))
        return "\n".join(cast("list[str]", lines))


class LibSVMSerializer(SimpleBaseSerializer):
    """Sends text that is LibSVM already: lines of ``label index:value index:value ...``."""

    offload = True

    def __init__(self, content_type: str = "text/libsvm") -> None:
        super().__init__(content_type)

    def serialize(self, data: Any) -> bytes | str:
        """Return text, bytes or a file's contents as they are.

        Raises:
            SerializationError: `data` is something else.
        """
        if (body := finished_body(data)) is not None:
            return body
        raise SerializationError(
            f"LibSVMSerializer takes text in LibSVM's format, or a file of it, got {type(data).__name__}; "
            "sklearn.datasets.dump_svmlight_file writes arrays as such a file"
        )


class DataSerializer(SimpleBaseSerializer):
    """Sends the raw bytes of a file; a str is the file's path."""

    offload = True
    reads_files: ClassVar[bool] = True
    """Reading the file can block, whatever its size."""

    def __init__(self, content_type: str = "file-path/raw-bytes") -> None:
        super().__init__(content_type)

    def serialize(self, data: Any) -> bytes:
        """Return bytes as they are, and the contents of the file at a str or path; ``{"data": ...}`` is taken apart.

        Raises:
            SerializationError: the file cannot be read, or `data` is something else.
        """
        if isinstance(data, Mapping) and "data" in data:
            data = data["data"]
        if isinstance(data, bytes | bytearray | memoryview):
            return bytes(data)
        if isinstance(data, str | os.PathLike):
            try:
                return Path(data).read_bytes()
            except (OSError, ValueError) as error:
                raise SerializationError(f"the file to send cannot be read: {error}") from error
        raise SerializationError(f"DataSerializer takes bytes or a file's path, got {type(data).__name__}")


class StringSerializer(SimpleBaseSerializer):
    """Sends a str as UTF-8."""

    offload = True

    def __init__(self, content_type: str = "text/plain") -> None:
        super().__init__(content_type)

    def serialize(self, data: Any) -> bytes:
        """Return the str as UTF-8 bytes.

        Raises:
            SerializationError: `data` is not a str, or holds a lone surrogate.
        """
        if not isinstance(data, str):
            raise SerializationError(f"StringSerializer takes a str, got {type(data).__name__}")
        try:
            return data.encode()
        except UnicodeEncodeError as error:
            raise SerializationError(
                f"character {error.start} of the str is a lone surrogate, which UTF-8 cannot hold; "
                "it usually stems from decoding with errors='surrogateescape'"
            ) from None


def _json_writer(library: JSONLibrary, allow_nan: bool) -> JSONCodec:
    if allow_nan and library == "orjson":
        raise ConfigurationError("orjson cannot write NaN; use library='json' with allow_nan=True")
    return JSONCodec(library=library, allow_nan=allow_nan)
