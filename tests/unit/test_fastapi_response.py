"""Stream responses without a server: what they send over ASGI, when they stop, and what they leave behind."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import HTTPConnection, Request
from starlette.websockets import WebSocket, WebSocketDisconnect

from sagemaker_async import Credentials, Predictor, Session, StubTransport, WaitForCapacity
from sagemaker_async.errors import ConfigurationError, MissingExtraError, ModelStreamError, NoRegionError, UsageError
from sagemaker_async.integrations.fastapi import (
    PredictorDep,
    current_session,
    session_lifespan,
    stream_response,
    stream_to_websocket,
)
from sagemaker_async.iterators import TokenIterator
from sagemaker_async.local import LocalSageMaker, Stall, TextModel
from sagemaker_async.records import ServerSentEvent, SSESplitter

SPEC_VERSIONS = ["2.0", "2.3", "2.4", "2.5"]


class Upstream:
    """A stream whose records are given out when the test says so."""

    def __init__(self, *records: Any, silent: bool = True) -> None:
        self.records = records
        self.silent = silent
        self.asked = asyncio.Event()
        self.closed = False

    async def stream(self) -> AsyncIterator[Any]:
        try:
            for record in self.records:
                if isinstance(record, Exception):
                    raise record
                yield record
            self.asked.set()
            if self.silent:
                await asyncio.Event().wait()
        finally:
            self.closed = True


class Client:
    """The two ends of ASGI."""

    def __init__(self, spec_version: str = "2.4", on_send: Callable[[dict[str, Any]], None] | None = None) -> None:
        self.scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": spec_version}, "method": "GET"}
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self.changed = asyncio.Event()
        self.listeners = 0
        self._on_send = on_send
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        self.listeners += 1
        try:
            await self.gone.wait()
        finally:
            self.listeners -= 1
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self._on_send is not None:
            self._on_send(message)
        self.sent.append(message)
        self.changed.set()

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def complete(self) -> bool:
        return self.sent[-1].get("more_body") is False

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def get(self, response: Any) -> None:
        async with asyncio.timeout(5):
            await response(self.scope, self.receive, self.send)


@pytest.fixture(autouse=True)
async def no_task_is_left() -> AsyncIterator[None]:
    yield
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_records_are_sent_one_by_one_and_the_end_is_told() -> None:
    upstream, client = Upstream("a", "b", silent=False), Client()
    await client.get(stream_response(upstream.stream()))
    assert client.status == 200
    assert [message["body"] for message in client.sent[1:]] == [
        b'data: {"text":"a"}\n\n',
        b'data: {"text":"b"}\n\n',
        b"event: done\ndata: {}\n\n",
    ]
    assert client.complete
    assert upstream.closed


async def test_an_answer_without_records_is_complete() -> None:
    client = Client()
    await client.get(await stream_response(Upstream(silent=False).stream()))
    assert (client.status, client.body, client.complete) == (200, b"event: done\ndata: {}\n\n", True)


async def test_the_models_own_events_get_no_end_of_ours() -> None:
    client = Client()
    await client.get(stream_response(Upstream(ServerSentEvent("[DONE]"), silent=False).stream()))
    assert client.body == b"data: [DONE]\n\n"


async def test_encode_says_what_is_sent() -> None:
    client = Client()
    stream = Upstream(1, 2, silent=False).stream()
    await client.get(stream_response(stream, encode=lambda n: {"n": n}, format="json-lines"))
    assert client.body == b'{"n":1}\n{"n":2}\n'


def chat_stream(*chunks: dict[str, Any]) -> TokenIterator:
    """The tokens of a chat completion that ends as vLLM's does: the finish reason, then the usage on its own."""
    choices = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in chunks]
    records: list[dict[str, Any]] = [{"object": "chat.completion.chunk", "choices": choice} for choice in choices]
    records[-1]["choices"][0]["finish_reason"] = "tool_calls"
    records.append({"object": "chat.completion.chunk", "choices": [], "usage": USAGE})
    data = "".join([f"data: {json.dumps(record)}\n\n" for record in records]) + "data: [DONE]\n\n"

    async def parts() -> AsyncIterator[bytes]:
        yield data.encode()

    return TokenIterator(parts())


USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
TOOL_CALLS = [
    {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}},
    {"index": 0, "function": {"arguments": '{"city":'}},
    {"index": 0, "function": {"arguments": '"Kiel"}'}},
]
AN_ANSWER_OF_TOOL_CALLS = [{"role": "assistant", "content": None}, *({"tool_calls": [piece]} for piece in TOOL_CALLS)]


def check_tool_calls(records: list[dict[str, Any]]) -> None:
    assert [piece for record in records for piece in record.get("tool_calls", [])] == TOOL_CALLS
    assert [record["finish_reason"] for record in records if "finish_reason" in record] == ["tool_calls"]
    assert records[-1] == {"text": "", "usage": USAGE}
    assert all(len(record.keys() - {"index", "text"}) > 0 for record in records)


@pytest.mark.parametrize("form", ["sse", "json-lines"])
async def test_an_answer_of_tool_calls_alone_is_sent_with_its_usage(form: Any) -> None:
    client = Client()
    await client.get(stream_response(chat_stream(*AN_ANSWER_OF_TOOL_CALLS), format=form))
    if form == "sse":
        *records, done = SSESplitter().feed(client.body)
        assert (done.event, done.data) == ("done", "{}")
        check_tool_calls([json.loads(record.data) for record in records])
    else:
        check_tool_calls([json.loads(line) for line in client.body.splitlines()])


async def test_a_socket_gets_tool_calls_and_usage_as_well() -> None:
    socket = Socket()
    await stream_to_websocket(socket.websocket, chat_stream(*AN_ANSWER_OF_TOOL_CALLS))
    *records, done = socket.texts
    assert done == {"done": True}
    check_tool_calls(records)


@pytest.mark.parametrize("form", ["sse", "json-lines", "text"])
async def test_usage_is_not_added_to_what_encode_makes_nor_to_text(form: Any) -> None:
    client = Client()
    encode = None if form == "text" else str
    await client.get(stream_response(chat_stream({"content": "Hi"}), format=form, encode=encode))
    assert b"usage" not in client.body


async def test_headers_that_are_given_win() -> None:
    headers = {"Cache-Control": "no-cache", "X-Own": "1"}
    response = stream_response(Upstream().stream(), headers=headers, media_type="text/plain")
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-own"] == "1"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("awaited", [True, False], ids=["awaited", "returned"])
async def test_a_failure_of_the_first_record_is_raised_before_anything_is_sent(awaited: bool) -> None:
    upstream, client = Upstream(ModelStreamError("x")), Client()
    response = stream_response(upstream.stream())
    with pytest.raises(ModelStreamError):
        await (response if awaited else client.get(response))
    assert client.sent == []
    assert upstream.closed


@pytest.mark.parametrize("spec_version", SPEC_VERSIONS)
async def test_a_silent_upstream_is_closed_when_the_client_leaves_whatever_asgi_version(spec_version: str) -> None:
    upstream, client = Upstream("a"), Client(spec_version)
    response = await stream_response(upstream.stream())
    sending = asyncio.create_task(client.get(response))
    await upstream.asked.wait()
    client.gone.set()
    await sending
    assert upstream.closed
    assert response.client_disconnected
    assert not client.complete


@pytest.mark.parametrize("spec_version", SPEC_VERSIONS)
async def test_a_client_that_left_before_the_first_record_ends_the_opening(spec_version: str) -> None:
    upstream, client = Upstream(), Client(spec_version)
    sending = asyncio.create_task(client.get(stream_response(upstream.stream())))
    await upstream.asked.wait()
    client.gone.set()
    await sending
    assert upstream.closed
    assert (client.status, client.body) == (499, b"")


