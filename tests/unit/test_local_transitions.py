"""When states change, and which variant a request goes to: plain values, no server."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from sagemaker_async.errors import ConfigurationError
from sagemaker_async.local import LocalSageMaker
from sagemaker_async.local.endpoints import Deployment, Endpoint, Variant
from sagemaker_async.local.transitions import Transitions


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_a_change_happens_at_the_next_settling_and_not_before() -> None:
    seen: list[str] = []
    transitions = Transitions(Clock())
    transitions.schedule("Endpoint", lambda: seen.append("changed"))
    assert seen == []
    transitions.settle()
    transitions.settle()
    assert seen == ["changed"]


def test_what_a_change_brings_about_waits_for_the_settling_after() -> None:
    seen: list[str] = []
    transitions = Transitions(Clock())

    def first() -> None:
        seen.append("RollingBack")
        transitions.schedule("Endpoint", lambda: seen.append("InService"))

    transitions.schedule("Endpoint", first)
    transitions.settle()
    assert seen == ["RollingBack"]
    transitions.settle()
    assert seen == ["RollingBack", "InService"]


def test_changes_take_the_seconds_of_their_kind_by_the_clock() -> None:
    seen: list[str] = []
    clock = Clock()
    transitions = Transitions(clock, {"Endpoint": 10.0, "InferenceComponent": 5})
    for kind in ("Endpoint", "InferenceComponent", "MonitoringSchedule"):
        transitions.schedule(kind, lambda kind=kind: seen.append(kind))  # type: ignore[misc]
    transitions.settle()
    assert seen == ["MonitoringSchedule"]
    clock.time += 5
    transitions.settle()
    assert seen == ["MonitoringSchedule", "InferenceComponent"]
    transitions.step(5)
    assert seen[-1] == "Endpoint"


def test_a_change_is_dated_when_it_was_due_and_times_have_milliseconds() -> None:
    seen: list[float] = []
    clock = Clock()
    clock.time = 100.123456
    transitions = Transitions(clock, {"Endpoint": 10.0})

    def change() -> None:
        seen.append(transitions.now())
        transitions.schedule("Endpoint", lambda: seen.append(transitions.now()))

    transitions.schedule("Endpoint", change)
    clock.time += 60
    transitions.settle()
    transitions.settle()
    assert seen == [110.123, 120.123]
    assert transitions.now() == 160.123


def test_a_stepped_clock_stands_still_but_for_its_steps() -> None:
    seen: list[str] = []
    clock = Clock()
    transitions = Transitions(clock, stepped=True)
    transitions.schedule("Endpoint", lambda: seen.append("changed"))
    clock.time += 1000
    transitions.settle()
    assert (seen, transitions.now()) == ([], 100.0)
    transitions.step(1)
    assert (seen, transitions.now()) == (["changed"], 101.0)


@pytest.mark.parametrize("times", [-1, True, "1", float("nan"), {"Endpoint": -1}, {"Model": 1}])
def test_impossible_times_are_configuration_errors(times: Any) -> None:
    with pytest.raises(ConfigurationError, match="transition_times"):
        LocalSageMaker(transition_times=times)


def test_impossible_steps_and_failures_are_configuration_errors() -> None:
    local = LocalSageMaker(stepped_clock=True)
    with pytest.raises(ConfigurationError, match="can only advance the clock"):
        local.step(-1)
    with pytest.raises(ConfigurationError, match="fail_next takes one of CreateEndpoint"):
        local.fail_next("ListEndpoints")
    with pytest.raises(ConfigurationError, match="does not support the operation 'CreateNothing'"):
        local.refuse_next("CreateNothing", "AccessDeniedException")
    with pytest.raises(ConfigurationError, match="a model must be"):
        local.add_model("m", 1)  # type: ignore[arg-type]


def endpoint(*weights: float) -> Endpoint:
    variants = tuple([Variant(chr(97 + place), None, weight) for place, weight in enumerate(weights)])
    return Endpoint("e", Deployment(variants=variants, async_output="s3://b/o", async_failure="s3://b/f"))


@pytest.mark.parametrize(
    ("weights", "order"),
    [((1,), "aaa"), ((1, 1), "abab"), ((3, 1), "aabaaaba"), ((1, 0), "aaa"), ((0, 2), "bbb"), ((0, 0), "aa")],
)
def test_requests_are_spread_by_weight_in_an_order_that_is_always_the_same(
    weights: tuple[float, ...], order: str
) -> None:
    spread = endpoint(*weights)
    assert "".join([spread.next_variant().name for _ in order]) == order


def test_shares_go_on_over_a_change_of_weights() -> None:
    spread = endpoint(1, 1)
    assert spread.next_variant().name == "a"
    spread.deployment = endpoint(1, 5).deployment
    assert [spread.next_variant().name for _ in range(3)] == ["b", "b", "b"]


def test_botocore_is_not_imported_before_the_control_plane_is_called() -> None:
    code = (
        "import sys\n"
        "from sagemaker_async.local import LocalSageMaker\n"
        "with LocalSageMaker.in_thread() as local:\n"
        "    local.add_endpoint('echo', lambda body: body)\n"
        "sys.exit('botocore' if 'botocore' in sys.modules else None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
