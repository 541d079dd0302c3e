"""`S3Object`: an object of S3 while it is read."""

from __future__ import annotations

import re
import zlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

from sagemaker_async.aws.body_stream import BodyStream
from sagemaker_async.aws.call import Reply
from sagemaker_async.aws.retries import CallState, Stop
from sagemaker_async.errors import (
    CallError,
    ChecksumMismatchError,
    ConcurrentReadError,
    ResponseError,
    ResponseTooLargeError,
    StreamClosedError,
    TransportError,
)

from .checksums import crc32_of, crc32_text

if TYPE_CHECKING:
    import datetime as dt

    from sagemaker_async.aws.pipeline import Pipeline
    from sagemaker_async.aws.shapes.metadata import ResponseMetadata
    from sagemaker_async.aws.timing import Timing

    from .shapes import GetObjectResponse

__all__ = ["Origin", "S3Object"]

E = TypeVar("E", bound=CallError)

PROGRESS = 1 << 20
"""How many bytes must come after a break for it to be forgotten: a peer that cuts after each byte is not followed."""

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})")


class Origin(NamedTuple):
    """Where an object came from, and how the rest of it can be asked for."""

    uri: str
    asked: str | None
    """The range that was asked for; None: the whole object."""
    reopen: Callable[[str, str], Awaitable[Reply]]
    """Gets a range of the object, provided that it has this ETag."""
    pipeline: Pipeline
    timing: Timing
    max_bytes: int
    """How much `S3Object.read` returns without a limit of its own."""


