"""`StickySession`: a stateful session with one instance behind an endpoint, opened and closed by ``async with``.

All requests of a session go to the instance that opened it, whose container keeps something for them, such as the files
or the key-value cache of a conversation. The container opens and closes sessions, when a request asks it to; AWS's
stateful containers (of TorchServe and LMI) take ``{"requestType": "NEW_SESSION"}`` and ``{"requestType": "CLOSE"}``.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/stateful-sessions.html
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Generic, Self, TypeVar

from sagemaker_async.aws.call import Reply
from sagemaker_async.aws.client import CallOptions
from sagemaker_async.aws.shapes.body import BodyLike
from sagemaker_async.config import Timeouts
from sagemaker_async.errors import CallError, ResponseError, SessionClosedError, UsageError
from sagemaker_async.runtime.new_session import NewSession
from sagemaker_async.runtime.operations import INVOKE_ENDPOINT

from .components import HostedComponents
from .patient import PatientCalls

__all__ = ["StatefulCalls", "StickySession"]

logger: logging.Logger = logging.getLogger(__name__)

OPENING = json.dumps({"requestType": "NEW_SESSION"}).encode()
CLOSING = json.dumps({"requestType": "CLOSE"}).encode()
_NEW, _CLOSED = (INVOKE_ENDPOINT.response_headers[name] for name in ("NewSessionId", "ClosedSessionId"))


class StatefulCalls(PatientCalls, HostedComponents):
    """Mixed into `Predictor`."""

    _sticky: StickySession[StatefulCalls] | None = None
    _owns_session: bool

    def session(
        self,
        *,
        opening: BodyLike = OPENING,
        closing: BodyLike = CLOSING,
        content_type: str = "application/json",
        timeout: float | Timeouts | None = None,
    ) -> StickySession[Self]:
        """Return a stateful session with the endpoint: ``async with`` opens it, and closes it at the end.

        Inside there is a copy of the predictor, bound to the session: all it sends goes to the instance that opened it.
        A call with a `session_id` of its own goes to that one.

        A session that cannot be closed (the instance is gone, the network fails, the caller is cancelled again) ends by
        itself when it expires, after the container's configured idle time; the log has a warning.

        Args:
            opening: the body that asks the container to open a session; the default is what AWS's containers take.
            closing: the body that asks it to close the session.
            content_type: the media type of both.
            timeout: for opening and for closing, each as for `predict`.

        Raises:
            ConfigurationError: the predictor is of a router, which has no sessions.
            CallError: on entering: it could not be opened. `ResponseError` if the container answered without opening
                one.
            UsageError: on calling the bound predictor later: the session has been closed.

        Example:
            ::

                async with predictor.session() as bound:
                    first = await bound.predict({"inputs": "Good morning."})
                    second = await bound.predict({"inputs": "And what did I say?"})
        """
        self._check_of_endpoint("stateful sessions")
        return StickySession(self, opening, closing, content_type, CallOptions(timeout))

    @property
    def session_id(self) -> str | None:
        """The stateful session that this predictor is bound to; None outside of `session`."""
        return self._sticky.id if self._sticky is not None else None


P = TypeVar("P", bound=StatefulCalls)


class StickySession(Generic[P]):
    """One stateful session; made by `Predictor.session`. Single use."""

    def __init__(
        self, predictor: P, opening: BodyLike, closing: BodyLike, content_type: str, options: CallOptions
    ) -> None:
        self._predictor = predictor
        self._opening = opening
        self._closing = closing
        self._content_type = content_type
        self._options = options
        self._opened: NewSession | None = None
        self._begun = False
        self._left = False
        self._ended = False
        """Whether the container has said that the session is closed."""

    def __repr__(self) -> str:
        state = "closed" if self._left else "open" if self._opened is not None else "not opened"
        return f"<StickySession of {self._predictor.endpoint_name!r}, {state}>"

    @property
    def id(self) -> str:
        """SageMaker's id of the session; raises `UsageError` unless the session is open."""
        if self._opened is None or self._left:
            state = "has been closed" if self._left else "is not open yet"
            raise UsageError(f"this stateful session {state}; enter predictor.session() with 'async with'")
        return self._opened.id

    @property
    def expires(self) -> dt.datetime | None:
        """When it ends if nothing is sent, as SageMaker said when it was opened; None if it did not say."""
        return self._opened.expires if self._opened is not None else None

    def note(self, headers: Mapping[str, str]) -> None:
        """Take note of the head of an answer, which may say that the container has closed the session."""
        if self._opened is not None and headers.get(_CLOSED) == self._opened.id:
            self._ended = True

    async def __aenter__(self) -> P:
        if self._begun:
            raise UsageError("this stateful session was used already; call predictor.session() for another")
        self._begun = True
        reply = await self._call(self._opening, "NEW_SESSION")
        opened = reply.metadata.headers.get(_NEW)
        if opened is None:
            raise ResponseError(
                "the container answered without opening a stateful session: it does not support them, or needs another "
                "body for it (opening=...)",
                reply.metadata.status,
            )
        self._opened = NewSession.of(opened)
        bound = copy.copy(self._predictor)
        bound._sticky = self  # type: ignore[assignment]
        bound._owns_session = False
        return bound

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        session_id, self._left = self.id, True
        if self._ended:
            return
        try:
            await self._call(self._closing, session_id)
        except (CallError, SessionClosedError) as error:
            logger.warning(
                "a stateful session of endpoint %r could not be closed, and ends when it expires: %s",
                self._predictor.endpoint_name,
                error,
            )

    async def _call(self, body: BodyLike, session_id: str) -> Reply:
        predictor = self._predictor
        fields = {
            "EndpointName": predictor.endpoint_name,
            "InferenceComponentName": predictor.component_name or None,
            "Body": body,
            "ContentType": self._content_type,
            "SessionId": session_id,
        }
        client = predictor.sagemaker_session.runtime
        send = predictor._patient(client.send) if self._opened is None else client.send
        return await send(client.prepare(INVOKE_ENDPOINT, fields, self._options))
