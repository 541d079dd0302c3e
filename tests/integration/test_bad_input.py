"""Bad input: each kind its own clear error, before a byte is sent wherever it can be known then.

Every test ends by looking at what reached the embedded SageMaker.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sagemaker_async import Predictor, Session
from sagemaker_async.errors import (
    ConfigurationError,
    NoCredentialsError,
    NoRegionError,
    NotAnEventStreamError,
    RequestValidationError,
    SageMakerAsyncError,
    SessionClosedError,
    WrongEventLoopError,
)
from sagemaker_async.local import LocalSageMaker, NotAnEventStream
from sagemaker_async.runtime.events import PayloadPart

Call = Callable[..., Awaitable[Any]]

METHODS = ["invoke_endpoint", "invoke_endpoint_with_response_stream", "invoke_endpoint_async"]


@pytest.fixture(params=METHODS)
def invoke(request: pytest.FixtureRequest, local: LocalSageMaker, session: Session) -> Call:
    """One of the three operations, called with what every call needs unless the test says otherwise."""
    local.add_endpoint("echo", lambda body: body)

    async def call(**fields: Any) -> Any:
        return await getattr(session.runtime, request.param)(**{"endpoint_name": "echo", "body": b"data", **fields})

    return call


async def refused(call: Awaitable[Any], local: LocalSageMaker) -> RequestValidationError:
    with pytest.raises(RequestValidationError) as caught:
        await call
    assert "Nothing was sent" in str(caught.value)
    assert not local.requests
    return caught.value


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "empty"),
        ("a" * 64, "63"),
        ("a/b", "letters, digits and inner hyphens"),
        ("a?b", "letters, digits and inner hyphens"),
        ("a#b", "letters, digits and inner hyphens"),
        ("a\r\nX-Injected: 1", "line break"),
        ("echo\n", "line break"),
        ("../echo", "letters, digits and inner hyphens"),
        ("echo%2F", "letters, digits and inner hyphens"),
        ("écho", "non-ASCII"),
        (7, "must be a str, got int"),
        (b"echo", "must be a str, got bytes"),
        (b"no name", "must be a str, got bytes"),
        (bytearray(b"echo"), "must be a str, got bytearray"),
        ("\ud800", "lone surrogate"),
    ],
)
async def test_an_endpoint_name(invoke: Call, local: LocalSageMaker, name: Any, words: str) -> None:
    error = await refused(invoke(endpoint_name=name), local)
    assert error.problems[0].field == "endpoint_name"
    assert error.problems[0].aws_name == "EndpointName"
    assert words in str(error)


async def test_an_endpoint_name_that_is_missing(local: LocalSageMaker, session: Session) -> None:
    error = await refused(session.runtime.invoke_endpoint(body=b""), local)
    assert "endpoint_name (EndpointName): is required" in str(error)


@pytest.mark.parametrize("field", ["content_type", "accept", "custom_attributes", "inference_id"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("text\n", "line break at position 4"),
        ("text\r\nX-Injected: 1", "line break at position 4"),
        ("täxt", "U+00E4"),
        ("te\x00xt", "U+0000"),
        ("日本", "U+65E5"),
        ("t" * 2000, "2000"),
    ],
)
async def test_a_header_field(invoke: Call, local: LocalSageMaker, field: str, value: str, words: str) -> None:
    error = await refused(invoke(**{field: value}), local)
    assert {problem.field for problem in error.problems} == {field}
    assert words in str(error)


async def test_a_sensitive_field_is_not_shown(invoke: Call, local: LocalSageMaker) -> None:
    assert "hunter2" not in str(await refused(invoke(custom_attributes="password=hunter2\n"), local))


@pytest.mark.parametrize("body", [7, 1.5, ["list"], {"a": 1}, object()])
async def test_a_body_of_the_wrong_type(invoke: Call, local: LocalSageMaker, body: Any) -> None:
    error = await refused(invoke(body=body), local)
    assert error.problems[0].field == "body"
    assert type(body).__name__ in str(error)
    assert "bytes" in str(error)


async def test_a_body_and_another_field_are_told_together(invoke: Call, local: LocalSageMaker) -> None:
    error = await refused(invoke(body=7, endpoint_name=""), local)
    assert {problem.field for problem in error.problems} == {"body", "endpoint_name"}


@pytest.mark.parametrize("method", METHODS[:2])
async def test_a_body_that_is_missing(local: LocalSageMaker, session: Session, method: str) -> None:
    async def call() -> None:
        await getattr(session.runtime, method)(endpoint_name="echo")

    assert "body (Body): is required" in str(await refused(call(), local))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("make", "size"),
    [
        (lambda: b"x" * 11, 11),
        (lambda: "x" * 11, 11),
        (lambda: "é" * 6, 12),
        (lambda: memoryview(b"x" * 11), 11),
        (lambda: io.BytesIO(b"x" * 11), 11),
    ],
    ids=["bytes", "str", "non-ASCII str", "memoryview", "file"],
)
async def test_a_body_over_the_limit(local: LocalSageMaker, method: str, make: Callable[[], Any], size: int) -> None:
    async with Session(**local.client_options, max_body_bytes=10) as session:

        async def call() -> None:
            await getattr(session.runtime, method)(endpoint_name="echo", body=make())

        error = await refused(call(), local)
    assert error.problems[0].field == "body"
    assert f"at most 10 bytes (Config.max_body_bytes), has {size}" in str(error)


async def test_an_inline_body_over_the_limit_of_asynchronous_inference(local: LocalSageMaker, session: Session) -> None:
    error = await refused(session.runtime.invoke_endpoint_async(endpoint_name="e", body=b"x" * 128_001), local)
    assert "128000" in str(error)
    assert "S3" in str(error)


async def test_both_or_neither_of_body_and_input_location(local: LocalSageMaker, session: Session) -> None:
    invoke = session.runtime.invoke_endpoint_async
    both = await refused(invoke(endpoint_name="e", body=b"x", input_location="s3://b/k"), local)
    neither = await refused(invoke(endpoint_name="e"), local)
    assert "both" in str(both)
    assert "neither" in str(neither)
    for error in (both, neither):
        assert "exactly one of body" in str(error)


@pytest.mark.parametrize(
    "location", ["s3:/bucket", "bucket/key", "http://host/", "s3://b/k\n", "s3://b/ü", "file:///x"]
)
async def test_an_input_location(local: LocalSageMaker, session: Session, location: str) -> None:
    error = await refused(session.runtime.invoke_endpoint_async(endpoint_name="e", input_location=location), local)
    assert error.problems[0].field == "input_location"


async def test_an_unknown_field(invoke: Call, local: LocalSageMaker) -> None:
    error = await refused(invoke(content_typ="text/csv"), local)
    assert "did you mean content_type?" in str(error)


async def test_a_field_in_both_spellings(invoke: Call, local: LocalSageMaker) -> None:
    assert "twice" in str(await refused(invoke(EndpointName="echo"), local))
    assert "twice" in str(await refused(invoke(Body=b""), local))


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"target_variant": b"blue"}, "TargetVariant"),
        ({"target_variant": "no/name"}, "TargetVariant"),
        ({"initial_args": {"InferenceId": b"1"}}, "InferenceId"),
        ({"session_id": "\ud800"}, "SessionId"),
    ],
)
async def test_a_field_of_a_prediction(
    local: LocalSageMaker, session: Session, arguments: dict[str, Any], field: str
) -> None:
    predictor = Predictor("echo", session)
    error = await refused(predictor.predict(b"", **arguments), local)
    assert [problem.aws_name for problem in error.problems] == [field]
    with pytest.raises(RequestValidationError) as caught:
        predictor.predict_stream(b"", **arguments)
    assert [problem.aws_name for problem in caught.value.problems] == [field]


async def test_a_timeout(invoke: Call, local: LocalSageMaker) -> None:
    with pytest.raises(ConfigurationError, match=r"timeout must be .* seconds"):
        await invoke(timeout=0)
    assert not local.requests


async def test_a_stream_route_that_answers_something_else(local: LocalSageMaker, session: Session) -> None:
    endpoint = local.add_endpoint("echo", lambda body: body)
    page = b"<html>" + b"An intermediary answers. " * 20
    endpoint.faults.extend([NotAnEventStream(page)] * 2)
    for call in (
        session.runtime.invoke_endpoint_with_response_stream(endpoint_name="echo", body=b""),
        Predictor("echo", session).predict_stream(b"").open(),
    ):
        with pytest.raises(NotAnEventStreamError) as caught:
            await call
        assert page[:200].decode() in str(caught.value)
        assert "endpoint URL" in str(caught.value)
        assert "echo" in str(caught.value)
    assert session.connections_in_use == 0


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment in which nobody has configured AWS."""
    import os

    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("bare")
