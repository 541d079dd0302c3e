"""Uses of the public API, checked by ``mypy --strict`` and never run."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Coroutine, Iterable
from pathlib import Path
from typing import Any, assert_type

import pydantic

from sagemaker_async import (
    AsyncPredictor,
    Batch,
    Config,
    Credentials,
    DataCaptureConfig,
    InternalStreamFailure,
    ModelStreamError,
    Outcome,
    PayloadPart,
    Prediction,
    Predictor,
    ResourceRequirements,
    RetryConfig,
    SageMakerAsyncError,
    SageMakerClient,
    SageMakerRuntimeClient,
    Scoring,
    Session,
    Timeouts,
    UnknownEvent,
    WaitForCapacity,
    __version__,
    bulk,
    map_records,
    name_from_base,
    production_variant,
)
from sagemaker_async.async_inference import WaiterConfig, as_completed
from sagemaker_async.aws.body_stream import BodyStream
from sagemaker_async.aws.s3.shapes import HeadObjectResponse, PutObjectResponse
from sagemaker_async.compat import aioboto3
from sagemaker_async.compat.aiobotocore import AioConfig, Client, get_session
from sagemaker_async.deserializers import (
    BytesDeserializer,
    JSONDeserializer,
    PydanticDeserializer,
    StringDeserializer,
)
from sagemaker_async.dialects import TokenLogprob, TokenResult, ToolCall, ToolCallDelta
from sagemaker_async.errors import Attempt, CallError, FieldProblem, ModelError, RequestValidationError
from sagemaker_async.hosting.generated.shapes import (
    DescribeEndpointResponse,
    InferenceComponentSummary,
    MonitoringExecutionSummary,
    ProductionVariant,
    Vertex,
)
from sagemaker_async.integrations.openai import OpenAITokens, openai_base_url
from sagemaker_async.iterators import (
    BaseIterator,
    ByteIterator,
    JSONLinesIterator,
    LineIterator,
    ServerSentEvent,
    SSEIterator,
    StreamIterator,
    TextIterator,
    Token,
    TokenIterator,
    handle_stream_errors,
)
from sagemaker_async.local import LocalSageMaker, ThreadedLocalSageMaker
from sagemaker_async.predictor.lineage import EndpointContext
from sagemaker_async.predictor.monitors import Monitor, MonitorKind
from sagemaker_async.predictor.stream import PredictionStream, StreamMetadata
from sagemaker_async.runtime.client import ResponseStreamCall
from sagemaker_async.runtime.routers.shapes import InvokeInferenceRouterResponse
from sagemaker_async.runtime.shapes import (
    InvokeEndpointAsyncResponse,
    InvokeEndpointResponse,
    InvokeEndpointStreamedBodyResponse,
    InvokeEndpointWithResponseStreamResponse,
    NewSession,
)
from sagemaker_async.runtime.stream import EventStream
from sagemaker_async.serializers import JSONSerializer, NumpySerializer

assert_type(__version__, str)


class Answer(pydantic.BaseModel):
    text: str


class Upper:
    """A user's own serializer, without any base class."""

    CONTENT_TYPE = "text/plain"

    def serialize(self, data: Any) -> bytes:
        return str(data).upper().encode()


class Pairs(StreamIterator[tuple[int, int]]):
    """A user's own iterator class."""

    def split(self, data: bytes, /) -> Iterable[tuple[int, int]]:
        return zip(data[::2], data[1::2], strict=False)


async def words(event_stream: EventStream) -> AsyncIterator[str]:
    """A user's own iterator function."""
    async for event in event_stream:
        if isinstance(event, PayloadPart):
            yield event.bytes.decode()


class Sizes(BaseIterator[int]):
    """An iterator class that moved over from the SageMaker SDK."""

    async def __anext__(self) -> int:
        event = await anext(self.event_stream)
        handle_stream_errors(event)
        return len(event["PayloadPart"]["Bytes"])


