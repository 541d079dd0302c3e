"""``sagemaker-async bulk`` with the embedded SageMaker: killed, interrupted, without room, with S3 and from a pipe."""

from __future__ import annotations

import io
import json
import os
import pty
import random
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pyarrow
import pyarrow.parquet
import pytest
from moto.server import ThreadedMotoServer

from sagemaker_async.cli import main
from sagemaker_async.local import LocalSageMaker, ModelFailure, ModelResponse, ThreadedLocalSageMaker

COMMAND = [sys.executable, "-W", "error", "-m", "sagemaker_async.cli", "bulk"]


class Model:
    """Doubles a number; fails for good for each twentieth; counts what it is asked, and does something at one count."""

    def __init__(self) -> None:
        self.asked: Counter[int] = Counter()
        self.at: int | None = None
        self.then: Callable[[], object] = lambda: None
        self.mended = False

    def __call__(self, body: bytes) -> ModelResponse:
        number = json.loads(body)["n"]
        self.asked[number] += 1
        if self.asked.total() == self.at:
            self.then()
        if number % 20 == 7 and not self.mended:
            raise ModelFailure(500, f"no room for {number}")
        usage = {"prompt_tokens": 2, "completion_tokens": 3}
        return ModelResponse(json.dumps({"choices": [{"text": str(2 * number)}], "usage": usage}).encode(), JSON)


JSON = "application/json"


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def local(model: Model, clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedLocalSageMaker]:
    """An embedded SageMaker that this process and its children call without being told."""
    with LocalSageMaker.in_thread() as local:
        local.add_endpoint("m", model)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", local.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", local.credentials.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", local.credentials.secret_access_key)
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        yield local


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    directory = tmp_path / "work"
    directory.mkdir()
    monkeypatch.chdir(directory)
    return directory


def started(*arguments: str, before: Sequence[str] = (), **options: Any) -> subprocess.Popen[bytes]:
    """The command in a process of its own."""
    # A shell has what it runs in the background ignore SIGINT, and so would the command.
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        channels = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        return subprocess.Popen([*before, *COMMAND, *arguments], **{**channels, **options})
    finally:
        signal.signal(signal.SIGINT, ours)


def numbers(path: Path, count: int) -> None:
    path.write_text("".join(f'{{"id": "r{n}", "n": {n}}}\n' for n in range(count)))


def outcomes(path: Path) -> dict[int, Any]:
    """Return what became of each record, by its index; of errors what does not differ from call to call."""
    found: dict[int, Any] = {}
    for text in path.read_text().splitlines():
        line = json.loads(text)
        assert line["index"] not in found, "written twice"
        error = line.get("error", {})
        found[line["index"]] = (line.get("id"), line.get("result"), error.get("type"), error.get("status"))
    return found


# --- killed ----------------------------------------------------------------------------------------------------------


def test_a_run_that_was_killed_ten_times_equals_one_that_was_not(
    local: ThreadedLocalSageMaker, model: Model, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count, concurrency, chance = 800, 8, random.Random(16)
    numbers(here / "in.jsonl", count)
    arguments = ["m", "in.jsonl", "--id", "id", "--concurrency", str(concurrency)]
    assert main(["bulk", *arguments[:2], "undisturbed.jsonl", *arguments[2:]]) == 3
    undisturbed = capsys.readouterr().err

    model.asked.clear()
    kept = b""
    for _ in range(10):
        process = started(*arguments[:2], "out.jsonl", *arguments[2:], "--resume")
        # In the middle of a call, while other answers are on their way and other lines are being written.
        model.at, model.then = model.asked.total() + chance.randint(5, 90), process.kill
        _, told = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, told
        contents = (here / "out.jsonl").read_bytes()
        assert contents.startswith(kept)
        kept = contents[: contents.rfind(b"\n") + 1]
    model.at = None
    assert main(["bulk", *arguments[:2], "out.jsonl", *arguments[2:], "--resume"]) == 3
    resumed = capsys.readouterr().err

    assert outcomes(here / "out.jsonl") == outcomes(here / "undisturbed.jsonl")
    assert sorted(outcomes(here / "out.jsonl")) == list(range(count))
    assert (here / "out.jsonl").read_bytes().startswith(kept)
    again = model.asked.total() - count
    assert 0 < again <= 10 * 4 * concurrency  # what was under way at a kill is sent again, and no more
    assert undisturbed.startswith("all records")  # there is no bar where there is no terminal
    for words in (
        f"all records {count:,} finished, 760 with an answer, 40 failed",
        "errors ModelError 40",
        "tokens prompt_tokens 1,520, completion_tokens 2,280",
    ):
        assert words in undisturbed
        assert words in resumed


# --- ended in other ways ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_cleanly_and_the_command_that_is_printed_resumes_it(
    local: ThreadedLocalSageMaker,
    model: Model,
    here: Path,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
    status: int,
) -> None:
    numbers(here / "in put.jsonl", 400)
    process = started("m", "in put.jsonl", "out.jsonl", "--overwrite", "--concurrency", "4")
    model.at, model.then = 50, lambda: process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == status, told
    assert b"finishing the requests under way" in told
    assert b"Traceback" not in told
    done = outcomes(here / "out.jsonl")
    assert len(done) == model.asked.total() < 400  # what was sent is written: nothing is paid for twice
    match = re.search(r"To continue: sagemaker-async (.*)", told.decode())
    assert match is not None
    assert match[1] == "bulk m 'in put.jsonl' out.jsonl --concurrency 4 --resume"
    model.at = None
    assert main(shlex.split(match[1])) == 3
    assert f"{len(done)} of them in earlier runs" in capsys.readouterr().err
    assert sorted(outcomes(here / "out.jsonl")) == list(range(400))
    assert set(model.asked.values()) == {1}