async def test_no_region(local: LocalSageMaker) -> None:
    options = {**local.client_options, "region": None}
    async with Session(**options) as session:  # type: ignore[arg-type]
        with pytest.raises(NoRegionError, match="AWS_REGION"):
            await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"")
    assert not local.requests


@pytest.mark.usefixtures("bare")
async def test_no_credentials(local: LocalSageMaker) -> None:
    async with Session(region="us-east-1", endpoint_url=local.url) as session:
        with pytest.raises(NoCredentialsError, match="AWS_ACCESS_KEY_ID"):
            await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"")
        with pytest.raises(NoCredentialsError):
            await Predictor("echo", session).predict_stream(b"")
        assert session.connections_in_use == 0
    assert not local.requests


async def test_a_closed_session(invoke: Call, local: LocalSageMaker, session: Session) -> None:
    await session.close()
    with pytest.raises(SessionClosedError, match="make a new Session"):
        await invoke()
    with pytest.raises(SessionClosedError):
        await Predictor("echo", session).predict(b"")
    with pytest.raises(SessionClosedError):
        await Predictor("echo", session).predict_stream(b"")
    assert not local.requests


async def test_a_session_of_another_event_loop(invoke: Call, local: LocalSageMaker) -> None:
    await invoke()
    assert len(local.requests) == 1
    with pytest.raises(WrongEventLoopError, match="one Session per event loop"):
        await asyncio.to_thread(lambda: asyncio.run(awaited(invoke)))
    assert len(local.requests) == 1


