"""The straight way of a request: when it is taken, and the bytes of its head."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from sagemaker_async.aws.http import HTTPRequest
from sagemaker_async.aws.transport import AiohttpTransport
from sagemaker_async.aws.transport.protocol import ConnectionProtocol
from sagemaker_async.aws.transport.straight import head_of, session_is_plain
from sagemaker_async.config import Timeouts
from sagemaker_async.errors import (
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    FirstByteTimeoutError,
    RequestValidationError,
)

ORIGIN = "https://service.example"

Start = Callable[..., Awaitable[Any]]
Answer = Callable[..., bytes]


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport(max_connections=4, keepalive=15)
    yield transport
    await transport.close()


# --- which way -------------------------------------------------------------------------------------------------------


def traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function as instrumentation does."""

    @functools.wraps(function)
    def traced(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return traced


class Proxy:
    """Wraps a function as the library wrapt does: an object that says of itself what the function would."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)

    def __get__(self, instance: object, owner: type) -> Any:
        return self if instance is None else functools.partial(self.function, instance)


async def test_requests_go_straight_while_nobody_watches_or_mocks_aiohttps_session(
    raw_server: Start, http_answer: Answer, transport: AiohttpTransport
) -> None:
    server = await raw_server(http_answer())
    await (await transport.send(HTTPRequest("POST", server.origin, "/", {}), Timeouts())).read()
    assert session_is_plain()
    assert transport._session is None


@pytest.mark.parametrize("method", ["_request", "__init__"])
@pytest.mark.parametrize("wrapped", [traced, Proxy], ids=["a function around it", "an object around it"])
async def test_requests_go_through_aiohttps_session_while_it_is_watched(
    raw_server: Start, http_answer: Answer, transport: AiohttpTransport, method: str, wrapped: Callable[..., Any]
) -> None:
    server = await raw_server(http_answer())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiohttp.ClientSession, method, wrapped(vars(aiohttp.ClientSession)[method]))
        assert not session_is_plain()
        await (await transport.send(HTTPRequest("POST", server.origin, "/", {}), Timeouts())).read()
    assert transport._session is not None
    assert session_is_plain()


async def test_requests_go_through_the_session_that_stands_in_for_aiohttps(
    raw_server: Start, http_answer: Answer, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    original = aiohttp.ClientSession._request

    async def watched(self: aiohttp.ClientSession, method: str, *args: Any, **kwargs: Any) -> Any:
        seen.append(method)
        return await original(self, method, *args, **kwargs)

    server = await raw_server(http_answer(200, b"x"))
    monkeypatch.setattr(aiohttp.ClientSession, "_request", watched)
    response = await transport.send(HTTPRequest("PUT", server.origin, "/", {}), Timeouts())
    assert (await response.read(), seen) == (b"x", ["PUT"])


async def test_traces_that_instrumentation_adds_see_every_request(
    raw_server: Start, http_answer: Answer, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As OpenTelemetry's and Sentry's instrumentation do."""
    seen: list[str] = []
    original = aiohttp.ClientSession.__init__

    async def on_request_start(session: Any, context: Any, params: aiohttp.TraceRequestStartParams) -> None:
        seen.append(str(params.url))
        params.headers["traceparent"] = "00-1-2-01"

    def init(self: aiohttp.ClientSession, *args: Any, **kwargs: Any) -> None:
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(on_request_start)
        original(self, *args, **{**kwargs, "trace_configs": [trace]})

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", init)
    server = await raw_server(http_answer(200, b"x"))
    response = await transport.send(HTTPRequest("POST", server.origin, "/a", {"A": "1"}), Timeouts())
    assert await response.read() == b"x"
    assert seen == [f"{server.origin}/a"]
    assert (server.requests[0].header("A"), server.requests[0].header("traceparent")) == ("1", "00-1-2-01")


async def test_mocks_of_aiohttp_work(mocked_aiohttp: Any, transport: AiohttpTransport) -> None:
    mocked_aiohttp.post("https://service.example/t", status=418, body=b"short and stout", headers={"X": "y"})
    response = await transport.send(HTTPRequest("POST", ORIGIN, "/t", {"A": "1"}, b"abc"), Timeouts())
    assert (response.status, response.headers["X"], await response.read()) == (418, "y", b"short and stout")
    ((call,),) = mocked_aiohttp.requests.values()
    assert call.kwargs["headers"] == {"Host": "service.example", "A": "1"}
    assert call.kwargs["data"] == b"abc"


async def test_mocks_work_on_a_transport_that_has_gone_straight_before(
    raw_server: Start, http_answer: Answer, mocked_aiohttp: Any, transport: AiohttpTransport
) -> None:
    server = await raw_server(http_answer(200, b"real"))
    mocked_aiohttp.stop()
    real = await transport.send(HTTPRequest("POST", server.origin, "/", {}), Timeouts())
    mocked_aiohttp.start()
    mocked_aiohttp.post(f"{server.origin}/", body=b"mocked")
    mocked = await transport.send(HTTPRequest("POST", server.origin, "/", {}), Timeouts())
    assert (await real.read(), await mocked.read(), len(server.requests)) == (b"real", b"mocked", 1)


async def test_exceptions_of_aiohttp_become_ours(mocked_aiohttp: Any, transport: AiohttpTransport) -> None:
    mocked_aiohttp.post("https://service.example/t", exception=aiohttp.ClientPayloadError("cut"))
    with pytest.raises(ConnectionLostError, match="cut"):
        await transport.send(HTTPRequest("POST", ORIGIN, "/t", {}, b"abc"), Timeouts())


async def test_another_scheme_than_https_own_is_refused(transport: AiohttpTransport) -> None:
    with pytest.raises(ConnectError) as caught:
        await transport.send(HTTPRequest("POST", "ftp://service.example", "/", {}), Timeouts())
    assert caught.value.not_sent


async def test_the_first_byte_limit_goes_on_after_an_interim_answer(
    raw_server: Start, transport: AiohttpTransport
) -> None:
    async def interim(_: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.Event().wait()

    server = await raw_server(interim)
    with pytest.raises(FirstByteTimeoutError):
        await transport.send(HTTPRequest("POST", server.origin, "/", {}), Timeouts(first_byte=0.02))


async def test_the_first_byte_limit_does_not_begin_before_the_body_was_taken_whatever_interim_answers_come(
    http_answer: Answer, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, sent, reads = 20_000_000, [0], [0]
    begun_at: list[int] = []
    read, start_timeout = ConnectionProtocol.read, ConnectionProtocol.start_timeout

    async def counted(protocol: ConnectionProtocol) -> Any:
        reads[0] += 1
        return await read(protocol)

    def noted(protocol: ConnectionProtocol) -> None:
        begun_at.append(sent[0])
        start_timeout(protocol)

    monkeypatch.setattr(ConnectionProtocol, "read", counted)
    monkeypatch.setattr(ConnectionProtocol, "start_timeout", noted)
    interim_was_passed_over = asyncio.Event()

    async def continue_before_the_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await interim_was_passed_over.wait()
        await reader.readexactly(size)
        writer.write(http_answer(200, b"ok"))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(continue_before_the_body, "127.0.0.1", 0)
    origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with asyncio.timeout(5):
        call = asyncio.create_task(
            transport.send(
                HTTPRequest("POST", origin, "/", {}, bytes(size)),
                Timeouts(),
                lambda taken, _: sent.__setitem__(0, taken),
            )
        )
        while reads[0] < 2:
            await asyncio.sleep(0)
        assert sent[0] < size
        interim_was_passed_over.set()
        assert await (await call).read() == b"ok"
    assert set(begun_at) == {size}
    server.close()


# --- the head --------------------------------------------------------------------------------------------------------


def lines_of(method: str, headers: dict[str, str], body: bytes = b"", target: str = "/t?a=%20") -> list[str]:
    return head_of(HTTPRequest(method, ORIGIN, target, headers, body)).decode().split("\r\n")


def test_the_head_is_the_request_line_host_the_fields_as_given_and_the_length() -> None:
    headers = {"x-Amz-A%s": "100%", "Accept": "*/*"}
    assert lines_of("POST", headers, b"abc") == [
        "POST /t?a=%20 HTTP/1.1",
        "Host: service.example",
        "x-Amz-A%s: 100%",
        "Accept: */*",
        "Content-Length: 3",
        "",
        "",
    ]


@pytest.mark.parametrize("name", ["Host", "host", "HOST"])
def test_a_host_of_the_requests_own_replaces_ours(name: str) -> None:
    assert lines_of("GET", {name: "other.example"})[1:] == [f"{name}: other.example", "", ""]


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("POST", b"", "0"),
        ("PUT", b"", "0"),
        ("GET", b"", None),
        ("HEAD", b"", None),
        ("DELETE", b"", None),
        ("GET", b"x", "1"),
        ("DELETE", b"x", "1"),
    ],
)
def test_the_length_is_sent_wherever_there_may_be_a_body(method: str, body: bytes, length: str | None) -> None:
    fields = [] if length is None else [f"Content-Length: {length}"]
    assert lines_of(method, {}, body)[2:] == [*fields, "", ""]


def test_where_a_request_ends_is_not_for_its_fields_to_say() -> None:
    headers = {"content-length": "999", "A": "1", "Transfer-Encoding": "chunked"}
    assert lines_of("POST", headers, b"abc")[2:] == ["A: 1", "Content-Length: 3", "", ""]


@pytest.mark.parametrize("character", ["\r", "\n", "\r\n", "\0", "\r\nEvil: 1\r\n"])
def test_nothing_can_be_smuggled_into_a_head(character: str) -> None:
    text = f"a{character}b"
    for build in (
        lambda: lines_of("POST", {"A": text}),
        lambda: lines_of("POST", {"A": "1", "Host": text}),
        lambda: lines_of("POST", {}, target=f"/{text}"),
        lambda: lines_of(text, {}),
    ):
        with pytest.raises(ValueError, match="CR, LF or NUL"):
            build()
    with pytest.raises(RequestValidationError):
        lines_of("POST", {text: "1"})


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ä"])
def test_a_field_must_have_a_name(name: str) -> None:
    with pytest.raises(RequestValidationError):
        lines_of("POST", {name: "1"})


def test_an_origin_must_name_a_host() -> None:
    with pytest.raises(ConfigurationError):
        head_of(HTTPRequest("POST", "https://", "/", {}))
