"""The page's application: `web_app`. It is what a user of `sagemaker_async.integrations.fastapi` would write.

Only this machine's own page may use it: requests for another host, and those that a browser sends for another site, are
refused with 403 (`sagemaker_async.local.admission`), and requests to the model must be JSON. Only the page's own style
and script are allowed, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import resources
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse

from sagemaker_async.cli.serving import Admitted
from sagemaker_async.dialects import Token
from sagemaker_async.integrations.fastapi import (
    StreamResponse,
    add_exception_handlers,
    current_session,
    openapi_responses,
    session_lifespan,
    stream_response,
)
from sagemaker_async.local.admission import Admission
from sagemaker_async.predictor import Predictor
from sagemaker_async.predictor.stream import PredictionStream
from sagemaker_async.serializers import JSONSerializer
from sagemaker_async.session import Session

from .backends import Backend

__all__ = ["Question", "web_app"]


class Question(BaseModel):
    """A request of the page."""

    prompt: str = Field(min_length=1, max_length=4000)
    max_new_tokens: int = Field(default=120, ge=1, le=4096)
    scenario: str = "none"
    stream_id: str = Field(pattern=r"^[0-9a-f-]{36}$")


SessionOfApp = Annotated[Session, Depends(current_session)]


def web_app(backend: Backend) -> FastAPI:
    """Return the application that serves the page and its requests; ``app.state.session`` is its session."""
    page = resources.files(__package__).joinpath("index.html").read_text("utf-8")
    headers = {
        "Content-Security-Policy": _content_security_policy(page),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    under_way: set[str] = set()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        async with session_lifespan(**backend.session_fields)(app) as state:
            app.state.session = state["sagemaker_session"]
            yield state

    app = FastAPI(title="sagemaker-async demo", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(Admitted, admission=Admission())
    add_exception_handlers(app)

    @app.get("/", response_class=HTMLResponse)
    async def index() -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    @app.get("/api/info")
    async def info() -> dict[str, Any]:
        return {
            "endpoint": backend.endpoint_name,
            "region": backend.session_fields.get("region"),
            "embedded": backend.local is not None,
            "scenarios": [
                {"name": scenario.name, "title": scenario.title, "description": scenario.description}
                for scenario, _ in backend.scenarios.values()
            ],
        }

    @app.post("/api/stream", responses=openapi_responses("sse"))
    async def stream(
        question: Question, request: Request, session: SessionOfApp, content_type: Annotated[str, Header()] = ""
    ) -> StreamResponse:
        if content_type.partition(";")[0].strip().lower() != "application/json":
            raise HTTPException(415, "Send application/json.")
        if question.scenario not in backend.scenarios:
            raise HTTPException(422, f"There is no scenario {question.scenario!r}.")
        predictor = Predictor(backend.scenarios[question.scenario][1], session, JSONSerializer())
        tokens = predictor.predict_stream(backend.request(question.prompt, question.max_new_tokens)).tokens()
        return await stream_response(_noted(tokens, question.stream_id, under_way), request=request)

    @app.get("/api/streams/{stream_id}")
    async def state_of_stream(stream_id: str) -> dict[str, bool]:
        return {"open": stream_id in under_way}

    @app.get("/api/upstream")
    async def upstream(session: SessionOfApp) -> dict[str, int | None]:
        counts = backend.counts()
        return {
            "connections_in_use": session.connections_in_use,
            "open": counts and counts.open,
            "completed": counts and counts.completed,
            "broken": counts and counts.broken,
            "abandoned": counts and counts.abandoned,
        }

    return app


async def _noted(stream: PredictionStream[Token], stream_id: str, under_way: set[str]) -> AsyncIterator[Token]:
    """Yield the tokens of a stream, and keep its id in `under_way` as long as its connection is open."""
    under_way.add(stream_id)
    try:
        async with stream:
            async for token in stream:
                yield token
    finally:
        under_way.discard(stream_id)


def _content_security_policy(page: str) -> str:
    def sources(element: str) -> str:
        contents = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() for content in contents]
        return " ".join(f"'sha256-{digest}'" for digest in digests)

    return (
        f"default-src 'none'; style-src {sources('style')}; script-src {sources('script')}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