async def sessions() -> None:
    options = Config(region="us-east-1", retry=RetryConfig(max_attempts=1), timeouts=Timeouts(total=5))
    credentials = Credentials("id", "secret", "token", account_id="123456789012")
    async with Session(options, credentials=credentials, endpoint_urls={"s3": "http://127.0.0.1:1"}) as session:
        assert_type(session, Session)
        assert_type(session.runtime, SageMakerRuntimeClient)
        assert_type(session.config, Config)
        assert_type(session.connections_in_use, int)
    Session(regoin="us-east-1")  # type: ignore[call-arg]
    Session(max_connections="many")  # type: ignore[arg-type]
    Session("us-east-1")  # type: ignore[arg-type]
    Timeouts(5)  # type: ignore[call-arg]

    async with SageMakerRuntimeClient(session) as shared, SageMakerRuntimeClient(region="us-east-1") as own:
        assert_type(shared, SageMakerRuntimeClient)
        assert_type(own, SageMakerRuntimeClient)


async def predictions(session: Session) -> None:
    plain = Predictor("my-endpoint")
    assert_type(plain, Predictor[bytes])
    assert_type(await plain.predict(b"data"), bytes)
    assert_type(Predictor("my-endpoint", session, JSONSerializer()), Predictor[bytes])
    assert_type(Predictor("my-endpoint", sagemaker_session=session, serializer=Upper()), Predictor[bytes])

    text = Predictor("my-endpoint", session, deserializer=StringDeserializer())
    assert_type(text, Predictor[str])
    assert_type(await text.predict("data", initial_args={"TargetVariant": "v"}, timeout=5), str)
    assert_type(await Predictor("e", session, JSONSerializer(), BytesDeserializer()).predict({}), bytes)
    assert_type(await text.predict_full("data"), Prediction[str])
    answers = Predictor("e", session, JSONSerializer(), PydanticDeserializer(Answer))
    assert_type(await answers.predict({}), Answer)
    assert_type(Predictor("e", deserializer=JSONDeserializer()), Predictor[Any])

    async with text as entered:
        assert_type(entered, Predictor[str])

    Predictor("e", serializer=JSONSerializer)  # type: ignore[call-overload]
    await plain.predict(b"", target_varient="v")  # type: ignore[call-arg]
    assert_type(await plain.predict(b"", capacity=WaitForCapacity(limit=60)), bytes)
    await plain.predict(b"", capacity=False)
    await plain.predict(b"", capacity=True)  # type: ignore[arg-type]


async def many_records(session: Session, predictor: Predictor[str]) -> None:
    async for outcome in predictor.map([b"a", b"b"], concurrency=8, on_error="return"):
        assert_type(outcome, Outcome[str])
        assert_type(outcome.result, str | None)
        assert_type(outcome.error, Exception | None)
    async for text in predictor.map(["a"], stream=True):
        assert_type(text, Outcome[str])

    async def lines(stream: PredictionStream[bytes]) -> list[bytes]:
        return await stream.lines().collect()

    async for read in predictor.map(["a"], stream=lines):
        assert_type(read, Outcome[list[bytes]])
    async for part in predictor.map([["a"]], batch=Batch(size=3)):
        assert_type(part, Outcome[Any])
    async with map_records(predictor.predict, ["a"], rate=3.5) as outcomes:
        async for one in outcomes:
            assert_type(one, Outcome[str])
    summary = await bulk.run(predictor, "in.jsonl", Path("out.jsonl"), resume=True, fields=["a"], concurrency=8)
    assert_type(summary, bulk.Summary)
    assert_type(summary.latency["p99"], float)
    await bulk.run(predictor.predict, "in.csv", "s3://bucket/out.jsonl", session=session, on_malformed="stop", rate=3.5)
    await bulk.run(predictor, "in.csv", "out.jsonl", concurency=3)  # type: ignore[call-arg]
    await bulk.run(predictor, "in.csv", "out.jsonl", on_malformed="skip")  # type: ignore[arg-type]
    asynchronous = AsyncPredictor(predictor)
    await bulk.run(asynchronous, "in.jsonl", "out.jsonl", concurrency=500)
    async for job_outcome in asynchronous.map(["a"], batch=2, ordered=False):
        assert_type(job_outcome, Outcome[Any])
    asynchronous.map([b""], stream=True)  # type: ignore[call-arg]
    scoring = Scoring(endpoint_name="e", serializer=JSONSerializer(), deserializer=JSONDeserializer())
    async for scored in scoring.map(session, [1], ordered=False):
        assert_type(scored, Outcome[Any])
    predictor.map([b""], concurency=3)  # type: ignore[call-overload]


