"""The public API against the embedded SageMaker: what a user reads first, and what must never go wrong quietly."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sagemaker_async import (
    Config,
    InternalStreamFailure,
    ModelStreamError,
    PayloadPart,
    Predictor,
    RetryConfig,
    Session,
    Timeouts,
    UnknownEvent,
)
from sagemaker_async.deserializers import JSONDeserializer
from sagemaker_async.errors import (
    ConnectionLostError,
    MessageChecksumError,
    ModelError,
    PreludeChecksumError,
    StreamConnectionError,
    StreamError,
    StreamStalledError,
    ThrottlingError,
    TruncatedStreamError,
    UnmodeledStreamError,
    ValidationError,
)
from sagemaker_async.iterators import ByteIterator, LineIterator, TextIterator
from sagemaker_async.local import (
    CutFrame,
    DropConnection,
    InStreamError,
    LocalSageMaker,
    ModelFailure,
    ModelResponse,
    PartSize,
    Reset,
    Stall,
    Status,
    TcpWrites,
    Throttle,
    UnmodeledError,
    WrongChecksum,
)
from sagemaker_async.local import UnknownEvent as SendUnknownEvent
from sagemaker_async.predictor.stream import PredictionStream
from sagemaker_async.serializers import JSONSerializer

TEXT = "zwölf\n\n日本 🚀\r\nno end"
LINES = TEXT.encode().split(b"\n")


async def collect(stream: PredictionStream[Any], records: list[Any]) -> None:
    """Append what comes, up to a failure."""
    async for record in stream:
        records.append(record)  # noqa: PERF401 - those before a failure are wanted as well


class TestPredictions:
    async def test_json_there_and_back(self, local: LocalSageMaker, session: Session) -> None:
        local.add_endpoint("double", lambda body: json.dumps(json.loads(body)["x"] * 2))
        predictor = Predictor("double", session, serializer=JSONSerializer(), deserializer=JSONDeserializer())
        assert await predictor.predict({"x": 21}) == 42

    async def test_many_at_once_share_the_pool(self, local: LocalSageMaker) -> None:
        local.add_endpoint("echo", lambda body: body)
        async with Session(**local.client_options, max_connections=4) as session:
            predictor = Predictor("echo", session)
            answers = await asyncio.gather(*(predictor.predict(str(number)) for number in range(100)))
            assert session.connections_in_use == 0
        assert answers == [str(number).encode() for number in range(100)]

    @pytest.mark.parametrize("size", [0, 1, 262_144, 262_145, 3_000_000])
    async def test_bodies_of_all_sizes(self, local: LocalSageMaker, session: Session, size: int) -> None:
        local.add_endpoint("echo", lambda body: body)
        body = bytes(range(256)) * (size // 256 + 1)
        assert await Predictor("echo", session).predict(body[:size]) == body[:size]

    async def test_what_the_container_gets_and_gives_beside_the_body(
        self, local: LocalSageMaker, session: Session
    ) -> None:
        seen: list[Any] = []

        def model(body: bytes, request: Any) -> ModelResponse:
            seen.append(request)
            return ModelResponse(body, "text/csv", custom_attributes="answer=1")

        local.add_endpoint("echo", model, variants=("a", "b"))
        response = await session.runtime.invoke_endpoint(
            EndpointName="echo",
            Body=b"1,2",
            ContentType="text/csv",
            CustomAttributes="ask=1",
            TargetVariant="b",
            TargetModel="m.tar.gz",
            InferenceId="an id",
            SessionId="NEW_SESSION",
        )
        (request,) = seen
        assert (request.content_type, request.custom_attributes) == ("text/csv", "ask=1")
        assert (request.target_variant, request.target_model, request.inference_id) == ("b", "m.tar.gz", "an id")
        assert (response.content_type, response.custom_attributes) == ("text/csv", "answer=1")
        assert response.invoked_production_variant == "b"
        assert response.new_session is not None
        assert response.new_session.id == request.session_id
        assert response.new_session.expires is not None

    async def test_asynchronous_inference_is_queued(self, local: LocalSageMaker, session: Session) -> None:
        local.add_endpoint("echo", lambda body: body.upper())
        local.objects["s3://bucket/in"] = b"from s3"
        located = await session.runtime.invoke_endpoint_async(endpoint_name="echo", input_location="s3://bucket/in")
        inline = await session.runtime.invoke_endpoint_async(endpoint_name="echo", body=b"inline", inference_id="mine")
        assert inline.inference_id == "mine"
        for invocation in local.async_invocations:
            assert await invocation.finished()
        assert local.objects[located.output_location or ""] == b"FROM S3"
        assert local.objects[inline.output_location or ""] == b"INLINE"
        assert located.metadata.status == 202

    async def test_errors_of_service_and_model(self, local: LocalSageMaker, session: Session) -> None:
        def model(body: bytes) -> bytes:
            raise ModelFailure(418, "I am a teapot")

        local.add_endpoint("teapot", model)
        with pytest.raises(ModelError) as failed:
            await Predictor("teapot", session).predict(b"")
        assert (failed.value.original_status_code, failed.value.original_message) == (418, "I am a teapot")
        assert failed.value.log_url is not None
        assert len(failed.value.attempts) == 1
        with pytest.raises(ValidationError) as unknown:
            await Predictor("nobody", session).predict(b"")
        assert unknown.value.resource == "nobody"
        assert unknown.value.request_id == local.requests[-1].request_id

    async def test_throttling_and_explicit_failures_are_retried(self, local: LocalSageMaker) -> None:
        endpoint = local.add_endpoint("echo", lambda body: body)
        endpoint.faults.extend([Throttle(null_message=True), Status(503, "ServiceUnavailable")])
        async with Session(Config(**local.client_options, retry=RetryConfig(backoff=lambda retry: 0.0))) as session:
            response = await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")
            assert [attempt.outcome for attempt in response.metadata.attempts] == [
                "400 ThrottlingException",
                "503 ServiceUnavailable",
                "200",
            ]
            endpoint.faults.always(Throttle())
            with pytest.raises(ThrottlingError) as throttled:
                await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")
        assert len(throttled.value.attempts) == 3

    @pytest.mark.parametrize("fault", [Reset("after_read"), Reset("after_model"), Status(502), Status(504)])
    async def test_an_invocation_is_not_repeated_when_nobody_knows_whether_it_was_done(
        self, local: LocalSageMaker, session: Session, fault: Any
    ) -> None:
        endpoint = local.add_endpoint("echo", lambda body: body)
        endpoint.faults.always(fault)
        with pytest.raises(Exception, match="echo") as lost:
            await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"hello")
        assert getattr(lost.value, "ambiguous", False)
        assert endpoint.requests == 1

    async def test_an_answer_that_breaks_off_is_an_error(self, local: LocalSageMaker, session: Session) -> None:
        local.add_endpoint("echo", lambda body: body).faults.append(DropConnection())
        with pytest.raises(ConnectionLostError):
            await Predictor("echo", session).predict(b"a body that is cut in two")
        assert session.connections_in_use == 0


class TestStreams:
    @pytest.mark.parametrize(
        "delivery",
        [
            None,
            PartSize(1),
            TcpWrites(1),
            (PartSize(1), TcpWrites(1)),
            (PartSize(3), TcpWrites(7)),
        ],
        ids=["whole", "byte per event", "byte per segment", "byte per event and segment", "odd sizes"],
    )
    async def test_lines_are_the_same_however_they_are_delivered(
        self, local: LocalSageMaker, session: Session, delivery: Any
    ) -> None:
        endpoint = local.add_endpoint("echo", lambda body: body)
        endpoint.faults.always(delivery)
        predictor = Predictor("echo", session)
        assert [line async for line in predictor.predict_stream(TEXT, iterator=LineIterator)] == LINES
        text = [piece async for piece in predictor.predict_stream(TEXT, iterator=TextIterator)]
        assert "".join(text) == TEXT
        parts = [part async for part in predictor.predict_stream(TEXT, iterator=ByteIterator)]
        assert b"".join(parts) == TEXT.encode()

    @pytest.mark.parametrize("text", [b"last", b"first\nlast", b"first\n\nlast", b"first\nlast\n"])
    @pytest.mark.parametrize("delivery", [None, (PartSize(1), TcpWrites(1))], ids=["whole", "bytewise"])
    async def test_a_last_line_without_an_end_arrives_once_and_the_stream_ends(
        self, local: LocalSageMaker, session: Session, text: bytes, delivery: Any
    ) -> None:
        local.add_endpoint("echo", lambda body: body).faults.append(delivery)
        async with asyncio.timeout(5):
            lines = [line async for line in Predictor("echo", session).predict_stream(text, iterator=LineIterator)]
        assert lines == text.removesuffix(b"\n").split(b"\n")

    async def test_tokens_arrive_while_the_model_still_generates(self, local: LocalSageMaker, session: Session) -> None:
        received = asyncio.Event()

        async def model(body: bytes) -> AsyncIterator[bytes]:
            yield b"first\n"
            await received.wait()
            yield b"second\n"

        local.add_endpoint("tokens", model)
        lines = []
        async for line in Predictor("tokens", session).predict_stream(b"", iterator=LineIterator):
            lines.append(line)
            received.set()
        assert lines == [b"first", b"second"]

    async def test_all_events_in_order_with_match(self, local: LocalSageMaker, session: Session) -> None:
        endpoint = local.add_endpoint("echo", lambda body: body)
        endpoint.faults.append(
            (
                PartSize(2),
                SendUnknownEvent("Heartbeat", after_parts=1),
                InStreamError(code="StreamBroken", message="no"),
            )
        )
        endpoint.faults.append(InStreamError("InternalStreamFailure", message="no", after_parts=0))
        seen: list[Any] = []
        for _ in range(2):
            async with session.runtime.invoke_endpoint_with_response_stream(
                endpoint_name="echo", body=b"abcd"
            ) as response:
                async for event in response.body:
                    match event:
                        case PayloadPart(bytes=part):
                            seen.append(part)
                        case ModelStreamError(error_code=code, message=text):
                            seen.append((code, text))
                        case InternalStreamFailure(message=text):
                            seen.append(text)
                        case UnknownEvent(event_type, headers, payload):
                            assert headers[":event-type"] == event_type
                            seen.append((event_type, payload))
        assert seen == [b"ab", ("Heartbeat", b"{}"), b"cd", ("StreamBroken", "no"), "no"]

    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            (CutFrame(after_parts=2), TruncatedStreamError),
            (CutFrame(after_parts=2, keep=1), TruncatedStreamError),
            (CutFrame(after_parts=2, keep=11), TruncatedStreamError),
            (CutFrame(after_parts=None), TruncatedStreamError),
            (DropConnection(after_parts=2), StreamConnectionError),
            (DropConnection(after_parts=2, reset=True), StreamConnectionError),
            (DropConnection(after_parts=None), StreamConnectionError),
            (WrongChecksum(3), MessageChecksumError),
            (WrongChecksum(3, which="prelude"), PreludeChecksumError),
            (InStreamError(code="ModelInvocationTimeExceeded", after_parts=2), ModelStreamError),
            (InStreamError("InternalStreamFailure", after_parts=2), InternalStreamFailure),
            (InStreamError("SomethingNew", after_parts=2), UnmodeledStreamError),
            (UnmodeledError(after_parts=2), UnmodeledStreamError),
        ],
    )
    @pytest.mark.parametrize("delivery", [(), (TcpWrites(1),)], ids=["whole", "byte per segment"])
    async def test_a_stream_that_fails_raises_after_what_came_before(
        self, local: LocalSageMaker, session: Session, fault: Any, kind: type[StreamError], delivery: Any
    ) -> None:
        local.add_endpoint("echo", lambda body: body).faults.append((PartSize(4), fault, *delivery))
        parts: list[bytes] = []
        with pytest.raises(kind) as caught:
            await collect(Predictor("echo", session).predict_stream(b"aaaabbbbcccc"), parts)
        error = caught.value
        expected = [b"aaaa", b"bbbb", b"cccc"] if getattr(fault, "after_parts", 2) is None else [b"aaaa", b"bbbb"]
        assert parts == expected
        assert error.events == len(parts)
        assert error.bytes_received == 4 * len(parts)
        assert error.resource == "echo"
        assert error.request_id == local.requests[-1].request_id
        assert len(local.requests) == 1
        assert session.connections_in_use == 0

    async def test_every_cut_inside_a_frame_is_an_error(self, local: LocalSageMaker, session: Session) -> None:
        endpoint = local.add_endpoint("echo", lambda body: body)
        for keep in itertools.chain(range(1, 20), range(80, 110, 5)):
            endpoint.faults.append((PartSize(4), CutFrame(after_parts=1, keep=keep)))
            with pytest.raises(TruncatedStreamError):
                async for _ in Predictor("echo", session).predict_stream(b"aaaabbbb"):
                    pass

    async def test_silence_is_an_error_that_names_the_limit(self, local: LocalSageMaker) -> None:
        local.add_endpoint("echo", lambda body: body).faults.append((PartSize(1), Stall(after_parts=2)))
        async with Session(**local.client_options, timeouts=Timeouts(between_chunks=0.05)) as session:
            with pytest.raises(StreamStalledError, match="between_chunks"):
                async for _ in Predictor("echo", session).predict_stream(b"abc"):
                    pass
            assert session.connections_in_use == 0

    async def test_a_stream_is_never_repeated_once_its_head_has_come(self, local: LocalSageMaker) -> None:
        endpoint = local.add_endpoint("echo", lambda body: body)
        endpoint.faults.extend([Throttle(), (PartSize(1), DropConnection(after_parts=1))])
        async with Session(**local.client_options, retry=RetryConfig(backoff=lambda retry: 0.0)) as session:
            stream = Predictor("echo", session).predict_stream(b"abc")
            with pytest.raises(StreamConnectionError):
                await collect(stream, [])
        assert stream.metadata is not None
        assert len(stream.metadata.attempts) == endpoint.requests == 2

    async def test_a_model_that_fails_before_its_first_part_is_a_model_error(
        self, local: LocalSageMaker, session: Session
    ) -> None:
        async def model(body: bytes) -> AsyncIterator[bytes]:
            raise ModelFailure(500, "no memory")
            yield b""

        local.add_endpoint("model", model)
        with pytest.raises((ModelError, ModelStreamError)) as caught:
            await collect(Predictor("model", session).predict_stream(b""), [])
        assert "no memory" in str(caught.value) or "no memory" in str(getattr(caught.value, "fields", ""))
