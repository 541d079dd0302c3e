"""The examples run, each as a user would run it; the notebook is run where its kernel is, in `tests/docs`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sagemaker_async.examples.__main__ import EXAMPLES, purpose
from sagemaker_async.local import LocalSageMaker, TextModel

RUN = (sys.executable, "-W", "error", "-m", "sagemaker_async.examples")
SERVICES = {"fastapi_chat"}
NOTEBOOKS = {name for name, path in EXAMPLES.items() if path.suffix == ".ipynb"}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [*RUN, *arguments], capture_output=True, text=True, timeout=120, check=False, env={**bare, **environment}
    )


def test_without_a_name_all_examples_are_listed_with_their_purpose() -> None:
    listed = run()
    assert (listed.returncode, listed.stderr) == (0, "")
    purposes = dict(line.split(maxsplit=1) for line in listed.stdout.splitlines())
    assert purposes == {name: purpose(path) for name, path in EXAMPLES.items()}
    assert all(purposes.values())


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short_enough_to_copy(name: str) -> None:
    assert len(EXAMPLES[name].read_text().splitlines()) < 80


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - SERVICES - NOTEBOOKS))
def test_an_example_runs_against_an_embedded_sagemaker(name: str, tmp_path: Path) -> None:
    ran = run(name, COUNT="200", TICKET=str(tmp_path / "job.json"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout


def test_an_example_runs_against_an_endpoint_that_is_named() -> None:
    with LocalSageMaker.in_thread() as local:
        endpoint = local.add_endpoint("theirs", TextModel())
        ran = run(
            "script",
            "--endpoint-name=theirs",
            AWS_ENDPOINT_URL=local.url,
            AWS_REGION="us-east-1",
            AWS_ACCESS_KEY_ID=local.credentials.access_key_id,
            AWS_SECRET_ACCESS_KEY=local.credentials.secret_access_key,
        )
        assert ran.returncode == 0, ran.stderr
        assert endpoint.invocations == 4


@contextmanager
def served(name: str) -> Iterator[str]:
    """Run an example that is a service, on a free port, and yield its URL once it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*RUN, name], env={**os.environ, "PORT": str(port)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:  # ends when the process does
            if "Uvicorn running" in line:
                break
        else:
            pytest.fail(f"the example ended with status {process.wait()}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_the_chat_service_has_a_page_and_streams_tokens() -> None:
    with served("fastapi_chat") as url:
        with urllib.request.urlopen(url, timeout=30) as page:
            assert b'fetch("/chat"' in page.read()
        question = urllib.request.Request(
            f"{url}/chat", json.dumps({"inputs": "The sea was"}).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(question, timeout=30) as answer:
            events = answer.read().decode()
    assert events.count("data: ") > 10
    assert events.endswith("event: done\ndata: {}\n\n")


def test_an_example_whose_library_is_absent_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "uvicorn.py").write_text('raise ImportError("there is no uvicorn here")')
    ran = run("fastapi_chat", PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    assert ran.returncode == 2
    assert "pip install 'sagemaker-async[examples]'" in ran.stderr