async def prediction_streams(predictor: Predictor[Any]) -> None:
    assert_type(predictor.predict_stream(b""), PredictionStream[bytes])
    assert_type(predictor.predict_stream(b"", iterator=ByteIterator), PredictionStream[bytes])
    assert_type(predictor.predict_stream(b"", iterator=LineIterator), PredictionStream[bytes])
    assert_type(predictor.predict_stream(b"", iterator=TextIterator), PredictionStream[str])
    assert_type(predictor.predict_stream(b"", iterator=SSEIterator), PredictionStream[ServerSentEvent])
    assert_type(predictor.predict_stream(b"", iterator=TokenIterator), PredictionStream[Token])
    assert_type(predictor.predict_stream(b"", iterator=JSONLinesIterator), PredictionStream[Any])
    assert_type(predictor.predict_stream(b"", iterator=Pairs), PredictionStream[tuple[int, int]])
    assert_type(predictor.predict_stream(b"", iterator=words), PredictionStream[str])
    assert_type(predictor.predict_stream(b"", iterator=Sizes), PredictionStream[int])
    crlf = functools.partial(LineIterator, line_ends="crlf")
    assert_type(predictor.predict_stream(b"", iterator=crlf), PredictionStream[bytes])
    positional = predictor.predict_stream(b"", None, None, None, None, None, None, TextIterator, session_id="s")
    assert_type(positional, PredictionStream[str])

    stream = predictor.predict_stream(b"", iterator=LineIterator)
    async for line in stream:
        assert_type(line, bytes)
    async with stream as entered:
        assert_type(entered, PredictionStream[bytes])
    assert_type(await stream, PredictionStream[bytes])
    assert_type(await stream.open(), PredictionStream[bytes])
    assert_type(await anext(stream), bytes)
    assert_type(stream.response, InvokeEndpointWithResponseStreamResponse | None)
    assert_type(stream.metadata, StreamMetadata | None)
    await stream.aclose()

    tokens = predictor.predict_stream(b"").tokens()
    assert_type(await tokens.result(), TokenResult)
    assert_type(tokens.result.text, str)
    assert_type(tokens.result.tool_calls, tuple[ToolCall, ...])
    assert_type(tokens.result.choices[0].logprobs, tuple[TokenLogprob, ...])
    assert_type((await anext(tokens)).tool_call, ToolCallDelta | None)

    predictor.predict_stream(b"", iterator=7)  # type: ignore[call-overload]
    predictor.predict_stream(b"", target_model="m")  # type: ignore[call-overload]


async def chats(predictor: Predictor[bytes], flag: bool) -> None:
    messages = [{"role": "user", "content": "Hello?"}]
    assert_type(await predictor.chat(messages), TokenResult)
    assert_type(await predictor.chat(messages, tools=[{"type": "function"}], max_tokens=5), TokenResult)
    assert_type(predictor.chat(messages, stream=True), PredictionStream[Token])
    assert_type(predictor.chat(messages, stream=flag), Coroutine[Any, Any, TokenResult] | PredictionStream[Token])

    await predictor.chat("Hello?")  # type: ignore[arg-type]


