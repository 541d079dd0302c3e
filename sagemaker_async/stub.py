"""`StubTransport`: scripted answers in place of a network, for tests of programs that use this package.

Everything above the socket is real: validation, signing, parsing, streams, errors. Nothing is read from environment or
files; region and credentials have stand-ins, and failures are not retried unless `RetryConfig.max_attempts` says so::

    stub = StubTransport(StubResponse.json({"answer": 42}), StubResponse.error("ValidationError", "no such endpoint"))
    async with Session(transport=stub) as session:
        predictor = Predictor("my-endpoint", session, deserializer=JSONDeserializer())
        assert await predictor.predict(b"...") == {"answer": 42}
    assert stub.requests[0].target == "/endpoints/my-endpoint/invocations"

For a server that other clients can call as well, see `sagemaker_async.local`.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from multidict import CIMultiDict, CIMultiDictProxy

from .aws.eventstream import encode_message
from .aws.http import ChunkCallback, HTTPRequest, HTTPResponse
from .config import Timeouts
from .errors import ConfigurationError, InternalStreamFailure, ModelStreamError, ResponseTooLargeError, UsageError
from .runtime.events import PayloadPart

__all__ = ["StubResponse", "StubTransport"]

REQUEST_ID = "00000000-0000-4000-8000-000000000000"

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class StubResponse:
    """One scripted answer.

    Args:
        status: the HTTP status.
        body: its bytes; or an iterable of the chunks they arrive in, in which an exception is raised when its turn
            comes.
        headers: its header fields; a request id is added when there is none.
    """

    def __init__(
        self,
        status: int = 200,
        body: bytes | Iterable[bytes | BaseException] = b"",
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> None:
        self.status = status
        self.chunks: tuple[bytes | BaseException, ...] = (body,) if isinstance(body, bytes) else tuple(body)
        for chunk in self.chunks:
            if not isinstance(chunk, bytes | BaseException):
                raise ConfigurationError(
                    f"StubResponse.body takes bytes, or chunks that are bytes or exceptions, not {type(chunk).__name__}"
                )
        self.headers = {"x-amzn-RequestId": REQUEST_ID, **headers}

    @classmethod
    def json(cls, value: Any, *, status: int = 200, headers: Mapping[str, str] = _NO_HEADERS) -> StubResponse:
        """Return an answer whose body is `value` as JSON."""
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})

    @classmethod
    def error(
        cls,
        code: str,
        message: str = "",
        *,
        status: int = 400,
        fields: Mapping[str, Any] = _NO_HEADERS,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> StubResponse:
        """Return an error of AWS's, such as ``error("ThrottlingException", "slow down", status=429)``."""
        return cls.json({"Message": message, **fields}, status=status, headers={"x-amzn-ErrorType": code, **headers})

    @classmethod
    def stream(
        cls,
        events: Iterable[bytes | PayloadPart | ModelStreamError | InternalStreamFailure | Exception],
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> StubResponse:
        """Return a response stream; bytes stand for a `PayloadPart`, other exceptions break the connection there."""
        return cls(
            200,
            [_chunk_of(event) for event in events],
            {"Content-Type": "application/vnd.amazon.eventstream", **headers},
        )


def _chunk_of(event: object) -> bytes | BaseException:
    if isinstance(event, bytes):
        event = PayloadPart(event)
    if isinstance(event, PayloadPart):
        return encode_message({":message-type": "event", ":event-type": "PayloadPart"}, event.bytes)
    if isinstance(event, ModelStreamError | InternalStreamFailure):
        members = {"Message": event.message}
        exception_type = "InternalStreamFailure"
        if isinstance(event, ModelStreamError):
            exception_type = "ModelStreamError"
            if event.error_code is not None:
                members["ErrorCode"] = event.error_code
        headers = {":message-type": "exception", ":exception-type": exception_type}
        return encode_message(headers, json.dumps(members).encode())
    if isinstance(event, BaseException):
        return event
    raise ConfigurationError(f"StubResponse.stream takes bytes, events and exceptions, not {type(event).__name__}")


Answer = StubResponse | Exception | Callable[[HTTPRequest], StubResponse | Exception]


class StubTransport:
    """Answers requests from a script, in order; give it as `Config.transport`.

    Args:
        answers: a `StubResponse`; an exception of `sagemaker_async.errors`, to fail without an answer; or a callable
            that gets the signed request and returns one of the two.
        otherwise: the answer when the script is used up; None makes that a `UsageError`.

    Attributes:
        requests: every request that was sent, signed as it would have gone out. They hold credentials' signatures.
    """

    stubbed = True
    """Tells the session to ask neither environment nor files, and not to retry by default."""

    def __init__(self, *answers: Answer, otherwise: Answer | None = None) -> None:
        self.requests: list[HTTPRequest] = []
        self._script: deque[Answer] = deque()
        self._otherwise = otherwise if otherwise is None else _checked(otherwise)
        self._open = 0
        self.add(*answers)

    @property
    def unused(self) -> int:
        """How many scripted answers have not been asked for."""
        return len(self._script)

    @property
    def in_use(self) -> int:
        """How many answers are neither read to their end nor closed."""
        return self._open

    def add(self, *answers: Answer) -> None:
        """Append to the script; raises `ConfigurationError` for what can be no answer."""
        self._script.extend([_checked(answer) for answer in answers])

    async def send(
        self,
        request: HTTPRequest,
        timeouts: Timeouts,  # noqa: ARG002 - nothing takes time here
        on_chunk_sent: ChunkCallback | None = None,
    ) -> HTTPResponse:
        """Record a request and give the next answer."""
        self.requests.append(request)
        if on_chunk_sent is not None and request.body:
            on_chunk_sent(len(request.body), len(request.body))
        answer = self._script.popleft() if self._script else self._otherwise
        if answer is None:
            raise UsageError(
                f"the script of this StubTransport is used up: request {len(self.requests)} is "
                f"{request.method} {request.target}; give more answers, or otherwise="
            )
        if not isinstance(answer, StubResponse | Exception):
            answer = _computed(answer(request))
        if isinstance(answer, Exception):
            raise answer
        return _Answer(answer, self)

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _checked(answer: Answer) -> Answer:
    if isinstance(answer, StubResponse | Exception) or callable(answer):
        return answer
    raise ConfigurationError(
        "StubTransport answers with a StubResponse, an exception, or a function of the request that returns one of "
        f"them, not {type(answer).__name__}"
    )


def _computed(answer: object) -> StubResponse | Exception:
    if isinstance(answer, StubResponse | Exception):
        return answer
    raise UsageError(
        f"a scripted function returned {type(answer).__name__}; it must return a StubResponse or an exception"
    )


class _Answer:
    """A scripted answer being read."""

    def __init__(self, response: StubResponse, transport: StubTransport) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = CIMultiDictProxy(CIMultiDict(response.headers))
        self._chunks: Iterator[bytes | BaseException] = iter(response.chunks)
        self._transport: StubTransport | None = transport
        transport._open += 1

    async def read(self, limit: int | None = None) -> bytes:
        body = bytearray()
        while chunk := await self.read_chunk():
            body += chunk
            if limit is not None and len(body) > limit:
                self.close()
                raise ResponseTooLargeError(limit, len(body))
        return bytes(body)

    async def read_chunk(self) -> bytes:
        if self._transport is not None:
            for chunk in self._chunks:
                if isinstance(chunk, BaseException):
                    self.close()
                    raise chunk
                if chunk:
                    return chunk
        self.close()
        return b""

    def close(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport._open -= 1

    def __del__(self) -> None:
        self.close()
