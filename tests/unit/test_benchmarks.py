"""The benchmarks run, and what they report is what was measured; no time is judged here."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree as ET

import pytest

from benchmarks import adaptive, guard, measure, own_time, report
from benchmarks.contestants import ours
from benchmarks.contestants.hand_written import characters_of
from benchmarks.measure import Ratio, Result, Run, Server, canned_server, compare
from benchmarks.payloads import DIALECTS
from benchmarks.server import bare_tokens, tokens
from benchmarks.suites import SUITES, cold_start, hosting, invoke, profile, slow_streams, stream
from benchmarks.suites.cold_start import PROGRAMS
from benchmarks.targets import TARGETS, Standing, standings
from benchmarks.without import remove, restore
from benchmarks.worker import measured
from sagemaker_async import Predictor, Session, StubTransport
from sagemaker_async.aws.eventstream import Decoder
from sagemaker_async.records.json_values import fastest_loads, plain_loads

CONTESTANTS = {"ours", "aiohttp", "raw socket"}
BESIDE_THE_FLOOR = {"invoke", "stream", "slow_streams", "first_event"}
WITHOUT_OURS = {"server", "profile"}
"""Suites with results that compare nothing with ours."""
ELSEWHERE = {"fastapi"}
"""Needs what a test environment may lack; its parts are tested with the integration."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with canned_server() as running:
        yield running


