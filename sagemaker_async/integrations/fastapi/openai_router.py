"""`openai_router`: endpoints of SageMaker for clients of OpenAI's API.

    app = FastAPI(lifespan=session_lifespan(region="us-east-1"))
    app.include_router(openai_router(models={"my-llm": predictor}))

Any client of OpenAI's API (openai-python, LiteLLM, LangChain, the Vercel AI SDK) then talks to any container behind
SageMaker, whatever its dialect, through this application's credentials. `openai_models` says what is sent to the
container, `openai_chunks` what the client gets.

- The router does not check who calls: anyone who reaches it can use the models. Give ``include_router`` a dependency
  that checks.
- A client that disconnects releases the model, whether it streams or waits for a whole answer.
- Errors come in OpenAI's envelope, with the statuses of `problem_of` and none of the text of a service or model; 422
  becomes 400, as at OpenAI. ``x-should-retry`` keeps openai-python from paying twice for a call that may have been
  processed, and ``x-request-id`` is the URI under which the log has the facts.
- Clients know a model only by the name in `models`; names of endpoints do not leave the server.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import struct
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sagemaker_async import _lazy
from sagemaker_async.deserializers import BytesDeserializer, JSONDeserializer
from sagemaker_async.errors import ConfigurationError, DeserializationError
from sagemaker_async.iterators import TokenResult
from sagemaker_async.predictor import Predictor
from sagemaker_async.predictor.chat import AnswerDeserializer
from sagemaker_async.serializers import JSONSerializer

from .encoding import json_text
from .handlers import reported
from .openai_chunks import Kind, OpenAIFormat, completion, envelope, usage_of
from .openai_models import OpenAIModel, Refused
from .problems import Problem
from .response import CLIENT_CLOSED_REQUEST, disconnected, ended, stream_response

if TYPE_CHECKING:
    from fastapi import APIRouter

__all__ = ["openai_router"]

T = TypeVar("T")

_OWNER = "sagemaker"


def openai_router(models: Mapping[str, Predictor[Any] | OpenAIModel], *, prefix: str = "/v1") -> APIRouter:
    """Return a router with OpenAI's chat completions, completions, embeddings and models.

    Args:
        models: the models by the names that clients know. A `Predictor` is a container that takes messages (vLLM,
            SGLang, LMI or TGI chat, Nova); `OpenAIModel` says what any other takes.
        prefix: of the paths, such as ``/v1`` or empty; clients' ``base_url`` ends with it.

    Raises:
        ConfigurationError: there is no model, one is neither a predictor nor an `OpenAIModel`, or `prefix` is not one.
        MissingExtraError: FastAPI is not installed.

    Example:
        ::

            app.include_router(
                openai_router(models={"my-llm": Predictor("my-endpoint", session)}), dependencies=[Depends(check_key)]
            )
    """
    if not isinstance(models, Mapping) or not models:
        raise ConfigurationError(
            f'openai_router takes models={{"my-llm": predictor}}, at least one, got {type(models).__name__}'
        )
    if not all(isinstance(name, str) and name for name in models):
        raise ConfigurationError(f"the names of models must be non-empty texts, got {list(models)!r}")
    if not isinstance(prefix, str) or (prefix and (not prefix.startswith("/") or prefix.endswith("/"))):
        raise ConfigurationError(f"prefix must begin with / and not end with it, or be empty, got {prefix!r}")
    router: APIRouter = _lazy.optional("fastapi", "openai_router").APIRouter(prefix=prefix, tags=["OpenAI"])
    routes = _Routes(
        {name: each if isinstance(each, OpenAIModel) else OpenAIModel(each) for name, each in models.items()}
    )
    posts: tuple[tuple[str, Callable[[Request], Awaitable[Response]]], ...] = (
        ("/chat/completions", routes.chat),
        ("/completions", routes.completions),
        ("/embeddings", routes.embeddings),
    )
    for path, endpoint in posts:
        # Routes of FastAPI, and not of Starlette, so that the dependencies of `include_router` apply.
        router.add_api_route(path, endpoint, methods=["POST"], response_model=None, openapi_extra=_JSON_BODY)
    router.add_api_route("/models", routes.list_models, methods=["GET"], response_model=None)
    router.add_api_route("/models/{model:path}", routes.get_model, methods=["GET"], response_model=None)
    return router


_JSON_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


class _Routes:
    """What the router's routes do."""

    def __init__(self, models: Mapping[str, OpenAIModel]) -> None:
        self._models = dict(models)
        self._max_body_bytes = max(each.predictor.sagemaker_session.config.max_body_bytes for each in models.values())
        self._created = int(time.time())

    async def chat(self, request: Request) -> Response:
        """Answer a chat completion."""
        return await _answered(self._generate(request, "chat"))

    async def completions(self, request: Request) -> Response:
        """Answer a completion."""
        return await _answered(self._generate(request, "completions"))

    async def embeddings(self, request: Request) -> Response:
        """Answer with embeddings."""
        return await _answered(self._embed(request))

    async def list_models(self) -> Response:
        """List the models."""
        return _json({"object": "list", "data": [self._described(name) for name in self._models]})

    async def get_model(self, model: str) -> Response:
        """Describe a model."""
        return await _answered(self._describe(model))

    async def _describe(self, name: str) -> Response:
        self._named(name)
        return _json(self._described(name))

    async def _generate(self, request: Request, kind: Kind) -> Response:
        fields = await _fields_of(request, self._max_body_bytes)
        name, model = self._named(fields.get("model"))
        streams = fields.get("stream")
        if not isinstance(streams, bool | None):
            raise Refused("stream must be true or false", "stream", "invalid_value")
        if streams and not model.streams:
            raise Refused("this model does not stream; leave stream out", "stream")
        body = model.chat_body(fields) if kind == "chat" else model.completion_body(fields)
        predictor = _calling(model.predictor, body)
        if streams:
            predictor.accept = "*/*"
            options = fields.get("stream_options")
            include_usage = isinstance(options, Mapping) and options.get("include_usage") is True
            form = OpenAIFormat(model=name, kind=kind, include_usage=include_usage)
            tokens = predictor.predict_stream(body).tokens(dialect=model.answers_in)
            return await stream_response(tokens, format=form, request=request)
        predictor.deserializer = AnswerDeserializer(model.answers_in)
        result: TokenResult = await _unless_left(request, predictor.predict(body))
        return _json(completion(result, name, kind))

    async def _embed(self, request: Request) -> Response:
        fields = await _fields_of(request, self._max_body_bytes)
        name, model = self._named(fields.get("model"))
        body = model.embeddings_body(fields)
        predictor = _calling(model.predictor, body)
        predictor.deserializer = JSONDeserializer()
        answer = await _unless_left(request, predictor.predict(body))
        return _json(_embeddings(answer, name, as_base64=fields.get("encoding_format") == "base64"))

    def _described(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self._created, "owned_by": _OWNER}

    def _named(self, name: object) -> tuple[str, OpenAIModel]:
        known = ", ".join(self._models)
        if not isinstance(name, str) or not name:
            raise Refused(f"model must be the name of a model: {known}", "model", "invalid_value")
        if name not in self._models:
            message = f"The model {name[:100]!r} does not exist; the models are {known}."
            raise Refused(message, "model", "model_not_found", status=404)
        return name, self._models[name]


