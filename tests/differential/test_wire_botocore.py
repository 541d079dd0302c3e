"""What leaves for each operation, compared with what botocore sends; and our signatures, recomputed by botocore."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import botocore.auth
import botocore.session
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config as BotocoreConfig
from botocore.credentials import Credentials as BotocoreCredentials

from sagemaker_async import Session
from sagemaker_async.config import Credentials
from sagemaker_async.errors import SignatureError

Start = Callable[..., Awaitable[Any]]
Answer = Callable[..., bytes]

KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzEXAMPLETOKEN")
COMMON = {
    "EndpointName": "my-endpoint",
    "ContentType": "application/json; charset=utf-8",
    "Accept": "text/csv",
    "CustomAttributes": "trace=1,  two spaces",
    "InferenceId": "id 1",
}
STREAM = {
    **COMMON,
    "Body": b"\x00\xffbody",
    "TargetVariant": "blue",
    "TargetContainerHostname": "second",
    "InferenceComponentName": "component-1",
    "SessionId": "session-1",
    "PrefixAwareId": "prefix",
}
ASYNC = {
    **COMMON,
    "S3OutputPathExtension": "out/put",
    "Filename": "result.json",
    "RequestTTLSeconds": 60,
    "InvocationTimeoutSeconds": 3600,
}
CALLS = {
    "invoke_endpoint": {**STREAM, "TargetModel": "models/a b.tar.gz", "EnableExplanations": "`[0]>`0.8``"},
    "invoke_endpoint_with_response_stream": STREAM,
    "invoke_endpoint_async": {**ASYNC, "InputLocation": "s3://bucket/a%20key"},
}
INLINE = {**ASYNC, "Body": b"inline"}
OWN = {"user-agent", "amz-sdk-invocation-id", "x-amz-date", "authorization"}


def members(operation: str) -> set[str]:
    model = botocore.session.Session().get_service_model("sagemaker-runtime")
    name = "".join(word.title() for word in operation.split("_"))
    return set(model.operation_model(name).input_shape.members)


def single_field_calls() -> list[Any]:
    calls = []
    for operation, fields in CALLS.items():
        needed = {"EndpointName", "InputLocation" if operation == "invoke_endpoint_async" else "Body"}
        for field in sorted(fields):
            given = {name: value for name, value in fields.items() if name in {*needed, field}}
            calls.append(pytest.param(operation, given, id=f"{operation}-{field}"))
        calls.append(pytest.param(operation, fields, id=f"{operation}-everything"))
    calls.append(pytest.param("invoke_endpoint_async", INLINE, id="invoke_endpoint_async-inline"))
    calls.append(pytest.param("invoke_endpoint", {"EndpointName": "e", "Body": b""}, id="invoke_endpoint-empty"))
    return calls


class Sent:
    """The parts of a request that count: header names in lower case, and what of them was signed."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        self.line = (method, target)
        self.body = body
        self.headers = {name: value for name, value in headers.items() if name not in OWN}
        authorization = headers["authorization"]
        self.scope = authorization.partition("Credential=")[2].partition(",")[0].split("/", 2)[0::2]
        self.signed_headers = authorization.partition("SignedHeaders=")[2].partition(",")[0]


def sent_by_botocore(origin: str, operation: str, fields: dict[str, Any]) -> Sent:
    session = botocore.session.Session()
    session.set_credentials(*KEYS)
    client = session.create_client(
        "sagemaker-runtime",
        region_name="us-east-1",
        endpoint_url=origin,
        config=BotocoreConfig(retries={"mode": "standard", "total_max_attempts": 3}),
    )
    captured: list[Any] = []

    class Empty:
        def stream(self, **_: Any) -> list[bytes]:
            return [b"{}"]

    def capture(request: Any, **_: Any) -> AWSResponse:
        captured.append(request)
        return AWSResponse(request.url, 200, {"Content-Type": "application/json"}, Empty())

    client.meta.events.register("before-send.sagemaker-runtime", capture)
    getattr(client, operation)(**fields)
    (request,) = captured
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
    }
    return Sent(request.method, request.url.removeprefix(origin), headers, request.body or b"")


async def sent_by_us(server: Any, operation: str, fields: dict[str, Any]) -> Sent:
    async with Session(region="us-east-1", endpoint_url=server.origin, credentials=Credentials(*KEYS)) as session:
        response = await getattr(session.runtime, operation)(**fields)
        if operation == "invoke_endpoint_with_response_stream":
            await response.aclose()
    request = server.requests[-1]
    headers = {name.lower(): value for name, value in request.headers}
    assert len(headers) == len(request.headers)
    return Sent(request.method, request.target, headers, request.body)


