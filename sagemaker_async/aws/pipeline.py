"""The one loop of attempts: every call of every client passes through `Pipeline.send`.

One attempt: get credentials, sign a copy of the request, send it, read the answer. What follows a failed one is decided
by `retries.RetryPolicy` from facts; this module carries the decision out. Every attempt is listed on the response's
metadata and on the error.

A call whose answer is a stream ends here when the head of the answer has come: from then on nothing is repeated, and
whoever takes the `Reply` owns its connection. On every other way out the connection has been let go of.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable
from hashlib import sha256

from sagemaker_async.config import MAX_RESPONSE_BYTES, Credentials, RetryConfig, Timeouts
from sagemaker_async.errors import (
    CallError,
    ResponseTooLargeError,
    SageMakerAsyncError,
    ServiceError,
    ThrottlingError,
    TotalTimeoutError,
    TransportError,
)

from .call import Call, Reply, StreamWatcher
from .credentials import CredentialCache
from .endpoints import Endpoint
from .frames import forget_frames
from .http import NO_PROGRESS, ChunkListener, HTTPRequest, HTTPResponse, Progress, RequestHead
from .interceptors import CallContext, InterceptorChain
from .logs import LOGGERS, Loggers, log_abandoned, log_call, log_request, log_response
from .protocols import is_error, service_error
from .retries import CallState, Outcome, Retry, RetryPolicy, Stop, StopReason
from .shapes.operation import Operation, Service
from .signing import Signer
from .timing import SYSTEM_TIMING, Timing
from .transport import SigningTransport

__all__ = ["Pipeline", "Reply"]

HASH_OFF_LOOP_BYTES = 1 << 20
"""Bodies from this size on are hashed in a worker thread: SHA-256 of 1 MiB takes one to three milliseconds."""

MAX_ERROR_BODY = 1 << 20
"""How much is kept of the body of an error; AWS's have some hundred bytes, and a peer may send without end."""

_NO_INTERCEPTORS = InterceptorChain(())