async def test_an_awaited_response_sees_it_too_given_the_request() -> None:
    upstream, client = Upstream(), Client()
    request = Request(client.scope, client.receive)

    async def endpoint() -> None:
        response = await stream_response(upstream.stream(), request=request)
        assert response.client_disconnected
        await client.get(response)

    running = asyncio.create_task(endpoint())
    await upstream.asked.wait()
    client.gone.set()
    await running
    assert upstream.closed
    assert client.status == 499
    assert client.listeners == 0


async def test_a_send_that_says_that_nobody_is_there_ends_the_stream_quietly() -> None:
    def gone(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            raise OSError("gone")

    upstream, client = Upstream("a", "b"), Client(on_send=gone)
    response = stream_response(upstream.stream())
    await client.get(response)
    assert upstream.closed
    assert response.client_disconnected


async def test_a_failure_midway_comes_behind_what_was_sent_and_completes_the_response() -> None:
    client = Client()
    await client.get(stream_response(Upstream("a", ModelStreamError("secret")).stream()))
    first, error = client.body.split(b"\n\n")[:2]
    assert first == b'data: {"text":"a"}'
    assert error.startswith(b"event: error\ndata: {")
    assert b"secret" not in client.body
    assert client.complete


@pytest.mark.parametrize("error", [KeyError("secret"), TimeoutError("secret"), OSError("secret")])
async def test_any_other_failure_midway_is_told_as_well(error: Exception) -> None:
    client = Client()
    await client.get(stream_response(Upstream("a", error).stream(), format="json-lines"))
    assert json.loads(client.body.splitlines()[1])["error"]["code"] == "internal_error"
    assert b"secret" not in client.body


async def test_text_that_breaks_off_is_left_incomplete() -> None:
    client = Client()
    with pytest.raises(ModelStreamError):
        await client.get(stream_response(Upstream("a", ModelStreamError("x")).stream(), format="text"))
    assert client.body == b"a"
    assert not client.complete


async def test_silence_is_filled_with_comments() -> None:
    upstream, client = Upstream("a"), Client()
    sending = asyncio.create_task(client.get(stream_response(upstream.stream(), heartbeat=0.01)))
    await client.until(lambda: client.body.count(b": heartbeat\n\n") == 3)
    client.gone.set()
    await sending
    assert client.body.startswith(b'data: {"text":"a"}\n\n: heartbeat\n\n')


@pytest.mark.parametrize("started", [True, False], ids=["midway", "before the first record"])
async def test_a_server_that_cancels_still_tells_the_client(started: bool) -> None:
    upstream, client = Upstream(*(["a"] if started else [])), Client()
    sending = asyncio.create_task(client.get(stream_response(upstream.stream())))
    await upstream.asked.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert upstream.closed
    assert client.status == (200 if started else 503)
    assert b'"code":"cancelled"' in client.body.replace(b": ", b":")
    assert client.complete


async def test_back_pressure_at_most_one_record_is_under_way() -> None:
    made: list[int] = []
    may_send = asyncio.Event()

    async def numbers() -> AsyncIterator[int]:
        for number in range(5):
            made.append(number)
            yield number

    client = Client()

    async def slow_send(message: Any) -> None:
        await may_send.wait()
        await client.send(message)

    response = await stream_response(numbers(), format="json-lines", heartbeat=0.001)
    sending = asyncio.create_task(response(client.scope, client.receive, slow_send))
    for _ in range(50):
        await asyncio.to_thread(lambda: None)
    assert made == [0]
    may_send.set()
    await sending
    assert made == [0, 1, 2, 3, 4]


async def test_background_work_runs_at_the_end() -> None:
    ran: list[str] = []
    client = Client()
    await client.get(stream_response(Upstream(silent=False).stream(), background=BackgroundTask(ran.append, "x")))
    assert ran == ["x"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "xml"}, "format must be one of"),
        ({"heartbeat": 0}, "heartbeat must be more than 0"),
        ({"heartbeat": True}, "heartbeat must be more than 0"),
    ],
)
async def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        stream_response(Upstream().stream(), **options)
    with pytest.raises(ConfigurationError, match=r"predictor\.predict_stream"):
        stream_response(["a"])  # type: ignore[arg-type]


