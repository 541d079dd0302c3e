"""Whole messages: what a model has said, put together from the deltas of its records.

`TokenResult` is what users hold, for a stream as well as for an answer that came at once. It is live: while a stream is
read it holds what came so far, and after a failure it still does; what came over the network together is in it at once,
though its tokens are handed out one by one. What it holds is bounded, and it says when there was
more (`TokenResult.truncated`). Pieces are kept in lists and put together when they are asked for, so that the work and
the memory are linear in what the model says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sized
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sagemaker_async.errors import ToolArgumentsError

from .deltas import Delta, TokenLogprob, ToolCallDelta
from .text import KeptText, Room

__all__ = ["Choice", "Gathered", "TokenResult", "ToolCall"]

_SIZE_OF_OBJECT = 64
"""Characters that a choice or a tool call counts as, so that a stream of empty ones is bounded too."""
_SIZE_OF_LOGPROB = 8
"""The same of a log probability, beside its token and one for each of the likeliest others: with the default limit
there is room for those of some 80,000 tokens."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that the model wants called."""

    id: str
    """What the tool's answer has to refer to, as ``tool_call_id``; ``call_0``, ... where the container gives none."""
    name: str
    """The function's name."""
    arguments: str = field(repr=False)
    """Its arguments as the model wrote them: JSON, unless the model made a mistake or the stream broke off."""

    @property
    def parsed(self) -> Any:
        """The arguments as an object; an empty text, which some models write for no arguments, is an empty dict.

        Raises:
            ToolArgumentsError: they are not JSON; `arguments` still has the text.
        """
        if not self.arguments.strip():
            return {}
        try:
            return json.loads(self.arguments)
        except (ValueError, RecursionError) as error:
            raise ToolArgumentsError(self.name, self.arguments, str(error)) from None


class _GrowingCall:
    """A tool call under way."""

    __slots__ = ("arguments", "id", "name")

    def __init__(self, room: Room) -> None:
        self.id: str | None = None
        self.name: str | None = None
        self.arguments = KeptText(room)

    def contradicts(self, piece: ToolCallDelta) -> bool:
        """Whether a piece without a number, with another id than this call's or with none, is of another call."""
        return bool((piece.id and self.id) or (piece.name and self.name and piece.name != self.name))


class _GrowingCalls(dict[int, _GrowingCall]):
    """The tool calls of a choice under way, by their index."""

    __slots__ = ("free_index", "indexes")

    def __init__(self) -> None:
        super().__init__()
        self.indexes: dict[str, int] = {}
        """By the calls' ids, so that no piece has to be compared with all calls."""
        self.free_index = 0
        """Above those of all calls."""

    def begin(self, index: int, room: Room) -> _GrowingCall:
        """Return a new call."""
        call = self[index] = _GrowingCall(room)
        self.free_index = max(self.free_index, index + 1)
        return call

    def index_of(self, piece: ToolCallDelta) -> int:
        """Return the index of the call that a piece without a number belongs to, by its id, or else by its name."""
        if piece.id and (index := self.indexes.get(piece.id)) is not None:
            return index
        last = next(reversed(self))
        if not (piece.id or piece.name):
            return last
        if self[last].contradicts(piece):
            return self.free_index
        call_there = self.get(piece.index)
        return last if call_there is not None and call_there.contradicts(piece) else piece.index


class Choice:
    """One answer of the model; there are several where several were asked for (``n``) or several prompts were sent."""

    __slots__ = ("_calls", "_logprobs", "_reasoning", "_refusal", "_room", "_text", "finish_reason", "index")

    index: int
    """Its place among the answers, from 0."""
    finish_reason: str | None
    """Why the model stopped (``stop``, ``length``, ``tool_calls``, ...); None until it says so."""

    def __init__(self, index: int, text_room: Room, room: Room) -> None:
        self.index = index
        self.finish_reason = None
        self._room = room
        self._text = KeptText(text_room)
        self._reasoning = KeptText(room)
        self._refusal = KeptText(room)
        self._calls = _GrowingCalls()
        self._logprobs: list[TokenLogprob] = []

    def __repr__(self) -> str:
        return f"<Choice {self.index}, finish_reason={self.finish_reason!r}>"

    @property
    def text(self) -> str:
        """The generated text, without special tokens."""
        return str(self._text)

    @property
    def reasoning(self) -> str:
        """What the model thought before it answered, where the container tells it apart; else empty."""
        return str(self._reasoning)

    @property
    def refusal(self) -> str:
        """The model's words as it refused to answer; empty when it did not."""
        return str(self._refusal)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions that the model wants called, in their order."""
        return tuple(
            ToolCall(call.id or f"call_{index}", call.name or "", str(call.arguments))
            for index, call in sorted(self._calls.items())
        )

    @property
    def logprobs(self) -> tuple[TokenLogprob, ...]:
        """The log probability of each token, where the container tells them."""
        return tuple(self._logprobs)

    @property
    def message(self) -> dict[str, Any]:
        """The answer as a message in OpenAI's schema, to go on from: append it to the messages of the next request."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        if reasoning := self.reasoning:
            message["reasoning_content"] = reasoning
        if refusal := self.refusal:
            message["refusal"] = refusal
        if calls := self.tool_calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in calls
            ]
        elif message["content"] is None:
            message["content"] = ""
        return message


