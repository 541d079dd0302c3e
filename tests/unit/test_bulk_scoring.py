"""`bulk.run` with a callable: cut anywhere and resumed, refused before anything is sent, stopped, cancelled."""

from __future__ import annotations

import asyncio
import errno
import json
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async.async_inference import AsyncPredictor
from sagemaker_async.aws.timing import Timing
from sagemaker_async.bulk import Summary, run
from sagemaker_async.bulk.checkpoint import Checkpoint
from sagemaker_async.deserializers import JSONDeserializer
from sagemaker_async.errors import (
    ConfigurationError,
    CredentialsError,
    ModelError,
    RunStoppedError,
    SageMakerAsyncError,
    ValidationError,
)
from sagemaker_async.local import LocalSageMaker, ModelFailure
from sagemaker_async.predictor import Predictor
from sagemaker_async.predictor.batches import Batch
from sagemaker_async.predictor.scoring import Scoring
from sagemaker_async.serializers import CSVSerializer, JSONSerializer
from sagemaker_async.session import Session

AT_ONCE = Timing(sleep=lambda seconds: asyncio.sleep(0))


class Scorer:
    """Doubles numbers, and counts how often each was sent; fails for good where it is told to."""

    def __init__(self, *, fails: Callable[[int], Exception | None] = lambda n: None) -> None:
        self.calls: Counter[int] = Counter()
        self.fails = fails

    async def __call__(self, payload: Any) -> Any:
        number = payload["n"]
        self.calls[number] += 1
        await asyncio.sleep(0)
        if (error := self.fails(number)) is not None:
            raise error
        return {"twice": 2 * number}


def model_error(number: int, every: int = 20) -> Exception | None:
    return ModelError("no", status=424, code="ModelError") if number % every == 0 else None


def gone(number: int = 0) -> Exception:
    return ValidationError(f"Endpoint m not found ({number})", status=400, code="ValidationError")


def numbers(path: Path, count: int) -> Path:
    path.write_text("".join(f'{{"id": "r{n}", "n": {n}}}\n' for n in range(count)))
    return path


