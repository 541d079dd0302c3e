"""The benchmarks run, and what they report is what was measured; no time is judged here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from importlib import import_module
from xml.etree import ElementTree as ET

import pytest

from benchmarks import measure, report
from benchmarks.contestants.hand_written import characters_of
from benchmarks.measure import Result, Run, canned_server
from benchmarks.payloads import DIALECTS
from benchmarks.suites import SUITES, slow_streams
from benchmarks.targets import TARGETS, standings
from benchmarks.worker import measured

CONTESTANTS = {"ours", "aiohttp", "raw socket"}
BESIDE_THE_FLOOR = {"invoke", "stream", "slow_streams", "first_event"}
ELSEWHERE = {"fastapi"}
"""Needs what a test environment may lack; its parts are tested with the integration."""


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, int]]:
    with canned_server() as running:
        yield running


@pytest.fixture
def run(server: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> Run:
    """A round of next to nothing, whose workers are coroutines of this process."""

    start = measure.output_of

    def work(command: list[str], **variables: str) -> str:
        if "benchmarks.worker" not in command:
            return start(command, **variables)
        contestant, url, scenario = command[-3:]
        return json.dumps(asyncio.run(measured(contestant, url, json.loads(scenario))))

    monkeypatch.setattr(measure, "output_of", work)
    monkeypatch.setattr(slow_streams, "EVENTS", 3)
    monkeypatch.setattr(slow_streams, "INTERVAL_MS", 100)
    commands = {name: command for name, command in measure.available().items() if name in CONTESTANTS}
    url, pid = server
    return Run(commands, url, pid, rounds=1, scale=0.002)


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
        elif suite != "server":
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


def test_the_best_of_each_measurement_is_kept() -> None:
    result = Result("invoke", "300 B", "call")

    result.add("ours", {"cpu": 100.0, "throughput": 900.0})
    result.add("ours", {"cpu": 120.0, "throughput": 950.0})

    assert result.values["ours"] == {"cpu": 100.0, "throughput": 950.0}


def test_a_ratio_is_ours_over_the_other() -> None:
    result = Result("invoke", "300 B", "call", {"ours": {"cpu": 90.0}, "aiohttp": {"cpu": 60.0}, "none": {"cpu": 0.0}})

    assert result.ratio("ours", "aiohttp") == 1.5
    assert result.ratio("ours", "aiohttp", "rss") is None
    assert result.ratio("ours", "absent") is None
    assert result.ratio("ours", "none") is None


@pytest.mark.parametrize(("ours", "reached"), [(134.0, True), (136.0, False)])
def test_a_target_is_reached_at_its_limit_and_not_above(ours: float, reached: bool) -> None:
    target = TARGETS[0]
    result = Result(target.suite, target.result, "call", {"ours": {"cpu": ours}, target.baseline: {"cpu": 100.0}})

    (standing,) = standings([result])

    assert standing.reached is reached
    assert ("| reached |" if reached else "| not reached |") in report.tables([result])


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