class Gathered:
    """What the records of one stream have said so far: `TokenResult` shows it.

    Args:
        limit: the most characters of the first choice's text; and of everything else together.
    """

    __slots__ = ("_room", "_text_room", "choices", "dialect", "last_record", "usage")

    def __init__(self, limit: int) -> None:
        self._text_room = Room(limit)
        self._room = Room(limit)
        self.choices: dict[int, Choice] = {}
        self.dialect: str | None = None
        self.usage: dict[str, Any] | None = None
        self.last_record: Any = None

    @property
    def text_truncated(self) -> bool:
        """Whether there was more text of the first choice than there is room for."""
        return self._text_room.exceeded

    @property
    def truncated(self) -> bool:
        """Whether there was more of anything than there is room for."""
        return self._text_room.exceeded or self._room.exceeded

    def add(self, delta: Delta, index: int) -> None:
        """Add what a record brings for the choice of this index."""
        choice = self.choices.get(index)
        if choice is None:
            if index and not self._room.takes(_SIZE_OF_OBJECT):
                return
            choice = self.choices[index] = Choice(index, self._room if index else self._text_room, self._room)
        if delta.text and not delta.special:
            choice._text.add(delta.text)
        if delta.finish_reason:
            choice.finish_reason = delta.finish_reason
        if delta.reasoning:
            choice._reasoning.add(delta.reasoning)
        if delta.refusal:
            choice._refusal.add(delta.refusal)
        for piece in delta.tool_calls or ():
            self._add_call(choice, piece)
        if delta.logprobs:
            for logprob in delta.logprobs:
                if self._room.takes(_size_of(logprob)):
                    choice._logprobs.append(logprob)
        elif delta.logprob is not None and self._room.takes(_SIZE_OF_LOGPROB + len(delta.text)):
            choice._logprobs.append(TokenLogprob(delta.text, delta.logprob))

    def _add_call(self, choice: Choice, piece: ToolCallDelta) -> None:
        calls = choice._calls
        if calls and not piece.numbered:
            piece.index = calls.index_of(piece)
        call = calls.get(piece.index)
        if call is None:
            if not self._room.takes(_SIZE_OF_OBJECT):
                return
            call = calls.begin(piece.index, self._room)
        # The first of each counts: some containers repeat the name, or send another id, with each piece.
        if piece.id and not call.id and self._room.takes(len(piece.id)):
            call.id = piece.id
            calls.indexes.setdefault(piece.id, piece.index)
        if piece.name and not call.name and self._room.takes(len(piece.name)):
            call.name = piece.name
        if piece.arguments:
            call.arguments.add(piece.arguments)


class TokenResult:
    """What a model has said: all of it once the stream has ended, and until then what came so far.

    The properties without an index are those of the first choice; `choices` has the others. Reading one puts its pieces
    together, so read it once and not for every token.
    """

    __slots__ = ("_gathered",)

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered

    def __repr__(self) -> str:
        return f"<TokenResult, {len(self.choices)} choices, finish_reason={self.finish_reason!r}>"

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, TokenResult) else NotImplemented

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # it grows

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The answers, in the order of their index; none before the first record."""
        return tuple(choice for _, choice in sorted(self._gathered.choices.items()))

    @property
    def text(self) -> str:
        """The generated text, without special tokens."""
        return self._first.text

    @property
    def reasoning(self) -> str:
        """What the model thought before it answered, where the container tells it apart; else empty."""
        return self._first.reasoning

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The functions that the model wants called, in their order."""
        return self._first.tool_calls

    @property
    def refusal(self) -> str:
        """The model's words as it refused to answer; empty when it did not."""
        return self._first.refusal

    @property
    def finish_reason(self) -> str | None:
        """Why the model stopped; None until it says so, and where it never does."""
        return self._first.finish_reason

    @property
    def logprobs(self) -> tuple[TokenLogprob, ...]:
        """The log probability of each token, where the container tells them."""
        return self._first.logprobs

    @property
    def message(self) -> dict[str, Any]:
        """The answer as a message in OpenAI's schema, to go on from: append it to the messages of the next request."""
        return self._first.message

    @property
    def usage(self) -> dict[str, Any] | None:
        """The last token counts that the model sent, under OpenAI's names; None until it sends any."""
        return self._gathered.usage

    @property
    def dialect(self) -> str | None:
        """The name of the dialect that the records are of; None until it is recognised."""
        return self._gathered.dialect

    @property
    def last_record(self) -> Any:
        """The last record as the container sent it: all of an answer that came at once; None in raw text."""
        return self._gathered.last_record

    @property
    def text_truncated(self) -> bool:
        """Whether there was more text of the first choice than `keep_partial` characters."""
        return self._gathered.text_truncated

    @property
    def truncated(self) -> bool:
        """Whether there was more than this holds: `keep_partial` characters of the first choice's text, and as many of
        everything else together."""
        return self._gathered.truncated

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values, in the shape of OpenAI's chat completions: ``choices`` and ``usage``."""
        return {
            "choices": [
                {
                    "index": choice.index,
                    "message": choice.message,
                    "finish_reason": choice.finish_reason,
                    "logprobs": _logprobs_of(choice),
                }
                for choice in self.choices
            ],
            "usage": self.usage,
        }

    @property
    def _first(self) -> Choice:
        return self._gathered.choices.get(0) or Choice(0, Room(0), Room(0))


def _size_of(logprob: TokenLogprob) -> int:
    """Return as how many characters a log probability counts; what it holds is as the model sent it."""
    return _SIZE_OF_LOGPROB + sum(len(each) for each in (logprob.token, logprob.top) if isinstance(each, Sized))


def _logprobs_of(choice: Choice) -> Mapping[str, Any] | None:
    entries = [
        {"token": each.token, "logprob": each.logprob, "top_logprobs": each.top or []} for each in choice.logprobs
    ]
    return {"content": entries} if entries else None
