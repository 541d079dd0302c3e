"""Asynchronous inference against the embedded SageMaker: what is sent, what is waited for, what is refused."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import Any

import pytest

from sagemaker_async import AsyncInferenceJob, AsyncPredictor, Predictor, Session, WaiterConfig
from sagemaker_async.async_inference import AsyncInferenceResponse, as_completed
from sagemaker_async.async_inference.poller import Poller
from sagemaker_async.aws.timing import Timing
from sagemaker_async.deserializers import JSONDeserializer
from sagemaker_async.errors import (
    AsyncInferenceModelError,
    CallError,
    ConfigurationError,
    DeserializationError,
    InvalidJobError,
    ObjectNotExistedError,
    PollingTimeoutError,
    RequestValidationError,
    ResponseTooLargeError,
    ResultAccessDeniedError,
    SageMakerAsyncError,
    SerializationError,
    SessionClosedError,
    UnexpectedClientError,
    ValidationError,
    WaitCancelledError,
)
from sagemaker_async.local import AsyncInference, LocalSageMaker, ModelFailure
from sagemaker_async.serializers import JSONSerializer

X = "X-Amzn-SageMaker-"
BUCKET = "s3://sagemaker-us-east-1-123456789012"


class FakeTime:
    """Time that passes only where somebody sleeps; `at` runs something once that time has come."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []
        self._plans: list[tuple[float, Callable[[], object]]] = []
        self.timing = Timing(monotonic=lambda: self.now, sleep=self._sleep, uniform=lambda: 0.0)

    def at(self, seconds: float, plan: Callable[[], object]) -> None:
        self._plans.append((self.now + seconds, plan))

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        for when, plan in list(self._plans):
            if when <= self.now:
                self._plans.remove((when, plan))
                plan()
        await asyncio.sleep(0)


@pytest.fixture
async def local() -> AsyncIterator[LocalSageMaker]:
    async with LocalSageMaker() as local:
        yield local


@pytest.fixture
async def session(local: LocalSageMaker) -> AsyncIterator[Session]:
    async with Session(**local.client_options) as session:
        yield session


@pytest.fixture
def time(session: Session) -> FakeTime:
    time = FakeTime()
    Poller.of(session).timing = time.timing
    return time


@pytest.fixture
def predictor(session: Session) -> AsyncPredictor[Any]:
    return AsyncPredictor(Predictor("e", session, JSONSerializer(), JSONDeserializer()))


def double(body: bytes) -> bytes:
    value = json.loads(body)
    if value == "fail":
        raise ModelFailure(500, "CUDA out of memory")
    return json.dumps(value * 2).encode()


def job(session: Session, failure: str | None = "s3://bkt/fail", **fields: Any) -> AsyncInferenceJob[Any]:
    """Return a job whose objects the test writes itself."""
    return AsyncInferenceJob(session, output_path="s3://bkt/out", failure_path=failure, **fields)


# --- many records -----------------------------------------------------------------------------------------------------


async def test_many_records_are_submitted_and_awaited(local: LocalSageMaker, predictor: AsyncPredictor[Any]) -> None:
    local.add_endpoint("e", double, asynchronous=True)
    outcomes = [o async for o in predictor.map([1, "fail", 3], concurrency=2, on_error="return")]
    assert [(outcome.index, outcome.result) for outcome in outcomes] == [(0, 2), (1, None), (2, 6)]
    assert isinstance(outcomes[1].error, AsyncInferenceModelError)
    assert len(local.async_invocations) == 3
    assert Poller.of(predictor.sagemaker_session).waiting == 0


async def test_several_records_go_in_one_job(local: LocalSageMaker, predictor: AsyncPredictor[Any]) -> None:
    local.add_endpoint("e", lambda body: json.dumps({"predictions": json.loads(body)["instances"]}), asynchronous=True)
    assert [outcome.result async for outcome in predictor.map([1, 2, 3], batch=2)] == [1, 2, 3]
    assert len(local.async_invocations) == 2


async def test_more_jobs_than_connections_wait_at_once(local: LocalSageMaker, predictor: AsyncPredictor[Any]) -> None:
    gathered = asyncio.Barrier(300)

    async def together(body: bytes) -> bytes:
        await gathered.wait()
        return double(body)

    local.add_endpoint("e", together, asynchronous=AsyncInference(concurrency=300))
    results = [outcome.result async for outcome in predictor.map(range(300), concurrency=300, ordered=False)]
    assert sorted(results) == [2 * number for number in range(300)]


