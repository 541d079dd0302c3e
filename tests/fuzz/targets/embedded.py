"""Whatever may be sent to the embedded SageMaker: signatures, header fields, bodies, raw bytes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from xml.etree import ElementTree

from multidict import CIMultiDict

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.signing import Signer
from sagemaker_async.errors import RequestValidationError
from sagemaker_async.local import LocalSageMaker
from sagemaker_async.local.answers import Refusal
from sagemaker_async.local.bearer_tokens import verify as verify_token
from sagemaker_async.local.control_plane import ControlPlane
from sagemaker_async.local.control_plane.rules import ServiceRules
from sagemaker_async.local.signatures import Recipient, SignedRequest, verify
from sagemaker_async.local.state import DEFAULT_CREDENTIALS, LocalState
from sagemaker_async.local.transitions import Transitions

from .target import Check, Target, plain, split_head

__all__ = ["TARGETS"]

_NOW = 1_800_000_000.0
_RECIPIENT = Recipient({DEFAULT_CREDENTIALS.access_key_id: DEFAULT_CREDENTIALS}, "us-east-1", "sagemaker", _NOW)
_SIGNER = Signer("us-east-1", "sagemaker")
_OF_THE_CONNECTION = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "transfer-encoding", "upgrade"}
)
_is_request_line = re.compile(r"([A-Z]{1,16}) (/\S{0,300})").fullmatch


def check_signature(data: bytes) -> None:
    """Verify a request as it is, and again when we have signed it."""
    first, fields, body = split_head(data)
    method, _, target = first.partition(" ")
    payload_hash = hashlib.sha256(body).hexdigest()

    def verified(headers: CIMultiDict[str]) -> bool:
        try:
            verify(SignedRequest(method, target, headers, payload_hash), _RECIPIENT)
        except Refusal as refusal:
            assert refusal.status == 403
            json.dumps(refusal.message)
            return False
        return True

    assert not verified(CIMultiDict(fields))
    try:
        signed = _SIGNER.sign(HTTPRequest(method, "https://h", target, dict(fields), body), DEFAULT_CREDENTIALS, _NOW)
    except RequestValidationError:
        return
    headers = CIMultiDict(signed)
    headers.setdefault("Host", "h")
    assert verified(headers)
    headers["Authorization"] = headers["Authorization"][:-1] + ("1" if headers["Authorization"][-1] == "0" else "0")
    assert not verified(headers)


def check_bearer_token(data: bytes) -> None:
    """Verify what is signed of a bearer token, as it is and in base64; no input can hold a right signature."""
    in_base64 = base64.b64encode(data).decode()
    for given in (data.decode("latin-1"), f"Bearer sagemaker-api-key-{in_base64}", f"Bearer {in_base64}"):
        headers = {"Authorization": given}
        try:
            verify_token(SignedRequest("POST", "/", headers, ""), _RECIPIENT)
        except Refusal as refusal:
            assert refusal.status in (401, 403)
            json.dumps(refusal.message)
        else:
            raise AssertionError("a token without a right signature was accepted")


# --- the control plane as values -------------------------------------------------------------------------------------


@contextlib.contextmanager
def _control_plane() -> Iterator[Check]:
    """Perform an input's lines, each an operation and its members, on a control plane of their own."""
    rules = ServiceRules.load()

    def check(data: bytes) -> None:
        plane = ControlPlane(
            LocalState("us-east-1", lambda: _NOW, asyncio.sleep, _NO_THREADS, Transitions(lambda: _NOW))
        )
        for line in data.split(b"\n"):
            name, _, text = line.partition(b" ")
            operation = name.decode("ascii", "replace")
            if operation not in plane.operations or not rules.knows(operation):
                continue
            try:
                members = json.loads(text or b"{}")
            except (ValueError, RecursionError):
                continue
            if not isinstance(members, dict):
                continue
            try:
                answer = plane.perform(operation, rules.check(operation, members))
            except Refusal as refusal:
                assert 400 <= refusal.status < 500
                answer = {**refusal.fields, "message": refusal.message}
            assert isinstance(answer, dict)
            json.dumps(answer, allow_nan=False)

    yield check


_NO_THREADS = ThreadPoolExecutor(1)
"""Never used: nothing is invoked."""


# --- over a socket ---------------------------------------------------------------------------------------------------


