"""Where the time goes: of a prediction, of the first event of a stream, and of a cold start.

The first two are cut off at several depths, each depth a contestant of its own; what lies between two of them is a
layer. A layer of a prediction is measured twice: between socket and caller, and alone, over a stub that answers at
once. Alone it takes less, because there the processor's caches hold nothing else.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from dataclasses import replace

from benchmarks.measure import Result, Run, compare, output_of, worker

from .cold_start import PROGRAMS

__all__ = ["run"]

AIOHTTP, SAME_HEAD, RAW = "aiohttp", "aiohttp, our header fields", "raw socket"
READY, SIGNED = "transport", "transport, signed"
PIPELINE, CLIENT, OURS = "pipeline", "client", "ours"
CUT_OFF = {
    AIOHTTP: "bare_aiohttp",
    SAME_HEAD: "layers:aiohttp_same_head",
    RAW: "raw_socket",
    READY: "layers:ready",
    SIGNED: "layers:signed",
    PIPELINE: "layers:sent",
    CLIENT: "layers:checked",
    OURS: "ours",
}
"""Cut-off points, from the socket upwards but for aiohttp's own client, and what measures them."""
STUBBED = {
    READY: "layers:stubbed_ready",
    SIGNED: "layers:stubbed_signed",
    PIPELINE: "layers:stubbed_sent",
    CLIENT: "layers:stubbed_checked",
    OURS: "layers:stubbed_predicted",
}
SIGNATURE = "signature"
TRANSPORT = "transport, with aiohttp's connections"
CALL_BOTTOM, STREAM_BOTTOM = "kernel, event loop (raw socket)", "transport, with event loop and kernel"
CALL_LAYERS = {
    TRANSPORT: (READY, RAW),
    SIGNATURE: (SIGNED, READY),
    "attempts, accounts, metadata": (PIPELINE, SIGNED),
    "checks, building the request": (CLIENT, PIPELINE),
    "predictor: fields, serializer, deserializer": (OURS, CLIENT),
}
"""Layer to the cut-off points above and below it."""
STREAM_LAYERS = {
    SIGNATURE: (SIGNED, READY),
    "checks, attempts, decoder": (CLIENT, SIGNED),
    "PredictionStream": (OURS, CLIENT),
}
FLOOR = "to compare: bare aiohttp, and a signature"
SHOWN_FUNCTIONS = 15

STARTED = ("ours", "aiohttp + pydantic", "aiohttp + a pydantic model")
"""Programs of the suite `cold_start`."""
_BEGIN = "import os, sys, time\nos.dup2(1, 2)\nprint(time.monotonic(), flush=True)\n"
"""What is imported before, site and the like, is the interpreter's own start."""
_END = "\nprint(time.monotonic())\n"
_imported = re.compile(r"import time: +(\d+) \| +\d+ \| +(\S+)").findall
INTERPRETER, STDLIB, RUNNING, ALL = "the interpreter's start", "standard library, other", "running", "all"
_AIOHTTP, _PYDANTIC = "aiohttp and its dependencies", "pydantic and its dependencies"
_DEPENDENCIES = {
    "aiohttp": _AIOHTTP, "aiohappyeyeballs": _AIOHTTP, "aiosignal": _AIOHTTP, "attr": _AIOHTTP, "attrs": _AIOHTTP,
    "frozenlist": _AIOHTTP, "idna": _AIOHTTP, "multidict": _AIOHTTP, "propcache": _AIOHTTP, "yarl": _AIOHTTP,
    "pydantic": _PYDANTIC, "pydantic_core": _PYDANTIC, "annotated_types": _PYDANTIC, "typing_extensions": _PYDANTIC,
    "typing_inspection": _PYDANTIC,
}  # fmt: skip
SMALL_ROOM = 1000
"""Microseconds; rooms of ours below this are added up."""


def run(run: Run) -> list[Result]:
    """Return cut-off points and layers of a call and of a first event, own times, and imports by package."""
    call = {"kind": "invoke", "endpoint": "r300-d0", "body": 300, "concurrency": 32, "connections": 100}
    calls = {**call, "operations": run.operations(4000, 32)}
    points = Result("profile", "300 B, 32 at once", "call")
    _measure(run, points, CUT_OFF, calls, cpu="cpu")
    _measure(run, points, STUBBED, calls, cpu="alone")
    first = {"kind": "first", "endpoint": "s2-b100-c1-i0-d0", "operations": run.operations(1000, 5)}
    events = Result("profile", "first event, model takes 0 ms", "stream")
    depths = {name: point for name, point in CUT_OFF.items() if name not in (RAW, PIPELINE)}
    _measure(run, events, depths, first, p50="p50")
    return [
        points,
        _layers(points, (CALL_BOTTOM, RAW), CALL_LAYERS, "cpu"),
        *_own_times(run, calls),
        events,
        _layers(events, (STREAM_BOTTOM, READY), STREAM_LAYERS, "p50"),
        _cold_start(run),
    ]


