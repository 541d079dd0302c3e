"""A text model small enough to read, for demonstrations and tests: it continues a prompt token by token.

`TextModel` learns which word follows which pair of words in a short text that was written for it. It is deterministic,
needs no dependency, and uses the dialect of Hugging Face's text-generation containers: a request is
``{"inputs": "...", "parameters": {"max_new_tokens": 40}, "stream": true}``, the answer ``{"generated_text": ...}`` or
server-sent events, one per token; the last event has ``generated_text`` and ``details``.

Its text makes little sense. Its purpose is to generate tokens with ids, probabilities and a reason to stop.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final, NamedTuple
from zlib import crc32

from sagemaker_async.errors import ConfigurationError

from .models import InvocationRequest, ModelFailure, ModelResponse

__all__ = ["TextModel", "Token"]

_TEXT = """
The lighthouse keeper wrote one line in the log every evening, and the line was always about the sea. The sea was
calm, or the sea was loud, or the sea had taken another plank from the old pier. In the morning the keeper walked down
to the harbour to hear what the boats had seen. The boats had seen the light, and that was enough. A light that is
seen by one boat is worth more than a light that is seen by nobody, the keeper said, and climbed the stairs again.

One winter a letter arrived from the city. The city wanted to know how many boats the light had saved. The keeper
thought about the question for a long time. Nobody counts the boats that come home, the keeper wrote back, because the
boats that come home are only boats. Then the keeper went to clean the lamp, because the evening was coming and the
sea was loud.

In the spring the city sent a machine that could write the log by itself. The machine wrote about the wind and the
water and the height of the waves, and every number was correct. The keeper read the pages by the window and found
that something was missing. So the keeper taught the machine to wait for the evening, to listen to the boats, and to
write one line about the sea. The machine learned slowly. The first line was too long, and the second line was about
the weather in the city. But the third line said that the sea was calm and the light was on, and the keeper closed the
book and smiled.

