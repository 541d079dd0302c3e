"""`map_records`: every record has its outcome, in bounds, however the mapping is left; on a virtual clock."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import itertools
import random
import typing
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest

from sagemaker_async import Batch, Outcome, map_records
from sagemaker_async.errors import (
    ConcurrentReadError,
    ConfigurationError,
    ConnectionLostError,
    DeserializationError,
    MapTimeoutError,
    ModelError,
    ServiceUnavailable,
    StreamClosedError,
    ThrottlingError,
)
from sagemaker_async.predictor.map_options import MapFields, MapOptions
from sagemaker_async.predictor.mapping import Outcomes
from sagemaker_async.predictor.outcome import Progress

from .virtual_time import VirtualLoop, run


def throttling() -> ThrottlingError:
    return ThrottlingError("too many", status=400, code="ThrottlingException")


def model_error() -> ModelError:
    return ModelError("bad record", status=424, code="ModelError")


def loop() -> VirtualLoop:
    running = asyncio.get_running_loop()
    assert isinstance(running, VirtualLoop)
    return running


def mapped(call: Any, records: Any, **options: Any) -> Outcomes[Any]:
    return map_records(call, records, timing=loop().timing(), **options)


async def all_of(outcomes: Outcomes[Any]) -> list[Outcome[Any]]:
    return [outcome async for outcome in outcomes]


def virtually(program: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test on a virtual clock; afterwards no task of it is left."""

    async def checked() -> None:
        told: list[Any] = []
        loop().set_exception_handler(lambda _, context: told.append(context))
        await program()
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert told == []

    def test() -> None:
        run(checked())

    test.__name__, test.__doc__ = program.__name__, program.__doc__
    return test


class Service:
    """Answers a record with its double, after a time that depends on it; counts what is under way."""

    def __init__(self, seconds: Callable[[int], float] = lambda record: 1.0) -> None:
        self.seconds = seconds
        self.under_way = self.most = self.calls = 0

    async def __call__(self, record: int) -> int:
        self.calls += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(self.seconds(record))
        finally:
            self.under_way -= 1
        return record * 2


async def later(records: Any, seconds: float = 0.0) -> AsyncIterator[Any]:
    for record in records:
        await asyncio.sleep(seconds)
        yield record


# --- every record -----------------------------------------------------------------------------------------------------


@virtually
async def test_in_order_as_records_come_whatever_takes_how_long() -> None:
    chance = random.Random(1)
    outcomes = await all_of(mapped(Service(lambda _: chance.random()), range(200), concurrency=7))
    assert [(o.index, o.record, o.id, o.result, o.error, o.attempts) for o in outcomes] == [
        (number, number, number, number * 2, None, 1) for number in range(200)
    ]


@virtually
async def test_as_completed_when_order_does_not_matter() -> None:
    outcomes = await all_of(mapped(Service(lambda record: 10.0 - record), range(5), concurrency=5, ordered=False))
    assert [o.index for o in outcomes] == [4, 3, 2, 1, 0]
    assert [round(o.latency, 6) for o in outcomes] == [6.0, 7.0, 8.0, 9.0, 10.0]


@pytest.mark.parametrize("size", [0, 1, 2, 7])
@pytest.mark.parametrize("kind", [list, tuple, iter, later], ids=lambda kind: kind.__name__)
def test_any_iterable_of_any_length(kind: Any, size: int) -> None:
    async def program() -> None:
        outcomes = await all_of(mapped(Service(), kind(range(size)), concurrency=2))
        assert [o.record for o in outcomes] == list(range(size))

    virtually(program)()


@virtually
async def test_each_record_has_the_id_that_its_owner_gives_it() -> None:
    outcomes = await all_of(mapped(Service(), [3, 4], id=lambda record: f"no. {record}"))
    assert [(o.index, o.id) for o in outcomes] == [(0, "no. 3"), (1, "no. 4")]


@virtually
async def test_what_is_sent_is_prepared_and_the_outcome_has_the_record_itself() -> None:
    (outcome,) = await all_of(mapped(Service(), [{"number": 4}], prepare=lambda record: record["number"]))
    assert (outcome.record, outcome.result) == ({"number": 4}, 8)


