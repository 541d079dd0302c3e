"""Tokens out of slices: framing and dialect are given, or recognised from the beginning of the payload.

The framing is recognised from the first bytes: server-sent events, JSON values (one per line or not), or plain text.
The dialect is recognised from the first record; what it reads, and what reports a failure, is stated in
`sagemaker_async.dialects`.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable
from typing import Any, Literal

from sagemaker_async.config import check_flag
from sagemaker_async.errors import ConfigurationError, InBandError, StreamDecodeError, StreamIncomplete

from ._bounds import MAX_BUFFER, UNDELIVERED_LIMIT, Splitter, check_limit, faulty, records_then_error
from .dialects import (
    DIALECTS,
    Delta,
    Dialect,
    Token,
    TokenLogprob,
    ToolCallDelta,
    dialect_named,
    in_band_error,
    recognise,
    reports_error,
)
from .json_values import UNREADABLE, JSONSplitter, fastest_loads, load_json
from .results import Gathered, TokenResult
from .sse import EventDataSplitter
from .text import KEEP_PARTIAL, TextSplitter

__all__ = ["Framing", "TokenSplitter", "framing_of"]

Framing = Literal["sse", "json", "text"]

HEAD_LIMIT = 4096
"""Bytes at the beginning by which the framing must show; more white space or comments than that precede no answer."""

_SPACE = b" \t\r\n"
_BLANKS_AND_COMMENTS = re.compile(rb"(?:[\r\n]+|:[^\r\n]*[\r\n])*")
_SSE_FIELDS = (b"data:", b"event:", b"id:", b"retry:")
_JSON_HEAD = re.compile(rb'\{\s*["}]|\[\s*\{\s*["}]')
_JSON_HEAD_CUT = re.compile(rb"\{\s*|\[\s*(?:\{\s*)?")


def framing_of(head: bytes, *, final: bool = False, records: bool = False) -> Framing | None:
    """Return the framing that a payload begins with; None when more of it is needed to tell.

    Args:
        head: the beginning of the payload.
        final: whether no more will come: the likeliest framing is returned then.
        records: whether the payload is known not to be plain text.
    """
    if len(head) < len(BOM_UTF8) and BOM_UTF8.startswith(head):
        return ("sse" if records else "text") if final else None
    head = head.removeprefix(BOM_UTF8)
    preamble = _BLANKS_AND_COMMENTS.match(head)
    rest = head[preamble.end() :] if preamble else head
    if rest.startswith(_SSE_FIELDS):
        return "sse"
    stripped = head.lstrip(_SPACE)
    if _JSON_HEAD.match(stripped):
        return "json"
    json_cut = _JSON_HEAD_CUT.fullmatch(stripped) is not None
    sse_cut = rest.startswith(b":") or any(field.startswith(rest) for field in _SSE_FIELDS)
    if not final:
        return None if json_cut or sse_cut or not stripped else "text"
    if json_cut:
        return "json"
    # Where there may be plain text, a colon or "data" may begin a sentence; only whole comments tell them apart.
    return "sse" if sse_cut and (records or (stripped.startswith(b":") and rest != stripped)) else "text"


class TokenSplitter:
    """Split slices into tokens.

    Args:
        dialect: a name, a `Dialect`, or None to recognise it.
        allow_incomplete: whether a stream may end without a finish reason in a dialect that has one. A record that the
            end cut is an error in any case.
        max_buffer: the most bytes one record may hold.
        keep_partial: the most characters of the first choice's text that are kept, and of everything else together.

    Attributes:
        count: how many tokens have been made.
        dialect: the dialect in use; None until it is recognised.
        result: what the model has said so far.

    Raises:
        ConfigurationError: an argument is wrong, such as an unknown dialect's name.
    """

    def __init__(
        self,
        dialect: str | Dialect | None = None,
        *,
        allow_incomplete: bool = False,
        max_buffer: int = MAX_BUFFER,
        keep_partial: int = KEEP_PARTIAL,
    ) -> None:
        if isinstance(dialect, str):
            dialect = dialect_named(dialect)
        elif dialect is not None and not isinstance(dialect, Dialect):
            raise ConfigurationError(f"dialect must be a name, a Dialect or None, got {type(dialect).__name__}")
        check_flag(allow_incomplete, "allow_incomplete")
        self.count: int = 0
        self.dialect: Dialect | None = dialect
        self._allow_incomplete = allow_incomplete
        self._max_buffer = check_limit("max_buffer", max_buffer)
        self._gathered = Gathered(keep_partial)
        self._gathered.dialect = dialect.name if dialect is not None else None
        self.result: TokenResult = TokenResult(self._gathered)
        self._splitter: Splitter[Any] | None = None
        self._read: Callable[[TokenSplitter, Iterable[Any], list[Token]], None] = TokenSplitter._read_values
        self._loads = fastest_loads()
        self._head = b""
        self._finished = False
        self._ended = False
        self._begun = False
        """Whether anything came that is not framing alone, such as comments of server-sent events."""
        self._unread: dict[str, Any] | None = None
        """The first record that no dialect knows, of those before the first token."""
        if dialect is not None and dialect.framing == "text":
            self._begin("text")

    @property
    def undelivered(self) -> bytes:
        """The beginning of the record under way."""
        return self._head[:UNDELIVERED_LIMIT] if self._splitter is None else self._splitter.undelivered

    def feed(self, data: bytes, /) -> Iterable[Token]:
        """Give the tokens that `data` completes.

        Raises:
            InBandError: a record reports a failure, or the finish reason is ``error``.
            StreamDecodeError: a record is malformed, or its dialect is unknown or not the one that was given.
            RecordTooLongError: a record exceeds `max_buffer`.
        """
        made: list[Token] = []
        try:
            self._feed(data, made)
        except Exception as error:  # noqa: BLE001 - it is raised, after the tokens before it
            return records_then_error(made, error)
        return made

    def finish(self) -> Iterable[Token]:
        """Give the tokens that the end completes.

        Raises:
            StreamIncomplete: the end is inside a record, or nothing but comments came; or the model did not say that it
                had finished, in a dialect where it does, unless `allow_incomplete`.
            InBandError, StreamDecodeError: as from `feed`.
        """
        made: list[Token] = []
        try:
            self._finish(made)
        except Exception as error:  # noqa: BLE001 - it is raised, after the tokens before it
            return records_then_error(made, error)
        return made

    def _feed(self, data: bytes, made: list[Token]) -> None:
        if self._splitter is None:
            records = self.dialect is not None
            self._head = (self._head + data).lstrip(_SPACE) if records else self._head + data
            final = len(self._head) >= HEAD_LIMIT
            framing = framing_of(self._head[:HEAD_LIMIT], final=final, records=records)
            if framing is None:
                return
            data = self._begin(framing)
        assert self._splitter is not None
        self._read(self, self._splitter.feed(data), made)

    def _finish(self, made: list[Token]) -> None:
        self._ended = True
        records = self.dialect is not None
        if self._splitter is None and (self._head or not records):
            head = self._begin(framing_of(self._head, final=True, records=records) or "text")
            self._feed(head, made)
        if self._splitter is not None:
            self._read(self, self._splitter.finish(), made)
        if self._unread is not None and not self.count:
            raise _unknown(self._unread)
        if self._splitter is not None and not (self._begun or self._finished):
            raise StreamIncomplete(
                "the stream ended before its first record: only comments and line ends came; "
                "use dialect='raw' if they are the text"
            )
        terminated = self.dialect is None or self.dialect.terminated
        if terminated and not self._finished and not self._allow_incomplete:
            raise StreamIncomplete(
                "the stream ended before the model said that it had finished; the text so far is in `partial`, "
                "and allow_incomplete=True accepts such an end"
            )

    def _begin(self, framing: Framing) -> bytes:
        """Start to read in this framing; return the bytes received before it was known."""
        head, self._head = self._head, b""
        if framing == "sse":
            self._splitter = EventDataSplitter(max_buffer=self._max_buffer, deliver_unterminated=True)
            self._read = TokenSplitter._read_events
        elif framing == "json":
            self._splitter = JSONSplitter(max_buffer=self._max_buffer, loads=self._loads)
        else:
            self._speak(self.dialect or DIALECTS["raw"])
            assert self.dialect is not None
            if self.dialect.framing != "text":
                raise faulty(
                    StreamDecodeError(
                        f"the payload is neither server-sent events nor JSON, and the dialect {self.dialect.name!r} "
                        "has only these two forms; use dialect='raw' for plain text"
                    ),
                    head,
                )
            self._begun = True
            self._splitter = TextSplitter(keep_partial=0)
            self._read = TokenSplitter._read_text
        return head

    def _speak(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._gathered.dialect = dialect.name

    def _read_text(self, texts: Iterable[str], made: list[Token]) -> None:
        for text in texts:
            self._gathered.add(Delta(text), 0)
            made.append(Token(text, self.count))
            self.count += 1

    def _read_events(self, events: Iterable[bytes], made: list[Token]) -> None:
        splitter = self._splitter
        assert isinstance(splitter, EventDataSplitter)
        for data in events:
            if splitter.event == b"error":
                raise _error_event(data)
            try:
                value = self._loads(data)
            except (ValueError, RecursionError):
                value = UNREADABLE
            if value is UNREADABLE:  # not in the handler, see `JSONSplitter`
                text = data.decode("utf-8", "replace").strip()
                if text == "[DONE]":
                    self._finished = True
                if text in {"", "[DONE]"}:
                    continue
                value = load_json(text, "a server-sent event", ended=self._ended)
            self._read_record(value, made)

    def _read_values(self, values: Iterable[Any], made: list[Token]) -> None:
        for value in values:
            self._read_record(value, made)

    def _read_record(self, record: Any, made: list[Token], position: int | None = None) -> None:
        """Make the tokens of a record, or of a list of them, where each is for the choice of its place in it."""
        self._begun = True
        if not isinstance(record, dict):
            if isinstance(record, list) and position is None:
                for number, each in enumerate(record):
                    self._read_record(each, made, number)
                return
            raise faulty(StreamDecodeError(f"a record is a {_kind(record)}; it must be an object"), _source_of(record))
        if reports_error(record):
            raise in_band_error(record)
        gathered = self._gathered
        gathered.last_record = record
        for delta in self._deltas_of(record):
            text, finish_reason = delta.text, delta.finish_reason or None
            choice = delta.choice or position or 0
            if delta.usage:
                gathered.usage = delta.usage
            if finish_reason or delta.finished:
                self._finished = True
            if delta.silent and not text:
                continue
            gathered.add(delta, choice)
            if finish_reason != "error" or text:
                made.append(
                    Token(
                        text,
                        self.count,
                        delta.id,
                        delta.logprob,
                        delta.special,
                        finish_reason,
                        record,
                        choice,
                        delta.reasoning,
                        delta.tool_calls,
                        delta.refusal,
                    )
                )
                self.count += 1
            if finish_reason == "error":
                raise InBandError("the model stopped with the finish reason 'error'")

    def _deltas_of(self, record: dict[str, Any]) -> list[Delta]:
        if self.dialect is None:
            recognised = recognise(record)
            if recognised is None:
                raise _unknown(record)
            self._speak(recognised)
        dialect = self.dialect
        assert dialect is not None
        deltas: list[Delta] = []
        well_formed = True
        try:
            for delta in dialect.deltas(record):
                deltas.append(delta)
                well_formed = well_formed and _is_well_formed(delta)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
            well_formed = False
        if not (well_formed and (self.count or self._is_read(record, deltas))):
            fitting = recognise(record)
            hint = ""
            if fitting is not None and fitting.deltas is not dialect.deltas:
                hint = f", but those of {fitting.name!r}: pass dialect={fitting.name!r}, or none to have it recognised"
            raise faulty(
                StreamDecodeError(f"a record does not have the fields of dialect {dialect.name!r}{hint}"),
                _source_of(record),
            )
        return deltas

    def _is_read(self, record: dict[str, Any], deltas: list[Delta]) -> bool:
        """Return whether the dialect reads what a record says, one of those before the first token.

        A dialect that was named wrongly finds none of its fields, and would take the answer for bookkeeping.
        """
        dialect = self.dialect
        if dialect is None or DIALECTS.get(dialect.name) is not dialect:
            return True  # what a dialect of the user's own leaves out is the user's affair
        fitting = recognise(record)
        if fitting is None:
            self._unread = self._unread or record
            return True
        return fitting.deltas is dialect.deltas or (dialect.recognises(record) and any(delta.text for delta in deltas))


def _unknown(record: dict[str, Any]) -> StreamDecodeError:
    known = ", ".join(sorted(DIALECTS))
    fields = ", ".join(map(repr, list(record)[:8])) or "none"
    error = StreamDecodeError(
        f"the first record has none of the known dialects ({known}); its fields are: {fields[:200]}. "
        "Pass a Dialect of your own, or dialect='raw' for the bare text"
    )
    return faulty(error, _source_of(record))


def _is_well_formed(delta: Delta) -> bool:
    """Return whether what is reckoned with is absent or has its type; the rest is handed on as the model sent it."""
    return (
        isinstance(delta.text, str)
        and (not delta.choice or isinstance(delta.choice, int))
        and (not delta.finish_reason or isinstance(delta.finish_reason, str))
        and (not delta.usage or isinstance(delta.usage, dict))
        and isinstance(delta.reasoning, str)
        and isinstance(delta.refusal, str)
        and (not delta.tool_calls or all(isinstance(piece, ToolCallDelta) for piece in delta.tool_calls))
        and (not delta.logprobs or all(isinstance(each, TokenLogprob) for each in delta.logprobs))
    )


def _error_event(data: bytes) -> InBandError:
    """Return the failure that a server-sent event of the type ``error`` reports."""
    text = data.decode("utf-8", "replace").strip()
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        record = None
    return in_band_error(record if isinstance(record, dict) else {"error": text})


def _source_of(record: Any) -> bytes:
    """Return a record as JSON again, to show in an error."""
    try:
        return json.dumps(record).encode()
    except RecursionError:
        return b""


def _kind(value: Any) -> str:
    names = {str: "string", bool: "boolean", type(None): "null", list: "array"}
    return names.get(type(value), "number")