Since then the light has had two keepers. The one climbs the stairs and cleans the lamp. The other counts the waves
and writes the log, word by word, and never hurries. When a boat comes home in the evening, the one waves from the
window, and the other writes that the boat has come home. Nobody knows which of the two is happier. The boats have
seen the light, and that is enough.
"""

_END = 0
_words = re.compile(r"\s*[\w'-]+|\s*[^\w\s]").findall
_MAX_NEW_TOKENS = 4096


class Token(NamedTuple):
    """One generated token."""

    id: int
    text: str
    """Includes the space before the word, if there is one."""
    logprob: float
    special: bool = False


@dataclass(frozen=True, slots=True)
class _Parameters:
    max_new_tokens: int
    seed: int
    stop: tuple[str, ...]


class TextModel:
    """The model; pass it to `LocalSageMaker.add_endpoint`.

    Args:
        delay: seconds before each token.
        sleep: the function to wait with.
        text: the text to learn from; None: the one in this module.

    Raises:
        ConfigurationError: `delay` is negative, or `text` has fewer than three words.
    """

    def __init__(
        self,
        delay: float = 0.0,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        text: str | None = None,
    ) -> None:
        if not delay >= 0:
            raise ConfigurationError(f"TextModel.delay must be 0 or more seconds, got {delay!r}")
        words = _words(" ".join((text if text is not None else _TEXT).split()))
        if len(words) < 3:
            raise ConfigurationError("TextModel.text must have at least three words to learn from")
        self._delay: Final = delay
        self._sleep: Final = sleep
        self._vocabulary: Final = ("</s>", *sorted({_spaced(word) for word in words}))
        self._ids: Final = {word: number for number, word in enumerate(self._vocabulary)}
        self._followers: Final = self._learn([self._ids[_spaced(word)] for word in words])

    def _learn(self, tokens: list[int]) -> dict[tuple[int, ...], Counter[int]]:
        """Count the tokens that follow each pair of tokens and each token, and all tokens."""
        followers: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        context: tuple[int, ...] = ()
        for token in [*tokens, _END]:
            for start in range(len(context) + 1):
                followers[context[start:]][token] += 1
            context = (*context, token)[-2:]
        return dict(followers)

    def generate(self, prompt: str, *, max_new_tokens: int = 40, seed: int | None = None) -> Iterator[Token]:
        """Yield the tokens that continue a prompt, the same ones each time; a special one at a natural end.

        Args:
            prompt: any text; the continuation depends on its last words.
            max_new_tokens: the largest number of tokens.
            seed: chooses among continuations; None: derived from the prompt.
        """
        random = Random(crc32(prompt.encode("utf-8", "replace")) if seed is None else seed)  # noqa: S311 - no secret
        context = tuple(self._ids.get(_spaced(word), -1) for word in _words(prompt))[-2:]
        for _ in range(max_new_tokens):
            choices = next(
                self._followers[context[start:]]
                for start in range(len(context) + 1)
                if context[start:] in self._followers
            )
            token = random.choices(list(choices), weights=list(choices.values()))[0]
            logprob = math.log(choices[token] / choices.total())
            if token == _END:
                yield Token(_END, self._vocabulary[_END], logprob, special=True)
                return
            yield Token(token, self._vocabulary[token], logprob)
            context = (*context, token)[-2:]

    async def __call__(self, body: bytes, request: InvocationRequest) -> ModelResponse:  # noqa: ARG002
        """Answer a request of the text-generation dialect; raises `ModelFailure` (422) for any other body."""
        prompt, parameters, stream = _parsed(body)
        if stream:
            return ModelResponse(self._events(prompt, parameters), "text/event-stream")
        tokens: list[Token] = []
        answer: dict[str, Any] = {}
        async for token, reason in self._tokens(prompt, parameters):
            tokens.append(token)
            if reason is not None:
                answer = _ending(tokens, reason, parameters)
        return ModelResponse(json.dumps(answer), "application/json")

    async def _tokens(self, prompt: str, parameters: _Parameters) -> AsyncGenerator[tuple[Token, str | None], None]:
        """Yield the tokens, the last one with the reason to stop."""
        most = parameters.max_new_tokens
        text = ""
        for number, token in enumerate(self.generate(prompt, max_new_tokens=most, seed=parameters.seed), 1):
            if self._delay:
                await self._sleep(self._delay)
            if token.special:
                yield token, "eos_token"
                return
            text += token.text
            if text.endswith(parameters.stop):
                yield token, "stop_sequence"
                return
            yield token, "length" if number == most else None

    async def _events(self, prompt: str, parameters: _Parameters) -> AsyncGenerator[bytes, None]:
        tokens: list[Token] = []
        async for token, reason in self._tokens(prompt, parameters):
            tokens.append(token)
            ending = (
                {"generated_text": None, "details": None} if reason is None else _ending(tokens, reason, parameters)
            )
            record = {"index": len(tokens), "token": token._asdict(), **ending}
            yield b"data:" + json.dumps(record).encode() + b"\n\n"


def _spaced(word: str) -> str:
    """Return a word as a token: with a space before it, unless it is punctuation."""
    bare = word.strip()
    return f" {bare}" if bare[0].isalnum() else bare


def _ending(tokens: list[Token], reason: str, parameters: _Parameters) -> dict[str, Any]:
    return {
        "generated_text": "".join([token.text for token in tokens if not token.special]),
        "details": {"finish_reason": reason, "generated_tokens": len(tokens), "seed": parameters.seed},
    }


def _parsed(body: bytes) -> tuple[str, _Parameters, bool]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise _refused("the body is not JSON") from None
    if not isinstance(content, dict) or not isinstance(content.get("inputs"), str):
        raise _refused("`inputs` must be a string")
    given = content.get("parameters")
    if given is None:
        given = {}
    if not isinstance(given, dict):
        raise _refused("`parameters` must be an object")
    most = given.get("max_new_tokens", 40)
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= _MAX_NEW_TOKENS:
        raise _refused(f"`max_new_tokens` must be from 1 to {_MAX_NEW_TOKENS}")
    seed = given.get("seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise _refused("`seed` must be an integer")
    stop = given.get("stop")
    if stop is None:
        stop = []
    if not isinstance(stop, list) or not all(isinstance(end, str) and end for end in stop):
        raise _refused("`stop` must be a list of strings")
    prompt: str = content["inputs"]
    chosen = crc32(prompt.encode("utf-8", "replace")) if seed is None else seed
    return prompt, _Parameters(most, chosen, tuple(stop)), bool(content.get("stream"))


def _refused(why: str) -> ModelFailure:
    return ModelFailure(422, json.dumps({"error": f"Input validation error: {why}", "error_type": "validation"}))
