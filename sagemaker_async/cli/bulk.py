"""``sagemaker-async bulk``: score every record of a file, resumably; see `sagemaker_async.bulk`.

The exit status is the command line's, and 3 when the run is complete and some records failed. Ctrl-C and SIGTERM end a
run cleanly: no more records are read, those under way are finished and written, and the command that resumes is
printed; a second one drops what is under way.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from sagemaker_async import _lazy
from sagemaker_async.async_inference import AsyncPredictor
from sagemaker_async.bulk import Summary
from sagemaker_async.bulk.readers import format_of
from sagemaker_async.bulk.scoring import run as score
from sagemaker_async.codecs.bases import media_type, read_body
from sagemaker_async.deserializers import JSONDeserializer, JSONLinesDeserializer, SimpleBaseDeserializer
from sagemaker_async.errors import MissingExtraError, RunStoppedError
from sagemaker_async.predictor import Predictor
from sagemaker_async.predictor.outcome import Progress
from sagemaker_async.serializers import CSVSerializer, JSONSerializer
from sagemaker_async.session import Session

from .call import session_options
from .failures import description, printable

__all__ = ["run"]

_RECORDS_FAILED = 3
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(arguments: argparse.Namespace) -> int:
    """Score the records and print the summary; returns the exit status, raises `SageMakerAsyncError`."""
    interruption = _Interruption()
    try:
        summary = asyncio.run(_score(arguments, interruption))
    except RunStoppedError as stopped:
        print(f"sagemaker-async: {description(stopped)}", file=sys.stderr)
        _print_end(stopped.summary, arguments, ended=False)
        return 1
    except asyncio.CancelledError:
        print(f"sagemaker-async: interrupted. To go on: {_resuming(arguments)}", file=sys.stderr)
        return interruption.status
    _print_end(summary, arguments, ended=summary.complete)
    if not summary.complete:
        return interruption.status
    return _RECORDS_FAILED if summary.failed else 0


def _print_end(summary: Any, arguments: argparse.Namespace, *, ended: bool) -> None:
    print(printable(str(summary)), file=sys.stderr)
    if not ended:
        print(f"To go on: {_resuming(arguments)}", file=sys.stderr)


def _resuming(arguments: argparse.Namespace) -> str:
    """Return the command that goes on with this run."""
    argv: Sequence[str] = [each for each in arguments.argv if each not in {"--overwrite", "--resume"}]
    return shlex.join(["sagemaker-async", *argv, "--resume"])


async def _score(arguments: argparse.Namespace, interruption: _Interruption) -> Summary:
    rows = arguments.send == "csv" or (arguments.send is None and _is_csv(arguments))
    async with Session(**session_options(arguments)) as session:
        predictor: Predictor[Any] = Predictor(
            arguments.endpoint,
            session,
            CSVSerializer() if rows else JSONSerializer(),
            _AnswerDeserializer(several=arguments.batch is not None),
        )
        with interruption.heard():
            return await score(
                AsyncPredictor(predictor) if arguments.asynchronous else predictor,
                arguments.input,
                arguments.output,
                resume=arguments.resume,
                overwrite=arguments.overwrite,
                retry_failed=arguments.retry_failed,
                format=arguments.format,
                header=arguments.header,
                id_field=arguments.id,
                fields=arguments.columns,
                payload_field=arguments.payload,
                as_row=rows,
                on_malformed=arguments.on_malformed,
                stop_after=arguments.stop_after or None,
                batch=arguments.batch,
                stream=arguments.stream,
                initial_args={
                    name: value for name in arguments.fields if (value := getattr(arguments, name)) is not None
                },
                timeout=arguments.timeout,
                work_dir=arguments.work_dir,
                stop=interruption.stop,
                on_progress=interruption.note,
                progress_bar=_has_bar(),
                concurrency=arguments.concurrency,
                max_concurrency=arguments.max_concurrency,
                ordered=arguments.ordered,
                rate=arguments.rate,
                total_timeout=arguments.limit,
                retry_for=arguments.retry_for,
            )


def _is_csv(arguments: argparse.Namespace) -> bool:
    return (arguments.format or format_of(arguments.input)) == "csv"


def _has_bar() -> bool:
    if not sys.stderr.isatty():
        return False
    try:
        _lazy.optional("rich.progress", "the bar", extra="cli")
    except MissingExtraError as error:
        print(f"sagemaker-async: {error}", file=sys.stderr)
        return False
    return True


class _Interruption:
    """Ctrl-C and SIGTERM: the first stops the run where it has begun to score, and cancels it elsewhere.

    Attributes:
        stop: what the run is told by.
        status: the exit status after a signal, as the shell has it.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.status = 128 + signal.SIGINT
        self._scoring = False

    def note(self, _: Progress) -> None:
        """Take notice that records are finished."""
        self._scoring = True

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """Handle the signals meanwhile; where the event loop cannot, Ctrl-C cancels the run."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def interrupted(number: int) -> None:
            self.status = 128 + number
            if self.stop.is_set() or not self._scoring:
                task.cancel()
                return
            self.stop.set()
            print("\nsagemaker-async: finishing what is under way; once more to drop it", file=sys.stderr)

        with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows, and outside of the main thread
            for number in _SIGNALS:
                loop.add_signal_handler(number, interrupted, number)
        try:
            yield
        finally:
            with contextlib.suppress(NotImplementedError, RuntimeError):
                for number in _SIGNALS:
                    loop.remove_signal_handler(number)


class _AnswerDeserializer(SimpleBaseDeserializer[Any]):
    """Reads JSON and JSON Lines as values, and whatever else as bytes.

    Args:
        several: whether a request has several records, so that JSON Lines are a list.
    """

    offload = True

    def __init__(self, *, several: bool) -> None:
        super().__init__("*/*")
        self._several = several
        self._json, self._lines = JSONDeserializer(), JSONLinesDeserializer()

    def deserialize(self, stream: Any, content_type: str) -> Any:
        """Return the answer."""
        kind = media_type(content_type)
        if kind == "application/json" or kind.endswith("+json"):
            return self._json.deserialize(stream, content_type)
        if kind not in _JSON_LINES:
            return read_body(stream)
        values = self._lines.deserialize(stream, content_type)
        return values[0] if len(values) == 1 and not self._several else values


_JSON_LINES = {"application/jsonlines", "application/jsonl", "application/x-ndjson"}