class S3Object:
    """An object of S3, or a range of one, whose content is still to be read; what `S3Client.get_object` returns.

    An asynchronous context manager, and an asynchronous iterator over the content as it comes. It owns a connection,
    and releases it at the content's end, on any failure, when a read is cancelled, by `aclose`, and when its last
    reference goes. Single use, one consumer.

    A connection that breaks midway is made up for, as often as `RetryConfig` says: the rest is asked for, provided that
    the object is still the same (``If-Match`` with its ETag). The CRC32 of a whole object is compared with that of S3
    when its end has come.
    """

    def __init__(self, head: GetObjectResponse, reply: Reply, origin: Origin) -> None:
        self._head = head
        self._origin = origin
        self._body = self._stream(reply)
        self._state = CallState()
        self._received = 0
        self._received_at_break = 0
        self._resuming = False
        self._ended = False
        self._broken = False
        self._closed = False
        self._first, self._last = _range_of(head, origin.asked)
        self._expected = crc32_of(head.checksum_crc32, head.checksum_type) if head.metadata.status == 200 else None
        self._crc = 0

    def __repr__(self) -> str:
        state = "ended" if self._ended else "closed" if self._body.closed else "open"
        return f"<S3Object {self._origin.uri}, {state}, {self._received} of {self.content_length} bytes>"

    @property
    def content_type(self) -> str | None:
        """The media type that whoever wrote the object gave it."""
        return self._head.content_type

    @property
    def content_length(self) -> int:
        """How many bytes there are to read; those of the range, where one was asked for."""
        return self._head.content_length

    @property
    def etag(self) -> str | None:
        """With its quotes, as ``if_match`` takes it; it changes with the content."""
        return self._head.etag

    @property
    def last_modified(self) -> dt.datetime | None:
        """When the object was written."""
        return self._head.last_modified

    @property
    def user_metadata(self) -> dict[str, str]:
        """What whoever wrote the object said of it (``x-amz-meta-...``), by lower-case names."""
        return self._head.user_metadata

    @property
    def metadata(self) -> ResponseMetadata:
        """What travels beside every answer: request id, status, header fields, attempts."""
        return self._head.metadata

    async def read(self, limit: int | None = None) -> bytes:
        """Return what is left of the content.

        Args:
            limit: raise rather than return more bytes than this; None: `Config.max_response_bytes`.

        Raises:
            ResponseTooLargeError: there is more; if the head of the answer says so, nothing was read.
            SageMakerAsyncError: as `read_chunk`.
        """
        most = self._origin.max_bytes if limit is None else limit
        if not self._ended and self.content_length - self._received > most:
            raise self._too_large(most, 0)
        chunks: list[bytes] = []
        size = 0
        while chunk := await self.read_chunk():
            chunks.append(chunk)
            size += len(chunk)
            if size > most:
                raise self._too_large(most, size)
        return b"".join(chunks)

    def _too_large(self, limit: int, received: int) -> ResponseTooLargeError:
        self._body.close()
        remedy = "read it chunk by chunk (async for), or give a larger limit (Config.max_response_bytes is the default)"
        error = ResponseTooLargeError(limit, received, remedy=remedy)
        return self._located(error)

    async def read_chunk(self) -> bytes:
        """Return what has arrived, at least one byte; ``b""`` at the end of the content.

        Raises:
            TransportError: the content broke off, and the rest could not be had.
            PreconditionFailedError, NoSuchKeyError: it broke off, and the object was replaced or deleted meanwhile.
            ChecksumMismatchError: the content has ended and is not what S3 has.
            StreamClosedError, ConcurrentReadError, WrongEventLoopError: it cannot be read now, or here.
        """
        if self._resuming:
            raise ConcurrentReadError("two tasks read from one object; give each its own, or share a queue")
        if self._broken:
            raise StreamClosedError("reading this object has failed before; ask for it again with get_object")
        while not self._ended:
            failure: TransportError
            try:
                chunk = await self._body.read_chunk()
            except TransportError as error:
                failure = error
            else:
                if not chunk:
                    self._finish()
                    break
                self._received += len(chunk)
                if self._expected is not None:
                    self._crc = zlib.crc32(chunk, self._crc)
                return chunk
            await self._resume(failure)
        return b""

    def _finish(self) -> None:
        """Take notice of the content's end; raise when it is not what S3 has."""
        self._broken = True
        if self._received != self.content_length:
            raise self._located(
                ResponseError(f"{self._received} bytes came of {self.content_length}", self.metadata.status)
            )
        if self._expected is not None and self._crc != self._expected:
            computed, expected = crc32_text(self._crc), crc32_text(self._expected)
            raise self._located(
                ChecksumMismatchError(
                    f"the {self._received} bytes that came have the CRC32 {computed}, and S3 says that the object's is "
                    f"{expected}; throw away what was read, and read the object again",
                    expected,
                    computed,
                )
            )
        self._broken, self._ended = False, True
        if self._state.attempts:
            self._origin.pipeline.resumed(self._state)

    async def _resume(self, failure: TransportError) -> None:
        """Go on after a break; raise `failure`, or what came of it, when that cannot be."""
        if self._received - self._received_at_break >= PROGRESS and self._state.attempts:
            self._origin.pipeline.resumed(self._state)
            self._state = CallState()
        self._received_at_break = self._received
        self._broken = True
        decision = self._origin.pipeline.retry_of(self._state, failure)
        if isinstance(decision, Stop) or self.etag is None:
            raise failure
        self._resuming = True
        try:
            if decision.delay:
                await self._origin.timing.sleep(decision.delay)
            begin = self._first + self._received
            reply = await self._origin.reopen(f"bytes={begin}-{self._last}", self.etag)
        finally:
            self._resuming = False
        try:
            self._check_rest(reply.metadata, begin)
        except BaseException:
            reply.response.close()
            raise
        self._body = self._stream(reply)
        self._broken = False

    def _check_rest(self, metadata: ResponseMetadata, begin: int) -> None:
        """Raise when an answer is not the rest of this object, or nobody wants it any more."""
        if self._closed:
            raise StreamClosedError("this object was closed while the rest of it was asked for")
        content_range, etag = metadata.headers.get("Content-Range", ""), metadata.headers.get("ETag")
        match = _CONTENT_RANGE.fullmatch(content_range)
        if match is None or (int(match[1]), int(match[2])) != (begin, self._last):
            words = f"bytes {begin}-{self._last} were asked for, {content_range!r} came"
            raise self._located(ResponseError(words, metadata.status))
        if etag != self.etag:  # not every store heeds If-Match
            words = f"the rest of the object with the ETag {self.etag} was asked for, that of {etag} came"
            raise self._located(ResponseError(words, metadata.status))

    def _stream(self, reply: Reply) -> BodyStream:
        origin = self._origin
        where = ("GetObject", origin.uri, origin.pipeline.endpoint.origin, reply.metadata.request_id)
        return BodyStream(reply.response, where, watcher=reply.watcher)

    def _located(self, error: E) -> E:
        metadata = self.metadata
        return error.locate("GetObject", self._origin.uri, self._origin.pipeline.endpoint.origin, metadata.request_id)

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
        """Drop what is not read yet and release the connection; idempotent."""
        self._closed = True
        self._body.close()


def _range_of(head: GetObjectResponse, asked: str | None) -> tuple[int, int]:
    """Return the first and the last byte, of the whole object, that an answer has.

    Raises:
        ResponseError: it is not the range that was asked for, or not the whole object.
    """
    status, length = head.metadata.status, head.content_length
    if asked is None and status != 206:
        return 0, length - 1
    match = _CONTENT_RANGE.fullmatch(head.content_range or "") if status == 206 else None
    if match is not None and asked is not None:
        first, last, total = int(match[1]), int(match[2]), int(match[3])
        if (first, last) == _bytes_of(asked, total) and last - first + 1 == length:
            return first, last
    wanted = f"the range {asked}" if asked is not None else "the whole object"
    came = f"the range {head.content_range!r}" if status == 206 else "the whole object"
    raise ResponseError(f"{wanted} was asked for, and {came} came, of {length} bytes", status)


def _bytes_of(asked: str, total: int) -> tuple[int, int]:
    """Return the first and the last byte of a range, such as ``bytes=100-`` or ``bytes=-10``, of so many bytes."""
    first, _, last = asked.removeprefix("bytes=").partition("-")
    if not first:
        return max(total - int(last), 0), total - 1
    return int(first), min(int(last), total - 1) if last else total - 1