def test_a_second_signal_drops_what_is_under_way(local: ThreadedLocalSageMaker, model: Model, here: Path) -> None:
    numbers(here / "in.jsonl", 20)
    held, release = threading.Event(), threading.Event()

    def hold(body: bytes) -> bytes:
        if json.loads(body)["n"] >= 10:
            held.set()
            assert release.wait(60)
        return body

    local.add_endpoint("holding", hold)
    with started("holding", "in.jsonl", "out.jsonl", "--concurrency", "1") as process:
        assert process.stderr is not None
        try:
            assert held.wait(60)
            process.send_signal(signal.SIGINT)
            told = process.stderr.readline() + process.stderr.readline()
            process.send_signal(signal.SIGINT)
            told += process.stderr.read()
        finally:
            release.set()
    assert process.wait() == 130
    assert b"once more to drop them" in told
    assert b"interrupted. To continue: sagemaker-async bulk holding in.jsonl out.jsonl --concurrency 1 --resume" in told
    assert sorted(outcomes(here / "out.jsonl")) == list(range(10))


def test_a_full_disk_ends_a_run_with_whole_lines_that_a_resumed_one_goes_on_from(
    local: ThreadedLocalSageMaker, model: Model, here: Path
) -> None:
    numbers(here / "in.jsonl", 400)

    # POSIX counts in blocks of 512 bytes. Not by preexec_fn: newer Pythons warn of it where there are threads.
    little_room = ["sh", "-c", 'ulimit -f 20; exec "$@"', "sh"]
    process = started("m", "in.jsonl", "out.jsonl", before=little_room)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1, told
    assert b"the run stopped: a file cannot be read or written: [Errno 27] File too large" in told
    assert b"To continue: sagemaker-async bulk m in.jsonl out.jsonl --resume" in told
    contents = (here / "out.jsonl").read_bytes()
    written = contents.count(b"\n")
    assert f"{written} records are finished, and kept in 'out.jsonl'".encode() in told
    assert f"the run is not complete: {written} finished".encode() in told
    assert 9_000 < len(contents) <= 10_240
    assert contents.endswith(b"\n")
    assert main(["bulk", "m", "in.jsonl", "out.jsonl", "--resume"]) == 3
    assert (here / "out.jsonl").read_bytes().startswith(contents)
    assert sorted(outcomes(here / "out.jsonl")) == list(range(400))