async def test_an_awaited_response_that_is_dropped_lets_go_of_its_connection(
    local: LocalSageMaker, session: Session
) -> None:
    endpoint = local.add_endpoint("text", TextModel())
    endpoint.faults.append(Stall(after_parts=1))
    response = await stream_response(Predictor("text", session).predict_stream(b'{"inputs": "a", "stream": true}'))
    assert session.connections_in_use == 1
    gone = weakref.ref(response)
    del response
    gc.collect()
    assert gone() is None
    await endpoint.until(lambda e: e.abandoned_streams == 1)
    assert session.connections_in_use == 0
    await session.close()


# --- WebSockets -------------------------------------------------------------------------------------------------------


class Socket:
    """A client's WebSocket, and the server's object for it."""

    def __init__(self, **extensions: Any) -> None:
        self.incoming: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: list[Any] = []
        self.incoming.put_nowait({"type": "websocket.connect"})
        self.websocket = WebSocket({"type": "websocket", "extensions": extensions}, self.incoming.get, self._send)

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def texts(self) -> list[Any]:
        return [json.loads(message["text"]) for message in self.sent if message.get("text")]


async def test_a_socket_is_accepted_with_the_first_record_and_told_the_end() -> None:
    socket, upstream = Socket(), Upstream("a", silent=False)
    outcome = await stream_to_websocket(socket.websocket, upstream.stream())
    assert [message["type"] for message in socket.sent] == ["websocket.accept", "websocket.send", "websocket.send"]
    assert socket.texts == [{"text": "a"}, {"done": True}]
    assert outcome.complete
    assert outcome.problem is None
    assert upstream.closed


@pytest.mark.parametrize(
    ("encode", "field", "value"),
    [(str.encode, "bytes", b"a"), (str.upper, "text", "A"), (lambda a: {"a": a}, "text", '{"a":"a"}')],
)
async def test_encode_says_what_a_message_is(encode: Any, field: str, value: Any) -> None:
    socket = Socket()
    await stream_to_websocket(socket.websocket, Upstream("a", silent=False).stream(), encode=encode)
    assert socket.sent[1][field] == value


async def test_a_message_meanwhile_ends_the_stream_and_is_handed_over() -> None:
    socket, upstream = Socket(), Upstream("a")
    streaming = asyncio.create_task(stream_to_websocket(socket.websocket, upstream.stream()))
    await upstream.asked.wait()
    socket.incoming.put_nowait({"type": "websocket.receive", "text": "stop"})
    outcome = await streaming
    assert (outcome.complete, outcome.message, outcome.problem) == (False, "stop", None)
    assert socket.texts == [{"text": "a"}, {"event": "interrupted"}]
    assert upstream.closed


async def test_every_answer_of_a_socket_ends_with_one_marker_before_the_next_begins() -> None:
    socket = Socket()
    for records, ends in ((["a"], False), (["b"], True), (["c", ModelStreamError("secret")], True), (["d"], False)):
        upstream = Upstream(*records, silent=not ends)
        streaming = asyncio.create_task(stream_to_websocket(socket.websocket, upstream.stream()))
        if not ends:
            await upstream.asked.wait()
            socket.incoming.put_nowait({"type": "websocket.receive", "text": "next"})
        await streaming
    markers = [next(iter(message)) for message in socket.texts]
    assert markers == ["text", "event", "text", "done", "text", "error", "text", "event"]


@pytest.mark.parametrize("records", [[], ["a"]], ids=["before the first record", "midway"])
async def test_a_client_that_leaves_closes_the_upstream(records: list[str]) -> None:
    socket, upstream = Socket(), Upstream(*records)
    streaming = asyncio.create_task(stream_to_websocket(socket.websocket, upstream.stream()))
    await upstream.asked.wait()
    socket.incoming.put_nowait({"type": "websocket.disconnect", "code": 1001})
    with pytest.raises(WebSocketDisconnect) as disconnect:
        await streaming
    assert disconnect.value.code == 1001
    assert upstream.closed


