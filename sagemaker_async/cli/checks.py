"""What the demo verifies: `CHECKS`, claims with the code that tries each of them on a running embedded SageMaker.

A check returns its evidence in words or raises. Only what was tried in this run is reported as verified. A check that
raises (`CheckFailed`, or an error of the client) has failed; the others are still tried.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from sagemaker_async.config import Credentials, RetryConfig
from sagemaker_async.errors import SageMakerAsyncError, SignatureError, TruncatedStreamError, ValidationError
from sagemaker_async.iterators import TextIterator, Token, TokenIterator
from sagemaker_async.local import CutFrame, LocalSageMaker, PartSize, Stall, Throttle
from sagemaker_async.predictor import Predictor
from sagemaker_async.predictor.stream import PredictionStream
from sagemaker_async.serializers import JSONSerializer
from sagemaker_async.session import Session

__all__ = ["CHECKS", "Check", "CheckFailed", "Outcome", "Stage", "tried"]

E = TypeVar("E", bound=SageMakerAsyncError)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the checks work on: a server, a session that calls it, and the answers to earlier requests."""

    local: LocalSageMaker
    session: Session
    endpoint: str
    """An endpoint with the text model, without delay."""
    echo: str
    """An endpoint that returns the body it receives."""
    request: dict[str, object]
    """The request whose answer is `predicted`."""
    predicted: str
    """The text that was predicted in one piece."""
    streamed: str
    """The text of the tokens that were streamed."""

    def stream(self) -> PredictionStream[Token]:
        """Return a new stream of eight tokens, whatever was predicted before."""
        predictor = Predictor(self.endpoint, self.session, JSONSerializer())
        request = {"inputs": "The keeper", "parameters": {"max_new_tokens": 8}, "stream": True}
        return predictor.predict_stream(request, iterator=TokenIterator)


class Check(NamedTuple):
    """A claim, and the code that tries it."""

    claim: str
    run: Callable[[Stage], Awaitable[str]]


class Outcome(NamedTuple):
    """The result of a check."""

    passed: bool
    evidence: str


class CheckFailed(Exception):
    """The claim is wrong."""


async def tried(check: Check, stage: Stage) -> Outcome:
    """Run a check and return its result."""
    try:
        return Outcome(True, await check.run(stage))
    except CheckFailed as failure:
        return Outcome(False, str(failure))
    except (SageMakerAsyncError, TimeoutError) as error:
        return Outcome(False, f"{type(error).__name__}: {error}")


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise CheckFailed(otherwise)


async def _refusal(call: Awaitable[object], kind: type[E]) -> E:
    try:
        await call
    except kind as error:
        return error
    raise CheckFailed(f"the call succeeded, but should have raised {kind.__name__}")


# --- the checks, in the order they are tried --------------------------------------------------------------------------


async def _same_text(stage: Stage) -> str:
    _require(stage.streamed == stage.predicted, f"{stage.streamed!r} was streamed, {stage.predicted!r} predicted")
    return f"both are the same {len(stage.predicted)} characters"


async def _all_signed(stage: Stage) -> str:
    key, region = stage.local.credentials.access_key_id, stage.local.client_options["region"]
    requests = stage.local.requests
    _require(bool(requests), "the server did not receive a request")
    for request in requests:
        words = request.headers.get("Authorization", "")
        _require(words.startswith(f"AWS4-HMAC-SHA256 Credential={key}/"), f"{request.target} was not signed")
        _require(f"/{region}/sagemaker/aws4_request," in words, f"{request.target} was signed for another scope")
    return f"AWS4-HMAC-SHA256 for {region}/sagemaker on each of {len(requests)} requests"