def test_an_endpoint_that_vanishes_ends_a_run_which_is_complete_when_it_is_back(
    local: ThreadedLocalSageMaker, model: Model, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers(here / "in.jsonl", 300)
    model.at, model.then = 100, lambda: local.remove_endpoint("m")
    arguments = ["bulk", "m", "in.jsonl", "out.jsonl", "--concurrency", "4"]
    assert main([*arguments, "--stop-after", "20"]) == 1
    told = capsys.readouterr().err
    assert "the run stopped: 20 records in a row failed because of the endpoint" in told
    assert "Endpoint m of account" in told
    counted = re.search(r"errors ValidationError (\d+), ModelError \d", told)
    assert counted
    assert 20 <= int(counted[1]) < 20 + 4  # those that were under way have an outcome too
    assert "To continue: sagemaker-async bulk m in.jsonl out.jsonl --concurrency 4 --stop-after 20 --resume" in told
    model.at = None
    local.add_endpoint("m", model)
    assert main([*arguments, "--resume"]) == 3
    found = outcomes(here / "out.jsonl")
    assert sorted(found) == list(range(300))
    assert {error for _, _, error, _ in found.values()} == {None, "ModelError"}


# --- exit status, input and output -----------------------------------------------------------------------------------


def test_the_exit_status_says_whether_records_failed(
    local: ThreadedLocalSageMaker, model: Model, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers(here / "in.jsonl", 7)
    arguments = ["bulk", "m", "in.jsonl", "out.jsonl"]
    assert main(arguments) == 0
    assert main(arguments) == 2
    assert "exists: resume=True (--resume)" in capsys.readouterr().err
    assert main([*arguments, "--resume"]) == 0
    numbers(here / "in.jsonl", 8)
    assert main([*arguments, "--resume"]) == 2
    assert "belongs to another input" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 3
    (here / "in.jsonl").write_text('{"n": 1}\n{"n"\n')
    assert main([*arguments, "--overwrite", "--on-malformed", "stop"]) == 1
    assert "line 2 of the input" in capsys.readouterr().err
    assert main([*arguments, "--resume"]) == 3
    assert main(["bulk", "m", "in.jsonl", "other.jsonl", "--id", "key", "--format", "csv"]) == 2
    assert "no column 'key'" in capsys.readouterr().err


def test_csv_and_parquet_are_scored_by_their_columns(
    local: ThreadedLocalSageMaker, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[str, bytes]] = []
    local.add_endpoint(
        "any", lambda body, request: (seen.append((request.content_type, body)), ModelResponse(b"1,2\n", "text/csv"))[1]
    )
    (here / "in.csv").write_text("id,a,b\n1,x,2\n")
    pyarrow.parquet.write_table(pyarrow.table({"id": [7], "a": ["x"], "b": [2.5]}), here / "in.parquet")
    assert main(["bulk", "any", "in.csv", "csv.jsonl", "--id", "id", "--columns", "b,a"]) == 0
    assert main(["bulk", "any", "in.csv", "json.jsonl", "--id", "id", "--send", "json"]) == 0
    assert main(["bulk", "any", "in.parquet", "parquet.jsonl", "--id", "id"]) == 0
    assert seen == [("text/csv", b"2,x"), (JSON, b'{"a": "x", "b": "2"}'), (JSON, b'{"a": "x", "b": 2.5}')]
    assert [json.loads((here / f"{name}.jsonl").read_text())["id"] for name in ("csv", "parquet")] == ["1", 7]
    assert json.loads((here / "csv.jsonl").read_text())["result"] == "1,2\n"


def test_standard_input_is_kept_until_every_record_has_its_answer(
    local: ThreadedLocalSageMaker, model: Model, here: Path
) -> None:
    numbers(here / "in.jsonl", 30)
    contents = (here / "in.jsonl").read_bytes()
    process = started("m", "-", "out.jsonl", stdin=subprocess.PIPE)
    model.at, model.then = 12, process.kill
    process.communicate(contents, timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert (here / "out.jsonl.input").read_bytes() == contents
    model.at = None
    assert main(["bulk", "m", "-", "out.jsonl", "--resume"]) == 3
    assert sorted(outcomes(here / "out.jsonl")) == list(range(30))
    model.mended = True
    assert main(["bulk", "m", "-", "out.jsonl", "--resume", "--retry-failed"]) == 0
    assert sorted(path.name for path in here.iterdir()) == ["in.jsonl", "out.jsonl", "out.jsonl.checkpoint"]
    assert main(["bulk", "m", "-", "out.jsonl", "--resume"]) == 2


def test_ctrl_c_while_standard_input_is_awaited_ends_at_once(local: ThreadedLocalSageMaker, here: Path) -> None:
    with started("m", "-", "out.jsonl", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b'{"n": 1}\n' * 50_000)  # more than a pipe holds: whoever has written it is being read
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert not (here / "out.jsonl").exists()


@pytest.fixture
def s3(local: ThreadedLocalSageMaker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket on loopback, and boto3's client of it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    yield client
    client.close()
    server.stop()


def test_objects_of_s3_are_downloaded_scored_and_uploaded(
    s3: Any, local: ThreadedLocalSageMaker, model: Model, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers(here / "in.jsonl", 30)
    s3.upload_file("in.jsonl", "bucket", "data/in.jsonl")
    (here / "in.jsonl").unlink()
    (here / "kept").mkdir()
    arguments = ["bulk", "m", "s3://bucket/data/in.jsonl", "s3://bucket/data/out.jsonl", "--work-dir", "kept"]
    assert main(arguments) == 3
    s3.download_file("bucket", "data/out.jsonl", "got.jsonl")
    assert sorted(outcomes(here / "got.jsonl")) == list(range(30))
    assert sorted(path.name for path in (here / "kept").iterdir()) == [
        "out.jsonl",
        "out.jsonl.checkpoint",
        "out.jsonl.input",
    ]
    assert main(arguments) == 2

    model.mended = True
    assert main([*arguments, "--resume", "--retry-failed"]) == 0
    s3.download_file("bucket", "data/out.jsonl", "got.jsonl")
    assert {error for _, _, error, _ in outcomes(here / "got.jsonl").values()} == {None}
    assert list((here / "kept").iterdir()) == []
    capsys.readouterr()
    for options in ([], ["--resume"]):
        assert main([*arguments, *options]) == 2
        assert "there is no checkpoint of it here" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0


def test_an_object_of_s3_that_changed_is_another_input(
    s3: Any, local: ThreadedLocalSageMaker, model: Model, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["bulk", "m", "s3://bucket/in.jsonl", "out.jsonl"]
    assert main(arguments) == 1
    assert "404" in capsys.readouterr().err
    s3.put_object(Bucket="bucket", Key="in.jsonl", Body=b'{"n": 7}\n')
    assert main(arguments) == 3
    (here / "out.jsonl.input").unlink()
    assert main([*arguments, "--resume"]) == 3
    s3.put_object(Bucket="bucket", Key="in.jsonl", Body=b'{"n": 8}\n')
    assert main([*arguments, "--resume"]) == 2
    assert "belongs to another input: it was object s3://bucket/in.jsonl, bytes 9" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0


def test_a_bucket_that_is_missing_is_noticed_first_and_one_that_goes_missing_can_be_made_up_for(
    s3: Any, local: ThreadedLocalSageMaker, model: Model, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers(here / "in.jsonl", 5)
    arguments = ["bulk", "m", "in.jsonl", "s3://other/out.jsonl"]
    assert main(arguments) == 1
    assert "NoSuchBucket" in capsys.readouterr().err
    assert not model.asked
    s3.create_bucket(Bucket="other")
    model.at, model.then = 3, lambda: s3.delete_bucket(Bucket="other")
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert "could not be uploaded to 's3://other/out.jsonl'" in told
    assert "To continue: sagemaker-async bulk m in.jsonl s3://other/out.jsonl --resume" in told
    s3.create_bucket(Bucket="other")
    assert main([*arguments, "--resume"]) == 0
    assert model.asked.total() == 5
    assert s3.get_object(Bucket="other", Key="out.jsonl")["ContentLength"] > 0
    assert [path.name for path in here.iterdir()] == ["in.jsonl"]


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_the_bar_is_shown_on_a_terminal_alone(local: ThreadedLocalSageMaker, model: Model, here: Path) -> None:
    numbers(here / "in.jsonl", 40)
    ours, theirs = pty.openpty()
    process = started(
        "m", "in.jsonl", "out.jsonl", stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    )
    os.close(theirs)
    shown = b""
    with io.FileIO(ours) as terminal:
        try:
            while data := terminal.read(65_536):
                shown += data
        except OSError:  # Linux's way to say that the other end is closed
            pass
    assert process.wait(60) == 3
    for words in (b"40", b"/s", b"2 failed", b"all records 40 finished"):
        assert words in shown


def test_an_asynchronous_endpoint_is_asked_for_jobs(
    local: ThreadedLocalSageMaker, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", local.url)
    local.add_endpoint("jobs", lambda body: ModelResponse(b'{"got": %s}' % body, JSON), asynchronous=True)
    (here / "in.jsonl").write_text('{"id": "a", "n": 1}\n{"id": "b", "n": 2}\n')
    arguments = ["bulk", "jobs", "in.jsonl", "out.jsonl", "--id", "id", "--asynchronous"]
    assert main([*arguments, "--target-model", "m"]) == 2
    assert "target_model" in capsys.readouterr().err
    assert main(arguments) == 0
    assert {key: line[1] for key, line in outcomes(here / "out.jsonl").items()} == {
        0: {"got": {"n": 1}},
        1: {"got": {"n": 2}},
    }
    assert len(local.async_invocations) == 2
