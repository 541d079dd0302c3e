"""The command line before any command runs: help, version, wrong usage, and what it costs."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module, metadata

import pytest

from sagemaker_async.cli import COMMANDS, main

HEAVY = ("pydantic", "botocore", "rich", "fastapi", "uvicorn", "numpy")


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"sagemaker-async {metadata.version('sagemaker-async')}\n"


def test_without_a_command_the_help_is_shown_as_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert set(COMMANDS) <= {line.split()[0] for line in captured.err.splitlines() if line.startswith("    ")}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_a_module_that_runs_it(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"usage: sagemaker-async {command} " in capsys.readouterr().out
    assert callable(import_module(f"sagemaker_async.cli.{command}").run)


@pytest.mark.parametrize(
    "argv",
    [
        ["unknown"],
        ["invoke"],
        ["invoke", "e", "body", "more"],
        ["invoke", "e", "--timeout", "soon"],
        ["invoke", "e", "--tokens"],
        ["stream", "e", "--target-model", "m"],
        ["stream", "e", "--lines", "--tokens"],
        ["invoke", "e", "--reg", "us-east-1"],
        ["serve", "--port", "http"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_is_explained_with_status_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, json\nfrom sagemaker_async.cli import main\n"
        "try: main(['invoke', '--help'])\n"
        "finally: print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert "usage: sagemaker-async invoke" in ran.stdout
    assert not set(HEAVY) & set(json.loads(ran.stderr))