async def _wrong_secret(stage: Stage) -> str:
    right = stage.local.credentials
    wrong = Credentials(right.access_key_id, right.secret_access_key[::-1])
    before = stage.local.endpoints[stage.endpoint].invocations
    async with Session(stage.session.config, credentials=wrong) as session:
        call = session.runtime.invoke_endpoint(endpoint_name=stage.endpoint, body=json.dumps(stage.request))
        error = await _refusal(call, SignatureError)
    _require(error.code == "InvalidSignatureException", f"it was refused for another reason: {error}")
    _require(stage.local.endpoints[stage.endpoint].invocations == before, "the model was run nevertheless")
    return f"HTTP {error.status} {error.code}, and the model was not run"


async def _unknown_endpoint(stage: Stage) -> str:
    call = stage.session.runtime.invoke_endpoint(endpoint_name="no-such-endpoint", body=b"{}")
    error = await _refusal(call, ValidationError)
    _require(bool(error.request_id), "the error has no request id")
    return f"HTTP {error.status} {error.code}: {error.error_message}"


async def _throttled(stage: Stage) -> str:
    stage.local.script(stage.endpoint, [Throttle()])
    async with Session(stage.session.config, retry=RetryConfig(base_delay=0.01)) as session:
        response = await session.runtime.invoke_endpoint(
            endpoint_name=stage.endpoint, body=json.dumps(stage.request), content_type="application/json"
        )
    outcomes = [attempt.outcome for attempt in response.metadata.attempts]
    _require(len(outcomes) == 2, f"there should have been two attempts: {outcomes}")
    _require(json.loads(response.body)["generated_text"] == stage.predicted, "the answer differs from the prediction")
    return f"attempts: {', then '.join(outcomes)}"


async def _cut_frame(stage: Stage) -> str:
    stage.local.script(stage.endpoint, [CutFrame(after_parts=3)])
    tokens: list[Token] = []

    async def read() -> None:
        async with stage.stream() as stream:
            async for token in stream:
                tokens.append(token)  # noqa: PERF401 - the tokens before the failure are counted

    error = await _refusal(read(), TruncatedStreamError)
    _require(len(tokens) == 3, f"3 tokens were sent before the cut, but {len(tokens)} were delivered")
    return f"{type(error).__name__} after the 3 tokens that were sent before the cut"


async def _split_characters(stage: Stage) -> str:
    text = "grün, naïve, 海, 🌊"
    stage.local.script(stage.echo, [PartSize(1)])
    predictor = Predictor(stage.echo, stage.session)
    async with predictor.predict_stream(text.encode(), iterator=TextIterator) as pieces:
        received = "".join([piece async for piece in pieces])
    _require(received == text, f"{text!r} was sent, but {received!r} arrived")
    return f"{len(text)} characters from {len(text.encode())} parts of 1 byte"


async def _left_early(stage: Stage) -> str:
    endpoint = stage.local.script(stage.endpoint, [Stall(after_parts=1)])
    before = endpoint.abandoned_streams
    async with stage.stream() as stream:
        async for _ in stream:
            break
    _require(stage.session.connections_in_use == 0, f"{stage.session.connections_in_use} connections are in use")
    await endpoint.until(lambda e: e.abandoned_streams == before + 1)
    return "the connection was released at once, and the server noticed"


async def _nothing_open(stage: Stage) -> str:
    in_use = stage.session.connections_in_use
    _require(in_use == 0, f"{in_use} connections are in use")
    for endpoint in stage.local.endpoints.values():
        await endpoint.until(lambda e: e.open_streams == 0)
    return f"connections in use: {in_use}; open streams: 0"


CHECKS = (
    Check("the streamed tokens add up to the prediction", _same_text),
    Check("every request was signed, and the server accepted it", _all_signed),
    Check("a wrong secret is refused", _wrong_secret),
    Check("an unknown endpoint is refused", _unknown_endpoint),
    Check("a throttled call is repeated", _throttled),
    Check("a stream that is cut inside a frame is an error, not an end", _cut_frame),
    Check("a character that is split across parts arrives whole", _split_characters),
    Check("leaving a stream early closes its connection", _left_early),
    Check("after all that, nothing is left open", _nothing_open),
)
"""In the order in which they are tried; the last one must stay the last."""