@virtually
async def test_errors_are_outcomes_when_that_is_asked_for() -> None:
    async def call(record: int) -> int:
        if record % 3 == 0:
            raise model_error()
        return record

    outcomes = await all_of(mapped(call, range(9), on_error="return", concurrency=4))
    assert [o.index for o in outcomes if not o.ok] == [0, 3, 6]
    assert all(isinstance(o.error, ModelError) and o.result is None for o in outcomes if not o.ok)
    assert [o.result for o in outcomes if o.ok] == [1, 2, 4, 5, 7, 8]


@virtually
async def test_what_cannot_be_prepared_or_named_is_an_outcome_of_its_own() -> None:
    rows: list[dict[str, Any]] = [{"id": 1, "text": 2}, {"id": 2}, {"text": 3}]
    outcomes = await all_of(
        mapped(
            Service(), rows, prepare=lambda row: row["text"], id=lambda row: row["id"], on_error="return", concurrency=1
        )
    )
    assert [(o.index, o.id, o.result, type(o.error).__name__, o.attempts) for o in outcomes] == [
        (0, 1, 4, "NoneType", 1),
        (1, 2, None, "KeyError", 0),
        (2, 2, None, "KeyError", 1),
    ]


@virtually
async def test_the_first_error_ends_it_where_it_stands_and_says_which_record_it_was() -> None:
    async def call(record: int) -> int:
        await asyncio.sleep(10 - record)
        if record in (3, 5):
            raise model_error()
        return record

    seen = []
    with pytest.raises(ModelError) as raised:  # noqa: PT012
        async for outcome in mapped(call, range(10), concurrency=10, id=lambda record: f"r{record}"):
            seen.append(outcome.record)  # noqa: PERF401 - it is to be seen how far it gets
    assert seen == [0, 1, 2]
    assert raised.value.__notes__ == ["record 3, id 'r3'"]


@pytest.mark.parametrize("kind", [StopAsyncIteration, StopIteration, asyncio.CancelledError])
def test_no_error_of_a_call_looks_like_the_end_of_the_records(kind: type[BaseException]) -> None:
    async def program() -> None:
        async def call(record: int) -> int:
            raise kind

        with pytest.raises(RuntimeError):
            await all_of(mapped(call, range(3)))

    virtually(program)()


@virtually
async def test_a_call_that_is_cancelled_from_within_is_an_error_of_its_record_alone() -> None:
    async def call(record: int) -> int:
        if record == 1:
            raise asyncio.CancelledError
        return record

    outcomes = await all_of(mapped(call, range(3), on_error="return"))
    assert [o.result for o in outcomes] == [0, None, 2]
    assert isinstance(outcomes[1].error, RuntimeError)


@virtually
async def test_five_percent_fail_for_good_and_five_percent_pass_later_and_all_are_accounted_for() -> None:
    chance = random.Random(5)
    kinds = {number: chance.choices(["passes", "fails", "later"], [90, 5, 5])[0] for number in range(2000)}
    tries: dict[int, int] = dict.fromkeys(kinds, 0)

    async def call(record: int) -> int:
        tries[record] += 1
        await asyncio.sleep(chance.random())
        if kinds[record] == "fails":
            raise model_error()
        if kinds[record] == "later" and tries[record] <= 2:
            raise ServiceUnavailable("busy", status=503, code="ServiceUnavailable")
        return record

    for options in ({"concurrency": 32}, {}):
        tries = dict.fromkeys(kinds, 0)
        mapping = mapped(call, kinds, on_error="return", ordered=False, **options)
        outcomes = await all_of(mapping)
        assert sorted(o.record for o in outcomes) == list(kinds)
        assert {o.record for o in outcomes if not o.ok} == {number for number, kind in kinds.items() if kind == "fails"}
        assert all(o.result == o.record for o in outcomes if o.ok)
        assert all(o.attempts == tries[o.record] == (3 if kinds[o.record] == "later" else 1) for o in outcomes)
        counts = list(kinds.values())
        progress = mapping.progress
        assert (progress.done, progress.failed) == (2000, counts.count("fails"))
        assert progress.retried == 2 * counts.count("later")


# --- bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("kind", [iter, later], ids=lambda kind: kind.__name__)
def test_no_more_are_under_way_than_asked_and_that_many_are(kind: Any, ordered: bool) -> None:
    async def program() -> None:
        service = Service(lambda record: 1 + record % 3)
        await all_of(mapped(service, kind(range(60)), concurrency=6, ordered=ordered))
        assert service.most == 6
        assert loop().now < 60 * 2 / 6 * 1.3

    virtually(program)()


def counted(taken: list[int]) -> Iterator[int]:
    for number in itertools.count():
        taken[0] = number + 1
        yield number


