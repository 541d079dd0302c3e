"""What is made of results: tables with ratios in Markdown, JSON, and bar charts in SVG.

Pure: values in, text out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import NamedTuple
from xml.sax.saxutils import escape

from .measure import TLS, Ratio, Result
from .targets import standings

__all__ = ["Panel", "as_json", "charts", "shown", "svg", "tables"]

_BYTES = {"growth", "rss", "memory"}
_COUNTS = {"modules"}
_RATES = {"throughput"}
_SHARES = {"share"}
_TITLES = {
    "cpu": "CPU", "throughput": "per second", "p50": "p50", "p90": "p90", "p99": "p99", "head_p50": "p50 of the head",
    "growth": "growth of the peak",
    "rss": "RSS", "memory": "memory per stream", "wall": "time", "modules": "modules", "first": "CPU of the first",
    "first_wall": "time of the first", "gap": "longest stall", "alone": "alone, over a stub",
}  # fmt: skip


def shown(measurement: str, value: float) -> str:
    """Return a value with its unit, in three digits or so."""
    if measurement in _BYTES:
        return f"{value / 2**20:.1f} MiB" if value >= 2**20 else f"{value / 1024:.1f} KiB"
    if measurement in _COUNTS:
        return f"{value:.0f}"
    if measurement in _RATES:
        return f"{value:,.0f}"
    if value >= 10_000:
        return f"{value / 1000:.1f} ms"
    if measurement in _SHARES:
        return f"{value:.1%}"
    return f"{value / 1000:.2f} ms" if value >= 1000 else f"{value:.3g} µs"


def tables(results: Iterable[Result]) -> str:
    """Return a Markdown table of each result, with the ratio of ours to each contestant, and the targets."""
    parts: list[str] = []
    measured = list(results)
    for result in measured:
        names = list(dict.fromkeys(name for values in result.values.values() for name in values))
        titles = [f"CPU per {result.unit}" if name == "cpu" else _TITLES.get(name, name) for name in names]
        leading = next((name for name in ("cpu", "gap", "p50", "wall") if name in names), names[0] if names else "cpu")
        compared = ["ours is"] if "ours" in result.values else []
        lines = [
            f"### {result.suite}: {result.name}",
            "",
            _row(["", *titles, *compared]),
            _row(["---", *["---:"] * len([*titles, *compared])]),
        ]
        for contestant, values in result.values.items():
            cells = [shown(name, values[name]) if name in values else "" for name in names]
            if compared:
                ratio = result.ratio("ours", contestant, leading) if contestant != "ours" else None
                cells.append(_spread(ratio, 2) if ratio is not None else "")
            lines.append(_row([contestant, *cells]))
        parts.append("\n".join(lines))
    if rows := standings(measured):
        lines = ["### Targets", "", _row(["", "as a multiple of", "must", "aim", "is", ""])]
        lines.append(_row(["---", "---", "---:", "---:", "---:", "---"]))
        for row in rows:
            target = row.target
            what = f"{target.suite}: {row.name}, {_TITLES.get(target.measurement, target.measurement)}"
            what += f", {target.contestant}"
            aim = f"{target.aim:.2f}" if target.aim is not None else ""
            lines.append(_row([what, target.baseline, f"{target.limit:.2f}", aim, _spread(row.ratio, 3), row.verdict]))
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _spread(ratio: Ratio, digits: int) -> str:
    """Return a ratio, and between what the middle half of its rounds lie."""
    value, low, high = (f"{number:.{digits}f}" for number in ratio)
    return f"{value} × ({low} to {high})"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def as_json(results: Iterable[Result], conditions: dict[str, object]) -> str:
    """Return results, the targets and the conditions they were measured under, as JSON."""
    measured = list(results)
    reached = [
        {**row.target._asdict(), "name": row.name, "ratio": row.ratio.value, "verdict": row.verdict}
        for row in standings(measured)
    ]
    content = {"conditions": conditions, "results": [asdict(result) for result in measured], "targets": reached}
    return json.dumps(content, indent=2) + "\n"


class Panel(NamedTuple):
    """One group of bars."""

    title: str
    measurement: str
    bars: list[tuple[str, float]]
    """Contestant and value."""


_CHARTS: dict[str, list[tuple[str, str, str, str]]] = {
    "overview": [
        ("invoke", TLS + "300 B, 32 at once, asyncio", "cpu", "CPU per prediction over TLS (300 B, 32 at once)"),
        (
            "stream",
            TLS + "100 B parts, 1 a chunk, asyncio",
            "cpu",
            "CPU per event over TLS (100 B, one per chunk)",
        ),
        (
            "stream",
            TLS + "100 B parts, 10 a chunk, asyncio",
            "cpu",
            "CPU per event over TLS (100 B, ten per chunk)",
        ),
        ("slow_streams", TLS + "1000 streams, asyncio", "memory", "Memory per open TLS stream (1,000 of them)"),
        ("cold_start", TLS + "explicit", "wall", "Fresh process to first answer over TLS"),
    ],
    "throughput": [
        (
            "invoke",
            f"{TLS}300 B, {count} at once, asyncio",
            "throughput",
            f"Calls a second over TLS, 300 B, {count} at once",
        )
        for count in (1, 32, 256)
    ],
    "latency": [
        (
            "invoke",
            TLS + "300 B, 1 at once, asyncio",
            "p50",
            "Latency of a call over TLS, 300 B, one at a time: p50",
        ),
        ("invoke", TLS + "300 B, 1 at once, asyncio", "p99", "p99"),
        (
            "first_event",
            TLS + "model takes 0 ms, asyncio",
            "p50",
            "First event over TLS, model takes no time: p50",
        ),
    ],
    "tokens": [
        ("tokens", f"{dialect}, 10 a chunk, asyncio", "cpu", f"CPU per token: {dialect}")
        for dialect in ("openai-chat", "tgi", "lmi", "raw")
    ],
}
"""Chart to its panels: suite, how the result's name begins, measurement, title."""


