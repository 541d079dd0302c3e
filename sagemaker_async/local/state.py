"""The state that the services of one embedded SageMaker share: accepted keys, resources, received requests.

A `Service` is one AWS API; all share one port. The server asks each whether a request is for it, so that another API is
one more entry in its list. `Exchange` is one request under way, as the `Call` of a service gets it.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Protocol

from aiohttp import web

from sagemaker_async.aws.endpoints.partitions import partition_of
from sagemaker_async.config import Credentials

from .answers import Refusal
from .asynchronous import AsyncInvocation, ObjectPlace
from .destinations import RouterTarget
from .endpoints import Endpoint
from .faults import Plan
from .objects import ObjectStore
from .other_s3 import OtherS3
from .signatures import Verify
from .transitions import Transitions

__all__ = ["ACCOUNT_ID", "DEFAULT_CREDENTIALS", "Call", "Exchange", "LocalState", "RecordedRequest", "Service"]

ACCOUNT_ID = "123456789012"
"""The account of every embedded SageMaker, the same as in AWS's examples."""
DEFAULT_CREDENTIALS = Credentials("LOCALSAGEMAKER", "local-sagemaker-secret", account_id=ACCOUNT_ID)
"""The credentials that an embedded SageMaker accepts by default; they are valid nowhere else."""

_RECORDED_REQUESTS = 10_000
_KEPT_ASYNC_INVOCATIONS = 1_000


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as it was received; of the body only the length is kept."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    """The header fields; look-up ignores case."""
    body_size: int
    request_id: str


@dataclass(slots=True)
class LocalState:
    """The state of an embedded SageMaker."""

    region: str
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]
    executor: Executor
    transitions: Transitions
    """The scheduled changes of state; settled before each request."""
    account_id: str = ACCOUNT_ID
    keys: dict[str, Credentials] = field(default_factory=dict)
    """The accepted credentials, by access key id."""
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    routers: dict[str, Mapping[str, RouterTarget]] = field(default_factory=dict)
    """The inference routers that can be invoked, by name: their targets by name."""
    objects: ObjectStore = field(default_factory=ObjectStore)
    """Objects by their S3 URL."""
    other_s3: OtherS3 | None = None
    """The S3 that asynchronous invocations read from and write to instead of `objects`."""
    requests: deque[RecordedRequest] = field(default_factory=lambda: deque(maxlen=_RECORDED_REQUESTS))
    async_invocations: OrderedDict[str, AsyncInvocation] = field(default_factory=OrderedDict)
    """The latest accepted async invocations, by output location."""
    scale_from_zero: float | None = None
    """Seconds that a component with zero copies takes to get one; None: it gets none by itself."""
    no_capacity: Callable[[str], None] = lambda _: None
    """Is told the component of each invocation that was refused because it has no copies."""
    background: set[asyncio.Task[None]] = field(default_factory=set)
    """Tasks that no request waits for; cancelled when the server closes."""
    _date: tuple[int, str] = (-1, "")

    @property
    def async_objects(self) -> ObjectPlace:
        """Where asynchronous invocations read and write."""
        return self.other_s3 or self.objects

    @property
    def arn_prefix(self) -> str:
        """What begins the ARNs of its resources: ``arn:aws:sagemaker:us-east-1:123456789012``."""
        return f"arn:{partition_of(self.region).id}:sagemaker:{self.region}:{self.account_id}"

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background."""
        task = asyncio.get_running_loop().create_task(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    def http_date(self) -> str:
        """Return the clock's time in HTTP's format (RFC 9110 section 5.6.7)."""
        second = int(self.clock())
        if second != self._date[0]:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]

    def iso_date(self, offset: float = 0.0) -> str:
        """Return the clock's time plus `offset` seconds, as ``2026-01-01T00:00:00Z``."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.clock() + offset))

    def keep(self, invocation: AsyncInvocation) -> None:
        """Keep an async invocation; of more than a thousand, the oldest is dropped."""
        self.async_invocations[invocation.output_location] = invocation
        while len(self.async_invocations) > _KEPT_ASYNC_INVOCATIONS:
            self.async_invocations.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request whose signature was verified, and the means to answer it."""

    request: web.BaseRequest
    body: bytes
    """Empty when it exceeded the limit."""
    body_size: int
    plan: Plan
    headers: dict[str, str]
    """The header fields of every answer to this request: the request id and the date."""


class Call(Protocol):
    """A request that a service has recognised by its head, before its body is read."""

    body_limit: int
    """The largest body that is kept, in bytes; of a longer one only the length is known."""
    plan: Plan
    """The scripted faults of this request."""

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

    @property
    def verify(self) -> Verify:
        """What checks who calls, such as `signatures.verify`."""
        ...

    def match(self, request: web.BaseRequest, target: str) -> Call | None:
        """Return the call for a request, or None when it is for another API."""
        ...
