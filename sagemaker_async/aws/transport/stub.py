"""`StubTransport`: scripted answers in place of a network, for tests of programs that use this package.

`sagemaker_async.runtime.stub` says how to use it, and has the answers of SageMaker Runtime.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Self

from multidict import CIMultiDict, CIMultiDictProxy

from sagemaker_async.aws.http import ChunkCallback, HTTPRequest, HTTPResponse
from sagemaker_async.config import Timeouts
from sagemaker_async.errors import ConfigurationError, ResponseTooLargeError, UsageError

__all__ = ["NO_HEADERS", "ScriptedResponse", "StubTransport"]

REQUEST_ID = "00000000-0000-4000-8000-000000000000"

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class ScriptedResponse:
    """One scripted answer of any service; programs use `sagemaker_async.StubResponse`, which can be a stream as well.

    The arguments are those of `StubResponse`.
    """

    def __init__(
        self,
        status: int = 200,
        body: bytes | Iterable[bytes | BaseException] = b"",
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        self.status = status
        self.chunks: tuple[bytes | BaseException, ...] = (body,) if isinstance(body, bytes) else tuple(body)
        for chunk in self.chunks:
            if not isinstance(chunk, bytes | BaseException):
                raise ConfigurationError(
                    f"StubResponse.body takes bytes, or chunks that are bytes or exceptions, not {type(chunk).__name__}"
                )
        self.headers: dict[str, str] = {"x-amzn-RequestId": REQUEST_ID, **headers}

    @classmethod
    def json(cls, value: Any, *, status: int = 200, headers: Mapping[str, str] = NO_HEADERS) -> Self:
        """Return an answer whose body is `value` as JSON."""
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})

    @classmethod
    def error(
        cls,
        code: str,
        message: str = "",
        *,
        status: int = 400,
        fields: Mapping[str, Any] = NO_HEADERS,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Self:
        """Return an error of AWS's, such as ``error("ThrottlingException", "slow down", status=429)``."""
        return cls.json({"Message": message, **fields}, status=status, headers={"x-amzn-ErrorType": code, **headers})


Answer = ScriptedResponse | Exception | Callable[[HTTPRequest], ScriptedResponse | Exception]


class StubTransport:
    """Answers requests from a script, in order; give it as `Config.transport`.

    Args:
        answers: a `StubResponse`; an exception of `sagemaker_async.errors`, to fail without an answer; or a callable
            that gets the signed request and returns one of the two.
        otherwise: the answer when the script is used up; None makes that a `UsageError`. Without any answer at all,
            each call gets an empty valid one: no body, or an event stream without events. What the control plane
            answers has fields that it must have, so that its calls need a script.

    Attributes:
        requests: every request that was sent, signed as it would have gone out. They hold credentials' signatures.
    """

    stubbed = True
    """Tells the session to ask neither environment nor files, and not to retry by default."""

    def __init__(self, *answers: Answer, otherwise: Answer | None = None) -> None:
        self.requests: list[HTTPRequest] = []
        self._script: deque[Answer] = deque()
        otherwise = _empty if otherwise is None and not answers else otherwise
        self._otherwise = otherwise if otherwise is None else _checked(otherwise)
        self._open = 0
        self.add(*answers)

    @property
    def unused(self) -> int:
        """How many scripted answers have not been used."""
        return len(self._script)

    @property
    def in_use(self) -> int:
        """How many answers are neither read to their end nor closed."""
        return self._open

    def add(self, *answers: Answer) -> None:
        """Append to the script; raises `ConfigurationError` for what cannot be an answer."""
        self._script.extend([_checked(answer) for answer in answers])
        if answers and self._otherwise is _empty:  # there is a script after all
            self._otherwise = None

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
        answer = self._script.popleft() if self._script else self._otherwise or self._used_up(request)
        if not isinstance(answer, ScriptedResponse | Exception):
            answer = _computed(answer(request))
        if isinstance(answer, Exception):
            raise answer
        return _Answer(answer, self)

    def _used_up(self, request: HTTPRequest) -> UsageError:
        return UsageError(
            f"the script of this StubTransport is used up: request {len(self.requests)} is "
            f"{request.method} {request.target}; give more answers, or otherwise="
        )

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _empty(request: HTTPRequest) -> ScriptedResponse | Exception:
    """Return the least that a rest-json operation may answer."""
    if request.target == "/":  # json-rpc or query, whose answers have fields
        return UsageError(
            "a StubTransport without a script answers with empty bodies, which this service's answers are not; give it "
            "answers, such as StubTransport(StubResponse.json({...}))"
        )
    if request.target.endswith("-response-stream"):
        return ScriptedResponse(200, b"", {"Content-Type": "application/vnd.amazon.eventstream"})
    return ScriptedResponse()


def _checked(answer: Answer) -> Answer:
    if isinstance(answer, ScriptedResponse | Exception) or callable(answer):
        return answer
    raise ConfigurationError(
        "StubTransport answers with a StubResponse, an exception, or a function of the request that returns one of "
        f"them, not {type(answer).__name__}"
    )


def _computed(answer: object) -> ScriptedResponse | Exception:
    if isinstance(answer, ScriptedResponse | Exception):
        return answer
    raise UsageError(
        f"a scripted function returned {type(answer).__name__}; it must return a StubResponse or an exception"
    )


class _Answer:
    """A scripted answer being read."""

    def __init__(self, response: ScriptedResponse, transport: StubTransport) -> None:
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
