"""One `Session` for an application: opened and closed by its lifespan, available through dependencies.

The session is kept in Starlette's lifespan state, which mounted applications get too. Servers must support that state,
as uvicorn and the test clients of FastAPI and Starlette do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias, Unpack

from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request

from sagemaker_async import _lazy
from sagemaker_async.config import Config, ConfigFields
from sagemaker_async.deserializers import Deserializer
from sagemaker_async.errors import ConfigurationError, UsageError
from sagemaker_async.predictor import Predictor
from sagemaker_async.predictor.capacity import WaitForCapacity
from sagemaker_async.predictor.patient import check_capacity
from sagemaker_async.serializers import Serializer
from sagemaker_async.session import Session

from .response import listening

__all__ = ["Lifespan", "PredictorDep", "current_session", "session_lifespan"]

Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any]]]
"""A ``lifespan`` of FastAPI or Starlette with state."""
StatelessLifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[None]]
"""A ``lifespan`` without state."""

_STATE = "sagemaker_session"


def session_lifespan(
    config: Config | None = None,
    /,
    *,
    lifespan: Lifespan | StatelessLifespan | None = None,
    check: bool = False,
    **fields: Unpack[ConfigFields],
) -> Lifespan:
    """Return a lifespan that opens a `Session` when the application starts, and closes it when it stops.

    Args:
        config: the session's options; None means the defaults.
        lifespan: the application's own, which starts after the session and stops before it. Its state is kept.
        check: whether the application refuses to start without region and credentials (`Session.check`), instead of
            answering each request with an error.
        fields: fields of `Config`, which win over those of `config`.

    Raises:
        ConfigurationError: when the application starts: an option is wrong.
        CredentialsError: when the application starts, with `check`: there are no credentials.

    Example:
        ::

            app = FastAPI(lifespan=session_lifespan(region="us-east-1"))
    """

    @asynccontextmanager
    async def with_session(app: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        async with Session(config, **fields) as session:
            if check:
                await session.check()
            if lifespan is None:
                yield {_STATE: session}
                return
            async with lifespan(app) as state:
                yield {**(state or {}), _STATE: session}

    return with_session


def current_session(connection: HTTPConnection) -> Session:
    """Return the application's session; also a FastAPI dependency, which tests may override.

    Raises:
        UsageError: the application was started without `session_lifespan`.
    """
    session = getattr(connection.state, _STATE, None)
    if not isinstance(session, Session):
        raise UsageError(
            "this application has no session: create it with lifespan=session_lifespan(...), and run it on a server "
            "that supports lifespans (in tests, enter the test client with 'with')"
        )
    return session


def PredictorDep(  # noqa: N802 - named as FastAPI's own Depends, Query, Body
    endpoint_name: str,
    *,
    serializer: Serializer | None = None,
    deserializer: Deserializer[Any] | None = None,
    component_name: str | None = None,
    content_type: str | None = None,
    accept: str | tuple[str, ...] | None = None,
    capacity: WaitForCapacity | None = None,
) -> Any:
    """Return a FastAPI dependency: a `Predictor` of this endpoint, on the application's session.

    It also lets `stream_response` notice a client that leaves before the first record. The arguments are those of
    `Predictor`.

    Raises:
        ConfigurationError: `endpoint_name` is not a non-empty str, or `capacity` is not a `WaitForCapacity`.
        MissingExtraError: FastAPI is not installed.

    Example:
        ::

            LanguageModel = Annotated[Predictor[Any], PredictorDep("my-endpoint", serializer=JSONSerializer())]
    """
    depends = _lazy.optional("fastapi", "PredictorDep").Depends
    if not isinstance(endpoint_name, str) or not endpoint_name:
        raise ConfigurationError(f"PredictorDep.endpoint_name must be a non-empty str, got {endpoint_name!r}")
    if capacity is not None:
        check_capacity(capacity)

    async def predictor(
        connection: HTTPConnection,
        session: Session = depends(current_session),  # noqa: B008 - how FastAPI declares it
    ) -> AsyncIterator[Predictor[Any]]:
        token = listening.set(connection.receive if isinstance(connection, Request) else None)
        try:
            yield Predictor(
                endpoint_name,
                session,
                serializer,
                deserializer,
                component_name,
                content_type=content_type,
                accept=accept,
                capacity=capacity,
            )
        finally:
            listening.reset(token)

    return depends(predictor)
