"""FastAPI applications under a real uvicorn, on the embedded SageMaker: what clients and upstream see.

Time is real here and nothing sleeps: every wait is for an event, and how long one took is what is asserted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import time
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal

import aiohttp
import pytest
import uvicorn
from fastapi import FastAPI, WebSocket
from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Mount, Route
from starlette.websockets import WebSocketDisconnect

from sagemaker_async import Predictor, Session
from sagemaker_async.config import RetryConfig, Timeouts
from sagemaker_async.deserializers import JSONDeserializer
from sagemaker_async.integrations.fastapi import (
    PredictorDep,
    StreamResponse,
    add_exception_handlers,
    current_session,
    openapi_responses,
    session_lifespan,
    stream_response,
    stream_to_websocket,
)
from sagemaker_async.local import (
    AsyncInference,
    CutFrame,
    Endpoint,
    InStreamError,
    InvocationRequest,
    LocalSageMaker,
    ModelFailure,
    Stall,
    Status,
    TextModel,
    Throttle,
)
from sagemaker_async.records import ServerSentEvent, SSESplitter
from sagemaker_async.serializers import JSONSerializer

ROOT = Path(__file__).parents[2]
CLIENTS = 200
ARTIFACTS = Path(__file__).parents[1] / "artifacts"


class Prompt(BaseModel):
    inputs: str = Field(max_length=200)
    parameters: dict[str, Any] = {}
    stream: bool = True


TextPredictor = Annotated[
    Predictor[Any], PredictorDep("text", serializer=JSONSerializer(), deserializer=JSONDeserializer())
]


class Server(uvicorn.Server):
    """uvicorn, which leaves the signals of the test's process alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