async def data_plane(runtime: SageMakerRuntimeClient) -> None:
    response = await runtime.invoke_endpoint(endpoint_name="e", body=b"", content_type="text/csv", timeout=5)
    assert_type(response, InvokeEndpointResponse)
    assert_type(response.body, bytes)
    assert_type(response.content_type, str | None)
    assert_type(response.invoked_production_variant, str | None)
    assert_type(response.new_session, NewSession | None)
    assert_type(response.metadata.request_id, str | None)
    assert_type(response.metadata.attempts, tuple[Attempt, ...])
    await runtime.invoke_endpoint(EndpointName="e", Body="text", ContentType="text/csv", timeout=Timeouts(total=5))

    streamed = await runtime.invoke_endpoint(endpoint_name="e", body=b"", stream_body=True)
    assert_type(streamed, InvokeEndpointStreamedBodyResponse)
    assert_type(streamed.body, BodyStream)

    queued = await runtime.invoke_endpoint_async(endpoint_name="e", input_location="s3://b/k", request_ttl_seconds=60)
    assert_type(queued, InvokeEndpointAsyncResponse)
    assert_type(queued.output_location, str | None)

    asynchronous = AsyncPredictor(Predictor("e", deserializer=StringDeserializer()))
    assert_type(await asynchronous.predict(b""), str)
    job = await asynchronous.predict_async(b"", filename="x.out")
    assert_type(await job, str)
    assert_type(await job.get_result(WaiterConfig(max_attempts=1)), str)
    async for done in as_completed([job]):
        assert_type(await done, str)
    await asynchronous.predict_async(b"", request_ttl_seconds="60")  # type: ignore[arg-type]

    await runtime.invoke_endpoint(endpoint_nam="e", body=b"")  # type: ignore[call-overload]
    await runtime.invoke_endpoint(endpoint_name=7, body=b"")  # type: ignore[call-overload]
    await runtime.invoke_endpoint_with_response_stream(endpoint_name="e", target_model="m")  # type: ignore[call-arg]
    await runtime.invoke_endpoint_async(endpoint_name="e", request_ttl_seconds="60")  # type: ignore[arg-type]


async def event_streams(runtime: SageMakerRuntimeClient) -> None:
    call = runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"")
    assert_type(call, ResponseStreamCall)
    coroutine: Coroutine[Any, Any, InvokeEndpointWithResponseStreamResponse] = call
    async with asyncio.TaskGroup() as group:
        task = group.create_task(coroutine)
    assert_type(task.result(), InvokeEndpointWithResponseStreamResponse)
    assert_type(await call, InvokeEndpointWithResponseStreamResponse)

    async with call as response:
        assert_type(response, InvokeEndpointWithResponseStreamResponse)
        assert_type(response.body, EventStream)
        async for event in response.body:
            assert_type(event, PayloadPart | ModelStreamError | InternalStreamFailure | UnknownEvent)
            match event:
                case PayloadPart(bytes=part):
                    assert_type(part, bytes)
                case ModelStreamError(error_code=code, message=text):
                    assert_type(code, str | None)
                    assert_type(text, str)
                case InternalStreamFailure(message=text):
                    assert_type(text, str)
                case UnknownEvent(event_type, _, payload):
                    assert_type(event_type, str)
                    assert_type(payload, bytes)
        async for line in LineIterator(response.body):
            assert_type(line, bytes)


