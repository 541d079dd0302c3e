"""The pytest fixture `local_sagemaker`: an embedded SageMaker of the test's own, on a thread of its own.

pytest loads this module through an entry point. The fixture serves synchronous and asynchronous tests alike and needs
no pytest-asyncio:

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
