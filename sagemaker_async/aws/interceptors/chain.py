"""`InterceptorChain`: how the interceptors of a session are run; what they are is in `config.interceptors`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from sagemaker_async.config.http import HTTPRequest
from sagemaker_async.config.interceptors import (
    AttemptOutcome,
    CallContext,
    ConnectionPool,
    Interceptor,
    StreamSummary,
)

__all__ = ["InterceptorChain"]


class InterceptorChain:
    """The interceptors of one session, run in order on the way in and in reverse on the way out."""

    __slots__ = ("_interceptors",)

    def __init__(self, interceptors: Sequence[Interceptor]) -> None:
        self._interceptors = tuple(interceptors)

    def __bool__(self) -> bool:
        return bool(self._interceptors)

    def opened(self, pool: ConnectionPool) -> None:
        """Tell all of a pool that opens."""
        for interceptor in self._interceptors:
            interceptor.opened(pool)

    async def closed(self, pool: ConnectionPool) -> None:
        """Tell all of a pool that was closed."""
        for interceptor in reversed(self._interceptors):
            await _settled(interceptor.closed(pool))

    async def before_call(self, call: CallContext, request: HTTPRequest) -> HTTPRequest:
        """Return the request to send."""
        for interceptor in self._interceptors:
            request = await _settled(interceptor.before_call(call, request)) or request
        return request

    async def before_attempt(self, call: CallContext, request: HTTPRequest) -> HTTPRequest:
        """Return the request to sign."""
        for interceptor in self._interceptors:
            request = await _settled(interceptor.before_attempt(call, request)) or request
        return request

    async def after_attempt(self, outcome: AttemptOutcome) -> None:
        """Tell all of an attempt's outcome."""
        for interceptor in reversed(self._interceptors):
            await _settled(interceptor.after_attempt(outcome))

    async def after_call(self, outcome: AttemptOutcome) -> None:
        """Tell all of a call's outcome."""
        for interceptor in reversed(self._interceptors):
            await _settled(interceptor.after_call(outcome))

    def abandoned(self, call: CallContext, error: BaseException) -> None:
        """Tell all of a call that ended without an outcome."""
        for interceptor in reversed(self._interceptors):
            interceptor.abandoned(call, error)

    def after_stream(self, summary: StreamSummary) -> None:
        """Tell all of a stream's end."""
        for interceptor in reversed(self._interceptors):
            _call_plain(interceptor.after_stream, summary)

    def after_tokens(self, call: CallContext, tokens: int) -> None:
        """Tell all how many tokens were made of a stream."""
        for interceptor in reversed(self._interceptors):
            _call_plain(interceptor.after_tokens, call, tokens)


def _call_plain(hook: Callable[..., object], *facts: object) -> None:
    """Call a hook from within a stream, where its StopAsyncIteration would look like the stream's end (PEP 479)."""
    try:
        hook(*facts)
    except StopAsyncIteration as error:
        raise RuntimeError(f"an interceptor's {hook.__name__} raised StopAsyncIteration") from error


async def _settled(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result
