"""Whatever a server may answer: error bodies and header fields as values, and whole answers over a socket."""

from __future__ import annotations

import asyncio
import contextlib
import math
import pickle
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from multidict import CIMultiDict

from sagemaker_async import Credentials, RetryConfig, Session, Timeouts
from sagemaker_async.aws.protocols import parse_response, request_id, service_error
from sagemaker_async.aws.retries import (
    CallState,
    Outcome,
    Retry,
    RetryPolicy,
    classify,
    clock_offset,
    retry_after_seconds,
)
from sagemaker_async.aws.s3.operations import COMPLETE_MULTIPART_UPLOAD, HEAD_OBJECT, LIST_OBJECTS
from sagemaker_async.aws.shapes.metadata import ResponseMetadata
from sagemaker_async.aws.shapes.operation import Operation
from sagemaker_async.aws.sqs.operations import RECEIVE_MESSAGE
from sagemaker_async.aws.sts import GET_CALLER_IDENTITY, CallerIdentity
from sagemaker_async.errors import ModelError, ResponseError, SageMakerAsyncError, ServiceError
from sagemaker_async.hosting.operations import modelled
from sagemaker_async.iterators import TokenIterator
from sagemaker_async.runtime.operations import INVOKE_ENDPOINT, INVOKE_ENDPOINT_ASYNC

from .target import Check, Target, plain, split_head, vectors

__all__ = ["TARGETS"]

_OPERATIONS: tuple[Operation, ...] = (
    INVOKE_ENDPOINT,
    INVOKE_ENDPOINT_ASYNC,
    modelled("DescribeEndpoint"),
    modelled("ListEndpoints"),
    GET_CALLER_IDENTITY,
    HEAD_OBJECT,
    LIST_OBJECTS,
    COMPLETE_MULTIPART_UPLOAD,
    RECEIVE_MESSAGE,
)
_NOW = 1_800_000_000.0


def check_error(data: bytes) -> None:
    """Make an exception of an answer: the first line has the status, behind it are fields and the body."""
    status, headers, body = _answer(data)
    for operation in _OPERATIONS:
        error = service_error(operation, status, headers, body)
        assert isinstance(error, ServiceError)
        assert error.status == status
        assert isinstance(error.code, str)
        assert isinstance(error.error_message, str)
        assert error.request_id == request_id(headers)
        assert error.retry_after is None or 0 <= error.retry_after < math.inf
        if isinstance(error, ModelError):
            for fact in (error.original_message, error.log_stream_arn, error.log_url):
                assert isinstance(fact, str | None)
            assert isinstance(error.original_status_code, int | None)
        again = pickle.loads(pickle.dumps(error))
        assert (str(again), repr(again), again.outcome) == (str(error), repr(error), error.outcome)
        rules = operation.service.retry_rules
        outcome = Outcome(
            status=status,
            code=error.code or None,
            null_message=error.null_message,
            retry_after=headers.get("x-amz-retry-after"),
            date=headers.get("Date"),
            wall_clock=_NOW,
        )
        classify(outcome, rules)
        policy = RetryPolicy(RetryConfig(), rules, now=0.0)
        decision = policy.next(CallState(), outcome, repeatable=True, random=0.5, now=1.0)
        assert not isinstance(decision, Retry) or 0 <= decision.delay <= 25


def check_success(data: bytes) -> None:
    """Make a response of an answer."""
    status, headers, body = _answer(data)
    metadata = ResponseMetadata(request_id(headers), status, headers, ())
    for operation in _OPERATIONS:
        try:
            response = parse_response(operation, headers, body, metadata)
        except ResponseError:
            continue
        assert response.metadata is metadata
        repr(response)


def check_texts(data: bytes) -> None:
    """Read the texts of header fields that say numbers and times."""
    text = data.decode("utf-8", "surrogateescape")
    seconds = retry_after_seconds(text)
    assert seconds is None or 0 <= seconds < math.inf
    offset = clock_offset(text, _NOW)
    assert offset is None or 240 < abs(offset) < math.inf


def _answer(data: bytes) -> tuple[int, CIMultiDict[str], bytes]:
    first, fields, body = split_head(data)
    status = int(first) if first.isascii() and first.isdigit() and len(first) == 3 else 400
    return status, CIMultiDict(fields), body


# --- whole answers ---------------------------------------------------------------------------------------------------

_HEADS = (
    b"",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/vnd.amazon.eventstream\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
    b"HTTP/1.1 424 Failed Dependency\r\n",
)


