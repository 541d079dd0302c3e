"""Scoring on a real local Ray: the same results as in one process, within the limits that were asked for.

Run by nox's session ``ray``, which has Ray; the other sessions leave this directory out.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.data.checkpoint import CheckpointConfig

from sagemaker_async import Batch, Config, Scoring, Session
from sagemaker_async.deserializers import JSONDeserializer, JSONLinesDeserializer
from sagemaker_async.errors import ConfigurationError
from sagemaker_async.integrations import ray as integration
from sagemaker_async.integrations.ray import Limiter, Score, score
from sagemaker_async.local import LocalSageMaker, ModelFailure, ThreadedLocalSageMaker
from sagemaker_async.serializers import JSONLinesSerializer, JSONSerializer

ROWS = 100_000
GUIDE = Path(integration.__file__).with_name("GUIDE-ray.md")


class UnderWay:
    """Answers after a while, and knows the most requests that were under way at once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = 0

    async def __call__(self, body: bytes) -> bytes:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        await asyncio.sleep(0.02)
        with self.lock:
            self.now -= 1
        return body


@pytest.fixture(scope="module")
def local() -> Iterator[ThreadedLocalSageMaker]:
    def doubled(body: bytes) -> bytes:
        return b"\n".join(b"%d" % (2 * json.loads(line)["id"]) for line in body.splitlines())

    def picky(body: bytes) -> bytes:
        number = json.loads(body)
        if number % 10 == 3:
            raise ModelFailure(422, f"{number} is not for me")
        return json.dumps({"score": number / 2}).encode()

    ray.init(num_cpus=6, include_dashboard=False, log_to_driver=False, configure_logging=False)
    with LocalSageMaker.in_thread() as local:
        local.add_endpoint("doubled", doubled)
        local.add_endpoint("picky", picky)
        yield local
    ray.shutdown()


def session_of(local: ThreadedLocalSageMaker) -> dict[str, Any]:
    return dict(local.client_options)


DOUBLED = Scoring(
    endpoint_name="doubled",
    serializer=JSONLinesSerializer(),
    deserializer=JSONLinesDeserializer(),
    batch=Batch(size=200),
)
PICKY = Scoring(endpoint_name="picky", serializer=JSONSerializer(), deserializer=JSONDeserializer())


async def in_one_process(local: ThreadedLocalSageMaker, scoring: Scoring, records: Any) -> list[Any]:
    async with Session(**local.client_options) as session:
        return [outcome.result async for outcome in scoring.map(session, records, concurrency=8)]


def test_a_hundred_thousand_rows_are_scored_as_in_one_process(local: ThreadedLocalSageMaker) -> None:
    dataset = ray.data.range(ROWS, override_num_blocks=8)
    scored = score(dataset, DOUBLED, actors=2, rows=5000, concurrency=8, session=session_of(local)).take_all()
    expected = asyncio.run(in_one_process(local, DOUBLED, ({"id": number} for number in range(ROWS))))
    assert len(expected) == ROWS
    assert {row["id"]: row["prediction"] for row in scored} == dict(enumerate(expected))
    assert len(scored) == ROWS
    assert {row["error"] for row in scored} == {None}


def test_what_fails_is_a_value_of_a_column(local: ThreadedLocalSageMaker) -> None:
    scored = score(
        ray.data.range(200), PICKY, column="id", output="answer", errors="why", session=session_of(local)
    ).take_all()
    assert len(scored) == 200
    for row in scored:
        if row["id"] % 10 == 3:
            assert row["answer"] is None
            assert row["why"].startswith("ModelError: ")
            assert f"{row['id']} is not for me" in row["why"]
        else:
            assert (row["answer"], row["why"]) == ({"score": row["id"] / 2}, None)


def test_without_a_column_for_errors_one_ends_the_job(local: ThreadedLocalSageMaker) -> None:
    with pytest.raises(ray.exceptions.RayTaskError, match="is not for me"):
        score(ray.data.range(20), PICKY, column="id", errors=None, session=session_of(local)).take_all()