class _Failures(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(self.format(record))


class _Embedded:
    """A running embedded SageMaker, and what goes wrong in it."""

    def __init__(self) -> None:
        self.failures = _Failures()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.failures.messages.append(str(context)))
        logging.getLogger("sagemaker_async.local").addHandler(self.failures)
        logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # which logs what it refuses as an error
        self.local = await LocalSageMaker(clock=lambda: _NOW).__aenter__()
        self.local.add_endpoint("echo", _echo)
        self.local.add_endpoint("stream", _stream, variants=["a", "b"])
        self.host, _, self.port = self.local.url.removeprefix("http://").rpartition(":")

    async def stop(self) -> None:
        await self.local.__aexit__(None, None, None)
        logging.getLogger("sagemaker_async.local").removeHandler(self.failures)
        logging.getLogger("aiohttp.server").setLevel(logging.NOTSET)

    async def answer(self, request: bytes, *, half_closed: bool) -> bytes:
        """Send bytes, and the end of them if `half_closed`; return what comes back until the server closes."""
        reader, writer = await asyncio.open_connection(self.host, int(self.port))
        answer = b""
        try:
            async with asyncio.timeout(8):
                writer.write(request)
                if half_closed:
                    writer.write_eof()
                with contextlib.suppress(ConnectionError):
                    answer = await reader.read()
        finally:
            writer.transport.abort()
        messages, self.failures.messages = self.failures.messages, []
        assert not messages, messages
        assert b" 500 " not in answer[:40], answer
        return answer

    async def send_signed(self, data: bytes) -> None:
        """Sign an input that has the form of a request, and send it."""
        first, fields, body = split_head(data)
        line = _is_request_line(first)
        if line is None:
            return
        method, target = line.groups()
        headers = {name: value for name, value in fields if name.lower() not in _OF_THE_CONNECTION}
        service = "sts" if target.startswith("/?") or (target == "/" and "X-Amz-Target" not in headers) else "sagemaker"
        request = HTTPRequest(method, "http://h", target, headers | {"Host": "localhost", "Connection": "close"}, body)
        try:
            signed = Signer("us-east-1", service).sign(request, DEFAULT_CREDENTIALS, _NOW)
        except RequestValidationError:
            return
        lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        head = f"{method} {target} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        answer = await self.answer(head.encode() + body, half_closed=False)
        assert answer.startswith(b"HTTP/1.")
        answer_head, _, content = answer.partition(b"\r\n\r\n")
        if method != "HEAD" and int(answer[9:12]) >= 400:
            if b"application/json" in answer_head or b"application/x-amz-json" in answer_head:
                json.loads(content)
            elif b"text/xml" in answer_head:
                ElementTree.fromstring(content)

    async def send_raw(self, data: bytes) -> None:
        """Send an input as it is, but for its line ends."""
        await self.answer(data.replace(b"\n", b"\r\n") if b"\r" not in data else data, half_closed=True)


async def _echo(body: bytes) -> bytes:
    return body


async def _stream(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), 16):
        yield body[at : at + 16]


@contextlib.contextmanager
def _embedded(signed: bool) -> Iterator[Check]:
    embedded = _Embedded()
    with asyncio.Runner(debug=False) as runner:
        runner.run(embedded.start())
        send = embedded.send_signed if signed else embedded.send_raw

        def check(data: bytes) -> None:
            runner.run(send(data))

        try:
            yield check
        finally:
            runner.run(embedded.stop())


# --- seeds -----------------------------------------------------------------------------------------------------------

_ROLE = "arn:aws:iam::123456789012:role/r"
_CREATED = (
    b'CreateModel {"ModelName":"m","ExecutionRoleArn":"%b","PrimaryContainer":{"Image":"i"}}\n'
    b'CreateEndpointConfig {"EndpointConfigName":"c","ProductionVariants":[{"VariantName":"v","ModelName":"m",'
    b'"InstanceType":"ml.m5.large","InitialInstanceCount":1,"InitialVariantWeight":1.0}]}\n'
    b'CreateEndpoint {"EndpointName":"e","EndpointConfigName":"c"}\n' % _ROLE.encode()
)