def _measure(run: Run, result: Result, points: dict[str, str], scenario: dict[str, object], **wanted: str) -> None:
    """Measure cut-off points and keep what is wanted of their measurements, under the names it is wanted under."""
    commands = {name: worker(contestant) for name, contestant in points.items()}
    name = f"{result.name}, {', '.join(wanted.values())}"
    measured = compare(replace(run, commands=commands), Result(result.suite, name, result.unit), points, scenario)
    for point, values in measured.values.items():
        result.add(point, {given: values[measurement] for measurement, given in wanted.items()})


def _layers(points: Result, bottom: tuple[str, str], layers: dict[str, tuple[str, str]], measurement: str) -> Result:
    """Return the layers between cut-off points, on top of what is below all of them, its name and its point.

    A difference that noise makes negative counts as nothing.
    """
    result = Result("profile", f"{points.name}, by layer", points.unit)
    total = points.values[OURS][measurement]

    def between(above: str, below: str, kind: str) -> float:
        return max(0.0, points.values[above][kind] - points.values[below][kind])

    def add(layer: str, above: str, below: str) -> None:
        took = between(above, below, measurement)
        values = {measurement: took, "share": took / total}
        if "alone" in points.values[below]:
            values["alone"] = between(above, below, "alone")
        result.add(layer, values)

    name, lowest = bottom
    took = points.values[lowest][measurement]
    result.add(name, {measurement: took, "share": took / total})
    for layer, (above, below) in layers.items():
        add(layer, above, below)
    add("ours without its transport", OURS, READY)
    signature = result.values[SIGNATURE]
    floor = points.values[AIOHTTP][measurement] + signature.get("alone", signature[measurement])
    result.add(FLOOR, {measurement: floor, "share": floor / total})
    return result


def _own_times(run: Run, scenario: dict[str, object]) -> list[Result]:
    print("  own times", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks.own_time", "ours", run.url, json.dumps(scenario)]
    packages, functions = json.loads(output_of(command))
    results: list[Result] = []
    for what, shares in (("package", packages), ("function", dict(list(functions.items())[:SHOWN_FUNCTIONS]))):
        values = {name: {"share": share} for name, share in shares.items() if share >= 0.005}
        results.append(Result("profile", f"300 B, 32 at once, own time under cProfile by {what}", "call", values))
    return results


def _cold_start(run: Run) -> Result:
    """Return what each package takes to be imported, of the fastest of several processes."""
    result = Result("profile", "cold start, -X importtime", "process")
    print(f"  {result.name}", file=sys.stderr, flush=True)
    least: dict[str, Counter[str]] = {}
    for turn in range(run.rounds + 1):
        for program in STARTED:
            took = _start(PROGRAMS[program], run.url)
            # In the first, modules are compiled.
            if turn and (program not in least or took.total() < least[program].total()):
                least[program] = took
    for row in sorted(set[str]().union(*least.values()), key=_place):
        result.add(row, {program: took[row] for program, took in least.items() if row in took})
    result.add(ALL, {program: took.total() for program, took in least.items()})
    return result


def _start(program: str, url: str) -> Counter[str]:
    """Return what one process takes, in microseconds: to start, to import each package, and to run."""
    command = [sys.executable, "-X", "importtime", "-c", _BEGIN + program + _END, url]
    started = time.monotonic()
    output = output_of(command)
    begun, ended = (float(line) for line in output.splitlines() if line[:1].isdigit())
    imported: Counter[str] = Counter()
    for own, module in _imported(output):
        imported[_package_of(module)] += int(own)
    took = Counter({INTERPRETER: int((begun - started) * 1e6)})
    for package, own in imported.items():
        is_small = package.startswith("sagemaker_async") and own < SMALL_ROOM
        took["sagemaker_async, its small modules" if is_small else package] += own
    took[RUNNING] = max(0, int((ended - begun) * 1e6) - imported.total())
    return took


def _package_of(module: str) -> str:
    top, *rest = module.split(".")
    if top == "sagemaker_async":
        return ".".join([top, *rest[:1]])
    return _DEPENDENCIES.get(top, STDLIB)


def _place(row: str) -> tuple[int, str]:
    """Return what rows are sorted by: from the interpreter's start to what runs when all is imported."""
    fixed = (INTERPRETER, STDLIB)
    return (fixed.index(row) if row in fixed else 4 if row == RUNNING else 2 + row.startswith("sagemaker_async"), row)