async def test_a_handshake_is_refused_as_the_server_can() -> None:
    socket = Socket()
    outcome = await stream_to_websocket(socket.websocket, Upstream(ModelStreamError("secret")).stream())
    assert socket.sent == [{"type": "websocket.close", "code": 1011, "reason": "answer_broke_off"}]
    assert outcome.problem is not None
    able = Socket(**{"websocket.http.response": {}})
    await stream_to_websocket(able.websocket, Upstream(ModelStreamError("secret")).stream())
    assert able.sent[0]["status"] == 502
    assert "secret" not in repr(able.sent)


async def test_a_cancelled_helper_closes_the_upstream() -> None:
    socket, upstream = Socket(), Upstream("a")
    streaming = asyncio.create_task(stream_to_websocket(socket.websocket, upstream.stream()))
    await upstream.asked.wait()
    streaming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await streaming
    assert upstream.closed


async def test_a_socket_takes_a_stream_only() -> None:
    with pytest.raises(ConfigurationError, match=r"predictor\.predict_stream"):
        await stream_to_websocket(Socket().websocket, ["a"])  # type: ignore[arg-type]


# --- the application --------------------------------------------------------------------------------------------------


def test_an_application_without_the_lifespan_is_told_so() -> None:
    with pytest.raises(UsageError, match="lifespan=session_lifespan"):
        current_session(HTTPConnection({"type": "http", "app": Starlette()}))


async def test_the_session_is_closed_although_the_applications_own_lifespan_fails() -> None:
    opened: list[Session] = []

    async def serve() -> None:
        async with session_lifespan(region="us-east-1")(Starlette()) as state:
            opened.append(state["sagemaker_session"])
            raise KeyError

    with pytest.raises(KeyError):
        await serve()
    assert opened[0].channel.closed


async def test_an_application_that_checks_does_not_start_without_a_region(clean_environment: Path) -> None:
    keys = Credentials("AKIDEXAMPLE", "secret")
    async with session_lifespan(credentials=keys)(Starlette()) as state:  # unchecked, it starts
        opened = state["sagemaker_session"]
    assert opened.channel.closed
    with pytest.raises(NoRegionError):
        async with session_lifespan(check=True, credentials=keys)(Starlette()):
            pytest.fail("it started")
    async with session_lifespan(check=True, region="us-east-1", credentials=keys)(Starlette()):
        pass


@pytest.mark.parametrize("name", ["", None, 7])
def test_a_predictor_dependency_needs_a_name(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="endpoint_name"):
        PredictorDep(name)


WAITING = WaitForCapacity(limit=5)
PatientPredictor = Annotated[Predictor[Any], PredictorDep("text", capacity=WAITING)]


async def test_a_predictor_dependency_waits_for_capacity_as_it_is_told() -> None:
    with pytest.raises(ConfigurationError, match="capacity must be WaitForCapacity"):
        PredictorDep("text", capacity=5)  # type: ignore[arg-type]
    async with Session(transport=StubTransport()) as session:
        app = FastAPI()
        app.dependency_overrides[current_session] = lambda: session

        @app.get("/")
        async def limit(predictor: PatientPredictor) -> bool:
            return predictor.capacity is WAITING

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
            assert (await client.get("/")).json() is True


def test_without_fastapi_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(MissingExtraError, match=r"sagemaker-async\[fastapi\]"):
        PredictorDep("text")


@pytest.mark.parametrize(
    ("missing", "said"), [("fastapi", "imported"), ("starlette", "pip install 'sagemaker-async[fastapi]'")]
)
def test_starlette_is_all_that_is_needed_to_import(missing: str, said: str) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "try:\n    import sagemaker_async.integrations.fastapi; print('imported')\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert said in done.stdout