async def test_what_was_accepted_is_not_submitted_again(
    local: LocalSageMaker, predictor: AsyncPredictor[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow_down(job: Any) -> Any:
        raise ValidationError("slow down", status=503, code="SlowDown")

    monkeypatch.setattr(ValidationError, "retryable", True)
    monkeypatch.setattr(AsyncInferenceJob, "wait", slow_down)
    local.add_endpoint("e", double, asynchronous=True)
    with pytest.raises(ValidationError, match="slow down"):
        await anext(predictor.map([1], concurrency=1))
    assert len(local.async_invocations) == 1


async def test_what_no_job_takes_is_refused_before_the_first(local: LocalSageMaker, session: Session) -> None:
    predictor = AsyncPredictor(Predictor("e", session))
    with pytest.raises(RequestValidationError, match="target_model"):
        predictor.map([b""], initial_args={"target_model": "m"})
    with pytest.raises(ConfigurationError, match="concurrency must be"):
        predictor.map([b""], concurrency=0)
    assert not local.requests


# --- submitting -------------------------------------------------------------------------------------------------------


async def test_a_small_payload_goes_in_the_request(local: LocalSageMaker, predictor: AsyncPredictor[Any]) -> None:
    local.add_endpoint("e", double, asynchronous=True)
    job = await predictor.predict_async(21)
    assert await job == 42
    submitted = local.requests[0]
    assert (submitted.body_size, X + "InputLocation" in submitted.headers) == (2, False)
    assert list(local.objects) == [job.output_path]
    assert (job.endpoint_name, job.failure_path is not None) == ("e", True)
    assert job.inference_id == local.async_invocations[0].inference_id


@pytest.mark.parametrize(("size", "uploaded"), [(128_000, False), (128_001, True)])
async def test_a_payload_beyond_the_limit_of_the_request_goes_to_s3(
    local: LocalSageMaker, session: Session, size: int, uploaded: bool
) -> None:
    local.add_endpoint("e", lambda body: str(len(body)).encode(), asynchronous=True)
    job = await AsyncPredictor(Predictor("e", session)).predict_async(bytes(size))
    assert await job == str(size).encode()
    inputs = [url for url in local.objects if url.startswith(f"{BUCKET}/async-endpoint-inputs/e-")]
    assert len(inputs) == uploaded
    if uploaded:
        assert local.requests[1].headers[X + "InputLocation"] == inputs[0]
        assert local.requests[0].headers["x-amz-expected-bucket-owner"] == "123456789012"


async def test_a_large_payload_goes_to_s3_in_parts(local: LocalSageMaker, session: Session) -> None:
    payload = bytes(range(256)) * (36 << 10)  # 9 MiB
    local.add_endpoint("e", lambda body: sha256(body).digest(), asynchronous=True)
    assert await AsyncPredictor(Predictor("e", session)).predict(payload) == sha256(payload).digest()
    assert sum("partNumber" in request.target for request in local.requests) == 2


async def test_all_fields_are_sent(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("e", lambda body: body, asynchronous=True)
    plain = Predictor("e", session, content_type="text/csv", accept=("text/csv", "application/json"))
    job = await AsyncPredictor(plain).predict_async(
        b"1,2",
        None,
        {"CustomAttributes": "lost", "RequestTTLSeconds": 61},
        "mine",
        custom_attributes="kept",
        s3_output_path_extension="a/b",
        filename="result.csv",
        invocation_timeout_seconds=30,
    )
    assert await job == b"1,2"
    sent = local.requests[0].headers
    assert {name: sent[X + name] for name in ("Content-Type", "Accept", "Inference-Id", "Custom-Attributes")} == {
        "Content-Type": "text/csv",
        "Accept": "text/csv, application/json",
        "Inference-Id": "mine",
        "Custom-Attributes": "kept",
    }
    assert (sent[X + "RequestTTLSeconds"], sent[X + "InvocationTimeoutSeconds"]) == ("61", "30")
    assert job.output_path == f"{BUCKET}/async-endpoint-outputs/a/b/result.csv"
    assert (job.inference_id, job.ttl, job.timeout) == ("mine", 61, 30)
    stored = local.objects.find(job.output_path)
    assert stored is not None
    assert stored.content_type == "text/csv"


async def test_an_accept_of_one_type_is_sent_as_it_is(local: LocalSageMaker, predictor: AsyncPredictor[Any]) -> None:
    """The SDK joins the letters of a str by commas."""
    local.add_endpoint("e", double, asynchronous=True)
    await (await predictor.predict_async(1))
    assert local.requests[0].headers[X + "Accept"] == "application/json"
    assert local.requests[0].headers[X + "Content-Type"] == "application/json"


async def test_the_input_may_be_in_s3_already(local: LocalSageMaker, predictor: AsyncPredictor[Any]) -> None:
    local.add_endpoint("e", double, asynchronous=True)
    local.objects["s3://mine/in put.json"] = b"4"
    assert await predictor.predict(input_path="s3://mine/in put.json") == 8
    assert local.requests[0].target.endswith("/async-invocations")


async def test_data_with_a_path_is_put_there_and_nowhere_else(
    local: LocalSageMaker, predictor: AsyncPredictor[Any]
) -> None:
    local.add_endpoint("e", double, asynchronous=True)
    assert await predictor.predict(5, "s3://mine/in.json") == 10
    stored = local.objects.find("s3://mine/in.json")
    assert stored is not None
    assert (stored.body, stored.content_type) == (b"5", "application/json")
    assert local.requests[1].body_size == 0


async def test_inputs_can_have_another_place_and_name(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("e", lambda body: body, asynchronous=True)
    predictor = AsyncPredictor(Predictor("e", session), "nightly", upload_to="s3://mine/inputs/", inline_bytes=0)
    assert await predictor.predict(b"x") == b"x"
    (put, *_) = [request for request in local.requests if request.method == "PUT"]
    assert put.target.startswith("/mine/inputs/nightly-")
    assert "x-amz-expected-bucket-owner" not in put.headers


async def test_no_bucket_is_made_on_the_way(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("e", lambda body: body, asynchronous=True)
    await AsyncPredictor(Predictor("e", session), inline_bytes=0).predict(b"x")
    assert all(len(request.target.split("/")) > 2 for request in local.requests if request.method == "PUT")


async def test_the_predictors_control_plane_is_there_too(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("e", lambda body: body, asynchronous=True)
    predictor = AsyncPredictor(Predictor("e", session))
    predictor.serializer, predictor.deserializer = JSONSerializer(), JSONDeserializer()
    assert await predictor.predict({"a": 1}) == {"a": 1}
    await predictor.delete_endpoint()
    assert not local.endpoints


# --- what is refused before anything is sent --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({}, ValueError, "Please provide input data or input Amazon S3 location to use async prediction"),
        ({"input_path": "https://b/k"}, RequestValidationError, "s3://my-bucket"),
        ({"input_path": "s3://bkt"}, RequestValidationError, "s3://my-bucket"),
        ({"input_path": "s3://bkt/"}, RequestValidationError, "s3://my-bucket"),
        ({"input_path": 5}, RequestValidationError, "type int"),
        ({"data": 1, "input_path": "in.json"}, RequestValidationError, "s3://my-bucket"),
        ({"input_path": "s3://bkt/" + "k" * 1025}, RequestValidationError, "1025 bytes"),
        ({"data": 1, "initial_args": {"InputLocation": "s3://bkt/k"}}, ConfigurationError, "InputLocation"),
        ({"data": 1, "initial_args": {"body": b"x"}}, ConfigurationError, "Body"),
        ({"data": 1, "initial_args": [1]}, ConfigurationError, "mapping"),
        (
            {"data": 1, "initial_args": {"InferenceComponentName": "c"}},
            RequestValidationError,
            "InferenceComponentName",
        ),
        ({"data": float("nan")}, SerializationError, "nan|NaN"),
        ({"data": 1, "request_ttl_seconds": 59}, RequestValidationError, "request_ttl_seconds"),
        ({"data": 1, "invocation_timeout_seconds": 3601}, RequestValidationError, "invocation_timeout_seconds"),
        ({"data": 1, "filename": "a.b.c"}, RequestValidationError, "filename"),
        ({"data": "x" * 200_000, "filename": "a/b"}, RequestValidationError, "filename"),
        ({"data": 1, "s3_output_path_extension": "a b"}, RequestValidationError, "s3_output_path_extension"),
        ({"data": 1, "inference_id": " x"}, RequestValidationError, "inference_id"),
        ({"data": 1, "timeout": -1}, ConfigurationError, "timeout"),
    ],
)
async def test_bad_input_is_refused_before_anything_is_sent(
    local: LocalSageMaker,
    predictor: AsyncPredictor[Any],
    arguments: dict[str, Any],
    kind: type[Exception],
    message: str,
) -> None:
    for submit in (predictor.predict, predictor.predict_async):
        with pytest.raises(kind, match=message) as caught:
            await submit(**arguments)
        assert isinstance(caught.value, SageMakerAsyncError)
    assert not local.requests
    assert not local.objects


async def test_what_a_serializer_returns_is_checked(local: LocalSageMaker, session: Session) -> None:
    class Odd:
        CONTENT_TYPE = "x/y"

        def serialize(self, data: Any) -> Any:
            return data

    for data in (5, "\ud800"):
        with pytest.raises(SerializationError, match="what the serializer returned"):
            await AsyncPredictor(Predictor("e", session, Odd())).predict(data)
    assert not local.requests


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda plain: AsyncPredictor("e"), "AsyncPredictor takes a Predictor"),
        (lambda plain: AsyncPredictor(plain, ""), "name must be"),
        (lambda plain: AsyncPredictor(plain, inline_bytes=128_001), "inline_bytes"),
        (lambda plain: AsyncPredictor(plain, inline_bytes=True), "inline_bytes"),
        (lambda plain: AsyncPredictor(plain, upload_to="bucket"), "s3://my-bucket"),
        (lambda plain: AsyncPredictor(Predictor("e", plain.sagemaker_session, component_name="c")), "does not take"),
        (lambda plain: AsyncPredictor(Predictor.of_router("r", "t", plain.sagemaker_session)), "inference router"),
        (lambda plain: WaiterConfig(max_attempts=0), "max_attempts"),
        (lambda plain: WaiterConfig(delay=-1), "delay"),
        (lambda plain: WaiterConfig(delay=float("nan")), "delay"),
    ],
)
async def test_wrong_options_are_refused(session: Session, make: Callable[[Any], object], message: str) -> None:
    with pytest.raises((ConfigurationError, RequestValidationError), match=message):
        make(Predictor("e", session))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"limit": -1}, "limit"),
        ({"limit": True}, "limit"),
        ({"max_bytes": 1.5}, "max_bytes"),
        ({"denied": "ignore"}, "denied"),
        ({"longest_delay": 0}, "longest_delay"),
    ],
)
async def test_wrong_limits_are_refused(
    local: LocalSageMaker, session: Session, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        await job(session).wait(**arguments)
    with pytest.raises(ConfigurationError, match="waiter_config should be a WaiterConfig object"):
        await job(session).get_result(15)  # type: ignore[arg-type]
    assert not local.requests


# --- waiting ----------------------------------------------------------------------------------------------------------


async def test_a_result_that_is_there_already_costs_one_request(local: LocalSageMaker, session: Session) -> None:
    waited = job(session)
    local.objects.put("s3://bkt/out", b"[1]", "application/json")
    waited.deserializer = JSONDeserializer()
    assert await waited == [1]
    assert await waited == [1]
    assert [(request.method, request.target) for request in local.requests] == [("GET", "/bkt/out")]
    assert await waited.status() == "Completed"
    assert Poller.of(session).waiting == 0


async def test_the_output_is_looked_for_before_the_failure(local: LocalSageMaker, session: Session) -> None:
    local.objects.update({"s3://bkt/out": b"result", "s3://bkt/fail": b"failure"})
    assert await job(session) == b"result"


async def test_looks_are_ever_further_apart(local: LocalSageMaker, session: Session, time: FakeTime) -> None:
    time.at(60, lambda: local.objects.update({"s3://bkt/out": b"late"}))
    assert await job(session) == b"late"
    assert time.slept[0] == pytest.approx(0.5)
    assert all(later >= earlier for earlier, later in zip(time.slept, time.slept[1:], strict=False))
    assert max(time.slept) == pytest.approx(15)
    assert time.now < 1_000 + 60 + 15
    assert Poller.of(session).counter.requests == len(local.requests) < 30


async def test_a_failure_is_an_error_with_the_models_text(
    local: LocalSageMaker, predictor: AsyncPredictor[Any]
) -> None:
    local.add_endpoint("e", double, asynchronous=True)
    job = await predictor.predict_async("fail")
    text = 'Received server error (500) from primary with message "CUDA out of memory"'
    for _ in range(2):
        with pytest.raises(AsyncInferenceModelError) as caught:
            await job
        assert str(caught.value) == f"Model returned error: {text} "
        assert caught.value.message == text
        assert (caught.value.original_status_code, caught.value.original_message) == (500, "CUDA out of memory")
    assert await job.status() == "Failed"
    with pytest.raises(AsyncInferenceModelError):
        await predictor.predict("fail")


@pytest.mark.parametrize("text", [b"", b"anything", b"\xff\xfe", b'{"error": "x"}', b"[" * 10_000])
async def test_a_failure_may_be_any_text(local: LocalSageMaker, session: Session, text: bytes) -> None:
    local.objects["s3://bkt/fail"] = text
    with pytest.raises(AsyncInferenceModelError) as caught:
        await job(session, deserializer=JSONDeserializer())
    assert caught.value.message == text.decode(errors="replace")
    assert (caught.value.original_message, caught.value.original_status_code) == (None, None)


async def test_without_a_failure_path_a_failure_ends_in_a_timeout_that_says_so(
    local: LocalSageMaker, predictor: AsyncPredictor[Any], time: FakeTime
) -> None:
    local.add_endpoint("e", double, asynchronous=AsyncInference(failures=False))
    job = await predictor.predict_async("fail", request_ttl_seconds=60, invocation_timeout_seconds=10)
    assert job.failure_path is None
    with pytest.raises(PollingTimeoutError, match="no S3FailurePath") as caught:
        await job
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.output_path == job.output_path
    assert str(caught.value).startswith(f"No result at {job.output_path} after polling for 1")
    assert caught.value.seconds == pytest.approx(60 + 10 + 60, abs=5)
    assert time.now == pytest.approx(1_000 + 130, abs=5)


async def test_a_wait_has_a_limit_of_its_own(local: LocalSageMaker, session: Session, time: FakeTime) -> None:
    waited = job(session)
    with pytest.raises(PollingTimeoutError, match=r"after polling for 7 seconds\. Inference could still be running$"):
        await waited.wait(limit=7)
    assert time.now == pytest.approx(1_007)
    local.objects["s3://bkt/out"] = b"late"
    assert await waited.wait(limit=0) == b"late"  # one look in any case


async def test_the_default_limit_counts_from_the_submission(
    local: LocalSageMaker, session: Session, time: FakeTime
) -> None:
    old = job(session, submitted=1_000.0)
    with pytest.raises(PollingTimeoutError):
        await old
    assert time.slept == []
    local.objects["s3://bkt/out"] = b"there"
    assert await old == b"there"


@pytest.mark.parametrize("submitted", [1e11, 0.0])
async def test_a_clock_that_jumped_neither_ends_a_wait_nor_makes_it_endless(
    local: LocalSageMaker, session: Session, time: FakeTime, submitted: float
) -> None:
    with pytest.raises(PollingTimeoutError):
        await job(session, submitted=submitted, ttl=100, timeout=40)
    assert time.now == pytest.approx(1_200 if submitted else 1_000)


async def test_a_refused_submission_is_raised_whatever_the_session_says(local: LocalSageMaker) -> None:
    async with Session(**local.client_options, raise_response_errors=False) as session:
        with pytest.raises(ValidationError, match="not found"):
            await AsyncPredictor(Predictor("none", session)).predict(b"x")


async def test_403_is_an_error_that_names_the_permissions(local: LocalSageMaker, session: Session) -> None:
    local.deny_objects("s3://bkt/", missing=True)
    with pytest.raises(ResultAccessDeniedError, match="s3:ListBucket") as caught:
        await job(session)
    assert isinstance(caught.value, UnexpectedClientError)
    assert not isinstance(caught.value, PollingTimeoutError)
    assert caught.value.permissions == ("s3:GetObject", "s3:ListBucket")
    assert caught.value.location == "s3://bkt/out"
    assert len(local.requests) == 1
    with pytest.raises(ResultAccessDeniedError):
        await job(session).status()
    with pytest.raises(UnexpectedClientError):
        await job(session).get_result()


async def test_403_is_not_yet_for_those_who_say_so(local: LocalSageMaker, session: Session, time: FakeTime) -> None:
    local.deny_objects("s3://bkt/", missing=True)
    time.at(30, lambda: local.objects.update({"s3://bkt/out": b"late"}))
    assert await job(session).wait(denied="wait") == b"late"
    local.objects.clear()
    local.objects["s3://bkt/fail"] = b"no"
    with pytest.raises(AsyncInferenceModelError):
        await job(session).wait(denied="wait")
    local.objects.clear()
    with pytest.raises(PollingTimeoutError, match=r"403 for s3://bkt/out.*s3:ListBucket.*s3:GetObject"):
        await job(session).wait(denied="wait", limit=20)


async def test_a_bucket_in_another_region_is_found(local: LocalSageMaker, session: Session) -> None:
    local.place_bucket("bkt", "eu-west-1")
    local.objects["s3://bkt/out"] = b"far"
    assert await job(session) == b"far"
    assert "/eu-west-1/s3/" in local.requests[-1].headers["Authorization"]


async def test_a_result_larger_than_the_limit_is_not_read(local: LocalSageMaker, session: Session) -> None:
    local.objects["s3://bkt/out"] = bytes(1001)
    waited = job(session)
    with pytest.raises(ResponseTooLargeError):
        await waited.wait(max_bytes=1000)
    assert await waited.wait(max_bytes=1001) == bytes(1001)


async def test_a_key_that_vanishes_is_an_error(local: LocalSageMaker, session: Session) -> None:
    local.objects["s3://bkt/out"] = b"x"
    waited = job(session)
    assert await waited.status() == "Completed"
    del local.objects["s3://bkt/out"]
    with pytest.raises(ObjectNotExistedError, match=r"Object not exist at s3://bkt/out\. It was there"):
        await waited


async def test_a_result_that_cannot_be_deserialised_says_so(local: LocalSageMaker, session: Session) -> None:
    local.objects["s3://bkt/out"] = b"<html>"
    with pytest.raises(DeserializationError):
        await job(session, deserializer=JSONDeserializer())


async def test_status_reads_no_result(local: LocalSageMaker, session: Session) -> None:
    waited = job(session)
    assert await waited.status() == "InProgress"
    local.objects["s3://bkt/fail"] = b"no"
    assert await waited.status() == "Failed"
    assert {request.method for request in local.requests} == {"HEAD"}


async def test_passing_failures_of_s3_are_not_yet(
    local: LocalSageMaker, session: Session, time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = session.s3.get_object, iter(range(4))

    async def get_object(**fields: Any) -> Any:
        if next(failures, None) is not None:
            error = CallError("the connection was reset")
            error.retryable = True
            raise error
        return await real(**fields)

    monkeypatch.setattr(session.s3, "get_object", get_object)
    local.objects["s3://bkt/out"] = b"x"
    assert await job(session) == b"x"
    failures = iter(range(10_000))
    with pytest.raises(CallError, match="reset"):
        await job(session)
    assert time.now < 1_000 + 400


async def test_an_error_that_stays_is_raised_at_once(
    local: LocalSageMaker, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.refuse_credentials(local.credentials.access_key_id)
    with pytest.raises(UnexpectedClientError, match="InvalidAccessKeyId") as caught:
        await job(session)
    assert caught.value.__cause__ is not None


# --- the SDK's ways ---------------------------------------------------------------------------------------------------


async def test_get_result_looks_once(local: LocalSageMaker, predictor: AsyncPredictor[Any], time: FakeTime) -> None:
    endpoint = local.add_endpoint("e", double, asynchronous=AsyncInference(instances=0))
    response = await predictor.predict_async(3)
    assert isinstance(response, AsyncInferenceResponse)
    with pytest.raises(
        ObjectNotExistedError, match=f"^Object not exist at {response.output_path}. Inference could still be running$"
    ):
        await response.get_result()
    assert time.slept == []
    with pytest.raises(
        PollingTimeoutError,
        match=f"^No result at {response.output_path} after polling for 900 seconds. Inference could still be running$",
    ):
        await response.get_result(WaiterConfig())
    assert time.now == pytest.approx(1_900)
    with pytest.raises(PollingTimeoutError, match="after polling for 0 seconds"):
        await response.get_result(WaiterConfig(max_attempts=3, delay=0))
    endpoint.scale(1)
    assert await local.async_invocations[0].finished()
    assert await response.get_result() == 6
    again = AsyncInferenceResponse(predictor, response.output_path, response.failure_path)
    assert await again.get_result(WaiterConfig(max_attempts=1, delay=0)) == 6


async def test_get_result_finds_a_failure(local: LocalSageMaker, predictor: AsyncPredictor[Any]) -> None:
    local.add_endpoint("e", double, asynchronous=True)
    response = await predictor.predict_async("fail")
    assert not await local.async_invocations[0].finished()
    with pytest.raises(AsyncInferenceModelError, match="CUDA out of memory"):
        await response.get_result()


# --- cancelling and closing -------------------------------------------------------------------------------------------


async def until_waiting(session: Session, local: LocalSageMaker, waits: int = 1) -> None:
    while Poller.of(session).waiting < waits or not local.requests:
        await asyncio.sleep(0)


async def test_cancel_wait_ends_the_waits_and_not_the_job(local: LocalSageMaker, session: Session) -> None:
    waited = job(session)
    waits = [asyncio.create_task(waited.wait()) for _ in range(2)]
    await until_waiting(session, local, 2)
    waited.cancel_wait()
    for wait in waits:
        with pytest.raises(WaitCancelledError, match="the invocation goes on"):
            await wait
    waited.cancel_wait()
    local.objects["s3://bkt/out"] = b"x"
    assert await waited == b"x"


async def test_two_may_wait_for_one_job(local: LocalSageMaker, session: Session, time: FakeTime) -> None:
    time.at(5, lambda: local.objects.update({"s3://bkt/out": b"x"}))
    waited = job(session)
    assert await asyncio.gather(waited.wait(), waited.wait(limit=100)) == [b"x", b"x"]


async def test_no_task_is_left_when_nobody_waits(local: LocalSageMaker, session: Session) -> None:
    before = asyncio.all_tasks()
    waits = [asyncio.create_task(job(session).wait()) for _ in range(3)]
    await until_waiting(session, local, 3)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    assert Poller.of(session).waiting == 0
    client_tasks = {task for task in asyncio.all_tasks() - before if "sagemaker-async" in task.get_name()}
    assert not client_tasks
    assert session.connections_in_use == 0


async def test_closing_the_session_ends_the_waits(local: LocalSageMaker, session: Session) -> None:
    waits = [asyncio.create_task(job(session).wait()) for _ in range(3)]
    await until_waiting(session, local, 3)
    await session.close()
    for wait in waits:
        with pytest.raises(SessionClosedError):
            await wait
    with pytest.raises(SessionClosedError):
        await job(session)
    assert not {task for task in asyncio.all_tasks() if task.get_name().startswith("sagemaker-async poller")}


async def test_a_caller_that_is_cancelled_while_the_session_closes_is_cancelled(
    local: LocalSageMaker, session: Session
) -> None:
    wait = asyncio.create_task(job(session).wait())
    await until_waiting(session, local)
    closing = asyncio.create_task(session.close())
    wait.cancel()
    await closing
    with pytest.raises(asyncio.CancelledError):
        await wait


# --- many -------------------------------------------------------------------------------------------------------------


async def test_jobs_are_yielded_as_they_complete(local: LocalSageMaker, predictor: AsyncPredictor[Any]) -> None:
    gates = {name: asyncio.Event() for name in "abc"}

    async def model(body: bytes) -> bytes:
        name = json.loads(body)
        await gates[name].wait()
        return double(b'"fail"' if name == "b" else body)

    local.add_endpoint("e", model, asynchronous=True)
    jobs = {name: await predictor.predict_async(name) for name in gates}
    order = ["c", "b", "a"]
    gates[order[0]].set()
    seen = []
    async for done in as_completed(jobs.values()):
        seen.append(next(name for name, job in jobs.items() if job is done))
        if seen[-1] == "b":
            with pytest.raises(AsyncInferenceModelError):
                await done
        else:
            assert await done == seen[-1] * 2
        if len(seen) < 3:
            gates[order[len(seen)]].set()
    assert seen == order
    assert [job async for job in as_completed([])] == []
    assert {job async for job in as_completed(jobs.values())} == set(jobs.values())  # they are known


async def test_what_does_not_complete_is_yielded_with_its_error(
    local: LocalSageMaker, session: Session, time: FakeTime
) -> None:
    local.objects["s3://bkt/out"] = b"x"
    there, missing = job(session), AsyncInferenceJob(session, output_path="s3://bkt/none")
    done = [job async for job in as_completed([missing, there], limit=5)]
    assert done == [there, missing]
    with pytest.raises(PollingTimeoutError):
        await missing
    assert len(time.slept) > 0


async def test_leaving_early_leaves_nothing_behind(local: LocalSageMaker, session: Session) -> None:
    local.objects["s3://bkt/out"] = b"x"
    missing = AsyncInferenceJob(session, output_path="s3://bkt/none")
    async for done in as_completed([job(session), missing]):
        assert await done == b"x"
        break
    gc.collect()
    while Poller.of(session).waiting:  # the event loop closes the generator
        await asyncio.sleep(0)
    while any(task.get_name().startswith("sagemaker-async look") for task in asyncio.all_tasks()):
        await asyncio.sleep(0)
    assert session.connections_in_use == 0


# --- over processes ---------------------------------------------------------------------------------------------------


async def test_a_job_survives_as_json(local: LocalSageMaker, predictor: AsyncPredictor[Any]) -> None:
    local.add_endpoint("e", double, asynchronous=True)
    job = await predictor.predict_async(4, inference_id="mine", request_ttl_seconds=100)
    text = job.to_json()
    assert local.credentials.secret_access_key not in text
    assert local.credentials.access_key_id not in text
    async with Session(**local.client_options) as other:
        again = AsyncInferenceJob.from_json(text, other, deserializer=JSONDeserializer())
        assert (again.inference_id, again.ttl, again.endpoint_name) == ("mine", 100, "e")
        assert again.submitted == job.submitted
        assert await again == 8
        assert again.to_json() == text
        assert await AsyncInferenceJob.from_json(text.encode(), other) == b"8"


def without(content: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: json.dumps(content | {"version": 2}), "version '2'"),
        (lambda content: json.dumps(content | {"version": True}), "version"),
        (lambda content: json.dumps(without(content, "version")), "version"),
        (lambda content: json.dumps(content | {"kind": "other"}), "kind"),
        (lambda content: json.dumps(content | {"output_path": "s3://other/out"}), "changed"),
        (lambda content: json.dumps(content | {"more": 1}), "changed"),
        (lambda content: json.dumps(without(content, "failure_path")), "changed"),
        (lambda content: json.dumps(content | {"digest": 5}), "changed"),
        (lambda content: json.dumps([content]), "kind"),
        (lambda content: json.dumps(content)[:-1], "not JSON"),
        (lambda content: "[" * 10_000, "not JSON"),
        (lambda content: " " * 20_000, "at most"),
        (lambda content: None, "to_json"),
    ],
)
async def test_a_text_that_is_not_the_job_is_refused(
    session: Session, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    content = json.loads(job(session).to_json())
    with pytest.raises(InvalidJobError, match=message):
        AsyncInferenceJob.from_json(change(content), session)


@pytest.mark.parametrize(
    "fields",
    [
        {"output_path": "https://evil.example/"},
        {"output_path": None},
        {"failure_path": "s3://bkt"},
        {"submitted": float("nan")},
        {"submitted": "now"},
        {"ttl": 0},
        {"ttl": True},
        {"timeout": 10**9},
        {"endpoint_name": 5},
        {"inference_id": "x" * 2000},
        {"more": 1},
    ],
)
async def test_a_forged_job_must_still_be_one(session: Session, fields: dict[str, Any]) -> None:
    from sagemaker_async.async_inference.job_json import job_json

    content = without(without(without(json.loads(job(session).to_json()), "digest"), "kind"), "version")
    with pytest.raises(InvalidJobError):
        AsyncInferenceJob.from_json(job_json(content | fields), session)


async def test_a_text_of_a_job_nested_as_deeply_as_can_be_read_is_refused(session: Session) -> None:
    for depth in range(900, 1000):
        with pytest.raises(InvalidJobError):
            AsyncInferenceJob.from_json(
                '{"kind": "sagemaker_async.AsyncInferenceJob", "version": 1, "x": %s}' % ("[" * depth + "]" * depth),
                session,
            )


async def test_who_is_cancelled_again_and_again_leaves_no_wait(session: Session) -> None:
    jobs = [AsyncInferenceJob(session, output_path=f"s3://bkt/out{number}") for number in range(20)]

    async def read() -> None:
        async for _ in as_completed(jobs):
            raise AssertionError

    reading = asyncio.ensure_future(read())
    await asyncio.sleep(0)
    while not reading.done():
        reading.cancel()
        await asyncio.sleep(0)
    assert Poller.of(session).waiting == 0
    assert not any(job._waits for job in jobs)
