"""The command line before any command runs: help, version, wrong usage, and what it costs."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib import import_module, metadata

import pytest

from sagemaker_async import cli
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


@pytest.mark.parametrize("body", ["hello", "@prompt.json", "-"])
@pytest.mark.parametrize("command", ["invoke", "stream", "submit"])
def test_the_body_may_stand_before_and_after_options(command: str, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []

    def run(arguments: argparse.Namespace) -> int:
        told.append((arguments.body, arguments.content_type))
        return 0

    monkeypatch.setattr(cli, "COMMANDS", {command: run})
    options = ["--content-type", "text/csv"]
    assert cli.main([command, "e", body, *options]) == 0
    assert cli.main([command, "e", *options, body]) == 0
    assert cli.main([command, *options, "e", body]) == 0

    assert told == [(body, "text/csv")] * 3


@pytest.mark.parametrize("extra", [["one", "two"], ["--wrong"], ["hello", "--wrong"]])
def test_what_is_left_over_is_refused(extra: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["invoke", "e", "--content-type", "text/csv", *extra])

    assert "unrecognized arguments" in capsys.readouterr().err
