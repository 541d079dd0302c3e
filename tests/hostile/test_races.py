"""A few of the races of `races`, whose command runs them in full: nothing shifts, runs twice or is lost."""

from __future__ import annotations

import asyncio
import sys

import pytest

from .calls import TLS
from .races import Figures, ends, keepalive, poisoned


def check(figures: Figures, at_least: int) -> None:
    assert figures.clean, str(figures)
    assert figures.calls >= at_least
    assert figures.answered + figures.failed + figures.shifted == figures.calls


async def test_no_answer_shifts_on_connections_that_bring_unasked_ones(tls: TLS | None, way: str) -> None:
    writes_at_once = way == "straight" and isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop)
    figures = await poisoned(120, tls=tls is not None, apart=not writes_at_once)
    check(figures, 100)
    assert figures.answered > 60


async def test_no_request_is_read_twice_whose_connection_ends_after_it_was_read(tls: TLS | None, way: str) -> None:
    figures = await ends(150, tls=tls is not None)
    check(figures, 150)
    assert figures.failed > 20


@pytest.mark.skipif(sys.platform != "linux", reason="the proof is Linux' TCP_INFO")
@pytest.mark.parametrize("manner", ["FIN", "RST"])
async def test_no_request_is_read_twice_or_lost_when_a_kept_connection_ends_meanwhile(
    tls: TLS | None, manner: str
) -> None:
    check(await keepalive(100, manner, tls=tls is not None), 100)
