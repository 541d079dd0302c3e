"""What serializers and deserializers are made of: the protocols, the SDK's base classes, reading files and bodies.

`finished_body` and `read_file` take what a user wants to send as it is, and raise `SerializationError`; `read_body`
reads a response body, closes it and raises `DeserializationError`. The other functions name content types in messages
and compare them.
"""

from __future__ import annotations

import abc
import codecs
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

from sagemaker_async.errors import ConfigurationError, DeserializationError, SerializationError

T_co = TypeVar("T_co", covariant=True)


class BinaryReader(Protocol):
    """A binary file, or whatever else has `read()`."""

    def read(self) -> bytes:
        """Return all bytes from the current position on."""
        ...


RequestBody: TypeAlias = bytes | bytearray | memoryview | str | BinaryReader
"""What a serializer may return."""


@runtime_checkable
class Serializer(Protocol):
    """What a predictor needs of a serializer; no base class is asked for.

    A class that sets ``offload = True`` allows large data to be serialised in a thread; see
    `sagemaker_async.codecs.offload`.
    """

    @property
    def CONTENT_TYPE(self) -> str:  # noqa: N802
        """The Content-Type of the request; a plain attribute will do."""
        ...

    def serialize(self, data: Any, /) -> RequestBody:
        """Return `data` as a request body."""
        ...


class BaseSerializer(abc.ABC):
    """The SDK's abstract base: override `serialize` and `CONTENT_TYPE`."""

    offload: ClassVar[bool] = False
    """Whether large data may be serialised in a thread."""

    @property
    @abc.abstractmethod
    def CONTENT_TYPE(self) -> str:  # noqa: N802
        """The Content-Type of the request."""

    @abc.abstractmethod
    def serialize(self, data: Any) -> RequestBody:
        """Return `data` as a request body."""


class SimpleBaseSerializer(BaseSerializer):
    """The base for users' own serializers: takes the content type in the constructor; override `serialize`.

    Attributes:
        content_type: the Content-Type of requests; may be changed.

    Raises:
        ConfigurationError: `content_type` is not a str.
    """

    def __init__(self, content_type: str = "application/json") -> None:
        super().__init__()
        if not isinstance(content_type, str):
            raise ConfigurationError(
                f"content_type must be a str such as 'application/json', got {type(content_type).__name__}"
            )
        self.content_type = content_type

    @property
    def CONTENT_TYPE(self) -> str:  # noqa: N802
        """The Content-Type of the request: `content_type`."""
        return self.content_type


def finished_body(data: Any) -> bytes | str | None:
    """Return text, bytes or a file's contents as they are; None for data that must still be serialised."""
    if isinstance(data, str | bytes):
        return data
    if isinstance(data, bytearray | memoryview):
        return bytes(data)
    return read_file(data) if hasattr(data, "read") else None


def read_file(file: Any) -> bytes | str:
    try:
        body = file.read()
    except (OSError, ValueError) as error:
        raise SerializationError(f"the file to send cannot be read: {error}") from error
    if isinstance(body, bytes | str):
        return body
    if isinstance(body, bytearray | memoryview):
        return bytes(body)
    if hasattr(body, "close"):
        body.close()
    raise SerializationError(
        f"read() of the {type(file).__name__} to send returned {type(body).__name__}, not bytes or str; "
        "if it is an asynchronous file, await its read() and pass the result"
    )


class BodyStream(Protocol):
    """A response body: a binary file, botocore's StreamingBody, `io.BytesIO`."""

    def read(self) -> bytes:
        """Return all bytes that are left."""
        ...

    def close(self) -> None:
        """Release the body."""
        ...


@runtime_checkable
class Deserializer(Protocol[T_co]):
    """What a predictor needs of a deserializer; no base class is asked for.

    A class that sets ``offload = True`` allows large bodies to be parsed in a thread; see
    `sagemaker_async.codecs.offload`.
    """

    @property
    def ACCEPT(self) -> tuple[str, ...]:  # noqa: N802
        """The content types to ask for; a plain attribute will do."""
        ...

    def deserialize(self, stream: BodyStream, content_type: str, /) -> T_co:
        """Return the object that the body holds, and close the stream."""
        ...


class BaseDeserializer(abc.ABC, Generic[T_co]):
    """The SDK's abstract base: override `deserialize` and `ACCEPT`."""

    offload: ClassVar[bool] = False
    """Whether large bodies may be parsed in a thread."""

    @property
    @abc.abstractmethod
    def ACCEPT(self) -> tuple[str, ...]:  # noqa: N802
        """The content types to ask for."""

    @abc.abstractmethod
    def deserialize(self, stream: Any, content_type: str) -> T_co:
        """Return the object that the body holds, and close the stream."""


class SimpleBaseDeserializer(BaseDeserializer[T_co]):
    """The base for users' own deserializers: takes the accepted types in the constructor; override `deserialize`.

    Attributes:
        accept: one content type, or a tuple of them; may be changed.

    Raises:
        ConfigurationError: `accept` is neither a str nor a tuple of str.
    """

    def __init__(self, accept: str | tuple[str, ...] = "*/*") -> None:
        super().__init__()
        if not isinstance(accept, str):
            accept = tuple(accept) if isinstance(accept, tuple | list) else ()
            if not accept or not all(isinstance(media_type, str) for media_type in accept):
                raise ConfigurationError("accept must be a str such as 'application/json', or a tuple of at least one")
        self.accept = accept

    @property
    def ACCEPT(self) -> tuple[str, ...]:  # noqa: N802
        """The content types to ask for: `accept`, as a tuple."""
        return (self.accept,) if isinstance(self.accept, str) else self.accept


_BUFFERS = (bytes, bytearray, memoryview)


def read_body(stream: bytes | BodyStream) -> bytes:
    if isinstance(stream, _BUFFERS):
        return bytes(stream)
    try:
        body = stream.read()
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()
    if not isinstance(body, _BUFFERS):
        raise DeserializationError(
            f"the stream's read() returned {type(body).__name__} instead of bytes; open files in binary mode"
        )
    return bytes(body)


def described(content_type: str) -> str:
    return f"the response body ({content_type or 'no content type'})"


def media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def check_encoding(encoding: str, errors: str) -> None:
    try:
        "a".encode(encoding)
    except (LookupError, TypeError, UnicodeError):
        raise ConfigurationError(f"encoding must name a text encoding such as 'utf-8', got {encoding!r}") from None
    try:
        codecs.lookup_error(errors)
    except (LookupError, TypeError):
        raise ConfigurationError(
            f"errors must name an error handler such as 'strict', 'replace' or 'ignore', got {errors!r}"
        ) from None