async def awaited(invoke: Call) -> None:
    await invoke()


@pytest.mark.parametrize("read", [anext, lambda stream: stream.next_parts()], ids=["events", "parts"])
async def test_a_response_stream_that_is_moved_to_another_event_loop(
    local: LocalSageMaker, session: Session, read: Any
) -> None:
    local.add_endpoint("echo", lambda body: body)
    call = session.runtime.invoke_endpoint_with_response_stream(endpoint_name="echo", body=b"abc")
    async with call as response:
        await elsewhere(lambda: read(response.body))
        assert not response.body.closed
        assert b"".join([event.bytes async for event in response.body if isinstance(event, PayloadPart)]) == b"abc"
    assert session.connections_in_use == 0


async def test_a_streamed_body_that_is_moved_to_another_event_loop(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("echo", lambda body: body)
    response = await session.runtime.invoke_endpoint(endpoint_name="echo", body=b"abc", stream_body=True)
    async with response.body as body:
        await elsewhere(lambda: body.read())
        assert await body.read() == b"abc"
    assert session.connections_in_use == 0


@pytest.mark.parametrize("how", ["bytes", "lines", "text"])
async def test_a_prediction_stream_that_is_moved_to_another_event_loop(
    local: LocalSageMaker, session: Session, how: str
) -> None:
    local.add_endpoint("echo", lambda body: body)
    async with Predictor("echo", session).predict_stream(b"abc") as opened:
        stream: Any = opened if how == "bytes" else getattr(opened, how)()
        await elsewhere(lambda: anext(stream))
        assert await stream.collect() == ["abc" if how == "text" else b"abc"]
    assert session.connections_in_use == 0


async def elsewhere(read: Callable[[], Awaitable[Any]]) -> None:
    """Check that `read` is refused on another event loop."""

    async def reading() -> None:
        with pytest.raises(WrongEventLoopError, match="belongs to the event loop that opened it"):
            await read()

    await asyncio.to_thread(lambda: asyncio.run(reading()))


@pytest.mark.parametrize("data", [object(), 7, {"a": 1}, None])
async def test_data_that_the_default_serializer_cannot_send(local: LocalSageMaker, session: Session, data: Any) -> None:
    predictor = Predictor("echo", session)
    with pytest.raises(SageMakerAsyncError, match="body"):
        await predictor.predict(data)
    with pytest.raises(SageMakerAsyncError, match="body"):
        predictor.predict_stream(data)
    assert not local.requests


@pytest.mark.parametrize("body", ["\ud800", io.BytesIO(b"closed")], ids=["lone surrogate", "closed file"])
async def test_a_body_that_cannot_be_had(invoke: Call, local: LocalSageMaker, body: Any) -> None:
    if isinstance(body, io.BytesIO):
        body.close()
    error = await refused(invoke(body=body), local)
    assert error.problems[0].field == "body"
