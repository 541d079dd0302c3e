"""Models that are imported when they are first wanted, and what a prediction needs without them."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from sagemaker_async.aws.shapes.deferred import DeferredShape, DeferredShapes
from sagemaker_async.aws.shapes.response_schema import response_validator
from sagemaker_async.runtime import shapes


def test_they_are_found_by_the_operations_name_each_by_itself_and_ready() -> None:
    deferred = DeferredShapes("sagemaker_async.runtime.shapes", "InvokeEndpointAsync")
    assert not deferred.request.loaded
    assert deferred.response.load() is shapes.InvokeEndpointAsyncResponse
    assert (deferred.request.loaded, deferred.response.loaded) == (False, True)
    assert deferred.request.load() is shapes.InvokeEndpointAsyncRequest
    assert shapes.InvokeEndpointAsyncRequest.__pydantic_complete__
    before = response_validator.cache_info()
    assert shapes.InvokeEndpointAsyncResponse.of_members({"metadata": None, "InferenceId": "i"}).inference_id == "i"
    assert response_validator.cache_info().misses == before.misses


def test_they_may_be_given_as_they_are() -> None:
    deferred = DeferredShapes.of(shapes.InvokeEndpointRequest, shapes.InvokeEndpointResponse)
    assert deferred.request.loaded
    assert deferred.response.loaded
    assert deferred.request.load() is shapes.InvokeEndpointRequest
    assert deferred.response.load() is shapes.InvokeEndpointResponse


def test_many_threads_get_the_same() -> None:
    deferred = DeferredShape("sagemaker_async.runtime.shapes", "InvokeEndpointRequest")
    with ThreadPoolExecutor(8) as threads:
        loaded = list(threads.map(lambda _: deferred.load(), range(32)))
    assert len(set(loaded)) == 1


def test_a_module_that_is_not_there_is_an_error_of_its_own() -> None:
    with pytest.raises(ModuleNotFoundError):
        DeferredShape("sagemaker_async.runtime.nothing", "Nothing").load()


PREDICT = """
import asyncio, sys
from sagemaker_async import Predictor, Session, StubResponse, StubTransport
from sagemaker_async.errors import RequestValidationError

async def main():
    stub = StubTransport(otherwise=StubResponse(body=b"answer"))
    async with Session(transport=stub) as session:
        predictor = Predictor("e", session)
        assert await predictor.predict(b"x", target_model="m.tar.gz", custom_attributes="a=b") == b"answer"
        try:
            await predictor.predict(b"x", target_variant="no/name")
        except RequestValidationError as error:
            assert error.__context__ is None
            print(error.problems[0].field, "pydantic_core" in sys.modules, "pydantic" in sys.modules)

asyncio.run(main())
"""


def test_neither_a_prediction_nor_its_refusal_needs_a_model() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PREDICT], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["target_variant", "True", "False"]
