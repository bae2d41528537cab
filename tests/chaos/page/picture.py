"""The timeline as an SVG: faults, health, incidents and their rungs, failed requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape

from chaos.page.mix import Span, Timeline

_WIDTH, _LEFT, _RIGHT = 1000, 120, 20
_ROWS = {"faults": 20, "endpoint": 92, "incidents": 132, "rungs": 172, "failed a minute": 212}
_BAR, _CHART, _BOTTOM = 20, 60, 316
_TALL = 62.0  # requests of a minute, and a little room
_STYLE = """
svg { color-scheme: light dark; font: 12px system-ui, sans-serif; }
text { fill: #1f2933; } .quiet { fill: #52606d; }
.page { fill: #ffffff; } .line { stroke: #cbd2d9; } .ok { fill: #2f8f5b; } .down { fill: #c5362e; }
.incident { fill: #8a6d1d; } .rung { fill: #2f6db3; } .on { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb; } .quiet { fill: #9aa5b1; }
  .page { fill: #14181d; } .line { stroke: #3e4c59; }
  .ok { fill: #3aa76d; } .down { fill: #e5534b; }
  .incident { fill: #b8942e; } .rung { fill: #4a90d9; } .on { fill: #ffffff; }
}"""


def drawn(timeline: Timeline) -> str:
    """Return the whole SVG."""
    box = f"0 0 {_WIDTH} {_BOTTOM + 34}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img">',
        f"<title>{escape(_title(timeline))}</title><style>{_STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{_BOTTOM + 34}"/>',
        *(_text(8, y + 14, name, "quiet") for name, y in _ROWS.items()),
        *_hours(timeline),
        *_faults(timeline),
        *_health(timeline),
        *_spans(timeline, timeline.incidents, "incident", "incidents"),
        *_spans(timeline, timeline.rungs, "rung", "rungs"),
        *_failures(timeline),
        _text(_LEFT, _BOTTOM + 28, _title(timeline), "quiet"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _title(timeline: Timeline) -> str:
    failed, asked = len(timeline.failed), timeline.asked
    of = f"{failed:,} of {asked:,} requests failed"
    return f"{len(timeline.faults)} faults, seed {timeline.seed}: {of}"


def _hours(timeline: Timeline) -> Iterator[str]:
    for minute in range(0, int(timeline.seconds // 60) + 1, 15):
        x = _x(timeline, 60 * minute)
        yield f'<path class="line" d="M{x} 14V{_BOTTOM - 18}"/>'
        yield _text(x, _BOTTOM, f"{minute // 60}:{minute % 60:02}", "quiet", anchor="middle")


def _faults(timeline: Timeline) -> Iterator[str]:
    """Their names beside the moments, on three lines in turn."""
    for number, (at, name) in enumerate(timeline.faults):
        x, y = _x(timeline, at), _ROWS["faults"] + 22 * (number % 3)
        yield f'<path class="line" d="M{x} {y}V{_ROWS["endpoint"]}"/>'
        yield f'<circle class="down" cx="{x}" cy="{y + 4}" r="4"/>'
        yield _text(x + 8, y + 8, name)


def _health(timeline: Timeline) -> Iterator[str]:
    y = _ROWS["endpoint"]
    yield _bar(timeline, Span("it serves", 0, timeline.seconds), "ok", y)
    for span in outages(timeline):
        yield _bar(timeline, span, "down", y)


def outages(timeline: Timeline) -> list[Span]:
    """Return the times without an answer: failed requests in a row are one."""
    spans: list[Span] = []
    for at in timeline.failed:
        if spans and at - spans[-1].end < 1.5:
            spans[-1] = Span("no answer", spans[-1].begin, at + 1)
        else:
            spans.append(Span("no answer", at, at + 1))
    return spans


def _spans(timeline: Timeline, spans: tuple[Span, ...], kind: str, row: str) -> Iterator[str]:
    for span in spans:
        yield _bar(timeline, span, kind, _ROWS[row])
        word = span.what.partition(":")[0]
        x, end = _x(timeline, span.begin), _x(timeline, span.end)
        if end - x > 7 * len(word) + 6:
            yield _text(x + 4, _ROWS[row] + 14, word, "on")


def _failures(timeline: Timeline) -> Iterator[str]:
    minutes = Counter(int(at // 60) for at in timeline.failed)
    for minute, count in sorted(minutes.items()):
        x, end = _x(timeline, 60 * minute), _x(timeline, 60 * minute + 60)
        tall = round(_CHART * count / _TALL, 1)
        top = round(_ROWS["failed a minute"] + _CHART - tall, 1)
        yield _rect(x, top, end - x, tall, "down", f"{count} failed")


def _bar(timeline: Timeline, span: Span, kind: str, y: int) -> str:
    x, end = _x(timeline, span.begin), _x(timeline, span.end)
    said = f"{span.what}, {span.end - span.begin:.0f} s"
    return _rect(x, y, max(1.5, end - x), _BAR, kind, said)


def _rect(x: float, y: float, width: float, height: float, kind: str, said: str) -> str:
    size = f'x="{x}" y="{y}" width="{round(width, 1)}" height="{height}"'
    return f'<rect class="{kind}" {size}><title>{escape(said)}</title></rect>'


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _x(timeline: Timeline, seconds: float) -> float:
    return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * seconds / timeline.seconds, 1)