def _sequences() -> Iterator[bytes]:
    yield _CREATED + b'DescribeEndpoint {"EndpointName":"e"}\nListEndpoints {"MaxResults":1,"SortBy":"Name"}'
    yield (
        _CREATED + b'UpdateEndpoint {"EndpointName":"e","EndpointConfigName":"c"}\nDeleteEndpoint {"EndpointName":"e"}'
    )
    yield _CREATED + (
        b'UpdateEndpointWeightsAndCapacities {"EndpointName":"e","DesiredWeightsAndCapacities":[{"VariantName":"v",'
        b'"DesiredWeight":0.5,"DesiredInstanceCount":2}]}\nDescribeEndpoint {"EndpointName":"e"}'
    )
    yield (
        b'CreateEndpointConfig {"EndpointConfigName":"c","ExecutionRoleArn":"%b","ProductionVariants":[{"VariantName":'
        b'"v","InstanceType":"ml.m5.large","InitialInstanceCount":1}]}\nCreateEndpoint {"EndpointName":"e",'
        b'"EndpointConfigName":"c"}\nCreateInferenceComponent {"InferenceComponentName":"i","EndpointName":"e",'
        b'"VariantName":"v","Specification":{"Container":{"Image":"i"},"ComputeResourceRequirements":'
        b'{"MinMemoryRequiredInMb":1}},"RuntimeConfig":{"CopyCount":1}}\nDescribeInferenceComponent '
        b'{"InferenceComponentName":"i"}\nUpdateInferenceComponentRuntimeConfig {"InferenceComponentName":"i",'
        b'"DesiredRuntimeConfig":{"CopyCount":0}}\nDeleteInferenceComponent {"InferenceComponentName":"i"}'
    ) % _ROLE.encode()
    yield (
        b'AddTags {"ResourceArn":"arn:aws:sagemaker:us-east-1:123456789012:model/m","Tags":[{"Key":"k","Value":"v"}]}'
        b'\nListTags {"ResourceArn":"arn:aws:sagemaker:us-east-1:123456789012:model/m","NextToken":"WzEsMCwwXQ=="}'
    )
    yield (
        b'CreateContext {"ContextName":"x","ContextType":"Endpoint","Source":{"SourceUri":"u"}}\nCreateAction '
        b'{"ActionName":"a","ActionType":"t","Source":{"SourceUri":"u"}}\nQueryLineage {"StartArns":["arn:aws:'
        b'sagemaker:us-east-1:123456789012:context/x"],"MaxDepth":2,"Direction":"Both"}\n'
        b'ListContexts {"NextToken":"W1tdXQ=="}'
    )
    yield (
        b'CreateMonitoringSchedule {"MonitoringScheduleName":"s","MonitoringScheduleConfig":{"ScheduleConfig":'
        b'{"ScheduleExpression":"cron(0 * ? * * *)"},"MonitoringJobDefinitionName":"d","MonitoringType":"DataQuality"}}'
        b'\nStopMonitoringSchedule {"MonitoringScheduleName":"s"}\nListMonitoringSchedules {"EndpointName":"e"}'
    )
    yield (
        b'CreateInferenceRouter {"InferenceRouterName":"r","ClientToken":"t","RoutingTargets":[{"Name":"t",'
        b'"Destinations":[{"ResourceArn":"arn:aws:sagemaker:us-east-1:123456789012:endpoint/e"}]}]}\n'
        b'DescribeInferenceRouter {"InferenceRouterName":"r"}\nListInferenceRouters {}\n'
        b'DeleteInferenceRouter {"InferenceRouterName":"r"}'
    )
    yield b'ListModels {"NameContains":"m","CreationTimeAfter":1e999,"MaxResults":0}\nListEndpoints {"StatusEquals":5}'