class _Peer:
    """A server that answers every request with the same bytes and ends the connection, and a session that calls it."""

    def __init__(self) -> None:
        self.answer = b""
        self.reset = False
        self.unhandled: list[dict[str, Any]] = []

    async def start(self) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: self.unhandled.append(context))
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.session = Session(
            region="us-east-1",
            endpoint_url=f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}",
            credentials=Credentials("AKIDEXAMPLE", "secret"),
            retry=RetryConfig(max_attempts=1),
            timeouts=Timeouts(first_byte=4, between_chunks=4, connect=4, total=8),
        )
        self.calls: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: self.session.runtime.invoke_endpoint(endpoint_name="e", body=b"x"),
            self._stream,
            lambda: self.session.hosting.describe_endpoint(endpoint_name="e"),
            CallerIdentity(self.session).account_id,
        )

    async def stop(self) -> None:
        await self.session.close()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
            writer.write(self.answer)
            await writer.drain()
            if self.reset:
                writer.transport.abort()
        writer.close()

    async def _stream(self) -> None:
        opened = self.session.runtime.invoke_endpoint_with_response_stream(endpoint_name="e", body=b"x")
        async with opened as response, TokenIterator(response.body) as tokens:
            async for _ in tokens:
                pass

    async def call(self, data: bytes) -> None:
        """Make a call that is answered with an input; its first byte says what is called and how the answer begins."""
        mode = data[0]
        self.answer = _HEADS[(mode >> 2) % len(_HEADS)] + data[1:]
        self.reset = mode >= 0x80
        with contextlib.suppress(SageMakerAsyncError):
            await self.calls[mode % len(self.calls)]()
        assert self.session.connections_in_use == 0
        assert not self.unhandled, self.unhandled


@contextlib.contextmanager
def _peer() -> Iterator[Check]:
    peer = _Peer()
    with asyncio.Runner(debug=False) as runner:
        runner.run(peer.start())

        def check(data: bytes) -> None:
            if data:
                runner.run(peer.call(data))

        yield check
        runner.run(peer.stop())


# --- seeds -----------------------------------------------------------------------------------------------------------

_ARN = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/e:log-stream:v/i-0"


def _errors() -> Iterator[bytes]:
    yield b'400\nx-amzn-ErrorType: ValidationError:http://internal/\nx-amzn-RequestId: id\n\n{"Message": "no"}'
    yield b'400\n\n{"__type": "com.amazonaws.sagemaker#ThrottlingException", "message": null}'
    yield b"429\nx-amz-retry-after: 1500\nDate: Fri, 15 Jan 2027 08:00:00 GMT\n\n"
    yield (
        b'403\nDate: Fri, 15 Jan 2027 09:00:00 GMT\n\n{"__type": "InvalidSignatureException", "message": "x The '
        b'Canonical String for this request should have been\\nhost"}'
    )
    yield (
        f'424\nx-amzn-ErrorType: ModelError\n\n{{"ErrorCode": "INTERNAL_FAILURE_FROM_MODEL", "LogStreamArn": "{_ARN}", '
        '"Message": "m", "OriginalMessage": "o", "OriginalStatusCode": 500}'
    ).encode()
    yield b'424\nx-amzn-ErrorType: ModelError\n\n{"LogStreamArn": 1, "OriginalMessage": [], "OriginalStatusCode": {}}'
    yield (
        b"400\n\n<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>m &amp; "
        b"n</Message></Error></ErrorResponse>"
    )
    yield b"502\n\n<html><body>Bad Gateway</body></html>"
    yield b"413\n\n"
    yield b"404\nx-amzn-ErrorType: UnknownOperationException\n\n{}"
    yield b'400\n\n{"Message": "\\ud800", "code": 5, "Code": ["a"]}'


