"""Fixtures of the hostile tests: both ways of requests, and certificates."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .calls import TLS, certificates, through_aiohttps_session


@pytest.fixture(params=["plain", "TLS"])
def tls(request: pytest.FixtureRequest) -> TLS | None:
    """What is promised holds without TLS and over it: the contexts of both sides, or None."""
    return certificates() if request.param == "TLS" else None


@pytest.fixture(params=["straight", "through the session"])
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """What is promised holds on both ways of a request; through aiohttp's session go those that somebody watches."""
    if request.param == "straight":
        yield request.param
    else:
        with through_aiohttps_session():
            yield request.param