@pytest.mark.parametrize(
    ("options", "most"),
    [({"concurrency": 6, "actors": 1}, 6), ({"concurrency": 8, "actors": 2, "global_concurrency": 5}, 5)],
    ids=["of one actor", "of all actors"],
)
def test_the_limit_is_a_limit(local: ThreadedLocalSageMaker, options: dict[str, Any], most: int) -> None:
    watched = UnderWay()
    name = f"watched-{most}"
    local.add_endpoint(name, watched)
    rows = ray.data.range(1200, override_num_blocks=12)
    scored = score(
        rows.map(lambda row: {"id": row["id"], "body": b"%d" % row["id"]}),
        name,
        column="body",
        rows=100,
        session=session_of(local),
        **options,
    )
    assert {row["id"]: row["prediction"] for row in scored.take_all()} == {n: b"%d" % n for n in range(1200)}
    assert most - 2 <= watched.most <= most


def test_finished_rows_are_not_scored_again_with_rays_checkpoint(local: ThreadedLocalSageMaker, tmp_path: Path) -> None:
    calls: list[int] = []

    def half(body: bytes) -> bytes:
        number = json.loads(body)
        calls.append(number)
        if number >= 50 and len(calls) <= 100:
            raise ModelFailure(500, "not yet")
        return body

    local.add_endpoint("half", half)
    scoring = Scoring(endpoint_name="half", serializer=JSONSerializer(), deserializer=JSONDeserializer())
    context = ray.data.DataContext.get_current()
    context.checkpoint_config = CheckpointConfig(
        id_column="id", checkpoint_path=str(tmp_path / "checkpoint"), delete_checkpoint_on_success=False
    )
    try:
        for _ in range(2):
            rows = ray.data.read_json(_written(tmp_path / "in"))
            score(rows, scoring, column="id", session=session_of(local)).filter(
                lambda row: row["error"] is None
            ).write_json(str(tmp_path / "out"))
    finally:
        context.checkpoint_config = None
    assert sorted(calls[:100]) == list(range(100))
    assert sorted(calls[100:]) == list(range(50, 100))


def _written(folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "rows.json").write_text("".join(f'{{"id": {number}}}\n' for number in range(100)))
    return str(folder)


def test_the_example_of_the_guide_runs(
    local: ThreadedLocalSageMaker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    block = re.findall(r"```py\n(.*?)```", GUIDE.read_text(), re.DOTALL)[0]
    local.add_endpoint("my-endpoint", lambda body: json.dumps(len(json.loads(body))))
    monkeypatch.setattr("sagemaker_async.integrations.ray.score", partial(score, session=session_of(local)))
    exec(compile(block, str(GUIDE), "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"concurrency": 0}, "concurrency must be"),
        ({"concurrency": None}, "an actor's limit does not adapt, got None"),
        ({"rate": 0}, "rate must be"),
        ({"output": ""}, "output must be the name of a column"),
        ({"output": "error"}, "output and errors must be two columns, got 'error' for both"),
        ({"global_concurrency": 0}, "global_concurrency must be"),
        ({"session": {"regoin": "us-east-1"}}, "did you mean 'region'"),
    ],
)
def test_wrong_arguments_are_refused_at_once(local: Any, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        score(ray.data.range(1), PICKY, **arguments)


def test_what_is_not_a_scoring_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="takes a Scoring, got Config"):
        Score(Config())  # type: ignore[arg-type]


class TestLimiter:
    async def test_it_lends_no_more_than_there_are(self) -> None:
        limiter = Limiter(5)
        assert [(await limiter.borrow(4))[0], (await limiter.borrow(4))[0]] == [4, 1]
        waiting = asyncio.ensure_future(limiter.borrow(2))
        await asyncio.sleep(0)
        assert not waiting.done()
        await limiter.give_back(1)
        assert (await waiting)[0] == 2

    async def test_what_a_lost_actor_had_borrowed_is_free_again(self) -> None:
        now = [0.0]
        limiter = Limiter(5, lambda: now[0])
        _, lost = await limiter.borrow(3)
        _, kept = await limiter.borrow(2)
        now[0] = 50.0
        await limiter.renew(kept)
        now[0] = 70.0
        assert (await limiter.borrow(9))[0] == 3
        await limiter.renew(lost)

    async def test_it_can_be_resized(self) -> None:
        limiter = Limiter(1)
        await limiter.borrow(1)
        waiting = asyncio.ensure_future(limiter.borrow(2))
        await asyncio.sleep(0)
        await limiter.resize(2)
        assert (await waiting)[0] == 1
