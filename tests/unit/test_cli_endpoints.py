"""``sagemaker-async endpoints`` against the embedded SageMaker, and the status line it waits with."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from sagemaker_async.cli import main, status_line
from sagemaker_async.cli.status_line import StatusLine
from sagemaker_async.local import LocalSageMaker, ThreadedLocalSageMaker


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 99


@pytest.fixture
def local(clean_environment: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedLocalSageMaker]:
    with LocalSageMaker.in_thread() as local:
        for name in ("first", "my-endpoint", "zebra"):
            local.add_endpoint(name, lambda body: body)
        monkeypatch.setenv("AWS_ENDPOINT_URL", local.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", local.credentials.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", local.credentials.secret_access_key)
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        yield local


@pytest.fixture
def changing(local: ThreadedLocalSageMaker) -> ThreadedLocalSageMaker:
    """With an endpoint ``new`` that is being created."""
    import boto3

    client = boto3.client("sagemaker", **local.boto3_options)  # type: ignore[call-overload]
    client.create_endpoint(EndpointName="new", EndpointConfigName="first")
    client.close()
    return local


class TestListing:
    def test_a_line_per_endpoint(self, local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["endpoints", "list"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[:2] for line in lines] == [
            ["first", "InService"],
            ["my-endpoint", "InService"],
            ["zebra", "InService"],
        ]
        assert len({line.index("InService") for line in lines}) == 1
        assert all(line.endswith(" UTC") for line in lines)

    def test_json_is_an_array_of_awss_summaries(
        self, local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["endpoints", "list", "--json"]) == 0
        listed = json.loads(capsys.readouterr().out)
        assert [each["EndpointName"] for each in listed] == sorted(local.endpoints)
        assert {tuple(each) for each in listed} == {
            ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
        }
        assert main(["endpoints", "list", "--json", "--name-contains", "nothing"]) == 0
        answer = capsys.readouterr()
        assert (json.loads(answer.out), answer.err) == ([], "")

    @pytest.mark.parametrize(
        ("options", "names"),
        [(["--name-contains", "my"], ["my-endpoint"]), (["--status", "Failed"], [])],
    )
    def test_filters(
        self, local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str], options: list[str], names: list[str]
    ) -> None:
        assert main(["endpoints", "list", *options]) == 0
        captured = capsys.readouterr()
        assert [line.split()[0] for line in captured.out.splitlines()] == names
        assert ("no endpoints found" in captured.err) == (not names)


class TestDescribing:
    def test_json_under_awss_names(self, local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["endpoints", "describe", "my-endpoint"]) == 0
        described = json.loads(capsys.readouterr().out)
        assert (described["EndpointName"], described["EndpointStatus"]) == ("my-endpoint", "InService")
        assert described["ProductionVariants"][0]["VariantName"]
        assert "metadata" not in described

    def test_an_unknown_endpoint_fails(self, local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["endpoints", "describe", "nope"]) == 1
        assert "Could not find endpoint" in capsys.readouterr().err

    def test_a_wrong_name_is_wrong_usage(
        self, local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["endpoints", "describe", "a_b"]) == 2
        assert "Nothing was sent" in capsys.readouterr().err


class TestWaiting:
    def test_until_it_is_in_service(self, changing: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["endpoints", "wait", "new", "--interval", "0.01"]) == 0
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.splitlines()[-1] == "new  InService  0:00"

    def test_until_it_is_gone(self, local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["endpoints", "wait", "gone", "--deleted", "--interval", "0.01"]) == 0
        assert capsys.readouterr().err == "gone  deleted  0:00\n"

    def test_a_failure_ends_with_status_1_and_the_reason(
        self, local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]
    ) -> None:
        import boto3

        local.fail_next("CreateEndpoint", "The image cannot be pulled.")
        client = boto3.client("sagemaker", **local.boto3_options)  # type: ignore[call-overload]
        client.create_endpoint(EndpointName="new", EndpointConfigName="first")
        client.close()
        assert main(["endpoints", "wait", "new", "--interval", "0.01"]) == 1
        assert "The image cannot be pulled." in capsys.readouterr().err

    def test_the_limit_ends_with_status_1(
        self, local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["endpoints", "wait", "zebra", "--deleted", "--interval", "0.01", "--limit", "0.02"]) == 1
        assert "within 0.02 s" in capsys.readouterr().err

    @pytest.mark.parametrize("option", ["--interval", "--limit"])
    def test_a_wrong_number_is_wrong_usage(
        self, local: ThreadedLocalSageMaker, capsys: pytest.CaptureFixture[str], option: str
    ) -> None:
        assert main(["endpoints", "wait", "zebra", option, "0"]) == 2
        assert f"{option.removeprefix('--')} must be" in capsys.readouterr().err

    async def test_the_time_goes_on_between_looks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(status_line, "_TICK", 0.0)
        times = iter(range(1000))
        terminal = Terminal()
        line = StatusLine("e", terminal, lambda: next(times))
        async with status_line.ticking(line):
            line.update("Creating")
            while terminal.getvalue().count("Creating") < 4:
                await asyncio.sleep(0)
        assert "e  Creating  0:02\r\x1b[Ke  Creating  0:03" in terminal.getvalue()
        assert terminal.getvalue().endswith("\n")


@pytest.mark.parametrize("argv", [["endpoints"], ["endpoints", "describe"], ["endpoints", "wait", "a", "--limit", "x"]])
def test_a_wrong_command_line_is_explained(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2
    assert "usage: sagemaker-async endpoints" in capsys.readouterr().err


class TestStatusLine:
    def test_a_terminal_has_one_line_that_is_written_over(self) -> None:
        now: list[Any] = [0.0]
        terminal = Terminal()
        line = StatusLine("e", terminal, lambda: now[0])
        line.refresh()
        for now[0], status in ((1.0, "Creating"), (75.5, "Creating"), (80.0, "InService")):
            line.update(status)
        line.close()
        assert terminal.getvalue() == (
            "\r\x1b[Ke  Creating  0:01\r\x1b[Ke  Creating  1:15\r\x1b[Ke  InService  1:20\r\x1b[Ke  InService  1:20\n"
        )

    @pytest.mark.parametrize(
        ("columns", "shown"),
        [
            (33, "my-endpoint-2026  Creating  0:00"),
            (32, "...ndpoint-2026  Creating  0:00"),
            (20, "...  Creating  0:00"),
            (4, "my-"),
            (0, "my-endpoint-2026  Creating  0:00"),
        ],
    )
    def test_a_line_never_wraps(self, monkeypatch: pytest.MonkeyPatch, columns: int, shown: str) -> None:
        monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((columns, 24)))
        terminal = Terminal()
        StatusLine("my-endpoint-2026", terminal, lambda: 0.0).update("Creating")
        assert terminal.getvalue() == f"\r\x1b[K{shown}"

    def test_a_terminal_that_cannot_go_back_is_written_to_like_a_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "dumb")
        terminal = Terminal()
        StatusLine("e", terminal, lambda: 0.0).update("Creating")
        assert terminal.getvalue() == "e  Creating  0:00\n"

    def test_a_file_has_a_line_per_change(self) -> None:
        file = io.StringIO()
        line = StatusLine("e", file, lambda: 0.0)
        for status in ("Creating", "Creating", "InService"):
            line.update(status)
            line.refresh()
        line.close()
        assert file.getvalue() == "e  Creating  0:00\ne  InService  0:00\n"

    def test_a_status_cannot_steer_the_terminal(self) -> None:
        file = io.StringIO()
        StatusLine("e\x1b[2J", file, lambda: 0.0).update("In\x07Service")
        assert file.getvalue() == "e\\x1b[2J  In\\x07Service  0:00\n"

    def test_nothing_seen_is_nothing_shown(self) -> None:
        terminal = Terminal()
        StatusLine("e", terminal).close()
        assert terminal.getvalue() == ""
