"""The pytest fixture `local_sagemaker`: an embedded SageMaker for one test, on a thread of its own.

pytest loads this module through an entry point. The fixture works in synchronous and asynchronous tests and does not
need pytest-asyncio:

    def test_my_code(local_sagemaker):
        local_sagemaker.add_endpoint("echo", lambda body: body)
        run_my_code(endpoint_url=local_sagemaker.url)
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .server import LocalSageMaker, ThreadedLocalSageMaker


@pytest.fixture
def local_sagemaker() -> Iterator[ThreadedLocalSageMaker]:
    """An embedded SageMaker without endpoints, closed when the test ends; see `LocalSageMaker.in_thread`."""
    with LocalSageMaker.in_thread() as local:
        yield local