async def _answered(answering: Awaitable[Response]) -> Response:
    """Return an answer, or its failure in OpenAI's envelope."""
    try:
        return await answering
    except ClientDisconnect:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    except Refused as refused:
        return _refusal(refused)
    except HTTPException as refused:  # raised on purpose, by a callable of an `OpenAIModel`
        return _refusal(Refused(str(refused.detail), None, "refused", status=refused.status_code))
    except Exception as error:  # noqa: BLE001 - whatever it is, the client gets the envelope, and the log the facts
        problem, instance = reported(error)
    status = 400 if problem.status == 422 else problem.status
    headers = {"x-request-id": instance, "x-should-retry": "false" if problem.retry_after is None else "true"}
    if problem.retry_after is not None:
        headers["retry-after"] = str(problem.retry_after)
    return _json(envelope(problem, instance), status, headers)


def _refusal(refused: Refused) -> Response:
    content = envelope(Problem(status=refused.status, code=refused.code, detail=refused.message), "")
    content["error"] |= {"message": refused.message, "param": refused.param}
    return _json(content, refused.status, {"x-request-id": uuid.uuid4().urn, "x-should-retry": "false"})


def _json(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = json_text(content).encode("utf-8", "replace")
    return Response(body, status, {"cache-control": "no-store", **(headers or {})}, "application/json")


async def _fields_of(request: Request, limit: int) -> dict[str, Any]:
    """Return the members of a body, of which no more is read than any model is sent."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise Refused(f"the body must have at most {limit} bytes", None, "input_too_large", status=413)
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused("the body must be JSON", None, "invalid_json") from None
    if not isinstance(fields, dict):
        raise Refused("the body must be a JSON object", None, "invalid_value")
    return fields


def _calling(predictor: Predictor[Any], body: object) -> Predictor[Any]:
    """Return a predictor that sends `body` as it is: JSON, unless it is a text or bytes."""
    calling = copy.copy(predictor)
    if not isinstance(body, str | bytes):
        calling.serializer, calling.content_type = JSONSerializer(), None
    calling.deserializer, calling.accept = BytesDeserializer(), None
    return calling


async def _unless_left(request: Request, call: Awaitable[T]) -> T:
    """Return what a call returns.

    Raises:
        ClientDisconnect: the client left before; the call has been cancelled.
    """
    calling = asyncio.ensure_future(call)
    gone = asyncio.create_task(disconnected(request.receive))
    try:
        await asyncio.wait({calling, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await ended(gone)
        await ended(calling)
    if calling.cancelled():
        raise ClientDisconnect
    return calling.result()


def _embeddings(answer: object, model: str, *, as_base64: bool) -> dict[str, Any]:
    """Return embeddings as OpenAI's object; containers of other schemas answer with a list of vectors."""
    if isinstance(answer, dict) and isinstance(answer.get("data"), list):
        members: dict[str, Any] = {**answer, "model": model}
        if usage := usage_of(answer.get("usage")):
            members["usage"] = usage
        return members
    vectors = answer.get("embeddings") if isinstance(answer, dict) else answer
    if isinstance(vectors, list) and vectors and all(_is_number(each) for each in vectors):
        vectors = [vectors]
    if not isinstance(vectors, list) or not all(
        isinstance(vector, list) and all(map(_is_number, vector)) for vector in vectors
    ):
        raise DeserializationError("the answer holds no embeddings: neither OpenAI's object nor a list of vectors")
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _base64(vector) if as_base64 else vector}
            for index, vector in enumerate(vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _base64(vector: list[float]) -> str:
    """Return a vector as openai-python asks for it by default: little-endian float32."""
    try:
        packed = struct.pack(f"<{len(vector)}f", *vector)
    except (OverflowError, struct.error):
        raise DeserializationError("the answer holds a number that is too large for an embedding") from None
    return base64.b64encode(packed).decode()
