"""The User-Agent header: its grammar, and what may never get into a header."""

from __future__ import annotations

import platform
import re
import sys
from importlib import metadata

import pytest

import sagemaker_async.aws.transport  # noqa: F401 - imports aiohttp, whose version is in the header
from sagemaker_async.aws.settings import user_agent as module
from sagemaker_async.aws.settings.user_agent import user_agent

WORD = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")


def test_it_begins_with_the_package_and_names_the_grammar() -> None:
    words = user_agent("standard", None).split(" ")
    assert words[0] == f"sagemaker-async/{metadata.version('sagemaker-async')}"
    assert words[1] == "ua/2.1"
    assert f"lang/python#{platform.python_version()}" in words
    assert f"md/aiohttp#{metadata.version('aiohttp')}" in words


@pytest.mark.parametrize("mode", ["standard", "adaptive", "legacy"])
def test_it_names_the_retry_mode(mode: str) -> None:
    assert f"cfg/retry-mode#{mode}" in user_agent(mode, None).split(" ")


@pytest.mark.parametrize(
    ("app_id", "word"),
    [
        ("my-app", "app/my-app"),
        ("my app/2 (x)", "app/my-app-2--x-"),
        ("a\r\nEvil: 1", "app/a--Evil--1"),
        ("é", "app/-"),
    ],
)
def test_the_applications_id_is_kept_to_token_characters(app_id: str, word: str) -> None:
    assert user_agent("standard", app_id).split(" ")[-1] == word


@pytest.mark.parametrize("system", ["", "Windows", "Java VM (odd)"])
def test_every_word_keeps_to_the_grammar_on_every_system(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.platform, "system", lambda: system)
    monkeypatch.setattr(module.platform, "release", lambda: "10.0 (build 1)")
    user_agent.cache_clear()
    try:
        words = user_agent("standard", "x").split(" ")
    finally:
        user_agent.cache_clear()
    assert all(WORD.match(word) for word in words)
    if not system:
        assert any(word.startswith("os/other") for word in words)


def test_it_does_without_aiohttp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "aiohttp")
    user_agent.cache_clear()
    try:
        assert " md/aiohttp#unknown " in user_agent("standard", None)
    finally:
        user_agent.cache_clear()