Serve = Callable[..., Awaitable[tuple[str, Callable[[], Awaitable[None]]]]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serves an application: ``url, stop = await serve(app)``."""
    stops = []

    async def serve(app: Starlette, **options: Any) -> tuple[str, Callable[[], Awaitable[None]]]:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.bind(("127.0.0.1", 0))
        listening.listen(512)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        options = {"timeout_graceful_shutdown": 2, **options}
        server = Server(uvicorn.Config(app, log_config=None, lifespan="on", **options))
        running = asyncio.create_task(server.serve(sockets=[listening]))

        async def stop() -> None:
            server.should_exit = True
            await running

        stops.append(stop)
        return url, stop

    yield serve
    for stop in stops:
        await stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
        yield client


@pytest.fixture
def text(local: LocalSageMaker) -> Endpoint:
    return local.add_endpoint("text", TextModel())


def application(local: LocalSageMaker, **options: Any) -> FastAPI:
    """The application most tests use, of one streaming endpoint in several forms, and one that does not stream."""
    fields: dict[str, Any] = {**local.client_options, "retry": RetryConfig(max_attempts=1), **options}
    sessions: list[Session] = []

    @contextlib.asynccontextmanager
    async def own_lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        yield {"greeting": "hello", "sessions": sessions}

    app = FastAPI(lifespan=session_lifespan(lifespan=own_lifespan, **fields), responses=openapi_responses())
    add_exception_handlers(app)

    @app.post("/awaited")
    async def awaited(prompt: Prompt, predictor: TextPredictor) -> StreamResponse:
        return await stream_response(predictor.predict_stream(prompt.model_dump()).tokens(), heartbeat=0.05)

    @app.post("/returned", responses=openapi_responses("sse"))
    async def returned(prompt: Prompt, predictor: TextPredictor) -> StreamResponse:
        return stream_response(predictor.predict_stream(prompt.model_dump()).tokens(), heartbeat=0.05)

    @app.post("/returned-by-a-thread")
    def returned_by_a_thread(prompt: Prompt, predictor: TextPredictor) -> StreamResponse:
        return stream_response(predictor.predict_stream(prompt.model_dump()).tokens())

    @app.post("/formats/{form}")
    async def formats(
        form: Literal["text", "json-lines", "raw"], prompt: Prompt, predictor: TextPredictor
    ) -> StreamResponse:
        stream = predictor.predict_stream(prompt.model_dump())
        records: Any = stream if form == "raw" else stream.tokens()
        return await stream_response(records, format=form)

    @app.post("/events")
    async def events(prompt: Prompt, predictor: TextPredictor) -> StreamResponse:
        return await stream_response(predictor.predict_stream(prompt.model_dump()).sse())

    @app.post("/whole")
    async def whole(prompt: Prompt, predictor: TextPredictor) -> Any:
        return await predictor.predict({**prompt.model_dump(), "stream": False})

    @app.get("/state")
    async def state(request: Request) -> dict[str, Any]:
        session = current_session(request)
        sessions.append(session)
        return {"greeting": request.state.greeting, "in_use": session.connections_in_use}

    @app.websocket("/socket")
    async def chat(websocket: WebSocket, predictor: TextPredictor) -> None:
        await websocket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            message: Any = await websocket.receive_text()
            while message != "bye":
                question = {"inputs": message, "stream": True, "parameters": {"max_new_tokens": 5}}
                outcome = await stream_to_websocket(websocket, predictor.predict_stream(question).tokens())
                message = outcome.message or await websocket.receive_text()
            await websocket.close()

    @app.websocket("/socket-not-accepted")
    async def chat_once(websocket: WebSocket, predictor: TextPredictor) -> None:
        outcome = await stream_to_websocket(
            websocket, predictor.predict_stream({"inputs": "a", "stream": True}).lines()
        )
        if outcome.problem is None:
            await websocket.close()

    app.state.sessions = sessions
    return app


def events_in(body: bytes) -> list[ServerSentEvent]:
    return list(SSESplitter().feed(body))


QUESTION = {"inputs": "The sea", "parameters": {"max_new_tokens": 12}}


@pytest.mark.parametrize("path", ["awaited", "returned", "returned-by-a-thread"])
async def test_tokens_arrive_as_server_sent_events_and_the_end_is_told(
    path: str, local: LocalSageMaker, text: Endpoint, serve: Serve, http: aiohttp.ClientSession
) -> None:
    url, _ = await serve(application(local))
    async with http.post(f"{url}/{path}", json=QUESTION) as response:
        events = events_in(await response.read())
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store, no-transform"
    assert response.headers["X-Accel-Buffering"] == "no"
    *tokens, end = [(event.event, json.loads(event.data)) for event in events]
    assert end == ("done", {})
    assert [token["index"] for _, token in tokens] == list(range(12))
    assert tokens[-1][1]["finish_reason"] == "length"
    assert text.completed_streams == 1


async def test_the_first_token_is_there_before_the_model_has_made_the_second(
    local: LocalSageMaker, serve: Serve, http: aiohttp.ClientSession
) -> None:
    text = local.add_endpoint("text", TextModel())
    stall = Stall(after_parts=1)
    text.faults.append(stall)
    url, _ = await serve(application(local))
    async with http.post(f"{url}/awaited", json=QUESTION) as response:
        first = await response.content.readuntil(b"\n\n")
        assert json.loads(first.removeprefix(b"data: "))["index"] == 0
        assert await response.content.readuntil(b"\n\n") == b": heartbeat\n\n"
        assert await response.content.readuntil(b"\n\n") == b": heartbeat\n\n"
        stall.release()
        assert events_in(await response.read())[-1].event == "done"


async def test_the_other_formats(
    local: LocalSageMaker, text: Endpoint, serve: Serve, http: aiohttp.ClientSession
) -> None:
    url, _ = await serve(application(local))
    bodies, types = {}, {}
    for form in ("text", "json-lines", "raw"):
        async with http.post(f"{url}/formats/{form}", json=QUESTION) as response:
            bodies[form], types[form] = await response.read(), response.headers["Content-Type"]
    async with http.post(f"{url}/whole", json=QUESTION) as response:
        assert (await response.json())["generated_text"] == bodies["text"].decode()
    tokens = [json.loads(line) for line in bodies["json-lines"].splitlines()]
    assert "".join(token["text"] for token in tokens) == bodies["text"].decode()
    assert [json.loads(event.data)["token"]["text"] for event in events_in(bodies["raw"])] == [
        t["text"] for t in tokens
    ]
    assert types == {
        "text": "text/plain; charset=utf-8",
        "json-lines": "application/jsonl",
        "raw": "text/event-stream",
    }
    async with http.post(f"{url}/events", json=QUESTION) as response:
        events = events_in(await response.read())
    assert [event.event for event in events] == ["message"] * 12


@pytest.mark.parametrize("path", ["awaited", "returned", "whole"])
@pytest.mark.parametrize(
    ("fault", "status", "code", "retry_after"),
    [
        (Throttle(), 429, "throttled", "1"),
        (Throttle(429, retry_after_ms=2100), 429, "throttled", "3"),
        (Status(503, "ServiceUnavailable"), 503, "model_unavailable", None),
        (Status(502, None), 502, "model_failed", None),
        (Status(504, None), 504, "model_timeout", None),
        (Status(500, "InternalFailure"), 502, "model_failed", None),
        (Status(413, "ValidationError"), 413, "input_too_large", None),
        (Status(403, "AccessDeniedException"), 500, "misconfigured", None),
        (Stall(), 504, "model_timeout", None),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "__slots__") else str(value),
)
async def test_failures_before_the_first_record_are_statuses(
    path: str,
    fault: Any,
    status: int,
    code: str,
    retry_after: str | None,
    local: LocalSageMaker,
    text: Endpoint,
    serve: Serve,
    http: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url, _ = await serve(application(local, timeouts=Timeouts(first_byte=0.2)))
    text.faults.append(fault)
    async with http.post(f"{url}/{path}", json=QUESTION) as response:
        raw = await response.text()
    problem = json.loads(raw)
    assert (response.status, problem["status"], problem["code"]) == (status, status, code)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers.get("Retry-After") == retry_after
    for internal in ("'text'", local.url, "127.0.0.1", "Scripted", "arn:", "InvokeEndpoint"):
        assert internal not in raw
    assert problem["instance"].startswith("urn:uuid:")
    assert problem["instance"] in caplog.text
    async with http.get(f"{url}/state") as response:
        assert (await response.json())["in_use"] == 0


async def test_a_model_that_refuses_the_input_is_422_and_its_words_stay_here(
    local: LocalSageMaker, serve: Serve, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    def refuses(body: bytes) -> bytes:
        raise ModelFailure(422, "secret of /opt/ml/model")

    local.add_endpoint("text", refuses)
    url, _ = await serve(application(local))
    for path in ("awaited", "whole"):
        async with http.post(f"{url}/{path}", json=QUESTION) as response:
            assert (response.status, (await response.json())["code"]) == (422, "input_refused")
            assert "secret" not in await response.text()
    assert "secret" not in "".join(r.getMessage() for r in caplog.records if r.name.startswith("sagemaker_async.integ"))


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"inputs": ', 422), (b"{}", 422), (json.dumps({"inputs": "x" * 201}).encode(), 422)],
    ids=["malformed JSON", "no prompt", "prompt over the limit"],
)
async def test_bad_requests_never_reach_the_model(
    body: bytes, status: int, local: LocalSageMaker, text: Endpoint, serve: Serve, http: aiohttp.ClientSession
) -> None:
    url, _ = await serve(application(local))
    async with http.post(f"{url}/awaited", data=body, headers={"Content-Type": "application/json"}) as response:
        assert response.status == status
    assert text.requests == 0


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (InStreamError(after_parts=3, message="secret"), "answer_broke_off"),
        (CutFrame(after_parts=3), "answer_broke_off"),
        (Stall(after_parts=3), "model_timeout"),
    ],
    ids=["model error", "cut stream", "stall"],
)
async def test_a_failure_midway_is_an_error_event_behind_what_was_received(
    fault: Any, code: str, local: LocalSageMaker, text: Endpoint, serve: Serve, http: aiohttp.ClientSession
) -> None:
    url, _ = await serve(application(local, timeouts=Timeouts(between_chunks=0.2)))
    text.faults.extend([fault, fault])
    async with http.post(f"{url}/returned", json=QUESTION) as response:
        body = await response.read()
    events = events_in(body)
    assert response.status == 200
    assert [event.event for event in events] == ["message"] * 3 + ["error"]
    assert json.loads(events[-1].data)["code"] == code
    assert b"secret" not in body
    async with http.post(f"{url}/formats/json-lines", json=QUESTION) as response:
        lines = (await response.text()).splitlines()
    assert json.loads(lines[-1])["error"]["code"] == code


async def test_text_that_breaks_off_is_not_taken_for_the_whole(
    local: LocalSageMaker, text: Endpoint, serve: Serve, http: aiohttp.ClientSession
) -> None:
    url, _ = await serve(application(local))
    text.faults.append(InStreamError(after_parts=3))
    async with http.post(f"{url}/formats/text", json=QUESTION) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


class AlwaysSilent:
    """A model that says a word and nothing more; knows which of its answers were closed, and when."""

    def __init__(self, words: int = 1) -> None:
        self.words = words
        self.closed_at: dict[str, float] = {}
        self.wakes: dict[str, asyncio.Event] = {}

    async def __call__(self, body: bytes, request: InvocationRequest) -> AsyncIterator[bytes]:
        name = json.loads(body)["inputs"]
        self.wakes[name] = asyncio.Event()
        try:
            for number in range(self.words):
                yield b'data: {"index": %d, "token": {"text": " word", "special": false}}\n\n' % number
            await self.wakes[name].wait()
            yield b'data: {"token": {"text": "."}, "generated_text": "word."}\n\n'
        finally:
            self.closed_at[name] = time.perf_counter()


def left(client: aiohttp.ClientResponse) -> float:
    """Let a client leave without a word, and return when it did."""
    assert client.connection is not None
    assert client.connection.transport is not None
    client.connection.transport.abort()
    moment = time.perf_counter()
    client.close()
    return moment


@pytest.mark.parametrize("path", ["awaited", "returned"])
@pytest.mark.parametrize("behind_middleware", [False, True], ids=["bare", "behind BaseHTTPMiddleware"])
async def test_a_silent_upstream_is_closed_when_the_client_leaves(
    path: str, behind_middleware: bool, local: LocalSageMaker, serve: Serve, http: aiohttp.ClientSession
) -> None:
    model = AlwaysSilent()
    endpoint = local.add_endpoint("text", model)
    app = application(local)
    if behind_middleware:

        async def passes_on(request: Request, call_next: Any) -> Any:
            return await call_next(request)

        app.add_middleware(BaseHTTPMiddleware, dispatch=passes_on)
    url, _ = await serve(app)
    response = await http.post(f"{url}/{path}", json={"inputs": "silent"})
    await response.content.readuntil(b"\n\n")
    began = left(response)
    await endpoint.until(lambda e: e.abandoned_streams == 1)
    assert model.closed_at["silent"] - began < 1
    async with http.get(f"{url}/state") as state:
        assert (await state.json())["in_use"] == 0


@pytest.mark.parametrize("path", ["awaited", "returned"])
async def test_an_upstream_without_a_first_byte_is_closed_when_the_client_leaves(
    path: str, local: LocalSageMaker, text: Endpoint, serve: Serve, http: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    url, _ = await serve(application(local))
    text.faults.append(Stall())
    asking = asyncio.create_task(http.post(f"{url}/{path}", json=QUESTION))
    await text.until(lambda e: e.stalled == 1)
    asking.cancel()
    await text.until(lambda e: e.stalled == 0, timeout=1)
    async with http.get(f"{url}/state") as state:
        assert (await state.json())["in_use"] == 0
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_two_tabs_do_not_disturb_each_other(
    local: LocalSageMaker, serve: Serve, http: aiohttp.ClientSession
) -> None:
    model = AlwaysSilent()
    endpoint = local.add_endpoint("text", model)
    url, _ = await serve(application(local))
    one, other = [await http.post(f"{url}/awaited", json={"inputs": name}) for name in ("one", "other")]
    left(one)
    await endpoint.until(lambda e: e.abandoned_streams == 1)
    model.wakes["other"].set()
    assert events_in(await other.read())[-1].event == "done"


async def test_a_client_that_does_not_read_holds_the_upstream_back(
    local: LocalSageMaker, serve: Serve, http: aiohttp.ClientSession
) -> None:
    made = 0

    async def talks(body: bytes) -> AsyncIterator[bytes]:
        nonlocal made
        while made < 2000:
            made += 1
            yield b"x" * 65_536

    local.add_endpoint("text", talks)
    url, _ = await serve(application(local))
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]), limit=1024)
    body = json.dumps(QUESTION).encode()
    head = f"POST /formats/raw HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    writer.write(head.encode() + b"\r\n\r\n" + body)
    await reader.readuntil(b"\r\n")
    before = -1
    async with http.get(f"{url}/state"):
        pass
    while made != before:
        before = made
        for _ in range(20):
            async with http.get(f"{url}/state"):
                pass
    assert 0 < made < 1000
    writer.transport.abort()
    endpoint = local.endpoints["text"]
    await endpoint.until(lambda e: e.abandoned_streams == 1)


@pytest.mark.parametrize("path", ["awaited", "returned"])
async def test_a_server_that_shuts_down_midway_tells_the_client_and_leaves_nothing_open(
    path: str, local: LocalSageMaker, serve: Serve, http: aiohttp.ClientSession
) -> None:
    model = AlwaysSilent()
    endpoint = local.add_endpoint("text", model)
    app = application(local)
    url, stop = await serve(app, timeout_graceful_shutdown=0.1)
    async with http.get(f"{url}/state"):
        pass
    response = await http.post(f"{url}/{path}", json={"inputs": "long"})
    await response.content.readuntil(b"\n\n")
    await stop()
    events = events_in(await response.read())
    assert [event.event for event in events] == ["error"]
    assert json.loads(events[0].data)["code"] == "cancelled"
    await endpoint.until(lambda e: e.abandoned_streams == 1, timeout=1)
    assert app.state.sessions[0].channel.closed
    assert app.state.sessions[0].connections_in_use == 0


@pytest.mark.parametrize("after_parts", [None, 0], ids=["no head yet", "no token yet"])
@pytest.mark.parametrize("path", ["awaited", "returned", "returned-by-a-thread", "events", "formats/raw", "whole"])
async def test_a_server_that_shuts_down_before_the_first_record_answers_503(
    path: str, after_parts: int | None, local: LocalSageMaker, text: Endpoint, serve: Serve, http: aiohttp.ClientSession
) -> None:
    app = application(local)
    url, stop = await serve(app, timeout_graceful_shutdown=0.1)
    async with http.get(f"{url}/state"):
        pass
    text.faults.append(Stall(after_parts))
    asking = asyncio.create_task(http.post(f"{url}/{path}", json=QUESTION))
    await text.until(lambda e: e.stalled == 1)
    await stop()
    response = await asking
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert (await response.json(content_type="application/problem+json"))["code"] == "cancelled"
    await text.until(lambda e: e.stalled == 0, timeout=1)
    assert app.state.sessions[0].connections_in_use == 0


async def test_what_has_begun_is_not_answered_twice_when_the_server_shuts_down(
    local: LocalSageMaker, serve: Serve, http: aiohttp.ClientSession
) -> None:
    app = application(local)
    begun = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"one"
        begun.set()
        await asyncio.Event().wait()

    @app.get("/slow")
    async def of_starlette() -> StreamingResponse:
        return StreamingResponse(slow())

    url, stop = await serve(app, timeout_graceful_shutdown=0.1)
    response = await http.get(f"{url}/slow")
    await begun.wait()
    await stop()
    assert response.status == 200
    with pytest.raises(aiohttp.ClientPayloadError):
        await response.read()


async def test_200_clients_half_of_which_leave_at_random(
    local: LocalSageMaker, serve: Serve, http: aiohttp.ClientSession
) -> None:
    """The measured promise: each abandoned stream is closed upstream within a second, and nothing is left behind."""
    random = Random(20260101)
    model = AlwaysSilent(words=5)
    endpoint = local.add_endpoint("text", model)
    url, _ = await serve(application(local, max_connections=CLIENTS + 8))
    async with http.get(f"{url}/state"):
        pass
    tasks_before = asyncio.all_tasks()
    leaving = set(random.sample(range(CLIENTS), CLIENTS // 2))
    left_at: dict[str, float] = {}
    whole: list[bytes] = []
    everybody_is_here = asyncio.Barrier(CLIENTS)

    async def client(number: int) -> None:
        name = str(number)
        path = random.choice(["awaited", "returned", "returned-by-a-thread"])
        response = await http.post(f"{url}/{path}", json={"inputs": name})
        for _ in range(random.randint(0, 5)):
            await response.content.readuntil(b"\n\n")
        await everybody_is_here.wait()
        if number in leaving:
            left_at[name] = left(response)
        else:
            model.wakes[name].set()
            whole.append(await response.read())

    async with asyncio.timeout(60):
        await asyncio.gather(*(client(number) for number in range(CLIENTS)))
        await endpoint.until(lambda e: e.open_streams == 0)
    delays = sorted(model.closed_at[name] - moment for name, moment in left_at.items())
    assert len(delays) == CLIENTS // 2
    # Within a second where the machine has nothing else to do; the figures say. None may wait for the model's end.
    assert delays[-1] < 10
    figures = {"clients": CLIENTS, "left": len(delays), "slowest_close_ms": delays[-1] * 1000}
    ARTIFACTS.mkdir(exist_ok=True)
    (ARTIFACTS / "fastapi_clients.json").write_text(json.dumps({**figures, "median_close_ms": delays[50] * 1000}))
    assert (endpoint.abandoned_streams, endpoint.completed_streams) == (CLIENTS // 2, CLIENTS // 2)
    assert all(body.endswith(b"event: done\ndata: {}\n\n") for body in whole)
    async with http.get(f"{url}/state") as state:
        assert (await state.json())["in_use"] == 0
    left_behind = {task for task in asyncio.all_tasks() - tasks_before if "sagemaker_async" in repr(task.get_coro())}
    assert not left_behind


# --- WebSockets -------------------------------------------------------------------------------------------------------


async def test_a_socket_gets_tokens_and_the_end_for_each_of_its_questions(
    local: LocalSageMaker, text: Endpoint, serve: Serve, http: aiohttp.ClientSession
) -> None:
    url, _ = await serve(application(local))
    async with http.ws_connect(f"{url}/socket") as socket:
        for _ in range(2):
            await socket.send_str("The sea")
            messages = [await socket.receive_json() for _ in range(6)]
            assert [message.get("index") for message in messages] == [0, 1, 2, 3, 4, None]
            assert messages[-1] == {"done": True}
        await socket.send_str("bye")
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
    assert text.completed_streams == 2


async def test_a_message_meanwhile_ends_the_answer_and_is_the_next_question(
    local: LocalSageMaker, serve: Serve, http: aiohttp.ClientSession
) -> None:
    model = AlwaysSilent()
    endpoint = local.add_endpoint("text", model)
    url, _ = await serve(application(local))
    async with http.ws_connect(f"{url}/socket") as socket:
        await socket.send_str("one")
        assert (await socket.receive_json())["text"] == " word"
        await socket.send_str("two")
        assert await socket.receive_json() == {"event": "interrupted"}
        assert (await socket.receive_json())["text"] == " word"
        assert endpoint.abandoned_streams == 1
        model.wakes["two"].set()
        assert (await socket.receive_json())["text"] == "."
        assert await socket.receive_json() == {"done": True}


async def test_a_silent_upstream_is_closed_when_the_socket_is(
    local: LocalSageMaker, serve: Serve, http: aiohttp.ClientSession
) -> None:
    model = AlwaysSilent()
    endpoint = local.add_endpoint("text", model)
    url, _ = await serve(application(local))
    socket = await http.ws_connect(f"{url}/socket")
    await socket.send_str("silent")
    await socket.receive_json()
    began = time.perf_counter()
    await socket.close()
    await endpoint.until(lambda e: e.abandoned_streams == 1)
    assert model.closed_at["silent"] - began < 1


async def test_a_failure_midway_is_a_message_and_the_socket_stays_open(
    local: LocalSageMaker, text: Endpoint, serve: Serve, http: aiohttp.ClientSession
) -> None:
    url, _ = await serve(application(local))
    text.faults.append(InStreamError(after_parts=1, message="secret"))
    async with http.ws_connect(f"{url}/socket") as socket:
        await socket.send_str("The sea")
        assert (await socket.receive_json())["index"] == 0
        error = (await socket.receive_json())["error"]
        assert (error["status"], error["code"]) == (502, "answer_broke_off")
        await socket.send_str("The sea")
        assert (await socket.receive_json())["index"] == 0


async def test_the_guides_service_answers_by_all_its_ways(
    local: LocalSageMaker,
    serve: Serve,
    http: aiohttp.ClientSession,
    clean_environment: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    local.add_endpoint("my-endpoint", TextModel())
    monkeypatch.setenv("AWS_ENDPOINT_URL", local.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", local.credentials.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", local.credentials.secret_access_key)
    guide = (ROOT / "sagemaker_async" / "integrations" / "GUIDE-fastapi.md").read_text("utf-8")
    service: dict[str, Any] = {"__name__": "service"}
    exec(compile(guide.partition("```python\n")[2].partition("```")[0], "service.py", "exec"), service)
    url, _ = await serve(service["app"])
    prompt = {"inputs": "The sea was"}
    async with http.post(f"{url}/predict", json=prompt) as answer:
        text = (await answer.json())["generated_text"]
    async with http.post(f"{url}/stream", json=prompt) as answer:
        *events, done = events_in(await answer.read())
        assert "".join(json.loads(event.data)["text"] for event in events) == text
        assert done.event == "done"
    async with http.ws_connect(f"{url}/chat") as socket:
        await socket.send_json(prompt)
        assert (await socket.receive_json())["index"] == 0
        await socket.send_json(prompt)  # whether that is during the answer or just after it, it is answered as well
        while (await socket.receive_json()).get("index") != 0:
            pass
        while await socket.receive_json() != {"done": True}:
            pass
        await socket.send_str('{"inputs":')
        message = await socket.receive()
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1007)


async def test_a_handshake_is_refused_with_the_status_of_the_failure(
    local: LocalSageMaker, text: Endpoint, serve: Serve, http: aiohttp.ClientSession
) -> None:
    url, _ = await serve(application(local))
    text.faults.append(Throttle())
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(f"{url}/socket-not-accepted")
    assert refused.value.status == 429
    async with http.ws_connect(f"{url}/socket-not-accepted") as socket:
        assert (await socket.receive_str()).startswith("data:")


# --- the application around it ----------------------------------------------------------------------------------------


async def test_the_lifespan_keeps_the_state_of_the_applications_own(
    local: LocalSageMaker, serve: Serve, http: aiohttp.ClientSession
) -> None:
    app = application(local)
    url, stop = await serve(app)
    async with http.get(f"{url}/state") as response:
        assert await response.json() == {"greeting": "hello", "in_use": 0}
    assert not app.state.sessions[0].channel.closed
    await stop()
    assert app.state.sessions[0].channel.closed


async def test_it_works_with_starlette_alone_and_in_mounted_applications(
    local: LocalSageMaker, text: Endpoint, serve: Serve, http: aiohttp.ClientSession
) -> None:
    async def tokens(request: Request) -> StreamResponse:
        predictor = Predictor("text", current_session(request), JSONSerializer())
        stream = predictor.predict_stream({"inputs": "The sea", "stream": True}).tokens()
        return await stream_response(stream, format="text", request=request)

    inner = Starlette(routes=[Route("/tokens", tokens)])
    app = Starlette(routes=[Mount("/inner", inner)], lifespan=session_lifespan(**local.client_options))
    add_exception_handlers(inner)
    url, _ = await serve(app)
    async with http.get(f"{url}/inner/tokens") as response:
        assert response.status == 200
        assert await response.text()
    text.faults.append(Throttle(status=429))
    async with http.get(f"{url}/inner/tokens") as response:
        assert response.status in (200, 429)


async def test_a_session_that_is_closed_midway_ends_its_answers_in_order(
    local: LocalSageMaker, serve: Serve, http: aiohttp.ClientSession
) -> None:
    endpoint = local.add_endpoint("text", AlwaysSilent())
    app = application(local)
    url, _ = await serve(app)
    async with http.get(f"{url}/state"):
        pass
    response = await http.post(f"{url}/awaited", json={"inputs": "long"})
    await response.content.readuntil(b"\n\n")
    await app.state.sessions[0].close()
    [error] = events_in(await response.read())
    assert json.loads(error.data)["code"] == "shutting_down"
    await endpoint.until(lambda e: e.abandoned_streams == 1)
    async with http.post(f"{url}/awaited", json={"inputs": "late"}) as late:
        assert (late.status, late.headers["Retry-After"]) == (503, "1")


def test_openapi_documents_what_can_happen() -> None:
    app = FastAPI(responses=openapi_responses())

    @app.post("/chat", responses=openapi_responses("sse"))
    async def chat(prompt: Prompt, predictor: TextPredictor) -> StreamResponse:
        return await stream_response(predictor.predict_stream(prompt.model_dump()).tokens())

    responses = app.openapi()["paths"]["/chat"]["post"]["responses"]
    assert set(responses) == {"200", "413", "422", "429", "500", "502", "503", "504"}
    assert responses["200"]["content"]["text/event-stream"]["schema"] == {"type": "string"}
    assert set(responses["422"]["content"]) == {"application/json", "application/problem+json"}
    assert "throttled" in json.dumps(responses["429"])
    assert "Retry-After" in responses["429"]["headers"]


# --- the guide's service of asynchronous jobs -------------------------------------------------------------------------


async def test_the_guides_service_answers_202_until_there_is_a_result(
    local: LocalSageMaker, serve: Serve, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    guide = (ROOT / "sagemaker_async" / "async_inference" / "GUIDE.md").read_text()
    source = guide.partition("a whole `async_service.py`")[2].partition("```python")[2].partition("```")[0]
    monkeypatch.setenv("AWS_ENDPOINT_URL", local.url)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", local.credentials.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", local.credentials.secret_access_key)

    def model(body: bytes) -> bytes:
        if b"fail" in body:
            raise ModelFailure(500, "out of memory")
        return body

    endpoint = local.add_endpoint("my-async-endpoint", model, asynchronous=AsyncInference(instances=0))
    service = types.ModuleType("async_service")
    exec(compile(source, "async_service", "exec"), vars(service))
    url, _ = await serve(service.app)

    async def submit(words: str) -> str:
        async with http.post(f"{url}/jobs", json={"inputs": words}) as answer:
            assert answer.status == 202
            return f"{url}{(await answer.json())['job']}"

    async def poll(job: str) -> tuple[int, Any, str | None]:
        async with http.get(job) as answer:
            content = await answer.json() if answer.content_type == "application/json" else None
            return answer.status, content, answer.headers.get("Retry-After")

    good, bad = await submit("hello"), await submit("fail")
    assert await poll(good) == (202, None, "5")
    endpoint.scale(1)
    for invocation in local.async_invocations:
        await invocation.finished()
    assert await poll(good) == (200, {"inputs": "hello"}, None)
    assert await poll(bad) == (502, {"detail": "the model failed: out of memory"}, None)
    assert (await poll(f"{url}/jobs/unknown"))[0] == 404
