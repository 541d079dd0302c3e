"""The command line against the embedded SageMaker: in this process, and as the process that users start."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sagemaker_async.cli import demo, main
from sagemaker_async.cli.checks import CHECKS, Check, CheckFailed, Stage, tried
from sagemaker_async.config import Credentials
from sagemaker_async.local import (
    CutFrame,
    InStreamError,
    InvocationRequest,
    LocalSageMaker,
    ModelFailure,
    ModelResponse,
    Stall,
    Status,
    TextModel,
    ThreadedLocalSageMaker,
)
from sagemaker_async.session import Session

COMMAND = [sys.executable, "-W", "error", "-m", "sagemaker_async.cli"]
PROMPT = '{"inputs": "The keeper", "parameters": {"max_new_tokens": 5}, "stream": true}'
POSIX = pytest.mark.skipif(os.name == "nt", reason="signals and SIGPIPE are POSIX's")


def environment(local: ThreadedLocalSageMaker) -> dict[str, str]:
    """The variables that lead a client to the embedded SageMaker, and away from this machine's own settings."""
    return {
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": local.url,
        "AWS_ACCESS_KEY_ID": local.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": local.credentials.secret_access_key,
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "2",
    }


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedLocalSageMaker]:
    """An embedded SageMaker that this process and its children call without being told."""
    for name in os.environ:
        if name.startswith("AWS_") or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    with LocalSageMaker.in_thread() as local:
        local.add_endpoint("echo", lambda body: body)
        local.add_endpoint("text", TextModel())
        for name, value in environment(local).items():
            monkeypatch.setenv(name, value)
        yield local


