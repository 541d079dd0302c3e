"""``sagemaker-async stream``: one call, its answer as it arrives.

The connection is released on every way out: at the end, on a failure, on Ctrl-C, and when the reader of the output
leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing

from sagemaker_async.dialects import dialect_named
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.iterators import ByteIterator, LineIterator, TokenIterator
from sagemaker_async.session import Session

from .call import read_body, request_fields, session_options
from .output import Output, print_metadata
from .pace import Pace, duration

__all__ = ["run"]

_NOUNS = {"raw": "part", "lines": "line", "tokens": "token"}


def run(arguments: argparse.Namespace) -> int:
    """Make the call and print the answer as it arrives; returns the exit status, raises `SageMakerAsyncError`."""
    if arguments.dialect is not None:
        if arguments.form != "tokens":
            raise ConfigurationError("--dialect is the format of tokens, so it needs --tokens")
        dialect_named(arguments.dialect)
    output = Output(arguments.output)
    body = read_body(arguments.body)
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
                    async with aclosing(_records(response.body, arguments.form, arguments.dialect)) as records:
                        async for record in records:
                            pace.mark()
                            output.write(record)
    finally:
        if arguments.stats:
            print(_statistics(pace, _NOUNS[arguments.form], output.bytes_written), file=sys.stderr)


async def _records(events: AsyncIterable[object], form: str, dialect: str | None) -> AsyncGenerator[bytes, None]:
    """Yield the bytes to print, record by record."""
    if form == "lines":
        async for line in LineIterator(events):
            yield line + b"\n"
    elif form == "tokens":
        async for token in TokenIterator(events, dialect=dialect):
            if token.choice == 0 and not token.special:
                yield token.text.encode("utf-8", "replace")
    else:
        async for part in ByteIterator(events):
            yield part


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