def test_the_calls_have_every_field_of_the_service_model() -> None:
    for operation, fields in CALLS.items():
        assert set(fields) == members(operation) - ({"Body"} if operation == "invoke_endpoint_async" else set())


@pytest.mark.parametrize(("operation", "fields"), single_field_calls())
async def test_the_same_leaves_as_from_botocore(
    raw_server: Start, http_answer: Answer, operation: str, fields: dict[str, Any]
) -> None:
    server = await raw_server(http_answer(200, b"{}", {"Content-Type": "application/vnd.amazon.eventstream"}))
    theirs = sent_by_botocore(server.origin, operation, fields)
    ours = await sent_by_us(server, operation, fields)
    assert ours.headers.pop("host") == server.origin.removeprefix("http://")  # botocore's is added by urllib3
    assert (ours.line, ours.body) == (theirs.line, theirs.body)
    assert ours.headers == theirs.headers
    assert (ours.signed_headers, ours.scope) == (theirs.signed_headers, theirs.scope)


# --- a server that is not ours ---------------------------------------------------------------------------------------


class Verifier:
    """Answers 200 when botocore computes the same signature from the bytes that came, and 403 otherwise."""

    def __init__(self, http_answer: Answer, secret: str) -> None:
        self._answer = http_answer
        self._credentials = BotocoreCredentials(KEYS[0], secret, KEYS[2])

    async def __call__(self, request: Any, writer: asyncio.StreamWriter) -> None:
        if self.expected(request) == request.header("Authorization"):
            writer.write(self._answer(200, b"{}"))
        else:
            writer.write(self._answer(403, b'{"message": "no"}', {"x-amzn-ErrorType": "InvalidSignatureException"}))

    def expected(self, request: Any) -> str:
        authorization = request.header("Authorization")
        signed = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        region = authorization.split("/")[2]
        headers = {name: value for name, value in request.headers if name.lower() in signed}
        rebuilt = AWSRequest(request.method, f"http://{request.header('Host')}{request.target}", headers, request.body)
        rebuilt.context["timestamp"] = request.header("X-Amz-Date")
        signer = botocore.auth.SigV4Auth(self._credentials, "sagemaker", region)
        canonical = signer.canonical_request(rebuilt)
        signature = signer.signature(signer.string_to_sign(rebuilt, canonical), rebuilt)
        scope = signer.scope(rebuilt)
        return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={';'.join(signed)}, Signature={signature}"


@pytest.mark.parametrize(("operation", "fields"), single_field_calls())
async def test_botocore_computes_the_same_signature_from_what_arrived(
    raw_server: Start, http_answer: Answer, operation: str, fields: dict[str, Any]
) -> None:
    server = await raw_server(Verifier(http_answer, KEYS[1]))
    if operation == "invoke_endpoint_with_response_stream":
        server.answers = (stream_answer(Verifier(http_answer, KEYS[1]), http_answer),)
    await sent_by_us(server, operation, fields)
    assert len(server.requests) == 1


def stream_answer(verifier: Verifier, http_answer: Answer) -> Any:
    async def answer(request: Any, writer: asyncio.StreamWriter) -> None:
        assert verifier.expected(request) == request.header("Authorization")
        writer.write(http_answer(200, b"", {"Content-Type": "application/vnd.amazon.eventstream"}))

    return answer


@pytest.mark.parametrize(
    ("host", "path"),
    list(itertools.product(("LOCALHOST", "localhost", "127.0.0.1"), ("", "/base", "/a%20b/%2F"))),
)
async def test_the_signature_holds_for_any_spelling_of_the_origin(
    raw_server: Start, http_answer: Answer, host: str, path: str
) -> None:
    server = await raw_server(Verifier(http_answer, KEYS[1]))
    url = f"http://{host}:{server.origin.rpartition(':')[2]}{path}"
    async with Session(region="eu-west-1", endpoint_url=url, credentials=Credentials(*KEYS)) as session:
        response = await session.runtime.invoke_endpoint(endpoint_name="e", body=b"x" * 100_000)
    assert response.metadata.status == 200


async def test_a_wrong_secret_is_refused(raw_server: Start, http_answer: Answer) -> None:
    server = await raw_server(Verifier(http_answer, "another secret"))
    async with Session(region="us-east-1", endpoint_url=server.origin, credentials=Credentials(*KEYS)) as session:
        with pytest.raises(SignatureError):
            await session.runtime.invoke_endpoint(endpoint_name="e", body=b"x")
