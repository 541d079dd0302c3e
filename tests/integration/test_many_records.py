"""`Predictor.map` against the embedded SageMaker: what is sent, what comes back, what is refused and when."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sagemaker_async import Batch, Predictor, Scoring, Session
from sagemaker_async.aws.timing import Timing
from sagemaker_async.config import RetryConfig
from sagemaker_async.deserializers import CSVDeserializer, JSONDeserializer, JSONLinesDeserializer
from sagemaker_async.errors import (
    ConfigurationError,
    DeserializationError,
    ModelError,
    StreamIncomplete,
    ThrottlingError,
    ValidationError,
)
from sagemaker_async.local import CutFrame, LocalSageMaker, ModelFailure, ModelResponse, Status, TextModel, Throttle
from sagemaker_async.predictor.stream import PredictionStream
from sagemaker_async.records.results import TokenResult
from sagemaker_async.serializers import CSVSerializer, JSONLinesSerializer, JSONSerializer


def without_waiting(session: Session) -> Session:
    """Have a session that was not used yet wait for no delay."""
    session.channel.timing = Timing(sleep=lambda seconds: asyncio.sleep(0))
    return session


def predictor_of(session: Session, name: str = "e") -> Predictor[Any]:
    return Predictor(name, session, JSONSerializer(), JSONDeserializer())


async def test_hundreds_of_records_have_their_own_answers_and_connections_go_back(
    local: LocalSageMaker, session: Session
) -> None:
    local.add_endpoint("e", lambda body: body)
    got = [o async for o in predictor_of(session).map(({"n": n} for n in range(300)), id=lambda record: record["n"])]
    assert [(o.id, o.result, o.attempts) for o in got] == [(n, {"n": n}, 1) for n in range(300)]
    assert session.connections_in_use == 0


async def test_fields_of_every_request_are_sent(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("e", lambda body: body)
    options = {"initial_args": {"TargetVariant": "AllTraffic", "CustomAttributes": "trace=1"}}
    assert len([o async for o in predictor_of(session).map([1, 2], **options)]) == 2
    assert [r.headers["X-Amzn-SageMaker-Custom-Attributes"] for r in local.requests] == ["trace=1"] * 2


async def test_attempts_of_the_session_count_and_are_seen_as_they_happen(
    local: LocalSageMaker, session: Session
) -> None:
    local.add_endpoint("e", lambda body: body)
    local.script("e", [Throttle(), Status(503, "ServiceUnavailable")])
    async with predictor_of(without_waiting(session)).map([1], max_concurrency=4) as outcomes:
        (outcome,) = [o async for o in outcomes]
    assert (outcome.result, outcome.attempts, len(local.requests)) == (1, 3, 3)
    assert outcomes.progress.retried == 1  # throttling is the mapping's, which has a pace; 503 is the session's
    assert outcomes.progress.pace is not None


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("retry_for", "retried"), [(60.0, 2), (0.0, 0)])
async def test_throttled_requests_are_repeated_by_the_mapping_or_if_it_does_not_by_the_session(
    local: LocalSageMaker, session: Session, stream: bool, retry_for: float, retried: int
) -> None:
    local.add_endpoint("e", TextModel() if stream else lambda body: body)
    local.script("e", [Throttle(), Throttle()])
    record = {"inputs": "x", "stream": stream}
    predictor = predictor_of(without_waiting(session))
    async with predictor.map([record], stream=stream, retry_for=retry_for, concurrency=1) as outcomes:
        (outcome,) = [o async for o in outcomes]
    assert (outcome.ok, outcome.attempts, outcomes.progress.retried) == (True, 3, retried)


async def test_what_the_session_gives_up_is_sent_again_and_none_is_lost(local: LocalSageMaker) -> None:
    endpoint = local.add_endpoint("e", lambda body: body)
    endpoint.faults.extend([Throttle(retry_after_ms=1), Throttle(null_message=True), None] * 20)
    async with Session(**local.client_options, retry=RetryConfig(max_attempts=1)) as session:
        got = [o async for o in predictor_of(without_waiting(session)).map(range(30), concurrency=20)]
    assert [o.result for o in got] == list(range(30))
    assert sum(o.attempts for o in got) == len(local.requests) > 60


async def test_errors_are_those_of_a_prediction_with_their_facts(local: LocalSageMaker, session: Session) -> None:
    def picky(body: bytes) -> bytes:
        if json.loads(body) % 4 == 1:
            raise ModelFailure(422, "not this one")
        return body

    local.add_endpoint("e", picky)
    got = [o async for o in predictor_of(session).map(range(12), on_error="return", concurrency=5)]
    failed = [o for o in got if not o.ok]
    assert [o.index for o in failed] == [1, 5, 9]
    for outcome in failed:
        assert isinstance(outcome.error, ModelError)
        assert (outcome.error.original_message, outcome.attempts) == ("not this one", 1)
        assert outcome.error.request_id is not None


async def test_an_endpoint_that_is_not_there_is_said_at_once(local: LocalSageMaker, session: Session) -> None:
    with pytest.raises(ValidationError) as raised:  # noqa: PT012
        async for _ in predictor_of(session, "nowhere").map(range(1000)):
            pytest.fail("there is no answer to have")
    assert raised.value.__notes__ == ["record 0"]


async def test_what_cannot_be_serialised_is_not_sent(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("e", lambda body: body)
    got = [o async for o in predictor_of(session).map([1, {2}, 3], on_error="return")]
    assert [(o.result, o.attempts) for o in got] == [(1, 1), (None, 0), (3, 1)]


# --- batches ----------------------------------------------------------------------------------------------------------


async def test_json_lines_in_batches(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("e", lambda body: b"\n".join(b"%d" % (json.loads(line)["n"] * 2) for line in body.split(b"\n")))
    predictor = Predictor("e", session, JSONLinesSerializer(), JSONLinesDeserializer())
    got = [o async for o in predictor.map(({"n": n} for n in range(25)), batch=10)]
    assert [o.result for o in got] == [2 * n for n in range(25)]
    assert len(local.requests) == 3


async def test_rows_of_csv_in_batches(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("e", lambda body: ModelResponse(body, "text/csv"))
    predictor = Predictor("e", session, CSVSerializer(), CSVDeserializer())
    got = [o async for o in predictor.map([[1, "a,b"], [2, "c\nd"], [3, "e"]], batch=2)]
    assert [o.result for o in got] == [["1", "a,b"], ["2", "c\nd"], ["3", "e"]]


async def test_instances_in_batches(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("e", lambda body: json.dumps({"predictions": json.loads(body)["instances"]}))
    got = [o async for o in predictor_of(session).map([[1.0], [2.0], [3.0]], batch=2)]
    assert [o.result for o in got] == [[1.0], [2.0], [3.0]]


async def test_lines_that_are_lines_already(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("e", lambda body: body)
    predictor = Predictor("e", session, content_type="application/jsonlines")
    got = [o async for o in predictor.map([b'{"n": 1}', b'{"n": 2}\n', b'{"n": 3}'], batch=2)]
    assert [o.result for o in got] == [b'{"n": 1}', b'{"n": 2}', b'{"n": 3}']


async def test_a_container_that_loses_a_row_fails_the_rows_of_its_request(
    local: LocalSageMaker, session: Session
) -> None:
    local.add_endpoint("e", lambda body: b"\n".join(line for line in body.split(b"\n") if line != b"3"))
    predictor = Predictor("e", session, JSONLinesSerializer(), JSONLinesDeserializer())
    got = [o async for o in predictor.map(range(6), batch=2, on_error="return")]
    assert [o.result for o in got] == [0, 1, None, None, 4, 5]
    assert {type(o.error) for o in got if not o.ok} == {DeserializationError}


# --- streams ----------------------------------------------------------------------------------------------------------


async def test_streams_give_the_whole_text_of_each_record(local: LocalSageMaker, session: Session) -> None:
    local.add_endpoint("e", TextModel())
    prompts = [{"inputs": f"prompt {n}", "stream": True} for n in range(20)]
    got = [o async for o in predictor_of(session).map(prompts, stream=True, concurrency=5)]
    expected = [
        "".join(token.text for token in await predictor_of(session).predict_stream(p).tokens().collect())
        for p in prompts[:2]
    ]
    assert [o.result for o in got[:2]] == expected
    assert all(o.result for o in got)
    assert session.connections_in_use == 0


async def test_streams_are_read_as_their_owner_wants(local: LocalSageMaker, session: Session) -> None:
    async def lines(body: bytes) -> AsyncIterator[bytes]:
        yield b"one\ntw"
        yield b"o\n" + body

    local.add_endpoint("e", lines)

    async def read(stream: PredictionStream[bytes]) -> list[bytes]:
        return await stream.lines().collect()

    got = [o async for o in predictor_of(session).map([7], stream=read)]
    assert got[0].result == [b"one", b"two", b"7"]


async def test_a_stream_can_give_all_that_the_model_said(local: LocalSageMaker, session: Session) -> None:
    async def whole(stream: PredictionStream[bytes]) -> TokenResult:
        tokens = stream.tokens()
        await tokens.collect()
        return tokens.result

    local.add_endpoint("e", TextModel())
    (got,) = [o async for o in predictor_of(session).map([{"inputs": "a b", "stream": True}], stream=whole)]
    (text,) = [o async for o in predictor_of(session).map([{"inputs": "a b", "stream": True}], stream=True)]
    assert got.result is not None
    assert (got.result.text, got.result.dialect) == (text.result, "tgi")


async def test_a_stream_that_is_cut_is_an_error_of_its_record_and_not_sent_again(
    local: LocalSageMaker, session: Session
) -> None:
    local.add_endpoint("e", TextModel())
    local.script("e", [CutFrame(after_parts=2)])
    prompts = [{"inputs": "x", "stream": True}] * 3
    got = [o async for o in predictor_of(session).map(prompts, stream=True, on_error="return", concurrency=1)]
    assert [o.ok for o in got] == [False, True, True]
    assert len(local.requests) == 3
    assert not isinstance(got[0].error, StreamIncomplete | ThrottlingError)


# --- what is refused at the call --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"concurrency": -3}, "concurrency must be"),
        ({"batch": 2, "stream": True}, "exclude each other"),
        ({"stream": "yes"}, "stream must be True, False or a coroutine function"),
        ({"initial_args": 3}, "initial_args must be a mapping"),
    ],
)
async def test_what_is_wrong_is_refused_at_the_call(session: Session, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        predictor_of(session).map([1], **arguments)


async def test_it_never_exceeds_the_sessions_pool_unless_that_is_asked_for(local: LocalSageMaker) -> None:
    most, now = 0, 0

    async def watched(body: bytes) -> bytes:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return body

    local.add_endpoint("e", watched)
    async with Session(**local.client_options, max_connections=3) as session:
        outcomes = predictor_of(session).map(range(60))
        assert len([o async for o in outcomes]) == 60
    assert outcomes.progress.concurrency <= 3
    assert most <= 3


# --- the same, said once ----------------------------------------------------------------------------------------------


async def test_a_scoring_is_a_value_that_travels_and_scores_as_the_predictor_does(
    local: LocalSageMaker, session: Session
) -> None:
    local.add_endpoint("e", lambda body: body)
    scoring = Scoring(
        endpoint_name="e",
        serializer=JSONLinesSerializer(),
        deserializer=JSONLinesDeserializer(),
        prepare=str.upper,
        batch=Batch(size=2),
        initial_args={"TargetVariant": "AllTraffic"},
        timeout=30,
    )
    travelled = pickle.loads(pickle.dumps(scoring))
    for each in (scoring, travelled):
        assert [o.result async for o in each.map(session, ["a", "b", "c"], concurrency=2)] == ["A", "B", "C"]


def test_a_scoring_needs_an_endpoint() -> None:
    with pytest.raises(ConfigurationError, match="endpoint_name, a non-empty str"):
        Scoring(endpoint_name="")
