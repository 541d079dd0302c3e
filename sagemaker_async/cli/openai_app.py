"""What ``sagemaker-async openai`` serves: `openai_app` is what a user of `openai_router` would write."""

from __future__ import annotations

import argparse
import hmac
import os
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException

from sagemaker_async.errors import ConfigurationError
from sagemaker_async.integrations.fastapi import OpenAIModel, add_exception_handlers, openai_router
from sagemaker_async.local.admission import Admission
from sagemaker_async.predictor import Predictor
from sagemaker_async.predictor.capacity import WaitForCapacity
from sagemaker_async.session import Session

from .call import session_options
from .models import imported
from .serving import Admitted, serve_app, stopped_by_signals

__all__ = ["openai_app", "serve"]


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until Ctrl-C or SIGTERM; raises `ConfigurationError`."""
    stopped = stopped_by_signals()
    async with Session(**session_options(arguments)) as session:
        app = openai_app(arguments, session)

        def ready(url: str) -> None:
            names = ", ".join(each.partition("=")[0] for each in arguments.models)
            print(f"OpenAI's API is at {url}v1 with the models {names} - Ctrl-C stops it.", flush=True)

        await session.check()
        await serve_app(app, arguments.host, arguments.port, ready, stopped, session.close)


def openai_app(arguments: argparse.Namespace, session: Session) -> FastAPI:
    """Return the application.

    Raises:
        ConfigurationError: an option is wrong, or there is no key in the environment.
    """
    prompt: Any = None if arguments.prompt is None else imported(arguments.prompt, "--prompt")
    capacity = None if arguments.wait_for_capacity is None else WaitForCapacity(limit=arguments.wait_for_capacity)
    models: dict[str, OpenAIModel] = {}
    for given in arguments.models:
        name, endpoint, component = _parts_of(given)
        predictor = Predictor(endpoint, session, component_name=component or None, capacity=capacity)
        models[name] = OpenAIModel(predictor, takes=arguments.takes, prompt=prompt)
    app = FastAPI(title="sagemaker-async openai", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Admitted, admission=Admission(arguments.host, arguments.allowed_hosts))
    add_exception_handlers(app)
    app.include_router(openai_router(models=models), dependencies=_keys(arguments.api_key_env))
    return app


def _parts_of(given: str) -> tuple[str, str, str]:
    name, separator, target = given.partition("=")
    endpoint, _, component = target.partition("/")
    if not separator or not name or not endpoint:
        raise ConfigurationError(f"--model takes NAME=ENDPOINT or NAME=ENDPOINT/COMPONENT, got {given!r}")
    return name, endpoint, component


def _keys(variable: str | None) -> list[Any]:
    """Return the dependencies that check the client's key, if there is one to check."""
    if variable is None:
        return []
    key = os.environ.get(variable)
    if not key:
        raise ConfigurationError(f"--api-key-env {variable}: there is no such environment variable, or it is empty")
    expected = f"Bearer {key}".encode()

    def check(authorization: Annotated[str, Header()] = "") -> None:
        if not hmac.compare_digest(authorization.encode(), expected):
            raise HTTPException(401, "The API key is wrong or missing.")

    return [Depends(check)]
