"""`Scorer`: reads back what is finished, and scores the rest through the engine of `Predictor.map`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from sagemaker_async.async_inference import AsyncPredictor
from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import (
    ConfigurationError,
    CredentialsError,
    RunStoppedError,
    SageMakerAsyncError,
    SerializationError,
    UsageError,
)
from sagemaker_async.predictor import Predictor
from sagemaker_async.predictor.batches import Batch
from sagemaker_async.predictor.map_options import MapFields
from sagemaker_async.predictor.mapping import Outcomes, Records, map_records
from sagemaker_async.predictor.outcome import Outcome

from .checkpoint import Finished
from .files import RunFiles
from .lines import Line, MalformedRecord, failure_line, is_of_endpoint, result_line
from .output import Output, Scan, rewritten
from .readers import Malformed, Reader
from .selection import Selected, Selection
from .steps import in_thread
from .summary import Summary, Tally

__all__ = ["OnMalformed", "Scorer", "Target"]

Target = Predictor[Any] | AsyncPredictor[Any] | Callable[[Any], Awaitable[Any]]
"""What scores: a predictor of either kind, or any asynchronous callable that takes what is sent of a record."""

OnMalformed = Literal["report", "stop"]

_FATAL = (ConfigurationError, CredentialsError, UsageError)
"""Failures of the program or the machine, which every record would meet."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A record on its way through the engine."""

    index: int
    id: str | int | None
    payload: Any
    problem: MalformedRecord | None
    """Why it cannot be sent."""