def charts(results: Iterable[Result]) -> dict[str, str]:
    """Return the charts that results have something for: file name to SVG."""
    measured = list(results)
    drawn: dict[str, str] = {}
    for name, wanted in _CHARTS.items():
        panels: list[Panel] = []
        for suite, begins, measurement, title in wanted:
            for result in measured:
                if result.suite != suite or not result.name.startswith(begins):
                    continue
                bars = [(who, values[measurement]) for who, values in result.values.items() if measurement in values]
                if bars:
                    panels.append(Panel(title, measurement, bars))
        if panels:
            drawn[f"{name}.svg"] = svg(panels)
    return drawn


_STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 14px }
.value { fill: #57606a; font-variant-numeric: tabular-nums }
.bar { fill: #afb8c1 } .ours { fill: #0969da } .track { fill: #f0f2f4 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .value { fill: #9198a1 }
  .bar { fill: #59636e } .ours { fill: #58a6ff } .track { fill: #21262d }
}
"""
_WIDTH, _LABELS, _VALUES, _ROW, _TITLE, _GAP = 760, 190, 100, 24, 28, 18


def svg(panels: Sequence[Panel], format_value: Callable[[str, float], str] = shown) -> str:
    """Return panels of horizontal bars, one below the other; colours follow the reader's light or dark scheme."""
    body: list[str] = []
    y = 4
    widest = _WIDTH - _LABELS - _VALUES
    for panel in panels:
        body.append(f'<text class="title" x="0" y="{y + 16}">{escape(panel.title)}</text>')
        y += _TITLE
        most = max(value for _, value in panel.bars) or 1
        for name, value in panel.bars:
            length = max(2.0, widest * value / most)
            kind = "ours" if name == "ours" else "bar"
            label = "sagemaker_async" if name == "ours" else name
            shown_value = escape(format_value(panel.measurement, value))
            body += [
                f'<text x="{_LABELS - 10}" y="{y + 16}" text-anchor="end">{escape(label)}</text>',
                f'<rect class="track" x="{_LABELS}" y="{y + 4}" width="{widest}" height="16" rx="3"/>',
                f'<rect class="{kind}" x="{_LABELS}" y="{y + 4}" width="{length:.1f}" height="16" rx="3"/>',
                f'<text class="value" x="{_WIDTH}" y="{y + 16}" text-anchor="end">{shown_value}</text>',
            ]
            y += _ROW
        y += _GAP
    height = y - _GAP + 4
    title = escape("; ".join(panel.title for panel in panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img">\n<title>{title}</title>\n<style>{_STYLE}</style>\n' + "\n".join(body) + "\n</svg>\n"
    )