@pytest.mark.parametrize("ordered", [True, False])
def test_a_consumer_that_stops_taking_stops_the_reading(ordered: bool) -> None:
    async def program() -> None:
        read = [0]
        outcomes = mapped(Service(), counted(read), concurrency=5, ordered=ordered)
        await anext(outcomes)
        await asyncio.sleep(1000)
        assert read[0] <= 4 * 5 + 1
        await outcomes.aclose()

    virtually(program)()


@virtually
async def test_one_slow_record_holds_up_a_bounded_number_of_others() -> None:
    read = [0]
    outcomes = mapped(Service(lambda record: 1000.0 if record == 0 else 0.1), counted(read), concurrency=5)
    assert (await anext(outcomes)).record == 0
    assert read[0] == 4 * 5
    assert [(await anext(outcomes)).record for _ in range(50)] == list(range(1, 51))
    await outcomes.aclose()


@virtually
async def test_an_adapting_limit_grows_and_never_exceeds_what_was_asked() -> None:
    service = Service()
    await all_of(mapped(service, range(300), max_concurrency=20))
    assert service.most == 20


@virtually
async def test_requests_are_spaced_by_the_rate() -> None:
    began: list[float] = []

    async def call(record: int) -> None:
        began.append(loop().now)
        await asyncio.sleep(3)

    await all_of(mapped(call, range(21), concurrency=64, rate=5))
    distances = [later - earlier for earlier, later in itertools.pairwise(began)]
    assert min(distances) > 0.17
    assert began[-1] - began[0] == pytest.approx(4.0, abs=0.1)


@virtually
async def test_repeated_requests_count_for_the_rate() -> None:
    began: list[float] = []

    async def call(record: int) -> None:
        began.append(loop().now)
        if len(began) % 2:
            raise throttling()

    await all_of(mapped(call, range(10), concurrency=10, rate=4))
    assert began[-1] - began[0] >= (len(began) - 1) / 4 - 0.1


# --- refusals ---------------------------------------------------------------------------------------------------------


@virtually
async def test_what_is_refused_is_sent_again_in_its_own_place() -> None:
    tries: dict[int, int] = {}

    async def call(record: int) -> int:
        tries[record] = tries.get(record, 0) + 1
        if record == 1 and tries[record] < 4:
            raise throttling()
        return record

    outcomes = await all_of(mapped(call, range(4), concurrency=2))
    assert [(o.record, o.attempts) for o in outcomes] == [(0, 1), (1, 4), (2, 1), (3, 1)]


@virtually
async def test_the_time_that_the_service_asks_for_is_kept() -> None:
    asked = throttling()
    asked.retry_after = 7.0
    began: list[float] = []

    async def call(record: int) -> int:
        began.append(loop().now)
        if len(began) == 1:
            raise asked
        return record

    await all_of(mapped(call, [1], concurrency=1))
    assert began[1] - began[0] >= 7.0


@virtually
async def test_what_may_have_been_processed_is_not_sent_again() -> None:
    calls = []

    async def call(record: int) -> int:
        calls.append(record)
        raise ConnectionLostError("lost")

    (outcome,) = await all_of(mapped(call, [1], on_error="return"))
    assert isinstance(outcome.error, ConnectionLostError)
    assert calls == [1]


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_a_refusal_that_lasts_is_the_outcome_in_the_end(seconds: float) -> None:
    async def program() -> None:
        async def call(record: int) -> int:
            raise throttling()

        (outcome,) = await all_of(mapped(call, [1], on_error="return", retry_for=seconds, concurrency=1))
        assert isinstance(outcome.error, ThrottlingError)
        assert seconds <= outcome.latency <= seconds + 20
        assert (outcome.attempts == 1) == (seconds == 0.0)

    virtually(program)()


# --- batches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [iter, later], ids=lambda kind: kind.__name__)
def test_records_go_in_batches_and_come_out_one_by_one(kind: Any) -> None:
    async def program() -> None:
        sizes = []

        async def call(data: list[int]) -> list[int]:
            sizes.append(len(data))
            await asyncio.sleep(1.0 / len(sizes))
            return [number * 2 for number in data]

        outcomes = await all_of(mapped(call, kind(range(10)), batch=Batch(size=4), concurrency=3))
        assert sizes == [4, 4, 2]
        assert [(o.index, o.record, o.result) for o in outcomes] == [(n, n, 2 * n) for n in range(10)]

    virtually(program)()