def _requests() -> Iterator[bytes]:
    yield b"POST /endpoints/echo/invocations\nContent-Type: text/plain\nX-Amzn-SageMaker-Custom-Attributes: a\n\nbody"
    yield b"POST /endpoints/stream/invocations-response-stream\nX-Amzn-SageMaker-Target-Variant: b\n\n" + bytes(40)
    yield b"POST /endpoints/echo/async-invocations\nX-Amzn-SageMaker-InputLocation: s3://b/k\n\n"
    yield (
        b"POST /endpoints/echo/async-invocations\nX-Amzn-SageMaker-RequestTTLSeconds: 60\nX-Amzn-SageMaker-Filename: "
        b"f\n\nx"
    )
    yield (
        b"POST /endpoints/echo/invocations\nX-Amzn-SageMaker-Session-Id: NEW_SESSION\nAccept: application/json, */*\n\n"
    )
    yield b"POST /endpoints/e%2F%ff/invocations\nX-Amzn-SageMaker-Target-Model: m\n\n"
    yield b"POST /endpoints/echo/openai/v1/chat/completions\n\n{}"
    yield b"POST /endpoints/echo/inference-components/part/openai/v1/chat/completions\n\n{}"
    yield b"POST /inference-routers/r/invocations\nX-Amzn-SageMaker-Routing-Target-Name: t\n\nbody"
    yield b"POST /inference-routers/r/async-invocations\nX-Amzn-SageMaker-InputLocation: s3://b/k\n\n"
    yield b"GET /nothing\n\n"
    yield b'POST /\nX-Amz-Target: SageMaker.ListEndpoints\n\n{"MaxResults": 1}'
    yield b"POST /\nX-Amz-Target: SageMaker.Nothing\n\n[]"
    yield b"POST /\nContent-Type: application/x-www-form-urlencoded\n\nAction=GetCallerIdentity&Version=2011-06-15"
    yield b"GET /?Action=%00\n\n"


def _raw_requests() -> Iterator[bytes]:
    yield b"POST /endpoints/echo/invocations HTTP/1.1\nHost: localhost\nContent-Length: 4\n\nbody"
    yield (
        b"POST http://h/endpoints/echo/invocations HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n\n1\nb\n0\n\n"
    )
    yield b"GET * HTTP/1.0\n\nGET / HTTP/1.1\nExpect: 100-continue\n\n"
    yield (
        b"POST / HTTP/1.1\nHost: localhost\nX-Amz-Target: SageMaker.ListModels\nX-Amz-Date: 20270115T080000Z\n"
        b"Authorization: AWS4-HMAC-SHA256 Credential=LOCALSAGEMAKER/20270115/us-east-1/sagemaker/aws4_request, "
        b"SignedHeaders=host, Signature=" + b"0" * 64 + b"\n\n"
    )


def _signatures() -> Iterator[bytes]:
    scope = b"Credential=LOCALSAGEMAKER/20270115/us-east-1/sagemaker/aws4_request"
    end = b"SignedHeaders=host;x-amz-date, Signature=" + b"0" * 64
    yield b"GET /\nHost: h\nX-Amz-Date: 20270115T080000Z\nAuthorization: AWS4-HMAC-SHA256 %b, %b\n\n" % (scope, end)
    yield (
        b"GET /a/../b?x=1&x\nHost: h\nDate: Fri, 15 Jan 2027 08:00:00 GMT\nAuthorization: AWS4-HMAC-SHA256 %b,%b\n\nb"
        % (
            scope,
            end,
        )
    )
    yield b"POST /\nHost: h\nDate: Fri, 15 Jan 0001 08:00:00 GMT\nAuthorization: AWS4-HMAC-SHA256 %b,%b\n\nb" % (
        scope,
        end,
    )
    yield b"PUT /%20\nX-Amz-Date: 99999999T999999Z\nAuthorization: AWS4-HMAC-SHA256 Credential=a\nX-A: 1\nx-a: 2\n\n"
    yield b"PUT /\nAuthorization: Basic\n\n"


def _bearer_tokens() -> Iterator[bytes]:
    scope = b"LOCALSAGEMAKER%2F20270115%2Fus-east-1%2Fsagemaker%2Faws4_request"
    query = (
        b"sagemaker.amazonaws.com/?Action=CallWithBearerToken&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%b"
        b"&X-Amz-Date=%b&X-Amz-Expires=%b&X-Amz-SignedHeaders=host&X-Amz-Signature=" + b"0" * 64 + b"&Version=1"
    )
    yield query % (scope, b"20270115T080000Z", b"900")
    yield query % (scope, b"20279915T080000Z", b"0")
    yield query % (b"a%2Fb", b"20270115T080000Z", b"99999")
    yield b"Bearer sagemaker-api-key-c2FnZW1ha2VyLmFtYXpvbmF3cy5jb20vPw=="
    yield b"AWS4-HMAC-SHA256 Credential=a"


