"""What FastAPI adds: latency of the same call through an application, over the client alone.

    python -m benchmarks.fastapi_latency

Three processes: the embedded SageMaker, a FastAPI application under uvicorn, and this one, which asks. One request is
under way at a time, and the ways take turns, so that whatever else the machine does falls on all of them alike. The
client of the application is aiohttp; ``nothing`` is an endpoint that returns at once, so that what HTTP and FastAPI
cost by themselves can be told from what is ours; ``by hand`` streams through Starlette's own response. The model of
the streams pauses before each token, as models do: of tokens that come all at once, the first arrives with the last.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import aiohttp
import uvicorn
from fastapi import FastAPI
from starlette.responses import Response, StreamingResponse

from benchmarks.measure import ROOT, environment
from sagemaker_async import Predictor, Session
from sagemaker_async.config import ConfigFields
from sagemaker_async.integrations.fastapi import PredictorDep, session_lifespan, stream_response
from sagemaker_async.local import LocalSageMaker, TextModel
from sagemaker_async.serializers import JSONSerializer

ROUNDS = 500
WARM_UP = 50
QUESTION = {"inputs": "The keeper", "parameters": {"max_new_tokens": 50}}
STREAMED = {"inputs": "The keeper", "parameters": {"max_new_tokens": 5}, "stream": True}
TOKEN_SECONDS = 0.001

TextPredictor = Annotated[Any, PredictorDep("text", serializer=JSONSerializer())]
PacedPredictor = Annotated[Any, PredictorDep("paced", serializer=JSONSerializer())]
Way = Callable[[], Awaitable[tuple[float, ...]]]


async def _serve_sagemaker() -> None:
    async with LocalSageMaker() as local:
        local.add_endpoint("text", TextModel())
        local.add_endpoint("paced", TextModel(delay=TOKEN_SECONDS))
        print(local.url, flush=True)
        await asyncio.Event().wait()


def _serve_application(sagemaker_url: str) -> None:
    app = FastAPI(lifespan=session_lifespan(**_options(sagemaker_url)))
    answer = json.dumps({"generated_text": "x" * 250}).encode()

    @app.post("/nothing")
    async def nothing(question: dict[str, Any], predictor: TextPredictor) -> Response:  # noqa: ARG001
        return Response(answer, media_type="application/json")

    @app.post("/predict")
    async def predict(question: dict[str, Any], predictor: TextPredictor) -> Response:
        return Response(await predictor.predict(question), media_type="application/json")

    @app.post("/stream")
    async def stream(question: dict[str, Any], predictor: PacedPredictor) -> Response:
        return await stream_response(predictor.predict_stream(question).sse())

    @app.post("/stream-by-hand")
    async def by_hand(question: dict[str, Any], predictor: PacedPredictor) -> Response:
        async def events() -> AsyncIterator[str]:
            async with predictor.predict_stream(question).sse() as stream:
                async for event in stream:
                    yield f"data: {event.data}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    # asyncio turns Nagle's algorithm off for sockets that say they are TCP, which those of create_server do not.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
    asyncio.run(server.serve(sockets=[listening]))


def _options(sagemaker_url: str) -> ConfigFields:
    return {"region": "us-east-1", "endpoint_url": sagemaker_url, "credentials": LocalSageMaker().credentials}


@contextmanager
def _process(*role: str) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.fastapi_latency", *role],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(),
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def _ways(session: Session, http: aiohttp.ClientSession, app: str) -> dict[str, Way]:
    """Return what is measured: name to a function that returns its latencies in seconds."""
    predictor = Predictor("text", session, JSONSerializer())
    paced = Predictor("paced", session, JSONSerializer())
    clock = time.perf_counter

    async def predict() -> tuple[float, ...]:
        began = clock()
        await predictor.predict(QUESTION)
        return (clock() - began,)

    async def stream() -> tuple[float, ...]:
        began = clock()
        first = None
        async with paced.predict_stream(STREAMED).sse() as events:
            async for _ in events:
                first = first or clock()
        return (first or began) - began, clock() - began

    def post(path: str, question: dict[str, Any]) -> Way:
        async def ask() -> tuple[float, ...]:
            began = clock()
            async with http.post(f"{app}{path}", json=question) as response:
                assert response.status == 200
                if question is QUESTION:
                    await response.read()
                    return (clock() - began,)
                await response.content.readuntil(b"\n\n")
                first = clock()
                await response.read()
            return first - began, clock() - began

        return ask

    return {
        "predict, client alone": predict,
        "predict, FastAPI": post("/predict", QUESTION),
        "nothing, FastAPI": post("/nothing", QUESTION),
        "stream, client alone": stream,
        "stream, FastAPI": post("/stream", STREAMED),
        "stream, by hand": post("/stream-by-hand", STREAMED),
    }


async def _measure(sagemaker_url: str, app: str, rounds: int) -> dict[str, list[tuple[float, ...]]]:
    async with Session(**_options(sagemaker_url)) as session, aiohttp.ClientSession() as http:
        ways = _ways(session, http, app)
        taken: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
        for number in range(WARM_UP + rounds):
            for name, way in ways.items():
                latencies = await way()
                if number >= WARM_UP:
                    taken[name].append(latencies)
    return taken


def _percentiles(latencies: list[float]) -> dict[str, float]:
    ordered = sorted(latencies)
    return {f"p{p}_ms": round(ordered[min(len(ordered) - 1, len(ordered) * p // 100)] * 1000, 3) for p in (50, 99)}


def _difference(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {name: round(one[name] - other[name], 3) for name in one}


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure, and return p50 and p99 in milliseconds: of each way, and of what the application adds."""
    with _process("--sagemaker") as sagemaker_url, _process("--application", sagemaker_url) as app:
        taken = asyncio.run(_measure(sagemaker_url, app, rounds))
    result: dict[str, Any] = {}
    for name, latencies in taken.items():
        if len(latencies[0]) == 1:
            result[name] = _percentiles([total for (total,) in latencies])
        else:
            result[f"{name}: first event"] = _percentiles([pair[0] for pair in latencies])
            result[f"{name}: whole"] = _percentiles([pair[1] for pair in latencies])
    added = {"predict": _difference(result["predict, FastAPI"], result["predict, client alone"])}
    for moment in ("first event", "whole"):
        added[f"stream: {moment}"] = _difference(
            result[f"stream, FastAPI: {moment}"], result[f"stream, client alone: {moment}"]
        )
    result["added by FastAPI"] = added
    result["rounds"] = rounds
    return result


def main() -> None:
    """Print the figures as JSON, or play one of the other processes' parts."""
    match sys.argv[1:]:
        case ["--sagemaker"]:
            asyncio.run(_serve_sagemaker())
        case ["--application", url]:
            _serve_application(url)
        case [rounds]:
            print(json.dumps(run(int(rounds)), indent=2))
        case _:
            print(json.dumps(run(), indent=2))


if __name__ == "__main__":
    main()
