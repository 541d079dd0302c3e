"""What models say: how the records of each kind of container become tokens.

A `Dialect` is a row in a table: its name, how its records are recognised, and a function from one record (a JSON
object) to the `Delta`s it brings. `DIALECTS` holds the rows in the order in which they are tried; one of your own is
handed to `TokenIterator(..., dialect=...)`. How records are framed (server-sent events, JSON lines, ...) is not the
dialect's business: any of them may come in any framing.

A record that reports a failure is an `InBandError` in every dialect. Pure: no I/O, no state.

Sources: the OpenAI API reference (streaming of chat completions and completions), the schemas of Text Generation
Inference, and the `LMI handlers' schema`_.

.. _LMI handlers' schema: https://docs.djl.ai/docs/serving/serving/docs/lmi/user_guides/lmi_input_output_schema.html
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

from sagemaker_async.errors import ConfigurationError, InBandError

from .deltas import Delta, Token, TokenLogprob, ToolCallDelta

__all__ = [
    "DIALECTS",
    "Delta",
    "Dialect",
    "Record",
    "Token",
    "TokenLogprob",
    "ToolCallDelta",
    "dialect_named",
    "in_band_error",
    "recognise",
    "reports_error",
]

Record = Mapping[str, Any]

MAX_ERROR_MESSAGE = 4096
"""Characters of a container's error message that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How the records of one kind of container are read."""

    name: str
    """For `TokenIterator(..., dialect=name)` and for messages."""
    recognises: Callable[[Record], bool]
    """Whether the first record of a stream is of this dialect."""
    deltas: Callable[[Record], Iterable[Delta]]
    """What a record brings. `LookupError`, `TypeError`, `ValueError` and `AttributeError` mean that it is malformed."""
    terminated: bool = True
    """Whether a stream says that it is complete (a finish reason, ``[DONE]``); if not, any clean end will do."""
    framing: Literal["records", "text"] = "records"
    """``text`` when the payload is the generated text itself, and there are no records."""


# --- OpenAI: vLLM, SGLang, LMI chat, Nova ----------------------------------------------------------------------------


def _is_chat(record: Record) -> bool:
    choices = record.get("choices")
    if not isinstance(choices, list):
        return False
    if str(record.get("object", "")).startswith("chat.completion"):
        return True
    return any(isinstance(choice, dict) and ("delta" in choice or "message" in choice) for choice in choices)


def _openai_deltas(record: Record) -> list[Delta]:
    usage = record.get("usage") or None
    choices = record.get("choices") or ()
    deltas = []
    for position, choice in enumerate(choices):
        # A container that was not asked to stream answers with one record that has `message`; completions have neither.
        message = choice.get("delta") or choice.get("message") or {}
        text = message.get("content") or choice.get("text") or ""
        finish_reason = choice.get("finish_reason")
        # By position: of what is done for every token, names of arguments would take the most time.
        delta = Delta(text, None, None, False, finish_reason, choice.get("index", position), usage)
        if len(message) != 1 or not text:
            delta.silent = not (_add_members(delta, message) or text or finish_reason)
        if choice.get("logprobs"):
            delta.logprobs = _openai_logprobs(choice["logprobs"])
            delta.logprob = delta.logprobs[0].logprob if len(delta.logprobs) == 1 else None
        deltas.append(delta)
    if usage and not choices:
        deltas.append(Delta(usage=usage, silent=True))
    return deltas


def _add_members(delta: Delta, message: Record) -> bool:
    """Add what a message holds besides its text; return whether that is anything."""
    found = False
    for name, value in message.items():
        if not value or name in {"role", "content"}:
            continue
        found = True
        if name in {"reasoning_content", "reasoning"}:
            delta.reasoning = delta.reasoning or _text(value)  # some containers send the same under both names
        elif name == "refusal":
            delta.refusal = _text(value)
        elif name == "tool_calls":
            delta.tool_calls = _tool_calls(value)
        elif name == "function_call":  # OpenAI's older form, which has no id
            delta.tool_calls = delta.tool_calls or _tool_calls(value)
    return found


def _text(value: Any) -> str:
    """Return a text, empty for what is none: some containers have objects of their own under the same names."""
    return value if isinstance(value, str) else ""


def _tool_calls(calls: Any) -> tuple[ToolCallDelta, ...]:
    """Return the pieces of tool calls; `TypeError` and `AttributeError` mean that they are malformed.

    Text Generation Inference has sent one call without the list around it, and arguments that are an object already.
    A ``function_call``, OpenAI's older form, is the inner part of a call alone.
    """
    pieces = []
    for position, call in enumerate([calls] if isinstance(calls, dict) else calls):
        function = call.get("function") or call
        index, call_id, name, arguments = (
            call.get("index"),
            call.get("id"),
            function.get("name"),
            function.get("arguments"),
        )
        numbered = index is not None
        index = index if numbered else position
        if not isinstance(index, int) or not isinstance(name, str | None):
            raise TypeError("a tool call's index must be a number, and its name a text")
        if arguments is not None and not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        call_id = None if call_id in (None, "") else str(call_id)
        pieces.append(ToolCallDelta(index, call_id, name or None, arguments or "", numbered))
    return tuple(pieces)


def _openai_logprobs(logprobs: Any) -> tuple[TokenLogprob, ...]:
    """Return the log probabilities of a record's tokens, of chat completions or of completions."""
    if isinstance(logprobs, list) and len(logprobs) == 1:
        logprobs = logprobs[0]  # as some LMI versions send it
    if not isinstance(logprobs, dict):
        return ()
    content: list[Any] = logprobs.get("content") or []
    if content:
        return tuple(
            TokenLogprob(each.get("token") or "", each.get("logprob"), each.get("top_logprobs")) for each in content
        )
    values: list[Any] = logprobs.get("token_logprobs") or []
    names, tops = logprobs.get("tokens") or [], logprobs.get("top_logprobs") or []
    return tuple(
        TokenLogprob(name or "", value, top)
        for value, name, top in zip_longest(values, names[: len(values)], tops[: len(values)])
    )


