"""Models that are imported when they are first wanted."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from sagemaker_async.aws.shapes.deferred import DeferredShapes
from sagemaker_async.runtime import shapes


def test_they_are_found_by_the_operations_name_and_built() -> None:
    deferred = DeferredShapes("sagemaker_async.runtime.shapes", "InvokeEndpointAsync")
    assert not deferred.loaded
    assert deferred.load() == (shapes.InvokeEndpointAsyncRequest, shapes.InvokeEndpointAsyncResponse)
    assert deferred.loaded
    assert all(shape.__pydantic_complete__ for shape in deferred.load())


def test_they_may_be_given_as_they_are() -> None:
    deferred = DeferredShapes.of(shapes.InvokeEndpointRequest, shapes.InvokeEndpointResponse)
    assert deferred.loaded
    assert deferred.load() == (shapes.InvokeEndpointRequest, shapes.InvokeEndpointResponse)


def test_many_threads_get_the_same() -> None:
    deferred = DeferredShapes("sagemaker_async.runtime.shapes", "InvokeEndpoint")
    with ThreadPoolExecutor(8) as threads:
        loaded = list(threads.map(lambda _: deferred.load(), range(32)))
    assert len(set(loaded)) == 1


PREDICT = """
import asyncio, sys
from sagemaker_async import Predictor, Session, StubResponse, StubTransport
from sagemaker_async.errors import RequestValidationError

async def main():
    stub = StubTransport(otherwise=StubResponse(body=b"answer"))
    async with Session(transport=stub) as session:
        predictor = Predictor("e", session)
        assert await predictor.predict(b"x", target_model="m.tar.gz", custom_attributes="a=b") == b"answer"
        before = "pydantic" in sys.modules
        try:
            await predictor.predict(b"x", target_variant="no/name")
        except RequestValidationError as error:
            print(before, error.problems[0].field, "pydantic.main" in sys.modules, error.__context__)

asyncio.run(main())
"""


def test_a_prediction_needs_no_model_and_a_refusal_does() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PREDICT], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", "target_variant", "True", "None"]


def test_a_module_that_is_not_there_is_an_error_of_its_own() -> None:
    with pytest.raises(ModuleNotFoundError):
        DeferredShapes("sagemaker_async.runtime.nothing", "Nothing").load()