async def control_plane(session: Session, predictor: Predictor[bytes]) -> None:
    assert_type(session.hosting, SageMakerClient)
    description = await session.hosting.wait_until_in_service(endpoint_name="e", interval=5, limit=None)
    assert_type(description, DescribeEndpointResponse)
    assert_type(await session.account_id(), str)
    assert_type(await session.default_bucket(), str)

    capture = DataCaptureConfig(True, 50, "s3://b/k", capture_options=["REQUEST"])
    await predictor.update_endpoint(1, "ml.m5.large", tags={"a": "1"}, data_capture_config_dict=capture, limit=60)
    await predictor.update_endpoint(tags=[{"Key": "a", "Value": "1"}], wait=False, on_progress=print)
    await predictor.update_data_capture_config(capture, interval=5)
    await predictor.enable_data_capture()
    await predictor.disable_data_capture(wait=False)
    await predictor.update_predictor(model_name="m", resources=ResourceRequirements({"memory": 1024, "copies": 2}))
    await predictor.delete_predictor(wait=True, limit=60)
    await predictor.delete_endpoint(delete_endpoint_config=False)
    await predictor.delete_model()
    assert_type(name_from_base("e", short=True), str)
    await predictor.update_data_capture_config(DataCaptureConfig(True, sagemaker_session=session))
    DataCaptureConfig(True, sagemaker_session="session")  # type: ignore[arg-type]
    NumpySerializer("float32", allow_pickle=True)
    assert_type(production_variant("m", "ml.m5.large"), dict[str, Any])

    assert_type(await predictor.list_related_models(), tuple[list[InferenceComponentSummary], str | None])
    async for component in predictor.iter_related_models(status_equals="InService"):
        assert_type(component.inference_component_name, str)
    for monitor in await predictor.list_monitors():
        assert_type(monitor, Monitor)
        assert_type(monitor.kind, MonitorKind)
        assert_type(await monitor.executions(), list[MonitoringExecutionSummary])
        assert_type(await monitor.list_executions(), list[MonitoringExecutionSummary])
        assert_type(await monitor.update("NOW", data_analysis_start_time="-PT1H"), Monitor)
        assert_type(await monitor.update_monitoring_schedule(schedule_cron_expression="NOW"), Monitor)
        await monitor.start_monitoring_schedule()
        await monitor.latest_monitoring_statistics(read=read_object)
        await monitor.latest_monitoring_statistics(read=len)  # type: ignore[arg-type]
    context = await predictor.endpoint_context()
    assert_type(context, EndpointContext | None)
    if context is not None:
        assert_type(await context.dataset_artifacts("Both"), list[Vertex])
        assert_type(await context.pipeline_execution_arn(), str | None)

    place: Any = {"bucket": "b", "key": "k"}
    written = await session.s3.put_object(bucket="b", key="k", body=Path("file"), content_type="text/csv")
    assert_type(written, PutObjectResponse)
    assert_type(await session.s3.head_object(bucket="b", key="k"), HeadObjectResponse)
    async with await session.s3.get_object(**place) as got:
        assert_type(await got.read(limit=5), bytes)
        async for content in got:
            assert_type(content, bytes)
    async for summary in session.s3.list_objects(bucket="b", prefix="p"):
        assert_type(summary.key, str)
    await session.s3.put_object(bucket="b", key="k", body="text")  # type: ignore[arg-type]
    received = await session.sqs.receive_message(queue_url="https://q/q", wait_time_seconds=20)
    assert_type([message.body for message in received.messages], list[str])

    hosting = session.hosting
    assert_type(await hosting.describe_endpoint(endpoint_name="e"), DescribeEndpointResponse)
    assert_type(await hosting.describe_endpoint(EndpointName="e", timeout=5), DescribeEndpointResponse)
    variant = ProductionVariant(variant_name="v", model_name="m", instance_type="ml.m5.large")
    await hosting.create_endpoint_config(endpoint_config_name="c", production_variants=[variant, {"VariantName": "w"}])
    await hosting.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant], Tags=[])
    async for endpoint in hosting.iter_endpoints(status_equals="InService", MaxResults=5):
        assert_type(endpoint.endpoint_name, str)
    await hosting.describe_endpoint(endpoint_nam="e")  # type: ignore[call-arg]
    await hosting.describe_endpoint(EndpointNam="e")  # type: ignore[call-arg]
    await hosting.describe_endpoint(endpoint_name=7)  # type: ignore[arg-type]
    await hosting.describe_endpoint(EndpointName=7)  # type: ignore[arg-type]
    await hosting.create_endpoint_config(production_variants=["v"])  # type: ignore[list-item]

    await predictor.update_endpoint(intervall=5)  # type: ignore[call-arg]
    await predictor.update_endpoint("1")  # type: ignore[arg-type]
    DataCaptureConfig()  # type: ignore[call-arg]


