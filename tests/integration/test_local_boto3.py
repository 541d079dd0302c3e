"""boto3, unchanged, against the embedded SageMaker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from sagemaker_async.local import (
    InStreamError,
    InvocationRequest,
    LocalSageMaker,
    ModelFailure,
    ModelResponse,
    Status,
    ThreadedLocalSageMaker,
    Throttle,
)

pytestmark = pytest.mark.usefixtures("clean_environment")

ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})


@pytest.fixture(scope="module")
def shared() -> Iterator[ThreadedLocalSageMaker]:
    with LocalSageMaker.in_thread() as local:
        yield local


@pytest.fixture
def local(shared: ThreadedLocalSageMaker) -> Iterator[ThreadedLocalSageMaker]:
    yield shared
    for name in list(shared.endpoints):
        shared.remove_endpoint(name)


@pytest.fixture
def client(local: ThreadedLocalSageMaker) -> Iterator[Any]:
    client = boto3.client("sagemaker-runtime", config=ONCE, **local.boto3_options)
    yield client
    client.close()


def test_invoke_endpoint_with_every_field(local: ThreadedLocalSageMaker, client: Any) -> None:
    seen: list[InvocationRequest] = []

    def model(body: bytes, request: InvocationRequest) -> ModelResponse:
        seen.append(request)
        return ModelResponse(body[::-1], "text/csv", custom_attributes="out", close_session=True)

    local.add_endpoint("model", model, variants=("AllTraffic", "b"))
    answer = client.invoke_endpoint(
        EndpointName="model",
        Body=b"abc",
        ContentType="text/plain",
        Accept="text/csv",
        CustomAttributes="in",
        TargetModel="m.tar.gz",
        TargetVariant="b",
        TargetContainerHostname="host",
        InferenceId="id",
        EnableExplanations="`true`",
        SessionId="session",
    )
    assert answer["Body"].read() == b"cba"
    assert answer["ContentType"] == "text/csv"
    assert answer["InvokedProductionVariant"] == "b"
    assert answer["CustomAttributes"] == "out"
    assert answer["ClosedSessionId"] == "session"
    assert answer["ResponseMetadata"]["RequestId"] == local.requests[-1].request_id
    (request,) = seen
    assert (request.content_type, request.accept, request.custom_attributes) == ("text/plain", "text/csv", "in")
    assert (request.target_model, request.target_container_hostname) == ("m.tar.gz", "host")
    assert (request.inference_id, request.enable_explanations) == ("id", "`true`")


def test_a_new_session(local: ThreadedLocalSageMaker, client: Any) -> None:
    local.add_endpoint("model", lambda body: body)
    answer = client.invoke_endpoint(EndpointName="model", Body=b"", SessionId="NEW_SESSION")
    assert "; Expires=" in answer["NewSessionId"]
    assert answer["Body"].read() == b""


def test_the_response_stream(local: ThreadedLocalSageMaker, client: Any) -> None:
    local.add_endpoint("model", lambda body: iter([body, "é"]))
    answer = client.invoke_endpoint_with_response_stream(EndpointName="model", Body=b"in", Accept="text/plain")
    assert answer["ContentType"] == "text/plain"
    parts = [event["PayloadPart"]["Bytes"] for event in answer["Body"]]
    assert parts == [b"in", "é".encode()]


def test_an_error_in_the_stream(local: ThreadedLocalSageMaker, client: Any) -> None:
    endpoint = local.add_endpoint("model", lambda body: iter([b"a", b"b"]))
    endpoint.faults.append(InStreamError("ModelStreamError", "StreamBroken", "no", after_parts=1))
    answer = client.invoke_endpoint_with_response_stream(EndpointName="model", Body=b"in")
    events = iter(answer["Body"])
    assert next(events) == {"PayloadPart": {"Bytes": b"a"}}
    with pytest.raises(EventStreamError) as error:
        next(events)
    answer["Body"].close()
    assert error.value.response["Error"] == {"Code": "ModelStreamError", "Message": "no"}


def test_invoke_endpoint_async_with_an_input_location(local: ThreadedLocalSageMaker, client: Any) -> None:
    local.add_endpoint("model", lambda body: body[::-1])
    local.objects["s3://in/put"] = b"abc"
    answer = client.invoke_endpoint_async(
        EndpointName="model", InputLocation="s3://in/put", InferenceId="mine", RequestTTLSeconds=60
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["InferenceId"] == "mine"
    assert answer["FailureLocation"].startswith("s3://")
    assert local.async_invocations[-1].wait()
    assert local.objects[answer["OutputLocation"]] == b"cba"


def test_invoke_endpoint_async_inline(local: ThreadedLocalSageMaker, client: Any) -> None:
    local.add_endpoint("model", lambda body: body[::-1])
    answer = client.invoke_endpoint_async(EndpointName="model", Body=b"abc", Filename="f.out")
    assert answer["OutputLocation"].endswith("/f.out")
    assert local.async_invocations[-1].wait()
    assert local.objects[answer["OutputLocation"]] == b"cba"


def test_a_model_error_with_its_fields(local: ThreadedLocalSageMaker, client: Any) -> None:
    def model(body: bytes) -> bytes:
        raise ModelFailure(400, "bad input")

    local.add_endpoint("model", model)
    for operation in (client.invoke_endpoint, client.invoke_endpoint_with_response_stream):
        with pytest.raises(client.exceptions.ModelError) as error:
            operation(EndpointName="model", Body=b"")
        response = error.value.response
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
        assert (response["OriginalStatusCode"], response["OriginalMessage"]) == (400, "bad input")
        assert response["LogStreamArn"].startswith("arn:aws:logs:us-east-1:123456789012:log-group:")
        assert response["Error"]["Message"].startswith('Received client error (400) from primary with message "bad')


def test_an_unknown_endpoint(client: Any) -> None:
    with pytest.raises(client.exceptions.ValidationError, match="Endpoint nobody of account 123456789012 not found"):
        client.invoke_endpoint(EndpointName="nobody", Body=b"")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Status(500, "InternalFailure"), 500, "InternalFailure"),
        (Status(503, "ServiceUnavailable"), 503, "ServiceUnavailable"),
        (Status(530, "InternalDependencyException"), 530, "InternalDependencyException"),
        (Status(429, "ModelNotReadyException"), 429, "ModelNotReadyException"),
        (Throttle(), 400, "ThrottlingException"),
    ],
)
def test_scripted_errors_have_their_codes(
    fault: Status | Throttle, status: int, code: str, local: ThreadedLocalSageMaker, client: Any
) -> None:
    local.add_endpoint("model", lambda body: body).faults.append(fault)
    with pytest.raises(ClientError) as error:
        client.invoke_endpoint(EndpointName="model", Body=b"")
    assert error.value.response["Error"]["Code"] == code
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
        ({"aws_access_key_id": "NOBODY"}, "UnrecognizedClientException"),
        ({"aws_session_token": "wrong"}, "UnrecognizedClientException"),
        ({"region_name": "eu-west-1"}, "InvalidSignatureException"),
    ],
)
def test_wrong_signatures_are_refused(options: dict[str, str], code: str, local: ThreadedLocalSageMaker) -> None:
    endpoint = local.add_endpoint("model", lambda body: body)
    client = boto3.client("sagemaker-runtime", config=ONCE, **{**local.boto3_options, **options})
    with pytest.raises(ClientError) as error:
        client.invoke_endpoint(EndpointName="model", Body=b"")
    client.close()
    assert error.value.response["Error"]["Code"] == code
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert endpoint.invocations == 0


def test_a_large_body_and_the_limit_above_it(local: ThreadedLocalSageMaker, client: Any) -> None:
    local.add_endpoint("model", lambda body: str(len(body)))
    body = bytes(8 * 2**20)
    assert client.invoke_endpoint(EndpointName="model", Body=body)["Body"].read() == b"8388608"
    with pytest.raises(client.exceptions.ValidationError) as error:
        client.invoke_endpoint_async(EndpointName="model", Body=bytes(128_001))
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_body_over_the_limit_of_an_endpoint_is_refused_without_a_code(
    local: ThreadedLocalSageMaker, client: Any
) -> None:
    local.add_endpoint("model", lambda body: b"", body_limit=1000)
    with pytest.raises(ClientError) as error:
        client.invoke_endpoint(EndpointName="model", Body=bytes(1001))
    assert error.value.response["Error"] == {"Code": "413", "Message": "HTTP content length exceeded 1000 bytes."}


def test_one_connection_serves_many_calls(local: ThreadedLocalSageMaker, client: Any) -> None:
    endpoint = local.add_endpoint("model", lambda body: body)
    for number in range(20):
        body = str(number).encode()
        assert client.invoke_endpoint(EndpointName="model", Body=body)["Body"].read() == body
    assert (endpoint.requests, endpoint.invocations) == (20, 20)
