"""`session.sqs`: what is sent, how long an answer may take, and what is refused; and moto on the other side."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from sagemaker_async import Credentials, Session, StubResponse, StubTransport, Timeouts
from sagemaker_async.errors import (
    RequestValidationError,
    ResourceNotFound,
    ResponseError,
    ServiceError,
    ThrottlingError,
    ValidationError,
)

QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/my-queue"


class Watching(StubTransport):
    """Keeps the limits that requests are sent with."""

    def __init__(self, *answers: Any, **options: Any) -> None:
        super().__init__(*answers, **options)
        self.limits: list[Timeouts] = []

    async def send(self, request: Any, timeouts: Timeouts, on_chunk_sent: Any = None) -> Any:
        self.limits.append(timeouts)
        return await super().send(request, timeouts, on_chunk_sent)


async def test_fields_travel_as_json_1_0() -> None:
    message = {"MessageId": "m", "ReceiptHandle": "r", "Body": "{}", "MD5OfBody": "x", "Attributes": {"a": "b"}}
    stub = StubTransport(StubResponse.json({"Messages": [message]}), StubResponse.json({}), StubResponse())
    async with Session(transport=stub) as session:
        assert session.sqs is session.sqs
        received = await session.sqs.receive_message(
            queue_url=QUEUE, max_number_of_messages=10, wait_time_seconds=20, visibility_timeout=30
        )
        (got,) = received.messages
        assert (got.message_id, got.receipt_handle, got.body) == ("m", "r", "{}")
        await session.sqs.change_message_visibility(queue_url=QUEUE, receipt_handle="r", visibility_timeout=0)
        await session.sqs.delete_message(queue_url=QUEUE, receipt_handle="r")
    assert [json.loads(request.body) for request in stub.requests] == [
        {"QueueUrl": QUEUE, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 20, "VisibilityTimeout": 30},
        {"QueueUrl": QUEUE, "ReceiptHandle": "r", "VisibilityTimeout": 0},
        {"QueueUrl": QUEUE, "ReceiptHandle": "r"},
    ]
    request = stub.requests[0]
    assert (request.origin, request.target) == ("https://sqs.us-east-1.amazonaws.com", "/")
    assert request.headers["Content-Type"] == "application/x-amz-json-1.0"
    assert request.headers["X-Amz-Target"] == "AmazonSQS.ReceiveMessage"
    assert "/us-east-1/sqs/aws4_request" in request.headers["Authorization"]


@pytest.mark.parametrize(
    "host", ["queue.example-1.com", "localstack-1.internal", "vpce-0a-12345678.sqs.us-east-1.vpce.amazonaws.com"]
)
async def test_a_queue_at_a_host_that_is_not_a_region_s_is_asked(host: str) -> None:
    async with Session(transport=StubTransport(StubResponse.json({}))) as session:
        assert (await session.sqs.receive_message(queue_url=f"https://{host}/1/q")).messages == []


async def test_an_answer_without_messages_has_none() -> None:
    async with Session(transport=StubTransport(StubResponse.json({}))) as session:
        assert (await session.sqs.receive_message(queue_url=QUEUE)).messages == []


@pytest.mark.parametrize(
    ("limits", "wait", "first_byte", "total"),
    [
        ({}, 20, 70, None),
        ({"first_byte": 5, "total": 8}, 20, 30, 30),
        ({"first_byte": 5, "total": 8}, 0, 10, 10),
        ({"first_byte": 25}, None, 30, None),
        ({"first_byte": None, "total": 100}, 20, None, 100),
    ],
)
async def test_the_limits_outlast_the_wait(limits: Any, wait: int | None, first_byte: Any, total: Any) -> None:
    stub = Watching(StubResponse.json({}))
    async with Session(transport=stub, timeouts=Timeouts(**limits)) as session:
        await session.sqs.receive_message(queue_url=QUEUE, wait_time_seconds=wait)
    assert [(each.first_byte, each.total) for each in stub.limits] == [(first_byte, total)]


async def test_a_limit_of_the_call_is_kept() -> None:
    stub = Watching(StubResponse.json({}))
    async with Session(transport=stub) as session:
        await session.sqs.receive_message(queue_url=QUEUE, wait_time_seconds=20, timeout=3)
    assert stub.limits[0].total == 3


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"queue_url": "my-queue"}, "is the URL of a queue"),
        ({"queue_url": "https://sqs.us-east-1.amazonaws.com"}, "is the URL of a queue"),
        ({"queue_url": None}, "is required"),
        ({"queue_url": QUEUE.replace("us-east-1", "eu-west-1")}, "is in eu-west-1, and this session calls us-east-1"),
        ({"queue_url": "https://eu-west-1.queue.amazonaws.com/1/q"}, "is in eu-west-1"),
        ({"max_number_of_messages": 11}, "max_number_of_messages"),
        ({"wait_time_seconds": 21}, "wait_time_seconds"),
        ({"wait_time_seconds": "20"}, "wait_time_seconds"),
        ({"wait_time_seconds": 10**400}, "wait_time_seconds"),
        ({"visibility_timeout": 43_201}, "visibility_timeout"),
    ],
)
async def test_what_sqs_would_refuse_is_refused_before_anything_is_sent(fields: Any, rule: str) -> None:
    stub = StubTransport(StubResponse.json({}))
    async with Session(transport=stub) as session:
        with pytest.raises(RequestValidationError, match=rule):
            await session.sqs.receive_message(**{"queue_url": QUEUE, **fields})
    assert stub.requests == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("QueueDoesNotExist", ResourceNotFound),
        ("ReceiptHandleIsInvalid", ValidationError),
        ("OverLimit", ThrottlingError),
        ("RequestThrottled", ThrottlingError),
        ("KmsDisabled", ServiceError),
    ],
)
async def test_a_refusal_is_the_error_of_its_name(code: str, kind: type[ServiceError]) -> None:
    body = {"__type": f"com.amazonaws.sqs#{code}", "message": "words"}
    async with Session(transport=StubTransport(StubResponse.json(body, status=400))) as session:
        with pytest.raises(kind, match="words") as raised:
            await session.sqs.receive_message(queue_url=QUEUE)
        assert (raised.value.code, raised.value.resource) == (code, QUEUE)


@pytest.mark.parametrize("body", [{"Messages": 1}, {"Messages": [{}]}, {"Messages": [{"ReceiptHandle": 1}]}, []])
async def test_an_answer_that_is_not_sqs_is_an_error(body: Any) -> None:
    async with Session(transport=StubTransport(StubResponse.json(body))) as session:
        with pytest.raises(ResponseError):
            await session.sqs.receive_message(queue_url=QUEUE)


async def test_a_message_makes_its_whole_way(moto_url: str) -> None:
    boto: Any = boto3.client(
        "sqs", endpoint_url=moto_url, region_name="us-east-1", aws_access_key_id="A", aws_secret_access_key="s"
    )
    url = boto.create_queue(QueueName="q")["QueueUrl"]
    options: Any = {"region": "us-east-1", "endpoint_urls": {"sqs": moto_url}, "credentials": Credentials("A", "s")}
    async with Session(**options) as session:
        assert (await session.sqs.receive_message(queue_url=url, wait_time_seconds=0)).messages == []
        boto.send_message(QueueUrl=url, MessageBody='{"inferenceId": "é"}')
        for _ in range(2):
            (message,) = (await session.sqs.receive_message(queue_url=url, wait_time_seconds=0)).messages
            assert message.body == '{"inferenceId": "é"}'
            assert (await session.sqs.receive_message(queue_url=url, wait_time_seconds=0)).messages == []
            await session.sqs.change_message_visibility(
                queue_url=url, receipt_handle=message.receipt_handle, visibility_timeout=0
            )
        (message,) = (await session.sqs.receive_message(queue_url=url, wait_time_seconds=0)).messages
        await session.sqs.delete_message(queue_url=url, receipt_handle=message.receipt_handle)
        with pytest.raises(ValidationError):
            await session.sqs.delete_message(queue_url=url, receipt_handle="unknown")
        with pytest.raises(ResourceNotFound):
            await session.sqs.receive_message(queue_url=url + "x", wait_time_seconds=0)
    attributes = boto.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (attributes["ApproximateNumberOfMessages"], attributes["ApproximateNumberOfMessagesNotVisible"]) == (
        "0",
        "0",
    )
