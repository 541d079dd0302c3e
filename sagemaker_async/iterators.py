"""Event stream in, objects out: bytes, lines, text, JSON, server-sent events, tokens.

Every iterator is constructed with the event stream, as in the SageMaker SDK, so that its class can be handed to
``predict_stream(..., iterator=LineIterator)``; options are bound with `functools.partial`::

    predictor.predict_stream(data, iterator=functools.partial(LineIterator, max_buffer=1024))

Any async iterable of events or of bytes will do as the event stream. The payload may be cut anywhere: records come out
whole, and once. `ModelStreamError` and `InternalStreamFailure` are raised, events of unknown types are skipped.

On any failure the records before it are delivered first; then the error is raised, once, with what was received
(`StreamError.undelivered`, and `partial` where the iterator makes text), and the stream beneath is closed. A clean end
inside a record is an error as well. Iterators are single use and not for two consumers at once; leave early with
``async with`` or `aclose`, or drop the last reference: an iterator is in no reference cycle.

What can be done about an error, all of which are `StreamError`:

- `ModelInvocationTimeExceeded`: ask for less, or continue from `partial`; the same request would take as long again.
- `StreamBroken`, and any other `ModelStreamError`: the container stopped; its CloudWatch logs say why. Ask again.
- `InternalStreamFailure`, `StreamConnectionError`, `StreamStalledError`, `TruncatedStreamError`: SageMaker or the
  network broke the stream. Once an answer has begun nothing is repeated automatically; ask again, or show what came.
- `InBandError`: the container reported a failure after HTTP 200; `code` and `error_type` say whether the request was at
  fault (change it) or the container (its CloudWatch logs say more; ask again later).
- `StreamIncomplete`: the container did not say that it had finished. `partial` is the text so far;
  ``allow_incomplete=True`` is for containers that never say so.
- `StreamDecodeError`: the payload is not in the form that the iterator reads; look at it with `ByteIterator`.
- `RecordTooLongError`: raise `max_buffer`, or read with `ByteIterator`.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterator
from typing import Any, TypedDict

from .errors import StreamError
from .records import (
    KEEP_PARTIAL,
    MAX_BUFFER,
    DecodeErrors,
    JSONLinesSplitter,
    JSONSplitter,
    LineEnds,
    LineSplitter,
    ServerSentEvent,
    SSESplitter,
    TextSplitter,
    TokenSplitter,
)
from .records.base_iterator import BaseIterator, handle_stream_errors
from .records.dialects import Dialect, Token
from .records.iterator import NO_EVENT_STREAM, ByteIterator, SplitterIterator, StreamIterator
from .records.results import TokenResult

__all__ = [
    "BaseIterator",
    "ByteIterator",
    "JSONIterator",
    "JSONLinesIterator",
    "LineIterator",
    "SSEIterator",
    "ServerSentEvent",
    "StreamIterator",
    "TextIterator",
    "Token",
    "TokenIterator",
    "TokenResult",
    "handle_stream_errors",
]


class LineIterator(SplitterIterator[bytes]):
    r"""Yield lines, as bytes, without their ends.

    Empty lines are kept; a last line without an end is yielded once.

    Args:
        event_stream: the response stream.
        max_buffer: the most bytes a line may hold, not the stream (default 16 MiB).
        line_ends: ``lf`` (the default) ends lines at ``\n`` and keeps a ``\r`` before it; ``crlf`` removes that;
            ``any`` ends lines at ``\n``, ``\r`` and ``\r\n``.

    Raises:
        ConfigurationError: an option is wrong.
        RecordTooLongError: from iteration; a line exceeds `max_buffer`.
    """

    def __init__(
        self,
        event_stream: AsyncIterable[object] = NO_EVENT_STREAM,
        *,
        max_buffer: int = MAX_BUFFER,
        line_ends: LineEnds = "lf",
    ) -> None:
        super().__init__(event_stream, LineSplitter(max_buffer=max_buffer, line_ends=line_ends))


class TextIterator(SplitterIterator[str]):
    """Yield the payload as text, in the pieces it comes in; a character that is cut is put together again.

    Args:
        event_stream: the response stream, of UTF-8.
        errors: what becomes of invalid UTF-8: ``strict`` (the default) raises; ``replace``, ``ignore``,
            ``backslashreplace`` and ``surrogateescape`` are Python's error handlers.
        keep_partial: the most characters, from the first on, that an error brings as `StreamError.partial`.

    Raises:
        ConfigurationError: an option is wrong.
        StreamDecodeError: from iteration; invalid UTF-8 under ``strict``.
        StreamIncomplete: from iteration; the stream ended inside a character, under ``strict``.
    """

    _splitter: TextSplitter

    def __init__(
        self,
        event_stream: AsyncIterable[object] = NO_EVENT_STREAM,
        *,
        errors: DecodeErrors = "strict",
        keep_partial: int = KEEP_PARTIAL,
    ) -> None:
        super().__init__(event_stream, TextSplitter(errors=errors, keep_partial=keep_partial))

    @property
    def text(self) -> str:
        """The text so far: its first `keep_partial` characters."""
        return self._splitter.text

    def describe(self, error: StreamError, /) -> None:
        super().describe(error)
        error.partial = self.text


class JSONLinesIterator(SplitterIterator[Any]):
    """Yield the value of each line; blank lines are skipped, a last line without an end is read as well.

    Args:
        event_stream: the response stream.
        max_buffer: the most bytes a line may hold (default 16 MiB).

    Raises:
        ConfigurationError: an option is wrong.
        StreamDecodeError: from iteration; a line is not JSON.
        StreamIncomplete: from iteration; the stream ended inside a line's value.
        RecordTooLongError: from iteration; a line exceeds `max_buffer`.
    """

    def __init__(self, event_stream: AsyncIterable[object] = NO_EVENT_STREAM, *, max_buffer: int = MAX_BUFFER) -> None:
        super().__init__(event_stream, JSONLinesSplitter(max_buffer=max_buffer))


class JSONIterator(SplitterIterator[Any]):
    """Yield JSON values that follow each other with white space between them or nothing at all.

    Args:
        event_stream: the response stream.
        max_buffer: the most bytes a value may hold (default 16 MiB).

    Raises:
        ConfigurationError: an option is wrong.
        StreamDecodeError: from iteration; a value is not JSON.
        StreamIncomplete: from iteration; the stream ended inside a value.
        RecordTooLongError: from iteration; a value exceeds `max_buffer`.
    """

    def __init__(self, event_stream: AsyncIterable[object] = NO_EVENT_STREAM, *, max_buffer: int = MAX_BUFFER) -> None:
        super().__init__(event_stream, JSONSplitter(max_buffer=max_buffer))


class SSEIterator(SplitterIterator[ServerSentEvent]):
    """Yield server-sent events, by the WHATWG's rules.

    Args:
        event_stream: the response stream.
        deliver_unterminated: whether an event that no blank line ended before the stream's end is yielded; the rules
            discard it.
        max_buffer: the most bytes a line, or the data of an event, may hold (default 16 MiB).

    Raises:
        ConfigurationError: an option is wrong.
        RecordTooLongError: from iteration; a line or an event exceeds `max_buffer`.
    """

    def __init__(
        self,
        event_stream: AsyncIterable[object] = NO_EVENT_STREAM,
        *,
        deliver_unterminated: bool = False,
        max_buffer: int = MAX_BUFFER,
    ) -> None:
        splitter = SSESplitter(deliver_unterminated=deliver_unterminated, max_buffer=max_buffer)
        super().__init__(event_stream, splitter)


class TokenIterator(SplitterIterator[Token]):
    """Yield the tokens that a language model generates, whatever container it runs in.

    Framing and dialect are recognised from the beginning of the stream, or the dialect is given: ``openai-chat``,
    ``openai-completions``, ``tgi``, ``lmi`` (``djl``), ``jumpstart``, ``nova``, ``raw``, or a `Dialect` of your own.
    A record that reports a failure is raised, not yielded: `InBandError`. After the end, `result`, and so `text`,
    `finish_reason` and `usage`, are complete. Interceptors learn how many tokens were made: `Interceptor.after_tokens`.

    Args:
        event_stream: the response stream.
        dialect: a name, a `Dialect`, or None to recognise it.
        allow_incomplete: whether a clean end without a finish reason is a normal end.
        max_buffer: the most bytes a record may hold (default 16 MiB).
        keep_partial: the most characters, from the first on, that `text` and `StreamError.partial` hold; all else that
            `result` holds is bounded by as many together, see `TokenResult.truncated`.

    Raises:
        ConfigurationError: an option is wrong, such as an unknown dialect.
        InBandError: from iteration; the model reported a failure.
        StreamIncomplete: from iteration; the stream ended inside a record, or before the model said it had finished in
            a dialect where it does.
        StreamDecodeError: from iteration; a record is malformed, or of no known dialect, or of another dialect than the
            one given, which the message then names.
        RecordTooLongError: from iteration; a record exceeds `max_buffer`.
    """

    _splitter: TokenSplitter
    _count_tokens: Callable[[int], object] | None = None

    def __init__(
        self,
        event_stream: AsyncIterable[object] = NO_EVENT_STREAM,
        *,
        dialect: str | Dialect | None = None,
        allow_incomplete: bool = False,
        max_buffer: int = MAX_BUFFER,
        keep_partial: int = KEEP_PARTIAL,
    ) -> None:
        splitter = TokenSplitter(
            dialect, allow_incomplete=allow_incomplete, max_buffer=max_buffer, keep_partial=keep_partial
        )
        super().__init__(event_stream, splitter)
        self._count_tokens = getattr(event_stream, "count_tokens", None)

    def __del__(self) -> None:
        # One that read nothing may have been replaced by another over the same stream.
        if self._count_tokens is not None and self._parts_received:
            self._report_count()

    @property
    def result(self) -> TokenResult:
        """What the model has said so far, whole: text, reasoning, tool calls, ... of each choice, and the usage."""
        return self._splitter.result

    @property
    def dialect(self) -> str | None:
        """The name of the dialect in use; None until it is recognised."""
        return self.result.dialect

    @property
    def text(self) -> str:
        """The text so far, of the first choice and without special tokens: its first `keep_partial` characters."""
        return self.result.text

    @property
    def text_truncated(self) -> bool:
        """Whether there was more text than `keep_partial` characters."""
        return self.result.text_truncated

    @property
    def finish_reason(self) -> str | None:
        """Why the model stopped; None until it says so, and where it never does."""
        return self.result.finish_reason

    @property
    def usage(self) -> dict[str, Any] | None:
        """Token counts, under OpenAI's names (``prompt_tokens``, ...); None until the model sends any."""
        return self.result.usage

    def finish(self) -> Iterator[Token]:
        yield from super().finish()
        self._report_count()

    def describe(self, error: StreamError, /) -> None:
        super().describe(error)
        error.partial = self.text

    async def aclose(self) -> None:
        try:
            await super().aclose()
        finally:
            self._report_count()

    def _fail(self, error: Exception) -> None:
        super()._fail(error)
        self._report_count()

    def _report_count(self) -> None:
        """Tell the event stream how many tokens were made, once, if it wants to know."""
        count_tokens, self._count_tokens = self._count_tokens, None
        if count_tokens is not None:
            count_tokens(self._splitter.count)


class BufferOptions(TypedDict, total=False):
    """The options of `JSONIterator` and `JSONLinesIterator`."""

    max_buffer: int


class LineOptions(BufferOptions, total=False):
    """The options of `LineIterator`."""

    line_ends: LineEnds


class TextOptions(TypedDict, total=False):
    """The options of `TextIterator`."""

    errors: DecodeErrors
    keep_partial: int


class SSEOptions(BufferOptions, total=False):
    """The options of `SSEIterator`."""

    deliver_unterminated: bool


class TokenOptions(BufferOptions, total=False):
    """The options of `TokenIterator`."""

    dialect: str | Dialect | None
    allow_incomplete: bool
    keep_partial: int