@contextlib.contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process of its own, which is gone at the end whatever happens."""
    # A shell has what it runs in the background ignore SIGINT, and so would the command.
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
    finally:
        signal.signal(signal.SIGINT, ours)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


# --- invoke ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"\x00\xff no line end", b"text\n", b""])
def test_invoke_prints_the_answer_byte_for_byte(
    local: ThreadedLocalSageMaker,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    body: bytes,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))
    assert main(["invoke", "echo", "-"]) == 0
    assert capfdbinary.readouterr() == (body, b"")


def test_invoke_sends_what_the_options_say(local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[InvocationRequest] = []

    def model(body: bytes, request: InvocationRequest) -> bytes:
        seen.append(request)
        return body

    local.add_endpoint("model", model, variants=["a", "b"])
    argv = ["invoke", "model", "1,2", "--content-type", "text/csv", "--accept", "application/jsonlines"]
    argv += ["--target-variant", "b", "--target-model", "m.tar.gz", "--inference-id", "id-7"]
    assert main([*argv, "--custom-attributes", "trace=1"]) == 0
    (request,) = seen
    assert request.body == b"1,2"
    assert (request.content_type, request.accept) == ("text/csv", "application/jsonlines")
    assert (request.target_variant, request.target_model) == ("b", "m.tar.gz")
    assert (request.inference_id, request.custom_attributes) == ("id-7", "trace=1")


def test_include_shows_what_travels_beside_the_answer_on_standard_error(
    local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    local.add_endpoint("model", lambda body: ModelResponse(b"x", "text/plain", custom_attributes="a=1"))
    assert main(["invoke", "model", "{}", "-i", "--session-id", "NEW_SESSION"]) == 0
    captured = capsys.readouterr()
    rows = dict(line.split(": ", 1) for line in captured.err.splitlines())
    assert captured.out == "x"
    assert re.fullmatch(r"[0-9a-f-]{36}", rows.pop("request-id"))
    assert "Expires=" in rows.pop("new-session-id")
    assert rows == {
        "status": "200",
        "attempts": "1",
        "content-type": "text/plain",
        "invoked-production-variant": "AllTraffic",
        "custom-attributes": "a=1",
    }


def test_output_writes_a_file_and_nothing_else(
    local: ThreadedLocalSageMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["invoke", "echo", "answer", "-o", str(tmp_path / "file")]) == 0
    assert (tmp_path / "file").read_bytes() == b"answer"
    assert capsys.readouterr() == ("", "")


def test_a_failed_call_leaves_an_older_file_alone(local: ThreadedLocalSageMaker, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    assert main(["invoke", "no-such", "x", "-o", str(tmp_path / "file")]) == 1
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize("command", ["invoke", "stream"])
def test_an_impossible_output_is_found_before_anything_is_sent(
    local: ThreadedLocalSageMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    for path in (tmp_path, tmp_path / "missing" / "file"):
        assert main([command, "echo", "x", "-o", str(path)]) == 2
        assert "must be a file in an existing directory" in capsys.readouterr().err
    assert local.requests == []


def test_on_a_terminal_text_ends_its_line_and_other_bytes_are_held_back(
    local: ThreadedLocalSageMaker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    local.add_endpoint("binary", lambda body: b"\x00\x01")
    assert main(["invoke", "echo", "hello"]) == 0
    assert main(["invoke", "echo", "hello\n"]) == 0
    assert main(["invoke", "binary", "x"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "hello\nhello\n"
    assert "2 bytes of application/octet-stream, which is not text" in captured.err


@pytest.mark.parametrize("command", ["invoke", "stream"])
def test_a_model_error_says_where_its_log_is(
    local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    def model(body: bytes) -> bytes:
        raise ModelFailure(500, "no\x1b[31mGPU")

    local.add_endpoint("broken", model)
    assert main([command, "broken", "x"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("sagemaker-async: InvokeEndpoint")
    assert "on 'broken': HTTP 424 ModelError" in captured.err
    assert "no\\x1b[31mGPU" in captured.err
    assert re.search(r"request id [0-9a-f-]{36}", captured.err)
    assert "The container's log: https://us-east-1.console.aws.amazon.com/cloudwatch/" in captured.err
    assert captured.err.count("\n") == 1


def test_every_attempt_of_a_failed_call_is_told(
    local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    local.script("echo", [Status(503, "ServiceUnavailable"), Status(500, "InternalFailure")])
    assert main(["invoke", "echo", "x"]) == 1
    assert "Attempts: 1. 503 ServiceUnavailable; 2. 500 InternalFailure." in capsys.readouterr().err


def test_timeout_is_that_of_the_whole_call(local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]) -> None:
    local.script("echo", [Stall()])
    assert main(["invoke", "echo", "x", "--timeout", "0.05"]) == 1
    assert "TotalTimeoutError: InvokeEndpoint on 'echo'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["invoke", "not/a/name", "x"], "endpoint_name (EndpointName)"),
        (["invoke", "echo", "x", "--target-variant", "a b"], "target_variant (TargetVariant)"),
        (["invoke", "echo", "@/no/such/file"], "the body cannot be read from '/no/such/file'"),
        (["invoke", "echo", "x", "--endpoint-url", "nowhere"], "endpoint_url"),
        (["invoke", "echo", "x", "--timeout", "0"], "timeout"),
        (["invoke", "echo", "x", "--profile", "no-such-profile"], "no-such-profile"),
        (["stream", "echo", "x", "--dialect", "tgi"], "--dialect is the format of tokens, so it needs --tokens"),
        (["stream", "echo", "x", "--tokens", "--dialect", "klingon"], "unknown dialect 'klingon'"),
        (
            ["stream", "echo", "x", "--chat", "--dialect", "tgi"],
            "--dialect is the format of tokens, so it needs --tokens",
        ),
        (["stream", "echo", '[{"role": "user"}]', "--chat"], "messages[0].content: is missing"),
        (["stream", "echo", "caf\udce9", "--chat"], "what is said in a chat must be UTF-8"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_before_the_call_ends_with_2_and_sends_nothing(
    local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str], argv: list[str], said: str
) -> None:
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.startswith("sagemaker-async: ")
    assert (captured.out, local.requests) == ("", [])


def test_a_missing_region_is_told_with_the_places_to_set_it(
    local: ThreadedLocalSageMaker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_REGION")
    assert main(["invoke", "echo", "x"]) == 2
    assert "AWS_REGION" in capsys.readouterr().err
    assert main(["invoke", "echo", "x", "--region", "us-east-1"]) == 0


def test_the_url_of_the_command_line_wins(
    local: ThreadedLocalSageMaker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://127.0.0.1:1")
    assert main(["invoke", "echo", "x", "--endpoint-url", local.url]) == 0
    assert capsys.readouterr().out == "x"


# --- stream ----------------------------------------------------------------------------------------------------------


def test_stream_prints_the_parts_as_they_are(
    local: ThreadedLocalSageMaker, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    local.add_endpoint("parts", lambda body: iter([b"\xff", b"a\nb", b"\x00"]))
    assert main(["stream", "parts", "x"]) == 0
    assert capfdbinary.readouterr() == (b"\xffa\nb\x00", b"")


def test_stream_prints_whole_lines(local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]) -> None:
    local.add_endpoint("lines", lambda body: iter(["on", "e\ntw", "o"]))
    assert main(["stream", "lines", "x", "--lines", "--stats"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "one\ntwo\n"
    assert re.match(r"first line after [\d.]+ ms \(connecting included\); 2 lines and 8 bytes in ", captured.err)


def test_stream_prints_tokens_and_how_fast_they_came(
    local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stream", "text", PROMPT, "--tokens", "--stats", "-i"]) == 0
    captured = capsys.readouterr()
    assert captured.out == " read the pages by the"
    assert "content-type: text/event-stream\n" in captured.err
    assert "; 5 tokens and 22 bytes in " in captured.err


def test_the_dialect_may_be_given(local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stream", "echo", "plain text", "--tokens", "--dialect", "raw"]) == 0
    assert capsys.readouterr().out == "plain text"


def chunk(finish_reason: str | None = None, **delta: object) -> bytes:
    record = {"choices": [{"delta": delta, "finish_reason": finish_reason}]}
    return b"data: " + json.dumps(record).encode() + b"\n\n"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("Why?", {"messages": [{"role": "user", "content": "Why?"}]}),
        ('{"why": 1}', {"messages": [{"role": "user", "content": '{"why": 1}'}]}),
        ('[{"role": "system", "content": "Why?"}]', {"messages": [{"role": "system", "content": "Why?"}]}),
        (
            '{"messages": [{"role": "user", "content": "a"}], "max_tokens": 5, "stream": false}',
            {"messages": [{"role": "user", "content": "a"}], "max_tokens": 5},
        ),
    ],
)
def test_stream_chats_and_shows_what_the_model_thinks_says_and_wants_called(
    local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str], given: str, sent: dict[str, object]
) -> None:
    seen: list[dict[str, object]] = []

    def model(body: bytes) -> Iterator[bytes]:
        seen.append(json.loads(body))
        yield chunk(reasoning_content="Let me ") + chunk(reasoning_content="see.")
        yield chunk(content="Because ") + chunk(content="of Zürich.")
        yield chunk(tool_calls=[{"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a":'}}])
        yield chunk(tool_calls=[{"index": 1, "id": "d", "function": {"name": "g", "arguments": ""}}])
        yield chunk("tool_calls", tool_calls=[{"index": 0, "function": {"arguments": ' "ü"}'}}])

    local.add_endpoint("chat", model)
    assert main(["stream", "chat", given, "--chat", "--stats"]) == 0
    captured = capsys.readouterr()
    said, first, second = captured.out.splitlines()
    assert said == "Because of Zürich."
    assert json.loads(first) == {"id": "c", "name": "f", "arguments": '{"a": "ü"}'}
    assert json.loads(second) == {"id": "d", "name": "g", "arguments": ""}
    assert captured.err.startswith("Let me see.\nfirst token after ")
    assert "; 7 tokens and " in captured.err
    assert seen == [{**sent, "stream": True}]


def test_nothing_at_all_is_a_stream_too(local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]) -> None:
    local.add_endpoint("nothing", lambda body: iter(()))
    assert main(["stream", "nothing", "x", "--stats"]) == 0
    assert capsys.readouterr() == ("", "no part arrived\n")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (CutFrame(after_parts=2), "TruncatedStreamError: InvokeEndpointWithResponseStream on 'text'"),
        (InStreamError(code="StreamBroken", message="gone", after_parts=2), "gone"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_stream_that_breaks_off_is_printed_so_far_and_fails(
    local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str], fault: CutFrame | InStreamError, said: str
) -> None:
    local.script("text", [fault])
    assert main(["stream", "text", PROMPT, "--tokens"]) == 1
    captured = capsys.readouterr()
    assert captured.out == " read the"
    assert said in captured.err


def test_stream_writes_a_file(local: ThreadedLocalSageMaker, tmp_path: Path) -> None:
    assert main(["stream", "text", PROMPT, "--tokens", "-o", str(tmp_path / "file")]) == 0
    assert (tmp_path / "file").read_text() == " read the pages by the"


# --- as a process ----------------------------------------------------------------------------------------------------


@POSIX
def test_ctrl_c_closes_the_stream_and_ends_with_130(local: ThreadedLocalSageMaker) -> None:
    endpoint = local.script("text", [Stall(after_parts=1)])
    with started("stream", "text", PROMPT, "--tokens") as process:
        assert process.stdout is not None
        assert process.stdout.read(5) == b" read"
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
        assert (process.returncode, rest, errors) == (130, b"", b"")
    endpoint.wait_until(lambda e: e.abandoned_streams == 1)


@POSIX
def test_a_reader_that_leaves_ends_the_stream_quietly(local: ThreadedLocalSageMaker) -> None:
    async def endless(body: bytes) -> AsyncIterator[bytes]:
        while True:
            yield b"more\n" * 10_000

    endpoint = local.add_endpoint("endless", endless)
    with started("stream", "endless", "x") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(5) == b"more\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 141
    endpoint.wait_until(lambda e: e.abandoned_streams == 1)


def test_verbose_logs_to_standard_error_and_leaves_logging_as_it_was(
    local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n")
    argv = ["serve", "--port", "0", "--endpoint", f"e={tmp_path / 'broken.py'}"]
    assert main(argv) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert main([*argv, "-v"]) == 2
    assert "Traceback" in capsys.readouterr().err
    assert main(argv) == 2
    assert "Traceback" not in capsys.readouterr().err


# --- serve -----------------------------------------------------------------------------------------------------------


@POSIX
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM], ids=lambda value: value.name)
def test_serve_prints_what_to_paste_and_stops_on_a_signal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, stop: signal.Signals
) -> None:
    import boto3

    (tmp_path / "inference.py").write_text("def predict_fn(data, model): return {'got': data}\n")
    with started("serve", "--port", "0", "--endpoint", f"mine={tmp_path}", "--endpoint", "e=echo") as process:
        assert process.stdout is not None
        printed = ""
        while "/invocations" not in printed:
            line = process.stdout.readline().decode()
            assert line, process.stderr.read() if process.stderr else ""
            printed += line
        assert "endpoints: mine, e." in printed
        for name in list(os.environ):
            if name.startswith("AWS_"):
                monkeypatch.delenv(name)
        for name, value in re.findall(r"export (\w+)=(\S+)", printed):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        assert main(["invoke", "mine", '{"a": 1}']) == 0
        assert json.loads(capsys.readouterr().out) == {"got": {"a": 1}}
        made = re.search(r"client = (boto3\.client\(.*\))", printed)
        called = re.search(r"(client\.invoke_endpoint\(.*)", printed)
        assert made is not None
        assert called is not None
        client = eval(made[1], {"boto3": boto3})
        try:
            assert b"The keeper" in eval(called[1], {"client": client})
        finally:
            client.close()
        process.send_signal(stop)
        rest, errors = process.communicate(timeout=60)
        assert (process.returncode, rest, errors) == (0, b"", b"")


def printed_by(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    printed = ""
    while "/invocations" not in printed:
        line = process.stdout.readline().decode()
        assert line
        printed += line
    return printed


@POSIX
def test_serve_runs_what_clients_create_and_keeps_it_over_a_restart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import boto3

    (tmp_path / "inference.py").write_text("def predict_fn(data, model): return {'got': data}\n")
    serve = ("serve", "--port", "0", "--state", str(tmp_path / "state.json"))
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)

    def settings(printed: str) -> None:
        found = dict(re.findall(r"export (\w+)=(\S+)", printed))
        assert "AWS_ENDPOINT_URL" in found
        for name, value in found.items():
            monkeypatch.setenv(name, value)

    with started(*serve, "--model", f"mine={tmp_path}") as process:
        settings(printed_by(process))
        client = boto3.client("sagemaker")  # the one variable leads it to the control plane as well
        role = "arn:aws:iam::123456789012:role/hosting"
        for name in ("mine", "other"):
            variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
            client.create_model(ModelName=name, PrimaryContainer={"Image": "img"}, ExecutionRoleArn=role)
            client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
            client.create_endpoint(EndpointName=name, EndpointConfigName=name)
        client.close()
        assert main(["invoke", "mine", '{"a": 1}']) == 0
        assert json.loads(capsys.readouterr().out) == {"got": {"a": 1}}
        assert main(["invoke", "other", "{}"]) == 1
        assert "sagemaker-async serve --model other=SPEC" in capsys.readouterr().err
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    with started(*serve, "--model", f"mine={tmp_path}", "--model", "other=echo") as process:
        settings(printed_by(process))
        assert main(["endpoints", "list", "--json"]) == 0
        listed = {each["EndpointName"]: each for each in json.loads(capsys.readouterr().out)}
        assert sorted(listed) == ["echo", "mine", "other", "text"]
        assert listed["mine"]["EndpointStatus"] == "InService"
        assert main(["invoke", "mine", '{"a": 2}']) == 0
        assert json.loads(capsys.readouterr().out) == {"got": {"a": 2}}
        assert main(["invoke", "other", "echoed"]) == 0
        assert capsys.readouterr().out == "echoed"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_serve_refuses_addresses_that_others_reach_unless_told(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", host]) == 2
    assert "--allow-remote" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["serve"], ["demo", "--web"]])
def test_a_server_says_that_the_port_is_taken(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main([*command, "--port", str(port)]) == 2
    assert f"cannot listen on 127.0.0.1 port {port}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "argv",
    [
        ["--port", "70000"],
        ["--endpoint", "a b=echo"],
        ["--region", "nowhere!"],
        ["--model", "m"],
        ["--model", "m=nowhere"],
        ["--state", "/nowhere/state.json"],
    ],
    ids=" ".join,
)
def test_serve_names_the_option_that_is_wrong(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "0", *argv]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("sagemaker-async: ")
    if argv[0] == "--model":
        assert "--model" in errors


# --- demo ------------------------------------------------------------------------------------------------------------


def test_the_demo_ends_by_itself_with_status_0_and_readable_output(local: ThreadedLocalSageMaker) -> None:
    ran = subprocess.run([*COMMAND, "demo"], capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
    text = ran.stdout.decode()
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 120
    assert text.count("The keeper read the pages by the window") == 2
    assert re.search(r"time to first token +[\d.]+ ms +the model waits 20 ms", text)
    assert re.search(r"tokens/s +[\d.]+ +at most 50\.0", text)
    assert text.count("  ok      ") == len(CHECKS)
    assert "FAILED" not in text
    assert f"{len(CHECKS)} of {len(CHECKS)} verified" in text
    assert local.requests == []  # it calls its own server whatever the environment says


def test_a_check_that_fails_makes_the_demo_fail_and_the_others_still_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fails(stage: Stage) -> str:
        raise CheckFailed("it is not so")

    async def breaks(stage: Stage) -> str:
        await stage.session.runtime.invoke_endpoint(endpoint_name="no-such", body=b"")
        return "never"

    monkeypatch.setattr(demo, "CHECKS", (Check("claim a", fails), Check("claim b", breaks), CHECKS[-1]))
    assert main(["demo", "--tokens", "2", "--token-delay", "0"]) == 1
    out = capsys.readouterr().out
    assert "FAILED  claim a\n          it is not so\n" in out
    assert "FAILED  claim b\n          ValidationError: " in out
    assert "1 of 3 verified" in out


@pytest.mark.parametrize(
    "argv",
    [
        ["--prompt", "The boats have seen the light, and that is enough."],  # where the model may end at once
        ["--prompt", "", "--tokens", "1"],
        ["--prompt", "grün 海 [bold]", "--tokens", "300"],
    ],
    ids=["natural end", "one token", "long"],
)
def test_the_demo_holds_for_other_prompts(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--token-delay", "0", *argv]) == 0
    assert "FAILED" not in capsys.readouterr().out


@pytest.mark.parametrize("argv", [["--tokens", "0"], ["--tokens", "5000"], ["--token-delay", "-1"]], ids=" ".join)
def test_the_demo_refuses_impossible_numbers(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", *argv]) == 2
    assert capsys.readouterr().err.startswith("sagemaker-async: ")


async def stream_something_else(stage: Stage, cleanup: AsyncExitStack) -> Stage:
    return dataclasses.replace(stage, streamed=stage.streamed + "!")


async def send_an_unsigned_request(stage: Stage, cleanup: AsyncExitStack) -> Stage:
    url = urlsplit(stage.local.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(b"POST /endpoints/text/invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert b"403" in await reader.readline()
    writer.close()
    await writer.wait_closed()
    return stage


async def accept_the_wrong_secret(stage: Stage, cleanup: AsyncExitStack) -> Stage:
    right = stage.local.credentials
    stage.local.accept_credentials(Credentials(right.access_key_id, right.secret_access_key[::-1]))
    return stage


async def add_the_unknown_endpoint(stage: Stage, cleanup: AsyncExitStack) -> Stage:
    stage.local.add_endpoint("no-such-endpoint", lambda body: body)
    return stage


async def fail_before_the_throttling(stage: Stage, cleanup: AsyncExitStack) -> Stage:
    stage.local.script(stage.endpoint, [Status(500, "InternalFailure")])
    return stage


async def do_not_cut(stage: Stage, cleanup: AsyncExitStack) -> Stage:
    stage.local.script(stage.endpoint, [None])
    return stage


async def garble_the_echo(stage: Stage, cleanup: AsyncExitStack) -> Stage:
    stage.local.remove_endpoint(stage.echo)
    stage.local.add_endpoint(stage.echo, lambda body: b"gr?n")
    return stage


async def keep_a_stream_open(stage: Stage, cleanup: AsyncExitStack) -> Stage:
    stage.local.script(stage.endpoint, [Stall(after_parts=0)])
    await cleanup.enter_async_context(stage.stream())
    return stage


Sabotage = Callable[[Stage, AsyncExitStack], Awaitable[Stage]]
SABOTAGES: dict[str, Sabotage] = {
    "the streamed tokens add up to the prediction": stream_something_else,
    "every request was signed, and the server accepted it": send_an_unsigned_request,
    "a wrong secret is refused": accept_the_wrong_secret,
    "an unknown endpoint is refused": add_the_unknown_endpoint,
    "a throttled call is repeated": fail_before_the_throttling,
    "a stream that is cut inside a frame is an error, not an end": do_not_cut,
    "a character that is split across parts arrives whole": garble_the_echo,
    "leaving a stream early closes its connection": keep_a_stream_open,
    "after all that, nothing is left open": keep_a_stream_open,
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.claim)
async def test_each_check_of_the_demo_passes_and_can_fail(check: Check) -> None:
    request: dict[str, object] = {"inputs": "The keeper", "parameters": {"max_new_tokens": 3}}
    async with LocalSageMaker() as local, Session(**local.client_options) as session, AsyncExitStack() as cleanup:
        local.add_endpoint("text", TextModel())
        local.add_endpoint("echo", lambda body: body)
        answer = await session.runtime.invoke_endpoint(endpoint_name="text", body=json.dumps(request))
        text = json.loads(answer.body)["generated_text"]
        stage = Stage(
            local=local, session=session, endpoint="text", echo="echo", request=request, predicted=text, streamed=text
        )
        passed = await tried(check, stage)
        assert passed.passed, passed.evidence
        stage = await SABOTAGES[check.claim](stage, cleanup)
        failed = await tried(check, stage)
        assert not failed.passed, failed.evidence
        assert failed.evidence


# --- openai ----------------------------------------------------------------------------------------------------------


@POSIX
def test_openai_serves_an_endpoint_to_clients_of_openais_api(
    local: ThreadedLocalSageMaker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "templates.py").write_text("def plain(messages): return messages[-1]['content']\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOOR_KEY", "s3cret")
    options = ("--takes", "inputs", "--prompt", "templates:plain", "--api-key-env", "DOOR_KEY")
    with started("openai", "--port", "0", "--model", "mine=text", *options) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        assert "with the models mine - Ctrl-C stops it." in line
        url = re.findall(r"http://\S+/v1", line)[0]
        fields = {"model": "mine", "messages": [{"role": "user", "content": "The keeper"}], "stream": True}

        def ask(**headers: str) -> tuple[int, str]:
            request = urllib.request.Request(f"{url}/chat/completions", json.dumps(fields).encode())
            for name, value in {"content-type": "application/json", **headers}.items():
                request.add_header(name, value)
            try:
                with urllib.request.urlopen(request) as response:
                    return response.status, response.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read().decode()

        status, text = ask(authorization="Bearer s3cret")
        assert status == 200
        assert text.startswith('data: {"id":"chatcmpl-')
        assert text.endswith("data: [DONE]\n\n")
        assert ask(authorization="Bearer other")[0] == 401
        assert ask()[0] == 401
        assert ask(authorization="Bearer s3cret", origin="https://evil.example")[0] == 403
        assert ask(authorization="Bearer s3cret", host="evil.example")[0] == 403
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--model", "endpoint"], "--model takes NAME=ENDPOINT or NAME=ENDPOINT/COMPONENT, got 'endpoint'"),
        (["--model", "m=e", "--port", "70000"], "--port must be from 0"),
        (["--model", "m=e", "--host", "0.0.0.0"], "anyone who does can use your models; add --allow-remote"),
        (["--model", "m=e", "--api-key-env", "NO_SUCH_KEY"], "--api-key-env NO_SUCH_KEY: there is no such"),
        (["--model", "m=e", "--prompt", "nothing"], "--prompt takes module:callable"),
        (["--model", "m=e", "--prompt", "no_such_module:f"], "--prompt no_such_module:f: cannot be imported"),
        (["--model", "m=e", "--prompt", "os:sep"], "OpenAIModel.prompt must be a callable"),
        (["--model", "m=e", "--wait-for-capacity", "-1"], "WaitForCapacity.limit must be more than 0"),
    ],
)
def test_openai_names_the_option_that_is_wrong(
    local: ThreadedLocalSageMaker, argv: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["openai", *argv]) == 2
    assert words in capsys.readouterr().err
    assert local.requests == []
