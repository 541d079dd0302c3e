"""Tokens in the form that OpenAI's clients read: `OpenAIEncoding` for streams, `completion` for whole answers. Pure.

Whatever the container's dialect, a client of OpenAI's API sees what OpenAI itself would send: chunks with a delta, the
finish reasons ``stop`` and ``length`` for what Text Generation Inference and LMI call ``eos_token``, ``stop_sequence``
and so on, the role in the first chunk of each choice, an id for each tool call, ``stop`` for a clean end without a
reason, token counts in a chunk without choices if they were asked for, and ``[DONE]``. Further fields of a container
that speaks OpenAI's schema (log probabilities, fields of its own) are passed on. A count that the container does not
report is 0, because clients read all three.

Source: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sagemaker_async.errors import ConfigurationError
from sagemaker_async.iterators import Token, TokenResult

from .encoding import json_text
from .problems import Problem

__all__ = ["Kind", "OpenAIEncoding", "OpenAIFormat", "completion", "envelope"]

Kind = Literal["chat", "completions"]

_FINISH_REASONS: Mapping[str, str] = {
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_of_sequence_token": "stop",
    "max_tokens": "length",
}
"""What other dialects call OpenAI's reasons."""
_OWN_NAMES = frozenset(
    {"role", "content", "reasoning", "reasoning_content", "refusal", "tool_calls", "function_call", "text"}
)
"""What of a delta is written from the token; everything else in it is passed on."""
_PLAIN = frozenset({"role", "content"})
_OPENAI_DIALECTS = frozenset({"openai-chat", "openai-completions"})

_text = json.JSONEncoder(ensure_ascii=False).encode
"""Writes a text as JSON, sooner than `json_text`, which writes everything that a container may have sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIFormat:
    """How `stream_response(..., format=OpenAIFormat(...))` writes OpenAI's chunks; ``format="openai"`` is the default.

    Raises:
        ConfigurationError: `kind` is neither ``chat`` nor ``completions``.
    """

    model: str = "model"
    """The name of the model in each chunk: the one that the client asked for."""
    kind: Kind = "chat"
    """``chat`` for ``chat.completion.chunk``, ``completions`` for ``text_completion``."""
    include_usage: bool = False
    """Whether the token counts follow the last token; clients ask by ``stream_options={"include_usage": true}``."""

    def __post_init__(self) -> None:
        if self.kind not in ("chat", "completions"):
            raise ConfigurationError(f"OpenAIFormat.kind must be 'chat' or 'completions', got {self.kind!r}")


class OpenAIEncoding:
    """The chunks of one stream.

    Args:
        form: how to write them.
        stream: whose token counts are written at the end.
    """

    media_type: Final = "text/event-stream"
    heartbeat: Final = b": heartbeat\n\n"
    is_json: Final = False
    """The counts are written by `end`."""

    def __init__(self, form: OpenAIFormat, stream: object) -> None:
        self._chat = form.kind == "chat"
        self._stream = stream
        self._include_usage = form.include_usage
        self._head = _head(form.model, self._chat, chunk=True)
        # The beginning of every chunk is the same, and most chunks are a piece of text.
        self._begin = f'data: {json_text(self._head)[:-1]},"choices":[{{"index":'
        self._before_text = ',"delta":{"content":' if self._chat else ',"text":'
        self._after_text = f'{"}" * self._chat},"logprobs":null,"finish_reason":null}}]}}\n\n'
        self._finished: dict[int, bool] = {}
        """The choices that have begun, and whether they have ended."""
        self._named: dict[tuple[int, int], bool] = {}
        """The tool calls that have begun, and whether their function has been named: some containers name it again."""

    def record(self, record: object) -> bytes:
        """Return the chunk of a token, or of a text; raises `ConfigurationError` for anything else."""
        token = Token(record, 0) if isinstance(record, str) else record
        if not isinstance(token, Token):
            raise ConfigurationError(
                f"OpenAI's chunks are made of tokens, not of {type(record).__name__}: use predict_stream(...).tokens()"
            )
        choice = _choice_of(token)
        if token.choice in self._finished and _is_plain(token, choice):
            text = f"{self._begin}{token.choice}{self._before_text}{_text(token.text)}{self._after_text}"
            return text.encode("utf-8", "replace")
        return self._chunk(token, choice)

    def failure(self, problem: Problem, instance: str) -> bytes:
        """Return the message that the answer broke off."""
        return f"data: {json_text(envelope(problem, instance))}\n\n".encode()

    @property
    def end(self) -> bytes:
        """What follows the last token: finish reasons that the model did not send, the counts, and ``[DONE]``."""
        unfinished = [number for number, finished in (self._finished or {0: False}).items() if not finished]
        parts = [self._chunk(Token("", 0, finish_reason="stop", choice=number), None) for number in unfinished]
        usage = usage_of(getattr(getattr(self._stream, "records", self._stream), "usage", None))
        if self._include_usage and usage is not None:
            parts.append(f"data: {json_text({**self._head, 'choices': [], 'usage': usage})}\n\n".encode())
        return b"".join([*parts, b"data: [DONE]\n\n"])

    def _chunk(self, token: Token, choice: Mapping[str, Any] | None) -> bytes:
        begins = token.choice not in self._finished
        reason = token.finish_reason
        self._finished[token.choice] = self._finished.get(token.choice, False) or reason is not None
        text = "" if token.special else token.text
        members: dict[str, Any] = {"index": token.choice}
        if self._chat:
            members["delta"] = {"role": "assistant", "content": text} if begins else {"content": text} if text else {}
            members["delta"] |= self._besides_text(token, choice)
        else:
            members["text"] = text
        members["logprobs"] = choice.get("logprobs") if choice is not None else None
        members["finish_reason"] = finish_reason_of(reason)
        return f"data: {json_text({**self._head, 'choices': [members]})}\n\n".encode("utf-8", "replace")

    def _besides_text(self, token: Token, choice: Mapping[str, Any] | None) -> dict[str, Any]:
        members: dict[str, Any] = {"reasoning_content": token.reasoning} if token.reasoning else {}
        if token.refusal:
            members["refusal"] = token.refusal
        if token.tool_calls:
            members["tool_calls"] = calls = []
            for piece in token.tool_calls:
                call: dict[str, Any] = {"index": piece.index}
                function = {"arguments": piece.arguments}
                place = (token.choice, piece.index)
                named = self._named.get(place)
                if named is None:
                    call |= {"id": piece.id or f"call_{piece.index}", "type": "function"}
                if not named and (piece.name or named is None):
                    function = {"name": piece.name or "", **function}
                self._named[place] = bool(named or piece.name)
                calls.append({**call, "function": function})
        delta = (choice.get("delta") or choice.get("message")) if choice is not None else None
        if isinstance(delta, Mapping):
            members |= {
                name: value for name, value in delta.items() if name not in _OWN_NAMES and value not in (None, "", [])
            }
        return members


def completion(result: TokenResult, model: str, kind: Kind) -> dict[str, Any]:
    """Return a whole answer as OpenAI's object: the container's own where it is of this kind, else made from `result`.

    Args:
        result: what the model has said.
        model: the name of the model that the client asked for.
        kind: which of OpenAI's objects is wanted.
    """
    choices: list[dict[str, Any]] = []
    record = result.last_record
    if result.dialect in _OPENAI_DIALECTS and _is_whole(record, result, kind):
        choices += [
            {**choice, "finish_reason": finish_reason_of(choice.get("finish_reason")) or "stop"}
            for choice in record["choices"]
        ]
        return {**_head(model, kind == "chat", chunk=False), **record, "choices": choices, "model": model}
    for index, choice in enumerate(result.to_dict()["choices"] or [{"index": 0, "message": _EMPTY}]):
        message = choice["message"]
        said = {"message": message} if kind == "chat" else {"text": message["content"] or ""}
        reason = finish_reason_of(choice.get("finish_reason")) or "stop"
        choices.append({"index": choice.get("index", index), **said, "logprobs": None, "finish_reason": reason})
    members = {**_head(model, kind == "chat", chunk=False), "choices": choices}
    return members if (usage := usage_of(result.usage)) is None else {**members, "usage": usage}


def _is_whole(record: Mapping[str, Any], result: TokenResult, kind: Kind) -> bool:
    """Return whether a record is the whole answer, in OpenAI's object of this kind, and not the last of several."""
    choices = record.get("choices") or []
    if kind == "chat":
        return bool(choices) and all(isinstance(choice.get("message"), Mapping) for choice in choices)
    return bool(choices) and [choice.get("text") for choice in choices] == [choice.text for choice in result.choices]


