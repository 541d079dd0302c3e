"""The SageMaker Python SDK's AsyncPredictor, unchanged, against the embedded SageMaker; and ours beside it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import sagemaker
from sagemaker.async_inference.waiter_config import WaiterConfig
from sagemaker.deserializers import JSONDeserializer
from sagemaker.exceptions import (
    AsyncInferenceModelError,
    ObjectNotExistedError,
    PollingTimeoutError,
    UnexpectedClientError,
)
from sagemaker.predictor import Predictor
from sagemaker.predictor_async import AsyncPredictor
from sagemaker.serializers import JSONSerializer

import sagemaker_async
from sagemaker_async import deserializers, errors, serializers
from sagemaker_async.async_inference import WaiterConfig as OurWaiterConfig
from sagemaker_async.local import AsyncInference, LocalSageMaker, ModelFailure, ThreadedLocalSageMaker

SOON = WaiterConfig(max_attempts=20, delay=1)
X = "X-Amzn-SageMaker-"


def double(body: bytes) -> bytes:
    value = json.loads(body)
    if value == "fail":
        raise ModelFailure(500, "out of memory")
    return json.dumps(value * 2).encode()


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedLocalSageMaker]:
    with LocalSageMaker.in_thread() as local:
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, "/nonexistent")
        monkeypatch.setenv("AWS_ENDPOINT_URL", local.url)
        yield local


class OnLoopback(boto3.Session):
    """The SDK gives boto3 the URL of AWS's STS, whatever the environment says; everything else follows that."""

    def client(self, service_name: str, **options: Any) -> Any:
        if service_name == "sts":
            options.pop("endpoint_url", None)
        return super().client(service_name, **options)


@pytest.fixture
def predictor(local: ThreadedLocalSageMaker) -> AsyncPredictor:
    options = local.boto3_options
    del options["endpoint_url"]
    session = sagemaker.Session(boto_session=OnLoopback(**options))
    return AsyncPredictor(Predictor("e", session, JSONSerializer(), JSONDeserializer()))


def test_the_sdk_submits_waits_and_reads(local: ThreadedLocalSageMaker, predictor: AsyncPredictor) -> None:
    local.add_endpoint("e", double, asynchronous=True)
    assert predictor.predict(21, waiter_config=SOON) == 42
    assert predictor.predict(4, "s3://mine/in.json", {"CustomAttributes": "a"}, "mine", SOON) == 8
    assert local.objects["s3://mine/in.json"] == b"4"
    assert predictor.predict(input_path="s3://mine/in.json", waiter_config=SOON) == 8
    response = predictor.predict_async(5)
    assert local.async_invocations[-1].wait()
    assert response.get_result() == 10
    assert response.output_path in local.objects
    assert all(url.startswith("s3://sagemaker-us-east-1-123456789012/") for url in local.objects if "mine" not in url)


def test_the_sdk_reports_failures(local: ThreadedLocalSageMaker, predictor: AsyncPredictor) -> None:
    local.add_endpoint("e", double, asynchronous=True)
    predictor.deserializer = sagemaker.deserializers.StringDeserializer()
    with pytest.raises(AsyncInferenceModelError, match=r"Received server error \(500\).*out of memory"):
        predictor.predict("fail", waiter_config=SOON)
    response = predictor.predict_async("fail")
    assert not local.async_invocations[-1].wait()
    with pytest.raises(AsyncInferenceModelError, match="out of memory"):
        response.get_result()


def test_the_sdk_says_that_there_is_nothing_yet(local: ThreadedLocalSageMaker, predictor: AsyncPredictor) -> None:
    local.add_endpoint("e", double, asynchronous=AsyncInference(instances=0))
    response = predictor.predict_async(1)
    with pytest.raises(ObjectNotExistedError):
        response.get_result()
    with pytest.raises(PollingTimeoutError):
        response.get_result(WaiterConfig(max_attempts=1, delay=1))


# --- the same with ours -----------------------------------------------------------------------------------------------


def through_ours(local: ThreadedLocalSageMaker, failing: bool, denied: bool = False) -> list[tuple[str, str]]:
    """Return the exceptions, by name and text, of an immediate look and of a wait."""

    async def run() -> list[tuple[str, str]]:
        async with sagemaker_async.Session(**local.client_options) as session:
            plain = sagemaker_async.Predictor(
                "e", session, serializers.JSONSerializer(), deserializers.StringDeserializer()
            )
            response = await sagemaker_async.AsyncPredictor(plain, inline_bytes=0).predict_async("fail")
            if failing:
                await local.async_invocations[-1].finished()
            found = []
            for config in (None, OurWaiterConfig(max_attempts=1, delay=1)):
                try:
                    await response.get_result(config)
                except errors.AsyncInferenceError as error:
                    found.append((type(error).__name__, str(error).replace(response.output_path, "OUTPUT")))
            return found

    return asyncio.run(run())


def through_sdk(local: ThreadedLocalSageMaker, predictor: AsyncPredictor, failing: bool) -> list[tuple[str, str]]:
    predictor.deserializer = sagemaker.deserializers.StringDeserializer()
    response = predictor.predict_async("fail")
    if failing:
        local.async_invocations[-1].wait()
    found = []
    for config in (None, WaiterConfig(max_attempts=1, delay=1)):
        try:
            response.get_result(config)
        except (AsyncInferenceModelError, ObjectNotExistedError, PollingTimeoutError) as error:
            found.append((type(error).__name__, str(error).replace(response.output_path, "OUTPUT")))
    return found


@pytest.mark.parametrize("failing", [True, False])
def test_ours_raises_what_the_sdk_raises_in_the_same_words(
    local: ThreadedLocalSageMaker, predictor: AsyncPredictor, failing: bool
) -> None:
    local.add_endpoint("e", double, asynchronous=AsyncInference(instances=int(failing)))
    expected = through_sdk(local, predictor, failing)
    assert len(expected) == 2
    assert through_ours(local, failing) == expected


def test_what_the_sdk_does_wrong_ours_does_right(local: ThreadedLocalSageMaker, predictor: AsyncPredictor) -> None:
    """Its requests have no content type, and an Accept in single letters; a 403 is a timeout for it."""
    local.add_endpoint("e", double, asynchronous=AsyncInference(instances=0))
    predictor.predictor.accept = "application/json"
    predictor.predict_async(1)
    sent = next(request.headers for request in local.requests if request.target.endswith("/async-invocations"))
    assert X + "Content-Type" not in sent
    assert sent[X + "Accept"].startswith("a, p, p, l")
    local.deny_objects("s3://sagemaker-us-east-1-123456789012/async-endpoint-", missing=True)
    response = predictor.predict_async(1, "s3://mine/in")
    with pytest.raises(PollingTimeoutError):
        response.get_result(WaiterConfig(max_attempts=60, delay=15))  # it waits for nothing of the sort
    with pytest.raises(UnexpectedClientError):
        response.get_result()

    async def ours() -> None:
        async with sagemaker_async.Session(**local.client_options) as session:
            plain: Any = sagemaker_async.Predictor(
                "e", session, serializers.JSONSerializer(), accept="application/json"
            )
            before = len(local.requests)
            job = await sagemaker_async.AsyncPredictor(plain).predict_async(1)
            headers = local.requests[before].headers
            assert headers[X + "Content-Type"] == headers[X + "Accept"] == "application/json"
            with pytest.raises(errors.ResultAccessDeniedError, match="s3:ListBucket"):
                await job.get_result(OurWaiterConfig())

    asyncio.run(ours())
