"""What the services of one embedded SageMaker share: who may call, what exists, what was received.

A `Service` is one AWS API on the one port: the server asks each which requests it knows, so that another API is another
entry in its list. `Exchange` is one request under way, as a service's `Call` sees it.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Protocol

from aiohttp import web

from sagemaker_async.config import Credentials

from .answers import Refusal
from .endpoints import AsyncInvocation, Endpoint
from .faults import Plan
from .transitions import Transitions

__all__ = ["ACCOUNT_ID", "DEFAULT_CREDENTIALS", "Call", "Exchange", "LocalState", "RecordedRequest", "Service"]

ACCOUNT_ID = "123456789012"
"""The account of every embedded SageMaker: the one of AWS's own examples."""
DEFAULT_CREDENTIALS = Credentials("LOCALSAGEMAKER", "local-sagemaker-secret", account_id=ACCOUNT_ID)
"""What an embedded SageMaker accepts unless told otherwise; worth nothing anywhere else."""

_RECORDED_REQUESTS = 10_000
_KEPT_ASYNC_INVOCATIONS = 1_000


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as it was received; the body is counted and not kept."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    """The header fields; look-up ignores case."""
    body_size: int
    request_id: str


@dataclass(slots=True)
class LocalState:
    """All that an embedded SageMaker knows."""

    region: str
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]
    executor: Executor
    transitions: Transitions
    """The changes of state to come; settled before each request."""
    account_id: str = ACCOUNT_ID
    keys: dict[str, Credentials] = field(default_factory=dict)
    """Who may call, by access key id."""
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    objects: MutableMapping[str, bytes] = field(default_factory=dict)
    """Objects by their S3 URL."""
    requests: deque[RecordedRequest] = field(default_factory=lambda: deque(maxlen=_RECORDED_REQUESTS))
    async_invocations: OrderedDict[str, AsyncInvocation] = field(default_factory=OrderedDict)
    """The latest accepted async invocations, by output location."""
    background: set[asyncio.Task[None]] = field(default_factory=set)
    """Work that no request waits for; cancelled when the server closes."""
    _date: tuple[int, str] = (-1, "")

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background."""
        task = asyncio.get_running_loop().create_task(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    def http_date(self) -> str:
        """Return the clock's time as HTTP writes it (RFC 9110 section 5.6.7)."""
        second = int(self.clock())
        if second != self._date[0]:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]

    def iso_date(self, offset: float = 0.0) -> str:
        """Return the clock's time, `offset` seconds on, as ``2026-01-01T00:00:00Z``."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.clock() + offset))

    def keep(self, invocation: AsyncInvocation) -> None:
        """Remember an async invocation; the oldest is forgotten beyond a thousand."""
        self.async_invocations[invocation.output_location] = invocation
        while len(self.async_invocations) > _KEPT_ASYNC_INVOCATIONS:
            self.async_invocations.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request whose signature was verified, and the way to answer it."""

    request: web.BaseRequest
    body: bytes
    """Empty when it exceeded the limit."""
    body_size: int
    plan: Plan
    headers: dict[str, str]
    """What every answer to this request carries: the request id and the date."""


class Call(Protocol):
    """What a service makes of one request's head, before its body is read."""

    body_limit: int
    """Bytes of body worth keeping; of a longer one only the length is known."""
    plan: Plan
    """The scripted faults that this request meets."""

    async def answer(self, exchange: Exchange) -> web.StreamResponse:
        """Answer the request; raises `Refusal`."""
        ...

    def refused(self, refusal: Refusal, headers: dict[str, str]) -> web.StreamResponse:
        """Return a refusal in the protocol of the service."""
        ...


class Service(Protocol):
    """One AWS API."""

    @property
    def signing_name(self) -> str:
        """The service's name in the credential scope."""
        ...

    def match(self, request: web.BaseRequest, target: str) -> Call | None:
        """Return what to do with a request, or None when it belongs to another API."""
        ...
