"""Tests of a program that calls an endpoint: no account, no sleep, and failures on demand."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest

from sagemaker_async import Predictor, Session
from sagemaker_async.errors import ModelError, StreamError
from sagemaker_async.local import DropConnection, Endpoint, ModelFailure, ThreadedLocalSageMaker, Throttle

Summarize = Callable[[str], str]


async def summary(session: Session, text: str) -> str:
    """Return what the model makes of a text; if it breaks off, what it had said until then."""
    stream = Predictor("summarizer", session).predict_stream(text.encode()).text()
    try:
        return "".join(await stream.collect())
    except StreamError:
        return stream.partial + " [...]"


@pytest.fixture
def summarizer(local_sagemaker: ThreadedLocalSageMaker) -> Endpoint:
    async def model(body: bytes) -> AsyncIterator[bytes]:
        if not body:
            raise ModelFailure(400, json.dumps({"error": "there is no text"}))
        for word in body.split()[:3]:
            yield word + b" "

    return local_sagemaker.add_endpoint("summarizer", model)


@pytest.fixture
def summarize(local_sagemaker: ThreadedLocalSageMaker) -> Summarize:
    def summarize(text: str) -> str:
        async def run() -> str:
            async with Session(**local_sagemaker.client_options) as session:
                return await summary(session, text)

        return asyncio.run(run())

    return summarize


def test_a_summary_is_short(summarizer: Endpoint, summarize: Summarize) -> None:
    assert summarize("The sea was calm and the light was on") == "The sea was "


def test_a_throttle_is_survived_and_the_model_runs_once(summarizer: Endpoint, summarize: Summarize) -> None:
    summarizer.faults.append(Throttle())
    assert summarize("The sea was calm") == "The sea was "
    assert (summarizer.requests, summarizer.invocations) == (2, 1)


def test_what_came_before_a_cut_is_kept(summarizer: Endpoint, summarize: Summarize) -> None:
    summarizer.faults.append(DropConnection(after_parts=2))
    assert summarize("The sea was calm") == "The sea  [...]"


def test_the_models_own_words_are_in_the_error(summarizer: Endpoint, summarize: Summarize) -> None:
    with pytest.raises(ModelError, match="there is no text"):
        summarize("")
