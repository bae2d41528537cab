"""The run as an SVG: a panel per load, a bar per target, CPU time on a logarithmic axis."""

import math
from collections.abc import Iterator
from html import escape
from typing import Any

from benchmarks.loads import Load
from benchmarks.report.summary import Cost, Summary

_WIDTH, _LEFT, _RIGHT = 860, 130, 90
_PLOT = _WIDTH - _LEFT - _RIGHT
_BAR, _GAP = 20, 8
_TITLE, _AXIS = 34, 34  # heights above and below the bars of a panel
_HEAD = 56
_OURS, _THEIRS, _INK, _FAINT = "#d97706", "#94a3b8", "#1e293b", "#e2e8f0"
_STYLE = (
    f"text{{font:13px system-ui,sans-serif;fill:{_INK}}}"
    ".s{font-size:11px;fill:#64748b}.b{font-weight:bold}"
)


def draw(summary: Summary, loads: list[Load], machine: dict[str, Any]) -> str:
    """Return the picture's text."""
    parts = [
        _text(16, 24, "CPU time per unit of work (logarithmic): less is better", style="b"),
        _text(16, 42, "{processor}, {system}, {at}".format_map(machine), style="s"),
    ]
    top = _HEAD
    for load in loads:
        costs = [cost for cost in summary.of_load(load.name) if math.isfinite(cost.cpu)]
        if costs:
            parts += _panel(load, costs, top)
            top += _height(costs)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}">'
        f'<style>{_STYLE}</style><rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _height(costs: list[Cost]) -> int:
    return _TITLE + len(costs) * (_BAR + _GAP) + _AXIS


def _panel(load: Load, costs: list[Cost], top: int) -> Iterator[str]:
    low, high = _decades(costs)
    bars_top, bottom = top + _TITLE, top + _height(costs) - _AXIS
    yield _text(16, top + 22, f"{load.title}: us per {load.unit}")
    for decade in range(low, high + 1):
        x = _x(10.0**decade, low, high)
        yield f'<path d="M{x:.1f} {bars_top}V{bottom}" stroke="{_FAINT}"/>'
        yield _text(x, bottom + 14, f"{10.0**decade:,g}", style="s", anchor="middle")
    for place, cost in enumerate(costs):
        yield from _bar(cost, bars_top + place * (_BAR + _GAP), _x(cost.cpu, low, high))


def _bar(cost: Cost, y: int, end: float) -> Iterator[str]:
    middle = y + _BAR - 6
    colour = _OURS if "gateway" in cost.target else _THEIRS
    yield _text(_LEFT - 8, middle, cost.target, anchor="end")
    yield (f'<rect x="{_LEFT}" y="{y}" width="{end - _LEFT:.1f}" height="{_BAR}" fill="{colour}"/>')
    yield _text(end + 6, middle, f"{cost.cpu:,.1f}")


def _decades(costs: list[Cost]) -> tuple[int, int]:
    """Return the powers of ten that hold all the bars."""
    values = [max(cost.cpu, 0.01) for cost in costs]
    low = math.floor(math.log10(min(values)))
    return low, max(low + 1, math.ceil(math.log10(max(values))))


def _x(value: float, low: int, high: int) -> float:
    return _LEFT + _PLOT * (math.log10(max(value, 10.0**low)) - low) / (high - low)


def _text(x: float, y: float, text: str, *, style: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" class="{style}">{escape(text)}</text>'
