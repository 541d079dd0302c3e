"""Bodies, content types and fields as the arguments of ``invoke`` and ``stream`` give them."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from sagemaker_async.cli import call, make_parser
from sagemaker_async.cli.call import content_type_of, read_body, request_fields, session_options
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.runtime.shapes import InvokeEndpointRequest, InvokeEndpointWithResponseStreamRequest


class Terminal(io.StringIO):
    """A standard input that a person types on."""

    def isatty(self) -> bool:
        return True


def set_stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"inputs": "x"}', "application/json"),
        (b" [1, 2.5e3, null]\n", "application/json"),
        (b"5", "application/json"),
        (b"", "application/octet-stream"),
        (b"1,2,3", "application/octet-stream"),
        (b"NaN", "application/octet-stream"),
        (b"[Infinity]", "application/octet-stream"),
        (b"\x93NUMPY\x01\x00", "application/octet-stream"),
        (b"[" * 100_000, "application/octet-stream"),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_a_body_is_json_exactly_if_it_is_json(body: bytes, content_type: str) -> None:
    assert content_type_of(body) == content_type


def test_text_is_the_body_itself() -> None:
    assert read_body("grün {}") == "grün {}".encode()
    assert read_body("") == b""


def test_bytes_that_are_not_utf_8_survive_the_command_line() -> None:
    assert read_body(b"\xff\xfe".decode("utf-8", "surrogateescape")) == b"\xff\xfe"


def test_at_sign_reads_a_file(tmp_path: Path) -> None:
    (tmp_path / "body.bin").write_bytes(b"\x00\xff")
    assert read_body(f"@{tmp_path / 'body.bin'}") == b"\x00\xff"


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"the body cannot be read from '.*': "):
        read_body(f"@{tmp_path / name}")


@pytest.mark.parametrize("given", [None, "-"])
def test_standard_input_is_read_when_asked_for_and_when_nothing_is_given(
    monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    set_stdin(monkeypatch, b"\x00body\n")
    assert read_body(given) == b"\x00body\n"


def test_empty_standard_input_is_a_body_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    set_stdin(monkeypatch, b"")
    assert read_body("-") == b""
    with pytest.raises(ConfigurationError, match="the body is missing"):
        read_body(None)


def test_nobody_is_kept_waiting_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(ConfigurationError, match="the body is missing"):
        read_body(None)


def test_no_more_is_read_than_an_endpoint_accepts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(call, "MAX_BODY_BYTES", 4)
    set_stdin(monkeypatch, b"12345678")
    with pytest.raises(ConfigurationError, match="standard input has more than 4 bytes"):
        read_body("-")
    assert sys.stdin.buffer.read() == b"678"


def test_options_become_fields_of_the_request() -> None:
    arguments = make_parser().parse_args(
        ["invoke", "e", "{}", "--accept", "text/csv", "--target-model", "m.tar.gz", "--inference-component", "c"]
    )
    assert request_fields(arguments, b"{}") == {
        "endpoint_name": "e",
        "body": b"{}",
        "content_type": "application/json",
        "accept": "text/csv",
        "target_model": "m.tar.gz",
        "inference_component_name": "c",
    }


def test_a_content_type_that_is_given_is_not_guessed() -> None:
    arguments = make_parser().parse_args(["stream", "e", "{}", "--content-type", "text/csv"])
    assert request_fields(arguments, b"{}").get("content_type") == "text/csv"


@pytest.mark.parametrize(
    ("command", "shape"),
    [("invoke", InvokeEndpointRequest), ("stream", InvokeEndpointWithResponseStreamRequest)],
)
def test_every_field_of_the_operation_has_an_option(command: str, shape: type[InvokeEndpointRequest]) -> None:
    fields = make_parser().parse_args([command, "e"]).fields
    assert {*fields, "endpoint_name", "body"} == set(shape.model_fields)


def test_where_to_call_is_left_open_unless_given() -> None:
    parser = make_parser()
    assert set(session_options(parser.parse_args(["invoke", "e"])).values()) == {None}
    given = parser.parse_args(["stream", "e", "--region", "r", "--profile", "p", "--endpoint-url", "u"])
    assert session_options(given) == {"region": "r", "profile": "p", "endpoint_url": "u"}
