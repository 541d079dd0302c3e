"""`StubTransport`: scripts, what it records, and that nothing but the network is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sagemaker_async import (
    Config,
    Credentials,
    ModelStreamError,
    PayloadPart,
    Predictor,
    RetryConfig,
    Session,
    StubResponse,
    StubTransport,
)
from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.deserializers import JSONDeserializer
from sagemaker_async.errors import (
    ConfigurationError,
    ConnectionLostError,
    FirstByteTimeoutError,
    InternalStreamFailure,
    ModelError,
    ModelInvocationTimeExceeded,
    RequestValidationError,
    StreamBroken,
    StreamConnectionError,
    ThrottlingError,
    UsageError,
    ValidationError,
)

INVOKE: dict[str, Any] = {"endpoint_name": "my-endpoint", "body": b"hello"}


async def test_answers_come_in_order_and_requests_are_kept_as_they_would_have_gone_out() -> None:
    stub = StubTransport(StubResponse.json({"answer": 42}), StubResponse.error("ValidationError", "no such endpoint"))
    async with Session(transport=stub) as session:
        predictor = Predictor("my-endpoint", session, deserializer=JSONDeserializer())
        assert await predictor.predict(b"hello") == {"answer": 42}
        with pytest.raises(ValidationError, match="no such endpoint"):
            await predictor.predict(b"again")
    first, second = stub.requests
    assert (first.method, first.target, first.body) == ("POST", "/endpoints/my-endpoint/invocations", b"hello")
    assert first.origin == "https://runtime.sagemaker.us-east-1.amazonaws.com"
    assert first.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDSTUB/")
    assert second.body == b"again"
    assert stub.unused == 0


async def test_environment_and_files_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_REGION": "not a region",
        "AWS_PROFILE": "no-such-profile",
        "AWS_CONFIG_FILE": "/",
        "AWS_ENDPOINT_URL": "ftp://nowhere",
        "AWS_CA_BUNDLE": "/no/such/file",
    }.items():
        monkeypatch.setenv(name, value)
    stub = StubTransport(StubResponse(200, b"hello"))
    async with Session(transport=stub) as session:
        assert (await session.runtime.invoke_endpoint(**INVOKE)).body == b"hello"


async def test_what_is_configured_is_used() -> None:
    stub = StubTransport(otherwise=StubResponse(200, b"hello"))
    config = Config(region="eu-west-1", credentials=Credentials("AKIDMINE", "secret"), transport=stub)
    async with Session(config) as session:
        await session.runtime.invoke_endpoint(**INVOKE)
    assert stub.requests[0].origin == "https://runtime.sagemaker.eu-west-1.amazonaws.com"
    assert "Credential=AKIDMINE/" in stub.requests[0].headers["Authorization"]


async def test_a_credential_source_is_used_even_if_it_is_falsy() -> None:
    class Source(list[Credentials]):
        async def get(self) -> Credentials:
            return Credentials("AKIDMINE", "secret")

    stub = StubTransport()
    async with Session(transport=stub, credentials=Source()) as session:
        await session.runtime.invoke_endpoint(**INVOKE)
    assert "Credential=AKIDMINE/" in stub.requests[0].headers["Authorization"]


async def test_retries_are_off_unless_asked_for() -> None:
    stub = StubTransport(otherwise=StubResponse.error("ThrottlingException", "slow down", status=429))
    async with Session(transport=stub) as session:
        with pytest.raises(ThrottlingError, match="slow down"):
            await session.runtime.invoke_endpoint(**INVOKE)
    assert len(stub.requests) == 1
    async with Session(transport=stub, retry=RetryConfig(max_attempts=3, base_delay=0)) as session:
        with pytest.raises(ThrottlingError):
            await session.runtime.invoke_endpoint(**INVOKE)
    assert len(stub.requests) == 4


async def test_requests_are_validated_before_they_reach_the_script() -> None:
    stub = StubTransport(StubResponse(200))
    async with Session(transport=stub) as session:
        with pytest.raises(RequestValidationError, match="endpoint_name"):
            await session.runtime.invoke_endpoint(endpoint_name="a/b", body=b"")
    assert (stub.unused, stub.requests) == (1, [])


async def test_an_answer_may_be_computed_from_the_signed_request() -> None:
    def answer(request: HTTPRequest) -> StubResponse | Exception:
        return StubResponse(200, request.body[::-1]) if request.body else ConnectionLostError("as scripted")

    async with Session(transport=StubTransport(otherwise=answer)) as session:
        assert (await session.runtime.invoke_endpoint(endpoint_name="e", body=b"abc")).body == b"cba"
        with pytest.raises(ConnectionLostError, match="as scripted"):
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"")


async def test_exceptions_fail_a_call_without_an_answer() -> None:
    stub = StubTransport(FirstByteTimeoutError("too slow", 70.0))
    async with Session(transport=stub) as session:
        with pytest.raises(FirstByteTimeoutError, match="InvokeEndpoint on 'my-endpoint': too slow") as caught:
            await session.runtime.invoke_endpoint(**INVOKE)
    assert [attempt.outcome for attempt in caught.value.attempts] == ["FirstByteTimeoutError"]


async def test_an_error_has_the_members_it_is_given() -> None:
    fields = {"OriginalStatusCode": 500, "OriginalMessage": "out of memory", "LogStreamArn": "arn:aws:logs:r:1:x"}
    stub = StubTransport(StubResponse.error("ModelError", "failed", status=424, fields=fields))
    async with Session(transport=stub) as session:
        with pytest.raises(ModelError, match="failed") as caught:
            await session.runtime.invoke_endpoint(**INVOKE)
    assert (caught.value.original_status_code, caught.value.original_message) == (500, "out of memory")
    assert caught.value.request_id == "00000000-0000-4000-8000-000000000000"


async def test_a_stream_has_the_events_it_is_given() -> None:
    stub = StubTransport(
        StubResponse.stream([b"one", PayloadPart(b"two"), ModelStreamError("it broke", "StreamBroken")]),
        StubResponse.stream([ModelInvocationTimeExceeded("too long")]),
        StubResponse.stream([InternalStreamFailure("down")]),
    )
    async with Session(transport=stub) as session:
        async with session.runtime.invoke_endpoint_with_response_stream(**INVOKE) as response:
            *parts, broken = [event async for event in response.body]
        assert parts == [PayloadPart(b"one"), PayloadPart(b"two")]
        assert isinstance(broken, StreamBroken)
        assert (broken.message, broken.error_code) == ("it broke", "StreamBroken")
        with pytest.raises(ModelInvocationTimeExceeded, match="too long"):
            await Predictor("my-endpoint", session).predict_stream(b"hello").collect()
        with pytest.raises(InternalStreamFailure, match="down"):
            await Predictor("my-endpoint", session).predict_stream(b"hello").collect()


async def test_another_exception_breaks_a_stream_where_it_stands() -> None:
    stub = StubTransport(StubResponse.stream([b"one", ConnectionLostError("cable cut")]))
    async with Session(transport=stub) as session:
        parts = []
        stream = await Predictor("my-endpoint", session).predict_stream(b"hello").open()
        parts.append(await anext(aiter(stream)))
        with pytest.raises(StreamConnectionError, match="cable cut"):
            await anext(stream)
    assert parts == [b"one"]
    assert stub.in_use == 0


async def test_the_chunks_of_a_body_are_read_one_by_one() -> None:
    seen: list[tuple[bytes, int, int | None]] = []
    stub = StubTransport(StubResponse(200, [b"ab", b"", b"c"], {"Content-Length": "3"}))
    async with Session(transport=stub) as session:
        response = await session.runtime.invoke_endpoint(
            **INVOKE, on_chunk_received=lambda *progress: seen.append(progress)
        )
    assert (response.body, seen) == (b"abc", [(b"ab", 2, 3), (b"c", 3, 3)])


async def test_progress_of_the_upload_is_told() -> None:
    seen: list[tuple[bytes, int, int | None]] = []
    async with Session(transport=StubTransport(StubResponse(200))) as session:
        await session.runtime.invoke_endpoint(**INVOKE, on_chunk_sent=lambda *progress: seen.append(progress))
    assert seen == [(b"hello", 5, 5)]


async def test_a_used_up_script_names_the_request() -> None:
    for stub in (StubTransport(StubResponse()), StubTransport()):
        stub.add(*[StubResponse()] * (1 - stub.unused))
        async with Session(transport=stub) as session:
            await session.runtime.invoke_endpoint(**INVOKE)
            with pytest.raises(UsageError, match="request 2 is POST /endpoints/my-endpoint/invocations; give more"):
                await session.runtime.invoke_endpoint(**INVOKE)


async def test_without_a_script_each_call_gets_an_empty_valid_answer() -> None:
    stub = StubTransport()
    async with Session(transport=stub) as session:
        for _ in range(2):
            assert (await session.runtime.invoke_endpoint(**INVOKE)).body == b""
            async with session.runtime.invoke_endpoint_with_response_stream(**INVOKE) as response:
                assert [event async for event in response.body] == []
            queued = await session.runtime.invoke_endpoint_async(endpoint_name="e", input_location="s3://b/k")
            assert queued.output_location is None
            assert await Predictor("e", session).predict(b"x") == b""
        with pytest.raises(UsageError, match="without a script"):
            await session.hosting.describe_endpoint(endpoint_name="e")
    assert len(stub.requests) == 9


async def test_a_script_can_be_extended_and_then_falls_back() -> None:
    stub = StubTransport(otherwise=StubResponse(200, b"other"))
    stub.add(StubResponse(200, b"one"), StubResponse(200, b"two"))
    assert stub.unused == 2
    async with Session(transport=stub) as session:
        bodies = [(await session.runtime.invoke_endpoint(**INVOKE)).body for _ in range(4)]
    assert bodies == [b"one", b"two", b"other", b"other"]


async def test_an_open_stream_counts_as_in_use_until_it_is_left() -> None:
    stub = StubTransport(StubResponse.stream([b"one", b"two"]))
    async with Session(transport=stub) as session:
        async with session.runtime.invoke_endpoint_with_response_stream(**INVOKE):
            assert session.connections_in_use == stub.in_use == 1
        assert session.connections_in_use == stub.in_use == 0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: StubResponse(200, ["text"]), "bytes"),
        (lambda: StubResponse(200, "text"), "bytes"),
        (lambda: StubResponse.stream(["text"]), "bytes, events and exceptions, not str"),
        (lambda: StubResponse.stream([{"PayloadPart": {}}]), "not dict"),
    ],
)
def test_a_script_of_something_else_is_refused_when_it_is_written(wrong: Callable[[], object], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        wrong()


@pytest.mark.parametrize("answer", [b"hello", {"status": 200}, 200])
def test_an_answer_of_another_kind_is_refused_when_it_is_added(answer: Any) -> None:
    with pytest.raises(ConfigurationError, match="StubResponse"):
        StubTransport(answer)
    with pytest.raises(ConfigurationError, match="StubResponse"):
        StubTransport(otherwise=answer)
    with pytest.raises(ConfigurationError, match="StubResponse"):
        StubTransport().add(answer)


async def test_a_computed_answer_of_another_kind_is_named() -> None:
    async with Session(transport=StubTransport(lambda request: b"hello")) as session:  # type: ignore[arg-type, return-value]
        with pytest.raises(UsageError, match="returned bytes"):
            await session.runtime.invoke_endpoint(**INVOKE)
