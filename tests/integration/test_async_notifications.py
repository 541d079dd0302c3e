"""Asynchronous inference with moto: completions told by a queue of its SQS, and results in its S3."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from sagemaker_async import AsyncInferenceJob, AsyncPredictor, Predictor, Session
from sagemaker_async.async_inference import CompletionQueue
from sagemaker_async.async_inference.notifications import inference_id_of
from sagemaker_async.async_inference.poller import Poller
from sagemaker_async.aws.timing import Timing
from sagemaker_async.errors import (
    AsyncInferenceModelError,
    CallError,
    ConnectError,
    RequestValidationError,
    UnexpectedClientError,
    UsageError,
)
from sagemaker_async.local import AsyncInference, LocalSageMaker, ModelFailure

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def sqs(moto_url: str) -> Iterator[Any]:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    client = boto3.client("sqs", region_name="us-east-1", endpoint_url=moto_url, **keys)
    yield client
    client.close()


@pytest.fixture
def queue(sqs: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    url = sqs.create_queue(QueueName=request.node.name[:80].replace("[", "-").replace("]", ""))["QueueUrl"]
    yield url
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
async def local() -> AsyncIterator[LocalSageMaker]:
    async with LocalSageMaker() as local:
        yield local


@pytest.fixture
async def session(local: LocalSageMaker, moto_url: str) -> AsyncIterator[Session]:
    async with Session(**local.client_options, endpoint_urls={"sqs": moto_url}) as session:
        yield session


def raw(message: dict[str, Any]) -> str:
    return json.dumps(message)


def enveloped(message: dict[str, Any]) -> str:
    return json.dumps({"Type": "Notification", "MessageId": "1", "TopicArn": "arn", "Message": json.dumps(message)})


def waiting_in(sqs: Any, queue: str) -> int:
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "0"
    return int(attributes["ApproximateNumberOfMessages"])


def never_again(session: Session) -> None:
    """Have the poller look once for each job, and again only when it is told to."""

    async def sleep(seconds: float) -> None:
        await asyncio.Event().wait()

    Poller.of(session).timing = Timing(sleep=sleep)


@pytest.mark.parametrize("form", [raw, enveloped], ids=["raw", "enveloped"])
async def test_a_message_ends_the_wait_and_is_deleted(
    local: LocalSageMaker, session: Session, sqs: Any, queue: str, form: Callable[[dict[str, Any]], str]
) -> None:
    def publish(message: dict[str, Any]) -> None:
        for _ in range(2):  # at least once
            sqs.send_message(QueueUrl=queue, MessageBody=form(message))

    def model(body: bytes) -> bytes:
        if body == b"bad":
            raise ModelFailure(500, "no")
        return body[::-1]

    endpoint = local.add_endpoint("e", model, asynchronous=AsyncInference(instances=0, notify=publish))
    never_again(session)
    predictor = AsyncPredictor(Predictor("e", session))
    good, bad = [await predictor.predict_async(body) for body in (b"abc", b"bad")]
    async with CompletionQueue(session, queue) as completions:
        waits = [asyncio.create_task(job.wait()) for job in (good, bad)]
        while Poller.of(session).counter.requests < 4:  # both have been looked for
            await asyncio.sleep(0)
        endpoint.scale(1)
        assert await waits[0] == b"cba"
        with pytest.raises(AsyncInferenceModelError, match="no"):
            await waits[1]
        while completions.received < 4:
            await asyncio.sleep(0)
    assert Poller.of(session).listeners == 0
    assert completions.error is None
    assert 4 <= Poller.of(session).counter.requests <= 10
    assert await asyncio.to_thread(waiting_in, sqs, queue) == 0


async def test_a_queue_that_is_left_at_once_is_no_longer_counted_on(session: Session, queue: str) -> None:
    async with CompletionQueue(session, queue):
        pass
    assert Poller.of(session).listeners == 0


async def test_messages_of_others_are_left_visible(
    local: LocalSageMaker, session: Session, sqs: Any, queue: str
) -> None:
    foreign = [raw({"inferenceId": "theirs"}), enveloped({"inferenceId": "theirs"}), "no JSON", "[1]"]
    for body in foreign:
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    pauses: list[float] = []
    paused = asyncio.Event()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            paused.set()
            await asyncio.Event().wait()

    Poller.of(session).timing = Timing(sleep=sleep)
    async with CompletionQueue(session, queue) as completions:
        await paused.wait()
        assert await asyncio.to_thread(waiting_in, sqs, queue) == len(foreign)
    assert pauses == [1.0, 2.0, 4.0]
    assert completions.received >= len(foreign)


async def test_a_message_that_lies_is_corrected_by_s3(
    local: LocalSageMaker, session: Session, sqs: Any, queue: str
) -> None:
    never_again(session)
    job: AsyncInferenceJob[bytes] = AsyncInferenceJob(session, output_path="s3://bkt/out", inference_id="mine")
    async with CompletionQueue(session, queue) as completions:
        wait = asyncio.create_task(job.wait())
        while Poller.of(session).counter.requests < 1:
            await asyncio.sleep(0)
        await asyncio.to_thread(sqs.send_message, QueueUrl=queue, MessageBody=raw({"inferenceId": "mine"}))
        while Poller.of(session).counter.requests < 2:
            await asyncio.sleep(0)
        assert not wait.done()
        local.objects["s3://bkt/out"] = b"there"
        await asyncio.to_thread(sqs.send_message, QueueUrl=queue, MessageBody=raw({"inferenceId": "mine"}))
        assert await wait == b"there"
    assert completions.received <= 2


async def test_a_queue_that_cannot_be_read_is_an_error_at_once(session: Session, moto_url: str) -> None:
    with pytest.raises(CallError):
        async with CompletionQueue(session, f"{moto_url}/123456789012/none"):
            pass
    with pytest.raises(RequestValidationError, match="queue_url"):
        async with CompletionQueue(session, "none"):
            pass
    assert Poller.of(session).listeners == 0


async def test_a_queue_that_fails_for_a_while_is_asked_again(
    session: Session, sqs: Any, queue: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    Poller.of(session).timing = Timing(sleep=sleep)
    receive, failures = session.sqs.receive_message, [ConnectError("the network is unplugged") for _ in range(3)]
    assert all(failure.retryable for failure in failures)

    async def failing(**fields: Any) -> Any:
        if len(pauses) < len(failures):
            raise failures[len(pauses)]
        return await receive(**fields | {"wait_time_seconds": 0})

    caplog.set_level(logging.INFO, logger="sagemaker_async")
    async with CompletionQueue(session, queue) as completions, asyncio.timeout(10):
        monkeypatch.setattr(session.sqs, "receive_message", failing)
        await asyncio.to_thread(sqs.send_message, QueueUrl=queue, MessageBody=raw({"inferenceId": "another's"}))
        while completions.received == 0:
            await asyncio.sleep(0)
        assert completions.error is None
    assert pauses[:3] == sorted(pauses[:3])
    assert pauses[0] < pauses[2]
    assert caplog.text.count("the network is unplugged") == len(failures)


async def test_a_queue_that_is_gone_ends_the_listening_and_says_why(
    session: Session, queue: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def gone(**fields: Any) -> Any:
        raise CallError("there is no such queue")

    async with CompletionQueue(session, queue) as completions, asyncio.timeout(10):
        monkeypatch.setattr(session.sqs, "receive_message", gone)
        while completions.error is None:
            await asyncio.sleep(0)
        assert isinstance(completions.error, CallError)
        assert Poller.of(session).listeners == 0
    assert Poller.of(session).listeners == 0
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line.startswith("the queue of completions is no longer read; ")
    assert line.endswith(": there is no such queue")


async def test_closing_leaves_no_task(session: Session, queue: str) -> None:
    completions = CompletionQueue(session, queue)
    async with completions:
        with pytest.raises(UsageError):
            await completions.__aenter__()
    await completions.close()
    other = await CompletionQueue(session, queue).__aenter__()
    await session.close()  # the task ends by itself
    while any(task.get_name() == "sagemaker-async completions" for task in asyncio.all_tasks()):
        await asyncio.sleep(0)
    assert other.error is None or isinstance(other.error, CallError)
    await other.close()


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (raw({"inferenceId": "x"}), "x"),
        (enveloped({"inferenceId": "x"}), "x"),
        (raw({"inferenceId": 5}), None),
        (raw({}), None),
        ("", None),
        ("[]", None),
        ("{", None),
        ('{"Type": "Notification"}', None),
        ('{"Type": "Notification", "Message": 5}', None),
        ('{"Type": "Notification", "Message": "x"}', None),
        ('{"Type": "Notification", "Message": "[1]"}', None),
        ("[" * 100_000, None),
    ],
)
def test_messages_are_read_leniently(body: str, found: str | None) -> None:
    assert inference_id_of(body) == found


async def test_inputs_and_results_may_be_in_another_s3(moto_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with LocalSageMaker(s3_url=moto_url) as local, Session(**local.client_options) as session:
        s3 = boto3.client("s3", **{**local.boto3_options, "endpoint_url": moto_url})
        await asyncio.to_thread(s3.create_bucket, Bucket="other-s3")
        s3.close()
        places = {"async_output": "s3://other-s3/out", "async_failure": "s3://other-s3/failed"}
        local.add_endpoint("e", lambda body: body[::-1], asynchronous=True, **places)
        predictor = AsyncPredictor(Predictor("e", session))
        assert await predictor.predict(b"abc", "s3://other-s3/in") == b"cba"
        assert not local.objects
        with pytest.raises(AsyncInferenceModelError, match="s3://other-s3/none cannot be read"):
            await predictor.predict(input_path="s3://other-s3/none")

        local.add_endpoint("lost", lambda body: body, asynchronous=True, async_output="s3://no-such-bucket-here/out")
        await AsyncPredictor(Predictor("lost", session)).predict_async(b"x")
        with pytest.raises(CallError, match="NoSuchBucket"):
            await local.async_invocations[-1].finished()
    assert "could not be written" in caplog.text


async def test_a_bucket_that_does_not_exist_is_an_error_at_once(local: LocalSageMaker, moto_url: str) -> None:
    async with Session(**local.client_options, endpoint_urls={"s3": moto_url}) as session:
        job: AsyncInferenceJob[bytes] = AsyncInferenceJob(session, output_path="s3://no-such-bucket/out")
        with pytest.raises(UnexpectedClientError, match="NoSuchBucket"):
            await job
        assert Poller.of(session).counter.requests == 1


def test_every_job_is_accounted_for_with_the_results_in_motos_s3() -> None:
    program = [sys.executable, "-m", "tests.hostile.async_jobs", "--jobs", "40", "--s3", "moto"]
    ran = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "moto S3: 40 jobs, 38 results and 2 failures" in ran.stdout
    assert "20 of them awaited by another process" in ran.stdout