@dataclass(kw_only=True)
class Scorer:
    """One run over one output; the fields without a description are the arguments of `run`."""

    target: Target
    files: RunFiles
    selection: Selection
    batch: int | Batch | None
    on_malformed: OnMalformed
    stop_after: int | None
    retry_failed: bool
    call: Mapping[str, Any]
    """What `Predictor.map` takes beside `batch` and `options`."""
    prepare: Callable[[Any], Any] | None
    """Turns what is to be sent for a record into what the target takes."""
    options: MapFields
    timing: Timing
    _finished: Finished = field(default_factory=Finished)
    _tally: Tally = field(default_factory=Tally)
    _in_a_row: int = 0
    """How many records have failed because of the endpoint since its last answer."""
    _read_all: bool = False

    def check(self) -> None:
        """Refuse what `Predictor.map` refuses.

        Raises:
            ConfigurationError, RequestValidationError: an argument is wrong.
        """
        self._mapped(())

    async def recover(self) -> int:
        """Read the output of an earlier run back; return where the next line goes.

        Raises:
            ConfigurationError: it is not the output of a run.
        """
        path = self.files.output
        if not path.exists():
            return 0
        scan, again = Scan(path), 0
        async for lines in in_thread(scan.steps()):
            for line, _ in lines:
                if self._is_tried_again(line):
                    again += 1
                elif line.index in self._finished:
                    raise ConfigurationError(
                        f"the output {self.files.name!r} has two lines of the record with the index {line.index}, "
                        "which a run never writes; start over with overwrite (--overwrite)"
                    )
                else:
                    self._finished.add(line.index)
                    self._tally.add_line(line)
        if not again:
            return scan.end
        async for _ in in_thread(rewritten(path, lambda line: not self._is_tried_again(line))):
            pass
        return path.stat().st_size

    def _is_tried_again(self, line: Line) -> bool:
        return line.by_endpoint or (self.retry_failed and line.error is not None)

    async def score(self, reader: Reader, records: int, end: int, stop: asyncio.Event | None) -> Summary:
        """Score the records that have no line yet, and append theirs.

        Args:
            reader: of the input.
            records: how many it probably holds.
            end: where the next line goes.
            stop: ends it early when it is set.

        Raises:
            RunStoppedError: it ended before the end of the input.
        """
        started = self.timing.monotonic()

        def summary(*, complete: bool = False) -> Summary:
            return self._tally.summary(self.timing.monotonic() - started, complete=complete)

        try:
            output = Output(self.files.output, end, self.timing.sleep)
            try:
                await self._score(reader, records, output, stop)
            finally:
                await output.close()
        except _Halt as halt:
            raise self._stopped(str(halt), summary()) from halt.__cause__
        except SageMakerAsyncError as error:  # first, because some are a TimeoutError, and so an OSError
            raise self._stopped(str(error), summary()) from error
        except OSError as error:
            with suppress(OSError):
                await self._recount()
            raise self._stopped(f"a file cannot be read or written: {error}", summary()) from error
        return summary(complete=self._read_all)

    async def _recount(self) -> None:
        """Count what is in the output, when not all that was finished could be written."""
        written = Tally()
        async for lines in in_thread(Scan(self.files.output).steps()):
            for line, _ in lines:
                written.add_line(line)
        self._tally.records, self._tally.errors, self._tally.usage = written.records, written.errors, written.usage

    def _stopped(self, reason: str, summary: Summary) -> RunStoppedError:
        return RunStoppedError(
            f"the run stopped: {reason.rstrip('.')}. {summary.records} records are finished, and kept in "
            f"{str(self.files.output)!r}; the same run with resume=True (--resume) goes on",
            summary,
        )

    async def _score(self, reader: Reader, records: int, output: Output, stop: asyncio.Event | None) -> None:
        async with (
            aclosing(self._unfinished(reader)) as unfinished,
            self._mapped(unfinished, max(records - self._tally.records, 0)) as outcomes,
            _stopping(outcomes, stop),
        ):
            try:
                async for outcome in outcomes:
                    await output.write(self._line_of(outcome))
                    if self._in_a_row == self.stop_after:
                        raise _Halt(
                            f"{self._in_a_row} records in a row failed because of the endpoint (stop_after), "
                            f"the last one with: {outcome.error}"
                        ) from outcome.error
            finally:
                self._tally.retried = outcomes.progress.retried

    async def _unfinished(self, reader: Reader) -> AsyncGenerator[_Sent, None]:
        """Yield what is sent of the records without a line, or why it cannot be."""
        async with aclosing(in_thread(reader.batches())) as batches:
            async for batch in batches:
                for record in batch:
                    if record.index in self._finished:
                        continue
                    if isinstance(record, Malformed):
                        chosen = Selected(None, None, record.reason)
                    else:
                        chosen = self.selection.of(record.value)
                    problem = None if chosen.problem is None else MalformedRecord(record.line, chosen.problem)
                    if problem is not None and self.on_malformed == "stop":
                        raise _Halt(
                            f"line {record.line} of the input: {chosen.problem} (on_malformed='stop'; with 'report' it "
                            "is written as a record that failed)"
                        )
                    yield _Sent(record.index, chosen.id, chosen.payload, problem)
        self._read_all = True

    def _mapped(self, records: Records, total: int | None = None) -> Outcomes[Any]:
        options: MapFields = {**self.options, "on_error": "return", "total": total}

        def prepare(sent: _Sent) -> Any:
            if sent.problem is not None:
                raise sent.problem
            return sent.payload if self.prepare is None else self.prepare(sent.payload)

        if isinstance(self.target, Predictor | AsyncPredictor):
            return self.target.map(records, prepare=prepare, batch=self.batch, **self.call, **options)
        assert not isinstance(self.batch, int)
        return map_records(self.target, records, prepare=prepare, batch=self.batch, timing=self.timing, **options)

    def _line_of(self, outcome: Outcome[Any]) -> bytes:
        """Return the line of an outcome, and count it."""
        index, id_ = outcome.record.index, outcome.record.id
        with_id = self.selection.id_field is not None
        error = outcome.error
        if isinstance(error, _FATAL):
            raise _Halt(str(error)) from error
        if outcome.attempts:
            self._tally.add_call(outcome.latency)
        if error is None:
            try:
                line = result_line(index, id_, outcome.result, with_id=with_id)
            except SerializationError as problem:
                error = problem
            else:
                self._tally.add_result(outcome.result)
                self._in_a_row = 0
                return line
        self._tally.add_error(type(error).__name__)
        if not isinstance(error, MalformedRecord):
            self._in_a_row = self._in_a_row + 1 if is_of_endpoint(error) else 0
        return failure_line(index, id_, error, with_id=with_id)


class _Halt(Exception):
    """The run ends here; the message says why."""


@asynccontextmanager
async def _stopping(outcomes: Outcomes[Any], stop: asyncio.Event | None) -> AsyncGenerator[None, None]:
    """Stop the reading of records when the event is set."""
    if stop is None:
        yield
        return

    async def wait() -> None:
        await stop.wait()
        outcomes.stop()

    waiting = asyncio.create_task(wait())
    try:
        yield
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