async def read_object(uri: str) -> bytes:
    return uri.encode()


async def half_moved(session: Session) -> None:
    response = await session.runtime.invoke_endpoint(EndpointName="e", Body=b"")
    assert_type(response, InvokeEndpointResponse)
    assert_type(response.get("ContentType"), Any)
    assert_type("ContentType" in response, bool)
    streamed = await session.runtime.invoke_endpoint_with_response_stream(EndpointName="e", Body=b"")
    async for event in streamed.body:
        assert_type(event.get("PayloadPart"), Any)
    description = await session.hosting.describe_endpoint(EndpointName="e")
    assert_type(description["EndpointStatus"], Any)


async def other_clients_names() -> None:
    config = AioConfig({"keepalive_timeout": 3}, read_timeout=65)
    async with get_session().create_client("sagemaker-runtime", region_name="us-east-1", config=config) as client:
        assert_type(client, Client)
        assert_type(await client.invoke_endpoint(EndpointName="e", Body=b""), dict[str, Any])
        async for page in client.get_paginator("list_endpoints").paginate(MaxResults=1):
            assert_type(page, dict[str, Any])
        assert_type(await client.get_waiter("endpoint_in_service").wait(EndpointName="e"), dict[str, Any])
    async with aioboto3.Session(region_name="us-east-1").client("sagemaker") as control:
        assert_type(control, Client)
    get_session().create_client("sagemaker", region="us-east-1")  # type: ignore[call-arg]


async def errors(predictor: Predictor[bytes]) -> None:
    try:
        await predictor.predict(b"")
    except ModelError as error:
        assert_type(error.original_status_code, int | None)
        assert_type(error.log_stream_arn, str | None)
    except RequestValidationError as error:
        assert_type(error.problems, tuple[FieldProblem, ...])
    except CallError as error:
        assert_type(error.request_id, str | None)
        assert_type(error.retryable, bool)
    except SageMakerAsyncError:
        raise


async def embedded() -> None:
    async with LocalSageMaker() as local:
        local.add_endpoint("echo", lambda body: body)
        async with Session(**local.client_options) as session:
            assert_type(session, Session)
    with LocalSageMaker.in_thread() as threaded:
        assert_type(threaded, ThreadedLocalSageMaker)


async def openai_routers_and_sessions(session: Session) -> None:
    tokens = OpenAITokens(session, expires=300)
    assert_type(await tokens(), str)
    assert_type(tokens.refused("token"), None)
    assert_type(openai_base_url(session, "e", component="c"), str)

    router = Predictor.of_router("router", "target", session, JSONSerializer(), JSONDeserializer())
    prediction = await router.predict_full({"inputs": "hello"})
    assert_type(prediction.routed_to, str | None)
    assert_type(prediction.routing_reason, str | None)
    response = await session.routers.invoke_inference_router(
        inference_router_name="router", routing_target_name="target", body=b"hello"
    )
    assert_type(response, InvokeInferenceRouterResponse)
    assert_type(response.routing_reason, str | None)
    queued = await session.routers.invoke_inference_router_async(
        inference_router_name="router", RoutingTargetName="target", input_location="s3://bucket/key"
    )
    assert_type(queued.output_location, str | None)
    assert_type((await session.hosting.describe_inference_router(inference_router_name="router")).status, str)

    predictor = Predictor("e", session, JSONSerializer(), JSONDeserializer())
    async with predictor.session(timeout=5) as bound:
        assert_type(bound, Predictor[Any])
        assert_type(bound.session_id, str | None)
    texts = Predictor("e", session, deserializer=StringDeserializer())
    async with texts.session() as bound_texts:
        assert_type(await bound_texts.predict("hello"), str)
