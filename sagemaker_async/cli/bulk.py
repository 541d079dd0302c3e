"""``sagemaker-async bulk``: score every record of a file, in runs that can be resumed; see `sagemaker_async.bulk`.

The exit status is the command line's, and 3 when the run is complete and some records failed. Ctrl-C and SIGTERM end a
run cleanly: no more records are read, those under way are finished and written, and the command that resumes is
printed; a second signal drops the records under way.
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

from .arguments import INVOKE_FIELDS, Commands, add_command, add_fields, add_where
from .call import session_options
from .failures import description, printable

__all__ = ["add_parser", "run"]

_RECORDS_FAILED = 3
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


_BULK_FIELDS = tuple(
    field
    for field in INVOKE_FIELDS
    if field.name
    not in {"content_type", "inference_id", "session_id", "prefix_aware_id", "enable_explanations"}  # of one request
)


def add_parser(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = add_command(
        commands,
        "bulk",
        "score every record of a file; a killed run can be resumed",
        "Send every record of INPUT to an endpoint and append a line of JSON for each to OUTPUT: its index, its id,\n"
        "and the result or the error. However a run was ended, --resume continues it: nothing is lost and\n"
        "nothing is written twice. Lines come as results do; the index says where each belongs.",
        "Exit status: 0 every record has its answer, 1 the run stopped before its end, 2 nothing was sent, 3 the run\n"
        "is complete and some records failed, 130 and 143 it was ended by Ctrl-C or SIGTERM, which is clean.\n\n"
        "examples:\n"
        "  sagemaker-async bulk my-endpoint prompts.jsonl answers.jsonl --id id\n"
        "  sagemaker-async bulk my-endpoint rows.csv scores.jsonl --id customer --columns age,income --batch 100\n"
        "  sagemaker-async bulk my-endpoint s3://bucket/in.parquet s3://bucket/out.jsonl --concurrency 64 --resume",
    )
    parser.add_argument("endpoint", metavar="ENDPOINT", help="name of the endpoint")
    parser.add_argument("input", metavar="INPUT", help="a file, s3://bucket/key, or - for standard input")
    parser.add_argument("output", metavar="OUTPUT", help="a file, or s3://bucket/key")
    when = parser.add_argument_group("when there is an output already")
    whens = when.add_mutually_exclusive_group()
    whens.add_argument("--resume", action="store_true", help="continue its run, or start one if there is none")
    whens.add_argument("--overwrite", action="store_true", help="start over")
    when.add_argument("--retry-failed", action="store_true", help="with --resume: try all failed records again")
    when.add_argument("--work-dir", metavar="DIR", help="where the files of a run into s3:// are kept (.)")
    records = parser.add_argument_group("the records")
    records.add_argument("--format", choices=("jsonl", "csv", "parquet"), help="what INPUT holds; default: by its name")
    records.add_argument("--no-header", dest="header", action="store_false", help="CSV whose columns are 0, 1, ...")
    records.add_argument("--id", metavar="COLUMN", help="the column that goes into OUTPUT as id; it is not sent")
    sent = records.add_mutually_exclusive_group()
    sent.add_argument(
        "--columns", metavar="A,B,...", type=_names, help="the columns that are sent; default: all others"
    )
    sent.add_argument("--payload", metavar="COLUMN", help="the one column whose value is sent as it is")
    records.add_argument("--send", choices=("json", "csv"), help="how they are sent; default: csv for CSV, else json")
    records.add_argument(
        "--on-malformed",
        choices=("report", "stop"),
        default="report",
        help="write a record that cannot be read as failed, or stop there (%(default)s)",
    )
    pace = parser.add_argument_group("the pace")
    pace.add_argument("--concurrency", metavar="N", type=int, help="requests under way at once; default: adapts")
    pace.add_argument("--max-concurrency", metavar="N", type=int, help="the most that it adapts to (128)")
    pace.add_argument("--rate", metavar="N", type=float, help="the most requests per second")
    pace.add_argument("--batch", metavar="N", type=int, help="records in one request")
    pace.add_argument("--ordered", action="store_true", help="write the lines in the order of the input")
    pace.add_argument("--limit", metavar="SECONDS", type=float, help="end the run after this time")
    pace.add_argument(
        "--retry-for",
        metavar="SECONDS",
        type=float,
        default=300.0,
        help="how long a record that the endpoint refuses is sent again (%(default)g)",
    )
    pace.add_argument(
        "--stop-after",
        metavar="N",
        type=int,
        default=100,
        help="end the run when N records in a row failed because of the endpoint; 0: never (%(default)s)",
    )
    add_where(parser, "time limit of each request in seconds, all attempts included")
    how = add_fields(parser, _BULK_FIELDS).add_mutually_exclusive_group()
    how.add_argument(
        "--stream", action="store_true", help="call the stream of a language model; the result is its whole text"
    )
    how.add_argument(
        "--asynchronous", action="store_true", help="ENDPOINT is asynchronous: submit jobs, and wait for their results"
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


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
        print(f"sagemaker-async: interrupted. To continue: {_resuming(arguments)}", file=sys.stderr)
        return interruption.status
    _print_end(summary, arguments, ended=summary.complete)
    if not summary.complete:
        return interruption.status
    return _RECORDS_FAILED if summary.failed else 0


def _print_end(summary: Any, arguments: argparse.Namespace, *, ended: bool) -> None:
    print(printable(str(summary)), file=sys.stderr)
    if not ended:
        print(f"To continue: {_resuming(arguments)}", file=sys.stderr)


def _resuming(arguments: argparse.Namespace) -> str:
    """Return the command that continues this run."""
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
            print("\nsagemaker-async: finishing the requests under way; once more to drop them", file=sys.stderr)

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
