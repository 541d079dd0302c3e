"""What records bring: `Token` as users read it, `Delta` as dialects give it, and the pieces that both are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["Delta", "Token", "TokenLogprob", "ToolCallDelta"]


@dataclass(slots=True)
class ToolCallDelta:
    """A piece of a tool call. Pieces with the same `index` in the same choice are one call."""

    index: int = 0
    """Which of the choice's calls it belongs to, from 0."""
    id: str | None = None
    """The call's id, by which the tool's answer refers to it: on the first piece, where the container gives one."""
    name: str | None = None
    """The function to call: on the first piece."""
    arguments: str = ""
    """The next part of the arguments, which are JSON when all parts are put together."""
    numbered: bool = True
    """Whether the container gave the index; if not, another id than the last call's, or another name, begins a call."""


class TokenLogprob(NamedTuple):
    """The log probability of one token."""

    token: str
    """The token's text."""
    logprob: float | None
    """The natural logarithm of its probability; None where the container leaves it out, as for the first one."""
    top: Any = None
    """The likeliest tokens in its place, in the container's own form; None where they were not asked for."""


@dataclass(slots=True)
class Token:
    """A piece of generated text, as the container sent it: usually one token, sometimes several or none."""

    text: str
    """The piece; empty when the record brings only reasoning, a tool call, an id, a finish reason or the like."""
    index: int
    """Its place in the stream, from 0."""
    id: int | None = None
    """The token's number in the model's vocabulary, where the container tells it."""
    logprob: float | None = None
    """The natural logarithm of its probability, where the container tells it."""
    special: bool = False
    """Whether it is a control token, such as the end of the sequence, which is not part of the generated text."""
    finish_reason: str | None = None
    """Why the model stopped, on the last token of a choice: ``stop``, ``length``, ``eos_token``, ..."""
    raw: Any = None
    """The record it came from; None in raw text."""
    choice: int = 0
    """Which of several answers it belongs to, where several were asked for (``n``) or several prompts sent."""
    reasoning: str = ""
    """A piece of what the model thinks before it answers (``reasoning_content``, ``reasoning``); not part of `text`."""
    tool_calls: Sequence[ToolCallDelta] = ()
    """The pieces of tool calls that the record brings: one while arguments are streamed, all of a whole message."""
    refusal: str = ""
    """A piece of the model's words when it refuses to answer; not part of `text`."""

    @property
    def tool_call(self) -> ToolCallDelta | None:
        """The first piece of a tool call, or None. `tool_calls` has all pieces of a record that brings several."""
        return self.tool_calls[0] if self.tool_calls else None

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class Delta:
    """What one record brings for one choice. Fields without a description are those of `Token`."""

    text: str = ""
    id: int | None = None
    logprob: float | None = None
    special: bool = False
    finish_reason: str | None = None
    choice: int = 0
    usage: dict[str, Any] | None = None
    """Token counts under OpenAI's names (``prompt_tokens``, ``completion_tokens``, ``total_tokens``)."""
    finished: bool = False
    """Whether the stream may end after this record; a finish reason says so as well."""
    silent: bool = False
    """Whether this is bookkeeping only (a role, the usage) and makes no token."""
    reasoning: str = ""
    tool_calls: Sequence[ToolCallDelta] = ()
    refusal: str = ""
    logprobs: Sequence[TokenLogprob] = ()
    """The log probabilities of all tokens in the record, where there may be several; for a single one, `logprob` is
    enough."""
