"""What containers of each dialect stream: one record per token, and the records that end a stream."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DIALECTS", "Sample"]


class Sample(NamedTuple):
    """A dialect's records, framed as the containers that speak it frame them."""

    token: bytes
    """The record of one token; its text is `` token``."""
    end: bytes
    """What follows the last token."""


_CHAT = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,'
    b'"delta":{%s},"logprobs":null,"finish_reason":%s}]}\n\n'
)
_COMPLETION = (
    b'data: {"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"index":0,'
    b'"text":"%s","logprobs":null,"finish_reason":%s}]}\n\n'
)
_TGI = (
    b'data:{"index":1,"token":{"id":101,"text":" token","logprob":-0.5,"special":false},'
    b'"generated_text":%s,"details":%s}\n\n'
)
_LMI = b'{"token": {"id": 304, "text": " token", "log_prob": -0.25}%s}\n'

DIALECTS: dict[str, Sample] = {
    "openai-chat": Sample(_CHAT % (b'"content":" token"', b"null"), _CHAT % (b"", b'"stop"') + b"data: [DONE]\n\n"),
    "openai-completions": Sample(
        _COMPLETION % (b" token", b"null"), _COMPLETION % (b"", b'"stop"') + b"data: [DONE]\n\n"
    ),
    "tgi": Sample(_TGI % (b"null", b"null"), _TGI % (b'"t"', b'{"finish_reason":"length","generated_tokens":1}')),
    "lmi": Sample(_LMI % b"", _LMI % b', "generated_text": "t", "details": {"finish_reason": "length"}'),
    "jumpstart": Sample(b'{"generated_text": " token"}\n', b'{"generated_text": " token"}\n'),
    "raw": Sample(b" token", b" token"),
}
