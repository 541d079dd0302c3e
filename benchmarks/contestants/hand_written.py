"""The loop that a program without `TokenIterator` has: parts of a stream in, text out, for one known dialect."""

from __future__ import annotations

import json
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator, Callable
from typing import Any

__all__ = ["characters_of"]

TEXT_OF: dict[str, Callable[[Any], str]] = {
    "openai-chat": lambda record: record["choices"][0]["delta"].get("content") or "",
    "openai-completions": lambda record: record["choices"][0]["text"],
    "tgi": lambda record: record["token"]["text"],
    "lmi": lambda record: record["token"]["text"],
    "jumpstart": lambda record: record["generated_text"],
}


async def characters_of(parts: AsyncIterator[bytes], dialect: str) -> int:
    """Return how many characters of text a stream has."""
    characters = 0
    if dialect == "raw":
        decoder = getincrementaldecoder("utf-8")()
        async for part in parts:
            characters += len(decoder.decode(part))
        return characters
    text_of = TEXT_OF[dialect]
    rest = b""
    async for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            data = line.removeprefix(b"data:").strip()
            if data and data != b"[DONE]":
                characters += len(text_of(json.loads(data)))
    return characters
