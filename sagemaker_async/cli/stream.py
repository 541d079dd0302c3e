"""``sagemaker-async stream``: one call, its answer as it arrives.

With tokens, standard output gets the text, and at the end each tool call as a line of JSON; the model's reasoning goes
to standard error as it comes.

The connection is released on every way out: at the end, on a failure, on Ctrl-C, and when the reader of the output
leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import aclosing

from sagemaker_async.dialects import dialect_named
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.iterators import ByteIterator, LineIterator, TokenIterator, TokenResult
from sagemaker_async.session import Session

from .arguments import BODY, FIELDS, Commands, add_call, add_command
from .call import chat_body, read_body, request_fields, session_options
from .output import Output, print_metadata
from .pace import Pace, duration

__all__ = ["add_parser", "run"]

_NOUNS = {"raw": "part", "lines": "line", "tokens": "token", "chat": "token"}


def add_parser(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = add_command(
        commands,
        "stream",
        "call an endpoint and print its answer as it arrives",
        f"Call an endpoint with a response stream and print the parts as they arrive.\n\n{BODY}",
        "examples:\n"
        '  sagemaker-async stream my-llm \'{"inputs": "hello", "stream": true}\' --tokens --stats\n'
        "  sagemaker-async stream my-llm --chat 'Why is the sky blue?'\n"
        "  sagemaker-async stream my-llm @request.json --lines | grep data:",
    )
    add_call(parser, FIELDS, "time limit in seconds until the answer begins, all attempts included")
    form = parser.add_argument_group("what is printed")
    forms = form.add_mutually_exclusive_group()
    forms.add_argument(
        "--raw", dest="form", action="store_const", const="raw", help="the bytes as they arrive (default)"
    )
    forms.add_argument("--lines", dest="form", action="store_const", const="lines", help="whole lines only")
    forms.add_argument(
        "--tokens", dest="form", action="store_const", const="tokens", help="the text a language model generates"
    )
    forms.add_argument(
        "--chat",
        dest="form",
        action="store_const",
        const="chat",
        help="the same, of a model that takes messages as OpenAI's API does; BODY is what you say, or JSON: a list of "
        "messages, or a whole request. The model's reasoning goes to standard error",
    )
    form.add_argument(
        "--dialect",
        metavar="NAME",
        help="the format of the tokens: openai-chat, tgi, lmi, ...; detected if not given",
    )
    form.add_argument(
        "--stats", action="store_true", help="at the end, print time to first part and rate on standard error"
    )
    parser.set_defaults(form="raw")


def run(arguments: argparse.Namespace) -> int:
    """Make the call and print the answer as it arrives; returns the exit status, raises `SageMakerAsyncError`."""
    if arguments.dialect is not None:
        if arguments.form != "tokens":
            raise ConfigurationError("--dialect is the format of tokens, so it needs --tokens")
        dialect_named(arguments.dialect)
    output = Output(arguments.output)
    body = read_body(arguments.body)
    if arguments.form == "chat":
        body = chat_body(body)
    asyncio.run(_stream(arguments, body, output))
    return 0


async def _stream(arguments: argparse.Namespace, body: bytes, output: Output) -> None:
    pace = Pace(time.perf_counter)
    try:
        async with Session(**session_options(arguments)) as session:
            call = session.runtime.invoke_endpoint_with_response_stream(
                timeout=arguments.timeout, **request_fields(arguments, body)
            )
            async with call as response:
                if arguments.include:
                    print_metadata(response)
                with output:
                    async with aclosing(_records(response.body, arguments.form, arguments.dialect, pace)) as records:
                        async for record in records:
                            output.write(record)
    finally:
        if arguments.stats:
            print(_statistics(pace, _NOUNS[arguments.form], output.bytes_written), file=sys.stderr)


async def _records(
    events: AsyncIterable[object], form: str, dialect: str | None, pace: Pace
) -> AsyncGenerator[bytes, None]:
    """Yield the bytes to print, record by record, and mark when each came."""
    if form == "lines":
        async for line in LineIterator(events):
            pace.mark()
            yield line + b"\n"
    elif form == "raw":
        async for part in ByteIterator(events):
            pace.mark()
            yield part
    else:
        tokens = TokenIterator(events, dialect="openai-chat" if form == "chat" else dialect)
        thinking = False
        async for token in tokens:
            if token.choice or token.special:
                continue
            pace.mark()
            if thinking and not token.reasoning:
                print(file=sys.stderr)
            thinking = bool(token.reasoning)
            print(token.reasoning, end="", file=sys.stderr, flush=thinking)
            yield token.text.encode("utf-8", "replace")
        for line in _tool_calls(tokens.result):
            yield line


def _tool_calls(result: TokenResult) -> Iterator[bytes]:
    """Give each tool call as a line of its own."""
    calls = result.tool_calls
    if calls and not f"\n{result.text}".endswith("\n"):
        yield b"\n"
    for call in calls:
        yield json.dumps(dataclasses.asdict(call), ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _statistics(pace: Pace, noun: str, size: int) -> str:
    if pace.to_first is None:
        return f"no {noun} arrived"
    facts = [
        f"first {noun} after {duration(pace.to_first)} (connecting included)",
        f"{pace.count} {noun}{'s' if pace.count > 1 else ''} and {size} bytes in {duration(pace.total)}",
    ]
    if pace.rate is not None:
        facts.append(f"{pace.rate:.1f} {noun}s/s after the first")
    return "; ".join(facts)