@virtually
async def test_an_answer_of_another_length_is_an_error_of_all_its_records() -> None:
    async def call(data: list[int]) -> list[int]:
        return data[:-1] if 5 in data else data

    outcomes = await all_of(mapped(call, range(9), batch=Batch(size=3), on_error="return", concurrency=2))
    assert [o.index for o in outcomes if not o.ok] == [3, 4, 5]
    assert all(isinstance(o.error, DeserializationError) and o.attempts == 1 for o in outcomes if not o.ok)


# --- ways out ---------------------------------------------------------------------------------------------------------


@virtually
async def test_leaving_the_loop_early_ends_what_is_under_way() -> None:
    service = Service()
    async for outcome in mapped(service, itertools.count(), concurrency=8):
        if outcome.index == 3:
            break
    gc.collect()
    await asyncio.sleep(0.5)
    assert (service.under_way, loop().now < 3) == (0, True)


@virtually
async def test_async_with_ends_what_is_under_way_before_it_goes_on() -> None:
    service = Service()
    with pytest.raises(KeyError):  # noqa: PT012
        async with mapped(service, itertools.count(), concurrency=8) as outcomes:
            await anext(outcomes)
            raise KeyError
    assert service.under_way == 0
    with pytest.raises(StreamClosedError):
        await anext(outcomes)
    await outcomes.aclose()


@virtually
async def test_a_mapping_that_was_never_read_calls_nothing() -> None:
    service = Service()
    outcomes = mapped(service, range(3))
    await outcomes.aclose()
    with pytest.raises(StreamClosedError):
        await anext(outcomes)
    assert service.calls == 0


@virtually
async def test_after_its_end_it_has_ended() -> None:
    outcomes = mapped(Service(), range(2))
    await all_of(outcomes)
    await outcomes.aclose()
    assert await all_of(outcomes) == []


@virtually
async def test_stop_drains_what_was_read() -> None:
    service, read = Service(), [0]
    outcomes = mapped(service, counted(read), concurrency=4)
    got = [await anext(outcomes)]
    outcomes.stop()
    got += await all_of(outcomes)
    assert [o.record for o in got] == list(range(read[0]))
    assert service.calls == read[0] < 20


@virtually
async def test_stop_lets_go_of_a_source_that_waits() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        yield 2
        await asyncio.get_running_loop().create_future()

    outcomes = mapped(Service(), source(), concurrency=4, batch=Batch(size=3), on_error="return")
    loop().call_later(5, outcomes.stop)
    # The batch under way has two records, and a call that doubles a list of them.
    assert [o.record for o in await all_of(outcomes)] == [1, 2]


@virtually
async def test_after_stop_what_is_refused_is_not_sent_again() -> None:
    async def call(record: int) -> int:
        await asyncio.sleep(1)
        raise throttling()

    outcomes = mapped(call, itertools.count(), concurrency=3, on_error="return")
    loop().call_later(0.5, outcomes.stop)
    got = await all_of(outcomes)
    assert [o.attempts for o in got] == [1, 1, 1]


@virtually
async def test_a_cancelled_read_drops_what_is_under_way() -> None:
    service = Service(lambda _: 100.0)
    outcomes = mapped(service, itertools.count(), concurrency=4)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await anext(outcomes)
    await asyncio.sleep(0)
    assert (service.calls, service.under_way) == (4, 0)


@virtually
async def test_a_total_limit_ends_it_after_the_outcomes_that_are_there() -> None:
    service = Service()
    got = []
    with pytest.raises(MapTimeoutError, match=r"total_timeout=3.5 s: 6 are, 2 under way") as raised:  # noqa: PT012
        async for outcome in mapped(service, itertools.count(), concurrency=2, total_timeout=3.5):
            got.append(outcome.record)  # noqa: PERF401 - it is to be seen how far it gets
    assert got == list(range(6))
    assert (raised.value.seconds, service.under_way, loop().now) == (3.5, 0, 3.5)


@virtually
async def test_what_is_done_when_the_time_is_over_is_not_lost_behind_what_is_not() -> None:
    got = []
    with pytest.raises(MapTimeoutError, match="5 are, 1 under way"):  # noqa: PT012
        async for outcome in mapped(
            Service(lambda record: 100.0 if record == 1 else 0.1), range(6), concurrency=2, total_timeout=10
        ):
            got.append(outcome.record)  # noqa: PERF401 - it is to be seen how far it gets
    assert got == [0, 2, 3, 4, 5]