def _successes() -> Iterator[bytes]:
    yield (
        b"200\nContent-Type: application/json\nx-Amzn-Invoked-Production-Variant: "
        b"v\nX-Amzn-SageMaker-Custom-Attributes: c\n\n[1]"
    )
    yield (
        b"202\nX-Amzn-SageMaker-OutputLocation: s3://b/o\nX-Amzn-SageMaker-FailureLocation: "
        b's3://b/f\n\n{"InferenceId": "i"}'
    )
    yield (
        b'200\n\n{"EndpointName": "e", "EndpointArn": "a", "EndpointStatus": "InService", "CreationTime": 1.8e9, '
        b'"LastModifiedTime": "2026-01-01T00:00:00Z", "ProductionVariants": [{"VariantName": "v", "CurrentWeight": '
        b'1.0}], "error": 1, "metadata": {}}'
    )
    yield (
        b'200\n\n{"Endpoints": [{"EndpointName": "e", "EndpointArn": "a", "CreationTime": 1, "LastModifiedTime": '
        b'1e300, "EndpointStatus": "New"}], "NextToken": null}'
    )
    yield (
        b"200\n\n<GetCallerIdentityResponse xmlns='x'><GetCallerIdentityResult><Arn>a</Arn><Account>123456789012</Acco"
        b"unt></GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
    yield b"200\n\n<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"
    yield (
        b"200\n\n<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>a%20b</Key><Size>1</Size><LastModified>"
        b"2026-11-21T00:00:00.000Z</LastModified></Contents><Contents><Key>c</Key><Size>2</Size></Contents>"
        b"<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
    )
    yield b"200\nContent-Length:7\nLast-Modified:Fri, 15 Jan 2027 08:00:00 GMT\nx-amz-meta-a:b\nETag:e\n\n"
    yield b'200\n\n{"Messages": [{"MessageId": "m", "ReceiptHandle": "r", "Body": "b"}]}'


def _header_texts() -> Iterator[bytes]:
    yield from (b"1500", b"-1", b" 1_0", b"1e3", b"99999999999999999999", "٣".encode())
    yield from (b"Fri, 15 Jan 2027 08:00:00 GMT", b"Fri, 15 Jan 9999 23:59:59 -2359", b"Sun Nov  6 08:49:37 1994")
    yield from (b"Sunday, 06-Nov-94 08:49:37 GMT", b"1 Jan 0001 00:00:00 +2359", b"Fri, 15 Jan 2027 08:00:00 +999999")


def _answers() -> Iterator[bytes]:
    for mode in range(4):
        yield bytes((mode,)) + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
        yield (
            bytes((mode,))
            + b'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 No\r\nContent-Length: 15\r\n\r\n{"Message": "m"}'
        )
        yield bytes((mode,)) + b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nA: b\r\n\r\n"
        yield bytes((mode,)) + b"HTTP/1.0 200 OK\r\n\r\nuntil the end"
    for row in vectors("eventstream")["messages"]:
        encoded = bytes.fromhex(row["encoded"])
        yield b"\x05" + encoded
        yield b"\x09%x\r\n%b\r\n0\r\n\r\n" % (len(encoded), encoded)
    yield b"\x05" + b"\0\0\0\x10\0\0\0\0"
    yield b"\x85HTTP"


_WORDS = (
    b"x-amzn-ErrorType:", b"x-amzn-RequestId:", b"x-amz-retry-after:", b"Date:", b'"Message":', b'"message":', b"null",
    b'"__type":', b'"code":', b'"Code":', b'"LogStreamArn":', b'"OriginalStatusCode":', b'"OriginalMessage":', b"\n\n",
    b"<Error>", b"</Error>", b"<Code>", b"</Code>", b"<Message>", b"<![CDATA[", b"]]>", b"&amp;", b"<?xml",
    b"<!DOCTYPE", b"ThrottlingException", b"ExpiredToken", b"InvalidSignatureException", b"\\ud800", b"GMT",
    b"+0000", b'"EndpointArn":', b'"CreationTime":', b"X-Amzn-SageMaker-Custom-Attributes:", b"1e999",
)  # fmt: skip
_HTTP_WORDS = (
    b"HTTP/1.1 ", b"HTTP/1.0 ", b"\r\n", b"\r\n\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked", b"200 OK",
    b"100 Continue", b"101 Switching Protocols", b"204 No Content", b"304 ", b"503 ", b"Connection: close",
    b"0\r\n\r\n", b"Content-Encoding: gzip", b"Content-Type: application/vnd.amazon.eventstream", b"Trailer: ",
    b"Upgrade: ",
)  # fmt: skip

TARGETS = (
    Target(name="errors", open=plain(check_error), seeds=_errors, words=_WORDS),
    Target(name="successes", open=plain(check_success), seeds=_successes, words=_WORDS),
    Target(name="header-texts", open=plain(check_texts), seeds=_header_texts, words=_WORDS[-8:], max_length=64),
    Target(name="answers", open=_peer, seeds=_answers, words=_HTTP_WORDS, max_length=512),
)
