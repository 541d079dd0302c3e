"""`S3Object`: an object of S3 while it is read."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import datetime as dt

    from sagemaker_async.aws.shapes.metadata import ResponseMetadata

__all__ = ["S3Object"]


class S3Object:
    """An object of S3, or a range of one, whose content is still to be read; what `S3Client.get_object` returns.

    An asynchronous context manager, and an asynchronous iterator over the content as it comes. It owns a connection,
    and lets go of it at the content's end, on any failure, when a read is cancelled, by `aclose`, and when its last
    reference goes. Single use, one consumer.

    A connection that breaks midway is made up for: the rest is asked for, provided that the object is still the same
    (``If-Match`` with its ETag). The CRC32 of a whole object is compared with that of S3 when its end has come.
    """

    @property
    def content_type(self) -> str | None:
        """The media type that whoever wrote the object gave it."""
        raise NotImplementedError

    @property
    def content_length(self) -> int:
        """How many bytes there are to read; those of the range, where one was asked for."""
        raise NotImplementedError

    @property
    def etag(self) -> str | None:
        """With its quotes, as ``if_match`` takes it; it changes with the content."""
        raise NotImplementedError

    @property
    def last_modified(self) -> dt.datetime | None:
        """When the object was written."""
        raise NotImplementedError

    @property
    def user_metadata(self) -> dict[str, str]:
        """What whoever wrote the object said of it (``x-amz-meta-...``), by lower-case names."""
        raise NotImplementedError

    @property
    def metadata(self) -> ResponseMetadata:
        """What travels beside every answer: request id, status, header fields, attempts."""
        raise NotImplementedError

    async def read(self, limit: int | None = None) -> bytes:
        """Return what is left of the content.

        Args:
            limit: raise rather than return more bytes than this; None: `Config.max_response_bytes`.

        Raises:
            ResponseTooLargeError: there is more; if the head of the answer says so, nothing was read.
            As `read_chunk`.
        """
        raise NotImplementedError

    async def read_chunk(self) -> bytes:
        """Return what has arrived, at least one byte; ``b""`` at the end of the content.

        Raises:
            TransportError: the content broke off, and the rest could not be had.
            PreconditionFailedError, NoSuchKeyError: it broke off, and the object was replaced or deleted meanwhile.
            ChecksumMismatchError: the content has ended and is not what S3 has.
            StreamClosedError, ConcurrentReadError, WrongEventLoopError: it cannot be read now, or here.
        """
        raise NotImplementedError

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if chunk := await self.read_chunk():
            return chunk
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Drop what is not read yet and let go of the connection; idempotent."""
        raise NotImplementedError
