"""The bytes that leave the socket for each operation of SageMaker Runtime, and what may never be among them."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sagemaker_async import Session
from sagemaker_async.aws.eventstream import encode_message
from sagemaker_async.aws.signing.sigv4 import Signer
from sagemaker_async.config import Credentials, RetryConfig
from sagemaker_async.errors import (
    CallError,
    ConnectionLostError,
    GatewayError,
    NotAnEventStreamError,
    SessionClosedError,
    StreamConnectionError,
    ThrottlingError,
    ValidationError,
)

Start = Callable[..., Awaitable[Any]]
Answer = Callable[..., bytes]

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEXAMPLETOKEN"
EVENT_STREAM = {"Content-Type": "application/vnd.amazon.eventstream"}
QUEUED = b'{"InferenceId": "i"}'

EVERY_FIELD = {
    "invoke_endpoint": {
        "endpoint_name": "my-endpoint",
        "body": b"\x00\xffbody",
        "content_type": "application/json; charset=utf-8",
        "accept": "text/csv",
        "custom_attributes": "trace=1,  two",
        "target_model": "models/a b.tar.gz",
        "target_variant": "blue",
        "target_container_hostname": "second",
        "inference_id": "id 1",
        "enable_explanations": "`[0]>`0.8``",
        "inference_component_name": "component-1",
        "session_id": "NEW_SESSION",
        "prefix_aware_id": "prefix",
    },
    "invoke_endpoint_with_response_stream": {
        "endpoint_name": "my-endpoint",
        "body": b"\x00\xffbody",
        "content_type": "application/json",
        "accept": "text/csv",
        "custom_attributes": "trace=1",
        "target_variant": "blue",
        "target_container_hostname": "second",
        "inference_id": "id 1",
        "inference_component_name": "component-1",
        "session_id": "session-1",
        "prefix_aware_id": "prefix",
    },
    "invoke_endpoint_async": {
        "endpoint_name": "my-endpoint",
        "input_location": "s3://bucket/a%20key",
        "content_type": "application/json",
        "accept": "text/csv",
        "custom_attributes": "trace=1",
        "inference_id": "id 1",
        "s3_output_path_extension": "out/put",
        "filename": "result.json",
        "request_ttl_seconds": 60,
        "invocation_timeout_seconds": 3600,
    },
}
PATHS = {
    "invoke_endpoint": "invocations",
    "invoke_endpoint_with_response_stream": "invocations-response-stream",
    "invoke_endpoint_async": "async-invocations",
}
_SM = "X-Amzn-SageMaker-"
HEADERS = {
    "invoke_endpoint": [
        ("Content-Type", "application/json; charset=utf-8"),
        ("Accept", "text/csv"),
        (_SM + "Custom-Attributes", "trace=1,  two"),
        (_SM + "Inference-Id", "id 1"),
        (_SM + "Target-Variant", "blue"),
        (_SM + "Target-Container-Hostname", "second"),
        (_SM + "Inference-Component", "component-1"),
        (_SM + "Session-Id", "NEW_SESSION"),
        (_SM + "Prefix-Aware-Id", "prefix"),
        (_SM + "Target-Model", "models/a b.tar.gz"),
        (_SM + "Enable-Explanations", "`[0]>`0.8``"),
    ],
    "invoke_endpoint_with_response_stream": [
        ("Content-Type", "application/json"),
        (_SM + "Accept", "text/csv"),
        (_SM + "Custom-Attributes", "trace=1"),
        (_SM + "Inference-Id", "id 1"),
        (_SM + "Target-Variant", "blue"),
        (_SM + "Target-Container-Hostname", "second"),
        (_SM + "Inference-Component", "component-1"),
        (_SM + "Session-Id", "session-1"),
        (_SM + "Prefix-Aware-Id", "prefix"),
    ],
    "invoke_endpoint_async": [
        (_SM + "Content-Type", "application/json"),
        (_SM + "Accept", "text/csv"),
        (_SM + "Custom-Attributes", "trace=1"),
        (_SM + "Inference-Id", "id 1"),
        (_SM + "InputLocation", "s3://bucket/a%20key"),
        (_SM + "S3OutputPathExtension", "out/put"),
        (_SM + "Filename", "result.json"),
        (_SM + "RequestTTLSeconds", "60"),
        (_SM + "InvocationTimeoutSeconds", "3600"),
    ],
}


def session_for(server: Any, **fields: Any) -> Session:
    return Session(
        region="us-east-1",
        endpoint_url=fields.pop("endpoint_url", None) or server.origin,
        credentials=Credentials("AKIDEXAMPLE", SECRET, TOKEN),
        retry=RetryConfig(base_delay=0),
        **fields,
    )


async def invoke(session: Session, operation: str, **fields: Any) -> None:
    call = getattr(session.runtime, operation)(**fields)
    if operation == "invoke_endpoint_with_response_stream":
        async with call as response:
            assert [event async for event in response.body] == []
    else:
        await call


def answer_of(operation: str, http_answer: Answer) -> bytes:
    if operation == "invoke_endpoint_with_response_stream":
        return http_answer(200, b"", EVENT_STREAM)
    return http_answer(202, QUEUED) if operation == "invoke_endpoint_async" else http_answer(200, b"answer")


@pytest.mark.parametrize("operation", PATHS)
async def test_every_field_of_every_operation_goes_where_aws_wants_it_and_nothing_else_does(
    raw_server: Start, http_answer: Answer, operation: str
) -> None:
    server = await raw_server(answer_of(operation, http_answer))
    fields = EVERY_FIELD[operation]
    async with session_for(server) as session:
        await invoke(session, operation, **fields)
        assert session.connections_in_use == 0
    (sent,) = server.requests
    assert (sent.method, sent.target) == ("POST", f"/endpoints/my-endpoint/{PATHS[operation]}")
    assert sent.body == fields.get("body", b"")
    names = [name for name, _ in sent.headers]
    modeled = [(name, value) for name, value in sent.headers if name.startswith((_SM, "Content-T", "Accept"))]
    assert modeled == HEADERS[operation]
    assert sorted(set(names) - {name for name, _ in modeled}, key=str.lower) == [
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "Authorization",
        "Content-Length",
        "Host",
        "User-Agent",
        "X-Amz-Date",
        "X-Amz-Security-Token",
    ]
    assert len(names) == len(set(names))
    assert sent.header("Host") == server.origin.removeprefix("http://")
    assert sent.header("Content-Length") == str(len(sent.body))
    assert sent.header("X-Amz-Security-Token") == TOKEN
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", sent.header("amz-sdk-invocation-id")
    )
    assert SECRET.encode() not in sent.raw


@pytest.mark.parametrize("operation", PATHS)
async def test_fields_that_are_not_given_leave_no_trace(raw_server: Start, http_answer: Answer, operation: str) -> None:
    server = await raw_server(answer_of(operation, http_answer))
    fields = {"body": b"x"} if operation != "invoke_endpoint_async" else {"input_location": "s3://b/k"}
    async with session_for(server) as session:
        await invoke(session, operation, endpoint_name="e", accept=None, **fields)
    assert {name for name, _ in server.requests[0].headers} - {_SM + "InputLocation"} == {
        *("Host", "Content-Length", "User-Agent", "Authorization", "X-Amz-Date", "X-Amz-Security-Token"),
        *("amz-sdk-invocation-id", "amz-sdk-request"),
    }


async def test_a_base_path_of_the_endpoint_url_comes_first(raw_server: Start, http_answer: Answer) -> None:
    server = await raw_server(http_answer())
    async with session_for(server, endpoint_url=f"{server.origin}/gate%20way/") as session:
        await invoke(session, "invoke_endpoint", endpoint_name="e", body=b"")
    assert server.requests[0].target == "/gate%20way/endpoints/e/invocations"


async def test_a_retry_sends_the_same_body_on_the_same_connection(raw_server: Start, http_answer: Answer) -> None:
    unavailable = http_answer(503, b"{}", {"x-amzn-ErrorType": "ServiceUnavailable"})
    server = await raw_server(unavailable, http_answer(200, b"answer"))
    body = bytes(range(256)) * 4096
    async with session_for(server) as session:
        response = await session.runtime.invoke_endpoint(endpoint_name="e", body=body)
    assert response.body == b"answer"
    assert [sent.body == body for sent in server.requests] == [True, True]
    assert [sent.header("amz-sdk-request") for sent in server.requests] == [f"attempt={n}; max=3" for n in (1, 2)]
    assert server.connections == 1


async def test_a_connection_that_went_stale_costs_nothing(http_answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer's FIN comes after the client looked whether the connection is good, and before it writes."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        answered: list[socket.socket] = []

        async def answer_once() -> None:
            connection, _ = await loop.sock_accept(listener)
            while not (await loop.sock_recv(connection, 65536)).endswith(b"x"):
                pass
            await loop.sock_sendall(connection, http_answer(200, b"ok"))
            answered.append(connection)

        sign = Signer.sign

        def closed_meanwhile(*args: Any, **options: Any) -> Any:
            if len(answered) == 1:
                answered[0].close()
            return sign(*args, **options)

        monkeypatch.setattr(Signer, "sign", closed_meanwhile)
        async with Session(region="us-east-1", endpoint_url=url, credentials=Credentials("AKID", "secret")) as session:
            for notes in ([None], ["stale connection", None]):
                serving = asyncio.create_task(answer_once())
                response = await session.runtime.invoke_endpoint(endpoint_name="e", body=b"x")
                await serving
                assert response.body == b"ok"
                assert [each.note for each in response.metadata.attempts] == notes
        answered[1].close()


async def test_an_invocation_whose_answer_was_lost_is_sent_once(raw_server: Start) -> None:
    async def hang_up(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await raw_server(hang_up)
    async with session_for(server) as session:
        with pytest.raises(ConnectionLostError) as caught:
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"x")
    assert (len(server.requests), caught.value.ambiguous, caught.value.operation) == (1, True, "InvokeEndpoint")


async def test_a_gateways_answer_is_not_followed_by_another_invocation(raw_server: Start, http_answer: Answer) -> None:
    server = await raw_server(http_answer(504, b"<html>Gateway Timeout</html>"))
    async with session_for(server) as session:
        with pytest.raises(GatewayError, match="Gateway Timeout"):
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"x")
    assert len(server.requests) == 1


async def test_throttling_in_disguise_is_retried(raw_server: Start, http_answer: Answer) -> None:
    server = await raw_server(http_answer(400, b'{"message": null}'))
    async with session_for(server) as session:
        with pytest.raises(ThrottlingError) as caught:
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"x")
    assert len(server.requests) == len(caught.value.attempts) == 3


async def test_a_body_that_is_refused_while_it_is_sent_is_that_error(http_answer: Answer) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http_answer(413, b'{"Message": "too large"}', {"Connection": "close"}))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with session_for(None, endpoint_url=origin) as session:
        with pytest.raises(ValidationError, match=r"too large.*larger than this service takes") as caught:
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"x" * 20_000_000)
        assert session.connections_in_use == 0
    assert caught.value.status == 413
    server.close()


PART = encode_message(
    {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}, b"part"
)


async def begun_stream(_: Any, writer: asyncio.StreamWriter) -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode() + b"%x\r\n%s\r\n" % (len(PART), PART))
    await asyncio.Event().wait()


async def test_a_stream_that_closing_the_session_cuts_does_not_look_ended(raw_server: Start) -> None:
    server = await raw_server(begun_stream)
    session = session_for(server)
    response = await session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"x")
    events = aiter(response.body)
    assert (await anext(events)).bytes == b"part"
    await session.close()
    with pytest.raises(SessionClosedError):
        await anext(events)


async def test_a_stream_whose_framing_breaks_off_or_is_malformed_is_an_error(raw_server: Start) -> None:
    async def malformed(_: Any, writer: asyncio.StreamWriter) -> None:
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        writer.write(head.encode() + b"%x\r\n%s\r\n" % (len(PART), PART))
        await go_on.wait()
        writer.write(b"no chunk\r\n")

    go_on = asyncio.Event()
    server = await raw_server(malformed)
    async with (
        session_for(server) as session,
        session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"x") as response,
    ):
        events = aiter(response.body)
        assert (await anext(events)).bytes == b"part"
        go_on.set()
        with pytest.raises(StreamConnectionError):
            await anext(events)


async def test_a_page_in_the_place_of_a_stream_is_shown(raw_server: Start, http_answer: Answer) -> None:
    server = await raw_server(http_answer(200, b"<html>It works!</html>", {"Content-Type": "text/html"}))
    async with session_for(server) as session:
        with pytest.raises(NotAnEventStreamError, match="It works!"):
            await session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"x")
        assert session.connections_in_use == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nx-amzn-ErrorType: AccessDeniedException\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\nhalf",
    ],
    ids=["no HTTP", "refused", "cut"],
)
async def test_no_secret_is_in_an_error_or_its_causes(raw_server: Start, answer: bytes) -> None:
    async def send_and_close(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    server = await raw_server(send_and_close)
    async with session_for(server) as session:
        with pytest.raises(CallError) as caught:
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"x")
    authorization = server.requests[0].header("Authorization")
    error: BaseException | None = caught.value
    while error is not None:
        shown = str(error) + repr(error) + repr(error.__dict__)
        assert not any(secret in shown for secret in (SECRET, TOKEN, authorization, authorization[-64:]))
        error = error.__cause__ or error.__context__