_TOKEN_WORDS = (
    b"sagemaker.amazonaws.com/?", b"Action=CallWithBearerToken", b"&X-Amz-Algorithm=AWS4-HMAC-SHA256", b"%2F", b"&",
    b"&X-Amz-Credential=LOCALSAGEMAKER%2F20270115%2Fus-east-1%2Fsagemaker%2Faws4_request", b"&X-Amz-Expires=900",
    b"&X-Amz-Date=20270115T080000Z", b"&X-Amz-SignedHeaders=host", b"&X-Amz-Security-Token=", b"&Version=1",
    b"&X-Amz-Signature=" + b"0" * 64, b"Bearer ", b"sagemaker-api-key-",
)  # fmt: skip
_HTTP_WORDS = (
    b"POST ", b"/endpoints/echo/invocations", b"/endpoints/stream/invocations-response-stream", b"/async-invocations",
    b"X-Amzn-SageMaker-", b"Custom-Attributes: ", b"Target-Variant: ", b"Target-Model: ", b"Inference-Id: ", b"%00",
    b"Session-Id: NEW_SESSION", b"InputLocation: s3://", b"RequestTTLSeconds: ", b"InvocationTimeoutSeconds: ",
    b"S3OutputPathExtension: ", b"Filename: ", b"Inference-Component: ", b"Content-Type: ", b"Accept: ",
    b"/openai/v1/chat/completions", b"/inference-components/part", b"/inference-routers/r/invocations",
    b"Routing-Target-Name: t", b"X-Amz-Target: SageMaker.", b"Action=GetCallerIdentity",
    b"application/x-www-form-urlencoded", b" HTTP/1.1\n",
)  # fmt: skip
_SIGNATURE_WORDS = (
    b"Authorization: AWS4-HMAC-SHA256 ", b"Credential=LOCALSAGEMAKER/20270115/us-east-1/sagemaker/aws4_request",
    b"SignedHeaders=host;x-amz-date", b"Signature=", b"X-Amz-Date: 20270115T080000Z", b"Date: ", b"GMT", b"\nHost: h",
    b"X-Amz-Security-Token: ",
)  # fmt: skip
_OPERATION_WORDS = tuple(
    word.encode()
    for word in (
            "CreateModel", "DescribeModel", "ListModels", "DeleteModel", "CreateEndpointConfig", "ListEndpointConfigs",
            "CreateEndpoint", "DescribeEndpoint", "UpdateEndpoint", "DeleteEndpoint", "ListEndpoints", "AddTags",
            "CreateInferenceComponent", "UpdateInferenceComponent", "ListInferenceComponents", "ListTags", "DeleteTags",
            "CreateContext", "CreateArtifact", "CreateAction", "AddAssociation", "ListAssociations", "QueryLineage",
            "CreateMonitoringSchedule", "UpdateMonitoringSchedule", "ListMonitoringExecutions",
            "StartMonitoringSchedule",            "CreateDataQualityJobDefinition", "DescribeDataQualityJobDefinition",
        *(
            f'"{name}":'
            for name in (
                "EndpointName", "EndpointConfigName", "ModelName", "NextToken", "MaxResults", "SortBy", "SortOrder",
                "NameContains", "StatusEquals", "CreationTimeAfter", "ProductionVariants", "RetainAllVariantProperties",
                "ExcludeRetainedVariantProperties", "DeploymentConfig", "ShadowProductionVariants", "DataCaptureConfig",
            )
        ),
        '"e"', '"Ascending"', '"CreationTime"', "1e999", "-1", "NaN", "{}", "[]", "null",
    )
)  # fmt: skip

TARGETS = (
    Target(name="signatures", open=plain(check_signature), seeds=_signatures, words=_SIGNATURE_WORDS, max_length=512),
    Target(
        name="bearer-tokens", open=plain(check_bearer_token), seeds=_bearer_tokens, words=_TOKEN_WORDS, max_length=512
    ),
    Target(name="control-plane", open=_control_plane, seeds=_sequences, words=_OPERATION_WORDS, max_length=1536),
    Target(name="requests", open=partial(_embedded, True), seeds=_requests, words=_HTTP_WORDS, max_length=512),
    Target(name="raw-requests", open=partial(_embedded, False), seeds=_raw_requests, words=_HTTP_WORDS, max_length=512),
)
