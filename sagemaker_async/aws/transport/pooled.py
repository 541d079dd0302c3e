"""`AiohttpTransport`: requests on the connections of aiohttp's pool, with our protocol on each.

Requests go `straight` on a connection; and `through_session`, the long way, when there is a proxy, or when somebody
mocks or watches aiohttp's session. Nobody else can tell the difference.

What it uses below aiohttp's public surface is listed in `seam`.
"""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from sagemaker_async.aws.http import ChunkCallback, HTTPRequest, HTTPResponse, Sign
from sagemaker_async.config import Timeouts

from .connector import Connector, keep_read_buffers
from .facts import ConnectionFacts, current_connection, running_loop
from .places import Place, Places
from .response import Response, release
from .straight import Answer, Destination, send_straight, session_is_plain
from .through_session import Proxy, opened_session, send_through_session
from .translation import (
    PROXY_AUTHENTICATION_REQUIRED,
    cause_of,
    closed_meanwhile,
    is_cancelled,
    proxy_wants_credentials,
    translated,
)

if TYPE_CHECKING:
    import aiohttp

__all__ = ["AiohttpTransport"]


class AiohttpTransport:
    """A pool of connections of one event loop; construct it while that loop runs.

    Args:
        max_connections: size of the pool.
        max_waiting: how many callers may wait for a connection; None: any number.
        keepalive: seconds an idle connection is kept.
        ssl_context: how TLS connections are made; None is aiohttp's default, which trusts the system's authorities.
        proxy_for: returns the proxy of an origin, or None; asked once per origin.
    """

    def __init__(
        self,
        *,
        max_connections: int,
        keepalive: float,
        max_waiting: int | None = None,
        ssl_context: ssl.SSLContext | None = None,
        proxy_for: Callable[[str], str | None] = lambda origin: None,  # noqa: ARG005
    ) -> None:
        keep_read_buffers()
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._places = Places(max_connections, max_waiting, self.loop)
        self._connector = Connector(
            keepalive_timeout=keepalive,
            enable_cleanup_closed=False,
            ssl=True if ssl_context is None else ssl_context,
        )
        self._proxy_for = proxy_for
        self._proxies: dict[str, Proxy | None] = {}
        self._destinations: dict[str, Destination] = {}
        self._session: aiohttp.ClientSession | None = None
        self.under_way: set[Answer | aiohttp.ClientResponse] = set()
        """Answers whose connections are still in use."""
        self.closed: bool = False

    @property
    def in_use(self) -> int:
        """How many connections are in use, those being made included."""
        return len(self._places)

    async def send(
        self,
        request: HTTPRequest,
        timeouts: Timeouts,
        on_chunk_sent: ChunkCallback | None = None,
        sign: Sign | None = None,
    ) -> HTTPResponse:
        """See `SigningTransport.send`; without `sign`, the request goes out as it is."""
        if self.closed:
            raise closed_meanwhile()
        place = self._places.take() or await self._places.wait(timeouts.pool)
        facts = ConnectionFacts(timeouts)
        token = current_connection.set(facts)
        response: Response | None = None
        failure: BaseException
        try:
            proxy = self._proxy_of(request.origin)
            facts.proxied = proxy is not None
            answer = await self._answer(request, proxy, facts, place, on_chunk_sent, sign)
        except asyncio.CancelledError:
            if facts.callback_error is not None:
                failure = facts.callback_error
            elif not self.closed or is_cancelled():
                raise
            else:
                failure = closed_meanwhile()  # aiohttp cancels those who wait when it is closed
        except Exception as error:  # noqa: BLE001 - the seam: whatever it is becomes ours
            if facts.callback_error is not None:
                failure = facts.callback_error
            else:
                failure = translated(error, timeouts, facts, closed=self.closed)
                failure.__cause__ = cause_of(error)
        else:
            response = Response(answer, timeouts, self)
            if proxy is None or response.status != PROXY_AUTHENTICATION_REQUIRED:
                return response
            response.close()
            failure = proxy_wants_credentials()
        finally:
            current_connection.reset(token)
            facts.protocol = None  # a connection that was made on the way refers to these facts for life
            if response is None:
                place.free()
        # Not raised in the handler: aiohttp's exceptions hold the request with its signature and token, and must not
        # even be the context of ours.
        raise failure

    def _proxy_of(self, origin: str) -> Proxy | None:
        try:
            return self._proxies[origin]
        except KeyError:
            url = self._proxy_for(origin)
            proxy = self._proxies[origin] = None if url is None else Proxy.of(url)
            return proxy

    def _answer(
        self,
        request: HTTPRequest,
        proxy: Proxy | None,
        facts: ConnectionFacts,
        place: Place,
        on_chunk_sent: ChunkCallback | None,
        sign: Sign | None,
    ) -> Awaitable[Answer | aiohttp.ClientResponse]:
        """Send a request on the shortest way that is open to it; the place is freed with its connection."""
        if proxy is None and session_is_plain():
            destination = self._destinations.get(request.origin)
            if destination is None:
                destination = self._destinations[request.origin] = Destination(request.origin, self.loop)
            return send_straight(self._connector, destination, request, facts, place, on_chunk_sent, sign)
        if self._session is None:
            self._session = opened_session(self._connector)
        return send_through_session(self._session, proxy, request, facts, place, on_chunk_sent, sign)

    async def close(self) -> None:
        """See `Transport.close`."""
        self.closed = True
        self._places.close()
        self._release_answers()
        if not self._connector.closed:
            self._connector.cut_uploads()
            await asyncio.shield(self._connector.close())

    def abandon(self) -> None:
        """Close every connection when the event loop was closed before, and `close` cannot be awaited any more."""
        self.closed = True
        self._places.close()
        self._release_answers()
        self._connector.abandon()

    def _release_answers(self) -> None:
        for answer in list(self.under_way):  # others may be dropped meanwhile, in any thread
            self.under_way.discard(answer)
            release(answer, self.loop)

    def __del__(self) -> None:
        if getattr(self, "closed", True):
            return
        warnings.warn(  # in our words: aiohttp would name objects of its own, to the loop's exception handler as well
            "the session was never closed: use it inside 'async with', or await its close()",
            ResourceWarning,
            stacklevel=2,
            source=self,
        )
        try:
            if running_loop() is self.loop:
                self._connector.drop()
            else:
                self.loop.call_soon_threadsafe(self._connector.drop)
        except RuntimeError:  # the loop was closed
            self._connector.abandon()
        self._connector._closed = True
        if self._session is not None:
            self._session.detach()
