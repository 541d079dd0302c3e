"""``python -m benchmarks``: runs the suites side by side; writes a table, JSON and charts. See README.md."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from importlib import import_module, metadata
from pathlib import Path

from .guard import regressions, store
from .measure import HERE, Result, Run, available, canned_server, loops_there_are
from .report import as_json, charts, tables
from .suites import SUITES
from .targets import standings

PACKAGES = ("sagemaker-async", "aiohttp", "pydantic", "botocore", "aiobotocore", "boto3", "uvloop")


def main() -> None:
    """Run what the command line asks for."""
    options = _options()
    loops = loops_there_are() if options.loops is None else tuple(options.loops.split(","))
    results: list[Result] = []
    begun = time.time()
    with canned_server() as server:
        rounds, scale = (options.rounds or 2, 0.1) if options.quick else (options.rounds or 5, options.scale)
        run = Run(available(), server, rounds, scale, loops, options.only)
        for name in options.suites or SUITES:
            print(f"{name}: {SUITES[name]} ...", file=sys.stderr, flush=True)
            results += [result for result in import_module(f".suites.{name}", __package__).run(run) if result.values]
            _write(options.out, results, _conditions(run, begun))
    print(tables(results))
    if options.charts is not None:
        options.charts.mkdir(parents=True, exist_ok=True)
        for file, drawn in charts(results).items():
            (options.charts / file).write_text(drawn, encoding="utf-8")
    if options.store:
        store(standings(results))
    if options.check and (worse := regressions(standings(results))):
        sys.exit("worse than what is stored:\n  " + "\n  ".join(worse))


def _write(folder: Path, results: list[Result], conditions: dict[str, object]) -> None:
    """Write what there is so far, so that a run that is broken off leaves something."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(as_json(results, conditions), encoding="utf-8")
    (folder / "results.md").write_text(tables(results), encoding="utf-8")
    for file, drawn in charts(results).items():
        (folder / file).write_text(drawn, encoding="utf-8")


def _conditions(run: Run, begun: float) -> dict[str, object]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begun)),
        "minutes": round((time.time() - begun) / 60, 1),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "load": os.getloadavg()[0],
        "rounds": run.rounds,
        "scale": run.scale,
        "loops": run.loops,
        "versions": versions,
    }


def _options() -> argparse.Namespace:
    listed = "\n".join(f"  {name:14} {what}" for name, what in SUITES.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"Run benchmarks, all of them or these:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="which to run; all when none is named")
    parser.add_argument("--rounds", type=int, help="interleaved rounds, whose medians are compared (5)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the operations of a round (1.0)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the operations, two rounds: does it run?")
    parser.add_argument("--loops", help="asyncio, uvloop or both, with a comma (all there are)")
    parser.add_argument("--only", default="", metavar="TEXT", help="leave out results without this in their names")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="where results go (benchmarks/results)")
    parser.add_argument("--charts", type=Path, help="write the charts here as well: benchmarks/charts is committed")
    parser.add_argument("--store", action="store_true", help="store the ratios of the targets, for --check")
    parser.add_argument("--check", action="store_true", help="fail when a ratio lies above its stored spread")
    options = parser.parse_args()
    if unknown := sorted(set(options.suites) - set(SUITES)):
        parser.error(f"there is no suite {', '.join(unknown)}; there are {', '.join(SUITES)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


if __name__ == "__main__":
    main()