class Pipeline:
    """The request path of one service in one session.

    Args:
        service: whose retry rules apply.
        endpoint: where requests go, and what their signature names.
        transport: what sends them.
        credentials: who signs them.
        retry: when to repeat.
        interceptors: the user's own, in order.
        correct_clock_skew: whether to sign by the service's clock once it has refused a signature for its time.
        max_response_bytes: the largest body of an answer that is read.
        timing: clocks, for signatures and durations; how to wait between attempts; chance, for jitter.
        loggers: where calls and their heads are logged.
    """

    def __init__(
        self,
        service: Service,
        endpoint: Endpoint,
        transport: SigningTransport,
        credentials: CredentialCache,
        *,
        retry: RetryConfig,
        interceptors: InterceptorChain = _NO_INTERCEPTORS,
        correct_clock_skew: bool = True,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        timing: Timing = SYSTEM_TIMING,
        loggers: Loggers = LOGGERS,
    ) -> None:
        self.endpoint = endpoint
        self._loggers = loggers
        self._service = service
        self._transport = transport
        self._credentials = credentials
        self._signer = Signer(endpoint.signing_region, endpoint.signing_name, service.signing_rules)
        self._policy = RetryPolicy(retry, service.retry_rules, now=timing.monotonic())
        self._wait_to_fill = retry.adaptive_wait_to_fill
        self._interceptors = interceptors
        self._correct_clock_skew = correct_clock_skew
        self._max_response_bytes = max_response_bytes
        self._timing = timing
        self.clock_offset: float = 0.0
        """Seconds by which the service's clock is ahead of this machine's, once it has refused a signature for that."""

    async def send(
        self,
        operation: Operation,
        request: HTTPRequest,
        timeouts: Timeouts,
        resource: str | None = None,
        progress: Progress = NO_PROGRESS,
        head: RequestHead | None = None,
    ) -> Reply:
        """Send a request until it succeeds or may not be repeated.

        Args:
            operation: what is called.
            request: what to send.
            timeouts: how long to wait for what.
            resource: what the call is on, for messages.
            progress: who wants to know how far the bytes have got.
            head: where signing keeps what it works out for calls with the same fields.

        Raises:
            CallError: with all its attempts, and where it went.
            CredentialsError: there were none to sign with.
            SessionClosedError: the session was closed meanwhile.
        """
        call = Call(operation, resource, request.origin, timeouts, progress, self._timing, head)
        if self._interceptors:
            call.context = self._context(call)
        try:
            if timeouts.total is None:
                reply = await self._attempts(call, request)
            else:
                reply = await self._within(timeouts.total, call, request)
        except CallError as error:
            log_call(call, error, self._loggers)
            if call.context is not None:
                await self._interceptors.after_call(call.outcome(None, error))
            raise
        except BaseException as error:
            log_abandoned(call, error, self._loggers)
            if call.context is not None:
                self._interceptors.abandoned(call.context, error)
            raise
        log_call(call, reply.metadata, self._loggers)
        if call.context is not None:
            try:
                await self._interceptors.after_call(call.outcome(reply.response))
            except BaseException:
                reply.response.close()
                raise
            if operation.streaming:
                reply.watcher = StreamWatcher(self._interceptors, call.context, call.started, self._timing)
        return reply

    def retry_of(self, state: CallState, error: CallError) -> Retry | Stop:
        """Decide whether to ask again for the rest of a body that broke off, which is cheap and harmless.

        Args:
            state: of this body, from break to break.
            error: how it broke off.
        """
        now = self._timing.monotonic()
        return self._policy.next(
            state, self._outcome(error, None), repeatable=True, random=self._timing.uniform(), now=now
        )

    def resumed(self, state: CallState) -> None:
        """Take notice that the rest of a body came after all."""
        self._policy.success(state, self._timing.monotonic())

    def _context(self, call: Call) -> CallContext:
        endpoint = self.endpoint
        return CallContext(
            self._service.name,
            call.operation.name,
            call.resource,
            endpoint.origin,
            endpoint.signing_region,
            call.invocation_id,
        )

    async def _within(self, total: float, call: Call, request: HTTPRequest) -> Reply:
        try:
            async with asyncio.timeout(total) as limit:
                return await self._attempts(call, request)
        except TimeoutError as error:
            if isinstance(error, CallError) or not limit.expired():
                raise
        raise call.failed(
            TotalTimeoutError(
                f"not done within {total:g} s (Timeouts.total or the call's timeout), over all attempts and delays "
                "together; allow more, or less for each attempt (Timeouts.first_byte) so that others fit in",
                total,
            )
        )

    async def _attempts(self, call: Call, request: HTTPRequest) -> Reply:
        if call.context is not None:
            request = await self._interceptors.before_call(call.context, request)
        small = len(request.body) < HASH_OFF_LOOP_BYTES
        payload_hash = _hash(request.body) if small else await _payload_hash(request.body)
        while True:
            if wait := self._policy.acquire(self._timing.monotonic()):
                await self._wait_for_capacity(call, wait)
            credentials = self._credentials.fresh(self._timing.clock()) or await self._credentials.get()
            call.begin_attempt()
            outgoing, outgoing_hash = request, payload_hash
            if call.context is not None:
                outgoing, outgoing_hash = await self._intercepted(
                    call, call.context, request, payload_hash, credentials
                )
            response: HTTPResponse | None = None
            error: CallError | None = None
            body = b""
            try:
                sign = functools.partial(self._signed, call, outgoing_hash, credentials)
                on_sent = call.progress.on_sent_of(outgoing.body)
                response = await self._transport.send(outgoing, call.timeouts, on_sent, sign)
                log_response(call.operation, response, self._loggers)
                if not 200 <= response.status < 300:
                    error_body = await _error_body(response)
                    error = service_error(call.operation, response.status, response.headers, error_body)
                elif not call.operation.streaming:
                    body = await self._body(response, call.progress)
                    if call.operation.error_in_success and is_error(call.operation, body):
                        error = service_error(call.operation, 500, response.headers, body)
            except CallError as failure:
                error = failure
            except BaseException:  # cancelled, or a callback raised
                if response is not None:
                    response.close()
                raise
            if error is None:
                assert response is not None
                self._policy.success(call.state, self._timing.monotonic())
                metadata = call.succeeded(response)
                if call.context is not None:
                    await self._notify_success(call, response)
                return Reply(response, body, metadata)
            decision: Retry | Stop
            if call.progress.on_attempt_failed is not None and call.progress.on_attempt_failed(error):
                decision = Stop(StopReason.FINAL)
            else:
                decision = self._policy.next(
                    call.state,
                    self._outcome(error, response),
                    repeatable=call.operation.repeatable,
                    random=self._timing.uniform(),
                    now=self._timing.monotonic(),
                )
            if decision.clock_offset is not None:
                self.clock_offset = decision.clock_offset
            if isinstance(decision, Retry):
                forget_frames(error)  # they hold the body, in a circle that only the garbage collector would end
                call.end_attempt(error.outcome, delay=decision.delay, note=decision.note)
            else:
                lost_with = len(outgoing.body) if response is None else 0
                call.failed(error, note=decision.note, body_bytes=lost_with)
            if call.context is not None:
                await self._interceptors.after_attempt(call.outcome(response, error))
            if not isinstance(decision, Retry):
                if decision.refresh_credentials:  # for the next call: this one has no attempt left
                    with contextlib.suppress(SageMakerAsyncError):
                        await self._credentials.refresh(credentials)
                raise error
            if decision.refresh_credentials:
                await self._credentials.refresh(credentials)
            if decision.delay:
                await self._timing.sleep(decision.delay)

    async def _notify_success(self, call: Call, response: HTTPResponse) -> None:
        """Call the interceptors for an attempt that succeeded."""
        try:
            await self._interceptors.after_attempt(call.outcome(response))
        except BaseException:
            response.close()
            raise

    async def _intercepted(
        self, call: Call, context: CallContext, request: HTTPRequest, payload_hash: str, credentials: Credentials
    ) -> tuple[HTTPRequest, str]:
        """Return the request of one attempt as the interceptors want it, and its body's hash."""
        own = self._own_headers(call)
        context.access_key_id = credentials.access_key_id
        presented = request._replace(headers={**request.headers, **own})
        unsigned = await self._interceptors.before_attempt(context, presented)
        if unsigned.body is not request.body:
            payload_hash = await _payload_hash(unsigned.body)
        others = {name: value for name, value in unsigned.headers.items() if name.lower() not in own}
        return unsigned._replace(headers=others), payload_hash

    def _signed(self, call: Call, payload_hash: str, credentials: Credentials, request: HTTPRequest) -> HTTPRequest:
        """Return the request of one attempt, signed; called when it has its connection."""
        clock = self._timing.clock()
        # It may have waited for its connection for longer than its credentials are good.
        credentials = self._credentials.fresh(clock) or credentials
        timestamp = clock + self.clock_offset
        headers = self._signer.sign(request, credentials, timestamp, payload_hash=payload_hash, head=call.head)
        headers |= self._own_headers(call)  # after signing, as botocore does
        outgoing = HTTPRequest(request.method, request.origin, request.target, headers, request.body)
        log_request(call.operation, outgoing, self._loggers)
        return outgoing

    def _own_headers(self, call: Call) -> dict[str, str]:
        return {
            "amz-sdk-invocation-id": call.invocation_id,
            "amz-sdk-request": f"attempt={call.number}; max={self._policy.max_attempts}",
        }

    async def _wait_for_capacity(self, call: Call, wait: float) -> None:
        """Adaptive mode only: wait until the client's own rate limit lets another attempt pass."""
        while wait:
            if not self._wait_to_fill:
                refused = ThrottlingError(
                    f"held back by the client's own rate limit for another {wait:.3g} s "
                    "(RetryConfig.adaptive_wait_to_fill is off)",
                    status=0,
                    code="ClientRateLimit",
                )
                refused.not_sent = True
                refused.retry_after = wait
                raise call.failed(refused)
            await self._timing.sleep(wait)
            wait = self._policy.acquire(self._timing.monotonic())

    def _body(self, response: HTTPResponse, progress: Progress) -> Awaitable[bytes]:
        if progress.on_chunk_received is None:
            return response.read(self._max_response_bytes)
        return self._body_by_chunks(response, progress.on_chunk_received)

    async def _body_by_chunks(self, response: HTTPResponse, on_chunk_received: ChunkListener) -> bytes:
        limit = self._max_response_bytes
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isascii() and length.isdigit() else None
        chunks: list[bytes] = []
        received = 0
        while chunk := await response.read_chunk():
            chunks.append(chunk)
            received += len(chunk)
            if received > limit:
                response.close()
                raise ResponseTooLargeError(limit, received)
            on_chunk_received(chunk, received, total)
        return b"".join(chunks)

    def _outcome(self, error: CallError, response: HTTPResponse | None) -> Outcome:
        if response is None or not isinstance(error, ServiceError):
            return Outcome(not_sent=error.not_sent and error.retryable, stale=error.stale, ambiguous=error.ambiguous)
        headers = response.headers
        return Outcome(
            status=error.status,
            code=error.code or None,
            null_message=error.null_message,
            retry_after=headers.get("x-amz-retry-after"),
            date=headers.get("Date") if self._correct_clock_skew else None,
            wall_clock=self._timing.clock(),
            applied_offset=self.clock_offset,
        )


async def _error_body(response: HTTPResponse) -> bytes:
    """Return the body of an error, as far as it came: its status and beginning say more than that it broke off."""
    chunks: list[bytes] = []
    room = MAX_ERROR_BODY
    with contextlib.suppress(TransportError):
        while chunk := await response.read_chunk():
            chunks.append(chunk[:room])
            room -= len(chunk)
            if room < 0:
                response.close()
                break
    return b"".join(chunks)


async def _payload_hash(body: bytes) -> str:
    if len(body) >= HASH_OFF_LOOP_BYTES:
        return await asyncio.to_thread(_hash, body)
    return _hash(body)


def _hash(body: bytes) -> str:
    return sha256(body).hexdigest()
