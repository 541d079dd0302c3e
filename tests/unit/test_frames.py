"""Which frames of a traceback `forget_frames` drops, and which it leaves."""

from __future__ import annotations

import asyncio
import functools
import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from sagemaker_async.aws.frames import forget_frames
from sagemaker_async.errors import ConnectionLostError, ModelError, SageMakerAsyncError


def of_module(name: str, source: str) -> dict[str, Any]:
    """Return the names that `source` defines in a module of this name."""
    names: dict[str, Any] = {"__name__": name}
    exec(source, names)
    return names


OURS = of_module(
    "sagemaker_async.aws.pipeline",
    """
def call(function, *arguments):
    signature = "secret"
    return function(*arguments)

def raising(error):
    secret = "secret"
    raise error

def translating(function, kind):
    secret = "secret"
    try:
        function()
    except Exception as error:
        raise kind("translated") from error
""",
)
AIOHTTPS = of_module("aiohttp.connector", "def call(function, *arguments):\n    return function(*arguments)\n")
BOTOCORES = of_module("botocore.credentials", "def call(function, *arguments):\n    return function(*arguments)\n")
USERS = of_module("users_program", "def callback(*arguments):\n    raise ValueError('mine')\n")


def caught(function: Callable[..., Any], *arguments: Any) -> BaseException:
    """Return what a function of ours raises, as it is at the seam: without this test's own frame."""
    try:
        function(*arguments)
    except BaseException as error:  # noqa: BLE001
        traceback_here = error.__traceback__
        assert traceback_here is not None
        error.__traceback__ = traceback_here.tb_next
        return error
    raise AssertionError


def functions(error: BaseException) -> list[str]:
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return [f"{frame.f_globals['__name__']}.{frame.f_code.co_name}" for frame in frames]


def test_an_error_of_ours_keeps_no_frame() -> None:
    error = caught(OURS["call"], OURS["raising"], ConnectionLostError("lost"))
    assert len(functions(error)) == 2
    forget_frames(error)
    assert functions(error) == []


@pytest.mark.parametrize("library", [AIOHTTPS, BOTOCORES])
def test_causes_and_contexts_keep_none_either(library: dict[str, Any]) -> None:
    refused = functools.partial(library["call"], OURS["raising"], OSError(111, "refused"))
    error = caught(OURS["translating"], refused, ConnectionLostError)
    cause = error.__cause__
    assert isinstance(cause, OSError)
    cause.__context__ = context = caught(OURS["raising"], KeyError("context"))
    context.__cause__ = group = BaseExceptionGroup("group", [caught(OURS["raising"], OSError(2))])
    assert all(map(functions, (error, cause, context, group.exceptions[0])))
    forget_frames(error)
    assert not any(map(functions, (error, cause, context, group.exceptions[0])))
    assert error.__cause__ is cause


def test_frames_of_the_users_code_that_we_called_stay_to_show_where_it_failed() -> None:
    error = caught(OURS["call"], AIOHTTPS["call"], USERS["callback"])
    forget_frames(error)
    assert functions(error) == ["users_program.callback"]
    text = "".join(traceback.format_exception(error))
    assert "in callback" in text
    assert "ValueError: mine" in text


def test_so_do_those_of_the_standard_library_that_the_users_code_called() -> None:
    users = of_module("users_program", "import json\ndef callback():\n    return json.loads('no JSON')\n")
    error = caught(OURS["call"], users["callback"])
    forget_frames(error)
    assert functions(error)[0] == "users_program.callback"
    assert functions(error)[1:]
    assert all(name.startswith("json.") for name in functions(error)[1:])


def test_those_of_the_standard_library_that_we_called_do_not() -> None:
    error = ConnectionLostError("lost")
    error.__cause__ = caught(OURS["call"], json.loads, '{"SecretAccessKey": "canary"')
    assert any(name.startswith("json.") for name in functions(error.__cause__))
    forget_frames(error)
    assert functions(error.__cause__) == []


def test_a_call_of_ours_within_the_users_code_is_dropped_from_between() -> None:
    users = of_module("users_program", "def callback(function, *arguments):\n    return function(*arguments)\n")
    error = caught(OURS["call"], users["callback"], OURS["call"], USERS["callback"])
    forget_frames(error)
    assert functions(error) == ["users_program.callback", "users_program.callback"]


@pytest.mark.parametrize("interrupt", [asyncio.CancelledError(), KeyboardInterrupt(), GeneratorExit()], ids=type)
def test_an_interrupt_keeps_no_frame(interrupt: BaseException) -> None:
    error = caught(OURS["call"], OURS["raising"], interrupt)
    forget_frames(error)
    assert functions(error) == []


def test_a_defect_of_ours_keeps_its_frames_so_that_it_is_found() -> None:
    error = caught(OURS["call"], OURS["raising"], KeyError("defect"))
    forget_frames(error)
    assert len(functions(error)) == 2


def test_an_error_without_frames_and_one_in_its_own_chain_are_left_alone() -> None:
    error: SageMakerAsyncError = ModelError("m", status=424, code="ModelError")
    error.__context__ = ConnectionLostError("a")
    error.__context__.__context__ = error
    forget_frames(error)
    assert error.__traceback__ is None
