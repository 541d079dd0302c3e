"""The one lazy mechanism: modules, names and optional libraries that are imported on their first use."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import sagemaker_async
from sagemaker_async import _lazy
from sagemaker_async.errors import ConfigurationError, MissingExtraError


@pytest.fixture
def new_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module below `sagemaker_async` that nobody has imported; it notes the thread that imports it."""
    (tmp_path / "of_this_test.py").write_text(
        "import threading\nIMPORTED_BY = threading.get_ident()\nvalue = object()\n"
    )
    monkeypatch.setattr(sagemaker_async, "__path__", [*sagemaker_async.__path__, str(tmp_path)])
    monkeypatch.setattr(_lazy, "_LOADED", set(_lazy._LOADED))
    monkeypatch.setattr(sagemaker_async, "of_this_test", None, raising=False)
    yield "of_this_test"
    sys.modules.pop("sagemaker_async.of_this_test", None)


def test_module_returns_the_module_below_the_package() -> None:
    assert _lazy.module("config.timing") is sys.modules["sagemaker_async.config.timing"]


def test_module_imports_in_the_calling_thread(new_module: str) -> None:
    assert threading.get_ident() == _lazy.module(new_module).IMPORTED_BY


async def test_load_imports_in_another_thread_and_only_once(new_module: str) -> None:
    loaded = await _lazy.load(new_module)
    assert threading.get_ident() != loaded.IMPORTED_BY
    assert await _lazy.load(new_module) is loaded is _lazy.module(new_module)


async def test_tasks_that_load_at_the_same_time_get_the_same_complete_module(new_module: str) -> None:
    first, second = await asyncio.gather(_lazy.load(new_module), _lazy.load(new_module))
    assert first is second
    assert first.value is second.value


async def test_loading_what_is_imported_already_takes_no_turn_of_the_loop(new_module: str) -> None:
    await _lazy.load(new_module)
    with pytest.raises(StopIteration):
        _lazy.load(new_module).send(None)


async def test_a_module_that_does_not_exist_is_an_import_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        await _lazy.load("no_such_module")


def test_names_are_imported_on_first_use_and_kept(new_module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = sys.modules[__name__]
    getter, directory = _lazy.names(__name__, {"value": new_module})
    monkeypatch.setattr(package, "value", None, raising=False)
    monkeypatch.delattr(package, "value")
    assert "value" in directory()
    assert f"sagemaker_async.{new_module}" not in sys.modules
    value = getter("value")
    assert value is _lazy.module(new_module).value
    assert vars(package)["value"] is value


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    getter, _ = _lazy.names("some.package", {"there": "config"})
    with pytest.raises(AttributeError, match=r"module 'some\.package' has no attribute 'missing'"):
        getter("missing")


def test_an_optional_library_that_is_missing_names_its_extra() -> None:
    with pytest.raises(
        MissingExtraError, match=r"Thing needs .*pip install 'sagemaker-async\[no_such_library\]'"
    ) as info:
        _lazy.optional("no_such_library.part", "Thing")
    assert isinstance(info.value, ConfigurationError)
    with pytest.raises(MissingExtraError, match=r"sagemaker-async\[demo\]"):
        _lazy.optional("no_such_library", "Thing", extra="demo")


def test_libraries_are_the_modules_themselves() -> None:
    import botocore.session
    import numpy as np

    assert _lazy.library("botocore.session") is botocore.session
    assert _lazy.optional("numpy", "this test") is np


def test_a_later_module_is_imported_when_an_attribute_of_it_is_wanted(new_module: str) -> None:
    later = _lazy.later(new_module)
    assert "of_this_test" in repr(later)
    assert f"sagemaker_async.{new_module}" not in sys.modules
    assert later.value is _lazy.module(new_module).value


def test_a_later_module_has_no_more_attributes_than_the_module(new_module: str) -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = _lazy.later(new_module).no_such_name
