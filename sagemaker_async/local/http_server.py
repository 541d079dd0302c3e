"""The HTTP server under an embedded SageMaker: from connections to services, and the way back.

`LoopbackServer` takes a request, asks the services which of them it is for, reads the body, refuses what a browser
sends for other sites, verifies the signature and lets the service answer. It closes promptly: requests, streams and
background work are cancelled, and no task is left.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from aiohttp import StreamReader, web

from .admission import Admission
from .answers import NOT_ADMITTED, Refusal, json_refusal
from .faults import NO_FAULTS, CloseOnOversize, Plan, Reset
from .signatures import Recipient, SignedRequest
from .state import Call, Exchange, LocalState, RecordedRequest, Service
from .transmission import drop_connection

__all__ = ["LoopbackServer"]

_log = logging.getLogger("sagemaker_async.local")

_HEADER_BYTES = 65_536
_CLOSING_SECONDS = 5.0


class LoopbackServer:
    """One listening socket and everything under way on it."""

    def __init__(self, state: LocalState, services: Sequence[Service], admission: Admission) -> None:
        self._state = state
        self._admission = admission
        self._services = services
        self._runner: web.ServerRunner | None = None
        self._handlers: set[asyncio.Task[Any]] = set()

    async def open(self, host: str, port: int) -> str:
        """Listen, and return the URL; raises `OSError` when the address cannot be used."""
        server = web.Server(
            self._handle,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
        )
        runner = web.ServerRunner(server, shutdown_timeout=_CLOSING_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        bound_host, bound_port = runner.addresses[0][:2]
        return f"http://[{bound_host}]:{bound_port}" if ":" in bound_host else f"http://{bound_host}:{bound_port}"

    async def close(self) -> None:
        """Stop listening, cancel what is under way, close all connections; idempotent."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        under_way = {*self._handlers, *self._state.background}
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way, timeout=_CLOSING_SECONDS)
        await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            return await self._answer(request)
        except ConnectionError:
            # The client left during the answer, so that nobody is there to receive an error.
            raise asyncio.CancelledError from None
        finally:
            self._handlers.discard(task)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self._state.transitions.settle()
        request_id = str(uuid.uuid4())
        headers = {"x-amzn-RequestId": request_id, "Date": self._state.http_date()}
        target = request.raw_path
        if not target.startswith("/"):
            # A request to a proxy has the absolute form (RFC 9112 section 3.2.2); only its path was signed.
            target = "/" + target.partition("://")[2].partition("/")[2]
        for service in self._services:
            call = service.match(request, target)
            if call is not None:
                return await self._answer_call(service, call, request, target, request_id, headers)
        await self._receive(request, target, request_id, 0, NO_FAULTS)
        try:
            self._admit(request)
        except Refusal as refusal:
            return json_refusal(refusal, headers)
        return json_refusal(Refusal(404, "UnknownOperationException", "", common=True), headers)

    def _admit(self, request: web.BaseRequest) -> None:
        """Raise `Refusal` for what a browser sends for other sites."""
        if (why := self._admission.refusal(request.headers)) is not None:
            raise Refusal(403, NOT_ADMITTED, why, common=True)

    async def _answer_call(
        self,
        service: Service,
        call: Call,
        request: web.BaseRequest,
        target: str,
        request_id: str,
        headers: dict[str, str],
    ) -> web.StreamResponse:
        state = self._state
        for fault in call.plan.faults:
            if isinstance(fault, Reset) and fault.when == "before_read":
                state.requests.append(RecordedRequest(request.method, target, request.headers, 0, request_id))
                drop_connection(request, reset=True)
        body, size, payload_hash = await self._receive(request, target, request_id, call.body_limit, call.plan)
        try:
            self._admit(request)
            service.verify(
                SignedRequest(request.method, target, request.headers, payload_hash),
                Recipient(state.keys, state.region, service.signing_name, state.clock()),
            )
            return await call.answer(Exchange(request, body, size, call.plan, headers))
        except Refusal as refusal:
            return call.refused(refusal, headers)
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001 - it is logged and answered
            _log.exception("the embedded SageMaker failed on %s %s", request.method, target)
            return call.refused(Refusal(500, "InternalFailure", "The embedded SageMaker failed."), headers)

    async def _receive(
        self, request: web.BaseRequest, target: str, request_id: str, limit: int, plan: Plan
    ) -> tuple[bytes, int, str]:
        """Read and record a request; return its body (empty if beyond the limit), its length and its SHA-256."""
        closes = plan.first(CloseOnOversize) is not None
        if closes and (request.content_length or 0) > limit:
            size = request.content_length or 0
            self._state.requests.append(RecordedRequest(request.method, target, request.headers, size, request_id))
            drop_connection(request, reset=False)
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body, size, payload_hash = await _read(request.content, limit, to_the_end=not closes)
        self._state.requests.append(RecordedRequest(request.method, target, request.headers, size, request_id))
        if closes and size > limit:
            drop_connection(request, reset=False)
        return body, size, payload_hash


async def _read(content: StreamReader, limit: int, *, to_the_end: bool) -> tuple[bytes, int, str]:
    pieces: list[bytes] = []
    size = 0
    digest = sha256()
    while piece := await content.readany():
        size += len(piece)
        digest.update(piece)
        if size <= limit:
            pieces.append(piece)
        else:
            pieces.clear()
            if not to_the_end:
                break
    return b"".join(pieces), size, digest.hexdigest()