@virtually
async def test_what_the_records_raise_comes_after_what_was_read() -> None:
    def source() -> Iterator[int]:
        yield from range(5)
        raise OSError("the disk is gone")

    for records in (source(), later(source())):
        got = []
        with pytest.raises(OSError, match="the disk is gone"):  # noqa: PT012
            async for outcome in mapped(Service(), records, concurrency=2):
                got.append(outcome.record)  # noqa: PERF401 - it is to be seen how far it gets
        assert got == list(range(5))


@virtually
async def test_another_task_that_closes_it_ends_a_read() -> None:
    outcomes = mapped(Service(lambda _: 100.0), range(3))
    read = asyncio.ensure_future(anext(outcomes))
    await asyncio.sleep(1)
    with pytest.raises(ConcurrentReadError):
        await anext(outcomes)
    await outcomes.aclose()
    with pytest.raises(StreamClosedError):
        await read


@virtually
async def test_tasks_that_somebody_else_cancels_do_not_leave_a_reader_waiting() -> None:
    outcomes = mapped(Service(lambda _: 100.0), range(3))
    read = asyncio.ensure_future(anext(outcomes))
    await asyncio.sleep(1)
    for task in asyncio.all_tasks() - {asyncio.current_task(), read}:
        task.cancel()
    with pytest.raises(RuntimeError, match="cancelled, and not by the mapping"):
        await read


# --- those who watch --------------------------------------------------------------------------------------------------


@virtually
async def test_progress_is_told_at_most_ten_times_a_second_and_at_the_end() -> None:
    told: list[Progress] = []
    await all_of(mapped(Service(lambda _: 0.01), range(500), concurrency=5, on_progress=told.append))
    assert 5 <= len(told) <= 12
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)
    last = told[-1]
    assert (last.done, last.failed, last.total, last.in_flight, last.concurrency) == (500, 0, 500, 0, 5)
    assert last.rate == pytest.approx(500, rel=0.1)
    assert last.seconds_left == 0
    assert told[0].seconds_left == pytest.approx(1.0, abs=0.2)


@virtually
async def test_what_progress_raises_ends_it() -> None:
    def fails(progress: Progress) -> None:
        raise KeyError("of the callback")

    service = Service(lambda _: 0.2)
    with pytest.raises(KeyError, match="of the callback"):
        await all_of(mapped(service, itertools.count(), concurrency=3, on_progress=fails))
    assert service.under_way == 0


@virtually
async def test_a_mapping_says_in_its_repr_how_far_it_is() -> None:
    outcomes = mapped(Service(), range(4), concurrency=2)
    assert repr(outcomes) == "<Outcomes, 0 done, 0 of them failed, 0 in flight>"
    await anext(outcomes)
    await asyncio.sleep(0.1)
    assert repr(outcomes) == "<Outcomes, 2 done, 0 of them failed, 2 in flight>"
    await outcomes.aclose()


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"concurrency": 0}, "concurrency must be a whole number of at least 1 or None, got 0"),
        ({"max_concurrency": 1.5}, "max_concurrency must be"),
        ({"concurrency": 3, "max_concurrency": 4}, "leave one of them out"),
        ({"on_error": "ignore"}, "'raise' or 'return', got 'ignore'"),
        ({"ordered": 1}, "ordered must be True or False"),
        ({"id": "key"}, "id must be a callable or None, got 'key'"),
        ({"rate": 0}, "rate must be a number of requests per second, more than 0, got 0"),
        ({"rate": float("inf")}, "rate must be"),
        ({"total_timeout": 0}, "total_timeout must be more than 0"),
        ({"retry_for": -1}, "retry_for must be at least 0"),
        ({"on_progress": 3}, "on_progress must be a callable"),
        ({"total": "ten"}, "total must be a whole number"),
        ({"speed": 3}, "there is no option 'speed'; there are concurrency"),
        ({"batch": 3}, "batch must be a Batch or None"),
        ({"prepare": 3}, "prepare must be a callable"),
    ],
)
def test_a_wrong_option_is_refused_at_once(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        map_records(Service(), [], **options)


@pytest.mark.parametrize("records", ["text", b"bytes", 3, None])
def test_what_is_not_records_is_refused(records: Any) -> None:
    with pytest.raises(ConfigurationError, match="iterable of records"):
        map_records(Service(), records)


def test_what_is_not_callable_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="asynchronous callable"):
        map_records(3, [])  # type: ignore[arg-type]


