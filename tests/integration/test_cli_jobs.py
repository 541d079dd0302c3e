"""``sagemaker-async submit`` and ``result`` against the embedded SageMaker, also as two processes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async.cli import main
from sagemaker_async.local import AsyncInference, LocalSageMaker, ModelFailure, ThreadedLocalSageMaker

COMMAND = [sys.executable, "-W", "error", "-m", "sagemaker_async.cli"]


@pytest.fixture
def local(clean_environment: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedLocalSageMaker]:
    with LocalSageMaker.in_thread() as local:
        variables = {
            "AWS_ENDPOINT_URL": local.url,
            "AWS_ACCESS_KEY_ID": local.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": local.credentials.secret_access_key,
            "AWS_REGION": "us-east-1",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield local


def model(body: bytes) -> bytes:
    if body == b"bad":
        raise ModelFailure(500, "out of memory")
    return body[::-1]


def test_what_is_submitted_can_be_fetched_by_another_process(local: ThreadedLocalSageMaker, tmp_path: Path) -> None:
    local.add_endpoint("e", model, asynchronous=True)
    job, answer = tmp_path / "job.json", tmp_path / "answer"
    options: dict[str, Any] = {"timeout": 60, "capture_output": True}
    subprocess.run([*COMMAND, "submit", "e", "abc", "--inference-id", "mine", "-o", str(job)], check=True, **options)
    assert json.loads(job.read_text())["inference_id"] == "mine"
    ran = subprocess.run([*COMMAND, "result", f"@{job}", "-o", str(answer)], check=True, **options)
    assert answer.read_bytes() == b"cba"
    assert [line.split()[:2] for line in ran.stderr.decode().splitlines()] == [
        ["mine", "InProgress"],
        ["mine", "Completed"],
    ]


def test_submitting_can_wait(
    local: ThreadedLocalSageMaker, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    local.add_endpoint("e", model, asynchronous=True)
    local.objects["s3://bucket/in"] = b"stored"
    assert main(["submit", "e", "--input", "s3://bucket/in", "--wait", "--ttl", "60", "--filename", "x.out"]) == 0
    assert capfdbinary.readouterr().out == b"derots"
    sent = next(request.headers for request in local.requests if request.target.startswith("/endpoints/"))
    assert (sent["X-Amzn-SageMaker-RequestTTLSeconds"], sent["X-Amzn-SageMaker-Filename"]) == ("60", "x.out")


def test_the_status_can_be_asked_for(
    local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    endpoint = local.add_endpoint("e", model, asynchronous=AsyncInference(instances=0))
    job = tmp_path / "job"
    assert main(["submit", "e", '{"a": 1}', "-o", str(job)]) == 0
    assert main(["result", f"@{job}", "--status"]) == 0
    assert main(["result", f"@{job}", "--limit", "0"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "InProgress\n"
    assert "Inference could still be running" in captured.err
    endpoint.scale(1)
    assert local.async_invocations[0].wait()
    assert main(["result", f"@{job}", "--status"]) == 0
    assert capsys.readouterr().out == "Completed\n"


def test_a_failure_is_reported_with_status_1(local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]) -> None:
    local.add_endpoint("e", model, asynchronous=True)
    assert main(["submit", "e", "bad", "--wait"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert 'Received server error (500) from primary with message "out of memory"' in captured.err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["submit", "e", "body", "--input", "s3://bucket/key"], "not both"),
        (["submit", "e", "--input", "key"], "s3://my-bucket"),
        (["submit", "e", "body", "--ttl", "5"], "request_ttl_seconds"),
        (["result", "{}"], "not a job"),
        (["result", "nonsense"], "not JSON"),
        (["result", "@/nonexistent"], "cannot be read"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_is_said_with_status_2_and_nothing_is_sent(
    local: ThreadedLocalSageMaker,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    argv: list[str],
    words: str,
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    assert main(argv) == 2
    assert words in capsys.readouterr().err
    assert not local.requests
