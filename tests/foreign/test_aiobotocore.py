"""aiobotocore, unchanged and with its own botocore, against the embedded SageMaker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError, EventStreamError

from sagemaker_async.local import (
    InStreamError,
    InvocationRequest,
    LocalSageMaker,
    ModelFailure,
    ModelResponse,
    PartSize,
    Status,
    TcpWrites,
    Throttle,
)


@pytest.fixture(autouse=True)
def _no_aws_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")


@pytest.fixture
async def local() -> AsyncIterator[LocalSageMaker]:
    async with LocalSageMaker() as server:
        yield server


def connect(local: LocalSageMaker, **options: str) -> AbstractAsyncContextManager[Any]:
    once = AioConfig(retries={"total_max_attempts": 1, "mode": "standard"})
    return get_session().create_client("sagemaker-runtime", config=once, **{**local.boto3_options, **options})


@pytest.fixture
async def client(local: LocalSageMaker) -> AsyncIterator[Any]:
    async with connect(local) as client:
        yield client


async def test_invoke_endpoint(local: LocalSageMaker, client: Any) -> None:
    seen: list[InvocationRequest] = []

    def model(body: bytes, request: InvocationRequest) -> ModelResponse:
        seen.append(request)
        return ModelResponse(body[::-1], "text/csv", custom_attributes="out")

    local.add_endpoint("model", model)
    answer = await client.invoke_endpoint(
        EndpointName="model", Body=b"abc", ContentType="text/plain", Accept="text/csv", CustomAttributes="in"
    )
    assert await answer["Body"].read() == b"cba"
    assert (answer["ContentType"], answer["CustomAttributes"]) == ("text/csv", "out")
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert answer["ResponseMetadata"]["RequestId"] == local.requests[0].request_id
    assert (seen[0].content_type, seen[0].accept, seen[0].custom_attributes) == ("text/plain", "text/csv", "in")


async def test_many_invocations_at_once(local: LocalSageMaker, client: Any) -> None:
    endpoint = local.add_endpoint("model", lambda body: body)

    async def call(number: int) -> bytes:
        answer = await client.invoke_endpoint(EndpointName="model", Body=str(number).encode())
        return await answer["Body"].read()  # type: ignore[no-any-return]

    assert await asyncio.gather(*map(call, range(50))) == [str(number).encode() for number in range(50)]
    assert endpoint.invocations == 50


@pytest.mark.parametrize("faults", [None, (PartSize(1), TcpWrites(1))])
async def test_the_response_stream(faults: Any, local: LocalSageMaker, client: Any) -> None:
    local.add_endpoint("model", lambda body: iter([body, "é"])).faults.append(faults)
    answer = await client.invoke_endpoint_with_response_stream(EndpointName="model", Body=b"in")
    parts = [event["PayloadPart"]["Bytes"] async for event in answer["Body"]]
    assert b"".join(parts) == b"in" + "é".encode()


async def test_an_error_in_the_stream(local: LocalSageMaker, client: Any) -> None:
    endpoint = local.add_endpoint("model", lambda body: iter([b"a", b"b"]))
    endpoint.faults.append(InStreamError("ModelStreamError", "StreamBroken", "no", after_parts=1))
    answer = await client.invoke_endpoint_with_response_stream(EndpointName="model", Body=b"in")
    events = aiter(answer["Body"])
    assert await anext(events) == {"PayloadPart": {"Bytes": b"a"}}
    with pytest.raises(EventStreamError) as error:
        await anext(events)
    answer["Body"].close()
    assert error.value.response["Error"] == {"Code": "ModelStreamError", "Message": "no"}


async def test_invoke_endpoint_async(local: LocalSageMaker, client: Any) -> None:
    local.add_endpoint("model", lambda body: body[::-1])
    local.objects["s3://in/put"] = b"abc"
    answer = await client.invoke_endpoint_async(EndpointName="model", InputLocation="s3://in/put", InferenceId="mine")
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["InferenceId"]) == (202, "mine")
    assert await local.async_invocations[0].finished()
    assert local.objects[answer["OutputLocation"]] == b"cba"
    assert answer["FailureLocation"].startswith("s3://")


async def test_a_model_error_with_its_fields(local: LocalSageMaker, client: Any) -> None:
    def model(body: bytes) -> bytes:
        raise ModelFailure(500, "out of memory")

    local.add_endpoint("model", model)
    for operation in (client.invoke_endpoint, client.invoke_endpoint_with_response_stream):
        with pytest.raises(client.exceptions.ModelError) as error:
            await operation(EndpointName="model", Body=b"")
        response = error.value.response
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
        assert (response["OriginalStatusCode"], response["OriginalMessage"]) == (500, "out of memory")
        assert response["LogStreamArn"].startswith("arn:aws:logs:us-east-1:123456789012:log-group:")


async def test_an_unknown_endpoint(client: Any) -> None:
    with pytest.raises(client.exceptions.ValidationError, match="Endpoint nobody of account 123456789012 not found"):
        await client.invoke_endpoint(EndpointName="nobody", Body=b"")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Status(503, "ServiceUnavailable"), 503, "ServiceUnavailable"),
        (Status(429, "ModelNotReadyException"), 429, "ModelNotReadyException"),
        (Throttle(), 400, "ThrottlingException"),
    ],
)
async def test_scripted_errors_have_their_codes(
    fault: Status | Throttle, status: int, code: str, local: LocalSageMaker, client: Any
) -> None:
    local.add_endpoint("model", lambda body: body).faults.append(fault)
    with pytest.raises(ClientError) as error:
        await client.invoke_endpoint(EndpointName="model", Body=b"")
    assert error.value.response["Error"]["Code"] == code
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
        ({"aws_access_key_id": "NOBODY"}, "UnrecognizedClientException"),
        ({"aws_session_token": "wrong"}, "UnrecognizedClientException"),
    ],
)
async def test_wrong_signatures_are_refused(options: dict[str, str], code: str, local: LocalSageMaker) -> None:
    endpoint = local.add_endpoint("model", lambda body: body)
    async with connect(local, **options) as client:
        with pytest.raises(ClientError) as error:
            await client.invoke_endpoint(EndpointName="model", Body=b"")
    assert error.value.response["Error"]["Code"] == code
    assert endpoint.invocations == 0