@pytest.fixture
def run(server: Server, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A round of next to nothing, whose workers are coroutines of this process."""

    def work(command: list[str], variables: dict[str, str]) -> dict[str, float]:
        contestant, url, scenario = command[-3:]
        try:
            with monkeypatch.context() as context:
                for name, value in variables.items():
                    context.setenv(name, value)
                return asyncio.run(measured(contestant, url, json.loads(scenario)))
        finally:
            restore()

    def in_turns(commands: dict[str, list[str]], **variables: str) -> dict[str, dict[str, float]]:
        return {name: work(command, variables) for name, command in commands.items()}

    monkeypatch.setattr(measure, "in_turns", in_turns)
    monkeypatch.setattr(slow_streams, "EVENTS", 3)
    monkeypatch.setattr(slow_streams, "INTERVAL_MS", 100)
    monkeypatch.setattr(cold_start, "PROCESSES", 1)
    monkeypatch.setattr(hosting, "PROCESSES", 1)
    monkeypatch.setattr(stream, "SIZES", {"100 B": (100, 20_000, (1, 10))})
    monkeypatch.setattr(invoke, "SIZES", {"300 B": (300, 4000, (1, 32)), "64 KB": (65_536, 1500, (2,))})
    commands = {name: command for name, command in measure.available().items() if name in CONTESTANTS}
    return Run(commands, server, rounds=1, scale=0.002)


async def test_without_the_kept_heads_of_a_predictor_each_call_collects_its_fields() -> None:
    async with Session(transport=StubTransport()) as session:
        predictor = Predictor("my-endpoint", session)
        with mock.patch.object(session.runtime, "prepare", wraps=session.runtime.prepare) as prepare:
            remove("heads of a predictor's own fields kept")
            try:
                for _ in range(3):
                    await predictor.predict(b"")
            finally:
                restore()
            assert prepare.call_count == 3
            for _ in range(3):
                await predictor.predict(b"")
            assert prepare.call_count == 4


@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")  # bare aiohttp's
@pytest.mark.parametrize("suite", sorted(SUITES.keys() - ELSEWHERE))
def test_a_suite_measures_ours_and_reports_it(suite: str, run: Run) -> None:
    results = import_module(f"benchmarks.suites.{suite}").run(run)

    assert results
    for result in results:
        assert result.suite == suite
        measurements = [item for values in result.values.values() for item in values.items()]
        # Here the workers share one process, which may give memory back while one of them is measured.
        assert all(value >= 0 for name, value in measurements if name != "memory")
        if suite in BESIDE_THE_FLOOR:
            assert set(result.values) == {"ours", "aiohttp"}
        elif suite not in WITHOUT_OURS:
            assert any(contestant.startswith("ours") for contestant in result.values)
    assert f"### {suite}: {results[0].name}" in report.tables(results)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("cut", [1, 7, 10_000])
async def test_the_hand_written_loop_reads_all_text_of_a_dialect(dialect: str, cut: int) -> None:
    sample = DIALECTS[dialect]
    payload = sample.token * 5 + sample.end

    async def parts():
        for start in range(0, len(payload), cut):
            yield payload[start : start + cut]

    assert await characters_of(parts(), dialect) >= 5 * len(" token")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_openai_python_is_sent_the_same_records_in_the_same_chunks(dialect: str) -> None:
    for framed, bare in zip(tokens(dialect, 3), bare_tokens(dialect, 3), strict=True):
        size, _, body = bare.partition(b"\r\n")
        assert int(size, 16) == len(body) - 2
        parts = [message.payload for message in Decoder().feed(framed.partition(b"\r\n")[2][:-2])]
        assert b"".join(parts) == body[:-2]


async def test_ours_reads_without_orjson_as_long_as_it_is_measured_and_no_longer() -> None:
    orjson = pytest.importorskip("orjson")
    async with ours.opened("http://127.0.0.1:1", 1):
        assert fastest_loads() is plain_loads
    assert fastest_loads() is orjson.loads


def test_the_median_of_each_measurement_counts() -> None:
    result = Result("invoke", "300 B", "call")

    for cpu, rate in ((100.0, 900.0), (120.0, 950.0), (250.0, 100.0)):
        result.add("ours", {"cpu": cpu, "throughput": rate})

    assert result.values["ours"] == {"cpu": 120.0, "throughput": 900.0}


def test_each_round_begins_with_another_contestant_and_all_keep_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []
    urls: set[tuple[str, str | None]] = set()

    def work(commands: dict[str, list[str]], **variables: str) -> dict[str, dict[str, float]]:
        measured.extend(commands)
        urls.update((url, variables.get("SSL_CERT_FILE")) for _, url, _ in commands.values())
        return {name: {"cpu": 1.0} for name in commands}

    monkeypatch.setattr(measure, "in_turns", work)
    server = Server("http://localhost", "https://localhost", "authority.pem", 0)
    run = Run({name: [name] for name in "abc"}, server, rounds=4)

    result = compare(run, Result("invoke", "300 B", "call"), ["a", "b", "missing", "c"], {})

    assert "".join(measured) == "abcbcacababc"
    assert list(result.values) == ["a", "b", "c"]
    compare(run, Result("invoke", "TLS, 300 B", "call"), ["a"], {}, tls=True)
    assert urls == {("http://localhost", None), ("https://localhost", "authority.pem")}


def test_of_several_processes_in_a_round_the_median_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = iter([1.0, 5.0, 2.0, 9.0, 8.0, 7.0])
    monkeypatch.setattr(measure, "in_turns", lambda commands: {name: {"cpu": next(figures)} for name in commands})
    run = Run({"a": ["a"]}, Server("http://localhost", "https://localhost", "authority.pem", 0), rounds=2)

    result = compare(run, Result("hosting", "first", "call"), ["a"], {}, processes=3)

    assert result.rounds == {"a": [{"cpu": 2.0}, {"cpu": 8.0}]}


TAKES_TURNS = """
import json, sys
_, file, name, turns = sys.argv
for turn in range(int(turns)):
    print(flush=True)
    sys.stdin.readline()
    with open(file, "a") as worked:
        worked.write(name)
print(json.dumps({"cpu": 1.0 + turn}))
"""


def test_contestants_take_turns_until_the_last_is_done(tmp_path: Path) -> None:
    file = tmp_path / "worked"
    turns = {"a": 3, "b": 1, "c": 2}

    figures = measure.in_turns(
        {name: [sys.executable, "-c", TAKES_TURNS, str(file), name, str(many)] for name, many in turns.items()}
    )

    assert file.read_text() == "abcaca"
    assert figures == {"a": {"cpu": 3.0}, "b": {"cpu": 1.0}, "c": {"cpu": 2.0}}


def test_a_contestant_that_takes_no_turns_is_measured() -> None:
    assert measure.in_turns({"a": [sys.executable, "-c", "print('{\"cpu\": 1.0}')"]}) == {"a": {"cpu": 1.0}}


FIGURES = "print('{\"cpu\": 1.0}', flush=True)"
TAKES_A_TURN = "import sys; print(flush=True); sys.stdin.readline()"
FAILS = "raise LookupError('no such thing')"


@pytest.mark.parametrize(
    "program",
    [
        FAILS,
        f"{TAKES_A_TURN}; {FAILS}",
        f"{FIGURES}; {FAILS}",
        "import os; print(flush=True); os.write(2, b'no such thing'); os._exit(1)",
    ],
    ids=["before its turns", "in a turn", "after its figures", "between two turns"],
)
def test_a_contestant_that_fails_is_heard(program: str) -> None:
    waits = [sys.executable, "-c", f"{TAKES_A_TURN}; {FIGURES}"]
    with pytest.raises(RuntimeError, match="no such thing"):
        measure.in_turns({"a": waits, "b": [sys.executable, "-c", program], "c": waits})


def test_a_contestant_that_says_something_else_is_not_waited_for() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        measure.in_turns({"a": [sys.executable, "-c", f"print('hello'); {TAKES_A_TURN}; {FIGURES}"]})


def test_contestants_run_in_an_environment_that_slows_none_of_them_down(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONASYNCIODEBUG", "PYTHONDONTWRITEBYTECODE", "NODE_OPTIONS", "AWS_PROFILE", "https_proxy"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")

    environment = measure.environment()

    assert not {"PYTHONASYNCIODEBUG", "PYTHONDONTWRITEBYTECODE", "NODE_OPTIONS", "AWS_PROFILE", "https_proxy"} & {
        *environment
    }
    assert environment["PYTHONPATH"] == "/somewhere"


CUT_OFF_POINTS = {
    "aiohttp": {"cpu": 80.0},
    "raw socket": {"cpu": 25.0},
    "transport": {"cpu": 60.0, "alone": 2.0},
    "transport, signed": {"cpu": 75.0, "alone": 10.0},
    "pipeline": {"cpu": 74.0, "alone": 14.0},
    "client": {"cpu": 90.0, "alone": 18.0},
    "ours": {"cpu": 100.0, "alone": 24.0},
}


def test_a_layer_is_what_lies_between_two_cut_off_points() -> None:
    points = Result("profile", "300 B", "call", CUT_OFF_POINTS)

    layers = profile._layers(points, ("kernel", "raw socket"), profile.CALL_LAYERS, "cpu").values

    assert layers["kernel"] == {"cpu": 25.0, "share": 0.25}
    assert layers["transport, with aiohttp's connections"] == {"cpu": 35.0, "share": 0.35}
    assert layers["signature"] == {"cpu": 15.0, "alone": 8.0, "share": 0.15}
    assert layers["attempts, accounts, metadata"] == {"cpu": 0.0, "alone": 4.0, "share": 0.0}  # noise: it was negative
    assert layers["ours without its transport"] == {"cpu": 40.0, "alone": 22.0, "share": 0.4}
    assert layers["to compare: bare aiohttp, and a signature"] == {"cpu": 88.0, "share": 0.88}


IMPORTED = {
    "ours": {"asyncio": 30_000, "json": 5_000, "aiohttp": 80_000, "sagemaker_async.aws.call": 2_000, "numbers": 0},
    "aiohttp + pydantic": {"asyncio": 29_000, "yarl": 70_000, "pydantic": 40_000, "typing_extensions": 2_000},
    "aiohttp + a pydantic model": {"asyncio": 31_000, "aiohttp": 81_000, "sagemaker_async": 1},
}


def test_the_rows_of_a_cold_start_add_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def printed(command: list[str]) -> str:
        text = command[command.index("-c") + 1]
        (program,) = (name for name in profile.STARTED if PROGRAMS[name] in text)
        lines = [f"import time: {own:9} | {own:10} | {name}" for name, own in IMPORTED[program].items()]
        return "\n".join([f"{time.monotonic() + 0.02}", *lines, f"{time.monotonic() + 0.5}"])

    monkeypatch.setattr(profile, "output_of", printed)

    *rows, whole = profile._cold_start(run).values.items()

    assert whole[0] == "all"
    assert whole[1].keys() == IMPORTED.keys()
    for program, total in whole[1].items():
        assert sum(values.get(program, 0.0) for _, values in rows) == total
    assert dict(rows)["standard library, other"] == {
        "ours": 35_000, "aiohttp + pydantic": 29_000, "aiohttp + a pydantic model": 31_000
    }  # fmt: skip
    assert dict(rows)["pydantic and its dependencies"] == {"aiohttp + pydantic": 42_000}
    names = [name for name, _ in rows]
    assert names[:2] == ["the interpreter's start", "standard library, other"]
    assert names[-1] == "running"
    assert {"sagemaker_async.aws", "sagemaker_async, its small modules"} <= {*names}


@pytest.mark.parametrize(
    ("function", "package"),
    [
        ((str(own_time.OURS / "aws" / "pipeline.py"), 1, "send"), "sagemaker_async/aws/pipeline.py"),
        (("/venv/lib/python3/site-packages/aiohttp/client.py", 1, "_request"), "aiohttp"),
        (("/venv/lib/python3/site-packages/yarl/_url.py", 1, "__init__"), "yarl, multidict"),
        ((str(own_time.STDLIB / "asyncio" / "events.py"), 1, "_run"), "asyncio"),
        ((str(own_time.STDLIB / "hmac.py"), 1, "digest"), "hashlib, hmac"),
        ((str(own_time.STDLIB / "typing.py"), 1, "cast"), "standard library, other"),
        (("<string>", 1, "<lambda>"), "standard library, other"),
        (("~", 0, "<method 'send' of '_socket.socket' objects>"), "select, socket"),
        (("~", 0, "<built-in method _hashlib.hmac_digest>"), "hashlib, hmac"),
        (("~", 0, "<built-in method builtins.len>"), None),
        (("~", 0, "<method 'append' of 'list' objects>"), None),
    ],
)
def test_own_time_is_told_by_package(function: own_time.Function, package: str | None) -> None:
    assert own_time.package_of(function) == package


def test_a_result_without_ours_has_no_column_of_ratios() -> None:
    table = report.tables([Result("profile", "by layer", "call", {"signature": {"cpu": 15.0, "share": 0.125}})])

    assert "ours is" not in table
    assert "| signature | 15 µs | 12.5% |" in table


def test_a_ratio_is_that_of_medians_with_the_middle_half_of_its_rounds() -> None:
    result = Result("invoke", "300 B", "call")
    for our, others in ((90, 60), (100, 50), (80, 80), (90, 60), (90, 45)):
        result.add("ours", {"cpu": float(our)})
        result.add("aiohttp", {"cpu": float(others)})
        result.add("none", {"cpu": 0.0})

    assert result.ratio("ours", "aiohttp") == Ratio(1.5, 1.5, 2.0)
    assert result.ratio("ours", "aiohttp", "rss") is None
    assert result.ratio("ours", "absent") is None
    assert result.ratio("ours", "none") is None


def measured_target(*ratios: float) -> Result:
    """Return what the first target is measured by, with a round for each ratio."""
    target = TARGETS[0]
    result = Result(target.suite, target.result, "call")
    for ratio in ratios:
        result.add("ours", {target.measurement: ratio * target.limit * 100})
        result.add(target.baseline, {target.measurement: 100.0})
    return result


@pytest.mark.parametrize(
    ("ratios", "verdict"),
    [
        ((0.99,), "reached"),
        ((1.01,), "not reached"),
        ((0.9, 0.95, 0.99), "reached"),
        ((0.9, 0.99, 1.2), "undecided"),
        ((0.9, 1.01, 1.2), "undecided"),
        ((1.01, 1.1, 1.2), "not reached"),
    ],
    ids=str,
)
def test_a_target_is_decided_when_the_spread_lies_on_one_side_of_it(ratios: tuple[float, ...], verdict: str) -> None:
    result = measured_target(*ratios)

    (standing,) = standings([result])

    assert standing.verdict == verdict
    assert f"| {verdict} |" in report.tables([result])


@pytest.mark.parametrize(("mapped", "verdict"), [(950.0, "reached"), (850.0, "not reached")])
def test_a_mapping_is_to_have_nine_tenths_of_a_loops_throughput(mapped: float, verdict: str) -> None:
    result = Result("bulk", "10,000 records of 300 B, 64 at once", "record")
    result.add("ours, map", {"throughput": mapped})
    result.add("ours", {"throughput": 1000.0})

    (standing,) = standings([result])

    assert standing.verdict == verdict


def test_the_guard_tells_what_lies_above_its_stored_spread(tmp_path: Path) -> None:
    def measured(*ratios: float) -> list[Standing]:
        return standings([measured_target(*ratios)])

    stored = tmp_path / "stored.json"
    with pytest.raises(SystemExit, match="--store"):
        guard.regressions(measured(0.9), stored)
    guard.store(measured(0.8, 0.9, 1.0), stored)

    assert guard.regressions(measured(0.5, 0.6, 0.7), stored) == []
    assert guard.regressions(measured(0.7, 1.0, 1.3), stored) == []
    (line,) = guard.regressions(measured(1.2, 1.3, 1.4), stored)
    assert TARGETS[0].baseline in line


@pytest.mark.parametrize(
    ("measurement", "value", "text"),
    [
        ("cpu", 97.123, "97.1 µs"),
        ("cpu", 0.5234, "0.523 µs"),
        ("p99", 1234.0, "1.23 ms"),
        ("wall", 151_300.0, "151.3 ms"),
        ("memory", 16_486.0, "16.1 KiB"),
        ("rss", 50 * 2**20, "50.0 MiB"),
        ("throughput", 95_606.4, "95,606"),
        ("modules", 487.0, "487"),
        ("share", 0.125, "12.5%"),
    ],
)
def test_values_are_shown_with_their_unit(measurement: str, value: float, text: str) -> None:
    assert report.shown(measurement, value) == text


def test_a_chart_is_well_formed_and_its_bars_are_to_scale() -> None:
    drawing = report.svg([report.Panel("CPU <per> call", "cpu", [("ours", 50.0), ("aiohttp & co", 100.0)])])

    root = ET.fromstring(drawing)
    bars = {
        element.attrib["class"]: float(element.attrib["width"])
        for element in root.iter("{http://www.w3.org/2000/svg}rect")
        if element.attrib["class"] != "track"
    }
    assert bars["ours"] * 2 == pytest.approx(bars["bar"], abs=0.2)
    assert "prefers-color-scheme: dark" in drawing


def test_json_has_results_targets_and_conditions() -> None:
    target = TARGETS[0]
    values = {"ours": {"cpu": 1.0}, target.baseline: {"cpu": 1.0}}

    content = json.loads(report.as_json([Result(target.suite, target.result, "call", values)], {"rounds": 3}))

    assert content["conditions"] == {"rounds": 3}
    assert content["results"][0]["values"] == values
    assert content["targets"][0]["ratio"] == 1.0
    assert content["targets"][0]["verdict"] == "reached"


def test_the_adapting_limit_is_shown_on_a_real_socket() -> None:
    shown = adaptive.run(rate=50, milliseconds=1, seconds=2)
    assert shown.records == shown.answered > 10
    assert sum(taken for taken, _ in shown.counts) == shown.answered
    assert shown.taken(0, 2) > 0
    assert 0 <= shown.refused(0, 2) < 1


def test_only_results_with_a_text_in_their_names_are_measured(run: Run) -> None:
    results = invoke.run(dataclasses.replace(run, only="TLS, 300 B, 32"))
    assert [result.name for result in results if result.values] == ["TLS, 300 B, 32 at once, asyncio"]