def lines_of(path: Path) -> dict[int, dict[str, Any]]:
    """Return the lines by their index; no index may be there twice."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = {line.pop("index"): line for line in lines}
    assert len(found) == len(lines)
    return found


# --- the whole of it --------------------------------------------------------------------------------------------------


async def test_every_record_has_one_line_with_its_index_and_id(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 700), tmp_path / "out.jsonl"
    scorer = Scorer(fails=model_error)
    summary = await run(scorer, source, out, id_field="id", concurrency=16)
    lines = lines_of(out)
    assert sorted(lines) == list(range(700))
    for index, line in lines.items():
        assert line["id"] == f"r{index}"
        assert ("error" in line) == (index % 20 == 0)
        assert "error" in line or line["result"] == {"twice": 2 * index}
    assert (summary.complete, summary.records, summary.succeeded, summary.failed) == (True, 700, 665, 35)
    assert summary.errors == {"ModelError": 35}
    assert set(scorer.calls.values()) == {1}


async def test_lines_come_as_results_do_or_in_the_order_of_the_input(tmp_path: Path) -> None:
    source = numbers(tmp_path / "in.jsonl", 40)
    first = asyncio.Event()

    async def slow_first(payload: Any) -> int:
        if payload["n"] == 0:
            await first.wait()
        elif payload["n"] == 9:
            first.set()
        return 1

    await run(slow_first, source, tmp_path / "any.jsonl", concurrency=4)
    assert next(iter(lines_of(tmp_path / "any.jsonl"))) != 0
    first.clear()
    await run(slow_first, source, tmp_path / "ordered.jsonl", concurrency=4, ordered=True)
    assert list(lines_of(tmp_path / "ordered.jsonl")) == list(range(40))


async def test_a_malformed_record_is_reported_with_its_line_and_the_others_are_scored(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"n": 1}\n{"n": \n\n{"m": 2}\n{"n": 3}\n')
    scorer = Scorer()
    summary = await run(scorer, tmp_path / "in.jsonl", tmp_path / "out.jsonl", fields=["n"])
    lines = lines_of(tmp_path / "out.jsonl")
    assert [lines[0]["result"], lines[3]["result"]] == [{"twice": 2}, {"twice": 6}]
    assert [lines[index]["error"]["line"] for index in (1, 2)] == [2, 4]
    assert "line 2: the line is not valid JSON" in lines[1]["error"]["message"]
    assert lines[2]["error"]["message"] == "line 4: it has no field 'n'"
    assert (summary.errors, summary.complete) == ({"MalformedRecord": 2}, True)


async def test_a_malformed_record_stops_the_run_if_asked_and_can_be_passed_over_then(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"n": 1}\n{"n": \n{"n": 3}\n')
    scorer = Scorer()
    with pytest.raises(RunStoppedError, match=r"line 2 of the input: .*not valid JSON") as caught:
        await run(scorer, tmp_path / "in.jsonl", tmp_path / "out.jsonl", on_malformed="stop")
    assert list(lines_of(tmp_path / "out.jsonl")) == [0]
    summary: Any = caught.value.summary
    assert (summary.records, summary.complete) == (1, False)
    await run(scorer, tmp_path / "in.jsonl", tmp_path / "out.jsonl", resume=True)
    assert sorted(lines_of(tmp_path / "out.jsonl")) == [0, 1, 2]
    assert scorer.calls == {1: 1, 3: 1}


async def test_csv_goes_out_as_rows_in_the_order_of_the_columns(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('id,b,a\n7,"x, y",1\n8,z,2\n')
    seen = []
    async with LocalSageMaker() as local:
        local.add_endpoint("m", lambda body: seen.append(body) or b"0.5")
        async with Session(**local.client_options) as session:
            predictor = Predictor("m", session, CSVSerializer())
            await run(predictor, tmp_path / "in.csv", tmp_path / "out.jsonl", id_field="id", fields=["a", "b"])
            await run(predictor, tmp_path / "in.csv", tmp_path / "named.jsonl", as_row=False, payload_field="a")
    assert sorted(seen) == sorted([b'1,"x, y"', b"2,z", b"1", b"2"])
    assert lines_of(tmp_path / "out.jsonl") == {0: {"id": "7", "result": "0.5"}, 1: {"id": "8", "result": "0.5"}}


async def test_several_records_go_in_one_request_and_a_scoring_says_how(tmp_path: Path) -> None:
    source = numbers(tmp_path / "in.jsonl", 10)
    sizes = []

    def model(body: bytes) -> bytes:
        instances = json.loads(body)["instances"]
        sizes.append(len(instances))
        return json.dumps({"predictions": [2 * each for each in instances]}).encode()

    async with LocalSageMaker() as local:
        local.add_endpoint("m", model)
        async with Session(**local.client_options) as session:
            scoring = Scoring(
                endpoint_name="m",
                serializer=JSONSerializer(),
                deserializer=JSONDeserializer(),
                batch=Batch(size=4, form="instances"),
                prepare=lambda payload: payload["n"],
            )
            await run(scoring, source, tmp_path / "out.jsonl", session=session, id_field="id")
    assert {index: line["result"] for index, line in lines_of(tmp_path / "out.jsonl").items()} == {
        n: 2 * n for n in range(10)
    }
    assert sum(sizes) == 10
    assert max(sizes) > 1


async def test_an_answer_that_json_cannot_hold_is_a_failure_of_its_record(tmp_path: Path) -> None:
    source = numbers(tmp_path / "in.jsonl", 2)

    async def call(payload: Any) -> Any:
        return {1, 2} if payload["n"] else 1

    summary = await run(call, source, tmp_path / "out.jsonl")
    assert summary.errors == {"SerializationError": 1}
    assert lines_of(tmp_path / "out.jsonl")[0] == {"result": 1}


async def test_progress_is_that_of_this_run_and_counts_malformed_records(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"n": 0}\n{"n": 1}\n{\n{"n": 3}\n{"n": 4}\n')
    with pytest.raises(RunStoppedError):
        await run(
            Scorer(fails=lambda n: gone() if n > 1 else None),
            tmp_path / "in.jsonl",
            tmp_path / "out.jsonl",
            on_malformed="stop",
        )
    told = []
    await run(Scorer(), tmp_path / "in.jsonl", tmp_path / "out.jsonl", resume=True, on_progress=told.append)
    assert (told[-1].done, told[-1].failed, told[-1].total) == (3, 1, 3)


# --- killed and resumed -----------------------------------------------------------------------------------------------


async def test_an_output_that_is_cut_anywhere_is_completed_as_if_it_had_not_been(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"n": 1}\n{}\n{"n": 3}\n')
    await run(Scorer(), source, out, fields=["n"])
    whole, expected = out.read_bytes(), lines_of(out)
    ends = [at + 1 for at in range(len(whole)) if whole[at : at + 1] == b"\n"]
    for cut in sorted({*range(0, len(whole), 5), *ends, *(end - 1 for end in ends), *(end + 1 for end in ends[:-1])}):
        out.write_bytes(whole[:cut])
        scorer = Scorer()
        summary = await run(scorer, source, out, fields=["n"], resume=True, timing=AT_ONCE)
        assert lines_of(out) == expected
        kept = {json.loads(line)["index"] for line in whole[:cut].splitlines(keepends=True) if line.endswith(b"\n")}
        assert scorer.calls == Counter(n for index, n in ((0, 1), (2, 3)) if index not in kept)
        assert (summary.records, summary.earlier, summary.failed) == (3, len(kept), 1)


async def test_a_checkpoint_that_is_cut_at_any_byte_begins_the_run_anew_or_is_refused(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 2), tmp_path / "out.jsonl"
    checkpoint = tmp_path / "out.jsonl.checkpoint"
    await run(Scorer(), source, out)
    whole, contents = checkpoint.read_bytes(), out.read_bytes()
    for cut in range(0, len(whole), 40):
        checkpoint.write_bytes(whole[:cut])
        out.write_bytes(contents)
        with pytest.raises(ConfigurationError, match="is incomplete"):
            await run(Scorer(), source, out, resume=True)
        assert out.read_bytes() == contents
        checkpoint.write_bytes(whole[:cut])
        out.unlink()
        await run(Scorer(), source, out, resume=True, timing=AT_ONCE)
        assert sorted(lines_of(out)) == [0, 1]


async def test_a_run_that_is_cancelled_anywhere_is_completed_as_if_it_had_not_been(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 60), tmp_path / "out.jsonl"
    calls: Counter[int] = Counter()
    for turn in range(1, 25):
        scorer = Scorer(fails=model_error)
        running = asyncio.ensure_future(run(scorer, source, out, resume=True, concurrency=3))
        while sum(scorer.calls.values()) < 3 and not running.done():
            await asyncio.sleep(0)
        for _ in range(turn):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])
        calls += scorer.calls
        contents = out.read_bytes()
        assert contents == b"" or contents.endswith(b"\n")
    await run(Scorer(fails=model_error), source, out, resume=True)
    assert sorted(lines_of(out)) == list(range(60))
    assert len(asyncio.all_tasks()) == 1
    assert len(calls) > 10


async def test_a_finished_run_is_resumed_with_nothing_to_do(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 5), tmp_path / "out.jsonl"
    await run(Scorer(), source, out, resume=True)
    before = out.read_bytes()
    scorer = Scorer()
    summary = await run(scorer, source, out, resume=True)
    assert (summary.complete, summary.records, summary.earlier, summary.latency) == (True, 5, 5, {})
    assert not scorer.calls
    assert out.read_bytes() == before


async def test_a_resumed_run_tries_again_what_failed_because_of_the_endpoint_and_all_if_asked(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 10), tmp_path / "out.jsonl"
    failures = {3: gone(), 5: model_error(0), 7: gone()}
    await run(Scorer(fails=failures.get), source, out)
    again = Scorer()
    summary = await run(again, source, out, resume=True)
    assert again.calls == {3: 1, 7: 1}
    assert (summary.records, summary.failed, summary.earlier) == (10, 1, 8)
    all_again = Scorer()
    summary = await run(all_again, source, out, resume=True, retry_failed=True)
    assert all_again.calls == {5: 1}
    assert summary.failed == 0
    assert sorted(lines_of(out)) == list(range(10))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl", "out.jsonl.checkpoint"]


# --- refused, with nothing sent ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"resume": True, "overwrite": True}, "pass only one of them"),
        ({"retry_failed": True}, "resume=True"),
        ({"resume": 1}, "resume"),
        ({"on_malformed": "skip"}, "'report' or 'stop'"),
        ({"stop_after": 0}, "stop_after"),
        ({"on_error": "raise"}, "by itself"),
        ({"id": len}, "by itself"),
        ({"concurrency": 0}, "concurrency"),
        ({"speed": 1}, "no option 'speed'"),
        ({"format": "xml"}, "must be one of"),
        ({"input": "in.txt"}, "does not say what it holds"),
        ({"input": "missing.jsonl"}, "does not exist"),
        ({"input": "."}, "does not say what it holds"),
        ({"input": ".", "format": "jsonl"}, "is not a regular file"),
        ({"input": "in.csv", "id_field": "key"}, "no column 'key'; its columns are 'n', 'id'"),
        ({"input": "in.csv", "fields": ["n", "m"]}, "no column 'm'"),
        ({"fields": []}, "fields is empty"),
        ({"fields": ["a"], "payload_field": "b"}, "pass one of them"),
        ({"output": "missing/out.jsonl"}, "directory of .* does not exist"),
        ({"output": "/dev/full"}, "must be a regular file"),
        ({"output": "."}, "must be a regular file"),
        ({"output": "in.jsonl"}, "exists"),
        ({"output": "in.jsonl", "overwrite": True}, "is a file that this run writes"),
        ({"output": "s3://bucket/key"}, "pass session"),
        ({"input": "s3://bucket/key.jsonl"}, "pass session"),
        ({"output": "s3://bucket"}, "must be the S3 URI of an object"),
        ({"work_dir": "."}, "for outputs in S3"),
        ({"batch": 4}, r"pass Batch\("),
        ({"stream": True}, "is for a Predictor"),
        ({"settings": {"a": object()}}, "what JSON can hold"),
        ({"target": 7}, "asynchronous callable"),
        ({"target": Scoring(endpoint_name="m")}, "pass session"),
        ({"target": Scoring(endpoint_name="m"), "timeout": 7}, "set them there"),
    ],
)
async def test_what_cannot_work_is_refused_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    numbers(tmp_path / "in.jsonl", 3)
    (tmp_path / "in.csv").write_text("n,id\n1,2\n")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    scorer = Scorer()
    arguments: dict[str, Any] = {"target": scorer, "input": "in.jsonl", "output": "out.jsonl", **changes}
    with pytest.raises((ConfigurationError, SageMakerAsyncError), match=words):
        await run(**arguments)
    assert not scorer.calls
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


async def test_an_output_that_exists_is_refused_unless_it_is_to_be_resumed_or_overwritten(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 3), tmp_path / "out.jsonl"
    out.write_text("something of the user's\n")
    for options, words in (({}, "exists: resume=True"), ({"resume": True}, "has no checkpoint")):
        with pytest.raises(ConfigurationError, match=words):
            await run(Scorer(), source, out, **options)
        assert out.read_text() == "something of the user's\n"
    await run(Scorer(), source, out, overwrite=True)
    assert sorted(lines_of(out)) == [0, 1, 2]
    with pytest.raises(ConfigurationError, match="exists"):
        await run(Scorer(), source, out)
    numbers(source, 2)
    await run(Scorer(), source, out, overwrite=True)
    assert sorted(lines_of(out)) == [0, 1]


@pytest.mark.parametrize("change", ["longer", "other content", "other settings", "other target"])
async def test_a_checkpoint_of_another_input_or_run_is_refused(tmp_path: Path, change: str) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 3), tmp_path / "out.jsonl"
    await run(Scorer(), source, out, settings={"prompt": 1})
    before = out.read_bytes()
    settings, words = {"prompt": 1}, "belongs to another input"
    target: Any = Scorer()
    match change:
        case "longer":
            numbers(source, 4)
        case "other content":
            source.write_text(source.read_text().replace("1", "7"))
        case "other settings":
            settings, words = {"prompt": 2}, "prompt=1, and this one has 2"
        case "other target":
            target, words = lines_of, "run with target='.*Scorer', and this one has '.*lines_of'"
    with pytest.raises(ConfigurationError, match=words):
        await run(target, source, out, resume=True, settings=settings)
    assert out.read_bytes() == before


async def test_a_method_of_something_that_calls_an_endpoint_is_known_by_the_endpoint(tmp_path: Path) -> None:
    class Submitting:
        """As `AsyncPredictor` has it: a coroutine that submits and awaits the job."""

        def __init__(self, endpoint_name: str) -> None:
            self.endpoint_name = endpoint_name

        async def predict(self, data: Any) -> str:
            await asyncio.sleep(0)
            return f"{self.endpoint_name} {data['n']}"

    source, out = numbers(tmp_path / "in.jsonl", 2), tmp_path / "out.jsonl"
    await run(Submitting("a").predict, source, out)
    assert {line["result"] for line in lines_of(out).values()} == {"a 0", "a 1"}
    with pytest.raises(ConfigurationError, match="endpoint='a', and this one has 'b'"):
        await run(Submitting("b").predict, source, out, resume=True)
    assert (await run(Submitting("a").predict, source, out, resume=True)).earlier == 2


async def test_an_input_that_moved_is_the_same_input(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 3), tmp_path / "out.jsonl"
    await run(Scorer(), source, out)
    assert (await run(Scorer(), source.rename(tmp_path / "moved.jsonl"), out, resume=True)).earlier == 3


async def test_an_output_with_a_record_twice_or_a_foreign_line_is_refused(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 3), tmp_path / "out.jsonl"
    await run(Scorer(), source, out)
    whole = out.read_text()
    for extra, words in ((whole.splitlines()[1] + "\n", "two lines of the record"), ("{}\n", "line 4 of the output")):
        out.write_text(whole + extra)
        with pytest.raises(ConfigurationError, match=words):
            await run(Scorer(), source, out, resume=True)
        assert out.read_text() == whole + extra


async def test_a_run_that_cannot_write_its_checkpoint_sends_nothing_and_mixes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 3), tmp_path / "out.jsonl"
    await run(Scorer(), source, out, settings={"prompt": 1})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    scorer = Scorer()
    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "write", full)
        with pytest.raises(ConfigurationError, match="cannot be written: No space left"):
            await run(scorer, source, out, settings={"prompt": 2}, overwrite=True)
    assert not scorer.calls
    assert not out.exists()
    await run(scorer, source, out, settings={"prompt": 1}, resume=True)
    assert scorer.calls.total() == 3


async def test_a_run_that_cannot_open_its_output_stops_with_a_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("sagemaker_async.bulk.scorer.Output", refused)
    with pytest.raises(RunStoppedError, match="a file cannot be read or written: ") as caught:
        await run(Scorer(), numbers(tmp_path / "in.jsonl", 3), tmp_path / "out.jsonl")
    assert caught.value.summary.records == 0


async def test_a_file_that_has_the_name_of_a_copy_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "out.jsonl.input"
    other.write_text("mine")
    assert (await run(Scorer(), numbers(tmp_path / "in.jsonl", 3), tmp_path / "out.jsonl")).complete
    assert other.read_text() == "mine"


async def test_two_runs_never_write_one_output(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 3), tmp_path / "out.jsonl"
    called, go_on = asyncio.Event(), asyncio.Event()

    async def waiting(payload: Any) -> int:
        called.set()
        await go_on.wait()
        return 1

    first = asyncio.ensure_future(run(waiting, source, out))
    await called.wait()
    for options in ({"resume": True}, {"overwrite": True}):
        with pytest.raises(ConfigurationError, match="another run holds"):
            await run(waiting, source, out, **options)
    go_on.set()
    assert (await first).complete
    assert sorted(lines_of(out)) == [0, 1, 2]


# --- ended early ------------------------------------------------------------------------------------------------------


async def test_an_endpoint_that_vanishes_ends_the_run_and_nothing_is_lost(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 500), tmp_path / "out.jsonl"
    vanishing = Scorer(fails=lambda n: gone(n) if n >= 100 else None)
    with pytest.raises(RunStoppedError, match=r"20 records in a row .*Endpoint m not found.*--resume") as caught:
        await run(vanishing, source, out, stop_after=20, concurrency=4)
    assert isinstance(caught.value.__cause__, ValidationError)
    assert sum(vanishing.calls.values()) < 100 + 20 + 4 * 5
    summary = await run(Scorer(), source, out, resume=True)
    assert (summary.complete, summary.records, summary.failed) == (True, 500, 0)
    assert sorted(lines_of(out)) == list(range(500))


async def test_failures_of_records_and_answers_in_between_do_not_end_a_run(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 60), tmp_path / "out.jsonl"
    failures = {n: gone() if n % 4 else model_error(0) for n in range(60) if n % 8}
    summary = await run(Scorer(fails=failures.get), source, out, stop_after=4, concurrency=1)
    assert (summary.complete, summary.errors) == (True, {"ValidationError": 45, "ModelError": 7})
    assert (await run(Scorer(fails=gone), source, out, overwrite=True, stop_after=None)).failed == 60


async def test_what_every_record_would_meet_ends_the_run_at_once(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 50), tmp_path / "out.jsonl"
    scorer = Scorer(fails=lambda n: CredentialsError("no credentials") if n == 5 else None)
    with pytest.raises(RunStoppedError, match="no credentials") as caught:
        await run(scorer, source, out, concurrency=1)
    assert isinstance(caught.value.__cause__, CredentialsError)
    assert 5 not in lines_of(out)


async def test_an_event_stops_the_reading_and_what_is_under_way_is_finished(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 100), tmp_path / "out.jsonl"
    stop, go_on = asyncio.Event(), asyncio.Event()
    sent = []

    async def call(payload: Any) -> int:
        sent.append(payload["n"])
        if len(sent) == 10:
            stop.set()
            asyncio.get_running_loop().call_soon(go_on.set)
        if len(sent) >= 8:
            await go_on.wait()
        return 1

    summary = await run(call, source, out, stop=stop, concurrency=4)
    assert not summary.complete
    assert sorted(lines_of(out)) == sorted(sent)
    assert summary.records == len(sent) < 40
    again = await run(call, source, out, resume=True, concurrency=4)
    assert again.complete
    assert sorted(sent) == list(range(100))


async def test_a_limit_of_time_ends_the_run_and_keeps_what_is_finished(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 20), tmp_path / "out.jsonl"

    expired, limits = asyncio.Event(), []

    async def sleep(seconds: float) -> None:
        limits.append(seconds)
        await expired.wait()

    async def call(payload: Any) -> int:
        if payload["n"] == 10 and not expired.is_set():
            expired.set()
            await asyncio.Event().wait()
        return 1

    with pytest.raises(RunStoppedError, match=r"^the run stopped: not all records were done within total_timeout=7 s"):
        await run(call, source, out, concurrency=1, total_timeout=7, timing=Timing(sleep=sleep))
    assert limits.count(7) == 1
    assert (await run(call, source, out, resume=True)).earlier == 10


async def test_a_summary_of_a_stopped_run_pickles_with_its_error(tmp_path: Path) -> None:
    source = numbers(tmp_path / "in.jsonl", 2)
    with pytest.raises(RunStoppedError) as caught:
        await run(Scorer(fails=gone), source, tmp_path / "out.jsonl", stop_after=1)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(copy.summary, Summary)
    assert str(copy) == str(caught.value)


# --- asynchronous endpoints -------------------------------------------------------------------------------------------


async def test_an_asynchronous_endpoint_scores_and_its_failures_are_the_records_own(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 30), tmp_path / "out.jsonl"

    def model(body: bytes) -> bytes:
        if (number := json.loads(body)["n"]) % 10 == 3:
            raise ModelFailure(500, f"no room for {number}")
        return str(2 * number).encode()

    async with LocalSageMaker() as local:
        local.add_endpoint("m", model, asynchronous=True)
        async with Session(**local.client_options) as session:
            plain = Predictor("m", session, JSONSerializer(), JSONDeserializer())
            predictor = AsyncPredictor(plain)
            summary = await run(predictor, source, out, id_field="id", concurrency=20, stop_after=1)
            assert (summary.errors, summary.succeeded) == ({"AsyncInferenceModelError": 3}, 27)
            lines = lines_of(out)
            assert [lines[n].get("result") for n in range(5)] == [0, 2, 4, None, 8]
            assert lines[3]["error"]["fault"] == "record"
            assert "no room for 3" in lines[3]["error"]["message"]
            again = await run(predictor, source, out, id_field="id", resume=True)
            assert (again.earlier, len(local.async_invocations)) == (30, 30)
            with pytest.raises(ConfigurationError, match="asynchronous=True, and this one has None"):
                await run(plain, source, out, id_field="id", resume=True)
            with pytest.raises(ConfigurationError, match="no response streams"):
                await run(predictor, source, tmp_path / "new.jsonl", stream=True)


# --- files that are not the run's -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["out", "out.input", "out.checkpoint", "out.new"])
async def test_an_input_that_the_run_would_write_or_remove_is_refused_and_stays(tmp_path: Path, name: str) -> None:
    source = numbers(tmp_path / name, 3)
    contents = source.read_bytes()
    with pytest.raises(ConfigurationError, match="is a file that this run writes"):
        await run(Scorer(), source, tmp_path / "out", format="jsonl", overwrite=True)
    assert source.read_bytes() == contents


async def test_an_object_is_not_scored_into_itself(tmp_path: Path) -> None:
    async with LocalSageMaker() as local:
        local.objects["s3://bkt/in.jsonl"] = b"1"
        async with Session(**local.client_options) as session:
            uri = "s3://bkt/in.jsonl"
            with pytest.raises(ConfigurationError, match="are the same object"):
                await run(Scorer(), uri, uri, session=session, overwrite=True, work_dir=tmp_path)


@pytest.mark.parametrize("exists", [True, False])
async def test_an_output_that_is_a_link_stays_one(tmp_path: Path, exists: bool) -> None:
    (tmp_path / "disk").mkdir()
    real, link = tmp_path / "disk" / "real.jsonl", tmp_path / "out.jsonl"
    link.symlink_to(real)
    if exists:
        real.write_text("old")
    await run(Scorer(), numbers(tmp_path / "in.jsonl", 3), link, overwrite=True)
    assert link.is_symlink()
    assert sorted(lines_of(real)) == [0, 1, 2]


async def test_an_upload_without_credentials_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with LocalSageMaker() as local, Session(**local.client_options) as session:

        async def expired(**_: Any) -> None:
            raise CredentialsError("the credentials have expired")

        monkeypatch.setattr(session.s3, "put_object", expired)
        local.objects["s3://bkt/other"] = b""
        source = numbers(tmp_path / "in.jsonl", 3)
        with pytest.raises(RunStoppedError, match=r"have expired; the same run with resume=True"):
            await run(Scorer(), source, "s3://bkt/out.jsonl", session=session, work_dir=tmp_path)


# --- malformed records ------------------------------------------------------------------------------------------------


async def test_malformed_records_keep_the_order_and_spare_their_batch(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('1\n{"\n3\n{"\n{"\n6\n')
    sent = []

    async def echo(values: list[int]) -> list[int]:
        sent.append(values)
        return values

    summary = await run(echo, source, out, ordered=True, batch=Batch(size=3), concurrency=2)
    lines = lines_of(out)
    assert list(lines) == list(range(6))
    assert {index: line["result"] for index, line in lines.items() if "result" in line} == {0: 1, 2: 3, 5: 6}
    assert sorted(sent) == [[1, 3], [6]]
    assert (summary.errors, summary.complete) == ({"MalformedRecord": 3}, True)


async def test_progress_counts_the_failures_of_this_run_alone(tmp_path: Path) -> None:
    source, out = numbers(tmp_path / "in.jsonl", 10), tmp_path / "out.jsonl"
    scorer = Scorer(fails=lambda n: model_error(n, 2) if n < 5 else gone())
    with pytest.raises(RunStoppedError):
        await run(scorer, source, out, concurrency=1, stop_after=1)
    seen = []
    await run(Scorer(), source, out, concurrency=1, resume=True, on_progress=seen.append)
    assert (seen[-1].failed, seen[-1].done, seen[-1].total) == (0, 5, 5)