_EMPTY: Mapping[str, Any] = {"role": "assistant", "content": ""}


def finish_reason_of(reason: str | None) -> str | None:
    """Return OpenAI's name for a reason, or the reason itself if OpenAI has no name for it."""
    return None if reason is None else _FINISH_REASONS.get(reason, reason)


def usage_of(usage: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return token counts with all three that clients read; None if there are none."""
    if not usage:
        return None
    prompt, completion = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        **{name: count for name, count in usage.items() if count is not None},
    }


def envelope(problem: Problem, instance: str) -> dict[str, Any]:
    """Return a problem as OpenAI reports errors; `instance` identifies the occurrence, also in the log."""
    if problem.status == 429:
        kind = "rate_limit_error"
    else:
        kind = "invalid_request_error" if problem.status < 500 else "server_error"
    message = f"{problem.detail} ({instance})"
    return {"error": {"message": message, "type": kind, "param": None, "code": problem.code}}


def _head(model: str, chat: bool, *, chunk: bool) -> dict[str, Any]:
    kind = ("chat.completion.chunk" if chunk else "chat.completion") if chat else "text_completion"
    prefix = "chatcmpl" if chat else "cmpl"
    return {"id": f"{prefix}-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": model}


def _choice_of(token: Token) -> Mapping[str, Any] | None:
    """Return the part of an OpenAI record that a token came from; None in other dialects."""
    choices = token.raw.get("choices") if isinstance(token.raw, Mapping) else None
    if not isinstance(choices, list):
        return None
    if len(choices) == 1:
        only: Mapping[str, Any] = choices[0]
        return only
    return next((each for place, each in enumerate(choices) if each.get("index", place) == token.choice), None)


def _is_plain(token: Token, choice: Mapping[str, Any] | None) -> bool:
    """Return whether a token is a piece of text, and nothing else is to be said of it."""
    if token.finish_reason is not None or token.special or token.reasoning or token.refusal or token.tool_calls:
        return False
    if choice is None:
        return True
    if choice.get("logprobs"):
        return False
    delta = choice.get("delta")
    return delta is None or delta.keys() <= _PLAIN
