"""Fault scripts: what they hold, the order in which it is consumed, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from sagemaker_async.errors import ConfigurationError
from sagemaker_async.local.faults import (
    CutFrame,
    DropConnection,
    Fault,
    FaultScript,
    InStreamError,
    PartSize,
    Reset,
    SlowFirstByte,
    Stall,
    Status,
    TcpWrites,
    Throttle,
    UnknownEvent,
    UnmodeledError,
    WrongChecksum,
)


def test_entries_are_consumed_in_order_and_then_all_is_well() -> None:
    script = FaultScript()
    script.append(Throttle())
    script.extend([None, (PartSize(1), TcpWrites(2))])
    assert len(script) == 3
    assert [script.next().faults for _ in range(4)] == [(Throttle(),), (), (PartSize(1), TcpWrites(2)), ()]


def test_always_acts_when_the_entries_are_used_up() -> None:
    script = FaultScript()
    script.always(Throttle())
    script.append(None)
    assert [script.next().faults for _ in range(3)] == [(), (Throttle(),), (Throttle(),)]
    script.always(None)
    assert script.next().faults == ()


def test_clear_forgets_entries_and_always() -> None:
    script = FaultScript()
    script.append(Throttle())
    script.always(Throttle())
    script.clear()
    assert (len(script), script.next().faults) == (0, ())


@pytest.mark.parametrize("entry", ["Throttle", Throttle, (Throttle(), None)])
def test_what_is_not_a_fault_is_refused_when_it_is_added(entry: object) -> None:
    with pytest.raises(ConfigurationError, match="faults, tuples of faults and None"):
        FaultScript().append(entry)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Status(200),
        lambda: SlowFirstByte(-1),
        lambda: SlowFirstByte(math.nan),
        lambda: Reset("later"),  # type: ignore[arg-type]
        lambda: PartSize(0),
        lambda: TcpWrites(True),
        lambda: Stall(-1),
        lambda: DropConnection(-1),
        lambda: CutFrame(keep=0),
        lambda: CutFrame(-1),
        lambda: WrongChecksum(part=0),
        lambda: WrongChecksum(which="both"),  # type: ignore[arg-type]
        lambda: InStreamError(after_parts=-1),
        lambda: UnmodeledError(after_parts=-1),
        lambda: UnknownEvent(after_parts=-1),
    ],
)
def test_a_fault_out_of_range_is_refused(make: Callable[[], Fault]) -> None:
    with pytest.raises(ConfigurationError):
        make()


def test_faults_with_a_place_are_ordered_by_it_and_the_end_comes_last() -> None:
    script = FaultScript()
    end, second, start = InStreamError(), UnknownEvent(after_parts=2), Stall(after_parts=0)
    script.append((end, PartSize(1), second, Stall(), start))
    assert script.next().positioned() == [start, second, end]


def test_faults_are_values() -> None:
    assert Stall(after_parts=1) == Stall(after_parts=1)
    assert len({Reset(), Reset("before_read"), CutFrame(), CutFrame(1)}) == 2
    assert repr(Stall(after_parts=1)) == "Stall(after_parts=1)"


def test_a_body_in_the_place_of_the_code_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="body="):
        Status(503, b"down")  # type: ignore[arg-type]
