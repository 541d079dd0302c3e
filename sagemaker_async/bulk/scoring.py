"""`run`: score every record of an input, so that a kill at any moment loses nothing and writes nothing twice.

A run goes through these steps, and refuses what cannot work before the first record is sent:

1. the checkpoint is opened and locked, and the output is looked for (`checkpoint`, `files`);
2. the input is made readable from its beginning, and its fingerprint is compared (`inputs`), its columns are checked;
3. a new run writes its checkpoint; a resumed one reads the output back, and takes out what is to be tried again;
4. the records without a line go through the engine of `Predictor.map`, and each outcome is appended (`output`);
5. a complete output that belongs in S3 is uploaded.

Results are written as they come, each with the index of its record, not in the order of the input, unless `ordered` is
True: so a slow record holds up no other, and a kill never loses a result that was waiting for another.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack, get_args

from sagemaker_async.async_inference import AsyncPredictor
from sagemaker_async.aws.timing import SYSTEM_TIMING, Timing
from sagemaker_async.codecs.bases import media_type
from sagemaker_async.config import Timeouts, check_count, check_flag
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.predictor import Predictor
from sagemaker_async.predictor.batches import Batch
from sagemaker_async.predictor.map_options import MapFields
from sagemaker_async.predictor.scoring import Scoring
from sagemaker_async.predictor.stream import PredictionStream
from sagemaker_async.session import Session

from .checkpoint import Manifest
from .files import RunFiles, location_of
from .inputs import STDIN
from .readers import Format, format_of, open_reader
from .scorer import OnMalformed, Scorer, Target
from .selection import Selection
from .stages import begin, check_output, finish, found_input, opened_checkpoint
from .summary import Summary

__all__ = ["run"]


async def run(
    target: Target | Scoring,
    input: str | Path,  # noqa: A002 - the field's own word
    output: str | Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    retry_failed: bool = False,
    format: Format | None = None,  # noqa: A002
    header: bool = True,
    id_field: str | None = None,
    fields: Sequence[str] | None = None,
    payload_field: str | None = None,
    as_row: bool | None = None,
    on_malformed: OnMalformed = "report",
    stop_after: int | None = 100,
    batch: int | Batch | None = None,
    stream: bool | Callable[[PredictionStream[bytes]], Awaitable[Any]] = False,
    initial_args: Mapping[str, Any] | None = None,
    timeout: float | Timeouts | None = None,
    session: Session | None = None,
    work_dir: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    stop: asyncio.Event | None = None,
    timing: Timing = SYSTEM_TIMING,
    **options: Unpack[MapFields],
) -> Summary:
    """Score every record of an input and write a line for each; return a summary.

    Args:
        target: a `Predictor`; an `AsyncPredictor`, with which jobs are submitted and awaited; a `Scoring`, which also
            runs on a cluster; or any asynchronous callable that takes what is to be sent for a record and returns its
            result.
        input: a path, ``s3://bucket/key``, or ``-`` for standard input.
        output: a path, or ``s3://bucket/key``. It gets JSON Lines; `sagemaker_async.bulk.lines` has their fields.
        resume: continue the run that was begun, or begin it. Records that failed because of the endpoint, not because
            of themselves, are tried again.
        overwrite: start over, whatever was there.
        retry_failed: when resuming, try all failed records again.
        format: ``jsonl``, ``csv`` or ``parquet`` (extra ``parquet``). None: what the input's name ends with; of
            standard input, ``jsonl``.
        header: whether the first row of CSV names the columns; if not, they are called ``0``, ``1``, ...
        id_field: the column whose value is written with the result. It is not sent, unless `fields` names it.
        fields: the columns that are sent, in this order. None: all but `id_field`.
        payload_field: the one column whose value is sent as it is, in place of `fields`.
        as_row: send the values as a row, without their names. None: when the predictor's content type is ``text/csv``.
        on_malformed: ``report`` writes a record that cannot be read as failed, with its line number; ``stop`` ends the
            run there.
        stop_after: end the run when so many records in a row failed because of the endpoint, and none had an answer
            from the model in between. None: never.
        batch: how many records go into one request, as for `Predictor.map`.
        stream: as for `Predictor.map`.
        initial_args: as for `Predictor.map`.
        timeout: as for `Predictor.map`.
        session: whose S3 client to use. None: the predictor's.
        work_dir: where the files of the run are kept when the output is an object in S3; otherwise they are beside it.
            None: the current directory.
        settings: further values that decide the results, such as the version of a prompt; a run is not resumed with
            other values. Anything that JSON can hold.
        stop: ends the run when it is set: no more records are read, and those under way are finished.
        timing: clocks, sleep and chance.
        options: fields of `MapOptions`: ``concurrency``, ``rate``, ``ordered`` (False here, unless given),
            ``total_timeout``, ``progress_bar``, ``on_progress``, ... Progress covers only this run.

    Raises:
        ConfigurationError: an argument, the input, the output or the checkpoint is wrong; nothing was sent.
        RequestValidationError: likewise for a URI or a field of the request.
        RunStoppedError: the run ended before its end, or could not be uploaded; what is finished is kept.
        CallError: S3 failed before the first record was sent.
        OSError: a file of the run could not be written or read back, before the first record was sent.

    Example:
        ::

            predictor = Predictor("my-endpoint", session, JSONSerializer(), JSONDeserializer())
            summary = await bulk.run(predictor, "prompts.jsonl", "answers.jsonl", id_field="id", resume=True)
            print(summary)
    """
    for name, value in (("resume", resume), ("overwrite", overwrite), ("retry_failed", retry_failed)):
        check_flag(value, name)
    if resume and overwrite:
        raise ConfigurationError("resume continues a run and overwrite starts over: pass only one of them")
    if retry_failed and not resume:
        raise ConfigurationError("retry_failed is for a run that is resumed: pass resume=True (--resume) as well")
    if on_malformed not in get_args(OnMalformed):
        raise ConfigurationError(f"on_malformed must be 'report' or 'stop', got {on_malformed!r}")
    if stop_after is not None:
        check_count(stop_after, "stop_after", " or None")
    for name in ("on_error", "id", "total"):
        if name in options:
            raise ConfigurationError(f"bulk.run sets {name} by itself; leave it out")
    call: dict[str, Any] = {"stream": stream, "initial_args": initial_args, "timeout": timeout}
    prepare = None
    if isinstance(target, Scoring):
        if batch is not None or any(call.values()):
            raise ConfigurationError("batch, stream, initial_args and timeout are fields of a Scoring; set them there")
        if session is None:
            raise ConfigurationError("a Scoring holds no session: pass session as well")
        call = {"stream": target.stream, "initial_args": target.initial_args, "timeout": target.timeout}
        batch, prepare, target = target.batch, target.prepare, target.predictor(session)
    elif isinstance(target, AsyncPredictor):
        if call.pop("stream"):
            raise ConfigurationError("stream is for a Predictor; asynchronous endpoints have no response streams")
    elif not isinstance(target, Predictor):
        _check_callable(target, batch, call)
    selection = Selection(
        id_field=id_field,
        fields=None if fields is None else tuple(fields),
        payload_field=payload_field,
        as_row=_sends_rows(target) if as_row is None else as_row,
    )
    form = format or ("jsonl" if input == STDIN else format_of(str(input)))
    if form is None:
        raise ConfigurationError(
            f"the name of the input {str(input)!r} does not say what it holds: pass format (--format) jsonl, csv or "
            "parquet"
        )
    files = await asyncio.to_thread(RunFiles.of, output, work_dir)
    if session is None and isinstance(target, Predictor | AsyncPredictor):
        session = target.sagemaker_session
    if session is None and (files.location or location_of(input)):
        raise ConfigurationError("pass session: S3 is reached with its credentials")
    scorer = Scorer(
        target=target,
        files=files,
        selection=selection,
        batch=batch,
        on_malformed=on_malformed,
        stop_after=stop_after,
        retry_failed=retry_failed,
        call=call,
        prepare=prepare,
        options={"ordered": False, **options},
        timing=timing,
    )
    scorer.check()
    decisive = {
        **_identity(target),
        "format": form,
        "header": header,
        "id_field": id_field,
        "fields": selection.fields,
        "payload_field": payload_field,
        "as_row": selection.as_row,
        "batch": None if batch is None else str(batch),
        "stream": bool(call.get("stream")),
        "initial_args": dict(call["initial_args"] or {}),
        "ordered": bool(options.get("ordered")),
        **(settings or {}),
    }
    async with opened_checkpoint(files, resume=resume, overwrite=overwrite) as checkpoint:
        begun = await asyncio.to_thread(checkpoint.read) if resume else None
        await check_output(files, begun, session, overwrite=overwrite)
        found = await found_input(input, files, begun, session)
        manifest = Manifest(input=found.fingerprint, settings=_as_json(decisive))
        if begun is not None:
            manifest.check_same(begun, files.name)
        reader = await asyncio.to_thread(open_reader, found.path, form, header=header)
        try:
            if reader.columns is not None:
                selection.check(reader.columns)
            if begun is None:
                await asyncio.to_thread(begin, files, checkpoint, manifest)
            end = 0 if begun is None else await scorer.recover()
            summary = await scorer.score(reader, reader.count(found.lines), end, stop)
        finally:
            await asyncio.to_thread(reader.close)
        if summary.complete:
            await finish(files, found, checkpoint, session, summary)
    return summary


def _check_callable(target: object, batch: object, call: Mapping[str, Any]) -> None:
    if not callable(target):
        raise ConfigurationError(f"target must be a Predictor or an asynchronous callable, got {type(target).__name__}")
    if isinstance(batch, int):
        raise ConfigurationError(
            f"batch={batch} leaves the form of a request to a Predictor; pass Batch(size=..., ...)"
        )
    for name, value in call.items():
        if value:
            raise ConfigurationError(f"{name} is for a Predictor; {type(target).__name__} makes its calls by itself")


def _sends_rows(target: Target) -> bool:
    predictor = target.predictor if isinstance(target, AsyncPredictor) else target
    return isinstance(predictor, Predictor) and media_type(predictor.content_type) == "text/csv"


def _identity(target: Target) -> dict[str, Any]:
    """Return what a checkpoint says of what scores."""
    if isinstance(target, AsyncPredictor):
        return {"asynchronous": True, **_identity(target.predictor)}
    if not isinstance(target, Predictor):
        kind = target if hasattr(target, "__qualname__") else type(target)
        owner = getattr(target, "__self__", target)  # such as a client of the user's, whose method it is
        return {
            "target": f"{kind.__module__}.{kind.__qualname__}",
            "endpoint": getattr(owner, "endpoint_name", None),
        }
    return {
        "endpoint": target.endpoint_name,
        "routing_target": target._routing_target,
        "component": target.component_name,
        "content_type": target.content_type,
        "accept": target.accept,
    }


def _as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as a checkpoint gives them back.

    Raises:
        ConfigurationError: JSON cannot hold one of them.
    """
    try:
        written: dict[str, Any] = json.loads(json.dumps(settings))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"settings and initial_args must be what JSON can hold: {error}") from None
    return written