# --- Text Generation Inference, LMI, Hugging Face pipelines ----------------------------------------------------------


def _is_tgi(record: Record) -> bool:
    token = record.get("token")
    return isinstance(token, dict) and ("index" in record or "special" in token or "logprob" in token)


def _is_lmi(record: Record) -> bool:
    return isinstance(record.get("token"), dict) or isinstance(record.get("outputs"), (list, str))


def _is_pipeline(record: Record) -> bool:
    return isinstance(record.get("generated_text"), str)


def _token_deltas(record: Record) -> list[Delta]:
    outputs = record.get("outputs")
    if outputs is not None:
        # Nothing says which of these is the last: the stream may end after any.
        texts = [outputs] if isinstance(outputs, str) else outputs
        return [Delta(text=text, choice=choice, finished=True) for choice, text in enumerate(texts)]
    details = record.get("details") or {}
    finish_reason = details.get("finish_reason")
    token = record.get("token") or {}
    text, logprob, top = token.get("text", ""), _logprob(token), record.get("top_tokens")
    return [
        Delta(
            text=text,
            id=token.get("id"),
            logprob=logprob,
            special=bool(token.get("special") or token.get("special_token")),
            finish_reason=finish_reason,
            usage=_counts(details) if details else None,
            finished=record.get("generated_text") is not None,
            silent=not (token or finish_reason),
            logprobs=(TokenLogprob(text, logprob, top),) if top else (),
        )
    ]


def _logprob(token: Record) -> Any:
    return token["logprob"] if "logprob" in token else token.get("log_prob")


def _pipeline_deltas(record: Record) -> list[Delta]:
    details = record.get("details") or {}
    tokens = details.get("tokens") or ()
    return [
        Delta(
            text=record["generated_text"],
            finish_reason=details.get("finish_reason"),
            usage=_counts(details),
            finished=True,
            logprobs=tuple(TokenLogprob(token.get("text", ""), _logprob(token)) for token in tokens),
        )
    ]


def _counts(details: Record) -> dict[str, Any] | None:
    prompt = details.get("input_length", details.get("prompt_tokens"))
    completion = details.get("generated_tokens")
    usage = {"prompt_tokens": prompt, "completion_tokens": completion}
    if prompt is not None and completion is not None:
        usage["total_tokens"] = prompt + completion
    return {name: count for name, count in usage.items() if count is not None} or None


# --- the table -------------------------------------------------------------------------------------------------------


DIALECTS: Mapping[str, Dialect] = {
    row.name: row
    for row in (
        Dialect(name="openai-chat", recognises=_is_chat, deltas=_openai_deltas),
        Dialect(name="openai-completions", recognises=lambda record: "choices" in record, deltas=_openai_deltas),
        Dialect(name="tgi", recognises=_is_tgi, deltas=_token_deltas),
        Dialect(name="lmi", recognises=_is_lmi, deltas=_token_deltas),
        Dialect(name="jumpstart", recognises=_is_pipeline, deltas=_pipeline_deltas, terminated=False),
        Dialect(name="raw", recognises=lambda _: False, deltas=lambda _: (), terminated=False, framing="text"),
    )
}
"""The dialects this package knows, in the order in which a first record is tried on them."""

ALIASES: Mapping[str, str] = {
    "djl": "lmi",
    "huggingface": "jumpstart",
    "nova": "openai-chat",
    "openai": "openai-chat",
    "sglang": "openai-chat",
    "text": "raw",
    "vllm": "openai-chat",
}
"""Other names for them. OpenAI's two dialects read each other's records, so that one name does for both."""


def dialect_named(name: str) -> Dialect:
    """Return the dialect of that name or alias; case does not matter, and ``_`` stands for ``-``.

    Raises:
        ConfigurationError: there is no such dialect; the message lists all, and names the nearest.
    """
    wanted = name.lower().replace("_", "-")
    found = DIALECTS.get(ALIASES.get(wanted, wanted))
    if found is None:
        known = [*DIALECTS, *ALIASES]
        near = difflib.get_close_matches(wanted, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise ConfigurationError(f"unknown dialect {name!r}{hint} Known are {', '.join(sorted(known))}")
    return found


def recognise(record: Record) -> Dialect | None:
    """Return the first dialect that recognises the record, None when none does."""
    return next((dialect for dialect in DIALECTS.values() if dialect.recognises(record)), None)


def reports_error(record: Record) -> bool:
    """Return whether the record reports a failure, in any dialect.

    These do: ``{"error": {"message": ..., "code": ...}}``, ``{"error": "...", "error_type": "..."}`` and
    ``{"object": "error", "message": ...}``.
    """
    return bool(record.get("error") or record.get("error_type")) or record.get("object") == "error"


def in_band_error(record: Record) -> InBandError:
    """Return the failure that a record reports, as an exception."""
    error = record.get("error")
    facts = {**record, **error} if isinstance(error, dict) else record
    message = error if isinstance(error, str) and error else facts.get("message") or error
    code = facts.get("code")
    error_type = facts.get("error_type") or facts.get("type")
    return InBandError(
        f"the model reported an error: {message or 'it gave no message'}"[:MAX_ERROR_MESSAGE],
        code=code if isinstance(code, (str, int)) else None,
        error_type=error_type if isinstance(error_type, str) else None,
    )
