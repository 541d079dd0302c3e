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
from collections.abc import Iterable, Mapping
from typing import Self

from sagemaker_async.aws.eventstream import encode_message
from sagemaker_async.aws.transport.stub import NO_HEADERS, ScriptedResponse
from sagemaker_async.errors import ConfigurationError, InternalStreamFailure, ModelStreamError

from .events import PayloadPart

__all__ = ["StubResponse"]


class StubResponse(ScriptedResponse):
    """One scripted answer.

    Args:
        status: the HTTP status.
        body: its bytes; or an iterable of the chunks in which they arrive; an exception in it is raised when its turn
            comes.
        headers: its header fields; a request id is added when there is none.
    """

    @classmethod
    def stream(
        cls,
        events: Iterable[bytes | PayloadPart | ModelStreamError | InternalStreamFailure | Exception],
        *,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Self:
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
