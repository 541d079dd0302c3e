"""FastAPI and Starlette: one session per application, predictors as dependencies, streams as responses.

    app = FastAPI(lifespan=session_lifespan(region="us-east-1"))
    add_exception_handlers(app)
    LanguageModel = Annotated[Predictor[Any], PredictorDep("my-endpoint", serializer=JSONSerializer())]

    @app.post("/chat", responses=openapi_responses("sse"))
    async def chat(prompt: Prompt, predictor: LanguageModel):
        return await stream_response(predictor.predict_stream(prompt.model_dump()).tokens())

- `session_lifespan` opens and closes the `Session`; `current_session` and `PredictorDep` give access to it.
- `stream_response` turns streams into HTTP responses, `stream_to_websocket` into messages; their modules, ``response``
  and ``websocket``, say what they promise.
- `add_exception_handlers` maps errors to statuses, as problem details (RFC 9457) that leak nothing; `problem_of` is the
  mapping itself. `openapi_responses` documents them.
- `openai_router` serves endpoints to clients of OpenAI's API; its modules, ``openai_router``, ``openai_models`` and
  ``openai_chunks``, say how.

Everything except `PredictorDep` and `openai_router` works with Starlette alone. A server that shuts down waits for the
responses under way: give uvicorn ``--timeout-graceful-shutdown``, after which it cancels them and clients get an error
within the stream.

Needs the extra: ``pip install 'sagemaker-async[fastapi]'``.
"""

from __future__ import annotations

from importlib.util import find_spec

from sagemaker_async.errors import MissingExtraError

if find_spec("starlette") is None:
    raise MissingExtraError("fastapi", __name__)

from .dependencies import Lifespan, PredictorDep, current_session, session_lifespan
from .encoding import Format
from .handlers import add_exception_handlers
from .openai_chunks import OpenAIFormat
from .openai_models import OpenAIModel
from .openai_router import openai_router
from .openapi import openapi_responses
from .problems import Problem, problem_of
from .response import StreamResponse, stream_response
from .websocket import WebSocketOutcome, stream_to_websocket

__all__ = [
    "Format",
    "Lifespan",
    "OpenAIFormat",
    "OpenAIModel",
    "PredictorDep",
    "Problem",
    "StreamResponse",
    "WebSocketOutcome",
    "add_exception_handlers",
    "current_session",
    "openai_router",
    "openapi_responses",
    "problem_of",
    "session_lifespan",
    "stream_response",
    "stream_to_websocket",
]
