"""UTF-8 text out of slices, and a bounded memory of it."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Literal, get_args

from sagemaker_async.errors import ConfigurationError, StreamDecodeError, StreamIncomplete

from ._bounds import check_limit, faulty

__all__ = ["KEEP_PARTIAL", "DecodeErrors", "KeptText", "Room", "TextSplitter"]

KEEP_PARTIAL = 1024 * 1024
"""Characters of text that are kept for error reports unless told otherwise: more than models generate in one answer."""

DecodeErrors = Literal["strict", "replace", "ignore", "backslashreplace", "surrogateescape"]
"""What becomes of invalid UTF-8: Python's error handlers of these names; ``strict`` raises."""


class Room:
    """How many characters may still be kept; texts may share it.

    Args:
        limit: how many at first.

    Attributes:
        left: how many may still be kept.
        exceeded: whether something had to be left out.

    Raises:
        ConfigurationError: `limit` is not an int of at least 0.
    """

    __slots__ = ("exceeded", "left")

    def __init__(self, limit: int) -> None:
        self.left: int = check_limit("keep_partial", limit, minimum=0)
        self.exceeded: bool = False

    def takes(self, size: int) -> bool:
        """Take this much, if there is as much; return whether there was."""
        if size > self.left:
            self.exceeded = True
            return False
        self.left -= size
        return True


class KeptText:
    """The beginning of a text that grows, as far as there is room for it."""

    __slots__ = ("_pieces", "_room")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._pieces: list[str] = []

    @property
    def truncated(self) -> bool:
        """Whether something had to be left out."""
        return self._room.exceeded

    def add(self, text: str) -> None:
        """Append `text`, as far as there is room."""
        room = self._room
        if len(text) > room.left:
            room.exceeded = True
            text = text[: room.left]
        if text:
            room.left -= len(text)
            self._pieces.append(text)

    def __str__(self) -> str:
        return "".join(self._pieces)


class TextSplitter:
    """Decode slices of UTF-8; a character that is cut is put together again.

    A byte order mark is kept, as the character it is.

    Args:
        errors: what becomes of invalid UTF-8.
        keep_partial: the most characters of the text that are kept.

    Raises:
        ConfigurationError: an argument is wrong.
    """

    __slots__ = ("_decoder", "_fed", "_kept")

    def __init__(self, *, errors: DecodeErrors = "strict", keep_partial: int = KEEP_PARTIAL) -> None:
        if errors not in get_args(DecodeErrors):
            raise ConfigurationError(f"errors must be one of {', '.join(get_args(DecodeErrors))}; got {errors!r}")
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors)
        self._fed = 0
        self._kept = KeptText(Room(keep_partial))

    @property
    def text(self) -> str:
        """The text so far: its first `keep_partial` characters."""
        return str(self._kept)

    @property
    def undelivered(self) -> bytes:
        """The bytes of the character under way."""
        return self._decoder.getstate()[0]

    def feed(self, data: bytes, /) -> Iterator[str]:
        """Give the text that `data` completes; never an empty one.

        Raises:
            StreamDecodeError: invalid UTF-8 under the policy ``strict``.
        """
        self._fed += len(data)
        invalid, reason = b"", ""
        try:
            text = self._decoder.decode(data)
        except UnicodeDecodeError as error:
            text = error.object[: error.start].decode()
            invalid, reason = error.object[error.start :], error.reason
        if text:
            self._kept.add(text)
            yield text
        if invalid:
            raise faulty(
                StreamDecodeError(
                    f"the payload is not UTF-8 at byte {self._fed - len(invalid)} ({reason}); "
                    "TextIterator with errors='replace' or 'ignore' reads on regardless"
                ),
                invalid,
            )

    def finish(self) -> Iterator[str]:
        """Give what the policy makes of a character that the end cut.

        Raises:
            StreamIncomplete: the end is inside a character, under the policy ``strict``.
        """
        cut = self.undelivered
        try:
            text: str | None = self._decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            text = None
        if text is None:
            raise faulty(StreamIncomplete("the stream ended inside a UTF-8 character"), cut)
        if text:
            self._kept.add(text)
            yield text