def test_the_keywords_are_the_options() -> None:
    hints = typing.get_type_hints(MapFields)
    assert list(hints) == [field.name for field in dataclasses.fields(MapOptions)]
    assert {name: str(kind) for name, kind in hints.items()} == {
        name: str(kind) for name, kind in typing.get_type_hints(MapOptions).items()
    }


async def test_a_record_that_cannot_be_prepared_spares_its_batch() -> None:
    async def echo(values: list[float]) -> list[float]:
        return values

    batch = Batch(size=3)
    mapped = map_records(echo, [1, 0, 2, 0], prepare=lambda n: 1 / n, batch=batch, on_error="return")
    found = [(outcome.result, type(outcome.error), outcome.attempts) async for outcome in mapped]
    failed = (None, ZeroDivisionError, 0)
    assert found == [(1.0, type(None), 1), failed, (0.5, type(None), 1), failed]


@virtually
async def test_a_delay_that_outlasts_the_retries_is_not_waited_for() -> None:
    async def refused(_: Any) -> None:
        error = throttling()
        error.retry_after = 1e9
        raise error

    (outcome,) = await all_of(mapped(refused, [1], retry_for=30.0, on_error="return"))
    assert isinstance(outcome.error, ThrottlingError)
    assert outcome.latency < 30


@virtually
async def test_stopping_twice_cancels_the_reading_once() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        outcomes.stop()
        outcomes.stop()
        await asyncio.Event().wait()

    async def cancelled_within(_: Any) -> None:
        raise asyncio.CancelledError

    outcomes = mapped(cancelled_within, source(), batch=Batch(size=2), on_error="return")
    (outcome,) = await all_of(outcomes)
    assert "cancelled from within" in str(outcome.error)


async def _yields(stop: Callable[[], None]) -> AsyncIterator[int]:
    yield 1
    stop()
    yield 2
    raise AssertionError("no more is read")


async def _ends(stop: Callable[[], None]) -> AsyncIterator[int]:
    yield 1
    yield 2
    stop()


async def _suppresses(stop: Callable[[], None]) -> AsyncIterator[int]:
    yield 1
    loop().call_later(5, stop)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    yield 2


@pytest.mark.parametrize("source", [_yields, _ends, _suppresses])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_source_that_stops_its_mapping_loses_nothing(source: Callable[[Any], AsyncIterator[int]], size: int) -> None:
    @virtually
    async def program() -> None:
        async def call(records: list[int]) -> list[int]:
            await asyncio.sleep(1)
            task = asyncio.current_task()
            assert task is not None
            assert not task.cancelling()
            return records

        outcomes: Outcomes[Any] = mapped(call, source(lambda: outcomes.stop()), batch=Batch(size=size))
        assert [o.result for o in await all_of(outcomes)] == [1, 2]

    program()


@virtually
async def test_a_mapping_that_its_source_stops_can_still_be_closed_meanwhile() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        outcomes.stop()
        loop().call_soon(closing.append, asyncio.ensure_future(outcomes.aclose()))
        yield 2

    service, closing = Service(), list[Any]()
    outcomes = mapped(service, source())
    with pytest.raises(StreamClosedError):
        await all_of(outcomes)
    await closing[0]
    assert service.under_way == 0


@virtually
async def test_what_a_source_raises_after_it_stopped_its_mapping_is_raised() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        outcomes.stop()
        raise LookupError

    outcomes = mapped(Service(), source())
    assert (await anext(outcomes)).record == 1
    with pytest.raises(LookupError):
        await anext(outcomes)


@virtually
async def test_records_that_claim_a_length_and_have_none_are_mapped() -> None:
    class Loader:
        def __len__(self) -> int:
            raise TypeError("the data set has no length")

        def __iter__(self) -> Iterator[int]:
            return iter([1, 2])

    async def echo(value: int) -> int:
        return value

    assert [outcome.result for outcome in await all_of(mapped(echo, Loader()))] == [1, 2]


@virtually
async def test_a_list_of_results_that_cannot_be_read_is_the_error_of_its_records() -> None:
    class Results:
        def __len__(self) -> int:
            return 2

        def __getitem__(self, place: int) -> int:
            raise OSError("the file is gone")

    async def lazy(_: Any) -> Results:
        return Results()

    outcomes = await all_of(mapped(lazy, range(4), batch=Batch(size=2), on_error="return"))
    assert [type(outcome.error) for outcome in outcomes] == [OSError] * 4
